/* The hyper-optimizer step: a dynamics plugin moves lambda along the hypergradient; then project onto the constraints.
 */
#ifndef HO_RUN_HYPERSTEP_H
#define HO_RUN_HYPERSTEP_H

#include "base/snapshot.h"
#include "pipeline/pipeline.h"
#include "system/scaled.h"

typedef struct ho_hyperstep ho_hyperstep;

/* Makes the outer optimizers: one for each tuned hyperparameter with `outer:` of its own, one for all others. Bad
 * settings are refused here. Borrows both for its lifetime; the pipeline has an outer optimizer. */
ho_hyperstep *ho_hyperstep_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error);
void ho_hyperstep_free(ho_hyperstep *h); /* NULL is fine */

/* One step from lambda along the gradient dE/dlambda, on the scales that the pipeline says; only the share `part` of it
 * is made. Then the projection. HO_DIVERGED where lambda becomes NaN or infinite. */
ho_status ho_hyperstep_make(ho_hyperstep *h, double *lambda, const double *gradient, double part, ho_error *error);
/* Passes the optimizers' slots and their counts of steps, to be saved or restored. */
void ho_hyperstep_pass(ho_hyperstep *h, ho_snapshot *snapshot);

#endif
