/* The section with learned relations: square hyperparameters as graphs and heat maps. */
#include "report/relations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/charts.h"
#include "report/page.h"
#include "report/text.h"

/* The most matrices on a page. */
#define MOST_MATRICES 8

/* A graph and a heat map side by side. *dot is the graph's text; free(). */
static void put_pair(ho_page *page, const double *matrix, int64_t size, size_t most, const char *caption, char **dot,
                     char **graph)
{
    const char *const *names = ho_report_names(page->run, size);
    char *heat = NULL;
    ho_error no_graph = {0}, no_heat = {0};
    *dot = ho_relations_dot(matrix, size, names, most);
    ho_relations_svg(*dot, graph, &no_graph);
    ho_chart_heat(matrix, size, names, &heat, &no_heat);
    ho_page_figure(page, caption, NULL, *graph ? ho_strdup(*graph) : NULL, &no_graph);
    ho_page_figure(page, "All entries", NULL, heat, &no_heat);
    fputs("</div>\n", page->html);
}

/* "relations", or with the names of row and hyperparameter as far as needed to tell several apart. */
static const char *file_name(const ho_page *page, const ho_report_row *row, size_t hyper, size_t total)
{
    size_t of_row = 0;
    for (size_t i = 0; i < row->record->hypers.count; i++)
        of_row += row->matrices[i] != NULL;
    if (total == 1)
        return "relations";
    const char *name = row->record->hypers.items[hyper].name;
    return ho_page_file_name(page, "relations", row->name,
                             of_row > 1 ? ho_arena_format(page->run->arena, "-%s", name) : "");
}

static void put_matrix(ho_page *page, size_t r, size_t hyper, size_t total)
{
    const ho_report_run *run = page->run;
    const ho_report_row *row = &run->rows[r];
    const double *matrix = row->matrices[hyper];
    int64_t size = row->record->hypers.items[hyper].shape.dims[0];
    const char *file = file_name(page, row, hyper, total);
    fputs("<div class=\"card pair\"><div class=\"head\"><h3>", page->html);
    ho_text_html(row->name, page->html);
    fputs(": ", page->html);
    ho_text_html(row->record->hypers.items[hyper].name, page->html);
    fputs("</h3><span class=\"how\">", page->html);
    if (row->record->folders.count > 1)
        fprintf(page->html, "mean over %zu repeats; ", row->record->folders.count);
    fprintf(page->html, "graph in <code>%s.dot</code> and <code>%s.svg</code>", file, file);
    double auc = run->planted_size == size ? ho_relations_auc(matrix, run->planted, size) : (double)NAN;
    if (isfinite(auc))
        fprintf(page->html, "; AUC of the entries against the planted relations <strong id=\"auc-%zu\">%.3f</strong>",
                r, auc);
    fputs("</span></div>\n", page->html);
    char *dot, *graph = NULL;
    put_pair(page, matrix, size, ho_relations_most(size), "The strongest relations: wider is stronger", &dot, &graph);
    ho_page_file_add(page, ho_arena_format(run->arena, "%s.dot", file), dot, strlen(dot));
    if (graph)
        ho_page_file_add(page, ho_arena_format(run->arena, "%s.svg", file), graph, strlen(graph));
}

static void put_planted(ho_page *page)
{
    int64_t size = page->run->planted_size;
    char *dot, *graph = NULL;
    fputs(
        "<div class=\"card pair\"><div class=\"head\"><h3>Planted relations</h3><span class=\"how\">by which the data "
        "were generated</span></div>\n",
        page->html);
    put_pair(page, page->run->planted, size, (size_t)(size * size), "All related pairs", &dot, &graph);
    free(dot);
    free(graph);
}

void ho_page_relations(ho_page *page)
{
    const ho_report_run *run = page->run;
    size_t total = 0, put = 0;
    int64_t largest = 0;
    bool fits = false;
    for (size_t r = 0; r < run->row_count; r++)
        for (size_t i = 0; i < run->rows[r].record->hypers.count; i++)
            if (run->rows[r].matrices[i]) {
                int64_t size = run->rows[r].record->hypers.items[i].shape.dims[0];
                total++;
                largest = size > largest ? size : largest;
                fits = fits || size == run->planted_size;
            }
    if (total == 0)
        return;
    fprintf(page->html,
            "<h2>Learned relations</h2>\n<p class=\"note\">A graph shows the strongest pairs: at most %zu, and none "
            "weaker than a tenth of the strongest. If the two entries of a pair differ, it shows their mean.</p>\n",
            ho_relations_most(largest));
    for (size_t r = 0; r < run->row_count; r++)
        for (size_t i = 0; i < run->rows[r].record->hypers.count; i++)
            if (run->rows[r].matrices[i] && put++ < MOST_MATRICES)
                put_matrix(page, r, i, total < MOST_MATRICES ? total : MOST_MATRICES);
    if (total > MOST_MATRICES)
        fprintf(page->html, "<p class=\"note\">%zu more matrices are in the run folder only.</p>\n",
                total - MOST_MATRICES);
    if (fits)
        put_planted(page);
}
