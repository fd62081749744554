/* Cross-validation in a run: its figures, its final training, its resumption, and what it is refused with. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(folds, .init = cli_enter, .fini = cli_leave, .timeout = 60);

#define FOLDS "validation/folds=4"

Test(folds, a_run_has_their_means_and_trains_on_all_in_the_end)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", FOLDS, "--out", "r", NULL));
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", FOLDS, "--out", "h", NULL));
    const char *result = cli_read("r/result.json"), *first = cli_read("r/metrics.jsonl");
    const double error = json_number(cli_read("h/hypergradient.json"), "E");
    first = cli_format("%.*s", (int)strcspn(first, "\n"), first);
    cr_expect_eq(json_number(first, "validation_error"), error);
    cr_expect_float_eq(json_number(result, "initial/validation_error"), error, 1e-14, "%s", result);
    cr_expect_float_eq(json_number(result, "initial/validation_loss"), error, 1e-12, "%s", result);
    cr_expect_lt(json_number(result, "tuned/validation_error"), error);
    cr_expect_gt(json_number(result, "final/test_accuracy"), 0.3, "%s", result);
    /* No single training has the tuned hyperparameters' error, so none is tested. */
    cr_expect(strstr(result, "\"test_loss\": null"), "%s", result);
    cr_expect(strstr(cli_read("r/pipeline.yaml"), "train_on: training+validation"));
    /* Five iterations of four hypergradients, the last one of four trainings, the tuned column, and the end. */
    cr_expect_eq(json_number(result, "gradient_evaluations"), 5 * 4 * 4 * 15 + 4 * 15 + 15, "%s", result);
}

/* The same error whatever says how the lambda is chosen. */
Test(folds, a_search_has_their_means)
{
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", FOLDS, "--out", "h", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "hyperparameters/mtl.rho/range={values: [0.01]}", "--set",
                            "hyperparameters/mtl.A/range={values: [0]}", "--set", "outer={strategy: grid}", "--set",
                            FOLDS, "--out", "g", NULL));
    cr_expect_float_eq(json_number(cli_read("g/metrics.jsonl"), "validation_error"),
                       json_number(cli_read("h/hypergradient.json"), "E"), 1e-14);
}

Test(folds, are_refused_where_there_is_one_training_part)
{
    static const struct {
        const char *set, *why;
    } wrong[] = {
        {"validation/folds=1", "folds: 1 is not between 2 and 1000"},
        {"validation/folds=81", "folds: 81, but there are 80 examples for training and validation"},
        {"outer={plugin: sgd, learning_rate: 0.1, schedule: online, every: 3, iterations: null}",
         "schedule: online: it has one training; not with"},
        {"outer/warm_start=weights", "warm_start: the result is the weights of one training; not with"},
        {"stop={patience: 3}", "stop: it ends each training by a validation part of its own; not with"},
        {"data/noise={labels: 0.3}", "noise: it is laid over the labels of one training part; not with"},
        {"objective/cross_entropy/weights=per_example", "weights: they are those of the examples of one"},
        {"final={train_on: training}", "only training+validation is left; not with \"folds\" of `validation`"},
        {"final={train_on: validation}", "only training+validation is left; not with \"folds\" of `validation`"},
        {"batch=61", "batch: 61 examples, but the training part has 60"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cli_expect_refused(wrong[i].set, cli_run("pipeline", "base.yaml", "--set", FOLDS, "--set", wrong[i].set, NULL),
                           wrong[i].why, NULL);
    cli_pipeline("p.yaml", "reduce: mean}\nhyper", "reduce: mean, folds: 99}\nhyper");
    cli_expect_refused("its place", cli_run("pipeline", "p.yaml", NULL), "p.yaml:16:", "folds: 99, but", NULL);
}

/* Wherever else they are looked for, the message says where they belong. */
Test(folds, are_a_matter_of_validation)
{
    static const char *const sets[] = {"folds=5", "outer/folds=5", "data/folds=5"};
    cli_expect_refused("seeds", cli_run("pipeline", "base.yaml", "--set", "outer/seeds=3", NULL),
                       "seeds: belongs to `validation`, as validation: {seeds: 3}", NULL);
    cli_expect_refused("same", cli_run("pipeline", "base.yaml", "--set", "validation/seeds=3", NULL),
                       "seeds: all trainings would be the same", NULL);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        cli_expect_refused(sets[i], cli_run("pipeline", "base.yaml", "--set", sets[i], NULL),
                           "folds: belongs to `validation`, as validation: {folds: 5}", NULL);
    cli_expect_refused("two", cli_run("pipeline", "base.yaml", "--set", "validation/terms=[]", NULL),
                       "terms: not beside a single term", NULL);
    /* The objective's loss, or a list. */
    static const char *const same[] = {"validation={folds: 4}",
                                       "validation={folds: 4, terms: [{loss: cross_entropy, reduce: mean}]}"};
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", FOLDS, "--out", "h", NULL));
    for (size_t i = 0; i < 2; i++) {
        const char *out = cli_format("s%zu", i);
        cli_expect_done(
            cli_run("hypergradient", "base.yaml", "--set", "validation=null", "--set", same[i], "--out", out, NULL));
        cr_expect_eq(json_number(cli_read(cli_format("%s/hypergradient.json", out)), "E"),
                     json_number(cli_read("h/hypergradient.json"), "E"));
    }
}

Test(folds, the_fold_that_diverges_is_named)
{
    cli_result r =
        cli_run("pipeline", "base.yaml", "--set", FOLDS, "--set", "dynamics={plugin: sgd, learning_rate: 1e300}", NULL);
    cr_expect_eq(r.status, 1, "%d", r.status);
    cr_expect(strstr(r.err, "(fold 1 of 4)"), "%s", r.err);
}

/* ---- processes --------------------------------------------------------------------------------------------------- */

/* What the clock says goes. */
static const char *without_seconds(const char *json)
{
    static const char key[] = "seconds\": ";
    const char *text = "";
    for (const char *at; (at = strstr(json, key)); json = at + strlen(key) + strcspn(at + strlen(key), ",\n}"))
        text = cli_format("%s%.*s", text, (int)(at - json), json);
    return cli_format("%s%s", text, json);
}

/* However many processes there are, the run is the same. */
Test(folds, jobs_change_nothing)
{
    static const char *const jobs[] = {"1", "3"};
    for (size_t i = 0; i < 2; i++)
        cli_expect_done(cli_run("pipeline", "base.yaml", "--set", FOLDS, "--set", "validation/seeds=2", "--set",
                                "batch=20", "--jobs", jobs[i], "--out", cli_format("j%s", jobs[i]), NULL));
    const char *alone = cli_read("j1/metrics.jsonl"), *apart = cli_read("j3/metrics.jsonl");
    cr_expect_str_eq(without_seconds(alone), without_seconds(apart));
    cr_expect(strstr(cli_read("j1/result.json"), "\"criterion\": \"4 folds x 2 seeds\""));
    static const char *const figures[] = {"tuned/validation_error", "tuned/validation_loss", "final/test_loss",
                                          "gradient_evaluations", "digits/left"};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        cr_expect_eq(json_number(cli_read("j1/result.json"), figures[i]),
                     json_number(cli_read("j3/result.json"), figures[i]), "%s", figures[i]);
}

/* With seeds alone nothing is dealt anew, and the final training is that of the training part with the run's seed. */
Test(folds, seeds_have_a_final_training)
{
    cli_expect_done(
        cli_run("pipeline", "base.yaml", "--set", "validation/seeds=3", "--set", "batch=20", "--out", "s", NULL));
    const char *result = cli_read("s/result.json");
    cr_expect(strstr(result, "\"criterion\": \"3 seeds\""), "%s", result);
    cr_expect_gt(json_number(result, "final/test_accuracy"), 0.3, "%s", result);
    cr_expect_eq(json_number(result, "data/training"), 40);
}

/* The other trainings are not to blame. */
Test(folds, a_worker_that_dies_is_named)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--set", FOLDS, "--jobs", "2", "--set",
                           cli_format("hypergradient={mode: scripted, path: %s/scripted_mode.so, fault: kill, at: 1}",
                                      cli_environment("HOTOOL_PIPELINE_PLUGINS")),
                           NULL);
    cr_expect_eq(r.status, 1, "%d", r.status);
    cr_expect(strstr(r.err, "its process was ended by signal 9"), "%s", r.err);
    cr_expect(strstr(r.err, "(fold 1 of 4)"), "%s", r.err);
}

/* What its mode tells is shown, as where it runs in this process. */
Test(folds, a_mode_tells_from_a_process_of_its_own)
{
    static const char *const modes[] = {"implicit", "split"};
    for (size_t i = 0; i < 2; i++) {
        const char *told[2];
        for (int jobs = 1; jobs <= 2; jobs++) {
            cli_result r = cli_run("hypergradient", "base.yaml", "--set", FOLDS, "--mode", modes[i], "--jobs",
                                   cli_format("%d", jobs), NULL);
            cli_expect_done(r);
            told[jobs - 1] = strstr(r.out, cli_format("\n%s: ", modes[i]));
            cr_assert(told[jobs - 1], "%s", r.out);
        }
        cr_expect_str_eq(told[0], told[1]);
    }
}

static int lines_of(const char *path)
{
    return cli_exists(path) ? cli_shell(cli_format("exit $(wc -l <%s)", path)) : 0;
}

/* Asked to stop in the midst of a question, and gone on with by another number of processes. */
Test(folds, an_interrupted_question_goes_on)
{
    cli_change("base.yaml", "steps: 15", "steps: 400\ncheckpoint: {seconds: 0.05}");
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", FOLDS, "--jobs", "1", "--out", "whole", NULL));
    pid_t run = cli_start("pipeline", "base.yaml", "--set", FOLDS, "--jobs", "2", "--quiet", "--out", "r", NULL);
    for (int i = 0; i < 6000 && lines_of("r/metrics.jsonl") < 2; i++)
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
    kill(run, SIGTERM);
    cli_result r = cli_finish(run);
    cr_expect_eq(r.status, 128 + SIGTERM, "%d: %s", r.status, r.err);
    cli_expect_done(cli_run("pipeline", "--resume", "r", "--jobs", "1", "--quiet", NULL));
    cr_expect_str_eq(without_seconds(cli_read("r/metrics.jsonl")), without_seconds(cli_read("whole/metrics.jsonl")));
    cr_expect_eq(json_number(cli_read("r/result.json"), "gradient_evaluations"),
                 json_number(cli_read("whole/result.json"), "gradient_evaluations"));
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* A table says what its validation errors are, and compares those of one kind only. */
Test(folds, a_table_tells_them_from_others)
{
    cli_pipeline("v.yaml", "seed: 3\n",
                 "seed: 3\nrepeat: 2\nvariants: {ONE: {}, CV: {validation: {folds: 4}}, MEAN: {batch: 20, validation: "
                 "{seeds: 2}}}\n");
    cli_result r = cli_run("pipeline", "v.yaml", "--out", "v", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "hypergradient, 4 folds") && strstr(r.out, "hypergradient, 2 seeds"), "%s", r.out);
    const char *paired = strstr(r.out, "minus ");
    cr_assert(paired, "%s", r.out);
    for (int row = 0; row < 2; row++) { /* no validation error or accuracy, but a test accuracy */
        paired = strchr(strchr(paired, '\n') + 1, row ? ' ' : '\n');
        cr_expect_str_neq(paired, "");
    }
    r = cli_run("runs", "v", NULL);
    cr_expect(strstr(r.out, "hypergradient, 4 folds"), "%s", r.out);
    cli_expect_refused("choose", cli_run("pipeline", "v.yaml", "--set", "choose={BEST: [ONE, CV]}", NULL),
                       "the validation errors of ONE (one training) and CV (4 folds) cannot be compared", NULL);
}

/* ---- check and plan ---------------------------------------------------------------------------------------------- */

/* Each training's hypergradient is checked, not the first one's alone. */
Test(folds, are_checked_one_by_one)
{
    cli_result r = cli_run("check", "base.yaml", "--set", FOLDS, "--set", "steps=4", NULL);
    cli_expect_done(r);
    for (int k = 2; k <= 4; k++)
        cr_expect(strstr(r.out, cli_format("\nfold %d of 4: its hypergradient\n", k)), "%s", r.out);
    cr_expect(strstr(r.out, "\nfold 1 of 4\n"), "%s", r.out);
    r = cli_run("check", "base.yaml", "--set", FOLDS, "--set", "steps=4", "--json", NULL);
    cr_expect(strstr(r.out, "\"training\": \"fold 4 of 4\""), "%s", r.out);
}

/* The mode that is planned for one training is needed for each. */
Test(folds, are_planned_for)
{
    cli_result r = cli_run("plan", "base.yaml", "--set", FOLDS, NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "trainings             4: the validation error is the mean over 4 folds"), "%s", r.out);
    /* Forward mode takes 15 steps with 7 tangents, four times. */
    const char *forward = strstr(r.out, " forward "), *measured = strstr(r.out, "its JVP ");
    double seconds = 0, jvp = 0, column = 0;
    cr_assert(forward && sscanf(forward, " forward %lf", &seconds) == 1, "%s", r.out);
    cr_assert(measured && sscanf(measured, "its JVP %lf and %lf a column", &jvp, &column) == 2, "%s", r.out);
    const double expected = 4 * 15 * (jvp + 7 * column) / 1000;
    cr_expect_float_eq(seconds, expected, 0.02 * expected, "%s", r.out);
    cr_expect_eq(json_number(cli_run("plan", "base.yaml", "--set", FOLDS, "--json", NULL).out, "trainings"), 4);
}
