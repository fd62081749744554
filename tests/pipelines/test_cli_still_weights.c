/* Weights that never receive a gradient, but count in validation: a feature that is 0 in every training example, or a
 * bias that symmetric data leave at 0. The expected numbers are those of an independent f64 loop with central
 * differences at two step sizes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"

TestSuite(still_weights, .init = cli_enter, .fini = cli_leave, .timeout = 300);

typedef struct points {
    int count, width;
    double x[22];
    int64_t y[22];
} points;

static void write_points(const char *inputs, const char *labels, const points *p)
{
    const char *form = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }";
    cli_npy(inputs, cli_format(form, "<f8", cli_format("%d, %d", p->count, p->width)), p->x,
            (size_t)(p->count * p->width) * sizeof *p->x);
    cli_npy(labels, cli_format(form, "<i8", cli_format("%d,", p->count)), p->y, (size_t)p->count * sizeof *p->y);
}

static void write_pipeline(const points *training, const points *validation)
{
    write_points("tx.npy", "ty.npy", training);
    write_points("vx.npy", "vy.npy", validation);
    cli_write("p.yaml",
              "{name: p, model: softmax, steps: 60, dynamics: adam,\n"
              " data: {train: {plugin: npy, inputs: tx.npy, labels: ty.npy},\n"
              "        validation: {plugin: npy, inputs: vx.npy, labels: vy.npy}},\n"
              " objective: [{loss: cross_entropy, reduce: mean}, {penalty: l2, name: l2}],\n"
              " validation: {loss: cross_entropy},\n"
              " hyperparameters: {l2.rho: {init: 0.1, constraint: nonnegative},\n"
              "                   dynamics.learning_rate: {init: 0.05}},\n"
              " hypergradient: {mode: reverse}, outer: {plugin: adam, learning_rate: 0.01, iterations: 3}}\n");
}

/* In both modes and precisions; NaN: that figure is not known. */
static void expect_gradient(int steps, double rho, double rate_slope, double rho_slope)
{
    static const char *const modes[] = {"reverse", "forward"}, *const precisions[] = {"f32", "f64"};
    for (int k = 0; k < 4; k++) {
        const char *out = cli_format("T%d_rho%g_%d", steps, rho, k);
        cli_expect_done(cli_run("hypergradient", "p.yaml", "--mode", modes[k / 2], "--precision", precisions[k % 2],
                                "--set", cli_format("steps=%d", steps), "--set",
                                cli_format("hyperparameters/l2.rho/init=%g", rho), "--out", out, NULL));
        double tolerance = k % 2 ? 2e-6 : 1e-3;
        double rate = *cli_array(cli_format("%s/dynamics.learning_rate.npy", out), 1);
        double own = *cli_array(cli_format("%s/l2.rho.npy", out), 1);
        if (!isnan(rate_slope))
            cr_expect_float_eq(rate, rate_slope, tolerance * fmax(1, fabs(rate_slope)), "%s: %.9g", out, rate);
        cr_expect_float_eq(own, rho_slope, tolerance * fmax(1, fabs(rho_slope)), "%s: %.9g", out, own);
    }
}

Test(still_weights, a_feature_that_only_validation_has)
{
    write_pipeline(&(points){5, 2, {1, 0, -1, 0, 2, 0, -.5, 0, .3, 0}, {0, 1, 0, 1, 1}},
                   &(points){3, 2, {1, 1, -1, .5, .2, -1}, {0, 1, 1}});
    expect_gradient(60, 0.1, 0.082092, 0.896901);
    expect_gradient(60, 1, (double)NAN, 0.0657389);
    expect_gradient(400, 0.01, (double)NAN, 7.236396);
}

/* The bias has g = m = v = 0, but a curvature: rounding noise would grow by learning_rate/epsilon in each step. */
Test(still_weights, a_bias_that_symmetric_data_leave_alone)
{
    write_pipeline(&(points){2, 1, {1, -1}, {0, 1}}, &(points){3, 1, {1, -1, .5}, {0, 1, 1}});
    expect_gradient(10, 0.01, -1.494154, 0.0112586);
    expect_gradient(30, 0.01, 2.582074, -0.366612);
    expect_gradient(100, 0.01, 0.731870, -7.620503);
}

Test(still_weights, both_at_once)
{
    write_pipeline(&(points){4, 2, {1, 0, -1, 0, 2, 0, -2, 0}, {0, 1, 0, 1}}, &(points){2, 2, {1, 1, -1, .5}, {0, 1}});
    expect_gradient(20, 0.01, -4.18315, 0.210690);
    expect_gradient(30, 0.01, -2.97004, 0.466996);
    expect_gradient(50, 0.01, -1.63739, 1.106910);
    expect_gradient(100, 0.01, -0.444167, 2.722945);
}

/* No linear model learns an exclusive or: at 0 nothing receives a gradient, whatever the hyperparameters. The adjoint
 * overflows within 20 steps, and nothing comes of it; of random initial weights, all would. */
Test(still_weights, nothing_that_ever_moves)
{
    write_pipeline(&(points){4, 2, {1, 1, -1, -1, 1, -1, -1, 1}, {0, 0, 1, 1}},
                   &(points){3, 2, {1, .5, -1, .2, .3, -1}, {0, 1, 1}});
    static const char *const dynamics[] = {"adam", "rmsprop"}, *const modes[] = {"reverse", "checkpointed"},
                             *const precisions[] = {"f32", "f64"};
    for (int k = 0; k < 8; k++) {
        const char *out = cli_format("out%d", k);
        cli_expect_done(cli_run("hypergradient", "p.yaml", "--mode", modes[k / 2 % 2], "--precision", precisions[k % 2],
                                "--set", cli_format("dynamics=%s", dynamics[k / 4]), "--set", "steps=200", "--out", out,
                                NULL));
        cr_expect_eq(*cli_array(cli_format("%s/dynamics.learning_rate.npy", out), 1), 0.0, "%s", out);
        cr_expect_eq(*cli_array(cli_format("%s/l2.rho.npy", out), 1), 0.0, "%s", out);
    }
    cli_result r = cli_run("hypergradient", "p.yaml", "--set", "steps=200", "--set",
                           "hyperparameters/model.init_scale={init: 0}", NULL);
    cr_expect(r.status == 1 && strstr(r.err, "in the derivative by w"), "%d %s", r.status, r.err);
}

/* Adam goes by the gradients' ratios: with epsilon scaled as the objective is, nothing changes. With an epsilon far
 * above every gradient it is gradient descent, whose small steps have derivatives too. */
Test(still_weights, small_gradients_are_not_noise)
{
    write_pipeline(&(points){5, 2, {1, .1, -1, .3, 2, 0, -.5, 0, .3, 0}, {0, 1, 0, 1, 1}},
                   &(points){3, 2, {1, 1, -1, .5, .2, -1}, {0, 1, 1}});
    for (int k = 0; k < 2; k++) {
        const char *plugin = k ? "rmsprop" : "adam", *out[2];
        for (int scaled = 0; scaled < 2; scaled++) {
            const double scale = scaled ? 1e-10 : 1;
            out[scaled] = cli_format("%s%d", plugin, scaled);
            cli_expect_done(cli_run(
                "hypergradient", "p.yaml", "--precision", "f64", "--set",
                cli_format("dynamics={plugin: %s, epsilon: %g}", plugin, 1e-5 * scale), "--set",
                cli_format("objective=[{loss: cross_entropy, reduce: mean, name: fit, weight: %g}, {penalty: l2, name: "
                           "l2, weight: %g}]",
                           scale, scale),
                "--out", out[scaled], NULL));
        }
        static const char *const names[] = {"dynamics.learning_rate", "l2.rho"};
        for (int i = 0; i < 2; i++) {
            const double one = *cli_array(cli_format("%s/%s.npy", out[0], names[i]), 1);
            const double other = *cli_array(cli_format("%s/%s.npy", out[1], names[i]), 1);
            cr_expect(fabs(one - other) < 1e-8 * fabs(one), "%s %s: %.12g, scaled %.12g", plugin, names[i], one, other);
        }
        static const double epsilons[] = {0, 1e-5, 1, 1e3};
        for (size_t i = 0; i < sizeof epsilons / sizeof *epsilons; i++)
            cli_expect_done(cli_run("check", "p.yaml", "--set",
                                    cli_format("dynamics={plugin: %s, epsilon: %g}", plugin, epsilons[i]), NULL));
    }
}

/* One example a step: the last feature is that of a single example, and still until its turn comes. */
Test(still_weights, a_weight_that_starts_late)
{
    write_pipeline(&(points){5, 2, {1, 0, -1, 0, 2, 0, -.5, 1, .3, 0}, {0, 1, 0, 1, 1}},
                   &(points){3, 2, {1, 1, -1, .5, .2, -1}, {0, 1, 1}});
    for (int seed = 1; seed <= 4; seed++)
        for (int k = 0; k < 2; k++)
            cli_expect_done(cli_run("check", "p.yaml", "--set", "batch=1", "--set", cli_format("seed=%d", seed),
                                    "--set", k ? "dynamics=rmsprop" : "dynamics=adam", "--set", "steps=12", NULL));
}

/* The hypergradient by `name`. */
static double slope_at(const char *name, const char *precision, const char *mode, const char *setting)
{
    static int runs;
    const char *out = cli_format("slope%d", runs++);
    cli_expect_done(cli_run("hypergradient", "p.yaml", "--precision", precision, "--mode", mode, "--set", setting,
                            "--out", out, NULL));
    return *cli_array(cli_format("%s/%s.npy", out, name), 1);
}

/* A feature that only validation has, whose weights start away from 0: next to no gradient reaches them, or none yet,
 * and Adam turns what the penalty gives into steps 1/epsilon as large. That it may be as small as rounding noise, or 0,
 * takes nothing from its slope. */
Test(still_weights, a_weight_away_from_0_is_not_still)
{
    static const char *const rhos[] = {"0", "1e-9", "1e-7", "1e-6"}, *const modes[] = {"reverse", "forward"};
    write_pipeline(&(points){5, 2, {1, 0, -1, 0, 2, 0, -.5, 0, .3, 0}, {0, 1, 0, 1, 1}},
                   &(points){3, 2, {1, 1, -1, .5, .2, -1}, {0, 1, 1}});
    cli_change("p.yaml", "model: softmax", "model: {plugin: softmax, init_scale: 0.3}");
    for (int k = 0; k < 2; k++) {
        if (k)
            cli_change("p.yaml", "dynamics: adam", "dynamics: rmsprop");
        cli_expect_done(cli_run("check", "p.yaml", "--set", "hyperparameters/l2.rho/init=1e-7", NULL));
        double first = 0;
        for (int i = 0; i < 8; i++) {
            const char *setting = cli_format("hyperparameters/l2.rho/init=%s", rhos[i / 2]), *mode = modes[i % 2];
            const double right = slope_at("l2.rho", "f64", mode, setting),
                         single = slope_at("l2.rho", "f32", mode, setting);
            first = i ? first : right;
            cr_expect(i >= 4 || fabs(right - first) < 1e-3 * fabs(first), "%s, rho %s: %.9g, at 0: %.9g", mode,
                      rhos[i / 2], right, first);
            cr_expect(fabs(right - single) < 1e-3 * fabs(right), "%s, rho %s: %.9g, in f32 %.9g", mode, rhos[i / 2],
                      right, single);
        }
    }
}

/* Nothing receives a gradient yet, since the weight of the loss is 0; the first thing to learn is that it should not
 * be. */
Test(still_weights, an_objective_of_weight_0)
{
    write_pipeline(&(points){5, 1, {1, -1, 2, -.5, .3}, {0, 1, 0, 1, 1}}, &(points){3, 1, {1, -1, .2}, {0, 1, 1}});
    cli_change("p.yaml", "loss: cross_entropy, reduce: mean", "loss: cross_entropy, name: fit, reduce: mean");
    cli_change("p.yaml", "l2.rho: {init: 0.1", "fit.weight: {init: 0");
    cli_change("p.yaml", "name: l2}", "name: l2, rho: 0}");
    cli_change("p.yaml", "steps: 60", "steps: 5");
    const double at = slope_at("fit.weight", "f64", "reverse", "seed=1"),
                 beside = slope_at("fit.weight", "f64", "reverse", "hyperparameters/fit.weight/init=1e-10");
    cr_expect(at < -1 && fabs(at - beside) < 1e-4 * fabs(beside), "%.9g, beside 0: %.9g", at, beside);
}

/* Each sum of such a gradient cancels but for rounding, which an epsilon this small makes much of: modes are apart by
 * no more than their digits say, and no derivative is wrong. */
Test(still_weights, check_goes_by_the_digits)
{
    const points training = {22,
                             1,
                             {1.4055062934521108,  1.5747474823534113,   0.842662534677133,    -0.1362824302797487,
                              -1.3051305994457212, 1.6526591903770236,   0.41846266692570094,  0.4139898185697777,
                              0.3376568083422542,  0.3652509814095732,   -0.14719388149456836, -1.4055062934521108,
                              -1.5747474823534113, -0.842662534677133,   0.1362824302797487,   1.3051305994457212,
                              -1.6526591903770236, -0.41846266692570094, -0.4139898185697777,  -0.3376568083422542,
                              -0.3652509814095732, 0.14719388149456836},
                             {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1}};
    const points validation = {7,
                               1,
                               {1.2020396952683807, -1.436100768805045, 0.007365959288823496, -1.5074360137445189,
                                -0.36219762173768816, 0.38451799194640196, 0.8687498637835231},
                               {0, 1, 2, 0, 1, 2, 0}};
    write_pipeline(&training, &validation);
    int by_digits = 0;
    for (int seed = 130; seed < 140; seed++) { /* from most weights, but the rounding of products decides */
        const cli_result r =
            cli_run("check", "p.yaml", "--set", cli_format("seed=%d", seed), "--set", "steps=5", "--set",
                    "dynamics={plugin: adam, epsilon: 1e-8}", "--set", "dynamics.learning_rate=0.001", "--set",
                    "objective/cross_entropy/weight=0.001", NULL);
        cli_expect_done(r);
        if (!strstr(r.out, "by their digits, rounding moves one of them by"))
            continue;
        cr_expect(strstr(r.out, "mode forward: hypergradient, T = 2 "), "seed %d: %s", seed, r.out);
        by_digits++;
    }
    cr_expect_gt(by_digits, 0);
}

/* A pipeline over 500 images of digits, of which many pixels are 0 that are not in the 500 of validation. */
static void write_digits(void)
{
    const char *data = getenv("HOTOOL_DATA"), *images = "train-images-idx3-ubyte.gz";
    if (!data || !cli_exists(cli_format("%s/mnist/%s", data, images)))
        cli_skip("HOTOOL_DATA has no mnist");
    cli_write("p.yaml", cli_format("{name: p, seed: 2, model: softmax, steps: 200, dynamics: adam,\n"
                                   " data: {plugin: idx, inputs: %s/mnist/%s,\n"
                                   "        labels: %s/mnist/train-labels-idx1-ubyte.gz,\n"
                                   "        split: {train: 500, validation: 500, test: 0, stratified: true}},\n"
                                   " objective: [{loss: cross_entropy, reduce: mean}, {penalty: l2, name: l2}],\n"
                                   " validation: {loss: cross_entropy},\n"
                                   " hyperparameters: {l2.rho: {init: 0.1, constraint: nonnegative},\n"
                                   "                   dynamics.learning_rate: {init: 0.02}},\n"
                                   " hypergradient: {mode: reverse}}\n",
                                   data, images, data));
}

Test(still_weights, pixels_of_digits)
{
    write_digits();
    expect_gradient(200, 0.1, -0.0172527, 3.019065);
    expect_gradient(200, 1, 0.000481377, 0.317901);
    cli_change("p.yaml", "dynamics: adam", "dynamics: rmsprop");
    expect_gradient(50, 0.01, (double)NAN, -369.9327);
}

static cli_result digits_run(const char *mode, const char *precision, int steps)
{
    return cli_run("hypergradient", "p.yaml", "--mode", mode, "--precision", precision, "--set",
                   cli_format("steps=%d", steps), "--set", "l2.rho=0.01", NULL);
}

static double digits_left(const cli_result *r)
{
    const char *line = strstr(r->out, "about ");
    cr_assert_not_null(line, "%s%s", r->out, r->err);
    return strtod(line + strlen("about "), NULL);
}

/* With a small rho Adam converges and becomes chaotic: f32 gives 12 for the slope by rho that is -470 in f64, of which
 * about six digits stand; after 1000 steps two. No tangent grows as the trajectory's rounding errors do. */
Test(still_weights, chaos_is_told_in_every_mode)
{
    write_digits();
    static const char *const modes[] = {"reverse", "forward", "checkpointed"};
    for (int m = 0; m < 3; m++) {
        cli_result r = digits_run(modes[m], "f32", 400);
        cr_expect(digits_left(&r) < 2.5 && strstr(r.err, "rounding leaves about"), "%s: %s%s", modes[m], r.out, r.err);
        r = digits_run(modes[m], "f64", 400);
        cr_expect(digits_left(&r) < 8.5 && strstr(r.err, "a change of W grows"), "%s: %s%s", modes[m], r.out, r.err);
    }
    cli_result r = digits_run("forward", "f64", 1000);
    cr_expect(digits_left(&r) < 4.5 && strstr(r.err, "a change of W grows"), "%s%s", r.out, r.err);
    r = digits_run("forward", "f64", 200);
    cr_expect(digits_left(&r) > 11 && !strstr(r.err, "grows"), "%s%s", r.out, r.err);
}
