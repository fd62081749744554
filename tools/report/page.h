/* The page under construction, and the files that come with it. Nothing on the page is fetched from anywhere: style and
 * pictures are inside. */
#ifndef HO_REPORT_PAGE_H
#define HO_REPORT_PAGE_H

#include <stdio.h>

#include "report/folder.h"

/* A file for the run folder. */
typedef struct ho_page_file {
    const char *name; /* in the arena of the run */
    char *bytes;
    size_t size;
} ho_page_file;

typedef struct ho_page {
    const ho_report_run *run;
    FILE *html;
    bool in_folder; /* the page will be in the run folder, so that it may link to files there */
    int drawings;   /* so far */
    ho_page_file *files;
    size_t file_count, file_capacity;
    ho_error undrawn; /* why the first drawing failed that did */
} ho_page;

/* A drawing with its caption (note may be NULL). Frees the SVG. Where that is NULL, the place says why it failed, which
 * is then the page's outcome too; nothing happens where it did not. */
void ho_page_figure(ho_page *page, const char *caption, const char *note, char *svg, const ho_error *why);
/* A file for the run folder; takes the bytes over. */
void ho_page_file_add(ho_page *page, const char *name, char *bytes, size_t size);
/* "FIRST-SECONDENDING" as a file name: all but letters, digits, '.', '_' and '-' become '_'. In the arena of the run.
 */
const char *ho_page_file_name(const ho_page *page, const char *first, const char *second, const char *ending);
/* A square of a row's colour. */
void ho_page_chip(const ho_page *page, size_t row);

/* Sections, each with its heading; nothing if there is nothing to show. */
void ho_page_results(ho_page *page);                        /* results.c */
void ho_page_relations(ho_page *page);                      /* relations_section.c */
ho_status ho_page_examples(ho_page *page, ho_error *error); /* examples_section.c */
void ho_page_curves(ho_page *page);                         /* curves_section.c */

/* Up to the title. Nothing on a page is fetched from anywhere. */
#define HO_PAGE_HEAD                                                                                         \
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"                                \
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"                             \
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; " \
    "img-src data:\">\n"
extern const char ho_page_style[];

#endif
