/* Truncated reverse mode: keeps the last states of the trajectory and propagates an adjoint back over these alone. */
#include "trail.h"

typedef struct settings {
    int64_t steps_back;
} settings;

static void end(void *run)
{
    trail *r = run;
    if (!r)
        return;
    ho_system *s = r->system;
    trail_free(r);
    s->api->free_memory(s, r);
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    trail *r = s->api->alloc(s, sizeof(trail));
    if (!r)
        return HO_FAILED;
    const ho_status status = trail_start(r, s, lambda, ((const settings *)self)->steps_back);
    if (status != HO_OK) {
        end(r);
        return status;
    }
    *run = r;
    return HO_OK;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    trail *r = run;
    for (int64_t t = t0; t < t1; t++) {
        ho_status status = r->api->poll(r->system);
        ho_vector *to = status == HO_OK ? trail_next(r, t, lambda) : NULL;
        if (status == HO_OK)
            status = to ? r->api->step(r->system, t + 1, lambda, trail_state(r), to) : HO_FAILED;
        if (status != HO_OK)
            return status;
        trail_advance(r);
    }
    return HO_OK;
}

static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    return trail_hypergradient(run, lambda, value, gradient);
}

static const ho_vector *state(void *run)
{
    return trail_state(run);
}

static ho_status forget(void *run)
{
    trail_forget(run);
    return HO_OK;
}

static int64_t bytes(void *run)
{
    return ((const trail *)run)->bytes;
}

static ho_status pass(void *run, ho_snapshot *snapshot)
{
    return trail_pass(run, snapshot);
}

static ho_call_cost estimate(void *self, const ho_mode_costs *c)
{
    return trail_cost(c, ((const settings *)self)->steps_back, c->hypergradients);
}

static int64_t steps_back(void *self)
{
    return ((const settings *)self)->steps_back;
}

static ho_status create(ho_setup *u, void **self)
{
    settings *set = ho_setup_alloc(u, sizeof *set);
    if (!set)
        return HO_FAILED;
    set->steps_back = ho_option_integer(u, "steps_back");
    *self = set;
    return HO_OK;
}

static const ho_option options[] = {
    {.name = "steps_back",
     .type = HO_INTEGER,
     .initial = "10",
     .doc =
         "K, the number of last steps that the adjoint goes back over; a larger number than there are steps means all",
     .least = 1,
     .most = 1e9},
};

static const ho_mode_calls calls = {
    .struct_size = sizeof(ho_mode_calls),
    .approximate = 1,
    .start = start,
    .advance = advance,
    .hypergradient = hypergradient,
    .state = state,
    .forget = forget,
    .bytes = bytes,
    .end = end,
    .estimate = estimate,
    .pass = pass,
    .steps_back = steps_back,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "truncated",
    .version = "1.0.0",
    .doc = "propagates an adjoint back over the last steps only: approximate, in memory that does not grow with steps",
    .details = "a_T = dE/ds, g = dE/dlambda; for t = T..T-K+1: g += a_t B_t, a_{t-1} = a_t A_t\nwith A_t = dPhi_t/ds "
               "and B_t = dPhi_t/dlambda\n\n"
               "Shaban, Cheng, Hatch, Boots, Truncated Back-propagation for Bilevel Optimization (AISTATS 2019). The "
               "terms of the earlier steps are left out. If each step contracts the distance between two states by a "
               "factor q < 1, the error falls as q^K; otherwise (far from convergence) it may be as large as the "
               "gradient. `hotool check` measures it. With K = T the gradient is that of reverse, to the last bit.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
