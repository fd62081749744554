/*
 * Data readers. A reader turns its options into arrays: inputs, and any number of named targets, all with the same
 * number of examples along the first axis. The host checks every number that comes out (finite inputs, labels in
 * range) and does the splitting, standardising and batching.
 */
#ifndef HOTOOL_DATA_H
#define HOTOOL_DATA_H

#include "hotool/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ho_data ho_data;

/* ho_array.type */
#define HO_ARRAY_F32 1u
#define HO_ARRAY_F64 2u
#define HO_ARRAY_U8  3u
#define HO_ARRAY_I64 4u

/* ho_array.role */
#define HO_ROLE_INPUTS 1u /* (n, ...): flattened to (n, features) */
#define HO_ROLE_LABELS 2u /* (n): class numbers 0..classes-1, of a whole-number type */
#define HO_ROLE_REALS  3u /* (n) or (n, width): a regression target */

/* An array handed to the host. `values`: the plugin's own memory, or from alloc, npy or file. */
typedef struct ho_array {
    uint32_t struct_size;
    uint32_t role;
    uint32_t type;
    int32_t rank;
    int64_t dims[HO_MAX_RANK];
    int64_t classes;    /* labels: how many classes there are; 0: the largest label + 1 */
    const char *name;   /* targets: what the pipeline calls it, e.g. "labels"; NULL: "labels" or "target" */
    const char *source; /* the file it comes from, for messages; NULL: none */
    const void *values;
} ho_array;

/* Thread: the one that called `read`. Everything returned is the host's and lives until `read` returns. Calls that fail
 * have reported the file, the byte and the reason; `read` should then return what they returned. */
typedef struct ho_data_api {
    uint32_t struct_size;
    /* The whole file, whose checksum the run's record keeps; unpacked if it is gzip by its first bytes. `most`: refuse
     * more than so many bytes (0: 8 GiB). Git LFS pointers and HTML pages, which downloads leave in place of a file,
     * are refused here and in npy. */
    ho_status (*file)(ho_data *d, const char *path, uint64_t most, const uint8_t **bytes, uint64_t *size);
    /* A NumPy file (versions 1 to 3; f2, f4, f8, integers; C and Fortran order): type, rank, dims, source, values. */
    ho_status (*npy)(ho_data *d, const char *path, ho_array *array);
    /* Large memory, zeroed, 64-byte aligned; NULL where there is none (reported). */
    void *(*alloc)(ho_data *d, uint64_t count, uint64_t size);
    /* Hands over the examples of part 0, or, where the reader itself knows the parts, 1 training, 2 validation, 3 test.
     * Values of type F32 (inputs) or F64 (inputs, reals) that lie in memory from alloc, npy or file, aligned to 64
     * bytes, are used where they are, without a copy: do not change them afterwards. Others are copied. */
    ho_status (*emit)(ho_data *d, uint32_t part, const ho_array *array);
    /* Something known about the data that a run should keep beside its results, as NAME.npy. */
    ho_status (*truth)(ho_data *d, const char *name, int32_t rank, const int64_t *dims, const double *values);
    /* A class's name for tables and pictures. */
    ho_status (*class_name)(ho_data *d, int64_t label, const char *name);
    /* "PATH: byte N: ..."; path NULL: no file; byte < 0: the file as a whole. Returns HO_INVALID. */
    ho_status (*fail)(ho_data *d, const char *path, int64_t byte, const char *format, ...) HO_PRINTF(4, 5);
    /* Numbers that depend on (seed, stream, i) only: uniform in [0, 1), standard normal. */
    double (*uniform)(ho_data *d, uint64_t seed, uint64_t stream, uint64_t i);
    double (*normal)(ho_data *d, uint64_t seed, uint64_t stream, uint64_t i);
} ho_data_api;

struct ho_data {
    const ho_data_api *api;
};

#define ho_data_file(d, path, most, bytes, size)   ((d)->api->file((d), (path), (most), (bytes), (size)))
#define ho_data_npy(d, path, array)                ((d)->api->npy((d), (path), (array)))
#define ho_data_alloc(d, count, size)              ((d)->api->alloc((d), (count), (size)))
#define ho_data_emit(d, part, array)               ((d)->api->emit((d), (part), (array)))
#define ho_data_truth(d, name, rank, dims, values) ((d)->api->truth((d), (name), (rank), (dims), (values)))
#define ho_data_class_name(d, label, name)         ((d)->api->class_name((d), (label), (name)))
#define ho_data_fail(d, path, byte, ...)           ((d)->api->fail((d), (path), (byte), __VA_ARGS__))
#define ho_data_uniform(d, seed, stream, i)        ((d)->api->uniform((d), (seed), (stream), (i)))
#define ho_data_normal(d, seed, stream, i)         ((d)->api->normal((d), (seed), (stream), (i)))

typedef struct ho_data_calls {
    uint32_t struct_size;
    uint32_t emits_parts; /* 1: the reader emits parts 1 to 3 and takes no split */
    /* Emits everything. HO_OK, or what a call returned; HO_FAILED where ho_data_alloc gave NULL.
     * Called once in a process for each set of options; its result is shared.
     * Thread: any. Only one reader of the process reads at a time, but other plugins may run meanwhile, and `create` of
     * the same one: a reader leaves the process as it is (the number of BLAS threads, the locale, the current folder).
     */
    ho_status (*read)(void *self, ho_data *d);
    /* 1: reading twice may give the examples in another order (a folder's listing, a stream). What is kept
     * for each example by its place, such as weights, is refused then. */
    uint32_t unordered;
    uint32_t reserved;
} ho_data_calls;

#ifdef __cplusplus
}
#endif

#endif
