/* Nonnegative entries with a given sum. */
#include "bounded_sum.h"

static const ho_option options[] = {
    {.name = "total",
     .type = HO_REAL,
     .initial = "1",
     .doc = "sum of all entries (of a symmetric matrix: of both halves)",
     .least = 0.0,
     .most = DBL_MAX},
};

static ho_status create(ho_setup *u, void **self)
{
    bounded_sum *set = ho_setup_alloc(u, sizeof(bounded_sum));
    if (!set)
        return HO_FAILED;
    set->at_least = set->at_most = ho_option_real(u, "total");
    set->cap = HUGE_VAL;
    *self = set;
    return HO_OK;
}

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_CONSTRAINT),
    .name = "simplex",
    .version = "1.0.0",
    .doc = "each entry is at least 0, and their sum is given",
    .details = "{x : x_i >= 0, sum_i x_i = total}, within the hyperparameter's domain and structure\n\n"
               "For weights that share a fixed budget: mixtures of terms, of tasks, of examples. For a sum that may "
               "also be smaller, see nonnegative_sum.\n\n"
               "The projection is exact wherever the point lies: x_i becomes max(x_i - theta, 0) with the theta, of "
               "either sign, that meets the sum, to the last digits of the entries. An initial value with another sum "
               "is projected before the first iteration. Only the differences between the entries of a hypergradient "
               "matter, because the sum is fixed.",
    .options = HO_TABLE(options),
    .calls = &bounded_sum_calls,
    .create = create,
};
