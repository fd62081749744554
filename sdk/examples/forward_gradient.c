/*
 * A mode: the forward gradient. Instead of a tangent for each hyperparameter it carries one, along a random direction
 * v, and answers with the derivative along v, times v.
 *
 *     v = sum_i +-d_i     z_0 = dPhi_0 v     z_t = A_t z_{t-1} + B_t v     g = (dE/ds z_T + dE/dlambda v) v
 *
 * over an orthonormal basis d_i of the free directions. Where the signs are independent, E[v v'] = I: g has the
 * hypergradient as its expectation, at the cost of one tangent, however many hyperparameters there are. Its noise grows
 * with their number. Baydin, Pearlmutter, Syme, Wood and Torr, Gradients without Backpropagation (2022), theorem 1;
 * Silver, Goyal, Danihelka, Hessel and van Hasselt, Learning by Directional Gradient Descent (ICLR 2022).
 *
 * In a pipeline:  hypergradient: {mode: forward_gradient, directions: 4}    # the mean over 4 of them
 *
 * What this file shows:
 *   - A mode that is `approximate`: `hotool check` prints its distance and angle to the exact gradient, and holds it to
 *     neither.
 *   - What a mode needs of the system to carry tangents: initial_jvp, jvp, dot. Vectors are opaque, so that the mode
 *     serves f32 and f64 alike.
 *   - Random numbers that are a function of lambda: new ones at each outer iteration, and the same ones when a run is
 *     done again.
 */
#include <hotool/plugin.h>

#include <string.h>

typedef struct settings {
    int64_t directions, seed;
} settings;

typedef struct instance {
    ho_system *system;
    const ho_system_api *api;
    int64_t lambda_size, columns; /* a column of Z for each random direction */
    ho_vector *state, *next;
    ho_vector *z, *next_z;
    double *directions; /* `columns` times lambda_size */
    double *products;
} instance;

static void end(void *run)
{
    instance *r = (instance *)run;
    if (!r)
        return;
    r->api->vector_free(r->system, r->state);
    r->api->vector_free(r->system, r->next);
    r->api->vector_free(r->system, r->z);
    r->api->vector_free(r->system, r->next_z);
    r->api->free_memory(r->system, r->directions);
    r->api->free_memory(r->system, r->products);
    r->api->free_memory(r->system, r);
}

/* The next number of a sequence that looks random (Steele, Lea and Flood's SplitMix64). */
static uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* A sequence for each seed and each lambda. */
static uint64_t sequence(const settings *set, int64_t lambda_size, const double *lambda)
{
    uint64_t state = (uint64_t)set->seed;
    for (int64_t i = 0; i < lambda_size; i++) {
        uint64_t bits;
        memcpy(&bits, lambda + i, sizeof bits);
        state ^= bits;
        state = draw(&state);
    }
    return state;
}

static ho_status draw_directions(instance *r, const settings *set, const double *lambda)
{
    const int64_t n = r->lambda_size, count = r->api->directions(r->system);
    uint64_t random = sequence(set, n, lambda);
    double *basis = (double *)r->api->alloc(r->system, (uint64_t)n * sizeof(double));
    if (!basis)
        return HO_FAILED;
    for (int64_t i = 0; i < count; i++) {
        r->api->direction(r->system, i, basis);
        for (int64_t j = 0; j < r->columns; j++) {
            const double sign = draw(&random) >> 63 ? 1.0 : -1.0;
            for (int64_t k = 0; k < n; k++)
                r->directions[j * n + k] += sign * basis[k];
        }
    }
    r->api->free_memory(r->system, basis);
    return HO_OK;
}

static ho_status make(instance *r, const settings *set, const double *lambda)
{
    ho_system *s = r->system;
    r->state = r->api->vector_new(s, 1);
    r->next = r->state ? r->api->vector_new(s, 1) : NULL;
    r->z = r->next ? r->api->vector_new(s, r->columns) : NULL;
    r->next_z = r->z ? r->api->vector_new(s, r->columns) : NULL;
    r->directions = (double *)r->api->alloc(s, (uint64_t)(r->columns * r->lambda_size) * sizeof(double));
    r->products = (double *)r->api->alloc(s, (uint64_t)r->columns * sizeof(double));
    if (!r->next_z || !r->directions || !r->products)
        return HO_FAILED;
    ho_status status = draw_directions(r, set, lambda);
    if (status == HO_OK)
        status = r->api->initial(s, lambda, r->state);
    if (status == HO_OK)
        status = r->api->initial_jvp(s, lambda, r->columns, r->directions, r->z);
    return status;
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    const settings *set = (const settings *)self;
    instance *r = (instance *)s->api->alloc(s, sizeof(instance));
    if (!r)
        return HO_FAILED;
    r->system = s;
    r->api = s->api;
    r->lambda_size = s->api->lambda_size(s);
    r->columns = set->directions;
    const ho_status status = make(r, set, lambda);
    if (status == HO_OK)
        *run = r;
    else
        end(r);
    return status;
}

static void exchange(ho_vector **a, ho_vector **b)
{
    ho_vector *old = *a;
    *a = *b;
    *b = old;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    instance *r = (instance *)run;
    for (int64_t t = t0 + 1; t <= t1; t++) {
        ho_status status = r->api->poll(r->system);
        if (status == HO_OK)
            status = r->api->jvp(r->system, t, lambda, r->state, r->next, r->columns, r->z, r->directions, r->next_z);
        if (status != HO_OK)
            return status;
        exchange(&r->state, &r->next);
        exchange(&r->z, &r->next_z);
    }
    return HO_OK;
}

/* dE/dlambda, which costs nothing, is added as it is; only what goes through the state is estimated. Between steps
 * `next` is free: it takes dE/ds. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    instance *r = (instance *)run;
    memset(gradient, 0, (size_t)r->lambda_size * sizeof(double));
    const ho_status status = r->api->error_gradient(r->system, lambda, r->state, value, r->next, gradient);
    if (status != HO_OK)
        return status;
    r->api->dot(r->system, r->next, r->z, r->products);
    for (int64_t j = 0; j < r->columns; j++)
        for (int64_t i = 0; i < r->lambda_size; i++)
            gradient[i] += r->products[j] / (double)r->columns * r->directions[j * r->lambda_size + i];
    return HO_OK;
}

static const ho_vector *state(void *run)
{
    return ((const instance *)run)->state;
}

static ho_status forget(void *run)
{
    instance *r = (instance *)run;
    r->api->zero(r->system, r->z);
    return HO_OK;
}

static int64_t bytes(void *run)
{
    const instance *r = (const instance *)run;
    return 2 * (1 + r->columns) * r->api->vector_bytes(r->system, r->state);
}

/* A run that was killed goes on from here. The directions stay those of the lambda at the start. */
static ho_status pass(void *run, ho_snapshot *snapshot)
{
    instance *r = (instance *)run;
    r->api->pass_vector(r->system, snapshot, r->state);
    r->api->pass_vector(r->system, snapshot, r->z);
    r->api->pass(r->system, snapshot, r->directions, (uint64_t)(r->columns * r->lambda_size) * sizeof(double));
    return HO_OK;
}

static const ho_option options[] = {
    {.name = "directions",
     .type = HO_INTEGER,
     .initial = "1",
     .doc = "random directions over which the mean is taken",
     .least = 1,
     .most = 10000},
    {.name = "seed", .type = HO_INTEGER, .initial = "1", .doc = "of the directions", .most = 1e15},
};

static ho_status create(ho_setup *u, void **self)
{
    settings *set = (settings *)ho_setup_alloc(u, sizeof(settings));
    if (!set)
        return HO_FAILED;
    set->directions = ho_option_integer(u, "directions");
    set->seed = ho_option_integer(u, "seed");
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
    .pass = pass,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "forward_gradient",
    .version = "1.0",
    .doc = "the derivative along random directions: unbiased, at the cost of one tangent each",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
