/*
 * Derivatives as graphs: one JVP rule per op, one transpose rule per linear op; a VJP is linearize + transpose.
 * The results are made of the same ops, so they can be differentiated again.
 */
#ifndef HO_DIFF_DIFF_H
#define HO_DIFF_DIFF_H

#include "graph/graph.h"

/* In this interface, node 0 among tangents and cotangents is a symbolic zero. Failure shows in the status (and is
 * recorded in the graph's error). */

/* Tangents of `outputs` (into out_tangents, 0: zero) for tangents of `inputs` (any nodes, not only leaves; everything
 * else is constant). columns = 0: a tangent has the shape of its input. columns = k >= 1: k tangents at once, with a
 * leading axis of size k, which the tangents of the outputs have too. Primal nodes are used as they are and never
 * rebuilt, so that primal values keep their bits. New nodes carry the source of the primal node that they
 * differentiate. */
ho_status ho_jvp(ho_graph *graph, int64_t columns, const ho_node *inputs, const ho_node *tangents, size_t input_count,
                 const ho_node *outputs, ho_node *out_tangents, size_t output_count);

/* Cotangents of `inputs` (0: zero) for cotangents of `outputs` (0: zero). */
ho_status ho_vjp(ho_graph *graph, const ho_node *inputs, ho_node *in_cotangents, size_t input_count,
                 const ho_node *outputs, const ho_node *cotangents, size_t output_count);

/* The gradient of a rank-0 node with respect to each input; a tensor of zeros where it does not depend on one. */
ho_status ho_gradient(ho_graph *graph, ho_node value, const ho_node *inputs, ho_node *gradients, size_t input_count);

/* Partial evaluation: the nodes to keep of a computation, if `outputs` will be computed once leaves called `late`
 * (tangents or cotangents) are known. From what is kept and from the other leaves they then need no product, reduction,
 * exponential or the like that does not depend on late leaves, but for small products of few terms that make many
 * entries of few; and as few entries are kept as possible. Sorted; free(). */
ho_node *ho_choose_residuals(const ho_graph *graph, const ho_node *late, size_t late_count, const ho_node *outputs,
                             size_t output_count, size_t *count);

/* For each entry of a node, a number that changes where the node or its derivative jumps. HO_POISON: it is smooth. */
ho_node ho_kink(ho_graph *graph, ho_node id);

#endif
