/*
 * A loss: squared error that grows like the absolute error far from 0. Change the tables and the formulas.
 *
 * In a pipeline:  objective: {loss: my_plugin, width: 2}
 */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "width",
     .initial = 1.0,
     .domain = HO_POSITIVE,
     .doc = "error at which the loss turns from square to linear"},
};

/* One number for each example. In scope: outputs (batch, outputs), the model's prediction; targets, of the same shape
 * (one-hot for labels); the hyperparameters and options. */
static ho_status per_example(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "error", "(outputs - targets) / width");
    ho_let(x, "loss", "width^2 * sum(sqrt(1 + error^2) - 1, 1)");
    return ho_ok(x);
}

static const ho_loss_calls calls = {
    .struct_size = sizeof(ho_loss_calls),
    .targets = HO_TARGET_ANY,
    .per_example = per_example,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_LOSS),    .name = "my_plugin",
    .version = "0.1",           .doc = "squared error near 0, absolute error far from it",
    .hypers = HO_TABLE(hypers), .calls = &calls,
};
