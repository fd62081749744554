/* Which branches a computation takes. */
#ifndef HO_SYSTEM_BRANCHES_H
#define HO_SYSTEM_BRANCHES_H

#include "graph/graph.h"

/* One row of numbers that tells which branches the outputs take; a single 0 where they have none. */
ho_node ho_branches_of(ho_graph *graph, const ho_node *outputs, size_t count);

#endif
