/* Differences of two rows over the splits that they share. */
#include <criterion/criterion.h>
#include <math.h>

#include "record/paired.h"

/* A row whose validation errors and test accuracies are these. */
static ho_row row_of(const double *errors, const double *accuracies, const int64_t *seeds, size_t count)
{
    ho_row row = {.seeds = {seeds, seeds ? count : 0}};
    for (size_t f = 0; f < HO_FIGURES; f++)
        row.figures[f] = (ho_statistic){NAN, NAN, {NULL, 0}};
    const double *const values[] = {errors, accuracies};
    const ho_figure figures[] = {HO_VALIDATION_ERROR, HO_TEST_ACCURACY};
    for (int k = 0; k < 2; k++) {
        double sum = 0, known = 0;
        for (size_t i = 0; i < count; i++)
            if (!isnan(values[k][i])) {
                sum += values[k][i];
                known++;
            }
        row.figures[figures[k]] = (ho_statistic){sum / known, NAN, {values[k], count}};
    }
    return row;
}

static const double errors[] = {1, 2, 4, 8}, others[] = {1.5, 1.5, 6, 7}, accuracies[] = {0.1, 0.2, 0.4, 0.8};
static const int64_t seeds[] = {1, 2, 3, 4}, reversed[] = {4, 3, 2, 1}, apart[] = {5, 6, 7, 8};

Test(paired, mean_deviation_and_splits_that_are_better)
{
    ho_row a = row_of(errors, accuracies, seeds, 4), b = row_of(others, errors, seeds, 4);
    ho_paired p = ho_paired_of(&a, &b, HO_VALIDATION_ERROR); /* -0.5, 0.5, -2, 1 */
    cr_expect_eq(p.pairs, 4);
    cr_expect_eq(p.better, 2);
    cr_expect_float_eq(p.mean, -0.25, 1e-15);
    cr_expect_float_eq(p.sd, sqrt((0.0625 + 0.5625 + 3.0625 + 1.5625) / 3), 1e-15);
    p = ho_paired_of(&b, &a, HO_TEST_ACCURACY);
    cr_expect_eq(p.better, 4, "more accuracy is better");
    p = ho_paired_of(&a, &a, HO_TEST_ACCURACY);
    cr_expect(p.better == 0 && p.mean == 0 && p.sd == 0);
}

Test(paired, seeds_say_what_belongs_together)
{
    ho_row a = row_of(errors, accuracies, seeds, 4), b = row_of(others, errors, reversed, 4);
    ho_paired p = ho_paired_of(&a, &b, HO_VALIDATION_ERROR); /* -6, -4, 2.5, 6.5 */
    cr_expect(p.pairs == 4 && p.better == 2 && fabs(p.mean + 0.25) < 1e-15);
    cr_expect_float_eq(p.sd, sqrt((5.75 * 5.75 + 3.75 * 3.75 + 2.75 * 2.75 + 6.75 * 6.75) / 3), 1e-14);
    b = row_of(others, errors, apart, 4);
    p = ho_paired_of(&a, &b, HO_VALIDATION_ERROR);
    cr_expect(p.pairs == 0 && isnan(p.mean) && isnan(p.sd));
    b = row_of(others, errors, seeds, 3); /* a run less */
    cr_expect_eq(ho_paired_of(&a, &b, HO_VALIDATION_ERROR).pairs, 3);
    a = row_of(errors, accuracies, NULL, 4);
    cr_expect_eq(ho_paired_of(&a, &b, HO_VALIDATION_ERROR).pairs, 0, "one row has no seeds");
    b = row_of(others, errors, NULL, 4);
    cr_expect_eq(ho_paired_of(&a, &b, HO_VALIDATION_ERROR).pairs, 4, "by their order");
    b = row_of(others, errors, NULL, 3);
    cr_expect_eq(ho_paired_of(&a, &b, HO_VALIDATION_ERROR).pairs, 0, "of other numbers of runs");
}

/* Over folds other examples validate; the test part is the same. */
Test(paired, other_criteria_are_other_validation_errors)
{
    ho_row a = row_of(errors, accuracies, seeds, 4), b = row_of(others, errors, seeds, 4);
    a.criterion = "5 folds";
    cr_expect_eq(ho_paired_of(&a, &b, HO_VALIDATION_ERROR).pairs, 0);
    cr_expect_eq(ho_paired_of(&b, &a, HO_VALIDATION_ERROR).pairs, 0);
    cr_expect_eq(ho_paired_of(&a, &b, HO_TEST_ACCURACY).pairs, 4);
    b.criterion = "3 folds";
    cr_expect_eq(ho_paired_of(&a, &b, HO_VALIDATION_ERROR).pairs, 0);
    const char same[] = "5 folds";
    b.criterion = same;
    cr_expect_eq(ho_paired_of(&a, &b, HO_VALIDATION_ERROR).pairs, 4);
}

Test(paired, what_is_unknown_is_no_pair)
{
    const double holes[] = {1, NAN, 4, NAN};
    ho_row a = row_of(holes, accuracies, seeds, 4), b = row_of(others, errors, seeds, 4);
    ho_paired p = ho_paired_of(&a, &b, HO_VALIDATION_ERROR);
    cr_expect(p.pairs == 2 && p.better == 2 && fabs(p.mean + 1.25) < 1e-15);
    p = ho_paired_of(&a, &b, HO_F1);
    cr_expect(p.pairs == 0 && isnan(p.mean));
    b = row_of(others, errors, seeds, 1);
    p = ho_paired_of(&a, &b, HO_VALIDATION_ERROR);
    cr_expect(p.pairs == 1 && isnan(p.sd) && fabs(p.mean + 0.5) < 1e-15);
}

Test(paired, the_reference_shares_most_and_has_the_least_error)
{
    const double none[] = {NAN, NAN, NAN, NAN}, least[] = {0, 0, 0, 0};
    ho_row rows[] = {row_of(errors, accuracies, seeds, 4), row_of(others, accuracies, seeds, 4),
                     row_of(least, accuracies, apart, 4), row_of(none, accuracies, seeds, 4)};
    cr_expect_eq(ho_paired_reference(rows, 4), 0);
    rows[1].figures[HO_VALIDATION_ERROR].mean = 1;
    cr_expect_eq(ho_paired_reference(rows, 4), 1);
    cr_expect_eq(ho_paired_reference(rows, 1), 1, "there is nothing to compare");
    cr_expect_eq(ho_paired_reference(rows + 1, 2), 2, "no splits are shared");
    ho_row once[] = {row_of(errors, accuracies, seeds, 1), row_of(others, accuracies, seeds, 1)};
    cr_expect_eq(ho_paired_reference(once, 2), 2, "one split says nothing");
}
