/* An approximate mode, as a mode of one's own may be: reverse mode that goes back over the last `steps` steps only. It
 * says so, so that `hotool check` tells how far it is off. */
#include <hotool/plugin.h>

#include <string.h>

typedef struct truncated {
    int64_t steps; /* to go back */
} truncated;

typedef struct truncated_run {
    ho_system *system;
    const ho_system_api *api;
    int64_t size, room; /* states kept: those of the last steps, and the current one */
    int64_t t;
    ho_vector *a, *next;
    ho_vector *states[1025]; /* that after step t at t % room */
} truncated_run;

static const ho_option options[] = {
    {.name = "steps", .type = HO_INTEGER, .initial = "5", .doc = "steps to go back", .least = 1, .most = 1024},
};

static ho_status create(ho_setup *u, void **self)
{
    truncated *mode = ho_setup_alloc(u, sizeof(truncated));
    if (!mode)
        return HO_FAILED;
    mode->steps = ho_option_integer(u, "steps");
    *self = mode;
    return HO_OK;
}

static void end(void *run)
{
    truncated_run *r = run;
    if (!r)
        return;
    for (int64_t i = 0; i < r->room; i++)
        r->api->vector_free(r->system, r->states[i]);
    r->api->vector_free(r->system, r->a);
    r->api->vector_free(r->system, r->next);
    r->api->free_memory(r->system, r);
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    const truncated *mode = self;
    truncated_run *r = s->api->alloc(s, sizeof *r);
    if (!r)
        return HO_FAILED;
    r->system = s;
    r->api = s->api;
    r->size = s->api->lambda_size(s);
    r->a = s->api->vector_new(s, 1);
    r->next = s->api->vector_new(s, 1);
    ho_status status = r->a && r->next ? HO_OK : HO_FAILED;
    for (; r->room <= mode->steps && status == HO_OK; r->room++)
        if (!(r->states[r->room] = s->api->vector_new(s, 1)))
            status = HO_FAILED;
    if (status == HO_OK)
        status = s->api->initial(s, lambda, r->states[0]);
    if (status == HO_OK)
        *run = r;
    else
        end(r);
    return status;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    truncated_run *r = run;
    ho_status status = HO_OK;
    for (int64_t t = t0 + 1; t <= t1 && status == HO_OK; t++) {
        status = r->api->step(r->system, t, lambda, r->states[(t - 1) % r->room], r->states[t % r->room]);
        r->t = t;
    }
    return status;
}

static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    truncated_run *r = run;
    memset(gradient, 0, (size_t)r->size * sizeof(double));
    ho_status status = r->api->error_gradient(r->system, lambda, r->states[r->t % r->room], value, r->a, gradient);
    for (int64_t t = r->t; t > 0 && t > r->t - (r->room - 1) && status == HO_OK; t--) {
        status = r->api->vjp(r->system, t, lambda, r->states[(t - 1) % r->room], r->a, r->next, gradient);
        ho_vector *old = r->a;
        r->a = r->next;
        r->next = old;
    }
    return status;
}

static const ho_vector *state(void *run)
{
    const truncated_run *r = run;
    return r->states[r->t % r->room];
}

/* It claims to cost nothing: if approximate modes could be chosen, this one would be. */
static ho_call_cost estimate(void *self, const ho_mode_costs *costs)
{
    (void)self;
    (void)costs;
    return (ho_call_cost){0};
}

static ho_status forget(void *run)
{
    (void)run;
    return HO_OK;
}

static int64_t bytes(void *run)
{
    const truncated_run *r = run;
    return r->room * r->api->vector_bytes(r->system, r->a);
}

static const ho_mode_calls calls = {
    .struct_size = sizeof(ho_mode_calls),
    .approximate = 1,
    .start = start,
    .advance = advance,
    .hypergradient = hypergradient,
    .state = state,
    .forget = forget,
    .bytes = bytes,
    .estimate = estimate,
    .end = end,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "short_sighted",
    .version = "1.0.0",
    .doc = "reverse mode over the last steps",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
