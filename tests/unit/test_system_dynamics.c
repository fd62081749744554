/* Dynamics that do what ours do not: gradients at other points, a trace for each tensor, slots that start somewhere;
 * and dynamics as optimizers of a plain vector. */
#include "small_problem.h"

#include "host/descriptor.h"
#include "system/internal.h"
#include "system/optimizer.h"

static void expect_text(const char *text, const char *part)
{
    cr_expect(strstr(text, part), "\"%s\" should say \"%s\"", text, part);
}

/* ---- plugins of the test ----------------------------------------------------------------------------------------- */

static const ho_hyper rate_only[] = {
    {.name = "learning_rate", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "step size"}};
static const ho_hyper rate_of_step[] = {
    {.name = "learning_rate", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "step size", .shape = "steps"}};
static const ho_slot velocity[] = {{.name = "v", .doc = "velocity"}};
static const ho_slot anchor[] = {{.name = "v", .doc = "where it began", .initial = "2*w + learning_rate"}};

static ho_status nesterov(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "v", "0.9*v - learning_rate*grad(w + 0.9*v)");
    ho_let(x, "w", "w + v");
    return ho_ok(x);
}

/* The gradient at zero, and at the gradient: points whose graphs fold into the objective's own. */
static ho_status odd_points(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "w", "w - learning_rate*(grad(0*w) + grad(g) + grad(w) - g)");
    return ho_ok(x);
}

static ho_status plain(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "w", "w - learning_rate*g");
    return ho_ok(x);
}

/* Divides by the norm of what it is traced over: all weights, or each tensor. */
static ho_status normalised(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "w", "w - learning_rate*g*rsqrt(sum(g^2))");
    return ho_ok(x);
}

static ho_status anchored(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "w", "w - learning_rate*(g + v)");
    return ho_ok(x);
}

static ho_status misshapen(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "w", "sum(g)");
    return ho_ok(x);
}

static ho_status gradient_of_tensor(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "w", "grad(w)");
    return ho_ok(x);
}

/* An instance of dynamics made up here; the arena lives as long as the problem. */
static ho_instance *invent(small *s, ho_status (*step)(void *, ho_trace *), uint32_t granularity, ho_table hypers,
                           ho_table slots)
{
    ho_dynamics_calls *calls = ho_arena_alloc(s->arena, sizeof *calls);
    *calls =
        (ho_dynamics_calls){.struct_size = sizeof *calls, .granularity = granularity, .slots = slots, .step = step};
    ho_plugin *plugin = ho_arena_alloc(s->arena, sizeof *plugin);
    *plugin = (ho_plugin){HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "invented", .version = "1",
                          .doc = "of a test",          .hypers = hypers,   .calls = calls};
    ho_loaded *loaded = ho_arena_alloc(s->arena, sizeof *loaded);
    cr_assert_eq(ho_descriptor_read(plugin, sizeof *plugin, "invented.so", s->arena, loaded, &s->error), HO_OK, "%s",
                 s->error.text);
    ho_instance *instance = ho_instance_new(loaded, "dynamics", NULL, NULL, (ho_place){"small.yaml", 2, 1}, &s->error);
    cr_assert_not_null(instance, "%s", s->error.text);
    return s->instances[s->instance_count++] = instance;
}

static small *with(ho_status (*step)(void *, ho_trace *), uint32_t granularity, ho_table hypers, ho_table slots)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F64});
    s->problem.dynamics = invent(s, step, granularity, hypers, slots);
    small_fix(s, "mtl.rho", 0.2);
    small_tune(s, "model.init_scale", 0.8);
    return s;
}

#define RATE HO_TABLE(rate_only)
#define NO_SLOTS   \
    {              \
        NULL, 0, 0 \
    }

/* The gradient at a point, as sgd with rate 1 sees it: w - next. */
static void gradient_at(ho_training *sgd, const double *lambda, const double *point, double *g)
{
    ho_system *system = ho_training_system(sgd);
    ho_vector *state = system->api->vector_new(system, 1), *next = system->api->vector_new(system, 1);
    memcpy(state->segments[0], point, (size_t)sgd->layout.size * sizeof *point);
    cr_assert_eq(system->api->step(system, 1, lambda, state, next), HO_OK);
    for (int64_t i = 0; i < sgd->layout.size; i++)
        g[i] = point[i] - ((const double *)next->segments[0])[i];
    system->api->vector_free(system, state);
    system->api->vector_free(system, next);
}

static ho_training *sgd_of_rate_one(small **s)
{
    *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F64});
    small_fix(*s, "mtl.rho", 0.2);
    small_fix(*s, "dynamics.learning_rate", 1.0);
    small_tune(*s, "model.init_scale", 0.8);
    return small_training(*s);
}

static void expect_near(const double *a, const double *b, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        cr_expect_float_eq(a[i], b[i], 1e-12, "entry %d: %.15g, due %.15g", (int)i, a[i], b[i]);
}

Test(system_dynamics, grad_is_the_gradient_at_another_point)
{
    small *s = with(nesterov, HO_WHOLE, (ho_table)RATE, (ho_table)HO_TABLE(velocity)), *plain_s;
    ho_training *training = small_training(s), *sgd = sgd_of_rate_one(&plain_s);
    ho_system *system = ho_training_system(training);
    double lambda[1] = {0.8}, w[(SMALL_D + 1) * SMALL_K], v[(SMALL_D + 1) * SMALL_K] = {0},
           ahead[(SMALL_D + 1) * SMALL_K], g[(SMALL_D + 1) * SMALL_K];
    ho_vector *state;
    small_run(training, lambda, 0, &state);
    memcpy(w, state->segments[0], sizeof w);
    system->api->vector_free(system, state);
    for (int t = 0; t < 5; t++) {
        for (int64_t i = 0; i < training->layout.size; i++)
            ahead[i] = w[i] + 0.9 * v[i];
        gradient_at(sgd, lambda, ahead, g);
        for (int64_t i = 0; i < training->layout.size; i++) {
            v[i] = 0.9 * v[i] - 0.01 * g[i];
            w[i] += v[i];
        }
    }
    small_run(training, lambda, 5, &state);
    expect_near(state->segments[0], w, training->layout.size);
    system->api->vector_free(system, state);
    ho_training_free(training);
    ho_training_free(sgd);
    small_free(s);
    small_free(plain_s);
}

Test(system_dynamics, grad_is_right_at_constant_points_and_at_gradients)
{
    small *s = with(odd_points, HO_WHOLE, (ho_table)RATE, (ho_table)NO_SLOTS), *plain_s;
    ho_training *training = small_training(s), *sgd = sgd_of_rate_one(&plain_s);
    ho_system *system = ho_training_system(training);
    double lambda[1] = {0.8}, w[(SMALL_D + 1) * SMALL_K], zero[(SMALL_D + 1) * SMALL_K] = {0},
           g[3][(SMALL_D + 1) * SMALL_K];
    ho_vector *state;
    small_run(training, lambda, 0, &state);
    memcpy(w, state->segments[0], sizeof w);
    system->api->vector_free(system, state);
    gradient_at(sgd, lambda, w, g[0]);
    gradient_at(sgd, lambda, zero, g[1]);
    gradient_at(sgd, lambda, g[0], g[2]);
    for (int64_t i = 0; i < training->layout.size; i++)
        w[i] -= 0.01 * (g[1][i] + g[2][i]);
    small_run(training, lambda, 1, &state);
    expect_near(state->segments[0], w, training->layout.size);
    system->api->vector_free(system, state);
    ho_training_free(training);
    ho_training_free(sgd);
    small_free(s);
    small_free(plain_s);
}

/* Forward, reverse and central differences agree through gradients at other points and through traces by tensor. */
static void expect_hypergradient(small *s)
{
    ho_training *training = small_training(s);
    double lambda[64], forward[64], reverse[64], moved[64], value[2];
    int64_t size = ho_training_lambda_size(training);
    ho_training_lambda_initial(training, lambda);
    small_hypergradient(s, training, "forward", lambda, 12, forward);
    small_hypergradient(s, training, "reverse", lambda, 12, reverse);
    for (int64_t i = 0; i < size; i++) {
        cr_expect_float_eq(forward[i], reverse[i], 1e-10 * fabs(reverse[i]) + 1e-15);
        for (int k = 0; k < 2; k++) {
            memcpy(moved, lambda, sizeof moved);
            moved[i] += k ? 1e-6 : -1e-6;
            value[k] = small_run(training, moved, 12, NULL);
        }
        double slope = (value[1] - value[0]) / 2e-6;
        cr_expect_float_eq(reverse[i], slope, 1e-6 * fabs(slope) + 1e-9, "entry %d: %g, differences %g", (int)i,
                           reverse[i], slope);
    }
    ho_training_free(training);
}

Test(system_dynamics, hypergradients_pass_through_gradients_at_other_points)
{
    small *s = with(nesterov, HO_WHOLE, (ho_table)RATE, (ho_table)HO_TABLE(velocity));
    small_tune(s, "dynamics.learning_rate", 0.01);
    expect_hypergradient(s);
    small_free(s);
}

Test(system_dynamics, per_tensor_traces_see_each_tensor_by_itself)
{
    double *next[3];
    static ho_status (*const steps[3])(void *, ho_trace *) = {plain, plain, normalised};
    static const uint32_t granularity[3] = {HO_WHOLE, HO_PER_TENSOR, HO_PER_TENSOR};
    const int64_t n = (SMALL_D + 1) * SMALL_K;
    double lambda[1] = {0.8};
    for (int i = 0; i < 3; i++) {
        small *s = with(steps[i], granularity[i], (ho_table)RATE, (ho_table)NO_SLOTS);
        ho_training *training = small_training(s);
        ho_system *system = ho_training_system(training);
        ho_vector *states[2];
        next[i] = calloc((size_t)n, sizeof **next);
        for (int k = 0; k < 2; k++)
            small_run(training, lambda, k, &states[k]);
        system->api->axpby(system, -1.0, states[0], 1.0, states[1]);
        memcpy(next[i], states[1]->segments[0], (size_t)n * sizeof **next);
        for (int k = 0; k < 2; k++)
            system->api->vector_free(system, states[k]);
        ho_training_free(training);
        small_free(s);
    }
    expect_near(next[1], next[0], n);
    double w = 0.0, b = 0.0;
    for (int64_t i = 0; i < n; i++)
        *(i < SMALL_D * SMALL_K ? &w : &b) += next[2][i] * next[2][i];
    cr_expect_float_eq(sqrt(w), 0.01, 1e-14, "each tensor moves by the rate");
    cr_expect_float_eq(sqrt(b), 0.01, 1e-14, "each tensor moves by the rate");
    for (int i = 0; i < 3; i++)
        free(next[i]);

    small *s = with(normalised, HO_PER_TENSOR, (ho_table)RATE, (ho_table)NO_SLOTS);
    small_tune(s, "dynamics.learning_rate", 0.02);
    expect_hypergradient(s);
    small_free(s);
}

Test(system_dynamics, slots_start_where_their_formula_says)
{
    for (uint32_t granularity = HO_WHOLE; granularity <= HO_PER_TENSOR; granularity++) {
        small *s = with(anchored, granularity, (ho_table)RATE, (ho_table)HO_TABLE(anchor));
        ho_training *training = small_training(s);
        double lambda[1] = {0.8};
        ho_vector *state;
        small_run(training, lambda, 0, &state);
        const double *w = state->segments[0], *v = state->segments[1];
        for (int64_t i = 0; i < training->layout.size; i++)
            cr_expect_float_eq(v[i], 2.0 * w[i] + 0.01, 1e-15);
        cr_expect(fabs(w[0]) > 1e-3);
        ho_training_system(training)->api->vector_free(ho_training_system(training), state);
        ho_training_free(training);
        small_tune(s, "dynamics.learning_rate", 0.01);
        expect_hypergradient(s);
        small_free(s);
    }
}

/* A training that starts from given weights: its slots start there too, and it is a constant. */
Test(system_dynamics, a_training_may_start_from_given_weights)
{
    for (int whole = 0; whole < 2; whole++) {
        small *s = with(anchored, whole ? HO_WHOLE : HO_PER_TENSOR, (ho_table)RATE, (ho_table)HO_TABLE(anchor));
        small_fix(s, "dynamics.learning_rate", 0.25);
        ho_training *training = small_training(s);
        ho_system *system = ho_training_system(training);
        const ho_system_api *api = system->api;
        ho_vector *state = api->vector_new(system, 1), *other = api->vector_new(system, 1);
        double lambda[8], gradient[8] = {7.0}, seeds[8] = {1.0}, norm;
        ho_training_lambda_initial(training, lambda);
        cr_assert_eq(api->initial(system, lambda, state), HO_OK);
        api->axpby(system, 0.0, state, 3.0, state);
        cr_assert_eq(ho_training_start_from(training, lambda, state), HO_OK);
        api->zero(system, other);
        cr_assert_eq(api->initial(system, lambda, other), HO_OK);
        const double *w = state->segments[0], *start = other->segments[0], *v = other->segments[1];
        for (int64_t i = 0; i < training->layout.size; i++) {
            cr_expect_float_eq(start[i], w[i], 0);
            cr_expect_float_eq(v[i], 2 * w[i] + 0.25, 1e-14);
        }
        cr_assert_eq(api->initial_jvp(system, lambda, 1, seeds, other), HO_OK);
        api->norms(system, other, &norm);
        cr_expect_float_eq(norm, 0.0, 0);
        cr_assert_eq(api->initial_vjp(system, lambda, state, gradient), HO_OK);
        cr_expect_float_eq(gradient[0], 7.0, 0);
        api->vector_free(system, state);
        api->vector_free(system, other);
        ho_training_free(training);
        small_free(s);
    }
}

Test(system_dynamics, a_rate_for_each_step_has_a_gradient_for_each_step)
{
    small *s = with(plain, HO_WHOLE, (ho_table)HO_TABLE(rate_of_step), (ho_table)NO_SLOTS);
    s->problem.steps = 12;
    small_tune(s, "dynamics.learning_rate", 0.01);
    expect_hypergradient(s);
    small_free(s);
}

Test(system_dynamics, wrong_traces_are_refused_with_plugin_and_shapes)
{
    small *s = with(misshapen, HO_WHOLE, (ho_table)RATE, (ho_table)NO_SLOTS);
    const char *text = small_refusal(s);
    expect_text(text, "invented");
    expect_text(text, "\"w\"");
    expect_text(text, "(56)");
    small_free(s);

    s = with(gradient_of_tensor, HO_PER_TENSOR, (ho_table)RATE, (ho_table)NO_SLOTS);
    text = small_refusal(s);
    expect_text(text, "traced for each weight tensor by itself");
    expect_text(text, "test_system_dynamics.c:");
    small_free(s);
}

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

static ho_tree *settings(small *s, const char *key, double value)
{
    ho_tree *map = ho_tree_new(s->arena, HO_TREE_MAP, (ho_place){"small.yaml", 20, 1});
    ho_tree *number = small_number(s, value);
    number->key = key;
    number->key_place = (ho_place){"small.yaml", 21, 3};
    ho_tree_append(map, number);
    return map;
}

Test(system_optimizer, is_the_dynamics_on_a_plain_vector)
{
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F32});
    ho_optimizer *o = ho_optimizer_new(s->problem.dynamics, settings(s, "learning_rate", 0.1),
                                       settings(s, "beta1", 0.5), 2, &s->error);
    cr_assert_not_null(o, "%s", s->error.text);
    double x[2] = {3.0, -1.0}, y[2] = {3.0, -1.0}, m[2] = {0}, v[2] = {0}, g[2], kept[2];
    for (int t = 1; t <= 20; t++) {
        for (int i = 0; i < 2; i++) {
            g[i] = 2.0 * y[i] * (i + 1);
            m[i] = 0.5 * m[i] + 0.5 * g[i];
            v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
            y[i] -= 0.1 * sqrt(1 - pow(0.999, t)) / (1 - pow(0.5, t)) * m[i] / sqrt(v[i] + 1e-10);
        }
        cr_assert_eq(ho_optimizer_step(o, x, g, 1.0, &s->error), HO_OK);
        cr_expect_float_eq(x[0], y[0], 1e-12);
        cr_expect_float_eq(x[1], y[1], 1e-12);
    }
    /* Going back: the same step again, then half of it. */
    ho_snapshot before = {0};
    ho_snapshot_save(&before);
    ho_optimizer_pass(o, &before);
    double z[2][2] = {{x[0], x[1]}, {x[0], x[1]}};
    memcpy(kept, x, sizeof kept);
    ho_optimizer_step(o, x, g, 1.0, &s->error);
    ho_snapshot_restore(&before);
    ho_optimizer_pass(o, &before);
    ho_optimizer_step(o, z[0], g, 1.0, &s->error);
    cr_expect_arr_eq(z[0], x, sizeof x);
    ho_snapshot_restore(&before);
    ho_optimizer_pass(o, &before);
    ho_optimizer_step(o, z[1], g, 0.5, &s->error);
    for (int i = 0; i < 2; i++)
        cr_expect_float_eq(z[1][i], 0.5 * (kept[i] + x[i]), 1e-14);
    g[1] = NAN;
    cr_expect_eq(ho_optimizer_step(o, x, g, 1.0, &s->error), HO_DIVERGED);
    expect_text(s->error.text, "entry 1 becomes NaN");
    ho_snapshot_free(&before);
    ho_optimizer_free(o);
    small_free(s);
}

Test(system_optimizer, per_tensor_dynamics_and_slot_formulas_work_too)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F32});
    ho_instance *dynamics = invent(s, anchored, HO_PER_TENSOR, (ho_table)RATE, (ho_table)HO_TABLE(anchor));
    ho_optimizer *o = ho_optimizer_new(dynamics, NULL, NULL, 1, &s->error);
    cr_assert_not_null(o, "%s", s->error.text);
    double x = 3.0, g = 1.0;
    ho_snapshot before = {0};
    ho_optimizer_pass(o, &before);
    for (int again = 0; again < 2; again++) {
        x = 3.0 + again;
        cr_assert_eq(ho_optimizer_step(o, &x, &g, 1.0, &s->error), HO_OK);
        cr_expect_float_eq(x, 3.0 + again - 0.01 * (1.0 + 2.0 * (3.0 + again) + 0.01), 1e-14);
        ho_snapshot_restore(&before);
        ho_optimizer_pass(o, &before);
    }
    ho_snapshot_free(&before);
    ho_optimizer_free(o);
    small_free(s);
}

Test(system_optimizer, wrong_settings_are_refused_at_their_place)
{
    static const struct {
        const char *key, *says;
        double value;
        bool over;
    } cases[] = {
        {"learning_rat",
         "small.yaml:21:3: dynamics \"adam\" has no hyperparameter \"learning_rat\"; did you mean "
         "\"learning_rate\"?",
         1, false},
        {"epsilon", "has no hyperparameter \"epsilon\"", 1e-6, true}, /* an option: fixed with the instance */
        {"beta1", "beta1: 1.5 is outside its domain [0, 0.999999]", 1.5, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F32});
        ho_tree *map = settings(s, cases[i].key, cases[i].value);
        cr_expect_null(ho_optimizer_new(s->problem.dynamics, cases[i].over ? NULL : map, cases[i].over ? map : NULL, 3,
                                        &s->error));
        cr_expect_eq(s->error.status, HO_INVALID);
        expect_text(s->error.text, cases[i].says);
        small_free(s);
    }
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F32});
    cr_expect_null(ho_optimizer_new(invent(s, plain, HO_WHOLE, (ho_table)HO_TABLE(rate_of_step), (ho_table)NO_SLOTS),
                                    NULL, NULL, 3, &s->error));
    expect_text(s->error.text, "its learning_rate is not a scalar");
    small_free(s);
}
