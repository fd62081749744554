/*
 * Hypergradients by every mode: how their cost grows, and what each makes of the same training.
 *
 *     bench_modes [--quick]       one thread, seconds of processor time
 */
#include <math.h>
#include <string.h>

#include "measure.h"

/* A mode with options of its own. */
typedef struct way {
    const char *name, *mode, *options[MOST_OPTIONS][2];
    const char *not_on; /* workloads that take too long with it, or have no use for it */
} way;

static const way ways[] = {
    {"reverse", "reverse", {{"store", "residuals"}}, ""},
    {"reverse, states", "reverse", {{"store", "state"}}, ""},
    {"checkpointed, 10", "checkpointed", {{"slots", "10"}}, ""},
    {"forward", "forward", {{0}}, "W3"},
    {"truncated, 10", "truncated", {{"steps_back", "10"}}, ""},
    {"truncated, 100", "truncated", {{"steps_back", "100"}}, ""},
    {"split, 10", "split", {{"steps_back", "10"}}, ""},
    {"implicit, gmres", "implicit", {{"solver", "gmres"}}, "W4"},
    {"implicit, neumann 20", "implicit", {{"solver", "neumann"}, {"iterations", "20"}}, "W4"},
};
enum { WAYS = sizeof ways / sizeof *ways };

static bench_row row_of(const way *m, const workload *w, bool f64, int rounds)
{
    bench_row row = {.w = *w, .mode = m->mode, .f64 = f64, .threads = 1, .rounds = rounds, .alone = true};
    memcpy(row.options, m->options, sizeof row.options);
    return row;
}

/* ---- growth ------------------------------------------------------------------------------------------------------ */

/* A convex training with a full batch, which every mode takes. */
static const workload small = {.name = "growth",
                               .examples = 100,
                               .features = 256,
                               .classes = 10,
                               .steps = 200,
                               .dynamics = "sgd",
                               .penalty = "l2",
                               .penalties = 10,
                               .tuned = {{"penalty0.rho", "0.01"},
                                         {"penalty1.rho", "0.01"},
                                         {"penalty2.rho", "0.01"},
                                         {"penalty3.rho", "0.01"},
                                         {"penalty4.rho", "0.01"},
                                         {"penalty5.rho", "0.01"},
                                         {"penalty6.rho", "0.01"},
                                         {"penalty7.rho", "0.01"},
                                         {"penalty8.rho", "0.01"},
                                         {"penalty9.rho", "0.01"}}};

/* The small training, or ten times T, m or d. */
static workload grown(char what, bool quick)
{
    workload w = small;
    w.steps = quick ? 11 : w.steps;
    w.steps *= what == 'T' ? 10 : 1;
    w.features *= what == 'd' ? 10 : 1;
    if (what != 'm')
        w.tuned[1].name = NULL;
    return w;
}

static void measure_growth(const way *m, bool quick)
{
    static const char grows[] = {' ', 'T', 'm', 'd'};
    figures f[sizeof grows];
    for (size_t i = 0; i < sizeof grows; i++) {
        const workload w = grown(grows[i], quick);
        const bench_row row = row_of(m, &w, true, quick ? 1 : 5);
        measure(&row, &f[i]);
    }
    printf("%-22s %8.2f %8.3f", m->name, f[0].gradient.median / f[0].plain.median, 1e-6 * f[0].held);
    for (size_t i = 1; i < sizeof grows; i++)
        printf("   %6.1f %6.1f", f[i].gradient.least / f[0].gradient.least, f[i].held / f[0].held);
    putchar('\n');
    fflush(stdout);
}

/* ---- the same hypergradient -------------------------------------------------------------------------------------- */

enum { MOST_ENTRIES = 5000 };

/* Of one workload; errors are of the norm, and against the first mode's. */
static void compare_on(const workload *w, bool quick, double *exact, double *answer)
{
    figures f;
    workload used = *w;
    if (quick) {
        used.steps = w->few;
        used.examples = w->examples < 500 ? w->examples : 500;
    }
    printf("\n%s: %s\n%-22s %10s %10s %10s %10s\n", w->name, w->what, "", "error", "seconds", "trainings", "MB");
    for (const way *m = ways; m < ways + WAYS; m++) {
        if (strstr(m->not_on, w->name))
            continue;
        bench_row row = row_of(m, &used, true, quick ? 1 : 3);
        row.answer = m == ways ? exact : answer;
        measure(&row, &f);
        double off = 0, size = 0;
        for (int64_t i = 0; i < (int64_t)f.directions; i++) {
            off += (row.answer[i] - exact[i]) * (row.answer[i] - exact[i]);
            size += exact[i] * exact[i];
        }
        printf("%-22s %10.2g %10.4g %10.2f %10.2f\n", m->name, sqrt(off / size), f.gradient.least,
               f.gradient.least / f.plain.least, 1e-6 * f.held);
        fflush(stdout);
    }
}

int main(int count, char **arguments)
{
    const bool quick = count == 2 && !strcmp(arguments[1], "--quick");
    if (count > 1 && !quick) {
        fprintf(stderr, "usage: bench_modes [--quick]\n");
        return 2;
    }
    printf("softmax, 100 x 256 x 10, full batch, SGD, T = 200, m = 1, f64\n%-22s %8s %8s   %13s   %13s   %13s\n", "",
           "", "", "ten times T", "ten times m", "ten times d");
    printf("%-22s %8s %8s   %6s %6s   %6s %6s   %6s %6s\n", "", "trainings", "MB", "time", "memory", "time", "memory",
           "time", "memory");
    for (const way *m = ways; m < ways + WAYS; m++)
        measure_growth(m, quick);
    static double exact[MOST_ENTRIES], answer[MOST_ENTRIES];
    for (const workload *w = workloads; w < workloads + WORKLOADS; w++)
        if (strstr("W1 W3 W4", w->name))
            compare_on(w, quick, exact, answer);
    return 0;
}
