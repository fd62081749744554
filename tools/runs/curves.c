#include "runs/curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/fields.h"

const char *ho_curve_kind(ho_line_kind kind)
{
    return kind == HO_LINE_UPDATE ? "updates" : kind == HO_LINE_EVALUATION ? "training" : "outer";
}

static void add(ho_curve_values *values, const char *name, double value)
{
    if (isnan(value))
        return;
    ho_grow((void **)&values->items, &values->capacity, values->count, sizeof *values->items);
    values->items[values->count++] = (ho_curve_value){name, value};
}

static void add_summaries(ho_curve_values *values, const char *key, const ho_summaries *all, ho_arena *arena)
{
    for (size_t i = 0; i < all->count; i++) {
        const ho_summary *s = &all->items[i];
        const char *name = ho_arena_format(arena, "%s/%s", key, s->name);
        if (s->shape.rank == 0) {
            add(values, name, s->value);
            continue;
        }
        add(values, ho_arena_format(arena, "%s/sum", name), s->value);
        add(values, ho_arena_format(arena, "%s/min", name), s->least);
        add(values, ho_arena_format(arena, "%s/max", name), s->most);
        add(values, ho_arena_format(arena, "%s/nonzero", name), (double)s->nonzero);
    }
}

void ho_curve_values_of(const ho_line *line, ho_arena *arena, ho_curve_values *values)
{
    values->count = 0;
    for (const ho_field *f = ho_line_fields; f->key; f++) {
        const void *at = (const char *)line + f->offset;
        if (f->only && !(f->only & line->kind))
            continue;
        if (f->kind == HO_FIELD_INTEGER)
            add(values, f->key, (double)*(const int64_t *)at);
        else if (f->kind == HO_FIELD_REAL)
            add(values, f->key, *(const double *)at);
        else if (f->kind == HO_FIELD_BOOLEAN)
            add(values, f->key, *(const bool *)at);
        else if (f->kind == HO_FIELD_NAMED)
            add_summaries(values, f->key, at, arena);
    }
    if (line->rounding.known)
        add(values, "digits", line->rounding.left);
}

void ho_curve_values_free(ho_curve_values *values)
{
    free(values->items);
}
