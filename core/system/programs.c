#include "system/internal.h"

#include <stdlib.h>

#include "diff/diff.h"

/* ---- seeds ------------------------------------------------------------------------------------------------------- */

static ho_shape tangent_shape(int64_t columns, ho_shape primal)
{
    if (columns == 0)
        return primal;
    ho_shape shape = {.rank = primal.rank + 1, .dims = {columns}};
    for (int32_t i = 0; i < primal.rank; i++)
        shape.dims[i + 1] = primal.dims[i];
    return shape;
}

/* The leaves for these tangents or cotangents; NULL: out of memory. */
static const ho_seeds *get_seeds(ho_training *training, int64_t columns, ho_error *error)
{
    for (ho_seeds *seeds = training->seeds; seeds; seeds = seeds->next)
        if (seeds->columns == columns)
            return seeds;
    ho_ground *ground = &training->ground;
    const ho_layout *layout = &training->layout;
    const size_t tuned = columns ? training->hypers.tuned_count : 0;
    const char *kind = columns ? "tangent of" : "cotangent of";
    ho_seeds *seeds = ho_arena_alloc(ground->arena, sizeof *seeds);
    *seeds = (ho_seeds){.columns = columns,
                        .segments = ho_arena_alloc(ground->arena, layout->segments * sizeof *seeds->segments),
                        .tangents = ho_arena_alloc(ground->arena, (tuned + 1) * sizeof *seeds->tangents),
                        .hypers = ho_arena_alloc(ground->arena, (tuned + 1) * sizeof *seeds->hypers),
                        .next = training->seeds};
    for (size_t i = 0; i < layout->segments; i++)
        seeds->segments[i] =
            ho_leaf(ground, kind, layout->names[i], tangent_shape(columns, ho_shape_of(1, &layout->size)), NULL);
    for (size_t i = 0; i < tuned; i++) {
        const ho_hyperparameter *h = ho_tuned_hyper(&training->hypers, i);
        seeds->tangents[i] =
            ho_ground_block(ground, columns * ho_hyper_part_count(h), ho_number_size(ground), "tangents", error);
        seeds->hypers[i] = ho_leaf(ground, kind, h->name, tangent_shape(columns, ho_hyper_part(h)), seeds->tangents[i]);
    }
    if (!error->status)
        training->seeds = seeds;
    return error->status ? NULL : seeds;
}

/* ---- what each program computes ---------------------------------------------------------------------------------- */

static void add(ho_training *training, ho_program *program, ho_node node, const char *what, const char *name)
{
    program->labels[program->output_count] = ho_arena_format(training->ground.arena, "%s%s", what, name);
    program->outputs[program->output_count++] = node;
}

/* The state and the tuned hyperparameters as nodes, one after another. */
static ho_node *variables(const ho_training *training)
{
    const size_t segments = training->layout.segments, tuned = training->hypers.tuned_count;
    ho_node *nodes = ho_alloc((segments + tuned) * sizeof *nodes);
    for (size_t i = 0; i < segments; i++)
        nodes[i] = ho_layout_node(&training->layout, i);
    for (size_t i = 0; i < tuned; i++)
        nodes[segments + i] = training->hypers.nodes[training->hypers.tuned[i].index];
    return nodes;
}

/* Tangents of a map's results (one for each segment); the initial map does not depend on a state. */
static void add_tangents(ho_training *training, ho_program *program, const ho_node *results)
{
    ho_ground *ground = &training->ground;
    const ho_seeds *seeds = program->seeds;
    const size_t segments = training->layout.segments, count = segments + training->hypers.tuned_count;
    ho_node *inputs = variables(training);
    ho_node *tangents = ho_alloc(count * sizeof *tangents), *out = ho_alloc(segments * sizeof *out);
    for (size_t i = program->map == HO_INITIAL ? segments : 0; i < count; i++)
        tangents[i] = ho_leaf_node(ground, i < segments ? seeds->segments[i] : seeds->hypers[i - segments]);
    ho_jvp(ground->graph, seeds->columns, inputs, tangents, count, results, out, segments);
    for (size_t i = 0; i < segments && !ground->traced.status; i++) {
        const ho_shape shape = tangent_shape(seeds->columns, ho_graph_at(ground->graph, results[i])->shape);
        add(training, program, out[i] ? out[i] : ho_node_fill(ground->graph, shape, 0.0), "the tangent of ",
            training->layout.names[i]);
    }
    free(out);
    free(tangents);
    free(inputs);
}

/* Cotangents of the state (where the map depends on one) and of the tuned hyperparameters. */
static void add_cotangents(ho_training *training, ho_program *program, const ho_node *results, size_t result_count)
{
    ho_ground *ground = &training->ground;
    const size_t segments = training->layout.segments, count = segments + training->hypers.tuned_count;
    ho_node *inputs = variables(training), *by = ho_alloc(count * sizeof *by);
    ho_node *cotangents = ho_alloc(result_count * sizeof *cotangents);
    for (size_t i = 0; i < result_count; i++)
        cotangents[i] =
            program->seeds ? ho_leaf_node(ground, program->seeds->segments[i]) : ho_node_const(ground->graph, 1.0);
    ho_vjp(ground->graph, inputs, by, count, results, cotangents, result_count);
    for (size_t i = program->map == HO_INITIAL ? segments : 0; i < count && !ground->traced.status; i++) {
        const ho_shape shape = ho_graph_at(ground->graph, inputs[i])->shape;
        add(training, program, by[i] ? by[i] : ho_node_fill(ground->graph, shape, 0.0), "the derivative by ",
            i < segments ? training->layout.names[i] : ho_tuned_hyper(&training->hypers, i - segments)->name);
    }
    free(cotangents);
    free(by);
    free(inputs);
}

/* The objective on the whole training part. */
static ho_node full_objective(ho_training *training, ho_error *error)
{
    if (training->ground.problem->batch == 0 || training->ground.problem->stream)
        return training->objective;
    size_t count;
    const ho_owner *terms = ho_objective_terms(training, &count);
    ho_part all;
    const ho_examples *examples = training->ground.problem->training;
    if (ho_part_new(&training->data, examples, examples->count, "all training", &all, error))
        return HO_POISON;
    return ho_trace_terms(training, terms, count, &all);
}

static void add_evaluation(ho_training *training, ho_program *program, ho_error *error)
{
    size_t count;
    const ho_owner *terms = ho_validation_terms(training, &count);
    if (ho_part_new(&training->data, NULL, program->size, "evaluated", &program->chunk, error))
        return;
    const ho_node *answers = ho_trace_forward(training, &program->chunk);
    add(training, program, answers[training->data.targets.measured], "outputs", "");
    add(training, program, ho_trace_losses(training, terms, count, &program->chunk, answers), "losses", "");
}

static void build(ho_training *training, ho_program *program, ho_error *error)
{
    const bool states = program->map <= HO_RESTART;
    const ho_node *results = program->map == HO_STEP      ? training->step
                             : program->map == HO_INITIAL ? training->initial
                             : program->map == HO_RESTART ? training->restart
                                                          : &training->validation_error;
    const size_t count = states ? training->layout.segments : 1;
    if (program->map == HO_EVALUATE) {
        add_evaluation(training, program, error);
        return;
    }
    if (program->map == HO_OBJECTIVE) {
        add(training, program, full_objective(training, error), "the training objective", "");
        return;
    }
    if (program->how == HO_JVP || (states && program->how == HO_VJP)) {
        program->seeds = get_seeds(training, program->how == HO_JVP ? program->size : 0, error);
        if (!program->seeds)
            return;
    }
    if (program->how == HO_VALUE || (program->map == HO_STEP && program->how == HO_JVP) ||
        (program->map == HO_ERROR && program->how == HO_VJP))
        for (size_t i = 0; i < count; i++)
            add(training, program, results[i], states ? training->layout.names[i] : "the validation error", "");
    if (program->how == HO_JVP)
        add_tangents(training, program, results);
    else if (program->how == HO_VJP)
        add_cotangents(training, program, results, count);
    else if (program->how == HO_BRANCHES)
        add(training, program, ho_branches_of(training->ground.graph, results, count), "branches", "");
}

/* ---- residuals ----------------------------------------------------------------------------------------------------
 */

static ho_program *find(ho_training *training, ho_map map, ho_how how, ho_way way, int64_t size);

/* Enough for the step's derivative and for the next state: a mode need not keep every state then. */
static void choose_residuals(ho_training *training, ho_keeping *keeping)
{
    ho_ground *ground = &training->ground;
    const ho_program *vjp = find(training, HO_STEP, HO_VJP, HO_PLAIN, 0);
    if (!vjp)
        return;
    const size_t segments = training->layout.segments, count = vjp->output_count + segments;
    ho_node *outputs = ho_alloc(count * sizeof *outputs), *late = ho_alloc(segments * sizeof *late);
    for (size_t i = 0; i < count; i++)
        outputs[i] = i < vjp->output_count ? vjp->outputs[i] : training->step[i - vjp->output_count];
    for (size_t i = 0; i < segments; i++)
        late[i] = ho_leaf_node(ground, vjp->seeds->segments[i]);
    ho_node *nodes = ho_choose_residuals(ground->graph, late, segments, outputs, count, &keeping->count);
    keeping->nodes = ho_arena_alloc(ground->arena, (keeping->count + 1) * sizeof *keeping->nodes);
    keeping->offsets = ho_arena_alloc(ground->arena, (keeping->count + 1) * sizeof *keeping->offsets);
    for (size_t i = 0; i < keeping->count; i++) {
        const ho_shape *shape = &ho_graph_at(ground->graph, nodes[i])->shape;
        const uint64_t line = 64, number = shape->rank ? ho_number_size(ground) : sizeof(double);
        keeping->nodes[i] = nodes[i];
        keeping->offsets[i] = keeping->bytes;
        keeping->bytes += ((uint64_t)ho_shape_count(shape) * number + line - 1) / line * line;
    }
    free(nodes);
    free(outputs);
    free(late);
    keeping->chosen = true;
}

const ho_keeping *ho_keeping_get(ho_training *training)
{
    if (!training->keeping.chosen)
        choose_residuals(training, &training->keeping);
    return training->keeping.chosen ? &training->keeping : NULL;
}

/* The step that keeps its residuals too; or what a plain program computes, except for the next state of a JVP. */
static void build_from(const ho_training *training, ho_program *program, const ho_program *plain)
{
    const ho_keeping *keeping = &training->keeping;
    const size_t skip = program->way == HO_KEPT && program->how == HO_JVP ? training->layout.segments : 0;
    program->seeds = plain->seeds;
    for (size_t i = skip; i < plain->output_count; i++) {
        program->labels[program->output_count] = plain->labels[i];
        program->outputs[program->output_count++] = plain->outputs[i];
    }
    for (size_t i = 0; i < keeping->count && program->way == HO_KEEPING; i++) {
        program->labels[program->output_count] = "residuals";
        program->outputs[program->output_count++] = keeping->nodes[i];
    }
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* Which leaf of the training a node is; nodes of leaves only increase. */
static size_t leaf_index(const ho_ground *ground, ho_node node)
{
    size_t low = 0, high = ground->leaf_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ho_leaf_node(ground, middle) < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const char *name_of(const ho_program *program)
{
    static const char *const names[][4] = {
        [HO_STEP] = {"step", "step, JVP", "step, VJP", "step, branches"},
        [HO_INITIAL] = {"initial state", "initial state, JVP", "initial state, VJP", "initial state, branches"},
        [HO_RESTART] = {"restart", "", "", ""},
        [HO_ERROR] = {"validation error", "validation error, JVP", "validation error, gradient", "error, branches"},
        [HO_OBJECTIVE] = {"objective", "", "", ""},
        [HO_EVALUATE] = {"evaluation", "", "", ""}};
    static const char *const kept[] = {"step, linearized", "step, linearized, JVP", "step, linearized, VJP", ""};
    return program->way == HO_PLAIN     ? names[program->map][program->how]
           : program->way == HO_KEEPING ? kept[HO_VALUE]
                                        : kept[program->how];
}

static size_t residual_index(const ho_keeping *keeping, ho_node node)
{
    for (size_t i = 0; i < keeping->count; i++)
        if (keeping->nodes[i] == node)
            return i;
    return NO_RESIDUAL;
}

static ho_status compile(ho_training *training, ho_program *program, ho_error *error)
{
    ho_ground *ground = &training->ground;
    const ho_keeping none = {0}, *kept = program->way == HO_KEPT ? &training->keeping : &none;
    size_t length;
    ho_node *order =
        ho_graph_order_from(ground->graph, kept->nodes, kept->count, program->outputs, program->output_count, &length);
    program->inputs = ho_arena_alloc(ground->arena, (length + 1) * sizeof *program->inputs);
    program->leaves = ho_arena_alloc(ground->arena, (length + 1) * sizeof *program->leaves);
    program->residual = ho_arena_alloc(ground->arena, (length + 1) * sizeof *program->residual);
    for (size_t i = 0; i < length; i++) {
        const size_t residual = residual_index(kept, order[i]), n = program->input_count;
        if (residual == NO_RESIDUAL && ho_graph_at(ground->graph, order[i])->op != HO_OP_LEAF)
            continue;
        program->inputs[n] = order[i];
        program->residual[n] = residual;
        if (residual == NO_RESIDUAL) {
            program->leaves[n] = leaf_index(ground, order[i]);
            program->reads_batch |= ho_batch_has(&training->data, program->leaves[n]);
        }
        program->input_count++;
    }
    free(order);
    program->in = ho_arena_alloc(ground->arena, (program->input_count + 1) * sizeof *program->in);
    program->out = ho_arena_alloc(ground->arena, (program->output_count + 1) * sizeof *program->out);
    program->plan = ho_plan_new(ground->graph, ground->problem->precision, program->inputs, program->input_count,
                                program->outputs, program->output_count, error);
    if (program->plan)
        ho_plan_profile_as(program->plan, name_of(program));
    return error->status;
}

/* The program without its plan, its nodes made if need be. */
static ho_program *find(ho_training *training, ho_map map, ho_how how, ho_way way, int64_t size)
{
    for (ho_program *program = training->programs; program; program = program->next)
        if (program->map == map && program->how == how && program->way == way && program->size == size)
            return program;
    ho_ground *ground = &training->ground;
    ho_error error = {0};
    const ho_program *plain = NULL;
    if (way != HO_PLAIN && (!ho_keeping_get(training) || !(plain = find(training, map, how, HO_PLAIN, size))))
        return NULL;
    ho_program *program = ho_arena_alloc(ground->arena, sizeof *program);
    const size_t most = 2 * training->layout.segments + training->hypers.tuned_count + 2 + training->keeping.count;
    *program = (ho_program){.map = map,
                            .how = how,
                            .way = way,
                            .size = size,
                            .outputs = ho_arena_alloc(ground->arena, most * sizeof *program->outputs),
                            .labels = ho_arena_alloc(ground->arena, most * sizeof *program->labels)};
    if (plain)
        build_from(training, program, plain);
    else
        build(training, program, &error);
    if (error.status || ho_ground_traced(ground, &error)) {
        ho_fail_as(&ground->error, &error);
        return NULL;
    }
    program->next = training->programs;
    training->programs = program;
    return program;
}

static ho_program *with_plan(ho_training *training, ho_program *program)
{
    ho_error error = {0};
    if (!program || program->plan || compile(training, program, &error) == HO_OK)
        return program;
    program->input_count = 0;
    ho_fail_as(&training->ground.error, &error);
    return NULL;
}

ho_program *ho_program_get(ho_training *training, ho_map map, ho_how how, int64_t size)
{
    return with_plan(training, find(training, map, how, HO_PLAIN, size));
}

ho_program *ho_program_of_step(ho_training *training, ho_how how, ho_way way, int64_t size)
{
    return with_plan(training, find(training, HO_STEP, how, way, size));
}

void ho_program_free(ho_program *program)
{
    if (program->plan)
        ho_plan_free(program->plan);
}
