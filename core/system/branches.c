/* Which branches a run takes: on which side of every kink (max, min, abs, select, ...) each entry lies. */
#include "system/internal.h"

#include "diff/diff.h"

#include <stdlib.h>
#include <string.h>

/* ---- what tells the side ----------------------------------------------------------------------------------------- */

/* Nodes that `output` depends on smoothly or by a kink, and not through a stop, whose operand cannot matter where the
 * derivatives are right (the maximum inside a logarithm of a sum of exponentials). */
static bool *mark_needed(const ho_graph *graph, const ho_node *outputs, size_t count)
{
    bool *needed = ho_alloc(((size_t)ho_graph_size(graph) + 1) * sizeof *needed);
    for (size_t i = 0; i < count; i++)
        needed[outputs[i]] = true;
    for (ho_node id = ho_graph_size(graph); id > HO_POISON; id--) {
        const ho_graph_node *node = ho_graph_at(graph, id);
        for (uint32_t i = 0; needed[id] && node->op != HO_OP_STOP && i < node->arity; i++)
            needed[node->in[i]] = true;
    }
    return needed;
}

/* As one row, whatever its shape. */
static ho_node flattened(ho_graph *graph, ho_node node)
{
    const ho_shape shape = ho_graph_at(graph, node)->shape;
    const int64_t count = ho_shape_count(&shape);
    return shape.rank ? ho_node_reshape(graph, node, ho_shape_of(1, &count))
                      : ho_node_expand(graph, node, ho_shape_of(1, &count));
}

ho_node ho_branches_of(ho_graph *graph, const ho_node *outputs, size_t count)
{
    bool *needed = mark_needed(graph, outputs, count);
    const ho_node size = ho_graph_size(graph);
    ho_node *rows = ho_alloc(((size_t)size + 1) * sizeof *rows);
    uint32_t found = 0;
    for (ho_node id = 1; id <= size; id++) {
        const ho_node branch = needed[id] ? ho_kink(graph, id) : HO_POISON;
        if (branch)
            rows[found++] = flattened(graph, branch);
    }
    if (!found)
        rows[found++] = ho_node_fill(graph, ho_shape_of(1, (const int64_t[]){1}), 0.0);
    const ho_node all = found > 1 ? ho_node_concat(graph, rows, found, 1) : rows[0];
    free(rows);
    free(needed);
    return all;
}
