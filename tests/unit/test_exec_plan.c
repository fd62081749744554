/* Plans against the reference evaluator, on graphs made at random; bits, allocation, threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "counted_allocation.h"
#include "exec/exec.h"

/* ---- random graphs --------------------------------------------------------------------------------------------- */

static uint64_t state;

static uint64_t draw(uint64_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % n;
}

static double real(void)
{
    return (double)draw(1u << 30) / (double)(1u << 29) - 1.0;
}

#define NODES_MOST  64
#define INPUTS_MOST 12

typedef struct sample {
    ho_error error;
    ho_graph *graph;
    ho_node inputs[INPUTS_MOST];
    double *values[INPUTS_MOST];
    size_t input_count;
    ho_node nodes[NODES_MOST]; /* what ops draw their operands from */
    size_t count;
    int64_t lead; /* size of the extra leading axis */
    bool no_ties; /* comparisons are kept off ties, which f32 rounds to either side */
} sample;

static unsigned seen[1000]; /* ops in the graphs that were compared */
static unsigned sums;       /* of products, wide ones */

static const ho_graph_node *at(const sample *s, ho_node node)
{
    return ho_graph_at(s->graph, node);
}

static void keep(sample *s, ho_node node)
{
    cr_assert(node != HO_POISON, "%s", s->error.text);
    if (s->count < NODES_MOST)
        s->nodes[s->count++] = node;
}

static int64_t odd_size(void)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 33};
    return sizes[draw(sizeof sizes / sizeof *sizes)];
}

static ho_node leaf(sample *s, ho_shape shape)
{
    if (s->input_count == INPUTS_MOST)
        return shape.rank > 0 ? ho_node_expand(s->graph, s->nodes[draw(2)], shape) : s->nodes[draw(2)];
    ho_node node = ho_node_leaf(s->graph, "x", shape);
    int64_t count = ho_shape_count(&shape);
    double *values = ho_alloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = (double)(float)real();
    s->inputs[s->input_count] = node;
    s->values[s->input_count++] = values;
    return node;
}

static ho_node any(const sample *s)
{
    return s->nodes[draw(s->count)];
}

/* A node of that shape, or one made to it. */
static ho_node like(sample *s, const ho_shape *shape)
{
    for (int tries = 0; tries < 8; tries++) {
        ho_node node = any(s);
        if (ho_shape_equal(&at(s, node)->shape, shape))
            return node;
    }
    if (shape->rank > 0) {
        for (int tries = 0; tries < 8; tries++) {
            ho_node node = any(s);
            ho_shape from = at(s, node)->shape;
            if (from.rank > 0 && ho_shape_count(&from) == ho_shape_count(shape))
                return ho_node_reshape(s->graph, node, *shape);
            bool expands = from.rank == shape->rank;
            for (int32_t d = 0; expands && d < from.rank; d++)
                expands = from.dims[d] == shape->dims[d] || from.dims[d] == 1;
            if (expands)
                return ho_node_expand(s->graph, node, *shape);
        }
        if (draw(8) == 0)
            return ho_node_fill(s->graph, *shape, real());
    }
    return leaf(s, *shape);
}

static ho_node tame(sample *s, ho_node a)
{
    return ho_node_unary(s->graph, HO_OP_TANH, a);
}

static ho_node away_from_zero(sample *s, ho_node a)
{
    return ho_node_binary(s->graph, HO_OP_ADD, ho_node_unary(s->graph, HO_OP_ABS, a), ho_node_const(s->graph, 0.5));
}

#define NUMBER(NAME, ...) HO_OP_##NAME,
static const uint32_t unary_ops[] = {HO_UNARY_OPS(NUMBER)};
static const uint32_t binary_ops[] = {HO_BINARY_OPS(NUMBER) HO_COMPARISON_OPS(NUMBER)};

static ho_node random_unary(sample *s)
{
    uint32_t op = unary_ops[draw(sizeof unary_ops / sizeof *unary_ops)];
    ho_node a = any(s);
    if (op == HO_OP_LOG || op == HO_OP_LOG1P || op == HO_OP_SQRT || op == HO_OP_RSQRT)
        a = away_from_zero(s, a);
    else if (op == HO_OP_EXP || op == HO_OP_EXPM1 || op == HO_OP_SIN || op == HO_OP_COS)
        a = tame(s, a);
    if (s->no_ties && (op == HO_OP_SIGN || op == HO_OP_FLOOR))
        a = ho_node_binary(s->graph, HO_OP_ADD, a, ho_node_const(s->graph, 0.0123));
    return ho_node_unary(s->graph, op, a);
}

static ho_node random_binary(sample *s)
{
    uint32_t op = binary_ops[draw(sizeof binary_ops / sizeof *binary_ops)];
    ho_node a = any(s), b = draw(4) == 0 ? s->nodes[draw(2)] : like(s, &at(s, a)->shape);
    if (draw(2) == 0) {
        ho_node swap = a;
        a = b;
        b = swap;
    }
    if (op == HO_OP_DIV) {
        b = away_from_zero(s, b);
    } else if (op == HO_OP_POW) {
        a = away_from_zero(s, tame(s, a));
        b = tame(s, b);
    } else if (op == HO_OP_MUL) {
        a = tame(s, a);
    }
    if (s->no_ties && op >= HO_OP_LESS)
        b = ho_node_binary(s->graph, HO_OP_ADD, b, ho_node_const(s->graph, 0.0123));
    return ho_node_binary(s->graph, op, a, b);
}

static ho_node random_select(sample *s)
{
    ho_node a = any(s);
    ho_shape shape = at(s, a)->shape;
    ho_node b = draw(3) == 0 ? s->nodes[0] : like(s, &shape), c = draw(5) == 0 ? s->nodes[1] : like(s, &shape);
    if (draw(2) == 0)
        c = ho_node_binary(s->graph, HO_OP_LESS, c, ho_node_const(s->graph, 0.0123));
    return draw(2) ? ho_node_select(s->graph, c, a, b) : ho_node_select(s->graph, c, b, a);
}

static ho_node random_reduce(sample *s)
{
    ho_node a = any(s);
    int64_t rank = at(s, a)->shape.rank;
    if (rank == 0)
        return a;
    int64_t axis = 1 + (int64_t)draw((uint64_t)rank), extent = 1 + (int64_t)draw((uint64_t)axis);
    return ho_node_reduce(s->graph, draw(3) ? HO_OP_SUM : HO_OP_MAXIMUM, a, axis, extent);
}

static ho_node random_rearrangement(sample *s)
{
    ho_node a = any(s);
    ho_shape shape = at(s, a)->shape;
    if (shape.rank == 0)
        return ho_node_expand(s->graph, a, ho_shape_of(2, (int64_t[]){odd_size(), odd_size()}));
    int64_t axis = 1 + (int64_t)draw((uint64_t)shape.rank), size = shape.dims[shape.rank - axis];
    switch (draw(6)) {
    case 0: {
        ho_shape flat = ho_shape_of(1, (int64_t[]){ho_shape_count(&shape)});
        return ho_node_reshape(s->graph, a, flat);
    }
    case 1:
        return shape.rank >= 2 ? ho_node_transpose(s->graph, a) : a;
    case 2: {
        int64_t start = (int64_t)draw((uint64_t)size), length = 1 + (int64_t)draw((uint64_t)(size - start));
        return ho_node_slice(s->graph, a, axis, start, length);
    }
    case 3:
        return size < 200 ? ho_node_pad(s->graph, a, axis, (int64_t)draw(4), (int64_t)draw(4)) : a;
    case 4: {
        ho_node parts[3] = {a, a, a};
        for (int i = 0; i < 2; i++)
            parts[draw(3)] = like(s, &shape);
        return size < 200 ? ho_node_concat(s->graph, parts, 2 + (uint32_t)draw(2), axis) : a;
    }
    default:
        if (shape.rank < 3) { /* one more leading axis, repeated */
            ho_shape one = {.rank = shape.rank + 1, .dims = {1}}, many = {.rank = shape.rank + 1, .dims = {s->lead}};
            memcpy(one.dims + 1, shape.dims, sizeof(int64_t) * (size_t)shape.rank);
            memcpy(many.dims + 1, shape.dims, sizeof(int64_t) * (size_t)shape.rank);
            return ho_node_expand(s->graph, ho_node_reshape(s->graph, a, one), many);
        }
        return a;
    }
}

/* A product, or the sum of two; some are wide enough for the BLAS. */
static ho_node random_product(sample *s)
{
    ho_node a = any(s);
    ho_shape shape = at(s, a)->shape;
    if (shape.rank < 2 || shape.rank > 3)
        return a;
    int64_t width = draw(3) ? odd_size() : 33 + (int64_t)draw(16);
    ho_shape other = ho_shape_of(2, (int64_t[]){shape.dims[shape.rank - 1], width});
    if (draw(3) == 0)
        other = ho_shape_of(3, (int64_t[]){shape.rank == 3 ? shape.dims[0] : s->lead, other.dims[0], other.dims[1]});
    bool turned = draw(3) == 0;
    if (turned) {
        int64_t last = other.dims[other.rank - 1];
        other.dims[other.rank - 1] = other.dims[other.rank - 2];
        other.dims[other.rank - 2] = last;
    }
    ho_node b = like(s, &other), c = like(s, &other);
    /* Values stay small by the factor, so that products as they are meet sums and concats. */
    a = ho_node_binary(s->graph, HO_OP_MUL, a, ho_node_const(s->graph, 0.25));
    ho_node product = ho_node_matmul(s->graph, a, turned ? ho_node_transpose(s->graph, b) : b);
    if (draw(2))
        return product;
    sums += width > 32;
    return ho_node_binary(s->graph, HO_OP_ADD, product,
                          ho_node_matmul(s->graph, tame(s, a), turned ? ho_node_transpose(s->graph, c) : c));
}

static ho_node random_indexing(sample *s)
{
    ho_node a = any(s);
    ho_shape shape = at(s, a)->shape;
    if (shape.rank == 0)
        return a;
    int64_t axis = 1 + (int64_t)draw((uint64_t)shape.rank), size = shape.dims[shape.rank - axis];
    bool gather = draw(2) == 0;
    int64_t target = gather ? size : odd_size(), count = gather ? odd_size() : size;
    /* Whole numbers in range: floor(|tanh x| * size), which stays below size. */
    ho_node x = like(s, &(ho_shape){.rank = 1, .dims = {count}});
    x = ho_node_binary(s->graph, HO_OP_MUL, tame(s, x), ho_node_const(s->graph, 0.87));
    x = ho_node_binary(s->graph, HO_OP_MUL, ho_node_unary(s->graph, HO_OP_ABS, x),
                       ho_node_const(s->graph, (double)target));
    x = ho_node_unary(s->graph, HO_OP_FLOOR, x);
    return gather ? ho_node_gather(s->graph, a, x, axis) : ho_node_scatter(s->graph, a, x, axis, target);
}

static ho_node random_node(sample *s)
{
    switch (draw(12)) {
    case 0:
    case 1:
        return random_unary(s);
    case 2:
    case 3:
    case 4:
        return random_binary(s);
    case 5:
        return random_select(s);
    case 6:
    case 7:
        return random_reduce(s);
    case 8:
        return random_product(s);
    case 9:
        return random_indexing(s);
    default:
        return random_rearrangement(s);
    }
}

static void sample_new(sample *s, uint64_t seed, size_t size, bool no_ties)
{
    *s = (sample){.lead = 2 + (int64_t)(seed % 3), .no_ties = no_ties};
    state = seed * 977 + 5;
    draw(2);
    s->graph = ho_graph_new(&s->error);
    keep(s, leaf(s, ho_scalar_shape()));
    keep(s, leaf(s, ho_scalar_shape()));
    int64_t rows = odd_size(), columns = odd_size();
    /* Some beyond a block, so that sums and strided loads cross its end. */
    if (seed % 5 == 0) {
        rows = 37 + (int64_t)draw(20);
        columns = 29;
    }
    keep(s, leaf(s, ho_shape_of(2, (int64_t[]){rows, columns})));
    keep(s, leaf(s, ho_shape_of(2, (int64_t[]){rows, columns})));
    keep(s, leaf(s, ho_shape_of(2, (int64_t[]){rows, 1})));
    keep(s, leaf(s, ho_shape_of(2, (int64_t[]){1, columns})));
    keep(s, leaf(s, ho_shape_of(3, (int64_t[]){s->lead, rows, columns})));
    keep(s, ho_node_iota(s->graph, columns));
    keep(s, ho_node_fill(s->graph, ho_shape_of(2, (int64_t[]){rows, columns}), 0.75));
    while (s->count < size) {
        ho_node node = random_node(s);
        cr_assert(node != HO_POISON, "%s", s->error.text);
        if (ho_shape_count(&at(s, node)->shape) <= 20000)
            keep(s, node);
    }
}

static void sample_free(sample *s)
{
    for (size_t i = 0; i < s->input_count; i++)
        free(s->values[i]);
    ho_graph_free(s->graph);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static int64_t count_of(const sample *s, ho_node node)
{
    ho_shape shape = at(s, node)->shape;
    return ho_shape_count(&shape);
}

static size_t bytes_of(const sample *s, ho_node node, ho_precision precision)
{
    bool narrow = precision == HO_F32 && at(s, node)->shape.rank > 0;
    return (size_t)count_of(s, node) * (narrow ? sizeof(float) : sizeof(double));
}

/* Runs a plan twice, the second time over results spoilt by other bytes, so that every output must be written. */
static void run(const sample *s, ho_precision precision, const ho_node *outputs, size_t count, void **results)
{
    ho_error error = {0};
    ho_plan *plan = ho_plan_new(s->graph, precision, s->inputs, s->input_count, outputs, count, &error);
    cr_assert(plan != NULL, "%s", error.text);
    void *inputs[INPUTS_MOST];
    for (size_t i = 0; i < s->input_count; i++) {
        size_t bytes = bytes_of(s, s->inputs[i], precision);
        inputs[i] = ho_alloc(bytes);
        int64_t n = count_of(s, s->inputs[i]);
        for (int64_t j = 0; j < n; j++)
            if (bytes == (size_t)n * sizeof(float))
                ((float *)inputs[i])[j] = (float)s->values[i][j];
            else
                ((double *)inputs[i])[j] = s->values[i][j];
    }
    for (size_t i = 0; i < count; i++)
        results[i] = ho_alloc(bytes_of(s, outputs[i], precision));
    ho_plan_run(plan, (const void *const *)inputs, results);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = bytes_of(s, outputs[i], precision);
        void *first = ho_alloc(bytes);
        memcpy(first, results[i], bytes);
        memset(results[i], 0x7f, bytes);
        if (i + 1 == count) {
            ho_plan_run(plan, (const void *const *)inputs, results);
            cr_assert(memcmp(first, results[i], bytes) == 0, "a second run gives other bits");
        }
        free(first);
    }
    for (size_t i = 0; i < s->input_count; i++)
        free(inputs[i]);
    ho_plan_free(plan);
}

static void free_results(void **results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(results[i]);
}

static double entry(const sample *s, ho_node node, ho_precision precision, const void *values, int64_t i)
{
    bool narrow = precision == HO_F32 && at(s, node)->shape.rank > 0;
    return narrow ? (double)((const float *)values)[i] : ((const double *)values)[i];
}

static void compare(const sample *s, ho_precision precision, double tolerance, uint64_t seed)
{
    void *results[NODES_MOST];
    double *truth[NODES_MOST];
    for (size_t i = 0; i < s->count; i++)
        truth[i] = ho_alloc((size_t)count_of(s, s->nodes[i]) * sizeof(double));
    ho_error error = {0};
    ho_status status = ho_reference_run(s->graph, precision, s->inputs, (const double *const *)s->values,
                                        s->input_count, s->nodes, truth, s->count, NULL, &error);
    cr_assert(status == HO_OK, "%s", error.text);
    run(s, precision, s->nodes, s->count, results);
    for (size_t i = 0; i < s->count; i++) {
        double scale = 1;
        int64_t n = count_of(s, s->nodes[i]);
        for (int64_t j = 0; j < n; j++)
            scale = fmax(scale, isfinite(truth[i][j]) ? fabs(truth[i][j]) : 0);
        for (int64_t j = 0; j < n; j++) {
            double got = entry(s, s->nodes[i], precision, results[i], j), want = truth[i][j];
            bool same = got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= tolerance * scale;
            if (!same)
                ho_graph_dump(s->graph, &s->nodes[i], NULL, 1, stderr);
            cr_assert(same, "seed %llu, output %zu (%s), entry %lld: %.17g, reference %.17g", (unsigned long long)seed,
                      i, ho_op_name(at(s, s->nodes[i])->op), (long long)j, got, want);
        }
    }
    free_results(results, s->count);
    for (size_t i = 0; i < s->count; i++)
        free(truth[i]);
}

static void note_ops(const sample *s)
{
    size_t length = 0;
    ho_node *order = ho_graph_order(s->graph, s->nodes, s->count, &length);
    for (size_t i = 0; i < length; i++)
        seen[at(s, order[i])->op]++;
    free(order);
}

/* Ties are decided as by the reference where numbers and functions are the same: in f64, without vector functions. */
static void sweep(ho_precision precision, double tolerance, uint64_t first, uint64_t count)
{
    const char *kernels = getenv("HOTOOL_KERNELS");
    const bool no_ties = precision == HO_F32 || !kernels || strcmp(kernels, "base") != 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        sample s;
        sample_new(&s, seed, 24 + seed % 24, no_ties);
        compare(&s, precision, tolerance, seed);
        note_ops(&s);
        sample_free(&s);
    }
    cr_assert(sums >= 100, "%u sums of products were drawn", sums);
    for (uint32_t op = ho_op_next(0); op; op = ho_op_next(op))
        cr_assert(seen[op] >= 10, "op %s was drawn %u times", ho_op_name(op), seen[op]);
}

Test(exec_plan, agrees_with_the_reference_in_f64)
{
    sweep(HO_F64, 1e-11, 1, 1500);
}

Test(exec_plan, agrees_with_the_reference_in_f32)
{
    sweep(HO_F32, 2e-3, 5001, 1500);
}

/* The kernels for processors without AVX2: each test runs in a process of its own, so the choice ends with it. */
static void choose_base_kernels(void)
{
    cr_assert(setenv("HOTOOL_KERNELS", "base", 1) == 0);
}

Test(exec_plan, agrees_with_the_reference_in_f64_without_avx2, .init = choose_base_kernels)
{
    sweep(HO_F64, 1e-11, 1, 1500);
}

Test(exec_plan, agrees_with_the_reference_in_f32_without_avx2, .init = choose_base_kernels)
{
    sweep(HO_F32, 2e-3, 5001, 1500);
}

static void choose_avx2_kernels(void)
{
    cr_assert(setenv("HOTOOL_KERNELS", "avx2", 1) == 0);
}

Test(exec_plan, agrees_with_the_reference_in_f64_without_avx512, .init = choose_avx2_kernels)
{
    sweep(HO_F64, 1e-11, 1, 1500);
}

Test(exec_plan, agrees_with_the_reference_in_f32_without_avx512, .init = choose_avx2_kernels)
{
    sweep(HO_F32, 2e-3, 5001, 1500);
}

/* The switch does switch: a product rounds once for each step with fused multiply-adds, and twice without. */
Test(exec_plan, base_kernels_are_others)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    const ho_node in[] = {ho_node_leaf(g, "a", ho_shape_of(2, (int64_t[]){1, 2})),
                          ho_node_leaf(g, "b", ho_shape_of(2, (int64_t[]){2, 1}))};
    ho_node out = ho_node_matmul(g, in[0], in[1]);
    /* 1 - (1 + e)(1 - e) is e^2, of which nothing is left where the product is rounded first. */
    const double e = ldexp(1, -30), a[] = {1, 1 + e}, b[] = {1, -(1 - e)};
    double results[2];
    for (int base = 0; base < 2; base++) {
        if (base)
            choose_base_kernels();
        ho_plan *plan = ho_plan_new(g, HO_F64, in, 2, &out, 1, &error);
        cr_assert(plan != NULL, "%s", error.text);
        ho_plan_run(plan, (const void *const[]){a, b}, (void *const[]){&results[base]});
        ho_plan_free(plan);
    }
    cr_assert(results[1] == 0);
#if defined(HO_HAVE_AVX2)
    bool fused = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    cr_assert(results[0] == (fused ? e * e : 0), "%g", results[0]);
#else
    cr_assert(results[0] == 0);
#endif
    ho_graph_free(g);
}

Test(exec_plan, bits_do_not_depend_on_other_outputs)
{
    for (uint64_t seed = 9001; seed < 9201; seed++) {
        sample s;
        sample_new(&s, seed, 24 + seed % 24, false);
        for (int p = 0; p < 2; p++) {
            ho_precision precision = p ? HO_F32 : HO_F64;
            void *all[NODES_MOST], *one[1];
            run(&s, precision, s.nodes, s.count, all);
            for (size_t i = 0; i < s.count; i++) {
                run(&s, precision, &s.nodes[i], 1, one);
                cr_assert(memcmp(one[0], all[i], bytes_of(&s, s.nodes[i], precision)) == 0,
                          "seed %llu, output %zu (%s): other bits alone than beside others", (unsigned long long)seed,
                          i, ho_op_name(at(&s, s.nodes[i])->op));
                free_results(one, 1);
            }
            free_results(all, s.count);
        }
        sample_free(&s);
    }
}

#if defined(COUNTS_ALLOCATION)
Test(exec_plan, a_run_allocates_nothing)
{
    sample s;
    sample_new(&s, 70, 48, false);
    ho_error error = {0};
    ho_exec_threads(1);
    ho_plan *plan = ho_plan_new(s.graph, HO_F64, s.inputs, s.input_count, s.nodes, s.count, &error);
    cr_assert(plan != NULL, "%s", error.text);
    void *results[NODES_MOST];
    for (size_t i = 0; i < s.count; i++)
        results[i] = ho_alloc(bytes_of(&s, s.nodes[i], HO_F64));
    ho_plan_run(plan, (const void *const *)s.values, results); /* a BLAS may take its buffers at its first product */
    size_t before = allocations;
    for (int i = 0; i < 3; i++)
        ho_plan_run(plan, (const void *const *)s.values, results);
    cr_assert(allocations == before, "%zu allocations", allocations - before);
    void *volatile probe = malloc(1); /* the count does count */
    cr_assert(allocations == before + 1 && probe != NULL);
    free(probe);
    free_results(results, s.count);
    ho_plan_free(plan);
    sample_free(&s);
}
#endif
