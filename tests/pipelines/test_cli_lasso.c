/* The lasso, trained by proximal steps that the pipeline writes down: its hypergradient by the penalty, from the fixed
 * point, is that of the closed form on the support. */
#include <math.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(lasso, .init = cli_enter, .fini = cli_leave, .timeout = 60);

enum { TRAIN = 40, CHECKED = 30, D = 8 };
#define L1 0.4

static double inputs[TRAIN + CHECKED][D], targets[TRAIN + CHECKED];

static void make_data(void)
{
    static const double w[D] = {1.5, -2, 0, 0.1, 0.7, 0, 0, -0.05};
    for (int i = 0; i < TRAIN + CHECKED; i++) {
        targets[i] = 0.3 * sin(5.3 * i * i);
        for (int f = 0; f < D; f++) {
            inputs[i][f] = 1.3 * sin(1.7 * i * (f + 1) + 0.9 * f * f);
            targets[i] += w[f] * inputs[i][f];
        }
    }
    const char *header = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }";
    cli_npy("tx.npy", cli_format(header, TRAIN, D), inputs, sizeof inputs[0] * TRAIN);
    cli_npy("ty.npy", cli_format(header, TRAIN, 1), targets, sizeof targets[0] * TRAIN);
    cli_npy("vx.npy", cli_format(header, CHECKED, D), inputs[TRAIN], sizeof inputs[0] * CHECKED);
    cli_npy("vy.npy", cli_format(header, CHECKED, 1), targets + TRAIN, sizeof targets[0] * CHECKED);
    cli_write("lasso.yaml",
              cli_format("{name: lasso, seed: 1, precision: f64, model: {plugin: softmax, bias: false}, steps: 3000,\n"
                         " data: {train: {plugin: npy, inputs: tx.npy, target: ty.npy},\n"
                         "        validation: {plugin: npy, inputs: vx.npy, target: vy.npy}},\n"
                         " objective: [{loss: squared_error, reduce: mean}], validation: {loss: squared_error},\n"
                         " dynamics: {plugin: formula, hyperparameters: {rate: {default: 0.1, domain: nonnegative},\n"
                         "                                               l1: {default: %g, domain: nonnegative}},\n"
                         "   formulas: \"z = w - rate*g\\nw = sign(z)*max(abs(z) - rate*l1, 0)\\n\"},\n"
                         " hyperparameters: {dynamics.l1: %g}, hypergradient: {mode: reverse},\n"
                         " outer: {plugin: adam, learning_rate: 0.01, iterations: 3}}\n",
                         L1, L1));
}

/* The least of (1/n) ||X w - y||^2 + L1 |w|, coordinate by coordinate. */
static void solve(double w[D])
{
    for (int round = 0; round < 4000; round++)
        for (int j = 0; j < D; j++) {
            double square = 0, along = 0;
            for (int i = 0; i < TRAIN; i++) {
                double rest = targets[i];
                for (int f = 0; f < D; f++)
                    rest -= f == j ? 0 : w[f] * inputs[i][f];
                square += inputs[i][j] * inputs[i][j] / TRAIN;
                along += inputs[i][j] * rest / TRAIN;
            }
            w[j] = copysign(fmax(fabs(along) - L1 / 2, 0), along) / square;
        }
}

/* dw/dL1 on the support: -(2/n X'X)^-1 sign(w), by elimination. */
static void slope(const double w[D], double by[D])
{
    double h[D][D + 1];
    for (int j = 0; j < D; j++) {
        for (int k = 0; k < D; k++) {
            h[j][k] = w[j] == 0 || w[k] == 0 ? (j == k) : 0;
            for (int i = 0; w[j] != 0 && w[k] != 0 && i < TRAIN; i++)
                h[j][k] += 2 * inputs[i][j] * inputs[i][k] / TRAIN;
        }
        h[j][D] = w[j] == 0 ? 0 : -copysign(1, w[j]);
    }
    for (int p = 0; p < D; p++) /* positive definite: no pivots */
        for (int j = 0; j < D; j++) {
            const double share = j == p ? 0 : h[j][p] / h[p][p];
            for (int k = p; k <= D; k++)
                h[j][k] -= share * h[p][k];
        }
    for (int j = 0; j < D; j++)
        by[j] = h[j][D] / h[j][j];
}

Test(lasso, implicit_is_the_closed_form_on_the_support)
{
    static const char *const modes[] = {"implicit", "implicit, solver: bicgstab",
                                        "implicit, solver: fixed_point, iterations: 2000"};
    double w[D] = {0}, by[D], error = 0, gradient = 0;
    int support = 0;
    make_data();
    solve(w);
    slope(w, by);
    for (int i = TRAIN; i < TRAIN + CHECKED; i++) {
        double off = -targets[i], moves = 0;
        for (int f = 0; f < D; f++) {
            off += w[f] * inputs[i][f];
            moves += by[f] * inputs[i][f];
        }
        error += off * off / CHECKED;
        gradient += 2 * off * moves / CHECKED;
    }
    for (int f = 0; f < D; f++)
        support += w[f] != 0;
    cr_assert(support > 2 && support < D, "%d weights", support);
    for (int m = 0; m < 3; m++) {
        cli_result r = cli_run("hypergradient", "lasso.yaml", "--set",
                               cli_format("hypergradient={mode: %s, tolerance: 1.0e-11}", modes[m]), "--out",
                               cli_format("g%d", m), NULL);
        cli_expect_done(r);
        cr_expect_float_eq(json_number(cli_read(cli_format("g%d/hypergradient.json", m)), "E"), error, 1e-11);
        const double found = *cli_array(cli_format("g%d/dynamics.l1.npy", m), 1);
        cr_expect_float_eq(found / gradient, 1, 1e-8, "%s: %.15g, not %.15g", modes[m], found, gradient);
    }
}
