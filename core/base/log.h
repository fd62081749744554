/* Notes on progress for the person at the terminal; results never go here. */
#ifndef HO_BASE_LOG_H
#define HO_BASE_LOG_H

#include <stdbool.h>

#include "hotool/abi.h"

/* Writes one line to stderr, unless notes are off. */
void ho_note(const char *format, ...) HO_PRINTF(1, 2);
/* Notes are on until this is called with true; call it before threads start. */
void ho_notes_quiet(bool quiet);

#endif
