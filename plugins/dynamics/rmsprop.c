/* RMSProp: gradients divided by a running root mean square. */
#include "adaptive.h"

static const ho_option options[] = {EPSILON_OPTION};

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 1e-3, .domain = HO_NONNEGATIVE, .doc = "step size"},
    {.name = "decay", .initial = 0.9, .domain = HO_DECAY, .doc = "fraction of the mean square that each step keeps"},
};

static const ho_slot slots[] = {{.name = "v", .doc = "running mean of the squared gradient"}};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "largest", "maximum(v)");
    ho_let(x, "v", "decay*v + (1 - decay)*g^2");
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
    .name = "rmsprop",
    .version = "1.0.0",
    .doc = "RMSProp: gradient divided by its running root mean square",
    .details = "v_t = decay v_{t-1} + (1 - decay) g_t^2\nw_t = w_{t-1} - learning_rate g_t / sqrt(v_t + epsilon^2)\n\n"
               "Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning (2012).\n\n"
               "epsilon is under the root.\n\n" STILL_WEIGHTS("its g and v"),
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
