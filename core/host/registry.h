/* Finding, checking and loading plugins. Plugins are resident: never unloaded. Every call here takes one mutex. */
#ifndef HO_HOST_REGISTRY_H
#define HO_HOST_REGISTRY_H

#include "host/loaded.h"

typedef struct ho_registry ho_registry;

/* Folders are searched in this order: those of HOTOOL_PLUGIN_PATH (':' between), then `installed` (may be NULL, may
 * itself hold several folders with ':'). Each kind's plugins lie in FOLDER/KINDS/NAME.so ("dynamics/adam.so",
 * "losses/...") or FOLDER/NAME.so. The current folder is never searched by itself. */
ho_registry *ho_registry_new(const char *installed, ho_error *error);
void ho_registry_free(ho_registry *registry);

/* Loads one file: regular file, ELF class and machine, every segment within the file, the symbol of this major (others
 * are probed so that the message can name them), minor not newer, tables sane (names valid, no duplicates, known types
 * and domains, defaults in range, the kind's required calls present). Explicit `path:` of a pipeline comes this way
 * too. Messages are one sentence: `PATH: needs plugin ABI 2, this hotool offers 1.0`. The first of the file's plugins;
 * the others of a bundle follow by `next`. */
const ho_loaded *ho_registry_load(ho_registry *registry, const char *path, ho_error *error);

/* By kind and name. `place`: where the name was written, for "unknown dynamics "adm"; did you mean "adam"? (known:
 * ...)". */
const ho_loaded *ho_registry_find(ho_registry *registry, uint32_t kind, const char *name, ho_place place,
                                  ho_error *error);

/* Everything that the folders hold, sorted by kind and name (kind 0: all). Files that refuse to load are reported
 * through `refused` (may be NULL) and skipped. The array is free()d by the caller. */
const ho_loaded **ho_registry_list(ho_registry *registry, uint32_t kind, size_t *count,
                                   void (*refused)(void *context, const char *message), void *context);

#endif
