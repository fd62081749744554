#include "run/curvature.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define PAIRS       10   /* steps that are remembered */
#define CONVEX      1e-8 /* s y at least so much of |s| |y| */
#define LONGER      10.0 /* times, where it is less */
#define MOST_INNER  100  /* projections for a step */
#define INNER_CLOSE 1e-6 /* the least inner step, of the first */

/* B = scale I + sum_i (b_i b_i' - a_i a_i'), with a_i = B_i s_i / sqrt(s_i B_i s_i), where B_i is the B before pair i,
 * and b_i = y_i / sqrt(y_i s_i). */
struct ho_curvature {
    int64_t size, pairs;
    double scale;
    double *s, *a, *b; /* PAIRS vectors each, the oldest first */
    double *scratch;   /* three vectors, of ho_curvature_step */
};

double ho_dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

ho_curvature *ho_curvature_new(int64_t size, double first)
{
    ho_curvature *c = ho_alloc(sizeof *c);
    *c = (ho_curvature){.size = size, .scale = first};
    double **const arrays[] = {&c->s, &c->a, &c->b};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = ho_alloc(PAIRS * (size_t)size * sizeof(double));
    c->scratch = ho_alloc(3 * (size_t)size * sizeof *c->scratch);
    return c;
}

void ho_curvature_free(ho_curvature *c)
{
    if (!c)
        return;
    free(c->s);
    free(c->a);
    free(c->b);
    free(c->scratch);
    free(c);
}

void ho_curvature_forget(ho_curvature *c, double first)
{
    c->pairs = 0;
    c->scale = first;
}

/* B v with the first `pairs` pairs only. */
static void times(const ho_curvature *c, int64_t pairs, const double *v, double *Bv)
{
    for (int64_t i = 0; i < c->size; i++)
        Bv[i] = c->scale * v[i];
    for (int64_t k = 0; k < pairs; k++) {
        const double *a = c->a + k * c->size, *b = c->b + k * c->size;
        const double by_a = ho_dot(a, v, c->size), by_b = ho_dot(b, v, c->size);
        for (int64_t i = 0; i < c->size; i++)
            Bv[i] += by_b * b[i] - by_a * a[i];
    }
}

/* Every a, for the scale of now; false: rounding has made B indefinite. */
static bool rebuild(ho_curvature *c)
{
    for (int64_t k = 0; k < c->pairs; k++) {
        const double *s = c->s + k * c->size;
        double *a = c->a + k * c->size;
        times(c, k, s, a);
        const double bend = ho_dot(s, a, c->size);
        if (!(bend > 0))
            return false;
        for (int64_t i = 0; i < c->size; i++)
            a[i] /= sqrt(bend);
    }
    return true;
}

bool ho_curvature_learn(ho_curvature *c, const double *s, const double *y)
{
    const size_t vector = (size_t)c->size, most = PAIRS - 1;
    const double ss = ho_dot(s, s, c->size), sy = ho_dot(s, y, c->size), yy = ho_dot(y, y, c->size);
    if (!(sy > CONVEX * sqrt(ss) * sqrt(yy)) || !isfinite(yy))
        return false;
    if (c->pairs == PAIRS) {
        memmove(c->s, c->s + vector, most * vector * sizeof *c->s);
        memmove(c->b, c->b + vector, most * vector * sizeof *c->b);
        c->pairs--;
    }
    for (int64_t i = 0; i < c->size; i++) {
        c->s[c->pairs * c->size + i] = s[i];
        c->b[c->pairs * c->size + i] = y[i] / sqrt(sy);
    }
    c->pairs++;
    c->scale = yy / sy;
    if (!rebuild(c))
        ho_curvature_forget(c, c->scale);
    return true;
}

void ho_curvature_loosen(ho_curvature *c)
{
    ho_curvature_forget(c, c->scale / LONGER);
}

ho_status ho_curvature_step(const ho_curvature *c, const double *u, const double *g, ho_projection project, void *self,
                            double *p)
{
    const int64_t n = c->size;
    double *slope = c->scratch, *d = slope + n, *Bd = d + n; /* of the model at p; the inner direction */
    double inner = 1 / c->scale, first = 0;
    memset(p, 0, (size_t)n * sizeof *p);
    memcpy(slope, g, (size_t)n * sizeof *slope);
    for (int k = 0; k < MOST_INNER; k++) {
        for (int64_t i = 0; i < n; i++)
            d[i] = u[i] + p[i] - inner * slope[i];
        ho_status status = project(self, d);
        if (status != HO_OK)
            return status;
        for (int64_t i = 0; i < n; i++)
            d[i] -= u[i] + p[i];
        const double length = sqrt(ho_dot(d, d, n)), down = ho_dot(slope, d, n);
        first = k ? first : length;
        if (!(down < 0) || length <= INNER_CLOSE * first)
            break;
        times(c, c->pairs, d, Bd);
        const double bend = ho_dot(d, Bd, n), part = bend > -down ? -down / bend : 1;
        for (int64_t i = 0; i < n; i++) {
            p[i] += part * d[i];
            slope[i] += part * Bd[i];
        }
        inner = bend > 0 ? length * length / bend : inner;
    }
    return HO_OK;
}

void ho_curvature_pass(ho_curvature *c, ho_snapshot *snapshot)
{
    const size_t bytes = PAIRS * (size_t)c->size * sizeof *c->s;
    HO_SNAPSHOT(snapshot, c->pairs);
    c->pairs = c->pairs > 0 && c->pairs <= PAIRS ? c->pairs : 0;
    HO_SNAPSHOT(snapshot, c->scale);
    ho_snapshot_pass(snapshot, c->s, bytes);
    ho_snapshot_pass(snapshot, c->a, bytes);
    ho_snapshot_pass(snapshot, c->b, bytes);
}
