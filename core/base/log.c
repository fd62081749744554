/* Notes on progress. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static bool notes_quiet;

void ho_notes_quiet(bool quiet)
{
    notes_quiet = quiet;
}

static bool joined, follows;

void ho_team_join(bool leads)
{
    if (!leads && !follows)
        follows = freopen("/dev/null", "w", stdout) != NULL;
    joined = true;
}

bool ho_in_team(void)
{
    return joined;
}

bool ho_follows(void)
{
    return follows;
}

void ho_note(const char *format, ...)
{
    if (notes_quiet || follows)
        return;
    va_list args;
    va_start(args, format);
    char *text = ho_format_args(format, args);
    va_end(args);
    char *plain = ho_plain(text);
    fprintf(stderr, "%s\n", plain); /* in one call: lines of two threads stay whole */
    free(plain);
    free(text);
}

static int last_words_fd = STDERR_FILENO;

void ho_last_words_to(int fd)
{
    last_words_fd = fd;
}

int ho_last_words_fd(void)
{
    return last_words_fd;
}

void ho_last_words(const char *text)
{
    ho_say(last_words_fd, text);
}

void ho_say(int fd, const char *text)
{
    for (size_t length = strlen(text); length > 0;) {
        ssize_t written = write(fd, text, length);
        if (written <= 0)
            return;
        text += written;
        length -= (size_t)written;
    }
}
