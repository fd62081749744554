#include "run/workers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

/* A signal may come just before the crew waits for its workers' words. */
#define GLANCE_MILLISECONDS 200

/* Before each message stand a mark, its kind and its size; the last one is of kind DONE. What follows without a mark
 * are the worker's last words. */
typedef struct head {
    char mark, kind;
    uint64_t size;
} head;
enum { MARK = 1, DONE = 0 };

typedef struct worker {
    pid_t process;
    size_t task;
    int pipe;
    char *heard; /* of the message that has not ended, or its last words */
    size_t length, capacity;
    bool done;
} worker;

typedef struct crew {
    const ho_crew *does;
    worker *workers;
    struct pollfd *polls;
    size_t count;
    bool interrupted;
} crew;

/* ---- in a worker ------------------------------------------------------------------------------------------------- */

static int channel = -1;

void ho_crew_send(char kind, const void *bytes, size_t size)
{
    const head h = {.mark = MARK, .kind = kind, .size = size};
    ho_error nobody = {0}; /* to hear: then this process is about to end too */
    if (ho_file_append(channel, "pipe", &h, sizeof h, &nobody) == HO_OK)
        ho_file_append(channel, "pipe", bytes, size, &nobody);
}

void ho_crew_say(char kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = ho_format_args(format, args);
    va_end(args);
    ho_crew_send(kind, text, strlen(text) + 1);
    free(text);
}

_Noreturn static void be_worker(const ho_crew *does, size_t task, const int ends[2], pid_t parent)
{
    struct sigaction action;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing goes on writing where the whole is gone */
    /* Who asks the whole to end may ask its workers too, and then the whole does so again. */
    if (sigaction(SIGTERM, NULL, &action) == 0) {
        action.sa_flags &= ~(int)SA_RESETHAND;
        sigaction(SIGTERM, &action, NULL);
    }
    if (getppid() != parent)
        _exit(1);
    close(ends[0]);
    channel = ends[1];
    ho_last_words_to(channel);
    does->work(does->context, task);
    ho_crew_send(DONE, "", 0);
    exit(0);
}

/* ---- around them ------------------------------------------------------------------------------------------------- */

static void start(crew *c, size_t task)
{
    int ends[2];
    const pid_t parent = getpid();
    fflush(NULL); /* or the worker would print it too */
    const bool piped = pipe(ends) == 0;
    const pid_t process = piped ? fork() : -1;
    if (process == 0)
        be_worker(c->does, task, ends, parent);
    const int reason = errno;
    if (piped)
        close(ends[1]);
    if (process > 0) {
        c->workers[c->count++] = (worker){.process = process, .task = task, .pipe = ends[0]};
        return;
    }
    if (piped)
        close(ends[0]);
    char *death = ho_format("its process cannot be started: %s", strerror(reason));
    c->does->over(c->does->context, task, death);
    free(death);
}

/* How the process ended; free(). NULL: well. */
static char *death_of(const worker *w, int state)
{
    static const char ours[] = "hotool: ";
    if (w->done && WIFEXITED(state) && WEXITSTATUS(state) == 0)
        return NULL;
    if (w->length && *w->heard != MARK) {
        const char *words = w->heard + (strncmp(w->heard, ours, strlen(ours)) == 0 ? strlen(ours) : 0);
        return ho_format("%.*s", (int)strcspn(words, "\n"), words);
    }
    if (WIFEXITED(state))
        return ho_format("its process ended early, with exit status %d", WEXITSTATUS(state));
    const char *hint = WTERMSIG(state) == SIGKILL ? ", as where the system's memory runs out" : "";
    return ho_format("its process was ended by signal %d (%s)%s", WTERMSIG(state), strsignal(WTERMSIG(state)), hint);
}

static void bury(crew *c, size_t index)
{
    worker w = c->workers[index];
    int state = 0;
    close(w.pipe);
    while (waitpid(w.process, &state, 0) < 0 && errno == EINTR)
        ;
    c->workers[index] = c->workers[--c->count];
    char *death = death_of(&w, state);
    c->does->over(c->does->context, w.task, death);
    free(death);
    free(w.heard);
}

/* What has come of it; false: it is gone. */
static bool hear(const crew *c, worker *w)
{
    enum { MOST = 65536 }; /* what a pipe holds */
    while (w->capacity - w->length <= MOST)
        ho_grow((void **)&w->heard, &w->capacity, w->capacity, 1);
    const ssize_t got = read(w->pipe, w->heard + w->length, MOST);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    w->length += (size_t)got;
    size_t at = 0;
    for (head h; w->length - at >= sizeof h && w->heard[at] == MARK; at += sizeof h + h.size) {
        memcpy(&h, w->heard + at, sizeof h);
        if (h.size > w->length - at - sizeof h)
            break;
        if (h.kind == DONE)
            w->done = true;
        else
            c->does->hear(c->does->context, w->task, h.kind, w->heard + at + sizeof h, h.size);
    }
    w->length -= at;
    memmove(w->heard, w->heard + at, at ? w->length : 0);
    w->heard[w->length] = '\0';
    return true;
}

static void pass_interrupt(crew *c)
{
    if (c->interrupted || !c->does->interrupt || !*c->does->interrupt)
        return;
    c->interrupted = true;
    for (size_t i = 0; i < c->count; i++)
        kill(c->workers[i].process, SIGTERM);
}

void ho_crew_run(const ho_crew *does)
{
    crew c = {.does = does,
              .workers = ho_alloc(does->most * sizeof *c.workers),
              .polls = ho_alloc(does->most * sizeof *c.polls)};
    for (;;) {
        size_t task;
        while (c.count < does->most && does->next(does->context, &task))
            start(&c, task);
        if (c.count == 0)
            break;
        pass_interrupt(&c);
        for (size_t i = 0; i < c.count; i++)
            c.polls[i] = (struct pollfd){.fd = c.workers[i].pipe, .events = POLLIN};
        if (poll(c.polls, (nfds_t)c.count, GLANCE_MILLISECONDS) <= 0)
            continue;
        for (size_t i = c.count; i-- > 0;) /* backwards: the last takes a buried one's place */
            if (c.polls[i].revents && !hear(&c, &c.workers[i]))
                bury(&c, i);
    }
    free(c.polls);
    free(c.workers);
}
