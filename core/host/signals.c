/* Everything that the handlers do is async-signal-safe. What they print is the host's own memory: a plugin's file may
 * have been cut short under it, and its strings with it. */
#define _XOPEN_SOURCE 700 /* sigaltstack, setitimer */
#include "host/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"

/* A call of a plugin: its title and the callback; loading a file: its path and NULL. */
typedef struct call {
    const char *volatile who;
    const char *volatile callback;
} call;

/* A crash is handled on the thread that crashed; an alarm on any, and a thread of a plugin's own has no call: then it
 * is the call that began last. */
static _Thread_local call running;
static _Thread_local bool running_is_slow;
static call latest;
static unsigned watch_seconds;
static volatile sig_atomic_t watch_ends;
static volatile sig_atomic_t reading, reading_ends; /* a reader is at work; the status to end it with */

static void set(call *to, const char *who, const char *callback)
{
    to->who = NULL; /* a handler may run in between */
    to->callback = callback;
    to->who = who;
}

static void enter(const char *who, const char *callback, bool slow)
{
    set(&running, who, callback);
    running_is_slow = slow;
    const bool any = latest.who;
    set(&latest, who, callback);
    if (watch_seconds == 0 || watch_ends || slow || (!who && !any))
        return;
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = who ? (time_t)watch_seconds : 0}, NULL);
}

void ho_calling(const ho_loaded *plugin, const char *callback)
{
    const uint32_t kind = plugin ? plugin->plugin.kind : 0;
    reading = kind == HO_DATA;
    enter(plugin ? plugin->title : NULL, callback, kind == HO_MODE || kind == HO_DATA);
}

ho_outer_call ho_calling_within(const ho_loaded *plugin, const char *callback)
{
    const ho_outer_call outer = {running.who, running.callback, running_is_slow};
    ho_calling(plugin, callback);
    return outer;
}

void ho_calling_again(ho_outer_call outer)
{
    reading = 0;
    enter(outer.who, outer.callback, outer.slow);
}

void ho_loading(const char *path)
{
    enter(path, NULL, false);
}

/* "hotool: plugin "x" (PATH) DID in its step" or "hotool: PATH DID while it was loaded". */
static void say_call(int fd, call where, const char *did)
{
    ho_say(fd, "hotool: ");
    ho_say(fd, where.who);
    ho_say(fd, did);
    ho_say(fd, where.callback ? " in its " : " while it was loaded");
    ho_say(fd, where.callback ? where.callback : "");
}

static const struct {
    int number;
    const char *what;
} fatal[] = {
    {SIGSEGV, "SIGSEGV: a bad memory access"},
    {SIGBUS, "SIGBUS: a bad memory access"},
    {SIGFPE, "SIGFPE: an integer division by zero or the like"},
    {SIGILL, "SIGILL: an illegal instruction"},
    {SIGABRT, "SIGABRT: a failed assertion, an uncaught exception or the like"},
};

#define FATAL (sizeof fatal / sizeof *fatal)

static void on_fatal_signal(int signal_number)
{
    const call crashed = running.who ? running : latest;
    if (crashed.who)
        say_call(ho_last_words_fd(), crashed, " crashed");
    else
        ho_last_words("hotool: crashed outside of any plugin");
    for (size_t i = 0; i < FATAL; i++)
        if (fatal[i].number == signal_number) {
            ho_last_words(" (");
            ho_last_words(fatal[i].what);
        }
    ho_last_words(")\n");
    _exit(1);
}

/* exit() runs this on the thread that called it. */
static void on_exit_by_plugin(void)
{
    if (!running.who)
        return;
    say_call(ho_last_words_fd(), running, " ended the program");
    ho_last_words(" (it called exit)\n");
    _exit(1);
}

static void say_number(int fd, unsigned number)
{
    char digits[12];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    ho_say(fd, digits + at);
}

static void end_reading(call late)
{
    say_call(STDERR_FILENO, late, " is interrupted");
    ho_say(STDERR_FILENO, "\n");
    _exit(reading_ends);
}

void ho_interrupt_reading(int status)
{
    if (!reading || reading_ends)
        return;
    reading_ends = status;
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = 1}, NULL);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
    const call late = running.who ? running : latest;
    if (reading_ends && reading)
        end_reading(late);
    if (reading_ends)
        return;
    if (late.who) {
        say_call(STDERR_FILENO, late, " is still");
        ho_say(STDERR_FILENO, " after ");
        say_number(STDERR_FILENO, watch_seconds);
        ho_say(STDERR_FILENO, " s\n");
    }
    if (watch_ends)
        _exit(1);
}

void ho_watch_calls(unsigned seconds, bool end)
{
    const struct itimerval timer = {.it_value.tv_sec = end ? (time_t)seconds : 0};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    watch_seconds = seconds;
    watch_ends = end;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

void ho_signals_thread(void)
{
    static _Thread_local char stack[32 * 1024];
    stack_t present, own = {.ss_sp = stack, .ss_size = sizeof stack};
    /* A sanitizer brings a stack along, and frees the one it finds at the thread's end. */
    if (sigaltstack(NULL, &present) == 0 && present.ss_flags & SS_DISABLE)
        sigaltstack(&own, NULL);
}

void ho_fatal_signals(void)
{
    struct sigaction action = {.sa_handler = on_fatal_signal, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FATAL; i++)
        sigaction(fatal[i].number, &action, NULL);
    atexit(on_exit_by_plugin);
    ho_signals_thread();
}
