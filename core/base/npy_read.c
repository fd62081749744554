/* Reading .npy files: the header, checked against the file, then the values. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are read and written as they lie in memory");

/* A file being read. `at` moves through the header; `end` is where the header ends and the values begin. */
typedef struct reader {
    const char *path;
    uint8_t *bytes;
    uint64_t size, at, end;
    bool fortran, swapped;
    char code;                   /* the letter of the element type */
    char descr[32];              /* as written, for messages */
    uint64_t descr_at, shape_at; /* where these values stand */
    ho_error *error;
} reader;

static ho_status invalid(reader *r, uint64_t at, const char *format, ...) HO_PRINTF(3, 4);
static ho_status invalid(reader *r, uint64_t at, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ho_fail(r->error, HO_INVALID, "%s: byte %" PRIu64 ": %s", r->path, at, text);
}

/* ---- the header: a Python dict literal with three known keys --------------------------------------------------- */

/* The next byte of the header that is no white space, without moving past it; 0 at the end. */
static uint8_t peek(reader *r)
{
    while (r->at < r->end && r->bytes[r->at] && strchr(" \t\r\n", r->bytes[r->at]))
        r->at++;
    return r->at < r->end ? r->bytes[r->at] : 0;
}

static ho_status expect(reader *r, char wanted)
{
    if (peek(r) != (uint8_t)wanted)
        return invalid(r, r->at, "the header is not a valid dict: '%c' is missing", wanted);
    r->at++;
    return HO_OK;
}

static ho_status read_text(reader *r, char *text, size_t room)
{
    uint8_t quote = peek(r);
    if (quote != '\'' && quote != '"')
        return invalid(r, r->at, "the header is not a valid dict: a text in quotes is missing");
    uint64_t start = r->at++;
    size_t length = 0;
    for (; r->at < r->end && r->bytes[r->at] != quote; r->at++) {
        if (r->bytes[r->at] < ' ' || r->bytes[r->at] > '~' || length + 1 >= room)
            return invalid(r, start, "the header holds a text that belongs in no .npy file of numbers");
        text[length++] = (char)r->bytes[r->at];
    }
    text[length] = '\0';
    return expect(r, (char)quote);
}

static ho_status read_descr(reader *r, ho_npy *array)
{
    uint8_t first = peek(r);
    r->descr_at = r->at;
    if (first == '[' || first == '(' || first == '{')
        return invalid(r, r->at, "arrays of structures cannot be read; save one array of numbers");
    if (read_text(r, r->descr, sizeof r->descr) != HO_OK)
        return r->error->status;
    const char *d = r->descr;
    if (strchr(d, 'O'))
        return invalid(r, r->descr_at,
                       "arrays of Python objects (%s) cannot be read; save it with a number type, as "
                       "array.astype('float32')",
                       d);
    static const char *const known[] = {"f2", "f4", "f8", "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"};
    bool is_known = false;
    if (*d && strchr("<>|=", *d))
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known = is_known || strcmp(d + 1, known[i]) == 0;
    if (is_known && *d == '|' && d[2] != '1')
        is_known = false;
    if (!is_known)
        return invalid(r, r->descr_at,
                       "elements of type \"%s\" cannot be read; known are f2, f4, f8, b1, i1 to i8 "
                       "and u1 to u8 after '<' or '>'",
                       d);
    r->swapped = *d == '>';
    r->code = d[1];
    array->type = r->code == 'f' ? HO_NPY_REAL : HO_NPY_INTEGER;
    array->item_bytes = d[2] - '0';
    return HO_OK;
}

static ho_status read_order(reader *r)
{
    peek(r);
    uint64_t left = r->end - r->at;
    r->fortran = left >= 4 && memcmp(r->bytes + r->at, "True", 4) == 0;
    if (!r->fortran && (left < 5 || memcmp(r->bytes + r->at, "False", 5) != 0))
        return invalid(r, r->at, "fortran_order is neither True nor False");
    r->at += r->fortran ? 4 : 5;
    return HO_OK;
}

static ho_status read_size(reader *r, int64_t *size)
{
    uint8_t digit = peek(r);
    uint64_t start = r->at;
    if (digit < '0' || digit > '9')
        return invalid(r, r->at, "the shape holds something that is not a size");
    *size = 0;
    for (; r->at < r->end && r->bytes[r->at] >= '0' && r->bytes[r->at] <= '9'; r->at++)
        if (__builtin_mul_overflow(*size, 10, size) || __builtin_add_overflow(*size, r->bytes[r->at] - '0', size))
            return invalid(r, start, "a size in the shape is too large");
    if (r->at < r->end && r->bytes[r->at] == 'L') /* written by Python 2 */
        r->at++;
    return HO_OK;
}

static ho_status read_shape(reader *r, ho_npy *array)
{
    peek(r);
    r->shape_at = r->at;
    if (expect(r, '(') != HO_OK)
        return r->error->status;
    bool comma = true;
    while (peek(r) != ')') {
        if (!comma)
            return expect(r, ',');
        if (array->rank == HO_MAX_RANK)
            return invalid(r, r->shape_at, "the array has more than %d dimensions", HO_MAX_RANK);
        if (read_size(r, &array->dims[array->rank++]) != HO_OK)
            return r->error->status;
        comma = peek(r) == ',';
        if (comma)
            r->at++;
    }
    if (array->rank == 1 && !comma)
        return invalid(r, r->shape_at, "the shape is not a tuple");
    r->at++;
    return HO_OK;
}

static ho_status read_member(reader *r, bool seen[3], ho_npy *array)
{
    static const char *const keys[3] = {"descr", "fortran_order", "shape"};
    peek(r);
    uint64_t key_at = r->at;
    char key[32];
    if (read_text(r, key, sizeof key) != HO_OK || expect(r, ':') != HO_OK)
        return r->error->status;
    int which = 0;
    while (which < 3 && strcmp(key, keys[which]) != 0)
        which++;
    if (which == 3)
        return invalid(r, key_at, "the header has an unknown key \"%s\"", key);
    if (seen[which])
        return invalid(r, key_at, "the header has the key \"%s\" twice", key);
    seen[which] = true;
    return which == 0 ? read_descr(r, array) : which == 1 ? read_order(r) : read_shape(r, array);
}

static ho_status read_dict(reader *r, ho_npy *array)
{
    uint64_t start = r->at;
    if (expect(r, '{') != HO_OK)
        return r->error->status;
    bool seen[3] = {false}, comma = true;
    while (peek(r) != '}') {
        if (!comma)
            return expect(r, ',');
        if (read_member(r, seen, array) != HO_OK)
            return r->error->status;
        comma = peek(r) == ',';
        if (comma)
            r->at++;
    }
    r->at++;
    peek(r);
    if (r->at < r->end)
        return invalid(r, r->at, "something follows the dict in the header");
    if (!seen[0] || !seen[1] || !seen[2])
        return invalid(r, start, "the header lacks the key \"%s\"",
                       !seen[0]   ? "descr"
                       : !seen[1] ? "fortran_order"
                                  : "shape");
    return HO_OK;
}

/* The magic bytes, the version, the length of the header. */
static ho_status read_preamble(reader *r)
{
    const uint8_t *b = r->bytes;
    if (r->size >= 4 && memcmp(b, "PK\3\4", 4) == 0)
        return invalid(r, 0, "this is a ZIP archive, such as .npz; unpack it and name one of its .npy files");
    if (r->size < 10 || memcmp(b, "\x93NUMPY", 6) != 0)
        return invalid(r, 0, "this is not a .npy file; convert the data with numpy.save");
    if (b[6] < 1 || b[6] > 3 || b[7] != 0)
        return invalid(r, 6, "version %d.%d of the .npy format is unknown", b[6], b[7]);
    uint64_t length = (uint64_t)b[8] | (uint64_t)b[9] << 8;
    r->at = 10;
    if (b[6] > 1) {
        if (r->size < 12)
            return invalid(r, r->size, "the file ends within its header");
        length |= (uint64_t)b[10] << 16 | (uint64_t)b[11] << 24;
        r->at = 12;
    }
    if (length > r->size - r->at)
        return invalid(r, 8, "a header of %" PRIu64 " bytes is announced, the file holds %" PRIu64, length,
                       r->size - r->at);
    r->end = r->at + length;
    return HO_OK;
}

/* How many bytes of values the header promises. */
static ho_status count_bytes(reader *r, ho_npy *array, uint64_t *needed)
{
    char shape[HO_NPY_SHAPE];
    ho_npy_print_shape(array->rank, array->dims, shape);
    int64_t bytes = array->item_bytes;
    bool empty = false;
    for (int k = 0; k < array->rank; k++) {
        empty = empty || array->dims[k] == 0;
        /* A shape with a 0 must not be larger than any file either. */
        if (__builtin_mul_overflow(bytes, array->dims[k] ? array->dims[k] : 1, &bytes))
            return invalid(r, r->shape_at, "the shape %s of %s is larger than any file", shape, r->descr);
    }
    array->count = empty ? 0 : bytes / array->item_bytes;
    *needed = empty ? 0 : (uint64_t)bytes;
    return HO_OK;
}

/* Whether the values that follow the header are exactly those that it promises. */
static ho_status check_size(reader *r, ho_npy *array)
{
    uint64_t needed = 0, held = r->size - r->end;
    if (count_bytes(r, array, &needed) != HO_OK || needed == held)
        return r->error->status;
    char shape[HO_NPY_SHAPE];
    ho_npy_print_shape(array->rank, array->dims, shape);
    return invalid(r, r->shape_at, "the shape %s of %s needs %" PRIu64 " bytes, the file holds %" PRIu64, shape,
                   r->descr, needed, held);
}

uint64_t ho_npy_length(const uint8_t *bytes, uint64_t size)
{
    ho_error error = {0};
    ho_npy array = {0};
    reader r = {.path = "", .size = size, .error = &error};
    memcpy(&r.bytes, &bytes, sizeof bytes); /* the header is only looked at */
    uint64_t needed = 0;
    bool known =
        read_preamble(&r) == HO_OK && read_dict(&r, &array) == HO_OK && count_bytes(&r, &array, &needed) == HO_OK;
    return known ? r.end + needed : 0;
}

/* ---- the values ------------------------------------------------------------------------------------------------ */

/* Only normal floats take part in the arithmetic, so a thread that flushes subnormals gets the same values. Masks
 * instead of branches let the compiler use vectors. */
static inline float half_to_float(uint16_t half)
{
    const uint32_t exponent_mask = 0x7c00u << 13;
    const uint32_t shifted = (half & 0x7fffu) << 13;
    const uint32_t is_small = 0u - ((shifted & exponent_mask) == 0);               /* zero and subnormals */
    const uint32_t is_special = 0u - ((shifted & exponent_mask) == exponent_mask); /* infinities and NaNs */
    const uint32_t normal = shifted + ((127u - 15u) << 23) + (is_special & ((128u - 16u) << 23));
    /* A small one is a significand below an implicit one that is then taken away. */
    uint32_t bits = shifted + ((127u - 14u) << 23);
    float value;
    memcpy(&value, &bits, 4);
    value -= 0x1p-14f;
    memcpy(&bits, &value, 4);
    bits = (bits & is_small) | (normal & ~is_small) | (half & 0x8000u) << 16;
    memcpy(&value, &bits, 4);
    return value;
}

static void swap_bytes(uint8_t *bytes, uint64_t count, int item)
{
    for (uint64_t i = 0; i < count; i++, bytes += item)
        for (int k = 0; k < item / 2; k++) {
            uint8_t kept = bytes[k];
            bytes[k] = bytes[item - 1 - k];
            bytes[item - 1 - k] = kept;
        }
}

/* Integers of 8 bytes that a double cannot hold, and truth values that are neither, would change their value. */
static ho_status check_values(reader *r, uint64_t count)
{
    const uint64_t most = (uint64_t)1 << 53;
    const uint8_t *in = r->bytes + r->end;
    for (uint64_t i = 0; i < count; i++) {
        if (r->code == 'b') {
            if (in[i] > 1)
                return invalid(r, r->end + i, "a truth value is neither 0 nor 1");
            continue;
        }
        uint64_t bits;
        memcpy(&bits, in + i * 8, 8);
        bool negative = r->code == 'i' && bits >> 63;
        uint64_t magnitude = negative ? 0 - bits : bits;
        if (magnitude > most)
            return invalid(r, r->end + i * 8, "the integer %s%" PRIu64 " is beyond 2^53", negative ? "-" : "",
                           magnitude);
    }
    return HO_OK;
}

/* The values, of whichever type they are. */
static void *values_of(const ho_npy *array)
{
    return array->f32 ? (void *)array->f32 : array->f64;
}

/* Elements of one type, one by one; the header may leave the values unaligned, hence the copy. */
#define CONVERT(letter, bytes, type, out, expression) \
    case (letter)*16 + (bytes):                       \
        for (uint64_t i = 0; i < count; i++) {        \
            type x;                                   \
            memcpy(&x, in + i * sizeof x, sizeof x);  \
            (out)[i] = (expression);                  \
        }                                             \
        break

static void convert(const reader *r, ho_npy *array)
{
    const uint8_t *in = r->bytes + r->end;
    const uint64_t count = (uint64_t)array->count;
    float *f32 = values_of(array);
    double *f64 = values_of(array);
    switch (r->code * 16 + array->item_bytes) {
        CONVERT('f', 2, uint16_t, f32, half_to_float(x));
        CONVERT('f', 4, float, f32, x);
        CONVERT('f', 8, double, f64, x);
        CONVERT('i', 1, int8_t, f32, (float)x);
        CONVERT('i', 2, int16_t, f32, (float)x);
        CONVERT('i', 4, int32_t, f64, (double)x);
        CONVERT('i', 8, int64_t, f64, (double)x);
        CONVERT('b', 1, uint8_t, f32, (float)x);
        CONVERT('u', 1, uint8_t, f32, (float)x);
        CONVERT('u', 2, uint16_t, f32, (float)x);
        CONVERT('u', 4, uint32_t, f64, (double)x);
        CONVERT('u', 8, uint64_t, f64, (double)x);
    }
}

static ho_status allocate(const reader *r, ho_npy *array)
{
    bool wide = array->item_bytes == 8 || (array->item_bytes == 4 && r->code != 'f');
    array->block = ho_large_alloc((uint64_t)array->count, wide ? 8 : 4, r->path, r->error);
    array->f64 = wide ? array->block : NULL;
    array->f32 = wide ? NULL : array->block;
    return array->block ? HO_OK : HO_FAILED;
}

/* Floats stay where they are in the file's bytes, which become the array's; NumPy aligns them to 64 bytes. */
static bool keep_in_place(reader *r, ho_npy *array)
{
    if (r->code != 'f' || array->item_bytes < 4 || r->end % 64)
        return false;
    array->f64 = array->item_bytes == 8 ? (double *)(void *)(r->bytes + r->end) : NULL;
    array->f32 = array->item_bytes == 4 ? (float *)(void *)(r->bytes + r->end) : NULL;
    array->block = r->bytes;
    r->bytes = NULL;
    return true;
}

/* From Fortran order, where the first index runs fastest, to C order. */
static ho_status to_c_order(const reader *r, ho_npy *array)
{
    ho_npy from = *array;
    if (allocate(r, array) != HO_OK) {
        *array = from;
        return HO_FAILED;
    }
    const size_t item = array->f32 ? sizeof *array->f32 : sizeof *array->f64;
    uint8_t *to = values_of(array);
    const uint8_t *values = values_of(&from);
    int64_t strides[HO_MAX_RANK] = {0}, index[HO_MAX_RANK] = {0}, at = 0;
    for (int k = 0; k < array->rank; k++)
        strides[k] = k ? strides[k - 1] * array->dims[k - 1] : 1;
    for (int64_t i = 0; i < array->count; i++) {
        memcpy(to + (size_t)i * item, values + (size_t)at * item, item);
        for (int k = array->rank - 1; k >= 0; k--) {
            at += strides[k];
            if (++index[k] < array->dims[k])
                break;
            at -= strides[k] * index[k];
            index[k] = 0;
        }
    }
    ho_npy_free(&from);
    return HO_OK;
}

static ho_status read_array(reader *r, ho_npy *array)
{
    if (read_preamble(r) != HO_OK || read_dict(r, array) != HO_OK || check_size(r, array) != HO_OK)
        return r->error->status;
    const uint64_t count = (uint64_t)array->count;
    if (r->swapped)
        swap_bytes(r->bytes + r->end, count, array->item_bytes);
    bool exact = r->code == 'f' || (r->code != 'b' && array->item_bytes < 8);
    if (!exact && check_values(r, count) != HO_OK)
        return r->error->status;
    if (!keep_in_place(r, array)) {
        if (allocate(r, array) != HO_OK)
            return HO_FAILED;
        convert(r, array);
    }
    return r->fortran && array->rank > 1 ? to_c_order(r, array) : HO_OK;
}

ho_status ho_npy_parse(const char *path, uint8_t *bytes, uint64_t size, ho_npy *array, ho_error *error)
{
    *array = (ho_npy){0};
    reader r = {.path = path, .bytes = bytes, .size = size, .error = error};
    ho_status status = read_array(&r, array);
    ho_large_free(r.bytes);
    if (status != HO_OK)
        ho_npy_free(array);
    return status;
}

ho_status ho_npy_read(const char *path, ho_npy *array, ho_error *error)
{
    uint8_t *bytes;
    uint64_t size;
    *array = (ho_npy){0};
    if (ho_file_read_raw(path, 0, &bytes, &size, error) != HO_OK ||
        ho_file_unpack(path, 0, ho_npy_length, &bytes, &size, error) != HO_OK)
        return error->status;
    return ho_npy_parse(path, bytes, size, array, error);
}

void ho_npy_free(ho_npy *array)
{
    ho_large_free(array->block);
    *array = (ho_npy){0};
}
