/* Truncated reverse mode against reverse mode that forgets what came before the last steps: bit for bit. */
#include "loading.h"
#include "proof/fake_system.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STEPS        40

typedef struct tried {
    const ho_mode_calls *calls;
    test_setup setup;
    void *self, *run;
    fake system;
} tried;

static void begin(tried *m, const char *file, given option, int64_t steps)
{
    *m = (tried){.setup = {.options = {option}}, .system = {.head = {&ho_fake_api}, .steps = steps}};
    const ho_plugin *plugin = load_plugin(file);
    cr_assert_eq(make_instance(&m->setup, plugin, &m->self), HO_OK);
    m->calls = plugin->calls;
}

static ho_status start(tried *m, const double *lambda)
{
    return m->calls->start(m->self, &m->system.head, lambda, &m->run);
}

static void finish(tried *m)
{
    m->calls->end(m->run);
    m->run = NULL;
    free_instance(&m->setup, m->self);
    cr_expect_eq(m->system.live, 0);
    cr_expect_str_eq(m->system.misuse, "");
}

/* lambda of step t + 1: another one every third step. */
static void lambda_of(int64_t t, double *lambda)
{
    static const double base[LAMBDA] = {0.7, -0.4, 0.55, 0.15};
    for (int i = 0; i < LAMBDA; i++)
        lambda[i] = base[i] + 0.01 * (double)(t / 3);
}

static void advance(tried *m, int64_t t0, int64_t t1)
{
    double lambda[LAMBDA];
    for (int64_t t = t0; t < t1; t++) {
        lambda_of(t, lambda);
        cr_assert_eq(m->calls->advance(m->run, t, t + 1, lambda), HO_OK);
    }
}

typedef struct answer {
    double value, gradient[LAMBDA];
} answer;

static answer ask(tried *m, int64_t t)
{
    answer a;
    double lambda[LAMBDA];
    lambda_of(t, lambda);
    cr_assert_eq(m->calls->hypergradient(m->run, lambda, &a.value, a.gradient), HO_OK);
    return a;
}

/* Of `steps` steps, of which those before the last `back` are forgotten. */
static answer expected(int64_t steps, int64_t back)
{
    tried m;
    double lambda[LAMBDA];
    lambda_of(0, lambda);
    begin(&m, "modes/reverse.so", (given){0}, 0);
    cr_assert_eq(start(&m, lambda), HO_OK);
    const int64_t kept = steps > back ? steps - back : 0;
    advance(&m, 0, kept);
    if (kept > 0)
        cr_assert_eq(m.calls->forget(m.run), HO_OK);
    advance(&m, kept, steps);
    const answer a = ask(&m, steps);
    finish(&m);
    return a;
}

static void expect_same(answer found, answer wanted, int64_t t, int64_t back)
{
    cr_expect(memcmp(&found, &wanted, sizeof found) == 0, "after %lld steps, %lld back: %.17g, not %.17g", (long long)t,
              (long long)back, found.gradient[0], wanted.gradient[0]);
}

/* Online: after every step, and twice. */
Test(truncated, gives_the_bits_of_reverse_mode_that_forgot_the_earlier_steps)
{
    static const int64_t backs[] = {1, 2, 3, 7, STEPS - 1, STEPS, STEPS + 1, 1000};
    for (size_t i = 0; i < COUNT(backs) * 2; i++) {
        const int64_t back = backs[i / 2];
        tried m;
        double lambda[LAMBDA];
        lambda_of(0, lambda);
        begin(&m, "modes/truncated.so", (given){"steps_back", (double)back}, i % 2 ? STEPS : 0);
        cr_assert_eq(start(&m, lambda), HO_OK);
        for (int64_t t = 0; t <= STEPS; t++) {
            expect_same(ask(&m, t), expected(t, back), t, back);
            expect_same(ask(&m, t), expected(t, back), t, back);
            advance(&m, t, t + (t < STEPS));
        }
        cr_expect_eq(m.system.states_computed, STEPS);
        finish(&m);
    }
}

/* What comes out where step `at` is forgotten and 3 more follow: before these and after them. */
static void forget_at(const char *file, given option, int64_t at, answer *before, answer *after)
{
    tried m;
    double lambda[LAMBDA], state[STATE];
    lambda_of(0, lambda);
    begin(&m, file, option, 0);
    cr_assert_eq(start(&m, lambda), HO_OK);
    advance(&m, 0, at);
    memcpy(state, m.calls->state(m.run)->x[0], sizeof state);
    cr_assert_eq(m.calls->forget(m.run), HO_OK);
    cr_expect_eq(memcmp(state, m.calls->state(m.run)->x[0], sizeof state), 0);
    *before = ask(&m, at);
    advance(&m, at, at + 3);
    *after = ask(&m, at + 3);
    finish(&m);
}

/* At any place of the ring. */
Test(truncated, forgets_what_led_to_the_present_state)
{
    for (int64_t at = 0; at < 9; at++) {
        answer found[2], wanted[2];
        forget_at("modes/truncated.so", (given){"steps_back", 3}, at, &found[0], &found[1]);
        forget_at("modes/reverse.so", (given){0}, at, &wanted[0], &wanted[1]);
        expect_same(found[0], wanted[0], at, 0);
        expect_same(found[1], wanted[1], at + 3, 3);
    }
}

/* Besides the states to go back to: the current one and two adjoints. The history of lambda is dropped with them. */
Test(truncated, holds_no_more_than_its_steps)
{
    static const struct {
        int64_t back, steps, states;
    } cases[] = {{1, 0, 1}, {5, 0, 5}, {5, 3, 3}, {1000000, 30, 30}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        tried m;
        double lambda[LAMBDA];
        lambda_of(0, lambda);
        begin(&m, "modes/truncated.so", (given){"steps_back", (double)cases[i].back}, cases[i].steps);
        cr_assert_eq(start(&m, lambda), HO_OK);
        int64_t live = 0;
        const int64_t last = cases[i].steps > 0 ? cases[i].steps : 600;
        for (int64_t t = 0; t < last; t++) {
            advance(&m, t, t + 1);
            live = t == 60 ? m.system.live : live;
        }
        ask(&m, last);
        cr_expect_eq(m.calls->bytes(m.run), (cases[i].states + 3) * STATE * (int64_t)sizeof(double));
        if (live > 0)
            cr_expect_leq(m.system.live, live + 1, "%lld pieces after 60 steps, %lld after 600", (long long)live,
                          (long long)m.system.live);
        finish(&m);
    }
}

Test(truncated, refuses_what_cannot_fit)
{
    tried m;
    double lambda[LAMBDA];
    lambda_of(0, lambda);
    begin(&m, "modes/truncated.so", (given){"steps_back", 1e8}, 0);
    m.system.memory = INT64_C(1) << 30;
    cr_expect_eq(start(&m, lambda), HO_FAILED);
    cr_expect_str_eq(m.system.message,
                     "steps_back: 100000000 states of 24 bytes need 2.235 GiB, and 1 GiB are available");
    finish(&m);
}

/* K steps back each time, or the few that there are. */
Test(truncated, estimates_what_it_does)
{
    tried m;
    begin(&m, "modes/truncated.so", (given){"steps_back", 10}, 0);
    ho_mode_costs c = {.struct_size = sizeof c, .steps = 40, .hypergradients = 1, .state_bytes = 100};
    c.step = (ho_call_cost){1.0, 1000};
    c.vjp = (ho_call_cost){3.0, 5000};
    ho_call_cost cost = m.calls->estimate(m.self, &c);
    cr_expect_float_eq(cost.seconds, 40.0 + 10 * 3.0, 1e-9);
    cr_expect_eq(cost.bytes, 13 * 100 + 6000);
    c.hypergradients = 8;
    cost = m.calls->estimate(m.self, &c);
    cr_expect_float_eq(cost.seconds, 40.0 + (5 + 7 * 10) * 3.0, 1e-9);
    c.steps = 4;
    c.hypergradients = 1;
    cost = m.calls->estimate(m.self, &c);
    cr_expect_float_eq(cost.seconds, 4.0 + 4 * 3.0, 1e-9);
    cr_expect_eq(cost.bytes, 7 * 100 + 6000);
    finish(&m);
}
