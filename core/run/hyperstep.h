/* The hyper-optimizer step: a dynamics plugin moves lambda along the hypergradient; then project onto the constraints.
 */
#ifndef HO_RUN_HYPERSTEP_H
#define HO_RUN_HYPERSTEP_H

#include "base/snapshot.h"
#include "pipeline/pipeline.h"
#include "system/training.h"

typedef struct ho_hyperstep ho_hyperstep;

/* Makes the outer optimizers: one for each tuned hyperparameter with `outer:` of its own, one for all others. Bad
 * settings are refused here. Borrows both for its lifetime; the pipeline has an outer optimizer. */
ho_hyperstep *ho_hyperstep_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error);
void ho_hyperstep_free(ho_hyperstep *h); /* NULL is fine */

/* One step from lambda along `gradient`, of which only the share `scale` is made, then the projection. HO_DIVERGED
 * where lambda becomes NaN or infinite. */
ho_status ho_hyperstep_make(ho_hyperstep *h, double *lambda, const double *gradient, double scale, ho_error *error);
/* Passes the optimizers' slots and their counts of steps, to be saved or restored. */
void ho_hyperstep_pass(ho_hyperstep *h, ho_snapshot *snapshot);

/* ||lambda - P(lambda - gradient)||, 0 at a stationary point of the constrained problem: the gradient's own norm means
 * nothing on the boundary of a constraint. NaN where the difference overflows. */
ho_status ho_stationarity(ho_training *training, const double *lambda, const double *gradient, double *value,
                          ho_error *error);
/* Euclidean. */
double ho_norm(const double *x, int64_t count);

#endif
