/* Scripts for gnuplot: how every figure begins, and how texts and numbers are written. */
#ifndef HO_REPORT_GNUPLOT_H
#define HO_REPORT_GNUPLOT_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* A script under construction. Data blocks go to `text`, the pieces of the plot command to `plots`; `drawn` counts the
 * pieces. */
typedef struct ho_script {
    FILE *text, *plots;
    char *bytes, *plot_bytes;
    size_t length, plot_length, drawn;
} ho_script;

/* Starts a figure of this size in pixels. End it with ho_script_draw. */
void ho_script_begin(ho_script *script, int width, int height);
/* A new piece of the plot command: the text follows on script->plots. */
void ho_script_plot(ho_script *script);
/* Draws the figure; *svg stays NULL if nothing is plotted. free() it. */
ho_status ho_script_draw(ho_script *script, char **svg, ho_error *error);

/* A gnuplot string. Nothing is substituted between single quotes. */
void ho_script_quoted(const char *text, FILE *out);
/* The same for a label of an axis's tic, which is a format for numbers too. */
void ho_script_tic(const char *text, FILE *out);
/* A space and a number; NaN if it is not finite. */
void ho_script_real(double value, FILE *out);

#endif
