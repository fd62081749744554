/* Tracing a dynamics plugin: its step and the start of its slots. */
#include "system/internal.h"

#include <math.h>
#include <stdlib.h>

#include "base/text.h"

void ho_bind_hypers(ho_scope *scope, const ho_instance *instance, const ho_node *hypers)
{
    for (uint32_t i = 0; i < instance->loaded->hyper_count; i++)
        ho_scope_bind(scope, instance->loaded->hypers[i].name, hypers[i]);
}

ho_status ho_dynamics_step(const ho_instance *dynamics, const ho_trace_env *like, const ho_node *hypers, ho_node t,
                           ho_node w, ho_node g, const ho_node *slots, ho_node *next)
{
    const ho_loaded *loaded = dynamics->loaded;
    ho_trace_env env = *like;
    ho_shape shape = ho_graph_at(env.graph, w)->shape;
    env.scope = ho_scope_new();
    ho_bind_hypers(env.scope, dynamics, hypers);
    ho_scope_bind(env.scope, "w", w);
    ho_scope_bind(env.scope, "g", g);
    ho_scope_bind(env.scope, "t", t);
    for (uint32_t j = 0; j < loaded->slot_count; j++)
        ho_scope_bind(env.scope, loaded->slots[j].name, slots[j]);
    ho_status status = ho_trace_call(dynamics, "step", loaded->calls.dynamics.step, &env);
    if (status == HO_OK) {
        next[0] = ho_trace_result(dynamics, "step", &env, "w", &shape);
        for (uint32_t j = 0; j < loaded->slot_count; j++)
            next[1 + j] = ho_trace_result(dynamics, "step", &env, loaded->slots[j].name, &shape);
        status = ho_graph_error(env.graph)->status;
    }
    ho_scope_free(env.scope);
    return status;
}

void ho_dynamics_slots(const ho_instance *dynamics, ho_graph *graph, const ho_node *hypers, ho_node w, ho_node *slots)
{
    const ho_loaded *loaded = dynamics->loaded;
    ho_shape shape = ho_graph_at(graph, w)->shape;
    ho_scope *scope = ho_scope_new();
    ho_bind_options(scope, graph, dynamics);
    ho_bind_hypers(scope, dynamics, hypers);
    ho_scope_bind(scope, "w", w);
    uint32_t before = ho_graph_source_enter(graph, loaded->plugin.name, loaded->path, 0);
    for (uint32_t j = 0; j < loaded->slot_count; j++) {
        if (!loaded->slots[j].initial) {
            slots[j] = ho_node_fill(graph, shape, 0.0);
            continue;
        }
        ho_node value = ho_formula(graph, scope, NULL, NULL, loaded->slots[j].initial);
        if (value == HO_POISON) {
            slots[j] = HO_POISON;
            continue;
        }
        ho_shape got = ho_graph_at(graph, value)->shape;
        if (got.rank == 0 && shape.rank > 0) {
            value = ho_node_expand(graph, value, shape);
        } else if (!ho_shape_equal(&got, &shape)) {
            char a[HO_SHAPE_TEXT], b[HO_SHAPE_TEXT];
            value = ho_graph_fail(graph, "the initial value of slot \"%s\" has shape %s, the weights have %s",
                                  loaded->slots[j].name, ho_shape_print(&got, a), ho_shape_print(&shape, b));
        }
        slots[j] = value;
    }
    ho_graph_source_set(graph, before);
    ho_scope_free(scope);
}

ho_node ho_substitute(ho_graph *graph, ho_node root, ho_node from, ho_node to)
{
    if (root == HO_POISON || to == HO_POISON)
        return HO_POISON;
    size_t length;
    ho_node *order = ho_graph_order(graph, &root, 1, &length);
    ho_node *image = ho_alloc(((size_t)root + 1) * sizeof *image); /* operands come first, so none exceeds root */
    uint32_t before = ho_graph_source_enter(graph, "host", NULL, 0);
    for (size_t i = 0; i < length; i++) {
        ho_node id = order[i];
        const ho_graph_node *node = ho_graph_at(graph, id);
        if (id == from) {
            image[id] = to;
            continue;
        }
        ho_node few[4];
        ho_node *in = node->arity > 4 ? ho_alloc(node->arity * sizeof *in) : few;
        bool changed = false;
        for (uint32_t j = 0; j < node->arity; j++) {
            in[j] = image[node->in[j]];
            changed |= in[j] != node->in[j];
        }
        ho_graph_source_set(graph, node->source);
        image[id] = changed ? ho_node_rebuild(graph, id, in) : id;
        if (in != few)
            free(in);
    }
    ho_graph_source_set(graph, before);
    ho_node result = image[root];
    free(image);
    free(order);
    return result;
}
