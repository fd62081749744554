/* Quantities that change during a run, over outer iterations, candidates or training steps: the lines of metrics.jsonl.
 */
#ifndef HO_REPORT_SERIES_H
#define HO_REPORT_SERIES_H

#include "base/memory.h"

typedef enum ho_quantity {
    /* over outer iterations */
    HO_OUTER_ERROR,
    HO_STATIONARITY,
    HO_OUTER_DIGITS, /* that rounding leaves of the hypergradient */
    HO_OUTER_HYPER,  /* by name; of an array the sum */
    /* over the candidates of a search */
    HO_LOWEST_ERROR, /* so far */
    /* over training steps */
    HO_TRAINING_ERROR,
    HO_VALIDATION_ERROR_COURSE,
    HO_VALIDATION_ACCURACY_COURSE,
    HO_BEST_EVALUATION, /* validation error; one point for each repeat */
    HO_UPDATE_ERROR,
    HO_GRADIENT_NORM,
    HO_ONLINE_DIGITS,
    HO_ONLINE_HYPER, /* by name */
    HO_TANGENT_NORM, /* by name */
} ho_quantity;

typedef struct ho_point {
    double x, value;
    size_t repeat;
} ho_point;

/* One quantity: the points of each repeat in turn, in order of x. */
typedef struct ho_series {
    ho_quantity of;
    const char *name;   /* of a hyperparameter, or "" */
    const char *remark; /* about the least of its values, or NULL */
    double least;
    ho_point *points;
    size_t count, capacity;
} ho_series;

typedef struct ho_series_list {
    ho_series *items;
    size_t count, capacity;
} ho_series_list;

/* Adds what a metrics.jsonl says of repeat number `repeat` of a row with this strategy. Names live in the arena. */
ho_status ho_series_read(const char *path, const char *strategy, size_t repeat, ho_arena *arena, ho_series_list *list,
                         ho_error *error);
/* NULL: none, or none with points. */
const ho_series *ho_series_find(const ho_series_list *list, ho_quantity of, const char *name);
void ho_series_free(ho_series_list *list);

#endif
