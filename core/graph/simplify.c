/* Simplification of a draft. No rule changes the bits of a value that stays finite, except x*0 = 0 and the sign of a
 * zero. */
#include "graph/internal.h"

#include <math.h>
#include <string.h>

static const ho_graph_node *at(const ho_graph *graph, ho_node a)
{
    return ho_graph_at(graph, a);
}

static bool is_op(const ho_graph *graph, ho_node a, uint32_t op)
{
    return at(graph, a)->op == op;
}

/* An operand as the result: rank 0 is repeated. */
static ho_node whole(ho_graph *graph, ho_node a, const ho_draft *draft)
{
    return ho_shape_equal(&at(graph, a)->shape, &draft->shape) ? a : ho_node_expand(graph, a, draft->shape);
}

/* The rank-0 node that a tensor repeats, or HO_POISON. */
static ho_node repeated_scalar(const ho_graph *graph, ho_node a)
{
    if (is_op(graph, a, HO_OP_EXPAND))
        a = at(graph, a)->in[0];
    if (!is_op(graph, a, HO_OP_RESHAPE))
        return HO_POISON;
    a = at(graph, a)->in[0];
    return at(graph, a)->shape.rank == 0 ? a : HO_POISON;
}

/* Beside a tensor, operands that repeat one number become that number, of rank 0. */
static void narrow_operands(ho_graph *graph, ho_draft *draft)
{
    bool tensor = false, narrowed[3] = {false, false, false};
    for (uint32_t i = 0; i < draft->arity; i++) {
        ho_node a = draft->in[i];
        if (at(graph, a)->shape.rank == 0)
            continue;
        narrowed[i] = is_op(graph, a, HO_OP_CONST) || repeated_scalar(graph, a);
        tensor = tensor || !narrowed[i];
    }
    /* Without another tensor, the first operand that is computed keeps its shape. */
    for (uint32_t i = 0; !tensor && i < draft->arity; i++)
        if (narrowed[i] && !is_op(graph, draft->in[i], HO_OP_CONST)) {
            narrowed[i] = false;
            tensor = true;
        }
    for (uint32_t i = 0; i < 3; i++)
        draft->operands[i] = i < draft->arity ? draft->in[i] : HO_POISON;
    draft->in = draft->operands;
    for (uint32_t i = 0; tensor && i < draft->arity; i++)
        if (narrowed[i]) {
            ho_node a = draft->operands[i];
            draft->operands[i] =
                is_op(graph, a, HO_OP_CONST) ? ho_node_const(graph, at(graph, a)->value) : repeated_scalar(graph, a);
        }
}

static ho_node fold(ho_graph *graph, const ho_draft *draft)
{
    double value[3] = {0, 0, 0};
    for (uint32_t i = 0; i < draft->arity; i++)
        if (!ho_is_constant(graph, draft->in[i], &value[i]))
            return HO_POISON;
    return ho_node_fill(graph, draft->shape, ho_op_scalar(draft->op, value[0], value[1], value[2]));
}

static ho_node simplify_add(ho_graph *graph, const ho_draft *draft)
{
    ho_node a = draft->in[0], b = draft->in[1];
    if (ho_is_value(graph, b, 0))
        return whole(graph, a, draft);
    if (ho_is_value(graph, a, 0))
        return whole(graph, b, draft);
    if (is_op(graph, b, HO_OP_NEG))
        return ho_node_binary(graph, HO_OP_SUB, a, at(graph, b)->in[0]);
    if (is_op(graph, a, HO_OP_NEG))
        return ho_node_binary(graph, HO_OP_SUB, b, at(graph, a)->in[0]);
    if (a == b)
        return ho_node_binary(graph, HO_OP_MUL, a, ho_node_const(graph, 2));
    return ho_simplify_sum_of_pieces(graph, a, b);
}

/* x - x is left: it is NaN where x is. */
static ho_node simplify_sub(ho_graph *graph, const ho_draft *draft)
{
    ho_node a = draft->in[0], b = draft->in[1];
    if (ho_is_value(graph, b, 0))
        return whole(graph, a, draft);
    if (ho_is_value(graph, a, 0))
        return ho_node_unary(graph, HO_OP_NEG, whole(graph, b, draft));
    if (is_op(graph, b, HO_OP_NEG))
        return ho_node_binary(graph, HO_OP_ADD, a, at(graph, b)->in[0]);
    return HO_POISON;
}

static ho_node simplify_mul(ho_graph *graph, const ho_draft *draft)
{
    for (int i = 0; i < 2; i++) {
        ho_node a = draft->in[i], b = draft->in[1 - i];
        double value;
        if (!ho_is_constant(graph, a, &value))
            continue;
        if (value == 0)
            return ho_node_fill(graph, draft->shape, 0);
        if (value == 1)
            return whole(graph, b, draft);
        if (value == -1)
            return ho_node_unary(graph, HO_OP_NEG, whole(graph, b, draft));
        if (is_op(graph, b, HO_OP_NEG)) {
            ho_node inner = at(graph, b)->in[0];
            return ho_node_binary(graph, HO_OP_MUL, inner, ho_node_fill(graph, at(graph, a)->shape, -value));
        }
    }
    if (is_op(graph, draft->in[0], HO_OP_NEG) && is_op(graph, draft->in[1], HO_OP_NEG))
        return ho_node_binary(graph, HO_OP_MUL, at(graph, draft->in[0])->in[0], at(graph, draft->in[1])->in[0]);
    return HO_POISON;
}

/* Division by a power of two is multiplication by its inverse, which is cheaper; within the exponent range of f32. */
static ho_node simplify_div(ho_graph *graph, const ho_draft *draft)
{
    ho_node a = draft->in[0], b = draft->in[1];
    double value;
    int exponent;
    if (!ho_is_constant(graph, b, &value) || fabs(frexp(value, &exponent)) != 0.5 || exponent < -100 || exponent > 100)
        return HO_POISON;
    return ho_node_binary(graph, HO_OP_MUL, a, ho_node_fill(graph, at(graph, b)->shape, 1 / value));
}

static ho_node simplify_pow(ho_graph *graph, const ho_draft *draft)
{
    ho_node a = draft->in[0], b = draft->in[1];
    double value;
    if (ho_is_value(graph, a, 1))
        return ho_node_fill(graph, draft->shape, 1);
    if (!ho_is_constant(graph, b, &value))
        return HO_POISON;
    if (value == 0)
        return ho_node_fill(graph, draft->shape, 1);
    if (value != 1 && value != 2 && value != 3 && value != 0.5 && value != -1)
        return HO_POISON;
    a = whole(graph, a, draft);
    if (value == 1)
        return a;
    if (value == 0.5)
        return ho_node_unary(graph, HO_OP_SQRT, a);
    if (value == -1)
        return ho_node_binary(graph, HO_OP_DIV, ho_node_const(graph, 1), a);
    ho_node square = ho_node_binary(graph, HO_OP_MUL, a, a);
    return value == 2 ? square : ho_node_binary(graph, HO_OP_MUL, square, a);
}

static ho_node simplify_elementwise(ho_graph *graph, ho_draft *draft)
{
    ho_node folded = fold(graph, draft);
    if (folded)
        return folded;
    narrow_operands(graph, draft);
    ho_node a = draft->in[0], found = HO_POISON;
    double value;
    switch (draft->op) {
    case HO_OP_NEG:
        return is_op(graph, a, HO_OP_NEG) ? at(graph, a)->in[0] : HO_POISON;
    case HO_OP_STOP:
        return is_op(graph, a, HO_OP_STOP) ? a : HO_POISON;
    case HO_OP_ADD:
        found = simplify_add(graph, draft);
        break;
    case HO_OP_SUB:
        return simplify_sub(graph, draft);
    case HO_OP_MUL:
        found = simplify_mul(graph, draft);
        break;
    case HO_OP_DIV:
        return simplify_div(graph, draft);
    case HO_OP_POW:
        return simplify_pow(graph, draft);
    case HO_OP_SELECT:
        if (ho_is_constant(graph, a, &value))
            return whole(graph, draft->in[value != 0 ? 1 : 2], draft);
        return draft->in[1] == draft->in[2] ? whole(graph, draft->in[1], draft) : HO_POISON;
    case HO_OP_EQUAL:
        break;
    default:
        return HO_POISON;
    }
    /* Commutative, to the bit: one order, so that a+b and b+a are one node. */
    if (!found && draft->operands[0] > draft->operands[1]) {
        draft->operands[0] = draft->operands[1];
        draft->operands[1] = a;
    }
    return found;
}

static ho_node simplify_reduce(ho_graph *graph, const ho_draft *draft)
{
    ho_node a = draft->in[0];
    int64_t entries = ho_shape_count(&at(graph, a)->shape) / ho_shape_count(&draft->shape);
    double value;
    if (entries == 1)
        return ho_node_reshape(graph, a, draft->shape);
    if (ho_is_constant(graph, a, &value))
        return ho_node_fill(graph, draft->shape, draft->op == HO_OP_SUM ? value * (double)entries : value);
    return HO_POISON;
}

static bool is_transpose_of(const ho_graph *graph, ho_node a, ho_node b)
{
    return is_op(graph, a, HO_OP_TRANSPOSE) && at(graph, a)->in[0] == b;
}

/* Exchanging two axes moves nothing in memory where one of them has size 1, and nothing at all in x + x'. The latter
 * lets a plugin say that a matrix is symmetric, so that a product with it and one with its transpose are one product.
 */
static ho_node simplify_transpose(ho_graph *graph, const ho_draft *draft)
{
    ho_node a = draft->in[0];
    if (is_op(graph, a, HO_OP_TRANSPOSE))
        return at(graph, a)->in[0];
    if (is_op(graph, a, HO_OP_ADD)) {
        ho_node x = at(graph, a)->in[0], y = at(graph, a)->in[1];
        if (is_transpose_of(graph, x, y) || is_transpose_of(graph, y, x))
            return a;
    }
    if (ho_axis_size(&draft->shape, 1) == 1 || ho_axis_size(&draft->shape, 2) == 1)
        return ho_node_reshape(graph, a, draft->shape);
    return HO_POISON;
}

ho_node ho_simplify(ho_graph *graph, ho_draft *draft)
{
    if (!draft->arity)
        return HO_POISON;
    if (ho_op_is_elementwise(draft->op))
        return simplify_elementwise(graph, draft);
    ho_node a = draft->in[0];
    bool same_shape = ho_shape_equal(&at(graph, a)->shape, &draft->shape);
    double value = NAN;
    bool constant = ho_is_constant(graph, a, &value);
    switch (draft->op) {
    case HO_OP_SUM:
    case HO_OP_MAXIMUM:
        return simplify_reduce(graph, draft);
    case HO_OP_RESHAPE:
    case HO_OP_EXPAND:
        if (same_shape)
            return a;
        if (constant)
            return ho_node_fill(graph, draft->shape, value);
        if (!is_op(graph, a, draft->op))
            return HO_POISON;
        return draft->op == HO_OP_RESHAPE ? ho_node_reshape(graph, at(graph, a)->in[0], draft->shape)
                                          : ho_node_expand(graph, at(graph, a)->in[0], draft->shape);
    case HO_OP_TRANSPOSE:
        return constant ? ho_node_fill(graph, draft->shape, value) : simplify_transpose(graph, draft);
    case HO_OP_SLICE:
        return constant ? ho_node_fill(graph, draft->shape, value) : ho_simplify_slice(graph, draft);
    case HO_OP_PAD:
        return ho_simplify_pad(graph, draft);
    case HO_OP_CONCAT:
        return ho_simplify_concat(graph, draft);
    case HO_OP_MATMUL:
        return ho_is_value(graph, a, 0) || ho_is_value(graph, draft->in[1], 0) ? ho_node_fill(graph, draft->shape, 0)
                                                                               : HO_POISON;
    case HO_OP_GATHER:
        return constant ? ho_node_fill(graph, draft->shape, value) : HO_POISON;
    case HO_OP_SCATTER:
        return value == 0 ? ho_node_fill(graph, draft->shape, 0) : HO_POISON;
    default:
        return HO_POISON;
    }
}
