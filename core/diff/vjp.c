/*
 * Reverse derivatives: the JVP with new tangent leaves is a linear graph, whose transpose carries cotangents back.
 *
 * A cotangent has the shape of its node, or rank 0 if it is the same in every entry.
 */
#include "diff/diff.h"
#include "diff/internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    ho_graph *graph;
    ho_node *cotangents; /* by node number; 0: none so far */
    bool *linear;        /* the nodes that depend on a tangent leaf */
} transposition;

/* A node of the linear graph with its cotangent. */
typedef struct {
    ho_graph_node op; /* a copy, since the graph grows meanwhile */
    const ho_node *in;
    ho_node cotangent;
    bool minus; /* the sign that was removed from the cotangent: every rule is linear, so give() puts it on the results
                 */
} link;

typedef void (*rule)(transposition *t, const link *l);

static ho_shape shape_of(const transposition *t, ho_node a)
{
    return a ? ho_graph_at(t->graph, a)->shape : ho_scalar_shape();
}

/* A cotangent in the shape of its node. */
static ho_node full(const transposition *t, ho_node a, ho_shape shape)
{
    return shape.rank > 0 && shape_of(t, a).rank == 0 ? ho_node_expand(t->graph, a, shape) : a;
}

/* Adds to the cotangent of node `to`. */
static void give(transposition *t, const link *l, ho_node to, ho_node value)
{
    if (!ho_is_value(t->graph, value, 0)) {
        value = ho_term_signed(t->graph, l->minus, value);
        t->cotangents[to] = t->cotangents[to] ? ho_term_add(t->graph, t->cotangents[to], value) : value;
    }
}

/* The same for operand i of an elementwise op: an operand of rank 0 went into every entry, so it gets the sum. */
static void give_entries(transposition *t, const link *l, uint32_t i, ho_node value)
{
    ho_shape shape = shape_of(t, l->in[i]);
    if (shape.rank == 0 && l->op.shape.rank > 0) {
        if (shape_of(t, value).rank > 0)
            value = ho_node_sum_all(t->graph, value);
        else
            value = ho_node_binary(t->graph, HO_OP_MUL, value,
                                   ho_node_const(t->graph, (double)ho_shape_count(&l->op.shape)));
    }
    give(t, l, l->in[i], value);
}

static bool is_linear(const transposition *t, const link *l, uint32_t i)
{
    return t->linear[l->in[i]];
}

static void not_linear(transposition *t, const link *l)
{
    ho_graph_fail(t->graph, "internal error: \"%s\" is not linear in its tangents", ho_op_name(l->op.op));
}

static void transpose_neg(transposition *t, const link *l)
{
    give(t, l, l->in[0], ho_node_unary(t->graph, HO_OP_NEG, l->cotangent));
}

static void transpose_add(transposition *t, const link *l)
{
    for (uint32_t i = 0; i < 2; i++) {
        if (is_linear(t, l, i)) {
            bool minus = i == 1 && l->op.op == HO_OP_SUB;
            give_entries(t, l, i, ho_term_signed(t->graph, minus, l->cotangent));
        }
    }
}

static void transpose_mul(transposition *t, const link *l)
{
    uint32_t i = is_linear(t, l, 0) ? 0 : 1;
    if (is_linear(t, l, 1 - i) || (l->op.op == HO_OP_DIV && i == 1)) {
        not_linear(t, l);
        return;
    }
    give_entries(t, l, i, ho_term_scale(t->graph, l->op.op, l->cotangent, l->in[1 - i]));
}

static void transpose_select(transposition *t, const link *l)
{
    if (is_linear(t, l, 0)) {
        not_linear(t, l);
        return;
    }
    for (uint32_t i = 1; i < 3; i++) {
        if (is_linear(t, l, i)) {
            ho_node zero = ho_node_const(t->graph, 0), taken = i == 1 ? l->cotangent : zero,
                    other = i == 1 ? zero : l->cotangent;
            give_entries(t, l, i, ho_node_select(t->graph, l->in[0], taken, other));
        }
    }
}

static void transpose_sum(transposition *t, const link *l)
{
    ho_shape shape = shape_of(t, l->in[0]);
    give(t, l, l->in[0], ho_node_unreduce(t->graph, l->cotangent, shape, l->op.axis, l->op.extent));
}

static void transpose_reshape(transposition *t, const link *l)
{
    ho_node value = l->cotangent;
    if (shape_of(t, value).rank > 0)
        value = ho_node_reshape(t->graph, value, shape_of(t, l->in[0]));
    give(t, l, l->in[0], value);
}

static void transpose_expand(transposition *t, const link *l)
{
    ho_shape from = shape_of(t, l->in[0]), to = l->op.shape;
    if (from.rank == 0) {
        give_entries(t, l, 0, l->cotangent);
        return;
    }
    ho_node value = l->cotangent;
    if (shape_of(t, value).rank == 0) {
        int64_t repeats = ho_shape_count(&to) / ho_shape_count(&from);
        give(t, l, l->in[0], ho_node_binary(t->graph, HO_OP_MUL, value, ho_node_const(t->graph, (double)repeats)));
        return;
    }
    for (int32_t first = 0, last; first < to.rank; first = last + 1) {
        for (last = first; last < to.rank && from.dims[last] != to.dims[last]; last++) {
        }
        if (last > first)
            value = ho_node_reduce(t->graph, HO_OP_SUM, value, to.rank - first, last - first);
    }
    give(t, l, l->in[0], ho_node_reshape(t->graph, value, from));
}

static bool is_small_product(const transposition *t, const ho_graph_node *node)
{
    const ho_shape a = shape_of(t, node->in[0]), b = shape_of(t, node->in[1]);
    const int64_t count = ho_shape_count(&node->shape);
    return count < ho_shape_count(&a) && count < ho_shape_count(&b);
}

/* For a product, transpose the factors rather than the result: products read transposed factors at no cost. But a
 * result that is smaller than either may be needed as it is, too, as where a matrix and its transpose are added. */
static void transpose_transpose(transposition *t, const link *l)
{
    ho_node value = l->cotangent;
    const ho_graph_node *node = ho_graph_at(t->graph, value);
    if (node->op == HO_OP_MATMUL && !is_small_product(t, node)) {
        ho_node a = node->in[0], b = node->in[1];
        value = ho_node_matmul(t->graph, ho_node_transpose(t->graph, b), ho_node_transpose(t->graph, a));
    } else if (node->shape.rank > 0) {
        value = ho_node_transpose(t->graph, value);
    }
    give(t, l, l->in[0], value);
}

/* The sign goes to the piece, not to the padded tensor: sums of pieces, without differences, become one tensor. */
static void transpose_slice(transposition *t, const link *l)
{
    ho_shape from = shape_of(t, l->in[0]), to = l->op.shape;
    int64_t after = ho_axis_size(&from, l->op.axis) - l->op.extent - ho_axis_size(&to, l->op.axis);
    ho_node piece = full(t, ho_term_signed(t->graph, l->minus, l->cotangent), to);
    link positive = *l;
    positive.minus = false;
    give(t, &positive, l->in[0], ho_node_pad(t->graph, piece, l->op.axis, l->op.extent, after));
}

/* Gives operand i its range of the cotangent. */
static void give_range(transposition *t, const link *l, uint32_t i, int64_t start)
{
    ho_shape from = shape_of(t, l->in[i]);
    ho_node value = l->cotangent;
    if (shape_of(t, value).rank > 0)
        value = ho_node_slice(t->graph, value, l->op.axis, start, ho_axis_size(&from, l->op.axis));
    give(t, l, l->in[i], value);
}

static void transpose_pad(transposition *t, const link *l)
{
    give_range(t, l, 0, l->op.extent);
}

static void transpose_concat(transposition *t, const link *l)
{
    int64_t start = 0;
    for (uint32_t i = 0; i < l->op.arity; i++) {
        if (is_linear(t, l, i))
            give_range(t, l, i, start);
        ho_shape from = shape_of(t, l->in[i]);
        start += ho_axis_size(&from, l->op.axis);
    }
}

/* The rows of all matrices of a stack, one below the other. */
static ho_node stacked(const transposition *t, ho_node a)
{
    ho_shape shape = shape_of(t, a);
    int64_t dims[] = {shape.dims[0] * shape.dims[1], shape.dims[2]};
    return ho_node_reshape(t->graph, a, ho_shape_of(2, dims));
}

static void transpose_matmul(transposition *t, const link *l)
{
    ho_node a = l->in[0], b = l->in[1], value = full(t, l->cotangent, l->op.shape);
    if (is_linear(t, l, 0) && is_linear(t, l, 1)) {
        not_linear(t, l);
    } else if (is_linear(t, l, 0)) {
        value = ho_node_matmul(t->graph, value, ho_node_transpose(t->graph, b));
        bool mapped = l->op.shape.rank > shape_of(t, a).rank;
        give(t, l, a, mapped ? ho_node_reduce(t->graph, HO_OP_SUM, value, 3, 1) : value);
    } else {
        if (l->op.shape.rank > shape_of(t, b).rank) {
            a = stacked(t, a);
            value = stacked(t, value);
        }
        give(t, l, b, ho_node_matmul(t->graph, ho_node_transpose(t->graph, a), value));
    }
}

static void transpose_gather(transposition *t, const link *l)
{
    if (is_linear(t, l, 1)) {
        not_linear(t, l);
        return;
    }
    ho_shape from = shape_of(t, l->in[0]);
    int64_t size = ho_axis_size(&from, l->op.axis);
    ho_node value = full(t, l->cotangent, l->op.shape);
    give(t, l, l->in[0], ho_node_scatter(t->graph, value, l->in[1], l->op.axis, size));
}

static void transpose_scatter(transposition *t, const link *l)
{
    if (is_linear(t, l, 1)) {
        not_linear(t, l);
        return;
    }
    ho_node value = full(t, l->cotangent, l->op.shape);
    give(t, l, l->in[0], ho_node_gather(t->graph, value, l->in[1], l->op.axis));
}

/* The ops through which the results of JVP rules depend on tangents. */
#define OWN_RULE(NAME, name, ...) [HO_OP_##NAME] = transpose_##name,
static const rule rules[] = {[HO_OP_NEG] = transpose_neg, [HO_OP_ADD] = transpose_add,
                             [HO_OP_SUB] = transpose_add, [HO_OP_MUL] = transpose_mul,
                             [HO_OP_DIV] = transpose_mul, [HO_OP_SELECT] = transpose_select,
                             [HO_OP_SUM] = transpose_sum, HO_ARRANGEMENT_OPS(OWN_RULE) HO_PRODUCT_OPS(OWN_RULE)};

/* Carries the cotangent of node `id` to its linear operands. */
static void carry(transposition *t, ho_node id)
{
    const ho_graph_node *node = ho_graph_at(t->graph, id);
    if (node->arity == 0)
        return;
    ho_node *in = ho_alloc(node->arity * sizeof *in);
    memcpy(in, node->in, node->arity * sizeof *in);
    link l = {*node, in, t->cotangents[id], false};
    l.minus = ho_term_unsigned(t->graph, &l.cotangent);
    ho_graph_source_set(t->graph, l.op.source);
    if (l.op.op < sizeof rules / sizeof *rules && rules[l.op.op])
        rules[l.op.op](t, &l);
    else
        not_linear(t, &l);
    free(in);
}

static void transpose(transposition *t, const ho_node *order, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const ho_graph_node *node = ho_graph_at(t->graph, order[i]);
        for (uint32_t j = 0; j < node->arity; j++)
            t->linear[order[i]] |= t->linear[node->in[j]];
    }
    for (size_t i = length; i-- > 0 && !ho_graph_error(t->graph)->status;)
        if (t->linear[order[i]] && t->cotangents[order[i]])
            carry(t, order[i]);
}

static bool cotangents_fit(ho_graph *graph, const ho_node *outputs, const ho_node *cotangents, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!outputs[i] || !cotangents[i])
            continue;
        ho_shape want = ho_graph_at(graph, outputs[i])->shape, got = ho_graph_at(graph, cotangents[i])->shape;
        if (!ho_shape_equal(&want, &got)) {
            char a[HO_SHAPE_TEXT], b[HO_SHAPE_TEXT];
            ho_graph_fail(graph, "derivative: output %zu needs a cotangent of shape %s, got %s", i,
                          ho_shape_print(&want, a), ho_shape_print(&got, b));
            return false;
        }
    }
    return true;
}

ho_status ho_vjp(ho_graph *graph, const ho_node *inputs, ho_node *in_cotangents, size_t input_count,
                 const ho_node *outputs, const ho_node *cotangents, size_t output_count)
{
    memset(in_cotangents, 0, input_count * sizeof *in_cotangents);
    if (ho_graph_error(graph)->status || !cotangents_fit(graph, outputs, cotangents, output_count))
        return ho_graph_error(graph)->status;
    uint32_t previous = ho_graph_source_enter(graph, "host", __FILE__, __LINE__);
    ho_node *leaves = ho_alloc((input_count + output_count + 1) * sizeof *leaves), *tangents = leaves + input_count;
    for (size_t i = 0; i < input_count; i++)
        leaves[i] = inputs[i] ? ho_node_leaf(graph, "tangent", ho_graph_at(graph, inputs[i])->shape) : HO_POISON;
    ho_status status = ho_jvp(graph, 0, inputs, leaves, input_count, outputs, tangents, output_count);
    if (!status) {
        size_t size = (size_t)ho_graph_size(graph) + 1, length = 0, used = 0;
        transposition t = {graph, ho_alloc(size * sizeof(ho_node)), ho_alloc(size * sizeof(bool))};
        for (size_t i = 0; i < input_count; i++)
            t.linear[leaves[i]] = true;
        for (size_t i = 0; i < output_count; i++) {
            if (tangents[i] && cotangents[i]) {
                ho_node *sum = &t.cotangents[tangents[i]];
                *sum = *sum ? ho_term_add(graph, *sum, cotangents[i]) : cotangents[i];
                tangents[used++] = tangents[i];
            }
        }
        ho_node *order = ho_graph_order(graph, tangents, used, &length);
        transpose(&t, order, length);
        for (size_t i = 0; i < input_count; i++) {
            ho_node found = t.cotangents[leaves[i]];
            in_cotangents[i] = found ? full(&t, found, shape_of(&t, leaves[i])) : 0;
        }
        free(order);
        free(t.cotangents);
        free(t.linear);
        status = ho_graph_error(graph)->status;
    }
    ho_graph_source_set(graph, previous);
    free(leaves);
    return status;
}

ho_status ho_gradient(ho_graph *graph, ho_node value, const ho_node *inputs, ho_node *gradients, size_t input_count)
{
    if (value && ho_graph_at(graph, value)->shape.rank > 0) {
        char text[HO_SHAPE_TEXT];
        ho_graph_fail(graph, "gradient: expected a scalar, got shape %s",
                      ho_shape_print(&ho_graph_at(graph, value)->shape, text));
    }
    ho_node one = ho_node_const(graph, 1);
    ho_status status = ho_vjp(graph, inputs, gradients, input_count, &value, &one, 1);
    for (size_t i = 0; i < input_count && !status; i++)
        if (!gradients[i])
            gradients[i] = ho_node_fill(graph, ho_graph_at(graph, inputs[i])->shape, 0);
    return status ? status : ho_graph_error(graph)->status;
}
