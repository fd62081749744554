/* Reading YAML: libyaml's events into a tree, under limits that no file can talk its way around. */
#include "pipeline/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "base/text.h"
#include "pipeline/internal.h"

enum {
    MOST_FILE_BYTES = 4 << 20,
    MOST_DEPTH = 64,
    MOST_NODES = 100000,
    MOST_TEXT_BYTES = 16 << 20, /* after expanding aliases and variables */
    MOST_ANCHORS = 1000,
    MOST_KEY_BYTES = 512, /* libyaml looks 1024 characters ahead for the ':' of a key */
};

/* An anchored node. */
typedef struct anchor {
    char *name;
    const ho_tree *tree; /* NULL while it is being read */
    size_t nodes, bytes;
    int height;
} anchor;

typedef struct reader {
    yaml_parser_t parser;
    ho_arena *arena;
    const char *name; /* of the file, in the arena */
    const char *text;
    size_t size;
    size_t nodes, bytes; /* so far, aliases expanded */
    anchor *anchors;
    size_t anchor_count, anchor_capacity;
    ho_error *error;
} reader;

static ho_place place_of(const reader *r, yaml_mark_t mark)
{
    return (ho_place){r->name, (int)mark.line + 1, (int)mark.column + 1};
}

/* The place of a byte. */
static ho_place place_at(const reader *r, size_t offset)
{
    ho_place place = {r->name, 1, 1};
    for (size_t i = 0; i < offset && i < r->size; i++) {
        place.column++;
        if (r->text[i] == '\n') {
            place.line++;
            place.column = 1;
        }
    }
    return place;
}

/* Whether a line, counted from 0, holds `word`. */
static bool line_holds(const reader *r, size_t line, const char *word)
{
    const char *at = r->text, *end = r->text + r->size;
    for (; line > 0 && at; line--) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    size_t length = strlen(word);
    for (; at && at + length <= end && *at != '\n'; at++)
        if (memcmp(at, word, length) == 0)
            return true;
    return false;
}

/* Reports what libyaml refused. */
static void syntax_error(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "unreadable";
    if (p->error == YAML_MEMORY_ERROR) {
        ho_fail(r->error, HO_FAILED, "%s: out of memory", r->name);
    } else if (p->error == YAML_READER_ERROR) {
        ho_fail_at(r->error, HO_INVALID, place_at(r, p->problem_offset), "not valid text: %s", problem);
    } else {
        bool flow = p->context && strstr(p->context, "flow");
        const char *hint = flow && line_holds(r, p->problem_mark.line, "${")
                               ? "; inside {...} and [...] a ${...} cannot stand without quotes: write one key a line"
                               : "";
        char since[64] = "";
        if (p->context && p->context_mark.line != p->problem_mark.line)
            snprintf(since, sizeof since, " (since line %zu)", p->context_mark.line + 1);
        ho_fail_at(r->error, HO_INVALID, place_of(r, p->problem_mark), "not valid YAML: %s%s%s%s%s", problem,
                   p->context ? " " : "", p->context ? p->context : "", since, hint);
    }
}

static bool next_event(reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return true;
    syntax_error(r);
    return false;
}

/* Adds to what the file holds so far; false where that is too much. */
static bool account(reader *r, ho_place place, size_t nodes, size_t bytes)
{
    if (nodes > MOST_NODES - r->nodes) {
        ho_fail_at(r->error, HO_INVALID, place, "more than %d values (aliases count as what they stand for)",
                   MOST_NODES);
        return false;
    }
    if (bytes > MOST_TEXT_BYTES - r->bytes) {
        ho_fail_at(r->error, HO_INVALID, place, "more than %d bytes of text (aliases count as what they stand for)",
                   MOST_TEXT_BYTES);
        return false;
    }
    r->nodes += nodes;
    r->bytes += bytes;
    return true;
}

/* How many collections are nested in a tree at most. */
static int height_of(const ho_tree *node)
{
    int height = 0;
    for (const ho_tree *child = node->first; child; child = child->next) {
        int below = height_of(child);
        height = below > height ? below : height;
    }
    return node->kind == HO_TREE_LIST || node->kind == HO_TREE_MAP ? height + 1 : height;
}

static bool too_deep(reader *r, ho_place place, int depth)
{
    if (depth <= MOST_DEPTH)
        return false;
    ho_fail_at(r->error, HO_INVALID, place, "nested deeper than %d levels", MOST_DEPTH);
    return true;
}

static ho_tree *read_alias(reader *r, const yaml_event_t *event, int depth)
{
    const char *name = (const char *)event->data.alias.anchor;
    ho_place place = place_of(r, event->start_mark);
    size_t i = r->anchor_count;
    while (i > 0 && strcmp(r->anchors[i - 1].name, name) != 0)
        i--;
    if (i == 0) {
        ho_fail_at(r->error, HO_INVALID, place, "no anchor \"&%s\" stands before this alias", name);
        return NULL;
    }
    const anchor *a = &r->anchors[i - 1];
    if (!a->tree) {
        ho_fail_at(r->error, HO_INVALID, place, "the alias \"*%s\" stands inside what it stands for", name);
        return NULL;
    }
    if (too_deep(r, place, depth + a->height) || !account(r, place, a->nodes, a->bytes))
        return NULL;
    return ho_tree_copy(r->arena, a->tree);
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

/* A scalar's text, which must not hold a zero byte ("\0" in quotes). */
static const char *scalar_text(reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) == event->data.scalar.length)
        return text;
    ho_fail_at(r->error, HO_INVALID, place_of(r, event->start_mark), "a zero byte in a text");
    return NULL;
}

static ho_tree *read_scalar(reader *r, const yaml_event_t *event)
{
    ho_place place = place_of(r, event->start_mark);
    const char *text = scalar_text(r, event);
    if (text)
        text = ho_expand_text(r->arena, place, text, r->error);
    if (!text || !account(r, place, 1, strlen(text)))
        return NULL;
    bool quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!quoted && is_null(text))
        return ho_tree_new(r->arena, HO_TREE_NULL, place);
    ho_tree *node = ho_tree_new(r->arena, HO_TREE_SCALAR, place);
    node->quoted = quoted;
    node->text = text;
    return node;
}

static ho_tree *read_node(reader *r, yaml_event_t *event, int depth);

/* Fills a list until its end. */
static bool read_list(reader *r, ho_tree *list, int depth)
{
    yaml_event_t event;
    while (next_event(r, &event)) {
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        ho_tree *child = read_node(r, &event, depth);
        if (!child)
            return false;
        ho_tree_append(list, child);
    }
    return false;
}

/* The text of a key, in the arena. */
static const char *read_key(reader *r, const yaml_event_t *event)
{
    ho_place place = place_of(r, event->start_mark);
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.tag || event->data.scalar.anchor) {
        ho_fail_at(r->error, HO_INVALID, place, "a key must be a plain text");
        return NULL;
    }
    const char *text = scalar_text(r, event);
    if (!text)
        return NULL;
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(text, "<<") == 0)
        ho_fail_at(r->error, HO_INVALID, place, "merge keys (<<) are not supported; write the keys out");
    else if (!*text)
        ho_fail_at(r->error, HO_INVALID, place, "an empty key");
    else if (strlen(text) > MOST_KEY_BYTES)
        ho_fail_at(r->error, HO_INVALID, place, "a key of more than %d bytes", MOST_KEY_BYTES);
    else if (account(r, place, 0, strlen(text)))
        return ho_arena_strdup(r->arena, text);
    return NULL;
}

static int by_key_and_place(const void *left, const void *right)
{
    const ho_tree *a = *(const ho_tree *const *)left, *b = *(const ho_tree *const *)right;
    int order = strcmp(a->key, b->key);
    if (order)
        return order;
    if (a->key_place.line != b->key_place.line)
        return a->key_place.line < b->key_place.line ? -1 : 1;
    return (a->key_place.column > b->key_place.column) - (a->key_place.column < b->key_place.column);
}

/* Sorting, because comparing every pair of a hundred thousand keys would take a minute. */
static bool keys_differ(reader *r, const ho_tree *map)
{
    const ho_tree **sorted = ho_alloc(map->count * sizeof *sorted);
    size_t count = 0;
    for (const ho_tree *child = map->first; child; child = child->next)
        sorted[count++] = child;
    qsort(sorted, count, sizeof *sorted, by_key_and_place);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0) {
            ho_fail_at(r->error, HO_INVALID, sorted[i]->key_place, "duplicate key \"%s\" (first given in line %d)",
                       sorted[i]->key, sorted[i - 1]->key_place.line);
            break;
        }
    free(sorted);
    return r->error->status == HO_OK;
}

/* Fills a map until its end. */
static bool read_map(reader *r, ho_tree *map, int depth)
{
    yaml_event_t event;
    while (next_event(r, &event)) {
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return keys_differ(r, map);
        }
        const char *key = read_key(r, &event);
        ho_place key_place = place_of(r, event.start_mark);
        yaml_event_delete(&event);
        if (!key || !next_event(r, &event))
            return false;
        ho_tree *child = read_node(r, &event, depth);
        if (!child)
            return false;
        child->key = key;
        child->key_place = key_place;
        ho_tree_append(map, child);
    }
    return false;
}

static ho_tree *read_collection(reader *r, const yaml_event_t *event, int depth)
{
    ho_place place = place_of(r, event->start_mark);
    if (too_deep(r, place, depth + 1) || !account(r, place, 1, 0))
        return NULL;
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    ho_tree *node = ho_tree_new(r->arena, is_map ? HO_TREE_MAP : HO_TREE_LIST, place);
    bool whole = is_map ? read_map(r, node, depth + 1) : read_list(r, node, depth + 1);
    return whole ? node : NULL;
}

/* Enters an anchor, so that an alias within the node itself is told from an unknown one. */
static bool open_anchor(reader *r, ho_place place, const yaml_char_t *name)
{
    if (r->anchor_count == MOST_ANCHORS) {
        ho_fail_at(r->error, HO_INVALID, place, "more than %d anchors", MOST_ANCHORS);
        return false;
    }
    ho_grow((void **)&r->anchors, &r->anchor_capacity, r->anchor_count, sizeof *r->anchors);
    r->anchors[r->anchor_count++] = (anchor){.name = ho_strdup((const char *)name)};
    return true;
}

/* Reads the node that `event` begins, and deletes the event. `depth`: collections around it. */
static ho_tree *read_node(reader *r, yaml_event_t *event, int depth)
{
    const yaml_char_t *name = NULL, *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        name = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        name = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        name = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    ho_place place = place_of(r, event->start_mark);
    size_t nodes = r->nodes, bytes = r->bytes, index = r->anchor_count;
    ho_tree *node = NULL;
    if (tag)
        ho_fail_at(r->error, HO_INVALID, place, "tags (%s) are not supported", (const char *)tag);
    else if (name && !open_anchor(r, place, name))
        node = NULL;
    else if (event->type == YAML_ALIAS_EVENT)
        node = read_alias(r, event, depth);
    else if (event->type == YAML_SCALAR_EVENT)
        node = read_scalar(r, event);
    else
        node = read_collection(r, event, depth);
    if (node && name) {
        anchor *a = &r->anchors[index];
        a->tree = node;
        a->nodes = r->nodes - nodes;
        a->bytes = r->bytes - bytes;
        a->height = height_of(node);
    }
    yaml_event_delete(event);
    return node;
}

/* One document, and nothing after it. An empty one reads as nothing. */
static ho_tree *read_document(reader *r)
{
    ho_tree *root = NULL;
    yaml_event_t event;
    while (next_event(r, &event)) {
        yaml_event_type_t type = event.type;
        ho_place place = place_of(r, event.start_mark);
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_END_EVENT ||
            (type == YAML_DOCUMENT_START_EVENT && !root)) {
            yaml_event_delete(&event);
        } else if (type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            return root ? root : ho_tree_new(r->arena, HO_TREE_NULL, (ho_place){r->name, 1, 1});
        } else if (type == YAML_DOCUMENT_START_EVENT) {
            yaml_event_delete(&event);
            ho_fail_at(r->error, HO_INVALID, place, "a second document begins here; a file holds one");
            return NULL;
        } else if (!(root = read_node(r, &event, 0))) {
            return NULL;
        }
    }
    return NULL;
}

/* Tabs in indentation: libyaml's own message for them speaks of tokens. */
static bool indented_by_spaces(const reader *r)
{
    for (size_t i = 0; i < r->size; i++) {
        size_t blank = i;
        while (blank < r->size && r->text[blank] == ' ')
            blank++;
        if (blank < r->size && r->text[blank] == '\t') {
            ho_fail_at(r->error, HO_INVALID, place_at(r, blank),
                       "a tab in the indentation; YAML is indented by spaces");
            return false;
        }
        const char *end = memchr(r->text + blank, '\n', r->size - blank);
        if (!end)
            return true;
        i = (size_t)(end - r->text);
    }
    return true;
}

ho_tree *ho_yaml_parse(ho_arena *arena, const char *name, const char *text, size_t size, ho_error *error)
{
    if (size > MOST_FILE_BYTES) {
        ho_fail(error, HO_INVALID, "%s: larger than %d bytes", name, MOST_FILE_BYTES);
        return NULL;
    }
    reader r = {.arena = arena, .name = ho_arena_strdup(arena, name), .text = text, .size = size, .error = error};
    if (!indented_by_spaces(&r))
        return NULL;
    if (!yaml_parser_initialize(&r.parser)) {
        ho_fail(error, HO_FAILED, "%s: out of memory", name);
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    ho_tree *root = read_document(&r);
    yaml_parser_delete(&r.parser);
    for (size_t i = 0; i < r.anchor_count; i++)
        free(r.anchors[i].name);
    free(r.anchors);
    return root;
}

ho_tree *ho_yaml_read(ho_arena *arena, const char *path, ho_error *error)
{
    uint8_t *bytes;
    uint64_t size;
    if (ho_file_read(path, MOST_FILE_BYTES, &bytes, &size, error) != HO_OK)
        return NULL;
    ho_tree *root = ho_yaml_parse(arena, path, (const char *)bytes, (size_t)size, error);
    ho_large_free(bytes);
    return root;
}
