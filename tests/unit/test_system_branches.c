/* Which branches a graph takes: the same on one side of a kink, others on its two sides. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "exec/exec.h"
#include "system/internal.h"

enum { WIDTH = 3, MOST_BRANCHES = 16 };

static ho_error error;
static ho_graph *graph;
static ho_node x, y;

static void setup(void)
{
    error = (ho_error){0};
    graph = ho_graph_new(&error);
    const int64_t width = WIDTH;
    x = ho_node_leaf(graph, "x", ho_shape_of(1, &width));
    y = ho_node_leaf(graph, "y", ho_shape_of(1, &width));
}

static void teardown(void)
{
    ho_graph_free(graph);
}

TestSuite(system_branches, .init = setup, .fini = teardown);

/* The branches of a node at (a, y) into `row`; how many. */
static int64_t branches_at(ho_node node, const double a[WIDTH], double row[MOST_BRANCHES])
{
    static const double b[WIDTH] = {0.5, 0.5, 0.5};
    const ho_node inputs[] = {x, y}, all = ho_branches_of(graph, &node, 1);
    const double *const values[] = {a, b};
    const int64_t count = ho_shape_count(&ho_graph_at(graph, all)->shape);
    cr_assert_leq(count, MOST_BRANCHES);
    double *const results[] = {row};
    cr_assert_eq(ho_reference_run(graph, HO_F64, inputs, values, 2, &all, results, 1, NULL, &error), HO_OK, "%s",
                 error.text);
    return count;
}

/* How many entries change from (p, p, p) to (p, q, p). */
static int changed(ho_node node, double p, double q)
{
    double before[MOST_BRANCHES], after[MOST_BRANCHES];
    const double first[WIDTH] = {p, p, p}, second[WIDTH] = {p, q, p};
    const int64_t count = branches_at(node, first, before);
    int changes = 0;
    cr_assert_eq(branches_at(node, second, after), count);
    for (int64_t i = 0; i < count; i++)
        changes += before[i] != after[i];
    return changes;
}

static ho_node binary(uint32_t op)
{
    return ho_node_binary(graph, op, x, y);
}

Test(system_branches, every_kink_has_two_sides)
{
    const ho_node positive = ho_node_binary(graph, HO_OP_LESS, ho_node_const(graph, 0.5), x);
    const struct {
        const char *what;
        ho_node node;
        double kink;
    } cases[] = {
        {"abs", ho_node_unary(graph, HO_OP_ABS, x), 0.0},
        {"sign", ho_node_unary(graph, HO_OP_SIGN, x), 0.0},
        {"floor", ho_node_unary(graph, HO_OP_FLOOR, x), 2.0},
        {"max", binary(HO_OP_MAX), 0.5},
        {"min", binary(HO_OP_MIN), 0.5},
        {"less", binary(HO_OP_LESS), 0.5},
        {"less_equal", binary(HO_OP_LESS_EQUAL), 0.5},
        {"select", ho_node_select(graph, positive, x, y), 0.5},
        {"relu", ho_node_binary(graph, HO_OP_MAX, x, ho_node_const(graph, 0.0)), 0.0},
        {"below", ho_node_unary(graph, HO_OP_EXP, ho_node_sum_all(graph, ho_node_unary(graph, HO_OP_ABS, x))), 0.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double k = cases[i].kink;
        cr_expect_gt(changed(cases[i].node, k - 0.01, k + 0.01), 0, "%s", cases[i].what);
        cr_expect_eq(changed(cases[i].node, k - 0.01, k - 0.3), 0, "%s", cases[i].what);
        cr_expect_eq(changed(cases[i].node, k + 0.3, k + 0.01), 0, "%s", cases[i].what);
    }
    cr_expect_eq(changed(binary(HO_OP_EQUAL), 0.5, 0.6), 1);
}

Test(system_branches, the_largest_entry_is_a_branch)
{
    const ho_node largest = ho_node_reduce(graph, HO_OP_MAXIMUM, x, 1, 1);
    const double a[WIDTH] = {1, 2, 3}, b[WIDTH] = {1, 2.5, 2.7}, c[WIDTH] = {1, 2.8, 2.7};
    double at_a[MOST_BRANCHES], at_b[MOST_BRANCHES], at_c[MOST_BRANCHES];
    cr_assert_eq(branches_at(largest, a, at_a), WIDTH);
    branches_at(largest, b, at_b);
    branches_at(largest, c, at_c);
    for (int i = 0; i < WIDTH; i++)
        cr_expect_eq(at_a[i], at_b[i]);
    cr_expect_neq(at_b[1], at_c[1]);
    cr_expect_neq(at_b[2], at_c[2]);
}

Test(system_branches, what_is_smooth_or_stopped_has_none)
{
    const ho_node stopped = ho_node_unary(graph, HO_OP_STOP, ho_node_unary(graph, HO_OP_ABS, x));
    const ho_node smooth[] = {ho_node_unary(graph, HO_OP_TANH, x), binary(HO_OP_MUL), binary(HO_OP_SUB), stopped,
                              ho_node_sum_all(graph, x)};
    for (size_t i = 0; i < sizeof smooth / sizeof *smooth; i++) {
        double row[MOST_BRANCHES];
        const double a[WIDTH] = {-1, 0, 1};
        cr_expect_eq(branches_at(smooth[i], a, row), 1, "case %zu", i);
        cr_expect_eq(changed(smooth[i], -0.5, 0.7), 0, "case %zu", i);
    }
    /* But the same abs beside the stop counts. */
    cr_expect_gt(changed(ho_node_binary(graph, HO_OP_ADD, stopped, ho_node_unary(graph, HO_OP_ABS, x)), -0.1, 0.1), 0);
}
