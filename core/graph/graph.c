/* Graphs: storage, hash-consing, sources, shapes. */
#include "graph/internal.h"

#include "base/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

ho_graph *ho_graph_new(ho_error *error)
{
    ho_graph *graph = ho_alloc(sizeof *graph);
    graph->error = error;
    graph->arena = ho_arena_new();
    graph->table_size = 1024;
    graph->table = ho_alloc(graph->table_size * sizeof *graph->table);
    ho_grow((void **)&graph->nodes, &graph->capacity, 0, sizeof *graph->nodes);
    graph->nodes[0] = (ho_graph_node){0};
    graph->count = 1;
    ho_grow((void **)&graph->sources, &graph->source_capacity, 0, sizeof *graph->sources);
    graph->sources[0] = (ho_source){.plugin = "host", .file = ""};
    graph->source_count = 1;
    return graph;
}

void ho_graph_free(ho_graph *graph)
{
    if (!graph)
        return;
    free(graph->nodes);
    free(graph->table);
    free(graph->sources);
    ho_arena_free(graph->arena);
    free(graph);
}

ho_error *ho_graph_error(ho_graph *graph)
{
    return graph->error;
}

uint32_t ho_graph_size(const ho_graph *graph)
{
    return (uint32_t)(graph->count - 1);
}

const ho_graph_node *ho_graph_at(const ho_graph *graph, ho_node id)
{
    return &graph->nodes[id];
}

static bool same_source(const ho_source *a, const ho_source *b)
{
    return a->line == b->line && a->column == b->column && !a->formula == !b->formula && !strcmp(a->file, b->file) &&
           !strcmp(a->plugin, b->plugin) && (!a->formula || !strcmp(a->formula, b->formula));
}

/* Makes it current, as one of those from `first` on if it is there. Strings are borrowed. */
static void enter(ho_graph *graph, ho_source source, size_t first)
{
    size_t i = graph->source_count;
    while (i > first && !same_source(&graph->sources[i - 1], &source))
        i--;
    if (i > first) {
        graph->source = (uint32_t)i - 1;
        return;
    }
    ho_grow((void **)&graph->sources, &graph->source_capacity, graph->source_count, sizeof *graph->sources);
    graph->sources[graph->source_count] = source;
    graph->source = (uint32_t)graph->source_count++;
}

uint32_t ho_graph_source_enter(ho_graph *graph, const char *plugin, const char *file, int line)
{
    const uint32_t previous = graph->source;
    const size_t known = graph->source_count;
    enter(graph, (ho_source){.plugin = plugin ? plugin : "host", .file = file ? file : "", .line = line}, 0);
    if (graph->source_count > known) {
        ho_source *made = &graph->sources[graph->source];
        made->plugin = ho_arena_strdup(graph->arena, made->plugin);
        made->file = ho_arena_strdup(graph->arena, made->file);
    }
    return previous;
}

void ho_graph_source_at(ho_graph *graph, ho_source source)
{
    enter(graph, source, graph->first_source);
}

void ho_graph_source_set(ho_graph *graph, uint32_t source)
{
    graph->source = source < graph->source_count ? source : 0;
}

ho_source ho_graph_source(const ho_graph *graph, uint32_t source)
{
    return graph->sources[source < graph->source_count ? source : 0];
}

/* A formula as messages quote it: one line of printable characters, cut if long. */
static void quote_formula(const char *text, char quoted[168])
{
    size_t n = 0;
    for (; text[n] && n < 160; n++)
        quoted[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : text[n] == '\t' || text[n] == '\n' ? ' ' : '?';
    memcpy(quoted + n, text[n] ? "..." : "", text[n] ? 4 : 1);
}

char *ho_source_print(ho_source source, bool whole, char text[HO_SOURCE_TEXT])
{
    char quoted[168];
    int n = snprintf(text, HO_SOURCE_TEXT, "%.800s", whole ? source.file : ho_path_last(source.file));
    if (source.line > 0)
        n += snprintf(text + n, HO_SOURCE_TEXT - (size_t)n, ":%d", source.line);
    if (source.formula) {
        quote_formula(source.formula, quoted);
        snprintf(text + n, HO_SOURCE_TEXT - (size_t)n, ", formula \"%s\", column %d", quoted, source.column);
    } else if (source.line > 0 && source.column > 0) {
        snprintf(text + n, HO_SOURCE_TEXT - (size_t)n, ":%d", source.column);
    }
    return text;
}

void ho_graph_blame(const ho_graph *graph, uint32_t source, ho_error *error)
{
    const ho_source by = ho_graph_source(graph, source);
    char quoted[168];
    if (by.formula) {
        quote_formula(by.formula, quoted);
        ho_error_prefix(error, "formula \"%s\": column %d", quoted, by.column);
    }
    if (strcmp(by.plugin, "host") != 0)
        ho_error_prefix(error, "plugin \"%s\"", by.plugin);
    if (by.line > 0 && by.column > 0 && !by.formula)
        ho_error_prefix(error, "%s:%d:%d", by.file, by.line, by.column);
    else if (by.line > 0)
        ho_error_prefix(error, "%s:%d", by.file, by.line);
    else if (*by.file)
        ho_error_prefix(error, "%s", by.file);
}

ho_node ho_graph_fail(ho_graph *graph, const char *format, ...)
{
    if (graph->error->status != HO_OK)
        return HO_POISON;
    va_list args;
    va_start(args, format);
    ho_fail_v(graph->error, HO_INVALID, (ho_place){0}, format, args);
    va_end(args);
    ho_graph_blame(graph, graph->source, graph->error);
    return HO_POISON;
}

bool ho_axis_from_end(ho_graph *graph, const char *what, ho_node a, int64_t axis, int64_t *from_end)
{
    char text[HO_SHAPE_TEXT];
    const ho_shape *shape = &ho_graph_at(graph, a)->shape;
    if (axis >= -shape->rank && axis < shape->rank) {
        *from_end = axis < 0 ? -axis : shape->rank - axis;
        return true;
    }
    if (shape->rank == 0)
        ho_graph_fail(graph, "%s: a scalar has no axes", what);
    else
        ho_graph_fail(
            graph, "%s: %s has no axis %" PRId64 "; its axes are 0 to %" PRId32 ", or -%" PRId32 " to -1 from the end",
            what, ho_shape_print(shape, text), axis, shape->rank - 1, shape->rank);
    return false;
}

ho_shape ho_scalar_shape(void)
{
    return (ho_shape){0};
}

ho_shape ho_shape_of(int32_t rank, const int64_t *dims)
{
    ho_shape shape = {.rank = rank};
    for (int32_t i = 0; i < rank && i < HO_RANK_MAX; i++)
        shape.dims[i] = dims[i];
    return shape;
}

bool ho_shape_equal(const ho_shape *a, const ho_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

int64_t ho_shape_count(const ho_shape *shape)
{
    int64_t count = 1;
    for (int32_t i = 0; i < shape->rank; i++)
        count *= shape->dims[i];
    return count;
}

char *ho_shape_print(const ho_shape *shape, char text[HO_SHAPE_TEXT])
{
    if (shape->rank < 0 || shape->rank > HO_RANK_MAX) {
        snprintf(text, HO_SHAPE_TEXT, "(rank %" PRId32 ")", shape->rank);
        return text;
    }
    size_t n = 0;
    text[n++] = '(';
    for (int32_t i = 0; i < shape->rank; i++)
        n += (size_t)snprintf(text + n, HO_SHAPE_TEXT - n, "%s%" PRId64, i ? ", " : "", shape->dims[i]);
    text[n++] = ')';
    text[n] = '\0';
    return text;
}

int64_t ho_axis_size(const ho_shape *shape, int64_t axis)
{
    return shape->dims[shape->rank - axis];
}

ho_shape ho_kept_shape(ho_shape shape, int64_t axis, int64_t extent)
{
    for (int64_t i = 0; i < extent; i++)
        shape.dims[shape.rank - axis + i] = 1;
    return shape;
}

ho_around ho_shape_around(const ho_shape *shape, int64_t axis, int64_t extent)
{
    ho_around around = {1, 1, 1};
    int64_t first = shape->rank - axis;
    for (int32_t d = 0; d < shape->rank; d++)
        *(d < first ? &around.outer : d < first + extent ? &around.extent : &around.inner) *= shape->dims[d];
    return around;
}

/* ---- hash-consing ---------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ (hash >> 29);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t node_hash(const ho_graph_node *node)
{
    uint64_t hash = mix(node->op, node->arity);
    for (uint32_t i = 0; i < node->arity; i++)
        hash = mix(hash, node->in[i]);
    for (int32_t i = 0; i < node->shape.rank; i++)
        hash = mix(hash, (uint64_t)node->shape.dims[i]);
    hash = mix(hash, bits_of(node->value));
    hash = mix(hash, (uint64_t)node->axis);
    return mix(hash, (uint64_t)node->extent);
}

/* Constants are compared by bits: a NaN is itself, and 0 is not -0. */
static bool same_node(const ho_graph_node *a, const ho_graph_node *b)
{
    if (a->op != b->op || a->arity != b->arity || a->axis != b->axis || a->extent != b->extent ||
        bits_of(a->value) != bits_of(b->value) || !ho_shape_equal(&a->shape, &b->shape))
        return false;
    for (uint32_t i = 0; i < a->arity; i++)
        if (a->in[i] != b->in[i])
            return false;
    return true;
}

static size_t slot_of(const ho_graph *graph, const ho_graph_node *node)
{
    size_t slot = (size_t)node_hash(node) & (graph->table_size - 1);
    while (graph->table[slot] && !same_node(&graph->nodes[graph->table[slot]], node))
        slot = (slot + 1) & (graph->table_size - 1);
    return slot;
}

static void enlarge_table(ho_graph *graph)
{
    free(graph->table);
    graph->table_size *= 2;
    graph->table = ho_alloc(graph->table_size * sizeof *graph->table);
    for (size_t i = 1; i < graph->count; i++)
        graph->table[slot_of(graph, &graph->nodes[i])] = (ho_node)i;
}

ho_node ho_intern(ho_graph *graph, const ho_draft *draft)
{
    ho_graph_node node = {.op = draft->op,
                          .arity = draft->arity,
                          .in = draft->in,
                          .shape = draft->shape,
                          .value = draft->value,
                          .axis = draft->axis,
                          .extent = draft->op == HO_OP_LEAF ? graph->leaves : draft->extent,
                          .source = graph->source};
    size_t slot = slot_of(graph, &node);
    if (graph->table[slot])
        return graph->table[slot];
    if (graph->count > UINT32_MAX / 2)
        return ho_graph_fail(graph, "the graph has more than %" PRIu32 " nodes", UINT32_MAX / 2);
    if (draft->op == HO_OP_LEAF) {
        graph->leaves++;
        node.name = ho_arena_strdup(graph->arena, draft->name);
    }
    ho_node *in = ho_arena_alloc(graph->arena, (node.arity ? node.arity : 1) * sizeof *in);
    for (uint32_t i = 0; i < node.arity; i++)
        in[i] = draft->in[i];
    node.in = in;
    ho_grow((void **)&graph->nodes, &graph->capacity, graph->count, sizeof *graph->nodes);
    graph->nodes[graph->count] = node;
    graph->table[slot] = (ho_node)graph->count;
    graph->count++;
    if (graph->count * 2 > graph->table_size)
        enlarge_table(graph);
    return (ho_node)(graph->count - 1);
}

ho_node *ho_graph_order_from(const ho_graph *graph, const ho_node *inputs, size_t input_count, const ho_node *outputs,
                             size_t count, size_t *length)
{
    enum { NEEDED = 1, GIVEN = 2 };
    unsigned char *marks = ho_alloc(graph->count);
    for (size_t i = 0; i < input_count; i++)
        marks[inputs[i]] = GIVEN;
    for (size_t i = 0; i < count; i++)
        if (outputs[i] && outputs[i] < graph->count)
            marks[outputs[i]] |= NEEDED;
    size_t total = 0;
    for (size_t id = graph->count; id-- > 1;) {
        total += marks[id] & NEEDED;
        for (uint32_t i = 0; marks[id] == NEEDED && i < graph->nodes[id].arity; i++)
            marks[graph->nodes[id].in[i]] |= NEEDED;
    }
    ho_node *order = ho_alloc((total ? total : 1) * sizeof *order);
    *length = 0;
    for (size_t id = 1; id < graph->count; id++)
        if (marks[id] & NEEDED)
            order[(*length)++] = (ho_node)id;
    free(marks);
    return order;
}

ho_node *ho_graph_order(const ho_graph *graph, const ho_node *outputs, size_t count, size_t *length)
{
    return ho_graph_order_from(graph, NULL, 0, outputs, count, length);
}
