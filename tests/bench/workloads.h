/* Trainings on made-up examples, W1 to W6, on which everything is measured. */
#ifndef WORKLOADS_H
#define WORKLOADS_H

#include "bench.h"
#include "system/problem.h"

enum {
    WORKLOADS = 7,
    MOST_LAYERS = 4,
    MOST_PENALTIES = 10,
    MOST_TUNED = 10,
};

typedef struct workload {
    const char *name, *what;
    int64_t examples, features, classes, reals; /* reals: the width of a second head; 0: none */
    int64_t width, layers;                      /* hidden layers, tanh; none: softmax */
    bool convolutions;                          /* instead: images that are square, 8 kernels of 5 x 5 */
    int64_t batch;                              /* 0: all examples */
    int64_t steps;                              /* T */
    int64_t few;                                /* the T of a small run */
    const char *dynamics, *penalty;             /* penalty NULL: none */
    int64_t penalties;                          /* penalty0, penalty1, ... */
    bool each_layer;                            /* a penalty is of one layer; else of all weights */
    bool weighted;                              /* each example has a weight */
    bool no_offset;                             /* softmax without its bias, which penalties leave out */
    struct {
        const char *name, *value;
    } tuned[MOST_TUNED]; /* up to a NULL */
} workload;

extern const workload workloads[WORKLOADS];
/* NULL: there is none. */
const workload *workload_named(const char *name);

/* A workload as a training problem, with what that borrows. Lives as long as the bench. */
typedef struct posed {
    ho_examples training, validation;
    ho_term objective[2 + MOST_PENALTIES], checked;
    ho_hyper_setting settings[MOST_TUNED];
    const char *on[MOST_PENALTIES];
    ho_problem problem;
} posed;

void workload_pose(bench *b, posed *q, const workload *w, bool f64);
/* The width in and out of each of its layers, the heads last; returns their number. */
int workload_layers(const workload *w, int in[MOST_LAYERS + 2], int out[MOST_LAYERS + 2]);

#endif
