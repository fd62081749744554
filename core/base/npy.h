/* NumPy's .npy files (versions 1 to 3): a reader that trusts nothing, and a writer. */
#ifndef HO_BASE_NPY_H
#define HO_BASE_NPY_H

#include <stdint.h>

#include "base/error.h"

/* Element types. */
typedef enum ho_npy_type { HO_NPY_REAL, HO_NPY_INTEGER } ho_npy_type;

typedef struct ho_npy {
    ho_npy_type type; /* of the file: f2, f4, f8; or b1, i1..i8, u1..u8 */
    int item_bytes;   /* of an element in the file */
    int rank;         /* 0..4 */
    int64_t dims[4];
    int64_t count; /* product of dims */
    float *f32;    /* the values in C order; exactly one of the two is set */
    double *f64;   /* f8 and integers of 4 and 8 bytes come as f64 (integers beyond 2^53 are an error), others as f32 */
    void *block;   /* the memory that the values lie in (ho_large_alloc) */
} ho_npy;

/* Reads and converts: either byte order, C and Fortran order. Errors (HO_INVALID) name the file and the byte:
 * `x.npy: byte 10: the shape (10000, 1024) of <f4 needs 40960000 bytes, the file holds 128`. */
ho_status ho_npy_read(const char *path, ho_npy *array, ho_error *error);
/* The same from a file's bytes (ho_large_alloc), which it takes over, error or not. Floats are left in place. */
ho_status ho_npy_parse(const char *path, uint8_t *bytes, uint64_t size, ho_npy *array, ho_error *error);
/* For ho_file_unpack. */
uint64_t ho_npy_length(const uint8_t *bytes, uint64_t size);
void ho_npy_free(ho_npy *array);
/* Entry i in C order. */
static inline double ho_npy_entry(const ho_npy *array, int64_t i)
{
    return array->f64 ? array->f64[i] : (double)array->f32[i];
}

/* A shape as Python writes it: "(3, 4)", "(3,)", "()". */
#define HO_NPY_SHAPE 96
void ho_npy_print_shape(int rank, const int64_t *dims, char text[HO_NPY_SHAPE]);

/* Writes a version-1 file, little-endian f8 or f4, C order, through ho_file_write. */
ho_status ho_npy_write_f64(const char *path, int rank, const int64_t *dims, const double *values, ho_error *error);
ho_status ho_npy_write_f32(const char *path, int rank, const int64_t *dims, const float *values, ho_error *error);

#endif
