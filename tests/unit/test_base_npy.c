/* .npy files: every element type, order and version; and files that lie. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"

static char path[] = "/tmp/hotool-npy-XXXXXX";
static ho_error error;
static ho_npy array;

static void set_up(void)
{
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
}

static void tear_down(void)
{
    ho_npy_free(&array);
    unlink(path);
}

TestSuite(npy, .init = set_up, .fini = tear_down, .timeout = 20);

static void put(const void *content, size_t size)
{
    FILE *file = fopen(path, "wb");
    cr_assert_eq(fwrite(content, 1, size, file), size);
    fclose(file);
}

static ho_status get(void)
{
    ho_npy_free(&array);
    error = (ho_error){0};
    return ho_npy_read(path, &array, &error);
}

/* A file of this version, header text and values. */
static void put_npy(int version, const char *header, const void *values, size_t size)
{
    size_t length = strlen(header), used = 0;
    uint8_t *file = ho_alloc(12 + length + size);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (uint8_t)version;
    used = version == 1 ? 10 : 12;
    file[8] = (uint8_t)length;
    file[9] = (uint8_t)(length >> 8);
    memcpy(file + used, header, length);
    if (size)
        memcpy(file + used + length, values, size);
    put(file, used + length + size);
    free(file);
}

static ho_status get_header(const char *header, const void *values, size_t size)
{
    put_npy(1, header, values, size);
    return get();
}

/* A vector of `count` elements of this type. */
static ho_status get_vector(const char *descr, int count, const void *values, size_t size)
{
    char header[200];
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }\n", descr, count);
    return get_header(header, values, size);
}

static void expect_error(const char *message)
{
    char *whole = ho_format("%s: %s", path, message);
    cr_assert_eq(error.status, HO_INVALID);
    cr_assert_str_eq(error.text, whole);
    free(whole);
    cr_assert_null(array.f32);
    cr_assert_null(array.f64);
    cr_assert_eq(array.rank, 0);
}

/* ---- what is read ---------------------------------------------------------------------------------------------- */

Test(npy, half_floats_all_65536)
{
    uint16_t *halves = malloc(65536 * 2);
    for (int i = 0; i < 65536; i++)
        halves[i] = (uint16_t)i;
    cr_assert_eq(get_vector("<f2", 65536, halves, 65536 * 2), HO_OK, "%s", error.text);
    cr_assert_null(array.f64);
    for (int i = 0; i < 65536; i++) {
        int exponent = i >> 10 & 31, significand = i & 1023;
        double wanted = exponent == 0    ? ldexp(significand, -24)
                        : exponent == 31 ? significand ? (double)NAN : (double)INFINITY
                                         : ldexp(1024 + significand, exponent - 25);
        float found = array.f32[i];
        cr_assert_eq(!!signbit(found), i >> 15, "sign of %04x", (unsigned)i);
        if (isnan(wanted))
            cr_assert(isnan(found), "%04x", (unsigned)i);
        else
            cr_assert_eq(fabs((double)found), wanted, "%04x is %a", (unsigned)i, (double)found);
    }
    free(halves);
}

#define EXPECT_VALUES(member, ...)                                                                           \
    do {                                                                                                     \
        const double wanted[] = {__VA_ARGS__};                                                               \
        cr_assert_eq(error.status, HO_OK, "%s", error.text);                                                 \
        cr_assert_not_null(array.member);                                                                    \
        cr_assert_eq((size_t)array.count, sizeof wanted / sizeof *wanted);                                   \
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)                                          \
            cr_assert_eq((double)array.member[i], wanted[i], "value %zu is %g", i, (double)array.member[i]); \
    } while (0)

Test(npy, every_element_type)
{
    get_vector("<f4", 2, (float[]){1.5f, -2.0f}, 8);
    EXPECT_VALUES(f32, 1.5, -2);
    cr_assert_eq(array.type, HO_NPY_REAL);
    cr_assert_eq(array.item_bytes, 4);
    get_vector("<f8", 2, (double[]){0.1, -1e300}, 16);
    EXPECT_VALUES(f64, 0.1, -1e300);
    get_vector("|b1", 3, "\0\1\1", 3);
    EXPECT_VALUES(f32, 0, 1, 1);
    cr_assert_eq(array.type, HO_NPY_INTEGER);
    get_vector("|i1", 2, (int8_t[]){-128, 127}, 2);
    EXPECT_VALUES(f32, -128, 127);
    get_vector("|u1", 2, (uint8_t[]){255, 7}, 2);
    EXPECT_VALUES(f32, 255, 7);
    get_vector("<i2", 2, (int16_t[]){-32768, 32767}, 4);
    EXPECT_VALUES(f32, -32768, 32767);
    get_vector("<u2", 2, (uint16_t[]){65535, 1}, 4);
    EXPECT_VALUES(f32, 65535, 1);
    get_vector("<i4", 2, (int32_t[]){INT32_MIN, INT32_MAX}, 8);
    EXPECT_VALUES(f64, -2147483648.0, 2147483647.0);
    get_vector("<u4", 2, (uint32_t[]){UINT32_MAX, 3}, 8);
    EXPECT_VALUES(f64, 4294967295.0, 3);
    get_vector("<i8", 2, (int64_t[]){-((int64_t)1 << 53), (int64_t)1 << 53}, 16);
    EXPECT_VALUES(f64, -9007199254740992.0, 9007199254740992.0);
    get_vector("<u8", 2, (uint64_t[]){(uint64_t)1 << 53, 0}, 16);
    EXPECT_VALUES(f64, 9007199254740992.0, 0);
}

Test(npy, big_endian)
{
    get_vector(">f4", 1, "\x3f\xc0\0\0", 4);
    EXPECT_VALUES(f32, 1.5);
    get_vector(">f2", 2, "\x3c\0\xc0\0", 4);
    EXPECT_VALUES(f32, 1, -2);
    get_vector(">i8", 1, "\xff\xff\xff\xff\xff\xff\xff\xfe", 8);
    EXPECT_VALUES(f64, -2);
    get_vector(">u2", 1, "\1\2", 2);
    EXPECT_VALUES(f32, 258);
    get_vector(">f8", 1, "\x3f\xf8\0\0\0\0\0\0", 8);
    EXPECT_VALUES(f64, 1.5);
}

Test(npy, fortran_order)
{
    /* a[i][j] = 10 i + j, by columns. */
    get_header("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", (float[]){0, 10, 1, 11, 2, 12}, 24);
    EXPECT_VALUES(f32, 0, 1, 2, 10, 11, 12);
    cr_assert_eq(array.rank, 2);
    cr_assert_eq(array.dims[0], 2);
    cr_assert_eq(array.dims[1], 3);

    double values[2 * 3 * 4 * 5];
    for (int l = 0, at = 0; l < 5; l++)
        for (int k = 0; k < 4; k++)
            for (int j = 0; j < 3; j++)
                for (int i = 0; i < 2; i++)
                    values[at++] = ((i * 3 + j) * 4 + k) * 5 + l;
    cr_assert_eq(get_header("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3, 4, 5)}", values, sizeof values),
                 HO_OK);
    for (int i = 0; i < 120; i++)
        cr_assert_eq(array.f64[i], i);
}

Test(npy, ranks_and_empty_arrays)
{
    cr_assert_eq(get_header("{'descr': '<f8', 'fortran_order': False, 'shape': (), }\n", (double[]){7}, 8), HO_OK);
    cr_assert_eq(array.rank, 0);
    EXPECT_VALUES(f64, 7);
    cr_assert_eq(get_header("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 0, 2), }\n", NULL, 0), HO_OK);
    cr_assert_eq(array.count, 0);
    cr_assert_eq(array.rank, 3);
    cr_assert_not_null(array.f32);
    cr_assert_eq(get_header("{'shape':(1,1,1,2),\"fortran_order\":False,\"descr\":\"<f4\"}", (float[]){4, 5}, 8),
                 HO_OK);
    EXPECT_VALUES(f32, 4, 5);
    cr_assert_eq(get_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 1L), }", (float[]){4, 5}, 8),
                 HO_OK);
    EXPECT_VALUES(f32, 4, 5);
}

Test(npy, versions_2_and_3)
{
    static const char header[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }   \n";
    for (int version = 2; version <= 3; version++) {
        put_npy(version, header, (float[]){4, 5}, 8);
        cr_assert_eq(get(), HO_OK, "%s", error.text);
        EXPECT_VALUES(f32, 4, 5);
    }
    put_npy(4, header, (float[]){4, 5}, 8);
    cr_assert_eq(get(), HO_INVALID);
    expect_error("byte 6: version 4.0 of the .npy format is unknown");
    put_npy(0, header, (float[]){4, 5}, 8);
    cr_assert_eq(get(), HO_INVALID);
}

/* 64 MiB of zeros behind `size` bytes, packed a thousand times smaller. */
static void put_bomb(const void *bytes, size_t size)
{
    enum { ZEROS = 64 << 20, PIECE = 1 << 20 };
    gzFile file = gzopen(path, "wb");
    char *zeros = ho_alloc(PIECE);
    cr_assert_eq(gzwrite(file, bytes, (unsigned)size), (int)size);
    for (int i = 0; i < ZEROS / PIECE; i++)
        cr_assert_eq(gzwrite(file, zeros, PIECE), PIECE);
    gzclose(file);
    free(zeros);
}

/* What the first bytes refuse is not unpacked further; nor is what lies behind what they promise. */
Test(npy, little_memory_for_little_input)
{
    static const char one[] =
        "\x93NUMPY\1\0\x46\0{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }            \n";
    static const struct {
        const char *bytes;
        size_t size;
        const char *message;
    } bombs[] = {{"", 0, "byte 0: this is not a .npy file"},
                 {one, sizeof one - 1, "needs 8 bytes, the file holds"},
                 {"PK\3\4", 4, "byte 0: this is a ZIP archive"}};
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        int64_t now, before, after;
        put_bomb(bombs[i].bytes, bombs[i].size);
        ho_memory_held(&now, &before);
        cr_expect_eq(get(), HO_INVALID);
        cr_expect(strstr(error.text, bombs[i].message), "%zu: %s", i, error.text);
        ho_memory_held(&now, &after);
        cr_expect_lt(after - before, 8 << 20, "%zu: %lld bytes", i, (long long)(after - before));
    }
}

Test(npy, gzipped)
{
    uint8_t *plain;
    uint64_t size;
    cr_assert_eq(ho_npy_write_f32(path, 1, (int64_t[]){2}, (float[]){4, 5}, &error), HO_OK);
    cr_assert_eq(ho_file_read(path, 0, &plain, &size, &error), HO_OK);
    gzFile file = gzopen(path, "wb");
    gzwrite(file, plain, (unsigned)size);
    gzclose(file);
    ho_large_free(plain);
    cr_assert_eq(get(), HO_OK, "%s", error.text);
    EXPECT_VALUES(f32, 4, 5);
}

/* ---- what is written ------------------------------------------------------------------------------------------- */

Test(npy, written_arrays_read_back)
{
    static const double values[] = {0.1, -2, 1e-310, INFINITY, 5, 6};
    static const int64_t dims[] = {1, 2, 3, 1};
    cr_assert_eq(ho_npy_write_f64(path, 4, dims, values, &error), HO_OK, "%s", error.text);
    cr_assert_eq(get(), HO_OK, "%s", error.text);
    EXPECT_VALUES(f64, 0.1, -2, 1e-310, INFINITY, 5, 6);
    cr_assert_eq(memcmp(array.dims, dims, sizeof dims), 0);
    cr_assert_eq(ho_npy_write_f64(path, 0, NULL, values, &error), HO_OK);
    cr_assert_eq(get(), HO_OK, "%s", error.text);
    cr_assert_eq(array.rank, 0);
    EXPECT_VALUES(f64, 0.1);
    cr_assert_eq(ho_npy_write_f32(path, 1, (int64_t[]){0}, NULL, &error), HO_OK);
    cr_assert_eq(get(), HO_OK, "%s", error.text);
    cr_assert_eq(array.count, 0);
}

/* Byte for byte what numpy.save writes. */
Test(npy, written_file_is_what_numpy_writes)
{
    cr_assert_eq(ho_npy_write_f32(path, 1, (int64_t[]){2}, (float[]){1, 2}, &error), HO_OK);
    uint8_t *bytes;
    uint64_t size;
    cr_assert_eq(ho_file_read(path, 0, &bytes, &size, &error), HO_OK);
    char wanted[137];
    snprintf(wanted, sizeof wanted, "%-127s\n", "xxxxxxxxxx{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }");
    memcpy(wanted, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(wanted + 128, (float[]){1, 2}, 8);
    cr_assert_eq(size, 136);
    cr_assert_eq(memcmp(bytes, wanted, 136), 0);
    ho_large_free(bytes);
}

Test(npy, sizes_that_cannot_be_written)
{
    cr_assert_eq(ho_npy_write_f32(path, 5, (int64_t[]){1, 1, 1, 1, 1}, (float[]){1}, &error), HO_FAILED);
    error = (ho_error){0};
    cr_assert_eq(ho_npy_write_f32(path, 1, (int64_t[]){-1}, (float[]){1}, &error), HO_FAILED);
    error = (ho_error){0};
    cr_assert_eq(ho_npy_write_f32(path, 2, (int64_t[]){INT64_MAX, 4}, (float[]){1}, &error), HO_FAILED);
}

/* ---- files that lie -------------------------------------------------------------------------------------------- */

Test(npy, shape_and_file_disagree)
{
    get_header("{'descr': '<f4', 'fortran_order': False, 'shape': (10000, 1024), }\n", (char[128]){0}, 128);
    expect_error("byte 60: the shape (10000, 1024) of <f4 needs 40960000 bytes, the file holds 128");
    get_vector("<f4", 2, (char[9]){0}, 9);
    expect_error("byte 60: the shape (2,) of <f4 needs 8 bytes, the file holds 9");
    get_vector("<f8", 2, (char[15]){0}, 15);
    expect_error("byte 60: the shape (2,) of <f8 needs 16 bytes, the file holds 15");
    get_header("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }\n", (char[4]){0}, 4);
    expect_error("byte 60: the shape (0,) of <f4 needs 0 bytes, the file holds 4");
}

Test(npy, product_of_sizes_overflows)
{
    static const char *const shapes[] = {"(4294967296, 4294967296)", "(9223372036854775807, 2)",
                                         "(4611686018427387904,)", "(3037000500, 3037000500, 1)",
                                         "(0, 9223372036854775807, 9223372036854775807)"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        char header[200];
        snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shapes[i]);
        cr_assert_eq(get_header(header, NULL, 0), HO_INVALID, "%s", shapes[i]);
        cr_assert_not_null(strstr(error.text, "larger than any file"), "%s", error.text);
    }
    get_header("{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551617,), }", (float[]){1}, 4);
    expect_error("byte 61: a size in the shape is too large");
}

Test(npy, types_that_are_no_numbers)
{
    get_vector("|O", 1, (char[8]){0}, 8);
    expect_error("byte 20: arrays of Python objects (|O) cannot be read; save it with a number type, as "
                 "array.astype('float32')");
    get_header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", (char[4]){0}, 4);
    expect_error("byte 20: arrays of structures cannot be read; save one array of numbers");
    static const char *const bad[] = {"<c8", "<U4",  "|S4",     "<f16", "|f4", "f4",  "",    "<",
                                      "<f",  "<f44", "<M8[ns]", "!f4",  "|b8", "<b2", "<f1", "<i3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(get_vector(bad[i], 1, (char[16]){0}, 16), HO_INVALID, "%s", bad[i]);
}

Test(npy, values_that_would_change)
{
    get_vector("<i8", 2, (int64_t[]){1, -((int64_t)1 << 53) - 1}, 16);
    expect_error("byte 76: the integer -9007199254740993 is beyond 2^53");
    get_vector("<i8", 1, (int64_t[]){INT64_MIN}, 8);
    expect_error("byte 68: the integer -9223372036854775808 is beyond 2^53");
    get_vector("<u8", 1, (uint64_t[]){UINT64_MAX}, 8);
    expect_error("byte 68: the integer 18446744073709551615 is beyond 2^53");
    get_vector("|b1", 2, "\1\2", 2);
    expect_error("byte 69: a truth value is neither 0 nor 1");
}

Test(npy, headers_that_are_no_dict)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "{}",
        "[]",
        "hello",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 1, }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1), }",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': Fals",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'shape': (1,)}",
        "{'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'extra': 1}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (1,), }",
        "{'descr' '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': <f4, 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4\", 'fortran_order': False, 'shape': (1,), }",
        "{descr: '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'a key that is longer than any key that is known here': 1}",
        "{'de\tscr': '<f4'}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(get_header(bad[i], (float[]){1}, 4), HO_INVALID, "%s", bad[i]);
        cr_assert_not_null(strstr(error.text, ": byte "), "%s", error.text);
    }
}

Test(npy, cut_at_every_byte)
{
    cr_assert_eq(ho_npy_write_f32(path, 1, (int64_t[]){2}, (float[]){4, 5}, &error), HO_OK);
    uint8_t *bytes;
    uint64_t size;
    cr_assert_eq(ho_file_read(path, 0, &bytes, &size, &error), HO_OK);
    for (uint64_t cut = 0; cut < size; cut++) {
        put(bytes, cut);
        cr_assert_eq(get(), HO_INVALID, "cut to %lu bytes", (unsigned long)cut);
    }
    ho_large_free(bytes);
}

/* Whatever a byte of the header is changed to, the file is read or refused, and nothing is touched that is not its. */
Test(npy, any_header_byte_changed)
{
    cr_assert_eq(ho_npy_write_f32(path, 2, (int64_t[]){2, 1}, (float[]){4, 5}, &error), HO_OK);
    uint8_t *bytes;
    uint64_t size;
    cr_assert_eq(ho_file_read(path, 0, &bytes, &size, &error), HO_OK);
    static const uint8_t changes[] = {0, 0xff, '\'', '(', ')', ',', '9', '{', '}', '\n'};
    int refused = 0;
    for (uint64_t at = 0; at < 75; at++)
        for (size_t c = 0; c < sizeof changes; c++) {
            uint8_t kept = bytes[at];
            bytes[at] = changes[c];
            put(bytes, size);
            if (get() != HO_OK)
                refused++;
            else
                cr_assert_eq(array.count, 2);
            bytes[at] = kept;
        }
    cr_assert_gt(refused, 600);
    ho_large_free(bytes);
}

Test(npy, announced_header_is_longer_than_the_file)
{
    put("\x93NUMPY\1\0\xff\xff{'descr'", 18);
    cr_assert_eq(get(), HO_INVALID);
    expect_error("byte 8: a header of 65535 bytes is announced, the file holds 8");
    put("\x93NUMPY\2\0\xff\xff\xff\xff{}", 14);
    cr_assert_eq(get(), HO_INVALID);
    expect_error("byte 8: a header of 4294967295 bytes is announced, the file holds 2");
    put("\x93NUMPY\2\0\xff\xff\xff", 11);
    cr_assert_eq(get(), HO_INVALID);
    expect_error("byte 11: the file ends within its header");
}

Test(npy, other_files)
{
    put("", 0);
    cr_assert_eq(get(), HO_INVALID);
    expect_error("byte 0: this is not a .npy file; convert the data with numpy.save");
    put("a,b,c\n1,2,3\n", 12);
    cr_assert_eq(get(), HO_INVALID);
    expect_error("byte 0: this is not a .npy file; convert the data with numpy.save");
    put("PK\3\4...........", 15);
    cr_assert_eq(get(), HO_INVALID);
    expect_error("byte 0: this is a ZIP archive, such as .npz; unpack it and name one of its .npy files");
    unlink(path);
    cr_assert_eq(get(), HO_INVALID);
    expect_error("no such file");
}
