/*
 * What `hotool plan` expects of the workloads, and what they take: each mode in f32 with one thread.
 *
 *     bench_plan [--quick] [NAME]...
 *
 * NAME is W1 to W6 or W2b. --quick: few steps. Forward mode is left out where it would carry many tangents.
 */
#include <string.h>

#include "base/memory.h"
#include "measure.h"
#include "system/costs.h"

enum { MOST_MODES = 8, MANY = 10 };

typedef struct expected {
    char mode[32];
    double seconds, peak, held; /* of a hypergradient; of the process; of the mode alone */
} expected;

typedef struct expectation {
    const workload *w;
    expected all[MOST_MODES];
    size_t count;
} expectation;

/* As core/check/forecast.c computes it. */
static size_t expect(const workload *w, expected *all)
{
    bench b = bench_open();
    posed q;
    ho_exec_threads(1);
    workload_pose(&b, &q, w, false);
    ho_training *training = ho_training_new(&q.problem, &b.error);
    must(&b, training != NULL);
    double *lambda = ho_alloc((size_t)ho_training_lambda_size(training) * sizeof *lambda);
    ho_training_lambda_initial(training, lambda);
    int64_t now, most;
    ho_memory_held(&now, &most);
    ho_mode_choice choice = {.memory = ho_memory_available()};
    must(&b, ho_mode_choose(training, b.registry, &choice, &b.error) == HO_OK);
    ho_mode_costs costs = choice.costs;
    must(&b, ho_costs_measure(training, lambda, &costs, &b.error) == HO_OK);
    size_t count = 0;
    for (size_t i = 0; i < choice.count && count < MOST_MODES; i++) {
        const ho_instance *mode = choice.offers[i].instance;
        const char *name = mode->loaded->plugin.name;
        if (strcmp(name, "reverse") != 0 && strcmp(name, "checkpointed") != 0 &&
            (strcmp(name, "forward") != 0 || costs.directions > MANY))
            continue;
        const double own = (double)choice.offers[i].cost.bytes, peak = (double)(now + choice.beside) + own;
        expected *e = &all[count++];
        *e = (expected){.seconds = mode->loaded->calls.mode.estimate(mode->self, &costs).seconds,
                        .peak = peak > (double)most ? peak : (double)most,
                        .held = own};
        snprintf(e->mode, sizeof e->mode, "%s", name);
    }
    return count;
}

static bool send_expected(void *context, FILE *out)
{
    expectation *e = context;
    const size_t count = expect(e->w, e->all);
    return fwrite(e->all, sizeof *e->all, count, out) == count;
}

static bool receive_expected(void *context, FILE *in)
{
    expectation *e = context;
    e->count = fread(e->all, sizeof *e->all, MOST_MODES, in);
    return e->count > 0;
}

static void compare(const workload *w)
{
    expectation of = {.w = w};
    measure_apart(send_expected, receive_expected, &of, w->name);
    for (size_t i = 0; i < of.count; i++) {
        const expected *e = &of.all[i];
        const bench_row row = {.w = *w, .mode = e->mode, .threads = 1, .rounds = 3, .alone = true};
        figures f;
        measure(&row, &f);
        printf("%-4s %-14s %10.4f %10.4f %6.2f %10.1f %10.1f %6.2f %10.1f\n", w->name, e->mode, e->seconds, f.later,
               e->seconds / f.later, 1e-6 * e->peak, 1e-6 * f.peak, e->peak / f.peak, 1e-6 * e->held);
        fflush(stdout);
    }
}

int main(int count, char **arguments)
{
    bool quick = false, wanted[WORKLOADS] = {false}, some = false;
    for (int i = 1; i < count; i++) {
        const workload *named = workload_named(arguments[i]);
        if (!named && strcmp(arguments[i], "--quick") != 0) {
            fprintf(stderr, "usage: bench_plan [--quick] [W1 ... W6]\n");
            return 2;
        }
        quick |= !named;
        if (named)
            some = wanted[named - workloads] = true;
    }
    printf("%-19s %10s %10s %6s %10s %10s %6s %10s\n", "", "planned s", "took s", "ratio", "planned MB", "peak MB",
           "ratio", "mode's MB");
    for (size_t i = 0; i < WORKLOADS; i++) {
        workload w = workloads[i];
        w.steps = quick ? w.few : w.steps;
        if (!some || wanted[i])
            compare(&w);
    }
    return 0;
}
