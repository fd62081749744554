/* Directions in which lambda is moved, and how far it may go within its domain. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "check/internal.h"

double ho_check_dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

double ho_check_size(const check *c, const ho_hyperparameter *h)
{
    double largest = 0;
    for (int64_t j = 0; j < h->count; j++)
        largest = fmax(largest, fabs(c->lambda[h->offset + j]));
    return largest > 0 ? largest : 1.0;
}

/* Entries close to the bound that they point at turn round. A bound is alike for entries that a structure couples. */
static void turn_inwards(const check *c, const ho_hyperparameter *h, double *d)
{
    const double near = FIRST_STEP * fmax(1.0, ho_check_size(c, h));
    for (int64_t j = h->offset; j < h->offset + h->count; j++) {
        double above = h->upper - c->lambda[j], below = c->lambda[j] - h->lower;
        if ((d[j] > 0 ? above : below) < near * fabs(d[j]) && (above > below) != (d[j] > 0))
            d[j] = -d[j];
    }
}

void ho_check_direction(check *c, const ho_hyperparameter *only, double *d)
{
    memset(d, 0, (size_t)c->size * sizeof *d);
    for (size_t i = 0; i < c->hyper_count; i++) {
        const ho_hyperparameter *h = &c->hypers[i];
        if (!h->tuned || (only && h != only))
            continue;
        for (int64_t j = 0; j < h->count; j++)
            d[h->offset + j] = ho_normal_number(c->pipeline->problem.seed, ho_stream("check"), c->draws++);
    }
    ho_training_free_gradient(c->training, d);
    const double length = only ? sqrt(ho_check_dot(d, d, c->size)) : 1.0;
    for (size_t i = 0; i < c->hyper_count; i++) {
        const ho_hyperparameter *h = &c->hypers[i];
        if (!h->tuned)
            continue;
        const double factor = only ? 1 / length : ho_check_size(c, h);
        for (int64_t j = h->offset; length > 0 && j < h->offset + h->count; j++)
            d[j] *= factor;
        turn_inwards(c, h, d);
    }
}

static ho_scale scale_of(const ho_hyperparameter *h, bool scaled)
{
    return scaled ? h->step_scale : HO_SCALE_LINEAR;
}

double ho_check_room(const check *c, const double *d, double sign, bool scaled)
{
    double room = INFINITY;
    for (size_t i = 0; i < c->hyper_count; i++) {
        const ho_hyperparameter *h = &c->hypers[i];
        const ho_scale scale = scale_of(h, scaled);
        const double upper = ho_scale_to(scale, h->upper), lower = ho_scale_to(scale, h->lower);
        for (int64_t j = h->offset; h->tuned && j < h->offset + h->count; j++) {
            const double u = ho_scale_to(scale, c->lambda[j]);
            if (d[j] != 0 && isfinite(u))
                room = fmin(room, (sign * d[j] > 0 ? upper - u : u - lower) / fabs(d[j]));
        }
    }
    return room;
}

void ho_check_move(const check *c, double h, const double *d, double *moved, bool scaled)
{
    for (size_t i = 0; i < c->hyper_count; i++) {
        const ho_hyperparameter *hyper = &c->hypers[i];
        const ho_scale scale = scale_of(hyper, scaled);
        for (int64_t j = hyper->offset; hyper->tuned && j < hyper->offset + hyper->count; j++) {
            const double u = ho_scale_to(scale, c->lambda[j]);
            const double x = isfinite(u) ? ho_scale_from(scale, u + h * d[j]) : c->lambda[j];
            moved[j] = fmin(fmax(x, hyper->lower), hyper->upper);
        }
    }
}

double ho_check_slope(const check *c, const ho_hyperparameter *h, const double *d)
{
    double slope = 0;
    for (int64_t j = h->offset; j < h->offset + h->count; j++)
        if (ho_scale_has(h->step_scale, c->lambda[j]))
            slope += c->gradient[j] * ho_scale_slope(h->step_scale, c->lambda[j]) * d[j];
    return slope;
}
