/* Reading a run folder: result.json checked member by member, then everything that it points to. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "report/examples.h"

#define FORMAT     1
#define MOST_BYTES ((uint64_t)256 << 20)

json_t *ho_report_json(const char *path, int line, const char *text, size_t size, ho_error *error)
{
    json_error_t why;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!json)
        ho_fail_at(error, HO_INVALID, (ho_place){path, line - 1 + (why.line > 0 ? why.line : 1), why.column},
                   "no valid JSON: %s", why.text);
    return json;
}

/* A reader's position, for messages: "RUN/result.json: rows[1]: ". */
typedef struct reader {
    ho_report *report;
    const char *where;
    ho_error *error;
} reader;

static ho_status wrong(const reader *r, const char *key, const char *wanted)
{
    return ho_fail(r->error, HO_INVALID, "%s: %s: wanted is %s", r->where, key, wanted);
}

static reader within(const reader *r, const char *what)
{
    return (reader){r->report, ho_arena_format(r->report->arena, "%s: %s", r->where, what), r->error};
}

/* A text that must be there; NULL: an error. */
static const char *text(const reader *r, const json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));
    if (!value)
        wrong(r, key, "a text");
    return value;
}

/* A text, or `otherwise` where the member is null or not there. */
static const char *text_or(const reader *r, const json_t *json, const char *key, const char *otherwise)
{
    const json_t *member = json_object_get(json, key);
    return !member || json_is_null(member) ? otherwise : text(r, json, key);
}

/* null, or not there: not known. */
static ho_status statistic(const reader *r, const json_t *json, const char *key, ho_statistic *s)
{
    *s = (ho_statistic){.sd = (double)NAN};
    const json_t *member = json_object_get(json, key);
    if (!member || json_is_null(member))
        return HO_OK;
    const json_t *mean = json_object_get(member, "mean"), *sd = json_object_get(member, "sd");
    const json_t *values = json_object_get(member, "values");
    if (!json_is_object(member) || !(json_is_number(mean) || json_is_null(mean)) ||
        !(!sd || json_is_number(sd) || json_is_null(sd)) || !(!values || json_is_null(values) || json_is_array(values)))
        return wrong(r, key, "an object with a number \"mean\", a number \"sd\" and a list \"values\"");
    s->known = json_is_number(mean);
    s->mean = json_number_value(mean);
    s->sd = json_is_number(sd) ? json_number_value(sd) : (double)NAN;
    s->count = json_array_size(values);
    double *numbers = ho_arena_alloc(r->report->arena, (s->count + 1) * sizeof *numbers);
    for (size_t i = 0; i < s->count; i++) {
        const json_t *value = json_array_get(values, i);
        if (!json_is_number(value) && !json_is_null(value))
            return wrong(r, key, "a list of numbers under \"values\"");
        numbers[i] = json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
    s->values = numbers;
    return HO_OK;
}

/* Names out of a result become paths: they must stay inside the run folder. */
static bool stays_inside(const char *name)
{
    if (!*name || *name == '/')
        return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

static ho_status names(const reader *r, const json_t *json, const char *key, const char ***list, size_t *count)
{
    const json_t *member = json_object_get(json, key);
    *count = json_array_size(member);
    *list = ho_arena_alloc(r->report->arena, (*count + 1) * sizeof **list);
    for (size_t i = 0; i < *count; i++) {
        (*list)[i] = json_string_value(json_array_get(member, i));
        if (!(*list)[i])
            return wrong(r, key, "a list of texts");
    }
    return json_is_array(member) ? HO_OK : wrong(r, key, "a list of texts");
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static ho_status read_shape(const reader *r, const json_t *shape, ho_report_hyper *h)
{
    h->array = true;
    h->rank = (int)json_array_size(shape);
    if (!json_is_array(shape) || h->rank > 4)
        return wrong(r, "shape", "a list of at most 4 whole numbers");
    for (int d = 0; d < h->rank; d++) {
        h->dims[d] = json_integer_value(json_array_get(shape, (size_t)d));
        if (h->dims[d] < 1)
            return wrong(r, "shape", "a list of at most 4 whole numbers");
    }
    return HO_OK;
}

static ho_status read_hyper(const reader *r, ho_report_row *row, const json_t *hypers, const char *name,
                            const json_t *value)
{
    ho_report_hyper *h = &row->hypers[row->hyper_count++];
    h->name = name;
    const json_t *shape = json_object_get(value, "shape");
    reader inner = within(r, name);
    if (shape ? read_shape(&inner, shape, h) != HO_OK || statistic(&inner, value, "sum", &h->value) != HO_OK
              : statistic(r, hypers, name, &h->value) != HO_OK)
        return r->error->status;
    bool square = h->rank == 2 && h->dims[0] == h->dims[1] && h->dims[0] > 1 && h->dims[0] <= HO_REPORT_LARGEST;
    if (!square)
        return HO_OK;
    if (!stays_inside(name))
        return wrong(r, name, "a name that is no path out of the run folder");
    return ho_report_read_square(r->report, row, h, r->error);
}

static ho_status read_hypers(const reader *r, ho_report_row *row, const json_t *json)
{
    json_t *hypers = json_object_get(json, "hyperparameters");
    if (hypers && !json_is_object(hypers) && !json_is_null(hypers))
        return wrong(r, "hyperparameters", "an object");
    row->hypers = ho_arena_alloc(r->report->arena, (json_object_size(hypers) + 1) * sizeof *row->hypers);
    reader inner = within(r, "hyperparameters");
    const char *name;
    json_t *value;
    json_object_foreach(hypers, name, value)
    {
        if (read_hyper(&inner, row, hypers, name, value) != HO_OK)
            return r->error->status;
    }
    return HO_OK;
}

static ho_status read_figures(const reader *r, ho_report_row *row, const json_t *json)
{
    const struct {
        const char *key;
        ho_statistic *figure;
    } figures[] = {{"validation_error", &row->validation_error},
                   {"validation_accuracy", &row->validation_accuracy},
                   {"test_accuracy", &row->test_accuracy},
                   {"gradient_evaluations", &row->gradient_evaluations},
                   {"seconds", &row->seconds},
                   {"best_epoch", &row->best_epoch},
                   {"cpu_seconds", &row->cpu_seconds},
                   {"precision", &row->precision},
                   {"recall", &row->recall},
                   {"f1", &row->f1}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (statistic(r, json, figures[i].key, figures[i].figure) != HO_OK)
            return r->error->status;
    return HO_OK;
}

static ho_status read_row(const reader *r, ho_report_row *row, const json_t *json)
{
    row->name = text_or(r, json, "variant", r->report->title);
    row->strategy = text_or(r, json, "strategy", "none");
    row->outcome = text_or(r, json, "outcome", r->report->outcome);
    row->message = text_or(r, json, "message", NULL);
    if (r->error->status != HO_OK || names(r, json, "folders", &row->folders, &row->folder_count) != HO_OK)
        return r->error->status;
    for (size_t i = 0; i < row->folder_count; i++)
        if (!stays_inside(row->folders[i]))
            return wrong(r, "folders", "a list of folders inside the run folder");
    const json_t *runs = json_object_get(json, "runs");
    row->runs = json_integer_value(runs);
    if (!json_is_integer(runs) || row->runs < 0)
        return wrong(r, "runs", "a whole number");
    if (read_figures(r, row, json) != HO_OK || read_hypers(r, row, json) != HO_OK)
        return r->error->status;
    if (ho_report_read_metrics(r->report, row, r->error) != HO_OK)
        return r->error->status;
    return ho_report_read_examples(r->report, row, r->error);
}

static ho_status read_rows(const reader *r)
{
    ho_report *report = r->report;
    const json_t *rows = json_object_get(report->root, "rows");
    if (json_array_size(rows) == 0)
        return wrong(r, "rows", "a list with a row for each method");
    report->rows = ho_arena_alloc(report->arena, json_array_size(rows) * sizeof *report->rows);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        char place[32];
        snprintf(place, sizeof place, "rows[%zu]", i);
        reader inner = within(r, place);
        if (read_row(&inner, &report->rows[report->row_count++], json_array_get(rows, i)) != HO_OK)
            return r->error->status;
    }
    return HO_OK;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static ho_status check_format(const reader *r)
{
    const json_t *format = json_object_get(r->report->root, "format");
    if (!json_is_object(r->report->root) || !format)
        return ho_fail(r->error, HO_INVALID,
                       "%s: format: is missing: not a run's result, or one of a hotool without reports; run the "
                       "pipeline again",
                       r->where);
    if (!json_is_integer(format))
        return wrong(r, "format", "a whole number");
    if (json_integer_value(format) != FORMAT)
        return ho_fail(r->error, HO_INVALID, "%s: format: is %lld, this hotool reads format %d", r->where,
                       (long long)json_integer_value(format), FORMAT);
    return HO_OK;
}

static ho_status read_head(const reader *r)
{
    ho_report *report = r->report;
    report->title = text(r, report->root, "pipeline");
    report->outcome = report->title ? text(r, report->root, "outcome") : NULL;
    report->message = report->outcome ? text_or(r, report->root, "message", NULL) : NULL;
    if (r->error->status != HO_OK)
        return r->error->status;
    if (!json_is_object(json_object_get(report->root, "data")))
        return wrong(r, "data", "an object");
    const json_t *classes = json_object_get(report->root, "class_names");
    if (!classes || json_is_null(classes))
        return HO_OK;
    return names(r, report->root, "class_names", &report->names, &report->name_count);
}

/* NULL: an error. */
static const char *read_file(ho_report *report, const char *path, ho_error *error)
{
    uint8_t *bytes = NULL;
    uint64_t size;
    const char *content = NULL;
    if (!ho_file_exists(path)) {
        ho_fail(error, HO_INVALID, "%s: no such file: %s is no run folder, or its run has not come to an end", path,
                report->folder);
        return NULL;
    }
    if (ho_file_read(path, MOST_BYTES, &bytes, &size, error) == HO_OK) {
        if (memchr(bytes, 0, size))
            ho_fail(error, HO_INVALID, "%s: holds a zero byte, wanted is text", path);
        else
            content = ho_arena_strdup(report->arena, (const char *)bytes);
    }
    ho_large_free(bytes);
    return content;
}

static ho_status check_folder(const char *folder, ho_error *error)
{
    struct stat about;
    if (stat(folder, &about) != 0)
        return ho_fail(error, HO_INVALID, "%s: %s", folder, errno == ENOENT ? "no such folder" : strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return ho_fail(error, HO_INVALID, "%s: is no folder; wanted is the folder of a run", folder);
    return HO_OK;
}

ho_status ho_report_read(const char *folder, ho_report *report, ho_error *error)
{
    report->arena = ho_arena_new();
    char *trimmed = ho_arena_strdup(report->arena, folder);
    for (size_t length = strlen(trimmed); length > 1 && trimmed[length - 1] == '/'; length--)
        trimmed[length - 1] = '\0';
    report->folder = trimmed;
    if (check_folder(report->folder, error) != HO_OK)
        return error->status;
    const char *path = ho_arena_format(report->arena, "%s/result.json", report->folder);
    const char *result = read_file(report, path, error);
    report->root = result ? ho_report_json(path, 1, result, strlen(result), error) : NULL;
    if (!report->root)
        return error->status;
    reader r = {report, path, error};
    if (check_format(&r) != HO_OK || read_head(&r) != HO_OK)
        return error->status;
    report->pipeline = read_file(report, ho_arena_format(report->arena, "%s/pipeline.yaml", report->folder), error);
    if (!report->pipeline || read_rows(&r) != HO_OK)
        return error->status;
    return ho_report_read_planted(report, error);
}

void ho_report_free(ho_report *report)
{
    for (size_t r = 0; r < report->row_count; r++) {
        ho_report_row *row = &report->rows[r];
        free(row->error.values);
        free(row->stationarity.values);
        for (size_t i = 0; i < row->curve_count; i++)
            free(row->curves[i].values);
        free(row->curves);
        ho_report_watched_free(&row->watched);
        ho_report_examples_free(row->examples);
    }
    json_decref(report->root);
    ho_arena_free(report->arena);
}
