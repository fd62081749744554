/* Every data reader through the host: what comes out of good files, and what is said of bad ones. */
#include "base/npy.h"

#include <math.h>
#include <sys/stat.h>
#include <zlib.h>

#include "reading.h"

static void put_gz(const char *name, const void *bytes, unsigned size)
{
    gzFile file = gzopen(path(name), "wb");
    cr_assert_not_null(file);
    cr_assert_eq(gzwrite(file, bytes, size), (int)size);
    gzclose(file);
}

TestSuite(npy, .init = setup, .fini = teardown);
TestSuite(idx, .init = setup, .fini = teardown);
TestSuite(cifar10, .init = setup, .fini = teardown);
TestSuite(generated, .init = setup, .fini = teardown);

/* ---- npy ------------------------------------------------------------------------------------------------------- */

static void put_npy(const char *name, int rank, int64_t rows, int64_t columns, const double *values)
{
    const int64_t dims[] = {rows, columns};
    cr_assert_eq(ho_npy_write_f64(path(name), rank, dims, values, &error), HO_OK);
}

/* A version-1 header by hand, for whole-number types. */
static void put_npy_bytes(const char *name, const char *type, const char *shape, const void *values, size_t size)
{
    char bytes[256] = "\x93NUMPY\x01\x00\x76\x00"; /* a header of 118 bytes: 128 with what stands before */
    const int length = snprintf(bytes + 10, 119, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
    memset(bytes + 10 + length, ' ', (size_t)(118 - length));
    bytes[127] = '\n';
    memcpy(bytes + 128, values, size);
    put(name, bytes, 128 + size);
}

static void put_three_examples(void)
{
    const double x[] = {1.5, -2, 3, 4, 5, 6.25}, y[] = {0.5, 1.5, 2.5};
    const uint8_t labels[] = {2, 0, 1};
    put_npy("x.npy", 2, 3, 2, x);
    put_npy("y.npy", 1, 3, 1, y);
    put_npy_bytes("labels.npy", "|u1", "(3,)", labels, sizeof labels);
}

Test(npy, gives_inputs_labels_and_target)
{
    put_three_examples();
    read_with("npy", option("inputs", "x.npy"), option("labels", "labels.npy"), option("target", "y.npy"));
    cr_assert_not_null(dataset, "%s", error.text);
    const ho_examples *all = &dataset->parts[0];
    cr_expect_eq(all->count, 3);
    cr_expect_eq(all->features, 2);
    cr_expect_eq(input(all, 1), -2.0);
    cr_expect_eq(input(all, 5), 6.25);
    cr_assert_eq(all->target_count, 2);
    cr_expect_str_eq(all->targets[0].name, "labels");
    cr_expect(all->targets[0].labels);
    cr_expect_eq(all->targets[0].classes, 3);
    cr_expect_eq(all->targets[0].values[0], 2.0);
    cr_expect_str_eq(all->targets[1].name, "target");
    cr_expect_not(all->targets[1].labels);
    cr_expect_eq(all->targets[1].values[2], 2.5);
}

Test(npy, takes_labels_that_are_stored_as_a_column)
{
    const uint8_t labels[] = {1, 0, 1};
    put_three_examples();
    put_npy_bytes("column.npy", "|u1", "(3, 1)", labels, sizeof labels);
    read_with("npy", option("inputs", "x.npy"), option("labels", "column.npy"));
    cr_assert_not_null(dataset, "%s", error.text);
    cr_expect_eq(dataset->parts[0].targets[0].classes, 2);
}

Test(npy, counts_classes_by_their_names)
{
    put_three_examples();
    read_with("npy", option("inputs", "x.npy"), option("labels", "labels.npy"), "names=a,b,c,d");
    cr_assert_not_null(dataset, "%s", error.text);
    cr_expect_eq(dataset->parts[0].targets[0].classes, 4);
    cr_assert_eq(dataset->class_count, 4);
    cr_expect_str_eq(dataset->class_names[3], "d");
}

Test(npy, refuses_names_that_do_not_match_the_classes)
{
    put_three_examples();
    read_with("npy", option("inputs", "x.npy"), option("labels", "labels.npy"), "classes=3", "names=a,b");
    expect_refused("x.yaml:3:5", "names", "2 names for 3 classes");
}

Test(npy, refuses_data_with_nothing_to_learn)
{
    put_three_examples();
    read_with("npy", option("inputs", "x.npy"));
    expect_refused("x.yaml", "labels", "target");
}

Test(npy, refuses_names_without_labels)
{
    put_three_examples();
    read_with("npy", option("inputs", "x.npy"), option("target", "y.npy"), "names=a,b");
    expect_refused("x.yaml:3:5", "names: needs labels");
}

Test(npy, refuses_labels_beyond_the_classes)
{
    put_three_examples();
    read_with("npy", option("inputs", "x.npy"), option("labels", "labels.npy"), "classes=2");
    expect_refused("labels.npy");
}

Test(npy, refuses_labels_for_another_number_of_examples)
{
    const uint8_t labels[] = {0, 1};
    put_three_examples();
    put_npy_bytes("two.npy", "|u1", "(2,)", labels, sizeof labels);
    read_with("npy", option("inputs", "x.npy"), option("labels", "two.npy"));
    expect_refused("two.npy");
}

Test(npy, asks_whether_labels_start_at_1)
{
    const uint8_t labels[] = {1, 2, 1};
    put_three_examples();
    put_npy_bytes("from_1.npy", "|u1", "(3,)", labels, sizeof labels);
    read_with("npy", option("inputs", "x.npy"), option("labels", "from_1.npy"), "classes=2");
    expect_refused("from_1.npy", "label 2, outside 0..1; do labels start at 1?");
}

Test(npy, names_one_hot_labels)
{
    const uint8_t rows[] = {0, 1, 1, 0, 0, 1}, others[] = {0, 1, 1, 1, 0, 1};
    put_three_examples();
    put_npy_bytes("rows.npy", "|u1", "(3, 2)", rows, sizeof rows);
    read_with("npy", option("inputs", "x.npy"), option("labels", "rows.npy"));
    expect_refused("rows.npy: labels: one-hot rows of 2 classes", "labels.argmax(axis=1)");
    error = (ho_error){0};
    put_npy_bytes("others.npy", "|u1", "(3, 2)", others, sizeof others);
    read_with("npy", option("inputs", "x.npy"), option("labels", "others.npy"));
    expect_refused("others.npy: labels: has rank 2, expected 1");
}

Test(npy, names_what_a_download_leaves_in_place_of_a_file)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "bad: a Git LFS pointer"},
        {"\xef\xbb\xbf\n <!DOCTYPE html><html>", "bad: an HTML page"},
        {"<html lang=en>", "bad: an HTML page"},
        {"<xml>", "byte 0"},
        {"", "bad"},
    };
    put_three_examples();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        error = (ho_error){0};
        put("bad", cases[i].text, strlen(cases[i].text));
        read_with("npy", option("inputs", "x.npy"), option("labels", "bad"));
        expect_refused(cases[i].said);
        error = (ho_error){0};
        put_gz("bad", cases[i].text, (unsigned)strlen(cases[i].text));
        read_with("idx", option("inputs", "bad"), option("labels", "bad"));
        expect_refused(i < 3 ? cases[i].said : "bad");
    }
}

/* ---- idx ------------------------------------------------------------------------------------------------------- */

static const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 51, 255, 102, 1, 2};
static const uint8_t image_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 4, 1};

static void check_images(void)
{
    cr_assert_not_null(dataset, "%s", error.text);
    const ho_examples *all = &dataset->parts[0];
    cr_expect_eq(all->count, 2);
    cr_expect_eq(all->features, 3);
    cr_assert_not_null(all->x32);
    cr_expect_eq(all->x32[0], 0.0f);
    cr_expect_eq(all->x32[1], 0.2f);
    cr_expect_eq(all->x32[2], 1.0f);
    cr_expect_eq(all->x32[3], 0.4f);
    cr_expect_eq(all->targets[0].classes, 5);
    cr_expect_eq(all->targets[0].values[0], 4.0);
}

Test(idx, scales_bytes_to_the_unit_interval)
{
    put("x", images, sizeof images);
    put("y", image_labels, sizeof image_labels);
    read_with("idx", option("inputs", "x"), option("labels", "y"));
    check_images();
}

Test(idx, unpacks_gzip_by_content)
{
    put_gz("x", images, sizeof images);
    put_gz("y", image_labels, sizeof image_labels);
    read_with("idx", option("inputs", "x"), option("labels", "y"));
    check_images();
}

/* What a small file unpacks to is bounded by its header: 64 MiB of zeros behind one that promises less, or is none. */
Test(idx, little_memory_for_little_input)
{
    static const struct {
        uint8_t header[8];
        const char *message;
    } bombs[] = {{{0, 0, 8, 1, 0, 0, 0, 2}, "byte 10: the array ends here by its header"},
                 {{0, 0, 8, 1, 0, 1, 0, 0}, "byte 65544: more than the 65544 bytes that are allowed"},
                 {{1, 0, 8, 1, 0, 0, 0, 2}, "byte 0: an IDX file starts with two zero bytes"},
                 {{0, 0, 7, 1, 0, 0, 0, 2}, "byte 2: unknown IDX type 0x07"}};
    put("y", image_labels, sizeof image_labels);
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        const size_t size = (size_t)64 << 20;
        uint8_t *bytes = calloc(size, 1);
        memcpy(bytes, bombs[i].header, sizeof bombs[i].header);
        put_gz("x", bytes, size);
        free(bytes);
        error = (ho_error){0};
        int64_t now, before, after;
        ho_memory_held(&now, &before);
        read_with("idx", option("inputs", "x"), option("labels", "y"));
        expect_refused(bombs[i].message);
        ho_memory_held(&now, &after);
        cr_expect_lt(after - before, 8 << 20, "%zu: %lld bytes", i, (long long)(after - before));
    }
}

Test(idx, reads_every_type_of_number)
{
    static const struct {
        uint8_t type, size, bytes[16];
        double first, second;
    } cases[] = {
        {0x08, 1, {200, 3}, 200, 3},
        {0x09, 1, {0xFF, 3}, -1, 3},
        {0x0B, 2, {0xFF, 0xFE, 1, 2}, -2, 258},
        {0x0C, 4, {0xFF, 0xFF, 0xFF, 0xFD, 0, 1, 0, 0}, -3, 65536},
        {0x0D, 4, {0x3F, 0xC0, 0, 0, 0xC0, 0, 0, 0}, 1.5, -2},
        {0x0E, 8, {0x3F, 0xF4, 0, 0, 0, 0, 0, 0, 0xBF, 0xE0, 0, 0, 0, 0, 0, 0}, 1.25, -0.5},
    };
    put("y", image_labels, sizeof image_labels);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[24] = {0, 0, cases[i].type, 1, 0, 0, 0, 2};
        memcpy(bytes + 8, cases[i].bytes, 16);
        put("x", bytes, 8u + 2u * cases[i].size);
        read_with("idx", option("inputs", "x"), option("labels", "y"), "scale=1");
        cr_assert_not_null(dataset, "type %02x: %s", cases[i].type, error.text);
        cr_expect_eq(dataset->parts[0].features, 1);
        cr_expect_eq(input(&dataset->parts[0], 0), cases[i].first);
        cr_expect_eq(input(&dataset->parts[0], 1), cases[i].second);
        ho_dataset_free(dataset);
        dataset = NULL;
    }
}

/* Floating-point values are numbers already; integers are parts of 255. */
Test(idx, scales_by_the_type_of_number)
{
    static const struct {
        uint8_t type, bytes[4];
        const char *scale;
        double first;
    } cases[] = {
        {0x0D, {0x3F, 0xC0, 0, 0}, NULL, 1.5},
        {0x0D, {0x3F, 0xC0, 0, 0}, "scale=2", 3},
        {0x0C, {0, 0, 0, 51}, NULL, 0.2},
        {0x0C, {0, 0, 0, 51}, "scale=-1", -51},
    };
    static const uint8_t label[] = {0, 0, 8, 1, 0, 0, 0, 1, 0};
    put("y", label, sizeof label);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[12] = {0, 0, cases[i].type, 1, 0, 0, 0, 1};
        memcpy(bytes + 8, cases[i].bytes, 4);
        put("x", bytes, sizeof bytes);
        if (cases[i].scale)
            read_with("idx", option("inputs", "x"), option("labels", "y"), cases[i].scale);
        else
            read_with("idx", option("inputs", "x"), option("labels", "y"));
        cr_assert_not_null(dataset, "%s", error.text);
        cr_expect_eq(input(&dataset->parts[0], 0), cases[i].first, "case %zu", i);
        ho_dataset_free(dataset);
        dataset = NULL;
    }
}

/* images with one byte changed and `size` of its bytes kept. */
static void read_damaged(size_t at, uint8_t byte, size_t size)
{
    uint8_t bytes[sizeof images + 1] = {0};
    memcpy(bytes, images, sizeof images);
    bytes[at] = byte;
    put("bad", bytes, size);
    put("y", image_labels, sizeof image_labels);
    read_with("idx", option("inputs", "bad"), option("labels", "y"));
}

Test(idx, refuses_a_file_that_ends_in_its_first_bytes)
{
    read_damaged(0, 0, 3);
    expect_refused("/bad: byte 3:", "truncated");
}

Test(idx, refuses_an_empty_file)
{
    read_damaged(0, 0, 0);
    expect_refused("/bad", "truncated");
}

Test(idx, refuses_other_files)
{
    read_damaged(0, 0x93, sizeof images);
    expect_refused("/bad: byte 0:", "93");
}

Test(idx, refuses_an_unknown_type)
{
    read_damaged(2, 0x0A, sizeof images);
    expect_refused("/bad: byte 2:", "0x0a");
}

Test(idx, refuses_more_dimensions_than_there_are)
{
    read_damaged(3, 9, sizeof images);
    expect_refused("/bad: byte 3:", "got 9");
}

Test(idx, refuses_a_file_that_ends_in_its_header)
{
    read_damaged(0, 0, 10);
    expect_refused("/bad: byte 10:", "header");
}

Test(idx, refuses_a_dimension_of_zero)
{
    read_damaged(11, 0, sizeof images);
    expect_refused("/bad: byte 8:", "dimension 2 is 0");
}

Test(idx, refuses_counts_that_exceed_the_file)
{
    read_damaged(4, 0xFF, sizeof images);
    expect_refused("/bad: byte 4:", "4278190082");
}

Test(idx, refuses_a_product_of_counts_that_exceeds_the_file)
{
    read_damaged(15, 4, sizeof images);
    expect_refused("/bad: byte 12:", "dimension 3 is 4");
}

Test(idx, refuses_a_truncated_file)
{
    read_damaged(0, 0, sizeof images - 1);
    expect_refused("/bad: byte 12:", "only 5 values follow");
}

Test(idx, refuses_bytes_left_over)
{
    read_damaged(0, 0, sizeof images + 1);
    expect_refused("/bad: byte 22:", "23 bytes");
}

Test(idx, refuses_labels_for_another_number_of_examples)
{
    static const uint8_t three[] = {0, 0, 8, 1, 0, 0, 0, 3, 4, 1, 2};
    put("x", images, sizeof images);
    put("y", three, sizeof three);
    read_with("idx", option("inputs", "x"), option("labels", "y"));
    expect_refused("/y: byte 4:", "3 labels for the 2 examples", "/x");
}

Test(idx, asks_whether_the_files_are_swapped)
{
    put("x", images, sizeof images);
    read_with("idx", option("inputs", "x"), option("labels", "x"));
    expect_refused("/x: byte 3:", "swapped");
}

Test(idx, refuses_labels_outside_their_classes)
{
    put("x", images, sizeof images);
    put("y", image_labels, sizeof image_labels);
    read_with("idx", option("inputs", "x"), option("labels", "y"), "classes=4");
    expect_refused("/y");
}

/* ---- cifar10 --------------------------------------------------------------------------------------------------- */

#define RECORD 3073u

static void put_records(const char *name, uint8_t last_label, size_t size)
{
    uint8_t *bytes = calloc(3, RECORD);
    for (size_t i = 0; i < 2 * RECORD; i++)
        bytes[i] = (uint8_t)(i % RECORD % 256);
    bytes[0] = 7;
    bytes[RECORD] = last_label;
    put(name, bytes, size);
    free(bytes);
}

Test(cifar10, reads_records)
{
    put_records("batch.bin", 9, 2 * RECORD);
    read_with("cifar10", option("inputs", "batch.bin"));
    cr_assert_not_null(dataset, "%s", error.text);
    const ho_examples *all = &dataset->parts[0];
    cr_expect_eq(all->count, 2);
    cr_expect_eq(all->features, 3072);
    cr_expect_float_eq(input(all, 0), 1.0 / 255, 1e-9);
    cr_expect_float_eq(input(all, 3072 + 254), 1.0, 1e-9);
    cr_expect_eq(all->targets[0].values[0], 7.0);
    cr_expect_eq(all->targets[0].values[1], 9.0);
    cr_expect_eq(all->targets[0].classes, 10);
    cr_assert_eq(dataset->class_count, 10);
    cr_expect_str_eq(dataset->class_names[9], "truck");
}

Test(cifar10, takes_other_names)
{
    put_records("batch.bin", 9, 2 * RECORD);
    read_with("cifar10", option("inputs", "batch.bin"), "names=a,b,c,d,e,f,g,h,i,j");
    cr_assert_not_null(dataset, "%s", error.text);
    cr_expect_str_eq(dataset->class_names[9], "j");
}

Test(cifar10, refuses_nine_names)
{
    put_records("batch.bin", 9, 2 * RECORD);
    read_with("cifar10", option("inputs", "batch.bin"), "names=a,b,c,d,e,f,g,h,i");
    expect_refused("x.yaml:3:5", "9 names for 10 classes");
}

Test(cifar10, refuses_a_record_cut_short)
{
    put_records("batch.bin", 9, 2 * RECORD - 1);
    read_with("cifar10", option("inputs", "batch.bin"));
    expect_refused("batch.bin: byte 3073:", "3073");
}

Test(cifar10, refuses_an_empty_file)
{
    put_records("batch.bin", 9, 0);
    read_with("cifar10", option("inputs", "batch.bin"));
    expect_refused("batch.bin", "empty");
}

Test(cifar10, refuses_a_label_above_9)
{
    put_records("batch.bin", 10, 2 * RECORD);
    read_with("cifar10", option("inputs", "batch.bin"));
    expect_refused("batch.bin: byte 3073:", "from 0 to 9, got 10");
}

Test(cifar10, reads_the_five_batches_of_a_folder)
{
    cr_assert_eq(mkdir(path("batches"), 0777), 0);
    for (uint8_t i = 1; i <= 5; i++)
        put_records(ho_arena_format(arena, "batches/data_batch_%d.bin", i), i, 2 * RECORD);
    read_with("cifar10", option("inputs", "batches"));
    cr_assert_not_null(dataset, "%s", error.text);
    const ho_examples *all = &dataset->parts[0];
    cr_expect_eq(all->count, 10);
    for (int64_t i = 0; i < 5; i++) {
        cr_expect_eq(all->targets[0].values[2 * i], 7.0);
        cr_expect_eq(all->targets[0].values[2 * i + 1], (double)(i + 1));
        cr_expect_float_eq(input(all, 3072 * (2 * i + 1) + 254), 1.0, 1e-9);
    }
    cr_assert_eq(dataset->files.count, 1);
    cr_expect(dataset->files.of[0].folder);
    cr_expect_eq(dataset->files.of[0].size, 10 * (int64_t)RECORD);
    ho_dataset_free(dataset);

    put_records("batches/data_batch_4.bin", 10, 2 * RECORD);
    read_with("cifar10", option("inputs", "batches"));
    expect_refused("batches/data_batch_4.bin: byte 3073:", "got 10");
    error = (ho_error){0};
    cr_assert_eq(unlink(path("batches/data_batch_4.bin")), 0);
    read_with("cifar10", option("inputs", "batches"));
    expect_refused("batches/data_batch_4.bin: no such file");
}

Test(cifar10, names_other_files)
{
    uint8_t *bytes = calloc(2, 3074);
    put("train.bin", bytes, 2 * 3074u);
    read_with("cifar10", option("inputs", "train.bin"));
    expect_refused("train.bin: its size fits CIFAR-100");
    error = (ho_error){0};
    bytes[0] = 0x80, bytes[1] = 2;
    put("data_batch_1", bytes, RECORD);
    read_with("cifar10", option("inputs", "data_batch_1"));
    expect_refused("data_batch_1: byte 0: a Python pickle");
    free(bytes);
}

/* ---- generated ------------------------------------------------------------------------------------------------- */

Test(generated, gives_three_parts_and_the_planted_relations)
{
    read_with("generated", "tasks=5", "groups=2", "features=7", "training=10", "validation=11", "test=12");
    cr_assert_not_null(dataset, "%s", error.text);
    for (int p = 1; p <= 3; p++) {
        cr_expect_eq(dataset->parts[p].count, 9 + p);
        cr_expect_eq(dataset->parts[p].features, 7);
        cr_expect_eq(dataset->parts[p].targets[0].classes, 5);
    }
    cr_assert_eq(dataset->truth_count, 1);
    cr_expect_str_eq(dataset->truths[0].name, "relations");
    /* Groups: classes 0, 1, 2 and 3, 4. */
    for (int j = 0; j < 5; j++)
        for (int k = 0; k < 5; k++)
            cr_expect_eq(dataset->truths[0].values[5 * j + k], j != k && (j < 3) == (k < 3) ? 1.0 : 0.0);
    cr_assert_eq(dataset->class_count, 5);
    cr_expect_str_eq(dataset->class_names[2], "A3");
    cr_expect_str_eq(dataset->class_names[3], "B1");
}

Test(generated, depends_on_its_seed_alone)
{
    double first[3];
    const char *seeds[] = {"seed=5", "seed=5", "seed=6"};
    for (int i = 0; i < 3; i++) {
        read_with("generated", seeds[i]);
        cr_assert_not_null(dataset, "%s", error.text);
        first[i] = input(&dataset->parts[2], 17);
        ho_dataset_free(dataset);
        dataset = NULL;
    }
    cr_expect_eq(first[0], first[1]);
    cr_expect_neq(first[0], first[2]);
}

/* Squared distance between the class means of a part, over examples that take turns. */
static double mean_distance(const ho_examples *e, int64_t classes, int64_t j, int64_t k)
{
    double total = 0.0;
    for (int64_t f = 0; f < e->features; f++) {
        double difference = 0.0;
        for (int64_t i = 0; i + classes <= e->count; i += classes)
            difference += input(e, (i + j) * e->features + f) - input(e, (i + k) * e->features + f);
        difference /= (double)(e->count / classes);
        total += difference * difference;
    }
    return total;
}

Test(generated, puts_classes_of_one_group_close_together)
{
    read_with("generated", "tasks=6", "groups=2", "features=50", "test=6000", "separation=4", "shared=0.9");
    cr_assert_not_null(dataset, "%s", error.text);
    const ho_examples *test = &dataset->parts[3];
    double farthest = 0.0, nearest = HUGE_VAL;
    for (int64_t j = 0; j < 6; j++)
        for (int64_t k = 0; k < j; k++) {
            const double d = mean_distance(test, 6, j, k);
            if (j / 3 == k / 3)
                farthest = fmax(farthest, d);
            else
                nearest = fmin(nearest, d);
        }
    /* About 2 * 0.1 * 16 within a group, 2 * 16 between groups. */
    cr_expect_lt(farthest, 8.0);
    cr_expect_gt(nearest, 12.0);
}

Test(generated, refuses_more_groups_than_tasks)
{
    read_with("generated", "tasks=3", "groups=4");
    expect_refused("x.yaml:3:5", "groups", "3 tasks cannot form 4 groups");
}

Test(generated, refuses_names_for_another_number_of_tasks)
{
    read_with("generated", "tasks=3", "names=a,b");
    expect_refused("x.yaml:3:5", "2 names for 3 classes");
}

Test(generated, refuses_sizes_that_fit_no_memory)
{
    read_with("generated", "features=1000000", "validation=100000000");
    expect_refused("x.yaml:3:5", "validation", "100000000 examples of 1000000 features");
}
