/* Every number of a run's lines, by name, as the table of the record describes them. */
#ifndef HO_RUNS_CURVES_H
#define HO_RUNS_CURVES_H

#include "record/read.h"

typedef struct ho_curve_value {
    const char *name; /* "validation_error", "hyperparameters/mtl.rho", "hyperparameters/mtl.A/sum" */
    double value;     /* not NaN */
} ho_curve_value;

typedef struct ho_curve_values {
    ho_curve_value *items;
    size_t count, capacity;
} ho_curve_values;

/* What a line is about: "outer" (an iteration or a candidate), "training" (an evaluation), "updates". */
const char *ho_curve_kind(ho_line_kind kind);
/* Replaces the values by those of the line, in the order of the table. Names live in the arena. */
void ho_curve_values_of(const ho_line *line, ho_arena *arena, ho_curve_values *values);
void ho_curve_values_free(ho_curve_values *values);

/* A row of TensorBoard's event files (tensorboard.c). */
typedef struct ho_events ho_events;
/* Into memory; `wall_time`: seconds since 1970. */
ho_events *ho_events_new(double wall_time);
void ho_events_add(ho_events *events, double wall_time, int64_t step, const char *tag, double value);
/* The file's bytes, valid until ho_events_free. */
const void *ho_events_bytes(const ho_events *events, size_t *size);
void ho_events_free(ho_events *events);

#endif
