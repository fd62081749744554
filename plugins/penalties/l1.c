/* Weighted sum of the absolute values of the weights. */
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
    ho_let(x, "penalty", "sum(rho * abs(w))");
    return ho_ok(x);
}

static const ho_penalty_calls calls = {
    .struct_size = sizeof(ho_penalty_calls),
    .value = value,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_PENALTY),
    .name = "l1",
    .version = "1.0.0",
    .doc = "sum of the weights' absolute values times rho",
    .details =
        "penalty = sum_ij rho_ij |w_ij|, with rho_ij = rho where it is a scalar (the default)\n\n" STRENGTH_DETAILS
        "\n\n"
        "The gradient is rho sign(w), and 0 at w = 0, which is one of the subgradients there; the derivative of the "
        "sign is 0. So a weight at 0 is not held there. Weights that the penalty pulls to 0 oscillate around it by a "
        "step, and none becomes exactly 0; hypergradients are those of the signs that occurred.",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
