/* Data readers: what they may emit, and how it arrives. */
#include "emitting.h"

TestSuite(host_dataset, .fini = teardown);

/* ---- what arrives ---- */

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
    cr_assert_eq(ho_data_file(d, path, 0, NULL, &bytes, &size), HO_OK);
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
    cr_assert_neq(ho_data_file(d, "/nowhere/x.bin", 0, NULL, &bytes, &size), HO_OK);
    cr_assert_null(ho_data_alloc(d, 1, 1), "after an error nothing more is given");
    return HO_OK;
}

Test(host_dataset, a_missing_file_counts_even_where_read_returns_success)
{
    cr_assert_null(read_with(&whole, reads_missing));
    cr_assert_eq(strncmp(error.text, "/nowhere/x.bin: ", 16), 0, "%s", error.text);
}
