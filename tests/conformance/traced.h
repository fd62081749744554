/* A trace of a plugin's formulas with values bound to their leaves, and what it computes. */
#ifndef TRACED_H
#define TRACED_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diff/diff.h"
#include "exec/exec.h"
#include "host/registry.h"
#include "host/tracing.h"

#define MOST_LEAVES 16
#define ROWS        5 /* of w; features */
#define COLUMNS     3 /* of w; outputs */
#define BATCH       4

static ho_error error;
static ho_registry *registry;
static ho_arena *arena;
static ho_graph *graph;
static ho_scope *scope;
static ho_instance *instance;
static ho_node leaves[MOST_LEAVES];
static const double *values[MOST_LEAVES];
static size_t leaf_count;
static ho_node weights[2];
static size_t weight_count;

static void setup(void)
{
    error = (ho_error){0};
    registry = ho_registry_new(NULL, &error);
    cr_assert_not_null(registry, "%s", error.text);
    arena = ho_arena_new();
    graph = ho_graph_new(&error);
    scope = ho_scope_new();
    instance = NULL;
    leaf_count = weight_count = 0;
}

static void teardown(void)
{
    ho_instance_free(instance);
    ho_scope_free(scope);
    ho_graph_free(graph);
    ho_arena_free(arena);
    ho_registry_free(registry);
}

/* Makes an instance with one option given (key NULL: none) and binds its hyperparameters to their defaults. */
static void open_plugin(uint32_t kind, const char *name, const char *key, const char *text)
{
    const ho_loaded *loaded = ho_registry_find(registry, kind, name, (ho_place){0}, &error);
    cr_assert_not_null(loaded, "%s", error.text);
    ho_tree *settings = ho_tree_new(arena, HO_TREE_MAP, (ho_place){0});
    if (key) {
        ho_tree *value = ho_tree_new(arena, HO_TREE_SCALAR, (ho_place){0});
        value->key = key;
        value->text = text;
        ho_tree_append(settings, value);
    }
    instance = ho_instance_new(loaded, NULL, settings, NULL, (ho_place){0}, &error);
    cr_assert_not_null(instance, "%s", error.text);
    for (uint32_t i = 0; i < loaded->hyper_count; i++) {
        const ho_hyper *h = &loaded->hypers[i];
        const int64_t dims[] = {COLUMNS, COLUMNS};
        const bool matrix = h->shape && strcmp(h->shape, "columns columns") == 0;
        ho_scope_bind(scope, h->name,
                      matrix ? ho_node_fill(graph, ho_shape_of(2, dims), h->initial)
                             : ho_node_const(graph, h->initial));
    }
}

/* Binds a leaf with these values. rows 0: rank 0; columns 0: rank 1. */
static ho_node bind(const char *name, int64_t rows, int64_t columns, const double *numbers)
{
    const int64_t dims[] = {rows, columns};
    cr_assert_lt(leaf_count, MOST_LEAVES);
    leaves[leaf_count] = ho_node_leaf(graph, name, ho_shape_of(rows == 0 ? 0 : columns == 0 ? 1 : 2, dims));
    values[leaf_count] = numbers;
    ho_scope_bind(scope, name, leaves[leaf_count]);
    return leaves[leaf_count++];
}

static ho_node declare_weight(void *context, const char *name, ho_node initial)
{
    (void)context;
    cr_assert_lt(weight_count, 2);
    cr_expect_str_eq(name, weight_count == 0 ? "W" : "b");
    return weights[weight_count++] = initial;
}

static ho_node draw_normal(void *context, const char *name, ho_shape shape)
{
    ho_node drawn;
    (void)context, (void)name;
    cr_assert(ho_scope_find(scope, "drawn", &drawn));
    cr_assert_eq(shape.dims[0] * shape.dims[1], ROWS * COLUMNS);
    return drawn;
}

static ho_status trace(const char *callback_name, ho_status (*callback)(void *self, ho_trace *x))
{
    static const ho_named_size sizes[] = {{"features", ROWS},   {"outputs", COLUMNS}, {"rows", ROWS},
                                          {"columns", COLUMNS}, {"batch", BATCH},     {NULL, 0}};
    ho_trace_env env = {
        .graph = graph,
        .scope = scope,
        .sizes = sizes,
        .gradient_reason = "not here",
        .weight = declare_weight,
        .normal = draw_normal,
    };
    return ho_trace_call(instance, callback_name, callback, &env);
}

static ho_node bound(const char *name)
{
    ho_node node;
    cr_assert(ho_scope_find(scope, name, &node), "%s is not bound", name);
    return node;
}

static int64_t compute(ho_node node, double *result)
{
    const ho_shape shape = ho_graph_at(graph, node)->shape;
    ho_error failed = {0};
    cr_assert_eq(ho_reference_run(graph, HO_F64, leaves, values, leaf_count, &node, &result, 1, NULL, &failed), HO_OK,
                 "%s", failed.text);
    return ho_shape_count(&shape);
}

static double compute_one(ho_node node)
{
    double result;
    cr_assert_eq(ho_graph_at(graph, node)->shape.rank, 0);
    compute(node, &result);
    return result;
}

static void expect_close(const double *found, const double *due, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_expect_float_eq(found[i], due[i], 1e-13 * (1.0 + fabs(due[i])), "entry %zu is %.17g, due %.17g", i, found[i],
                           due[i]);
}

#endif
