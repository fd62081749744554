/*
 * One pool of threads for the whole process. A plan runs in several of them at once: each runs every step, or the
 * worker's share of it, and waits for the others where it needs what they wrote.
 */
#ifndef HO_EXEC_THREADS_H
#define HO_EXEC_THREADS_H

#include <stdbool.h>
#include <stdint.h>

/* Worker `index` of `count`; worker 0 is the thread that asked. */
typedef struct ho_worker {
    int32_t index, count;
    void *temps; /* its own scratch memory */
} ho_worker;

/* How many threads plans may use (ho_exec_threads). */
int32_t ho_threads(void);

/* Calls task(context, index, count) for each index below `count`, in a thread of its own, and returns when all have.
 * `small`: it takes less time than it takes to wake a thread, so only those that are still awake from the last task
 * share it. Where these are not, another thread of the process has the pool, or threads cannot be made, the task is
 * called with index 0 only; so it is told how many there are. And so are some tasks after one for which the first
 * worker waited so long that it would have been quicker alone, as where other programs use the processors. */
void ho_threads_run(int32_t count, bool small, void (*task)(void *context, int32_t index, int32_t count),
                    void *context);

/* Waits until all workers of the task wait here. */
void ho_worker_wait(const ho_worker *worker);

#endif
