/*
 * Reading run folders.
 *
 * What is read may come from anywhere: every member is checked, sizes are bounded, and paths stay inside the run
 * folder. Errors are HO_INVALID and start with their place: `RUN/result.json: rows[1]: runs: expected ...` or
 * `RUN/metrics.jsonl:7: step: expected ...`. Members that are not there are unknown, as record.h says of each: NaN,
 * NULL or 0. Members that this hotool does not know are ignored.
 */
#ifndef HO_RECORD_READ_H
#define HO_RECORD_READ_H

#include "base/memory.h"
#include "record/record.h"

/* result.json of the run folder `folder`, or unfinished.json where the run has not come to that, into a record whose
 * texts and lists live in the arena. Records of format HO_RECORD_FORMAT or older are read. */
ho_status ho_record_read(const char *folder, ho_arena *arena, ho_record *record, ho_error *error);

/* FOLDER/SUB/NAME; SUB may be ".". Refused (NULL) where SUB/NAME leads out of the folder. Lives in the arena. */
const char *ho_record_path(const char *folder, const char *sub, const char *name, ho_arena *arena, ho_error *error);
/* A text file of a run folder, without zero bytes; free with ho_large_free. NULL: an error. */
char *ho_record_text(const char *path, ho_error *error);

/* The lines of metrics.jsonl, in order. */
typedef struct ho_lines ho_lines;
/* NULL: an error. Without a single line, the file is refused. */
ho_lines *ho_lines_open(const char *path, ho_error *error);
/* The next line, valid until the next call, and its place; false: there is none, or an error. A line of neither an
 * iteration nor a step counts as the iteration of its number. */
bool ho_lines_next(ho_lines *lines, ho_line *line, ho_place *place, ho_error *error);
void ho_lines_close(ho_lines *lines); /* NULL is fine */

/* The most hyperparameters of a record or a line. */
#define HO_RECORD_MOST_HYPERS 10000
/* The most outer iterations or candidates. */
#define HO_RECORD_MOST_ITERATIONS 1000000

#endif
