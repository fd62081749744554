/*
 * One training step as a plan against the hand-written loop of the same step, in f32: softmax with task interaction,
 * full batch, Adam. Below them, the step's JVP with 3 columns and its VJP. Figures are the best of several repetitions.
 *
 *     bench_exec [FEATURES [dump]]       features: a multiple of 16
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "by_hand.h"
#include "diff/diff.h"
#include "exec/exec.h"
#include "plan_dump.h"

enum { N = 50, K = 10, STEPS = 100, REPEATS = 15, COLUMNS = 3 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct step {
    ho_graph *graph;
    ho_node x, labels, w, m, v, t, a, rho, rate; /* leaves */
    ho_node next[3];
} step;

static ho_node mul(step *s, ho_node a, ho_node b)
{
    return ho_node_binary_broadcast(s->graph, HO_OP_MUL, a, b);
}

static ho_node add(step *s, ho_node a, ho_node b)
{
    return ho_node_binary_broadcast(s->graph, HO_OP_ADD, a, b);
}

static ho_node sub(step *s, ho_node a, ho_node b)
{
    return ho_node_binary_broadcast(s->graph, HO_OP_SUB, a, b);
}

static ho_node number(step *s, double value)
{
    return ho_node_const(s->graph, value);
}

static ho_node column(step *s, ho_node a)
{
    return ho_node_reshape(s->graph, a, ho_shape_of(2, (int64_t[]){N, 1}));
}

static ho_node cross_entropy(step *s, ho_node logits)
{
    ho_graph *g = s->graph;
    ho_node most = ho_node_unary(g, HO_OP_STOP, ho_node_reduce(g, HO_OP_MAXIMUM, logits, 1, 1));
    ho_node shifted = sub(s, logits, column(s, most));
    ho_node log_sum =
        ho_node_unary(g, HO_OP_LOG, ho_node_reduce(g, HO_OP_SUM, ho_node_unary(g, HO_OP_EXP, shifted), 1, 1));
    ho_node hot = ho_node_binary_broadcast(g, HO_OP_EQUAL, column(s, s->labels), ho_node_iota(g, K));
    return ho_node_sum_all(g, sub(s, log_sum, ho_node_reduce(g, HO_OP_SUM, mul(s, hot, shifted), 1, 1)));
}

/* sum_jk A_jk |w_j - w_k|^2 + rho |W|^2 = tr W L W' */
static ho_node penalty(step *s, ho_node w)
{
    ho_graph *g = s->graph;
    ho_node degree = ho_node_reduce(g, HO_OP_SUM, s->a, 1, 1);
    ho_node apart = sub(s, mul(s, ho_node_reduce(g, HO_OP_SUM, mul(s, w, w), 2, 1), degree),
                        ho_node_reduce(g, HO_OP_SUM, mul(s, w, ho_node_matmul(g, w, s->a)), 2, 1));
    return add(s, mul(s, number(s, 2), ho_node_sum_all(g, apart)), mul(s, s->rho, ho_node_sum_all(g, mul(s, w, w))));
}

static void build(step *s, int64_t d, ho_error *error)
{
    ho_graph *g = s->graph = ho_graph_new(error);
    int64_t size = d * K + K;
    s->x = ho_node_leaf(g, "x", ho_shape_of(2, (int64_t[]){N, d}));
    s->labels = ho_node_leaf(g, "labels", ho_shape_of(1, (int64_t[]){N}));
    s->a = ho_node_leaf(g, "A", ho_shape_of(2, (int64_t[]){K, K}));
    s->rho = ho_node_leaf(g, "rho", ho_scalar_shape());
    s->rate = ho_node_leaf(g, "learning_rate", ho_scalar_shape());
    s->t = ho_node_leaf(g, "t", ho_scalar_shape());
    s->w = ho_node_leaf(g, "w", ho_shape_of(1, &size));
    s->m = ho_node_leaf(g, "m", ho_shape_of(1, &size));
    s->v = ho_node_leaf(g, "v", ho_shape_of(1, &size));
    ho_node weights = ho_node_reshape(g, ho_node_slice(g, s->w, 1, 0, d * K), ho_shape_of(2, (int64_t[]){d, K}));
    ho_node bias = ho_node_slice(g, s->w, 1, d * K, K);
    ho_node loss = add(s, cross_entropy(s, add(s, ho_node_matmul(g, s->x, weights), bias)), penalty(s, weights));
    ho_node gradient;
    ho_gradient(g, loss, &s->w, &gradient, 1);
    ho_node beta1 = number(s, 0.9), beta2 = number(s, 0.999), one = number(s, 1);
    s->next[1] = add(s, mul(s, beta1, s->m), mul(s, sub(s, one, beta1), gradient));
    s->next[2] = add(s, mul(s, beta2, s->v), mul(s, sub(s, one, beta2), mul(s, gradient, gradient)));
    ho_node rate =
        mul(s, s->rate, ho_node_unary(g, HO_OP_SQRT, sub(s, one, ho_node_binary(g, HO_OP_POW, beta2, s->t))));
    rate = ho_node_binary(g, HO_OP_DIV, rate, sub(s, one, ho_node_binary(g, HO_OP_POW, beta1, s->t)));
    ho_node root = ho_node_unary(g, HO_OP_SQRT, add(s, s->next[2], number(s, 1e-10)));
    s->next[0] = sub(s, s->w, ho_node_binary_broadcast(g, HO_OP_DIV, mul(s, rate, s->next[1]), root));
}

static ho_plan *compile(const step *s, const ho_node *extra, size_t extra_count, const ho_node *outputs, size_t count)
{
    ho_node inputs[32] = {s->x, s->labels, s->a, s->rho, s->rate, s->t, s->w, s->m, s->v};
    if (extra_count > 0)
        memcpy(inputs + 9, extra, extra_count * sizeof *extra);
    ho_error error = {0};
    ho_plan *plan = ho_plan_new(s->graph, HO_F32, inputs, 9 + extra_count, outputs, count, &error);
    if (plan == NULL) {
        fprintf(stderr, "bench_exec: %s\n", error.text);
        exit(1);
    }
    return plan;
}

/* Seconds of one run, the mean of STEPS. */
static double time_plan(ho_plan *plan, const void *const *in, void *const *out)
{
    double start = now();
    for (int i = 0; i < STEPS; i++)
        ho_plan_run(plan, in, out);
    return (now() - start) / STEPS;
}

static void least(double *best, double took)
{
    *best = took < *best ? took : *best;
}

int main(int argc, char **argv)
{
    int64_t d = argc > 1 ? atoi(argv[1]) : 1024;
    bool dump = argc > 2;
    size_t size = (size_t)(d * K + K);
    ho_error error = {0};
    step s;
    build(&s, d, &error);
    float *x = ho_alloc((size_t)(N * d) * sizeof *x), *state[3], *next[3], a[K * K], labels[N];
    double wide_labels[N], rho = 1e-3, rate = 1e-3, t = 7;
    for (size_t i = 0; i < (size_t)(N * d); i++)
        x[i] = (float)ho_normal_number(1, 2, i);
    for (int i = 0; i < N; i++) {
        wide_labels[i] = i % K;
        labels[i] = (float)(i % K);
    }
    for (int i = 0; i < K * K; i++)
        a[i] = i / K == i % K ? 0 : 1e-5f;
    for (int k = 0; k < 3; k++) {
        state[k] = ho_alloc(size * sizeof(float));
        next[k] = ho_alloc(size * sizeof(float));
        for (size_t i = 0; i < size; i++)
            state[k][i] = (float)(k == 2 ? 1e-4 : 1e-2 * ho_normal_number(1, 3, i));
    }
    ho_exec_threads(1);
    const void *in[32] = {x, labels, a, &rho, &rate, &t, state[0], state[1], state[2]};
    /* k tangents of the state and of rho; and cotangents of the state, to those of the state and of A. */
    ho_node tangents[4], out_tangents[3], in_cotangents[5], cotangents[3];
    int64_t columns = COLUMNS, batch[2] = {COLUMNS, (int64_t)size};
    for (int k = 0; k < 3; k++) {
        tangents[k] = ho_node_leaf(s.graph, "tangent", ho_shape_of(2, batch));
        cotangents[k] = ho_node_leaf(s.graph, "cotangent", ho_shape_of(1, batch + 1));
    }
    tangents[3] = ho_node_leaf(s.graph, "rho tangent", ho_shape_of(1, &columns));
    ho_jvp(s.graph, COLUMNS, (ho_node[]){s.w, s.m, s.v, s.rho}, tangents, 4, s.next, out_tangents, 3);
    ho_vjp(s.graph, (ho_node[]){s.w, s.m, s.v, s.rho, s.a}, in_cotangents, 5, s.next, cotangents, 3);
    if (error.status != HO_OK) {
        fprintf(stderr, "bench_exec: %s\n", error.text);
        return 1;
    }
    ho_node jvp_outputs[6] = {s.next[0], s.next[1], s.next[2], out_tangents[0], out_tangents[1], out_tangents[2]};
    float *wide[6], ones[COLUMNS] = {1, 1, 1}, a_bar[K * K];
    double rho_bar;
    for (int k = 0; k < 6; k++) {
        wide[k] = ho_alloc(size * COLUMNS * sizeof(float));
        for (size_t i = 0; i < size * COLUMNS; i++)
            wide[k][i] = 1e-3f;
    }
    for (int k = 0; k < 3; k++)
        in[9 + k] = wide[k];
    in[12] = ones;
    void *const out[] = {next[0], next[1], next[2], wide[3], wide[4], wide[5]};
    void *const reverse_out[] = {wide[3], wide[4], wide[5], &rho_bar, a_bar};
    ho_plan *plans[] = {compile(&s, NULL, 0, s.next, 3), compile(&s, tangents, 4, jvp_outputs, 6),
                        compile(&s, cotangents, 3, in_cotangents, 5)};
    float laplacian[K * K];
    for (int i = 0; i < K * K; i++)
        laplacian[i] = 4 * (i / K == i % K ? 9e-5f : -1e-5f) + (i / K == i % K ? 2e-3f : 0);
    const by_hand loop = {.examples = N,
                          .features = d,
                          .steps = STEPS,
                          .adam = true,
                          .rate = 1e-3f,
                          .x = x,
                          .interaction = laplacian,
                          .labels = wide_labels};
    double hand = 1e9, plain = 1e9, forward = 1e9, reverse = 1e9;
    for (int r = 0; r < REPEATS; r++) { /* in turn, so that other load on the machine falls on all alike */
        double start = now();
        by_hand_train(&loop);
        least(&hand, (now() - start) / STEPS);
        least(&plain, time_plan(plans[0], in, out));
        least(&forward, time_plan(plans[1], in, out));
        least(&reverse, time_plan(plans[2], in, reverse_out));
    }
    for (int k = 0; k < 3; k++) {
        if (dump)
            ho_plan_dump(plans[k], stdout);
        ho_plan_free(plans[k]);
    }
    printf("d = %d: by hand %.1f us, plan %.1f us (%.2fx), jvp of %d %.1f us (%.2fx), vjp %.1f us (%.2fx)\n", (int)d,
           1e6 * hand, 1e6 * plain, plain / hand, COLUMNS, 1e6 * forward, forward / plain, 1e6 * reverse,
           reverse / plain);
    for (int k = 0; k < 6; k++)
        free(wide[k]);
    for (int k = 0; k < 3; k++) {
        free(state[k]);
        free(next[k]);
    }
    free(x);
    ho_graph_free(s.graph);
    return 0;
}
