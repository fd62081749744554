/* The mode split: one trajectory, some hyperparameters by tangents and the others by an adjoint. */
#include <math.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(split, .init = cli_enter, .fini = cli_leave, .timeout = 60);

#define TUNED                                                                                \
    "hyperparameters={mtl.A: {init: 0.02, constraint: nonnegative}, mtl.rho: {init: 0.01}, " \
    "dynamics.learning_rate: {init: 0.2}, dynamics.momentum: {init: 0.5}}"
#define ENTRIES (CLASSES * CLASSES)

static const char *const numbers[] = {"mtl.rho", "dynamics.learning_rate", "dynamics.momentum"};

static const char *gradient_by(const char *mode, const char *out)
{
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", TUNED, "--set",
                            cli_format("hypergradient={mode: %s}", mode), "--out", out, NULL));
    return out;
}

static double apart(const char *a, const char *b, const char *name, int count)
{
    const double *x = cli_array(cli_format("%s/%s.npy", a, name), count);
    const double *y = cli_array(cli_format("%s/%s.npy", b, name), count);
    double off = 0, size = 0;
    for (int i = 0; i < count; i++) {
        off += (x[i] - y[i]) * (x[i] - y[i]);
        size += x[i] * x[i];
    }
    return sqrt(off / size);
}

/* However the hyperparameters are divided. */
Test(split, over_all_steps_is_reverse)
{
    static const char *const divided[] = {"split",
                                          "split, forward: [\'dynamics.*\'], reverse: [\'mtl.*\']",
                                          "split, forward: mtl.A",
                                          "split, reverse: [\'*.?ho\', \'mtl.A\']",
                                          "split, forward: \'*\'",
                                          "split, reverse: \'*\', steps_back: 15"};
    const char *exact = gradient_by("reverse", "reverse");
    for (int k = 0; k < 6; k++) {
        const char *out = gradient_by(divided[k], cli_format("s%d", k));
        cr_expect(apart(exact, out, "mtl.A", ENTRIES) < 1e-10, "%s", divided[k]);
        for (int i = 0; i < 3; i++)
            cr_expect(apart(exact, out, numbers[i], 1) < 1e-10, "%s: %s", divided[k], numbers[i]);
    }
}

/* Numbers are exact, to the bits of forward; the array is what truncated mode makes of it. */
Test(split, over_the_last_steps_only_the_array_is_truncated)
{
    const char *split = gradient_by("split, steps_back: 4", "split");
    const char *forward = gradient_by("forward", "forward"), *truncated = gradient_by("truncated, steps_back: 4", "t");
    cr_expect_eq(apart(truncated, split, "mtl.A", ENTRIES), 0);
    cr_expect_gt(apart(forward, split, "mtl.A", ENTRIES), 1e-4);
    for (int i = 0; i < 3; i++) {
        cr_expect(apart(forward, split, numbers[i], 1) < 1e-12, "%s", numbers[i]);
        cr_expect(apart(truncated, split, numbers[i], 1) > 1e-4, "%s", numbers[i]);
    }
    /* The state of the tangents, its next, Z and Z's next; the current one of the trail, two adjoints and 4 steps. */
    const double state = 2 * (FEATURES + 1) * CLASSES * 8;
    cr_expect_float_eq(json_number(cli_read("split/hypergradient.json"), "trajectory_bytes"), (2 + 6 + 7) * state, 0);
}

Test(split, goes_on_without_an_end)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", TUNED, "--set",
                            "hypergradient={mode: split, steps_back: 3}", "--set",
                            "outer={plugin: adam, learning_rate: 0.001, schedule: online, every: 5, iterations: null}",
                            "--set", "steps=unbounded", "--set", "stop={epochs: 40}", "--out", "online", NULL));
    cr_expect_neq(*cli_array("online/hyperparameters/dynamics.learning_rate.npy", 1), 0.2);
    cr_expect_neq(cli_array("online/hyperparameters/mtl.A.npy", ENTRIES)[1], 0.02);
}

/* Without lists: by what each would cost. */
Test(split, costs_decide_where_no_list_does)
{
    const char *const few = "hyperparameters={mtl.A: null, mtl.rho: null, dynamics.learning_rate: {init: 0.2}}";
    const char *const last = "hypergradient={mode: split, steps_back: 3}";
    cli_result r = cli_run("hypergradient", "base.yaml", "--set", TUNED, "--set", "hypergradient={mode: split}", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "\nsplit: all go back, ") && strstr(r.out, " MiB; forward, it would be "), "%s", r.out);
    r = cli_run("hypergradient", "base.yaml", "--set", few, "--set", "hypergradient={mode: split}", "--out", "s", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "\nsplit: all go forward, ") && strstr(r.out, " MiB; back, it would be "), "%s", r.out);
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", few, "--mode", "forward", "--out", "f", NULL));
    cr_expect_eq(apart("f", "s", "dynamics.learning_rate", 1), 0);
    cr_expect_float_eq(json_number(cli_read("s/hypergradient.json"), "trajectory_bytes"),
                       json_number(cli_read("f/hypergradient.json"), "trajectory_bytes"), 0, "no adjoint is prepared");
    /* In a run once, before anything else. */
    r = cli_run("pipeline", "base.yaml", "--set", TUNED, "--set", last, NULL);
    cli_expect_done(r);
    const char *told = strstr(r.err, "outer iteration 1: split: forward go ");
    cr_assert(told, "%s", r.err);
    cr_expect(strstr(told, " mtl.rho (") && strstr(told, "dynamics.momentum (") && strstr(told, "; back go mtl.A ("),
              "%s", told);
    cr_expect(!strstr(told + 20, "split: "), "%s", told);
    /* And where nothing that goes back needs an end of training. */
    r = cli_run("pipeline", "base.yaml", "--set", few, "--set", "hypergradient={mode: split}", "--set",
                "outer={plugin: adam, learning_rate: 0.001, schedule: online, every: 5, iterations: null}", "--set",
                "steps=unbounded", "--set", "stop={epochs: 40}", "--out", "online", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.err, "step 5: split: all go forward"), "%s", r.err);
}

static double rate_after(const char *mode)
{
    static int runs;
    const char *out = cli_format("rate%d", runs++);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", TUNED, "--set",
                            cli_format("hypergradient={mode: %s}", mode), "--set",
                            "outer={plugin: sgd, learning_rate: 0.01, schedule: online, every: 5, iterations: null, "
                            "warm_restart: true}",
                            "--set", "steps=40", "--out", out, NULL));
    return *cli_array(cli_format("%s/hyperparameters/dynamics.learning_rate.npy", out), 1);
}

/* Each update forgets what led there, on both ways. */
Test(split, forgets_as_its_parts_do)
{
    const double back = rate_after("truncated, steps_back: 12"), ahead = rate_after("forward");
    cr_expect_eq(rate_after("split, steps_back: 12, reverse: '*'"), back);
    cr_expect_float_eq(rate_after("split, steps_back: 12, forward: '*'") / ahead, 1, 1e-10);
}

static void refused(const char *mode, const char *why, const char *also)
{
    cli_result r = cli_run("hypergradient", "base.yaml", "--set", TUNED, "--set",
                           cli_format("hypergradient={mode: %s}", mode), NULL);
    cr_expect(r.status == 2 && strstr(r.err, why) && strchr(r.err, '\n') == r.err + strlen(r.err) - 1, "%s: %s", mode,
              r.err);
    cr_expect(!also || strstr(r.err, also), "%s: %s", mode, r.err);
}

Test(split, says_what_is_wrong_with_its_names)
{
    refused("split, forward: [mtl.B]",
            "--set: mode \"split\": forward: \"mtl.B\" names no hyperparameter that is tuned",
            "(tuned: dynamics.learning_rate, dynamics.momentum, mtl.A, mtl.rho)");
    refused("split, reverse: [\'dynamic.*\']", "reverse: \"dynamic.*\" names no hyperparameter", NULL);
    refused("split, forward: [\'mtl.*\'], reverse: [\'*\']", "reverse: \"mtl.A\" is named twice",
            "in forward (\"mtl.*\") and in reverse (\"*\")");
    refused("split, forward: [mtl.A, mtl.rho, mtl.A]", "forward: \"mtl.A\" is named twice", NULL);
    refused("split, forward: [mtl.A], reverse: [mtl.rho]", "\"dynamics.learning_rate\" is named in neither", NULL);
    cli_change("base.yaml", "hypergradient: {mode: reverse}", "hypergradient: {mode: split, reverse: [mtl.A, mtl.ro]}");
    cli_result r = cli_run("hypergradient", "base.yaml", NULL);
    cr_expect(r.status == 2 && strstr(r.err, "base.yaml:20:47: mode \"split\": reverse: \"mtl.ro\" names no"), "%s",
              r.err);
    r = cli_run("pipeline", "base.yaml", "--set", TUNED, "--set", "hypergradient={mode: split, reverse: mtl.A}",
                "--set", "outer={plugin: adam, learning_rate: 0.001, schedule: online, every: 5, iterations: null}",
                "--set", "steps=unbounded", "--set", "stop={epochs: 40}", "--out", "online", NULL);
    cr_expect(r.status == 2 && strstr(r.err, "steps_back: it is required when the number of steps is unbounded"), "%s",
              r.err);
}
