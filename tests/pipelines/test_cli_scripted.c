/* What runs make of a mode's answers: scripted_mode.so gives any that are asked for. */
#include <math.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

/* o.yaml: 60 steps, an update after every 5 of them. */
static void enter(void)
{
    cli_enter();
    cli_pipeline("o.yaml", "outer: {plugin: adam, learning_rate: 0.01, iterations: 5}\n",
                 "stop: {every: 12}\nouter: {plugin: sgd, learning_rate: 1.0e-4, schedule: online, every: 5}\n");
    cli_change("o.yaml", "steps: 15\n", "steps: 60\n");
}

TestSuite(scripted, .init = enter, .fini = cli_leave, .timeout = 60);

#define UPPER (CLASSES * (CLASSES - 1) / 2) /* free directions of mtl.A */

/* The setting that chooses the mode with these options. */
static const char *script(const char *answers)
{
    return cli_format("hypergradient={mode: scripted, path: %s/scripted_mode.so, %s}",
                      cli_environment("HOTOOL_PIPELINE_PLUGINS"), answers);
}

/* The line of a run's metrics that holds `what`, its number `number` from 1; "" where there is none. */
static const char *line_with(const char *folder, const char *what, int number)
{
    for (const char *p = cli_read(cli_format("%s/metrics.jsonl", folder)); *p; p += strcspn(p, "\n") + 1) {
        const char *line = cli_format("%.*s", (int)strcspn(p, "\n"), p);
        if (strstr(line, what) && --number == 0)
            return line;
    }
    return "";
}

static int updates_in(const char *folder)
{
    int count = 0;
    while (*line_with(folder, "\"update\"", count + 1))
        count++;
    return count;
}

Test(scripted, an_update_is_refused_where_error_or_gradient_is_nan)
{
    static const char *const faults[] = {"error", "gradient"};
    for (int i = 0; i < 2; i++) {
        const char *answers = cli_format("fault: %s, at: 3", faults[i]);
        cli_result r = cli_run("pipeline", "o.yaml", "--set", script(answers), "--out", faults[i], NULL);
        cr_expect_eq(r.status, 1, "%s: exit status %d: %s", faults[i], r.status, r.err);
        cr_expect(strstr(r.err, "step 15: ") && strstr(r.err, "hypergradient is not finite"), "%s: %s", faults[i],
                  r.err);
        cr_expect(json_is(cli_read(cli_format("%s/result.json", faults[i])), "outcome", "diverged"));
        cr_expect_eq(updates_in(faults[i]), 2, "%s: %d updates", faults[i], updates_in(faults[i]));
    }
}

Test(scripted, tangents_that_overflow_are_told_by_their_hyperparameter)
{
    cli_result r = cli_run("pipeline", "o.yaml", "--set", script("fault: norms, at: 3"), "--out", "r", NULL);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "step 15: ") && strstr(r.err, "tangents") && strstr(r.err, "mtl.rho"), "%s", r.err);
    cr_expect_null(strstr(r.err, "mtl.A"), "%s", r.err);
}

/* The directions of A come first, one for each pair of classes; rho's is the last. Fixed hyperparameters have none. */
Test(scripted, norms_of_tangents_are_summed_by_hyperparameter)
{
    cli_expect_done(cli_run("pipeline", "o.yaml", "--set", script("slope: 0"), "--out", "r", NULL));
    const char *line = line_with("r", "\"update\"", 1);
    double squares = 0;
    for (int i = 1; i <= UPPER; i++)
        squares += i * i;
    cr_expect_float_eq(json_number(line, "tangent_norms/mtl.A"), sqrt(squares), 1e-12, "%s", line);
    cr_expect_float_eq(json_number(line, "tangent_norms/mtl.rho"), UPPER + 1, 1e-12, "%s", line);
}

/* A gradient of 1, 2, ..., 16 by A: what a symmetric matrix with zero diagonal can follow is the mean of the entries of
 * each pair. */
Test(scripted, gradients_are_projected_onto_the_free_directions)
{
    double squares = 0;
    for (int i = 0; i < CLASSES; i++)
        for (int j = 0; j < i; j++) {
            double mean = 0.5 * ((i * CLASSES + j + 1) + (j * CLASSES + i + 1));
            squares += 2 * mean * mean;
        }
    cli_expect_done(cli_run("pipeline", "o.yaml", "--set", script("slope: 1"), "--set", "hyperparameters/mtl.rho=null",
                            "--out", "online", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", script("slope: 1"), "--set",
                            "hyperparameters/mtl.rho=null", "--out", "outer", NULL));
    const char *const lines[] = {line_with("online", "\"update\"", 1), line_with("outer", "\"iteration\"", 1)};
    for (int i = 0; i < 2; i++)
        cr_expect_float_eq(json_number(lines[i], "gradient_norm"), sqrt(squares), 1e-12, "%s", lines[i]);
}

/* Update 5, after step 25, makes rho 1e30. The step that is named is found by a replay, which must begin where rho was
 * made: from the start, the third step would go wrong. */
Test(scripted, a_divergence_is_replayed_from_the_last_update)
{
    cli_result r = cli_run("pipeline", "o.yaml", "--precision", "f32", "--set", "stop/every=30", "--set",
                           "hyperparameters/mtl.A=null", "--set", "outer/learning_rate=1", "--set",
                           script("at: 5, slope: -1.0e30"), "--out", "r", NULL);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    const char *told = strstr(r.err, "step 2");
    cr_expect(told && told[6] >= '6' && told[6] <= '9' && told[7] == ':', "%s", r.err);
}

Test(scripted, a_final_state_that_is_not_finite_has_no_hypergradient)
{
    cli_result r = cli_run("hypergradient", "base.yaml", "--set", script("fault: state"), NULL);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "not finite"), "%s", r.err);
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", script("fault: none"), NULL));
}

Test(scripted, a_mode_without_a_state_is_refused)
{
    const cli_result results[] = {
        cli_run("hypergradient", "base.yaml", "--set", script("fault: nothing"), NULL),
        cli_run("pipeline", "base.yaml", "--set", script("fault: nothing"), "--out", "outer", NULL),
        cli_run("pipeline", "o.yaml", "--set", script("fault: nothing"), "--out", "online", NULL)};
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(results[i].status, 1, "%d: exit status %d: %s", i, results[i].status, results[i].err);
        cr_expect(strstr(results[i].err, "mode \"scripted\": state: "), "%d: %s", i, results[i].err);
    }
}

/* rho steps to 2400, where f32 overflows; then half as far, by an optimizer that knows nothing of the step taken back.
 * Had it kept its velocity, that would be nearly as far as before. */
Test(scripted, after_a_divergence_the_outer_optimizer_is_the_one_before_the_step)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--precision", "f32", "--set", "hyperparameters/mtl.A=null",
                           "--set", "outer={plugin: momentum, momentum: 0.9, learning_rate: 2400, iterations: 2}",
                           "--set", script("slope: -1"), "--out", "r", NULL);
    cr_expect_eq(r.status, 0, "exit status %d: %s", r.status, r.err);
    static const double rho[] = {0.01, 2400.01, 1200.01};
    for (int i = 0; i < 3; i++) {
        const char *line = line_with("r", "\"iteration\"", i + 1);
        cr_expect_float_eq(json_number(line, "hyperparameters/mtl.rho"), rho[i], 1e-9, "%s", line);
        cr_expect_eq(json_at(line, "diverged") != NULL, i == 1, "%s", line);
    }
}

/* Momentum is declared to lie between 0 and 1; nothing else holds it. */
Test(scripted, a_tuned_hyperparameter_stays_within_its_declared_domain)
{
    static const char *const slopes[] = {"slope: -1", "slope: 1"};
    for (int i = 0; i < 2; i++) {
        const char *folder = i == 0 ? "up" : "down";
        cli_expect_done(cli_run("pipeline", "base.yaml", "--set",
                                "hyperparameters={mtl.A: null, mtl.rho: null, dynamics.momentum: 0.5}", "--set",
                                "outer={plugin: sgd, learning_rate: 7, iterations: 1}", "--set", script(slopes[i]),
                                "--out", folder, NULL));
        const char *line = line_with(folder, "\"iteration\"", 2);
        cr_expect_float_eq(json_number(line, "hyperparameters/dynamics.momentum"), i == 0, 0, "%s", line);
    }
}
