/* A table of texts: for a terminal, whose width it keeps to, and for a page. */
#ifndef HO_TOOLS_GRID_H
#define HO_TOOLS_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "hotool/abi.h"

typedef struct ho_grid ho_grid;

/* `columns`: a letter for each, 'l' texts, 'w' texts that are worth a line of their own, 'r' numbers. Borrowed. */
ho_grid *ho_grid_new(const char *columns);
void ho_grid_free(ho_grid *grid); /* NULL is fine */
/* The next cell, row by row; the first row is the heading. */
void ho_grid_put(ho_grid *grid, const char *format, ...) HO_PRINTF(2, 3);
/* The last cell, a text, stands out on a page. */
void ho_grid_mark(ho_grid *grid);
size_t ho_grid_rows(const ho_grid *grid); /* with the heading */

/* Lines on stdout, indented by two. Where they are wider than `width` (0: any will do), texts are shortened, with "..."
 * at their end; then the columns go below each other in blocks, each with the first column. */
void ho_grid_print(const ho_grid *grid, int width);
void ho_grid_html(const ho_grid *grid, FILE *html);

/* Of the terminal that stdout is, in columns; 0: it is none. */
int ho_terminal_width(void);

#endif
