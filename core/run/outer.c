#include "run/outer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/gradient.h"
#include "run/mover.h"

struct ho_outer {
    const ho_pipeline *pipeline;
    ho_training *training;
    ho_mover *mover;
    int64_t size;                              /* of lambda */
    double *lambda, *gradient, *best_gradient; /* size entries each */
    double scale;
};

void ho_outer_free(ho_outer *o)
{
    if (!o)
        return;
    ho_mover_free(o->mover);
    free(o->lambda);
    free(o->gradient);
    free(o->best_gradient);
    free(o);
}

ho_outer *ho_outer_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    ho_outer *o = ho_alloc(sizeof *o);
    *o =
        (ho_outer){.pipeline = pipeline, .training = training, .size = ho_training_lambda_size(training), .scale = 1.0};
    size_t bytes = (size_t)o->size * sizeof(double);
    o->lambda = ho_alloc(bytes);
    o->gradient = ho_alloc(bytes);
    o->best_gradient = ho_alloc(bytes);
    o->mover = ho_mover_new(pipeline, training, error);
    if (o->mover)
        return o;
    ho_outer_free(o);
    return NULL;
}

static void keep_best(ho_outer *o, ho_outer_result *result, ho_outer_record *record)
{
    if (!(isnan(result->best_error) || record->error < result->best_error))
        return;
    record->best = true;
    result->best_error = record->error;
    result->best_iteration = record->iteration;
    memcpy(result->best, o->lambda, (size_t)o->size * sizeof(double));
    memcpy(o->best_gradient, o->gradient, (size_t)o->size * sizeof(double));
    ho_mover_save(o->mover);
}

/* Back to the best lambda, and from there a shorter step along its gradient; shorter still where lambda itself
 * overflows. */
static ho_status go_back(ho_outer *o, ho_outer_result *result, ho_outer_record *record, ho_error *error)
{
    if (isnan(result->best_error))
        return ho_fail(error, HO_DIVERGED, "%s (with the initial hyperparameters)", record->diverged);
    ho_status status = HO_DIVERGED;
    while (status == HO_DIVERGED && result->halvings < HO_HALVINGS) {
        ho_error own = {0};
        result->halvings++;
        o->scale *= 0.5;
        memcpy(o->lambda, result->best, (size_t)o->size * sizeof(double));
        ho_mover_restore(o->mover);
        status = ho_mover_step(o->mover, o->lambda, o->best_gradient, o->scale, &own);
        if (status != HO_OK && status != HO_DIVERGED)
            ho_fail(error, status, "%s", own.text);
    }
    record->recovered = status == HO_OK;
    if (status == HO_DIVERGED)
        ho_fail(error, status, "%s (after halving the outer step %d times)", record->diverged, HO_HALVINGS);
    return status;
}

/* The error and the hypergradient at lambda, then the step from there. A divergence of either is told in `own`. */
static ho_status iterate(ho_outer *o, ho_outer_result *result, ho_outer_record *record, ho_error *own)
{
    ho_gradient_cost cost = {0};
    double error = NAN;
    ho_status status = ho_hypergradient(o->training, o->pipeline->mode, o->pipeline->problem.steps, o->lambda, &error,
                                        o->gradient, &cost, own);
    if (status != HO_OK)
        return status;
    record->bytes = cost.bytes;
    record->error = error;
    record->gradient_norm = ho_norm(o->gradient, o->size);
    if (result->done++ == 0)
        result->initial_error = error;
    keep_best(o, result, record);
    status = ho_stationarity(o->training, o->lambda, o->gradient, &record->stationarity, own);
    return status == HO_OK ? ho_mover_step(o->mover, o->lambda, o->gradient, o->scale, own) : status;
}

/* The last lambda has been stepped to but not yet looked at: one plain training run tells its error. */
static ho_status last_look(ho_outer *o, ho_outer_result *result, ho_outer_record *record, ho_error *own)
{
    double error;
    ho_status status = ho_train(o->training, o->pipeline->problem.steps, o->lambda, NULL, &error, own);
    if (status != HO_OK)
        return status;
    record->error = error;
    keep_best(o, result, record);
    return HO_OK;
}

ho_status ho_outer_run(ho_outer *o, const double *lambda, ho_outer_report *report, void *context,
                       ho_outer_result *result, ho_error *error)
{
    ho_status status = HO_OK;
    int64_t iterations = o->pipeline->outer_iterations;
    memcpy(o->lambda, lambda, (size_t)o->size * sizeof(double));
    memcpy(result->best, lambda, (size_t)o->size * sizeof(double));
    result->best_error = result->initial_error = NAN;
    result->best_iteration = result->done = 0;
    result->halvings = 0;

    double *seen = ho_alloc((size_t)o->size * sizeof(double)); /* lambda of the record, before the step */
    for (int64_t i = 1; i <= iterations + 1 && status == HO_OK; i++) {
        bool last = i == iterations + 1;
        double begun = ho_seconds();
        ho_error own = {0};
        ho_outer_record record = {
            .iteration = i, .lambda = seen, .error = NAN, .gradient_norm = NAN, .stationarity = NAN, .scale = o->scale};
        memcpy(seen, o->lambda, (size_t)o->size * sizeof(double));
        ho_status run = last ? last_look(o, result, &record, &own) : iterate(o, result, &record, &own);
        if (run == HO_DIVERGED) {
            record.diverged = own.text;
            /* After the last step there is nothing to recover: the best stands. */
            status = last ? HO_OK : go_back(o, result, &record, error);
        } else if (run != HO_OK) {
            status = ho_fail(error, run, "%s", own.text);
        }
        if (status == HO_OK || status == HO_DIVERGED) {
            record.seconds = ho_seconds() - begun;
            ho_status told = report(context, &record, error);
            status = status == HO_OK ? told : status;
        }
    }
    free(seen);
    return status;
}
