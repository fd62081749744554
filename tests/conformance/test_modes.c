/* Every mode on a small nonlinear system with derivatives worked out by hand, against central differences. The system
 * has what can go wrong: an initial map, a direct term, dependence on t, and a subspace of free directions. */
#include "loading.h"

#include <math.h>

#define STATE      3
#define LAMBDA     4
#define DIRECTIONS 3 /* lambda[1] and lambda[2] are one hyperparameter's mirrored entries */

typedef long double real;

/* ---- the system, in long double so that differences are good to 1e-12 ------------------------------------------- */

static void initial_map(const real *l, real *s)
{
    s[0] = l[0];
    s[1] = sinl(l[1]) + l[2] * l[2];
    s[2] = l[3] * l[0] - 0.5L;
}

static void step_map(int64_t t, const real *l, const real *s, real *next)
{
    next[0] = tanhl(l[0] * s[0] + l[1] * s[1]) + 0.1L * cosl((real)t) * l[3];
    next[1] = 0.8L * s[1] + 0.3L * l[2] * s[0] * s[2] + l[3];
    next[2] = 0.9L * sinl(s[2] + 0.1L * l[1] * (real)t) + 0.1L * l[0] * s[1] * s[1];
}

static real error_map(const real *l, const real *s)
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

struct ho_vector {
    int64_t columns;
    double x[][STATE]; /* by column */
};

typedef struct fake {
    ho_system head;
    int64_t live, polls, states_computed, calls;
    int64_t fail_at;       /* the call that fails, counted over everything that may; 0: none */
    ho_status fail_status; /* of steps and polls; allocations answer NULL */
    int64_t largest_chunk;
} fake;

static bool fails(fake *f)
{
    return ++f->calls == f->fail_at;
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

static void direction(ho_system *s, int64_t i, double *lambda)
{
    (void)s;
    cr_assert(i >= 0 && i < DIRECTIONS);
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
    cr_assert_gt(columns, 0);
    ho_vector *v = alloc(s, sizeof(ho_vector) + (uint64_t)columns * STATE * sizeof(double));
    if (v)
        v->columns = columns;
    return v;
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
    (void)s;
    cr_assert(from != to && from->columns == to->columns);
    memcpy(to->x, from->x, (size_t)from->columns * sizeof(from->x[0]));
}

static void axpby(ho_system *s, double a, const ho_vector *x, double b, ho_vector *y)
{
    (void)s;
    cr_assert(x != y && x->columns == y->columns);
    for (int64_t j = 0; j < x->columns; j++)
        for (int i = 0; i < STATE; i++)
            y->x[j][i] = a * x->x[j][i] + b * y->x[j][i];
}

static void dot(ho_system *s, const ho_vector *a, const ho_vector *b, double *result)
{
    (void)s;
    cr_assert_eq(a->columns, 1);
    for (int64_t j = 0; j < b->columns; j++) {
        result[j] = 0.0;
        for (int i = 0; i < STATE; i++)
            result[j] += a->x[0][i] * b->x[j][i];
    }
}

static void widen(const double *from, int count, real *to)
{
    for (int i = 0; i < count; i++)
        to[i] = (real)from[i];
}

static ho_status initial(ho_system *s, const double *lambda, ho_vector *state)
{
    real l[LAMBDA], out[STATE];
    if (fails((fake *)s))
        return ((fake *)s)->fail_status;
    widen(lambda, LAMBDA, l);
    initial_map(l, out);
    for (int i = 0; i < STATE; i++)
        state->x[0][i] = (double)out[i];
    return HO_OK;
}

static ho_status initial_jvp(ho_system *s, const double *lambda, int64_t columns, const double *d, ho_vector *out)
{
    double b[STATE][LAMBDA];
    cr_assert_eq(out->columns, columns);
    if (fails((fake *)s))
        return ((fake *)s)->fail_status;
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
        return ((fake *)s)->fail_status;
    initial_derivative(lambda, b);
    for (int i = 0; i < STATE; i++)
        for (int k = 0; k < LAMBDA; k++)
            gradient[k] += a->x[0][i] * b[i][k];
    return HO_OK;
}

static void compute_next(fake *f, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next)
{
    real l[LAMBDA], in[STATE], out[STATE];
    cr_assert_neq(state, next);
    widen(lambda, LAMBDA, l);
    widen(state->x[0], STATE, in);
    step_map(t, l, in, out);
    for (int i = 0; i < STATE; i++)
        next->x[0][i] = (double)out[i];
    f->states_computed++;
}

static ho_status step(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next)
{
    if (fails((fake *)s))
        return ((fake *)s)->fail_status;
    compute_next((fake *)s, t, lambda, state, next);
    return HO_OK;
}

static ho_status jvp(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                     int64_t columns, const ho_vector *z, const double *d, ho_vector *out)
{
    fake *f = (fake *)s;
    double a[STATE][STATE], b[STATE][LAMBDA];
    cr_assert(z != out && z != state && out != state && next != z && next != out);
    cr_assert(z->columns == columns && out->columns == columns);
    if (fails(f))
        return f->fail_status;
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
    cr_assert(a != out && a != state && out != state);
    if (fails((fake *)s))
        return ((fake *)s)->fail_status;
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
    widen(lambda, LAMBDA, l);
    widen(state->x[0], STATE, in);
    *value = (double)error_map(l, in);
    return HO_OK;
}

static ho_status error_gradient(ho_system *s, const double *lambda, const ho_vector *state, double *value,
                                ho_vector *by_state, double *gradient)
{
    const double *x = state->x[0];
    cr_assert_neq(state, by_state);
    if (fails((fake *)s))
        return ((fake *)s)->fail_status;
    by_state->x[0][0] = x[0] + lambda[3];
    by_state->x[0][1] = 2 * x[1];
    by_state->x[0][2] = 3 * x[2];
    gradient[1] += 2 * lambda[1];
    gradient[3] += x[0];
    return error(s, lambda, state, value);
}

HO_PRINTF(4, 5)
static ho_status fail(ho_system *s, const char *file, int32_t line, const char *format, ...)
{
    (void)s, (void)file, (void)line, (void)format;
    return HO_FAILED;
}

static ho_status poll(ho_system *s)
{
    fake *f = (fake *)s;
    f->polls++;
    return fails(f) ? f->fail_status : HO_OK;
}

static const ho_system_api api = {
    .struct_size = sizeof(ho_system_api),
    .lambda_size = lambda_size,
    .directions = directions,
    .direction = direction,
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
};

/* ---- what is done with a run, and what should come out ------------------------------------------------------------
 */

/* lambda of an action: the base point plus `change` on every entry. */
enum { ADVANCE, ASK, FORGET };

typedef struct action {
    int what;
    int64_t t0, t1;
    double change;
} action;

static const double base[LAMBDA] = {0.7, -0.4, 0.55, 0.15};

static void lambda_of(const action *a, double *lambda)
{
    for (int i = 0; i < LAMBDA; i++)
        lambda[i] = base[i] + a->change * (i % 2 ? 1.0 : -0.5);
}

/* E when actions[count] asks, with entry `entry` of every lambda since the last forget shifted by h. */
static real shifted_error(const action *actions, size_t count, int entry, real h)
{
    real l[LAMBDA], s[STATE], next[STATE];
    double plain[LAMBDA];
    size_t forgotten = 0;
    for (size_t i = 0; i < count; i++)
        if (actions[i].what == FORGET)
            forgotten = i + 1;
    widen(base, LAMBDA, l);
    l[entry] += forgotten ? 0.0L : h;
    initial_map(l, s);
    for (size_t i = 0; i <= count; i++) {
        lambda_of(actions + i, plain);
        widen(plain, LAMBDA, l);
        l[entry] += i >= forgotten ? h : 0.0L;
        for (int64_t t = actions[i].t0 + 1; actions[i].what == ADVANCE && t <= actions[i].t1; t++) {
            step_map(t, l, s, next);
            memcpy(s, next, sizeof(s));
        }
    }
    return error_map(l, s);
}

/* Onto the free subspace, as the host does. */
static void project_gradient(double *gradient)
{
    gradient[1] = gradient[2] = 0.5 * (gradient[1] + gradient[2]);
}

static void check_answer(const action *actions, size_t count, double value, double *gradient)
{
    double expected[LAMBDA];
    const real h = 1e-5L;
    cr_expect_float_eq(value, (double)shifted_error(actions, count, 0, 0.0L), 1e-12);
    for (int i = 0; i < LAMBDA; i++)
        expected[i] = (double)((8.0L * (shifted_error(actions, count, i, h) - shifted_error(actions, count, i, -h)) -
                                (shifted_error(actions, count, i, 2 * h) - shifted_error(actions, count, i, -2 * h))) /
                               (12.0L * h));
    project_gradient(expected);
    project_gradient(gradient);
    for (int i = 0; i < LAMBDA; i++)
        cr_expect_float_eq(gradient[i], expected[i], 1e-10 * (1.0 + fabs(expected[i])),
                           "action %zu: entry %d of the gradient is %.15g, differences say %.15g", count, i,
                           gradient[i], expected[i]);
}

static const struct {
    const char *file;
    given option;
} modes[] = {
    {"modes/forward.so", {"columns_at_once", 64}},
    {"modes/forward.so", {"columns_at_once", 2}},
    {"modes/forward.so", {"columns_at_once", 1}},
    {"modes/reverse.so", {NULL, 0}},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct opened {
    const ho_mode_calls *calls;
    test_setup setup;
    void *self;
} opened;

static opened open_mode(size_t i)
{
    opened m = {0};
    const ho_plugin *plugin = load_plugin(modes[i].file);
    cr_assert_eq(plugin->kind, HO_MODE);
    m.setup.options[0] = modes[i].option;
    cr_assert_eq(make_instance(&m.setup, plugin, &m.self), HO_OK);
    m.calls = plugin->calls;
    return m;
}

/* Does the actions and checks each answer; the status of the first call that fails. */
static ho_status act(const opened *m, fake *f, const action *actions, size_t count)
{
    void *run;
    ho_status status = m->calls->start(m->self, &f->head, base, &run);
    if (status != HO_OK)
        return status;
    for (size_t i = 0; status == HO_OK && i < count; i++) {
        double lambda[LAMBDA], value, gradient[LAMBDA] = {9.0, 9.0, 9.0, 9.0};
        lambda_of(actions + i, lambda);
        if (actions[i].what == ADVANCE) {
            status = m->calls->advance(run, actions[i].t0, actions[i].t1, lambda);
        } else if (actions[i].what == FORGET) {
            status = m->calls->forget(run);
        } else {
            status = m->calls->hypergradient(run, lambda, &value, gradient);
            if (status == HO_OK)
                check_answer(actions, i, value, gradient);
        }
        cr_expect_not_null(m->calls->state(run));
    }
    m->calls->end(run);
    return status;
}

static void check_actions(const action *actions, size_t count)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        opened m = open_mode(i);
        fake f = {.head = {&api}};
        cr_expect_eq(act(&m, &f, actions, count), HO_OK);
        cr_expect_eq(f.live, 0, "%s leaves %lld pieces of memory", modes[i].file, (long long)f.live);
        free_instance(&m.setup, m.self);
    }
}

Test(modes, give_the_gradient_of_one_training)
{
    static const action actions[] = {{ADVANCE, 0, 12, 0.0}, {ASK, 0, 0, 0.0}};
    check_actions(actions, COUNT(actions));
}

Test(modes, give_the_initial_maps_and_the_direct_term_without_a_step)
{
    static const action actions[] = {{ASK, 0, 0, 0.0}};
    check_actions(actions, COUNT(actions));
}

Test(modes, answer_again_and_again_while_lambda_changes)
{
    static const action actions[] = {
        {ADVANCE, 0, 5, 0.0}, {ASK, 0, 0, 0.0}, {ASK, 0, 0, 0.0},   {ADVANCE, 5, 6, 0.1},   {ASK, 0, 0, 0.1},
        {ADVANCE, 6, 7, 0.1}, {ASK, 0, 0, 0.2}, {ADVANCE, 7, 7, 0}, {ADVANCE, 7, 15, -0.1}, {ASK, 0, 0, -0.1},
    };
    check_actions(actions, COUNT(actions));
}

Test(modes, forget_what_led_to_the_present_state)
{
    static const action actions[] = {
        {ADVANCE, 0, 6, 0.0}, {FORGET, 0, 0, 0.0}, {ASK, 0, 0, 0.0},      {ADVANCE, 6, 10, 0.1},
        {ASK, 0, 0, 0.1},     {FORGET, 0, 0, 0.0}, {ADVANCE, 0, 9, 0.05}, {ASK, 0, 0, 0.05},
    };
    check_actions(actions, COUNT(actions));
}

Test(modes, go_through_a_long_training)
{
    static const action actions[] = {{ADVANCE, 0, 70, 0.0}, {ADVANCE, 70, 300, 0.01}, {ASK, 0, 0, 0.01}};
    check_actions(actions, COUNT(actions));
}

Test(modes, reach_the_same_bits_and_compute_each_state_once)
{
    double states[COUNT(modes)][STATE];
    for (size_t i = 0; i < COUNT(modes); i++) {
        opened m = open_mode(i);
        fake f = {.head = {&api}};
        void *run;
        cr_assert_eq(m.calls->start(m.self, &f.head, base, &run), HO_OK);
        cr_assert_eq(m.calls->advance(run, 0, 20, base), HO_OK);
        memcpy(states[i], m.calls->state(run)->x[0], sizeof(states[i]));
        cr_expect_eq(f.states_computed, 20);
        cr_expect_geq(f.polls, 20);
        cr_expect_eq(memcmp(states[i], states[0], sizeof(states[0])), 0);
        m.calls->end(run);
        free_instance(&m.setup, m.self);
    }
}

Test(forward, carries_no_more_columns_than_it_is_told)
{
    for (size_t i = 0; i < 3; i++) {
        static const int64_t widest[] = {3, 2, 1};
        static const int64_t vectors[] = {6, 6, 4}; /* Z, and room to write each width of its chunks */
        opened m = open_mode(i);
        fake f = {.head = {&api}};
        void *run;
        cr_assert_eq(m.calls->start(m.self, &f.head, base, &run), HO_OK);
        cr_assert_eq(m.calls->advance(run, 0, 3, base), HO_OK);
        cr_expect_eq(f.largest_chunk, widest[i]);
        /* Two states beside. */
        cr_expect_eq(m.calls->bytes(run), (vectors[i] + 2) * STATE * (int64_t)sizeof(double));
        m.calls->end(run);
        free_instance(&m.setup, m.self);
    }
}

Test(reverse, holds_each_state_once_and_uses_forgotten_ones_again)
{
    opened m = open_mode(3);
    fake f = {.head = {&api}};
    void *run;
    cr_assert_eq(m.calls->start(m.self, &f.head, base, &run), HO_OK);
    cr_assert_eq(m.calls->advance(run, 0, 100, base), HO_OK);
    const int64_t bytes = 101 * STATE * (int64_t)sizeof(double);
    cr_expect_eq(m.calls->bytes(run), bytes);
    cr_assert_eq(m.calls->forget(run), HO_OK);
    cr_assert_eq(m.calls->advance(run, 100, 200, base), HO_OK);
    cr_expect_eq(m.calls->bytes(run), bytes);
    m.calls->end(run);
    free_instance(&m.setup, m.self);
}

Test(modes, pass_on_any_failure_and_free_everything)
{
    static const action actions[] = {
        {ADVANCE, 0, 4, 0.0}, {ADVANCE, 4, 6, 0.1}, {ASK, 0, 0, 0.1},
        {FORGET, 0, 0, 0.0},  {ADVANCE, 6, 8, 0.1}, {ASK, 0, 0, 0.1},
    };
    for (size_t i = 0; i < COUNT(modes); i++) {
        opened m = open_mode(i);
        fake whole = {.head = {&api}};
        cr_assert_eq(act(&m, &whole, actions, COUNT(actions)), HO_OK);
        for (int64_t call = 1; call <= whole.calls; call++) {
            fake f = {.head = {&api}, .fail_at = call, .fail_status = HO_FAILED};
            cr_expect_eq(act(&m, &f, actions, COUNT(actions)), HO_FAILED, "%s hides that call %lld failed",
                         modes[i].file, (long long)call);
            cr_expect_eq(f.live, 0, "%s leaks after call %lld failed", modes[i].file, (long long)call);
        }
        free_instance(&m.setup, m.self);
    }
}

Test(modes, stop_between_steps_when_the_user_asks)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        opened m = open_mode(i);
        fake f = {.head = {&api}};
        void *run;
        double value, gradient[LAMBDA];
        cr_assert_eq(m.calls->start(m.self, &f.head, base, &run), HO_OK);
        cr_assert_eq(m.calls->advance(run, 0, 4, base), HO_OK);
        /* Allocations beside, the next call that may fail is the poll before step 5. */
        f.fail_at = f.calls + 1;
        f.fail_status = HO_INTERRUPTED;
        const int64_t polls = f.polls;
        cr_expect_eq(m.calls->advance(run, 4, 9, base), HO_INTERRUPTED);
        cr_expect_eq(f.polls, polls + 1);
        static const action actions[] = {{ADVANCE, 0, 4, 0.0}, {ASK, 0, 0, 0.0}};
        cr_assert_eq(m.calls->hypergradient(run, base, &value, gradient), HO_OK);
        check_answer(actions, 1, value, gradient);
        m.calls->end(run);
        free_instance(&m.setup, m.self);
    }
}
