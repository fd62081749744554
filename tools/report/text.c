#include "report/text.h"

#include <stdlib.h>

FILE *ho_text_open(char **text, size_t *size)
{
    FILE *stream = open_memstream(text, size);
    if (stream)
        return stream;
    fputs("hotool: out of memory\n", stderr);
    exit(1);
}

void ho_text_html(const char *text, FILE *html)
{
    for (; *text; text++)
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
