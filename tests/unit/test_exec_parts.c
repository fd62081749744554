/* Large vectors that are made of several tensors are computed tensor by tensor: to the same bits, in fewer kernels. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/rng.h"
#include "exec/plan.h"

enum { ALL = 66000, FIRST = 40000, SECOND = 7, THIRD = ALL - FIRST - SECOND, NODES = 32, INPUTS = 8, OUTPUTS = 4 };

typedef struct vectors {
    ho_error error;
    ho_graph *graph;
    ho_node in[INPUTS];
    size_t input_count;
    ho_node nodes[NODES]; /* of ALL entries */
    size_t count;
} vectors;

static uint64_t state;

static uint64_t draw(uint64_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % n;
}

static ho_node leaf(vectors *v, int64_t count)
{
    return v->in[v->input_count++] = ho_node_leaf(v->graph, "x", count ? ho_shape_of(1, &count) : ho_scalar_shape());
}

static void keep(vectors *v, ho_node node)
{
    cr_assert(node != HO_POISON, "%s", v->error.text);
    v->nodes[v->count++] = node;
}

static ho_node stop(vectors *v, ho_node a)
{
    return ho_node_unary(v->graph, HO_OP_STOP, a);
}

/* Leaves and concats of them: two cut alike, one cut otherwise. */
static void begin(vectors *v)
{
    *v = (vectors){0};
    v->graph = ho_graph_new(&v->error);
    const ho_node number = leaf(v, 0), w = leaf(v, ALL), a = leaf(v, FIRST), b = leaf(v, SECOND), c = leaf(v, THIRD),
                  d = leaf(v, FIRST);
    ho_graph *g = v->graph;
    const ho_node aa = ho_node_binary(g, HO_OP_MUL, a, d), bb = ho_node_binary(g, HO_OP_ADD, b, b);
    keep(v, w);
    keep(v, ho_node_concat(g, (ho_node[]){aa, bb, c}, 3, 1));
    keep(v, ho_node_concat(g, (ho_node[]){d, ho_node_unary(g, HO_OP_NEG, b), c}, 3, 1));
    keep(v, ho_node_concat(g, (ho_node[]){c, aa, b}, 3, 1));
    keep(v, ho_node_expand(g, number, ho_shape_of(1, (int64_t[]){ALL})));
}

/* An op on any of the vectors; now and then one that needs all of a vector. */
static void grow(vectors *v)
{
    static const uint32_t ops[] = {HO_OP_ADD, HO_OP_SUB, HO_OP_MUL, HO_OP_MAX};
    const ho_node a = v->nodes[draw(v->count)], b = v->nodes[draw(v->count)];
    ho_graph *g = v->graph;
    const ho_node less = ho_node_binary(g, HO_OP_LESS, a, b);
    switch (draw(8)) {
    case 0:
        keep(v, ho_node_select(g, less, stop(v, a), a));
        break;
    case 1:
        keep(v, ho_node_select(g, less, a, b));
        break;
    case 2:
        keep(v, ho_node_binary(
                    g, HO_OP_MUL, a,
                    ho_node_expand(g, ho_node_reduce(g, HO_OP_MAXIMUM, b, 1, 1), ho_shape_of(1, (int64_t[]){ALL}))));
        break;
    case 3:
        keep(v, ho_node_concat(g,
                               (ho_node[]){ho_node_slice(g, a, 1, 5, FIRST), ho_node_slice(g, b, 1, 0, SECOND),
                                           ho_node_slice(g, a, 1, SECOND, THIRD)},
                               3, 1));
        break;
    default:
        keep(v, ho_node_binary(g, ops[draw(4)], a, b));
        break;
    }
}

static double *random_values(int64_t count, uint64_t seed)
{
    double *values = ho_alloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = ho_normal_number(seed, 1, (uint64_t)i);
    return values;
}

static int64_t count_of(const vectors *v, ho_node node)
{
    return ho_shape_count(&ho_graph_at(v->graph, node)->shape);
}

static ho_plan *plan_of(vectors *v, const ho_node *outputs, size_t count)
{
    ho_plan *plan = ho_plan_new(v->graph, HO_F64, v->in, v->input_count, outputs, count, &v->error);
    cr_assert(plan, "%s", v->error.text);
    return plan;
}

static void compare(vectors *v, const ho_node *outputs)
{
    const double *in[INPUTS];
    double *out[OUTPUTS], *due[OUTPUTS];
    for (size_t i = 0; i < v->input_count; i++)
        in[i] = random_values(count_of(v, v->in[i]), i + 1);
    for (size_t i = 0; i < OUTPUTS; i++) {
        out[i] = ho_alloc((size_t)count_of(v, outputs[i]) * sizeof *out[i]);
        due[i] = ho_alloc((size_t)count_of(v, outputs[i]) * sizeof *due[i]);
    }
    ho_plan *plan = plan_of(v, outputs, OUTPUTS);
    ho_plan_run(plan, (const void *const *)in, (void *const *)out);
    cr_assert_eq(ho_reference_run(v->graph, HO_F64, v->in, in, v->input_count, outputs, due, OUTPUTS, NULL, &v->error),
                 HO_OK, "%s", v->error.text);
    for (size_t i = 0; i < OUTPUTS; i++) {
        for (int64_t k = 0; k < count_of(v, outputs[i]); k++)
            cr_assert_eq(out[i][k], due[i][k], "output %zu, entry %lld: %g, due %g", i, (long long)k, out[i][k],
                         due[i][k]);
        free(out[i]);
        free(due[i]);
    }
    for (size_t i = 0; i < v->input_count; i++)
        free((void *)in[i]);
    ho_plan_free(plan);
}

Test(exec_parts, agree_with_the_reference)
{
    for (int i = 0; i < 60; i++) {
        vectors v;
        begin(&v);
        while (v.count < 8 + draw(NODES - 8))
            grow(&v);
        ho_node outputs[OUTPUTS];
        for (size_t k = 0; k < OUTPUTS; k++)
            outputs[k] = v.nodes[k == 0 ? v.count - 1 : draw(v.count)];
        compare(&v, outputs);
        ho_graph_free(v.graph);
    }
}

/* ---- what it is for ---------------------------------------------------------------------------------------------- */

static const ho_kernel *kernel_over(const ho_plan *plan, int64_t count)
{
    for (size_t i = 0; i < plan->step_count; i++)
        if (plan->steps[i].kind == HO_STEP_KERNEL && plan->steps[i].as.kernel.count == count)
            return &plan->steps[i].as.kernel;
    return NULL;
}

static size_t kernels_over(const ho_plan *plan, int64_t count)
{
    size_t kernels = 0;
    for (size_t i = 0; i < plan->step_count; i++)
        kernels += plan->steps[i].kind == HO_STEP_KERNEL && plan->steps[i].as.kernel.count == count;
    return kernels;
}

/* Momentum: v' = mu v - eta g, w' = w + v'. With `wanted`, g is an output; with `summed`, all of v' is read again. */
static ho_plan *momentum(vectors *v, bool wanted, bool summed)
{
    ho_graph *g = v->graph;
    const ho_node number = v->nodes[4], w = v->nodes[0], gradient = v->nodes[1];
    const ho_node kept = ho_node_binary(g, HO_OP_MUL, number, leaf(v, ALL));
    const ho_node next = ho_node_binary(g, HO_OP_SUB, kept, ho_node_binary(g, HO_OP_MUL, number, gradient));
    const ho_node outputs[] = {next, ho_node_binary(g, HO_OP_ADD, w, next), wanted ? gradient : next,
                               summed ? ho_node_sum_all(g, next) : next};
    return plan_of(v, outputs, OUTPUTS - !summed);
}

Test(exec_parts, an_optimizer_takes_one_kernel_for_each_tensor)
{
    for (int wanted = 0; wanted < 2; wanted++) {
        vectors v;
        begin(&v);
        ho_plan *plan = momentum(&v, wanted, false);
        cr_expect_eq(kernels_over(plan, FIRST), 1);
        cr_expect_eq(kernels_over(plan, THIRD), 1);
        cr_expect_eq(kernels_over(plan, ALL), wanted ? 0 : 1); /* the second copy of an output */
        ho_plan_free(plan);
        ho_graph_free(v.graph);
    }
}

Test(exec_parts, what_a_sum_reads_is_computed_in_one)
{
    vectors v;
    begin(&v);
    ho_plan *plan = momentum(&v, true, true);
    cr_expect_eq(kernels_over(plan, ALL), 1);
    cr_expect_eq(kernel_over(plan, FIRST)->length, 1, "the gradient alone");
    ho_plan_free(plan);
    ho_graph_free(v.graph);
}
