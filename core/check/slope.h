/*
 * The slope of a curve at 0 from differences, and how far it can be trusted.
 *
 * Differences over shrinking steps, extrapolated to step 0: central ones in powers of h^2, one-sided ones in powers of
 * h (Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Advances in Engineering Software 4, 1982). The error is
 * estimated from how much neighbours in the table of extrapolations disagree, and never taken to be less than what
 * rounding a value of the curve does to a difference. Where the curve is rough on the scale of the steps, neighbours do
 * not agree and the error says so.
 */
#ifndef HO_CHECK_SLOPE_H
#define HO_CHECK_SLOPE_H

#include <stdbool.h>

#include "hotool/abi.h"

#define HO_SLOPE_TRUST 10.0 /* a slope is off by less than so many times its estimated error */

/* The curve at h; NaN where it cannot be used there. Anything but HO_OK ends the estimate. */
typedef ho_status (*ho_curve)(void *self, double h, double *value);

typedef struct ho_slope {
    double value, error; /* error INFINITY: the value says nothing */
    double step;         /* the shortest that the value rests on */
    int used, lost;      /* differences that could be taken, and not */
} ho_slope;

/* The first difference is over `first` (negative: to the other side). While a difference cannot be taken, steps shrink
 * by 10, at most seven times; then by 4, at most seven times, until the error is at most `good` times the larger of the
 * slope's size and `scale`, or grows for good. An estimate without one
 * certain digit counts only where the curve hardly changes, that is, where the slope is 0 but for rounding; else the
 * error is INFINITY. */
ho_status ho_slope_of(ho_curve curve, void *self, double first, bool both_sides, double scale, double good,
                      ho_slope *slope);

/* The joint finding of differences over longer and over shorter steps. A curve that changes within a narrow layer looks
 * smooth to longer steps, and another slope certain; so where the two contradict each other, the shorter ones count,
 * and where they do not, those that are more certain. */
ho_slope ho_slope_join(ho_slope longer, ho_slope shorter);

#endif
