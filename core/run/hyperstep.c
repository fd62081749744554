#include "run/hyperstep.h"

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
    int64_t size;     /* of lambda */
    ho_scale *scales; /* of its entries */
    double *u, *by_u; /* lambda and the gradient on these scales */
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
    free(h->scales);
    free(h->u);
    free(h->by_u);
    free(h);
}

ho_hyperstep *ho_hyperstep_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    size_t hyper_count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &hyper_count);
    ho_hyperstep *h = ho_alloc(sizeof *h);
    *h = (ho_hyperstep){.training = training,
                        .size = ho_training_lambda_size(training),
                        .scales = ho_scaled_new(training),
                        .groups = ho_alloc((hyper_count + 1) * sizeof *h->groups)};
    h->u = ho_alloc((size_t)h->size * sizeof *h->u);
    h->by_u = ho_alloc((size_t)h->size * sizeof *h->by_u);
    ho_status status = add_group(h, pipeline, NULL, error);
    for (size_t i = 0; i < hyper_count && status == HO_OK; i++)
        if (hypers[i].tuned && hypers[i].outer)
            status = add_group(h, pipeline, &hypers[i], error);
    if (status == HO_OK)
        return h;
    ho_hyperstep_free(h);
    return NULL;
}

ho_status ho_hyperstep_make(ho_hyperstep *h, double *lambda, const double *gradient, double part, ho_error *error)
{
    ho_scaled_to(h->scales, h->size, lambda, h->u);
    ho_scaled_gradient(h->scales, h->size, lambda, gradient, h->by_u);
    for (size_t i = 0; i < h->group_count; i++) {
        group *g = &h->groups[i];
        for (int64_t j = 0; j < g->count; j++) {
            g->x[j] = h->u[g->index[j]];
            g->g[j] = h->by_u[g->index[j]];
        }
        ho_status status = ho_optimizer_step(g->optimizer, g->x, g->g, part, error);
        if (status != HO_OK)
            return status;
        for (int64_t j = 0; j < g->count; j++)
            h->u[g->index[j]] = g->x[j];
    }
    ho_scaled_from(h->scales, h->size, h->u, lambda);
    return ho_training_project(h->training, lambda, error);
}

void ho_hyperstep_pass(ho_hyperstep *h, ho_snapshot *snapshot)
{
    for (size_t i = 0; i < h->group_count; i++)
        ho_optimizer_pass(h->groups[i].optimizer, snapshot);
}
