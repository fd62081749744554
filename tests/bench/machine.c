#define _GNU_SOURCE
#include "machine.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "measure.h"
#include "schedule.h"

static int by_size(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_size);
    return values[count / 2];
}

/* ---- start-up ---------------------------------------------------------------------------------------------------- */

extern char **environ;

static const char first_step[] = "name: first_step\n"
                                 "data: {plugin: generated, features: 40, tasks: 10, groups: 3}\n"
                                 "model: softmax\n"
                                 "objective: [{loss: cross_entropy}, {penalty: task_interaction, name: mtl}]\n"
                                 "dynamics: {plugin: adam, learning_rate: 0.01}\n"
                                 "steps: 1\n"
                                 "validation: {loss: cross_entropy}\n"
                                 "hyperparameters: {mtl.rho: {init: 0.1}, mtl.A: {init: 0.1}}\n";

static double seconds_of(const struct timeval *t)
{
    return (double)t->tv_sec + 1e-6 * (double)t->tv_usec;
}

/* One process: its seconds by the clock, and of the processor. */
static void run_once(const char *hotool, char *pipeline, double *clock, double *processor)
{
    char *arguments[] = {(char *)hotool, "hypergradient", pipeline, NULL};
    posix_spawn_file_actions_t silent;
    posix_spawn_file_actions_init(&silent);
    posix_spawn_file_actions_addopen(&silent, 1, "/dev/null", 1, 0);
    posix_spawn_file_actions_addopen(&silent, 2, "/dev/null", 1, 0);
    const double begun = ho_seconds();
    pid_t child;
    int status = -1;
    struct rusage used;
    if (posix_spawn(&child, hotool, &silent, NULL, arguments, environ) || wait4(child, &status, 0, &used) != child ||
        status) {
        fprintf(stderr, "bench: %s hypergradient: status %d\n", hotool, status);
        exit(1);
    }
    *clock = ho_seconds() - begun;
    *processor = seconds_of(&used.ru_utime) + seconds_of(&used.ru_stime);
    posix_spawn_file_actions_destroy(&silent);
}

void measure_start_up(const char *hotool, bool quick, ho_json *json)
{
    enum { MOST = 21 };
    const int runs = quick ? 1 : MOST;
    double clock[MOST], processor[MOST];
    char pipeline[] = "/tmp/hotool_first_step_XXXXXX";
    const int file = mkstemp(pipeline);
    if (file < 0 || write(file, first_step, sizeof first_step - 1) != (ssize_t)sizeof first_step - 1 || close(file)) {
        perror(pipeline);
        exit(1);
    }
    for (int i = 0; i < runs; i++)
        run_once(hotool, pipeline, &clock[i], &processor[i]);
    unlink(pipeline);
    const double by_clock = 1e3 * median(clock, runs), of_processor = 1e3 * median(processor, runs);
    printf(
        "a process with one step and its hypergradient: %.1f ms by the clock (least %.1f), %.1f ms of the processor\n",
        by_clock, 1e3 * clock[0], of_processor);
    ho_json_open(json, "start_up", '{');
    ho_json_real(json, "clock_ms", by_clock);
    ho_json_real(json, "clock_ms_least", 1e3 * clock[0]);
    ho_json_real(json, "processor_ms", of_processor);
    ho_json_close(json, '}');
}

/* ---- checkpointed ------------------------------------------------------------------------------------------------ */

enum { SLOTS = 20 };

void measure_checkpointed(bool quick, ho_json *json)
{
    bench_row row = {.w = *workload_named("W5"), .f64 = false, .threads = 1, .rounds = quick ? 1 : 5, .alone = true};
    row.w.steps = quick ? 100 : 3000;
    figures all, some;
    row.mode = "reverse";
    row.options[0][0] = "store";
    row.options[0][1] = "state";
    measure(&row, &all);
    row.mode = "checkpointed";
    row.options[0][0] = "slots";
    row.options[0][1] = "20";
    measure(&row, &some);
    const double steps = (double)row.w.steps, advances = (double)schedule_advances(row.w.steps, SLOTS);
    const double trajectory = (steps + 2) * all.state, grown = all.peak - all.plain_peak;
    const double counted = all.gradient.median + (advances / steps - 1) * all.plain.median;
    printf("checkpointed, %s, T = %d, %d slots: %.2f T advances; %.4f s, %.2f of what they count to, %.1f MB held\n",
           row.w.name, (int)row.w.steps, SLOTS, advances / steps, some.gradient.median, some.gradient.median / counted,
           1e-6 * some.held);
    printf(
        "reverse, the same, all states stored: %.4f s; %.1f MB held, %.3f of T + 2 states; the process grows by %.3f\n",
        all.gradient.median, 1e-6 * all.held, all.held / trajectory, grown / trajectory);
    ho_json_open(json, "checkpointed", '{');
    ho_json_string(json, "workload", row.w.name);
    ho_json_integer(json, "steps", row.w.steps);
    ho_json_integer(json, "slots", SLOTS);
    ho_json_real(json, "advances_per_step", advances / steps);
    ho_json_real(json, "seconds", some.gradient.median);
    ho_json_real(json, "seconds_by_count", counted);
    ho_json_real(json, "held_bytes", some.held);
    ho_json_close(json, '}');
    ho_json_open(json, "store_all", '{');
    ho_json_real(json, "seconds", all.gradient.median);
    ho_json_real(json, "held_bytes", all.held);
    ho_json_real(json, "residual_bytes", all.residuals);
    ho_json_real(json, "held_to_states", all.held / trajectory);
    ho_json_real(json, "grown_to_states", grown / trajectory);
    ho_json_close(json, '}');
}

/* ---- processors -------------------------------------------------------------------------------------------------- */

enum { TURNS = 2000, TRIES = 100 };

typedef struct player {
    atomic_int *turn;
    int own;
    cpu_set_t where;
    double seconds; /* of all turns but the first, in which the other thread begins */
} player;

static void *play(void *of)
{
    player *p = of;
    double begun = 0;
    sched_setaffinity(0, sizeof p->where, &p->where);
    for (int i = 0; i < TURNS; i++) {
        while (atomic_load(p->turn) != p->own)
            ;
        atomic_store(p->turn, 1 - p->own);
        begun = i == 1 ? ho_seconds() : begun;
    }
    p->seconds = ho_seconds() - begun;
    return NULL;
}

/* The least of several tries, in nanoseconds: others may want the processors too. */
static double there_and_back(const cpu_set_t where[2])
{
    double least = INFINITY;
    for (int try = 0; try < TRIES; try++) {
        atomic_int turn = 0;
        player players[2] = {{.turn = &turn, .own = 0, .where = where[0]},
                             {.turn = &turn, .own = 1, .where = where[1]}};
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            if (pthread_create(&threads[i], NULL, play, &players[i])) {
                fprintf(stderr, "bench: no thread\n");
                exit(1);
            }
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        least = fmin(least, players[0].seconds / (TURNS - 2));
    }
    return 1e9 * least;
}

void measure_processors(ho_json *json)
{
    cpu_set_t all, where[2];
    int found = 0;
    sched_getaffinity(0, sizeof all, &all);
    for (size_t i = 0; i < CPU_SETSIZE && found < 2; i++)
        if (CPU_ISSET(i, &all)) {
            CPU_ZERO(&where[found]);
            CPU_SET(i, &where[found++]);
        }
    if (found < 2)
        return;
    const double nanoseconds = there_and_back(where);
    printf("a word from one processor to another and back: %.0f ns\n", nanoseconds);
    ho_json_real(json, "between_processors_ns", nanoseconds);
}
