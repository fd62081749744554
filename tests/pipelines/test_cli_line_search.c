/* Descent that chooses its own steps, from end to end: what it accepts, what it keeps and says of its end. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

#define OUTER "outer: {plugin: adam, learning_rate: 0.01, iterations: 5}\n"

static void enter(void)
{
    cli_enter();
    cli_pipeline("f.yaml", OUTER, "outer: {iterations: 25}\n");
}

TestSuite(line_search, .init = enter, .fini = cli_leave, .timeout = 60);

/* The line of metrics.jsonl, from 0; NULL: there are fewer. */
static const char *line_of(const char *folder, int number)
{
    const char *text = cli_read(cli_format("%s/metrics.jsonl", folder));
    for (; text && *text && number > 0; number--)
        text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL;
    return text && *text ? cli_format("%.*s", (int)strcspn(text, "\n"), text) : NULL;
}

Test(line_search, needs_no_rate_and_says_how_it_ended)
{
    cli_result r = cli_run("pipeline", "f.yaml", "--out", "free", NULL);
    cli_expect_done(r);
    cli_expect_done(cli_run("pipeline", "f.yaml", "--set", "outer/iterations=5", "--out", "five", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "adam", NULL));
    const char *result = cli_read("free/result.json"), *ended = json_at(result, "ended");
    cr_assert_not_null(ended, "%s", result);
    cr_expect_leq(json_number(cli_read("five/result.json"), "best_validation_error"),
                  json_number(cli_read("adam/result.json"), "best_validation_error"), "at equal cost");
    cr_expect_null(json_at(cli_read("adam/result.json"), "ended"));
    cr_expect(json_is(result, "rows/0/strategy", "hypergradient"));
    const char *sentence = cli_format("%.*s", (int)strcspn(ended + 1, "\""), ended + 1);
    cr_expect(
        strstr(r.out, cli_format(", the best is number %g: %s;", json_number(result, "best_iteration"), sentence)),
        "%s", r.out);
    /* Whatever is accepted is better than all before. */
    double least = INFINITY;
    int rejected = 0;
    for (int i = 0; line_of("free", i); i++) {
        double error = json_number(line_of("free", i), "validation_error");
        bool refused = json_at(line_of("free", i), "rejected") || json_at(line_of("free", i), "diverged");
        rejected += refused;
        cr_expect(refused || error < least, "%s", line_of("free", i));
        least = refused ? least : error;
    }
    cr_expect_float_eq(json_number(result, "halvings"), rejected, 0);
    cr_expect_float_eq(json_number(result, "best_validation_error"), least, 0);
}

/* rho begins where training barely holds; the first steps overflow f32. */
Test(line_search, goes_on_after_a_divergence)
{
    cli_result r = cli_run("pipeline", "f.yaml", "--precision", "f32", "--set",
                           "dynamics={plugin: sgd, learning_rate: 0.4}", "--set", "steps=80", "--set",
                           "hyperparameters={mtl.A: null, mtl.rho: null, dynamics.learning_rate: {init: 0.4}}", "--set",
                           "outer/iterations=12", "--out", "r", NULL);
    cr_expect_eq(r.status, 0, "%s", r.err);
    const char *result = cli_read("r/result.json");
    cr_expect(json_is(result, "outcome", "done"), "%s", result);
    cr_expect_leq(json_number(result, "best_validation_error"), json_number(result, "initial_validation_error"));
}

Test(line_search, what_has_no_effect_is_told)
{
    cli_result r = cli_run("pipeline", "f.yaml", "--set", "hyperparameters={mtl.A: null, mtl.rho: 0.1}", "--set",
                           "objective/mtl/weight=0", "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.err, "no outer step is made, and the initial hyperparameters are kept: the hypergradient is 0"),
              "%s", r.err);
    cr_expect(strstr(r.out, "none better than the start: the projected hypergradient is within the tolerance"), "%s",
              r.out);
    cr_expect(line_of("r", 0) && !line_of("r", 1));
}

Test(line_search, a_looser_tolerance_ends_sooner)
{
    cli_expect_done(cli_run("pipeline", "f.yaml", "--set", "outer/tolerance=0.5", "--out", "loose", NULL));
    cli_expect_done(cli_run("pipeline", "f.yaml", "--set", "outer/tolerance=0", "--out", "tight", NULL));
    cr_expect_lt(json_number(cli_read("loose/result.json"), "outer_iterations"),
                 json_number(cli_read("tight/result.json"), "outer_iterations"));
    cr_expect(json_is(cli_read("loose/result.json"), "ended", "the projected hypergradient is within the tolerance"));
}

Test(line_search, settings_that_do_not_go_with_it_are_refused)
{
    cli_expect_refused("a rate", cli_run("pipeline", "f.yaml", "--set", "outer/learning_rate=0.1", NULL),
                       "unknown key \"learning_rate\" in outer", NULL);
    cli_expect_refused("a tolerance beside a plugin",
                       cli_run("pipeline", "base.yaml", "--set", "outer/tolerance=0.1", NULL), "tolerance: only", NULL);
    cli_expect_refused("a negative tolerance", cli_run("pipeline", "f.yaml", "--set", "outer/tolerance=-1", NULL),
                       "tolerance: -1 is less than 0", NULL);
    cli_expect_refused("no iterations", cli_run("pipeline", "f.yaml", "--set", "outer/iterations=null", NULL),
                       "\"iterations\" is missing", NULL);
    cli_expect_refused("online",
                       cli_run("pipeline", "f.yaml", "--set",
                               "outer={schedule: online, every: 2, iterations: "
                               "null}",
                               NULL),
                       "plugin", NULL);
    cli_expect_refused("warm starts", cli_run("pipeline", "f.yaml", "--set", "outer/warm_start=weights", NULL),
                       "set \"plugin\"", NULL);
    cli_expect_refused(
        "a rate of one hyperparameter",
        cli_run("pipeline", "f.yaml", "--set", "hyperparameters/mtl.rho/outer={learning_rate: 0.1}", NULL),
        "no outer optimizer", NULL);
    cli_expect_refused("unbounded", cli_run("pipeline", "f.yaml", "--set", "steps=unbounded", NULL), "unbounded", NULL);
}
