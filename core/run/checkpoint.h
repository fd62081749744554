/* Checkpoints: what a run knows at some moments, so that it can go on from there. They lie in RUN/checkpoints/. */
#ifndef HO_RUN_CHECKPOINT_H
#define HO_RUN_CHECKPOINT_H

#include "base/error.h"
#include "base/snapshot.h"

#define HO_CHECKPOINTS "checkpoints"

typedef struct ho_checkpoints ho_checkpoints;

/* Of the run folder `folder`. `seconds`: the least from one to the next; 0: at every chance. `steps`: however soon that
 * is, one after so many; 0: no such rule. */
ho_checkpoints *ho_checkpoints_new(const char *folder, double seconds, int64_t steps);
void ho_checkpoints_free(ho_checkpoints *checkpoints); /* NULL is fine */

/* Whether it is time for another, now that so many steps have been `taken`. Writing them takes no more than a fiftieth
 * of the time, unless seconds is 0 or it is for the steps. */
bool ho_checkpoint_due(ho_checkpoints *checkpoints, int64_t taken);
/* Begins a snapshot that is to be written. */
void ho_checkpoint_begin(ho_snapshot *snapshot);
/* Writes it to checkpoints/N, N counting up, whole or not at all. The two newest stay. `lines`: the bytes of
 * metrics.jsonl that belong to it, which are on the disk. */
ho_status ho_checkpoint_write(ho_checkpoints *checkpoints, ho_snapshot *snapshot, uint64_t lines, ho_error *error);

/* The newest that is whole, with no more lines than the `lines` bytes there are, to be restored from; *lines: those
 * that belong to it. `pass_over` hears of each that is damaged. False: there is none. */
bool ho_checkpoint_read(ho_checkpoints *checkpoints, ho_snapshot *snapshot, uint64_t *lines,
                        void (*pass_over)(void *context, const char *text), void *context);
/* Removes them, then whatever else is in checkpoints/. */
void ho_checkpoints_remove(ho_checkpoints *checkpoints);

#endif
