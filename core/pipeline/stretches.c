/* Where the characters of a scalar stand in its file. libyaml says where a scalar begins, and hands over its text:
 * lines folded, indentation gone, escapes replaced. The characters that are not blank are in the file in the same
 * order. */
#include "pipeline/internal.h"

#include <stdlib.h>
#include <string.h>

/* Of longer texts places are not kept: nobody writes formulas like that. */
enum { MOST_TEXT = 1 << 16 };

/* A position in the file's text. */
typedef struct cursor {
    const char *at, *end;
    int line, column;
} cursor;

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || is_break(c);
}

/* The second and later bytes of a character. */
static bool continues(char c)
{
    return ((unsigned char)c & 0xC0u) == 0x80;
}

static void step(cursor *c, size_t bytes)
{
    for (; bytes > 0 && c->at < c->end; bytes--, c->at++) {
        const bool ends = *c->at == '\n' || (*c->at == '\r' && (c->at + 1 == c->end || c->at[1] != '\n'));
        c->line += ends;
        c->column = ends ? 1 : c->column + !continues(*c->at);
    }
}

/* The length of an escape in double quotes, as "\x41"; a line break that is escaped counts as a blank. */
static size_t escape_length(const cursor *c)
{
    const char kind = c->at + 1 < c->end ? c->at[1] : '\0';
    return kind == 'x' ? 4 : kind == 'u' ? 6 : kind == 'U' ? 10 : 2;
}

/* Whether an escape stands for a blank, as "\n", or "\u0020". */
static bool is_blank_escape(const cursor *c)
{
    const size_t length = escape_length(c);
    char digits[9] = "";
    if (length == 2)
        return c->at + 1 < c->end && strchr("ntr \t\n\r", c->at[1]);
    if (c->at + length > c->end)
        return false;
    memcpy(digits, c->at + 2, length - 2);
    const long code = strtol(digits, NULL, 16);
    return code == ' ' || code == '\t' || code == '\n' || code == '\r';
}

/* Passes over blanks, also those that are escapes; to the first byte of the next character. */
static void skip_blanks(cursor *c, ho_quotes quotes)
{
    while (c->at < c->end)
        if (is_blank(*c->at))
            step(c, 1);
        else if (quotes == HO_QUOTES_DOUBLE && *c->at == '\\' && is_blank_escape(c))
            step(c, escape_length(c));
        else
            return;
}

/* Passes over the next character, if it is `byte`; false: it is another. */
static bool pass(cursor *c, ho_quotes quotes, char byte)
{
    if (c->at == c->end)
        return false;
    const bool escaped = quotes == HO_QUOTES_DOUBLE && *c->at == '\\';
    if (!escaped && *c->at != byte)
        return false;
    const bool twice = quotes == HO_QUOTES_SINGLE && byte == '\'';
    step(c, escaped ? escape_length(c) : twice ? 2 : 1);
    return true;
}

typedef struct found {
    ho_stretch *rows;
    size_t count, capacity;
} found;

/* Byte `offset` of the text stands here. */
static void add(found *f, size_t offset, const cursor *c)
{
    const ho_stretch *last = f->count ? &f->rows[f->count - 1] : NULL;
    if (last && c->line == last->line && c->column == last->column + (int)(offset - last->offset))
        return;
    for (int twice = f->count == 0 && offset > 0; twice >= 0; twice--) { /* what stands first begins at 0 */
        ho_grow((void **)&f->rows, &f->capacity, f->count, sizeof *f->rows);
        f->rows[f->count++] = (ho_stretch){twice ? 0 : (uint32_t)offset, c->line, c->column};
    }
}

/* Gives each character of the text that is not blank its place; false: the file does not say the same. */
static bool follow(const char *text, cursor c, ho_quotes quotes, found *f)
{
    for (size_t i = 0; text[i]; i++) {
        if (is_blank(text[i]))
            continue;
        if (continues(text[i])) { /* of a character that has its place; not in the file if that is an escape */
            step(&c, c.at < c.end && continues(*c.at));
            continue;
        }
        skip_blanks(&c, quotes);
        add(f, i, &c);
        if (!pass(&c, quotes, text[i]))
            return false;
    }
    return f->count > 0;
}

void ho_find_stretches(ho_arena *arena, ho_tree *node, const char *file, size_t size, ho_quotes quotes)
{
    cursor c = {file, file + size, node->place.line, node->place.column};
    found f = {0};
    if (quotes == HO_QUOTES_BLOCK) /* begins behind the line with its '|' or '>' */
        while (c.at < c.end && !is_break(*c.at))
            step(&c, 1);
    else if (quotes != HO_QUOTES_NONE)
        step(&c, 1);
    node->exact = strlen(node->text) <= MOST_TEXT && follow(node->text, c, quotes, &f);
    if (node->exact && (f.count > 1 || quotes != HO_QUOTES_NONE)) {
        ho_stretch *kept = ho_arena_alloc(arena, f.count * sizeof *kept);
        memcpy(kept, f.rows, f.count * sizeof *kept);
        node->stretches = kept;
        node->stretch_count = f.count;
    }
    free(f.rows);
}
