/* Kinks, by the formulas in the table of ops. */
#include "diff/diff.h"

#include "graph/formula.h"

ho_node ho_kink(ho_graph *graph, ho_node id)
{
    const ho_graph_node node = *ho_graph_at(graph, id);
    const ho_op_row *op = ho_op(node.op);
    if (!*op->kink)
        return HO_POISON;
    static const char *const names[] = {"x", "y", "z"};
    ho_scope *scope = ho_scope_new();
    for (uint32_t i = 0; i < node.arity && i < 3; i++)
        ho_scope_bind(scope, names[i], node.in[i]);
    if (op->class == HO_CLASS_REDUCTION)
        id = ho_node_unreduce(graph, id, ho_graph_at(graph, node.in[0])->shape, node.axis, node.extent);
    ho_scope_bind(scope, "value", id);
    ho_node kink = ho_formula(graph, scope, NULL, NULL, op->kink);
    ho_scope_free(scope);
    return kink;
}
