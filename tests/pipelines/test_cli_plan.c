/* `hotool plan`, and the mode `auto`. */
#include "cli_support.h"
#include "json_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

TestSuite(plan, .init = cli_enter, .fini = cli_leave, .timeout = 120);

#define STATE ((double)(2 * (FEATURES + 1) * CLASSES * 8)) /* bytes: weights and velocities */

/* The number that follows `label`. */
static double number_after(const char *text, const char *label)
{
    const char *at = strstr(text, label);
    cr_assert(at, "no \"%s\" in %s", label, text);
    return strtod(at + strlen(label), NULL);
}

/* Columns of a mode's row: seconds, trainings, its own MiB, the process's MiB. */
static void row_of(const char *out, const char *mode, double columns[4])
{
    const char *row = strstr(out, cli_format(" %-16s ", mode));
    cr_assert(row, "no row of %s in %s", mode, out);
    cr_assert_eq(sscanf(row + 17, "%lf %lf %lf %lf", &columns[0], &columns[1], &columns[2], &columns[3]), 4, "%s", row);
}

Test(plan, prints_sizes_and_a_row_for_each_mode)
{
    const cli_result r = cli_run("plan", "base.yaml", "--set", "steps=40", NULL);
    cli_expect_done(r);
    cr_expect_float_eq(number_after(r.out, "weights "), (FEATURES + 1) * CLASSES, 0, "%s", r.out);
    cr_expect_float_eq(number_after(r.out, "steps T "), 40, 0);
    /* A is symmetric with a zero diagonal. */
    cr_expect(strstr(r.out, cli_format("%d entries, %d free directions", CLASSES * CLASSES + 1,
                                       CLASSES * (CLASSES - 1) / 2 + 1)),
              "%s", r.out);
    cr_expect(strstr(r.out, "2 times the weights, in f64"), "%s", r.out);
    double forward[4], reverse[4], checkpointed[4];
    row_of(r.out, "forward", forward);
    row_of(r.out, "reverse", reverse);
    row_of(r.out, "checkpointed", checkpointed);
    /* Forward mode: seven tangents beside the step. Two columns of bytes that are known: T + 1 states, and 32. */
    cr_expect_geq(forward[1], 1.0);
    cr_expect(reverse[1] > 1.0 && checkpointed[1] > 1.0);
    cr_expect_geq(reverse[2], 41 * STATE / 0x1p20);
    cr_expect_geq(checkpointed[2], 32 * STATE / 0x1p20);
    cr_expect_leq(checkpointed[2], reverse[2]);
    cr_expect(forward[3] > forward[2] && reverse[3] > reverse[2]);
    cr_expect_not(cli_exists("runs"));
}

Test(plan, is_refused_where_there_is_nothing_to_plan)
{
    cli_change("base.yaml", "  mtl.A: {init: 0.0, constraint: nonnegative}\n  mtl.rho: {init: 0.01}\n", "");
    cli_change("base.yaml", "hyperparameters:\n", "hyperparameters: {}\n");
    cli_change("base.yaml", "outer: {plugin: adam, learning_rate: 0.01, iterations: 5}\n", "");
    const cli_result r = cli_run("plan", "base.yaml", NULL);
    cr_expect(r.status == 2 && strstr(r.err, "no hyperparameter is tuned"), "%d %s", r.status, r.err);
}

Test(plan, takes_unbounded_steps_as_a_thousand_updates)
{
    cli_change("base.yaml", "steps: 15", "steps: unbounded");
    cli_change("base.yaml", "iterations: 5", "schedule: online, every: 3");
    cli_change("base.yaml", "hypergradient: {mode: reverse}\n", "stop: {epochs: 5}\n");
    const cli_result r = cli_run("plan", "base.yaml", NULL);
    cli_expect_done(r);
    cr_expect_float_eq(number_after(r.out, "steps T "), 3000, 0, "%s", r.out);
    cr_expect_float_eq(number_after(r.out, "hypergradients "), 1000, 0, "%s", r.out);
    /* Going all the way back again and again is dear, although it is one adjoint and not seven tangents. */
    cr_expect(strstr(r.out, "* forward "), "%s", r.out);
}

/* Inputs so wide that what a hypergradient holds outweighs the rest of the process. */
static void write_wide(int width)
{
    double *x = malloc(sizeof *x * (size_t)width * 12);
    int64_t y[12];
    for (int i = 0; i < 12 * width; i++)
        x[i] = (i * 7919 % 1009) / 1009.0 - 0.5;
    for (int i = 0; i < 12; i++)
        y[i] = i % CLASSES;
    cli_npy("wide.npy", cli_format("{'descr': '<f8', 'fortran_order': False, 'shape': (12, %d), }", width), x,
            sizeof *x * (size_t)width * 12);
    cli_npy("few.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (12,), }", y, sizeof y);
    cli_change("base.yaml", "inputs: x.npy", "inputs: wide.npy");
    cli_change("base.yaml", "labels: y.npy", "labels: few.npy");
    cli_change("base.yaml", "train: 40, validation: 40", "train: 4, validation: 4");
    cli_change("base.yaml", "steps: 15", "steps: 60");
    free(x);
}

/* The hypergradient comes first, so that it is the largest child so far: each mode has a test, and with it a process,
 * of its own. */
static void expect_memory(const char *mode, int width)
{
#ifdef __SANITIZE_ADDRESS__
    cli_skip("memory of a process under ASan is not its own");
#endif
    write_wide(width);
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--mode", mode, NULL));
    struct rusage children;
    cr_assert_eq(getrusage(RUSAGE_CHILDREN, &children), 0);
    const double measured = (double)children.ru_maxrss / 1024.0;
    const cli_result r = cli_run("plan", "base.yaml", NULL);
    cli_expect_done(r);
    double row[4];
    row_of(r.out, mode, row);
    cr_expect(row[3] > 0.75 * measured && row[3] < 1.25 * measured, "%s: %g MiB expected, %g MiB measured", mode,
              row[3], measured);
    /* Most of it is what the mode holds, so that it is this which is tested. */
    cr_expect(strcmp(mode, "reverse") != 0 || row[2] > 0.5 * measured, "%g of %g MiB", row[2], measured);
}

Test(plan, tells_the_memory_of_reverse_mode)
{
    expect_memory("reverse", 20000); /* 3 MiB a state, 60 steps */
}

Test(plan, tells_the_memory_of_checkpointed_mode)
{
    expect_memory("checkpointed", 20000);
}

Test(plan, tells_the_memory_of_forward_mode)
{
    /* With one tangent, what is beside the mode takes as much as it. */
    cli_change("base.yaml", "  mtl.A: {init: 0.0, constraint: nonnegative}\n", "");
    expect_memory("forward", 100000);
}

/* ---- auto -------------------------------------------------------------------------------------------------------- */

static void expect_mode(const char *what, cli_result r, const char *mode)
{
    cli_expect_done(r);
    cr_expect(strstr(r.out, cli_format("blobs: mode %s, ", mode)), "%s: expected %s in %s", what, mode, r.out);
}

Test(plan, automatic_mode_goes_by_time_and_memory)
{
    cli_change("base.yaml", "hypergradient: {mode: reverse}\n", "");
    expect_mode("the default", cli_run("hypergradient", "base.yaml", "--out", "g", NULL), "reverse");
    cr_expect(strstr(cli_read("g/hypergradient.json"), "\"mode\": \"reverse\""));
    const char *plan = cli_run("plan", "base.yaml", "--set", "steps=2000", NULL).out;
    double reverse[4];
    row_of(plan, "reverse", reverse);
    /* Just less than reverse mode needs: first it does without residuals. */
    const char *set = cli_format("hypergradient={mode: auto, memory: %.0f}", 0.98 * reverse[2] * 0x1p20);
    expect_mode("a budget", cli_run("hypergradient", "base.yaml", "--set", "steps=2000", "--set", set, NULL),
                "reverse");
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", "steps=2000", "--set",
                            "hypergradient={mode: reverse, store: state}", "--out", "states", NULL));
    set = cli_format("hypergradient={mode: auto, memory: %.0f}",
                     json_number(cli_read("states/hypergradient.json"), "trajectory_bytes"));
    expect_mode("a smaller budget", cli_run("hypergradient", "base.yaml", "--set", "steps=2000", "--set", set, NULL),
                "checkpointed");
    cli_change("base.yaml", "  mtl.A: {init: 0.0, constraint: nonnegative}\n", "");
    expect_mode("one hyperparameter, by name", cli_run("hypergradient", "base.yaml", "--mode", "auto", NULL),
                "forward");
    expect_mode("a whole run", cli_run("pipeline", "base.yaml", "--out", "r", NULL), "forward");
    cr_expect(strstr(cli_read("r/result.json"), "\"mode\": \"forward\""));
}

Test(plan, automatic_mode_is_checked)
{
    cli_change("base.yaml", "{mode: reverse}", "{mode: auto, memory: 100}");
    const cli_result r = cli_run("hypergradient", "base.yaml", NULL);
    cr_expect(r.status == 2 && strstr(r.err, "base.yaml:20:16: no mode fits") && strstr(r.err, "the least is"), "%d %s",
              r.status, r.err);
    static const char *const cases[][2] = {
        {"{mode: auto, memory: much}", "base.yaml:20:37: memory: \"much\" is not an amount of memory"},
        {"{mode: auto, memory: 0}", "base.yaml:20:37: memory: expected at least one byte, got 0"},
        {"{mode: auto, slots: 3}", "unknown key \"slots\" in the mode \"auto\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_change("base.yaml", i ? cases[i - 1][0] : "{mode: auto, memory: 100}", cases[i][0]);
        cli_expect_refused(cases[i][0], cli_run("hypergradient", "base.yaml", NULL), cases[i][1], NULL);
    }
}

/* ---- --profile --------------------------------------------------------------------------------------------------- */

Test(plan, a_profile_names_plugin_calls)
{
    const cli_result r = cli_run("pipeline", "base.yaml", "--profile", "--quiet", "--out", "p", NULL);
    cli_expect_done(r);
    const char *table = strstr(r.out, "profile: ");
    cr_assert(table, "%s", r.out);
    cr_expect(strstr(table, "VJP") && strstr(table, "softmax, softmax.c:"), "%s", table);
    cr_expect(strstr(table, "p/profile.folded"), "%s", table);
    const char *stacks = cli_read("p/profile.folded");
    cr_expect(strstr(stacks, "step;softmax;softmax.c:") && strstr(stacks, "step;momentum;momentum.c:"), "%s", stacks);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--quiet", "--out", "q", NULL));
    cr_expect_not(cli_exists("q/profile.folded"));
    /* It measures, and changes nothing. */
    cr_expect_eq(memcmp(cli_array("p/weights/W.npy", FEATURES * CLASSES),
                        cli_array("q/weights/W.npy", FEATURES * CLASSES), FEATURES * CLASSES * sizeof(double)),
                 0);
}
