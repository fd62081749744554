/* Forward mode: propagates the tangents Z_t = ds_t/dlambda along with the state. */
#include <hotool/plugin.h>

#include <string.h>

typedef struct forward {
    int64_t columns_at_once;
} forward;

/* A chunk of columns of Z. */
typedef struct tangents {
    int64_t first, columns;
    ho_vector *z;
} tangents;

typedef struct forward_run {
    ho_system *system;
    const ho_system_api *api;
    int64_t lambda_size;
    ho_vector *state, *next;
    tangents *chunks;
    int64_t chunk_count;
    ho_vector *spare[2]; /* output of a step: for full chunks, and for a shorter last one */
    double *directions;  /* of the current chunk */
    double *products;
    int64_t bytes;
} forward_run;

static const ho_option options[] = {
    {.name = "columns_at_once",
     .type = HO_INTEGER,
     .initial = "64",
     .doc = "how many tangents are propagated through a step together",
     .least = 1.0,
     .most = 65536.0},
};

static ho_status create(ho_setup *u, void **self)
{
    forward *mode = ho_setup_alloc(u, sizeof(forward));
    if (!mode)
        return HO_FAILED;
    mode->columns_at_once = ho_option_integer(u, "columns_at_once");
    *self = mode;
    return HO_OK;
}

static void exchange(ho_vector **a, ho_vector **b)
{
    ho_vector *old = *a;
    *a = *b;
    *b = old;
}

static void end(void *run)
{
    forward_run *r = run;
    if (!r)
        return;
    const ho_system_api *api = r->api;
    ho_system *s = r->system;
    for (int64_t c = 0; c < r->chunk_count; c++)
        api->vector_free(s, r->chunks[c].z);
    api->vector_free(s, r->spare[0]);
    api->vector_free(s, r->spare[1]);
    api->vector_free(s, r->state);
    api->vector_free(s, r->next);
    api->free_memory(s, r->chunks);
    api->free_memory(s, r->directions);
    api->free_memory(s, r->products);
    api->free_memory(s, r);
}

/* The directions of a chunk, one after another. Those of a single chunk are filled in only once. */
static const double *directions_of(forward_run *r, const tangents *chunk)
{
    for (int64_t j = 0; r->chunk_count > 1 && j < chunk->columns; j++)
        r->api->direction(r->system, chunk->first + j, r->directions + j * r->lambda_size);
    return r->directions;
}

static ho_status new_vector(forward_run *r, int64_t columns, ho_vector **v)
{
    *v = r->api->vector_new(r->system, columns);
    if (!*v)
        return HO_FAILED;
    r->bytes += r->api->vector_bytes(r->system, *v);
    return HO_OK;
}

static ho_status new_tangents(forward_run *r, int64_t at_once)
{
    const int64_t count = r->api->directions(r->system);
    if (count == 0)
        return HO_OK;
    if (at_once > count)
        at_once = count;
    const int64_t chunk_count = (count + at_once - 1) / at_once;
    r->chunks = r->api->alloc(r->system, (uint64_t)chunk_count * sizeof(tangents));
    r->directions = r->api->alloc(r->system, (uint64_t)(at_once * r->lambda_size) * sizeof(double));
    r->products = r->api->alloc(r->system, (uint64_t)at_once * sizeof(double));
    if (!r->chunks || !r->directions || !r->products)
        return HO_FAILED;
    r->chunk_count = chunk_count;

    ho_status status = new_vector(r, at_once, &r->spare[0]);
    for (int64_t c = 0; status == HO_OK && c < chunk_count; c++) {
        tangents *chunk = r->chunks + c;
        chunk->first = c * at_once;
        chunk->columns = count - chunk->first < at_once ? count - chunk->first : at_once;
        status = new_vector(r, chunk->columns, &chunk->z);
    }
    if (status == HO_OK && count % at_once != 0)
        status = new_vector(r, count % at_once, &r->spare[1]);
    for (int64_t j = 0; chunk_count == 1 && j < count; j++)
        r->api->direction(r->system, j, r->directions + j * r->lambda_size);
    return status;
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    const forward *mode = self;
    forward_run *r = s->api->alloc(s, sizeof(forward_run));
    if (!r)
        return HO_FAILED;
    r->system = s;
    r->api = s->api;
    r->lambda_size = s->api->lambda_size(s);
    ho_status status = new_vector(r, 1, &r->state);
    if (status == HO_OK)
        status = new_vector(r, 1, &r->next);
    if (status == HO_OK)
        status = new_tangents(r, mode->columns_at_once);
    if (status == HO_OK)
        status = s->api->initial(s, lambda, r->state);
    for (int64_t c = 0; status == HO_OK && c < r->chunk_count; c++) {
        const tangents *chunk = r->chunks + c;
        status = s->api->initial_jvp(s, lambda, chunk->columns, directions_of(r, chunk), chunk->z);
    }
    if (status != HO_OK) {
        end(r);
        return status;
    }
    *run = r;
    return HO_OK;
}

/* Z_t = A_t Z_{t-1} + B_t, chunk by chunk; the first chunk's call also computes s_t. */
static ho_status step(forward_run *r, int64_t t, const double *lambda)
{
    if (r->chunk_count == 0)
        return r->api->step(r->system, t, lambda, r->state, r->next);
    for (int64_t c = 0; c < r->chunk_count; c++) {
        tangents *chunk = r->chunks + c;
        ho_vector **spare = r->spare + (chunk->columns == r->chunks[0].columns ? 0 : 1);
        ho_status status = r->api->jvp(r->system, t, lambda, r->state, c == 0 ? r->next : NULL, chunk->columns,
                                       chunk->z, directions_of(r, chunk), *spare);
        if (status != HO_OK)
            return status;
        exchange(&chunk->z, spare);
    }
    return HO_OK;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    forward_run *r = run;
    for (int64_t t = t0 + 1; t <= t1; t++) {
        ho_status status = r->api->poll(r->system);
        if (status == HO_OK)
            status = step(r, t, lambda);
        if (status != HO_OK)
            return status;
        exchange(&r->state, &r->next);
    }
    return HO_OK;
}

/* dE/dlambda + sum over directions d_i of (dE/ds Z_i) d_i. */
static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    forward_run *r = run;
    memset(gradient, 0, (size_t)r->lambda_size * sizeof(double));
    /* Between steps `next` is free. */
    ho_vector *by_state = r->next;
    ho_status status = r->api->error_gradient(r->system, lambda, r->state, value, by_state, gradient);
    for (int64_t c = 0; status == HO_OK && c < r->chunk_count; c++) {
        const tangents *chunk = r->chunks + c;
        const double *directions = directions_of(r, chunk);
        r->api->dot(r->system, by_state, chunk->z, r->products);
        for (int64_t j = 0; j < chunk->columns; j++)
            for (int64_t i = 0; i < r->lambda_size; i++)
                gradient[i] += r->products[j] * directions[j * r->lambda_size + i];
        status = r->api->poll(r->system);
    }
    return status;
}

static const ho_vector *state(void *run)
{
    return ((const forward_run *)run)->state;
}

/* Z = 0 */
static ho_status forget(void *run)
{
    forward_run *r = run;
    for (int64_t c = 0; c < r->chunk_count; c++)
        r->api->zero(r->system, r->chunks[c].z);
    return HO_OK;
}

static int64_t bytes(void *run)
{
    return ((const forward_run *)run)->bytes;
}

static ho_status tangent_norms(void *run, double *norms)
{
    forward_run *r = run;
    for (int64_t c = 0; c < r->chunk_count; c++)
        r->api->norms(r->system, r->chunks[c].z, norms + r->chunks[c].first);
    return HO_OK;
}

static ho_status pass(void *run, ho_snapshot *snapshot)
{
    forward_run *r = run;
    r->api->pass_vector(r->system, snapshot, r->state);
    for (int64_t c = 0; c < r->chunk_count; c++)
        r->api->pass_vector(r->system, snapshot, r->chunks[c].z);
    return HO_OK;
}

static ho_call_cost estimate(void *self, const ho_mode_costs *c)
{
    const int64_t at_once = ((const forward *)self)->columns_at_once, m = c->directions;
    const int64_t width = m < at_once ? m : at_once, chunks = width > 0 ? (m + width - 1) / width : 1;
    /* Each chunk computes the step again. */
    const double step = m > 0 ? (double)chunks * c->jvp.seconds + (double)m * c->jvp_column.seconds : c->step.seconds;
    return (ho_call_cost){.seconds = (double)c->steps * step,
                          .bytes = (2 + m + width + (width > 0 ? m % width : 0)) * c->state_bytes + c->jvp.bytes +
                                   width * c->jvp_column.bytes};
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
    .tangent_norms = tangent_norms,
    .estimate = estimate,
    .pass = pass,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "forward",
    .version = "1.0.0",
    .doc = "propagates tangents during training: time grows with the hyperparameters, memory does not grow with steps",
    .details =
        "Z_0 = dPhi_0/dlambda, Z_t = A_t Z_{t-1} + B_t, df/dlambda = dE/ds Z_T + dE/dlambda\n"
        "with A_t = dPhi_t/ds and B_t = dPhi_t/dlambda\n\n"
        "Franceschi, Donini, Frasconi, Pontil, On Hyperparameter Optimization in Learning Systems (ICLR 2017 "
        "workshop), section 3.2. Takes the time of O(T m) steps and the memory of O(m) states for m free directions of "
        "lambda. Use it for few hyperparameters, for long training, and for online updates: the partial hypergradient "
        "is available after every step.\n\n"
        "columns_at_once tangents pass through a step together: fewer need less scratch memory, more run faster.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
