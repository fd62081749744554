/* Scripts for gnuplot: how every figure begins, and how texts and numbers are written into one. */
#ifndef HO_REPORT_GNUPLOT_H
#define HO_REPORT_GNUPLOT_H

#include "report/internal.h"

/* A script under construction. */
typedef struct ho_script {
    FILE *text;
    char *bytes;
    size_t length;
} ho_script;

/* Starts a figure of so many pixels. End it with ho_script_draw or ho_script_drop. */
void ho_script_begin(ho_script *script, int width, int height);
ho_status ho_script_draw(ho_script *script, char **svg, ho_error *error);
void ho_script_drop(ho_script *script);

/* A string of gnuplot. Nothing is substituted between single quotes. */
void ho_script_quoted(const char *text, FILE *out);
/* A space and a number; NaN where it is not finite. */
void ho_script_real(double value, FILE *out);

#endif
