/* Example weights as a run leaves them: files for use elsewhere, and how well low weights find the labels that noise
 * replaced. */
#ifndef HO_RUN_EXAMPLE_WEIGHTS_H
#define HO_RUN_EXAMPLE_WEIGHTS_H

#include "run/run_folder.h"

/* How well "its weight is near 0" tells that an example's label was replaced. An example counts as found where its
 * weight is below half the mean weight: with equal weights none is, and the measure does not depend on their scale.
 * precision: the share of the found that were replaced (NaN where none is found); recall: the share of the replaced
 * that are found (NaN where none was replaced); f1: 2 hits / (found + replaced), their harmonic mean. All NaN where
 * there is nothing to score. `replaced`: 0 or 1 for each of the weights. */
ho_detection ho_detect(const double *weights, const double *replaced, int64_t count);

/* Where the objective has example weights (those of the first term that has), writes into examples/
 *
 *   weights.csv   index,label,weight[,true_label]: a line for each training example, in training order. index: its row
 *                 in the reader's data; label: as trained with; true_label: before noise, where there was some
 *   lowest.csv    the same of the (at most) HO_LOWEST examples of lowest weight, lowest first, equals in an order drawn
 * by the seed lowest.npy    their inputs as read, (n, H, W) or with 1 or 3 channels; only where that is their shape
 *
 * and scores them where the noise is known. Does nothing for other objectives. */
#define HO_LOWEST 100
ho_status ho_example_weights_write(ho_run_folder *folder, const ho_pipeline *pipeline, const ho_training *training,
                                   const double *lambda, ho_detection *detection, ho_error *error);

#endif
