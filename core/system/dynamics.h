/* Tracing a dynamics plugin: its step and the start of its slots. Of a training, of an optimizer of hyperparameters, of
 * a check. */
#ifndef HO_SYSTEM_DYNAMICS_H
#define HO_SYSTEM_DYNAMICS_H

#include "host/tracing.h"

/* Puts a plugin's hyperparameters (nodes in the order of its table) into a scope by their own names. */
void ho_bind_hypers(ho_scope *scope, const ho_instance *instance, const ho_node *hypers);
/* Traces one step at (w, g, slots, t); next receives w and every slot. `like` gives graph, sizes and grad(p). */
ho_status ho_dynamics_step(const ho_instance *dynamics, const ho_trace_env *like, const ho_node *hypers, ho_node t,
                           ho_node w, ho_node g, const ho_node *slots, ho_node *next);
/* The slots' initial values where the initial weights are w. */
void ho_dynamics_slots(const ho_instance *dynamics, ho_graph *graph, const ho_node *hypers, ho_node w, ho_node *slots);

#endif
