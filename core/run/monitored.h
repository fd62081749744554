/*
 * Monitored training: evaluations while it runs.
 *
 * Every so many steps the validation part is evaluated; the best weights are kept, and patience, epochs or time may end
 * training early. Online, hyperparameters move meanwhile: every so many steps the mode gives the partial hypergradient
 * dE(s_t)/ds Z_t + dE/dlambda, and goes on from where it is with the next lambda (real-time updates: Franceschi,
 * Donini, Frasconi, Pontil, ICLR 2017 workshop, section 3.3).
 */
#ifndef HO_RUN_MONITORED_H
#define HO_RUN_MONITORED_H

#include "run/trainer.h"

typedef struct ho_monitored ho_monitored;

/* Borrows both for its lifetime. */
ho_monitored *ho_monitored_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error);
void ho_monitored_free(ho_monitored *monitored); /* NULL is fine */

/* ho_ask for it (trainer.h). `gradient`: room for the partial hypergradient. The listener hears of each evaluation, as
 * an HO_LINE_EVALUATION; an answer with a gradient has an HO_LINE_UPDATE. After a failure the evaluations before it
 * stand. Where an evaluation and an update are due at one step, the evaluation comes first. */
ho_status ho_monitored_train(ho_monitored *m, const ho_question *question, double *gradient, ho_best *best,
                             ho_answer *answer);

/* ho_trainer_can_pass and ho_trainer_pass for it. */
bool ho_monitored_can_pass(const ho_monitored *m);
ho_status ho_monitored_pass(ho_monitored *m, ho_snapshot *snapshot, ho_error *error);

/* The step that ends the last epoch of `stop`; INT64_MAX: it sets none. */
int64_t ho_last_of_epochs(const ho_pipeline *pipeline);

#endif
