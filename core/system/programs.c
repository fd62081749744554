/* Programs: the graph of each call and of its derivatives, planned on first use and kept. */
#include "system/internal.h"

#include <stdlib.h>
#include <string.h>

#include "diff/diff.h"

/* ---- seeds ----------------------------------------------------------------------------------------------------- */

static ho_shape tangent_shape(int64_t columns, ho_shape primal)
{
    if (columns == 0)
        return primal;
    ho_shape shape = {.rank = primal.rank + 1, .dims = {columns}};
    for (int32_t i = 0; i < primal.rank; i++)
        shape.dims[i + 1] = primal.dims[i];
    return shape;
}

ho_seeds *ho_seeds_get(ho_training *training, int64_t columns, ho_error *error)
{
    for (ho_seeds *seeds = training->seeds; seeds; seeds = seeds->next)
        if (seeds->columns == columns)
            return seeds;
    ho_seeds *seeds = ho_arena_alloc(training->arena, sizeof *seeds);
    seeds->columns = columns;
    seeds->segments = ho_arena_alloc(training->arena, training->segments * sizeof *seeds->segments);
    seeds->hypers = ho_arena_alloc(training->arena, (training->tuned_count + 1) * sizeof *seeds->hypers);
    seeds->tangents = ho_arena_alloc(training->arena, (training->tuned_count + 1) * sizeof *seeds->tangents);
    const char *kind = columns ? "tangent" : "cotangent";
    for (size_t i = 0; i < training->segments; i++) {
        char *name = ho_format("%s of %s", kind, training->segment_names[i]);
        seeds->segments[i] =
            ho_training_leaf(training, name, tangent_shape(columns, ho_shape_of(1, &training->size)), NULL);
        free(name);
    }
    for (size_t i = 0; columns && i < training->tuned_count; i++) {
        const ho_hyperparameter *h = &training->hypers[training->tuned[i]];
        seeds->tangents[i] =
            ho_training_block(training, columns * h->count, ho_number_size(training), "tangents", error);
        char *name = ho_format("%s of %s", kind, h->name);
        seeds->hypers[i] =
            ho_training_leaf(training, name, tangent_shape(columns, ho_shape_of(h->rank, h->dims)), seeds->tangents[i]);
        free(name);
    }
    if (error->status)
        return NULL;
    seeds->next = training->seeds;
    training->seeds = seeds;
    return seeds;
}

/* ---- what each program computes --------------------------------------------------------------------------------- */

/* Outputs under construction. */
typedef struct ho_outputs {
    ho_training *training;
    ho_node *nodes;
    const char **labels;
    size_t count;
} ho_outputs;

static void add(ho_outputs *o, ho_node node, const char *format, const char *name)
{
    char *label = ho_format(format, name);
    o->labels[o->count] = ho_arena_strdup(o->training->arena, label);
    o->nodes[o->count++] = node;
    free(label);
}

/* A symbolic zero becomes a tensor of zeros like `primal`, with a leading axis where there are columns. */
static ho_node filled(ho_training *training, ho_node derivative, ho_node primal, int64_t columns)
{
    if (derivative)
        return derivative;
    return ho_node_fill(training->graph, tangent_shape(columns, ho_graph_at(training->graph, primal)->shape), 0.0);
}

/* The state and the tuned hyperparameters as nodes, one after another. */
static ho_node *variables(const ho_training *training)
{
    ho_node *nodes = ho_alloc((training->segments + training->tuned_count) * sizeof *nodes);
    for (size_t i = 0; i < training->segments; i++)
        nodes[i] = training->leaves[training->segment_leaves[i]].node;
    for (size_t i = 0; i < training->tuned_count; i++)
        nodes[training->segments + i] = training->hyper_nodes[training->tuned[i]];
    return nodes;
}

static void add_states(ho_outputs *o, const ho_node *nodes)
{
    for (size_t i = 0; i < o->training->segments; i++)
        add(o, nodes[i], "%s", o->training->segment_names[i]);
}

/* Tangents of a map's results (one for each segment); the initial map does not depend on a state. */
static void add_tangents(ho_outputs *o, const ho_node *results, const ho_seeds *seeds, bool of_state)
{
    ho_training *training = o->training;
    size_t segments = training->segments, count = segments + training->tuned_count;
    ho_node *inputs = variables(training);
    ho_node *tangents = ho_alloc(count * sizeof *tangents);
    ho_node *out = ho_alloc(segments * sizeof *out);
    for (size_t i = 0; i < segments; i++)
        tangents[i] = of_state ? training->leaves[seeds->segments[i]].node : HO_POISON;
    for (size_t i = 0; i < training->tuned_count; i++)
        tangents[segments + i] = training->leaves[seeds->hypers[i]].node;
    ho_jvp(training->graph, seeds->columns, inputs, tangents, count, results, out, segments);
    for (size_t i = 0; i < segments && !training->trace_error.status; i++)
        add(o, filled(training, out[i], results[i], seeds->columns), "the tangent of %s", training->segment_names[i]);
    free(out);
    free(tangents);
    free(inputs);
}

/* Cotangents of the state (where asked for) and of the tuned hyperparameters. */
static void add_cotangents(ho_outputs *o, const ho_node *results, const ho_node *cotangents, size_t result_count,
                           bool by_state)
{
    ho_training *training = o->training;
    size_t segments = training->segments, count = segments + training->tuned_count;
    ho_node *inputs = variables(training);
    ho_node *by = ho_alloc(count * sizeof *by);
    ho_vjp(training->graph, inputs, by, count, results, cotangents, result_count);
    for (size_t i = by_state ? 0 : segments; i < count && !training->trace_error.status; i++)
        add(o, filled(training, by[i], inputs[i], 0), "the derivative by %s",
            i < segments ? training->segment_names[i] : training->hypers[training->tuned[i - segments]].name);
    free(by);
    free(inputs);
}

static void add_pullback(ho_outputs *o, const ho_node *results, const ho_seeds *seeds, bool by_state)
{
    ho_training *training = o->training;
    ho_node *cotangents = ho_alloc(training->segments * sizeof *cotangents);
    for (size_t i = 0; i < training->segments; i++)
        cotangents[i] = training->leaves[seeds->segments[i]].node;
    add_cotangents(o, results, cotangents, training->segments, by_state);
    free(cotangents);
}

/* The objective on the whole training part. */
static ho_node full_objective(ho_training *training)
{
    const ho_problem *problem = training->problem;
    if (problem->batch == 0)
        return training->objective;
    ho_feed *feed = ho_feed_new(training, training->training_part.count, "all training");
    ho_feed_bind(training, feed, &training->training_part);
    return ho_trace_terms(training, training->owners + HO_TERM_OWNERS, problem->objective_count, feed);
}

static void add_evaluation(ho_outputs *o, ho_program *program, ho_error *error)
{
    ho_training *training = o->training;
    const ho_problem *problem = training->problem;
    program->feed = ho_feed_new(training, program->size, "evaluated");
    if (ho_part_reserve(training, program->size, &program->chunk, error))
        return;
    ho_feed_bind(training, program->feed, &program->chunk);
    const ho_node *answers = ho_trace_forward(training, program->feed);
    add(o, answers[ho_target_measured(training)], "%s", "outputs");
    add(o,
        ho_trace_losses(training, training->owners + HO_TERM_OWNERS + problem->objective_count,
                        problem->validation_count, program->feed, answers),
        "%s", "losses");
}

static void build(ho_outputs *o, ho_program *program, ho_error *error)
{
    ho_training *training = o->training;
    const ho_seeds *seeds = NULL;
    if (program->kind == HO_STEP_JVP || program->kind == HO_INITIAL_JVP)
        seeds = ho_seeds_get(training, program->size, error);
    else if (program->kind == HO_STEP_VJP || program->kind == HO_INITIAL_VJP)
        seeds = ho_seeds_get(training, 0, error);
    if (error->status)
        return;
    switch (program->kind) {
    case HO_STEP:
        add_states(o, training->step_nodes);
        break;
    case HO_STEP_JVP:
        add_states(o, training->step_nodes);
        add_tangents(o, training->step_nodes, seeds, true);
        break;
    case HO_STEP_VJP:
        add_pullback(o, training->step_nodes, seeds, true);
        break;
    case HO_INITIAL:
        add_states(o, training->initial_nodes);
        break;
    case HO_INITIAL_JVP:
        add_tangents(o, training->initial_nodes, seeds, false);
        break;
    case HO_INITIAL_VJP:
        add_pullback(o, training->initial_nodes, seeds, false);
        break;
    case HO_ERROR:
        add(o, training->validation_error, "%s", "the validation error");
        break;
    case HO_ERROR_GRADIENT: {
        ho_node one = ho_node_const(training->graph, 1.0);
        add(o, training->validation_error, "%s", "the validation error");
        add_cotangents(o, &training->validation_error, &one, 1, true);
        break;
    }
    case HO_OBJECTIVE:
        add(o, full_objective(training), "%s", "the training objective");
        break;
    case HO_EVALUATE:
        add_evaluation(o, program, error);
        break;
    case HO_STEP_BRANCHES:
        add(o, ho_branches_of(training->graph, training->step_nodes, training->segments), "%s", "branches");
        break;
    case HO_INITIAL_BRANCHES:
        add(o, ho_branches_of(training->graph, training->initial_nodes, training->segments), "%s", "branches");
        break;
    case HO_ERROR_BRANCHES:
        add(o, ho_branches_of(training->graph, &training->validation_error, 1), "%s", "branches");
        break;
    }
}

/* ---- making and running ------------------------------------------------------------------------------------------ */

/* Which leaf of the training a node is; nodes of leaves only increase. */
static size_t leaf_index(const ho_training *training, ho_node node)
{
    size_t low = 0, high = training->leaf_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (training->leaves[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static ho_status compile(ho_training *training, ho_program *program, ho_error *error)
{
    const ho_graph *graph = training->graph;
    size_t length;
    ho_node *order = ho_graph_order(graph, program->outputs, program->output_count, &length);
    program->inputs = ho_arena_alloc(training->arena, (length + 1) * sizeof *program->inputs);
    program->leaves = ho_arena_alloc(training->arena, (length + 1) * sizeof *program->leaves);
    for (size_t i = 0; i < length; i++)
        if (ho_graph_at(graph, order[i])->op == HO_OP_LEAF) {
            program->inputs[program->input_count] = order[i];
            program->leaves[program->input_count++] = leaf_index(training, order[i]);
        }
    free(order);
    program->in = ho_arena_alloc(training->arena, (program->input_count + 1) * sizeof *program->in);
    program->out = ho_arena_alloc(training->arena, (program->output_count + 1) * sizeof *program->out);
    program->plan = ho_plan_new(graph, training->problem->precision, program->inputs, program->input_count,
                                program->outputs, program->output_count, error);
    return error->status;
}

ho_program *ho_program_get(ho_training *training, ho_program_kind kind, int64_t size)
{
    for (ho_program *program = training->programs; program; program = program->next)
        if (program->kind == kind && program->size == size)
            return program;
    ho_error error = {0};
    ho_program *program = ho_arena_alloc(training->arena, sizeof *program);
    program->kind = kind;
    program->size = size;
    size_t most = 2 * training->segments + training->tuned_count + 2;
    program->outputs = ho_arena_alloc(training->arena, most * sizeof *program->outputs);
    program->labels = ho_arena_alloc(training->arena, most * sizeof *program->labels);
    ho_outputs outputs = {training, program->outputs, program->labels, 0};
    build(&outputs, program, &error);
    program->output_count = outputs.count;
    if (error.status || ho_training_traced(training, &error) || compile(training, program, &error)) {
        ho_fail(&training->error, error.status, "%s", error.text);
        ho_program_free(program);
        return NULL;
    }
    program->next = training->programs;
    training->programs = program;
    return program;
}

void ho_program_free(ho_program *program)
{
    if (program->plan)
        ho_plan_free(program->plan);
}

ho_status ho_program_run(ho_training *training, ho_program *program)
{
    for (size_t i = 0; i < program->input_count; i++)
        program->in[i] = training->leaves[program->leaves[i]].data;
    ho_plan_run(program->plan, program->in, program->out);
    return training->examine ? ho_examine(training, program) : HO_OK;
}
