/* Every mode on a small nonlinear system, against central differences. */
#include "loading.h"
#include "proof/mode_actions.h"

#include <math.h>
#include <string.h>

#include "base/snapshot.h"

static const struct {
    const char *file;
    given option;
    const char *store; /* reverse mode's option; NULL: the default */
} modes[] = {
    {"modes/forward.so", {"columns_at_once", 64}, NULL},
    {"modes/forward.so", {"columns_at_once", 2}, NULL},
    {"modes/forward.so", {"columns_at_once", 1}, NULL},
    {"modes/reverse.so", {NULL, 0}, "state"},
    {"modes/reverse.so", {NULL, 0}, "residuals"},
    {"modes/reverse.so", {NULL, 0}, NULL},
    {"modes/checkpointed.so", {NULL, 0}, NULL},
    {"modes/checkpointed.so", {"slots", 1}, NULL},
    {"modes/checkpointed.so", {"slots", 4}, NULL},
    {"modes/truncated.so", {"steps_back", 1000}, NULL},
    {"modes/split.so", {"steps_back", 1000}, NULL},
    /* Approximate. */ {"modes/implicit.so", {"iterations", 20}, NULL},
};
#define BY_STATES    3
#define BY_RESIDUALS 4
#define BY_ITSELF    5
#define IMPLICIT     (COUNT(modes) - 1)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct opened {
    const ho_mode_calls *calls;
    test_setup setup;
    void *self;
} opened;

static opened open_mode(size_t i)
{
    opened m = {0};
    const ho_plugin *plugin = load_plugin(modes[i].file);
    cr_assert_eq(plugin->kind, HO_MODE);
    m.setup.options[0] = modes[i].option;
    m.setup.choice[0] = modes[i].store ? "store" : NULL;
    m.setup.choice[1] = modes[i].store;
    cr_assert_eq(make_instance(&m.setup, plugin, &m.self), HO_OK);
    m.calls = plugin->calls;
    return m;
}

/* Does the actions and checks each answer; the status of the first call that fails. */
static ho_status act(const opened *m, fake *f, const action *actions, size_t count)
{
    ho_error wrong = {0};
    const acting_mode mode = {.calls = m->calls, .self = m->self};
    const ho_status status = ho_actions_do(&mode, f, actions, count, &wrong);
    cr_expect_eq(wrong.status, HO_OK, "%s", wrong.text);
    cr_expect_str_eq(f->misuse, "");
    return status;
}

static void check_actions(const action *actions, size_t count)
{
    static const int64_t steps[] = {0, 12, 300};
    for (size_t i = 0; i < COUNT(modes) * COUNT(steps); i++) {
        const size_t mode = i / COUNT(steps);
        opened m = open_mode(mode);
        fake f = {.head = {&ho_fake_api}, .steps = steps[i % COUNT(steps)]};
        cr_expect_eq(act(&m, &f, actions, count), HO_OK);
        cr_expect_eq(f.live, 0, "%s leaves %lld pieces of memory", modes[mode].file, (long long)f.live);
        free_instance(&m.setup, m.self);
    }
}

Test(modes, give_the_gradient_of_one_training)
{
    static const action actions[] = {{ADVANCE, 0, 12, 0.0}, {ASK, 0, 0, 0.0}};
    check_actions(actions, COUNT(actions));
}

Test(modes, give_the_initial_maps_and_the_direct_term_without_a_step)
{
    static const action actions[] = {{ASK, 0, 0, 0.0}};
    check_actions(actions, COUNT(actions));
}

Test(modes, answer_again_and_again_while_lambda_changes)
{
    static const action actions[] = {
        {ADVANCE, 0, 5, 0.0}, {ASK, 0, 0, 0.0}, {ASK, 0, 0, 0.0},   {ADVANCE, 5, 6, 0.1},   {ASK, 0, 0, 0.1},
        {ADVANCE, 6, 7, 0.1}, {ASK, 0, 0, 0.2}, {ADVANCE, 7, 7, 0}, {ADVANCE, 7, 15, -0.1}, {ASK, 0, 0, -0.1},
    };
    check_actions(actions, COUNT(actions));
}

Test(modes, forget_what_led_to_the_present_state)
{
    static const action actions[] = {
        {ADVANCE, 0, 6, 0.0}, {FORGET, 0, 0, 0.0}, {ASK, 0, 0, 0.0},      {ADVANCE, 6, 10, 0.1},
        {ASK, 0, 0, 0.1},     {FORGET, 0, 0, 0.0}, {ADVANCE, 0, 9, 0.05}, {ASK, 0, 0, 0.05},
    };
    check_actions(actions, COUNT(actions));
}

Test(modes, go_through_a_long_training)
{
    static const action actions[] = {{ADVANCE, 0, 70, 0.0}, {ADVANCE, 70, 300, 0.01}, {ASK, 0, 0, 0.01}};
    check_actions(actions, COUNT(actions));
}

typedef struct saved {
    const ho_mode_calls *calls;
    void *run;
    ho_snapshot snapshot; /* of the last rest */
} saved;

static void save(void *context)
{
    saved *s = context;
    ho_snapshot_save(&s->snapshot);
    cr_assert_eq(s->calls->pass(s->run, &s->snapshot), HO_OK);
}

/* What was saved on the way back is not computed again. */
Test(modes, go_on_from_where_they_rested_on_the_way_back)
{
    enum { STEPS = 12 };
    for (size_t i = BY_STATES; i < IMPLICIT; i++) {
        opened m = open_mode(i);
        fake f = {.head = {&ho_fake_api}, .steps = STEPS, .rested = save};
        saved first = {.calls = m.calls};
        void *second = NULL;
        double values[2], gradients[2][LAMBDA];
        f.context = &first;
        cr_assert_eq(m.calls->start(m.self, &f.head, ho_action_base, &first.run), HO_OK);
        cr_assert_eq(m.calls->advance(first.run, 0, STEPS, ho_action_base), HO_OK);
        cr_assert_eq(m.calls->hypergradient(first.run, ho_action_base, &values[0], gradients[0]), HO_OK);
        cr_expect_gt(first.snapshot.size, 0, "%s does not rest", modes[i].file);
        ho_snapshot_restore(&first.snapshot);
        f.rested = NULL;
        cr_assert_eq(m.calls->start(m.self, &f.head, ho_action_base, &second), HO_OK);
        cr_assert_eq(m.calls->pass(second, &first.snapshot), HO_OK);
        const int64_t before = f.polls;
        cr_assert_eq(m.calls->hypergradient(second, ho_action_base, &values[1], gradients[1]), HO_OK);
        cr_expect_leq(f.polls - before, STEPS / 2, "%s goes back from the end", modes[i].file);
        cr_expect_eq(memcmp(values, values + 1, sizeof *values), 0, "%s", modes[i].file);
        cr_expect_eq(memcmp(gradients[0], gradients[1], sizeof *gradients), 0, "%s", modes[i].file);
        m.calls->end(first.run);
        m.calls->end(second);
        ho_snapshot_free(&first.snapshot);
        cr_expect_eq(f.live, 0);
        free_instance(&m.setup, m.self);
    }
}

Test(modes, reach_the_same_bits_and_compute_each_state_once)
{
    double states[COUNT(modes)][STATE];
    for (size_t i = 0; i < COUNT(modes); i++) {
        opened m = open_mode(i);
        fake f = {.head = {&ho_fake_api}};
        void *run;
        cr_assert_eq(m.calls->start(m.self, &f.head, ho_action_base, &run), HO_OK);
        cr_assert_eq(m.calls->advance(run, 0, 20, ho_action_base), HO_OK);
        memcpy(states[i], m.calls->state(run)->x[0], sizeof(states[i]));
        cr_expect_eq(f.states_computed, 20);
        cr_expect_geq(f.polls, 20);
        cr_expect_eq(memcmp(states[i], states[0], sizeof(states[0])), 0);
        m.calls->end(run);
        free_instance(&m.setup, m.self);
    }
}

Test(forward, carries_no_more_columns_than_it_is_told)
{
    for (size_t i = 0; i < 3; i++) {
        static const int64_t widest[] = {3, 2, 1};
        static const int64_t vectors[] = {6, 6, 4}; /* Z, and room to write each width of its chunks */
        opened m = open_mode(i);
        fake f = {.head = {&ho_fake_api}};
        void *run;
        cr_assert_eq(m.calls->start(m.self, &f.head, ho_action_base, &run), HO_OK);
        cr_assert_eq(m.calls->advance(run, 0, 3, ho_action_base), HO_OK);
        cr_expect_eq(f.largest_chunk, widest[i]);
        /* Two states beside. */
        cr_expect_eq(m.calls->bytes(run), (vectors[i] + 2) * STATE * (int64_t)sizeof(double));
        m.calls->end(run);
        free_instance(&m.setup, m.self);
    }
}

/* The state after 9 steps from lambda + h times direction i. */
static void shifted_state(int64_t i, real h, real *s)
{
    real l[LAMBDA], next[STATE];
    double d[LAMBDA];
    ho_fake_direction(&(fake){0}.head, i, d);
    for (int k = 0; k < LAMBDA; k++)
        l[k] = ho_action_base[k] + h * (real)d[k];
    ho_fake_initial(l, s);
    for (int64_t t = 1; t <= 9; t++) {
        ho_fake_step(t, l, s, next);
        memcpy(s, next, sizeof(next));
    }
}

Test(forward, tells_the_norms_of_its_tangents)
{
    for (size_t k = 0; k < 3; k++) {
        opened m = open_mode(k);
        fake f = {.head = {&ho_fake_api}};
        void *run;
        double found[DIRECTIONS] = {0};
        cr_assert_eq(m.calls->start(m.self, &f.head, ho_action_base, &run), HO_OK);
        cr_assert_eq(m.calls->advance(run, 0, 9, ho_action_base), HO_OK);
        cr_assert_eq(m.calls->tangent_norms(run, found), HO_OK);
        for (int64_t i = 0; i < DIRECTIONS; i++) {
            real above[STATE], below[STATE], squares = 0;
            shifted_state(i, 1e-6L, above);
            shifted_state(i, -1e-6L, below);
            for (int j = 0; j < STATE; j++)
                squares += (above[j] - below[j]) * (above[j] - below[j]);
            cr_expect_float_eq(found[i], (double)(sqrtl(squares) / 2e-6L), 1e-9 * (1.0 + found[i]));
        }
        m.calls->end(run);
        free_instance(&m.setup, m.self);
    }
}

Test(reverse, holds_each_state_once_and_uses_forgotten_ones_again)
{
    opened m = open_mode(BY_STATES);
    fake f = {.head = {&ho_fake_api}};
    void *run;
    cr_assert_eq(m.calls->start(m.self, &f.head, ho_action_base, &run), HO_OK);
    cr_assert_eq(m.calls->advance(run, 0, 100, ho_action_base), HO_OK);
    const int64_t bytes = 101 * STATE * (int64_t)sizeof(double);
    cr_expect_eq(m.calls->bytes(run), bytes);
    cr_assert_eq(m.calls->forget(run), HO_OK);
    cr_assert_eq(m.calls->advance(run, 100, 200, ho_action_base), HO_OK);
    cr_expect_eq(m.calls->bytes(run), bytes);
    m.calls->end(run);
    free_instance(&m.setup, m.self);
}

/* ---- reverse mode with residuals --------------------------------------------------------------------------------- */

typedef struct kept {
    opened mode;
    void *run;
} kept;

static kept start_reverse(size_t how, fake *f)
{
    kept k = {.mode = open_mode(how)};
    cr_assert_eq(k.mode.calls->start(k.mode.self, &f->head, ho_action_base, &k.run), HO_OK, "%s", f->message);
    return k;
}

static void end_reverse(kept *k, const fake *f)
{
    k->mode.calls->end(k->run);
    free_instance(&k->mode.setup, k->mode.self);
    cr_expect_eq(f->live, 0);
}

#define STATE_BYTES (STATE * (int64_t)sizeof(double))

Test(reverse, with_residuals_holds_few_states_and_computes_the_others_again)
{
    fake f = {.head = {&ho_fake_api}, .steps = 100, .residual_bytes = 40};
    kept k = start_reverse(BY_RESIDUALS, &f);
    double value, gradient[LAMBDA];
    cr_assert_eq(k.mode.calls->advance(k.run, 0, 95, ho_action_base), HO_OK);
    cr_expect_eq(f.linearized, 95);
    /* Of 96 states those of 0, 9, 22, 34, 45, 55, 64, 72, 79, 85, 90 and 94 = 100 - (1 + 2 + 3), and the last. */
    cr_expect_eq(k.mode.calls->residual_bytes(k.run), 95 * 40);
    cr_expect_eq(k.mode.calls->bytes(k.run), 95 * 40 + 13 * STATE_BYTES);
    cr_assert_eq(k.mode.calls->hypergradient(k.run, ho_action_base, &value, gradient), HO_OK);
    cr_expect_eq(f.recomputed, 95 - 12);
    cr_expect_eq(f.states_computed, 95);
    /* A stretch of 4 steps adds 3 to 11 stored ones and the last; one of 5, 4 to 10. */
    cr_expect_eq(k.mode.calls->bytes(k.run), 95 * 40 + 15 * STATE_BYTES);
    /* Another way back finds few of them. */
    double again[LAMBDA];
    cr_assert_eq(k.mode.calls->hypergradient(k.run, ho_action_base, &value, again), HO_OK);
    cr_expect(memcmp(gradient, again, sizeof again) == 0);
    cr_expect(f.recomputed > 2 * (95 - 12) && f.recomputed < 3 * 95, "%d", (int)f.recomputed);
    cr_expect_eq(f.states_computed, 95);
    cr_assert_eq(k.mode.calls->advance(k.run, 95, 100, ho_action_base), HO_OK);
    cr_assert_eq(k.mode.calls->hypergradient(k.run, ho_action_base, &value, again), HO_OK);
    cr_expect_leq(k.mode.calls->bytes(k.run), 100 * 40 + 16 * STATE_BYTES);
    end_reverse(&k, &f);
}

Test(reverse, stores_small_states_beside_large_residuals)
{
    fake f = {.head = {&ho_fake_api}, .steps = 100, .residual_bytes = 8 * STATE_BYTES};
    kept k = start_reverse(BY_RESIDUALS, &f);
    double value, gradient[LAMBDA];
    cr_assert_eq(k.mode.calls->advance(k.run, 0, 50, ho_action_base), HO_OK);
    cr_assert_eq(k.mode.calls->hypergradient(k.run, ho_action_base, &value, gradient), HO_OK);
    cr_expect_eq(f.recomputed, 0);
    cr_expect_eq(k.mode.calls->bytes(k.run), 51 * STATE_BYTES + 50 * f.residual_bytes);
    end_reverse(&k, &f);
}

/* Whether reverse mode, left to itself, keeps residuals. */
static bool keeps_residuals(int64_t steps, int64_t residual_bytes, int64_t available)
{
    fake f = {.head = {&ho_fake_api}, .steps = steps, .residual_bytes = residual_bytes, .memory = available};
    kept k = start_reverse(BY_ITSELF, &f);
    cr_assert_eq(k.mode.calls->advance(k.run, 0, 3, ho_action_base), HO_OK);
    const bool keeps = f.linearized == 3;
    cr_expect_eq(k.mode.calls->residual_bytes(k.run), keeps ? 3 * residual_bytes : 0);
    end_reverse(&k, &f);
    return keeps;
}

Test(reverse, keeps_residuals_where_they_fit_in_half_of_the_memory_or_take_less_than_states)
{
    /* 100 steps with 5 states' worth of residuals: 500, 15 states, two adjoints. */
    const int64_t needed = (500 + 15 + 2) * STATE_BYTES;
    cr_expect(keeps_residuals(100, 5 * STATE_BYTES, 2 * needed));
    cr_expect_not(keeps_residuals(100, 5 * STATE_BYTES, 2 * needed - 2));
    cr_expect(keeps_residuals(100, STATE_BYTES / 2, 103 * STATE_BYTES));
    cr_expect(keeps_residuals(0, STATE_BYTES / 2, 0));
    cr_expect_not(keeps_residuals(0, 5 * STATE_BYTES, 0));
}

static void expect_refusal(size_t how, int64_t available, given budget, const char *why)
{
    fake f = {.head = {&ho_fake_api}, .steps = 200000000, .residual_bytes = 5 * STATE_BYTES, .memory = available};
    opened m = open_mode(how);
    void *run = NULL;
    free_instance(&m.setup, m.self);
    m.setup.taken = 0;
    m.setup.options[0] = budget;
    cr_assert_eq(make_instance(&m.setup, load_plugin("modes/reverse.so"), &m.self), HO_OK);
    cr_expect_eq(m.calls->start(m.self, &f.head, ho_action_base, &run), HO_FAILED);
    cr_expect_null(run);
    cr_expect_eq(f.live, 0);
    cr_expect(strstr(f.message, why), "\"%s\" should say \"%s\"", f.message, why);
    free_instance(&m.setup, m.self);
}

Test(reverse, refuses_a_trajectory_that_cannot_fit)
{
    const given none = {NULL, 0};
    expect_refusal(BY_STATES, INT64_C(1) << 30, none, "200000000 steps needs 4.47 GiB, and 1 GiB are available");
    expect_refusal(BY_STATES, INT64_C(1) << 30, none, "checkpointed keeps within a budget (memory: 512MiB, say)");
    expect_refusal(BY_ITSELF, INT64_C(1) << 30, none, "200000000 steps needs 4.47 GiB");
    expect_refusal(BY_RESIDUALS, INT64_C(1) << 30, none, "200000000 steps needs 22.35 GiB");
    expect_refusal(BY_STATES, INT64_C(1) << 40, (given){"memory", 1e6},
                   "memory: the trajectory of 200000000 steps needs 4800000072 bytes, the limit is 1000000");
}

Test(modes, pass_on_any_failure_and_free_everything)
{
    static const action actions[] = {
        {ADVANCE, 0, 4, 0.0}, {ADVANCE, 4, 6, 0.1}, {ASK, 0, 0, 0.1},
        {FORGET, 0, 0, 0.0},  {ADVANCE, 6, 8, 0.1}, {ASK, 0, 0, 0.1},
    };
    for (size_t i = 0; i < COUNT(modes); i++) {
        opened m = open_mode(i);
        fake whole = {.head = {&ho_fake_api}};
        cr_assert_eq(act(&m, &whole, actions, COUNT(actions)), HO_OK);
        for (int64_t call = 1; call <= whole.calls; call++) {
            fake f = {.head = {&ho_fake_api}, .fail_at = call, .fail_status = HO_FAILED};
            cr_expect_eq(act(&m, &f, actions, COUNT(actions)), HO_FAILED, "%s hides that call %lld failed",
                         modes[i].file, (long long)call);
            cr_expect_eq(f.live, 0, "%s leaks after call %lld failed", modes[i].file, (long long)call);
        }
        free_instance(&m.setup, m.self);
    }
}

Test(modes, stop_between_steps_when_the_user_asks)
{
    for (size_t i = 0; i < COUNT(modes); i++) {
        opened m = open_mode(i);
        fake f = {.head = {&ho_fake_api}};
        void *run;
        double value, gradient[LAMBDA];
        cr_assert_eq(m.calls->start(m.self, &f.head, ho_action_base, &run), HO_OK);
        cr_assert_eq(m.calls->advance(run, 0, 4, ho_action_base), HO_OK);
        /* Allocations beside, the next call that may fail is the poll before step 5. */
        f.fail_at = f.calls + 1;
        f.fail_status = HO_INTERRUPTED;
        const int64_t polls = f.polls;
        cr_expect_eq(m.calls->advance(run, 4, 9, ho_action_base), HO_INTERRUPTED);
        cr_expect_eq(f.polls, polls + 1);
        static const action actions[] = {{ADVANCE, 0, 4, 0.0}, {ASK, 0, 0, 0.0}};
        cr_assert_eq(m.calls->hypergradient(run, ho_action_base, &value, gradient), HO_OK);
        ho_error wrong = {0};
        ho_action_check(actions, 1, value, gradient, &wrong);
        if (i != IMPLICIT) /* whose gradient is another */
            cr_expect_eq(wrong.status, HO_OK, "%s", wrong.text);
        m.calls->end(run);
        free_instance(&m.setup, m.self);
    }
}
