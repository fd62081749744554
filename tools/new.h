/* `hotool new`: the beginnings of a plugin. */
#ifndef HO_TOOLS_NEW_H
#define HO_TOOLS_NEW_H

#include "host/registry.h"

/* Writes a project for a plugin of that kind ("dynamics") and name into `folder` (NULL: the name), which must be new or
 * empty: the files of the templates, sdk/template/common and that of the kind, under the plugin's name. If anything
 * fails, nothing is left behind. Prints what to do next. */
ho_status ho_new_project(const char *kind, const char *name, const char *folder, ho_registry *registry,
                         ho_error *error);

#endif
