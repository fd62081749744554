/* A strict look at JSON texts: whether they are valid, and single values of theirs. */
#ifndef JSON_CHECK_H
#define JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the text is exactly one JSON value (RFC 8259), of `length` bytes. */
bool json_valid(const char *text, size_t length);
/* The value at a path of keys with '/' between ("final/test_accuracy"), and of numbers from 0 in lists ("rows/0/runs"),
 * as it stands in the text; NULL: there is none. */
const char *json_at(const char *text, const char *path);
/* The number there; NaN where there is none. */
double json_number(const char *text, const char *path);
/* Whether the string there is `wanted` (which holds nothing to escape). */
bool json_is(const char *text, const char *path, const char *wanted);

#endif
