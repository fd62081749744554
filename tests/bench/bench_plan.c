/*
 * What `hotool plan` expects of the workloads, and what they take: each mode in f32 with one thread.
 *
 *     bench_plan [--quick] [NAME]...
 *
 * NAME is W1 to W6 or W2b. --quick: few steps. Forward mode is left out where it would carry many tangents.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "measure.h"
#include "system/costs.h"

enum { MOST_MODES = 8, MANY = 10 };

typedef struct expected {
    char mode[32];
    double seconds, peak, held; /* of a hypergradient; of the process; of the mode alone */
} expected;

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
        if (strcmp(name, "reverse") && strcmp(name, "checkpointed") &&
            (strcmp(name, "forward") || costs.directions > MANY))
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

/* In a process of its own, which leaves no memory and no plans behind. */
static size_t expect_apart(const workload *w, expected *all)
{
    int ends[2], status = 0;
    fflush(NULL);
    if (pipe(ends)) {
        perror("bench");
        exit(1);
    }
    const pid_t child = fork();
    if (child == 0) {
        const size_t bytes = expect(w, all) * sizeof *all;
        _exit(write(ends[1], all, bytes) == (ssize_t)bytes ? 0 : 1);
    }
    close(ends[1]);
    const ssize_t got = read(ends[0], all, MOST_MODES * sizeof *all);
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) < 0 || status || got <= 0) {
        fprintf(stderr, "bench_plan: %s: nothing is expected\n", w->name);
        exit(1);
    }
    return (size_t)got / sizeof *all;
}

static void compare(const workload *w)
{
    expected all[MOST_MODES];
    const size_t count = expect_apart(w, all);
    for (size_t i = 0; i < count; i++) {
        const bench_row row = {.w = *w, .mode = all[i].mode, .threads = 1, .rounds = 3, .alone = true};
        figures f;
        measure(&row, &f);
        printf("%-4s %-14s %10.4f %10.4f %6.2f %10.1f %10.1f %6.2f %10.1f\n", w->name, all[i].mode, all[i].seconds,
               f.later, all[i].seconds / f.later, 1e-6 * all[i].peak, 1e-6 * f.peak, all[i].peak / f.peak,
               1e-6 * all[i].held);
        fflush(stdout);
    }
}

int main(int count, char **arguments)
{
    bool quick = false, wanted[WORKLOADS] = {false}, some = false;
    for (int i = 1; i < count; i++) {
        const workload *named = workload_named(arguments[i]);
        if (!named && strcmp(arguments[i], "--quick")) {
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
