/* Forward derivatives: a rule per op, applied to the nodes that outputs need, in order. */
#include "diff/diff.h"
#include "diff/internal.h"
#include "graph/formula.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One application of a rule: y = op(x...), where some operands have a tangent. The tangent of a primal of shape S has
 * shape S, or [k] + S where k columns are carried at once. */
typedef struct {
    ho_graph *graph;
    int64_t columns;
    ho_node y;
    ho_graph_node op; /* a copy: the graph grows while the rule runs */
    const ho_node *x;
    const ho_node *dx; /* 0: no tangent */
} context;

/* Short builders. */
static ho_node number(const context *c, double value)
{
    return ho_node_const(c->graph, value);
}

static ho_node sub(const context *c, ho_node a, ho_node b)
{
    return ho_node_binary(c->graph, HO_OP_SUB, a, b);
}

static ho_node mul(const context *c, ho_node a, ho_node b)
{
    return ho_node_binary(c->graph, HO_OP_MUL, a, b);
}

static ho_node divide(const context *c, ho_node a, ho_node b)
{
    return ho_node_binary(c->graph, HO_OP_DIV, a, b);
}

static ho_node negate(const context *c, ho_node a)
{
    return ho_node_unary(c->graph, HO_OP_NEG, a);
}

static ho_node unary(const context *c, uint32_t op, ho_node a)
{
    return ho_node_unary(c->graph, op, a);
}

static ho_shape shape_of(const context *c, ho_node a)
{
    return a ? ho_graph_at(c->graph, a)->shape : ho_scalar_shape();
}

/* Shapes with leading axes. A rank too high is left to the builders, which name it. */
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

/* A tangent of operand i, fit to meet others of y's shape in an elementwise op. */
static ho_node fit(const context *c, uint32_t i, ho_node d)
{
    bool scalar = shape_of(c, c->x[i]).rank == 0;
    return scalar && c->columns > 0 && c->op.shape.rank > 0 ? spread(c, d, c->op.shape) : d;
}

/* Operand i's tangent, fit likewise; 0 in rank 0 where there is none. */
static ho_node tangent(const context *c, uint32_t i)
{
    return c->dx[i] ? fit(c, i, c->dx[i]) : number(c, 0);
}

/* A primal value, fit to meet tangents in an elementwise op. */
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

/* By the formula in the table. Times 1/u is divided by u. */
static ho_node jvp_unary(const context *c)
{
    ho_scope *scope = ho_scope_new();
    ho_scope_bind(scope, "x", c->x[0]);
    ho_scope_bind(scope, "value", c->y);
    ho_node factor = ho_formula(c->graph, scope, NULL, NULL, ho_op(c->op.op)->derivative);
    ho_scope_free(scope);
    double one;
    const ho_graph_node *node = ho_graph_at(c->graph, factor);
    bool inverse = node->op == HO_OP_DIV && ho_is_constant(c->graph, node->in[0], &one) && one == 1;
    return inverse ? over(c, c->dx[0], node->in[1]) : scaled(c, 0, factor);
}

static ho_node jvp_add(const context *c)
{
    return ho_term_add(c->graph, tangent(c, 0), tangent(c, 1));
}

static ho_node jvp_sub(const context *c)
{
    return sub(c, tangent(c, 0), tangent(c, 1));
}

static ho_node jvp_mul(const context *c)
{
    ho_node a = c->x[0], b = c->x[1];
    if (a == b)
        return scaled(c, 0, mul(c, number(c, 2), a));
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
        return over(c, sub(c, tangent(c, 0), scaled(c, 1, c->y)), b);
    if (shape_of(c, b).rank == 0) {
        /* Numbers first, then the tensor. */
        return negate(c, mul(c, fit(c, 1, divide(c, c->dx[1], b)), residual(c, c->y)));
    }
    return scaled(c, 1, negate(c, divide(c, c->y, b)));
}

/* b a^(b-1), except that a = b = 0 gives 0 and not 0 times infinity. */
static ho_node pow_by_base(const context *c)
{
    ho_node a = c->x[0], b = c->x[1], exponent = sub(c, b, number(c, 1));
    double known;
    if (!ho_is_constant(c->graph, b, &known)) {
        ho_node zero = number(c, 0);
        ho_node both =
            mul(c, ho_node_binary(c->graph, HO_OP_EQUAL, b, zero), ho_node_binary(c->graph, HO_OP_EQUAL, a, zero));
        exponent = ho_node_select(c->graph, both, number(c, 1), exponent);
    }
    return scaled(c, 0, mul(c, b, ho_node_binary(c->graph, HO_OP_POW, a, exponent)));
}

/* log(a) a^b where a > 0, else 0; log's argument is masked too, so that its own derivatives stay finite. */
static ho_node pow_by_exponent(const context *c)
{
    ho_node a = c->x[0], zero = number(c, 0), positive = ho_node_binary(c->graph, HO_OP_LESS, zero, a);
    ho_node log = unary(c, HO_OP_LOG, ho_node_select(c->graph, positive, a, number(c, 1)));
    return scaled(c, 1, ho_node_select(c->graph, positive, mul(c, log, c->y), zero));
}

static ho_node jvp_pow(const context *c)
{
    if (!c->dx[0] || !c->dx[1])
        return c->dx[0] ? pow_by_base(c) : pow_by_exponent(c);
    return ho_term_add(c->graph, pow_by_base(c), pow_by_exponent(c));
}

/* a's tangent where a is strictly the larger or smaller one, else b's. */
static ho_node jvp_max(const context *c)
{
    ho_node chosen = ho_node_binary(c->graph, HO_OP_LESS, c->x[1], c->x[0]);
    return ho_node_select(c->graph, residual(c, chosen), tangent(c, 0), tangent(c, 1));
}

static ho_node jvp_min(const context *c)
{
    ho_node chosen = ho_node_binary(c->graph, HO_OP_LESS, c->x[0], c->x[1]);
    return ho_node_select(c->graph, residual(c, chosen), tangent(c, 0), tangent(c, 1));
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

/* A factor of a mapped product under k columns: [k or 1] + [b or 1] + matrix, spread to [k b] + matrix. */
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
        return ho_graph_fail(c->graph, "the op \"%s\" has no derivative rule", ho_op_name(c->op.op));
    }
}

/* The tangent of node `id` given those of its operands; 0 where none of them has one. */
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
            ho_term_unsigned(graph, &dx[i]); /* every rule is linear: a common sign is put on the result */
    }
    context c = {graph, columns, id, *node, x, dx};
    ho_graph_source_set(graph, c.op.source);
    ho_node result = tangent_by_rule(&c);
    if (result && c.op.shape.rank > 0 && shape_of(&c, result).rank == 0) {
        /* Only without columns: an operand of rank 0 met tensors that have no tangent. */
        result = spread(&c, result, c.op.shape);
    }
    free(x);
    result = ho_term_signed(graph, minus, result);
    double value;
    return result && ho_is_constant(graph, result, &value) && value == 0 ? 0 : result;
}

/* Sets the inputs' tangents after checking shapes; the same node given twice gets the sum. */
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
            ho_graph_fail(graph, "derivative: input %zu wants a tangent of shape %s, not %s", i,
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
        ho_graph_fail(graph, "derivative of a node that was never made");
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
        given[inputs[i]] = true; /* an input's tangent is what was given, whatever the input is made of */
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
