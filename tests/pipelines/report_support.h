/* Run folders made by hand: files, looks at the page, refusals, and a browser. */
#ifndef REPORT_SUPPORT_H
#define REPORT_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

/* Every test stands in a new folder; afterwards it is removed. For .init and .fini. */
void report_enter(void);
void report_leave(void);

/* ---- files; texts returned live until the test leaves ------------------------------------------------------------ */

/* Writes a file; folders on its way are made. */
void report_write_text(const char *path, const char *text);
const char *report_read_text(const char *path);
/* A matrix of size x size, and an array of any shape, as .npy. */
void report_write_matrix(const char *path, int64_t size, const double *values);
void report_write_array(const char *path, int rank, const int64_t *dims, const double *values);
/* Replaces the first occurrence of a fragment, which must be there. */
void report_change(const char *path, const char *from, const char *to);

/* ---- looks at texts ---------------------------------------------------------------------------------------------- */

/* Fails the test unless the piece is there. */
void report_holds(const char *text, const char *piece);
size_t report_count_of(const char *text, const char *piece);
/* The row of the table of results with this name. */
const char *report_row_of(const char *page, const char *name);
/* The page of run/, as written. */
const char *report_page_of_run(void);
/* Fails the test where the page would fetch anything. */
void report_expect_self_contained(const char *page);

/* Fails the test unless the folder is refused with one line that holds both pieces, and nothing was written. `what`
 * names the case. */
void report_expect_refused(const char *what, const char *folder, const char *piece, const char *other);

/* ---- in a browser ------------------------------------------------------------------------------------------------ */

/* Skips the test where there is no browser. */
void report_need_browser(void);
/* The document as the browser has it after loading goes to dom.html, and what the browser said to browser.log. */
void report_browse(const char *page);
/* Fails the test where anything came on the console. */
void report_expect_calm(void);

#endif
