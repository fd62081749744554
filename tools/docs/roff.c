#include "docs/roff.h"

#include <ctype.h>
#include <string.h>

#include "base/version.h"

void roff_begin(FILE *out, const char *name, int section, const char *about)
{
    fprintf(out, "'\\\" t\n.\\\" Generated from the tables that `hotool help` prints.\n.TH \"");
    for (const char *p = name; *p; p++)
        fputc(toupper((unsigned char)*p), out);
    fprintf(out, "\" \"%d\" \"\" \"hotool %s\" \"hotool manual\"\n.nh\n.ad l\n.SH NAME\n", section, HOTOOL_VERSION);
    roff_plain(out, name, strlen(name));
    fputs(" \\- ", out);
    roff_plain(out, about, strlen(about));
    fputc('\n', out);
}

void roff_heading(FILE *out, const char *macro, const char *text)
{
    fprintf(out, ".%s \"", macro);
    roff_plain(out, text, strlen(text));
    fputs("\"\n", out);
}

/* '-' and '`' would become other characters, a quotation mark would end an argument, a backslash starts a command. */
static void put(FILE *out, char c)
{
    switch (c) {
    case '\\':
        fputs("\\e", out);
        break;
    case '-':
        fputs("\\-", out);
        break;
    case '"':
        fputs("\\(dq", out);
        break;
    case '\'':
        fputs("\\(aq", out);
        break;
    case '`':
        fputs("\\(ga", out);
        break;
    case '^':
        fputs("\\(ha", out);
        break;
    case '~':
        fputs("\\(ti", out);
        break;
    default:
        fputc(c, out);
    }
}

void roff_plain(FILE *out, const char *text, size_t length)
{
    if (length > 0 && *text == '.')
        fputs("\\&", out);
    for (size_t i = 0; i < length; i++) {
        put(out, text[i]);
        if (text[i] == '\n' && i + 1 < length && text[i + 1] == '.')
            fputs("\\&", out);
    }
}

/* Where `mark` ends what it began at text[0]; 0: it began nothing. */
static size_t closing(const char *text, size_t length, const char *mark)
{
    size_t size = strlen(mark);
    if (length <= size || strncmp(text, mark, size) != 0 || text[size] == ' ')
        return 0;
    for (size_t i = size + 1; i + size <= length; i++)
        if (strncmp(text + i, mark, size) == 0)
            return i;
    return 0;
}

/* How long "[text" is where a link, "[text](target)" of `size` characters, stands at text[0]; else 0. */
static size_t link_text(const char *text, size_t length, size_t *size)
{
    const char *end = *text == '[' ? memchr(text, ']', length) : NULL;
    if (!end || end + 1 >= text + length || end[1] != '(')
        return 0;
    const char *close = memchr(end, ')', length - (size_t)(end - text));
    *size = close ? (size_t)(close - text) + 1 : 0;
    return close ? (size_t)(end - text) : 0;
}

void roff_marked(FILE *out, const char *text, size_t length)
{
    static const struct {
        const char *mark, *font;
    } fonts[] = {{"`", "\\fB"}, {"**", "\\fB"}, {"*", "\\fI"}};
    for (size_t i = 0; i < length;) {
        const char *at = text + i, *font = NULL;
        size_t left = length - i, end = 0, size = 0;
        for (size_t f = 0; f < sizeof fonts / sizeof *fonts && !end; f++)
            if ((end = closing(at, left, fonts[f].mark))) {
                font = fonts[f].font;
                size = strlen(fonts[f].mark);
            }
        if (end) {
            fputs(font, out);
            roff_plain(out, at + size, end - size);
            fputs("\\fR", out);
            i += end + size;
        } else if ((end = link_text(at, left, &size))) {
            roff_marked(out, at + 1, end - 1);
            i += size;
        } else {
            if (*at == '.' && (i == 0 || at[-1] == '\n'))
                fputs("\\&", out);
            put(out, *at);
            i++;
        }
    }
}

void roff_block(FILE *out, const char *text, size_t length, size_t indent)
{
    fputs(".PP\n.RS 4\n.nf\n", out);
    for (const char *line = text, *end = text + length; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop ? stop : end;
        for (size_t i = 0; i < indent && line < stop && *line == ' '; i++)
            line++;
        roff_plain(out, line, (size_t)(stop - line));
        fputc('\n', out);
        line = stop + (stop < end);
    }
    fputs(".fi\n.RE\n", out);
}

void roff_paragraphs(FILE *out, const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t length = end ? (size_t)(end - text) : strlen(text);
        if (*text == ' ') {
            roff_block(out, text, length, 2);
        } else {
            fputs(".PP\n", out);
            roff_marked(out, text, length);
            fputc('\n', out);
        }
        text += length;
        text += strspn(text, "\n");
    }
}
