/* The reference evaluator: every op by its definition, node after node, nothing clever. */
#include "exec/exec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const ho_graph *graph;
    double **values; /* by node number; NULL: not computed */
    ho_error *error;
} evaluation;

static const ho_graph_node *operand(const evaluation *e, const ho_graph_node *node, uint32_t i)
{
    return ho_graph_at(e->graph, node->in[i]);
}

static void elementwise(const evaluation *e, const ho_graph_node *node, double *out)
{
    const double *in[3] = {NULL, NULL, NULL};
    int64_t stride[3] = {0, 0, 0};
    for (uint32_t i = 0; i < node->arity; i++) {
        in[i] = e->values[node->in[i]];
        stride[i] = operand(e, node, i)->shape.rank > 0;
    }
    int64_t count = ho_shape_count(&node->shape);
    for (int64_t i = 0; i < count; i++) {
        double x[3] = {0, 0, 0};
        for (uint32_t k = 0; k < node->arity; k++)
            x[k] = in[k][i * stride[k]];
        out[i] = ho_op_scalar(node->op, x[0], x[1], x[2]);
    }
}

/* The result of a reduction before its first entry, and after adding an entry x to the result y so far. */
static double first_of(uint32_t op)
{
    switch (op) {
#define FIRST(NAME, name, number, kink, first, fold) \
    case HO_OP_##NAME:                               \
        return first;
        HO_REDUCTION_OPS(FIRST)
    default:
        return NAN;
    }
}

static double fold_of(uint32_t op, double x, double y)
{
    switch (op) {
#define FOLD(NAME, name, number, kink, first, fold) \
    case HO_OP_##NAME:                              \
        return fold;
        HO_REDUCTION_OPS(FOLD)
    default:
        return NAN;
    }
}

static void reduce(const evaluation *e, const ho_graph_node *node, double *out)
{
    const ho_shape *from = &operand(e, node, 0)->shape;
    const double *in = e->values[node->in[0]];
    const ho_around n = ho_shape_around(from, node->axis, node->extent);
    for (int64_t o = 0; o < n.outer; o++) {
        for (int64_t j = 0; j < n.inner; j++) {
            double result = first_of(node->op);
            for (int64_t i = 0; i < n.extent; i++)
                result = fold_of(node->op, in[(o * n.extent + i) * n.inner + j], result);
            out[o * n.inner + j] = result;
        }
    }
}

static void expand(const evaluation *e, const ho_graph_node *node, double *out)
{
    const ho_shape *from = &operand(e, node, 0)->shape;
    const double *in = e->values[node->in[0]];
    int64_t count = ho_shape_count(&node->shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, stride = 1, at = 0;
        for (int32_t axis = node->shape.rank - 1; axis >= 0 && from->rank > 0; axis--) {
            int64_t position = rest % node->shape.dims[axis];
            rest /= node->shape.dims[axis];
            at += from->dims[axis] == 1 ? 0 : position * stride;
            stride *= from->dims[axis];
        }
        out[i] = in[at];
    }
}

static void transpose(const evaluation *e, const ho_graph_node *node, double *out)
{
    const double *in = e->values[node->in[0]];
    int32_t rank = node->shape.rank;
    int64_t rows = node->shape.dims[rank - 2], columns = node->shape.dims[rank - 1];
    int64_t outer = ho_shape_count(&node->shape) / (rows * columns);
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                out[(o * rows + i) * columns + j] = in[(o * columns + j) * rows + i];
    }
}

/* out[o, i + to, j] = in[o, i + from, j] for i < size; the tensors differ only in this axis. */
static void copy_range(const double *in, ho_around source, int64_t from, double *out, ho_around target, int64_t to,
                       int64_t size)
{
    for (int64_t o = 0; o < source.outer; o++)
        for (int64_t i = 0; i < size * source.inner; i++)
            out[(o * target.extent + to) * target.inner + i] = in[(o * source.extent + from) * source.inner + i];
}

/* SLICE, PAD and CONCAT; `out` is zeroed. */
static void ranges(const evaluation *e, const ho_graph_node *node, double *out)
{
    ho_around target = ho_shape_around(&node->shape, node->axis, 1);
    int64_t to = node->op == HO_OP_PAD ? node->extent : 0;
    for (uint32_t i = 0; i < node->arity; i++) {
        ho_around source = ho_shape_around(&operand(e, node, i)->shape, node->axis, 1);
        bool slice = node->op == HO_OP_SLICE;
        int64_t size = slice ? target.extent : source.extent;
        copy_range(e->values[node->in[i]], source, slice ? node->extent : 0, out, target, to, size);
        to += size;
    }
}

static void matmul(const evaluation *e, const ho_graph_node *node, double *out)
{
    const ho_shape *sa = &operand(e, node, 0)->shape, *sb = &operand(e, node, 1)->shape;
    const double *a = e->values[node->in[0]], *b = e->values[node->in[1]];
    int64_t rows = sa->dims[sa->rank - 2], inner = sa->dims[sa->rank - 1], columns = sb->dims[sb->rank - 1];
    int64_t outer = ho_shape_count(&node->shape) / (rows * columns);
    int64_t step_a = sa->rank > 2 ? rows * inner : 0, step_b = sb->rank > 2 ? inner * columns : 0;
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t i = 0; i < rows; i++) {
            for (int64_t j = 0; j < columns; j++) {
                double sum = 0;
                for (int64_t l = 0; l < inner; l++)
                    sum += a[o * step_a + i * inner + l] * b[o * step_b + l * columns + j];
                out[(o * rows + i) * columns + j] = sum;
            }
        }
    }
}

/* GATHER and SCATTER; `out` is zeroed. */
static ho_status indexing(const evaluation *e, const ho_graph_node *node, double *out)
{
    const double *in = e->values[node->in[0]], *indices = e->values[node->in[1]];
    ho_around source = ho_shape_around(&operand(e, node, 0)->shape, node->axis, 1);
    ho_around target = ho_shape_around(&node->shape, node->axis, 1);
    bool gather = node->op == HO_OP_GATHER;
    int64_t count = gather ? target.extent : source.extent, limit = gather ? source.extent : target.extent;
    for (int64_t i = 0; i < count; i++) {
        double at = indices[i];
        if (!(at >= 0 && at < (double)limit) || at != floor(at)) {
            return ho_fail(e->error, HO_FAILED, "%s: index %g at position %lld is not an integer from 0 to %lld",
                           ho_op_name(node->op), at, (long long)i, (long long)limit - 1);
        }
        for (int64_t o = 0; o < source.outer; o++) {
            for (int64_t j = 0; j < source.inner; j++) {
                int64_t many = (o * count + i) * source.inner + j, one = (o * limit + (int64_t)at) * source.inner + j;
                if (gather)
                    out[many] = in[one];
                else
                    out[one] += in[many];
            }
        }
    }
    return HO_OK;
}

static ho_status compute(const evaluation *e, const ho_graph_node *node, double *out)
{
    int64_t count = ho_shape_count(&node->shape);
    switch ((enum ho_op_number)node->op) {
    case HO_OP_LEAF: /* bound, not computed */
        break;
    case HO_OP_CONST:
    case HO_OP_IOTA:
        for (int64_t i = 0; i < count; i++)
            out[i] = node->op == HO_OP_IOTA ? (double)i : node->value;
        break;
        HO_ELEMENTWISE_OPS(HO_OP_CASE)
        elementwise(e, node, out);
        break;
        HO_REDUCTION_OPS(HO_OP_CASE)
        reduce(e, node, out);
        break;
    case HO_OP_RESHAPE:
        memcpy(out, e->values[node->in[0]], (size_t)count * sizeof *out);
        break;
    case HO_OP_EXPAND:
        expand(e, node, out);
        break;
    case HO_OP_TRANSPOSE:
        transpose(e, node, out);
        break;
    case HO_OP_SLICE:
    case HO_OP_PAD:
    case HO_OP_CONCAT:
        ranges(e, node, out);
        break;
    case HO_OP_MATMUL:
        matmul(e, node, out);
        break;
    case HO_OP_GATHER:
    case HO_OP_SCATTER:
        return indexing(e, node, out);
    }
    return HO_OK;
}

static bool finite_entries(const evaluation *e, ho_node id)
{
    int64_t count = ho_shape_count(&ho_graph_at(e->graph, id)->shape);
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(e->values[id][i]))
            return false;
    return true;
}

/* A node that is not finite although its operands are. */
static bool goes_bad(const evaluation *e, ho_node id)
{
    const ho_graph_node *node = ho_graph_at(e->graph, id);
    if (finite_entries(e, id))
        return false;
    for (uint32_t i = 0; i < node->arity; i++)
        if (!finite_entries(e, node->in[i]))
            return false;
    return true;
}

/* Copies the value of a leaf, computes that of any other node. */
static ho_status evaluate(const evaluation *e, ho_precision precision, ho_node id, const ho_node *inputs,
                          const double *const *values, size_t input_count)
{
    const ho_graph_node *node = ho_graph_at(e->graph, id);
    int64_t count = ho_shape_count(&node->shape);
    double *out = ho_large_alloc((uint64_t)(count > 0 ? count : 1), sizeof *out, "the reference evaluator", e->error);
    if (!out)
        return e->error->status;
    e->values[id] = out;
    if (node->op == HO_OP_LEAF) {
        size_t i = 0;
        while (i < input_count && inputs[i] != id)
            i++;
        if (i == input_count || !values[i])
            return ho_fail(e->error, HO_INVALID, "the leaf \"%s\" has no value", node->name ? node->name : "");
        memcpy(out, values[i], (size_t)count * sizeof *out);
    } else {
        ho_status status = compute(e, node, out);
        if (status)
            return status;
    }
    for (int64_t i = 0; i < count && precision == HO_F32 && node->shape.rank > 0; i++)
        out[i] = (double)(float)out[i];
    return HO_OK;
}

ho_status ho_reference_run(const ho_graph *graph, ho_precision precision, const ho_node *inputs,
                           const double *const *values, size_t input_count, const ho_node *outputs,
                           double *const *results, size_t output_count, ho_node *first_bad, ho_error *error)
{
    if (first_bad)
        *first_bad = HO_POISON;
    for (size_t i = 0; i < output_count; i++)
        if (outputs[i] == HO_POISON || outputs[i] > ho_graph_size(graph))
            return ho_fail(error, HO_FAILED, "output %zu is not a node of the graph", i);
    size_t length = 0;
    ho_node *order = ho_graph_order(graph, outputs, output_count, &length);
    evaluation e = {graph, ho_alloc(((size_t)ho_graph_size(graph) + 1) * sizeof(double *)), error};
    ho_status status = HO_OK;
    for (size_t i = 0; i < length && !status; i++) {
        status = evaluate(&e, precision, order[i], inputs, values, input_count);
        if (!status && first_bad && !*first_bad && goes_bad(&e, order[i]))
            *first_bad = order[i];
    }
    for (size_t i = 0; i < output_count && !status; i++) {
        int64_t count = ho_shape_count(&ho_graph_at(graph, outputs[i])->shape);
        memcpy(results[i], e.values[outputs[i]], (size_t)count * sizeof(double));
    }
    for (size_t i = 0; i < length; i++)
        ho_large_free(e.values[order[i]]);
    free(e.values);
    free(order);
    return status;
}
