/* Sets of examples: sharing, choosing rows, joining, freeing. */
#include "host/examples.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void ho_examples_free(ho_examples *examples)
{
    if (!examples->shared) {
        ho_large_free(examples->x32);
        ho_large_free(examples->x64);
    }
    for (size_t i = 0; i < examples->target_count; i++) {
        free(examples->targets[i].name);
        if (!examples->shared)
            ho_large_free(examples->targets[i].values);
    }
    free(examples->targets);
    ho_large_free(examples->rows);
    *examples = (ho_examples){0};
}

ho_target *ho_examples_target(const ho_examples *examples, const char *name)
{
    for (size_t i = 0; i < examples->target_count; i++)
        if (strcmp(examples->targets[i].name, name) == 0)
            return &examples->targets[i];
    return NULL;
}

/* An example's inputs in bytes. */
static size_t input_bytes(const ho_examples *examples)
{
    return (size_t)examples->features * (examples->x64 ? sizeof *examples->x64 : sizeof *examples->x32);
}

static void *inputs_of(const ho_examples *examples)
{
    return examples->x64 ? (void *)examples->x64 : examples->x32;
}

/* Room for `count` examples of the form of `like`, in f64 where `wide`, without targets. */
static ho_status reserve(const ho_examples *like, int64_t count, bool wide, ho_examples *made, ho_error *error)
{
    *made = (ho_examples){.count = count, .features = like->features, .input_rank = like->input_rank};
    memcpy(made->input_dims, like->input_dims, sizeof made->input_dims);
    made->targets = ho_alloc((like->target_count + 1) * sizeof *made->targets);
    uint64_t entries = (uint64_t)count * (uint64_t)like->features;
    if (wide)
        made->x64 = ho_large_alloc(entries, sizeof *made->x64, "examples", error);
    else
        made->x32 = ho_large_alloc(entries, sizeof *made->x32, "examples", error);
    return error->status;
}

/* A target like `like` for all examples of `made`; NULL with an error. */
static ho_target *add_target(const ho_target *like, ho_examples *made, ho_error *error)
{
    double *values = ho_large_alloc((uint64_t)(made->count * like->width), sizeof *values, like->name, error);
    if (!values)
        return NULL;
    ho_target *target = &made->targets[made->target_count++];
    *target = *like;
    target->name = ho_strdup(like->name);
    target->values = values;
    return target;
}

void ho_examples_share(const ho_examples *all, ho_examples *same)
{
    *same = *all;
    same->shared = true;
    same->rows = NULL;
    same->targets = ho_alloc((all->target_count + 1) * sizeof *same->targets);
    for (size_t i = 0; i < all->target_count; i++) {
        same->targets[i] = all->targets[i];
        same->targets[i].name = ho_strdup(all->targets[i].name);
    }
}

static void copy_rows(const void *from, const int64_t *rows, int64_t count, size_t bytes, void *to)
{
    if (!rows)
        memcpy(to, from, (size_t)count * bytes);
    for (int64_t i = 0; rows && i < count; i++)
        memcpy((char *)to + (size_t)i * bytes, (const char *)from + (size_t)rows[i] * bytes, bytes);
}

ho_status ho_examples_take(const ho_examples *all, const int64_t *rows, int64_t count, ho_examples *part,
                           ho_error *error)
{
    if (reserve(all, count, all->x64 != NULL, part, error) != HO_OK)
        return error->status;
    copy_rows(inputs_of(all), rows, count, input_bytes(all), inputs_of(part));
    for (size_t k = 0; k < all->target_count; k++) {
        const ho_target *from = &all->targets[k];
        ho_target *to = add_target(from, part, error);
        if (!to)
            return error->status;
        copy_rows(from->values, rows, count, (size_t)from->width * sizeof *from->values, to->values);
    }
    if (!rows && !all->rows)
        return HO_OK;
    part->rows = ho_large_alloc((uint64_t)count, sizeof *part->rows, "examples", error);
    for (int64_t i = 0; part->rows && i < count; i++) {
        int64_t row = rows ? rows[i] : i;
        part->rows[i] = all->rows ? all->rows[row] : row;
    }
    return error->status;
}

/* Appends b's values to a's. */
static void append(const ho_examples *a, const ho_examples *b, ho_examples *both)
{
    size_t na = (size_t)(a->count * a->features), nb = (size_t)(b->count * b->features);
    if (both->x32) {
        memcpy(both->x32, a->x32, na * sizeof *both->x32);
        memcpy(both->x32 + na, b->x32, nb * sizeof *both->x32);
        return;
    }
    for (size_t i = 0; i < na; i++)
        both->x64[i] = a->x64 ? a->x64[i] : (double)a->x32[i];
    for (size_t i = 0; i < nb; i++)
        both->x64[na + i] = b->x64 ? b->x64[i] : (double)b->x32[i];
}

ho_status ho_examples_join(const ho_examples *a, const ho_examples *b, ho_examples *both, ho_error *error)
{
    if (reserve(a, a->count + b->count, a->x64 || b->x64, both, error) != HO_OK)
        return error->status;
    append(a, b, both);
    for (size_t i = 0; i < a->target_count; i++) {
        const ho_target *ta = &a->targets[i], *tb = ho_examples_target(b, ta->name);
        if (!tb)
            continue; /* only one of the parts has it, so the whole cannot */
        ho_target *t = add_target(ta, both, error);
        if (!t)
            return error->status;
        size_t na = (size_t)(a->count * ta->width), nb = (size_t)(b->count * tb->width);
        memcpy(t->values, ta->values, na * sizeof *t->values);
        memcpy(t->values + na, tb->values, nb * sizeof *t->values);
    }
    return HO_OK;
}
