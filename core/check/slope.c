#include "check/slope.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define ROWS     8    /* differences in the table; and the most that may be lost before the first */
#define SHRINK   4    /* from row to row */
#define WORSE    64   /* a row as bad as that, against the best, says that only noise is left */
#define SURE     0.1  /* a slope's error against its size, where the curve changes by more over the first step than */
#define FAINT    1e-8 /* this share of its values */
#define SHRINK_0 10   /* while none could be taken */

/* One difference quotient; *size becomes the larger size of its two values. */
static ho_status quotient(ho_curve curve, void *self, double h, bool both_sides, double *value, double *size)
{
    double ahead = NAN, behind = NAN;
    ho_status status = curve(self, h, &ahead);
    if (status == HO_OK && !isnan(ahead))
        status = curve(self, both_sides ? -h : 0.0, &behind);
    *value = (ahead - behind) / (both_sides ? 2 * h : h);
    *size = fmax(fabs(ahead), fabs(behind));
    return status;
}

/* Where the best entry stands. */
typedef struct best {
    int row, column;
} best;

/* Fills row number `count` of the table after `above` from its first entry; the best entry so far goes to `slope`. An
 * entry may be close to its neighbours by chance, so the entry below it has its say too. Returns the row's least error.
 */
static double extrapolate(const double *above, double *row, int count, double order, double step, double rounding,
                          best *at, ho_slope *slope)
{
    double power = 1, least = INFINITY;
    for (int j = 1; j < count; j++) {
        power *= order;
        row[j] = row[j - 1] + (row[j - 1] - above[j - 1]) / (power - 1);
    }
    if (at->row == count - 1 && isfinite(slope->error))
        slope->error = fmax(slope->error, fabs(row[at->column] - slope->value));
    for (int j = 1; j < count; j++) {
        double error = fmax(fmax(fabs(row[j] - row[j - 1]), fabs(row[j] - above[j - 1])), rounding);
        if (j < count - 1)
            error = fmax(error, fabs(row[j] - above[j]));
        least = fmin(least, error);
        if (error < slope->error) {
            *slope = (ho_slope){row[j], error, step, slope->used, slope->lost};
            *at = (best){count, j};
        }
    }
    return least;
}

ho_status ho_slope_of(ho_curve curve, void *self, double first, bool both_sides, double scale, double good,
                      ho_slope *slope)
{
    double rows[2][ROWS], largest = 0;
    int count = 0;
    best at = {0};
    *slope = (ho_slope){.value = NAN, .error = INFINITY};
    for (double h = first; count < ROWS && slope->lost < ROWS;) {
        double *row = rows[count % 2], size;
        ho_status status = quotient(curve, self, h, both_sides, &row[0], &size);
        if (status != HO_OK)
            return status;
        if (isnan(row[0])) {
            slope->lost++;
            count = at.row = 0;
            h /= SHRINK_0;
            continue;
        }
        count++;
        slope->used++;
        largest = fmax(largest, size);
        const double least = extrapolate(rows[count % 2], row, count, both_sides ? SHRINK * SHRINK : SHRINK, fabs(h),
                                         DBL_EPSILON * size / fabs(h), &at, slope);
        if (slope->error <= good * fmax(fabs(slope->value), scale) || (count > 3 && least > WORSE * slope->error))
            break;
        h /= SHRINK;
    }
    /* The smallest of errors that are all large says nothing: the curve is rough on the scale of every step. */
    if (slope->error > SURE * fabs(slope->value) && slope->error * fabs(first) > FAINT * largest)
        slope->error = INFINITY;
    return HO_OK;
}

ho_slope ho_slope_join(ho_slope longer, ho_slope shorter)
{
    const double apart = fabs(longer.value - shorter.value); /* NaN where one has found nothing */
    const bool contradict = apart > HO_SLOPE_TRUST * (longer.error + shorter.error);
    ho_slope joint = contradict || shorter.error < longer.error ? shorter : longer;
    joint.used = longer.used + shorter.used;
    joint.lost = longer.lost + shorter.lost;
    return joint;
}
