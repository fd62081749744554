/* Each projection against the conditions that make a point the nearest one, and what every constraint promises. */
#include "loading.h"

#include <float.h>
#include <math.h>
#include <time.h>

/* A set, described independently of the plugins: structure, bounds of each free entry, bound on the sum of all. */
typedef struct set {
    double lower, upper, sum;
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
        cr_assert_geq((double)lowered, -tolerance, "entry %lld is raised by %g", (long long)i, -(double)lowered);
        if (most < 0 || theta <= 0)
            continue;
        const wide apart = (symmetrised(h, x0, i) - symmetrised(h, x0, most)) - ((wide)x[i] - (wide)x[most]);
        cr_assert_geq((double)apart, -tolerance, "entries %lld and %lld: one is lowered by %g more than the other",
                      (long long)i, (long long)most, -(double)apart);
    }
    cr_assert_leq((double)sum, s.sum * (1.0 + 1e-14), "the sum is %.17g, above %.17g", (double)sum, s.sum);
    if ((double)sum < s.sum - tolerance * (double)h->count)
        cr_assert_leq((double)theta, tolerance, "the sum is free, but entries are lowered by %g", (double)theta);
}

/* The nearest point, by bisection in many digits: good where the entries of x0 are below about 1e16 times the set's. */
static void solve(const ho_constrained *h, set s, const double *x0, double *x)
{
    wide low = 0, high = 0, theta = 0;
    for (int64_t i = 0; i < h->count; i++)
        high = (wide)fabs(x0[i]) > high ? (wide)fabs(x0[i]) : high;
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
        if (high == 0)
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
static void check_random_points(const constraint *c, double lower, double upper, double sum)
{
    static const double scales[] = {1e-8, 0.1, 1.0, 300.0};
    uint64_t state = 0x9E3779B97F4A7C15u;
    double x0[64];
    for (size_t a = 0; a < COUNT(shapes); a++) {
        for (size_t b = 0; b < COUNT(domains); b++) {
            const ho_constrained h = make_constrained(shapes[a].rows, shapes[a].columns, shapes[a].structure,
                                                      domains[b].lower, domains[b].upper);
            const set s = {fmax(lower, h.lower), fmin(upper, h.upper), sum};
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

Test(nonnegative, is_the_nearest_point)
{
    constraint c = open_nonnegative();
    check_random_points(&c, 0.0, HUGE_VAL, HUGE_VAL);
    close_constraint(&c);
}

Test(box, is_the_nearest_point)
{
    static const double bounds[][2] = {{-0.5, 0.25}, {0.1, 0.1}, {-1e308, 1e308}, {0.0, 5.0}};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        constraint c = open_box(bounds[i][0], bounds[i][1]);
        check_random_points(&c, bounds[i][0], bounds[i][1], HUGE_VAL);
        close_constraint(&c);
    }
}

Test(nonnegative_sum, is_the_nearest_point)
{
    static const double bounds[] = {0.0, 1e-300, 1e-6, 0.5, 1.0, 3.7, 40.0, 1e6};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        constraint c = open_sum(bounds[i]);
        check_random_points(&c, 0.0, HUGE_VAL, bounds[i]);
        close_constraint(&c);
    }
}

Test(nonnegative_sum, agrees_with_a_projection_done_by_hand)
{
    constraint c = open_sum(1.0);
    const ho_constrained h = make_constrained(3, 0, 0, 0.0, HUGE_VAL);
    double x[] = {1.0, 0.5, -2.0}; /* theta = 1/4 */
    project_twice(&c, &h, x);
    cr_expect_float_eq(x[0], 0.75, 1e-15);
    cr_expect_float_eq(x[1], 0.25, 1e-15);
    cr_expect_eq(x[2], 0.0);
    close_constraint(&c);
}

Test(nonnegative_sum, respects_upper_bounds_at_once_with_the_sum)
{
    constraint c = open_sum(2.0);
    const ho_constrained h = make_constrained(4, 0, 0, 0.0, 1.0);
    /* Clipping to [0, 1] and then lowering all by one number would give (0.8, 0.6, 0.6, 0). */
    double x[] = {5.0, 0.8, 0.8, -1.0}; /* theta = 0.3: (1, 0.5, 0.5, 0) */
    project_twice(&c, &h, x);
    cr_expect_float_eq(x[0], 1.0, 1e-15);
    cr_expect_float_eq(x[1], 0.5, 1e-15);
    cr_expect_float_eq(x[2], 0.5, 1e-15);
    cr_expect_eq(x[3], 0.0);
    close_constraint(&c);
}

Test(nonnegative_sum, counts_both_halves_of_a_symmetric_matrix)
{
    constraint c = open_sum(1.0);
    const ho_constrained h = make_constrained(2, 2, HO_SYMMETRIC | HO_ZERO_DIAGONAL, 0.0, HUGE_VAL);
    double x[] = {9.0, 3.0, 1.0, -9.0};
    project_twice(&c, &h, x);
    cr_expect_eq(x[0], 0.0);
    cr_expect_float_eq(x[1], 0.5, 1e-15);
    cr_expect_float_eq(x[2], 0.5, 1e-15);
    cr_expect_eq(x[3], 0.0);
    close_constraint(&c);
}

Test(capped_sum, is_the_nearest_point)
{
    static const double bounds[] = {0.0, 1e-300, 1e-6, 0.5, 1.0, 3.7, 40.0, 1e6}, caps[] = {0.0, 1e-7, 0.3, 1.0, 250.0};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        for (size_t j = 0; j < COUNT(caps); j++) {
            constraint c = open_capped(bounds[i], caps[j]);
            check_random_points(&c, 0.0, caps[j], bounds[i]);
            close_constraint(&c);
        }
    }
}

Test(capped_sum, agrees_with_a_projection_done_by_hand)
{
    constraint c = open_capped(2.0, 1.0);
    const ho_constrained h = make_constrained(4, 0, 0, -HUGE_VAL, HUGE_VAL);
    double x[] = {5.0, 0.8, 0.8, -1.0}; /* theta = 0.3 */
    project_twice(&c, &h, x);
    cr_expect_float_eq(x[0], 1.0, 1e-15);
    cr_expect_float_eq(x[1], 0.5, 1e-15);
    cr_expect_float_eq(x[2], 0.5, 1e-15);
    cr_expect_eq(x[3], 0.0);
    close_constraint(&c);
}

Test(capped_sum, only_clips_where_the_sum_is_small_enough)
{
    constraint c = open_capped(2.5, 1.0);
    const ho_constrained h = make_constrained(4, 0, 0, -HUGE_VAL, HUGE_VAL);
    double x[] = {7.0, 0.1, -3.0, 1.1};
    project_twice(&c, &h, x);
    const double clipped[] = {1.0, 0.1, 0.0, 1.0};
    cr_expect_eq(memcmp(x, clipped, sizeof(x)), 0);
    close_constraint(&c);
}

Test(capped_sum, caps_at_1_unless_told)
{
    const given options[] = {{"at_most", 10.0}};
    constraint c = open_constraint("constraints/capped_sum.so", options, 1);
    const ho_constrained h = make_constrained(2, 0, 0, -HUGE_VAL, HUGE_VAL);
    double x[] = {3.0, 0.5};
    project_twice(&c, &h, x);
    cr_expect_eq(x[0], 1.0);
    cr_expect_eq(x[1], 0.5);
    close_constraint(&c);
}

/* The search for theta must end for numbers of every size. */
Test(capped_sum, takes_entries_from_the_smallest_to_the_largest)
{
    const double largest[] = {DBL_MAX, DBL_MAX, -DBL_MAX, 1e-300, 5e-324}, smallest[] = {5e-324, 5e-324, 1e-323, 0.0};
    const double cap = DBL_MAX, half = 0.5 * DBL_MAX;
    constraint c = open_capped(cap, cap);
    ho_constrained h = make_constrained(5, 0, 0, -HUGE_VAL, HUGE_VAL);
    check_projection(&c, &h, (set){0.0, cap, cap}, (double[]){half, half, half, 1.0, -half});
    double x[5];
    memcpy(x, largest, sizeof(x));
    project_twice(&c, &h, x);
    cr_expect_float_eq(x[0] / DBL_MAX, 0.5, 1e-15);
    cr_expect_eq(x[0], x[1]);
    cr_expect_eq(x[3], 0.0);
    close_constraint(&c);

    c = open_capped(1e-323, 1.0);
    h = make_constrained(4, 0, 0, -HUGE_VAL, HUGE_VAL);
    memcpy(x, smallest, sizeof(smallest));
    project_twice(&c, &h, x);
    cr_expect(x[0] + x[1] + x[2] + x[3] <= 1e-323);
    close_constraint(&c);
}

/* ---- far from the set -------------------------------------------------------------------------------------------- */

/* A point whose entries share an offset and differ by `spread`; some tie, some lie far below or above the others. */
static void fill_far(uint64_t *state, int64_t count, double offset, double spread, double *x)
{
    const int ties = uniform(state) < 0.3;
    for (int64_t i = 0; i < count; i++) {
        const double u = uniform(state);
        const double part = ties ? floor(4.0 * uniform(state)) / 4.0 : uniform(state);
        x[i] = u < 0.05 ? -offset : u < 0.1 ? 0.0 : u < 0.15 ? 3.0 * offset : offset + spread * part;
    }
}

/* Offsets and spreads over twelve orders of magnitude each, bounds over six. */
static void check_far_points(const constraint *c, double cap, double bound)
{
    uint64_t state = 12345;
    for (int offset = 0; offset <= 12; offset += 2) {
        for (int spread = -9; spread <= 3; spread += 3) {
            for (size_t a = 0; a < COUNT(shapes); a++) {
                const ho_constrained h =
                    make_constrained(shapes[a].rows, shapes[a].columns, shapes[a].structure, 0.0, HUGE_VAL);
                double x0[64];
                fill_far(&state, h.count, pow(10.0, offset), pow(10.0, spread), x0);
                check_solved(c, &h, (set){0.0, cap, bound}, x0);
            }
        }
    }
}

Test(capped_sum, is_the_nearest_point_to_points_far_away)
{
    static const double bounds[] = {1e-3, 0.7, 5.0, 1e3}, caps[] = {1e-3, 0.3, 1.0, 250.0};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        for (size_t j = 0; j < COUNT(caps); j++) {
            constraint c = open_capped(bounds[i], caps[j]);
            check_far_points(&c, caps[j], bounds[i]);
            close_constraint(&c);
        }
    }
}

Test(nonnegative_sum, is_the_nearest_point_to_points_far_away)
{
    static const double bounds[] = {1e-3, 0.7, 5.0, 1e3};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        constraint c = open_sum(bounds[i]);
        check_far_points(&c, HUGE_VAL, bounds[i]);
        close_constraint(&c);
    }
}

/* Thirty weights near `offset`, the sum of which is to be 5. */
static void check_thirty(const constraint *c, double offset, double spread, uint64_t seed)
{
    const ho_constrained h = make_constrained(30, 0, 0, 0.0, HUGE_VAL);
    double x0[30], x[30];
    long double sum = 0.0L;
    for (int i = 0; i < 30; i++)
        x0[i] = offset + spread * uniform(&seed);
    memcpy(x, x0, sizeof(x));
    project_twice(c, &h, x);
    check_nearest(&h, (set){0.0, 1.0, 5.0}, x0, x);
    for (int i = 0; i < 30; i++)
        sum += (long double)x[i];
    cr_expect_float_eq((double)sum, 5.0, 1e-14);
    for (int i = 0; i < 30 && spread == 0.0; i++)
        cr_expect_float_eq(x[i], 1.0 / 6.0, 1e-16, "%.17g at offset %g", x[i], offset);
}

Test(constraints, meet_the_sum_where_differences_are_lost_beside_the_offset)
{
    constraint open[] = {open_sum(5.0), open_capped(5.0, 1.0)};
    for (size_t i = 0; i < COUNT(open); i++) {
        for (double offset = 1.0; offset < 1e308; offset *= 1e3) {
            check_thirty(&open[i], offset, 0.0, 1);
            if (offset <= 1e16)
                check_thirty(&open[i], offset, 0.1, 2);
        }
        check_thirty(&open[i], DBL_MAX, 0.0, 1);
        close_constraint(&open[i]);
    }
}

/* Neighbouring doubles near 1e300 are 1e284 apart: the larger ones share the bound, the others end at 0. */
Test(constraints, tell_neighbours_apart_at_any_size)
{
    constraint open[] = {open_sum(0.75), open_capped(0.75, 1.0)};
    const ho_constrained h = make_constrained(5, 0, 0, 0.0, HUGE_VAL);
    for (size_t i = 0; i < COUNT(open); i++) {
        double x[] = {1e300, nextafter(1e300, 2e300), -1e300, nextafter(1e300, 2e300), 1e299};
        project_twice(&open[i], &h, x);
        const double expected[] = {0.0, 0.375, 0.0, 0.375, 0.0};
        cr_expect_eq(memcmp(x, expected, sizeof(x)), 0, "%g %g %g %g %g", x[0], x[1], x[2], x[3], x[4]);
        close_constraint(&open[i]);
    }
}

/* The mean of two entries near 1e9 needs a bit more than a double has. */
Test(constraints, make_matrices_symmetric_without_losing_the_last_bit)
{
    const double ulp = nextafter(1e9, 2e9) - 1e9;
    constraint open[] = {open_sum(8.0 * ulp), open_capped(8.0 * ulp, 1.0)};
    const ho_constrained h = make_constrained(3, 3, HO_SYMMETRIC | HO_ZERO_DIAGONAL, 0.0, HUGE_VAL);
    for (size_t i = 0; i < COUNT(open); i++) {
        /* Means 1e9 + ulp (1/2, 0, 2), so theta = 1e9 - ulp/2. */
        double x[] = {7.0, 1e9 + ulp, 1e9, 1e9, -3.0, 1e9 + ulp, 1e9, 1e9 + 3.0 * ulp, 1e20};
        project_twice(&open[i], &h, x);
        cr_expect_float_eq(x[1] / ulp, 1.0, 1e-15);
        cr_expect_float_eq(x[2] / ulp, 0.5, 1e-15);
        cr_expect_float_eq(x[5] / ulp, 2.5, 1e-15);
        close_constraint(&open[i]);
    }
}

Test(constraints, refuse_points_that_are_not_finite)
{
    const double bad[] = {(double)INFINITY, -(double)INFINITY, (double)NAN};
    constraint open[] = {open_sum(1.0), open_capped(1.0, 1.0)};
    for (size_t i = 0; i < COUNT(open); i++) {
        for (size_t j = 0; j < COUNT(bad); j++) {
            const ho_constrained h = make_constrained(4, 0, 0, 0.0, HUGE_VAL);
            double x[] = {3.0, 2.0, bad[j], -1.0}, kept[4];
            memcpy(kept, x, sizeof(x));
            cr_expect_eq(open[i].calls->project(open[i].self, &h, x), HO_FAILED);
            cr_expect_eq(memcmp(x, kept, sizeof(x)), 0, "a refused point is left as it is");
        }
        close_constraint(&open[i]);
    }
}

/* ---- what every constraint promises ------------------------------------------------------------------------------ */

/* A point of all four sets: symmetric, zero diagonal, entries of [0, 1], exact sum 2 (0.1 + ... would not be exact).
 */
static void check_kept(const constraint *c)
{
    const ho_constrained h = make_constrained(3, 3, HO_SYMMETRIC | HO_ZERO_DIAGONAL, 0.0, 1.0);
    const double point[] = {-0.0, 0.5, 0.25, 0.5, 0.0, 0.25, 0.25, 0.25, 0.0};
    const double tiny[] = {0.0, 5e-324, 0.0, 5e-324, 0.0, 1e-310, -0.0, 1e-310, 0.0};
    double x[9];
    memcpy(x, point, sizeof(x));
    cr_assert_eq(c->calls->project(c->self, &h, x), HO_OK);
    cr_expect_eq(memcmp(x, point, sizeof(x)), 0, "a point of the set has moved");
    memcpy(x, tiny, sizeof(x));
    cr_assert_eq(c->calls->project(c->self, &h, x), HO_OK);
    cr_expect_eq(memcmp(x, tiny, sizeof(x)), 0, "a point of the set with tiny entries has moved");
}

Test(constraints, keep_the_bits_of_points_of_the_set)
{
    constraint open[] = {open_nonnegative(), open_box(0.0, 0.5), open_sum(2.0), open_capped(2.0, 0.5)};
    for (size_t i = 0; i < COUNT(open); i++) {
        check_kept(&open[i]);
        close_constraint(&open[i]);
    }
}

Test(constraints, keep_random_points_whose_sum_is_just_the_bound)
{
    uint64_t state = 77;
    for (int trial = 0; trial < 200; trial++) {
        /* Multiples of 2^-20: their sum is exact. */
        double x[50], kept[50], sum = 0.0;
        for (int i = 0; i < 50; i++)
            sum += x[i] = floor(uniform(&state) * 0x1p20) * 0x1p-20;
        memcpy(kept, x, sizeof(x));
        constraint open[] = {open_sum(sum), open_capped(sum, 1.0)};
        const ho_constrained h = make_constrained(50, 0, 0, 0.0, 1.0);
        for (size_t i = 0; i < COUNT(open); i++) {
            cr_assert_eq(open[i].calls->project(open[i].self, &h, x), HO_OK);
            cr_assert_eq(memcmp(x, kept, sizeof(x)), 0);
            close_constraint(&open[i]);
        }
    }
}

/* Entries of [0, 1] moved by steps of up to `step`, as those of an outer iteration are; timed. */
static void check_large(constraint c, int64_t rows, int64_t columns, uint32_t structure, double sum, double step)
{
    const ho_constrained h = make_constrained(rows, columns, structure, 0.0, 1.0);
    double *x0 = malloc((size_t)h.count * sizeof(double));
    double *x = malloc((size_t)h.count * sizeof(double));
    uint64_t state = 5;
    for (int64_t i = 0; i < h.count; i++)
        x0[i] = uniform(&state) + step * (2.0 * uniform(&state) - 1.0);
    memcpy(x, x0, (size_t)h.count * sizeof(double));
    const clock_t begin = clock();
    cr_assert_eq(c.calls->project(c.self, &h, x), HO_OK);
    const double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    cr_log_info("%lld entries, sum %g, step %g: %.3f ms\n", (long long)h.count, sum, step, 1e3 * seconds);
    cr_expect_lt(seconds, 0.25, "%lld entries take %g s", (long long)h.count, seconds);
    check_nearest(&h, (set){0.0, 1.0, sum}, x0, x);
    close_constraint(&c);
    free(x0);
    free(x);
}

Test(constraints, project_thousands_of_entries_in_no_time)
{
    check_large(open_sum(100.0), 5000, 0, 0, 100.0, 1.0);
    check_large(open_sum(100.0), 71, 71, HO_SYMMETRIC | HO_ZERO_DIAGONAL, 100.0, 1.0);
    check_large(open_capped(1000.0, 1.0), 5000, 0, 0, 1000.0, 0.005);
    check_large(open_capped(2450.0, 1.0), 5000, 0, 0, 2450.0, 0.005);
    check_large(open_capped(2500.0, 1.0), 5000, 0, 0, 2500.0, 30.0);
    check_large(open_capped(0.0, 1.0), 5000, 0, 0, 0.0, 1.0);
}

static void check_refused(constraint c, ho_constrained h, const char *part)
{
    char reason[256] = "";
    cr_assert_eq(c.calls->fits(c.self, &h, reason, sizeof(reason)), HO_INVALID);
    cr_expect_not_null(strstr(reason, part), "\"%s\" should say \"%s\"", reason, part);
    close_constraint(&c);
}

Test(constraints, refuse_empty_sets_with_a_reason)
{
    check_refused(open_nonnegative(), make_constrained(3, 0, 0, -2.0, -1.0), "none of its values is nonnegative");
    check_refused(open_box(2.0, 3.0), make_constrained(3, 0, 0, 0.0, 1.0), "does not meet the domain");
    check_refused(open_sum(1.0), make_constrained(3, 0, 0, -2.0, -1.0), "none of its values is nonnegative");
    check_refused(open_sum(1.0), make_constrained(3, 0, 0, 0.5, 1.0), "3 entries");
    check_refused(open_capped(1.0, 1.0), make_constrained(3, 0, 0, -2.0, -1.0), "none of its values is nonnegative");
    check_refused(open_capped(9.0, 1.0), make_constrained(3, 0, 0, 1.5, 2.0), "none of its values is at most 1");
    check_refused(open_capped(1.0, 1.0), make_constrained(3, 0, 0, 0.5, 1.0), "3 entries");
}

Test(constraints, do_not_count_a_zero_diagonal_among_the_entries)
{
    constraint c = open_sum(1.0);
    /* Six free entries of at least 1/8 fit; nine would not. */
    const ho_constrained h = make_constrained(3, 3, HO_SYMMETRIC | HO_ZERO_DIAGONAL, 0.125, 1.0);
    char reason[256];
    cr_expect_eq(c.calls->fits(c.self, &h, reason, sizeof(reason)), HO_OK);
    close_constraint(&c);
}

Test(box, refuses_a_lower_bound_above_the_upper)
{
    test_setup setup = {.options = {{"lower", 1.0}, {"upper", -1.0}}};
    void *self;
    cr_assert_eq(make_instance(&setup, load_plugin("constraints/box.so"), &self), HO_INVALID);
    cr_expect_not_null(strstr(setup.message, "empty"));
    free_instance(&setup, self);
}
