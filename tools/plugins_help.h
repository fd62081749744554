/* `hotool plugins`. */
#ifndef HO_TOOLS_PLUGINS_HELP_H
#define HO_TOOLS_PLUGINS_HELP_H

#include "base/json.h"
#include "host/registry.h"

/* Prints the list, or, with a name, that plugin's page. A name is NAME (every kind that has one of this name),
 * KIND/NAME, or the path of a shared object. */
ho_status ho_plugins_print(ho_registry *registry, const char *name, ho_error *error);
/* The same as a list of objects. */
ho_status ho_plugins_json(ho_registry *registry, const char *name, ho_json *json, ho_error *error);

/* Prints the graph of such a plugin: form "" or "text", "dot", "svg"; of its derivative, "jvp" or "vjp" (NULL: of
 * itself). `sets`: options, as `hotool check` takes them. */
ho_status ho_plugins_graph(ho_registry *registry, const char *name, const char *form, const char *derivative,
                           const char *const *sets, size_t set_count, ho_error *error);

#endif
