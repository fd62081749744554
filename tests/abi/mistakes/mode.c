/* Mistakes in a mode: reverse, by going through the steps again from the start for each of them. */
#include <hotool/plugin.h>

#include <stdlib.h>

typedef struct run {
    ho_system *s;
    ho_vector *state, *next, *a, *b;
    int64_t t;
} run;

static ho_status start(void *self, ho_system *s, const double *lambda, void **out)
{
    (void)self;
    run *r = s->api->alloc(s, sizeof *r);
    if (!r)
        return HO_FAILED;
    *r = (run){.s = s};
    r->state = s->api->vector_new(s, 1);
    r->next = s->api->vector_new(s, 1);
    r->a = s->api->vector_new(s, 1);
    r->b = s->api->vector_new(s, 1);
    *out = r;
    if (!r->state || !r->next || !r->a || !r->b || s->api->initial(s, lambda, r->state) != HO_OK) {
        ho_vector *const all[] = {r->state, r->next, r->a, r->b};
        for (int i = 0; i < 4; i++)
            s->api->vector_free(s, all[i]);
        s->api->free_memory(s, r);
        *out = NULL;
        return HO_FAILED;
    }
    return HO_OK;
}

static ho_status advance(void *self, int64_t t0, int64_t t1, const double *lambda)
{
    run *r = self;
    const ho_system_api *api = r->s->api;
    for (int64_t t = t0 + 1; t <= t1; t++) {
#ifdef M_one_vector_twice
        ho_status status = api->step(r->s, t, lambda, r->state, r->state);
#else
        ho_status status = api->step(r->s, t, lambda, r->state, r->next);
#endif
#ifndef M_ignores_failures
        if (status != HO_OK)
            return status;
#endif
        api->copy(r->s, r->next, r->state);
        r->t = t;
    }
#ifdef M_writes_lambda
    ((double *)(uintptr_t)lambda)[0] += 1;
#endif
    return HO_OK;
}

/* From the start again for each step: of no use but to be short. */
static ho_status hypergradient(void *self, const double *lambda, double *value, double *gradient)
{
    run *r = self;
    const ho_system_api *api = r->s->api;
    for (int64_t i = 0; i < api->lambda_size(r->s); i++)
        gradient[i] = 0;
    ho_status status = api->error_gradient(r->s, lambda, r->state, value, r->a, gradient);
    for (int64_t last = r->t; last >= 1 && status == HO_OK; last--) {
        status = api->initial(r->s, lambda, r->state);
        for (int64_t t = 1; t < last && status == HO_OK; t++) {
            status = api->step(r->s, t, lambda, r->state, r->next);
            api->copy(r->s, r->next, r->state);
        }
        if (status == HO_OK)
            status = api->vjp(r->s, last, lambda, r->state, r->a, r->b, gradient);
        api->copy(r->s, r->b, r->a);
    }
#ifndef M_forgets_the_start
    if (status == HO_OK)
        status = api->initial_vjp(r->s, lambda, r->a, gradient);
#endif
    return status;
}

static const ho_vector *state(void *self)
{
    return ((run *)self)->state;
}

static ho_status forget(void *self)
{
    (void)self;
    return HO_OK;
}

static int64_t bytes(void *self)
{
    (void)self;
    return 0;
}

static void end(void *self)
{
    run *r = self;
    if (!r)
        return;
    r->s->api->vector_free(r->s, r->state);
    r->s->api->vector_free(r->s, r->next);
    r->s->api->vector_free(r->s, r->a);
#ifndef M_leaks
    r->s->api->vector_free(r->s, r->b);
#endif
    r->s->api->free_memory(r->s, r);
}

static const ho_mode_calls calls = {.struct_size = sizeof calls,
                                    .start = start,
                                    .advance = advance,
                                    .hypergradient = hypergradient,
                                    .state = state,
                                    .forget = forget,
                                    .bytes = bytes,
                                    .end = end};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_MODE), .name = NAME, .version = "1",
                                              .doc = "reverse, slowly", .calls = &calls};
