#include "report/text.h"

#include <string.h>

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
        default: /* other control characters are no text of a page */
            if ((unsigned char)*text >= 0x20 ? *text != 0x7F : strchr("\t\n\r", *text) != NULL)
                fputc(*text, html);
            else
                fputs("&#xFFFD;", html);
        }
}
