/*
 * What the hyperparameters minimise where that is a mean over several trainings: on the folds of cross-validation, with
 * several seeds, or both. E = 1/K sum_k E_k(lambda), and so is its hypergradient, dE/dlambda = 1/K sum_k dE_k/dlambda.
 */
#ifndef HO_RUN_CRITERION_H
#define HO_RUN_CRITERION_H

#include "run/trainer.h"

typedef struct ho_mean ho_mean;

/* `first`: the first of the pipeline's trainings; the others are made here. `jobs`: of them at a time, each in a
 * process of its own; 1: one after another in this one. Borrows all arguments for its lifetime. Refused: folds whose
 * hyperparameters have other shapes than the first one's, and seeds that make no difference. */
ho_mean *ho_mean_new(const ho_pipeline *pipeline, ho_training *first, int jobs, const volatile int *interrupt,
                     ho_error *error);
void ho_mean_free(ho_mean *mean); /* NULL is fine */

/* ho_ask for it (trainer.h). `gradient`: room for the mean. The answer's bytes are the most of any training, its digits
 * the fewest, and what its mode told that of the first; the first training that fails is named. The best gets no state.
 * The answer has the same bits however many processes there are. */
ho_status ho_mean_ask(ho_mean *mean, const ho_question *question, double *gradient, ho_best *best, ho_answer *answer);
/* ho_trainer_pass for it: what each training has come to, or where it is; with the trainings themselves, as
 * ho_training_pass. */
ho_status ho_mean_pass(ho_mean *mean, ho_snapshot *snapshot, ho_error *error);

/* Of the questions that are over, as ho_training_evaluations. */
int64_t ho_mean_evaluations(const ho_mean *mean);
int64_t ho_mean_taken(const ho_mean *mean);
/* Means, of the last answer to HO_VALUE. */
const ho_metrics *ho_mean_metrics(const ho_mean *mean);

#endif
