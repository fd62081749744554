/* A data reader whose `read` is whatever a test wants, and small arrays for it to emit. */
#ifndef TEST_EMITTING_H
#define TEST_EMITTING_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/npy.h"
#include "base/rng.h"
#include "host/dataset.h"
#include "host/descriptor.h"

/* ---- a reader whose read is whatever the test wants ---- */

static ho_status (*body)(ho_data *d);

static inline ho_status read_body(void *self, ho_data *d)
{
    (void)self;
    return body(d);
}

static const ho_data_calls whole = {.struct_size = sizeof whole, .read = read_body};
static const ho_data_calls in_parts = {.struct_size = sizeof in_parts, .emits_parts = 1, .read = read_body};

static ho_error error;
static ho_dataset *dataset;

static inline ho_dataset *read_with(const ho_data_calls *calls, ho_status (*what)(ho_data *d))
{
    ho_plugin plugin = {HO_PLUGIN_HEAD(HO_DATA), .name = "probe", .calls = calls};
    ho_arena *arena = ho_arena_new();
    ho_loaded loaded;
    error = (ho_error){0};
    body = what;
    cr_assert_eq(ho_descriptor_read(&plugin, 0, "probe.so", arena, &loaded, &error), HO_OK, "%s", error.text);
    ho_instance *reader = ho_instance_new(&loaded, NULL, NULL, NULL, (ho_place){"x.yaml", 4, 9}, &error);
    cr_assert_not_null(reader);
    dataset = ho_dataset_read(reader, &error);
    ho_instance_free(reader);
    ho_arena_free(arena);
    return dataset;
}

static inline void teardown(void)
{
    ho_dataset_free(dataset);
}

static inline void refused(const ho_data_calls *calls, ho_status (*what)(ho_data *d), const char *message)
{
    cr_assert_null(read_with(calls, what));
    cr_assert_eq(error.status, HO_INVALID);
    cr_assert_str_eq(error.text, message);
}

/* ---- arrays ---- */

static float pixels[6] = {1, 2, 3, 4, 5, 6};
static const double pixels_as_doubles[1] = {1};
static uint8_t labels[3] = {2, 0, 1};

static inline ho_array inputs_of(int64_t examples, int64_t width, uint32_t type, const void *values)
{
    return (ho_array){.struct_size = sizeof(ho_array),
                      .role = HO_ROLE_INPUTS,
                      .type = type,
                      .rank = 2,
                      .dims = {examples, width},
                      .source = "x.bin",
                      .values = values};
}

static inline ho_array labels_of(int64_t examples, int64_t classes, uint32_t type, const void *values)
{
    return (ho_array){.struct_size = sizeof(ho_array),
                      .role = HO_ROLE_LABELS,
                      .type = type,
                      .rank = 1,
                      .dims = {examples},
                      .classes = classes,
                      .source = "y.bin",
                      .values = values};
}

static inline ho_status emit_inputs(ho_data *d, uint32_t part)
{
    ho_array inputs = inputs_of(3, 2, HO_ARRAY_F32, pixels);
    return ho_data_emit(d, part, &inputs);
}

static inline ho_status emit_labels(ho_data *d, uint32_t part, int64_t classes)
{
    ho_array array = labels_of(3, classes, HO_ARRAY_U8, labels);
    return ho_data_emit(d, part, &array);
}

static inline ho_status emits_both(ho_data *d)
{
    emit_inputs(d, 0);
    return emit_labels(d, 0, 0);
}

#endif
