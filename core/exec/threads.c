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

/* A number that one thread lets grow and others wait for. */
typedef _Atomic uint64_t event;

/* One task goes without others after one that was late, and twice as many each time that the next is late again. */
#define LEAST_APART 1
#define MOST_APART  256

/* Each has a pair of cache lines of its own, so that no word travels but those that are waited for. */
typedef struct pool_worker {
    _Alignas(128) event arrivals; /* where all wait for each other, in all tasks so far */
    int32_t index;
    uint64_t seen; /* of pool.begun, when the thread was made */
} pool_worker;

static struct {
    pthread_mutex_t busy; /* held by the thread whose task runs */
    int32_t threads;      /* that there are, the caller's included */
    bool handles_forks;
    void (*task)(void *context, int32_t index, int32_t count);
    void *context;
    uint64_t arrivals;       /* of each worker, before the task */
    double waited, ended;    /* seconds: how long the first worker has waited in this task; when the last one ended */
    int32_t apart, patience; /* so many tasks are not offered to others; so many after the next that is late */
    pthread_mutex_t mutex;   /* of sleeping */
    pthread_cond_t woken;
    _Alignas(128) event begun; /* tasks so far, times COUNTS, and workers of the last */
    atomic_int sleepers;
    pool_worker workers[MOST];
} pool = {.busy = PTHREAD_MUTEX_INITIALIZER,
          .threads = 1,
          .patience = LEAST_APART,
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
    pthread_mutex_lock(&pool.busy);
    pool.apart = 0;
    pool.patience = LEAST_APART;
    pthread_mutex_unlock(&pool.busy);
    openblas_set_num_threads(1); /* it is called by each of ours */
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* A step takes some microseconds, and the next plan is run soon after the last, so others are soon here; to be woken
 * takes longer. But if the machine has other work, it should get on. Fifty microseconds, and some two hundred. */
#define LOOKS  2000
#define YIELDS 500

static void pause_shortly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Until the event has come to `least`; returns what it is. */
static uint64_t wait_for(event *e, uint64_t least)
{
    uint64_t now = atomic_load(e);
    for (int i = 0; now < least && i < LOOKS + YIELDS; i++, now = atomic_load(e))
        if (i < LOOKS)
            pause_shortly();
        else
            sched_yield();
    if (now >= least)
        return now;
    pthread_mutex_lock(&pool.mutex);
    atomic_fetch_add(&pool.sleepers, 1);
    while ((now = atomic_load(e)) < least)
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

static uint64_t arrive(int32_t index)
{
    event *own = &pool.workers[index].arrivals;
    const uint64_t arrivals = atomic_load_explicit(own, memory_order_relaxed) + 1;
    change(own, arrivals);
    return arrivals;
}

/* The clock is not read where the other comes within a microsecond. */
#define FEW_LOOKS 40

static void wait_for_worker(const ho_worker *worker, int32_t other, uint64_t arrivals)
{
    event *e = &pool.workers[other].arrivals;
    for (int i = 0; i < FEW_LOOKS && atomic_load(e) < arrivals; i++)
        pause_shortly();
    if (atomic_load(e) >= arrivals)
        return;
    const double begun = worker->index == 0 ? ho_seconds() : 0;
    wait_for(e, arrivals);
    if (worker->index == 0)
        pool.waited += ho_seconds() - begun;
}

void ho_worker_wait(const ho_worker *worker)
{
    if (worker->count == 1)
        return;
    const uint64_t arrivals = arrive(worker->index);
    for (int32_t i = 0; i < worker->count; i++)
        if (i != worker->index)
            wait_for_worker(worker, i, arrivals);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

static void *serve(void *of)
{
    pool_worker *own = of;
    for (uint64_t seen = own->seen;;) {
        seen = wait_for(&pool.begun, seen + 1);
        const int32_t count = (int32_t)(seen % COUNTS);
        if (own->index >= count)
            continue;
        atomic_store(&own->arrivals, pool.arrivals);
        pool.task(pool.context, own->index, count);
        arrive(own->index);
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
        pool_worker *w = &pool.workers[pool.threads];
        w->index = pool.threads;
        w->seen = atomic_load(&pool.begun);
        if (pthread_create(&thread, NULL, serve, w) != 0)
            break;
        pthread_detach(thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Begins a task; or with one worker none, but those who sleep are woken. */
static void begin(int32_t count)
{
    change(&pool.begun, (atomic_load(&pool.begun) / COUNTS + 1) * COUNTS + (uint64_t)count);
}

/* A small task is not worth waking others for; but if another one follows so soon (seconds), it is for the next. */
#define SOON 50e-6

/* Whether others can be had for a small task without waiting for them. */
static bool are_at_hand(void)
{
    if (atomic_load(&pool.sleepers) == 0)
        return true;
    if (ho_seconds() - pool.ended < SOON)
        begin(1);
    return false;
}

/* A task is late if the first worker alone would have been quicker: other programs use the others' processors. */
static void judge(double seconds, int32_t count)
{
    const bool late = count * (seconds - pool.waited) < seconds;
    pool.apart = late ? pool.patience : 0;
    pool.patience = !late ? LEAST_APART : pool.patience < MOST_APART ? 2 * pool.patience : MOST_APART;
}

/* Whether this task goes without others. */
static bool goes_alone(bool small)
{
    if (pool.apart == 0)
        return small && !are_at_hand();
    pool.apart--;
    return true;
}

void ho_threads_run(int32_t count, bool small, void (*task)(void *context, int32_t index, int32_t count), void *context)
{
    if (count == 1 || pthread_mutex_trylock(&pool.busy) != 0) {
        task(context, 0, 1);
        return;
    }
    make_threads(count);
    count = count < pool.threads ? count : pool.threads;
    if (count > 1 && goes_alone(small))
        count = 1;
    const double begun = ho_seconds();
    if (count > 1) {
        pool.task = task;
        pool.context = context;
        pool.arrivals = pool.workers[0].arrivals;
        pool.waited = 0;
        begin(count);
    }
    task(context, 0, count);
    ho_worker_wait(&(ho_worker){.count = count});
    pool.ended = ho_seconds();
    if (count > 1)
        judge(pool.ended - begun, count);
    pthread_mutex_unlock(&pool.busy);
}
