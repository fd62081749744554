/* The function table that a data reader is handed, and running one. */
#include "host/dataset.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/log.h"
#include "base/npy.h"
#include "base/rng.h"
#include "host/emitted.h"
#include "host/faults.h"
#include "host/signals.h"

/* What a reader sees while its `read` runs. */
typedef struct reading {
    ho_data head; /* first: the plugin's pointer is the host's */
    ho_emission emission;
    ho_arena *strings;
} reading;

static reading *reading_of(ho_data *d)
{
    return (reading *)(void *)d;
}

static ho_status failed(const reading *r)
{
    return r->emission.error->status;
}

/* At the beginning of each call. */
static ho_status entered(reading *r)
{
    if (ho_fault())
        ho_emission_misuse(&r->emission, "a call of its read was made to fail");
    return failed(r);
}

/* Whether a file begins like an HTML page. */
static bool is_page(const char *text)
{
    static const char *const openings[] = {"<!doctype html", "<html"};
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    text += strspn(text, " \t\r\n");
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++)
        if (strncasecmp(text, openings[i], strlen(openings[i])) == 0)
            return true;
    return false;
}

/* Refuses what a download may leave in place of a file. A zero byte follows the bytes. */
static ho_status refuse_stand_in(const char *path, const uint8_t *bytes, ho_error *error)
{
    static const char pointer[] = "version https://git-lfs.github.com/";
    const char *text = (const char *)bytes;
    if (strncmp(text, pointer, sizeof pointer - 1) == 0)
        return ho_fail(error, HO_INVALID, "%s: a Git LFS pointer, not the file itself; fetch that with git lfs pull",
                       path);
    if (is_page(text))
        return ho_fail(error, HO_INVALID, "%s: an HTML page, not data; was it downloaded from a page about the file?",
                       path);
    return HO_OK;
}

/* A file's bytes, unpacked, of which the data set keeps the checksum. */
static ho_status read_file(reading *r, const char *path, uint64_t most, ho_file_length *length, uint8_t **bytes,
                           uint64_t *size)
{
    if (ho_file_read_raw(path, most, bytes, size, r->emission.error) != HO_OK)
        return failed(r);
    ho_data_files_add(&r->emission.dataset->files, path, *bytes, *size);
    if (ho_file_unpack(path, most, length, bytes, size, r->emission.error) == HO_OK &&
        refuse_stand_in(path, *bytes, r->emission.error) != HO_OK) {
        ho_large_free(*bytes);
        *bytes = NULL;
    }
    return failed(r);
}

static ho_status data_file(ho_data *d, const char *path, uint64_t most, ho_file_length *length, const uint8_t **bytes,
                           uint64_t *size)
{
    reading *r = reading_of(d);
    if (entered(r))
        return failed(r);
    if (!path || !bytes || !size)
        return ho_emission_misuse(&r->emission, "file: the path or the place for the bytes is NULL");
    uint8_t *content;
    if (read_file(r, path, most, length, &content, size) == HO_OK)
        *bytes = ho_emission_own(&r->emission, content, *size);
    return failed(r);
}

/* The reader of .npy files turns integers into reals, exactly; labels need an integer type again. */
static void *to_integers(reading *r, const ho_npy *npy, const char *path)
{
    uint64_t count = npy->count > 0 ? (uint64_t)npy->count : 1;
    int64_t *values = ho_emission_alloc(&r->emission, count, sizeof *values, path);
    for (int64_t i = 0; values && i < npy->count; i++)
        values[i] = npy->f64 ? (int64_t)npy->f64[i] : (int64_t)npy->f32[i];
    return values;
}

static ho_status data_npy(ho_data *d, const char *path, ho_array *array)
{
    reading *r = reading_of(d);
    if (entered(r))
        return failed(r);
    if (!path || !array || array->struct_size < sizeof array->struct_size)
        return ho_emission_misuse(&r->emission,
                                  "npy: the path or the array is NULL, or the array's struct_size is not set");
    uint8_t *bytes;
    uint64_t size;
    ho_npy npy = {0};
    if (read_file(r, path, 0, ho_npy_length, &bytes, &size) != HO_OK ||
        ho_npy_parse(path, bytes, size, &npy, r->emission.error) != HO_OK)
        return failed(r);
    const void *values = npy.f64 ? (void *)npy.f64 : npy.f32;
    uint64_t end = (uint64_t)((const char *)values - (const char *)npy.block);
    ho_emission_own(&r->emission, npy.block, end + (uint64_t)npy.count * (npy.f64 ? 8 : 4));
    /* Filled in an array of this host's, and handed over as far as the plugin's reaches. */
    ho_array full = {0};
    size_t known = array->struct_size < sizeof full ? array->struct_size : sizeof full;
    memcpy(&full, array, known);
    full.rank = npy.rank;
    memcpy(full.dims, npy.dims, sizeof full.dims);
    full.source = ho_arena_strdup(r->strings, path);
    full.type = npy.type == HO_NPY_INTEGER ? HO_ARRAY_I64 : npy.f64 ? HO_ARRAY_F64 : HO_ARRAY_F32;
    full.values = npy.type == HO_NPY_INTEGER ? to_integers(r, &npy, path) : values;
    memcpy(array, &full, known);
    return failed(r);
}

static void *data_alloc(ho_data *d, uint64_t count, uint64_t size)
{
    reading *r = reading_of(d);
    if (entered(r))
        return NULL;
    return ho_emission_alloc(&r->emission, count ? count : 1, size ? size : 1, "a data reader");
}

static ho_status data_emit(ho_data *d, uint32_t part, const ho_array *array)
{
    reading *r = reading_of(d);
    if (entered(r))
        return failed(r);
    if (!array || array->struct_size < sizeof array->struct_size)
        return ho_emission_misuse(&r->emission, "emit: the array is NULL, or its struct_size is not set");
    ho_array full = {0};
    memcpy(&full, array, array->struct_size < sizeof full ? array->struct_size : sizeof full);
    return ho_emission_add(&r->emission, part, &full);
}

static ho_status data_truth(ho_data *d, const char *name, int32_t rank, const int64_t *dims, const double *values)
{
    reading *r = reading_of(d);
    if (!entered(r) && r->emission.most)
        return ho_emission_misuse(&r->emission, "truth: belongs in its read, not in next");
    return failed(r) ? failed(r) : ho_emission_truth(&r->emission, name, rank, dims, values);
}

static ho_status data_class_name(ho_data *d, int64_t label, const char *name)
{
    reading *r = reading_of(d);
    if (!entered(r) && r->emission.most)
        return ho_emission_misuse(&r->emission, "class_name: belongs in its read, not in next");
    return failed(r) ? failed(r) : ho_emission_class_name(&r->emission, label, name);
}

static ho_status data_fail(ho_data *d, const char *path, int64_t byte, const char *format, ...)
{
    const ho_emission *e = &reading_of(d)->emission;
    const char *reader = e->reader->loaded->plugin.name;
    char text[1024] = "cannot be read";
    if (format) {
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
    }
    ho_place place = path ? (ho_place){.file = path} : e->reader->place;
    if (byte >= 0)
        ho_fail_at(e->error, HO_INVALID, place, "byte %" PRId64 ": %s (data reader \"%s\")", byte, text, reader);
    else
        ho_fail_at(e->error, HO_INVALID, place, "%s (data reader \"%s\")", text, reader);
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

static ho_status data_note(ho_data *d, const char *format, ...)
{
    reading *r = reading_of(d);
    ho_dataset *dataset = r->emission.dataset;
    if (entered(r))
        return failed(r);
    if (!format)
        return ho_emission_misuse(&r->emission, "note: the text is NULL");
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ho_grow((void **)&dataset->notes, &dataset->note_capacity, dataset->note_count, sizeof *dataset->notes);
    dataset->notes[dataset->note_count++] = ho_strdup(text);
    return HO_OK;
}

static ho_status data_wait(ho_data *d, int fd)
{
    reading *r = reading_of(d);
    if (entered(r))
        return failed(r);
    char *who = ho_format("data reader \"%s\"", r->emission.reader->loaded->plugin.name);
    ho_file_wait(fd, who, r->emission.error);
    free(who);
    return failed(r);
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
    .note = data_note,
    .wait = data_wait,
};

/* ---- the host's side ---- */

static void run(reading *r)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    const ho_instance *reader = r->emission.reader;
    const ho_data_calls *calls = &reader->loaded->calls.data;
    ho_data_files *files = &r->emission.dataset->files;
    pthread_mutex_lock(&one_at_a_time);
    ho_data_files_begin(files, reader);
    ho_calling(reader->loaded, "read");
    const ho_status status = calls->read ? calls->read(reader->self, &r->head) : HO_OK;
    ho_calling(NULL, NULL);
    pthread_mutex_unlock(&one_at_a_time);
    if (status != HO_OK && !failed(r))
        ho_emission_misuse(&r->emission, "read returned %d without saying why", (int)status);
    if (!failed(r))
        ho_data_files_end(files, r->emission.error);
}

static void run_next(reading *r, int64_t first, int64_t count)
{
    const ho_instance *reader = r->emission.reader;
    const ho_outer_call outer = ho_calling_within(reader->loaded, "next");
    const ho_status status = reader->loaded->calls.data.next(reader->self, &r->head, first, count);
    ho_calling_again(outer);
    if (status != HO_OK && !failed(r))
        ho_emission_misuse(&r->emission, "next returned %d without saying why", (int)status);
    for (size_t i = 0; i < r->emission.dataset->note_count; i++)
        ho_note("data: %s", r->emission.dataset->notes[i]);
}

/* `count` 0: reads; else asks a stream. */
static ho_dataset *collect(const ho_instance *reader, int64_t first, int64_t count, ho_error *error)
{
    if (error->status != HO_OK)
        return NULL;
    ho_dataset *dataset = ho_alloc(sizeof *dataset);
    dataset->references = 1;
    reading r = {
        .head = {&data_api},
        .emission = {.reader = reader, .dataset = dataset, .error = error, .most = count},
        .strings = ho_arena_new(),
    };
    if (count)
        run_next(&r, first, count);
    else
        run(&r);
    ho_emission_finish(&r.emission);
    ho_arena_free(r.strings);
    if (error->status == HO_OK)
        return dataset;
    ho_dataset_free(dataset);
    return NULL;
}

ho_dataset *ho_dataset_read(const ho_instance *reader, ho_error *error)
{
    return collect(reader, 0, 0, error);
}

ho_dataset *ho_dataset_next(const ho_instance *reader, int64_t first, int64_t count, ho_error *error)
{
    return collect(reader, first, count, error);
}

ho_dataset *ho_dataset_share(ho_dataset *dataset)
{
    dataset->references++;
    return dataset;
}

void ho_dataset_free(ho_dataset *dataset)
{
    if (!dataset || --dataset->references > 0)
        return;
    for (int part = 0; part < 4; part++)
        ho_examples_free(&dataset->parts[part]);
    for (size_t i = 0; i < dataset->truth_count; i++)
        free((char *)dataset->truths[i].name);
    free(dataset->truths);
    for (int64_t i = 0; i < dataset->class_count && dataset->class_names; i++)
        free(dataset->class_names[i]);
    free(dataset->class_names);
    for (size_t i = 0; i < dataset->note_count; i++)
        free(dataset->notes[i]);
    free(dataset->notes);
    for (size_t i = 0; i < dataset->block_count; i++)
        ho_large_free(dataset->blocks[i].at);
    free(dataset->blocks);
    ho_data_files_free(&dataset->files);
    free(dataset);
}
