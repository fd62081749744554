/* A dynamics plugin as an optimizer of a plain vector of doubles: the hyper-optimizer is one, applied to lambda. */
#ifndef HO_SYSTEM_OPTIMIZER_H
#define HO_SYSTEM_OPTIMIZER_H

#include "base/snapshot.h"
#include "base/tree.h"
#include "host/instance.h"

typedef struct ho_optimizer ho_optimizer;

/* Refuses, at their place, names that are none of the dynamics' hyperparameters and values outside their domain.
 * `options`: its options may stand beside. NULL is fine. */
ho_status ho_optimizer_check(const ho_instance *dynamics, const ho_tree *map, bool options, ho_error *error);

/* `values`: settings of the dynamics' hyperparameters (a map, may be NULL), then `over` (may be NULL) which wins.
 * Scalars only; unknown names and values outside the domain are errors at their place. */
ho_optimizer *ho_optimizer_new(const ho_instance *dynamics, const ho_tree *values, const ho_tree *over, int64_t count,
                               ho_error *error);
void ho_optimizer_free(ho_optimizer *optimizer);
/* x becomes the next iterate, gradient its gradient there; t counts from 1 within the optimizer. Slots advance. With
 * `scale` < 1 only that share of the displacement is made. */
ho_status ho_optimizer_step(ho_optimizer *optimizer, double *x, const double *gradient, double scale, ho_error *error);
/* Passes what it has learned, its slots and t, to be saved or restored. */
void ho_optimizer_pass(ho_optimizer *optimizer, ho_snapshot *snapshot);

#endif
