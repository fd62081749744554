/* Tensors of small whole numbers, whose sums and products are exact in every order. */
#ifndef WHOLE_NUMBERS_H
#define WHOLE_NUMBERS_H

#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"

/* The value of a leaf, from small whole numbers, so that sums are exact in f32 too. */
static inline double *whole_numbers(int64_t count, uint64_t seed)
{
    double *values = ho_alloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        values[i] = (double)(seed >> 60) - 7;
    }
    return values;
}

static inline void *as_precision(const double *values, int64_t count, ho_precision precision)
{
    void *result = ho_alloc((size_t)count * sizeof(double));
    for (int64_t i = 0; i < count; i++)
        if (precision == HO_F32)
            ((float *)result)[i] = (float)values[i];
        else
            ((double *)result)[i] = values[i];
    return result;
}

static inline double number_at(const void *array, int64_t i, ho_precision precision)
{
    return precision == HO_F32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

#endif
