/* A memory of some values, to go back to them. Whoever has values passes each of them, in one order always: the same
 * function then saves and restores. */
#ifndef HO_BASE_SNAPSHOT_H
#define HO_BASE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialise it. */
typedef struct ho_snapshot {
    char *bytes;
    size_t size, at;
    bool restoring;
} ho_snapshot;

/* What is passed from here on is saved (what was saved before is dropped), or overwritten with what was saved. */
void ho_snapshot_save(ho_snapshot *snapshot);
void ho_snapshot_restore(ho_snapshot *snapshot);
void ho_snapshot_pass(ho_snapshot *snapshot, void *value, size_t size);
void ho_snapshot_free(ho_snapshot *snapshot);

#endif
