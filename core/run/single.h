/* One run: outer loop or search, final training, test, and the folder that keeps it all. */
#ifndef HO_RUN_SINGLE_H
#define HO_RUN_SINGLE_H

#include "run/results.h"
#include "run/weighed.h"

/* What training with some lambda comes to; NaN where there is nothing to say. */
typedef struct ho_column {
    const char *title;       /* "initial", "tuned", "final" */
    double best_epoch;       /* of a training that is watched: of the look whose weights these are */
    double validation_error; /* of training on the training part */
    ho_metrics validation, test;
} ho_column;

/* A tuned hyperparameter in short: a scalar's value, an array's sum. */
typedef struct ho_brief {
    char *name;
    int32_t rank;
    int64_t dims[HO_MAX_RANK];
    double initial, best;
} ho_brief;

typedef struct ho_single_result {
    ho_error outcome;     /* HO_OK, or how the run ended */
    ho_column columns[3]; /* the last is the run's own */
    size_t count;         /* of columns */
    int64_t done;         /* outer iterations, updates or candidates that came through */
    int64_t best_iteration;
    int halvings;
    double initial_error, best_error;
    int64_t evaluations; /* of the objective's gradient: outer loop and final training */
    double seconds;      /* of all of the run */
    double cpu_seconds;  /* the same, of processor time */
    ho_detection detection;
    ho_brief *briefs;
    size_t brief_count;
    char *folder;
} ho_single_result;

typedef struct ho_single_request {
    ho_pipeline *pipeline;
    const char *command_line;
    double cpu_seconds; /* a search ends after so many, whatever the pipeline says; 0: as it says */
    bool whole;         /* the run is all there is: measure the initial hyperparameters too. Among several, the
                           test part is looked at only after the choice */
    const volatile int *interrupt;
    /* How far it is: a share of the whole, and in words; may be NULL. */
    void (*tell)(void *context, double share, const char *text);
    void (*note)(void *context, const char *text); /* something a person should know now */
    void *context;
} ho_single_request;

/* A run that is ready: everything that can be refused has been, and nothing is written yet. Borrows the request. */
typedef struct ho_single ho_single;
ho_single *ho_single_new(const ho_single_request *request, ho_error *error);
/* Runs, and keeps everything in the folder of `results`. The status is that of result->outcome. */
ho_status ho_single_run(ho_single *single, ho_results *results, ho_single_result *result);
void ho_single_free(ho_single *single); /* NULL is fine */
void ho_single_result_free(ho_single_result *result);

/* "hypergradient", "online", "grid", "random", or "none" where nothing is tuned. */
const char *ho_strategy_name(const ho_pipeline *pipeline);
/* "done", "interrupted", "diverged", "failed". */
const char *ho_outcome_name(ho_status outcome);

#endif
