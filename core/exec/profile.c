#include "exec/profile.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "exec/plan.h"

/* A share of a step, which belongs to one plugin call. */
typedef struct part {
    size_t step;
    double share; /* of the step's time */
    ho_profile_row row;
} part;

struct ho_profile {
    const char *name;
    part *parts;
    size_t part_count, part_capacity;
    double *seconds; /* of each step */
    uint64_t runs;
};

static bool enabled;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static ho_arena *strings;
static ho_profile_row *totals;
static size_t total_count, total_capacity;

void ho_profile_enable(bool on)
{
    enabled = on;
}

/* The same text, for good. */
static const char *kept(const char *text)
{
    pthread_mutex_lock(&mutex);
    if (!strings)
        strings = ho_arena_new();
    const char *copy = text ? ho_arena_strdup(strings, text) : NULL;
    pthread_mutex_unlock(&mutex);
    return copy;
}

ho_profile *ho_profile_new(void)
{
    ho_profile *profile = enabled ? ho_alloc(sizeof *profile) : NULL;
    if (profile)
        profile->name = "";
    return profile;
}

void ho_plan_profile_as(ho_plan *plan, const char *name)
{
    if (plan->profile)
        plan->profile->name = kept(name);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_call(const ho_profile_row *a, const ho_profile_row *b)
{
    return a->product == b->product && a->line == b->line && same_text(a->plugin, b->plugin) &&
           same_text(a->file, b->file);
}

/* The bytes of an item's result and of its operands. */
static double bytes_of(const ho_lowered *low, const ho_item *item)
{
    double entries = (double)item->count;
    for (uint32_t i = 0; i < item->arity; i++)
        entries += (double)ho_shape_count(&item->in[i].shape);
    return entries * (low->precision == HO_F32 ? sizeof(float) : sizeof(double));
}

static void add_part(ho_profile *profile, size_t step, double share, const ho_profile_row *row)
{
    for (size_t i = profile->part_count; i-- > 0 && profile->parts[i].step == step;)
        if (same_call(&profile->parts[i].row, row)) {
            profile->parts[i].share += share;
            profile->parts[i].row.bytes += row->bytes;
            profile->parts[i].row.flops += row->flops;
            return;
        }
    ho_grow((void **)&profile->parts, &profile->part_capacity, profile->part_count, sizeof *profile->parts);
    part *added = &profile->parts[profile->part_count++];
    *added = (part){step, share, *row};
    added->row.plugin = kept(row->plugin);
    added->row.file = kept(row->file);
}

void ho_profile_note(ho_plan *plan, const ho_lowered *low, const int32_t *items, size_t count)
{
    const size_t step = plan->step_count - 1;
    if (!plan->profile)
        return;
    for (size_t i = 0; i < count; i++) {
        const ho_item *item = &low->items[items[i]];
        const ho_source source = ho_graph_source(low->graph, item->source);
        const bool product = plan->steps[step].kind == HO_STEP_PRODUCT;
        const ho_product *p = &plan->steps[step].as.product;
        ho_profile_row row = {.plugin = source.plugin ? source.plugin : "host",
                              .file = source.line ? ho_path_last(source.file) : NULL,
                              .line = source.line,
                              .product = product,
                              .bytes = bytes_of(low, item)};
        if (product)
            row.flops = 2.0 * (double)p->batch * (double)p->m * (double)p->n * (double)p->k;
        add_part(plan->profile, step, 1.0 / (double)count, &row);
    }
}

void ho_profile_add(ho_plan *plan, size_t step, double seconds)
{
    ho_profile *profile = plan->profile;
    if (!profile->seconds)
        profile->seconds = ho_alloc(plan->step_count * sizeof *profile->seconds);
    profile->seconds[step] += seconds;
}

void ho_profile_run(ho_plan *plan)
{
    plan->profile->runs++;
}

static void add_total(const ho_profile_row *row)
{
    for (size_t i = 0; i < total_count; i++)
        if (same_call(&totals[i], row) && strcmp(totals[i].program, row->program) == 0) {
            totals[i].seconds += row->seconds;
            totals[i].flops += row->flops;
            totals[i].bytes += row->bytes;
            totals[i].runs += row->runs;
            return;
        }
    ho_grow((void **)&totals, &total_capacity, total_count, sizeof *totals);
    totals[total_count++] = *row;
}

void ho_profile_close(ho_plan *plan)
{
    ho_profile *profile = plan->profile;
    if (!profile)
        return;
    pthread_mutex_lock(&mutex);
    size_t before = SIZE_MAX;
    for (size_t i = 0; profile->seconds && i < profile->part_count; i++) {
        const part *p = &profile->parts[i];
        ho_profile_row row = p->row;
        row.program = profile->name;
        row.seconds = profile->seconds[p->step] * p->share;
        row.flops *= (double)profile->runs;
        row.bytes *= (double)profile->runs;
        /* A run counts once for each call, not for each of its steps. */
        row.runs = 0;
        for (before = i; before-- > 0;)
            if (same_call(&profile->parts[before].row, &p->row))
                break;
        if (before == SIZE_MAX)
            row.runs = profile->runs;
        add_total(&row);
    }
    pthread_mutex_unlock(&mutex);
    free(profile->seconds);
    free(profile->parts);
    free(profile);
    plan->profile = NULL;
}

static int by_time(const void *left, const void *right)
{
    const ho_profile_row *a = left, *b = right;
    if (a->seconds != b->seconds)
        return a->seconds < b->seconds ? 1 : -1;
    return strcmp(a->program, b->program);
}

ho_profile_row *ho_profile_rows(size_t *count)
{
    pthread_mutex_lock(&mutex);
    *count = total_count;
    ho_profile_row *rows = ho_alloc((total_count + 1) * sizeof *rows);
    if (total_count)
        memcpy(rows, totals, total_count * sizeof *rows);
    pthread_mutex_unlock(&mutex);
    qsort(rows, *count, sizeof *rows, by_time);
    return rows;
}

void ho_profile_write_stacks(const ho_profile_row *rows, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        const ho_profile_row *r = &rows[i];
        fprintf(out, "%s;%s;", r->program, r->plugin);
        if (r->file)
            fprintf(out, "%s:%d;", r->file, r->line);
        fprintf(out, "%s %.0f\n", r->product ? "products" : "other operations", 1e6 * r->seconds);
    }
}
