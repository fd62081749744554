/* The estimate of digits that rounding leaves of a hypergradient: against the true error of f32, over random pipelines;
 * where it must tell, and where it must not. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "pipeline/pipeline.h"
#include "system/gradient.h"
#include "system/mode.h"

#define MOST_LAMBDA 8
#define MODES       3

static const char *const modes[MODES] = {"reverse", "checkpointed", "forward"};

static ho_error error;
static ho_registry *registry;
static char file[] = "/tmp/hotool-digits-XXXXXX";

static void setup(void)
{
    error = (ho_error){0};
    registry = ho_registry_new(NULL, &error);
    cr_assert_not_null(registry, "%s", error.text);
    int opened = mkstemp(file);
    cr_assert_geq(opened, 0);
    close(opened);
}

static void teardown(void)
{
    unlink(file);
    ho_registry_free(registry);
}

TestSuite(digits, .init = setup, .fini = teardown);

/* A hypergradient and what is said of it. */
typedef struct measured {
    ho_status status;
    size_t count; /* of hyperparameters, all of them scalars */
    double gradient[MOST_LAMBDA], errors[MOST_LAMBDA];
    char names[MOST_LAMBDA][40];
    ho_digits digits;
    char weight[40];
} measured;

static void measure(ho_training *training, const char *mode, int64_t steps, measured *m)
{
    double lambda[MOST_LAMBDA], value;
    ho_error own = {0};
    const ho_loaded *loaded = ho_registry_find(registry, HO_MODE, mode, (ho_place){0}, &own);
    ho_instance *instance = ho_instance_new(loaded, mode, NULL, NULL, (ho_place){0}, &own);
    cr_assert_not_null(instance, "%s", own.text);
    cr_assert_leq(ho_training_lambda_size(training), MOST_LAMBDA);
    ho_training_lambda_initial(training, lambda);
    m->status = ho_hypergradient(training, instance, steps, lambda, &value, m->gradient, NULL, &own);
    m->digits = *ho_training_digits(training);
    if (m->digits.growth.weight)
        snprintf(m->weight, sizeof m->weight, "%s", m->digits.growth.weight);
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    m->count = 0;
    for (size_t i = 0; i < count && m->status == HO_OK; i++)
        if (hypers[i].tuned) {
            snprintf(m->names[m->count], sizeof m->names[0], "%s", hypers[i].name);
            m->errors[m->count++] = m->digits.errors[i];
        }
    ho_instance_free(instance);
}

/* Both precisions of a pipeline, in every mode. */
static void run(const char *text, measured made[2][MODES])
{
    static const char *const precisions[] = {"f32", "f64"};
    cr_assert_eq(ho_file_write(file, text, strlen(text), &error), HO_OK, "%s", error.text);
    for (int p = 0; p < 2; p++) {
        const ho_pipeline_request request = {.file = file, .precision = precisions[p]};
        ho_pipeline *pipeline = ho_pipeline_read(registry, &request, &error);
        cr_assert_not_null(pipeline, "%s", error.text);
        for (int m = 0; m < MODES; m++) { /* each the first hypergradient of its training */
            ho_training *training = ho_training_new(&pipeline->problem, &error);
            cr_assert_not_null(training, "%s", error.text);
            memset(&made[p][m], 0, sizeof made[p][m]);
            measure(training, modes[m], pipeline->problem.steps, &made[p][m]);
            ho_training_free(training);
        }
        ho_pipeline_free(pipeline);
    }
}

/* ---- random pipelines -------------------------------------------------------------------------------------------- */

static uint64_t seed, draws;

static double between(double from, double to)
{
    return from + (to - from) * 0.5 * erfc(-ho_normal_number(seed, 99, draws++) / sqrt(2.0));
}

static double log_between(double from, double to)
{
    return exp(between(log(from), log(to)));
}

static int one_of(int count)
{
    int i = (int)between(0, count);
    return i < count ? i : count - 1;
}

/* Models, optimizers, batches, numbers of steps, and rates up to where training falls apart. */
static void random_pipeline(uint64_t number, char *text, size_t size)
{
    static const char *const dynamics[] = {"sgd", "momentum", "rmsprop", "adam"};
    static const char *const activations[] = {"tanh", "relu", "softplus", "sigmoid"};
    seed = number;
    draws = 0;
    const int which = one_of(4), activation = one_of(4);
    const bool network = one_of(2), plain = which < 2;
    const int steps = (int)log_between(4, 600), features = (int)log_between(3, 40), tasks = 2 + one_of(6);
    const int training = (int)log_between(10, 100), validation = (int)log_between(10, 100);
    const int batch = one_of(3) == 0 ? 1 + training / 4 : 0;
    const double rate = plain ? log_between(0.005, 2) : log_between(0.0005, 0.2);
    FILE *out = fmemopen(text, size, "w");
    cr_assert_not_null(out);
    fprintf(out, "name: r\nseed: %d\nsteps: %d\n", (int)number, steps);
    fprintf(out,
            "data: {plugin: generated, features: %d, tasks: %d, groups: 2, training: %d, validation: %d, test: 1, "
            "separation: %g}\n",
            features, tasks, training, validation, log_between(1, 6));
    if (network)
        fprintf(out, "model: {plugin: shared_trunk, shared: [%d, %d], heads: [labels], activation: %s, init: glorot}\n",
                3 + one_of(10), 3 + one_of(10), activations[activation]);
    else
        fprintf(out, "model: {plugin: softmax}\n");
    fprintf(out, "objective: [{loss: cross_entropy, reduce: mean}, {penalty: l2, name: l2}]\n"
                 "validation: {loss: cross_entropy, reduce: mean}\n");
    fprintf(out, "dynamics: {plugin: %s}\n", dynamics[which]);
    if (batch > 0)
        fprintf(out, "batch: %d\n", batch);
    fprintf(out, "hypergradient: {mode: reverse}\nhyperparameters:\n");
    fprintf(out, "  l2.rho: {init: %.6g}\n  dynamics.learning_rate: {init: %.6g}\n", log_between(1e-5, 0.3), rate);
    if (which == 1)
        fprintf(out, "  dynamics.momentum: {init: %.6g}\n", 1 - log_between(0.02, 1));
    if (which == 2)
        fprintf(out, "  dynamics.decay: {init: %.6g}\n", 1 - log_between(0.005, 0.3));
    if (which == 3)
        fprintf(out, "  dynamics.beta1: {init: %.6g}\n  dynamics.beta2: {init: %.6g}\n", 1 - log_between(0.02, 1),
                1 - log_between(0.001, 0.3));
    if (network)
        fprintf(out, "  model.init_scale: {init: %.6g}\n", log_between(0.3, 2));
    fclose(out);
}

/* ---- how good it is ---------------------------------------------------------------------------------------------- */

typedef struct table {
    int count, within, warned, false_alarms, untold, unstable, false_unstable;
    double logs[1000]; /* of true error / estimate */
} table;

static double capped(double x)
{
    return isnan(x) || x > 1 ? 1 : x;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the hyperparameter where each is largest. An error above 1 is as bad as 1: no digit is left. */
static void compare(table *t, const measured *f32, const measured *f64, const measured *same64)
{
    double truth = 0, estimate = 0;
    for (size_t i = 0; i < f64->count; i++) {
        truth = fmax(truth, capped(fabs(f32->gradient[i] - f64->gradient[i]) / fabs(f64->gradient[i])));
        estimate = fmax(estimate, isnan(f32->errors[i]) ? 0 : capped(f32->errors[i]));
    }
    const double ratio = log10(truth / estimate);
    t->logs[t->count++] = ratio;
    t->within += fabs(ratio) <= 2;
    const bool warned = f32->digits.fewest < HO_FEW_DIGITS;
    t->warned += warned;
    t->false_alarms += warned && truth < 1e-4;
    t->untold += !warned && truth > 0.1;
    const bool unstable = same64->status == HO_OK && same64->digits.amplification > HO_MUCH_GROWTH;
    t->unstable += unstable;
    t->false_unstable += unstable && truth < 1e-4;
}

/* HOTOOL_DIGITS_PIPELINES=N tries N of them, from another seed on. */
static int pipelines(uint64_t *first)
{
    const char *more = getenv("HOTOOL_DIGITS_PIPELINES");
    *first = more ? 10000 : 1;
    return more ? (int)fmin(atof(more), 1000) : 200;
}

Test(digits, the_estimate_is_calibrated)
{
    static table tables[MODES];
    uint64_t first;
    const int count = pipelines(&first);
    for (int k = 0; k < count; k++) {
        char text[2000];
        measured made[2][MODES];
        random_pipeline(first + (uint64_t)k, text, sizeof text);
        run(text, made);
        for (int m = 0; m < MODES; m++)
            if (made[0][m].status == HO_OK && made[1][0].status == HO_OK)
                compare(&tables[m], &made[0][m], &made[1][0], &made[1][m]);
    }
    printf("mode          pipelines  within 100   true error / estimate: 2.5 %%  median  97.5 %%   warned  false  "
           "untold  unstable in f64  false\n");
    for (int m = 0; m < MODES; m++) {
        table *t = &tables[m];
        qsort(t->logs, (size_t)t->count, sizeof *t->logs, ascending);
        printf("%-12s  %9d  %8.1f %%  %29.1e %7.1g %7.0f   %6d %6d %7d  %15d %6d\n", modes[m], t->count,
               100.0 * t->within / t->count, pow(10, t->logs[t->count / 40]), pow(10, t->logs[t->count / 2]),
               pow(10, t->logs[t->count - 1 - t->count / 40]), t->warned, t->false_alarms, t->untold, t->unstable,
               t->false_unstable);
        cr_expect_geq(t->count, count * 9 / 10, "%s", modes[m]);
        cr_expect_geq(t->within, 0.95 * t->count, "%s", modes[m]);
        cr_expect_eq(t->false_alarms + t->false_unstable, 0, "%s: %d and %d false alarms", modes[m], t->false_alarms,
                     t->false_unstable);
        cr_expect_geq(t->warned, 0.04 * count, "%s: only %d warnings", modes[m], t->warned);
    }
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static const char base[] =
    "name: c\nseed: 5\nsteps: %d\n"
    "data: {plugin: generated, features: 12, tasks: 4, groups: 2, training: 30, validation: 30, "
    "test: 1}\n"
    "model: {plugin: shared_trunk, shared: [6], heads: [labels], activation: tanh, init: glorot}\n"
    "objective: [{loss: cross_entropy, reduce: mean}, {penalty: l2, name: l2}]\n"
    "validation: {loss: cross_entropy, reduce: mean}\n"
    "dynamics: {plugin: sgd}\n"
    "hypergradient: {mode: reverse}\n"
    "hyperparameters:\n  l2.rho: {init: 0.001}\n  dynamics.learning_rate: {init: %g}\n";

static void run_base(int steps, double rate, measured made[2][MODES])
{
    char text[2000];
    snprintf(text, sizeof text, base, steps, rate);
    run(text, made);
}

Test(digits, a_calm_training_keeps_nearly_all_in_every_mode)
{
    measured made[2][MODES];
    run_base(100, 0.1, made);
    for (int m = 0; m < MODES; m++) {
        const double f32 = made[0][m].digits.fewest, f64 = made[1][m].digits.fewest;
        cr_expect(f32 > 3.3 && f32 < 7.3, "%s: %g", modes[m], f32);
        cr_expect(f64 - f32 > 8.5 && f64 - f32 < 9, "%s: u is 2^29 times smaller in f64: %g", modes[m], f64 - f32);
        cr_expect_geq(made[0][m].digits.most, made[0][m].digits.fewest);
    }
}

/* The step is far beyond 2 / curvature: the weights wander without end. */
Test(digits, an_unstable_training_has_fewer_and_tells_what_grew)
{
    measured made[2][MODES];
    run_base(100, 12, made); /* not many more steps: an f32 that wanders longer may overflow */
    for (int m = 0; m < MODES; m++) {
        const ho_digits *d = &made[0][m].digits;
        cr_assert_eq(made[0][m].status, HO_OK);
        cr_expect_leq(d->fewest, 0.5, "%s f32: %g", modes[m], d->fewest);
        cr_expect(d->growth.factor > 1e4 && d->growth.weight && d->hyper, "%s: %g", modes[m], d->growth.factor);
        cr_expect(d->growth.from != d->growth.to && d->growth.from >= 0 && d->growth.to <= 100, "%s", modes[m]);
        cr_expect(strstr("shared_W shared_b labels_W labels_b shared1_W shared1_b", made[0][m].weight), "%s",
                  made[0][m].weight);
        cr_expect(made[1][m].digits.fewest - d->fewest < 9, "f64 has u in its favour, no more");
    }
}

/* ---- one after another ------------------------------------------------------------------------------------------- */

/* The base pipeline in f32, where it is calm. */
typedef struct calm {
    ho_pipeline *pipeline;
    ho_training *training;
} calm;

static calm open_calm(int steps)
{
    char text[2000];
    snprintf(text, sizeof text, base, steps, 0.1);
    cr_assert_eq(ho_file_write(file, text, strlen(text), &error), HO_OK);
    const ho_pipeline_request request = {.file = file, .precision = "f32"};
    calm c = {.pipeline = ho_pipeline_read(registry, &request, &error)};
    cr_assert_not_null(c.pipeline, "%s", error.text);
    c.training = ho_training_new(&c.pipeline->problem, &error);
    cr_assert_not_null(c.training, "%s", error.text);
    return c;
}

static void close_calm(calm c)
{
    ho_training_free(c.training);
    ho_pipeline_free(c.pipeline);
}

/* What was noted of one hypergradient does not stay for the next, and a shadow leaves nothing but its estimate. */
Test(digits, a_second_hypergradient_has_the_same)
{
    for (int m = 0; m < MODES; m++) {
        const calm c = open_calm(40);
        measured one = {0}, two = {0};
        const int64_t before = ho_training_evaluations(c.training);
        measure(c.training, modes[m], 40, &one);
        const int64_t between = ho_training_evaluations(c.training);
        measure(c.training, modes[m], 40, &two);
        cr_expect_eq(one.count, 2);
        cr_expect(memcmp(one.errors, two.errors, one.count * sizeof *one.errors) == 0, "%s: %g, then %g", modes[m],
                  one.errors[0], two.errors[0]);
        cr_expect(memcmp(one.gradient, two.gradient, one.count * sizeof *one.gradient) == 0, "%s", modes[m]);
        cr_expect_eq(between - before, ho_training_evaluations(c.training) - between, "%s", modes[m]);
        close_calm(c);
    }
}

/* Nor for the next of one run: the sweep backwards starts anew. */
Test(digits, asked_twice_a_run_says_the_same)
{
    const calm c = open_calm(40);
    double lambda[MOST_LAMBDA], gradient[MOST_LAMBDA], value, left[2];
    ho_training_lambda_initial(c.training, lambda);
    for (int m = 0; m < MODES; m++) {
        ho_instance *mode = ho_instance_new(ho_registry_find(registry, HO_MODE, modes[m], (ho_place){0}, &error),
                                            modes[m], NULL, NULL, (ho_place){0}, &error);
        ho_mode_run run = {0};
        cr_assert_eq(ho_mode_start(&run, c.training, mode, lambda, &error), HO_OK, "%s", error.text);
        cr_assert_eq(ho_mode_advance(&run, 0, 40, lambda, &error), HO_OK, "%s", error.text);
        for (int k = 0; k < 2; k++) {
            cr_assert_eq(ho_mode_hypergradient(&run, lambda, &value, gradient, &error), HO_OK, "%s", error.text);
            left[k] = ho_training_digits(c.training)->fewest;
        }
        cr_expect_eq(left[0], left[1], "%s: %g, then %g", modes[m], left[0], left[1]);
        ho_mode_end(&run);
        ho_instance_free(mode);
    }
    close_calm(c);
}

/* One hypergradient after another of the base pipeline, in one mode. */
typedef struct sequence {
    calm base;
    ho_instance *mode;
    double lambda[MOST_LAMBDA];
    int64_t evaluations; /* of the last */
    ho_status status;
} sequence;

static sequence begin_sequence(const char *mode)
{
    sequence s = {.base = open_calm(100)};
    s.mode = ho_instance_new(ho_registry_find(registry, HO_MODE, mode, (ho_place){0}, &error), mode, NULL, NULL,
                             (ho_place){0}, &error);
    cr_assert_not_null(s.mode, "%s", error.text);
    ho_training_lambda_initial(s.base.training, s.lambda);
    return s;
}

static void end_sequence(const sequence *s)
{
    ho_instance_free(s->mode);
    close_calm(s->base);
}

/* What rounding did to the weights, as is known after the next hypergradient, with this learning rate. */
static double amplification_at(sequence *s, double rate)
{
    double gradient[MOST_LAMBDA], value;
    size_t count;
    ho_error own = {0};
    const ho_hyperparameter *hypers = ho_training_hypers(s->base.training, &count);
    for (size_t i = 0; i < count; i++)
        if (hypers[i].tuned && strcmp(hypers[i].name, "dynamics.learning_rate") == 0)
            s->lambda[hypers[i].offset] = rate;
    const int64_t before = ho_training_evaluations(s->base.training);
    s->status = ho_hypergradient(s->base.training, s->mode, 100, s->lambda, &value, gradient, NULL, &own);
    s->evaluations = ho_training_evaluations(s->base.training) - before;
    return ho_training_digits(s->base.training)->amplification;
}

/* A shadow costs a training: the first of 32 hypergradients has one, and what it saw counts for the others. */
Test(digits, one_hypergradient_in_32_has_a_shadow)
{
    sequence s = begin_sequence("forward");
    double seen[66];
    for (int k = 0; k < 66; k++) {
        seen[k] = amplification_at(&s, 1e-3 * (k + 1)); /* each is told by its own */
        cr_expect_geq(seen[k], 1);
        if (k % 32 != 0)
            cr_expect_eq(seen[k], seen[k - 1], "number %d", k + 1);
    }
    cr_expect(seen[31] != seen[32] && seen[63] != seen[64]);
    end_sequence(&s);
}

/* Where adjoints go back over all steps, only those that grow let the training be repeated beside one. */
Test(digits, a_calm_way_back_has_no_shadow)
{
    static const char *const back[] = {"reverse", "checkpointed"};
    for (int m = 0; m < 2; m++) {
        sequence s = begin_sequence(back[m]);
        for (int k = 0; k < 65; k++) {
            const bool due = k % 32 == 0, rough = k >= 31 && k < 64;
            const double seen = amplification_at(&s, rough ? 12 : 0.1);
            const int64_t evaluations = s.evaluations;
            cr_assert_eq(s.status, HO_OK);
            if (k < 32 || k == 64)
                cr_expect_eq(seen, 1, "%s, number %d: %g", back[m], k + 1, seen);
            else
                cr_expect_gt(seen, 1e4, "%s, number %d: %g", back[m], k + 1, seen);
            cr_expect(!due || evaluations == 400 || strcmp(back[m], "reverse") != 0, "%d", (int)evaluations);
        }
        end_sequence(&s);
    }
}

/* Nor do adjoints tell anything where there is no way back. */
Test(digits, a_mode_that_only_trains_has_a_shadow)
{
    sequence s = begin_sequence("implicit");
    cr_expect_gt(amplification_at(&s, 0.1), 1);
    cr_expect_eq(s.status, HO_OK);
    end_sequence(&s);
}

/* A training that falls apart says nothing: the next hypergradient is as good as the first. */
Test(digits, what_is_not_finite_does_not_count)
{
    sequence s = begin_sequence("forward");
    amplification_at(&s, 1e30);
    cr_expect_eq(s.status, HO_DIVERGED);
    const double seen = amplification_at(&s, 12);
    end_sequence(&s);
    s = begin_sequence("forward");
    cr_expect_eq(seen, amplification_at(&s, 12), "%g", seen);
    end_sequence(&s);
}

/* Between two shadows, what grows in the mode's own sweep tells. */
Test(digits, without_a_shadow_the_growth_of_adjoints_and_tangents_counts)
{
    for (int m = 0; m < MODES; m++) {
        sequence s = begin_sequence(modes[m]);
        amplification_at(&s, 0.1);
        cr_expect_gt(ho_training_digits(s.base.training)->fewest, 3, "%s", modes[m]);
        const double seen = amplification_at(&s, 12), left = ho_training_digits(s.base.training)->fewest;
        cr_expect_lt(left, 3, "%s: %g", modes[m], left);
        cr_expect_lt(seen, 1e3, "%s: the calm training's", modes[m]);
        end_sequence(&s);
    }
}
