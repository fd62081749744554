/* Random numbers: known answers of Philox 4x32-10, moments, and permutations that are bijections. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"

/* The known answers that Random123 publishes (kat_vectors, philox4x32 with 10 rounds). */
Test(rng, philox_known_answers)
{
    static const struct {
        uint64_t seed, stream, counter;
        uint32_t words[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t words[4];
        ho_philox(known[i].seed, known[i].stream, known[i].counter, words);
        for (int k = 0; k < 4; k++)
            cr_assert_eq(words[k], known[i].words[k], "vector %d, word %d: %08x", i, k, words[k]);
    }
}

Test(rng, fnv_1a_known_answers)
{
    cr_assert_eq(ho_stream(""), 0xcbf29ce484222325u);
    cr_assert_eq(ho_stream("a"), 0xaf63dc4c8601ec8cu);
    cr_assert_eq(ho_stream("foobar"), 0x85944171f73967e8u);
}

Test(rng, uniform_stays_in_range_with_the_right_moments)
{
    const int count = 200000;
    double sum = 0, squares = 0;
    for (int i = 0; i < count; i++) {
        double u = ho_uniform(7, 3, (uint64_t)i);
        cr_assert(u >= 0 && u < 1);
        sum += u;
        squares += u * u;
    }
    /* Five standard deviations of the means. */
    cr_assert_float_eq(sum / count, 0.5, 5 * sqrt(1.0 / 12 / count));
    cr_assert_float_eq(squares / count, 1.0 / 3, 5 * sqrt(4.0 / 45 / count));
}

Test(rng, normal_has_the_right_moments_and_no_correlation)
{
    const int count = 200000;
    double sum = 0, squares = 0, fourth = 0, lag = 0, before = 0;
    for (int i = 0; i < count; i++) {
        double z = ho_normal_number(7, 3, (uint64_t)i);
        cr_assert(isfinite(z));
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
        lag += z * before;
        before = z;
    }
    cr_assert_float_eq(sum / count, 0, 5 * sqrt(1.0 / count));
    cr_assert_float_eq(squares / count, 1, 5 * sqrt(2.0 / count));
    cr_assert_float_eq(fourth / count, 3, 5 * sqrt(96.0 / count));
    cr_assert_float_eq(lag / count, 0, 5 * sqrt(1.0 / count));
}

Test(rng, seeds_and_streams_differ)
{
    int same = 0;
    for (uint64_t i = 0; i < 100; i++)
        same += (ho_uniform(1, 1, i) == ho_uniform(2, 1, i)) + (ho_uniform(1, 1, i) == ho_uniform(1, 2, i)) +
                (ho_uniform(1, 1, i) == ho_uniform(1, 1, i + 1));
    cr_assert_eq(same, 0);
    cr_assert_eq(ho_uniform(1, 1, 5), ho_uniform(1, 1, 5));
}

Test(rng, permutation_is_a_bijection)
{
    static const uint64_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100, 127, 1000, 1025, 4999, 65537};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            uint64_t n = sizes[s];
            unsigned char *hit = calloc(n, 1);
            for (uint64_t i = 0; i < n; i++) {
                uint64_t to = ho_permute(seed, 11, n, i);
                cr_assert_lt(to, n);
                cr_assert_eq(hit[to], 0, "n %lu: %lu is hit twice", (unsigned long)n, (unsigned long)to);
                hit[to] = 1;
            }
            free(hit);
        }
}

/* Each of the 24 orders of four, and of the 6 of three, should come up about equally often over the seeds. */
Test(rng, a_run_of_a_permutation_is_what_each_place_is)
{
    static const int64_t sizes[] = {1, 2, 7, 8, 9, 64, 65, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int64_t n = sizes[s], first = n / 3, count = n - first;
        const ho_permutation p = ho_permutation_of(3, 7, (uint64_t)n);
        int64_t run[1001];
        run[count] = -1;
        ho_permuted_run(&p, first, count, run);
        for (int64_t i = 0; i < count; i++)
            cr_expect_eq(run[i], (int64_t)ho_permuted(&p, (uint64_t)(first + i)), "%d of %d", (int)i, (int)n);
        cr_expect_eq(run[count], -1);
    }
}

Test(rng, permutation_reaches_every_order_evenly)
{
    int three[64] = {0}, four[256] = {0};
    const int trials = 24000;
    for (int seed = 0; seed < trials; seed++) {
        size_t order3 = 0, order4 = 0;
        for (uint64_t i = 0; i < 3; i++)
            order3 = order3 * 4 + (size_t)ho_permute((uint64_t)seed, 5, 3, i);
        for (uint64_t i = 0; i < 4; i++)
            order4 = order4 * 4 + (size_t)ho_permute((uint64_t)seed, 5, 4, i);
        three[order3]++;
        four[order4]++;
    }
    int seen3 = 0, seen4 = 0;
    for (int i = 0; i < 64; i++)
        if (three[i]) {
            seen3++;
            cr_expect_float_eq(three[i], trials / 6.0, 6 * sqrt(trials / 6.0), "%d", three[i]);
        }
    for (int i = 0; i < 256; i++)
        if (four[i]) {
            seen4++;
            cr_expect_float_eq(four[i], trials / 24.0, 6 * sqrt(trials / 24.0), "%d", four[i]);
        }
    cr_assert_eq(seen3, 6);
    cr_assert_eq(seen4, 24);
}

Test(rng, permutation_of_the_whole_range_terminates, .timeout = 5)
{
    cr_assert_neq(ho_permute(1, 1, UINT64_MAX, 1), ho_permute(1, 1, UINT64_MAX, 2));
    cr_assert_lt(ho_permute(1, 1, ((uint64_t)1 << 63) + 1, 12345), ((uint64_t)1 << 63) + 1);
    cr_assert_eq(ho_permute(1, 1, 1, 0), 0);
}
