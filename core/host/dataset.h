/* What a data reader gave: checked, immutable, counted by reference, with the files it came from. */
#ifndef HO_HOST_DATASET_H
#define HO_HOST_DATASET_H

#include "host/data_files.h"
#include "host/examples.h"
#include "host/instance.h"

typedef struct ho_truth {
    const char *name;
    int32_t rank;
    int64_t dims[HO_MAX_RANK];
    double *values;
} ho_truth;

/* Memory that a reader was given, or that values were converted into. */
typedef struct ho_block {
    char *at; /* ho_large_alloc */
    uint64_t size;
    bool guarded; /* bytes follow it that nobody may change */
    bool kept; /* values of the data set lie in it: it lives as long as the data set, else as long as the reader runs */
} ho_block;

typedef struct ho_dataset {
    ho_examples parts[4]; /* 0: all of it; or 1 training, 2 validation, 3 test. Absent parts have count 0 */
    ho_truth *truths;
    size_t truth_count;
    char **class_names; /* K, or NULL */
    int64_t class_count;
    char **notes; /* lines that a run prints */
    size_t note_count, note_capacity;
    ho_data_files files;
    ho_block *blocks;
    size_t block_count, block_capacity;
    _Atomic int references;
} ho_dataset;

/* Runs a reader. Refused, with file (and byte where known), reader and example: NaN or Inf; labels outside
 * 0..classes-1 or that are not integers; arrays of one part that differ in length; no inputs; two targets of one name;
 * parts whose widths or classes differ; sizes whose product overflows; a file that changes while it is read.
 *
 * Thread: any. Readers of a process run one at a time (a mutex), so that plugins need not lock anything. */
ho_dataset *ho_dataset_read(const ho_instance *reader, ho_error *error);
/* Has the reader of a stream give its examples `first` to `first + count - 1`, as part 0 without further parts; the
 * same is refused. Fewer examples, or none: the stream ended. Its notes are told, its files are not kept. Thread: one
 * call of an instance at a time. */
ho_dataset *ho_dataset_next(const ho_instance *reader, int64_t first, int64_t count, ho_error *error);
/* Counts one more reference; ho_dataset_free drops one, and frees with the last. Any thread. */
ho_dataset *ho_dataset_share(ho_dataset *dataset);
void ho_dataset_free(ho_dataset *dataset); /* NULL is fine */

#endif
