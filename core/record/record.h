/*
 * A run's record: what result.json and the lines of metrics.jsonl say.
 *
 * Plain data that includes nothing of the host. Runs fill it in and write it; reports, comparisons and whatever else
 * shows a run read it back (read.h). One table in record.c describes every member: its key, its type, its place.
 */
#ifndef HO_RECORD_RECORD_H
#define HO_RECORD_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

/* The format written, and the newest one read. A new optional member keeps the number; a new meaning changes it. */
#define HO_RECORD_FORMAT 1

/* ---- parts ------------------------------------------------------------------------------------------------------- */

typedef struct ho_texts {
    const char *const *items;
    size_t count;
} ho_texts;

typedef struct ho_integers {
    const int64_t *items;
    size_t count;
} ho_integers;

typedef struct ho_reals {
    const double *items;
    size_t count;
} ho_reals;

/* A figure over the repetitions of one row. */
typedef struct ho_statistic {
    double mean, sd; /* over the repetitions that have it; sd: the sample's. NaN: unknown */
    ho_reals values; /* of each repetition; NaN: unknown */
} ho_statistic;

typedef struct ho_extent {
    int32_t rank; /* 0: a scalar */
    int64_t dims[HO_MAX_RANK];
} ho_extent;

/* A tuned hyperparameter in short. */
typedef struct ho_summary {
    const char *name;
    ho_extent shape;
    double value;       /* of a scalar; the sum of an array */
    double least, most; /* of an array's entries */
    int64_t nonzero;
    const char *scale; /* "log", "logit"; NULL: linear. In the file only with rows */
} ho_summary;

typedef struct ho_summaries {
    ho_summary *items;
    size_t count;
} ho_summaries;

/* ---- one run ----------------------------------------------------------------------------------------------------- */

/* The result of one training. Figures are NaN where unknown. */
typedef struct ho_column {
    bool known;              /* there was such a training */
    double best_epoch;       /* of monitored training: of the evaluation whose weights were kept */
    double validation_error; /* NaN where validation examples were trained on */
    double validation_loss, validation_accuracy, test_loss, test_accuracy;
} ho_column;

/* Trainings with the initial and the tuned hyperparameters, and the final one on more examples. The last that is known
 * is the run's own. */
enum { HO_INITIAL, HO_TUNED, HO_FINAL, HO_COLUMNS };

/* An estimate of the decimal digits that rounding has left of a hypergradient, for the hyperparameter with the fewest,
 * and the largest growth of what changes of the weights do. */
typedef struct ho_rounding {
    bool known;
    double left;       /* 0: none */
    const char *hyper; /* or NULL */
    const char *grew;  /* a weight tensor; NULL: nothing grew */
    double growth;     /* its factor */
    int64_t from, to;  /* from step to step */
} ho_rounding;

/* How well low example weights find the labels that noise replaced (example_weights.h); NaN where there is nothing to
 * score. */
typedef struct ho_detection {
    double precision, recall, f1;
} ho_detection;

typedef struct ho_result {
    int64_t seed;             /* of the run: those with the same seed share a split. In the file the record's */
    ho_error outcome;         /* HO_OK, or how the run ended */
    int64_t outer_iterations; /* completed: outer iterations, online updates, or candidates */
    int64_t halvings;
    double initial_error, best_error;
    int64_t best_iteration;
    const char *ended;    /* of descent with steps of its own: why it did; else NULL */
    ho_rounding rounding; /* where the fewest digits were left */
    int64_t evaluations;  /* of the objective's gradient: search for hyperparameters, and final training */
    double seconds, cpu_seconds;
    ho_column columns[HO_COLUMNS];
    ho_summaries initial, best; /* of the tuned hyperparameters; the file has the best only */
    ho_detection detection;     /* in the file only as figures of a row */
} ho_result;

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* The figures that rows have, in the file's order. */
typedef enum ho_figure {
    HO_VALIDATION_ERROR,
    HO_VALIDATION_ACCURACY,
    HO_TEST_LOSS,
    HO_TEST_ACCURACY,
    HO_BEST_EPOCH,
    HO_EVALUATIONS,
    HO_CPU_SECONDS,
    HO_SECONDS,
    HO_PRECISION, /* from here on: written only where some recall is known */
    HO_RECALL,
    HO_F1,
    HO_FIGURES
} ho_figure;

/* How a figure is called and printed, and where it stands in a result. */
typedef struct ho_figure_form {
    const char *key, *title;
    int digits; /* printed behind the point */
    enum { HO_PERCENT = 1, HO_MEAN_ONLY } print;
    enum { HO_OF_CHOICE, HO_OF_LAST, HO_OF_RUN } from; /* the last training that validates, the last, all of it */
    size_t offset;                                     /* in that ho_column or ho_result */
    int better;                                        /* 1: more is; -1: less is; 0: neither */
} ho_figure_form;
extern const ho_figure_form ho_figure_forms[HO_FIGURES];

/* A run's figure; NaN: unknown. Validation figures are those that the run was chosen by; the others are those of its
 * last training. */
double ho_figure_of(const ho_result *result, ho_figure which);

/* A tuned hyperparameter over the repetitions: a scalar's values, an array's sums. */
typedef struct ho_row_hyper {
    const char *name;
    ho_extent shape;
    ho_statistic value;
} ho_row_hyper;

/* A hyperparameter that is moved, searched and plotted on another scale than the linear one. */
typedef struct ho_row_scale {
    const char *name;
    ho_extent shape; /* none */
    const char *scale;
} ho_row_scale;

/* A row of the final table: one variant over its repetitions, or a choice among variants. */
typedef struct ho_row {
    const char *variant;
    const char *strategy; /* "hypergradient", "online", "grid", "random", "none", "choice" */
    int64_t runs;         /* that ended well */
    ho_error outcome;     /* of the first run that did not, or HO_OK */
    ho_statistic figures[HO_FIGURES];
    struct {
        ho_row_hyper *items;
        size_t count;
    } hypers;
    struct {
        ho_row_scale *items; /* NULL: every scale is linear */
        size_t count;
    } scales;
    ho_integers seeds;     /* of each run; NULL: unknown */
    const char *criterion; /* "5 folds x 3 seeds": what a validation error is the mean over; NULL: of one training */
    ho_texts folders;      /* of each run, relative to the record's */
    ho_texts chosen;       /* of a choice: the variant of each run; else NULL */
} ho_row;

/* ---- result.json ------------------------------------------------------------------------------------------------- */

/* Which members a file has. */
typedef enum ho_record_kind {
    HO_RECORD_RUN = 1,      /* result.json of one run */
    HO_RECORD_RUNS = 2,     /* result.json of a folder of runs: no figures but those of its rows */
    HO_RECORD_GRADIENT = 4, /* hypergradient.json */
} ho_record_kind;

/* How the run was started. */
typedef struct ho_record_started {
    bool known;
    const char *date; /* ISO 8601, UTC */
    const char *host, *folder, *program;
    ho_pairs environment; /* the variables that hotool and its libraries look at */
    const char *again;    /* the command that does the same again, from any folder; NULL: unknown */
} ho_record_started;

typedef struct ho_record_plugin {
    const char *kind, *name, *version, *path, *checksum;
} ho_record_plugin;

/* Which examples were used. */
typedef struct ho_record_data {
    const char *source;
    int64_t choice, choices;   /* which of the listed sources, from 1, and how many there are */
    const char *passed_over;   /* why earlier ones were not used, or NULL */
    ho_texts files, checksums; /* checksums: SHA-256, or NULL */
    int64_t training;          /* examples; 0: they come as a stream */
    int64_t replaced;          /* of these: whose label noise replaced (not in the file) */
    int64_t validation, test, features;
} ho_record_data;

typedef struct ho_record_machine {
    const char *cpu;
    int64_t cores;
    const char *system;
} ho_record_machine;

typedef struct ho_record_versions {
    const char *openblas, *compiler, *libc, *libyaml, *zlib, *openssl, *jansson;
} ho_record_versions;

typedef struct ho_record {
    ho_record_kind kind;
    bool unfinished; /* its run is going, or was killed: what is known so far, in a file of its own (not in the file) */

    int64_t format;
    const char *hotool; /* the version that wrote it */
    const char *pipeline, *file, *command;
    ho_record_started started;
    ho_record_data data;
    int64_t seed;
    const char *mode; /* NULL: none */
    const char *dynamics;
    int64_t steps; /* 0: unbounded */
    const char *precision;
    ho_record_machine machine;
    ho_record_versions versions;
    struct {
        ho_record_plugin *items; /* NULL: unknown */
        size_t count;
    } plugins;
    ho_pairs settings;    /* by their keys as in --set, with the defaults of those that were not given; NULL: unknown */
    ho_texts class_names; /* NULL: unknown */

    int64_t repeat;
    ho_result result; /* of HO_RECORD_RUNS: the outcome alone */
    struct {
        ho_row *items;
        size_t count;
    } rows;

    double value; /* of HO_RECORD_GRADIENT: E after `steps` steps; seconds are the result's */
    int64_t trajectory_bytes, residual_bytes; /* the latter are part of the former */
    ho_rounding rounding;
    ho_summaries gradient; /* items NULL: unknown */
} ho_record;

/* ---- metrics.jsonl ----------------------------------------------------------------------------------------------- */

/* What a line is about, and so which members it has. */
typedef enum ho_line_kind {
    HO_LINE_ITERATION = 1,  /* an outer iteration */
    HO_LINE_CANDIDATE = 2,  /* of a search: an iteration without a gradient */
    HO_LINE_EVALUATION = 4, /* of monitored training ("look" in the file) */
    HO_LINE_UPDATE = 8,     /* online, of the hyperparameters */
} ho_line_kind;

typedef struct ho_line {
    ho_line_kind kind;
    int64_t iteration; /* from 1; 0: not of an iteration or candidate */

    int64_t step; /* of training, from 1; 0: not of an evaluation or update */
    double epoch;
    double cpu_seconds; /* since training began */
    int64_t update;     /* which one, from 1 */
    double error;       /* on the update's draw of the validation part */
    int64_t evaluation; /* which one, from 1 */
    double training_error;

    double validation_error, validation_accuracy;
    bool best;            /* so far */
    double gradient_norm; /* of an iteration or update */
    ho_rounding rounding;
    double stationarity; /* ||lambda - P(lambda - gradient)|| */
    double step_scale;   /* of the hyper-optimizer's step */
    int64_t trajectory_bytes;
    int64_t residual_bytes; /* part of them; not written */
    double seconds;         /* of the iteration */
    const char *diverged;   /* why, or NULL */
    const char *rejected;   /* why no step starts from here, or NULL */
    ho_summaries hypers;
    ho_summaries tangent_norms; /* of an update: ||Z|| by hyperparameter; NULL: unknown */
} ho_line;

/* ---- writing ----------------------------------------------------------------------------------------------------- */

#define HO_RECORD_UNFINISHED "unfinished.json"
/* One object and a newline; free with ho_json_free. */
void ho_record_write(ho_json *json, const ho_record *record);
void ho_line_write(ho_json *json, const ho_line *line);

/* "done", "interrupted", "diverged", "failed". */
const char *ho_outcome_name(ho_status outcome);

#endif
