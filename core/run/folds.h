/*
 * Cross-validation: the validation error of a lambda is the mean over K trainings, E = 1/K sum_k E_k(lambda), each on
 * all folds but the k-th, which validates it. So is its hypergradient, dE/dlambda = 1/K sum_k dE_k/dlambda.
 */
#ifndef HO_RUN_FOLDS_H
#define HO_RUN_FOLDS_H

#include "run/trainer.h"

typedef struct ho_folds ho_folds;

/* `first`: the training of the pipeline's first fold; those of the others are made here. Borrows all arguments for its
 * lifetime. Refused: folds whose hyperparameters have other shapes than the first one's. */
ho_folds *ho_folds_new(const ho_pipeline *pipeline, ho_training *first, const volatile int *interrupt, ho_error *error);
void ho_folds_free(ho_folds *folds); /* NULL is fine */

/* ho_ask for it (trainer.h), one fold after another. `gradient`: room for the mean. The answer's bytes are the most of
 * any fold, its digits the fewest, and what its mode told that of the first; a fold that fails is named. The best gets
 * no state. */
ho_status ho_folds_train(ho_folds *folds, const ho_question *question, double *gradient, ho_best *best,
                         ho_answer *answer);
/* ho_trainer_pass for it: which fold is under way, and what the ones before it gave; with the trainings of the further
 * folds, as ho_training_pass. */
ho_status ho_folds_pass(ho_folds *folds, ho_snapshot *snapshot, ho_error *error);

int64_t ho_folds_evaluations(const ho_folds *folds);
const ho_metrics *ho_folds_metrics(const ho_folds *folds);

#endif
