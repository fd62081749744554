/*
 * How cost grows: with the steps T, with the tuned hyperparameters m, with the features d, each tenfold.
 *
 *     bench_curves [--quick] [--csv FILE]       f32, one thread, seconds of processor time
 *
 * curves.gp draws the CSV file.
 */
#include <string.h>

#include "measure.h"

enum { POINTS = 5 };

typedef struct curve {
    const char *name, *what;
    char grows; /* T, m or d */
    int64_t at[POINTS];
    const char *modes[2]; /* the second may be NULL */
    workload w;
} curve;

#define TEN_PENALTIES                                                                           \
    .penalty = "l2", .penalties = 10,                                                           \
    .tuned =                                                                                    \
        {                                                                                       \
            {"penalty0.rho", "0.0001"}, {"penalty1.rho", "0.0001"}, {"penalty2.rho", "0.0001"}, \
            {"penalty3.rho", "0.0001"}, {"penalty4.rho", "0.0001"}, {"penalty5.rho", "0.0001"}, \
            {"penalty6.rho", "0.0001"}, {"penalty7.rho", "0.0001"}, {"penalty8.rho", "0.0001"}, \
            {"penalty9.rho", "0.0001"},                                                         \
    }

static const curve curves[] = {
    {.name = "T",
     .what = "64 - 32 - 10, batch 32, Adam, m = 2",
     .grows = 'T',
     .at = {1000, 2000, 4000, 7000, 10000},
     .modes = {"reverse", "forward"},
     .w = {.name = "T",
           .examples = 1024,
           .features = 64,
           .classes = 10,
           .width = 32,
           .layers = 1,
           .batch = 32,
           .dynamics = "adam",
           .penalty = "l2",
           .penalties = 1,
           .tuned = {{"dynamics.learning_rate", "0.001"}, {"penalty0.rho", "0.0001"}}}},
    {.name = "m softmax",
     .what = "softmax, 500 x 784 x 10, full batch, SGD, T = 100",
     .grows = 'm',
     .at = {1, 2, 4, 7, 10},
     .modes = {"forward", "reverse"},
     .w = {.name = "m",
           .examples = 500,
           .features = 784,
           .classes = 10,
           .steps = 100,
           .dynamics = "sgd",
           TEN_PENALTIES}},
    {.name = "m network",
     .what = "784 - 300 - 10, batch 100, momentum, T = 20",
     .grows = 'm',
     .at = {1, 2, 4, 7, 10},
     .modes = {"forward", "reverse"},
     .w = {.name = "m",
           .examples = 1000,
           .features = 784,
           .classes = 10,
           .width = 300,
           .layers = 1,
           .batch = 100,
           .steps = 20,
           .dynamics = "momentum",
           TEN_PENALTIES}},
    {.name = "d",
     .what = "softmax with task interaction, 50 x d x 10, Adam, T = 100",
     .grows = 'd',
     .at = {1024, 2048, 4096, 7168, 10240},
     .modes = {"reverse"},
     .w = {.name = "d",
           .examples = 50,
           .classes = 10,
           .steps = 100,
           .dynamics = "adam",
           .penalty = "task_interaction",
           .penalties = 1,
           .tuned = {{"penalty0.A", "0.01"}, {"penalty0.rho", "0.01"}}}},
};
enum { CURVES = sizeof curves / sizeof *curves };

static workload at(const curve *c, int64_t value, bool quick)
{
    workload w = c->w;
    if (c->grows == 'T')
        w.steps = value;
    else if (c->grows == 'd')
        w.features = value;
    else if (value < MOST_TUNED)
        w.tuned[value].name = NULL;
    if (quick)
        w.steps = w.steps / 100 + 1;
    return w;
}

/* The line through the points by least squares: its slope. */
static double slope(const double *x, const double *y)
{
    double mx = 0, my = 0, xy = 0, xx = 0;
    for (int i = 0; i < POINTS; i++) {
        mx += x[i] / POINTS;
        my += y[i] / POINTS;
    }
    for (int i = 0; i < POINTS; i++) {
        xy += (x[i] - mx) * (y[i] - my);
        xx += (x[i] - mx) * (x[i] - mx);
    }
    return xy / xx;
}

/* A line of the summary, below the points of all curves. */
static void summarize(char *line, size_t size, const curve *c, const char *mode, const double *x, const double *seconds,
                      double plain)
{
    char what[96], growth[64];
    snprintf(what, sizeof what, "%s, %s", c->what, mode);
    if (c->grows == 'm')
        snprintf(growth, sizeof growth, "%6.2f plain trainings each", slope(x, seconds) / plain);
    else
        snprintf(growth, sizeof growth, "%6.1f times as long", seconds[POINTS - 1] / seconds[0]);
    snprintf(line, size, "%c  %-66s %9.4f to %7.4f  %s", c->grows, what, seconds[0], seconds[POINTS - 1], growth);
}

static void measure_curve(const curve *c, const char *mode, bool quick, FILE *csv, char *line, size_t size)
{
    double x[POINTS], seconds[POINTS], plain = 0;
    printf("%s, %s: %s\n  %8s %10s %10s %8s %12s %8s\n", c->name, mode, c->what, (char[]){c->grows, 0}, "plain s",
           "gradient", "ratio", "s / least", "held MB");
    for (int i = 0; i < POINTS; i++) {
        const bench_row row = {
            .w = at(c, c->at[i], quick), .mode = mode, .threads = 1, .rounds = quick ? 1 : 5, .alone = true};
        figures f;
        measure(&row, &f);
        x[i] = (double)c->at[i];
        seconds[i] = f.gradient.median;
        plain += f.plain.median / POINTS;
        printf("  %8.0f %10.4f %10.4f %8.2f %12.2f %8.1f\n", x[i], f.plain.median, seconds[i],
               seconds[i] / f.plain.median, seconds[i] / seconds[0], 1e-6 * f.held);
        if (csv)
            fprintf(csv, "%s,%s,%.0f,%.6g,%.6g,%.6g,%.6g,%.0f\n", c->name, mode, x[i], f.plain.median,
                    f.gradient.median, f.gradient.least, f.gradient.most, f.held);
    }
    if (c->grows == 'm')
        printf("  each hyperparameter more: %.2f plain trainings\n", slope(x, seconds) / plain);
    else
        printf("  ten times %c: %.1f times as long\n", c->grows, seconds[POINTS - 1] / seconds[0]);
    summarize(line, size, c, mode, x, seconds, plain);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    bool quick = false;
    const char *path = NULL;
    for (int i = 1; i < count; i++)
        if (!strcmp(arguments[i], "--quick"))
            quick = true;
        else if (!strcmp(arguments[i], "--csv") && i + 1 < count)
            path = arguments[++i];
        else {
            fprintf(stderr, "usage: bench_curves [--quick] [--csv FILE]\n");
            return 2;
        }
    FILE *csv = path ? fopen(path, "we") : NULL;
    if (path && !csv) {
        perror(path);
        return 1;
    }
    if (csv)
        fprintf(csv, "curve,mode,x,plain_seconds,seconds,least,most,held_bytes\n");
    char lines[2 * CURVES][200];
    int measured = 0;
    for (const curve *c = curves; c < curves + CURVES; c++)
        for (int k = 0; k < 2 && c->modes[k]; k++, measured++)
            measure_curve(c, c->modes[k], quick, csv, lines[measured], sizeof lines[measured]);
    printf("\n%-70s %9s, s  %s\n", "grows tenfold", "least to most", "all of it, or one more");
    for (int i = 0; i < measured; i++)
        puts(lines[i]);
    if (csv && fclose(csv)) {
        perror(path);
        return 1;
    }
    return 0;
}
