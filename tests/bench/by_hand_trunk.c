/* A network with momentum: hidden layers of one width, a head of classes and maybe one of reals; products by OpenBLAS,
 * one loop for everything between two of them. */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "by_hand.h"

typedef struct trunk {
    const by_hand *p;
    int n, width;
    long size;
    float *w, *v, *g; /* each layer's W (in x out), then b; at last the two heads' */
    float **h, *classes, *reals, *back, *other;
} trunk;

static float *floats(long count)
{
    return calloc((size_t)(count ? count : 1), sizeof(float));
}

static trunk trunk_new(const by_hand *p)
{
    const long width = (long)p->width;
    trunk q = {.p = p, .n = (int)p->batch, .width = (int)p->width};
    q.size = ((long)p->features + 1) * width + ((long)p->layers - 1) * (width + 1) * width +
             (width + 1) * (long)(p->classes + p->reals);
    q.w = floats(q.size);
    q.v = floats(q.size);
    q.g = floats(q.size);
    unsigned random = 1;
    for (long i = 0; i < q.size; i++) {
        random = random * 1664525u + 1013904223u;
        q.w[i] = 0.15f * ((float)(random >> 8) / (float)(1 << 24) - 0.5f);
    }
    q.h = calloc((size_t)p->layers, sizeof *q.h);
    for (int l = 0; l < p->layers; l++)
        q.h[l] = floats(q.n * width);
    q.classes = floats(q.n * (long)p->classes);
    q.reals = floats(q.n * (long)p->reals);
    q.back = floats(q.n * width);
    q.other = floats(q.n * width);
    return q;
}

static void trunk_free(trunk *q)
{
    for (int l = 0; l < q->p->layers; l++)
        free(q->h[l]);
    free(q->h);
    free(q->w);
    free(q->v);
    free(q->g);
    free(q->classes);
    free(q->reals);
    free(q->back);
    free(q->other);
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

/* z becomes the derivative by it of the mean cross entropy. */
static void softmax_back(int n, int k, float *z, const double *labels)
{
    for (int i = 0; i < n; i++) {
        float *row = z + (long)i * k, most = row[0], sum = 0;
        for (int j = 1; j < k; j++)
            most = fmaxf(most, row[j]);
        for (int j = 0; j < k; j++)
            row[j] = expf(row[j] - most);
        for (int j = 0; j < k; j++)
            sum += row[j];
        for (int j = 0; j < k; j++)
            row[j] /= sum * (float)n;
        row[(int)labels[i]] -= 1 / (float)n;
    }
}

static void step(trunk *q, const float *x, const double *labels, const double *wanted)
{
    const by_hand *p = q->p;
    const int n = q->n, width = q->width, layers = (int)p->layers, classes = (int)p->classes, reals = (int)p->reals;
    const long first = (long)(p->features + 1) * width, square = (long)(width + 1) * width;
    long at = 0;
    for (int l = 0; l < layers; l++) {
        layer(n, l ? width : (int)p->features, width, l ? q->h[l - 1] : x, q->w + at, q->h[l]);
        for (long i = 0; i < (long)n * width; i++)
            q->h[l][i] = tanhf(q->h[l][i]);
        at += l ? square : first;
    }
    const float *last = q->h[layers - 1];
    const long other = at + (long)(width + 1) * classes;
    layer(n, width, classes, last, q->w + at, q->classes);
    softmax_back(n, classes, q->classes, labels);
    layer_back(n, width, classes, last, q->w + at, q->classes, q->g + at, q->back, 0);
    if (reals > 0) {
        layer(n, width, reals, last, q->w + other, q->reals);
        for (long i = 0; i < (long)n * reals; i++)
            q->reals[i] = 2 * p->second / (float)n * (q->reals[i] - (float)wanted[i]);
        layer_back(n, width, reals, last, q->w + other, q->reals, q->g + other, q->back, 1);
    }
    for (int l = layers - 1; l >= 0; l--) {
        at -= l ? square : first;
        for (long i = 0; i < (long)n * width; i++)
            q->back[i] *= 1 - q->h[l][i] * q->h[l][i];
        layer_back(n, l ? width : (int)p->features, width, l ? q->h[l - 1] : x, q->w + at, q->back, q->g + at,
                   l ? q->other : NULL, 0);
        float *swap = q->back;
        q->back = q->other;
        q->other = swap;
    }
    for (long i = 0; i < q->size; i++) {
        q->v[i] = p->momentum * q->v[i] - p->rate * (q->g[i] + 2 * p->rho * q->w[i]);
        q->w[i] += q->v[i];
    }
}

double by_hand_train_trunk(const by_hand *p)
{
    trunk q = trunk_new(p);
    double squares = 0;
    for (int64_t t = 0; t < p->steps; t++) {
        const int64_t from = t * p->batch % p->examples; /* the examples are in no order: no need to shuffle */
        step(&q, p->x + from * p->features, p->labels + from, p->reals_wanted + from * p->reals);
    }
    for (long i = 0; i < q.size; i++)
        squares += (double)q.w[i] * q.w[i];
    trunk_free(&q);
    return squares;
}
