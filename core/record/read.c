#include "record/read.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "record/fields.h"

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

/* "rows[1]: runs: ". */
static const char *spot_text(const reader *r, const spot *s)
{
    if (!s)
        return "";
    const char *outer = spot_text(r, s->outer);
    if (s->key)
        return ho_arena_format(r->arena, "%s%.80s: ", outer, s->key);
    return ho_arena_format(r->arena, "%.*s[%zu]: ", (int)strlen(outer) - 2, outer, s->index); /* "rows: " before it */
}

/* Fails with "rows[1]: runs: expected an integer, got "two"". */
static ho_status expected(const reader *r, const spot *s, const char *what, const json_t *json)
{
    const char *where = spot_text(r, s);
    if (!json)
        return ho_fail_at(r->error, HO_INVALID, r->place, "%sis missing: expected %s", where, what);
    char *text = json_is_object(json)  ? ho_strdup("an object")
                 : json_is_array(json) ? ho_strdup(json_array_size(json) ? "a list" : "an empty list")
                                       : json_dumps(json, JSON_ENCODE_ANY);
    ho_fail_at(r->error, HO_INVALID, r->place, "%sexpected %s, got %.80s", where, what, text ? text : "?");
    free(text);
    return HO_INVALID;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static ho_status read_value(const reader *r, const spot *s, const ho_field *f, json_t *json, void *at);

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

static ho_status read_text(const reader *r, const spot *s, const ho_field *f, const json_t *json, void *at)
{
    const char *text = json_string_value(json);
    if (!text || (f->flags & HO_FIELD_INSIDE && !stays_inside(text)))
        return expected(r, s, f->flags & HO_FIELD_INSIDE ? "a path inside the run folder" : "a string", json);
    if (f->kind == HO_FIELD_MESSAGE)
        snprintf(((ho_error *)at)->text, sizeof((ho_error *)at)->text, "%s", text);
    else
        memcpy(at, &(char *){ho_arena_strdup(r->arena, text)}, sizeof text);
    return HO_OK;
}

static ho_status read_integer(const reader *r, const spot *s, const ho_field *f, const json_t *json, int64_t *value)
{
    bool counts = f->flags & HO_FIELD_COUNT;
    *value = json_integer_value(json);
    if (json_is_integer(json) && (!counts || *value >= 0))
        return HO_OK;
    return expected(r, s, counts ? "an integer from 0" : "an integer", json);
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
    size_t rank = json_array_size(json);
    bool good = rank > 0 && rank <= HO_MAX_RANK;
    for (size_t d = 0; good && d < rank; d++) {
        shape->dims[d] = json_integer_value(json_array_get(json, d));
        good = shape->dims[d] >= 1;
    }
    shape->rank = (int32_t)rank;
    return good ? HO_OK : expected(r, s, "a list of 1 to 4 sizes", json);
}

/* The members of an object; NULL: there is none, so all are unknown. */
static ho_status read_object(const reader *r, const spot *s, const ho_field *fields, json_t *json, void *object)
{
    if (json && !json_is_object(json))
        return expected(r, s, "an object", json);
    for (const ho_field *f = fields; f->key; f++) {
        char *at = (char *)object + f->offset;
        ho_field own = *f;
        own.flags &= json ? ~0U : ~(unsigned)HO_FIELD_REQUIRED;
        for (size_t i = 0; i < (f->kind == HO_FIELD_FIGURES ? HO_FIGURES : 1); i++) {
            if (f->kind == HO_FIELD_FIGURES)
                own = (ho_field){.key = ho_figure_forms[i].key, .kind = HO_FIELD_OBJECT, .of = f->of};
            const spot inner = {s, own.key, 0};
            if (read_value(r, &inner, &own, json_object_get(json, own.key), at + i * sizeof(ho_statistic)) != HO_OK)
                return r->error->status;
        }
    }
    return HO_OK;
}

/* The items of a list, zeroed; the list at `at` gets them. */
static char *new_list(const reader *r, const ho_field *f, size_t count, void *at)
{
    char *items = ho_arena_alloc(r->arena, (count + 1) * f->size);
    memcpy(at, &items, sizeof items);
    memcpy((char *)at + sizeof items, &count, sizeof count);
    return items;
}

static ho_status read_list(const reader *r, const spot *s, const ho_field *f, const json_t *json, void *at)
{
    size_t count = json_array_size(json);
    if (!json_is_array(json) || (f->flags & HO_FIELD_COUNT && count == 0))
        return expected(r, s, f->flags & HO_FIELD_COUNT ? "a list that is not empty" : "a list", json);
    char *item = new_list(r, f, count, at);
    for (size_t i = 0; i < count; i++, item += f->size)
        if (read_value(r, &(spot){s, NULL, i}, f->of, json_array_get(json, i), item) != HO_OK)
            return r->error->status;
    return HO_OK;
}

static ho_status read_named(const reader *r, const spot *s, const ho_field *f, json_t *json, void *at)
{
    if (!json_is_object(json) || json_object_size(json) > HO_RECORD_MOST_HYPERS)
        return expected(r, s, "an object of at most 10000 members", json);
    char *item = new_list(r, f, json_object_size(json), at);
    const ho_field *shape = f->of, *scalar = f->of + 1;
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        const spot inner = {s, key, 0};
        ho_extent *extent = (ho_extent *)(void *)(item + shape->offset);
        bool array = json_object_get(value, shape->key) || json_object_get(value, scalar->key);
        memcpy(item, &(char *){ho_arena_strdup(r->arena, key)}, sizeof key);
        if (array && !json_object_get(value, scalar->key))
            return expected(r, &(spot){&inner, scalar->key, 0}, "a number", NULL);
        if ((array ? read_object(r, &inner, f->of, value, item)
                   : read_value(r, &inner, scalar, value, item + scalar->offset)) != HO_OK)
            return r->error->status;
        if (array && extent->rank == 0)
            extent->rank = 1; /* of unknown size */
        item += f->size;
    }
    return HO_OK;
}

static ho_status read_pairs(const reader *r, const spot *s, json_t *json, ho_pairs *pairs)
{
    if (!json_is_object(json))
        return expected(r, s, "an object", json);
    pairs->items = ho_arena_alloc(r->arena, (json_object_size(json) + 1) * sizeof *pairs->items);
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        if (!json_is_string(value))
            return expected(r, &(spot){s, key, 0}, "a string", value);
        pairs->items[pairs->count++] =
            (ho_pair){ho_arena_strdup(r->arena, key), ho_arena_strdup(r->arena, json_string_value(value))};
    }
    return HO_OK;
}

/* `at` is zero: unknown of everything but numbers. */
static ho_status read_value(const reader *r, const spot *s, const ho_field *f, json_t *json, void *at)
{
    bool there = json && !json_is_null(json);
    if (!there && f->flags & HO_FIELD_REQUIRED)
        return expected(r, s, f->kind == HO_FIELD_TEXT ? "a string" : "a value", json);
    if (!there && f->kind == HO_FIELD_REAL)
        *(double *)at = (double)NAN;
    if (!there)
        return f->kind == HO_FIELD_OBJECT ? read_object(r, s, f->of, NULL, at) : HO_OK;
    switch (f->kind) {
    case HO_FIELD_TEXT:
    case HO_FIELD_MESSAGE:
        return read_text(r, s, f, json, at);
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
        return read_object(r, s, f->of, json, at);
    case HO_FIELD_LIST:
    case HO_FIELD_REALS:
        return read_list(r, s, f, json, at);
    case HO_FIELD_NAMED:
        return read_named(r, s, f, json, at);
    case HO_FIELD_PAIRS:
        return read_pairs(r, s, json, at);
    case HO_FIELD_FIGURES:
        break; /* read_object reads them one by one */
    }
    return HO_OK;
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
    if (ho_file_read_now(path, MOST_BYTES, &bytes, &size, error) != HO_OK)
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
        return ho_fail(error, HO_INVALID, "%s: no such file: %s is not a run folder, or its run has not begun", result,
                       folder);
    return HO_OK;
}

ho_status ho_record_read(const char *folder, ho_arena *arena, ho_record *record, ho_error *error)
{
    const char *path = ho_arena_format(arena, "%s/result.json", folder);
    const char *unfinished = ho_arena_format(arena, "%s/" HO_RECORD_UNFINISHED, folder);
    *record = (ho_record){.unfinished = !ho_file_exists(path) && ho_file_exists(unfinished)};
    path = record->unfinished ? unfinished : path;
    char *text = check_folder(folder, path, error) == HO_OK ? ho_record_text(path, error) : NULL;
    json_t *json = text ? parse(path, 1, text, strlen(text), error) : NULL;
    const reader r = {arena, {path, 0, 0}, error};
    if (json && check_format(&r, json) == HO_OK) {
        record->kind = json_object_get(json, "outer_iterations") ? HO_RECORD_RUN : HO_RECORD_RUNS;
        read_object(&r, NULL, ho_record_fields, json, record);
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
    if (!json && !lines->at[length]) { /* a line that is being written, or whose writer was killed */
        *error = (ho_error){0};
        return false;
    }
    if (json && read_object(&r, NULL, ho_line_fields, json, line) == HO_OK)
        check_line(lines, &r, json, line);
    json_decref(json);
    lines->at += length + (lines->at[length] == '\n');
    return error->status == HO_OK;
}
