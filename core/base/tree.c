/* A tree of settings: building, looking up, and reading values with errors at their place. */
#include "base/tree.h"

#include <string.h>

#include "base/text.h"

ho_tree *ho_tree_new(ho_arena *arena, ho_tree_kind kind, ho_place place)
{
    ho_tree *node = ho_arena_alloc(arena, sizeof *node);
    node->kind = kind;
    node->place = place;
    return node;
}

void ho_tree_append(ho_tree *parent, ho_tree *child)
{
    child->parent = parent;
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

void ho_tree_put(ho_tree *map, const char *key, ho_place key_place, ho_tree *child)
{
    child->key = key;
    child->key_place = key_place;
    ho_tree_append(map, child);
}

void ho_tree_put_text(ho_arena *arena, ho_tree *map, const char *key, ho_place place, const char *text)
{
    ho_tree *node = ho_tree_new(arena, HO_TREE_SCALAR, place);
    node->text = ho_arena_strdup(arena, text);
    ho_tree_put(map, key, place, node);
}

ho_tree *ho_tree_copy(ho_arena *arena, const ho_tree *node)
{
    ho_tree *copy = ho_tree_new(arena, node->kind, node->place);
    copy->quoted = node->quoted;
    copy->origin = (ho_tree *)node;
    if (node->text)
        copy->text = ho_arena_strdup(arena, node->text);
    if (node->written)
        copy->written = ho_arena_strdup(arena, node->written);
    copy->exact = node->exact;
    copy->stretch_count = node->stretch_count;
    if (node->stretch_count) {
        ho_stretch *stretches = ho_arena_alloc(arena, node->stretch_count * sizeof *stretches);
        memcpy(stretches, node->stretches, node->stretch_count * sizeof *stretches);
        copy->stretches = stretches;
    }
    for (const ho_tree *child = node->first; child; child = child->next) {
        const char *key = child->key ? ho_arena_strdup(arena, child->key) : NULL;
        ho_tree_put(copy, key, child->key_place, ho_tree_copy(arena, child));
    }
    return copy;
}

bool ho_tree_same(const ho_tree *a, const ho_tree *b)
{
    if (!a || !b || a == b)
        return a == b;
    if (a->kind != b->kind || a->quoted != b->quoted || a->count != b->count ||
        (a->text && strcmp(a->text, b->text) != 0))
        return false;
    for (const ho_tree *x = a->first, *y = b->first; x; x = x->next, y = y->next)
        if ((x->key && strcmp(x->key, y->key) != 0) || !ho_tree_same(x, y))
            return false;
    return true;
}

ho_tree *ho_tree_get(const ho_tree *map, const char *key)
{
    if (!map || map->kind != HO_TREE_MAP)
        return NULL;
    for (ho_tree *child = map->first; child; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

void ho_tree_drop(ho_tree *parent, ho_tree *child)
{
    ho_tree *before = NULL, *at = child ? parent->first : NULL;
    for (; at && at != child; at = at->next)
        before = at;
    if (!at)
        return;
    *(before ? &before->next : &parent->first) = child->next;
    if (parent->last == child)
        parent->last = before;
    parent->count--;
    child->next = NULL;
    child->parent = NULL;
}

void ho_tree_remove(ho_tree *map, const char *key)
{
    ho_tree_drop(map, ho_tree_get(map, key));
}

/* The stretch that a byte lies in. */
static size_t stretch_of(const ho_tree *node, size_t offset)
{
    size_t i = node->stretch_count;
    while (i > 1 && node->stretches[i - 1].offset > offset)
        i--;
    return i - 1;
}

ho_place ho_tree_character(const ho_tree *node, size_t offset)
{
    ho_place place = node->place;
    if (!node->exact)
        return place;
    if (node->stretch_count) {
        /* A blank, or the end, stands after the character before it, and not where the next line begins. */
        const ho_stretch *stretch = &node->stretches[stretch_of(node, offset)];
        place.line = stretch->line;
        place.column = stretch->column;
        offset -= stretch->offset;
    }
    place.column += (int)offset;
    return place;
}

ho_tree *ho_tree_part(ho_arena *arena, const ho_tree *node, size_t offset, size_t length)
{
    ho_tree *part = ho_tree_new(arena, HO_TREE_SCALAR, ho_tree_character(node, offset));
    part->text = ho_arena_format(arena, "%.*s", (int)length, node->text + offset);
    part->quoted = node->quoted;
    part->exact = node->exact;
    const size_t first = node->stretch_count ? stretch_of(node, offset) : 0;
    size_t end = first;
    while (end < node->stretch_count && node->stretches[end].offset < offset + length)
        end++;
    ho_stretch *stretches = ho_arena_alloc(arena, (end - first + 1) * sizeof *stretches);
    for (size_t i = first; i < end; i++)
        stretches[i - first] = node->stretches[i];
    if (end > first)
        stretches[0] = (ho_stretch){0, part->place.line, part->place.column};
    for (size_t i = first + 1; i < end; i++)
        stretches[i - first].offset -= (uint32_t)offset;
    part->stretches = stretches;
    part->stretch_count = end - first;
    return part;
}

const char *ho_tree_kind_name(ho_tree_kind kind)
{
    switch (kind) {
    case HO_TREE_NULL:
        return "nothing";
    case HO_TREE_SCALAR:
        return "a single value";
    case HO_TREE_LIST:
        return "a list";
    case HO_TREE_MAP:
        return "a map";
    }
    return "an unknown kind of value";
}

/* Fails unless the node is a scalar; `wanted` says what its text is to be. */
static ho_status expect_scalar(const ho_tree *node, const char *what, const char *wanted, ho_error *error)
{
    if (!node)
        return ho_fail(error, HO_INVALID, "%s: missing; expected %s", what, wanted);
    if (node->kind == HO_TREE_SCALAR)
        return HO_OK;
    return ho_fail_at(error, HO_INVALID, node->place, "%s: expected %s, got %s", what, wanted,
                      ho_tree_kind_name(node->kind));
}

/* The same, for values that quotes turn into text. */
static ho_status expect_plain(const ho_tree *node, const char *what, const char *wanted, ho_error *error)
{
    ho_status status = expect_scalar(node, what, wanted, error);
    if (status == HO_OK && node->quoted)
        return ho_fail_at(error, HO_INVALID, node->place,
                          "%s: expected %s, got the text \"%s\"; write it without quotes", what, wanted, node->text);
    return status;
}

ho_status ho_tree_real(const ho_tree *node, const char *what, double *value, ho_error *error)
{
    ho_status status = expect_plain(node, what, "a number", error);
    if (status == HO_OK && !ho_parse_real(node->text, value))
        return ho_fail_at(error, HO_INVALID, node->place, "%s: \"%s\" is not a finite number", what, node->text);
    return status;
}

ho_status ho_tree_integer(const ho_tree *node, const char *what, int64_t *value, ho_error *error)
{
    ho_status status = expect_plain(node, what, "an integer", error);
    if (status == HO_OK && !ho_parse_integer(node->text, value))
        return ho_fail_at(error, HO_INVALID, node->place, "%s: \"%s\" is not an integer", what, node->text);
    return status;
}

ho_status ho_tree_bytes(const ho_tree *node, const char *what, int64_t *value, ho_error *error)
{
    ho_status status = expect_plain(node, what, "a number of bytes", error);
    if (status == HO_OK && !ho_parse_bytes(node->text, value))
        return ho_fail_at(error, HO_INVALID, node->place,
                          "%s: \"%s\" is not an amount of memory such as 4096, 64MiB or 1.5GB", what, node->text);
    return status;
}

ho_status ho_tree_boolean(const ho_tree *node, const char *what, bool *value, ho_error *error)
{
    ho_status status = expect_plain(node, what, "true or false", error);
    if (status != HO_OK)
        return status;
    bool is_true = strcmp(node->text, "true") == 0;
    if (!is_true && strcmp(node->text, "false") != 0)
        return ho_fail_at(error, HO_INVALID, node->place, "%s: \"%s\" is neither true nor false", what, node->text);
    *value = is_true;
    return HO_OK;
}

ho_status ho_tree_string(const ho_tree *node, const char *what, const char **value, ho_error *error)
{
    ho_status status = expect_scalar(node, what, "text", error);
    if (status == HO_OK)
        *value = node->text;
    return status;
}

ho_status ho_tree_expect(const ho_tree *node, ho_tree_kind kind, const char *what, ho_error *error)
{
    const char *wanted = ho_tree_kind_name(kind);
    if (kind == HO_TREE_SCALAR || !node)
        return expect_scalar(node, what, wanted, error);
    if (node->kind == kind)
        return HO_OK;
    return ho_fail_at(error, HO_INVALID, node->place, "%s: expected %s, got %s", what, wanted,
                      ho_tree_kind_name(node->kind));
}

ho_status ho_tree_only(const ho_tree *map, const char *where, const char *const *known, ho_error *error)
{
    size_t count = 0;
    while (known[count])
        count++;
    if (!map || map->kind != HO_TREE_MAP)
        return HO_OK;
    for (const ho_tree *child = map->first; child; child = child->next) {
        size_t i = 0;
        while (i < count && strcmp(known[i], child->key) != 0)
            i++;
        if (i < count)
            continue;
        char suggestion[HO_SUGGESTION];
        return ho_fail_at(error, HO_INVALID, child->key_place, "unknown key \"%s\" in %s%s", child->key, where,
                          ho_suggest(ho_nearest(child->key, known, count), suggestion));
    }
    return HO_OK;
}
