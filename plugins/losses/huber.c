/* Squares of small errors, absolute values of large ones. */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "delta", .initial = 1.0, .domain = HO_POSITIVE, .doc = "size of an error beyond which the loss is linear"},
};

static ho_status per_example(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "error", "outputs - targets");
    /* With the error cut off at delta, one product is the value on both sides, and smooth across 0. */
    ho_let(x, "cut", "max(min(error, delta), -delta)");
    ho_let(x, "loss", "sum(cut*(error - 0.5*cut), 1)");
    return ho_ok(x);
}

static const ho_loss_calls calls = {
    .struct_size = sizeof(ho_loss_calls),
    .targets = HO_TARGET_ANY,
    .per_example = per_example,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_LOSS),
    .name = "huber",
    .version = "1.0.0",
    .doc = "Huber's loss, summed over the outputs: quadratic up to delta, linear beyond",
    .details = "loss_i = sum_k h(z_ik - y_ik), h(e) = e^2/2 where |e| < delta, delta (|e| - delta/2) elsewhere\n\n"
               "with outputs z and targets y. Huber, Robust Estimation of a Location Parameter (Annals of Mathematical "
               "Statistics 1964). Note the factor 1/2, which squared_error does not have. Labels become one-hot "
               "targets.\n\n"
               "Value and gradient are continuous; the second derivative jumps at |e| = delta, where it counts as 0. "
               "delta can be tuned: the loss grows with it, so it needs a validation loss of another kind, or of a "
               "fixed delta.",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
