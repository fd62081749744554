/* Nonnegative entries, each at most a cap, with a bounded sum. */
#include "bounded_sum.h"

static const ho_option options[] = {
    {.name = "at_most",
     .type = HO_REAL,
     .required = 1,
     .doc = "bound on the sum of all entries (of a symmetric matrix: of both halves)",
     .least = 0.0,
     .most = DBL_MAX},
    {.name = "cap",
     .type = HO_REAL,
     .initial = "1",
     .doc = "largest value of each entry",
     .least = 0.0,
     .most = DBL_MAX},
};

static ho_status create(ho_setup *u, void **self)
{
    bounded_sum *set = ho_setup_alloc(u, sizeof(bounded_sum));
    if (!set)
        return HO_FAILED;
    set->at_most = ho_option_real(u, "at_most");
    set->cap = ho_option_real(u, "cap");
    *self = set;
    return HO_OK;
}

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_CONSTRAINT),
    .name = "capped_sum",
    .version = "1.0.0",
    .doc = "each entry lies between 0 and a cap, and their sum is bounded",
    .details =
        "{x : 0 <= x_i <= cap, sum_i x_i <= at_most}, within the hyperparameter's domain and structure\n\n"
        "With one weight per training example and cap 1 this is the constraint set of data hyper-cleaning in "
        "Franceschi, Donini, Frasconi, Pontil, Forward and Reverse Gradient-Based Hyperparameter Optimization (ICML "
        "2017): at_most is the total weight to distribute, so the least useful examples end at weight 0.\n\n"
        "The projection is exact wherever the point lies: x_i becomes clip(x_i - theta, 0, cap), with the theta that "
        "satisfies the bound, or theta = 0 if clipping alone satisfies it. Each entry is accurate to the last digits "
        "of the largest, even if the point is at 1e300. 5000 entries take a fraction of a millisecond. If at_most is "
        "at least cap times the number of entries, the bound on the sum is never active: use box.",
    .options = HO_TABLE(options),
    .calls = &bounded_sum_calls,
    .create = create,
};
