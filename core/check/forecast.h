/* What a pipeline's hypergradients will cost. */
#ifndef HO_CHECK_FORECAST_H
#define HO_CHECK_FORECAST_H

#include "pipeline/pipeline.h"

/* Prints the sizes of the problem and, for each mode that could be used, time and memory: `hotool plan`. Seconds come
 * from calls that are measured for about a second, memory from sizes. `interrupt` as for ho_check. */
ho_status ho_forecast(ho_pipeline *pipeline, const volatile int *interrupt, ho_error *error);

#endif
