/* `hotool help`. */
#ifndef HO_TOOLS_HELP_H
#define HO_TOOLS_HELP_H

#include "cli.h"
#include "pipeline/keys.h"

/* `hotool help [COMMAND]`, and for pipelines the reference of their keys: `hotool help pipeline [SECTION|KEY]`. argv is
 * hotool's own. */
ho_status ho_help(int argc, char **argv, ho_error *error);
/* The overview (NULL), or a command's page. */
void ho_help_command(const ho_cli_command *command);

/* What the overview lists beside the commands, ending with one without a name. */
extern const ho_flag ho_help_commands[];

/* Of a kind of map in a pipeline: "the file", or where it stands. */
const char *ho_help_title(ho_section section);
/* "integer >= 1; default 20; only with schedule: online"; free with free(). */
char *ho_help_key_form(const ho_key *key);

/* Prints a text with lines of at most 100 characters: after `first`, which the cursor has passed already, each line
 * starts at `indent`. Lines that the author broke stay. */
void ho_help_wrap(const char *text, int first, int indent);

#endif
