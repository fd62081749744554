/* Planted classes: they form groups, and the prototypes of one group are close. What made data of several kinds share.
 */
#ifndef PLANTED_H
#define PLANTED_H

#include <hotool/classes.h>
#include <hotool/plugin.h>

#include <math.h>
#include <stdio.h>

/* Streams of random numbers. A part's number is added to that of the noise. */
#define STREAM_GROUPS 1u
#define STREAM_TASKS  2u
#define STREAM_NOISE  10u

/* The most numbers in one part: 32 GiB. */
#define MOST_NUMBERS (INT64_C(1) << 32)

typedef struct planted {
    uint64_t seed;
    int64_t features, tasks, groups;
    double separation, shared, noise;
    const char *const *names; /* NULL: made from the groups */
} planted;

/* Rows of the table of options. */
#define COUNT(option, value, least_count, most_count, text)                                                         \
    {                                                                                                               \
        .name = option, .type = HO_INTEGER, .initial = value, .doc = text, .least = least_count, .most = most_count \
    }
#define REAL(option, value, most_real, text)                                                            \
    {                                                                                                   \
        .name = option, .type = HO_REAL, .initial = value, .doc = text, .least = 0.0, .most = most_real \
    }
#define PLANTED_SEED \
    COUNT("seed", "1", 0.0, 1e15, "seed of the random numbers (where it is not given: the pipeline's seed)")
#define PLANTED_SIZES                                                                                       \
    COUNT("features", "40", 1.0, 1e6, "features of an example"), COUNT("tasks", "10", 2.0, 1e4, "classes"), \
        COUNT("groups", "3", 1.0, 26.0, "groups of related classes")
#define PLANTED_REALS                                                                                            \
    REAL("separation", "4", 1e6, "expected norm of a class's prototype"),                                        \
        REAL("shared", "0.9", 1.0, "fraction of a prototype's squared norm that its whole group has in common"), \
        REAL("noise", "1", 1e6, "standard deviation of a feature around the prototype")
#define PLANTED_NAMES                                                                                               \
    {                                                                                                               \
        .name = "names", .type = HO_STRINGS, .doc = "names of the classes (default: A1, A2, ..., B1, ... by group)" \
    }

/* Reads the options above. */
static ho_status planted_read(ho_setup *u, planted *g)
{
    g->seed = (uint64_t)ho_option_integer(u, "seed");
    g->features = ho_option_integer(u, "features");
    g->tasks = ho_option_integer(u, "tasks");
    g->groups = ho_option_integer(u, "groups");
    g->separation = ho_option_real(u, "separation");
    g->shared = ho_option_real(u, "shared");
    g->noise = ho_option_real(u, "noise");
    if (g->groups > g->tasks)
        return ho_setup_fail(u, "groups", "%lld tasks cannot form %lld groups", (long long)g->tasks,
                             (long long)g->groups);
    return ho_class_names_read(u, &g->tasks, &g->names);
}

/* Groups are runs of consecutive classes, of nearly equal size. */
static int64_t planted_group(const planted *g, int64_t task)
{
    return task * g->groups / g->tasks;
}

/* The classes' prototypes, into `prototypes`. `set`: other numbers give other prototypes in the same groups. */
static void planted_prototypes(const planted *g, ho_data *d, uint64_t set, double *prototypes)
{
    const uint64_t streams = set << 8;
    const double length = g->separation / sqrt((double)g->features);
    const double common = length * sqrt(g->shared), own = length * sqrt(1.0 - g->shared);
    for (int64_t k = 0; k < g->tasks; k++) {
        for (int64_t f = 0; f < g->features; f++) {
            const uint64_t of_group = (uint64_t)(planted_group(g, k) * g->features + f);
            const uint64_t of_task = (uint64_t)(k * g->features + f);
            prototypes[of_task] = common * ho_data_normal(d, g->seed, streams + STREAM_GROUPS, of_group) +
                                  own * ho_data_normal(d, g->seed, streams + STREAM_TASKS, of_task);
        }
    }
}

/* Passes on inputs and labels of n examples. */
static ho_status planted_emit(const planted *g, ho_data *d, uint32_t part, int64_t n, const double *inputs,
                              const int64_t *labels)
{
    const ho_array x = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_INPUTS,
        .type = HO_ARRAY_F64,
        .rank = 2,
        .dims = {n, g->features},
        .values = inputs,
    };
    const ho_array y = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_LABELS,
        .type = HO_ARRAY_I64,
        .rank = 1,
        .dims = {n},
        .classes = g->tasks,
        .name = "labels",
        .values = labels,
    };
    const ho_status status = ho_data_emit(d, part, &x);
    return status == HO_OK ? ho_data_emit(d, part, &y) : status;
}

static ho_status planted_relations(const planted *g, ho_data *d)
{
    const int64_t tasks = g->tasks, dims[] = {tasks, tasks};
    double *relations = (double *)ho_data_alloc(d, (uint64_t)(tasks * tasks), sizeof(double));
    if (!relations)
        return HO_FAILED;
    for (int64_t j = 0; j < tasks; j++)
        for (int64_t k = 0; k < tasks; k++)
            relations[j * tasks + k] = j != k && planted_group(g, j) == planted_group(g, k) ? 1.0 : 0.0;
    return ho_data_truth(d, "relations", 2, dims, relations);
}

static ho_status planted_names(const planted *g, ho_data *d)
{
    int64_t number = 0;
    for (int64_t k = 0; k < g->tasks; k++) {
        char made[32];
        number = k > 0 && planted_group(g, k) == planted_group(g, k - 1) ? number + 1 : 1;
        snprintf(made, sizeof(made), "%c%lld", (char)('A' + planted_group(g, k)), (long long)number);
        const ho_status status = ho_data_class_name(d, k, g->names ? g->names[k] : made);
        if (status != HO_OK)
            return status;
    }
    return HO_OK;
}

#endif
