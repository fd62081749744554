#include "host/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "host/signals.h"

#define LIMIT 5000 /* ms, for one file */

/* The child: a byte for each file that it has survived. Nothing else of it is seen or heard. */
_Noreturn static void survive(int report, const char *const *paths, size_t count,
                              void (*what)(void *context, const char *path), void *context)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    ho_watch_calls(0, false);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], SIG_DFL);
    const int nowhere = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3 && nowhere >= 0; i++)
        dup2(nowhere, i);
    for (size_t i = 0; i < count; i++) {
        alarm(2 * LIMIT / 1000); /* should the report be closed, so that nobody waits for it */
        what(context, paths[i]);
        if (write(report, "", 1) != 1)
            break;
    }
    _exit(0);
}

/* How many of them the child has reported before it ended or was late. */
static size_t listen(int report, size_t count, int *late)
{
    size_t survived = 0;
    struct pollfd ready = {.fd = report, .events = POLLIN};
    for (*late = 0; survived < count;) {
        char bytes[64];
        const int answer = poll(&ready, 1, LIMIT);
        if (answer < 0 && errno == EINTR)
            continue;
        const ssize_t got = answer > 0 ? read(report, bytes, sizeof bytes) : 0;
        *late = answer == 0;
        if (got <= 0)
            break;
        survived += (size_t)got;
    }
    return survived;
}

static char *describe(int status, int late)
{
    if (late)
        return ho_format("does not finish loading within %d s", LIMIT / 1000);
    if (WIFSIGNALED(status))
        return ho_format("crashes while it is loaded (%s)", strsignal(WTERMSIG(status)));
    return ho_strdup("ends the program while it is loaded");
}

/* The number of files survived. Where there is no child to be had, all are: then the program itself will see. */
static size_t attempt(const char *const *paths, size_t count, void (*what)(void *context, const char *path),
                      void *context, char **trouble)
{
    int ends[2], status = 0, late = 0;
    if (pipe(ends) != 0)
        return count;
    const pid_t child = fork();
    if (child == 0)
        survive(ends[1], paths, count, what, context);
    close(ends[1]);
    const size_t survived = child > 0 ? listen(ends[0], count, &late) : count;
    close(ends[0]);
    if (child <= 0)
        return count;
    if (late)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (survived < count)
        *trouble = describe(status, late);
    return survived;
}

void ho_try_files(const char *const *paths, size_t count, void (*what)(void *context, const char *path), void *context,
                  char **trouble)
{
    for (size_t from = 0; from < count;) {
        char *why = NULL;
        const size_t survived = attempt(paths + from, count - from, what, context, &why);
        for (size_t i = 0; i < survived; i++)
            trouble[from + i] = NULL;
        from += survived;
        if (why)
            trouble[from++] = why;
    }
}
