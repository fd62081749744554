/* What is done with a run of a mode on the system of fake_system.h, and what should come out. */
#ifndef HO_PROOF_MODE_ACTIONS_H
#define HO_PROOF_MODE_ACTIONS_H

#include "host/loaded.h"
#include "proof/fake_system.h"

/* lambda of an action: the base point plus `change` on every entry. */
enum { ADVANCE, ASK, FORGET };

typedef struct action {
    int what;
    int64_t t0, t1;
    double change;
} action;

extern const double ho_action_base[LAMBDA];
void ho_action_lambda(const action *a, double *lambda);
/* E where actions[count] asks, with entry `entry` of every lambda since the last forget shifted by h. */
real ho_action_error(const action *actions, size_t count, int entry, real h);
/* Compares an answer to actions[count] with differences: to 1e-12 and 1e-10. `gradient` is projected onto the free
 * subspace, as the host does. */
ho_status ho_action_check(const action *actions, size_t count, double value, double *gradient, ho_error *error);

/* A mode, whatever it comes from; `loaded` (may be NULL) is who crashes are blamed on. */
typedef struct acting_mode {
    const ho_loaded *loaded;
    const ho_mode_calls *calls;
    void *self;
    bool resumes;    /* after each action, and where it rests within one, the run is saved, and another restored from
                        that takes its place */
    double *answers; /* value and gradient of each that is asked for, one after another; NULL: nobody wants them */
} acting_mode;

/* Does the actions and compares each answer (of modes that are not approximate); the status of the first call that
 * fails. `error`: a wrong answer, or a run that has no state, or a gradient that is not finite. Memory that the mode
 * may not write is read-only, and what it may ends at a page that it cannot touch. */
ho_status ho_actions_do(const acting_mode *mode, fake *f, const action *actions, size_t count, ho_error *error);

#endif
