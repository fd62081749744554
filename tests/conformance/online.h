/* A pipeline whose hyperparameters move while it trains, on data made here: a tanh network with two heads, the learning
 * rate, the momentum, the second task's weight and the scale of the initial weights being tuned, in f64. */
#ifndef TEST_ONLINE_H
#define TEST_ONLINE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/npy.h"
#include "base/rng.h"
#include "pipeline/pipeline.h"
#include "run/optimize.h"

#define ONLINE_EXAMPLES 90
#define ONLINE_FEATURES 5
#define ONLINE_CLASSES  4

static const char online_text[] = "name: online\n"
                                  "seed: 3\n"
                                  "precision: f64\n"
                                  "data:\n"
                                  "  plugin: npy\n"
                                  "  inputs: x.npy\n"
                                  "  labels: y.npy\n"
                                  "  target: z.npy\n"
                                  "  split: {train: 50, validation: 40}\n"
                                  "model: {plugin: shared_trunk, shared: [6, 5], heads: [labels, target], activation: "
                                  "tanh, init: glorot}\n"
                                  "objective:\n"
                                  "  - {loss: cross_entropy, name: primary, target: labels}\n"
                                  "  - {loss: squared_error, name: secondary, target: target}\n"
                                  "validation: {loss: cross_entropy, target: labels}\n"
                                  "dynamics: {plugin: momentum}\n"
                                  "steps: 60\n"
                                  "batch: 10\n"
                                  "hyperparameters:\n"
                                  "  secondary.weight: {init: 0.3, constraint: nonnegative}\n"
                                  "  dynamics.learning_rate: {init: 0.1, constraint: nonnegative}\n"
                                  "  dynamics.momentum: {init: 0.7}\n"
                                  "  model.init_scale: {init: 1.1}\n"
                                  "hypergradient: {mode: forward}\n"
                                  "stop: {every: 10}\n"
                                  "outer: {plugin: sgd, learning_rate: 0.001, schedule: online, every: 4}\n";

typedef struct online {
    char folder[32];
    ho_registry *registry;
    ho_pipeline *pipeline;
    ho_training *training;
    ho_system *system;
    int64_t size; /* of lambda */
    double *initial;
    ho_error error;
} online;

static inline char *online_path(const online *o, const char *name)
{
    return ho_format("%s/%s", o->folder, name);
}

static inline void online_write(online *o, const char *name, const void *bytes, size_t size)
{
    char *path = online_path(o, name);
    cr_assert_eq(ho_file_write(path, bytes, size, &o->error), HO_OK, "%s", o->error.text);
    free(path);
}

static inline void online_write_labels(online *o, const double *score)
{
    char bytes[128 + ONLINE_EXAMPLES], header[128];
    int length =
        snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }", ONLINE_EXAMPLES);
    memset(bytes, ' ', 128);
    memcpy(bytes, "\x93NUMPY\x01\x00\x76", 10);
    memcpy(bytes + 10, header, (size_t)length);
    bytes[127] = '\n';
    for (int i = 0; i < ONLINE_EXAMPLES; i++)
        bytes[128 + i] = (char)((int)floor(2 * score[i] + 40) % ONLINE_CLASSES);
    online_write(o, "y.npy", bytes, sizeof bytes);
}

/* Reads the pipeline with `sets` (ending with NULL) laid over it. The caller's to close. */
static inline online *online_open(const char *const *sets)
{
    online *o = calloc(1, sizeof *o);
    strcpy(o->folder, "/tmp/hotool-online-XXXXXX");
    cr_assert_not_null(mkdtemp(o->folder));
    double x[ONLINE_EXAMPLES * ONLINE_FEATURES], z[ONLINE_EXAMPLES * 2], score[ONLINE_EXAMPLES];
    for (int i = 0; i < ONLINE_EXAMPLES; i++) {
        for (int j = 0; j < ONLINE_FEATURES; j++)
            x[i * ONLINE_FEATURES + j] = ho_normal_number(5, 1, (uint64_t)(i * ONLINE_FEATURES + j));
        const double *row = x + (size_t)i * ONLINE_FEATURES;
        score[i] = row[0] - 0.5 * row[1] * row[2];
        z[2 * i] = tanh(score[i]);
        z[2 * i + 1] = 0.5 * row[3] - row[4];
    }
    const int64_t dims[] = {ONLINE_EXAMPLES, ONLINE_FEATURES}, wide[] = {ONLINE_EXAMPLES, 2};
    char *inputs = online_path(o, "x.npy"), *targets = online_path(o, "z.npy"), *file = online_path(o, "p.yaml");
    cr_assert_eq(ho_npy_write_f64(inputs, 2, dims, x, &o->error), HO_OK);
    cr_assert_eq(ho_npy_write_f64(targets, 2, wide, z, &o->error), HO_OK);
    online_write_labels(o, score);
    online_write(o, "p.yaml", online_text, strlen(online_text));
    o->registry = ho_registry_new(NULL, &o->error);
    cr_assert_not_null(o->registry, "%s", o->error.text);
    size_t count = 0;
    while (sets && sets[count])
        count++;
    const ho_pipeline_request request = {.file = file, .sets = sets, .set_count = count};
    o->pipeline = ho_pipeline_read(o->registry, &request, &o->error);
    cr_assert_not_null(o->pipeline, "%s", o->error.text);
    o->training = ho_training_new(&o->pipeline->problem, &o->error);
    cr_assert_not_null(o->training, "%s", o->error.text);
    o->system = ho_training_system(o->training);
    o->size = ho_training_lambda_size(o->training);
    o->initial = calloc((size_t)o->size, sizeof *o->initial);
    ho_training_lambda_initial(o->training, o->initial);
    free(inputs);
    free(targets);
    free(file);
    return o;
}

static inline void online_close(online *o)
{
    ho_training_free(o->training);
    ho_pipeline_free(o->pipeline);
    ho_registry_free(o->registry);
    static const char *const names[] = {"x.npy", "y.npy", "z.npy", "p.yaml"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = online_path(o, names[i]);
        unlink(path);
        free(path);
    }
    rmdir(o->folder);
    free(o->initial);
    free(o);
}

/* The lines of a training, in order. */
#define ONLINE_MOST   400
#define ONLINE_LAMBDA 8
typedef struct online_log {
    online *of;
    ho_line events[ONLINE_MOST];
    double lambda[ONLINE_MOST][ONLINE_LAMBDA], norms[ONLINE_MOST][64];
    bool has_norms[ONLINE_MOST];
    size_t count;
    char warning[1024]; /* the last */
    int warnings;
    void (*also)(struct online_log *log, const ho_line *event); /* called at each update; or NULL */
    void *context;
} online_log;

static inline ho_status online_report(void *context, const ho_line *event, const double *lambda, const double *norms,
                                      ho_error *error)
{
    (void)error;
    online_log *log = context;
    cr_assert_lt(log->count, ONLINE_MOST);
    cr_assert_leq(log->of->size, ONLINE_LAMBDA);
    log->events[log->count] = *event;
    memcpy(log->lambda[log->count], lambda, (size_t)log->of->size * sizeof(double));
    size_t hypers;
    ho_training_hypers(log->of->training, &hypers);
    log->has_norms[log->count] = norms != NULL;
    if (norms)
        memcpy(log->norms[log->count], norms, hypers * sizeof(double));
    log->count++;
    if (event->update && log->also)
        log->also(log, event);
    return HO_OK;
}

static inline void online_warn(void *context, const char *text)
{
    online_log *log = context;
    snprintf(log->warning, sizeof log->warning, "%s", text);
    log->warnings++;
}

/* How a training went. */
typedef struct online_result {
    int64_t steps, looks, updates;
    double value; /* of the best evaluation */
    double last_epoch;
    const char *ended;
} online_result;

/* One monitored training from the initial lambda; the log's events are those of this one. *kept: NULL, or receives the
 * best, to be freed. */
static inline ho_status online_run(online *o, bool moves, online_log *log, online_result *result, ho_best *kept)
{
    ho_trainer *trainer = ho_trainer_new(o->pipeline, o->training, true, &o->error);
    cr_assert_not_null(trainer, "%s", o->error.text);
    log->of = o;
    const ho_listener listener = {.line = online_report, .warn = online_warn, .context = log};
    ho_best best;
    cr_assert_eq(ho_best_init(&best, o->training, true, &o->error), HO_OK, "%s", o->error.text);
    ho_optimization loop = {.trainer = trainer, .listener = &listener, .best = &best};
    ho_result whole = {0};
    ho_status status;
    if (moves) {
        loop.strategy = ho_strategy_new(o->pipeline, o->training, &o->error);
        cr_assert_not_null(loop.strategy, "%s", o->error.text);
        status = ho_optimize(&loop, &whole, &o->error);
        ho_strategy_free(loop.strategy);
    } else {
        const ho_question question = {.lambda = o->initial, .wanted = HO_VALUE, .listener = &listener};
        status = ho_ask(trainer, &question, &best, &loop.answer);
        if (status != HO_OK)
            o->error = loop.answer.outcome;
    }
    *result = (online_result){.steps = loop.answer.line.step,
                              .updates = whole.outer_iterations,
                              .value = loop.answer.value,
                              .last_epoch = loop.answer.line.epoch,
                              .ended = loop.answer.ended};
    for (size_t i = 0; i < log->count; i++)
        result->looks += log->events[i].evaluation != 0;
    ho_trainer_free(trainer);
    if (kept)
        *kept = best;
    else
        ho_best_free(&best);
    return status;
}

#endif
