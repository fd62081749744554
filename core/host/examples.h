/* Sets of examples: inputs and named targets, row by row. */
#ifndef HO_HOST_EXAMPLES_H
#define HO_HOST_EXAMPLES_H

#include <stdint.h>

#include "base/error.h"

/* A target of a set of examples. */
typedef struct ho_target {
    char *name;
    bool labels;     /* class numbers, else reals */
    int64_t classes; /* labels: K */
    int64_t width;   /* entries of an example: 1 for labels */
    double *values;  /* examples x width; labels are integers */
} ho_target;

/* Examples in f32 where the source has no more precision, else f64: exactly one of x32, x64 is set. */
typedef struct ho_examples {
    int64_t count, features;
    float *x32;
    double *x64;
    ho_target *targets;
    size_t target_count;
    int64_t *rows;      /* each example's index among those that its reader gave; NULL: they stand as they were read */
    int32_t input_rank; /* the shape of one input as it was emitted, whose product is `features`; 0: a number */
    int64_t input_dims[HO_MAX_RANK - 1];
    bool shared; /* inputs and targets' values belong to a data set, which must outlive these examples; never written */
} ho_examples;

void ho_examples_free(ho_examples *examples); /* what it owns; zeroes it */

/* The target of that name; NULL: there is none. */
ho_target *ho_examples_target(const ho_examples *examples, const char *name);

/* The results of the following are freed with ho_examples_free, after an error too. */

/* The same examples without a copy of their values. */
void ho_examples_share(const ho_examples *all, ho_examples *same);
/* A copy of those rows, in that order (NULL: the first `count`). */
ho_status ho_examples_take(const ho_examples *all, const int64_t *rows, int64_t count, ho_examples *part,
                           ho_error *error);
/* a's examples, then b's; features agree. Targets that only one has are left out. */
ho_status ho_examples_join(const ho_examples *a, const ho_examples *b, ho_examples *both, ho_error *error);

#endif
