/* The files that a data set was read from, with the checksums of the bytes that were read. */
#ifndef HO_HOST_DATA_FILES_H
#define HO_HOST_DATA_FILES_H

#include <time.h>

#include "host/instance.h"

#define HO_SHA256 65
/* The SHA-256 of these bytes, in hexadecimal. */
void ho_sha256(const void *bytes, uint64_t size, char text[HO_SHA256]);

typedef struct ho_data_file {
    char *path;
    int64_t size;                /* bytes as they lie on disk: packed where the file is gzip */
    char sha256[HO_SHA256];      /* of those bytes, in hexadecimal */
    bool option, folder, stream; /* stream: it may be too large for memory */
    struct timespec changed;     /* an option's file: the time of its last change when the reader started */
} ho_data_file;

typedef struct ho_data_files {
    ho_data_file *of;
    size_t count, capacity;
} ho_data_files;

/* Before a reader runs: an entry for the file or folder of each HO_PATH option. */
void ho_data_files_begin(ho_data_files *files, const ho_instance *reader);
/* While it runs: the bytes of a file, before unpacking, as the host has read them for it. */
void ho_data_files_add(ho_data_files *files, const char *path, const uint8_t *bytes, uint64_t size);
/* Afterwards: reads and hashes the options' files that the reader opened by itself. A folder's checksum is that of a
 * list of the files added from it, one line each as sha256sum prints them, in order of path; it takes their place.
 * Refused: an option's file that has changed since ho_data_files_begin. */
ho_status ho_data_files_end(ho_data_files *files, ho_error *error);
void ho_data_files_free(ho_data_files *files);

#endif
