/* `hotool compare`. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "grid.h"
#include "record/paired.h"
#include "record/read.h"
#include "report/page.h"
#include "report/text.h"
#include "runs/runs.h"

/* A row of a run's table. */
typedef struct side {
    const char *name, *folder;
    ho_row row; /* with the seeds of its runs */
    ho_pairs settings;
} side;

typedef struct comparison {
    ho_arena *arena;
    side *sides;
    size_t count, capacity;
    const char **keys; /* of settings that differ */
    size_t key_count, key_capacity;
} comparison;

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* What else may make a difference: versions, plugins and data, beside the settings. */
static ho_pairs settings_of(const comparison *c, const ho_record *r)
{
    const size_t most = r->settings.count + r->plugins.count + r->data.checksums.count + 8;
    ho_pairs all = {ho_arena_alloc(c->arena, most * sizeof *all.items), 0};
    const ho_pair own[] = {{"hotool", r->hotool},
                           {"host", r->started.host},
                           {"processor", r->machine.cpu},
                           {"OpenBLAS", r->versions.openblas},
                           {"mode", r->mode}};
    for (size_t i = 0; i < r->settings.count; i++)
        all.items[all.count++] = r->settings.items[i];
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        all.items[all.count++] = own[i];
    for (size_t i = 0; i < r->plugins.count; i++) {
        const ho_record_plugin *p = &r->plugins.items[i];
        all.items[all.count++] = (ho_pair){
            ho_arena_format(c->arena, "%s %s, SHA-256", p->kind ? p->kind : "", p->name ? p->name : ""), p->checksum};
    }
    for (size_t i = 0; i < r->data.checksums.count && i < r->data.files.count; i++)
        all.items[all.count++] = (ho_pair){
            ho_arena_format(c->arena, "%s, SHA-256", ho_path_last(r->data.files.items[i])), r->data.checksums.items[i]};
    return all;
}

/* The settings are those of the first run of a row that has left a record, the seeds each run's own. */
static void read_row(const comparison *c, const char *folder, const ho_record *record, side *s)
{
    const bool here = record->kind == HO_RECORD_RUN;
    const size_t count = s->row.folders.count;
    int64_t *seeds = ho_arena_alloc(c->arena, (count + 1) * sizeof *seeds);
    for (size_t i = 0; i < count; i++) {
        ho_error error = {0};
        ho_record own = *record;
        const char *path = here ? folder : ho_record_path(folder, s->row.folders.items[i], "", c->arena, &error);
        const bool known = here || (path && ho_record_read(path, c->arena, &own, &error) == HO_OK);
        seeds[i] = known ? own.seed : -(int64_t)(1 + c->count * count + i); /* like no other's */
        if (known && !s->settings.items)
            s->settings = settings_of(c, &own);
    }
    s->row.seeds = (ho_integers){seeds, count};
}

static ho_status read_run(comparison *c, const char *folder, ho_error *error)
{
    ho_record *record = ho_arena_alloc(c->arena, sizeof *record);
    if (ho_record_read(folder, c->arena, record, error) != HO_OK)
        return error->status;
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    for (size_t i = 0; i < record->rows.count; i++) {
        const ho_row *row = &record->rows.items[i];
        const bool whole = record->kind == HO_RECORD_RUN || !row->variant;
        side s = {.name = ho_arena_format(c->arena, "%.*s%s%s", (int)length, folder, whole ? "" : " ",
                                          whole ? "" : row->variant)};
        s.row = *row;
        s.folder = folder;
        read_row(c, folder, record, &s);
        ho_grow((void **)&c->sides, &c->capacity, c->count, sizeof s);
        c->sides[c->count++] = s;
    }
    return HO_OK;
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static const char *value_of(const ho_pairs *settings, const char *key)
{
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->items[i].name, key) == 0)
            return settings->items[i].value;
    return NULL;
}

/* As texts, or as numbers: 1.0e-3 is 0.001. */
static bool same(const char *a, const char *b)
{
    double x, y;
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0 || (ho_parse_real(a, &x) && ho_parse_real(b, &y) && x == y);
}

static void find_differences(comparison *c)
{
    for (size_t s = 0; s < c->count; s++)
        for (size_t i = 0; i < c->sides[s].settings.count; i++) {
            const char *key = c->sides[s].settings.items[i].name;
            bool differs = false, seen = false;
            for (size_t k = 0; k < c->key_count; k++)
                seen = seen || strcmp(c->keys[k], key) == 0;
            for (size_t k = 1; k < c->count; k++)
                differs = differs || !same(value_of(&c->sides[0].settings, key), value_of(&c->sides[k].settings, key));
            if (seen || !differs)
                continue;
            ho_grow((void **)&c->keys, &c->key_capacity, c->key_count, sizeof key);
            c->keys[c->key_count++] = key;
        }
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

static const ho_figure shown[] = {
    HO_VALIDATION_ERROR, HO_VALIDATION_ACCURACY, HO_TEST_LOSS, HO_TEST_ACCURACY, HO_PRECISION, HO_RECALL, HO_F1,
    HO_EVALUATIONS,      HO_CPU_SECONDS,         HO_SECONDS};
#define SHOWN (sizeof shown / sizeof *shown)

static bool any_has(const comparison *c, ho_figure which)
{
    bool any = false;
    for (size_t i = 0; i < c->count; i++)
        any = any || !isnan(c->sides[i].row.figures[which].mean);
    return any;
}

/* "0.12 +- 0.01". */
static void print_spread(char text[96], const ho_figure_form *form, double mean, double sd, bool sign)
{
    const double factor = form->print == HO_PERCENT ? 100 : 1;
    const int digits = form->digits ? form->digits : form->print == HO_MEAN_ONLY ? 0 : 3;
    if (isnan(mean))
        snprintf(text, 96, "-");
    else if (isnan(sd))
        snprintf(text, 96, sign ? "%+.*f" : "%.*f", digits, factor * mean);
    else
        snprintf(text, 96, sign ? "%+.*f +- %.*f" : "%.*f +- %.*f", digits, factor * mean, digits, factor * sd);
}

static const char *column_string(const comparison *c, size_t texts, size_t numbers)
{
    char *columns = ho_arena_alloc(c->arena, texts + numbers + 1);
    memset(columns, 'l', texts);
    memset(columns + texts, 'r', numbers);
    return columns;
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* With which number a side stands in the heading of the settings. */
static ho_grid *settings_grid(const comparison *c)
{
    ho_grid *grid = ho_grid_new(column_string(c, c->count + 1, 0));
    ho_grid_put(grid, "setting");
    for (size_t s = 0; s < c->count; s++)
        ho_grid_put(grid, "%s", c->sides[s].name);
    for (size_t k = 0; k < c->key_count; k++) {
        ho_grid_put(grid, "%s", c->keys[k]);
        for (size_t s = 0; s < c->count; s++) {
            const char *value = value_of(&c->sides[s].settings, c->keys[k]);
            const bool sum = value && strlen(value) == 64 && strstr(c->keys[k], "SHA-256");
            ho_grid_put(grid, "%.*s", sum ? 12 : 1000, value ? value : "-");
            if (!same(value, value_of(&c->sides[0].settings, c->keys[k])))
                ho_grid_mark(grid);
        }
    }
    return grid;
}

static ho_grid *results_grid(const comparison *c)
{
    size_t numbers = 0;
    for (size_t f = 0; f < SHOWN; f++)
        numbers += any_has(c, shown[f]);
    char *columns = (char *)column_string(c, 1, numbers + 1);
    ho_grid *grid = ho_grid_new(columns);
    ho_grid_put(grid, "run");
    for (size_t f = 0; f < SHOWN; f++)
        if (any_has(c, shown[f]))
            ho_grid_put(grid, "%s", ho_figure_forms[shown[f]].title);
    ho_grid_put(grid, "runs");
    for (size_t s = 0; s < c->count; s++) {
        const ho_row *row = &c->sides[s].row;
        ho_grid_put(grid, "%s", c->sides[s].name);
        for (size_t f = 0; f < SHOWN; f++) {
            const ho_figure_form *form = &ho_figure_forms[shown[f]];
            char text[96];
            if (!any_has(c, shown[f]))
                continue;
            print_spread(text, form, row->figures[shown[f]].mean,
                         form->print == HO_MEAN_ONLY ? NAN : row->figures[shown[f]].sd, false);
            ho_grid_put(grid, "%s", text);
        }
        ho_grid_put(grid, "%" PRId64 "/%zu", row->runs, row->folders.count);
    }
    return grid;
}

/* NULL: nothing can be paired. */
static ho_grid *differences_grid(const comparison *c)
{
    ho_grid *grid = ho_grid_new("llrr");
    static const char *const heading[] = {"run", "figure", "difference", "better"};
    for (size_t i = 0; i < sizeof heading / sizeof *heading; i++)
        ho_grid_put(grid, "%s", heading[i]);
    for (size_t s = 1; s < c->count; s++)
        for (size_t f = 0; f < SHOWN; f++) {
            const ho_paired d = ho_paired_of(&c->sides[s].row, &c->sides[0].row, shown[f]);
            char text[96];
            if (!d.pairs)
                continue;
            print_spread(text, &ho_figure_forms[shown[f]], d.mean, d.sd, true);
            ho_grid_put(grid, "%s", c->sides[s].name);
            ho_grid_put(grid, "%s", ho_figure_forms[shown[f]].title);
            ho_grid_put(grid, "%s", text);
            if (ho_figure_forms[shown[f]].better)
                ho_grid_put(grid, "%zu of %zu", d.better, d.pairs);
            else
                ho_grid_put(grid, "-");
        }
    if (ho_grid_rows(grid) > 1)
        return grid;
    ho_grid_free(grid);
    return NULL;
}

/* ---- the three ways to show them --------------------------------------------------------------------------------- */

typedef struct section {
    const char *title, *nothing;
    ho_grid *grid; /* NULL: `nothing` is said instead */
} section;

static void show(const comparison *c, FILE *html)
{
    section sections[] = {
        {"Settings that differ", "all settings are the same", c->key_count ? settings_grid(c) : NULL},
        {"Results", "", results_grid(c)},
        {ho_arena_format(c->arena, "Differences from %s, paired by seed", c->sides[0].name),
         "no two runs have a seed in common", differences_grid(c)},
    };
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        const section *s = &sections[i];
        if (html) {
            fputs("<h2>", html);
            ho_text_html(s->title, html);
            fputs("</h2>\n", html);
            if (s->grid)
                ho_grid_html(s->grid, html);
            else
                fprintf(html, "<p class=\"note\">%s</p>\n", s->nothing);
        } else {
            char *plain = ho_plain(s->title);
            printf("%s%s%s%s\n", i ? "\n" : "", plain, s->grid ? "" : ": ", s->grid ? "" : s->nothing);
            free(plain);
            if (s->grid)
                ho_grid_print(s->grid, ho_terminal_width());
        }
        ho_grid_free(s->grid);
    }
}

/* Of the row's runs that have left any; a choice among rows repeats theirs. */
static ho_status read_series(const comparison *c, const side *s, ho_series_list *series, ho_error *error)
{
    const ho_row *row = &s->row;
    for (size_t f = 0; !row->chosen.items && f < row->folders.count && error->status == HO_OK; f++) {
        const char *path = ho_record_path(s->folder, row->folders.items[f], "metrics.jsonl", c->arena, error);
        if (path && ho_file_exists(path))
            ho_series_read(path, row->strategy, f, c->arena, series, error);
    }
    return error->status;
}

/* As a report shows those of an experiment's variants. */
static ho_status put_curves(const comparison *c, FILE *html, ho_error *error)
{
    ho_report_run run = {.arena = c->arena, .row_count = c->count};
    run.rows = ho_arena_alloc(c->arena, c->count * sizeof *run.rows);
    for (size_t i = 0; i < c->count; i++) {
        run.rows[i] = (ho_report_row){.name = c->sides[i].name, .record = &c->sides[i].row};
        read_series(c, &c->sides[i], &run.rows[i].series, error);
    }
    ho_page page = {.run = &run, .html = html};
    if (error->status == HO_OK)
        ho_page_curves(&page);
    for (size_t i = 0; i < c->count; i++)
        ho_series_free(&run.rows[i].series);
    return ho_fail_as(error, &page.undrawn);
}

static ho_status write_page(const comparison *c, const char *path, ho_error *error)
{
    char *text;
    size_t size;
    FILE *html = ho_text_open(&text, &size);
    fputs(HO_PAGE_HEAD "<title>hotool: runs compared</title>\n<style>\n", html);
    fputs(ho_page_style, html);
    fputs("</style>\n</head>\n<body><main>\n<header><h1>Runs compared</h1></header>\n", html);
    show(c, html);
    ho_error undrawn = {0};
    put_curves(c, html, &undrawn);
    fputs("<footer>Written by hotool compare. Curves by gnuplot.</footer>\n</main></body>\n</html>\n", html);
    ho_text_close(html);
    if (ho_file_write(path, text, size, error) == HO_OK)
        printf("%s\n", path);
    ho_fail_as(error, &undrawn);
    free(text);
    return error->status;
}

static void json_differences(ho_json *json, const comparison *c, const side *s)
{
    ho_json_open(json, "differences", '{');
    for (size_t f = 0; s != c->sides && f < SHOWN; f++) {
        const ho_paired d = ho_paired_of(&s->row, &c->sides[0].row, shown[f]);
        if (!d.pairs)
            continue;
        ho_json_open(json, ho_figure_forms[shown[f]].key, '{');
        ho_json_real(json, "mean", d.mean);
        ho_json_real(json, "sd", d.sd);
        ho_json_integer(json, "pairs", (int64_t)d.pairs);
        ho_json_integer(json, "better", (int64_t)d.better);
        ho_json_close(json, '}');
    }
    ho_json_close(json, '}');
}

static void write_json(const comparison *c, ho_json *json)
{
    ho_json_open(json, NULL, '[');
    for (size_t i = 0; i < c->count; i++) {
        const side *s = &c->sides[i];
        ho_json_open(json, NULL, '{');
        ho_json_string(json, "run", s->name);
        ho_json_open(json, "settings", '{');
        for (size_t k = 0; k < c->key_count; k++)
            ho_json_string(json, c->keys[k], value_of(&s->settings, c->keys[k]));
        ho_json_close(json, '}');
        ho_json_open(json, "results", '{');
        for (size_t f = 0; f < SHOWN; f++) {
            ho_json_open(json, ho_figure_forms[shown[f]].key, '{');
            ho_json_real(json, "mean", s->row.figures[shown[f]].mean);
            ho_json_real(json, "sd", s->row.figures[shown[f]].sd);
            ho_json_close(json, '}');
        }
        ho_json_close(json, '}');
        json_differences(json, c, s);
        ho_json_close(json, '}');
    }
    ho_json_close(json, ']');
}

ho_status ho_runs_compare(const char *const *folders, size_t count, const char *html, ho_json *json, ho_error *error)
{
    comparison c = {.arena = ho_arena_new()};
    for (size_t i = 0; i < count && error->status == HO_OK; i++)
        read_run(&c, folders[i], error);
    if (error->status == HO_OK && (!c.sides || c.count < 2))
        ho_fail(error, HO_INVALID, "compare: %s is one run: expected another to compare it with", folders[0]);
    else if (error->status == HO_OK) {
        find_differences(&c);
        if (json)
            write_json(&c, json);
        if (html)
            write_page(&c, html, error);
        if (!json && !html)
            show(&c, NULL);
    }
    free(c.keys);
    free(c.sides);
    ho_arena_free(c.arena);
    return error->status;
}
