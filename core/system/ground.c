#include "system/ground.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"

void ho_ground_open(ho_ground *ground, const ho_problem *problem)
{
    *ground = (ho_ground){.problem = problem, .arena = ho_arena_new(), .pool = ho_pool_new()};
    ground->graph = ho_graph_new(&ground->traced);
}

void ho_ground_close(ho_ground *ground)
{
    for (size_t i = 0; i < ground->block_count; i++)
        ho_large_free(ground->blocks[i]);
    free(ground->blocks);
    free(ground->leaves);
    ho_graph_free(ground->graph);
    ho_pool_free(ground->pool);
    ho_arena_free(ground->arena);
}

void *ho_ground_block(ho_ground *ground, int64_t count, size_t size, const char *what, ho_error *error)
{
    void *block = ho_large_alloc((uint64_t)count, size, what, error);
    if (!block)
        return NULL;
    ho_grow((void **)&ground->blocks, &ground->block_capacity, ground->block_count, sizeof *ground->blocks);
    ground->blocks[ground->block_count++] = block;
    return block;
}

size_t ho_leaf(ho_ground *ground, const char *what, const char *name, ho_shape shape, const void *data)
{
    char *full = name ? ho_format("%s %s", what, name) : ho_strdup(what);
    ho_grow((void **)&ground->leaves, &ground->leaf_capacity, ground->leaf_count, sizeof *ground->leaves);
    ground->leaves[ground->leaf_count] = (ho_bound){ho_node_leaf(ground->graph, full, shape), data};
    free(full);
    return ground->leaf_count++;
}

ho_node ho_leaf_node(const ho_ground *ground, size_t leaf)
{
    return ground->leaves[leaf].node;
}

ho_node ho_leaf_numbers(ho_ground *ground, const char *name, ho_shape shape, const double *values)
{
    int64_t count = ho_shape_count(&shape);
    size_t size = shape.rank ? ho_number_size(ground) : sizeof(double);
    void *numbers = ho_ground_block(ground, count, size, name, &ground->traced);
    if (!numbers)
        return HO_POISON;
    if (shape.rank)
        ho_numbers_put(ground, values, count, numbers);
    else
        memcpy(numbers, values, sizeof(double));
    return ho_leaf_node(ground, ho_leaf(ground, name, NULL, shape, numbers));
}

ho_status ho_ground_traced(const ho_ground *ground, ho_error *error)
{
    return ho_fail_as(error, &ground->traced);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static bool is_f32(const ho_ground *ground)
{
    return ground->problem->precision == HO_F32;
}

size_t ho_number_size(const ho_ground *ground)
{
    return is_f32(ground) ? sizeof(float) : sizeof(double);
}

void ho_numbers_put(const ho_ground *ground, const double *from, int64_t count, void *to)
{
    if (!is_f32(ground))
        memcpy(to, from, (size_t)count * sizeof *from);
    else
        for (int64_t i = 0; i < count; i++)
            ((float *)to)[i] = (float)from[i];
}

void ho_numbers_get(const ho_ground *ground, const void *from, int64_t count, double *to)
{
    if (!is_f32(ground))
        memcpy(to, from, (size_t)count * sizeof *to);
    else
        for (int64_t i = 0; i < count; i++)
            to[i] = (double)((const float *)from)[i];
}

int64_t ho_numbers_bad(const ho_ground *ground, const void *numbers, int64_t count)
{
    const float *single = numbers;
    const double *wide = numbers;
    for (int64_t i = 0; i < count; i++)
        if (is_f32(ground) ? !isfinite(single[i]) : !isfinite(wide[i]))
            return i;
    return count;
}

ho_status ho_numbers_read(const char *path, ho_place place, const char *what, const char *whose, ho_shape shape,
                          double *values, ho_error *error)
{
    char *full = ho_path_beside(place.file ? place.file : "", path);
    char a[HO_SHAPE_TEXT], b[HO_SHAPE_TEXT];
    ho_error own = {0};
    ho_npy array;
    if (ho_npy_read(full, &array, &own) == HO_OK) {
        ho_shape have = ho_shape_of(array.rank, array.dims);
        if (ho_shape_equal(&have, &shape))
            for (int64_t i = 0; i < array.count; i++)
                values[i] = array.f32 ? (double)array.f32[i] : array.f64[i];
        else
            ho_fail_at(error, HO_INVALID, place, "%s: %s has the shape %s, %s has %s", what, full,
                       ho_shape_print(&have, a), whose, ho_shape_print(&shape, b));
        ho_npy_free(&array);
    } else {
        ho_fail_at(error, own.status, place, "%s: %s", what, own.text);
    }
    free(full);
    return error->status;
}
