/*
 * Hypergradients by every mode: how their cost grows, and what each makes of the same training.
 *
 *     bench_modes [--quick] [--rounds N] [--csv FILE] [MODE]       one thread, seconds of processor time
 *
 * truncated.gp draws the CSV file: how truncated mode errs.
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
    {"split, 10", "split", {{"steps_back", "10"}}, "growth"},
    {"split, rates ahead, 10", "split", {{"forward", "dynamics.*"}, {"steps_back", "10"}}, "growth W1 W3"},
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

/* What is asked for on the command line. */
typedef struct wanted {
    bool quick;
    int rounds;       /* 0: three, or one where it is to be quick */
    const char *mode; /* alone, beside reverse; NULL: all */
    FILE *csv;
} wanted;

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
    if (strstr(m->not_on, small.name))
        return;
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

/* Of the norm. */
static double distance(const double *answer, const double *exact, int64_t count)
{
    double off = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        off += (answer[i] - exact[i]) * (answer[i] - exact[i]);
        size += exact[i] * exact[i];
    }
    return sqrt(off / size);
}

/* Of one workload; errors are against the first mode's. */
static void compare_on(const workload *w, const wanted *asked, double *exact, double *answer)
{
    figures f;
    workload used = *w;
    if (asked->quick) {
        used.steps = w->few;
        used.examples = w->examples < 500 ? w->examples : 500;
    }
    printf("\n%s: %s\n%-22s %10s %10s %10s %10s\n", w->name, w->what, "", "error", "seconds", "trainings", "MB");
    for (const way *m = ways; m < ways + WAYS; m++) {
        if (strstr(m->not_on, w->name) || (asked->mode && m != ways && strcmp(asked->mode, m->mode) != 0))
            continue;
        bench_row row = row_of(m, &used, true, asked->rounds ? asked->rounds : asked->quick ? 1 : 3);
        row.answer = m == ways ? exact : answer;
        measure(&row, &f);
        printf("%-22s %10.2g %10.4g %10.2f %10.2f\n", m->name, distance(row.answer, exact, (int64_t)f.directions),
               f.gradient.least, f.gradient.least / f.plain.least, 1e-6 * f.held);
        fflush(stdout);
    }
}

/* ---- how truncated mode errs ------------------------------------------------------------------------------------- */

/* Gradient descent contracts: on the penalty alone by 1 - rate rho, more where the loss is curved. */
static double error_over(const workload *w, int64_t steps_back, double *exact, double *answer)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%d", (int)steps_back);
    const way truncated = {"truncated", "truncated", {{"steps_back", digits}}, ""};
    bench_row row = row_of(&truncated, w, true, 1);
    figures f;
    row.answer = steps_back == w->steps ? exact : answer;
    measure(&row, &f);
    return distance(row.answer, exact, (int64_t)f.directions);
}

static bool errors_of_truncated(FILE *csv, bool quick, double *exact, double *answer)
{
    static const char *const rhos[] = {"0.1", "0.3", "1"};
    const int64_t steps = quick ? 200 : 2000, most = quick ? 100 : 400;
    printf("\ntruncated, softmax without bias, 100 x 256 x 10, SGD, T = %d: error over the last K steps\n%-22s",
           (int)steps, "K");
    for (int64_t k = 50; k <= most; k += 50)
        printf(" %8d", (int)k);
    for (size_t i = 0; i < (quick ? 1 : sizeof rhos / sizeof *rhos); i++) {
        workload w = small;
        w.steps = steps;
        w.no_offset = true;
        w.tuned[0].value = rhos[i];
        w.tuned[1].name = NULL;
        error_over(&w, w.steps, exact, answer);
        printf("\nl2, rho = %-12s", rhos[i]);
        for (int64_t k = 50; k <= most; k += 50) {
            const double error = error_over(&w, k, exact, answer);
            printf(" %8.1e", error);
            if (csv)
                fprintf(csv, "%s,%d,%.17g\n", rhos[i], (int)k, error);
        }
    }
    putchar('\n');
    return !csv || fclose(csv) == 0;
}

static bool known_mode(const char *name)
{
    for (const way *m = ways; m < ways + WAYS; m++)
        if (!strcmp(m->mode, name))
            return true;
    return false;
}

static bool read_wanted(wanted *w, int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        const char *a = arguments[i], *next = i + 1 < count ? arguments[i + 1] : NULL;
        if (!strcmp(a, "--quick"))
            w->quick = true;
        else if (!strcmp(a, "--csv") && next && !w->csv && (w->csv = fopen(next, "w")))
            i++;
        else if (!strcmp(a, "--rounds") && next && (w->rounds = atoi(next)) > 0 && w->rounds <= MOST_ROUNDS)
            i++;
        else if (!w->mode && known_mode(a))
            w->mode = a;
        else
            return false;
    }
    return true;
}

int main(int count, char **arguments)
{
    wanted asked = {0};
    if (!read_wanted(&asked, count, arguments)) {
        fprintf(stderr, "usage: bench_modes [--quick] [--rounds N] [--csv FILE] [MODE]\n");
        return 2;
    }
    printf("softmax, 100 x 256 x 10, full batch, SGD, T = 200, m = 1, f64\n%-22s %8s %8s   %13s   %13s   %13s\n", "",
           "", "", "ten times T", "ten times m", "ten times d");
    printf("%-22s %8s %8s   %6s %6s   %6s %6s   %6s %6s\n", "", "trainings", "MB", "time", "memory", "time", "memory",
           "time", "memory");
    for (const way *m = ways; m < ways + WAYS; m++)
        if (!asked.mode || !strcmp(asked.mode, m->mode))
            measure_growth(m, asked.quick);
    static double exact[MOST_ENTRIES], answer[MOST_ENTRIES];
    for (const workload *w = workloads; w < workloads + WORKLOADS; w++)
        if (strstr("W1 W3 W4", w->name))
            compare_on(w, &asked, exact, answer);
    return errors_of_truncated(asked.csv, asked.quick, exact, answer) ? 0 : 1;
}
