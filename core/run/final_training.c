#include "run/final_training.h"

/* Its examples: those of training, with validation behind them, or of validation alone. */
static ho_status set_examples(ho_final_training *final, ho_pipeline *p, ho_error *error)
{
    final->problem = p->problem;
    if (p->final_on == HO_FINAL_TRAINING)
        return HO_OK;
    if (p->final_on == HO_FINAL_BOTH) {
        final->problem.training = &final->joined;
        final->problem.weighted = p->training.count;
        return ho_examples_join(&p->training, &p->validation, &final->joined, error);
    }
    final->problem.training = &p->validation;
    const ho_term *weighted = ho_weighted_term(&p->problem);
    return weighted ? ho_fail_at(error, HO_INVALID, weighted->weights_place,
                                 "weights: they are the training examples', and final: train_on: validation has none "
                                 "of these")
                    : HO_OK;
}

ho_status ho_final_training_open(ho_final_training *final, ho_pipeline *p, const ho_training *tuned,
                                 const volatile int *interrupt, ho_error *error)
{
    static const char *const parts[] = {"training", "training+validation", "validation"};
    const char *on = parts[p->final_on];
    if ((p->final_on == HO_FINAL_TRAINING && !p->criterion) || set_examples(final, p, error) != HO_OK)
        return error->status;
    ho_error own = {0};
    final->training = ho_training_new(&final->problem, &own);
    if (!final->training)
        return ho_fail(error, own.status, "%s; this is about final: train_on: %s%s", own.text, on,
                       p->final_on == HO_FINAL_BOTH ? ", which has the targets of both parts" : "");
    ho_training_interrupt(final->training, interrupt);
    if (ho_training_lambda_size(final->training) != ho_training_lambda_size(tuned))
        return ho_fail(error, HO_INVALID,
                       "%s: final: train_on: %s: a tuned hyperparameter has an entry for each training example, so it "
                       "says nothing of the others",
                       p->file, on);
    final->trainer = ho_trainer_new(p, final->training, false, error);
    return error->status;
}

void ho_final_training_free(ho_final_training *final)
{
    ho_trainer_free(final->trainer);
    ho_training_free(final->training);
    ho_examples_free(&final->joined);
}
