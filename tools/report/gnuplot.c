#include "report/gnuplot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "report/program.h"

void ho_script_begin(ho_script *s, int width, int height)
{
    *s = (ho_script){0};
    s->text = ho_text_open(&s->bytes, &s->length);
    s->plots = ho_text_open(&s->plot_bytes, &s->plot_length);
    fprintf(s->text,
            "set encoding utf8\n"
            "set terminal svg size %d,%d dynamic noenhanced font 'sans-serif,12' background '#ffffff'\n"
            "set border 3 linecolor rgb '#9aa5b1' linewidth 0.8\n"
            "set tics nomirror out scale 0.5 textcolor rgb '#52606d'\n"
            "set grid ytics back linetype 1 linecolor rgb '#e4e7eb' linewidth 0.8\n"
            "set datafile missing 'NaN'\n"
            "unset key\n",
            width, height);
}

void ho_script_plot(ho_script *s)
{
    fputs(s->drawn++ ? ", " : "plot ", s->plots);
}

ho_status ho_script_draw(ho_script *s, char **svg, ho_error *error)
{
    static char *const gnuplot[] = {"gnuplot", "-d", NULL};
    ho_text_close(s->plots);
    fprintf(s->text, "%s\n", s->plot_bytes);
    ho_text_close(s->text);
    *svg = NULL;
    if (s->drawn)
        ho_run_drawing(gnuplot, "gnuplot-nox", s->bytes, svg, error);
    free(s->plot_bytes);
    free(s->bytes);
    return error->status;
}

static void put_quoted(const char *text, const char *doubled, FILE *out)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (strchr(doubled, *text))
            fputc(*text, out);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
    fputc('\'', out);
}

void ho_script_quoted(const char *text, FILE *out)
{
    put_quoted(text, "'", out);
}

void ho_script_tic(const char *text, FILE *out)
{
    put_quoted(text, "'%", out);
}

void ho_script_real(double value, FILE *out)
{
    char text[32] = "NaN";
    if (isfinite(value))
        ho_print_real(value, text);
    fprintf(out, " %s", text);
}
