/* Checks a graph's invariants, so that a pass that breaks one is caught at once. */
#include "graph/internal.h"

#include <inttypes.h>
#include <stdlib.h>

static ho_status verify_node(const ho_graph *graph, ho_node id, ho_error *error)
{
    const ho_graph_node *node = ho_graph_at(graph, id);
    const char *name = ho_op_name(node->op);
    if (node->op != HO_OP_CONCAT && node->arity != ho_op(node->op)->arity)
        return ho_fail(error, HO_FAILED, "node %" PRIu32 " (%s) has %" PRIu32 " operands, not %" PRIu32, id, name,
                       node->arity, ho_op(node->op)->arity);
    for (uint32_t i = 0; i < node->arity; i++)
        if (!node->in[i] || node->in[i] >= id)
            return ho_fail(error, HO_FAILED, "node %" PRIu32 " (%s) comes before its operand %" PRIu32, id, name,
                           node->in[i]);
    if ((node->op == HO_OP_LEAF) != (node->name != NULL))
        return ho_fail(error, HO_FAILED, "node %" PRIu32 " (%s): leaves have names, other nodes do not", id, name);
    char why[HO_WHY], is[HO_SHAPE_TEXT], due[HO_SHAPE_TEXT];
    ho_draft draft = ho_draft_of(graph, id);
    if (!ho_infer(graph, &draft, why))
        return ho_fail(error, HO_FAILED, "node %" PRIu32 ": %s: %s", id, name, why);
    if (!ho_shape_equal(&draft.shape, &node->shape))
        return ho_fail(error, HO_FAILED, "node %" PRIu32 " (%s) has shape %s, expected %s", id, name,
                       ho_shape_print(&node->shape, is), ho_shape_print(&draft.shape, due));
    if (node->source >= graph->source_count)
        return ho_fail(error, HO_FAILED, "node %" PRIu32 " (%s) has no source", id, name);
    return HO_OK;
}

ho_status ho_graph_verify(const ho_graph *graph, const ho_node *outputs, size_t count, ho_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!outputs[i] || outputs[i] >= graph->count)
            return ho_fail(error, HO_FAILED, "output %zu is %s", i, outputs[i] ? "not a node of this graph" : "poison");
    size_t length;
    ho_node *order = ho_graph_order(graph, outputs, count, &length);
    ho_status status = HO_OK;
    for (size_t i = 0; status == HO_OK && i < length; i++)
        status = verify_node(graph, order[i], error);
    free(order);
    return status;
}
