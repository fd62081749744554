/* Writing JSON. */
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static void put(ho_json *json, const char *bytes, size_t count)
{
    if (json->capacity - json->length <= count) {
        size_t wanted = json->capacity * 2 + count + 256;
        json->text = ho_realloc(json->text, wanted);
        json->capacity = wanted;
    }
    memcpy(json->text + json->length, bytes, count);
    json->length += count;
    json->text[json->length] = '\0';
}

static void put_text(ho_json *json, const char *text)
{
    put(json, text, strlen(text));
}

static void put_line_start(ho_json *json)
{
    if (!json->pretty)
        return;
    put_text(json, "\n");
    for (int i = 0; i < json->depth; i++)
        put_text(json, "  ");
}

/* The length of the valid UTF-8 sequence at `text`, or 0. The terminator stops every look ahead. */
static size_t sequence_length(const unsigned char *text)
{
    unsigned first = text[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xc2 && first < 0xe0   ? 2
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xf0 && first < 0xf5 ? 4
                                                    : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) || (first == 0xf0 && text[1] < 0x90) ||
        (first == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

/* A one-letter escape, or NULL. */
static const char *short_escape(unsigned char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return NULL;
    }
}

static void put_quoted(ho_json *json, const char *value)
{
    put_text(json, "\"");
    const unsigned char *at = (const unsigned char *)value;
    while (*at) {
        size_t length = sequence_length(at);
        const char *escape = short_escape(*at);
        if (escape) {
            put_text(json, escape);
        } else if (*at < 0x20) {
            char code[8];
            snprintf(code, sizeof code, "\\u%04x", (unsigned)*at);
            put_text(json, code);
        } else if (length) {
            put(json, (const char *)at, length);
        } else {
            put_text(json, "\xef\xbf\xbd");
        }
        at += length ? length : 1;
    }
    put_text(json, "\"");
}

/* What comes before every value: the comma, the line, the key. */
static void begin_value(ho_json *json, const char *key)
{
    if (json->comma)
        put_text(json, json->pretty ? "," : ", ");
    if (json->depth > 0)
        put_line_start(json);
    if (key) {
        put_quoted(json, key);
        put_text(json, ": ");
    }
    json->comma = true;
}

void ho_json_open(ho_json *json, const char *key, char bracket)
{
    begin_value(json, key);
    put(json, &bracket, 1);
    json->depth++;
    json->comma = false;
}

void ho_json_close(ho_json *json, char bracket)
{
    json->depth--;
    if (json->comma)
        put_line_start(json);
    put(json, &bracket, 1);
    json->comma = true;
}

void ho_json_string(ho_json *json, const char *key, const char *value)
{
    begin_value(json, key);
    if (value)
        put_quoted(json, value);
    else
        put_text(json, "null");
}

static void put_real(ho_json *json, double value)
{
    char text[32] = "null";
    if (isfinite(value))
        ho_print_real(value, text);
    put_text(json, text);
}

void ho_json_real(ho_json *json, const char *key, double value)
{
    begin_value(json, key);
    put_real(json, value);
}

void ho_json_integer(ho_json *json, const char *key, int64_t value)
{
    begin_value(json, key);
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    put_text(json, text);
}

void ho_json_boolean(ho_json *json, const char *key, bool value)
{
    begin_value(json, key);
    put_text(json, value ? "true" : "false");
}

void ho_json_reals(ho_json *json, const char *key, const double *values, size_t count)
{
    begin_value(json, key);
    put_text(json, "[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            put_text(json, ", ");
        put_real(json, values[i]);
    }
    put_text(json, "]");
}

void ho_json_end(ho_json *json)
{
    put(json, "\n", 1);
}

void ho_json_free(ho_json *json)
{
    free(json->text);
    *json = (ho_json){0};
}
