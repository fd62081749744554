/* Candidates of a search that several processes try: what each came to is a file in the folder that they share. */
#ifndef HO_RUN_CANDIDATES_H
#define HO_RUN_CANDIDATES_H

#include "run/strategy.h"

/* How many candidates of the pipeline's search can be tried one by one, wherever; 0: it is no search, or one that may
 * end before it has tried all, or whose trainings are monitored. */
int64_t ho_candidates_of(const ho_pipeline *pipeline);

/* A share of a search's candidates: `first`, `first` + `step`, ... of `count`, from 1. */
typedef struct ho_candidates {
    const char *path; /* the beginning of its files' */
    int64_t first, step, count;
} ho_candidates;

/* Tries those of the share that have not been tried; `tell` hears how far it is, as in ho_single_request.
 * HO_INTERRUPTED: another process has the share, or others have candidates left. */
ho_status ho_candidates_try(const ho_candidates *share, const ho_pipeline *pipeline, ho_training *training,
                            ho_trainer *trainer, void (*tell)(void *context, double share, const char *text),
                            void *context, ho_error *error);
/* What a candidate came to, as ho_ask would have answered; adds to *evaluations what it cost. False: it has not been
 * tried. */
bool ho_candidates_recall(const ho_candidates *share, const ho_question *question, ho_answer *answer,
                          int64_t *evaluations);

#endif
