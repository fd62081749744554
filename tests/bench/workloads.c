#include "workloads.h"

#include <string.h>

#include "base/rng.h"

const workload workloads[WORKLOADS] = {
    {.name = "W1",
     .what = "softmax with task interaction, 50 x 2048 x 10, full batch, Adam, T = 400",
     .examples = 50,
     .features = 2048,
     .classes = 10,
     .steps = 400,
     .few = 20,
     .dynamics = "adam",
     .penalty = "task_interaction",
     .penalties = 1,
     .tuned = {{"penalty0.A", "0.01"}, {"penalty0.rho", "0.01"}}},
    {.name = "W2",
     .what = "123 - 4 x 512 - 183 and 300, tanh, batch 200, momentum, m = 3, T = 50",
     .examples = 2000,
     .features = 123,
     .classes = 183,
     .reals = 300,
     .width = 512,
     .layers = 4,
     .batch = 200,
     .steps = 50,
     .few = 2,
     .dynamics = "momentum",
     .tuned = {{"dynamics.learning_rate", "0.001"}, {"dynamics.momentum", "0.5"}, {"second.weight", "0.01"}}},
    {.name = "W2b",
     .what = "123 - 4 x 2048 - 183 and 300, tanh, batch 200, momentum, m = 3, T = 10",
     .examples = 2000,
     .features = 123,
     .classes = 183,
     .reals = 300,
     .width = 2048,
     .layers = 4,
     .batch = 200,
     .steps = 10,
     .few = 1,
     .dynamics = "momentum",
     .tuned = {{"dynamics.learning_rate", "0.001"}, {"dynamics.momentum", "0.5"}, {"second.weight", "0.01"}}},
    {.name = "W3",
     .what = "softmax with a weight for each example, 5000 x 784 x 10, full batch, SGD, T = 200",
     .examples = 5000,
     .features = 784,
     .classes = 10,
     .steps = 200,
     .few = 3,
     .dynamics = "sgd",
     .weighted = true,
     .tuned = {{"loss.weights", "1"}}},
    {.name = "W4",
     .what = "784 - 300 - 10, tanh, batch 100, momentum, T = 500",
     .examples = 5000,
     .features = 784,
     .classes = 10,
     .width = 300,
     .layers = 1,
     .batch = 100,
     .steps = 500,
     .few = 10,
     .dynamics = "momentum",
     .penalty = "l2",
     .penalties = 2,
     .each_layer = true,
     .tuned = {{"dynamics.learning_rate", "0.01"},
               {"dynamics.momentum", "0.5"},
               {"penalty0.rho", "0.0001"},
               {"penalty1.rho", "0.0001"}}},
    {.name = "W5",
     .what = "64 - 32 - 10, tanh, batch 32, Adam, T = 2000",
     .examples = 1024,
     .features = 64,
     .classes = 10,
     .width = 32,
     .layers = 1,
     .batch = 32,
     .steps = 2000,
     .few = 50,
     .dynamics = "adam",
     .penalty = "l2",
     .penalties = 1,
     .tuned = {{"dynamics.learning_rate", "0.001"}, {"penalty0.rho", "0.0001"}}},
    {.name = "W6",
     .what = "28 x 28, 8 kernels of 5 x 5, max pooling 2 x 2, 10 classes, batch 100, momentum, T = 20",
     .examples = 1000,
     .features = 784,
     .classes = 10,
     .convolutions = true,
     .batch = 100,
     .steps = 20,
     .few = 2,
     .dynamics = "momentum",
     .penalty = "l2",
     .penalties = 1,
     .tuned = {{"dynamics.learning_rate", "0.01"}, {"dynamics.momentum", "0.5"}, {"penalty0.rho", "0.0001"}}},
};

const workload *workload_named(const char *name)
{
    for (size_t k = 0; k < WORKLOADS; k++)
        if (!strcmp(name, workloads[k].name))
            return &workloads[k];
    return NULL;
}

int workload_layers(const workload *w, int in[MOST_LAYERS + 2], int out[MOST_LAYERS + 2])
{
    int count = 0, before = (int)w->features;
    for (; count < w->layers; before = (int)w->width) {
        in[count] = before;
        out[count++] = (int)w->width;
    }
    in[count] = before;
    out[count++] = (int)w->classes;
    if (w->reals) {
        in[count] = before;
        out[count++] = (int)w->reals;
    }
    return count;
}

static ho_examples made_up(const workload *w, bool f64, int64_t count, uint64_t stream)
{
    ho_examples e = {.count = count, .features = w->features, .target_count = w->reals ? 2 : 1};
    const uint64_t inputs = (uint64_t)(count * w->features), reals = (uint64_t)(count * w->reals);
    e.targets = calloc(2, sizeof *e.targets);
    e.targets[0] = (ho_target){.name = strdup("labels"), .labels = true, .classes = w->classes, .width = 1};
    e.targets[1] = (ho_target){.name = strdup("reals"), .width = w->reals};
    e.targets[0].values = calloc((size_t)count, sizeof(double));
    e.targets[1].values = calloc(reals + 1, sizeof(double));
    e.x32 = f64 ? NULL : ho_large_alloc(inputs, sizeof(float), "examples", &(ho_error){0});
    e.x64 = f64 ? calloc(inputs, sizeof(double)) : NULL;
    for (uint64_t i = 0; i < inputs; i++)
        if (f64)
            e.x64[i] = ho_normal_number(1, stream, i);
        else
            e.x32[i] = (float)ho_normal_number(1, stream, i);
    for (int64_t i = 0; i < count; i++)
        e.targets[0].values[i] = (double)(i % w->classes);
    for (uint64_t i = 0; i < reals; i++)
        e.targets[1].values[i] = ho_normal_number(1, stream + 1, i);
    return e;
}

static ho_instance *model_of(bench *b, const workload *w)
{
    ho_tree *options = ho_tree_new(b->arena, HO_TREE_MAP, (ho_place){0});
    if (w->convolutions) {
        set(options, "kernel", scalar(b, "5"));
        set(options, "channels", scalar(b, "8"));
        return make(b, HO_MODEL, "cnn", "model", options);
    }
    if (w->layers == 0) {
        set(options, "bias", scalar(b, w->no_offset ? "false" : "true"));
        return make(b, HO_MODEL, "softmax", "model", options);
    }
    ho_tree *widths = ho_tree_new(b->arena, HO_TREE_LIST, (ho_place){0});
    for (int64_t i = 0; i < w->layers; i++)
        ho_tree_append(widths, scalar(b, ho_arena_format(b->arena, "%d", (int)w->width)));
    set(options, "shared", widths);
    set(options, "activation", scalar(b, "tanh"));
    if (w->reals) {
        ho_tree *heads = ho_tree_new(b->arena, HO_TREE_LIST, (ho_place){0});
        ho_tree_append(heads, scalar(b, "labels"));
        ho_tree_append(heads, scalar(b, "reals"));
        set(options, "heads", heads);
    }
    return make(b, HO_MODEL, "shared_trunk", "model", options);
}

static void pose_objective(bench *b, posed *q, const workload *w)
{
    size_t n = 0;
    q->objective[n++] = (ho_term){.plugin = make(b, HO_LOSS, "cross_entropy", "loss", NULL),
                                  .mean = true,
                                  .target = "labels",
                                  .per_example = w->weighted};
    if (w->reals)
        q->objective[n++] =
            (ho_term){.plugin = make(b, HO_LOSS, "squared_error", "second", NULL), .mean = true, .target = "reals"};
    for (int64_t i = 0; i < w->penalties; i++) {
        const char *name = ho_arena_format(b->arena, "penalty%d", (int)i);
        q->on[i] = i < w->layers ? ho_arena_format(b->arena, "*%d*", (int)i + 1) : "outputs*";
        q->objective[n++] = (ho_term){.plugin = make(b, HO_PENALTY, w->penalty, name, NULL),
                                      .on = w->each_layer ? &q->on[i] : NULL,
                                      .on_count = w->each_layer};
    }
    q->problem.objective = q->objective;
    q->problem.objective_count = n;
}

void workload_pose(bench *b, posed *q, const workload *w, bool f64)
{
    const int64_t validation = w->batch ? w->batch : w->examples < 1000 ? w->examples : 1000;
    *q = (posed){.training = made_up(w, f64, w->examples, 1), .validation = made_up(w, f64, validation, 3)};
    q->checked =
        (ho_term){.plugin = make(b, HO_LOSS, "cross_entropy", "validation", NULL), .mean = true, .target = "labels"};
    q->problem = (ho_problem){.seed = 1,
                              .precision = f64 ? HO_F64 : HO_F32,
                              .training = &q->training,
                              .validation = &q->validation,
                              .classes_or_width = w->classes,
                              .batch = w->batch,
                              .steps = w->steps,
                              .model = model_of(b, w),
                              .dynamics = make(b, HO_DYNAMICS, w->dynamics, "dynamics", NULL),
                              .validation_terms = &q->checked,
                              .validation_count = 1,
                              .settings = q->settings};
    pose_objective(b, q, w);
    for (size_t i = 0; i < MOST_TUNED && w->tuned[i].name; i++)
        q->settings[q->problem.setting_count++] =
            (ho_hyper_setting){.name = w->tuned[i].name, .tuned = true, .value = scalar(b, w->tuned[i].value)};
}
