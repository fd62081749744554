/* The nonnegative entries whose sum is bounded. */
#include <hotool/plugin.h>
#include <hotool/structure.h>

#include <float.h>
#include <math.h>
#include <stdio.h>

typedef struct nonnegative_sum {
    double at_most;
} nonnegative_sum;

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
    nonnegative_sum *set = ho_setup_alloc(u, sizeof(nonnegative_sum));
    if (!set)
        return HO_FAILED;
    set->at_most = ho_option_real(u, "at_most");
    *self = set;
    return HO_OK;
}

static double least_of(const ho_constrained *h)
{
    return h->lower > 0.0 ? h->lower : 0.0;
}

static ho_status fits(void *self, const ho_constrained *h, char *reason, uint64_t reason_size)
{
    const nonnegative_sum *set = self;
    const int64_t entries = ho_free_entries(h);
    if (entries == 0)
        return HO_OK;
    if (h->upper < 0.0) {
        snprintf(reason, reason_size, "%s is at most %g by its domain, so no value of it is nonnegative", h->name,
                 h->upper);
        return HO_INVALID;
    }
    if ((long double)entries * (long double)least_of(h) > (long double)set->at_most) {
        snprintf(reason, reason_size,
                 "each of the %lld entries of %s is at least %g by its domain, so their sum cannot be at most %g",
                 (long long)entries, h->name, h->lower, set->at_most);
        return HO_INVALID;
    }
    return HO_OK;
}

/* Entry i of the point that the multiplier `theta` of the sum leads to. */
static double entry(const ho_constrained *h, const double *values, int64_t i, double theta)
{
    const double least = least_of(h), x = values[i] - theta;
    if (!ho_entry_free(h, i))
        return 0.0;
    return x < least ? least : x > h->upper ? h->upper : x;
}

static long double sum(const ho_constrained *h, const double *values, double theta)
{
    long double total = 0.0L;
    for (int64_t i = 0; i < h->count; i++)
        total += (long double)entry(h, values, i, theta);
    return total;
}

/* The nearest point is clip(x_i - theta), where theta >= 0 is the multiplier of the sum (0 where the sum is small
 * enough). The sum falls as theta grows, also as computed, since every rounding is monotone: bisection down to
 * neighbouring doubles is as exact as the numbers are, and always ends inside the set. */
static ho_status project(void *self, const ho_constrained *h, double *values)
{
    const nonnegative_sum *set = self;
    /* What rounding can add to the computed sum of a point of the set: such a point must not move. */
    const long double limit = (long double)set->at_most * (1.0L + (long double)h->count * LDBL_EPSILON);
    double theta = 0.0;

    ho_project_structure(h, values);
    if (sum(h, values, 0.0) > limit) {
        double below = 0.0, largest = 0.0;
        for (int64_t i = 0; i < h->count; i++)
            largest = values[i] > largest ? values[i] : largest;
        theta = nextafter(largest - least_of(h), HUGE_VAL);
        for (double middle = 0.5 * theta; below < middle && middle < theta; middle = below + 0.5 * (theta - below)) {
            if (sum(h, values, middle) > limit)
                below = middle;
            else
                theta = middle;
        }
    }
    for (int64_t i = 0; i < h->count; i++) {
        const double x = entry(h, values, i, theta);
        if (values[i] != x) /* -0 is in the set */
            values[i] = x;
    }
    return HO_OK;
}

static const ho_constraint_calls calls = {
    .struct_size = sizeof(ho_constraint_calls),
    .fits = fits,
    .project = project,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_CONSTRAINT),
    .name = "nonnegative_sum",
    .version = "1.0.0",
    .doc = "every entry is at least 0 and their sum is at most a bound",
    .details =
        "{x : x_i >= 0, sum_i x_i <= at_most}, within the hyperparameter's domain and structure\n\n"
        "For a symmetric A with zero diagonal this is the set of HMTL-S in Franceschi, Donini, Frasconi, Pontil, "
        "On Hyperparameter Optimization in Learning Systems (ICLR 2017 workshop); for example weights in [0, 1], "
        "that of their data cleaning. The bound makes the solution sparse.\n\n"
        "The projection is exact onto the whole set: x_i is lowered by one number theta and then clipped, with "
        "the theta that meets the bound (found by bisection). An outer learning rate as large as at_most "
        "jumps out of the set and comes back to a corner: keep it well below.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
