/* The command line: options as tables, so that help, parsing and suggestions come from one place. */
#ifndef HO_TOOLS_CLI_H
#define HO_TOOLS_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/json.h"
#include "flag.h"
#include "host/registry.h"

enum { HO_CLI_OPERANDS = 3 };

/* What any command may have been given; a command's table says which it takes. */
typedef struct ho_cli {
    union {
        const char *operand; /* the first: FILE or NAME; NULL: not given */
        const char *operands[HO_CLI_OPERANDS];
    };
    const char **sets;
    size_t set_count;
    const char **variants;
    size_t variant_count;
    const char **operand_list; /* all of them */
    size_t operand_count;
    const char *mode, *precision, *out, *threads, *jobs, *resume, *task;
    const char *sort, *html, *csv, *tensorboard; /* of tables of runs */
    const char *only, *seed, *limit;             /* of the check of a plugin */
    const char *graph, *derivative;              /* of a plugin's page; graph "": no form is given */
    bool quiet, json, profile, allow_generated, in_process;
    ho_json *results;   /* with --json: what goes to stdout; else NULL */
    char *command_line; /* as it was typed, quoted where needed */
} ho_cli;

/* Bits of ho_cli_command.takes. */
enum {
    HO_CLI_MODE = 1,
    HO_CLI_SET = 2,
    HO_CLI_THREADS = 4,
    HO_CLI_OUT = 8,
    HO_CLI_QUIET = 16,
    HO_CLI_PRECISION = 32,
    HO_CLI_VARIANT = 64,
    HO_CLI_JOBS = 128,
    HO_CLI_PROFILE = 256,
    HO_CLI_GENERATED = 512,
    HO_CLI_PROOF = 1024,
    HO_CLI_JSON = 4096,
    HO_CLI_SORT = 8192,
    HO_CLI_HTML = 16384,
    HO_CLI_EXPORT = 32768,
    HO_CLI_TASK = 65536,
    HO_CLI_GRAPH = 131072,
    HO_CLI_RESUME = 2048, /* with it, FILE may be left out */
};

typedef struct ho_cli_command {
    const char *name;
    const char *operand; /* "FILE", "[NAME]"; several with a blank between, those in brackets last. "RUN...": any
                            number, at least one */
    const char *summary; /* one line */
    const char *details; /* what its help adds */
    unsigned takes;
    /* NULL: a program of its own, hotool-NAME, which reads its own arguments. */
    ho_status (*run)(const ho_cli *cli, ho_registry *registry, ho_error *error);
    void (*more)(void); /* prints what its help adds from a table of its own; or NULL */
    const ho_flag *own; /* the options of such a program, ending with one without a name */
} ho_cli_command;

extern const ho_cli_command ho_cli_commands[];
extern const size_t ho_cli_command_count;

/* What the overview and the manual say of every command. */
extern const char ho_cli_about[], ho_cli_environment[], ho_cli_exit_status[];

/* The signal that asked to stop; 0: none. Whatever takes long looks at it. */
extern volatile int ho_cli_interrupted;

/* How much of an operand is the path of a shared object: FILE.so or, of one plugin in it, FILE.so:NAME. 0: it is a
 * pipeline, or a name. */
size_t ho_cli_shared_object(const char *operand);

/* The command of that name; NULL with an error that has the nearest. */
const ho_cli_command *ho_cli_find(const char *name, ho_error *error);
/* Parses everything after the command's name. *help: --help was given. */
ho_status ho_cli_parse(const ho_cli_command *command, int argc, char **argv, ho_cli *cli, bool *help, ho_error *error);
void ho_cli_free(ho_cli *cli);
/* The options that a command takes, one after another: *i starts at 0; NULL after the last. */
const ho_flag *ho_cli_flag_of(const ho_cli_command *command, size_t *i);

#endif
