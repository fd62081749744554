/*
 * Parts. The gradient by all weights is a concat of those by each tensor, and optimizers make the next state of it
 * entry by entry. Where that is large it is computed tensor by tensor: what was a kernel for each tensor and then one
 * for all of them, which reads everything again, is one kernel for each; and the concat is not made at all unless
 * something else reads it. Every entry goes through the same ops, so no bit changes.
 */
#include "exec/plan.h"

/* Of fewer entries the kernels, one for each tensor, would cost more than they save. */
#define LEAST 65536

typedef struct finder {
    ho_lowered *low;
    const ho_node *order;
    size_t length;
    bool *free;      /* whether users can take the node in parts */
    ho_node *wanted; /* how users that do are cut */
} finder;

static const ho_graph_node *node_of(const finder *f, ho_node id)
{
    return ho_graph_at(f->low->graph, id);
}

/* Whether the plan computes the node: others are given, or nobody uses them. */
static bool is_computed(const finder *f, ho_node id)
{
    return f->low->uses[id] > 0 && f->low->input_of[id] < 0;
}

static bool is_large(const ho_graph_node *node)
{
    return node->shape.rank > 0 && ho_shape_count(&node->shape) >= LEAST;
}

/* The operands that a node really has. */
static uint32_t operands(const finder *f, ho_node id, const ho_node **in)
{
    const ho_graph_node *node = node_of(f, id);
    const bool same = ho_passed_on(f->low->graph, node) != HO_POISON;
    *in = same ? &node->in[node->arity == 1 ? 0 : 2] : node->in;
    return same ? 1 : node->arity;
}

/* Large elementwise nodes whose users are such nodes, too, or none: outputs. */
static void find_free(finder *f)
{
    for (size_t n = 0; n < f->length; n++) {
        const ho_graph_node *node = node_of(f, f->order[n]);
        f->free[f->order[n]] = is_computed(f, f->order[n]) && is_large(node) && ho_op_is_elementwise(node->op) &&
                               !ho_sums_products(f->low, node);
    }
    for (size_t n = f->length; n-- > 0;) {
        const ho_node id = f->order[n], *in;
        for (uint32_t i = 0, count = is_computed(f, id) ? operands(f, id, &in) : 0; i < count; i++)
            f->free[in[i]] &= f->free[id];
    }
}

static bool cut_alike(const finder *f, ho_node a, ho_node b)
{
    const ho_graph_node *x = node_of(f, a), *y = node_of(f, b);
    bool alike = x->arity == y->arity;
    for (uint32_t k = 0; k < x->arity && alike; k++)
        alike = node_of(f, x->in[k])->shape.dims[0] == node_of(f, y->in[k])->shape.dims[0];
    return alike;
}

/* Of concats that are cut alike, the first stands for all. */
static ho_node cut_of_concat(const finder *f, size_t n)
{
    const ho_node id = f->order[n];
    if (!is_computed(f, id) || !is_large(node_of(f, id)) ||
        node_of(f, id)->axis != (uint32_t)node_of(f, id)->shape.rank)
        return HO_POISON;
    for (size_t m = 0; m < n; m++)
        if (f->low->cuts[f->order[m]] == f->order[m] && cut_alike(f, f->order[m], id))
            return f->order[m];
    return id;
}

/* How the first operand that is cut is cut. One that is cut otherwise is put together, and read in slices. */
static ho_node cut_of_operands(const finder *f, ho_node id)
{
    const ho_node *in;
    ho_node cut = HO_POISON;
    for (uint32_t i = 0, count = operands(f, id, &in); i < count && !cut; i++)
        cut = f->low->cuts[in[i]];
    return cut;
}

/* From concats on to what is made of them; then back to what only goes into that. */
static void cut_nodes(finder *f)
{
    ho_node *cuts = f->low->cuts;
    bool *joined = f->low->joined;
    for (size_t n = 0; n < f->length; n++) {
        const ho_node id = f->order[n];
        if (node_of(f, id)->op == HO_OP_CONCAT)
            cuts[id] = cut_of_concat(f, n);
        else if (f->free[id])
            cuts[id] = cut_of_operands(f, id);
    }
    for (size_t n = f->length; n-- > 0;) {
        const ho_node id = f->order[n], *in;
        if (!cuts[id] && f->free[id] && !joined[id])
            cuts[id] = f->wanted[id];
        joined[id] |= f->wanted[id] && f->wanted[id] != cuts[id];
        const bool passes = ho_passed_on(f->low->graph, node_of(f, id)) && joined[id];
        for (uint32_t i = 0, count = is_computed(f, id) ? operands(f, id, &in) : 0; i < count; i++) {
            const bool agrees = f->wanted[in[i]] == HO_POISON || f->wanted[in[i]] == cuts[id];
            joined[in[i]] |= !cuts[id] || !agrees || passes;
            f->wanted[in[i]] = cuts[id];
        }
    }
}

void ho_find_parts(ho_lowered *low, const ho_node *order, size_t length, const ho_node *outputs)
{
    const size_t ids = (size_t)ho_graph_size(low->graph) + 1;
    finder f = {.low = low,
                .order = order,
                .length = length,
                .free = ho_arena_alloc(low->arena, ids * sizeof *f.free),
                .wanted = ho_arena_alloc(low->arena, ids * sizeof *f.wanted)};
    low->cuts = ho_arena_alloc(low->arena, ids * sizeof *low->cuts);
    low->parts = ho_arena_alloc(low->arena, ids * sizeof *low->parts);
    low->joined = ho_arena_alloc(low->arena, ids * sizeof *low->joined);
    for (size_t i = 0; i < low->output_count; i++)
        low->joined[outputs[i]] = true;
    find_free(&f);
    cut_nodes(&f);
}
