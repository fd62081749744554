/* A way back over the trajectory that can be saved half-way: hotool may save the run while it rests. */
#ifndef MODES_SWEEP_H
#define MODES_SWEEP_H

#include <hotool/plugin.h>

#include <stdbool.h>
#include <string.h>

typedef struct sweep {
    ho_system *system;
    int64_t lambda_size;
    int64_t last; /* the adjoint is that of this position; 0: no sweep is under way */
    double value;
    double *gradient; /* as far as it is summed: the caller's during a rest, one of its own once restored */
} sweep;

/* Between two steps back. */
static inline void sweep_rest(sweep *s, int64_t last, double value, double *gradient)
{
    s->last = last;
    s->value = value;
    s->gradient = gradient;
    s->system->api->rest(s->system);
    s->last = 0;
    s->gradient = NULL;
}

static inline void sweep_free(sweep *s)
{
    s->system->api->free_memory(s->system, s->gradient);
    s->gradient = NULL;
    s->last = 0;
}

/* Whether one was restored: then it goes on from position *last. */
static inline bool sweep_goes_on(sweep *s, int64_t *last, double *value, double *gradient)
{
    if (s->last == 0)
        return false;
    *last = s->last;
    *value = s->value;
    memcpy(gradient, s->gradient, (size_t)s->lambda_size * sizeof(double));
    sweep_free(s);
    return true;
}

static inline ho_status sweep_pass(sweep *s, ho_snapshot *snapshot, ho_vector *adjoint)
{
    const ho_system_api *api = s->system->api;
    api->pass(s->system, snapshot, &s->last, sizeof s->last);
    if (s->last == 0)
        return HO_OK;
    if (api->restoring(s->system, snapshot) &&
        !(s->gradient = api->alloc(s->system, (uint64_t)(s->lambda_size + 1) * sizeof(double))))
        return HO_FAILED;
    api->pass(s->system, snapshot, &s->value, sizeof s->value);
    api->pass(s->system, snapshot, s->gradient, (uint64_t)s->lambda_size * sizeof(double));
    api->pass_vector(s->system, snapshot, adjoint);
    return HO_OK;
}

#endif
