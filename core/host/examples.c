/* Putting sets of examples together. */
#include <stdlib.h>
#include <string.h>

#include "host/dataset.h"

static ho_status join_inputs(const ho_examples *a, const ho_examples *b, ho_examples *both, ho_error *error)
{
    uint64_t na = (uint64_t)(a->count * a->features), nb = (uint64_t)(b->count * b->features);
    if (!a->x64 && !b->x64) {
        both->x32 = ho_large_alloc(na + nb, sizeof *both->x32, "the joined examples", error);
        if (!both->x32)
            return HO_FAILED;
        memcpy(both->x32, a->x32, na * sizeof *both->x32);
        memcpy(both->x32 + na, b->x32, nb * sizeof *both->x32);
        return HO_OK;
    }
    both->x64 = ho_large_alloc(na + nb, sizeof *both->x64, "the joined examples", error);
    if (!both->x64)
        return HO_FAILED;
    for (uint64_t i = 0; i < na; i++)
        both->x64[i] = a->x64 ? a->x64[i] : (double)a->x32[i];
    for (uint64_t i = 0; i < nb; i++)
        both->x64[na + i] = b->x64 ? b->x64[i] : (double)b->x32[i];
    return HO_OK;
}

ho_target *ho_examples_target(const ho_examples *examples, const char *name)
{
    for (size_t i = 0; i < examples->target_count; i++)
        if (strcmp(examples->targets[i].name, name) == 0)
            return &examples->targets[i];
    return NULL;
}

ho_status ho_examples_join(const ho_examples *a, const ho_examples *b, ho_examples *both, ho_error *error)
{
    *both = (ho_examples){.count = a->count + b->count, .features = a->features, .input_rank = a->input_rank};
    memcpy(both->input_dims, a->input_dims, sizeof both->input_dims);
    ho_status status = join_inputs(a, b, both, error);
    both->targets = ho_alloc((a->target_count + 1) * sizeof *both->targets);
    for (size_t i = 0; i < a->target_count && status == HO_OK; i++) {
        const ho_target *ta = &a->targets[i], *tb = ho_examples_target(b, ta->name);
        if (!tb)
            continue; /* only one of the parts has it: the whole cannot */
        ho_target *t = &both->targets[both->target_count++];
        *t = *ta;
        t->name = ho_strdup(ta->name);
        uint64_t na = (uint64_t)(a->count * ta->width), nb = (uint64_t)(b->count * tb->width);
        t->values = ho_large_alloc(na + nb, sizeof *t->values, "the joined targets", error);
        if (!t->values) {
            status = error->status;
            break;
        }
        memcpy(t->values, ta->values, na * sizeof *t->values);
        memcpy(t->values + na, tb->values, nb * sizeof *t->values);
    }
    if (status != HO_OK)
        ho_examples_free(both);
    return status;
}
