/* `hotool help`. */
#ifndef HO_TOOLS_HELP_H
#define HO_TOOLS_HELP_H

#include "cli.h"

/* `hotool help [COMMAND]`, and for pipelines the reference of their keys: `hotool help pipeline [SECTION|KEY]`. argv is
 * hotool's own. */
ho_status ho_help(int argc, char **argv, ho_error *error);
/* The overview (NULL), or a command's page. */
void ho_help_command(const ho_cli_command *command);

/* Prints a text with lines of at most 100 characters: after `first`, which the cursor has passed already, each line
 * starts at `indent`. Lines that the author broke stay. */
void ho_help_wrap(const char *text, int first, int indent);

#endif
