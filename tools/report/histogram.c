/* The weights of training examples as a histogram, drawn by gnuplot. */
#include <math.h>
#include <stdlib.h>

#include "report/examples.h"
#include "report/gnuplot.h"

#define BINS 20

/* Counts of the weights from `from` to `to`, of examples whose label is as it was and of those whose was replaced. */
typedef struct bins {
    double from, to;
    size_t count[2][BINS];
} bins;

static void count_weights(const ho_report_examples *x, bins *b)
{
    *b = (bins){.to = 0};
    for (size_t i = 0; i < x->count; i++) {
        b->from = fmin(b->from, x->all[i].weight);
        b->to = fmax(b->to, x->all[i].weight);
    }
    /* Weights between 0 and 1 are shown between 0 and 1, unless they keep to a small part of it. */
    if ((b->to > 0.5 && b->to < 1) || b->to - b->from < 1e-100)
        b->to = 1;
    double size = (b->to - b->from) / BINS;
    for (size_t i = 0; i < x->count; i++) {
        double at = floor((x->all[i].weight - b->from) / size);
        int bin = at < BINS - 1 ? (int)at : BINS - 1;
        b->count[x->truth && x->all[i].corrupted > 0][bin]++;
    }
}

/* Whether the smallest bars would vanish beside the tallest. */
static bool is_steep(const bins *b)
{
    size_t least = SIZE_MAX, most = 0;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < BINS; i++) {
            size_t count = b->count[k][i];
            least = count && count < least ? count : least;
            most = count > most ? count : most;
        }
    return most / least > 100;
}

ho_status ho_report_histogram(const ho_report_examples *x, char **svg, ho_error *error)
{
    bins b;
    ho_script s;
    count_weights(x, &b);
    bool steep = is_steep(&b);
    double size = (b.to - b.from) / BINS;
    ho_script_begin(&s, 520, 300);
    fputs("set style fill solid 1 noborder\nset xlabel 'weight' textcolor rgb '#52606d'\n", s.text);
    fprintf(s.text, "set ylabel 'training examples%s' textcolor rgb '#52606d'\n", steep ? ", logarithmic" : "");
    fputs(steep ? "set logscale y\nset format y '%h'\nset yrange [0.5:*]\n" : "set yrange [0:*]\n", s.text);
    fputs("set xrange [", s.text);
    ho_script_real(b.from, s.text);
    fputs(" :", s.text);
    ho_script_real(b.to, s.text);
    fputs("]\n$bins << EOD\n", s.text);
    for (int i = 0; i < BINS; i++) {
        ho_script_real(b.from + (b.to - b.from) * (i + 0.5) / BINS, s.text);
        for (int k = 0; k < 2; k++)
            ho_script_real(b.count[k][i] ? (double)b.count[k][i] : (double)NAN, s.text);
        fputc('\n', s.text);
    }
    fputs("EOD\nset boxwidth", s.text);
    ho_script_real(size * (x->truth ? 0.4 : 0.84), s.text);
    /* Two bars side by side where both are known, else one. */
    fputs("\nshift =", s.text);
    ho_script_real(x->truth ? size * 0.21 : 0, s.text);
    fputs("\nplot $bins using ($1 - shift):2 with boxes linecolor rgb '#2f6690'", s.text);
    fputs(x->truth ? ", $bins using ($1 + shift):3 with boxes linecolor rgb '#d1603d'\n" : "\n", s.text);
    return ho_script_draw(&s, svg, error);
}
