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
    size_t at;    /* the member of ho_cli that takes the value; 0: see store */
} flag;

static const flag flags[] = {
    {"--mode", "MODE", "hypergradient mode instead of the pipeline's (hotool plugins lists them)", HO_CLI_MODE,
     offsetof(ho_cli, mode)},
    {"--precision", "P", "f32 or f64 instead of the pipeline's", HO_CLI_PRECISION, offsetof(ho_cli, precision)},
    {"--set", "KEY=VALUE", "change a setting, as outer/iterations=9 or l2.rho=0.1; may be repeated", HO_CLI_SET, 0},
    {"--variant", "NAME", "only this variant of the pipeline; may be repeated", HO_CLI_VARIANT, 0},
    {"--allow-generated", NULL, "generated data may stand in where the files of the real ones are missing",
     HO_CLI_GENERATED, 0},
    {"--jobs", "N", "variants and repetitions run at a time (default: processors / threads)", HO_CLI_JOBS,
     offsetof(ho_cli, jobs)},
    {"--threads", "N", "threads for the matrix products of each run (default: 1)", HO_CLI_THREADS,
     offsetof(ho_cli, threads)},
    {"--out", "DIR", "folder for the results; must be new or empty", HO_CLI_OUT, offsetof(ho_cli, out)},
    {"--profile", NULL, "measure where the time goes: a table, and stacks for a flame graph in the results",
     HO_CLI_PROFILE, 0},
    {"--quiet", NULL, "no progress", HO_CLI_QUIET, 0},
    {"--help", NULL, "this text", 0, 0},
};
#define FLAGS (sizeof flags / sizeof *flags)

static bool taken(const ho_cli_command *command, const flag *f)
{
    return f->bit == 0 || (command->takes & f->bit);
}

void ho_cli_options(const ho_cli_command *command)
{
    for (size_t i = 0; i < FLAGS; i++)
        if (taken(command, &flags[i]))
            printf("  %-11s %-9s %s\n", flags[i].name, flags[i].argument ? flags[i].argument : "", flags[i].doc);
}

const ho_cli_command *ho_cli_find(const char *name, ho_error *error)
{
    const char **names = ho_alloc(ho_cli_command_count * sizeof *names);
    const ho_cli_command *found = NULL;
    for (size_t i = 0; i < ho_cli_command_count; i++) {
        names[i] = ho_cli_commands[i].name;
        found = strcmp(name, names[i]) == 0 ? &ho_cli_commands[i] : found;
    }
    char near[HO_SUGGESTION];
    ho_suggest(ho_nearest(name, names, ho_cli_command_count), near);
    if (!found)
        ho_fail(error, HO_INVALID, "unknown command \"%s\"%s; see hotool --help", name, near);
    free(names);
    return found;
}

/* A word as the shell reads it back: within single quotes everything stands for itself but a single quote. */
static void quote(const char *word, FILE *line)
{
    bool plain = *word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%") ==
                              strlen(word);
    fputs(plain ? "" : "'", line);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){*word, '\0'}, line);
    fputs(plain ? "" : "'", line);
}

static char *quoted_line(int argc, char **argv)
{
    char *text;
    size_t size;
    FILE *line = ho_text_open(&text, &size);
    fputs("hotool", line);
    for (int i = 1; i < argc; i++) {
        fputc(' ', line);
        quote(argv[i], line);
    }
    ho_text_close(line);
    return text;
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
    if (f->at)
        *(const char **)(void *)((char *)cli + f->at) = value;
    else if (f->bit == HO_CLI_VARIANT)
        cli->variants[cli->variant_count++] = value;
    else if (f->bit == HO_CLI_SET)
        cli->sets[cli->set_count++] = value;
    else if (f->bit == HO_CLI_PROFILE)
        cli->profile = true;
    else if (f->bit == HO_CLI_GENERATED)
        cli->allow_generated = true;
    else
        cli->quiet = true;
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
                return ho_fail(error, HO_INVALID, "%s: expected one %s, got another: \"%s\"", command->name,
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
            *help = true;
            return HO_OK;
        }
        if (!f->argument && equals)
            return ho_fail(error, HO_INVALID, "%s: %s takes no value", command->name, f->name);
        const char *value = equals ? equals + 1 : NULL;
        if (f->argument && !value) {
            if (i + 1 == argc)
                return ho_fail(error, HO_INVALID, "%s: %s needs a %s", command->name, f->name, f->argument);
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
