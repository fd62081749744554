#include "report/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/text.h"
#include "record/read.h"

/* Sizes that no honest run reaches. */
#define MOST_COLUMNS 64
#define MOST_WEIGHT  1e100
#define MOST_CELL    256

/* ---- comma-separated values -------------------------------------------------------------------------------------- */

/* The positions of the columns in a file; -1: missing. */
typedef struct columns {
    int index, label, weight, true_label, count;
} columns;

/* Reads one cell, without its quotes. Returns what follows it; NULL: an error. */
static const char *take_cell(const char *at, const char *end, char cell[MOST_CELL], ho_place place, ho_error *error)
{
    size_t length = 0;
    bool quoted = at < end && *at == '"';
    at += quoted;
    while (at < end && (quoted || *at != ',')) {
        if (quoted && *at == '"') {
            at++;
            if (at == end || *at != '"') {
                quoted = false;
                continue;
            }
        }
        if (length + 1 == MOST_CELL) {
            ho_fail_at(error, HO_INVALID, place, "a cell has more than %d bytes", MOST_CELL - 1);
            return NULL;
        }
        cell[length++] = *at++;
    }
    cell[length] = '\0';
    if (quoted) {
        ho_fail_at(error, HO_INVALID, place, "a quoted cell does not end on its line");
        return NULL;
    }
    return at;
}

/* Reads the cells of a line. Returns how many; -1: an error. */
static int take_cells(const char *line, size_t length, char (*cells)[MOST_CELL], ho_place place, ho_error *error)
{
    const char *at = line, *end = line + length;
    for (int count = 0;;) {
        if (count == MOST_COLUMNS) {
            ho_fail_at(error, HO_INVALID, place, "has more than %d cells", MOST_COLUMNS);
            return -1;
        }
        at = take_cell(at, end, cells[count++], place, error);
        if (!at)
            return -1;
        if (at == end)
            return count;
        at++;
    }
}

static ho_status read_head(char (*cells)[MOST_CELL], int count, columns *c, ho_place place, ho_error *error)
{
    *c = (columns){-1, -1, -1, -1, count};
    const struct {
        const char *name;
        int *column;
        bool required;
    } known[] = {{"index", &c->index, true},
                 {"label", &c->label, true},
                 {"weight", &c->weight, true},
                 {"true_label", &c->true_label, false}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        for (int i = 0; i < count && *known[k].column < 0; i++)
            if (strcmp(cells[i], known[k].name) == 0)
                *known[k].column = i;
        if (known[k].required && *known[k].column < 0)
            return ho_fail_at(error, HO_INVALID, place, "no column \"%s\" in the header: expected index, label, weight",
                              known[k].name);
    }
    return HO_OK;
}

static ho_status read_integer(const char *cell, const char *name, int64_t *value, ho_place place, ho_error *error)
{
    double real;
    if (!ho_parse_real(cell, &real) || real < 0 || real > 9007199254740992.0 || real != floor(real))
        return ho_fail_at(error, HO_INVALID, place, "%s: expected an integer from 0, got \"%.40s\"", name, cell);
    *value = (int64_t)real;
    return HO_OK;
}

static ho_status read_example(char (*cells)[MOST_CELL], const columns *c, ho_example *e, ho_place place,
                              ho_error *error)
{
    *e = (ho_example){.truth = -1, .corrupted = -1};
    if (read_integer(cells[c->index], "index", &e->index, place, error) != HO_OK ||
        read_integer(cells[c->label], "label", &e->label, place, error) != HO_OK)
        return error->status;
    if (!ho_parse_real(cells[c->weight], &e->weight) || fabs(e->weight) > MOST_WEIGHT)
        return ho_fail_at(error, HO_INVALID, place, "weight: expected a number up to 1e100, got \"%.40s\"",
                          cells[c->weight]);
    if (c->true_label >= 0 && cells[c->true_label][0])
        return read_integer(cells[c->true_label], "true_label", &e->truth, place, error);
    return HO_OK;
}

/* Appends the examples of a file. */
static ho_status take_lines(const char *path, const char *text, ho_example **items, size_t *count, size_t *capacity,
                            ho_error *error)
{
    char(*cells)[MOST_CELL] = ho_alloc(MOST_COLUMNS * sizeof *cells);
    columns c = {.count = 0};
    for (int line = 1; *text && error->status == HO_OK; line++) {
        ho_place place = {path, line, 0};
        size_t length = strcspn(text, "\n"), kept = length && text[length - 1] == '\r' ? length - 1 : length;
        int found = kept ? take_cells(text, kept, cells, place, error) : 0;
        ho_example example;
        if (found > 0 && c.count == 0) {
            read_head(cells, found, &c, place, error);
        } else if (found > 0 && found != c.count) {
            ho_fail_at(error, HO_INVALID, place, "has %d cells, but the header %d", found, c.count);
        } else if (found > 0 && read_example(cells, &c, &example, place, error) == HO_OK) {
            ho_grow((void **)items, capacity, *count, sizeof **items);
            (*items)[(*count)++] = example;
        }
        text += length + (text[length] == '\n');
    }
    free(cells);
    if (error->status == HO_OK && c.count == 0)
        ho_fail(error, HO_INVALID, "%s: is empty: expected a header with index, label, weight", path);
    return error->status;
}

static ho_status read_csv(const char *path, ho_example **items, size_t *count, size_t *capacity, ho_error *error)
{
    char *text = ho_record_text(path, error);
    if (text)
        take_lines(path, text, items, count, capacity, error);
    ho_large_free(text);
    return error->status;
}

/* ---- truth ------------------------------------------------------------------------------------------------------- */

/* Reads an integer from 0 to `most` for each training example; count 0: there is no such file. */
static ho_status read_truth(const char *path, size_t expected, double most, ho_npy *array, ho_error *error)
{
    if (!ho_file_exists(path) || ho_npy_read(path, array, error) != HO_OK)
        return error->status;
    if (array->rank != 1 || array->dims[0] != (int64_t)expected)
        return ho_fail(error, HO_INVALID, "%s: expected %zu entries, one for each row of examples/weights.csv", path,
                       expected);
    for (int64_t i = 0; i < array->count; i++) {
        double value = ho_npy_entry(array, i);
        if (!(value >= 0 && value <= most && value == floor(value)))
            return ho_fail(error, HO_INVALID, "%s: entry %lld is not an integer from 0 to %.0f", path, (long long)i,
                           most);
    }
    return HO_OK;
}

/* Adds what truth/ and the column true_label say about a repeat's examples. */
static ho_status add_truth(const char *folder, ho_example *examples, size_t count, ho_error *error)
{
    char *noise_path = ho_format("%s/truth/noise.npy", folder), *labels_path = ho_format("%s/truth/labels.npy", folder);
    ho_npy noise = {0}, labels = {0};
    if (read_truth(noise_path, count, 1, &noise, error) == HO_OK &&
        read_truth(labels_path, count, 1e9, &labels, error) == HO_OK)
        for (size_t i = 0; i < count; i++) {
            ho_example *e = &examples[i];
            if (labels.count)
                e->truth = (int64_t)ho_npy_entry(&labels, (int64_t)i);
            if (noise.count)
                e->corrupted = ho_npy_entry(&noise, (int64_t)i) != 0;
            else if (e->truth >= 0)
                e->corrupted = e->truth != e->label;
        }
    ho_npy_free(&noise);
    ho_npy_free(&labels);
    free(noise_path);
    free(labels_path);
    return error->status;
}

/* ---- the lowest weights ------------------------------------------------------------------------------------------ */

/* Looks the lowest examples up among all, which say what is known of them. */
static ho_status join(const char *path, ho_examples *x, const ho_example *all, size_t count, ho_error *error)
{
    for (size_t i = 0; x->lowest && x->lowest_count && i < count; i++)
        x->tied += all[i].weight <= x->lowest[0].weight;
    for (size_t k = 0; x->lowest && k < x->lowest_count; k++) {
        ho_example *e = &x->lowest[k];
        size_t i = 0;
        while (i < count && all[i].index != e->index)
            i++;
        if (i == count)
            return ho_fail(error, HO_INVALID, "%s: index %lld is not in weights.csv", path, (long long)e->index);
        e->truth = all[i].truth >= 0 ? all[i].truth : e->truth;
        e->corrupted = all[i].corrupted >= 0 ? all[i].corrupted : e->truth >= 0 ? e->truth != e->label : -1;
    }
    return HO_OK;
}

static ho_status read_lowest(const char *folder, ho_examples *x, const ho_example *all, size_t count, ho_error *error)
{
    char *path = ho_format("%s/examples/lowest.csv", folder), *pictures = ho_format("%s/examples/lowest.npy", folder);
    size_t capacity = 0;
    if (!ho_file_exists(path)) {
        if (ho_file_exists(pictures))
            ho_fail(error, HO_INVALID, "%s: no such file, but there is a lowest.npy", path);
    } else if (read_csv(path, &x->lowest, &x->lowest_count, &capacity, error) == HO_OK) {
        if (x->lowest_count > HO_EXAMPLES_LOWEST)
            ho_fail(error, HO_INVALID, "%s: expected at most %d examples, got %zu", path, HO_EXAMPLES_LOWEST,
                    x->lowest_count);
        else if (join(path, x, all, count, error) == HO_OK && x->lowest_count > 0 && ho_file_exists(pictures))
            ho_images_read(pictures, x->lowest_count, &x->images, error);
    }
    free(path);
    free(pictures);
    return error->status;
}

/* ---- a row ------------------------------------------------------------------------------------------------------- */

static ho_status read_repeat(const char *folder, size_t repeat, ho_examples *x, ho_error *error)
{
    char *path = ho_format("%s/examples/weights.csv", folder);
    size_t before = x->count;
    if (ho_file_exists(path) && read_csv(path, &x->all, &x->count, &x->capacity, error) == HO_OK && x->count > before &&
        add_truth(folder, &x->all[before], x->count - before, error) == HO_OK && !x->lowest) {
        x->lowest_repeat = repeat;
        read_lowest(folder, x, &x->all[before], x->count - before, error);
    }
    free(path);
    return error->status;
}

ho_status ho_examples_read(const char *folder, const ho_texts *folders, ho_examples **examples, ho_error *error)
{
    ho_examples *x = ho_alloc(sizeof *x);
    for (size_t f = 0; f < folders->count && error->status == HO_OK; f++) {
        bool own = strcmp(folders->items[f], ".") == 0;
        char *path = ho_format("%s%s%s", folder, own ? "" : "/", own ? "" : folders->items[f]);
        read_repeat(path, f, x, error);
        free(path);
    }
    x->truth = x->count > 0;
    for (size_t i = 0; i < x->count; i++)
        x->truth = x->truth && x->all[i].corrupted >= 0;
    if (x->count > 0 && error->status == HO_OK)
        *examples = x;
    else
        ho_examples_free(x);
    return error->status;
}

void ho_examples_free(ho_examples *x)
{
    if (!x)
        return;
    free(x->all);
    free(x->lowest);
    free(x->images.pixels);
    free(x);
}
