/* Simplification keeps values: random expressions, whose entries are known from how they were built, against what the
 * simplified graph computes. Entries are small whole numbers and halves, so everything is exact. */
#include "graph/graph.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2, LONGEST = 12, LEAVES = 4, STEPS = 60, TRIALS = 400 };

/* ROWS x n tensors (or rank 0, n = 0), pieced together along the last axis. */
typedef struct tensor {
    ho_node node;
    int64_t n;
    double at[ROWS][LONGEST];
} tensor;

static ho_error error;
static ho_graph *graph;
static tensor leaves[LEAVES];
static uint32_t state;

static uint32_t draw(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static int64_t length_of(ho_node id)
{
    const ho_graph_node *node = ho_graph_at(graph, id);
    return node->shape.rank ? node->shape.dims[node->shape.rank - 1] : 0;
}

/* The node's value by the definitions of its ops. */
static tensor evaluate(ho_node id)
{
    ho_graph_node node = *ho_graph_at(graph, id);
    tensor out = {.node = id, .n = length_of(id)}, in;
    int64_t columns = out.n ? out.n : 1, before = 0;
    for (int i = 0; node.op == HO_OP_LEAF && i < LEAVES; i++)
        if (leaves[i].node == id)
            return leaves[i];
    if (ho_op_is_elementwise(node.op)) {
        tensor operands[3];
        memset(operands, 0, sizeof operands);
        for (uint32_t i = 0; i < node.arity; i++)
            operands[i] = evaluate(node.in[i]);
        for (int r = 0; r < ROWS; r++)
            for (int64_t c = 0; c < columns; c++) {
                double entry[3];
                for (int i = 0; i < 3; i++)
                    entry[i] = operands[i].n ? operands[i].at[r][c] : operands[i].at[0][0];
                out.at[r][c] = ho_op_scalar(node.op, entry[0], entry[1], entry[2]);
            }
        return out;
    }
    for (uint32_t i = 0; i < node.arity; i++) {
        in = evaluate(node.in[i]);
        int64_t from = node.op == HO_OP_SLICE ? node.extent : 0, to = node.op == HO_OP_PAD ? node.extent : before;
        int64_t count = node.op == HO_OP_SLICE ? out.n : in.n ? in.n : 1;
        for (int r = 0; r < ROWS; r++)
            for (int64_t c = 0; c < (node.op == HO_OP_EXPAND ? columns : count); c++)
                out.at[r][to + c] = node.op == HO_OP_EXPAND ? in.at[0][0] : in.at[r][from + c];
        before += in.n;
    }
    for (int r = 0; node.op == HO_OP_CONST && r < ROWS; r++)
        for (int64_t c = 0; c < columns; c++)
            out.at[r][c] = node.value;
    return out;
}

static ho_shape shape_of(int64_t n)
{
    return ho_shape_of(n ? 2 : 0, (int64_t[]){ROWS, n});
}

static tensor filled(int64_t n, double value)
{
    tensor out = {.node = ho_node_fill(graph, shape_of(n), value), .n = n};
    for (int r = 0; r < ROWS; r++)
        for (int64_t c = 0; c < LONGEST; c++)
            out.at[r][c] = value;
    return out;
}

static tensor elementwise(uint32_t op, const tensor *a, const tensor *b, const tensor *c)
{
    const tensor *in[3] = {a, b, c};
    tensor out = {.n = a->n};
    for (int i = 1; i < 3; i++)
        if (in[i] && in[i]->n)
            out.n = in[i]->n;
    for (int r = 0; r < ROWS; r++)
        for (int64_t k = 0; k < LONGEST; k++) {
            double entry[3] = {0, 0, 0};
            for (int i = 0; i < 3; i++)
                if (in[i])
                    entry[i] = in[i]->n ? in[i]->at[r][k] : in[i]->at[0][0];
            out.at[r][k] = ho_op_scalar(op, entry[0], entry[1], entry[2]);
        }
    out.node = c   ? ho_node_select(graph, a->node, b->node, c->node)
               : b ? ho_node_binary(graph, op, a->node, b->node)
                   : ho_node_unary(graph, op, a->node);
    return out;
}

static tensor slice(const tensor *a, int64_t start, int64_t n)
{
    tensor out = {.node = ho_node_slice(graph, a->node, 1, start, n), .n = n};
    for (int r = 0; r < ROWS; r++)
        memcpy(out.at[r], a->at[r] + start, (size_t)n * sizeof(double));
    return out;
}

static tensor pad(const tensor *a, int64_t before, int64_t after)
{
    tensor out = {.node = ho_node_pad(graph, a->node, 1, before, after), .n = before + a->n + after};
    for (int r = 0; r < ROWS; r++)
        memcpy(out.at[r] + before, a->at[r], (size_t)a->n * sizeof(double));
    return out;
}

static tensor concat(const tensor *a, const tensor *b)
{
    tensor out = {.node = ho_node_concat(graph, (ho_node[]){a->node, b->node}, 2, 1), .n = a->n + b->n};
    for (int r = 0; r < ROWS; r++) {
        memcpy(out.at[r], a->at[r], (size_t)a->n * sizeof(double));
        memcpy(out.at[r] + a->n, b->at[r], (size_t)b->n * sizeof(double));
    }
    return out;
}

static tensor random_step(const tensor *pool, uint32_t count)
{
    static const uint32_t binary[] = {HO_OP_ADD, HO_OP_ADD, HO_OP_ADD, HO_OP_SUB, HO_OP_MUL, HO_OP_MAX, HO_OP_LESS};
    static const double numbers[] = {0, 1, -1, 2, 0.5, 3};
    tensor a = pool[draw(count)], b = pool[draw(count)], c = pool[draw(count)];
    int64_t start, room;
    switch (draw(10)) {
    case 0:
    case 1: /* to a common length by padding: the sums that collapse */
        if (!a.n)
            return a;
        room = LONGEST - a.n;
        start = (int64_t)draw((uint32_t)room + 1);
        return pad(&a, start, room - start);
    case 2:
        if (!a.n)
            return a;
        start = (int64_t)draw((uint32_t)a.n);
        return slice(&a, start, 1 + (int64_t)draw((uint32_t)(a.n - start)));
    case 3:
        if (a.n && b.n && a.n + b.n <= LONGEST)
            return concat(&a, &b);
        return elementwise(HO_OP_NEG, &a, NULL, NULL);
    case 4:
        return filled(draw(2) ? a.n : 0, numbers[draw(6)]);
    case 5:
        b = filled(draw(2) ? a.n : 0, numbers[draw(6)]);
        return draw(2) ? elementwise(HO_OP_MUL, &a, &b, NULL) : elementwise(HO_OP_ADD, &b, &a, NULL);
    case 6:
        b = filled(0, draw(2) ? 2 : -4);
        return elementwise(HO_OP_DIV, &a, &b, NULL);
    case 7:
        if ((a.n && b.n && a.n != b.n) || (a.n && c.n && a.n != c.n) || (b.n && c.n && b.n != c.n))
            return elementwise(HO_OP_STOP, &a, NULL, NULL);
        return elementwise(HO_OP_SELECT, &a, &b, &c);
    default:
        if (a.n && b.n && a.n != b.n)
            return elementwise(HO_OP_NEG, &a, NULL, NULL);
        return elementwise(binary[draw(7)], &a, &b, NULL);
    }
}

Test(simplify, values_are_kept)
{
    static tensor pool[LEAVES + STEPS];
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        state = trial * 7919u + 1;
        graph = ho_graph_new(&error);
        for (int i = 0; i < LEAVES; i++) {
            leaves[i] = filled(i, 0); /* the first is a scalar */
            leaves[i].node = ho_node_leaf(graph, "x", shape_of(i));
            for (int r = 0; r < ROWS; r++)
                for (int k = 0; k < LONGEST; k++)
                    leaves[i].at[r][k] = i ? (double)draw(9) - 4 : 3;
            pool[i] = leaves[i];
        }
        for (uint32_t count = LEAVES; count < LEAVES + STEPS; count++) {
            tensor made = random_step(pool, count);
            cr_assert(made.node, "%s", error.text);
            cr_assert_eq(length_of(made.node), made.n);
            tensor got = evaluate(made.node);
            double largest = 0;
            for (int r = 0; r < ROWS; r++)
                for (int64_t k = 0; k < (made.n ? made.n : 1); k++) {
                    cr_assert_eq(got.at[r][k], made.at[r][k], "trial %u, node %u, entry (%d, %d): %g, not %g", trial,
                                 made.node, r, (int)k, got.at[r][k], made.at[r][k]);
                    largest = fmax(largest, fabs(made.at[r][k]));
                }
            pool[count] = largest < 1e4 ? made : leaves[draw(LEAVES)]; /* keeps everything exact */
            cr_assert_eq(ho_graph_verify(graph, &made.node, 1, &error), HO_OK, "%s", error.text);
        }
        ho_graph_free(graph);
    }
}
