#include "run/record_read.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "run/record_fields.h"

/* Sizes that no honest run reaches. */
#define MOST_BYTES ((uint64_t)1 << 30)
#define MOST_STEPS 1000000000000

typedef struct reader {
    ho_arena *arena;
    ho_place place;
    ho_error *error;
} reader;

/* Where a value stands inside its object or list. */
typedef struct spot {
    const struct spot *outer;
    const char *key; /* NULL: an item of a list */
    size_t index;
} spot;

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static void print_spot(const spot *s, FILE *out)
{
    if (s->outer)
        print_spot(s->outer, out);
    if (s->key)
        fprintf(out, "%s%.80s", s->outer ? ": " : "", s->key);
    else
        fprintf(out, "[%zu]", s->index);
}

static void print_value(const json_t *json, FILE *out)
{
    if (json_is_object(json)) {
        fputs("an object", out);
    } else if (json_is_array(json)) {
        fputs("a list", out);
    } else {
        char *text = json_dumps(json, JSON_ENCODE_ANY);
        fprintf(out, "%.80s", text ? text : "?");
        free(text);
    }
}

/* Fails with "rows[1]: runs: expected an integer, got "two"". */
static ho_status expected(const reader *r, const spot *s, const char *what, const json_t *json)
{
    char text[1024];
    FILE *out = fmemopen(text, sizeof text, "w");
    if (!out)
        return ho_fail_at(r->error, HO_FAILED, r->place, "out of memory");
    if (s)
        print_spot(s, out);
    fprintf(out, json ? "%sexpected %s, got " : "%sis missing: expected %s", s ? ": " : "", what);
    if (json)
        print_value(json, out);
    fclose(out);
    text[sizeof text - 1] = '\0';
    return ho_fail_at(r->error, HO_INVALID, r->place, "%s", text);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static ho_status read_value(const reader *r, const spot *s, const ho_field *f, json_t *json, void *at);
static ho_status read_fields(const reader *r, const spot *s, const ho_fields *of, json_t *json, void *object);

/* Names in a record become paths: they must stay inside the run folder. */
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

static ho_status read_integer(const reader *r, const spot *s, const ho_field *f, const json_t *json, int64_t *value)
{
    *value = json_integer_value(json);
    if (f->flags & HO_FIELD_COUNT && (!json_is_integer(json) || *value < 0))
        return expected(r, s, "an integer from 0", json);
    return json_is_integer(json) ? HO_OK : expected(r, s, "an integer", json);
}

static ho_status read_outcome(const reader *r, const spot *s, const json_t *json, ho_error *outcome)
{
    static const ho_status known[] = {HO_OK, HO_INTERRUPTED, HO_DIVERGED, HO_FAILED};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (json_is_string(json) && strcmp(json_string_value(json), ho_outcome_name(known[i])) == 0) {
            outcome->status = known[i];
            return HO_OK;
        }
    return expected(r, s, "\"done\", \"interrupted\", \"diverged\" or \"failed\"", json);
}

static ho_status read_shape(const reader *r, const spot *s, const json_t *json, ho_extent *shape)
{
    size_t rank = json_array_size(json), good = 0;
    for (; good < rank && rank <= HO_MAX_RANK; good++) {
        const json_t *size = json_array_get(json, good);
        if (!json_is_integer(size) || json_integer_value(size) < 1)
            break;
        shape->dims[good] = json_integer_value(size);
    }
    shape->rank = (int32_t)good;
    return rank > 0 && good == rank ? HO_OK : expected(r, s, "a list of 1 to 4 sizes", json);
}

/* The items of a list, each of `size` bytes, zeroed; the list at `at` gets them. NULL: an error. */
static char *new_list(const reader *r, size_t count, size_t size, void *at)
{
    char *items = ho_arena_alloc(r->arena, (count + 1) * size);
    memcpy(at, &items, sizeof items);
    memcpy((char *)at + sizeof items, &count, sizeof count);
    return items;
}

static ho_status read_texts(const reader *r, const spot *s, const ho_field *f, const json_t *json, void *at)
{
    bool inside = f->flags & HO_FIELD_INSIDE;
    const char *what = inside ? "a list of folders inside the run folder" : "a list of strings";
    if (!json_is_array(json))
        return expected(r, s, what, json);
    char *items = new_list(r, json_array_size(json), sizeof(char *), at);
    for (size_t i = 0; i < json_array_size(json); i++) {
        const char *text = json_string_value(json_array_get(json, i));
        if (!text || (inside && !stays_inside(text)))
            return expected(r, &(spot){s, NULL, i}, what, json_array_get(json, i));
        text = ho_arena_strdup(r->arena, text);
        memcpy(items + i * sizeof text, &text, sizeof text);
    }
    return HO_OK;
}

static ho_status read_reals(const reader *r, const spot *s, const json_t *json, void *at)
{
    if (!json_is_array(json))
        return expected(r, s, "a list of numbers", json);
    double *items = (double *)(void *)new_list(r, json_array_size(json), sizeof *items, at);
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *item = json_array_get(json, i);
        if (!json_is_number(item) && !json_is_null(item))
            return expected(r, &(spot){s, NULL, i}, "a number", item);
        items[i] = json_is_number(item) ? json_number_value(item) : (double)NAN;
    }
    return HO_OK;
}

static ho_status read_objects(const reader *r, const spot *s, const ho_field *f, const json_t *json, void *at)
{
    if (!json_is_array(json) || (f->flags & HO_FIELD_SOME && json_array_size(json) == 0))
        return expected(r, s, "a list with at least one object", json);
    char *items = new_list(r, json_array_size(json), f->of->size, at);
    for (size_t i = 0; i < json_array_size(json); i++)
        if (read_fields(r, &(spot){s, NULL, i}, f->of, json_array_get(json, i), items + i * f->of->size) != HO_OK)
            return r->error->status;
    return HO_OK;
}

static ho_status read_named(const reader *r, const spot *s, const ho_field *f, json_t *json, void *at)
{
    if (!json_is_object(json) || json_object_size(json) > HO_RECORD_MOST_HYPERS)
        return expected(r, s, "an object of at most 10000 members", json);
    char *item = new_list(r, json_object_size(json), f->of->size, at);
    const ho_field *shape = &f->of->fields[0], *scalar = &f->of->fields[1];
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        const char *name = ho_arena_strdup(r->arena, key);
        const spot inner = {s, name, 0};
        ho_extent *extent = (ho_extent *)(void *)(item + shape->offset);
        memcpy(item, &name, sizeof name);
        if (json_object_get(value, shape->key) || json_object_get(value, scalar->key)) {
            read_fields(r, &inner, f->of, value, item);
            extent->rank = extent->rank ? extent->rank : 1; /* an array of unknown size */
        } else {
            read_value(r, &inner, scalar, value, item + scalar->offset);
        }
        if (r->error->status != HO_OK)
            return r->error->status;
        item += f->of->size;
    }
    return HO_OK;
}

/* What is not there, or null: `at` is zero already, which is unknown of all but numbers. */
static ho_status read_nothing(const reader *r, const spot *s, const ho_field *f, const json_t *json, void *at)
{
    if (f->flags & HO_FIELD_REQUIRED)
        return expected(r, s, f->kind == HO_FIELD_TEXT ? "a string" : "a value", json);
    if (f->kind == HO_FIELD_REAL)
        *(double *)at = (double)NAN;
    return f->kind == HO_FIELD_OBJECT ? read_fields(r, s, f->of, NULL, at) : HO_OK;
}

static ho_status read_value(const reader *r, const spot *s, const ho_field *f, json_t *json, void *at)
{
    if (!json || json_is_null(json))
        return read_nothing(r, s, f, json, at);
    const char *text = json_string_value(json);
    switch (f->kind) {
    case HO_FIELD_TEXT:
    case HO_FIELD_MESSAGE:
        if (!text)
            return expected(r, s, "a string", json);
        if (f->kind == HO_FIELD_MESSAGE)
            snprintf(((ho_error *)at)->text, sizeof((ho_error *)at)->text, "%s", text);
        else
            memcpy(at, &(char *){ho_arena_strdup(r->arena, text)}, sizeof text);
        return HO_OK;
    case HO_FIELD_INTEGER:
        return read_integer(r, s, f, json, at);
    case HO_FIELD_REAL:
        *(double *)at = json_number_value(json);
        return json_is_number(json) ? HO_OK : expected(r, s, "a number", json);
    case HO_FIELD_BOOLEAN:
        *(bool *)at = json_is_true(json);
        return json_is_boolean(json) ? HO_OK : expected(r, s, "true or false", json);
    case HO_FIELD_OUTCOME:
        return read_outcome(r, s, json, at);
    case HO_FIELD_SHAPE:
        return read_shape(r, s, json, at);
    case HO_FIELD_OBJECT:
        if (f->flags & HO_FIELD_OMIT)
            *(bool *)at = true;
        return read_fields(r, s, f->of, json, at);
    case HO_FIELD_TEXTS:
        return read_texts(r, s, f, json, at);
    case HO_FIELD_REALS:
        return read_reals(r, s, json, at);
    case HO_FIELD_OBJECTS:
        return read_objects(r, s, f, json, at);
    case HO_FIELD_NAMED:
        return read_named(r, s, f, json, at);
    case HO_FIELD_FIGURES:
        break; /* not a member, but several: read_fields */
    }
    return HO_OK;
}

/* `json` NULL: there is no such object, so everything in it is unknown. */
static ho_status read_fields(const reader *r, const spot *s, const ho_fields *of, json_t *json, void *object)
{
    if (json && !json_is_object(json))
        return expected(r, s, "an object", json);
    for (const ho_field *f = of->fields; f->key && r->error->status == HO_OK; f++) {
        char *at = (char *)object + f->offset;
        if (f->kind == HO_FIELD_FIGURES) {
            for (size_t i = 0; i < HO_FIGURES && r->error->status == HO_OK; i++) {
                const ho_field figure = {ho_figure_forms[i].key, .kind = HO_FIELD_OBJECT, .of = &ho_statistic_fields};
                read_value(r, &(spot){s, figure.key, 0}, &figure, json_object_get(json, figure.key),
                           at + i * sizeof(ho_statistic));
            }
        } else if (json || !(f->flags & HO_FIELD_REQUIRED)) {
            read_value(r, &(spot){s, f->key, 0}, f, json_object_get(json, f->key), at);
        }
    }
    return r->error->status;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

const char *ho_record_path(const char *folder, const char *sub, const char *name, ho_arena *arena, ho_error *error)
{
    bool here = strcmp(sub, ".") == 0;
    const char *inner = here ? name : ho_arena_format(arena, "%s/%s", sub, name);
    if (stays_inside(inner))
        return ho_arena_format(arena, "%s/%s", folder, inner);
    ho_fail(error, HO_INVALID, "%s: \"%.200s\" is a path out of the run folder", folder, inner);
    return NULL;
}

char *ho_record_text(const char *path, ho_error *error)
{
    uint8_t *bytes = NULL;
    uint64_t size;
    if (ho_file_read(path, MOST_BYTES, &bytes, &size, error) != HO_OK)
        return NULL;
    const uint8_t *zero = memchr(bytes, 0, size);
    if (!zero)
        return (char *)bytes;
    ho_fail(error, HO_INVALID, "%s: byte %td: is zero; expected text", path, zero - bytes);
    ho_large_free(bytes);
    return NULL;
}

/* json_decref the result. NULL: an error. */
static json_t *parse(const char *path, int line, const char *text, size_t size, ho_error *error)
{
    json_error_t why;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!json)
        ho_fail_at(error, HO_INVALID, (ho_place){path, line - 1 + (why.line > 0 ? why.line : 1), why.column},
                   "not valid JSON: %s", why.text);
    return json;
}

static ho_status check_format(const reader *r, const json_t *json)
{
    const json_t *format = json_object_get(json, "format");
    int64_t number = json_integer_value(format);
    if (!json_is_object(json) || !format)
        return ho_fail_at(r->error, HO_INVALID, r->place,
                          "format: is missing: not the result of a run, or of a hotool too old to be read");
    if (!json_is_integer(format) || number < 1)
        return expected(r, &(spot){NULL, "format", 0}, "an integer from 1", format);
    if (number > HO_RECORD_FORMAT)
        return ho_fail_at(r->error, HO_INVALID, r->place,
                          "format: is %lld; this hotool reads formats up to %d: use a newer one", (long long)number,
                          HO_RECORD_FORMAT);
    return HO_OK;
}

static ho_status check_folder(const char *folder, const char *result, ho_error *error)
{
    struct stat about;
    if (stat(folder, &about) != 0)
        return ho_fail(error, HO_INVALID, "%s: %s", folder, errno == ENOENT ? "no such folder" : strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return ho_fail(error, HO_INVALID, "%s: is not a folder; expected the folder of a run", folder);
    if (!ho_file_exists(result))
        return ho_fail(error, HO_INVALID, "%s: no such file: %s is not a run folder, or its run has not ended", result,
                       folder);
    return HO_OK;
}

ho_status ho_record_read(const char *folder, ho_arena *arena, ho_record *record, ho_error *error)
{
    const char *path = ho_arena_format(arena, "%s/result.json", folder);
    *record = (ho_record){0};
    char *text = check_folder(folder, path, error) == HO_OK ? ho_record_text(path, error) : NULL;
    json_t *json = text ? parse(path, 1, text, strlen(text), error) : NULL;
    const reader r = {arena, {path, 0, 0}, error};
    if (json && check_format(&r, json) == HO_OK) {
        record->kind = json_object_get(json, "outer_iterations") ? HO_RECORD_RUN : HO_RECORD_RUNS;
        read_fields(&r, NULL, &ho_record_fields, json, record);
    }
    json_decref(json);
    ho_large_free(text);
    return error->status;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

struct ho_lines {
    char *path, *text;
    const char *at;
    int number; /* of the line before `at` */
    int64_t step;
    ho_arena *arena; /* of the line that was read last */
};

ho_lines *ho_lines_open(const char *path, ho_error *error)
{
    if (!ho_file_exists(path)) {
        ho_fail(error, HO_INVALID, "%s: no such file: the run folder is incomplete", path);
        return NULL;
    }
    char *text = ho_record_text(path, error);
    if (text && !*text)
        ho_fail(error, HO_INVALID, "%s: is empty: the run folder is incomplete", path);
    if (error->status != HO_OK) {
        ho_large_free(text);
        return NULL;
    }
    ho_lines *lines = ho_alloc(sizeof *lines);
    *lines = (ho_lines){.path = ho_strdup(path), .text = text, .at = text};
    return lines;
}

void ho_lines_close(ho_lines *lines)
{
    if (!lines)
        return;
    ho_arena_free(lines->arena);
    ho_large_free(lines->text);
    free(lines->path);
    free(lines);
}

/* What a line is about, and whether its place in the run makes sense. */
static ho_status check_line(ho_lines *lines, const reader *r, const json_t *json, ho_line *line)
{
    const json_t *step = json_object_get(json, "step"), *iteration = json_object_get(json, "iteration");
    if (step && iteration)
        return ho_fail_at(r->error, HO_INVALID, r->place, "expected a step or an iteration, not both");
    if (step && (line->step < 1 || line->step > MOST_STEPS))
        return expected(r, &(spot){NULL, "step", 0}, "an integer from 1 to 1000000000000", step);
    if (step && line->step < lines->step)
        return ho_fail_at(r->error, HO_INVALID, r->place, "step: is %lld after %lld: expected lines in order of steps",
                          (long long)line->step, (long long)lines->step);
    if (step) {
        lines->step = line->step;
        line->kind = json_object_get(json, "update") ? HO_LINE_UPDATE : HO_LINE_EVALUATION;
        return HO_OK;
    }
    line->kind = json_object_get(json, "stationarity") ? HO_LINE_ITERATION : HO_LINE_CANDIDATE;
    line->iteration = iteration ? line->iteration : lines->number;
    if (line->iteration < 1 || line->iteration > HO_RECORD_MOST_ITERATIONS)
        return ho_fail_at(r->error, HO_INVALID, r->place, "expected a step, or an iteration from 1 to %d",
                          HO_RECORD_MOST_ITERATIONS);
    return HO_OK;
}

bool ho_lines_next(ho_lines *lines, ho_line *line, ho_place *place, ho_error *error)
{
    size_t length = strcspn(lines->at, "\n");
    for (; length == 0 && *lines->at; length = strcspn(lines->at, "\n")) {
        lines->at++;
        lines->number++;
    }
    if (length == 0)
        return false;
    lines->number++;
    *place = (ho_place){lines->path, lines->number, 0};
    *line = (ho_line){0};
    ho_arena_free(lines->arena);
    lines->arena = ho_arena_new();
    const reader r = {lines->arena, *place, error};
    json_t *json = parse(lines->path, lines->number, lines->at, length, error);
    if (json && read_fields(&r, NULL, &ho_line_fields, json, line) == HO_OK)
        check_line(lines, &r, json, line);
    json_decref(json);
    lines->at += length + (lines->at[length] == '\n');
    return error->status == HO_OK;
}
