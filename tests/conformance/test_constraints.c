/* Each projection against the conditions that make a point the nearest one, and what every constraint promises. */
#include "nearest.h"

#include <time.h>

Test(nonnegative, is_the_nearest_point)
{
    constraint c = open_nonnegative();
    check_random_points(&c, (set){0.0, HUGE_VAL, HUGE_VAL, false});
    close_constraint(&c);
}

Test(box, is_the_nearest_point)
{
    static const double bounds[][2] = {{-0.5, 0.25}, {0.1, 0.1}, {-1e308, 1e308}, {0.0, 5.0}};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        constraint c = open_box(bounds[i][0], bounds[i][1]);
        check_random_points(&c, (set){bounds[i][0], bounds[i][1], HUGE_VAL, false});
        close_constraint(&c);
    }
}

Test(nonnegative_sum, is_the_nearest_point)
{
    static const double bounds[] = {0.0, 1e-300, 1e-6, 0.5, 1.0, 3.7, 40.0, 1e6};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        constraint c = open_sum(bounds[i]);
        check_random_points(&c, (set){0.0, HUGE_VAL, bounds[i], false});
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
            check_random_points(&c, (set){0.0, caps[j], bounds[i], false});
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
    check_projection(&c, &h, (set){0.0, cap, cap, false}, (double[]){half, half, half, 1.0, -half});
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

Test(simplex, is_the_nearest_point)
{
    static const double totals[] = {0.0, 1e-310, 1e-6, 0.5, 1.0, 3.7, 40.0, 1e6};
    for (size_t i = 0; i < COUNT(totals); i++) {
        constraint c = open_simplex(totals[i]);
        check_random_points(&c, (set){0.0, HUGE_VAL, totals[i], true});
        close_constraint(&c);
    }
}

Test(simplex, agrees_with_a_projection_done_by_hand)
{
    constraint c = open_constraint("constraints/simplex.so", NULL, 0);
    ho_constrained h = make_constrained(3, 0, 0, 0.0, HUGE_VAL);
    double x[] = {1.0, 0.5, -2.0}; /* lowered by 1/4 */
    project_twice(&c, &h, x);
    cr_expect_float_eq(x[0], 0.75, 1e-15);
    cr_expect_float_eq(x[1], 0.25, 1e-15);
    cr_expect_eq(x[2], 0.0);
    double y[] = {0.25, -0.25, -3.0}; /* raised by 1/2 */
    project_twice(&c, &h, y);
    cr_expect_float_eq(y[0], 0.75, 1e-15);
    cr_expect_float_eq(y[1], 0.25, 1e-15);
    cr_expect_eq(y[2], 0.0);
    h.upper = 0.5;
    double z[] = {0.45, -3.0, 0.15}; /* raised, and cut off: (1/2, 0, 1/2) */
    project_twice(&c, &h, z);
    cr_expect_float_eq(z[0], 0.5, 1e-15);
    cr_expect_eq(z[1], 0.0);
    cr_expect_float_eq(z[2], 0.5, 1e-15);
    close_constraint(&c);
}

Test(simplex, of_one_entry_is_one_point)
{
    constraint c = open_simplex(0.7);
    const ho_constrained h = make_constrained(0, 0, 0, 0.0, HUGE_VAL);
    static const double from[] = {-1e300, -2.0, 0.0, 1e-300, 0.7, 5.0, DBL_MAX};
    for (size_t i = 0; i < COUNT(from); i++) {
        double x = from[i];
        project_twice(&c, &h, &x);
        cr_expect_float_eq(x, 0.7, 1e-16, "%g becomes %.17g", from[i], x);
    }
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
static void check_far_points(const constraint *c, set s)
{
    uint64_t state = 12345;
    for (int offset = 0; offset <= 12; offset += 2) {
        for (int spread = -9; spread <= 3; spread += 3) {
            for (size_t a = 0; a < COUNT(shapes); a++) {
                const ho_constrained h =
                    make_constrained(shapes[a].rows, shapes[a].columns, shapes[a].structure, 0.0, HUGE_VAL);
                double x0[64];
                fill_far(&state, h.count, (s.exact && a % 2 ? -1.0 : 1.0) * pow(10.0, offset), pow(10.0, spread), x0);
                check_solved(c, &h, s, x0);
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
            check_far_points(&c, (set){0.0, caps[j], bounds[i], false});
            close_constraint(&c);
        }
    }
}

Test(nonnegative_sum, is_the_nearest_point_to_points_far_away)
{
    static const double bounds[] = {1e-3, 0.7, 5.0, 1e3};
    for (size_t i = 0; i < COUNT(bounds); i++) {
        constraint c = open_sum(bounds[i]);
        check_far_points(&c, (set){0.0, HUGE_VAL, bounds[i], false});
        close_constraint(&c);
    }
}

/* Also from below: the negatives of points far above. */
Test(simplex, is_the_nearest_point_to_points_far_away)
{
    static const double totals[] = {1e-3, 0.7, 5.0, 1e3};
    for (size_t i = 0; i < COUNT(totals); i++) {
        constraint c = open_simplex(totals[i]);
        check_far_points(&c, (set){0.0, HUGE_VAL, totals[i], true});
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
    check_nearest(&h, (set){0.0, 1.0, 5.0, false}, x0, x);
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
    constraint open[] = {open_sum(0.75), open_capped(0.75, 1.0), open_simplex(0.75)};
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
    constraint open[] = {open_sum(8.0 * ulp), open_capped(8.0 * ulp, 1.0), open_simplex(8.0 * ulp)};
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
    constraint open[] = {open_sum(1.0), open_capped(1.0, 1.0), open_simplex(1.0)};
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
        constraint open[] = {open_sum(sum), open_capped(sum, 1.0), open_simplex(sum)};
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
    check_nearest(&h, (set){0.0, 1.0, sum, false}, x0, x);
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
    check_refused(open_simplex(1.0), make_constrained(3, 0, 0, -2.0, -1.0), "none of its values is nonnegative");
    check_refused(open_simplex(1.0), make_constrained(3, 0, 0, 0.5, 1.0), "3 entries");
    check_refused(open_simplex(1.0), make_constrained(3, 0, 0, 0.0, 0.3), "3 entries of at most 0.3");
    check_refused(open_simplex(1.0), make_constrained(1, 1, HO_ZERO_DIAGONAL, 0.0, 1.0), "0 entries");
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
