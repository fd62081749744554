/* Lines over outer iterations or training steps, drawn by gnuplot. */
#ifndef HO_REPORT_PLOT_H
#define HO_REPORT_PLOT_H

#include "report/series.h"

/* What is drawn in one colour: each may be NULL. */
typedef struct ho_plot_lines {
    const ho_series *solid, *dashed, *marks;
} ho_plot_lines;

typedef enum ho_plot_scale {
    HO_PLOT_LINEAR,
    HO_PLOT_LOGARITHMIC,
    HO_PLOT_BY_RANGE, /* logarithmic if the values span more than three powers of ten */
    HO_PLOT_LOG,      /* of a hyperparameter on such a scale: where its values span a factor of four */
    HO_PLOT_LOGIT,    /* where their odds x/(1 - x) do */
} ho_plot_scale;

typedef struct ho_plot {
    const char *axis; /* title of the x axis */
    double first;     /* where it starts */
    ho_plot_scale scale;
    bool percent;
} ho_plot;

/* Of training examples whose label is the original one, or unknown, and of those whose label noise replaced: colours
 * that no row has. */
#define HO_ORIGINAL_COLOUR "#94a3b3"
#define HO_REPLACED_COLOUR "#a4161a"

/* The colour of row `row` of the run ("#rrggbb"). */
const char *ho_plot_colour(size_t row);
/* Draws the mean over the repeats as far as all of them reach, behind solid lines their range, and before and after
 * that thin lines for each. lines[row] has the row's colour. *svg stays NULL
 * if there is nothing to draw; free() it. */
ho_status ho_plot_draw(const ho_plot *plot, const ho_plot_lines *lines, size_t rows, char **svg, ho_error *error);

#endif
