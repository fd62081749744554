/* Gradient descent with momentum, as the paper writes it. */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "step size (eta)"},
    {.name = "momentum", .initial = 0.9, .domain = HO_UNIT, .doc = "fraction of the last step that is kept (mu)"},
};

static const ho_slot slots[] = {{.name = "v", .doc = "velocity: the last step"}};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "v", "momentum*v - learning_rate*g");
    ho_let(x, "w", "w + v");
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
    .name = "momentum",
    .version = "1.0.0",
    .doc = "gradient descent with momentum (heavy ball)",
    .details =
        "v_t = momentum v_{t-1} - learning_rate grad J_t(w_{t-1})\nw_t = w_{t-1} + v_t\n\n"
        "The example dynamics of Franceschi, Donini, Frasconi, Pontil, On Hyperparameter Optimization in "
        "Learning Systems (ICLR 2017 workshop): learning_rate is its eta, momentum its mu.\n\n"
        "With momentum near 1 the dynamics forget little and hypergradients grow with the number of steps: use a "
        "small outer learning rate there.",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
