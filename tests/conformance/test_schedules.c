/* Hyperparameters with an entry for each step, or for each weight tensor: the same steps as with one number where all
 * entries are equal, and their hypergradients by every exact mode and by differences. */
#include "../unit/small_problem.h"
#include "system/internal.h"

#include <criterion/parameterized.h>

#define T 12

typedef struct situation {
    char dynamics[16], shape[16];
} situation;

static double norm(const double *x, int64_t count)
{
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

static bool is_of_dynamics(const char *name)
{
    return strncmp(name, "dynamics.", 9) == 0;
}

/* All hyperparameters of the dynamics have this shape; a strength and a weight of the objective, too, where it is a
 * schedule. Otherwise, and for the shape NULL, every kind of hyperparameter is tuned as it is. */
static small *open_shaped(const char *dynamics, const char *shape, ho_precision precision)
{
    small *s = small_new((small_options){.dynamics = dynamics, .precision = precision, .batch = 7, .steps = T});
    small_tune_all(s);
    for (size_t i = 0; shape && i < s->problem.setting_count; i++) {
        const char *name = s->settings[i].name;
        if (is_of_dynamics(name))
            s->settings[i].shape = shape;
        else if (strcmp(name, "mtl.rho") == 0 || strcmp(name, "ce.weight") == 0)
            s->settings[i].shape = strncmp(shape, "steps", 5) == 0 ? "steps" : NULL;
    }
    return s;
}

static const ho_hyperparameter *hyper(const ho_training *training, const char *name)
{
    size_t count;
    const ho_hyperparameter *h = ho_training_hypers(training, &count);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(h[i].name, name))
            return &h[i];
    cr_assert_fail("there is no hyperparameter %s", name);
    return NULL;
}

static double *lambda_of(const ho_training *training)
{
    double *lambda = calloc((size_t)ho_training_lambda_size(training), sizeof *lambda);
    ho_training_lambda_initial(training, lambda);
    return lambda;
}

/* Different entries, near those of the start. */
static double *varied_lambda(ho_training *training)
{
    double *lambda = lambda_of(training);
    size_t count;
    const ho_hyperparameter *h = ho_training_hypers(training, &count);
    for (size_t i = 0; i < count; i++)
        for (int64_t j = 0; h[i].tuned && j < h[i].count; j++)
            lambda[h[i].offset + j] *= 0.95 + 0.04 * tanh(ho_normal_number(3, i, (uint64_t)j));
    ho_error error = {0};
    cr_assert_eq(ho_training_project(training, lambda, &error), HO_OK, "%s", error.text);
    return lambda;
}

static double difference_error(ho_training *training, const double *lambda, const double *direction, double slope)
{
    int64_t count = ho_training_lambda_size(training);
    double *moved = calloc((size_t)count, sizeof *moved), best = INFINITY;
    static const double widths[] = {1e-4, 1e-5, 1e-6, 1e-7};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        double value[2];
        for (int side = 0; side < 2; side++) {
            for (int64_t j = 0; j < count; j++)
                moved[j] = lambda[j] + (side ? 1.0 : -1.0) * widths[i] * direction[j];
            value[side] = small_run(training, moved, T, NULL);
        }
        best = fmin(best, fabs((value[1] - value[0]) / (2.0 * widths[i]) - slope));
    }
    free(moved);
    return best;
}

ParameterizedTestParameters(schedules, hypergradients_agree)
{
    static const situation all[] = {{"sgd", "steps"},        {"momentum", "steps"},     {"rmsprop", "steps"},
                                    {"adam", "steps"},       {"adamw", "steps"},        {"nesterov", "steps"},
                                    {"adagrad", "steps"},    {"sgd", "tensors"},        {"adam", "tensors"},
                                    {"momentum", "tensors"}, {"adamw", "tensors"},      {"rmsprop", "steps tensors"},
                                    {"nesterov", "tensors"}, {"adam", "steps tensors"}, {"adagrad", "tensors"}};
    return cr_make_param_array(situation, (void *)(uintptr_t)all, sizeof all / sizeof *all, NULL);
}

/* By forward, reverse and checkpointed mode, and by differences along one entry, the last, and along a random
 * direction of each hyperparameter. */
ParameterizedTest(situation *at, schedules, hypergradients_agree)
{
    small *s = open_shaped(at->dynamics, at->shape, HO_F64);
    ho_training *training = small_training(s);
    const int64_t size = ho_training_lambda_size(training);
    double *lambda = varied_lambda(training), *gradient[3], *direction = calloc((size_t)size, sizeof *direction);
    static const char *const modes[3] = {"forward", "reverse", "checkpointed"};
    for (int m = 0; m < 3; m++) {
        gradient[m] = calloc((size_t)size, sizeof *gradient[m]);
        small_hypergradient(s, training, modes[m], lambda, T, gradient[m]);
    }
    cr_expect_arr_eq(gradient[1], gradient[2], (size_t)size * sizeof **gradient, "checkpointed has other bits");
    size_t count;
    const ho_hyperparameter *h = ho_training_hypers(training, &count);
    for (size_t i = 0; i < count; i++) {
        if (!h[i].tuned)
            continue;
        const double *forward = gradient[0] + h[i].offset, *reverse = gradient[1] + h[i].offset;
        const double length = norm(reverse, h[i].count);
        if (is_of_dynamics(h[i].name))
            cr_expect_eq(h[i].schedule, strncmp(at->shape, "steps", 5) == 0 ? T : 0, "%s", h[i].name);
        for (int64_t j = 0; j < h[i].count; j++)
            cr_expect(fabs(forward[j] - reverse[j]) <= 1e-10 * length, "%s %s: entry %d: forward %g, reverse %g",
                      at->dynamics, h[i].name, (int)j, forward[j], reverse[j]);
        for (int way = 0; way < 2; way++) {
            double slope = 0;
            memset(direction, 0, (size_t)size * sizeof *direction);
            for (int64_t j = way ? 0 : h[i].count - 1; j < h[i].count; j++)
                direction[h[i].offset + j] = way ? ho_normal_number(9, i, (uint64_t)j) : 1.0;
            ho_training_free_gradient(training, direction);
            for (int64_t j = 0; j < h[i].count; j++)
                slope += direction[h[i].offset + j] * reverse[j];
            const double error = difference_error(training, lambda, direction, slope);
            cr_expect(error <= 1e-6 * length, "%s %s: slope %g, differences are off by %g", at->dynamics, h[i].name,
                      slope, error);
        }
    }
    for (int m = 0; m < 3; m++)
        free(gradient[m]);
    free(direction);
    free(lambda);
    ho_training_free(training);
    small_free(s);
}

typedef struct dynamics_name {
    char text[16];
} dynamics_name;

static struct criterion_test_params all_dynamics(void)
{
    static const dynamics_name all[] = {{"sgd"},   {"momentum"}, {"rmsprop"}, {"adam"},
                                        {"adamw"}, {"nesterov"}, {"adagrad"}, {"lion"}};
    return cr_make_param_array(dynamics_name, (void *)(uintptr_t)all, sizeof all / sizeof *all, NULL);
}

/* The final state and the hypergradients of everything else, by three modes; a schedule's entries add up to the
 * scalar's derivative. */
static void expect_same_as_scalar(const char *dynamics, ho_precision precision)
{
    small *s[2] = {open_shaped(dynamics, NULL, precision), open_shaped(dynamics, "steps", precision)};
    ho_training *training[2];
    double *gradient[2], *lambda[2], value[2];
    ho_vector *state[2];
    static const char *const modes[] = {"forward", "reverse", "checkpointed"};
    for (int k = 0; k < 2; k++) {
        training[k] = small_training(s[k]);
        lambda[k] = lambda_of(training[k]);
        gradient[k] = calloc((size_t)ho_training_lambda_size(training[k]), sizeof **gradient);
        value[k] = small_run(training[k], lambda[k], T, &state[k]);
    }
    cr_expect_eq(value[0], value[1]);
    const size_t bytes = (size_t)(training[0]->layout.size * (precision == HO_F32 ? 4 : 8));
    for (size_t i = 0; i < training[0]->layout.segments; i++)
        cr_expect_arr_eq(state[0]->segments[i], state[1]->segments[i], bytes, "%s: other bits", dynamics);
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
        for (int k = 0; k < 2; k++)
            small_hypergradient(s[k], training[k], modes[m], lambda[k], T, gradient[k]);
        size_t count;
        const ho_hyperparameter *one = ho_training_hypers(training[0], &count);
        for (size_t i = 0; i < count; i++) {
            const ho_hyperparameter *each = hyper(training[1], one[i].name);
            const double *whole = gradient[0] + one[i].offset, *parts = gradient[1] + each->offset;
            double sum = 0, sizes = 0;
            for (int64_t j = 0; one[i].tuned && each->schedule && j < T; j++) {
                sum += parts[j];
                sizes += fabs(parts[j]);
            }
            if (one[i].tuned && each->schedule)
                cr_expect(fabs(sum - *whole) <= (precision == HO_F32 ? 1e-5 : 1e-13) * sizes, "%s %s: %g, %g", modes[m],
                          one[i].name, sum, *whole);
            else if (one[i].tuned)
                cr_expect_arr_eq(whole, parts, (size_t)one[i].count * sizeof *whole, "%s %s: other bits", modes[m],
                                 one[i].name);
        }
    }
    for (int k = 0; k < 2; k++) {
        ho_training_system(training[k])->api->vector_free(ho_training_system(training[k]), state[k]);
        ho_training_free(training[k]);
        small_free(s[k]);
        free(lambda[k]);
        free(gradient[k]);
    }
}

ParameterizedTestParameters(schedules, equal_entries_give_the_bits_of_one_number)
{
    return all_dynamics();
}

ParameterizedTest(dynamics_name *dynamics, schedules, equal_entries_give_the_bits_of_one_number)
{
    expect_same_as_scalar(dynamics->text, HO_F64);
    expect_same_as_scalar(dynamics->text, HO_F32);
}

/* Step t sees entry t - 1, and no other. */
Test(schedules, each_entry_acts_at_its_step)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F64, .steps = T});
    small_set(s, "dynamics.learning_rate", small_number(s, 0.01), true)->shape = "steps";
    ho_training *training = small_training(s);
    double *lambda = lambda_of(training);
    const int64_t n = training->layout.size;
    for (int64_t moved = 0; moved < 4; moved++) {
        ho_vector *before[4], *after[4];
        for (int64_t t = 0; t < 4; t++)
            small_run(training, lambda, t, &before[t]);
        lambda[moved] *= 2;
        for (int64_t t = 0; t < 4; t++)
            small_run(training, lambda, t, &after[t]);
        lambda[moved] /= 2;
        for (int64_t t = 0; t < 4; t++) {
            const double *a = before[t]->segments[0], *b = after[t]->segments[0];
            cr_expect_eq(memcmp(a, b, (size_t)n * sizeof *a) == 0, t <= moved, "entry %d, step %d", (int)moved, (int)t);
            const double *w = before[moved]->segments[0], *next = before[t]->segments[0];
            for (int64_t i = 0; t == moved + 1 && i < n; i++)
                cr_expect_float_eq(b[i] - w[i], 2 * (next[i] - w[i]), 1e-15, "the step is twice as long");
        }
        for (int64_t t = 0; t < 4; t++) {
            ho_training_system(training)->api->vector_free(ho_training_system(training), before[t]);
            ho_training_system(training)->api->vector_free(ho_training_system(training), after[t]);
        }
    }
    free(lambda);
    ho_training_free(training);
    small_free(s);
}

/* Each tensor has its own rate: W stands still, b moves. */
Test(schedules, each_tensor_has_its_entry)
{
    static const double rates[] = {0, 0.1};
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F64, .steps = T});
    small_set(s, "dynamics.learning_rate", small_list(s, rates, 2), true)->shape = "tensors";
    small_fix(s, "model.init_scale", 0.6);
    ho_training *training = small_training(s);
    double *lambda = lambda_of(training);
    ho_vector *start, *end;
    small_run(training, lambda, 0, &start);
    small_run(training, lambda, T, &end);
    const double *a = start->segments[0], *b = end->segments[0];
    const ho_weight_tensor *weights = training->layout.weights;
    cr_assert_eq(training->layout.weight_count, 2);
    cr_expect_arr_eq(a, b, (size_t)weights[0].count * sizeof *a);
    for (int64_t i = 0; i < weights[1].count; i++)
        cr_expect_neq(a[weights[1].offset + i], b[weights[1].offset + i]);
    ho_training_system(training)->api->vector_free(ho_training_system(training), start);
    ho_training_system(training)->api->vector_free(ho_training_system(training), end);
    free(lambda);
    ho_training_free(training);
    small_free(s);
}

/* A schedule that is not tuned is followed like one that is, in both precisions. */
Test(schedules, fixed_ones_are_followed)
{
    double rates[T], each[T * 2];
    for (int i = 0; i < T; i++)
        rates[i] = 0.01 * (i + 1);
    for (int i = 0; i < 2 * T; i++)
        each[i] = 0.5 + 0.01 * i;
    for (int p = 0; p < 2; p++) {
        double value[2];
        for (int tuned = 0; tuned < 2; tuned++) {
            small *s = small_new(
                (small_options){.dynamics = "momentum", .precision = p ? HO_F64 : HO_F32, .batch = 7, .steps = T});
            ho_tree *rows = ho_tree_new(s->arena, HO_TREE_LIST, (ho_place){0});
            for (int i = 0; i < T; i++)
                ho_tree_append(rows, small_list(s, each + 2 * i, 2));
            small_set(s, "dynamics.learning_rate", small_list(s, rates, T), tuned)->shape = "steps";
            small_set(s, "dynamics.momentum", rows, tuned)->shape = "steps tensors";
            ho_training *training = small_training(s);
            double *lambda = lambda_of(training);
            value[tuned] = small_run(training, lambda, T, NULL);
            free(lambda);
            ho_training_free(training);
            small_free(s);
        }
        cr_expect_eq(value[0], value[1], "%.17g, %.17g", value[0], value[1]);
    }
}

/* l2 with a strength for each row, entry, ... of W: its derivatives, and with equal ones E and the sum of its
 * derivatives are those of one strength. */
Test(schedules, strengths_of_rows_features_entries_and_tensors)
{
    static const struct {
        const char *shape;
        int64_t count;
    } all[] = {{NULL, 1},
               {"columns", SMALL_K},
               {"rows", SMALL_D},
               {"features", SMALL_D},
               {"rows columns", SMALL_D * SMALL_K},
               {"tensors", 1},
               {"steps rows", T * SMALL_D}};
    double one[2] = {0};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        small *s = small_new((small_options){.dynamics = "momentum", .precision = HO_F64, .steps = T});
        s->objective[1] = (ho_term){.plugin = small_instance(s, HO_PENALTY, "l2", "l2")};
        small_fix(s, "model.init_scale", 0.6);
        small_set(s, "l2.rho", small_number(s, 0.3), true)->shape = all[i].shape;
        ho_training *training = small_training(s);
        const int64_t size = ho_training_lambda_size(training);
        double *lambda = lambda_of(training), *gradient = calloc((size_t)size, sizeof *gradient),
               *direction = calloc((size_t)size, sizeof *direction), sum = 0;
        cr_expect_eq(size, all[i].count, "%s", all[i].shape);
        const double value = small_hypergradient(s, training, "reverse", lambda, T, gradient);
        for (int64_t j = 0; j < size; j++)
            sum += gradient[j];
        if (i == 0)
            memcpy(one, (double[]){value, sum}, sizeof one);
        cr_expect(fabs(value - one[0]) <= 1e-14 && fabs(sum - one[1]) <= 1e-12 * fabs(one[1]), "%s: E %g, sum %g",
                  all[i].shape, value, sum);
        for (int64_t j = 0; j < size; j++)
            lambda[j] *= 1 + 0.1 * (double)(j % 5);
        small_hypergradient(s, training, "reverse", lambda, T, gradient);
        direction[size - 1] = 1;
        cr_expect(difference_error(training, lambda, direction, gradient[size - 1]) <= 1e-6 * norm(gradient, size),
                  "%s", all[i].shape);
        free(lambda);
        free(gradient);
        free(direction);
        ho_training_free(training);
        small_free(s);
    }
}

static void expect_refused(const char *name, const char *shape, int64_t steps, const char *says)
{
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F64, .steps = T});
    small_set(s, name, NULL, true)->shape = shape;
    s->problem.steps = steps;
    const char *text = small_refusal(s);
    cr_expect(strstr(text, says), "%s %s: \"%s\" should say \"%s\"", name, shape, text, says);
    cr_expect(strstr(text, "small.yaml:"), "%s", text);
    small_free(s);
}

Test(schedules, are_refused_where_they_mean_nothing)
{
    expect_refused("model.init_scale", "steps", T, "model.init_scale has no shape \"steps\" (known: scalar)");
    expect_refused("ce.weight", "tensors", T,
                   "ce.weight has no shape \"tensors\" (known: scalar; before any of them: steps)");
    expect_refused("dynamics.beta1", "tensors steps", T, "has no shape \"tensors steps\"");
    expect_refused("dynamics.beta1", "steps steps", T, "has no shape \"steps steps\"");
    expect_refused("dynamics.beta1", "steps tensor", T, "has no shape \"steps tensor\"");
    expect_refused("dynamics.beta1", "stepsize", T, "has no shape \"stepsize\"");
    expect_refused("validation.weight", "steps", T, "but the validation error has no steps");
    expect_refused("dynamics.beta1", "steps", 0, "which needs a fixed number of steps");
    expect_refused("mtl.A", "steps columns columns", T, "which is of a single matrix");
}
