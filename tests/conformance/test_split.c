/* What the mode split chooses where its lists are not given: by the costs that it is told. */
#include "loading.h"
#include "proof/fake_system.h"

#include <string.h>

#define STEPS 40
#define BYTES (STATE * (int64_t)sizeof(double)) /* of a state */

/* Tangents: s, its next, and three of Z before and after a step. Adjoint: s and its next beside those of the trail. */
#define AHEAD ((2 + 2 * DIRECTIONS) * BYTES)
#define BACK  ((2 + STEPS + 3) * BYTES)

static const double lambda[LAMBDA] = {0.7, -0.4, 0.55, 0.15};

/* Per step, of three tangents: 1 + 3 * 2 plain steps; of an adjoint: 1 + vjp. In `memory`, half of which is free to be
 * used. What is told and what is held. */
static void expect_choice(const char *what, double vjp, int64_t hypergradients, int64_t memory, const char *told,
                          int64_t held)
{
    test_setup setup = {0};
    fake system = {.head = {&ho_fake_api}, .steps = STEPS};
    const ho_plugin *plugin = load_plugin("modes/split.so");
    const ho_mode_calls *calls = plugin->calls;
    void *self, *run;
    cr_assert_eq(make_instance(&setup, plugin, &self), HO_OK);
    cr_assert_not_null(ho_fake_api.costs(&system.head));
    system.costs.vjp.seconds = vjp;
    system.costs.hypergradients = hypergradients;
    system.costs.memory = memory;
    cr_assert_eq(calls->start(self, &system.head, lambda, &run), HO_OK, "%s", system.message);
    cr_assert_eq(calls->advance(run, 0, STEPS, lambda), HO_OK);
    cr_expect(strstr(system.told[HO_TELL_CHOICE], told), "%s: %s", what, system.told[HO_TELL_CHOICE]);
    cr_expect_eq(calls->bytes(run), held, "%s: %lld", what, (long long)calls->bytes(run));
    calls->end(run);
    free_instance(&setup, self);
    cr_expect_eq(system.live, 0);
}

Test(split, over_all_steps_everything_goes_the_faster_way_that_fits)
{
    const int64_t plenty = INT64_MAX;
    expect_choice("an adjoint is cheaper", 3, 1, plenty, "all go back, 4 trainings in", BACK);
    expect_choice("tangents are cheaper", 6.5, 1, plenty, "all go forward, 7 trainings in", AHEAD);
    expect_choice("equals", 6, 1, plenty, "all go forward, 7 trainings in", AHEAD);
    expect_choice("many adjoints, half the way on average", 3, STEPS, plenty, "all go forward, 7 trainings in", AHEAD);
    expect_choice("a trajectory that does not fit", 3, 1, BACK, "all go forward, 7 trainings in", AHEAD);
    expect_choice("one that just fits", 3, 1, 2 * BACK, "all go back", BACK);
    expect_choice("nothing fits", 3, 1, 8, "all go back", BACK);
}
