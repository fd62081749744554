/* Plain training of the five workloads as a C programmer writes it for them alone, in f32: the measure of what
 * generality costs. Softmax and the smallest network have their weights in the layout that suits the products, which
 * run in registers, and everything else in one loop (by_hand.c); the others' products are the BLAS's
 * (by_hand_trunk.c). */
#ifndef BY_HAND_H
#define BY_HAND_H

#include <stdbool.h>
#include <stdint.h>

/* The batch divides the examples; 0: all of them at every step. Ten classes and features that are a multiple of 16,
 * unless it is a trunk. */
typedef struct by_hand {
    int64_t examples, features, classes, reals, batch, steps;
    int64_t width, layers;     /* hidden; no layers: softmax; one layer of 32 has a loop of its own; others: a trunk */
    bool adam;                 /* else SGD; trunks: momentum */
    float rate, momentum, rho; /* rho: l2 of the weights */
    float second;              /* the weight of the second head's error */
    const float *x, *weights;  /* weights: of the examples, or NULL */
    const float *interaction;  /* 10 x 10, or NULL: a penalty W L for every column of W */
    const double *labels, *reals_wanted;
} by_hand;

/* Returns the sum of the weights' squares. */
double by_hand_train(const by_hand *problem);
double by_hand_train_trunk(const by_hand *problem);

#endif
