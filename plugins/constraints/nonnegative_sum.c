/* Nonnegative entries with a bounded sum. */
#include "bounded_sum.h"

static const ho_option options[] = {
    {.name = "at_most",
     .type = HO_REAL,
     .required = 1,
     .doc = "bound on the sum of all entries (of a symmetric matrix: of both halves)",
     .least = 0.0,
     .most = DBL_MAX},
};

static ho_status create(ho_setup *u, void **self)
{
    bounded_sum *set = ho_setup_alloc(u, sizeof(bounded_sum));
    if (!set)
        return HO_FAILED;
    set->at_most = ho_option_real(u, "at_most");
    set->cap = HUGE_VAL;
    *self = set;
    return HO_OK;
}

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_CONSTRAINT),
    .name = "nonnegative_sum",
    .version = "1.0.0",
    .doc = "each entry is at least 0, and their sum is bounded",
    .details =
        "{x : x_i >= 0, sum_i x_i <= at_most}, within the hyperparameter's domain and structure\n\n"
        "For a symmetric A with zero diagonal this is the constraint set of HMTL-S in Franceschi, Donini, Frasconi, "
        "Pontil, On Hyperparameter Optimization in Learning Systems (ICLR 2017 workshop). The bound makes the solution "
        "sparse. For a bound on each entry as well, see capped_sum.\n\n"
        "The projection is exact wherever the point lies: x_i becomes max(x_i - theta, 0) with the theta that meets "
        "the "
        "bound. Each entry is right to the last digits of the largest. Keep the outer learning rate well below "
        "at_most: a "
        "step of that size leaves the set and is projected onto a corner.",
    .options = HO_TABLE(options),
    .calls = &bounded_sum_calls,
    .create = create,
};
