/* One hypergradient through a mode, and plain training without one; a divergence is located. Processor time. */
#ifndef HO_SYSTEM_GRADIENT_H
#define HO_SYSTEM_GRADIENT_H

#include "system/mode.h"

/* A training under way, that can be saved between its steps and taken up again. Zero-initialise it. */
typedef struct ho_walk {
    void (*rest)(void *context); /* nothing is half done; NULL: nobody wants to know */
    void *context;
    int64_t step;
    ho_mode_run mode;         /* at work, or */
    ho_vector *state, *other; /* of plain steps; NULL: made when needed */
    bool restored;            /* the next training goes on from here */
} ho_walk;

/* Passes what is under way with lambda through the mode (or plainly, as the walk says), if anything is. */
ho_status ho_walk_pass(ho_walk *walk, ho_training *training, const ho_instance *mode, const double *lambda,
                       ho_snapshot *snapshot, ho_error *error);
void ho_walk_free(ho_walk *walk, ho_training *training); /* what is its own */

typedef struct ho_gradient_cost {
    double seconds;
    int64_t bytes;          /* the most that the mode held at once */
    int64_t residual_bytes; /* of these, the residuals */
    int64_t evaluations;    /* of the objective's gradient; known even where it diverged */
} ho_gradient_cost;

/* E(s_T, lambda) and its gradient on the free subspace. HO_DIVERGED where state, error or gradient is not finite: the
 * run is then replayed under examination so that the message names step, node and plugin. `cost` may be NULL. */
ho_status ho_hypergradient(ho_training *training, const ho_instance *mode, int64_t steps, const double *lambda,
                           double *value, double *gradient, ho_gradient_cost *cost, ho_error *error);

/* The same; *last becomes the last state where the status is HO_OK. `last` may be NULL. Goes on with the walk where
 * that was restored. */
ho_status ho_hypergradient_of(ho_walk *walk, ho_training *training, const ho_instance *mode, int64_t steps,
                              const double *lambda, double *value, double *gradient, ho_vector *last,
                              ho_gradient_cost *cost, ho_error *error);

/* Trains for `steps` steps from the initial state and gives the validation error E(s_T, lambda). *state becomes the
 * last state (free with the system's vector_free; NULL after an error); `state` may be NULL. HO_DIVERGED as above. */
ho_status ho_train(ho_training *training, int64_t steps, const double *lambda, ho_vector **state, double *value,
                   ho_error *error);

/* The same with a walk. */
ho_status ho_train_of(ho_walk *walk, ho_training *training, int64_t steps, const double *lambda, ho_vector **state,
                      double *value, ho_error *error);

/* Seconds of processor time of the calling thread, and of the threads of its matrix products (an estimate). */
double ho_cpu_seconds(void);
/* Counts what another process has done for it. */
void ho_cpu_seconds_add(double seconds);

#endif
