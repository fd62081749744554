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
 * How the trajectory is stored: all of its states; or the residuals of every step, and some states. With residuals the
 * states between are computed again on the way back, a stretch at a time, without a matrix product. A stretch that has
 * been gone back over leaves its memory to those before it: from the end, stretches are of 1, 2, 3, ... steps, and n
 * states serve n (n + 1) / 2 steps.
 */
typedef struct layout {
    bool keeps;  /* residuals */
    bool sparse; /* some states, not all */
    int64_t steps, state_bytes, residual_bytes;
} layout;

/* A state and its position, or the residuals of a step. */
typedef struct item {
    void *thing;
    int64_t position;
} item;

typedef struct list {
    item *items;
    int64_t count, capacity;
} list;

typedef struct reverse_run {
    ho_system *system;
    const ho_system_api *api;
    history history;
    double *initial_lambda; /* NULL: position 0 is treated as a constant */
    layout layout;
    list all;       /* vectors for states; each is in use, as the current state or in a list, or free */
    list free;      /* with room for all of them */
    list stored;    /* by position, from 0 */
    list between;   /* on the way back: those after the last stored one */
    list residuals; /* of the steps from positions 0, 1, 2, ... */
    ho_vector *current;
    int64_t position; /* of the current state */
    ho_vector *adjoint, *next;
    sweep back;
} reverse_run;

/* ---- how to store ------------------------------------------------------------------------------------------------ */

#define STRETCH 16 /* where the number of steps is unknown */

/* Of two neighbours one is even: no product overflows, whatever the steps. */
static uint64_t triangle(int64_t n)
{
    const uint64_t a = (uint64_t)n, b = a + 1;
    return a % 2 == 0 ? a / 2 * b : a * (b / 2);
}

/* The least n whose triangle has so many steps at least. */
static int64_t rows_of(int64_t steps)
{
    int64_t n = (int64_t)((sqrt(8.0 * (double)steps + 1.0) - 1.0) / 2.0);
    while (triangle(n) < (uint64_t)steps)
        n++;
    return n;
}

/* Whether the state of a position is stored on the way forward. */
static bool is_stored(const layout *l, int64_t position)
{
    if (!l->sparse || position == 0 || position == l->steps)
        return true;
    if (l->steps <= 0 || position > l->steps)
        return position % STRETCH == 0;
    const int64_t left = l->steps - position, n = rows_of(left);
    return triangle(n) == (uint64_t)left;
}

/* States held at once. */
static double states_of(const layout *l, int64_t steps)
{
    return 1.0 + (double)(!l->sparse ? steps : l->steps > 0 ? rows_of(steps) : steps / STRETCH + STRETCH);
}

/* Two adjoints among it. */
static double bytes_of(const layout *l, int64_t steps)
{
    return (double)steps * (double)l->residual_bytes + (states_of(l, steps) + 2.0) * (double)l->state_bytes;
}

/* Residuals are kept where the whole trajectory with them takes at most half of the memory that is available (all of
 * it, where `memory` says how much), or less than its states would. Where there is no end to the steps only that. */
static layout choose_layout(const settings *set, int64_t steps, int64_t state_bytes, int64_t residual_bytes,
                            int64_t available)
{
    const layout states = {.steps = steps, .state_bytes = state_bytes};
    const layout kept = {.keeps = true,
                         .sparse = state_bytes > residual_bytes / 8, /* those small beside residuals are stored */
                         .steps = steps,
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
    for (int64_t i = 0; i < r->all.count; i++)
        api->vector_free(s, r->all.items[i].thing);
    for (int64_t i = 0; i < r->residuals.count; i++)
        api->residuals_free(s, r->residuals.items[i].thing);
    api->vector_free(s, r->adjoint);
    api->vector_free(s, r->next);
    history_free(&r->history);
    sweep_free(&r->back);
    api->free_memory(s, r->all.items);
    api->free_memory(s, r->free.items);
    api->free_memory(s, r->stored.items);
    api->free_memory(s, r->between.items);
    api->free_memory(s, r->residuals.items);
    api->free_memory(s, r->initial_lambda);
    api->free_memory(s, r);
}

/* Makes room for so many items. */
static ho_status reserve(const reverse_run *r, list *l, int64_t count)
{
    if (count <= l->capacity)
        return HO_OK;
    const int64_t larger = l->capacity > 0 ? 2 * l->capacity : 64;
    item *moved = r->api->alloc(r->system, (uint64_t)larger * sizeof *moved);
    if (!moved)
        return HO_FAILED;
    if (l->count > 0)
        memcpy(moved, l->items, (size_t)l->count * sizeof *moved);
    r->api->free_memory(r->system, l->items);
    l->items = moved;
    l->capacity = larger;
    return HO_OK;
}

static ho_status add(const reverse_run *r, list *l, void *thing, int64_t position)
{
    if (!thing || reserve(r, l, l->count + 1) != HO_OK)
        return HO_FAILED;
    l->items[l->count++] = (item){thing, position};
    return HO_OK;
}

static const item *last_of(const list *l)
{
    return l->items + l->count - 1;
}

/* A vector that no state is in; NULL: out of memory. */
static ho_vector *free_vector(reverse_run *r)
{
    if (r->free.count > 0)
        return r->free.items[--r->free.count].thing;
    if (reserve(r, &r->all, r->all.count + 1) != HO_OK || reserve(r, &r->free, r->all.count + 1) != HO_OK)
        return NULL;
    ho_vector *made = r->api->vector_new(r->system, 1);
    return made && add(r, &r->all, made, 0) == HO_OK ? made : NULL;
}

static void set_free(reverse_run *r, void *vector)
{
    r->free.items[r->free.count++] = (item){.thing = vector};
}

static ho_residuals *residuals_at(reverse_run *r, int64_t i)
{
    list *l = &r->residuals;
    if (i == l->count && (reserve(r, l, i + 1) != HO_OK || add(r, l, r->api->residuals_new(r->system), i) != HO_OK))
        return NULL;
    return l->items[i].thing;
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
    r->current = free_vector(r);
    if (r->current && add(r, &r->stored, r->current, 0) != HO_OK)
        return HO_FAILED;
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
    ho_vector *to = status == HO_OK ? free_vector(r) : NULL;
    if (status == HO_OK)
        status = to ? take_step(r, t, lambda, to) : HO_FAILED;
    if (status != HO_OK)
        return status;
    if (last_of(&r->stored)->thing != r->current)
        set_free(r, r->current);
    r->current = to;
    r->position++;
    return is_stored(&r->layout, r->position) ? add(r, &r->stored, to, r->position) : HO_OK;
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

/* Where the stretch begins that ends with a position. */
static int64_t stretch_before(const layout *l, int64_t last)
{
    do
        last--;
    while (!is_stored(l, last));
    return last;
}

/* The states after the stored one at `first`, up to that of position last - 1. That one may have to be computed again
 * too, and stored ones before it: an earlier way back has set them free. */
static ho_status compute_stretch(reverse_run *r, int64_t first, int64_t last)
{
    const item *begin = last_of(&r->stored);
    ho_vector *from = begin->thing;
    ho_status status = HO_OK;
    for (int64_t position = begin->position; position + 1 < last && status == HO_OK; position++) {
        const double *lambda;
        const int64_t t = history_step(&r->history, position, &lambda);
        const bool passing = position < first && !is_stored(&r->layout, position);
        ho_vector *to = free_vector(r);
        status = to ? r->api->poll(r->system) : HO_FAILED;
        if (status == HO_OK)
            status = r->api->residual_step(r->system, r->residuals.items[position].thing, t, lambda, from, to);
        if (status == HO_OK && position + 1 > first)
            status = add(r, &r->between, to, position + 1);
        else if (status == HO_OK && is_stored(&r->layout, position + 1))
            status = add(r, &r->stored, to, position + 1);
        if (passing)
            set_free(r, from);
        from = to;
    }
    return status;
}

/* Sets free the states that a way back from position `last` does not need, but for the current one. */
static void leave_behind(reverse_run *r, int64_t last)
{
    while (r->between.count > 0)
        set_free(r, r->between.items[--r->between.count].thing);
    while (r->layout.sparse && last_of(&r->stored)->position >= last) {
        void *state = r->stored.items[--r->stored.count].thing;
        if (state != r->current)
            set_free(r, state);
    }
}

static ho_status step_back(reverse_run *r, int64_t position, const ho_vector *state, double *gradient)
{
    const double *lambda;
    const int64_t t = history_step(&r->history, position, &lambda);
    ho_status status = r->api->poll(r->system);
    if (status != HO_OK)
        return status;
    if (r->layout.keeps)
        status = r->api->residual_vjp(r->system, r->residuals.items[position].thing, t, lambda, state, r->adjoint,
                                      r->next, gradient);
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
    const bool sparse = r->layout.sparse;
    while (status == HO_OK && last > 0) {
        sweep_rest(&r->back, last, *value, gradient);
        leave_behind(r, last);
        const int64_t first = stretch_before(&r->layout, last);
        status = sparse ? compute_stretch(r, first, last) : HO_OK;
        for (; status == HO_OK && last > first; last--) {
            const list *l = last - 1 > first ? &r->between : &r->stored;
            const int64_t i = last - 1 > first ? last - 2 - first : sparse ? l->count - 1 : first;
            status = step_back(r, last - 1, l->items[i].thing, gradient);
        }
    }
    leave_behind(r, 1);
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
    r->free.count = 0;
    for (int64_t i = 0; i < r->all.count; i++)
        if (r->all.items[i].thing != r->current)
            set_free(r, r->all.items[i].thing);
    r->stored.count = 1;
    r->stored.items[0] = (item){r->current, 0};
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
    r->api->pass_vector(r->system, snapshot, r->stored.items[0].thing);
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
    return r->residuals.count * r->layout.residual_bytes;
}

static int64_t bytes(void *run)
{
    const reverse_run *r = run;
    return r->all.count * r->layout.state_bytes + residual_bytes(run);
}

static ho_call_cost estimate(void *self, const ho_mode_costs *c)
{
    const layout l = choose_layout(self, c->steps, c->state_bytes, c->residual_bytes, c->memory);
    const ho_call_cost *step = l.keeps ? &c->linearize : &c->step, *vjp = l.keeps ? &c->residual_vjp : &c->vjp;
    const double again = 1.0 - states_of(&l, c->steps) / ((double)c->steps + 1.0);
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
