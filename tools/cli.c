#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

volatile int ho_cli_interrupted;

const char ho_cli_about[] = "exact gradients of the validation error with respect to every hyperparameter";
const char ho_cli_environment[] =
    "HOTOOL_PLUGIN_PATH: plugin folders, separated by ':', searched before the installed plugins";
const char ho_cli_exit_status[] = "0: success; 1: the run failed; 2: error in the command line, pipeline or data; 128 "
                                  "+ signal number: interrupted (130: Ctrl-C)";

static const ho_flag flags[] = {
    {"--mode", "MODE", "use this hypergradient mode instead of the pipeline's (see hotool plugins)", HO_CLI_MODE,
     offsetof(ho_cli, mode)},
    {"--precision", "P", "use f32 or f64 instead of the pipeline's precision", HO_CLI_PRECISION,
     offsetof(ho_cli, precision)},
    {"--set", "KEY=VALUE", "change a setting, such as outer/iterations=9 or l2.rho=0.1; may be repeated", HO_CLI_SET,
     0},
    {"--variant", "NAME", "run only this variant of the pipeline; may be repeated", HO_CLI_VARIANT, 0},
    {"--allow-generated", NULL, "allow generated data to replace data files that are missing", HO_CLI_GENERATED, 0},
    {"--jobs", "N", "number of processes at a time, for runs, folds and seeds (default: processors / threads)",
     HO_CLI_JOBS, offsetof(ho_cli, jobs)},
    {"--threads", "N", "number of threads per run; results do not depend on it (default: 1)", HO_CLI_THREADS,
     offsetof(ho_cli, threads)},
    {"--task", "I/N",
     "do only share I of N of the work, into the common folder --out (see hotool gather)", HO_CLI_TASK,
     offsetof(ho_cli, task)},
    {"--out", "DIR", "folder for the results; must be new or empty", HO_CLI_OUT, offsetof(ho_cli, out)},
    {"--sort", "COLUMN", "sort by run, date, method, outcome, validation, test or seconds (default: run)", HO_CLI_SORT,
     offsetof(ho_cli, sort)},
    {"--html", "FILE", "write an HTML page instead", HO_CLI_HTML, offsetof(ho_cli, html)},
    {"--csv", "DIR", "write one table per run", HO_CLI_EXPORT, offsetof(ho_cli, csv)},
    {"--tensorboard", "DIR", "write one event file per run", HO_CLI_EXPORT, offsetof(ho_cli, tensorboard)},
    {"--json", NULL, "print the results as JSON", HO_CLI_JSON, 0},
    {"--resume", "RUN", "continue the interrupted or killed run in this folder", HO_CLI_RESUME,
     offsetof(ho_cli, resume)},
    {"--profile", NULL, "measure where time is spent: print a table, write stacks for a flame graph", HO_CLI_PROFILE,
     0},
    {"--only", "CHECK", "plugins: run only this check", HO_CLI_PROOF, offsetof(ho_cli, only)},
    {"--seed", "N", "plugins: seed of the random numbers (default: 1)", HO_CLI_PROOF, offsetof(ho_cli, seed)},
    {"--limit", "SECONDS", "plugins: time limit for each check (default: 20)", HO_CLI_PROOF, offsetof(ho_cli, limit)},
    {"--in-process", NULL, "plugins: no child processes and no time limit, for debuggers", HO_CLI_PROOF, 0},
    {"--graph", "[=text|dot|svg]", "print what the plugin computes, one operation per line, or draw it", HO_CLI_GRAPH,
     offsetof(ho_cli, graph)},
    {"--derivative", "jvp|vjp", "with --graph: show the derivative, as a product with tangents or cotangents",
     HO_CLI_GRAPH, offsetof(ho_cli, derivative)},
    {"--quiet", NULL, "do not print progress", HO_CLI_QUIET, 0},
    {"--help", NULL, "show this help", 0, 0},
};
#define FLAGS (sizeof flags / sizeof *flags)

const ho_flag *ho_cli_flag_of(const ho_cli_command *command, size_t *i)
{
    if (command->own)
        return command->own[*i].name ? &command->own[(*i)++] : NULL;
    while (*i < FLAGS) {
        const ho_flag *f = &flags[(*i)++];
        if (f->bit == 0 || (command->takes & f->bit))
            return f;
    }
    return NULL;
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

static char *quoted_line(int argc, char **argv)
{
    char *text;
    size_t size;
    FILE *line = ho_text_open(&text, &size);
    fputs("hotool", line);
    for (int i = 1; i < argc; i++) {
        char *word = ho_shell_word(argv[i]);
        fprintf(line, " %s", word);
        free(word);
    }
    ho_text_close(line);
    return text;
}

static const ho_flag *find_flag(const ho_cli_command *command, const char *word, ho_error *error)
{
    const char *names[FLAGS];
    size_t count = 0, i = 0;
    for (const ho_flag *f; (f = ho_cli_flag_of(command, &i));) {
        names[count++] = f->name;
        if (strcmp(word, f->name) == 0)
            return f;
    }
    char near[HO_SUGGESTION];
    const char *nearest = ho_nearest(word, names, count);
    ho_fail(error, HO_INVALID, "%s: unknown option \"%s\"%s; see hotool %s --help", command->name, word,
            ho_suggest(nearest, near), command->name);
    return NULL;
}

/* Puts one more operand where there is room for it. */
static ho_status store_operand(const ho_cli_command *command, ho_cli *cli, const char *word, ho_error *error)
{
    const char *expected = command->operand;
    cli->operand_list[cli->operand_count++] = word;
    if (strstr(expected, "...")) {
        cli->operand = cli->operand ? cli->operand : word;
        return HO_OK;
    }
    for (size_t i = 0; i < HO_CLI_OPERANDS && *expected; i++) {
        if (!cli->operands[i]) {
            cli->operands[i] = word;
            return HO_OK;
        }
        expected += strcspn(expected, " ");
        expected += *expected == ' ';
    }
    bool several = strchr(command->operand, ' ');
    return ho_fail(error, HO_INVALID, "%s: expected %s%s; unexpected argument \"%s\"", command->name,
                   several ? "" : "one ", command->operand, word);
}

/* Refuses what is too little: "check: which FILE?". */
static ho_status expect_operands(const ho_cli_command *command, const ho_cli *cli, ho_error *error)
{
    const char *expected = command->operand;
    for (size_t i = 0; *expected && *expected != '[' && !cli->resume; i++) {
        if (!cli->operands[i])
            return ho_fail(error, HO_INVALID, "%s: which %.*s? See hotool %s --help", command->name,
                           (int)strcspn(expected, " ."), expected, command->name);
        expected += strcspn(expected, " ");
        expected += *expected == ' ';
    }
    return HO_OK;
}

static void store(ho_cli *cli, const ho_flag *f, const char *value)
{
    if (f->at)
        *(const char **)(void *)((char *)cli + f->at) = value;
    else if (f->bit == HO_CLI_VARIANT)
        cli->variants[cli->variant_count++] = value;
    else if (f->bit == HO_CLI_SET)
        cli->sets[cli->set_count++] = value;
    else if (f->bit == HO_CLI_JSON)
        cli->json = true;
    else if (f->bit == HO_CLI_PROFILE)
        cli->profile = true;
    else if (f->bit == HO_CLI_PROOF)
        cli->in_process = true;
    else if (f->bit == HO_CLI_GENERATED)
        cli->allow_generated = true;
    else
        cli->quiet = true;
}

ho_status ho_cli_parse(const ho_cli_command *command, int argc, char **argv, ho_cli *cli, bool *help, ho_error *error)
{
    *cli = (ho_cli){.operand_list = ho_alloc((size_t)argc * sizeof *cli->operand_list),
                    .sets = ho_alloc((size_t)argc * sizeof *cli->sets),
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
            if (store_operand(command, cli, word, error) != HO_OK)
                return error->status;
            continue;
        }
        char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
        char *name = equals ? ho_format("%.*s", (int)(equals - word), word) : ho_strdup(word);
        const ho_flag *f = find_flag(command, strcmp(name, "-h") == 0 ? "--help" : name, error);
        free(name);
        if (!f)
            return error->status;
        if (f->bit == 0) {
            *help = true;
            return HO_OK;
        }
        if (!f->argument && equals)
            return ho_fail(error, HO_INVALID, "%s: %s takes no value", command->name, f->name);
        const char *value = equals ? equals + 1 : "";
        if (HO_FLAG_TAKES_WORD(f) && !equals) {
            if (i + 1 == argc)
                return ho_fail(error, HO_INVALID, "%s: %s needs a %s", command->name, f->name, f->argument);
            value = argv[++i];
        }
        store(cli, f, value);
    }
    return expect_operands(command, cli, error);
}

void ho_cli_free(ho_cli *cli)
{
    free(cli->operand_list);
    free(cli->sets);
    free(cli->variants);
    free(cli->command_line);
}
