/* Derivatives of whole computations: a network's loss, an optimizer's step, a few steps of training. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "diff/diff.h"
#include "exec/exec.h"

enum { ROWS = 5, FEATURES = 4, HIDDEN = 6, CLASSES = 3 };
enum { WEIGHTS = FEATURES * HIDDEN + HIDDEN + HIDDEN * CLASSES + CLASSES };
enum { MOST_LEAVES = 32 };

typedef struct {
    ho_error error;
    ho_graph *graph;
    size_t count;
    ho_node leaves[MOST_LEAVES];
    double *values[MOST_LEAVES];
    ho_node x, labels, w;
} network;

static size_t entries(network *n, ho_node a)
{
    return (size_t)ho_shape_count(&ho_graph_at(n->graph, a)->shape);
}

static ho_node leaf(network *n, int32_t rank, int64_t rows, int64_t columns, double scale)
{
    cr_assert_lt(n->count, MOST_LEAVES);
    ho_node a = ho_node_leaf(n->graph, "leaf", ho_shape_of(rank, (int64_t[]){rows, columns}));
    double *values = ho_alloc(entries(n, a) * sizeof *values);
    for (size_t i = 0; i < entries(n, a); i++)
        values[i] = scale * ho_normal_number(3, n->count, i);
    n->leaves[n->count] = a;
    n->values[n->count++] = values;
    return a;
}

static double *value_of(network *n, ho_node a)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->leaves[i] == a)
            return n->values[i];
    cr_assert_fail("no leaf");
    return NULL;
}

static ho_node scalar(network *n, double value)
{
    ho_node a = leaf(n, 0, 0, 0, 0);
    *value_of(n, a) = value;
    return a;
}

static void setup(network *n)
{
    memset(n, 0, sizeof *n);
    n->graph = ho_graph_new(&n->error);
    n->x = leaf(n, 2, ROWS, FEATURES, 1);
    n->labels = leaf(n, 2, ROWS, CLASSES, 0);
    for (int i = 0; i < ROWS; i++)
        value_of(n, n->labels)[i * CLASSES + i % CLASSES] = 1;
    n->w = leaf(n, 1, WEIGHTS, 0, 0.7);
}

static void teardown(network *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->values[i]);
    ho_graph_free(n->graph);
}

static double *evaluate(network *n, ho_node a)
{
    double *result = ho_alloc(entries(n, a) * sizeof *result);
    ho_status status = ho_reference_run(n->graph, HO_F64, n->leaves, (const double *const *)n->values, n->count, &a,
                                        &result, 1, NULL, &n->error);
    cr_assert_eq(status, HO_OK, "%s", n->error.text);
    return result;
}

static double number(network *n, ho_node a)
{
    double *values = evaluate(n, a), result = values[0];
    free(values);
    return result;
}

static double inner(network *n, ho_node a, ho_node b)
{
    double *x = evaluate(n, a), *y = evaluate(n, b), sum = 0;
    cr_assert_eq(entries(n, a), entries(n, b));
    for (size_t i = 0; i < entries(n, a); i++)
        sum += x[i] * y[i];
    free(x);
    free(y);
    return sum;
}

static size_t nodes(network *n, const ho_node *outputs, size_t count)
{
    size_t length;
    free(ho_graph_order(n->graph, outputs, count, &length));
    return length;
}

static void expect_close(double got, double want, double tolerance, const char *what)
{
    cr_expect_leq(fabs(got - want), tolerance * fmax(fabs(want), 1e-3), "%s: %.15g, not %.15g", what, got, want);
}

static ho_node bin(network *n, uint32_t op, ho_node a, ho_node b)
{
    return ho_node_binary_broadcast(n->graph, op, a, b);
}

static ho_node piece(network *n, ho_node w, int64_t *at, int32_t rank, int64_t rows, int64_t columns)
{
    int64_t size = rank == 2 ? rows * columns : rows;
    ho_node part = ho_node_slice(n->graph, w, 1, *at, size);
    *at += size;
    return ho_node_reshape(n->graph, part, ho_shape_of(rank, (int64_t[]){rows, columns}));
}

/* Mean cross-entropy of a network with one hidden layer at the flat weights w. */
static ho_node loss_at(network *n, ho_node w)
{
    int64_t at = 0;
    ho_node w1 = piece(n, w, &at, 2, FEATURES, HIDDEN), b1 = piece(n, w, &at, 1, HIDDEN, 0);
    ho_node w2 = piece(n, w, &at, 2, HIDDEN, CLASSES), b2 = piece(n, w, &at, 1, CLASSES, 0);
    ho_node h = ho_node_unary(n->graph, HO_OP_TANH, bin(n, HO_OP_ADD, ho_node_matmul(n->graph, n->x, w1), b1));
    ho_node z = bin(n, HO_OP_ADD, ho_node_matmul(n->graph, h, w2), b2);
    ho_node most = ho_node_unary(n->graph, HO_OP_STOP, ho_node_reduce(n->graph, HO_OP_MAXIMUM, z, 1, 1));
    ho_node column = ho_node_reshape(n->graph, most, ho_shape_of(2, (int64_t[]){ROWS, 1}));
    ho_node shifted = ho_node_unary(n->graph, HO_OP_EXP, bin(n, HO_OP_SUB, z, column));
    ho_node total = ho_node_unary(n->graph, HO_OP_LOG, ho_node_reduce(n->graph, HO_OP_SUM, shifted, 1, 1));
    ho_node picked = ho_node_reduce(n->graph, HO_OP_SUM, bin(n, HO_OP_MUL, z, n->labels), 1, 1);
    ho_node each = bin(n, HO_OP_SUB, bin(n, HO_OP_ADD, total, most), picked);
    return bin(n, HO_OP_MUL, ho_node_sum_all(n->graph, each), ho_node_const(n->graph, 1.0 / ROWS));
}

static ho_node gradient(network *n, ho_node f, ho_node x)
{
    ho_node g;
    cr_assert_eq(ho_gradient(n->graph, f, &x, &g, 1), HO_OK, "%s", n->error.text);
    return g;
}

static ho_node along(network *n, ho_node x, ho_node v, ho_node f)
{
    ho_node d;
    cr_assert_eq(ho_jvp(n->graph, 0, &x, &v, 1, &f, &d, 1), HO_OK, "%s", n->error.text);
    cr_assert_neq(d, 0);
    return d;
}

/* f's central difference along v by x, of fourth order. */
static double difference(network *n, ho_node f, ho_node x, ho_node v)
{
    const double h = 1e-4, weights[] = {8.0 / 12, -8.0 / 12, -1.0 / 12, 1.0 / 12}, steps[] = {1, -1, 2, -2};
    double *at = value_of(n, x), *step = value_of(n, v), sum = 0;
    double *start = evaluate(n, x);
    for (int s = 0; s < 4; s++) {
        for (size_t i = 0; i < entries(n, x); i++)
            at[i] = start[i] + steps[s] * h * step[i];
        sum += weights[s] * number(n, f);
    }
    memcpy(at, start, entries(n, x) * sizeof *at);
    free(start);
    return sum / h;
}

Test(diff_graph, network_gradient_and_curvature)
{
    network n;
    setup(&n);
    ho_node loss = loss_at(&n, n.w), v = leaf(&n, 1, WEIGHTS, 0, 1), g = gradient(&n, loss, n.w);
    expect_close(inner(&n, g, v), difference(&n, loss, n.w, v), 1e-7, "gradient by differences");
    expect_close(inner(&n, g, v), number(&n, along(&n, n.w, v, loss)), 1e-12, "gradient by forward mode");
    ho_node slope = ho_node_sum_all(n.graph, bin(&n, HO_OP_MUL, g, v));
    ho_node forward_over_reverse = along(&n, n.w, v, g), reverse_over_reverse = gradient(&n, slope, n.w);
    ho_node u = leaf(&n, 1, WEIGHTS, 0, 1);
    expect_close(inner(&n, u, forward_over_reverse), inner(&n, u, reverse_over_reverse), 1e-12, "curvature");
    expect_close(inner(&n, v, forward_over_reverse), difference(&n, slope, n.w, v), 1e-7, "curvature by differences");
    size_t sizes[] = {nodes(&n, &loss, 1), nodes(&n, &g, 1), nodes(&n, &forward_over_reverse, 1)};
    fprintf(stderr, "network: loss %zu nodes, gradient %zu, its jvp %zu\n", sizes[0], sizes[1], sizes[2]);
    cr_expect_lt(sizes[1], 3 * sizes[0]);
    cr_expect_lt(sizes[2], 3 * sizes[1]);
    teardown(&n);
}

/* State and hyperparameters of Adam: w, m, v and rate, beta1, beta2, decay. */
enum { STATE = 3, HYPERS = 4 };

static void adam(network *n, const ho_node *s, const ho_node *hyper, double t, ho_node *next)
{
    ho_graph *g = n->graph;
    ho_node one = ho_node_const(g, 1), time = ho_node_const(g, t), w = s[0];
    ho_node decay = bin(n, HO_OP_MUL, hyper[3], ho_node_sum_all(g, bin(n, HO_OP_MUL, w, w)));
    ho_node grad = gradient(n, bin(n, HO_OP_ADD, loss_at(n, w), decay), w);
    ho_node b1 = hyper[1], b2 = hyper[2];
    ho_node m = bin(n, HO_OP_ADD, bin(n, HO_OP_MUL, b1, s[1]), bin(n, HO_OP_MUL, bin(n, HO_OP_SUB, one, b1), grad));
    ho_node square = bin(n, HO_OP_MUL, grad, grad);
    ho_node v = bin(n, HO_OP_ADD, bin(n, HO_OP_MUL, b2, s[2]), bin(n, HO_OP_MUL, bin(n, HO_OP_SUB, one, b2), square));
    ho_node c1 = bin(n, HO_OP_SUB, one, bin(n, HO_OP_POW, b1, time));
    ho_node c2 = bin(n, HO_OP_SUB, one, bin(n, HO_OP_POW, b2, time));
    ho_node rate = bin(n, HO_OP_DIV, bin(n, HO_OP_MUL, hyper[0], ho_node_unary(g, HO_OP_SQRT, c2)), c1);
    ho_node root = ho_node_unary(g, HO_OP_SQRT, bin(n, HO_OP_ADD, v, ho_node_const(g, 1e-4)));
    next[0] = bin(n, HO_OP_SUB, w, bin(n, HO_OP_DIV, bin(n, HO_OP_MUL, rate, m), root));
    next[1] = m;
    next[2] = v;
}

static void adam_leaves(network *n, ho_node *s, ho_node *hyper)
{
    const double values[HYPERS] = {0.05, 0.8, 0.9, 0.01};
    s[0] = n->w;
    s[1] = leaf(n, 1, WEIGHTS, 0, 0.1);
    s[2] = leaf(n, 1, WEIGHTS, 0, 0.1);
    for (size_t i = 0; i < WEIGHTS; i++)
        value_of(n, s[2])[i] = fabs(value_of(n, s[2])[i]);
    for (int i = 0; i < HYPERS; i++)
        hyper[i] = scalar(n, values[i]);
}

Test(diff_graph, adam_step_forward_is_reverse)
{
    network n;
    setup(&n);
    enum { INPUTS = STATE + HYPERS };
    ho_node x[INPUTS], next[STATE], v[INPUTS], u[STATE], dy[STATE], back[INPUTS];
    adam_leaves(&n, x, x + STATE);
    adam(&n, x, x + STATE, 3, next);
    for (int i = 0; i < INPUTS; i++)
        v[i] = i < STATE ? leaf(&n, 1, WEIGHTS, 0, 1) : scalar(&n, 0.5 - 0.1 * i);
    for (int i = 0; i < STATE; i++)
        u[i] = leaf(&n, 1, WEIGHTS, 0, 1);
    cr_assert_eq(ho_jvp(n.graph, 0, x, v, INPUTS, next, dy, STATE), HO_OK, "%s", n.error.text);
    cr_assert_eq(ho_vjp(n.graph, x, back, INPUTS, next, u, STATE), HO_OK, "%s", n.error.text);
    double left = 0, right = 0;
    for (int i = 0; i < STATE; i++)
        left += inner(&n, u[i], dy[i]);
    for (int i = 0; i < INPUTS; i++)
        right += inner(&n, back[i], v[i]);
    expect_close(right, left, 1e-11, "<J'u, v> and <u, Jv>");
    ho_node columns[INPUTS], wide[STATE];
    for (int i = 0; i < INPUTS; i++)
        columns[i] = i < STATE ? leaf(&n, 2, 3, WEIGHTS, 1) : leaf(&n, 1, 3, 0, 1);
    cr_assert_eq(ho_jvp(n.graph, 3, x, columns, INPUTS, next, wide, STATE), HO_OK, "%s", n.error.text);
    ho_error *error = &n.error;
    cr_expect_eq(ho_graph_verify(n.graph, wide, STATE, error), HO_OK, "%s", error->text);
    cr_expect_eq(ho_graph_verify(n.graph, back, INPUTS, error), HO_OK, "%s", error->text);
    size_t sizes[] = {nodes(&n, next, STATE), nodes(&n, dy, STATE), nodes(&n, wide, STATE), nodes(&n, back, INPUTS)};
    fprintf(stderr, "adam: step %zu nodes, jvp %zu, jvp of 3 columns %zu, vjp %zu\n", sizes[0], sizes[1], sizes[2],
            sizes[3]);
    cr_expect_lt(sizes[1], 4 * sizes[0]);
    cr_expect_lt(sizes[3], 4 * sizes[0]);
    teardown(&n);
}

/* The hypergradient of a training of 4 steps, unrolled in one graph. */
Test(diff_graph, training_forward_is_reverse_is_differences)
{
    network n;
    setup(&n);
    ho_node s[STATE], hyper[HYPERS], back[HYPERS], seeds[HYPERS], wide;
    adam_leaves(&n, s, hyper);
    s[1] = s[2] = ho_node_fill(n.graph, ho_shape_of(1, (int64_t[]){WEIGHTS}), 0);
    for (int t = 1; t <= 4; t++) {
        ho_node next[STATE];
        adam(&n, s, hyper, t, next);
        memcpy(s, next, sizeof s);
    }
    ho_node error = loss_at(&n, s[0]);
    cr_assert_eq(ho_gradient(n.graph, error, hyper, back, HYPERS), HO_OK, "%s", n.error.text);
    for (int i = 0; i < HYPERS; i++) {
        seeds[i] = leaf(&n, 1, HYPERS, 0, 0);
        value_of(&n, seeds[i])[i] = 1;
    }
    cr_assert_eq(ho_jvp(n.graph, HYPERS, hyper, seeds, HYPERS, &error, &wide, 1), HO_OK, "%s", n.error.text);
    double *forward = evaluate(&n, wide);
    ho_node one = scalar(&n, 1);
    for (int i = 0; i < HYPERS; i++) {
        double reverse = number(&n, back[i]);
        cr_expect_gt(fabs(reverse), 1e-6);
        expect_close(forward[i], reverse, 1e-10, "forward and reverse");
        expect_close(reverse, difference(&n, error, hyper[i], one), 1e-6, "reverse and differences");
    }
    free(forward);
    size_t whole = nodes(&n, &error, 1);
    fprintf(stderr, "4 steps: %zu nodes, forward %zu, reverse %zu\n", whole, nodes(&n, &wide, 1),
            nodes(&n, back, HYPERS));
    teardown(&n);
}

/* A weight that never receives a gradient: g = v = 0, and nothing turns to NaN. */
Test(diff_graph, dead_weights_stay_finite)
{
    network n;
    setup(&n);
    ho_node s[STATE], hyper[HYPERS], back[HYPERS], root;
    adam_leaves(&n, s, hyper);
    for (int i = 0; i < ROWS; i++)
        value_of(&n, n.x)[i * FEATURES] = 0;
    *value_of(&n, hyper[3]) = 0;
    s[1] = s[2] = ho_node_fill(n.graph, ho_shape_of(1, (int64_t[]){WEIGHTS}), 0);
    for (int t = 1; t <= 2; t++) {
        ho_node next[STATE];
        adam(&n, s, hyper, t, next);
        memcpy(s, next, sizeof s);
    }
    root = ho_node_sum_all(n.graph, ho_node_unary(n.graph, HO_OP_SQRT, s[2])); /* exactly 0 in dead entries */
    ho_node error = bin(&n, HO_OP_ADD, loss_at(&n, s[0]), root);
    cr_assert_eq(ho_gradient(n.graph, error, hyper, back, HYPERS), HO_OK, "%s", n.error.text);
    for (int i = 0; i < HYPERS; i++)
        cr_expect(isfinite(number(&n, back[i])), "hyperparameter %d: %g", i, number(&n, back[i]));
    teardown(&n);
}

/* How many products the gradient of sum(b * (a @ (c + c'))) by c takes, or of sum(b * (a @ c')); whether it has one
 * that is transposed afterwards. */
static int count_products(int64_t rows, int64_t columns, bool symmetric, bool *turned)
{
    ho_error error = {0};
    ho_graph *g = ho_graph_new(&error);
    const ho_shape tall = ho_shape_of(2, (int64_t[]){rows, columns}),
                   square = ho_shape_of(2, (int64_t[]){columns, columns});
    const ho_node a = ho_node_leaf(g, "a", tall), b = ho_node_leaf(g, "b", tall), c = ho_node_leaf(g, "c", square);
    const ho_node turn = ho_node_transpose(g, c), factor = symmetric ? ho_node_binary(g, HO_OP_ADD, c, turn) : turn;
    ho_node by_c;
    ho_gradient(g, ho_node_sum_all(g, ho_node_binary(g, HO_OP_MUL, b, ho_node_matmul(g, a, factor))), &c, &by_c, 1);
    cr_assert_eq(error.status, HO_OK, "%s", error.text);
    size_t length;
    ho_node *order = ho_graph_order(g, &by_c, 1, &length);
    int products = 0;
    *turned = false;
    for (size_t i = 0; i < length; i++) {
        const ho_graph_node *node = ho_graph_at(g, order[i]);
        products += node->op == HO_OP_MATMUL;
        *turned |= node->op == HO_OP_TRANSPOSE && ho_graph_at(g, node->in[0])->op == HO_OP_MATMUL;
    }
    free(order);
    ho_graph_free(g);
    return products;
}

Test(diff_graph, small_products_are_transposed_and_large_ones_have_their_factors_transposed)
{
    bool turned;
    cr_expect_eq(count_products(9, 3, true, &turned), 1);
    cr_expect(turned);
    cr_expect_eq(count_products(3, 9, true, &turned), 2);
    cr_expect_not(turned);
    cr_expect_eq(count_products(3, 9, false, &turned), 1);
    cr_expect_not(turned);
}
