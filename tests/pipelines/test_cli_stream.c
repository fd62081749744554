/* Training examples that come as a stream: without end, once only, up to an end; interrupted, resumed, refused. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cli_support.h"
#include "json_check.h"

static void enter(void)
{
    cli_enter();
    cli_streamed("s.yaml",
                 "name: endless\n"
                 "data: {plugin: drifting, features: 8, tasks: 4, groups: 2, validation: 60, test: 80, period: 3000}\n",
                 "validation_batch: 30, ");
}

TestSuite(stream, .init = enter, .fini = cli_leave, .timeout = 60);

static void expect_same_end(const char *a, const char *b)
{
    static const char *const names[] = {"weights/W", "weights/b", "hyperparameters/l2.rho",
                                        "hyperparameters/dynamics.learning_rate"};
    static const int counts[] = {32, 4, 1, 1};
    for (int i = 0; i < 4; i++) {
        const double *x = cli_array(cli_format("%s/%s.npy", a, names[i]), counts[i]);
        const double *y = cli_array(cli_format("%s/%s.npy", b, names[i]), counts[i]);
        cr_expect_arr_eq(x, y, (size_t)counts[i] * sizeof *x, "%s of %s and %s", names[i], a, b);
    }
}

/* ---- its end ----------------------------------------------------------------------------------------------------- */

Test(stream, its_end_ends_training_with_an_evaluation)
{
    const cli_result r = cli_run("pipeline", "s.yaml", "--set", "data/end=1234", "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.err, "the stream ended after 1234 examples; step 124 takes those from number 1230 to 1239"),
              "%s", r.err);
    cr_expect(strstr(r.out, "a stream of training, 60 validation, 80 test examples"), "%s", r.out);
    cr_expect(strstr(r.out, "6 updates"), "%s", r.out);
    const char *lines = cli_read("r/metrics.jsonl");
    cr_expect(strstr(lines, "{\"step\": 123, \"epoch\": null"), "no evaluation at the last step: %s", lines);
    cr_expect(!strstr(lines, "\"step\": 124"));
    cr_expect(!strstr(r.err, "left"), "what is left of no end: %s", r.err);
}

/* Where it ends with an evaluation, there is no second one. */
Test(stream, an_end_at_an_evaluation_is_evaluated_once)
{
    cli_expect_done(cli_run("pipeline", "s.yaml", "--set", "data/end=1005", "--out", "r", NULL));
    const char *first = strstr(cli_read("r/metrics.jsonl"), "{\"step\": 100, \"epoch\": null");
    cr_assert(first);
    const char *update = strstr(first + 1, "{\"step\": 100, ");
    cr_expect(update && strstr(update, "\"update\": 5"), "%s", first);
    cr_expect(update && !strstr(update + 1, "{\"step\""), "%s", first);
}

Test(stream, a_fixed_number_of_steps_needs_as_many_examples)
{
    const cli_result r =
        cli_run("hypergradient", "s.yaml", "--set", "steps=40", "--set", "data/end=395", "--out", "r", NULL);
    cr_expect_eq(r.status, 2, "%d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "step 40: ") && strstr(r.err, "s.yaml:2:16"), "%s", r.err);
    cr_expect(strstr(r.err, "the stream ended after 395 examples; step 40 takes those from number 390 to 399"), "%s",
              r.err);
    cli_expect_refused("none", cli_run("pipeline", "s.yaml", "--set", "data/end=9", NULL), "s.yaml:2:16",
                       "the stream ended after 9 examples", NULL);
}

/* ---- the same again ---------------------------------------------------------------------------------------------- */

/* Every mode sees the same examples at a step, however often it goes there. */
Test(stream, modes_agree_where_training_has_an_end)
{
    cli_expect_done(cli_run("hypergradient", "s.yaml", "--set", "steps=30", "--precision", "f64", "--out", "f", NULL));
    cli_expect_done(cli_run("hypergradient", "s.yaml", "--set", "steps=30", "--precision", "f64", "--mode", "reverse",
                            "--out", "r", NULL));
    const double *a = cli_array("f/dynamics.learning_rate.npy", 1), *b = cli_array("r/dynamics.learning_rate.npy", 1);
    cr_expect(fabs(*a - *b) < 1e-10 * fabs(*a) && *a != 0, "%.17g and %.17g", *a, *b);
    const cli_result r = cli_run("check", "s.yaml", "--set", "steps=12", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "mode reverse: hypergradient") && !strstr(r.out, "FAILED"), "%s", r.out);
}

/* Interrupted at any place, and resumed: the bits of the run that nobody disturbed. */
Test(stream, ctrl_c_keeps_what_there_is_and_the_run_goes_on)
{
    cli_expect_done(cli_run("pipeline", "s.yaml", "--set", "data/end=40000", "--out", "whole", NULL));
    const pid_t child = cli_start("pipeline", "s.yaml", "--set", "data/end=40000", "--out", "r", NULL);
    const struct timespec moment = {.tv_nsec = 1000 * 1000};
    while (!cli_over(child) && !(cli_exists("r/metrics.jsonl") && strstr(cli_read("r/metrics.jsonl"), "\"update\": 3")))
        nanosleep(&moment, NULL);
    kill(child, SIGINT);
    const cli_result cut = cli_finish(child);
    cr_assert_eq(cut.status, 130, "%d: %s", cut.status, cut.err);
    cr_expect(strstr(cut.out, "test accuracy") && cli_exists("r/weights/W.npy"), "%s", cut.out);
    cr_expect(json_is(cli_read("r/result.json"), "outcome", "interrupted"));
    const cli_result again = cli_run("pipeline", "--resume", "r", NULL);
    cli_expect_done(again);
    expect_same_end("whole", "r");
}

/* ---- what goes with it ------------------------------------------------------------------------------------------- */

Test(stream, modes_that_go_back_to_the_start_are_refused_without_an_end)
{
    cli_expect_refused("reverse", cli_run("pipeline", "s.yaml", "--mode", "reverse", NULL),
                       "mode \"reverse\" goes back", "forward", "truncated", "warm_restart", NULL);
    cli_expect_done(cli_run("pipeline", "s.yaml", "--mode", "reverse", "--set", "outer/warm_restart=true", "--set",
                            "data/end=1000", "--out", "a", NULL));
    cli_expect_done(cli_run("pipeline", "s.yaml", "--mode", "forward", "--set", "outer/warm_restart=true", "--set",
                            "data/end=1000", "--precision", "f64", "--out", "b", NULL));
    cli_expect_done(cli_run("pipeline", "s.yaml", "--mode", "truncated", "--set", "data/end=1000", "--out", "c", NULL));
    const cli_result r = cli_run("pipeline", "s.yaml", "--mode", "auto", "--set", "data/end=500", "--out", "d", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "mode forward") && !strstr(r.out, "reverse"), "%s", r.out);
}

Test(stream, plan_counts_updates)
{
    const cli_result r = cli_run("plan", "s.yaml", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "unbounded: 1000 updates") && strstr(r.out, "* forward") && !strstr(r.out, "reverse"), "%s",
              r.out);
}

#define BATCH "stop=null", "--set", "outer={schedule: batch, every: null, validation_batch: null, iterations: 3}"

Test(stream, what_needs_an_end_is_refused)
{
    static const char *const refused[][3] = {
        {"batch=full", "how many of its examples a step takes", "batch: 100"},
        {"stop/epochs=3", "epochs", "a stream, without end, has none"},
        {"objective=[{loss: cross_entropy, weights: per_example}, {penalty: l2}]", "weights", "ever more weights"},
        {"data/split={train: rest, validation: 5}", "split", "provides all parts itself"},
        {"steps=5", "every: the hyperparameters would never change", "20 steps"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        cli_expect_refused(refused[i][0], cli_run("pipeline", "s.yaml", "--set", refused[i][0], NULL), refused[i][1],
                           refused[i][2], NULL);
    cli_expect_refused("no stop",
                       cli_run("pipeline", "s.yaml", "--set", "stop=null", "--set", "outer=null", "--set",
                               "hyperparameters=null", NULL),
                       "steps: unbounded", "{every: 1000}", NULL);
    cli_expect_refused("folds",
                       cli_run("pipeline", "s.yaml", "--set", "validation={loss: cross_entropy, folds: 3}", "--set",
                               "steps=9", "--set", BATCH, NULL),
                       "folds", "cannot be dealt into folds", NULL);
    cli_expect_refused("final",
                       cli_run("pipeline", "s.yaml", "--set", "final={train_on: training+validation}", "--set",
                               "steps=9", "--set", BATCH, NULL),
                       "train_on", "as a stream", NULL);
    cli_change("s.yaml", "data: {plugin: drifting,",
               "data: {train: {plugin: drifting}, validation: {plugin: drifting,");
    cli_change("s.yaml", "period: 3000}", "period: 3000}}");
    cli_expect_refused("parts", cli_run("pipeline", "s.yaml", NULL), "train", "provides all parts itself", NULL);
}

/* Means and deviations are those of the validation part. */
Test(stream, batches_are_standardized_by_the_validation_part)
{
    cli_expect_done(
        cli_run("pipeline", "s.yaml", "--set", "data/standardize=true", "--set", "data/end=2000", "--out", "r", NULL));
    cr_expect(isfinite(json_number(cli_read("r/result.json"), "tuned/test_loss")));
}
