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
#define STILL_WEIGHTS(received)                                                                        \
    "A weight never moves from 0 if it never receives a gradient: its input feature is 0 in every "    \
    "training example, or symmetric data cancel it. The derivative of the step there is "              \
    "learning_rate/epsilon, and rounding noise would grow by up to that factor per step. So a step "   \
    "counts as constant when it is differentiated if its weight is at 0 and " received                 \
    " are 0 or no larger than the rounding errors of a gradient, while other weights receive "         \
    "gradients. The bounds, in units of the working precision, are 1024 sqrt(max v) and 2^18 epsilon " \
    "for the gradient (in f32 with the default epsilon, about 2e-7; in f64, 3e-16) and 2^18 "          \
    "learning_rate for the weight."

#endif
