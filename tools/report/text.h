/* Texts under construction, and texts inside HTML. */
#ifndef HO_REPORT_TEXT_H
#define HO_REPORT_TEXT_H

#include <stdio.h>

/* Writes text with &, <, >, " and ' escaped. */
void ho_text_html(const char *text, FILE *html);

#endif
