/* A memory of some values, to go back to them. Whoever has values passes each of them, in one order always: the same
 * function then saves and restores. */
#ifndef HO_BASE_SNAPSHOT_H
#define HO_BASE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

typedef struct ho_snapshot ho_snapshot; /* opaque to plugins, which have it from hotool/mode.h */

/* Zero-initialise it. */
struct ho_snapshot {
    char *bytes;
    size_t size, at, capacity;
    bool restoring;
    bool short_of; /* more was asked for than was saved: what was restored from there on is zero */
};

/* What is passed from here on is saved (what was saved before is dropped), or overwritten with what was saved. */
void ho_snapshot_save(ho_snapshot *snapshot);
void ho_snapshot_restore(ho_snapshot *snapshot);
void ho_snapshot_pass(ho_snapshot *snapshot, void *value, size_t size);
#define HO_SNAPSHOT(snapshot, variable) ho_snapshot_pass(snapshot, &(variable), sizeof(variable))
/* A text (or NULL), which is restored into the arena. */
void ho_snapshot_text(ho_snapshot *snapshot, const char **text, ho_arena *arena);
void ho_snapshot_free(ho_snapshot *snapshot);

#endif
