/*
 * For constraints: the subspace that a hyperparameter's structure allows (symmetric, zero diagonal).
 *
 * To project onto the intersection of this subspace V with a box or a bound on the sum, B, project onto V first and
 * then onto B. For y in V, |x - y|^2 = |x - Vx|^2 + |Vx - y|^2, so only Vx matters; and B treats an entry like its
 * mirror image, so the point of B nearest to a symmetric matrix, being unique, is symmetric. Entries that the structure
 * fixes at 0 do not belong to B: bounds apply to free entries.
 */
#ifndef HOTOOL_STRUCTURE_H
#define HOTOOL_STRUCTURE_H

#include "hotool/constraint.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether entry i (C order) is free: 1, or 0 on a diagonal that the structure fixes at 0. */
static inline int32_t ho_entry_free(const ho_constrained *h, int64_t i)
{
    return !(h->structure & HO_ZERO_DIAGONAL) || i % (h->dims[0] + 1) != 0;
}

/* How many entries are free. */
static inline int64_t ho_free_entries(const ho_constrained *h)
{
    return h->structure & HO_ZERO_DIAGONAL ? h->count - h->dims[0] : h->count;
}

/* Replaces values by the nearest point of the subspace. A point of the subspace keeps its bits. */
static inline void ho_project_structure(const ho_constrained *h, double *values)
{
    const int64_t n = h->structure ? h->dims[0] : 0;
    for (int64_t i = 0; i < n; i++) {
        if (h->structure & HO_ZERO_DIAGONAL && values[i * n + i] != 0.0)
            values[i * n + i] = 0.0;
        for (int64_t j = 0; h->structure & HO_SYMMETRIC && j < i; j++) {
            double *a = values + i * n + j, *b = values + j * n + i;
            if (*a != *b)
                *a = *b = 0.5 * *a + 0.5 * *b;
        }
    }
}

/* Replaces values by the nearest point of the subspace whose free entries lie in [lower, upper] and in the domain;
 * there must be one. Such a point keeps its bits. */
static inline void ho_project_box(const ho_constrained *h, double lower, double upper, double *values)
{
    const double least = lower > h->lower ? lower : h->lower;
    const double most = upper < h->upper ? upper : h->upper;
    ho_project_structure(h, values);
    for (int64_t i = 0; i < h->count; i++) {
        if (!ho_entry_free(h, i))
            continue;
        if (values[i] < least)
            values[i] = least;
        else if (values[i] > most)
            values[i] = most;
    }
}

#ifdef __cplusplus
}
#endif

#endif
