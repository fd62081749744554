/* States: the layout of the flat vector of weights and of the optimizer's slots beside it, and vectors of them. */
#ifndef HO_SYSTEM_STATE_H
#define HO_SYSTEM_STATE_H

#include "base/snapshot.h"
#include "system/ground.h"

/* A state is one segment for w, then one for each slot; each holds `size` numbers, every weight tensor in turn. */
typedef struct ho_layout {
    ho_ground *ground;
    ho_weight_tensor *weights;
    ho_node *initial; /* of each weight, as the model declares it */
    ho_node *nodes;   /* of each weight, taken out of the state's w */
    size_t weight_count, weight_capacity, initial_capacity;
    int64_t size;
    size_t segments;
    const char **names; /* of segments */
    size_t *leaves;
} ho_layout;

struct ho_vector {
    const ho_layout *layout;
    int64_t columns;
    void *segments[]; /* each columns x size */
};

/* A weight more; false: there is one of that name. */
bool ho_layout_add(ho_layout *layout, const char *name, ho_node initial);
/* After the last: the state's leaves, and the weights taken out of w. */
void ho_layout_finish(ho_layout *layout, const ho_loaded *dynamics);
void ho_layout_free(ho_layout *layout);
ho_node ho_layout_node(const ho_layout *layout, size_t segment);
/* Tensors, one for each weight, as one flat vector; and back. */
ho_node ho_flatten(const ho_layout *layout, const ho_node *tensors);
ho_node ho_unflatten(const ho_layout *layout, ho_node flat, size_t weight);
/* "W, b"; free(). */
char *ho_weight_list(const ho_layout *layout);

/* Its numbers are anything. */
ho_vector *ho_vector_make(const ho_layout *layout, int64_t columns, ho_error *error);
void ho_vector_release(ho_vector *vector);
/* A vector of this layout with so many columns (0: any), or an error that names the call. */
ho_status ho_vector_check(const ho_layout *layout, const char *call, const char *what, const ho_vector *vector,
                          int64_t columns);
int64_t ho_vector_size(const ho_vector *vector);
void ho_vector_zero(ho_vector *vector);
/* Passes its numbers, of whatever padding lies between them nothing. */
void ho_vector_pass(ho_vector *vector, ho_snapshot *snapshot);
void ho_vector_copy(const ho_vector *from, ho_vector *to);
void ho_vector_axpby(double a, const ho_vector *x, double b, ho_vector *y);
void ho_vector_dot(const ho_vector *a, const ho_vector *b, double *result);
void ho_vector_norms(const ho_vector *v, double *result);
/* Adds the squares of a column's numbers in one segment: one sum for each weight tensor. */
void ho_vector_squares(const ho_vector *v, size_t segment, int64_t column, double *by_weight);
/* Adds the squares of the differences of two states' weights: one sum for each weight tensor. */
void ho_vector_distances(const ho_vector *a, const ho_vector *b, double *by_weight);
/* Moves each weight of a state by a rounding or two, up or down; 0 stays. */
void ho_vector_shake(ho_vector *state);
/* Where a number is so large that a few steps more might overflow: divides all by a power of two. False: none is. */
bool ho_vector_shrink(ho_vector *vector);
/* Points leaves, one for each segment, at a vector. */
void ho_vector_bind(const ho_vector *vector, const size_t *leaves);

#endif
