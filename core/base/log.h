/* Notes on progress for the person at the terminal; results never go here. */
#ifndef HO_BASE_LOG_H
#define HO_BASE_LOG_H

#include <stdbool.h>

#include "hotool/abi.h"

/* Writes one line to stderr, unless notes are off. */
void ho_note(const char *format, ...) HO_PRINTF(1, 2);
/* Notes are on until this is called with true; call it before threads start. */
void ho_notes_quiet(bool quiet);

/* This process is one of several that do the same: the one that leads writes and prints for all. From now on notes and
 * what is printed on stdout go nowhere in the others, which `follow`, and no file is written. */
void ho_team_join(bool leads);
bool ho_in_team(void);
bool ho_follows(void);

/* What a process says that cannot go on, in pieces, to stderr or to where it was told to. Async-signal-safe. */
void ho_last_words(const char *text);
void ho_last_words_to(int fd);
int ho_last_words_fd(void);
/* Writes a text, whole if it can be. Async-signal-safe. */
void ho_say(int fd, const char *text);

#endif
