/* Approximate modes, as a user meets them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(modes, .init = cli_enter, .fini = cli_leave, .timeout = 120);

#define ENTRIES (CLASSES * CLASSES)

static void gradient_by(const char *mode, const char *steps, const char *out)
{
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--precision", "f64", "--set",
                            cli_format("hypergradient={mode: %s}", mode), "--set", cli_format("steps=%s", steps),
                            "--out", out, NULL));
}

static bool same_bits(const char *a, const char *b)
{
    const double *A = cli_array(cli_format("%s/mtl.A.npy", a), ENTRIES);
    return memcmp(A, cli_array(cli_format("%s/mtl.A.npy", b), ENTRIES), ENTRIES * sizeof *A) == 0 &&
           *cli_array(cli_format("%s/mtl.rho.npy", a), 1) == *cli_array(cli_format("%s/mtl.rho.npy", b), 1);
}

/* Whatever reverse mode stores, and whatever is asked for beyond the trajectory. */
Test(modes, truncated_to_all_steps_is_reverse_to_the_last_bit)
{
    gradient_by("reverse, store: state", "15", "states");
    gradient_by("reverse", "15", "default");
    gradient_by("truncated, steps_back: 15", "15", "all");
    gradient_by("truncated, steps_back: 1000000", "15", "more");
    gradient_by("truncated, steps_back: 12", "15", "less");
    cr_expect(same_bits("states", "all"));
    cr_expect(same_bits("default", "all"));
    cr_expect(same_bits("more", "all"));
    cr_expect_not(same_bits("less", "all"));
    const int state = 2 * (FEATURES + 1) * CLASSES * 8;
    cr_expect_float_eq(json_number(cli_read("more/hypergradient.json"), "trajectory_bytes"), 18 * state, 0);
    cr_expect_float_eq(json_number(cli_read("less/hypergradient.json"), "trajectory_bytes"), 15 * state, 0);
}

/* Gradient descent on a strongly convex objective contracts: the same number of steps divides the error by the same
 * factor each time. */
Test(modes, truncated_errs_less_by_a_constant_factor_on_a_contraction)
{
    const char *const set = "hyperparameters={mtl.rho: 0.5}";
    double gradient[6];
    for (int k = 0; k < 6; k++) {
        const char *mode = cli_format("truncated, steps_back: %d", k == 0 ? 600 : 10 * k);
        cli_expect_done(cli_run("hypergradient", "base.yaml", "--precision", "f64", "--set", set, "--set",
                                "dynamics={plugin: sgd, learning_rate: 0.05}", "--set", "steps=600", "--set",
                                cli_format("hypergradient={mode: %s}", mode), "--out", cli_format("g%d", k), NULL));
        gradient[k] = *cli_array(cli_format("g%d/mtl.rho.npy", k), 1);
    }
    double last = NAN;
    for (int k = 1; k + 1 < 6; k++) {
        const double factor = fabs(gradient[k + 1] - gradient[0]) / fabs(gradient[k] - gradient[0]);
        cr_expect(factor > 0.0 && factor < 0.9, "%d to %d steps: %g", 10 * k, 10 * k + 10, factor);
        cr_expect(k == 1 || fabs(factor - last) < 0.1, "%d to %d steps: %g after %g", 10 * k, 10 * k + 10, factor,
                  last);
        last = factor;
    }
}

Test(modes, truncated_runs_online_in_the_memory_of_its_steps)
{
    cli_result r = cli_run("pipeline", "base.yaml", "--set", "hypergradient={mode: truncated, steps_back: 3}", NULL);
    cli_expect_done(r);
}

Test(modes, truncated_says_what_is_wrong_with_its_steps)
{
    static const struct {
        const char *mode, *why;
    } wrong[] = {{"truncated, steps_back: 0", "steps_back"},
                 {"truncated, steps_back: -3", "steps_back"},
                 {"truncated, steps_back: 2.5", "steps_back"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *set = cli_format("hypergradient={mode: %s}", wrong[i].mode);
        cli_expect_refused(wrong[i].mode, cli_run("pipeline", "base.yaml", "--set", set, NULL), wrong[i].why, NULL);
    }
}

/* ---- implicit ---------------------------------------------------------------------------------------------------- */

static const char strongly_convex[] =
    "{name: c, seed: 1, precision: f64, model: {plugin: softmax}, steps: 1500,\n"
    " dynamics: {plugin: sgd, learning_rate: 0.2},\n"
    " data: {train: {plugin: npy, inputs: tx.npy, labels: ty.npy},\n"
    "        validation: {plugin: npy, inputs: vx.npy, labels: vy.npy}},\n"
    " objective: [{loss: cross_entropy, reduce: mean, weights: per_example}, {penalty: l2, name: l2}],\n"
    " validation: {loss: cross_entropy, name: validation},\n"
    " hyperparameters: {l2.rho: 0.1, cross_entropy.weights: 1.0},\n"
    " hypergradient: {mode: reverse}, outer: {plugin: adam, learning_rate: 0.01, iterations: 3}}\n";

#define TRAIN 60

static void write_convex(void)
{
    cli_npy_blobs("tx.npy", "ty.npy", 0, TRAIN);
    cli_npy_blobs("vx.npy", "vy.npy", TRAIN, TRAIN);
    cli_write("c.yaml", strongly_convex);
}

/* The same examples with a real target: ridge regression. */
static void write_ridge(void)
{
    double target[2 * TRAIN];
    for (int i = 0; i < 2 * TRAIN; i++)
        target[i] = cli_blob(i, 0) - 0.5 * cli_blob(i, 1) + 0.3 * sin(i);
    const char *header = cli_format("{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }", TRAIN);
    cli_npy("ty.npy", header, target, TRAIN * sizeof *target);
    cli_npy("vy.npy", header, target + TRAIN, TRAIN * sizeof *target);
    cli_change("c.yaml", "labels: ty.npy", "target: ty.npy");
    cli_change("c.yaml", "labels: vy.npy", "target: vy.npy");
    cli_change("c.yaml", "{loss: cross_entropy, reduce: mean,",
               "{loss: squared_error, name: cross_entropy, reduce: mean,");
    cli_change("c.yaml", "validation: {loss: cross_entropy,", "validation: {loss: squared_error,");
}

static cli_result convex(const char *dynamics, const char *steps, const char *mode, const char *out)
{
    return cli_run("hypergradient", "c.yaml", "--set", cli_format("dynamics={plugin: %s}", dynamics), "--set",
                   cli_format("steps=%s", steps), "--set", cli_format("hypergradient={mode: %s}", mode), "--out", out,
                   NULL);
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

/* Trained until a step moves the state by 1e-10 of its norm. */
static void expect_reverse_by_every_solver(void)
{
    static const char *const dynamics[] = {"sgd, learning_rate: 0.2", "momentum, learning_rate: 0.05, momentum: 0.8"};
    static const char *const solvers[] = {"cg",    "neumann, iterations: 1500",  "fixed_point, iterations: 1500",
                                          "gmres", "bicgstab, iterations: 1500", "gmres, restart: 7, iterations: 1500"};
    for (int d = 0; d < 2; d++) {
        const char *exact = d ? "m" : "s";
        cli_expect_done(convex(dynamics[d], "1500", "reverse", exact));
        for (int k = d; k < 6; k++) {
            const char *out = cli_format("%s%d", exact, k);
            cli_result r =
                convex(dynamics[d], "1500", cli_format("implicit, tolerance: 1e-10, solver: %s", solvers[k]), out);
            cli_expect_done(r);
            const char *moves = strstr(r.out, "||Phi(s) - s|| is ");
            cr_assert(moves, "%s", r.out);
            cr_expect_lt(strtod(moves + strlen("||Phi(s) - s|| is "), NULL), 1e-10, "%s", r.out);
            cr_expect_not(strstr(r.err, "warning"), "%s %s", solvers[k], r.err);
            const double rho = apart(exact, out, "l2.rho", 1),
                         weights = apart(exact, out, "cross_entropy.weights", TRAIN);
            cr_expect(rho < 1e-6 && weights < 1e-6, "%s, %s: %g, %g", dynamics[d], solvers[k], rho, weights);
        }
    }
}

Test(modes, implicit_is_reverse_where_training_has_converged)
{
    write_convex();
    expect_reverse_by_every_solver();
}

Test(modes, implicit_is_reverse_on_ridge_regression)
{
    write_convex();
    write_ridge();
    expect_reverse_by_every_solver();
}

/* The state of momentum has a slot: its Jacobian is not symmetric. */
Test(modes, implicit_refuses_cg_where_it_would_be_wrong)
{
    static const char *const dynamics[] = {"momentum, learning_rate: 0.05, momentum: 0.8", "adam, learning_rate: 0.05",
                                           "rmsprop, learning_rate: 0.01"};
    write_convex();
    for (int d = 0; d < 3; d++) {
        cli_result r = convex(dynamics[d], "200", "implicit, solver: cg", cli_format("out%d", d));
        cr_expect_eq(r.status, 2, "%s", r.out);
        cr_expect(strstr(r.err, "--set: mode \"implicit\": solver: cg needs a symmetric Jacobian") &&
                      strstr(r.err, "use solver gmres"),
                  "%s", r.err);
    }
}

Test(modes, implicit_warns_of_what_it_has_not_solved_and_of_training_far_from_its_end)
{
    static const char *const solvers[] = {"cg", "neumann", "fixed_point", "bicgstab", "gmres"};
    write_convex();
    for (int k = 0; k < 5; k++) {
        cli_result r = convex("sgd, learning_rate: 0.2", "1500",
                              cli_format("implicit, iterations: 3, solver: %s", solvers[k]), cli_format("few%d", k));
        cr_expect_eq(r.status, 0, "%s", r.err);
        cr_expect(strstr(r.err, cli_format("warning: implicit: %s has not converged: the residual", solvers[k])), "%s",
                  r.err);
        cr_expect_not(strstr(r.err, "not near"), "%s", r.err);
    }
    cli_result r = convex("sgd, learning_rate: 0.2", "5", "implicit", "far");
    cr_expect(r.status == 0 && strstr(r.err, "warning: implicit: the training is not near a fixed point"), "%s", r.err);
    /* Once in a run. */
    r = cli_run("pipeline", "c.yaml", "--set", "steps=5", "--mode", "implicit", NULL);
    cli_expect_done(r);
    const char *told = strstr(r.err, "outer iteration 1: implicit: the training is not near a fixed point");
    cr_expect(told && !strstr(told + 20, "outer iteration 2: implicit") &&
                  !strstr(told + 20, "outer iteration 3: implicit"),
              "%s", r.err);
}

Test(modes, implicit_refuses_minibatches)
{
    write_convex();
    cli_result r = cli_run("hypergradient", "c.yaml", "--set", "batch=8", "--mode", "implicit", NULL);
    cr_expect(r.status == 2 && strstr(r.err, "a minibatch of 8 examples") && strstr(r.err, "batch: full"), "%s", r.err);
    r = cli_run("check", "c.yaml", "--set", "batch=8", "--set", "steps=20", NULL);
    cli_expect_done(r);
}

Test(modes, implicit_says_how_it_went_in_a_check)
{
    write_convex();
    cli_result r = cli_run("check", "c.yaml", "--set", "steps=100", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "mode implicit: hypergradient, distance") && strstr(r.out, "the adjoint equation holds to"),
              "%s", r.out);
}
