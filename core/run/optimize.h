/* The loop: a strategy proposes, a trainer answers, the best is kept, lines are written. */
#ifndef HO_RUN_OPTIMIZE_H
#define HO_RUN_OPTIMIZE_H

#include "run/candidates.h"

/* What the first steps of a descent came to. */
typedef struct ho_first_steps {
    double error, gradient_norm, stationarity; /* of the first iteration */
    ho_rounding rounding;
    double second; /* validation error; NaN: not measured */
    int64_t steps; /* taken */
} ho_first_steps;

typedef struct ho_optimization {
    ho_strategy *strategy; /* begun */
    ho_trainer *trainer;   /* for an online strategy, a monitored one */
    double cpu_until;      /* no iteration but the first begins once ho_cpu_seconds() is past this; 0: no limit */
    const ho_listener *listener;
    const ho_candidates *candidates;             /* that may have been tried elsewhere before; NULL: none */
    int64_t recalled;                            /* evaluations that these took */
    ho_best *best;                               /* receives the best */
    bool told_digits, told_warning, told_choice; /* that there are few; what the mode warned of, and chose */
    int64_t iterations;                          /* that are over */
    bool asked;                                  /* one more is under way: */
    ho_wanted wanted;                            /* this is its question */
    double *lambda;
    ho_first_steps start;
    ho_error diverged; /* why the first that diverged did */
    ho_answer answer;  /* the last */
} ho_optimization;

/* Runs, or goes on after the iterations that are over, until the strategy has no more, or time is up. Fills in what the
 * result says of the search for hyperparameters: iterations, halvings, errors, best_iteration; after a failure, as far
 * as it came. A lambda that diverges is noted and passed over; HO_DIVERGED where the strategy cannot recover, or where
 * nothing was measured. */
ho_status ho_optimize(ho_optimization *o, ho_result *result, ho_error *error);
void ho_optimization_free(ho_optimization *o); /* what is its own; zeroed is fine */
/* Passes what it knows, with the strategy and the best, but not the trainer; texts are restored into the arena. */
void ho_optimization_pass(ho_optimization *o, ho_snapshot *snapshot, ho_arena *arena);

#endif
