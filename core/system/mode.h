/*
 * A hypergradient mode at work on a training. These calls stand before the plugin's own: the plugin's name and the call
 * are known should it crash, and what it returns is checked. Errors name both: `mode "forward": advance: ...`.
 */
#ifndef HO_SYSTEM_MODE_H
#define HO_SYSTEM_MODE_H

#include "system/training.h"

/* Zero-initialise it: no run. */
typedef struct ho_mode_run {
    ho_training *training;
    const ho_instance *mode;
    void *run; /* the plugin's */
    void (*rest)(
        void *context); /* the run can be passed within `hypergradient`, which is not over; NULL: nobody does */
    void *context;
} ho_mode_run;

/* See ho_mode_calls in sdk/hotool/mode.h. A status other than HO_OK comes with a message in `error`. A mode that passes
 * over a failed call of the system has failed too. */
ho_status ho_mode_start(ho_mode_run *run, ho_training *training, const ho_instance *mode, const double *lambda,
                        ho_error *error);
ho_status ho_mode_advance(ho_mode_run *run, int64_t t0, int64_t t1, const double *lambda, ho_error *error);
/* What the mode leaves unwritten is NaN; whether the numbers are finite is for the caller to see. The gradient is
 * projected onto the free subspace. */
ho_status ho_mode_hypergradient(ho_mode_run *run, const double *lambda, double *value, double *gradient,
                                ho_error *error);
/* The present state; NULL with an error where the mode has none to show. */
const ho_vector *ho_mode_state(ho_mode_run *run, ho_error *error);
ho_status ho_mode_forget(ho_mode_run *run, ho_error *error);
/* Whether the mode carries tangents, and the norm of each (one for each direction). */
bool ho_mode_has_tangents(const ho_mode_run *run);
ho_status ho_mode_tangent_norms(ho_mode_run *run, double *norms, ho_error *error);
/* The most bytes that it has held; of these, those of residuals. */
int64_t ho_mode_bytes(ho_mode_run *run);
int64_t ho_mode_residual_bytes(ho_mode_run *run);
/* As ho_mode_calls has it; HO_ALL_STEPS without the call. */
int64_t ho_mode_steps_back(const ho_instance *mode);
/* Whether it can be saved. */
bool ho_mode_can_pass(const ho_instance *mode);
/* Passes it, or restores it in a run that has just been started. */
ho_status ho_mode_pass(ho_mode_run *run, ho_snapshot *snapshot, ho_error *error);
/* Frees the run, if there is one. */
void ho_mode_end(ho_mode_run *run);

#endif
