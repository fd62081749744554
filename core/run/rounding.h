/* What a run says of the digits that rounding has left of its hypergradients (system/digits.h). */
#ifndef HO_RUN_ROUNDING_H
#define HO_RUN_ROUNDING_H

#include "base/snapshot.h"
#include "record/record.h"
#include "system/training.h"

/* For the record, of the last hypergradient. The names are the training's. */
ho_rounding ho_rounding_of(const ho_training *training);
/* Whether no digit of any hyperparameter is left. */
bool ho_rounding_is_total(const ho_training *training);
/* How many there are, what grew and what helps, in one line; free(). NULL: there are enough. */
char *ho_rounding_warning(const ho_training *training);
/* Passes it; its names are restored into the arena. */
void ho_rounding_pass(ho_rounding *rounding, ho_snapshot *snapshot, ho_arena *arena);

#endif
