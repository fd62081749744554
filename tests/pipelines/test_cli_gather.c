/* Runs that several processes share out, and `hotool gather`: equal to one process, however they come and go. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli_support.h"
#include "json_check.h"

static void enter(void)
{
    cli_enter();
    cli_pipeline(
        "v.yaml", "hypergradient: {mode: reverse}\n",
        "repeat: 3\nvariants:\n  A: {}\n  B: {steps: 9}\n"
        "  R: {outer: {plugin: null, learning_rate: null, iterations: null, strategy: random, candidates: 4}}\n"
        "choose: {BEST: [A, B]}\n");
    cli_change("v.yaml", "mtl.rho: {init: 0.01}", "mtl.rho: {init: 0.01, range: {from: 0, to: 1}}");
    cli_change("v.yaml", "constraint: nonnegative}", "constraint: nonnegative, range: {from: 0, to: 0.1}}");
}

TestSuite(gather, .init = enter, .fini = cli_leave, .timeout = 240);

/* Everything but times, and what started it, is the same, to the last bit. */
static void expect_same(const char *one, const char *other)
{
    static const char *const times = "sed -E '/\"(cpu_)?seconds\": \\{/,/\\}/d; /\"(date|command|again)\"/d; "
                                     "s/\"(cpu_)?seconds\": [-+.e0-9]+//'";
    cr_expect_eq(cli_shell(cli_format("diff -rq -x result.json -x metrics.jsonl %s %s >differs", one, other)), 0, "%s",
                 cli_read("differs"));
    cr_expect_eq(
        cli_shell(cli_format("for f in $(cd %s && find . -name result.json -o -name metrics.jsonl); do "
                             "%s %s/$f >x1 && %s %s/$f >x2 && diff x1 x2 >differs || { echo $f; exit 1; }; done",
                             one, times, one, times, other)),
        0, "%s", cli_read("differs"));
}

static const char *share(int i, int n)
{
    return cli_format("%d/%d", i, n);
}

Test(gather, of_shuffled_workers_equals_one_process)
{
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "one", "--jobs", "2", NULL));
    pid_t workers[4];
    static const int order[] = {3, 1, 4, 2};
    for (int i = 0; i < 4; i++)
        workers[i] = cli_start("pipeline", "v.yaml", "--task", share(order[i], 4), "--out", "shared", NULL);
    for (int i = 0; i < 4; i++)
        cli_expect_done(cli_finish(workers[i]));
    cli_result r = cli_run("gather", "shared", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "BEST") && strstr(r.out, "results in shared"), "%s", r.out);
    expect_same("one", "shared");
    cr_expect_not(cli_exists("shared/checkpoints/run.yaml"), "it is over");
    cr_expect(strstr(cli_run("gather", "shared", NULL).out, "results in shared"), "it can be shown again");
}

/* The candidates of a search are shared out, even of the only run; whoever comes last to them makes the run. */
Test(gather, of_candidates_equals_one_process)
{
    cli_pipeline("g.yaml", "outer: {plugin: adam, learning_rate: 0.01, iterations: 5}\n",
                 "outer: {strategy: random, candidates: 7}\n");
    cli_change(
        "g.yaml", "mtl.rho: {init: 0.01}",
        "mtl.rho: {init: 0.01, range: {from: 0, to: 1}}\n  dynamics.learning_rate: {range: {values: [0.2, 1.0e+300]}}");
    cli_change("g.yaml", "constraint: nonnegative}", "constraint: nonnegative, range: {from: 0, to: 0.1}}");
    cli_expect_done(cli_run("pipeline", "g.yaml", "--out", "one", NULL));
    cli_result r;
    for (int i = 3; i >= 1; i--) {
        cr_expect(i == 3 || cli_run("gather", "shared", NULL).status == 1, "some candidates are missing");
        cli_expect_done(r = cli_run("pipeline", "g.yaml", "--task", share(i, 3), "--out", "shared", NULL));
        cr_expect(strstr(r.out, i > 1 ? "0 of the 1 runs" : "1 of the 1 runs"), "%s", r.out);
        cr_expect_eq(strstr(r.out, ", 1 wait for candidates of other shares") != NULL, i > 1, "%s", r.out);
    }
    expect_same("one", "shared/1");
    cli_expect_done(cli_run("gather", "shared", NULL));
    cr_expect_not(cli_exists("shared/checkpoints/run.yaml"), "it is over");
    cr_expect_not(cli_exists("shared/checkpoints/candidate-0-1"), "it is over");
    cli_expect_refused("one run", cli_run("gather", "one", NULL), "is a single run: there is nothing to gather", NULL);
}

/* What was tried before a share died is not tried again; nor does a share run twice at a time. */
Test(gather, candidates_that_were_tried_count)
{
    cli_pipeline("g.yaml", "outer: {plugin: adam, learning_rate: 0.01, iterations: 5}\n", "outer: {strategy: grid}\n");
    cli_change("g.yaml", "mtl.rho: {init: 0.01}", "mtl.rho: {init: 0.01, range: {from: 0, to: 1, points: 3}}");
    cli_change("g.yaml", "constraint: nonnegative}", "constraint: nonnegative, range: {values: [0, 0.1]}}");
    cli_expect_done(cli_run("pipeline", "g.yaml", "--out", "one", NULL));
    cli_expect_done(cli_run("pipeline", "g.yaml", "--task", "1/2", "--out", "shared", NULL));
    static const char before[] = "ls -i --time-style=full-iso -l shared/checkpoints/candidate-0-[135] >%s";
    cr_assert_eq(cli_shell(cli_format(before, "x1")), 0);
    cr_assert_eq(
        cli_shell("flock shared/checkpoints/candidate-0-share-2-2 $HOTOOL pipeline g.yaml --task 2/2 --out shared "
                  ">held 2>&1"),
        0);
    cr_expect(strstr(cli_read("held"), "1 wait for"), "%s", cli_read("held"));
    cr_expect_not(cli_exists("shared/checkpoints/candidate-0-2"));
    cli_expect_done(cli_run("pipeline", "g.yaml", "--task", "1/2", "--out", "shared", NULL));
    cr_assert_eq(cli_shell(cli_format(before, "x2")), 0);
    cr_expect_eq(cli_shell("cmp x1 x2"), 0, "tried again");
    cli_expect_done(cli_run("pipeline", "g.yaml", "--task", "2/2", "--out", "shared", NULL));
    expect_same("one", "shared/1");
}

/* The recipe of the documentation; xargs where there is no GNU parallel. */
static void try_recipe(const char *recipe)
{
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "one", NULL));
    cr_expect_eq(
        cli_shell(cli_format("hotool() { $HOTOOL \"$@\"; }; PATH=$(dirname $HOTOOL):$PATH; %s >log 2>&1", recipe)), 0,
        "%s", cli_read("log"));
    cli_expect_done(cli_run("gather", "DIR", NULL));
    expect_same("one", "DIR");
}

Test(gather, after_xargs)
{
    try_recipe("seq 5 | xargs -P 5 -I{} hotool pipeline v.yaml --task {}/5 --out DIR");
}

Test(gather, after_gnu_parallel)
{
    if (cli_shell("parallel --version 2>/dev/null | grep -q GNU") != 0)
        cli_skip("there is no GNU parallel");
    try_recipe("parallel hotool pipeline v.yaml --task {}/16 --out DIR ::: $(seq 16)");
}

/* A run of 200 outer iterations: long enough to be killed in its midst. */
static void make_long(void)
{
    cli_change("v.yaml", "iterations: 5", "iterations: 200");
    cli_change("v.yaml", "steps: 15", "steps: 60");
    cli_change("v.yaml", "repeat: 3", "repeat: 1");
}

static int lines_of(const char *path)
{
    int lines = 0;
    for (const char *at = cli_exists(path) ? cli_read(path) : ""; *at; at++)
        lines += *at == '\n';
    return lines;
}

static void wait_for_lines(const char *path, int lines)
{
    for (int i = 0; i < 6000 && lines_of(path) < lines; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    cr_assert_geq(lines_of(path), lines);
}

Test(gather, a_share_that_died_goes_on_and_what_is_missing_is_told)
{
    make_long();
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "one", NULL));
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "shared", "--task", "3/3", NULL));
    pid_t worker = cli_start("pipeline", "v.yaml", "--out", "shared", "--task", "1/3", NULL);
    wait_for_lines("shared/A/1/metrics.jsonl", 5);
    kill(worker, SIGKILL);
    cr_expect_eq(cli_finish(worker).status, 128 + SIGKILL);
    cli_result r = cli_run("gather", "shared", NULL);
    cr_expect_eq(r.status, 1);
    cr_expect(strstr(r.err, "3 of 3 runs have not finished, the first is A/1: start their tasks again"), "%s", r.err);
    cr_expect(json_is(cli_read("shared/result.json"), "outcome", "interrupted"));
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "shared", "--task", "2/3", NULL));
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "shared", "--task", "1/3", NULL));
    cli_expect_done(cli_run("gather", "shared", NULL));
    expect_same("one", "shared");
}

Test(gather, a_share_that_is_started_twice_is_done_once)
{
    make_long();
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "one", NULL));
    pid_t first = cli_start("pipeline", "v.yaml", "--out", "shared", "--task", "1/1", NULL);
    wait_for_lines("shared/A/1/metrics.jsonl", 1);
    cli_result r = cli_run("pipeline", "v.yaml", "--out", "shared", "--task", "1/1", NULL);
    cr_expect_eq(r.status, 0, "%s", r.err);
    cr_expect(strstr(r.err, "A/1: another process is working on this run"), "%s", r.err);
    cr_expect(strstr(r.out, " of the 3 runs of share 1 of 1 are done"), "%s", r.out);
    int status = cli_finish(first).status;
    cr_expect_eq(status, 0);
    cli_expect_done(
        cli_run("pipeline", "v.yaml", "--out", "shared", "--task", "1/1", NULL)); /* nothing is left to do */
    cli_expect_done(cli_run("gather", "shared", NULL));
    expect_same("one", "shared");
}

/* A run that takes another's time is in the share of that one. */
Test(gather, followers_are_with_their_leaders)
{
    cli_pipeline("f.yaml", "hypergradient: {mode: reverse}\n",
                 "repeat: 3\nvariants:\n  F: {outer: {strategy: random, iterations: null, as_long_as: L}}\n  L: {}\n");
    cli_change("f.yaml", "mtl.rho: {init: 0.01}", "mtl.rho: {init: 0.01, range: {from: 0, to: 1}}");
    cli_change("f.yaml", "constraint: nonnegative}", "constraint: nonnegative, range: {from: 0, to: 0.1}}");
    cli_expect_done(cli_run("pipeline", "f.yaml", "--out", "shared", "--task", "2/2", NULL));
    cr_expect(cli_exists("shared/L/2/result.json") && cli_exists("shared/F/2/result.json"));
    cr_expect_not(cli_exists("shared/L/1/result.json") || cli_exists("shared/F/1/result.json"));
    cr_expect_not(cli_exists("shared/L/3/result.json") || cli_exists("shared/F/3/result.json"));
    cli_expect_done(cli_run("pipeline", "f.yaml", "--out", "shared", "--task", "1/2", NULL));
    cli_expect_done(cli_run("gather", "shared", NULL));
    cr_expect_float_eq(json_number(cli_read("shared/result.json"), "rows/0/runs"), 3, 0);
}

Test(gather, mistakes_are_refused)
{
    static const char *const bad[] = {"", "1", "0/2", "3/2", "1/2/3", "a/b", "-1/2", "1/", "/2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cli_expect_refused(bad[i], cli_run("pipeline", "v.yaml", "--out", "s", "--task", bad[i], NULL),
                           cli_format("--task %s: expected I/N", bad[i]), NULL);
    cli_expect_refused("no folder", cli_run("pipeline", "v.yaml", "--task", "1/2", NULL), "--task needs --out DIR",
                       NULL);
    cli_expect_refused("one run", cli_run("pipeline", "base.yaml", "--task", "1/2", "--out", "s", NULL),
                       "base.yaml describes one run", NULL);
    cli_expect_refused("resume", cli_run("pipeline", "--resume", "s", "--task", "1/2", NULL),
                       "--task cannot be used with --resume", NULL);
    cli_expect_refused("nothing", cli_run("gather", "s", NULL), "s", NULL);
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "s", "--task", "1/9", NULL));
    cli_expect_refused("another",
                       cli_run("pipeline", "v.yaml", "--set", "steps=8", "--out", "s", "--task", "2/9", NULL),
                       "its pipeline is another", "steps", NULL);
    cli_expect_refused("variants", cli_run("pipeline", "v.yaml", "--variant", "A", "--out", "s", "--task", "2/9", NULL),
                       "it was started with other options", NULL);
    cli_expect_refused("whole", cli_run("pipeline", "v.yaml", "--out", "s", NULL), "s: is not empty", NULL);
    cli_expect_done(cli_run("pipeline", "v.yaml", "--out", "whole", "--variant", "A", NULL));
    cli_expect_refused("over", cli_run("pipeline", "v.yaml", "--out", "whole", "--task", "1/9", NULL),
                       "whole: is not empty", NULL);
}

/* Nobody takes part in what one process has for itself. */
Test(gather, a_run_of_one_process_is_not_shared)
{
    make_long();
    cli_change("v.yaml", "iterations: 200", "iterations: 100000");
    pid_t one = cli_start("pipeline", "v.yaml", "--out", "s", NULL);
    wait_for_lines("s/A/1/metrics.jsonl", 1);
    cli_result r = cli_run("pipeline", "v.yaml", "--out", "s", "--task", "1/2", NULL);
    cr_expect_eq(r.status, 2);
    cr_expect(strstr(r.err, "s: another process is working on this run"), "%s", r.err);
    kill(one, SIGTERM);
    cli_finish(one);
}

Test(gather, progress_ends_at_the_end)
{
    cli_result r = cli_run("pipeline", "v.yaml", "--out", "s", "--jobs", "2", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.err, "9/9 runs  "), "%s", r.err);
    r = cli_run_on_terminal(100, "pipeline", "v.yaml", "--out", "t", "--task", "2/4", NULL);
    cr_expect(strstr(r.err, "[########################] 5/5 runs  "), "%s", r.err);
    cr_expect(strstr(r.err, "R/3: waits for other shares"), "%s", r.err);
}
