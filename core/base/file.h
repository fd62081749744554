/* Files: whole reads with a cap, gzip told by content, and writes that are never half-done. */
#ifndef HO_BASE_FILE_H
#define HO_BASE_FILE_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "hotool/data.h"

/* Reads a whole regular file into *bytes (ho_large_alloc; one extra zero byte follows). A gzip file (by its first
 * bytes) is unpacked with zlib. More than `most` bytes (after unpacking; 0: 8 GiB) is an error, as are a missing file,
 * a folder, a FIFO, a torn gzip stream. Messages: `PATH: no such file`, `PATH: byte N: ...`. */
ho_status ho_file_read(const char *path, uint64_t most, uint8_t **bytes, uint64_t *size, ho_error *error);

/* What there is, at this moment, of a file that is written to meanwhile: of a run that goes on, say. It is not
 * unpacked, and ho_files_stay does not look at it. */
ho_status ho_file_read_now(const char *path, uint64_t most, uint8_t **bytes, uint64_t *size, ho_error *error);

#define HO_FILE_PEEK 65536 /* bytes that a ho_file_length is given */

/* The two halves of ho_file_read: the bytes as they lie on disk, and unpacking them in place of what *bytes held
 * (freed, and *bytes NULL, after an error) where they are gzip. `length` (NULL: nobody knows) bounds what is unpacked:
 * of a file that has less only the first HO_FILE_PEEK bytes are, for whoever refuses it. */
ho_status ho_file_read_raw(const char *path, uint64_t most, uint8_t **bytes, uint64_t *size, ho_error *error);
ho_status ho_file_unpack(const char *path, uint64_t most, ho_file_length *length, uint8_t **bytes, uint64_t *size,
                         ho_error *error);

/* Reading and unpacking end with HO_INTERRUPTED once this, which a signal handler sets, is not 0. Thread: before others
 * start. */
void ho_files_interrupt(const volatile int *flag);
/* HO_INTERRUPTED once that flag is set, while the file is read. */
ho_status ho_file_poll(const char *path, ho_error *error);
/* Waits until the file descriptor can be read without blocking; HO_INTERRUPTED once that flag is set. `who` waits. */
ho_status ho_file_wait(int fd, const char *who, ho_error *error);

/* From now on what is read again must hold the bytes that were read first: "PATH: has changed since it was first read".
 * So that all runs of an experiment are of the same files. Thread: before others start. */
void ho_files_stay(void);

/* Replaces `path` by these bytes through a temporary file in the same folder, fsync, rename and fsync of the folder:
 * readers see the old file or the new one, after a power loss too. */
ho_status ho_file_write(const char *path, const void *bytes, uint64_t size, ho_error *error);
/* The same for a file that must not exist yet: of several that create it at once, one succeeds. HO_INVALID: it exists.
 */
ho_status ho_file_create(const char *path, const void *bytes, uint64_t size, ho_error *error);

/* Writes these bytes to an open file, in one write where the system takes them at once: a line appended to a file that
 * was opened with O_APPEND never mixes with another's. Where they do not all fit, a
 * regular file goes back to the length it had. `path` is for messages. */
ho_status ho_file_append(int fd, const char *path, const void *bytes, uint64_t size, ho_error *error);

/* Opens descriptors 0 to 2 where the process was started without them, so that no file gets one of these numbers and
 * receives what is printed. Reading and printing there fail. For the start of main. */
void ho_standard_streams(void);

/* Makes a folder and its parents; an existing folder is fine. */
ho_status ho_folder_make(const char *path, ho_error *error);
/* The folder `fresh`, which lies beside `path`, takes the place of `path` at once: whoever looks sees all of the old
 * files or all of the new ones, after a power loss too. (A file system that cannot exchange two folders has a moment
 * without `path`; the old one then lies at `path`.old.) */
ho_status ho_folder_replace(const char *fresh, const char *path, ho_error *error);
/* Removes a folder and the files in it, if it is there. */
void ho_folder_remove(const char *path);
bool ho_file_exists(const char *path); /* a regular file that can be read */

/* `path` as seen from the folder of the file `base`; absolute paths stay. Free with free(). */
char *ho_path_beside(const char *base, const char *path);
/* What stands after the last slash, in `path` itself. */
const char *ho_path_last(const char *path);

#endif
