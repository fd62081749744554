/* The functions that formulas can call (sdk/FORMULAS.md). */
#ifndef HO_GRAPH_FUNCTIONS_H
#define HO_GRAPH_FUNCTIONS_H

#include "graph/graph.h"

typedef struct ho_function {
    const char *name;
    uint32_t operands; /* how many tensors it takes */
    bool axis;         /* a reduction: an axis may follow */
    uint32_t op;       /* of elementwise functions and reductions; others have `build` */
    ho_node (*build)(ho_graph *graph, const ho_node *in);
    bool mean, keep; /* reductions: divide by the number of entries; leave the axis with size 1 */
} ho_function;

bool ho_function_find(const char *name, ho_function *found);
/* The nearest function's name, or NULL; "grad" is one. */
const char *ho_function_nearest(const char *name);

/* The value of a call. `axis`: NULL, or as written: 0, 1, ... from the front, -1, -2, ... from the end. */
ho_node ho_function_call(ho_graph *graph, const ho_function *function, const ho_node *in, const int64_t *axis);

#endif
