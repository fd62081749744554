/* Graphs in readable form: one line per node, and Graphviz. */
#include "graph/graph.h"

#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "const 0.5", "leaf w", "slice": the op, and what a leaf is. */
static void print_op(const ho_graph_node *node, FILE *out)
{
    char number[32];
    fputs(ho_op_name(node->op), out);
    if (node->op == HO_OP_LEAF)
        fprintf(out, " %s", node->name);
    if (node->op == HO_OP_CONST) {
        ho_print_real(node->value, number);
        fprintf(out, " %s", number);
    }
}

/* "axis=1, start=3", each after `before`. */
static void print_attributes(const ho_graph_node *node, const char *before, FILE *out)
{
    if (node->axis)
        fprintf(out, "%saxis=%" PRId64, before, node->axis);
    const char *extent = node->op == HO_OP_SUM || node->op == HO_OP_MAXIMUM ? "axes"
                         : node->op == HO_OP_SLICE                          ? "start"
                         : node->op == HO_OP_PAD                            ? "before"
                                                                            : NULL;
    if (extent)
        fprintf(out, "%s%s=%" PRId64, before, extent, node->extent);
}

void ho_graph_dump(const ho_graph *graph, const ho_node *outputs, size_t count, FILE *out)
{
    char shape[HO_SHAPE_TEXT], place[HO_SOURCE_TEXT];
    size_t length;
    ho_node *order = ho_graph_order(graph, outputs, count, &length);
    for (size_t i = 0; i < length; i++) {
        const ho_graph_node *node = ho_graph_at(graph, order[i]);
        ho_source source = ho_graph_source(graph, node->source);
        fprintf(out, "%%%" PRIu32 " = ", order[i]);
        print_op(node, out);
        for (uint32_t k = 0; k < node->arity; k++)
            fprintf(out, "%s%%%" PRIu32, k ? ", " : "(", node->in[k]);
        print_attributes(node, ", ", out);
        fprintf(out, "%s %s", node->arity ? ")" : "", ho_shape_print(&node->shape, shape));
        if (source.line > 0)
            fprintf(out, "  # %s", ho_source_print(source, false, place));
        fputc('\n', out);
    }
    for (size_t i = 0; i < count; i++)
        fprintf(out, "output %zu: %%%" PRIu32 "\n", i, outputs[i]);
    free(order);
}

void ho_graph_dot(const ho_graph *graph, const ho_node *outputs, size_t count, FILE *out)
{
    char shape[HO_SHAPE_TEXT];
    size_t length;
    ho_node *order = ho_graph_order(graph, outputs, count, &length);
    fputs("digraph {\n    node [shape=box];\n", out);
    for (size_t i = 0; i < length; i++) {
        const ho_graph_node *node = ho_graph_at(graph, order[i]);
        fprintf(out, "    n%" PRIu32 " [label=\"", order[i]);
        print_op(node, out);
        print_attributes(node, " ", out);
        fprintf(out, "\\n%s\"];\n", ho_shape_print(&node->shape, shape));
        for (uint32_t k = 0; k < node->arity; k++)
            fprintf(out, "    n%" PRIu32 " -> n%" PRIu32 ";\n", node->in[k], order[i]);
    }
    for (size_t i = 0; i < count; i++)
        fprintf(out, "    output%zu [shape=plaintext, label=\"output %zu\"];\n    n%" PRIu32 " -> output%zu;\n", i, i,
                outputs[i], i);
    fputs("}\n", out);
    free(order);
}
