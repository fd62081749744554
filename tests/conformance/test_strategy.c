/* Strategies: what they propose is a pure function of what they were told, and survives being saved and restored. */
#include "online.h"

static online *o;

static void close_all(void)
{
    online_close(o);
}

TestSuite(strategy, .fini = close_all, .timeout = 60);

/* Proposes, and tells an answer made up from its number; the fourth diverges, where it can. Returns what was wanted. */
static ho_wanted turn(ho_strategy *s, int number, double *lambda)
{
    double gradient[ONLINE_LAMBDA];
    ho_wanted wanted = s->calls->propose(s, lambda, &o->error);
    cr_assert_eq(o->error.status, HO_OK, "%s", o->error.text);
    if (wanted == HO_NO_MORE)
        return wanted;
    for (int64_t i = 0; i < o->size; i++)
        gradient[i] = ho_normal_number(7, 1, (uint64_t)(number * ONLINE_LAMBDA + i));
    bool diverges = number == 4 && s->kind != HO_LINE_UPDATE, differentiated = wanted == HO_GRADIENT && !diverges;
    ho_answer answer = {.value = diverges ? (double)NAN : 1.0 / number,
                        .lambda = lambda,
                        .gradient = differentiated ? gradient : NULL,
                        .line = {.iteration = number, .best = !diverges}};
    if (diverges)
        ho_fail(&answer.outcome, HO_DIVERGED, "made up");
    cr_assert_eq(s->calls->told(s, &answer, &o->error), HO_OK, "%s", o->error.text);
    return wanted;
}

/* Saved after each number of turns and restored into a fresh one, it goes on as if nothing had happened. */
static void check_resumes(const char *const *sets, int64_t halvings)
{
    enum { TURNS = 7 };
    o = online_open(sets);
    cr_assert_leq(o->size, ONLINE_LAMBDA);
    for (int saved = 0; saved < TURNS; saved++) {
        ho_snapshot snapshot = {0};
        double lambda[2][ONLINE_LAMBDA] = {{0}};
        ho_strategy *first = ho_strategy_new(o->pipeline, o->training, &o->error);
        ho_strategy *second = ho_strategy_new(o->pipeline, o->training, &o->error);
        cr_assert(first && second, "%s", o->error.text);
        for (int i = 1; i <= saved; i++)
            turn(first, i, lambda[0]);
        ho_snapshot_save(&snapshot);
        first->calls->pass(first, &snapshot);
        ho_snapshot_restore(&snapshot);
        second->calls->pass(second, &snapshot);
        for (int i = saved + 1; i <= TURNS; i++) {
            ho_wanted wanted = turn(first, i, lambda[0]);
            cr_expect_eq(turn(second, i, lambda[1]), wanted);
            if (wanted == HO_NO_MORE)
                break;
            cr_expect_arr_eq(lambda[0], lambda[1], (size_t)o->size * sizeof(double), "saved after %d, turn %d", saved,
                             i);
        }
        cr_expect_eq(first->halvings, halvings);
        cr_expect_eq(second->halvings, halvings);
        ho_strategy_free(first);
        ho_strategy_free(second);
        ho_snapshot_free(&snapshot);
    }
}

Test(strategy, descent_resumes)
{
    check_resumes((const char *const[]){"stop=null",
                                        "outer={plugin: adam, learning_rate: 0.01, iterations: 6, "
                                        "schedule: null, every: null}",
                                        NULL},
                  1);
}

Test(strategy, line_search_resumes)
{
    check_resumes((const char *const[]){"stop=null",
                                        "outer={plugin: null, learning_rate: null, iterations: 6, "
                                        "schedule: null, every: null}",
                                        NULL},
                  1);
}

Test(strategy, online_resumes)
{
    check_resumes((const char *const[]){"outer/plugin=momentum", "outer/momentum=0.5", NULL}, 0);
}

Test(strategy, random_search_resumes)
{
    check_resumes(
        (const char *const[]){"hyperparameters={secondary.weight: {init: 0.3, range: {from: 0.1, to: 1}}, "
                              "dynamics.learning_rate: null, dynamics.momentum: null, model.init_scale: null}",
                              "dynamics={learning_rate: 0.1, momentum: 0.7}",
                              "outer={strategy: random, candidates: 6, plugin: null, learning_rate: null, "
                              "schedule: null, every: null}",
                              NULL},
        0);
}
