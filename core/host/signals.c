/* When a plugin crashes: say which, and leave. Everything the handler does is async-signal-safe. */
#define _XOPEN_SOURCE 700 /* sigaltstack */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "host/registry.h"

/* A crash is handled on the thread that crashed. */
static _Thread_local const ho_loaded *volatile running_plugin;
static _Thread_local const char *volatile running_callback;

void ho_calling(const ho_loaded *plugin, const char *callback)
{
    running_plugin = plugin;
    running_callback = callback;
}

static void say(const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, text, length);
        if (written <= 0)
            return;
        text += written;
        length -= (size_t)written;
    }
}

static const char *signal_name(int signal_number)
{
    switch (signal_number) {
    case SIGSEGV:
        return "SIGSEGV: a bad memory access";
    case SIGBUS:
        return "SIGBUS: a bad memory access";
    case SIGFPE:
        return "SIGFPE: an integer division by zero or the like";
    default:
        return "SIGILL: an illegal instruction";
    }
}

static void on_fatal_signal(int signal_number)
{
    const ho_loaded *plugin = running_plugin;
    const char *callback = running_callback;
    say("hotool: ");
    if (plugin) {
        say("plugin \"");
        say(plugin->plugin.name);
        say("\" (");
        say(plugin->path);
        say(") crashed in its ");
        say(callback ? callback : "code");
    } else {
        say("crashed outside of any plugin");
    }
    say(" (");
    say(signal_name(signal_number));
    say(")\n");
    _exit(1);
}

void ho_fatal_signals(void)
{
    /* A stack of its own, so that a plugin that overflows the stack is named too. */
    static char stack[64 * 1024];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_handler = on_fatal_signal, .sa_flags = SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        sigaction(fatal[i], &action, NULL);
}
