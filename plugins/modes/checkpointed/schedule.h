/*
 * Which states of a trajectory are kept while it is computed, and how it is gone back over with those that were.
 *
 * A schedule knows positions and slots; it sees no states. Whoever drives it owns one state for each slot and takes the
 * steps. Position i is the state after i steps from the one that the schedule began with, which stays in a slot.
 *
 * Where the number of steps is known, the states are those of the optimal binomial schedule: l steps are reversed from
 * c slots with the fewest advances that c slots allow. A. Griewank and A. Walther, Algorithm 799: revolve, ACM
 * Transactions on Mathematical Software 26(1), 2000, 19-45. The reversal of a step yields the next state too, so it is
 * no advance. Where the number is unknown, every spacing-th state is kept, and every other one of those is dropped, and
 * the spacing doubled, when the slots are full.
 */
#ifndef CHECKPOINTED_SCHEDULE_H
#define CHECKPOINTED_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct checkpoint {
    int64_t position, slot;
} checkpoint;

typedef struct schedule {
    int64_t slots, steps; /* steps 0: not known */
    checkpoint *kept;     /* `count` by position; then the slots that are free */
    int64_t count, spacing;
} schedule;

/* What to do next on the way back. */
typedef struct move {
    int64_t from, position; /* start from the state in this slot, which has this position ... */
    int64_t to;             /* ... advance to this position ... */
    int64_t keep;           /* ... and keep the state in this slot; -1: reverse the step that follows it */
} move;

/* Starts with position 0 in slot 0. `kept` has room for `slots` (at least 1) and is borrowed. */
void schedule_start(schedule *s, checkpoint *kept, int64_t slots, int64_t steps);
/* Whether the state at `position` is to be kept; *slot is then where. Ask at each position in turn. */
bool schedule_keeps(schedule *s, int64_t position, int64_t *slot);
/* The next move towards reversing step `end`, when all later ones have been reversed: any number that keep a state,
 * then one that reverses. Call it with end - 1 then. */
move schedule_back(schedule *s, int64_t end);

/* The fewest advances that reverse `steps` steps from `slots` slots, the first state's included. */
int64_t schedule_advances(int64_t steps, int64_t slots);

#endif
