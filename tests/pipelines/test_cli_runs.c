/* `hotool runs` and `hotool compare`. */
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(runs, .init = cli_enter, .fini = cli_leave, .timeout = 240);

/* Three runs: one, one that ends worse, and one of two variants with two repetitions each. */
static void make_runs(void)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "runs/good", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "steps=2", "--out", "runs/deep/bad", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "variants={A: {}, B: {steps: 3}}", "--set", "repeat=2",
                            "--set", "seed=4", "--out", "runs/many", NULL));
}

/* The texts of a table's lines, in the order of these pieces (up to a NULL). */
static void expect_order(const char *out, ...)
{
    va_list pieces;
    va_start(pieces, out);
    const char *at = out;
    for (const char *piece = va_arg(pieces, const char *); piece; piece = va_arg(pieces, const char *)) {
        const char *found = strstr(at, piece);
        cr_expect(found, "no \"%s\" here, or not in its place: %s", piece, out);
        at = found ? found + 1 : at;
    }
    va_end(pieces);
}

Test(runs, are_listed_and_sorted)
{
    make_runs();
    cli_result r = cli_run("runs", NULL);
    cli_expect_done(r);
    expect_order(r.out, "run ", "variant", "date", "outcome\n", "runs/deep/bad", "runs/good", "runs/many", "A",
                 "runs/many", "B", NULL);
    cr_expect(strstr(r.out, "hypergradient, reverse") && strstr(r.out, "done\n"), "%s", r.out);
    cr_expect_null(strstr(r.out, "many/A"), "the runs of an experiment are in its rows: %s", r.out);

    r = cli_run("runs", "runs/", "--json", NULL);
    cli_expect_done(r);
    cr_assert(json_valid(r.out, strlen(r.out)), "%s", r.out);
    const double good = json_number(cli_read("runs/good/result.json"), "best_validation_error");
    cr_expect_float_eq(json_number(r.out, "1/validation_error"), good, 0);
    cr_expect(json_is(r.out, "3/variant", "B") && json_is(r.out, "2/outcome", "done"));
    cr_expect_float_eq(json_number(r.out, "3/test_accuracy"),
                       json_number(cli_read("runs/many/result.json"), "rows/1/test_accuracy/mean"), 0);

    double before = -INFINITY;
    r = cli_run("runs", "--sort", "validation", "--json", NULL);
    for (int i = 0; i < 4; i++) {
        const double error = json_number(r.out, cli_format("%d/validation_error", i));
        cr_expect_leq(before, error);
        before = error;
    }
    before = INFINITY;
    r = cli_run("runs", "--sort=test", "--json", NULL);
    for (int i = 0; i < 4; i++) {
        const double accuracy = json_number(r.out, cli_format("%d/test_accuracy", i));
        cr_expect_geq(before, accuracy);
        before = accuracy;
    }
    r = cli_run("runs", "--sort=date", "--json", NULL);
    for (int i = 1; i < 4; i++)
        cr_expect_leq(
            strncmp(json_at(r.out, cli_format("%d/date", i - 1)), json_at(r.out, cli_format("%d/date", i)), 20), 0,
            "%s", r.out);
}

Test(runs, that_are_not_over_or_cannot_be_read_are_told)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "runs/a", NULL));
    cr_assert_eq(cli_shell("cp -r runs/a runs/b && rm runs/b/result.json && echo '{\"it' >>runs/b/metrics.jsonl; "
                           "cp -r runs/a runs/c && echo x >runs/c/result.json; mkdir runs/empty"),
                 0);
    cli_result r = cli_run("runs", "--json", NULL);
    cr_expect_eq(r.status, 0);
    cr_expect(json_is(r.out, "1/outcome", "unfinished") && !json_at(r.out, "2"), "%s", r.out);
    cr_expect_float_eq(json_number(r.out, "1/validation_error"),
                       json_number(cli_read("runs/a/result.json"), "best_validation_error"), 0);
    cr_expect(strstr(r.err, "runs/c/result.json:1"), "%s", r.err);
}

Test(runs, mistakes_are_refused_with_the_nearest_right_thing)
{
    cli_expect_refused("no folder", cli_run("runs", "nowhere", NULL), "nowhere: no such folder", NULL);
    cr_assert_eq(cli_shell("mkdir there"), 0);
    cli_expect_refused("column", cli_run("runs", "there", "--sort", "validaton", NULL), "--sort validaton",
                       "did you mean \"validation\"?", NULL);
    cli_expect_refused("none", cli_run("compare", NULL), "compare: which RUN? See hotool compare --help", NULL);
    cli_expect_refused("no run", cli_run("compare", "there", "there", NULL), "there/result.json: no such file", NULL);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "r", NULL));
    cli_expect_refused("one", cli_run("compare", "r", NULL), "compare: r is one run", NULL);
    cli_result none = cli_run("runs", "there", NULL);
    cr_expect(none.status == 0 && strcmp(none.out, "no runs in there\n") == 0, "%s", none.out);
}

/* No line is wider than the terminal, and texts give way before numbers do. */
Test(runs, tables_keep_to_the_width_of_the_terminal)
{
    cli_expect_done(
        cli_run("pipeline", "base.yaml", "--out", "runs/a_name_that_is_quite_long_and_then_some_more", NULL));
    cli_result r = cli_run_in_terminal(80, "runs", NULL);
    cr_expect_eq(r.status, 0);
    for (const char *line = r.out; *line; line += strcspn(line, "\n") + 1)
        cr_expect_leq(strcspn(line, "\r\n"), 80, "%s", r.out);
    cr_expect(strstr(r.out, "...  ") && strstr(r.out, "done"), "%s", r.out);
    cr_expect(strstr(cli_run_in_terminal(200, "runs", NULL).out, "_and_then_some_more  "));
    cr_expect(strstr(cli_run("runs", NULL).out, "_and_then_some_more  "), "a file has no width");
}

/* ---- runs that are going or were killed -------------------------------------------------------------------------- */

static void wait_for(const char *path, const char *piece)
{
    for (int i = 0; i < 6000 && !(cli_exists(path) && strstr(cli_read(path), piece)); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    cr_assert(strstr(cli_read(path), piece), "%s", cli_read(path));
}

/* What can be said of it is said: method, date, the least error so far, curves; and there is a page. */
static void expect_known(const char *run)
{
    cli_result r = cli_run("runs", run, "--json", NULL);
    cr_expect(json_is(r.out, "0/outcome", "unfinished") && json_is(r.out, "0/method", "hypergradient, reverse"), "%s",
              r.out);
    cr_expect(json_number(r.out, "0/validation_error") > 0, "%s", r.out);
    r = cli_run("export", run, "--csv", "csv", NULL);
    cr_expect_eq(r.status, 0, "%s", r.err);
    r = cli_run("report", run, "--out", "page.html", NULL);
    cr_expect_eq(r.status, 0, "%s", r.err);
    const char *page = cli_read("page.html");
    cr_expect(strstr(page, "<strong>unfinished</strong>") && strstr(page, "<figcaption>Validation error"), "%s", r.err);
}

Test(runs, can_be_looked_at_while_they_are_going_and_after_they_were_killed)
{
    pid_t run = cli_start("pipeline", "base.yaml", "--set", "outer/iterations=100000", "--out", "r", NULL);
    wait_for("r/metrics.jsonl", "\"iteration\": 3,");
    expect_known("r");
    kill(run, SIGKILL);
    cli_finish(run);
    cr_assert_eq(cli_shell("printf '{\"iteration\": 9' >>r/metrics.jsonl"), 0);
    expect_known("r");
    cr_expect_not(cli_exists("r/result.json"));
}

/* Of several runs, those that are over are in the table. */
Test(runs, of_several_show_those_that_are_over)
{
    cli_pipeline("v.yaml", "hypergradient: {mode: reverse}\n",
                 "repeat: 2\nvariants: {A: {}, B: {outer: {iterations: 100000}}}\n");
    pid_t run = cli_start("pipeline", "v.yaml", "--out", "r", "--jobs", "2", NULL);
    wait_for("r/B/1/metrics.jsonl", "\"iteration\": 3,");
    wait_for("r/unfinished.json", "\"runs\": 2,");
    cli_result r = cli_run("runs", "r", "--json", NULL);
    cr_expect(json_is(r.out, "0/outcome", "done") && json_is(r.out, "1/outcome", "unfinished"), "%s", r.out);
    cr_expect_eq(json_number(r.out, "0/test_accuracy"),
                 (json_number(cli_read("r/A/1/result.json"), "tuned/test_accuracy") +
                  json_number(cli_read("r/A/2/result.json"), "tuned/test_accuracy")) /
                     2);
    kill(run, SIGTERM);
    cli_finish(run);
    cr_expect(cli_exists("r/result.json") && !cli_exists("r/unfinished.json") && !cli_exists("r/B/1/unfinished.json"));
}

static void pair_runs(void)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "repeat=3", "--out", "a", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "repeat=3", "--set", "seed=4", "--set", "steps=10",
                            "--set", "dynamics/learning_rate=2.0e-1", "--mode", "forward", "--out", "b", NULL));
}

Test(runs, compared_say_what_differs_and_are_paired_by_seed)
{
    pair_runs();
    cli_result r = cli_run("compare", "a", "b/", NULL);
    cli_expect_done(r);
    expect_order(r.out, "Settings that differ\n", "seed ", "3 ", "4", "steps ", "15 ", "10", "hypergradient/mode",
                 "reverse ", "forward", "\nResults\n", "validation error", "Differences from a blobs, paired by seed\n",
                 NULL);
    cr_expect_null(strstr(r.out, "learning_rate"), "0.2 and 2.0e-1 are the same: %s", r.out);
    cr_expect_null(strstr(r.out, "momentum"), "%s", r.out);

    r = cli_run("compare", "a", "b", "--json", NULL);
    cr_assert(json_valid(r.out, strlen(r.out)), "%s", r.out);
    const char *a = cli_read("a/result.json"), *b = cli_read("b/result.json");
    double differences[2], better = 0;
    for (int i = 0; i < 2; i++) { /* seeds 4 and 5 */
        differences[i] = json_number(b, cli_format("rows/0/validation_error/values/%d", i)) -
                         json_number(a, cli_format("rows/0/validation_error/values/%d", i + 1));
        better += differences[i] < 0;
    }
    const double mean = (differences[0] + differences[1]) / 2;
    cr_expect_float_eq(json_number(r.out, "1/differences/validation_error/mean"), mean, 1e-12);
    cr_expect_float_eq(json_number(r.out, "1/differences/validation_error/sd"),
                       fabs(differences[0] - differences[1]) / sqrt(2), 1e-12);
    cr_expect_float_eq(json_number(r.out, "1/differences/validation_error/pairs"), 2, 0);
    cr_expect_float_eq(json_number(r.out, "1/differences/validation_error/better"), better, 0);
    cr_expect(json_is(r.out, "1/settings/steps", "10"));
    cr_expect_float_eq(json_number(r.out, "0/results/validation_error/mean"),
                       json_number(a, "rows/0/validation_error/mean"), 0);

    /* What does not fit on a line goes below it, with the name again. */
    r = cli_run_in_terminal(60, "compare", "a", "b", NULL);
    for (const char *line = r.out; *line; line += strcspn(line, "\n") + 1)
        cr_expect_leq(strcspn(line, "\r\n"), 60, "%s", r.out);
    expect_order(r.out, "\nResults", "run ", "validation error", "a blobs", "run ", "seconds", "a blobs", "b blobs",
                 NULL);
}

Test(runs, compared_make_a_page)
{
    cli_change("base.yaml", "name: blobs", "name: \"a.b\"");
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "a<b>", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "steps=4", "--out", "b", NULL));
    cli_result r = cli_run("compare", "a<b>", "b", "--html", "page.html", NULL);
    cli_expect_done(r);
    cr_expect_str_eq(r.out, "page.html\n");
    const char *page = cli_read("page.html");
    cr_expect(strstr(page, "<th>a&lt;b&gt;</th>") && strstr(page, "<td>steps</td>") && strstr(page, "</html>"), "%s",
              page);
    cr_expect_null(strstr(page, "a<b>"));
    cr_expect_null(strstr(page, "src="), "nothing is fetched");
    expect_order(page, "<td>15</td><td><span class=\"mark\">4</span></td>", "<h2>Curves</h2>", "class=\"legend\"",
                 "a&lt;b&gt;", "b</span>", "Validation error</figcaption>", "<svg", "<figcaption>mtl.A", "<svg",
                 "<figcaption>mtl.rho", "<svg", NULL);
}

/* One that has left nothing but its record is compared all the same. */
Test(runs, compared_without_metrics_have_a_page_too)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "a", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "outer=null", "--out", "b", NULL));
    cr_assert_eq(cli_shell("rm -f b/metrics.jsonl"), 0);
    cli_expect_done(cli_run("compare", "a", "b", "--html", "page.html", NULL));
    cr_expect(strstr(cli_read("page.html"), "Validation error</figcaption>"));
    cr_assert_eq(cli_shell("echo '{\"iteration\": 1' >b/metrics.jsonl; echo x >a/metrics.jsonl"), 0);
    const cli_result torn = cli_run("compare", "a", "b", "--html", "page.html", NULL);
    cr_expect(torn.status == 2 && strstr(torn.err, "a/metrics.jsonl:1"), "%d: %s", torn.status, torn.err);
}
