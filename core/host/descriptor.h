/* From the descriptor that a plugin exports to the host's own checked copy of it. */
#ifndef HO_HOST_DESCRIPTOR_H
#define HO_HOST_DESCRIPTOR_H

#include "host/loaded.h"

/* Checks everything that `symbol` points to and fills `loaded`; rows go to the arena, strings stay the plugin's.
 * `size`: how many bytes the symbol has (0: not known). `path` is borrowed. None of the plugin's functions is called.
 */
ho_status ho_descriptor_read(const ho_plugin *symbol, uint64_t size, const char *path, ho_arena *arena,
                             ho_loaded *loaded, ho_error *error);

#endif
