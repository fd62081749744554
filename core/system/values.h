/* Values of hyperparameters as pipelines write them. */
#ifndef HO_SYSTEM_VALUES_H
#define HO_SYSTEM_VALUES_H

#include "system/training.h"

/* What constraints are told of a hyperparameter. */
ho_constrained ho_constrained_of(const ho_hyperparameter *h);

/* Fills count entries from `tree` (a number, nested lists, or a .npy path relative to the file that mentions it), or
 * with `initial` where there is none, and checks shape, domain and structure. */
ho_status ho_value_read(const ho_hyperparameter *h, const ho_tree *tree, double initial, double *value,
                        ho_error *error);

#endif
