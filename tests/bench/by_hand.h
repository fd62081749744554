/* Plain training as a C programmer writes it for three of the workloads alone, in f32: weights in the layout that suits
 * the products, products in registers, everything else in one loop. The measure of what generality costs. */
#ifndef BY_HAND_H
#define BY_HAND_H

#include <stdbool.h>
#include <stdint.h>

/* Ten classes; features and 32 hidden units, if `hidden`, are multiples of 16. The batch divides the examples; 0: all
 * of them at every step. */
typedef struct by_hand {
    int64_t examples, features, batch, steps;
    bool hidden, adam;
    float rate, rho;
    const float *x, *weights; /* weights: of the examples, or NULL */
    const float *interaction; /* 10 x 10, or NULL: a penalty W L for every column of W */
    const double *labels;
} by_hand;

/* Returns the sum of the weights' squares. */
double by_hand_train(const by_hand *problem);

#endif
