/*
 * A training problem assembled: the abstract system that modes work on (sdk/hotool/mode.h), and what a run needs
 * besides.
 *
 * One graph holds the step, the initial map and the validation error; plans for them and for their derivatives are made
 * on first use and kept. No call allocates once its plan exists.
 */
#ifndef HO_SYSTEM_TRAINING_H
#define HO_SYSTEM_TRAINING_H

#include "base/snapshot.h"
#include "hotool/mode.h"
#include "system/problem.h"

typedef struct ho_training ho_training;

/* A hyperparameter with its shape resolved. Tuned ones lie in lambda at `offset`. */
typedef struct ho_hyperparameter {
    const char *name; /* qualified */
    const char *doc;
    const ho_loaded *owner;
    int32_t rank;
    int64_t dims[HO_MAX_RANK];
    int64_t count;
    int64_t schedule; /* entries of the leading axis where step t sees entry t - 1 alone; 0: each step sees the array */
    uint32_t structure;
    double lower, upper; /* the domain */
    ho_scale scale;      /* said, or else by the domain: linear for arrays */
    ho_scale step_scale; /* of outer steps: linear too where the initial value is an end of it */
    bool tuned;
    int64_t offset;      /* in lambda; -1 where not tuned */
    int64_t directions;  /* dimension of its free subspace; those of tuned ones come one after another */
    const double *value; /* initial or fixed, count entries */
    ho_instance *constraint;
    const ho_tree *outer;
    ho_place place;
} ho_hyperparameter;

typedef struct ho_weight_tensor {
    const char *name;
    ho_shape shape;
    int64_t offset, count; /* in the flat vector of weights */
} ho_weight_tensor;

/* Digits below which people should be told. */
#define HO_FEW_DIGITS 2.5
/* An amplification above this is told of, however many digits are left: f32 would have none, and the hypergradient
 * holds for a millionth of a change. */
#define HO_MUCH_GROWTH 1e6

/* The largest growth of the effect that changes of the weights have. */
typedef struct ho_growth {
    const char *weight; /* the tensor where most of it is; NULL: nothing grew */
    int64_t from, to;   /* steps; `to` is the earlier one where it was measured backwards */
    double factor;
} ho_growth;

/* An estimate of the decimal digits that rounding has left of a hypergradient (digits.h). */
typedef struct ho_digits {
    double fewest, most; /* of the hyperparameter with the fewest, and with the most; 0: none. NaN: not known */
    const char *hyper;   /* the one with the fewest */
    ho_growth growth;
    double amplification; /* of roundings of the weights, as measured last */
    double roundoff;      /* the precision's */
    const double *errors; /* relative ones, of each of ho_training_hypers; NaN: not known */
} ho_digits;

/* Traces, differentiates and checks everything that can be checked without running. Borrows `problem` and all it points
 * to for its own lifetime. Errors: unknown hyperparameter (nearest name) or start weight, shapes of values, values
 * outside the domain, a constraint that does not fit, patterns of `on:` that match no weight, losses whose target is
 * missing or of the wrong kind, a batch larger than the training part, whatever plugins refuse. */
ho_training *ho_training_new(const ho_problem *problem, ho_error *error);
void ho_training_free(ho_training *training);

/* The face that modes see. Errors of its calls are kept in ho_training_error, first one wins, until cleared. */
ho_system *ho_training_system(ho_training *training);
ho_error *ho_training_error(ho_training *training);
/* Moves what the system recorded over to `error` and clears it there. `status`: what its call returned; `who` failed,
 * should nothing be recorded. */
ho_status ho_take_error(ho_training *training, ho_status status, const char *who, ho_error *error);
/* Asked by poll and by every step: a flag set by a signal handler (borrowed; NULL: never). */
void ho_training_interrupt(ho_training *training, const volatile int *flag);
/* While `through`, a call goes through to its end all the same: a step of a mode that can be saved after it. */
void ho_training_see_through(ho_training *training, bool through);
/* While on, every result is examined; the first NaN or Inf ends the call with HO_DIVERGED and a message naming the
 * step, the node, its operation and plugin with file and line. Off (the default) results are not examined. */
void ho_training_examine(ho_training *training, bool on);
/* Whether steps gone by can be taken again: not where a stream gives each example once only. */
bool ho_training_repeats(const ho_training *training);
/* While on, an adjoint that would overflow is kept small, and what comes of it is watched: ho_training_rescued tells
 * whether nothing did, so that the hypergradient computed meanwhile is right. */
void ho_training_rescue(ho_training *training, bool on);
bool ho_training_rescued(const ho_training *training);
/* While `fingerprint` is not NULL, every initial map, step and validation error (without derivatives) adds to it which
 * branches it took: of max, min, abs, sign, floor, select, comparisons and largest entries, but for what stands under a
 * stop. Runs whose fingerprints differ lie on two sides of a kink. Costs about another evaluation of the gradient. */
void ho_training_branches(ho_training *training, uint64_t *fingerprint);

/* From now on a training starts from these weights, with slots as the dynamics starts them, and not from the initial
 * map; its derivatives take that start for a constant. Copies what it needs of the state. */
ho_status ho_training_start_from(ho_training *training, const double *lambda, const ho_vector *state);

/* With a validation batch: the validation error is about draw number `draw` (from 1, the first) from now on. Draws are
 * a pure function of (seed, draw); an epoch of them goes through the validation part once. Nothing to do without one.
 */
void ho_training_draw_validation(ho_training *training, int64_t draw);

const ho_hyperparameter *ho_training_hypers(const ho_training *training, size_t *count); /* all, tuned and fixed */
int64_t ho_training_lambda_size(const ho_training *training);
void ho_training_lambda_initial(const ho_training *training, double *lambda); /* projected onto its constraints */
/* Exact projection of all of lambda, hyperparameter by hyperparameter, onto constraint, domain and structure. */
ho_status ho_training_project(ho_training *training, double *lambda, ho_error *error);
/* Orthogonal projection of a gradient onto the free subspace (symmetrise, zero diagonal). */
void ho_training_free_gradient(const ho_training *training, double *gradient);

/* From now on modes see only these directions, `count` times lambda_size entries (borrowed; NULL: those of the whole
 * free subspace again). A forward mode's hypergradient then holds the projections on them alone: with orthonormal
 * directions its inner product with each of them is that of the hypergradient. For checks where there are very many. */
void ho_training_restrict_directions(ho_training *training, const double *directions, int64_t count);

const ho_weight_tensor *ho_training_weights(const ho_training *training, size_t *count);
/* One weight tensor of a state, as doubles. */
void ho_training_weight_get(const ho_training *training, const ho_vector *state, size_t index, double *values);
bool ho_training_finite(const ho_training *training, const ho_vector *state);
/* Standard normal entries, the same for the same stream, times those of `sizes` (NULL: 1); for checks along random
 * directions. */
void ho_training_random(const ho_training *training, const ho_vector *sizes, ho_vector *vector, uint64_t stream);

/* The validation terms' losses over any examples, in chunks: mean loss per example of each term weighted and summed
 * (penalty terms left out), and the share of right classes of the main target (NaN where it has no labels). */
typedef struct ho_metrics {
    double loss;
    double accuracy;
    int64_t count;
} ho_metrics;
ho_status ho_training_evaluate(ho_training *training, const double *lambda, const ho_vector *state,
                               const ho_examples *examples, ho_metrics *metrics);

/* The same over `count` (at least 1) of the examples: those that `rows` lists (NULL: the first). */
ho_status ho_training_evaluate_rows(ho_training *training, const double *lambda, const ho_vector *state,
                                    const ho_examples *examples, const int64_t *rows, int64_t count,
                                    ho_metrics *metrics);

/* The training objective at a state, on the full training part. */
ho_status ho_training_objective(ho_training *training, const double *lambda, const ho_vector *state, double *value);

/* Writes the graph of "step", "error" or "initial", as a list of nodes or for Graphviz. HO_INVALID: another name. */
ho_status ho_training_dump(ho_training *training, const char *what, bool dot, FILE *out, ho_error *error);

/* Of the last hypergradient of a mode on this training; until its next call. */
const ho_digits *ho_training_digits(const ho_training *training);

/* What a mode has last told, of a kind (HO_TELL_NOTE, ...); free(). NULL: nothing, or it was asked for before. */
char *ho_training_told(ho_training *training, int32_t kind);

/* The cost of all steps so far, in evaluations of the objective's gradient: a step is 1, a step with k tangents 1 + 2k,
 * a step backwards 3 (the gradient again, and a product with its Jacobian, which costs about two). Residuals, which
 * save the gradient, change nothing: what is counted must not depend on how much memory there is. */
int64_t ho_training_evaluations(const ho_training *training);
/* How many steps it has taken, forwards and backwards; those with tangents once, however many these are. */
int64_t ho_training_taken(const ho_training *training);

/* Passes what the training remembers of the steps and hypergradients so far (what they cost, how many digits they had,
 * where the next one starts), to be saved or restored. Restoring can run out of memory. */
ho_status ho_training_pass(ho_training *training, ho_snapshot *snapshot, ho_error *error);
/* The numbers of a vector. */
void ho_training_pass_vector(ho_training *training, ho_vector *vector, ho_snapshot *snapshot);

/* Bytes of one state. */
int64_t ho_training_state_bytes(const ho_training *training);

#endif
