/*
 * Constraints: the sets that hyperparameters are kept in, as exact Euclidean projections.
 *
 * The set to project onto is the whole intersection: of the constraint's own conditions, of the hyperparameter's domain
 * [lower, upper] and of its structure (symmetric, zero diagonal). Projecting onto one after another would in general
 * give another point.
 */
#ifndef HOTOOL_CONSTRAINT_H
#define HOTOOL_CONSTRAINT_H

#include "hotool/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is constrained. Owned by the host, valid during the call; read it as far as its struct_size, which is never less
 * than that of the plugin's own minor. */
typedef struct ho_constrained {
    uint32_t struct_size;
    uint32_t structure; /* HO_SYMMETRIC | HO_ZERO_DIAGONAL; only where rank is 2 and both sizes agree */
    int32_t rank;
    int32_t reserved;
    int64_t dims[HO_MAX_RANK];
    int64_t count;       /* entries: the product of dims; 1 for a scalar */
    double lower, upper; /* the domain, each entry; may be infinite */
    const char *name;    /* "mtl.A", for messages */
} ho_constrained;

typedef struct ho_constraint_calls {
    uint32_t struct_size;
    uint32_t reserved;
    /* Thread: the one that called. Both are functions of their arguments.
     * Whether this constraint fits: HO_OK, or HO_INVALID with a sentence in `reason` (empty set, rank, domain). */
    ho_status (*fits)(void *self, const ho_constrained *h, char *reason, uint64_t reason_size);
    /* Replaces values (C order, finite) by the nearest point of the set, which must be finite too. Must not allocate
     * more than O(count) and leaves a point of the set unchanged. Called only where it fits. HO_OK, or HO_FAILED: the
     * host then ends the run with a message that names the constraint. */
    ho_status (*project)(void *self, const ho_constrained *h, double *values);
} ho_constraint_calls;

#ifdef __cplusplus
}
#endif

#endif
