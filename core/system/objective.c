/* The model's weights and forward pass, and the terms of the objective and of the validation error, as graphs. */
#include "system/internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"

const ho_owner *ho_objective_terms(const ho_training *training, size_t *count)
{
    *count = training->ground.problem->objective_count;
    return training->owners + HO_TERM_OWNERS;
}

const ho_owner *ho_validation_terms(const ho_training *training, size_t *count)
{
    *count = training->ground.problem->validation_count;
    return training->owners + HO_TERM_OWNERS + training->ground.problem->objective_count;
}

/* ---- weights --------------------------------------------------------------------------------------------------- */

static const ho_start *start_of(const ho_problem *problem, const char *weight)
{
    for (size_t i = 0; i < problem->start_count; i++)
        if (!strcmp(problem->starts[i].weight, weight))
            return &problem->starts[i];
    return NULL;
}

/* A weight's initial value from a file: numbers in the place of the model's own node. */
static ho_node started(ho_ground *ground, const ho_start *start, ho_shape shape)
{
    ho_error *error = &ground->traced;
    const int64_t count = ho_shape_count(&shape);
    double *values = ho_large_alloc((uint64_t)count, sizeof *values, start->path, error);
    char *whose = ho_format("the weight \"%s\"", start->weight);
    if (values)
        ho_numbers_read(start->path, start->place, "start", whose, shape, values, error);
    for (int64_t i = 0; values && !error->status && i < count; i++)
        if (!isfinite(values[i]))
            ho_fail_at(error, HO_INVALID, start->place, "start: %s: entry %" PRId64 " is NaN or infinite", start->path,
                       i);
    ho_node node = error->status ? HO_POISON : ho_leaf_numbers(ground, start->weight, shape, values);
    free(whose);
    ho_large_free(values);
    return node;
}

static ho_node declare_weight(void *context, const char *name, ho_node initial)
{
    ho_training *training = context;
    ho_graph *graph = training->ground.graph;
    if (initial == HO_POISON)
        return HO_POISON;
    ho_shape shape = ho_graph_at(graph, initial)->shape;
    if (shape.rank > HO_MAX_RANK)
        return ho_graph_fail(graph, "weight \"%s\" has more than %d axes", name, HO_MAX_RANK);
    const ho_start *start = start_of(training->ground.problem, name);
    if (start && (initial = started(&training->ground, start, shape)) == HO_POISON)
        return HO_POISON;
    if (!ho_layout_add(&training->layout, name, initial))
        return ho_graph_fail(graph, "weight \"%s\" is declared twice", name);
    return initial;
}

static ho_node draw_normal(void *context, const char *name, ho_shape shape)
{
    ho_training *training = context;
    int64_t count = ho_shape_count(&shape);
    char *stream = ho_format("weights/%s", name);
    double *values = ho_large_alloc((uint64_t)count, sizeof *values, stream, &training->ground.traced);
    ho_node node = HO_POISON;
    if (values) {
        for (int64_t i = 0; i < count; i++)
            values[i] = ho_normal_number(training->ground.problem->seed, ho_stream(stream), (uint64_t)i);
        node = ho_leaf_numbers(&training->ground, stream, shape, values);
    }
    ho_large_free(values);
    free(stream);
    return node;
}

static ho_trace_env env_of(ho_training *training, int64_t batch, const ho_shape *weight, const ho_used_target *target)
{
    return (ho_trace_env){.graph = training->ground.graph,
                          .scope = ho_scope_new(),
                          .sizes = ho_sizes_here(&training->ground, batch, weight, target),
                          .targets = training->data.targets.sizes,
                          .context = training};
}

/* Puts what the owner's plugin sees of its hyperparameters into scope. */
static void bind_hypers(const ho_training *training, ho_scope *scope, const ho_owner *owner, size_t tensor)
{
    ho_node *nodes = ho_alloc((owner->instance->loaded->hyper_count + 1) * sizeof *nodes);
    ho_hypers_seen(&training->hypers, owner, tensor, nodes);
    ho_bind_hypers(scope, owner->instance, nodes);
    free(nodes);
}

ho_status ho_trace_weights(ho_training *training, ho_error *error)
{
    const ho_owner *model = &training->owners[HO_MODEL_OWNER];
    const ho_problem *problem = training->ground.problem;
    ho_trace_env env = env_of(training, 0, NULL, NULL);
    env.weight = declare_weight;
    env.normal = draw_normal;
    bind_hypers(training, env.scope, model, 0);
    ho_trace_call(model->instance, "weights", model->instance->loaded->calls.model.weights, &env);
    ho_scope_free(env.scope);
    if (training->ground.traced.status)
        return ho_fail_at(error, training->ground.traced.status, model->instance->place, "%s",
                          training->ground.traced.text);
    if (training->layout.weight_count == 0)
        return ho_fail_at(error, HO_INVALID, model->instance->place, "model \"%s\" declares no weights",
                          model->instance->loaded->plugin.name);
    const char **names = ho_alloc(training->layout.weight_count * sizeof *names);
    for (size_t i = 0; i < training->layout.weight_count; i++)
        names[i] = training->layout.weights[i].name;
    for (size_t i = 0; i < problem->start_count && !error->status; i++) {
        const ho_start *start = &problem->starts[i];
        if (start_of(problem, start->weight) != start) {
            ho_fail_at(error, HO_INVALID, start->place, "start: \"%s\" is given twice", start->weight);
            continue;
        }
        bool found = false;
        for (size_t j = 0; j < training->layout.weight_count; j++)
            found |= !strcmp(names[j], start->weight);
        const char *near = found ? NULL : ho_nearest(start->weight, names, training->layout.weight_count);
        if (!found)
            ho_fail_at(error, HO_INVALID, start->place, "start: the model has no weight \"%s\"; %s \"%s\"%s",
                       start->weight, near ? "did you mean" : "its first is", near ? near : names[0], near ? "?" : "");
    }
    free(names);
    return error->status;
}

bool ho_term_covers(const ho_term *term, const ho_weight_tensor *weight)
{
    if (term->on_count == 0)
        return weight->shape.rank >= 2;
    for (size_t i = 0; i < term->on_count; i++)
        if (ho_match(term->on[i], weight->name))
            return true;
    return false;
}

/* ---- forward, losses, penalties -------------------------------------------------------------------------------- */

/* What a name stands for before the model's forward; poison: nothing. */
static ho_node bound_to(const ho_trace_env *env, const char *name)
{
    ho_node node;
    return ho_scope_find(env->scope, name, &node) ? node : HO_POISON;
}

/* Whether forward bound a name: not a weight, a hyperparameter or an option that happens to be called so. */
static bool has_head(const ho_instance *model, const ho_trace_env *env, const char *name, ho_node before)
{
    double number;
    ho_node node = bound_to(env, name);
    return node != HO_POISON && node != before && !ho_instance_number(model, name, &number);
}

/* A head beside the main target's would have no loss. */
static void check_single(const ho_instance *model, const ho_trace_env *env, const char *name)
{
    ho_node outputs = bound_to(env, "outputs");
    if (ho_graph_at(env->graph, outputs)->shape.rank > 0 && outputs != bound_to(env, name))
        ho_graph_fail(env->graph,
                      "the model \"%s\" has the heads \"%s\" and \"outputs\", and both would answer the objective's "
                      "first loss; one of them has no loss",
                      model->loaded->plugin.name, name);
}

const ho_node *ho_trace_forward(ho_training *training, const ho_part *part)
{
    const ho_owner *model = &training->owners[HO_MODEL_OWNER];
    size_t count = training->data.targets.count;
    ho_node *answers = ho_arena_alloc(training->ground.arena, (count + 1) * sizeof *answers);
    ho_trace_env env = env_of(training, part->count, NULL, NULL);
    bind_hypers(training, env.scope, model, 0);
    for (size_t i = 0; i < training->layout.weight_count; i++)
        ho_scope_bind(env.scope, training->layout.weights[i].name, training->layout.nodes[i]);
    ho_scope_bind(env.scope, "inputs", ho_leaf_node(&training->ground, part->inputs_leaf));
    for (size_t i = 0; i < count; i++)
        answers[i] = bound_to(&env, training->data.targets.used[i].name);
    if (!ho_trace_call(model->instance, "forward", model->instance->loaded->calls.model.forward, &env)) {
        for (size_t i = 0; i < count; i++) {
            const ho_used_target *target = &training->data.targets.used[i];
            ho_shape shape = ho_shape_of(2, (int64_t[]){part->count, target->outputs});
            bool head = has_head(model->instance, &env, target->name, answers[i]);
            if (head && i == 0)
                check_single(model->instance, &env, target->name);
            answers[i] = head || i == 0 ? ho_trace_result(model->instance, "forward", &env,
                                                          head ? target->name : "outputs", &shape)
                                        : HO_POISON;
        }
    }
    ho_scope_free(env.scope);
    return answers;
}

/* Traces a term's callback, which binds `name`, and closes env. */
static ho_node trace_term(const ho_owner *owner, ho_trace_env *env, const char *callback_name,
                          ho_status (*callback)(void *self, ho_trace *x), const char *name, ho_shape shape)
{
    ho_node node = HO_POISON;
    if (!ho_trace_call(owner->instance, callback_name, callback, env))
        node = ho_trace_result(owner->instance, callback_name, env, name, &shape);
    ho_scope_free(env->scope);
    return node;
}

/* A term's loss of each example, without its weight. */
static ho_node trace_loss(ho_training *training, const ho_owner *owner, const ho_part *part, const ho_node *answers)
{
    ho_graph *graph = training->ground.graph;
    const ho_used_target *used = &training->data.targets.used[owner->target];
    ho_node target = ho_leaf_node(&training->ground, part->target_leaves[owner->target]),
            outputs = answers[owner->target];
    if (outputs == HO_POISON) { /* says nothing where forward has already failed: the first error wins */
        ho_fail_at(&training->ground.traced, HO_INVALID,
                   owner->term->target ? owner->term->target_place : owner->instance->place,
                   "loss \"%s\": the model \"%s\" has no head for the target \"%s\"",
                   owner->instance->loaded->plugin.name, training->ground.problem->model->loaded->plugin.name,
                   used->name);
        return HO_POISON;
    }
    ho_trace_env env = env_of(training, part->count, NULL, used);
    ho_scope_bind(env.scope, "outputs", outputs);
    if (used->labels) {
        ho_scope_bind(env.scope, "labels", target);
        ho_node column = ho_node_reshape(graph, target, ho_shape_of(2, (int64_t[]){part->count, 1}));
        target = ho_node_binary_broadcast(graph, HO_OP_EQUAL, column, ho_node_iota(graph, used->outputs));
    }
    ho_scope_bind(env.scope, "targets", target);
    bind_hypers(training, env.scope, owner, 0);
    return trace_term(owner, &env, "per_example", owner->instance->loaded->calls.loss.per_example, "loss",
                      ho_shape_of(1, &part->count));
}

/* At weight number `weight`, which is number `tensor` of those that the penalty covers. */
static ho_node trace_penalty(ho_training *training, const ho_owner *owner, size_t weight, size_t tensor)
{
    ho_trace_env env = env_of(training, 0, &training->layout.weights[weight].shape, NULL);
    ho_scope_bind(env.scope, "w", training->layout.nodes[weight]);
    bind_hypers(training, env.scope, owner, tensor);
    return trace_term(owner, &env, "value", owner->instance->loaded->calls.penalty.value, "penalty", ho_scalar_shape());
}

static bool is_loss(const ho_owner *owner)
{
    return owner->instance->loaded->plugin.kind == HO_LOSS;
}

/* The weights of the part's examples in a term that has example weights. */
static ho_node example_weights(const ho_training *training, const ho_owner *owner, const ho_part *part)
{
    const ho_problem *problem = training->ground.problem;
    ho_graph *graph = training->ground.graph;
    ho_node weights = owner->example_weights;
    int64_t rest = problem->weighted ? problem->training->count - problem->weighted : 0;
    if (rest > 0) {
        ho_node parts[] = {weights, ho_node_fill(graph, ho_shape_of(1, &rest), 1.0)};
        weights = ho_node_concat(graph, parts, 2, 1);
    }
    return part->rows ? ho_node_gather(graph, weights, ho_leaf_node(&training->ground, part->rows_leaf), 1) : weights;
}

ho_node ho_trace_losses(ho_training *training, const ho_owner *owners, size_t count, const ho_part *part,
                        const ho_node *answers)
{
    ho_graph *graph = training->ground.graph;
    ho_node sum = ho_node_fill(graph, ho_shape_of(1, &part->count), 0.0);
    for (size_t i = 0; i < count; i++)
        if (is_loss(&owners[i])) {
            ho_node loss = trace_loss(training, &owners[i], part, answers);
            sum = ho_node_binary(graph, HO_OP_ADD, sum, ho_node_binary(graph, HO_OP_MUL, owners[i].weight, loss));
        }
    return sum;
}

ho_node ho_trace_terms(ho_training *training, const ho_owner *owners, size_t count, const ho_part *part)
{
    ho_graph *graph = training->ground.graph;
    const ho_node *answers = ho_trace_forward(training, part);
    ho_node sum = ho_node_const(graph, 0.0);
    for (size_t i = 0; i < count; i++) {
        const ho_owner *owner = &owners[i];
        ho_node value;
        if (is_loss(owner)) {
            value = trace_loss(training, owner, part, answers);
            if (owner->term->per_example)
                value = ho_node_binary(graph, HO_OP_MUL, value, example_weights(training, owner, part));
            value = ho_node_sum_all(graph, value);
            if (owner->term->mean)
                value = ho_node_binary(graph, HO_OP_DIV, value, ho_node_const(graph, (double)part->count));
        } else {
            value = ho_node_const(graph, 0.0);
            for (size_t j = 0, tensor = 0; j < training->layout.weight_count; j++)
                if (ho_term_covers(owner->term, &training->layout.weights[j]))
                    value = ho_node_binary(graph, HO_OP_ADD, value, trace_penalty(training, owner, j, tensor++));
        }
        sum = ho_node_binary(graph, HO_OP_ADD, sum, ho_node_binary(graph, HO_OP_MUL, owner->weight, value));
    }
    return sum;
}
