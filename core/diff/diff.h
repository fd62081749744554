/*
 * Derivatives as graphs: one JVP rule per op, one transpose rule per linear op; a VJP is linearize + transpose.
 * What comes out is made of the same ops, so it can be differentiated again.
 */
#ifndef HO_DIFF_DIFF_H
#define HO_DIFF_DIFF_H

#include "graph/graph.h"

/* In this interface node 0 among tangents and cotangents is a symbolic zero; failure is told by the status (and
 * recorded in the graph's error). */

/* Tangents of `outputs` (into out_tangents, 0: zero) for tangents of `inputs` (any nodes, not leaves only; everything
 * else is constant). columns = 0: a tangent has its input's shape. columns = k >= 1: k tangents at once, with a leading
 * axis of size k; then outputs' tangents have it too. Primal nodes are used as they are, never remade, so that primal
 * values keep their bits. Nodes made carry the source of the primal node that they differentiate. */
ho_status ho_jvp(ho_graph *graph, int64_t columns, const ho_node *inputs, const ho_node *tangents, size_t input_count,
                 const ho_node *outputs, ho_node *out_tangents, size_t output_count);

/* Cotangents of `inputs` (0: zero) for cotangents of `outputs` (0: zero). */
ho_status ho_vjp(ho_graph *graph, const ho_node *inputs, ho_node *in_cotangents, size_t input_count,
                 const ho_node *outputs, const ho_node *cotangents, size_t output_count);

/* The gradient of a rank-0 node by each input; a full zero tensor where it does not depend on it. */
ho_status ho_gradient(ho_graph *graph, ho_node value, const ho_node *inputs, ho_node *gradients, size_t input_count);

/* For each entry of a node, a number that changes where the node or its derivative jumps; HO_POISON: it is smooth. */
ho_node ho_kink(ho_graph *graph, ho_node id);

#endif
