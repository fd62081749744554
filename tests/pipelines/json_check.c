#include "json_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 64

static const char *value(const char *p, const char *end, int depth);

static const char *space(const char *p, const char *end)
{
    while (p < end && strchr(" \t\r\n", *p) && *p)
        p++;
    return p;
}

static bool is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

/* Each of these returns what follows, or NULL where the text is wrong. */
static const char *digits(const char *p, const char *end)
{
    if (!is_digit(p, end))
        return NULL;
    while (is_digit(p, end))
        p++;
    return p;
}

static const char *number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    p = p < end && *p == '0' ? p + 1 : digits(p, end);
    if (p && p < end && *p == '.')
        p = digits(p + 1, end);
    if (p && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = digits(p, end);
    }
    return p;
}

static const char *string(const char *p, const char *end)
{
    if (p == end || *p++ != '"')
        return NULL;
    while (p < end && *p != '"') {
        if ((unsigned char)*p < 0x20)
            return NULL;
        if (*p++ != '\\')
            continue;
        if (p < end && *p == 'u') {
            for (int i = 1; i <= 4; i++)
                if (end - p <= i || !strchr("0123456789abcdefABCDEF", p[i]))
                    return NULL;
            p += 5;
        } else if (p < end && *p && strchr("\"\\/bfnrt", *p)) {
            p++;
        } else {
            return NULL;
        }
    }
    return p < end ? p + 1 : NULL;
}

static const char *list(const char *p, const char *end, char closing, int depth)
{
    p = space(p + 1, end);
    if (p < end && *p == closing)
        return p + 1;
    while (p) {
        if (closing == '}') {
            p = string(p, end);
            p = p ? space(p, end) : NULL;
            p = p && p < end && *p == ':' ? space(p + 1, end) : NULL;
        }
        p = p ? value(p, end, depth + 1) : NULL;
        p = p ? space(p, end) : NULL;
        if (!p || p == end || (*p != ',' && *p != closing))
            return NULL;
        if (*p++ == closing)
            return p;
        p = space(p, end);
    }
    return NULL;
}

static const char *value(const char *p, const char *end, int depth)
{
    static const char *const words[] = {"true", "false", "null"};
    if (p == end || depth > DEEPEST)
        return NULL;
    if (*p == '{' || *p == '[')
        return list(p, end, *p == '{' ? '}' : ']', depth);
    if (*p == '"')
        return string(p, end);
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(end - p) >= length && memcmp(p, words[i], length) == 0)
            return p + length;
    }
    return number(p, end);
}

bool json_valid(const char *text, size_t length)
{
    const char *end = text + length, *p = value(space(text, end), end, 0);
    return p && space(p, end) == end;
}

/* The value of one key of the object at p, or NULL. */
static const char *member(const char *p, const char *end, const char *key, size_t length)
{
    p = *p == '{' ? space(p + 1, end) : end;
    while (p < end && *p == '"') {
        const char *name = p + 1, *after = string(p, end);
        bool found = (size_t)(after - 1 - name) == length && memcmp(name, key, length) == 0;
        p = space(space(after, end) + 1, end);
        if (found)
            return p;
        p = space(value(p, end, 0), end);
        p = space(p < end && *p == ',' ? p + 1 : end, end);
    }
    return NULL;
}

/* The item of the list at p that has this number, or NULL. */
static const char *item(const char *p, const char *end, long number)
{
    p = space(p + 1, end);
    while (p && p < end && *p != ']') {
        if (number-- == 0)
            return p;
        p = space(value(p, end, 0), end);
        p = space(p < end && *p == ',' ? p + 1 : p, end);
    }
    return NULL;
}

const char *json_at(const char *text, const char *path)
{
    const char *end = text + strlen(text), *p = space(text, end);
    if (!json_valid(text, strlen(text)))
        return NULL;
    while (p && *path) {
        size_t length = strcspn(path, "/");
        p = *p == '[' ? item(p, end, strtol(path, NULL, 10)) : member(p, end, path, length);
        path += length + (path[length] == '/');
    }
    return p;
}

double json_number(const char *text, const char *path)
{
    const char *p = json_at(text, path);
    return p && number(p, p + strlen(p)) ? strtod(p, NULL) : NAN;
}

bool json_is(const char *text, const char *path, const char *wanted)
{
    const char *p = json_at(text, path);
    size_t length = strlen(wanted);
    return p && *p == '"' && strncmp(p + 1, wanted, length) == 0 && p[length + 1] == '"';
}
