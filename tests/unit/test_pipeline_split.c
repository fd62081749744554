/* Dividing examples, stratified and not, and standardising them. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/internal.h"

static ho_error error;

/* Examples whose only feature tells their row; class c has sizes[c] of them, in turns as long as there are any. */
static ho_examples numbered(const int64_t *sizes, size_t classes, bool wide)
{
    int64_t count = 0, most = 0;
    for (size_t c = 0; c < classes; c++) {
        count += sizes[c];
        most = sizes[c] > most ? sizes[c] : most;
    }
    ho_examples all = {.count = count, .features = 1, .target_count = 1};
    all.targets = ho_alloc(sizeof *all.targets);
    all.targets[0] = (ho_target){.name = ho_strdup("labels"), .labels = true, .classes = (int64_t)classes, .width = 1};
    all.targets[0].values = ho_large_alloc((uint64_t)count, sizeof(double), "labels", &error);
    if (wide)
        all.x64 = ho_large_alloc((uint64_t)count, sizeof(double), "inputs", &error);
    else
        all.x32 = ho_large_alloc((uint64_t)count, sizeof(float), "inputs", &error);
    int64_t row = 0;
    for (int64_t turn = 0; turn < most; turn++)
        for (size_t c = 0; c < classes; c++)
            if (turn < sizes[c]) {
                all.targets[0].values[row] = (double)c;
                if (wide)
                    all.x64[row] = (double)row;
                else
                    all.x32[row] = (float)row;
                row++;
            }
    return all;
}

static int64_t row_of(const ho_examples *part, int64_t i)
{
    return (int64_t)(part->x64 ? part->x64[i] : (double)part->x32[i]);
}

static int64_t of_class(const ho_examples *part, int64_t label)
{
    int64_t count = 0;
    for (int64_t i = 0; i < part->count; i++)
        count += (int64_t)part->targets[0].values[i] == label;
    return count;
}

static void free_parts(ho_examples *all, ho_examples parts[3])
{
    ho_examples_free(all);
    for (int p = 0; p < 3; p++)
        ho_examples_free(&parts[p]);
}

/* The parts are disjoint, and every example still has its own label. */
static void expect_disjoint(const ho_examples *all, const ho_examples parts[3])
{
    bool *seen = ho_alloc((size_t)all->count);
    for (int p = 0; p < 3; p++)
        for (int64_t i = 0; i < parts[p].count; i++) {
            int64_t row = row_of(&parts[p], i);
            cr_assert_not(seen[row], "row %d twice", (int)row);
            seen[row] = true;
            cr_assert_float_eq(parts[p].targets[0].values[i], all->targets[0].values[row], 0);
        }
    free(seen);
}

static bool same_rows(const ho_examples *a, const ho_examples *b)
{
    if (a->count != b->count)
        return false;
    for (int64_t i = 0; i < a->count; i++)
        if (row_of(a, i) != row_of(b, i))
            return false;
    return true;
}

/* How many rows of b are in a. */
static int64_t shared_rows(const ho_examples *a, const ho_examples *b)
{
    int64_t count = 0;
    for (int64_t i = 0; i < a->count; i++)
        for (int64_t j = 0; j < b->count; j++)
            count += row_of(a, i) == row_of(b, j);
    return count;
}

Test(split, balanced_classes_stay_balanced)
{
    const int64_t sizes[10] = {20, 20, 20, 20, 20, 20, 20, 20, 20, 20};
    ho_examples all = numbered(sizes, 10, false), parts[3] = {{0}};
    ho_split split = {.counts = {50, 50, HO_REST}, .stratified = true, .seed = 3};
    cr_assert_eq(ho_split_examples(&all, all.targets, &split, parts, &error), HO_OK, "%s", error.text);
    for (int64_t c = 0; c < 10; c++) {
        cr_expect_eq(of_class(&parts[0], c), 5);
        cr_expect_eq(of_class(&parts[1], c), 5);
        cr_expect_eq(of_class(&parts[2], c), 10);
    }
    cr_expect_eq(parts[2].count, 100);
    cr_expect_not_null(parts[0].x32);
    cr_expect_null(parts[0].x64);
    expect_disjoint(&all, parts);
    free_parts(&all, parts);
}

Test(split, shares_are_rounded_by_largest_remainder)
{
    /* 10 of (25, 15, 10): shares 5, 3, 2. 7 of what is left, (20, 12, 8): 3.5, 2.1, 1.4. */
    const int64_t sizes[3] = {25, 15, 10};
    ho_examples all = numbered(sizes, 3, true), parts[3] = {{0}};
    ho_split split = {.counts = {10, 7, 0}, .stratified = true, .seed = 1};
    cr_assert_eq(ho_split_examples(&all, all.targets, &split, parts, &error), HO_OK, "%s", error.text);
    const int64_t wanted[2][3] = {{5, 3, 2}, {4, 2, 1}};
    for (int p = 0; p < 2; p++)
        for (int64_t c = 0; c < 3; c++)
            cr_expect_eq(of_class(&parts[p], c), wanted[p][c]);
    cr_expect_eq(parts[2].count, 0);
    cr_expect_not_null(parts[0].x64);
    expect_disjoint(&all, parts);
    free_parts(&all, parts);
}

Test(split, fewer_examples_than_classes)
{
    const int64_t sizes[5] = {4, 4, 4, 4, 4};
    ho_examples all = numbered(sizes, 5, false), parts[3] = {{0}};
    ho_split split = {.counts = {3, 3, HO_REST}, .stratified = true, .seed = 1};
    cr_assert_eq(ho_split_examples(&all, all.targets, &split, parts, &error), HO_OK, "%s", error.text);
    int64_t covered = 0;
    for (int64_t c = 0; c < 5; c++) {
        cr_expect_leq(of_class(&parts[0], c), 1);
        cr_expect_leq(of_class(&parts[1], c), 1);
        covered += of_class(&parts[0], c) + of_class(&parts[1], c) > 0;
    }
    cr_expect_eq(covered, 5);
    expect_disjoint(&all, parts);
    free_parts(&all, parts);
}

Test(split, everything_can_be_used_up)
{
    const int64_t sizes[4] = {1, 7, 2, 3};
    ho_examples all = numbered(sizes, 4, false), parts[3] = {{0}};
    ho_split split = {.counts = {6, 5, 2}, .stratified = true, .seed = 9};
    cr_assert_eq(ho_split_examples(&all, all.targets, &split, parts, &error), HO_OK, "%s", error.text);
    for (int64_t c = 0; c < 4; c++)
        cr_expect_eq(of_class(&parts[0], c) + of_class(&parts[1], c) + of_class(&parts[2], c), sizes[c]);
    expect_disjoint(&all, parts);
    free_parts(&all, parts);
}

Test(split, the_seed_decides)
{
    const int64_t sizes[2] = {40, 40};
    ho_examples all = numbered(sizes, 2, false), a[3] = {{0}}, b[3] = {{0}}, c[3] = {{0}};
    ho_split split = {.counts = {20, 20, HO_REST}, .stratified = true, .seed = 1};
    cr_assert_eq(ho_split_examples(&all, all.targets, &split, a, &error), HO_OK);
    cr_assert_eq(ho_split_examples(&all, all.targets, &split, b, &error), HO_OK);
    split.seed = 2;
    cr_assert_eq(ho_split_examples(&all, all.targets, &split, c, &error), HO_OK);
    for (int p = 0; p < 3; p++) {
        cr_expect(same_rows(&a[p], &b[p]));
        cr_expect_not(same_rows(&a[p], &c[p]));
        cr_expect_lt(shared_rows(&a[p], &c[p]), a[p].count, "the same examples in another order");
        ho_examples_free(&b[p]);
        ho_examples_free(&c[p]);
    }
    free_parts(&all, a);
}

Test(split, examples_keep_their_rows_and_their_inputs_shape)
{
    const int64_t sizes[3] = {30, 30, 40};
    ho_examples all = numbered(sizes, 3, true), parts[3] = {{0}}, few = {0};
    ho_split split = {.counts = {50, 20, HO_REST}, .stratified = true, .seed = 4};
    all.input_rank = 2;
    all.input_dims[0] = all.input_dims[1] = 1;
    cr_assert_eq(ho_split_examples(&all, all.targets, &split, parts, &error), HO_OK);
    for (int p = 0; p < 3; p++) {
        cr_expect(parts[p].input_rank == 2 && parts[p].input_dims[1] == 1);
        for (int64_t i = 0; i < parts[p].count; i++)
            cr_expect_eq(parts[p].rows[i], row_of(&parts[p], i));
    }
    /* Some of a part: rows are still those of the source. */
    cr_assert_eq(ho_examples_take(&parts[0], (const int64_t[]){7, 0, 7}, 3, &few, &error), HO_OK);
    for (int64_t i = 0; i < 3; i++)
        cr_expect_eq(few.rows[i], row_of(&parts[0], i == 1 ? 0 : 7));
    ho_examples_free(&few);
    free_parts(&all, parts);
}

Test(split, classes_are_mixed_in_every_part)
{
    const int64_t sizes[2] = {100, 100};
    ho_examples all = numbered(sizes, 2, false), parts[3] = {{0}};
    ho_split split = {.counts = {60, 60, 60}, .stratified = true, .seed = 1};
    cr_assert_eq(ho_split_examples(&all, all.targets, &split, parts, &error), HO_OK);
    for (int p = 0; p < 3; p++) {
        int changes = 0;
        for (int64_t i = 1; i < 60; i++)
            changes += parts[p].targets[0].values[i] < parts[p].targets[0].values[i - 1] ||
                       parts[p].targets[0].values[i] > parts[p].targets[0].values[i - 1];
        cr_expect_gt(changes, 10);
    }
    free_parts(&all, parts);
}

Test(split, without_strata_any_example_will_do)
{
    const int64_t sizes[2] = {500, 500};
    ho_examples all = numbered(sizes, 2, false), parts[3] = {{0}};
    ho_split split = {.counts = {101, HO_REST, 0}, .stratified = false, .seed = 5};
    cr_assert_eq(ho_split_examples(&all, NULL, &split, parts, &error), HO_OK);
    cr_expect_eq(parts[0].count, 101);
    cr_expect_eq(parts[1].count, 899);
    cr_expect_gt(of_class(&parts[0], 0), 25);
    cr_expect_gt(of_class(&parts[0], 1), 25);
    expect_disjoint(&all, parts);
    free_parts(&all, parts);
}

static void expect_refused(const ho_examples *all, ho_split split, const char *message)
{
    error = (ho_error){0};
    ho_examples parts[3] = {{0}};
    split.place = (ho_place){"t.yaml", 3, 4};
    cr_expect_eq(ho_split_examples(all, all->targets, &split, parts, &error), HO_INVALID);
    cr_expect_str_eq(error.text, message);
}

/* Shares of all examples, rounded down. */
Test(split, shares_are_of_all_examples)
{
    const int64_t sizes[2] = {50, 51};
    ho_examples all = numbered(sizes, 2, false), parts[3] = {{0}};
    ho_split split = {.counts = {0, HO_REST, 7}, .shares = {0.29}, .stratified = true, .seed = 1};
    cr_assert_eq(ho_split_examples(&all, all.targets, &split, parts, &error), HO_OK, "%s", error.text);
    cr_expect_eq(parts[0].count, 29);
    cr_expect_eq(parts[1].count, 65);
    cr_expect_eq(parts[2].count, 7);
    expect_disjoint(&all, parts);
    free_parts(&all, parts);

    const int64_t hundred[1] = {100};
    all = numbered(hundred, 1, false);
    memset(parts, 0, sizeof parts);
    split = (ho_split){.shares = {0.29, 0.5, 0.21}, .seed = 1};
    cr_assert_eq(ho_split_examples(&all, NULL, &split, parts, &error), HO_OK, "%s", error.text);
    cr_expect(parts[0].count == 29 && parts[1].count == 50 && parts[2].count == 21);
    free_parts(&all, parts);
    all = numbered(hundred, 1, false);
    expect_refused(
        &all, (ho_split){.shares = {0.9, 0.2}},
        "t.yaml:3:4: split: 90 for training, 20 for validation and 0 for test are more than the 100 examples "
        "of the data");
    expect_refused(&all, (ho_split){.shares = {0.5, 0.2, 0.001}},
                   "t.yaml:3:4: split: no examples for test (the data has 100)");
    ho_examples_free(&all);
}

Test(split, parts_must_fit)
{
    const int64_t sizes[2] = {4, 6};
    ho_examples all = numbered(sizes, 2, false);
    expect_refused(
        &all, (ho_split){.counts = {6, 3, 2}},
        "t.yaml:3:4: split: 6 for training, 3 for validation and 2 for test are more than the 10 examples of "
        "the data");
    expect_refused(&all, (ho_split){.counts = {INT64_MAX, INT64_MAX, HO_REST}},
                   "t.yaml:3:4: split: 9223372036854775807 for training, 9223372036854775807 for validation and 0 for "
                   "test are more than the 10 examples of the data");
    expect_refused(&all, (ho_split){.counts = {0, 3, 2}},
                   "t.yaml:3:4: split: no examples for training (the data has 10)");
    expect_refused(&all, (ho_split){.counts = {3, 0, 2}},
                   "t.yaml:3:4: split: no examples for validation (the data has 10)");
    expect_refused(&all, (ho_split){.counts = {6, 4, HO_REST}},
                   "t.yaml:3:4: split: no examples for test: the other parts leave no rest (the data has 10)");
    expect_refused(&all, (ho_split){.counts = {HO_REST, 10, 0}},
                   "t.yaml:3:4: split: no examples for training: the other parts leave no rest (the data has 10)");
    ho_examples_free(&all);
}

static ho_examples table(int64_t count, int64_t features, const double *values, bool wide)
{
    ho_examples part = {.count = count, .features = features};
    uint64_t entries = (uint64_t)(count * features);
    if (wide)
        part.x64 = ho_large_alloc(entries, sizeof(double), "inputs", &error);
    else
        part.x32 = ho_large_alloc(entries, sizeof(float), "inputs", &error);
    for (uint64_t i = 0; i < entries; i++)
        if (wide)
            part.x64[i] = values[i];
        else
            part.x32[i] = (float)values[i];
    return part;
}

static double at(const ho_examples *part, int64_t i)
{
    return part->x64 ? part->x64[i] : (double)part->x32[i];
}

static void standardised(bool wide)
{
    /* Features: varying, constant in training only, 0 everywhere, and varying by no more than rounding. */
    const double train[] = {1, 7, 0, 1e6, 3, 7, 0, 1e6 * (1 + 1e-15), 5, 7, 0, 1e6};
    const double others[] = {3, 9, 0, 2e6, 11, -7, 0, 0};
    ho_examples a = table(3, 4, train, wide), b = table(2, 4, others, wide), c = {0};
    ho_examples *const parts[3] = {&a, &b, &c};
    error = (ho_error){0};
    cr_assert_eq(ho_standardize(parts, NULL, &error), HO_OK, "%s", error.text);
    const double sd = sqrt(8.0 / 3), tolerance = wide ? 1e-15 : 1e-7;
    const double wanted[] = {-2 / sd, 0, 2 / sd};
    for (int64_t i = 0; i < 3; i++)
        cr_expect_float_eq(at(&a, 4 * i), wanted[i], tolerance);
    cr_expect_float_eq(at(&b, 0), 0, tolerance);
    cr_expect_float_eq(at(&b, 4), 8 / sd, 1e-6);
    for (int64_t j = 1; j < 4; j++) {
        for (int64_t i = 0; i < 3; i++)
            cr_expect_float_eq(at(&a, 4 * i + j), 0, 0);
        for (int64_t i = 0; i < 2; i++)
            cr_expect_float_eq(at(&b, 4 * i + j), 0, 0);
    }
    ho_examples_free(&a);
    ho_examples_free(&b);
}

Test(standardize, constant_features_become_0_in_f32)
{
    standardised(false);
}

Test(standardize, constant_features_become_0_in_f64)
{
    standardised(true);
}

Test(standardize, what_does_not_fit_is_refused)
{
    const double train[] = {0, 1e-30}, validation[] = {3e38};
    ho_examples a = table(2, 1, train, false), b = table(1, 1, validation, false), c = {0};
    ho_examples *const parts[3] = {&a, &b, &c};
    error = (ho_error){0};
    cr_expect_eq(ho_standardize(parts, NULL, &error), HO_INVALID);
    cr_expect_not_null(strstr(error.text, "feature 0 of example 0 of the validation part"), "%s", error.text);
    ho_examples_free(&a);
    ho_examples_free(&b);
    const double huge[] = {-1e200, 1e200};
    ho_examples d = table(2, 1, huge, true);
    ho_examples *const wide[3] = {&d, &c, &c};
    error = (ho_error){0};
    cr_expect_eq(ho_standardize(wide, NULL, &error), HO_INVALID);
    cr_expect_not_null(strstr(error.text, "of the training part"), "%s", error.text);
    ho_examples_free(&d);
}
