#include "run/hyperstep.h"

#include <math.h>
#include <stdlib.h>

#include "system/optimizer.h"

/* Entries of lambda that one optimizer moves. */
typedef struct group {
    ho_optimizer *optimizer;
    int64_t count;
    int64_t *index;
    double *x, *g;
} group;

struct ho_hyperstep {
    ho_training *training;
    group *groups;
    size_t group_count;
};

/* The entries of one hyperparameter, or of all that have no optimizer of their own. */
static ho_status add_group(ho_hyperstep *h, const ho_pipeline *pipeline, const ho_hyperparameter *own, ho_error *error)
{
    size_t hyper_count;
    const ho_hyperparameter *hypers = ho_training_hypers(h->training, &hyper_count);
    group *g = &h->groups[h->group_count];
    g->index = ho_alloc((size_t)ho_training_lambda_size(h->training) * sizeof *g->index);
    for (size_t i = 0; i < hyper_count; i++) {
        const ho_hyperparameter *p = &hypers[i];
        if (!p->tuned || (own ? p != own : p->outer != NULL))
            continue;
        for (int64_t j = 0; j < p->count; j++)
            g->index[g->count++] = p->offset + j;
    }
    if (g->count == 0) {
        free(g->index);
        *g = (group){0};
        return HO_OK;
    }
    h->group_count++;
    g->x = ho_alloc((size_t)g->count * sizeof *g->x);
    g->g = ho_alloc((size_t)g->count * sizeof *g->g);
    g->optimizer = ho_optimizer_new(pipeline->outer, pipeline->outer_values, own ? own->outer : NULL, g->count, error);
    return g->optimizer ? HO_OK : error->status;
}

void ho_hyperstep_free(ho_hyperstep *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->group_count; i++) {
        ho_optimizer_free(h->groups[i].optimizer);
        free(h->groups[i].index);
        free(h->groups[i].x);
        free(h->groups[i].g);
    }
    free(h->groups);
    free(h);
}

ho_hyperstep *ho_hyperstep_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    size_t hyper_count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &hyper_count);
    ho_hyperstep *h = ho_alloc(sizeof *h);
    *h = (ho_hyperstep){.training = training, .groups = ho_alloc((hyper_count + 1) * sizeof *h->groups)};
    ho_status status = add_group(h, pipeline, NULL, error);
    for (size_t i = 0; i < hyper_count && status == HO_OK; i++)
        if (hypers[i].tuned && hypers[i].outer)
            status = add_group(h, pipeline, &hypers[i], error);
    if (status == HO_OK)
        return h;
    ho_hyperstep_free(h);
    return NULL;
}

ho_status ho_hyperstep_make(ho_hyperstep *h, double *lambda, const double *gradient, double scale, ho_error *error)
{
    for (size_t i = 0; i < h->group_count; i++) {
        group *g = &h->groups[i];
        for (int64_t j = 0; j < g->count; j++) {
            g->x[j] = lambda[g->index[j]];
            g->g[j] = gradient[g->index[j]];
        }
        ho_status status = ho_optimizer_step(g->optimizer, g->x, g->g, scale, error);
        if (status != HO_OK)
            return status;
        for (int64_t j = 0; j < g->count; j++)
            lambda[g->index[j]] = g->x[j];
    }
    return ho_training_project(h->training, lambda, error);
}

void ho_hyperstep_pass(ho_hyperstep *h, ho_snapshot *snapshot)
{
    for (size_t i = 0; i < h->group_count; i++)
        ho_optimizer_pass(h->groups[i].optimizer, snapshot);
}

double ho_norm(const double *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

ho_status ho_stationarity(ho_training *training, const double *lambda, const double *gradient, double *value,
                          ho_error *error)
{
    int64_t size = ho_training_lambda_size(training);
    double *moved = ho_alloc((size_t)size * sizeof *moved);
    for (int64_t i = 0; i < size; i++)
        moved[i] = lambda[i] - gradient[i];
    ho_error own = {0};
    ho_status status = ho_training_project(training, moved, &own);
    for (int64_t i = 0; i < size; i++)
        moved[i] = lambda[i] - moved[i];
    *value = status == HO_OK ? ho_norm(moved, size) : (double)NAN;
    free(moved);
    return status == HO_DIVERGED ? HO_OK : ho_fail_as(error, &own);
}
