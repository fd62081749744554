/* Truncated reverse mode: keeps the last states of the trajectory and propagates an adjoint back over these alone. */
#include <hotool/plugin.h>

#include <float.h>
#include <inttypes.h>

#include "history.h"

#define BESIDE 3 /* vectors beside the states to go back to: the current state and two adjoints */

typedef struct settings {
    int64_t steps_back;
} settings;

typedef struct truncated_run {
    ho_system *system;
    const ho_system_api *api;
    history history;
    double *initial_lambda; /* NULL: position 0 is treated as a constant */
    ho_vector **ring;       /* the state of a position at position % room; made when first used */
    int64_t room;           /* steps to go back, and 1 */
    int64_t position;       /* of the current state */
    ho_vector *adjoint, *next;
    int64_t bytes;
} truncated_run;

static void end(void *run)
{
    truncated_run *r = run;
    if (!r)
        return;
    const ho_system_api *api = r->api;
    ho_system *s = r->system;
    for (int64_t i = 0; r->ring && i < r->room; i++)
        api->vector_free(s, r->ring[i]);
    api->vector_free(s, r->adjoint);
    api->vector_free(s, r->next);
    history_free(&r->history);
    api->free_memory(s, r->ring);
    api->free_memory(s, r->initial_lambda);
    api->free_memory(s, r);
}

static ho_vector *new_vector(truncated_run *r)
{
    ho_vector *made = r->api->vector_new(r->system, 1);
    r->bytes += made ? r->api->vector_bytes(r->system, made) : 0;
    return made;
}

/* Where the state of a position lies; NULL: out of memory. */
static ho_vector *state_at(truncated_run *r, int64_t position)
{
    ho_vector **place = r->ring + position % r->room;
    if (!*place)
        *place = new_vector(r);
    return *place;
}

/* More steps than there are cannot be gone back over. */
static int64_t steps_back(const settings *set, int64_t steps)
{
    return steps > 0 && set->steps_back > steps ? steps : set->steps_back;
}

static ho_status check_room(const truncated_run *r)
{
    const int64_t state = r->api->vector_bytes(r->system, r->adjoint), available = r->api->memory(r->system);
    const double needed = (double)(r->room - 1 + BESIDE) * (double)state;
    if (needed <= (double)available)
        return HO_OK;
    return r->api->fail(r->system, HO_HERE,
                        "steps_back: %" PRId64 " states of %" PRId64 " bytes need %.4g GiB, and %.4g GiB are available",
                        r->room - 1, state, needed / 0x1p30, (double)available / 0x1p30);
}

static ho_status make_vectors(truncated_run *r)
{
    r->adjoint = new_vector(r);
    r->next = r->adjoint ? new_vector(r) : NULL;
    if (!r->next || check_room(r) != HO_OK)
        return HO_FAILED;
    r->ring = r->api->alloc(r->system, (uint64_t)r->room * sizeof(ho_vector *));
    return r->ring && state_at(r, 0) ? HO_OK : HO_FAILED;
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    truncated_run *r = s->api->alloc(s, sizeof(truncated_run));
    if (!r)
        return HO_FAILED;
    r->system = s;
    r->api = s->api;
    r->history = (history){.system = s, .lambda_size = s->api->lambda_size(s)};
    r->room = steps_back(self, s->api->steps(s)) + 1;
    r->initial_lambda = history_copy(&r->history, lambda);
    ho_status status = r->initial_lambda ? make_vectors(r) : HO_FAILED;
    if (status == HO_OK)
        status = s->api->initial(s, lambda, state_at(r, 0));
    if (status != HO_OK) {
        end(r);
        return status;
    }
    *run = r;
    return HO_OK;
}

/* The first position whose state is still there. */
static int64_t first_kept(const truncated_run *r)
{
    return r->position < r->room ? 0 : r->position - (r->room - 1);
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    truncated_run *r = run;
    for (int64_t t = t0; t < t1; t++) {
        ho_status status = r->api->poll(r->system);
        ho_vector *to = status == HO_OK ? state_at(r, r->position + 1) : NULL;
        if (status == HO_OK)
            status = to ? history_add(&r->history, r->position, t, lambda) : HO_FAILED;
        if (status == HO_OK)
            status = r->api->step(r->system, t + 1, lambda, state_at(r, r->position), to);
        if (status != HO_OK)
            return status;
        r->position++;
        history_drop(&r->history, first_kept(r));
    }
    return HO_OK;
}

static ho_status step_back(truncated_run *r, int64_t position, double *gradient)
{
    const double *lambda;
    const int64_t t = history_step(&r->history, position, &lambda);
    ho_status status = r->api->poll(r->system);
    if (status == HO_OK)
        status = r->api->vjp(r->system, t, lambda, state_at(r, position), r->adjoint, r->next, gradient);
    ho_vector *old = r->adjoint;
    r->adjoint = r->next;
    r->next = old;
    return status;
}

/* As in reverse mode, back to the first state that is kept: the initial map counts only where that is s_0. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    truncated_run *r = run;
    const int64_t first = first_kept(r);
    memset(gradient, 0, (size_t)r->history.lambda_size * sizeof(double));
    ho_status status = r->api->error_gradient(r->system, lambda, state_at(r, r->position), value, r->adjoint, gradient);
    for (int64_t position = r->position; status == HO_OK && position > first; position--)
        status = step_back(r, position - 1, gradient);
    if (status == HO_OK && first == 0 && r->initial_lambda)
        status = r->api->initial_vjp(r->system, r->initial_lambda, r->adjoint, gradient);
    return status;
}

static const ho_vector *state(void *run)
{
    truncated_run *r = run;
    return state_at(r, r->position);
}

/* The current state becomes that of position 0. */
static ho_status forget(void *run)
{
    truncated_run *r = run;
    const int64_t place = r->position % r->room;
    ho_vector *current = r->ring[place];
    r->ring[place] = r->ring[0];
    r->ring[0] = current;
    r->position = 0;
    history_clear(&r->history);
    r->api->free_memory(r->system, r->initial_lambda);
    r->initial_lambda = NULL;
    return HO_OK;
}

static int64_t bytes(void *run)
{
    return ((const truncated_run *)run)->bytes;
}

static ho_status pass(void *run, ho_snapshot *snapshot)
{
    truncated_run *r = run;
    r->api->pass(r->system, snapshot, &r->position, sizeof r->position);
    for (int64_t position = first_kept(r); position <= r->position; position++) {
        ho_vector *v = state_at(r, position);
        if (!v)
            return HO_FAILED;
        r->api->pass_vector(r->system, snapshot, v);
    }
    if (history_pass_lambda(&r->history, snapshot, &r->initial_lambda) != HO_OK)
        return HO_FAILED;
    return history_pass(&r->history, snapshot);
}

static ho_call_cost estimate(void *self, const ho_mode_costs *c)
{
    const int64_t k = steps_back(self, c->steps), asked = c->hypergradients > 0 ? c->hypergradients : 1;
    /* Hypergradient i of n is asked for after i T / n steps, and goes back over these or k. */
    double back = 0.0;
    for (int64_t i = 1; i <= asked; i++) {
        const double done = (double)c->steps * (double)i / (double)asked;
        back += done < (double)k ? done : (double)k;
    }
    return (ho_call_cost){.seconds = (double)c->steps * c->step.seconds + back * c->vjp.seconds,
                          .bytes = (k + BESIDE) * c->state_bytes + c->step.bytes + c->vjp.bytes};
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
     .doc = "K, over how many of the last steps the adjoint goes back; more than there are count as all of them",
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
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "truncated",
    .version = "1.0.0",
    .doc = "propagates an adjoint back over the last steps only: approximate, in memory that does not grow with steps",
    .details = "a_T = dE/ds, g = dE/dlambda; for t = T..T-K+1: g += a_t B_t, a_{t-1} = a_t A_t\n"
               "with A_t = dPhi_t/ds and B_t = dPhi_t/dlambda\n\n"
               "Shaban, Cheng, Hatch, Boots, Truncated Back-propagation for Bilevel Optimization (AISTATS 2019). The "
               "terms of the earlier steps are left out. Where the steps contract the distance between two states by "
               "a factor q < 1, the error falls as q^K; where they do not (training that is far from its end), it may "
               "be as large as the gradient: `hotool check` says how large it is. With K = T the gradient is that of "
               "reverse, to the last bit.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
