/*
 * A schedule: the learning rate rises over the first steps and then falls along a cosine.
 *
 *     rate_t = learning_rate min(t / warmup, last + (1 - last) (1 + cos(pi t/T)) / 2)
 *
 * Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts (ICLR 2017), equation 5; here with one
 * cycle, and a linear warm-up.
 *
 * What this file shows:
 *   - t, the number of the step from 1, and `steps`, the number of all steps, are in scope of formulas.
 *   - An option of integers is a constant of formulas by its name. It is not differentiated; `last` is, and is tuned
 *     with the learning rate.
 *   - ho_has says whether a name is in scope. Where this dynamics drives hyperparameters there is no last step, so the
 * rate then stays at its height after the warm-up.
 *   - Numbers of rank 0, such as `rate`, are computed in f64 whatever the precision of the run, and cost nothing.
 * To tune the rate of every step by itself, no formula is needed: any hyperparameter may have `shape: steps` in a
 * pipeline, as in monotone.yaml.
 */
#include <hotool/plugin.h>

static const ho_option options[] = {
    {.name = "warmup", .type = HO_INTEGER, .initial = "1", .doc = "steps of warm-up", .least = 1, .most = 1e9},
};

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.1, .domain = HO_NONNEGATIVE, .doc = "step size at its largest"},
    {.name = "last", .initial = 0.0, .domain = HO_UNIT, .doc = "step size at the end, as a fraction of learning_rate"},
};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "done", ho_has(x, "steps") ? "min(t/steps, 1)" : "0");
    ho_let(x, "falling", "last + (1 - last) * 0.5*(1 + cos(3.14159265358979323846*done))");
    ho_let(x, "rate", "learning_rate * min(t/warmup, falling)");
    ho_let(x, "w", "w - rate*g");
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {
    .struct_size = sizeof(ho_dynamics_calls),
    .granularity = HO_WHOLE,
    .step = step,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
    .name = "cosine",
    .version = "1.0",
    .doc = "gradient descent whose step size warms up and falls along a cosine",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
