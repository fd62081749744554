#include "run/folds.h"

#include <stdlib.h>
#include <string.h>

#include "run/rounding.h"
#include "system/scaled.h"

typedef struct fold {
    ho_problem problem;
    ho_training *training; /* the first one's is borrowed */
    ho_trainer *trainer;
} fold;

struct ho_folds {
    fold *folds;
    int64_t count, size; /* size: of lambda */
    /* What the question under way has got so far: sums over the folds before this one. */
    int64_t at;
    double value, seconds;
    double *gradient;
    ho_metrics metrics;
    int64_t trajectory_bytes, residual_bytes; /* the most */
    int64_t fewest;                           /* the fold whose hypergradient has the fewest digits */
    double left;
    ho_metrics last; /* means, of the last answer to HO_VALUE */
};

static ho_status make_fold(ho_folds *f, const ho_pipeline *pipeline, int64_t k, const volatile int *interrupt,
                           ho_error *error)
{
    fold *own = &f->folds[k];
    own->problem = pipeline->problem;
    if (k > 0) {
        own->problem.training = &pipeline->further[k - 1].training;
        own->problem.validation = &pipeline->further[k - 1].validation;
        own->training = ho_training_new(&own->problem, error);
        if (!own->training)
            return error->status;
        ho_training_interrupt(own->training, interrupt);
    }
    if (ho_training_lambda_size(own->training) != f->size)
        return ho_fail(error, HO_INVALID,
                       "%s: validation: folds: a tuned hyperparameter has an entry for each training example, and the folds "
                       "train on other ones",
                       pipeline->file);
    own->trainer = ho_trainer_new(pipeline, own->training, false, error);
    return error->status;
}

ho_folds *ho_folds_new(const ho_pipeline *pipeline, ho_training *first, const volatile int *interrupt, ho_error *error)
{
    ho_folds *f = ho_alloc(sizeof *f);
    *f = (ho_folds){.count = pipeline->folds, .size = ho_training_lambda_size(first)};
    f->folds = ho_alloc((size_t)f->count * sizeof *f->folds);
    f->gradient = ho_alloc(((size_t)f->size + 1) * sizeof *f->gradient);
    f->folds[0].training = first;
    for (int64_t k = 0; k < f->count && error->status == HO_OK; k++)
        make_fold(f, pipeline, k, interrupt, error);
    if (error->status == HO_OK)
        return f;
    ho_folds_free(f);
    return NULL;
}

void ho_folds_free(ho_folds *f)
{
    if (!f)
        return;
    for (int64_t k = 0; k < f->count; k++) {
        ho_trainer_free(f->folds[k].trainer);
        if (k > 0)
            ho_training_free(f->folds[k].training);
    }
    free(f->folds);
    free(f->gradient);
    free(f);
}

/* ---- a question -------------------------------------------------------------------------------------------------- */

static void begin(ho_folds *f)
{
    memset(f->gradient, 0, (size_t)f->size * sizeof *f->gradient);
    f->at = f->fewest = 0;
    f->value = f->seconds = 0;
    f->trajectory_bytes = f->residual_bytes = 0;
    f->metrics = (ho_metrics){0};
    f->left = INFINITY;
}

static void add(ho_folds *f, const ho_answer *a)
{
    f->value += a->value;
    f->seconds += a->line.seconds;
    if (a->line.trajectory_bytes > f->trajectory_bytes) {
        f->trajectory_bytes = a->line.trajectory_bytes;
        f->residual_bytes = a->line.residual_bytes;
    }
    for (int64_t i = 0; a->gradient && i < f->size; i++)
        f->gradient[i] += a->gradient[i];
    if (a->line.rounding.known && a->line.rounding.left < f->left) {
        f->left = a->line.rounding.left;
        f->fewest = f->at;
    }
}

/* What the trained weights of a fold are worth on its validation part. */
static ho_status add_metrics(ho_folds *f, const fold *own, const ho_point *point, ho_error *error)
{
    ho_metrics metrics;
    ho_status status =
        ho_training_evaluate(own->training, point->lambda, point->state, own->problem.validation, &metrics);
    if (status != HO_OK)
        return ho_take_error(own->training, status, "evaluation", error);
    f->metrics.loss += metrics.loss;
    f->metrics.accuracy += metrics.accuracy;
    f->metrics.count += metrics.count;
    return HO_OK;
}

static ho_status ask_fold(ho_folds *f, const ho_question *q, ho_answer *a)
{
    const fold *own = &f->folds[f->at];
    ho_best best = {0};
    ho_error error = {0};
    *a = (ho_answer){0};
    if (ho_best_init(&best, own->training, q->wanted == HO_VALUE, &error) != HO_OK)
        a->outcome = error;
    else if (ho_ask(own->trainer, q, &best, a) == HO_OK && q->wanted == HO_VALUE)
        add_metrics(f, own, &best.at, &a->outcome);
    ho_best_free(&best);
    return a->outcome.status;
}

static void name_fold(const ho_folds *f, ho_error *error)
{
    if (error->status != HO_INTERRUPTED)
        ho_error_about(error, "fold %lld of %lld", (long long)f->at + 1, (long long)f->count);
}

/* The means of what all folds gave. */
static void answer(const ho_folds *f, const ho_question *q, double *gradient, ho_answer *a)
{
    const double share = 1 / (double)f->count;
    a->value = a->line.validation_error = f->value * share;
    a->line.seconds = f->seconds;
    a->line.trajectory_bytes = f->trajectory_bytes;
    a->line.residual_bytes = f->residual_bytes;
    if (q->wanted != HO_GRADIENT)
        return;
    for (int64_t i = 0; i < f->size; i++)
        gradient[i] = f->gradient[i] * share;
    a->gradient = gradient;
    a->line.gradient_norm = ho_norm(gradient, f->size);
    a->line.rounding = ho_rounding_of(f->folds[f->fewest].training);
}

ho_status ho_folds_train(ho_folds *f, const ho_question *q, double *gradient, ho_best *best, ho_answer *a)
{
    if (f->at == 0)
        begin(f);
    for (; f->at < f->count; f->at++) {
        ho_answer own;
        if (ask_fold(f, q, &own) != HO_OK) {
            a->outcome = own.outcome;
            name_fold(f, &a->outcome);
            f->at = 0;
            return a->outcome.status;
        }
        add(f, &own);
    }
    f->at = 0;
    answer(f, q, gradient, a);
    if (q->wanted == HO_VALUE)
        f->last =
            (ho_metrics){f->metrics.loss / (double)f->count, f->metrics.accuracy / (double)f->count, f->metrics.count};
    const ho_point point = {.value = a->value,
                            .error = a->value,
                            .iteration = q->iteration,
                            .step = f->folds->problem.steps,
                            .epoch = NAN,
                            .lambda = q->lambda};
    ho_best_offer(best, &point);
    return HO_OK;
}

/* ---- of the whole ------------------------------------------------------------------------------------------------ */

ho_status ho_folds_pass(ho_folds *f, ho_snapshot *snapshot, ho_error *error)
{
    HO_SNAPSHOT(snapshot, f->at);
    HO_SNAPSHOT(snapshot, f->value);
    HO_SNAPSHOT(snapshot, f->seconds);
    ho_snapshot_pass(snapshot, f->gradient, (size_t)f->size * sizeof *f->gradient);
    HO_SNAPSHOT(snapshot, f->metrics);
    HO_SNAPSHOT(snapshot, f->trajectory_bytes);
    HO_SNAPSHOT(snapshot, f->residual_bytes);
    HO_SNAPSHOT(snapshot, f->fewest);
    HO_SNAPSHOT(snapshot, f->left);
    for (int64_t k = 0; k < f->count && error->status == HO_OK; k++)
        if (ho_trainer_pass(f->folds[k].trainer, snapshot, error) == HO_OK && k > 0)
            ho_training_pass(f->folds[k].training, snapshot, error);
    return error->status;
}

int64_t ho_folds_evaluations(const ho_folds *f)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < f->count; k++)
        sum += ho_training_evaluations(f->folds[k].training);
    return sum;
}

const ho_metrics *ho_folds_metrics(const ho_folds *f)
{
    return &f->last;
}
