/* The final training, with the best hyperparameters, where it is not the tuned one: on other examples (`final:
 * train_on`), or since the criterion's trainings are many and leave no weights. */
#ifndef HO_RUN_FINAL_TRAINING_H
#define HO_RUN_FINAL_TRAINING_H

#include "run/trainer.h"

typedef struct ho_final_training {
    ho_training *training; /* NULL: the tuned one will do */
    ho_trainer *trainer;
    ho_problem problem;
    ho_examples joined;
} ho_final_training;

/* `tuned`: the training whose hyperparameters are tuned. Borrows pipeline and interrupt. Free it after a failure, too.
 */
ho_status ho_final_training_open(ho_final_training *final, ho_pipeline *pipeline, const ho_training *tuned,
                                 const volatile int *interrupt, ho_error *error);
void ho_final_training_free(ho_final_training *final); /* zeroed is fine */

#endif
