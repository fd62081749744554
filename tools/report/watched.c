/* Which figures show trainings that were watched while they ran. */
#include <stdlib.h>
#include <string.h>

#include "report/internal.h"

static const ho_report_course *training_error(const ho_report_row *row, const char *name)
{
    (void)name;
    return &row->watched.training_error;
}

static const ho_report_course *validation_error(const ho_report_row *row, const char *name)
{
    (void)name;
    return &row->watched.validation_error;
}

static const ho_report_course *best(const ho_report_row *row, const char *name)
{
    (void)name;
    return &row->watched.best;
}

static const ho_report_course *validation_accuracy(const ho_report_row *row, const char *name)
{
    (void)name;
    return &row->watched.validation_accuracy;
}

static const ho_report_course *update_error(const ho_report_row *row, const char *name)
{
    (void)name;
    return &row->watched.update_error;
}

static const ho_report_course *gradient_norm(const ho_report_row *row, const char *name)
{
    (void)name;
    return &row->watched.gradient_norm;
}

static const ho_report_course *find(const ho_report_course_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return list->items[i].count ? &list->items[i] : NULL;
    return NULL;
}

static const ho_report_course *hyper(const ho_report_row *row, const char *name)
{
    return find(&row->watched.hypers, name);
}

static const ho_report_course *tangent(const ho_report_row *row, const char *name)
{
    return find(&row->watched.tangents, name);
}

static ho_status draw(const ho_report *report, ho_report_pictures *p, const ho_report_course_plot *plot,
                      const char *caption, const char *note, ho_error *error)
{
    char *svg = NULL;
    if (ho_report_plot_courses(report, plot, &svg, error) == HO_OK)
        ho_report_add_figure(p, caption, note, svg);
    return error->status;
}

/* One figure for each name that any row has. */
static ho_status draw_list(const ho_report *report, ho_report_pictures *p, bool tangents, ho_error *error)
{
    ho_report_course_choice *choice = tangents ? tangent : hyper;
    size_t drawn = 0;
    for (size_t r = 0; r < report->row_count; r++) {
        const ho_report_watched *w = &report->rows[r].watched;
        const ho_report_course_list *list = tangents ? &w->tangents : &w->hypers;
        for (size_t i = 0; i < list->count; i++) {
            const char *name = list->items[i].name;
            bool seen = list->items[i].count == 0;
            for (size_t before = 0; before < r && !seen; before++)
                seen = choice(&report->rows[before], name) != NULL;
            if (seen)
                continue;
            if (drawn++ >= HO_REPORT_MOST_CURVES) {
                p->curves_left_out += !tangents;
                continue;
            }
            ho_report_course_plot plot = {.solid = choice, .name = name, .logarithmic = tangents};
            const char *caption = tangents ? ho_arena_format(report->arena,
                                                             "Norm of Z: \xe2\x80\x96\xe2\x88\x82s/\xe2\x88\x82\xce\xbb"
                                                             "\xe2\x80\x96 for %s",
                                                             name)
                                           : name;
            const char *note = tangents ? "Logarithmic. Growth is the warning sign of unstable dynamics." : NULL;
            if (draw(report, p, &plot, caption, note, error) != HO_OK)
                return error->status;
        }
    }
    return HO_OK;
}

ho_status ho_report_draw_watched(const ho_report *report, ho_report_pictures *p, ho_error *error)
{
    bool training = false, validation = false;
    for (size_t r = 0; r < report->row_count; r++) {
        training = training || report->rows[r].watched.training_error.count;
        validation = validation || report->rows[r].watched.validation_error.count;
    }
    const ho_report_course_plot errors = {
        .solid = validation_error, .dashed = training_error, .marks = best, .by_range = true};
    const ho_report_course_plot accuracy = {.solid = validation_accuracy, .percent = true};
    const ho_report_course_plot samples = {.solid = update_error, .by_range = true};
    const ho_report_course_plot norm = {.solid = gradient_norm, .logarithmic = true};
    const char *which = training && validation ? "Validation error and training error, while training"
                        : training             ? "Training error, while training"
                                               : "Validation error, while training";
    const char *how = training && validation ? "Solid: validation; dashed: training. A dot marks the best look."
                      : validation           ? "A dot marks the best look."
                                             : NULL;
    if (draw(report, p, &errors, which, how, error) != HO_OK ||
        draw(report, p, &accuracy, "Validation accuracy, while training", NULL, error) != HO_OK ||
        draw(report, p, &samples, "Validation error that the updates descend",
             "On the validation examples of each update of the hyperparameters.", error) != HO_OK ||
        draw(report, p, &norm, "Norm of the hypergradient", "Logarithmic.", error) != HO_OK ||
        draw_list(report, p, false, error) != HO_OK)
        return error->status;
    return draw_list(report, p, true, error);
}
