/*
 * What the files of this floor share. The parts of a training and where they are made:
 *
 *   hypers.c     hyperparameters: shapes, values, their nodes; the free subspace; projection
 *   objective.c  weights, the model's forward pass, the terms of the objective and of the validation error
 *   dynamics.c   one step of a dynamics plugin and the start of its slots (shared with optimizer.c)
 *   batch.c      examples in the run's precision, and which of them a step sees
 *   programs.c   graphs of the calls and of their derivatives, planned on first use
 *   vectors.c    states in memory
 *   system_api.c the calls of modes;  evaluate.c those of runs;  examine.c where a NaN came from;  branches.c kinks
 *   training.c   assembly in this order, and accessors
 */
#ifndef HO_SYSTEM_INTERNAL_H
#define HO_SYSTEM_INTERNAL_H

#include "base/memory.h"
#include "graph/formula.h"
#include "host/loaded.h"
#include "host/tracing.h"
#include "system/training.h"

/* ---- dynamics.c ------------------------------------------------------------------------------------------------ */

/* Puts a plugin's hyperparameters (nodes in the order of its table) into a scope by their own names. */
void ho_bind_hypers(ho_scope *scope, const ho_instance *instance, const ho_node *hypers);

/* Traces one step at (w, g, slots, t); next receives w and every slot. `like` gives graph, sizes and grad(p). */
ho_status ho_dynamics_step(const ho_instance *dynamics, const ho_trace_env *like, const ho_node *hypers, ho_node t,
                           ho_node w, ho_node g, const ho_node *slots, ho_node *next);
/* The slots' initial values where the initial weights are w. */
void ho_dynamics_slots(const ho_instance *dynamics, ho_graph *graph, const ho_node *hypers, ho_node w, ho_node *slots);
/* `root` with `to` in the place of the leaf `from`. */
ho_node ho_substitute(ho_graph *graph, ho_node root, ho_node from, ho_node to);

/* ---- the training ---------------------------------------------------------------------------------------------- */

/* A plugin in its role, which owns the hyperparameters first..first+count-1: those of its table in order, then, for a
 * term, its weight, then its weights of single examples where it has them. */
typedef struct ho_owner {
    const ho_instance *instance;
    const ho_term *term; /* NULL: the model, the dynamics */
    size_t target;       /* losses: which of training->targets */
    size_t first, count;
} ho_owner;

/* A leaf of the graph and the numbers it stands for in the next run. */
typedef struct ho_bound {
    ho_node node;
    const void *data;
} ho_bound;

/* A target that some term uses. The first is the main one, which the model may answer by "outputs". */
typedef struct ho_used_target {
    const char *name;
    bool labels;
    bool validates; /* some loss of the validation error uses it */
    int64_t width;
    int64_t outputs; /* entries of the model's answer: the classes, or the width */
} ho_used_target;

/* The leaves that stand for some examples. */
typedef struct ho_feed {
    int64_t size;
    size_t inputs;   /* leaf (size, features) */
    size_t *targets; /* leaf of each used target: (size) for labels, else (size, width) */
    bool batch;      /* a step's examples where these have weights of their own; else all there are, in order, or
                        examples that have none */
    size_t rows;     /* of a batch: leaf (size), which training examples these are */
} ho_feed;

/* Examples in the run's precision. */
typedef struct ho_part {
    int64_t count;
    const void *inputs;
    const void **targets; /* by training->targets; NULL: these examples lack it, and no term here uses it */
    void *rows;           /* of a batch where single examples have weights: which training examples these are */
} ho_part;

/* Leaves for tangents (columns >= 1: with that leading axis) or cotangents (columns 0) of the state, and for tangents
 * of the tuned hyperparameters. */
typedef struct ho_seeds {
    int64_t columns;
    size_t *segments;
    size_t *hypers;
    void **tangents; /* of tuned hyperparameters: buffers that the leaves are bound to */
    struct ho_seeds *next;
} ho_seeds;

typedef enum ho_program_kind {
    HO_STEP,
    HO_STEP_JVP,
    HO_STEP_VJP,
    HO_INITIAL,
    HO_INITIAL_JVP,
    HO_INITIAL_VJP,
    HO_ERROR,
    HO_ERROR_GRADIENT,
    HO_OBJECTIVE,
    HO_EVALUATE,
    HO_STEP_BRANCHES,
    HO_INITIAL_BRANCHES,
    HO_ERROR_BRANCHES
} ho_program_kind;

/* A plan with its inputs found among the leaves. `size`: tangent columns, or examples in a chunk. */
typedef struct ho_program {
    ho_program_kind kind;
    int64_t size;
    ho_plan *plan;
    size_t input_count, output_count;
    ho_node *inputs, *outputs;
    size_t *leaves;
    const char **labels; /* what each output is, for messages */
    const void **in;
    void **out;    /* set by the caller before a run */
    ho_feed *feed; /* HO_EVALUATE */
    ho_part chunk; /* HO_EVALUATE: what the feed is bound to */
    struct ho_program *next;
} ho_program;

struct ho_vector {
    const ho_training *owner;
    int64_t columns;
    void *memory;
    void *segments[]; /* each columns x n */
};

struct ho_training {
    ho_system system; /* first: modes hold its address */
    const ho_problem *problem;
    ho_arena *arena;
    ho_error error;       /* of calls by modes and runs */
    ho_error trace_error; /* the graph's */
    ho_graph *graph;
    const volatile int *interrupt;
    bool examine;
    uint64_t *branches; /* NULL: nobody asks for them */
    void **blocks;      /* large memory to free */
    size_t block_count, block_capacity;
    ho_bound *leaves;
    size_t leaf_count, leaf_capacity;

    ho_owner *owners; /* the model, the dynamics, the objective's terms, the validation's terms */
    size_t owner_count;
    ho_hyperparameter *hypers;
    ho_node *hyper_nodes;
    size_t hyper_count;
    bool *setting_used;
    size_t *tuned; /* which of hypers */
    size_t *tuned_leaves;
    void **tuned_numbers;    /* tensors in f32: what their leaves are bound to, else NULL */
    void **tuned_cotangents; /* where programs put derivatives by them */
    size_t tuned_count;
    int64_t lambda_size, directions;
    const double
        *restricted; /* the directions, one after another, where they do not span the free subspace; else NULL */
    int64_t restricted_count;
    double *lambda_initial;

    ho_weight_tensor *weights;
    ho_node *weight_initial; /* as declared */
    ho_node *weight_nodes;   /* as taken out of the state's w */
    size_t weight_count, weight_capacity, weight_initial_capacity;
    int64_t size;    /* of each segment of a state: all weights */
    size_t segments; /* w, then the slots */
    const char **segment_names;
    size_t *segment_leaves;
    size_t t_leaf;
    double t; /* what t_leaf is bound to */

    ho_used_target *targets;
    ho_named_size *target_sizes; /* ending with NULL */
    size_t target_count;
    ho_part training_part, validation_part;
    ho_part batch_part, draw_part; /* what a step, and the validation error, see of them where not all */
    ho_feed *training_feed, *validation_feed;
    int64_t evaluations;  /* of the objective's gradient, as ho_training_evaluations counts */
    int64_t batch_loaded; /* the step whose examples are in batch_part; 0: none */
    int64_t draw_loaded;  /* likewise in draw_part */

    ho_node objective, validation_error;
    ho_node gradient;                    /* of the objective by w */
    ho_node *initial_nodes, *step_nodes; /* by segment */
    ho_seeds *seeds;
    ho_program *programs;
    ho_vector *spare; /* for next states nobody asked for */
};

#define HO_MODEL_OWNER    0u
#define HO_DYNAMICS_OWNER 1u
#define HO_TERM_OWNERS    2u

/* training.c */
void *ho_training_block(ho_training *training, int64_t count, size_t size, const char *what, ho_error *error);
size_t ho_training_leaf(ho_training *training, const char *name, ho_shape shape, const void *data);
/* A leaf bound for good to these values; poison with an error where memory is short. */
ho_node ho_training_numbers(ho_training *training, const char *name, ho_shape shape, const double *values);
/* A list for a message with one name more: "W, b". */
const char *ho_list_add(ho_training *training, const char *list, const char *name);
/* The graph's error, if any, moved to `error`. */
ho_status ho_training_traced(ho_training *training, ho_error *error);

/* hypers.c */
/* The sizes that exist where the question is asked. batch 0: no examples here; weight: penalties' w; target: the one
 * whose answer is "outputs" (NULL: the main one). */
const ho_named_size *ho_sizes_here(ho_training *training, int64_t batch, const ho_weight_tensor *weight,
                                   const ho_used_target *target);
void ho_weight_sizes(const ho_weight_tensor *weight, int64_t *rows, int64_t *columns);
/* Resolves and adds the owner's hyperparameters, tuned ones as leaves. */
ho_status ho_hypers_declare(ho_training *training, ho_owner *owner, ho_error *error);
/* After all are declared: settings nobody asked for; the initial lambda; buffers. */
ho_status ho_hypers_finish(ho_training *training, ho_error *error);
/* Points the tuned hyperparameters' leaves at lambda. */
void ho_hypers_bind(ho_training *training, const double *lambda);
void ho_direction(const ho_training *training, int64_t i, double *lambda);

/* objective.c */
ho_status ho_trace_weights(ho_training *training, ho_error *error);
bool ho_term_covers(const ho_term *term, const ho_weight_tensor *weight);
/* The model's answer for each used target, in the training's arena; poison where it has none. */
const ho_node *ho_trace_forward(ho_training *training, const ho_feed *feed);
/* Weighted, one number for each example. */
ho_node ho_trace_losses(ho_training *training, const ho_owner *owners, size_t count, const ho_feed *feed,
                        const ho_node *answers);
/* The terms' value: reduced losses and penalties, weighted and added. */
ho_node ho_trace_terms(ho_training *training, const ho_owner *owners, size_t count, const ho_feed *feed);

/* batch.c */
ho_status ho_targets_resolve(ho_training *training, ho_error *error);
/* The target that accuracy is about, of the validation error's first loss; the main one where it has none. */
size_t ho_target_measured(const ho_training *training);
ho_status ho_part_fill(ho_training *training, const ho_examples *examples, const char *what, ho_part *part,
                       ho_error *error);
/* Whether some term of the objective weighs single examples. */
bool ho_weighs_examples(const ho_training *training);
/* Room for `count` examples. */
ho_status ho_part_reserve(ho_training *training, int64_t count, ho_part *part, ho_error *error);
ho_feed *ho_feed_new(ho_training *training, int64_t size, const char *what);
void ho_feed_bind(ho_training *training, const ho_feed *feed, const ho_part *part);
/* Which training example stands at place i of step t's batch. */
int64_t ho_batch_example(uint64_t seed, int64_t examples, int64_t batch, int64_t t, int64_t i);
/* Binds the training feed to step t's examples. */
void ho_batch_load(ho_training *training, int64_t t);

/* programs.c */
/* The program, made if need be; NULL: training->error says why. */
ho_program *ho_program_get(ho_training *training, ho_program_kind kind, int64_t size);
void ho_program_free(ho_program *program);
/* The leaves for these tangents or cotangents; NULL: out of memory. */
ho_seeds *ho_seeds_get(ho_training *training, int64_t columns, ho_error *error);
/* Runs with what the leaves are bound to, and examines the results if asked to. */
ho_status ho_program_run(ho_training *training, ho_program *program);

/* vectors.c: numbers of the run's precision */
size_t ho_number_size(const ho_training *training);
void ho_numbers_put(const ho_training *training, const double *from, int64_t count, void *to);
void ho_numbers_get(const ho_training *training, const void *from, int64_t count, double *to);
/* The first entry that is NaN or Inf; count: none. */
int64_t ho_numbers_bad(const ho_training *training, const void *numbers, int64_t count);
ho_vector *ho_vector_make(const ho_training *training, int64_t columns, ho_error *error);
void ho_vector_release(ho_vector *vector);
int64_t ho_vector_size(const ho_training *training, const ho_vector *vector);
void ho_vector_copy(const ho_training *training, const ho_vector *from, ho_vector *to);
void ho_vector_axpby(const ho_training *training, double a, const ho_vector *x, double b, ho_vector *y);
void ho_vector_dot(const ho_training *training, const ho_vector *a, const ho_vector *b, double *result);
void ho_vector_norms(const ho_training *training, const ho_vector *v, double *result);

/* system_api.c */
extern const ho_system_api ho_training_calls;

/* evaluate.c and system_api.c: a vector of this training with so many columns, or an error that names the call. */
ho_status ho_vector_check(ho_training *training, const char *call, const char *what, const ho_vector *vector,
                          int64_t columns);
void ho_state_bind(ho_training *training, const ho_vector *state);
/* Runs a program whose only output is a number: HO_ERROR, HO_OBJECTIVE. */
ho_status ho_number_at(ho_training *training, const char *call, ho_program_kind kind, const double *lambda,
                       const ho_vector *state, double *value);

/* examine.c */
ho_status ho_examine(ho_training *training, ho_program *program);

/* branches.c */
/* One row of numbers that tells which branches the outputs take; a single 0 where they have none. */
ho_node ho_branches_of(ho_graph *graph, const ho_node *outputs, size_t count);
/* After a step, an initial map or a validation error: adds its branches to the fingerprint, if one is asked for. The
 * leaves are still bound. */
ho_status ho_branches_note(ho_training *training, ho_program_kind kind);

#endif
