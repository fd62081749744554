/* A dynamics plugin run on a plain vector of doubles. */
#include "system/optimizer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "system/internal.h"

/* Leaves of the plan, in the order of its inputs: w, g, t, then the slots. */
enum { AT_W, AT_G, AT_T, AT_SLOTS };

struct ho_optimizer {
    int64_t count;
    uint32_t slot_count;
    ho_plan *plan;
    ho_plan *start; /* the slots' initial values from w; NULL: all zero */
    double t;
    bool started;
    double **slots, **next;
    double *w;
    const void **in;
    void **out;
};

/* ---- hyperparameters --------------------------------------------------------------------------------------------- */

static ho_status unknown_key(const ho_loaded *loaded, const ho_tree *child, ho_error *error)
{
    const char **known = ho_alloc((loaded->hyper_count + 1) * sizeof *known);
    for (uint32_t i = 0; i < loaded->hyper_count; i++)
        known[i] = loaded->hypers[i].name;
    char suggestion[HO_SUGGESTION];
    ho_fail_at(error, HO_INVALID, child->key_place, "dynamics \"%s\" has no hyperparameter \"%s\"%s",
               loaded->plugin.name, child->key,
               ho_suggest(ho_nearest(child->key, known, loaded->hyper_count), suggestion));
    free(known);
    return error->status;
}

static ho_status read_value(const ho_hyper *hyper, const ho_tree *tree, ho_place place, double *value, ho_error *error)
{
    double lower, upper;
    char domain[80], number[32];
    if (tree && ho_tree_real(tree, hyper->name, value, error))
        return error->status;
    ho_domain_bounds(hyper->domain, &lower, &upper);
    if (*value >= lower && *value <= upper)
        return HO_OK;
    ho_print_real(*value, number);
    return ho_fail_at(error, HO_INVALID, tree ? tree->place : place, "%s: %s is outside its domain %s", hyper->name,
                      number, ho_domain_print(lower, upper, domain));
}

ho_status ho_optimizer_check(const ho_instance *dynamics, const ho_tree *map, bool options, ho_error *error)
{
    const ho_loaded *loaded = dynamics->loaded;
    if (!map || map->kind == HO_TREE_NULL)
        return HO_OK;
    if (ho_tree_expect(map, HO_TREE_MAP, loaded->plugin.name, error))
        return error->status;
    for (const ho_tree *child = map->first; child && !error->status; child = child->next) {
        double value;
        uint32_t i = 0;
        while (i < loaded->hyper_count && strcmp(loaded->hypers[i].name, child->key) != 0)
            i++;
        if (i < loaded->hyper_count)
            read_value(&loaded->hypers[i], child, child->place, &value, error);
        else if (!options || !ho_has_option(loaded, child->key))
            unknown_key(loaded, child, error);
    }
    return error->status;
}

static bool can_be_scalar(const ho_shape_forms *shape)
{
    size_t i = 0;
    while (i < shape->count && shape->forms[i].rank > 0)
        i++;
    return i < shape->count;
}

static ho_status read_hypers(const ho_instance *dynamics, const ho_tree *values, const ho_tree *over, ho_graph *graph,
                             ho_node *hypers, ho_error *error)
{
    const ho_loaded *loaded = dynamics->loaded;
    if (ho_optimizer_check(dynamics, values, true, error) || ho_optimizer_check(dynamics, over, false, error))
        return error->status;
    for (uint32_t i = 0; i < loaded->hyper_count; i++) {
        const ho_hyper *hyper = &loaded->hypers[i];
        const ho_tree *tree = ho_tree_get(over, hyper->name);
        double value = hyper->initial;
        if (!can_be_scalar(&loaded->shapes[i]))
            return ho_fail_at(error, HO_INVALID, dynamics->place,
                              "dynamics \"%s\" cannot drive hyperparameters: its %s is not a scalar",
                              loaded->plugin.name, hyper->name);
        if (read_value(hyper, tree ? tree : ho_tree_get(values, hyper->name), dynamics->place, &value, error))
            return error->status;
        hypers[i] = ho_node_const(graph, value);
    }
    return HO_OK;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static ho_status trace(ho_optimizer *o, const ho_instance *dynamics, ho_graph *graph, const ho_node *hypers,
                       ho_error *error)
{
    const ho_loaded *loaded = dynamics->loaded;
    ho_shape shape = ho_shape_of(1, &o->count);
    ho_trace_env env = {.graph = graph, .gradient_reason = "hyperparameters are moved by one gradient a step"};
    ho_node *inputs = ho_alloc((AT_SLOTS + o->slot_count) * sizeof *inputs);
    ho_node *next = ho_alloc((1 + o->slot_count) * sizeof *next);
    bool zero = true;
    inputs[AT_W] = ho_node_leaf(graph, "w", shape);
    inputs[AT_G] = ho_node_leaf(graph, "g", shape);
    inputs[AT_T] = ho_node_leaf(graph, "t", ho_scalar_shape());
    for (uint32_t j = 0; j < o->slot_count; j++)
        inputs[AT_SLOTS + j] = ho_node_leaf(graph, loaded->slots[j].name, shape);
    ho_status status =
        ho_dynamics_step(dynamics, &env, hypers, inputs[AT_T], inputs[AT_W], inputs[AT_G], inputs + AT_SLOTS, next);
    if (!status) {
        o->plan = ho_plan_new(graph, HO_F64, inputs, AT_SLOTS + o->slot_count, next, 1 + o->slot_count, error);
        ho_dynamics_slots(dynamics, graph, hypers, inputs[AT_W], next);
        for (uint32_t j = 0; j < o->slot_count; j++) {
            double value;
            zero = zero && ho_is_constant(graph, next[j], &value) && value == 0.0;
        }
        if (!zero && !error->status)
            o->start = ho_plan_new(graph, HO_F64, inputs, 1, next, o->slot_count, error);
    }
    free(next);
    free(inputs);
    return error->status;
}

ho_optimizer *ho_optimizer_new(const ho_instance *dynamics, const ho_tree *values, const ho_tree *over, int64_t count,
                               ho_error *error)
{
    const ho_loaded *loaded = dynamics->loaded;
    if (count < 1) {
        ho_fail_at(error, HO_INVALID, dynamics->place, "dynamics \"%s\": there is nothing to optimise",
                   loaded->plugin.name);
        return NULL;
    }
    ho_optimizer *o = ho_alloc(sizeof *o);
    o->count = count;
    o->slot_count = loaded->slot_count;
    o->slots = ho_alloc(2 * (o->slot_count + 1) * sizeof *o->slots);
    o->next = o->slots + o->slot_count;
    o->in = ho_alloc((AT_SLOTS + o->slot_count) * sizeof *o->in);
    o->out = ho_alloc((1 + o->slot_count) * sizeof *o->out);
    o->w = ho_large_alloc((uint64_t)count, sizeof(double), "the optimizer's state", error);
    for (uint32_t j = 0; j < 2 * o->slot_count && !error->status; j++)
        o->slots[j] = ho_large_alloc((uint64_t)count, sizeof(double), "the optimizer's state", error);
    ho_error own = {0};
    if (error->status == HO_OK) {
        ho_graph *graph = ho_graph_new(&own);
        ho_node *hypers = ho_alloc((loaded->hyper_count + 1) * sizeof *hypers);
        if (read_hypers(dynamics, values, over, graph, hypers, &own) == HO_OK)
            trace(o, dynamics, graph, hypers, &own);
        free(hypers);
        ho_graph_free(graph);
    }
    if (ho_fail_as(error, &own) != HO_OK) {
        ho_optimizer_free(o);
        return NULL;
    }
    return o;
}

void ho_optimizer_free(ho_optimizer *o)
{
    if (!o)
        return;
    if (o->plan)
        ho_plan_free(o->plan);
    if (o->start)
        ho_plan_free(o->start);
    for (uint32_t j = 0; j < 2 * o->slot_count; j++)
        ho_large_free(o->slots[j]);
    free(o->slots);
    free(o->in);
    free(o->out);
    ho_large_free(o->w);
    free(o);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

ho_status ho_optimizer_step(ho_optimizer *o, double *x, const double *gradient, double scale, ho_error *error)
{
    if (o->start && !o->started) {
        o->in[AT_W] = x;
        for (uint32_t j = 0; j < o->slot_count; j++)
            o->out[j] = o->slots[j];
        ho_plan_run(o->start, o->in, o->out);
    }
    o->started = true;
    o->t += 1.0;
    o->in[AT_W] = x;
    o->in[AT_G] = gradient;
    o->in[AT_T] = &o->t;
    o->out[0] = o->w;
    for (uint32_t j = 0; j < o->slot_count; j++) {
        o->in[AT_SLOTS + j] = o->slots[j];
        o->out[1 + j] = o->next[j];
    }
    ho_plan_run(o->plan, o->in, o->out);
    for (uint32_t j = 0; j < o->slot_count; j++) {
        double *slot = o->slots[j];
        o->slots[j] = o->next[j];
        o->next[j] = slot;
    }
    for (int64_t i = 0; i < o->count; i++)
        if (!isfinite(o->w[i]))
            return ho_fail(error, HO_DIVERGED, "hyper-optimizer, step %.0f: entry %" PRId64 " becomes %s", o->t, i,
                           isnan(o->w[i]) ? "NaN" : "infinite");
    for (int64_t i = 0; i < o->count; i++)
        x[i] = scale == 1.0 ? o->w[i] : x[i] + scale * (o->w[i] - x[i]);
    return HO_OK;
}

void ho_optimizer_pass(ho_optimizer *o, ho_snapshot *snapshot)
{
    for (uint32_t j = 0; j < o->slot_count; j++)
        ho_snapshot_pass(snapshot, o->slots[j], (size_t)o->count * sizeof **o->slots);
    ho_snapshot_pass(snapshot, &o->t, sizeof o->t);
    ho_snapshot_pass(snapshot, &o->started, sizeof o->started);
}
