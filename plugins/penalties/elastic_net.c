/* Absolute values and squares of the weights, each with its strength. */
#include "strengths.h"

static const ho_hyper hypers[] = {
    {.name = "l1",
     .initial = 0.0,
     .domain = HO_NONNEGATIVE,
     .doc = "strength of the absolute values: " STRENGTH_DOC,
     .shape = STRENGTH_SHAPE},
    {.name = "l2",
     .initial = 0.0,
     .domain = HO_NONNEGATIVE,
     .doc = "strength of the squares: " STRENGTH_DOC,
     .shape = STRENGTH_SHAPE},
};

static ho_status value(void *self, ho_trace *x)
{
    (void)self;
    bind_matrix(x);
    /* Strengths broadcast, whatever their shape. */
    ho_let(x, "penalty", "sum(l1 * abs(w)) + sum(l2 * w^2)");
    return ho_ok(x);
}

static const ho_penalty_calls calls = {
    .struct_size = sizeof(ho_penalty_calls),
    .value = value,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_PENALTY),
    .name = "elastic_net",
    .version = "1.0.0",
    .doc = "absolute values times l1 plus squares times l2",
    .details =
        "penalty = sum_ij l1_ij |w_ij| + sum_ij l2_ij w_ij^2, with l1_ij = l1 and l2_ij = l2 where they are scalars "
        "(the default)\n\n" STRENGTH_DETAILS "\n\n"
        "Zou and Hastie, Regularization and Variable Selection via the Elastic Net (JRSS B 2005): l1 and l2 are "
        "its lambda_1 and lambda_2. It is the sum of the penalties l1 and l2, and what they say holds here: the "
        "slope of |w| at 0 counts as 0, and there is no factor 1/2 before the squares.",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
