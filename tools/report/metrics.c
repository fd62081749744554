/* Curves out of metrics.jsonl, and matrices out of .npy files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"
#include "report/internal.h"

/* Sizes that no honest run reaches. */
#define MOST_BYTES      ((uint64_t)1 << 30)
#define MOST_ITERATIONS 1000000
#define MOST_POINTS     50000000 /* of a curve, over all repeats */

static char *path_in(const ho_report *report, const char *folder, const char *name)
{
    if (strcmp(folder, ".") == 0)
        return ho_format("%s/%s", report->folder, name);
    return ho_format("%s/%s/%s", report->folder, folder, name);
}

/* ---- curves ------------------------------------------------------------------------------------------------------ */

static void put(ho_report_curve *curve, size_t repeats, size_t i, size_t repeat, double value)
{
    if (i >= curve->length) {
        /* Doubling as the length grows past each power of two, so that long runs are read in linear time. */
        size_t old = 1, wanted = 1;
        while (old < curve->length)
            old *= 2;
        while (wanted < i + 1)
            wanted *= 2;
        if (curve->length == 0 || wanted > old)
            curve->values = ho_realloc(curve->values, wanted * repeats * sizeof *curve->values);
        for (size_t k = curve->length * repeats; k < (i + 1) * repeats; k++)
            curve->values[k] = (double)NAN;
        curve->length = i + 1;
        curve->repeats = repeats;
    }
    curve->values[i * repeats + repeat] = value;
}

/* The same name may be a scalar in one row and an array in another: their curves have nothing to do with each other. */
static ho_report_curve *hyper_curve(ho_report *report, ho_report_row *row, const char *hyper, bool array)
{
    const char *name = ho_arena_format(report->arena, "%s%s", hyper, array ? ", sum of the entries" : "");
    for (size_t i = 0; i < row->curve_count; i++)
        if (strcmp(row->curves[i].name, name) == 0)
            return &row->curves[i];
    row->curves = ho_realloc(row->curves, (row->curve_count + 1) * sizeof *row->curves);
    row->curves[row->curve_count] = (ho_report_curve){.name = name};
    return &row->curves[row->curve_count++];
}

ho_status ho_report_real(ho_place place, const json_t *record, const char *key, double *value, ho_error *error)
{
    const json_t *member = json_object_get(record, key);
    *value = json_is_number(member) ? json_number_value(member) : (double)NAN;
    if (member && !json_is_number(member) && !json_is_null(member))
        return ho_fail_at(error, HO_INVALID, place, "%s: wanted is a number", key);
    return HO_OK;
}

ho_status ho_report_hyper_value(ho_place place, const char *key, const char *name, const json_t *json, bool *array,
                                double *value, ho_error *error)
{
    *array = json_is_object(json);
    const json_t *number = *array ? json_object_get(json, "sum") : json;
    *value = json_is_number(number) ? json_number_value(number) : (double)NAN;
    if (!json_is_number(number) && !json_is_null(number))
        return ho_fail_at(error, HO_INVALID, place, "%s: %s: wanted is a number, or an object with a number \"sum\"",
                          key, name);
    return HO_OK;
}

static ho_status take_iteration(ho_report *report, ho_report_row *row, size_t repeat, ho_place place,
                                const json_t *record, ho_error *error)
{
    size_t repeats = row->folder_count;
    json_t *iteration = json_object_get(record, "iteration");
    int64_t most = MOST_POINTS / (int64_t)repeats < MOST_ITERATIONS ? MOST_POINTS / (int64_t)repeats : MOST_ITERATIONS;
    int64_t at = iteration ? json_integer_value(iteration) : place.line;
    if (!json_is_object(record) || at < 1 || at > most)
        return ho_fail_at(error, HO_INVALID, place, "wanted is an object with an iteration from 1 to %lld, or a step",
                          (long long)most);
    double value;
    size_t i = (size_t)at - 1;
    if (ho_report_real(place, record, "validation_error", &value, error) != HO_OK)
        return error->status;
    put(&row->error, repeats, i, repeat, value);
    if (ho_report_real(place, record, "stationarity", &value, error) != HO_OK)
        return error->status;
    if (isfinite(value))
        put(&row->stationarity, repeats, i, repeat, value);
    const char *name;
    json_t *hyper;
    json_object_foreach(json_object_get(record, "hyperparameters"), name, hyper)
    {
        bool array;
        if (ho_report_hyper_value(place, "hyperparameters", name, hyper, &array, &value, error) != HO_OK)
            return error->status;
        if (isfinite(value))
            put(hyper_curve(report, row, name, array), repeats, i, repeat, value);
    }
    return HO_OK;
}

static ho_status take_lines(ho_report *report, ho_report_row *row, size_t repeat, const char *path, const char *text,
                            ho_error *error)
{
    int line = 0;
    double step = -1;
    while (*text && error->status == HO_OK) {
        size_t length = strcspn(text, "\n");
        line++;
        if (length > 0) {
            json_t *record = ho_report_json(path, line, text, length, error);
            ho_place place = {path, line, 0};
            if (json_object_get(record, "step"))
                ho_report_take_step(report, row, repeat, place, record, &step, error);
            else if (record)
                take_iteration(report, row, repeat, place, record, error);
            json_decref(record);
        }
        text += length + (text[length] == '\n');
    }
    if (error->status == HO_OK && line == 0)
        ho_fail(error, HO_INVALID, "%s: is empty: the run folder is incomplete", path);
    return error->status;
}

/* A search's candidates jump about: what it has reached is the least error so far. */
static void least_so_far(ho_report_curve *curve)
{
    for (size_t r = 0; r < curve->repeats; r++) {
        double least = (double)NAN;
        for (size_t i = 0; i < curve->length; i++) {
            double *v = &curve->values[i * curve->repeats + r];
            if (isfinite(*v))
                *v = least = isfinite(least) ? fmin(least, *v) : *v;
        }
    }
}

/* A zero byte would end the text before the file ends. */
static bool no_zero(const char *path, const uint8_t *bytes, uint64_t size, ho_error *error)
{
    const uint8_t *zero = memchr(bytes, 0, size);
    if (zero)
        ho_fail(error, HO_INVALID, "%s: byte %td: is zero, wanted is text", path, zero - bytes);
    return !zero;
}

ho_status ho_report_read_metrics(ho_report *report, ho_report_row *row, ho_error *error)
{
    bool tuned = strcmp(row->strategy, "none") != 0, steered = strcmp(row->strategy, "hypergradient") == 0;
    for (size_t f = 0; f < row->folder_count && error->status == HO_OK; f++) {
        char *path = path_in(report, row->folders[f], "metrics.jsonl");
        /* What ended early, or tuned nothing, may have none. */
        if (ho_file_exists(path) || (tuned && strcmp(row->outcome, "done") == 0)) {
            uint8_t *bytes = NULL;
            uint64_t size;
            if (!ho_file_exists(path))
                ho_fail(error, HO_INVALID, "%s: no such file: the run folder is incomplete", path);
            else if (ho_file_read(path, MOST_BYTES, &bytes, &size, error) == HO_OK && no_zero(path, bytes, size, error))
                take_lines(report, row, f, path, (const char *)bytes, error);
            ho_large_free(bytes);
        }
        free(path);
    }
    if (!steered) {
        least_so_far(&row->error);
        for (size_t i = 0; i < row->curve_count; i++)
            row->curves[i].length = 0; /* candidates are no path */
    }
    return error->status;
}

/* ---- matrices ---------------------------------------------------------------------------------------------------- */

static ho_status read_square(const char *path, int64_t size, ho_npy *array, ho_error *error)
{
    if (ho_npy_read(path, array, error) != HO_OK)
        return error->status;
    if (array->rank == 2 && array->dims[0] == array->dims[1] && (size == 0 || array->dims[0] == size))
        return HO_OK;
    ho_npy_free(array);
    if (size == 0)
        return ho_fail(error, HO_INVALID, "%s: wanted is a square matrix", path);
    return ho_fail(error, HO_INVALID, "%s: wanted is a matrix of %lld x %lld, as result.json says", path,
                   (long long)size, (long long)size);
}

static double entry(const ho_npy *array, int64_t i)
{
    return array->f64 ? array->f64[i] : (double)array->f32[i];
}

static ho_status finite(const char *path, const ho_npy *array, ho_error *error)
{
    for (int64_t i = 0; i < array->count; i++)
        if (!isfinite(entry(array, i)))
            return ho_fail(error, HO_INVALID, "%s: entry %lld is not finite", path, (long long)i);
    return HO_OK;
}

ho_status ho_report_read_square(ho_report *report, const ho_report_row *row, ho_report_hyper *hyper, ho_error *error)
{
    int64_t size = hyper->dims[0];
    double *mean = ho_arena_alloc(report->arena, (size_t)(size * size) * sizeof *mean);
    size_t count = 0;
    char *name = ho_format("hyperparameters/%s.npy", hyper->name);
    for (size_t f = 0; f < row->folder_count && error->status == HO_OK; f++) {
        char *path = path_in(report, row->folders[f], name);
        ho_npy array = {0};
        bool there = ho_file_exists(path);
        if (!there && strcmp(row->outcome, "done") == 0)
            ho_fail(error, HO_INVALID, "%s: no such file: the run folder is incomplete", path);
        if (there) {
            if (read_square(path, size, &array, error) == HO_OK && finite(path, &array, error) == HO_OK) {
                count++;
                for (int64_t i = 0; i < size * size; i++)
                    mean[i] += (entry(&array, i) - mean[i]) / (double)count;
            }
            ho_npy_free(&array);
        }
        free(path);
    }
    free(name);
    hyper->square = count ? mean : NULL;
    return error->status;
}

ho_status ho_report_read_planted(ho_report *report, ho_error *error)
{
    char *path = path_in(report, "truth", "relations.npy");
    ho_npy array = {0};
    if (ho_file_exists(path) && read_square(path, 0, &array, error) == HO_OK && finite(path, &array, error) == HO_OK &&
        array.dims[0] <= HO_REPORT_LARGEST) {
        double *planted = ho_arena_alloc(report->arena, (size_t)array.count * sizeof *planted);
        for (int64_t i = 0; i < array.count; i++)
            planted[i] = entry(&array, i);
        report->planted = planted;
        report->planted_size = array.dims[0];
    }
    ho_npy_free(&array);
    free(path);
    return error->status;
}
