/* Rows of the final table: what the repetitions of one variant came to, as means and standard deviations. */
#ifndef HO_RUN_ROWS_H
#define HO_RUN_ROWS_H

#include "base/json.h"
#include "run/single.h"

typedef struct ho_row {
    const char *variant, *strategy;
    const ho_single_result *results; /* one for each repetition */
    size_t count;
    const char *const *folders; /* of each, seen from the run's folder */
    const char *const *chosen;  /* of a choice (choice.h): the variant of each run; else NULL */
} ho_row;

/* Of the repetitions that have the figure. */
typedef struct ho_spread {
    double mean, sd; /* the sample's; NaN for fewer than one, two */
    size_t count;
} ho_spread;

/* The validation error that a run is compared by; NaN where it has none. */
double ho_validation_error(const ho_single_result *result);

/* One JSON object: the format that `hotool report` reads. */
void ho_row_json(ho_json *json, const ho_row *row);

/* One run, before and after, on stdout. */
void ho_table_single(const ho_pipeline *pipeline, const ho_single_result *result);
/* A line for each variant, on stdout. `like`: any of the pipelines that ran, for the heading. */
void ho_table_rows(const ho_pipeline *like, const ho_row *rows, size_t count, int64_t repeat);

#endif
