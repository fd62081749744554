/* States in memory: numbers of the run's precision, and vectors of them. */
#include "system/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

size_t ho_number_size(const ho_training *training)
{
    return training->problem->precision == HO_F32 ? sizeof(float) : sizeof(double);
}

void ho_numbers_put(const ho_training *training, const double *from, int64_t count, void *to)
{
    if (training->problem->precision == HO_F64) {
        memcpy(to, from, (size_t)count * sizeof *from);
        return;
    }
    float *numbers = to;
    for (int64_t i = 0; i < count; i++)
        numbers[i] = (float)from[i];
}

void ho_numbers_get(const ho_training *training, const void *from, int64_t count, double *to)
{
    if (training->problem->precision == HO_F64) {
        memcpy(to, from, (size_t)count * sizeof *to);
        return;
    }
    const float *numbers = from;
    for (int64_t i = 0; i < count; i++)
        to[i] = (double)numbers[i];
}

int64_t ho_numbers_bad(const ho_training *training, const void *numbers, int64_t count)
{
    const float *single = numbers;
    const double *wide = numbers;
    bool f32 = training->problem->precision == HO_F32;
    for (int64_t i = 0; i < count; i++)
        if (f32 ? !isfinite(single[i]) : !isfinite(wide[i]))
            return i;
    return count;
}

ho_vector *ho_vector_make(const ho_training *training, int64_t columns, ho_error *error)
{
    uint64_t line = 64 / ho_number_size(training);
    uint64_t segment = 0;
    if (__builtin_mul_overflow((uint64_t)columns, (uint64_t)training->size, &segment) || segment > UINT64_MAX - line) {
        ho_fail(error, HO_FAILED, "a vector of %lld columns is too large", (long long)columns);
        return NULL;
    }
    segment = (segment + line - 1) / line * line;
    ho_vector *vector = ho_alloc(sizeof *vector + training->segments * sizeof(void *));
    vector->memory =
        ho_large_alloc(segment, training->segments * ho_number_size(training), "a vector of the training", error);
    if (!vector->memory) {
        free(vector);
        return NULL;
    }
    vector->owner = training;
    vector->columns = columns;
    for (size_t i = 0; i < training->segments; i++)
        vector->segments[i] = (char *)vector->memory + i * segment * ho_number_size(training);
    return vector;
}

void ho_vector_release(ho_vector *vector)
{
    if (!vector)
        return;
    ho_large_free(vector->memory);
    free(vector);
}

static size_t segment_bytes(const ho_training *training, const ho_vector *vector)
{
    return (size_t)vector->columns * (size_t)training->size * ho_number_size(training);
}

int64_t ho_vector_size(const ho_training *training, const ho_vector *vector)
{
    return (int64_t)(segment_bytes(training, vector) * training->segments);
}

void ho_vector_copy(const ho_training *training, const ho_vector *from, ho_vector *to)
{
    for (size_t i = 0; from != to && i < training->segments; i++)
        memcpy(to->segments[i], from->segments[i], segment_bytes(training, from));
}

/* The arithmetic, once for each precision. b = 0 means that y is only written, whatever it held. */
#define DEFINE_AXPBY(name, real)                                                \
    static void name(double a, const real *x, double b, real *y, int64_t count) \
    {                                                                           \
        if (b == 0.0)                                                           \
            for (int64_t i = 0; i < count; i++)                                 \
                y[i] = (real)(a * (double)x[i]);                                \
        else                                                                    \
            for (int64_t i = 0; i < count; i++)                                 \
                y[i] = (real)(a * (double)x[i] + b * (double)y[i]);             \
    }
DEFINE_AXPBY(axpby_f32, float)
DEFINE_AXPBY(axpby_f64, double)

#define DEFINE_DOT(name, real)                                      \
    static double name(const real *a, const real *b, int64_t count) \
    {                                                               \
        double lane[4] = {0.0};                                     \
        int64_t i = 0;                                              \
        for (; i + 4 <= count; i += 4)                              \
            for (int64_t j = 0; j < 4; j++)                         \
                lane[j] += (double)a[i + j] * (double)b[i + j];     \
        for (; i < count; i++)                                      \
            lane[0] += (double)a[i] * (double)b[i];                 \
        return (lane[0] + lane[1]) + (lane[2] + lane[3]);           \
    }
DEFINE_DOT(dot_f32, float)
DEFINE_DOT(dot_f64, double)

void ho_vector_axpby(const ho_training *training, double a, const ho_vector *x, double b, ho_vector *y)
{
    int64_t count = x->columns * training->size;
    for (size_t i = 0; i < training->segments; i++)
        if (training->problem->precision == HO_F32)
            axpby_f32(a, x->segments[i], b, y->segments[i], count);
        else
            axpby_f64(a, x->segments[i], b, y->segments[i], count);
}

void ho_vector_dot(const ho_training *training, const ho_vector *a, const ho_vector *b, double *result)
{
    int64_t n = training->size;
    bool f32 = training->problem->precision == HO_F32;
    for (int64_t j = 0; j < b->columns; j++) {
        result[j] = 0.0;
        for (size_t i = 0; i < training->segments; i++)
            result[j] += f32 ? dot_f32(a->segments[i], (const float *)b->segments[i] + j * n, n)
                             : dot_f64(a->segments[i], (const double *)b->segments[i] + j * n, n);
    }
}

void ho_vector_norms(const ho_training *training, const ho_vector *v, double *result)
{
    int64_t n = training->size;
    bool f32 = training->problem->precision == HO_F32;
    for (int64_t j = 0; j < v->columns; j++) {
        double squares = 0.0;
        for (size_t i = 0; i < training->segments; i++) {
            const void *column = (const char *)v->segments[i] + (size_t)(j * n) * ho_number_size(training);
            squares += f32 ? dot_f32(column, column, n) : dot_f64(column, column, n);
        }
        result[j] = sqrt(squares);
    }
}

void ho_training_random(const ho_training *training, ho_vector *vector, uint64_t stream)
{
    int64_t count = vector->columns * training->size;
    uint64_t draws = 0;
    for (size_t i = 0; i < training->segments; i++)
        for (int64_t j = 0; j < count; j++) {
            double value = ho_normal_number(training->problem->seed, ho_stream("random vectors") + stream, draws++);
            char *segment = vector->segments[i];
            ho_numbers_put(training, &value, 1, segment + (size_t)j * ho_number_size(training));
        }
}
