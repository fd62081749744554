/* Tasks in processes of their own: what one does to itself, it does to no other. */
#ifndef HO_RUN_WORKERS_H
#define HO_RUN_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "hotool/abi.h"

typedef struct ho_crew {
    size_t most; /* workers at a time; at least 1 */
    void *context;
    /* Set by a signal handler; then the workers get SIGTERM. NULL: never. */
    const volatile int *interrupt;
    /* The task to start now; false: none, or none before another is over. */
    bool (*next)(void *context, size_t *task);
    /* In a process of its own, a copy of this one, which ends when the call returns. */
    void (*work)(void *context, size_t task);
    /* What its worker said or sent. */
    void (*hear)(void *context, size_t task, char kind, const char *bytes, size_t size);
    /* Its worker is gone. `death`: how it died; NULL: `work` returned. */
    void (*over)(void *context, size_t task, const char *death);
} ho_crew;

/* Until no task is running and `next` gives none. Threads: this process must have no others but the BLAS's. */
void ho_crew_run(const ho_crew *crew);

/* From `work` to `hear`: a text, with the zero byte behind it, or any bytes. */
void ho_crew_say(char kind, const char *format, ...) HO_PRINTF(2, 3);
void ho_crew_send(char kind, const void *bytes, size_t size);

#endif
