/*
 * Hypergradient modes: algorithms on an abstract training system.
 *
 *     s_0 = Phi_0(lambda)     s_t = Phi_t(s_{t-1}, lambda)     f(lambda) = E(s_T, lambda)
 *
 * (Franceschi, Donini, Frasconi and Pontil, ICLR 2017 workshop, equations 1 to 5.) States are opaque vectors: a mode
 * sees neither their precision nor their layout. lambda is an array of doubles: the entries of all tuned
 * hyperparameters, one after another.
 *
 * Calls that take the number t of a step (1..T) and lambda are pure functions of their arguments: the same call gives
 * the same bits again, and `next` of step and of jvp are bit-identical. All vectors of a call must be distinct.
 *
 * Threads: make calls on the thread that called the mode, and only until that call returns. Different runs of a mode
 * may be used concurrently, each on one thread at a time. Status: return what a call returned; its message has been
 * recorded. Calls return HO_FAILED (out of memory; or t, lambda or a vector is invalid), HO_DIVERGED (NaN or Inf) or
 * HO_INTERRUPTED (the user asked to stop). Calls without a status record their failures too, and the hypergradient is
 * then refused, whatever the mode returns.
 */
#ifndef HOTOOL_MODE_H
#define HOTOOL_MODE_H

#include "hotool/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ho_system ho_system;
typedef struct ho_vector ho_vector;       /* `columns` states side by side; 1 for a plain state */
typedef struct ho_residuals ho_residuals; /* intermediate results of one step, for its derivatives */
typedef struct ho_snapshot ho_snapshot;   /* the saved state of a mode's run */

/* What a mode tells: how it went, shown where a single hypergradient is; what a person should know, shown in runs too,
 * once; what the mode has chosen, shown likewise. */
#define HO_TELL_NOTE    0
#define HO_TELL_WARNING 1
#define HO_TELL_CHOICE  2

/* What one call costs: seconds, and the scratch memory that its plan holds from the first such call on. */
typedef struct ho_call_cost {
    double seconds;
    int64_t bytes;
} ho_call_cost;

/* What a mode's own cost is reckoned from. */
typedef struct ho_mode_costs {
    uint32_t struct_size;
    uint32_t reserved;
    int64_t steps;          /* T */
    int64_t hypergradients; /* how often one is asked for, evenly over the T steps; the last time after step T */
    int64_t directions;
    int64_t state_bytes;                     /* of a vector of one column */
    ho_call_cost step, jvp, jvp_column, vjp; /* a jvp of k columns costs jvp + k jvp_column */
    int64_t residual_bytes;                  /* of one step's residuals */
    int64_t memory;                          /* the machine's, or this process's limit */
    ho_call_cost linearize, residual_step, residual_vjp;
} ho_mode_costs;

typedef struct ho_system_api {
    uint32_t struct_size;
    uint32_t reserved;

    /* The number of entries of lambda. The dimension of its free subspace (the upper triangle of a symmetric matrix,
     * ...) and the vectors of an orthonormal basis, under the Frobenius inner product, as seeds for forward modes. */
    int64_t (*lambda_size)(ho_system *s);
    int64_t (*directions)(ho_system *s);
    void (*direction)(ho_system *s, int64_t i, double *lambda); /* lambda_size entries */

    /* Vectors belong to the mode until it frees them. New ones hold anything: write or `zero` them before you read
     * them. NULL: out of memory (reported). Memory of freed vectors is kept for the next ones of their size. */
    ho_vector *(*vector_new)(ho_system *s, int64_t columns);
    void (*vector_free)(ho_system *s, ho_vector *v); /* NULL is fine */
    int64_t (*vector_bytes)(ho_system *s, const ho_vector *v);
    void (*copy)(ho_system *s, const ho_vector *from, ho_vector *to);                  /* same columns */
    void (*axpby)(ho_system *s, double a, const ho_vector *x, double b, ho_vector *y); /* y = a x + b y */
    /* result[j] = <a, column j of b>, accumulated in f64. a has one column. */
    void (*dot)(ho_system *s, const ho_vector *a, const ho_vector *b, double *result);

    /* The initial map. jvp: column j of out is dPhi_0/dlambda d_j, where d has `columns` times lambda_size doubles.
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

    /* The validation error at a state: its value; or also by_state = dE/ds (one column) and gradient += dE/dlambda. */
    ho_status (*error)(ho_system *s, const double *lambda, const ho_vector *state, double *value);
    ho_status (*error_gradient)(ho_system *s, const double *lambda, const ho_vector *state, double *value,
                                ho_vector *by_state, double *gradient);

    /* Zeroed memory for the mode itself; NULL: out of memory (reported). Free it with free_memory, which accepts NULL.
     */
    void *(*alloc)(ho_system *s, uint64_t bytes);
    void (*free_memory)(ho_system *s, void *memory);
    /* Reports a failure of the mode itself and returns HO_FAILED. */
    ho_status (*fail)(ho_system *s, const char *file, int32_t line, const char *format, ...) HO_PRINTF(4, 5);
    /* HO_OK, or HO_INTERRUPTED after the user asked to stop. Ask about once per step. */
    ho_status (*poll)(ho_system *s);
    /* result[j] = the Euclidean norm of column j of v, accumulated in f64. */
    void (*norms)(ho_system *s, const ho_vector *v, double *result);
    /* T, the largest number of steps that the training may have; 0 where it has no end. */
    int64_t (*steps)(ho_system *s);
    void (*zero)(ho_system *s, ho_vector *v); /* every entry becomes 0, whatever it was */

    /* A step linearized once, its derivatives applied any number of times. linearize is step and fills `residuals` with
     * what the step has computed of its derivatives: they then need no matrix product, exponential or the like that
     * does not involve z or a. Residuals belong to the mode until it frees them, hold one step at a time and may be
     * filled again. NULL: out of memory (reported). residuals_bytes: of one; the same for every step of a training. */
    ho_residuals *(*residuals_new)(ho_system *s);
    void (*residuals_free)(ho_system *s, ho_residuals *residuals); /* NULL is fine */
    int64_t (*residuals_bytes)(ho_system *s);
    ho_status (*linearize)(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                           ho_residuals *residuals);
    /* The results of step, jvp and vjp again, to the last bit. t, lambda and the state are those that linearize was
     * given: residuals hold none of them (a mode may keep every tenth state and come to the others by residual_step).
     * Residuals that were freed, or are of another step, lambda, state or training, are refused. */
    ho_status (*residual_step)(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                               const ho_vector *state, ho_vector *next);
    ho_status (*residual_jvp)(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                              const ho_vector *state, int64_t columns, const ho_vector *z, const double *d,
                              ho_vector *out);
    ho_status (*residual_vjp)(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                              const ho_vector *state, const ho_vector *a, ho_vector *out, double *gradient);

    /* The bytes of memory that this process can still take. */
    int64_t (*memory)(ho_system *s);
    /* How many training examples a step sees, others from step to step; 0: all of them, each time. */
    int64_t (*batch)(ho_system *s);
    /* One line about the hypergradient under way, which replaces the one before of its kind (HO_TELL_...). */
    void (*tell)(ho_system *s, int32_t kind, const char *format, ...) HO_PRINTF(3, 4);
    /* For a mode's own `pass`: each value is saved, or overwritten with what was saved; `restoring` tells which (1: the
     * latter). Values are passed in one order always. */
    int32_t (*restoring)(ho_system *s, const ho_snapshot *snapshot);
    void (*pass)(ho_system *s, ho_snapshot *snapshot, void *value, uint64_t bytes);
    void (*pass_vector)(ho_system *s, ho_snapshot *snapshot, ho_vector *v);
    /* The name of tuned hyperparameter i, from 0, and which entries of lambda belong to it; NULL: there is none. */
    const char *(*hyperparameter)(ho_system *s, int64_t i, int64_t *first, int64_t *count);
    /* What the calls will cost, as for `estimate`: counted, so the same again for the same training. Valid until the
     * next such call. NULL: it failed (reported). */
    const ho_mode_costs *(*costs)(ho_system *s);
    /* For a long `hypergradient`, now and then: hotool may save the run by calling its `pass` before this returns. */
    void (*rest)(ho_system *s);
    /* Refuses what the pipeline asks for, at its place there, and returns HO_INVALID. `at`: a text of one of the mode's
     * options as ho_option_string or ho_option_string_at gave it (the place of that), or NULL (that of the mode). */
    ho_status (*fail_at)(ho_system *s, const char *file, int32_t line, const char *at, const char *format, ...)
        HO_PRINTF(5, 6);
} ho_system_api;

struct ho_system {
    const ho_system_api *api;
};

#define HO_ALL_STEPS INT64_C(-1)

/* The calls of a mode, all required unless stated otherwise. `run` is what start made. A mode may have several runs,
 * each with its own system, which outlives it. Order: start; then any number of the others; then end. After a failed
 * call, only end follows. */
typedef struct ho_mode_calls {
    uint32_t struct_size;
    /* 0: the gradient is exact, up to rounding: `hotool check` requires the exact modes to agree to 1e-10, in f64.
     * 1: it is an approximation (truncated, implicit, ...): check prints its angle and distance to the exact gradient.
     */
    uint32_t approximate;
    /* Computes s_0. If it fails it must free what it allocated and leave *run NULL. */
    ho_status (*start)(void *self, ho_system *s, const double *lambda, void **run);
    /* Steps t0+1..t1 with this lambda, which may differ from that of the last call. */
    ho_status (*advance)(void *run, int64_t t0, int64_t t1, const double *lambda);
    /* E at the current state and its gradient with respect to lambda (lambda_size entries, overwritten). May be called
     * repeatedly. lambda is the current one. The gradient need not lie in the free subspace: hotool projects it. */
    ho_status (*hypergradient)(void *run, const double *lambda, double *value, double *gradient);
    /* The current state, never NULL. It belongs to the run and is valid until the next call with it. */
    const ho_vector *(*state)(void *run);
    /* Keeps the state and forgets its history: from now on its derivative with respect to lambda is zero. */
    ho_status (*forget)(void *run);
    /* The most bytes held at any time since start for the trajectory or the tangents. */
    int64_t (*bytes)(void *run);
    /* Frees the run. Does nothing if run is NULL, after a start that failed. */
    void (*end)(void *run);
    /* NULL if the mode carries no tangents. norms[i] = ||Z_t d_i||, the norm of the tangent of the current state along
     * direction i (one entry per direction). Their growth reveals unstable dynamics early. */
    ho_status (*tangent_norms)(void *run, double *norms);
    /* What one training with its hypergradients would cost with this mode: seconds, and the most bytes of vectors and
     * plans at any time. `self` is the instance. NULL: not known, and the mode `auto` passes this one over. */
    ho_call_cost (*estimate)(void *self, const ho_mode_costs *costs);
    /* Of `bytes`, those that residuals take. NULL: none. */
    int64_t (*residual_bytes)(void *run);
    /* Passes all that the run knows, so that training can be resumed after a crash: to be saved; or, in a run that
     * start has just made with the current lambda, to be restored. From there on the same calls give the same results,
     * to the last bit. What can be computed again need not be saved: a mode that goes back over the trajectory may save
     * where that begins, and take its steps again. Where `hypergradient` rests, a run is saved in the middle of that
     * call: once it is restored, hypergradient is called with the same lambda and goes on from there. NULL: a run
     * cannot be saved, and training starts again. */
    ho_status (*pass)(void *run, ho_snapshot *snapshot);
    /* How many of the steps gone by this instance asks for again (step, linearize, vjp, ...) once a later one is taken:
     * 0 none, K the last K, HO_ALL_STEPS all since start or the last forget. hotool keeps as many batches of a stream
     * that gives each example once only. NULL: all. */
    int64_t (*steps_back)(void *self);
} ho_mode_calls;

#ifdef __cplusplus
}
#endif

#endif
