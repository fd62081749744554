/* Completion from the pipeline file that the command line names: what stands in it, and what its plugins take. */
#ifndef HO_TOOLS_COMPLETE_FILE_H
#define HO_TOOLS_COMPLETE_FILE_H

#include "base/tree.h"
#include "host/registry.h"

/* What is done with each name; `after` is '=' or '/'. */
typedef void (*ho_complete_offer)(void *context, const char *name, char after);

/* The names that may follow the first `length` characters of a path as --set has it ("objective/ridge"), where the file
 * says more of it than the table of keys: the items of a list, by their names; the keys of a map, where the table has
 * none (`free_names`); and the options and hyperparameters of the plugin that it names there. */
void ho_complete_from_file(const ho_tree *root, const char *path, size_t length, bool free_names, ho_registry *registry,
                           ho_complete_offer offer, void *context);

#endif
