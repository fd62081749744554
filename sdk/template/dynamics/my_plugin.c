/*
 * An optimizer: gradient descent with momentum. Change the tables and the formulas.
 *
 * In a pipeline:  dynamics: {plugin: my_plugin, learning_rate: 0.1}
 *
 * There are no derivatives here: hotool differentiates the formulas.
 */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "step size"},
    {.name = "momentum", .initial = 0.9, .domain = HO_DECAY, .doc = "fraction of the previous step that is kept"},
};

static const ho_slot slots[] = {{.name = "velocity", .doc = "the previous step"}};

/* One step. In scope: w, its gradient g, the slots, the hyperparameters, and t, the number of the step, from 1. */
static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "velocity", "momentum * velocity - learning_rate * g");
    ho_let(x, "w", "w + velocity");
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {
    .struct_size = sizeof(ho_dynamics_calls),
    .granularity = HO_WHOLE,
    .slots = HO_TABLE(slots),
    .step = step,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "my_plugin", .version = "0.1", .doc = "gradient descent with momentum",
    .hypers = HO_TABLE(hypers),  .calls = &calls,
};
