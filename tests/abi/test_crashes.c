/* What becomes of the program where a plugin crashes, ends it or does not come back: plugin, file and call are named.
 */
#define _XOPEN_SOURCE 700 /* realpath */
#include <pthread.h>
#include <sys/wait.h>

#include "host/signals.h"
#include "plugin_files.h"

TestSuite(crashes, .init = setup, .fini = teardown);

/* What a child writes to stderr while `what` runs in it; its exit status. */
static int in_child(void (*what)(void))
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        ho_fatal_signals();
        what();
        _exit(99);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)got;
    text[length] = '\0';
    close(ends[0]);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void crash_in_plugin(void)
{
    trace("crashing");
}

static volatile uintptr_t nowhere = 64;

static void crash_outside(void)
{
    trace("good");
    *(volatile int *)nowhere = 1;
}

Test(crashes, a_crash_names_the_plugin_and_the_callback)
{
    char due[8192];
    snprintf(due, sizeof due, "hotool: plugin \"crashing\" (%s) crashed in its step (SIGSEGV: a bad memory access)\n",
             built("crashing"));
    cr_assert_eq(in_child(crash_in_plugin), 1);
    cr_assert_str_eq(text, due);
}

static void abort_in_plugin(void)
{
    trace("aborting");
}

static void throw_in_plugin(void)
{
    trace("throwing");
}

/* What comes before the host's line is the C library's or that of C++. */
Test(crashes, an_abort_names_the_plugin_and_the_callback)
{
    void (*const what[])(void) = {abort_in_plugin, throw_in_plugin};
    const char *const names[] = {"aborting", "throwing"};
    for (size_t i = 0; i < 2; i++) {
        char due[8192];
        snprintf(due, sizeof due,
                 "hotool: plugin \"%s\" (%s) crashed in its step (SIGABRT: a failed assertion, an uncaught exception "
                 "or the like)\n",
                 names[i], built(names[i]));
        cr_expect_eq(in_child(what[i]), 1);
        cr_expect(strstr(text, due), "%s", text);
    }
}

static volatile int endless = 1;

static int overflow(int depth) /* the stack */
{
    volatile char frame[4096];
    frame[0] = (char)depth;
    return endless ? overflow(depth + 1) + frame[0] : depth;
}

static void *overflow_in_plugin(void *loaded)
{
    ho_signals_thread();
    ho_calling(loaded, "step");
    overflow(0);
    return NULL;
}

static void overflow_on_thread(void)
{
    pthread_t thread;
    const ho_loaded *loaded = ho_registry_load(registry, built("good"), &error);
    if (pthread_create(&thread, NULL, overflow_in_plugin, (void *)(uintptr_t)loaded) == 0)
        pthread_join(thread, NULL);
}

Test(crashes, a_stack_that_overflows_on_a_worker_thread_names_the_plugin)
{
    char due[8192];
    snprintf(due, sizeof due, "hotool: plugin \"good\" (%s) crashed in its step (SIGSEGV: a bad memory access)\n",
             built("good"));
    cr_assert_eq(in_child(overflow_on_thread), 1);
    cr_assert_str_eq(text, due);
}

static void *crash(void *nothing)
{
    *(volatile int *)nowhere = 1;
    return nothing;
}

/* A thread that a plugin has started. */
static void crash_on_its_thread(void)
{
    pthread_t thread;
    ho_calling(ho_registry_load(registry, built("good"), &error), "step");
    if (pthread_create(&thread, NULL, crash, NULL) == 0)
        pthread_join(thread, NULL);
}

static void exit_in_plugin(void)
{
    trace("exiting");
}

static void crash_at_load(void)
{
    ho_registry_load(registry, built("crashing_load"), &error);
}

static void exit_at_load(void)
{
    ho_registry_load(registry, built("exiting_load"), &error);
}

/* The plugin's name and its strings are gone with its file. */
static void truncated_in_place(void)
{
    uint64_t size;
    uint8_t *bytes = good_bytes(&size);
    write_file(made("cut.so"), bytes, size);
    const ho_loaded *loaded = ho_registry_load(registry, made("cut.so"), &error);
    ho_calling(loaded, "step");
    if (loaded && truncate(made("cut.so"), 0) == 0)
        ((volatile const char *)loaded->plugin.name)[0];
}

static void endless_in_plugin(void)
{
    ho_watch_calls(1, true);
    trace("endless");
}

Test(crashes, whatever_ends_the_program_names_plugin_file_and_call)
{
    static const struct {
        void (*what)(void);
        const char *name, *says; /* of the file; NULL: cut.so of this test's folder */
        bool loading;
    } rows[] = {
        {crash_on_its_thread, "good", "crashed in its step (SIGSEGV: a bad memory access)", false},
        {exit_in_plugin, "exiting", "ended the program in its step (it called exit)", false},
        {truncated_in_place, NULL, "crashed in its step (SIGBUS: a bad memory access)", false},
        {endless_in_plugin, "endless", "is still in its step after 1 s", false},
        {crash_at_load, "crashing_load", "crashed while it was loaded (SIGSEGV: a bad memory access)", true},
        {exit_at_load, "exiting_load", "ended the program while it was loaded (it called exit)", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char due[8192], *real = realpath(rows[i].name ? built(rows[i].name) : folder, NULL);
        if (rows[i].loading)
            snprintf(due, sizeof due, "hotool: %s %s\n", real, rows[i].says);
        else
            snprintf(due, sizeof due, "(%s) %s\n", rows[i].name ? built(rows[i].name) : made("cut.so"), rows[i].says);
        cr_expect_eq(in_child(rows[i].what), 1, "%s", rows[i].says);
        cr_expect(strstr(text, due), "\"%s\" lacks \"%s\"", text, due);
        free(real);
    }
}

static void wait_for_plugin(void)
{
    const ho_loaded *loaded = ho_registry_load(registry, built("good"), &error);
    ho_watch_calls(1, false);
    ho_calling(loaded, "step");
    sleep(2); /* ends early, by the alarm */
    ho_calling(NULL, NULL);
    ho_calling(loaded, "step");
    ho_calling(NULL, NULL); /* in time */
    sleep(2);
}

Test(crashes, a_call_that_does_not_return_is_told_and_goes_on)
{
    char due[8192];
    snprintf(due, sizeof due, "hotool: plugin \"good\" (%s) is still in its step after 1 s\n", built("good"));
    cr_assert_eq(in_child(wait_for_plugin), 99);
    cr_assert_str_eq(text, due);
}

Test(crashes, a_crash_of_the_host_blames_no_plugin)
{
    cr_assert_eq(in_child(crash_outside), 1);
    cr_assert_str_eq(text, "hotool: crashed outside of any plugin (SIGSEGV: a bad memory access)\n");
}
