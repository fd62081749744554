/* Slopes of curves whose slopes are known, and what the estimate of their error is worth. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "base/rng.h"
#include "check/slope.h"

typedef double function(double h);

typedef struct curve {
    function *f;
    double noise; /* relative, uniform */
    double limit; /* beyond it the curve has no values */
    int calls;
} curve;

static ho_status at(void *self, double h, double *value)
{
    curve *c = self;
    *value = c->f(h);
    *value += *value * c->noise * (2 * ho_uniform(1, 2, (uint64_t)c->calls++) - 1);
    if (fabs(h) > c->limit)
        *value = NAN;
    return HO_OK;
}

static double exponential(double h)
{
    return exp(3 * h); /* slope 3 */
}

static double flat(double h)
{
    (void)h;
    return 0.7;
}

/* Another slope within 1e-6 of 0: 2 far from it, 302 at it. */
static double layered(double h)
{
    return 2 * h + 3e-4 * tanh(1e6 * h);
}

static double rough(double h)
{
    return 1 + sin(1e11 * h + 1); /* slope 5.4e10 */
}

static ho_slope slope_of(curve c, double first, bool both_sides)
{
    ho_slope slope;
    cr_assert_eq(ho_slope_of(at, &c, first, both_sides, 0, 1e-8, &slope), HO_OK);
    return slope;
}

Test(check_slope, smooth_curves_on_both_sides_and_on_one)
{
    const double firsts[] = {1e-2, -1e-2, 1e-4, 0.3};
    for (int i = 0; i < 8; i++) {
        const ho_slope s = slope_of((curve){.f = exponential, .limit = 1}, firsts[i / 2], i % 2);
        cr_expect(fabs(s.value - 3) <= HO_SLOPE_TRUST * s.error && s.error < 1e-7, "%d: %.17g +- %g", i, s.value,
                  s.error);
        cr_expect(s.lost == 0 && s.used >= 2 && s.used <= 8);
    }
}

/* Over many draws of the noise, the error that is estimated holds in 95 % of them: neighbours may be close by chance.
 */
Test(check_slope, noise_is_part_of_the_error)
{
    int held = 0, worst = 0;
    for (int i = 0; i < 200; i++) {
        const ho_slope s =
            slope_of((curve){.f = exponential, .noise = 1e-9, .limit = 1, .calls = 100 * i}, 1e-2, i % 2);
        held += fabs(s.value - 3) <= HO_SLOPE_TRUST * s.error;
        worst += s.error > 1e-2;
    }
    cr_expect_geq(held, 190);
    cr_expect_eq(worst, 0);
}

Test(check_slope, a_flat_curve_has_slope_0_up_to_the_rounding_of_its_values)
{
    const ho_slope s = slope_of((curve){.f = flat, .limit = 1}, 1e-2, true);
    cr_expect(s.value == 0 && s.error > 0.1 * DBL_EPSILON && s.error < 1e-10, "%g +- %g", s.value, s.error);
    const ho_slope noisy = slope_of((curve){.f = flat, .noise = 1e-13, .limit = 1}, 1e-2, true);
    cr_expect(fabs(noisy.value) <= HO_SLOPE_TRUST * noisy.error && noisy.error < 1e-9, "%g +- %g", noisy.value,
              noisy.error);
}

Test(check_slope, steps_shrink_until_the_curve_has_values)
{
    const ho_slope s = slope_of((curve){.f = exponential, .limit = 3e-5}, 1e-2, true);
    cr_expect(s.lost == 3 && fabs(s.value - 3) < 1e-7, "%d %.17g", s.lost, s.value);
    const ho_slope none = slope_of((curve){.f = exponential, .limit = 1e-12}, 1e-2, true);
    cr_expect(none.lost == 8 && none.used == 0 && isinf(none.error));
}

Test(check_slope, a_curve_rough_on_every_scale_has_no_slope)
{
    const ho_slope s = slope_of((curve){.f = rough, .limit = 1}, 1e-2, true);
    cr_expect(isinf(s.error), "%g +- %g", s.value, s.error);
}

Test(check_slope, shorter_steps_overrule_longer_ones_that_they_contradict)
{
    const ho_slope longer = {.value = 2, .error = 1e-6, .step = 1e-3, .used = 4};
    const ho_slope layer = slope_of((curve){.f = layered, .limit = 1}, 1e-7, true);
    cr_expect(fabs(layer.value - 302) < 1e-4, "%.17g", layer.value);
    cr_expect_float_eq(ho_slope_join(longer, layer).value, layer.value, 0);
    const ho_slope vague = {.value = 7, .error = 1, .step = 1e-8, .used = 3};
    cr_expect_float_eq(ho_slope_join(longer, vague).value, 2, 0);
    cr_expect_eq(ho_slope_join(longer, vague).used, 7);
    const ho_slope nothing = {.value = NAN, .error = INFINITY, .lost = 8};
    cr_expect_float_eq(ho_slope_join(longer, nothing).value, 2, 0);
    cr_expect_float_eq(ho_slope_join(nothing, longer).value, 2, 0);
}
