/* One run: outer loop or search, final training, test, and the folder that keeps it all. */
#ifndef HO_RUN_SINGLE_H
#define HO_RUN_SINGLE_H

#include "run/candidates.h"
#include "run/origin.h"
#include "run/run_folder.h"

typedef struct ho_single_request {
    ho_pipeline *pipeline;
    const ho_origin *origin;
    double cpu_seconds;              /* a search ends after so many, whatever the pipeline says; 0: as it says */
    const ho_candidates *candidates; /* of a search, those that this process tries; NULL: all, as they come */
    bool whole; /* the run is all there is: measure the initial hyperparameters too. Among several, the
                   test part is looked at only after the choice */
    int jobs;   /* of the criterion's trainings, processes at a time */
    const volatile int *interrupt;
    /* How far it is: a share of the whole, and in words. */
    void (*tell)(void *context, double share, const char *text);
    void (*note)(void *context, const char *text);        /* something a person should know now */
    void (*show)(void *context, const ho_record *record); /* what came of it */
    void *context;
} ho_single_request;

/* A run that is ready: everything that can be refused has been, and nothing is written yet. Borrows the request. */
typedef struct ho_single ho_single;
ho_single *ho_single_new(const ho_single_request *request, ho_error *error);
/* Tries the share of the candidates. HO_INTERRUPTED: the run must wait for those of others. */
ho_status ho_single_try(ho_single *single, ho_error *error);
/* Runs, and keeps everything in the folder. `resume`: goes on from its newest checkpoint. The status is that of
 * result->outcome. */
ho_status ho_single_run(ho_single *single, ho_run_folder *folder, bool resume, ho_result *result);
void ho_single_free(ho_single *single); /* NULL is fine */
void ho_result_free(ho_result *result);

/* "hypergradient", "online", "grid", "random", or "none" where nothing is tuned. */
const char *ho_strategy_name(const ho_pipeline *pipeline);
#endif
