/*
 * Five workloads on which hypergradients are compared: plain training and one hypergradient, which includes training.
 *
 *     bench_workloads [--mode MODE] [--OPTION VALUE]... [--f64] [--repeats N] [NAME]...
 *
 * OPTION is one of the mode's own, such as `--store state`. Examples are made up. Time is the thread's own with its
 * BLAS threads; `to hand` is plain training to the same loop written by hand (by_hand.c), where there is one; `first`
 * is the first hypergradient of the process, `best` the best of all. Peak memory is that of the process: name one
 * workload for its own.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/rng.h"
#include "bench.h"
#include "by_hand.h"
#include "system/gradient.h"

#define MOST 6 /* tuned hyperparameters, layers, penalties */

typedef struct workload {
    const char *name, *what;
    int64_t examples, features, classes, reals; /* reals: a second head's */
    const char *hidden[MOST];                   /* widths; none: softmax */
    int64_t batch, steps;
    const char *dynamics, *penalty;
    bool each_layer; /* a penalty of its own for each layer */
    bool weighted;   /* each example has a weight */
    bool by_hand;    /* there is a loop written by hand, in f32 */
    const char *tuned[MOST][2];
} workload;

static const workload workloads[] = {
    {.name = "W1",
     .what = "softmax with task interaction, 50 x 2048 x 10, full batch, Adam, T = 400",
     .examples = 50,
     .features = 2048,
     .classes = 10,
     .steps = 400,
     .dynamics = "adam",
     .penalty = "task_interaction",
     .by_hand = true,
     .tuned = {{"penalty0.A", "0.01"}, {"penalty0.rho", "0.01"}}},
    {.name = "W2",
     .what = "123 - 4 x 512 - 183 and 300, tanh, batch 200, momentum, m = 3, T = 50",
     .examples = 2000,
     .features = 123,
     .classes = 183,
     .reals = 300,
     .hidden = {"512", "512", "512", "512"},
     .batch = 200,
     .steps = 50,
     .dynamics = "momentum",
     .tuned = {{"dynamics.learning_rate", "0.001"}, {"dynamics.momentum", "0.5"}, {"second.weight", "0.01"}}},
    {.name = "W3",
     .what = "softmax with a weight for each example, 5000 x 784 x 10, full batch, SGD, T = 200",
     .examples = 5000,
     .features = 784,
     .classes = 10,
     .steps = 200,
     .dynamics = "sgd",
     .weighted = true,
     .by_hand = true,
     .tuned = {{"loss.weights", "1"}}},
    {.name = "W4",
     .what = "784 - 300 - 10, tanh, batch 100, momentum, T = 500",
     .examples = 5000,
     .features = 784,
     .classes = 10,
     .hidden = {"300"},
     .batch = 100,
     .steps = 500,
     .dynamics = "momentum",
     .penalty = "l2",
     .each_layer = true,
     .tuned = {{"dynamics.learning_rate", "0.01"},
               {"dynamics.momentum", "0.5"},
               {"penalty0.rho", "0.0001"},
               {"penalty1.rho", "0.0001"}}},
    {.name = "W5",
     .what = "64 - 32 - 10, tanh, batch 32, Adam, T = 2000",
     .examples = 1024,
     .features = 64,
     .classes = 10,
     .hidden = {"32"},
     .batch = 32,
     .steps = 2000,
     .dynamics = "adam",
     .penalty = "l2",
     .by_hand = true,
     .tuned = {{"dynamics.learning_rate", "0.001"}, {"penalty0.rho", "0.0001"}}},
};
#define COUNT (sizeof workloads / sizeof *workloads)

static int64_t depth_of(const workload *w)
{
    int64_t depth = 0;
    while (depth < MOST && w->hidden[depth])
        depth++;
    return depth;
}

static ho_examples made_up(const workload *w, bool f64, int64_t count, uint64_t stream)
{
    ho_examples e = {.count = count, .features = w->features, .target_count = w->reals ? 2 : 1};
    const uint64_t inputs = (uint64_t)(count * w->features), reals = (uint64_t)(count * w->reals);
    e.targets = calloc(2, sizeof *e.targets);
    e.targets[0] = (ho_target){.name = strdup("labels"), .labels = true, .classes = w->classes, .width = 1};
    e.targets[1] = (ho_target){.name = strdup("reals"), .width = w->reals};
    e.targets[0].values = calloc((size_t)count, sizeof(double));
    e.targets[1].values = calloc(reals + 1, sizeof(double));
    e.x32 = f64 ? NULL : calloc(inputs, sizeof(float));
    e.x64 = f64 ? calloc(inputs, sizeof(double)) : NULL;
    for (uint64_t i = 0; i < inputs; i++)
        if (f64)
            e.x64[i] = ho_normal_number(1, stream, i);
        else
            e.x32[i] = (float)ho_normal_number(1, stream, i);
    for (int64_t i = 0; i < count; i++)
        e.targets[0].values[i] = (double)(i % w->classes);
    for (uint64_t i = 0; i < reals; i++)
        e.targets[1].values[i] = ho_normal_number(1, stream + 1, i);
    return e;
}

static void set(ho_tree *map, const char *key, ho_tree *value)
{
    value->key = key;
    ho_tree_append(map, value);
}

static ho_instance *model_of(bench *b, const workload *w)
{
    if (!w->hidden[0])
        return make(b, HO_MODEL, "softmax", "model", NULL);
    ho_tree *options = ho_tree_new(b->arena, HO_TREE_MAP, (ho_place){0});
    ho_tree *widths = ho_tree_new(b->arena, HO_TREE_LIST, (ho_place){0});
    for (int64_t i = 0; i < depth_of(w); i++)
        ho_tree_append(widths, scalar(b, w->hidden[i]));
    set(options, "shared", widths);
    set(options, "activation", scalar(b, "tanh"));
    if (w->reals) {
        ho_tree *heads = ho_tree_new(b->arena, HO_TREE_LIST, (ho_place){0});
        ho_tree_append(heads, scalar(b, "labels"));
        ho_tree_append(heads, scalar(b, "reals"));
        set(options, "heads", heads);
    }
    return make(b, HO_MODEL, "shared_trunk", "model", options);
}

/* The problem, and what it borrows. */
typedef struct problem {
    ho_examples training, validation;
    ho_term objective[2 + MOST], checked;
    ho_hyper_setting settings[MOST];
    const char *on[MOST];
    ho_problem p;
} problem;

static void describe(bench *b, problem *q, const workload *w, bool f64)
{
    static const char *const layers[] = {"*1*", "*2*", "*3*"}, *const names[] = {"penalty0", "penalty1", "penalty2"};
    static const char *const heads[] = {"outputs*"};
    q->training = made_up(w, f64, w->examples, 1);
    q->validation = made_up(w, f64, w->batch ? w->batch : 1000 < w->examples ? 1000 : w->examples, 3);
    q->p = (ho_problem){.seed = 1,
                        .precision = f64 ? HO_F64 : HO_F32,
                        .training = &q->training,
                        .validation = &q->validation,
                        .classes_or_width = w->classes,
                        .batch = w->batch,
                        .steps = w->steps,
                        .model = model_of(b, w),
                        .dynamics = make(b, HO_DYNAMICS, w->dynamics, "dynamics", NULL),
                        .objective = q->objective,
                        .validation_terms = &q->checked,
                        .validation_count = 1,
                        .settings = q->settings};
    size_t n = 0;
    q->objective[n++] = (ho_term){.plugin = make(b, HO_LOSS, "cross_entropy", "loss", NULL),
                                  .mean = true,
                                  .target = "labels",
                                  .per_example = w->weighted};
    if (w->reals)
        q->objective[n++] =
            (ho_term){.plugin = make(b, HO_LOSS, "squared_error", "second", NULL), .mean = true, .target = "reals"};
    for (int64_t i = 0; w->penalty && i <= (w->each_layer ? depth_of(w) : 0); i++) {
        q->on[i] = i < depth_of(w) ? layers[i] : heads[0];
        q->objective[n++] = (ho_term){.plugin = make(b, HO_PENALTY, w->penalty, names[i], NULL),
                                      .on = w->each_layer ? &q->on[i] : NULL,
                                      .on_count = w->each_layer};
    }
    q->p.objective_count = n;
    q->checked =
        (ho_term){.plugin = make(b, HO_LOSS, "cross_entropy", "validation", NULL), .mean = true, .target = "labels"};
    for (size_t i = 0; i < MOST && w->tuned[i][0]; i++)
        q->settings[q->p.setting_count++] =
            (ho_hyper_setting){.name = w->tuned[i][0], .tuned = true, .value = scalar(b, w->tuned[i][1])};
}

static double megabytes_at_most(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return 1024e-6 * (double)used.ru_maxrss;
}

/* Seconds of plain training written by hand for this workload. */
static double seconds_by_hand(const workload *w, const ho_examples *e)
{
    float interaction[100], *ones = malloc((size_t)e->count * sizeof *ones);
    for (int i = 0; i < 100; i++)
        interaction[i] = i % 11 ? -0.02f : 0.2f;
    for (int64_t i = 0; i < e->count; i++)
        ones[i] = 1;
    by_hand p = {.examples = e->count,
                 .features = e->features,
                 .batch = w->batch,
                 .steps = w->steps,
                 .hidden = w->hidden[0] != NULL,
                 .adam = !strcmp(w->dynamics, "adam"),
                 .rate = 1e-3f,
                 .rho = 1e-4f,
                 .x = e->x32,
                 .weights = w->weighted ? ones : NULL,
                 .interaction = w->hidden[0] || !w->penalty ? NULL : interaction,
                 .labels = e->targets[0].values};
    double begun = ho_cpu_seconds(), squares = by_hand_train(&p), seconds = ho_cpu_seconds() - begun;
    free(ones);
    if (!isfinite(squares) || squares <= 0) {
        fprintf(stderr, "bench: the loop written by hand gave %g\n", squares);
        exit(1);
    }
    return seconds;
}

static void run(bench *b, const workload *w, const ho_instance *mode, bool f64, int repeats)
{
    problem q = {0};
    describe(b, &q, w, f64);
    ho_training *training = ho_training_new(&q.p, &b->error);
    must(b, training != NULL);
    const size_t size = (size_t)ho_training_lambda_size(training);
    double *lambda = calloc(size, sizeof *lambda), *gradient = calloc(size, sizeof *gradient);
    ho_training_lambda_initial(training, lambda);
    double hand = INFINITY, plain = INFINITY, first = 0, best = INFINITY, value, norm = 0;
    ho_gradient_cost cost = {0};
    for (int r = 0; r < repeats; r++) {
        double begun = ho_cpu_seconds();
        must(b, ho_hypergradient(training, mode, w->steps, lambda, &value, gradient, &cost, &b->error) == HO_OK);
        const double seconds = ho_cpu_seconds() - begun;
        first = r ? first : seconds;
        best = fmin(best, seconds);
        begun = ho_cpu_seconds();
        must(b, ho_train(training, w->steps, lambda, NULL, &value, &b->error) == HO_OK);
        plain = fmin(plain, ho_cpu_seconds() - begun);
        if (w->by_hand && !f64)
            hand = fmin(hand, seconds_by_hand(w, &q.training));
    }
    for (size_t i = 0; i < size; i++)
        norm += gradient[i] * gradient[i];
    char ratio[16] = "";
    if (isfinite(hand))
        snprintf(ratio, sizeof ratio, "%.2f", plain / hand);
    printf("%-4s %8s %8.3f %8.3f %8.3f %7.2f %10.1f %10.1f  %.17g\n", w->name, ratio, plain, first, best, best / plain,
           1e-6 * (double)cost.bytes, megabytes_at_most(), sqrt(norm));
    ho_training_free(training);
    free(lambda);
    free(gradient);
}

int main(int count, char **arguments)
{
    bench b = {.arena = ho_arena_new()};
    b.registry = ho_registry_new(NULL, &b.error);
    must(&b, b.registry != NULL);
    ho_exec_threads(1);
    ho_tree *options = ho_tree_new(b.arena, HO_TREE_MAP, (ho_place){0});
    const char *mode = "reverse";
    bool f64 = false, some = false, wanted[COUNT] = {false};
    int repeats = 3;
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i], *value = i + 1 < count ? arguments[i + 1] : "";
        if (!strcmp(argument, "--f64"))
            f64 = true;
        else if (!strcmp(argument, "--repeats"))
            repeats = atoi(arguments[++i]);
        else if (!strcmp(argument, "--mode"))
            mode = arguments[++i];
        else if (!strncmp(argument, "--", 2))
            set(options, arguments[i++] + 2, scalar(&b, value));
        for (size_t k = 0; k < COUNT; k++)
            some |= wanted[k] |= !strcmp(argument, workloads[k].name);
    }
    const ho_instance *instance = make(&b, HO_MODE, mode, mode, options);
    printf("%-4s %8s %8s %8s %8s %7s %10s %10s  mode %s, %s, 1 thread, seconds; the gradient's norm\n", "", "to hand",
           "plain", "first", "best", "ratio", "MB held", "peak MB", mode, f64 ? "f64" : "f32");
    for (size_t k = 0; k < COUNT; k++)
        if (wanted[k] || !some)
            run(&b, &workloads[k], instance, f64, repeats);
    return 0;
}
