#include "handwritten.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void softmax_minus_labels(int n, int k, float *z, const double *labels)
{
    for (int i = 0; i < n; i++) {
        float *row = z + (long)i * k, most = row[0], sum = 0;
        for (int j = 1; j < k; j++)
            most = fmaxf(most, row[j]);
        for (int j = 0; j < k; j++) {
            row[j] = expf(row[j] - most);
            sum += row[j];
        }
        for (int j = 0; j < k; j++)
            row[j] /= sum;
        row[(int)labels[i]] -= 1.0f;
    }
}

float handwritten_train(int n, int d, int k, int steps, const float *x, const double *labels, const float *a, float rho,
                        float learning_rate)
{
    const float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-5f;
    long size = (long)d * k + k;
    float *w = calloc((size_t)size, sizeof *w), *m = calloc((size_t)size, sizeof *m);
    float *v = calloc((size_t)size, sizeof *v), *g = calloc((size_t)size, sizeof *g);
    float *z = calloc((size_t)(n * k), sizeof *z), *laplacian = calloc((size_t)(k * k), sizeof *laplacian);

    /* The penalty's gradient is W L with L = 4 (diag(A 1) - A) + 2 rho I. */
    for (int i = 0; i < k; i++) {
        laplacian[i * k + i] += 2 * rho;
        for (int j = 0; j < k; j++) {
            laplacian[i * k + i] += 4 * a[i * k + j];
            laplacian[i * k + j] -= 4 * a[i * k + j];
        }
    }
    for (int t = 1; t <= steps; t++) {
        for (int i = 0; i < n; i++)
            memcpy(z + (long)i * k, w + (long)d * k, (size_t)k * sizeof *z);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, k, d, 1, x, d, w, k, 1, z, k);
        softmax_minus_labels(n, k, z, labels);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, d, k, k, 1, w, k, laplacian, k, 0, g, k);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, d, k, n, 1, x, d, z, k, 1, g, k);
        memset(g + (long)d * k, 0, (size_t)k * sizeof *g);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < k; j++)
                g[(long)d * k + j] += z[(long)i * k + j];

        float rate = learning_rate * sqrtf(1 - powf(beta2, (float)t)) / (1 - powf(beta1, (float)t));
        for (long i = 0; i < size; i++) {
            m[i] = beta1 * m[i] + (1 - beta1) * g[i];
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
            w[i] -= rate * m[i] / sqrtf(v[i] + epsilon * epsilon);
        }
    }
    float first = w[0];
    free(w);
    free(m);
    free(v);
    free(g);
    free(z);
    free(laplacian);
    return first;
}
