/* Notes on progress. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static bool notes_quiet;

void ho_notes_quiet(bool quiet)
{
    notes_quiet = quiet;
}

void ho_note(const char *format, ...)
{
    if (notes_quiet)
        return;
    /* The lock keeps lines of two threads whole. */
    flockfile(stderr);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    putc('\n', stderr);
    funlockfile(stderr);
}
