/* Writing manual pages. */
#ifndef HO_DOCS_ROFF_H
#define HO_DOCS_ROFF_H

#include <stddef.h>
#include <stdio.h>

/* The beginning of a page, up to its line under NAME. `name` as in "hotool-pipeline". */
void roff_begin(FILE *out, const char *name, int section, const char *about);
void roff_heading(FILE *out, const char *macro, const char *text); /* macro: "SH" or "SS" */

/* Characters as they are to be read: nothing in them is taken for a command of roff. */
void roff_plain(FILE *out, const char *text, size_t length);
/* The same with the marks of Markdown: `code` and **words** are bold, *words* are italic, of a link its text is left.
 */
void roff_marked(FILE *out, const char *text, size_t length);
/* Lines that stay as they are, each without its first `indent` characters. */
void roff_block(FILE *out, const char *text, size_t length, size_t indent);
/* Paragraphs with an empty line between; one that begins with blanks stays as it is. */
void roff_paragraphs(FILE *out, const char *text);

/* SDK guides, written in Markdown: the body of a page. */
void roff_markdown(FILE *out, const char *text);

#endif
