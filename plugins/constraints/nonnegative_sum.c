/* The nonnegative entries whose sum is bounded. */
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
    .doc = "every entry is at least 0 and their sum is at most a bound",
    .details =
        "{x : x_i >= 0, sum_i x_i <= at_most}, within the hyperparameter's domain and structure\n\n"
        "For a symmetric A with zero diagonal this is the set of HMTL-S in Franceschi, Donini, Frasconi, Pontil, "
        "On Hyperparameter Optimization in Learning Systems (ICLR 2017 workshop). "
        "The bound makes the solution sparse. With a bound on each entry as well, see capped_sum.\n\n"
        "The projection is exact onto the whole set, wherever the point lies: all entries are lowered by one theta and "
        "clipped, with the theta that meets the bound. Each entry is right to the last digits of the largest. An outer "
        "learning rate as large as at_most jumps out of the set and comes back to a corner: keep it well below.",
    .options = HO_TABLE(options),
    .calls = &bounded_sum_calls,
    .create = create,
};
