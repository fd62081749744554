/* What is kept of a computation whose last part comes later: small graphs with the answer worked out by hand. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "diff/diff.h"

#define ROWS    5
#define COLUMNS 3

typedef struct fixture {
    ho_error *error;
    ho_graph *graph;
    ho_node x, y, row, c, d; /* early (5, 3), (5, 3) and (1, 3); late (5, 3) and () */
} fixture;

static fixture open_graph(void)
{
    fixture f = {0};
    const ho_shape wide = ho_shape_of(2, (int64_t[]){ROWS, COLUMNS});
    f.error = ho_alloc(sizeof *f.error);
    f.graph = ho_graph_new(f.error);
    f.x = ho_node_leaf(f.graph, "x", wide);
    f.y = ho_node_leaf(f.graph, "y", wide);
    f.row = ho_node_leaf(f.graph, "row", ho_shape_of(2, (int64_t[]){1, COLUMNS}));
    f.c = ho_node_leaf(f.graph, "c", wide);
    f.d = ho_node_leaf(f.graph, "d", ho_scalar_shape());
    return f;
}

static ho_node un(const fixture *f, uint32_t op, ho_node a)
{
    return ho_node_unary(f->graph, op, a);
}

static ho_node bin(const fixture *f, uint32_t op, ho_node a, ho_node b)
{
    return ho_node_binary(f->graph, op, a, b);
}

/* Exactly these nodes are kept for the outputs; ends the graph. */
static void expect(fixture *f, const char *what, const ho_node *outputs, size_t output_count, const ho_node *kept,
                   size_t count)
{
    size_t found;
    const ho_node late[] = {f->c, f->d};
    cr_assert_eq(ho_graph_error(f->graph)->status, HO_OK, "%s", ho_graph_error(f->graph)->text);
    ho_node *nodes = ho_choose_residuals(f->graph, late, 2, outputs, output_count, &found);
    cr_expect_eq(found, count, "%s: %zu nodes are kept, not %zu", what, found, count);
    for (size_t i = 0; i < count && i < found; i++)
        cr_expect_eq(nodes[i], kept[i], "%s: %%%u (%s) is kept, not %%%u (%s)", what, nodes[i],
                     ho_op_name(ho_graph_at(f->graph, nodes[i])->op), kept[i],
                     ho_op_name(ho_graph_at(f->graph, kept[i])->op));
    free(nodes);
    ho_graph_free(f->graph);
    free(f->error);
}

Test(residuals, are_what_is_costly_to_compute_again)
{
    fixture f = open_graph();
    ho_node e = un(&f, HO_OP_EXP, f.x), out = bin(&f, HO_OP_MUL, e, f.c);
    expect(&f, "an exponential", &out, 1, &e, 1);

    f = open_graph();
    ho_node cheap = bin(&f, HO_OP_MUL, bin(&f, HO_OP_ADD, f.x, f.y), f.x);
    out = bin(&f, HO_OP_MUL, cheap, f.c);
    expect(&f, "what is cheap", &out, 1, NULL, 0);

    f = open_graph();
    out = bin(&f, HO_OP_MUL, f.x, f.c);
    expect(&f, "a leaf", &out, 1, NULL, 0);

    f = open_graph();
    ho_node product = ho_node_matmul(f.graph, f.x, ho_node_transpose(f.graph, f.y));
    expect(&f, "an output that is not late", &product, 1, &product, 1);

    f = open_graph();
    e = un(&f, HO_OP_EXP, f.x);
    out = un(&f, HO_OP_EXP, bin(&f, HO_OP_MUL, e, f.c));
    expect(&f, "a late exponential beside an early one", &out, 1, &e, 1);
}

/* exp(a) @ b with `terms` terms and as many rows as columns, times a late number: whether the product is kept, or only
 * the exponential. */
static void expect_product(int64_t rows, int64_t terms, bool kept)
{
    fixture f = open_graph();
    const ho_node a = ho_node_leaf(f.graph, "a", ho_shape_of(2, (int64_t[]){rows, terms}));
    const ho_node b = ho_node_leaf(f.graph, "b", ho_shape_of(2, (int64_t[]){terms, rows}));
    const ho_node e = un(&f, HO_OP_EXP, a), product = ho_node_matmul(f.graph, e, b);
    const ho_node out = bin(&f, HO_OP_MUL, product, f.d);
    expect(&f, "a product", &out, 1, kept ? &product : &e, 1);
}

Test(residuals, are_no_products_that_make_many_entries_of_few)
{
    expect_product(32, 4, false);
    expect_product(31, 4, true); /* 961 entries of 248: not four times as many */
    expect_product(128, 16, false);
    expect_product(200, 17, true); /* 17 terms */
    expect_product(256, 8, false);
    expect_product(257, 8, true); /* more than 2^16 entries */
}

Test(residuals, are_the_last_of_equally_large_ones)
{
    fixture f = open_graph();
    ho_node e = un(&f, HO_OP_EXP, f.x), cheap = bin(&f, HO_OP_ADD, e, f.y), out = bin(&f, HO_OP_MUL, cheap, f.c);
    expect(&f, "the sum rather than the exponential", &out, 1, &cheap, 1);
}

Test(residuals, are_as_few_entries_as_possible)
{
    fixture f = open_graph();
    ho_node e = un(&f, HO_OP_EXP, f.x), a = bin(&f, HO_OP_ADD, e, f.y), b = bin(&f, HO_OP_MUL, e, f.y);
    ho_node outputs[] = {bin(&f, HO_OP_MUL, a, f.c), bin(&f, HO_OP_MUL, b, f.c)};
    expect(&f, "what two follow from", outputs, 2, &e, 1);

    f = open_graph();
    e = un(&f, HO_OP_EXP, f.x);
    a = un(&f, HO_OP_TANH, f.y);
    b = bin(&f, HO_OP_ADD, e, a);
    ho_node out = bin(&f, HO_OP_MUL, bin(&f, HO_OP_MUL, b, f.x), f.c), last = bin(&f, HO_OP_MUL, b, f.x);
    expect(&f, "what follows from two", &out, 1, &last, 1);

    f = open_graph();
    ho_node sum = ho_node_reduce(f.graph, HO_OP_SUM, un(&f, HO_OP_EXP, f.x), 1, 1);
    ho_node column = ho_node_reshape(f.graph, sum, ho_shape_of(2, (int64_t[]){ROWS, 1}));
    out = bin(&f, HO_OP_MUL, ho_node_expand(f.graph, column, ho_shape_of(2, (int64_t[]){ROWS, COLUMNS})), f.c);
    expect(&f, "a sum, not its repeated or summed entries", &out, 1, &sum, 1);

    f = open_graph();
    sum = ho_node_sum_all(f.graph, un(&f, HO_OP_EXP, f.x));
    out = bin(&f, HO_OP_MUL, sum, f.d);
    expect(&f, "a number", &out, 1, &sum, 1);

    /* 5 and 3 entries make 15. */
    f = open_graph();
    const ho_shape wide = ho_shape_of(2, (int64_t[]){ROWS, COLUMNS});
    ho_node sums[] = {ho_node_reduce(f.graph, HO_OP_SUM, f.x, 1, 1), ho_node_reduce(f.graph, HO_OP_SUM, f.x, 2, 1)};
    ho_node down = ho_node_reshape(f.graph, sums[0], ho_shape_of(2, (int64_t[]){ROWS, 1}));
    ho_node across = ho_node_reshape(f.graph, sums[1], ho_shape_of(2, (int64_t[]){1, COLUMNS}));
    down = ho_node_expand(f.graph, down, wide);
    out = bin(&f, HO_OP_MUL, bin(&f, HO_OP_MUL, down, ho_node_expand(f.graph, across, wide)), f.c);
    expect(&f, "two short ones", &out, 1, sums, 2);

    /* p and q go two ways each; the first path found has to give way: keeping e alone serves both. */
    f = open_graph();
    e = un(&f, HO_OP_EXP, f.x);
    ho_node t = un(&f, HO_OP_TANH, f.y), p = bin(&f, HO_OP_ADD, e, f.y), q = bin(&f, HO_OP_ADD, t, e);
    ho_node mixed[] = {bin(&f, HO_OP_MUL, p, f.c), bin(&f, HO_OP_MUL, q, f.c), bin(&f, HO_OP_MUL, t, f.c)};
    ho_node both[] = {e, t};
    expect(&f, "two of four", mixed, 3, both, 2);
}

Test(residuals, have_a_layout_of_their_own)
{
    fixture f = open_graph();
    ho_node product = ho_node_matmul(f.graph, f.x, ho_node_transpose(f.graph, f.y));
    ho_node out = ho_node_matmul(f.graph, ho_node_transpose(f.graph, product), f.c);
    expect(&f, "the product, not its transpose", &out, 1, &product, 1);

    f = open_graph();
    ho_node e = un(&f, HO_OP_EXP, f.x), held = un(&f, HO_OP_STOP, e);
    out = bin(&f, HO_OP_MUL, held, f.c);
    expect(&f, "what a stop passes on", &out, 1, &e, 1);

    /* Products read the repeated rows by stride 0, and no longer would if they were stored. */
    f = open_graph();
    ho_node rows = ho_node_expand(f.graph, f.row, ho_shape_of(2, (int64_t[]){ROWS, COLUMNS}));
    out = ho_node_matmul(f.graph, ho_node_transpose(f.graph, un(&f, HO_OP_EXP, rows)), f.c);
    expect(&f, "repeated entries", &out, 1, NULL, 0);
}
