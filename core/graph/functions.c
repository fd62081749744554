/* The functions that formulas can call, built from ops. */
#include "graph/functions.h"

#include "base/text.h"

#include <string.h>

static ho_node relu(ho_graph *graph, const ho_node *in)
{
    return ho_node_binary(graph, HO_OP_MAX, in[0], ho_node_const(graph, 0));
}

static ho_node sigmoid(ho_graph *graph, const ho_node *in)
{
    ho_node half = ho_node_const(graph, 0.5);
    ho_node tanh_half = ho_node_unary(graph, HO_OP_TANH, ho_node_binary(graph, HO_OP_MUL, in[0], half));
    return ho_node_binary(graph, HO_OP_MUL, half, ho_node_binary(graph, HO_OP_ADD, ho_node_const(graph, 1), tanh_half));
}

/* log(1 + exp(x)) = m + log1p(expm1(-m) + exp(x - m)) for any m. With m = max(x, 0) nothing overflows; and since
 * the value does not depend on m, m is stopped, which makes every derivative right, at 0 too. */
static ho_node softplus(ho_graph *graph, const ho_node *in)
{
    ho_node m = ho_node_unary(graph, HO_OP_STOP, relu(graph, in));
    ho_node low = ho_node_unary(graph, HO_OP_EXPM1, ho_node_unary(graph, HO_OP_NEG, m));
    ho_node high = ho_node_unary(graph, HO_OP_EXP, ho_node_binary(graph, HO_OP_SUB, in[0], m));
    return ho_node_binary(graph, HO_OP_ADD, m,
                          ho_node_unary(graph, HO_OP_LOG1P, ho_node_binary(graph, HO_OP_ADD, low, high)));
}

static ho_node dot(ho_graph *graph, const ho_node *in)
{
    return ho_node_sum_all(graph, ho_node_binary_broadcast(graph, HO_OP_MUL, in[0], in[1]));
}

static ho_node norm(ho_graph *graph, const ho_node *in)
{
    return ho_node_unary(graph, HO_OP_SQRT, ho_node_sum_all(graph, ho_node_binary(graph, HO_OP_MUL, in[0], in[0])));
}

/* stop_noise(x, square, largest, epsilon, moved): x, stopped where the root of `square` and epsilon |moved|, the
 * gradient that would have brought the weight from 0 to where it is, is lost beside both bounds, which makes them
 * relative to the precision that the program runs in. The test itself is stopped: no derivative of a comparison is
 * needed, so none is built. An entry of 1024 units of rounding of the largest gradient may be noise of the sums that
 * gradients are; one of 2^18 units of epsilon still moves its weight, by up to 2 % of a full step in f32. Where
 * `largest` is 0 there is nothing to tell noise by, and nothing is stopped. */
static ho_node stop_noise(ho_graph *graph, const ho_node *in)
{
    ho_node given[5];
    for (int i = 1; i < 5; i++)
        given[i] = ho_node_unary(graph, HO_OP_STOP, in[i]);
    const ho_node largest = ho_node_unary(graph, HO_OP_SQRT, given[2]), epsilon = given[3];
    const ho_node way = ho_node_binary_broadcast(graph, HO_OP_MUL, epsilon, given[4]);
    const ho_node square =
        ho_node_binary_broadcast(graph, HO_OP_ADD, given[1], ho_node_binary(graph, HO_OP_MUL, way, way));
    const ho_node size = ho_node_unary(graph, HO_OP_SQRT, square);
    const ho_node relative = ho_node_binary_broadcast(graph, HO_OP_MUL, ho_node_const(graph, 1024), largest);
    const ho_node absolute = ho_node_binary_broadcast(graph, HO_OP_MUL, ho_node_const(graph, 262144), epsilon);
    const ho_node bound = ho_node_binary_broadcast(graph, HO_OP_MIN, relative, absolute);
    const ho_node lost =
        ho_node_binary_broadcast(graph, HO_OP_EQUAL, ho_node_binary_broadcast(graph, HO_OP_ADD, bound, size), bound);
    const ho_node known = ho_node_binary_broadcast(graph, HO_OP_LESS, ho_node_const(graph, 0), largest);
    const ho_node still = ho_node_binary_broadcast(graph, HO_OP_MUL, known, lost);
    return ho_node_select_broadcast(graph, still, ho_node_unary(graph, HO_OP_STOP, in[0]), in[0]);
}

static ho_node transpose(ho_graph *graph, const ho_node *in)
{
    return ho_node_transpose(graph, in[0]);
}

/* In addition, every elementwise op that is not written as an operator is a function by its name. */
static const ho_function functions[] = {
    {.name = "relu", .operands = 1, .build = relu},
    {.name = "sigmoid", .operands = 1, .build = sigmoid},
    {.name = "softplus", .operands = 1, .build = softplus},
    {.name = "dot", .operands = 2, .build = dot},
    {.name = "norm", .operands = 1, .build = norm},
    {.name = "stop_noise", .operands = 5, .build = stop_noise},
    {.name = "transpose", .operands = 1, .build = transpose},
    {.name = "sum", .operands = 1, .axis = true, .op = HO_OP_SUM},
    {.name = "sum_keep", .operands = 1, .axis = true, .op = HO_OP_SUM, .keep = true},
    {.name = "mean", .operands = 1, .axis = true, .op = HO_OP_SUM, .mean = true},
    {.name = "mean_keep", .operands = 1, .axis = true, .op = HO_OP_SUM, .mean = true, .keep = true},
    {.name = "maximum", .operands = 1, .axis = true, .op = HO_OP_MAXIMUM},
    {.name = "maximum_keep", .operands = 1, .axis = true, .op = HO_OP_MAXIMUM, .keep = true},
};

enum { FUNCTIONS = sizeof functions / sizeof functions[0], MOST_OPS = 256 };

static bool is_function(uint32_t op)
{
    return ho_op_is_elementwise(op) && !*ho_op(op)->sign;
}

bool ho_function_find(const char *name, ho_function *found)
{
    for (size_t i = 0; i < FUNCTIONS; i++)
        if (!strcmp(functions[i].name, name)) {
            *found = functions[i];
            return true;
        }
    for (uint32_t op = ho_op_next(0); op; op = ho_op_next(op))
        if (is_function(op) && !strcmp(ho_op_name(op), name)) {
            *found = (ho_function){.name = ho_op_name(op), .operands = ho_op(op)->arity, .op = op};
            return true;
        }
    return false;
}

const char *ho_function_nearest(const char *name)
{
    const char *names[1 + MOST_OPS + FUNCTIONS] = {"grad"};
    size_t count = 1;
    for (uint32_t op = ho_op_next(0); op && count <= MOST_OPS; op = ho_op_next(op))
        if (is_function(op))
            names[count++] = ho_op_name(op);
    for (size_t i = 0; i < FUNCTIONS; i++)
        names[count++] = functions[i].name;
    return ho_nearest(name, names, count);
}

static ho_node reduce(ho_graph *graph, const ho_function *function, ho_node a, const int64_t *axis)
{
    if (!a)
        return HO_POISON;
    ho_shape shape = ho_graph_at(graph, a)->shape;
    int64_t from_end = shape.rank, extent = shape.rank;
    if (axis) {
        if (!ho_axis_from_end(graph, function->name, a, *axis, &from_end))
            return HO_POISON;
        extent = 1;
    }
    ho_node reduced = shape.rank ? ho_node_reduce(graph, function->op, a, from_end, extent) : a;
    if (function->mean) {
        int64_t entries = ho_shape_count(&shape) / ho_shape_count(&ho_graph_at(graph, reduced)->shape);
        reduced = ho_node_binary(graph, HO_OP_DIV, reduced, ho_node_const(graph, (double)entries));
    }
    if (!function->keep)
        return reduced;
    return ho_node_reshape(graph, reduced, ho_kept_shape(shape, from_end, extent));
}

ho_node ho_function_call(ho_graph *graph, const ho_function *function, const ho_node *in, const int64_t *axis)
{
    if (function->build)
        return function->build(graph, in);
    return function->axis ? reduce(graph, function, in[0], axis)
                          : ho_node_broadcast(graph, function->op, function->operands, in);
}
