/*
 * Constraints: sets in which hyperparameters are kept by exact Euclidean projection.
 *
 * Project onto the whole intersection: of the constraint's own conditions, the hyperparameter's domain [lower, upper]
 * and its structure (symmetric, zero diagonal). To project onto one after another gives another point in general.
 *
 * Threads: calls come from one thread at a time for each instance; different instances may be called concurrently.
 */
#ifndef HOTOOL_CONSTRAINT_H
#define HOTOOL_CONSTRAINT_H

#include "hotool/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is constrained. Owned by hotool, valid during the call. */
typedef struct ho_constrained {
    uint32_t struct_size;
    uint32_t structure; /* HO_SYMMETRIC | HO_ZERO_DIAGONAL; only if rank is 2 and both sizes are equal */
    int32_t rank;
    int32_t reserved;
    int64_t dims[HO_MAX_RANK];
    int64_t count;       /* entries: the product of dims; 1 for a scalar */
    double lower, upper; /* the domain of each entry; may be infinite */
    const char *name;    /* "mtl.A", for messages */
} ho_constrained;

typedef struct ho_constraint_calls {
    uint32_t struct_size;
    uint32_t reserved;
    /* Both depend on their arguments only.
     * Whether this constraint fits: HO_OK, or HO_INVALID with a sentence in `reason` (empty set, rank, domain). */
    ho_status (*fits)(void *self, const ho_constrained *h, char *reason, uint64_t reason_size);
    /* Replaces values (C order, finite) by the nearest point of the set, which must be finite too. A point of the set
     * must stay unchanged, and no more than O(count) memory may be used. Called only if the constraint fits. HO_OK, or
     * HO_FAILED: the run then ends with a message that names the constraint. */
    ho_status (*project)(void *self, const ho_constrained *h, double *values);
} ho_constraint_calls;

#ifdef __cplusplus
}
#endif

#endif
