/* What forward and reverse derivatives share: how tangents and cotangents, both called terms here, are negated, scaled
 * and added.
 *
 * A sign is kept outermost, where a sum absorbs it; numbers are multiplied with each other before a tensor; and in
 * select(c, u, 0) it is u that is scaled, so that an entry that was not chosen stays 0 even if the factor is infinite.
 */
#ifndef HO_DIFF_INTERNAL_H
#define HO_DIFF_INTERNAL_H

#include "graph/graph.h"

/* Negates if `minus`. */
ho_node ho_term_signed(ho_graph *graph, bool minus, ho_node a);
/* Removes an outermost sign; whether there was one. */
bool ho_term_unsigned(const ho_graph *graph, ho_node *a);
/* a*factor or a/factor (op MUL or DIV). */
ho_node ho_term_scale(ho_graph *graph, uint32_t op, ho_node a, ho_node factor);
ho_node ho_term_add(ho_graph *graph, ho_node a, ho_node b);

/* A formula over the operands x, y and z of an op and its result, `value`. */
ho_node ho_op_formula(ho_graph *graph, uint32_t operands, const ho_node *in, ho_node value, const char *text);

#endif
