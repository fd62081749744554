/* For penalties of single weights: one strength for all of them, or shapes of it that fit a matrix. */
#ifndef HOTOOL_PENALTY_STRENGTHS_H
#define HOTOOL_PENALTY_STRENGTHS_H

#include <hotool/plugin.h>

/* A strength for each row, column or entry of w. The 1 lets a row's broadcast over its columns; rows of the first
 * weights of a model are its features. */
#define STRENGTH_SHAPE "|columns|rows 1|features 1|rows columns"

#define STRENGTH_DOC "one for all weights, or one for each of what `shape` names"

#define STRENGTH_DETAILS                                                                                               \
    "With `shape: columns` each column of a weight matrix (each class of a softmax model) has a strength of its own, " \
    "with `rows` each row, with `features` each row of a matrix that has one for each feature of the inputs, with "    \
    "`rows columns` each weight, with `tensors` each tensor that the penalty covers. A tensor of more than two axes "  \
    "counts as a matrix: its last axis is the columns."

/* Makes a tensor of more than two axes a matrix; strengths broadcast over the others as they are. */
static inline void bind_matrix(ho_trace *x)
{
    int64_t dims[HO_MAX_RANK];
    const int32_t rank = ho_shape_get(x, ho_get(x, "w"), dims);
    const int64_t matrix[] = {ho_size(x, "rows"), ho_size(x, "columns")};
    if (rank > 2)
        ho_set(x, "w", ho_reshape(x, ho_get(x, "w"), 2, matrix));
}

#endif
