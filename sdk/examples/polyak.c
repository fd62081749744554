/*
 * Polyak averaging: training goes on with fast weights, and their running average is what is validated and kept.
 *
 *     f_t = f_{t-1} - learning_rate grad J(f_{t-1})     w_t = decay_t w_{t-1} + (1 - decay_t) f_t
 *
 * with decay_t = min(decay, (t - 1)/t): a plain average at first, then an exponential one, in which the start is
 * forgotten. Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging (SIAM J. Control and
 * Optimization 1992).
 *
 * What this file shows:
 *   - w is what a pipeline validates, tests and keeps. A dynamics whose gradient belongs to other weights has those in
 * a slot, here `fast`, and asks for their gradient with grad(fast). What is not used, here g, is not computed.
 *   - A slot may begin elsewhere than at 0: `initial` is a formula over w, the initial weights.
 */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.1, .domain = HO_NONNEGATIVE, .doc = "step size of the fast weights"},
    {.name = "decay", .initial = 0.9, .domain = HO_UNIT, .doc = "fraction of the average that is kept"},
};

static const ho_slot slots[] = {{.name = "fast", .doc = "weights that follow the gradient", .initial = "w"}};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "fast", "fast - learning_rate*grad(fast)");
    ho_let(x, "kept", "min(decay, (t - 1)/t)");
    ho_let(x, "w", "kept*w + (1 - kept)*fast");
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {
    .struct_size = sizeof(ho_dynamics_calls),
    .granularity = HO_WHOLE,
    .slots = HO_TABLE(slots),
    .step = step,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
    .name = "polyak",
    .version = "1.0",
    .doc = "gradient descent whose running average is what is kept",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
