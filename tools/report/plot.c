#include "report/plot.h"

#include <math.h>
#include <stdlib.h>

#include "report/gnuplot.h"

/* Positions on the x axis: a page cannot show more. */
#define MOST_POSITIONS 400

const char *ho_plot_colour(size_t row)
{
    static const char *const colours[] = {"#2f6690", "#d1603d", "#3a8f6b", "#8a5fa8",
                                          "#c99a2e", "#b5517a", "#2a9aa8", "#5b6b7b"};
    return colours[row % (sizeof colours / sizeof *colours)];
}

/* ---- from points to a line --------------------------------------------------------------------------------------- */

/* A series at each position: mean, least and largest over the repeats that reach it. */
typedef struct line {
    double at[MOST_POSITIONS], sum[MOST_POSITIONS], least[MOST_POSITIONS], largest[MOST_POSITIONS];
    size_t reaching[MOST_POSITIONS], count;
    size_t repeats;
} line;

static int earlier_first(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The points' own positions if they are few, else evenly from the first to the last. */
static void choose_positions(const ho_series *s, line *l)
{
    double *all = ho_alloc(s->count * sizeof *all);
    for (size_t i = 0; i < s->count; i++)
        all[i] = s->points[i].x;
    qsort(all, s->count, sizeof *all, earlier_first);
    size_t distinct = 0;
    for (size_t i = 0; i < s->count; i++)
        if (distinct == 0 || all[i] != all[distinct - 1])
            all[distinct++] = all[i];
    l->count = distinct < MOST_POSITIONS ? distinct : MOST_POSITIONS;
    for (size_t j = 0; j < l->count; j++)
        l->at[j] = distinct <= MOST_POSITIONS
                       ? all[j]
                       : all[0] + (all[distinct - 1] - all[0]) * (double)j / (double)(MOST_POSITIONS - 1);
    free(all);
}

static bool is_shown(const ho_point *point, bool logarithmic)
{
    return !logarithmic || point->value > 0;
}

static void add(line *l, size_t j, double value)
{
    l->least[j] = l->reaching[j] ? fmin(l->least[j], value) : value;
    l->largest[j] = l->reaching[j] ? fmax(l->largest[j], value) : value;
    l->sum[j] += value;
    l->reaching[j]++;
}

/* Adds a repeat at each position: the mean of its points nearby, or an interpolation between its neighbours, since
 * repeats may have points at different steps and end at different ones. `stays`: where it has ended its last value is
 * still right. */
static void add_repeat(line *l, const ho_point *points, size_t count, bool logarithmic, bool stays)
{
    const ho_point *before = NULL;
    size_t next = 0;
    for (size_t j = 0; j < l->count; j++) {
        double end = j + 1 < l->count ? (l->at[j] + l->at[j + 1]) / 2 : (double)INFINITY, sum = 0;
        size_t inside = 0;
        for (; next < count && (points[next].x < end || !is_shown(&points[next], logarithmic)); next++)
            if (is_shown(&points[next], logarithmic)) {
                before = &points[next];
                sum += before->value;
                inside++;
            }
        if (inside) {
            add(l, j, sum / (double)inside);
        } else if (before && next < count) {
            double part = (l->at[j] - before->x) / (points[next].x - before->x);
            add(l, j, before->value + part * (points[next].value - before->value));
        } else if (before && stays) {
            add(l, j, before->value);
        }
    }
}

static line *line_of(const ho_series *s, bool logarithmic)
{
    line *l = ho_alloc(sizeof *l);
    choose_positions(s, l);
    for (size_t from = 0, to; from < s->count; from = to) {
        for (to = from + 1; to < s->count && s->points[to].repeat == s->points[from].repeat;)
            to++;
        add_repeat(l, &s->points[from], to - from, logarithmic, s->of == HO_LOWEST_ERROR);
        l->repeats++;
    }
    return l;
}

/* ---- axes -------------------------------------------------------------------------------------------------------- */

/* The range of everything in a figure. */
typedef struct extent {
    double least, largest, last;
    size_t count;
} extent;

static void widen(extent *e, const ho_series *s)
{
    for (size_t i = 0; s && i < s->count; i++) {
        const ho_point *p = &s->points[i];
        e->least = e->count ? fmin(e->least, p->value) : p->value;
        e->largest = e->count ? fmax(e->largest, p->value) : p->value;
        e->last = fmax(e->last, p->x);
        e->count++;
    }
}

/* At most about eight round ticks: 0, 50k, 100k, ... */
static void put_axis(const ho_plot *plot, double last, FILE *out)
{
    static const double factors[] = {1, 2, 5, 10};
    double size = pow(10, floor(log10(fmax(last / 8, 1)))), tick = size;
    for (int i = 1; tick * 8 < last && i < 4; i++)
        tick = size * factors[i];
    const char *ending = last >= 2e6 ? "M" : last >= 1e4 ? "k" : "";
    double unit = *ending == 'M' ? 1e6 : *ending == 'k' ? 1e3 : 1;
    fprintf(out, "set xrange [%.0f:%.0f]\nset xtics ('%.0f' %.0f", plot->first, fmax(last, plot->first + 1),
            plot->first, plot->first);
    for (int i = 1; i * tick <= last; i++)
        if (i * tick > plot->first)
            fprintf(out, ", '%g%s' %.0f", i * tick / unit, ending, i * tick);
    fputs(")\nset xlabel ", out);
    ho_script_quoted(plot->axis, out);
    fputs(" textcolor rgb '#52606d'\n", out);
}

/* ---- the figure -------------------------------------------------------------------------------------------------- */

typedef struct figure {
    ho_script script;
    double factor;
    bool logarithmic;
    const char *opacity; /* of the range over the repeats */
    size_t blocks;       /* of data */
} figure;

/* From the first to the last of the positions that all repeats reach; *first > *last: there is none. */
static void common(const line *l, double *first, double *last)
{
    *first = INFINITY;
    *last = -INFINITY;
    for (size_t j = 0; j < l->count; j++)
        if (l->reaching[j] == l->repeats) {
            *first = fmin(*first, l->at[j]);
            *last = l->at[j];
        }
}

static bool put_point(const figure *f, const ho_point *p)
{
    if (!is_shown(p, f->logarithmic))
        return false;
    ho_script_real(p->x, f->script.text);
    ho_script_real(p->value * f->factor, f->script.text);
    fputc('\n', f->script.text);
    return true;
}

/* A thin line through `count` points, or as many of them as can be seen. */
static void put_thin(figure *f, const ho_point *points, size_t count, const char *colour, bool dashed)
{
    const size_t block = f->blocks++, stride = 1 + count / MOST_POSITIONS;
    fprintf(f->script.text, "$data%zu << EOD\n", block);
    for (size_t i = 0; i + 1 < count; i += stride)
        put_point(f, &points[i]);
    put_point(f, &points[count - 1]);
    fputs("EOD\n", f->script.text);
    ho_script_plot(&f->script);
    fprintf(f->script.plots, "$data%zu using 1:2 with lines linewidth 0.8 linecolor rgb '%s'%s", block, colour,
            dashed ? " dashtype (6,4)" : "");
}

/* A repeat before and after what all repeats reach: a mean of some of them would be a choice. */
static void put_outside(figure *f, const ho_point *points, size_t count, double first, double last, const char *colour,
                        bool dashed)
{
    size_t before = 0, after = count;
    while (before < count && points[before].x < first)
        before++;
    while (after > 0 && points[after - 1].x > last)
        after--;
    if (before == count && after == 0) { /* they have nothing in common */
        put_thin(f, points, count, colour, dashed);
        return;
    }
    if (before > 0)
        put_thin(f, points, before < count ? before + 1 : count, colour, dashed);
    if (after < count)
        put_thin(f, points + (after ? after - 1 : 0), count - (after ? after - 1 : 0), colour, dashed);
}

static void put_line(figure *f, const ho_series *s, const char *colour, bool dashed)
{
    line *l = line_of(s, f->logarithmic);
    size_t count = 0, block = f->blocks++;
    FILE *out = f->script.plots;
    double first, last;
    common(l, &first, &last);
    fprintf(f->script.text, "$data%zu << EOD\n", block);
    for (size_t j = 0; j < l->count; j++) {
        if (l->reaching[j] < l->repeats)
            continue;
        const double numbers[] = {l->at[j], l->sum[j] / (double)l->reaching[j] * f->factor, l->least[j] * f->factor,
                                  l->largest[j] * f->factor};
        for (int k = 0; k < 4; k++)
            ho_script_real(numbers[k], f->script.text);
        fputc('\n', f->script.text);
        count++;
    }
    fputs("EOD\n", f->script.text);
    if (count > 0 && l->repeats > 1 && !dashed) {
        ho_script_plot(&f->script);
        fprintf(out,
                "$data%zu using 1:3:4 with filledcurves fillcolor rgb '%s' fillstyle transparent solid %s noborder",
                block, colour, f->opacity);
    }
    if (count > 0) {
        ho_script_plot(&f->script);
        fprintf(out, "$data%zu using 1:2 with %s linewidth %s pointtype 7 pointsize 0.5 linecolor rgb '%s'%s", block,
                count > 1 ? "lines" : "points", dashed ? "1.4" : "2", colour,
                dashed && count > 1 ? " dashtype (6,4)" : "");
    }
    for (size_t from = 0, to; l->repeats > 1 && from < s->count; from = to) {
        for (to = from + 1; to < s->count && s->points[to].repeat == s->points[from].repeat;)
            to++;
        put_outside(f, &s->points[from], to - from, first, last, colour, dashed);
    }
    free(l);
}

/* Dots with a white rim, so that they stand out from lines of their colour. */
static void put_marks(figure *f, const ho_series *s, const char *colour)
{
    size_t count = 0, block = f->blocks++;
    fprintf(f->script.text, "$data%zu << EOD\n", block);
    for (size_t i = 0; i < s->count; i++)
        count += put_point(f, &s->points[i]);
    fputs("EOD\n", f->script.text);
    if (count == 0)
        return;
    ho_script_plot(&f->script);
    fprintf(f->script.plots,
            "$data%zu using 1:2 with points pointtype 7 pointsize 0.95 linecolor rgb '#ffffff', "
            "$data%zu using 1:2 with points pointtype 7 pointsize 0.65 linecolor rgb '%s'",
            block, block, colour);
}

static bool spans(double least, double largest, double factor)
{
    return least > 0 && largest > factor * least && isfinite(largest);
}

static bool is_logarithmic(ho_plot_scale scale, const extent *e)
{
    return scale == HO_PLOT_LOGARITHMIC || (scale == HO_PLOT_BY_RANGE && spans(e->least, e->largest, 1e3)) ||
           (scale == HO_PLOT_LOG && spans(e->least, e->largest, 4));
}

/* An axis on which equal factors of the odds are equally long, a little longer than the values reach. */
static void put_odds(const extent *e, FILE *out)
{
    double low = e->least / (1 - e->least) / 1.3, high = e->largest / (1 - e->largest) * 1.3;
    fputs("set nonlinear y via log(y/(1-y)) inverse 1/(1+exp(-y))\nset yrange [", out);
    ho_script_real(low / (1 + low), out);
    fputs(":", out);
    ho_script_real(high / (1 + high), out);
    fputs("]\nset ytics (0.0001, 0.001, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, "
          "0.999, 0.9999, 0.99999)\n",
          out);
}

ho_status ho_plot_draw(const ho_plot *plot, const ho_plot_lines *lines, size_t rows, char **svg, ho_error *error)
{
    extent e = {0};
    for (size_t r = 0; r < rows; r++) {
        widen(&e, lines[r].solid);
        widen(&e, lines[r].dashed);
    }
    *svg = NULL;
    if (e.count == 0)
        return HO_OK;
    figure f = {.factor = plot->percent ? 100 : 1, .opacity = rows > 3 ? "0.08" : "0.15"};
    f.logarithmic = is_logarithmic(plot->scale, &e);
    ho_script_begin(&f.script, 520, 300);
    put_axis(plot, e.last, f.script.text);
    if (f.logarithmic)
        fputs("set logscale y\nset format y '%h'\n", f.script.text);
    else if (plot->scale == HO_PLOT_LOGIT && spans(e.least / (1 - e.least), e.largest / (1 - e.largest), 4))
        put_odds(&e, f.script.text);
    else if (plot->percent)
        fputs("set format y '%g %%'\n", f.script.text);
    for (size_t r = 0; r < rows; r++)
        if (lines[r].dashed)
            put_line(&f, lines[r].dashed, ho_plot_colour(r), true);
    for (size_t r = 0; r < rows; r++)
        if (lines[r].solid)
            put_line(&f, lines[r].solid, ho_plot_colour(r), false);
    for (size_t r = 0; r < rows; r++)
        if (lines[r].marks)
            put_marks(&f, lines[r].marks, ho_plot_colour(r));
    return ho_script_draw(&f.script, svg, error);
}
