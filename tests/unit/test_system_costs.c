/* Which of some offers the mode `auto` takes. */
#include <criterion/criterion.h>

#include "small_problem.h"
#include "system/costs.h"

typedef struct price {
    double seconds;
    int64_t bytes;
} price;

/* The best of up to four offers, in order; -1: none, with s->error. */
static int best_of(small *s, int64_t memory, size_t count, const price *prices)
{
    ho_mode_offer offers[4] = {0};
    size_t best = 99;
    for (size_t i = 0; i < count; i++)
        offers[i] = (ho_mode_offer){.instance = small_mode(s, i % 2 ? "reverse" : "forward"),
                                    .cost = {.seconds = prices[i].seconds, .bytes = prices[i].bytes}};
    const ho_status status = ho_mode_best(offers, count, memory, &best, &s->error);
    for (size_t i = 0; i < count; i++)
        ho_instance_free(offers[i].instance);
    return status == HO_OK ? (int)best : -1;
}

#define BEST_OF(s, memory, ...) \
    best_of(s, memory, sizeof((price[]){__VA_ARGS__}) / sizeof(price), (price[]){__VA_ARGS__})

Test(system_costs, the_fastest_offer_within_the_budget_is_best)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F32});
    cr_expect_eq(BEST_OF(s, 100, {3, 10}, {2, 20}, {4, 5}), 1);
    cr_expect_eq(BEST_OF(s, 100, {3, 10}, {2, 100}, {4, 5}), 1, "what just fits is within");
    cr_expect_eq(BEST_OF(s, 99, {3, 10}, {2, 100}, {4, 5}), 0, "what exceeds the budget is not");
    cr_expect_eq(BEST_OF(s, 5, {3, 10}, {2, 100}, {4, 5}), 2);
    cr_expect_eq(BEST_OF(s, 100, {2, 10}, {2, 9}, {2, 11}), 1, "of equally fast ones, the one with the least memory");
    cr_expect_eq(BEST_OF(s, 100, {2, 11}, {2, 10}, {2, 9}), 2);
    cr_expect_eq(BEST_OF(s, 100, {2, 9}, {2, 9}), 0, "of equal ones, the first");
    cr_expect_eq(s->error.status, HO_OK);
    small_free(s);
}

Test(system_costs, without_an_offer_that_fits_the_least_is_named)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F32});
    cr_expect_eq(BEST_OF(s, 1 << 20, {3, 5 << 20}, {2, 3 << 20}, {1, 7 << 20}), -1);
    cr_expect_eq(s->error.status, HO_INVALID);
    cr_expect_str_eq(s->error.text, "no mode fits into 1 MiB; the least is 3 MiB, by the mode \"reverse\"");
    s->error = (ho_error){0};
    cr_expect_eq(best_of(s, 100, 0, NULL), -1);
    cr_expect_str_eq(s->error.text, "no installed mode says what it costs, so `auto` cannot choose one; name a mode");
    small_free(s);
}
