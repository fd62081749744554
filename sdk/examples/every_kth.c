/*
 * A mode: reverse mode that keeps every k-th state, and computes those between again on the way back.
 *
 *     a_T = dE/ds, g = dE/dlambda;  for t = T..1: g += a_t B_t, a_{t-1} = a_t A_t;  g += a_0 dPhi_0/dlambda
 *
 * With k = sqrt(T) it holds 2 sqrt(T) states instead of T, for one more pass of steps: the simplest schedule of
 * checkpoints (Griewank and Walther, Evaluating Derivatives, 2nd edition, section 12.2). hotool's own mode
 * `checkpointed` holds fewer still.
 *
 * What this file shows:
 *   - An exact mode: `hotool check` holds it to 1e-10 against differences and against the other exact modes, and its
 *     bits to those of plain training.
 *   - Steps are pure functions, so a step that is computed again has the same bits. All of checkpointing stands on
 * that.
 *   - What `advance` must remember: lambda may differ from call to call, and hypergradient may be asked for at any
 * time, more than once. So training is remembered in pieces of at most k steps: where a piece began, with which lambda,
 * and from which state.
 *   - forget: what went before counts as constant from then on.
 *   - pass: a run that was killed within a training goes on, with the same bits.
 */
#include <hotool/plugin.h>

#include <math.h>
#include <string.h>

/* Steps t0+1..t1 of the training, taken with one lambda from `start`. */
typedef struct piece {
    int64_t t0, t1;
    double *lambda;
    ho_vector *start;
} piece;

typedef struct instance {
    ho_system *system;
    const ho_system_api *api;
    int64_t lambda_size, k;
    double *initial_lambda; /* NULL: s_0 counts as constant */
    piece *pieces;
    int64_t count, capacity;
    ho_vector *state, *adjoint, *next;
    ho_vector **between; /* k states: those of one piece, after its first */
    int64_t made;        /* of them */
    int64_t most;        /* pieces at any time */
} instance;

/* ---- start and end ----------------------------------------------------------------------------------------------- */

static void drop_pieces(instance *r)
{
    for (int64_t i = 0; i < r->count; i++) {
        r->api->free_memory(r->system, r->pieces[i].lambda);
        r->api->vector_free(r->system, r->pieces[i].start);
    }
    r->count = 0;
}

static void end(void *run)
{
    instance *r = (instance *)run;
    if (!r)
        return;
    drop_pieces(r);
    for (int64_t i = 0; i < r->made; i++)
        r->api->vector_free(r->system, r->between[i]);
    r->api->vector_free(r->system, r->state);
    r->api->vector_free(r->system, r->adjoint);
    r->api->vector_free(r->system, r->next);
    r->api->free_memory(r->system, r->between);
    r->api->free_memory(r->system, r->pieces);
    r->api->free_memory(r->system, r->initial_lambda);
    r->api->free_memory(r->system, r);
}

/* A copy of lambda (of NULL: zeros); NULL: out of memory. */
static double *copied(const instance *r, const double *lambda)
{
    double *copy = (double *)r->api->alloc(r->system, (uint64_t)(r->lambda_size + 1) * sizeof(double));
    if (copy && lambda && r->lambda_size > 0)
        memcpy(copy, lambda, (size_t)r->lambda_size * sizeof(double));
    return copy;
}

static ho_status make(instance *r, const double *lambda)
{
    r->state = r->api->vector_new(r->system, 1);
    r->adjoint = r->state ? r->api->vector_new(r->system, 1) : NULL;
    r->next = r->adjoint ? r->api->vector_new(r->system, 1) : NULL;
    r->between = (ho_vector **)r->api->alloc(r->system, (uint64_t)r->k * sizeof(ho_vector *));
    r->initial_lambda = copied(r, lambda);
    if (!r->next || !r->between || !r->initial_lambda)
        return HO_FAILED;
    return r->api->initial(r->system, lambda, r->state);
}

static ho_status start(void *self, ho_system *s, const double *lambda, void **run)
{
    const int64_t *k = (const int64_t *)self, steps = s->api->steps(s);
    instance *r = (instance *)s->api->alloc(s, sizeof(instance));
    if (!r)
        return HO_FAILED;
    r->system = s;
    r->api = s->api;
    r->lambda_size = s->api->lambda_size(s);
    r->k = *k > 0 ? *k : steps > 0 ? (int64_t)ceil(sqrt((double)steps)) : 16;
    const ho_status status = make(r, lambda);
    if (status == HO_OK)
        *run = r;
    else
        end(r);
    return status;
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

/* Makes room for one piece more. */
static ho_status grow(instance *r)
{
    if (r->count < r->capacity)
        return HO_OK;
    const int64_t larger = 2 * r->capacity + 8;
    piece *moved = (piece *)r->api->alloc(r->system, (uint64_t)larger * sizeof(piece));
    if (!moved)
        return HO_FAILED;
    if (r->count > 0)
        memcpy(moved, r->pieces, (size_t)r->count * sizeof(piece));
    r->api->free_memory(r->system, r->pieces);
    r->pieces = moved;
    r->capacity = larger;
    return HO_OK;
}

/* A piece that begins at the current state. */
static ho_status remember(instance *r, int64_t t0, int64_t t1, const double *lambda)
{
    if (grow(r) != HO_OK)
        return HO_FAILED;
    piece *p = &r->pieces[r->count++];
    p->t0 = t0;
    p->t1 = t1;
    p->lambda = copied(r, lambda);
    p->start = p->lambda ? r->api->vector_new(r->system, 1) : NULL;
    if (!p->start)
        return HO_FAILED;
    r->api->copy(r->system, r->state, p->start);
    r->most = r->count > r->most ? r->count : r->most;
    return HO_OK;
}

static ho_status one_step(instance *r, int64_t t, const double *lambda)
{
    ho_vector *old = r->state;
    ho_status status = r->api->poll(r->system);
    if (status == HO_OK)
        status = r->api->step(r->system, t, lambda, r->state, r->next);
    r->state = r->next;
    r->next = old;
    return status;
}

static ho_status advance(void *run, int64_t t0, int64_t t1, const double *lambda)
{
    instance *r = (instance *)run;
    ho_status status = HO_OK;
    for (int64_t t = t0; t < t1 && status == HO_OK; t++) {
        if ((t - t0) % r->k == 0)
            status = remember(r, t, t1 - t < r->k ? t1 : t + r->k, lambda);
        if (status == HO_OK)
            status = one_step(r, t + 1, lambda);
    }
    return status;
}

/* ---- back -------------------------------------------------------------------------------------------------------- */

/* Where the state after `i` steps of a piece is, or goes. */
static ho_vector *state_of(const piece *p, const instance *r, int64_t i)
{
    return i == 0 ? p->start : r->between[i - 1];
}

/* The states of a piece, but for its last, which nothing needs. */
static ho_status replay(instance *r, const piece *p)
{
    ho_status status = HO_OK;
    for (int64_t i = 1; i < p->t1 - p->t0 && status == HO_OK; i++) {
        if (i > r->made) {
            if (!(r->between[i - 1] = r->api->vector_new(r->system, 1)))
                return HO_FAILED;
            r->made++;
        }
        status = r->api->poll(r->system);
        if (status == HO_OK)
            status = r->api->step(r->system, p->t0 + i, p->lambda, state_of(p, r, i - 1), state_of(p, r, i));
    }
    return status;
}

static ho_status hypergradient(void *run, const double *lambda, double *value, double *gradient)
{
    instance *r = (instance *)run;
    memset(gradient, 0, (size_t)r->lambda_size * sizeof(double));
    ho_status status = r->api->error_gradient(r->system, lambda, r->state, value, r->adjoint, gradient);
    for (int64_t i = r->count - 1; i >= 0 && status == HO_OK; i--) {
        const piece *p = &r->pieces[i];
        status = replay(r, p);
        for (int64_t t = p->t1; t > p->t0 && status == HO_OK; t--) {
            ho_vector *old = r->adjoint;
            status = r->api->vjp(r->system, t, p->lambda, state_of(p, r, t - 1 - p->t0), r->adjoint, r->next, gradient);
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
    return ((const instance *)run)->state;
}

static ho_status forget(void *run)
{
    instance *r = (instance *)run;
    drop_pieces(r);
    r->api->free_memory(r->system, r->initial_lambda);
    r->initial_lambda = NULL;
    return HO_OK;
}

static int64_t bytes(void *run)
{
    const instance *r = (const instance *)run;
    return (3 + r->made + r->most) * r->api->vector_bytes(r->system, r->state);
}

/* ---- saved and restored ------------------------------------------------------------------------------------------ */

/* Passes an array like lambda, which may be missing. */
static ho_status pass_lambda(instance *r, ho_snapshot *snapshot, double **lambda)
{
    int64_t there = *lambda != NULL;
    r->api->pass(r->system, snapshot, &there, sizeof there);
    if (!there) {
        r->api->free_memory(r->system, *lambda);
        *lambda = NULL;
        return HO_OK;
    }
    if (!*lambda && !(*lambda = copied(r, NULL)))
        return HO_FAILED;
    r->api->pass(r->system, snapshot, *lambda, (uint64_t)r->lambda_size * sizeof(double));
    return HO_OK;
}

/* The same lines save a run and restore it: a run that is restored makes its pieces first, and has them overwritten. */
static ho_status pass(void *run, ho_snapshot *snapshot)
{
    instance *r = (instance *)run;
    const int32_t restoring = r->api->restoring(r->system, snapshot);
    int64_t count = r->count;
    r->api->pass(r->system, snapshot, &count, sizeof count);
    r->api->pass_vector(r->system, snapshot, r->state);
    ho_status status = pass_lambda(r, snapshot, &r->initial_lambda);
    for (int64_t i = 0; i < count && status == HO_OK; i++) {
        if (restoring && remember(r, 0, 0, NULL) != HO_OK)
            return HO_FAILED;
        r->api->pass(r->system, snapshot, &r->pieces[i].t0, sizeof(int64_t));
        r->api->pass(r->system, snapshot, &r->pieces[i].t1, sizeof(int64_t));
        r->api->pass_vector(r->system, snapshot, r->pieces[i].start);
        status = pass_lambda(r, snapshot, &r->pieces[i].lambda);
    }
    return status;
}

static const ho_option options[] = {
    {.name = "k",
     .type = HO_INTEGER,
     .initial = "0",
     .doc = "steps from one kept state to the next; 0: the square root of all",
     .most = 1e6},
};

static ho_status create(ho_setup *u, void **self)
{
    int64_t *k = (int64_t *)ho_setup_alloc(u, sizeof(int64_t));
    if (!k)
        return HO_FAILED;
    *k = ho_option_integer(u, "k");
    *self = k;
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
    HO_PLUGIN_HEAD(HO_MODE),
    .name = "every_kth",
    .version = "1.0",
    .doc = "reverse mode that keeps every k-th state and computes the others again",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
