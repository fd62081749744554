/* The hotool command. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "cli.h"
#include "complete.h"
#include "external.h"
#include "help.h"
#include "host/signals.h"
#include "own.h"

static void interrupted(int signal_number)
{
    ho_cli_interrupted = signal_number;
    ho_interrupt_reading(128 + signal_number);
}

/* Ctrl-C asks to stop; a second one kills. So does the end of the terminal, or of the program that reads what is
 * printed: that may be told many times. SA_RESTART: writes under way are completed. */
static void listen(void)
{
    static const struct {
        int number, flags;
    } asking[] = {{SIGINT, (int)SA_RESETHAND}, {SIGTERM, (int)SA_RESETHAND}, {SIGHUP, 0}, {SIGPIPE, 0}};
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++) {
        struct sigaction before, action = {.sa_handler = interrupted, .sa_flags = SA_RESTART | asking[i].flags};
        sigemptyset(&action.sa_mask);
        sigaction(asking[i].number, NULL, &before);
        if (asking[i].flags || before.sa_handler != SIG_IGN) /* as under nohup */
            sigaction(asking[i].number, &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files (ulimit -f) fails the write, which tells the file */
}

static ho_registry *own_registry(ho_error *error)
{
    char *folders = ho_own_plugins();
    ho_registry *registry = ho_registry_new(folders, error);
    free(folders);
    return registry;
}

static ho_status complete(int argc, char **argv, ho_error *error)
{
    ho_registry *registry = own_registry(error);
    if (registry)
        ho_complete(argc - 2, argv + 2, registry);
    ho_registry_free(registry);
    return error->status;
}

/* With --json, stdout is for the results alone: what is told to people meanwhile goes to stderr. */
static ho_status run_command(const ho_cli_command *command, ho_cli *cli, ho_registry *registry, ho_error *error)
{
    if (!cli->json)
        return command->run(cli, registry, error);
    ho_json results = {.pretty = true};
    fflush(stdout);
    const int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    const int people = cli->quiet ? open("/dev/null", O_WRONLY | O_CLOEXEC) : STDERR_FILENO;
    if (out < 0 || people < 0 || dup2(people, STDOUT_FILENO) < 0)
        return ho_fail(error, HO_FAILED, "standard output cannot be used: %s", strerror(errno));
    cli->results = &results;
    command->run(cli, registry, error);
    cli->results = NULL;
    fflush(stdout);
    clearerr(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    if (results.length && error->status != HO_INVALID) {
        if (results.text[results.length - 1] != '\n')
            ho_json_end(&results);
        fputs(results.text, stdout);
    }
    ho_json_free(&results);
    return error->status;
}

static ho_status run(int argc, char **argv, ho_error *error)
{
    if (argc < 2)
        return ho_fail(error, HO_INVALID, "which command? See hotool --help");
    if (strcmp(argv[1], "help") == 0)
        return ho_help(argc, argv, error);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return ho_help(2, argv, error);
    if (strcmp(argv[1], "--version") == 0) {
        printf("hotool %s (plugin ABI %u.%u)\n", HOTOOL_VERSION, HO_ABI_MAJOR, HO_ABI_MINOR);
        return HO_OK;
    }
    if (strcmp(argv[1], "complete") == 0)
        return complete(argc, argv, error);
    const ho_cli_command *command = ho_cli_find(argv[1], error);
    if (!command)
        return error->status;
    if (!command->run)
        return ho_run_external(command->name, argv, error);
    ho_cli cli;
    bool help;
    char *file = NULL;
    ho_status status = ho_cli_parse(command, argc, argv, &cli, &help, error);
    if (help)
        ho_help_command(command);
    else if (status == HO_OK && cli.operand && strncmp(command->operand, "FILE", 4) == 0) {
        cli.operand = file = ho_own_pipeline(cli.operand, error);
        status = error->status;
    }
    if (status == HO_OK && !help) {
        listen();
        ho_files_interrupt(&ho_cli_interrupted);
        ho_fatal_signals();
        ho_watch_calls(10, false);
        ho_registry *registry = own_registry(error);
        status = registry ? run_command(command, &cli, registry, error) : error->status;
        ho_registry_free(registry);
    }
    ho_cli_free(&cli);
    free(file);
    return status;
}

int main(int argc, char **argv)
{
    ho_standard_streams();
    ho_error error = {0};
    ho_status status = run(argc, argv, &error);
    if (fflush(stdout) != 0 || ferror(stdout))
        status = ho_fail(&error, HO_FAILED, "standard output cannot be written");
    if (status == HO_OK)
        return 0;
    if (ho_follows() && status != HO_FAILED) /* the leader says so too */
        return status == HO_INVALID ? 2 : 1;
    char *plain = ho_plain(error.text[0] ? error.text : "failed");
    fprintf(stderr, "hotool: %s\n", plain);
    free(plain);
    if (status == HO_INTERRUPTED && ho_cli_interrupted)
        return 128 + ho_cli_interrupted;
    return status == HO_INVALID ? 2 : 1;
}
