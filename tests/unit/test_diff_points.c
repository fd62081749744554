/* Derivatives at the points where they are a definition, not a limit; and what ho_jvp and ho_vjp refuse. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "diff/diff.h"
#include "exec/exec.h"
#include "graph/formula.h"

#define MOST 8

/* Leaves of `size` entries (0: rank 0) and a function of them. */
typedef struct {
    ho_error error;
    ho_graph *graph;
    ho_node x[2], y;
    double values[2][MOST];
    const double *inputs[2];
} point;

static void setup(point *p, int64_t size)
{
    memset(p, 0, sizeof *p);
    p->graph = ho_graph_new(&p->error);
    for (int i = 0; i < 2; i++) {
        p->x[i] = ho_node_leaf(p->graph, i ? "b" : "a", size ? ho_shape_of(1, &size) : ho_scalar_shape());
        p->inputs[i] = p->values[i];
    }
}

static void evaluate(point *p, ho_node a, double *result)
{
    ho_status status = ho_reference_run(p->graph, HO_F64, p->x, p->inputs, 2, &a, &result, 1, NULL, &p->error);
    cr_assert_eq(status, HO_OK, "%s", p->error.text);
}

static ho_node un(point *p, uint32_t op, ho_node a)
{
    return ho_node_unary(p->graph, op, a);
}

static ho_node bin(point *p, uint32_t op, ho_node a, ho_node b)
{
    return ho_node_binary(p->graph, op, a, b);
}

static ho_node num(point *p, double value)
{
    return ho_node_const(p->graph, value);
}

/* The derivative of order n of f by x[0] (then summed), all rank 0 or entrywise, by reverse mode n times. */
static ho_node reverse(point *p, ho_node f, int order)
{
    for (int i = 0; i < order; i++) {
        ho_node g;
        cr_assert_eq(ho_gradient(p->graph, ho_node_sum_all(p->graph, f), p->x, &g, 1), HO_OK, "%s", p->error.text);
        f = g;
    }
    return f;
}

/* The same by forward mode n times. */
static ho_node forward(point *p, ho_node f, int order)
{
    ho_node ones = ho_node_fill(p->graph, ho_graph_at(p->graph, p->x[0])->shape, 1);
    for (int i = 0; i < order; i++) {
        ho_shape shape = ho_graph_at(p->graph, f)->shape;
        ho_node d;
        cr_assert_eq(ho_jvp(p->graph, 0, p->x, &ones, 1, &f, &d, 1), HO_OK, "%s", p->error.text);
        f = d ? d : ho_node_fill(p->graph, shape, 0);
    }
    return f;
}

/* Derivative of order n of f at a, by both ways. */
static void expect_slope(point *p, ho_node f, int order, double a, double want)
{
    double got[2];
    p->values[0][0] = a;
    evaluate(p, reverse(p, f, order), &got[0]);
    evaluate(p, forward(p, f, order), &got[1]);
    for (int i = 0; i < 2; i++) {
        cr_expect(fabs(got[i] - want) <= 1e-14 * fmax(1, fabs(want)), "order %d at %g by %s: %g, not %g", order, a,
                  i ? "forward" : "reverse", got[i], want);
    }
}

Test(diff_points, sqrt_and_rsqrt_have_slope_0_at_0)
{
    point p;
    setup(&p, 0);
    for (int order = 1; order <= 3; order++) {
        expect_slope(&p, un(&p, HO_OP_SQRT, p.x[0]), order, 0, 0);
        expect_slope(&p, un(&p, HO_OP_RSQRT, p.x[0]), order, 0, 0);
    }
    expect_slope(&p, un(&p, HO_OP_SQRT, p.x[0]), 1, 4, 0.25);
    expect_slope(&p, un(&p, HO_OP_SQRT, p.x[0]), 2, 4, -1.0 / 32);
    expect_slope(&p, un(&p, HO_OP_RSQRT, p.x[0]), 1, 4, -1.0 / 16);
    ho_graph_free(p.graph);
}

Test(diff_points, norm_of_zeros_has_gradient_0)
{
    point p;
    setup(&p, 3);
    ho_node norm = un(&p, HO_OP_SQRT, ho_node_sum_all(p.graph, bin(&p, HO_OP_MUL, p.x[0], p.x[0])));
    for (int order = 1; order <= 2; order++) {
        double got[3] = {1, 1, 1};
        evaluate(&p, reverse(&p, norm, order), got);
        for (int i = 0; i < 3; i++)
            cr_expect_eq(got[i], 0, "order %d: %g", order, got[i]);
    }
    ho_graph_free(p.graph);
}

Test(diff_points, ties_of_max_and_min_go_to_b)
{
    point p;
    setup(&p, 0);
    ho_node zero = num(&p, 0);
    expect_slope(&p, bin(&p, HO_OP_MAX, p.x[0], zero), 1, 0, 0);
    expect_slope(&p, bin(&p, HO_OP_MAX, p.x[0], zero), 1, 2, 1);
    expect_slope(&p, bin(&p, HO_OP_MAX, p.x[0], zero), 1, -2, 0);
    expect_slope(&p, bin(&p, HO_OP_MAX, zero, p.x[0]), 1, 0, 1);
    expect_slope(&p, bin(&p, HO_OP_MIN, p.x[0], zero), 1, 0, 0);
    expect_slope(&p, bin(&p, HO_OP_MIN, p.x[0], zero), 1, -2, 1);
    expect_slope(&p, bin(&p, HO_OP_MIN, zero, p.x[0]), 1, 0, 1);
    ho_graph_free(p.graph);
}

Test(diff_points, ties_of_maximum_are_shared)
{
    point p;
    setup(&p, 4);
    memcpy(p.values[0], (double[]){2, -1, 2, 0}, 4 * sizeof(double));
    double got[4];
    evaluate(&p, reverse(&p, ho_node_reduce(p.graph, HO_OP_MAXIMUM, p.x[0], 1, 1), 1), got);
    const double want[4] = {0.5, 0, 0.5, 0};
    for (int i = 0; i < 4; i++)
        cr_expect_eq(got[i], want[i]);
    ho_graph_free(p.graph);
}

Test(diff_points, steps_have_slope_0_and_abs_has_sign)
{
    point p;
    setup(&p, 0);
    expect_slope(&p, un(&p, HO_OP_ABS, p.x[0]), 1, 0, 0);
    expect_slope(&p, un(&p, HO_OP_ABS, p.x[0]), 1, -3, -1);
    expect_slope(&p, un(&p, HO_OP_SIGN, p.x[0]), 1, 0, 0);
    expect_slope(&p, un(&p, HO_OP_FLOOR, p.x[0]), 1, 2, 0);
    expect_slope(&p, bin(&p, HO_OP_LESS, p.x[0], num(&p, 1)), 1, 1, 0);
    ho_graph_free(p.graph);
}

Test(diff_points, stop_is_a_constant)
{
    point p;
    setup(&p, 0);
    ho_node stopped = un(&p, HO_OP_STOP, p.x[0]);
    expect_slope(&p, stopped, 1, 3, 0);
    expect_slope(&p, bin(&p, HO_OP_MUL, p.x[0], stopped), 1, 3, 3);
    expect_slope(&p, bin(&p, HO_OP_MUL, p.x[0], stopped), 2, 3, 0);
    ho_graph_free(p.graph);
}

/* Entries of b at most 1024 units of rounding of `largest`, and 2^18 of `epsilon`, make those of a constants: half a
 * unit is lost beside the bound. */
static void expect_noise_stopped(ho_precision precision, const char *formula, const double sizes[4])
{
    point p;
    setup(&p, 4);
    ho_scope *scope = ho_scope_new();
    ho_scope_bind(scope, "a", p.x[0]);
    ho_scope_bind(scope, "b", p.x[1]);
    const ho_node y = ho_formula(p.graph, scope, NULL, NULL, (ho_formula_text){.text = formula});
    ho_node outputs[4] = {y, reverse(&p, y, 1), 0, reverse(&p, y, 2)};
    const ho_node ones = ho_node_fill(p.graph, ho_graph_at(p.graph, p.x[0])->shape, 1),
                  direction = ho_node_reshape(p.graph, ones, ho_shape_of(2, (int64_t[]){1, 4}));
    cr_assert_eq(ho_jvp(p.graph, 1, p.x, &direction, 1, &y, &outputs[2], 1), HO_OK, "%s", p.error.text);
    double values[4][4];
    double *results[] = {values[0], values[1], values[2], values[3]};
    for (int i = 0; i < 4; i++) {
        p.values[0][i] = i + 3;
        p.values[1][i] = sizes[i];
    }
    cr_assert_eq(ho_reference_run(p.graph, precision, p.x, p.inputs, 2, outputs, results, 4, NULL, &p.error), HO_OK);
    for (int i = 0; i < 4; i++) {
        const double a = i + 3, moves = i < 2 ? 0 : 1;
        cr_expect_float_eq(values[0][i], a * a, 0, "%s", formula);
        cr_expect_float_eq(values[1][i], moves * 2 * a, 0, "%s: entry %d, size %g: %g", formula, i, sizes[i],
                           values[1][i]);
        cr_expect_float_eq(values[2][i], moves * 2 * a, 0, "%s: entry %d, size %g", formula, i, sizes[i]);
        cr_expect_float_eq(values[3][i], moves * 2, 0, "%s: entry %d, size %g", formula, i, sizes[i]);
    }
    ho_scope_free(scope);
    ho_graph_free(p.graph);
}

Test(diff_points, noise_is_relative_to_the_precision_and_to_both_bounds)
{
    expect_noise_stopped(HO_F64, "stop_noise(a^2, b^2, 1^2, 1e9, 0)", (double[]){0, 1.1e-13, 1.2e-13, 5});
    expect_noise_stopped(HO_F64, "stop_noise(a^2, b^2, 1e-100^2, 1e9, 0)", (double[]){0, 5e-114, 2.4e-113, 1e-100});
    expect_noise_stopped(HO_F64, "stop_noise(a^2, b^2, 1e9^2, 1e-6, 0)", (double[]){0, 2.7e-17, 2.8e-17, 5});
    expect_noise_stopped(HO_F32, "stop_noise(a^2, b^2, 1^2, 1e9, 0)", (double[]){0, 6.0e-5, 6.2e-5, 5});
    expect_noise_stopped(HO_F32, "stop_noise(a^2, b^2, 1e9^2, 0.25, 0)", (double[]){0, 3.8e-3, 4.0e-3, 5});
    /* Nothing but 0 is noise where epsilon is 0. */
    expect_noise_stopped(HO_F64, "stop_noise(a^2, b^2, 1^2, 0, 0)", (double[]){0, 0, 1e-150, 5});
    /* Where nothing has received a gradient, nothing is still: a is 3, 4, 5 and 6. */
    expect_noise_stopped(HO_F64, "stop_noise(a^2, 0*b, a < 5, 1, 0)", (double[]){0, 0, 0, 0});
    /* A weight away from 0 is not still: epsilon |moved| is a size too. */
    expect_noise_stopped(HO_F64, "stop_noise(a^2, 0, 1, 1e-6, b)", (double[]){0, -2.7e-11, 2.9e-11, -5});
    expect_noise_stopped(HO_F32, "stop_noise(a^2, 0, 1e18, 0.25, b)", (double[]){0, -0.0155, -0.0158, 5});
    expect_noise_stopped(HO_F32, "stop_noise(a^2, 0, 1, 1, 1/b)", (double[]){-1e8, 1e8, 0, 5});
}

/* In reverse, too: the cotangent of the branch not taken is 0, and must not meet the branch's infinite slope. */
Test(diff_points, select_keeps_the_other_branch_out)
{
    point p;
    setup(&p, 0);
    ho_node x = p.x[0], zero = num(&p, 0), positive = bin(&p, HO_OP_LESS, zero, x), log = un(&p, HO_OP_LOG, x);
    ho_node branches[] = {
        log,
        bin(&p, HO_OP_MUL, x, log),
        bin(&p, HO_OP_MUL, log, un(&p, HO_OP_SIN, log)),
        bin(&p, HO_OP_DIV, num(&p, 1), x),
        un(&p, HO_OP_EXP, un(&p, HO_OP_NEG, bin(&p, HO_OP_DIV, log, x))),
        bin(&p, HO_OP_POW, x, num(&p, -1.5)),
    };
    for (size_t i = 0; i < sizeof branches / sizeof *branches; i++) {
        for (int order = 1; order <= 3; order++) {
            expect_slope(&p, ho_node_select(p.graph, positive, branches[i], x), order, 0, order == 1 ? 1 : 0);
            expect_slope(&p, ho_node_select(p.graph, positive, branches[i], zero), order, -1, 0);
            expect_slope(&p, ho_node_select(p.graph, bin(&p, HO_OP_LESS_EQUAL, x, zero), zero, branches[i]), order, 0,
                         0);
        }
    }
    expect_slope(&p, ho_node_select(p.graph, positive, log, zero), 2, 2, -0.25);
    ho_graph_free(p.graph);
}

Test(diff_points, select_keeps_entries_apart)
{
    point p;
    setup(&p, 3);
    memcpy(p.values[0], (double[]){0, 2, -1}, 3 * sizeof(double));
    ho_node zero = num(&p, 0), log = un(&p, HO_OP_LOG, p.x[0]);
    ho_node f = ho_node_select(p.graph, bin(&p, HO_OP_LESS, zero, p.x[0]), log, zero);
    double got[3];
    evaluate(&p, reverse(&p, f, 2), got);
    const double want[3] = {0, -0.25, 0};
    for (int i = 0; i < 3; i++)
        cr_expect_eq(got[i], want[i], "entry %d: %g", i, got[i]);
    ho_graph_free(p.graph);
}

Test(diff_points, pow_at_base_0)
{
    point p;
    setup(&p, 0);
    ho_node f = bin(&p, HO_OP_POW, p.x[0], p.x[1]);
    p.values[1][0] = 2.5;
    expect_slope(&p, f, 1, 0, 0);
    expect_slope(&p, f, 2, 0, 0);
    p.values[1][0] = 1;
    expect_slope(&p, f, 1, 0, 1);
    expect_slope(&p, f, 2, 0, 0);
    expect_slope(&p, f, 3, 0, 0);
    p.values[1][0] = 2;
    expect_slope(&p, f, 2, 0, 2);
    expect_slope(&p, f, 3, 0, 0);
    p.values[1][0] = 0;
    expect_slope(&p, f, 1, 0, 0);
    p.values[1][0] = 3;
    expect_slope(&p, f, 1, -2, 12);
    ho_node by_exponent = bin(&p, HO_OP_POW, p.x[1], p.x[0]);
    const double bases[] = {0, -2};
    for (int i = 0; i < 2; i++) {
        p.values[1][0] = bases[i];
        expect_slope(&p, by_exponent, 1, 2, 0);
        expect_slope(&p, by_exponent, 1, 0.5, 0);
        expect_slope(&p, by_exponent, 2, 2, 0);
    }
    p.values[1][0] = 2;
    expect_slope(&p, by_exponent, 1, 3, 8 * log(2));
    ho_graph_free(p.graph);
}

Test(diff_points, pow_of_both_is_finite_at_base_0)
{
    point p;
    setup(&p, 0);
    ho_node f = bin(&p, HO_OP_POW, p.x[0], p.x[1]), g[2], h[2];
    cr_assert_eq(ho_gradient(p.graph, f, p.x, g, 2), HO_OK);
    cr_assert_eq(ho_gradient(p.graph, bin(&p, HO_OP_ADD, g[0], g[1]), p.x, h, 2), HO_OK);
    p.values[0][0] = 0;
    p.values[1][0] = 3;
    for (int i = 0; i < 2; i++) {
        double got;
        evaluate(&p, g[i], &got);
        cr_expect_eq(got, 0);
        evaluate(&p, h[i], &got);
        cr_expect_eq(got, 0, "second order by %d: %g", i, got);
    }
    ho_graph_free(p.graph);
}

Test(diff_points, gradient_is_full_zero_where_nothing_depends)
{
    point p;
    setup(&p, 3);
    ho_node f = ho_node_sum_all(p.graph, p.x[0]), g[2], back[2], one = num(&p, 1);
    cr_assert_eq(ho_gradient(p.graph, f, p.x, g, 2), HO_OK);
    double got[3] = {7, 7, 7};
    evaluate(&p, g[1], got);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(got[i], 0);
    cr_assert_eq(ho_graph_at(p.graph, g[0])->shape.dims[0], 3);
    cr_assert_eq(ho_vjp(p.graph, p.x, back, 2, &f, &one, 1), HO_OK);
    cr_assert_neq(back[0], 0);
    cr_assert_eq(back[1], 0);
    ho_graph_free(p.graph);
}

/* An input may be any node; what it is made of is then no way around it. */
Test(diff_points, an_inner_node_as_input_is_cut)
{
    point p;
    setup(&p, 0);
    ho_node square = bin(&p, HO_OP_MUL, p.x[0], p.x[0]), f = bin(&p, HO_OP_MUL, square, p.x[0]), g[2];
    cr_assert_eq(ho_gradient(p.graph, f, (ho_node[]){square, p.x[0]}, g, 2), HO_OK);
    p.values[0][0] = 3;
    double got;
    evaluate(&p, g[0], &got);
    cr_expect_eq(got, 3);
    evaluate(&p, g[1], &got);
    cr_expect_eq(got, 9);
    ho_node d, zero = 0, one = num(&p, 1);
    cr_assert_eq(ho_jvp(p.graph, 0, (ho_node[]){square, p.x[0]}, (ho_node[]){zero, one}, 2, &f, &d, 1), HO_OK);
    evaluate(&p, d, &got);
    cr_expect_eq(got, 9);
    ho_graph_free(p.graph);
}

Test(diff_points, derivatives_carry_the_source_of_the_primal)
{
    point p;
    setup(&p, 3);
    uint32_t before = ho_graph_source_enter(p.graph, "curve", "curve.c", 12);
    ho_node f = ho_node_sum_all(p.graph, un(&p, HO_OP_EXP, un(&p, HO_OP_SIN, p.x[0]))), g;
    ho_graph_source_set(p.graph, before);
    uint32_t size = ho_graph_size(p.graph);
    cr_assert_eq(ho_gradient(p.graph, f, p.x, &g, 1), HO_OK);
    int counted = 0, ruled = 0;
    for (ho_node a = size + 1; a <= ho_graph_size(p.graph); a++) {
        const ho_graph_node *node = ho_graph_at(p.graph, a);
        if (node->op == HO_OP_MUL || node->op == HO_OP_COS) { /* the chain's; of the rule for sin */
            cr_expect_str_eq(ho_graph_source(p.graph, node->source).plugin, "curve");
            cr_expect_eq(ho_graph_source(p.graph, node->source).line, 12);
            cr_expect_null(ho_graph_source(p.graph, node->source).formula, "a rule is not where nodes come from");
            counted++;
            ruled += node->op == HO_OP_COS;
        }
    }
    cr_assert_gt(counted, ruled);
    cr_assert_gt(ruled, 0);
    uint32_t after = ho_graph_source_enter(p.graph, "x", "x.c", 1);
    cr_assert_eq(after, before, "the source in force is put back");
    ho_graph_free(p.graph);
}

Test(diff_points, shapes_of_tangents_and_cotangents_are_checked)
{
    point p;
    setup(&p, 3);
    ho_node f = un(&p, HO_OP_EXP, p.x[0]), wrong = num(&p, 1), out;
    cr_assert_neq(ho_jvp(p.graph, 0, p.x, &wrong, 1, &f, &out, 1), HO_OK);
    cr_assert_eq(out, 0);
    cr_expect(strstr(p.error.text, "(3)") && strstr(p.error.text, "()"), "%s", p.error.text);
    ho_graph_free(p.graph);
    setup(&p, 3);
    f = un(&p, HO_OP_EXP, p.x[0]);
    wrong = ho_node_iota(p.graph, 2);
    cr_assert_neq(ho_vjp(p.graph, p.x, &out, 1, &f, &wrong, 1), HO_OK);
    cr_expect(strstr(p.error.text, "(3)") && strstr(p.error.text, "(2)"), "%s", p.error.text);
    cr_assert_neq(ho_gradient(p.graph, f, p.x, &out, 1), HO_OK, "the first error stays");
    ho_graph_free(p.graph);
    setup(&p, 3);
    cr_assert_neq(ho_gradient(p.graph, un(&p, HO_OP_EXP, p.x[0]), p.x, &out, 1), HO_OK, "no gradient of a vector");
    cr_expect(strstr(p.error.text, "gradient") && strstr(p.error.text, "(3)"), "%s", p.error.text);
    ho_graph_free(p.graph);
    setup(&p, 3);
    ho_node poison = HO_POISON;
    cr_assert_neq(ho_gradient(p.graph, poison, p.x, &out, 1), HO_OK);
    cr_assert_neq(p.error.status, HO_OK);
    ho_graph_free(p.graph);
}
