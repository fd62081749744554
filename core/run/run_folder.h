/* A run's folder: what was run, how it went, what came out. Every file is whole at any moment. */
#ifndef HO_RUN_RUN_FOLDER_H
#define HO_RUN_RUN_FOLDER_H

#include "pipeline/pipeline.h"
#include "record/record.h"
#include "run/checkpoint.h"
#include "system/training.h"

typedef struct ho_run_folder ho_run_folder;

/* What a run takes to be resumed, besides its checkpoints. */
#define HO_RESUMPTION HO_CHECKPOINTS "/run.yaml"

/* Makes the folder `out` (NULL: runs/NAME-N with the first N that is free) and writes pipeline.yaml (`root`) and
 * truth/. An `out` that exists and is not empty is refused with HO_INVALID: nothing is ever overwritten. `resumption`:
 * for HO_RESUMPTION, which is then written first; NULL: the run cannot be resumed. */
ho_run_folder *ho_run_folder_new(const ho_pipeline *pipeline, const ho_tree *root, const char *out,
                                 const ho_tree *resumption, ho_error *error);
/* The same for a folder that several processes share: they may come at any time. Refused where one process has it for
 * itself. */
ho_run_folder *ho_run_folder_join(const ho_pipeline *pipeline, const ho_tree *root, const char *out,
                                  const ho_tree *resumption, ho_error *error);
/* A folder that one with a resumption has left unfinished. It is refused where another process is at work on it. */
ho_run_folder *ho_run_folder_open(const char *path, ho_error *error);
/* One of which only the record is written. */
ho_run_folder *ho_run_folder_at(const char *path);
/* Writes what the other has not come to write, and takes away the record of what it came to. */
ho_status ho_run_folder_mend(ho_run_folder *folder, const ho_pipeline *pipeline, const ho_tree *root, ho_error *error);
void ho_run_folder_close(ho_run_folder *folder); /* NULL is fine */

/* NULL: the run cannot be resumed. */
ho_checkpoints *ho_run_folder_checkpoints(const ho_run_folder *folder);
/* Puts metrics.jsonl on the disk; *lines: its bytes. */
ho_status ho_run_folder_settle(ho_run_folder *folder, uint64_t *lines, ho_error *error);
/* ho_checkpoint_read, and back to so many lines. */
bool ho_run_folder_recall(ho_run_folder *folder, ho_snapshot *snapshot, uint64_t *lines,
                          void (*pass_over)(void *context, const char *text), void *context);
ho_status ho_run_folder_cut(ho_run_folder *folder, uint64_t lines, ho_error *error);
/* Whether a run that came to this is over for good: it would come to it again. */
static inline bool ho_is_settled(ho_status outcome)
{
    return outcome == HO_OK || outcome == HO_DIVERGED;
}
/* It is: it need not be resumed. */
void ho_run_folder_finish(ho_run_folder *folder);
/* What a run that is over has left beside its results, should it have died over finishing. */
void ho_run_folder_tidy(const char *path);
const char *ho_run_folder_path(const ho_run_folder *folder);

/* Appends a line to metrics.jsonl, in one write: neither a reader nor a kill ever sees lines that are mixed.
 * The hyperparameters are those of `lambda`; `norms`: of the tangents, by each of ho_training_hypers; NULL: unknown. */
ho_status ho_run_folder_line(ho_run_folder *folder, const ho_training *training, ho_line line, const double *lambda,
                             const double *norms, ho_error *error);
/* Writes result.json, or hypergradient.json, or unfinished.json, of which result.json takes the place. */
ho_status ho_run_folder_record(ho_run_folder *folder, const ho_record *record, ho_error *error);

/* Write a file each, at once: SUBFOLDER/NAME, SUBFOLDER/NAME.npy. */
ho_status ho_run_folder_text(ho_run_folder *folder, const char *subfolder, const char *name, const char *text,
                             size_t size, ho_error *error);
ho_status ho_run_folder_array(ho_run_folder *folder, const char *subfolder, const char *name, int rank,
                              const int64_t *dims, const double *values, ho_error *error);
/* NAME.npy for each tuned hyperparameter, f64, in its declared shape: hyperparameters/NAME.npy out of lambda, or of a
 * hypergradient in the folder itself. */
ho_status ho_run_folder_lambda(ho_run_folder *folder, const ho_training *training, const double *lambda,
                               ho_error *error);
ho_status ho_run_folder_gradient(ho_run_folder *folder, const ho_training *training, const double *gradient,
                                 ho_error *error);
/* weights/NAME.npy. This folder, and hyperparameters/, change as a whole: where not everything can be written, what was
 * there stays; where nothing was there, what could be written is. */
ho_status ho_run_folder_weights(ho_run_folder *folder, const ho_training *training, const ho_vector *state,
                                ho_error *error);

/* The tuned hyperparameters in short. One piece of memory with their names: free(items). */
ho_summaries ho_summarize(const ho_training *training, const double *lambda);

#endif
