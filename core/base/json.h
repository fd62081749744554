/* Writing JSON: values in order, commas and escapes taken care of. NaN and infinities are written as null. */
#ifndef HO_BASE_JSON_H
#define HO_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text under construction. Zero-initialise; free with ho_json_free. `text` is always terminated once anything was
 * written. */
typedef struct ho_json {
    char *text;
    size_t length, capacity;
    int depth;
    bool comma;  /* a value came before at this depth */
    bool pretty; /* set before the first value: one member a line */
} ho_json;

/* In an object every value has a key; in a list, and at the top, key is NULL. */
void ho_json_open(ho_json *json, const char *key, char bracket);        /* '{' or '[' */
void ho_json_close(ho_json *json, char bracket);                        /* '}' or ']' */
void ho_json_string(ho_json *json, const char *key, const char *value); /* invalid UTF-8 becomes U+FFFD; NULL: null */
void ho_json_real(ho_json *json, const char *key, double value);
void ho_json_integer(ho_json *json, const char *key, int64_t value);
void ho_json_boolean(ho_json *json, const char *key, bool value);
void ho_json_reals(ho_json *json, const char *key, const double *values, size_t count);
void ho_json_end(ho_json *json); /* a newline behind the whole */
void ho_json_free(ho_json *json);

#endif
