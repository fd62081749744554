/* From a run folder to its report: read everything, draw everything, and only then write. */
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/examples.h"

/* Graphs with their heat maps on one page. */
#define MOST_RELATIONS 8

/* ---- which curves ------------------------------------------------------------------------------------------------ */

static bool steered(const ho_report_row *row)
{
    return strcmp(row->strategy, "hypergradient") == 0;
}

static const ho_report_curve *steered_error(const ho_report_row *row, const char *name)
{
    (void)name;
    return steered(row) ? &row->error : NULL;
}

static const ho_report_curve *searched_error(const ho_report_row *row, const char *name)
{
    (void)name;
    return steered(row) || strcmp(row->strategy, "none") == 0 ? NULL : &row->error;
}

static const ho_report_curve *stationarity(const ho_report_row *row, const char *name)
{
    (void)name;
    return &row->stationarity;
}

static const ho_report_curve *hyper(const ho_report_row *row, const char *name)
{
    for (size_t i = 0; i < row->curve_count; i++)
        if (strcmp(row->curves[i].name, name) == 0)
            return &row->curves[i];
    return NULL;
}

void ho_report_add_figure(ho_report_pictures *p, const char *caption, const char *note, char *svg)
{
    if (!svg)
        return;
    ho_grow((void **)&p->figures, &p->figure_capacity, p->figure_count, sizeof *p->figures);
    p->figures[p->figure_count++] = (ho_report_figure){caption, note, svg};
}

static ho_status plot(const ho_report *report, ho_report_pictures *p, ho_report_choice *choice, const char *name,
                      bool logarithmic, const char *axis, const char *caption, ho_error *error)
{
    char *svg = NULL;
    if (ho_report_plot(report, choice, name, logarithmic, axis, &svg, error) == HO_OK)
        ho_report_add_figure(p, caption, NULL, svg);
    return error->status;
}

/* Whether an earlier curve, of this row or one before, has this name. */
static bool seen(const ho_report *report, size_t row, size_t curve)
{
    const char *name = report->rows[row].curves[curve].name;
    for (size_t r = 0; r < row; r++)
        if (hyper(&report->rows[r], name) && hyper(&report->rows[r], name)->length)
            return true;
    return report->rows[row].curves[curve].length == 0;
}

static ho_status draw_hypers(const ho_report *report, ho_report_pictures *p, const char *axis, ho_error *error)
{
    size_t drawn = 0;
    for (size_t r = 0; r < report->row_count; r++)
        for (size_t i = 0; i < report->rows[r].curve_count; i++) {
            if (seen(report, r, i))
                continue;
            if (drawn++ >= HO_REPORT_MOST_CURVES) {
                p->curves_left_out++;
                continue;
            }
            const char *name = report->rows[r].curves[i].name;
            if (plot(report, p, hyper, name, false, axis, name, error) != HO_OK)
                return error->status;
        }
    return HO_OK;
}

static ho_status draw_curves(const ho_report *report, ho_report_pictures *p, ho_error *error)
{
    const char *axis = "outer iteration";
    bool several = false;
    for (size_t r = 0; r < report->row_count; r++)
        several = several || report->row_count > 1 || report->rows[r].test_accuracy.count > 1;
    char *spread = NULL;
    if (several && ho_report_spread(report, &spread, error) != HO_OK)
        return error->status;
    ho_report_add_figure(p, "Test accuracy of every repeat; the bar is the mean", NULL, spread);
    if (plot(report, p, steered_error, "", false, axis, "Validation error", error) != HO_OK ||
        plot(report, p, searched_error, "", false, "candidate", "Least validation error so far, by search", error) !=
            HO_OK ||
        plot(report, p, stationarity, "", true, axis,
             "Stationarity \xe2\x80\x96\xce\xbb \xe2\x88\x92 P(\xce\xbb \xe2\x88\x92 \xe2\x88\x87"
             "E)\xe2\x80\x96, 0 at a stationary point",
             error) != HO_OK)
        return error->status;
    if (draw_hypers(report, p, axis, error) != HO_OK)
        return error->status;
    return ho_report_draw_watched(report, p, error);
}

/* ---- relations --------------------------------------------------------------------------------------------------- */

static void gather_relations(const ho_report *report, ho_report_pictures *p)
{
    for (size_t r = 0; r < report->row_count; r++)
        for (size_t i = 0; i < report->rows[r].hyper_count; i++) {
            if (!report->rows[r].hypers[i].square)
                continue;
            ho_grow((void **)&p->relations, &p->relation_capacity, p->relation_count, sizeof *p->relations);
            p->relations[p->relation_count++] =
                (ho_report_relation){.row = &report->rows[r], .hyper = &report->rows[r].hypers[i], .auc = (double)NAN};
        }
    if (p->relation_count > MOST_RELATIONS) {
        p->relations_left_out = p->relation_count - MOST_RELATIONS;
        p->relation_count = MOST_RELATIONS;
    }
}

const char *ho_report_file_name(const ho_report *report, const char *first, const char *second, const char *ending)
{
    char *name = ho_arena_format(report->arena, "%s-%s%s", first, second, ending);
    for (char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c))
            *c = '_';
    return name;
}

static const char *relation_file(const ho_report *report, const ho_report_pictures *p, size_t which)
{
    if (p->relation_count == 1)
        return "relations";
    const ho_report_relation *relation = &p->relations[which];
    bool alone = true;
    for (size_t i = 0; i < p->relation_count; i++)
        alone = alone && (i == which || p->relations[i].row != relation->row);
    const char *hyper = alone ? "" : ho_arena_format(report->arena, "-%s", relation->hyper->name);
    return ho_report_file_name(report, "relations", relation->row->name, hyper);
}

static ho_status draw_relations(const ho_report *report, ho_report_pictures *p, ho_error *error)
{
    gather_relations(report, p);
    bool fits = false;
    for (size_t i = 0; i < p->relation_count; i++) {
        ho_report_relation *relation = &p->relations[i];
        const double *matrix = relation->hyper->square;
        int64_t size = relation->hyper->dims[0];
        relation->file = relation_file(report, p, i);
        if (report->planted && report->planted_size == size) {
            fits = true;
            relation->auc = ho_relations_auc(matrix, report->planted, size);
        }
        relation->dot = ho_relations_dot(report, matrix, size, ho_relations_most(size));
        if (ho_relations_svg(relation->dot, &relation->graph, error) != HO_OK ||
            ho_report_heat(report, matrix, size, &relation->heat, error) != HO_OK)
            return error->status;
    }
    if (!fits)
        return HO_OK;
    size_t pairs = (size_t)(report->planted_size * report->planted_size);
    char *dot = ho_relations_dot(report, report->planted, report->planted_size, pairs);
    ho_status status = ho_relations_svg(dot, &p->planted, error);
    free(dot);
    if (status == HO_OK)
        status = ho_report_heat(report, report->planted, report->planted_size, &p->planted_heat, error);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static ho_status write_beside(const ho_report *report, const char *name, const char *ending, const char *text,
                              ho_error *error)
{
    char *path = ho_format("%s/%s%s", report->folder, name, ending);
    ho_status status = ho_file_write(path, text, strlen(text), error);
    free(path);
    return status;
}

static ho_status write_all(const ho_report *report, const ho_report_pictures *p, const char *out, ho_error *error)
{
    char *page = NULL;
    size_t size = 0;
    FILE *html = ho_report_text(&page, &size);
    ho_report_page(report, p, html);
    bool whole = !ferror(html);
    if (fclose(html) != 0 || !whole) {
        free(page);
        return ho_fail(error, HO_FAILED, "out of memory for the report's page");
    }
    char *path = out ? ho_strdup(out) : ho_format("%s/report.html", report->folder);
    ho_file_write(path, page, size, error);
    for (size_t i = 0; i < p->relation_count && error->status == HO_OK; i++) {
        write_beside(report, p->relations[i].file, ".dot", p->relations[i].dot, error);
        if (error->status == HO_OK)
            write_beside(report, p->relations[i].file, ".svg", p->relations[i].graph, error);
    }
    free(path);
    free(page);
    return ho_report_write_examples(report, p, error);
}

static void free_pictures(ho_report_pictures *p)
{
    for (size_t i = 0; i < p->figure_count; i++)
        free(p->figures[i].svg);
    for (size_t i = 0; i < p->relation_count; i++) {
        free(p->relations[i].dot);
        free(p->relations[i].graph);
        free(p->relations[i].heat);
    }
    for (size_t i = 0; i < p->weights_count; i++)
        ho_report_weights_free(&p->weights[i]);
    free(p->figures);
    free(p->relations);
    free(p->weights);
    free(p->planted);
    free(p->planted_heat);
}

ho_status ho_report_write(const char *run_folder, const char *out, ho_error *error)
{
    ho_report report = {0};
    ho_report_pictures pictures = {.beside = !out};
    if (ho_report_read(run_folder, &report, error) == HO_OK && draw_curves(&report, &pictures, error) == HO_OK &&
        draw_relations(&report, &pictures, error) == HO_OK &&
        ho_report_draw_examples(&report, &pictures, error) == HO_OK)
        write_all(&report, &pictures, out, error);
    free_pictures(&pictures);
    ho_report_free(&report);
    return error->status;
}
