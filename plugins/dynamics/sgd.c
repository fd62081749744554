/* Gradient descent: the smallest dynamics. */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "step size (eta)"},
};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "w", "w - learning_rate*g");
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {
    .struct_size = sizeof(ho_dynamics_calls),
    .granularity = HO_WHOLE,
    .step = step,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
    .name = "sgd",
    .version = "1.0.0",
    .doc = "gradient descent, on batches or on all examples",
    .details = "w_t = w_{t-1} - learning_rate grad J_t(w_{t-1})\n\n"
               "With mini-batches this is stochastic gradient descent. It has no state but the weights, so its stored "
               "trajectory is the smallest possible: one number per weight and step.\n\n"
               "As a hyper-optimizer its steps are proportional to the hypergradient: scale learning_rate to the "
               "hyperparameter's units.",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
