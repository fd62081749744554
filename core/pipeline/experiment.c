/* Variants and repetitions: which runs a file asks for, and what each lays over the file. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"
#include "pipeline/yaml.h"

/* What a variant says of itself: it runs only where it is asked for by name. */
#define ON_REQUEST "on_request"

/* A variant's name is a folder's name too, beside the files of the run. */
ho_status ho_variant_name_check(const ho_tree *variant, const char *where, ho_error *error)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    static const char *const taken[] = {"pipeline.yaml", "result.json", "report.html", "truth"};
    const char *name = variant->key;
    if (name[0] == '.' || name[0] == '\0' || strspn(name, letters) != strlen(name))
        return ho_fail_at(error, HO_INVALID, variant->key_place,
                          "%s: \"%s\": wanted are letters, digits, '_', '-' and '.', not beginning with a '.'", where,
                          name);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return ho_fail_at(error, HO_INVALID, variant->key_place,
                              "%s: \"%s\": a run folder holds another thing of that name", where, name);
    return HO_OK;
}

static bool on_request(const ho_tree *variant, ho_error *error)
{
    const ho_tree *node = ho_tree_get(variant, ON_REQUEST);
    bool value = false;
    if (node)
        ho_tree_boolean(node, "variants: " ON_REQUEST, &value, error);
    return value;
}

static ho_status check_variants(const ho_tree *variants, ho_error *error)
{
    if (!variants)
        return HO_OK;
    if (ho_tree_expect(variants, HO_TREE_MAP, "variants", error) != HO_OK)
        return error->status;
    if (variants->count == 0)
        return ho_fail_at(error, HO_INVALID, variants->place, "variants: an empty map");
    for (const ho_tree *v = variants->first; v; v = v->next) {
        if (ho_variant_name_check(v, "variants", error) != HO_OK)
            return error->status;
        if (v->kind != HO_TREE_MAP)
            return ho_fail_at(error, HO_INVALID, v->place, "variants: %s: wanted is a map of changes ({} for none)",
                              v->key);
        on_request(v, error);
        if (error->status != HO_OK)
            return error->status;
        for (const ho_tree *change = v->first; change; change = change->next)
            if (strcmp(change->key, "variants") == 0 || strcmp(change->key, "repeat") == 0 ||
                strcmp(change->key, "choose") == 0)
                return ho_fail_at(error, HO_INVALID, change->key_place, "variants: a variant cannot change \"%s\"",
                                  change->key);
    }
    return HO_OK;
}

static ho_status read_repeat(const ho_tree *root, int64_t *repeat, ho_error *error)
{
    const ho_tree *node = ho_tree_get(root, "repeat");
    *repeat = 1;
    if (!node)
        return HO_OK;
    if (ho_tree_integer(node, "repeat", repeat, error) != HO_OK)
        return error->status;
    if (*repeat < 1 || *repeat > HO_MOST_REPETITIONS)
        return ho_fail_at(error, HO_INVALID, node->place, "repeat: %s is not between 1 and %d", node->text,
                          HO_MOST_REPETITIONS);
    return HO_OK;
}

ho_experiment *ho_experiment_open(const ho_pipeline_request *request, ho_error *error)
{
    ho_experiment *e = ho_alloc(sizeof *e);
    e->arena = ho_arena_new();
    e->request = *request;
    e->cache = ho_data_cache_new();
    e->root = ho_yaml_read(e->arena, request->file, error);
    if (e->root)
        ho_tree_expect(e->root, HO_TREE_MAP, "the pipeline", error);
    for (size_t i = 0; i < request->set_count && error->status == HO_OK; i++)
        ho_tree_set(e->arena, e->root, request->sets[i], error);
    if (error->status == HO_OK && check_variants(ho_tree_get(e->root, "variants"), error) == HO_OK &&
        ho_choose_check(e->arena, e->root, error) == HO_OK && read_repeat(e->root, &e->repeat, error) == HO_OK)
        return e;
    ho_experiment_free(e);
    return NULL;
}

const char **ho_variant_names(ho_arena *arena, const ho_tree *variants)
{
    size_t count = 0;
    const char **names = ho_arena_alloc(arena, ((variants ? variants->count : 0) + 1) * sizeof *names);
    for (const ho_tree *child = variants ? variants->first : NULL; child; child = child->next)
        names[count++] = child->key;
    return names;
}

static ho_tree *find_variant(ho_arena *arena, const ho_tree *root, const char *file, const char *name, ho_error *error)
{
    const ho_tree *variants = ho_tree_get(root, "variants");
    ho_tree *variant = ho_tree_get(variants, name);
    if (variant)
        return variant;
    size_t count = variants ? variants->count : 0;
    char near[HO_SUGGESTION];
    const char *nearest = ho_nearest(name, ho_variant_names(arena, variants), count);
    ho_fail_at(error, HO_INVALID, variants ? variants->place : (ho_place){.file = file},
               count ? "no variant \"%s\"%s" : "no variant \"%s\": the pipeline has no variants%s", name,
               ho_suggest(nearest, near));
    return NULL;
}

ho_tree *ho_experiment_root(const ho_experiment *e, ho_arena *arena, const char *name, ho_error *error)
{
    ho_tree *root = ho_tree_copy(arena, e->root);
    if (name) {
        const ho_tree *variant = find_variant(arena, root, e->request.file, name, error);
        if (!variant)
            return NULL;
        ho_tree *changes = ho_tree_copy(arena, variant);
        ho_tree_remove(changes, ON_REQUEST);
        if (ho_tree_merge(arena, root, changes, error) != HO_OK)
            return NULL;
    }
    ho_tree_remove(root, "variants");
    ho_tree_remove(root, "repeat");
    ho_tree_remove(root, "choose");
    return root;
}

/* The variants chosen on the command line, each once. */
static ho_status choose(ho_experiment *e, const char *file, const char *const *chosen, size_t count, ho_error *error)
{
    e->variants = ho_arena_alloc(e->arena, count * sizeof *e->variants);
    for (size_t i = 0; i < count; i++) {
        const ho_tree *variant = find_variant(e->arena, e->root, file, chosen[i], error);
        if (!variant)
            return error->status;
        for (size_t j = 0; j < i; j++)
            if (strcmp(chosen[i], e->variants[j]) == 0)
                return ho_fail(error, HO_INVALID, "--variant %s: chosen twice", chosen[i]);
        e->variants[e->variant_count++] = variant->key;
    }
    return HO_OK;
}

/* All of them that do not wait to be asked for. */
static ho_status choose_usual(ho_experiment *e, ho_error *error)
{
    const ho_tree *variants = ho_tree_get(e->root, "variants");
    e->variants = ho_arena_alloc(e->arena, ((variants ? variants->count : 0) + 1) * sizeof *e->variants);
    for (const ho_tree *v = variants ? variants->first : NULL; v; v = v->next)
        if (!on_request(v, error))
            e->variants[e->variant_count++] = v->key;
    if (variants && e->variant_count == 0)
        ho_fail_at(error, HO_INVALID, variants->place,
                   "variants: each runs on request only; choose with --variant NAME");
    return error->status;
}

ho_experiment *ho_experiment_read(const ho_pipeline_request *request, const char *const *chosen, size_t chosen_count,
                                  ho_error *error)
{
    ho_experiment *e = ho_experiment_open(request, error);
    if (e && (chosen_count ? choose(e, request->file, chosen, chosen_count, error) : choose_usual(e, error)) != HO_OK) {
        ho_experiment_free(e);
        return NULL;
    }
    if (e)
        ho_choose_read(e);
    return e;
}

/* Whether `settled` is what became of the relative path `path`: written at the same place, and ending in it. */
static bool became(const ho_tree *path, const ho_tree *settled)
{
    const ho_place *a = &path->place, *b = &settled->place;
    size_t length = strlen(path->text), whole = strlen(settled->text);
    return a->file && b->file && a->line == b->line && a->column == b->column && strcmp(a->file, b->file) == 0 &&
           length < whole && strcmp(settled->text + whole - length, path->text) == 0;
}

static void settle_one(ho_arena *arena, ho_tree *node, const ho_tree *settled)
{
    if (node->kind == HO_TREE_SCALAR && became(node, settled))
        node->text = ho_arena_strdup(arena, settled->text);
    for (ho_tree *child = node->first; child; child = child->next)
        settle_one(arena, child, settled);
}

static void settle_all(ho_arena *arena, ho_tree *root, const ho_tree *settled)
{
    if (settled->kind == HO_TREE_SCALAR && settled->text[0] == '/')
        settle_one(arena, root, settled);
    for (const ho_tree *child = settled->first; child; child = child->next)
        settle_all(arena, root, child);
}

void ho_experiment_settle(ho_experiment *experiment, const ho_pipeline *pipeline)
{
    settle_all(experiment->arena, experiment->root, pipeline->root);
}

void ho_experiment_free(ho_experiment *experiment)
{
    if (!experiment)
        return;
    ho_data_cache_free(experiment->cache);
    ho_arena_free(experiment->arena);
    free(experiment);
}
