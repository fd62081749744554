#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

volatile int ho_cli_interrupted;

typedef struct flag {
    const char *name;     /* "--mode" */
    const char *argument; /* "MODE"; NULL: none */
    const char *doc;
    unsigned bit; /* 0: every command takes it */
} flag;

static const flag flags[] = {
    {"--mode", "MODE", "hypergradient mode instead of the pipeline's (hotool plugins lists them)", HO_CLI_MODE},
    {"--precision", "P", "f32 or f64 instead of the pipeline's", HO_CLI_PRECISION},
    {"--set", "KEY=VALUE", "change a setting: levels separated by '/', the value is YAML; may be repeated", HO_CLI_SET},
    {"--variant", "NAME", "only this variant of the pipeline; may be repeated", HO_CLI_VARIANT},
    {"--jobs", "N", "runs of variants and repetitions at a time (default: as many as processors)", HO_CLI_JOBS},
    {"--threads", "N", "threads of matrix products (default 1)", HO_CLI_THREADS},
    {"--out", "DIR", "folder for the results; must be new or empty", HO_CLI_OUT},
    {"--quiet", NULL, "no progress", HO_CLI_QUIET},
    {"--help", NULL, "this text", 0},
};
#define FLAGS (sizeof flags / sizeof *flags)

static bool taken(const ho_cli_command *command, const flag *f)
{
    return f->bit == 0 || (command->takes & f->bit);
}

void ho_cli_help(const ho_cli_command *command)
{
    if (!command) {
        printf("hotool: exact gradients of the validation error by every hyperparameter\n\n"
               "usage: hotool COMMAND [OPTIONS]\n\n");
        for (size_t i = 0; i < ho_cli_command_count; i++)
            printf("  %-14s %-7s %s\n", ho_cli_commands[i].name, ho_cli_commands[i].operand,
                   ho_cli_commands[i].summary);
        printf("\n  hotool COMMAND --help tells more; hotool --version tells the version.\n\n"
               "environment: HOTOOL_PLUGIN_PATH: folders of plugins, ':' between, before the installed ones\n"
               "exit status: 0 done; 1 the run failed; 2 the command line, the pipeline or the data is wrong\n");
        return;
    }
    printf("usage: hotool %s %s [OPTIONS]\n\n%s\n\n", command->name, command->operand, command->details);
    for (size_t i = 0; i < FLAGS; i++) {
        if (!taken(command, &flags[i]))
            continue;
        char left[40];
        snprintf(left, sizeof left, "%s%s%s", flags[i].name, flags[i].argument ? " " : "",
                 flags[i].argument ? flags[i].argument : "");
        printf("  %-18s %s\n", left, flags[i].doc);
    }
}

static char *quoted_line(int argc, char **argv)
{
    char *line = ho_strdup("hotool");
    for (int i = 1; i < argc; i++) {
        bool plain = argv[i][0] && strspn(argv[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                                   "_-./=:,+@%") == strlen(argv[i]);
        char *longer = ho_format(plain ? "%s %s" : "%s '%s'", line, argv[i]);
        free(line);
        line = longer;
    }
    return line;
}

static const flag *find_flag(const ho_cli_command *command, const char *word, ho_error *error)
{
    const char *names[FLAGS];
    size_t count = 0;
    for (size_t i = 0; i < FLAGS; i++) {
        if (!taken(command, &flags[i]))
            continue;
        names[count++] = flags[i].name;
        if (strcmp(word, flags[i].name) == 0)
            return &flags[i];
    }
    char near[HO_SUGGESTION];
    const char *nearest = ho_nearest(word, names, count);
    ho_fail(error, HO_INVALID, "%s: unknown option \"%s\"%s; see hotool %s --help", command->name, word,
            ho_suggest(nearest, near), command->name);
    return NULL;
}

static void store(ho_cli *cli, const flag *f, const char *value)
{
    switch (f->bit) {
    case HO_CLI_MODE:
        cli->mode = value;
        break;
    case HO_CLI_PRECISION:
        cli->precision = value;
        break;
    case HO_CLI_THREADS:
        cli->threads = value;
        break;
    case HO_CLI_OUT:
        cli->out = value;
        break;
    case HO_CLI_JOBS:
        cli->jobs = value;
        break;
    case HO_CLI_VARIANT:
        cli->variants[cli->variant_count++] = value;
        break;
    case HO_CLI_SET:
        cli->sets[cli->set_count++] = value;
        break;
    default:
        cli->quiet = true;
        break;
    }
}

ho_status ho_cli_parse(const ho_cli_command *command, int argc, char **argv, ho_cli *cli, bool *help, ho_error *error)
{
    *cli = (ho_cli){.sets = ho_alloc((size_t)argc * sizeof *cli->sets),
                    .variants = ho_alloc((size_t)argc * sizeof *cli->variants),
                    .command_line = quoted_line(argc, argv)};
    *help = false;
    bool options = true;
    for (int i = 2; i < argc; i++) {
        char *word = argv[i];
        if (options && strcmp(word, "--") == 0) {
            options = false;
            continue;
        }
        if (!options || word[0] != '-' || word[1] == '\0') {
            if (cli->operand)
                return ho_fail(error, HO_INVALID, "%s: one %s is enough, \"%s\" is another", command->name,
                               command->operand, word);
            cli->operand = word;
            continue;
        }
        char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
        char *name = equals ? ho_format("%.*s", (int)(equals - word), word) : ho_strdup(word);
        const flag *f = find_flag(command, strcmp(name, "-h") == 0 ? "--help" : name, error);
        free(name);
        if (!f)
            return error->status;
        if (f->bit == 0) {
            ho_cli_help(command);
            *help = true;
            return HO_OK;
        }
        if (!f->argument && equals)
            return ho_fail(error, HO_INVALID, "%s: %s takes no value", command->name, f->name);
        const char *value = equals ? equals + 1 : NULL;
        if (f->argument && !value) {
            if (i + 1 == argc)
                return ho_fail(error, HO_INVALID, "%s: %s wants a %s", command->name, f->name, f->argument);
            value = argv[++i];
        }
        store(cli, f, value);
    }
    if (!cli->operand && command->operand[0] != '[')
        return ho_fail(error, HO_INVALID, "%s: which %s? See hotool %s --help", command->name, command->operand,
                       command->name);
    return HO_OK;
}

void ho_cli_free(ho_cli *cli)
{
    free(cli->sets);
    free(cli->variants);
    free(cli->command_line);
}
