#include "by_hand.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { K = 10, PADDED = 16, HIDDEN = 32, ROWS = 64 };

typedef float vector __attribute__((vector_size(64), aligned(4), may_alias));
#define LANES  16
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

static float *floats(int64_t count)
{
    float *values = aligned_alloc(64, (size_t)(count + LANES) / LANES * LANES * sizeof *values);
    memset(values, 0, (size_t)count * sizeof *values);
    return values;
}

/* w (+)= a step down g, with Adam's moments or without; `decay` of w is the gradient of a penalty. */
static void update(const by_hand *p, int64_t t, int64_t count, float *w, float *m, float *v, const float *g,
                   float decay)
{
    const float beta1 = 0.9f, beta2 = 0.999f, tiny = 1e-10f;
    if (!p->adam) {
        for (int64_t i = 0; i < count; i++)
            w[i] -= p->rate * g[i];
        return;
    }
    const float rate = p->rate * sqrtf(1 - powf(beta2, (float)t)) / (1 - powf(beta1, (float)t));
    for (int64_t i = 0; i < count; i++) {
        float slope = g[i] + decay * w[i];
        m[i] = beta1 * m[i] + (1 - beta1) * slope;
        v[i] = beta2 * v[i] + (1 - beta2) * slope * slope;
        w[i] -= rate * m[i] / sqrtf(v[i] + tiny);
    }
}

/* z becomes the derivative by the logits of the weighted mean of cross entropies; rows are PADDED apart. */
static void softmax_back(int64_t n, float *z, const double *labels, const float *weights, float scale)
{
    for (int64_t i = 0; i < n; i++, z += PADDED) {
        float most = z[0], sum = 0, share = weights ? scale * weights[i] : scale;
        for (int j = 1; j < K; j++)
            most = fmaxf(most, z[j]);
        for (int j = 0; j < K; j++)
            z[j] -= most;
        for (int j = 0; j < PADDED; j++)
            z[j] = expf(z[j]);
        for (int j = 0; j < K; j++)
            sum += z[j];
        for (int j = 0; j < PADDED; j++)
            z[j] = j < K ? z[j] * (share / sum) : 0;
        z[(int)labels[i]] -= share;
    }
}

/* ---- softmax: W as 10 rows of features -------------------------------------------------------------------------- */

INLINE float sum_of(vector v)
{
    float sum = 0;
    UNROLL
    for (int i = 0; i < LANES; i++)
        sum += v[i];
    return sum;
}

/* z (rows x 10) = x W' + b, for 4 or fewer rows: 5 classes at a time. */
INLINE void logits(const int rows, const float *x, int64_t d, const float *w, const float *b, float *z)
{
    UNROLL
    for (int half = 0; half < K; half += 5) {
        vector sum[4][5];
        UNROLL
        for (int r = 0; r < rows; r++)
            UNROLL
        for (int j = 0; j < 5; j++)
            sum[r][j] = (vector){0};
        for (int64_t i = 0; i < d; i += LANES) {
            vector a[4];
            UNROLL
            for (int r = 0; r < rows; r++) {
                a[r] = *(const vector *)(x + r * d + i);
                __builtin_prefetch(x + (r + 8) * d + i);
            }
            UNROLL
            for (int j = 0; j < 5; j++) {
                vector y = *(const vector *)(w + (half + j) * d + i);
                UNROLL
                for (int r = 0; r < rows; r++)
                    sum[r][j] += a[r] * y;
            }
        }
        UNROLL
        for (int r = 0; r < rows; r++)
            UNROLL
        for (int j = 0; j < 5; j++)
            z[r * PADDED + half + j] = sum_of(sum[r][j]) + b[half + j];
    }
}

/* 10 rows of two vectors of g += z' x. */
static void add_gradient(const float *x, int64_t d, const float *z, int64_t rows, float *g)
{
    vector sum[K][2];
    UNROLL
    for (int j = 0; j < K; j++)
        UNROLL
    for (int v = 0; v < 2; v++)
        sum[j][v] = *(const vector *)(g + j * d + v * LANES);
    for (int64_t i = 0; i < rows; i++) {
        vector a0 = *(const vector *)(x + i * d), a1 = *(const vector *)(x + i * d + LANES);
        UNROLL
        for (int j = 0; j < K; j++) {
            sum[j][0] += a0 * z[i * PADDED + j];
            sum[j][1] += a1 * z[i * PADDED + j];
        }
    }
    UNROLL
    for (int j = 0; j < K; j++)
        UNROLL
    for (int v = 0; v < 2; v++)
        *(vector *)(g + j * d + v * LANES) = sum[j][v];
}

/* g = L W, where there is a penalty. */
static void begin_gradient(const by_hand *p, const float *w, float *g)
{
    const int64_t d = p->features;
    memset(g, 0, (size_t)(K * d + K) * sizeof *g);
    for (int64_t i = 0; p->interaction && i < d; i += LANES) {
        vector a[K];
        UNROLL
        for (int j = 0; j < K; j++)
            a[j] = *(const vector *)(w + j * d + i);
        for (int j = 0; j < K; j++) {
            vector sum = {0};
            UNROLL
            for (int l = 0; l < K; l++)
                sum += a[l] * p->interaction[j * K + l];
            *(vector *)(g + j * d + i) = sum;
        }
    }
}

static double train_softmax(const by_hand *p)
{
    const int64_t d = p->features, size = K * d + K, n = p->examples;
    float *w = floats(size), *m = floats(size), *v = floats(size), *g = floats(size), *b = w + K * d;
    float z[ROWS * PADDED] = {0};
    double squares = 0;
    for (int64_t t = 1; t <= p->steps; t++) {
        begin_gradient(p, w, g);
        for (int64_t i0 = 0; i0 < n; i0 += ROWS) {
            const int64_t rows = n - i0 < ROWS ? n - i0 : ROWS;
            const float *x = p->x + i0 * d;
            int64_t i = 0;
            for (; i + 4 <= rows; i += 4)
                logits(4, x + i * d, d, w, b, z + i * PADDED);
            for (; i < rows; i++)
                logits(1, x + i * d, d, w, b, z + i * PADDED);
            softmax_back(rows, z, p->labels + i0, p->weights ? p->weights + i0 : NULL, 1 / (float)n);
            for (int64_t f = 0; f + 2 * LANES <= d; f += 2 * LANES)
                add_gradient(x + f, d, z, rows, g + f);
            if (d % (2 * LANES)) /* 16 of the last 32 again: take them from a copy */
                for (int j = 0; j < K; j++)
                    for (int64_t r = 0; r < rows; r++)
                        *(vector *)(g + j * d + d - LANES) +=
                            *(const vector *)(x + r * d + d - LANES) * z[r * PADDED + j];
            for (int64_t r = 0; r < rows; r++)
                for (int j = 0; j < K; j++)
                    g[K * d + j] += z[r * PADDED + j];
        }
        update(p, t, size, w, m, v, g, 0);
    }
    for (int64_t i = 0; i < size; i++)
        squares += (double)w[i] * w[i];
    free(w);
    free(m);
    free(v);
    free(g);
    return squares;
}

/* ---- a network with one hidden layer ---------------------------------------------------------------------------- */

/* c (m x vectors of 16) = a @ b, where a is anywhere; m is a multiple of 8. */
INLINE void product(const int vectors, int64_t m, int64_t depth, const float *a, int64_t row, int64_t column,
                    const float *b, float *c)
{
    for (int64_t i = 0; i < m; i += 8) {
        vector sum[8][2];
        UNROLL
        for (int r = 0; r < 8; r++)
            UNROLL
        for (int v = 0; v < vectors; v++)
            sum[r][v] = (vector){0};
        for (int64_t k = 0; k < depth; k++) {
            UNROLL
            for (int r = 0; r < 8; r++)
                UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] += a[(i + r) * row + k * column] * *(const vector *)(b + (k * vectors + v) * LANES);
        }
        UNROLL
        for (int r = 0; r < 8; r++)
            UNROLL
        for (int v = 0; v < vectors; v++)
            *(vector *)(c + ((i + r) * vectors + v) * LANES) = sum[r][v];
    }
}

typedef struct network {
    float *w, *m, *v, *g; /* W1 (features x 32), b1, W2 (32 x 16, of which 10 columns count), b2 */
    float *x, *h, *z, *back, *turned;
    double *labels;
} network;

static void network_step(const by_hand *p, network *q, int64_t t)
{
    const int64_t d = p->features, n = p->batch, b1 = d * HIDDEN, w2 = b1 + HIDDEN, b2 = w2 + HIDDEN * PADDED;
    product(2, n, d, q->x, d, 1, q->w, q->h);
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < HIDDEN; j++)
            q->h[i * HIDDEN + j] += q->w[b1 + j];
    for (int64_t i = 0; i < n * HIDDEN; i++)
        q->h[i] = tanhf(q->h[i]);
    product(1, n, HIDDEN, q->h, HIDDEN, 1, q->w + w2, q->z);
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < PADDED; j++)
            q->z[i * PADDED + j] += q->w[b2 + j];
    softmax_back(n, q->z, q->labels, NULL, 1 / (float)n);

    product(1, HIDDEN, n, q->h, 1, HIDDEN, q->z, q->g + w2);
    for (int k = 0; k < HIDDEN; k++)
        for (int j = 0; j < PADDED; j++)
            q->turned[j * HIDDEN + k] = q->w[w2 + k * PADDED + j];
    product(2, n, K, q->z, PADDED, 1, q->turned, q->back);
    for (int64_t i = 0; i < n * HIDDEN; i++)
        q->back[i] *= 1 - q->h[i] * q->h[i];
    product(2, d, n, q->x, 1, d, q->back, q->g);
    memset(q->g + b1, 0, HIDDEN * sizeof(float));
    memset(q->g + b2, 0, PADDED * sizeof(float));
    for (int64_t i = 0; i < n; i++) {
        for (int j = 0; j < HIDDEN; j++)
            q->g[b1 + j] += q->back[i * HIDDEN + j];
        for (int j = 0; j < PADDED; j++)
            q->g[b2 + j] += q->z[i * PADDED + j];
    }
    update(p, t, b1, q->w, q->m, q->v, q->g, 2 * p->rho);
    update(p, t, HIDDEN, q->w + b1, q->m + b1, q->v + b1, q->g + b1, 0);
    update(p, t, HIDDEN * PADDED, q->w + w2, q->m + w2, q->v + w2, q->g + w2, 2 * p->rho);
    update(p, t, PADDED, q->w + b2, q->m + b2, q->v + b2, q->g + b2, 0);
}

static double train_network(const by_hand *p)
{
    const int64_t d = p->features, n = p->batch, size = d * HIDDEN + HIDDEN + HIDDEN * PADDED + PADDED;
    network q = {floats(size),
                 floats(size),
                 floats(size),
                 floats(size),
                 floats(n * d),
                 floats(n * HIDDEN),
                 floats(n * PADDED),
                 floats(n * HIDDEN),
                 floats(PADDED * HIDDEN),
                 calloc((size_t)n, sizeof(double))};
    int64_t *order = calloc((size_t)p->examples, sizeof *order);
    uint64_t random = 1;
    double squares = 0;
    for (int64_t i = 0; i < size; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        bool is_weight = i < d * HIDDEN || (i >= d * HIDDEN + HIDDEN && (i - d * HIDDEN - HIDDEN) % PADDED < K);
        q.w[i] = is_weight ? 0.2f * ((float)(random >> 40) / (float)(1 << 24) - 0.5f) : 0;
    }
    for (int64_t t = 1, at = p->examples; t <= p->steps; t++, at += n) {
        if (at + n > p->examples) { /* a new epoch: a new order */
            for (int64_t i = 0; i < p->examples; i++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                int64_t j = (int64_t)((random >> 33) % (uint64_t)(i + 1));
                order[i] = order[j];
                order[j] = i;
            }
            at = 0;
        }
        for (int64_t i = 0; i < n; i++) {
            memcpy(q.x + i * d, p->x + order[at + i] * d, (size_t)d * sizeof *q.x);
            q.labels[i] = p->labels[order[at + i]];
        }
        network_step(p, &q, t);
    }
    for (int64_t i = 0; i < size; i++)
        squares += (double)q.w[i] * q.w[i];
    free(order);
    free(q.w);
    free(q.m);
    free(q.v);
    free(q.g);
    free(q.x);
    free(q.h);
    free(q.z);
    free(q.back);
    free(q.turned);
    free(q.labels);
    return squares;
}

double by_hand_train(const by_hand *problem)
{
    if (problem->layers == 0)
        return train_softmax(problem);
    return problem->layers == 1 && problem->width == HIDDEN ? train_network(problem) : by_hand_train_trunk(problem);
}
