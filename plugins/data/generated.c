/* Generated multi-task data with known relations: classes form groups, and prototypes of one group are close. */
#include "planted.h"

typedef struct generated {
    planted classes;
    int64_t examples[4]; /* of parts 1 to 3 */
} generated;

static const ho_option options[] = {
    PLANTED_SEED,
    PLANTED_SIZES,
    COUNT("training", "50", 1.0, 1e8, "training examples"),
    COUNT("validation", "400", 1.0, 1e8, "validation examples"),
    COUNT("test", "2000", 1.0, 1e8, "test examples"),
    PLANTED_REALS,
    PLANTED_NAMES,
};

static ho_status create(ho_setup *u, void **self)
{
    static const char *const parts[] = {NULL, "training", "validation", "test"};
    generated *g = ho_setup_alloc(u, sizeof(generated));
    if (!g)
        return HO_FAILED;
    *self = g;
    const ho_status status = planted_read(u, &g->classes);
    for (int part = 1; part <= 3 && status == HO_OK; part++) {
        g->examples[part] = ho_option_integer(u, parts[part]);
        if (g->examples[part] > MOST_NUMBERS / g->classes.features)
            return ho_setup_fail(u, parts[part], "%lld examples of %lld features exceed the limit of %lld numbers",
                                 (long long)g->examples[part], (long long)g->classes.features, (long long)MOST_NUMBERS);
    }
    return status;
}

/* Classes take turns, so every part is as balanced as its size allows. */
static ho_status emit_part(const generated *g, ho_data *d, uint32_t part, const double *prototypes)
{
    const planted *p = &g->classes;
    const int64_t n = g->examples[part], features = p->features;
    double *inputs = ho_data_alloc(d, (uint64_t)(n * features), sizeof(double));
    int64_t *labels = ho_data_alloc(d, (uint64_t)n, sizeof(int64_t));
    if (!inputs || !labels)
        return HO_FAILED;
    for (int64_t i = 0; i < n; i++) {
        labels[i] = i % p->tasks;
        for (int64_t f = 0; f < features; f++)
            inputs[i * features + f] =
                prototypes[labels[i] * features + f] +
                p->noise * ho_data_normal(d, p->seed, STREAM_NOISE + part, (uint64_t)(i * features + f));
    }
    return planted_emit(p, d, part, n, inputs, labels);
}

static ho_status read(void *self, ho_data *d)
{
    const generated *g = self;
    double *prototypes = ho_data_alloc(d, (uint64_t)(g->classes.tasks * g->classes.features), sizeof(double));
    ho_status status = prototypes ? HO_OK : HO_FAILED;
    if (prototypes)
        planted_prototypes(&g->classes, d, 0, prototypes);
    for (uint32_t part = 1; status == HO_OK && part <= 3; part++)
        status = emit_part(g, d, part, prototypes);
    if (status == HO_OK)
        status = planted_relations(&g->classes, d);
    if (status == HO_OK)
        status = planted_names(&g->classes, d);
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
