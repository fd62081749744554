/*
 * Real-time hyperparameter updates on the network of the paper's speech experiment, all in f32, on one thread and in
 * one process.
 *
 * Four shared layers of 512 units on 123 inputs, a head of 183 classes and one of 300 reals; batches of 200, 200
 * validation examples; m = 3 hyperparameters are tuned: learning rate, momentum, the second loss's weight. The examples
 * are made up. Time is the thread's own, the best of several rounds in which everything has its turn; machines are
 * shared, so read the ratios.
 *
 * In matrix products, a step has three for each layer (forward, by the weights, by the layer's input), and every column
 * of tangents twice as many: 1 + 2m times the products of plain training are the floor of forward mode. (The inputs
 * have no tangent: the first layer needs fewer, 6.88 times the operations here instead of 7.)
 */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "bench.h"
#include "handwritten.h"
#include "system/gradient.h"
#include "system/optimizer.h"

#define FEATURES  123
#define WIDTH     512
#define LAYERS    4
#define CLASSES   183
#define CONTEXT   300
#define BATCH     200
#define EXAMPLES  2000
#define EVERY     20 /* steps between updates of the hyperparameters */
#define TUNED     3
#define ROUNDS    6
#define FLOOR     (1 + 2 * TUNED)
#define MOST_TURN (ROUNDS * EVERY)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void least(double *best, double seconds)
{
    *best = fmin(*best, seconds);
}

/* ---- the problem ------------------------------------------------------------------------------------------------- */

static ho_tree *list(bench *b, size_t count, const char *const *texts)
{
    ho_tree *node = ho_tree_new(b->arena, HO_TREE_LIST, (ho_place){0});
    for (size_t i = 0; i < count; i++)
        ho_tree_append(node, scalar(b, texts[i]));
    return node;
}

static void set(ho_tree *map, const char *key, ho_tree *value)
{
    value->key = key;
    ho_tree_append(map, value);
}

static ho_instance *network(bench *b, const char *activation)
{
    ho_tree *options = ho_tree_new(b->arena, HO_TREE_MAP, (ho_place){0});
    set(options, "shared", list(b, LAYERS, (const char *const[]){"512", "512", "512", "512"}));
    set(options, "heads", list(b, 2, (const char *const[]){"states", "context"}));
    set(options, "activation", scalar(b, activation));
    return make(b, HO_MODEL, "shared_trunk", "model", options);
}

static ho_examples made_up(int64_t count, uint64_t stream)
{
    ho_examples e = {.count = count, .features = FEATURES, .target_count = 2};
    e.x32 = malloc(sizeof(float) * (size_t)(count * FEATURES));
    e.targets = calloc(2, sizeof *e.targets);
    e.targets[0] = (ho_target){.name = strdup("states"), .labels = true, .classes = CLASSES, .width = 1};
    e.targets[1] = (ho_target){.name = strdup("context"), .width = CONTEXT};
    e.targets[0].values = malloc(sizeof(double) * (size_t)count);
    e.targets[1].values = malloc(sizeof(double) * (size_t)(count * CONTEXT));
    for (uint64_t i = 0; i < (uint64_t)(count * FEATURES); i++)
        e.x32[i] = (float)ho_normal_number(1, stream, i);
    for (uint64_t i = 0; i < (uint64_t)count; i++)
        e.targets[0].values[i] = floor(CLASSES * ho_uniform(1, stream + 1, i));
    for (uint64_t i = 0; i < (uint64_t)(count * CONTEXT); i++)
        e.targets[1].values[i] = ho_normal_number(1, stream + 2, i);
    return e;
}

typedef struct problem {
    ho_term objective[2], validation;
    ho_hyper_setting settings[TUNED];
    ho_problem p;
} problem;

static void describe(bench *b, problem *q, const ho_examples *training, const ho_examples *validation,
                     const char *activation)
{
    *q = (problem){0};
    q->objective[0] =
        (ho_term){.plugin = make(b, HO_LOSS, "cross_entropy", "primary", NULL), .mean = true, .target = "states"};
    q->objective[1] =
        (ho_term){.plugin = make(b, HO_LOSS, "squared_error", "secondary", NULL), .mean = true, .target = "context"};
    q->validation =
        (ho_term){.plugin = make(b, HO_LOSS, "cross_entropy", "validation", NULL), .mean = true, .target = "states"};
    q->settings[0] = (ho_hyper_setting){.name = "dynamics.learning_rate", .tuned = true, .value = scalar(b, "0.001")};
    q->settings[1] = (ho_hyper_setting){.name = "dynamics.momentum", .tuned = true, .value = scalar(b, "0.5")};
    q->settings[2] = (ho_hyper_setting){.name = "secondary.weight", .tuned = true, .value = scalar(b, "0.01")};
    q->p = (ho_problem){.seed = 1,
                        .precision = HO_F32,
                        .training = training,
                        .validation = validation,
                        .classes_or_width = CLASSES,
                        .batch = BATCH,
                        .model = network(b, activation),
                        .dynamics = make(b, HO_DYNAMICS, "momentum", "dynamics", NULL),
                        .objective = q->objective,
                        .objective_count = 2,
                        .validation_terms = &q->validation,
                        .validation_count = 1,
                        .settings = q->settings,
                        .setting_count = TUNED};
}

/* ---- the ceiling ------------------------------------------------------------------------------------------------- */

/* The seconds of each product of a plain step, alone. */
typedef struct ceiling {
    float *a, *b, *c;
    double seconds[3 * (LAYERS + 2)];
    double flops;
} ceiling;

static void product(ceiling *top, size_t which, bool ta, bool tb, int m, int n, int k)
{
    double begun = now();
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, 1, top->a,
                ta ? m : k, top->b, tb ? k : n, 0, top->c, n);
    least(&top->seconds[which], now() - begun);
    top->flops += 2.0 * m * n * k;
}

/* A turn of all of them. */
static void time_products(ceiling *top)
{
    static const int in[] = {FEATURES, WIDTH, WIDTH, WIDTH, WIDTH, WIDTH},
                     out[] = {WIDTH, WIDTH, WIDTH, WIDTH, CLASSES, CONTEXT};
    top->flops = 0;
    for (size_t l = 0; l < sizeof in / sizeof *in; l++) {
        product(top, 3 * l, false, false, BATCH, out[l], in[l]);
        product(top, 3 * l + 1, true, false, in[l], out[l], BATCH);
        if (l > 0)
            product(top, 3 * l + 2, false, true, BATCH, in[l], out[l]);
    }
}

static double seconds_of_products(const ceiling *top)
{
    double sum = 0;
    for (size_t i = 0; i < sizeof top->seconds / sizeof *top->seconds; i++)
        sum += isfinite(top->seconds[i]) ? top->seconds[i] : 0;
    return sum;
}

static void start_ceiling(ceiling *top)
{
    size_t most = (size_t)WIDTH * WIDTH;
    top->a = malloc(most * sizeof(float));
    top->b = malloc(most * sizeof(float));
    top->c = malloc(most * sizeof(float));
    for (size_t i = 0; i < most; i++) {
        top->a[i] = (float)ho_normal_number(1, 100, i);
        top->b[i] = (float)ho_normal_number(1, 101, i);
    }
    for (size_t i = 0; i < sizeof top->seconds / sizeof *top->seconds; i++)
        top->seconds[i] = INFINITY;
}

/* ---- what is measured -------------------------------------------------------------------------------------------- */

/* Seconds of a step; `update`: of the hypergradient, the hyper-optimizer's step and the projection. */
typedef struct figures {
    double by_hand, plain, forward, update, online;
    int64_t tangents;
} figures;

typedef struct live {
    ho_training *training;
    const ho_instance *mode;
    void *run;
    ho_optimizer *outer;
    double *lambda, *gradient;
    ho_vector *state, *next;
    int64_t t;
} live;

static void start_live(bench *b, live *x, const problem *q, const ho_instance *mode)
{
    *x = (live){.mode = mode};
    x->training = ho_training_new(&q->p, &b->error);
    must(b, x->training != NULL);
    int64_t size = ho_training_lambda_size(x->training);
    x->lambda = calloc((size_t)size, sizeof *x->lambda);
    x->gradient = calloc((size_t)size, sizeof *x->gradient);
    ho_training_lambda_initial(x->training, x->lambda);
    ho_tree *values = ho_tree_new(b->arena, HO_TREE_MAP, (ho_place){0});
    set(values, "learning_rate", scalar(b, "1e-9"));
    x->outer = ho_optimizer_new(make(b, HO_DYNAMICS, "sgd", "outer", NULL), values, NULL, size, &b->error);
    must(b, x->outer != NULL);
    ho_system *s = ho_training_system(x->training);
    x->state = s->api->vector_new(s, 1);
    x->next = s->api->vector_new(s, 1);
    must(b, x->state && x->next && s->api->initial(s, x->lambda, x->state) == HO_OK);
    must(b, mode->loaded->calls.mode.start(mode->self, s, x->lambda, &x->run) == HO_OK);
}

/* EVERY steps of plain training. */
static double plain_turn(bench *b, live *x, int64_t t0)
{
    ho_system *s = ho_training_system(x->training);
    double begun = now();
    for (int64_t t = t0 + 1; t <= t0 + EVERY; t++) {
        must(b, s->api->step(s, t, x->lambda, x->state, x->next) == HO_OK);
        ho_vector *old = x->state;
        x->state = x->next;
        x->next = old;
    }
    return (now() - begun) / EVERY;
}

static void online_turn(bench *b, live *x, int64_t t0, figures *f)
{
    const ho_mode_calls *calls = &x->mode->loaded->calls.mode;
    double value, begun = now();
    must(b, calls->advance(x->run, t0, t0 + EVERY, x->lambda) == HO_OK);
    double advanced = now();
    must(b, calls->hypergradient(x->run, x->lambda, &value, x->gradient) == HO_OK);
    ho_training_free_gradient(x->training, x->gradient);
    must(b, ho_optimizer_step(x->outer, x->lambda, x->gradient, 1.0, &b->error) == HO_OK);
    must(b, ho_training_project(x->training, x->lambda, &b->error) == HO_OK);
    double done = now();
    must(b, isfinite(value));
    least(&f->forward, (advanced - begun) / EVERY);
    least(&f->update, done - advanced);
    least(&f->online, (done - begun) / EVERY);
    f->tangents = calls->bytes(x->run);
}

static void measure(bench *b, const char *activation, const ho_examples *training, const ho_examples *validation,
                    ceiling *top, figures *f)
{
    problem q;
    live x;
    describe(b, &q, training, validation, activation);
    start_live(b, &x, &q, make(b, HO_MODE, "forward", "forward", NULL));
    handwritten_network *hand =
        handwritten_network_new(FEATURES, WIDTH, LAYERS, CLASSES, CONTEXT, BATCH, strcmp(activation, "tanh") == 0);
    *f = (figures){.by_hand = INFINITY, .plain = INFINITY, .forward = INFINITY, .update = INFINITY, .online = INFINITY};
    for (int64_t t0 = 0; t0 < MOST_TURN; t0 += EVERY) {
        for (int i = 0; i < EVERY; i++)
            time_products(top);
        double begun = now();
        for (int i = 0; i < EVERY; i++)
            handwritten_network_step(hand, training->x32, training->targets[0].values, training->targets[1].values,
                                     1e-3f, 0.5f, 1e-2f);
        least(&f->by_hand, (now() - begun) / EVERY);
        least(&f->plain, plain_turn(b, &x, t0));
        online_turn(b, &x, t0, f);
    }
    handwritten_network_free(hand);
    x.mode->loaded->calls.mode.end(x.run);
    ho_optimizer_free(x.outer);
    ho_system *s = ho_training_system(x.training);
    s->api->vector_free(s, x.state);
    s->api->vector_free(s, x.next);
    ho_training_free(x.training);
    free(x.lambda);
    free(x.gradient);
}

static void print_row(const char *what, double seconds, double plain)
{
    printf("    %-52s %9.2f %9.2f %9.2f\n", what, 1e3 * seconds, seconds / plain, seconds / plain / FLOOR);
}

static void print_figures(const char *activation, const figures *f, const ceiling *top)
{
    double products = seconds_of_products(top);
    printf("  %-54s %9s %9s %9s\n", activation, "ms a step", "to plain", "to floor");
    printf("    %-52s %9.2f %9.2f\n", "the products of plain training, alone", 1e3 * products, products / f->plain);
    printf("    %-52s %9.2f %9.2f\n", "plain training, written by hand", 1e3 * f->by_hand, f->by_hand / f->plain);
    printf("    %-52s %9.2f %9.2f\n", "plain training", 1e3 * f->plain, 1.0);
    print_row("forward mode", f->forward, f->plain);
    print_row("real-time updates, every 20 steps", f->online, f->plain);
    printf("    of which an update, each: %.2f ms = %.2f steps of plain training\n", 1e3 * f->update,
           f->update / f->plain);
    printf("    share of the ceiling: plain training %.0f %%, by hand %.0f %%, forward mode %.0f %%\n",
           100 * products / f->plain, 100 * products / f->by_hand, 100 * FLOOR * products / f->forward);
    printf("    forward mode holds %.1f MB: state and tangents, each twice\n", 1e-6 * (double)f->tangents);
}

int main(int count, char **arguments)
{
    static const char *const both[] = {"relu", "tanh"};
    bench b = {.arena = ho_arena_new()};
    b.registry = ho_registry_new(NULL, &b.error);
    must(&b, b.registry != NULL);
    ho_exec_threads(1);
    ho_examples training = made_up(EXAMPLES, 10), validation = made_up(BATCH, 20);
    ceiling top;
    start_ceiling(&top);
    figures f[2];
    for (int i = 0; i < 2; i++)
        if (count < 2 || strcmp(arguments[1], both[i]) == 0)
            measure(&b, both[i], &training, &validation, &top, &f[i]);
    printf("%d x %d shared layers, %d inputs, heads of %d classes and %d reals, batch %d, %d hyperparameters, f32, 1 "
           "thread\n",
           LAYERS, WIDTH, FEATURES, CLASSES, CONTEXT, BATCH, TUNED);
    printf("  the machine's matrix products at these sizes: %.1f GFLOP/s; floor of forward mode: 1 + 2 x %d = %d\n",
           1e-9 * top.flops / seconds_of_products(&top), TUNED, FLOOR);
    for (int i = 0; i < 2; i++)
        if (count < 2 || strcmp(arguments[1], both[i]) == 0)
            print_figures(both[i], &f[i], &top);
    return 0;
}
