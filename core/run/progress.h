/* Progress on stderr: a bar on a terminal, a plain line now and then otherwise. */
#ifndef HO_RUN_PROGRESS_H
#define HO_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ho_progress {
    bool quiet, terminal;
    bool drawn; /* a bar stands on the terminal's last line */
    double total;
    double begun, told;
} ho_progress;

void ho_progress_start(ho_progress *p, double total, bool quiet);
/* `done` of total are done; `text` says of what and how it goes: "12/100  validation error 0.93 (best 0.91)". */
void ho_progress_tell(ho_progress *p, double done, const char *text);
/* Ends the bar's line, before anything else is printed. */
void ho_progress_end(ho_progress *p);

#endif
