/* What a pipeline's hypergradients will cost. */
#ifndef HO_CHECK_FORECAST_H
#define HO_CHECK_FORECAST_H

#include "base/json.h"
#include "pipeline/pipeline.h"

/* Prints the sizes of the problem and, for each mode that could be used, time and memory: `hotool plan`. Seconds come
 * from calls that are measured for about a second, memory from sizes. With `json` (NULL: none) it gets an object with
 * them instead. `interrupt` as for ho_check. */
ho_status ho_forecast(ho_pipeline *pipeline, ho_json *json, const volatile int *interrupt, ho_error *error);

#endif
