/* The calls that modes make. Whatever a mode gets wrong ends as a message, not as a crash. */
#include "system/costs.h"
#include "system/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static ho_training *of(ho_system *s)
{
    return (ho_training *)(void *)s;
}

#define refuse(training, ...) ho_fail(&(training)->ground.error, HO_FAILED, __VA_ARGS__)

static ho_status poll_interrupt(ho_training *training)
{
    if (training->interrupt && *training->interrupt && !training->through)
        return ho_fail(&training->ground.error, HO_INTERRUPTED, "interrupted");
    return HO_OK;
}

/* ---- a call, and what it hands over ------------------------------------------------------------------------------ */

/* What a call computes, and what messages name the vectors that it hands over; NULL: none. */
typedef struct form {
    const char *name;
    ho_map map;
    ho_how how;
    ho_way way;
    const char *state, *seed; /* where; tangents, or a cotangent */
    const char *next, *out;   /* the map's result; its tangents, or the cotangent of the state */
} form;

enum {
    INITIAL,
    INITIAL_JVP,
    INITIAL_VJP,
    RESTART,
    STEP,
    JVP,
    VJP,
    LINEARIZE,
    RESIDUAL_STEP,
    RESIDUAL_JVP,
    RESIDUAL_VJP,
    ERROR,
    ERROR_GRADIENT,
    OBJECTIVE
};

#define STATE "the state"
static const form forms[] = {
    [INITIAL] = {"initial", HO_INITIAL, HO_VALUE, .next = STATE},
    [INITIAL_JVP] = {"initial_jvp", HO_INITIAL, HO_JVP, .out = "out"},
    [INITIAL_VJP] = {"initial_vjp", HO_INITIAL, HO_VJP, .seed = "a"},
    [RESTART] = {"restart", HO_RESTART, HO_VALUE, .state = STATE, .next = "next"},
    [STEP] = {"step", HO_STEP, HO_VALUE, .state = STATE, .next = "next"},
    [JVP] = {"jvp", HO_STEP, HO_JVP, .state = STATE, .seed = "z", .next = "next", .out = "out"},
    [VJP] = {"vjp", HO_STEP, HO_VJP, .state = STATE, .seed = "a", .out = "out"},
    [LINEARIZE] = {"linearize", HO_STEP, HO_VALUE, HO_KEEPING, .state = STATE, .next = "next"},
    [RESIDUAL_STEP] = {"residual_step", HO_STEP, HO_VALUE, HO_KEPT, .state = STATE, .next = "next"},
    [RESIDUAL_JVP] = {"residual_jvp", HO_STEP, HO_JVP, HO_KEPT, .state = STATE, .seed = "z", .out = "out"},
    [RESIDUAL_VJP] = {"residual_vjp", HO_STEP, HO_VJP, HO_KEPT, .state = STATE, .seed = "a", .out = "out"},
    [ERROR] = {"error", HO_ERROR, HO_VALUE, .state = STATE},
    [ERROR_GRADIENT] = {"error_gradient", HO_ERROR, HO_VJP, .state = STATE, .out = "by_state"},
    [OBJECTIVE] = {"objective", HO_OBJECTIVE, HO_VALUE, .state = STATE},
};

typedef struct call {
    int64_t t, columns;
    const double *lambda;
    const ho_vector *state, *seed;
    const double *d; /* directions of tangents */
    double *value;
    ho_vector *next, *out;
    double *gradient;
    ho_residuals *residuals; /* unless the way is plain */
} call;

/* Arrays are there, vectors are of this training and wide enough, and no result is given twice or as an input too. */
static ho_status check(ho_training *training, const form *f, const call *c)
{
    const bool jvp = f->how == HO_JVP, tuned = training->hypers.size > 0;
    const int64_t columns = jvp ? c->columns : 1, steps = training->ground.problem->steps;
    const char *missing = tuned && !c->lambda                         ? "lambda"
                          : tuned && jvp && !c->d                     ? "d"
                          : f->map >= HO_ERROR && !c->value           ? "value"
                          : tuned && f->how == HO_VJP && !c->gradient ? "gradient"
                                                                      : NULL;
    const struct {
        const char *what; /* NULL: not handed over */
        const ho_vector *vector;
        int64_t columns;
    } vectors[] = {
        {f->state, c->state, 1}, {f->seed, c->seed, columns}, {f->next, c->next, 1}, {f->out, c->out, columns}};
    if (columns < 1)
        return refuse(training, "%s: %" PRId64 " columns, expected at least 1", f->name, c->columns);
    if (missing)
        return refuse(training, "%s: %s is missing", f->name, missing);
    for (size_t i = 0; i < 4; i++) {
        if (!vectors[i].what)
            continue;
        if (ho_vector_check(&training->layout, f->name, vectors[i].what, vectors[i].vector, vectors[i].columns))
            return training->ground.error.status;
        for (size_t j = 0; i >= 2 && j < i; j++) /* the results stand last */
            if (vectors[j].what && vectors[j].vector == vectors[i].vector)
                return refuse(training, "%s: the same vector is given as input and as result", f->name);
    }
    if (f->way != HO_PLAIN && ho_residuals_check(training, f->name, c->residuals))
        return training->ground.error.status;
    if (f->way == HO_KEPT && ho_residuals_recognise(training, f->name, c->residuals, c->t, c->lambda, c->state))
        return training->ground.error.status;
    if (f->map == HO_STEP && (c->t < 1 || (steps > 0 && c->t > steps)))
        return refuse(training, "%s: there is no step %" PRId64 " in 1..%" PRId64, f->name, c->t, steps);
    return HO_OK;
}

/* The step whose entry of a schedule counts: the initial state is that of the first, and what is not of a step has
 * none, or that of the last. */
static int64_t step_of(const ho_training *training, const form *f, const call *c)
{
    return f->map == HO_STEP ? c->t : f->map == HO_INITIAL ? 1 : training->ground.problem->steps;
}

/* Points the leaves at what the call hands over. */
static ho_status bind_leaves(ho_training *training, const form *f, const call *c, const ho_program *program)
{
    const ho_seeds *seeds = program->seeds;
    if (f->map == HO_STEP) {
        const bool again = f->way == HO_KEPT && f->how == HO_VALUE;
        training->evaluations += again ? 0 : f->how == HO_VALUE ? 1 : f->how == HO_JVP ? 1 + 2 * c->columns : 1 + 2;
        training->taken += f->how != HO_JVP || c->next; /* further tangents of a step come without it */
        training->t = (double)c->t;
        if (program->reads_batch && ho_batch_load(&training->data, c->t, &training->ground.error))
            return training->ground.error.status;
    }
    const int64_t t = step_of(training, f, c);
    ho_hypers_bind(&training->hypers, c->lambda, t);
    if (c->state)
        ho_vector_bind(c->state, training->layout.leaves);
    if (c->seed)
        ho_vector_bind(c->seed, seeds->segments);
    /* Column j of d, for each tuned hyperparameter, into the leading axis of its tangent. */
    for (size_t i = 0; c->d && i < training->hypers.tuned_count; i++) {
        const ho_hyperparameter *h = ho_tuned_hyper(&training->hypers, i);
        const int64_t at = h->offset + ho_hyper_part_at(h, t), count = ho_hyper_part_count(h);
        for (int64_t j = 0; j < c->columns; j++)
            ho_numbers_put(&training->ground, c->d + j * training->hypers.size + at, count,
                           (char *)seeds->tangents[i] + (size_t)(j * count) * ho_number_size(&training->ground));
    }
    return HO_OK;
}

/* Points the program's outputs at where the call wants them: value, next, out, hyperparameters, residuals. */
static void bind_outputs(const ho_training *training, const call *c, ho_program *program)
{
    const bool gives_next = c->next && !(program->way == HO_KEPT && program->how == HO_JVP);
    void **out = program->out;
    if (c->value)
        *out++ = c->value;
    for (size_t i = 0; gives_next && i < training->layout.segments; i++)
        *out++ = c->next->segments[i];
    for (size_t i = 0; c->out && i < training->layout.segments; i++)
        *out++ = c->out->segments[i];
    for (size_t i = 0; c->gradient && i < training->hypers.tuned_count; i++)
        *out++ = training->hypers.tuned[i].cotangent;
    for (size_t i = 0; c->residuals && program->way == HO_KEEPING && i < training->keeping.count; i++)
        *out++ = c->residuals->memory + training->keeping.offsets[i];
}

/* Adds the branches of what has just run to the fingerprint. The leaves are still bound. */
static ho_status note_branches(ho_training *training, ho_map map)
{
    ho_ground *ground = &training->ground;
    ho_program *program = ho_program_get(training, map, HO_BRANCHES, 0);
    if (!program)
        return ground->error.status;
    const int64_t count = ho_shape_count(&ho_graph_at(ground->graph, program->outputs[0])->shape);
    if (!program->out[0])
        program->out[0] = ho_ground_block(ground, count, ho_number_size(ground), "branches", &ground->error);
    if (!program->out[0] || ho_program_run(training, program, NULL))
        return ground->error.status;
    for (int64_t i = 0; i < count; i++) {
        double branch;
        ho_numbers_get(ground, (const char *)program->out[0] + (size_t)i * ho_number_size(ground), 1, &branch);
        *training->branches = ho_mixed(*training->branches, branch);
    }
    return HO_OK;
}

/* What the estimate of digits is made from. Every call passes here, whatever the mode does with it. */
static void measure(ho_training *training, const form *f, const call *c)
{
    if (f->how == HO_JVP)
        ho_meter_tangents(&training->meter, c->t, c->state, c->out, c->d);
    else if (f->how == HO_VJP && f->map == HO_ERROR)
        ho_meter_error(&training->meter, c->out);
    else if (f->how == HO_VJP)
        ho_meter_adjoint(&training->meter, c->t, c->state, c->seed);
}

/* Takes the shadow's step beside one of a mode, and has their distance measured. */
static ho_status step_shadow(ho_training *training, const call *c)
{
    const ho_shadow *shadow = &training->meter.shadow;
    if (shadow->stage == HO_SHADOW_RUNS && c->t == shadow->t + 1) {
        const call own = {.t = c->t, .lambda = c->lambda, .state = shadow->state, .next = shadow->next};
        const int64_t evaluations = training->evaluations;
        ho_program *program = ho_program_get(training, HO_STEP, HO_VALUE, 0);
        if (!program)
            return training->ground.error.status;
        const ho_status status = bind_leaves(training, &forms[STEP], &own, program);
        bind_outputs(training, &own, program);
        training->evaluations = evaluations;
        if (status || ho_program_run(training, program, NULL))
            return training->ground.error.status;
    }
    return ho_meter_step(&training->meter, c->t, c->next, &training->ground.error);
}

/* What the initial map is where training starts from a state: a constant. */
static ho_status start_again(ho_training *training, const form *f, const call *c)
{
    if (f->how == HO_VALUE)
        ho_vector_copy(training->start, c->next);
    else if (f->how == HO_JVP)
        ho_vector_zero(c->out);
    measure(training, f, c);
    return HO_OK;
}

static ho_status perform(ho_training *training, const form *f, const call *c)
{
    if (check(training, f, c) || (f->map == HO_STEP && poll_interrupt(training)))
        return training->ground.error.status;
    if (f->map == HO_INITIAL && training->start)
        return start_again(training, f, c);
    /* While results are examined, everything is computed from the state, so that the first bad node is found. */
    const bool plain = !c->residuals || training->examine || (f->way == HO_KEPT && !c->residuals->kept);
    const int64_t columns = f->how == HO_JVP ? c->columns : 0;
    ho_program *program = plain ? ho_program_get(training, f->map, f->how, columns)
                                : ho_program_of_step(training, f->how, f->way, columns);
    if (!program)
        return training->ground.error.status;
    if (bind_leaves(training, f, c, program))
        return training->ground.error.status;
    bind_outputs(training, c, program);
    ho_status status = ho_program_run(training, program, c->residuals);
    if (c->residuals && f->way == HO_KEEPING) {
        c->residuals->kept = !plain;
        ho_residuals_sign(training, c->residuals, c->t, c->lambda, c->state);
    }
    if (status == HO_OK)
        measure(training, f, c);
    if (status == HO_OK && c->gradient)
        ho_hypers_collect(&training->hypers, step_of(training, f, c), c->gradient);
    if (status == HO_OK && training->rescue.on && f->how == HO_VJP)
        ho_rescue_follow(training, f->map == HO_ERROR, c->out);
    if (status == HO_OK && f->how == HO_VALUE && f->way != HO_KEPT && f->map != HO_OBJECTIVE && training->branches)
        status = note_branches(training, f->map);
    if (status == HO_OK && f->map == HO_STEP && f->next && !training->examine)
        status = step_shadow(training, c);
    return status;
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

static ho_status call_initial(ho_system *s, const double *lambda, ho_vector *state)
{
    return perform(of(s), &forms[INITIAL], &(call){.lambda = lambda, .next = state});
}

static ho_status call_initial_jvp(ho_system *s, const double *lambda, int64_t columns, const double *d, ho_vector *out)
{
    const call c = {.columns = columns, .lambda = lambda, .d = d, .out = out};
    return perform(of(s), &forms[INITIAL_JVP], &c);
}

static ho_status call_initial_vjp(ho_system *s, const double *lambda, const ho_vector *a, double *gradient)
{
    return perform(of(s), &forms[INITIAL_VJP], &(call){.lambda = lambda, .seed = a, .gradient = gradient});
}

static ho_status call_step(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next)
{
    return perform(of(s), &forms[STEP], &(call){.t = t, .lambda = lambda, .state = state, .next = next});
}

/* For a next state that nobody wants. */
static ho_vector *spare(ho_training *training)
{
    if (!training->spare)
        training->spare = ho_vector_make(&training->layout, 1, &training->ground.error);
    return training->spare;
}

static ho_status call_jvp(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                          int64_t columns, const ho_vector *z, const double *d, ho_vector *out)
{
    ho_training *training = of(s);
    call c = {.t = t, .columns = columns, .lambda = lambda, .state = state, .seed = z, .d = d, .out = out};
    c.next = next ? next : spare(training);
    return perform(training, &forms[JVP], &c);
}

static ho_status call_vjp(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, const ho_vector *a,
                          ho_vector *out, double *gradient)
{
    const call c = {.t = t, .lambda = lambda, .state = state, .seed = a, .out = out, .gradient = gradient};
    return perform(of(s), &forms[VJP], &c);
}

static ho_status call_linearize(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                                ho_residuals *residuals)
{
    const call c = {.t = t, .lambda = lambda, .state = state, .next = next, .residuals = residuals};
    return perform(of(s), &forms[LINEARIZE], &c);
}

static ho_status call_residual_step(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                                    const ho_vector *state, ho_vector *next)
{
    const call c = {.t = t, .lambda = lambda, .state = state, .next = next, .residuals = residuals};
    return perform(of(s), &forms[RESIDUAL_STEP], &c);
}

static ho_status call_residual_jvp(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                                   const ho_vector *state, int64_t columns, const ho_vector *z, const double *d,
                                   ho_vector *out)
{
    call c = {.t = t, .columns = columns, .lambda = lambda, .state = state, .seed = z, .d = d, .out = out};
    c.next = spare(of(s));
    c.residuals = residuals;
    return perform(of(s), &forms[RESIDUAL_JVP], &c);
}

static ho_status call_residual_vjp(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                                   const ho_vector *state, const ho_vector *a, ho_vector *out, double *gradient)
{
    call c = {.t = t, .lambda = lambda, .state = state, .seed = a, .out = out, .gradient = gradient};
    c.residuals = residuals;
    return perform(of(s), &forms[RESIDUAL_VJP], &c);
}

static ho_status call_error(ho_system *s, const double *lambda, const ho_vector *state, double *value)
{
    return perform(of(s), &forms[ERROR], &(call){.lambda = lambda, .state = state, .value = value});
}

static ho_status call_error_gradient(ho_system *s, const double *lambda, const ho_vector *state, double *value,
                                     ho_vector *by_state, double *gradient)
{
    const call c = {.lambda = lambda, .state = state, .value = value, .out = by_state, .gradient = gradient};
    return perform(of(s), &forms[ERROR_GRADIENT], &c);
}

ho_status ho_training_start_from(ho_training *training, const double *lambda, const ho_vector *state)
{
    if (!training->start)
        training->start = ho_vector_make(&training->layout, 1, &training->ground.error);
    const call c = {.lambda = lambda, .state = state, .next = training->start};
    return training->start ? perform(training, &forms[RESTART], &c) : training->ground.error.status;
}

ho_status ho_training_objective(ho_training *training, const double *lambda, const ho_vector *state, double *value)
{
    return perform(training, &forms[OBJECTIVE], &(call){.lambda = lambda, .state = state, .value = value});
}

/* ---- sizes and vectors ------------------------------------------------------------------------------------------- */

static int64_t call_lambda_size(ho_system *s)
{
    return of(s)->hypers.size;
}

static int64_t call_steps(ho_system *s)
{
    return of(s)->ground.problem->steps;
}

static int64_t call_memory(ho_system *s)
{
    (void)s;
    return ho_memory_available();
}

static int64_t call_batch(ho_system *s)
{
    return of(s)->ground.problem->batch;
}

static int64_t call_directions(ho_system *s)
{
    const ho_hypers *hypers = &of(s)->hypers;
    return hypers->restricted ? hypers->restricted_count : hypers->directions;
}

static void call_direction(ho_system *s, int64_t i, double *lambda)
{
    const int64_t count = call_directions(s);
    if (i < 0 || i >= count || !lambda)
        refuse(of(s), "direction: there is no direction %" PRId64 " in 0..%" PRId64, i, count - 1);
    else
        ho_hypers_direction(&of(s)->hypers, i, lambda);
}

/* Whether a vector is of this training and so wide (0: any). */
static bool fits(ho_system *s, const char *name, const char *what, const ho_vector *vector, int64_t columns)
{
    return ho_vector_check(&of(s)->layout, name, what, vector, columns) == HO_OK;
}

static ho_vector *call_vector_new(ho_system *s, int64_t columns)
{
    ho_training *training = of(s);
    if (columns >= 1)
        return ho_vector_make(&training->layout, columns, &training->ground.error);
    refuse(training, "vector_new: %" PRId64 " columns, expected at least 1", columns);
    return NULL;
}

static void call_vector_free(ho_system *s, ho_vector *v)
{
    if (v && fits(s, "vector_free", "the vector", v, 0))
        ho_vector_release(v);
}

static int64_t call_vector_bytes(ho_system *s, const ho_vector *v)
{
    return fits(s, "vector_bytes", "the vector", v, 0) ? ho_vector_size(v) : 0;
}

static ho_residuals *call_residuals_new(ho_system *s)
{
    return ho_residuals_make(of(s));
}

static void call_residuals_free(ho_system *s, ho_residuals *residuals)
{
    if (residuals && ho_residuals_check(of(s), "residuals_free", residuals) == HO_OK)
        ho_residuals_release(of(s), residuals);
}

static int64_t call_residuals_bytes(ho_system *s)
{
    const ho_keeping *keeping = ho_keeping_get(of(s));
    return keeping ? (int64_t)keeping->bytes : 0;
}

static void call_zero(ho_system *s, ho_vector *v)
{
    if (fits(s, "zero", "the vector", v, 0))
        ho_vector_zero(v);
}

static void call_copy(ho_system *s, const ho_vector *from, ho_vector *to)
{
    if (fits(s, "copy", "from", from, 0) && fits(s, "copy", "to", to, from->columns))
        ho_vector_copy(from, to);
}

static void call_axpby(ho_system *s, double a, const ho_vector *x, double b, ho_vector *y)
{
    if (fits(s, "axpby", "x", x, 0) && fits(s, "axpby", "y", y, x->columns))
        ho_vector_axpby(a, x, b, y);
}

static void call_dot(ho_system *s, const ho_vector *a, const ho_vector *b, double *result)
{
    if (!result)
        refuse(of(s), "dot: result is missing");
    else if (fits(s, "dot", "a", a, 1) && fits(s, "dot", "b", b, 0))
        ho_vector_dot(a, b, result);
}

static void call_norms(ho_system *s, const ho_vector *v, double *result)
{
    if (!result)
        refuse(of(s), "norms: result is missing");
    else if (fits(s, "norms", "v", v, 0))
        ho_vector_norms(v, result);
}

/* ---- services ---------------------------------------------------------------------------------------------------- */

static void *call_alloc(ho_system *s, uint64_t bytes)
{
    return ho_large_alloc(bytes ? bytes : 1, 1, "a mode's memory", &of(s)->ground.error);
}

static void call_free_memory(ho_system *s, void *memory)
{
    (void)s;
    ho_large_free(memory);
}

static ho_status call_fail(ho_system *s, const char *file, int32_t line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ho_status status = ho_fail_v(&of(s)->ground.error, HO_FAILED, (ho_place){file, line, 0}, format, args);
    va_end(args);
    return status;
}

/* Made without a pipeline, the mode's own source is the only place there is. */
static ho_status call_fail_at(ho_system *s, const char *file, int32_t line, const char *at, const char *format, ...)
{
    const ho_instance *mode = of(s)->mode;
    const ho_tree *written = mode ? ho_instance_written(mode, at) : NULL;
    ho_place place = written ? ho_tree_character(written, (size_t)(at - written->text))
                     : mode  ? mode->place
                             : (ho_place){0};
    if (!place.file)
        place = (ho_place){file, line, 0};
    va_list args;
    va_start(args, format);
    char *text = ho_format_args(format, args);
    va_end(args);
    const ho_status status = ho_fail_at(&of(s)->ground.error, HO_INVALID, place, "mode \"%s\": %s",
                                        mode ? mode->loaded->plugin.name : "", text);
    free(text);
    return status;
}

static void call_tell(ho_system *s, int32_t kind, const char *format, ...)
{
    char text[512], **told = &of(s)->told[kind == HO_TELL_WARNING || kind == HO_TELL_CHOICE ? kind : HO_TELL_NOTE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    free(*told);
    *told = ho_strdup(text);
}

static ho_status call_poll(ho_system *s)
{
    return poll_interrupt(of(s));
}

static void call_rest(ho_system *s)
{
    ho_training *training = of(s);
    if (training->rest)
        training->rest(training->rest_context);
}

static const char *call_hyperparameter(ho_system *s, int64_t i, int64_t *first, int64_t *count)
{
    const ho_hypers *hypers = &of(s)->hypers;
    if (i < 0 || i >= (int64_t)hypers->tuned_count)
        return NULL;
    const ho_hyperparameter *h = ho_tuned_hyper(hypers, (size_t)i);
    *first = h->offset;
    *count = h->count;
    return h->name;
}

static const ho_mode_costs *call_costs(ho_system *s)
{
    ho_training *training = of(s);
    ho_error own = {0};
    if (ho_costs_count(training, &training->costs, &own) == HO_OK)
        return &training->costs;
    ho_fail_as(&training->ground.error, &own);
    return NULL;
}

static int32_t call_restoring(ho_system *s, const ho_snapshot *snapshot)
{
    (void)s;
    return snapshot->restoring;
}

static void call_pass(ho_system *s, ho_snapshot *snapshot, void *value, uint64_t bytes)
{
    (void)s;
    ho_snapshot_pass(snapshot, value, bytes);
}

static void call_pass_vector(ho_system *s, ho_snapshot *snapshot, ho_vector *v)
{
    if (ho_vector_check(&of(s)->layout, "pass_vector", "the vector", v, 0) == HO_OK)
        ho_vector_pass(v, snapshot);
}

const ho_system_api ho_training_calls = {
    .struct_size = (uint32_t)sizeof(ho_system_api),
    .lambda_size = call_lambda_size,
    .directions = call_directions,
    .direction = call_direction,
    .vector_new = call_vector_new,
    .vector_free = call_vector_free,
    .vector_bytes = call_vector_bytes,
    .copy = call_copy,
    .axpby = call_axpby,
    .dot = call_dot,
    .initial = call_initial,
    .initial_jvp = call_initial_jvp,
    .initial_vjp = call_initial_vjp,
    .step = call_step,
    .jvp = call_jvp,
    .vjp = call_vjp,
    .error = call_error,
    .error_gradient = call_error_gradient,
    .alloc = call_alloc,
    .free_memory = call_free_memory,
    .fail = call_fail,
    .poll = call_poll,
    .norms = call_norms,
    .steps = call_steps,
    .zero = call_zero,
    .residuals_new = call_residuals_new,
    .residuals_free = call_residuals_free,
    .residuals_bytes = call_residuals_bytes,
    .linearize = call_linearize,
    .residual_step = call_residual_step,
    .residual_jvp = call_residual_jvp,
    .residual_vjp = call_residual_vjp,
    .memory = call_memory,
    .batch = call_batch,
    .tell = call_tell,
    .restoring = call_restoring,
    .pass = call_pass,
    .pass_vector = call_pass_vector,
    .hyperparameter = call_hyperparameter,
    .costs = call_costs,
    .rest = call_rest,
    .fail_at = call_fail_at,
};
