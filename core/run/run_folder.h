/* A run's folder: what was run, how it went, what came out. Every file is whole at any moment. */
#ifndef HO_RUN_RUN_FOLDER_H
#define HO_RUN_RUN_FOLDER_H

#include "pipeline/pipeline.h"
#include "record/record.h"
#include "system/training.h"

typedef struct ho_run_folder ho_run_folder;

/* Makes the folder `out` (NULL: runs/NAME-N with the first N that is free) and writes pipeline.yaml (`root`) and
 * truth/. An `out` that exists and is not empty is refused with HO_INVALID: nothing is ever overwritten. */
ho_run_folder *ho_run_folder_new(const ho_pipeline *pipeline, const ho_tree *root, const char *out, ho_error *error);
void ho_run_folder_close(ho_run_folder *folder); /* NULL is fine */
const char *ho_run_folder_path(const ho_run_folder *folder);

/* Appends a line to metrics.jsonl, in one write: neither a reader nor a kill ever sees lines that are mixed.
 * The hyperparameters are those of `lambda`; `norms`: of the tangents, by each of ho_training_hypers; NULL: unknown. */
ho_status ho_run_folder_line(ho_run_folder *folder, const ho_training *training, ho_line line, const double *lambda,
                             const double *norms, ho_error *error);
/* Writes result.json, or hypergradient.json. */
ho_status ho_run_folder_record(ho_run_folder *folder, const ho_record *record, ho_error *error);

/* Write a file each, at once: SUBFOLDER/NAME, SUBFOLDER/NAME.npy. */
ho_status ho_run_folder_text(ho_run_folder *folder, const char *subfolder, const char *name, const char *text,
                             size_t size, ho_error *error);
ho_status ho_run_folder_array(ho_run_folder *folder, const char *subfolder, const char *name, int rank,
                              const int64_t *dims, const double *values, ho_error *error);
/* SUBFOLDER/NAME.npy for each tuned hyperparameter out of lambda, f64, in its declared shape. */
ho_status ho_run_folder_lambda(ho_run_folder *folder, const char *subfolder, const ho_training *training,
                               const double *lambda, ho_error *error);
/* weights/NAME.npy. */
ho_status ho_run_folder_weights(ho_run_folder *folder, const ho_training *training, const ho_vector *state,
                                ho_error *error);

/* The tuned hyperparameters in short. One piece of memory with their names: free(items). */
ho_summaries ho_summarize(const ho_training *training, const double *lambda);

#endif
