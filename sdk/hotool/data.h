/*
 * Data readers. A reader turns its options into arrays: inputs, and any number of named targets, all with the same
 * number of examples along the first axis. hotool checks every number (inputs must be finite, labels in range) and does
 * the splitting, standardising and batching. A reader with the call `next` gives a stream: training examples without
 * end, a few at a time, in the same arrays.
 *
 * Threads: `read` is called on any thread. hotool lets one reader read at a time, but meanwhile runs train and other
 * instances are created. So a reader must leave the process as it is: in particular the number of threads of a BLAS
 * (openblas_set_num_threads is global), the locale and the current directory. Calls of ho_data_api belong on the thread
 * that called `read` or `next`. `next` is called on the thread that trains, one call of an instance at a time, while
 * other instances may be at work.
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
#define HO_ROLE_LABELS 2u /* (n): class numbers 0..classes-1, of an integer type */
#define HO_ROLE_REALS  3u /* (n) or (n, width): a regression target */

/* An array for hotool. `values`: the plugin's own memory, or from alloc, npy or file. */
typedef struct ho_array {
    uint32_t struct_size;
    uint32_t role;
    uint32_t type;
    int32_t rank;
    int64_t dims[HO_MAX_RANK];
    int64_t classes;    /* labels: number of classes; 0: the largest label + 1 */
    const char *name;   /* targets: their name in pipelines, such as "labels"; NULL: "labels" or "target" */
    const char *source; /* the file from which it was read, for messages; NULL: none */
    const void *values;
} ho_array;

/* How many bytes a file has that begins with these (its first 64 KiB), by what its format says there. Less than `size`:
 * it is not of that format or ends earlier; the reader gets these bytes alone and refuses them. UINT64_MAX: the format
 * does not say. */
typedef uint64_t ho_file_length(const uint8_t *bytes, uint64_t size);

/* What calls return belongs to hotool and lives until `read` or `next` returns. A call that fails has reported the
 * file, the byte and the reason: return its status. */
typedef struct ho_data_api {
    uint32_t struct_size;
    /* The contents of a file, unpacked if its first bytes say gzip; the run's record keeps its checksum. `most`: refuse
     * more bytes than this (0: 8 GiB). `length` (NULL: not known) keeps a small gzip file from filling memory with data
     * that will be refused: after the first 64 KiB, no more is unpacked than it says. Git LFS pointers and HTML pages,
     * which failed downloads leave in place of a file, are refused, here and in npy. */
    ho_status (*file)(ho_data *d, const char *path, uint64_t most, ho_file_length *length, const uint8_t **bytes,
                      uint64_t *size);
    /* A NumPy file (versions 1 to 3; f2, f4, f8, integers; C and Fortran order): type, rank, dims, source, values. */
    ho_status (*npy)(ho_data *d, const char *path, ho_array *array);
    /* Memory for values, zeroed, aligned to 64 bytes. NULL: out of memory (reported). */
    void *(*alloc)(ho_data *d, uint64_t count, uint64_t size);
    /* Passes on an array of part 0; or, if the reader knows the parts itself, of 1 training, 2 validation, 3 test. The
     * examples of a stream are part 0; what its `read` emits are parts 2 and 3.
     * Values of type F32 (inputs) or F64 (inputs, reals) in memory from alloc, npy or file, aligned to 64 bytes, are
     * used in place: do not change them afterwards. Others are copied. */
    ho_status (*emit)(ho_data *d, uint32_t part, const ho_array *array);
    /* A known truth about the data, which a run keeps as NAME.npy beside its results. */
    ho_status (*truth)(ho_data *d, const char *name, int32_t rank, const int64_t *dims, const double *values);
    /* The name of a class, for tables and figures. */
    ho_status (*class_name)(ho_data *d, int64_t label, const char *name);
    /* Reports "PATH: byte N: ..." and returns HO_INVALID. path NULL: no file; byte < 0: the file as a whole. */
    ho_status (*fail)(ho_data *d, const char *path, int64_t byte, const char *format, ...) HO_PRINTF(4, 5);
    /* Random numbers determined by (seed, stream, i): uniform in [0, 1); standard normal. */
    double (*uniform)(ho_data *d, uint64_t seed, uint64_t stream, uint64_t i);
    double (*normal)(ho_data *d, uint64_t seed, uint64_t stream, uint64_t i);
    /* One line that a run prints about its data, such as what was there and was not used. Keep it short; one line for
     * all that is alike. */
    ho_status (*note)(ho_data *d, const char *format, ...) HO_PRINTF(2, 3);
    /* Waits until reading from the file descriptor would not block: there are bytes, or the end. A reader of pipes or
     * sockets calls it before each read(2), so that Ctrl-C ends a run that waits for data. HO_INTERRUPTED: that came;
     * return it. */
    ho_status (*wait)(ho_data *d, int fd);
} ho_data_api;

struct ho_data {
    const ho_data_api *api;
};

#define ho_data_file(d, path, most, length, bytes, size) \
    ((d)->api->file((d), (path), (most), (length), (bytes), (size)))
#define ho_data_npy(d, path, array)                ((d)->api->npy((d), (path), (array)))
#define ho_data_alloc(d, count, size)              ((d)->api->alloc((d), (count), (size)))
#define ho_data_emit(d, part, array)               ((d)->api->emit((d), (part), (array)))
#define ho_data_truth(d, name, rank, dims, values) ((d)->api->truth((d), (name), (rank), (dims), (values)))
#define ho_data_class_name(d, label, name)         ((d)->api->class_name((d), (label), (name)))
#define ho_data_fail(d, path, byte, ...)           ((d)->api->fail((d), (path), (byte), __VA_ARGS__))
#define ho_data_uniform(d, seed, stream, i)        ((d)->api->uniform((d), (seed), (stream), (i)))
#define ho_data_normal(d, seed, stream, i)         ((d)->api->normal((d), (seed), (stream), (i)))
#define ho_data_note(d, ...)                       ((d)->api->note((d), __VA_ARGS__))
#define ho_data_wait(d, fd)                        ((d)->api->wait((d), (fd)))

typedef struct ho_data_calls {
    uint32_t struct_size;
    uint32_t emits_parts; /* 1: the reader emits parts 1 to 3, and pipelines give no split */
    /* Emits everything. Called once per process for each set of options; the result is shared. Returns HO_OK, or what a
     * call returned; HO_FAILED if ho_data_alloc returned NULL. Of a stream it emits what is finite: with emits_parts
     * the validation and test parts (2 and 3), truths and names of classes; NULL: nothing. */
    ho_status (*read)(void *self, ho_data *d);
    /* 1: reading again may give the examples in another order (a directory listing, a stream). Whatever is kept for
     * each example by its position, such as example weights, is then refused. */
    uint32_t unordered;
    /* 1: the examples are generated, not read. If the files of earlier sources are missing, such data replace them only
     * if the user agrees (allow_generated). */
    uint32_t generated;
    /* NULL: the data are finite. Else they are a stream: this emits, as part 0, its examples number first to
     * first + count - 1, counted from 0, and leaves `self` ready for those that follow. Fewer, or nothing, mean that
     * the stream ended there. Every call gives the same targets and sizes, and labels say how many classes there are.
     * Without emits_parts the pipeline's split takes the validation and test examples from the stream's beginning.
     *
     * What an example is must depend on its number and the options alone, so that a run that was interrupted goes on
     * where it was: hotool makes an instance for each run, and asks first for the beginning, then for where the run
     * was. A stream that cannot begin there refuses (ho_data_fail) and says why. hotool may ask for more examples than
     * a step takes, ahead of time and again in another order, unless only_onward gives a reason. */
    ho_status (*next)(void *self, ho_data *d, int64_t first, int64_t count);
    /* Why this instance gives each example once only, in words for messages ("standard input cannot be read twice");
     * NULL: it gives any example at any time. Then `first` never lies before an example that was given, every call asks
     * for what the next step needs and no more, and modes that go back over training see the examples that hotool has
     * kept. A missing call is one that returns NULL. */
    const char *(*only_onward)(void *self);
} ho_data_calls;

#ifdef __cplusplus
}
#endif

#endif
