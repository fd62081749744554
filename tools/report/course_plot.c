/* Courses over training steps, drawn by gnuplot. Repeats need not tell of the same steps, nor end at the same one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/gnuplot.h"

/* Positions on the axis of steps: a page cannot show more. */
#define MOST_POSITIONS 400

/* ---- from points to a line --------------------------------------------------------------------------------------- */

/* A course at each position: over the repeats that reach it, mean, least and largest. */
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

/* The steps themselves where they are few, else evenly from the first to the last. */
static void choose_positions(const ho_report_course *course, line *l)
{
    double *steps = ho_alloc(course->count * sizeof *steps);
    for (size_t i = 0; i < course->count; i++)
        steps[i] = course->points[i].step;
    qsort(steps, course->count, sizeof *steps, earlier_first);
    size_t distinct = 0;
    for (size_t i = 0; i < course->count; i++)
        if (distinct == 0 || steps[i] != steps[distinct - 1])
            steps[distinct++] = steps[i];
    l->count = distinct < MOST_POSITIONS ? distinct : MOST_POSITIONS;
    for (size_t j = 0; j < l->count; j++)
        l->at[j] = distinct <= MOST_POSITIONS
                       ? steps[j]
                       : steps[0] + (steps[distinct - 1] - steps[0]) * (double)j / (double)(MOST_POSITIONS - 1);
    free(steps);
}

static bool shown(const ho_report_point *point, bool logarithmic)
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

/* One repeat's points: their mean around each position, or what lies between the neighbours. */
static void add_repeat(line *l, const ho_report_point *points, size_t count, bool logarithmic)
{
    const ho_report_point *before = NULL;
    size_t next = 0;
    for (size_t j = 0; j < l->count; j++) {
        double end = j + 1 < l->count ? (l->at[j] + l->at[j + 1]) / 2 : (double)INFINITY, sum = 0;
        size_t inside = 0;
        for (; next < count && (points[next].step < end || !shown(&points[next], logarithmic)); next++) {
            if (!shown(&points[next], logarithmic))
                continue;
            before = &points[next];
            sum += before->value;
            inside++;
        }
        if (inside) {
            add(l, j, sum / (double)inside);
        } else if (before && next < count) {
            double part = (l->at[j] - before->step) / (points[next].step - before->step);
            add(l, j, before->value + part * (points[next].value - before->value));
        }
    }
}

static line *line_of(const ho_report_course *course, bool logarithmic)
{
    line *l = ho_alloc(sizeof *l);
    choose_positions(course, l);
    for (size_t from = 0, to; from < course->count; from = to) {
        for (to = from + 1; to < course->count && course->points[to].repeat == course->points[from].repeat;)
            to++;
        add_repeat(l, &course->points[from], to - from, logarithmic);
        l->repeats++;
    }
    return l;
}

/* ---- the axes ---------------------------------------------------------------------------------------------------- */

/* The least and largest value, and the last step, of everything that a figure shows. */
typedef struct extent {
    double least, largest, last;
    size_t count;
} extent;

static void widen(extent *e, const ho_report_course *course)
{
    for (size_t i = 0; course && i < course->count; i++) {
        const ho_report_point *p = &course->points[i];
        e->least = e->count ? fmin(e->least, p->value) : p->value;
        e->largest = e->count ? fmax(e->largest, p->value) : p->value;
        e->last = fmax(e->last, p->step);
        e->count++;
    }
}

static const ho_report_course *chosen(ho_report_course_choice *choice, const ho_report_row *row, const char *name)
{
    const ho_report_course *course = choice ? choice(row, name) : NULL;
    return course && course->count ? course : NULL;
}

/* At most eight ticks at round steps: 0, 50k, 100k, ... */
static void put_steps(double last, FILE *out)
{
    static const double factors[] = {1, 2, 5, 10};
    double size = pow(10, floor(log10(fmax(last / 8, 1)))), tick = size;
    for (int i = 1; tick * 8 < last && i < 4; i++)
        tick = size * factors[i];
    const char *ending = last >= 2e6 ? "M" : last >= 1e4 ? "k" : "";
    double unit = *ending == 'M' ? 1e6 : *ending == 'k' ? 1e3 : 1;
    fprintf(out, "set xrange [0:%.0f]\nset xtics ('0' 0", fmax(last, 1));
    for (int i = 1; i * tick <= last; i++)
        fprintf(out, ", '%g%s' %.0f", i * tick / unit, ending, i * tick);
    fputs(")\nset xlabel 'training step' textcolor rgb '#52606d'\n", out);
}

/* ---- the figure -------------------------------------------------------------------------------------------------- */

/* A figure under construction: its data, and the command that plots them. */
typedef struct figure {
    FILE *data, *command;
    size_t drawn;
    double factor;
    bool logarithmic;
} figure;

static void put_line(figure *f, const ho_report_course *course, size_t row, bool dashed, bool faint)
{
    line *l = line_of(course, f->logarithmic);
    size_t count = 0, which = f->drawn;
    fprintf(f->data, "$line%zu << EOD\n", which);
    for (size_t j = 0; j < l->count; j++) {
        if (!l->reaching[j])
            continue;
        ho_script_real(l->at[j], f->data);
        ho_script_real(l->sum[j] / (double)l->reaching[j] * f->factor, f->data);
        ho_script_real(l->least[j] * f->factor, f->data);
        ho_script_real(l->largest[j] * f->factor, f->data);
        fputc('\n', f->data);
        count++;
    }
    fputs("EOD\n", f->data);
    const char *colour = ho_report_colour(row);
    if (count > 0) {
        fputs(f->drawn++ ? ", " : "plot ", f->command);
        if (l->repeats > 1 && !dashed)
            fprintf(f->command,
                    "$line%zu using 1:3:4 with filledcurves fillcolor rgb '%s' fillstyle transparent solid %s "
                    "noborder, ",
                    which, colour, faint ? "0.08" : "0.15");
        fprintf(f->command, "$line%zu using 1:2 with %s linewidth %s pointtype 7 pointsize 0.5 linecolor rgb '%s'%s",
                which, count > 1 ? "lines" : "points", dashed ? "1.4" : "2", colour,
                dashed && count > 1 ? " dashtype (6,4)" : "");
    }
    free(l);
}

/* Dots that stand out from lines of their colour: a white one below each. */
static void put_marks(figure *f, const ho_report_course *course, size_t row)
{
    size_t which = f->drawn, count = 0;
    fprintf(f->data, "$line%zu << EOD\n", which);
    for (size_t i = 0; i < course->count; i++) {
        if (!shown(&course->points[i], f->logarithmic))
            continue;
        ho_script_real(course->points[i].step, f->data);
        ho_script_real(course->points[i].value * f->factor, f->data);
        fputc('\n', f->data);
        count++;
    }
    fputs("EOD\n", f->data);
    if (count == 0)
        return;
    fputs(f->drawn++ ? ", " : "plot ", f->command);
    fprintf(f->command,
            "$line%zu using 1:2 with points pointtype 7 pointsize 0.95 linecolor rgb '#ffffff', "
            "$line%zu using 1:2 with points pointtype 7 pointsize 0.65 linecolor rgb '%s'",
            which, which, ho_report_colour(row));
}

static void put_rows(figure *f, const ho_report *report, const ho_report_course_plot *plot)
{
    bool faint = report->row_count > 3;
    for (size_t r = 0; r < report->row_count; r++) {
        const ho_report_course *course = chosen(plot->dashed, &report->rows[r], plot->name);
        if (course)
            put_line(f, course, r, true, faint);
    }
    for (size_t r = 0; r < report->row_count; r++) {
        const ho_report_course *course = chosen(plot->solid, &report->rows[r], plot->name);
        if (course)
            put_line(f, course, r, false, faint);
    }
    for (size_t r = 0; r < report->row_count; r++) {
        const ho_report_course *course = chosen(plot->marks, &report->rows[r], plot->name);
        if (course)
            put_marks(f, course, r);
    }
}

ho_status ho_report_plot_courses(const ho_report *report, const ho_report_course_plot *plot, char **svg,
                                 ho_error *error)
{
    extent e = {0};
    for (size_t r = 0; r < report->row_count; r++) {
        widen(&e, chosen(plot->solid, &report->rows[r], plot->name));
        widen(&e, chosen(plot->dashed, &report->rows[r], plot->name));
    }
    if (e.count == 0)
        return HO_OK;
    ho_script s;
    char *command = NULL;
    size_t length = 0;
    ho_script_begin(&s, 520, 300);
    bool wide = plot->by_range && e.least > 0 && e.largest > 1e3 * e.least;
    figure f = {s.text, ho_report_text(&command, &length), 0, plot->percent ? 100 : 1, plot->logarithmic || wide};
    put_steps(e.last, s.text);
    if (f.logarithmic)
        fputs("set logscale y\nset format y '%h'\n", s.text);
    else if (plot->percent)
        fputs("set format y '%g %%'\n", s.text);
    put_rows(&f, report, plot);
    fclose(f.command);
    fprintf(s.text, "%s\n", command);
    free(command);
    if (f.drawn)
        return ho_script_draw(&s, svg, error);
    ho_script_drop(&s);
    return HO_OK;
}
