/* Assembling a training: owners of hyperparameters, weights, data, objective, dynamics; and accessors. */
#include "system/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "diff/diff.h"

/* ---- memory and leaves ------------------------------------------------------------------------------------------- */

void *ho_training_block(ho_training *training, int64_t count, size_t size, const char *what, ho_error *error)
{
    void *block = ho_large_alloc((uint64_t)count, size, what, error);
    if (!block)
        return NULL;
    ho_grow((void **)&training->blocks, &training->block_capacity, training->block_count, sizeof *training->blocks);
    training->blocks[training->block_count++] = block;
    return block;
}

size_t ho_training_leaf(ho_training *training, const char *name, ho_shape shape, const void *data)
{
    ho_grow((void **)&training->leaves, &training->leaf_capacity, training->leaf_count, sizeof *training->leaves);
    training->leaves[training->leaf_count] = (ho_bound){ho_node_leaf(training->graph, name, shape), data};
    return training->leaf_count++;
}

ho_node ho_training_numbers(ho_training *training, const char *name, ho_shape shape, const double *values)
{
    int64_t count = ho_shape_count(&shape);
    size_t size = shape.rank ? ho_number_size(training) : sizeof(double);
    void *numbers = ho_training_block(training, count, size, name, &training->trace_error);
    if (!numbers)
        return HO_POISON;
    if (shape.rank)
        ho_numbers_put(training, values, count, numbers);
    else
        memcpy(numbers, values, sizeof(double));
    size_t leaf = ho_training_leaf(training, name, shape, numbers); /* may move the leaves */
    return training->leaves[leaf].node;
}

const char *ho_list_add(ho_training *training, const char *list, const char *name)
{
    return ho_arena_format(training->arena, "%s%s%s", list, *list ? ", " : "", name);
}

ho_status ho_training_traced(ho_training *training, ho_error *error)
{
    if (training->trace_error.status)
        ho_fail(error, training->trace_error.status, "%s", training->trace_error.text);
    return error->status;
}

/* ---- owners ------------------------------------------------------------------------------------------------------ */

static ho_status add_owner(ho_training *training, const ho_instance *instance, const ho_term *term, ho_error *error)
{
    for (size_t i = 0; i < training->owner_count; i++)
        if (!strcmp(training->owners[i].instance->name, instance->name))
            return ho_fail_at(error, HO_INVALID, instance->place,
                              "two plugins are called \"%s\"; give one of them another name", instance->name);
    training->owners[training->owner_count++] = (ho_owner){.instance = instance, .term = term};
    return HO_OK;
}

static ho_status add_owners(ho_training *training, ho_error *error)
{
    const ho_problem *p = training->problem;
    size_t most = HO_TERM_OWNERS + p->objective_count + p->validation_count, hypers = 0;
    training->owners = ho_arena_alloc(training->arena, most * sizeof *training->owners);
    if (add_owner(training, p->model, NULL, error) || add_owner(training, p->dynamics, NULL, error))
        return error->status;
    for (size_t i = 0; i < p->objective_count; i++)
        if (add_owner(training, p->objective[i].plugin, &p->objective[i], error))
            return error->status;
    for (size_t i = 0; i < p->validation_count; i++)
        if (add_owner(training, p->validation_terms[i].plugin, &p->validation_terms[i], error))
            return error->status;
    for (size_t i = 0; i < training->owner_count; i++)
        hypers += training->owners[i].instance->loaded->hyper_count + 2;
    ho_arena *arena = training->arena;
    training->hypers = ho_arena_alloc(arena, hypers * sizeof *training->hypers);
    training->hyper_nodes = ho_arena_alloc(arena, hypers * sizeof *training->hyper_nodes);
    training->setting_used = ho_arena_alloc(arena, (p->setting_count + 1) * sizeof *training->setting_used);
    training->tuned = ho_arena_alloc(arena, hypers * sizeof *training->tuned);
    training->tuned_leaves = ho_arena_alloc(arena, hypers * sizeof *training->tuned_leaves);
    training->tuned_numbers = ho_arena_alloc(arena, hypers * sizeof *training->tuned_numbers);
    training->tuned_cotangents = ho_arena_alloc(arena, hypers * sizeof *training->tuned_cotangents);
    return HO_OK;
}

/* Sizes that do not fit together; a penalty whose patterns match nothing. */
static ho_status check_problem(const ho_training *training, ho_error *error)
{
    const ho_problem *p = training->problem;
    if (p->training->count < 1 || p->validation->count < 1)
        return ho_fail(error, HO_INVALID, "the %s part is empty", p->training->count < 1 ? "training" : "validation");
    if (p->training->features != p->validation->features)
        return ho_fail(error, HO_INVALID, "training examples have %" PRId64 " features, validation examples %" PRId64,
                       p->training->features, p->validation->features);
    if (p->batch < 0 || p->batch > p->training->count)
        return ho_fail(error, HO_INVALID, "batch: %" PRId64 " examples, but the training part has %" PRId64, p->batch,
                       p->training->count);
    if (p->validation_batch < 0 || p->validation_batch > p->validation->count)
        return ho_fail(error, HO_INVALID,
                       "validation_batch: %" PRId64 " examples, but the validation part has %" PRId64,
                       p->validation_batch, p->validation->count);
    if (p->steps < 0)
        return ho_fail(error, HO_INVALID, "steps: %" PRId64 " is negative", p->steps);
    if (p->objective_count == 0 || p->validation_count == 0)
        return ho_fail(error, HO_INVALID, "the %s has no term",
                       p->objective_count == 0 ? "objective" : "validation error");
    for (size_t i = 0; i < p->validation_count; i++)
        if (p->validation_terms[i].per_example)
            return ho_fail_at(error, HO_INVALID, p->validation_terms[i].weights_place,
                              "weights: the validation error has none for single examples: they are the training "
                              "examples' and belong into a term of the objective");
    if (ho_weighs_examples(training) && p->batch > 0 && p->precision == HO_F32 && p->training->count > 1 << 24)
        return ho_fail(error, HO_INVALID,
                       "weights of single examples in mini-batches: f32 cannot number more than %d examples; "
                       "use precision f64 or the full batch",
                       1 << 24);
    return HO_OK;
}

static ho_status check_patterns(ho_training *training, const ho_owner *owner, ho_error *error)
{
    const ho_term *term = owner->term;
    const char *names = "";
    bool any = false;
    for (size_t i = 0; i < training->weight_count; i++) {
        names = ho_list_add(training, names, training->weights[i].name);
        any |= ho_term_covers(term, &training->weights[i]);
    }
    for (size_t i = 0; i < term->on_count; i++) {
        ho_term single = {.on = &term->on[i], .on_count = 1};
        bool matched = false;
        for (size_t j = 0; j < training->weight_count; j++)
            matched |= ho_term_covers(&single, &training->weights[j]);
        if (!matched)
            return ho_fail_at(error, HO_INVALID, term->on_place, "on: \"%s\" matches no weight (the model has: %s)",
                              term->on[i], names);
    }
    if (!any)
        return ho_fail_at(error, HO_INVALID, owner->instance->place,
                          "penalty \"%s\" covers no weight: none has rank 2 or more; choose some with `on:` (the "
                          "model has: %s)",
                          owner->instance->name, names);
    return HO_OK;
}

/* ---- the state --------------------------------------------------------------------------------------------------- */

/* Tensors, one for each weight, as one flat vector. */
static ho_node flatten(ho_training *training, const ho_node *tensors)
{
    ho_graph *graph = training->graph;
    ho_node *parts = ho_alloc(training->weight_count * sizeof *parts);
    for (size_t i = 0; i < training->weight_count; i++)
        parts[i] = ho_node_reshape(graph, tensors[i], ho_shape_of(1, &training->weights[i].count));
    ho_node flat = ho_node_concat(graph, parts, (uint32_t)training->weight_count, 1);
    free(parts);
    return flat;
}

/* The part of a flat vector that belongs to a weight, in its shape. */
static ho_node unflatten(ho_training *training, ho_node flat, size_t weight)
{
    const ho_weight_tensor *w = &training->weights[weight];
    return ho_node_reshape(training->graph, ho_node_slice(training->graph, flat, 1, w->offset, w->count), w->shape);
}

static void make_state(ho_training *training)
{
    const ho_loaded *dynamics = training->problem->dynamics->loaded;
    ho_shape flat = ho_shape_of(1, &training->size);
    training->segments = 1 + dynamics->slot_count;
    training->segment_names = ho_arena_alloc(training->arena, training->segments * sizeof *training->segment_names);
    training->segment_leaves = ho_arena_alloc(training->arena, training->segments * sizeof *training->segment_leaves);
    training->initial_nodes = ho_arena_alloc(training->arena, training->segments * sizeof *training->initial_nodes);
    training->step_nodes = ho_arena_alloc(training->arena, training->segments * sizeof *training->step_nodes);
    for (size_t i = 0; i < training->segments; i++) {
        training->segment_names[i] = i == 0 ? "w" : dynamics->slots[i - 1].name;
        training->segment_leaves[i] = ho_training_leaf(training, training->segment_names[i], flat, NULL);
    }
    training->t_leaf = ho_training_leaf(training, "t", ho_scalar_shape(), &training->t);
    training->weight_nodes = ho_arena_alloc(training->arena, training->weight_count * sizeof *training->weight_nodes);
    ho_node w = training->leaves[training->segment_leaves[0]].node;
    for (size_t i = 0; i < training->weight_count; i++)
        training->weight_nodes[i] = unflatten(training, w, i);
}

/* ---- data and objective ------------------------------------------------------------------------------------------ */

static ho_status make_data(ho_training *training, ho_error *error)
{
    const ho_problem *p = training->problem;
    if (ho_part_fill(training, p->training, "training", &training->training_part, error) ||
        ho_part_fill(training, p->validation, "validation", &training->validation_part, error))
        return error->status;
    bool numbered = p->batch > 0 && ho_weighs_examples(training);
    if (p->batch > 0 && ho_part_reserve(training, p->batch, &training->batch_part, error))
        return error->status;
    if (numbered)
        training->batch_part.rows =
            ho_training_block(training, p->batch, ho_number_size(training), "numbers of examples", error);
    if (error->status)
        return error->status;
    training->training_feed = ho_feed_new(training, p->batch > 0 ? p->batch : p->training->count, "training");
    training->training_feed->batch = numbered;
    if (numbered)
        training->training_feed->rows =
            ho_training_leaf(training, "numbers of examples", ho_shape_of(1, &p->batch), NULL);
    bool draws = p->validation_batch > 0;
    if (draws && ho_part_reserve(training, p->validation_batch, &training->draw_part, error))
        return error->status;
    training->validation_feed = ho_feed_new(training, draws ? p->validation_batch : p->validation->count, "validation");
    ho_training_draw_validation(training, 1);
    ho_feed_bind(training, training->training_feed, p->batch > 0 ? &training->batch_part : &training->training_part);
    ho_feed_bind(training, training->validation_feed, draws ? &training->draw_part : &training->validation_part);
    return HO_OK;
}

static ho_status make_objective(ho_training *training, ho_error *error)
{
    const ho_problem *p = training->problem;
    const ho_owner *terms = training->owners + HO_TERM_OWNERS;
    training->objective = ho_trace_terms(training, terms, p->objective_count, training->training_feed);
    training->validation_error =
        ho_trace_terms(training, terms + p->objective_count, p->validation_count, training->validation_feed);
    if (ho_training_traced(training, error))
        return error->status;
    ho_node *gradients = ho_alloc(training->weight_count * sizeof *gradients);
    ho_gradient(training->graph, training->objective, training->weight_nodes, gradients, training->weight_count);
    if (!training->trace_error.status)
        training->gradient = flatten(training, gradients);
    free(gradients);
    return ho_training_traced(training, error);
}

/* ---- dynamics ---------------------------------------------------------------------------------------------------- */

/* grad(p): the gradient's graph with p in the place of w. */
static ho_node gradient_at(void *context, ho_node point)
{
    ho_training *training = context;
    ho_node w = training->leaves[training->segment_leaves[0]].node;
    ho_shape want = ho_graph_at(training->graph, w)->shape, have = ho_graph_at(training->graph, point)->shape;
    char a[HO_SHAPE_TEXT], b[HO_SHAPE_TEXT];
    if (point != HO_POISON && !ho_shape_equal(&want, &have))
        return ho_graph_fail(training->graph, "grad: the point has shape %s, w has %s", ho_shape_print(&have, a),
                             ho_shape_print(&want, b));
    return ho_substitute(training->graph, training->gradient, w, point);
}

/* The initial state: weights as the model declared them, slots as the dynamics start them. */
static void make_initial(ho_training *training)
{
    const ho_instance *dynamics = training->problem->dynamics;
    const ho_node *hypers = training->hyper_nodes + training->owners[HO_DYNAMICS_OWNER].first;
    uint32_t slots = dynamics->loaded->slot_count;
    training->initial_nodes[0] = flatten(training, training->weight_initial);
    if (dynamics->loaded->calls.dynamics.granularity == HO_WHOLE) {
        ho_dynamics_slots(dynamics, training->graph, hypers, training->initial_nodes[0], training->initial_nodes + 1);
        return;
    }
    ho_node *tensors = ho_alloc((slots + 1) * training->weight_count * sizeof *tensors);
    ho_node *made = ho_alloc((slots + 1) * sizeof *made);
    for (size_t i = 0; i < training->weight_count; i++) {
        ho_dynamics_slots(dynamics, training->graph, hypers, training->weight_initial[i], made);
        for (uint32_t j = 0; j < slots; j++)
            tensors[j * training->weight_count + i] = made[j];
    }
    for (uint32_t j = 0; j < slots; j++)
        training->initial_nodes[1 + j] = flatten(training, tensors + j * training->weight_count);
    free(made);
    free(tensors);
}

static ho_status step_per_tensor(ho_training *training, const ho_trace_env *env, const ho_node *hypers, ho_node t)
{
    size_t segments = training->segments, weights = training->weight_count;
    ho_node *tensors = ho_alloc(segments * weights * sizeof *tensors);
    ho_node *in = ho_alloc(2 * segments * sizeof *in), *next = in + segments;
    for (size_t i = 0; i < weights && !training->trace_error.status; i++) {
        for (size_t j = 0; j < segments; j++)
            in[j] = unflatten(training, training->leaves[training->segment_leaves[j]].node, i);
        ho_dynamics_step(training->problem->dynamics, env, hypers, t, in[0], unflatten(training, training->gradient, i),
                         in + 1, next);
        for (size_t j = 0; j < segments; j++)
            tensors[j * weights + i] = next[j];
    }
    for (size_t j = 0; j < segments && !training->trace_error.status; j++)
        training->step_nodes[j] = flatten(training, tensors + j * weights);
    free(in);
    free(tensors);
    return training->trace_error.status;
}

static ho_status make_step(ho_training *training, ho_error *error)
{
    const ho_instance *dynamics = training->problem->dynamics;
    const ho_node *hypers = training->hyper_nodes + training->owners[HO_DYNAMICS_OWNER].first;
    ho_node t = training->leaves[training->t_leaf].node;
    ho_trace_env env = {
        .graph = training->graph, .sizes = ho_sizes_here(training, 0, NULL, NULL), .context = training};
    if (dynamics->loaded->calls.dynamics.granularity == HO_PER_TENSOR) {
        env.gradient_reason = "this dynamics is traced for each weight tensor by itself";
        step_per_tensor(training, &env, hypers, t);
    } else {
        env.gradient = gradient_at;
        ho_node *in = ho_alloc(training->segments * sizeof *in);
        for (size_t i = 0; i < training->segments; i++)
            in[i] = training->leaves[training->segment_leaves[i]].node;
        ho_dynamics_step(dynamics, &env, hypers, t, in[0], training->gradient, in + 1, training->step_nodes);
        free(in);
    }
    return ho_training_traced(training, error);
}

/* ---- assembly ---------------------------------------------------------------------------------------------------- */

static ho_status assemble(ho_training *training, ho_error *error)
{
    if (check_problem(training, error) || add_owners(training, error) || ho_targets_resolve(training, error) ||
        ho_hypers_declare(training, &training->owners[HO_MODEL_OWNER], error) || ho_trace_weights(training, error))
        return error->status;
    for (size_t i = HO_DYNAMICS_OWNER; i < training->owner_count; i++) {
        ho_owner *owner = &training->owners[i];
        if (owner->term && owner->instance->loaded->plugin.kind == HO_PENALTY && check_patterns(training, owner, error))
            return error->status;
        if (ho_hypers_declare(training, owner, error))
            return error->status;
    }
    make_state(training);
    if (ho_hypers_finish(training, error) || make_data(training, error) || make_objective(training, error))
        return error->status;
    make_initial(training);
    if (ho_training_traced(training, error) || make_step(training, error))
        return error->status;
    if (ho_graph_verify(training->graph, training->initial_nodes, training->segments, error) ||
        ho_graph_verify(training->graph, training->step_nodes, training->segments, error))
        return error->status;
    return ho_graph_verify(training->graph, &training->validation_error, 1, error);
}

ho_training *ho_training_new(const ho_problem *problem, ho_error *error)
{
    ho_training *training = ho_alloc(sizeof *training);
    ho_error own = {0};
    training->system.api = &ho_training_calls;
    training->problem = problem;
    training->arena = ho_arena_new();
    training->graph = ho_graph_new(&training->trace_error);
    if (assemble(training, &own) == HO_OK)
        return training;
    ho_fail(error, own.status, "%s", own.text);
    ho_training_free(training);
    return NULL;
}

void ho_training_free(ho_training *training)
{
    if (!training)
        return;
    for (ho_program *program = training->programs; program; program = program->next)
        ho_program_free(program);
    ho_vector_release(training->spare);
    for (size_t i = 0; i < training->block_count; i++)
        ho_large_free(training->blocks[i]);
    free(training->blocks);
    free(training->leaves);
    free(training->weights);
    free(training->weight_initial);
    ho_graph_free(training->graph);
    ho_arena_free(training->arena);
    free(training);
}

/* ---- accessors --------------------------------------------------------------------------------------------------- */

ho_system *ho_training_system(ho_training *training)
{
    return &training->system;
}

ho_error *ho_training_error(ho_training *training)
{
    return &training->error;
}

ho_status ho_take_error(ho_training *training, ho_status status, const char *who, ho_error *error)
{
    ho_error *recorded = ho_training_error(training);
    if (recorded->status != HO_OK)
        status = ho_fail(error, recorded->status, "%s", recorded->text);
    else if (status != HO_OK)
        status = ho_fail(error, status > 0 && status <= HO_INTERRUPTED ? status : HO_FAILED,
                         "%s returned %" PRId32 " without saying why", who, status);
    *recorded = (ho_error){0};
    return status;
}

void ho_training_interrupt(ho_training *training, const volatile int *flag)
{
    training->interrupt = flag;
}

void ho_training_examine(ho_training *training, bool on)
{
    training->examine = on;
}

const ho_hyperparameter *ho_training_hypers(const ho_training *training, size_t *count)
{
    *count = training->hyper_count;
    return training->hypers;
}

void ho_training_restrict_directions(ho_training *training, const double *directions, int64_t count)
{
    training->restricted = directions;
    training->restricted_count = count;
}

int64_t ho_training_lambda_size(const ho_training *training)
{
    return training->lambda_size;
}

void ho_training_lambda_initial(const ho_training *training, double *lambda)
{
    for (int64_t i = 0; i < training->lambda_size; i++)
        lambda[i] = training->lambda_initial[i];
}

const ho_weight_tensor *ho_training_weights(const ho_training *training, size_t *count)
{
    *count = training->weight_count;
    return training->weights;
}

ho_status ho_training_dump(ho_training *training, const char *what, bool dot, FILE *out, ho_error *error)
{
    const ho_node *nodes = NULL;
    size_t count = training->segments;
    if (!strcmp(what, "step")) {
        nodes = training->step_nodes;
    } else if (!strcmp(what, "initial")) {
        nodes = training->initial_nodes;
    } else if (!strcmp(what, "error")) {
        nodes = &training->validation_error;
        count = 1;
    } else {
        return ho_fail(error, HO_INVALID, "there is no graph \"%s\"; choose step, error or initial", what);
    }
    (dot ? ho_graph_dot : ho_graph_dump)(training->graph, nodes, count, out);
    return HO_OK;
}

int64_t ho_training_evaluations(const ho_training *training)
{
    return training->evaluations;
}

int64_t ho_training_state_bytes(const ho_training *training)
{
    return (int64_t)(training->segments * (size_t)training->size * ho_number_size(training));
}
