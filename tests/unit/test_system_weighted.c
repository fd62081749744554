/* Weights of single training examples: what they do to training, their derivatives by both modes, and what is refused.
 */
#include "small_problem.h"

#include <unistd.h>

#include "base/npy.h"

static const struct {
    const char *dynamics;
    int64_t batch;
} settings[] = {{"adam", 0}, {"adam", 7}, {"momentum", 0}, {"sgd", 10}};
#define SETTINGS (sizeof settings / sizeof *settings)

/* Weights between 0 and 2, some of them 0. */
static double weight_of(int64_t i)
{
    return i % 5 == 4 ? 0.0 : 2.0 * ho_uniform(9, 9, (uint64_t)i);
}

static small *weighted(const char *dynamics, ho_precision precision, int64_t batch)
{
    small *s = small_new((small_options){.dynamics = dynamics, .precision = precision, .batch = batch});
    s->objective[0].per_example = true;
    s->objective[0].weights_place = (ho_place){"small.yaml", 9, 4};
    return s;
}

static ho_tree *weights_tree(small *s, int64_t count)
{
    double values[2 * SMALL_N];
    for (int64_t i = 0; i < count; i++)
        values[i] = weight_of(i);
    return small_list(s, values, (size_t)count);
}

static double error_of(small *s)
{
    ho_training *training = small_training(s);
    double *lambda = ho_alloc((size_t)(ho_training_lambda_size(training) + 1) * sizeof *lambda);
    ho_training_lambda_initial(training, lambda);
    double value = small_run(training, lambda, s->problem.steps, NULL);
    free(lambda);
    ho_training_free(training);
    return value;
}

static double distance(const double *a, const double *b, int64_t count)
{
    double sum = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (a[i] - b[i]) * (a[i] - b[i]);
        size += a[i] * a[i];
    }
    return sqrt(sum / size);
}

Test(weighted, hypergradients_agree_with_each_other_and_with_differences)
{
    for (size_t k = 0; k < SETTINGS; k++) {
        small *s = weighted(settings[k].dynamics, HO_F64, settings[k].batch);
        s->objective[0].mean = k % 2;
        small_set(s, "ce.weights", weights_tree(s, SMALL_N), true);
        small_tune_all(s);
        ho_training *training = small_training(s);
        int64_t size = ho_training_lambda_size(training);
        double *lambda = ho_alloc((size_t)size * sizeof *lambda), *moved = ho_alloc((size_t)size * sizeof *moved);
        double *forward = ho_alloc((size_t)size * sizeof *forward), *reverse = ho_alloc((size_t)size * sizeof *reverse);
        ho_training_lambda_initial(training, lambda);
        small_hypergradient(s, training, "forward", lambda, SMALL_T, forward);
        small_hypergradient(s, training, "reverse", lambda, SMALL_T, reverse);
        cr_expect_leq(distance(reverse, forward, size), 1e-10, "%s, batch %d", settings[k].dynamics,
                      (int)settings[k].batch);

        size_t count;
        const ho_hyperparameter *h = ho_training_hypers(training, &count);
        while (strcmp(h->name, "ce.weights") != 0)
            h++;
        cr_assert(h->tuned && h->rank == 1 && h->dims[0] == SMALL_N);
        for (uint64_t draw = 0; draw < 3; draw++) {
            double exact = 0, side[2], off = INFINITY;
            for (int64_t i = 0; i < SMALL_N; i++)
                exact += reverse[h->offset + i] * ho_normal_number(3, draw, (uint64_t)i);
            /* Adam bends sharply where a gradient passes 0: the step has to be short, but not how short it is known. */
            for (double step = 1e-4; step > 1e-8; step *= 0.1) {
                for (int k2 = 0; k2 < 2; k2++) {
                    memcpy(moved, lambda, (size_t)size * sizeof *moved);
                    for (int64_t i = 0; i < SMALL_N; i++)
                        moved[h->offset + i] += (k2 ? -step : step) * ho_normal_number(3, draw, (uint64_t)i);
                    side[k2] = small_run(training, moved, SMALL_T, NULL);
                }
                off = fmin(off, fabs((side[0] - side[1]) / (2 * step) - exact));
            }
            cr_expect_leq(off, 1e-6 * fabs(exact), "%s, batch %d: off by %g from %g", settings[k].dynamics,
                          (int)settings[k].batch, off, exact);
            cr_expect_gt(fabs(exact), 1e-6, "a direction that changes nothing proves nothing");
        }
        free(lambda);
        free(moved);
        free(forward);
        free(reverse);
        ho_training_free(training);
        small_free(s);
    }
}

Test(weighted, an_example_of_weight_0_has_no_say)
{
    for (size_t k = 0; k < SETTINGS; k++) {
        double value[3];
        for (int change = 0; change < 3; change++) {
            small *s = weighted(settings[k].dynamics, HO_F64, settings[k].batch);
            small_set(s, "ce.weights", weights_tree(s, SMALL_N), false);
            /* Other labels where the weight is 0, then where it is not. */
            for (int64_t i = 0; i < SMALL_N; i++)
                if ((change == 1 && i % 5 == 4) || (change == 2 && i % 5 == 3))
                    s->targets[0].values[i] = (double)(((int64_t)s->targets[0].values[i] + 1) % SMALL_K);
            value[change] = error_of(s);
            small_free(s);
        }
        cr_expect_eq(value[0], value[1], "%s, batch %d", settings[k].dynamics, (int)settings[k].batch);
        cr_expect_neq(value[0], value[2], "%s, batch %d", settings[k].dynamics, (int)settings[k].batch);
    }
}

Test(weighted, an_example_of_weight_2_counts_as_two)
{
    small *s = weighted("sgd", HO_F64, 0), *twice = small_new((small_options){.dynamics = "sgd", .precision = HO_F64});
    double weights[SMALL_N];
    for (int i = 0; i < SMALL_N; i++)
        weights[i] = i < 3 ? 2.0 : 1.0;
    small_set(s, "ce.weights", small_list(s, weights, SMALL_N), false);
    ho_examples *all = &twice->training;
    all->count = SMALL_N + 3;
    all->x64 = realloc(all->x64, (size_t)(all->count * SMALL_D) * sizeof(double));
    twice->targets[0].values = realloc(twice->targets[0].values, (size_t)all->count * sizeof(double));
    memcpy(all->x64 + SMALL_N * SMALL_D, all->x64, 3 * SMALL_D * sizeof(double));
    memcpy(twice->targets[0].values + SMALL_N, twice->targets[0].values, 3 * sizeof(double));
    double a = error_of(s), b = error_of(twice);
    cr_expect_leq(fabs(a - b), 1e-12 * fabs(b), "%.17g, %.17g", a, b);
    small_free(s);
    small_free(twice);
}

Test(weighted, weights_of_1_change_nothing)
{
    for (size_t k = 0; k < SETTINGS; k++) {
        small *s = weighted(settings[k].dynamics, HO_F64, settings[k].batch);
        small_tune(s, "ce.weights", 1.0);
        small *plain = small_new(
            (small_options){.dynamics = settings[k].dynamics, .precision = HO_F64, .batch = settings[k].batch});
        double a = error_of(s), b = error_of(plain);
        cr_expect_leq(fabs(a - b), 1e-13 * fabs(b), "%s: %.17g, %.17g", settings[k].dynamics, a, b);
        small_free(plain);
        small_free(s);
    }
}

/* The final training: weights for the first examples, 1 for those behind them. */
Test(weighted, may_be_the_first_examples_alone)
{
    const int64_t first = 15;
    for (size_t k = 0; k < SETTINGS; k++) {
        double value[2];
        for (int some = 0; some < 2; some++) {
            small *s = weighted(settings[k].dynamics, HO_F64, settings[k].batch);
            double weights[SMALL_N];
            for (int64_t i = 0; i < SMALL_N; i++)
                weights[i] = i < first ? weight_of(i) : 1.0;
            s->problem.weighted = some ? first : 0;
            small_set(s, "ce.weights", small_list(s, weights, (size_t)(some ? first : SMALL_N)), some == 1);
            value[some] = error_of(s);
            small_free(s);
        }
        cr_expect_eq(value[0], value[1], "%s, batch %d", settings[k].dynamics, (int)settings[k].batch);
    }
}

Test(weighted, the_objective_is_that_of_all_examples)
{
    double value[2];
    for (int k = 0; k < 2; k++) {
        small *s = weighted("adam", HO_F64, k ? 7 : 0);
        s->objective[0].mean = true;
        small_set(s, "ce.weights", weights_tree(s, SMALL_N), true);
        ho_training *training = small_training(s);
        ho_system *system = ho_training_system(training);
        double lambda[SMALL_N];
        ho_training_lambda_initial(training, lambda);
        ho_vector *state = system->api->vector_new(system, 1);
        cr_assert_eq(system->api->initial(system, lambda, state), HO_OK);
        cr_assert_eq(ho_training_objective(training, lambda, state, &value[k]), HO_OK, "%s",
                     ho_training_error(training)->text);
        system->api->vector_free(system, state);
        ho_training_free(training);
        small_free(s);
    }
    cr_expect_leq(fabs(value[0] - value[1]), 1e-13 * value[0]);
}

Test(weighted, replay_gives_the_same_bits)
{
    for (int k = 0; k < 4; k++) {
        small *s = weighted("adam", k % 2 ? HO_F32 : HO_F64, k / 2 ? 7 : 0);
        small_set(s, "ce.weights", weights_tree(s, SMALL_N), true);
        ho_training *training = small_training(s);
        ho_system *system = ho_training_system(training);
        const ho_system_api *api = system->api;
        double lambda[SMALL_N], d[SMALL_N] = {1.0}, apart, moved;
        ho_training_lambda_initial(training, lambda);
        ho_vector *state = api->vector_new(system, 1), *next = api->vector_new(system, 1);
        ho_vector *again = api->vector_new(system, 1), *z = api->vector_new(system, 1),
                  *out = api->vector_new(system, 1);
        cr_assert_eq(api->initial(system, lambda, state), HO_OK);
        for (int64_t t = 1; t <= 5; t++) {
            cr_assert_eq(api->step(system, t, lambda, state, next), HO_OK);
            cr_assert_eq(api->step(system, t + 1, lambda, next, out), HO_OK); /* another batch in between */
            cr_assert_eq(api->jvp(system, t, lambda, state, again, 1, z, d, out), HO_OK);
            api->axpby(system, 1.0, next, -1.0, again);
            api->dot(system, again, again, &apart);
            api->dot(system, next, next, &moved);
            cr_expect(apart == 0 && moved > 0, "%g", apart);
            api->copy(system, next, state);
        }
        ho_vector *all[] = {state, next, again, z, out};
        for (int i = 0; i < 5; i++)
            api->vector_free(system, all[i]);
        ho_training_free(training);
        small_free(s);
    }
}

Test(weighted, f32_comes_near_f64)
{
    for (int batch = 0; batch <= 7; batch += 7) {
        double gradient[2][SMALL_N];
        for (int k = 0; k < 2; k++) {
            small *s = weighted("adam", k ? HO_F32 : HO_F64, batch);
            small_set(s, "ce.weights", weights_tree(s, SMALL_N), true);
            ho_training *training = small_training(s);
            double lambda[SMALL_N];
            ho_training_lambda_initial(training, lambda);
            small_hypergradient(s, training, "reverse", lambda, SMALL_T, gradient[k]);
            ho_training_free(training);
            small_free(s);
        }
        cr_expect_leq(distance(gradient[0], gradient[1], SMALL_N), 1e-3);
    }
}

Test(weighted, directions_may_be_restricted)
{
    small *s = weighted("adam", HO_F64, 0);
    small_set(s, "ce.weights", weights_tree(s, SMALL_N), true);
    ho_training *training = small_training(s);
    const ho_system_api *api = ho_training_system(training)->api;
    double lambda[SMALL_N], reverse[SMALL_N], forward[SMALL_N], two[2 * SMALL_N] = {0};
    two[3] = 0.6;
    two[7] = 0.8;
    two[SMALL_N + 11] = 1.0;
    ho_training_lambda_initial(training, lambda);
    small_hypergradient(s, training, "reverse", lambda, SMALL_T, reverse);
    ho_training_restrict_directions(training, two, 2);
    cr_expect_eq(api->directions(ho_training_system(training)), 2);
    small_hypergradient(s, training, "forward", lambda, SMALL_T, forward);
    double along = 0.6 * reverse[3] + 0.8 * reverse[7];
    for (int i = 0; i < SMALL_N; i++) {
        double wanted = along * two[i] + reverse[11] * two[SMALL_N + i];
        cr_expect_leq(fabs(forward[i] - wanted), 1e-10 * fabs(along), "entry %d: %g, %g", i, forward[i], wanted);
    }
    ho_training_restrict_directions(training, NULL, 0);
    cr_expect_eq(api->directions(ho_training_system(training)), SMALL_N);
    ho_training_free(training);
    small_free(s);
}

static void expect_text(const char *text, const char *part)
{
    cr_expect(strstr(text, part), "\"%s\" should say \"%s\"", text, part);
}

Test(weighted, what_does_not_fit_is_refused)
{
    small *s = weighted("adam", HO_F64, 0);
    s->validation_term.per_example = true;
    s->validation_term.weights_place = (ho_place){"small.yaml", 21, 5};
    const char *text = small_refusal(s);
    expect_text(text, "small.yaml:21:5: weights: the validation error has no example weights");
    small_free(s);

    s = weighted("adam", HO_F64, 0);
    small_set(s, "ce.weights", weights_tree(s, SMALL_N + 1), true);
    expect_text(small_refusal(s), "small.yaml:8:5: ce.weights: expected a list of 24, got one of 25");
    small_free(s);

    char path[64];
    snprintf(path, sizeof path, "/tmp/hotool_weights_%d.npy", (int)getpid());
    double many[SMALL_N + 6] = {0};
    s = weighted("adam", HO_F64, 0);
    cr_assert_eq(ho_npy_write_f64(path, 1, (int64_t[]){SMALL_N + 6}, many, &s->error), HO_OK);
    small_set(s, "ce.weights", small_text(s, path), false);
    text = small_refusal(s);
    expect_text(text, "small.yaml:7:3: ce.weights: ");
    expect_text(text, "has the shape (30), the hyperparameter has (24)");
    small_free(s);
    unlink(path);

    s = weighted("adam", HO_F64, 0);
    small_tune(s, "ce.weights", -0.5);
    expect_text(small_refusal(s), "ce.weights: entry (0) -0.5 is outside its domain [0, inf)");
    small_free(s);

    s = small_new((small_options){.dynamics = "adam", .precision = HO_F64});
    small_tune(s, "ce.weights", 1.0);
    expect_text(small_refusal(s), "unknown hyperparameter \"ce.weights\"");
    small_free(s);
}
