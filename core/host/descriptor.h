/* From the descriptor that a plugin exports to the host's own checked copy of it. */
#ifndef HO_HOST_DESCRIPTOR_H
#define HO_HOST_DESCRIPTOR_H

#include "base/tree.h"
#include "host/loaded.h"

/* Whether a host of one version of the ABI loads a plugin that was built for another: from 1.0 on those of its own
 * major whose minor is not newer. Before the freeze, in major 0, every minor may differ from the next in anything. */
bool ho_abi_loads(uint32_t major, uint32_t minor, uint32_t host_major, uint32_t host_minor);

/* Checks everything that `symbol` points to and fills `loaded`; rows go to the arena, strings stay the plugin's.
 * `size`: how many bytes the symbol has (0: not known). `path` is borrowed. None of the plugin's functions is called.
 */
ho_status ho_descriptor_read(const ho_plugin *symbol, uint64_t size, const char *path, ho_arena *arena,
                             ho_loaded *loaded, ho_error *error);

/* The same for what an instance says of itself: `loaded` is the plugin with the hyperparameters and calls of `own`.
 * `written` finds the scalar whose text a name is (NULL: none), which errors then have as their place; else `place`. */
ho_status ho_descriptor_describe(const ho_loaded *plugin, const ho_plugin *own, ho_place place,
                                 const ho_tree *(*written)(const void *context, const char *text), const void *context,
                                 ho_arena *arena, ho_loaded *loaded, ho_error *error);

/* The same of all that a shared object's symbol describes: itself or, of a bundle, each of its plugins, linked by
 * `next`. NULL: an error. */
ho_loaded *ho_descriptors_read(const ho_plugin *symbol, uint64_t size, const char *path, ho_arena *arena,
                               ho_error *error);

#endif
