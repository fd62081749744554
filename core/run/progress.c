#include "run/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define BAR            24
#define REDRAW_SECONDS 0.1
#define PLAIN_SECONDS  5.0

void ho_progress_start(ho_progress *p, double total, bool quiet)
{
    const char *term = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    *p = (ho_progress){.quiet = quiet, .terminal = terminal, .total = total, .begun = ho_seconds()};
}

static void print_left(char text[32], double seconds)
{
    if (!isfinite(seconds) || seconds > 359999.0)
        seconds = 359999.0;
    long s = lround(seconds);
    if (s >= 3600)
        snprintf(text, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, 32, "%ld:%02ld", s / 60, s % 60);
}

/* The bar takes what the numbers leave of the terminal's width: a line that wraps could not be drawn over. */
static void draw(ho_progress *p, const char *numbers, double done)
{
    struct winsize size = {0};
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    int room = width - 1 - (int)strlen(numbers) - 3;
    char bar[BAR + 1] = "";
    room = room > BAR ? BAR : room;
    int filled = (int)(room * done / p->total);
    for (int i = 0; i < room; i++)
        bar[i] = i < filled ? '#' : '.';
    if (room >= 4 && done > 0)
        fprintf(stderr, "\r\033[K[%s] %s", bar, numbers);
    else
        fprintf(stderr, "\r\033[K%.*s", width - 1, numbers);
    fflush(stderr);
    p->drawn = true;
}

void ho_progress_tell(ho_progress *p, double done, const char *text)
{
    if (p->quiet || ho_follows() || p->total <= 0)
        return;
    double now = ho_seconds();
    bool last = done >= p->total;
    if (!last && p->told > 0 && now - p->told < (p->terminal ? REDRAW_SECONDS : PLAIN_SECONDS))
        return;
    p->told = now;
    char left[32] = "", numbers[200];
    if (done > 0)
        print_left(left, (now - p->begun) * (p->total - done) / done);
    snprintf(numbers, sizeof numbers, done > 0 ? "%s  %s left" : "%s", text, left);
    if (p->terminal)
        draw(p, numbers, done);
    else
        ho_note("%s", numbers);
}

void ho_progress_end(ho_progress *p)
{
    if (p->drawn)
        fputc('\n', stderr);
    p->drawn = false;
}
