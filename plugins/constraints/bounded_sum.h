/* The sets {0 <= x <= cap, at_least <= sum x <= at_most}, intersected with a hyperparameter's domain and structure. The
 * constraints that bound a sum share this: each reads its own options into a bounded_sum and uses these calls. */
#ifndef BOUNDED_SUM_H
#define BOUNDED_SUM_H

#include <hotool/plugin.h>
#include <hotool/structure.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct bounded_sum {
    double at_least, at_most; /* the sum; at_least is 0, or at_most: nothing else is needed yet, nor tried */
    double cap;               /* of each entry; may be infinite */
} bounded_sum;

static inline double bounded_sum_least(const ho_constrained *h)
{
    return h->lower > 0.0 ? h->lower : 0.0;
}

static inline ho_status bounded_sum_fits(void *self, const ho_constrained *h, char *reason, uint64_t reason_size)
{
    const bounded_sum *set = self;
    const int64_t entries = ho_free_entries(h);
    const double most = fmin(set->cap, h->upper);
    if (entries == 0 && set->at_least <= 0.0)
        return HO_OK;
    if (h->upper < 0.0) {
        snprintf(reason, reason_size, "the domain of %s ends at %g, so none of its values is nonnegative", h->name,
                 h->upper);
        return HO_INVALID;
    }
    if (h->lower > set->cap) {
        snprintf(reason, reason_size, "the domain of %s begins at %g, so none of its values is at most %g", h->name,
                 h->lower, set->cap);
        return HO_INVALID;
    }
    if ((long double)entries * (long double)bounded_sum_least(h) > (long double)set->at_most) {
        snprintf(reason, reason_size,
                 "the domain of %s begins at %g, so the sum of its %lld entries cannot be at most %g", h->name,
                 h->lower, (long long)entries, set->at_most);
        return HO_INVALID;
    }
    if (entries == 0 || (long double)entries * (long double)most < (long double)set->at_least) {
        snprintf(reason, reason_size, "%s has %lld entries of at most %g, so their sum cannot be %g", h->name,
                 (long long)entries, most, set->at_least);
        return HO_INVALID;
    }
    return HO_OK;
}

/* Free entries, and the bounds of each. */
typedef struct bounded_sum_entries {
    double *values;
    int64_t count;
    double least, most;
} bounded_sum_entries;

/* Where the multiplier of the sum lies: the sum is above its limit at `low` and not above it at `high`. */
typedef struct bounded_sum_bracket {
    double low, high;
} bounded_sum_bracket;

static inline double bounded_sum_clipped(const bounded_sum_entries *e, double x)
{
    x = x < e->least ? e->least : x;
    return x > e->most ? e->most : x;
}

/* How far the sum of the point that the multiplier `theta` leads to is above `limit`; *inner is how many entries lie
 * strictly within their bounds there. */
static inline long double bounded_sum_excess(const bounded_sum_entries *e, double theta, long double limit,
                                             int64_t *inner)
{
    long double total = 0.0L;
    *inner = 0;
    for (int64_t i = 0; i < e->count; i++) {
        const double x = bounded_sum_clipped(e, e->values[i] - theta);
        total += (long double)x;
        *inner += (x > e->least) & (x < e->most);
    }
    return total - limit;
}

/* Narrows the bracket until it is no wider than `width`, or its ends are neighbouring doubles. The sum falls as theta
 * grows, also as computed, since every rounding is monotone.
 *
 * The next trial is where Newton's method leads from the last one (the sum is linear between the entries' breakpoints),
 * moved on by a margin, so that both ends of the bracket come near. The margin grows while trials fall on one side.
 * Where Newton's method leads out of the bracket, and when many trials have not been enough, the next trial is the
 * middle. */
static inline bounded_sum_bracket bounded_sum_search(const bounded_sum_entries *e, long double limit,
                                                     bounded_sum_bracket b, double width)
{
    double trial = b.low, middle = b.low + 0.5 * (b.high - b.low), margin = 0.125;
    int above = 1;
    for (int trials = 1; b.high - b.low > width && b.low < middle && middle < b.high; trials++) {
        int64_t inner;
        const long double excess = bounded_sum_excess(e, trial, limit, &inner);
        margin = above == (excess > 0.0L) ? 4.0 * margin : 0.5;
        above = excess > 0.0L;
        if (excess >= 0.0L)
            b.low = trial;
        if (excess <= 0.0L)
            b.high = trial;
        middle = b.low + 0.5 * (b.high - b.low);
        trial = inner ? (double)((long double)trial + excess / (long double)inner) : b.low;
        trial += (above ? margin : -margin) * (width + 2.0 * DBL_EPSILON * fabs(trial));
        if (!(b.low < trial && trial < b.high) || trials > 40)
            trial = middle;
    }
    return b;
}

/* Replaces the entries by those of the point nearest to them, where clipping alone leaves the sum above its limit.
 * `rest` is what the entries' last digits could not hold.
 *
 * Far from the set, theta needs more digits than a double has: where 30 entries near 1e9 are to have the sum 5, theta
 * is near 1e9 too, whose last digit is 1e-7. So theta is found in parts. A part is near enough that differences from
 * what is left are of the size of the result, or it is a neighbour of the right one. Entries that end within their
 * bounds can be lowered by it with no error that counts, and the next part is searched among the differences. Two parts
 * are usual. */
static inline void bounded_sum_lower(bounded_sum_entries *e, const double *rest, long double limit)
{
    const double share = fmax((double)(fabsl(limit) / (long double)e->count), DBL_TRUE_MIN);
    double largest = 0.0, width;
    for (int64_t i = 0; i < e->count; i++)
        largest = e->values[i] > largest ? e->values[i] : largest;
    bounded_sum_bracket b = {0.0, nextafter(largest - e->least, DBL_MAX)};
    do {
        b = bounded_sum_search(e, limit, b, share);
        for (int64_t i = 0; i < e->count; i++)
            e->values[i] = (e->values[i] - b.high) + (rest ? rest[i] : 0.0);
        width = b.high - b.low;
        /* The first search was among values without `rest`. */
        const double rounding = rest ? 2.0 * DBL_EPSILON * fmax(b.high, fmin(fabs(e->most), fabs((double)limit))) : 0.0;
        b = (bounded_sum_bracket){-width - rounding, rounding};
        rest = NULL;
    } while (width > share);
    b = bounded_sum_search(e, limit, b, 0x1p-56 * share);
    for (int64_t i = 0; i < e->count; i++)
        e->values[i] = bounded_sum_clipped(e, e->values[i] - b.high);
}

/* The same where clipping leaves the sum below its limit: what lowers the entries' negatives raises them. No entry of
 * the set is above what the limit leaves beside the least values of the others, so there is a bound in every case. */
static inline void bounded_sum_raise(bounded_sum_entries *e, double *rest, long double limit)
{
    const double room = (double)(limit - (long double)(e->count - 1) * (long double)e->least);
    bounded_sum_entries negatives = {e->values, e->count, -fmin(e->most, room), -e->least};
    for (int64_t i = 0; i < e->count; i++) {
        e->values[i] = -e->values[i];
        rest[i] = -rest[i];
    }
    bounded_sum_lower(&negatives, rest, -limit);
    for (int64_t i = 0; i < e->count; i++)
        e->values[i] = -e->values[i];
}

/* What rounding loses of entry i where ho_project_structure replaces it and its mirror image by their mean. */
static inline double bounded_sum_rest(const ho_constrained *h, const double *values, int64_t i)
{
    if (!(h->structure & HO_SYMMETRIC))
        return 0.0;
    const int64_t n = h->dims[0], row = i / n, column = i % n;
    const double a = 0.5 * values[i], b = 0.5 * values[column * n + row], mean = a + b, part = mean - a;
    return (a - (mean - part)) + (b - part);
}

/* Multiplies entries and bounds by a power of 2. */
static inline void bounded_sum_scale(bounded_sum_entries *e, double *rest, double factor)
{
    for (int64_t i = 0; i < e->count; i++) {
        e->values[i] *= factor;
        rest[i] *= factor;
    }
    e->least *= factor;
    e->most *= factor;
}

/* By what all is multiplied so that sums and differences of two numbers, which theta may be, do not overflow. */
static inline double bounded_sum_factor(const bounded_sum_entries *e, long double limit)
{
    double largest = (double)fabsl(limit);
    for (int64_t i = 0; i < e->count; i++)
        largest = fmax(largest, fabs(e->values[i]));
    return largest > 0x1p1020 ? 0x1p-4 : 1.0;
}

/* The nearest point is clip(x_i - theta), where theta is the multiplier of the sum: positive where clipping alone
 * leaves it too large, negative where too small, else 0. A bounded sum is never exceeded; a given one is met to the
 * rounding of the entries. Values that are not finite are refused and left as they are. */
static inline ho_status bounded_sum_project(void *self, const ho_constrained *h, double *values)
{
    const bounded_sum *set = self;
    const bool given = set->at_least > 0.0;
    /* Allows for the rounding of the sum, and of the entries of a given one: a point of the set must not move. */
    const long double slack = given ? 4.0L * (long double)DBL_EPSILON * (long double)set->at_least +
                                          (long double)h->count * (long double)DBL_TRUE_MIN
                                    : (long double)h->count * LDBL_EPSILON * (long double)set->at_most;
    const long double limit = (long double)set->at_most + slack, least = (long double)set->at_least - slack;
    double *free_values = malloc(2 * (size_t)h->count * sizeof(double)), *rest = free_values + h->count;
    bounded_sum_entries e = {free_values, 0, bounded_sum_least(h), set->cap < h->upper ? set->cap : h->upper};
    ho_status status = free_values ? HO_OK : HO_FAILED;
    int64_t inner;

    for (int64_t i = 0; i < h->count && status == HO_OK; i++) {
        status = isfinite(values[i]) ? HO_OK : HO_FAILED;
        if (ho_entry_free(h, i))
            rest[e.count++] = bounded_sum_rest(h, values, i);
    }
    if (status == HO_OK) {
        ho_project_structure(h, values);
        e.count = 0;
        for (int64_t i = 0; i < h->count; i++)
            if (ho_entry_free(h, i))
                e.values[e.count++] = values[i];
        const bool above = bounded_sum_excess(&e, 0.0, limit, &inner) > 0.0L;
        if (above || (given && bounded_sum_excess(&e, 0.0, least, &inner) < 0.0L)) {
            const double factor = bounded_sum_factor(&e, limit);
            bounded_sum_entries scaled = e;
            bounded_sum_scale(&scaled, rest, factor);
            if (above)
                bounded_sum_lower(&scaled, rest, factor * (given ? (long double)set->at_most : limit));
            else
                bounded_sum_raise(&scaled, rest, factor * (long double)set->at_least);
            bounded_sum_scale(&scaled, rest, 1.0 / factor);
        }
        for (int64_t i = 0, k = 0; i < h->count; i++) {
            const double x = ho_entry_free(h, i) ? bounded_sum_clipped(&e, e.values[k++]) : 0.0;
            if (values[i] != x) /* -0 is in the set too */
                values[i] = x;
        }
    }
    free(free_values);
    return status;
}

static const ho_constraint_calls bounded_sum_calls = {
    .struct_size = sizeof(ho_constraint_calls),
    .fits = bounded_sum_fits,
    .project = bounded_sum_project,
};

#endif
