/* Running a data reader: what it emitted, checked. */
#ifndef HO_HOST_DATASET_H
#define HO_HOST_DATASET_H

#include "host/instance.h"

/* A target of a set of examples. */
typedef struct ho_target {
    char *name;
    bool labels;     /* class numbers, else reals */
    int64_t classes; /* labels: K */
    int64_t width;   /* entries an example: 1 for labels */
    double *values;  /* examples x width; labels as whole numbers */
} ho_target;

/* Examples in f32 where the source has no more precision, else f64: exactly one of x32, x64 is set. */
typedef struct ho_examples {
    int64_t count, features;
    float *x32;
    double *x64;
    ho_target *targets;
    size_t target_count;
    int64_t *rows; /* which of its reader's examples each one is, counted from 0; NULL: they stand as they were read */
    int32_t input_rank; /* the shape of one input as it was emitted, whose product is `features`; 0: a number */
    int64_t input_dims[HO_MAX_RANK - 1];
} ho_examples;

typedef struct ho_truth {
    char *name;
    int32_t rank;
    int64_t dims[HO_MAX_RANK];
    double *values;
} ho_truth;

typedef struct ho_dataset {
    ho_examples parts[4]; /* 0: all of it; or 1 training, 2 validation, 3 test. Absent parts have count 0 */
    ho_truth *truths;
    size_t truth_count;
    char **class_names; /* K, or NULL */
    int64_t class_count;
} ho_dataset;

/* Reads. Refused, with file (and byte where known), reader and example: NaN or Inf; labels outside 0..classes-1 or no
 * whole numbers; arrays of one part that differ in length; no inputs; two targets of one name; parts whose widths or
 * classes differ; sizes whose product overflows. */
ho_dataset *ho_dataset_read(const ho_instance *reader, ho_error *error);
void ho_dataset_free(ho_dataset *dataset); /* NULL is fine */
void ho_examples_free(ho_examples *examples);
/* The target of that name; NULL: there is none. */
ho_target *ho_examples_target(const ho_examples *examples, const char *name);
/* a's examples, then b's; features agree. Targets that only one has are left out. *both is freed with ho_examples_free.
 */
ho_status ho_examples_join(const ho_examples *a, const ho_examples *b, ho_examples *both, ho_error *error);

#endif
