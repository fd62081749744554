/* Environment variables in the texts of a pipeline: ${NAME}, ${NAME:-default}, $$. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"

static bool is_utf8(const char *text)
{
    while (*text)
        if (ho_utf8_next(&text) < 0)
            return false;
    return true;
}

/* Writes the value of one ${...}; `inside` follows the brace. Returns what follows the closing brace, or NULL. */
static const char *expand_one(FILE *out, ho_place place, const char *inside, ho_error *error)
{
    size_t length = ho_name_length(inside);
    const char *rest = inside + length, *end = strchr(rest, '}');
    if (!end) {
        ho_fail_at(error, HO_INVALID, place, "\"${%s\" has no closing brace", inside);
        return NULL;
    }
    char name[201];
    bool has_default = rest[0] == ':' && rest[1] == '-';
    if (!length || length >= sizeof name || (rest != end && !has_default)) {
        ho_fail_at(error, HO_INVALID, place, "\"${%.*s}\": expected ${NAME} or ${NAME:-default}",
                   (int)(end - inside < 200 ? end - inside : 200), inside);
        return NULL;
    }
    const char *fallback = has_default ? rest + 2 : NULL, *nested = fallback ? strstr(fallback, "${") : NULL;
    snprintf(name, sizeof name, "%.*s", (int)length, inside);
    const char *value = getenv(name);
    /* As in the shell, ":-" stands in for an empty value too. */
    if (nested && nested < end)
        ho_fail_at(error, HO_INVALID, place, "\"${%s\": a ${...} cannot be used in the default of another", name);
    else if (fallback && (!value || !*value))
        fwrite(fallback, 1, (size_t)(end - fallback), out);
    else if (!value)
        ho_fail_at(error, HO_INVALID, place, "the environment variable %s is not set; set it, or write ${%s:-default}",
                   name, name);
    else if (!is_utf8(value))
        ho_fail_at(error, HO_INVALID, place, "the environment variable %s holds text that is not UTF-8", name);
    else
        fputs(value, out);
    return error->status == HO_OK ? end + 1 : NULL;
}

const char *ho_expand_text(ho_arena *arena, ho_place place, const char *text, ho_error *error)
{
    if (!strchr(text, '$'))
        return ho_arena_strdup(arena, text);
    char *bytes;
    size_t size;
    FILE *out = ho_text_open(&bytes, &size);
    while (text && *text) {
        size_t plain = strcspn(text, "$");
        fwrite(text, 1, plain, out);
        text += plain;
        if (text[0] == '$' && text[1] == '{') {
            text = expand_one(out, place, text + 2, error);
        } else if (text[0] == '$') {
            fputc('$', out);
            text += text[1] == '$' ? 2 : 1;
        }
    }
    ho_text_close(out);
    const char *expanded = text ? ho_arena_strdup(arena, bytes) : NULL;
    free(bytes);
    return expanded;
}
