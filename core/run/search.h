/*
 * Searches without gradients, as baselines: a grid, or random draws. Candidates are compared as the outer loop's
 * iterations are, by validation error after a training run from the start, and the best is kept.
 */
#ifndef HO_RUN_SEARCH_H
#define HO_RUN_SEARCH_H

#include "run/course.h"
#include "run/outer.h"

/* How many candidates pipeline->strategy tries: as the pipeline says, or, where it does not, as many as cost what its
 * outer_iterations hypergradients would in evaluations of the objective's gradient (one hypergradient is taken to learn
 * that), or HO_MOST_CANDIDATES where time ends the search. */
ho_status ho_search_candidates(const ho_pipeline *pipeline, ho_training *training, int64_t *candidates,
                               ho_error *error);

typedef struct ho_search_request {
    int64_t candidates;
    double cpu_until;  /* no candidate is begun once ho_cpu_seconds() is past this, and a watched one ends; 0: never */
    ho_course *course; /* by which candidates are trained where the pipeline has them watched, else NULL. What it keeps
                          afterwards is the best candidate's */
    ho_outer_report *report; /* as for ho_outer_run; a candidate is an iteration */
    void *context;
} ho_search_request;

/* Tries them. `result` as for ho_outer_run. A candidate that diverges is passed over (record.diverged says why), unless
 * it is watched and had a look before, which counts then, as it does for the one that an interruption ends; HO_DIVERGED
 * where all were passed over. */
ho_status ho_search_run(const ho_pipeline *pipeline, ho_training *training, const ho_search_request *request,
                        ho_outer_result *result, ho_error *error);

#endif
