/* What the commands do with a pipeline that was read: optimise, or differentiate once. */
#ifndef HO_RUN_RUN_H
#define HO_RUN_RUN_H

#include "pipeline/pipeline.h"
#include "record/record.h"

typedef struct ho_run_request {
    const char *out;          /* the run folder; NULL: runs/NAME-N, N the first that is free */
    const char *resume;       /* the folder of a run to go on with; NULL: none */
    int jobs;                 /* processes at a time; 0: everything in this one */
    int64_t share, shares;    /* of several runs, those that this process sees to: the share-th of shares; 0: all */
    bool quiet;               /* no progress */
    const char *command_line; /* kept in the results */
    const char *options;      /* of it, what the resolved pipeline does not say: " --threads 2"; NULL: nothing */
    const volatile int *interrupt; /* set by a signal handler */
    /* Told the results of a pipeline, or a hypergradient, which are in `folder` (NULL: they are kept nowhere); NULL:
     * nobody. */
    void (*show)(const ho_record *record, const char *folder);
} ho_run_request;

/* Outer optimisation, final training, test: `hotool pipeline`. Progress on stderr.
 *
 * A run's folder holds pipeline.yaml (resolved), metrics.jsonl (a line for each outer iteration), result.json,
 * hyperparameters/NAME.npy, weights/NAME.npy, truth/NAME.npy, and examples/ where there are example weights
 * (example_weights.h). A file with variants or repetitions gives a folder of such folders, VARIANT/N (N the repetition,
 * from 1), request->jobs of them at a time, each in a process of its own, whose result.json
 * has a row for each variant; `variants` chooses among them (none: all). Every variant is read and checked before
 * anything runs; its files must stay as they are meanwhile. The best hyperparameters are written as they improve, at
 * most once a second. A process that dies fails its run alone. Each file is whole at any moment. HO_FAILED and
 * HO_DIVERGED (after a divergence that halving did not cure) and HO_INTERRUPTED keep what is done so far.
 *
 * Until it is done or has diverged, a run leaves checkpoints/ in its folder (resume.h, checkpoint.h), and each of its
 * runs in its own. With request->resume it goes on from there, to the same results to the last bit, and is of what it
 * was asked for then: pipeline->file may be NULL; else, with its sets and variants, it must be the run's. Of several
 * runs, those that are done or have diverged stay as they are. */
ho_status ho_run_pipeline(ho_registry *registry, const ho_pipeline_request *pipeline, const char *const *variants,
                          size_t variant_count, const ho_run_request *request, ho_error *error);

/* With request->shares, processes on any machines work on one folder, `out`, which they share: each sees to a share of
 * the runs, leaves those alone that are over or that another process is at work on, and goes on with those that one has
 * left. A run that takes as long as another is in the share of that one. There is no table before
 * ho_run_gather(request->out), which makes the record that one process would have made. HO_FAILED: some are not over.
 */
ho_status ho_run_gather(ho_registry *registry, const ho_run_request *request, ho_error *error);

/* One hypergradient at the initial hyperparameters: `hotool hypergradient`. Writes NAME.npy and hypergradient.json to
 * `out` (NULL: only prints). */
ho_status ho_run_hypergradient(ho_pipeline *pipeline, const ho_run_request *request, ho_error *error);

#endif
