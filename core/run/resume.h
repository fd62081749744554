/*
 * What a run was asked for, and what it is of: RUN/checkpoints/run.yaml, written before anything else. A run that is
 * resumed must be of the same pipeline, data and plugins, by their checksums, and of the same hotool.
 */
#ifndef HO_RUN_RESUME_H
#define HO_RUN_RESUME_H

#include "pipeline/pipeline.h"
#include "run/origin.h"

/* What is read from the file. All lives in the arena. */
typedef struct ho_resumption {
    const ho_tree *saved;
    ho_pipeline_request request;
    const char *const *variants; /* that were chosen */
    size_t variant_count;
    ho_origin origin; /* how it was started */
} ho_resumption;

/* For the file. `root`: the pipeline, paths settled; `first`: a run of it. What it makes lives in the arena. */
ho_tree *ho_resumption_of(const ho_tree *root, const ho_pipeline *first, const ho_pipeline_request *request,
                          const char *const *variants, size_t variant_count, const ho_origin *origin, ho_arena *arena);
/* Reads that of the run folder. HO_INVALID: it is no run, or is finished. */
ho_status ho_resumption_read(const char *folder, ho_arena *arena, ho_resumption *resumption, ho_error *error);
/* Fails with HO_INVALID and what differs, unless both say the same of pipeline, data, plugins and hotool. */
ho_status ho_resumption_check(const char *folder, const ho_tree *saved, const ho_tree *now, ho_error *error);
/* The same where pipeline.yaml of the folder, if it is there, is no more what was written. */
ho_status ho_resumption_check_file(const char *folder, const ho_tree *root, ho_error *error);

#endif
