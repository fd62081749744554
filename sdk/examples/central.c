/*
 * A mode: central differences. It trains again with each hyperparameter a little larger and a little smaller.
 *
 *     g = sum_i (E(lambda + h d_i) - E(lambda - h d_i)) / (2 h) d_i
 *
 * over an orthonormal basis d_i of the free directions. It takes two trainings for each of them and is good to about
 * half of the digits of the precision: a way to see what exact derivatives save, and a second opinion.
 *
 * What this file shows:
 *   - The smallest mode there is: it uses steps and the validation error, and no derivatives.
 *   - Replaying a training. lambda may differ from one `advance` to the next, so the calls are remembered with it; and
 *     after `forget` training counts from the state at that time.
 *   - The error depends on lambda directly, too (a temperature of the model): it is asked for with the shifted lambda.
 * It leaves out `pass`: a run that is killed begins its training again.
 *
 * A hyperparameter at an end of its domain, such as a strength of 0, is moved out of it by h. Where formulas do not
 * mind that is right; choose another mode where they do.
 */
#include <hotool/plugin.h>

#include <string.h>

typedef struct settings {
    double h;
} settings;

/* Steps t0+1..t1, taken with one lambda. */
typedef struct call {
    int64_t t0, t1;
    double *lambda;
} call;

typedef struct instance {
    ho_system *system;
    const ho_system_api *api;
    int64_t lambda_size;
    double h;
    ho_vector *state, *next;
    ho_vector *work, *next_work; /* of a training that is done again */
    ho_vector *kept;             /* the state at which history begins; NULL: that is s_0 */
    double *initial_lambda, *shifted, *direction;
    call *calls;
    int64_t count, capacity;
} instance;

static void drop_calls(instance *r)
{
    for (int64_t i = 0; i < r->count; i++)
        r->api->free_memory(r->system, r->calls[i].lambda);
    r->count = 0;
}

static void end(void *run)
{
    instance *r = (instance *)run;
    if (!r)
        return;
    drop_calls(r);
    ho_vector *const vectors[] = {r->state, r->next, r->work, r->next_work, r->kept};
    for (int i = 0; i < 5; i++)
        r->api->vector_free(r->system, vectors[i]);
    r->api->free_memory(r->system, r->calls);
    r->api->free_memory(r->system, r->initial_lambda);
    r->api->free_memory(r->system, r->shifted);
    r->api->free_memory(r->system, r->direction);
    r->api->free_memory(r->system, r);
}

/* An array like lambda, with its numbers if there are any; NULL: out of memory. */
static double *array(const instance *r, const double *lambda)
{
    double *copy = (double *)r->api->alloc(r->system, (uint64_t)(r->lambda_size + 1) * sizeof(double));
    if (copy && lambda && r->lambda_size > 0)
        memcpy(copy, lambda, (size_t)r->lambda_size * sizeof(double));
    return copy;
}

static ho_status make(instance *r, const double *lambda)
{
    ho_vector **const vectors[] = {&r->state, &r->next, &r->work, &r->next_work};
    for (int i = 0; i < 4; i++)
        if (!(*vectors[i] = r->api->vector_new(r->system, 1)))
            return HO_FAILED;
    r->initial_lambda = array(r, lambda);
    r->shifted = r->initial_lambda ? array(r, NULL) : NULL;
    r->direction = r->shifted ? array(r, NULL) : NULL;
    return r->direction ? r->api->initial(r->system, lambda, r->state) : HO_FAILED;
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    instance *r = (instance *)s->api->alloc(s, sizeof(instance));
    if (!r)
        return HO_FAILED;
    r->system = s;
    r->api = s->api;
    r->lambda_size = s->api->lambda_size(s);
    r->h = ((const settings *)self)->h;
    const ho_status status = make(r, lambda);
    if (status == HO_OK)
        *run = r;
    else
        end(r);
    return status;
}

/* Takes steps from *state; *spare is overwritten, and the two change places. */
static ho_status steps(const instance *r, int64_t t0, int64_t t1, const double *lambda, ho_vector **state,
                       ho_vector **spare)
{
    for (int64_t t = t0 + 1; t <= t1; t++) {
        ho_vector *old = *state;
        ho_status status = r->api->poll(r->system);
        if (status == HO_OK)
            status = r->api->step(r->system, t, lambda, *state, *spare);
        if (status != HO_OK)
            return status;
        *state = *spare;
        *spare = old;
    }
    return HO_OK;
}

static ho_status remember(instance *r, int64_t t0, int64_t t1, const double *lambda)
{
    if (r->count == r->capacity) {
        const int64_t larger = 2 * r->capacity + 8;
        call *moved = (call *)r->api->alloc(r->system, (uint64_t)larger * sizeof(call));
        if (!moved)
            return HO_FAILED;
        if (r->count > 0)
            memcpy(moved, r->calls, (size_t)r->count * sizeof(call));
        r->api->free_memory(r->system, r->calls);
        r->calls = moved;
        r->capacity = larger;
    }
    double *copy = array(r, lambda);
    if (!copy)
        return HO_FAILED;
    const call added = {t0, t1, copy};
    r->calls[r->count++] = added;
    return HO_OK;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    instance *r = (instance *)run;
    if (remember(r, t0, t1, lambda) != HO_OK)
        return HO_FAILED;
    return steps(r, t0, t1, lambda, &r->state, &r->next);
}

/* lambda + h direction, in `shifted`. */
static const double *shift(instance *r, const double *lambda, double h)
{
    for (int64_t i = 0; i < r->lambda_size; i++)
        r->shifted[i] = lambda[i] + h * r->direction[i];
    return r->shifted;
}

/* E of the whole training with every lambda shifted by h along the direction. */
static ho_status error_at(instance *r, const double *lambda, double h, double *value)
{
    ho_status status = HO_OK;
    if (r->kept)
        r->api->copy(r->system, r->kept, r->work);
    else
        status = r->api->initial(r->system, shift(r, r->initial_lambda, h), r->work);
    for (int64_t i = 0; i < r->count && status == HO_OK; i++) {
        const call *c = &r->calls[i];
        status = steps(r, c->t0, c->t1, shift(r, c->lambda, h), &r->work, &r->next_work);
    }
    return status == HO_OK ? r->api->error(r->system, shift(r, lambda, h), r->work, value) : status;
}

static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    instance *r = (instance *)run;
    memset(gradient, 0, (size_t)r->lambda_size * sizeof(double));
    ho_status status = r->api->error(r->system, lambda, r->state, value);
    for (int64_t i = 0; i < r->api->directions(r->system) && status == HO_OK; i++) {
        double above = 0.0, below = 0.0;
        r->api->direction(r->system, i, r->direction);
        status = error_at(r, lambda, r->h, &above);
        if (status == HO_OK)
            status = error_at(r, lambda, -r->h, &below);
        for (int64_t k = 0; k < r->lambda_size; k++)
            gradient[k] += (above - below) / (2.0 * r->h) * r->direction[k];
    }
    return status;
}

static const ho_vector *state(void *run)
{
    return ((const instance *)run)->state;
}

static ho_status forget(void *run)
{
    instance *r = (instance *)run;
    if (!r->kept && !(r->kept = r->api->vector_new(r->system, 1)))
        return HO_FAILED;
    r->api->copy(r->system, r->state, r->kept);
    drop_calls(r);
    return HO_OK;
}

static int64_t bytes(void *run)
{
    const instance *r = (const instance *)run;
    return (r->kept ? 5 : 4) * r->api->vector_bytes(r->system, r->state);
}

static const ho_option options[] = {
    {.name = "h",
     .type = HO_REAL,
     .initial = "1e-4",
     .doc = "by how much lambda is moved",
     .least = 1e-12,
     .most = 1.0},
};

static ho_status create(ho_setup *u, void **self)
{
    settings *set = (settings *)ho_setup_alloc(u, sizeof(settings));
    if (!set)
        return HO_FAILED;
    set->h = ho_option_real(u, "h");
    *self = set;
    return HO_OK;
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
    .end = end,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "central",
    .version = "1.0",
    .doc = "central differences: two trainings for each hyperparameter, and no derivatives",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
