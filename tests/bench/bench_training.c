/*
 * Training and hypergradients against a hand-written loop, all in f32 and in one process.
 *
 * The problem has the shape of configs/cifar_mtl.yaml: 50 x 2048 inputs, 10 classes, softmax with task interaction,
 * full batch, Adam, T = 400. Every figure is the best of several runs; machines are shared, so read the ratios.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "bench.h"
#include "handwritten.h"
#include "system/gradient.h"

#define N       50
#define D       2048
#define K       10
#define T       400
#define REPEATS 7

static ho_examples random_examples(uint64_t stream)
{
    ho_examples e = {.count = N, .features = D, .target_count = 1};
    e.x32 = malloc(sizeof(float) * N * D);
    e.targets = calloc(1, sizeof *e.targets);
    e.targets[0] = (ho_target){.name = strdup("labels"), .labels = true, .classes = K, .width = 1};
    e.targets[0].values = malloc(sizeof(double) * N);
    for (uint64_t i = 0; i < (uint64_t)N * D; i++)
        e.x32[i] = (float)ho_normal_number(1, stream, i);
    for (int i = 0; i < N; i++)
        e.targets[0].values[i] = i % K;
    return e;
}

typedef struct problem {
    ho_term objective[2], validation;
    ho_hyper_setting settings[4];
    ho_problem p;
} problem;

static double best_plain(bench *b, ho_training *training, const double *lambda)
{
    double best = INFINITY;
    for (int r = 0; r < REPEATS; r++) {
        double value, begun = ho_seconds();
        must(b, ho_train(training, T, lambda, NULL, &value, &b->error) == HO_OK);
        best = fmin(best, ho_seconds() - begun);
    }
    return best;
}

static double best_hypergradient(bench *b, ho_training *training, const ho_instance *mode, const double *lambda,
                                 int64_t *bytes)
{
    double best = INFINITY, value;
    double *gradient = calloc((size_t)ho_training_lambda_size(training), sizeof *gradient);
    for (int r = 0; r < REPEATS; r++) {
        ho_gradient_cost cost;
        must(b, ho_hypergradient(training, mode, T, lambda, &value, gradient, &cost, &b->error) == HO_OK);
        best = fmin(best, cost.seconds);
        *bytes = cost.bytes;
    }
    free(gradient);
    return best;
}

static long resident_kilobytes(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    long kilobytes = 0;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %ld", &kilobytes) == 1)
            break;
    if (status)
        fclose(status);
    return kilobytes;
}

static double best_handwritten(const ho_examples *e, const float *a, float rho)
{
    double best = INFINITY;
    for (int r = 0; r < REPEATS; r++) {
        double begun = ho_seconds();
        handwritten_train(N, D, K, T, e->x32, e->targets[0].values, a, rho, 1e-3f);
        best = fmin(best, ho_seconds() - begun);
    }
    return best;
}

int main(void)
{
    bench b = {.arena = ho_arena_new()};
    b.registry = ho_registry_new(NULL, &b.error);
    must(&b, b.registry != NULL);
    ho_exec_threads(1);
    ho_examples training = random_examples(1), validation = random_examples(2);

    problem q = {0};
    q.objective[0] = (ho_term){.plugin = make(&b, HO_LOSS, "cross_entropy", "cross_entropy", NULL)};
    q.objective[1] = (ho_term){.plugin = make(&b, HO_PENALTY, "task_interaction", "mtl", NULL)};
    q.validation = (ho_term){.plugin = make(&b, HO_LOSS, "cross_entropy", "validation", NULL), .mean = true};
    q.settings[0] = (ho_hyper_setting){.name = "mtl.A", .tuned = true, .value = scalar(&b, "0.01")};
    q.settings[1] = (ho_hyper_setting){.name = "mtl.rho", .tuned = true, .value = scalar(&b, "0.01")};
    q.p = (ho_problem){.seed = 1,
                       .precision = HO_F32,
                       .training = &training,
                       .validation = &validation,
                       .classes_or_width = K,
                       .steps = T,
                       .model = make(&b, HO_MODEL, "softmax", "model", NULL),
                       .dynamics = make(&b, HO_DYNAMICS, "adam", "dynamics", NULL),
                       .objective = q.objective,
                       .objective_count = 2,
                       .validation_terms = &q.validation,
                       .validation_count = 1,
                       .settings = q.settings,
                       .setting_count = 2};
    ho_instance *forward = make(&b, HO_MODE, "forward", "forward", NULL),
                *reverse = make(&b, HO_MODE, "reverse", "reverse", NULL);

    float a[K * K];
    for (int i = 0; i < K * K; i++)
        a[i] = i / K == i % K ? 0.0f : 0.01f;
    double by_hand = best_handwritten(&training, a, 0.01f);

    ho_training *full = ho_training_new(&q.p, &b.error);
    must(&b, full != NULL);
    double lambda[K * K + 3];
    int64_t reverse_bytes, forward_bytes;
    ho_training_lambda_initial(full, lambda);
    double plain = best_plain(&b, full, lambda);
    double by_reverse = best_hypergradient(&b, full, reverse, lambda, &reverse_bytes);
    long before = resident_kilobytes();
    best_hypergradient(&b, full, reverse, lambda, &reverse_bytes);
    long after = resident_kilobytes();

    /* Three scalars for forward mode: the tied interaction, rho, the learning rate. */
    q.settings[0] = (ho_hyper_setting){.name = "mtl.a", .tuned = true, .value = scalar(&b, "0.01")};
    q.settings[2] = (ho_hyper_setting){.name = "dynamics.learning_rate", .tuned = true};
    q.p.setting_count = 3;
    ho_training *three = ho_training_new(&q.p, &b.error);
    must(&b, three != NULL);
    ho_training_lambda_initial(three, lambda);
    double plain_three = best_plain(&b, three, lambda);
    double by_forward = best_hypergradient(&b, three, forward, lambda, &forward_bytes);

    int64_t weights = (int64_t)D * K + K, state = 3 * weights * (int64_t)sizeof(float);
    printf("softmax + task interaction, %d x %d inputs, %d classes, Adam, T = %d, f32, 1 thread\n", N, D, K, T);
    printf("  %-46s %9s %12s %12s\n", "", "ms", "to plain", "to by hand");
    printf("  %-46s %9.2f %12s %12.2f\n", "hand-written loop", 1e3 * by_hand, "", 1.0);
    printf("  %-46s %9.2f %12.2f %12.2f\n", "plain training (A full)", 1e3 * plain, 1.0, plain / by_hand);
    printf("  %-46s %9.2f %12.2f %12.2f\n", "reverse hypergradient (A and rho, 101 entries)", 1e3 * by_reverse,
           by_reverse / plain, by_reverse / by_hand);
    printf("  %-46s %9.2f %12.2f %12.2f\n", "plain training (a, rho, learning rate)", 1e3 * plain_three, 1.0,
           plain_three / by_hand);
    printf("  %-46s %9.2f %12.2f %12.2f\n", "forward hypergradient (a, rho, learning rate)", 1e3 * by_forward,
           by_forward / plain_three, by_forward / by_hand);
    printf(
        "  reverse trajectory: %lld bytes = %.4f x (T + 1) x 3 floats a weight; resident growth over %d more: %ld kB\n",
        (long long)reverse_bytes, (double)reverse_bytes / (double)(state * (T + 1)), REPEATS, after - before);
    printf("  forward tangents: %lld bytes\n", (long long)forward_bytes);
    ho_training_free(three);
    ho_training_free(full);
    return 0;
}
