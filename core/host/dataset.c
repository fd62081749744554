/* The function table that a data reader is handed, and running one. */
#include "host/dataset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"
#include "base/rng.h"
#include "base/text.h"
#include "host/emitted.h"
#include "host/signals.h"

/* What a reader sees while its `read` runs. */
typedef struct reading {
    ho_data head; /* first: the plugin's pointer is the host's */
    ho_emission emission;
    ho_arena *strings;
    void **memory; /* what the plugin was given; freed when `read` returns */
    size_t memory_count, memory_capacity;
} reading;

static reading *reading_of(ho_data *d)
{
    return (reading *)(void *)d;
}

static ho_status failed(const reading *r)
{
    return r->emission.error->status;
}

static const char *reader_name(const reading *r)
{
    return r->emission.reader->loaded->plugin.name;
}

/* A mistake of the plugin's code, as against one of its files. */
#define misuse(r, call, ...)                                                                              \
    ho_fail_at((r)->emission.error, HO_INVALID, (r)->emission.reader->place, "data reader \"%s\": " call, \
               reader_name(r), __VA_ARGS__)

static void *remember(reading *r, void *memory)
{
    if (!memory)
        return NULL;
    ho_grow((void **)&r->memory, &r->memory_capacity, r->memory_count, sizeof *r->memory);
    return r->memory[r->memory_count++] = memory;
}

static ho_status data_file(ho_data *d, const char *path, uint64_t most, const uint8_t **bytes, uint64_t *size)
{
    reading *r = reading_of(d);
    if (failed(r))
        return failed(r);
    if (!path || !bytes || !size)
        return misuse(r, "file: %s", "the path or the place for the bytes is NULL");
    uint8_t *content = NULL;
    if (ho_file_read(path, most, &content, size, r->emission.error) == HO_OK)
        *bytes = remember(r, content);
    return failed(r);
}

/* The reader of .npy files turns integers into reals, exactly; labels are to be of a whole-number type again. */
static void *to_integers(reading *r, const ho_npy *npy, const char *path)
{
    uint64_t count = npy->count > 0 ? (uint64_t)npy->count : 1;
    int64_t *values = remember(r, ho_large_alloc(count, sizeof *values, path, r->emission.error));
    for (int64_t i = 0; values && i < npy->count; i++)
        values[i] = npy->f64 ? (int64_t)npy->f64[i] : (int64_t)npy->f32[i];
    return values;
}

static ho_status data_npy(ho_data *d, const char *path, ho_array *array)
{
    reading *r = reading_of(d);
    if (failed(r))
        return failed(r);
    if (!path || !array || array->struct_size < sizeof array->struct_size)
        return misuse(r, "npy: %s", "the path or the array is NULL, or the array's struct_size is not set");
    ho_npy npy = {0};
    if (ho_npy_read(path, &npy, r->emission.error) != HO_OK)
        return failed(r);
    remember(r, npy.f32);
    remember(r, npy.f64);
    /* Filled in an array of this host's, and handed over as far as the plugin's reaches. */
    ho_array full = {0};
    size_t known = array->struct_size < sizeof full ? array->struct_size : sizeof full;
    memcpy(&full, array, known);
    full.rank = npy.rank;
    memcpy(full.dims, npy.dims, sizeof full.dims);
    full.source = ho_arena_strdup(r->strings, path);
    full.type = npy.type == HO_NPY_INTEGER ? HO_ARRAY_I64 : npy.f64 ? HO_ARRAY_F64 : HO_ARRAY_F32;
    full.values = npy.type == HO_NPY_INTEGER ? to_integers(r, &npy, path) : npy.f64 ? (void *)npy.f64 : npy.f32;
    memcpy(array, &full, known);
    return failed(r);
}

static void *data_alloc(ho_data *d, uint64_t count, uint64_t size)
{
    reading *r = reading_of(d);
    if (failed(r))
        return NULL;
    return remember(r, ho_large_alloc(count ? count : 1, size ? size : 1, "a data reader", r->emission.error));
}

static ho_status data_emit(ho_data *d, uint32_t part, const ho_array *array)
{
    reading *r = reading_of(d);
    if (failed(r))
        return failed(r);
    if (!array || array->struct_size < sizeof array->struct_size)
        return misuse(r, "emit: %s", "the array is NULL, or its struct_size is not set");
    ho_array full = {0};
    memcpy(&full, array, array->struct_size < sizeof full ? array->struct_size : sizeof full);
    return ho_emission_add(&r->emission, part, &full);
}

static ho_status data_truth(ho_data *d, const char *name, int32_t rank, const int64_t *dims, const double *values)
{
    reading *r = reading_of(d);
    ho_dataset *dataset = r->emission.dataset;
    if (failed(r))
        return failed(r);
    if (!ho_is_name(name))
        return misuse(r, "truth: %s", "the name is not legal (letters, digits and '_'; at most 64)");
    for (size_t i = 0; i < dataset->truth_count; i++)
        if (strcmp(dataset->truths[i].name, name) == 0)
            return misuse(r, "truth: \"%s\" is given twice", name);
    int64_t count;
    if (rank < 0 || rank > HO_MAX_RANK || (rank > 0 && !dims) || !values || !ho_entries(rank, dims, &count))
        return misuse(r, "truth: \"%s\": its rank, sizes or values are out of range", name);
    double *kept = ho_large_alloc((uint64_t)count, sizeof *kept, name, r->emission.error);
    if (!kept)
        return failed(r);
    memcpy(kept, values, (size_t)count * sizeof *kept);
    dataset->truths = ho_realloc(dataset->truths, (dataset->truth_count + 1) * sizeof *dataset->truths);
    ho_truth *truth = &dataset->truths[dataset->truth_count++];
    *truth = (ho_truth){.name = ho_strdup(name), .rank = rank, .values = kept};
    for (int32_t i = 0; i < rank; i++)
        truth->dims[i] = dims[i];
    return HO_OK;
}

static ho_status data_class_name(ho_data *d, int64_t label, const char *name)
{
    reading *r = reading_of(d);
    ho_dataset *dataset = r->emission.dataset;
    if (failed(r))
        return failed(r);
    if (!name || label < 0 || label >= HO_MOST_CLASSES)
        return misuse(r, "class_name: %s", name ? "the label is out of range" : "the name is NULL");
    if (label >= dataset->class_count) {
        size_t count = (size_t)label + 1;
        dataset->class_names = ho_realloc(dataset->class_names, count * sizeof *dataset->class_names);
        for (size_t i = (size_t)dataset->class_count; i < count; i++)
            dataset->class_names[i] = NULL;
        dataset->class_count = label + 1;
    }
    free(dataset->class_names[label]);
    dataset->class_names[label] = ho_strdup(name);
    return HO_OK;
}

static ho_status data_fail(ho_data *d, const char *path, int64_t byte, const char *format, ...)
{
    reading *r = reading_of(d);
    char text[1024] = "cannot be read";
    if (format) {
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
    }
    ho_place place = path ? (ho_place){.file = path} : r->emission.reader->place;
    if (byte >= 0)
        ho_fail_at(r->emission.error, HO_INVALID, place, "byte %" PRId64 ": %s (data reader \"%s\")", byte, text,
                   reader_name(r));
    else
        ho_fail_at(r->emission.error, HO_INVALID, place, "%s (data reader \"%s\")", text, reader_name(r));
    return HO_INVALID;
}

static double data_uniform(ho_data *d, uint64_t seed, uint64_t stream, uint64_t i)
{
    (void)d;
    return ho_uniform(seed, stream, i);
}

static double data_normal(ho_data *d, uint64_t seed, uint64_t stream, uint64_t i)
{
    (void)d;
    return ho_normal_number(seed, stream, i);
}

static const ho_data_api data_api = {
    .struct_size = sizeof(ho_data_api),
    .file = data_file,
    .npy = data_npy,
    .alloc = data_alloc,
    .emit = data_emit,
    .truth = data_truth,
    .class_name = data_class_name,
    .fail = data_fail,
    .uniform = data_uniform,
    .normal = data_normal,
};

/* ---- the host's side ---- */

/* Every class a name: those that the reader did not name get their number. */
static ho_status finish_class_names(reading *r)
{
    ho_dataset *dataset = r->emission.dataset;
    int64_t classes = 0;
    for (int part = 0; part < 4; part++)
        for (size_t i = 0; i < dataset->parts[part].target_count; i++)
            if (dataset->parts[part].targets[i].labels && dataset->parts[part].targets[i].classes > classes)
                classes = dataset->parts[part].targets[i].classes;
    if (!dataset->class_names)
        return HO_OK;
    if (dataset->class_count > classes)
        return misuse(r, "class_name: class %" PRId64 " has a name, but there are %" PRId64 " classes",
                      dataset->class_count - 1, classes);
    dataset->class_names = ho_realloc(dataset->class_names, (size_t)classes * sizeof *dataset->class_names);
    for (int64_t i = 0; i < classes; i++)
        if (i >= dataset->class_count || !dataset->class_names[i])
            dataset->class_names[i] = ho_format("%" PRId64, i);
    dataset->class_count = classes;
    return HO_OK;
}

ho_dataset *ho_dataset_read(const ho_instance *reader, ho_error *error)
{
    if (error->status != HO_OK)
        return NULL;
    reading r = {
        .head = {&data_api},
        .emission = {.reader = reader, .dataset = ho_alloc(sizeof(ho_dataset)), .error = error},
        .strings = ho_arena_new(),
    };
    ho_calling(reader->loaded, "read");
    ho_status status = reader->loaded->calls.data.read(reader->self, &r.head);
    ho_calling(NULL, NULL);
    if (status != HO_OK && !failed(&r))
        misuse(&r, "read returned %d without saying why", (int)status);
    if (!failed(&r) && ho_emission_finish(&r.emission) == HO_OK)
        finish_class_names(&r);
    for (size_t i = 0; i < r.memory_count; i++)
        ho_large_free(r.memory[i]);
    free(r.memory);
    for (int part = 0; part < 4; part++)
        free(r.emission.first[part]);
    ho_arena_free(r.strings);
    if (!failed(&r))
        return r.emission.dataset;
    ho_dataset_free(r.emission.dataset);
    return NULL;
}

void ho_examples_free(ho_examples *examples)
{
    ho_large_free(examples->x32);
    ho_large_free(examples->x64);
    for (size_t i = 0; i < examples->target_count; i++) {
        free(examples->targets[i].name);
        ho_large_free(examples->targets[i].values);
    }
    free(examples->targets);
    ho_large_free(examples->rows);
    *examples = (ho_examples){0};
}

void ho_dataset_free(ho_dataset *dataset)
{
    if (!dataset)
        return;
    for (int part = 0; part < 4; part++)
        ho_examples_free(&dataset->parts[part]);
    for (size_t i = 0; i < dataset->truth_count; i++) {
        free(dataset->truths[i].name);
        ho_large_free(dataset->truths[i].values);
    }
    free(dataset->truths);
    for (int64_t i = 0; i < dataset->class_count && dataset->class_names; i++)
        free(dataset->class_names[i]);
    free(dataset->class_names);
    free(dataset);
}
