/* What a computation costs, counted from its graph. */
#include <stdlib.h>

#include "graph/graph.h"

static void add_node(const ho_graph *graph, const ho_graph_node *node, ho_graph_cost *cost)
{
    const ho_shape *in = node->arity ? &ho_graph_at(graph, node->in[0])->shape : NULL;
    const double entries = (double)ho_shape_count(&node->shape);
    switch ((enum ho_op_number)node->op) {
    case HO_OP_MATMUL:
        cost->product_flops += 2.0 * entries * (double)ho_axis_size(in, 1);
        break;
    /* Leaves and numbers are there; rearrangements are strides. */
    case HO_OP_LEAF:
    case HO_OP_CONST:
    case HO_OP_IOTA:
    case HO_OP_RESHAPE:
    case HO_OP_EXPAND:
    case HO_OP_TRANSPOSE:
    case HO_OP_SLICE:
        break;
    default:
        cost->entries += ho_op(node->op)->class == HO_CLASS_REDUCTION ? (double)ho_shape_count(in) : entries;
    }
}

ho_graph_cost ho_graph_count(const ho_graph *graph, const ho_node *inputs, size_t input_count, const ho_node *outputs,
                             size_t count)
{
    ho_graph_cost cost = {0};
    size_t length;
    ho_node *order = ho_graph_order_from(graph, inputs, input_count, outputs, count, &length);
    bool *given = ho_alloc(((size_t)ho_graph_size(graph) + 1) * sizeof *given);
    for (size_t i = 0; i < input_count; i++)
        given[inputs[i]] = true;
    for (size_t i = 0; i < length; i++)
        if (!given[order[i]])
            add_node(graph, ho_graph_at(graph, order[i]), &cost);
    free(given);
    free(order);
    return cost;
}
