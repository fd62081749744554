#include "grid.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "report/text.h"

#define GAP      2
#define SHORTEST 12 /* a text is not made shorter */

typedef struct cell {
    char *text;
    bool marked;
} cell;

struct ho_grid {
    const char *columns;
    size_t width; /* columns */
    cell *cells;
    size_t count, capacity;
};

ho_grid *ho_grid_new(const char *columns)
{
    ho_grid *grid = ho_alloc(sizeof *grid);
    *grid = (ho_grid){.columns = columns, .width = strlen(columns)};
    return grid;
}

void ho_grid_free(ho_grid *grid)
{
    if (!grid)
        return;
    for (size_t i = 0; i < grid->count; i++)
        free(grid->cells[i].text);
    free(grid->cells);
    free(grid);
}

void ho_grid_put(ho_grid *grid, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = ho_format_args(format, args);
    va_end(args);
    ho_grow((void **)&grid->cells, &grid->capacity, grid->count, sizeof *grid->cells);
    grid->cells[grid->count++] = (cell){ho_plain(text), false};
    free(text);
}

void ho_grid_mark(ho_grid *grid)
{
    grid->cells[grid->count - 1].marked = true;
}

size_t ho_grid_rows(const ho_grid *grid)
{
    return grid->count / grid->width;
}

/* How many columns of a terminal a text takes, a character each. */
static size_t length_of(const char *text)
{
    size_t length = 0;
    while (*text) {
        ho_utf8_next(&text);
        length++;
    }
    return length;
}

/* The widest texts give way, as long as all columns could come to fit on a line. */
static void shorten(const ho_grid *grid, size_t *widths, size_t width)
{
    for (;;) {
        size_t all = 0, widest = grid->width;
        for (size_t c = 0; c < grid->width; c++) {
            all += widths[c] + GAP;
            if (grid->columns[c] == 'l' && widths[c] > SHORTEST &&
                (widest == grid->width || widths[c] > widths[widest]))
                widest = c;
        }
        if (all <= width || widest == grid->width)
            return;
        widths[widest]--;
    }
}

/* The column after those that fit on a line with the first, from `from` on; at least one, made to fit. */
static size_t end_of_block(const ho_grid *grid, size_t *widths, size_t from, size_t width)
{
    size_t used = GAP + widths[0], end = from;
    while (end < grid->width && used + GAP + widths[end] <= width)
        used += GAP + widths[end++];
    if (end > from || end == grid->width)
        return end;
    const size_t room = used + GAP < width ? width - used - GAP : 0;
    if (grid->columns[end] != 'r')
        widths[end] = room > SHORTEST ? room : SHORTEST;
    return end + 1;
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
    static const char dots[] = "...";
    const size_t length = length_of(text);
    if (length <= width) {
        const int blank = (int)(width - length);
        if (right)
            printf("%*s%s%s", GAP + blank, "", text, last ? "\n" : "");
        else
            printf("%*s%s%*s", GAP, "", text, last ? 0 : blank, "");
    } else {
        const char *end = text;
        for (size_t i = 0; i + strlen(dots) < width; i++)
            ho_utf8_next(&end);
        printf("%*s%.*s%s", GAP, "", (int)(end - text), text, dots);
    }
    if (last && !(right && length <= width))
        putchar('\n');
}

static void print_block(const ho_grid *grid, const size_t *widths, size_t from, size_t end)
{
    for (size_t i = 0; i < grid->count; i += grid->width) {
        print_cell(grid->cells[i].text, widths[0], grid->columns[0] == 'r', from == end);
        for (size_t c = from; c < end; c++)
            print_cell(grid->cells[i + c].text, widths[c], grid->columns[c] == 'r', c + 1 == end);
    }
}

void ho_grid_print(const ho_grid *grid, int width)
{
    size_t *widths = ho_alloc(grid->width * sizeof *widths);
    const size_t most = width > 0 ? (size_t)width : SIZE_MAX;
    for (size_t i = 0; i < grid->count; i++) {
        const size_t length = length_of(grid->cells[i].text), c = i % grid->width;
        widths[c] = length > widths[c] ? length : widths[c];
    }
    shorten(grid, widths, most);
    size_t from = 1;
    do {
        const size_t end = end_of_block(grid, widths, from, most);
        print_block(grid, widths, from, end);
        from = end;
        if (from < grid->width)
            putchar('\n');
    } while (from < grid->width);
    free(widths);
}

void ho_grid_html(const ho_grid *grid, FILE *html)
{
    fputs("<div class=\"card wide\"><table class=\"fits\">\n", html);
    for (size_t i = 0; i < grid->count; i++) {
        const size_t c = i % grid->width;
        const char *tag = i < grid->width ? "th" : "td";
        const bool marked = grid->cells[i].marked;
        fprintf(html, "%s<%s%s>%s", c == 0 ? "<tr>" : "", tag, grid->columns[c] == 'r' ? " class=\"n\"" : "",
                marked ? "<span class=\"mark\">" : "");
        ho_text_html(grid->cells[i].text, html);
        fprintf(html, "%s</%s>%s", marked ? "</span>" : "", tag, c + 1 == grid->width ? "</tr>\n" : "");
    }
    fputs("</table></div>\n", html);
}

int ho_terminal_width(void)
{
    struct winsize size = {0};
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
