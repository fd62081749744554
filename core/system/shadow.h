/* The shadow (digits.h) of a training whose steps a mode goes back over: run afterwards, and only for a reason. */
#ifndef HO_SYSTEM_SHADOW_H
#define HO_SYSTEM_SHADOW_H

#include "system/training.h"

/* A mode has started: it runs without a shadow if one can come afterwards. */
void ho_shadow_postpone(ho_training *training, const ho_instance *mode);
/* After the mode's hypergradient over so many steps: if a shadow is missing, trains once more beside one and makes the
 * estimate again. Evaluations are not counted. Errors are the training's. */
ho_status ho_shadow_train(ho_training *training, int64_t steps, const double *lambda, const double *gradient);

#endif
