/*
 * The outer loop: lambda moves along the hypergradient by a dynamics plugin, then is projected onto its constraints.
 *
 * The best lambda by validation error is kept. A run that diverges goes back to it and halves the outer step, at most
 * HO_HALVINGS times.
 */
#ifndef HO_RUN_OUTER_H
#define HO_RUN_OUTER_H

#include "pipeline/pipeline.h"
#include "system/training.h"

#define HO_HALVINGS 5

/* One outer iteration, as it is reported. */
typedef struct ho_outer_record {
    int64_t iteration;    /* from 1; the last record, of the final lambda, has iterations + 1 */
    const double *lambda; /* where everything below was measured */
    double error;         /* E; NaN where the run diverged */
    double gradient_norm; /* NaN where there is no gradient */
    double stationarity;  /* ||lambda - P(lambda - gradient)||: 0 at a stationary point of the constrained problem */
    double scale;         /* of the outer step: 1, halved after each divergence */
    double seconds;       /* of this iteration */
    int64_t bytes;        /* held by the mode */
    bool best;            /* the best so far */
    const char *diverged; /* the message, or NULL */
    bool recovered;       /* after a divergence: goes on from the best with half the outer step */
} ho_outer_record;

typedef struct ho_outer_result {
    double *best;      /* lambda; caller's array */
    double best_error; /* NaN where no iteration came through */
    int64_t best_iteration;
    int64_t done; /* iterations that came through */
    int halvings;
    double initial_error; /* NaN likewise */
} ho_outer_result;

typedef struct ho_outer ho_outer;

/* Makes the outer optimizers; bad settings of theirs are told here, before anything runs. Borrows both for its
 * lifetime. */
ho_outer *ho_outer_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error);
void ho_outer_free(ho_outer *outer); /* NULL is fine */

/* Told after each iteration; its failure ends the loop. */
typedef ho_status ho_outer_report(void *context, const ho_outer_record *record, ho_error *error);

/* Runs pipeline->outer_iterations iterations from `lambda` (also the best's first value). HO_DIVERGED and
 * HO_INTERRUPTED leave the best so far in result. Once for each ho_outer. */
ho_status ho_outer_run(ho_outer *outer, const double *lambda, ho_outer_report *report, void *context,
                       ho_outer_result *result, ho_error *error);

#endif
