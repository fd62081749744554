/* Descent that chooses its own steps, on errors made up here as functions of the hyperparameters. */
#include "online.h"
#include "run/curvature.h"
#include "system/scaled.h"

static online *o;

static void close_all(void)
{
    online_close(o);
}

TestSuite(line_search, .fini = close_all, .timeout = 60);

/* The error at u, the hyperparameters' coordinates on their scales, and its gradient by u; NaN: training diverges. */
typedef double (*ho_error_of)(const double *u, double *by_u);

typedef struct course {
    int asked, rejected, diverged;
    double first, least;
    double lambda[ONLINE_LAMBDA]; /* of the least */
    const char *ended;
} course;

/* Runs the strategy to its end. What is accepted must be better than all before. */
static course descend(ho_strategy *s, ho_error_of function)
{
    course c = {.least = NAN};
    double lambda[ONLINE_LAMBDA], u[ONLINE_LAMBDA], by_u[ONLINE_LAMBDA], gradient[ONLINE_LAMBDA];
    ho_scale *scales = ho_scaled_new(o->training);
    ho_wanted wanted;
    while ((wanted = s->calls->propose(s, lambda, &o->error)) != HO_NO_MORE) {
        cr_assert_lt(c.asked, 500);
        cr_assert_eq(wanted, c.asked < s->planned ? HO_GRADIENT : HO_VALUE);
        ho_scaled_to(scales, o->size, lambda, u);
        double value = function(u, by_u);
        for (int64_t i = 0; i < o->size; i++)
            gradient[i] = by_u[i] / ho_scale_slope(scales[i], lambda[i]);
        ho_answer answer = {.value = value,
                            .lambda = lambda,
                            .gradient = isnan(value) || wanted == HO_VALUE ? NULL : gradient,
                            .line = {.iteration = ++c.asked, .stationarity = NAN}};
        if (isnan(value))
            ho_fail(&answer.outcome, HO_DIVERGED, "made up");
        cr_assert_eq(s->calls->told(s, &answer, &o->error), HO_OK, "%s", o->error.text);
        c.diverged += isnan(value);
        c.rejected += answer.line.rejected != NULL;
        if (isnan(value) || answer.line.rejected)
            continue;
        cr_assert(isnan(c.least) || value < c.least, "%g after %g", value, c.least);
        c.first = isnan(c.least) ? value : c.first;
        c.least = value;
        memcpy(c.lambda, lambda, sizeof c.lambda);
    }
    cr_assert_eq(o->error.status, HO_OK, "%s", o->error.text);
    free(scales);
    c.ended = s->ended;
    cr_expect_eq(s->halvings, c.rejected + c.diverged);
    return c;
}

/* In the order of lambda: init_scale, learning rate, momentum, weight. */
static const double target[] = {-3, 1, 2.5, -6}, bend[] = {40, 1, 0.05, 4};

static double bowl(const double *u, double *by_u)
{
    double value = 0.2;
    for (int64_t i = 0; i < o->size; i++) {
        double d = u[i] - target[i];
        value += bend[i] * d * d / 2;
        by_u[i] = bend[i] * d;
    }
    return value;
}

/* A curved valley (Rosenbrock) of the first two. */
static double valley(const double *u, double *by_u)
{
    double x = u[0] + 3, y = u[1], across = y - x * x, along = 1 - x;
    memset(by_u, 0, (size_t)o->size * sizeof *by_u);
    by_u[0] = -40 * across * x - 2 * along;
    by_u[1] = 20 * across;
    return 1 + 10 * across * across + along * along;
}

/* The bowl, where training diverges not far beyond the least. */
static double cliff(const double *u, double *by_u)
{
    return u[0] < -3.05 || u[3] > -1 ? (double)NAN : bowl(u, by_u);
}

static int draws;
static double noise(const double *u, double *by_u)
{
    double value = bowl(u, by_u);
    return value > 0.2 ? 5 + 1e-3 * ho_uniform(3, 1, (uint64_t)draws++) : value;
}

static double level(const double *u, double *by_u)
{
    (void)u;
    memset(by_u, 0, (size_t)o->size * sizeof *by_u);
    return 3;
}

/* Falls for ever, as far as it can be measured. */
static double slope(const double *u, double *by_u)
{
    memset(by_u, 0, (size_t)o->size * sizeof *by_u);
    by_u[0] = exp(u[0]);
    return 1 + exp(u[0]);
}

#define RATE_FREE \
    "stop=null", "outer/plugin=null", "outer/learning_rate=null", "outer/schedule=null", "outer/every=null"

static ho_strategy *start(const char *more, const char *most)
{
    o = online_open((const char *const[]){RATE_FREE, more ? more : "outer/iterations=100", most, NULL});
    cr_assert_eq(o->size, 4);
    ho_strategy *s = ho_strategy_new(o->pipeline, o->training, &o->error);
    cr_assert_not_null(s, "%s", o->error.text);
    return s;
}

static void expect_target(const course *c, double within)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(o->training, &count);
    for (size_t i = 0; i < count; i++)
        if (hypers[i].tuned)
            cr_expect_float_eq(ho_scale_to(hypers[i].step_scale, c->lambda[hypers[i].offset]), target[hypers[i].offset],
                               within, "%s is %g", hypers[i].name, c->lambda[hypers[i].offset]);
}

Test(line_search, finds_the_least_of_a_bowl_of_any_shape_within_few_iterations)
{
    ho_strategy *s = start("outer/iterations=60", "outer/tolerance=1e-5");
    course c = descend(s, bowl);
    expect_target(&c, 1e-3);
    cr_expect_leq(c.asked, 30, "%d iterations", c.asked);
    cr_expect_str_eq(c.ended, "the projected hypergradient is within the tolerance");
    ho_strategy_free(s);
}

Test(line_search, follows_a_curved_valley)
{
    ho_strategy *s = start("outer/iterations=100", NULL);
    course c = descend(s, valley);
    cr_expect_lt(c.least, 1.001, "%g after %d", c.least, c.asked);
    cr_expect_leq(c.asked, 60, "%d iterations", c.asked);
    ho_strategy_free(s);
}

Test(line_search, a_step_off_a_cliff_is_followed_by_shorter_ones)
{
    ho_strategy *s = start("outer/iterations=100", "outer/tolerance=1e-4");
    course c = descend(s, cliff);
    expect_target(&c, 0.2);
    cr_expect_lt(c.least, 0.201, "%g", c.least);
    ho_strategy_free(s);
}

Test(line_search, the_tolerance_says_when_it_ends)
{
    ho_strategy *s = start("outer/iterations=60", "outer/tolerance=0.5");
    course loose = descend(s, bowl);
    ho_strategy_free(s);
    online_close(o);
    s = start("outer/iterations=60", "outer/tolerance=1e-6");
    course tight = descend(s, bowl);
    cr_expect_lt(loose.asked, tight.asked);
    cr_expect_gt(loose.least, tight.least);
    ho_strategy_free(s);
}

Test(line_search, says_why_it_ended)
{
    ho_strategy *s = start("outer/iterations=7", NULL);
    course c = descend(s, valley);
    cr_expect_eq(c.asked, 8, "as many hypergradients, and the last training");
    cr_expect(strstr(c.ended, "requested number of iterations"), "%s", c.ended);
    ho_strategy_free(s);
    s = ho_strategy_new(o->pipeline, o->training, &o->error);
    c = descend(s, level);
    cr_expect_eq(c.asked, 1);
    cr_expect(strstr(c.ended, "within the tolerance"), "%s", c.ended);
    ho_strategy_free(s);
    online_close(o);
    s = start("outer/iterations=90", "outer/tolerance=0");
    c = descend(s, noise);
    cr_expect(strstr(c.ended, "noisy"), "%s", c.ended);
    cr_expect_leq(c.rejected, 60);
    ho_strategy_free(s);
    s = ho_strategy_new(o->pipeline, o->training, &o->error);
    c = descend(s, slope);
    cr_expect(strstr(c.ended, "rounding"), "%s after %d", c.ended, c.asked);
    ho_strategy_free(s);
}

/* momentum within a box that leaves its target out. */
Test(line_search, ends_at_the_bound_of_a_constraint)
{
    ho_strategy *s =
        start("outer/iterations=60", "hyperparameters/dynamics.momentum/constraint={plugin: box, upper: 0.71}");
    course c = descend(s, bowl);
    cr_expect(strstr(c.ended, "within the tolerance"), "%s", c.ended);
    cr_expect_float_eq(c.least, 0.2 + bend[2] * pow(log(0.71 / 0.29) - target[2], 2) / 2, 1e-3, "%g", c.least);
    ho_strategy_free(s);
}

/* ---- the model --------------------------------------------------------------------------------------------------- */

static const double matrix[3][3] = {{4, 1, 0}, {1, 3, -1}, {0, -1, 2}};

static void product(const double *v, double *out)
{
    for (int i = 0; i < 3; i++)
        out[i] = ho_dot(matrix[i], v, 3);
}

static ho_status anywhere(void *self, double *u)
{
    (void)self, (void)u;
    return HO_OK;
}

static ho_status not_below_zero(void *self, double *u)
{
    (void)self;
    for (int i = 0; i < 3; i++)
        u[i] = fmax(u[i], 0);
    return HO_OK;
}

static ho_status breaks(void *self, double *u)
{
    (void)self, (void)u;
    return HO_DIVERGED;
}

/* After steps along three conjugate directions BFGS knows the matrix. */
static ho_curvature *taught(void)
{
    static const double conjugate[3][3] = {{1, 0, 0}, {-1, 4, 0}, {-1, 4, 11}};
    ho_curvature *c = ho_curvature_new(3, 1);
    for (int k = 0; k < 3; k++) {
        double y[3];
        product(conjugate[k], y);
        cr_assert(ho_curvature_learn(c, conjugate[k], y));
    }
    return c;
}

Test(curvature, the_step_is_newtons_once_it_knows_the_matrix)
{
    static const double u[3] = {1, 1, 1}, g[3] = {1, -2, 3};
    double p[3], Bp[3];
    ho_curvature *c = taught();
    cr_assert_eq(ho_curvature_step(c, u, g, anywhere, NULL, p), HO_OK);
    product(p, Bp);
    for (int i = 0; i < 3; i++)
        cr_expect_float_eq(Bp[i], -g[i], 1e-4, "%g instead of %g", Bp[i], -g[i]);
    cr_expect_eq(ho_curvature_step(c, u, g, breaks, NULL, p), HO_DIVERGED);
    ho_curvature_free(c);
}

Test(curvature, the_step_stays_within_constraints_and_is_the_best_there)
{
    static const double u[3] = {0.1, 0.1, 0.1}, g[3] = {1, -2, 3};
    double p[3], Bp[3];
    ho_curvature *c = taught();
    cr_assert_eq(ho_curvature_step(c, u, g, not_below_zero, NULL, p), HO_OK);
    product(p, Bp);
    for (int i = 0; i < 3; i++) {
        cr_expect_geq(u[i] + p[i], -1e-15);
        if (u[i] + p[i] > 1e-6)
            cr_expect_float_eq(Bp[i] + g[i], 0, 1e-4, "entry %d is free", i);
        else
            cr_expect_gt(Bp[i] + g[i], 0, "entry %d is held by its bound", i);
    }
    cr_expect(u[1] + p[1] > 0.1 && u[2] + p[2] < 1e-9);
    ho_curvature_free(c);
}

Test(curvature, learns_only_where_the_error_is_convex)
{
    static const double u[2] = {0, 0}, g[2] = {1, 2}, s[2] = {1, 1}, up[2] = {-1, 0.5}, down[2] = {3, 1};
    double p[2];
    ho_curvature *c = ho_curvature_new(2, 5);
    cr_expect_not(ho_curvature_learn(c, s, up));
    cr_assert_eq(ho_curvature_step(c, u, g, anywhere, NULL, p), HO_OK);
    cr_expect_float_eq(p[0], -0.2, 1e-12);
    cr_expect_float_eq(p[1], -0.4, 1e-12);
    cr_expect(ho_curvature_learn(c, s, down));
    ho_curvature_loosen(c); /* a tenth of y y / s y = 2.5 */
    cr_assert_eq(ho_curvature_step(c, u, g, anywhere, NULL, p), HO_OK);
    cr_expect_float_eq(p[0], -4, 1e-12);
    ho_curvature_forget(c, 2);
    cr_assert_eq(ho_curvature_step(c, u, g, anywhere, NULL, p), HO_OK);
    cr_expect_float_eq(p[1], -1, 1e-12);
    ho_curvature_free(c);
}

/* More steps than it remembers, on a matrix of twenty entries: the last ones are right. */
Test(curvature, of_many_steps_the_last_are_remembered)
{
    enum { SIZE = 20 };
    double s[SIZE], y[SIZE], p[SIZE], u[SIZE] = {0};
    ho_curvature *c = ho_curvature_new(SIZE, 1);
    for (int k = 0; k < SIZE; k++) {
        for (int i = 0; i < SIZE; i++) {
            s[i] = i == k;
            y[i] = (i + 1) * s[i];
        }
        cr_assert(ho_curvature_learn(c, s, y));
    }
    for (int i = 0; i < SIZE; i++)
        y[i] = 1;
    cr_assert_eq(ho_curvature_step(c, u, y, anywhere, NULL, p), HO_OK);
    for (int i = SIZE - 10; i < SIZE; i++)
        cr_expect_float_eq(p[i], -1.0 / (i + 1), 1e-4, "%d", i);
    for (int i = 0; i < SIZE - 10; i++)
        cr_expect_float_eq(p[i], -1.0 / SIZE, 1e-4, "%d is forgotten", i);
    ho_curvature_free(c);
}
