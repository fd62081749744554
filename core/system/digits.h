/*
 * How many digits rounding has left of a hypergradient: estimated from what modes ask for and are given.
 *
 * Each computed step has a relative error of about u, the unit roundoff. Later steps multiply it. For a hyperparameter
 * with gradient G,
 *
 *     relative error = u (max(growth, amplification) * cancellation + noise)
 *
 * The growth is that of what the mode computes: an error of the state at step j counts at step k as much larger as the
 * adjoint is larger at j than at k, or the tangents at k than at j. Of sizes x_1, x_2, ... in the order in which they
 * are computed (backwards ||a_t|| ||w_t||, forwards ||Z_t|| / ||w_t||, where w are the weights and Z_t those of the
 * state's segments, weights or a slot, in which most grows), it is max_k x_k sqrt(sum_{j <= k} x_j^-2): rounding errors
 * of independent signs, gathered at worst. Forwards it is the least of all hyperparameters', since tangents grow also
 * by what is added to them.
 *
 * The amplification is what rounding did to the weights: max_t ||w'_t - w_t|| / (u ||w_t||), where w' is a second
 * training beside the first, the shadow, which starts from weights one rounding away. It sees what no tangent does: an
 * instability in whose direction no hyperparameter moves the weights, and sums of large terms that cancel. A shadow
 * takes as much time as a training without a hypergradient, so only the first hypergradient has one, and each 32nd
 * after it; between them, the amplification stays as it was. Adjoints that go back over all steps show nearly all of
 * this. Where they nowhere rise more than fivefold there is no shadow, and the amplification is 1; else the training is
 * repeated beside one afterwards (shadow.h). Online, and in forward mode, the shadow runs beside the training itself.
 *
 * Backwards, G is a sum of terms c_t = a_t B_t: the cancellation is sum ||c_t|| / ||G||. B_t carries errors of the size
 * that it had once, even where it has become small: the noise is max_t ||c_t|| / ||a_t|| sqrt(sum_{j >= t} ||a_j||^2) /
 * ||G||. Forwards, the cancellation is a third of the sum over weight tensors of ||dE/dw|| ||Z_T|| / ||G||, and the
 * noise max_t ||Z_t|| / ||Z_T||. For a hyperparameter of the initial state there is no noise.
 *
 * Running error analysis as in Higham, Accuracy and Stability of Numerical Algorithms (2nd ed., SIAM 2002),
 * sections 3.3 and 3.5; adjoints as sensitivities to rounding: Griewank and Walther, Evaluating Derivatives (2nd ed.,
 * SIAM 2008), section 3.4; two computations that are rounded differently: Vignes, A stochastic arithmetic for reliable
 * scientific computation (Mathematics and Computers in Simulation 35, 1993). That errors of sums over steps are
 * combined as independent ones, and the factor of a third, are experience: tests/conformance/test_digits.c. About 128
 * steps of a training are looked at.
 */
#ifndef HO_SYSTEM_DIGITS_H
#define HO_SYSTEM_DIGITS_H

#include "system/hypers.h"
#include "system/state.h"

/* Sizes in the order of their computation. */
typedef struct ho_course {
    double inverse; /* sum of x^-2 */
    double growth;
    double least; /* and its step */
    int64_t least_at;
    ho_growth most; /* the largest rise: from a least size to a later one */
} ho_course;

typedef struct ho_hyper_meter {
    bool initial;       /* the initial state depends on it */
    double sum, noise;  /* backwards: sum ||c_t||; the noise but for 1 / ||G|| */
    double last, peak;  /* forwards: of ||Z_t|| */
    double *lasts;      /* by weight tensor */
    ho_course *courses; /* of ||Z_t|| / ||w_t||, by segment */
    double *squares;    /* of the step under way, by segment and weight tensor */
} ho_hyper_meter;

typedef enum ho_shadow_stage { HO_SHADOW_OFF, HO_SHADOW_WAITS, HO_SHADOW_RUNS } ho_shadow_stage;

/* A training beside the first, from weights that were one rounding away. */
typedef struct ho_shadow {
    ho_shadow_stage stage;
    int64_t t;               /* the step that its state follows */
    ho_vector *state, *next; /* made when first needed */
    bool missing;            /* the last hypergradient should have one: its adjoints leave a doubt */
    double amplification;    /* as measured last; 1 before */
    double farthest;         /* distance so far */
    ho_course course;        /* of distances */
} ho_shadow;

typedef struct ho_meter {
    const ho_layout *layout;
    const ho_hypers *hypers;
    ho_hyper_meter *by; /* of tuned hyperparameters */
    double *squares;    /* by weight tensor */
    double *slopes;     /* ||dE/dw||, by weight tensor */
    /* Backwards, since the last dE/ds. */
    int64_t terms, back_t; /* and the last one's step */
    double weight;         /* steps that the one under way stands for; 0: it is not looked at */
    double size, sum;
    ho_course course;
    /* Forwards. */
    int64_t t, steps; /* the step under way, and how many there were */
    double step_weight, step_state;
    double *errors; /* by hyperparameter */
    ho_shadow shadow;
    int64_t hypergradients; /* estimated so far */
    ho_digits digits;
} ho_meter;

/* After layout and hypers are complete. All memory is the arena's of their ground. */
void ho_meter_open(ho_meter *meter, const ho_layout *layout, const ho_hypers *hypers);
void ho_meter_close(ho_meter *meter);
/* The next state of step t has been computed. The shadow's, if it runs, has been put into shadow.next. */
ho_status ho_meter_step(ho_meter *meter, int64_t t, const ho_vector *next, ho_error *error);
/* The mode's run is over, or goes without a shadow. */
void ho_meter_stop(ho_meter *meter);
/* After an estimate whose shadow is missing: one begins with the next step, and the estimate is made again. */
void ho_meter_reconsider(ho_meter *meter);
/* Tangents begin anew. */
void ho_meter_start(ho_meter *meter);
/* dE/ds, from which a sweep backwards may start; the cotangents of hyperparameters are dE/dlambda. */
void ho_meter_error(ho_meter *meter, const ho_vector *by_state);
/* The cotangents of hyperparameters are the term of step t, from a state (NULL: of the initial map), whose result has
 * adjoint a. */
void ho_meter_adjoint(ho_meter *meter, int64_t t, const ho_vector *state, const ho_vector *a);
/* Tangents after step t from a state (NULL: after the initial map) along the directions d, as for jvp. A step's may
 * come in several calls. */
void ho_meter_tangents(ho_meter *meter, int64_t t, const ho_vector *state, const ho_vector *z, const double *d);
/* Passes all that is measured, of a hypergradient under way too. */
ho_status ho_meter_pass(ho_meter *meter, ho_snapshot *snapshot, ho_error *error);
/* Fills in meter->digits for this hypergradient. */
void ho_meter_estimate(ho_meter *meter, const double *gradient);

#endif
