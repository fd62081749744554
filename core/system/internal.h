/*
 * What the upper files of this floor share. Each calls only files below it:
 *
 *   training.c                          assembly, and the accessors of training.h
 *   evaluate.c     shadow.c  mode.c     what runs ask; calls of a mode, and a training that tells of its digits
 *   calls.c                             what modes ask: steps, derivatives, errors
 *   residuals.c                         what is kept of a step
 *   examine.c                           running a program; where a NaN came from
 *   rescue.c                            adjoints that overflow though nothing comes of them
 *   programs.c                          graphs of maps and of their derivatives, planned on first use
 *   objective.c    dynamics.c           what the plugins compute, as graphs
 *   ------------------------------------------------------------------------------------------------------------------
 *   digits.h                            how many digits of a hypergradient rounding leaves
 *   hypers.h  batch.h  state.h          lambda; examples; states            (each stands on ground.h alone, with
 *   ground.h                            graph, leaves, memory, numbers       ho_owner of hypers.h known to batch.h)
 */
#ifndef HO_SYSTEM_INTERNAL_H
#define HO_SYSTEM_INTERNAL_H

#include "system/batch.h"
#include "system/branches.h"
#include "system/digits.h"
#include "system/dynamics.h"
#include "system/hypers.h"
#include "system/state.h"

/* ---- programs ---------------------------------------------------------------------------------------------------- */

/* What is computed ... */
typedef enum ho_map { HO_STEP, HO_INITIAL, HO_RESTART, HO_ERROR, HO_OBJECTIVE, HO_EVALUATE } ho_map;

/* ... and what of it. A step's tangents and the error's cotangents come with the value, which stands first. */
typedef enum ho_how { HO_VALUE, HO_JVP, HO_VJP, HO_BRANCHES } ho_how;

/* ... and from what: a state; a state, keeping residuals; a state and the residuals that its step kept (then a JVP
 * comes without the next state). The last two are of HO_STEP. */
typedef enum ho_way { HO_PLAIN, HO_KEEPING, HO_KEPT } ho_way;

/* Leaves for tangents (columns >= 1: with that leading axis) or cotangents (columns 0) of the state, and for tangents
 * of the tuned hyperparameters. */
typedef struct ho_seeds {
    int64_t columns;
    size_t *segments;
    void **tangents; /* of tuned hyperparameters: buffers that their leaves are bound to */
    size_t *hypers;
    struct ho_seeds *next;
} ho_seeds;

/* A plan with its inputs found among the leaves. `size`: tangent columns, or examples in a chunk. */
typedef struct ho_program {
    ho_map map;
    ho_how how;
    ho_way way;
    int64_t size;
    ho_plan *plan; /* NULL: not made yet */
    size_t input_count, output_count;
    ho_node *inputs, *outputs;
    size_t *leaves;   /* of inputs that are no residuals */
    size_t *residual; /* of an input: which residual it is, or NO_RESIDUAL */
    bool reads_batch;
    const char **labels; /* what each output is, for messages */
    const void **in;
    void **out;            /* set by the caller before a run */
    const ho_seeds *seeds; /* HO_JVP, HO_VJP of a step or the initial map */
    ho_part chunk;         /* HO_EVALUATE: the examples it runs on */
    struct ho_program *next;
} ho_program;

#define NO_RESIDUAL SIZE_MAX

/* ---- residuals ----------------------------------------------------------------------------------------------------
 */

/* What is kept of a step, and where it lies in memory. Chosen when first asked for. */
typedef struct ho_keeping {
    bool chosen;
    ho_node *nodes;
    uint64_t *offsets;
    size_t count;
    uint64_t bytes;
} ho_keeping;

/* This header lives as long as the training, so that residuals that have been freed are known. */
struct ho_residuals {
    const ho_training *training;
    bool freed, kept;       /* kept: else derivatives start from the state */
    int64_t t;              /* 0: of no step yet */
    uint64_t lambda, state; /* fingerprints */
    char *memory;
    ho_residuals *next_freed;
};

/* ---- the training ------------------------------------------------------------------------------------------------ */

/* An adjoint that has grown beyond all numbers is made smaller, and is right as long as nothing comes of it: where the
 * hyperparameters' cotangents are 0 from there on, as those of weights that never move are, any multiple of it will do.
 */
typedef struct ho_rescue {
    bool on;
    bool shrunk;  /* this sweep's adjoint is a multiple of what it should be, */
    bool spoiled; /* and a cotangent that is not 0 came of it: the hypergradient is lost */
} ho_rescue;

struct ho_training {
    ho_system system; /* first: modes hold its address */
    ho_ground ground;
    ho_hypers hypers;
    ho_layout layout;
    ho_feeds data;
    ho_meter meter;
    ho_owner *owners; /* the model, the dynamics, the objective's terms, the validation's terms */
    size_t owner_count;
    size_t t_leaf;
    double t; /* what t_leaf is bound to */

    ho_node objective, validation_error;
    ho_node gradient;        /* of the objective by w */
    ho_node *initial, *step; /* by segment */
    ho_node *restart;        /* by segment: the weights as they are, the slots as a training starts with them */
    ho_vector *start;        /* NULL, or where a training starts instead of the initial map */
    ho_seeds *seeds;
    ho_program *programs;

    const volatile int *interrupt;
    void (*rest)(void *context); /* a mode rests within a hypergradient; NULL: nobody wants to know */
    void *rest_context;
    bool through; /* the flag is not looked at */
    bool examine;
    ho_rescue rescue;
    uint64_t *branches;             /* NULL: not asked for */
    int64_t evaluations;            /* of the objective's gradient, as ho_training_evaluations counts */
    int64_t taken;                  /* steps, as ho_training_taken counts */
    ho_vector *spare;               /* for next states that were not asked for */
    char *told[HO_TELL_CHOICE + 1]; /* by a mode, of each kind; NULL: nothing */
    ho_mode_costs costs;            /* as a mode last asked for them */
    const ho_instance *mode;        /* at work; NULL: none */
    ho_keeping keeping;
    ho_residuals *freed_residuals;
};

#define HO_MODEL_OWNER    0u
#define HO_DYNAMICS_OWNER 1u
#define HO_TERM_OWNERS    2u

/* ---- objective.c ------------------------------------------------------------------------------------------------- */

/* The owners of the objective's terms; of the validation error's. */
const ho_owner *ho_objective_terms(const ho_training *training, size_t *count);
const ho_owner *ho_validation_terms(const ho_training *training, size_t *count);
ho_status ho_trace_weights(ho_training *training, ho_error *error);
bool ho_term_covers(const ho_term *term, const ho_weight_tensor *weight);
/* The model's answer for each used target, in the training's arena; poison where it has none. */
const ho_node *ho_trace_forward(ho_training *training, const ho_part *part);
/* Weighted, one number for each example. */
ho_node ho_trace_losses(ho_training *training, const ho_owner *owners, size_t count, const ho_part *part,
                        const ho_node *answers);
/* The terms' value: reduced losses and penalties, weighted and added. */
ho_node ho_trace_terms(ho_training *training, const ho_owner *owners, size_t count, const ho_part *part);

/* ---- dynamics.c -------------------------------------------------------------------------------------------------- */

/* The training's initial map, what restarts it, and its step. */
void ho_trace_initial(ho_training *training);
void ho_trace_step(ho_training *training);

/* ---- programs.c -------------------------------------------------------------------------------------------------- */

/* The program, made if need be; NULL: the training's error says why. */
ho_program *ho_program_get(ho_training *training, ho_map map, ho_how how, int64_t size);
ho_program *ho_program_of_step(ho_training *training, ho_how how, ho_way way, int64_t size);
/* What a step keeps; NULL: the training's error says why. */
const ho_keeping *ho_keeping_get(ho_training *training);
void ho_program_free(ho_program *program);

/* ---- rescue.c ---------------------------------------------------------------------------------------------------- */

/* After each VJP, while a rescue is on. out: the adjoint that comes next, or NULL. */
void ho_rescue_follow(ho_training *training, bool begins, ho_vector *out);

/* ---- examine.c --------------------------------------------------------------------------------------------------- */

/* Runs with what the leaves are bound to, and examines the results if asked to. `residuals`: of HO_KEPT. */
ho_status ho_program_run(ho_training *training, ho_program *program, const ho_residuals *residuals);

/* ---- residuals.c ------------------------------------------------------------------------------------------------- */

/* Every bit of a number spreads over all of the fingerprint. */
uint64_t ho_mixed(uint64_t fingerprint, double number);
ho_residuals *ho_residuals_make(ho_training *training);
void ho_residuals_release(ho_training *training, ho_residuals *residuals);
/* Residuals of this training, not freed. Else an error that names the call. */
ho_status ho_residuals_check(ho_training *training, const char *call, const ho_residuals *residuals);
/* Notes what step they are of; whether it is this one, else an error. */
void ho_residuals_sign(ho_training *training, ho_residuals *residuals, int64_t t, const double *lambda,
                       const ho_vector *state);
ho_status ho_residuals_recognise(ho_training *training, const char *call, const ho_residuals *residuals, int64_t t,
                                 const double *lambda, const ho_vector *state);

/* ---- calls.c ----------------------------------------------------------------------------------------------------- */

extern const ho_system_api ho_training_calls;

#endif
