/* When a plugin crashes: its name and the call that it was in, and the program's end with status 1. */
#ifndef HO_HOST_SIGNALS_H
#define HO_HOST_SIGNALS_H

#include "host/loaded.h"

/* Says which call of which plugin runs on this thread, until the next call of this. NULL: none. */
void ho_calling(const ho_loaded *plugin, const char *callback);

/* Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT (a failed assertion, an uncaught C++
 * exception), which print the plugin and its call and exit with status 1. Prepares the calling thread as below. */
void ho_fatal_signals(void);

/* Gives the calling thread a stack of its own for those handlers, so that a plugin that overflows the thread's stack is
 * named too. Every thread that calls plugins does this first. Nothing to undo. */
void ho_signals_thread(void);

#endif
