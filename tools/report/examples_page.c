/* The section of the page about weights of training examples, and the contact sheets beside the page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/examples.h"

/* Rows of which weights are shown. */
#define MOST_ROWS 8

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

static ho_status draw_row(const ho_report_row *row, ho_report_weights *w, ho_error *error)
{
    const ho_report_examples *x = row->examples;
    *w = (ho_report_weights){.row = row};
    if (ho_report_histogram(x, &w->histogram, error) != HO_OK || !x->images.pixels)
        return error->status;
    w->tiles = ho_alloc(x->lowest_count * sizeof *w->tiles);
    for (size_t i = 0; i < x->lowest_count; i++)
        if (ho_report_tile(&x->images, (int)i, &w->tiles[i], error) != HO_OK)
            return error->status;
    return ho_report_sheet(x, &w->sheet, &w->sheet_size, error);
}

ho_status ho_report_draw_examples(const ho_report *report, ho_report_pictures *p, ho_error *error)
{
    size_t sheets = 0;
    for (size_t r = 0; r < report->row_count && error->status == HO_OK; r++) {
        if (!report->rows[r].examples)
            continue;
        if (p->weights_count == MOST_ROWS) {
            p->weights_left_out++;
            continue;
        }
        ho_grow((void **)&p->weights, &p->weights_capacity, p->weights_count, sizeof *p->weights);
        ho_report_weights *w = &p->weights[p->weights_count++];
        draw_row(&report->rows[r], w, error);
        sheets += w->sheet != NULL;
    }
    for (size_t i = 0; i < p->weights_count; i++)
        p->weights[i].file = sheets == 1
                                 ? "contact_sheet.png"
                                 : ho_report_file_name(report, "contact_sheet", p->weights[i].row->name, ".png");
    return error->status;
}

ho_status ho_report_write_examples(const ho_report *report, const ho_report_pictures *p, ho_error *error)
{
    for (size_t i = 0; i < p->weights_count && error->status == HO_OK; i++) {
        const ho_report_weights *w = &p->weights[i];
        if (!w->sheet)
            continue;
        char *path = ho_format("%s/%s", report->folder, w->file);
        ho_file_write(path, w->sheet, w->sheet_size, error);
        free(path);
    }
    return error->status;
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static void put_class(const ho_report *report, int64_t label, FILE *html)
{
    if (label >= 0 && (size_t)label < report->name_count)
        ho_report_escape(report->names[label], html);
    else
        fprintf(html, "%lld", (long long)label);
}

/* The address of a file of the run folder, as seen from the page in it. */
static void put_address(const char *folder, const char *name, FILE *html)
{
    fputs("./", html);
    for (const char *part = strcmp(folder, ".") == 0 ? "" : folder; *part; part++) {
        bool plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-/", *part);
        fprintf(html, plain ? "%c" : "%%%02X", (unsigned char)*part);
    }
    fprintf(html, "%s%s", strcmp(folder, ".") == 0 ? "" : "/", name);
}

/* Where all weights stand: linked from a page that lies in the run folder. */
static void put_files(const ho_report *report, const ho_report_pictures *p, const ho_report_row *row, FILE *html)
{
    size_t put = 0;
    for (size_t f = 0; f < row->folder_count; f++) {
        char *path = ho_format("%s/%s/examples/weights.csv", report->folder, row->folders[f]);
        if (ho_file_exists(path)) {
            fputs(put++ ? ", " : "every weight: ", html);
            if (p->beside) {
                fputs("<a href=\"", html);
                put_address(row->folders[f], "examples/weights.csv", html);
                fputs("\">", html);
            }
            fputs("<code>", html);
            if (strcmp(row->folders[f], ".") != 0) {
                ho_report_escape(row->folders[f], html);
                fputc('/', html);
            }
            fputs(p->beside ? "examples/weights.csv</code></a>" : "examples/weights.csv</code>", html);
        }
        free(path);
    }
}

/* What the weights of some examples come to: all (-1), those with their own label (0) or with another (1). */
static void put_summary_row(const ho_report_examples *x, int corrupted, const char *name, const char *chip, FILE *html)
{
    size_t count = 0, zero = 0;
    double mean = 0;
    for (size_t i = 0; i < x->count; i++) {
        if (corrupted >= 0 && x->all[i].corrupted != corrupted)
            continue;
        count++;
        zero += x->all[i].weight <= 0;
        mean += (x->all[i].weight - mean) / (double)count;
    }
    fprintf(html, "<tr><td><span class=\"chip %s\"></span>%s</td><td class=\"n\">%zu</td><td class=\"n\">%.3g</td>",
            chip, name, count, count ? mean : 0);
    fprintf(html, "<td class=\"n\">%zu</td></tr>\n", zero);
}

static void put_summary(const ho_report_examples *x, FILE *html)
{
    fputs(
        "<div><table class=\"summary\"><thead><tr><th>Training examples</th><th class=\"n\">Number</th><th class=\"n\">"
        "Mean weight</th><th class=\"n\">Weight 0</th></tr></thead>\n<tbody>\n",
        html);
    if (x->truth) {
        put_summary_row(x, 0, "label as it was", "clean", html);
        put_summary_row(x, 1, "label replaced by noise", "corrupted", html);
    } else {
        put_summary_row(x, -1, "all", "clean", html);
    }
    fputs("</tbody></table></div>\n", html);
}

static void put_tile(const ho_report *report, const ho_report_weights *w, size_t i, FILE *html)
{
    const ho_report_examples *x = w->row->examples;
    const ho_report_example *e = &x->lowest[i];
    const char *kind = e->corrupted < 0 ? "" : e->corrupted ? " corrupted" : " clean";
    fprintf(html, "<figure class=\"tile%s\" title=\"example %lld, weight %.6g\">", kind, (long long)e->index,
            e->weight);
    if (w->tiles) {
        int scale = ho_report_magnified(&x->images, 64);
        fprintf(html, "<img width=\"%d\" height=\"%d\" alt=\"example %lld\" src=\"%s\">", x->images.width * scale,
                x->images.height * scale, (long long)e->index, w->tiles[i]);
    }
    fputs("<figcaption><b>", html);
    put_class(report, e->label, html);
    fputs("</b>", html);
    if (e->corrupted > 0) {
        fputs("<span class=\"verdict\">", html);
        fputs(e->truth >= 0 ? "truly " : "replaced", html);
        if (e->truth >= 0)
            put_class(report, e->truth, html);
        fputs("</span>", html);
    } else if (e->corrupted == 0) {
        fputs("<span class=\"verdict\">as it was</span>", html);
    }
    fprintf(html, "<span class=\"how\">%.2g</span></figcaption></figure>\n", e->weight);
}

static void put_lowest(const ho_report *report, const ho_report_weights *w, FILE *html)
{
    const ho_report_examples *x = w->row->examples;
    size_t known = 0, corrupted = 0;
    for (size_t i = 0; i < x->lowest_count; i++) {
        known += x->lowest[i].corrupted >= 0;
        corrupted += x->lowest[i].corrupted > 0;
    }
    fprintf(html, "<div class=\"lowest\"><p><strong>The %zu lowest weights</strong>", x->lowest_count);
    if (w->row->folder_count > 1)
        fprintf(html, " of repeat %zu", x->lowest_repeat + 1);
    fputs("<span class=\"how\">Below each picture stand its given label and its weight.", html);
    if (known == x->lowest_count)
        fprintf(html,
                " <strong>%zu of these %zu</strong> labels had really been replaced: <span class=\"chip "
                "corrupted\"></span>replaced, with the true label; <span class=\"chip clean\"></span>as it was.",
                corrupted, known);
    if (w->sheet)
        fprintf(html, " All pictures in one: <code>%s</code>.", w->file);
    fputs("</span></p>\n<div class=\"sheet\">\n", html);
    for (size_t i = 0; i < x->lowest_count; i++)
        put_tile(report, w, i, html);
    fputs("</div></div>\n", html);
}

static void put_row(const ho_report *report, const ho_report_pictures *p, const ho_report_weights *w, int *number,
                    FILE *html)
{
    fputs("<div class=\"card pair\"><div class=\"head\"><h3>", html);
    ho_report_escape(w->row->name, html);
    fputs("</h3><span class=\"how\">", html);
    if (w->row->folder_count > 1)
        fprintf(html, "histogram and table over all %zu repeats; ", w->row->folder_count);
    put_files(report, p, w->row, html);
    fputs("</span></div>\n", html);
    ho_report_put_figure("How many examples have which weight", NULL, w->histogram, number, html);
    put_summary(w->row->examples, html);
    if (w->row->examples->lowest_count)
        put_lowest(report, w, html);
    fputs("</div>\n", html);
}

void ho_report_put_examples(const ho_report *report, const ho_report_pictures *p, int *number, FILE *html)
{
    if (p->weights_count == 0)
        return;
    fputs(
        "<h2>Weights of the training examples</h2>\n<p class=\"note\">Each training example has a weight of its own in "
        "the training error, tuned with the other hyperparameters. Examples with wrong labels ought to end near "
        "0.</p>\n",
        html);
    for (size_t i = 0; i < p->weights_count; i++)
        put_row(report, p, &p->weights[i], number, html);
    if (p->weights_left_out)
        fprintf(html, "<p class=\"note\">The weights of %zu more methods are in the run folder only.</p>\n",
                p->weights_left_out);
}

void ho_report_weights_free(ho_report_weights *w)
{
    free(w->histogram);
    for (size_t i = 0; w->tiles && i < w->row->examples->lowest_count; i++)
        free(w->tiles[i]);
    free(w->tiles);
    free(w->sheet);
}
