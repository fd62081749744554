#include "report/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/page.h"
#include "report/text.h"

/* ---- what the record says about the run -------------------------------------------------------------------------- */

static void put_header(const ho_page *page)
{
    const ho_record *record = &page->run->record;
    const ho_record_data *data = &record->data;
    FILE *html = page->html;
    fputs("<header><h1>", html);
    ho_text_html(record->pipeline, html);
    fputs("</h1>\n<p class=\"lead\">", html);
    if (data->source) {
        ho_text_html(data->source, html);
        if (data->choice > 1)
            fprintf(html, ", source %lld of %lld", (long long)data->choice, (long long)data->choices);
        fputs("<br>\n", html);
    }
    fprintf(html, "%lld training, %lld validation and %lld test examples of %lld features", (long long)data->training,
            (long long)data->validation, (long long)data->test, (long long)data->features);
    fputs(" \xc2\xb7 ", html);
    ho_text_html(record->dynamics ? record->dynamics : "dynamics unknown", html);
    if (record->steps > 0)
        fprintf(html, ", T = %lld", (long long)record->steps);
    else
        fputs(", T unbounded", html);
    if (record->mode) {
        fputs(" \xc2\xb7 ", html);
        ho_text_html(record->mode, html);
        fputs(" mode", html);
    }
    if (record->precision) {
        fputs(", ", html);
        ho_text_html(record->precision, html);
    }
    fputs("</p>\n", html);
    if (record->result.outcome.status != HO_OK) {
        fprintf(html, "<p class=\"warn\"><strong>%s</strong>",
                record->unfinished ? "unfinished" : ho_outcome_name(record->result.outcome.status));
        if (record->result.outcome.text[0]) {
            fputs(": ", html);
            ho_text_html(record->result.outcome.text, html);
        }
        fputs("</p>\n", html);
    }
    fputs("</header>\n", html);
}

/* A row of a list of terms; nothing if the text is NULL. */
static void put_term(const char *term, const char *text, FILE *html)
{
    if (!text)
        return;
    fprintf(html, "<dt>%s</dt><dd>", term);
    ho_text_html(text, html);
    fputs("</dd>\n", html);
}

static void put_integer(const char *term, int64_t number, FILE *html)
{
    fprintf(html, "<dt>%s</dt><dd>%lld</dd>\n", term, (long long)number);
}

static void put_data(const ho_page *page)
{
    const ho_record_data *data = &page->run->record.data;
    FILE *html = page->html;
    fputs("<h2>Data</h2>\n<div class=\"card\"><dl>\n", html);
    put_term("source", data->source, html);
    if (data->choices > 1)
        fprintf(html, "<dt>choice</dt><dd>%lld of %lld</dd>\n", (long long)data->choice, (long long)data->choices);
    put_term("passed over", data->passed_over, html);
    for (size_t i = 0; i < data->files.count; i++) {
        fputs(i ? "<dt></dt><dd><code>" : "<dt>files, SHA-256</dt><dd><code>", html);
        ho_text_html(data->files.items[i], html);
        fputs("</code>", html);
        if (i < data->checksums.count && data->checksums.items[i]) {
            fputs("<code class=\"sum\">", html);
            ho_text_html(data->checksums.items[i], html);
            fputs("</code>", html);
        }
        fputs("</dd>\n", html);
    }
    fputs("</dl></div>\n", html);
}

static void put_code(const char *term, const char *text, FILE *html)
{
    if (!text)
        return;
    fprintf(html, "<dt>%s</dt><dd><code>", term);
    ho_text_html(text, html);
    fputs("</code></dd>\n", html);
}

static void put_started(const ho_record *record, FILE *html)
{
    const ho_record_started *s = &record->started;
    put_code("again", s->again, html);
    put_code("command", record->command, html);
    put_code("in the folder", s->folder, html);
    for (size_t i = 0; i < s->environment.count; i++) {
        fputs(i ? "<dt></dt><dd><code>" : "<dt>environment</dt><dd><code>", html);
        ho_text_html(s->environment.items[i].name, html);
        fputc('=', html);
        ho_text_html(s->environment.items[i].value, html);
        fputs("</code></dd>\n", html);
    }
    if (s->known && s->date && s->host) {
        fputs("<dt>started</dt><dd>", html);
        ho_text_html(s->date, html);
        fputs(" on ", html);
        ho_text_html(s->host, html);
        fputs("</dd>\n", html);
    }
}

static void put_plugins(const ho_record *record, FILE *html)
{
    for (size_t i = 0; i < record->plugins.count; i++) {
        const ho_record_plugin *p = &record->plugins.items[i];
        const char *const texts[] = {p->kind, p->name, p->version, p->path, p->checksum};
        static const char *const before[] = {"", " ", " ", "<br><code>", "</code><code class=\"sum\">"};
        fputs(i ? "<dt></dt><dd>" : "<dt>plugins, SHA-256</dt><dd>", html);
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            fputs(before[k], html);
            ho_text_html(texts[k] ? texts[k] : "", html);
        }
        fputs("</code></dd>\n", html);
    }
}

static void put_settings(const ho_record *record, FILE *html)
{
    if (!record->settings.items)
        return;
    fputs("<details><summary>Every setting, with its defaults</summary><table id=\"settings\">\n", html);
    for (size_t i = 0; i < record->settings.count; i++) {
        fputs("<tr><td>", html);
        ho_text_html(record->settings.items[i].name, html);
        fputs("</td><td>", html);
        ho_text_html(record->settings.items[i].value, html);
        fputs("</td></tr>\n", html);
    }
    fputs("</table></details>\n", html);
}

static void put_reproduction(const ho_page *page)
{
    const ho_record *record = &page->run->record;
    const ho_record_machine *machine = &record->machine;
    const char *openblas = record->versions.openblas;
    FILE *html = page->html;
    fputs("<h2>Reproduction</h2>\n<div class=\"card\"><dl>\n", html);
    put_started(record, html);
    put_term("pipeline", record->file, html);
    put_integer("seed", record->seed, html);
    if (record->repeat > 1)
        put_integer("repeats", record->repeat, html);
    if (machine->cpu) {
        fputs("<dt>machine</dt><dd>", html);
        ho_text_html(machine->cpu, html);
        fprintf(html, ", %lld cores", (long long)machine->cores);
        if (machine->system) {
            fputs(", ", html);
            ho_text_html(machine->system, html);
        }
        fputs("</dd>\n", html);
    }
    put_term("hotool", record->hotool, html);
    put_term("OpenBLAS", openblas && strncmp(openblas, "OpenBLAS ", 9) == 0 ? openblas + 9 : openblas, html);
    put_term("compiler", record->versions.compiler, html);
    put_plugins(record, html);
    fputs("</dl></div>\n<h2>Pipeline</h2>\n<div class=\"card\">", html);
    put_settings(record, html);
    fputs("<details><summary>The resolved pipeline</summary><pre id=\"pipeline\">", html);
    ho_text_html(page->run->pipeline, html);
    fputs("</pre></details></div>\n", html);
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static ho_status make_page(ho_page *page, ho_error *error)
{
    FILE *html = page->html;
    fputs(HO_PAGE_HEAD "<title>", html);
    ho_text_html(page->run->record.pipeline, html);
    fputs(": hotool report</title>\n<style>\n", html);
    fputs(ho_page_style, html);
    fputs("</style>\n</head>\n<body><main>\n", html);
    put_header(page);
    ho_page_results(page);
    ho_page_relations(page);
    if (ho_page_examples(page, error) != HO_OK)
        return error->status;
    ho_page_curves(page);
    put_data(page);
    put_reproduction(page);
    fputs("<footer>Written by hotool report. Graphs by Graphviz, curves and heat maps by gnuplot.</footer>\n"
          "</main></body>\n</html>\n",
          html);
    return HO_OK;
}

ho_status ho_report_write(const char *run_folder, const char *out, ho_error *error)
{
    ho_report_run run = {0};
    ho_page page = {.run = &run, .in_folder = !out};
    char *html = NULL;
    size_t size = 0;
    if (ho_report_run_read(run_folder, &run, error) == HO_OK) {
        page.html = ho_text_open(&html, &size);
        make_page(&page, error);
        ho_text_close(page.html);
    }
    if (error->status == HO_OK)
        ho_file_write(out ? out : ho_arena_format(run.arena, "%s/report.html", run.folder), html, size, error);
    for (size_t i = 0; i < page.file_count; i++) {
        if (error->status == HO_OK)
            ho_file_write(ho_arena_format(run.arena, "%s/%s", run.folder, page.files[i].name), page.files[i].bytes,
                          page.files[i].size, error);
        free(page.files[i].bytes);
    }
    free(page.files);
    ho_fail_as(error, &page.undrawn);
    free(html);
    ho_report_run_free(&run);
    return error->status;
}
