/* A run's folder: what was run, how it went, what came out. Every file is whole at any moment. */
#ifndef HO_RUN_RESULTS_H
#define HO_RUN_RESULTS_H

#include "base/json.h"
#include "pipeline/pipeline.h"
#include "system/training.h"

typedef struct ho_results ho_results;

/* Makes the folder `out` (NULL: runs/NAME-N with the first N that is free) and writes pipeline.yaml (`root`) and
 * truth/. An `out` that exists and is not empty is refused with HO_INVALID: nothing is ever overwritten. */
ho_results *ho_results_open(const ho_pipeline *pipeline, const ho_tree *root, const char *out, ho_error *error);
void ho_results_close(ho_results *results); /* NULL is fine */
const char *ho_results_folder(const ho_results *results);

/* Appends one finished JSON object as a line to metrics.jsonl. */
ho_status ho_results_line(ho_results *results, const ho_json *json, ho_error *error);
/* Writes one file of the folder at once. */
ho_status ho_results_json(ho_results *results, const char *name, const ho_json *json, ho_error *error);
ho_status ho_results_text(ho_results *results, const char *folder, const char *name, const char *text, size_t size,
                          ho_error *error);
ho_status ho_results_array(ho_results *results, const char *folder, const char *name, int rank, const int64_t *dims,
                           const double *values, ho_error *error); /* folder/NAME.npy */
/* hyperparameters/NAME.npy, f64, shape as declared: the tuned ones out of lambda. `folder` may be "" for the run's own.
 */
ho_status ho_results_lambda(ho_results *results, const char *folder, const ho_training *training, const double *lambda,
                            ho_error *error);
/* weights/NAME.npy. */
ho_status ho_results_weights(ho_results *results, const ho_training *training, const ho_vector *state, ho_error *error);

/* The first lines on stdout: which data was used, and which sources were passed over. */
void ho_results_announce(const ho_pipeline *pipeline);
/* The format of result.json; `hotool report` reads its own only. */
#define HO_RESULT_FORMAT 1
/* Members that every result file starts with: format, version, pipeline, data, seed, mode, steps, precision, machine.
 * `whole`: the file speaks for the whole folder, and data files come with their SHA-256. */
void ho_results_head(ho_json *json, const ho_pipeline *pipeline, const char *command_line, bool whole);
/* A tuned hyperparameter's entries: a scalar as its number, an array as {"shape", "sum", "min", "max", "nonzero"}. */
void ho_results_hypers(ho_json *json, const char *key, const ho_training *training, const double *lambda);

#endif
