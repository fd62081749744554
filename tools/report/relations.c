#include "report/relations.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/text.h"
#include "report/program.h"
#include "report/text.h"

/* Edges below this fraction of the strongest are left out. */
#define FAINTEST 0.1

typedef struct edge {
    int64_t j, k;
    double weight;
} edge;

static int stronger_first(const void *a, const void *b)
{
    const edge *x = a, *y = b;
    double dx = fabs(x->weight), dy = fabs(y->weight);
    if (dx != dy)
        return dx < dy ? 1 : -1;
    if (x->j != y->j)
        return x->j < y->j ? -1 : 1;
    return x->k < y->k ? -1 : x->k > y->k;
}

/* The mean of a pair's two entries: the matrix need not be symmetric. */
static double pair(const double *matrix, int64_t size, int64_t j, int64_t k)
{
    return (matrix[j * size + k] + matrix[k * size + j]) / 2;
}

static size_t all_edges(const double *matrix, int64_t size, edge *edges)
{
    size_t count = 0;
    for (int64_t j = 0; j < size; j++)
        for (int64_t k = j + 1; k < size; k++)
            edges[count++] = (edge){j, k, pair(matrix, size, j, k)};
    qsort(edges, count, sizeof *edges, stronger_first);
    return count;
}

/* A quoted DOT string. Graphviz interprets \N and &amp; in strings, so both signs are escaped. */
static void put_dot(const char *text, FILE *dot)
{
    fputc('"', dot);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(dot, "\\%c", *text);
        else if (*text == '&')
            fputs("&amp;", dot);
        else
            fputc((unsigned char)*text < ' ' ? ' ' : *text, dot);
    fputc('"', dot);
}

static void put_edge(const edge *e, double strongest, FILE *dot)
{
    double part = fabs(e->weight) / strongest;
    char weight[32];
    ho_print_real(e->weight, weight);
    /* Strong edges are short, wide and dark; negative ones are red. */
    fprintf(dot, "  n%lld -- n%lld [penwidth=%.2f, len=%.2f, color=\"%s%02x\", tooltip=\"%s\"];\n", (long long)e->j,
            (long long)e->k, 0.8 + 6.2 * part, 1.9 - 0.9 * part, e->weight < 0 ? "#8f2d37" : "#1d4568",
            (unsigned)(70 + 150 * part), weight);
}

size_t ho_relations_most(int64_t size)
{
    return size > 12 ? (size_t)size : 12;
}

char *ho_relations_dot(const double *matrix, int64_t size, const char *const *names, size_t most)
{
    char *text = NULL;
    size_t length = 0;
    FILE *dot = ho_text_open(&text, &length);
    edge *edges = ho_alloc((size_t)(size * size) * sizeof *edges);
    size_t count = all_edges(matrix, size, edges);
    double strongest = count ? fabs(edges[0].weight) : 0;
    fputs("graph relations {\n"
          "  graph [start=1, overlap=false, splines=true, sep=\"+8\", pad=0.1, bgcolor=transparent];\n"
          "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f4f7fa\", color=\"#9fb3c8\", penwidth=1,\n"
          "        fontname=\"Helvetica,Arial,sans-serif\", fontsize=13, fontcolor=\"#1f2933\", height=0.32,\n"
          "        width=0.5, margin=\"0.12,0.05\"];\n",
          dot);
    for (int64_t k = 0; k < size; k++) {
        fprintf(dot, "  n%lld [label=", (long long)k);
        put_dot(names[k], dot);
        fputs(", tooltip=", dot);
        put_dot(names[k], dot);
        fputs("];\n", dot);
    }
    for (size_t i = 0; i < count && i < most; i++)
        if (strongest > 0 && fabs(edges[i].weight) >= FAINTEST * strongest)
            put_edge(&edges[i], strongest, dot);
    fputs("}\n", dot);
    free(edges);
    ho_text_close(dot);
    return text;
}

ho_status ho_relations_svg(const char *dot, char **svg, ho_error *error)
{
    static char *const neato[] = {"neato", "-Tsvg", NULL};
    return ho_run_drawing(neato, "graphviz", dot, svg, error);
}

/* The area under the ROC curve: the probability that a related pair has the larger entry; ties count half. */
double ho_relations_auc(const double *matrix, const double *planted, int64_t size)
{
    edge *edges = ho_alloc((size_t)(size * size) * sizeof *edges);
    size_t count = all_edges(matrix, size, edges);
    double won = 0, pairs = 0;
    for (size_t a = 0; a < count; a++) {
        if (pair(planted, size, edges[a].j, edges[a].k) <= 0)
            continue;
        for (size_t b = 0; b < count; b++) {
            if (pair(planted, size, edges[b].j, edges[b].k) > 0)
                continue;
            pairs++;
            won += edges[a].weight > edges[b].weight ? 1 : edges[a].weight < edges[b].weight ? 0 : 0.5;
        }
    }
    free(edges);
    return pairs > 0 ? won / pairs : (double)NAN;
}
