#include "report/charts.h"

#include <math.h>
#include <string.h>

#include "report/gnuplot.h"
#include "report/plot.h"

/* ---- spreads ----------------------------------------------------------------------------------------------------- */

/* Whether the names would touch each other below the axis. */
static bool is_crowded(const char *const *names, size_t rows)
{
    size_t longest = 0;
    for (size_t r = 0; r < rows; r++)
        longest = strlen(names[r]) > longest ? strlen(names[r]) : longest;
    return longest * rows > 60;
}

/* Side by side in the order of the repeats, so that one split can be followed from row to row. */
static void put_repeats(ho_script *s, const ho_reals *values, size_t row)
{
    size_t count = 0;
    fprintf(s->text, "$row%zu << EOD\n", row);
    for (size_t i = 0; i < values->count; i++) {
        if (!isfinite(values->items[i]))
            continue;
        double aside = values->count > 1 ? ((double)i / (double)(values->count - 1) - 0.5) * 0.4 : 0;
        ho_script_real((double)row + aside, s->text);
        ho_script_real(values->items[i] * 100, s->text);
        fputc('\n', s->text);
        count++;
    }
    fputs("EOD\n", s->text);
    if (count == 0)
        return;
    ho_script_plot(s);
    fprintf(s->plots, "$row%zu using 1:2 with points pointtype 7 pointsize 0.7 linecolor rgb '%s'", row,
            ho_plot_colour(row));
}

ho_status ho_chart_spread(const char *const *names, const ho_statistic *const *figures, size_t rows, char **svg,
                          ho_error *error)
{
    ho_script s;
    ho_script_begin(&s, 520, 300);
    fprintf(s.text, "set xrange [-0.6:%zu.6]\nset format y '%%g %%%%'\nset xtics scale 0 (", rows - 1);
    for (size_t r = 0; r < rows; r++) {
        fputs(r ? ", " : "", s.text);
        ho_script_tic(names[r], s.text);
        fprintf(s.text, " %zu", r);
    }
    fprintf(s.text, ")\nset offsets 0, 0, graph 0.08, graph 0.08\n%sset errorbars 0\n",
            is_crowded(names, rows) ? "set xtics rotate by -35\n" : "");
    for (size_t r = 0; r < rows; r++) {
        if (!isfinite(figures[r]->mean))
            continue;
        put_repeats(&s, &figures[r]->values, r);
        fprintf(s.text, "$mean%zu << EOD\n%zu", r, r);
        ho_script_real(figures[r]->mean * 100, s.text);
        fputs("\nEOD\n", s.text);
        ho_script_plot(&s);
        fprintf(s.plots, "$mean%zu using 1:2:(0.32) with xerrorbars pointtype 0 linewidth 2.2 linecolor rgb '%s'", r,
                ho_plot_colour(r));
    }
    return ho_script_draw(&s, svg, error);
}

/* ---- heat maps --------------------------------------------------------------------------------------------------- */

/* About 25 names on a side are readable. */
static int64_t stride_of_names(int64_t size)
{
    return 1 + (size - 1) / 25;
}

static void put_axis(const char *const *names, char axis, int64_t size, FILE *out)
{
    fprintf(out, "set %ctics scale 0 %s(", axis, axis == 'x' ? "rotate by 40 right " : "");
    for (int64_t k = 0; k < size; k += stride_of_names(size)) {
        fputs(k ? ", " : "", out);
        ho_script_tic(names[k], out);
        fprintf(out, " %lld", (long long)k);
    }
    fputs(")\n", out);
}

/* Square cells, with room for the longest name at the left and, slanted, below. */
static void begin_heat(const char *const *names, int64_t size, ho_script *s)
{
    size_t longest = 1;
    for (int64_t k = 0; k < size; k += stride_of_names(size))
        longest = strlen(names[k]) > longest ? strlen(names[k]) : longest;
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
    put_axis(names, 'x', size, s->text);
    put_axis(names, 'y', size, s->text);
}

ho_status ho_chart_heat(const double *matrix, int64_t size, const char *const *names, char **svg, ho_error *error)
{
    double largest = 0;
    bool negative = false;
    for (int64_t i = 0; i < size * size; i++) {
        largest = fmax(largest, fabs(matrix[i]));
        negative = negative || matrix[i] < 0;
    }
    ho_script s;
    begin_heat(names, size, &s);
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
    fputs("EOD\n", s.text);
    ho_script_plot(&s);
    fputs("$m matrix with image pixels", s.plots);
    return ho_script_draw(&s, svg, error);
}

/* ---- histograms -------------------------------------------------------------------------------------------------- */

#define BINS 20

/* How many entries of each group lie in equal parts of the range from `from` to `to`. */
typedef struct bins {
    double from, to;
    size_t count[2][BINS];
} bins;

static void count_entries(const ho_chart_entry *entries, size_t count, bool two_groups, bins *b)
{
    *b = (bins){.to = 0};
    for (size_t i = 0; i < count; i++) {
        b->from = fmin(b->from, entries[i].value);
        b->to = fmax(b->to, entries[i].value);
    }
    /* Values between 0 and 1 are shown in that range, unless all are in a small part of it. */
    if ((b->to > 0.5 && b->to < 1) || b->to - b->from < 1e-100)
        b->to = 1;
    double size = (b->to - b->from) / BINS;
    for (size_t i = 0; i < count; i++) {
        double at = floor((entries[i].value - b->from) / size);
        int bin = at < BINS - 1 ? (int)at : BINS - 1;
        b->count[two_groups && entries[i].group > 0][bin]++;
    }
}

/* Whether the smallest bars would vanish beside the tallest. */
static bool is_steep(const bins *b)
{
    size_t least = SIZE_MAX, most = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < BINS; i++) {
            size_t count = b->count[k][i];
            least = count && count < least ? count : least;
            most = count > most ? count : most;
        }
    return most / least > 100;
}

ho_status ho_chart_histogram(const ho_chart_entry *entries, size_t count, bool two_groups, const char *x_title,
                             const char *y_title, char **svg, ho_error *error)
{
    bins b;
    ho_script s;
    count_entries(entries, count, two_groups, &b);
    bool steep = is_steep(&b);
    double size = (b.to - b.from) / BINS;
    ho_script_begin(&s, 520, 300);
    fprintf(s.text, "set style fill solid 1 noborder\nset xlabel '%s' textcolor rgb '#52606d'\n", x_title);
    fprintf(s.text, "set ylabel '%s%s' textcolor rgb '#52606d'\n", y_title, steep ? ", logarithmic" : "");
    fputs(steep ? "set logscale y\nset format y '%h'\nset yrange [0.5:*]\n" : "set yrange [0:*]\n", s.text);
    fputs("set xrange [", s.text);
    ho_script_real(b.from, s.text);
    fputs(" :", s.text);
    ho_script_real(b.to, s.text);
    fputs("]\n$bins << EOD\n", s.text);
    for (int i = 0; i < BINS; i++) {
        ho_script_real(b.from + (b.to - b.from) * (i + 0.5) / BINS, s.text);
        for (int k = 0; k < 2; k++)
            ho_script_real(b.count[k][i] ? (double)b.count[k][i] : (double)NAN, s.text);
        fputc('\n', s.text);
    }
    fputs("EOD\nset boxwidth", s.text);
    ho_script_real(size * (two_groups ? 0.4 : 0.84), s.text);
    fputs("\nshift =", s.text);
    ho_script_real(two_groups ? size * 0.21 : 0, s.text);
    fputc('\n', s.text);
    ho_script_plot(&s);
    fprintf(s.plots, "$bins using ($1 - shift):2 with boxes linecolor rgb '" HO_ORIGINAL_COLOUR "'");
    if (two_groups) {
        ho_script_plot(&s);
        fprintf(s.plots, "$bins using ($1 + shift):3 with boxes linecolor rgb '" HO_REPLACED_COLOUR "'");
    }
    return ho_script_draw(&s, svg, error);
}
