/* Reverse mode: stores the trajectory and propagates an adjoint back along it. */
#include <hotool/plugin.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "history.h"
#include "sweep.h"

enum { STORE_AUTO, STORE_STATE, STORE_RESIDUALS };

typedef struct settings {
    int64_t store;
    int64_t memory; /* 0: not limited */
} settings;

/*
 * How the trajectory is stored: all of its states; or the residuals of every step, and every `stride`th state. With
 * residuals the states between are computed again on the way back, a stride at a time, without a matrix product.
 */
typedef struct layout {
    bool keeps; /* residuals */
    int64_t stride, state_bytes, residual_bytes;
} layout;

/* Things that are made one after another and kept to the end of the run. */
typedef struct list {
    void **items;
    int64_t made, capacity;
} list;

typedef struct reverse_run {
    ho_system *system;
    const ho_system_api *api;
    history history;
    double *initial_lambda; /* NULL: position 0 is treated as a constant */
    layout layout;
    list states;           /* of positions 0, stride, 2 stride, ... */
    list residuals;        /* of the steps from positions 0, 1, 2, ... */
    list between;          /* states of the positions after a stored one, on the way back */
    ho_vector *walking[2]; /* the way forward between stored states goes to and fro between these */
    ho_vector *current;
    int64_t position; /* of the current state */
    ho_vector *adjoint, *next;
    sweep back;
} reverse_run;

/* ---- how to store ------------------------------------------------------------------------------------------------ */

/* Beside what each step leaves: two adjoints, and where states lie between stored ones. */
static double bytes_of(const layout *l, int64_t steps)
{
    const int64_t intervals = steps / l->stride;
    const double stored = (double)intervals + 1, between = l->stride > 1 ? (double)l->stride + 1 : 0;
    return (double)steps * (double)l->residual_bytes + (stored + between + 2) * (double)l->state_bytes;
}

/* With residuals. The fewest states are held where the stored ones are as many as those between two of them; a state
 * that is small beside its residuals is stored. */
static int64_t best_stride(int64_t steps, int64_t state_bytes, int64_t residual_bytes)
{
    const double unknown = 256.0, stride = floor(sqrt(steps > 0 ? (double)steps : unknown));
    return state_bytes <= residual_bytes / 8 || stride < 1.0 ? 1 : (int64_t)stride;
}

/* Residuals are kept where the whole trajectory with them takes at most half of the memory that is available (all of
 * it, where `memory` says how much), or less than its states would. Where there is no end to the steps only that. */
static layout choose_layout(const settings *set, int64_t steps, int64_t state_bytes, int64_t residual_bytes,
                            int64_t available)
{
    const layout states = {.stride = 1, .state_bytes = state_bytes};
    const layout kept = {.keeps = true,
                         .stride = best_stride(steps, state_bytes, residual_bytes),
                         .state_bytes = state_bytes,
                         .residual_bytes = residual_bytes};
    const int64_t some = steps > 0 ? steps : 1024;
    const double budget = set->memory > 0 ? (double)set->memory : (double)available / 2.0;
    const bool smaller = bytes_of(&kept, some) <= bytes_of(&states, some);
    const bool fits = steps > 0 && bytes_of(&kept, steps) <= budget;
    if (set->store == STORE_AUTO)
        return fits || smaller ? kept : states;
    return set->store == STORE_RESIDUALS ? kept : states;
}

#define GIB(bytes) ((double)(bytes) / 0x1p30)

/* A trajectory that cannot be stored is refused before the first step. */
static ho_status check_room(const reverse_run *r, const settings *set, int64_t steps, int64_t available)
{
    const double needed = bytes_of(&r->layout, steps);
    if (set->memory > 0 && needed > (double)set->memory)
        return r->api->fail(r->system, HO_HERE,
                            "memory: the trajectory of %" PRId64 " steps needs %.0f bytes, the limit is %" PRId64
                            "; mode checkpointed can work within such a limit, with more computation",
                            steps, needed, set->memory);
    if (needed > (double)available)
        return r->api->fail(r->system, HO_HERE,
                            "the trajectory of %" PRId64 " steps needs %.4g GiB, and %.4g GiB are available; mode "
                            "checkpointed keeps within a budget (memory: %.0fMiB, say), mode forward stores no "
                            "trajectory",
                            steps, GIB(needed), GIB(available), floor((double)available / 0x1p21));
    return HO_OK;
}

/* ---- a run ------------------------------------------------------------------------------------------------------- */

static void end(void *run)
{
    reverse_run *r = run;
    if (!r)
        return;
    const ho_system_api *api = r->api;
    ho_system *s = r->system;
    for (int64_t i = 0; i < r->states.made; i++)
        api->vector_free(s, r->states.items[i]);
    for (int64_t i = 0; i < r->between.made; i++)
        api->vector_free(s, r->between.items[i]);
    for (int64_t i = 0; i < r->residuals.made; i++)
        api->residuals_free(s, r->residuals.items[i]);
    api->vector_free(s, r->walking[0]);
    api->vector_free(s, r->walking[1]);
    api->vector_free(s, r->adjoint);
    api->vector_free(s, r->next);
    history_free(&r->history);
    sweep_free(&r->back);
    api->free_memory(s, r->states.items);
    api->free_memory(s, r->between.items);
    api->free_memory(s, r->residuals.items);
    api->free_memory(s, r->initial_lambda);
    api->free_memory(s, r);
}

/* Makes room for one more item. */
static ho_status grow(const reverse_run *r, list *l)
{
    if (l->made < l->capacity)
        return HO_OK;
    const int64_t larger = l->capacity > 0 ? 2 * l->capacity : 64;
    void **moved = r->api->alloc(r->system, (uint64_t)larger * sizeof *moved);
    if (!moved)
        return HO_FAILED;
    if (l->made > 0)
        memcpy(moved, l->items, (size_t)l->made * sizeof *moved);
    r->api->free_memory(r->system, l->items);
    l->items = moved;
    l->capacity = larger;
    return HO_OK;
}

/* Vector number i, which is made if it is the first that does not exist; NULL: out of memory. */
static ho_vector *vector_at(const reverse_run *r, list *l, int64_t i)
{
    if (i < l->made)
        return l->items[i];
    if (grow(r, l) != HO_OK || !(l->items[i] = r->api->vector_new(r->system, 1)))
        return NULL;
    l->made++;
    return l->items[i];
}

static ho_residuals *residuals_at(reverse_run *r, int64_t i)
{
    list *l = &r->residuals;
    if (i < l->made)
        return l->items[i];
    if (grow(r, l) != HO_OK || !(l->items[i] = r->api->residuals_new(r->system)))
        return NULL;
    l->made++;
    return l->items[i];
}

static ho_status make_vectors(reverse_run *r, const settings *set)
{
    r->adjoint = r->api->vector_new(r->system, 1);
    r->next = r->adjoint ? r->api->vector_new(r->system, 1) : NULL;
    if (!r->next)
        return HO_FAILED;
    const int64_t steps = r->api->steps(r->system), available = r->api->memory(r->system);
    const int64_t kept = set->store == STORE_STATE ? 0 : r->api->residuals_bytes(r->system);
    r->layout = choose_layout(set, steps, r->api->vector_bytes(r->system, r->adjoint), kept, available);
    if (check_room(r, set, steps, available) != HO_OK)
        return HO_FAILED;
    for (int i = 0; r->layout.stride > 1 && i < 2; i++)
        if (!(r->walking[i] = r->api->vector_new(r->system, 1)))
            return HO_FAILED;
    r->current = vector_at(r, &r->states, 0);
    return r->current ? HO_OK : HO_FAILED;
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    reverse_run *r = s->api->alloc(s, sizeof(reverse_run));
    if (!r)
        return HO_FAILED;
    r->system = s;
    r->api = s->api;
    r->history = (history){.system = s, .lambda_size = s->api->lambda_size(s)};
    r->back = (sweep){.system = s, .lambda_size = r->history.lambda_size};
    r->initial_lambda = history_copy(&r->history, lambda);
    ho_status status = r->initial_lambda ? make_vectors(r, self) : HO_FAILED;
    if (status == HO_OK)
        status = s->api->initial(s, lambda, r->current);
    if (status != HO_OK) {
        end(r);
        return status;
    }
    *run = r;
    return HO_OK;
}

/* Where the state of a position goes on the way forward; NULL: out of memory. */
static ho_vector *place_of(reverse_run *r, int64_t position)
{
    const int64_t stride = r->layout.stride;
    return position % stride == 0 ? vector_at(r, &r->states, position / stride) : r->walking[position % 2];
}

static ho_status take_step(reverse_run *r, int64_t t, const double *lambda, ho_vector *to)
{
    if (!r->layout.keeps)
        return r->api->step(r->system, t, lambda, r->current, to);
    ho_residuals *kept = residuals_at(r, r->position);
    return kept ? r->api->linearize(r->system, t, lambda, r->current, to, kept) : HO_FAILED;
}

/* To the next position, by a step that the history knows. */
static ho_status go_on(reverse_run *r)
{
    const double *lambda;
    const int64_t t = history_step(&r->history, r->position, &lambda);
    ho_status status = r->api->poll(r->system);
    ho_vector *to = status == HO_OK ? place_of(r, r->position + 1) : NULL;
    if (status == HO_OK)
        status = to ? take_step(r, t, lambda, to) : HO_FAILED;
    if (status != HO_OK)
        return status;
    r->current = to;
    r->position++;
    return HO_OK;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    reverse_run *r = run;
    ho_status status = HO_OK;
    for (int64_t t = t0; t < t1 && status == HO_OK; t++) {
        status = history_add(&r->history, r->position, t, lambda);
        if (status == HO_OK)
            status = go_on(r);
    }
    return status;
}

/* ---- back -------------------------------------------------------------------------------------------------------- */

/* The states after the stored one at `first`, up to that of position `last`. */
static ho_status compute_between(reverse_run *r, int64_t first, int64_t last)
{
    const ho_vector *from = r->states.items[first / r->layout.stride];
    ho_status status = HO_OK;
    for (int64_t position = first; position < last && status == HO_OK; position++) {
        const double *lambda;
        const int64_t t = history_step(&r->history, position, &lambda);
        ho_vector *to = vector_at(r, &r->between, position - first);
        status = to ? r->api->poll(r->system) : HO_FAILED;
        if (status == HO_OK)
            status = r->api->residual_step(r->system, r->residuals.items[position], t, lambda, from, to);
        from = to;
    }
    return status;
}

static ho_status step_back(reverse_run *r, int64_t position, const ho_vector *state, double *gradient)
{
    const double *lambda;
    const int64_t t = history_step(&r->history, position, &lambda);
    ho_status status = r->api->poll(r->system);
    if (status != HO_OK)
        return status;
    if (r->layout.keeps)
        status = r->api->residual_vjp(r->system, r->residuals.items[position], t, lambda, state, r->adjoint, r->next,
                                      gradient);
    else
        status = r->api->vjp(r->system, t, lambda, state, r->adjoint, r->next, gradient);
    ho_vector *old = r->adjoint;
    r->adjoint = r->next;
    r->next = old;
    return status;
}

/* a_T = dE/ds, g = dE/dlambda; g += a_t B_t, a_{t-1} = a_t A_t; g += a_0 dPhi_0/dlambda. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    reverse_run *r = run;
    ho_status status = HO_OK;
    int64_t last = r->position;
    if (!sweep_goes_on(&r->back, &last, value, gradient)) {
        memset(gradient, 0, (size_t)r->history.lambda_size * sizeof(double));
        status = r->api->error_gradient(r->system, lambda, r->current, value, r->adjoint, gradient);
    }
    const int64_t stride = r->layout.stride;
    while (status == HO_OK && last > 0) {
        sweep_rest(&r->back, last, *value, gradient);
        const int64_t first = (last - 1) / stride * stride;
        status = compute_between(r, first, last - 1);
        for (; status == HO_OK && last > first; last--)
            status = step_back(r, last - 1,
                               last - 1 > first ? r->between.items[last - 2 - first] : r->states.items[first / stride],
                               gradient);
    }
    if (status == HO_OK && r->initial_lambda)
        status = r->api->initial_vjp(r->system, r->initial_lambda, r->adjoint, gradient);
    return status;
}

static const ho_vector *state(void *run)
{
    return ((const reverse_run *)run)->current;
}

/* The current state becomes that of position 0; what else was stored is used again. */
static ho_status forget(void *run)
{
    reverse_run *r = run;
    ho_vector *first = r->states.items[0];
    if (r->current != first)
        r->api->copy(r->system, r->current, first);
    r->current = first;
    r->position = 0;
    history_clear(&r->history);
    r->api->free_memory(r->system, r->initial_lambda);
    r->initial_lambda = NULL;
    return HO_OK;
}

/* Where the trajectory begins; its steps are taken again, but not those of a way back. */
static ho_status pass(void *run, ho_snapshot *snapshot)
{
    reverse_run *r = run;
    int64_t last = r->position;
    r->api->pass(r->system, snapshot, &last, sizeof last);
    r->api->pass_vector(r->system, snapshot, r->states.items[0]);
    ho_status status = history_pass_lambda(&r->history, snapshot, &r->initial_lambda);
    if (status == HO_OK)
        status = history_pass(&r->history, snapshot);
    while (status == HO_OK && r->position < last)
        status = go_on(r);
    return status == HO_OK ? sweep_pass(&r->back, snapshot, r->adjoint) : status;
}

static int64_t residual_bytes(void *run)
{
    const reverse_run *r = run;
    return r->residuals.made * r->layout.residual_bytes;
}

static int64_t bytes(void *run)
{
    const reverse_run *r = run;
    const int64_t walking = r->layout.stride > 1 ? 2 : 0;
    return (r->states.made + r->between.made + walking) * r->layout.state_bytes + residual_bytes(run);
}

static ho_call_cost estimate(void *self, const ho_mode_costs *c)
{
    const layout l = choose_layout(self, c->steps, c->state_bytes, c->residual_bytes, c->memory);
    const ho_call_cost *step = l.keeps ? &c->linearize : &c->step, *vjp = l.keeps ? &c->residual_vjp : &c->vjp;
    const double again = l.stride > 1 ? 1.0 - 1.0 / (double)l.stride : 0.0;
    /* The whole way back each time: on average over half of the steps. */
    const double back = (double)c->steps * (double)(c->hypergradients + 1) / 2.0;
    return (ho_call_cost){
        .seconds = (double)c->steps * step->seconds + back * (vjp->seconds + again * c->residual_step.seconds),
        .bytes =
            (int64_t)bytes_of(&l, c->steps) + step->bytes + vjp->bytes + (again > 0.0 ? c->residual_step.bytes : 0)};
}

static ho_status create(ho_setup *u, void **self)
{
    settings *set = ho_setup_alloc(u, sizeof *set);
    if (!set)
        return HO_FAILED;
    const char *store = ho_option_string(u, "store");
    set->store = !strcmp(store, "state") ? STORE_STATE : !strcmp(store, "residuals") ? STORE_RESIDUALS : STORE_AUTO;
    set->memory = ho_option_integer(u, "memory");
    *self = set;
    return HO_OK;
}

static const ho_option options[] = {
    {.name = "store",
     .type = HO_CHOICE,
     .initial = "auto",
     .doc = "what to store for each step: `state`; `residuals`, the intermediate results that its derivative reuses, "
            "and some of the states; `auto`: residuals if they take at most half of the available memory, or no more "
            "than the states would",
     .choices = "auto|state|residuals"},
    {.name = "memory",
     .type = HO_BYTES,
     .doc = "maximum memory for the trajectory; by default, what is available",
     .least = 1,
     .most = DBL_MAX},
};

static const ho_mode_calls calls = {
    .struct_size = sizeof(ho_mode_calls),
    .start = start,
    .advance = advance,
    .hypergradient = hypergradient,
    .state = state,
    .forget = forget,
    .bytes = bytes,
    .end = end,
    .estimate = estimate,
    .residual_bytes = residual_bytes,
    .pass = pass,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "reverse",
    .version = "1.0.0",
    .doc = "propagates an adjoint back over the stored trajectory: any number of hyperparameters at the cost of one",
    .details = "a_T = dE/ds, g = dE/dlambda; for t = T..1: g += a_t B_t, a_{t-1} = a_t A_t; df/dlambda = g + a_0 "
               "dPhi_0/dlambda\nwith A_t = dPhi_t/ds and B_t = dPhi_t/dlambda\n\n"
               "Franceschi, Donini, Frasconi, Pontil, On Hyperparameter Optimization in Learning Systems (ICLR 2017 "
               "workshop), section 3.1, with the term a_T B_T that its printed listing omits. Takes the time of a few "
               "trainings whatever the number of hyperparameters, and memory for the whole trajectory. Where that is "
               "too much, use checkpointed, forward or fewer steps. What is stored does not change the results.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
