/* The page itself. Nothing on it is fetched from anywhere: style and pictures stand inside. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/examples.h"

FILE *ho_report_text(char **text, size_t *size)
{
    FILE *stream = open_memstream(text, size);
    if (stream)
        return stream;
    fputs("hotool: out of memory\n", stderr);
    exit(1);
}

void ho_report_escape(const char *text, FILE *html)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", html);
            break;
        case '<':
            fputs("&lt;", html);
            break;
        case '>':
            fputs("&gt;", html);
            break;
        case '"':
            fputs("&quot;", html);
            break;
        case '\'':
            fputs("&#39;", html);
            break;
        default:
            fputc(*text, html);
        }
    }
}

/* ---- what result.json says, as it stands ------------------------------------------------------------------------- */

static void put_json(const json_t *json, FILE *html)
{
    if (json_is_string(json)) {
        ho_report_escape(json_string_value(json), html);
    } else if (json_is_integer(json)) {
        fprintf(html, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
    } else {
        char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
        ho_report_escape(text ? text : "", html);
        free(text);
    }
}

static bool has(const json_t *json, const char *key)
{
    const json_t *member = json_object_get(json, key);
    return member && !json_is_null(member);
}

static void put_member(const json_t *json, const char *key, const char *before, const char *after, FILE *html)
{
    if (!has(json, key))
        return;
    fputs(before, html);
    put_json(json_object_get(json, key), html);
    fputs(after, html);
}

static void put_term(const char *term, const json_t *json, const char *key, FILE *html)
{
    if (!has(json, key))
        return;
    fprintf(html, "<dt>%s</dt><dd>", term);
    put_json(json_object_get(json, key), html);
    fputs("</dd>\n", html);
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* Where what `text` starts with is left out: up to and with `end`. */
static const char *past(const char *text, const char *end)
{
    const char *found = strstr(text, end);
    return found ? found + strlen(end) : text + strlen(text);
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* A drawn SVG inside the page: without its XML head, and its titles (which browsers show as hints), and with ids of
 * its own, since several stand in one page. */
static void put_svg(const char *svg, int number, FILE *html)
{
    static const char *const references[] = {" id=\"", " id='", "href=\"#", "href='#", "url(#"};
    const char *at = strstr(svg, "<svg");
    bool tag = false;
    while (at && *at) {
        const char *reference = NULL;
        for (size_t i = 0; tag && i < sizeof references / sizeof *references && !reference; i++)
            if (starts(at, references[i]))
                reference = references[i];
        if (starts(at, "<!--")) {
            at = past(at, "-->");
        } else if (starts(at, "<title>")) {
            at = past(at, "</title>");
        } else if (starts(at, "<desc>")) {
            at = past(at, "</desc>");
        } else if (reference) {
            fprintf(html, "%sp%d-", reference, number);
            at += strlen(reference);
        } else {
            tag = *at == '<' || (tag && *at != '>');
            fputc(*at++, html);
        }
    }
}

void ho_report_put_figure(const char *caption, const char *note, const char *svg, int *number, FILE *html)
{
    fputs("<figure><figcaption>", html);
    ho_report_escape(caption, html);
    if (note) {
        fputs(" <span class=\"how\">", html);
        ho_report_escape(note, html);
        fputs("</span>", html);
    }
    fputs("</figcaption>\n", html);
    put_svg(svg, (*number)++, html);
    fputs("</figure>\n", html);
}

static bool repeats(const ho_report *report)
{
    for (size_t r = 0; r < report->row_count; r++)
        if (report->rows[r].folder_count > 1)
            return true;
    return false;
}

static bool watched(const ho_report *report)
{
    for (size_t r = 0; r < report->row_count; r++)
        if (report->rows[r].watched.validation_error.count || report->rows[r].watched.update_error.count)
            return true;
    return false;
}

static void put_curves(const ho_report *report, const ho_report_pictures *p, int *number, FILE *html)
{
    if (p->figure_count == 0)
        return;
    fputs("<h2>How it went</h2>\n", html);
    if (repeats(report))
        fprintf(html,
                "<p class=\"note\">Lines are means over the repeats; bands reach from the smallest to the "
                "largest.%s</p>\n",
                watched(report)
                    ? " Where repeats stop training at different steps, a line goes on as the mean of those "
                      "that still train."
                    : "");
    if (report->row_count > 1) {
        fputs("<div class=\"legend\">", html);
        for (size_t r = 0; r < report->row_count; r++) {
            fprintf(html, "<span><span class=\"chip\" style=\"background:%s\"></span>", ho_report_colour(r));
            ho_report_escape(report->rows[r].name, html);
            fputs("</span>", html);
        }
        fputs("</div>\n", html);
    }
    fputs("<div class=\"grid\">\n", html);
    for (size_t i = 0; i < p->figure_count; i++) {
        fputs("<div class=\"card\">", html);
        ho_report_put_figure(p->figures[i].caption, p->figures[i].note, p->figures[i].svg, number, html);
        fputs("</div>\n", html);
    }
    fputs("</div>\n", html);
    if (p->curves_left_out)
        fprintf(html, "<p class=\"note\">%zu more hyperparameters have no curve here.</p>\n", p->curves_left_out);
}

static void put_relation(const ho_report *report, const ho_report_relation *relation, int *number, FILE *html)
{
    fputs("<div class=\"card pair\"><div class=\"head\"><h3>", html);
    ho_report_escape(relation->row->name, html);
    fputs(": ", html);
    ho_report_escape(relation->hyper->name, html);
    fputs("</h3><span class=\"how\">", html);
    if (relation->row->folder_count > 1)
        fprintf(html, "mean over %zu repeats; ", relation->row->folder_count);
    fprintf(html, "graph in <code>%s.dot</code> and <code>%s.svg</code>", relation->file, relation->file);
    if (isfinite(relation->auc))
        fprintf(html, "; AUC of edges against the planted relations <strong id=\"auc-%td\">%.3f</strong>",
                relation->row - report->rows, relation->auc);
    fputs("</span></div>\n", html);
    ho_report_put_figure("The strongest relations: the wider, the stronger", NULL, relation->graph, number, html);
    ho_report_put_figure("Every entry", NULL, relation->heat, number, html);
    fputs("</div>\n", html);
}

static void put_relations(const ho_report *report, const ho_report_pictures *p, int *number, FILE *html)
{
    if (p->relation_count == 0)
        return;
    int64_t size = p->relations[0].hyper->dims[0];
    fprintf(html,
            "<h2>Learned relations</h2>\n<p class=\"note\">Each graph shows the strongest pairs only: at most "
            "%zu, and none below a tenth of the strongest. Where a pair's two entries differ, the graph shows "
            "their mean.</p>\n",
            ho_relations_most(size));
    for (size_t i = 0; i < p->relation_count; i++)
        put_relation(report, &p->relations[i], number, html);
    if (p->planted) {
        fputs("<div class=\"card pair\"><div class=\"head\"><h3>Planted relations</h3><span class=\"how\">how the data "
              "were made</span></div>\n",
              html);
        ho_report_put_figure("Every related pair", NULL, p->planted, number, html);
        ho_report_put_figure("Every entry", NULL, p->planted_heat, number, html);
        fputs("</div>\n", html);
    }
    if (p->relations_left_out)
        fprintf(html, "<p class=\"note\">%zu more matrices are in the run folder only.</p>\n", p->relations_left_out);
}

/* ---- sections ---------------------------------------------------------------------------------------------------- */

static void put_header(const ho_report *report, FILE *html)
{
    const json_t *root = report->root, *data = json_object_get(root, "data");
    fputs("<header><h1>", html);
    ho_report_escape(report->title, html);
    fputs("</h1>\n<p class=\"lead\">", html);
    put_member(data, "source", "", "<br>\n", html);
    put_member(data, "training", "", " training, ", html);
    put_member(data, "validation", "", " validation and ", html);
    put_member(data, "test", "", " test examples", html);
    put_member(data, "features", " of ", " features", html);
    put_member(root, "dynamics", " \xc2\xb7 ", "", html);
    put_member(root, "steps", ", T = ", "", html);
    if (json_is_null(json_object_get(root, "steps")))
        fputs(", T unbounded", html);
    put_member(root, "mode", " \xc2\xb7 ", " mode", html);
    put_member(root, "precision", ", ", "", html);
    fputs("</p>\n", html);
    if (strcmp(report->outcome, "done") != 0 || report->message) {
        fputs("<p class=\"warn\"><strong>", html);
        ho_report_escape(report->outcome, html);
        fputs("</strong>", html);
        if (report->message) {
            fputs(": ", html);
            ho_report_escape(report->message, html);
        }
        fputs("</p>\n", html);
    }
    fputs("</header>\n", html);
}

static void put_results(const ho_report *report, FILE *html)
{
    fputs("<h2>Results</h2>\n<p class=\"note\">", html);
    int64_t runs = 0;
    for (size_t r = 0; r < report->row_count; r++)
        runs = report->rows[r].runs > runs ? report->rows[r].runs : runs;
    if (runs > 1)
        fprintf(html, "Mean \xc2\xb1 standard deviation over %lld repeats, each with its own split and seed. ",
                (long long)runs);
    fputs("Hyperparameters were chosen on the validation examples alone; the test examples took no part in the "
          "choice.",
          html);
    if (report->row_count > 1)
        fputs(" Bold: the best mean.", html);
    bool cpu = false, cleaning = false;
    for (size_t r = 0; r < report->row_count; r++) {
        cpu = cpu || report->rows[r].cpu_seconds.known;
        cleaning = cleaning || report->rows[r].f1.known;
    }
    if (cpu)
        fputs(" CPU seconds are the process's time on one thread; seconds are by the clock.", html);
    if (cleaning)
        fputs(" Precision, recall and F1 tell how well the weights find the replaced labels.", html);
    fputs("</p>\n", html);
    ho_report_table(report, html);
}

static void put_data(const ho_report *report, FILE *html)
{
    const json_t *data = json_object_get(report->root, "data");
    const json_t *files = json_object_get(data, "files"), *checksums = json_object_get(data, "checksums");
    fputs("<h2>Data</h2>\n<div class=\"card\"><dl>\n", html);
    put_term("source", data, "source", html);
    if (has(data, "choice") && json_integer_value(json_object_get(data, "choices")) > 1) {
        fputs("<dt>choice</dt><dd>", html);
        put_member(data, "choice", "", "", html);
        put_member(data, "choices", " of ", "", html);
        fputs("</dd>\n", html);
    }
    put_term("passed over", data, "passed_over", html);
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *sum = json_array_get(checksums, i);
        fputs(i ? "<dt></dt><dd><code>" : "<dt>files, SHA-256</dt><dd><code>", html);
        put_json(json_array_get(files, i), html);
        fputs("</code>", html);
        if (json_is_string(sum)) {
            fputs("<code class=\"sum\">", html);
            put_json(sum, html);
            fputs("</code>", html);
        }
        fputs("</dd>\n", html);
    }
    fputs("</dl></div>\n", html);
}

static void put_versions(json_t *versions, FILE *html)
{
    if (!json_is_object(versions) || json_object_size(versions) == 0)
        return;
    fputs("<dt>built with</dt><dd>", html);
    const char *name, *between = "";
    json_t *version;
    json_object_foreach(versions, name, version)
    {
        fputs(between, html);
        ho_report_escape(name, html);
        fputc(' ', html);
        put_json(version, html);
        between = "; ";
    }
    fputs("</dd>\n", html);
}

static void put_ground(const ho_report *report, FILE *html)
{
    const json_t *root = report->root, *machine = json_object_get(root, "machine");
    fputs("<h2>How to get it again</h2>\n<div class=\"card\"><dl>\n", html);
    if (has(root, "command")) {
        fputs("<dt>command</dt><dd><code>", html);
        put_json(json_object_get(root, "command"), html);
        fputs("</code></dd>\n", html);
    }
    put_term("pipeline", root, "file", html);
    put_term("seed", root, "seed", html);
    put_term("repeats", root, "repeat", html);
    if (json_is_object(machine)) {
        fputs("<dt>machine</dt><dd>", html);
        put_member(machine, "cpu", "", "", html);
        put_member(machine, "cores", ", ", " cores", html);
        put_member(machine, "system", ", ", "", html);
        fputs("</dd>\n", html);
    }
    put_term("hotool", root, "hotool", html);
    put_versions(json_object_get(root, "versions"), html);
    fputs("</dl></div>\n<h2>Pipeline</h2>\n<div class=\"card\"><details><summary>The resolved pipeline: every setting "
          "of this run</summary><pre id=\"pipeline\">",
          html);
    ho_report_escape(report->pipeline, html);
    fputs("</pre></details></div>\n", html);
}

void ho_report_page(const ho_report *report, const ho_report_pictures *pictures, FILE *html)
{
    int number = 0;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
          "img-src data:\">\n<title>",
          html);
    ho_report_escape(report->title, html);
    fputs(": hotool report</title>\n<style>\n", html);
    fputs(ho_report_style, html);
    fputs("</style>\n</head>\n<body><main>\n", html);
    put_header(report, html);
    put_results(report, html);
    put_relations(report, pictures, &number, html);
    ho_report_put_examples(report, pictures, &number, html);
    put_curves(report, pictures, &number, html);
    put_data(report, html);
    put_ground(report, html);
    fputs("<footer>Written by hotool report. Graphs by Graphviz, curves and heat maps by gnuplot.</footer>\n"
          "</main></body>\n</html>\n",
          html);
}
