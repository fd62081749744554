/*
 * A training that is watched while it runs.
 *
 * Every so many steps it looks at the validation part; the weights of the best look are kept, and looks, epochs or time
 * may end it early. Online, hyperparameters move meanwhile: every so many steps the mode gives the partial
 * hypergradient dE(s_t)/ds Z_t + dE/dlambda, lambda follows it, and the mode goes on from where it is (real-time
 * updates: Franceschi, Donini, Frasconi, Pontil, ICLR 2017 workshop, section 3.3).
 */
#ifndef HO_RUN_COURSE_H
#define HO_RUN_COURSE_H

#include "pipeline/pipeline.h"
#include "system/training.h"

/* What happened after a step: a look or an update. Where both are due the look comes first. */
typedef struct ho_course_event {
    int64_t step;
    double epoch;
    double cpu_seconds;   /* since the course began */
    const double *lambda; /* what the steps up to here were made with; of an update: after it */

    int64_t look;          /* which one, from 1; 0: none */
    double training_error; /* the validation error's losses on a sample of the training part */
    ho_metrics validation; /* on the whole validation part */
    bool best;             /* the best look of this run so far */

    int64_t update;       /* which one, from 1; 0: none */
    double error;         /* E, on the update's draw of the validation part */
    double gradient_norm; /* of the partial hypergradient */
    const double *norms;  /* Frobenius norm of Z_t by each of ho_training_hypers, NaN by those not tuned; NULL: the mode
                             does not tell */
} ho_course_event;

/* The look whose weights are kept. */
typedef struct ho_course_best {
    double value; /* what looks are compared by: the less, the better; NaN: there was no look */
    int64_t step;
    double epoch;
    ho_metrics validation;
    const double *lambda;   /* what was trained with just before */
    const ho_vector *state; /* the course's own */
} ho_course_best;

typedef struct ho_course_result {
    int64_t steps, looks, updates;
    double value;          /* of this run's best look, as in ho_course_best; NaN: none */
    ho_metrics validation; /* of the same */
    double last_epoch;
    const char *ended; /* "steps", "patience", "epochs", "seconds", "processor time"; NULL: it did not come through */
} ho_course_result;

typedef struct ho_course_request {
    const double *lambda; /* where it starts */
    bool online;          /* hyperparameters move, as the pipeline says; else lambda stays */
    bool onward;          /* what earlier runs kept stands until this one has a better look */
    double cpu_until;     /* ends once ho_cpu_seconds() is past this; 0: never */
    /* Told after each event; its failure ends the course. NULL: nobody listens. */
    ho_status (*report)(void *context, const ho_course_event *event, ho_error *error);
    void (*warn)(void *context, const char *text); /* something a person should know now; NULL likewise */
    void *context;
} ho_course_request;

typedef struct ho_course ho_course;

/* Borrows both for its lifetime. Bad settings of the outer optimizer are told here. */
ho_course *ho_course_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error);
void ho_course_free(ho_course *course); /* NULL is fine */

/* Trains from the initial state. May be called again, but online only once. HO_DIVERGED names step, node and plugin, or
 * the hyperparameter whose tangents overflowed. After that, and after HO_INTERRUPTED, the looks before it stand. */
ho_status ho_course_run(ho_course *course, const ho_course_request *request, ho_course_result *result, ho_error *error);
/* Valid until the next run or the course's end. */
const ho_course_best *ho_course_kept(const ho_course *course);

#endif
