/* Progress on stderr: a bar on a terminal, a plain line now and then otherwise. */
#ifndef HO_RUN_PROGRESS_H
#define HO_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ho_progress {
    bool quiet, terminal;
    bool drawn; /* a bar stands on the terminal's last line */
    int64_t total;
    double begun, told;
} ho_progress;

void ho_progress_start(ho_progress *p, int64_t total, bool quiet);
/* Iteration `done` of total came to this validation error. */
void ho_progress_tell(ho_progress *p, int64_t done, double error, double best);
/* Ends the bar's line, before anything else is printed. */
void ho_progress_end(ho_progress *p);

#endif
