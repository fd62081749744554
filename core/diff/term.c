/* Terms: see internal.h. */
#include "diff/internal.h"

/* select(c, u, 0), or inverted select(c, 0, u). */
typedef struct {
    ho_node condition, value;
    bool inverted;
} mask;

static bool masked(const ho_graph *graph, ho_node a, mask *m)
{
    const ho_graph_node *node = ho_graph_at(graph, a);
    if (node->op != HO_OP_SELECT || ho_is_value(graph, node->in[1], 0) == ho_is_value(graph, node->in[2], 0))
        return false;
    m->inverted = ho_is_value(graph, node->in[1], 0);
    m->condition = node->in[0];
    m->value = node->in[m->inverted ? 2 : 1];
    return true;
}

static ho_node apply_mask(ho_graph *graph, const mask *m, ho_node a)
{
    bool minus = ho_term_unsigned(graph, &a);
    ho_node zero = ho_node_const(graph, 0);
    a = ho_node_select(graph, m->condition, m->inverted ? zero : a, m->inverted ? a : zero);
    return ho_term_signed(graph, minus, a);
}

ho_node ho_term_signed(ho_graph *graph, bool minus, ho_node a)
{
    return minus ? ho_node_unary(graph, HO_OP_NEG, a) : a;
}

bool ho_term_unsigned(const ho_graph *graph, ho_node *a)
{
    const ho_graph_node *node = *a ? ho_graph_at(graph, *a) : NULL;
    if (!node || node->op != HO_OP_NEG)
        return false;
    *a = node->in[0];
    return true;
}

ho_node ho_term_scale(ho_graph *graph, uint32_t op, ho_node a, ho_node factor)
{
    if (!a || !factor)
        return HO_POISON;
    mask m;
    if (ho_term_unsigned(graph, &a))
        return ho_term_signed(graph, true, ho_term_scale(graph, op, a, factor));
    if (ho_is_value(graph, factor, -1))
        return ho_term_signed(graph, true, a);
    if (masked(graph, a, &m))
        return apply_mask(graph, &m, ho_term_scale(graph, op, m.value, factor));
    const ho_graph_node *node = ho_graph_at(graph, a);
    if (node->op == HO_OP_MUL && node->shape.rank > 0 && ho_graph_at(graph, factor)->shape.rank == 0) {
        ho_node in[] = {node->in[0], node->in[1]};
        for (int i = 0; i < 2; i++)
            if (ho_graph_at(graph, in[i])->shape.rank == 0)
                return ho_node_binary(graph, HO_OP_MUL, ho_node_binary(graph, op, in[i], factor), in[1 - i]);
    }
    return ho_node_binary(graph, op, a, factor);
}

ho_node ho_term_add(ho_graph *graph, ho_node a, ho_node b)
{
    if (!a || !b)
        return HO_POISON;
    bool minus_a = ho_term_unsigned(graph, &a), minus_b = ho_term_unsigned(graph, &b);
    mask m, n;
    if (masked(graph, a, &m) && masked(graph, b, &n) && m.condition == n.condition && m.inverted == n.inverted) {
        a = ho_term_signed(graph, minus_a, m.value);
        b = ho_term_signed(graph, minus_b, n.value);
        return apply_mask(graph, &m, ho_term_add(graph, a, b));
    }
    if (minus_a == minus_b)
        return ho_term_signed(graph, minus_a, ho_node_binary(graph, HO_OP_ADD, a, b));
    return ho_node_binary(graph, HO_OP_SUB, minus_a ? b : a, minus_a ? a : b);
}
