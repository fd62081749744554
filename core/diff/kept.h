/* Internal to diff/: reduced axes kept with size 1, so that what was reduced can be repeated over them again. */
#ifndef HO_DIFF_KEPT_H
#define HO_DIFF_KEPT_H

#include "graph/graph.h"

static inline ho_shape ho_kept_shape(ho_shape shape, int64_t axis, int64_t extent)
{
    for (int64_t i = 0; i < extent; i++) {
        shape.dims[shape.rank - axis + i] = 1;
    }
    return shape;
}

#endif
