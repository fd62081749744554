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

static void put_quoted(ho_json *json, const char *value)
{
    static const char special[] = "\"\\\n\r\t", letters[] = "\"\\nrt";
    put_text(json, "\"");
    for (const char *at = value; *at;) {
        const char *start = at, *escape = strchr(special, *at);
        int32_t code = ho_utf8_next(&at);
        char text[8] = "\xef\xbf\xbd"; /* U+FFFD */
        if (escape)
            snprintf(text, sizeof text, "\\%c", letters[escape - special]);
        else if (code >= 0 && code < 0x20)
            snprintf(text, sizeof text, "\\u%04x", (unsigned)code);
        bool plain = !escape && code >= 0x20;
        put(json, plain ? start : text, plain ? (size_t)(at - start) : strlen(text));
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
