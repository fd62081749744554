/* Data readers: what they may emit, how it arrives, and what is said of the rest. */
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

static ho_status read_body(void *self, ho_data *d)
{
    (void)self;
    return body(d);
}

static const ho_data_calls whole = {.struct_size = sizeof whole, .read = read_body};
static const ho_data_calls in_parts = {.struct_size = sizeof in_parts, .emits_parts = 1, .read = read_body};

static ho_error error;
static ho_dataset *dataset;

static ho_dataset *read_with(const ho_data_calls *calls, ho_status (*what)(ho_data *d))
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

static void teardown(void)
{
    ho_dataset_free(dataset);
}

TestSuite(host_dataset, .fini = teardown);

static void refused(const ho_data_calls *calls, ho_status (*what)(ho_data *d), const char *message)
{
    cr_assert_null(read_with(calls, what));
    cr_assert_eq(error.status, HO_INVALID);
    cr_assert_str_eq(error.text, message);
}

/* ---- arrays ---- */

static float pixels[6] = {1, 2, 3, 4, 5, 6};
static const double pixels_as_doubles[1] = {1};
static uint8_t labels[3] = {2, 0, 1};

static ho_array inputs_of(int64_t examples, int64_t width, uint32_t type, const void *values)
{
    return (ho_array){.struct_size = sizeof(ho_array),
                      .role = HO_ROLE_INPUTS,
                      .type = type,
                      .rank = 2,
                      .dims = {examples, width},
                      .source = "x.bin",
                      .values = values};
}

static ho_array labels_of(int64_t examples, int64_t classes, uint32_t type, const void *values)
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

static ho_status emit_inputs(ho_data *d, uint32_t part)
{
    ho_array inputs = inputs_of(3, 2, HO_ARRAY_F32, pixels);
    return ho_data_emit(d, part, &inputs);
}

static ho_status emit_labels(ho_data *d, uint32_t part, int64_t classes)
{
    ho_array array = labels_of(3, classes, HO_ARRAY_U8, labels);
    return ho_data_emit(d, part, &array);
}

/* ---- what arrives ---- */

static ho_status emits_both(ho_data *d)
{
    emit_inputs(d, 0);
    return emit_labels(d, 0, 0);
}

Test(host_dataset, inputs_and_labels_arrive)
{
    cr_assert_not_null(read_with(&whole, emits_both), "%s", error.text);
    const ho_examples *all = &dataset->parts[0];
    cr_assert_eq(all->count, 3);
    cr_assert_eq(all->features, 2);
    cr_assert_not_null(all->x32);
    cr_assert_null(all->x64);
    cr_assert_arr_eq(all->x32, pixels, sizeof pixels);
    cr_assert_eq(all->target_count, 1u);
    cr_assert_str_eq(all->targets[0].name, "labels");
    cr_assert(all->targets[0].labels);
    cr_assert_eq(all->targets[0].classes, 3);
    cr_assert_eq(all->targets[0].width, 1);
    for (int i = 0; i < 3; i++)
        cr_assert_float_eq(all->targets[0].values[i], labels[i], 0);
}

static ho_status emits_bytes(ho_data *d)
{
    static const uint8_t bytes[8] = {0, 1, 2, 3, 4, 5, 6, 255};
    ho_array inputs = inputs_of(2, 2, HO_ARRAY_U8, bytes);
    inputs.rank = 3;
    inputs.dims[2] = 2;
    return ho_data_emit(d, 0, &inputs);
}

Test(host_dataset, bytes_become_f32_and_further_axes_are_flattened)
{
    cr_assert_not_null(read_with(&whole, emits_bytes), "%s", error.text);
    cr_assert_eq(dataset->parts[0].features, 4);
    cr_assert_eq(dataset->parts[0].input_rank, 2);
    cr_assert(dataset->parts[0].input_dims[0] == 2 && dataset->parts[0].input_dims[1] == 2);
    cr_assert_null(dataset->parts[0].rows);
    cr_assert_not_null(dataset->parts[0].x32);
    cr_assert_float_eq(dataset->parts[0].x32[7], 255, 0);
}

static int64_t integers[2] = {16777216, -3};

static ho_status emits_integers(ho_data *d)
{
    ho_array inputs = inputs_of(2, 1, HO_ARRAY_I64, integers);
    return ho_data_emit(d, 0, &inputs);
}

Test(host_dataset, integers_become_f32_where_that_is_exact)
{
    cr_assert_not_null(read_with(&whole, emits_integers), "%s", error.text);
    cr_assert_not_null(dataset->parts[0].x32);
    cr_assert_float_eq(dataset->parts[0].x32[0], 16777216, 0);
    ho_dataset_free(dataset);
    integers[0] = 16777217;
    cr_assert_not_null(read_with(&whole, emits_integers), "%s", error.text);
    cr_assert_not_null(dataset->parts[0].x64);
    cr_assert_float_eq(dataset->parts[0].x64[0], 16777217, 0);
}

static ho_status emits_doubles_unaligned(ho_data *d)
{
    static const double numbers[4] = {0.1, -0.2, 1e300, 4};
    char *bytes = ho_data_alloc(d, 1, sizeof numbers + 1);
    memcpy(bytes + 1, numbers, sizeof numbers);
    ho_array inputs = inputs_of(2, 2, HO_ARRAY_F64, bytes + 1);
    ho_array target = inputs;
    target.role = HO_ROLE_REALS;
    target.name = "price";
    ho_data_emit(d, 0, &target);
    return ho_data_emit(d, 0, &inputs);
}

Test(host_dataset, doubles_stay_doubles_wherever_they_lie)
{
    cr_assert_not_null(read_with(&whole, emits_doubles_unaligned), "%s", error.text);
    const ho_examples *all = &dataset->parts[0];
    cr_assert_null(all->x32);
    cr_assert_float_eq(all->x64[2], 1e300, 0);
    cr_assert_str_eq(all->targets[0].name, "price");
    cr_assert_not(all->targets[0].labels);
    cr_assert_eq(all->targets[0].width, 2);
    cr_assert_float_eq(all->targets[0].values[1], -0.2, 0);
}

static ho_status emits_parts(ho_data *d)
{
    for (uint32_t part = 1; part <= 3; part++) {
        emit_inputs(d, part);
        emit_labels(d, part, part == 3 ? 5 : 0);
    }
    ho_data_class_name(d, 1, "car");
    ho_data_class_name(d, 0, "boat");
    return ho_data_class_name(d, 0, "ship");
}

Test(host_dataset, parts_share_one_number_of_classes)
{
    cr_assert_not_null(read_with(&in_parts, emits_parts), "%s", error.text);
    cr_assert_eq(dataset->parts[0].count, 0);
    for (int part = 1; part <= 3; part++)
        cr_assert_eq(dataset->parts[part].targets[0].classes, 5);
    cr_assert_eq(dataset->class_count, 5);
    cr_assert_str_eq(dataset->class_names[0], "ship");
    cr_assert_str_eq(dataset->class_names[1], "car");
    cr_assert_str_eq(dataset->class_names[4], "4");
}

static ho_status tells_truth(ho_data *d)
{
    ho_data_truth(d, "relations", 2, ((int64_t[]){1, 2}), ((double[]){3, 4}));
    ho_data_truth(d, "noise", 0, NULL, ((double[]){0.5}));
    cr_assert_float_eq(ho_data_uniform(d, 1, 2, 3), ho_uniform(1, 2, 3), 0);
    cr_assert_float_eq(ho_data_normal(d, 1, 2, 3), ho_normal_number(1, 2, 3), 0);
    return emit_inputs(d, 0);
}

Test(host_dataset, truths_are_kept)
{
    cr_assert_not_null(read_with(&whole, tells_truth), "%s", error.text);
    cr_assert_eq(dataset->truth_count, 2u);
    cr_assert_str_eq(dataset->truths[0].name, "relations");
    cr_assert_eq(dataset->truths[0].dims[1], 2);
    cr_assert_float_eq(dataset->truths[0].values[1], 4, 0);
    cr_assert_eq(dataset->truths[1].rank, 0);
}

/* An array as an author of an older minor knew it: without the last members. */
static ho_status emits_short_struct(ho_data *d)
{
    ho_array inputs = inputs_of(3, 2, HO_ARRAY_F32, pixels);
    inputs.struct_size = (uint32_t)offsetof(ho_array, values);
    return ho_data_emit(d, 0, &inputs);
}

Test(host_dataset, an_array_is_read_only_as_far_as_its_author_knew_it)
{
    refused(&whole, emits_short_struct, "x.bin: inputs: has no values (NULL) (data reader \"probe\")");
}

/* ---- files ---- */

static char path[] = "/tmp/hotool-dataset-XXXXXX";

static ho_status reads_npy(ho_data *d)
{
    ho_array inputs = {.struct_size = sizeof inputs, .role = HO_ROLE_INPUTS};
    if (ho_data_npy(d, path, &inputs) != HO_OK)
        return HO_INVALID;
    cr_assert_str_eq(inputs.source, path);
    cr_assert_eq(inputs.type, HO_ARRAY_F64);
    cr_assert_eq(inputs.rank, 2);
    ho_data_emit(d, 0, &inputs);
    const uint8_t *bytes;
    uint64_t size;
    cr_assert_eq(ho_data_file(d, path, 0, &bytes, &size), HO_OK);
    cr_assert_eq(memcmp(bytes, "\x93NUMPY", 6), 0);
    return HO_OK;
}

Test(host_dataset, npy_files_and_bytes_are_read)
{
    close(mkstemp(path));
    cr_assert_eq(ho_npy_write_f64(path, 2, (int64_t[]){2, 3}, (double[]){1, 2, 3, 4, 5, 6.5}, &error), HO_OK);
    cr_assert_not_null(read_with(&whole, reads_npy), "%s", error.text);
    cr_assert_float_eq(dataset->parts[0].x64[5], 6.5, 0);
    unlink(path);
}

/* A version-1 file of three i8: 7, 0, 9. */
static ho_status reads_integer_npy(ho_data *d)
{
    ho_array array = {.struct_size = sizeof array, .role = HO_ROLE_LABELS};
    if (ho_data_npy(d, path, &array) != HO_OK)
        return HO_INVALID;
    cr_assert_eq(array.type, HO_ARRAY_I64);
    emit_inputs(d, 0);
    return ho_data_emit(d, 0, &array);
}

Test(host_dataset, integer_npy_files_are_labels)
{
    char file[128 + 24];
    memset(file, ' ', 128);
    memcpy(file, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(file + 10, "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }", 57);
    file[127] = '\n';
    memcpy(file + 128, (int64_t[]){7, 0, 9}, 24);
    close(mkstemp(path));
    cr_assert_eq(ho_file_write(path, file, sizeof file, &error), HO_OK);
    cr_assert_not_null(read_with(&whole, reads_integer_npy), "%s", error.text);
    cr_assert_eq(dataset->parts[0].targets[0].classes, 10);
    cr_assert_float_eq(dataset->parts[0].targets[0].values[2], 9, 0);
    unlink(path);
}

static ho_status reads_missing(ho_data *d)
{
    const uint8_t *bytes;
    uint64_t size;
    cr_assert_neq(ho_data_file(d, "/nowhere/x.bin", 0, &bytes, &size), HO_OK);
    cr_assert_null(ho_data_alloc(d, 1, 1), "after an error nothing more is given");
    return HO_OK;
}

Test(host_dataset, a_missing_file_counts_even_where_read_returns_success)
{
    cr_assert_null(read_with(&whole, reads_missing));
    cr_assert_eq(strncmp(error.text, "/nowhere/x.bin: ", 16), 0, "%s", error.text);
}

/* ---- what is refused ---- */

static ho_status emits_nan(ho_data *d)
{
    float values[6] = {0, 0, 0, NAN, 0, 0};
    ho_array inputs = inputs_of(3, 2, HO_ARRAY_F32, values);
    return ho_data_emit(d, 0, &inputs);
}

Test(host_dataset, nan_is_refused_with_file_example_and_entry)
{
    refused(&whole, emits_nan, "x.bin: inputs: example 1, entry 1 is NaN (data reader \"probe\")");
}

static ho_status emits_infinity(ho_data *d)
{
    ho_array target = inputs_of(1, 1, HO_ARRAY_F64, (double[]){-INFINITY});
    target.role = HO_ROLE_REALS;
    return ho_data_emit(d, 0, &target);
}

Test(host_dataset, infinity_in_a_target_is_refused)
{
    refused(&whole, emits_infinity, "x.bin: target: example 0, entry 0 is infinite (data reader \"probe\")");
}

static ho_status emits_label_beyond(ho_data *d)
{
    emit_inputs(d, 0);
    return emit_labels(d, 0, 2);
}

Test(host_dataset, a_label_outside_its_classes_is_refused)
{
    refused(&whole, emits_label_beyond,
            "y.bin: labels: example 0 has the label 2, outside 0..1 (data reader \"probe\")");
}

static ho_status emits_negative_label(ho_data *d)
{
    ho_array array = labels_of(2, 0, HO_ARRAY_I64, (int64_t[]){0, -1});
    return ho_data_emit(d, 0, &array);
}

Test(host_dataset, a_negative_label_is_refused)
{
    cr_assert_null(read_with(&whole, emits_negative_label));
    cr_assert(strstr(error.text, "example 1 has the label -1, outside 0.."), "%s", error.text);
}

static ho_status emits_broken_label(ho_data *d)
{
    ho_array array = labels_of(2, 0, HO_ARRAY_F64, (double[]){0, 1.5});
    return ho_data_emit(d, 0, &array);
}

Test(host_dataset, a_label_must_be_whole)
{
    refused(&whole, emits_broken_label,
            "y.bin: labels: example 1 has the label 1.5, which is no whole number (data reader \"probe\")");
}

static ho_status emits_fewer_labels(ho_data *d)
{
    emit_inputs(d, 0);
    ho_array array = labels_of(2, 0, HO_ARRAY_U8, labels);
    return ho_data_emit(d, 0, &array);
}

Test(host_dataset, arrays_of_one_part_have_one_length)
{
    refused(&whole, emits_fewer_labels,
            "y.bin: labels: 2 examples, where inputs (x.bin) has 3 (data reader \"probe\")");
}

static ho_status emits_target_twice(ho_data *d)
{
    emit_labels(d, 0, 0);
    return emit_labels(d, 0, 0);
}

Test(host_dataset, two_targets_of_one_name_are_refused)
{
    refused(&whole, emits_target_twice, "y.bin: labels: is emitted twice for the same part (data reader \"probe\")");
}

static ho_status emits_inputs_twice(ho_data *d)
{
    emit_inputs(d, 0);
    return emit_inputs(d, 0);
}

Test(host_dataset, inputs_twice_are_refused)
{
    refused(&whole, emits_inputs_twice, "x.bin: inputs: are emitted twice for the same part (data reader \"probe\")");
}

static ho_status emits_only_labels(ho_data *d)
{
    return emit_labels(d, 0, 0);
}

Test(host_dataset, inputs_are_needed)
{
    refused(&whole, emits_only_labels, "x.yaml:4:9: inputs: the whole has none (data reader \"probe\")");
}

static ho_status emits_nothing(ho_data *d)
{
    (void)d;
    return HO_OK;
}

Test(host_dataset, emitting_nothing_is_refused)
{
    refused(&whole, emits_nothing, "x.yaml:4:9: nothing to learn from: it emits no examples (data reader \"probe\")");
}

static ho_status emits_wider_test(ho_data *d)
{
    emit_inputs(d, 1);
    ho_array inputs = inputs_of(2, 3, HO_ARRAY_F32, pixels);
    return ho_data_emit(d, 3, &inputs);
}

Test(host_dataset, parts_must_have_one_width)
{
    cr_assert_null(read_with(&in_parts, emits_wider_test));
    cr_assert(strstr(error.text, "the test part has 3 features, the training part 2"), "%s", error.text);
}

/* A target of the training part alone, and one of the validation part alone. */
static ho_status emits_training_target(ho_data *d)
{
    emit_inputs(d, 1);
    emit_labels(d, 1, 3);
    return emit_inputs(d, 2);
}

static ho_status emits_validation_target(ho_data *d)
{
    emit_inputs(d, 1);
    emit_inputs(d, 2);
    return emit_labels(d, 2, 3);
}

Test(host_dataset, a_part_may_lack_a_target_of_the_training_part)
{
    cr_assert_not_null(read_with(&in_parts, emits_training_target), "%s", error.text);
    cr_assert_eq(dataset->parts[1].target_count, 1u);
    cr_assert_eq(dataset->parts[1].targets[0].classes, 3);
    cr_assert_eq(dataset->parts[2].target_count, 0u);
}

Test(host_dataset, a_target_that_training_lacks_is_refused)
{
    cr_assert_null(read_with(&in_parts, emits_validation_target));
    cr_assert(strstr(error.text, "the validation part has the target \"labels\", the training part has not"), "%s",
              error.text);
}

static ho_status emits_unlabelled_test(ho_data *d)
{
    emits_both(d);
    return HO_OK;
}

Test(host_dataset, the_reader_keeps_to_the_parts_it_declares)
{
    cr_assert_null(read_with(&in_parts, emits_unlabelled_test));
    cr_assert(strstr(error.text, "inputs: is emitted for part 0; this reader emits parts 1 to 3"), "%s", error.text);
}

static ho_status emits_other_classes(ho_data *d)
{
    emit_inputs(d, 1);
    emit_labels(d, 1, 3);
    emit_inputs(d, 2);
    return emit_labels(d, 2, 4);
}

Test(host_dataset, parts_must_have_one_number_of_classes)
{
    cr_assert_null(read_with(&in_parts, emits_other_classes));
    cr_assert(
        strstr(error.text, "the target \"labels\" has 4 classes in the validation part and 3 in the training part"),
        "%s", error.text);
}

static ho_status emits_label_beyond_other_part(ho_data *d)
{
    ho_array few = labels_of(3, 2, HO_ARRAY_U8, (uint8_t[]){0, 1, 0});
    emit_inputs(d, 1);
    ho_data_emit(d, 1, &few);
    emit_inputs(d, 2);
    return emit_labels(d, 2, 0);
}

Test(host_dataset, declared_classes_bind_every_part)
{
    cr_assert_null(read_with(&in_parts, emits_label_beyond_other_part));
    cr_assert(strstr(error.text, "the target \"labels\" has the label 2, but 2 classes"), "%s", error.text);
}

static ho_status emits_no_training(ho_data *d)
{
    return emit_inputs(d, 3);
}

Test(host_dataset, a_training_part_is_needed)
{
    cr_assert_null(read_with(&in_parts, emits_no_training));
    cr_assert(strstr(error.text, "it emits no training examples"), "%s", error.text);
}

static ho_array broken;

static ho_status emits_broken(ho_data *d)
{
    return ho_data_emit(d, 0, &broken);
}

#define BROKEN(change, message)                                                             \
    do {                                                                                    \
        broken = inputs_of(3, 2, HO_ARRAY_F32, pixels);                                     \
        change;                                                                             \
        cr_expect_null(read_with(&whole, emits_broken));                                    \
        cr_expect(strstr(error.text, message), "\"%s\" lacks \"%s\"", error.text, message); \
    } while (0)

Test(host_dataset, each_senseless_array_is_one_message)
{
    BROKEN(broken.role = 9, "an array: has the unknown role 9");
    BROKEN(broken.role = 0, "has the unknown role 0");
    BROKEN(broken.type = 77, "inputs: has the unknown type 77");
    BROKEN(broken.rank = 0, "inputs: has rank 0");
    BROKEN(broken.rank = -1, "inputs: has rank -1");
    BROKEN(broken.rank = 5, "inputs: has rank 5");
    BROKEN(broken.dims[0] = 0, "inputs: holds no examples");
    BROKEN(broken.dims[1] = -2, "sizes are below 1");
    BROKEN(broken.dims[0] = broken.dims[1] = INT64_MAX, "more than 2^40 entries");
    BROKEN(broken.values = NULL, "has no values (NULL)");
    BROKEN(broken.struct_size = 0, "struct_size is not set");
    BROKEN((broken.role = HO_ROLE_REALS, broken.name = "two words"), "a target: has no legal name");
    BROKEN(broken.role = HO_ROLE_LABELS, "labels: has rank 2");
    BROKEN((broken.role = HO_ROLE_LABELS, broken.rank = 1, broken.classes = -1), "-1 classes are out of range");
    BROKEN((broken.role = HO_ROLE_LABELS, broken.rank = 1, broken.classes = INT64_MAX), "classes are out of range");
}

/* One misuse of another call each. */
#define MISUSE(name, expression)      \
    static ho_status name(ho_data *d) \
    {                                 \
        expression;                   \
        return emit_inputs(d, 0);     \
    }
MISUSE(null_path, ho_data_file(d, NULL, 0, NULL, NULL))
MISUSE(null_npy, ho_data_npy(d, "x.npy", NULL))
MISUSE(null_array, ho_data_emit(d, 0, NULL))
MISUSE(huge_alloc, ho_data_alloc(d, UINT64_MAX, 16))
MISUSE(truth_name, ho_data_truth(d, "../evil", 0, NULL, pixels_as_doubles))
MISUSE(truth_rank, ho_data_truth(d, "t", 99, NULL, pixels_as_doubles))
MISUSE(truth_null, ho_data_truth(d, "t", 0, NULL, NULL))
MISUSE(class_negative, ho_data_class_name(d, -1, "x"))
MISUSE(class_null, ho_data_class_name(d, 0, NULL))
MISUSE(class_unused, ho_data_class_name(d, 3, "x"))
MISUSE(says_no, ho_data_fail(d, "x.bin", 12, "the magic number is %d", 7))
MISUSE(says_no_more, ho_data_fail(d, NULL, -1, NULL))
static ho_status fails_silently(ho_data *d)
{
    (void)d;
    return 42;
}

Test(host_dataset, each_misused_call_is_one_message)
{
    static const struct {
        ho_status (*body)(ho_data *d);
        const char *says;
    } misuses[] = {
        {null_path, "data reader \"probe\": file: the path or the place for the bytes is NULL"},
        {null_npy, "npy: the path or the array is NULL"},
        {null_array, "emit: the array is NULL"},
        {huge_alloc, "data reader"},
        {truth_name, "truth: the name is not legal"},
        {truth_rank, "truth: \"t\": its rank, sizes or values are out of range"},
        {truth_null, "truth: \"t\": its rank, sizes or values are out of range"},
        {class_negative, "class_name: the label is out of range"},
        {class_null, "class_name: the name is NULL"},
        {class_unused, "class 3 has a name, but there are 0 classes"},
        {says_no, "x.bin: byte 12: the magic number is 7 (data reader \"probe\")"},
        {says_no_more, "x.yaml:4:9: cannot be read (data reader \"probe\")"},
        {fails_silently, "read returned 42 without saying why"},
    };
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        cr_expect_null(read_with(&whole, misuses[i].body));
        cr_expect_eq(error.status == HO_OK, false);
        cr_expect(strstr(error.text, misuses[i].says), "\"%s\" lacks \"%s\"", error.text, misuses[i].says);
    }
}
