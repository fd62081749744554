/* Checks of dynamics, models, losses and penalties by themselves: their graphs, and numbers put through them. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/slope.h"
#include "diff/diff.h"
#include "exec/exec.h"
#include "proof/traced.h"
#include "system/branches.h"

#define INNER      1e-10
#define DIFFERENCE 1e-6
#define FIRST      1e-2  /* of differences, against the size of what moves */
#define MANY       3     /* tangent columns */
#define ROUNDING   1e-14 /* what is no larger, among numbers of the size of 1, may be nothing but rounding */

/* ---- the graph --------------------------------------------------------------------------------------------------- */

static ho_status verify(traced *t, ho_error *error)
{
    if (t->p->loaded->plugin.kind == HO_DYNAMICS && t->outputs[0] == t->leaves[t->w].node)
        return ho_proof_fail(error, "step leaves w as it is: bind the new weights to the name \"w\"");
    return ho_graph_verify(t->graph, t->outputs, t->output_count, error);
}

ho_status ho_prove_shapes(proof *p, ho_error *error)
{
    return ho_traced_each(p, verify, error);
}

/* The graph as text; free(). */
static char *dump(const traced *t)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return ho_strdup("");
    ho_graph_dump(t->graph, t->outputs, t->output_names, t->output_count, out);
    fclose(out);
    return text;
}

static ho_status same_again(traced *t, ho_error *error)
{
    traced *again = ho_traced_new(t->p, t->sizes, NULL, error);
    if (!again)
        return error->status;
    char *first = dump(t), *second = dump(again);
    size_t at = 0, line = 0;
    while (first[at] && first[at] == second[at])
        line += first[at++] == '\n';
    if (first[at] || second[at])
        ho_proof_fail(error,
                      "the graphs of two traces differ, first in node %zu: a trace may depend only on its arguments, "
                      "the sizes and self",
                      line + 1);
    free(first);
    free(second);
    ho_traced_free(again);
    return error->status;
}

ho_status ho_prove_repeat(proof *p, ho_error *error)
{
    return ho_traced_each(p, same_again, error);
}

ho_status ho_prove_poison(proof *p, ho_error *error)
{
    const traced_case *s = ho_traced_case_at(p, 0);
    ho_trace_watch whole = {0};
    ho_traced_free(ho_traced_new(p, s, &whole, error));
    const uint32_t calls = whole.calls;
    for (uint32_t call = 1; call <= calls && error->status == HO_OK; call++) {
        ho_error own = {0};
        traced *t = ho_traced_new(p, s, &(ho_trace_watch){.fail_at = call}, &own);
        if (t)
            ho_proof_fail(error, "call %" PRIu32 " failed, and nobody noticed", call);
        ho_traced_free(t);
    }
    ho_proof_note(p, "%" PRIu32 " calls", calls);
    return error->status;
}

static bool trace_once(proof *p, ho_error *own)
{
    traced *t = ho_traced_new(p, ho_traced_case_at(p, 0), NULL, own);
    ho_traced_free(t);
    return t;
}

ho_status ho_prove_trace_memory(proof *p, ho_error *error)
{
    return ho_proof_each_failure(p, "a callback", trace_once, error);
}

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

/* The results as functions of what moves, along random directions v, seen by random u. */
typedef struct linear {
    traced *t;
    size_t inputs, of[MOST_TRACED]; /* leaves that move */
    ho_node in[MOST_TRACED];
    traced_leaf *v[MOST_TRACED], *u[MOST_TRACED];
    ho_node jv[MOST_TRACED], uj[MOST_TRACED];
} linear;

static ho_node times_sum(ho_graph *g, ho_node a, ho_node b)
{
    return a && b ? ho_node_sum_all(g, ho_node_binary(g, HO_OP_MUL, a, b)) : ho_node_const(g, 0.0);
}

static ho_shape shape_of(const traced *t, ho_node node)
{
    return ho_graph_at(t->graph, node)->shape;
}

/* Tangents in proportion to what they move, so that no sign changes; those of a structure stay in it. */
static void aim(traced *t, const traced_leaf *of, traced_leaf *v)
{
    const int64_t n = of->hyper && of->hyper->structure ? (int64_t)sqrt((double)of->count) : 0;
    for (int64_t i = 0; i < v->count; i++)
        v->values[i] = ho_proof_normal(t->p) * fabs(of->values[i]);
    for (int64_t i = 0; n > 1 && of->hyper->structure & HO_SYMMETRIC && i < v->count; i++)
        if (i % n < i / n)
            v->values[i] = v->values[i % n * n + i / n];
}

/* Nodes for J v and u J. */
static ho_status linear_open(linear *l, traced *t, ho_error *error)
{
    *l = (linear){.t = t};
    const size_t leaves = t->leaf_count;
    ho_node tangents[MOST_TRACED], cotangents[MOST_TRACED];
    for (size_t i = 0; i < leaves; i++)
        if (t->leaves[i].moves && l->inputs + leaves + t->output_count < MOST_TRACED - 2) {
            l->of[l->inputs] = i;
            l->in[l->inputs++] = t->leaves[i].node;
        }
    for (size_t k = 0; k < l->inputs; k++) {
        l->v[k] = ho_traced_leaf_new(t, "v", shape_of(t, l->in[k]));
        aim(t, &t->leaves[l->of[k]], l->v[k]);
        tangents[k] = l->v[k]->node;
    }
    for (size_t i = 0; i < t->output_count; i++) {
        l->u[i] = ho_traced_leaf_new(t, "u", shape_of(t, t->outputs[i]));
        cotangents[i] = l->u[i]->node;
    }
    if (ho_jvp(t->graph, 0, l->in, tangents, l->inputs, t->outputs, l->jv, t->output_count) != HO_OK ||
        ho_vjp(t->graph, l->in, l->uj, l->inputs, t->outputs, cotangents, t->output_count) != HO_OK)
        return ho_fail_as(error, &t->error);
    return HO_OK;
}

static ho_status run_one(traced *t, ho_node node, double *value, ho_error *error)
{
    return ho_traced_run(t, &node, 1, &value, error);
}

/* <u, F>, <u, J v>, <J'u, v> as nodes, and the size of J v seen by u. */
static ho_node sum_over(traced *t, const ho_node *nodes, traced_leaf *const *by, size_t count)
{
    ho_node sum = ho_node_const(t->graph, 0.0);
    for (size_t i = 0; i < count; i++)
        sum = ho_node_binary(t->graph, HO_OP_ADD, sum, times_sum(t->graph, nodes[i], by[i]->node));
    return sum;
}

static ho_status size_of(traced *t, const ho_node *nodes, size_t count, double *size, ho_error *error)
{
    double squares = 0, value = 0;
    for (size_t i = 0; i < count; i++) {
        if (!nodes[i])
            continue;
        if (run_one(t, times_sum(t->graph, nodes[i], nodes[i]), &value, error) != HO_OK)
            return error->status;
        squares += value;
    }
    *size = sqrt(squares);
    return HO_OK;
}

/* A value along x + h v. */
typedef struct ray {
    linear *l;
    ho_node value, branches;
    double *start[MOST_TRACED]; /* what the leaves held */
    double *taken, *now;        /* branches at h = 0, and at h */
    int64_t branch_count;
    int crossed;
    ho_error *error;
} ray;

static ho_status along(void *self, double h, double *value)
{
    ray *r = self;
    linear *l = r->l;
    double *results[] = {value, h == 0 ? r->taken : r->now};
    const ho_node nodes[] = {r->value, r->branches};
    for (size_t k = 0; k < l->inputs; k++)
        for (int64_t i = 0; i < l->v[k]->count; i++)
            l->t->leaves[l->of[k]].values[i] = r->start[k][i] + h * l->v[k]->values[i];
    const ho_status status = ho_traced_run(l->t, nodes, 2, results, r->error);
    const bool other = h != 0 && memcmp(r->taken, r->now, (size_t)r->branch_count * sizeof(double)) != 0;
    r->crossed += other;
    if (other || !isfinite(*value))
        *value = NAN;
    return status;
}

/* The slope of a value along v, by differences. */
static ho_status differences(linear *l, ho_node value, double scale, ho_slope *slope, int *crossed, ho_error *error)
{
    traced *t = l->t;
    double base;
    ray r = {.l = l, .value = value, .branches = ho_branches_of(t->graph, t->outputs, t->output_count), .error = error};
    r.branch_count = ho_traced_count(t, r.branches);
    r.taken = ho_arena_alloc(t->arena, (size_t)r.branch_count * sizeof(double));
    r.now = ho_arena_alloc(t->arena, (size_t)r.branch_count * sizeof(double));
    for (size_t k = 0; k < l->inputs; k++) {
        r.start[k] = ho_arena_alloc(t->arena, (size_t)l->v[k]->count * sizeof(double));
        memcpy(r.start[k], t->leaves[l->of[k]].values, (size_t)l->v[k]->count * sizeof(double));
    }
    ho_status status = along(&r, 0, &base);
    if (status == HO_OK)
        status = ho_slope_of(along, &r, FIRST, true, scale, 1e-2 * DIFFERENCE, slope);
    if (status == HO_OK && slope->error > DIFFERENCE * scale) {
        ho_slope closer;
        status = ho_slope_of(along, &r, 1e-3 * FIRST, true, scale, 1e-2 * DIFFERENCE, &closer);
        *slope = ho_slope_join(*slope, closer);
    }
    for (size_t k = 0; k < l->inputs; k++)
        memcpy(t->leaves[l->of[k]].values, r.start[k], (size_t)l->v[k]->count * sizeof(double));
    *crossed += r.crossed;
    return status;
}

/* How differences of all cases came out. */
static int judged, unjudged, kinks;

static ho_status compare(linear *l, ho_node value, double exact, double size, const char *what, ho_error *error)
{
    ho_slope slope;
    const double scale = fmax(size, ROUNDING / DIFFERENCE);
    if (differences(l, value, scale, &slope, &kinks, error) != HO_OK)
        return error->status;
    const double off = fabs(slope.value - exact);
    if (off <= DIFFERENCE * scale) {
        judged++;
        return HO_OK;
    }
    if (off > HO_SLOPE_TRUST * (slope.error + DBL_EPSILON * scale / slope.step))
        return ho_proof_fail(error,
                             "%s is %.10g, and differences say %.10g +- %.1g: is there a stop(), or a branch on "
                             "values, that hides a dependence?",
                             what, exact, slope.value, slope.error);
    unjudged++;
    return HO_OK;
}

/* Many columns at once against one. */
static ho_status check_columns(linear *l, ho_error *error)
{
    traced *t = l->t;
    ho_node tangents[MOST_TRACED], out[MOST_TRACED];
    if (t->leaf_count + l->inputs > MOST_TRACED - 2)
        return HO_OK;
    for (size_t k = 0; k < l->inputs; k++) {
        const ho_shape one = shape_of(t, l->in[k]);
        ho_shape many = {.rank = one.rank + 1, .dims = {MANY}};
        for (int32_t i = 0; i < one.rank; i++)
            many.dims[i + 1] = one.dims[i];
        traced_leaf *leaf = ho_traced_leaf_new(t, "columns", many);
        for (int64_t i = 0; i < leaf->count; i++) {
            const int64_t column = i / l->v[k]->count; /* j is (1 + j) v */
            leaf->values[i] = (double)(1 + column) * l->v[k]->values[i % l->v[k]->count];
        }
        tangents[k] = leaf->node;
    }
    if (ho_jvp(t->graph, MANY, l->in, tangents, l->inputs, t->outputs, out, t->output_count) != HO_OK)
        return ho_fail_as(error, &t->error);
    for (size_t i = 0; i < t->output_count; i++) {
        if (!out[i] || !l->jv[i])
            continue;
        const int64_t count = ho_traced_count(t, l->jv[i]);
        double *one = ho_arena_alloc(t->arena, (size_t)count * sizeof(double));
        double *many = ho_arena_alloc(t->arena, MANY * (size_t)count * sizeof(double));
        const ho_node nodes[] = {l->jv[i], out[i]};
        double *results[] = {one, many};
        if (ho_traced_run(t, nodes, 2, results, error) != HO_OK)
            return error->status;
        double largest = DBL_MIN;
        for (int64_t k = 0; k < count; k++)
            largest = fmax(largest, fabs(one[k]));
        for (int64_t k = 0; k < MANY * count; k++) {
            const int64_t column = k / count;
            const double due = (double)(1 + column) * one[k % count];
            if (!(fabs(many[k] - due) <= 1e-12 * largest + ROUNDING))
                return ho_proof_fail(error, "tangent column %" PRId64 " of \"%s\" is %.17g among %d, %.17g by itself",
                                     column + 1, t->output_names[i], many[k], MANY, due);
        }
    }
    return HO_OK;
}

static ho_status first_order(traced *t, ho_error *error)
{
    linear l;
    double forward = 0, backward = 0, seen = 0, by_v = 0, whole = 0;
    if (linear_open(&l, t, error) != HO_OK)
        return error->status;
    if (run_one(t, sum_over(t, l.jv, l.u, t->output_count), &forward, error) != HO_OK ||
        run_one(t, sum_over(t, l.uj, l.v, l.inputs), &backward, error) != HO_OK ||
        size_of(t, l.jv, t->output_count, &seen, error) != HO_OK || size_of(t, l.uj, l.inputs, &by_v, error) != HO_OK ||
        size_of(t, t->outputs, t->output_count, &whole, error) != HO_OK)
        return error->status;
    const double scale = fmax(seen, fabs(backward)), floor = ROUNDING * fmax(whole, 1.0);
    if (!(fabs(forward - backward) <= fmax(INNER * scale, floor)))
        return ho_proof_fail(error, "<u, J v> = %.17g and <J'u, v> = %.17g differ", forward, backward);
    if (compare(&l, sum_over(t, t->outputs, l.u, t->output_count), forward, scale, "<u, J v>", error) != HO_OK)
        return error->status;
    return check_columns(&l, error);
}

static void note_judged(proof *p)
{
    ho_proof_note(p, "%d directions agree with differences%s", judged,
                  unjudged ? ho_arena_format(p->arena, "; %d could not be judged", unjudged) : "");
}

ho_status ho_prove_derivatives(proof *p, ho_error *error)
{
    judged = unjudged = kinks = 0;
    for (int draw = 0; draw < 2; draw++)
        if (ho_traced_each(p, first_order, error) != HO_OK)
            return error->status;
    if (judged == 0)
        return ho_proof_fail(error, "differences can judge no direction: %d steps crossed a kink", kinks);
    note_judged(p);
    return HO_OK;
}

/* w'Hv of <u, F> three ways: along v, along w, and by differences of the gradient. */
static ho_status second_order(traced *t, ho_error *error)
{
    linear l;
    if (linear_open(&l, t, error) != HO_OK)
        return error->status;
    traced_leaf *w[MOST_TRACED];
    ho_node v[MOST_TRACED], along_v[MOST_TRACED], along_w[MOST_TRACED], w_nodes[MOST_TRACED];
    if (t->leaf_count + l.inputs > MOST_TRACED - 2)
        return HO_OK;
    for (size_t k = 0; k < l.inputs; k++) {
        w[k] = ho_traced_leaf_new(t, "w", shape_of(t, l.in[k]));
        aim(t, &t->leaves[l.of[k]], w[k]);
        w_nodes[k] = w[k]->node;
        v[k] = l.v[k]->node;
        if (!l.uj[k])
            l.uj[k] = ho_node_fill(t->graph, shape_of(t, l.in[k]), 0.0);
    }
    if (ho_jvp(t->graph, 0, l.in, v, l.inputs, l.uj, along_v, l.inputs) != HO_OK ||
        ho_jvp(t->graph, 0, l.in, w_nodes, l.inputs, l.uj, along_w, l.inputs) != HO_OK)
        return ho_fail_as(error, &t->error);
    double wv = 0, vw = 0, size = 0, other = 0;
    if (run_one(t, sum_over(t, along_v, w, l.inputs), &wv, error) != HO_OK ||
        run_one(t, sum_over(t, along_w, l.v, l.inputs), &vw, error) != HO_OK ||
        size_of(t, along_v, l.inputs, &size, error) != HO_OK || size_of(t, w_nodes, l.inputs, &other, error) != HO_OK)
        return error->status;
    const double scale = fmax(size * fmax(other, 1.0), fabs(vw));
    if (!(fabs(wv - vw) <= fmax(INNER * scale, ROUNDING)))
        return ho_proof_fail(error,
                             "<w, H v> = %.17g and <v, H w> = %.17g differ: second derivatives are not symmetric; is "
                             "there a stop()?",
                             wv, vw);
    return compare(&l, sum_over(t, l.uj, w, l.inputs), wv, scale, "<w, H v>", error);
}

ho_status ho_prove_second(proof *p, ho_error *error)
{
    judged = unjudged = kinks = 0;
    if (ho_traced_each(p, second_order, error) != HO_OK)
        return error->status;
    note_judged(p);
    return HO_OK;
}
