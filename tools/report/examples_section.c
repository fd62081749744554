/* The section with the weights of training examples, and the contact sheets for the run folder. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/charts.h"
#include "report/page.h"
#include "report/plot.h"
#include "report/text.h"

/* The most rows whose weights are shown. */
#define MOST_ROWS 8

static void put_class(const ho_page *page, int64_t label)
{
    const ho_texts *names = &page->run->record.class_names;
    if (label >= 0 && (size_t)label < names->count)
        ho_text_html(names->items[label], page->html);
    else
        fprintf(page->html, "%lld", (long long)label);
}

/* The address of a file of the run folder, relative to the page in it. */
static void put_address(const char *path, FILE *html)
{
    fputs("./", html);
    for (const char *part = path; *part; part++) {
        bool plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-/", *part);
        fprintf(html, plain ? "%c" : "%%%02X", (unsigned char)*part);
    }
}

/* Names the files with all weights, as links if the page is in the run folder. */
static void put_files(const ho_page *page, const ho_report_row *row)
{
    const ho_report_run *run = page->run;
    size_t put = 0;
    for (size_t f = 0; f < row->record->folders.count; f++) {
        const char *folder = row->record->folders.items[f];
        bool own = strcmp(folder, ".") == 0;
        const char *name = ho_arena_format(run->arena, "%s%sexamples/weights.csv", own ? "" : folder, own ? "" : "/");
        if (!ho_file_exists(ho_arena_format(run->arena, "%s/%s", run->folder, name)))
            continue;
        fputs(put++ ? ", " : "all weights: ", page->html);
        if (page->in_folder) {
            fputs("<a href=\"", page->html);
            put_address(name, page->html);
            fputs("\">", page->html);
        }
        fputs("<code>", page->html);
        ho_text_html(name, page->html);
        fputs(page->in_folder ? "</code></a>" : "</code>", page->html);
    }
}

/* A square of the colour of labels that are original (0), were replaced (1), or of which nothing is known. */
static void put_label_chip(const ho_page *page, int corrupted)
{
    fprintf(page->html, "<span class=\"chip\" style=\"background:%s\"></span>",
            corrupted > 0 ? HO_REPLACED_COLOUR : HO_ORIGINAL_COLOUR);
}

/* ---- all weights ------------------------------------------------------------------------------------------------- */

static void put_histogram(ho_page *page, const ho_examples *x)
{
    char *svg = NULL;
    ho_error why = {0};
    ho_chart_entry *entries = ho_alloc(x->count * sizeof *entries);
    for (size_t i = 0; i < x->count; i++)
        entries[i] = (ho_chart_entry){x->all[i].weight, x->all[i].corrupted};
    ho_chart_histogram(entries, x->count, x->truth, "weight", "training examples", &svg, &why);
    free(entries);
    ho_page_figure(page, "Distribution of the weights", NULL, svg, &why);
}

/* The weights of all examples (corrupted -1), of those whose label is original (0), or replaced (1). */
static void put_summary_row(const ho_page *page, const ho_examples *x, int corrupted, const char *name)
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
    fputs("<tr><td>", page->html);
    put_label_chip(page, corrupted);
    fprintf(page->html, "%s</td><td class=\"n\">%zu</td><td class=\"n\">%.3g</td><td class=\"n\">%zu</td></tr>\n", name,
            count, count ? mean : 0, zero);
}

static void put_summary(const ho_page *page, const ho_examples *x)
{
    fputs("<div><table class=\"summary\"><thead><tr><th>Training examples</th><th class=\"n\">Number</th>"
          "<th class=\"n\">Mean weight</th><th class=\"n\">Weight 0</th></tr></thead>\n<tbody>\n",
          page->html);
    if (x->truth) {
        put_summary_row(page, x, 0, "original label");
        put_summary_row(page, x, 1, "label replaced by noise");
    } else {
        put_summary_row(page, x, -1, "all");
    }
    fputs("</tbody></table></div>\n", page->html);
}

/* ---- the lowest weights ------------------------------------------------------------------------------------------ */

static ho_status put_tile(const ho_page *page, const ho_examples *x, size_t i, ho_error *error)
{
    const ho_example *e = &x->lowest[i];
    FILE *html = page->html;
    const char *kind = e->corrupted < 0 ? "" : e->corrupted ? " corrupted" : " clean";
    fprintf(html, "<figure class=\"tile%s\" title=\"example %lld, weight %.6g\">", kind, (long long)e->index,
            e->weight);
    if (x->images.pixels) {
        int scale = ho_images_scale(&x->images, 64);
        char *address = NULL;
        if (ho_images_address(&x->images, (int)i, &address, error) != HO_OK)
            return error->status;
        fprintf(html, "<img width=\"%d\" height=\"%d\" alt=\"example %lld\" src=\"%s\">", x->images.width * scale,
                x->images.height * scale, (long long)e->index, address);
        free(address);
    }
    fputs("<figcaption><b>", html);
    put_class(page, e->label);
    fputs("</b>", html);
    if (e->corrupted > 0) {
        fputs("<span class=\"verdict\">", html);
        fputs(e->truth >= 0 ? "really " : "replaced", html);
        if (e->truth >= 0)
            put_class(page, e->truth);
        fputs("</span>", html);
    } else if (e->corrupted == 0) {
        fputs("<span class=\"verdict\">original</span>", html);
    }
    fprintf(html, "<span class=\"how\">%.2g</span></figcaption></figure>\n", e->weight);
    return HO_OK;
}

static ho_status add_sheet(ho_page *page, const ho_examples *x, const char *name, ho_error *error)
{
    ho_images_frame frames[HO_EXAMPLES_LOWEST];
    for (size_t i = 0; i < x->lowest_count; i++)
        frames[i] = x->lowest[i].corrupted < 0   ? HO_IMAGES_PLAIN
                    : x->lowest[i].corrupted > 0 ? HO_IMAGES_REPLACED
                                                 : HO_IMAGES_ORIGINAL;
    uint8_t *png = NULL;
    size_t size = 0;
    if (ho_images_sheet(&x->images, frames, &png, &size, error) == HO_OK)
        ho_page_file_add(page, name, (char *)png, size);
    return error->status;
}

/* Those of the first row are unfolded: a hundred pictures for each of several rows would bury what follows. */
static ho_status put_lowest(ho_page *page, const ho_report_row *row, const char *sheet, bool open, ho_error *error)
{
    const ho_examples *x = row->examples;
    size_t known = 0, corrupted = 0;
    for (size_t i = 0; i < x->lowest_count; i++) {
        known += x->lowest[i].corrupted >= 0;
        corrupted += x->lowest[i].corrupted > 0;
    }
    fprintf(page->html, "<details class=\"lowest\"%s><summary>The %zu lowest weights", open ? " open" : "",
            x->lowest_count);
    if (row->record->folders.count > 1)
        fprintf(page->html, " of repeat %zu", x->lowest_repeat + 1);
    if (known == x->lowest_count)
        fprintf(page->html, ": %zu of these labels were replaced", corrupted);
    fputs("</summary>\n<p class=\"how\">Below each picture: its given label", page->html);
    if (known == x->lowest_count) {
        fputs(", whether it is ", page->html);
        put_label_chip(page, 0);
        fputs("original or ", page->html);
        put_label_chip(page, 1);
        fputs("replaced (with the true label)", page->html);
    }
    fputs(", and its weight.", page->html);
    if (x->tied > x->lowest_count)
        fprintf(page->html, " %zu examples have the weight %.2g; these are %zu of them, drawn by the run's seed.",
                x->tied, x->lowest[0].weight, x->lowest_count);
    else if (x->tied > 1)
        fprintf(page->html, " %zu examples have the weight %.2g.", x->tied, x->lowest[0].weight);
    if (x->images.pixels)
        fprintf(page->html, " All pictures in one file: <code>%s</code>.", sheet);
    fputs("</p>\n<div class=\"sheet\">\n", page->html);
    for (size_t i = 0; i < x->lowest_count && error->status == HO_OK; i++)
        put_tile(page, x, i, error);
    fputs("</div></details>\n", page->html);
    return error->status == HO_OK && x->images.pixels ? add_sheet(page, x, sheet, error) : error->status;
}

/* ---- the section ------------------------------------------------------------------------------------------------- */

static ho_status put_row(ho_page *page, const ho_report_row *row, const char *sheet, bool open, ho_error *error)
{
    fputs("<div class=\"card pair\"><div class=\"head\"><h3>", page->html);
    ho_text_html(row->name, page->html);
    fputs("</h3><span class=\"how\">", page->html);
    if (row->record->folders.count > 1)
        fprintf(page->html, "histogram and table over %zu repeats; ", row->record->folders.count);
    put_files(page, row);
    fputs("</span></div>\n", page->html);
    put_histogram(page, row->examples);
    put_summary(page, row->examples);
    if (row->examples->lowest_count)
        put_lowest(page, row, sheet, open, error);
    fputs("</div>\n", page->html);
    return error->status;
}

ho_status ho_page_examples(ho_page *page, ho_error *error)
{
    const ho_report_run *run = page->run;
    size_t total = 0, sheets = 0, put = 0;
    for (size_t r = 0; r < run->row_count; r++) {
        total += run->rows[r].examples != NULL;
        sheets += total <= MOST_ROWS && run->rows[r].examples && run->rows[r].examples->images.pixels;
    }
    if (total == 0)
        return HO_OK;
    fputs(
        "<h2>Weights of the training examples</h2>\n<p class=\"note\">Each training example has its own weight in the "
        "training error, tuned with the other hyperparameters. Examples with wrong labels should end near 0.</p>\n",
        page->html);
    for (size_t r = 0; r < run->row_count && put < MOST_ROWS; r++) {
        const ho_report_row *row = &run->rows[r];
        const char *sheet =
            sheets == 1 ? "contact_sheet.png" : ho_page_file_name(page, "contact_sheet", row->name, ".png");
        if (row->examples && put_row(page, row, sheet, put++ == 0, error) != HO_OK)
            return error->status;
    }
    if (total > MOST_ROWS)
        fprintf(page->html, "<p class=\"note\">The weights of %zu more methods are in the run folder only.</p>\n",
                total - MOST_ROWS);
    return HO_OK;
}
