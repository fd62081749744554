/* A pipeline file, read, checked and wired: everything a run needs, ready. */
#ifndef HO_PIPELINE_PIPELINE_H
#define HO_PIPELINE_PIPELINE_H

#include "host/registry.h"
#include "system/problem.h"

/* What the command line adds to the file. */
typedef struct ho_pipeline_request {
    const char *file;
    const char *const *sets; /* "a/b=value" */
    size_t set_count;
    const char *mode;      /* NULL: the file's */
    const char *precision; /* NULL: the file's */
} ho_pipeline_request;

typedef struct ho_pipeline {
    ho_arena *arena;
    const ho_tree *root; /* as merged: what ho_yaml_write prints into the run folder */
    const char *file;
    const char *name;
    ho_problem problem; /* ready for ho_training_new */

    /* Data, split and standardised. */
    ho_dataset *dataset;                    /* truths and class names */
    ho_examples training, validation, test; /* test may be empty */
    const char *data_label;                 /* "CIFAR-10 deep features (npy, .../mnv1_train_x.npy)" */
    size_t data_choice, data_choices;       /* which source of the list was used, from 0; how many there are */
    const char *data_missing;               /* why earlier sources were passed over ("no file PATH"), or NULL */
    char **data_files;                      /* paths that were read, NULL-terminated */

    ho_instance *mode; /* the hypergradient mode */

    ho_instance *outer;          /* the hyper-optimizer's dynamics; NULL: no outer optimisation asked for */
    const ho_tree *outer_values; /* its hyperparameters, for ho_optimizer_new */
    int64_t outer_iterations;
    bool final_on_both; /* final training on training + validation */
} ho_pipeline;

/* Reads, checks every key, chooses the data source, reads and prepares the data, makes all instances. Every error has
 * file:line:column. */
ho_pipeline *ho_pipeline_read(ho_registry *registry, const ho_pipeline_request *request, ho_error *error);
void ho_pipeline_free(ho_pipeline *pipeline); /* NULL is fine */

#endif
