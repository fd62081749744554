/* The reference evaluator against values worked out by hand. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "exec/exec.h"

#define MOST 64

typedef struct {
    ho_error error;
    ho_graph *graph;
    ho_node leaf[2];
    double values[2][MOST];
    size_t count;
} bench;

static void setup(bench *b)
{
    memset(b, 0, sizeof *b);
    b->graph = ho_graph_new(&b->error);
}

static ho_shape dims(int32_t rank, int64_t a, int64_t b, int64_t c)
{
    return ho_shape_of(rank, (int64_t[]){a, b, c});
}

/* A leaf with entries first, first + 1, ... */
static ho_node counting(bench *b, ho_shape shape, double first)
{
    ho_node a = ho_node_leaf(b->graph, "x", shape);
    for (int64_t i = 0; i < ho_shape_count(&shape); i++)
        b->values[b->count][i] = first + (double)i;
    b->leaf[b->count++] = a;
    return a;
}

static ho_status run(bench *b, ho_precision precision, ho_node a, double *result, ho_node *bad)
{
    const double *values[] = {b->values[0], b->values[1]};
    return ho_reference_run(b->graph, precision, b->leaf, values, b->count, &a, &result, 1, bad, &b->error);
}

static void expect_values(bench *b, ho_node a, ho_shape shape, const double *want)
{
    double got[MOST] = {0};
    cr_assert_neq(a, HO_POISON, "%s", b->error.text);
    ho_shape made = ho_graph_at(b->graph, a)->shape;
    char text[2][HO_SHAPE_TEXT];
    cr_assert(ho_shape_equal(&made, &shape), "%s, not %s", ho_shape_print(&made, text[0]),
              ho_shape_print(&shape, text[1]));
    cr_assert_eq(run(b, HO_F64, a, got, NULL), HO_OK, "%s", b->error.text);
    for (int64_t i = 0; i < ho_shape_count(&shape); i++) {
        cr_expect_eq(got[i], want[i], "%s %s, entry %d: %g, not %g", ho_op_name(ho_graph_at(b->graph, a)->op),
                     ho_shape_print(&shape, text[0]), (int)i, got[i], want[i]);
    }
}

#define EXPECT(bench_, node, shape, ...) expect_values(bench_, node, shape, (const double[]){__VA_ARGS__})

Test(exec_reference, leaves_constants_and_iota)
{
    bench b;
    setup(&b);
    EXPECT(&b, counting(&b, dims(2, 2, 2, 0), 5), dims(2, 2, 2, 0), 5, 6, 7, 8);
    EXPECT(&b, ho_node_fill(b.graph, dims(1, 3, 0, 0), 2.5), dims(1, 3, 0, 0), 2.5, 2.5, 2.5);
    EXPECT(&b, ho_node_const(b.graph, -1), ho_scalar_shape(), -1);
    EXPECT(&b, ho_node_iota(b.graph, 4), dims(1, 4, 0, 0), 0, 1, 2, 3);
    ho_graph_free(b.graph);
}

Test(exec_reference, elementwise_with_operands_of_rank_0)
{
    bench b;
    setup(&b);
    ho_node x = counting(&b, dims(1, 3, 0, 0), -1), s = counting(&b, ho_scalar_shape(), 2);
    EXPECT(&b, ho_node_binary(b.graph, HO_OP_SUB, s, x), dims(1, 3, 0, 0), 3, 2, 1);
    EXPECT(&b, ho_node_binary(b.graph, HO_OP_DIV, x, s), dims(1, 3, 0, 0), -0.5, 0, 0.5);
    EXPECT(&b, ho_node_binary(b.graph, HO_OP_MUL, x, x), dims(1, 3, 0, 0), 1, 0, 1);
    EXPECT(&b, ho_node_binary(b.graph, HO_OP_LESS, x, ho_node_const(b.graph, 0)), dims(1, 3, 0, 0), 1, 0, 0);
    EXPECT(&b, ho_node_select(b.graph, x, s, x), dims(1, 3, 0, 0), 2, 0, 2);
    EXPECT(&b, ho_node_select(b.graph, s, x, s), dims(1, 3, 0, 0), -1, 0, 1);
    EXPECT(&b, ho_node_unary(b.graph, HO_OP_ABS, x), dims(1, 3, 0, 0), 1, 0, 1);
    ho_graph_free(b.graph);
}

Test(exec_reference, reductions)
{
    bench b;
    setup(&b);
    ho_node x = counting(&b, dims(3, 2, 2, 3), 0);
    EXPECT(&b, ho_node_reduce(b.graph, HO_OP_SUM, x, 1, 1), dims(2, 2, 2, 0), 3, 12, 21, 30);
    EXPECT(&b, ho_node_reduce(b.graph, HO_OP_SUM, x, 2, 1), dims(2, 2, 3, 0), 3, 5, 7, 15, 17, 19);
    EXPECT(&b, ho_node_reduce(b.graph, HO_OP_SUM, x, 3, 1), dims(2, 2, 3, 0), 6, 8, 10, 12, 14, 16);
    EXPECT(&b, ho_node_reduce(b.graph, HO_OP_SUM, x, 2, 2), dims(1, 2, 0, 0), 15, 51);
    EXPECT(&b, ho_node_reduce(b.graph, HO_OP_SUM, x, 3, 2), dims(1, 3, 0, 0), 18, 22, 26);
    EXPECT(&b, ho_node_sum_all(b.graph, x), ho_scalar_shape(), 66);
    ho_node negative = ho_node_unary(b.graph, HO_OP_NEG, x);
    EXPECT(&b, ho_node_reduce(b.graph, HO_OP_MAXIMUM, negative, 1, 1), dims(2, 2, 2, 0), 0, -3, -6, -9);
    EXPECT(&b, ho_node_reduce(b.graph, HO_OP_MAXIMUM, x, 3, 3), ho_scalar_shape(), 11);
    ho_graph_free(b.graph);
}

Test(exec_reference, rearrangements)
{
    bench b;
    setup(&b);
    ho_node x = counting(&b, dims(3, 2, 1, 3), 0), y = counting(&b, dims(3, 2, 2, 2), 10);
    EXPECT(&b, ho_node_reshape(b.graph, x, dims(2, 3, 2, 0)), dims(2, 3, 2, 0), 0, 1, 2, 3, 4, 5);
    EXPECT(&b, ho_node_expand(b.graph, x, dims(3, 2, 2, 3)), dims(3, 2, 2, 3), 0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5);
    EXPECT(&b, ho_node_transpose(b.graph, y), dims(3, 2, 2, 2), 10, 12, 11, 13, 14, 16, 15, 17);
    EXPECT(&b, ho_node_slice(b.graph, x, 1, 1, 2), dims(3, 2, 1, 2), 1, 2, 4, 5);
    EXPECT(&b, ho_node_slice(b.graph, y, 2, 1, 1), dims(3, 2, 1, 2), 12, 13, 16, 17);
    EXPECT(&b, ho_node_slice(b.graph, y, 3, 1, 1), dims(3, 1, 2, 2), 14, 15, 16, 17);
    EXPECT(&b, ho_node_pad(b.graph, x, 1, 1, 2), dims(3, 2, 1, 6), 0, 0, 1, 2, 0, 0, 0, 3, 4, 5, 0, 0);
    EXPECT(&b, ho_node_pad(b.graph, y, 2, 0, 1), dims(3, 2, 3, 2), 10, 11, 12, 13, 0, 0, 14, 15, 16, 17, 0, 0);
    ho_node z = ho_node_slice(b.graph, y, 1, 0, 1);
    EXPECT(&b, ho_node_concat(b.graph, (ho_node[]){y, z}, 2, 1), dims(3, 2, 2, 3), 10, 11, 10, 12, 13, 12, 14, 15, 14,
           16, 17, 16);
    z = ho_node_slice(b.graph, y, 2, 0, 1);
    EXPECT(&b, ho_node_concat(b.graph, (ho_node[]){z, y}, 2, 2), dims(3, 2, 3, 2), 10, 11, 10, 11, 12, 13, 14, 15, 14,
           15, 16, 17);
    ho_graph_free(b.graph);
}

Test(exec_reference, expand_of_rank_0_and_of_mixed_axes)
{
    bench b;
    setup(&b);
    ho_node s = counting(&b, ho_scalar_shape(), 4), x = counting(&b, dims(3, 1, 2, 1), 1);
    EXPECT(&b, ho_node_expand(b.graph, s, dims(2, 1, 3, 0)), dims(2, 1, 3, 0), 4, 4, 4);
    EXPECT(&b, ho_node_expand(b.graph, x, dims(3, 2, 2, 2)), dims(3, 2, 2, 2), 1, 1, 2, 2, 1, 1, 2, 2);
    ho_graph_free(b.graph);
}

Test(exec_reference, products)
{
    bench b;
    setup(&b);
    ho_node x = counting(&b, dims(3, 2, 1, 2), 1), y = counting(&b, dims(2, 2, 3, 0), 0);
    EXPECT(&b, ho_node_matmul(b.graph, x, y), dims(3, 2, 1, 3), 6, 9, 12, 12, 19, 26);
    ho_node flat = ho_node_reshape(b.graph, x, dims(2, 2, 2, 0));
    EXPECT(&b, ho_node_matmul(b.graph, flat, y), dims(2, 2, 3, 0), 6, 9, 12, 12, 19, 26);
    ho_node tall = ho_node_transpose(b.graph, x);
    EXPECT(&b, ho_node_matmul(b.graph, x, tall), dims(3, 2, 1, 1), 5, 25);
    EXPECT(&b, ho_node_matmul(b.graph, flat, tall), dims(3, 2, 2, 1), 5, 11, 11, 25);
    ho_graph_free(b.graph);
}

Test(exec_reference, gather_and_scatter)
{
    bench b;
    setup(&b);
    ho_node x = counting(&b, dims(2, 3, 2, 0), 0), at = counting(&b, dims(1, 3, 0, 0), 0);
    memcpy(b.values[1], (double[]){2, 0, 2}, 3 * sizeof(double));
    EXPECT(&b, ho_node_gather(b.graph, x, at, 2), dims(2, 3, 2, 0), 4, 5, 0, 1, 4, 5);
    EXPECT(&b, ho_node_scatter(b.graph, x, at, 2, 4), dims(2, 4, 2, 0), 2, 3, 0, 0, 4, 6, 0, 0);
    ho_node wide = ho_node_transpose(b.graph, x);
    EXPECT(&b, ho_node_gather(b.graph, wide, at, 1), dims(2, 2, 3, 0), 4, 0, 4, 5, 1, 5);
    EXPECT(&b, ho_node_scatter(b.graph, wide, at, 1, 3), dims(2, 2, 3, 0), 2, 0, 4, 3, 0, 6);
    ho_graph_free(b.graph);
}

Test(exec_reference, bad_indices_are_an_error)
{
    const double bad[] = {-1, 3, 0.5, NAN};
    for (int i = 0; i < 4; i++) {
        bench b;
        setup(&b);
        ho_node x = counting(&b, dims(1, 3, 0, 0), 0), at = counting(&b, dims(1, 2, 0, 0), 0);
        double got[2];
        b.values[1][1] = bad[i];
        cr_expect_eq(run(&b, HO_F64, ho_node_gather(b.graph, x, at, 1), got, NULL), HO_FAILED);
        cr_expect(strstr(b.error.text, "gather: index") && strstr(b.error.text, "position 1"), "%s", b.error.text);
        ho_graph_free(b.graph);
    }
}

Test(exec_reference, leaves_without_value_are_an_error)
{
    bench b;
    setup(&b);
    ho_node x = ho_node_leaf(b.graph, "momentum", ho_scalar_shape());
    double got;
    cr_expect_eq(run(&b, HO_F64, x, &got, NULL), HO_INVALID);
    cr_expect(strstr(b.error.text, "momentum"), "%s", b.error.text);
    ho_graph_free(b.graph);
}

Test(exec_reference, f32_rounds_tensors_and_not_numbers)
{
    bench b;
    setup(&b);
    ho_node x = counting(&b, dims(1, 2, 0, 0), 0.1), s = counting(&b, ho_scalar_shape(), 0.1);
    double got[2];
    cr_assert_eq(run(&b, HO_F32, x, got, NULL), HO_OK);
    cr_expect_eq(got[0], (double)0.1f);
    cr_assert_eq(run(&b, HO_F32, s, got, NULL), HO_OK);
    cr_expect_eq(got[0], 0.1);
    cr_assert_eq(run(&b, HO_F32, ho_node_binary(b.graph, HO_OP_MUL, x, s), got, NULL), HO_OK);
    cr_expect_eq(got[0], (double)(float)((double)0.1f * 0.1));
    cr_assert_eq(run(&b, HO_F32, ho_node_sum_all(b.graph, x), got, NULL), HO_OK);
    cr_expect_eq(got[0], (double)0.1f + (double)1.1f);
    ho_graph_free(b.graph);
}

Test(exec_reference, the_first_bad_node_is_named)
{
    bench b;
    setup(&b);
    ho_node x = counting(&b, dims(1, 3, 0, 0), -1), got_bad = 99;
    ho_node log = ho_node_unary(b.graph, HO_OP_LOG, x), twice = ho_node_binary(b.graph, HO_OP_ADD, log, x);
    double got[3];
    cr_assert_eq(run(&b, HO_F64, ho_node_unary(b.graph, HO_OP_EXP, x), got, &got_bad), HO_OK);
    cr_expect_eq(got_bad, 0);
    cr_assert_eq(run(&b, HO_F64, twice, got, &got_bad), HO_OK);
    cr_expect_eq(got_bad, log);
    b.values[0][1] = INFINITY;
    cr_assert_eq(run(&b, HO_F64, twice, got, &got_bad), HO_OK);
    cr_expect_eq(got_bad, x);
    ho_node poison = HO_POISON;
    cr_expect_neq(run(&b, HO_F64, poison, got, NULL), HO_OK);
    ho_graph_free(b.graph);
}
