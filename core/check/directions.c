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

double ho_check_room(const check *c, const double *d, double sign)
{
    double room = INFINITY;
    for (size_t i = 0; i < c->hyper_count; i++) {
        const ho_hyperparameter *h = &c->hypers[i];
        for (int64_t j = h->offset; h->tuned && j < h->offset + h->count; j++)
            if (d[j] != 0)
                room = fmin(room, (sign * d[j] > 0 ? h->upper - c->lambda[j] : c->lambda[j] - h->lower) / fabs(d[j]));
    }
    return room;
}

void ho_check_move(const check *c, double h, const double *d, double *moved)
{
    for (size_t i = 0; i < c->hyper_count; i++) {
        const ho_hyperparameter *hyper = &c->hypers[i];
        for (int64_t j = hyper->offset; hyper->tuned && j < hyper->offset + hyper->count; j++)
            moved[j] = fmin(fmax(c->lambda[j] + h * d[j], hyper->lower), hyper->upper);
    }
}
