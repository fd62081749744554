/* The ground that a training stands on: numbers of its precision, its memory, and one graph whose leaves are bound. */
#ifndef HO_SYSTEM_GROUND_H
#define HO_SYSTEM_GROUND_H

#include "host/tracing.h"
#include "system/training.h"

/* A leaf of the graph and the numbers it stands for in the next run. */
typedef struct ho_bound {
    ho_node node;
    const void *data;
} ho_bound;

typedef struct ho_ground {
    const ho_problem *problem;
    ho_arena *arena;
    ho_graph *graph;
    ho_error traced; /* the graph's error */
    ho_error error;  /* of calls by modes and runs */
    ho_pool *pool;   /* of vectors */
    void **blocks;   /* large memory to free */
    size_t block_count, block_capacity;
    ho_bound *leaves;
    size_t leaf_count, leaf_capacity;
} ho_ground;

void ho_ground_open(ho_ground *ground, const ho_problem *problem);
void ho_ground_close(ho_ground *ground);

/* Large memory that lives as long as the training; NULL with an error. */
void *ho_ground_block(ho_ground *ground, int64_t count, size_t size, const char *what, ho_error *error);
/* A new leaf's number. Its name is "WHAT NAME", or WHAT alone. Data may be bound later. */
size_t ho_leaf(ho_ground *ground, const char *what, const char *name, ho_shape shape, const void *data);
ho_node ho_leaf_node(const ho_ground *ground, size_t leaf);
/* A leaf bound for good to these values; poison with an error where memory is short. */
ho_node ho_leaf_numbers(ho_ground *ground, const char *name, ho_shape shape, const double *values);
/* The graph's error, if any, moved to `error`. */
ho_status ho_ground_traced(const ho_ground *ground, ho_error *error);

/* Numbers of the run's precision. */
size_t ho_number_size(const ho_ground *ground);
void ho_numbers_put(const ho_ground *ground, const double *from, int64_t count, void *to);
void ho_numbers_get(const ho_ground *ground, const void *from, int64_t count, double *to);
/* The first entry that is NaN or Inf; count: none. */
int64_t ho_numbers_bad(const ho_ground *ground, const void *numbers, int64_t count);

/* Reads count = rank and dims' product doubles from a .npy file (relative to the file of `place`) of exactly this
 * shape. Errors start with `what`; `whose` has that shape. */
ho_status ho_numbers_read(const char *path, ho_place place, const char *what, const char *whose, ho_shape shape,
                          double *values, ho_error *error);

#endif
