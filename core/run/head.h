/* What every record starts with: what was run, on which data, on which machine. */
#ifndef HO_RUN_HEAD_H
#define HO_RUN_HEAD_H

#include "pipeline/pipeline.h"
#include "record/record.h"

/* A record of which everything up to the class names is filled in. It borrows from the pipeline; what it makes lives in
 * the arena. `checksums`: with the SHA-256 of each data file. */
ho_record ho_record_of(ho_record_kind kind, const ho_pipeline *pipeline, const char *command_line, bool checksums,
                       ho_arena *arena);

/* How many processors there are to run on; at least 1. */
int ho_machine_cores(void);

#endif
