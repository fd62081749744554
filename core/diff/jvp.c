/* Forward derivatives: one rule per op, applied in order to the nodes that the outputs need. */
#include "diff/diff.h"
#include "diff/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One application of a rule: y = op(x...), where some operands have a tangent. The tangent of a primal of shape S has
 * shape S, or [k] + S if k columns are carried at once. */
typedef struct {
    ho_graph *graph;
    int64_t columns;
    ho_node y;
    ho_graph_node op; /* a copy, since the graph grows while the rule runs */
    const ho_node *x;
    const ho_node *dx; /* 0: no tangent */
} context;

static ho_node number(const context *c, double value)
{
    return ho_node_const(c->graph, value);
}

static ho_shape shape_of(const context *c, ho_node a)
{
    return a ? ho_graph_at(c->graph, a)->shape : ho_scalar_shape();
}

/* A shape with a leading axis. If the rank is too high already, the builders will say so. */
static ho_shape with_leading(int64_t size, ho_shape shape)
{
    if (size > 0 && shape.rank < HO_RANK_MAX) {
        memmove(shape.dims + 1, shape.dims, (size_t)shape.rank * sizeof *shape.dims);
        shape.dims[0] = size;
        shape.rank++;
    }
    return shape;
}

static ho_shape batched(const context *c, ho_shape shape)
{
    return with_leading(c->columns, shape);
}

/* A tangent of a rank-0 primal, repeated over `shape`. */
static ho_node spread(const context *c, ho_node d, ho_shape shape)
{
    if (c->columns > 0) {
        ho_shape ones = shape;
        for (int32_t i = 0; i < ones.rank; i++)
            ones.dims[i] = 1;
        d = ho_node_reshape(c->graph, d, batched(c, ones));
    }
    return ho_node_expand(c->graph, d, batched(c, shape));
}

/* A tangent of operand i in a shape that an elementwise op can combine with others of y's shape. */
static ho_node fit(const context *c, uint32_t i, ho_node d)
{
    bool scalar = shape_of(c, c->x[i]).rank == 0;
    return scalar && c->columns > 0 && c->op.shape.rank > 0 ? spread(c, d, c->op.shape) : d;
}

/* The tangent of operand i, likewise; a scalar 0 if there is none. */
static ho_node tangent(const context *c, uint32_t i)
{
    return c->dx[i] ? fit(c, i, c->dx[i]) : number(c, 0);
}

/* A primal value in a shape that an elementwise op can combine with tangents. */
static ho_node residual(const context *c, ho_node a)
{
    ho_shape shape = shape_of(c, a);
    if (c->columns == 0 || shape.rank == 0)
        return a;
    a = ho_node_reshape(c->graph, a, with_leading(1, shape));
    return ho_node_expand(c->graph, a, batched(c, shape));
}

/* The tangent where dy = factor * dx of operand i. */
static ho_node scaled(const context *c, uint32_t i, ho_node factor)
{
    return ho_term_scale(c->graph, HO_OP_MUL, tangent(c, i), residual(c, factor));
}

/* A tangent divided by a primal value. */
static ho_node over(const context *c, ho_node d, ho_node a)
{
    return ho_term_scale(c->graph, HO_OP_DIV, d, residual(c, a));
}

static ho_node formula(const context *c, const char *text)
{
    return ho_op_formula(c->graph, c->op.arity, c->x, c->y, text);
}

/* By the formula in the table of ops. A factor of 1/u becomes a division by u. */
static ho_node jvp_unary(const context *c)
{
    ho_node factor = formula(c, ho_op(c->op.op)->derivative);
    const ho_graph_node *node = ho_graph_at(c->graph, factor);
    bool inverse = node->op == HO_OP_DIV && ho_is_value(c->graph, node->in[0], 1);
    return inverse ? over(c, c->dx[0], node->in[1]) : scaled(c, 0, factor);
}

static ho_node jvp_add(const context *c)
{
    return ho_term_add(c->graph, tangent(c, 0), tangent(c, 1));
}

static ho_node jvp_sub(const context *c)
{
    return ho_node_binary(c->graph, HO_OP_SUB, tangent(c, 0), tangent(c, 1));
}

static ho_node jvp_mul(const context *c)
{
    ho_node a = c->x[0], b = c->x[1];
    if (a == b)
        return scaled(c, 0, formula(c, "2 * x"));
    if (!c->dx[0] || !c->dx[1])
        return c->dx[0] ? scaled(c, 0, b) : scaled(c, 1, a);
    return ho_term_add(c->graph, scaled(c, 0, b), scaled(c, 1, a));
}

static ho_node jvp_div(const context *c)
{
    ho_node b = c->x[1];
    if (!c->dx[1])
        return over(c, tangent(c, 0), b);
    if (c->dx[0])
        return over(c, ho_node_binary(c->graph, HO_OP_SUB, tangent(c, 0), scaled(c, 1, c->y)), b);
    if (shape_of(c, b).rank > 0)
        return scaled(c, 1, formula(c, "-(value / y)"));
    /* Combine the scalars before the tensor. */
    ho_node quotient = fit(c, 1, ho_node_binary(c->graph, HO_OP_DIV, c->dx[1], b));
    return ho_node_unary(c->graph, HO_OP_NEG, ho_node_binary(c->graph, HO_OP_MUL, quotient, residual(c, c->y)));
}

/* By x: 0 instead of 0 times infinity if x = y = 0. By y: 0 unless x > 0; the argument of log is masked too, so that
 * its own derivatives stay finite. */
static ho_node jvp_pow(const context *c)
{
    ho_node by_x = 0, by_y = 0;
    if (c->dx[0])
        by_x = scaled(c, 0, formula(c, "y * x^select((y == 0) * (x == 0), 1, y - 1)"));
    if (c->dx[1])
        by_y = scaled(c, 1, formula(c, "select(0 < x, log(select(0 < x, x, 1)) * value, 0)"));
    return by_x && by_y ? ho_term_add(c->graph, by_x, by_y) : by_x ? by_x : by_y;
}

/* x's tangent where `chosen`, else y's. */
static ho_node choice(const context *c, const char *chosen)
{
    return ho_node_select(c->graph, residual(c, formula(c, chosen)), tangent(c, 0), tangent(c, 1));
}

static ho_node jvp_max(const context *c)
{
    return choice(c, "y < x");
}

static ho_node jvp_min(const context *c)
{
    return choice(c, "x < y");
}

static ho_node jvp_select(const context *c)
{
    if (!c->dx[1] && !c->dx[2])
        return 0;
    return ho_node_select(c->graph, residual(c, c->x[0]), tangent(c, 1), tangent(c, 2));
}

static ho_node jvp_sum(const context *c)
{
    return ho_node_reduce(c->graph, HO_OP_SUM, c->dx[0], c->op.axis, c->op.extent);
}

static ho_node jvp_maximum(const context *c)
{
    ho_node y = ho_node_unreduce(c->graph, c->y, shape_of(c, c->x[0]), c->op.axis, c->op.extent);
    ho_node mask = ho_node_binary(c->graph, HO_OP_EQUAL, c->x[0], y);
    ho_node ties = ho_node_reduce(c->graph, HO_OP_SUM, mask, c->op.axis, c->op.extent);
    ho_node sum = ho_node_reduce(c->graph, HO_OP_SUM, scaled(c, 0, mask), c->op.axis, c->op.extent);
    return over(c, sum, ties);
}

static ho_node jvp_reshape(const context *c)
{
    return ho_node_reshape(c->graph, c->dx[0], batched(c, c->op.shape));
}

static ho_node jvp_expand(const context *c)
{
    if (shape_of(c, c->x[0]).rank == 0)
        return spread(c, c->dx[0], c->op.shape);
    return ho_node_expand(c->graph, c->dx[0], batched(c, c->op.shape));
}

static ho_node jvp_transpose(const context *c)
{
    return ho_node_transpose(c->graph, c->dx[0]);
}

static ho_node jvp_slice(const context *c)
{
    int64_t length = ho_axis_size(&c->op.shape, c->op.axis);
    return ho_node_slice(c->graph, c->dx[0], c->op.axis, c->op.extent, length);
}

static ho_node jvp_pad(const context *c)
{
    ho_shape from = shape_of(c, c->x[0]);
    int64_t after = ho_axis_size(&c->op.shape, c->op.axis) - ho_axis_size(&from, c->op.axis) - c->op.extent;
    return ho_node_pad(c->graph, c->dx[0], c->op.axis, c->op.extent, after);
}

static ho_node jvp_concat(const context *c)
{
    ho_node *parts = ho_alloc(c->op.arity * sizeof *parts);
    for (uint32_t i = 0; i < c->op.arity; i++)
        parts[i] = c->dx[i] ? c->dx[i] : ho_node_fill(c->graph, batched(c, shape_of(c, c->x[i])), 0);
    ho_node result = ho_node_concat(c->graph, parts, c->op.arity, c->op.axis);
    free(parts);
    return result;
}

/* A factor of a mapped product under k columns: [k or 1] + [b or 1] + matrix, expanded to [k b] + matrix. */
static ho_node mapped_factor(const context *c, ho_node a, int32_t rank, bool is_tangent)
{
    ho_shape shape = shape_of(c, a);
    if (!is_tangent && rank == 2)
        return a;
    int64_t outer = c->op.shape.dims[0], rows = shape.dims[shape.rank - 2], last = shape.dims[shape.rank - 1];
    ho_shape ones = ho_shape_of(4, (int64_t[]){is_tangent ? c->columns : 1, rank == 2 ? 1 : outer, rows, last});
    ho_shape full = ho_shape_of(4, (int64_t[]){c->columns, outer, rows, last});
    ho_shape flat = ho_shape_of(3, (int64_t[]){c->columns * outer, rows, last});
    return ho_node_reshape(c->graph, ho_node_expand(c->graph, ho_node_reshape(c->graph, a, ones), full), flat);
}

static ho_node jvp_matmul(const context *c)
{
    ho_node sum = 0;
    for (uint32_t i = 0; i < 2; i++) {
        if (!c->dx[i])
            continue;
        ho_node a = i == 0 ? c->dx[0] : c->x[0], b = i == 1 ? c->dx[1] : c->x[1], product;
        if (c->columns > 0 && c->op.shape.rank > 2) {
            a = mapped_factor(c, a, shape_of(c, c->x[0]).rank, i == 0);
            b = mapped_factor(c, b, shape_of(c, c->x[1]).rank, i == 1);
            product = ho_node_reshape(c->graph, ho_node_matmul(c->graph, a, b), batched(c, c->op.shape));
        } else {
            product = ho_node_matmul(c->graph, a, b);
        }
        sum = sum ? ho_term_add(c->graph, sum, product) : product;
    }
    return sum;
}

static ho_node jvp_gather(const context *c)
{
    return c->dx[0] ? ho_node_gather(c->graph, c->dx[0], c->x[1], c->op.axis) : 0;
}

static ho_node jvp_scatter(const context *c)
{
    int64_t size = ho_axis_size(&c->op.shape, c->op.axis);
    return c->dx[0] ? ho_node_scatter(c->graph, c->dx[0], c->x[1], c->op.axis, size) : 0;
}

static ho_node tangent_by_rule(const context *c)
{
    switch (c->op.op) {
#define UNARY(NAME, name, ...) case HO_OP_##NAME:
        HO_UNARY_OPS(UNARY)
        return jvp_unary(c);
#define ZERO(NAME, name, ...) case HO_OP_##NAME:
        HO_COMPARISON_OPS(ZERO)
        return 0;
#define OWN_RULE(NAME, name, ...) \
    case HO_OP_##NAME:            \
        return jvp_##name(c);
        HO_BINARY_OPS(OWN_RULE)
        HO_TERNARY_OPS(OWN_RULE)
        HO_REDUCTION_OPS(OWN_RULE)
        HO_ARRANGEMENT_OPS(OWN_RULE)
        HO_PRODUCT_OPS(OWN_RULE)
    default:
        return ho_graph_fail(c->graph, "op \"%s\" has no derivative rule", ho_op_name(c->op.op));
    }
}

/* The tangent of node `id`, given those of its operands; 0 if none of them has one. */
static ho_node differentiate(ho_graph *graph, int64_t columns, ho_node id, const ho_node *tangents)
{
    const ho_graph_node *node = ho_graph_at(graph, id);
    bool active = false;
    for (uint32_t i = 0; i < node->arity; i++)
        active |= tangents[node->in[i]] != 0;
    if (!active)
        return 0;
    ho_node *x = ho_alloc(2 * node->arity * sizeof *x), *dx = x + node->arity;
    bool minus = true;
    for (uint32_t i = 0; i < node->arity; i++) {
        x[i] = node->in[i];
        ho_node d = tangents[x[i]];
        minus &= !d || ho_term_unsigned(graph, &d);
    }
    for (uint32_t i = 0; i < node->arity; i++) {
        dx[i] = tangents[x[i]];
        if (minus)
            ho_term_unsigned(graph, &dx[i]); /* every rule is linear: a common sign goes to the result */
    }
    context c = {graph, columns, id, *node, x, dx};
    ho_graph_source_set(graph, c.op.source);
    ho_node result = tangent_by_rule(&c);
    if (result && c.op.shape.rank > 0 && shape_of(&c, result).rank == 0) {
        /* Only without columns, if just an operand of rank 0 had a tangent. */
        result = spread(&c, result, c.op.shape);
    }
    free(x);
    result = ho_term_signed(graph, minus, result);
    return ho_is_value(graph, result, 0) ? 0 : result;
}

/* Sets the tangents of the inputs after checking shapes; a node given twice gets the sum. */
static void seed(ho_graph *graph, int64_t columns, const ho_node *inputs, const ho_node *given, size_t count,
                 ho_node *tangents)
{
    for (size_t i = 0; i < count; i++) {
        if (!given[i])
            continue;
        ho_shape want = with_leading(columns, ho_graph_at(graph, inputs[i])->shape);
        ho_shape got = ho_graph_at(graph, given[i])->shape;
        if (!ho_shape_equal(&want, &got)) {
            char a[HO_SHAPE_TEXT], b[HO_SHAPE_TEXT];
            ho_graph_fail(graph, "derivative: input %zu needs a tangent of shape %s, got %s", i,
                          ho_shape_print(&want, a), ho_shape_print(&got, b));
            return;
        }
        ho_node *tangent = &tangents[inputs[i]];
        *tangent = *tangent ? ho_node_binary(graph, HO_OP_ADD, *tangent, given[i]) : given[i];
    }
}

static bool any_poison(const ho_node *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i] == HO_POISON)
            return true;
    return false;
}

ho_status ho_jvp(ho_graph *graph, int64_t columns, const ho_node *inputs, const ho_node *tangents, size_t input_count,
                 const ho_node *outputs, ho_node *out_tangents, size_t output_count)
{
    memset(out_tangents, 0, output_count * sizeof *out_tangents);
    if (any_poison(inputs, input_count) || any_poison(outputs, output_count))
        ho_graph_fail(graph, "derivative of a poisoned node");
    if (columns < 0)
        ho_graph_fail(graph, "derivative: %" PRId64 " columns", columns);
    if (ho_graph_error(graph)->status)
        return ho_graph_error(graph)->status;
    uint32_t previous = ho_graph_source_enter(graph, "host", __FILE__, __LINE__);
    size_t size = (size_t)ho_graph_size(graph) + 1, length = 0;
    ho_node *order = ho_graph_order(graph, outputs, output_count, &length);
    ho_node *found = ho_alloc(size * sizeof *found);
    bool *given = ho_alloc(size * sizeof *given);
    seed(graph, columns, inputs, tangents, input_count, found);
    for (size_t i = 0; i < input_count; i++)
        given[inputs[i]] = true; /* an input's tangent is what was given, whatever the input depends on */
    for (size_t i = 0; i < length && !ho_graph_error(graph)->status; i++)
        if (!given[order[i]])
            found[order[i]] = differentiate(graph, columns, order[i], found);
    for (size_t i = 0; i < output_count; i++)
        out_tangents[i] = found[outputs[i]];
    ho_graph_source_set(graph, previous);
    free(order);
    free(found);
    free(given);
    return ho_graph_error(graph)->status;
}
