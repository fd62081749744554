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

struct ho_outer {
    const ho_pipeline *pipeline;
    ho_training *training;
    group *groups;
    size_t group_count;
    int64_t size;                                        /* of lambda */
    double *lambda, *gradient, *best_gradient, *scratch; /* size entries each */
    double scale;
};

static ho_status add_group(ho_outer *o, const ho_hyperparameter *own, ho_error *error)
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
    g->optimizer =
        ho_optimizer_new(o->pipeline->outer, o->pipeline->outer_values, own ? own->outer : NULL, g->count, error);
    return g->optimizer ? HO_OK : error->status;
}

void ho_outer_free(ho_outer *o)
{
    if (!o)
        return;
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
    free(o);
}

ho_outer *ho_outer_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    size_t hyper_count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &hyper_count);
    ho_outer *o = ho_alloc(sizeof *o);
    *o =
        (ho_outer){.pipeline = pipeline, .training = training, .size = ho_training_lambda_size(training), .scale = 1.0};
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
    if (status == HO_OK)
        return o;
    ho_outer_free(o);
    return NULL;
}

static ho_status step(ho_outer *o, const double *gradient, ho_error *error)
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

static double norm(const double *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

/* ||lambda - P(lambda - gradient)||; the gradient's own norm means nothing on the boundary of a constraint. Stays NaN
 * where the difference overflows. */
static ho_status stationarity(ho_outer *o, double *value, ho_error *error)
{
    for (int64_t i = 0; i < o->size; i++)
        o->scratch[i] = o->lambda[i] - o->gradient[i];
    ho_error own = {0};
    ho_status status = ho_training_project(o->training, o->scratch, &own);
    if (status == HO_DIVERGED)
        return HO_OK;
    if (status != HO_OK)
        return ho_fail(error, status, "%s", own.text);
    for (int64_t i = 0; i < o->size; i++)
        o->scratch[i] = o->lambda[i] - o->scratch[i];
    *value = norm(o->scratch, o->size);
    return HO_OK;
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
    for (size_t i = 0; i < o->group_count; i++)
        ho_optimizer_save(o->groups[i].optimizer);
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
        for (size_t i = 0; i < o->group_count; i++)
            ho_optimizer_restore(o->groups[i].optimizer);
        status = step(o, o->best_gradient, &own);
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
    record->gradient_norm = norm(o->gradient, o->size);
    if (result->done++ == 0)
        result->initial_error = error;
    keep_best(o, result, record);
    status = stationarity(o, &record->stationarity, own);
    return status == HO_OK ? step(o, o->gradient, own) : status;
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
