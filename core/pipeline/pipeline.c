/* A pipeline file: read, overridden from the command line, checked, and wired. */
#include "pipeline/pipeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"
#include "pipeline/yaml.h"

static const char name_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

/* Gives a key of the root a value from the command line. */
static void put(ho_reading *r, const char *key, ho_tree *value, const char *argument)
{
    ho_tree_remove(r->root, key);
    value->key = key;
    value->place = value->key_place = (ho_place){.file = argument};
    ho_tree_append(r->root, value);
}

static ho_tree *scalar(ho_reading *r, const char *text)
{
    ho_tree *node = ho_tree_new(r->arena, HO_TREE_SCALAR, (ho_place){0});
    node->text = ho_arena_strdup(r->arena, text);
    return node;
}

/* The mode asked for, with the file's options for it where the file means the same one. */
static void override_mode(ho_reading *r, const char *mode)
{
    const ho_tree *node = ho_tree_get(r->root, "hypergradient");
    const ho_tree *named = node && node->kind == HO_TREE_MAP ? ho_tree_get(node, "mode") : node;
    if (named && named->kind == HO_TREE_SCALAR && strcmp(named->text, mode) == 0)
        return;
    ho_tree *map = ho_tree_new(r->arena, HO_TREE_MAP, (ho_place){0}), *value = scalar(r, mode);
    put(r, "hypergradient", map, "--mode");
    value->key = "mode";
    value->place = value->key_place = map->place;
    ho_tree_append(map, value);
}

static ho_status read_root(ho_reading *r, const ho_experiment *e, const char *variant)
{
    static const char *const known[] = {
        "name",  "seed",  "precision",       "data",          "model",      "objective", "dynamics", "steps",
        "batch", "start", "hyperparameters", "hypergradient", "validation", "outer",     "final",    "stop",
        NULL};
    r->root = ho_experiment_root(e, r->arena, variant, r->error);
    if (!r->root)
        return r->error->status;
    if (e->request.mode)
        override_mode(r, e->request.mode);
    if (e->request.precision)
        put(r, "precision", scalar(r, e->request.precision), "--precision");
    r->pipeline->root = r->root;
    return ho_tree_only(r->root, "the pipeline", known, r->error);
}

/* The file's name without folder and ending, with '_' for what a name may not hold. */
static char *base_name(ho_arena *arena, const char *file)
{
    const char *slash = strrchr(file, '/');
    char *name = ho_arena_strdup(arena, slash ? slash + 1 : file);
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = '\0';
    for (char *c = name; *c; c++)
        if (!strchr(name_letters, *c))
            *c = '_';
    if (*name == '.')
        *name = '_';
    return name;
}

static ho_status read_name(ho_reading *r)
{
    const ho_tree *node = ho_tree_get(r->root, "name");
    if (!node) {
        r->pipeline->name = base_name(r->arena, r->pipeline->file);
        /* A copy of the tree in another file is still this pipeline. */
        put(r, "name", scalar(r, r->pipeline->name), r->pipeline->file);
        return HO_OK;
    }
    const char *text;
    if (ho_tree_string(node, "name", &text, r->error) != HO_OK)
        return r->error->status;
    r->pipeline->name = text;
    if (*text && *text != '.' && strspn(text, name_letters) == strlen(text))
        return HO_OK;
    return ho_fail_at(r->error, HO_INVALID, node->place,
                      "name: \"%s\": wanted are letters, digits, '_', '-' and '.', not beginning with a '.'", text);
}

static ho_status read_final(ho_reading *r)
{
    static const char *const known[] = {"train_on", NULL};
    const ho_tree *node = ho_tree_get(r->root, "final");
    if (node && (ho_tree_expect(node, HO_TREE_MAP, "final", r->error) != HO_OK ||
                 ho_tree_only(node, "final", known, r->error) != HO_OK))
        return r->error->status;
    static const char *const words[] = {"training", "training+validation", "validation", NULL};
    int which;
    ho_read_choice(ho_tree_get(node, "train_on"), "train_on", words, &which, r->error);
    r->pipeline->final_on = (ho_final)which;
    return r->error->status;
}

static ho_status read_run(ho_reading *r, int64_t repetition)
{
    ho_problem *p = &r->pipeline->problem;
    int64_t seed = 1;
    static const char *const precisions[] = {"f32", "f64", NULL};
    int f64;
    const ho_tree *batch = ho_tree_get(r->root, "batch"), *steps = ho_tree_get(r->root, "steps");
    bool full = ho_is_word(batch, "full"), unbounded = ho_is_word(steps, "unbounded");
    if (read_name(r) != HO_OK || ho_read_count(ho_tree_get(r->root, "seed"), "seed", 0, &seed, r->error) != HO_OK ||
        ho_read_choice(ho_tree_get(r->root, "precision"), "precision", precisions, &f64, r->error) != HO_OK ||
        (!unbounded && ho_read_count(steps, "steps", 1, &p->steps, r->error) != HO_OK) ||
        (!full && ho_read_count(batch, "batch", 1, &p->batch, r->error) != HO_OK))
        return r->error->status;
    if (seed > INT64_MAX - HO_MOST_REPETITIONS)
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(r->root, "seed")->place,
                          "seed: too large to be counted up for each repetition");
    seed += repetition;
    p->seed = (uint64_t)seed;
    if (repetition > 0)
        put(r, "seed", scalar(r, ho_arena_format(r->arena, "%" PRId64, seed)), "the repetition");
    p->precision = f64 ? HO_F64 : HO_F32;
    if (!steps)
        return ho_fail_at(r->error, HO_INVALID, (ho_place){.file = r->pipeline->file}, "the pipeline has no \"steps\"");
    return read_final(r);
}

static size_t nodes_of(const ho_tree *node)
{
    size_t nodes = 1;
    for (const ho_tree *child = node->first; child; child = child->next)
        nodes += nodes_of(child);
    return nodes;
}

ho_pipeline *ho_experiment_pipeline(ho_experiment *e, ho_registry *registry, const char *variant, int64_t repetition,
                                    ho_error *error)
{
    ho_arena *arena = ho_arena_new();
    ho_pipeline *pipeline = ho_alloc(sizeof *pipeline);
    pipeline->arena = arena;
    pipeline->file = ho_arena_strdup(arena, e->request.file);
    ho_reading r = {.registry = registry, .cache = e->cache, .pipeline = pipeline, .arena = arena, .error = error};
    if (read_root(&r, e, variant) == HO_OK && read_run(&r, repetition) == HO_OK) {
        /* Each setting comes from a node of its own; twice, since the objective's losses may serve as validation too.
         */
        r.settings = ho_arena_alloc(arena, 2 * nodes_of(r.root) * sizeof *r.settings);
        pipeline->problem.settings = r.settings;
        if (ho_describe_problem(&r) == HO_OK && ho_describe_hypers(&r) == HO_OK && ho_describe_data(&r) == HO_OK)
            ho_describe_stop(&r);
    }
    if (error->status == HO_OK)
        return pipeline;
    ho_pipeline_free(pipeline);
    return NULL;
}

ho_pipeline *ho_pipeline_read(ho_registry *registry, const ho_pipeline_request *request, ho_error *error)
{
    ho_experiment *e = ho_experiment_open(request, error);
    ho_pipeline *pipeline =
        e ? ho_experiment_pipeline(e, registry, request->variant, request->repetition, error) : NULL;
    if (!pipeline) {
        ho_experiment_free(e);
        return NULL;
    }
    pipeline->owned = e;
    ho_data_cache_clear(e->cache);
    return pipeline;
}

void ho_pipeline_free(ho_pipeline *pipeline)
{
    if (!pipeline)
        return;
    const ho_problem *p = &pipeline->problem;
    for (size_t i = 0; i < p->setting_count; i++)
        ho_instance_free(p->settings[i].constraint);
    for (size_t i = 0; i < p->objective_count; i++)
        ho_instance_free(p->objective[i].plugin);
    for (size_t i = 0; i < p->validation_count; i++)
        ho_instance_free(p->validation_terms[i].plugin);
    ho_instance_free(p->model);
    ho_instance_free(p->dynamics);
    ho_instance_free(pipeline->mode);
    ho_instance_free(pipeline->outer);
    ho_examples_free(&pipeline->unstandardized);
    ho_examples_free(&pipeline->training);
    ho_examples_free(&pipeline->validation);
    ho_examples_free(&pipeline->test);
    ho_large_free(pipeline->noise);
    ho_large_free(pipeline->true_labels);
    for (size_t i = 0; i < sizeof pipeline->datasets / sizeof *pipeline->datasets; i++)
        ho_dataset_free(pipeline->datasets[i]);
    ho_experiment_free(pipeline->owned);
    ho_arena_free(pipeline->arena);
    free(pipeline);
}
