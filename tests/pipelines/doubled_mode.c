/* A wrong mode: forward mode whose gradient is twice what it should be, or another multiple of it. `hotool check` must
 * find out. */
#include <hotool/plugin.h>

#include <string.h>

typedef struct doubled {
    double factor;
} doubled;

static const ho_option options[] = {
    {.name = "factor", .type = HO_REAL, .initial = "2", .doc = "of the gradient", .least = -1e300, .most = 1e300},
};

static ho_status create(ho_setup *u, void **self)
{
    doubled *mode = ho_setup_alloc(u, sizeof(doubled));
    if (!mode)
        return HO_FAILED;
    mode->factor = ho_option_real(u, "factor");
    *self = mode;
    return HO_OK;
}

typedef struct doubled_run {
    double factor;
    ho_system *system;
    const ho_system_api *api;
    int64_t size, columns;
    double *directions; /* columns x size */
    double *products;
    ho_vector *state, *next, *z, *z_next, *by_state;
    int64_t bytes;
} doubled_run;

static void end(void *run)
{
    doubled_run *r = run;
    if (!r)
        return;
    ho_vector *const vectors[] = {r->state, r->next, r->z, r->z_next, r->by_state};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        r->api->vector_free(r->system, vectors[i]);
    r->api->free_memory(r->system, r->directions);
    r->api->free_memory(r->system, r->products);
    r->api->free_memory(r->system, r);
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    doubled_run *r = s->api->alloc(s, sizeof(doubled_run));
    if (!r)
        return HO_FAILED;
    r->factor = ((const doubled *)self)->factor;
    r->system = s;
    r->api = s->api;
    r->size = s->api->lambda_size(s);
    r->columns = s->api->directions(s);
    r->directions = s->api->alloc(s, (uint64_t)(r->columns * r->size) * sizeof(double));
    r->products = s->api->alloc(s, (uint64_t)r->columns * sizeof(double));
    r->state = s->api->vector_new(s, 1);
    r->next = s->api->vector_new(s, 1);
    r->by_state = s->api->vector_new(s, 1);
    r->z = s->api->vector_new(s, r->columns);
    r->z_next = s->api->vector_new(s, r->columns);
    *run = r;
    if (!r->directions || !r->products || !r->state || !r->next || !r->by_state || !r->z || !r->z_next)
        return HO_FAILED;
    r->bytes = 2 * s->api->vector_bytes(s, r->z);
    for (int64_t i = 0; i < r->columns; i++)
        s->api->direction(s, i, r->directions + i * r->size);
    ho_status status = s->api->initial(s, lambda, r->state);
    return status == HO_OK ? s->api->initial_jvp(s, lambda, r->columns, r->directions, r->z) : status;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    doubled_run *r = run;
    for (int64_t t = t0 + 1; t <= t1; t++) {
        ho_status status =
            r->api->jvp(r->system, t, lambda, r->state, r->next, r->columns, r->z, r->directions, r->z_next);
        if (status != HO_OK)
            return status;
        ho_vector *old = r->state, *old_z = r->z;
        r->state = r->next;
        r->next = old;
        r->z = r->z_next;
        r->z_next = old_z;
    }
    return HO_OK;
}

static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    doubled_run *r = run;
    memset(gradient, 0, (size_t)r->size * sizeof(double));
    ho_status status = r->api->error_gradient(r->system, lambda, r->state, value, r->by_state, gradient);
    if (status != HO_OK)
        return status;
    r->api->dot(r->system, r->by_state, r->z, r->products);
    for (int64_t i = 0; i < r->columns; i++)
        for (int64_t j = 0; j < r->size; j++)
            gradient[j] += r->factor * r->products[i] * r->directions[i * r->size + j];
    return HO_OK;
}

static const ho_vector *state(void *run)
{
    return ((const doubled_run *)run)->state;
}

static ho_status forget(void *run)
{
    doubled_run *r = run;
    r->api->axpby(r->system, 0, r->z_next, 0, r->z);
    return HO_OK;
}

static int64_t bytes(void *run)
{
    return ((const doubled_run *)run)->bytes;
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
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),      .name = "doubled", .version = "1.0.0", .doc = "forward mode, times 2: wrong",
    .options = HO_TABLE(options), .calls = &calls,   .create = create,
};
