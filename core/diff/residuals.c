/*
 * Partial evaluation: what to keep of a computation whose last part runs later, possibly often.
 *
 * Nodes that depend on late leaves (tangents or cotangents) are computed late. Of the others, early ones, the late ones
 * read some. An early node that is not kept is computed again, from what is kept and from early leaves (the state, the
 * batch, hyperparameters), which are there at any time. So it is one of three kinds:
 *
 *   costly   products, reductions, indexing, and functions that take many instructions: never computed again
 *   cheap    other elementwise ops, arrangements in memory and products that make many entries of few: as cheap to
 *            compute as to load
 *   free     leaves and views, which are only strides: never worth keeping
 *
 * What is kept must cut every path from a costly node to a late one, at costly or cheap nodes, and with the fewest
 * entries: a minimum cut, found by augmenting paths (Ford and Fulkerson). Of several, it is the one nearest to the late
 * nodes, which leaves the least to be computed again.
 *
 * The result must not depend on what is kept, to the last bit. So nodes whose entries repeat along some axis are not
 * kept: products read them with stride 0, which they would not do in a copy.
 */
#include "diff/diff.h"

#include <stdlib.h>
#include <string.h>

#define NO_LIMIT INT64_MAX

/* An early node. A path enters it from its users and leaves to its operands. */
typedef struct early {
    bool wanted; /* late nodes read it, or it is an output itself */
    bool costly;
    uint32_t varies; /* bit a - 1: its entries differ along axis a */
    int64_t limit;   /* entries, if it may be kept; else NO_LIMIT */
    int64_t flow;
    size_t first_operand; /* its operands' places among the edges */
    size_t first_user;
} early;

/* From a user to its operand: a path may go down without limit, and up again as far as the flow that went down. */
typedef struct edge {
    ho_node user, operand;
    int64_t flow;
} edge;

/* The upper end of a node is where users meet it, the lower end is where its operands hang. */
typedef struct place {
    ho_node node;
    bool lower;
} place;

typedef struct network {
    const ho_graph *graph;
    ho_node *order;
    size_t length;
    bool *late;
    early *nodes; /* by node number */
    edge *edges;
    size_t edge_count;
    size_t *users;    /* edges, sorted by operand */
    place *came_from; /* by 2 node + lower; node HO_POISON: the search began here */
    bool *reached;
    place *queue;
} network;

/* ---- kinds of nodes ---------------------------------------------------------------------------------------------- */

/* The operand that the value of the node is, rearranged or not; HO_POISON: it has a value of its own. */
static ho_node viewed(const ho_graph *graph, const ho_graph_node *node)
{
    switch (node->op) {
    case HO_OP_RESHAPE:
    case HO_OP_EXPAND:
    case HO_OP_TRANSPOSE:
    case HO_OP_SLICE:
    case HO_OP_STOP:
        return node->in[0];
    case HO_OP_SELECT: {
        const ho_graph_node *stopped = ho_graph_at(graph, node->in[1]);
        return stopped->op == HO_OP_STOP && stopped->in[0] == node->in[2] ? node->in[2] : HO_POISON;
    }
    default:
        return HO_POISON;
    }
}

/* A product of few terms that has many more entries than its operands, such as a head's cotangent by its weights. A
 * larger one, such as the gradient of a small batch, would leave the cache before it is read. */
#define SPREAD_MOST 65536

static bool spreads(const ho_graph *graph, const ho_graph_node *node)
{
    const ho_shape *a = &ho_graph_at(graph, node->in[0])->shape, *b = &ho_graph_at(graph, node->in[1])->shape;
    const int64_t entries = ho_shape_count(&node->shape);
    return ho_axis_size(a, 1) <= 16 && entries >= 4 * (ho_shape_count(a) + ho_shape_count(b)) && entries <= SPREAD_MOST;
}

static bool is_costly(const ho_graph *graph, const ho_graph_node *node)
{
    switch (node->op) {
    case HO_OP_EXP:
    case HO_OP_EXPM1:
    case HO_OP_LOG:
    case HO_OP_LOG1P:
    case HO_OP_TANH:
    case HO_OP_SIN:
    case HO_OP_COS:
    case HO_OP_ERF:
    case HO_OP_POW:
        return node->shape.rank > 0;
    case HO_OP_MATMUL:
        return !spreads(graph, node);
    case HO_OP_SUM:
    case HO_OP_MAXIMUM:
    case HO_OP_GATHER:
    case HO_OP_SCATTER:
        return true;
    default:
        return false;
    }
}

/* All axes of a shape. */
static uint32_t all_axes(const ho_shape *shape)
{
    return (UINT32_C(1) << shape->rank) - 1;
}

/* The axes along which a node's entries differ; too few are given where that is hard to say. */
static uint32_t varying_axes(const network *n, const ho_graph_node *node)
{
    uint32_t varies = 0;
    if (node->op == HO_OP_CONST)
        return 0;
    if (node->op == HO_OP_RESHAPE) {
        const ho_shape *from = &ho_graph_at(n->graph, node->in[0])->shape;
        return n->nodes[node->in[0]].varies == all_axes(from) ? all_axes(&node->shape) : 0;
    }
    if (node->op == HO_OP_TRANSPOSE) {
        varies = n->nodes[node->in[0]].varies;
        return (varies & ~UINT32_C(3)) | (varies & 1) << 1 | (varies >> 1 & 1);
    }
    if (!ho_op_is_elementwise(node->op) && node->op != HO_OP_SLICE && node->op != HO_OP_EXPAND)
        return all_axes(&node->shape);
    for (uint32_t i = 0; i < node->arity; i++) {
        const ho_shape *from = &ho_graph_at(n->graph, node->in[i])->shape;
        for (int32_t a = 1; a <= from->rank; a++)
            if (ho_axis_size(from, a) == ho_axis_size(&node->shape, a))
                varies |= n->nodes[node->in[i]].varies & UINT32_C(1) << (a - 1);
    }
    for (int32_t a = 1; a <= node->shape.rank; a++)
        varies |= ho_axis_size(&node->shape, a) == 1 ? UINT32_C(1) << (a - 1) : 0;
    return varies;
}

static void describe(network *n, ho_node id)
{
    const ho_graph_node *node = ho_graph_at(n->graph, id);
    early *e = &n->nodes[id];
    e->varies = varying_axes(n, node);
    e->limit = NO_LIMIT;
    if (node->arity && !viewed(n->graph, node) && e->varies == all_axes(&node->shape)) {
        /* A number of rank 0 is a double, whatever the precision. */
        e->limit = node->shape.rank ? ho_shape_count(&node->shape) : 2;
        e->costly = is_costly(n->graph, node);
    }
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

static void find_late(network *n, const ho_node *late, size_t count)
{
    for (size_t i = 0; i < count; i++)
        n->late[late[i]] = true;
    for (size_t i = 0; i < n->length; i++) {
        const ho_graph_node *node = ho_graph_at(n->graph, n->order[i]);
        for (uint32_t k = 0; k < node->arity; k++)
            n->late[n->order[i]] |= n->late[node->in[k]];
        for (uint32_t k = 0; k < node->arity && n->late[n->order[i]]; k++)
            n->nodes[node->in[k]].wanted = true;
    }
}

static void add_edges(network *n)
{
    size_t most = 0;
    for (size_t i = 0; i < n->length; i++)
        most += ho_graph_at(n->graph, n->order[i])->arity;
    n->edges = ho_alloc((most + 1) * sizeof *n->edges);
    n->users = ho_alloc((most + 1) * sizeof *n->users);
    for (size_t i = 0; i < n->length; i++) {
        const ho_node id = n->order[i];
        const ho_graph_node *node = ho_graph_at(n->graph, id);
        n->nodes[id].first_operand = n->edge_count;
        for (uint32_t k = 0; k < node->arity && !n->late[id]; k++)
            n->edges[n->edge_count++] = (edge){.user = id, .operand = node->in[k]};
    }
    size_t *counts = ho_alloc(((size_t)ho_graph_size(n->graph) + 2) * sizeof *counts);
    for (size_t k = 0; k < n->edge_count; k++)
        counts[n->edges[k].operand + 1]++;
    for (ho_node id = 1; id <= ho_graph_size(n->graph); id++) {
        counts[id + 1] += counts[id];
        n->nodes[id].first_user = counts[id];
    }
    for (size_t k = 0; k < n->edge_count; k++)
        n->users[counts[n->edges[k].operand]++] = k;
    free(counts);
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

static size_t index_of(place p)
{
    return 2 * (size_t)p.node + p.lower;
}

static void reach(network *n, place to, place from, size_t *queued)
{
    if (n->reached[index_of(to)])
        return;
    n->reached[index_of(to)] = true;
    n->came_from[index_of(to)] = from;
    n->queue[(*queued)++] = to;
}

/* Searches breadth first from all wanted nodes; the lower end of the first costly node that can be reached, or
 * HO_POISON. */
static ho_node search(network *n)
{
    size_t queued = 0;
    memset(n->reached, 0, 2 * ((size_t)ho_graph_size(n->graph) + 1) * sizeof *n->reached);
    for (size_t i = 0; i < n->length; i++)
        if (n->nodes[n->order[i]].wanted && !n->late[n->order[i]])
            reach(n, (place){n->order[i], false}, (place){HO_POISON, false}, &queued);
    for (size_t next = 0; next < queued; next++) {
        const place p = n->queue[next];
        const early *e = &n->nodes[p.node];
        if (p.lower && e->costly)
            return p.node;
        if (p.lower) {
            for (size_t k = e->first_operand; k < n->edge_count && n->edges[k].user == p.node; k++)
                reach(n, (place){n->edges[k].operand, false}, p, &queued);
            if (e->flow > 0)
                reach(n, (place){p.node, false}, p, &queued);
        } else {
            if (e->flow < e->limit)
                reach(n, (place){p.node, true}, p, &queued);
            for (size_t k = e->first_user; k < n->edge_count && n->edges[n->users[k]].operand == p.node; k++)
                if (n->edges[n->users[k]].flow > 0)
                    reach(n, (place){n->edges[n->users[k]].user, true}, p, &queued);
        }
    }
    return HO_POISON;
}

/* The edge between two nodes; of several, one that can give back flow, if `back`. */
static edge *edge_between(const network *n, ho_node user, ho_node operand, bool back)
{
    for (size_t k = n->nodes[user].first_operand; k < n->edge_count && n->edges[k].user == user; k++)
        if (n->edges[k].operand == operand && (!back || n->edges[k].flow > 0))
            return &n->edges[k];
    return NULL;
}

/* Sends as much as it takes down the path that ends at the lower end of this node: the least that any of its nodes and
 * of the edges that it goes up has left. (Costly nodes have a limit, so there is a least.) */
static void augment(network *n, ho_node last)
{
    int64_t least = NO_LIMIT;
    for (int pass = 0; pass < 2; pass++) {
        place to = {last, true}, from = n->came_from[index_of(to)];
        for (; from.node; to = from, from = n->came_from[index_of(to)]) {
            early *e = &n->nodes[to.node];
            edge *down = from.lower && !to.lower ? edge_between(n, from.node, to.node, false) : NULL;
            edge *up = !from.lower && to.lower ? edge_between(n, to.node, from.node, true) : NULL;
            const bool within = from.node == to.node;
            int64_t left = NO_LIMIT;
            if (within)
                left = to.lower ? (e->limit == NO_LIMIT ? NO_LIMIT : e->limit - e->flow) : e->flow;
            else if (up)
                left = up->flow;
            if (pass == 0) {
                least = left < least ? left : least;
                continue;
            }
            if (within)
                e->flow += to.lower ? least : -least;
            else if (down)
                down->flow += least;
            else if (up)
                up->flow -= least;
        }
    }
}

/* ---- the cut ----------------------------------------------------------------------------------------------------- */

ho_node *ho_choose_residuals(const ho_graph *graph, const ho_node *late, size_t late_count, const ho_node *outputs,
                             size_t output_count, size_t *count)
{
    const size_t size = (size_t)ho_graph_size(graph) + 1;
    network n = {.graph = graph,
                 .late = ho_alloc(size * sizeof *n.late),
                 .nodes = ho_alloc(size * sizeof *n.nodes),
                 .came_from = ho_alloc(2 * size * sizeof *n.came_from),
                 .reached = ho_alloc(2 * size * sizeof *n.reached),
                 .queue = ho_alloc(2 * size * sizeof *n.queue)};
    n.order = ho_graph_order(graph, outputs, output_count, &n.length);
    for (size_t i = 0; i < output_count; i++)
        n.nodes[outputs[i]].wanted = true;
    find_late(&n, late, late_count);
    for (size_t i = 0; i < n.length; i++)
        describe(&n, n.order[i]);
    add_edges(&n);
    for (ho_node last; (last = search(&n)) != HO_POISON;)
        augment(&n, last);
    /* Now nodes with an upper end that was reached and a lower end that was not are the cut. */
    ho_node *kept = ho_alloc((n.length + 1) * sizeof *kept);
    *count = 0;
    for (size_t i = 0; i < n.length; i++)
        if (n.reached[2 * (size_t)n.order[i]] && !n.reached[2 * (size_t)n.order[i] + 1])
            kept[(*count)++] = n.order[i];
    free(n.order);
    free(n.late);
    free(n.nodes);
    free(n.edges);
    free(n.users);
    free(n.came_from);
    free(n.reached);
    free(n.queue);
    return kept;
}
