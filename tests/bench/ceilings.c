#include "ceilings.h"

#include <cblas.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "system/gradient.h"

#define SIDE   1024
#define COPIED ((size_t)64 << 20)

double seconds_with(int threads)
{
    return threads > 1 ? ho_seconds() : ho_cpu_seconds();
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void *filled(size_t count, bool f64)
{
    void *values = ho_alloc(count * (f64 ? sizeof(double) : sizeof(float)));
    for (size_t i = 0; i < count; i++)
        if (f64)
            ((double *)values)[i] = ho_normal_number(1, 100, i % SIDE);
        else
            ((float *)values)[i] = (float)ho_normal_number(1, 100, i % SIDE);
    return values;
}

void ceilings_open(ceilings *x, const workload *w, bool f64, int threads)
{
    *x = (ceilings){.f64 = f64, .threads = threads, .w = w};
    const size_t rows = (size_t)(w->batch ? w->batch : w->examples);
    const size_t widest = most((size_t)w->features, most((size_t)w->width, (size_t)(w->classes + w->reals)));
    const size_t largest = most((size_t)SIDE * SIDE, most(rows, widest) * widest);
    x->a = filled(largest, f64);
    x->b = filled(largest, f64);
    x->c = filled(largest, f64);
    x->from = ho_alloc(COPIED);
    x->to = ho_alloc(COPIED);
    memset(x->from, 1, COPIED);
    memset(x->to, 2, COPIED);
}

void ceilings_close(ceilings *x)
{
    free(x->a);
    free(x->b);
    free(x->c);
    free(x->from);
    free(x->to);
}

/* Seconds of c (m x n) = a b; ta, tb: it is stored as its transpose. */
static double product(ceilings *x, bool ta, bool tb, int m, int n, int k)
{
    const enum CBLAS_TRANSPOSE left = ta ? CblasTrans : CblasNoTrans, right = tb ? CblasTrans : CblasNoTrans;
    const int a = ta ? m : k, b = tb ? k : n;
    const double begun = seconds_with(x->threads);
    if (x->f64)
        cblas_dgemm(CblasRowMajor, left, right, m, n, k, 1, x->a, a, x->b, b, 0, x->c, n);
    else
        cblas_sgemm(CblasRowMajor, left, right, m, n, k, 1, x->a, a, x->b, b, 0, x->c, n);
    return seconds_with(x->threads) - begun;
}

double ceilings_product(ceilings *x)
{
    return 2.0 * SIDE * SIDE * SIDE / product(x, false, false, SIDE, SIDE, SIDE);
}

double ceilings_step_products(ceilings *x)
{
    const int n = (int)(x->w->batch ? x->w->batch : x->w->examples);
    int in[MOST_LAYERS + 2], out[MOST_LAYERS + 2], count = workload_layers(x->w, in, out);
    double seconds = 0;
    for (int l = 0; l < count; l++) {
        seconds += product(x, false, false, n, out[l], in[l]);
        seconds += product(x, true, false, in[l], out[l], n);
        if (l > 0) /* the inputs need no gradient */
            seconds += product(x, false, true, n, in[l], out[l]);
    }
    return seconds;
}

typedef struct piece {
    const char *from;
    char *to;
    size_t size;
} piece;

static void *copy(void *argument)
{
    const piece *p = argument;
    memcpy(p->to, p->from, p->size);
    return NULL;
}

double ceilings_copy(ceilings *x)
{
    const double begun = seconds_with(x->threads);
    const size_t size = COPIED / (size_t)x->threads;
    pthread_t others[8];
    piece pieces[8];
    for (int i = 0; i < x->threads; i++) {
        pieces[i] = (piece){x->from + (size_t)i * size, x->to + (size_t)i * size, size};
        if (i > 0 && pthread_create(&others[i], NULL, copy, &pieces[i])) {
            fprintf(stderr, "bench: no thread for a copy\n");
            exit(1);
        }
    }
    copy(&pieces[0]);
    for (int i = 1; i < x->threads; i++)
        pthread_join(others[i], NULL);
    return 2.0 * (double)(size * (size_t)x->threads) / (seconds_with(x->threads) - begun);
}
