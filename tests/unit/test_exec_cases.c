/* Plans in particular cases: outputs of every kind, errors, NaN, reuse of buffers. */
#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "exec/exec.h"
#include "whole_numbers.h"

Test(exec_cases, outputs_may_be_inputs_constants_and_twice_the_same)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    ho_node x = ho_node_leaf(g, "x", ho_shape_of(2, (int64_t[]){2, 3})), t = ho_node_leaf(g, "t", ho_scalar_shape());
    ho_node y = ho_node_binary(g, HO_OP_MUL, x, t);
    ho_node outputs[] = {x,
                         t,
                         y,
                         y,
                         ho_node_fill(g, ho_shape_of(1, (int64_t[]){2}), 7),
                         ho_node_const(g, 5),
                         ho_node_transpose(g, y),
                         ho_node_iota(g, 3)};
    ho_node inputs[] = {x, t};
    ho_plan *plan = ho_plan_new(g, HO_F64, inputs, 2, outputs, 8, &error);
    cr_assert(plan != NULL, "%s", error.text);
    ho_graph_free(g); /* not needed any more */
    double xs[] = {1, 2, 3, 4, 5, 6}, ts = 2, x2[6], t2, y1[6], y2[6], fill[2], five, turned[6], iota[3];
    ho_plan_run(plan, (const void *const[]){xs, &ts}, (void *const[]){x2, &t2, y1, y2, fill, &five, turned, iota});
    for (int i = 0; i < 6; i++) {
        cr_assert_float_eq(x2[i], xs[i], 0);
        cr_assert_float_eq(y1[i], 2 * xs[i], 0);
        cr_assert_float_eq(y2[i], 2 * xs[i], 0);
        cr_assert_float_eq(turned[i], 2 * xs[i % 2 * 3 + i / 2], 0);
    }
    for (int i = 0; i < 3; i++)
        cr_assert_float_eq(iota[i], i, 0);
    cr_assert(t2 == 2 && five == 5 && fill[0] == 7 && fill[1] == 7);
    ho_plan_free(plan);
}

Test(exec_cases, an_unlisted_leaf_is_an_error_that_names_it)
{
    ho_error error = {0}, refused = {0};
    ho_graph *g = ho_graph_new(&error);
    ho_node x = ho_node_leaf(g, "weights", ho_shape_of(1, (int64_t[]){3}));
    ho_node y = ho_node_unary(g, HO_OP_EXP, x);
    cr_assert(ho_plan_new(g, HO_F64, NULL, 0, &y, 1, &refused) == NULL);
    cr_assert(strstr(refused.text, "\"weights\"") != NULL, "%s", refused.text);
    ho_graph_free(g);
}

/* The message with which a plan of `output` is refused; "": it is not. */
static const char *refusal(ho_graph *g, ho_precision precision, const ho_node *inputs, size_t count, ho_node output)
{
    static ho_error error;
    error = (ho_error){0};
    ho_plan *plan = ho_plan_new(g, precision, inputs, count, &output, 1, &error);
    cr_assert_eq(plan == NULL, error.status != HO_OK);
    ho_plan_free(plan);
    return error.text;
}

Test(exec_cases, counts_beyond_what_f32_holds_exactly_are_refused)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    const int64_t most = (1 << 24) + 1;
    ho_node indices = ho_node_leaf(g, "indices", ho_shape_of(1, (int64_t[]){3}));
    ho_graph_source_enter(g, "net", "net.c", 7);
    for (int64_t n = most; n <= most + 1; n++) {
        bool fits = n == most;
        ho_node in[] = {ho_node_leaf(g, "x", ho_shape_of(1, (int64_t[]){n})), indices};
        ho_node gather = ho_node_gather(g, in[0], indices, 1), scatter = ho_node_scatter(g, indices, indices, 1, n);
        ho_node sum = ho_node_sum_all(g, ho_node_unary(g, HO_OP_SQRT, ho_node_iota(g, n)));
        cr_expect_eq(!*refusal(g, HO_F32, in, 2, gather), fits);
        cr_expect_eq(!*refusal(g, HO_F32, in, 2, scatter), fits);
        cr_expect_eq(!*refusal(g, HO_F32, NULL, 0, sum), fits);
        cr_expect_str_eq(refusal(g, HO_F64, in, 2, gather), "", "f64 counts to 2^53");
        cr_expect_str_eq(refusal(g, HO_F64, in, 2, scatter), "");
    }
    ho_node x = ho_node_leaf(g, "x", ho_shape_of(1, (int64_t[]){20000000}));
    cr_expect_str_eq(refusal(g, HO_F32, (ho_node[]){x, indices}, 2, ho_node_gather(g, x, indices, 1)),
                     "net.c:7: plugin \"net\": gather: f32 cannot count the 20000000 entries of this axis: it holds "
                     "integers exactly only up to 2^24; use precision: f64");
    ho_graph_free(g);
}

/* Where products with many columns are the BLAS's: on processors without AVX2. */
Test(exec_cases, a_product_beyond_what_the_blas_counts_is_refused)
{
    setenv("HOTOOL_KERNELS", "base", 1);
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    ho_node wide = ho_node_leaf(g, "wide", ho_shape_of(2, (int64_t[]){2, 40}));
    ho_node narrow = ho_node_leaf(g, "narrow", ho_shape_of(2, (int64_t[]){2, 10}));
    ho_node fits = ho_node_leaf(g, "fits", ho_shape_of(2, (int64_t[]){INT32_MAX, 2}));
    ho_node long_one = ho_node_leaf(g, "long", ho_shape_of(2, (int64_t[]){(int64_t)INT32_MAX + 1, 2}));
    ho_node in[] = {wide, narrow, fits, long_one};
    ho_graph_source_enter(g, "net", "net.c", 9);
    cr_expect_str_eq(refusal(g, HO_F32, in, 4, ho_node_matmul(g, fits, wide)), "");
    cr_expect_str_eq(refusal(g, HO_F32, in, 4, ho_node_matmul(g, long_one, narrow)), "", "needs no BLAS");
    if (sizeof(blasint) > 4)
        cr_skip_test("this BLAS counts in 64 bits");
    cr_expect_str_eq(refusal(g, HO_F32, in, 4, ho_node_matmul(g, long_one, wide)),
                     "net.c:9: plugin \"net\": plan: a product of (2147483648, 2) @ (2, 40) is too large for the BLAS, "
                     "whose sizes and strides end at 2^31 - 1");
    /* Seen transposed, the long side is a stride. */
    ho_node b = ho_node_leaf(g, "b", ho_shape_of(2, (int64_t[]){40, (int64_t)INT32_MAX + 1}));
    ho_node turned = ho_node_transpose(g, ho_node_slice(g, b, 1, 0, 2));
    cr_expect(strstr(refusal(g, HO_F64, (ho_node[]){b, fits}, 2, ho_node_matmul(g, fits, turned)), "(2, 40)"));
    ho_graph_free(g);
}

Test(exec_cases, an_input_that_is_not_needed_may_be_null)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    ho_node in[2] = {ho_node_leaf(g, "x", ho_shape_of(1, (int64_t[]){3})),
                     ho_node_leaf(g, "y", ho_shape_of(1, (int64_t[]){3}))};
    ho_node out = ho_node_sum_all(g, in[1]);
    ho_plan *plan = ho_plan_new(g, HO_F32, in, 2, &out, 1, &error);
    float y[] = {1, 2, 4};
    double sum = 0;
    ho_plan_run(plan, (const void *const[]){NULL, y}, (void *const[]){&sum});
    cr_assert(sum == 7);
    ho_plan_free(plan);
    ho_graph_free(g);
}

/* NaN comes through max, min and reductions wherever it stands in a block; a branch not taken stays out. */
Test(exec_cases, nan_is_kept_by_max_min_and_reductions)
{
    enum { N = 1030 };
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    ho_node x = ho_node_leaf(g, "x", ho_shape_of(1, (int64_t[]){N})), zero = ho_node_const(g, 0);
    ho_node ordinary = ho_node_binary(g, HO_OP_EQUAL, x, x);
    ho_node outputs[] = {ho_node_binary(g, HO_OP_MAX, x, zero), ho_node_binary(g, HO_OP_MIN, zero, x),
                         ho_node_reduce(g, HO_OP_MAXIMUM, x, 1, 1), ho_node_sum_all(g, x),
                         ho_node_select(g, ordinary, x, zero)};
    ho_plan *plan = ho_plan_new(g, HO_F32, &x, 1, outputs, 5, &error);
    float xs[N], larger[N], smaller[N], selected[N];
    double most, sum;
    for (int bad = 0; bad < N; bad += 41) {
        for (int i = 0; i < N; i++)
            xs[i] = i == bad ? NAN : (float)i;
        ho_plan_run(plan, (const void *const[]){xs}, (void *const[]){larger, smaller, &most, &sum, selected});
        cr_assert(isnan(larger[bad]) && isnan(smaller[bad]) && isnan(most) && isnan(sum) && selected[bad] == 0);
        cr_assert(larger[(bad + 1) % N] == (float)((bad + 1) % N));
    }
    ho_plan_free(plan);
    ho_graph_free(g);
}

/* Ops that an implementation may compute some entries at a time. */
static const uint32_t functions[] = {HO_OP_EXP, HO_OP_EXPM1, HO_OP_LOG, HO_OP_LOG1P, HO_OP_TANH,
                                     HO_OP_SIN, HO_OP_COS,   HO_OP_ERF, HO_OP_RSQRT};

/* Units in the last place of the precision between two values; 0 for NaN and NaN. */
static double ulps(ho_precision precision, double got, double want)
{
    const int digits = precision == HO_F32 ? 24 : 53, least = precision == HO_F32 ? -149 : -1074;
    const double rounded = precision == HO_F32 ? (double)(float)want : want;
    int exponent;
    if (isnan(got) || isnan(want) || isinf(rounded))
        return isnan(got) == isnan(want) && (isnan(want) || got == rounded) ? 0 : INFINITY;
    frexp(rounded == 0 ? ldexp(1, least) : rounded, &exponent);
    return fabs(got - want) / ldexp(1, exponent - digits < least ? least : exponent - digits);
}

static void check_function(uint32_t op, ho_precision precision, const float *x, int64_t n, int64_t period)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    ho_node in = ho_node_leaf(g, "x", ho_shape_of(1, &n)), out = ho_node_unary(g, op, in);
    ho_plan *plan = ho_plan_new(g, precision, &in, 1, &out, 1, &error);
    cr_assert(plan != NULL, "%s", error.text);
    float *y = calloc((size_t)n, sizeof *y);
    double *wide_x = calloc((size_t)n, sizeof *wide_x), *wide_y = calloc((size_t)n, sizeof *wide_y);
    for (int64_t i = 0; i < n; i++)
        wide_x[i] = (double)x[i];
    const bool f32 = precision == HO_F32;
    ho_plan_run(plan, f32 ? (const void *const[]){x} : (const void *const[]){wide_x},
                f32 ? (void *const[]){y} : (void *const[]){wide_y});
    for (int64_t i = 0; i < n; i++)
        wide_y[i] = f32 ? (double)y[i] : wide_y[i];
    for (int64_t i = 0; i < n; i++) {
        const double want = ho_op_scalar(op, wide_x[i], 0, 0), got = wide_y[i], first = wide_y[i % period];
        cr_assert(ulps(precision, got, want) <= 5, "f%d %s(%a) = %a, wanted %a", f32 ? 32 : 64, ho_op_name(op),
                  wide_x[i], got, want);
        cr_assert(memcmp(&got, &first, sizeof got) == 0 || isnan(got), "f%d %s(%a): %a at %d, %a at %d", f32 ? 32 : 64,
                  ho_op_name(op), wide_x[i], got, (int)i, first, (int)(i % period));
    }
    free(y);
    free(wide_x);
    free(wide_y);
    ho_plan_free(plan);
    ho_graph_free(g);
}

static void check_functions(void)
{
    const float special[] = {0.0f,  -0.0f,  INFINITY, -INFINITY, NAN,   FLT_TRUE_MIN, -FLT_TRUE_MIN, 1e-40f, FLT_MIN,
                             -1.0f, -1e-7f, 1e-7f,    88.7f,     89.0f, -87.4f,       -104.0f,       1e10f,  -1e10f};
    enum { PERIOD = 91 }; /* odd: each value comes to lie at every place of a vector, and in the last, partial one */
    int64_t most = PERIOD * 16 + 5, specials = (int64_t)(sizeof special / sizeof *special);
    float *x = calloc((size_t)most, sizeof *x);
    for (int64_t i = 0; i < most; i++) {
        int64_t j = i % PERIOD;
        x[i] = j < specials ? special[j] : (float)(j - 54) * 0.37f;
    }
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++)
        for (int64_t n = most - 8; n <= most; n++) {
            check_function(functions[f], HO_F32, x, n, PERIOD);
            check_function(functions[f], HO_F64, x, n, PERIOD);
        }
    free(x);
}

Test(exec_cases, functions_are_accurate_and_the_same_wherever_an_entry_lies)
{
    check_functions();
}

Test(exec_cases, functions_are_accurate_without_avx512)
{
    setenv("HOTOOL_KERNELS", "avx2", 1);
    check_functions();
}

/* A chain of products and elementwise ops needs a few buffers, however long it is. */
Test(exec_cases, buffers_are_reused)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    ho_node x = ho_node_leaf(g, "x", ho_shape_of(2, (int64_t[]){64, 64})), y = x;
    for (int i = 0; i < 40; i++)
        y = ho_node_unary(g, HO_OP_TANH, ho_node_matmul(g, y, x));
    ho_plan *plan = ho_plan_new(g, HO_F64, &x, 1, &y, 1, &error);
    cr_assert(plan != NULL, "%s", error.text);
    cr_assert(ho_plan_bytes(plan) < 4 * 64 * 64 * sizeof(double) + 65536, "%zu bytes", ho_plan_bytes(plan));
    ho_plan_free(plan);
    ho_graph_free(g);
}

/* A plugin that loops makes chains as long as a trace can hold. */
Test(exec_cases, long_chains_are_no_deep_recursion)
{
    enum { LENGTH = 200000 };
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    ho_node x = ho_node_leaf(g, "x", ho_shape_of(1, (int64_t[]){2})), y = x;
    for (int i = 0; i < LENGTH; i++)
        y = ho_node_binary(g, HO_OP_ADD, y, x);
    ho_plan *plan = ho_plan_new(g, HO_F64, &x, 1, &y, 1, &error);
    cr_assert(plan != NULL, "%s", error.text);
    double xs[] = {1, 2}, ys[2];
    ho_plan_run(plan, (const void *const[]){xs}, (void *const[]){ys});
    cr_assert(ys[0] == LENGTH + 1 && ys[1] == 2 * (LENGTH + 1), "%g, %g", ys[0], ys[1]);
    ho_plan_free(plan);
    ho_graph_free(g);
}

/* ---- large outputs --------------------------------------------------------------------------------------------- */

#define LARGE 700001

/* v + row and (v + row) * w, the first added up beside; v turned, and its last two rows: copies. Every array begins one
 * entry from where its memory does. */
static void check_large(ho_precision precision)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    const int64_t k = LARGE, n = 3 * k;
    ho_shape all = ho_shape_of(2, (int64_t[]){3, k});
    ho_node in[] = {ho_node_leaf(g, "v", all), ho_node_leaf(g, "w", all),
                    ho_node_leaf(g, "row", ho_shape_of(2, (int64_t[]){1, k}))};
    ho_node moved = ho_node_binary(g, HO_OP_ADD, in[0], ho_node_expand(g, in[2], all));
    ho_node out[] = {moved, ho_node_binary(g, HO_OP_MUL, moved, in[1]), ho_node_sum_all(g, moved),
                     ho_node_transpose(g, in[0]), ho_node_slice(g, in[0], 2, 1, 2)};
    ho_plan *plan = ho_plan_new(g, precision, in, 3, out, 5, &error);
    cr_assert(plan != NULL, "%s", error.text);
    size_t size = precision == HO_F32 ? sizeof(float) : sizeof(double);
    double *values[3], sum, added = 0;
    void *inputs[3], *memory[4];
    for (int i = 0; i < 3; i++) {
        values[i] = whole_numbers(n, 5 + (uint64_t)i);
        inputs[i] = as_precision(values[i], n, precision);
    }
    for (int i = 0; i < 4; i++)
        memory[i] = ho_alloc((size_t)(n + 1) * size);
    char *results[4];
    for (int i = 0; i < 4; i++)
        results[i] = (char *)memory[i] + size;
    ho_plan_run(plan, (const void *const *)inputs,
                (void *const[]){results[0], results[1], &sum, results[2], results[3]});
    for (int64_t i = 0; i < n; i++) {
        double due = values[0][i] + values[2][i % k];
        added += due;
        cr_assert(number_at(results[0], i, precision) == due, "sum, entry %lld", (long long)i);
        cr_assert(number_at(results[1], i, precision) == due * values[1][i], "product, entry %lld", (long long)i);
        cr_assert(number_at(results[2], i % k * 3 + i / k, precision) == values[0][i], "turned, %lld", (long long)i);
        cr_assert(i < k || number_at(results[3], i - k, precision) == values[0][i], "rows, %lld", (long long)i);
    }
    cr_assert(sum == added, "%g, added up one by one %g", sum, added);
    for (int i = 0; i < 4; i++) {
        cr_assert(number_at(memory[i], 0, precision) == 0, "what lies before output %d", i);
        free(memory[i]);
    }
    for (int i = 0; i < 3; i++) {
        free(values[i]);
        free(inputs[i]);
    }
    ho_plan_free(plan);
    ho_graph_free(g);
}

/* Outputs of several megabytes are written another way. */
Test(exec_cases, large_outputs_are_the_same_as_small_ones)
{
    check_large(HO_F32);
    check_large(HO_F64);
}
