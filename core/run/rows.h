/* Rows of the final table out of runs: means and standard deviations over repetitions, and choices among variants. */
#ifndef HO_RUN_ROWS_H
#define HO_RUN_ROWS_H

#include "base/memory.h"
#include "record/record.h"

/* The runs of one row. */
typedef struct ho_runs {
    const char *variant, *strategy;
    const ho_result *results; /* one for each repetition */
    const char *const *folders;
    const char *const *chosen; /* of a choice: the variant of each run; else NULL */
    size_t count;
    const char *criterion; /* as in ho_row */
} ho_runs;

/* Borrows the names of `runs` and `results`; what it makes lives in the arena. */
ho_row ho_row_of(const ho_runs *runs, ho_arena *arena);

/* For each repetition the run of least validation error among the variants `members`; the first of equals, and the
 * first member where none has a validation error. Figures are those of the run chosen, except for gradient evaluations
 * and seconds: a choice costs what all its members do. */
ho_row ho_row_of_choice(const char *name, const ho_runs *variants, const size_t *members, size_t count,
                        ho_arena *arena);

#endif
