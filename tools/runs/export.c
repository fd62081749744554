/* `hotool export`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "runs/curves.h"
#include "runs/runs.h"

/* One run's lines, and where they go. */
typedef struct course {
    const char *metrics; /* the file */
    const char *name;    /* "HMTL-3"; NULL: there is one run */
    double begun;        /* seconds since 1970 */
} course;

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* When it was started, or else when the file was last changed. */
static double time_of(const char *date, const char *file)
{
    static const size_t starts[] = {0, 5, 8, 11, 14, 17}; /* in 2020-01-02T03:04:05Z */
    int64_t n[6];
    struct stat about;
    bool known = date && strlen(date) == 20;
    for (size_t i = 0; known && i < 6; i++) {
        char digits[5];
        snprintf(digits, sizeof digits, "%.*s", i ? 2 : 4, date + starts[i]);
        known = ho_parse_integer(digits, &n[i]);
    }
    if (known)
        return (double)days_of(n[0], n[1], n[2]) * 86400 + (double)(n[3] * 3600 + n[4] * 60 + n[5]);
    return stat(file, &about) == 0 ? (double)about.st_mtime : 0;
}

/* ---- CSV --------------------------------------------------------------------------------------------------------- */

typedef struct columns {
    const char **names;
    size_t count, capacity;
} columns;

static size_t column_of(columns *all, const char *name, ho_arena *arena)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->names[i], name) == 0)
            return i;
    ho_grow((void **)&all->names, &all->capacity, all->count, sizeof *all->names);
    all->names[all->count] = ho_arena_strdup(arena, name);
    return all->count++;
}

static void put_field(const char *text, FILE *csv)
{
    const bool plain = !strpbrk(text, ",\"\r\n");
    fputs(plain ? "" : "\"", csv);
    for (; *text; text++)
        fputs(*text == '"' ? "\"\"" : (char[]){*text, '\0'}, csv);
    fputs(plain ? "" : "\"", csv);
}

static void put_line(const columns *all, const ho_line *line, const ho_curve_values *values, FILE *csv)
{
    fputs(ho_curve_kind(line->kind), csv);
    for (size_t c = 0; c < all->count; c++) {
        char number[32] = "";
        for (size_t i = 0; i < values->count; i++)
            if (strcmp(values->items[i].name, all->names[c]) == 0)
                ho_print_real(values->items[i].value, number);
        fprintf(csv, ",%s", number);
    }
    fputc('\n', csv);
}

/* Goes through the lines: without `csv` for the columns, with it to write them. */
static ho_status each_line(const course *run, columns *all, FILE *csv, ho_arena *arena, ho_error *error)
{
    ho_line line;
    ho_place place;
    ho_curve_values values = {0};
    ho_lines *lines = ho_lines_open(run->metrics, error);
    while (lines && ho_lines_next(lines, &line, &place, error)) {
        ho_arena *own = ho_arena_new();
        ho_curve_values_of(&line, own, &values);
        for (size_t i = 0; !csv && i < values.count; i++)
            column_of(all, values.items[i].name, arena);
        if (csv)
            put_line(all, &line, &values, csv);
        ho_arena_free(own);
    }
    ho_curve_values_free(&values);
    ho_lines_close(lines);
    return error->status;
}

static ho_status write_csv(const course *run, const char *folder, ho_error *error)
{
    ho_arena *arena = ho_arena_new();
    columns all = {0};
    char *text;
    size_t size;
    FILE *csv = ho_text_open(&text, &size);
    if (each_line(run, &all, NULL, arena, error) == HO_OK) {
        fputs("line", csv);
        for (size_t c = 0; c < all.count; c++) {
            fputc(',', csv);
            put_field(all.names[c], csv);
        }
        fputc('\n', csv);
        each_line(run, &all, csv, arena, error);
    }
    ho_text_close(csv);
    const char *path = ho_arena_format(arena, "%s/%s.csv", folder, run->name ? run->name : "run");
    if (error->status == HO_OK && ho_file_write(path, text, size, error) == HO_OK)
        printf("%s\n", path);
    free(text);
    free(all.names);
    ho_arena_free(arena);
    return error->status;
}

/* ---- TensorBoard ------------------------------------------------------------------------------------------------- */

/* Scalars over iterations and over steps; a file of its own for each run, in a folder of its name. */
static ho_status write_events(const course *run, const char *folder, ho_error *error)
{
    ho_arena *arena = ho_arena_new();
    ho_line line;
    ho_place place;
    ho_curve_values values = {0};
    ho_events *events = ho_events_new(run->begun);
    ho_lines *lines = ho_lines_open(run->metrics, error);
    double seconds = 0;
    while (lines && ho_lines_next(lines, &line, &place, error)) {
        const bool iteration = line.kind == HO_LINE_ITERATION || line.kind == HO_LINE_CANDIDATE;
        if (iteration)
            seconds += isnan(line.seconds) ? 0 : line.seconds;
        else
            seconds = fmax(seconds, line.cpu_seconds); /* that of one NaN is the other */
        ho_arena *own = ho_arena_new();
        ho_curve_values_of(&line, own, &values);
        for (size_t i = 0; i < values.count; i++) {
            const char *name = values.items[i].name;
            if (strcmp(name, "iteration") != 0 && strcmp(name, "step") != 0)
                ho_events_add(events, run->begun + seconds, iteration ? line.iteration : line.step,
                              ho_arena_format(own, "%s/%s", ho_curve_kind(line.kind), name), values.items[i].value);
        }
        ho_arena_free(own);
    }
    const char *own = run->name ? ho_arena_format(arena, "%s/%s", folder, run->name) : folder;
    const char *path = ho_arena_format(arena, "%s/events.out.tfevents.%.0f.hotool", own, run->begun);
    size_t size;
    const void *bytes = ho_events_bytes(events, &size);
    if (error->status == HO_OK && ho_folder_make(own, error) == HO_OK &&
        ho_file_write(path, bytes, size, error) == HO_OK)
        printf("%s\n", path);
    ho_curve_values_free(&values);
    ho_lines_close(lines);
    ho_events_free(events);
    ho_arena_free(arena);
    return error->status;
}

/* ---- the runs of a folder ---------------------------------------------------------------------------------------- */

ho_status ho_runs_export(const char *folder, const char *csv, const char *tensorboard, ho_error *error)
{
    if (!csv == !tensorboard)
        return ho_fail(error, HO_INVALID, "export: expected --csv DIR or --tensorboard DIR%s", csv ? ", not both" : "");
    ho_arena *arena = ho_arena_new();
    ho_record record;
    size_t written = 0;
    const char *out = csv ? csv : tensorboard;
    if (ho_record_read(folder, arena, &record, error) == HO_OK)
        ho_folder_make(out, error);
    for (size_t r = 0; r < record.rows.count && error->status == HO_OK; r++) {
        const ho_row *row = &record.rows.items[r];
        for (size_t i = 0; i < row->folders.count && !row->chosen.items && error->status == HO_OK; i++) {
            course run = {.metrics = ho_record_path(folder, row->folders.items[i], "metrics.jsonl", arena, error)};
            if (!run.metrics || !ho_file_exists(run.metrics))
                continue;
            char *name = record.kind == HO_RECORD_RUN ? NULL : ho_arena_strdup(arena, row->folders.items[i]);
            for (char *slash = name; slash && (slash = strchr(slash, '/'));)
                *slash = '-';
            run.name = name;
            run.begun = time_of(record.started.date, run.metrics);
            (csv ? write_csv : write_events)(&run, out, error);
            written++;
        }
    }
    if (error->status == HO_OK && !written)
        ho_fail(error, HO_INVALID, "%s: has no curves: nothing was tuned or monitored", folder);
    ho_arena_free(arena);
    return error->status;
}
