/*
 * Trainers: train with a lambda and measure the result.
 *
 * A plain one trains for a fixed number of steps, through a mode where a hypergradient is wanted. A monitored one
 * (monitored.h) evaluates while it trains, and may end early. One of a mean (criterion.h) trains several times and
 * answers with the means. Whatever is measured competes for THE best.
 */
#ifndef HO_RUN_TRAINER_H
#define HO_RUN_TRAINER_H

#include <math.h>

#include "base/snapshot.h"
#include "pipeline/pipeline.h"
#include "record/record.h"
#include "system/training.h"

/* Somewhere that was measured. */
typedef struct ho_point {
    double value;      /* what points are compared by: less is better; NaN: not measured */
    double error;      /* the validation error */
    int64_t iteration; /* as asked for; 0: not of an iteration */
    int64_t step;      /* of training */
    double epoch;      /* NaN where training is not monitored */
    const double *lambda;
    const ho_vector *state; /* NULL: not kept */
} ho_point;

/* The best point so far; its lambda and state are its own. */
typedef struct ho_best {
    ho_point at;
    ho_training *training;
    double *lambda;
    ho_vector *state;
} ho_best;

/* Nothing is measured yet; at.lambda is the initial one. `keep_state`: the best weights are kept too. */
ho_status ho_best_init(ho_best *best, ho_training *training, bool keep_state, ho_error *error);
void ho_best_free(ho_best *best); /* zeroed is fine */
/* Takes the point where it is better: the earlier of equals stays. */
void ho_best_offer(ho_best *best, const ho_point *point);
void ho_best_pass(ho_best *best, ho_snapshot *snapshot);
static inline bool ho_is_better(double value, double least)
{
    return isnan(least) || value < least;
}

/* Who hears how it goes. Calls may be NULL. */
typedef struct ho_listener {
    /* A line of metrics.jsonl; `norms`: of the tangents, as for ho_run_folder_line. Its failure ends the run. */
    ho_status (*line)(void *context, const ho_line *line, const double *lambda, const double *norms, ho_error *error);
    void (*warn)(void *context, const char *text); /* something a person should know now */
    void (*rest)(void *context);                   /* nothing is half done: all that is known can be saved */
    void *context;
} ho_listener;
ho_status ho_listen(const ho_listener *listener, const ho_line *line, const double *lambda, const double *norms,
                    ho_error *error);
/* Takes the text, to free it. */
void ho_warn(const ho_listener *listener, char *text);
void ho_rest(const ho_listener *listener);

typedef enum ho_wanted { HO_NO_MORE, HO_VALUE, HO_GRADIENT } ho_wanted;

typedef struct ho_question {
    const double *lambda;
    ho_wanted wanted;
    int64_t iteration;           /* of the points offered to the best */
    double cpu_until;            /* monitored training ends once ho_cpu_seconds() is past this; 0: never */
    const ho_listener *listener; /* hears of evaluations and warnings; NULL: nobody */
} ho_question;

typedef struct ho_answer {
    ho_error outcome; /* HO_DIVERGED and HO_INTERRUPTED may come with a value: what was reached before */
    double value;     /* as in ho_point */
    const double *lambda;
    const double *gradient, *norms; /* the trainer's, until the next question; NULL: none */
    const char *ended; /* of monitored training: "steps", "patience", "epochs", "seconds", "processor time", "data" (a
                          stream has no more). NULL: it goes on, or failed */
    const char *recovery; /* after a divergence: what the strategy does; NULL: nothing */
    ho_line line;         /* figures; kind 0: nothing to write */
} ho_answer;

typedef struct ho_trainer ho_trainer;

/* `monitored`: evaluates as pipeline->stop says. Borrows both for its lifetime. */
ho_trainer *ho_trainer_new(const ho_pipeline *pipeline, ho_training *training, bool monitored, ho_error *error);
/* One of what the hyperparameters minimise: of the mean over the pipeline's trainings, if it has several, of which
 * `training` is the first; never monitored then. Its best keep no state, and its trainings are interrupted by the flag
 * (borrowed; NULL: never); `jobs`: of them at a time, each in a process of its own. */
ho_trainer *ho_trainer_of_criterion(const ho_pipeline *pipeline, ho_training *training, bool monitored, int jobs,
                                    const volatile int *interrupt, ho_error *error);
void ho_trainer_free(ho_trainer *trainer); /* NULL is fine */

/* One that says nothing yet. */
ho_answer ho_no_answer(const ho_question *question);

/* Trains with a lambda, of which the best may keep what it reaches. HO_VALUE: from the initial state to the end.
 * HO_GRADIENT: the same, and the hypergradient; an iteration's of which rounding leaves no digit has diverged. Where
 * training is monitored, it runs to the next update and answers with the partial hypergradient there, and the next
 * question resumes it with another lambda; the answer at its end has no gradient. The status is answer->outcome's;
 * divergence names step, node and plugin. */
ho_status ho_ask(ho_trainer *trainer, const ho_question *question, ho_best *best, ho_answer *answer);

/* Whether what is under way can be passed: the mode may be one that cannot. */
bool ho_trainer_can_pass(const ho_trainer *trainer);
/* Passes the training under way, if there is one: between questions where they go on with it, or when the question's
 * listener is told of a rest. Restored, it goes on when the same question is asked. */
ho_status ho_trainer_pass(ho_trainer *trainer, ho_snapshot *snapshot, ho_error *error);

/* Of a plain one: nothing is under way any more, though it may have been restored so. */
void ho_trainer_forget(ho_trainer *trainer);

/* ho_training_evaluations and ho_training_taken of all its trainings. */
int64_t ho_trainer_evaluations(const ho_trainer *trainer);
int64_t ho_trainer_taken(const ho_trainer *trainer);
/* Of one of a mean: loss and accuracy of the last answer to HO_VALUE, means over the trainings. NULL: it has one. */
const ho_metrics *ho_trainer_metrics(const ho_trainer *trainer);

#endif
