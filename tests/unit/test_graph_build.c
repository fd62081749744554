/* Building graphs: hash-consing, shapes, messages, poison, simplification, and the order, check and dump of nodes. */
#include "graph/graph.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ho_error error;
static ho_graph *graph;

static void open_graph(void)
{
    error = (ho_error){0};
    graph = ho_graph_new(&error);
}

static void close_graph(void)
{
    ho_graph_free(graph);
}

TestSuite(build, .init = open_graph, .fini = close_graph);

static ho_shape shape(int32_t rank, int64_t a, int64_t b, int64_t c)
{
    int64_t dims[] = {a, b, c};
    return ho_shape_of(rank, dims);
}

static ho_node leaf(int32_t rank, int64_t a, int64_t b, int64_t c)
{
    return ho_node_leaf(graph, "x", shape(rank, a, b, c));
}

static ho_node vector(int64_t n)
{
    return leaf(1, n, 0, 0);
}

static ho_node add(ho_node a, ho_node b)
{
    return ho_node_binary(graph, HO_OP_ADD, a, b);
}

static ho_node mul(ho_node a, ho_node b)
{
    return ho_node_binary(graph, HO_OP_MUL, a, b);
}

static ho_node number(double value)
{
    return ho_node_const(graph, value);
}

static uint32_t op_of(ho_node a)
{
    cr_assert(a, "%s", error.text);
    return ho_graph_at(graph, a)->op;
}

#define expect_shape(node, rank_, a, b, c)                                                                        \
    do {                                                                                                          \
        char is_[HO_SHAPE_TEXT], due_[HO_SHAPE_TEXT];                                                             \
        ho_node node_ = (node);                                                                                   \
        ho_shape wanted_ = shape((rank_), (a), (b), (c));                                                         \
        cr_assert(node_, "%s", error.text);                                                                       \
        cr_expect_str_eq(ho_shape_print(&ho_graph_at(graph, node_)->shape, is_), ho_shape_print(&wanted_, due_)); \
    } while (0)

/* Expects poison with this message, and forgets the error. */
#define expect_refusal(node, message)            \
    do {                                         \
        cr_expect_eq((node), HO_POISON);         \
        cr_expect_eq(error.status, HO_INVALID);  \
        cr_expect_str_eq(error.text, (message)); \
        error = (ho_error){0};                   \
    } while (0)

#define expect_value(node, due)                         \
    do {                                                \
        double is_ = NAN;                               \
        cr_expect(ho_is_constant(graph, (node), &is_)); \
        cr_expect_eq(is_, (due), "%g", is_);            \
    } while (0)

Test(build, equal_expressions_are_one_node)
{
    ho_node a = vector(3), b = vector(3), s = leaf(0, 0, 0, 0);
    cr_expect_neq(a, b);
    cr_expect_eq(add(a, b), add(a, b));
    cr_expect_eq(add(a, b), add(b, a));
    cr_expect_eq(mul(s, b), mul(b, s));
    cr_expect_eq(ho_node_binary(graph, HO_OP_EQUAL, a, b), ho_node_binary(graph, HO_OP_EQUAL, b, a));
    cr_expect_neq(ho_node_binary(graph, HO_OP_SUB, a, b), ho_node_binary(graph, HO_OP_SUB, b, a));
    /* Ties tell the operands of max apart. */
    cr_expect_neq(ho_node_binary(graph, HO_OP_MAX, a, b), ho_node_binary(graph, HO_OP_MAX, b, a));
    cr_expect_eq(number(0.1), number(0.1));
    cr_expect_eq(number(NAN), number(NAN));
    cr_expect_neq(number(0), number(-0.0));
    cr_expect_neq(ho_node_slice(graph, a, 1, 0, 2), ho_node_slice(graph, a, 1, 1, 2));
    cr_expect_eq(ho_node_iota(graph, 4), ho_node_iota(graph, 4));
}

Test(build, nodes_stay_one_when_there_are_many)
{
    enum { MANY = 5000 };
    static ho_node first[MANY];
    ho_node x = vector(3);
    for (int i = 0; i < MANY; i++)
        first[i] = mul(x, number(i + 2));
    uint32_t size = ho_graph_size(graph);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(mul(x, number(i + 2)), first[i]);
    cr_expect_eq(ho_graph_size(graph), size);
}

Test(build, shapes_are_inferred)
{
    ho_node x = leaf(2, 50, 10, 0), w = leaf(2, 10, 3, 0), t = leaf(3, 7, 10, 3), s = leaf(0, 0, 0, 0);
    ho_node indices = vector(4);
    expect_shape(ho_node_matmul(graph, x, w), 2, 50, 3, 0);
    expect_shape(ho_node_matmul(graph, x, t), 3, 7, 50, 3);
    expect_shape(ho_node_matmul(graph, leaf(3, 7, 5, 10), w), 3, 7, 5, 3);
    expect_shape(ho_node_matmul(graph, leaf(3, 7, 5, 10), t), 3, 7, 5, 3);
    expect_shape(ho_node_transpose(graph, t), 3, 7, 3, 10);
    expect_shape(add(s, x), 2, 50, 10, 0);
    expect_shape(ho_node_select(graph, s, s, x), 2, 50, 10, 0);
    expect_shape(ho_node_reduce(graph, HO_OP_SUM, t, 3, 1), 2, 10, 3, 0);
    expect_shape(ho_node_reduce(graph, HO_OP_SUM, t, 3, 2), 1, 3, 0, 0);
    expect_shape(ho_node_reduce(graph, HO_OP_MAXIMUM, t, 2, 2), 1, 7, 0, 0);
    expect_shape(ho_node_sum_all(graph, t), 0, 0, 0, 0);
    cr_expect_eq(ho_node_sum_all(graph, s), s);
    expect_shape(ho_node_slice(graph, x, 2, 5, 20), 2, 20, 10, 0);
    expect_shape(ho_node_pad(graph, x, 1, 2, 3), 2, 50, 15, 0);
    expect_shape(ho_node_concat(graph, (ho_node[]){x, leaf(2, 4, 10, 0)}, 2, 2), 2, 54, 10, 0);
    expect_shape(ho_node_gather(graph, x, indices, 2), 2, 4, 10, 0);
    expect_shape(ho_node_gather(graph, t, indices, 1), 3, 7, 10, 4);
    expect_shape(ho_node_scatter(graph, leaf(3, 7, 4, 3), indices, 2, 90), 3, 7, 90, 3);
    expect_shape(ho_node_expand(graph, s, shape(2, 5, 6, 0)), 2, 5, 6, 0);
    expect_shape(ho_node_expand(graph, leaf(2, 1, 6, 0), shape(2, 5, 6, 0)), 2, 5, 6, 0);
    expect_shape(ho_node_reshape(graph, x, shape(3, 5, 10, 10)), 3, 5, 10, 10);
    expect_shape(ho_node_iota(graph, 9), 1, 9, 0, 0);
    expect_shape(ho_node_binary_broadcast(graph, HO_OP_ADD, x, vector(10)), 2, 50, 10, 0);
    expect_shape(ho_node_binary_broadcast(graph, HO_OP_ADD, leaf(2, 50, 1, 0), vector(10)), 2, 50, 10, 0);
    expect_shape(ho_node_select_broadcast(graph, vector(3), leaf(2, 10, 1, 0), t), 3, 7, 10, 3);
}

Test(build, a_message_names_source_op_and_both_shapes)
{
    ho_node x = leaf(2, 50, 10, 0), w = leaf(2, 20, 3, 0);
    ho_graph_source_enter(graph, "adam", "adam.c", 21);
    expect_refusal(ho_node_matmul(graph, x, w),
                   "adam.c:21: plugin \"adam\": matmul: (50, 10) @ (20, 3): the inner sizes 10 and 20 differ");
    ho_graph_source_set(graph, 0);
    expect_refusal(add(x, w), "add: (50, 10) and (20, 3): the shapes differ");
    expect_refusal(ho_node_select(graph, number(1), x, w), "select: (50, 10) and (20, 3): the shapes differ");
    expect_refusal(ho_node_binary_broadcast(graph, HO_OP_ADD, x, w),
                   "add: (50, 10) and (20, 3): the shapes cannot be broadcast together");
    expect_refusal(ho_node_matmul(graph, x, vector(10)),
                   "matmul: (50, 10) @ (10): operands must be matrices (or matrices with one more leading axis)");
    expect_refusal(ho_node_matmul(graph, leaf(3, 2, 5, 6), leaf(3, 3, 6, 7)),
                   "matmul: (2, 5, 6) @ (3, 6, 7): the leading sizes 2 and 3 differ");
    expect_refusal(ho_node_reshape(graph, x, shape(1, 7, 0, 0)), "reshape: (50, 10) to (7): 500 and 7 entries");
    expect_refusal(ho_node_expand(graph, x, shape(2, 50, 20, 0)),
                   "expand: (50, 10) to (50, 20): only axes of size 1 can be repeated");
    expect_refusal(ho_node_concat(graph, (ho_node[]){x, w}, 2, 2),
                   "concat: part 0 is (50, 10), part 1 is (20, 3): they may differ only in axis 2 (from the end)");
    expect_refusal(ho_node_concat(graph, NULL, 2, 1), "concat: no parts");
    expect_refusal(ho_node_slice(graph, x, 1, 8, 3),
                   "slice: (50, 10): 3 entries from 8 on do not fit in an axis of 10");
    expect_refusal(ho_node_slice(graph, x, 1, 8, 0), "slice: (50, 10): a length of 0; it must be at least 1");
    expect_refusal(ho_node_slice(graph, x, 1, INT64_MAX, INT64_MAX),
                   "slice: (50, 10): 9223372036854775807 entries from 9223372036854775807 on do not fit in an axis of "
                   "10");
    expect_refusal(ho_node_slice(graph, x, 3, 0, 1), "slice: (50, 10) has no axis 3 (counted from the end, from 1)");
    expect_refusal(ho_node_pad(graph, x, 1, -1, 0), "pad: (50, 10): -1 zeros before and 0 after: out of range");
    expect_refusal(ho_node_reduce(graph, HO_OP_SUM, x, 1, 2),
                   "sum: (50, 10) has no 2 axes from axis 1 on (counted from the end)");
    expect_refusal(ho_node_gather(graph, x, w, 1), "gather: (50, 10) by indices (20, 3): the indices must be a vector");
    expect_refusal(ho_node_scatter(graph, x, vector(3), 1, 12),
                   "scatter: (50, 10) by indices (3): 10 entries for 3 indices");
    expect_refusal(ho_node_transpose(graph, vector(3)), "transpose: (3) has fewer than two axes");
}

Test(build, sizes_are_bounded)
{
    int64_t big = INT64_C(1) << 40;
    expect_refusal(leaf(2, 5, 0, 0), "leaf: (5, 0): every size must be at least 1");
    expect_refusal(leaf(1, -3, 0, 0), "leaf: (-3): every size must be at least 1");
    expect_refusal(leaf(2, big, 2, 0), "leaf: (1099511627776, 2) has more than 2^40 entries");
    expect_refusal(leaf(2, INT64_MAX, INT64_MAX, 0),
                   "leaf: (9223372036854775807, 9223372036854775807) has more than 2^40 entries");
    expect_refusal(ho_node_leaf(graph, "x", ho_shape_of(9, (int64_t[9]){1, 1, 1, 1, 1, 1, 1, 1, 1})),
                   "leaf: rank 9 is out of range (0 to 5)");
    expect_refusal(ho_node_leaf(graph, "x", ho_shape_of(-1, NULL)), "leaf: rank -1 is out of range (0 to 5)");
    ho_node x = vector(big);
    cr_expect_neq(x, HO_POISON);
    expect_refusal(ho_node_concat(graph, (ho_node[]){x, x}, 2, 1),
                   "concat: together the parts have more than 2^40 entries");
    expect_refusal(ho_node_pad(graph, x, 1, 1, 0), "pad: (1099511627777) has more than 2^40 entries");
    expect_refusal(ho_node_iota(graph, 0), "iota: (0): every size must be at least 1");
}

Test(build, poison_spreads_and_the_first_error_stays)
{
    ho_node x = vector(3), bad = add(x, vector(4));
    cr_assert_eq(bad, HO_POISON);
    char first[sizeof error.text];
    strcpy(first, error.text);
    ho_node nodes[] = {add(bad, x),
                       ho_node_unary(graph, HO_OP_EXP, bad),
                       ho_node_select(graph, x, bad, x),
                       ho_node_sum_all(graph, bad),
                       ho_node_reduce(graph, HO_OP_SUM, bad, 1, 1),
                       ho_node_reshape(graph, bad, shape(1, 3, 0, 0)),
                       ho_node_expand(graph, bad, shape(1, 3, 0, 0)),
                       ho_node_transpose(graph, bad),
                       ho_node_slice(graph, bad, 1, 0, 1),
                       ho_node_pad(graph, bad, 1, 0, 1),
                       ho_node_concat(graph, (ho_node[]){x, bad}, 2, 1),
                       ho_node_matmul(graph, bad, x),
                       ho_node_gather(graph, x, bad, 1),
                       ho_node_scatter(graph, bad, x, 1, 3),
                       ho_node_binary_broadcast(graph, HO_OP_ADD, x, bad),
                       ho_node_select_broadcast(graph, bad, x, x),
                       ho_node_rebuild(graph, bad, NULL),
                       ho_node_matmul(graph, x, x)};
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0]; i++)
        cr_expect_eq(nodes[i], HO_POISON, "call %zu", i);
    cr_expect_str_eq(error.text, first);
    cr_expect_neq(add(x, x), HO_POISON);
}

Test(build, poison_alone_is_no_error)
{
    cr_expect_eq(add(HO_POISON, vector(3)), HO_POISON);
    cr_expect_eq(error.status, HO_OK);
    expect_refusal(add(1, 4000000), "add: operand 1 is not a node of this graph");
    expect_refusal(ho_node_unary(graph, HO_OP_ADD, 1), "op 200 is not an elementwise op of 1 operand");
    expect_refusal(ho_node_binary(graph, 999, 1, 1), "op 999 is not an elementwise op of 2 operands");
    expect_refusal(ho_node_reduce(graph, HO_OP_ADD, 1, 1, 1), "op 200 is not a reduction");
}

Test(build, constants_fold)
{
    ho_shape square = shape(2, 3, 3, 0);
    ho_node two = ho_node_fill(graph, square, 2);
    expect_value(add(number(2), number(3)), 5);
    expect_value(mul(two, number(3)), 6);
    expect_shape(mul(two, number(3)), 2, 3, 3, 0);
    expect_value(ho_node_unary(graph, HO_OP_STOP, two), 2);
    expect_value(ho_node_sum_all(graph, two), 18);
    expect_value(ho_node_reduce(graph, HO_OP_MAXIMUM, two, 1, 1), 2);
    expect_value(ho_node_expand(graph, number(4), square), 4);
    expect_value(ho_node_reshape(graph, two, shape(1, 9, 0, 0)), 2);
    expect_value(ho_node_transpose(graph, two), 2);
    expect_value(ho_node_slice(graph, two, 1, 1, 1), 2);
    expect_value(ho_node_concat(graph, (ho_node[]){two, two}, 2, 1), 2);
    expect_value(ho_node_gather(graph, two, vector(5), 1), 2);
    expect_value(ho_node_pad(graph, ho_node_fill(graph, square, 0), 1, 1, 1), 0);
    expect_value(ho_node_matmul(graph, leaf(2, 4, 3, 0), ho_node_fill(graph, square, 0)), 0);
    expect_value(ho_node_scatter(graph, ho_node_fill(graph, square, 0), vector(3), 1, 8), 0);
    cr_expect_eq(op_of(ho_node_pad(graph, two, 1, 1, 1)), HO_OP_PAD);
}

Test(build, identities_of_arithmetic)
{
    ho_node x = vector(3), y = vector(3), s = leaf(0, 0, 0, 0);
    ho_node zeros = ho_node_fill(graph, shape(1, 3, 0, 0), 0), ones = ho_node_fill(graph, shape(1, 3, 0, 0), 1);
    ho_node minus_x = ho_node_unary(graph, HO_OP_NEG, x), minus_y = ho_node_unary(graph, HO_OP_NEG, y);
    cr_expect_eq(add(x, number(0)), x);
    cr_expect_eq(add(zeros, x), x);
    cr_expect_eq(mul(x, ones), x);
    cr_expect_eq(mul(number(-1), x), minus_x);
    expect_value(mul(x, zeros), 0);
    expect_shape(mul(x, number(0)), 1, 3, 0, 0);
    cr_expect_eq(ho_node_unary(graph, HO_OP_NEG, minus_x), x);
    cr_expect_eq(ho_node_binary(graph, HO_OP_SUB, zeros, x), minus_x);
    cr_expect_eq(ho_node_binary(graph, HO_OP_SUB, x, minus_y), add(x, y));
    cr_expect_eq(add(x, minus_y), ho_node_binary(graph, HO_OP_SUB, x, y));
    cr_expect_eq(add(minus_y, x), ho_node_binary(graph, HO_OP_SUB, x, y));
    cr_expect_eq(mul(minus_x, minus_y), mul(x, y));
    cr_expect_eq(mul(number(3), minus_x), mul(number(-3), x));
    cr_expect_eq(ho_node_binary(graph, HO_OP_DIV, x, ones), x);
    cr_expect_eq(ho_node_binary(graph, HO_OP_DIV, x, number(4)), mul(x, number(0.25)));
    cr_expect_eq(op_of(ho_node_binary(graph, HO_OP_DIV, x, number(3))), HO_OP_DIV);
    /* NaN - NaN is not 0. */
    cr_expect_eq(op_of(ho_node_binary(graph, HO_OP_SUB, x, x)), HO_OP_SUB);
    /* A scalar beside a neutral tensor takes its shape. */
    cr_expect_eq(add(s, zeros), ho_node_expand(graph, s, shape(1, 3, 0, 0)));
    cr_expect_eq(ho_node_unary(graph, HO_OP_STOP, ho_node_unary(graph, HO_OP_STOP, x)),
                 ho_node_unary(graph, HO_OP_STOP, x));
    cr_expect_eq(ho_node_select(graph, number(1), s, x), ho_node_expand(graph, s, shape(1, 3, 0, 0)));
    cr_expect_eq(ho_node_select(graph, zeros, y, x), x);
    cr_expect_eq(ho_node_select(graph, x, y, y), y);
}

Test(build, powers_by_a_constant)
{
    ho_node x = vector(3);
    expect_value(ho_node_binary(graph, HO_OP_POW, x, number(0)), 1);
    cr_expect_eq(ho_node_binary(graph, HO_OP_POW, x, number(1)), x);
    cr_expect_eq(ho_node_binary(graph, HO_OP_POW, x, number(2)), mul(x, x));
    cr_expect_eq(ho_node_binary(graph, HO_OP_POW, x, number(3)), mul(mul(x, x), x));
    cr_expect_eq(ho_node_binary(graph, HO_OP_POW, x, number(0.5)), ho_node_unary(graph, HO_OP_SQRT, x));
    cr_expect_eq(ho_node_binary(graph, HO_OP_POW, x, number(-1)), ho_node_binary(graph, HO_OP_DIV, number(1), x));
    expect_value(ho_node_binary(graph, HO_OP_POW, number(1), x), 1);
    cr_expect_eq(op_of(ho_node_binary(graph, HO_OP_POW, x, number(1.5))), HO_OP_POW);
    cr_expect_eq(op_of(ho_node_binary(graph, HO_OP_POW, number(2), x)), HO_OP_POW);
}

Test(build, repeated_numbers_become_scalars_beside_a_tensor)
{
    ho_node x = vector(3), s = leaf(0, 0, 0, 0);
    ho_node twos = ho_node_fill(graph, shape(1, 3, 0, 0), 2), repeated = ho_node_expand(graph, s, shape(1, 3, 0, 0));
    cr_expect_eq(mul(x, twos), mul(x, number(2)));
    cr_expect_eq(mul(x, repeated), mul(x, s));
    cr_expect_eq(mul(repeated, twos), mul(repeated, number(2)));
    expect_shape(mul(repeated, repeated), 1, 3, 0, 0);
    expect_shape(mul(s, twos), 1, 3, 0, 0);
}

Test(build, rearrangements_undo_each_other)
{
    ho_node x = leaf(2, 4, 6, 0), row = leaf(2, 1, 6, 0);
    cr_expect_eq(ho_node_reshape(graph, x, shape(2, 4, 6, 0)), x);
    cr_expect_eq(ho_node_reshape(graph, ho_node_reshape(graph, x, shape(1, 24, 0, 0)), shape(2, 4, 6, 0)), x);
    cr_expect_eq(ho_node_transpose(graph, ho_node_transpose(graph, x)), x);
    cr_expect_eq(ho_node_transpose(graph, row), ho_node_reshape(graph, row, shape(2, 6, 1, 0)));
    cr_expect_eq(ho_node_expand(graph, row, shape(2, 1, 6, 0)), row);
    cr_expect_eq(ho_node_reduce(graph, HO_OP_SUM, row, 2, 1), ho_node_reshape(graph, row, shape(1, 6, 0, 0)));
    cr_expect_eq(ho_node_slice(graph, x, 1, 0, 6), x);
    cr_expect_eq(ho_node_slice(graph, ho_node_slice(graph, x, 1, 1, 4), 1, 2, 2), ho_node_slice(graph, x, 1, 3, 2));
    cr_expect_eq(ho_node_pad(graph, x, 1, 0, 0), x);
    cr_expect_eq(ho_node_pad(graph, ho_node_pad(graph, x, 1, 1, 2), 1, 3, 4), ho_node_pad(graph, x, 1, 4, 6));
    ho_node padded = ho_node_pad(graph, x, 2, 2, 3);
    cr_expect_eq(ho_node_slice(graph, padded, 2, 2, 4), x);
    cr_expect_eq(ho_node_slice(graph, padded, 2, 3, 2), ho_node_slice(graph, x, 2, 1, 2));
    cr_expect_eq(ho_node_slice(graph, padded, 2, 1, 2), ho_node_pad(graph, ho_node_slice(graph, x, 2, 0, 1), 2, 1, 0));
    cr_expect_eq(ho_node_slice(graph, padded, 2, 5, 3), ho_node_pad(graph, ho_node_slice(graph, x, 2, 3, 1), 2, 0, 2));
    expect_value(ho_node_slice(graph, padded, 2, 0, 2), 0);
    expect_value(ho_node_slice(graph, padded, 2, 7, 2), 0);
    cr_expect_eq(op_of(ho_node_slice(graph, padded, 1, 1, 2)), HO_OP_SLICE);
}

Test(build, concats_are_flat_and_slices_find_their_part)
{
    ho_node a = vector(2), b = vector(3), c = vector(4);
    ho_node all = ho_node_concat(graph, (ho_node[]){a, b, c}, 3, 1),
            ab = ho_node_concat(graph, (ho_node[]){a, b}, 2, 1);
    cr_expect_eq(ho_node_concat(graph, (ho_node[]){ab, c}, 2, 1), all);
    cr_expect_eq(ho_node_concat(graph, &a, 1, 1), a);
    cr_expect_eq(ho_node_slice(graph, all, 1, 2, 3), b);
    cr_expect_eq(ho_node_slice(graph, all, 1, 6, 2), ho_node_slice(graph, c, 1, 1, 2));
    cr_expect_eq(ho_node_slice(graph, all, 1, 0, 5), ab);
    cr_expect_eq(op_of(ho_node_slice(graph, all, 1, 1, 3)), HO_OP_SLICE);
    cr_expect_eq(op_of(ho_node_slice(graph, all, 1, 2, 5)), HO_OP_SLICE);
    /* Unpacking and packing again is nothing. */
    ho_node w = vector(9), slices[] = {ho_node_slice(graph, w, 1, 0, 2), ho_node_slice(graph, w, 1, 2, 3),
                                       ho_node_slice(graph, w, 1, 5, 4)};
    cr_expect_eq(ho_node_concat(graph, slices, 3, 1), w);
    cr_expect_eq(op_of(ho_node_concat(graph, (ho_node[]){slices[0], slices[2]}, 2, 1)), HO_OP_CONCAT);
    cr_expect_eq(op_of(ho_node_concat(graph, (ho_node[]){slices[1], slices[0]}, 2, 1)), HO_OP_CONCAT);
    /* Zeros at the ends are a pad. */
    ho_node zeros = ho_node_fill(graph, shape(1, 5, 0, 0), 0);
    cr_expect_eq(ho_node_concat(graph, (ho_node[]){zeros, a, b, zeros}, 4, 1), ho_node_pad(graph, ab, 1, 5, 5));
}

/* The parts of a vector, of sizes 1 to PARTS, each padded to the whole. */
enum { PARTS = 6, WHOLE = PARTS * (PARTS + 1) / 2 };
static ho_node parts[PARTS], padded[PARTS];

static void make_parts(int32_t rank)
{
    int64_t before = 0;
    for (int i = 0; i < PARTS; i++) {
        parts[i] = rank == 1 ? vector(i + 1) : leaf(2, 5, i + 1, 0);
        padded[i] = ho_node_pad(graph, parts[i], 1, before, WHOLE - before - i - 1);
        before += i + 1;
    }
}

Test(build, padded_parts_add_up_to_a_concat_in_any_order)
{
    static const int orders[][PARTS] = {
        {0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {0, 2, 4, 1, 3, 5}, {5, 0, 3, 1, 4, 2}, {3, 5, 1, 0, 2, 4}};
    for (int32_t rank = 1; rank <= 2; rank++) {
        make_parts(rank);
        ho_node whole = ho_node_concat(graph, parts, PARTS, 1);
        for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
            ho_node left = padded[orders[k][0]], right = left;
            for (int i = 1; i < PARTS; i++) {
                left = add(left, padded[orders[k][i]]);
                right = add(padded[orders[k][i]], right);
            }
            cr_expect_eq(left, whole, "order %zu", k);
            cr_expect_eq(right, whole, "order %zu", k);
        }
        /* As a tree. */
        cr_expect_eq(add(add(padded[0], padded[3]), add(add(padded[5], padded[1]), add(padded[4], padded[2]))), whole);
    }
}

Test(build, some_padded_parts_add_up_to_a_padded_concat)
{
    make_parts(1);
    cr_expect_eq(add(padded[1], padded[2]),
                 ho_node_pad(graph, ho_node_concat(graph, parts + 1, 2, 1), 1, 1, WHOLE - 6));
    /* A gap is zeros, and slicing finds the parts again. */
    ho_node gap = add(padded[1], padded[3]);
    cr_expect_eq(ho_node_slice(graph, gap, 1, 1, 2), parts[1]);
    expect_value(ho_node_slice(graph, gap, 1, 3, 3), 0);
    cr_expect_eq(ho_node_slice(graph, gap, 1, 6, 4), parts[3]);
    /* Coinciding parts are added within; overlapping ones stay a sum. */
    cr_expect_eq(add(padded[1], ho_node_pad(graph, parts[2], 1, 3, WHOLE - 6)), add(padded[1], padded[2]));
    ho_node other = vector(2);
    cr_expect_eq(add(padded[1], ho_node_pad(graph, other, 1, 1, WHOLE - 3)),
                 ho_node_pad(graph, add(parts[1], other), 1, 1, WHOLE - 3));
    cr_expect_eq(op_of(add(padded[1], ho_node_pad(graph, other, 1, 2, WHOLE - 4))), HO_OP_ADD);
}

Test(build, padded_parts_collapse_beside_another_addend)
{
    make_parts(1);
    ho_node x = vector(WHOLE), sum = x;
    for (int i = 0; i < PARTS; i++)
        sum = i % 2 ? add(sum, padded[i]) : add(padded[i], sum);
    cr_expect_eq(sum, add(x, ho_node_concat(graph, parts, PARTS, 1)));
    /* (x + a) + b with a and b at one place is not x + (a + b) to the bit. */
    ho_node other = ho_node_pad(graph, vector(2), 1, 1, WHOLE - 3), twice = add(add(x, padded[1]), other);
    cr_expect_eq(op_of(twice), HO_OP_ADD);
    cr_expect(ho_graph_at(graph, twice)->in[0] == add(x, padded[1]) ||
              ho_graph_at(graph, twice)->in[1] == add(x, padded[1]));
}

Test(build, pads_along_different_axes_stay_a_sum)
{
    ho_node a = ho_node_pad(graph, leaf(2, 3, 4, 0), 1, 0, 4), b = ho_node_pad(graph, leaf(2, 1, 8, 0), 2, 2, 0);
    cr_expect_eq(op_of(add(a, b)), HO_OP_ADD);
}

Test(build, one_entry_of_each_op)
{
    cr_expect_eq(ho_op_scalar(HO_OP_SIGN, -2, 0, 0), -1);
    cr_expect_eq(ho_op_scalar(HO_OP_SIGN, 0, 0, 0), 0);
    cr_expect(isnan(ho_op_scalar(HO_OP_SIGN, NAN, 0, 0)));
    cr_expect_eq(ho_op_scalar(HO_OP_RSQRT, 0, 0, 0), 0);
    cr_expect_eq(ho_op_scalar(HO_OP_RSQRT, 4, 0, 0), 0.5);
    cr_expect_eq(ho_op_scalar(HO_OP_MAX, 1, 2, 0), 2);
    cr_expect_eq(ho_op_scalar(HO_OP_MIN, 1, 2, 0), 1);
    cr_expect(signbit(ho_op_scalar(HO_OP_MAX, 0.0, -0.0, 0)), "a tie is b");
    for (uint32_t op = HO_OP_MAX; op <= HO_OP_MIN; op++)
        cr_expect(isnan(ho_op_scalar(op, NAN, 1, 0)) && isnan(ho_op_scalar(op, 1, NAN, 0)));
    cr_expect_eq(ho_op_scalar(HO_OP_LESS, 1, 1, 0), 0);
    cr_expect_eq(ho_op_scalar(HO_OP_LESS_EQUAL, 1, 1, 0), 1);
    cr_expect_eq(ho_op_scalar(HO_OP_EQUAL, NAN, NAN, 0), 0);
    cr_expect_eq(ho_op_scalar(HO_OP_SELECT, 0, 1, 2), 2);
    cr_expect_eq(ho_op_scalar(HO_OP_SELECT, -0.5, 1, 2), 1);
    cr_expect_str_eq(ho_op_name(HO_OP_MATMUL), "matmul");
    cr_expect_str_eq(ho_op_name(7), "unknown");
    cr_expect_str_eq(ho_op_name(4000000000u), "unknown");
    cr_expect_eq(ho_op(HO_OP_SELECT)->arity, 3);
    cr_expect(ho_op_is_elementwise(HO_OP_SELECT) && !ho_op_is_elementwise(HO_OP_SUM));
}

Test(build, rebuilding_keeps_attributes_and_takes_a_leading_axis)
{
    ho_node x = leaf(2, 4, 6, 0), k = leaf(3, 7, 4, 6), i = vector(4);
    ho_node again = leaf(2, 4, 6, 0);
    ho_node made[] = {ho_node_slice(graph, x, 2, 1, 2),          ho_node_pad(graph, x, 1, 1, 2),
                      ho_node_reduce(graph, HO_OP_SUM, x, 1, 1), ho_node_transpose(graph, x),
                      ho_node_unary(graph, HO_OP_EXP, x),        ho_node_reshape(graph, x, shape(1, 24, 0, 0))};
    for (size_t n = 0; n < sizeof made / sizeof made[0]; n++) {
        cr_expect_eq(ho_node_rebuild(graph, made[n], &x), made[n]);
        ho_node other = ho_node_rebuild(graph, made[n], &again), batched = ho_node_rebuild(graph, made[n], &k);
        cr_expect_neq(other, made[n]);
        cr_expect_eq(op_of(other), op_of(made[n]));
        cr_expect_eq(ho_graph_at(graph, batched)->shape.rank, ho_graph_at(graph, made[n])->shape.rank + 1);
        cr_expect_eq(ho_graph_at(graph, batched)->shape.dims[0], 7);
    }
    ho_node scattered = ho_node_scatter(graph, x, i, 2, 9);
    expect_shape(ho_node_rebuild(graph, scattered, (ho_node[]){k, i}), 3, 7, 9, 6);
    cr_expect_eq(ho_node_rebuild(graph, x, NULL), x);
    ho_node joined = ho_node_concat(graph, (ho_node[]){x, again}, 2, 1);
    expect_shape(ho_node_rebuild(graph, joined, (ho_node[]){k, k}), 3, 7, 4, 12);
    cr_expect_eq(error.status, HO_OK);
}

Test(build, sources_are_kept_and_restored)
{
    uint32_t host = ho_graph_source_enter(graph, "softmax", "softmax.c", 31);
    ho_node x = vector(3);
    uint32_t inner = ho_graph_source_enter(graph, "softmax", "softmax.c", 32);
    ho_graph_source_set(graph, inner);
    ho_node y = vector(3);
    ho_graph_source_set(graph, host);
    ho_node z = vector(3);
    cr_expect_eq(ho_graph_source(graph, ho_graph_at(graph, x)->source).line, 31);
    cr_expect_eq(ho_graph_at(graph, y)->source, ho_graph_at(graph, x)->source);
    cr_expect_str_eq(ho_graph_source(graph, ho_graph_at(graph, z)->source).plugin, "host");
}

Test(build, the_order_holds_what_outputs_need)
{
    ho_node a = vector(3), b = vector(3), unused = add(a, b), c = mul(a, b), d = ho_node_unary(graph, HO_OP_EXP, c);
    size_t length;
    ho_node *order = ho_graph_order(graph, (ho_node[]){d, c}, 2, &length);
    cr_assert_eq(length, 4);
    ho_node due[] = {a, b, c, d};
    cr_expect_arr_eq(order, due, sizeof due);
    free(order);
    cr_expect_neq(unused, c);
}

Test(build, the_verifier_finds_a_broken_node)
{
    ho_node x = leaf(2, 4, 6, 0), y = ho_node_matmul(graph, x, ho_node_transpose(graph, x));
    ho_node z = ho_node_pad(graph, ho_node_slice(graph, ho_node_sum_all(graph, y) ? y : x, 1, 1, 2), 1, 1, 1);
    ho_node outputs[] = {y, z, ho_node_scatter(graph, x, vector(4), 2, 9)};
    cr_expect_eq(ho_graph_verify(graph, outputs, 3, &error), HO_OK, "%s", error.text);
    ho_graph_node *broken = (ho_graph_node *)(uintptr_t)ho_graph_at(graph, y);
    broken->shape.dims[0] = 5;
    cr_expect_eq(ho_graph_verify(graph, outputs, 1, &error), HO_FAILED);
    cr_expect(strstr(error.text, "(matmul) has shape (5, 4), expected (4, 4)"), "%s", error.text);
    broken->shape.dims[0] = 4;
    error = (ho_error){0};
    broken->arity = 1;
    cr_expect_eq(ho_graph_verify(graph, outputs, 1, &error), HO_FAILED);
    cr_expect(strstr(error.text, "has 1 operands, not 2"), "%s", error.text);
    broken->arity = 2;
    error = (ho_error){0};
    ((ho_node *)(uintptr_t)broken->in)[1] = y;
    cr_expect_eq(ho_graph_verify(graph, outputs, 1, &error), HO_FAILED);
    cr_expect(strstr(error.text, "comes before its operand"), "%s", error.text);
    error = (ho_error){0};
    cr_expect_eq(ho_graph_verify(graph, (ho_node[]){HO_POISON}, 1, &error), HO_FAILED);
    cr_expect_str_eq(error.text, "output 0 is poison");
}

static char *text_of(void (*write)(const ho_graph *, const ho_node *, const char *const *, size_t, FILE *),
                     ho_node output)
{
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    write(graph, &output, NULL, 1, file);
    fclose(file);
    return text;
}

Test(build, dumps_are_readable)
{
    ho_node w = ho_node_leaf(graph, "w", shape(1, 6, 0, 0));
    ho_graph_source_enter(graph, "softmax", "../plugins/models/softmax.c", 31);
    ho_node part = ho_node_slice(graph, w, 1, 1, 4), y = mul(part, number(0.1));
    char *text = text_of(ho_graph_dump, y);
    cr_expect_str_eq(text, "%1 = leaf w (6)\n"
                           "%2 = slice(%1, axis=1, start=1) (4)  # softmax.c:31\n"
                           "%3 = const 0.1 ()                   # softmax.c:31\n"
                           "%4 = mul(%2, %3) (4)                # softmax.c:31\n"
                           "output 0: %4\n");
    free(text);
    text = text_of(ho_graph_dot, y);
    cr_expect(strstr(text, "digraph {") == text && strstr(text, "n2 -> n4;") && strstr(text, "leaf w\\n(6)") &&
              strstr(text, "slice axis=1 start=1\\n(4)"));
    free(text);
}
