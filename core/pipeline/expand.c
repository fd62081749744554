/* Environment variables in the texts of a pipeline: ${NAME}, ${NAME:-default}, $$. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/internal.h"

int32_t ho_utf8_next(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    int more = at[0] < 0x80 ? 0 : at[0] < 0xC2 ? -1 : at[0] < 0xE0 ? 1 : at[0] < 0xF0 ? 2 : at[0] < 0xF5 ? 3 : -1;
    static const int32_t least[4] = {0, 0x80, 0x800, 0x10000};
    static const int32_t mask[4] = {0x7F, 0x1F, 0x0F, 0x07};
    (*text)++;
    if (more < 0)
        return -1;
    int32_t code = at[0] & mask[more];
    for (int i = 1; i <= more; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return -1;
        code = code << 6 | (at[i] & 0x3F);
    }
    if (code < least[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return -1;
    *text += more;
    return code;
}

/* A text that grows. */
typedef struct text_buffer {
    char *bytes;
    size_t length, capacity;
} text_buffer;

static void put(text_buffer *b, const char *text, size_t length)
{
    if (b->length + length >= b->capacity) {
        b->capacity = 2 * (b->length + length) + 64;
        b->bytes = ho_realloc(b->bytes, b->capacity);
    }
    memcpy(b->bytes + b->length, text, length);
    b->length += length;
    b->bytes[b->length] = '\0';
}

static size_t name_length(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
    return text[0] >= '0' && text[0] <= '9' ? 0 : length;
}

static bool is_utf8(const char *text)
{
    while (*text)
        if (ho_utf8_next(&text) < 0)
            return false;
    return true;
}

/* Replaces one ${...}; `inside` follows the brace. Returns what follows the closing brace, or NULL. */
static const char *expand_one(text_buffer *b, ho_place place, const char *inside, ho_error *error)
{
    size_t length = name_length(inside);
    const char *rest = inside + length;
    const char *end = strchr(rest, '}');
    if (!end) {
        ho_fail_at(error, HO_INVALID, place, "\"${%s\" has no closing brace", inside);
        return NULL;
    }
    bool has_default = rest[0] == ':' && rest[1] == '-';
    if (!length || (rest != end && !has_default)) {
        ho_fail_at(error, HO_INVALID, place, "\"${%.*s}\": expected ${NAME} or ${NAME:-default}",
                   (int)(end - inside < 200 ? end - inside : 200), inside);
        return NULL;
    }
    const char *fallback = rest + 2;
    for (const char *at = fallback; has_default && at + 1 < end; at++)
        if (at[0] == '$' && at[1] == '{') {
            ho_fail_at(error, HO_INVALID, place, "\"${%.*s\": a ${...} cannot stand in the default of another",
                       (int)length, inside);
            return NULL;
        }
    char *name = ho_format("%.*s", (int)length, inside);
    const char *value = getenv(name);
    /* As in the shell, ":-" stands in for an empty value too. */
    if (has_default && (!value || !*value))
        put(b, fallback, (size_t)(end - fallback));
    else if (!value)
        ho_fail_at(error, HO_INVALID, place, "the environment variable %s is not set; set it, or write ${%s:-default}",
                   name, name);
    else if (!is_utf8(value))
        ho_fail_at(error, HO_INVALID, place, "the environment variable %s holds text that is not UTF-8", name);
    else
        put(b, value, strlen(value));
    free(name);
    return error->status == HO_OK ? end + 1 : NULL;
}

const char *ho_expand_text(ho_arena *arena, ho_place place, const char *text, ho_error *error)
{
    if (!strchr(text, '$'))
        return ho_arena_strdup(arena, text);
    text_buffer b = {0};
    put(&b, "", 0);
    while (text && *text) {
        size_t plain = strcspn(text, "$");
        put(&b, text, plain);
        text += plain;
        if (text[0] == '$' && text[1] == '{') {
            text = expand_one(&b, place, text + 2, error);
        } else if (text[0] == '$') {
            put(&b, "$", 1);
            text += text[1] == '$' ? 2 : 1;
        }
    }
    const char *expanded = text ? ho_arena_strdup(arena, b.bytes) : NULL;
    free(b.bytes);
    return expanded;
}
