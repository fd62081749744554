/* `hotool check`: what is wrong is FAILED, and nothing else is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"

static const char pipeline[] =
    "{name: c, seed: 1, precision: f32, model: {plugin: softmax}, steps: 60, dynamics: {plugin: adam},\n"
    " data: {train: {plugin: npy, inputs: tx.npy, labels: ty.npy},\n"
    "        validation: {plugin: npy, inputs: vx.npy, labels: vy.npy}},\n"
    " objective: [{loss: cross_entropy, reduce: mean}, {penalty: l2, name: l2}],\n"
    " validation: {loss: cross_entropy, name: validation},\n"
    " hyperparameters: {},\n"
    " hypergradient: {mode: reverse}, outer: {plugin: adam, learning_rate: 0.01, iterations: 3}}\n";

static void enter(void)
{
    cli_enter();
    cli_npy_blobs("tx.npy", "ty.npy", 0, 60);
    cli_npy_blobs("vx.npy", "vy.npy", 60, 60);
    cli_write("c.yaml", pipeline);
}

TestSuite(check, .init = enter, .fini = cli_leave, .timeout = 120);

/* The line of `out` that begins like that, from its first word on; fails the test where there is none. */
static const char *line_of(const char *out, const char *begins)
{
    const char *at = strstr(out, begins);
    cr_assert(at, "no line \"%s\" in: %s", begins, out);
    return cli_format("%.*s", (int)strcspn(at, "\n"), at);
}

static bool ends_with(const char *line, const char *word)
{
    const size_t length = strlen(line), own = strlen(word);
    return length > own && strcmp(line + length - own, word) == 0 && line[length - own - 1] == ' ';
}

/* The file of a plugin made for these tests. */
static const char *plugin(const char *name)
{
    return cli_format("%s/%s.so", cli_environment("HOTOOL_PIPELINE_PLUGINS"), name);
}

/* Points that ask something of the differences, all right: none may be FAILED. `verdict`: of the line on `name`. */
typedef struct point {
    const char *name, *value; /* the one hyperparameter that is tuned, beside the learning rate */
    const char *verdict;
    int steps;
    const char *set; /* something else, or NULL */
} point;

static const point points[] = {
    /* Close to the end of the domain, and at it. */
    {"dynamics.beta2", "0.999", "ok", 60, NULL},
    {"dynamics.beta2", "0.9999", "ok", 60, NULL},
    {"dynamics.beta2", "0.99999", "ok", 60, NULL},
    {"dynamics.beta2", "0.999998", "ok", 60, NULL},
    {"dynamics.beta2", "0.999999", "ok", 60, NULL},
    {"dynamics.beta1", "0.9999", "ok", 20, NULL},
    {"dynamics.beta1", "0.999999", "ok", 20, NULL},
    {"dynamics.beta1", "0", "ok", 20, NULL},
    {"dynamics.beta1", "1.0e-9", "ok", 20, NULL},
    {"dynamics.decay", "0.9999", "ok", 20, "dynamics=rmsprop"},
    {"dynamics.decay", "0.999999", "kinks", 20, "dynamics=rmsprop"}, /* steps a thousand times as large */
    {"dynamics.momentum", "0", "ok", 20, "dynamics=momentum"},
    {"dynamics.momentum", "1", "ok", 20, "dynamics=momentum"},
    {"dynamics.momentum", "0.9999999", "ok", 20, "dynamics=momentum"},
    {"dynamics.momentum", "1.0e-7", "ok", 20, "dynamics=momentum"},
    {"l2.rho", "0", "ok", 60, NULL},
    {"l2.weight", "0", "ok", 20, NULL},
    {"dynamics.learning_rate", "0", "ok", 20, NULL},
    {"dynamics.learning_rate", "0", "ok", 20, "dynamics=sgd"},
    {"model.temperature", "1.0e-12", "ok", 5, "dynamics={plugin: sgd, learning_rate: 1.0e-26}"},
    /* Tiny and large. */
    {"l2.rho", "1.0e-6", "ok", 60, NULL},
    {"l2.rho", "1.0e-10", "ok", 60, NULL},
    {"l2.rho", "1.0e-14", "ok", 60, NULL},
    {"l2.rho", "1.0e-300", "ok", 60, NULL},
    {"l2.rho", "1.0e+8", "noise", 20, NULL},
    {"dynamics.learning_rate", "1.0e-9", "ok", 20, NULL},
    {"dynamics.learning_rate", "1.0e+3", "ok", 20, NULL},
    {"model.temperature", "1.0e+6", "noise", 5, NULL},
    {"model.init_scale", "1.0e-8", "ok", 20, "dynamics=sgd"},
    {"cross_entropy.weight", "1.0e-12", "ok", 5, NULL},
    {"dynamics.learning_rate", "0.05", "ok", 30, "dynamics={plugin: adam, epsilon: 1.0e-12}"},
    {"dynamics.learning_rate", "0.05", "ok", 30, "dynamics={plugin: adam, epsilon: 1.0e-20}"},
    {"dynamics.learning_rate", "0.05", "ok", 30, "dynamics={plugin: adam, epsilon: 0}"},
    /* What has no effect: 0, or rounding noise against 0; the first is the one or the other by its last bits. */
    {"dynamics.beta1", "0.9", "ok or noise", 1, NULL},
    {"dynamics.beta1", "0.3", "noise", 1, NULL},
    {"dynamics.momentum", "0.9", "ok", 1, "dynamics=momentum"},
    {"l2.rho", "0.1", "ok", 1, NULL},
    {"l2.rho", "0.1", "ok", 20, "objective=[{loss: cross_entropy}, {penalty: l2, name: l2, weight: 0}]"},
    {"model.init_scale", "0", "ok", 20, "dynamics=sgd"},
    /* Biases of classes of the same size start to receive a gradient just there. */
    {"model.init_scale", "0", "ok", 20, NULL},
    {"cross_entropy.weight", "0", "ok", 5, NULL},
    /* Steps so large that training is chaotic. */
    {"dynamics.learning_rate", "0.5", "unstable", 200, "dynamics=rmsprop"},
    {"dynamics.beta2", "0", "unstable", 20, NULL},
};

Test(check, nothing_right_is_failed)
{
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        const point *p = &points[i];
        const bool rate = strcmp(p->name, "dynamics.learning_rate") == 0;
        const char *what = cli_format("%s = %s, T = %d, %s", p->name, p->value, p->steps, p->set ? p->set : "");
        cli_result r = cli_run(
            "check", "c.yaml", "--set", cli_format("steps=%d", p->steps), "--set",
            cli_format("hyperparameters={%s%s: {init: %s}}",
                       rate || (p->set && strstr(p->set, "1.0e-26")) ? "" : "dynamics.learning_rate: {init: 0.05}, ",
                       p->name, p->value),
            "--set", p->set ? p->set : "seed=1", NULL);
        cr_expect_eq(r.status, 0, "%s: exit status %d: %s%s", what, r.status, r.out, r.err);
        cr_expect_not(strstr(r.out, "FAILED"), "%s: %s", what, r.out);
        const char *line = line_of(r.out, cli_format("central differences: %s", p->name));
        const bool either = strcmp(p->verdict, "ok or noise") == 0;
        cr_expect(either ? ends_with(line, "ok") || ends_with(line, "noise") : ends_with(line, p->verdict),
                  "%s, not %s: %s", what, p->verdict, r.out);
        if (strcmp(p->verdict, "unstable") == 0 || strcmp(p->verdict, "kinks") == 0) {
            /* And judged elsewhere. */
            line = strstr(strstr(r.out, line) + strlen(line), cli_format("central differences: %s", p->name));
            cr_expect(line && ends_with(cli_format("%.*s", (int)strcspn(line, "\n"), line), "ok"), "%s: %s", what,
                      r.out);
        }
    }
}

/* Wrong derivatives are found where training is calm and where it is chaotic, where differences are noise, and where
 * they begin after many steps. */
Test(check, a_wrong_derivative_never_hides)
{
    static const char *const faults[] = {"scale", "sign", "rate", "late"};
    static const char *const rates[] = {"0.05", "2", "1.0e-9", "30"};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++) {
            cli_result r = cli_run(
                "check", "c.yaml", "--set",
                cli_format("dynamics={plugin: wrong, path: %s, fault: %s}", plugin("wrong_dynamics"), faults[i]),
                "--set", cli_format("hyperparameters={dynamics.learning_rate: %s, l2.rho: 0.1}", rates[k]), "--set",
                "steps=120", NULL);
            cr_expect_eq(r.status, 1, "%s, %s: %s%s", faults[i], rates[k], r.out, r.err);
            cr_expect(strstr(r.out, "FAILED"), "%s, %s: %s", faults[i], rates[k], r.out);
            cr_expect(k > 0 || ends_with(line_of(r.out, " steps: differences"), "FAILED"), "%s: %s", faults[i], r.out);
        }
}

/* One entry of several, of a plugin that is right otherwise. */
Test(check, one_wrong_entry_is_found)
{
    cli_result r = cli_run("check", "c.yaml", "--set",
                           cli_format("objective=[{loss: cross_entropy, reduce: mean}, {penalty: wrong_l2, path: %s}]",
                                      plugin("wrong_penalty")),
                           "--set", "hyperparameters={wrong_l2.rho: {init: 0.01}}", NULL);
    cr_expect_eq(r.status, 1, "%s%s", r.out, r.err);
    cr_expect(ends_with(line_of(r.out, "central differences: wrong_l2.rho"), "FAILED"), "%s", r.out);
    cr_expect(ends_with(line_of(r.out, "mode forward: hypergradient"), "ok"), "%s", r.out);
}

/* Exact modes are held to 1e-10, also where they can be only after fewer steps. */
Test(check, a_mode_that_is_off_by_a_millionth_is_found)
{
    static const char *const rates[] = {"0.05", "0.5"}; /* calm, chaotic */
    for (int k = 0; k < 2; k++) {
        cli_result r =
            cli_run("check", "c.yaml", "--set",
                    cli_format("hypergradient={mode: doubled, path: %s, factor: 1.000001}", plugin("doubled_mode")),
                    "--set", cli_format("hyperparameters={dynamics.learning_rate: %s, l2.rho: 0.1}", rates[k]), "--set",
                    "steps=200", NULL);
        cr_expect_eq(r.status, 1, "%s%s", r.out, r.err);
        cr_expect(ends_with(line_of(r.out, "mode reverse: hypergradient"), "FAILED"), "%s", r.out);
    }
}

/* A mode that is not exact and says so is measured; it may be the pipeline's own. */
Test(check, an_approximate_mode_is_measured_and_not_held_to_exactness)
{
    const char *const tuned = "hyperparameters={dynamics.learning_rate: 0.05, l2.rho: 0.1}";
    const char *own = cli_format("hypergradient={mode: short_sighted, path: %s, steps: 10}", plugin("truncated_mode"));
    cli_result r = cli_run("check", "c.yaml", "--set", tuned, "--set", own, NULL);
    cli_expect_done(r);
    const char *line = line_of(r.out, "mode short_sighted: hypergradient, distance");
    cr_expect(ends_with(line, "approximate"), "%s", r.out);
    const double off = strtod(line + strlen("mode short_sighted: hypergradient, distance"), NULL);
    cr_expect(off > 1e-3 && off < 0.5, "%s", line);
    cr_expect(strstr(r.out, " degrees from the exact hypergradient, "), "%s", r.out);
    cr_expect(ends_with(line_of(r.out, "central differences: l2.rho"), "ok"), "%s", r.out);
    /* Over all steps it is exact. */
    own = cli_format("hypergradient={mode: short_sighted, path: %s, steps: 60}", plugin("truncated_mode"));
    r = cli_run("check", "c.yaml", "--set", tuned, "--set", own, NULL);
    cli_expect_done(r);
    cr_expect_lt(strtod(line_of(r.out, "distance") + strlen("distance"), NULL), 1e-14, "%s", r.out);
    /* And so for one that happens to be installed. */
    setenv("HOTOOL_PLUGIN_PATH", cli_format("%s:%s", cli_environment("HOTOOL_PLUGIN_PATH"), "own"), 1);
    cli_write("own.sh", cli_format("mkdir own && cp %s own/", plugin("truncated_mode")));
    cr_assert_eq(system("sh own.sh"), 0);
    r = cli_run("check", "c.yaml", "--set", tuned, NULL);
    cli_expect_done(r);
    cr_expect(ends_with(line_of(r.out, "mode short_sighted: hypergradient, distance"), "approximate"), "%s", r.out);
    r = cli_run("plugins", "short_sighted", NULL);
    cr_expect(strstr(r.out, "approximate"), "%s", r.out);
    r = cli_run("plan", "c.yaml", "--set", tuned, NULL);
    cli_expect_done(r);
    cr_expect(!strstr(r.out, "short_sighted"), "auto does not choose an approximate mode: %s", r.out);
}

/* Symmetric matrices with a zero diagonal, at their bound: directions point inwards, in pairs. */
Test(check, matrices_at_their_bound)
{
    cli_expect_done(cli_run("check", "base.yaml", NULL));
    cli_result r =
        cli_run("check", "base.yaml", "--set", "hyperparameters/mtl.A/init=1.0e-9", "--set", "steps=40", NULL);
    cli_expect_done(r);
    cr_expect(ends_with(line_of(r.out, "central differences: mtl.A"), "ok"), "%s", r.out);
}
