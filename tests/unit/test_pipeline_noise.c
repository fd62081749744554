/* Label noise: how many labels are replaced, by what, and what decides it. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "pipeline/internal.h"

#define MOST 4000

static double values[MOST], replaced[MOST];

static void noise(double share, uint64_t seed, int64_t count, int64_t classes)
{
    ho_noise n = {.share = share, .seed = seed};
    ho_target labels = {.labels = true, .classes = classes, .width = 1, .values = values};
    for (int64_t i = 0; i < count; i++)
        values[i] = (double)(i % classes);
    ho_noise_labels(&n, &labels, count, replaced);
}

Test(noise, replaces_the_stated_share_exactly_by_other_classes)
{
    static const struct {
        double share;
        int64_t count, classes, wanted;
    } cases[] = {{0.5, 4000, 10, 2000}, {0.0, 100, 3, 0}, {0.3, 10, 2, 3},
                 {0.25, 10, 4, 3},      {0.24, 10, 4, 2}, {0.999, 1000, 5, 999}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        noise(cases[k].share, 3, cases[k].count, cases[k].classes);
        int64_t changed = 0;
        for (int64_t i = 0; i < cases[k].count; i++) {
            bool differs = values[i] != (double)(i % cases[k].classes);
            cr_expect_eq(differs, replaced[i] == 1, "share %g, example %d", cases[k].share, (int)i);
            cr_expect(replaced[i] == 0 || replaced[i] == 1);
            cr_expect(values[i] >= 0 && values[i] < (double)cases[k].classes && values[i] == floor(values[i]));
            changed += differs;
        }
        cr_expect_eq(changed, cases[k].wanted, "share %g of %d: %d", cases[k].share, (int)cases[k].count, (int)changed);
    }
}

/* Of 4,000 replaced labels each of the nine others should be the new one about 444 times (deviation 20). */
Test(noise, draws_the_other_classes_evenly)
{
    noise(0.9999, 7, MOST, 10);
    int64_t shifts[10] = {0}, early = 0;
    for (int64_t i = 0; i < MOST; i++)
        shifts[((int64_t)values[i] - i % 10 + 10) % 10]++;
    for (int k = 1; k < 10; k++)
        cr_expect(llabs(shifts[k] - MOST / 9) < 100, "shift %d: %d times", k, (int)shifts[k]);
    noise(0.5, 7, MOST, 10);
    for (int64_t i = 0; i < MOST / 2; i++)
        early += replaced[i] == 1;
    cr_expect(llabs(early - MOST / 4) < 100, "%d of the first half", (int)early);
}

Test(noise, the_seed_decides)
{
    static double first[MOST];
    int64_t same = 0;
    noise(0.5, 3, MOST, 10);
    for (int64_t i = 0; i < MOST; i++)
        first[i] = values[i];
    noise(0.5, 3, MOST, 10);
    for (int64_t i = 0; i < MOST; i++)
        cr_assert_eq(values[i], first[i]);
    noise(0.5, 4, MOST, 10);
    for (int64_t i = 0; i < MOST; i++)
        same += values[i] == first[i];
    cr_expect(same < MOST * 2 / 5, "%d labels alike", (int)same);
}
