/* Every setting of a pipeline: the tree that was read, with the defaults that the keys and the plugins declare. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"

typedef struct completing {
    const ho_pipeline *pipeline;
    ho_arena *arena;
    ho_tree *root; /* a copy, which is being completed */
    const ho_loaded **plugins;
    size_t plugin_count, plugin_capacity;
    ho_pair *settings;
    size_t setting_count, setting_capacity;
} completing;

/* ---- plugins ----------------------------------------------------------------------------------------------------- */

static void add_plugin(completing *c, const ho_loaded *loaded)
{
    for (size_t i = 0; i < c->plugin_count; i++)
        if (c->plugins[i] == loaded)
            return;
    ho_grow((void **)&c->plugins, &c->plugin_capacity, c->plugin_count, sizeof loaded);
    c->plugins[c->plugin_count++] = loaded;
}

/* The plugin that was loaded for a mention; NULL where it cannot be found any more. */
static const ho_loaded *plugin_of(completing *c, uint32_t kind, const ho_tree *map, const char *key)
{
    const ho_tree *name = ho_tree_get(map, key), *path = ho_tree_get(map, "path");
    ho_error error = {0};
    if (!name)
        return NULL;
    const ho_loaded *loaded =
        path ? ho_loaded_find(ho_registry_load(c->pipeline->registry, path->text, &error), kind, name->text)
             : ho_registry_find(c->pipeline->registry, kind, name->text, name->place, &error);
    if (loaded)
        add_plugin(c, loaded);
    return loaded;
}

/* ---- defaults ---------------------------------------------------------------------------------------------------- */

static void put(completing *c, ho_tree *map, const char *key, const char *text)
{
    if (!ho_tree_get(map, key))
        ho_tree_put_text(c->arena, map, key, map->place, text);
}

/* The map that stands for `node`: where that is the bare value of `key`, a map with it. */
static ho_tree *as_map(completing *c, ho_tree *node, const char *key)
{
    if (node->kind != HO_TREE_SCALAR)
        return node;
    ho_tree *bare = ho_tree_copy(c->arena, node);
    node->kind = HO_TREE_MAP;
    node->first = node->last = NULL;
    node->count = 0;
    ho_tree_put(node, key, node->place, bare);
    return node;
}

static bool goes_with(const ho_key *key, const ho_tree *map)
{
    return key->with == HO_WITH_ANY ||
           (key->with == HO_WITH_ONLINE && ho_is_word(ho_tree_get(map, "schedule"), "online"));
}

static void put_keys(completing *c, ho_section section, ho_tree *map)
{
    for (size_t i = 0; i < ho_key_count; i++)
        if (ho_keys[i].in & HO_IN(section) && ho_keys[i].initial && !ho_keys[i].whole_file &&
            goes_with(&ho_keys[i], map))
            put(c, map, ho_keys[i].name, ho_keys[i].initial);
}

/* The default of a hyperparameter of `part` (NULL: of nothing that is tuned): its initial value where it is tuned. */
static void put_hyper(completing *c, ho_tree *map, const char *part, const char *name, const char *text)
{
    ho_tree *tuned =
        part ? ho_tree_get(ho_tree_get(c->root, "hyperparameters"), ho_arena_format(c->arena, "%s.%s", part, name))
             : NULL;
    if (!tuned)
        put(c, map, name, text);
    else if (!ho_tree_get(map, name))
        put(c, as_map(c, tuned, "init"), "init", text);
}

static void put_plugin(completing *c, ho_tree *map, const ho_loaded *loaded, const char *part)
{
    for (uint32_t i = 0; loaded && i < loaded->option_count; i++)
        if (loaded->options[i].initial)
            put(c, map, loaded->options[i].name, loaded->options[i].initial);
    for (uint32_t i = 0; loaded && i < loaded->hyper_count; i++) {
        char number[32];
        ho_print_real(loaded->hypers[i].initial, number);
        put_hyper(c, map, part, loaded->hypers[i].name, number);
    }
}

/* A mention of a plugin with all of its settings. */
static ho_tree *complete(completing *c, ho_tree *node, uint32_t kind, ho_section section, const char *part)
{
    const bool own = kind == HO_LOSS || kind == HO_PENALTY || kind == HO_MODE;
    const char *key = own ? ho_kind_name(kind) : "plugin";
    ho_tree *map = as_map(c, node, key), *name = ho_tree_get(map, "name");
    const ho_loaded *loaded = plugin_of(c, kind, map, key);
    if (part && !*part)
        part = loaded ? loaded->plugin.name : part;
    put_plugin(c, map, loaded, name ? name->text : part);
    if (section == HO_LOSS_TERM || section == HO_PENALTY_TERM)
        put_hyper(c, map, name ? name->text : part, "weight", "1");
    put_keys(c, section, map);
    return map;
}

/* `part`: "" where terms are called as their plugins; NULL: their hyperparameters cannot be tuned. */
static void complete_terms(completing *c, ho_tree *node, const char *part)
{
    const bool list = node && node->kind == HO_TREE_LIST;
    for (ho_tree *term = list ? node->first : node; term; term = list ? term->next : NULL) {
        const bool loss = ho_tree_get(term, "loss");
        complete(c, term, loss ? HO_LOSS : HO_PENALTY, loss ? HO_LOSS_TERM : HO_PENALTY_TERM, part);
    }
}

/* What the validation error says of itself. */
static void complete_validation(completing *c)
{
    ho_tree *node = ho_tree_get(c->root, "validation"), *terms = node;
    if (node && node->kind == HO_TREE_MAP && !ho_tree_get(node, "loss") && !ho_tree_get(node, "penalty"))
        terms = ho_tree_get(node, "terms");
    complete_terms(c, terms, NULL);
    if (node && node->kind == HO_TREE_MAP)
        put_keys(c, HO_VALIDATION, node);
}

static void complete_hypers(completing *c)
{
    const ho_tree *hypers = ho_tree_get(c->root, "hyperparameters");
    for (ho_tree *entry = hypers ? hypers->first : NULL; entry; entry = entry->next) {
        as_map(c, entry, "init");
        ho_tree *constraint = ho_tree_get(entry, "constraint"), *range = ho_tree_get(entry, "range");
        if (constraint)
            complete(c, constraint, HO_CONSTRAINT, HO_PROJECTION, NULL);
        if (range)
            put_keys(c, HO_RANGE, range);
        put_keys(c, HO_TUNED, entry);
    }
}

/* The source that is in use takes the place of the list of them. */
static void complete_data(completing *c)
{
    static const char *const parts[] = {"train", "validation", "test"};
    ho_tree *data = ho_tree_get(c->root, "data");
    if (data->kind == HO_TREE_LIST) {
        ho_tree *used = data->first;
        for (size_t i = 0; i < c->pipeline->data_choice; i++)
            used = used->next;
        ho_tree_drop(data, used);
        ho_tree_remove(c->root, "data");
        ho_tree_put(c->root, "data", used->place, used);
        data = used;
    }
    const bool whole = ho_tree_get(data, "plugin");
    for (size_t i = whole ? 2 : 0; i < sizeof parts / sizeof *parts; i++) {
        ho_tree *part = ho_tree_get(data, parts[i]);
        if (part)
            complete(c, part, HO_DATA, HO_READER, NULL);
    }
    if (whole)
        complete(c, data, HO_DATA, HO_SOURCE, NULL);
    else
        put_keys(c, HO_PARTS, data);
    ho_tree *split = ho_tree_get(data, "split"), *noise = ho_tree_get(data, "noise");
    if (split)
        put_keys(c, HO_SPLIT, split);
    if (noise)
        put_keys(c, HO_NOISE, noise);
}

static ho_tree *section(completing *c, const char *key)
{
    if (!ho_tree_get(c->root, key))
        ho_tree_put(c->root, key, c->root->place, ho_tree_new(c->arena, HO_TREE_MAP, c->root->place));
    return ho_tree_get(c->root, key);
}

static void complete_tuning(completing *c)
{
    ho_tree *outer = ho_tree_get(c->root, "outer"), *stop = ho_tree_get(c->root, "stop");
    if (c->pipeline->mode || c->pipeline->mode_automatic) {
        ho_tree *mode = as_map(c, section(c, "hypergradient"), "mode");
        put(c, mode, "mode", "auto");
        if (c->pipeline->mode_automatic && c->pipeline->mode)
            add_plugin(c, c->pipeline->mode->loaded);
        else if (!c->pipeline->mode_automatic)
            complete(c, mode, HO_MODE, HO_HYPERGRADIENT, NULL);
    }
    if (outer && outer->kind == HO_TREE_MAP)
        complete(c, outer, HO_DYNAMICS, HO_OUTER, NULL);
    if (stop && stop->kind == HO_TREE_MAP)
        put_keys(c, HO_STOP, stop);
    put_keys(c, HO_FINAL, section(c, "final"));
    put_keys(c, HO_CHECKPOINT, section(c, "checkpoint"));
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static void add(completing *c, const char *path, const char *text)
{
    ho_grow((void **)&c->settings, &c->setting_capacity, c->setting_count, sizeof *c->settings);
    c->settings[c->setting_count++] = (ho_pair){path, ho_arena_strdup(c->arena, text)};
}

/* "[1, 2]". */
static const char *list_text(completing *c, const ho_tree *node)
{
    if (node->kind != HO_TREE_LIST)
        return node->text ? node->text : "null";
    const char **items = ho_arena_alloc(c->arena, (node->count + 1) * sizeof *items);
    size_t count = 0;
    for (const ho_tree *item = node->first; item; item = item->next)
        items[count++] = list_text(c, item);
    char *joined = ho_join(items, count);
    const char *text = ho_arena_format(c->arena, "[%s]", joined);
    free(joined);
    return text;
}

static bool name_is_taken(const ho_tree *item)
{
    const char *name = ho_item_name(item);
    for (const ho_tree *other = item->parent->first; other != item; other = other->next)
        if (ho_item_name(other) && strcmp(ho_item_name(other), name) == 0)
            return true;
    return false;
}

static void add_all(completing *c, const ho_tree *node, const char *path)
{
    const bool maps = node->kind == HO_TREE_LIST && node->first && node->first->kind == HO_TREE_MAP;
    size_t number = 0;
    if (node->kind == HO_TREE_SCALAR || (node->kind == HO_TREE_LIST && !maps)) {
        add(c, path, list_text(c, node));
        return;
    }
    for (const ho_tree *child = node->first; child; child = child->next) {
        const char *name = maps ? ho_item_name(child) : child->key;
        number++;
        if (!name || (maps && name_is_taken(child)))
            name = ho_arena_format(c->arena, "%zu", number);
        add_all(c, child, *path ? ho_arena_format(c->arena, "%s/%s", path, name) : ho_arena_strdup(c->arena, name));
    }
}

/* A copy in the arena of a list that grew. */
static void *kept(ho_arena *arena, void *items, size_t size)
{
    void *copy = ho_arena_alloc(arena, size + 1);
    if (size)
        memcpy(copy, items, size);
    free(items);
    return copy;
}

ho_settings ho_pipeline_settings(const ho_pipeline *pipeline, ho_arena *arena)
{
    completing c = {.pipeline = pipeline, .arena = arena, .root = ho_tree_copy(arena, pipeline->root)};
    complete_data(&c);
    complete(&c, ho_tree_get(c.root, "model"), HO_MODEL, HO_PART, "model");
    complete_terms(&c, ho_tree_get(c.root, "objective"), "");
    complete(&c, ho_tree_get(c.root, "dynamics"), HO_DYNAMICS, HO_PART, "dynamics");
    complete_validation(&c);
    complete_hypers(&c);
    complete_tuning(&c);
    put_keys(&c, HO_PIPELINE, c.root);
    add_all(&c, c.root, "");
    return (ho_settings){
        .pairs = {kept(arena, c.settings, c.setting_count * sizeof *c.settings), c.setting_count},
        .plugins = kept(arena, c.plugins, c.plugin_count * sizeof *c.plugins),
        .plugin_count = c.plugin_count,
    };
}
