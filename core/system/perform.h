/* A call of a mode, checked and computed. */
#ifndef HO_SYSTEM_PERFORM_H
#define HO_SYSTEM_PERFORM_H

#include "system/internal.h"

#define ho_refuse(training, ...) ho_fail(&(training)->ground.error, HO_FAILED, __VA_ARGS__)

typedef enum ho_call_form {
    HO_CALL_INITIAL,
    HO_CALL_INITIAL_JVP,
    HO_CALL_INITIAL_VJP,
    HO_CALL_RESTART,
    HO_CALL_STEP,
    HO_CALL_JVP,
    HO_CALL_VJP,
    HO_CALL_LINEARIZE,
    HO_CALL_RESIDUAL_STEP,
    HO_CALL_RESIDUAL_JVP,
    HO_CALL_RESIDUAL_VJP,
    HO_CALL_ERROR,
    HO_CALL_ERROR_GRADIENT,
    HO_CALL_OBJECTIVE
} ho_call_form;

typedef struct ho_call {
    int64_t t, columns;
    const double *lambda;
    const ho_vector *state, *seed;
    const double *d; /* directions of tangents */
    double *value;
    ho_vector *next, *out;
    double *gradient;
    ho_residuals *residuals; /* unless the way is plain */
} ho_call;

/* What the form takes is checked, what it gives is written. Errors are left in training->ground.error too. */
ho_status ho_perform(ho_training *training, ho_call_form which, const ho_call *c);
/* HO_INTERRUPTED where the user has asked for the end. */
ho_status ho_poll_interrupt(ho_training *training);

#endif
