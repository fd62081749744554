/* A small nonlinear system with derivatives worked out by hand, as modes see one. It has what can go wrong: an initial
 * map, a direct term, dependence on t, and a subspace of free directions. It counts, fails when told to, and notes what
 * it was wrongly asked. */
#ifndef HO_PROOF_FAKE_SYSTEM_H
#define HO_PROOF_FAKE_SYSTEM_H

#include <stdbool.h>

#include "hotool/mode.h"

#define STATE      3
#define LAMBDA     4
#define DIRECTIONS 3 /* lambda[1] and lambda[2] are one hyperparameter's mirrored entries */

typedef long double real; /* so that differences are good to 1e-12 */

struct ho_vector {
    int64_t columns;
    double x[][STATE]; /* by column */
};

typedef struct fake {
    ho_system head;
    int64_t live, polls, states_computed, calls;
    int64_t fail_at;       /* the call that fails, counted over everything that may; 0: none */
    ho_status fail_status; /* of steps and polls; allocations answer NULL */
    int64_t largest_chunk;
    int64_t steps;  /* 0: not known */
    int64_t memory; /* 0: plenty */
    int64_t residual_bytes;
    int64_t linearized, recomputed;     /* steps */
    ho_mode_costs costs;                /* zeroed: plenty of memory; a tangent costs two steps, an adjoint three */
    char message[256];                  /* of a mode's own failure */
    char told[HO_TELL_CHOICE + 1][512]; /* by a mode, of each kind */
    void (*rested)(void *context);      /* hears of a mode that rests; NULL: nobody does */
    void *context;
    char misuse[256]; /* the first call that should not have been made so */
} fake;

/* What modes are handed: {.head = {&ho_fake_api}}. */
extern const ho_system_api ho_fake_api;

/* The maps themselves. */
void ho_fake_initial(const real *l, real *s);
void ho_fake_step(int64_t t, const real *l, const real *s, real *next);
real ho_fake_error(const real *l, const real *s);
/* Direction i of lambda. */
void ho_fake_direction(ho_system *s, int64_t i, double *lambda);
void ho_fake_widen(const double *from, int count, real *to);

#endif
