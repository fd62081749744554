/* `--profile`: where the time of a run went. */
#ifndef HOTOOL_PROFILE_PRINT_H
#define HOTOOL_PROFILE_PRINT_H

#include "base/error.h"

/* Prints the dearest plugin calls of this process's plans as a table, and writes all as stacks for flame graphs to
 * FOLDER/profile.folded. */
ho_status ho_profile_print(const char *folder, ho_error *error);

#endif
