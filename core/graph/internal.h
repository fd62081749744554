/* What the files of this floor share: how a graph is stored, and how a node is made:
 * draft -> infer (checks, shape) -> simplify (perhaps to another node) -> intern. */
#ifndef HO_GRAPH_INTERNAL_H
#define HO_GRAPH_INTERNAL_H

#include "graph/graph.h"

struct ho_graph {
    ho_error *error;
    ho_arena *arena; /* operand lists, names, sources' texts */
    ho_graph_node *nodes;
    size_t count, capacity; /* nodes[0] is poison and counts */
    ho_node *table;         /* open addressing, by node_hash; 0: empty */
    size_t table_size;      /* a power of two */
    ho_source *sources;     /* sources[0] is the host */
    size_t source_count, source_capacity;
    uint32_t source;
    int64_t leaves;
    size_t
        first_source; /* while ho_formula runs: the first of its sources, among which its characters are looked for */
};

/* The formula's character at `source` is what makes nodes and errors from now on. */
void ho_graph_source_at(ho_graph *graph, ho_source source);

/* A node to be made. `shape` is given for leaves, RESHAPE and EXPAND, and inferred for the others. */
typedef struct ho_draft {
    uint32_t op, arity;
    const ho_node *in; /* often `operands` */
    ho_node operands[3];
    ho_shape shape;
    double value;
    int64_t axis, extent;
    int64_t size; /* SLICE: length; PAD: zeros after; SCATTER: the axis's size. Known from the shape once made */
    const char *name;
} ho_draft;

#define HO_WHY 512

/* Checks operands and attributes and sets draft->shape; false: `why` says what is wrong, without the op's name. */
bool ho_infer(const ho_graph *graph, ho_draft *draft, char why[HO_WHY]);
/* A simpler node of the same value; or HO_POISON: intern the draft, whose operands may have been replaced by equivalent
 * ones. */
ho_node ho_simplify(ho_graph *graph, ho_draft *draft);
ho_node ho_intern(ho_graph *graph, const ho_draft *draft);
/* The draft that would make this node again. */
ho_draft ho_draft_of(const ho_graph *graph, ho_node node);

/* The part of simplify.c that deals with tensors made of pieces along an axis (pieces.c). HO_POISON: nothing to do. */
ho_node ho_simplify_slice(ho_graph *graph, const ho_draft *draft);
ho_node ho_simplify_pad(ho_graph *graph, const ho_draft *draft);
ho_node ho_simplify_concat(ho_graph *graph, const ho_draft *draft);
ho_node ho_simplify_sum_of_pieces(ho_graph *graph, ho_node a, ho_node b);

#endif
