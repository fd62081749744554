/* Charts that are no lines: spreads over the repeats, heat maps and histograms, drawn by gnuplot. */
#ifndef HO_REPORT_CHARTS_H
#define HO_REPORT_CHARTS_H

#include <stdint.h>

#include "base/error.h"
#include "record/record.h"

/* A dot for each repeat and a bar at the mean, side by side for each row. *svg stays NULL if no mean is known. */
ho_status ho_chart_spread(const char *const *names, const ho_statistic *const *figures, size_t rows, char **svg,
                          ho_error *error);
/* A square matrix with these names along both sides. */
ho_status ho_chart_heat(const double *matrix, int64_t size, const char *const *names, char **svg, ho_error *error);

/* A number, and which of two groups it belongs to. */
typedef struct ho_chart_entry {
    double value;
    int group;
} ho_chart_entry;

/* How many entries have which value, with a bar for each group side by side if there are two. */
ho_status ho_chart_histogram(const ho_chart_entry *entries, size_t count, bool two_groups, const char *x_title,
                             const char *y_title, char **svg, ho_error *error);

#endif
