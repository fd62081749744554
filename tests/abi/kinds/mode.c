/* A mode compiled before modes had tangent_norms: the validation error's direct gradient, as if no step had depended
 * on lambda. */
#include <hotool/plugin.h>

typedef struct simple_run {
    ho_system *system;
    ho_vector *state, *next;
} simple_run;

static void end(void *run)
{
    simple_run *r = run;
    if (!r)
        return;
    ho_system *s = r->system;
    s->api->vector_free(s, r->state);
    s->api->vector_free(s, r->next);
    s->api->free_memory(s, r);
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    (void)self;
    simple_run *r = s->api->alloc(s, sizeof *r);
    if (!r)
        return HO_FAILED;
    *r = (simple_run){s, s->api->vector_new(s, 1), s->api->vector_new(s, 1)};
    ho_status status = r->state && r->next ? s->api->initial(s, lambda, r->state) : HO_FAILED;
    if (status == HO_OK)
        *run = r;
    else
        end(r);
    return status;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    simple_run *r = run;
    ho_status status = HO_OK;
    for (int64_t t = t0 + 1; t <= t1 && status == HO_OK; t++) {
        status = r->system->api->step(r->system, t, lambda, r->state, r->next);
        ho_vector *old = r->state;
        r->state = r->next;
        r->next = old;
    }
    return status;
}

static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    simple_run *r = run;
    for (int64_t i = 0; i < r->system->api->lambda_size(r->system); i++)
        gradient[i] = 0;
    return r->system->api->error_gradient(r->system, lambda, r->state, value, r->next, gradient);
}

static const ho_vector *state(void *run)
{
    return ((const simple_run *)run)->state;
}

static ho_status forget(void *run)
{
    (void)run;
    return HO_OK;
}

static int64_t bytes(void *run)
{
    const simple_run *r = run;
    return 2 * r->system->api->vector_bytes(r->system, r->state);
}

static const ho_mode_calls calls = {
    .struct_size = offsetof(ho_mode_calls, tangent_norms),
    .start = start,
    .advance = advance,
    .hypergradient = hypergradient,
    .state = state,
    .forget = forget,
    .bytes = bytes,
    .end = end,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_MODE), .name = "probe_mode", .version = "1",
                                              .doc = "a probe", .calls = &calls};
