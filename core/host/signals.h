/* When a plugin crashes, ends the program or does not return: its name, its file and the call that it was in. */
#ifndef HO_HOST_SIGNALS_H
#define HO_HOST_SIGNALS_H

#include "host/loaded.h"

/* Says which call of which plugin runs on this thread, until the next call of this. NULL: none. */
void ho_calling(const ho_loaded *plugin, const char *callback);
/* The same for a call within another, as of a reader while a mode is at work: afterwards ho_calling_again is handed
 * what this returns. */
typedef struct ho_outer_call {
    const char *who, *callback;
    bool slow;
} ho_outer_call;
ho_outer_call ho_calling_within(const ho_loaded *plugin, const char *callback);
void ho_calling_again(ho_outer_call outer);
/* Says that this file is being loaded, on this thread; borrowed until the next call of this or of ho_calling, and of
 * the host's own memory. */
void ho_loading(const char *path);

/* Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT (a failed assertion, an uncaught C++
 * exception), which print the plugin and its call and exit with status 1; the same where a plugin calls exit().
 * Prepares the calling thread as below. */
void ho_fatal_signals(void);

/* From now on a call that has not returned after so many seconds is told on stderr, once. Readers and modes, whose
 * calls may well take long, are not. With several threads only the call that began last is watched. `end`: the program
 * then ends with status 1, whatever the plugin. 0 seconds: no more. */
void ho_watch_calls(unsigned seconds, bool end);

/* For a handler of Ctrl-C and the like: a reader that is at work and does not return within a second is ended, and the
 * program with it, by this status. Nothing of a run is half done then. After ho_watch_calls. */
void ho_interrupt_reading(int status);

/* Gives the calling thread a stack of its own for those handlers, so that a plugin that overflows the thread's stack is
 * named too. Every thread that calls plugins does this first. Nothing to undo. */
void ho_signals_thread(void);

#endif
