/* Checkpoint schedules against dynamic programming; the mode against reverse mode, step by step. */
#include "loading.h"
#include "proof/fake_system.h"

#include "schedule.h"
#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the schedule ------------------------------------------------------------------------------------------------ */

#define MOST_STEPS 130
#define MOST_KEPT  10

/* The fewest advances that reverse l steps from c slots, by trying every place for the next checkpoint. */
static int64_t fewest[MOST_STEPS + 1][MOST_KEPT + 1];

static void find_fewest(void)
{
    for (int64_t c = 1; c <= MOST_KEPT; c++)
        for (int64_t l = 1; l <= MOST_STEPS; l++) {
            fewest[l][c] = l * (l - 1) / 2;
            for (int64_t m = 1; c > 1 && m < l; m++) {
                const int64_t with = m + fewest[l - m][c - 1] + fewest[m][c];
                fewest[l][c] = with < fewest[l][c] ? with : fewest[l][c];
            }
        }
}

/* Goes forth and back as the mode does, with states that are numbers; the number of advances. */
static int64_t drive(int64_t steps, int64_t slots, bool known)
{
    checkpoint *kept = calloc((size_t)slots, sizeof *kept);
    int64_t *states = calloc((size_t)slots, sizeof *states);
    int64_t advances = steps - 1, i; /* the last step is reversed from where the way forth ends */
    schedule s;
    for (i = 0; i < slots; i++)
        states[i] = -1;
    schedule_start(&s, kept, slots, known ? steps : 0);
    states[0] = 0;
    for (int64_t position = 1; position < steps; position++)
        if (schedule_keeps(&s, position, &i)) {
            cr_assert(i > 0 && i < slots, "slot %lld", (long long)i);
            states[i] = position;
        }
    for (int64_t end = steps; end > 0;) {
        const move m = schedule_back(&s, end);
        cr_assert_eq(states[m.from], m.position, "slot %lld holds %lld, not %lld", (long long)m.from,
                     (long long)states[m.from], (long long)m.position);
        cr_assert(m.to >= m.position && m.to < end);
        if (m.keep >= 0) {
            cr_assert(m.keep > 0 && m.keep < slots && m.keep != m.from && m.to > m.position);
            states[m.keep] = m.to;
            advances += m.to - m.position;
        } else {
            cr_assert_eq(m.to, end - 1);
            advances += end < steps ? m.to - m.position : 0;
            end--;
        }
    }
    free(states);
    free(kept);
    return advances;
}

Test(schedule, takes_as_few_steps_as_dynamic_programming_finds)
{
    find_fewest();
    for (int64_t slots = 1; slots <= MOST_KEPT; slots++)
        for (int64_t steps = 1; steps <= MOST_STEPS; steps++) {
            cr_assert_eq(schedule_advances(steps, slots), fewest[steps][slots], "%lld steps, %lld slots",
                         (long long)steps, (long long)slots);
            cr_assert_eq(drive(steps, slots, true), fewest[steps][slots], "%lld steps, %lld slots: %lld advances",
                         (long long)steps, (long long)slots, (long long)drive(steps, slots, true));
        }
}

Test(schedule, reaches_far)
{
    static const struct {
        int64_t steps, slots, advances;
    } known[] = {{3000, 20, 9976}, {3000, 3000, 2999}, {3000, 2999, 2999}, {100000, 5, 1924980}, {1, 1, 0}};
    for (size_t i = 0; i < COUNT(known); i++) {
        cr_expect_eq(schedule_advances(known[i].steps, known[i].slots), known[i].advances);
        cr_expect_eq(drive(known[i].steps, known[i].slots, true), known[i].advances);
    }
    cr_expect_eq(schedule_advances(INT64_C(1000000000000), 1000), INT64_C(4957747035245));
}

Test(schedule, goes_back_over_a_length_that_it_was_not_told)
{
    for (int64_t slots = 1; slots <= 9; slots++)
        for (int64_t steps = 1; steps <= 70; steps++)
            drive(steps, slots, false);
    /* 16 slots stay at least half full: every stretch between two of them is then reversed with what is free. */
    cr_expect_leq(drive(3000, 16, false), 3 * schedule_advances(3000, 16) / 2);
}

/* ---- the mode ---------------------------------------------------------------------------------------------------- */

static const double lambda[LAMBDA] = {0.7, -0.4, 0.55, 0.15};

typedef struct outcome {
    ho_status status;
    double value, gradient[LAMBDA];
    int64_t states, bytes, live;
    char message[256];
} outcome;

/* One hypergradient of so many steps. */
static outcome run_mode(const char *file, given option, int64_t steps, bool known)
{
    outcome o = {0};
    test_setup setup = {.options = {option}};
    void *self, *run;
    const ho_plugin *plugin = load_plugin(file);
    cr_assert_eq(make_instance(&setup, plugin, &self), HO_OK);
    const ho_mode_calls *calls = plugin->calls;
    fake f = {.head = {&ho_fake_api}, .steps = known ? steps : 0};
    o.status = calls->start(self, &f.head, lambda, &run);
    if (o.status == HO_OK) {
        cr_assert_eq(calls->advance(run, 0, steps, lambda), HO_OK);
        cr_assert_eq(calls->hypergradient(run, lambda, &o.value, o.gradient), HO_OK);
        o.bytes = calls->bytes(run);
        calls->end(run);
    }
    o.states = f.states_computed;
    o.live = f.live;
    memcpy(o.message, f.message, sizeof(o.message));
    free_instance(&setup, self);
    return o;
}

Test(checkpointed, gives_the_bits_of_reverse_mode_with_the_fewest_steps)
{
    static const int64_t steps[] = {1, 2, 7, 50, 301}, slots[] = {1, 2, 3, 8, 400};
    for (size_t i = 0; i < COUNT(steps) * COUNT(slots); i++) {
        const int64_t l = steps[i / COUNT(slots)], c = slots[i % COUNT(slots)];
        const outcome expected = run_mode("modes/reverse.so", (given){NULL, 0}, l, true);
        const outcome found = run_mode("modes/checkpointed.so", (given){"slots", (double)c}, l, true);
        const int64_t used = c < l ? c : l;
        cr_expect_eq(memcmp(&found.value, &expected.value, sizeof found.value), 0);
        cr_expect_eq(memcmp(found.gradient, expected.gradient, sizeof found.gradient), 0, "%lld steps, %lld slots",
                     (long long)l, (long long)c);
        /* Every advance, and the last step, whose result is the state that the error is taken at. */
        cr_expect_eq(found.states, schedule_advances(l, used) + 1, "%lld steps, %lld slots: %lld states", (long long)l,
                     (long long)c, (long long)found.states);
        cr_expect_leq(found.bytes, (used + 4) * STATE * (int64_t)sizeof(double));
        cr_expect_eq(found.live, 0);
        const outcome unknown = run_mode("modes/checkpointed.so", (given){"slots", (double)c}, l, false);
        cr_expect_eq(memcmp(unknown.gradient, expected.gradient, sizeof found.gradient), 0);
    }
}

Test(checkpointed, stays_within_its_memory)
{
    const int64_t state = STATE * (int64_t)sizeof(double);
    const outcome found = run_mode("modes/checkpointed.so", (given){"memory", 10.9 * (double)state}, 500, true);
    cr_expect_eq(found.states, schedule_advances(500, 6) + 1);
    cr_expect_eq(found.bytes, 10 * state);
}

Test(checkpointed, names_the_least_memory_that_would_do)
{
    const outcome least = run_mode("modes/checkpointed.so", (given){"memory", 120}, 20, true);
    cr_expect_eq(least.status, HO_OK);
    const outcome small = run_mode("modes/checkpointed.so", (given){"memory", 119}, 20, true);
    cr_expect_eq(small.status, HO_FAILED);
    cr_expect_str_eq(small.message,
                     "memory: 119 bytes are too few for a single checkpoint; the minimum is 120 bytes (5 "
                     "states of 24 bytes)");
    cr_expect_eq(small.live, 0);
}

Test(checkpointed, takes_one_budget)
{
    test_setup setup = {.options = {{"slots", 3}, {"memory", 4096}}};
    void *self;
    cr_expect_eq(make_instance(&setup, load_plugin("modes/checkpointed.so"), &self), HO_INVALID);
    cr_expect_str_eq(setup.message, "\"memory\" and \"slots\" are both given; only one may set the budget");
}
