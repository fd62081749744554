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

/* Rows (NULL: the first `count`) from row `at` of `to` on. */
static void copy_rows(const void *from, const int64_t *rows, int64_t count, size_t bytes, void *to, int64_t at)
{
    char *into = (char *)to + (size_t)at * bytes;
    if (!rows)
        memcpy(into, from, (size_t)count * bytes);
    for (int64_t i = 0; rows && i < count; i++)
        memcpy(into + (size_t)i * bytes, (const char *)from + (size_t)rows[i] * bytes, bytes);
}

static void copy_inputs(const ho_examples *from, const int64_t *rows, int64_t count, ho_examples *to, int64_t at)
{
    if (!to->x64 || from->x64)
        copy_rows(inputs_of(from), rows, count, input_bytes(to), inputs_of(to), at);
    else /* all of them, widened */
        for (int64_t i = 0; i < count * from->features; i++)
            to->x64[at * from->features + i] = (double)from->x32[i];
}

static void copy_target(const ho_target *from, const int64_t *rows, int64_t count, ho_target *to, int64_t at)
{
    copy_rows(from->values, rows, count, (size_t)from->width * sizeof *from->values, to->values, at);
}

ho_status ho_examples_take(const ho_examples *all, const int64_t *rows, int64_t count, ho_examples *part,
                           ho_error *error)
{
    if (reserve(all, count, all->x64 != NULL, part, error) != HO_OK)
        return error->status;
    copy_inputs(all, rows, count, part, 0);
    for (size_t k = 0; k < all->target_count; k++) {
        const ho_target *from = &all->targets[k];
        ho_target *to = add_target(from, part, error);
        if (!to)
            return error->status;
        copy_target(from, rows, count, to, 0);
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

ho_status ho_examples_join(const ho_examples *a, const ho_examples *b, ho_examples *both, ho_error *error)
{
    if (reserve(a, a->count + b->count, a->x64 || b->x64, both, error) != HO_OK)
        return error->status;
    copy_inputs(a, NULL, a->count, both, 0);
    copy_inputs(b, NULL, b->count, both, a->count);
    for (size_t i = 0; i < a->target_count; i++) {
        const ho_target *ta = &a->targets[i], *tb = ho_examples_target(b, ta->name);
        if (!tb)
            continue; /* only one of the parts has it, so the whole cannot */
        ho_target *t = add_target(ta, both, error);
        if (!t)
            return error->status;
        copy_target(ta, NULL, a->count, t, 0);
        copy_target(tb, NULL, b->count, t, a->count);
    }
    return HO_OK;
}
