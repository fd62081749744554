/* The tangents Z_t = ds_t/dlambda, propagated along with the state: all of them, or a share. For forward modes. */
#ifndef MODES_TANGENTS_H
#define MODES_TANGENTS_H

#include <hotool/plugin.h>

#include <string.h>

/* A chunk of columns of Z. */
typedef struct chunk {
    int64_t first, columns;
    ho_vector *z;
} chunk;

typedef struct tangents {
    ho_system *system;
    const ho_system_api *api;
    int64_t lambda_size, count; /* count: of all directions that are looked at */
    const int64_t *which;       /* their numbers; NULL: 0, 1, 2, ... */
    ho_vector *state, *next;
    chunk *chunks; /* of the share */
    int64_t chunk_count;
    ho_vector *spare[2]; /* output of a step: for full chunks, and for a shorter last one */
    double *directions;  /* of the current chunk */
    double *products;    /* dE/ds Z_i, for all directions; those of other shares are 0 */
    int64_t bytes;
} tangents;

static inline void tangents_exchange(ho_vector **a, ho_vector **b)
{
    ho_vector *old = *a;
    *a = *b;
    *b = old;
}

static inline void tangents_free(tangents *r)
{
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
}

static inline void tangents_direction(const tangents *r, int64_t i, double *direction)
{
    r->api->direction(r->system, r->which ? r->which[i] : i, direction);
}

/* The directions of a chunk, one after another. Those of a single chunk are filled in only once. */
static inline const double *tangents_directions(tangents *r, const chunk *k)
{
    for (int64_t j = 0; r->chunk_count > 1 && j < k->columns; j++)
        tangents_direction(r, k->first + j, r->directions + j * r->lambda_size);
    return r->directions;
}

static inline ho_status tangents_vector(tangents *r, int64_t columns, ho_vector **v)
{
    *v = r->api->vector_new(r->system, columns);
    if (!*v)
        return HO_FAILED;
    r->bytes += r->api->vector_bytes(r->system, *v);
    return HO_OK;
}

/* Of all chunks of `at_once` columns, those with numbers share, share + shares, ... */
static inline ho_status tangents_chunks(tangents *r, int64_t at_once, int64_t share, int64_t shares)
{
    if (at_once > r->count)
        at_once = r->count;
    const int64_t all = r->count > 0 ? (r->count + at_once - 1) / at_once : 0;
    const int64_t own = share < all ? (all - share + shares - 1) / shares : 0;
    if (own == 0)
        return HO_OK;
    r->chunks = r->api->alloc(r->system, (uint64_t)own * sizeof(chunk));
    r->directions = r->api->alloc(r->system, (uint64_t)(at_once * r->lambda_size) * sizeof(double));
    if (!r->chunks || !r->directions)
        return HO_FAILED;
    r->chunk_count = own;

    ho_status status = HO_OK;
    for (int64_t c = 0; status == HO_OK && c < own; c++) {
        chunk *k = r->chunks + c;
        k->first = (share + c * shares) * at_once;
        k->columns = r->count - k->first < at_once ? r->count - k->first : at_once;
        const int shorter = k->columns < r->chunks[0].columns;
        status = tangents_vector(r, k->columns, &k->z);
        if (status == HO_OK && !r->spare[shorter])
            status = tangents_vector(r, k->columns, &r->spare[shorter]);
    }
    for (int64_t j = 0; own == 1 && j < r->chunks[0].columns; j++)
        tangents_direction(r, r->chunks[0].first + j, r->directions + j * r->lambda_size);
    return status;
}

static inline tangents tangents_of(ho_system *s)
{
    return (tangents){
        .system = s, .api = s->api, .lambda_size = s->api->lambda_size(s), .count = s->api->directions(s)};
}

/* s_0 and Z_0 = dPhi_0/dlambda; `r` is what tangents_of gives, perhaps with a choice of directions. Free it with
 * tangents_free, after a failure too. */
static inline ho_status tangents_start(tangents *r, const double *lambda, int64_t at_once, int64_t share,
                                       int64_t shares)
{
    ho_system *s = r->system;
    r->products = s->api->alloc(s, (uint64_t)(r->count + 1) * sizeof(double));
    ho_status status = r->products ? tangents_vector(r, 1, &r->state) : HO_FAILED;
    if (status == HO_OK)
        status = tangents_vector(r, 1, &r->next);
    if (status == HO_OK)
        status = tangents_chunks(r, at_once, share, shares);
    if (status == HO_OK)
        status = s->api->initial(s, lambda, r->state);
    for (int64_t c = 0; status == HO_OK && c < r->chunk_count; c++) {
        const chunk *k = r->chunks + c;
        status = s->api->initial_jvp(s, lambda, k->columns, tangents_directions(r, k), k->z);
    }
    return status;
}

/* Z_t = A_t Z_{t-1} + B_t, chunk by chunk; the first chunk's call also computes s_t. */
static inline ho_status tangents_compute(tangents *r, int64_t t, const double *lambda)
{
    if (r->chunk_count == 0)
        return r->api->step(r->system, t, lambda, r->state, r->next);
    for (int64_t c = 0; c < r->chunk_count; c++) {
        chunk *k = r->chunks + c;
        ho_vector **spare = r->spare + (k->columns == r->chunks[0].columns ? 0 : 1);
        const ho_status status = r->api->jvp(r->system, t, lambda, r->state, c == 0 ? r->next : NULL, k->columns, k->z,
                                             tangents_directions(r, k), *spare);
        if (status != HO_OK)
            return status;
        tangents_exchange(&k->z, spare);
    }
    return HO_OK;
}

static inline ho_status tangents_step(tangents *r, int64_t t, const double *lambda)
{
    ho_status status = r->api->poll(r->system);
    if (status == HO_OK)
        status = tangents_compute(r, t, lambda);
    if (status == HO_OK)
        tangents_exchange(&r->state, &r->next);
    return status;
}

/* E, gradient = dE/dlambda, and the products of the share. */
static inline ho_status tangents_products(tangents *r, const double *lambda, double *value, double *gradient)
{
    memset(gradient, 0, (size_t)r->lambda_size * sizeof(double));
    memset(r->products, 0, (size_t)r->count * sizeof(double));
    ho_vector *by_state = r->next; /* between steps it is free */
    const ho_status status = r->api->error_gradient(r->system, lambda, r->state, value, by_state, gradient);
    for (int64_t c = 0; status == HO_OK && c < r->chunk_count; c++)
        r->api->dot(r->system, by_state, r->chunks[c].z, r->products + r->chunks[c].first);
    return status;
}

/* gradient += sum over all directions d_i of (dE/ds Z_i) d_i, in order: `direction` has room for one. */
static inline void tangents_sum(const tangents *r, double *direction, double *gradient)
{
    for (int64_t i = 0; i < r->count; i++) {
        tangents_direction(r, i, direction);
        for (int64_t j = 0; j < r->lambda_size; j++)
            gradient[j] += r->products[i] * direction[j];
    }
}

/* Z = 0 */
static inline void tangents_forget(tangents *r)
{
    for (int64_t c = 0; c < r->chunk_count; c++)
        r->api->zero(r->system, r->chunks[c].z);
}

static inline void tangents_pass(tangents *r, ho_snapshot *snapshot)
{
    r->api->pass_vector(r->system, snapshot, r->state);
    for (int64_t c = 0; c < r->chunk_count; c++)
        r->api->pass_vector(r->system, snapshot, r->chunks[c].z);
}

/* Of a training with so many tangents, all in one share. */
static inline ho_call_cost tangents_cost(const ho_mode_costs *c, int64_t count, int64_t at_once)
{
    const int64_t width = count < at_once ? count : at_once, chunks = width > 0 ? (count + width - 1) / width : 1;
    /* Each chunk computes the step again. */
    const double step =
        count > 0 ? (double)chunks * c->jvp.seconds + (double)count * c->jvp_column.seconds : c->step.seconds;
    return (ho_call_cost){.seconds = (double)c->steps * step,
                          .bytes = (2 + count + width + (width > 0 ? count % width : 0)) * c->state_bytes +
                                   c->jvp.bytes + width * c->jvp_column.bytes};
}

/* Of the share; others stay as they are. */
static inline void tangents_norms(const tangents *r, double *norms)
{
    for (int64_t c = 0; c < r->chunk_count; c++)
        r->api->norms(r->system, r->chunks[c].z, norms + r->chunks[c].first);
}

#endif
