/* Reverse mode: stores the trajectory and propagates an adjoint back along it. */
#include <hotool/plugin.h>

#include <string.h>

/* Steps first_t + 1 .. first_t + steps, taken with one lambda from states[first] to states[first + steps]. */
typedef struct segment {
    int64_t first, first_t, steps;
    double *lambda;
} segment;

typedef struct reverse_run {
    ho_system *system;
    const ho_system_api *api;
    int64_t lambda_size;
    double *initial_lambda; /* NULL: states[0] is treated as a constant */
    ho_vector **states;     /* the trajectory's `count`, then spare vectors up to `made` */
    int64_t count, made, capacity;
    segment *segments;
    int64_t segment_count, segment_capacity;
    ho_vector *adjoint, *next;
    int64_t bytes;
} reverse_run;

static double *copy_lambda(reverse_run *r, const double *lambda)
{
    double *copy = r->api->alloc(r->system, (uint64_t)(r->lambda_size > 0 ? r->lambda_size : 1) * sizeof(double));
    if (copy && r->lambda_size > 0)
        memcpy(copy, lambda, (size_t)r->lambda_size * sizeof(double));
    return copy;
}

/* Makes room for one more row. The rows move; what they point to does not. */
static ho_status grow(reverse_run *r, void **rows, size_t row_size, int64_t count, int64_t *capacity)
{
    if (count < *capacity)
        return HO_OK;
    const int64_t larger = *capacity > 0 ? 2 * *capacity : 64;
    void *moved = r->api->alloc(r->system, (uint64_t)larger * row_size);
    if (!moved)
        return HO_FAILED;
    if (count > 0)
        memcpy(moved, *rows, (size_t)count * row_size);
    r->api->free_memory(r->system, *rows);
    *rows = moved;
    *capacity = larger;
    return HO_OK;
}

static void drop_segments(reverse_run *r)
{
    for (int64_t i = 0; i < r->segment_count; i++)
        r->api->free_memory(r->system, r->segments[i].lambda);
    r->segment_count = 0;
}

static void end(void *run)
{
    reverse_run *r = run;
    if (!r)
        return;
    const ho_system_api *api = r->api;
    ho_system *s = r->system;
    for (int64_t i = 0; i < r->made; i++)
        api->vector_free(s, r->states[i]);
    drop_segments(r);
    api->vector_free(s, r->adjoint);
    api->vector_free(s, r->next);
    api->free_memory(s, r->states);
    api->free_memory(s, r->segments);
    api->free_memory(s, r->initial_lambda);
    api->free_memory(s, r);
}

/* Ensures that states[count] exists. */
static ho_status room_for_state(reverse_run *r)
{
    if (r->count < r->made)
        return HO_OK;
    void *rows = r->states;
    if (grow(r, &rows, sizeof(ho_vector *), r->made, &r->capacity) != HO_OK)
        return HO_FAILED;
    r->states = rows;
    r->states[r->made] = r->api->vector_new(r->system, 1);
    if (!r->states[r->made])
        return HO_FAILED;
    r->bytes += r->api->vector_bytes(r->system, r->states[r->made]);
    r->made++;
    return HO_OK;
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    (void)self;
    reverse_run *r = s->api->alloc(s, sizeof(reverse_run));
    if (!r)
        return HO_FAILED;
    r->system = s;
    r->api = s->api;
    r->lambda_size = s->api->lambda_size(s);
    r->initial_lambda = copy_lambda(r, lambda);
    r->adjoint = s->api->vector_new(s, 1);
    r->next = s->api->vector_new(s, 1);
    ho_status status = r->initial_lambda && r->adjoint && r->next ? room_for_state(r) : HO_FAILED;
    if (status == HO_OK)
        status = s->api->initial(s, lambda, r->states[0]);
    if (status != HO_OK) {
        end(r);
        return status;
    }
    r->count = 1;
    *run = r;
    return HO_OK;
}

/* The segment of step t0 + 1 with this lambda: the last one where the step continues it, else a new one. */
static segment *segment_for(reverse_run *r, int64_t t0, const double *lambda)
{
    if (r->segment_count > 0) {
        segment *last = r->segments + r->segment_count - 1;
        if (last->first_t + last->steps == t0 &&
            memcmp(last->lambda, lambda, (size_t)r->lambda_size * sizeof(double)) == 0)
            return last;
    }
    void *rows = r->segments;
    if (grow(r, &rows, sizeof(segment), r->segment_count, &r->segment_capacity) != HO_OK)
        return NULL;
    r->segments = rows;
    segment *added = r->segments + r->segment_count;
    *added = (segment){.first = r->count - 1, .first_t = t0, .lambda = copy_lambda(r, lambda)};
    if (!added->lambda)
        return NULL;
    r->segment_count++;
    return added;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    reverse_run *r = run;
    if (t1 <= t0)
        return HO_OK;
    segment *part = segment_for(r, t0, lambda);
    if (!part)
        return HO_FAILED;
    for (int64_t t = t0 + 1; t <= t1; t++) {
        ho_status status = r->api->poll(r->system);
        if (status == HO_OK)
            status = room_for_state(r);
        if (status == HO_OK)
            status = r->api->step(r->system, t, lambda, r->states[r->count - 1], r->states[r->count]);
        if (status != HO_OK)
            return status;
        r->count++;
        part->steps++;
    }
    return HO_OK;
}

/* a_T = dE/ds, g = dE/dlambda; g += a_t B_t, a_{t-1} = a_t A_t; g += a_0 dPhi_0/dlambda. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    reverse_run *r = run;
    memset(gradient, 0, (size_t)r->lambda_size * sizeof(double));
    ho_status status = r->api->error_gradient(r->system, lambda, r->states[r->count - 1], value, r->adjoint, gradient);
    for (int64_t i = r->segment_count - 1; status == HO_OK && i >= 0; i--) {
        const segment *part = r->segments + i;
        for (int64_t k = part->steps; status == HO_OK && k >= 1; k--) {
            status = r->api->poll(r->system);
            if (status == HO_OK)
                status = r->api->vjp(r->system, part->first_t + k, part->lambda, r->states[part->first + k - 1],
                                     r->adjoint, r->next, gradient);
            ho_vector *old = r->adjoint;
            r->adjoint = r->next;
            r->next = old;
        }
    }
    if (status == HO_OK && r->initial_lambda)
        status = r->api->initial_vjp(r->system, r->initial_lambda, r->adjoint, gradient);
    return status;
}

static const ho_vector *state(void *run)
{
    const reverse_run *r = run;
    return r->states[r->count - 1];
}

/* The current state becomes states[0]; the other vectors are reused. */
static ho_status forget(void *run)
{
    reverse_run *r = run;
    ho_vector *current = r->states[r->count - 1];
    r->states[r->count - 1] = r->states[0];
    r->states[0] = current;
    r->count = 1;
    drop_segments(r);
    r->api->free_memory(r->system, r->initial_lambda);
    r->initial_lambda = NULL;
    return HO_OK;
}

static int64_t bytes(void *run)
{
    return ((const reverse_run *)run)->bytes;
}

static ho_call_cost estimate(void *self, const ho_mode_costs *c)
{
    (void)self;
    /* The whole way back each time: on average over half of the steps. */
    const double back = (double)c->steps * (double)(c->hypergradients + 1) / 2.0;
    return (ho_call_cost){.seconds = (double)c->steps * c->step.seconds + back * c->vjp.seconds,
                          .bytes = (c->steps + 3) * c->state_bytes + c->step.bytes + c->vjp.bytes};
}

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
               "trainings whatever the number of hyperparameters, and memory for the whole trajectory (weights and "
               "optimizer slots, T + 1 times). Where that is too much, use forward or fewer steps.",
    .calls = &calls,
};
