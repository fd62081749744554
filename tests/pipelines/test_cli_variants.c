/* Variants and repetitions from end to end: one folder and one row for each, the same numbers however they are run. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/npy.h"
#include "cli_support.h"
#include "json_check.h"

#define OUTER "outer: {plugin: adam, learning_rate: 0.01, iterations: 5}\n"

static void enter(void)
{
    cli_enter();
    cli_pipeline("v.yaml", OUTER,
                 OUTER "repeat: 2\n"
                       "variants:\n"
                       "  FULL: {}\n"
                       "  RHO:\n"
                       "    hyperparameters: {mtl.A: null}\n"
                       "  GRID:\n"
                       "    hyperparameters: {mtl.A: null, mtl.rho: {range: {from: 1.0e-3, to: 1, scale: log, "
                       "points: 4}}}\n"
                       "    outer: {strategy: grid}\n"
                       "  RANDOM:\n"
                       "    hyperparameters: {mtl.A: null, mtl.rho: {range: {from: 1.0e-3, to: 1, scale: log}}}\n"
                       "    outer: {strategy: random}\n");
}

TestSuite(variants, .init = enter, .fini = cli_leave, .timeout = 120);

static const char *const names[] = {"FULL", "RHO", "GRID", "RANDOM"};
static const char *const strategies[] = {"hypergradient", "hypergradient", "grid", "random"};

static const char *result_of(const char *folder)
{
    const char *text = cli_read(cli_format("%s/result.json", folder));
    cr_assert(json_valid(text, strlen(text)), "no JSON: %s", text);
    return text;
}

static const char *of(const char *top, int variant, int repetition)
{
    return result_of(cli_format("%s/%s/%d", top, names[variant], repetition));
}

/* Fails the test unless the row's figure is that of the sub-runs, one by one and in the mean. */
static void expect_figure(const char *result, int row, const char *figure, double a, double b)
{
    const char *path = cli_format("rows/%d/%s", row, figure);
    cr_expect_float_eq(json_number(result, cli_format("%s/values/0", path)), a, 0, "%s", path);
    cr_expect_float_eq(json_number(result, cli_format("%s/values/1", path)), b, 0, "%s", path);
    cr_expect_float_eq(json_number(result, cli_format("%s/mean", path)), (a + b) / 2, 1e-12, "%s", path);
    cr_expect_float_eq(json_number(result, cli_format("%s/sd", path)), fabs(a - b) / sqrt(2), 1e-12, "%s", path);
}

/* The text of the line that begins with two spaces and this word. */
static const char *line_with(const char *text, const char *word)
{
    const char *at = strstr(text, cli_format("\n  %s ", word));
    return at ? cli_format("%.*s", (int)strcspn(at + 1, "\n"), at + 1) : "";
}

Test(variants, each_leaves_its_runs_and_a_row)
{
    cli_result r = cli_run("pipeline", "v.yaml", "--out", "r", NULL);
    cli_expect_done(r);
    const char *result = result_of("r");
    cr_expect_float_eq(json_number(result, "format"), 1, 0);
    cr_expect_float_eq(json_number(result, "repeat"), 2, 0);
    cr_expect(json_is(result, "outcome", "done"), "%s", result);
    cr_expect_null(json_at(result, "rows/4"));
    cr_expect(strstr(r.out, "mean +- sd of 2 splits and seeds") && strstr(r.out, "results in r"), "%s", r.out);
    for (int v = 0; v < 4; v++) {
        const char *one = of("r", v, 1), *two = of("r", v, 2);
        cr_expect(json_is(result, cli_format("rows/%d/variant", v), names[v]));
        cr_expect(json_is(result, cli_format("rows/%d/strategy", v), strategies[v]));
        cr_expect(json_is(result, cli_format("rows/%d/outcome", v), "done"));
        cr_expect(json_is(result, cli_format("rows/%d/folders/1", v), cli_format("%s/2", names[v])));
        cr_expect_float_eq(json_number(result, cli_format("rows/%d/runs", v)), 2, 0);
        static const char *const figures[][2] = {{"validation_error", "tuned/validation_error"},
                                                 {"validation_accuracy", "tuned/validation_accuracy"},
                                                 {"test_loss", "tuned/test_loss"},
                                                 {"test_accuracy", "tuned/test_accuracy"},
                                                 {"gradient_evaluations", "gradient_evaluations"},
                                                 {"hyperparameters/mtl.rho", "hyperparameters/mtl.rho"}};
        for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
            expect_figure(result, v, figures[f][0], json_number(one, figures[f][1]), json_number(two, figures[f][1]));
        double mean = json_number(result, cli_format("rows/%d/test_accuracy/mean", v));
        cr_expect(strstr(line_with(r.out, names[v]), cli_format(" %.2f +- ", 100 * mean)), "%s", r.out);
        cr_expect_float_eq(json_number(one, "seed"), 3, 0);
        cr_expect_float_eq(json_number(two, "seed"), 4, 0);
        static const char *const files[] = {"pipeline.yaml", "metrics.jsonl", "hyperparameters/mtl.rho.npy",
                                            "weights/W.npy"};
        for (size_t f = 0; f < sizeof files / sizeof *files; f++)
            cr_expect(cli_exists(cli_format("r/%s/2/%s", names[v], files[f])), "%s: %s", names[v], files[f]);
        cr_expect_not(cli_exists(cli_format("r/%s/3", names[v])));
    }
    expect_figure(result, 0, "hyperparameters/mtl.A/sum", json_number(of("r", 0, 1), "hyperparameters/mtl.A/sum"),
                  json_number(of("r", 0, 2), "hyperparameters/mtl.A/sum"));
    cr_expect_null(json_at(result, "rows/1/hyperparameters/mtl.A"), "RHO tunes no A");
}

/* From a pipeline to a page: what a run writes is what `hotool report` reads. */
Test(variants, end_in_a_report)
{
    if (!cli_exists("/usr/bin/neato") || !cli_exists("/usr/bin/gnuplot"))
        cli_skip("the Debian packages graphviz and gnuplot-nox are needed");
    cli_expect_done(cli_run("pipeline", "v.yaml", "--quiet", "--out", "r", NULL));
    cli_result r = cli_run("report", "r", NULL);
    cli_expect_done(r);
    cr_expect_str_eq(r.out, "r/report.html\n");
    const char *page = cli_read("r/report.html"), *result = result_of("r");
    for (int v = 0; v < 4; v++) {
        double mean = json_number(result, cli_format("rows/%d/test_accuracy/mean", v));
        cr_expect(strstr(page, names[v]), "%s is not on the page", names[v]);
        cr_expect(strstr(page, cli_format("%.2f", 100 * mean)), "%s: %g is not on the page", names[v], mean);
    }
    cr_expect(cli_exists("r/relations.svg") && cli_exists("r/relations.dot"));
    cli_expect_done(cli_run("report", "r", "--out", "elsewhere.html", NULL));
    cr_expect(cli_exists("elsewhere.html"));
    cli_result none = cli_run("report", "r/weights", NULL);
    cr_expect_eq(none.status, 2);
}

/* Where variants begin alike, equal errors mean equal splits. */
Test(variants, all_have_the_same_splits)
{
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "r", NULL));
    for (int i = 1; i <= 2; i++)
        cr_expect_float_eq(json_number(of("r", 0, i), "initial_validation_error"),
                           json_number(of("r", 1, i), "initial_validation_error"), 1e-15);
    cr_expect_float_neq(json_number(of("r", 0, 1), "initial_validation_error"),
                        json_number(of("r", 0, 2), "initial_validation_error"), 1e-6, "both repetitions are one");
}

Test(variants, the_test_part_is_looked_at_once_and_chooses_nothing)
{
    const char *text = "  split: {train: 40, validation: 40, test: rest}\n";
    cli_npy_blobs("one_x.npy", "one_y.npy", 0, 30);
    cli_npy_blobs("two_x.npy", "two_y.npy", 50, 30);
    cli_change("v.yaml", text,
               "  split: {train: 40, validation: 40}\n  test: {plugin: npy, inputs: one_x.npy, labels: one_y.npy}\n");
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "one", NULL));
    cli_expect_done(cli_run("pipeline", "v.yaml", "--set", "data/test/inputs=two_x.npy", "--set",
                            "data/test/labels=two_y.npy", "--out", "two", NULL));
    for (int v = 0; v < 4; v++) {
        const char *one = of("one", v, 1), *two = of("two", v, 1);
        cr_expect_null(json_at(one, "initial"), "the initial hyperparameters met the test part: %s", one);
        cr_expect_not(strstr(cli_read(cli_format("one/%s/1/metrics.jsonl", names[v])), "test"));
        cr_expect_float_neq(json_number(one, "tuned/test_loss"), json_number(two, "tuned/test_loss"), 1e-9);
        cr_expect_float_eq(json_number(one, "best_iteration"), json_number(two, "best_iteration"), 0);
        cr_expect_float_eq(json_number(one, "best_validation_error"), json_number(two, "best_validation_error"), 0);
        cr_expect_float_eq(json_number(one, "hyperparameters/mtl.rho"), json_number(two, "hyperparameters/mtl.rho"), 0);
    }
}

/* The difference of two rows' figure over both splits, as the table says it; *better: on how many the first is. */
static double difference_of(const char *result, int row, int reference, const char *figure, double *better)
{
    double sum = 0;
    *better = 0;
    for (int i = 0; i < 2; i++) {
        double own = json_number(result, cli_format("rows/%d/%s/values/%d", row, figure, i));
        double other = json_number(result, cli_format("rows/%d/%s/values/%d", reference, figure, i));
        sum += own - other;
        *better += strcmp(figure, "test_accuracy") == 0 ? own > other : own < other;
    }
    return sum / 2;
}

Test(variants, are_compared_on_the_splits_they_share)
{
    cli_result r = cli_run("pipeline", "v.yaml", "--set", "choose={BEST: [RHO, GRID]}", "--out", "r", NULL);
    cli_expect_done(r);
    const char *result = result_of("r"), *block = strstr(r.out, "on the same splits");
    cr_assert(block, "%s", r.out);
    const char *all[] = {"FULL", "RHO", "GRID", "RANDOM", "BEST"};
    int reference = 0;
    for (int v = 1; v < 5; v++)
        if (json_number(result, cli_format("rows/%d/validation_error/mean", v)) <
            json_number(result, cli_format("rows/%d/validation_error/mean", reference)))
            reference = v;
    cr_expect(strstr(r.out, cli_format("\n  minus %s (least validation error)", all[reference])), "%s", r.out);
    for (int v = 0; v < 5; v++) {
        cr_expect_float_eq(json_number(result, cli_format("rows/%d/seeds/1", v)),
                           json_number(result, cli_format("rows/%d/seeds/0", v)) + 1, 0);
        const char *line = line_with(block, all[v]);
        double shown, sd, better, wanted, wins;
        int pairs;
        cr_expect(v != reference ? *line : !*line, "%s", r.out);
        if (v == reference)
            continue;
        cr_assert_eq(sscanf(line + strlen(all[v]) + 3, "%lf +- %lf %lf of %d", &shown, &sd, &better, &pairs), 4, "%s",
                     line);
        wanted = difference_of(result, v, reference, "validation_error", &wins);
        cr_expect_float_eq(shown, wanted, 6e-4, "%s", line);
        cr_expect(better == wins && pairs == 2, "%s: %g", line, wins);
    }
    cli_expect_done(cli_run("report", "r", NULL));
    const char *html = cli_read("r/report.html");
    cr_expect(strstr(html, "<table id=\"paired\">") && strstr(html, "Paired differences"));
    cli_expect_done(r = cli_run("pipeline", "v.yaml", "--set", "repeat=1", "--out", "once", NULL));
    cr_expect_not(strstr(r.out, "on the same splits"), "one split says nothing: %s", r.out);
    /* Each on splits of its own. */
    cli_expect_done(r = cli_run("pipeline", "v.yaml", "--variant", "RHO", "--variant", "GRID", "--set",
                                "variants/GRID/seed=100", "--out", "apart", NULL));
    cr_expect_not(strstr(r.out, "on the same splits"), "%s", r.out);
}

Test(variants, can_be_chosen)
{
    cli_result r = cli_run("pipeline", "v.yaml", "--variant", "GRID", "--variant=FULL", "--out", "two", NULL);
    cli_expect_done(r);
    const char *result = result_of("two");
    cr_expect(json_is(result, "rows/0/variant", "GRID") && json_is(result, "rows/1/variant", "FULL"), "%s", result);
    cr_expect_null(json_at(result, "rows/2"));
    cr_expect_not(cli_exists("two/RHO"));
    cr_expect(*line_with(r.out, "GRID") && !*line_with(r.out, "RHO"), "%s", r.out);
    cli_expect_done(cli_run("pipeline", "v.yaml", "--variant", "RHO", "--set", "repeat=1", "--out", "one", NULL));
    cr_expect(json_is(result_of("one"), "rows/0/variant", "RHO") && cli_exists("one/RHO/1/result.json"));
    /* The commands that look at one. */
    cli_result all = cli_run("hypergradient", "v.yaml", NULL),
               rho = cli_run("hypergradient", "v.yaml", "--variant", "RHO", NULL);
    cli_expect_done(all);
    cli_expect_done(rho);
    cr_expect(strstr(all.out, "mtl.A") && !strstr(rho.out, "mtl.A") && strstr(rho.out, "mtl.rho"), "%s", rho.out);
    cli_expect_done(cli_run("check", "v.yaml", "--variant", "RHO", NULL));
}

Test(variants, choices_that_are_none_are_refused)
{
    cli_expect_refused("unknown", cli_run("pipeline", "v.yaml", "--variant", "RANDOMS", NULL),
                       "v.yaml:", "no variant \"RANDOMS\"", "did you mean \"RANDOM\"?", NULL);
    cli_expect_refused("twice", cli_run("pipeline", "v.yaml", "--variant", "RHO", "--variant", "RHO", NULL),
                       "--variant RHO: chosen twice", NULL);
    cli_expect_refused("none there", cli_run("pipeline", "base.yaml", "--variant", "RHO", NULL),
                       "base.yaml: ", "no variants", NULL);
    cli_expect_refused("check of two", cli_run("check", "v.yaml", "--variant", "RHO", "--variant", "GRID", NULL),
                       "--variant GRID", "expected one variant", NULL);
    cli_expect_refused("check of a list",
                       cli_run("check", "v.yaml", "--set", "variants=[RHO]", "--variant", "RHO", NULL), "variants",
                       NULL);
    cli_expect_refused("jobs", cli_run("pipeline", "v.yaml", "--jobs", "0", NULL), "--jobs 0", NULL);
}

/* All are looked at before the first one runs. */
Test(variants, one_that_is_wrong_stops_all_before_anything_runs)
{
    cli_expect_refused("its key", cli_run("pipeline", "v.yaml", "--set", "variants/RANDOM/stepz=3", NULL),
                       "unknown key \"stepz\"", "did you mean \"steps\"?", "(variant RANDOM)", NULL);
    cli_expect_refused("its data",
                       cli_run("pipeline", "v.yaml", "--set", "variants/RANDOM/data={inputs: none.npy}", NULL),
                       "none.npy", "(variant RANDOM)", NULL);
    cli_expect_refused("its range",
                       cli_run("pipeline", "v.yaml", "--set",
                               "variants/GRID/hyperparameters/mtl.rho/range={from: -1, to: 1, scale: linear}", NULL),
                       "-1 is outside of mtl.rho's domain", "(variant GRID)", NULL);
    cli_expect_refused("a search of too many",
                       cli_run("pipeline", "v.yaml", "--set", "outer/iterations=9000000000000000000", NULL),
                       "cost as much as more than 100000 candidates", "(variant RANDOM)", NULL);
    cli_expect_refused("a seed that cannot be counted up",
                       cli_run("pipeline", "v.yaml", "--set", "repeat=2", "--set", "seed=9223372036854775807", NULL),
                       "seed", NULL);
}

static void expect_same_runs(const char *a, const char *b)
{
    for (int v = 0; v < 4; v++)
        for (int i = 1; i <= 2; i++) {
            static const char *const figures[] = {"best_validation_error", "best_iteration", "tuned/test_loss",
                                                  "gradient_evaluations", "hyperparameters/mtl.rho"};
            for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
                cr_expect_float_eq(json_number(of(a, v, i), figures[f]), json_number(of(b, v, i), figures[f]), 0,
                                   "%s of %s/%d", figures[f], names[v], i);
            const char *file = cli_format("%s/%d/weights/W.npy", names[v], i);
            cr_expect_eq(memcmp(cli_array(cli_format("%s/%s", a, file), FEATURES * CLASSES),
                                cli_array(cli_format("%s/%s", b, file), FEATURES * CLASSES),
                                FEATURES * CLASSES * sizeof(double)),
                         0, "%s", file);
        }
}

Test(variants, any_number_at_a_time_gives_the_same_numbers)
{
    cli_expect_done(cli_run("pipeline", "v.yaml", "--jobs", "1", "--out", "one", NULL));
    cli_expect_done(cli_run("pipeline", "v.yaml", "--jobs", "2", "--out", "two", NULL));
    cli_expect_done(cli_run("pipeline", "v.yaml", "--jobs", "1000", "--out", "many", NULL));
    expect_same_runs("one", "two");
    expect_same_runs("one", "many");
}

Test(variants, resolved_pipelines_run_to_the_same_numbers)
{
    cli_expect_done(cli_run("pipeline", "v.yaml", "--set", "batch=16", "--out", "r", NULL));
    cli_expect_done(cli_run("pipeline", "r/pipeline.yaml", "--out", "again", NULL));
    expect_same_runs("r", "again");
    for (int v = 0; v < 4; v++) {
        cli_expect_done(cli_run("pipeline", cli_format("r/%s/2/pipeline.yaml", names[v]), "--out", names[v], NULL));
        const char *sub = of("r", v, 2), *alone = result_of(names[v]);
        cr_expect_float_eq(json_number(alone, "seed"), 4, 0);
        cr_expect_float_eq(json_number(alone, "best_validation_error"), json_number(sub, "best_validation_error"), 0);
        cr_expect_float_eq(json_number(alone, "tuned/test_loss"), json_number(sub, "tuned/test_loss"), 0);
        cr_expect_float_eq(json_number(alone, "rows/0/test_loss/mean"), json_number(sub, "tuned/test_loss"), 0);
    }
}

Test(variants, repetitions_need_no_variants)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--set", "repeat=3", "--out", "r", NULL);
    cli_expect_done(r);
    const char *result = result_of("r");
    cr_expect(json_is(result, "rows/0/variant", "blobs") && json_is(result, "rows/0/folders/2", "3"), "%s", result);
    cr_expect_null(json_at(result, "rows/1"));
    cr_expect(cli_exists("r/3/result.json") && !cli_exists("r/4"));
    cr_expect(*line_with(r.out, "blobs"), "%s", r.out);
}

/* A generator's seed is the pipeline's, so that repetitions of made-up data differ too; unless the file says one. */
Test(variants, repetitions_of_generated_data_draw_other_data)
{
    static const char data[] = "data={plugin: generated, training: 20, validation: 20, test: 20, tasks: 4}";
    cli_expect_done(
        cli_run("pipeline", "base.yaml", "--set", "repeat=2", "--set", "data=null", "--set", data, "--out", "r", NULL));
    cr_expect_float_neq(json_number(result_of("r/1"), "initial_validation_error"),
                        json_number(result_of("r/2"), "initial_validation_error"), 1e-9);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "repeat=2", "--set", "data=null", "--set", data, "--set",
                            "data/seed=1", "--out", "s", NULL));
    cr_expect_float_eq(json_number(result_of("s/1"), "initial_validation_error"),
                       json_number(result_of("s/2"), "initial_validation_error"), 0);
}

Test(variants, the_final_training_is_each_variants_own)
{
    cli_expect_done(cli_run("pipeline", "v.yaml", "--set", "variants/RHO/final={train_on: training+validation}",
                            "--out", "r", NULL));
    const char *result = result_of("r"), *rho = of("r", 1, 1);
    cr_expect_null(json_at(of("r", 0, 1), "final"));
    cr_expect(isfinite(json_number(rho, "final/test_loss")), "%s", rho);
    cr_expect_float_eq(json_number(result, "rows/1/test_loss/values/0"), json_number(rho, "final/test_loss"), 0);
    /* The test part is looked at once: not before the final training. */
    cr_expect(isnan(json_number(rho, "tuned/test_loss")), "%s", rho);
    cr_expect(isnan(json_number(rho, "tuned/test_accuracy")), "%s", rho);
    cr_expect(isfinite(json_number(of("r", 0, 1), "tuned/test_loss")));
    cr_expect_float_eq(json_number(result, "rows/1/validation_error/values/0"),
                       json_number(rho, "tuned/validation_error"), 0);
}

/* Where nothing distinguishes variants, the choice is the one that is named first. */
Test(variants, a_choice_among_equals_falls_on_the_first)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "variants={A: {}, B: {}}", "--set", "choose={C: [B, A]}",
                            "--out", "r", NULL));
    const char *result = result_of("r");
    cr_expect_float_eq(json_number(result, "rows/0/validation_error/mean"),
                       json_number(result, "rows/1/validation_error/mean"), 0);
    cr_expect(json_is(result, "rows/2/chosen/0", "B"), "%s", result);
}

/* ---- trouble ----------------------------------------------------------------------------------------------------- */

static void wait_for_lines(const char *metrics, int lines)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    for (int tries = 0; tries < 6000; tries++) {
        int seen = 0;
        if (cli_exists(metrics))
            for (const char *p = cli_read(metrics); (p = strchr(p, '\n')); p++)
                seen++;
        if (seen >= lines)
            return;
        nanosleep(&moment, NULL);
    }
    cr_assert_fail("%s: not %d lines in a minute", metrics, lines);
}

Test(variants, ctrl_c_keeps_the_runs_that_are_done)
{
    pid_t child = cli_start("pipeline", "v.yaml", "--jobs", "1", "--set", "repeat=1", "--set",
                            "variants/RHO/outer/iterations=1000000", "--out", "r", NULL);
    wait_for_lines("r/RHO/1/metrics.jsonl", 3);
    kill(child, SIGINT);
    cli_result r = cli_finish(child);
    cr_expect_eq(r.status, 130, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "hotool: interrupted; 1 of 4 runs are done"), "%s", r.err);
    const char *result = result_of("r");
    cr_expect(json_is(result, "outcome", "interrupted") && json_is(result, "rows/0/outcome", "done"), "%s", result);
    cr_expect_float_eq(json_number(result, "rows/0/test_loss/mean"), json_number(of("r", 0, 1), "tuned/test_loss"), 0);
    for (int v = 1; v < 4; v++) {
        cr_expect(json_is(result, cli_format("rows/%d/outcome", v), "interrupted"), "%s", result);
        cr_expect_float_eq(json_number(result, cli_format("rows/%d/runs", v)), 0, 0);
        cr_expect(isnan(json_number(result, cli_format("rows/%d/test_loss/mean", v))), "%s", result);
    }
    cr_expect(json_is(of("r", 1, 1), "outcome", "interrupted"), "what the interrupted run did is kept");
    cr_expect_not(cli_exists("r/GRID"), "a run began after Ctrl-C");
    cr_expect(*line_with(r.out, "FULL") && strstr(line_with(r.out, "RHO"), "[1 of 1 runs interrupted]"), "%s", r.out);
}

Test(variants, one_that_diverges_leaves_the_others_rows)
{
    cli_result r = cli_run("pipeline", "v.yaml", "--jobs", "2", "--set", "variants/RHO/dynamics={learning_rate: 1e60}",
                           "--out", "r", NULL);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "hotool: 2 of 8 runs failed; RHO/1: step "), "%s", r.err);
    const char *result = result_of("r");
    cr_expect(json_is(result, "outcome", "diverged") && json_is(result, "rows/1/outcome", "diverged"), "%s", result);
    cr_expect(strstr(json_at(result, "rows/1/message"), "momentum.c:"), "%s", result);
    cr_expect(strstr(line_with(r.out, "RHO"), "[2 of 2 runs diverged]"), "%s", r.out);
    static const int others[] = {0, 2, 3};
    for (size_t i = 0; i < 3; i++) {
        cr_expect(json_is(result, cli_format("rows/%d/outcome", others[i]), "done"), "%s", result);
        cr_expect(isfinite(json_number(result, cli_format("rows/%d/test_loss/mean", others[i]))), "%s", result);
        cr_expect(*line_with(r.out, names[others[i]]), "%s", r.out);
    }
}

/* Data are read once, before anything runs: that they go away later is no matter. */
Test(variants, data_that_go_away_were_read)
{
    cli_npy_blobs("other_x.npy", "other_y.npy", 0, BLOBS);
    pid_t child = cli_start("pipeline", "v.yaml", "--jobs", "1", "--set", "repeat=2", "--set",
                            "variants/RHO/data={inputs: other_x.npy}", "--set", "variants/FULL/outer/iterations=300",
                            "--set", "variants/FULL/steps=200", "--out", "r", NULL);
    wait_for_lines("r/FULL/1/metrics.jsonl", 1);
    cr_assert_eq(system("sha256sum x.npy > sum.txt"), 0);
    char sum[65] = "";
    memcpy(sum, cli_read("sum.txt"), 64);
    cr_assert_eq(unlink("other_x.npy"), 0);
    cr_assert_eq(unlink("x.npy"), 0);
    cli_result r = cli_finish(child);
    cr_expect_eq(r.status, 0, "exit status %d: %s", r.status, r.err);
    const char *result = result_of("r");
    for (int v = 0; v < 4; v++)
        cr_expect(json_is(result, cli_format("rows/%d/outcome", v), "done"), "%s", result);
    cr_expect(json_is(result, "data/checksums/0", sum), "%s: %s", sum, result);
}

/* Initial weights that go away between the checks and the run. */
Test(variants, one_whose_start_is_gone_leaves_the_others_rows)
{
    const double weights[FEATURES * 4] = {0};
    ho_error error = {0};
    cr_assert_eq(ho_npy_write_f64("w.npy", 2, (int64_t[]){FEATURES, 4}, weights, &error), HO_OK);
    pid_t child = cli_start("pipeline", "v.yaml", "--jobs", "1", "--set", "repeat=1", "--set",
                            "variants/RHO/start={W: w.npy}", "--set", "variants/FULL/outer/iterations=300", "--set",
                            "variants/FULL/steps=200", "--out", "r", NULL);
    wait_for_lines("r/FULL/1/metrics.jsonl", 1);
    cr_assert_eq(unlink("w.npy"), 0);
    cli_result r = cli_finish(child);
    cr_expect_eq(r.status, 2, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "1 of 4 runs failed; RHO/1: ") && strstr(r.err, "w.npy"), "%s", r.err);
    const char *result = result_of("r");
    cr_expect(json_is(result, "rows/0/outcome", "done") && json_is(result, "rows/1/outcome", "failed"), "%s", result);
    cr_expect(json_is(result, "rows/2/outcome", "done") && json_is(result, "rows/3/outcome", "done"), "%s", result);
    cr_expect(strstr(json_at(result, "rows/1/message"), "w.npy"), "%s", result);
}

Test(variants, a_folder_that_is_taken_is_refused)
{
    cli_expect_done(cli_run("pipeline", "v.yaml", "--variant", "RHO", "--out", "r", NULL));
    const char *before = cli_read("r/result.json");
    cli_result r = cli_run("pipeline", "v.yaml", "--variant", "RHO", "--out", "r", NULL);
    cr_expect(r.status == 2 && strstr(r.err, "r: is not empty"), "%d %s", r.status, r.err);
    cr_expect_str_eq(cli_read("r/result.json"), before);
}

Test(variants, names_that_do_not_match_the_classes_are_refused)
{
    cli_expect_refused("too many", cli_run("pipeline", "base.yaml", "--set", "data/names=[a, b, c, d, e]", NULL),
                       "names: 5 names for labels from 0 to 3", "\"classes: 5\"", NULL);
    cli_expect_refused("too few", cli_run("pipeline", "base.yaml", "--set", "data/names=[a, b, c]", NULL), "3", "y.npy",
                       NULL);
    cli_expect_refused(
        "against classes",
        cli_run("pipeline", "base.yaml", "--set", "data/names=[a, b, c]", "--set", "data/classes=4", NULL), "names",
        "3 names for 4 classes", NULL);
    cli_expect_done(
        cli_run("pipeline", "base.yaml", "--set", "data/names=[a, b, c, d, e]", "--set", "data/classes=5", NULL));
}
