/* How lambda moves: a dynamics plugin goes along the hypergradient, then the constraints have the last word. */
#ifndef HO_RUN_MOVER_H
#define HO_RUN_MOVER_H

#include "pipeline/pipeline.h"
#include "system/training.h"

typedef struct ho_mover ho_mover;

/* Makes the outer optimizers: one for each tuned hyperparameter with `outer:` of its own, one for all others. Bad
 * settings of theirs are told here. Borrows both for its lifetime; the pipeline has an outer optimizer. */
ho_mover *ho_mover_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error);
void ho_mover_free(ho_mover *mover); /* NULL is fine */

/* One step from lambda along `gradient`, of which only the share `scale` is made, then the projection. HO_DIVERGED
 * where lambda becomes NaN or infinite. */
ho_status ho_mover_step(ho_mover *mover, double *lambda, const double *gradient, double scale, ho_error *error);
/* The optimizers' slots and their count of steps, saved and restored. */
void ho_mover_save(ho_mover *mover);
void ho_mover_restore(ho_mover *mover);

/* ||lambda - P(lambda - gradient)||, 0 at a stationary point of the constrained problem: the gradient's own norm means
 * nothing on the boundary of a constraint. NaN where the difference overflows. */
ho_status ho_stationarity(ho_training *training, const double *lambda, const double *gradient, double *value,
                          ho_error *error);
/* Euclidean. */
double ho_norm(const double *x, int64_t count);

#endif
