/* Commands that are programs of their own. */
#ifndef HO_TOOLS_EXTERNAL_H
#define HO_TOOLS_EXTERNAL_H

#include "base/error.h"

/* Becomes the program hotool-COMMAND with the arguments after the command's name: the one in hotool's own folder, else
 * the one in PATH. argv is hotool's own, with the command as its second word. Returns only where the program cannot be
 * run, with HO_FAILED. */
ho_status ho_run_external(const char *command, char **argv, ho_error *error);

#endif
