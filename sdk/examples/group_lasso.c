/*
 * Group lasso: the sum of the norms of the rows of a weight matrix, which makes whole rows small, that is, leaves whole
 * features out.
 *
 *     penalty = sum_i rho_i (sqrt(sum_j w_ij^2 + epsilon^2) - epsilon)
 *
 * Yuan and Lin, Model Selection and Estimation in Regression with Grouped Variables (JRSS B 2006); smooth at 0, so that
 * gradient descent comes to rest.
 *
 * What this file shows:
 *   - A penalty is traced for each weight tensor that the pipeline's `on:` selects; the values are added. What it has
 * to say of vectors and scalars, it decides by their rank: here a vector is one group.
 *   - `shape` with alternatives: rho is one number, or with `shape: rows` in a pipeline one for each row of w. Formulas
 *     broadcast, so the same line serves both.
 */
#include <hotool/plugin.h>

static const ho_option options[] = {
    {.name = "epsilon",
     .type = HO_REAL,
     .initial = "1e-2",
     .doc = "norms smaller than this are as good as 0",
     .least = 1e-6,
     .most = 1.0},
};

static const ho_hyper hypers[] = {
    {.name = "rho",
     .initial = 0.01,
     .domain = HO_NONNEGATIVE,
     .doc = "strength: one for all rows, or one for each",
     .shape = "|rows"},
};

static ho_status value(void *self, ho_trace *x)
{
    (void)self;
    int64_t dims[HO_MAX_RANK];
    const int32_t rank = ho_shape_get(x, ho_get(x, "w"), dims);
    if (rank > 2)
        return ho_trace_fail(x, "groups are rows of matrices; w has rank %d: select others with `on:`", (int)rank);
    ho_let(x, "squares", rank == 2 ? "sum(w^2, 1)" : "sum(w^2)");
    ho_let(x, "penalty", "sum(rho * (sqrt(squares + epsilon^2) - epsilon))");
    return ho_ok(x);
}

static const ho_penalty_calls calls = {
    .struct_size = sizeof(ho_penalty_calls),
    .value = value,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_PENALTY),
    .name = "group_lasso",
    .version = "1.0",
    .doc = "sum of the norms of rows: whole features are left out",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
