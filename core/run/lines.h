/* The lines of metrics.jsonl: what happened in a run, in order. */
#ifndef HO_RUN_LINES_H
#define HO_RUN_LINES_H

#include "run/course.h"
#include "run/outer.h"
#include "run/results.h"

/* An outer iteration; with `search`, a candidate, which has no gradient. */
ho_status ho_line_iteration(ho_results *results, const ho_training *training, const ho_outer_record *record,
                            bool search, ho_error *error);
/* A look or an update during training. */
ho_status ho_line_event(ho_results *results, const ho_training *training, const ho_course_event *event,
                        ho_error *error);

#endif
