/*
 * A learned start: the initial weights of a linear classifier are hyperparameters, so that training starts where few
 * steps lead far.
 *
 * As in Finn, Abbeel and Levine, Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks (ICML 2017), for one
 * task: hotool's hypergradient of the start goes through all steps.
 *
 * What this file shows:
 *   - A hyperparameter may be an array. `shape` is written with the sizes' names and resolved for each pipeline: here
 * it has as many entries as the weights. Reverse mode takes no longer for thousands of them.
 *   - The initial weights are traced, too: whatever formula makes them is differentiated.
 */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "start", .initial = 0.0, .domain = HO_ANY, .doc = "the initial weights", .shape = "features outputs"},
    {.name = "offset", .initial = 0.0, .domain = HO_ANY, .doc = "the initial biases", .shape = "outputs"},
};

static ho_status weights(void *self, ho_trace *x)
{
    (void)self;
    ho_weight(x, "W", ho_get(x, "start"));
    ho_weight(x, "b", ho_get(x, "offset"));
    return ho_ok(x);
}

static ho_status forward(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "outputs", "inputs @ W + b");
    return ho_ok(x);
}

static const ho_model_calls calls = {
    .struct_size = sizeof(ho_model_calls),
    .weights = weights,
    .forward = forward,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODEL),   .name = "learned_start",
    .version = "1.0",           .doc = "a linear classifier whose initial weights are hyperparameters",
    .hypers = HO_TABLE(hypers), .calls = &calls,
};
