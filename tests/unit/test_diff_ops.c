/* Derivatives, op by op, in f64 through the reference evaluator. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "diff/diff.h"
#include "diff_cases.h"
#include "exec/exec.h"

#define MOST_LEAVES 16
#define COLUMNS     3

/* A graph with leaves and their values. */
typedef struct {
    ho_error error;
    ho_graph *graph;
    size_t count;
    ho_node leaves[MOST_LEAVES];
    double *values[MOST_LEAVES];
    uint64_t draws;
} world;

static void setup(world *w)
{
    memset(w, 0, sizeof *w);
    w->graph = ho_graph_new(&w->error);
}

static void teardown(world *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->values[i]);
    ho_graph_free(w->graph);
}

static ho_shape shape_of(const world *w, ho_node a)
{
    return ho_graph_at(w->graph, a)->shape;
}

static size_t entries(const world *w, ho_node a)
{
    ho_shape shape = shape_of(w, a);
    return (size_t)ho_shape_count(&shape);
}

/* A leaf with magnitudes in [low, high]; negative half of the time if `both`. */
static ho_node leaf(world *w, ho_shape shape, double low, double high, bool both)
{
    cr_assert_lt(w->count, MOST_LEAVES);
    ho_node a = ho_node_leaf(w->graph, "x", shape);
    double *values = ho_alloc(entries(w, a) * sizeof *values);
    for (size_t i = 0; i < entries(w, a); i++) {
        double sign = both && ho_uniform(7, 1, w->draws) < 0.5 ? -1 : 1;
        values[i] = sign * (low + (high - low) * ho_uniform(7, 2, w->draws++));
    }
    w->leaves[w->count] = a;
    w->values[w->count++] = values;
    return a;
}

/* A node's entries (free them); a symbolic zero's are zeros of shape `like`. */
static double *evaluate(world *w, ho_node a, ho_node like)
{
    double *result = ho_alloc(entries(w, like) * sizeof *result);
    if (a) {
        cr_assert_eq(entries(w, a), entries(w, like));
        cr_assert_eq(ho_graph_verify(w->graph, &a, 1, &w->error), HO_OK, "%s", w->error.text);
        ho_status status = ho_reference_run(w->graph, HO_F64, w->leaves, (const double *const *)w->values, w->count, &a,
                                            &result, 1, NULL, &w->error);
        cr_assert_eq(status, HO_OK, "%s", w->error.text);
    }
    return result;
}

static double inner(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double norm(const double *a, size_t n)
{
    return sqrt(inner(a, a, n));
}

static double distance(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

/* One case, built: y of `count` leaves, of which some are active. */
typedef struct {
    world w;
    size_t count, active_count;
    ho_node x[3], active[3], y;
    char text[96];
} trial;

static size_t parse_shapes(const char *text, ho_shape *shapes)
{
    size_t count = 0;
    for (const char *at = text; *at; count++) {
        shapes[count] = ho_scalar_shape();
        for (; *at && *at != ' '; at++)
            if (*at >= '0' && *at <= '9')
                shapes[count].dims[shapes[count].rank++] = *at - '0';
        at += *at == ' ';
    }
    return count;
}

/* False: this choice of active leaves is empty or beyond the case's. */
static bool begin(trial *t, const op_case *c, unsigned active)
{
    ho_shape shapes[3];
    size_t count = parse_shapes(c->shapes, shapes);
    if (active == 0 || active >= 1u << count || active & c->constant)
        return false;
    memset(t, 0, sizeof *t);
    setup(&t->w);
    t->w.draws = 1000;
    t->count = count;
    for (size_t i = 0; i < count; i++) {
        t->x[i] = leaf(&t->w, shapes[i], 0.3, 0.9, c->both);
        if (active >> i & 1)
            t->active[t->active_count++] = t->x[i];
    }
    t->y = c->build(t->w.graph, c->op, t->x);
    snprintf(t->text, sizeof t->text, "%s of %s, active %u", ho_op_name(c->op), c->shapes, active);
    cr_assert_eq(t->w.error.status, HO_OK, "%s: %s", t->text, t->w.error.text);
    return true;
}

static double *values_of(trial *t, ho_node a)
{
    for (size_t i = 0; i < t->w.count; i++)
        if (t->w.leaves[i] == a)
            return t->w.values[i];
    cr_assert_fail("%s: no leaf", t->text);
    return NULL;
}

/* Leaves of the active leaves' shapes (with columns in front). */
static void directions(trial *t, int64_t columns, ho_node *v)
{
    for (size_t i = 0; i < t->active_count; i++) {
        ho_shape shape = shape_of(&t->w, t->active[i]), wide = shape;
        if (columns) {
            wide.dims[0] = columns;
            memcpy(wide.dims + 1, shape.dims, (size_t)shape.rank * sizeof *shape.dims);
            wide.rank++;
        }
        v[i] = leaf(&t->w, wide, 0.1, 1, true);
    }
}

/* (f(x + h v) - f(x - h v)) / 2h by moving the leaves' values. */
static double *central_difference(trial *t, ho_node f, const ho_node *x, const ho_node *v, size_t count)
{
    const double h = 1e-5;
    size_t n = entries(&t->w, f);
    double *side[2];
    for (int s = 0; s < 2; s++) {
        for (int undo = 0; undo < 2; undo++) {
            if (undo)
                side[s] = evaluate(&t->w, f, f);
            for (size_t i = 0; i < count; i++) {
                double *at = values_of(t, x[i]), *along = values_of(t, v[i]);
                for (size_t j = 0; j < entries(&t->w, x[i]); j++)
                    at[j] += ((s == 0) == (undo == 0) ? h : -h) * along[j];
            }
        }
    }
    for (size_t i = 0; i < n; i++)
        side[0][i] = (side[0][i] - side[1][i]) / (2 * h);
    free(side[1]);
    return side[0];
}

static void expect_near(const trial *t, const char *what, const double *got, const double *want, size_t n,
                        double tolerance)
{
    double scale = fmax(norm(want, n), 1e-2);
    cr_expect_leq(distance(got, want, n), tolerance * scale, "%s: %s: off by %g of %g", t->text, what,
                  distance(got, want, n), scale);
}

Test(diff_ops, table_covers_every_op_with_a_name)
{
    for (uint32_t op = 1; op < 1000; op++) {
        bool covered = strcmp(ho_op_name(op), "unknown") == 0;
        for (size_t i = 0; i < CASES && !covered; i++)
            covered = cases[i].op == op;
        cr_expect(covered, "no case for op %u, %s", op, ho_op_name(op));
    }
    cr_assert_str_neq(ho_op_name(HO_OP_SCATTER), "unknown");
}

Test(diff_ops, cases_contain_their_op)
{
    for (size_t i = 0; i < CASES; i++) {
        trial t;
        cr_assert(begin(&t, &cases[i], 1));
        size_t length;
        bool found = false;
        ho_node *order = ho_graph_order(t.w.graph, &t.y, 1, &length);
        for (size_t j = 0; j < length; j++)
            found |= ho_graph_at(t.w.graph, order[j])->op == cases[i].op;
        cr_expect(found, "%s: simplified away", t.text);
        free(order);
        teardown(&t.w);
    }
}

Test(diff_ops, jvp_is_the_central_difference)
{
    for (size_t i = 0; i < CASES; i++) {
        for (unsigned active = 1; active < 8; active++) {
            trial t;
            if (!begin(&t, &cases[i], active))
                continue;
            ho_node v[3], dy;
            directions(&t, 0, v);
            ho_status status = ho_jvp(t.w.graph, 0, t.active, v, t.active_count, &t.y, &dy, 1);
            cr_assert_eq(status, HO_OK, "%s: %s", t.text, t.w.error.text);
            if (dy) {
                ho_shape a = shape_of(&t.w, dy), b = shape_of(&t.w, t.y);
                cr_expect(ho_shape_equal(&a, &b), "%s: the tangent has another shape", t.text);
            }
            double *got = evaluate(&t.w, dy, t.y), *want = central_difference(&t, t.y, t.active, v, t.active_count);
            expect_near(&t, "jvp", got, want, entries(&t.w, t.y), 1e-7);
            free(got);
            free(want);
            teardown(&t.w);
        }
    }
}

Test(diff_ops, vjp_is_the_transpose_of_jvp)
{
    for (size_t i = 0; i < CASES; i++) {
        for (unsigned active = 1; active < 8; active++) {
            trial t;
            if (!begin(&t, &cases[i], active))
                continue;
            ho_node v[3], dy, back[3], u;
            directions(&t, 0, v);
            u = leaf(&t.w, shape_of(&t.w, t.y), 0.1, 1, true);
            cr_assert_eq(ho_jvp(t.w.graph, 0, t.active, v, t.active_count, &t.y, &dy, 1), HO_OK);
            ho_status status = ho_vjp(t.w.graph, t.active, back, t.active_count, &t.y, &u, 1);
            cr_assert_eq(status, HO_OK, "%s: %s", t.text, t.w.error.text);
            double *jv = evaluate(&t.w, dy, t.y);
            size_t n = entries(&t.w, t.y);
            double left = inner(values_of(&t, u), jv, n), right = 0;
            for (size_t j = 0; j < t.active_count; j++) {
                double *g = evaluate(&t.w, back[j], t.active[j]);
                right += inner(g, values_of(&t, v[j]), entries(&t.w, t.active[j]));
                free(g);
            }
            double scale = norm(values_of(&t, u), n) * norm(jv, n);
            cr_expect_leq(fabs(left - right), 1e-12 * scale, "%s: <u, Jv> = %.17g, <J'u, v> = %.17g", t.text, left,
                          right);
            free(jv);
            teardown(&t.w);
        }
    }
}

Test(diff_ops, columns_are_single_tangents_side_by_side)
{
    for (size_t i = 0; i < CASES; i++) {
        for (unsigned active = 1; active < 8; active++) {
            trial t;
            if (!begin(&t, &cases[i], active))
                continue;
            ho_node v[3], dy;
            directions(&t, COLUMNS, v);
            ho_status status = ho_jvp(t.w.graph, COLUMNS, t.active, v, t.active_count, &t.y, &dy, 1);
            cr_assert_eq(status, HO_OK, "%s: %s", t.text, t.w.error.text);
            size_t n = entries(&t.w, t.y);
            ho_shape wide = shape_of(&t.w, t.y), narrow = wide;
            memcpy(wide.dims + 1, narrow.dims, (size_t)narrow.rank * sizeof *narrow.dims);
            wide.dims[0] = COLUMNS;
            wide.rank++;
            ho_node like = ho_node_fill(t.w.graph, wide, 0);
            if (dy) {
                ho_shape got = shape_of(&t.w, dy);
                cr_expect(ho_shape_equal(&got, &wide), "%s: the tangents have another shape", t.text);
            }
            double *all = evaluate(&t.w, dy, like);
            for (size_t column = 0; column < COLUMNS; column++) {
                ho_node single[3], dy1;
                directions(&t, 0, single);
                for (size_t j = 0; j < t.active_count; j++) {
                    size_t size = entries(&t.w, t.active[j]);
                    memcpy(values_of(&t, single[j]), values_of(&t, v[j]) + column * size, size * sizeof(double));
                }
                cr_assert_eq(ho_jvp(t.w.graph, 0, t.active, single, t.active_count, &t.y, &dy1, 1), HO_OK);
                double *one = evaluate(&t.w, dy1, t.y);
                expect_near(&t, "column", all + column * n, one, n, 1e-14);
                free(one);
            }
            free(all);
            teardown(&t.w);
        }
    }
}

/* A sum's cotangent is one number for all entries and is carried as such; so is its negative. */
Test(diff_ops, gradient_of_a_sum_is_the_vjp_of_ones)
{
    for (size_t i = 0; i < CASES; i++) {
        for (unsigned active = 1; active < 8; active++) {
            trial t;
            if (!begin(&t, &cases[i], active))
                continue;
            ho_node u = leaf(&t.w, shape_of(&t.w, t.y), 1, 1, false), back[3], sums[3];
            cr_assert_eq(ho_vjp(t.w.graph, t.active, back, t.active_count, &t.y, &u, 1), HO_OK, "%s", t.w.error.text);
            ho_node sum = ho_node_unary(t.w.graph, HO_OP_NEG, ho_node_sum_all(t.w.graph, t.y));
            ho_status status = ho_gradient(t.w.graph, sum, t.active, sums, t.active_count);
            cr_assert_eq(status, HO_OK, "%s: %s", t.text, t.w.error.text);
            for (size_t j = 0; j < t.active_count; j++) {
                double *want = evaluate(&t.w, back[j], t.active[j]), *got = evaluate(&t.w, sums[j], t.active[j]);
                for (size_t k = 0; k < entries(&t.w, t.active[j]); k++)
                    want[k] = -want[k];
                expect_near(&t, "gradient", got, want, entries(&t.w, t.active[j]), 1e-13);
                free(got);
                free(want);
            }
            teardown(&t.w);
        }
    }
}

/* g(x, u) = J(x)' u is a function like any other: its JVP is its difference, its VJP the transpose of that. */
Test(diff_ops, second_order_agrees_with_differences_of_the_vjp)
{
    for (size_t i = 0; i < CASES; i++) {
        for (unsigned active = 1; active < 8; active++) {
            trial t;
            if (!begin(&t, &cases[i], active))
                continue;
            size_t count = t.active_count + 1;
            ho_node x[4], v[4], back[3], u = leaf(&t.w, shape_of(&t.w, t.y), 0.1, 1, true);
            cr_assert_eq(ho_vjp(t.w.graph, t.active, back, t.active_count, &t.y, &u, 1), HO_OK);
            memcpy(x, t.active, sizeof t.active);
            x[t.active_count] = u;
            directions(&t, 0, v);
            v[t.active_count] = leaf(&t.w, shape_of(&t.w, u), 0.1, 1, true);
            for (size_t j = 0; j < t.active_count; j++) {
                if (!back[j])
                    continue;
                ho_node dg, again[4], a = leaf(&t.w, shape_of(&t.w, back[j]), 0.1, 1, true);
                ho_status status = ho_jvp(t.w.graph, 0, x, v, count, &back[j], &dg, 1);
                cr_assert_eq(status, HO_OK, "%s: %s", t.text, t.w.error.text);
                size_t n = entries(&t.w, back[j]);
                double *got = evaluate(&t.w, dg, back[j]), *want = central_difference(&t, back[j], x, v, count);
                expect_near(&t, "jvp of vjp", got, want, n, 1e-7);
                status = ho_vjp(t.w.graph, x, again, count, &back[j], &a, 1);
                cr_assert_eq(status, HO_OK, "%s: %s", t.text, t.w.error.text);
                double left = inner(values_of(&t, a), got, n), right = 0,
                       scale = norm(values_of(&t, a), n) * norm(got, n);
                for (size_t k = 0; k < count; k++) {
                    double *g = evaluate(&t.w, again[k], x[k]);
                    right += inner(g, values_of(&t, v[k]), entries(&t.w, x[k]));
                    scale += norm(g, entries(&t.w, x[k])) * norm(values_of(&t, v[k]), entries(&t.w, x[k]));
                    free(g);
                }
                cr_expect_leq(fabs(left - right), 1e-12 * scale, "%s: vjp of vjp: %.17g and %.17g", t.text, left,
                              right);
                free(got);
                free(want);
            }
            teardown(&t.w);
        }
    }
}

/* Reverse over columns: the derivative of a batched JVP, as a reverse pass through forward mode needs. */
Test(diff_ops, vjp_of_columns_is_closed)
{
    for (size_t i = 0; i < CASES; i++) {
        trial t;
        cr_assert(begin(&t, &cases[i], 1));
        ho_node v[3], dy, back;
        directions(&t, COLUMNS, v);
        cr_assert_eq(ho_jvp(t.w.graph, COLUMNS, t.active, v, 1, &t.y, &dy, 1), HO_OK);
        if (dy) {
            ho_node u = leaf(&t.w, shape_of(&t.w, dy), 0.1, 1, true);
            ho_status status = ho_vjp(t.w.graph, v, &back, 1, &dy, &u, 1);
            cr_assert_eq(status, HO_OK, "%s: %s", t.text, t.w.error.text);
            double *jv = evaluate(&t.w, dy, dy), *g = evaluate(&t.w, back, v[0]);
            size_t n = entries(&t.w, dy);
            double left = inner(values_of(&t, u), jv, n), right = inner(g, values_of(&t, v[0]), entries(&t.w, v[0]));
            cr_expect_leq(fabs(left - right), 1e-12 * norm(values_of(&t, u), n) * norm(jv, n), "%s: %.17g and %.17g",
                          t.text, left, right);
            free(jv);
            free(g);
        }
        teardown(&t.w);
    }
}
