/*
 * A hypergradient mode: forward mode, which carries Z_t = ds_t/dlambda along with the state. Change the algorithm.
 *
 *     Z_0 = dPhi_0/dlambda     Z_t = A_t Z_{t-1} + B_t     df/dlambda = dE/ds Z_T + dE/dlambda
 *
 * In a pipeline:  hypergradient: {mode: my_plugin}
 */
#include <hotool/plugin.h>

#include <string.h>

typedef struct instance {
    ho_system *system;
    int64_t lambda_size, columns; /* a column of Z for each free direction of lambda */
    ho_vector *state, *next;
    ho_vector *z, *next_z; /* NULL where there are no columns */
    double *directions;    /* `columns` times lambda_size */
    double *products;
} instance;

static void end(void *run)
{
    instance *r = (instance *)run;
    if (!r)
        return;
    ho_system *s = r->system;
    s->api->vector_free(s, r->state);
    s->api->vector_free(s, r->next);
    s->api->vector_free(s, r->z);
    s->api->vector_free(s, r->next_z);
    s->api->free_memory(s, r->directions);
    s->api->free_memory(s, r->products);
    s->api->free_memory(s, r);
}

static ho_status make_tangents(instance *r)
{
    ho_system *s = r->system;
    if (r->columns == 0)
        return HO_OK;
    r->z = s->api->vector_new(s, r->columns);
    r->next_z = r->z ? s->api->vector_new(s, r->columns) : NULL;
    r->directions = (double *)s->api->alloc(s, (uint64_t)(r->columns * r->lambda_size) * sizeof(double));
    r->products = (double *)s->api->alloc(s, (uint64_t)r->columns * sizeof(double));
    if (!r->next_z || !r->directions || !r->products)
        return HO_FAILED;
    for (int64_t j = 0; j < r->columns; j++)
        s->api->direction(s, j, r->directions + j * r->lambda_size);
    return HO_OK;
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    (void)self;
    instance *r = (instance *)s->api->alloc(s, sizeof(instance));
    if (!r)
        return HO_FAILED;
    r->system = s;
    r->lambda_size = s->api->lambda_size(s);
    r->columns = s->api->directions(s);
    r->state = s->api->vector_new(s, 1);
    r->next = r->state ? s->api->vector_new(s, 1) : NULL;
    ho_status status = r->next ? make_tangents(r) : HO_FAILED;
    if (status == HO_OK)
        status = s->api->initial(s, lambda, r->state);
    if (status == HO_OK && r->columns > 0)
        status = s->api->initial_jvp(s, lambda, r->columns, r->directions, r->z);
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
    ho_system *s = r->system;
    for (int64_t t = t0 + 1; t <= t1; t++) {
        ho_status status = s->api->poll(s);
        if (status == HO_OK && r->columns > 0)
            status = s->api->jvp(s, t, lambda, r->state, r->next, r->columns, r->z, r->directions, r->next_z);
        else if (status == HO_OK)
            status = s->api->step(s, t, lambda, r->state, r->next);
        if (status != HO_OK)
            return status;
        exchange(&r->state, &r->next);
        exchange(&r->z, &r->next_z);
    }
    return HO_OK;
}

/* Between steps `next` is free: it takes dE/ds. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    instance *r = (instance *)run;
    ho_system *s = r->system;
    memset(gradient, 0, (size_t)r->lambda_size * sizeof(double));
    ho_status status = s->api->error_gradient(s, lambda, r->state, value, r->next, gradient);
    if (status != HO_OK || r->columns == 0)
        return status;
    s->api->dot(s, r->next, r->z, r->products);
    for (int64_t j = 0; j < r->columns; j++)
        for (int64_t i = 0; i < r->lambda_size; i++)
            gradient[i] += r->products[j] * r->directions[j * r->lambda_size + i];
    return HO_OK;
}

static const ho_vector *state(void *run)
{
    return ((const instance *)run)->state;
}

static ho_status forget(void *run)
{
    instance *r = (instance *)run;
    if (r->columns > 0)
        r->system->api->zero(r->system, r->z);
    return HO_OK;
}

static int64_t bytes(void *run)
{
    const instance *r = (const instance *)run;
    return 2 * (1 + r->columns) * r->system->api->vector_bytes(r->system, r->state);
}

/* A run that was killed goes on from here. */
static ho_status pass(void *run, ho_snapshot *snapshot)
{
    instance *r = (instance *)run;
    r->system->api->pass_vector(r->system, snapshot, r->state);
    if (r->columns > 0)
        r->system->api->pass_vector(r->system, snapshot, r->z);
    return HO_OK;
}

static const ho_mode_calls calls = {
    .struct_size = sizeof(ho_mode_calls),
    .approximate = 0,
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
    HO_PLUGIN_HEAD(HO_MODE), .name = "my_plugin",
    .version = "0.1",        .doc = "carries the derivative of the state along during training",
    .calls = &calls,
};
