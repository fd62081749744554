/* The calls that modes make. Whatever a mode gets wrong ends as a message, not as a crash. */
#include "system/costs.h"
#include "system/perform.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static ho_training *of(ho_system *s)
{
    return (ho_training *)(void *)s;
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

static ho_status call_initial(ho_system *s, const double *lambda, ho_vector *state)
{
    return ho_perform(of(s), HO_CALL_INITIAL, &(ho_call){.lambda = lambda, .next = state});
}

static ho_status call_initial_jvp(ho_system *s, const double *lambda, int64_t columns, const double *d, ho_vector *out)
{
    const ho_call c = {.columns = columns, .lambda = lambda, .d = d, .out = out};
    return ho_perform(of(s), HO_CALL_INITIAL_JVP, &c);
}

static ho_status call_initial_vjp(ho_system *s, const double *lambda, const ho_vector *a, double *gradient)
{
    return ho_perform(of(s), HO_CALL_INITIAL_VJP, &(ho_call){.lambda = lambda, .seed = a, .gradient = gradient});
}

static ho_status call_step(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next)
{
    return ho_perform(of(s), HO_CALL_STEP, &(ho_call){.t = t, .lambda = lambda, .state = state, .next = next});
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
    ho_call c = {.t = t, .columns = columns, .lambda = lambda, .state = state, .seed = z, .d = d, .out = out};
    c.next = next ? next : spare(training);
    return ho_perform(training, HO_CALL_JVP, &c);
}

static ho_status call_vjp(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, const ho_vector *a,
                          ho_vector *out, double *gradient)
{
    const ho_call c = {.t = t, .lambda = lambda, .state = state, .seed = a, .out = out, .gradient = gradient};
    return ho_perform(of(s), HO_CALL_VJP, &c);
}

static ho_status call_linearize(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                                ho_residuals *residuals)
{
    const ho_call c = {.t = t, .lambda = lambda, .state = state, .next = next, .residuals = residuals};
    return ho_perform(of(s), HO_CALL_LINEARIZE, &c);
}

static ho_status call_residual_step(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                                    const ho_vector *state, ho_vector *next)
{
    const ho_call c = {.t = t, .lambda = lambda, .state = state, .next = next, .residuals = residuals};
    return ho_perform(of(s), HO_CALL_RESIDUAL_STEP, &c);
}

static ho_status call_residual_jvp(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                                   const ho_vector *state, int64_t columns, const ho_vector *z, const double *d,
                                   ho_vector *out)
{
    ho_call c = {.t = t, .columns = columns, .lambda = lambda, .state = state, .seed = z, .d = d, .out = out};
    c.next = spare(of(s));
    c.residuals = residuals;
    return ho_perform(of(s), HO_CALL_RESIDUAL_JVP, &c);
}

static ho_status call_residual_vjp(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                                   const ho_vector *state, const ho_vector *a, ho_vector *out, double *gradient)
{
    ho_call c = {.t = t, .lambda = lambda, .state = state, .seed = a, .out = out, .gradient = gradient};
    c.residuals = residuals;
    return ho_perform(of(s), HO_CALL_RESIDUAL_VJP, &c);
}

static ho_status call_error(ho_system *s, const double *lambda, const ho_vector *state, double *value)
{
    return ho_perform(of(s), HO_CALL_ERROR, &(ho_call){.lambda = lambda, .state = state, .value = value});
}

static ho_status call_error_gradient(ho_system *s, const double *lambda, const ho_vector *state, double *value,
                                     ho_vector *by_state, double *gradient)
{
    const ho_call c = {.lambda = lambda, .state = state, .value = value, .out = by_state, .gradient = gradient};
    return ho_perform(of(s), HO_CALL_ERROR_GRADIENT, &c);
}

ho_status ho_training_start_from(ho_training *training, const double *lambda, const ho_vector *state)
{
    if (!training->start)
        training->start = ho_vector_make(&training->layout, 1, &training->ground.error);
    const ho_call c = {.lambda = lambda, .state = state, .next = training->start};
    return training->start ? ho_perform(training, HO_CALL_RESTART, &c) : training->ground.error.status;
}

ho_status ho_training_objective(ho_training *training, const double *lambda, const ho_vector *state, double *value)
{
    return ho_perform(training, HO_CALL_OBJECTIVE, &(ho_call){.lambda = lambda, .state = state, .value = value});
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
        ho_refuse(of(s), "direction: there is no direction %" PRId64 " in 0..%" PRId64, i, count - 1);
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
    ho_refuse(training, "vector_new: %" PRId64 " columns, expected at least 1", columns);
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
        ho_refuse(of(s), "dot: result is missing");
    else if (fits(s, "dot", "a", a, 1) && fits(s, "dot", "b", b, 0))
        ho_vector_dot(a, b, result);
}

static void call_norms(ho_system *s, const ho_vector *v, double *result)
{
    if (!result)
        ho_refuse(of(s), "norms: result is missing");
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
    return ho_poll_interrupt(of(s));
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
