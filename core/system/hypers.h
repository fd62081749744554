/* Hyperparameters: their shapes, values and nodes; lambda, which the tuned ones make up; the subspace it moves in. */
#ifndef HO_SYSTEM_HYPERS_H
#define HO_SYSTEM_HYPERS_H

#include "system/ground.h"

/* A plugin in its role: the model, the dynamics, a term; and the nodes of its hyperparameters. */
typedef struct ho_owner {
    const ho_instance *instance;
    const ho_term *term;     /* NULL: the model, the dynamics */
    size_t target;           /* losses: which of the targets in use */
    const ho_node *hypers;   /* those of its table, in order */
    ho_node weight;          /* a term's */
    ho_node example_weights; /* of a term that has them */
} ho_owner;

typedef struct ho_tuned {
    size_t index; /* in `all` */
    size_t leaf;
    void *numbers;   /* tensors in f32: what the leaf is bound to; else NULL: lambda itself */
    void *cotangent; /* where programs put the derivative by it: a double for a scalar, else numbers */
} ho_tuned;

typedef struct ho_hypers {
    ho_ground *ground;
    ho_hyperparameter *all;
    ho_node *nodes;
    size_t count;
    ho_tuned *tuned;
    size_t tuned_count;
    bool *setting_used;
    int64_t size, directions; /* entries of lambda; dimension of the free subspace */
    double *initial;          /* lambda */
    const double *restricted; /* directions, one after another, in the place of the free subspace's; else NULL */
    int64_t restricted_count;
} ho_hypers;

/* Where symbols have sizes: one place, or each weight that a penalty covers. */
typedef struct ho_sized_place {
    const char *weight;
    const ho_named_size *sizes;
} ho_sized_place;

/* Room for the hyperparameters of these owners. */
void ho_hypers_open(ho_hypers *hypers, ho_ground *ground, const ho_owner *owners, size_t count);
/* Adds the owner's hyperparameters, with the shapes they have at all of these places, tuned ones as leaves. */
ho_status ho_hypers_declare(ho_hypers *hypers, ho_owner *owner, const ho_sized_place *places, size_t count,
                            ho_error *error);
/* After the last: settings that name none; the initial lambda; buffers. */
ho_status ho_hypers_finish(ho_hypers *hypers, ho_error *error);
const ho_hyperparameter *ho_tuned_hyper(const ho_hypers *hypers, size_t tuned);
/* Points the tuned hyperparameters' leaves at lambda. */
void ho_hypers_bind(ho_hypers *hypers, const double *lambda);
/* The Euclidean norm of a tuned hyperparameter's cotangent. */
double ho_hypers_cotangent_norm(const ho_hypers *hypers, size_t tuned);
/* gradient += the cotangents. */
void ho_hypers_collect(const ho_hypers *hypers, double *gradient);
/* Basis vector i of the free subspace, or of what it is restricted to. */
void ho_hypers_direction(const ho_hypers *hypers, int64_t i, double *lambda);
ho_status ho_hypers_project(const ho_hypers *hypers, double *lambda, ho_error *error);
void ho_hypers_project_gradient(const ho_hypers *hypers, double *gradient);

#endif
