/* What every record starts with: what was run, on which data, on which machine. */
#ifndef HO_RUN_HEAD_H
#define HO_RUN_HEAD_H

#include "pipeline/pipeline.h"
#include "record/record.h"
#include "run/origin.h"

/* A record of which everything up to the class names is filled in, but for what does the same again. It borrows from
 * the pipeline and the origin; what it makes lives in the arena. */
ho_record ho_record_of(ho_record_kind kind, const ho_pipeline *pipeline, const ho_origin *origin, ho_arena *arena);

/* Of a run that is not over. */
#define HO_UNFINISHED_TEXT "this run is not over: it is going on, or was killed"

/* How many processors there are to run on; at least 1. */
int ho_machine_cores(void);

#endif
