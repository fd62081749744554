/* Variants, repetitions and choices: which runs a file asks for, and what each lays over the file. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"
#include "pipeline/yaml.h"

/* The variant of that name; NULL with an error at `place`. `where` goes before its message. */
static ho_tree *find_variant(const ho_tree *variants, const char *name, ho_place place, const char *where,
                             ho_error *error)
{
    ho_tree *found = ho_tree_get(variants, name);
    size_t count = 0;
    const char **names = ho_alloc((variants ? variants->count : 0) * sizeof *names);
    for (const ho_tree *v = variants ? variants->first : NULL; v; v = v->next)
        names[count++] = v->key;
    char near[HO_SUGGESTION];
    ho_suggest(ho_nearest(name, names, count), near);
    if (!found)
        ho_fail_at(error, HO_INVALID, place, "%sno variant \"%s\"%s", where, name,
                   count ? near : ": the pipeline has no variants");
    free(names);
    return found;
}

/* ---- checks of the whole file ------------------------------------------------------------------------------------ */

/* A variant's name is a folder's name too, beside the files of the run. */
static ho_status check_name(const ho_tree *variant, const char *where, ho_error *error)
{
    static const char *const taken[] = {"pipeline.yaml", "result.json", "unfinished.json",
                                        "report.html",   "truth",       "checkpoints"};
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

/* An entry of `choose`: a further row of the table, made of the best of some variants by validation error. */
static ho_status check_choice(const ho_tree *choice, const ho_tree *variants, ho_error *error)
{
    const char *name = choice->key;
    if (check_name(choice, "choose", error) != HO_OK)
        return error->status;
    if (ho_tree_get(variants, name))
        return ho_fail_at(error, HO_INVALID, choice->key_place, "choose: \"%s\" is the name of a variant", name);
    if (ho_tree_expect(choice, HO_TREE_LIST, name, error) != HO_OK)
        return error->status;
    if (choice->count < 2)
        return ho_fail_at(error, HO_INVALID, choice->place, "choose: %s: expected at least two variants", name);
    char *where = ho_format("choose: %s: ", name);
    for (const ho_tree *item = choice->first; item && error->status == HO_OK; item = item->next) {
        const char *member;
        if (ho_tree_string(item, name, &member, error) != HO_OK ||
            !find_variant(variants, member, item->place, where, error))
            break;
        for (const ho_tree *other = choice->first; other != item; other = other->next)
            if (strcmp(other->text, member) == 0)
                ho_fail_at(error, HO_INVALID, item->place, "%s\"%s\" is named twice", where, member);
    }
    free(where);
    return error->status;
}

static ho_status check_root(ho_experiment *e, ho_error *error)
{
    const ho_tree *variants = ho_tree_get(e->root, "variants"), *choose = ho_tree_get(e->root, "choose");
    if (variants && ho_tree_expect(variants, HO_TREE_MAP, "variants", error) == HO_OK && variants->count == 0)
        ho_fail_at(error, HO_INVALID, variants->place, "variants: the map is empty");
    for (const ho_tree *v = variants ? variants->first : NULL; v && error->status == HO_OK; v = v->next)
        check_variant(v, error);
    if (choose && error->status == HO_OK && ho_tree_expect(choose, HO_TREE_MAP, "choose", error) == HO_OK && !variants)
        ho_fail_at(error, HO_INVALID, choose->key_place, "choose: there are no variants to choose among");
    for (const ho_tree *c = choose ? choose->first : NULL; c && error->status == HO_OK; c = c->next)
        check_choice(c, variants, error);
    return error->status == HO_OK ? ho_key_read(HO_PIPELINE, "repeat", e->root, &e->repeat, error) : error->status;
}

ho_experiment *ho_experiment_open(const ho_pipeline_request *request, ho_error *error)
{
    ho_experiment *e = ho_alloc(sizeof *e);
    e->arena = ho_arena_new();
    e->request = *request;
    e->root = request->root ? ho_tree_copy(e->arena, request->root) : ho_yaml_read(e->arena, request->file, error);
    if (strcmp(request->file, "-") == 0)
        e->request.file = HO_STANDARD_INPUT;
    if (e->root)
        ho_tree_expect(e->root, HO_TREE_MAP, "the pipeline", error);
    for (size_t i = 0; i < request->set_count && error->status == HO_OK; i++)
        ho_tree_set(e->arena, e->root, request->sets[i], error);
    if (error->status == HO_OK && check_root(e, error) == HO_OK)
        return e;
    ho_experiment_free(e);
    return NULL;
}

/* ---- which runs -------------------------------------------------------------------------------------------------- */

/* The variants chosen on the command line, each once. */
static ho_status choose(ho_experiment *e, const char *const *chosen, size_t count, ho_error *error)
{
    const ho_tree *variants = ho_tree_get(e->root, "variants");
    for (size_t i = 0; i < count; i++) {
        ho_place place = variants ? variants->place : (ho_place){.file = e->request.file};
        const ho_tree *variant = find_variant(variants, chosen[i], place, "", error);
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
    for (const ho_tree *v = variants ? variants->first : NULL; v; v = v->next)
        if (!on_request(v, error))
            e->variants[e->variant_count++] = v->key;
    if (variants && e->variant_count == 0)
        return ho_fail_at(error, HO_INVALID, variants->place,
                          "variants: all of them run on request only; choose with --variant NAME");
    return HO_OK;
}

/* Adds a choice if all of its members run. */
static void add_choice(ho_experiment *e, const ho_tree *choice, ho_choice *choices)
{
    size_t *members = ho_arena_alloc(e->arena, choice->count * sizeof *members), count = 0;
    for (const ho_tree *item = choice->first; item; item = item->next)
        for (size_t v = 0; v < e->variant_count; v++)
            if (strcmp(e->variants[v], item->text) == 0)
                members[count++] = v;
    if (count == choice->count)
        choices[e->choice_count++] = (ho_choice){choice->key, members, count};
}

ho_experiment *ho_experiment_read(const ho_pipeline_request *request, const char *const *chosen, size_t chosen_count,
                                  ho_error *error)
{
    ho_experiment *e = ho_experiment_open(request, error);
    if (!e)
        return NULL;
    const ho_tree *variants = ho_tree_get(e->root, "variants"), *choose_map = ho_tree_get(e->root, "choose");
    size_t most = chosen_count + (variants ? variants->count : 0), choice_count = choose_map ? choose_map->count : 0;
    ho_choice *choices = ho_arena_alloc(e->arena, (choice_count + 1) * sizeof *choices);
    e->variants = ho_arena_alloc(e->arena, (most + 1) * sizeof *e->variants);
    e->choices = choices;
    if ((chosen_count ? choose(e, chosen, chosen_count, error) : choose_usual(e, error)) != HO_OK) {
        ho_experiment_free(e);
        return NULL;
    }
    for (const ho_tree *c = choose_map ? choose_map->first : NULL; c; c = c->next)
        add_choice(e, c, choices);
    if (e->variant_count || e->repeat > 1)
        e->cache = ho_data_cache_new();
    return e;
}

void ho_experiment_free(ho_experiment *experiment)
{
    if (!experiment)
        return;
    ho_data_cache_free(experiment->cache);
    ho_arena_free(experiment->arena);
    free(experiment);
}

/* ---- one run ----------------------------------------------------------------------------------------------------- */

ho_tree *ho_experiment_root(const ho_experiment *e, ho_arena *arena, const char *name, ho_error *error)
{
    ho_tree *root = ho_tree_copy(arena, e->root), *variants = ho_tree_get(root, "variants");
    if (name) {
        ho_place place = variants ? variants->place : (ho_place){.file = e->request.file};
        const ho_tree *variant = find_variant(variants, name, place, "", error);
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

/* Gives absolute paths to all nodes that a node was copied from. */
static void settle(ho_arena *arena, const ho_tree *node)
{
    bool path = node->kind == HO_TREE_SCALAR && node->text[0] == '/';
    for (ho_tree *from = path ? node->origin : NULL; from; from = from->origin)
        if (strcmp(from->text, node->text) != 0)
            from->text = ho_arena_strdup(arena, node->text);
    for (const ho_tree *child = node->first; child; child = child->next)
        settle(arena, child);
}

void ho_experiment_settle(ho_experiment *experiment, const ho_pipeline *pipeline)
{
    settle(experiment->arena, pipeline->root);
    if (ho_tree_get(experiment->root, "name"))
        return;
    const ho_tree *name = ho_tree_get(pipeline->root, "name");
    ho_tree_put(experiment->root, "name", name->key_place, ho_tree_copy(experiment->arena, name));
}
