/* Adagrad: gradients divided by the root of the sum of their squares. */
#include "adaptive.h"

static const ho_option options[] = {EPSILON_OPTION};

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "step size (eta)"},
};

static const ho_slot slots[] = {{.name = "v", .doc = "sum of the squared gradients"}};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "largest", "maximum(v)");
    ho_let(x, "v", "v + g^2");
    /* Where no gradient has arrived but rounding noise, the derivative is that of standing still: see FORMULAS.md. */
    ho_let(x, "w",
           "w - stop_noise(learning_rate*g * rsqrt(v + epsilon^2), g^2 + v, largest, epsilon, w/learning_rate)");
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
    .name = "adagrad",
    .version = "1.0.0",
    .doc = "Adagrad: gradient divided by the root of the sum of its squares so far",
    .details =
        "v_t = v_{t-1} + g_t^2\nw_t = w_{t-1} - learning_rate g_t / sqrt(v_t + epsilon^2)\n\n"
        "Duchi, Hazan, Singer, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization "
        "(JMLR 2011), with diagonal matrices. Steps shrink as 1/sqrt(t). epsilon is under the root.\n\n" STILL_WEIGHTS(
            "its g and v"),
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
