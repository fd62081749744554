#include "proof/fake_system.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/snapshot.h"

/* ---- the system, in long double so that differences are good to 1e-12 ------------------------------------------- */

void ho_fake_initial(const real *l, real *s)
{
    s[0] = l[0];
    s[1] = sinl(l[1]) + l[2] * l[2];
    s[2] = l[3] * l[0] - 0.5L;
}

void ho_fake_step(int64_t t, const real *l, const real *s, real *next)
{
    next[0] = tanhl(l[0] * s[0] + l[1] * s[1]) + 0.1L * cosl((real)t) * l[3];
    next[1] = 0.8L * s[1] + 0.3L * l[2] * s[0] * s[2] + l[3];
    next[2] = 0.9L * sinl(s[2] + 0.1L * l[1] * (real)t) + 0.1L * l[0] * s[1] * s[1];
}

real ho_fake_error(const real *l, const real *s)
{
    return 0.5L * (s[0] * s[0] + 2.0L * s[1] * s[1] + 3.0L * s[2] * s[2]) + l[3] * s[0] + l[1] * l[1];
}

/* Rows: entries of the result. */
static void initial_derivative(const double *l, double b[STATE][LAMBDA])
{
    const double rows[STATE][LAMBDA] = {{1, 0, 0, 0}, {0, cos(l[1]), 2 * l[2], 0}, {l[3], 0, 0, l[0]}};
    memcpy(b, rows, sizeof(rows));
}

static void step_derivatives(int64_t t, const double *l, const double *s, double a[STATE][STATE],
                             double b[STATE][LAMBDA])
{
    const double th = tanh(l[0] * s[0] + l[1] * s[1]), d = 1 - th * th;
    const double c = 0.9 * cos(s[2] + 0.1 * l[1] * (double)t);
    const double by_state[STATE][STATE] = {
        {d * l[0], d * l[1], 0}, {0.3 * l[2] * s[2], 0.8, 0.3 * l[2] * s[0]}, {0, 0.2 * l[0] * s[1], c}};
    const double by_lambda[STATE][LAMBDA] = {{d * s[0], d * s[1], 0, 0.1 * cos((double)t)},
                                             {0, 0, 0.3 * s[0] * s[2], 1},
                                             {0.1 * s[1] * s[1], 0.1 * c * (double)t, 0, 0}};
    memcpy(a, by_state, sizeof(by_state));
    memcpy(b, by_lambda, sizeof(by_lambda));
}

/* ---- the host's side --------------------------------------------------------------------------------------------- */

/* What a mode must hand over again. */
struct ho_residuals {
    int64_t t;
    double lambda[LAMBDA], state[STATE];
};

/* Notes what a call has been wrongly asked; from then on calls fail. */
static bool must(ho_system *s, bool right, const char *what)
{
    fake *f = (fake *)s;
    if (!right && !f->misuse[0])
        snprintf(f->misuse, sizeof f->misuse, "%s", what);
    return right;
}

static bool fails(fake *f)
{
    return ++f->calls == f->fail_at || f->misuse[0];
}

static ho_status failure(const fake *f)
{
    return f->misuse[0] ? HO_FAILED : f->fail_status;
}

static int64_t lambda_size(ho_system *s)
{
    (void)s;
    return LAMBDA;
}

static int64_t directions(ho_system *s)
{
    (void)s;
    return DIRECTIONS;
}

void ho_fake_direction(ho_system *s, int64_t i, double *lambda)
{
    if (!must(s, i >= 0 && i < DIRECTIONS, "direction: there is no such direction"))
        return;
    memset(lambda, 0, LAMBDA * sizeof(double));
    if (i == 1)
        lambda[1] = lambda[2] = sqrt(0.5);
    else
        lambda[i == 0 ? 0 : 3] = 1.0;
}

static void *alloc(ho_system *s, uint64_t bytes)
{
    fake *f = (fake *)s;
    if (fails(f))
        return NULL;
    f->live++;
    return calloc(1, bytes);
}

static void free_memory(ho_system *s, void *memory)
{
    ((fake *)s)->live -= memory != NULL;
    free(memory);
}

static ho_vector *vector_new(ho_system *s, int64_t columns)
{
    if (!must(s, columns > 0 && columns < 1 << 20, "vector_new: not a number of columns"))
        return NULL;
    ho_vector *v = alloc(s, sizeof(ho_vector) + (uint64_t)columns * STATE * sizeof(double));
    if (v)
        v->columns = columns;
    for (int64_t i = 0; v && i < columns * STATE; i++)
        v->x[i / STATE][i % STATE] = NAN; /* new vectors hold anything */
    return v;
}

static void zero(ho_system *s, ho_vector *v)
{
    (void)s;
    memset(v->x, 0, (size_t)v->columns * sizeof(v->x[0]));
}

static void vector_free(ho_system *s, ho_vector *v)
{
    free_memory(s, v);
}

static int64_t vector_bytes(ho_system *s, const ho_vector *v)
{
    (void)s;
    return v->columns * STATE * (int64_t)sizeof(double);
}

static void copy(ho_system *s, const ho_vector *from, ho_vector *to)
{
    if (!must(s, from != to && from->columns == to->columns, "copy: one vector twice, or other columns"))
        return;
    memcpy(to->x, from->x, (size_t)from->columns * sizeof(from->x[0]));
}

static void axpby(ho_system *s, double a, const ho_vector *x, double b, ho_vector *y)
{
    if (!must(s, x != y && x->columns == y->columns, "axpby: one vector twice, or other columns"))
        return;
    for (int64_t j = 0; j < x->columns; j++)
        for (int i = 0; i < STATE; i++)
            y->x[j][i] = a * x->x[j][i] + b * y->x[j][i];
}

static void dot(ho_system *s, const ho_vector *a, const ho_vector *b, double *result)
{
    if (!must(s, a->columns == 1, "dot: the first vector has more than one column"))
        return;
    for (int64_t j = 0; j < b->columns; j++) {
        result[j] = 0.0;
        for (int i = 0; i < STATE; i++)
            result[j] += a->x[0][i] * b->x[j][i];
    }
}

void ho_fake_widen(const double *from, int count, real *to)
{
    for (int i = 0; i < count; i++)
        to[i] = (real)from[i];
}

static ho_status initial(ho_system *s, const double *lambda, ho_vector *state)
{
    real l[LAMBDA], out[STATE];
    if (fails((fake *)s))
        return failure((fake *)s);
    ho_fake_widen(lambda, LAMBDA, l);
    ho_fake_initial(l, out);
    for (int i = 0; i < STATE; i++)
        state->x[0][i] = (double)out[i];
    return HO_OK;
}

static ho_status initial_jvp(ho_system *s, const double *lambda, int64_t columns, const double *d, ho_vector *out)
{
    double b[STATE][LAMBDA];
    if (!must(s, out->columns == columns, "initial_jvp: `out` has other columns"))
        return HO_FAILED;
    if (fails((fake *)s))
        return failure((fake *)s);
    initial_derivative(lambda, b);
    for (int64_t j = 0; j < columns; j++)
        for (int i = 0; i < STATE; i++) {
            out->x[j][i] = 0.0;
            for (int k = 0; k < LAMBDA; k++)
                out->x[j][i] += b[i][k] * d[j * LAMBDA + k];
        }
    return HO_OK;
}

static ho_status initial_vjp(ho_system *s, const double *lambda, const ho_vector *a, double *gradient)
{
    double b[STATE][LAMBDA];
    if (fails((fake *)s))
        return failure((fake *)s);
    initial_derivative(lambda, b);
    for (int i = 0; i < STATE; i++)
        for (int k = 0; k < LAMBDA; k++)
            gradient[k] += a->x[0][i] * b[i][k];
    return HO_OK;
}

static void compute_next(fake *f, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next)
{
    real l[LAMBDA], in[STATE], out[STATE];
    if (!must(&f->head, state != next, "step: state and next are one vector"))
        return;
    ho_fake_widen(lambda, LAMBDA, l);
    ho_fake_widen(state->x[0], STATE, in);
    ho_fake_step(t, l, in, out);
    for (int i = 0; i < STATE; i++)
        next->x[0][i] = (double)out[i];
    f->states_computed++;
}

static void norms(ho_system *s, const ho_vector *v, double *result)
{
    (void)s;
    for (int64_t j = 0; j < v->columns; j++) {
        result[j] = 0.0;
        for (int i = 0; i < STATE; i++)
            result[j] += v->x[j][i] * v->x[j][i];
        result[j] = sqrt(result[j]);
    }
}

static ho_status step(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next)
{
    if (fails((fake *)s))
        return failure((fake *)s);
    compute_next((fake *)s, t, lambda, state, next);
    return HO_OK;
}

static ho_status jvp(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                     int64_t columns, const ho_vector *z, const double *d, ho_vector *out)
{
    fake *f = (fake *)s;
    double a[STATE][STATE], b[STATE][LAMBDA];
    if (!must(s, z && out && state, "jvp: a vector is NULL") ||
        !must(s, z != out && z != state && out != state && next != z && next != out, "jvp: one vector twice") ||
        !must(s, z->columns == columns && out->columns == columns, "jvp: z or out has other columns"))
        return HO_FAILED;
    if (fails(f))
        return failure(f);
    f->largest_chunk = columns > f->largest_chunk ? columns : f->largest_chunk;
    step_derivatives(t, lambda, state->x[0], a, b);
    for (int64_t j = 0; j < columns; j++)
        for (int i = 0; i < STATE; i++) {
            out->x[j][i] = 0.0;
            for (int k = 0; k < STATE; k++)
                out->x[j][i] += a[i][k] * z->x[j][k];
            for (int k = 0; k < LAMBDA; k++)
                out->x[j][i] += b[i][k] * d[j * LAMBDA + k];
        }
    if (next)
        compute_next(f, t, lambda, state, next);
    return HO_OK;
}

static ho_status vjp(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, const ho_vector *a,
                     ho_vector *out, double *gradient)
{
    double by_state[STATE][STATE], by_lambda[STATE][LAMBDA];
    if (!must(s, a != out && a != state && out != state, "vjp: one vector twice"))
        return HO_FAILED;
    if (fails((fake *)s))
        return failure((fake *)s);
    step_derivatives(t, lambda, state->x[0], by_state, by_lambda);
    memset(out->x[0], 0, sizeof(out->x[0]));
    for (int i = 0; i < STATE; i++) {
        for (int k = 0; k < STATE; k++)
            out->x[0][k] += a->x[0][i] * by_state[i][k];
        for (int k = 0; k < LAMBDA; k++)
            gradient[k] += a->x[0][i] * by_lambda[i][k];
    }
    return HO_OK;
}

static ho_status error(ho_system *s, const double *lambda, const ho_vector *state, double *value)
{
    real l[LAMBDA], in[STATE];
    (void)s;
    ho_fake_widen(lambda, LAMBDA, l);
    ho_fake_widen(state->x[0], STATE, in);
    *value = (double)ho_fake_error(l, in);
    return HO_OK;
}

static ho_status error_gradient(ho_system *s, const double *lambda, const ho_vector *state, double *value,
                                ho_vector *by_state, double *gradient)
{
    const double *x = state->x[0];
    if (!must(s, state != by_state, "error_gradient: one vector twice"))
        return HO_FAILED;
    if (fails((fake *)s))
        return failure((fake *)s);
    by_state->x[0][0] = x[0] + lambda[3];
    by_state->x[0][1] = 2 * x[1];
    by_state->x[0][2] = 3 * x[2];
    gradient[1] += 2 * lambda[1];
    gradient[3] += x[0];
    return error(s, lambda, state, value);
}

static ho_residuals *residuals_new(ho_system *s)
{
    return alloc(s, sizeof(ho_residuals));
}

static void residuals_free(ho_system *s, ho_residuals *residuals)
{
    free_memory(s, residuals);
}

static int64_t residuals_bytes(ho_system *s)
{
    return ((fake *)s)->residual_bytes;
}

static ho_status linearize(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                           ho_residuals *residuals)
{
    const ho_status status = step(s, t, lambda, state, next);
    if (status != HO_OK)
        return status;
    residuals->t = t;
    memcpy(residuals->lambda, lambda, sizeof(residuals->lambda));
    memcpy(residuals->state, state->x[0], sizeof(residuals->state));
    ((fake *)s)->linearized++;
    return HO_OK;
}

static void expect_step(ho_system *s, const ho_residuals *residuals, int64_t t, const double *lambda,
                        const ho_vector *state)
{
    bool same = residuals->t == t;
    for (int i = 0; i < LAMBDA; i++)
        same = same && residuals->lambda[i] == lambda[i];
    for (int i = 0; i < STATE; i++)
        same = same && residuals->state[i] == state->x[0][i];
    must(s, same, "residuals of another step, lambda or state");
}

static ho_status residual_step(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                               const ho_vector *state, ho_vector *next)
{
    expect_step(s, residuals, t, lambda, state);
    if (fails((fake *)s))
        return failure((fake *)s);
    compute_next((fake *)s, t, lambda, state, next);
    ((fake *)s)->states_computed--;
    ((fake *)s)->recomputed++;
    return HO_OK;
}

static ho_status residual_jvp(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                              const ho_vector *state, int64_t columns, const ho_vector *z, const double *d,
                              ho_vector *out)
{
    expect_step(s, residuals, t, lambda, state);
    return jvp(s, t, lambda, state, NULL, columns, z, d, out);
}

static ho_status residual_vjp(ho_system *s, ho_residuals *residuals, int64_t t, const double *lambda,
                              const ho_vector *state, const ho_vector *a, ho_vector *out, double *gradient)
{
    expect_step(s, residuals, t, lambda, state);
    return vjp(s, t, lambda, state, a, out, gradient);
}

static int64_t memory(ho_system *s)
{
    const int64_t given = ((fake *)s)->memory;
    return given ? given : INT64_MAX / 2;
}

HO_PRINTF(4, 5)
static ho_status fail(ho_system *s, const char *file, int32_t line, const char *format, ...)
{
    fake *f = (fake *)s;
    va_list arguments;
    (void)file, (void)line;
    va_start(arguments, format);
    vsnprintf(f->message, sizeof(f->message), format, arguments);
    va_end(arguments);
    return HO_FAILED;
}

HO_PRINTF(5, 6)
static ho_status fail_at(ho_system *s, const char *file, int32_t line, const char *at, const char *format, ...)
{
    fake *f = (fake *)s;
    va_list arguments;
    (void)file, (void)line, (void)at;
    va_start(arguments, format);
    vsnprintf(f->message, sizeof(f->message), format, arguments);
    va_end(arguments);
    return HO_INVALID;
}

static int64_t steps(ho_system *s)
{
    return ((fake *)s)->steps;
}

static ho_status poll(ho_system *s)
{
    fake *f = (fake *)s;
    f->polls++;
    return fails(f) ? failure(f) : HO_OK;
}

static void rest(ho_system *s)
{
    const fake *f = (const fake *)s;
    if (f->rested)
        f->rested(f->context);
}

static int64_t batch(ho_system *s)
{
    (void)s;
    return 0;
}

HO_PRINTF(3, 4)
static void tell(ho_system *s, int32_t kind, const char *format, ...)
{
    fake *f = (fake *)s;
    va_list arguments;
    if (!must(s, kind >= HO_TELL_NOTE && kind <= HO_TELL_CHOICE, "tell: there is no such kind"))
        return;
    va_start(arguments, format);
    vsnprintf(f->told[kind], sizeof(f->told[kind]), format, arguments);
    va_end(arguments);
}

static int32_t restoring(ho_system *s, const ho_snapshot *snapshot)
{
    (void)s;
    return snapshot->restoring;
}

static void pass(ho_system *s, ho_snapshot *snapshot, void *value, uint64_t bytes)
{
    (void)s;
    ho_snapshot_pass(snapshot, value, bytes);
}

static void pass_vector(ho_system *s, ho_snapshot *snapshot, ho_vector *v)
{
    (void)s;
    ho_snapshot_pass(snapshot, v->x, (size_t)v->columns * sizeof v->x[0]);
}

static const char *hyperparameter(ho_system *s, int64_t i, int64_t *first, int64_t *count)
{
    static const char *const names[] = {"part.first", "part.pair", "last"};
    static const int64_t firsts[] = {0, 1, 3, LAMBDA};
    (void)s;
    if (i < 0 || i >= 3)
        return NULL;
    *first = firsts[i];
    *count = firsts[i + 1] - firsts[i];
    return names[i];
}

static const ho_mode_costs *costs(ho_system *s)
{
    fake *f = (fake *)s;
    if (fails(f))
        return NULL;
    if (f->costs.struct_size == 0)
        f->costs = (ho_mode_costs){.struct_size = sizeof f->costs,
                                   .steps = f->steps > 0 ? f->steps : 1000,
                                   .hypergradients = 1,
                                   .directions = DIRECTIONS,
                                   .state_bytes = STATE * sizeof(double),
                                   .step = {1, 8},
                                   .jvp = {1, 8},
                                   .jvp_column = {2, 8},
                                   .vjp = {3, 8},
                                   .memory = INT64_MAX,
                                   .linearize = {1, 8},
                                   .residual_step = {1, 8},
                                   .residual_vjp = {2, 8}};
    return &f->costs;
}

const ho_system_api ho_fake_api = {
    .struct_size = sizeof(ho_system_api),
    .lambda_size = lambda_size,
    .directions = directions,
    .direction = ho_fake_direction,
    .vector_new = vector_new,
    .vector_free = vector_free,
    .vector_bytes = vector_bytes,
    .copy = copy,
    .axpby = axpby,
    .dot = dot,
    .initial = initial,
    .initial_jvp = initial_jvp,
    .initial_vjp = initial_vjp,
    .step = step,
    .jvp = jvp,
    .vjp = vjp,
    .error = error,
    .error_gradient = error_gradient,
    .alloc = alloc,
    .free_memory = free_memory,
    .fail = fail,
    .poll = poll,
    .norms = norms,
    .steps = steps,
    .zero = zero,
    .residuals_new = residuals_new,
    .residuals_free = residuals_free,
    .residuals_bytes = residuals_bytes,
    .linearize = linearize,
    .residual_step = residual_step,
    .residual_jvp = residual_jvp,
    .residual_vjp = residual_vjp,
    .memory = memory,
    .batch = batch,
    .tell = tell,
    .restoring = restoring,
    .pass = pass,
    .rest = rest,
    .pass_vector = pass_vector,
    .hyperparameter = hyperparameter,
    .costs = costs,
    .fail_at = fail_at,
};
