#include "proof/traced.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "host/tracing.h"
#include "system/dynamics.h"

#define EXAMPLES 6
#define STEPS    5
#define WARM     3

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static const traced_case weights[] = {{.rank = 2, .dims = {4, 3}},
                                      {.rank = 2, .dims = {4, 3}, .form = 1},
                                      {.rank = 2, .dims = {4, 3}, .form = 2},
                                      {.rank = 1, .dims = {7}},
                                      {.rank = 1, .dims = {1}},
                                      {.rank = 2, .dims = {1, 1}},
                                      {.rank = 2, .dims = {1, 5}, .form = 2},
                                      {.rank = 2, .dims = {6, 1}, .form = 3},
                                      {.rank = 0},
                                      {.rank = 3, .dims = {2, 3, 4}, .form = 4},
                                      {.rank = 4, .dims = {2, 1, 3, 2}, .form = 3},
                                      {.rank = 2, .dims = {33, 17}, .form = 2},
                                      {.rank = 1, .dims = {301}, .form = 1}};

static const traced_case models[] = {
    {.features = 5, .outputs = 3, .batch = 4, .labels = true},
    {.features = 5, .outputs = 3, .batch = 4, .labels = true, .form = 1},
    {.features = 1, .outputs = 1, .batch = 1, .labels = true},
    {.features = 1, .outputs = 2, .batch = 3, .labels = true},
    {.features = 7, .outputs = 1, .batch = 2, .labels = true},
    {.features = 2, .outputs = 9, .batch = 1, .labels = true},
    {.features = 33, .outputs = 17, .batch = 19, .labels = true},
    {.features = 5, .outputs = 3, .batch = 4},
    {.features = 4, .outputs = 1, .batch = 6},
};

/* Whether the plugin is for such targets. */
static bool applies(const proof *p, const traced_case *s)
{
    const uint32_t targets = p->loaded->plugin.kind == HO_LOSS ? p->loaded->calls.loss.targets : HO_TARGET_ANY;
    return targets == HO_TARGET_ANY || s->labels == (targets == HO_TARGET_LABELS);
}

const traced_case *ho_traced_case_at(const proof *p, size_t i)
{
    const bool by_weight = p->loaded->plugin.kind == HO_DYNAMICS || p->loaded->plugin.kind == HO_PENALTY;
    const traced_case *rows = by_weight ? weights : models;
    const size_t count = by_weight ? sizeof weights / sizeof *weights : sizeof models / sizeof *models;
    for (size_t k = 0; k < count; k++)
        if (applies(p, &rows[k]) && i-- == 0)
            return &rows[k];
    return NULL;
}

ho_status ho_traced_each(proof *p, ho_status (*what)(traced *t, ho_error *error), ho_error *error)
{
    const traced_case *s;
    size_t count = 0, refused = 0;
    for (; (s = ho_traced_case_at(p, count)) && error->status == HO_OK; count++) {
        ho_error own = {0};
        ho_trace_watch watch = {0};
        traced *t = ho_traced_new(p, s, &watch, &own);
        if (t && ho_traced_warm(t, &own) == HO_OK)
            what(t, &own);
        ho_traced_free(t);
        ho_error_prefix(&own, "at %s", ho_traced_describe(p, s));
        refused += watch.refused;
        if (!watch.refused || (!ho_traced_case_at(p, count + 1) && refused > count))
            ho_fail_as(error, &own);
    }
    if (refused)
        ho_proof_note(p, "%zu shapes; it refuses %zu others", count - refused, refused);
    else
        ho_proof_note(p, "%zu shapes", count);
    return error->status;
}

const char *ho_traced_describe(proof *p, const traced_case *s)
{
    char shape[HO_SHAPE_TEXT];
    const ho_shape w = ho_shape_of(s->rank, s->dims);
    if (s->batch == 0)
        return ho_arena_format(p->arena, "w of shape %s", ho_shape_print(&w, shape));
    return ho_arena_format(p->arena, "features %lld, outputs %lld, batch %lld, %s", (long long)s->features,
                           (long long)s->outputs, (long long)s->batch, s->labels ? "labels" : "real targets");
}

/* ---- leaves ------------------------------------------------------------------------------------------------------ */

traced_leaf *ho_traced_leaf_new(traced *t, const char *name, ho_shape shape)
{
    traced_leaf *leaf = &t->leaves[t->leaf_count < MOST_TRACED - 1 ? t->leaf_count++ : t->leaf_count];
    const int64_t count = ho_shape_count(&shape);
    *leaf = (traced_leaf){.name = name,
                          .node = ho_node_leaf(t->graph, name, shape),
                          .count = count,
                          .values = ho_arena_alloc(t->arena, (size_t)count * sizeof(double))};
    for (int64_t i = 0; i < count; i++)
        leaf->values[i] = ho_proof_normal(t->p);
    return leaf;
}

/* One that results are differentiated by, in scope by its name. */
static traced_leaf *in_scope(traced *t, ho_scope *scope, const char *name, ho_shape shape)
{
    traced_leaf *leaf = ho_traced_leaf_new(t, name, shape);
    leaf->moves = true;
    ho_scope_bind(scope, name, leaf->node);
    return leaf;
}

static void fill_hyper(traced *t, traced_leaf *leaf, const ho_hyper *h, double value, int64_t size)
{
    double lower, upper;
    ho_domain_bounds(h->domain, &lower, &upper);
    for (int64_t i = 0; i < leaf->count; i++)
        leaf->values[i] =
            fmin(fmax(value * (leaf->count > 1 ? 0.75 + 0.5 * ho_proof_uniform(t->p) : 1.0), lower), upper);
    for (int64_t i = 0; h->structure && size && i < leaf->count; i++) {
        const int64_t row = i / size, column = i % size;
        if (h->structure & HO_ZERO_DIAGONAL && row == column)
            leaf->values[i] = 0;
        if (h->structure & HO_SYMMETRIC && column < row)
            leaf->values[i] = leaf->values[column * size + row];
    }
}

/* A size of a hyperparameter's shape. */
static int64_t size_here(const traced *t, const ho_named_size *sizes, const char *symbol)
{
    const int64_t size = ho_size_find(sizes, symbol);
    double option;
    if (size == 0 && ho_instance_number(t->instance, symbol, &option) && option >= 1)
        return (int64_t)option;
    return size ? size : 1;
}

/* A leaf for each hyperparameter of the plugin, with the shape that it sees. */
static void make_hypers(traced *t, ho_scope *scope, const ho_named_size *sizes, ho_node *nodes)
{
    const ho_loaded *l = t->p->loaded;
    for (uint32_t i = 0; i < l->hyper_count; i++) {
        const ho_shape_forms *forms = &l->shapes[i];
        const ho_shape_form *form = &forms->forms[t->sizes->form % forms->count];
        ho_shape shape = {.rank = form->seen_rank};
        for (int32_t k = 0; k < form->seen_rank; k++)
            shape.dims[k] = form->seen[k] < 0 ? 1 : size_here(t, sizes, form->sizes[form->seen[k]]);
        traced_leaf *leaf = in_scope(t, scope, l->hypers[i].name, shape);
        leaf->hyper = &l->hypers[i];
        fill_hyper(t, leaf, leaf->hyper, ho_proof_hyper_value(t->p, l, i), form->seen_rank == 2 ? shape.dims[0] : 0);
        nodes[i] = leaf->node;
    }
}

static void put_output(traced *t, const char *name, ho_node node)
{
    if (node != HO_POISON && t->output_count < MOST_TRACED) {
        t->output_names[t->output_count] = name;
        t->outputs[t->output_count++] = node;
    }
}

/* ---- each kind --------------------------------------------------------------------------------------------------- */

/* A smooth function in the place of the objective's gradient. */
static ho_node gradient_at(void *context, ho_node point)
{
    traced *t = context;
    t->asks_gradient = true;
    const ho_node bent = ho_node_unary(t->graph, HO_OP_TANH, point);
    return ho_node_binary(t->graph, HO_OP_ADD, ho_node_binary(t->graph, HO_OP_MUL, point, ho_node_const(t->graph, 0.7)),
                          bent);
}

static void trace_dynamics(traced *t, ho_trace_env *env, const ho_node *hypers)
{
    const ho_loaded *l = t->p->loaded;
    const bool whole = l->calls.dynamics.granularity == HO_WHOLE;
    ho_shape shape = ho_shape_of(t->sizes->rank, t->sizes->dims);
    if (whole)
        shape = ho_shape_of(1, (int64_t[]){ho_shape_count(&shape)});
    ho_node slots[MOST_TRACED / 4], next[MOST_TRACED / 4 + 1];
    if (l->slot_count > MOST_TRACED / 4) {
        ho_graph_fail(t->graph, "more than %d slots", MOST_TRACED / 4);
        return;
    }
    t->w = t->leaf_count;
    in_scope(t, env->scope, "w", shape);
    t->g = t->leaf_count;
    in_scope(t, env->scope, "g", shape);
    t->t = t->leaf_count;
    *ho_traced_leaf_new(t, "t", ho_scalar_shape())->values = 3;
    ho_dynamics_slots(t->instance, t->graph, hypers, t->leaves[t->w].node, t->initial);
    t->slots = t->leaf_count;
    for (uint32_t i = 0; i < l->slot_count; i++)
        slots[i] = in_scope(t, env->scope, l->slots[i].name, shape)->node;
    env->gradient = whole ? gradient_at : NULL;
    env->gradient_reason = "this dynamics is traced for each weight tensor by itself";
    ho_dynamics_step(t->instance, env, hypers, t->leaves[t->t].node, t->leaves[t->w].node, t->leaves[t->g].node, slots,
                     next);
    put_output(t, "w", t->error.status ? HO_POISON : next[0]);
    for (uint32_t i = 0; i < l->slot_count; i++)
        put_output(t, l->slots[i].name, t->error.status ? HO_POISON : next[1 + i]);
}

/* While a model declares its weights: its initial value is a result, and a leaf stands for the weight in `forward`. */
static ho_node declare_weight(void *context, const char *name, ho_node initial)
{
    traced *t = context;
    if (initial == HO_POISON)
        return HO_POISON;
    ho_node before;
    name = ho_arena_strdup(t->arena, name);
    if (ho_scope_find(t->forward, name, &before))
        return ho_graph_fail(t->graph, "weight \"%s\" is declared twice", name);
    put_output(t, name, initial);
    in_scope(t, t->forward, name, ho_graph_at(t->graph, initial)->shape);
    return initial;
}

static ho_node draw_normal(void *context, const char *name, ho_shape shape)
{
    traced *t = context;
    if (shape.rank < 0 || ho_shape_count(&shape) > 1 << 24)
        return ho_graph_fail(t->graph, "normal \"%s\" is too large", name);
    return ho_traced_leaf_new(t, "normal", shape)->node;
}

static void trace_model(traced *t, ho_trace_env *env, const ho_node *hypers)
{
    const ho_loaded *l = t->p->loaded;
    t->forward = ho_scope_new();
    ho_bind_hypers(t->forward, t->instance, hypers);
    ho_trace_env forward = *env;
    env->weight = declare_weight;
    env->normal = draw_normal;
    if (ho_trace_call(t->instance, "weights", l->calls.model.weights, env) != HO_OK)
        return;
    if (t->output_count == 0)
        ho_graph_fail(t->graph, "weights declares no weight");
    forward.scope = t->forward;
    in_scope(t, t->forward, "inputs", ho_shape_of(2, (int64_t[]){t->sizes->batch, t->sizes->features}));
    if (ho_trace_call(t->instance, "forward", l->calls.model.forward, &forward) != HO_OK)
        return;
    const ho_shape due = ho_shape_of(2, (int64_t[]){t->sizes->batch, t->sizes->outputs});
    ho_node head;
    const bool named = ho_scope_find(t->forward, "target", &head);
    put_output(t, "outputs", ho_trace_result(t->instance, "forward", &forward, named ? "target" : "outputs", &due));
}

static void trace_loss(traced *t, ho_trace_env *env)
{
    const int64_t batch = t->sizes->batch, outputs = t->sizes->outputs;
    const ho_shape matrix = ho_shape_of(2, (int64_t[]){batch, outputs}), row = ho_shape_of(1, &batch);
    in_scope(t, env->scope, "outputs", matrix);
    traced_leaf *targets = in_scope(t, env->scope, "targets", matrix);
    targets->moves = !t->sizes->labels;
    if (t->sizes->labels) {
        traced_leaf *labels = in_scope(t, env->scope, "labels", row);
        labels->moves = false;
        for (int64_t i = 0; i < batch; i++) {
            labels->values[i] = (double)(i % outputs);
            for (int64_t k = 0; k < outputs; k++)
                targets->values[i * outputs + k] = k == i % outputs;
        }
    }
    if (ho_trace_call(t->instance, "per_example", t->p->loaded->calls.loss.per_example, env) == HO_OK)
        put_output(t, "loss", ho_trace_result(t->instance, "per_example", env, "loss", &row));
}

static void trace_penalty(traced *t, ho_trace_env *env)
{
    const ho_shape scalar = ho_scalar_shape();
    in_scope(t, env->scope, "w", ho_shape_of(t->sizes->rank, t->sizes->dims));
    if (ho_trace_call(t->instance, "value", t->p->loaded->calls.penalty.value, env) == HO_OK)
        put_output(t, "penalty", ho_trace_result(t->instance, "value", env, "penalty", &scalar));
}

/* ---- together ---------------------------------------------------------------------------------------------------- */

static void trace(traced *t, ho_trace_watch *watch)
{
    const traced_case *s = t->sizes;
    const uint32_t kind = t->p->loaded->plugin.kind;
    const bool model = kind == HO_MODEL || kind == HO_LOSS, penalty = kind == HO_PENALTY;
    const bool flat = kind == HO_DYNAMICS && t->p->loaded->calls.dynamics.granularity == HO_WHOLE;
    const ho_shape w = ho_shape_of(model ? 0 : s->rank, s->dims);
    const int64_t columns = w.rank ? w.dims[w.rank - 1] : 1, rows = ho_shape_count(&w) / columns;
    const ho_named_size sizes[] = {{"features", model     ? s->features
                                                : penalty ? rows
                                                          : 4},
                                   {"outputs", model ? s->outputs : 3},
                                   {"examples", EXAMPLES},
                                   {"steps", STEPS},
                                   {"batch", model ? s->batch : 0},
                                   {"rows", model || flat ? 0 : rows},
                                   {"columns", model || flat ? 0 : columns},
                                   {"weights", flat ? ho_shape_count(&w) : 0},
                                   {NULL, 0}};
    const ho_named_size targets[] = {{"target", s->outputs}, {NULL, 0}};
    ho_trace_env env = {.graph = t->graph,
                        .scope = ho_scope_new(),
                        .sizes = sizes,
                        .targets = kind == HO_MODEL ? targets : NULL,
                        .context = t,
                        .watch = watch};
    ho_node *hypers = ho_arena_alloc(t->arena, (t->p->loaded->hyper_count + 1) * sizeof *hypers);
    make_hypers(t, env.scope, sizes, hypers);
    if (kind == HO_DYNAMICS)
        trace_dynamics(t, &env, hypers);
    else if (kind == HO_MODEL)
        trace_model(t, &env, hypers);
    else if (kind == HO_LOSS)
        trace_loss(t, &env);
    else
        trace_penalty(t, &env);
    ho_scope_free(env.scope);
    ho_scope_free(t->forward);
    t->forward = NULL;
}

traced *ho_traced_new(proof *p, const traced_case *sizes, ho_trace_watch *watch, ho_error *error)
{
    traced *t = ho_alloc(sizeof *t);
    t->p = p;
    t->sizes = sizes;
    t->arena = ho_arena_new();
    t->graph = ho_graph_new(&t->error);
    t->instance = ho_proof_instance(p, NULL, error);
    if (t->instance)
        trace(t, watch);
    if (error->status == HO_OK && t->error.status == HO_OK)
        return t;
    ho_fail_as(error, &t->error);
    ho_traced_free(t);
    return NULL;
}

void ho_traced_free(traced *t)
{
    if (!t)
        return;
    ho_instance_free(t->instance);
    ho_graph_free(t->graph);
    ho_arena_free(t->arena);
    free(t);
}

int64_t ho_traced_count(const traced *t, ho_node node)
{
    return ho_shape_count(&ho_graph_at(t->graph, node)->shape);
}

ho_status ho_traced_run(traced *t, const ho_node *nodes, size_t count, double *const *results, ho_error *error)
{
    ho_node inputs[MOST_TRACED];
    const double *values[MOST_TRACED];
    for (size_t i = 0; i < t->leaf_count; i++) {
        inputs[i] = t->leaves[i].node;
        values[i] = t->leaves[i].values;
    }
    return ho_reference_run(t->graph, HO_F64, inputs, values, t->leaf_count, nodes, results, count, NULL, error);
}

ho_status ho_traced_warm(traced *t, ho_error *error)
{
    const uint32_t slots = t->p->loaded->plugin.kind == HO_DYNAMICS ? t->p->loaded->slot_count : 0;
    if (t->p->loaded->plugin.kind != HO_DYNAMICS)
        return HO_OK;
    double *results[MOST_TRACED];
    for (uint32_t i = 0; i < slots; i++)
        results[i] = t->leaves[t->slots + i].values;
    if (slots && ho_traced_run(t, t->initial, slots, results, error) != HO_OK)
        return error->status;
    traced_leaf *g = &t->leaves[t->g], *w = &t->leaves[t->w];
    for (int step = 1; step <= WARM; step++) {
        double *next[MOST_TRACED];
        for (size_t i = 0; i < t->output_count; i++)
            next[i] = ho_arena_alloc(t->arena, (size_t)w->count * sizeof(double));
        *t->leaves[t->t].values = step;
        if (ho_traced_run(t, t->outputs, t->output_count, next, error) != HO_OK)
            return error->status;
        memcpy(w->values, next[0], (size_t)w->count * sizeof(double));
        for (uint32_t i = 0; i < slots; i++)
            memcpy(t->leaves[t->slots + i].values, next[1 + i], (size_t)w->count * sizeof(double));
        for (int64_t i = 0; i < g->count; i++)
            g->values[i] = ho_proof_normal(t->p);
    }
    *t->leaves[t->t].values = WARM + 1;
    return HO_OK;
}
