/* Scales: coordinates, their inverse and their slope, by themselves and over lambda. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "system/scaled.h"

static const ho_scale scales[] = {HO_SCALE_LINEAR, HO_SCALE_LOG, HO_SCALE_LOGIT};

Test(scale, there_and_back_and_the_slope_between)
{
    static const double values[] = {1e-200, 1e-9, 1e-3, 0.25, 0.5, 0.9, 0.999, 1 - 1e-9};
    for (int s = 0; s < 3; s++)
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            double x = values[i], u = ho_scale_to(scales[s], x), h = 1e-6;
            cr_expect(ho_scale_has(scales[s], x));
            cr_expect_float_eq(ho_scale_from(scales[s], u), x, 2e-13 * x, "%d %g", s, x);
            if (s == 0)
                continue;
            double slope = (ho_scale_from(scales[s], u + h) - ho_scale_from(scales[s], u - h)) / (2 * h);
            cr_expect_float_eq(ho_scale_slope(scales[s], x), slope, 1e-6 * slope + 1e-10 * x, "%d %g", s, x);
        }
    cr_expect_eq(ho_scale_slope(HO_SCALE_LINEAR, 7), 1);
    cr_expect_float_eq(ho_scale_to(HO_SCALE_LOG, 100), 2 * log(10), 1e-15);
    cr_expect_float_eq(ho_scale_to(HO_SCALE_LOGIT, 0.9), log(9), 1e-14);
}

Test(scale, ends_have_no_coordinate_and_are_never_reached)
{
    cr_expect(!ho_scale_has(HO_SCALE_LOG, 0) && !ho_scale_has(HO_SCALE_LOG, -1));
    cr_expect(!ho_scale_has(HO_SCALE_LOGIT, 0) && !ho_scale_has(HO_SCALE_LOGIT, 1) && !ho_scale_has(HO_SCALE_LOGIT, 2));
    cr_expect(ho_scale_has(HO_SCALE_LINEAR, 0) && ho_scale_has(HO_SCALE_LOG, 2));
    cr_expect_gt(ho_scale_from(HO_SCALE_LOG, -1e9), 0);
    cr_expect_eq(ho_scale_from(HO_SCALE_LOG, 1e9), (double)INFINITY);
    cr_expect_gt(ho_scale_from(HO_SCALE_LOGIT, -1e9), 0);
    cr_expect_lt(ho_scale_from(HO_SCALE_LOGIT, 1e9), 1);
}

Test(scale, of_a_domain)
{
    cr_expect_eq(ho_scale_of_domain(-INFINITY, INFINITY), HO_SCALE_LINEAR);
    cr_expect_eq(ho_scale_of_domain(-1, 1), HO_SCALE_LINEAR);
    cr_expect_eq(ho_scale_of_domain(0, INFINITY), HO_SCALE_LOG);
    cr_expect_eq(ho_scale_of_domain(1e-12, INFINITY), HO_SCALE_LOG);
    cr_expect_eq(ho_scale_of_domain(0, 1), HO_SCALE_LOGIT);
    cr_expect_eq(ho_scale_of_domain(0, 1 - 1e-6), HO_SCALE_LOGIT);
}

Test(scale, over_lambda_what_stands_at_an_end_stays)
{
    static const ho_scale of[] = {HO_SCALE_LINEAR, HO_SCALE_LOG, HO_SCALE_LOG, HO_SCALE_LOGIT, HO_SCALE_LOGIT};
    static const double gradient[] = {2, 3, 4, 5, 6};
    double lambda[] = {0, 0.5, 0, 0.25, 1}, u[5], by_u[5];
    ho_scaled_to(of, 5, lambda, u);
    ho_scaled_gradient(of, 5, lambda, gradient, by_u);
    cr_expect_arr_eq(by_u, ((double[]){2, 1.5, 0, 5 * 0.1875, 0}), sizeof by_u);
    cr_expect(u[0] == 0 && u[1] == log(0.5) && u[2] == 0 && u[4] == 0);
    for (int i = 0; i < 5; i++)
        u[i] += 1;
    ho_scaled_from(of, 5, u, lambda);
    cr_expect_eq(lambda[0], 1);
    cr_expect_float_eq(lambda[1], 0.5 * exp(1), 1e-15);
    cr_expect_eq(lambda[2], 0);
    cr_expect_float_eq(lambda[3] / (1 - lambda[3]), exp(1) / 3, 1e-15);
    cr_expect_eq(lambda[4], 1);
}
