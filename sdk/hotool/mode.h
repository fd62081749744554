/*
 * Hypergradient modes: algorithms over an abstract training system.
 *
 *     s_0 = Phi_0(lambda)     s_t = Phi_t(s_{t-1}, lambda)     f(lambda) = E(s_T, lambda)
 *
 * (Franceschi, Donini, Frasconi, Pontil, ICLR 2017 workshop, equations 1 to 5.) States are opaque vectors: a mode sees
 * neither precision nor layout. lambda is an array of doubles: every tuned hyperparameter's entries, one after another.
 *
 * Calls that take a step's number t (1..T) and lambda are pure functions of their arguments: a call made again gives
 * the same bits, and `next` of step and jvp are bit-identical. All vectors of a call are distinct.
 *
 * Thread: the one that called the mode, and only until that call returns. Status: pass on what a call returns; its
 * message is with the host. Calls return HO_FAILED (no memory; or a t, lambda or vector that cannot be), HO_DIVERGED
 * (NaN or Inf where a number was due) or HO_INTERRUPTED (the user asked to stop). Calls without a status that fail have
 * reported it too, and the hypergradient is refused then, whatever the mode makes of it.
 */
#ifndef HOTOOL_MODE_H
#define HOTOOL_MODE_H

#include "hotool/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ho_system ho_system;
typedef struct ho_vector ho_vector; /* `columns` states side by side; 1 for a plain state */

typedef struct ho_system_api {
    uint32_t struct_size;
    uint32_t reserved;

    /* Sizes. directions: dimension of the free subspace of lambda (a symmetric matrix's upper triangle, ...), in which
     * forward modes seed: an orthonormal basis of it, under the Frobenius inner product. */
    int64_t (*lambda_size)(ho_system *s);
    int64_t (*directions)(ho_system *s);
    void (*direction)(ho_system *s, int64_t i, double *lambda); /* basis vector i, lambda_size entries */

    /* Vectors: the mode's until it frees them. New ones are zero; NULL: out of memory (reported). bytes: what one
     * holds. */
    ho_vector *(*vector_new)(ho_system *s, int64_t columns);
    void (*vector_free)(ho_system *s, ho_vector *v); /* NULL is fine */
    int64_t (*vector_bytes)(ho_system *s, const ho_vector *v);
    void (*copy)(ho_system *s, const ho_vector *from, ho_vector *to);                  /* same columns */
    void (*axpby)(ho_system *s, double a, const ho_vector *x, double b, ho_vector *y); /* y = a x + b y */
    /* result[j] = <a, column j of b>, accumulated in f64; a has one column. */
    void (*dot)(ho_system *s, const ho_vector *a, const ho_vector *b, double *result);

    /* The initial map. jvp: column j of out is dPhi_0/dlambda d_j, for `columns` of lambda_size doubles in d.
     * vjp: gradient += a dPhi_0/dlambda. */
    ho_status (*initial)(ho_system *s, const double *lambda, ho_vector *state);
    ho_status (*initial_jvp)(ho_system *s, const double *lambda, int64_t columns, const double *d, ho_vector *out);
    ho_status (*initial_vjp)(ho_system *s, const double *lambda, const ho_vector *a, double *gradient);

    /* One step. jvp: column j of out is A_t z_j + B_t d_j; next may be NULL. vjp: out = a A_t, gradient += a B_t. */
    ho_status (*step)(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next);
    ho_status (*jvp)(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                     int64_t columns, const ho_vector *z, const double *d, ho_vector *out);
    ho_status (*vjp)(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, const ho_vector *a,
                     ho_vector *out, double *gradient);

    /* The validation error at a state. value alone; or with dE/ds (one column, overwritten) and gradient += dE/dlambda.
     */
    ho_status (*error)(ho_system *s, const double *lambda, const ho_vector *state, double *value);
    ho_status (*error_gradient)(ho_system *s, const double *lambda, const ho_vector *state, double *value,
                                ho_vector *by_state, double *gradient);

    /* Zeroed memory of the mode's own; NULL: out of memory (reported). Freed with free_memory; NULL is fine there. */
    void *(*alloc)(ho_system *s, uint64_t bytes);
    void (*free_memory)(ho_system *s, void *memory);
    /* Reports a failure of the mode's own and returns HO_FAILED. */
    ho_status (*fail)(ho_system *s, const char *file, int32_t line, const char *format, ...) HO_PRINTF(4, 5);
    /* HO_OK, or HO_INTERRUPTED once the user asked to stop: worth asking every step or so. */
    ho_status (*poll)(ho_system *s);
    /* result[j] = Euclidean norm of column j of v, accumulated in f64. */
    void (*norms)(ho_system *s, const ho_vector *v, double *result);
} ho_system_api;

struct ho_system {
    const ho_system_api *api;
};

/* The calls of a mode, all of them needed unless they say otherwise. `run` is what start made; one mode may have
 * several runs, each of its own system, which outlives it. Order: start; then any number of the others; then end. After
 * a failed call only end comes.
 */
typedef struct ho_mode_calls {
    uint32_t struct_size;
    uint32_t reserved;
    /* s_0 under lambda. Where it fails it has freed what it took, and *run stays NULL. */
    ho_status (*start)(void *self, ho_system *s, const double *lambda, void **run);
    /* Steps t0+1..t1 under this lambda (constant within one call; it may differ between calls). */
    ho_status (*advance)(void *run, int64_t t0, int64_t t1, const double *lambda);
    /* E at the present state and its gradient by lambda (lambda_size entries, overwritten); may be asked repeatedly.
     * lambda is the present one. The gradient may lie outside the free subspace: the host projects it. */
    ho_status (*hypergradient)(void *run, const double *lambda, double *value, double *gradient);
    /* The present state; owned by the run, valid until the next call on it. */
    const ho_vector *(*state)(void *run);
    /* Keeps the state, forgets how it came about: derivatives by earlier lambdas count as zero from here on. */
    ho_status (*forget)(void *run);
    /* The most bytes held at once for the trajectory or the tangents since start. */
    int64_t (*bytes)(void *run);
    /* Frees the run. run NULL, after a start that failed: nothing to do. */
    void (*end)(void *run);
    /* NULL where the mode carries no tangents. norms[i] = ||Z_t d_i||, the norm of the present state's
     * tangent along direction i (one entry for each direction). Their growth tells unstable dynamics early. */
    ho_status (*tangent_norms)(void *run, double *norms);
} ho_mode_calls;

#ifdef __cplusplus
}
#endif

#endif
