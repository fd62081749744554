/* What the parts of a check share: what is checked, how figures are judged and printed, directions of lambda. */
#ifndef HO_CHECK_INTERNAL_H
#define HO_CHECK_INTERNAL_H

#include <stdio.h>

#include "base/json.h"
#include "check/slope.h"
#include "pipeline/pipeline.h"
#include "system/gradient.h"

#define INNER_TOLERANCE      1e-10
#define MODES_TOLERANCE      1e-10
#define DIFFERENCE_TOLERANCE 1e-6
#define FEW_FORWARD          8    /* directions along which modes are compared where there are very many */
#define FIRST_STEP           1e-2 /* of differences, against the size of what is moved */
#define CLOSER               1e-4 /* times which they begin where longer ones say that something is wrong */

/* What can be said of one figure. Only a failure is held against the pipeline; of what could not be judged, shorter
 * training is asked (see check.c). */
typedef enum ho_verdict {
    HO_GOOD,
    HO_WRONG,
    HO_UNSTABLE, /* rounding changes the trajectory so much that neither differences nor modes can agree */
    HO_KINKED,   /* steps short enough not to cross a kink are too short for differences */
    HO_NOISE,    /* so small that rounding hides it from differences */
    HO_OFF,      /* an approximate mode's distance */
} ho_verdict;

typedef struct check {
    ho_pipeline *pipeline;
    char *name; /* which of the criterion's trainings this is; NULL: there is one */
    ho_training *training;
    ho_system *system;
    const ho_system_api *api;
    const ho_hyperparameter *hypers;
    size_t hyper_count;
    int64_t size;                       /* of lambda */
    int64_t all_steps, steps;           /* T, and how much of it is looked at */
    bool beside;                        /* lambda is another than the pipeline's */
    bool last;                          /* nothing will be looked at after this */
    bool fallen;                        /* something has been said of fewer steps, or beside */
    const ho_instance *reference;       /* the mode that others are compared with: the pipeline's own if it is exact */
    double *lambda, *direction, *moved; /* the latter two: scratch */
    double value, *gradient;            /* by the reference */
    double rounding;                    /* of the latter: a relative error that it may have */
    double *few;                        /* the directions along which modes are compared; NULL: all */
    double trained;                     /* E by training without a mode */
    uint64_t branches;                  /* that it takes */
    uint64_t draws;
    int failed;
    ho_json *json; /* each figure goes there too; or NULL */
    bool *settled; /* hyperparameters that need no shorter training */
    bool modes_settled;
    /* How far E and the hypergradient move where lambda moves by its last digits, once that has been looked at. */
    bool shaken;
    double shaken_value, shaken_gradient, *shaken_entries;
} check;

/* ---- what is moved (directions.c) -------------------------------------------------------------------------------- */

double ho_check_dot(const double *a, const double *b, int64_t count);
/* The largest entry of a hyperparameter; 1 where all are 0. */
double ho_check_size(const check *c, const ho_hyperparameter *h);
/* Standard normal entries in the free subspace, of one hyperparameter (NULL: all, each in its own size), pointing into
 * the domain where a bound is near; of one, scaled to length 1. */
void ho_check_direction(check *c, const ho_hyperparameter *only, double *d);
/* The largest h for which lambda + h d (sign 1) or lambda - h d (sign -1) is in the domain. `scaled`: on the scales of
 * outer steps, u + h d. */
double ho_check_room(const check *c, const double *d, double sign, bool scaled);
/* moved = lambda + h d, exactly within the domain; `scaled` likewise. */
void ho_check_move(const check *c, double h, const double *d, double *moved, bool scaled);
/* The slope of E along d at lambda by the reference, on the hyperparameter's scale of outer steps: the chain rule. */
double ho_check_slope(const check *c, const ho_hyperparameter *h, const double *d);

/* ---- what is found (check.c) ------------------------------------------------------------------------------------- */

/* Whether this is about T steps with the pipeline's own lambda. */
bool ho_check_first(const check *c);
/* Prints a figure beside its tolerance and what that makes of it, unless shorter training will be asked; counts
 * failures. Where nothing shorter is left, what cannot be judged has failed, but for noise. `why`: a line of
 * explanation for all but HO_GOOD, or NULL. */
void ho_check_say(check *c, ho_verdict verdict, const char *what, double figure, double tolerance, const char *why);

/* A figure that can always be judged. */
void ho_check_say_plain(check *c, const char *what, double figure, double tolerance);

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* Replays, inner products and differences of the initial map and of single steps along the trajectory. */
ho_status ho_check_steps(check *c);
/* The hypergradient by the reference over c->steps steps. */
ho_status ho_check_reference(check *c, ho_error *error);
/* Every installed mode against the reference. */
ho_status ho_check_modes(check *c, ho_registry *registry, ho_error *error);
/* Moves lambda by its last digits: what rounding does to E and to the hypergradient. */
ho_status ho_check_shake(check *c, ho_error *error);
/* Whether E keeps so many of its digits that differences can refute a slope; after ho_check_shake. */
bool ho_check_calm(const check *c);
/* The reference against differences, for each hyperparameter that is not settled. */
ho_status ho_check_differences(check *c, ho_error *error);

#endif
