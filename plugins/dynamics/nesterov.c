/* Nesterov's accelerated gradient. */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "step size (eta)"},
    {.name = "momentum", .initial = 0.9, .domain = HO_UNIT, .doc = "fraction of the last step that is kept (mu)"},
};

static const ho_slot slots[] = {{.name = "v", .doc = "velocity"}};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "v", "momentum*v - learning_rate*g");
    ho_let(x, "w", "w + momentum*v - learning_rate*g");
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
    .name = "nesterov",
    .version = "1.0.0",
    .doc = "gradient descent with Nesterov's momentum",
    .details =
        "v_t = momentum v_{t-1} - learning_rate grad J_t(w_{t-1})\n"
        "w_t = w_{t-1} + momentum v_t - learning_rate grad J_t(w_{t-1})\n\n"
        "Nesterov's method takes the gradient ahead of its point u: v_t = momentum v_{t-1} - learning_rate grad J_t("
        "u_{t-1} + momentum v_{t-1}), u_t = u_{t-1} + v_t. Here w is the point ahead, w = u + momentum v, as in the "
        "usual libraries: so the gradient is that at w, and the step serves as a hyper-optimizer too. Both begin at "
        "the same point, since v_0 is 0; the result is momentum v_T ahead of u_T.\n\n"
        "Sutskever, Martens, Dahl, Hinton, On the Importance of Initialization and Momentum in Deep Learning (ICML "
        "2013); Bengio, Boulanger-Lewandowski, Pascanu, Advances in Optimizing Recurrent Networks (ICASSP 2013), for "
        "w.",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
