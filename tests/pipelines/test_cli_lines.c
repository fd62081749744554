/* The reader `lines`: a stream from a file, which can be read again, or from a pipe, which cannot. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli_support.h"
#include "json_check.h"

#define HELD  80
#define LINES 2080 /* 200 steps of 10, behind those held out */

static void write_lines(const char *path, int first, int end)
{
    FILE *file = fopen(path, "w");
    cr_assert(file);
    for (int i = first; i < end; i++)
        fprintf(file, "%.4f,%.4f;%.4f\t%d\n", cli_blob(i % BLOBS, 0), cli_blob(i % BLOBS, 1) + i * 1e-3,
                cli_blob(i % BLOBS, 2), i % CLASSES);
    fclose(file);
}

static void enter(void)
{
    cli_enter();
    write_lines("all.csv", 0, LINES);
    cli_streamed(
        "l.yaml",
        cli_format(
            "name: lines\n"
            "data: {plugin: lines, file: all.csv, classes: %d, split: {train: rest, validation: 50, test: 30}}\n",
            CLASSES),
        "");
}

TestSuite(lines, .init = enter, .fini = cli_leave, .timeout = 60);

static void expect_same_end(const char *a, const char *b)
{
    static const char *const names[] = {"weights/W", "hyperparameters/l2.rho",
                                        "hyperparameters/dynamics.learning_rate"};
    static const int counts[] = {3 * CLASSES, 1, 1};
    for (int i = 0; i < 3; i++) {
        const double *x = cli_array(cli_format("%s/%s.npy", a, names[i]), counts[i]);
        const double *y = cli_array(cli_format("%s/%s.npy", b, names[i]), counts[i]);
        cr_expect_arr_eq(x, y, (size_t)counts[i] * sizeof *x, "%s of %s and %s", names[i], a, b);
    }
}

static void pipe_run(const char *from, const char *set, const char *out)
{
    cr_expect_eq(cli_shell(cli_format("cat %s | $HOTOOL pipeline l.yaml --set data/file=/dev/stdin %s --out %s "
                                      ">out 2>err",
                                      from, set, out)),
                 0, "%s", cli_read("err"));
}

static void file_run(const char *set, const char *out)
{
    cr_expect_eq(cli_shell(cli_format("$HOTOOL pipeline l.yaml %s --out %s >out 2>err", set, out)), 0, "%s",
                 cli_read("err"));
}

/* Forward takes each batch once; the others see again those that are kept for them. */
Test(lines, a_pipe_gives_what_the_file_gives)
{
    static const char *const how[] = {"", "--mode truncated --set hypergradient/steps_back=7",
                                      "--mode reverse --set outer/warm_restart=true", "--mode auto",
                                      "--set outer=null --set hyperparameters=null"};
    for (int i = 0; i < 4; i++) {
        file_run(how[i], cli_format("f%d", i));
        pipe_run("all.csv", how[i], cli_format("p%d", i));
        expect_same_end(cli_format("f%d", i), cli_format("p%d", i));
    }
    file_run(how[4], "f4");
    pipe_run("all.csv", how[4], "p4");
    cr_expect_str_eq(cli_read("f4/weights/W.npy"), cli_read("p4/weights/W.npy"));
    cr_expect(strstr(cli_read("err"), "the stream ended after 2080 examples; step 201"), "%s", cli_read("err"));
    cr_expect(strstr(cli_read("out"), "training examples come as a stream, 10 a step; a pipe or terminal is read once"),
              "%s", cli_read("out"));
}

Test(lines, a_file_that_is_repeated_has_no_end)
{
    write_lines("part.csv", 0, 500);
    cr_assert_eq(cli_shell("cat part.csv part.csv part.csv part.csv >four.csv"), 0);
    file_run("--set data/file=part.csv --set data/repeat=true --set steps=190", "a");
    file_run("--set data/file=four.csv --set steps=190", "b");
    expect_same_end("a", "b");
}

/* ---- interrupted ------------------------------------------------------------------------------------------------- */

/* Starts a run that reads the named pipe p, in which `count` lines are and no end, and interrupts it where it waits. */
static cli_result cut_short(int count, const char *set)
{
    cr_assert_eq(mkfifo("p", 0600), 0);
    write_lines("some.csv", 0, count);
    cr_assert_eq(cli_shell("(cat some.csv; sleep 20) >p & echo $! >writer"), 0);
    const pid_t child = cli_start("pipeline", "l.yaml", "--set", "data/file=p", "--set", set, "--out", "r", NULL);
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000}, more = {.tv_nsec = 200 * 1000 * 1000};
    while (!cli_over(child) && !(cli_exists("r/metrics.jsonl") && strstr(cli_read("r/metrics.jsonl"), "\"update\": 4")))
        nanosleep(&moment, NULL);
    nanosleep(&more, NULL); /* it has used what there is */
    kill(child, SIGINT);
    const cli_result result = cli_finish(child);
    cr_assert_eq(cli_shell("kill $(cat writer)"), 0);
    cr_expect_eq(result.status, 130, "%d: %s", result.status, result.err);
    cr_expect(strstr(result.err, "while data reader \"lines\" waited for data"), "%s", result.err);
    cr_expect(strstr(result.out, "test accuracy"), "%s", result.out);
    return result;
}

/* While it waits for data it can be interrupted, and goes on to the bits of the run that nobody disturbed. */
Test(lines, a_pipe_that_begins_again_is_resumed)
{
    file_run("", "whole");
    cut_short(HELD + 87 * 10 + 3, "data/begins_again=true");
    cr_expect(strstr(cli_read("r/metrics.jsonl"), "\"update\": 4") &&
              !strstr(cli_read("r/metrics.jsonl"), "\"update\": 5"));
    cr_assert_eq(cli_shell("cat all.csv >p & $HOTOOL pipeline --resume r >out 2>err"), 0, "%s", cli_read("err"));
    expect_same_end("whole", "r");
}

Test(lines, a_pipe_that_does_not_is_refused)
{
    cut_short(HELD + 87 * 10 + 3, "data/begins_again=false");
    cr_expect_eq(cli_shell("cat all.csv >p & $HOTOOL pipeline --resume r >out 2>err"), 2);
    cr_expect(strstr(cli_read("err"), "what was read before it is gone") &&
                  strstr(cli_read("err"), "begins_again: true"),
              "%s", cli_read("err"));
}

/* ---- refused ----------------------------------------------------------------------------------------------------- */

Test(lines, what_needs_the_examples_again_is_refused)
{
    static const char *const refused[][3] = {
        {"pipeline", "--mode reverse", "goes back over all steps since the start, but a pipe or terminal is read once"},
        {"pipeline", "--set steps=100 --set stop=null --set 'outer={schedule: batch, every: null, iterations: 3}'",
         "each of its trainings would need the same examples, but a pipe"},
        {"pipeline", "--set repeat=2", "more than one run takes the same steps again and again, but a pipe"},
        {"check", "--set steps=20", "checking takes the same steps again and again, but a pipe"},
        {"pipeline", "--set data/repeat=true", "only a file can begin again"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        cr_expect_eq(cli_shell(cli_format("cat all.csv | $HOTOOL %s l.yaml --set data/file=/dev/stdin %s >out 2>err",
                                          refused[i][0], refused[i][1])),
                     2, "%s", refused[i][1]);
        cr_expect(strstr(cli_read("err"), refused[i][2]), "%s: %s", refused[i][1], cli_read("err"));
    }
}

Test(lines, bad_lines_are_told_with_their_place)
{
    static const char *const bad[][2] = {
        {"1 2 x 0", "line 2, column 5: expected a finite number, got \"x\""},
        {"1 2 nan 0", "line 2, column 5: expected a finite number"},
        {"1 2 0", "line 2: 3 numbers, expected 4"},
        {"1 2 3 9", "line 2: the label 9 is none of the classes 0 to"},
        {"1 2 3 0.5", "line 2: the label 0.5 is none"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cli_write("bad.csv", cli_format("1 2 3 0\n%s\n", bad[i][0]));
        cli_expect_refused(bad[i][0], cli_run("pipeline", "l.yaml", "--set", "data/file=bad.csv", NULL), "bad.csv",
                           bad[i][1], NULL);
    }
    cr_assert_eq(cli_shell("(cat all.csv; echo 1,2) >long.csv"), 0);
    const cli_result r = cli_run("pipeline", "l.yaml", "--set", "data/file=long.csv", "--out", "r", NULL);
    cr_expect_eq(r.status, 2, "%d", r.status);
    cr_expect(strstr(r.err, "step 201: ") && strstr(r.err, "line 2081: 2 numbers, expected 4"), "%s", r.err);
    cli_expect_refused("classes", cli_run("pipeline", "l.yaml", "--set", "data/classes=null", NULL), "classes",
                       "missing", NULL);
}

Test(lines, split_takes_the_first_examples)
{
    cli_expect_refused("train", cli_run("pipeline", "l.yaml", "--set", "data/split/train=50", NULL), "train: rest",
                       NULL);
    cli_expect_refused("share", cli_run("pipeline", "l.yaml", "--set", "data/split/test=0.5", NULL), "no shares", NULL);
    cli_expect_refused("stratified", cli_run("pipeline", "l.yaml", "--set", "data/split/stratified=true", NULL),
                       "stratified", NULL);
    cli_expect_refused("few", cli_run("pipeline", "l.yaml", "--set", "data/split/test=3000", NULL),
                       "the stream ended after 2080 examples", NULL);
    file_run("--set steps=100", "a");
    cr_assert_eq(cli_shell("head -n 80 all.csv >head.csv; tail -n +81 all.csv >tail.csv; head -n 50 head.csv >v.csv"),
                 0);
    cli_change("l.yaml", "{plugin: lines, file: all.csv", "{train: {plugin: lines, file: tail.csv");
    cli_change("l.yaml", "split: {train: rest, validation: 50, test: 30}}",
               "}, validation: {plugin: lines, file: v.csv}}");
    cli_expect_refused("validation", cli_run("pipeline", "l.yaml", "--set", "data/validation/classes=3", NULL),
                       "validation: the reader \"lines\" gives a stream, without end, which only training can use",
                       NULL);
}
