/* Matrix products in plans: of every layout and size, in sums, in a concat, and with entries that are not finite. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "exec/exec.h"
#include "whole_numbers.h"

#define PRODUCTS 8
#define BEYOND   64 /* entries after a result, which nothing may write */

/* All layouts of an (m, k) @ (k, n) product at once: plain, transposed, batched by 3. */
static void check_products(int64_t m, int64_t n, int64_t k, ho_precision precision)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    const int64_t dims[6][3] = {{1, m, k}, {1, k, m}, {1, k, n}, {1, n, k}, {3, m, k}, {3, k, n}};
    ho_node in[6], out[PRODUCTS];
    double *values[6], *truth[PRODUCTS];
    void *inputs[6], *results[PRODUCTS];
    for (int i = 0; i < 6; i++) {
        in[i] = ho_node_leaf(g, "x", dims[i][0] == 1 ? ho_shape_of(2, dims[i] + 1) : ho_shape_of(3, dims[i]));
        int64_t count = dims[i][0] * dims[i][1] * dims[i][2];
        values[i] = whole_numbers(count, (uint64_t)(m * 1000 + n * 10 + k + i));
        inputs[i] = as_precision(values[i], count, precision);
    }
    ho_node at = ho_node_transpose(g, in[1]), bt = ho_node_transpose(g, in[3]);
    const ho_node left[PRODUCTS] = {in[0], at, in[0], at, in[4], in[0], in[4], at};
    const ho_node right[PRODUCTS] = {in[2], in[2], bt, bt, in[2], in[5], in[5], in[5]};
    for (int i = 0; i < PRODUCTS; i++) {
        out[i] = ho_node_matmul(g, left[i], right[i]);
        results[i] = ho_alloc((size_t)(3 * m * n + BEYOND) * sizeof(double));
        memset(results[i], 0x55, (size_t)(3 * m * n + BEYOND) * sizeof(double));
        truth[i] = ho_alloc((size_t)(3 * m * n) * sizeof(double));
    }
    cr_assert(ho_reference_run(g, HO_F64, in, (const double *const *)values, 6, out, truth, PRODUCTS, NULL, &error) ==
              HO_OK);
    ho_plan *plan = ho_plan_new(g, precision, in, 6, out, PRODUCTS, &error);
    cr_assert(plan != NULL, "%s", error.text);
    ho_plan_run(plan, (const void *const *)inputs, results);
    for (int i = 0; i < PRODUCTS; i++) {
        for (int64_t j = 0; j < (i < 4 ? 1 : 3) * m * n; j++) {
            double got = precision == HO_F32 ? (double)((float *)results[i])[j] : ((double *)results[i])[j];
            cr_assert(got == truth[i][j], "product %d of (%d, %d, %d), entry %d: %g, reference %g", i, (int)m, (int)n,
                      (int)k, (int)j, got, truth[i][j]);
        }
        size_t size = precision == HO_F32 ? sizeof(float) : sizeof(double);
        const char *end = (char *)results[i] + (size_t)((i < 4 ? 1 : 3) * m * n) * size;
        for (size_t j = 0; j < BEYOND * size; j++)
            cr_assert(end[j] == 0x55, "product %d of (%d, %d, %d) wrote beyond its end", i, (int)m, (int)n, (int)k);
        free(results[i]);
        free(truth[i]);
    }
    for (int i = 0; i < 6; i++) {
        free(values[i]);
        free(inputs[i]);
    }
    ho_plan_free(plan);
    ho_graph_free(g);
}

/* a @ b + c @ d, from x (3, m, k), y (k, n) and z (3, k, n); beside it one of the products, the sum transposed and the
 * sum in the middle of a concat. */
typedef struct sum_case {
    ho_graph *graph;
    ho_node in[3], sum, others[3];
    int64_t counts[3], sizes[4]; /* entries of the inputs; of sum and others */
} sum_case;

static sum_case make_sum(ho_graph *g, int64_t m, int64_t n, int64_t k, bool batched)
{
    sum_case s = {.graph = g, .counts = {3 * m * k, k * n, 3 * k * n}};
    s.in[0] = ho_node_leaf(g, "x", ho_shape_of(3, (int64_t[]){3, m, k}));
    s.in[1] = ho_node_leaf(g, "y", ho_shape_of(2, (int64_t[]){k, n}));
    s.in[2] = ho_node_leaf(g, "z", ho_shape_of(3, (int64_t[]){3, k, n}));
    ho_node x = s.in[0], z = s.in[2];
    if (!batched) {
        x = ho_node_reshape(g, ho_node_slice(g, x, 3, 1, 1), ho_shape_of(2, (int64_t[]){m, k}));
        z = ho_node_reshape(g, ho_node_slice(g, z, 3, 2, 1), ho_shape_of(2, (int64_t[]){k, n}));
    }
    ho_node left = ho_node_matmul(g, x, s.in[1]);
    s.sum = ho_node_binary(g, HO_OP_ADD, left, ho_node_matmul(g, x, z));
    ho_shape shape = ho_graph_at(g, s.sum)->shape, flat = ho_shape_of(2, (int64_t[]){3, m * n});
    ho_node rows = batched ? ho_node_reshape(g, s.sum, flat) : s.sum;
    s.others[0] = left;
    s.others[1] = ho_node_transpose(g, s.sum);
    s.others[2] = ho_node_concat(g, (ho_node[]){ho_node_unary(g, HO_OP_NEG, rows), rows, rows}, 3, 1);
    s.sizes[0] = s.sizes[1] = s.sizes[2] = ho_shape_count(&shape);
    s.sizes[3] = 3 * s.sizes[0];
    return s;
}

static void check_sum(int64_t m, int64_t n, int64_t k, bool batched, ho_precision precision)
{
    ho_error error = {0};
    sum_case s = make_sum(ho_graph_new(&error), m, n, k, batched);
    ho_node alone[] = {ho_node_concat(s.graph,
                                      (ho_node[]){ho_node_fill(s.graph, ho_shape_of(1, &n), 1),
                                                  ho_node_reshape(s.graph, s.sum, ho_shape_of(1, &s.sizes[0]))},
                                      2, 1)};
    ho_node all[] = {s.sum, s.others[0], s.others[1], s.others[2]};
    ho_plan *plans[] = {ho_plan_new(s.graph, precision, s.in, 3, &s.sum, 1, &error),
                        ho_plan_new(s.graph, precision, s.in, 3, all, 4, &error),
                        ho_plan_new(s.graph, precision, s.in, 3, alone, 1, &error)};
    cr_assert(plans[0] && plans[1] && plans[2], "%s", error.text);
    double *values[3], *truth[4];
    void *in[3], *inexact[3], *one, *many[4], *last;
    size_t size = precision == HO_F32 ? sizeof(float) : sizeof(double);
    for (int i = 0; i < 3; i++) {
        values[i] = whole_numbers(s.counts[i], 7 + (uint64_t)i);
        in[i] = as_precision(values[i], s.counts[i], precision);
        for (int64_t j = 0; j < s.counts[i]; j++)
            values[i][j] /= 7;
        inexact[i] = as_precision(values[i], s.counts[i], precision);
        for (int64_t j = 0; j < s.counts[i]; j++)
            values[i][j] = round(7 * values[i][j]);
    }
    for (int i = 0; i < 4; i++) {
        truth[i] = ho_alloc((size_t)s.sizes[i] * sizeof(double));
        many[i] = ho_alloc((size_t)s.sizes[i] * size);
    }
    one = ho_alloc((size_t)s.sizes[0] * size);
    last = ho_alloc((size_t)(n + s.sizes[0]) * size);
    /* Sums that are rounded show the order they were made in. */
    ho_plan_run(plans[0], (const void *const *)inexact, &one);
    ho_plan_run(plans[1], (const void *const *)inexact, many);
    ho_plan_run(plans[2], (const void *const *)inexact, &last);
    cr_assert(memcmp(one, many[0], (size_t)s.sizes[0] * size) == 0, "bits depend on other outputs");
    cr_assert(memcmp(one, (char *)last + (size_t)n * size, (size_t)s.sizes[0] * size) == 0, "bits depend on the place");
    ho_plan_run(plans[1], (const void *const *)in, many);
    cr_assert(ho_reference_run(s.graph, precision, s.in, (const double *const *)values, 3, all, truth, 4, NULL,
                               &error) == HO_OK);
    for (int i = 0; i < 4; i++) {
        for (int64_t j = 0; j < s.sizes[i]; j++) {
            double got = precision == HO_F32 ? (double)((float *)many[i])[j] : ((double *)many[i])[j];
            cr_assert(got == truth[i][j], "%lld x %lld x %lld, output %d, entry %lld: %g, wanted %g", (long long)m,
                      (long long)n, (long long)k, i, (long long)j, got, truth[i][j]);
        }
        free(truth[i]);
        free(many[i]);
    }
    for (int i = 0; i < 3; i++) {
        free(values[i]);
        free(in[i]);
        free(inexact[i]);
        ho_plan_free(plans[i]);
    }
    free(one);
    free(last);
    ho_graph_free(s.graph);
}

Test(exec_products, sums_of_products_agree_whoever_else_uses_them)
{
    const int64_t sizes[][3] = {{5, 40, 7}, {33, 33, 1}, {1, 65, 400}, {70, 32, 9}, {64, 129, 31}, {4, 3, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int batched = 0; batched < 2; batched++) {
            check_sum(sizes[i][0], sizes[i][1], sizes[i][2], batched, HO_F32);
            check_sum(sizes[i][0], sizes[i][1], sizes[i][2], batched, HO_F64);
        }
    }
}

/* x (3, m, k) @ y (k, n), and the same added to another product, alone and as whole matrices in the middle of a concat,
 * where the rows of the three do not follow each other. */
static void check_place(int64_t m, int64_t n, int64_t k, ho_precision precision)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    const ho_node in[] = {ho_node_leaf(g, "x", ho_shape_of(3, (int64_t[]){3, m, k})),
                          ho_node_leaf(g, "y", ho_shape_of(2, (int64_t[]){k, n}))};
    const int64_t counts[] = {3 * m * k, k * n}, size = 3 * m * n;
    ho_node left = ho_node_matmul(g, in[0], in[1]);
    ho_node products[] = {
        left, ho_node_binary(g, HO_OP_ADD, left, ho_node_matmul(g, ho_node_unary(g, HO_OP_NEG, in[0]), in[1]))};
    void *values[2];
    for (int i = 0; i < 2; i++) {
        double *whole = whole_numbers(counts[i], 3 + (uint64_t)i);
        for (int64_t j = 0; j < counts[i]; j++)
            whole[j] /= 7; /* sums that are rounded show the order they were made in */
        values[i] = as_precision(whole, counts[i], precision);
        free(whole);
    }
    for (int i = 0; i < 2; i++) {
        ho_node flat = ho_node_reshape(g, products[i], ho_shape_of(2, (int64_t[]){3, m * n}));
        ho_node one = ho_node_fill(g, ho_shape_of(2, (int64_t[]){3, 1}), 1);
        ho_node placed = ho_node_concat(g, (ho_node[]){one, flat, one}, 3, 1);
        ho_plan *plans[] = {ho_plan_new(g, precision, in, 2, &products[i], 1, &error),
                            ho_plan_new(g, precision, in, 2, &placed, 1, &error)};
        cr_assert(plans[0] && plans[1], "%s", error.text);
        size_t bytes = precision == HO_F32 ? sizeof(float) : sizeof(double), row = (size_t)(m * n) * bytes;
        char *alone = ho_alloc((size_t)size * bytes), *rows = ho_alloc((size_t)(size + 6) * bytes);
        ho_plan_run(plans[0], (const void *const *)values, (void *const[]){alone});
        ho_plan_run(plans[1], (const void *const *)values, (void *const[]){rows});
        for (size_t b = 0; b < 3; b++) {
            cr_assert(memcmp(alone + b * row, rows + b * (row + 2 * bytes) + bytes, row) == 0,
                      "%lld x %lld x %lld, %s, f%zu: other bits in a concat", (long long)m, (long long)n, (long long)k,
                      i ? "sum" : "product", 8 * bytes);
        }
        free(alone);
        free(rows);
        ho_plan_free(plans[0]);
        ho_plan_free(plans[1]);
    }
    free(values[0]);
    free(values[1]);
    ho_graph_free(g);
}

/* A BLAS has other ways for small products than for large ones; the last sizes are small alone and large together. */
Test(exec_products, products_have_the_same_bits_in_a_concat)
{
    const int64_t sizes[][3] = {{5, 40, 7}, {3, 4, 600}, {1, 65, 400}, {17, 33, 700}, {20, 50, 900}, {1, 600, 1500}};
    for (int threads = 1; threads <= 2; threads++) {
        ho_exec_threads(threads);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            check_place(sizes[i][0], sizes[i][1], sizes[i][2], HO_F32);
            check_place(sizes[i][0], sizes[i][1], sizes[i][2], HO_F64);
        }
    }
}

/* An entry that is not finite counts once, wherever the vectors of a row end. */
static void check_infinite_entry(void)
{
    enum { M = 5, K = 131, N = 10 };
    for (int precision = HO_F32; precision <= HO_F64; precision++) {
        ho_error error = {0};
        ho_graph *g = ho_graph_new(&error);
        const ho_node in[] = {ho_node_leaf(g, "a", ho_shape_of(2, (int64_t[]){M, K})),
                              ho_node_leaf(g, "b", ho_shape_of(2, (int64_t[]){K, N}))};
        ho_node out = ho_node_matmul(g, in[0], in[1]);
        double a[M * K], b[K * N], c[M * N];
        for (int i = 0; i < M * K; i++)
            a[i] = i == 2 * K + K - 4 ? INFINITY : 1;
        for (int i = 0; i < K * N; i++)
            b[i] = 1;
        void *inputs[] = {as_precision(a, M * K, (ho_precision)precision),
                          as_precision(b, K * N, (ho_precision)precision)};
        ho_plan *plan = ho_plan_new(g, (ho_precision)precision, in, 2, &out, 1, &error);
        cr_assert(plan != NULL, "%s", error.text);
        ho_plan_run(plan, (const void *const *)inputs, (void *const[]){c});
        for (int i = 0; i < M * N; i++) {
            double got = precision == HO_F32 ? (double)((float *)(void *)c)[i] : c[i];
            cr_assert(got == (i / N == 2 ? INFINITY : K), "entry %d: %g", i, got);
        }
        ho_plan_free(plan);
        ho_graph_free(g);
        free(inputs[0]);
        free(inputs[1]);
    }
}

static void check_all_products(void)
{
    check_infinite_entry();
    /* Around the sizes of tiles, panels and depths; (17, 5, 2050), (70, 9, 515) and (5, 150, 515) need several depths.
     */
    static const int64_t sizes[][3] = {{1, 1, 1},     {7, 10, 300},  {50, 10, 1024}, {1024, 10, 50},
                                       {33, 17, 5},   {6, 32, 77},   {13, 33, 129},  {64, 100, 40},
                                       {10, 1, 513},  {5, 150, 515}, {17, 5, 2050},  {70, 9, 515},
                                       {35, 3, 2049}, {2, 16, 4097}, {130, 10, 131}, {67, 20, 1025}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_products(sizes[i][0], sizes[i][1], sizes[i][2], HO_F32);
        check_products(sizes[i][0], sizes[i][1], sizes[i][2], HO_F64);
    }
}

Test(exec_products, products_of_every_layout_agree)
{
    ho_exec_threads(1);
    check_all_products();
}

Test(exec_products, products_of_every_layout_agree_without_avx2)
{
    setenv("HOTOOL_KERNELS", "base", 1);
    ho_exec_threads(1);
    check_all_products();
}

Test(exec_products, products_of_every_layout_agree_without_avx512)
{
    setenv("HOTOOL_KERNELS", "avx2", 1);
    ho_exec_threads(1);
    check_all_products();
}

Test(exec_products, products_agree_with_two_threads)
{
    ho_exec_threads(2);
    check_all_products();
}

/* Seconds that the processor time of a product of two matrices of this size exceeds the calling thread's by, as a share
 * of the latter. */
static double others_share(int64_t size, int threads)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    const ho_node in[2] = {ho_node_leaf(g, "a", ho_shape_of(2, (int64_t[]){size, size})),
                           ho_node_leaf(g, "b", ho_shape_of(2, (int64_t[]){size, size}))};
    const ho_node out = ho_node_matmul(g, in[0], in[1]);
    double *numbers = whole_numbers(size * size, 1);
    float *values = as_precision(numbers, size * size, HO_F32),
          *product = ho_alloc((size_t)(size * size) * sizeof *product);
    ho_exec_threads(threads);
    ho_plan *plan = ho_plan_new(g, HO_F32, in, 2, &out, 1, &error);
    cr_assert(plan != NULL, "%s", error.text);
    const double own = ho_thread_seconds(), all = ho_exec_cpu_seconds();
    for (int i = 0; i < 5; i++)
        ho_plan_run(plan, (const void *const[]){values, values}, (void *const[]){product});
    const double own_seconds = ho_thread_seconds() - own, others = ho_exec_cpu_seconds() - all - own_seconds;
    ho_exec_threads(1);
    ho_plan_free(plan);
    ho_graph_free(g);
    free(numbers);
    free(values);
    free(product);
    return others / own_seconds;
}

/* The most and the least of many tries: other programs delay a thread of ours, or come between two looks at the clock.
 */
static double most_share(int64_t size, int threads)
{
    double most = 0;
    for (int i = 0; i < 200 && most < 0.5; i++)
        most = fmax(most, others_share(size, threads));
    return most;
}

static double least_share(int64_t size, int threads)
{
    double least = 1;
    for (int i = 0; i < 200 && least > 0.1; i++)
        least = fmin(least, others_share(size, threads));
    return least;
}

Test(products, processor_time_holds_that_of_the_threads_of_large_products)
{
    cr_expect_gt(most_share(512, 2), 0.5);
    cr_expect_lt(least_share(512, 1), 0.2);
    cr_expect_lt(least_share(32, 2), 0.2);
}
