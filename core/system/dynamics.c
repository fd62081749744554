/* Tracing a dynamics plugin: one step and the start of its slots, for all weights at once or tensor by tensor. */
#include "system/internal.h"

#include <stdlib.h>

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
        const char *initial = loaded->slots[j].initial;
        const ho_formula_text formula = {.text = initial, .written = ho_instance_written(dynamics, initial)};
        ho_node value = ho_formula(graph, scope, NULL, NULL, formula);
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

/* `root` with `to` in the place of the leaf `from`. */
static ho_node substitute(ho_graph *graph, ho_node root, ho_node from, ho_node to)
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

/* ---- the training's maps ----------------------------------------------------------------------------------------- */

/* What the dynamics is traced for: the flat vector of all weights, or each weight's tensor. */
static bool is_whole(const ho_training *training)
{
    return training->ground.problem->dynamics->loaded->calls.dynamics.granularity == HO_WHOLE;
}

static size_t piece_count(const ho_training *training)
{
    return is_whole(training) ? 1 : training->layout.weight_count;
}

static ho_node piece_of(const ho_training *training, ho_node flat, size_t piece)
{
    return is_whole(training) ? flat : ho_unflatten(&training->layout, flat, piece);
}

static ho_node joined(const ho_training *training, const ho_node *pieces)
{
    return is_whole(training) ? pieces[0] : ho_flatten(&training->layout, pieces);
}

/* What the dynamics sees of its hyperparameters; of one with an entry for each tensor, where all weights are one
 * vector, each weight's own. */
static ho_node *piece_hypers(ho_training *training, size_t piece)
{
    const ho_owner *owner = &training->owners[HO_DYNAMICS_OWNER];
    const ho_layout *layout = &training->layout;
    const uint32_t count = owner->instance->loaded->hyper_count;
    ho_graph *graph = training->ground.graph;
    ho_node *nodes = ho_alloc((count + 1) * (layout->weight_count + 1) * sizeof *nodes), *each = nodes + count + 1;
    ho_node *tensors = ho_alloc(layout->weight_count * sizeof *tensors);
    ho_hypers_seen(&training->hypers, owner, piece, nodes);
    for (size_t j = 0; is_whole(training) && j < layout->weight_count; j++)
        ho_hypers_seen(&training->hypers, owner, j, each + j * count);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_whole(training) || !training->hypers.seen[owner->first + i].by_tensor)
            continue;
        for (size_t j = 0; j < layout->weight_count; j++)
            tensors[j] = ho_node_expand(graph, each[j * count + i], layout->weights[j].shape);
        nodes[i] = ho_flatten(layout, tensors);
    }
    free(tensors);
    return nodes;
}

/* These weights, and slots as the dynamics starts them there. */
static void trace_start(ho_training *training, ho_node weights, ho_node *start)
{
    const ho_owner *owner = &training->owners[HO_DYNAMICS_OWNER];
    const size_t slots = training->layout.segments - 1, pieces = piece_count(training);
    ho_node *made = ho_alloc((slots + 1) * sizeof *made);
    ho_node *tensors = ho_alloc((slots + 1) * pieces * sizeof *tensors);
    start[0] = weights;
    for (size_t i = 0; i < pieces; i++) {
        ho_node *hypers = piece_hypers(training, i);
        ho_dynamics_slots(owner->instance, training->ground.graph, hypers, piece_of(training, weights, i), made);
        free(hypers);
        for (size_t j = 0; j < slots; j++)
            tensors[j * pieces + i] = made[j];
    }
    for (size_t j = 0; j < slots; j++)
        start[1 + j] = joined(training, tensors + j * pieces);
    free(tensors);
    free(made);
}

/* Weights as the model declared them; and whatever weights there are. */
void ho_trace_initial(ho_training *training)
{
    trace_start(training, ho_flatten(&training->layout, training->layout.initial), training->initial);
    trace_start(training, ho_layout_node(&training->layout, 0), training->restart);
}

/* grad(p): the gradient's graph with p in the place of w. */
static ho_node gradient_at(void *context, ho_node point)
{
    const ho_training *training = context;
    ho_graph *graph = training->ground.graph;
    const ho_node w = ho_layout_node(&training->layout, 0);
    const ho_shape due = ho_graph_at(graph, w)->shape, have = ho_graph_at(graph, point)->shape;
    char a[HO_SHAPE_TEXT], b[HO_SHAPE_TEXT];
    if (point != HO_POISON && !ho_shape_equal(&due, &have))
        return ho_graph_fail(graph, "grad: the point has shape %s, w has %s", ho_shape_print(&have, a),
                             ho_shape_print(&due, b));
    return substitute(graph, training->gradient, w, point);
}

void ho_trace_step(ho_training *training)
{
    const ho_owner *owner = &training->owners[HO_DYNAMICS_OWNER];
    const ho_layout *layout = &training->layout;
    const size_t segments = layout->segments, pieces = piece_count(training);
    ho_trace_env env = {.graph = training->ground.graph,
                        .gradient = is_whole(training) ? gradient_at : NULL,
                        .gradient_reason = "this dynamics is traced for each weight tensor by itself",
                        .context = training};
    ho_node *tensors = ho_alloc(segments * pieces * sizeof *tensors);
    ho_node *in = ho_alloc(2 * segments * sizeof *in), *next = in + segments;
    for (size_t i = 0; i < pieces && !training->ground.traced.status; i++) {
        for (size_t j = 0; j < segments; j++)
            in[j] = piece_of(training, ho_layout_node(layout, j), i);
        const ho_node g = piece_of(training, training->gradient, i);
        env.sizes = ho_sizes_here(&training->ground, 0, is_whole(training) ? NULL : &layout->weights[i].shape, NULL);
        ho_node *hypers = piece_hypers(training, i);
        ho_dynamics_step(owner->instance, &env, hypers, ho_leaf_node(&training->ground, training->t_leaf), in[0], g,
                         in + 1, next);
        free(hypers);
        for (size_t j = 0; j < segments; j++)
            tensors[j * pieces + i] = next[j];
    }
    for (size_t j = 0; j < segments && !training->ground.traced.status; j++)
        training->step[j] = joined(training, tensors + j * pieces);
    free(in);
    free(tensors);
}
