/* Training examples without end, as a reader with the call `next` gives them: checked, in batches. */
#ifndef HO_HOST_STREAM_H
#define HO_HOST_STREAM_H

#include "host/dataset.h"

/* Step t sees the examples held + (t - 1) batch to held + t batch - 1, in that order; the first `held` ones are
 * others'. Thread: one at a time. */
typedef struct ho_data_stream ho_data_stream;

/* Makes an instance of the reader with these settings (see ho_instance_new). */
ho_data_stream *ho_stream_open(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved,
                               ho_place place, ho_error *error);
void ho_stream_free(ho_data_stream *stream); /* NULL is fine */

/* Why each example is given once only; NULL: any can be asked for at any time. */
const char *ho_stream_only_onward(const ho_data_stream *stream);

/* The first `count` examples, for others; before ho_stream_begin. Fewer are refused. The caller frees them. */
ho_dataset *ho_stream_hold(ho_data_stream *stream, int64_t count, ho_error *error);
/* From now on there are batches of so many examples each; loads the first. A stream that ends before is refused. */
ho_status ho_stream_begin(ho_data_stream *stream, int64_t batch, ho_error *error);
/* Of a stream that gives each example once: keeps this many batches gone by, so that they can be loaded again. */
void ho_stream_keep(ho_data_stream *stream, int64_t batches);
/* From now on feature j of batches is less mean[j], divided by deviation[j]; 0 where that is 0. Copies both. Also done
 * to the batch that is loaded. */
void ho_stream_standardize(ho_data_stream *stream, const double *mean, const double *deviation);

/* The batch that was loaded last, in memory that stays: its values change with the next one. Until ho_stream_free. */
const ho_examples *ho_stream_batch(const ho_data_stream *stream);
/* Loads the batch of step t. Refused, with the examples that it would be of: where the stream ended before; examples
 * that differ from the first ones in width, targets or classes; those that are gone; whatever the reader refuses. */
ho_status ho_stream_load(ho_data_stream *stream, int64_t t, ho_error *error);
/* Whether the stream is known to end before the batch of step t is whole. */
bool ho_stream_ends_before(const ho_data_stream *stream, int64_t t);

#endif
