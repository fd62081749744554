/* Weights that never receive a gradient, but count in validation: a feature that is 0 in every training example, or a
 * bias that symmetric data leave at 0. The expected numbers are those of an independent f64 loop with central
 * differences at two step sizes. */
#include <math.h>
#include <string.h>

#include "cli_support.h"

TestSuite(still_weights, .init = cli_enter, .fini = cli_leave, .timeout = 120);

typedef struct points {
    int count, width;
    double x[10];
    int64_t y[5];
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
