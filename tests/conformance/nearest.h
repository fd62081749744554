/* Whether a point is the nearest one of a set: by the conditions that single it out, and by a solver of its own. */
#ifndef TEST_NEAREST_H
#define TEST_NEAREST_H

#include "loading.h"

#include <float.h>
#include <math.h>

/* A set, described independently of the plugins: bounds of each free entry, bound on the sum of all, or the sum. */
typedef struct set {
    double lower, upper, sum;
    bool exact; /* the sum is that */
} set;

typedef struct constraint {
    const ho_constraint_calls *calls;
    void *self;
    test_setup setup;
} constraint;

static constraint open_constraint(const char *file, const given *options, size_t count)
{
    constraint c = {0};
    const ho_plugin *plugin = load_plugin(file);
    cr_assert_eq(plugin->kind, HO_CONSTRAINT);
    for (size_t i = 0; i < count; i++)
        c.setup.options[i] = options[i];
    cr_assert_eq(make_instance(&c.setup, plugin, &c.self), HO_OK);
    c.calls = plugin->calls;
    return c;
}

static constraint open_sum(double at_most)
{
    const given options[] = {{"at_most", at_most}};
    return open_constraint("constraints/nonnegative_sum.so", options, 1);
}

static constraint open_capped(double at_most, double cap)
{
    const given options[] = {{"at_most", at_most}, {"cap", cap}};
    return open_constraint("constraints/capped_sum.so", options, 2);
}

static constraint open_simplex(double total)
{
    const given options[] = {{"total", total}};
    return open_constraint("constraints/simplex.so", options, 1);
}

static constraint open_box(double lower, double upper)
{
    const given options[] = {{"lower", lower}, {"upper", upper}};
    return open_constraint("constraints/box.so", options, 2);
}

static constraint open_nonnegative(void)
{
    return open_constraint("constraints/nonnegative.so", NULL, 0);
}

static void close_constraint(constraint *c)
{
    free_instance(&c->setup, c->self);
}

/* columns 0: a vector (or, with rows 0 too, a scalar). */
static ho_constrained make_constrained(int64_t rows, int64_t columns, uint32_t structure, double lower, double upper)
{
    ho_constrained h = {.struct_size = sizeof(h), .structure = structure, .lower = lower, .upper = upper, .name = "h"};
    h.rank = columns ? 2 : rows ? 1 : 0;
    h.dims[0] = rows;
    h.dims[1] = columns;
    h.count = (rows ? rows : 1) * (columns ? columns : 1);
    return h;
}

/* Pure in its state: xorshift64*. */
static double uniform(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)((*state * 0x2545F4914F6CDD1Du) >> 11) * 0x1p-53;
}

static bool on_zero_diagonal(const ho_constrained *h, int64_t i)
{
    return h->structure & HO_ZERO_DIAGONAL && i / h->dims[1] == i % h->dims[1];
}

static int64_t mirror(const ho_constrained *h, int64_t i)
{
    return h->structure & HO_SYMMETRIC ? (i % h->dims[1]) * h->dims[1] + i / h->dims[1] : i;
}

/* More digits than a double has, for what results are held against. */
#if LDBL_MANT_DIG >= 113
typedef long double wide;
#else
__extension__ typedef __float128 wide;
#endif

/* Entry i of x0, made symmetric. */
static wide symmetrised(const ho_constrained *h, const double *x0, int64_t i)
{
    return ((wide)x0[i] + (wide)x0[mirror(h, i)]) / 2;
}

/* The entry below its upper bound that is lowered most; -1 where there is none. */
static int64_t most_lowered(const ho_constrained *h, set s, const double *x0, const double *x)
{
    int64_t most = -1;
    wide by = 0;
    for (int64_t i = 0; i < h->count; i++) {
        const wide lowered = symmetrised(h, x0, i) - (wide)x[i];
        if (!on_zero_diagonal(h, i) && x[i] < s.upper && (most < 0 || lowered > by)) {
            most = i;
            by = lowered;
        }
    }
    return most;
}

/* x is the point of the set nearest to x0 just if it lies in the set and one theta >= 0 (with theta = 0 unless the sum
 * meets its bound) has
 *     theta >= x0_i - x_i wherever x_i < upper, and theta <= x0_i - x_i wherever x_i > lower,
 * with a theta of either sign where the sum is given;
 * x0 symmetrised: stationarity of |x - x0|^2/2 + theta (sum x - bound) over the box. Differences between entries are
 * taken first, so that this is as sharp for entries of 1e300 as for those of the set. */
static void check_nearest(const ho_constrained *h, set s, const double *x0, const double *x)
{
    double scale = 0.0;
    long double sum = 0.0L;
    for (int64_t i = 0; i < h->count; i++) {
        if (on_zero_diagonal(h, i)) {
            cr_assert_eq(x[i], 0.0, "entry %lld is on the zero diagonal", (long long)i);
            continue;
        }
        const int64_t m = mirror(h, i);
        cr_assert_eq(x[i], x[m], "entries %lld and %lld mirror each other", (long long)i, (long long)m);
        cr_assert(x[i] >= s.lower && x[i] <= s.upper, "entry %lld is %.17g, outside [%g, %g]", (long long)i, x[i],
                  s.lower, s.upper);
        sum += (long double)x[i];
        scale = fmax(scale, fabs(x[i]));
    }
    const double tolerance = 4.0 * DBL_EPSILON * scale + 1e-322;
    const int64_t most = most_lowered(h, s, x0, x);
    const wide theta = most < 0 ? 0 : symmetrised(h, x0, most) - (wide)x[most];
    for (int64_t i = 0; i < h->count; i++) {
        if (on_zero_diagonal(h, i) || !(x[i] > s.lower))
            continue;
        const wide lowered = symmetrised(h, x0, i) - (wide)x[i];
        cr_assert(s.exact || (double)lowered >= -tolerance, "entry %lld is raised by %g", (long long)i,
                  -(double)lowered);
        if (most < 0 || (theta <= 0 && !s.exact))
            continue;
        const wide apart = (symmetrised(h, x0, i) - symmetrised(h, x0, most)) - ((wide)x[i] - (wide)x[most]);
        cr_assert_geq((double)apart, -tolerance, "entries %lld and %lld: one is lowered by %g more than the other",
                      (long long)i, (long long)most, -(double)apart);
    }
    cr_assert_leq((double)sum, s.sum * (1.0 + 1e-14), "the sum is %.17g, above %.17g", (double)sum, s.sum);
    if (s.exact)
        cr_assert_geq((double)sum, s.sum * (1.0 - 1e-14) - (double)h->count * DBL_TRUE_MIN,
                      "the sum is %.17g, below %.17g", (double)sum, s.sum);
    else if ((double)sum < s.sum - tolerance * (double)h->count)
        cr_assert_leq((double)theta, tolerance, "the sum is free, but entries are lowered by %g", (double)theta);
}

/* The nearest point, by bisection in many digits: good where the entries of x0 are below about 1e16 times the set's. */
static void solve(const ho_constrained *h, set s, const double *x0, double *x)
{
    wide low = 0, high = 0, theta = 0;
    for (int64_t i = 0; i < h->count; i++)
        high = (wide)fabs(x0[i]) > high ? (wide)fabs(x0[i]) : high;
    low = s.exact ? -high - (wide)s.sum : 0;
    for (int trial = 0; trial < 240; trial++) {
        wide sum = 0;
        for (int64_t i = 0; i < h->count; i++) {
            wide value = symmetrised(h, x0, i) - theta;
            value = value < (wide)s.lower ? (wide)s.lower : value > (wide)s.upper ? (wide)s.upper : value;
            x[i] = on_zero_diagonal(h, i) ? 0.0 : (double)value;
            sum += on_zero_diagonal(h, i) ? 0 : value;
        }
        if (sum <= (wide)s.sum)
            high = theta;
        else
            low = theta;
        if (high == 0 && !s.exact)
            return; /* the sum is free */
        theta = (low + high) / 2;
    }
}

static void project_twice(const constraint *c, const ho_constrained *h, double *x)
{
    double *again = malloc((size_t)h->count * sizeof(double));
    cr_assert_eq(c->calls->project(c->self, h, x), HO_OK);
    memcpy(again, x, (size_t)h->count * sizeof(double));
    cr_assert_eq(c->calls->project(c->self, h, again), HO_OK);
    cr_assert_eq(memcmp(again, x, (size_t)h->count * sizeof(double)), 0,
                 "a projected point moves when projected again");
    free(again);
}

static void check_projection(const constraint *c, const ho_constrained *h, set s, const double *x0)
{
    double *x = malloc((size_t)h->count * sizeof(double));
    memcpy(x, x0, (size_t)h->count * sizeof(double));
    project_twice(c, h, x);
    check_nearest(h, s, x0, x);
    free(x);
}

/* The same, and every entry against the other solver. */
static void check_solved(const constraint *c, const ho_constrained *h, set s, const double *x0)
{
    double x[64], solved[64], scale = 0.0;
    memcpy(x, x0, (size_t)h->count * sizeof(double));
    project_twice(c, h, x);
    check_nearest(h, s, x0, x);
    solve(h, s, x0, solved);
    for (int64_t i = 0; i < h->count; i++)
        scale = fmax(scale, fabs(solved[i]));
    for (int64_t i = 0; i < h->count; i++)
        cr_assert_leq(fabs(x[i] - solved[i]), 4.0 * DBL_EPSILON * scale + 1e-322,
                      "entry %lld of %lld: %.17g, should be %.17g", (long long)i, (long long)h->count, x[i], solved[i]);
}

static const struct {
    int64_t rows, columns;
    uint32_t structure;
} shapes[] = {
    {0, 0, 0},
    {7, 0, 0},
    {3, 4, 0},
    {5, 5, HO_SYMMETRIC},
    {5, 5, HO_ZERO_DIAGONAL},
    {6, 6, HO_SYMMETRIC | HO_ZERO_DIAGONAL},
};

static const struct {
    double lower, upper;
} domains[] = {{-HUGE_VAL, HUGE_VAL}, {0.0, HUGE_VAL}, {0.0, 1.0}, {1e-12, HUGE_VAL}, {-1.0, 0.3}, {0.0, 1.0 - 1e-6}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Random points of every shape, domain and size; some entries tie, some are 0. */
static void check_random_points(const constraint *c, set bounds)
{
    static const double scales[] = {1e-8, 0.1, 1.0, 300.0};
    uint64_t state = 0x9E3779B97F4A7C15u;
    double x0[64];
    for (size_t a = 0; a < COUNT(shapes); a++) {
        for (size_t b = 0; b < COUNT(domains); b++) {
            const ho_constrained h = make_constrained(shapes[a].rows, shapes[a].columns, shapes[a].structure,
                                                      domains[b].lower, domains[b].upper);
            const set s = {fmax(bounds.lower, h.lower), fmin(bounds.upper, h.upper), bounds.sum, bounds.exact};
            char reason[256];
            if (c->calls->fits(c->self, &h, reason, sizeof(reason)) != HO_OK)
                continue;
            for (size_t trial = 0; trial < 5 * COUNT(scales); trial++) {
                for (int64_t i = 0; i < h.count; i++) {
                    const double u = uniform(&state);
                    const double size = scales[trial % COUNT(scales)];
                    x0[i] = u < 0.1 ? 0.0 : u < 0.2 ? size : size * (4.0 * uniform(&state) - 2.0);
                }
                check_projection(c, &h, s, x0);
            }
        }
    }
}

#endif
