#include "system/state.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* ---- the layout -------------------------------------------------------------------------------------------------- */

bool ho_layout_add(ho_layout *layout, const char *name, ho_node initial)
{
    const size_t count = layout->weight_count;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(layout->weights[i].name, name))
            return false;
    const ho_shape shape = ho_graph_at(layout->ground->graph, initial)->shape;
    ho_grow((void **)&layout->weights, &layout->weight_capacity, count, sizeof *layout->weights);
    ho_grow((void **)&layout->initial, &layout->initial_capacity, count, sizeof *layout->initial);
    layout->weights[count] = (ho_weight_tensor){.name = ho_arena_strdup(layout->ground->arena, name),
                                                .shape = shape,
                                                .offset = layout->size,
                                                .count = ho_shape_count(&shape)};
    layout->initial[layout->weight_count++] = initial;
    layout->size += ho_shape_count(&shape);
    return true;
}

void ho_layout_finish(ho_layout *layout, const ho_loaded *dynamics)
{
    ho_ground *ground = layout->ground;
    layout->segments = 1 + dynamics->slot_count;
    layout->names = ho_arena_alloc(ground->arena, layout->segments * sizeof *layout->names);
    layout->leaves = ho_arena_alloc(ground->arena, layout->segments * sizeof *layout->leaves);
    layout->nodes = ho_arena_alloc(ground->arena, layout->weight_count * sizeof *layout->nodes);
    for (size_t i = 0; i < layout->segments; i++) {
        layout->names[i] = i == 0 ? "w" : dynamics->slots[i - 1].name;
        layout->leaves[i] = ho_leaf(ground, layout->names[i], NULL, ho_shape_of(1, &layout->size), NULL);
    }
    for (size_t i = 0; i < layout->weight_count; i++)
        layout->nodes[i] = ho_unflatten(layout, ho_layout_node(layout, 0), i);
}

void ho_layout_free(ho_layout *layout)
{
    free(layout->weights);
    free(layout->initial);
}

ho_node ho_layout_node(const ho_layout *layout, size_t segment)
{
    return ho_leaf_node(layout->ground, layout->leaves[segment]);
}

ho_node ho_flatten(const ho_layout *layout, const ho_node *tensors)
{
    ho_graph *graph = layout->ground->graph;
    ho_node *parts = ho_alloc(layout->weight_count * sizeof *parts);
    for (size_t i = 0; i < layout->weight_count; i++)
        parts[i] = ho_node_reshape(graph, tensors[i], ho_shape_of(1, &layout->weights[i].count));
    ho_node flat = ho_node_concat(graph, parts, (uint32_t)layout->weight_count, 1);
    free(parts);
    return flat;
}

ho_node ho_unflatten(const ho_layout *layout, ho_node flat, size_t weight)
{
    ho_graph *graph = layout->ground->graph;
    const ho_weight_tensor *w = &layout->weights[weight];
    return ho_node_reshape(graph, ho_node_slice(graph, flat, 1, w->offset, w->count), w->shape);
}

char *ho_weight_list(const ho_layout *layout)
{
    const char **names = ho_alloc(layout->weight_count * sizeof *names);
    for (size_t i = 0; i < layout->weight_count; i++)
        names[i] = layout->weights[i].name;
    char *list = ho_join(names, layout->weight_count);
    free(names);
    return list;
}

/* ---- vectors ----------------------------------------------------------------------------------------------------- */

/* Bytes of a segment, a whole number of cache lines; false: too many. */
static bool padded_segment(const ho_layout *layout, int64_t columns, uint64_t *bytes)
{
    const uint64_t line = 64, number = ho_number_size(layout->ground);
    if (__builtin_mul_overflow((uint64_t)columns, (uint64_t)layout->size, bytes) ||
        __builtin_mul_overflow(*bytes, number, bytes) || __builtin_add_overflow(*bytes, line - 1, bytes))
        return false;
    *bytes = *bytes / line * line;
    return *bytes <= (uint64_t)PTRDIFF_MAX / layout->segments;
}

ho_vector *ho_vector_make(const ho_layout *layout, int64_t columns, ho_error *error)
{
    uint64_t segment;
    if (!padded_segment(layout, columns, &segment)) {
        ho_fail(error, HO_FAILED, "a vector of %" PRId64 " columns is too large", columns);
        return NULL;
    }
    void *memory = ho_pool_take(layout->ground->pool, layout->segments * segment, "a vector of the training", error);
    if (!memory)
        return NULL;
    ho_vector *vector = ho_alloc(sizeof *vector + layout->segments * sizeof(void *));
    vector->layout = layout;
    vector->columns = columns;
    for (size_t i = 0; i < layout->segments; i++)
        vector->segments[i] = (char *)memory + i * segment;
    return vector;
}

void ho_vector_release(ho_vector *vector)
{
    uint64_t segment;
    if (vector && padded_segment(vector->layout, vector->columns, &segment))
        ho_pool_give(vector->layout->ground->pool, vector->segments[0], vector->layout->segments * segment);
    free(vector);
}

ho_status ho_vector_check(const ho_layout *layout, const char *call, const char *what, const ho_vector *vector,
                          int64_t columns)
{
    ho_error *error = &layout->ground->error;
    if (!vector)
        return ho_fail(error, HO_FAILED, "%s: %s is missing", call, what);
    if (vector->layout != layout)
        return ho_fail(error, HO_FAILED, "%s: %s belongs to another training", call, what);
    if (columns && vector->columns != columns)
        return ho_fail(error, HO_FAILED, "%s: %s has %" PRId64 " columns, expected %" PRId64, call, what,
                       vector->columns, columns);
    return HO_OK;
}

static size_t segment_bytes(const ho_vector *vector)
{
    return (size_t)(vector->columns * vector->layout->size) * ho_number_size(vector->layout->ground);
}

int64_t ho_vector_size(const ho_vector *vector)
{
    return (int64_t)(segment_bytes(vector) * vector->layout->segments);
}

void ho_vector_zero(ho_vector *vector)
{
    for (size_t i = 0; i < vector->layout->segments; i++)
        memset(vector->segments[i], 0, segment_bytes(vector));
}

void ho_vector_copy(const ho_vector *from, ho_vector *to)
{
    for (size_t i = 0; from != to && i < from->layout->segments; i++)
        memcpy(to->segments[i], from->segments[i], segment_bytes(from));
}

void ho_vector_pass(ho_vector *vector, ho_snapshot *snapshot)
{
    for (size_t i = 0; i < vector->layout->segments; i++)
        ho_snapshot_pass(snapshot, vector->segments[i], segment_bytes(vector));
}

void ho_vector_bind(const ho_vector *vector, const size_t *leaves)
{
    for (size_t i = 0; i < vector->layout->segments; i++)
        vector->layout->ground->leaves[leaves[i]].data = vector->segments[i];
}

/* The arithmetic, once for each precision. b = 0 means that y is only written, whatever it held. */
#define DEFINE_AXPBY(name, real)                                                \
    static void name(double a, const real *x, double b, real *y, int64_t count) \
    {                                                                           \
        if (b == 0.0)                                                           \
            for (int64_t i = 0; i < count; i++)                                 \
                y[i] = (real)(a * (double)x[i]);                                \
        else                                                                    \
            for (int64_t i = 0; i < count; i++)                                 \
                y[i] = (real)(a * (double)x[i] + b * (double)y[i]);             \
    }
DEFINE_AXPBY(axpby_f32, float)
DEFINE_AXPBY(axpby_f64, double)

#define DEFINE_DOT(name, real)                                      \
    static double name(const real *a, const real *b, int64_t count) \
    {                                                               \
        double lane[4] = {0.0};                                     \
        int64_t i = 0;                                              \
        for (; i + 4 <= count; i += 4)                              \
            for (int64_t j = 0; j < 4; j++)                         \
                lane[j] += (double)a[i + j] * (double)b[i + j];     \
        for (; i < count; i++)                                      \
            lane[0] += (double)a[i] * (double)b[i];                 \
        return (lane[0] + lane[1]) + (lane[2] + lane[3]);           \
    }
DEFINE_DOT(dot_f32, float)
DEFINE_DOT(dot_f64, double)

void ho_vector_axpby(double a, const ho_vector *x, double b, ho_vector *y)
{
    const int64_t count = x->columns * x->layout->size;
    for (size_t i = 0; i < x->layout->segments; i++)
        if (x->layout->ground->problem->precision == HO_F32)
            axpby_f32(a, x->segments[i], b, y->segments[i], count);
        else
            axpby_f64(a, x->segments[i], b, y->segments[i], count);
}

static double dot_numbers(const ho_ground *ground, const void *a, int64_t i, const void *b, int64_t j, int64_t count)
{
    return ground->problem->precision == HO_F32 ? dot_f32((const float *)a + i, (const float *)b + j, count)
                                                : dot_f64((const double *)a + i, (const double *)b + j, count);
}

/* <column i of a, column j of b> */
static double dot_columns(const ho_vector *a, int64_t i, const ho_vector *b, int64_t j)
{
    const int64_t n = a->layout->size;
    double sum = 0.0;
    for (size_t k = 0; k < a->layout->segments; k++)
        sum += dot_numbers(a->layout->ground, a->segments[k], i * n, b->segments[k], j * n, n);
    return sum;
}

void ho_vector_dot(const ho_vector *a, const ho_vector *b, double *result)
{
    for (int64_t j = 0; j < b->columns; j++)
        result[j] = dot_columns(a, 0, b, j);
}

void ho_vector_norms(const ho_vector *v, double *result)
{
    for (int64_t j = 0; j < v->columns; j++)
        result[j] = sqrt(dot_columns(v, j, v, j));
}

void ho_vector_squares(const ho_vector *v, size_t segment, int64_t column, double *by_weight)
{
    const ho_layout *layout = v->layout;
    for (size_t k = 0; k < layout->weight_count; k++) {
        const int64_t first = column * layout->size + layout->weights[k].offset;
        by_weight[k] += dot_numbers(layout->ground, v->segments[segment], first, v->segments[segment], first,
                                    layout->weights[k].count);
    }
}

/* sum (a - b)^2 */
static double distance_numbers(const ho_ground *ground, const void *a, const void *b, int64_t first, int64_t count)
{
    double sum = 0;
    if (ground->problem->precision == HO_F32) {
        const float *x = (const float *)a + first, *y = (const float *)b + first;
        for (int64_t i = 0; i < count; i++)
            sum += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    } else {
        const double *x = (const double *)a + first, *y = (const double *)b + first;
        for (int64_t i = 0; i < count; i++)
            sum += (x[i] - y[i]) * (x[i] - y[i]);
    }
    return sum;
}

void ho_vector_distances(const ho_vector *a, const ho_vector *b, double *by_weight)
{
    const ho_layout *layout = a->layout;
    for (size_t k = 0; k < layout->weight_count; k++)
        by_weight[k] += distance_numbers(layout->ground, a->segments[0], b->segments[0], layout->weights[k].offset,
                                         layout->weights[k].count);
}

void ho_vector_shake(ho_vector *v)
{
    const bool single = v->layout->ground->problem->precision == HO_F32;
    for (int64_t i = 0; i < v->layout->size; i++) {
        const bool up = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15) >> 63;
        if (single)
            ((float *)v->segments[0])[i] *= up ? 1 + FLT_EPSILON : 1 - FLT_EPSILON;
        else
            ((double *)v->segments[0])[i] *= up ? 1 + DBL_EPSILON : 1 - DBL_EPSILON;
    }
}

bool ho_vector_shrink(ho_vector *v)
{
    const int limit = v->layout->ground->problem->precision == HO_F32 ? 60 : 400;
    double norm = 0; /* of an adjoint's one column */
    ho_vector_norms(v, &norm);
    if (!(norm > ldexp(1, limit)) || !isfinite(norm))
        return false;
    ho_vector_axpby(ldexp(1, -limit), v, 0, v);
    return true;
}
