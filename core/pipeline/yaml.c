/* Reading YAML: libyaml's events into a tree, under limits that hold whatever the file says. */
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

typedef struct anchor {
    char *name;
    const ho_tree *tree; /* NULL while it is being read */
} anchor;

typedef struct reader {
    yaml_parser_t parser;
    ho_arena *arena;
    const char *name; /* of the file, in the arena */
    const char *text;
    size_t size;
    size_t nodes, bytes; /* so far, aliases expanded */
    size_t mark, offset; /* a character that libyaml counted, and the byte it begins at */
    anchor *anchors;
    size_t anchor_count, anchor_capacity;
    ho_error *error;
} reader;

/* Fails; its value is NULL or false. */
#define refuse(r, place, ...) (ho_fail_at((r)->error, HO_INVALID, place, __VA_ARGS__), NULL)

static ho_place place_of(const reader *r, yaml_mark_t mark)
{
    return (ho_place){r->name, (int)mark.line + 1, (int)mark.column + 1};
}

/* The place of a byte. */
static ho_place place_at(const reader *r, size_t offset)
{
    ho_place place = {r->name, 1, 1};
    for (size_t i = 0; i < offset && i < r->size; i++) {
        bool ends = r->text[i] == '\n';
        place.line += ends;
        place.column = ends ? 1 : place.column + 1;
    }
    return place;
}

/* Whether a line, counted from 0, holds "${". */
static bool line_has_variable(const reader *r, size_t line)
{
    const char *at = r->text, *end = r->text + r->size;
    for (; line > 0 && at; line--) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    for (; at && at + 1 < end && *at != '\n'; at++)
        if (at[0] == '$' && at[1] == '{')
            return true;
    return false;
}

/* Reports what libyaml refused. */
static void syntax_error(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "unreadable", *context = p->context ? p->context : "";
    if (p->error == YAML_MEMORY_ERROR) {
        ho_fail(r->error, HO_FAILED, "%s: out of memory", r->name);
    } else if (p->error == YAML_READER_ERROR) {
        ho_fail_at(r->error, HO_INVALID, place_at(r, p->problem_offset), "not valid text: %s", problem);
    } else {
        bool hint = strstr(context, "flow") && line_has_variable(r, p->problem_mark.line);
        char since[64] = "";
        if (*context && p->context_mark.line != p->problem_mark.line)
            snprintf(since, sizeof since, " (since line %zu)", p->context_mark.line + 1);
        ho_fail_at(r->error, HO_INVALID, place_of(r, p->problem_mark), "not valid YAML: %s%s%s%s%s", problem,
                   *context ? " " : "", context, since,
                   hint ? "; inside {...} and [...], ${...} must be quoted: write one key per line" : "");
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
    r->nodes += nodes;
    r->bytes += bytes;
    if (r->nodes > MOST_NODES)
        return refuse(r, place, "more than %d values (aliases count as what they stand for)", MOST_NODES);
    if (r->bytes > MOST_TEXT_BYTES)
        return refuse(r, place, "more than %d bytes of text (aliases count as what they stand for)", MOST_TEXT_BYTES);
    return true;
}

static bool check_depth(reader *r, ho_place place, int depth)
{
    return depth <= MOST_DEPTH || refuse(r, place, "nested deeper than %d levels", MOST_DEPTH);
}

/* Adds up a tree's nodes and texts. Returns how many collections are nested in it. */
static int measure(const ho_tree *node, size_t *nodes, size_t *bytes)
{
    int height = 0;
    ++*nodes;
    *bytes += (node->text ? strlen(node->text) : 0) + (node->key ? strlen(node->key) : 0);
    for (const ho_tree *child = node->first; child; child = child->next) {
        int below = measure(child, nodes, bytes);
        height = below > height ? below : height;
    }
    return node->kind == HO_TREE_LIST || node->kind == HO_TREE_MAP ? height + 1 : height;
}

static ho_tree *read_alias(reader *r, const char *name, ho_place place, int depth)
{
    size_t i = r->anchor_count, nodes = 0, bytes = 0;
    while (i > 0 && strcmp(r->anchors[i - 1].name, name) != 0)
        i--;
    if (i == 0)
        return refuse(r, place, "no anchor \"&%s\" precedes this alias", name);
    const ho_tree *tree = r->anchors[i - 1].tree;
    if (!tree)
        return refuse(r, place, "the alias \"*%s\" is inside the value that it refers to", name);
    if (!check_depth(r, place, depth + measure(tree, &nodes, &bytes)) || !account(r, place, nodes, bytes))
        return NULL;
    return ho_tree_copy(r->arena, tree);
}

/* A scalar's text, which must not hold a zero byte ("\0" in quotes). */
static const char *scalar_text(reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) == event->data.scalar.length)
        return text;
    return refuse(r, place_of(r, event->start_mark), "a zero byte in a text");
}

/* The byte at which an event begins: libyaml counts characters. Events come in the order of the file. */
static size_t offset_of(reader *r, yaml_mark_t mark)
{
    for (; r->mark < mark.index && r->offset < r->size; r->mark++)
        do
            r->offset++;
        while (r->offset < r->size && ((unsigned char)r->text[r->offset] & 0xC0u) == 0x80);
    return r->offset;
}

static void find_stretches(reader *r, const yaml_event_t *event, ho_tree *node)
{
    static const ho_quotes quotes[] = {[YAML_SINGLE_QUOTED_SCALAR_STYLE] = HO_QUOTES_SINGLE,
                                       [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = HO_QUOTES_DOUBLE,
                                       [YAML_LITERAL_SCALAR_STYLE] = HO_QUOTES_BLOCK,
                                       [YAML_FOLDED_SCALAR_STYLE] = HO_QUOTES_BLOCK,
                                       [YAML_PLAIN_SCALAR_STYLE] = HO_QUOTES_NONE};
    const size_t offset = offset_of(r, event->start_mark);
    ho_find_stretches(r->arena, node, r->text + offset, r->size - offset, quotes[event->data.scalar.style]);
}

static ho_tree *read_scalar(reader *r, const yaml_event_t *event)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    ho_place place = place_of(r, event->start_mark);
    const char *written = scalar_text(r, event);
    const char *text = written ? ho_expand_text(r->arena, place, written, r->error) : NULL;
    if (!text || !account(r, place, 1, strlen(text)))
        return NULL;
    ho_tree *node = ho_tree_new(r->arena, HO_TREE_SCALAR, place);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = text;
    node->written = strcmp(text, written) != 0 ? ho_arena_strdup(r->arena, written) : NULL;
    for (size_t i = 0; !node->quoted && i < sizeof nulls / sizeof *nulls; i++)
        if (strcmp(text, nulls[i]) == 0)
            return ho_tree_new(r->arena, HO_TREE_NULL, place);
    find_stretches(r, event, node);
    return node;
}

/* The text of a key, in the arena. */
static const char *read_key(reader *r, const yaml_event_t *event)
{
    ho_place place = place_of(r, event->start_mark);
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.tag || event->data.scalar.anchor)
        return refuse(r, place, "a key must be plain text");
    const char *text = scalar_text(r, event);
    if (!text)
        return NULL;
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(text, "<<") == 0)
        return refuse(r, place, "merge keys (<<) are not supported; write the keys out");
    if (!*text)
        return refuse(r, place, "an empty key");
    if (strlen(text) > MOST_KEY_BYTES)
        return refuse(r, place, "a key of more than %d bytes", MOST_KEY_BYTES);
    return account(r, place, 0, strlen(text)) ? ho_arena_strdup(r->arena, text) : NULL;
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

/* Sorts, because comparing every pair of a hundred thousand keys would take a minute. */
static bool check_keys_differ(reader *r, const ho_tree *map)
{
    const ho_tree **sorted = ho_alloc(map->count * sizeof *sorted);
    size_t count = 0;
    for (const ho_tree *child = map->first; child; child = child->next)
        sorted[count++] = child;
    qsort(sorted, count, sizeof *sorted, by_key_and_place);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
            ho_fail_at(r->error, HO_INVALID, sorted[i]->key_place, "duplicate key \"%s\" (first given in line %d)",
                       sorted[i]->key, sorted[i - 1]->key_place.line);
    free(sorted);
    return r->error->status == HO_OK;
}

static ho_tree *read_node(reader *r, yaml_event_t *event, int depth);

/* Fills a list or a map until its end. */
static bool read_children(reader *r, ho_tree *node, int depth)
{
    yaml_event_t event;
    while (next_event(r, &event)) {
        ho_place key_place = {0};
        const char *key = NULL;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return node->kind == HO_TREE_LIST || check_keys_differ(r, node);
        }
        if (node->kind == HO_TREE_MAP) {
            key = read_key(r, &event);
            key_place = place_of(r, event.start_mark);
            yaml_event_delete(&event);
            if (!key || !next_event(r, &event))
                return false;
        }
        ho_tree *child = read_node(r, &event, depth);
        if (!child)
            return false;
        ho_tree_put(node, key, key_place, child);
    }
    return false;
}

static ho_tree *read_collection(reader *r, const yaml_event_t *event, int depth)
{
    ho_place place = place_of(r, event->start_mark);
    if (!check_depth(r, place, depth + 1) || !account(r, place, 1, 0))
        return NULL;
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    ho_tree *node = ho_tree_new(r->arena, is_map ? HO_TREE_MAP : HO_TREE_LIST, place);
    return read_children(r, node, depth + 1) ? node : NULL;
}

/* Reads the node that an event begins. `depth`: collections around it. */
static ho_tree *read_event(reader *r, const yaml_event_t *event, int depth)
{
    ho_place place = place_of(r, event->start_mark);
    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(r, (const char *)event->data.alias.anchor, place, depth);
    /* The events of scalars, lists and maps begin with the same members. */
    const char *name = (const char *)event->data.scalar.anchor, *tag = (const char *)event->data.scalar.tag;
    size_t index = r->anchor_count;
    if (tag)
        return refuse(r, place, "tags (%s) are not supported", tag);
    if (name) {
        if (r->anchor_count == MOST_ANCHORS)
            return refuse(r, place, "more than %d anchors", MOST_ANCHORS);
        ho_grow((void **)&r->anchors, &r->anchor_capacity, r->anchor_count, sizeof *r->anchors);
        r->anchors[r->anchor_count++] = (anchor){.name = ho_strdup(name)};
    }
    ho_tree *node = event->type == YAML_SCALAR_EVENT ? read_scalar(r, event) : read_collection(r, event, depth);
    if (name)
        r->anchors[index].tree = node;
    return node;
}

static ho_tree *read_node(reader *r, yaml_event_t *event, int depth)
{
    ho_tree *node = read_event(r, event, depth);
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
        bool begins = type == YAML_DOCUMENT_START_EVENT;
        if (!begins && type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_END_EVENT &&
            type != YAML_STREAM_END_EVENT) {
            root = read_node(r, &event, 0);
            if (!root)
                return NULL;
            continue;
        }
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT)
            return root ? root : ho_tree_new(r->arena, HO_TREE_NULL, (ho_place){r->name, 1, 1});
        if (begins && root)
            return refuse(r, place, "a second document begins here; a file holds one");
    }
    return NULL;
}

/* Finds tabs in indentation: libyaml's own message for them speaks of tokens. */
static bool check_indentation(reader *r)
{
    const char *end = r->text + r->size;
    for (const char *line = r->text; line && line < end;) {
        while (line < end && *line == ' ')
            line++;
        if (line < end && *line == '\t')
            return refuse(r, place_at(r, (size_t)(line - r->text)),
                          "a tab in the indentation; YAML is indented with spaces");
        line = memchr(line, '\n', (size_t)(end - line));
        line = line ? line + 1 : NULL;
    }
    return true;
}

/* By its byte order mark, or by the zero that is half of an ASCII character. */
static bool is_utf16(const char *text, size_t size)
{
    return size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0 || !text[0] != !text[1]);
}

ho_tree *ho_yaml_parse(ho_arena *arena, const char *name, const char *text, size_t size, ho_error *error)
{
    ho_tree *root = NULL;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* the byte order mark that some editors write */
        text += 3;
        size -= 3;
    }
    reader r = {.arena = arena, .name = ho_arena_strdup(arena, name), .text = text, .size = size, .error = error};
    if (size > MOST_FILE_BYTES)
        return refuse(&r, (ho_place){.file = name}, "larger than %d bytes", MOST_FILE_BYTES);
    if (is_utf16(text, size))
        return refuse(&r, (ho_place){.file = name}, "the text is UTF-16; save it as UTF-8");
    if (!check_indentation(&r))
        return NULL;
    if (!yaml_parser_initialize(&r.parser)) {
        ho_fail(error, HO_FAILED, "%s: out of memory", name);
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    root = read_document(&r);
    yaml_parser_delete(&r.parser);
    for (size_t i = 0; i < r.anchor_count; i++)
        free(r.anchors[i].name);
    free(r.anchors);
    return root;
}

static ho_tree *read_standard_input(ho_arena *arena, ho_error *error)
{
    char *text =
        ho_alloc(MOST_FILE_BYTES + 4); /* with a byte order mark, and one more to see a text that is too long */
    size_t size = fread(text, 1, MOST_FILE_BYTES + 4, stdin);
    ho_tree *root = NULL;
    if (ferror(stdin))
        ho_fail(error, HO_FAILED, "%s: cannot be read", HO_STANDARD_INPUT);
    else
        root = ho_yaml_parse(arena, HO_STANDARD_INPUT, text, size, error);
    free(text);
    return root;
}

ho_tree *ho_yaml_read(ho_arena *arena, const char *path, ho_error *error)
{
    if (strcmp(path, "-") == 0)
        return read_standard_input(arena, error);
    uint8_t *bytes;
    uint64_t size;
    if (ho_file_read(path, MOST_FILE_BYTES, &bytes, &size, error) != HO_OK)
        return NULL;
    ho_tree *root = ho_yaml_parse(arena, path, (const char *)bytes, (size_t)size, error);
    ho_large_free(bytes);
    return root;
}
