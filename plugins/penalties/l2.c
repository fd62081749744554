/* Weighted sum of squared weights. */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "rho",
     .initial = 0.0,
     .domain = HO_NONNEGATIVE,
     .doc = "strength: one for all weights, or one for each column of w",
     .shape = "|columns"},
};

static ho_status value(void *self, ho_trace *x)
{
    (void)self;
    /* rho broadcasts, be it a scalar or a row with one strength per column. */
    ho_let(x, "penalty", "sum(rho * w^2)");
    return ho_ok(x);
}

static const ho_penalty_calls calls = {
    .struct_size = sizeof(ho_penalty_calls),
    .value = value,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_PENALTY),
    .name = "l2",
    .version = "1.0.0",
    .doc = "squared norm of the weights times rho",
    .details = "penalty = sum_ij rho_j w_ij^2, with rho_j = rho where it is a scalar (the default)\n\n"
               "With `shape: columns` each column of a weight matrix (each class of a softmax model) has its own "
               "strength. There is no factor 1/2: the gradient is 2 rho w.",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
