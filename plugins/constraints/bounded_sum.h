/* The sets {0 <= x <= cap, sum x <= at_most}, within a hyperparameter's domain and structure: what the constraints that
 * bound a sum share. Each reads its own options into a bounded_sum and gives these calls. */
#ifndef BOUNDED_SUM_H
#define BOUNDED_SUM_H

#include <hotool/plugin.h>
#include <hotool/structure.h>

#include <float.h>
#include <math.h>
#include <stdio.h>

typedef struct bounded_sum {
    double at_most;
    double cap; /* of each entry; may be infinite */
} bounded_sum;

static inline double bounded_sum_least(const ho_constrained *h)
{
    return h->lower > 0.0 ? h->lower : 0.0;
}

static inline ho_status bounded_sum_fits(void *self, const ho_constrained *h, char *reason, uint64_t reason_size)
{
    const bounded_sum *set = self;
    const int64_t entries = ho_free_entries(h);
    if (entries == 0)
        return HO_OK;
    if (h->upper < 0.0) {
        snprintf(reason, reason_size, "%s is at most %g by its domain, so no value of it is nonnegative", h->name,
                 h->upper);
        return HO_INVALID;
    }
    if (h->lower > set->cap) {
        snprintf(reason, reason_size, "%s is at least %g by its domain, so no value of it is at most %g", h->name,
                 h->lower, set->cap);
        return HO_INVALID;
    }
    if ((long double)entries * (long double)bounded_sum_least(h) > (long double)set->at_most) {
        snprintf(reason, reason_size,
                 "each of the %lld entries of %s is at least %g by its domain, so their sum cannot be at most %g",
                 (long long)entries, h->name, h->lower, set->at_most);
        return HO_INVALID;
    }
    return HO_OK;
}

/* The bounds of each free entry. */
typedef struct bounded_sum_box {
    double least, most;
} bounded_sum_box;

/* Entry i of the point that the multiplier `theta` of the sum leads to. */
static inline double bounded_sum_entry(const ho_constrained *h, bounded_sum_box box, const double *values, int64_t i,
                                       double theta)
{
    const double x = values[i] - theta;
    if (!ho_entry_free(h, i))
        return 0.0;
    return x < box.least ? box.least : x > box.most ? box.most : x;
}

/* How far the sum at theta is above `limit`; *inner is how many entries lie strictly within their bounds there. */
static inline long double bounded_sum_excess(const ho_constrained *h, bounded_sum_box box, const double *values,
                                             double theta, long double limit, int64_t *inner)
{
    long double total = 0.0L;
    *inner = 0;
    for (int64_t i = 0; i < h->count; i++) {
        const double x = bounded_sum_entry(h, box, values, i, theta);
        total += (long double)x;
        *inner += (x > box.least) & (x < box.most);
    }
    return total - limit;
}

/* The least theta whose sum, as computed, is at most `limit`: 0 is too small, and the sum falls as theta grows, also as
 * computed, since every rounding is monotone. A bracket is narrowed down to neighbouring doubles, so that the answer is
 * as exact as the numbers are, and does not depend on where the sum was tried.
 *
 * Tried is where Newton's method leads from the last trial (the sum is linear between the entries' breakpoints), moved
 * on by a margin, so that both ends of the bracket come near; where that is outside, the middle. The margin grows until
 * only middles are left, which bounds the number of trials. */
static inline double bounded_sum_multiplier(const ho_constrained *h, bounded_sum_box box, const double *values,
                                            long double limit)
{
    double below = 0.0, largest = 0.0, margin = DBL_EPSILON;
    for (int64_t i = 0; i < h->count; i++)
        largest = values[i] > largest ? values[i] : largest;
    double theta = nextafter(largest - box.least, DBL_MAX), trial = below;
    for (double middle = 0.5 * theta; below < middle && middle < theta; middle = below + 0.5 * (theta - below)) {
        int64_t inner;
        const long double excess = bounded_sum_excess(h, box, values, trial, limit, &inner);
        if (excess > 0.0L)
            below = trial;
        else
            theta = trial;
        const double newton = inner ? (double)((long double)trial + excess / (long double)inner) : -1.0;
        trial = excess > 0.0L ? newton * (1.0 + margin) : newton * (1.0 - margin);
        if (!(below < trial && trial < theta))
            trial = below + 0.5 * (theta - below);
        margin *= 4.0;
    }
    return theta;
}

/* The nearest point is clip(x_i - theta), where theta >= 0 is the multiplier of the sum (0 where the sum is small
 * enough). It always lies inside the set. */
static inline ho_status bounded_sum_project(void *self, const ho_constrained *h, double *values)
{
    const bounded_sum *set = self;
    const bounded_sum_box box = {bounded_sum_least(h), set->cap < h->upper ? set->cap : h->upper};
    /* What rounding can add to the computed sum of a point of the set: such a point must not move. */
    const long double limit = (long double)set->at_most * (1.0L + (long double)h->count * LDBL_EPSILON);
    int64_t inner;

    ho_project_structure(h, values);
    const double theta = bounded_sum_excess(h, box, values, 0.0, limit, &inner) > 0.0L
                             ? bounded_sum_multiplier(h, box, values, limit)
                             : 0.0;
    for (int64_t i = 0; i < h->count; i++) {
        const double x = bounded_sum_entry(h, box, values, i, theta);
        if (values[i] != x) /* -0 is in the set */
            values[i] = x;
    }
    return HO_OK;
}

static const ho_constraint_calls bounded_sum_calls = {
    .struct_size = sizeof(ho_constraint_calls),
    .fits = bounded_sum_fits,
    .project = bounded_sum_project,
};

#endif
