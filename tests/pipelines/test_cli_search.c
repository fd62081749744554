/* Searches without gradients: which candidates they try, what these cost, and which one is chosen. */
#include <math.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

/* rho alone, from the range that a test sets. */
static void enter(void)
{
    cli_enter();
    cli_pipeline("s.yaml", "  mtl.A: {init: 0.0, constraint: nonnegative}\n", "");
}

TestSuite(search, .init = enter, .fini = cli_leave, .timeout = 120);

#define STEPS       15 /* of training */
#define RANGE(text) "hyperparameters/mtl.rho={range: " text "}"

static const char *result_of(const char *folder)
{
    const char *text = cli_read(cli_format("%s/result.json", folder));
    cr_assert(json_valid(text, strlen(text)), "no JSON: %s", text);
    return text;
}

/* Line `number` (from 0) of a run's metrics; NULL: it has fewer. */
static const char *line_of(const char *folder, int number)
{
    const char *text = cli_read(cli_format("%s/metrics.jsonl", folder));
    while (text && number-- > 0) {
        text = strchr(text, '\n');
        text = text && text[1] ? text + 1 : NULL;
    }
    return text ? cli_format("%.*s", (int)strcspn(text, "\n"), text) : NULL;
}

static bool json_is_true(const char *line, const char *key)
{
    const char *value = json_at(line, key);
    return value && strncmp(value, "true", 4) == 0;
}

static int lines_of(const char *folder)
{
    int lines = 0;
    while (line_of(folder, lines))
        lines++;
    return lines;
}

static double rho_of(const char *folder, int candidate)
{
    return json_number(line_of(folder, candidate), "hyperparameters/mtl.rho");
}

/* Fails the test unless the run kept the candidate of the least validation error: its number, its hyperparameter, its
 * error, and what the training with it then showed. */
static void expect_best(const char *folder)
{
    const char *result = result_of(folder);
    double least = INFINITY, rho = NAN;
    int best = 0, lines = lines_of(folder);
    for (int i = 0; i < lines; i++) {
        double error = json_number(line_of(folder, i), "validation_error");
        if (error < least) {
            least = error;
            best = i + 1;
            rho = rho_of(folder, i);
        }
    }
    cr_expect_float_eq(json_number(result, "best_validation_error"), least, 0);
    cr_expect_float_eq(json_number(result, "best_iteration"), best, 0);
    cr_expect_float_eq(json_number(result, "hyperparameters/mtl.rho"), rho, 0);
    cr_expect_float_eq(json_number(result, "tuned/validation_error"), least, 0);
}

static void expect_rho(const char *folder, const double *wanted, int count)
{
    cr_expect_eq(lines_of(folder), count, "%d candidates, wanted are %d", lines_of(folder), count);
    for (int i = 0; i < count && line_of(folder, i); i++)
        cr_expect_float_eq(rho_of(folder, i), wanted[i], 1e-12 * fabs(wanted[i]), "%s", line_of(folder, i));
}

static cli_result search(const char *range, const char *outer, const char *folder)
{
    return cli_run("pipeline", "s.yaml", "--set", range, "--set", outer, "--out", folder, NULL);
}

Test(search, a_grid_is_even_in_its_scale)
{
    cli_expect_done(search(RANGE("{from: 1.0e-3, to: 1, scale: log, points: 4}"), "outer/strategy=grid", "log"));
    expect_rho("log", (const double[]){1e-3, 1e-2, 1e-1, 1}, 4);
    expect_best("log");
    cli_expect_done(search(RANGE("{from: 0, to: 0.3, points: 4}"), "outer/strategy=grid", "linear"));
    expect_rho("linear", (const double[]){0, 0.1, 0.2, 0.3}, 4);
    expect_best("linear");
    cli_expect_done(search(RANGE("{values: [0.5, 0, 0.04]}"), "outer/strategy=grid", "values"));
    expect_rho("values", (const double[]){0.5, 0, 0.04}, 3);
    expect_best("values");
    cr_expect(json_is(result_of("values"), "rows/0/strategy", "grid"));
}

Test(search, a_grid_of_two_is_their_product)
{
    cli_expect_done(cli_run("pipeline", "s.yaml", "--set", RANGE("{values: [0.5, 0.01]}"), "--set",
                            "hyperparameters/mtl.a={range: {values: [0, 0.1, 0.2]}}", "--set", "outer/strategy=grid",
                            "--out", "r", NULL));
    cr_expect_eq(lines_of("r"), 6);
    bool seen[2][3] = {{false}};
    for (int i = 0; i < 6; i++) {
        double a = json_number(line_of("r", i), "hyperparameters/mtl.a");
        seen[rho_of("r", i) < 0.1][a < 0.05 ? 0 : a < 0.15 ? 1 : 2] = true;
    }
    for (int i = 0; i < 6; i++)
        cr_expect(seen[i / 3][i % 3], "a pair of values is missing");
    expect_best("r");
}

Test(search, constraints_have_the_last_word)
{
    cli_expect_done(search("hyperparameters/mtl.rho={range: {values: [0.01, 0.2, 3]}, constraint: {plugin: box, lower: "
                           "0.1, upper: 1}}",
                           "outer/strategy=grid", "r"));
    expect_rho("r", (const double[]){0.1, 0.2, 1}, 3);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", RANGE("{values: [0.1, 0.2]}"), "--set",
                            "hyperparameters/mtl.A={range: {from: 0, to: 1}, constraint: {plugin: nonnegative_sum, "
                            "at_most: 0.5}}",
                            "--set", "outer={strategy: random, candidates: 6}", "--out", "sum", NULL));
    for (int i = 0; i < 6; i++)
        cr_expect_leq(json_number(line_of("sum", i), "hyperparameters/mtl.A/sum"), 0.5 + 1e-12);
}

Test(search, a_grid_gives_every_entry_one_value_and_random_search_each_its_own)
{
    cli_expect_done(search("hyperparameters/mtl.rho={shape: columns, range: {values: [0.5, 0.01]}}",
                           "outer/strategy=grid", "grid"));
    const double *rho = cli_array("grid/hyperparameters/mtl.rho.npy", CLASSES);
    for (int i = 1; i < CLASSES; i++)
        cr_expect_float_eq(rho[i], rho[0], 0);
    cli_expect_done(search("hyperparameters/mtl.rho={shape: columns, range: {from: 0.1, to: 1}}",
                           "outer={strategy: random, candidates: 3}", "random"));
    rho = cli_array("random/hyperparameters/mtl.rho.npy", CLASSES);
    for (int i = 1; i < CLASSES; i++)
        cr_expect(rho[i] != rho[0] && rho[i] >= 0.1 && rho[i] <= 1, "%g beside %g", rho[i], rho[0]);
}

/* A step counts 1, a step back 3: the 5 hypergradients of the base cost as much as 20 trainings. */
Test(search, random_search_costs_what_the_hypergradient_would)
{
    cli_expect_done(cli_run("pipeline", "s.yaml", "--out", "reverse", NULL));
    cli_expect_done(search(RANGE("{from: 0.001, to: 1, scale: log}"), "outer/strategy=random", "random"));
    cli_expect_done(search(RANGE("{values: [0.1, 0.2, 0.3]}"), "outer/strategy=grid", "grid"));
    cr_expect_eq(lines_of("random"), 20, "%d candidates", lines_of("random"));
    expect_best("random");
    /* Beside the candidates: the look at the last lambda, where there is one, and the final training. */
    cr_expect_float_eq(json_number(result_of("reverse"), "gradient_evaluations"), (5 * 4 + 1 + 1) * STEPS, 0);
    cr_expect_float_eq(json_number(result_of("random"), "gradient_evaluations"), (20 + 1) * STEPS, 0);
    cr_expect_float_eq(json_number(result_of("grid"), "gradient_evaluations"), (3 + 1) * STEPS, 0);
    /* Forward mode with one direction costs 1 + 2 a step. */
    cli_expect_done(cli_run("pipeline", "s.yaml", "--mode", "forward", "--set", RANGE("{from: 0, to: 1}"), "--set",
                            "outer/strategy=random", "--out", "forward", NULL));
    cr_expect_eq(lines_of("forward"), 15, "%d candidates", lines_of("forward"));
}

Test(search, random_draws_fill_their_range_evenly_in_its_scale)
{
    static const char *const quick[] = {"outer={strategy: random, candidates: 400}", "steps=1"};
    cli_expect_done(cli_run("pipeline", "s.yaml", "--set", RANGE("{from: 0.01, to: 1, scale: log}"), "--set", quick[0],
                            "--set", quick[1], "--out", "log", NULL));
    cli_expect_done(cli_run("pipeline", "s.yaml", "--set", RANGE("{from: 0.01, to: 1, scale: linear}"), "--set",
                            quick[0], "--set", quick[1], "--out", "linear", NULL));
    const char *const folders[] = {"log", "linear"};
    const double middle[] = {0.1, 0.505};
    for (int f = 0; f < 2; f++) {
        const char *text = cli_read(cli_format("%s/metrics.jsonl", folders[f]));
        int below = 0, count = 0;
        for (; *text; text = strchr(text, '\n') + 1, count++) {
            double rho = json_number(cli_format("%.*s", (int)strcspn(text, "\n"), text), "hyperparameters/mtl.rho");
            cr_expect(rho >= 0.01 && rho <= 1, "%g", rho);
            below += rho < middle[f];
        }
        cr_expect_eq(count, 400);
        cr_expect(below > 160 && below < 240, "%s: %d of 400 below the middle", folders[f], below);
    }
}

Test(search, random_search_follows_the_seed)
{
    static const char outer[] = "outer={strategy: random, candidates: 7}";
    static const char range[] = RANGE("{from: 0.001, to: 1, scale: log}");
    cli_expect_done(search(range, outer, "a"));
    cli_expect_done(search(range, outer, "b"));
    cli_expect_done(
        cli_run("pipeline", "s.yaml", "--set", range, "--set", outer, "--set", "seed=4", "--out", "c", NULL));
    cr_expect_eq(lines_of("a"), 7);
    for (int i = 0; i < 7; i++) {
        cr_expect_float_eq(rho_of("a", i), rho_of("b", i), 0);
        cr_expect_float_neq(rho_of("a", i), rho_of("c", i), 1e-12);
        cr_expect(i == 0 || rho_of("a", i) != rho_of("a", i - 1), "the same value twice");
    }
}

/* A model that trains from anew for each: the order of candidates is no matter. */
Test(search, every_candidate_starts_afresh)
{
    cli_expect_done(search(RANGE("{values: [0.5, 0.01]}"), "outer/strategy=grid", "one"));
    cli_expect_done(search(RANGE("{values: [0.01, 0.5]}"), "outer/strategy=grid", "two"));
    for (int i = 0; i < 2; i++)
        cr_expect_float_eq(json_number(line_of("one", i), "validation_error"),
                           json_number(line_of("two", 1 - i), "validation_error"), 0);
}

#define RATES(values) \
    "hyperparameters={dynamics.learning_rate: {init: 1e60, range: {values: " values "}}, mtl.rho: null}"

/* That the initial hyperparameters diverge is no matter: what a hypergradient costs is known all the same, and the
 * table goes without them. */
Test(search, candidates_that_diverge_are_passed_over)
{
    cli_change("s.yaml", "name: mtl}", "name: mtl, rho: 0.01}");
    cli_change("s.yaml", "learning_rate: 0.2", "learning_rate: 1e60"); /* as the initial value of RATES */
    cli_result r = search(RATES("[0.1, 1e60, 0.2]"), "outer/strategy=grid", "grid");
    cli_expect_done(r);
    cr_expect(strstr(r.out, "2 candidates") && !strstr(r.out, "initial"), "%s", r.out);
    cr_expect_eq(lines_of("grid"), 3);
    const char *why = json_at(line_of("grid", 1), "diverged");
    cr_expect(why && strstr(why, "momentum.c:"), "%s", line_of("grid", 1));
    cr_expect_float_eq(json_number(result_of("grid"), "outer_iterations"), 2, 0);
    cr_expect(isfinite(json_number(result_of("grid"), "tuned/test_loss")));
    cli_expect_done(search(RATES("[0.1, 1e60, 0.2]"), "outer/strategy=random", "random"));
    cr_expect_eq(lines_of("random"), 20);

    r = search(RATES("[1e60, 1e61]"), "outer/strategy=grid", "all");
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "every candidate diverged; the first: step "), "%s", r.err);
    cr_expect(json_is(result_of("all"), "outcome", "diverged"));
}

/* Candidates of equal error: the first one stays. So it is with looks, and with iterations that do not move. */
Test(search, of_equals_the_first_is_the_best)
{
    cli_pipeline("w.yaml", "steps: 15\n", "steps: 15\nstop: {every: 5}\n");
    cli_change("w.yaml", "  mtl.A: {init: 0.0, constraint: nonnegative}\n", "");
    static const char *const files[] = {"s.yaml", "w.yaml"};
    for (int i = 0; i < 2; i++) {
        const char *folder = cli_format("grid%d", i);
        cli_expect_done(cli_run("pipeline", files[i], "--set", RANGE("{values: [0.2, 0.2, 0.2]}"), "--set",
                                "outer/strategy=grid", "--out", folder, NULL));
        cr_expect_float_eq(json_number(result_of(folder), "best_iteration"), 1, 0, "%s", files[i]);
        cr_expect(json_is_true(line_of(folder, 0), "best") && !json_is_true(line_of(folder, 1), "best"));
    }
    cli_expect_done(cli_run("pipeline", "s.yaml", "--set", "outer/learning_rate=0", "--out", "outer", NULL));
    cr_expect_float_eq(json_number(result_of("outer"), "best_iteration"), 1, 0);
    cli_expect_done(cli_run("pipeline", "w.yaml", "--set", "outer=null", "--set", "dynamics/learning_rate=0", "--out",
                            "looks", NULL));
    cr_expect_float_eq(json_number(result_of("looks"), "initial/best_epoch"), 5, 0);
    cr_expect(json_is_true(line_of("looks", 0), "best") && !json_is_true(line_of("looks", 2), "best"));
}
