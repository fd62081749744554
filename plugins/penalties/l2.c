/* Weighted sum of squared weights. */
#include "strengths.h"

static const ho_hyper hypers[] = {
    {.name = "rho",
     .initial = 0.0,
     .domain = HO_NONNEGATIVE,
     .doc = "strength: " STRENGTH_DOC,
     .shape = STRENGTH_SHAPE},
};

static ho_status value(void *self, ho_trace *x)
{
    (void)self;
    bind_matrix(x);
    /* Strengths broadcast, whatever their shape. */
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
    .details =
        "penalty = sum_ij rho_ij w_ij^2, with rho_ij = rho where it is a scalar (the default)\n\n" STRENGTH_DETAILS
        "\n\n"
        "There is no factor 1/2: the gradient is 2 rho w.",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
