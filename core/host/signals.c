/* Everything that the handler does is async-signal-safe. */
#define _XOPEN_SOURCE 700 /* sigaltstack */
#include "host/signals.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"

/* A crash is handled on the thread that crashed. */
static _Thread_local const ho_loaded *volatile running_plugin;
static _Thread_local const char *volatile running_callback;

void ho_calling(const ho_loaded *plugin, const char *callback)
{
    running_plugin = plugin;
    running_callback = callback;
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
    const ho_loaded *plugin = running_plugin;
    const char *callback = running_callback;
    ho_last_words("hotool: ");
    if (plugin) {
        ho_last_words("plugin \"");
        ho_last_words(plugin->plugin.name);
        ho_last_words("\" (");
        ho_last_words(plugin->path);
        ho_last_words(") crashed in its ");
        ho_last_words(callback ? callback : "code");
    } else {
        ho_last_words("crashed outside of any plugin");
    }
    for (size_t i = 0; i < FATAL; i++)
        if (fatal[i].number == signal_number) {
            ho_last_words(" (");
            ho_last_words(fatal[i].what);
        }
    ho_last_words(")\n");
    _exit(1);
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
    ho_signals_thread();
}
