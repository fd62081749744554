/* The loop: a strategy proposes, a trainer answers, the best is kept, lines are written. */
#ifndef HO_RUN_OPTIMIZE_H
#define HO_RUN_OPTIMIZE_H

#include "run/strategy.h"

typedef struct ho_optimization {
    ho_strategy *strategy; /* begun */
    ho_trainer *trainer;   /* for an online strategy, a monitored one */
    double cpu_until;      /* no iteration but the first begins once ho_cpu_seconds() is past this; 0: no limit */
    const ho_listener *listener;
    ho_best *best;                  /* receives the best */
    bool told_digits, told_warning; /* that there are few; what the mode warned of */
    ho_answer answer;               /* the last */
} ho_optimization;

/* Runs until the strategy has no more, or time is up. Fills in what the result says of the search for hyperparameters:
 * iterations, halvings, errors, best_iteration; after a failure, as far as it came. A lambda that diverges is noted and
 * passed over; HO_DIVERGED where the strategy cannot recover, or where nothing was measured. */
ho_status ho_optimize(ho_optimization *o, ho_result *result, ho_error *error);

#endif
