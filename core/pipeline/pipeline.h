/* A pipeline file, read, checked and wired: everything a run needs, ready. */
#ifndef HO_PIPELINE_PIPELINE_H
#define HO_PIPELINE_PIPELINE_H

#include "base/text.h"
#include "host/data_cache.h"
#include "host/registry.h"
#include "system/costs.h"
#include "system/training.h"

/* What the command line adds to the file. */
typedef struct ho_pipeline_request {
    const char *file;
    const ho_tree *root;     /* what stood in the file, where that was read before; NULL: it is read */
    const char *const *sets; /* "a/b=value" */
    size_t set_count;
    const char *mode;      /* NULL: the file's */
    const char *variant;   /* the override among `variants:` to lay over the file; NULL: none */
    int64_t repetition;    /* added to the seed: 0 for the first */
    const char *precision; /* NULL: the file's */
    bool allow_generated;  /* as the key of that name, if true */
} ho_pipeline_request;

/* How the outer loop finds better hyperparameters. */
typedef enum ho_strategy_kind { HO_STRATEGY_HYPERGRADIENT, HO_STRATEGY_GRID, HO_STRATEGY_RANDOM } ho_strategy_kind;

/* Where a search draws a hyperparameter from: between two ends, evenly on a scale, or among values.
 * Every entry of an array has the same range; a grid gives all of them one value, random search each its own. */
typedef struct ho_range {
    const char *name; /* qualified */
    double from, to;
    ho_scale scale;
    int64_t points;       /* of a grid; 0: none given */
    const double *values; /* `points` of them instead of ends, or NULL */
    ho_place place;
} ho_range;

/* What the final training is on. Weights of single examples are those of the training part: validation examples count
 * with weight 1. */
typedef enum ho_final { HO_FINAL_TRAINING, HO_FINAL_BOTH, HO_FINAL_VALIDATION } ho_final;

#define HO_MOST_CANDIDATES 100000 /* of a search */

/* Monitored training: validation is evaluated while it runs and the weights of the best evaluation are kept. The limits
 * end it before its last step; 0: no limit. */
typedef struct ho_stop {
    bool by_accuracy; /* the best evaluation has the highest validation accuracy, else the least validation error */
    int64_t every;    /* steps from evaluation to evaluation */
    int64_t patience; /* evaluations in a row that are not better than the best before them */
    double epochs, seconds;
} ho_stop;

/* A way to divide the training and the validation examples. */
typedef struct ho_fold {
    ho_examples training, validation;
} ho_fold;

typedef struct ho_pipeline {
    ho_arena *arena;
    struct ho_experiment *owned; /* the experiment it comes from, where nobody else has it; or NULL */
    const ho_tree *root;         /* as merged: what ho_yaml_write prints into the run folder */
    const char *file;
    const char *name;
    ho_problem problem; /* ready for ho_training_new */

    /* Data, split and standardised. */
    ho_examples training, validation, test; /* test may be empty */
    int64_t folds;                          /* of cross-validation; 0: none */
    ho_fold *further;      /* the second fold and those after it; the first one is `training` and `validation` */
    const char *criterion; /* "5 folds x 3 seeds"; NULL: there is one training */
    int64_t seeds; /* trainings on each fold, or on the training part, with initial weights and batches of their own */
    const char *const *class_names; /* class_count of them, or NULL */
    int64_t class_count;
    const ho_truth *truths; /* what is known about the data, for truth/ of the run folder */
    size_t truth_count;
    double *noise, *true_labels;      /* of the training examples, for scoring only: 1 where the label was replaced; the
                                         labels before that; NULL: no noise was asked for */
    const ho_examples *raw;           /* the training part before it was standardised, where single examples have
                                         weights; else the training part */
    ho_examples unstandardized;       /* what raw points to then */
    const char *data_label;           /* "CIFAR-10 deep features (npy, .../mnv1_train_x.npy)" */
    size_t data_choice, data_choices; /* which source of the list was used, from 0; how many there are */
    const char *data_missing;         /* why earlier sources were passed over ("no file PATH"), or NULL */
    bool allow_generated;             /* made data may stand in for missing files */
    const char *const *data_notes;    /* "labels: class 0 has no example; ..." */
    size_t data_note_count;
    const ho_data_file *files; /* that were read, with size and checksum */
    size_t file_count;
    ho_data_stream *stream;  /* NULL, or where training examples come from; `training` is then its batch */
    ho_dataset *datasets[4]; /* what the readers gave, while examples of the pipeline lie in it; or NULL */

    /* The hypergradient mode; NULL: none is needed, or it is `auto` and not yet chosen. */
    ho_instance *mode;
    bool mode_automatic;
    int64_t memory;          /* that `auto` may use; 0: the default */
    ho_place mode_place;     /* of "auto", or of the file where it is the default */
    const char *mode_reason; /* what `auto` chose, and why; NULL: it did not */
    ho_registry *registry;   /* that the plugins come from */

    ho_strategy_kind strategy;
    ho_instance *outer; /* the hyper-optimizer's dynamics; NULL: no outer optimisation by hypergradients asked for */
    const ho_tree *outer_values; /* its hyperparameters, for ho_optimizer_new */
    bool line_search;            /* no outer optimizer is named: descent chooses its own steps */
    double tolerance;            /* where it ends */
    int64_t outer_iterations;    /* of the hypergradient; 0: none asked for */
    int64_t candidates;          /* of a random search; 0: as many as cost what `outer_iterations` would */
    const ho_range *ranges;      /* of a search: one for each tuned hyperparameter */
    size_t range_count;
    ho_final final_on;

    bool monitored; /* trainings whose result counts: as `stop` says */
    ho_stop stop;
    bool online;               /* hyperparameters are updated during training, else after each whole training */
    bool warm_restart;         /* online: each update forgets how the weights came about */
    bool warm_start;           /* each training of a descent starts from the weights of the last one */
    double checkpoint_seconds; /* the least from one checkpoint to the next */
    int64_t checkpoint_steps;  /* after so many there is one in any case; 0: no such rule */
    double cpu_seconds;        /* a random search ends after so many; 0: no limit */
    const char *as_long_as;    /* ... after as many as this variant took; NULL: no limit */
    ho_place as_long_as_place;
} ho_pipeline;

/* Reads, checks every key, chooses the data source, reads and prepares the data, makes all instances. Every error has
 * file:line:column. */
ho_pipeline *ho_pipeline_read(ho_registry *registry, const ho_pipeline_request *request, ho_error *error);
void ho_pipeline_free(ho_pipeline *pipeline); /* NULL is fine */

/* The validation error is the mean over so many trainings, one for each fold and each seed. */
int64_t ho_pipeline_trainings(const ho_pipeline *pipeline);
/* That of training k, from 0: those of a fold follow one another. The first is pipeline->problem. */
ho_problem ho_pipeline_problem(const ho_pipeline *pipeline, int64_t k);
/* "fold 2 of 5, seed 1001": what training k is called; free(). NULL: there is one only. */
char *ho_pipeline_training_name(const ho_pipeline *pipeline, int64_t k);

/* The pipeline's system, with its mode chosen where that is `auto`: the exact mode that takes the least time within the
 * memory, counted and not measured, so that the same pipeline gets the same mode again. */
ho_training *ho_pipeline_training(ho_pipeline *pipeline, ho_error *error);
/* What `auto` chooses from: ho_mode_choose within the pipeline's memory. Free with ho_mode_choice_free, after an error
 * too. */
ho_status ho_pipeline_choice(const ho_pipeline *pipeline, ho_training *training, ho_mode_choice *choice,
                             ho_error *error);

/* Every setting, by its key as --set takes it: those of the file, and the defaults of those it does not give; and the
 * plugins that they name. In the arena. */
typedef struct ho_settings {
    ho_pairs pairs;
    const ho_loaded *const *plugins;
    size_t plugin_count;
} ho_settings;
ho_settings ho_pipeline_settings(const ho_pipeline *pipeline, ho_arena *arena);

/* Refuses, with HO_INVALID, a pipeline whose number of steps is unbounded: there is no E(s_T) then. `what` needs it. */
ho_status ho_needs_steps(const ho_pipeline *pipeline, const char *what, ho_error *error);
/* Refuses a pipeline whose training examples come as a stream that gives each of them once only. `what` needs them
 * again.
 */
ho_status ho_needs_repeats(const ho_pipeline *pipeline, const char *what, ho_error *error);
/* The first lines on stdout: which data is used, which sources were passed over, and which mode `auto` chose. */
void ho_announce_data(const ho_pipeline *pipeline);

/* A further row of the table: for each repetition, the run of least validation error among some variants. */
typedef struct ho_choice {
    const char *name;
    const size_t *members; /* which of the experiment's variants */
    size_t count;
} ho_choice;

/* What a file asks to be run: each of its variants, each over a number of splits and seeds. */
typedef struct ho_experiment {
    ho_arena *arena;
    ho_tree *root;         /* with variants, as merged with `sets` */
    const char **variants; /* names to run, in order */
    size_t variant_count;  /* 0: the file has none */
    int64_t repeat;        /* at least 1 */
    const ho_choice *choices;
    size_t choice_count;
    ho_pipeline_request request; /* its strings are borrowed */
    ho_data_cache *cache;        /* data sets that its pipelines share; NULL: there is one pipeline only */
} ho_experiment;

/* Reads the file, once for all pipelines of the experiment, only as far as that. `chosen`: the variants wanted; all but
 * those `on_request` where chosen_count is 0; unknown ones and one chosen twice are errors. */
ho_experiment *ho_experiment_read(const ho_pipeline_request *request, const char *const *chosen, size_t chosen_count,
                                  ho_error *error);
/* One of its pipelines: a variant (NULL: the file as it is) and a repetition, from 0; otherwise as the request that the
 * experiment was read by. The file is not read again, nor are data that were read before. It must be freed before the
 * experiment. Thread: one at a time. */
ho_pipeline *ho_experiment_pipeline(ho_experiment *experiment, ho_registry *registry, const char *variant,
                                    int64_t repetition, ho_error *error);
/* Makes the paths that reading `pipeline`, one of the experiment's, made absolute so in the experiment's tree too, and
 * names the tree as the pipeline: what is written elsewhere still means the same. */
void ho_experiment_settle(ho_experiment *experiment, const ho_pipeline *pipeline);
void ho_experiment_free(ho_experiment *experiment); /* NULL is fine */

#endif
