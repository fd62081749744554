/* Generated multi-task data with known relations: classes form groups, and prototypes of one group are close. */
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

typedef struct generated {
    uint64_t seed;
    int64_t features, tasks, groups;
    int64_t examples[4]; /* of parts 1 to 3 */
    double separation, shared, noise;
    const char *const *names; /* NULL: made from the groups */
} generated;

/* Rows of the table of options. */
#define COUNT(option, value, least_count, most_count, text)                                                         \
    {                                                                                                               \
        .name = option, .type = HO_INTEGER, .initial = value, .doc = text, .least = least_count, .most = most_count \
    }
#define REAL(option, value, most_real, text)                                                            \
    {                                                                                                   \
        .name = option, .type = HO_REAL, .initial = value, .doc = text, .least = 0.0, .most = most_real \
    }

static const ho_option options[] = {
    COUNT("seed", "1", 0.0, 1e15, "seed of the random numbers (where it is not given: the pipeline's seed)"),
    COUNT("features", "40", 1.0, 1e6, "features of an example"),
    COUNT("tasks", "10", 2.0, 1e4, "classes"),
    COUNT("groups", "3", 1.0, 26.0, "groups of related classes"),
    COUNT("training", "50", 1.0, 1e8, "training examples"),
    COUNT("validation", "400", 1.0, 1e8, "validation examples"),
    COUNT("test", "2000", 1.0, 1e8, "test examples"),
    REAL("separation", "4", 1e6, "expected norm of a class's prototype"),
    REAL("shared", "0.9", 1.0, "fraction of a prototype's squared norm that its whole group has in common"),
    REAL("noise", "1", 1e6, "standard deviation of a feature around the prototype"),
    {.name = "names", .type = HO_STRINGS, .doc = "names of the classes (default: A1, A2, ..., B1, ... by group)"},
};

static ho_status create(ho_setup *u, void **self)
{
    generated *g = ho_setup_alloc(u, sizeof(generated));
    if (!g)
        return HO_FAILED;
    g->seed = (uint64_t)ho_option_integer(u, "seed");
    g->features = ho_option_integer(u, "features");
    g->tasks = ho_option_integer(u, "tasks");
    g->groups = ho_option_integer(u, "groups");
    g->examples[1] = ho_option_integer(u, "training");
    g->examples[2] = ho_option_integer(u, "validation");
    g->examples[3] = ho_option_integer(u, "test");
    g->separation = ho_option_real(u, "separation");
    g->shared = ho_option_real(u, "shared");
    g->noise = ho_option_real(u, "noise");
    if (g->groups > g->tasks)
        return ho_setup_fail(u, "groups", "%lld tasks cannot form %lld groups", (long long)g->tasks,
                             (long long)g->groups);
    for (int part = 1; part <= 3; part++) {
        static const char *const part_names[] = {NULL, "training", "validation", "test"};
        if (g->examples[part] > MOST_NUMBERS / g->features)
            return ho_setup_fail(u, part_names[part], "%lld examples of %lld features exceed the limit of %lld numbers",
                                 (long long)g->examples[part], (long long)g->features, (long long)MOST_NUMBERS);
    }
    *self = g;
    return ho_class_names_read(u, &g->tasks, &g->names);
}

/* Groups are runs of consecutive classes, of nearly equal size. */
static int64_t group_of(const generated *g, int64_t task)
{
    return task * g->groups / g->tasks;
}

static double *make_prototypes(const generated *g, ho_data *d)
{
    double *prototypes = ho_data_alloc(d, (uint64_t)(g->tasks * g->features), sizeof(double));
    if (!prototypes)
        return NULL;
    const double length = g->separation / sqrt((double)g->features);
    const double common = length * sqrt(g->shared), own = length * sqrt(1.0 - g->shared);
    for (int64_t k = 0; k < g->tasks; k++) {
        for (int64_t f = 0; f < g->features; f++) {
            const uint64_t of_group = (uint64_t)(group_of(g, k) * g->features + f);
            const uint64_t of_task = (uint64_t)(k * g->features + f);
            prototypes[of_task] = common * ho_data_normal(d, g->seed, STREAM_GROUPS, of_group) +
                                  own * ho_data_normal(d, g->seed, STREAM_TASKS, of_task);
        }
    }
    return prototypes;
}

/* Classes take turns, so every part is as balanced as its size allows. */
static ho_status emit_part(const generated *g, ho_data *d, uint32_t part, const double *prototypes)
{
    const int64_t n = g->examples[part], features = g->features;
    double *inputs = ho_data_alloc(d, (uint64_t)(n * features), sizeof(double));
    int64_t *labels = ho_data_alloc(d, (uint64_t)n, sizeof(int64_t));
    if (!inputs || !labels)
        return HO_FAILED;
    for (int64_t i = 0; i < n; i++) {
        labels[i] = i % g->tasks;
        for (int64_t f = 0; f < features; f++)
            inputs[i * features + f] =
                prototypes[labels[i] * features + f] +
                g->noise * ho_data_normal(d, g->seed, STREAM_NOISE + part, (uint64_t)(i * features + f));
    }
    const ho_array x = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_INPUTS,
        .type = HO_ARRAY_F64,
        .rank = 2,
        .dims = {n, features},
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

static ho_status emit_relations(const generated *g, ho_data *d)
{
    const int64_t tasks = g->tasks, dims[] = {tasks, tasks};
    double *relations = ho_data_alloc(d, (uint64_t)(tasks * tasks), sizeof(double));
    if (!relations)
        return HO_FAILED;
    for (int64_t j = 0; j < tasks; j++)
        for (int64_t k = 0; k < tasks; k++)
            relations[j * tasks + k] = j != k && group_of(g, j) == group_of(g, k) ? 1.0 : 0.0;
    return ho_data_truth(d, "relations", 2, dims, relations);
}

static ho_status emit_names(const generated *g, ho_data *d)
{
    int64_t number = 0;
    for (int64_t k = 0; k < g->tasks; k++) {
        char made[32];
        number = k > 0 && group_of(g, k) == group_of(g, k - 1) ? number + 1 : 1;
        snprintf(made, sizeof(made), "%c%lld", (char)('A' + group_of(g, k)), (long long)number);
        const ho_status status = ho_data_class_name(d, k, g->names ? g->names[k] : made);
        if (status != HO_OK)
            return status;
    }
    return HO_OK;
}

static ho_status read(void *self, ho_data *d)
{
    const generated *g = self;
    const double *prototypes = make_prototypes(g, d);
    ho_status status = prototypes ? HO_OK : HO_FAILED;
    for (uint32_t part = 1; status == HO_OK && part <= 3; part++)
        status = emit_part(g, d, part, prototypes);
    if (status == HO_OK)
        status = emit_relations(g, d);
    if (status == HO_OK)
        status = emit_names(g, d);
    return status;
}

static const ho_data_calls calls = {
    .struct_size = sizeof(ho_data_calls),
    .emits_parts = 1,
    .read = read,
    .generated = 1,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA),
    .name = "generated",
    .version = "1.0.0",
    .doc = "generated classes in groups with known relations, which are stored with the results",
    .details =
        "x = p_y + noise n, p_k = separation/sqrt(features) (sqrt(shared) u_group(k) + sqrt(1 - shared) o_k)\n\n"
        "with standard normal n, u (one per group) and o (one per class). The weights that separate the classes are "
        "then similar within a group and unrelated between groups, which a multi-task penalty can discover and use. "
        "The truth, relations.npy, has a 1 for each pair of classes of one group.\n\n"
        "The reader provides the training, validation and test parts, so the pipeline needs no split. Classes take "
        "turns in each part. With fewer training examples there is more to gain from the relations; with more "
        "validation examples they are easier to find. At the defaults, task_interaction's A, learned from 0, ranks "
        "pairs of one group above the others.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
