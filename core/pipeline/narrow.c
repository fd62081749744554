/* What data of f64 lose when a run in f32 takes them: an offset leaves few digits for the differences, tiny values are
 * 0. */
#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "base/text.h"
#include "pipeline/internal.h"

/* A feature whose differences keep fewer digits than hypergradients of f32 have is worth a line. */
#define LOST_NOTED 1e-3
/* Values that differ by so little of their size differ by the rounding of whoever wrote them. */
#define CONSTANT 1e-13

/* One column over all parts. */
typedef struct column {
    double least, most, lost; /* the largest change that f32 makes to a value */
    int part;                 /* where that is */
} column;

static void look_at(const double *values, int64_t count, int64_t width, int part, column *columns)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < width; j++) {
            column *c = &columns[j];
            const double x = values[i * width + j], lost = fabs(x - (double)(float)x);
            c->least = x < c->least ? x : c->least;
            c->most = x > c->most ? x : c->most;
            c->part = lost > c->lost ? part : c->part;
            c->lost = lost > c->lost ? lost : c->lost;
        }
}

/* The share of a column's range that is lost. */
static double share_lost(const column *c)
{
    const double range = c->most - c->least, size = fmax(fabs(c->least), fabs(c->most));
    return range > CONSTANT * size ? fmin(c->lost / range, 1.0) : 0.0;
}

/* A line about the column that f32 would take most of; NULL: none loses enough to be worth it, or an error. */
static const char *narrowing(ho_arena *arena, const double *const values[3], const int64_t counts[3], int64_t width,
                             const char *what, const char *const files[3], const char *help, ho_error *error)
{
    column *columns = ho_large_alloc((uint64_t)width, sizeof *columns, "a look at the data", error);
    if (!columns)
        return NULL;
    for (int64_t j = 0; j < width; j++)
        columns[j] = (column){.least = DBL_MAX, .most = -DBL_MAX};
    for (int p = 0; p < 3; p++)
        if (values[p])
            look_at(values[p], counts[p], width, p, columns);
    int64_t worst = 0, others = -1;
    for (int64_t j = 0; j < width; j++) {
        others += share_lost(&columns[j]) > LOST_NOTED;
        worst = share_lost(&columns[j]) > share_lost(&columns[worst]) ? j : worst;
    }
    const char *note = NULL;
    if (others >= 0) {
        const column *c = &columns[worst];
        const char *more = others ? ho_arena_format(arena, ", and %" PRId64 " more like it", others) : "";
        const char *file = files[c->part];
        char least[32], most[32];
        ho_print_real(c->least, least);
        ho_print_real(c->most, most);
        note = ho_arena_format(arena, "%s%s%s %" PRId64 " loses %.3g %% of its range (%s to %s) in f32%s; %s",
                               file ? file : "", file ? ": " : "", what, worst, 100 * share_lost(c), least, most, more,
                               help);
    }
    ho_large_free(columns);
    return note;
}

ho_status ho_note_narrowing(ho_reading *r, const ho_data_source *source)
{
    ho_pipeline *p = r->pipeline;
    const ho_examples *const parts[3] = {&p->training, &p->validation, &p->test};
    const double *values[3];
    int64_t counts[3];
    const char *files[3];
    if (p->problem.precision != HO_F32)
        return HO_OK;
    for (int i = 0; i < 3; i++) {
        files[i] = r->input_files[r->input_files[i + 1] ? i + 1 : HO_ALL_PARTS];
        counts[i] = parts[i]->count;
        values[i] = source->standardize ? NULL : parts[i]->x64;
    }
    const char *note = narrowing(r->arena, values, counts, p->training.features, "feature", files,
                                 "precision: f64 or standardize: true keeps it", r->error);
    if (note)
        ho_data_remark(r, note);
    for (size_t t = 0; t < p->training.target_count && !r->error->status; t++) {
        const ho_target *target = &p->training.targets[t];
        for (int i = 0; i < 3; i++) {
            const ho_target *same = target->labels ? NULL : ho_examples_target(parts[i], target->name);
            values[i] = same ? same->values : NULL;
            files[i] = NULL;
        }
        const char *what = ho_arena_format(r->arena, "target \"%s\", entry", target->name);
        note = narrowing(r->arena, values, counts, target->width, what, files, "precision: f64 keeps it", r->error);
        if (note)
            ho_data_remark(r, note);
    }
    return r->error->status;
}
