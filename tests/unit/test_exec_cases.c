/* Plans in particular cases: outputs of every kind, errors, NaN, products of every layout, reuse of buffers. */
#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "exec/exec.h"

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

Test(exec_cases, a_product_beyond_what_the_blas_counts_is_refused)
{
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
static const uint32_t functions[] = {HO_OP_EXP,  HO_OP_EXPM1, HO_OP_LOG, HO_OP_LOG1P,
                                     HO_OP_TANH, HO_OP_SIN,   HO_OP_COS, HO_OP_ERF};

/* Units in the last place of float between two values; 0 for NaN and NaN. */
static double ulps(float got, double want)
{
    int exponent;
    if (isnan(got) || isnan(want) || isinf((float)want))
        return isnan(got) == isnan(want) && (isnan(want) || got == (float)want) ? 0 : INFINITY;
    frexp((float)want == 0 ? FLT_TRUE_MIN : (double)(float)want, &exponent);
    return fabs((double)got - want) / ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
}

static void check_function(uint32_t op, const float *x, int64_t n, int64_t period)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    ho_node in = ho_node_leaf(g, "x", ho_shape_of(1, &n)), out = ho_node_unary(g, op, in);
    ho_plan *plan = ho_plan_new(g, HO_F32, &in, 1, &out, 1, &error);
    cr_assert(plan != NULL, "%s", error.text);
    float *y = calloc((size_t)n, sizeof *y);
    ho_plan_run(plan, (const void *const[]){x}, (void *const[]){y});
    for (int64_t i = 0; i < n; i++) {
        double want = ho_op_scalar(op, (double)x[i], 0, 0);
        cr_assert(ulps(y[i], want) <= 5, "%s(%a) = %a, wanted %a", ho_op_name(op), (double)x[i], (double)y[i], want);
        cr_assert(memcmp(&y[i], &y[i % period], sizeof *y) == 0 || isnan(y[i]), "%s(%a): %a at %d, %a at %d",
                  ho_op_name(op), (double)x[i], (double)y[i], (int)i, (double)y[i % period], (int)(i % period));
    }
    free(y);
    ho_plan_free(plan);
    ho_graph_free(g);
}

Test(exec_cases, functions_are_accurate_and_the_same_wherever_an_entry_lies)
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
        for (int64_t n = most - 8; n <= most; n++)
            check_function(functions[f], x, n, PERIOD);
    free(x);
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

/* The value of a leaf, from small whole numbers, so that sums are exact in f32 too. */
static double *whole_numbers(int64_t count, uint64_t seed)
{
    double *values = ho_alloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        values[i] = (double)(seed >> 60) - 7;
    }
    return values;
}

static void *as_precision(const double *values, int64_t count, ho_precision precision)
{
    void *result = ho_alloc((size_t)count * sizeof(double));
    for (int64_t i = 0; i < count; i++)
        if (precision == HO_F32)
            ((float *)result)[i] = (float)values[i];
        else
            ((double *)result)[i] = values[i];
    return result;
}

static double number_at(const void *array, int64_t i, ho_precision precision)
{
    return precision == HO_F32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

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

/* ---- products -------------------------------------------------------------------------------------------------- */

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

Test(exec_cases, sums_of_products_agree_whoever_else_uses_them)
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
Test(exec_cases, products_have_the_same_bits_in_a_concat)
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
    /* Around the sizes of tiles, panels and depths; (17, 5, 2050) and (70, 9, 515) need several depths. */
    static const int64_t sizes[][3] = {{1, 1, 1},     {7, 10, 300},  {50, 10, 1024}, {1024, 10, 50},
                                       {33, 17, 5},   {6, 32, 77},   {13, 33, 129},  {64, 100, 40},
                                       {10, 1, 513},  {5, 150, 260}, {17, 5, 2050},  {70, 9, 515},
                                       {35, 3, 2049}, {2, 16, 4097}, {130, 10, 131}, {67, 20, 1025}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        check_products(sizes[i][0], sizes[i][1], sizes[i][2], HO_F32);
        check_products(sizes[i][0], sizes[i][1], sizes[i][2], HO_F64);
    }
}

Test(exec_cases, products_of_every_layout_agree)
{
    ho_exec_threads(1);
    check_all_products();
}

Test(exec_cases, products_of_every_layout_agree_without_avx2)
{
    setenv("HOTOOL_KERNELS", "base", 1);
    ho_exec_threads(1);
    check_all_products();
}

Test(exec_cases, products_of_every_layout_agree_without_avx512)
{
    setenv("HOTOOL_KERNELS", "avx2", 1);
    ho_exec_threads(1);
    check_all_products();
}

Test(exec_cases, products_agree_with_two_threads)
{
    ho_exec_threads(2);
    check_all_products();
}
