/* Gradient descent on lambda, by a dynamics plugin. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/hyperstep.h"
#include "run/strategy.h"

typedef struct descent {
    ho_strategy base;
    ho_training *training;
    ho_hyperstep *step;
    ho_scale *scales; /* of lambda's entries */
    int64_t size;     /* of lambda */
    int64_t proposed;
    double scale; /* of the step: 1, halved after each divergence */
    double *lambda;
    /* The best, to go back to: its lambda and gradient, and the optimizer before the step from there. */
    bool kept;
    double *best_lambda, *best_gradient;
    ho_snapshot optimizer;
} descent;

static void descent_free(ho_strategy *s)
{
    descent *d = (descent *)s;
    ho_hyperstep_free(d->step);
    free(d->scales);
    ho_snapshot_free(&d->optimizer);
    free(d->lambda);
    free(d->best_lambda);
    free(d->best_gradient);
    free(d);
}

static ho_wanted propose(ho_strategy *s, double *lambda, ho_error *error)
{
    (void)error;
    descent *d = (descent *)s;
    if (d->proposed > s->planned)
        return HO_NO_MORE;
    memcpy(lambda, d->lambda, (size_t)d->size * sizeof *lambda);
    return d->proposed++ < s->planned ? HO_GRADIENT : HO_VALUE;
}

static void save_optimizer(descent *d)
{
    ho_snapshot_save(&d->optimizer);
    ho_hyperstep_pass(d->step, &d->optimizer);
}

/* Back to the best lambda, and from there a shorter step along its gradient; shorter still where lambda itself
 * overflows. */
static ho_status go_back(descent *d, ho_answer *a, ho_error *error)
{
    if (!d->kept)
        return ho_fail(error, HO_DIVERGED, "%s (with the initial hyperparameters)", a->outcome.text);
    ho_status status = HO_DIVERGED;
    while (status == HO_DIVERGED && d->base.halvings < HO_HALVINGS) {
        ho_error own = {0};
        d->base.halvings++;
        d->scale *= 0.5;
        memcpy(d->lambda, d->best_lambda, (size_t)d->size * sizeof *d->lambda);
        ho_snapshot_restore(&d->optimizer);
        ho_hyperstep_pass(d->step, &d->optimizer);
        status = ho_hyperstep_make(d->step, d->lambda, d->best_gradient, d->scale, &own);
        if (status != HO_OK && status != HO_DIVERGED)
            ho_fail_as(error, &own);
    }
    a->recovery = status == HO_OK ? "back to the best hyperparameters with half the outer step" : NULL;
    if (status == HO_DIVERGED)
        ho_fail(error, status, "%s (after halving the outer step %d times)", a->outcome.text, HO_HALVINGS);
    return status;
}

static ho_status told(ho_strategy *s, ho_answer *a, ho_error *error)
{
    descent *d = (descent *)s;
    a->line.step_scale = d->scale;
    if (d->proposed > s->planned)
        return HO_OK; /* the last: there is nothing to recover, and the best stands */
    size_t bytes = (size_t)d->size * sizeof *d->lambda;
    if (a->line.best) {
        d->kept = true;
        memcpy(d->best_lambda, a->lambda, bytes);
        memcpy(d->best_gradient, a->gradient, bytes);
        save_optimizer(d);
    }
    if (a->outcome.status == HO_OK &&
        ho_stationarity(d->training, d->scales, a->lambda, a->gradient, &a->line.stationarity, &a->outcome) == HO_OK)
        ho_hyperstep_make(d->step, d->lambda, a->gradient, d->scale, &a->outcome);
    if (a->outcome.status == HO_DIVERGED)
        return go_back(d, a, error);
    return ho_fail_as(error, &a->outcome);
}

static void pass(ho_strategy *s, ho_snapshot *snapshot)
{
    descent *d = (descent *)s;
    size_t bytes = (size_t)d->size * sizeof *d->lambda;
    ho_snapshot_pass(snapshot, &s->halvings, sizeof s->halvings);
    ho_snapshot_pass(snapshot, &d->proposed, sizeof d->proposed);
    ho_snapshot_pass(snapshot, &d->scale, sizeof d->scale);
    ho_snapshot_pass(snapshot, &d->kept, sizeof d->kept);
    ho_snapshot_pass(snapshot, d->lambda, bytes);
    ho_snapshot_pass(snapshot, d->best_lambda, bytes);
    ho_snapshot_pass(snapshot, d->best_gradient, bytes);
    ho_snapshot_pass(snapshot, d->optimizer.bytes, d->optimizer.size);
    ho_hyperstep_pass(d->step, snapshot);
}

ho_strategy *ho_descent_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    static const ho_strategy_calls calls = {.propose = propose, .told = told, .pass = pass, .free = descent_free};
    descent *d = ho_alloc(sizeof *d);
    *d = (descent){.base = {&calls, HO_LINE_ITERATION, pipeline->outer_iterations, 0},
                   .training = training,
                   .size = ho_training_lambda_size(training),
                   .scale = 1};
    d->lambda = ho_alloc((size_t)d->size * sizeof *d->lambda);
    d->best_lambda = ho_alloc((size_t)d->size * sizeof *d->best_lambda);
    d->best_gradient = ho_alloc((size_t)d->size * sizeof *d->best_gradient);
    ho_training_lambda_initial(training, d->lambda);
    d->scales = ho_scaled_new(training);
    d->step = ho_hyperstep_new(pipeline, training, error);
    if (d->step) {
        save_optimizer(d);
        return &d->base;
    }
    descent_free(&d->base);
    return NULL;
}
