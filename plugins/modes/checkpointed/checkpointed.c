/* Reverse mode under a memory budget: keeps some states of the trajectory and computes the others again. */
#include <hotool/plugin.h>

#include <float.h>
#include <inttypes.h>

#include "../history.h"
#include "../sweep.h"
#include "schedule.h"

#define DEFAULT_SLOTS 32
#define MOST_SLOTS    1000000
#define BESIDE        4 /* vectors beside the slots: the current state, one to step into, and two adjoints */

typedef struct settings {
    int64_t slots, memory; /* memory 0: as many bytes as the slots take */
} settings;

typedef struct checkpointed_run {
    ho_system *system;
    const ho_system_api *api;
    history history;
    double *initial_lambda; /* NULL: position 0 is treated as a constant */
    schedule schedule;
    ho_vector **slots; /* made when first used */
    ho_vector *current, *spare, *adjoint, *next;
    int64_t position;     /* of the current state */
    bool spare_is_before; /* the spare vector holds the state before the current one */
    int64_t bytes;
    sweep back;
} checkpointed_run;

static void end(void *run)
{
    checkpointed_run *r = run;
    if (!r)
        return;
    const ho_system_api *api = r->api;
    ho_system *s = r->system;
    for (int64_t i = 0; r->slots && i < r->schedule.slots; i++)
        api->vector_free(s, r->slots[i]);
    api->vector_free(s, r->current);
    api->vector_free(s, r->spare);
    api->vector_free(s, r->adjoint);
    api->vector_free(s, r->next);
    history_free(&r->history);
    sweep_free(&r->back);
    api->free_memory(s, r->slots);
    api->free_memory(s, r->schedule.kept);
    api->free_memory(s, r->initial_lambda);
    api->free_memory(s, r);
}

/* The vector of a slot; NULL: out of memory. */
static ho_vector *slot(checkpointed_run *r, int64_t i)
{
    if (!r->slots[i] && (r->slots[i] = r->api->vector_new(r->system, 1)))
        r->bytes += r->api->vector_bytes(r->system, r->slots[i]);
    return r->slots[i];
}

static ho_status keep_current(checkpointed_run *r, int64_t i)
{
    ho_vector *kept = slot(r, i);
    if (!kept)
        return HO_FAILED;
    r->api->copy(r->system, r->current, kept);
    return HO_OK;
}

/* How many states the settings allow, less than 1 if none; more than there are steps would stay empty. */
static int64_t count_slots(const settings *set, int64_t state_bytes, int64_t steps)
{
    const int64_t slots = set->memory > 0 ? set->memory / (state_bytes > 0 ? state_bytes : 1) - BESIDE : set->slots;
    const int64_t most = steps > 0 && steps < MOST_SLOTS ? steps : MOST_SLOTS;
    return slots < most ? slots : most;
}

static ho_status start_schedule(checkpointed_run *r, const settings *set)
{
    const int64_t steps = r->api->steps(r->system);
    const int64_t state = r->api->vector_bytes(r->system, r->current), slots = count_slots(set, state, steps);
    if (slots < 1)
        return r->api->fail(r->system, HO_HERE,
                            "memory: %" PRId64 " bytes are too few for a single checkpoint; the minimum is %" PRId64
                            " bytes (%d states of %" PRId64 " bytes)",
                            set->memory, (BESIDE + 1) * state, BESIDE + 1, state);
    checkpoint *kept = r->api->alloc(r->system, (uint64_t)slots * sizeof *kept);
    if (!kept)
        return HO_FAILED;
    schedule_start(&r->schedule, kept, slots, steps);
    r->slots = r->api->alloc(r->system, (uint64_t)slots * sizeof(ho_vector *));
    return r->slots ? keep_current(r, 0) : HO_FAILED;
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    checkpointed_run *r = s->api->alloc(s, sizeof(checkpointed_run));
    if (!r)
        return HO_FAILED;
    r->system = s;
    r->api = s->api;
    r->history = (history){.system = s, .lambda_size = s->api->lambda_size(s)};
    r->back = (sweep){.system = s, .lambda_size = r->history.lambda_size};
    r->initial_lambda = history_copy(&r->history, lambda);
    r->current = s->api->vector_new(s, 1);
    r->spare = s->api->vector_new(s, 1);
    r->adjoint = s->api->vector_new(s, 1);
    r->next = s->api->vector_new(s, 1);
    ho_status status = HO_FAILED;
    if (r->initial_lambda && r->current && r->spare && r->adjoint && r->next) {
        r->bytes = BESIDE * s->api->vector_bytes(s, r->current);
        status = s->api->initial(s, lambda, r->current);
    }
    if (status == HO_OK)
        status = start_schedule(r, self);
    if (status != HO_OK) {
        end(r);
        return status;
    }
    *run = r;
    return HO_OK;
}

/* Step position + 1 of the trajectory, which its history knows. */
static ho_status take_step(checkpointed_run *r, int64_t position, const ho_vector *from, ho_vector *to)
{
    const double *lambda;
    const int64_t t = history_step(&r->history, position, &lambda);
    return r->api->step(r->system, t, lambda, from, to);
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    checkpointed_run *r = run;
    for (int64_t t = t0; t < t1; t++) {
        int64_t i;
        ho_status status = r->api->poll(r->system);
        if (status == HO_OK && schedule_keeps(&r->schedule, r->position, &i))
            status = keep_current(r, i);
        if (status == HO_OK)
            status = history_add(&r->history, r->position, t, lambda);
        if (status == HO_OK)
            status = take_step(r, r->position, r->current, r->spare);
        if (status != HO_OK)
            return status;
        ho_vector *before = r->current;
        r->current = r->spare;
        r->spare = before;
        r->spare_is_before = true;
        r->position++;
    }
    return HO_OK;
}

/* From `from` at `position` to `to` at a later position, by way of `other`. */
static ho_status advance_to(checkpointed_run *r, const ho_vector *from, int64_t position, int64_t last, ho_vector *to,
                            ho_vector *other)
{
    ho_status status = HO_OK;
    for (; position < last && status == HO_OK; position++) {
        ho_vector *into = (last - position) % 2 ? to : other;
        status = r->api->poll(r->system);
        if (status == HO_OK)
            status = take_step(r, position, from, into);
        from = into;
    }
    return status;
}

static ho_status reverse_step(checkpointed_run *r, int64_t position, const ho_vector *state, double *gradient)
{
    const double *lambda;
    const int64_t t = history_step(&r->history, position, &lambda);
    ho_status status = r->api->poll(r->system);
    if (status == HO_OK)
        status = r->api->vjp(r->system, t, lambda, state, r->adjoint, r->next, gradient);
    ho_vector *old = r->adjoint;
    r->adjoint = r->next;
    r->next = old;
    return status;
}

/* As in reverse mode; what it stores is computed here as the schedule says. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    checkpointed_run *r = run;
    ho_status status = HO_OK;
    int64_t last = r->position;
    if (!sweep_goes_on(&r->back, &last, value, gradient)) {
        memset(gradient, 0, (size_t)r->history.lambda_size * sizeof(double));
        status = r->api->error_gradient(r->system, lambda, r->current, value, r->adjoint, gradient);
    }
    if (status == HO_OK && last > 0 && r->spare_is_before) {
        status = reverse_step(r, last - 1, r->spare, gradient);
        last--;
    }
    r->spare_is_before = false;
    while (status == HO_OK && last > 0) {
        sweep_rest(&r->back, last, *value, gradient);
        const move m = schedule_back(&r->schedule, last);
        const ho_vector *from = r->slots[m.from];
        if (m.keep >= 0) {
            ho_vector *kept = slot(r, m.keep);
            status = kept ? advance_to(r, from, m.position, m.to, kept, r->spare) : HO_FAILED;
        } else {
            status = advance_to(r, from, m.position, m.to, r->spare, r->next);
            if (status == HO_OK)
                status = reverse_step(r, m.to, m.to > m.position ? r->spare : from, gradient);
            last--;
        }
    }
    if (status == HO_OK && r->initial_lambda)
        status = r->api->initial_vjp(r->system, r->initial_lambda, r->adjoint, gradient);
    return status;
}

static const ho_vector *state(void *run)
{
    return ((const checkpointed_run *)run)->current;
}

/* The current state becomes position 0. */
static ho_status forget(void *run)
{
    checkpointed_run *r = run;
    const int64_t steps = r->schedule.steps;
    history_clear(&r->history);
    r->api->free_memory(r->system, r->initial_lambda);
    r->initial_lambda = NULL;
    schedule_start(&r->schedule, r->schedule.kept, r->schedule.slots, steps > r->position ? steps - r->position : 0);
    r->position = 0;
    r->spare_is_before = false;
    return keep_current(r, 0);
}

/* The states that are kept; what a hypergradient computes again, and so its cost, depends on which these are. */
static ho_status pass_schedule(checkpointed_run *r, ho_snapshot *snapshot)
{
    const ho_system_api *api = r->api;
    schedule *s = &r->schedule;
    api->pass(r->system, snapshot, &s->steps, sizeof s->steps);
    api->pass(r->system, snapshot, &s->count, sizeof s->count);
    api->pass(r->system, snapshot, &s->spacing, sizeof s->spacing);
    api->pass(r->system, snapshot, s->kept, (uint64_t)s->slots * sizeof *s->kept);
    for (int64_t i = 0; i < s->slots; i++) {
        int32_t made = r->slots[i] != NULL;
        api->pass(r->system, snapshot, &made, sizeof made);
        if (made && !slot(r, i))
            return HO_FAILED;
    }
    for (int64_t i = 0; i < s->count; i++)
        api->pass_vector(r->system, snapshot, r->slots[s->kept[i].slot]);
    return HO_OK;
}

static ho_status pass(void *run, ho_snapshot *snapshot)
{
    checkpointed_run *r = run;
    if (pass_schedule(r, snapshot) != HO_OK || history_pass_lambda(&r->history, snapshot, &r->initial_lambda) != HO_OK)
        return HO_FAILED;
    r->api->pass(r->system, snapshot, &r->position, sizeof r->position);
    r->api->pass(r->system, snapshot, &r->spare_is_before, sizeof r->spare_is_before);
    r->api->pass_vector(r->system, snapshot, r->current);
    if (r->spare_is_before)
        r->api->pass_vector(r->system, snapshot, r->spare);
    if (history_pass(&r->history, snapshot) != HO_OK)
        return HO_FAILED;
    return sweep_pass(&r->back, snapshot, r->adjoint);
}

static int64_t bytes(void *run)
{
    return ((const checkpointed_run *)run)->bytes;
}

static ho_call_cost estimate(void *self, const ho_mode_costs *c)
{
    const int64_t some = count_slots(self, c->state_bytes, c->steps), slots = some > 1 ? some : 1;
    const int64_t last = c->steps / c->hypergradients;
    /* After the first hypergradient only the first state is still kept. */
    double steps = (double)schedule_advances(c->steps, slots) + 1.0;
    for (int64_t i = 1; i < c->hypergradients; i++)
        steps += (double)schedule_advances(i * last, slots);
    const double back = (double)c->steps * (double)(c->hypergradients + 1) / 2.0;
    return (ho_call_cost){.seconds = steps * c->step.seconds + back * c->vjp.seconds,
                          .bytes = (slots + BESIDE) * c->state_bytes + c->step.bytes + c->vjp.bytes};
}

static ho_status create(ho_setup *u, void **self)
{
    settings *set = ho_setup_alloc(u, sizeof *set);
    if (!set)
        return HO_FAILED;
    set->slots = ho_option_integer(u, "slots");
    set->memory = ho_option_integer(u, "memory");
    if (set->slots > 0 && set->memory > 0)
        return ho_setup_fail(u, "memory", "\"memory\" and \"slots\" are both given; only one may set the budget");
    if (set->slots == 0)
        set->slots = DEFAULT_SLOTS;
    *self = set;
    return HO_OK;
}

static const ho_option options[] = {
    {.name = "slots",
     .type = HO_INTEGER,
     .doc = "number of states of the trajectory to keep, including the first (default 32)",
     .least = 1,
     .most = MOST_SLOTS},
    {.name = "memory",
     .type = HO_BYTES,
     .doc = "instead of slots: the maximum memory for states and adjoints",
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
    .pass = pass,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "checkpointed",
    .version = "1.0.0",
    .doc = "reverse mode under a memory budget: keeps a few states of the trajectory and recomputes the rest",
    .details = "Results are reverse mode's to the last bit. With c slots, T <= C(c + r, c) steps are reversed by "
               "computing r T - C(c + r, r - 1) steps in all, the minimum: 20 slots reverse 3,000 steps with 3.3 times "
               "the steps of a training, 32 slots with 2.8 times. If the number of steps is not known in advance, "
               "every other kept state is dropped whenever the slots are full.\n\n"
               "Griewank and Walther, Algorithm 799: revolve: an implementation of checkpointing for the reverse or "
               "adjoint mode of computational differentiation (ACM Transactions on Mathematical Software 26, 2000).",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
