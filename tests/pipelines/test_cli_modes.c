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
