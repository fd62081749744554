/*
 * Strategies: which lambda to try next, given the answers so far.
 *
 * Descent follows the hypergradient, one step after each training, by an outer optimizer or with steps of its own
 * choice; a search tries a grid or random draws, as a baseline; online, each update of a running training moves lambda.
 * They keep no best: that is the loop's (optimize.h).
 */
#ifndef HO_RUN_STRATEGY_H
#define HO_RUN_STRATEGY_H

#include "base/snapshot.h"
#include "run/trainer.h"

typedef struct ho_strategy ho_strategy;

typedef struct ho_strategy_calls {
    /* What must be learned before the first proposal and is no part of the run's cost; NULL: nothing. */
    ho_status (*begin)(ho_strategy *s, ho_error *error);
    /* Writes the next lambda. HO_NO_MORE: there is none, or `error` is set. */
    ho_wanted (*propose)(ho_strategy *s, double *lambda, ho_error *error);
    /* The answer to that proposal, whose outcome is HO_OK or HO_DIVERGED. May add to the answer's line, or let it
     * diverge in the step that follows. Failure ends the loop. */
    ho_status (*told)(ho_strategy *s, ho_answer *answer, ho_error *error);
    /* Passes all it knows, to be saved or restored: a restored strategy goes on with the same proposals. */
    void (*pass)(ho_strategy *s, ho_snapshot *snapshot);
    void (*free)(ho_strategy *s);
} ho_strategy_calls;

/* Each strategy's struct begins with this. */
struct ho_strategy {
    const ho_strategy_calls *calls;
    ho_line_kind kind; /* of its lines */
    int64_t planned;   /* iterations, candidates or updates; those beyond do not count. Known after `begin` */
    int64_t halvings;  /* of the step, after divergences; or steps that were rejected */
    const char *ended; /* why there are no more proposals; NULL: nothing to tell */
};

/* Gradient descent from the initial lambda, for pipeline->outer_iterations steps and a last training that tells the
 * error of the last lambda. A divergence goes back to the best lambda and halves the step, at most HO_HALVINGS times.
 */
#define HO_HALVINGS 5
ho_strategy *ho_descent_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error);

/* Descent with steps of its own choice, for at most pipeline->outer_iterations hypergradients and a last training. A
 * step is accepted where the validation error falls enough, so the last point accepted is the best; a rejected one, or
 * one that diverges, is followed by a shorter one. It ends early where the stationarity is within pipeline->tolerance
 * times the validation error, or nothing more can be gained. */
ho_strategy *ho_line_search_new(const ho_pipeline *pipeline, ho_training *training);

/* A grid or random draws. As many candidates as the pipeline says; where it does not, as many as cost what its
 * outer_iterations hypergradients would in evaluations of the objective's gradient (`begin` takes one to learn that),
 * or HO_MOST_CANDIDATES where time ends the search. Ranges outside a domain are refused. */
ho_strategy *ho_search_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error);

/* One step along each partial hypergradient, until training ends. */
ho_strategy *ho_online_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error);

/* The one that the pipeline asks for. NULL without an error: nothing is tuned. Bad settings of an outer optimizer are
 * refused. All borrow both arguments for their lifetime. */
ho_strategy *ho_strategy_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error);
void ho_strategy_free(ho_strategy *strategy); /* NULL is fine */

#endif
