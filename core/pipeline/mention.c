/* Plugins as a pipeline mentions them, and the paths among their settings. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/internal.h"

bool ho_is_word(const ho_tree *node, const char *word)
{
    return node && node->kind == HO_TREE_SCALAR && strcmp(node->text, word) == 0;
}

void ho_path_settle(ho_arena *arena, ho_tree *node)
{
    if (!node || node->kind != HO_TREE_SCALAR || !*node->text)
        return;
    char *path = ho_path_beside(node->place.file ? node->place.file : "", node->text);
    char folder[4096];
    if (path[0] != '/' && getcwd(folder, sizeof folder))
        node->text = ho_arena_format(arena, "%s/%s", folder, path);
    else
        node->text = ho_arena_strdup(arena, path);
    free(path);
}

bool ho_is_npy(ho_arena *arena, ho_tree *node)
{
    size_t length = node->kind == HO_TREE_SCALAR ? strlen(node->text) : 0;
    bool is = length > 4 && strcmp(node->text + length - 4, ".npy") == 0;
    if (is)
        ho_path_settle(arena, node);
    return is;
}

ho_tree *ho_items(ho_tree *node, const char *what, size_t *count, ho_error *error)
{
    bool list = node->kind == HO_TREE_LIST;
    *count = list ? node->count : 1;
    if (!*count)
        ho_fail_at(error, HO_INVALID, node->place, "%s: the list is empty", what);
    return list ? node->first : node;
}

/* The plugin in the file that `path` names, which must be of this kind and name. */
static const ho_loaded *load_file(ho_reading *r, uint32_t kind, ho_tree *path, const char *name, ho_place place)
{
    const char *text;
    if (ho_tree_string(path, "path", &text, r->error) != HO_OK)
        return NULL;
    ho_path_settle(r->arena, path);
    const ho_loaded *first = ho_registry_load(r->registry, path->text, r->error),
                    *loaded = ho_loaded_find(first, kind, name);
    char *held = loaded || !first ? NULL : ho_loaded_list(first);
    if (!first)
        ho_error_place(r->error, path->place);
    else if (!loaded)
        ho_fail_at(r->error, HO_INVALID, place, "%s holds the %s, expected the %s \"%s\"", path->text, held,
                   ho_kind_name(kind), name);
    free(held);
    return loaded;
}

ho_status ho_mention_read(ho_reading *r, uint32_t kind, ho_tree *node, const char *what, ho_mention *mention)
{
    bool own = kind == HO_LOSS || kind == HO_PENALTY || kind == HO_MODE;
    const char *key = own ? ho_kind_name(kind) : "plugin", *name;
    const ho_tree *named = node;
    if (node->kind == HO_TREE_MAP) {
        mention->settings = node;
        named = ho_tree_get(node, key);
        if (!named)
            return ho_fail_at(r->error, HO_INVALID, node->place, "%s: \"%s\" is missing: the name of the plugin", what,
                              key);
    } else if (node->kind != HO_TREE_SCALAR) {
        return ho_fail_at(r->error, HO_INVALID, node->place,
                          "%s: expected a plugin's name or a map with \"%s\", got %s", what, key,
                          ho_tree_kind_name(node->kind));
    }
    if (ho_tree_string(named, what, &name, r->error) != HO_OK)
        return r->error->status;
    mention->place = named->place;
    ho_tree *path = ho_tree_get(mention->settings, "path");
    mention->loaded = path ? load_file(r, kind, path, name, named->place)
                           : ho_registry_find(r->registry, kind, name, named->place, r->error);
    for (uint32_t i = 0; mention->loaded && i < mention->loaded->option_count; i++)
        if (mention->loaded->options[i].type == HO_PATH)
            ho_path_settle(r->arena, ho_tree_get(mention->settings, mention->loaded->options[i].name));
    return r->error->status;
}

ho_instance *ho_mention_make(ho_reading *r, const ho_mention *m, const char *name, ho_section section)
{
    return ho_instance_new(m->loaded, name, m->settings, ho_key_names(section), m->place, r->error);
}
