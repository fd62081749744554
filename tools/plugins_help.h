/* `hotool plugins`. */
#ifndef HO_TOOLS_PLUGINS_HELP_H
#define HO_TOOLS_PLUGINS_HELP_H

#include "host/registry.h"

/* Prints the list, or, with a name, that plugin's page (every kind that has one of this name). */
ho_status ho_plugins_print(ho_registry *registry, const char *name, ho_error *error);

#endif
