/* Tracing as a plugin sees it: what its calls build, and what they say of its mistakes. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "host/descriptor.h"
#include "host/tracing.h"

/* ---- a plugin whose step is whatever the test wants ---- */

static ho_status (*body)(ho_trace *x);

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    return body(x);
}

static const ho_dynamics_calls calls = {.struct_size = sizeof calls, .step = step};
static const ho_option options[] = {
    {.name = "epsilon", .type = HO_REAL, .initial = "0.5"},
    {.name = "order", .type = HO_INTEGER, .initial = "3"},
    {.name = "not_given", .type = HO_REAL},
};
static const ho_plugin plugin = {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "probe", .options = HO_TABLE(options),
                                 .calls = &calls};

static ho_error error;
static ho_arena *arena;
static ho_loaded loaded;
static ho_instance *instance;
static ho_graph *graph;
static ho_scope *scope;
static ho_trace_env env;

static void leaf(const char *name, int32_t rank, const int64_t *dims)
{
    ho_scope_bind(scope, name, ho_node_leaf(graph, name, ho_shape_of(rank, dims)));
}

static void setup(void)
{
    static const ho_named_size sizes[] = {{"features", 7}, {"outputs", 3}, {NULL, 0}};
    error = (ho_error){0};
    arena = ho_arena_new();
    cr_assert_eq(ho_descriptor_read(&plugin, 0, "probe.so", arena, &loaded, &error), HO_OK, "%s", error.text);
    instance = ho_instance_new(&loaded, NULL, NULL, NULL, (ho_place){0}, &error);
    cr_assert_not_null(instance, "%s", error.text);
    graph = ho_graph_new(&error);
    scope = ho_scope_new();
    env =
        (ho_trace_env){.graph = graph, .scope = scope, .sizes = sizes, .gradient_reason = "a penalty has no objective"};
    leaf("w", 1, (int64_t[]){6});
    leaf("a", 2, (int64_t[]){2, 3});
    leaf("b", 2, (int64_t[]){4, 5});
    leaf("column", 2, (int64_t[]){3, 1});
    leaf("row", 1, (int64_t[]){4});
}

static void teardown(void)
{
    ho_scope_free(scope);
    ho_graph_free(graph);
    ho_instance_free(instance);
    ho_arena_free(arena);
}

TestSuite(host_trace, .init = setup, .fini = teardown);

static ho_status run(ho_status (*what)(ho_trace *x))
{
    body = what;
    return ho_trace_call(instance, "step", step, &env);
}

static void assert_shape(ho_trace *x, ho_value value, int32_t rank, const int64_t *dims)
{
    int64_t found[HO_MAX_RANK] = {0};
    cr_assert_neq(value.id, 0u, "%s", error.text);
    cr_assert_eq(ho_shape_get(x, value, found), rank);
    for (int32_t i = 0; i < rank; i++)
        cr_assert_eq(found[i], dims[i], "axis %d: %d, due %d", (int)i, (int)found[i], (int)dims[i]);
}

#define ASSERT_SHAPE(x, value, ...) \
    assert_shape(x, value, (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__})

/* ---- what calls build ---- */

static ho_status broadcasts(ho_trace *x)
{
    ho_value column = ho_get(x, "column"), row = ho_get(x, "row"), one = ho_constant(x, 1);
    ASSERT_SHAPE(x, ho_add(x, column, row), 3, 4);
    ASSERT_SHAPE(x, ho_sub(x, row, column), 3, 4);
    ASSERT_SHAPE(x, ho_mul(x, one, row), 4);
    ASSERT_SHAPE(x, ho_where(x, ho_less(x, column, one), row, one), 3, 4);
    cr_assert_eq(ho_shape_get(x, ho_add(x, one, one), NULL), 0);
    return ho_ok(x);
}

Test(host_trace, elementwise_calls_broadcast_as_numpy_does)
{
    cr_assert_eq(run(broadcasts), HO_OK, "%s", error.text);
}

/* Does not compile where trace.h lacks the call of an op. */
static ho_status calls_every_op(ho_trace *x)
{
    ho_value a = ho_get(x, "a"), b = ho_get(x, "a");
#define UNARY(NAME, name, ...)     ASSERT_SHAPE(x, ho_##name(x, a), 2, 3);
#define BINARY(NAME, name, ...)    ASSERT_SHAPE(x, ho_##name(x, a, b), 2, 3);
#define REDUCTION(NAME, name, ...) ASSERT_SHAPE(x, ho_##name(x, a, 1, 0), 2);
    HO_UNARY_OPS(UNARY)
    HO_BINARY_OPS(BINARY)
    HO_COMPARISON_OPS(BINARY)
    HO_REDUCTION_OPS(REDUCTION)
    return ho_ok(x);
}

Test(host_trace, every_op_has_a_call)
{
    cr_assert_eq(run(calls_every_op), HO_OK, "%s", error.text);
}

static ho_status counts_axes(ho_trace *x)
{
    ho_value a = ho_get(x, "a");
    ASSERT_SHAPE(x, ho_sum(x, a, 0, 0), 3);
    ASSERT_SHAPE(x, ho_sum(x, a, 1, 0), 2);
    ASSERT_SHAPE(x, ho_sum(x, a, -1, 0), 2);
    ASSERT_SHAPE(x, ho_maximum(x, a, -2, 0), 3);
    ASSERT_SHAPE(x, ho_sum(x, a, 0, 1), 1, 3);
    ASSERT_SHAPE(x, ho_maximum(x, a, -1, 1), 2, 1);
    ASSERT_SHAPE(x, ho_slice(x, a, 1, 1, 2), 2, 2);
    ASSERT_SHAPE(x, ho_slice(x, a, -2, 1, 1), 1, 3);
    ASSERT_SHAPE(x, ho_concat(x, ((ho_value[]){a, a, a}), 3, 0), 6, 3);
    ASSERT_SHAPE(x, ho_concat(x, ((ho_value[]){a, a}), 2, -1), 2, 6);
    ASSERT_SHAPE(x, ho_gather(x, a, ho_range(x, 2), 1), 2, 2);
    ASSERT_SHAPE(x, ho_transpose(x, a), 3, 2);
    ASSERT_SHAPE(x, ho_matmul(x, a, ho_transpose(x, a)), 2, 2);
    cr_assert_eq(ho_shape_get(x, ho_maximum_all(x, a), NULL), 0);
    cr_assert_eq(ho_shape_get(x, ho_sum_all(x, ho_constant(x, 2)), NULL), 0);
    return ho_ok(x);
}

Test(host_trace, axes_count_from_the_front_and_negative_ones_from_the_end)
{
    cr_assert_eq(run(counts_axes), HO_OK, "%s", error.text);
}

static ho_status gathers_axis(ho_trace *x)
{
    ho_set(x, "first", ho_sum(x, ho_get(x, "a"), 0, 0));
    ho_set(x, "last", ho_sum(x, ho_get(x, "a"), -1, 0));
    return ho_ok(x);
}

Test(host_trace, axis_zero_is_the_graphs_last_but_rank)
{
    cr_assert_eq(run(gathers_axis), HO_OK, "%s", error.text);
    ho_node first, last;
    cr_assert(ho_scope_find(scope, "first", &first));
    cr_assert(ho_scope_find(scope, "last", &last));
    cr_assert_eq(ho_graph_at(graph, first)->axis, 2);
    cr_assert_eq(ho_graph_at(graph, last)->axis, 1);
}

static ho_status rearranges(ho_trace *x)
{
    ho_value row = ho_get(x, "row");
    ASSERT_SHAPE(x, ho_expand(x, row, 3, ((int64_t[]){2, 3, 4})), 2, 3, 4);
    ASSERT_SHAPE(x, ho_expand(x, ho_constant(x, 1), 2, ((int64_t[]){2, 3})), 2, 3);
    ASSERT_SHAPE(x, ho_expand(x, ho_get(x, "column"), 3, ((int64_t[]){5, 3, 2})), 5, 3, 2);
    ASSERT_SHAPE(x, ho_reshape(x, row, 2, ((int64_t[]){2, 2})), 2, 2);
    ASSERT_SHAPE(x, ho_fill(x, 2, ((int64_t[]){2, 9}), 1.5), 2, 9);
    return ho_ok(x);
}

Test(host_trace, expand_adds_axes_in_front)
{
    cr_assert_eq(run(rearranges), HO_OK, "%s", error.text);
}

static ho_status uses_names(ho_trace *x)
{
    cr_assert_eq(ho_has(x, "w"), 1);
    cr_assert_eq(ho_has(x, "v"), 0);
    cr_assert_eq(ho_has(x, NULL), 0);
    cr_assert_eq(ho_size(x, "features"), 7);
    ho_let(x, "v", "epsilon + order + features");
    cr_assert_eq(ho_has(x, "v"), 1);
    cr_assert_eq(ho_has(x, "not_given"), 0);
    ASSERT_SHAPE(x, ho_eval(x, "w * v"), 6);
    return ho_set(x, "w", ho_get(x, "v"));
}

Test(host_trace, options_and_sizes_are_constants_in_formulas)
{
    cr_assert_eq(run(uses_names), HO_OK, "%s", error.text);
    double number;
    ho_node w = ho_trace_result(instance, "step", &env, "w", NULL);
    cr_assert(ho_is_constant(graph, w, &number));
    cr_assert_float_eq(number, 10.5, 0);
}

/* ---- what they say of mistakes ---- */

static int wrong_line;

static ho_status multiplies_wrongly(ho_trace *x)
{
    wrong_line = __LINE__ + 1;
    ho_value product = ho_matmul(x, ho_get(x, "a"), ho_get(x, "b"));
    cr_assert_eq(product.id, 0u);
    cr_assert_eq(ho_add(x, product, ho_get(x, "a")).id, 0u);
    cr_assert_eq(ho_get(x, "a").id, 0u, "after an error every value is poison");
    cr_assert_eq(ho_shape_get(x, product, NULL), 0);
    cr_assert_eq(ho_size(x, "features"), 1);
    ho_let(x, "w", "no such formula (");
    ho_trace_fail(x, "a later complaint");
    return ho_ok(x);
}

Test(host_trace, first_error_wins_and_names_plugin_file_line_and_shapes)
{
    cr_assert_eq(run(multiplies_wrongly), HO_INVALID);
    char place[512];
    snprintf(place, sizeof place, "%s:%d: plugin \"probe\": matmul: (2, 3) @ (4, 5)", __FILE__, wrong_line);
    cr_assert_eq(strncmp(error.text, place, strlen(place)), 0, "%s", error.text);
    cr_assert_null(strstr(error.text, "later"));
}

static ho_status returns_success_after_an_error(ho_trace *x)
{
    ho_get(x, "nothing");
    return HO_OK;
}

Test(host_trace, an_error_counts_even_where_the_callback_returns_success)
{
    cr_assert_eq(run(returns_success_after_an_error), HO_INVALID);
}

static ho_status fails_silently(ho_trace *x)
{
    (void)x;
    return 77;
}

Test(host_trace, a_failure_without_a_reason_gets_one)
{
    cr_assert_eq(run(fails_silently), HO_INVALID);
    cr_assert_str_eq(error.text, "plugin \"probe\": step returned 77 without saying why");
}

static bool called;

static ho_status notes_call(ho_trace *x)
{
    called = true;
    return ho_ok(x);
}

Test(host_trace, nothing_is_traced_after_an_error)
{
    ho_fail(&error, HO_INVALID, "earlier");
    cr_assert_eq(run(notes_call), HO_INVALID);
    cr_assert_not(called);
    cr_assert_str_eq(error.text, "earlier");
}

static ho_value kept;

static ho_status keeps(ho_trace *x)
{
    kept = ho_get(x, "w");
    return ho_ok(x);
}

static ho_status uses_kept(ho_trace *x)
{
    ho_get(x, "w");
    ho_neg(x, kept);
    return ho_ok(x);
}

Test(host_trace, a_value_of_another_trace_is_refused)
{
    cr_assert_eq(run(keeps), HO_OK);
    cr_assert_eq(run(uses_kept), HO_INVALID);
    cr_assert(strstr(error.text, "not a value of this trace"), "%s", error.text);
}

/* One mistake each, and a part of the message it must give. */
#define MISTAKE(name, expression)      \
    static ho_status name(ho_trace *x) \
    {                                  \
        ho_value a = ho_get(x, "a");   \
        (void)a;                       \
        expression;                    \
        return ho_ok(x);               \
    }

MISTAKE(beyond_range, ho_neg(x, ((ho_value){a.id + 1})))
MISTAKE(never_set, ho_neg(x, ((ho_value){0})))
MISTAKE(binary_as_unary, ho_unary_op(x, HO_OP_ADD, a))
MISTAKE(unary_as_binary, ho_binary_op(x, HO_OP_NEG, a, a))
MISTAKE(reduction_as_unary, ho_unary_op(x, HO_OP_SUM, a))
MISTAKE(no_op, ho_unary_op(x, 4000000000u, a))
MISTAKE(leaf_op, ho_unary_op(x, HO_OP_LEAF, a))
MISTAKE(unary_as_reduction, (x)->api->reduce(x, HO_HERE, HO_OP_NEG, a, 0, 0))
MISTAKE(unary_as_full_reduction, (x)->api->reduce_all(x, HO_HERE, HO_OP_NEG, a))
MISTAKE(axis_too_large, ho_sum(x, a, 2, 0))
MISTAKE(axis_too_small, ho_slice(x, a, INT32_MIN, 0, 1))
MISTAKE(slice_outside, ho_slice(x, a, 0, INT64_MAX, INT64_MAX))
MISTAKE(slice_negative, ho_slice(x, a, 0, -1, 2))
MISTAKE(shapes_differ, ho_add(x, a, ho_get(x, "b")))
MISTAKE(reshape_count, ho_reshape(x, a, 1, ((int64_t[]){7})))
MISTAKE(reshape_overflow, ho_reshape(x, a, 4, ((int64_t[]){INT64_MAX, INT64_MAX, INT64_MAX, 2})))
MISTAKE(fill_size_zero, ho_fill(x, 1, ((int64_t[]){0}), 1))
MISTAKE(fill_rank, ho_fill(x, 5, ((int64_t[]){1, 1, 1, 1, 1}), 1))
MISTAKE(fill_negative_rank, ho_fill(x, -1, NULL, 1))
MISTAKE(fill_null, ho_fill(x, 2, NULL, 1))
MISTAKE(fill_nan, ho_fill(x, 0, NULL, NAN))
MISTAKE(constant_nan, ho_constant(x, NAN))
MISTAKE(expand_misfit, ho_expand(x, a, 2, ((int64_t[]){2, 4})))
MISTAKE(expand_fewer, ho_expand(x, a, 1, ((int64_t[]){3})))
MISTAKE(range_negative, ho_range(x, -3))
MISTAKE(concat_null, ho_concat(x, NULL, 2, 0))
MISTAKE(concat_count, ho_concat(x, &a, -1, 0))
MISTAKE(concat_poison, ho_concat(x, ((ho_value[]){a, {0}}), 2, 0))
MISTAKE(transpose_vector, ho_transpose(x, ho_get(x, "row")))
MISTAKE(gather_matrix, ho_gather(x, a, a, 0))
MISTAKE(null_name, ho_get(x, NULL))
MISTAKE(null_let, ho_let(x, NULL, "1"))
MISTAKE(null_formula, ho_let(x, "c", NULL))
MISTAKE(null_eval, ho_eval(x, NULL))
MISTAKE(illegal_name, ho_let(x, "2c", "1"))
MISTAKE(unknown_name, ho_get(x, "colum"))
MISTAKE(unknown_in_formula, ho_let(x, "c", "epsilom * w"))
MISTAKE(unknown_size, ho_size(x, "feature"))
MISTAKE(set_poison, ho_set(x, "w", ((ho_value){0})))
MISTAKE(gradient_call, ho_gradient_at(x, a))
MISTAKE(gradient_formula, ho_eval(x, "grad(w)"))
MISTAKE(weight_here, ho_weight(x, "W", a))
MISTAKE(normal_here, ho_normal(x, "W", 1, ((int64_t[]){3})))
MISTAKE(own_words, ho_trace_fail(x, "wants %d of them", 3))
MISTAKE(no_words, (x)->api->fail(x, NULL, -5, NULL))

static const struct {
    ho_status (*body)(ho_trace *x);
    const char *says;
} mistakes[] = {
    {beyond_range, "not a value of this trace"},
    {never_set, "never set (handle 0)"},
    {binary_as_unary, "op 200 is not an elementwise op of 1 operand"},
    {unary_as_binary, "op 100 is not an elementwise op of 2 operands"},
    {reduction_as_unary, "op 400 is not an elementwise op of 1 operand"},
    {no_op, "op 4000000000 is not an elementwise op"},
    {leaf_op, "op 1 is not an elementwise op"},
    {unary_as_reduction, "op 100 is not a reduction"},
    {unary_as_full_reduction, "op 100 is not a reduction"},
    {axis_too_large, "sum: (2, 3) has no axis 2"},
    {axis_too_small, "slice: (2, 3) has no axis -2147483648"},
    {slice_outside, "slice: (2, 3)"},
    {slice_negative, "slice: (2, 3)"},
    {shapes_differ, "add: (2, 3) and (4, 5)"},
    {reshape_count, "reshape: (2, 3) to (7)"},
    {reshape_overflow, "reshape"},
    {fill_size_zero, "size"},
    {fill_rank, "fill: rank 5 is out of range"},
    {fill_negative_rank, "fill: rank -1 is out of range"},
    {fill_null, "fill: the sizes are NULL"},
    {fill_nan, "fill: the number is NaN"},
    {constant_nan, "constant: the number is NaN"},
    {expand_misfit, "expand: (2, 3) to (2, 4)"},
    {expand_fewer, "expand: (2, 3) to (3)"},
    {range_negative, "iota"},
    {concat_null, "concat: the parts are NULL"},
    {concat_count, "concat: parts, -1 of them"},
    {concat_poison, "concat: was given a value that was never set"},
    {transpose_vector, "transpose: (4)"},
    {gather_matrix, "gather: (2, 3) by indices (2, 3)"},
    {null_name, "get: the name is NULL"},
    {null_let, "let: the name is NULL"},
    {null_formula, "let: the formula is NULL"},
    {null_eval, "eval: the formula is NULL"},
    {illegal_name, "let: \"2c\" is not a valid name"},
    {unknown_name, "unknown name \"colum\"; did you mean \"column\"?"},
    {unknown_in_formula, "did you mean \"epsilon\"?"},
    {unknown_size, "unknown size \"feature\"; did you mean \"features\"?"},
    {set_poison, "set: was given a value that was never set"},
    {gradient_call, "not available here: a penalty has no objective"},
    {gradient_formula, "not available here: a penalty has no objective"},
    {weight_here, "weights are declared in a model's \"weights\""},
    {normal_here, "random numbers are drawn in a model's \"weights\""},
    {own_words, "plugin \"probe\": wants 3 of them"},
    {no_words, "plugin \"probe\": refuses this pipeline"},
};

Test(host_trace, each_mistake_is_one_message)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        cr_expect_eq(run(mistakes[i].body), HO_INVALID, "mistake %zu (%s)", i, mistakes[i].says);
        cr_expect(strstr(error.text, mistakes[i].says), "mistake %zu: \"%s\" lacks \"%s\"", i, error.text,
                  mistakes[i].says);
        teardown();
        setup();
    }
}

static ho_status never_ends(ho_trace *x)
{
    while (ho_ok(x) == HO_OK)
        ho_constant(x, 1);
    return ho_ok(x);
}

/* A plugin that does not look whether a call has failed. */
static ho_status goes_on(ho_trace *x)
{
    const int64_t two = 2;
    ho_trace_fail(x, "no");
    for (int i = 0; i < 1000; i++) {
        ho_constant(x, i);
        ho_fill(x, 1, &two, i);
        ho_range(x, 2 + i);
    }
    return ho_ok(x);
}

Test(host_trace, after_an_error_no_node_is_made)
{
    cr_assert_eq(run(goes_on), HO_INVALID);
    const ho_node last = ho_node_leaf(graph, "last", ho_scalar_shape()); /* its number is that of nodes so far */
    cr_expect_lt(last, 100, "%u nodes", last);
}

Test(host_trace, a_trace_without_end_is_stopped)
{
    cr_assert_eq(run(never_ends), HO_INVALID);
    cr_assert(strstr(error.text, "does it loop without end?"), "%s", error.text);
}

/* ---- results ---- */

static ho_status binds_nothing(ho_trace *x)
{
    return ho_ok(x);
}

Test(host_trace, a_result_must_be_bound)
{
    cr_assert_eq(run(binds_nothing), HO_OK);
    ho_shape due = ho_shape_of(1, (int64_t[]){5});
    cr_assert_eq(ho_trace_result(instance, "forward", &env, "answer", &due), HO_POISON);
    cr_assert_str_eq(error.text, "plugin \"probe\": forward must bind \"answer\" of shape (5), and does not");
}

Test(host_trace, a_size_of_the_same_name_is_no_result)
{
    cr_assert_eq(run(binds_nothing), HO_OK);
    ho_shape due = ho_shape_of(2, (int64_t[]){5, 3});
    cr_assert_eq(ho_trace_result(instance, "forward", &env, "outputs", &due), HO_POISON);
    cr_assert_str_eq(error.text, "plugin \"probe\": forward must bind \"outputs\" of shape (5, 3), and does not");
}

Test(host_trace, a_result_must_have_its_shape)
{
    cr_assert_eq(run(binds_nothing), HO_OK);
    ho_shape due = ho_shape_of(1, (int64_t[]){6}), other = ho_shape_of(1, (int64_t[]){7});
    cr_assert_neq(ho_trace_result(instance, "step", &env, "w", &due), HO_POISON);
    cr_assert_eq(error.status, HO_OK);
    cr_assert_eq(ho_trace_result(instance, "step", &env, "w", &other), HO_POISON);
    cr_assert_str_eq(error.text, "plugin \"probe\": step must bind \"w\" of shape (7), and binds one of shape (6)");
}

/* ---- models' weights ---- */

static ho_node declare(void *context, const char *name, ho_node initial)
{
    (void)context;
    return ho_node_leaf(graph, name, ho_graph_at(graph, initial)->shape);
}

static ho_node draw(void *context, const char *name, ho_shape shape)
{
    (void)context;
    return ho_node_leaf(graph, name, shape);
}

static ho_status declares(ho_trace *x)
{
    ho_value noise = ho_normal(x, "W", 2, ((int64_t[]){7, 3}));
    ho_weight(x, "W", ho_mul(x, noise, ho_constant(x, 0.1)));
    ASSERT_SHAPE(x, ho_eval(x, "W + 1"), 7, 3);
    return ho_ok(x);
}

Test(host_trace, weights_are_declared_and_bound)
{
    env.weight = declare;
    env.normal = draw;
    cr_assert_eq(run(declares), HO_OK, "%s", error.text);
    cr_assert_neq(ho_trace_result(instance, "weights", &env, "W", NULL), HO_POISON);
}
