/* Errors: a status, and one clear message with its place. The first error wins. */
#ifndef HO_BASE_ERROR_H
#define HO_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#include "hotool/abi.h"

/* What went wrong. Zero-initialise it; whoever owns the outermost call prints `text`. */
typedef struct ho_error {
    ho_status status; /* HO_OK while nothing has gone wrong */
    char text[2048];  /* whole sentences without a final newline; starts with the place where there is one */
} ho_error;

/* A place in a text file. file NULL: no place. Lines and columns count from 1; line 0: the file as a whole. */
typedef struct ho_place {
    const char *file; /* borrowed */
    int line, column;
} ho_place;

/* "FILE:LINE:COLUMN", as far as there is one; returns `text`. */
#define HO_PLACE_TEXT 2048
const char *ho_place_print(ho_place place, char text[HO_PLACE_TEXT]);

/* Records an error and returns `status`. Does nothing but return the earlier status where one is recorded already.
 * `error` is never NULL. */
ho_status ho_fail(ho_error *error, ho_status status, const char *format, ...) HO_PRINTF(3, 4);
ho_status ho_fail_at(ho_error *error, ho_status status, ho_place place, const char *format, ...) HO_PRINTF(4, 5);
ho_status ho_fail_v(ho_error *error, ho_status status, ho_place place, const char *format, va_list args);
/* Records what is recorded in another, if anything, unless `error` has one already. Returns what `error` has then. */
ho_status ho_fail_as(ho_error *error, const ho_error *other);

/* What an errno makes of a failure: HO_FAILED where the system is short of something (memory, descriptors, the disk),
 * else HO_INVALID. */
ho_status ho_status_of(int reason);

/* Puts "prefix: " before a recorded error's text; nothing where there is no error. */
void ho_error_prefix(ho_error *error, const char *format, ...) HO_PRINTF(2, 3);
/* Puts " (what)" behind it, likewise: what the error belongs to, where the place must come first. */
void ho_error_about(ho_error *error, const char *format, ...) HO_PRINTF(2, 3);
/* As ho_error_prefix with a place, as ho_fail_at writes it; nothing for no place. */
void ho_error_place(ho_error *error, ho_place place);

#endif
