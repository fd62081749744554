/* The calls that modes make. Whatever a mode gets wrong ends as a message, not as a crash. */
#include "system/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static ho_training *of(ho_system *s)
{
    return (ho_training *)(void *)s;
}

ho_status ho_vector_check(ho_training *training, const char *call, const char *what, const ho_vector *vector,
                          int64_t columns)
{
    if (!vector)
        return ho_fail(&training->error, HO_FAILED, "%s: %s is missing", call, what);
    if (vector->owner != training)
        return ho_fail(&training->error, HO_FAILED, "%s: %s belongs to another training", call, what);
    if (columns && vector->columns != columns)
        return ho_fail(&training->error, HO_FAILED, "%s: %s has %" PRId64 " columns, expected %" PRId64, call, what,
                       vector->columns, columns);
    return HO_OK;
}

static ho_status check_array(ho_training *training, const char *call, const char *what, const void *array)
{
    if (!array && training->lambda_size > 0)
        return ho_fail(&training->error, HO_FAILED, "%s: %s is missing", call, what);
    return HO_OK;
}

static ho_status check_distinct(ho_training *training, const char *call, const ho_vector *a, const ho_vector *b)
{
    if (a == b)
        return ho_fail(&training->error, HO_FAILED, "%s: the same vector is given as input and as result", call);
    return HO_OK;
}

static ho_status check_columns(ho_training *training, const char *call, int64_t columns)
{
    if (columns < 1)
        return ho_fail(&training->error, HO_FAILED, "%s: %" PRId64 " columns; at least 1 is due", call, columns);
    return HO_OK;
}

static ho_status poll_interrupt(ho_training *training)
{
    if (training->interrupt && *training->interrupt)
        return ho_fail(&training->error, HO_INTERRUPTED, "interrupted");
    return HO_OK;
}

/* ---- binding ----------------------------------------------------------------------------------------------------- */

void ho_state_bind(ho_training *training, const ho_vector *state)
{
    for (size_t i = 0; i < training->segments; i++)
        training->leaves[training->segment_leaves[i]].data = state->segments[i];
}

static void bind_seeds(ho_training *training, const ho_seeds *seeds, const ho_vector *vector)
{
    for (size_t i = 0; i < training->segments; i++)
        training->leaves[seeds->segments[i]].data = vector->segments[i];
}

/* Column j of d, for each tuned hyperparameter, into the leading axis of its tangent. */
static void bind_directions(ho_training *training, const ho_seeds *seeds, const double *d)
{
    for (size_t i = 0; i < training->tuned_count; i++) {
        const ho_hyperparameter *h = &training->hypers[training->tuned[i]];
        for (int64_t j = 0; j < seeds->columns; j++)
            ho_numbers_put(training, d + j * training->lambda_size + h->offset, h->count,
                           (char *)seeds->tangents[i] + (size_t)(j * h->count) * ho_number_size(training));
    }
}

static void bind_out(ho_program *program, size_t first, ho_training *training, ho_vector *vector)
{
    for (size_t i = 0; i < training->segments; i++)
        program->out[first + i] = vector->segments[i];
}

static void bind_out_hypers(ho_program *program, size_t first, ho_training *training)
{
    for (size_t i = 0; i < training->tuned_count; i++)
        program->out[first + i] = training->tuned_cotangents[i];
}

/* gradient += what the program left in the cotangents' buffers. */
static void collect(const ho_training *training, double *gradient)
{
    for (size_t i = 0; i < training->tuned_count; i++) {
        const ho_hyperparameter *h = &training->hypers[training->tuned[i]];
        const void *from = training->tuned_cotangents[i];
        bool wide = h->rank == 0 || training->problem->precision == HO_F64;
        for (int64_t j = 0; j < h->count; j++)
            gradient[h->offset + j] += wide ? ((const double *)from)[j] : (double)((const float *)from)[j];
    }
}

/* What step, jvp and vjp have in common: checks, cost, batch, t, lambda and state. */
static ho_status begin_step(ho_training *training, const char *call, int64_t t, const double *lambda,
                            const ho_vector *state, int64_t evaluations)
{
    int64_t steps = training->problem->steps;
    if (t < 1 || (steps > 0 && t > steps))
        return ho_fail(&training->error, HO_FAILED, "%s: there is no step %" PRId64 " in 1..%" PRId64, call, t, steps);
    if (check_array(training, call, "lambda", lambda) || ho_vector_check(training, call, "the state", state, 1) ||
        poll_interrupt(training))
        return training->error.status;
    training->evaluations += evaluations;
    training->t = (double)t;
    ho_batch_load(training, t);
    ho_hypers_bind(training, lambda);
    ho_state_bind(training, state);
    return HO_OK;
}

/* ---- sizes and vectors ------------------------------------------------------------------------------------------- */

static int64_t call_lambda_size(ho_system *s)
{
    return of(s)->lambda_size;
}

static int64_t call_directions(ho_system *s)
{
    const ho_training *training = of(s);
    return training->restricted ? training->restricted_count : training->directions;
}

static void call_direction(ho_system *s, int64_t i, double *lambda)
{
    ho_training *training = of(s);
    int64_t count = call_directions(s);
    size_t size = (size_t)training->lambda_size;
    if (i < 0 || i >= count || !lambda)
        ho_fail(&training->error, HO_FAILED, "direction: there is no direction %" PRId64 " in 0..%" PRId64, i,
                count - 1);
    else if (training->restricted)
        memcpy(lambda, training->restricted + (size_t)i * size, size * sizeof *lambda);
    else
        ho_direction(training, i, lambda);
}

static ho_vector *call_vector_new(ho_system *s, int64_t columns)
{
    ho_training *training = of(s);
    return check_columns(training, "vector_new", columns) ? NULL : ho_vector_make(training, columns, &training->error);
}

static void call_vector_free(ho_system *s, ho_vector *v)
{
    if (v && ho_vector_check(of(s), "vector_free", "the vector", v, 0) == HO_OK)
        ho_vector_release(v);
}

static int64_t call_vector_bytes(ho_system *s, const ho_vector *v)
{
    return ho_vector_check(of(s), "vector_bytes", "the vector", v, 0) ? 0 : ho_vector_size(of(s), v);
}

static void call_copy(ho_system *s, const ho_vector *from, ho_vector *to)
{
    if (!ho_vector_check(of(s), "copy", "from", from, 0) && !ho_vector_check(of(s), "copy", "to", to, from->columns))
        ho_vector_copy(of(s), from, to);
}

static void call_axpby(ho_system *s, double a, const ho_vector *x, double b, ho_vector *y)
{
    if (!ho_vector_check(of(s), "axpby", "x", x, 0) && !ho_vector_check(of(s), "axpby", "y", y, x->columns))
        ho_vector_axpby(of(s), a, x, b, y);
}

static void call_dot(ho_system *s, const ho_vector *a, const ho_vector *b, double *result)
{
    if (!result)
        ho_fail(&of(s)->error, HO_FAILED, "dot: result is missing");
    else if (!ho_vector_check(of(s), "dot", "a", a, 1) && !ho_vector_check(of(s), "dot", "b", b, 0))
        ho_vector_dot(of(s), a, b, result);
}

static void call_norms(ho_system *s, const ho_vector *v, double *result)
{
    if (!result)
        ho_fail(&of(s)->error, HO_FAILED, "norms: result is missing");
    else if (!ho_vector_check(of(s), "norms", "v", v, 0))
        ho_vector_norms(of(s), v, result);
}

/* ---- the initial map --------------------------------------------------------------------------------------------- */

static ho_status call_initial(ho_system *s, const double *lambda, ho_vector *state)
{
    ho_training *training = of(s);
    const char *call = "initial";
    if (check_array(training, call, "lambda", lambda) || ho_vector_check(training, call, "the state", state, 1))
        return training->error.status;
    ho_program *program = ho_program_get(training, HO_INITIAL, 0);
    if (!program)
        return training->error.status;
    ho_hypers_bind(training, lambda);
    bind_out(program, 0, training, state);
    const ho_status status = ho_program_run(training, program);
    return status == HO_OK ? ho_branches_note(training, HO_INITIAL_BRANCHES) : status;
}

static ho_status call_initial_jvp(ho_system *s, const double *lambda, int64_t columns, const double *d, ho_vector *out)
{
    ho_training *training = of(s);
    const char *call = "initial_jvp";
    if (check_columns(training, call, columns) || check_array(training, call, "lambda", lambda) ||
        check_array(training, call, "d", d) || ho_vector_check(training, call, "out", out, columns))
        return training->error.status;
    ho_program *program = ho_program_get(training, HO_INITIAL_JVP, columns);
    if (!program)
        return training->error.status;
    ho_hypers_bind(training, lambda);
    bind_directions(training, ho_seeds_get(training, columns, &training->error), d);
    bind_out(program, 0, training, out);
    return ho_program_run(training, program);
}

static ho_status call_initial_vjp(ho_system *s, const double *lambda, const ho_vector *a, double *gradient)
{
    ho_training *training = of(s);
    const char *call = "initial_vjp";
    if (check_array(training, call, "lambda", lambda) || check_array(training, call, "gradient", gradient) ||
        ho_vector_check(training, call, "a", a, 1))
        return training->error.status;
    ho_program *program = ho_program_get(training, HO_INITIAL_VJP, 0);
    if (!program)
        return training->error.status;
    ho_hypers_bind(training, lambda);
    bind_seeds(training, ho_seeds_get(training, 0, &training->error), a);
    bind_out_hypers(program, 0, training);
    ho_status status = ho_program_run(training, program);
    if (status == HO_OK)
        collect(training, gradient);
    return status;
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static ho_status call_step(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next)
{
    ho_training *training = of(s);
    if (ho_vector_check(training, "step", "next", next, 1) || check_distinct(training, "step", state, next))
        return training->error.status;
    ho_program *program = ho_program_get(training, HO_STEP, 0);
    if (!program || begin_step(training, "step", t, lambda, state, 1))
        return training->error.status;
    bind_out(program, 0, training, next);
    const ho_status status = ho_program_run(training, program);
    return status == HO_OK ? ho_branches_note(training, HO_STEP_BRANCHES) : status;
}

static ho_status call_jvp(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                          int64_t columns, const ho_vector *z, const double *d, ho_vector *out)
{
    ho_training *training = of(s);
    if (!next && !training->spare)
        training->spare = ho_vector_make(training, 1, &training->error);
    next = next ? next : training->spare;
    if (check_columns(training, "jvp", columns) || check_array(training, "jvp", "d", d) ||
        ho_vector_check(training, "jvp", "next", next, 1) || ho_vector_check(training, "jvp", "z", z, columns) ||
        ho_vector_check(training, "jvp", "out", out, columns) || check_distinct(training, "jvp", state, next) ||
        check_distinct(training, "jvp", z, out) || check_distinct(training, "jvp", state, out) ||
        check_distinct(training, "jvp", z, next) || check_distinct(training, "jvp", next, out))
        return training->error.status;
    ho_program *program = ho_program_get(training, HO_STEP_JVP, columns);
    if (!program || begin_step(training, "jvp", t, lambda, state, 1 + 2 * columns))
        return training->error.status;
    const ho_seeds *seeds = ho_seeds_get(training, columns, &training->error);
    bind_seeds(training, seeds, z);
    bind_directions(training, seeds, d);
    bind_out(program, 0, training, next);
    bind_out(program, training->segments, training, out);
    return ho_program_run(training, program);
}

static ho_status call_vjp(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, const ho_vector *a,
                          ho_vector *out, double *gradient)
{
    ho_training *training = of(s);
    if (check_array(training, "vjp", "gradient", gradient) || ho_vector_check(training, "vjp", "a", a, 1) ||
        ho_vector_check(training, "vjp", "out", out, 1) || check_distinct(training, "vjp", a, out) ||
        check_distinct(training, "vjp", state, out))
        return training->error.status;
    ho_program *program = ho_program_get(training, HO_STEP_VJP, 0);
    if (!program || begin_step(training, "vjp", t, lambda, state, 1 + 2))
        return training->error.status;
    bind_seeds(training, ho_seeds_get(training, 0, &training->error), a);
    bind_out(program, 0, training, out);
    bind_out_hypers(program, training->segments, training);
    ho_status status = ho_program_run(training, program);
    if (status == HO_OK)
        collect(training, gradient);
    return status;
}

/* ---- the validation error ---------------------------------------------------------------------------------------- */

ho_status ho_number_at(ho_training *training, const char *call, ho_program_kind kind, const double *lambda,
                       const ho_vector *state, double *value)
{
    if (!value)
        return ho_fail(&training->error, HO_FAILED, "%s: value is missing", call);
    if (check_array(training, call, "lambda", lambda) || ho_vector_check(training, call, "the state", state, 1))
        return training->error.status;
    ho_program *program = ho_program_get(training, kind, 0);
    if (!program)
        return training->error.status;
    ho_hypers_bind(training, lambda);
    ho_state_bind(training, state);
    program->out[0] = value;
    return ho_program_run(training, program);
}

static ho_status call_error(ho_system *s, const double *lambda, const ho_vector *state, double *value)
{
    const ho_status status = ho_number_at(of(s), "error", HO_ERROR, lambda, state, value);
    return status == HO_OK ? ho_branches_note(of(s), HO_ERROR_BRANCHES) : status;
}

static ho_status call_error_gradient(ho_system *s, const double *lambda, const ho_vector *state, double *value,
                                     ho_vector *by_state, double *gradient)
{
    ho_training *training = of(s);
    const char *call = "error_gradient";
    if (!value)
        return ho_fail(&training->error, HO_FAILED, "%s: value is missing", call);
    if (check_array(training, call, "lambda", lambda) || check_array(training, call, "gradient", gradient) ||
        ho_vector_check(training, call, "the state", state, 1) ||
        ho_vector_check(training, call, "by_state", by_state, 1) || check_distinct(training, call, state, by_state))
        return training->error.status;
    ho_program *program = ho_program_get(training, HO_ERROR_GRADIENT, 0);
    if (!program)
        return training->error.status;
    ho_hypers_bind(training, lambda);
    ho_state_bind(training, state);
    program->out[0] = value;
    bind_out(program, 1, training, by_state);
    bind_out_hypers(program, 1 + training->segments, training);
    ho_status status = ho_program_run(training, program);
    if (status == HO_OK)
        collect(training, gradient);
    return status;
}

/* ---- services ---------------------------------------------------------------------------------------------------- */

static void *call_alloc(ho_system *s, uint64_t bytes)
{
    return ho_large_alloc(bytes ? bytes : 1, 1, "a mode's memory", &of(s)->error);
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
    ho_status status = ho_fail_v(&of(s)->error, HO_FAILED, (ho_place){file, line, 0}, format, args);
    va_end(args);
    return status;
}

static ho_status call_poll(ho_system *s)
{
    return poll_interrupt(of(s));
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
};
