/*
 * Narrow products, as plans run them, against the rate of a square product by the BLAS in the same run; one thread.
 *
 *     bench_products
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "exec/exec.h"

typedef struct shape {
    const char *what;
    int64_t m, k, n;
    bool transposed; /* a is stored as its transpose */
} shape;

static const shape shapes[] = {
    {"W1 logits, 50 x 2048 x 10", 50, 2048, 10, false},    {"W1 gradient, 2048 x 50 x 10", 2048, 50, 10, true},
    {"W1 W L, 2048 x 10 x 10", 2048, 10, 10, false},       {"W3 logits, 5000 x 784 x 10", 5000, 784, 10, false},
    {"W3 gradient, 784 x 5000 x 10", 784, 5000, 10, true}, {"W5 layer, 32 x 64 x 32", 32, 64, 32, false},
    {"W5 gradient, 64 x 32 x 32", 64, 32, 32, true},       {"W5 head, 32 x 32 x 10", 32, 32, 10, false},
    {"W4 head, 100 x 300 x 10", 100, 300, 10, false},      {"W4 head gradient, 300 x 100 x 10", 300, 100, 10, true},
};

static void *filled(int64_t count, size_t size)
{
    char *values = aligned_alloc(64, ((size_t)count * size + 63) / 64 * 64);
    for (int64_t i = 0; i < count; i++) {
        double value = (double)(i * 7 % 13) * 0.1 - 0.5;
        if (size == sizeof(float))
            ((float *)(void *)values)[i] = (float)value;
        else
            ((double *)(void *)values)[i] = value;
    }
    return values;
}

static double ceiling(ho_precision precision)
{
    enum { SIDE = 1024, TIMES = 5 };
    size_t size = precision == HO_F32 ? sizeof(float) : sizeof(double);
    void *a = filled(SIDE * SIDE, size), *c = filled(SIDE * SIDE, size);
    double best = 0;
    for (int i = 0; i < TIMES; i++) {
        double begun = ho_seconds();
        if (precision == HO_F32)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1, a, SIDE, a, SIDE, 0, c, SIDE);
        else
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1, a, SIDE, a, SIDE, 0, c, SIDE);
        double rate = 2e-9 * SIDE * SIDE * SIDE / (ho_seconds() - begun);
        best = rate > best ? rate : best;
    }
    free(a);
    free(c);
    return best;
}

static double rate_of(const shape *s, ho_precision precision)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    size_t size = precision == HO_F32 ? sizeof(float) : sizeof(double);
    ho_node a = ho_node_leaf(g, "a", ho_shape_of(2, s->transposed ? (int64_t[]){s->k, s->m} : (int64_t[]){s->m, s->k}));
    ho_node b = ho_node_leaf(g, "b", ho_shape_of(2, (int64_t[]){s->k, s->n}));
    ho_node c = ho_node_matmul(g, s->transposed ? ho_node_transpose(g, a) : a, b);
    ho_plan *plan = ho_plan_new(g, precision, (ho_node[]){a, b}, 2, &c, 1, &error);
    if (plan == NULL) {
        fprintf(stderr, "bench_products: %s\n", error.text);
        exit(1);
    }
    void *x = filled(s->m * s->k, size), *y = filled(s->k * s->n, size), *z = filled(s->m * s->n, size);
    double flops = 2.0 * (double)(s->m * s->k * s->n), best = 0;
    int inside = 1 + (int)(4e6 / flops), times = 60;
    for (int i = 0; i < times; i++) {
        double begun = ho_seconds();
        for (int j = 0; j < inside; j++)
            ho_plan_run(plan, (const void *const[]){x, y}, &z);
        double rate = 1e-9 * flops * inside / (ho_seconds() - begun);
        best = rate > best ? rate : best;
    }
    free(x);
    free(y);
    free(z);
    ho_plan_free(plan);
    ho_graph_free(g);
    return best;
}

int main(void)
{
    ho_exec_threads(1);
    double most[] = {ceiling(HO_F32), ceiling(HO_F64)};
    printf("%-36s %8s %6s %8s %6s\n", "GFLOP/s and share of the BLAS's", "f32", "", "f64", "");
    printf("%-36s %8.1f %6s %8.1f\n", "BLAS, 1024 x 1024 x 1024", most[0], "", most[1]);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        double rates[] = {rate_of(&shapes[i], HO_F32), rate_of(&shapes[i], HO_F64)};
        printf("%-36s %8.1f %5.0f%% %8.1f %5.0f%%\n", shapes[i].what, rates[0], 100 * rates[0] / most[0], rates[1],
               100 * rates[1] / most[1]);
    }
    return 0;
}
