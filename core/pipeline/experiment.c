/* Variants and repetitions: which runs a file asks for, and what each lays over the file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"
#include "pipeline/yaml.h"

#define MOST_REPETITIONS 1000

ho_tree *ho_root_read(ho_arena *arena, const ho_pipeline_request *request, ho_error *error)
{
    ho_tree *root = ho_yaml_read(arena, request->file, error);
    if (!root || ho_tree_expect(root, HO_TREE_MAP, "the pipeline", error) != HO_OK)
        return NULL;
    for (size_t i = 0; i < request->set_count; i++)
        if (ho_tree_set(arena, root, request->sets[i], error) != HO_OK)
            return NULL;
    return root;
}

static const char **names_of(ho_arena *arena, const ho_tree *variants)
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
    const char *nearest = ho_nearest(name, names_of(arena, variants), count);
    ho_fail_at(error, HO_INVALID, variants ? variants->place : (ho_place){.file = file},
               count ? "no variant \"%s\"%s%s%s" : "no variant \"%s\": the pipeline has no variants%s%s%s", name,
               nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return NULL;
}

ho_status ho_variant_apply(ho_arena *arena, ho_tree *root, const ho_pipeline_request *request, ho_error *error)
{
    if (request->variant) {
        const ho_tree *variant = find_variant(arena, root, request->file, request->variant, error);
        if (!variant || ho_tree_merge(arena, root, variant, error) != HO_OK)
            return error->status;
    }
    ho_tree_remove(root, "variants");
    ho_tree_remove(root, "repeat");
    return HO_OK;
}

/* A variant's name is a folder's name too. */
static ho_status check_variants(const ho_tree *variants, ho_error *error)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    if (!variants)
        return HO_OK;
    if (ho_tree_expect(variants, HO_TREE_MAP, "variants", error) != HO_OK)
        return error->status;
    if (variants->count == 0)
        return ho_fail_at(error, HO_INVALID, variants->place, "variants: an empty map");
    for (const ho_tree *v = variants->first; v; v = v->next) {
        if (v->key[0] == '.' || v->key[0] == '\0' || strspn(v->key, letters) != strlen(v->key))
            return ho_fail_at(
                error, HO_INVALID, v->key_place,
                "variants: \"%s\": wanted are letters, digits, '_', '-' and '.', not beginning with a '.'", v->key);
        if (v->kind != HO_TREE_MAP)
            return ho_fail_at(error, HO_INVALID, v->place, "variants: %s: wanted is a map of changes ({} for none)",
                              v->key);
        for (const ho_tree *change = v->first; change; change = change->next)
            if (strcmp(change->key, "variants") == 0 || strcmp(change->key, "repeat") == 0)
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
    if (*repeat < 1 || *repeat > MOST_REPETITIONS)
        return ho_fail_at(error, HO_INVALID, node->place, "repeat: %s is not between 1 and %d", node->text,
                          MOST_REPETITIONS);
    return HO_OK;
}

ho_experiment *ho_experiment_read(const ho_pipeline_request *request, const char *const *chosen, size_t chosen_count,
                                  ho_error *error)
{
    ho_arena *arena = ho_arena_new();
    ho_experiment *e = ho_alloc(sizeof *e);
    e->arena = arena;
    const ho_tree *root = ho_root_read(arena, request, error);
    const ho_tree *variants = ho_tree_get(root, "variants");
    e->root = root;
    if (root && check_variants(variants, error) == HO_OK)
        read_repeat(root, &e->repeat, error);
    for (size_t i = 0; i < chosen_count && error->status == HO_OK; i++)
        find_variant(arena, root, request->file, chosen[i], error);
    if (error->status != HO_OK) {
        ho_experiment_free(e);
        return NULL;
    }
    e->variants = names_of(arena, variants);
    e->variant_count = variants ? variants->count : 0;
    if (chosen_count) {
        const char **names = ho_arena_alloc(arena, chosen_count * sizeof *names);
        for (size_t i = 0; i < chosen_count; i++)
            names[i] = ho_arena_strdup(arena, chosen[i]);
        e->variants = names;
        e->variant_count = chosen_count;
    }
    return e;
}

void ho_experiment_free(ho_experiment *experiment)
{
    if (!experiment)
        return;
    ho_arena_free(experiment->arena);
    free(experiment);
}
