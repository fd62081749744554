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

void ho_npy_settle(ho_arena *arena, ho_tree *node)
{
    size_t length = node && node->kind == HO_TREE_SCALAR ? strlen(node->text) : 0;
    if (length > 4 && strcmp(node->text + length - 4, ".npy") == 0)
        ho_path_settle(arena, node);
}

/* The plugin in the file that `path` names, which must be of this kind and name. */
static const ho_loaded *load_file(ho_reading *r, uint32_t kind, ho_tree *path, const char *name, ho_place place)
{
    const char *text;
    if (ho_tree_string(path, "path", &text, r->error) != HO_OK)
        return NULL;
    ho_path_settle(r->arena, path);
    const ho_loaded *loaded = ho_registry_load(r->registry, path->text, r->error);
    if (!loaded)
        ho_error_place(r->error, path->place);
    else if (loaded->plugin.kind != kind || strcmp(loaded->plugin.name, name) != 0)
        ho_fail_at(r->error, HO_INVALID, place, "%s holds the %s \"%s\", expected the %s \"%s\"", path->text,
                   ho_kind_name(loaded->plugin.kind), loaded->plugin.name, ho_kind_name(kind), name);
    return r->error->status == HO_OK ? loaded : NULL;
}

ho_status ho_mention_read(ho_reading *r, uint32_t kind, ho_tree *node, const char *key, const char *what,
                          ho_mention *mention)
{
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
    const char *name;
    if (ho_tree_string(named, what, &name, r->error) != HO_OK)
        return r->error->status;
    mention->place = named->place;
    ho_tree *path = ho_tree_get(mention->settings, "path");
    mention->loaded = path ? load_file(r, kind, path, name, named->place)
                           : ho_registry_find(r->registry, kind, name, named->place, r->error);
    if (!mention->loaded)
        return r->error->status;
    for (uint32_t i = 0; i < mention->loaded->option_count; i++)
        if (mention->loaded->options[i].type == HO_PATH)
            ho_path_settle(r->arena, ho_tree_get(mention->settings, mention->loaded->options[i].name));
    return HO_OK;
}
