/* Squared distance between outputs and targets. */
#include <hotool/plugin.h>

static ho_status per_example(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "loss", "sum((outputs - targets)^2, 1)");
    return ho_ok(x);
}

static const ho_loss_calls calls = {
    .struct_size = sizeof(ho_loss_calls),
    .targets = HO_TARGET_ANY,
    .per_example = per_example,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_LOSS),
    .name = "squared_error",
    .version = "1.0.0",
    .doc = "squared distance between outputs and targets, summed over the outputs",
    .details =
        "loss_i = sum_k (z_ik - y_ik)^2\n\n"
        "with outputs z and targets y; there is no factor 1/2 and no mean over the outputs. Labels become one-hot "
        "targets, which gives least-squares classification.",
    .calls = &calls,
};
