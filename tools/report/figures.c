/* Curves, spreads and heat maps, drawn by gnuplot. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/gnuplot.h"

/* Points of a curve beyond which neighbours are left out: a page cannot show more. */
#define MOST_POINTS 400

const char *ho_report_colour(size_t row)
{
    static const char *const colours[] = {"#2f6690", "#d1603d", "#3a8f6b", "#8a5fa8",
                                          "#c99a2e", "#b5517a", "#2a9aa8", "#5b6b7b"};
    return colours[row % (sizeof colours / sizeof *colours)];
}

/* ---- curves ------------------------------------------------------------------------------------------------------ */

/* Mean, least and largest over the repeats that have this point; false: none has, or the axis cannot show it. */
static bool point(const ho_report_curve *curve, size_t i, bool logarithmic, double out[3])
{
    double sum = 0, least = INFINITY, largest = -INFINITY;
    size_t count = 0;
    for (size_t r = 0; r < curve->repeats; r++) {
        double v = curve->values[i * curve->repeats + r];
        if (!isfinite(v) || (logarithmic && v <= 0))
            continue;
        sum += v;
        least = fmin(least, v);
        largest = fmax(largest, v);
        count++;
    }
    if (count == 0)
        return false;
    out[0] = sum / (double)count;
    out[1] = least;
    out[2] = largest;
    return true;
}

static size_t put_points(const ho_report_curve *curve, bool logarithmic, FILE *out)
{
    size_t stride = 1 + (curve->length - 1) / MOST_POINTS, count = 0;
    for (size_t i = 0; i < curve->length; i++) {
        double values[3];
        if ((i % stride != 0 && i + 1 != curve->length) || !point(curve, i, logarithmic, values))
            continue;
        fprintf(out, "%zu", i + 1);
        for (int k = 0; k < 3; k++)
            ho_script_real(values[k], out);
        fputc('\n', out);
        count++;
    }
    return count;
}

ho_status ho_report_plot(const ho_report *report, ho_report_choice *choice, const char *name, bool logarithmic,
                         const char *axis, char **svg, ho_error *error)
{
    ho_script s;
    ho_script_begin(&s, 520, 300);
    fprintf(s.text, "set autoscale xfix\n%sset xlabel ", logarithmic ? "set logscale y\nset format y '%h'\n" : "");
    ho_script_quoted(axis, s.text);
    fputs(" textcolor rgb '#52606d'\n", s.text);
    char *plots = NULL;
    size_t length = 0, lines = 0;
    FILE *plot = ho_report_text(&plots, &length);
    for (size_t r = 0; r < report->row_count; r++) {
        const ho_report_curve *curve = choice(&report->rows[r], name);
        if (!curve || curve->length == 0)
            continue;
        fprintf(s.text, "$row%zu << EOD\n", r);
        size_t count = put_points(curve, logarithmic, s.text);
        fputs("EOD\n", s.text);
        if (count == 0)
            continue;
        const char *colour = ho_report_colour(r);
        fputs(lines++ ? ", " : "plot ", plot);
        if (curve->repeats > 1)
            fprintf(plot,
                    "$row%zu using 1:3:4 with filledcurves fillcolor rgb '%s' fillstyle transparent solid %s "
                    "noborder, ",
                    r, colour, report->row_count > 3 ? "0.08" : "0.15");
        fprintf(plot, "$row%zu using 1:2 with %s linewidth 2 pointtype 7 pointsize 0.5 linecolor rgb '%s'", r,
                count > 1 ? "lines" : "points", colour);
    }
    fclose(plot);
    fprintf(s.text, "%s\n", plots);
    free(plots);
    if (lines)
        return ho_script_draw(&s, svg, error);
    ho_script_drop(&s);
    return HO_OK;
}

/* ---- the spread over repeats ------------------------------------------------------------------------------------- */

/* Whether the rows' names would touch each other below the axis. */
static bool crowded(const ho_report *report)
{
    size_t longest = 0;
    for (size_t r = 0; r < report->row_count; r++)
        longest = strlen(report->rows[r].name) > longest ? strlen(report->rows[r].name) : longest;
    return longest * report->row_count > 60;
}

ho_status ho_report_spread(const ho_report *report, char **svg, ho_error *error)
{
    ho_script s;
    ho_script_begin(&s, 520, 300);
    fprintf(s.text, "set xrange [-0.6:%zu.6]\nset format y '%%g %%%%'\nset xtics scale 0 (", report->row_count - 1);
    for (size_t r = 0; r < report->row_count; r++) {
        fputs(r ? ", " : "", s.text);
        ho_script_quoted(report->rows[r].name, s.text);
        fprintf(s.text, " %zu", r);
    }
    fprintf(s.text, ")\nset offsets 0, 0, graph 0.08, graph 0.08\n%s",
            crowded(report) ? "set xtics rotate by -35\n" : "");
    char *plots = NULL;
    size_t length = 0, drawn = 0;
    FILE *plot = ho_report_text(&plots, &length);
    for (size_t r = 0; r < report->row_count; r++) {
        const ho_statistic *accuracy = &report->rows[r].test_accuracy;
        if (!accuracy->known)
            continue;
        fprintf(s.text, "$mean%zu << EOD\n%zu", r, r);
        ho_script_real(accuracy->mean * 100, s.text);
        fprintf(s.text, "\nEOD\n$row%zu << EOD\n", r);
        size_t count = 0;
        for (size_t i = 0; i < accuracy->count; i++) {
            if (!isfinite(accuracy->values[i]))
                continue;
            /* Side by side, in the order of the repeats, so that the same split can be followed from row to row. */
            double aside = accuracy->count > 1 ? ((double)i / (double)(accuracy->count - 1) - 0.5) * 0.4 : 0;
            ho_script_real((double)r + aside, s.text);
            ho_script_real(accuracy->values[i] * 100, s.text);
            fputc('\n', s.text);
            count++;
        }
        fputs("EOD\n", s.text);
        fputs(drawn++ ? ", " : "plot ", plot);
        if (count > 0)
            fprintf(plot, "$row%zu using 1:2 with points pointtype 7 pointsize 0.7 linecolor rgb '%s', ", r,
                    ho_report_colour(r));
        fprintf(plot, "$mean%zu using 1:2:(0.32) with xerrorbars pointtype 0 linewidth 2.2 linecolor rgb '%s'", r,
                ho_report_colour(r));
    }
    fclose(plot);
    fprintf(s.text, "unset errorbars\nset errorbars 0\n%s\n", plots);
    free(plots);
    if (drawn)
        return ho_script_draw(&s, svg, error);
    ho_script_drop(&s);
    return HO_OK;
}

/* ---- heat maps --------------------------------------------------------------------------------------------------- */

/* At most some 25 names a side stay readable. */
static int64_t stride_of_names(int64_t size)
{
    return 1 + (size - 1) / 25;
}

static void put_axis(const ho_report *report, char axis, int64_t size, FILE *out)
{
    fprintf(out, "set %ctics scale 0 %s(", axis, axis == 'x' ? "rotate by 40 right " : "");
    for (int64_t k = 0; k < size; k += stride_of_names(size)) {
        fputs(k ? ", " : "", out);
        ho_script_quoted(ho_report_class(report, size, k), out);
        fprintf(out, " %lld", (long long)k);
    }
    fputs(")\n", out);
}

/* Square cells, with room for the longest name at the left and, slanted, below. */
static void begin_heat(const ho_report *report, int64_t size, ho_script *s)
{
    size_t longest = 1;
    for (int64_t k = 0; k < size; k += stride_of_names(size)) {
        size_t length = strlen(ho_report_class(report, size, k));
        longest = length > longest ? length : longest;
    }
    const double width = 520, right = 76, top = 10;
    double left = fmin(20 + 6.5 * (double)longest, 200), bottom = 12 + 0.7 * left, side = width - left - right;
    double height = floor(side + top + bottom);
    ho_script_begin(s, (int)width, (int)height);
    fprintf(s->text,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
            "set bmargin at screen %.4f\nset tmargin at screen %.4f\n",
            left / width, (left + side) / width, 1 - (top + side) / height, 1 - top / height);
    fprintf(s->text, "unset grid\nset border 0\nset xrange [-0.5:%lld.5]\nset yrange [%lld.5:-0.5]\n",
            (long long)(size - 1), (long long)(size - 1));
    put_axis(report, 'x', size, s->text);
    put_axis(report, 'y', size, s->text);
}

ho_status ho_report_heat(const ho_report *report, const double *matrix, int64_t size, char **svg, ho_error *error)
{
    double largest = 0;
    bool negative = false;
    for (int64_t i = 0; i < size * size; i++) {
        largest = fmax(largest, fabs(matrix[i]));
        negative = negative || matrix[i] < 0;
    }
    ho_script s;
    begin_heat(report, size, &s);
    fprintf(s.text, "set palette defined (%s0 '#ffffff', 0.25 '#d5e3ee', 0.6 '#6f9fc4', 1 '#1d4568')\nset cbrange [",
            negative ? "-1 '#8f2d37', -0.5 '#dba3a8', " : "");
    double end = largest > 0 ? largest : 1;
    ho_script_real(negative ? -end : 0, s.text);
    fputs(" :", s.text);
    ho_script_real(end, s.text);
    fputs("]\nset colorbox noborder\nset cbtics scale 0 textcolor rgb '#52606d'\n$m << EOD\n", s.text);
    for (int64_t j = 0; j < size; j++) {
        for (int64_t k = 0; k < size; k++)
            ho_script_real(matrix[j * size + k], s.text);
        fputc('\n', s.text);
    }
    fputs("EOD\nplot $m matrix with image pixels\n", s.text);
    return ho_script_draw(&s, svg, error);
}
