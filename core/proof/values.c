/* Numbers at which plugins break: zero gradients, the first step and a late one, huge and tiny values; f32 beside f64;
 * examples beside each other. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diff/diff.h"
#include "exec/exec.h"
#include "proof/traced.h"

#define LATE  1e6
#define HUGE_ 1e6
#define TINY  1e-150
#define F32   1e-3

/* ---- finite ------------------------------------------------------------------------------------------------------ */

static void scale_leaf(traced *t, const char *name, double factor)
{
    for (size_t i = 0; i < t->leaf_count; i++)
        for (int64_t k = 0; strcmp(t->leaves[i].name, name) == 0 && k < t->leaves[i].count; k++)
            t->leaves[i].values[k] *= factor;
}

/* Every result and its derivatives along and by everything. */
static ho_status finite(traced *t, const char *where, ho_error *error)
{
    ho_node in[MOST_TRACED], tangents[MOST_TRACED], cotangents[MOST_TRACED], all[3 * MOST_TRACED];
    const char *names[3 * MOST_TRACED];
    size_t inputs = 0, count = 0;
    for (size_t i = 0; i < t->leaf_count; i++)
        if (t->leaves[i].moves) {
            const ho_shape shape = ho_graph_at(t->graph, t->leaves[i].node)->shape;
            in[inputs] = t->leaves[i].node;
            tangents[inputs++] = ho_node_fill(t->graph, shape, 1.0);
        }
    for (size_t i = 0; i < t->output_count; i++) {
        names[count] = t->output_names[i];
        all[count++] = t->outputs[i];
        cotangents[i] = ho_node_fill(t->graph, ho_graph_at(t->graph, t->outputs[i])->shape, 1.0);
    }
    ho_node jv[MOST_TRACED], uj[MOST_TRACED];
    if (ho_jvp(t->graph, 0, in, tangents, inputs, t->outputs, jv, t->output_count) != HO_OK ||
        ho_vjp(t->graph, in, uj, inputs, t->outputs, cotangents, t->output_count) != HO_OK)
        return ho_fail_as(error, &t->error);
    for (size_t i = 0; i < t->output_count; i++)
        if (jv[i]) {
            names[count] = ho_arena_format(t->arena, "the derivative of %s", t->output_names[i]);
            all[count++] = jv[i];
        }
    for (size_t i = 0, k = 0; i < t->leaf_count; i++) {
        if (!t->leaves[i].moves)
            continue;
        if (uj[k]) {
            names[count] = ho_arena_format(t->arena, "the derivative by %s", t->leaves[i].name);
            all[count++] = uj[k];
        }
        k++;
    }
    for (size_t i = 0; i < count; i++) {
        const int64_t entries = ho_traced_count(t, all[i]);
        double *values = ho_arena_alloc(t->arena, (size_t)entries * sizeof *values);
        if (ho_traced_run(t, &all[i], 1, &values, error) != HO_OK)
            return error->status;
        for (int64_t k = 0; k < entries; k++)
            if (!isfinite(values[k]))
                return ho_proof_fail(error, "%s: %s is %g in entry %" PRId64, where, names[i], values[k], k);
    }
    return HO_OK;
}

/* A fresh trace with numbers changed. */
static ho_status try(proof *p, const traced_case *s, const char *where, void (*change)(traced *t), bool cold,
                     ho_error *error)
{
    ho_error own = {0};
    ho_trace_watch watch = {0};
    traced *t = ho_traced_new(p, s, &watch, &own);
    if (t && (cold || ho_traced_warm(t, &own) == HO_OK)) {
        change(t);
        finite(t, where, &own);
    }
    ho_traced_free(t);
    return watch.refused ? HO_OK : ho_fail_as(error, &own);
}

static void unchanged(traced *t)
{
    (void)t;
}

/* A weight that has never received a gradient: slots as they start, no gradient. */
static void dead(traced *t)
{
    double *results[MOST_TRACED];
    const uint32_t slots = t->p->loaded->slot_count;
    ho_error ignored = {0};
    for (uint32_t i = 0; i < slots; i++)
        results[i] = t->leaves[t->slots + i].values;
    if (slots)
        ho_traced_run(t, t->initial, slots, results, &ignored);
    scale_leaf(t, "g", 0);
}

static void dead_first(traced *t)
{
    dead(t);
    *t->leaves[t->t].values = 1;
}

static void first_step(traced *t)
{
    dead(t);
    *t->leaves[t->t].values = 1;
    traced_leaf *g = &t->leaves[t->g];
    for (int64_t i = 0; i < g->count; i++)
        g->values[i] = ho_proof_normal(t->p);
}

static void half_dead(traced *t)
{
    traced_leaf *g = &t->leaves[t->g];
    for (int64_t i = 0; i < g->count; i += 2)
        g->values[i] = 0;
}

static void late(traced *t)
{
    *t->leaves[t->t].values = LATE;
}

static void huge(traced *t)
{
    for (const char *const *name = (const char *const[]){"g", "outputs", "inputs", "w", NULL}; *name; name++)
        if (t->p->loaded->plugin.kind != HO_DYNAMICS || strcmp(*name, "w") != 0)
            scale_leaf(t, *name, HUGE_);
}

static void tiny(traced *t)
{
    for (const char *const *name = (const char *const[]){"g", "outputs", "inputs", "w", NULL}; *name; name++)
        scale_leaf(t, *name, TINY);
}

static void zero(traced *t)
{
    for (const char *const *name = (const char *const[]){"outputs", "inputs", "w", NULL}; *name; name++)
        scale_leaf(t, *name, 0);
}

ho_status ho_prove_values(proof *p, ho_error *error)
{
    static const struct {
        const char *what;
        void (*change)(traced *t);
        bool dynamics, cold; /* only of dynamics; from the start, and not after some steps */
    } rows[] = {
        {"at t = 1", first_step, true, true},
        {"at t = 1 where no gradient came", dead_first, true, true},
        {"where no gradient ever came", dead, true, true},
        {"with ordinary numbers", unchanged, false, false},
        {"where half of the gradient is 0", half_dead, true, false},
        {"at t = 1e6", late, true, false},
        {"with numbers around 1e6", huge, false, false},
        {"with numbers around 1e-150", tiny, false, false},
        {"with zeros", zero, false, false},
    };
    int tried = 0;
    const traced_case *s;
    for (size_t i = 0; (s = ho_traced_case_at(p, i)) && i < 4; i++)
        for (size_t k = 0; k < sizeof rows / sizeof *rows && error->status == HO_OK; k++) {
            if (rows[k].dynamics && p->loaded->plugin.kind != HO_DYNAMICS)
                continue;
            if (try(p, s, rows[k].what, rows[k].change, rows[k].cold, error) != HO_OK)
                ho_error_prefix(error, "at %s", ho_traced_describe(p, s));
            tried++;
        }
    ho_proof_note(p, "%d places", tried);
    return error->status;
}

/* ---- precision --------------------------------------------------------------------------------------------------- */

/* Rounds leaves to float, so that both precisions start from the same numbers. */
static void round_leaves(traced *t)
{
    for (size_t i = 0; i < t->leaf_count; i++)
        for (int64_t k = 0; k < t->leaves[i].count; k++)
            t->leaves[i].values[k] = (float)t->leaves[i].values[k];
}

/* Runs a plan in f32; values come back as doubles. */
static ho_status run_single(traced *t, ho_node node, double *values, ho_error *error)
{
    ho_node inputs[MOST_TRACED];
    const void *in[MOST_TRACED];
    const int64_t count = ho_traced_count(t, node);
    for (size_t i = 0; i < t->leaf_count; i++) {
        const traced_leaf *leaf = &t->leaves[i];
        inputs[i] = leaf->node;
        in[i] = leaf->values;
        if (ho_graph_at(t->graph, leaf->node)->shape.rank == 0)
            continue;
        float *single = ho_arena_alloc(t->arena, (size_t)leaf->count * sizeof *single);
        for (int64_t k = 0; k < leaf->count; k++)
            single[k] = (float)leaf->values[k];
        in[i] = single;
    }
    const bool scalar = ho_graph_at(t->graph, node)->shape.rank == 0;
    float *out = ho_arena_alloc(t->arena, (size_t)count * sizeof *out);
    void *outputs[] = {scalar ? (void *)values : out};
    ho_plan *plan = ho_plan_new(t->graph, HO_F32, inputs, t->leaf_count, &node, 1, error);
    if (!plan)
        return error->status;
    ho_plan_run(plan, in, outputs);
    ho_plan_free(plan);
    for (int64_t i = 0; !scalar && i < count; i++)
        values[i] = (double)out[i];
    return HO_OK;
}

static ho_status same_in_f32(traced *t, ho_error *error)
{
    round_leaves(t);
    for (size_t i = 0; i < t->output_count; i++) {
        const int64_t count = ho_traced_count(t, t->outputs[i]);
        double *full = ho_arena_alloc(t->arena, (size_t)count * sizeof *full), off = 0, size = 0;
        double *single = ho_arena_alloc(t->arena, (size_t)count * sizeof *single);
        if (ho_traced_run(t, &t->outputs[i], 1, &full, error) != HO_OK ||
            run_single(t, t->outputs[i], single, error) != HO_OK)
            return error->status;
        for (int64_t k = 0; k < count; k++) {
            off = hypot(off, full[k] - single[k]);
            size = hypot(size, full[k]);
        }
        if (!(off <= F32 * fmax(size, 1e-3)))
            return ho_proof_fail(error, "\"%s\" differs between f32 and f64 by %.2g of its size", t->output_names[i],
                                 off / size);
    }
    return HO_OK;
}

ho_status ho_prove_precision(proof *p, ho_error *error)
{
    return ho_traced_each(p, same_in_f32, error);
}

/* ---- examples ---------------------------------------------------------------------------------------------------- */

/* Changes one example of the batch: the others' results must keep their values. (hotool computes in chunks.) */
static ho_status independent(traced *t, ho_error *error)
{
    const ho_node out = t->outputs[t->output_count - 1];
    const int64_t batch = t->sizes->batch, count = ho_traced_count(t, out), width = count / batch;
    double *before = ho_arena_alloc(t->arena, (size_t)count * sizeof *before);
    double *after = ho_arena_alloc(t->arena, (size_t)count * sizeof *after);
    if (batch < 2)
        return HO_OK;
    if (ho_traced_run(t, &out, 1, &before, error) != HO_OK)
        return error->status;
    for (size_t i = 0; i < t->leaf_count; i++) {
        traced_leaf *leaf = &t->leaves[i];
        if (strcmp(leaf->name, "inputs") != 0 && strcmp(leaf->name, "outputs") != 0)
            continue;
        for (int64_t k = 0; k < leaf->count / batch; k++)
            leaf->values[k] = 2 + 3 * leaf->values[k]; /* the first example */
    }
    if (ho_traced_run(t, &out, 1, &after, error) != HO_OK)
        return error->status;
    for (int64_t i = width; i < count; i++)
        if (!(fabs(before[i] - after[i]) <= 1e-12 * fabs(before[i])))
            return ho_proof_fail(error,
                                 "\"%s\" of example %" PRId64
                                 " changes with the first example's numbers: validation and tests are computed in "
                                 "chunks, so results would depend on the chunk size",
                                 t->output_names[t->output_count - 1], i / width);
    return HO_OK;
}

ho_status ho_prove_examples(proof *p, ho_error *error)
{
    return ho_traced_each(p, independent, error);
}
