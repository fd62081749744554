#include "report/page.h"

#include <stdlib.h>
#include <string.h>

#include "report/plot.h"
#include "report/text.h"

void ho_page_chip(const ho_page *page, size_t row)
{
    fprintf(page->html, "<span class=\"chip\" style=\"background:%s\"></span>", ho_plot_colour(row));
}

const char *ho_page_file_name(const ho_page *page, const char *first, const char *second, const char *ending)
{
    char *name = ho_arena_format(page->run->arena, "%s-%s%s", first, second, ending);
    for (char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c))
            *c = '_';
    return name;
}

void ho_page_file_add(ho_page *page, const char *name, char *bytes, size_t size)
{
    ho_grow((void **)&page->files, &page->file_capacity, page->file_count, sizeof *page->files);
    page->files[page->file_count++] = (ho_page_file){name, bytes, size};
}

/* ---- drawings ---------------------------------------------------------------------------------------------------- */

static const char *past(const char *text, const char *end)
{
    const char *found = strstr(text, end);
    return found ? found + strlen(end) : text + strlen(text);
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* An SVG inside the page: without its XML head and its titles (which browsers show as hints), and with ids of its own,
 * since there are several on a page. */
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

void ho_page_figure(ho_page *page, const char *caption, const char *note, char *svg, const ho_error *why)
{
    if (!svg && why->status == HO_OK)
        return;
    fputs("<figure><figcaption>", page->html);
    ho_text_html(caption, page->html);
    if (note) {
        fputs(" <span class=\"how\">", page->html);
        ho_text_html(note, page->html);
        fputs("</span>", page->html);
    }
    fputs("</figcaption>\n", page->html);
    if (svg) {
        put_svg(svg, page->drawings++, page->html);
    } else {
        fputs("<p class=\"note\">not drawn: ", page->html);
        ho_text_html(why->text, page->html);
        fputs("</p>", page->html);
        ho_fail_as(&page->undrawn, why);
    }
    fputs("</figure>\n", page->html);
    free(svg);
}
