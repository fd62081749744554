/* Writing .npy files: version 1, little-endian, C order. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"

enum { HEADER_BYTES = 256 }; /* room for the longest header: four sizes of 19 digits */

void ho_npy_print_shape(int rank, const int64_t *dims, char text[HO_NPY_SHAPE])
{
    int used = snprintf(text, HO_NPY_SHAPE, "(");
    for (int k = 0; k < rank; k++)
        used += snprintf(text + used, HO_NPY_SHAPE - (size_t)used, "%s%" PRId64, k ? ", " : "", dims[k]);
    snprintf(text + used, HO_NPY_SHAPE - (size_t)used, rank == 1 ? ",)" : ")");
}

/* Fills `header` and returns its length, a multiple of 64 so that the values are aligned in a mapped file. */
static size_t make_header(char header[HEADER_BYTES], const char *descr, int rank, const int64_t *dims)
{
    char shape[HO_NPY_SHAPE];
    ho_npy_print_shape(rank, dims, shape);
    memset(header, ' ', HEADER_BYTES);
    memcpy(header, "\x93NUMPY\1", 8);
    int used = snprintf(header + 10, HEADER_BYTES - 10, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr,
                        shape);
    size_t length = 10 + (size_t)used;
    header[length++] = ' '; /* over the terminator */
    length = (length + 1 + 63) / 64 * 64;
    header[length - 1] = '\n';
    header[8] = (char)((length - 10) & 0xff);
    header[9] = (char)((length - 10) >> 8);
    return length;
}

static ho_status write_array(const char *path, const char *descr, uint64_t item, int rank, const int64_t *dims,
                             const void *values, ho_error *error)
{
    if (rank < 0 || rank > HO_MAX_RANK)
        return ho_fail(error, HO_FAILED, "%s: an array of rank %d cannot be written", path, rank);
    uint64_t bytes = item;
    for (int k = 0; k < rank; k++)
        if (dims[k] < 0 || __builtin_mul_overflow(bytes, (uint64_t)dims[k], &bytes) || bytes > INT64_MAX)
            return ho_fail(error, HO_FAILED, "%s: an array of these sizes cannot be written", path);
    char header[HEADER_BYTES];
    size_t length = make_header(header, descr, rank, dims);
    uint8_t *file = ho_large_alloc(length + bytes, 1, path, error);
    if (!file)
        return error->status;
    memcpy(file, header, length);
    if (bytes)
        memcpy(file + length, values, bytes);
    ho_status status = ho_file_write(path, file, length + bytes, error);
    ho_large_free(file);
    return status;
}

ho_status ho_npy_write_f64(const char *path, int rank, const int64_t *dims, const double *values, ho_error *error)
{
    return write_array(path, "<f8", 8, rank, dims, values, error);
}

ho_status ho_npy_write_f32(const char *path, int rank, const int64_t *dims, const float *values, ho_error *error)
{
    return write_array(path, "<f4", 4, rank, dims, values, error);
}
