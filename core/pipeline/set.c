/* Single settings from the command line. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"
#include "pipeline/yaml.h"

/* Trees are walked by recursion, so one setting must not make them deeper than a file can. */
enum { MOST_LEVELS = 64 };

/* No folder in the name of the place: paths given on the command line are seen from the current folder. */
static const ho_place here = {HO_COMMAND_LINE, 0, 0};

/* Gives all of a tree one place: columns within an argument help nobody. */
static void place_all(ho_tree *node)
{
    node->place = node->key_place = here;
    node->exact = false;
    for (ho_tree *child = node->first; child; child = child->next)
        place_all(child);
}

/* {key: node} */
static ho_tree *under(ho_arena *arena, const char *key, ho_tree *node)
{
    ho_tree *map = ho_tree_new(arena, HO_TREE_MAP, here);
    ho_tree_put(map, key, here, node);
    return map;
}

/* ---- PART.HYPERPARAMETER ----------------------------------------------------------------------------------------- */

/* What has hyperparameters, as trees tell without asking the plugins. */
typedef struct part {
    const char *name, *section;
    const char *item; /* its name in the section's list; NULL: it is the section */
    ho_tree *node;
} part;

/* The text of a map's entry; NULL: there is none. */
static const char *text_of(const ho_tree *map, const char *key)
{
    const ho_tree *node = ho_tree_get(map, key);
    return node && node->kind == HO_TREE_SCALAR ? node->text : NULL;
}

/* The terms of a section. Unless they have a name, those of the validation error are called after it. */
static size_t gather_terms(ho_arena *arena, ho_tree *section, const char *prefix, part *parts)
{
    if (!section || (section->kind != HO_TREE_LIST && section->kind != HO_TREE_MAP))
        return 0;
    size_t count = 0;
    bool list = section->kind == HO_TREE_LIST;
    for (ho_tree *term = list ? section->first : section; term; term = list ? term->next : NULL) {
        const char *own = text_of(term, "name"), *item = ho_item_name(term);
        if (!item)
            continue;
        const char *called = !prefix                        ? item
                             : !list || section->count == 1 ? prefix
                                                            : ho_arena_format(arena, "%s_%s", prefix, item);
        parts[count++] = (part){own ? own : called, section->key, list ? item : NULL, term};
    }
    return count;
}

static size_t gather_parts(ho_arena *arena, ho_tree *root, part *parts)
{
    static const char *const sections[] = {"model", "dynamics"};
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        ho_tree *node = ho_tree_get(root, sections[i]);
        const char *own = text_of(node, "name");
        if (node)
            parts[count++] = (part){own ? own : sections[i], sections[i], NULL, node};
    }
    count += gather_terms(arena, ho_tree_get(root, "objective"), NULL, parts + count);
    return count + gather_terms(arena, ho_tree_get(root, "validation"), "validation", parts + count);
}

static size_t most_parts(const ho_tree *root)
{
    const ho_tree *objective = ho_tree_get(root, "objective"), *validation = ho_tree_get(root, "validation");
    return 4 + (objective ? objective->count : 0) + (validation ? validation->count : 0);
}

/* The part that the name before the dot means; NULL with an error. */
static const part *find_part(ho_arena *arena, ho_tree *root, const char *name, const char *key, ho_error *error)
{
    part *parts = ho_arena_alloc(arena, most_parts(root) * sizeof *parts);
    const size_t count = gather_parts(arena, root, parts);
    const char **names = ho_arena_alloc(arena, (count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = parts[i].name;
        if (strcmp(name, names[i]) == 0)
            return &parts[i];
    }
    char near[HO_SUGGESTION], *list = ho_join(names, count);
    if (ho_tree_get(root, name))
        ho_fail(error, HO_INVALID, "levels are separated by '/': %s/%s", name, key + strlen(name) + 1);
    else
        ho_fail(error, HO_INVALID, "%s: no part of the pipeline is called \"%s\"%s (known: %s)", key, name,
                ho_suggest(ho_nearest(name, names, count), near), list);
    free(list);
    return NULL;
}

/* A value for PART.HYPERPARAMETER, wherever the pipeline gives it one: among the tuned ones, in the part's own
 * settings; in these where there is none yet. */
static ho_status set_hyper(ho_arena *arena, ho_tree *root, const char *key, ho_tree *value, ho_error *error)
{
    const char *dot = strchr(key, '.'), *hyper = dot + 1;
    const part *p = find_part(arena, root, ho_arena_format(arena, "%.*s", (int)(dot - key), key), key, error);
    if (!p)
        return error->status;
    if (value->kind == HO_TREE_NULL)
        return ho_fail(error, HO_INVALID, "%s: expected a value", key);
    const ho_tree *tuned = ho_tree_get(ho_tree_get(root, "hyperparameters"), key);
    if (tuned) {
        ho_tree *entry = ho_tree_copy(arena, value);
        if (tuned->kind == HO_TREE_MAP)
            entry = under(arena, "init", entry);
        ho_tree_merge(arena, root, under(arena, "hyperparameters", under(arena, key, entry)), error);
    }
    if (tuned && !ho_tree_get(p->node, hyper))
        return error->status;
    if (p->node->kind == HO_TREE_SCALAR) { /* the bare name of a plugin */
        ho_tree *name = ho_tree_copy(arena, p->node);
        ho_tree_merge(arena, p->node, under(arena, "plugin", name), error);
    }
    ho_tree *over = under(arena, hyper, value);
    over = under(arena, p->section, p->item ? under(arena, p->item, over) : over);
    return ho_tree_merge(arena, root, over, error);
}

/* ---- any key ----------------------------------------------------------------------------------------------------- */

/* A value under keys separated by '/', which is taken apart. */
static ho_status set_path(ho_arena *arena, ho_tree *root, char *keys, ho_tree *value, ho_error *error)
{
    ho_tree *over = value;
    for (char *slash = keys; slash;) {
        slash = strrchr(keys, '/');
        const char *key = slash ? slash + 1 : keys;
        if (!*key)
            return ho_fail(error, HO_INVALID, "an empty key; levels are separated by single slashes");
        over = under(arena, key, over);
        if (slash)
            *slash = '\0';
    }
    return ho_tree_merge(arena, root, over, error);
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
    place_all(value);
    char *keys = ho_arena_format(arena, "%.*s", (int)(equals - assignment), assignment);
    int levels = 1;
    for (const char *c = keys; *c; c++)
        levels += *c == '/';
    if (levels > MOST_LEVELS)
        return ho_fail(error, HO_INVALID, "--set: nested deeper than %d levels", MOST_LEVELS);
    const bool hyper = strchr(keys, '.') && !strchr(keys, '/');
    if ((hyper ? set_hyper(arena, root, keys, value, error) : set_path(arena, root, keys, value, error)) != HO_OK)
        ho_error_prefix(error, "%s", name);
    return error->status;
}
