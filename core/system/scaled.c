#include "system/scaled.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

ho_scale *ho_scaled_new(const ho_training *training)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    ho_scale *scales = ho_alloc(((size_t)ho_training_lambda_size(training) + 1) * sizeof *scales);
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        for (int64_t j = 0; h->tuned && j < h->count; j++)
            scales[h->offset + j] = h->step_scale;
    }
    return scales;
}

void ho_scaled_to(const ho_scale *scales, int64_t size, const double *lambda, double *u)
{
    for (int64_t i = 0; i < size; i++)
        u[i] = ho_scale_has(scales[i], lambda[i]) ? ho_scale_to(scales[i], lambda[i]) : 0;
}

void ho_scaled_gradient(const ho_scale *scales, int64_t size, const double *lambda, const double *gradient,
                        double *by_u)
{
    for (int64_t i = 0; i < size; i++)
        by_u[i] = ho_scale_has(scales[i], lambda[i]) ? gradient[i] * ho_scale_slope(scales[i], lambda[i]) : 0;
}

void ho_scaled_from(const ho_scale *scales, int64_t size, const double *u, double *lambda)
{
    for (int64_t i = 0; i < size; i++)
        if (ho_scale_has(scales[i], lambda[i]))
            lambda[i] = ho_scale_from(scales[i], u[i]);
}

double ho_norm(const double *x, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

ho_status ho_stationarity(ho_training *training, const ho_scale *scales, const double *lambda, const double *gradient,
                          double *value, ho_error *error)
{
    int64_t size = ho_training_lambda_size(training);
    double *u = ho_alloc((size_t)size * sizeof *u), *moved = ho_alloc((size_t)size * sizeof *moved);
    double *step = ho_alloc((size_t)size * sizeof *step);
    ho_scaled_to(scales, size, lambda, u);
    ho_scaled_gradient(scales, size, lambda, gradient, step);
    for (int64_t i = 0; i < size; i++)
        step[i] = u[i] - step[i];
    memcpy(moved, lambda, (size_t)size * sizeof *moved);
    ho_scaled_from(scales, size, step, moved);
    ho_error own = {0};
    ho_status status = ho_training_project(training, moved, &own);
    ho_scaled_to(scales, size, moved, step);
    for (int64_t i = 0; i < size; i++)
        step[i] = u[i] - step[i];
    *value = status == HO_OK ? ho_norm(step, size) : (double)NAN;
    free(step);
    free(moved);
    free(u);
    return status == HO_DIVERGED ? HO_OK : ho_fail_as(error, &own);
}
