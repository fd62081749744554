/* Arrays that a data reader hands over: checked, converted, and put together to a data set. */
#ifndef HO_HOST_EMITTED_H
#define HO_HOST_EMITTED_H

#include "host/dataset.h"

/* A data set under construction. */
typedef struct ho_emission {
    const ho_instance *reader;
    ho_dataset *dataset;
    ho_error *error;
    char *first[4]; /* the array that set a part's number of examples, for messages; free() */
} ho_emission;

/* Copies one array into a part. */
ho_status ho_emission_add(ho_emission *emission, uint32_t part, const ho_array *array);
/* Checks the parts against each other and settles the number of classes. */
ho_status ho_emission_finish(ho_emission *emission);

/* The product of sizes, each at least 1; false: a size below 1, or more than 2^40 entries. */
bool ho_entries(int32_t rank, const int64_t *dims, int64_t *count);

#define HO_MOST_CLASSES INT64_C(1000000)

#endif
