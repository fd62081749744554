/* The hotool command. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/version.h"
#include "cli.h"
#include "external.h"
#include "host/signals.h"

static void interrupted(int signal_number)
{
    (void)signal_number;
    ho_cli_interrupted = 1;
}

/* Ctrl-C asks to stop; a second one does what it always does. Writes go on where the signal came between. */
static void listen(void)
{
    struct sigaction action = {.sa_handler = interrupted, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* The installed plugins' folder is found from the program's own place, so that an installation may be moved, and the
 * build tree's from the same rule. */
static char *installed_folders(void)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return ho_strdup(HOTOOL_PLUGIN_FOLDER);
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return ho_format("%s/../%s:%s/../plugins", path, HOTOOL_PLUGIN_FOLDER_FROM_BIN, path);
}

static const ho_cli_command *find_command(const char *word, ho_error *error)
{
    const char **names = ho_alloc(ho_cli_command_count * sizeof *names);
    const ho_cli_command *found = NULL;
    for (size_t i = 0; i < ho_cli_command_count; i++) {
        names[i] = ho_cli_commands[i].name;
        if (strcmp(word, names[i]) == 0)
            found = &ho_cli_commands[i];
    }
    char near[HO_SUGGESTION];
    const char *nearest = ho_nearest(word, names, ho_cli_command_count);
    if (!found)
        ho_fail(error, HO_INVALID, "unknown command \"%s\"%s; see hotool --help", word, ho_suggest(nearest, near));
    free(names);
    return found;
}

static ho_status run(int argc, char **argv, ho_error *error)
{
    if (argc < 2)
        return ho_fail(error, HO_INVALID, "which command? See hotool --help");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        ho_cli_help(NULL);
        return HO_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("hotool %s (plugin ABI %u.%u)\n", HOTOOL_VERSION, HO_ABI_MAJOR, HO_ABI_MINOR);
        return HO_OK;
    }
    const ho_cli_command *command = find_command(argv[1], error);
    if (!command)
        return error->status;
    if (!command->run)
        return ho_run_external(command->name, argv, error);
    ho_cli cli;
    bool help;
    ho_status status = ho_cli_parse(command, argc, argv, &cli, &help, error);
    if (status == HO_OK && !help) {
        listen();
        ho_fatal_signals();
        char *folders = installed_folders();
        ho_registry *registry = ho_registry_new(folders, error);
        free(folders);
        status = registry ? command->run(&cli, registry, error) : error->status;
        ho_registry_free(registry);
    }
    ho_cli_free(&cli);
    return status;
}

int main(int argc, char **argv)
{
    ho_error error = {0};
    ho_status status = run(argc, argv, &error);
    if (fflush(stdout) != 0 || ferror(stdout))
        status = ho_fail(&error, HO_FAILED, "standard output cannot be written");
    if (status == HO_OK)
        return 0;
    fprintf(stderr, "hotool: %s\n", error.text[0] ? error.text : "failed");
    return status == HO_INVALID ? 2 : 1;
}
