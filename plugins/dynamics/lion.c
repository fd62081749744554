/* Lion: steps of one length, in the direction of the sign of a momentum. */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 1e-4, .domain = HO_NONNEGATIVE, .doc = "step size, the same for all weights"},
    {.name = "beta1", .initial = 0.9, .domain = HO_UNIT, .doc = "weight of the momentum in the step's direction"},
    {.name = "beta2", .initial = 0.99, .domain = HO_UNIT, .doc = "decay of the momentum"},
    {.name = "weight_decay",
     .initial = 0.0,
     .domain = HO_NONNEGATIVE,
     .doc = "fraction of each weight that a step takes away, in units of learning_rate"},
};

static const ho_slot slots[] = {{.name = "m", .doc = "momentum: running mean of the gradient"}};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "w", "w - learning_rate*(sign(beta1*m + (1 - beta1)*g) + weight_decay*w)");
    ho_let(x, "m", "beta2*m + (1 - beta2)*g");
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
    .name = "lion",
    .version = "1.0.0",
    .doc = "Lion: steps by the sign of an interpolated momentum, with weight decay",
    .details =
        "w_t = w_{t-1} - learning_rate (sign(beta1 m_{t-1} + (1 - beta1) g_t) + weight_decay w_{t-1})\n"
        "m_t = beta2 m_{t-1} + (1 - beta2) g_t\n\n"
        "Chen et al., Symbolic Discovery of Optimization Algorithms (NeurIPS 2023).\n\n"
        "The derivative of the sign is 0, also at 0, where the sign is 0: a weight that receives exactly no gradient "
        "is moved by the decay alone. So gradients do not count in derivatives: the hypergradient by learning_rate, "
        "weight_decay and the initial weights is that of the signs held as they are, and that by the betas and by "
        "whatever acts through the objective (a penalty's strength, the weight of a term or of an example) is 0. The "
        "validation error does change where signs change, by jumps that no hypergradient sees: as inner dynamics, "
        "Lion is for tuning learning_rate and weight_decay. As a hyper-optimizer it has no such limits; its steps are "
        "as long as learning_rate, whatever the hypergradient.\n\n"
        "A gradient that is 0 but for rounding has a sign: such a weight takes steps of full length at random, other "
        "ones in f32 than in f64.",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
