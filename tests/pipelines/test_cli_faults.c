/* Results are what they say, whatever the world does to a run: closed descriptors, two runs into one folder, files that
 * change, names and numbers of any kind. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cli_support.h"
#include "json_check.h"

TestSuite(faults, .init = cli_enter, .fini = cli_leave, .timeout = 120);

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

static void wait_for_lines(const char *metrics, int lines)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    for (int tries = 0; tries < 3000; tries++) {
        int seen = 0;
        for (const char *p = cli_exists(metrics) ? cli_read(metrics) : ""; (p = strchr(p, '\n')); p++)
            seen++;
        if (seen >= lines)
            return;
        nanosleep(&moment, NULL);
    }
    cr_assert_fail("%s: not %d lines in half a minute", metrics, lines);
}

/* ---- closed descriptors ------------------------------------------------------------------------------------------ */

/* The first files opened would be descriptors 0 to 2, and hold what is printed. */
Test(faults, closed_descriptors_leave_the_results_alone)
{
    static const char *const closed[] = {"2>&- >/dev/null", ">&- 2>/dev/null", "<&- >&- 2>&-"};
    static const int status[] = {0, 1, 1}; /* 1: the table could not be printed */
    for (size_t i = 0; i < 3; i++) {
        const char *out = cli_format("r%zu", i);
        cr_expect_eq(cli_shell(cli_format("$HOTOOL pipeline base.yaml --set outer/learning_rate=1e6 --set "
                                          "outer/iterations=3 --out %s %s",
                                          out, closed[i])),
                     status[i], "%s", closed[i]);
        cr_expect_eq(whole_lines(cli_format("%s/metrics.jsonl", out)), 4, "%s", closed[i]);
        const char *result = cli_read(cli_format("%s/result.json", out));
        cr_expect(json_valid(result, strlen(result)) && json_is(result, "outcome", "done"), "%s", result);
    }
    cr_expect_eq(cli_shell("$HOTOOL report r0 >&- 2>/dev/null"), 1);
    cr_expect(strstr(cli_read("r0/report.html"), "</html>\n"), "the page is not whole");
}

/* ---- one folder, one run ----------------------------------------------------------------------------------------- */

/* Under ASan nothing can be loaded before its library, as what holds up the runs would be. */
#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 1
#else
#define ROUNDS 2
#endif

/* All find the folder empty before any writes. */
Test(faults, of_runs_into_one_folder_one_goes_on)
{
    const char *held_up = cli_format("HOTOOL_TEST_CLOSEDIR=300 LD_PRELOAD=%s/troubled_libc.so",
                                     cli_environment("HOTOOL_PIPELINE_PLUGINS"));
    for (int i = 0; i < ROUNDS; i++) {
        cr_expect_eq(
            cli_shell(cli_format("for k in 1 2 3 4 5 6; do { %s $HOTOOL pipeline base.yaml --out d%d >/dev/null "
                                 "2>e$k; echo $? >s$k; } & done; wait",
                                 i > 0 ? held_up : "", i)),
            0);
        int done = 0;
        for (int k = 1; k <= 6; k++) {
            const char *status = cli_read(cli_format("s%d", k)), *said = cli_read(cli_format("e%d", k));
            done += *status == '0';
            cr_expect(*status == '0' || (*status == '2' && strstr(said, ": is not empty")), "%s%s", status, said);
        }
        cr_expect_eq(done, 1, "%d runs share a folder", done);
        cr_expect_eq(whole_lines(cli_format("d%d/metrics.jsonl", i)), 6);
    }
}

/* ---- edits during a run ------------------------------------------------------------------------------------------ */

/* Writes initial weights, all of them this number. */
static void write_start(double value)
{
    double weights[FEATURES * CLASSES];
    for (int i = 0; i < FEATURES * CLASSES; i++)
        weights[i] = value;
    cli_npy("w.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (12, 4), }", weights, sizeof weights);
}

/* Every variant is what it was when the run began, or is refused. */
Test(faults, edits_during_a_run_change_no_result)
{
    cli_pipeline("v.yaml", "steps: 15\n",
                 "steps: 15\nvariants:\n  FIRST: {}\n  START: {start: {W: w.npy}}\n  LAST: {}\n");
    write_start(0.1);
    const pid_t child = cli_start("pipeline", "v.yaml", "--jobs", "1", "--set", "variants/FIRST/outer/iterations=300",
                                  "--set", "variants/FIRST/steps=200", "--out", "r", NULL);
    wait_for_lines("r/FIRST/1/metrics.jsonl", 1);
    cli_change("v.yaml", "steps: 15\n", "steps: 3\n");
    cli_npy_blobs("x.npy", "y.npy", 1, BLOBS);
    write_start(0.2);
    cli_result r = cli_finish(child);
    cr_expect_eq(r.status, 2, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "START/1: ") && strstr(r.err, "w.npy: has changed since it was first read"), "%s", r.err);
    cli_change("v.yaml", "steps: 3\n", "steps: 15\n");
    cli_npy_blobs("x.npy", "y.npy", 0, BLOBS);
    cli_expect_done(cli_run("pipeline", "v.yaml", "--variant", "LAST", "--out", "again", NULL));
    const char *last = cli_read("r/LAST/1/result.json"), *again = cli_read("again/LAST/1/result.json");
    cr_expect_float_eq(json_number(last, "best_validation_error"), json_number(again, "best_validation_error"), 0);
    cr_expect_float_eq(json_number(last, "steps"), 15, 0);
    cr_expect(strstr(cli_read("r/LAST/1/pipeline.yaml"), "steps: 15\n"));
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* ESC, newlines and the like never reach a terminal raw, wherever a name stands. */
Test(faults, names_do_not_drive_the_terminal)
{
    static const char evil[] = "x\033[31m\r\n\xc2\x9b"
                               "2Jy\x7f",
                      shown[] = "x\\x1b[31m\\r\\n\\xc2\\x9b2Jy\\x7f";
    static const char yaml[] = "\"x\\e[31m\\r\\n\\u009b2Jy\\x7f\"";
    const char *sets[] = {cli_format("data/label=%s", yaml),
                          cli_format("model={%s: 1}", yaml),
                          cli_format("data/inputs=%s", yaml),
                          cli_format("hyperparameters={%s: {}}", yaml),
                          cli_format("variants={%s: {}}", yaml),
                          cli_format("%s=1", evil),
                          cli_format("name=%s", yaml),
                          cli_format("dynamics=%s", yaml),
                          cli_format("data/names=[%s, b, c]", yaml)};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        cli_result r = cli_run("pipeline", "base.yaml", "--set", sets[i], "--out", evil, NULL);
        cr_expect_eq(r.status, i == 0 ? 0 : 2, "%s: exit status %d: %s", sets[i], r.status, r.err);
        for (const char *text = r.out; text; text = text == r.out ? r.err : NULL)
            for (const char *c = text; *c; c++)
                cr_expect((unsigned char)*c >= ' ' || *c == '\n', "%s: byte %d in: %s", sets[i], *c, text);
        cr_expect(strstr(i == 0 ? r.out : r.err, i == 8 ? "labels" : shown), "%s: %s %s", sets[i], r.out, r.err);
    }
    cr_expect(cli_exists(cli_format("%s/result.json", evil)));
    cli_result r = cli_run(evil, NULL);
    cr_expect(strstr(r.err, shown), "%s", r.err);
}

/* A name that is too long for a file is refused before anything runs. */
Test(faults, names_too_long_for_files_are_refused)
{
    char name[HO_NAME_MAX + 2] = "";
    memset(name, 'a', sizeof name - 1);
    static const char *const sets[] = {"objective/mtl/name=%s", "name=%s", "variants={%s: {}}", "model/name=%s"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const char *before = strchr(sets[i], '%');
        const char *set = cli_format("%.*s%s%s", (int)(before - sets[i]), sets[i], name, before + 2);
        cli_expect_refused(set, cli_run("pipeline", "base.yaml", "--set", set, NULL), "at most 64 of them", NULL);
    }
    name[HO_NAME_MAX] = '\0';
    cli_change("base.yaml", "name: mtl}", cli_format("name: %s}", name));
    cli_change("base.yaml", "  mtl.A: {init: 0.0, constraint: nonnegative}\n  mtl.rho:", cli_format("  %s.rho:", name));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", cli_format("name=%s", name), "--out", "r", NULL));
    cr_expect(cli_exists(cli_format("r/hyperparameters/%s.rho.npy", name)));
    const char *file = cli_format("%s%s.yaml", name, name);
    cli_write(file, cli_read("base.yaml") + strlen("name: blobs\n"));
    cli_expect_done(cli_run("pipeline", file, NULL));
    cr_expect(cli_exists(cli_format("runs/%s-1/result.json", name)), "a long file's name is cut");
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

/* What a JSON string says, in place of its escapes. */
static const char *unescaped(const char *json)
{
    char *text = (char *)(uintptr_t)cli_format("%s", json), *to = text;
    for (const char *from = text + 1; *from != '"'; from++, to++)
        if (*from == '\\')
            *to = *++from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
        else
            *to = *from;
    *to = '\0';
    return text;
}

Test(faults, the_command_is_safe_to_paste)
{
    static const char *const labels[] = {"'; touch PWN; echo '", "a\"b\\c", "$(touch PWN)`touch PWN`", "*", "''", "~x"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        /* A comment of YAML holds anything. */
        const char *set = cli_format("name=n%zu #%s", i, labels[i]), *out = cli_format("c%zu", i);
        cli_expect_done(cli_run("pipeline", "base.yaml", "--out", out, "--set", set, NULL));
        const char *command = unescaped(json_at(cli_read(cli_format("%s/result.json", out)), "command"));
        cr_assert_eq(strncmp(command, "hotool ", 7), 0, "%s", command);
        cr_expect_eq(cli_shell(cli_format("printf '<%%s>' %s >words", command + 7)), 0, "%s", command);
        cr_expect_str_eq(cli_read("words"), cli_format("<pipeline><base.yaml><--out><%s><--set><%s>", out, set));
    }
    cr_expect_not(cli_exists("PWN"));
}

/* ---- workers ----------------------------------------------------------------------------------------------------- */

/* Variants of which the second to fifth come to grief at their third hypergradient. */
static void write_griefs(void)
{
    const char *mode = cli_format("hypergradient: {mode: scripted, path: %s/scripted_mode.so, slope: 0.001",
                                  cli_environment("HOTOOL_PIPELINE_PLUGINS"));
    cli_pipeline("g.yaml", "hypergradient: {mode: reverse}\n",
                 cli_format("%s}\nvariants:\n  WELL: {}\n  CRASH: {%s, at: 3, fault: crash}}\n"
                            "  KILL: {%s, at: 3, fault: kill}}\n  EXIT: {%s, at: 3, fault: exit}}\n"
                            "  MEMORY: {%s, at: 3, fault: memory}}\n  LAST: {}\n",
                            mode, mode, mode, mode, mode));
}

static void expect_the_others(const char *folder)
{
    static const char *const said[] = {NULL,
                                       "scripted_mode.so) crashed in its hypergradient",
                                       "ended by signal 9 (Killed)",
                                       "ended early, with exit status 0",
                                       "out of memory",
                                       NULL};
    const char *result = cli_read(cli_format("%s/result.json", folder));
    cr_expect(json_is(result, "outcome", "failed"), "%s", result);
    for (int v = 0; v < 6; v++) {
        const char *row = cli_format("rows/%d", v), *name = v == 0 ? "WELL" : "LAST";
        cr_expect(json_is(result, cli_format("%s/outcome", row), said[v] ? "failed" : "done"), "%d: %s", v, result);
        if (said[v])
            cr_expect(strstr(json_at(result, cli_format("%s/message", row)), said[v]), "%d: %s", v, result);
        else
            cr_expect_float_eq(
                json_number(result, cli_format("%s/test_loss/mean", row)),
                json_number(cli_read(cli_format("%s/%s/1/result.json", folder, name)), "tuned/test_loss"), 0);
    }
    cr_expect_eq(whole_lines(cli_format("%s/CRASH/1/metrics.jsonl", folder)), 2, "what was done is kept");
}

Test(faults, a_dead_worker_is_named_and_the_others_go_on)
{
    static const char *const jobs[] = {"1", "3"};
    write_griefs();
    for (int i = 0; i < 2; i++) {
        cli_result r = cli_run("pipeline", "g.yaml", "--jobs", jobs[i], "--out", jobs[i], NULL);
        cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
        cr_expect(strstr(r.err, "hotool: 4 of 6 runs failed; CRASH/1: plugin \"scripted\" ("), "%s", r.err);
        cr_expect(strstr(r.err, "scripted_mode.so) crashed in its hypergradient (SIGSEGV: a bad memory access)"), "%s",
                  r.err);
        static const char *const notes[] = {"CRASH/1: plugin ", "KILL/1: its process was ended by signal 9",
                                            "EXIT/1: its process ended early", "MEMORY/1: out of memory"};
        for (size_t n = 0; n < sizeof notes / sizeof *notes; n++)
            cr_expect(strstr(r.err, notes[n]), "%s: %s", notes[n], r.err);
        cr_expect(strstr(r.out, "LAST") && strstr(r.out, "[1 of 1 runs failed]"), "%s", r.out);
        expect_the_others(jobs[i]);
    }
}

static pid_t start_long_runs(void)
{
    return cli_start("pipeline", "base.yaml", "--out", "r", "--jobs", "2", "--set", "outer/iterations=1000000", "--set",
                     "outer/learning_rate=1e-6", "--set", "steps=100", "--set", "repeat=2", NULL);
}

Test(faults, workers_die_with_the_whole)
{
    const pid_t child = start_long_runs();
    wait_for_lines("r/1/metrics.jsonl", 3);
    wait_for_lines("r/2/metrics.jsonl", 3);
    kill(child, SIGKILL);
    cr_expect_eq(cli_finish(child).status, 128 + SIGKILL);
    const struct timespec moment = {.tv_nsec = 200 * 1000 * 1000};
    nanosleep(&moment, NULL);
    const size_t size = strlen(cli_read("r/1/metrics.jsonl")) + strlen(cli_read("r/2/metrics.jsonl"));
    nanosleep(&moment, NULL);
    cr_expect_eq(strlen(cli_read("r/1/metrics.jsonl")) + strlen(cli_read("r/2/metrics.jsonl")), size,
                 "a worker goes on");
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* Whichever allocation fails: the run says so and fails, or its results are whole and the same. */
Test(faults, a_failed_allocation_is_no_bad_input_and_no_success)
{
#ifdef __SANITIZE_ADDRESS__
    cli_skip("ASan's allocator cannot be made to fail");
#endif
    enum { MOST = 2000, STRIDE = 37 };
    const char *run = "$HOTOOL pipeline base.yaml --quiet --out r >out 2>err";
    const char *same = "sed 's/\"seconds\".*//' r/metrics.jsonl >r/lines; cat r/pipeline.yaml r/lines "
                       "r/hyperparameters/* r/weights/* >whole";
    cr_assert_eq(cli_shell(cli_format("%s && %s && mv whole expected", run, same)), 0);
    int failed = 0;
    for (int n = 1; n < MOST; n += STRIDE) {
        const int status =
            cli_shell(cli_format("rm -rf r; export LD_PRELOAD=%s/troubled_libc.so HOTOOL_TEST_ALLOCATION=%d;"
                                 "%s; s=$?; unset LD_PRELOAD; exit $s",
                                 cli_environment("HOTOOL_PIPELINE_PLUGINS"), n, run));
        const char *said = cli_read("err");
        cr_expect(status == 0 || status == 1, "allocation %d: exit status %d: %s", n, status, said);
        cr_expect(status == 0 || (strncmp(said, "hotool: ", 8) == 0 && said[8]), "allocation %d: %s", n, said);
        cr_expect(status != 0 || cli_shell(cli_format("%s && cmp whole expected", same)) == 0, "allocation %d", n);
        cr_expect_eq(cli_shell("! find r -size 0 -type f 2>/dev/null | grep ."), 0, "allocation %d: empty files", n);
        failed += status != 0;
    }
    cr_expect_geq(failed, 10);
}

/* What kill -9 leaves: the arrays themselves, and lines of which only the last may be torn. */
Test(faults, the_best_hyperparameters_are_kept_as_they_improve)
{
    const pid_t child = start_long_runs();
    wait_for_lines("r/1/metrics.jsonl", 3);
    kill(child, SIGKILL);
    cli_finish(child);
    const double *a = cli_array("r/1/hyperparameters/mtl.A.npy", CLASSES * CLASSES);
    for (int i = 0; i < CLASSES * CLASSES; i++)
        cr_expect(a[i] >= 0 && a[i] < 1);
    cli_array("r/1/hyperparameters/mtl.rho.npy", 1);
}

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static void expect_interrupted(const char *folder)
{
    const char *result = cli_read(cli_format("%s/result.json", folder));
    cr_expect(json_valid(result, strlen(result)) && json_is(result, "outcome", "interrupted"), "%s", result);
    cr_expect_geq(whole_lines(cli_format("%s/metrics.jsonl", folder)), 3);
    cr_expect(cli_exists(cli_format("%s/hyperparameters/mtl.rho.npy", folder)));
}

Test(faults, whatever_signal_asks_to_stop_keeps_what_is_done)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    signal(SIGHUP, SIG_DFL); /* the tests may run under nohup, which hotool heeds */
    for (size_t i = 0; i < 4; i++) {
        const pid_t child = start_long_runs();
        wait_for_lines("r/1/metrics.jsonl", 3);
        wait_for_lines("r/2/metrics.jsonl", 3);
        kill(child, signals[i]);
        cli_result r = cli_finish(child);
        cr_expect_eq(r.status, 128 + signals[i], "signal %d: exit status %d: %s", signals[i], r.status, r.err);
        expect_interrupted("r/1");
        expect_interrupted("r/2");
        const char *result = cli_read("r/result.json");
        cr_expect(json_is(result, "outcome", "interrupted"), "%s", result);
        cr_expect_eq(cli_shell("rm -r r"), 0);
    }
}

/* Nobody reads what is printed: neither the lines of progress nor the table. */
Test(faults, a_closed_pipe_keeps_what_is_done)
{
    cr_expect_eq(cli_shell("{ $HOTOOL pipeline base.yaml --out r --set outer/iterations=1000000 --set "
                           "outer/learning_rate=1e-6; echo $? >status; } 2>&1 | true"),
                 0);
    cr_expect_str_eq(cli_read("status"), cli_format("%d\n", 128 + SIGPIPE));
    const char *result = cli_read("r/result.json");
    cr_expect(json_is(result, "outcome", "interrupted"), "%s", result);
    cr_expect(cli_exists("r/hyperparameters/mtl.rho.npy"));
}
