/* Adam with weight decay beside the gradient. */
#include "adaptive.h"

static const ho_option options[] = {EPSILON_OPTION};

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 1e-3, .domain = HO_NONNEGATIVE, .doc = "step size (alpha)"},
    {.name = "beta1", .initial = 0.9, .domain = HO_DECAY, .doc = "decay of the first moment"},
    {.name = "beta2", .initial = 0.999, .domain = HO_DECAY, .doc = "decay of the second moment"},
    {.name = "weight_decay",
     .initial = 0.01,
     .domain = HO_NONNEGATIVE,
     .doc = "fraction of each weight that a step takes away, in units of learning_rate"},
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
    ho_let(x, "step", "stop_noise(rate*m * rsqrt(v + epsilon^2), m^2 + v, largest, epsilon, w/learning_rate)");
    ho_let(x, "w", "w - step - learning_rate*weight_decay*w");
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
    .name = "adamw",
    .version = "1.0.0",
    .doc = "AdamW: Adam with decoupled weight decay",
    .details =
        "m_t = beta1 m_{t-1} + (1 - beta1) g_t\nv_t = beta2 v_{t-1} + (1 - beta2) g_t^2\n"
        "w_t = w_{t-1} - learning_rate sqrt(1 - beta2^t)/(1 - beta1^t) m_t / sqrt(v_t + epsilon^2)\n"
        "              - learning_rate weight_decay w_{t-1}\n\n"
        "Loshchilov and Hutter, Decoupled Weight Decay Regularization (ICLR 2019). As in the usual libraries, the "
        "decay is multiplied by learning_rate. It acts on all weights, biases too. The penalty l2 under adam is "
        "another "
        "method: its gradient goes through the moments. epsilon is under the root.\n\n"
        "What follows is about Adam's part of the step; the decay is differentiated everywhere.\n\n" STILL_WEIGHTS(
            "both of its moments"),
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
