/* The pool: threads that wait for tasks, a short time by looking again and again, then asleep. */
#include "exec/threads.h"

#include <cblas.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "exec/exec.h"

#define MOST   64
#define COUNTS (MOST + 1u)

/* A number that some thread changes and others wait for. It never comes round to what it was. */
typedef _Atomic uint64_t event;

typedef struct server {
    int32_t index;
    uint64_t seen; /* of pool.begun, when the thread was made */
    double seconds;
} server;

static struct {
    pthread_mutex_t busy; /* held by the thread whose task runs */
    int32_t threads;      /* that there are, the caller's included */
    bool handles_forks;
    void (*task)(void *context, int32_t index, int32_t count);
    void *context;
    event begun, phase; /* tasks so far, times COUNTS, and workers of the last; how often all have arrived */
    atomic_int arrived;
    server servers[MOST];
    atomic_int sleepers;
    pthread_mutex_t mutex; /* of sleeping */
    pthread_cond_t woken;
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER,
          .threads = 1,
          .mutex = PTHREAD_MUTEX_INITIALIZER,
          .woken = PTHREAD_COND_INITIALIZER};

static _Atomic int32_t wanted = 1;

int32_t ho_threads(void)
{
    return wanted;
}

void ho_exec_threads(int threads)
{
    wanted = threads < 1 ? 1 : threads > MOST ? MOST : threads;
    openblas_set_num_threads(1); /* it is called by each of ours */
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* A step takes some microseconds, and the next plan is run soon after the last, so others are soon here; to be woken
 * takes longer. But if the machine has other work, it should get on. */
#define LOOKS  2000
#define YIELDS 500

static void pause_shortly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static uint64_t wait_for_change(event *e, uint64_t from)
{
    uint64_t now = atomic_load(e);
    for (int i = 0; now == from && i < LOOKS + YIELDS; i++, now = atomic_load(e))
        if (i < LOOKS)
            pause_shortly();
        else
            sched_yield();
    if (now != from)
        return now;
    pthread_mutex_lock(&pool.mutex);
    atomic_fetch_add(&pool.sleepers, 1);
    while ((now = atomic_load(e)) == from)
        pthread_cond_wait(&pool.woken, &pool.mutex);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.mutex);
    return now;
}

static void change(event *e, uint64_t to)
{
    atomic_store(e, to);
    if (atomic_load(&pool.sleepers) == 0)
        return;
    pthread_mutex_lock(&pool.mutex);
    pthread_cond_broadcast(&pool.woken);
    pthread_mutex_unlock(&pool.mutex);
}

void ho_worker_wait(const ho_worker *worker)
{
    if (worker->count == 1)
        return;
    const uint64_t phase = atomic_load(&pool.phase);
    if (atomic_fetch_add(&pool.arrived, 1) + 1 < worker->count) {
        wait_for_change(&pool.phase, phase);
        return;
    }
    atomic_store(&pool.arrived, 0);
    change(&pool.phase, phase + 1);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

static void *serve(void *of)
{
    const server *s = of;
    for (uint64_t seen = s->seen;;) {
        seen = wait_for_change(&pool.begun, seen);
        const int32_t count = (int32_t)(seen % COUNTS);
        if (s->index >= count)
            continue;
        const double start = ho_thread_seconds();
        pool.task(pool.context, s->index, count);
        pool.servers[s->index].seconds = ho_thread_seconds() - start;
        ho_worker_wait(&(ho_worker){.index = s->index, .count = count});
    }
    return NULL;
}

/* A fork has the calling thread alone, and perhaps locks that others held. */
static void forget_threads(void)
{
    pool.threads = 1;
    pthread_mutex_init(&pool.busy, NULL);
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.woken, NULL);
    atomic_store(&pool.arrived, 0);
    atomic_store(&pool.sleepers, 0);
}

/* Threads up to `count`, as many as the system gives. Signals are for the thread that works with files and terminals,
 * except for those that a fault of the thread itself brings. */
static void make_threads(int32_t count)
{
    sigset_t all, before;
    sigfillset(&all);
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(&all, faults[i]);
    if (!pool.handles_forks)
        pool.handles_forks = pthread_atfork(NULL, NULL, forget_threads) == 0;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (pthread_t thread; pool.threads < count; pool.threads++) {
        server *s = &pool.servers[pool.threads];
        *s = (server){.index = pool.threads, .seen = atomic_load(&pool.begun)};
        if (pthread_create(&thread, NULL, serve, s) != 0)
            break;
        pthread_detach(thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

double ho_threads_run(int32_t count, void (*task)(void *context, int32_t index, int32_t count), void *context)
{
    double seconds = 0;
    if (count == 1 || pthread_mutex_trylock(&pool.busy) != 0) {
        task(context, 0, 1);
        return 0;
    }
    make_threads(count);
    count = count < pool.threads ? count : pool.threads;
    pool.task = task;
    pool.context = context;
    if (count > 1)
        change(&pool.begun, (atomic_load(&pool.begun) / COUNTS + 1) * COUNTS + (uint64_t)count);
    task(context, 0, count);
    ho_worker_wait(&(ho_worker){.count = count});
    for (int32_t i = 1; i < count; i++)
        seconds += pool.servers[i].seconds;
    pthread_mutex_unlock(&pool.busy);
    return seconds;
}
