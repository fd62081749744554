/* Data readers: what is said of that which may not be emitted. */
#include "emitting.h"

TestSuite(host_refused, .fini = teardown);

/* ---- what is refused ---- */

static ho_status emits_nan(ho_data *d)
{
    float values[6] = {0, 0, 0, NAN, 0, 0};
    ho_array inputs = inputs_of(3, 2, HO_ARRAY_F32, values);
    return ho_data_emit(d, 0, &inputs);
}

Test(host_refused, nan_is_refused_with_file_example_and_entry)
{
    refused(&whole, emits_nan, "x.bin: inputs: example 1, entry 1 is NaN (data reader \"probe\")");
}

static ho_status emits_infinity(ho_data *d)
{
    ho_array target = inputs_of(1, 1, HO_ARRAY_F64, (double[]){-INFINITY});
    target.role = HO_ROLE_REALS;
    return ho_data_emit(d, 0, &target);
}

Test(host_refused, infinity_in_a_target_is_refused)
{
    refused(&whole, emits_infinity, "x.bin: target: example 0, entry 0 is infinite (data reader \"probe\")");
}

static ho_status emits_label_beyond(ho_data *d)
{
    emit_inputs(d, 0);
    return emit_labels(d, 0, 2);
}

Test(host_refused, a_label_outside_its_classes_is_refused)
{
    refused(&whole, emits_label_beyond,
            "y.bin: labels: example 0 has the label 2, outside 0..1 (data reader \"probe\")");
}

static ho_status emits_negative_label(ho_data *d)
{
    ho_array array = labels_of(2, 0, HO_ARRAY_I64, (int64_t[]){0, -1});
    return ho_data_emit(d, 0, &array);
}

Test(host_refused, a_negative_label_is_refused)
{
    cr_assert_null(read_with(&whole, emits_negative_label));
    cr_assert(strstr(error.text, "example 1 has the label -1, outside 0.."), "%s", error.text);
}

static ho_status emits_broken_label(ho_data *d)
{
    ho_array array = labels_of(2, 0, HO_ARRAY_F64, (double[]){0, 1.5});
    return ho_data_emit(d, 0, &array);
}

Test(host_refused, a_label_must_be_whole)
{
    refused(&whole, emits_broken_label,
            "y.bin: labels: example 1 has the label 1.5, which is not an integer (data reader \"probe\")");
}

static ho_status emits_fewer_labels(ho_data *d)
{
    emit_inputs(d, 0);
    ho_array array = labels_of(2, 0, HO_ARRAY_U8, labels);
    return ho_data_emit(d, 0, &array);
}

Test(host_refused, arrays_of_one_part_have_one_length)
{
    refused(&whole, emits_fewer_labels,
            "y.bin: labels: has 2 examples, but inputs (x.bin) has 3 (data reader \"probe\")");
}

static ho_status emits_target_twice(ho_data *d)
{
    emit_labels(d, 0, 0);
    return emit_labels(d, 0, 0);
}

Test(host_refused, two_targets_of_one_name_are_refused)
{
    refused(&whole, emits_target_twice, "y.bin: labels: is emitted twice for the same part (data reader \"probe\")");
}

static ho_status emits_inputs_twice(ho_data *d)
{
    emit_inputs(d, 0);
    return emit_inputs(d, 0);
}

Test(host_refused, inputs_twice_are_refused)
{
    refused(&whole, emits_inputs_twice, "x.bin: inputs: are emitted twice for the same part (data reader \"probe\")");
}

static ho_status emits_only_labels(ho_data *d)
{
    return emit_labels(d, 0, 0);
}

Test(host_refused, inputs_are_needed)
{
    refused(&whole, emits_only_labels, "x.yaml:4:9: inputs: the whole has none (data reader \"probe\")");
}

static ho_status emits_nothing(ho_data *d)
{
    (void)d;
    return HO_OK;
}

Test(host_refused, emitting_nothing_is_refused)
{
    refused(&whole, emits_nothing, "x.yaml:4:9: nothing to learn from: it emits no examples (data reader \"probe\")");
}

static ho_status emits_wider_test(ho_data *d)
{
    emit_inputs(d, 1);
    ho_array inputs = inputs_of(2, 3, HO_ARRAY_F32, pixels);
    return ho_data_emit(d, 3, &inputs);
}

Test(host_refused, parts_must_have_one_width)
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

Test(host_refused, a_part_may_lack_a_target_of_the_training_part)
{
    cr_assert_not_null(read_with(&in_parts, emits_training_target), "%s", error.text);
    cr_assert_eq(dataset->parts[1].target_count, 1u);
    cr_assert_eq(dataset->parts[1].targets[0].classes, 3);
    cr_assert_eq(dataset->parts[2].target_count, 0u);
}

Test(host_refused, a_target_that_training_lacks_is_refused)
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

Test(host_refused, the_reader_keeps_to_the_parts_it_declares)
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

Test(host_refused, parts_must_have_one_number_of_classes)
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

Test(host_refused, declared_classes_bind_every_part)
{
    cr_assert_null(read_with(&in_parts, emits_label_beyond_other_part));
    cr_assert(strstr(error.text, "the target \"labels\" has the label 2, but 2 classes"), "%s", error.text);
}

static ho_status emits_no_training(ho_data *d)
{
    return emit_inputs(d, 3);
}

Test(host_refused, a_training_part_is_needed)
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

Test(host_refused, each_senseless_array_is_one_message)
{
    BROKEN(broken.role = 9, "an array: has the unknown role 9");
    BROKEN(broken.role = 0, "has the unknown role 0");
    BROKEN(broken.type = 77, "inputs: has the unknown type 77");
    BROKEN(broken.rank = 0, "inputs: has rank 0");
    BROKEN(broken.rank = -1, "inputs: has rank -1");
    BROKEN(broken.rank = 5, "inputs: has rank 5");
    BROKEN(broken.dims[0] = 0, "inputs: holds no examples");
    BROKEN(broken.dims[1] = -2, "a size below 1");
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
MISUSE(null_path, ho_data_file(d, NULL, 0, NULL, NULL, NULL))
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

Test(host_refused, each_misused_call_is_one_message)
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
