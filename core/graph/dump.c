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

/* Where a node comes from: "softmax.c:31", "run.yaml:7:13", or of a formula in C also what it reads there. */
static void print_place(ho_source source, FILE *out)
{
    char place[HO_SOURCE_TEXT];
    const size_t most = 32;
    if (!source.formula) {
        fputs(ho_source_print(source, false, place), out);
        return;
    }
    const ho_source call = {.file = source.file, .line = source.line};
    const char *here = source.formula + source.column - 1;
    const size_t left = strlen(here);
    fprintf(out, "%s, column %d: ", ho_source_print(call, false, place), source.column);
    for (size_t i = 0; i < left && i < most; i++) {
        const char c = here[i];
        fputc(c < ' ' || c > '~' ? ' ' : c, out);
    }
    fputs(left > most ? "..." : "", out);
}

static void print_name(const char *const *names, size_t i, FILE *out)
{
    if (names)
        fputs(names[i], out);
    else
        fprintf(out, "output %zu", i);
}

/* "%12 = matmul(%3, %11) (50, 10)" */
static void print_node(const ho_graph *graph, ho_node id, FILE *out)
{
    const ho_graph_node *node = ho_graph_at(graph, id);
    char shape[HO_SHAPE_TEXT];
    fprintf(out, "%%%" PRIu32 " = ", id);
    print_op(node, out);
    for (uint32_t k = 0; k < node->arity; k++)
        fprintf(out, "%s%%%" PRIu32, k ? ", " : "(", node->in[k]);
    print_attributes(node, ", ", out);
    fprintf(out, "%s %s", node->arity ? ")" : "", ho_shape_print(&node->shape, shape));
}

void ho_graph_dump(const ho_graph *graph, const ho_node *outputs, const char *const *names, size_t count, FILE *out)
{
    size_t length;
    ho_node *order = ho_graph_order(graph, outputs, count, &length);
    for (size_t i = 0; i < length; i++) {
        char *line;
        size_t size;
        FILE *left = ho_text_open(&line, &size);
        print_node(graph, order[i], left);
        ho_text_close(left);
        const ho_source source = ho_graph_source(graph, ho_graph_at(graph, order[i])->source);
        fprintf(out, *source.file ? "%-34s  # " : "%s", line);
        if (*source.file)
            print_place(source, out);
        fputc('\n', out);
        free(line);
    }
    for (size_t i = 0; i < count; i++) {
        print_name(names, i, out);
        fprintf(out, outputs[i] ? ": %%%" PRIu32 "\n" : ": 0\n", outputs[i]);
    }
    free(order);
}

/* What a node comes from, where a browser shows it; quoted as Graphviz has it. */
static void print_tooltip(ho_source source, FILE *out)
{
    char *text;
    size_t size;
    FILE *plain = ho_text_open(&text, &size);
    print_place(source, plain);
    ho_text_close(plain);
    fputs(", tooltip=\"", out);
    for (const char *c = text; *c; c++)
        fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    fputs("\"", out);
    free(text);
}

void ho_graph_dot(const ho_graph *graph, const ho_node *outputs, const char *const *names, size_t count, FILE *out)
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
        fprintf(out, "\\n%s\"", ho_shape_print(&node->shape, shape));
        print_tooltip(ho_graph_source(graph, node->source), out);
        fputs("];\n", out);
        for (uint32_t k = 0; k < node->arity; k++)
            fprintf(out, "    n%" PRIu32 " -> n%" PRIu32 ";\n", node->in[k], order[i]);
    }
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "    output%zu [shape=plaintext, label=\"", i);
        print_name(names, i, out);
        fputs(outputs[i] ? "\"];\n" : " = 0\"];\n", out);
        if (outputs[i])
            fprintf(out, "    n%" PRIu32 " -> output%zu;\n", outputs[i], i);
    }
    fputs("}\n", out);
    free(order);
}
