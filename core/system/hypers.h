/* Hyperparameters: their shapes, values and nodes; lambda, which the tuned ones make up; the subspace it moves in. */
#ifndef HO_SYSTEM_HYPERS_H
#define HO_SYSTEM_HYPERS_H

#include "system/ground.h"

/* A plugin in its role: the model, the dynamics, a term; and the nodes of its hyperparameters. */
typedef struct ho_owner {
    const ho_instance *instance;
    const ho_term *term;     /* NULL: the model, the dynamics */
    size_t target;           /* losses: which of the targets in use */
    size_t first;            /* the first of its hyperparameters, which follow in the order of its table */
    ho_node weight;          /* a term's */
    ho_node example_weights; /* of a term that has them */
} ho_owner;

/* What a step sees of a tuned hyperparameter: all of it, or its schedule's entry. */
typedef struct ho_tuned {
    size_t index; /* in `all` */
    size_t leaf;
    void *numbers;   /* tensors in f32: what the leaf is bound to; else NULL: lambda itself */
    void *cotangent; /* where programs put the derivative by it: a double for a scalar, else numbers */
} ho_tuned;

/* A schedule that is not tuned. */
typedef struct ho_followed {
    size_t index; /* in `all` */
    size_t leaf;
    const char *numbers; /* what the leaf is bound to, entry by entry */
} ho_followed;

/* What a plugin sees of a hyperparameter. */
typedef struct ho_seen {
    bool by_tensor; /* the leading axis of what a step sees: one entry for each tensor */
    ho_shape shape; /* without that axis */
} ho_seen;

typedef struct ho_hypers {
    ho_ground *ground;
    ho_hyperparameter *all;
    ho_node *nodes; /* what a step sees of them */
    ho_seen *seen;
    size_t count;
    ho_tuned *tuned;
    size_t tuned_count;
    ho_followed *followed;
    size_t followed_count;
    bool *setting_used;
    int64_t size, directions; /* entries of lambda; dimension of the free subspace */
    double *initial;          /* lambda */
    const double *restricted; /* directions, one after another, in the place of the free subspace's; else NULL */
    int64_t restricted_count;
} ho_hypers;

/* Where symbols have sizes: one place, or each tensor that a plugin is traced for. */
typedef struct ho_sized_place {
    const char *weight;
    const ho_named_size *sizes;
} ho_sized_place;

typedef struct ho_places {
    const ho_sized_place *places; /* at least one */
    size_t count;
    int64_t tensors; /* how many it is about; 0: none */
    int64_t weights; /* entries of all of them together, where the plugin sees them so; else 0 */
} ho_places;

/* Room for the hyperparameters of these owners. */
void ho_hypers_open(ho_hypers *hypers, ho_ground *ground, const ho_owner *owners, size_t count);
/* Adds the owner's hyperparameters, with the shapes they have at all of these places, tuned ones as leaves. */
ho_status ho_hypers_declare(ho_hypers *hypers, ho_owner *owner, const ho_places *places, ho_error *error);
/* What the owner's plugin sees of each hyperparameter of its table, where it is traced for this one of its tensors. */
void ho_hypers_seen(const ho_hypers *hypers, const ho_owner *owner, size_t tensor, ho_node *nodes);
/* After the last: settings that name none; the initial lambda; buffers. */
ho_status ho_hypers_finish(ho_hypers *hypers, ho_error *error);
const ho_hyperparameter *ho_tuned_hyper(const ho_hypers *hypers, size_t tuned);
/* What one step sees of it: shape, entries, and where in its array those of step t (from 1) begin. */
ho_shape ho_hyper_part(const ho_hyperparameter *h);
int64_t ho_hyper_part_count(const ho_hyperparameter *h);
int64_t ho_hyper_part_at(const ho_hyperparameter *h, int64_t t);
/* Points the leaves at what step t sees of lambda and of fixed schedules. */
void ho_hypers_bind(ho_hypers *hypers, const double *lambda, int64_t t);
/* The Euclidean norm of a tuned hyperparameter's cotangent. */
double ho_hypers_cotangent_norm(const ho_hypers *hypers, size_t tuned);
/* gradient += the cotangents, which are of what step t sees. */
void ho_hypers_collect(const ho_hypers *hypers, int64_t t, double *gradient);
/* Basis vector i of the free subspace, or of what it is restricted to. */
void ho_hypers_direction(const ho_hypers *hypers, int64_t i, double *lambda);
ho_status ho_hypers_project(const ho_hypers *hypers, double *lambda, ho_error *error);
void ho_hypers_project_gradient(const ho_hypers *hypers, double *gradient);

#endif
