/* Laying one tree of settings over another, and single settings from the command line. */
#include <string.h>

#include "base/text.h"
#include "pipeline/yaml.h"

/* Trees are walked by recursion, so one setting must not make them deeper than a file can. */
enum { MOST_LEVELS = 64 };

/* What an item of a list is called: its name, else the plugin of an objective term or the label of a data source. NULL:
 * it has no name. */
static const char *item_name(const ho_tree *item)
{
    static const char *const keys[] = {"name", "loss", "penalty", "label"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const ho_tree *value = ho_tree_get(item, keys[i]);
        if (value && value->kind == HO_TREE_SCALAR)
            return value->text;
    }
    return NULL;
}

static bool is_named_list(const ho_tree *node)
{
    for (const ho_tree *item = node->first; item; item = item->next)
        if (!item_name(item))
            return false;
    return node->kind == HO_TREE_LIST && node->first;
}

/* Puts the value of `over` in the place of what `node` holds; its key stays. */
static void replace(ho_arena *arena, ho_tree *node, const ho_tree *over)
{
    const ho_tree *copy = ho_tree_copy(arena, over);
    node->kind = copy->kind;
    node->quoted = copy->quoted;
    node->text = copy->text;
    node->origin = copy->origin;
    node->place = copy->place;
    node->first = copy->first;
    node->last = copy->last;
    node->count = copy->count;
    for (ho_tree *child = node->first; child; child = child->next)
        child->parent = node;
}

/* A copy in which nulls, having nothing to delete, are gone. */
static ho_tree *fresh(ho_arena *arena, const ho_tree *over)
{
    if (over->kind != HO_TREE_MAP)
        return ho_tree_copy(arena, over);
    ho_tree *map = ho_tree_new(arena, HO_TREE_MAP, over->place);
    for (const ho_tree *child = over->first; child; child = child->next)
        if (child->kind != HO_TREE_NULL)
            ho_tree_put(map, child->key, child->key_place, fresh(arena, child));
    return map;
}

static ho_tree *item_named(const ho_tree *list, const char *name)
{
    for (ho_tree *item = list->first; item; item = item->next) {
        const char *own = item_name(item); /* what was laid over it before may have taken its name */
        if (own && strcmp(own, name) == 0)
            return item;
    }
    return NULL;
}

static ho_status unknown_item(ho_arena *arena, const ho_tree *list, const ho_tree *over, ho_error *error)
{
    const char **names = ho_arena_alloc(arena, list->count * sizeof *names);
    size_t count = 0;
    for (const ho_tree *item = list->first; item; item = item->next) {
        names[count] = item_name(item);
        count += names[count] != NULL;
    }
    char suggestion[HO_SUGGESTION];
    return ho_fail_at(error, HO_INVALID, over->key_place, "%s has no entry \"%s\"%s",
                      list->key ? list->key : "the list", over->key,
                      ho_suggest(ho_nearest(over->key, names, count), suggestion));
}

/* Adds an objective term of that key's name to a list of named items. */
static ho_status add_item(ho_arena *arena, ho_tree *list, const ho_tree *over, ho_error *error)
{
    if (!ho_tree_get(over, "loss") && !ho_tree_get(over, "penalty"))
        return unknown_item(arena, list, over, error);
    ho_tree *added = fresh(arena, over);
    if (!ho_tree_get(added, "name")) {
        ho_tree *name = ho_tree_new(arena, HO_TREE_SCALAR, over->key_place);
        name->text = over->key;
        ho_tree_put(added, "name", over->key_place, name);
    }
    ho_tree_append(list, added);
    return HO_OK;
}

ho_status ho_tree_merge(ho_arena *arena, ho_tree *base, const ho_tree *over, ho_error *error)
{
    bool named = is_named_list(base);
    if (over->kind != HO_TREE_MAP || (base->kind != HO_TREE_MAP && !named)) {
        replace(arena, base, over->kind == HO_TREE_MAP ? fresh(arena, over) : over);
        return HO_OK;
    }
    for (const ho_tree *child = over->first; child && error->status == HO_OK; child = child->next) {
        ho_tree *below = named ? item_named(base, child->key) : ho_tree_get(base, child->key);
        bool deletes = child->kind == HO_TREE_NULL;
        if (below && deletes)
            ho_tree_drop(base, below);
        else if (below)
            ho_tree_merge(arena, below, child, error);
        else if (named)
            add_item(arena, base, child, error);
        else if (!deletes)
            ho_tree_put(base, child->key, child->key_place, fresh(arena, child));
    }
    return error->status;
}

/* Gives all of a tree one place: columns within an argument help nobody. */
static void place_all(ho_tree *node, ho_place place)
{
    node->place = node->key_place = place;
    for (ho_tree *child = node->first; child; child = child->next)
        place_all(child, place);
}

ho_status ho_tree_set(ho_arena *arena, ho_tree *root, const char *assignment, ho_error *error)
{
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment)
        return ho_fail(error, HO_INVALID, "--set %s: expected KEY=VALUE, as in --set hyperparameters/mtl.A/init=0",
                       assignment);
    char *name = ho_arena_format(arena, "--set %s", assignment);
    ho_tree *value = ho_yaml_parse(arena, name, equals + 1, strlen(equals + 1), error);
    if (!value)
        return error->status;
    /* No folder in the name of the place: paths given on the command line are seen from the current folder. */
    const ho_place place = {"--set", 0, 0};
    place_all(value, place);
    char *keys = ho_arena_strdup(arena, assignment);
    keys[equals - assignment] = '\0';
    ho_tree *over = value;
    int levels = 0;
    for (char *slash = keys; slash; levels++) {
        slash = strrchr(keys, '/');
        const char *key = slash ? slash + 1 : keys;
        if (!*key)
            return ho_fail(error, HO_INVALID, "%s: an empty key; levels are separated by single slashes", name);
        if (levels == MOST_LEVELS)
            return ho_fail(error, HO_INVALID, "--set: nested deeper than %d levels", MOST_LEVELS);
        ho_tree *around = ho_tree_new(arena, HO_TREE_MAP, place);
        ho_tree_put(around, key, place, over);
        over = around;
        if (slash)
            *slash = '\0';
    }
    if (ho_tree_merge(arena, root, over, error) != HO_OK)
        ho_error_prefix(error, "%s", name);
    return error->status;
}
