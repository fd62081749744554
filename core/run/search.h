/*
 * Searches without gradients, as baselines: a grid, or random draws. Candidates are compared as the outer loop's
 * iterations are, by validation error after a training run from the start, and the best is kept.
 */
#ifndef HO_RUN_SEARCH_H
#define HO_RUN_SEARCH_H

#include "run/outer.h"

/* How many candidates pipeline->strategy tries: as the pipeline says, or, where it does not, as many as cost what its
 * outer_iterations hypergradients would in evaluations of the objective's gradient; one hypergradient is taken to learn
 * that. */
ho_status ho_search_candidates(const ho_pipeline *pipeline, ho_training *training, int64_t *candidates,
                               ho_error *error);

/* Tries them. `report` and `result` as for ho_outer_run; a candidate is an iteration. A candidate that diverges is
 * passed over (record.diverged says why); HO_DIVERGED where all did. */
ho_status ho_search_run(const ho_pipeline *pipeline, ho_training *training, int64_t candidates, ho_outer_report *report,
                        void *context, ho_outer_result *result, ho_error *error);

#endif
