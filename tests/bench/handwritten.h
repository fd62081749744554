/* What a competent C programmer writes for one problem: the measure of what generality costs. */
#ifndef HANDWRITTEN_H
#define HANDWRITTEN_H

/* Softmax regression on x (n x d) with the penalty sum_jk A_jk ||w_j - w_k||^2 + rho ||W||^2 and Adam for `steps` steps
 * from zero; returns the first weight. */
float handwritten_train(int n, int d, int k, int steps, const float *x, const double *labels, const float *a, float rho,
                        float learning_rate);

/* A network of `layers` hidden layers (tanh or relu) with a softmax and a least-squares head, whose weight is given at
 * each step of momentum on one batch. */
typedef struct handwritten_network handwritten_network;
handwritten_network *handwritten_network_new(int features, int width, int layers, int classes, int reals, int batch,
                                             int tanh);
void handwritten_network_free(handwritten_network *net);
void handwritten_network_step(handwritten_network *net, const float *x, const double *labels, const double *reals,
                              float learning_rate, float momentum, float weight);

#endif
