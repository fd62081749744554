/* Assembling a training: owners of hyperparameters, weights, data, objective, dynamics; and accessors. */
#include "system/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "diff/diff.h"

/* ---- owners and checks ------------------------------------------------------------------------------------------- */

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
    const ho_problem *p = training->ground.problem;
    size_t most = HO_TERM_OWNERS + p->objective_count + p->validation_count;
    training->owners = ho_arena_alloc(training->ground.arena, most * sizeof *training->owners);
    if (add_owner(training, p->model, NULL, error) || add_owner(training, p->dynamics, NULL, error))
        return error->status;
    for (size_t i = 0; i < p->objective_count && !error->status; i++)
        add_owner(training, p->objective[i].plugin, &p->objective[i], error);
    for (size_t i = 0; i < p->validation_count && !error->status; i++)
        add_owner(training, p->validation_terms[i].plugin, &p->validation_terms[i], error);
    return error->status;
}

const ho_term *ho_weighted_term(const ho_problem *problem)
{
    for (size_t i = 0; i < problem->objective_count; i++)
        if (problem->objective[i].per_example)
            return &problem->objective[i];
    return NULL;
}

/* Sizes that do not fit together. */
static ho_status check_problem(const ho_problem *p, ho_error *error)
{
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
                              "weights: the validation error has no example weights: these are of the training "
                              "examples and belong in a term of the objective");
    if (ho_weighted_term(p) && p->batch > 0 && p->precision == HO_F32 && p->training->count > 1 << 24)
        return ho_fail(error, HO_INVALID,
                       "example weights in mini-batches: f32 cannot number more than %d examples; "
                       "use precision f64 or the full batch",
                       1 << 24);
    return HO_OK;
}

/* A pattern that matches nothing; a penalty that covers nothing. */
static ho_status check_patterns(ho_training *training, const ho_owner *owner, ho_error *error)
{
    const ho_term *term = owner->term;
    bool any = false;
    for (size_t i = 0; i < training->layout.weight_count; i++)
        any |= ho_term_covers(term, &training->layout.weights[i]);
    char *names = ho_weight_list(&training->layout);
    for (size_t i = 0; i < term->on_count; i++) {
        ho_term single = {.on = &term->on[i], .on_count = 1};
        bool matched = false;
        for (size_t j = 0; j < training->layout.weight_count; j++)
            matched |= ho_term_covers(&single, &training->layout.weights[j]);
        if (!matched)
            ho_fail_at(error, HO_INVALID, term->on_place, "on: \"%s\" matches no weight (the model has: %s)",
                       term->on[i], names);
    }
    if (!any)
        ho_fail_at(error, HO_INVALID, owner->instance->place,
                   "penalty \"%s\" covers no weight: none has rank 2 or more; choose some with `on:` (the "
                   "model has: %s)",
                   owner->instance->name, names);
    free(names);
    return error->status;
}

/* The owner's hyperparameters, with sizes as they are where it is traced: a penalty at each weight that it covers, a
 * dynamics at each weight or once for all of them. */
static ho_status declare_hypers(ho_training *training, ho_owner *owner, ho_error *error)
{
    const ho_loaded *loaded = owner->instance->loaded;
    ho_ground *ground = &training->ground;
    const ho_layout *layout = &training->layout;
    const bool penalty = loaded->plugin.kind == HO_PENALTY, dynamics = loaded->plugin.kind == HO_DYNAMICS;
    const bool whole = dynamics && loaded->calls.dynamics.granularity == HO_WHOLE;
    ho_sized_place *here = ho_arena_alloc(ground->arena, (layout->weight_count + 1) * sizeof *here);
    size_t count = 0;
    if (penalty && check_patterns(training, owner, error))
        return error->status;
    for (size_t i = 0; i < layout->weight_count; i++)
        if (penalty ? ho_term_covers(owner->term, &layout->weights[i]) : dynamics && !whole)
            here[count++] =
                (ho_sized_place){layout->weights[i].name, ho_sizes_here(ground, 0, &layout->weights[i].shape, NULL)};
    const ho_used_target *target = loaded->plugin.kind == HO_LOSS ? &training->data.targets.used[owner->target] : NULL;
    const int64_t tensors = (int64_t)(whole ? layout->weight_count : count);
    if (count == 0)
        here[count++] = (ho_sized_place){.sizes = ho_sizes_here(ground, 0, NULL, target)};
    const ho_places places = {here, count, tensors, whole ? layout->size : 0};
    return ho_hypers_declare(&training->hypers, owner, &places, error);
}

/* ---- assembly ---------------------------------------------------------------------------------------------------- */

static ho_status make_objective(ho_training *training, ho_error *error)
{
    ho_ground *ground = &training->ground;
    const ho_layout *layout = &training->layout;
    size_t count;
    const ho_owner *terms = ho_objective_terms(training, &count);
    training->objective = ho_trace_terms(training, terms, count, &training->data.training);
    terms = ho_validation_terms(training, &count);
    training->validation_error = ho_trace_terms(training, terms, count, &training->data.validation);
    if (ho_ground_traced(ground, error))
        return error->status;
    ho_node *gradients = ho_alloc(layout->weight_count * sizeof *gradients);
    ho_gradient(ground->graph, training->objective, layout->nodes, gradients, layout->weight_count);
    if (!ground->traced.status)
        training->gradient = ho_flatten(layout, gradients);
    free(gradients);
    return ho_ground_traced(ground, error);
}

static ho_status assemble(ho_training *training, ho_error *error)
{
    ho_ground *ground = &training->ground;
    const ho_problem *p = ground->problem;
    if (check_problem(p, error) || add_owners(training, error) ||
        ho_targets_resolve(&training->data, training->owners + HO_TERM_OWNERS, training->owner_count - HO_TERM_OWNERS,
                           p->validation_count, error))
        return error->status;
    ho_hypers_open(&training->hypers, ground, training->owners, training->owner_count);
    if (declare_hypers(training, &training->owners[HO_MODEL_OWNER], error) || ho_trace_weights(training, error))
        return error->status;
    for (size_t i = HO_DYNAMICS_OWNER; i < training->owner_count; i++)
        if (declare_hypers(training, &training->owners[i], error))
            return error->status;
    ho_layout_finish(&training->layout, p->dynamics->loaded);
    training->t_leaf = ho_leaf(ground, "t", NULL, ho_scalar_shape(), &training->t);
    if (ho_hypers_finish(&training->hypers, error) || ho_feeds_make(&training->data, ho_weighted_term(p), error) ||
        make_objective(training, error))
        return error->status;
    ho_meter_open(&training->meter, &training->layout, &training->hypers);
    const size_t segments = training->layout.segments;
    training->initial = ho_arena_alloc(ground->arena, segments * sizeof *training->initial);
    training->restart = ho_arena_alloc(ground->arena, segments * sizeof *training->restart);
    training->step = ho_arena_alloc(ground->arena, segments * sizeof *training->step);
    ho_trace_initial(training);
    if (ho_ground_traced(ground, error))
        return error->status;
    ho_trace_step(training);
    if (ho_ground_traced(ground, error) || ho_graph_verify(ground->graph, training->initial, segments, error) ||
        ho_graph_verify(ground->graph, training->step, segments, error))
        return error->status;
    return ho_graph_verify(ground->graph, &training->validation_error, 1, error);
}

ho_training *ho_training_new(const ho_problem *problem, ho_error *error)
{
    ho_training *training = ho_alloc(sizeof *training);
    ho_error own = {0};
    training->system.api = &ho_training_calls;
    ho_ground_open(&training->ground, problem);
    training->layout.ground = training->data.ground = &training->ground;
    if (assemble(training, &own) == HO_OK)
        return training;
    ho_fail_as(error, &own);
    ho_training_free(training);
    return NULL;
}

void ho_training_free(ho_training *training)
{
    if (!training)
        return;
    for (ho_program *program = training->programs; program; program = program->next)
        ho_program_free(program);
    for (int32_t kind = 0; kind <= HO_TELL_CHOICE; kind++)
        free(training->told[kind]);
    ho_vector_release(training->spare);
    ho_vector_release(training->start);
    ho_meter_close(&training->meter);
    ho_layout_free(&training->layout);
    ho_ground_close(&training->ground);
    free(training);
}

/* ---- accessors --------------------------------------------------------------------------------------------------- */

ho_system *ho_training_system(ho_training *training)
{
    return &training->system;
}

ho_error *ho_training_error(ho_training *training)
{
    return &training->ground.error;
}

ho_status ho_take_error(ho_training *training, ho_status status, const char *who, ho_error *error)
{
    ho_error *recorded = ho_training_error(training);
    if (recorded->status != HO_OK)
        status = ho_fail_as(error, recorded);
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

void ho_training_see_through(ho_training *training, bool through)
{
    training->through = through;
}

bool ho_training_repeats(const ho_training *training)
{
    const ho_data_stream *stream = training->ground.problem->stream;
    return !stream || !ho_stream_only_onward(stream);
}

void ho_training_branches(ho_training *training, uint64_t *fingerprint)
{
    training->branches = fingerprint;
}

void ho_training_draw_validation(ho_training *training, int64_t draw)
{
    ho_validation_load(&training->data, draw);
}

ho_status ho_training_project(ho_training *training, double *lambda, ho_error *error)
{
    return ho_hypers_project(&training->hypers, lambda, error);
}

void ho_training_free_gradient(const ho_training *training, double *gradient)
{
    ho_hypers_project_gradient(&training->hypers, gradient);
}

void ho_training_weight_get(const ho_training *training, const ho_vector *state, size_t index, double *values)
{
    const ho_weight_tensor *weight = &training->layout.weights[index];
    const char *w = state->segments[0];
    ho_numbers_get(&training->ground, w + (size_t)weight->offset * ho_number_size(&training->ground), weight->count,
                   values);
}

bool ho_training_finite(const ho_training *training, const ho_vector *state)
{
    const int64_t count = state->columns * training->layout.size;
    for (size_t i = 0; i < training->layout.segments; i++)
        if (ho_numbers_bad(&training->ground, state->segments[i], count) < count)
            return false;
    return true;
}

void ho_training_random(const ho_training *training, const ho_vector *sizes, ho_vector *vector, uint64_t stream)
{
    const int64_t count = vector->columns * training->layout.size;
    const uint64_t all = ho_stream("random vectors") + stream;
    uint64_t draws = 0;
    for (size_t i = 0; i < training->layout.segments; i++)
        for (int64_t j = 0; j < count; j++) {
            const size_t at = (size_t)j * ho_number_size(&training->ground);
            double value = ho_normal_number(training->ground.problem->seed, all, draws++), size = 1;
            if (sizes)
                ho_numbers_get(&training->ground, (const char *)sizes->segments[i] + at, 1, &size);
            value *= size;
            ho_numbers_put(&training->ground, &value, 1, (char *)vector->segments[i] + at);
        }
}

void ho_training_examine(ho_training *training, bool on)
{
    training->examine = on;
}

char *ho_training_told(ho_training *training, int32_t kind)
{
    char *told = training->told[kind];
    training->told[kind] = NULL;
    return told;
}

static void pass_told(char **told, ho_snapshot *snapshot)
{
    ho_arena *arena = ho_arena_new();
    const char *text = *told;
    ho_snapshot_text(snapshot, &text, arena);
    if (snapshot->restoring) {
        free(*told);
        *told = text ? ho_strdup(text) : NULL;
    }
    ho_arena_free(arena);
}

ho_status ho_training_pass(ho_training *training, ho_snapshot *snapshot, ho_error *error)
{
    bool starts = training->start != NULL;
    HO_SNAPSHOT(snapshot, training->evaluations);
    HO_SNAPSHOT(snapshot, training->taken);
    for (size_t i = 0; i < sizeof training->told / sizeof *training->told; i++)
        pass_told(&training->told[i], snapshot);
    HO_SNAPSHOT(snapshot, starts);
    if (starts && !training->start)
        training->start = ho_vector_make(&training->layout, 1, error);
    if (starts && !training->start)
        return error->status;
    if (starts)
        ho_vector_pass(training->start, snapshot);
    return ho_meter_pass(&training->meter, snapshot, error);
}

void ho_training_pass_vector(ho_training *training, ho_vector *vector, ho_snapshot *snapshot)
{
    (void)training;
    ho_vector_pass(vector, snapshot);
}

const ho_digits *ho_training_digits(const ho_training *training)
{
    return &training->meter.digits;
}

const ho_hyperparameter *ho_training_hypers(const ho_training *training, size_t *count)
{
    *count = training->hypers.count;
    return training->hypers.all;
}

void ho_training_restrict_directions(ho_training *training, const double *directions, int64_t count)
{
    training->hypers.restricted = directions;
    training->hypers.restricted_count = count;
}

int64_t ho_training_lambda_size(const ho_training *training)
{
    return training->hypers.size;
}

void ho_training_lambda_initial(const ho_training *training, double *lambda)
{
    memcpy(lambda, training->hypers.initial, (size_t)training->hypers.size * sizeof *lambda);
}

const ho_weight_tensor *ho_training_weights(const ho_training *training, size_t *count)
{
    *count = training->layout.weight_count;
    return training->layout.weights;
}

ho_status ho_training_dump(ho_training *training, const char *what, bool dot, FILE *out, ho_error *error)
{
    const ho_node *nodes = NULL;
    size_t count = training->layout.segments;
    if (!strcmp(what, "step")) {
        nodes = training->step;
    } else if (!strcmp(what, "initial")) {
        nodes = training->initial;
    } else if (!strcmp(what, "error")) {
        nodes = &training->validation_error;
        count = 1;
    } else {
        return ho_fail(error, HO_INVALID, "there is no graph \"%s\"; choose step, error or initial", what);
    }
    (dot ? ho_graph_dot : ho_graph_dump)(training->ground.graph, nodes, NULL, count, out);
    return HO_OK;
}

int64_t ho_training_taken(const ho_training *training)
{
    return training->taken;
}

int64_t ho_training_evaluations(const ho_training *training)
{
    return training->evaluations;
}

int64_t ho_training_state_bytes(const ho_training *training)
{
    return (int64_t)(training->layout.segments * (size_t)training->layout.size * ho_number_size(&training->ground));
}
