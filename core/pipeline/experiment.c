/* Variants and repetitions: which runs a file asks for, and what each lays over the file. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"
#include "pipeline/yaml.h"

/* A variant's name is a folder's name too, beside the files of the run. */
static ho_status check_name(const ho_tree *variant, const char *where, ho_error *error)
{
    static const char *const taken[] = {"pipeline.yaml", "result.json", "report.html", "truth"};
    const char *name = variant->key;
    if (!ho_is_file_name(name))
        return ho_fail_at(error, HO_INVALID, variant->key_place, "%s: \"%s\": " HO_FILE_NAME_RULE, where, name);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return ho_fail_at(error, HO_INVALID, variant->key_place,
                              "%s: \"%s\": the run folder holds something else of that name", where, name);
    return HO_OK;
}

static bool on_request(const ho_tree *variant, ho_error *error)
{
    bool value = false;
    ho_key_read(HO_VARIANT, "on_request", variant, &value, error);
    return value;
}

static ho_status check_variant(const ho_tree *variant, ho_error *error)
{
    if (check_name(variant, "variants", error) != HO_OK)
        return error->status;
    if (variant->kind != HO_TREE_MAP)
        return ho_fail_at(error, HO_INVALID, variant->place,
                          "variants: %s: expected a map of changes ({} for none), got %s", variant->key,
                          ho_tree_kind_name(variant->kind));
    for (size_t i = 0; i < ho_key_count; i++) {
        const ho_tree *change = ho_keys[i].whole_file ? ho_tree_get(variant, ho_keys[i].name) : NULL;
        if (change)
            return ho_fail_at(error, HO_INVALID, change->key_place, "variants: a variant cannot change \"%s\"",
                              change->key);
    }
    on_request(variant, error);
    return error->status;
}

static ho_status check_variants(const ho_tree *variants, ho_error *error)
{
    if (ho_tree_expect(variants, HO_TREE_MAP, "variants", error) != HO_OK)
        return error->status;
    if (variants->count == 0)
        return ho_fail_at(error, HO_INVALID, variants->place, "variants: the map is empty");
    for (const ho_tree *v = variants->first; v; v = v->next)
        if (check_variant(v, error) != HO_OK)
            return error->status;
    return HO_OK;
}

/* The names of variants, in order; NULL has none. */
static const char **names_of(ho_arena *arena, const ho_tree *variants)
{
    size_t count = 0;
    const char **names = ho_arena_alloc(arena, ((variants ? variants->count : 0) + 1) * sizeof *names);
    for (const ho_tree *child = variants ? variants->first : NULL; child; child = child->next)
        names[count++] = child->key;
    return names;
}

/* ---- choose: further rows of the table, each made of the best of some variants by validation error -----------------
 */

static ho_status check_members(const ho_tree *choice, const ho_tree *variants, const char *const *names,
                               ho_error *error)
{
    if (ho_tree_expect(choice, HO_TREE_LIST, choice->key, error) != HO_OK)
        return error->status;
    if (choice->count < 2)
        return ho_fail_at(error, HO_INVALID, choice->place, "choose: %s: expected at least two variants", choice->key);
    for (const ho_tree *item = choice->first; item; item = item->next) {
        const char *name;
        char near[HO_SUGGESTION];
        if (ho_tree_string(item, choice->key, &name, error) != HO_OK)
            return error->status;
        if (!ho_tree_get(variants, name))
            return ho_fail_at(error, HO_INVALID, item->place, "choose: %s: no variant \"%s\"%s", choice->key, name,
                              ho_suggest(ho_nearest(name, names, variants->count), near));
        for (const ho_tree *other = choice->first; other != item; other = other->next)
            if (strcmp(other->text, name) == 0)
                return ho_fail_at(error, HO_INVALID, item->place, "choose: %s: \"%s\" is named twice", choice->key,
                                  name);
    }
    return HO_OK;
}

static ho_status check_choose(ho_arena *arena, const ho_tree *choose, const ho_tree *variants, ho_error *error)
{
    if (ho_tree_expect(choose, HO_TREE_MAP, "choose", error) != HO_OK)
        return error->status;
    if (!variants)
        return ho_fail_at(error, HO_INVALID, choose->key_place, "choose: there are no variants to choose among");
    const char **names = names_of(arena, variants);
    for (const ho_tree *choice = choose->first; choice; choice = choice->next) {
        if (check_name(choice, "choose", error) != HO_OK)
            return error->status;
        if (ho_tree_get(variants, choice->key))
            return ho_fail_at(error, HO_INVALID, choice->key_place, "choose: \"%s\" is the name of a variant",
                              choice->key);
        if (check_members(choice, variants, names, error) != HO_OK)
            return error->status;
    }
    return HO_OK;
}

/* Which of the experiment's variants a choice names; false: not all of them run. */
static bool find_members(const ho_experiment *e, const ho_tree *choice, size_t *members)
{
    size_t count = 0;
    for (const ho_tree *item = choice->first; item; item = item->next) {
        size_t v = 0;
        while (v < e->variant_count && strcmp(e->variants[v], item->text) != 0)
            v++;
        if (v == e->variant_count)
            return false;
        members[count++] = v;
    }
    return true;
}

/* The choices among variants that all run. */
static void read_choices(ho_experiment *e)
{
    const ho_tree *choose = ho_tree_get(e->root, "choose");
    ho_choice *choices = ho_arena_alloc(e->arena, ((choose ? choose->count : 0) + 1) * sizeof *choices);
    for (const ho_tree *choice = choose ? choose->first : NULL; choice; choice = choice->next) {
        size_t *members = ho_arena_alloc(e->arena, choice->count * sizeof *members);
        if (find_members(e, choice, members))
            choices[e->choice_count++] = (ho_choice){choice->key, members, choice->count};
    }
    e->choices = choices;
}

/* ---- the whole file ---------------------------------------------------------------------------------------------- */

static ho_status check_root(ho_experiment *e, ho_error *error)
{
    const ho_tree *variants = ho_tree_get(e->root, "variants"), *choose = ho_tree_get(e->root, "choose");
    if ((variants && check_variants(variants, error) != HO_OK) ||
        (choose && check_choose(e->arena, choose, variants, error) != HO_OK))
        return error->status;
    return ho_key_read(HO_PIPELINE, "repeat", e->root, &e->repeat, error);
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
    if (error->status == HO_OK && check_root(e, error) == HO_OK)
        return e;
    ho_experiment_free(e);
    return NULL;
}

static ho_tree *find_variant(ho_arena *arena, const ho_tree *root, const char *file, const char *name, ho_error *error)
{
    const ho_tree *variants = ho_tree_get(root, "variants");
    ho_tree *variant = ho_tree_get(variants, name);
    if (variant)
        return variant;
    size_t count = variants ? variants->count : 0;
    char near[HO_SUGGESTION];
    const char *nearest = ho_nearest(name, names_of(arena, variants), count);
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
        ho_tree_remove(changes, "on_request");
        if (ho_tree_merge(arena, root, changes, error) != HO_OK)
            return NULL;
    }
    for (size_t i = 0; i < ho_key_count; i++)
        if (ho_keys[i].whole_file)
            ho_tree_remove(root, ho_keys[i].name);
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
                   "variants: all of them run on request only; choose with --variant NAME");
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
        read_choices(e);
    return e;
}

/* Gives absolute paths to all nodes that a node was copied from. */
static void settle(ho_arena *arena, const ho_tree *node)
{
    for (ho_tree *from = node->origin; from && node->kind == HO_TREE_SCALAR && node->text[0] == '/';
         from = from->origin)
        if (strcmp(from->text, node->text) != 0)
            from->text = ho_arena_strdup(arena, node->text);
    for (const ho_tree *child = node->first; child; child = child->next)
        settle(arena, child);
}

void ho_experiment_settle(ho_experiment *experiment, const ho_pipeline *pipeline)
{
    settle(experiment->arena, pipeline->root);
}

void ho_experiment_free(ho_experiment *experiment)
{
    if (!experiment)
        return;
    ho_data_cache_free(experiment->cache);
    ho_arena_free(experiment->arena);
    free(experiment);
}
