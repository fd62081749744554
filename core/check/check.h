/* `hotool check`: whether the hypergradients of a pipeline are correct. */
#ifndef HO_CHECK_CHECK_H
#define HO_CHECK_CHECK_H

#include "base/json.h"
#include "pipeline/pipeline.h"

/* Compares modes with each other and with central differences, and checks inner products and replays. The pipeline was
 * read with precision f64. All modes that `registry` lists take part. Of a mean over several trainings,
 * each further one's hypergradient is compared with differences. Prints a line for each figure; HO_FAILED where
 * one exceeds its tolerance. `json` (NULL: none): gets an object with all of them. `interrupt`: set by a signal
 * handler; may be NULL. */
ho_status ho_check(ho_pipeline *pipeline, ho_registry *registry, ho_json *json, const volatile int *interrupt,
                   ho_error *error);

#endif
