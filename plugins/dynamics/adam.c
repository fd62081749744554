/* Adam with bias correction. */
#include "adaptive.h"

static const ho_option options[] = {EPSILON_OPTION};

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 1e-3, .domain = HO_NONNEGATIVE, .doc = "step size (alpha)"},
    {.name = "beta1", .initial = 0.9, .domain = HO_DECAY, .doc = "decay of the first moment"},
    {.name = "beta2", .initial = 0.999, .domain = HO_DECAY, .doc = "decay of the second moment"},
};

static const ho_slot slots[] = {
    {.name = "m", .doc = "first moment: running mean of the gradient"},
    {.name = "v", .doc = "second moment: running mean of the squared gradient"},
};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "largest", "maximum(v)");
    ho_let(x, "m", "beta1*m + (1 - beta1)*g");
    ho_let(x, "v", "beta2*v + (1 - beta2)*g^2");
    /* Both bias corrections in one number per step, not in two more tensors. */
    ho_let(x, "rate", "learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t)");
    /* Where no gradient has arrived but rounding noise, the derivative is that of standing still: see FORMULAS.md. */
    ho_let(x, "w", "w - stop_noise(rate*m * rsqrt(v + epsilon^2), m^2 + v, largest, epsilon, w/learning_rate)");
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
    .name = "adam",
    .version = "1.0.0",
    .doc = "Adam: bias-corrected first moment divided by the root of the second",
    .details = "m_t = beta1 m_{t-1} + (1 - beta1) g_t\nv_t = beta2 v_{t-1} + (1 - beta2) g_t^2\n"
               "w_t = w_{t-1} - learning_rate sqrt(1 - beta2^t)/(1 - beta1^t) m_t / sqrt(v_t + epsilon^2)\n\n"
               "Kingma and Ba, Adam: A Method for Stochastic Optimization (ICLR 2015), in the efficient order of its "
               "section 2. epsilon is under the root.\n\n"
               "As a hyper-optimizer its first step is as long as learning_rate, whatever the gradient: choose it well "
               "below the size of the constraint set.\n\n" STILL_WEIGHTS("both of its moments"),
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
