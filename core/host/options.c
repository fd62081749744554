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

/* Texts are looked for among the others whenever one is used. */
enum { MOST_LINES = 10000 };

/* One of an option's texts, kept with its places. */
static const ho_tree *keep(ho_arena *arena, const ho_tree *node)
{
    return node->kind == HO_TREE_SCALAR ? ho_tree_copy(arena, node) : node;
}

static ho_status read_reals(const ho_option *option, const ho_tree *node, ho_arena *arena, ho_option_value *value,
                            ho_error *error)
{
    const bool list = node->kind == HO_TREE_LIST;
    value->count = list ? node->count : 1;
    value->reals = ho_arena_alloc(arena, (value->count + 1) * sizeof *value->reals);
    const ho_tree *item = list ? node->first : node;
    for (size_t i = 0; i < value->count && error->status == HO_OK; i++, item = item->next)
        if (ho_tree_real(item, option->name, &value->reals[i], error) == HO_OK)
            check_range(option, value->reals[i], item->place, error);
    return error->status;
}

/* The lines of a text, without blanks around them, blank ones and comments; counted only where `lines` is NULL. */
static size_t split_lines(ho_arena *arena, const ho_tree *text, const ho_tree **lines)
{
    size_t count = 0;
    for (const char *at = text->text; *at;) {
        at += strspn(at, " \t\r\n");
        size_t length = strcspn(at, "\n");
        const char *next = at + length;
        while (length > 0 && strchr(" \t\r", at[length - 1]))
            length--;
        if (length > 0 && *at != '#') {
            if (lines)
                lines[count] = ho_tree_part(arena, text, (size_t)(at - text->text), length);
            count++;
        }
        at = next;
    }
    return count;
}

/* HO_STRINGS and HO_LINES. */
static ho_status read_texts(const ho_option *option, const ho_tree *node, ho_arena *arena, ho_option_value *value,
                            ho_error *error)
{
    const bool list = node->kind == HO_TREE_LIST, by_line = option->type == HO_LINES;
    const ho_tree *first = list ? node->first : node;
    size_t room = 1;
    for (const ho_tree *item = first; item; item = list ? item->next : NULL) {
        const char *text;
        if (ho_tree_string(item, option->name, &text, error) != HO_OK)
            return error->status;
        room += by_line ? split_lines(arena, item, NULL) : 1;
        if (by_line && room > MOST_LINES)
            return ho_fail_at(error, HO_INVALID, item->place, "%s: more than %d lines", option->name, MOST_LINES);
    }
    value->texts = ho_arena_alloc(arena, room * sizeof *value->texts);
    for (const ho_tree *item = first; item; item = list ? item->next : NULL)
        if (by_line)
            value->count += split_lines(arena, item, value->texts + value->count);
        else
            value->texts[value->count++] = keep(arena, item);
    return HO_OK;
}

static ho_status read_fields(const ho_option *options, uint32_t count, const ho_tree *settings, const char *owner,
                             ho_place place, ho_arena *arena, ho_option_value *values, ho_error *error);

/* The fields of one row, as a map: a single value is that of the first; nothing, that all have their defaults. */
static const ho_tree *fields_of(const ho_option *option, const ho_tree *row, ho_arena *arena)
{
    const ho_option *fields = option->fields.rows;
    if (row->kind == HO_TREE_MAP || option->fields.count == 0)
        return row;
    ho_tree *map = ho_tree_new(arena, HO_TREE_MAP, row->place);
    if (row->kind != HO_TREE_NULL)
        ho_tree_put(map, fields[0].name, row->place, ho_tree_copy(arena, row));
    return map;
}

static ho_status read_row(const ho_option *option, const ho_tree *node, bool named, ho_arena *arena, ho_option_row *row,
                          ho_error *error)
{
    const uint32_t count = option->fields.count;
    const ho_option *fields = option->fields.rows;
    const char *name = node->key;
    if (named) {
        ho_tree *key = ho_tree_new(arena, HO_TREE_SCALAR, node->key_place);
        key->text = ho_arena_strdup(arena, name);
        key->exact = key->place.line > 0;
        row->name = key;
    } else if (ho_tree_string(node, option->name, &name, error) == HO_OK) {
        row->name = keep(arena, node);
        node = ho_tree_new(arena, HO_TREE_NULL, node->place);
    } else {
        return error->status;
    }
    const char **known = ho_arena_alloc(arena, (count + 1) * sizeof *known);
    for (uint32_t i = 0; i < count; i++)
        known[i] = fields[i].name;
    const ho_tree *map = fields_of(option, node, arena);
    const char *owner = ho_arena_format(arena, "\"%.64s\" of %s", name, option->name);
    row->fields = ho_arena_alloc(arena, (count + 1) * sizeof *row->fields);
    if (ho_tree_only(map, owner, known, error) != HO_OK)
        return error->status;
    return read_fields(fields, count, map, owner, row->name->place, arena, row->fields, error);
}

static ho_status read_rows(const ho_option *option, const ho_tree *node, ho_arena *arena, ho_option_value *value,
                           ho_error *error)
{
    const bool named = node->kind == HO_TREE_MAP, several = named || node->kind == HO_TREE_LIST;
    value->count = several ? node->count : node->kind == HO_TREE_SCALAR;
    value->rows = ho_arena_alloc(arena, (value->count + 1) * sizeof *value->rows);
    const ho_tree *row = several ? node->first : node;
    for (size_t i = 0; i < value->count && error->status == HO_OK; i++, row = row->next)
        read_row(option, row, named, arena, &value->rows[i], error);
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
        return read_reals(option, node, arena, value, error);
    case HO_STRINGS:
    case HO_LINES:
        return read_texts(option, node, arena, value, error);
    case HO_ROWS:
        return read_rows(option, node, arena, value, error);
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
        value->texts = ho_arena_alloc(arena, sizeof *value->texts);
        value->texts[0] = keep(arena, node);
        value->text = value->texts[0]->text;
    }
    return HO_OK;
}

ho_status ho_options_check_keys(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved,
                                ho_error *error)
{
    size_t others = 0, count = 0;
    while (reserved && reserved[others])
        others++;
    const char **known = ho_alloc((loaded->option_count + loaded->hyper_count + others + 1) * sizeof *known);
    for (uint32_t i = 0; i < loaded->option_count; i++)
        known[count++] = loaded->options[i].name;
    for (uint32_t i = 0; i < loaded->hyper_count; i++)
        known[count++] = loaded->hypers[i].name;
    for (size_t i = 0; i < others; i++)
        known[count++] = reserved[i];
    char *where = ho_format("the %s \"%s\"", ho_kind_name(loaded->plugin.kind), loaded->plugin.name);
    ho_tree_only(settings, where, known, error);
    free(where);
    free(known);
    return error->status;
}

/* An option is required and not there; perhaps under another name. */
static void lacking(const ho_option *options, uint32_t count, const ho_option *option, const ho_tree *settings,
                    const char *owner, ho_place place, ho_error *error)
{
    for (const ho_tree *child = settings ? settings->first : NULL; child; child = child->next) {
        uint32_t i = 0;
        while (i < count && strcmp(options[i].name, child->key) != 0)
            i++;
        char suggestion[HO_SUGGESTION];
        if (i == count && ho_nearest(child->key, &option->name, 1))
            ho_fail_at(error, HO_INVALID, child->key_place, "unknown key \"%s\" in %s%s", child->key, owner,
                       ho_suggest(option->name, suggestion));
    }
    ho_fail_at(error, HO_INVALID, settings ? settings->place : place, "%s needs \"%s\": %s", owner, option->name,
               option->doc);
}

/* Each option from the settings, or its default. `owner`: whose they are, for messages. */
static ho_status read_fields(const ho_option *options, uint32_t count, const ho_tree *settings, const char *owner,
                             ho_place place, ho_arena *arena, ho_option_value *values, ho_error *error)
{
    for (uint32_t i = 0; i < count && error->status == HO_OK; i++) {
        const ho_option *option = &options[i];
        const ho_tree *node = ho_tree_get(settings, option->name);
        values[i] = (ho_option_value){.place = place};
        if (!node && option->initial)
            node = default_tree(option->initial, place, arena);
        if (node)
            read_value(option, node, arena, &values[i], error);
        else if (option->required)
            lacking(options, count, option, settings, owner, place, error);
    }
    return error->status;
}

ho_status ho_options_read(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved, ho_place place,
                          ho_arena *arena, ho_option_value *values, ho_error *error)
{
    if (settings && settings->kind != HO_TREE_MAP)
        return ho_tree_expect(settings, HO_TREE_MAP, loaded->plugin.name, error);
    if (!loaded->plugin.describes)
        ho_options_check_keys(loaded, settings, reserved, error);
    const char *owner = ho_arena_format(arena, "the %s \"%s\"", ho_kind_name(loaded->plugin.kind), loaded->plugin.name);
    return read_fields(loaded->options, loaded->option_count, settings, owner, place, arena, values, error);
}

/* Whether `text` is the text of a scalar, or the end of it. */
static bool within(const ho_tree *node, const char *text)
{
    if (!node || node->kind != HO_TREE_SCALAR)
        return false;
    const uintptr_t from = (uintptr_t)node->text, at = (uintptr_t)text;
    return at >= from && at <= from + strlen(node->text);
}

const ho_tree *ho_options_written(const ho_option *options, uint32_t count, const ho_option_value *values,
                                  const char *text)
{
    const ho_tree *found = NULL;
    for (uint32_t i = 0; i < count && !found; i++) {
        const bool rows = options[i].type == HO_ROWS;
        const size_t texts = !values[i].texts ? 0 : values[i].text ? 1 : values[i].count;
        for (size_t k = 0; k < texts && !found; k++)
            found = within(values[i].texts[k], text) ? values[i].texts[k] : NULL;
        for (size_t k = 0; rows && k < values[i].count && !found; k++)
            found = within(values[i].rows[k].name, text)
                        ? values[i].rows[k].name
                        : ho_options_written(options[i].fields.rows, options[i].fields.count, values[i].rows[k].fields,
                                             text);
    }
    return found;
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
