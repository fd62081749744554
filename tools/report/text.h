/* Texts under construction, and texts inside HTML. */
#ifndef HO_REPORT_TEXT_H
#define HO_REPORT_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* A stream into memory: *text and *size are set when it is closed; free *text. Never NULL. */
FILE *ho_text_open(char **text, size_t *size);
/* Writes text with &, <, >, " and ' escaped. */
void ho_text_html(const char *text, FILE *html);

#endif
