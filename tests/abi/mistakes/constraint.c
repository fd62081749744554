/* Mistakes in a constraint: the entries of a simplex-like set, {x >= 0, sum x <= 1}. */
#include <hotool/structure.h>

#include <stdlib.h>

static ho_status fits(void *self, const ho_constrained *h, char *reason, uint64_t size)
{
    (void)self, (void)reason, (void)size;
#ifdef M_no_reason
    return h->rank == 0 ? HO_INVALID : HO_OK;
#else
    if (h->lower > 0 || h->upper < 1 || h->structure) {
        if (size > 1)
            reason[0] = '-', reason[1] = '\0';
        return HO_INVALID;
    }
    return HO_OK;
#endif
}

static ho_status project(void *self, const ho_constrained *h, double *values)
{
    (void)self;
    double sum = 0;
#if defined M_unchecked_scratch || defined M_ignores_memory
    double *scratch = malloc((size_t)h->count * sizeof *scratch);
#ifdef M_ignores_memory
    if (!scratch)
        return HO_OK;
#endif
    for (int64_t i = 0; i < h->count; i++)
        ((volatile double *)scratch)[i] = values[i];
    free(scratch);
#endif
#if defined M_past_the_end
    for (int64_t i = 0; i <= h->count; i++)
#else
    for (int64_t i = 0; i < h->count; i++)
#endif
    {
#ifndef M_negative
        values[i] = values[i] < 0 ? 0 : values[i];
#endif
        sum += values[i];
    }
#ifdef M_not_idempotent
    for (int64_t i = 0; i < h->count; i++)
        values[i] *= 0.5;
#else
    for (int64_t i = 0; sum > 1 && i < h->count; i++)
        values[i] *= (1 - 1e-15) / sum; /* M_rescales: feasible, but not the nearest point */
#endif
    return HO_OK;
}

static const ho_constraint_calls calls = {.struct_size = sizeof calls, .fits = fits, .project = project};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_CONSTRAINT), .name = NAME, .version = "1",
                                              .doc = "a sum of at most 1", .calls = &calls};
