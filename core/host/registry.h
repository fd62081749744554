/* Finding, checking and loading plugins. Plugins are resident: never unloaded. Every call here takes one mutex. */
#ifndef HO_HOST_REGISTRY_H
#define HO_HOST_REGISTRY_H

#include "base/error.h"
#include "base/memory.h"
#include "hotool/plugin.h"

/* A loaded plugin. Tables are copied into the host's own rows, so that a plugin of an older minor reads as a present
 * one: members its author did not know are zero. */
typedef struct ho_loaded {
    const char *path; /* of the shared object */
    ho_plugin plugin; /* read as far as struct_size */
    const ho_option *options;
    uint32_t option_count;
    const ho_hyper *hypers;
    uint32_t hyper_count;
    const ho_slot *slots; /* dynamics */
    uint32_t slot_count;
    /* The kind's calls, read as far as their struct_size; the one of plugin.kind is meant. */
    union {
        ho_dynamics_calls dynamics;
        ho_model_calls model;
        ho_loss_calls loss;
        ho_penalty_calls penalty;
        ho_mode_calls mode;
        ho_data_calls data;
        ho_constraint_calls constraint;
    } calls;
} ho_loaded;

typedef struct ho_registry ho_registry;

/* Folders are searched in this order: those of HOTOOL_PLUGIN_PATH (':' between), then `installed` (may be NULL, may
 * itself hold several folders with ':'). Each kind's plugins lie in FOLDER/KINDS/NAME.so ("dynamics/adam.so",
 * "losses/...") or FOLDER/NAME.so. The current folder is never searched by itself. */
ho_registry *ho_registry_new(const char *installed, ho_error *error);
void ho_registry_free(ho_registry *registry);

/* Loads one file: regular file, ELF class and machine, every segment within the file, the symbol of this major (others
 * are probed so that the message can name them), minor not newer, tables sane (names legal, no duplicates, known types
 * and domains, defaults in range, the kind's required calls present). Explicit `path:` of a pipeline comes this way
 * too. Messages are one sentence: `PATH: wants plugin ABI 2, this hotool offers 1.0`. */
const ho_loaded *ho_registry_load(ho_registry *registry, const char *path, ho_error *error);

/* By kind and name. `place`: where the name was written, for "unknown dynamics "adm"; did you mean "adam"? (known:
 * ...)". */
const ho_loaded *ho_registry_find(ho_registry *registry, uint32_t kind, const char *name, ho_place place,
                                  ho_error *error);

/* Everything that the folders hold, sorted by kind and name (kind 0: all). Files that refuse to load are reported
 * through `refused` (may be NULL) and skipped. The array is free()d by the caller. */
const ho_loaded **ho_registry_list(ho_registry *registry, uint32_t kind, size_t *count,
                                   void (*refused)(void *context, const char *message), void *context);

/* "dynamics", "model", ...; "dynamics", "models", ... (the folder). */
const char *ho_kind_name(uint32_t kind);
const char *ho_kind_folder(uint32_t kind);

#endif
