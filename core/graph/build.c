/* Builders: each drafts a node, which is checked, simplified and interned. */
#include "graph/internal.h"

#include <inttypes.h>

static ho_node make(ho_graph *graph, ho_draft *draft)
{
    char why[HO_WHY];
    if (!draft->in)
        draft->in = draft->operands;
    for (uint32_t i = 0; i < draft->arity; i++)
        if (!draft->in[i])
            return HO_POISON;
    for (uint32_t i = 0; i < draft->arity; i++)
        if (draft->in[i] >= graph->count)
            return ho_graph_fail(graph, "%s: operand %" PRIu32 " is not a node of this graph", ho_op_name(draft->op),
                                 i);
    if (!ho_infer(graph, draft, why))
        return ho_graph_fail(graph, "%s: %s", ho_op_name(draft->op), why);
    ho_node simpler = ho_simplify(graph, draft);
    return simpler ? simpler : ho_intern(graph, draft);
}

ho_node ho_node_leaf(ho_graph *graph, const char *name, ho_shape shape)
{
    return make(graph, &(ho_draft){.op = HO_OP_LEAF, .shape = shape, .name = name ? name : ""});
}

ho_node ho_node_const(ho_graph *graph, double value)
{
    return ho_node_fill(graph, ho_scalar_shape(), value);
}

ho_node ho_node_fill(ho_graph *graph, ho_shape shape, double value)
{
    return make(graph, &(ho_draft){.op = HO_OP_CONST, .shape = shape, .value = value});
}

ho_node ho_node_iota(ho_graph *graph, int64_t n)
{
    return make(graph, &(ho_draft){.op = HO_OP_IOTA, .shape = {.rank = 1, .dims = {n}}});
}

static ho_node make_elementwise(ho_graph *graph, uint32_t op, uint32_t arity, ho_node a, ho_node b, ho_node c)
{
    if (!ho_op_is_elementwise(op) || ho_op(op)->arity != arity)
        return ho_graph_fail(graph, "op %" PRIu32 " is not an elementwise op of %" PRIu32 " operand%s", op, arity,
                             arity == 1 ? "" : "s");
    return make(graph, &(ho_draft){.op = op, .arity = arity, .operands = {a, b, c}});
}

ho_node ho_node_unary(ho_graph *graph, uint32_t op, ho_node a)
{
    return make_elementwise(graph, op, 1, a, 0, 0);
}

ho_node ho_node_binary(ho_graph *graph, uint32_t op, ho_node a, ho_node b)
{
    return make_elementwise(graph, op, 2, a, b, 0);
}

ho_node ho_node_select(ho_graph *graph, ho_node c, ho_node a, ho_node b)
{
    return make_elementwise(graph, HO_OP_SELECT, 3, c, a, b);
}

ho_node ho_node_reduce(ho_graph *graph, uint32_t op, ho_node a, int64_t axis, int64_t extent)
{
    if (ho_op(op)->class != HO_CLASS_REDUCTION)
        return ho_graph_fail(graph, "op %" PRIu32 " is not a reduction", op);
    return make(graph, &(ho_draft){.op = op, .arity = 1, .operands = {a}, .axis = axis, .extent = extent});
}

ho_node ho_node_sum_all(ho_graph *graph, ho_node a)
{
    if (!a || a >= graph->count)
        return make(graph, &(ho_draft){.op = HO_OP_SUM, .arity = 1, .operands = {a}});
    int32_t rank = ho_graph_at(graph, a)->shape.rank;
    return rank ? ho_node_reduce(graph, HO_OP_SUM, a, rank, rank) : a;
}

ho_node ho_node_unreduce(ho_graph *graph, ho_node a, ho_shape shape, int64_t axis, int64_t extent)
{
    if (!a || ho_graph_at(graph, a)->shape.rank == 0)
        return a;
    return ho_node_expand(graph, ho_node_reshape(graph, a, ho_kept_shape(shape, axis, extent)), shape);
}

ho_node ho_node_reshape(ho_graph *graph, ho_node a, ho_shape shape)
{
    return make(graph, &(ho_draft){.op = HO_OP_RESHAPE, .arity = 1, .operands = {a}, .shape = shape});
}

ho_node ho_node_expand(ho_graph *graph, ho_node a, ho_shape shape)
{
    if (a && a < graph->count && ho_graph_at(graph, a)->shape.rank == 0 && shape.rank > 0 &&
        shape.rank <= HO_RANK_MAX) {
        ho_shape ones = {.rank = shape.rank};
        for (int32_t i = 0; i < shape.rank; i++)
            ones.dims[i] = 1;
        a = ho_node_reshape(graph, a, ones);
    }
    return make(graph, &(ho_draft){.op = HO_OP_EXPAND, .arity = 1, .operands = {a}, .shape = shape});
}

ho_node ho_node_transpose(ho_graph *graph, ho_node a)
{
    return make(graph, &(ho_draft){.op = HO_OP_TRANSPOSE, .arity = 1, .operands = {a}});
}

ho_node ho_node_slice(ho_graph *graph, ho_node a, int64_t axis, int64_t start, int64_t length)
{
    return make(
        graph,
        &(ho_draft){.op = HO_OP_SLICE, .arity = 1, .operands = {a}, .axis = axis, .extent = start, .size = length});
}

ho_node ho_node_pad(ho_graph *graph, ho_node a, int64_t axis, int64_t before, int64_t after)
{
    return make(
        graph,
        &(ho_draft){.op = HO_OP_PAD, .arity = 1, .operands = {a}, .axis = axis, .extent = before, .size = after});
}

ho_node ho_node_concat(ho_graph *graph, const ho_node *parts, uint32_t count, int64_t axis)
{
    if (!parts)
        count = 0;
    return make(graph, &(ho_draft){.op = HO_OP_CONCAT, .arity = count, .in = parts, .axis = axis});
}

ho_node ho_node_matmul(ho_graph *graph, ho_node a, ho_node b)
{
    return make(graph, &(ho_draft){.op = HO_OP_MATMUL, .arity = 2, .operands = {a, b}});
}

ho_node ho_node_gather(ho_graph *graph, ho_node a, ho_node indices, int64_t axis)
{
    return make(graph, &(ho_draft){.op = HO_OP_GATHER, .arity = 2, .operands = {a, indices}, .axis = axis});
}

ho_node ho_node_scatter(ho_graph *graph, ho_node a, ho_node indices, int64_t axis, int64_t size)
{
    return make(graph,
                &(ho_draft){.op = HO_OP_SCATTER, .arity = 2, .operands = {a, indices}, .axis = axis, .size = size});
}

ho_draft ho_draft_of(const ho_graph *graph, ho_node id)
{
    const ho_graph_node *node = ho_graph_at(graph, id);
    ho_draft draft = {.op = node->op,
                      .arity = node->arity,
                      .in = node->in,
                      .shape = node->shape,
                      .value = node->value,
                      .axis = node->axis,
                      .extent = node->extent,
                      .name = node->name};
    if (node->op == HO_OP_SLICE || node->op == HO_OP_SCATTER)
        draft.size = ho_axis_size(&node->shape, node->axis);
    if (node->op == HO_OP_PAD)
        draft.size = ho_axis_size(&node->shape, node->axis) - node->extent -
                     ho_axis_size(&ho_graph_at(graph, node->in[0])->shape, node->axis);
    return draft;
}

ho_node ho_node_rebuild(ho_graph *graph, ho_node like, const ho_node *in)
{
    if (!like)
        return HO_POISON;
    ho_draft draft = ho_draft_of(graph, like);
    if (!draft.arity)
        return like;
    ho_node old = draft.in[0];
    if (draft.op == HO_OP_CONCAT) {
        draft.in = in;
    } else {
        for (uint32_t i = 0; i < draft.arity; i++)
            draft.operands[i] = in[i];
        draft.in = draft.operands;
    }
    /* If the operand has gained a leading axis, so does the result. */
    if ((draft.op == HO_OP_RESHAPE || draft.op == HO_OP_EXPAND) && in[0]) {
        const ho_shape *was = &ho_graph_at(graph, old)->shape, *is = &ho_graph_at(graph, in[0])->shape;
        if (is->rank == was->rank + 1 && draft.shape.rank < HO_RANK_MAX) {
            for (int32_t i = draft.shape.rank++; i > 0; i--)
                draft.shape.dims[i] = draft.shape.dims[i - 1];
            draft.shape.dims[0] = is->dims[0];
        }
    }
    return make(graph, &draft);
}

/* ---- broadcasting ---------------------------------------------------------------------------------------------- */

/* The common shape of `count` operands; false if there is none. Rank 0 goes with every shape. */
static bool common_shape(const ho_graph *graph, const ho_node *in, uint32_t count, ho_shape *common)
{
    *common = ho_scalar_shape();
    for (uint32_t k = 0; k < count; k++) {
        const ho_shape *shape = &ho_graph_at(graph, in[k])->shape;
        ho_shape wider = {.rank = shape->rank > common->rank ? shape->rank : common->rank};
        for (int32_t i = 1; i <= wider.rank; i++) {
            int64_t a = i <= shape->rank ? ho_axis_size(shape, i) : 1;
            int64_t b = i <= common->rank ? ho_axis_size(common, i) : 1;
            if (a != b && a != 1 && b != 1)
                return false;
            wider.dims[wider.rank - i] = a > b ? a : b;
        }
        *common = wider;
    }
    return true;
}

static ho_node broadcast_to(ho_graph *graph, ho_node a, ho_shape shape)
{
    ho_shape own = ho_graph_at(graph, a)->shape;
    if (own.rank == 0)
        return a;
    ho_shape aligned = {.rank = shape.rank};
    for (int32_t i = 1; i <= shape.rank; i++)
        aligned.dims[shape.rank - i] = i <= own.rank ? ho_axis_size(&own, i) : 1;
    return ho_node_expand(graph, ho_node_reshape(graph, a, aligned), shape);
}

ho_node ho_node_broadcast(ho_graph *graph, uint32_t op, uint32_t arity, const ho_node *operands)
{
    char text[3][HO_SHAPE_TEXT];
    ho_node in[3] = {0};
    bool there = true;
    for (uint32_t i = 0; i < arity; i++) {
        in[i] = operands[i];
        there = there && in[i] && in[i] < graph->count;
    }
    ho_shape common;
    if (there && !common_shape(graph, in, arity, &common)) {
        for (uint32_t i = 0; i < arity; i++)
            ho_shape_print(&ho_graph_at(graph, in[i])->shape, text[i]);
        return ho_graph_fail(graph, "%s: %s%s%s and %s: the shapes cannot be broadcast together", ho_op_name(op),
                             text[0], arity == 3 ? ", " : "", arity == 3 ? text[1] : "", text[arity - 1]);
    }
    for (uint32_t i = 0; there && i < arity; i++)
        in[i] = broadcast_to(graph, in[i], common);
    return make_elementwise(graph, op, arity, in[0], in[1], in[2]);
}

ho_node ho_node_binary_broadcast(ho_graph *graph, uint32_t op, ho_node a, ho_node b)
{
    return ho_node_broadcast(graph, op, 2, (const ho_node[]){a, b});
}

ho_node ho_node_select_broadcast(ho_graph *graph, ho_node c, ho_node a, ho_node b)
{
    return ho_node_broadcast(graph, HO_OP_SELECT, 3, (const ho_node[]){c, a, b});
}

bool ho_is_constant(const ho_graph *graph, ho_node a, double *value)
{
    if (!a || a >= graph->count || graph->nodes[a].op != HO_OP_CONST)
        return false;
    *value = graph->nodes[a].value;
    return true;
}

bool ho_is_value(const ho_graph *graph, ho_node a, double value)
{
    double known;
    return ho_is_constant(graph, a, &known) && known == value;
}
