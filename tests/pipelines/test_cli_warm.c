/* Warm starts: each training begins with the weights of the last one. */
#include <math.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(warm, .init = cli_enter, .fini = cli_leave, .timeout = 60);

#define WARM    "outer={plugin: sgd, learning_rate: 0, iterations: 3, warm_start: weights}"
#define DESCENT "dynamics={plugin: sgd, learning_rate: 0.2}"

/* A member of the line of iteration i, from 1. */
static double of_line(const char *folder, int i, const char *key)
{
    const char *line = cli_read(cli_format("%s/metrics.jsonl", folder));
    while (--i > 0)
        line = strchr(line, '\n') + 1;
    return json_number(cli_format("%.*s", (int)strcspn(line, "\n"), line), key);
}

static const char *single(const char *steps, const char *mode)
{
    const char *out = cli_format("single-%s-%.4s", steps, mode);
    if (!cli_exists(out))
        cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", DESCENT, "--set", cli_format("steps=%s", steps),
                                "--set", cli_format("hypergradient={mode: %s}", mode), "--out", out, NULL));
    return out;
}

static double norm_of(const char *folder)
{
    const double *A = cli_array(cli_format("%s/mtl.A.npy", folder), CLASSES * CLASSES);
    const double *rho = cli_array(cli_format("%s/mtl.rho.npy", folder), 1);
    double sum = *rho * *rho;
    for (int i = 0; i < CLASSES * CLASSES; i++)
        sum += A[i] * A[i];
    return sqrt(sum);
}

/* Where hyperparameters stand still, gradient descent simply goes on, and only the steps since the start count. */
Test(warm, trainings_go_on_where_the_last_one_ended)
{
    static const char *const modes[] = {"reverse", "forward", "checkpointed", "truncated"}, *const steps[] = {
                                                                                                "5", "10", "15", "20"};
    for (int m = 0; m < 4; m++) {
        cli_expect_done(cli_run("pipeline", "base.yaml", "--set", WARM, "--set", DESCENT, "--set", "steps=5", "--set",
                                cli_format("hypergradient={mode: %s}", modes[m]), "--out", modes[m], NULL));
        for (int i = 1; i <= 4; i++) {
            const char *wanted = single(steps[i - 1], "truncated, steps_back: 5");
            const double error = json_number(cli_read(cli_format("%s/hypergradient.json", wanted)), "E");
            cr_expect_float_eq(of_line(modes[m], i, "validation_error"), error, 0, "%s %d", modes[m], i);
            cr_expect(i == 4 || fabs(of_line(modes[m], i, "gradient_norm") / norm_of(wanted) - 1) < 1e-12, "%s %d",
                      modes[m], i);
        }
    }
}

Test(warm, the_result_is_the_best_training_and_its_weights)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--set", WARM, "--set", DESCENT, "--set", "steps=5", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out,
                     "warm start: each training starts from the weights of the previous one, with fresh slots; the "
                     "hypergradient treats that start as a constant"),
              "%s", r.out);
    const char *result = cli_read("runs/blobs-1/result.json");
    double least = INFINITY;
    for (int i = 1; i <= 4; i++)
        least = fmin(least, of_line("runs/blobs-1", i, "validation_error"));
    cr_expect_float_eq(json_number(result, "tuned/validation_error"), least, 0, "%s", result);
    cr_expect_float_eq(json_number(result, "tuned/validation_loss"), least, 1e-12, "%s", result);
    /* Nothing was trained for the table: neither those weights again nor what the first hyperparameters would reach. */
    cr_expect(!strstr(r.out, "initial"), "%s", r.out);
}

Test(warm, is_for_descents_whose_result_is_theirs)
{
    static const struct {
        const char *set, *why;
    } wrong[] = {{"stop={patience: 3}", "and no final training follows: it cannot be used with \"stop\""},
                 {"final={train_on: training+validation}", "cannot be used with \"final: train_on\""},
                 {"outer/warm_start=slots", "\"slots\" is neither none nor weights"},
                 {"outer/schedule=online", "warm_start: only with schedule: batch"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cli_expect_refused(wrong[i].set, cli_run("pipeline", "base.yaml", "--set", WARM, "--set", wrong[i].set, NULL),
                           wrong[i].why, NULL);
}
