/* What a competent C programmer writes for one problem: the measure of what generality costs. */
#ifndef HANDWRITTEN_H
#define HANDWRITTEN_H

/* Softmax regression on x (n x d) with the penalty sum_jk A_jk ||w_j - w_k||^2 + rho ||W||^2 and Adam for `steps` steps
 * from zero; returns the first weight. */
float handwritten_train(int n, int d, int k, int steps, const float *x, const double *labels, const float *a, float rho,
                        float learning_rate);

#endif
