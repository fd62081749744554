/* The section with everything that changes during a run. */
#include <math.h>
#include <string.h>

#include "report/charts.h"
#include "report/page.h"
#include "report/plot.h"
#include "report/text.h"

/* The most figures of hyperparameters, and of tangents. */
#define MOST_NAMED 24

#define NONE (-1)

typedef struct figure {
    int solid, dashed, marks; /* ho_quantity or NONE */
    const char *caption;      /* of hyperparameters: what comes before the name */
    const char *note;
    bool named; /* one figure for each hyperparameter */
    ho_plot plot;
} figure;

#define STATIONARITY                                                                      \
    "Stationarity \xe2\x80\x96\xce\xbb \xe2\x88\x92 P(\xce\xbb \xe2\x88\x92 \xe2\x88\x87" \
    "E)\xe2\x80\x96"
#define DIGITS   "Digits that rounding leaves of the hypergradient"
#define TANGENTS "Norm of Z: \xe2\x80\x96\xe2\x88\x82s/\xe2\x88\x82\xce\xbb\xe2\x80\x96 for "

static const char outer[] = "outer iteration", candidate[] = "candidate", step[] = "training step";

/* clang-format off */
static const figure figures[] = {
    {HO_OUTER_ERROR, NONE, NONE, "Validation error", NULL, false, {outer, 1, HO_PLOT_LINEAR, false}},
    {HO_LOWEST_ERROR, NONE, NONE, "Lowest validation error so far, by search", NULL, false,
     {candidate, 1, HO_PLOT_LINEAR, false}},
    {HO_STATIONARITY, NONE, NONE, STATIONARITY, "0 at a stationary point. Logarithmic.", false,
     {outer, 1, HO_PLOT_LOGARITHMIC, false}},
    {HO_OUTER_DIGITS, NONE, NONE, DIGITS, "An estimate.", false, {outer, 1, HO_PLOT_LINEAR, false}},
    {HO_OUTER_HYPER, NONE, NONE, "", NULL, true, {outer, 1, HO_PLOT_LINEAR, false}},
    {HO_VALIDATION_ERROR_COURSE, HO_TRAINING_ERROR, HO_BEST_EVALUATION, "Error during training",
     "Solid: validation; dashed: training. A dot marks the best evaluation.", false,
     {step, 0, HO_PLOT_BY_RANGE, false}},
    {HO_VALIDATION_ACCURACY_COURSE, NONE, NONE, "Validation accuracy during training", NULL, false,
     {step, 0, HO_PLOT_LINEAR, true}},
    {HO_UPDATE_ERROR, NONE, NONE, "Validation error at the updates",
     "On the validation examples that each update of the hyperparameters uses.", false,
     {step, 0, HO_PLOT_BY_RANGE, false}},
    {HO_GRADIENT_NORM, NONE, NONE, "Norm of the hypergradient", "Logarithmic.", false,
     {step, 0, HO_PLOT_LOGARITHMIC, false}},
    {HO_ONLINE_DIGITS, NONE, NONE, DIGITS, "An estimate.", false, {step, 0, HO_PLOT_LINEAR, false}},
    {HO_ONLINE_HYPER, NONE, NONE, "", NULL, true, {step, 0, HO_PLOT_LINEAR, false}},
    {HO_TANGENT_NORM, NONE, NONE, TANGENTS, "Logarithmic. Growth is a sign of unstable dynamics.", true,
     {step, 0, HO_PLOT_LOGARITHMIC, false}},
};
/* clang-format on */

static const ho_series *find(const ho_report_row *row, int of, const char *name)
{
    return of == NONE ? NULL : ho_series_find(&row->series, (ho_quantity)of, name);
}

static void put_card(ho_page *page, const char *caption, const char *note, char *svg, const ho_error *why)
{
    if (!svg && why->status == HO_OK)
        return;
    fputs("<div class=\"card\">", page->html);
    ho_page_figure(page, caption, note, svg, why);
    fputs("</div>\n", page->html);
}

/* What is to be said of a figure: its note, and the rows' remarks. */
static const char *note_of(const ho_report_run *run, const figure *f, const char *name)
{
    const char *note = f->note;
    for (size_t r = 0; r < run->row_count; r++) {
        const ho_series *s = find(&run->rows[r], f->solid, name);
        if (s && s->remark)
            note =
                ho_arena_format(run->arena, "%s %s%s%s", note ? note : "", run->row_count > 1 ? run->rows[r].name : "",
                                run->row_count > 1 ? ": " : "", s->remark);
    }
    return note;
}

/* A hyperparameter's figure is on its scale: the last row's that has one. */
static ho_plot_scale scale_of(const ho_report_run *run, const figure *f, const char *name)
{
    const char *found = NULL;
    if (f->solid != HO_OUTER_HYPER && f->solid != HO_ONLINE_HYPER)
        return f->plot.scale;
    for (size_t r = 0; r < run->row_count; r++) {
        const ho_row *row = run->rows[r].record;
        for (size_t i = 0; i < row->scales.count; i++)
            if (strcmp(row->scales.items[i].name, name) == 0)
                found = row->scales.items[i].scale;
    }
    return !found ? HO_PLOT_LINEAR : strcmp(found, "logit") == 0 ? HO_PLOT_LOGIT : HO_PLOT_LOG;
}

static void put_figure(ho_page *page, const figure *f, const char *name)
{
    const ho_report_run *run = page->run;
    ho_plot_lines *lines = ho_arena_alloc(run->arena, run->row_count * sizeof *lines);
    for (size_t r = 0; r < run->row_count; r++)
        lines[r] = (ho_plot_lines){find(&run->rows[r], f->solid, name), find(&run->rows[r], f->dashed, name),
                                   find(&run->rows[r], f->marks, name)};
    char *svg = NULL;
    ho_error why = {0};
    ho_plot plot = f->plot;
    plot.scale = scale_of(run, f, name);
    ho_plot_draw(&plot, lines, run->row_count, &svg, &why);
    put_card(page, ho_arena_format(run->arena, "%s%s", f->caption, name), note_of(run, f, name), svg, &why);
}

/* Whether a row before this one has the series, which then has its figure. */
static bool is_known(const ho_report_run *run, size_t row, const ho_series *s)
{
    for (size_t r = 0; r < row; r++)
        if (ho_series_find(&run->rows[r].series, s->of, s->name))
            return true;
    return false;
}

/* One figure for each name that any row has. */
static void put_named(ho_page *page, const figure *f)
{
    const ho_report_run *run = page->run;
    size_t put = 0, left_out = 0;
    for (size_t r = 0; r < run->row_count; r++)
        for (size_t i = 0; i < run->rows[r].series.count; i++) {
            const ho_series *s = &run->rows[r].series.items[i];
            if ((int)s->of != f->solid || is_known(run, r, s))
                continue;
            if (put == MOST_NAMED)
                left_out++;
            else if (++put)
                put_figure(page, f, s->name);
        }
    if (left_out)
        fprintf(page->html, "<p class=\"note\">%zu more hyperparameters are not shown.</p>\n", left_out);
}

/* Test accuracies, where there are several. */
static void put_spread(ho_page *page)
{
    const ho_report_run *run = page->run;
    const char **names = ho_arena_alloc(run->arena, run->row_count * sizeof *names);
    const ho_statistic **accuracies = ho_arena_alloc(run->arena, run->row_count * sizeof *accuracies);
    for (size_t r = 0; r < run->row_count; r++) {
        names[r] = run->rows[r].name;
        accuracies[r] = &run->rows[r].record->figures[HO_TEST_ACCURACY];
    }
    char *svg = NULL;
    ho_error why = {0};
    if (run->row_count > 1 || accuracies[0]->values.count > 1)
        ho_chart_spread(names, accuracies, run->row_count, &svg, &why);
    put_card(page, "Test accuracy of every repeat; the bar is the mean", NULL, svg, &why);
}

static void put_notes(const ho_page *page)
{
    const ho_report_run *run = page->run;
    bool repeats = false;
    for (size_t r = 0; r < run->row_count; r++)
        repeats = repeats || run->rows[r].record->folders.count > 1;
    if (repeats)
        fputs("<p class=\"note\">Lines are means over the repeats; bands reach from the smallest value to the largest. "
              "Where the first of the repeats has ended, the others go on as thin lines, each by itself.</p>\n",
              page->html);
    if (run->row_count == 1)
        return;
    fputs("<div class=\"legend\">", page->html);
    for (size_t r = 0; r < run->row_count; r++) {
        fputs("<span>", page->html);
        ho_page_chip(page, r);
        ho_text_html(run->rows[r].name, page->html);
        fputs("</span>", page->html);
    }
    fputs("</div>\n", page->html);
}

static bool has_curves(const ho_report_run *run)
{
    bool some = false;
    for (size_t r = 0; r < run->row_count; r++)
        some = some || run->rows[r].series.count > 0 ||
               (run->row_count > 1 && isfinite(run->rows[r].record->figures[HO_TEST_ACCURACY].mean));
    return some;
}

void ho_page_curves(ho_page *page)
{
    if (!has_curves(page->run))
        return;
    fputs("<h2>Curves</h2>\n", page->html);
    put_notes(page);
    fputs("<div class=\"grid\">\n", page->html);
    put_spread(page);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (figures[i].named)
            put_named(page, &figures[i]);
        else
            put_figure(page, &figures[i], "");
    fputs("</div>\n", page->html);
}
