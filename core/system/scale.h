/*
 * Scales: the units in which a hyperparameter is moved, drawn and plotted.
 *
 * x is its value, u its coordinate: x itself, log x, or logit x = log(x/(1 - x)). Hypergradients are by x; by u they
 * are dE/du = dE/dx dx/du (ho_scale_slope).
 */
#ifndef HO_SYSTEM_SCALE_H
#define HO_SYSTEM_SCALE_H

#include <stdbool.h>

typedef enum ho_scale { HO_SCALE_AUTO, HO_SCALE_LINEAR, HO_SCALE_LOG, HO_SCALE_LOGIT } ho_scale;

/* As pipelines write them, by number; ending with NULL. */
extern const char *const ho_scale_names[];

/* The one that goes with a domain: logit within [0, 1], log within [0, inf), else linear. */
ho_scale ho_scale_of_domain(double lower, double upper);
/* Whether x has a coordinate: x > 0 for log, 0 < x < 1 for logit. */
bool ho_scale_has(ho_scale scale, double x);
double ho_scale_to(ho_scale scale, double x); /* u; at an end of the scale infinite, beyond it NaN */
/* x, never rounded to an end of the scale, from which no finite u would lead away; infinite where it overflows. */
double ho_scale_from(ho_scale scale, double u);
double ho_scale_slope(ho_scale scale, double x); /* dx/du at x */

#endif
