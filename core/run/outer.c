#include "run/outer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/gradient.h"
#include "system/optimizer.h"

/* Entries of lambda that one optimizer moves: those of a hyperparameter with `outer:` of its own, or all others. */
typedef struct group {
    ho_optimizer *optimizer;
    int64_t count;
    int64_t *index;
    double *x, *g;
} group;

typedef struct outer {
    const ho_pipeline *pipeline;
    ho_training *training;
    group *groups;
    size_t group_count;
    int64_t size;                                        /* of lambda */
    double *lambda, *gradient, *best_gradient, *scratch; /* size entries each */
    double scale;
} outer;

static ho_status add_group(outer *o, const ho_hyperparameter *own, ho_error *error)
{
    size_t hyper_count;
    const ho_hyperparameter *hypers = ho_training_hypers(o->training, &hyper_count);
    group *g = &o->groups[o->group_count];
    g->index = ho_alloc((size_t)o->size * sizeof *g->index);
    for (size_t i = 0; i < hyper_count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned || (own ? h != own : h->outer != NULL))
            continue;
        for (int64_t j = 0; j < h->count; j++)
            g->index[g->count++] = h->offset + j;
    }
    if (g->count == 0) {
        free(g->index);
        *g = (group){0};
        return HO_OK;
    }
    o->group_count++;
    g->x = ho_alloc((size_t)g->count * sizeof *g->x);
    g->g = ho_alloc((size_t)g->count * sizeof *g->g);
    g->optimizer = ho_optimizer_new(o->pipeline->outer, o->pipeline->outer_values, own ? own->outer : NULL, g->count,
                                    error);
    return g->optimizer ? HO_OK : error->status;
}

static void outer_close(outer *o)
{
    for (size_t i = 0; i < o->group_count; i++) {
        ho_optimizer_free(o->groups[i].optimizer);
        free(o->groups[i].index);
        free(o->groups[i].x);
        free(o->groups[i].g);
    }
    free(o->groups);
    free(o->lambda);
    free(o->gradient);
    free(o->best_gradient);
    free(o->scratch);
}

static ho_status outer_open(outer *o, const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    size_t hyper_count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &hyper_count);
    *o = (outer){.pipeline = pipeline, .training = training, .size = ho_training_lambda_size(training), .scale = 1.0};
    size_t bytes = (size_t)o->size * sizeof(double);
    o->lambda = ho_alloc(bytes);
    o->gradient = ho_alloc(bytes);
    o->best_gradient = ho_alloc(bytes);
    o->scratch = ho_alloc(bytes);
    o->groups = ho_alloc((hyper_count + 1) * sizeof *o->groups);
    ho_status status = add_group(o, NULL, error);
    for (size_t i = 0; i < hyper_count && status == HO_OK; i++)
        if (hypers[i].tuned && hypers[i].outer)
            status = add_group(o, &hypers[i], error);
    return status;
}

static ho_status step(outer *o, const double *gradient, ho_error *error)
{
    for (size_t i = 0; i < o->group_count; i++) {
        group *g = &o->groups[i];
        for (int64_t j = 0; j < g->count; j++) {
            g->x[j] = o->lambda[g->index[j]];
            g->g[j] = gradient[g->index[j]];
        }
        ho_status status = ho_optimizer_step(g->optimizer, g->x, g->g, o->scale, error);
        if (status != HO_OK)
            return status;
        for (int64_t j = 0; j < g->count; j++)
            o->lambda[g->index[j]] = g->x[j];
    }
    return ho_training_project(o->training, o->lambda, error);
}

/* ||lambda - P(lambda - gradient)||; the gradient's own norm means nothing on the boundary of a constraint. */
static ho_status stationarity(outer *o, double *value, ho_error *error)
{
    for (int64_t i = 0; i < o->size; i++)
        o->scratch[i] = o->lambda[i] - o->gradient[i];
    ho_status status = ho_training_project(o->training, o->scratch, error);
    double sum = 0;
    for (int64_t i = 0; i < o->size; i++) {
        double d = o->lambda[i] - o->scratch[i];
        sum += d * d;
    }
    *value = sqrt(sum);
    return status;
}

static double norm(const double *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

static void keep_best(outer *o, ho_outer_result *result, ho_outer_record *record)
{
    if (!(isnan(result->best_error) || record->error < result->best_error))
        return;
    record->best = true;
    result->best_error = record->error;
    result->best_iteration = record->iteration;
    memcpy(result->best, o->lambda, (size_t)o->size * sizeof(double));
    memcpy(o->best_gradient, o->gradient, (size_t)o->size * sizeof(double));
    for (size_t i = 0; i < o->group_count; i++)
        ho_optimizer_save(o->groups[i].optimizer);
}

/* Back to the best lambda, and from there a shorter step along its gradient. */
static ho_status go_back(outer *o, ho_outer_result *result, const char *why, ho_error *error)
{
    if (isnan(result->best_error))
        return ho_fail(error, HO_DIVERGED, "%s (with the initial hyperparameters)", why);
    memcpy(o->lambda, result->best, (size_t)o->size * sizeof(double));
    if (result->halvings == HO_HALVINGS)
        return ho_fail(error, HO_DIVERGED, "%s (after halving the outer step %d times)", why, HO_HALVINGS);
    result->halvings++;
    o->scale *= 0.5;
    for (size_t i = 0; i < o->group_count; i++)
        ho_optimizer_restore(o->groups[i].optimizer);
    return step(o, o->best_gradient, error);
}

/* The last lambda has been stepped to but not yet looked at: one plain training run tells its error. */
static ho_status last_look(outer *o, ho_outer_record *record, ho_error *error)
{
    ho_error own = {0};
    ho_status status = ho_train_error(o->training, o->pipeline->problem.steps, o->lambda, &record->error, &own);
    if (status == HO_DIVERGED)
        return HO_OK; /* worse than the best, then */
    return status == HO_OK ? HO_OK : ho_fail(error, status, "%s", own.text);
}

ho_status ho_outer_run(const ho_pipeline *pipeline, ho_training *training, const double *lambda,
                       ho_status (*report)(void *context, const ho_outer_record *record, ho_error *error),
                       void *context, ho_outer_result *result, ho_error *error)
{
    outer o;
    ho_status status = outer_open(&o, pipeline, training, error);
    memcpy(o.lambda, lambda, (size_t)o.size * sizeof(double));
    memcpy(result->best, lambda, (size_t)o.size * sizeof(double));
    result->best_error = result->initial_error = NAN;
    result->best_iteration = result->done = 0;
    result->halvings = 0;

    double *seen = ho_alloc((size_t)o.size * sizeof(double)); /* lambda of the record, before the step */
    for (int64_t i = 1; i <= pipeline->outer_iterations + 1 && status == HO_OK; i++) {
        bool last = i == pipeline->outer_iterations + 1;
        double begun = ho_seconds();
        ho_error own = {0};
        ho_gradient_cost cost = {0};
        ho_outer_record record = {.iteration = i, .lambda = seen, .error = NAN, .gradient_norm = NAN,
                                  .stationarity = NAN, .scale = o.scale};
        memcpy(seen, o.lambda, (size_t)o.size * sizeof(double));
        if (last) {
            status = last_look(&o, &record, error);
            if (status == HO_OK && !isnan(record.error))
                keep_best(&o, result, &record);
        } else {
            ho_status run = ho_hypergradient(training, pipeline->mode, pipeline->problem.steps, o.lambda,
                                             &record.error, o.gradient, &cost, &own);
            if (run == HO_OK) {
                record.gradient_norm = norm(o.gradient, o.size);
                status = stationarity(&o, &record.stationarity, error);
                result->done++;
                if (i == 1)
                    result->initial_error = record.error;
                keep_best(&o, result, &record);
                if (status == HO_OK)
                    status = step(&o, o.gradient, error);
            } else if (run == HO_DIVERGED) {
                record.error = NAN;
                record.diverged = own.text;
                status = go_back(&o, result, own.text, error);
            } else {
                status = ho_fail(error, run, "%s", own.text);
            }
        }
        if (status == HO_OK || status == HO_DIVERGED) {
            record.bytes = cost.bytes;
            record.seconds = ho_seconds() - begun;
            ho_status told = report(context, &record, error);
            status = status == HO_OK ? told : status;
        }
    }
    free(seen);
    outer_close(&o);
    return status;
}
