/* For dynamics that divide by a root of gradients: the option that keeps the root away from 0, and what their
 * documentation says of weights that never receive a gradient. */
#ifndef ADAPTIVE_H
#define ADAPTIVE_H

#include <hotool/plugin.h>

#define EPSILON_OPTION                                                                                           \
    {                                                                                                            \
        .name = "epsilon", .type = HO_REAL, .initial = "1e-5",                                                   \
        .doc = "its square is added under the root, which keeps the root away from 0", .least = 0.0, .most = 1e6 \
    }

/* `received` says what of the weight is 0, as in "its g and v". */
#define STILL_WEIGHTS(received)                                                                                      \
    "A weight that never receives a gradient stands still at 0: an input feature that is 0 in every training "       \
    "example, or a bias that symmetric data leave alone. There the slope of the step is learning_rate/epsilon, "     \
    "and rounding noise would grow by up to that factor per step. So where a weight is at 0, while others receive "  \
    "gradients and " received " are 0, or no more than the rounding errors of a gradient, the step counts as "       \
    "constant when it is differentiated. The bounds, in units of the working precision: 1024 sqrt(max v) and 2^18 "  \
    "epsilon for the gradient (in f32 with the default epsilon, about 2e-7; in f64, 3e-16), 2^18 learning_rate for " \
    "the weight."

#endif
