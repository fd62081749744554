#include "run/workers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
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

/* A worker writes messages, each with a zero byte behind it, and an empty one when its work is done. What it writes
 * without a zero byte are its last words. */
typedef struct worker {
    pid_t process;
    size_t task;
    int pipe;
    char *heard; /* of the message that has not ended */
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

void ho_crew_say(char kind, const char *format, ...)
{
    char *text;
    size_t size;
    FILE *message = ho_text_open(&text, &size);
    va_list args;
    va_start(args, format);
    fputc(kind, message);
    vfprintf(message, format, args);
    va_end(args);
    ho_text_close(message);
    ho_error nobody = {0}; /* to hear: then this process is about to end too */
    ho_file_append(channel, "pipe", text, size + 1, &nobody);
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
    ho_error nobody = {0};
    ho_file_append(channel, "pipe", "", 1, &nobody);
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
    if (w->length) {
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
    enum { MOST = 4096 };
    while (w->capacity - w->length <= MOST)
        ho_grow((void **)&w->heard, &w->capacity, w->capacity, 1);
    const ssize_t got = read(w->pipe, w->heard + w->length, MOST);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    w->length += (size_t)got;
    char *message = w->heard, *end = w->heard + w->length;
    for (char *zero; (zero = memchr(message, 0, (size_t)(end - message))); message = zero + 1)
        if (zero == message)
            w->done = true;
        else
            c->does->hear(c->does->context, w->task, message[0], message + 1);
    w->length = (size_t)(end - message);
    memmove(w->heard, message, w->length);
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
