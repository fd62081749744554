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

/* ---- a network with momentum --------------------------------------------------------------------------------------
 */

struct handwritten_network {
    int features, width, layers, classes, reals, batch, tanh;
    long size;
    float *w, *v, *g; /* each layer's W (in x out), then b; at last the two heads' */
    float **h, *states, *context, *back, *other;
};

static float *floats(long count)
{
    return calloc((size_t)count, sizeof(float));
}

handwritten_network *handwritten_network_new(int features, int width, int layers, int classes, int reals, int batch,
                                             int tanh)
{
    handwritten_network *net = calloc(1, sizeof *net);
    *net = (handwritten_network){.features = features,
                                 .width = width,
                                 .layers = layers,
                                 .classes = classes,
                                 .reals = reals,
                                 .batch = batch,
                                 .tanh = tanh};
    net->size =
        (long)(features + 1) * width + (long)(layers - 1) * (width + 1) * width + (long)(width + 1) * (classes + reals);
    net->w = floats(net->size);
    net->v = floats(net->size);
    net->g = floats(net->size);
    unsigned random = 1;
    for (long i = 0; i < net->size; i++) {
        random = random * 1664525u + 1013904223u;
        net->w[i] = 0.15f * ((float)(random >> 8) / (float)(1 << 24) - 0.5f);
    }
    net->h = calloc((size_t)layers, sizeof *net->h);
    for (int l = 0; l < layers; l++)
        net->h[l] = floats((long)batch * width);
    net->states = floats((long)batch * classes);
    net->context = floats((long)batch * reals);
    net->back = floats((long)batch * width);
    net->other = floats((long)batch * width);
    return net;
}

void handwritten_network_free(handwritten_network *net)
{
    for (int l = 0; l < net->layers; l++)
        free(net->h[l]);
    free(net->h);
    free(net->w);
    free(net->v);
    free(net->g);
    free(net->states);
    free(net->context);
    free(net->back);
    free(net->other);
    free(net);
}

/* z = x W + b. */
static void layer(int n, int in, int out, const float *x, const float *w, float *z)
{
    for (int i = 0; i < n; i++)
        memcpy(z + (long)i * out, w + (long)in * out, (size_t)out * sizeof *z);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, out, in, 1, x, in, w, out, 1, z, out);
}

/* From dz: g of the layer, and (unless x_bar is NULL) x_bar (+)= dz W'. */
static void layer_back(int n, int in, int out, const float *x, const float *w, const float *dz, float *g, float *x_bar,
                       int add)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, in, out, n, 1, x, in, dz, out, 0, g, out);
    float *b = g + (long)in * out;
    memset(b, 0, (size_t)out * sizeof *b);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < out; j++)
            b[j] += dz[(long)i * out + j];
    if (x_bar)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, in, out, 1, dz, out, w, out, (float)add, x_bar, in);
}

static void activate(long count, int tanh, float *h)
{
    for (long i = 0; i < count; i++)
        h[i] = tanh ? tanhf(h[i]) : h[i] > 0 ? h[i] : 0;
}

static void activate_back(long count, int tanh, const float *h, float *bar)
{
    for (long i = 0; i < count; i++)
        bar[i] = tanh ? bar[i] * (1 - h[i] * h[i]) : h[i] > 0 ? bar[i] : 0;
}

void handwritten_network_step(handwritten_network *net, const float *x, const double *labels, const double *reals,
                              float learning_rate, float momentum, float weight)
{
    int n = net->batch, width = net->width;
    long at = 0, first = (long)(net->features + 1) * width, square = (long)(width + 1) * width;
    for (int l = 0; l < net->layers; l++) {
        layer(n, l ? width : net->features, width, l ? net->h[l - 1] : x, net->w + at, net->h[l]);
        activate((long)n * width, net->tanh, net->h[l]);
        at += l ? square : first;
    }
    const float *last = net->h[net->layers - 1];
    long other = at + (long)(width + 1) * net->classes;
    layer(n, width, net->classes, last, net->w + at, net->states);
    layer(n, width, net->reals, last, net->w + other, net->context);

    softmax_minus_labels(n, net->classes, net->states, labels);
    for (long i = 0; i < (long)n * net->classes; i++)
        net->states[i] /= (float)n;
    for (long i = 0; i < (long)n * net->reals; i++)
        net->context[i] = 2 * weight / (float)n * (net->context[i] - (float)reals[i]);

    layer_back(n, width, net->classes, last, net->w + at, net->states, net->g + at, net->back, 0);
    layer_back(n, width, net->reals, last, net->w + other, net->context, net->g + other, net->back, 1);
    for (int l = net->layers - 1; l >= 0; l--) {
        at -= l ? square : first;
        activate_back((long)n * width, net->tanh, net->h[l], net->back);
        layer_back(n, l ? width : net->features, width, l ? net->h[l - 1] : x, net->w + at, net->back, net->g + at,
                   l ? net->other : NULL, 0);
        float *swap = net->back;
        net->back = net->other;
        net->other = swap;
    }
    for (long i = 0; i < net->size; i++) {
        net->v[i] = momentum * net->v[i] - learning_rate * net->g[i];
        net->w[i] += net->v[i];
    }
}
