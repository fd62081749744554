/* Hypergradients through the real plugins: forward against reverse against central differences, and f32 against f64. */
#include "../unit/small_problem.h"

#include <criterion/parameterized.h>

typedef struct situation {
    char dynamics[16];
    int64_t batch;
    bool dead;
} situation;

static const situation situations[] = {
    {"sgd", 0, false},      {"sgd", 8, false},     {"sgd", 0, true},      {"sgd", 7, true},      {"momentum", 0, false},
    {"momentum", 8, false}, {"momentum", 0, true}, {"momentum", 7, true}, {"rmsprop", 0, false}, {"rmsprop", 8, false},
    {"rmsprop", 0, true},   {"rmsprop", 7, true},  {"adam", 0, false},    {"adam", 8, false},    {"adam", 0, true},
    {"adam", 7, true},      {"adamw", 0, false},   {"adamw", 8, false},   {"adamw", 0, true},    {"adamw", 7, true},
    {"adagrad", 0, false},  {"adagrad", 8, false}, {"adagrad", 0, true},  {"adagrad", 7, true},  {"nesterov", 0, false},
    {"nesterov", 8, false}, {"nesterov", 0, true}, {"nesterov", 7, true},
};

#define SITUATIONS (sizeof situations / sizeof *situations)

static struct criterion_test_params all_situations(void)
{
    return cr_make_param_array(situation, (void *)(uintptr_t)situations, SITUATIONS, NULL);
}

static double norm(const double *x, int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

static double distance(const double *x, const double *y, int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++)
        sum += (x[i] - y[i]) * (x[i] - y[i]);
    return sqrt(sum);
}

static small *open_situation(const situation *at, ho_precision precision)
{
    small *s = small_new(
        (small_options){.dynamics = at->dynamics, .precision = precision, .batch = at->batch, .dead = at->dead});
    small_tune_all(s);
    return s;
}

ParameterizedTestParameters(hypergradients, forward_is_reverse)
{
    return all_situations();
}

ParameterizedTest(situation *at, hypergradients, forward_is_reverse)
{
    small *s = open_situation(at, HO_F64);
    ho_training *training = small_training(s);
    int64_t count = ho_training_lambda_size(training);
    double *lambda = calloc((size_t)count, sizeof *lambda), *forward = calloc((size_t)count, sizeof *forward),
           *reverse = calloc((size_t)count, sizeof *reverse),
           *checkpointed = calloc((size_t)count, sizeof *checkpointed);
    ho_training_lambda_initial(training, lambda);
    double a = small_hypergradient(s, training, "forward", lambda, SMALL_T, forward);
    double b = small_hypergradient(s, training, "reverse", lambda, SMALL_T, reverse);
    cr_expect_eq(a, b, "E by forward %.17g, by reverse %.17g", a, b);
    double c = small_hypergradient(s, training, "checkpointed", lambda, SMALL_T, checkpointed);
    cr_expect(b == c && memcmp(reverse, checkpointed, (size_t)count * sizeof *reverse) == 0,
              "%s: the checkpointed mode has other bits", at->dynamics);
    size_t hyper_count;
    const ho_hyperparameter *h = ho_training_hypers(training, &hyper_count);
    for (size_t i = 0; i < hyper_count; i++) {
        if (!h[i].tuned)
            continue;
        double size = norm(reverse + h[i].offset, h[i].count);
        double error = distance(forward + h[i].offset, reverse + h[i].offset, h[i].count);
        cr_expect(size > 0.0, "%s: the hypergradient is zero", h[i].name);
        cr_expect(error <= 1e-10 * size, "%s %s: forward and reverse differ by %g of %g", at->dynamics, h[i].name,
                  error, size);
    }
    free(lambda);
    free(forward);
    free(reverse);
    free(checkpointed);
    ho_training_free(training);
    small_free(s);
}

/* The best agreement of central differences with `slope` over a sweep of widths. */
static double difference_error(ho_training *training, const double *lambda, const double *direction, double slope)
{
    int64_t count = ho_training_lambda_size(training);
    double *moved = calloc((size_t)count, sizeof *moved), best = INFINITY;
    static const double widths[] = {1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 1e-7};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        double value[2];
        for (int side = 0; side < 2; side++) {
            for (int64_t j = 0; j < count; j++)
                moved[j] = lambda[j] + (side ? 1.0 : -1.0) * widths[i] * direction[j];
            value[side] = small_run(training, moved, SMALL_T, NULL);
        }
        best = fmin(best, fabs((value[1] - value[0]) / (2.0 * widths[i]) - slope));
    }
    free(moved);
    return best;
}

ParameterizedTestParameters(hypergradients, reverse_is_central_differences)
{
    return all_situations();
}

ParameterizedTest(situation *at, hypergradients, reverse_is_central_differences)
{
    small *s = open_situation(at, HO_F64);
    ho_training *training = small_training(s);
    int64_t count = ho_training_lambda_size(training);
    double *lambda = calloc((size_t)count, sizeof *lambda), *gradient = calloc((size_t)count, sizeof *gradient),
           *direction = calloc((size_t)count, sizeof *direction);
    ho_training_lambda_initial(training, lambda);
    small_hypergradient(s, training, "reverse", lambda, SMALL_T, gradient);
    size_t hyper_count;
    const ho_hyperparameter *h = ho_training_hypers(training, &hyper_count);
    for (size_t i = 0; i < hyper_count; i++) {
        if (!h[i].tuned)
            continue;
        memset(direction, 0, (size_t)count * sizeof *direction);
        for (int64_t j = 0; j < h[i].count; j++)
            direction[h[i].offset + j] = ho_normal_number(9, i, (uint64_t)j);
        ho_training_free_gradient(training, direction);
        double length = norm(direction, count), slope = 0.0;
        for (int64_t j = 0; j < count; j++) {
            direction[j] /= length;
            slope += direction[j] * gradient[j];
        }
        double error = difference_error(training, lambda, direction, slope);
        double size = norm(gradient + h[i].offset, h[i].count);
        cr_expect(error <= 1e-6 * size, "%s %s batch %d dead %d: slope %g, differences are off by %g", at->dynamics,
                  h[i].name, (int)at->batch, (int)at->dead, slope, error);
    }
    free(lambda);
    free(gradient);
    free(direction);
    ho_training_free(training);
    small_free(s);
}

ParameterizedTestParameters(hypergradients, f32_is_f64_within_a_thousandth)
{
    return all_situations();
}

ParameterizedTest(situation *at, hypergradients, f32_is_f64_within_a_thousandth)
{
    static const char *const modes[] = {"forward", "reverse"};
    for (size_t m = 0; m < 2; m++) {
        double *gradient[2], *lambda[2];
        int64_t count = 0;
        for (int p = 0; p < 2; p++) {
            small *s = open_situation(at, p ? HO_F64 : HO_F32);
            ho_training *training = small_training(s);
            count = ho_training_lambda_size(training);
            gradient[p] = calloc((size_t)count, sizeof **gradient);
            lambda[p] = calloc((size_t)count, sizeof **lambda);
            ho_training_lambda_initial(training, lambda[p]);
            small_hypergradient(s, training, modes[m], lambda[p], SMALL_T, gradient[p]);
            ho_training_free(training);
            small_free(s);
        }
        double error = distance(gradient[0], gradient[1], count), size = norm(gradient[1], count);
        cr_expect(error <= 1e-3 * size, "%s %s: f32 differs from f64 by %g of %g", at->dynamics, modes[m], error, size);
        cr_expect(error > 0.0, "f32 cannot equal f64 to the last bit");
        for (int p = 0; p < 2; p++) {
            free(gradient[p]);
            free(lambda[p]);
        }
    }
}

/* A feature that is 0 in all of training: g = 0 and v = 0 for ever where the weights start at 0, and validation sees
 * it. Learning rates are the plugins' own: a step of 2 rho w / epsilon times a rate above 1e-3 is unstable in truth. */
typedef struct dead_run {
    char dynamics[16], mode[16];
} dead_run;

ParameterizedTestParameters(hypergradients, dead_features_stay_finite_in_f32)
{
    static const dead_run runs[] = {
        {"sgd", "forward"},      {"sgd", "reverse"},      {"momentum", "forward"}, {"momentum", "reverse"},
        {"rmsprop", "forward"},  {"rmsprop", "reverse"},  {"adam", "forward"},     {"adam", "reverse"},
        {"adamw", "forward"},    {"adamw", "reverse"},    {"adagrad", "forward"},  {"adagrad", "reverse"},
        {"nesterov", "forward"}, {"nesterov", "reverse"}, {"lion", "forward"},     {"lion", "reverse"}};
    return cr_make_param_array(dead_run, (void *)(uintptr_t)runs, sizeof runs / sizeof *runs, NULL);
}

ParameterizedTest(dead_run *run, hypergradients, dead_features_stay_finite_in_f32)
{
    double starts[] = {0.0, 0.5};
    for (size_t k = 0; k < 2; k++) {
        small *s =
            small_new((small_options){.dynamics = run->dynamics, .precision = HO_F32, .steps = 400, .dead = true});
        small_set(s, "dynamics.learning_rate", NULL, true);
        small_tune(s, "mtl.A", 0.0);
        small_tune(s, "mtl.rho", 1e-2);
        small_tune(s, "model.init_scale", starts[k]);
        ho_training *training = small_training(s);
        int64_t count = ho_training_lambda_size(training);
        double *lambda = calloc((size_t)count, sizeof *lambda), *gradient = calloc((size_t)count, sizeof *gradient);
        ho_training_lambda_initial(training, lambda);
        ho_training_examine(training, true);
        double value = small_hypergradient(s, training, run->mode, lambda, 400, gradient);
        cr_expect(isfinite(value));
        for (int64_t i = 0; i < count; i++)
            cr_expect(isfinite(gradient[i]), "%s %s: entry %d", run->dynamics, run->mode, (int)i);
        cr_expect(norm(gradient, count) > 0.0);
        free(lambda);
        free(gradient);
        ho_training_free(training);
        small_free(s);
    }
}

/* The derivative of Lion's sign is 0, so what acts through the gradient has no hypergradient; the signs hold still
 * while the rate, the decay and the start move a little. */
Test(hypergradients, lion_has_those_of_its_signs_held)
{
    static const char *const smooth[] = {"dynamics.learning_rate", "dynamics.weight_decay", "model.init_scale"};
    small *s = small_new((small_options){.dynamics = "lion", .precision = HO_F64, .batch = 7});
    small_tune_all(s);
    ho_training *training = small_training(s);
    const size_t count = (size_t)ho_training_lambda_size(training);
    double *lambda = calloc(count, sizeof *lambda), *forward = calloc(count, sizeof *forward),
           *reverse = calloc(count, sizeof *reverse), *direction = calloc(count, sizeof *direction);
    ho_training_lambda_initial(training, lambda);
    small_hypergradient(s, training, "forward", lambda, SMALL_T, forward);
    small_hypergradient(s, training, "reverse", lambda, SMALL_T, reverse);
    size_t hyper_count, seen = 0;
    const ho_hyperparameter *h = ho_training_hypers(training, &hyper_count);
    for (size_t i = 0; i < hyper_count; i++) {
        if (!h[i].tuned || !strcmp(h[i].name, "model.temperature"))
            continue; /* the validation error has the temperature in it */
        bool moves = false;
        for (size_t k = 0; k < sizeof smooth / sizeof *smooth; k++)
            moves |= !strcmp(h[i].name, smooth[k]);
        const double *f = forward + h[i].offset, *r = reverse + h[i].offset;
        if (!moves) {
            cr_expect_eq(norm(f, h[i].count) + norm(r, h[i].count), 0.0, "%s acts through a sign", h[i].name);
            continue;
        }
        seen++;
        direction[h[i].offset] = 1.0;
        cr_expect(*r != 0.0 && fabs(*f - *r) <= 1e-10 * fabs(*r), "%s: forward %g, reverse %g", h[i].name, *f, *r);
        const double error = difference_error(training, lambda, direction, *r);
        cr_expect(error <= 1e-6 * fabs(*r), "%s: slope %g, differences are off by %g", h[i].name, *r, error);
        direction[h[i].offset] = 0.0;
    }
    cr_expect_eq(seen, 3);
    free(lambda);
    free(forward);
    free(reverse);
    free(direction);
    ho_training_free(training);
    small_free(s);
}
