/*
 * lambda on the scales of its hyperparameters (system/scale.h): where outer steps are taken.
 *
 * An entry at the end of its scale (a 0 that a constraint made on a log scale) has no coordinate there and does not
 * move: it counts as u = 0 with gradient 0, and comes back as it was.
 */
#ifndef HO_SYSTEM_SCALED_H
#define HO_SYSTEM_SCALED_H

#include "system/training.h"

/* The scale of each entry; free(). */
ho_scale *ho_scaled_new(const ho_training *training);
void ho_scaled_to(const ho_scale *scales, int64_t size, const double *lambda, double *u);
/* The chain rule: from dE/dlambda to dE/du. */
void ho_scaled_gradient(const ho_scale *scales, int64_t size, const double *lambda, const double *gradient,
                        double *by_u);
/* lambda becomes what stands at u. */
void ho_scaled_from(const ho_scale *scales, int64_t size, const double *u, double *lambda);

/* ||u - P(u - dE/du)||, where P projects onto the constraints: 0 at a stationary point of the constrained problem. The
 * gradient's own norm means nothing on the boundary of a constraint. NaN where the difference overflows. */
ho_status ho_stationarity(ho_training *training, const ho_scale *scales, const double *lambda, const double *gradient,
                          double *value, ho_error *error);
/* Euclidean. */
double ho_norm(const double *x, int64_t count);

#endif
