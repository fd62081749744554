/*
 * The projection of weights of single examples onto {0 <= x <= 1, sum x <= R}, as after an outer step.
 *
 * Each point is projected once: what a processor learns from repeating itself does not count. The figure is the median,
 * in processor time.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "host/instance.h"
#include "host/registry.h"

#define POINTS 41

static void must(const ho_error *error, bool good)
{
    if (good)
        return;
    fprintf(stderr, "bench: %s\n", error->text);
    exit(1);
}

/* Seconds of this thread's processor. */
static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* One point near the set: most of its entries end at 0 or 1, some between. */
static double once(const ho_instance *set, const ho_constrained *h, uint64_t point, double *values, ho_error *error)
{
    for (int64_t i = 0; i < h->count; i++)
        values[i] = 0.5 + 0.6 * ho_normal_number(1, point, (uint64_t)i);
    double begun = processor_seconds();
    must(error, ho_constraint_project(set, h, values, error) == HO_OK);
    return processor_seconds() - begun;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(void)
{
    ho_error error = {0};
    ho_arena *arena = ho_arena_new();
    ho_registry *registry = ho_registry_new(NULL, &error);
    must(&error, registry != NULL);
    const ho_loaded *loaded = ho_registry_find(registry, HO_CONSTRAINT, "capped_sum", (ho_place){0}, &error);
    must(&error, loaded != NULL);
    printf("capped_sum: projection onto {0 <= x <= 1, sum x <= 0.4 n}, 1 thread\n");
    for (int64_t count = 500; count <= 500000; count *= 10) {
        ho_tree *settings = ho_tree_new(arena, HO_TREE_MAP, (ho_place){0});
        ho_tree *bound = ho_tree_new(arena, HO_TREE_SCALAR, (ho_place){0});
        bound->key = "at_most";
        bound->text = ho_arena_format(arena, "%.1f", 0.4 * (double)count);
        ho_tree_append(settings, bound);
        ho_instance *set = ho_instance_new(loaded, NULL, settings, NULL, (ho_place){0}, &error);
        must(&error, set != NULL);
        ho_constrained h = {.struct_size = sizeof h, .rank = 1, .dims = {count}, .count = count, .upper = INFINITY};
        double *values = ho_large_alloc((uint64_t)count, sizeof *values, "a point", &error), seconds[POINTS];
        must(&error, values != NULL);
        for (uint64_t p = 0; p < POINTS; p++)
            seconds[p] = once(set, &h, p, values, &error);
        qsort(seconds, POINTS, sizeof *seconds, by_size);
        printf("  %7lld entries %10.4f ms\n", (long long)count, 1e3 * seconds[POINTS / 2]);
        ho_large_free(values);
        ho_instance_free(set);
    }
    ho_registry_free(registry);
    ho_arena_free(arena);
    return 0;
}
