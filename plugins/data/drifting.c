/* A stream of generated multi-task data whose classes drift: training without end, for updates during training. */
#include "planted.h"

#define STREAM_STREAM STREAM_NOISE /* part 0: the parts have 2 and 3 more */

typedef struct drifting {
    planted classes;
    int64_t period;      /* examples; 0: nothing drifts */
    double swing;        /* radians */
    int64_t examples[4]; /* of parts 2 and 3 */
    int64_t end;         /* of the stream; 0: none */
    double *ends;        /* the two prototypes of each class; made when first asked for */
} drifting;

static const ho_option options[] = {
    PLANTED_SEED,
    PLANTED_SIZES,
    COUNT("validation", "400", 1.0, 1e8, "validation examples"),
    COUNT("test", "2000", 1.0, 1e8, "test examples"),
    PLANTED_REALS,
    COUNT("period", "100000", 0.0, 1e15, "examples until the classes are where they were; 0: nothing drifts"),
    REAL("swing", "0.5", 3.2, "how far the classes swing to either side, in radians"),
    COUNT("end", "0", 0.0, 1e15, "examples after which the stream ends; 0: never"),
    PLANTED_NAMES,
};

static ho_status create(ho_setup *u, void **self)
{
    static const char *const parts[] = {NULL, NULL, "validation", "test"};
    drifting *g = ho_setup_alloc(u, sizeof(drifting));
    if (!g)
        return HO_FAILED;
    *self = g;
    const ho_status status = planted_read(u, &g->classes);
    if (status != HO_OK)
        return status;
    g->period = ho_option_integer(u, "period");
    g->swing = ho_option_real(u, "swing");
    g->end = ho_option_integer(u, "end");
    for (int part = 2; part <= 3; part++) {
        g->examples[part] = ho_option_integer(u, parts[part]);
        if (g->examples[part] > MOST_NUMBERS / g->classes.features)
            return ho_setup_fail(u, parts[part], "%lld examples of %lld features exceed the limit of %lld numbers",
                                 (long long)g->examples[part], (long long)g->classes.features, (long long)MOST_NUMBERS);
    }
    g->ends = ho_setup_alloc(u, (uint64_t)(2 * g->classes.tasks * g->classes.features) * sizeof *g->ends);
    return g->ends ? HO_OK : HO_FAILED;
}

/* Where in its period an example stands, from 0 to 1, and the noise that is laid over it. */
typedef struct moment {
    double phase;
    uint64_t noise, number;
} moment;

static void make_example(const drifting *g, ho_data *d, int64_t task, moment at, double *x)
{
    const planted *p = &g->classes;
    const double turn = 6.283185307179586, angle = g->swing * sin(turn * at.phase);
    const double *a = g->ends + task * p->features, *b = a + p->tasks * p->features;
    for (int64_t f = 0; f < p->features; f++)
        x[f] = cos(angle) * a[f] + sin(angle) * b[f] +
               p->noise * ho_data_normal(d, p->seed, at.noise, at.number * (uint64_t)p->features + (uint64_t)f);
}

/* Examples first to first + n - 1 of the stream (part 0); or a part's, spread over one period. Classes take turns. */
static ho_status emit(drifting *g, ho_data *d, uint32_t part, int64_t first, int64_t n)
{
    const planted *p = &g->classes;
    double *inputs = ho_data_alloc(d, (uint64_t)(n * p->features), sizeof(double));
    int64_t *labels = ho_data_alloc(d, (uint64_t)n, sizeof(int64_t));
    if (!inputs || !labels)
        return HO_FAILED;
    planted_prototypes(p, d, 0, g->ends);
    planted_prototypes(p, d, 1, g->ends + p->tasks * p->features);
    for (int64_t i = 0; i < n; i++) {
        const int64_t number = first + i, period = part ? n : g->period;
        const double phase = g->period ? (double)(number % period) / (double)period : 0.0;
        labels[i] = number % p->tasks;
        make_example(g, d, labels[i], (moment){phase, STREAM_STREAM + part, (uint64_t)number},
                     inputs + i * p->features);
    }
    return planted_emit(p, d, part, n, inputs, labels);
}

static ho_status read(void *self, ho_data *d)
{
    drifting *g = self;
    ho_status status = planted_relations(&g->classes, d);
    for (uint32_t part = 2; status == HO_OK && part <= 3; part++)
        status = emit(g, d, part, 0, g->examples[part]);
    return status == HO_OK ? planted_names(&g->classes, d) : status;
}

static ho_status next(void *self, ho_data *d, int64_t first, int64_t count)
{
    drifting *g = self;
    const int64_t left = g->end && first + count > g->end ? g->end - first : count;
    return left > 0 ? emit(g, d, 0, first, left) : HO_OK;
}

static const ho_data_calls calls = {
    .struct_size = sizeof(ho_data_calls),
    .emits_parts = 1,
    .read = read,
    .generated = 1,
    .next = next,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA),
    .name = "drifting",
    .version = "1.0.0",
    .doc = "a stream, without end, of generated classes in groups that drift to and fro",
    .details =
        "x = p_y(i) + noise n, p_k(i) = cos(v) a_k + sin(v) b_k, v = swing sin(2 pi i/period)\n\n"
        "for the example of number i, with standard normal n; a_k and b_k are prototypes as in the reader `generated`, "
        "with the same groups. Every example depends on its number and the options alone, so that any step's batch can "
        "be made again: all modes work where `steps` is a number, and a run is resumed to the same bits. Classes take "
        "turns.\n\n"
        "The validation and the test part are finite: their examples are spread evenly over one period, so that the "
        "validation error is about the whole drift and not about where it stands. The truth, relations.npy, has a 1 "
        "for "
        "each pair of classes of one group.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
