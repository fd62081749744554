/* One path for what a pipeline says and for the defaults that a plugin declares. */
#include "host/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

/* The shape of a default as a pipeline would write it: "3", "text", "[1, 2]". */
static const ho_tree *default_tree(const char *text, ho_place place, ho_arena *arena)
{
    size_t length = strlen(text);
    bool list = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    ho_tree *tree = ho_tree_new(arena, list ? HO_TREE_LIST : HO_TREE_SCALAR, place);
    if (!list) {
        tree->text = text;
        return tree;
    }
    size_t count;
    const char **items = ho_arena_split(arena, ho_arena_format(arena, "%.*s", (int)length - 2, text + 1), ',', &count);
    for (size_t i = 0; i < count; i++) {
        const char *item = items[i] + strspn(items[i], " ");
        int end = (int)strlen(item);
        if (!end && i + 1 == count) /* nothing at all, or after the last comma */
            break;
        while (end > 0 && item[end - 1] == ' ')
            end--;
        ho_tree *child = ho_tree_new(arena, HO_TREE_SCALAR, place);
        child->text = ho_arena_format(arena, "%.*s", end, item);
        ho_tree_append(tree, child);
    }
    return tree;
}

static ho_status check_range(const ho_option *option, double value, ho_place place, ho_error *error)
{
    const bool any = option->least == 0 && option->most == 0;
    if (any || (value >= option->least && value <= option->most))
        return HO_OK;
    char number[32], least[32], most[32];
    ho_print_real(value, number);
    ho_print_real(option->least, least);
    ho_print_real(option->most, most);
    return ho_fail_at(error, HO_INVALID, place, "%s: %s is outside its range, %s to %s", option->name, number, least,
                      most);
}

static ho_status check_choice(const ho_option *option, const char *text, ho_place place, ho_arena *arena,
                              ho_error *error)
{
    size_t count;
    const char **words = ho_arena_split(arena, option->choices, '|', &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], text) == 0)
            return HO_OK;
    char suggestion[HO_SUGGESTION];
    char *list = ho_join(words, count);
    ho_fail_at(error, HO_INVALID, place, "%s: \"%s\" is not one of its choices%s (known: %s)", option->name, text,
               ho_suggest(ho_nearest(text, words, count), suggestion), list);
    free(list);
    return error->status;
}

static ho_status read_list(const ho_option *option, const ho_tree *node, ho_arena *arena, ho_option_value *value,
                           ho_error *error)
{
    bool list = node->kind == HO_TREE_LIST;
    value->count = list ? node->count : 1;
    value->reals = ho_arena_alloc(arena, (value->count + 1) * sizeof *value->reals);
    value->texts = ho_arena_alloc(arena, (value->count + 1) * sizeof *value->texts);
    const ho_tree *item = list ? node->first : node;
    for (size_t i = 0; i < value->count && error->status == HO_OK; i++, item = item->next) {
        if (option->type == HO_REALS) {
            if (ho_tree_real(item, option->name, &value->reals[i], error) == HO_OK)
                check_range(option, value->reals[i], item->place, error);
        } else if (ho_tree_string(item, option->name, &value->texts[i], error) == HO_OK) {
            value->texts[i] = ho_arena_strdup(arena, value->texts[i]);
        }
    }
    return error->status;
}

static ho_status read_value(const ho_option *option, const ho_tree *node, ho_arena *arena, ho_option_value *value,
                            ho_error *error)
{
    const char *what = option->name;
    value->given = true;
    value->place = node->place;
    switch (option->type) {
    case HO_REAL:
        if (ho_tree_real(node, what, &value->real, error) == HO_OK)
            check_range(option, value->real, node->place, error);
        return error->status;
    case HO_INTEGER:
    case HO_BYTES:
        if ((option->type == HO_BYTES ? ho_tree_bytes : ho_tree_integer)(node, what, &value->integer, error) == HO_OK)
            check_range(option, (double)value->integer, node->place, error);
        value->real = (double)value->integer;
        return error->status;
    case HO_BOOLEAN:
        return ho_tree_boolean(node, what, &value->boolean, error);
    case HO_REALS:
    case HO_STRINGS:
        return read_list(option, node, arena, value, error);
    default:
        break;
    }
    if (ho_tree_string(node, what, &value->text, error) != HO_OK)
        return error->status;
    if (option->type == HO_CHOICE && check_choice(option, value->text, node->place, arena, error) != HO_OK)
        return error->status;
    if (option->type == HO_PATH && !*value->text)
        return ho_fail_at(error, HO_INVALID, node->place, "%s: is empty, expected the path of a file", what);
    if (option->type == HO_PATH) {
        char *path = ho_path_beside(node->place.file ? node->place.file : "", value->text);
        value->text = ho_arena_strdup(arena, path);
        free(path);
    } else {
        value->text = ho_arena_strdup(arena, value->text);
    }
    return HO_OK;
}

/* Every key must be an option, a hyperparameter or the caller's own. */
static ho_status check_keys(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved,
                            ho_arena *arena, ho_error *error)
{
    size_t others = 0;
    while (reserved && reserved[others])
        others++;
    const char **known =
        ho_arena_alloc(arena, (loaded->option_count + loaded->hyper_count + others + 1) * sizeof *known);
    size_t count = 0;
    for (uint32_t i = 0; i < loaded->option_count; i++)
        known[count++] = loaded->options[i].name;
    for (uint32_t i = 0; i < loaded->hyper_count; i++)
        known[count++] = loaded->hypers[i].name;
    for (size_t i = 0; i < others; i++)
        known[count++] = reserved[i];
    const char *where = ho_arena_format(arena, "the %s \"%s\"", ho_kind_name(loaded->plugin.kind), loaded->plugin.name);
    return ho_tree_only(settings, where, known, error);
}

ho_status ho_options_read(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved, ho_place place,
                          ho_arena *arena, ho_option_value *values, ho_error *error)
{
    if (settings && settings->kind != HO_TREE_MAP)
        return ho_tree_expect(settings, HO_TREE_MAP, loaded->plugin.name, error);
    ho_status status = check_keys(loaded, settings, reserved, arena, error);
    for (uint32_t i = 0; i < loaded->option_count && status == HO_OK; i++) {
        const ho_option *option = &loaded->options[i];
        const ho_tree *node = ho_tree_get(settings, option->name);
        values[i] = (ho_option_value){.place = place};
        if (!node && option->initial)
            node = default_tree(option->initial, place, arena);
        if (node)
            status = read_value(option, node, arena, &values[i], error);
        else if (option->required)
            status = ho_fail_at(error, HO_INVALID, settings ? settings->place : place, "the %s \"%s\" needs \"%s\": %s",
                                ho_kind_name(loaded->plugin.kind), loaded->plugin.name, option->name, option->doc);
    }
    return status;
}

ho_status ho_option_check_default(const ho_option *option, const char *path, ho_error *error)
{
    if (!option->initial)
        return HO_OK;
    ho_arena *arena = ho_arena_new();
    ho_option_value value = {0};
    ho_place place = {.file = path};
    ho_status status = read_value(option, default_tree(option->initial, place, arena), arena, &value, error);
    ho_arena_free(arena);
    return status;
}
