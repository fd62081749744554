/* The formulas of the table of ops, applied to nodes. */
#include "diff/diff.h"
#include "diff/internal.h"
#include "graph/formula.h"

ho_node ho_op_formula(ho_graph *graph, uint32_t operands, const ho_node *in, ho_node value, const char *text)
{
    static const char *const names[] = {"x", "y", "z"};
    ho_scope *scope = ho_scope_new();
    for (uint32_t i = 0; i < operands && i < 3; i++)
        ho_scope_bind(scope, names[i], in[i]);
    ho_scope_bind(scope, "value", value);
    ho_node result = ho_formula(graph, scope, NULL, NULL, (ho_formula_text){.text = text, .rule = true});
    ho_scope_free(scope);
    return result;
}

ho_node ho_kink(ho_graph *graph, ho_node id)
{
    const ho_graph_node node = *ho_graph_at(graph, id);
    const ho_op_row *op = ho_op(node.op);
    if (!*op->kink)
        return HO_POISON;
    if (op->class == HO_CLASS_REDUCTION)
        id = ho_node_unreduce(graph, id, ho_graph_at(graph, node.in[0])->shape, node.axis, node.extent);
    return ho_op_formula(graph, node.arity, node.in, id, op->kink);
}
