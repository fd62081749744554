/* Laying one tree of settings over another. */
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"
#include "pipeline/yaml.h"

const char *ho_item_name(const ho_tree *item)
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
        if (!ho_item_name(item))
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
    node->written = copy->written;
    node->exact = copy->exact;
    node->stretches = copy->stretches;
    node->stretch_count = copy->stretch_count;
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
        const char *own = ho_item_name(item); /* what was laid over it before may have taken its name */
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
        names[count] = ho_item_name(item);
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
    if (!ho_tree_get(added, "name"))
        ho_tree_put_text(arena, added, "name", over->key_place, over->key);
    ho_tree_append(list, added);
    return HO_OK;
}

static bool from_command_line(const ho_tree *node)
{
    return node->place.file && strcmp(node->place.file, HO_COMMAND_LINE) == 0;
}

ho_status ho_tree_merge(ho_arena *arena, ho_tree *base, const ho_tree *over, ho_error *error)
{
    bool named = is_named_list(base);
    if (over->kind != HO_TREE_MAP || (base->kind != HO_TREE_MAP && !named)) {
        if (!from_command_line(base) || from_command_line(over))
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
