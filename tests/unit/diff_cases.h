/* The table of small functions, at least one for every op, whose derivatives test_diff_ops.c checks. */
#ifndef DIFF_CASES_H
#define DIFF_CASES_H

#include "graph/graph.h"

/* y as a function of up to three leaves. */
typedef ho_node (*builder)(ho_graph *graph, uint32_t op, const ho_node *x);

static ho_node build_identity(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)graph;
    (void)op;
    return x[0];
}

static ho_node build_const(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_binary(graph, HO_OP_MUL, x[0], ho_node_fill(graph, ho_graph_at(graph, x[0])->shape, 3));
}

static ho_node build_iota(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_binary(graph, HO_OP_MUL, x[0], ho_node_iota(graph, ho_graph_at(graph, x[0])->shape.dims[0]));
}

static ho_node build_unary(ho_graph *graph, uint32_t op, const ho_node *x)
{
    return ho_node_unary(graph, op, x[0]);
}

static ho_node build_stop(ho_graph *graph, uint32_t op, const ho_node *x)
{
    return ho_node_binary(graph, HO_OP_MUL, x[0], ho_node_unary(graph, op, x[1]));
}

static ho_node build_binary(ho_graph *graph, uint32_t op, const ho_node *x)
{
    return ho_node_binary(graph, op, x[0], x[1]);
}

static ho_node build_twice(ho_graph *graph, uint32_t op, const ho_node *x)
{
    return ho_node_binary(graph, op, x[0], x[0]);
}

static ho_node build_power(ho_graph *graph, uint32_t op, const ho_node *x)
{
    return ho_node_binary(graph, op, x[0], ho_node_const(graph, 2.5));
}

static ho_node build_select(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_select(graph, ho_node_binary(graph, HO_OP_LESS, x[0], ho_node_const(graph, 0)), x[1], x[2]);
}

static ho_node build_reduce_last(ho_graph *graph, uint32_t op, const ho_node *x)
{
    return ho_node_reduce(graph, op, x[0], 1, 1);
}

static ho_node build_reduce_middle(ho_graph *graph, uint32_t op, const ho_node *x)
{
    return ho_node_reduce(graph, op, x[0], 3, 2);
}

static ho_node build_reduce_first(ho_graph *graph, uint32_t op, const ho_node *x)
{
    return ho_node_reduce(graph, op, x[0], ho_graph_at(graph, x[0])->shape.rank, 1);
}

static ho_node build_reduce_all(ho_graph *graph, uint32_t op, const ho_node *x)
{
    int64_t rank = ho_graph_at(graph, x[0])->shape.rank;
    return ho_node_reduce(graph, op, x[0], rank, rank);
}

static ho_shape dims(int32_t rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return ho_shape_of(rank, (int64_t[]){a, b, c, d});
}

static ho_node build_flatten(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_reshape(graph, x[0], dims(1, ho_shape_count(&ho_graph_at(graph, x[0])->shape), 0, 0, 0));
}

static ho_node build_to_scalar(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_reshape(graph, x[0], ho_scalar_shape());
}

static ho_node build_expand(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    ho_shape shape = ho_graph_at(graph, x[0])->shape;
    for (int32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = shape.dims[i] == 1 ? 2 + i : shape.dims[i];
    return ho_node_expand(graph, x[0], shape.rank ? shape : dims(2, 2, 3, 0, 0));
}

static ho_node build_transpose(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_transpose(graph, x[0]);
}

static ho_node build_slice_last(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_slice(graph, x[0], 1, 1, 2);
}

static ho_node build_slice_other(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_slice(graph, x[0], 2, 0, 2);
}

static ho_node build_pad_last(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_pad(graph, x[0], 1, 1, 2);
}

static ho_node build_pad_other(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_pad(graph, x[0], 2, 0, 1);
}

static ho_node build_concat_last(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_concat(graph, x, 3, 1);
}

static ho_node build_concat_other(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_concat(graph, (ho_node[]){x[0], x[1], x[0], x[2]}, 4, 2);
}

static ho_node build_matmul(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_matmul(graph, x[0], x[1]);
}

/* 0, 0, 1, 1, 2: with repeats. */
static ho_node indices(ho_graph *graph)
{
    ho_node half = ho_node_binary(graph, HO_OP_MUL, ho_node_iota(graph, 5), ho_node_const(graph, 0.5));
    return ho_node_unary(graph, HO_OP_FLOOR, half);
}

static ho_node build_gather_last(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_gather(graph, x[0], indices(graph), 1);
}

static ho_node build_gather_other(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_gather(graph, x[0], indices(graph), 2);
}

static ho_node build_scatter_last(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_scatter(graph, x[0], indices(graph), 1, 4);
}

static ho_node build_scatter_other(ho_graph *graph, uint32_t op, const ho_node *x)
{
    (void)op;
    return ho_node_scatter(graph, x[0], indices(graph), 2, 3);
}

typedef struct {
    uint32_t op;
    builder build;
    const char *shapes; /* of the leaves: "23 () 1" is (2, 3), (), (1) */
    bool both;          /* leaves of both signs; else positive */
    unsigned constant;  /* bit i: leaf i is never differentiated */
} op_case;

static const op_case cases[] = {
    {HO_OP_LEAF, build_identity, "23", true, 0},
    {HO_OP_CONST, build_const, "23", true, 0},
    {HO_OP_IOTA, build_iota, "4", true, 0},
    {HO_OP_NEG, build_unary, "23", true, 0},
    {HO_OP_NEG, build_unary, "()", true, 0},
    {HO_OP_ABS, build_unary, "23", true, 0},
    {HO_OP_SIGN, build_unary, "23", true, 0},
    {HO_OP_EXP, build_unary, "23", true, 0},
    {HO_OP_EXP, build_unary, "()", true, 0},
    {HO_OP_EXPM1, build_unary, "23", true, 0},
    {HO_OP_LOG, build_unary, "23", false, 0},
    {HO_OP_LOG, build_unary, "()", false, 0},
    {HO_OP_LOG1P, build_unary, "23", true, 0},
    {HO_OP_SQRT, build_unary, "23", false, 0},
    {HO_OP_RSQRT, build_unary, "23", false, 0},
    {HO_OP_TANH, build_unary, "23", true, 0},
    {HO_OP_TANH, build_unary, "2123", true, 0},
    {HO_OP_SIN, build_unary, "23", true, 0},
    {HO_OP_COS, build_unary, "23", true, 0},
    {HO_OP_ERF, build_unary, "23", true, 0},
    {HO_OP_FLOOR, build_unary, "23", true, 0},
    {HO_OP_STOP, build_stop, "23 23", true, 2},
    {HO_OP_ADD, build_binary, "23 23", true, 0},
    {HO_OP_ADD, build_binary, "() 23", true, 0},
    {HO_OP_ADD, build_binary, "23 ()", true, 0},
    {HO_OP_ADD, build_binary, "() ()", true, 0},
    {HO_OP_SUB, build_binary, "23 23", true, 0},
    {HO_OP_SUB, build_binary, "() 23", true, 0},
    {HO_OP_SUB, build_binary, "23 ()", true, 0},
    {HO_OP_SUB, build_twice, "23", true, 0},
    {HO_OP_MUL, build_binary, "23 23", true, 0},
    {HO_OP_MUL, build_binary, "() 23", true, 0},
    {HO_OP_MUL, build_binary, "23 ()", true, 0},
    {HO_OP_MUL, build_binary, "() ()", true, 0},
    {HO_OP_MUL, build_twice, "23", true, 0},
    {HO_OP_MUL, build_twice, "()", true, 0},
    {HO_OP_DIV, build_binary, "23 23", true, 0},
    {HO_OP_DIV, build_binary, "() 23", true, 0},
    {HO_OP_DIV, build_binary, "23 ()", true, 0},
    {HO_OP_DIV, build_binary, "() ()", true, 0},
    {HO_OP_DIV, build_twice, "23", true, 0},
    {HO_OP_POW, build_binary, "23 23", false, 0},
    {HO_OP_POW, build_binary, "() 23", false, 0},
    {HO_OP_POW, build_binary, "23 ()", false, 0},
    {HO_OP_POW, build_binary, "() ()", false, 0},
    {HO_OP_POW, build_power, "23", false, 0},
    {HO_OP_POW, build_twice, "23", false, 0},
    {HO_OP_MAX, build_binary, "23 23", true, 0},
    {HO_OP_MAX, build_binary, "() 23", true, 0},
    {HO_OP_MAX, build_binary, "23 ()", true, 0},
    {HO_OP_MAX, build_binary, "() ()", true, 0},
    {HO_OP_MIN, build_binary, "23 23", true, 0},
    {HO_OP_MIN, build_binary, "() 23", true, 0},
    {HO_OP_MIN, build_binary, "23 ()", true, 0},
    {HO_OP_LESS, build_binary, "23 23", true, 0},
    {HO_OP_LESS_EQUAL, build_binary, "23 ()", true, 0},
    {HO_OP_EQUAL, build_binary, "23 23", true, 0},
    {HO_OP_SELECT, build_select, "23 23 23", true, 0},
    {HO_OP_SELECT, build_select, "() 23 23", true, 0},
    {HO_OP_SELECT, build_select, "23 () ()", true, 0},
    {HO_OP_SELECT, build_select, "() () 23", true, 0},
    {HO_OP_SELECT, build_select, "() 23 ()", true, 0},
    {HO_OP_SELECT, build_select, "() () ()", true, 0},
    {HO_OP_SUM, build_reduce_last, "23", true, 0},
    {HO_OP_SUM, build_reduce_middle, "2342", true, 0},
    {HO_OP_SUM, build_reduce_first, "234", true, 0},
    {HO_OP_SUM, build_reduce_all, "234", true, 0},
    {HO_OP_MAXIMUM, build_reduce_last, "23", true, 0},
    {HO_OP_MAXIMUM, build_reduce_middle, "2342", true, 0},
    {HO_OP_MAXIMUM, build_reduce_first, "234", true, 0},
    {HO_OP_MAXIMUM, build_reduce_all, "234", true, 0},
    {HO_OP_RESHAPE, build_flatten, "23", true, 0},
    {HO_OP_RESHAPE, build_flatten, "()", true, 0},
    {HO_OP_RESHAPE, build_to_scalar, "11", true, 0},
    {HO_OP_EXPAND, build_expand, "213", true, 0},
    {HO_OP_EXPAND, build_expand, "131", true, 0},
    {HO_OP_EXPAND, build_expand, "1121", true, 0},
    {HO_OP_EXPAND, build_expand, "()", true, 0},
    {HO_OP_TRANSPOSE, build_transpose, "23", true, 0},
    {HO_OP_TRANSPOSE, build_transpose, "423", true, 0},
    {HO_OP_SLICE, build_slice_last, "24", true, 0},
    {HO_OP_SLICE, build_slice_other, "342", true, 0},
    {HO_OP_PAD, build_pad_last, "23", true, 0},
    {HO_OP_PAD, build_pad_other, "232", true, 0},
    {HO_OP_CONCAT, build_concat_last, "22 21 23", true, 0},
    {HO_OP_CONCAT, build_concat_other, "223 233 213", true, 0},
    {HO_OP_MATMUL, build_matmul, "23 34", true, 0},
    {HO_OP_MATMUL, build_matmul, "423 34", true, 0},
    {HO_OP_MATMUL, build_matmul, "23 434", true, 0},
    {HO_OP_MATMUL, build_matmul, "423 432", true, 0},
    {HO_OP_GATHER, build_gather_last, "23", true, 0},
    {HO_OP_GATHER, build_gather_other, "232", true, 0},
    {HO_OP_SCATTER, build_scatter_last, "25", true, 0},
    {HO_OP_SCATTER, build_scatter_other, "252", true, 0},
};

#define CASES (sizeof cases / sizeof *cases)

#endif
