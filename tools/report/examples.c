/* Weights of training examples out of a run folder: examples/weights.csv, examples/lowest.csv and what truth/ knows. */
#include "report/examples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"
#include "base/text.h"

/* Sizes that no honest run reaches. */
#define MOST_BYTES   ((uint64_t)1 << 30)
#define MOST_COLUMNS 64
#define MOST_WEIGHT  1e100
#define MOST_CELL    256

/* ---- comma-separated values -------------------------------------------------------------------------------------- */

/* Where the columns stand in a file; -1: not there. */
typedef struct columns {
    int index, label, weight, true_label, count;
} columns;

/* One cell into `cell`, without its quotes; what follows it, or NULL: an error. */
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
        ho_fail_at(error, HO_INVALID, place, "a quote does not end in its line");
        return NULL;
    }
    return at;
}

/* The cells of a line. The count of them, or -1: an error. */
static int take_cells(const char *line, size_t length, char (*cells)[MOST_CELL], ho_place place, ho_error *error)
{
    const char *at = line, *end = line + length;
    for (int count = 0;;) {
        if (count == MOST_COLUMNS) {
            ho_fail_at(error, HO_INVALID, place, "holds more than %d cells", MOST_COLUMNS);
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
        bool wanted;
    } known[] = {{"index", &c->index, true},
                 {"label", &c->label, true},
                 {"weight", &c->weight, true},
                 {"true_label", &c->true_label, false}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        for (int i = 0; i < count && *known[k].column < 0; i++)
            if (strcmp(cells[i], known[k].name) == 0)
                *known[k].column = i;
        if (known[k].wanted && *known[k].column < 0)
            return ho_fail_at(error, HO_INVALID, place,
                              "no column \"%s\" in the header: wanted are index, label, weight", known[k].name);
    }
    return HO_OK;
}

static ho_status whole(const char *cell, const char *name, int64_t *value, ho_place place, ho_error *error)
{
    double real;
    if (!ho_parse_real(cell, &real) || real < 0 || real > 9007199254740992.0 || real != floor(real))
        return ho_fail_at(error, HO_INVALID, place, "%s: \"%.40s\" is no whole number from 0", name, cell);
    *value = (int64_t)real;
    return HO_OK;
}

static ho_status read_example(char (*cells)[MOST_CELL], const columns *c, ho_report_example *e, ho_place place,
                              ho_error *error)
{
    *e = (ho_report_example){.truth = -1, .corrupted = -1};
    if (whole(cells[c->index], "index", &e->index, place, error) != HO_OK ||
        whole(cells[c->label], "label", &e->label, place, error) != HO_OK)
        return error->status;
    if (!ho_parse_real(cells[c->weight], &e->weight) || fabs(e->weight) > MOST_WEIGHT)
        return ho_fail_at(error, HO_INVALID, place, "weight: \"%.40s\" is no number, or too large", cells[c->weight]);
    if (c->true_label >= 0 && cells[c->true_label][0])
        return whole(cells[c->true_label], "true_label", &e->truth, place, error);
    return HO_OK;
}

/* The examples of a file behind those that are there. */
static ho_status take_lines(const char *path, const char *text, ho_report_example **items, size_t *count,
                            size_t *capacity, ho_error *error)
{
    char(*cells)[MOST_CELL] = ho_alloc(MOST_COLUMNS * sizeof *cells);
    columns c = {.count = 0};
    for (int line = 1; *text && error->status == HO_OK; line++) {
        ho_place place = {path, line, 0};
        size_t length = strcspn(text, "\n"), kept = length && text[length - 1] == '\r' ? length - 1 : length;
        int found = kept ? take_cells(text, kept, cells, place, error) : 0;
        ho_report_example example;
        if (found > 0 && c.count == 0) {
            read_head(cells, found, &c, place, error);
        } else if (found > 0 && found != c.count) {
            ho_fail_at(error, HO_INVALID, place, "holds %d cells, the header %d", found, c.count);
        } else if (found > 0 && read_example(cells, &c, &example, place, error) == HO_OK) {
            ho_grow((void **)items, capacity, *count, sizeof **items);
            (*items)[(*count)++] = example;
        }
        text += length + (text[length] == '\n');
    }
    free(cells);
    if (error->status == HO_OK && c.count == 0)
        ho_fail(error, HO_INVALID, "%s: is empty: wanted is a header with index, label, weight", path);
    return error->status;
}

static ho_status read_csv(const char *path, ho_report_example **items, size_t *count, size_t *capacity, ho_error *error)
{
    uint8_t *bytes = NULL;
    uint64_t size;
    if (ho_file_read(path, MOST_BYTES, &bytes, &size, error) == HO_OK) {
        const uint8_t *zero = memchr(bytes, 0, size);
        if (zero)
            ho_fail(error, HO_INVALID, "%s: byte %td: is zero, wanted is text", path, zero - bytes);
        else
            take_lines(path, (const char *)bytes, items, count, capacity, error);
    }
    ho_large_free(bytes);
    return error->status;
}

/* ---- truth ------------------------------------------------------------------------------------------------------- */

/* One whole number from 0 to `most` for each training example; count 0: there is no such file. */
static ho_status read_truth(const char *path, size_t wanted, double most, ho_npy *array, ho_error *error)
{
    if (!ho_file_exists(path) || ho_npy_read(path, array, error) != HO_OK)
        return error->status;
    if (array->rank != 1 || array->dims[0] != (int64_t)wanted)
        return ho_fail(error, HO_INVALID, "%s: wanted are %zu entries, one for each row of examples/weights.csv", path,
                       wanted);
    for (int64_t i = 0; i < array->count; i++) {
        double value = array->f64 ? array->f64[i] : (double)array->f32[i];
        if (!(value >= 0 && value <= most && value == floor(value)))
            return ho_fail(error, HO_INVALID, "%s: entry %lld is no whole number from 0 to %.0f", path, (long long)i,
                           most);
    }
    return HO_OK;
}

static int64_t entry(const ho_npy *array, size_t i)
{
    return (int64_t)(array->f64 ? array->f64[i] : (double)array->f32[i]);
}

/* What truth/ and the column true_label know of a repeat's examples. */
static ho_status add_truth(const char *folder, ho_report_example *examples, size_t count, ho_error *error)
{
    char *noise_path = ho_format("%s/truth/noise.npy", folder), *labels_path = ho_format("%s/truth/labels.npy", folder);
    ho_npy noise = {0}, labels = {0};
    if (read_truth(noise_path, count, 1, &noise, error) == HO_OK &&
        read_truth(labels_path, count, 1e9, &labels, error) == HO_OK)
        for (size_t i = 0; i < count; i++) {
            ho_report_example *e = &examples[i];
            if (labels.count)
                e->truth = entry(&labels, i);
            if (noise.count)
                e->corrupted = entry(&noise, i) != 0;
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

/* What is known of the examples with the lowest weights stands with all examples. */
static ho_status join(const char *path, ho_report_examples *x, const ho_report_example *all, size_t count,
                      ho_error *error)
{
    for (size_t k = 0; x->lowest && k < x->lowest_count; k++) {
        ho_report_example *e = &x->lowest[k];
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

static ho_status read_lowest(const char *folder, ho_report_examples *x, const ho_report_example *all, size_t count,
                             ho_error *error)
{
    char *path = ho_format("%s/examples/lowest.csv", folder), *pictures = ho_format("%s/examples/lowest.npy", folder);
    size_t capacity = 0;
    if (!ho_file_exists(path)) {
        if (ho_file_exists(pictures))
            ho_fail(error, HO_INVALID, "%s: no such file, and lowest.npy stands beside it", path);
    } else if (read_csv(path, &x->lowest, &x->lowest_count, &capacity, error) == HO_OK) {
        if (x->lowest_count > HO_REPORT_LOWEST)
            ho_fail(error, HO_INVALID, "%s: holds %zu examples, wanted are at most %d", path, x->lowest_count,
                    HO_REPORT_LOWEST);
        else if (join(path, x, all, count, error) == HO_OK && x->lowest_count > 0 && ho_file_exists(pictures))
            ho_report_read_images(pictures, x->lowest_count, &x->images, error);
    }
    free(path);
    free(pictures);
    return error->status;
}

/* ---- a row ------------------------------------------------------------------------------------------------------- */

static ho_status read_repeat(const char *folder, size_t repeat, ho_report_examples *x, ho_error *error)
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

ho_status ho_report_read_examples(const ho_report *report, ho_report_row *row, ho_error *error)
{
    ho_report_examples *x = ho_alloc(sizeof *x);
    for (size_t f = 0; f < row->folder_count && error->status == HO_OK; f++) {
        char *folder = ho_format("%s/%s", report->folder, row->folders[f]);
        read_repeat(strcmp(row->folders[f], ".") == 0 ? report->folder : folder, f, x, error);
        free(folder);
    }
    x->truth = x->count > 0;
    for (size_t i = 0; i < x->count; i++)
        x->truth = x->truth && x->all[i].corrupted >= 0;
    if (x->count > 0 && error->status == HO_OK)
        row->examples = x;
    else
        ho_report_examples_free(x);
    return error->status;
}

void ho_report_examples_free(ho_report_examples *x)
{
    if (!x)
        return;
    free(x->all);
    free(x->lowest);
    free(x->images.pixels);
    free(x);
}
