/* What a run that was killed leaves: the best weights and hyperparameters so far, which belong together. */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "cli_support.h"

TestSuite(kept, .init = cli_enter, .fini = cli_leave, .timeout = 300);

/* The last feature is 1 in every example, so its weights take the same steps as the biases. */
static void write_pipeline(const char *steps)
{
    double x[BLOBS][FEATURES];
    for (int i = 0; i < BLOBS; i++)
        for (int f = 0; f < FEATURES; f++)
            x[i][f] = f == FEATURES - 1 ? 1.0 : cli_blob(i, f);
    cli_npy("x.npy", cli_format("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }", BLOBS, FEATURES), x,
            sizeof x);
    cli_write("p.yaml", cli_format("name: kept\nseed: 3\nprecision: f64\ncheckpoint: {seconds: 0}\n"
                                   "data:\n  plugin: npy\n  inputs: x.npy\n  labels: y.npy\n"
                                   "  split: {train: 40, validation: 40, test: rest}\n"
                                   "model: {plugin: softmax}\nobjective: [{loss: cross_entropy, reduce: mean}]\n"
                                   "dynamics: {plugin: momentum, learning_rate: 0.01}\n"
                                   "steps: %s\nstop: {every: 2}\n"
                                   "validation: {loss: cross_entropy, reduce: mean}\n",
                                   steps));
}

/* The first bias of weights that belong together; NaN: there are none. */
static double bias_of_a_set(const char *what)
{
    if (!cli_exists("r/weights/W.npy") && !cli_exists("r/weights/b.npy"))
        return NAN;
    const double *w = cli_array("r/weights/W.npy", CLASSES * FEATURES), *b = cli_array("r/weights/b.npy", CLASSES);
    for (int k = 0; k < CLASSES; k++)
        cr_expect_float_eq(w[(FEATURES - 1) * CLASSES + k], b[k], 1e-12, "%s: class %d: %g and %g", what, k,
                           w[(FEATURES - 1) * CLASSES + k], b[k]);
    return b[0];
}

/* Whenever the power goes, the weights that are there are of one moment; and they are better ones each time. */
Test(kept, weights_of_one_moment_are_there_as_they_improve)
{
#ifdef __SANITIZE_ADDRESS__
    cli_skip("ASan's library must be the first");
#endif
    write_pipeline("8");
    double last = NAN;
    int sets = 0, losses = 0;
    for (int change = 1, status = -1; status != 0; change += 3, losses++) {
        cr_assert_eq(cli_shell("rm -rf r"), 0);
        status = cli_shell(cli_format("POWER_LOSS_AT=%d POWER_LOSS_UNDER=r POWER_LOSS_LOSES=all "
                                      "LD_PRELOAD=%s/power_loss.so $HOTOOL pipeline p.yaml --out r --quiet "
                                      ">/dev/null 2>err",
                                      change, cli_environment("HOTOOL_PIPELINE_PLUGINS")));
        cr_assert(status == 0 || status == 128 + SIGKILL, "status %d: %s", status, cli_read("err"));
        const double bias = bias_of_a_set(cli_format("change %d", change));
        sets += !isnan(bias) && bias != last;
        last = bias;
    }
    cr_expect_geq(sets, 4, "%d sets of weights in %d runs", sets, losses);
}

Test(kept, what_was_killed_has_its_weights)
{
    const struct timespec moment = {.tv_nsec = 5 * 1000 * 1000};
    write_pipeline("100000000");
    cli_change("p.yaml", "seconds: 0", "seconds: 600");
    const pid_t child = cli_start("pipeline", "p.yaml", "--out", "r", "--quiet", NULL);
    for (int tries = 0; tries < 6000 && !cli_exists("r/weights/b.npy"); tries++)
        nanosleep(&moment, NULL);
    kill(child, SIGKILL);
    cr_expect_eq(cli_finish(child).status, 128 + SIGKILL);
    cr_expect_not(isnan(bias_of_a_set("killed")));
}

/* Of a run that is interrupted after some iterations: checkpoints written for each. */
static double checkpoints_by_iteration(const char *steps)
{
    enum { LINES = 40 };
    const struct timespec moment = {.tv_nsec = 5 * 1000 * 1000};
    size_t lines = 0;
    int number = 0;
    cli_pipeline("p.yaml", "seed: 3\n", cli_format("seed: 3\ncheckpoint: {seconds: 1.0e6%s}\n", steps));
    cli_change("p.yaml", "steps: 15\n", "steps: 35\n");
    cli_change("p.yaml", "mode: reverse", "mode: reverse, store: state");
    cli_change("p.yaml", "iterations: 5", "iterations: 1000000");
    const pid_t child = cli_start("pipeline", "p.yaml", "--out", "r", "--quiet", NULL);
    for (int tries = 0; tries < 6000 && lines < LINES; tries++) {
        lines = 0;
        for (const char *p = cli_exists("r/metrics.jsonl") ? cli_read("r/metrics.jsonl") : ""; (p = strchr(p, '\n'));
             p++)
            lines++;
        nanosleep(&moment, NULL);
    }
    kill(child, SIGKILL);
    cr_expect_eq(cli_finish(child).status, 128 + SIGKILL);
    lines = 0;
    for (const char *p = cli_read("r/metrics.jsonl"); (p = strchr(p, '\n')); p++)
        lines++;
    for (int n = 1; n < 1000000 && number == 0; n++)
        number =
            cli_exists(cli_format("r/checkpoints/%d", n)) && !cli_exists(cli_format("r/checkpoints/%d", n + 1)) ? n : 0;
    cr_assert_eq(cli_shell("rm -r r"), 0);
    return number / (double)lines;
}

/* Each iteration takes 35 steps forwards, with a rest after each 16th, and 35 back. */
Test(kept, checkpoints_come_after_so_many_steps_forwards_and_back)
{
    const double often = checkpoints_by_iteration(", steps: 10"), seldom = checkpoints_by_iteration(", steps: 700");
    cr_expect(often > 4.5 && often < 7.5, "%g", often);
    cr_expect(seldom > 0.05 && seldom < 0.15, "%g", seldom);
}
