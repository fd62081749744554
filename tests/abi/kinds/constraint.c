/* A constraint: the matrices whose entries are at most 1. */
#include <hotool/plugin.h>

#include <stdio.h>

static ho_status fits(void *self, const ho_constrained *h, char *reason, uint64_t reason_size)
{
    (void)self;
    if (h->struct_size >= sizeof *h && h->rank == 2 && h->dims[0] == h->dims[1] && h->lower <= 1)
        return HO_OK;
    snprintf(reason, reason_size, "%s is not a square matrix", h->name);
    return HO_INVALID;
}

static ho_status project(void *self, const ho_constrained *h, double *values)
{
    (void)self;
    for (int64_t i = 0; i < h->count; i++)
        values[i] = values[i] > 1 ? 1 : values[i];
    return HO_OK;
}

static const ho_constraint_calls calls = {.struct_size = sizeof(ho_constraint_calls), .fits = fits, .project = project};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_CONSTRAINT), .name = "probe_constraint", .version = "1",
                                              .doc = "a probe", .calls = &calls};
