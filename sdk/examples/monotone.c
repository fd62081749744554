/*
 * A constraint: vectors whose entries never rise, such as the learning rates of a training, step by step.
 *
 *     {x : x_1 >= x_2 >= ... >= x_n}, within the hyperparameter's domain
 *
 * The nearest such vector has blocks of equal entries, each the mean of what it replaces. They are found in one pass:
 * where an entry is larger than the block before it, the two are pooled, as often as it takes (Barlow, Bartholomew,
 * Bremner and Brunk, Statistical Inference under Order Restrictions, 1972, section 1.2). Bounds that are the same for
 * all entries may be applied afterwards: cutting off keeps the order, and the result is the nearest point of both.
 *
 * What this file shows: a constraint that is for vectors alone and says so in `fits`; memory of its own in `project`,
 * and what to do where there is none; means that do not overflow.
 */
#include <hotool/plugin.h>
#include <hotool/structure.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static ho_status fits(void *self, const ho_constrained *h, char *reason, uint64_t reason_size)
{
    (void)self;
    if (h->rank <= 1)
        return HO_OK;
    snprintf(reason, reason_size, "%s has rank %d, and only a vector has an order", h->name, (int)h->rank);
    return HO_INVALID;
}

/* Blocks so far, and how many entries each has. The means of blocks stand at the beginning of `values`. */
static ho_status project(void *self, const ho_constrained *h, double *values)
{
    (void)self;
    int64_t *lengths = (int64_t *)malloc((size_t)h->count * sizeof *lengths), blocks = 0;
    if (!lengths)
        return HO_FAILED;
    for (int64_t i = 0; i < h->count; i++) {
        double mean = values[i];
        int64_t length = 1;
        while (blocks > 0 && values[blocks - 1] < mean) {
            const int64_t before = lengths[--blocks], both = before + length;
            mean = (double)before / (double)both * values[blocks] + (double)length / (double)both * mean;
            length = both;
        }
        values[blocks] = mean;
        lengths[blocks++] = length;
    }
    /* From the end: what is still to be read lies before what is written. */
    for (int64_t i = h->count; i > 0;) {
        const double mean = values[--blocks];
        for (int64_t k = 0; k < lengths[blocks]; k++)
            values[--i] = mean;
    }
    free(lengths);
    ho_project_box(h, -HUGE_VAL, HUGE_VAL, values);
    return HO_OK;
}

static const ho_constraint_calls calls = {
    .struct_size = sizeof(ho_constraint_calls),
    .fits = fits,
    .project = project,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_CONSTRAINT),
    .name = "monotone",
    .version = "1.0",
    .doc = "no entry of a vector is larger than the one before it",
    .calls = &calls,
};
