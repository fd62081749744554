/* Cross entropy of the softmax of the outputs. */
#include <hotool/plugin.h>

static const ho_option options[] = {
    {.name = "label_smoothing",
     .type = HO_REAL,
     .initial = "0",
     .doc = "fraction of each label that is spread evenly over all classes",
     .least = 0.0,
     .most = 1.0},
};

static ho_status per_example(void *self, ho_trace *x)
{
    (void)self;
    /* The shift cancels out of the loss, so stopping it changes no derivative. It keeps exp from overflowing. */
    ho_let(x, "shifted", "outputs - stop(maximum_keep(outputs, 1))");
    ho_let(x, "loss",
           "log(sum(exp(shifted), 1)) - (1 - label_smoothing)*sum(targets*shifted, 1)"
           " - label_smoothing*mean(shifted, 1)");
    return ho_ok(x);
}

static const ho_loss_calls calls = {
    .struct_size = sizeof(ho_loss_calls),
    .targets = HO_TARGET_LABELS,
    .per_example = per_example,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_LOSS),
    .name = "cross_entropy",
    .version = "1.0.0",
    .doc = "negative log-likelihood of the labels under the softmax of the outputs",
    .details = "loss_i = log sum_k exp(z_ik) - sum_k y_ik z_ik\n\n"
               "with outputs z and y the one-hot label; with label_smoothing e, y is (1 - e) one-hot + e/K (Szegedy et "
               "al., Rethinking the Inception Architecture, CVPR 2016). The exponentials are taken relative to the "
               "largest output, so outputs of any size are fine.",
    .options = HO_TABLE(options),
    .calls = &calls,
};
