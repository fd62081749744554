#include "run/mover.h"

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

struct ho_mover {
    ho_training *training;
    group *groups;
    size_t group_count;
    ho_snapshot saved;
};

/* The entries of one hyperparameter, or of all that have no optimizer of their own. */
static ho_status add_group(ho_mover *m, const ho_pipeline *pipeline, const ho_hyperparameter *own, ho_error *error)
{
    size_t hyper_count;
    const ho_hyperparameter *hypers = ho_training_hypers(m->training, &hyper_count);
    group *g = &m->groups[m->group_count];
    g->index = ho_alloc((size_t)ho_training_lambda_size(m->training) * sizeof *g->index);
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
    m->group_count++;
    g->x = ho_alloc((size_t)g->count * sizeof *g->x);
    g->g = ho_alloc((size_t)g->count * sizeof *g->g);
    g->optimizer = ho_optimizer_new(pipeline->outer, pipeline->outer_values, own ? own->outer : NULL, g->count, error);
    return g->optimizer ? HO_OK : error->status;
}

void ho_mover_free(ho_mover *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->group_count; i++) {
        ho_optimizer_free(m->groups[i].optimizer);
        free(m->groups[i].index);
        free(m->groups[i].x);
        free(m->groups[i].g);
    }
    ho_snapshot_free(&m->saved);
    free(m->groups);
    free(m);
}

ho_mover *ho_mover_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    size_t hyper_count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &hyper_count);
    ho_mover *m = ho_alloc(sizeof *m);
    *m = (ho_mover){.training = training, .groups = ho_alloc((hyper_count + 1) * sizeof *m->groups)};
    ho_status status = add_group(m, pipeline, NULL, error);
    for (size_t i = 0; i < hyper_count && status == HO_OK; i++)
        if (hypers[i].tuned && hypers[i].outer)
            status = add_group(m, pipeline, &hypers[i], error);
    if (status == HO_OK)
        return m;
    ho_mover_free(m);
    return NULL;
}

ho_status ho_mover_step(ho_mover *m, double *lambda, const double *gradient, double scale, ho_error *error)
{
    for (size_t i = 0; i < m->group_count; i++) {
        group *g = &m->groups[i];
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
    return ho_training_project(m->training, lambda, error);
}

static void pass(ho_mover *m)
{
    for (size_t i = 0; i < m->group_count; i++)
        ho_optimizer_pass(m->groups[i].optimizer, &m->saved);
}

void ho_mover_save(ho_mover *m)
{
    ho_snapshot_save(&m->saved);
    pass(m);
}

void ho_mover_restore(ho_mover *m)
{
    ho_snapshot_restore(&m->saved);
    pass(m);
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
    if (status == HO_OK || status == HO_DIVERGED)
        return HO_OK;
    return ho_fail(error, status, "%s", own.text);
}
