/*
 * Paired differences: two methods over the same splits.
 *
 * A hard split is hard for every method, so the spread of each over splits says little of which is better. Differences
 * within splits leave the splits' own share out.
 */
#ifndef HO_RECORD_PAIRED_H
#define HO_RECORD_PAIRED_H

#include "record/record.h"

typedef struct ho_paired {
    double mean, sd;      /* of first minus second; the sample's; NaN: no pair, fewer than two */
    size_t pairs, better; /* splits where both are known; where the first is better, by how the figure is read */
} ho_paired;

/* Whether two rows mean the same by a figure: validation errors and accuracies over folds, say, are those of other
 * examples than without. */
bool ho_paired_alike(const ho_row *first, const ho_row *second, ho_figure figure);
/* Of one figure of two rows. Runs with the same seed make a pair, if the rows mean the same by the figure; rows without
 * seeds are paired by their order, if they have equally many runs. */
ho_paired ho_paired_of(const ho_row *first, const ho_row *second, ho_figure figure);
/* The row that the others are best compared with: of least mean validation error among those that have the most pairs
 * with another row; rows->count: nothing can be compared, since no two rows share two splits. */
size_t ho_paired_reference(const ho_row *rows, size_t count);

#endif
