/* A traced callback by itself: every name in scope is a leaf whose numbers are at hand, the results are nodes. */
#ifndef HO_PROOF_TRACED_H
#define HO_PROOF_TRACED_H

#include "host/tracing.h"
#include "proof/internal.h"

/* Sizes to trace at. Each kind reads those it knows. */
typedef struct traced_case {
    int64_t features, outputs, batch;
    int32_t rank; /* of w, where that is not flat */
    int64_t dims[HO_MAX_RANK];
    bool labels;   /* targets are one-hot, and labels are in scope */
    uint32_t form; /* which of a hyperparameter's shapes */
} traced_case;

typedef struct traced_leaf {
    const char *name;
    ho_node node;
    int64_t count;
    double *values;
    bool moves;            /* results are differentiated by it */
    const ho_hyper *hyper; /* or NULL */
} traced_leaf;

#define MOST_TRACED 256

typedef struct traced {
    proof *p;
    const traced_case *sizes;
    ho_arena *arena;
    ho_error error; /* the graph's */
    ho_graph *graph;
    ho_instance *instance;
    traced_leaf leaves[MOST_TRACED];
    size_t leaf_count;
    ho_node outputs[MOST_TRACED];
    const char *output_names[MOST_TRACED];
    size_t output_count;
    /* Of dynamics: leaves of w, g, t, and the first slot; the slots' initial values. */
    size_t w, g, t, slots;
    ho_node initial[MOST_TRACED];
    bool asks_gradient; /* it calls grad(p), for which a function stands */
    ho_scope *forward;  /* of a model: where its weights are bound */
} traced;

/* The cases that are for the plugin, of every rank and several sizes; number 0 is a plain one. NULL past the last. */
const traced_case *ho_traced_case_at(const proof *p, size_t i);

/* Traces the plugin's callbacks once and gives every leaf ordinary numbers. NULL with an error where that fails;
 * `watch` as in ho_trace_env (NULL: none). */
traced *ho_traced_new(proof *p, const traced_case *sizes, ho_trace_watch *watch, ho_error *error);
void ho_traced_free(traced *t); /* NULL is fine */
/* "features 5, outputs 3, batch 4" */
const char *ho_traced_describe(proof *p, const traced_case *sizes);

/* The values of nodes by the reference evaluator, one after another in `results`. */
ho_status ho_traced_run(traced *t, const ho_node *nodes, size_t count, double *const *results, ho_error *error);
/* A leaf more. */
traced_leaf *ho_traced_leaf_new(traced *t, const char *name, ho_shape shape);
/* Of dynamics: some steps with random gradients, so that slots hold what they hold in training. */
ho_status ho_traced_warm(traced *t, ho_error *error);
/* Does `what` with the plugin traced, and warm, at each case that it does not refuse by itself; it may not refuse them
 * all. Errors name the case. */
ho_status ho_traced_each(proof *p, ho_status (*what)(traced *t, ho_error *error), ho_error *error);
int64_t ho_traced_count(const traced *t, ho_node node);

#endif
