/* Runs that go wrong or are stopped keep what is done; progress on a terminal. */
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(trouble, .init = cli_enter, .fini = cli_leave, .timeout = 120);

/* Every line of a metrics file is a whole JSON object; how many there are. */
static int whole_lines(const char *path)
{
    int lines = 0;
    for (const char *p = cli_read(path); *p; lines++) {
        size_t length = strcspn(p, "\n");
        cr_expect(p[length] == '\n' && *p == '{' && json_valid(p, length), "line %d of %s: %.*s", lines + 1, path,
                  (int)length, p);
        p += length + (p[length] == '\n');
    }
    return lines;
}

Test(trouble, divergence_at_once_names_step_node_and_plugin)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--precision", "f32", "--set", "dynamics/learning_rate=1e6", NULL);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    static const char *const pieces[] = {"hotool: step ", "shape (", "plugin \"momentum\"",
                                         "momentum.c:",   "Inf",     "initial hyperparameters"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        cr_expect(strstr(r.err, pieces[i]), "\"%s\" is missing from: %s", pieces[i], r.err);
    const char *result = cli_read("runs/blobs-1/result.json");
    cr_expect(json_is(result, "outcome", "diverged"), "%s", result);
    cr_expect(strstr(json_at(result, "message"), "momentum.c:"), "%s", result);
    cr_expect_eq(whole_lines("runs/blobs-1/metrics.jsonl"), 1);
    cr_expect_float_eq(*cli_array("runs/blobs-1/hyperparameters/mtl.rho.npy", 1), 0.01, 0);

    r = cli_run("hypergradient", "base.yaml", "--precision", "f32", "--set", "dynamics/learning_rate=1e6", NULL);
    cr_expect(r.status == 1 && strstr(r.err, "momentum.c:"), "%d %s", r.status, r.err);
    r = cli_run("check", "base.yaml", "--set", "dynamics/learning_rate=1e60", NULL);
    cr_expect(r.status == 1 && strstr(r.err, "step "), "%d %s", r.status, r.err);
}

/* 1e40 is a number of f64, but infinite in f32. */
Test(trouble, a_hyperparameter_beyond_f32_is_told_of_f64)
{
    static const char *const said = "rho = 1e+40 is beyond the range of f32, try precision: f64\n";
    cli_result r = cli_run("hypergradient", "base.yaml", "--precision", "f32", "--set", "mtl.rho=1e40", NULL);
    cr_expect(r.status == 1 && strstr(r.err, said), "%d %s", r.status, r.err);
    r = cli_run("hypergradient", "base.yaml", "--precision", "f32", "--set", "objective/mtl=null", "--set",
                "objective/l2={penalty: l2}", "--set", "hyperparameters={l2.rho: 1.0e+40, mtl.A: null, mtl.rho: null}",
                NULL);
    cr_expect(r.status == 1 && strstr(r.err, said), "%d %s", r.status, r.err);
}

Test(trouble, a_run_without_tuning_may_diverge_too)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--precision", "f32", "--set", "dynamics/learning_rate=1e6",
                           "--set", "outer=null", NULL);
    cr_expect(r.status == 1 && strstr(r.err, "momentum.c:"), "%d %s", r.status, r.err);
    cr_expect(json_is(cli_read("runs/blobs-1/result.json"), "outcome", "diverged"));
}

/* A gradient of 1e25 has a square that f32 cannot hold: adam's second moment is infinite, its steps are zero, and the
 * validation error is as good as before. */
Test(trouble, a_state_that_is_not_finite_counts_as_divergence_though_the_error_is_fine)
{
    cli_pipeline("w.yaml", "steps: 15\n", "steps: 15\nstop: {every: 5}\n");
    static const char *const files[] = {"base.yaml", "w.yaml"};
    for (int i = 0; i < 2; i++) {
        cli_result r = cli_run("pipeline", files[i], "--precision", "f32", "--set", "outer=null", "--set",
                               "dynamics={plugin: adam, momentum: null, learning_rate: 0.01}", "--set",
                               "objective/cross_entropy/weight=1e25", "--out", files[i][0] == 'b' ? "b" : "w", NULL);
        cr_expect_eq(r.status, 1, "%s: exit status %d: %s", files[i], r.status, r.err);
        cr_expect(strstr(r.err, "step 1: ") && strstr(r.err, "adam.c:"), "%s: %s", files[i], r.err);
    }
}

Test(trouble, five_halvings_that_do_not_help_end_the_run_with_the_best_kept)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--precision", "f32", "--set", "outer/learning_rate=1e6", "--set",
                           "outer/iterations=20", NULL);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "task_interaction.c:") && strstr(r.err, "halving the outer step 5 times"), "%s", r.err);
    cr_expect_eq(whole_lines("runs/blobs-1/metrics.jsonl"), 7, "one that came through and six that did not");
    const char *result = cli_read("runs/blobs-1/result.json");
    cr_expect(json_is(result, "outcome", "diverged"), "%s", result);
    cr_expect_float_eq(json_number(result, "halvings"), 5, 0);
    cr_expect_float_eq(json_number(result, "best_iteration"), 1, 0);
    cr_expect_float_eq(json_number(result, "tuned/validation_error"), json_number(result, "best_validation_error"),
                       1e-6);
    cr_expect(cli_exists("runs/blobs-1/weights/W.npy"), "the best's weights are not kept");
    cr_expect_float_eq(*cli_array("runs/blobs-1/hyperparameters/mtl.rho.npy", 1), 0.01, 1e-9);
    cr_expect(strstr(r.out, "test accuracy"), "no table of what is kept: %s", r.out);
}

/* rho steps to 2400, where 15 steps overflow f32; half as far they do not. */
Test(trouble, a_run_that_recovers_ends_well)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--precision", "f32", "--set", "hyperparameters/mtl.A=null",
                           "--set", "outer/learning_rate=2400", "--out", "r", NULL);
    cr_expect_eq(r.status, 0, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "outer iteration 2 diverged: step ") && strstr(r.err, "half the outer step"), "%s", r.err);
    const char *result = cli_read("r/result.json");
    cr_expect(json_is(result, "outcome", "done"), "%s", result);
    cr_expect_float_eq(json_number(result, "halvings"), 1, 0, "%s", result);
    cr_expect_eq(whole_lines("r/metrics.jsonl"), 6);
    cr_expect_leq(json_number(result, "best_validation_error"), json_number(result, "initial_validation_error"));
}

Test(trouble, hyperparameters_that_overflow_count_as_divergence)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--set", "validation/reduce=sum", "--set",
                           "outer={plugin: sgd, learning_rate: 1.7e308, iterations: 9}", NULL);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    const char *result = cli_read("runs/blobs-1/result.json");
    cr_expect(json_is(result, "outcome", "diverged"), "%s", result);
    cr_expect_float_eq(json_number(result, "halvings"), 5, 0, "%s", result);
    cr_expect_float_eq(json_number(result, "best_iteration"), 1, 0, "%s", result);
}

static void interrupt_after_lines(pid_t child, const char *metrics, int lines)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    for (int tries = 0; tries < 6000; tries++) {
        int seen = 0;
        if (cli_exists(metrics))
            for (const char *p = cli_read(metrics); (p = strchr(p, '\n')); p++)
                seen++;
        if (seen >= lines)
            break;
        nanosleep(&moment, NULL);
    }
    kill(child, SIGINT);
}

Test(trouble, ctrl_c_before_the_only_run_begins_is_recorded)
{
    const char *data =
        cli_format("data=[{plugin: unordered, path: %s/unordered_data.so, split: {train: 4, validation: 4}}]",
                   cli_environment("HOTOOL_PIPELINE_PLUGINS"));
    setenv("HOTOOL_TEST_INTERRUPT", "1", 1);
    cli_result r = cli_run("pipeline", "base.yaml", "--out", "r", "--set", data, NULL);
    cr_expect_eq(r.status, 130, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "interrupted") && strstr(r.err, "kept in r"), "%s", r.err);
    const char *result = cli_read("r/result.json");
    cr_expect(json_is(result, "outcome", "interrupted"), "%s", result);
    cr_expect_float_eq(json_number(result, "outer_iterations"), 0, 0, "%s", result);
}

Test(trouble, ctrl_c_is_heard_while_a_reader_parses)
{
    const char *data =
        cli_format("data=[{plugin: unordered, path: %s/unordered_data.so, split: {train: 4, validation: 4}}]",
                   cli_environment("HOTOOL_PIPELINE_PLUGINS"));
    setenv("HOTOOL_TEST_INTERRUPT", "slow", 1);
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    cli_result r = cli_run("pipeline", "base.yaml", "--out", "r", "--set", data, NULL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    cr_expect_lt(ended.tv_sec - begun.tv_sec, 10, "it took too long to end");
    cr_expect_eq(r.status, 130, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "unordered_data.so) is interrupted in its read\n"), "%s", r.err);
    cr_expect_not(cli_exists("r/pipeline.yaml"));
}

Test(trouble, ctrl_c_ends_soon_and_keeps_what_is_done)
{
    pid_t child = cli_start("pipeline", "base.yaml", "--out", "r", "--set", "outer/iterations=1000000", "--set",
                            "steps=100", "--set", "outer/learning_rate=0.001", NULL);
    interrupt_after_lines(child, "r/metrics.jsonl", 3);
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    cli_result r = cli_finish(child);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    cr_expect_lt(ended.tv_sec - begun.tv_sec, 5, "it took too long to end");
    cr_expect_eq(r.status, 130, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "interrupted") && strstr(r.err, "kept in r"), "%s", r.err);
    int lines = whole_lines("r/metrics.jsonl");
    cr_expect_geq(lines, 3);
    const char *result = cli_read("r/result.json");
    cr_expect(json_valid(result, strlen(result)) && json_is(result, "outcome", "interrupted"), "%s", result);
    cr_expect_float_eq(json_number(result, "outer_iterations"), lines, 0, "%s", result);
    cr_expect(json_number(result, "best_validation_error") < json_number(result, "initial_validation_error"), "%s",
              result);
    cr_expect_float_neq(*cli_array("r/hyperparameters/mtl.rho.npy", 1), 0.01, 0, "the best was not kept");
    cli_array("r/hyperparameters/mtl.A.npy", CLASSES * CLASSES);
}

Test(trouble, ctrl_c_within_one_long_training_ends_it_too)
{
    pid_t child = cli_start("hypergradient", "base.yaml", "--mode", "forward", "--set", "steps=100000000", NULL);
    const struct timespec moment = {.tv_nsec = 700 * 1000 * 1000};
    nanosleep(&moment, NULL);
    kill(child, SIGINT);
    cli_result r = cli_finish(child);
    cr_expect(r.status == 130 && strstr(r.err, "interrupted"), "%d %s", r.status, r.err);
}

/* The bar is drawn over itself: what stands between two carriage returns must fit one line. */
static void expect_bars(cli_result r, size_t columns)
{
    cr_expect_eq(r.status, 0, "exit status %d: %s", r.status, r.err);
    int bars = 0;
    for (const char *p = strchr(r.err, '\r'); p && p[1] == '\033'; p = strchr(p + 1, '\r'), bars++) {
        const char *text = p + strlen("\r\033[K");
        size_t length = strcspn(text, "\r\n");
        cr_expect_lt(length, columns, "%zu columns do not fit %zu: %.*s", length, columns, (int)length, text);
    }
    cr_expect_geq(bars, 2, "the first and the last iteration are always drawn: %s", r.err);
}

Test(trouble, progress_on_a_terminal_is_a_bar)
{
    cli_result r = cli_run_on_terminal(100, "pipeline", "base.yaml", "--out", "wide", NULL);
    expect_bars(r, 100);
    cr_expect(strstr(r.err, "[####....................] 1/5  validation error 0."), "%s", r.err);
    cr_expect(strstr(r.err, "[########################] 5/5  validation error 0."), "%s", r.err);
    cr_expect(strstr(r.err, "0:00 left"), "%s", r.err);
    expect_bars(cli_run_on_terminal(60, "pipeline", "base.yaml", "--out", "narrow", NULL), 60);
    expect_bars(cli_run_on_terminal(20, "pipeline", "base.yaml", "--out", "tiny", NULL), 20);
    r = cli_run_on_terminal(100, "pipeline", "base.yaml", "--quiet", "--out", "quiet", NULL);
    cr_expect(r.status == 0 && !*r.err, "%s", r.err);
}

/* Files in a folder and below that are not whole. */
static int halves_in(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    cr_assert(dir, "%s", folder);
    for (struct dirent *e; (e = readdir(dir));) {
        const char *ending = strrchr(e->d_name, '.');
        count += ending && strcmp(ending, ".tmp") == 0;
        if (e->d_name[0] != '.' && cli_exists(cli_format("%s/%s/.", folder, e->d_name)))
            count += halves_in(cli_format("%s/%s", folder, e->d_name));
    }
    closedir(dir);
    return count;
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    cr_assert(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

/* Weights of 3,000 examples are larger than a file may be, as where the disk is full; all else fits. */
Test(trouble, what_was_tuned_is_shown_though_it_cannot_be_written)
{
    cli_pipeline("big.yaml", "  plugin: npy\n  inputs: x.npy\n  labels: y.npy\n",
                 "  plugin: generated\n  training: 3000\n");
    cli_change("big.yaml", "  split: {train: 40, validation: 40, test: rest}\n", "");
    cli_change("big.yaml", "reduce: mean}\n  -", "reduce: mean, weights: per_example}\n  -");
    cli_change("big.yaml", "  mtl.A: {init: 0.0, constraint: nonnegative}\n", "  cross_entropy.weights: {}\n");
    limit_files(16384);
    cli_result r = cli_run("pipeline", "big.yaml", "--quiet", "--set", "outer/iterations=2", "--out", "r", NULL);
    limit_files(RLIM_INFINITY);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err,
                     "r/hyperparameters.new/cross_entropy.weights.npy: cannot be written: File too large; those tuned "
                     "hyperparameters that are numbers are in the table and in r/metrics.jsonl"),
              "%s", r.err);
    const char *row = strstr(r.out, "validation error ");
    cr_assert(row, "%s", r.out);
    double initial = NAN, tuned = NAN;
    cr_expect_eq(sscanf(row, "validation error %lf %lf", &initial, &tuned), 2, "%s", r.out);
    cr_expect(strstr(r.out, "mtl.rho ") && strstr(r.out, "cross_entropy.weights"), "%s", r.out);
    cli_array("r/hyperparameters/mtl.rho.npy", 1);
    cr_expect_not(cli_exists("r/hyperparameters/cross_entropy.weights.npy"));
    cr_expect_eq(halves_in("r"), 0);
    cr_expect_eq(whole_lines("r/metrics.jsonl"), 3);
    const char *result = cli_read("r/result.json");
    cr_expect_float_eq(json_number(result, "tuned/validation_error"), tuned, 1e-5 * tuned, "%s", result);
    cr_expect(strstr(json_at(result, "message"), "cannot be written"), "%s", result);
}

/* A line of metrics that does not fit is taken back; the run ends with a message, not by a signal. */
Test(trouble, a_limit_on_the_size_of_files_ends_with_a_message)
{
    static const rlim_t limits[] = {100, 1024, 1500, 2000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        limit_files(limits[i]);
        const char *out = cli_format("r%zu", i);
        cli_result r = cli_run("pipeline", "base.yaml", "--quiet", "--out", out, NULL);
        limit_files(RLIM_INFINITY);
        cr_expect_eq(r.status, 1, "%zu: exit status %d: %s", i, r.status, r.err);
        cr_expect(strstr(r.err, "cannot be written: File too large"), "%s", r.err);
        cr_expect_eq(halves_in(out), 0);
        const char *lines = cli_format("%s/metrics.jsonl", out);
        if (cli_exists(lines))
            whole_lines(lines);
    }
}
