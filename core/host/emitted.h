/* A data set under construction: the arrays that a reader hands over, checked, converted and put together. */
#ifndef HO_HOST_EMITTED_H
#define HO_HOST_EMITTED_H

#include "host/dataset.h"

typedef struct ho_emission {
    const ho_instance *reader;
    ho_dataset *dataset;
    ho_error *error;
    int64_t most;   /* examples of a stream that were asked for; 0: a data set is read */
    char *first[4]; /* the array that set a part's number of examples, for messages; free() */
} ho_emission;

/* Memory of the data set, freed after reading unless values come to lie in it. NULL with an error. */
void *ho_emission_alloc(ho_emission *emission, uint64_t count, uint64_t size, const char *what);
/* Takes over memory from ho_large_alloc in the same way. Returns it. */
void *ho_emission_own(ho_emission *emission, void *memory, uint64_t bytes);

/* Adds one array to a part. Values of the data set's own type stay where they are if they lie in memory of the data
 * set, aligned to 64 bytes; others are copied. */
ho_status ho_emission_add(ho_emission *emission, uint32_t part, const ho_array *array);
ho_status ho_emission_truth(ho_emission *emission, const char *name, int32_t rank, const int64_t *dims,
                            const double *values);
ho_status ho_emission_class_name(ho_emission *emission, int64_t label, const char *name);
/* Checks the parts against each other, settles the number of classes and their names, and frees what is not needed. */
ho_status ho_emission_finish(ho_emission *emission);

/* Refuses a mistake in the reader's code, as against one in its files. */
ho_status ho_emission_misuse(ho_emission *emission, const char *format, ...) HO_PRINTF(2, 3);

#endif
