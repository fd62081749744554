/* The part of Markdown that the guides use: headings, paragraphs, fenced and indented code, lists, tables. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "docs/roff.h"

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return line + (*line == '\n');
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* How long the mark of a list's item is: "- " or "12. "; 0: this is none. */
static size_t item_mark(const char *line)
{
    size_t digits = strspn(line, "0123456789");
    if (starts(line, "- "))
        return 2;
    return digits && starts(line + digits, ". ") ? digits + 2 : 0;
}

static bool is_indented(const char *line)
{
    return starts(line, "    ");
}

static bool ends_paragraph(const char *line)
{
    return *line == '\n' || *line == '\0' || *line == '#' || *line == '|' || starts(line, "```") || item_mark(line);
}

static const char *heading(FILE *out, const char *line)
{
    size_t level = strspn(line, "#"), length = strcspn(line, "\n");
    if (level > 1) { /* that of the page is under NAME */
        fprintf(out, ".%s \"", level == 2 ? "SH" : "SS");
        for (size_t i = level + 1; i < length; i++) {
            char c = level == 2 ? (char)toupper((unsigned char)line[i]) : line[i];
            roff_plain(out, &c, c != '`');
        }
        fputs("\"\n", out);
    }
    return next_line(line);
}

static const char *fenced(FILE *out, const char *line)
{
    const char *start = next_line(line), *end = start;
    while (*end && !starts(end, "```"))
        end = next_line(end);
    roff_block(out, start, (size_t)(end - start), 0);
    return next_line(end);
}

static const char *indented(FILE *out, const char *line)
{
    const char *end = line;
    while (is_indented(end))
        end = next_line(end);
    roff_block(out, line, (size_t)(end - line), 4);
    return end;
}

static const char *paragraph(FILE *out, const char *line)
{
    const char *end = next_line(line);
    while (!ends_paragraph(end))
        end = next_line(end);
    fputs(".PP\n", out);
    roff_marked(out, line, (size_t)(end - line));
    return end;
}

/* Its further lines are indented. */
static const char *item(FILE *out, const char *line)
{
    size_t mark = item_mark(line);
    const char *end = next_line(line);
    while (!ends_paragraph(end))
        end = next_line(end);
    fprintf(out, ".IP \"%.*s\" %zu\n", mark == 2 ? 4 : (int)mark - 1, mark == 2 ? "\\(bu" : line, mark + 1);
    for (line += mark; line < end; line = next_line(line)) {
        line += strspn(line, " ");
        roff_marked(out, line, (size_t)(next_line(line) - line));
    }
    return end;
}

static void table_row(FILE *out, const char *line, size_t columns)
{
    const char *cell = line + 1;
    for (size_t i = 0; i < columns; i++) {
        cell += strspn(cell, " ");
        size_t length = strcspn(cell, "|\n"), width = length;
        while (width > 0 && cell[width - 1] == ' ')
            width--;
        fputs(i ? "\tT{\n" : "T{\n", out);
        roff_marked(out, cell, width);
        fputs("\nT}", out);
        cell += length;
        cell += *cell == '|';
    }
    fputc('\n', out);
}

/* A heading, a line of dashes, rows. */
static const char *table(FILE *out, const char *line)
{
    size_t columns = 0;
    for (const char *p = line + 1; *p && *p != '\n'; p++)
        columns += *p == '|';
    fputs(".PP\n.hy\n.TS\nallbox;\n", out); /* narrow columns need hyphens */
    for (const char *font = "lb"; font; font = *font == 'l' && font[1] ? "l" : NULL) {
        for (size_t i = 0; i < columns; i++)
            fprintf(out, "%s%s", i ? " " : "", font);
        fputs(font[1] ? "\n" : ".\n", out);
    }
    for (size_t row = 0; *line == '|'; row++, line = next_line(line))
        if (row != 1)
            table_row(out, line, columns);
    fputs(".TE\n.nh\n", out);
    return line;
}

void roff_markdown(FILE *out, const char *text)
{
    while (*text)
        if (*text == '\n')
            text++;
        else if (*text == '#')
            text = heading(out, text);
        else if (starts(text, "```"))
            text = fenced(out, text);
        else if (is_indented(text))
            text = indented(out, text);
        else if (*text == '|')
            text = table(out, text);
        else if (item_mark(text))
            text = item(out, text);
        else
            text = paragraph(out, text);
}
