/* Steps that read a large matrix twice, by blocks of its rows: the same bits as one step after another. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/rng.h"
#include "exec/plan.h"

enum { INPUTS = 4, OUTPUTS = 4 };

/* A step of softmax regression: x (rows, features), w (features, classes), a bias (classes) and weights (rows). */
typedef struct regression {
    ho_graph *graph;
    ho_node in[INPUTS];
    ho_node logits, largest, residual; /* on the way */
    ho_node out[OUTPUTS];              /* gradients by w and the bias, sums of each row, and another product of x */
    ho_node centred;                   /* a product of x that needs sums over all rows first */
    ho_shape shapes[OUTPUTS];
} regression;

static regression make(int64_t rows, int64_t features, int64_t classes, ho_error *error)
{
    ho_graph *g = ho_graph_new(error);
    regression r = {.graph = g};
    const ho_shape wide = ho_shape_of(2, (int64_t[]){rows, classes}), line = ho_shape_of(2, (int64_t[]){rows, 1});
    r.in[0] = ho_node_leaf(g, "x", ho_shape_of(2, (int64_t[]){rows, features}));
    r.in[1] = ho_node_leaf(g, "w", ho_shape_of(2, (int64_t[]){features, classes}));
    r.in[2] = ho_node_leaf(g, "bias", ho_shape_of(2, (int64_t[]){1, classes}));
    r.in[3] = ho_node_leaf(g, "weights", line);
    r.logits = ho_node_binary_broadcast(g, HO_OP_ADD, ho_node_matmul(g, r.in[0], r.in[1]), r.in[2]);
    r.largest = ho_node_reduce(g, HO_OP_MAXIMUM, r.logits, 1, 1);
    const ho_node top = ho_node_expand(g, ho_node_reshape(g, r.largest, line), wide);
    const ho_node e = ho_node_unary(g, HO_OP_EXP, ho_node_binary(g, HO_OP_SUB, r.logits, top));
    const ho_node sums = ho_node_reshape(g, ho_node_reduce(g, HO_OP_SUM, e, 1, 1), line);
    const ho_node share = ho_node_binary(g, HO_OP_DIV, r.in[3], sums);
    r.residual = ho_node_binary(g, HO_OP_MUL, e, ho_node_expand(g, share, wide));
    const ho_node xt = ho_node_transpose(g, r.in[0]);
    r.out[0] = ho_node_matmul(g, xt, r.residual);
    r.out[1] = ho_node_reduce(g, HO_OP_SUM, r.residual, 2, 1);
    r.out[2] = sums;
    r.centred = ho_node_matmul(g, xt, ho_node_binary_broadcast(g, HO_OP_SUB, r.residual, r.out[1]));
    r.out[3] = ho_node_matmul(g, xt, e);
    for (int i = 0; i < OUTPUTS; i++)
        r.shapes[i] = ho_graph_at(g, r.out[i])->shape;
    return r;
}

static void *room(const regression *r, ho_node id, uint64_t seed)
{
    const int64_t count = ho_shape_count(&ho_graph_at(r->graph, id)->shape);
    double *values = ho_alloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count && seed; i++)
        values[i] = ho_normal_number(seed, 1, (uint64_t)i);
    return values;
}

static void narrowed(void *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        ((float *)values)[i] = (float)((double *)values)[i];
}

/* Whether the plan has steps that run by rows. */
static bool goes_by_rows(const ho_plan *plan)
{
    bool goes = false;
    for (size_t i = 0; i < plan->step_count; i++)
        goes |= plan->steps[i].together > 1;
    return goes;
}

static void check(int64_t rows, int64_t features, int64_t classes, ho_precision precision, bool by_rows)
{
    ho_error error = {0};
    regression r = make(rows, features, classes, &error);
    const void *given[INPUTS + 3];
    ho_node inputs[INPUTS + 3];
    for (int i = 0; i < INPUTS; i++) {
        void *values = room(&r, r.in[i], (uint64_t)i + 1);
        if (precision == HO_F32)
            narrowed(values, ho_shape_count(&ho_graph_at(r.graph, r.in[i])->shape));
        given[i] = values;
        inputs[i] = r.in[i];
    }
    void *whole[OUTPUTS], *apart[OUTPUTS];
    ho_plan *plan = ho_plan_new(r.graph, precision, r.in, INPUTS, r.out, OUTPUTS, &error);
    cr_assert(plan != NULL, "%s", error.text);
    cr_expect_eq(goes_by_rows(plan), by_rows, "%d x %d x %d", (int)rows, (int)features, (int)classes);
    for (int i = 0; i < OUTPUTS; i++) {
        whole[i] = room(&r, r.out[i], 0);
        apart[i] = room(&r, r.out[i], 0);
    }
    for (int again = 0; again < 2; again++) /* what a run leaves behind is no matter */
        ho_plan_run(plan, given, whole);
    ho_plan_free(plan);
    /* One piece after another; what was computed is given to the next. */
    const ho_node pieces[] = {r.logits, r.largest, r.residual};
    size_t known = INPUTS;
    for (int i = 0; i < 3; i++, known++) {
        void *values = room(&r, pieces[i], 0);
        plan = ho_plan_new(r.graph, precision, inputs, known, &pieces[i], 1, &error);
        cr_assert(plan != NULL, "%s", error.text);
        ho_plan_run(plan, given, &values);
        ho_plan_free(plan);
        inputs[known] = pieces[i];
        given[known] = values;
    }
    for (int i = 0; i < OUTPUTS; i++) {
        plan = ho_plan_new(r.graph, precision, inputs, known, &r.out[i], 1, &error);
        cr_assert(plan != NULL, "%s", error.text);
        cr_expect_not(goes_by_rows(plan));
        ho_plan_run(plan, given, &apart[i]);
        ho_plan_free(plan);
        const size_t size = precision == HO_F32 ? sizeof(float) : sizeof(double);
        cr_expect(memcmp(whole[i], apart[i], (size_t)ho_shape_count(&r.shapes[i]) * size) == 0,
                  "output %d of %d x %d x %d in %s differs", i, (int)rows, (int)features, (int)classes,
                  precision == HO_F32 ? "f32" : "f64");
        free(whole[i]);
        free(apart[i]);
    }
    for (size_t i = 0; i < known; i++)
        free((void *)given[i]);
    ho_graph_free(r.graph);
}

Test(exec_rows, what_needs_all_rows_does_not_go_by_rows)
{
    ho_error error = {0};
    regression r = make(1301, 257, 10, &error);
    ho_plan *plan = ho_plan_new(r.graph, HO_F32, r.in, INPUTS, &r.centred, 1, &error);
    cr_assert(plan != NULL, "%s", error.text);
    cr_expect_not(goes_by_rows(plan));
    ho_plan_free(plan);
    ho_graph_free(r.graph);
}

Test(exec_rows, blocks_of_rows_give_the_same_bits)
{
    const char *const kernels[] = {"", "avx2", "base"};
    for (int k = 0; k < 3; k++) {
        setenv("HOTOOL_KERNELS", kernels[k], 1);
        check(1301, 257, 10, HO_F32, true);
        check(1025, 300, 3, HO_F32, true);
        check(700, 650, 10, HO_F32, true); /* logits in two parts of k */
        check(3000, 130, 9, HO_F32, true);
        check(1301, 257, 10, HO_F64, k < 2); /* two lanes are filled by ten columns */
        check(1013, 131, 5, HO_F64, true);
        check(50, 2000, 10, HO_F32, false);
        check(700, 131, 10, HO_F32, false);
    }
}
