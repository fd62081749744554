/* The last states of a trajectory, and an adjoint that goes back over them. For truncated modes. */
#ifndef MODES_TRAIL_H
#define MODES_TRAIL_H

#include "history.h"
#include "sweep.h"

#include <inttypes.h>

#define TRAIL_BESIDE 3 /* vectors beside the states to go back to: the current state and two adjoints */

typedef struct trail {
    ho_system *system;
    const ho_system_api *api;
    history history;
    double *initial_lambda; /* NULL: position 0 is treated as a constant */
    ho_vector **ring;       /* the state of a position at position % room; made when first used */
    int64_t room;           /* steps to go back, and 1 */
    int64_t position;       /* of the current state */
    ho_vector *adjoint, *next;
    int64_t bytes;
    sweep back;
} trail;

static inline void trail_free(trail *r)
{
    const ho_system_api *api = r->api;
    ho_system *s = r->system;
    for (int64_t i = 0; r->ring && i < r->room; i++)
        api->vector_free(s, r->ring[i]);
    api->vector_free(s, r->adjoint);
    api->vector_free(s, r->next);
    history_free(&r->history);
    sweep_free(&r->back);
    api->free_memory(s, r->ring);
    api->free_memory(s, r->initial_lambda);
}

static inline ho_vector *trail_vector(trail *r)
{
    ho_vector *made = r->api->vector_new(r->system, 1);
    r->bytes += made ? r->api->vector_bytes(r->system, made) : 0;
    return made;
}

/* Where the state of a position lies; NULL: out of memory. */
static inline ho_vector *trail_state_at(trail *r, int64_t position)
{
    ho_vector **place = r->ring + position % r->room;
    if (!*place)
        *place = trail_vector(r);
    return *place;
}

static inline ho_vector *trail_state(trail *r)
{
    return trail_state_at(r, r->position);
}

/* More steps than there are cannot be gone back over. */
static inline int64_t trail_steps(int64_t wanted, int64_t steps)
{
    return steps > 0 && wanted > steps ? steps : wanted;
}

static inline ho_status trail_check_room(const trail *r)
{
    const int64_t state = r->api->vector_bytes(r->system, r->adjoint), available = r->api->memory(r->system);
    const double needed = (double)(r->room - 1 + TRAIL_BESIDE) * (double)state;
    if (needed <= (double)available)
        return HO_OK;
    return r->api->fail(r->system, HO_HERE,
                        "steps_back: %" PRId64 " states of %" PRId64 " bytes need %.4g GiB, and %.4g GiB are available",
                        r->room - 1, state, needed / 0x1p30, (double)available / 0x1p30);
}

static inline ho_status trail_vectors(trail *r)
{
    r->adjoint = trail_vector(r);
    r->next = r->adjoint ? trail_vector(r) : NULL;
    if (!r->next || trail_check_room(r) != HO_OK)
        return HO_FAILED;
    r->ring = r->api->alloc(r->system, (uint64_t)r->room * sizeof(ho_vector *));
    return r->ring && trail_state_at(r, 0) ? HO_OK : HO_FAILED;
}

/* A trail of so many steps, which begins with s_0. Free it with trail_free, after a failure too. */
static inline ho_status trail_start(trail *r, ho_system *s, const double *lambda, int64_t steps_back)
{
    *r = (trail){.system = s, .api = s->api, .history = {.system = s, .lambda_size = s->api->lambda_size(s)}};
    r->back = (sweep){.system = s, .lambda_size = r->history.lambda_size};
    r->room = trail_steps(steps_back, s->api->steps(s)) + 1;
    r->initial_lambda = history_copy(&r->history, lambda);
    const ho_status status = r->initial_lambda ? trail_vectors(r) : HO_FAILED;
    return status == HO_OK ? s->api->initial(s, lambda, trail_state_at(r, 0)) : status;
}

/* The first position whose state is still there. */
static inline int64_t trail_first(const trail *r)
{
    return r->position < r->room ? 0 : r->position - (r->room - 1);
}

/* Where the state after the next step belongs, which is step t + 1 with this lambda. NULL: out of memory. */
static inline ho_vector *trail_next(trail *r, int64_t t, const double *lambda)
{
    ho_vector *to = trail_state_at(r, r->position + 1);
    return to && history_add(&r->history, r->position, t, lambda) == HO_OK ? to : NULL;
}

/* That state has been written. */
static inline void trail_advance(trail *r)
{
    r->position++;
    history_drop(&r->history, trail_first(r));
}

static inline ho_status trail_step_back(trail *r, int64_t position, double *gradient)
{
    const double *lambda;
    const int64_t t = history_step(&r->history, position, &lambda);
    ho_status status = r->api->poll(r->system);
    if (status == HO_OK)
        status = r->api->vjp(r->system, t, lambda, trail_state_at(r, position), r->adjoint, r->next, gradient);
    ho_vector *old = r->adjoint;
    r->adjoint = r->next;
    r->next = old;
    return status;
}

/* As in reverse mode, back to the first state that is kept: the initial map counts only where that is s_0. */
static inline ho_status trail_hypergradient(trail *r, const double *lambda, double *value, double *gradient)
{
    const int64_t first = trail_first(r);
    ho_status status = HO_OK;
    int64_t position = r->position;
    if (!sweep_goes_on(&r->back, &position, value, gradient)) {
        memset(gradient, 0, (size_t)r->history.lambda_size * sizeof(double));
        status = r->api->error_gradient(r->system, lambda, trail_state(r), value, r->adjoint, gradient);
    }
    for (; status == HO_OK && position > first; position--) {
        sweep_rest(&r->back, position, *value, gradient);
        status = trail_step_back(r, position - 1, gradient);
    }
    if (status == HO_OK && first == 0 && r->initial_lambda)
        status = r->api->initial_vjp(r->system, r->initial_lambda, r->adjoint, gradient);
    return status;
}

/* The current state becomes that of position 0. */
static inline void trail_forget(trail *r)
{
    const int64_t place = r->position % r->room;
    ho_vector *current = r->ring[place];
    r->ring[place] = r->ring[0];
    r->ring[0] = current;
    r->position = 0;
    history_clear(&r->history);
    r->api->free_memory(r->system, r->initial_lambda);
    r->initial_lambda = NULL;
}

static inline ho_status trail_pass(trail *r, ho_snapshot *snapshot)
{
    r->api->pass(r->system, snapshot, &r->position, sizeof r->position);
    for (int64_t position = trail_first(r); position <= r->position; position++) {
        ho_vector *v = trail_state_at(r, position);
        if (!v)
            return HO_FAILED;
        r->api->pass_vector(r->system, snapshot, v);
    }
    if (history_pass_lambda(&r->history, snapshot, &r->initial_lambda) != HO_OK)
        return HO_FAILED;
    if (history_pass(&r->history, snapshot) != HO_OK)
        return HO_FAILED;
    return sweep_pass(&r->back, snapshot, r->adjoint);
}

/* How many steps are gone back over in all, where hypergradient i of `asked` is asked for after i T / asked steps. */
static inline double trail_all_back(int64_t steps_back, int64_t steps, int64_t asked)
{
    double back = 0.0;
    for (int64_t i = 1; i <= asked; i++) {
        const double done = (double)steps * (double)i / (double)asked;
        back += done < (double)steps_back ? done : (double)steps_back;
    }
    return back;
}

/* Of a training, and of so many hypergradients evenly over it. */
static inline ho_call_cost trail_cost(const ho_mode_costs *c, int64_t steps_back, int64_t asked)
{
    const int64_t k = trail_steps(steps_back, c->steps);
    const double back = trail_all_back(k, c->steps, asked > 0 ? asked : 1);
    return (ho_call_cost){.seconds = (double)c->steps * c->step.seconds + back * c->vjp.seconds,
                          .bytes = (k + TRAIL_BESIDE) * c->state_bytes + c->step.bytes + c->vjp.bytes};
}

#endif
