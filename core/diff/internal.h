/* What forward and reverse derivatives share: how tangents and cotangents, here both "terms", are negated, scaled and
 * added.
 *
 * A sign is kept outermost, where a sum takes it up; numbers are multiplied together before they meet a tensor; and in
 * select(c, u, 0) it is u that is scaled: an entry that was not taken stays 0 even where the factor is infinite. */
#ifndef HO_DIFF_INTERNAL_H
#define HO_DIFF_INTERNAL_H

#include "graph/graph.h"

/* Negates if `minus`. */
ho_node ho_term_signed(ho_graph *graph, bool minus, ho_node a);
/* Takes off an outermost sign; whether there was one. */
bool ho_term_unsigned(const ho_graph *graph, ho_node *a);
/* a*factor or a/factor (op MUL or DIV). */
ho_node ho_term_scale(ho_graph *graph, uint32_t op, ho_node a, ho_node factor);
ho_node ho_term_add(ho_graph *graph, ho_node a, ho_node b);

#endif
