/* `hotool runs`. */
#define _GNU_SOURCE /* strverscmp */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "grid.h"
#include "record/read.h"
#include "runs/runs.h"

#define DEEPEST 4 /* folders below the one that is listed */

/* A row of a run's table; or a run that has not come to one. */
typedef struct entry {
    const char *run, *variant, *date, *method, *outcome; /* variant: NULL where the run is all there is */
    double validation, accuracy, loss, seconds;
    size_t number; /* in which they were found */
} entry;

typedef struct list {
    ho_arena *arena;
    entry *entries;
    size_t count, capacity;
} list;

static void add(list *l, entry e)
{
    ho_grow((void **)&l->entries, &l->capacity, l->count, sizeof e);
    e.number = l->count;
    l->entries[l->count++] = e;
}

/* ---- finding them ------------------------------------------------------------------------------------------------ */

static const char *date_of(const list *l, const char *file)
{
    struct stat about;
    struct tm utc;
    char text[32] = "-";
    if (stat(file, &about) == 0 && gmtime_r(&about.st_mtime, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return ho_arena_strdup(l->arena, text);
}

/* The least validation error so far; NaN: none. */
static double best_so_far(const list *l, const char *folder)
{
    const char *metrics = ho_arena_format(l->arena, "%s/metrics.jsonl", folder);
    double best = NAN;
    ho_line line;
    ho_place place;
    ho_error error = {0};
    ho_lines *lines = ho_file_exists(metrics) ? ho_lines_open(metrics, &error) : NULL;
    while (lines && ho_lines_next(lines, &line, &place, &error))
        best = fmin(best, line.validation_error);
    ho_lines_close(lines);
    return best;
}

static void add_record(list *l, const char *folder, const char *file)
{
    ho_record record;
    ho_error error = {0};
    if (ho_record_read(folder, l->arena, &record, &error) != HO_OK) {
        ho_note("%s", error.text);
        return;
    }
    for (size_t i = 0; i < record.rows.count; i++) {
        const ho_row *row = &record.rows.items[i];
        const char *strategy = row->strategy ? row->strategy : "-";
        const char *method = row->criterion ? ho_arena_format(l->arena, "%s, %s", strategy, row->criterion) : strategy;
        const bool by_mode = record.mode && (strcmp(strategy, "hypergradient") == 0 || strcmp(strategy, "online") == 0);
        add(l, (entry){.run = ho_arena_strdup(l->arena, folder),
                       .variant = record.kind == HO_RECORD_RUNS ? row->variant : NULL,
                       .date = record.started.date ? record.started.date : date_of(l, file),
                       .method = by_mode && record.kind == HO_RECORD_RUN
                                     ? ho_arena_format(l->arena, "%s, %s", method, record.mode)
                                     : method,
                       .outcome = record.unfinished && row->outcome.status == HO_INTERRUPTED
                                      ? "unfinished"
                                      : ho_outcome_name(row->outcome.status),
                       .validation = record.unfinished && record.kind == HO_RECORD_RUN
                                         ? best_so_far(l, folder)
                                         : row->figures[HO_VALIDATION_ERROR].mean,
                       .accuracy = row->figures[HO_TEST_ACCURACY].mean,
                       .loss = row->figures[HO_TEST_LOSS].mean,
                       .seconds = row->figures[HO_SECONDS].mean});
    }
}

static void add_unfinished(list *l, const char *folder, const char *pipeline)
{
    add(l, (entry){.run = ho_arena_strdup(l->arena, folder),
                   .date = date_of(l, pipeline),
                   .method = "-",
                   .outcome = "unfinished",
                   .validation = best_so_far(l, folder),
                   .accuracy = NAN,
                   .loss = NAN,
                   .seconds = NAN});
}

static ho_status look(list *l, const char *folder, int depth, ho_error *error);

static ho_status look_below(list *l, const char *folder, int depth, ho_error *error)
{
    DIR *dir = opendir(folder);
    if (!dir && depth == 0)
        return ho_fail(error, HO_INVALID, "%s: no such folder, or it cannot be read", folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        const char *path = ho_arena_format(l->arena, "%s/%s", folder, e->d_name);
        struct stat about;
        if (e->d_name[0] != '.' && lstat(path, &about) == 0 && S_ISDIR(about.st_mode))
            look(l, path, depth + 1, error);
    }
    if (dir)
        closedir(dir);
    return error->status;
}

static ho_status look(list *l, const char *folder, int depth, ho_error *error)
{
    const char *result = ho_arena_format(l->arena, "%s/result.json", folder);
    const char *pipeline = ho_arena_format(l->arena, "%s/pipeline.yaml", folder);
    const char *unfinished = ho_arena_format(l->arena, "%s/" HO_RECORD_UNFINISHED, folder);
    if (ho_file_exists(result) || ho_file_exists(unfinished))
        add_record(l, folder, ho_file_exists(result) ? result : unfinished);
    else if (ho_file_exists(pipeline))
        add_unfinished(l, folder, pipeline);
    else if (depth < DEEPEST)
        look_below(l, folder, depth, error);
    return error->status;
}

/* ---- their order ------------------------------------------------------------------------------------------------- */

const char *const ho_runs_columns[] = {"run", "date", "method", "outcome", "validation", "test", "seconds", NULL};

/* NaN comes last. */
static int by_number(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static int by_run(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = strverscmp(x->run, y->run);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* The best first. */
static int by_test(const entry *a, const entry *b)
{
    const int order = by_number(-a->accuracy, -b->accuracy);
    return order ? order : by_number(a->loss, b->loss);
}

#define BY(name, comparison)                                  \
    static int by_##name(const void *left, const void *right) \
    {                                                         \
        const entry *a = left, *b = right;                    \
        const int order = (comparison);                       \
        return order ? order : by_run(a, b);                  \
    }
BY(date, strcmp(a->date, b->date))
BY(method, strcmp(a->method, b->method))
BY(outcome, strcmp(a->outcome, b->outcome))
BY(validation, by_number(a->validation, b->validation))
BY(tested, by_test(a, b))
BY(seconds, by_number(a->seconds, b->seconds))

static ho_status sort(list *l, const char *column, ho_error *error)
{
    static int (*const orders[])(const void *, const void *) = {by_run,        by_date,   by_method, by_outcome,
                                                                by_validation, by_tested, by_seconds};
    size_t which = 0, count = 0;
    while (ho_runs_columns[count])
        count++;
    for (; which < count && strcmp(column, ho_runs_columns[which]) != 0; which++)
        ;
    if (which == count) {
        char near[HO_SUGGESTION];
        char *known = ho_join(ho_runs_columns, count);
        ho_fail(error, HO_INVALID, "--sort %s: no such column%s (known: %s)", column,
                ho_suggest(ho_nearest(column, ho_runs_columns, count), near), known);
        free(known);
        return error->status;
    }
    if (l->count)
        qsort(l->entries, l->count, sizeof *l->entries, orders[which]);
    return HO_OK;
}

/* ---- showing them ------------------------------------------------------------------------------------------------ */

static void put_number(ho_grid *grid, const char *format, double value) __attribute__((format(printf, 2, 0)));
static void put_number(ho_grid *grid, const char *format, double value)
{
    char text[64];
    snprintf(text, sizeof text, format, value);
    ho_grid_put(grid, "%s", isnan(value) ? "-" : text);
}

static void print(const list *l)
{
    bool variants = false;
    for (size_t i = 0; i < l->count; i++)
        variants = variants || l->entries[i].variant;
    ho_grid *grid = ho_grid_new(variants ? "llllrrrl" : "lllrrrl");
    ho_grid_put(grid, "run");
    if (variants)
        ho_grid_put(grid, "variant");
    ho_grid_put(grid, "date");
    ho_grid_put(grid, "method");
    ho_grid_put(grid, "validation");
    ho_grid_put(grid, "test");
    ho_grid_put(grid, "seconds");
    ho_grid_put(grid, "outcome");
    for (size_t i = 0; i < l->count; i++) {
        const entry *e = &l->entries[i];
        ho_grid_put(grid, "%s", e->run);
        if (variants)
            ho_grid_put(grid, "%s", e->variant ? e->variant : "");
        ho_grid_put(grid, "%.16s", e->date); /* to the minute */
        ho_grid_put(grid, "%s", e->method);
        put_number(grid, "%.6g", e->validation);
        if (isnan(e->accuracy))
            put_number(grid, "%.5g", e->loss);
        else
            put_number(grid, "%.2f %%", 100 * e->accuracy);
        put_number(grid, "%.1f", e->seconds);
        ho_grid_put(grid, "%s", e->outcome);
    }
    ho_grid_print(grid, ho_terminal_width());
    ho_grid_free(grid);
}

static void write_json(const list *l, ho_json *json)
{
    ho_json_open(json, NULL, '[');
    for (size_t i = 0; i < l->count; i++) {
        const entry *e = &l->entries[i];
        ho_json_open(json, NULL, '{');
        ho_json_string(json, "run", e->run);
        ho_json_string(json, "variant", e->variant);
        ho_json_string(json, "date", e->date);
        ho_json_string(json, "method", e->method);
        ho_json_string(json, "outcome", e->outcome);
        ho_json_real(json, "validation_error", e->validation);
        ho_json_real(json, "test_loss", e->loss);
        ho_json_real(json, "test_accuracy", e->accuracy);
        ho_json_real(json, "seconds", e->seconds);
        ho_json_close(json, '}');
    }
    ho_json_close(json, ']');
}

ho_status ho_runs_list(const char *folder, const char *order, ho_json *json, ho_error *error)
{
    list l = {.arena = ho_arena_new()};
    look(&l, folder ? folder : "runs", 0, error);
    if (error->status == HO_OK && sort(&l, order ? order : "run", error) == HO_OK) {
        if (json)
            write_json(&l, json);
        else if (l.count)
            print(&l);
        else
            printf("no runs in %s\n", folder ? folder : "runs");
    }
    free(l.entries);
    ho_arena_free(l.arena);
    return error->status;
}
