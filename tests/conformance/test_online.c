/* Updates during training are exact: the partial hypergradient that moves lambda, and the tangents behind it, are the
 * derivatives of the whole run so far, with every update that was made kept as an increment of lambda. */
#include "online.h"

#include "run/hyperstep.h"

/* The hyperparameters that steps up to t were made with, read off the log. */
static const double *lambda_before(const online_log *log, int64_t step)
{
    const double *lambda = log->of->initial;
    for (size_t i = 0; i < log->count && log->events[i].step < step; i++)
        if (log->events[i].update)
            lambda = log->lambda[i];
    return lambda;
}

/* The update number `update` of the log. */
static size_t find_update(const online_log *log, int64_t update)
{
    for (size_t i = 0; i < log->count; i++)
        if (log->events[i].update == update)
            return i;
    cr_assert_fail("there is no update %lld", (long long)update);
    return 0;
}

/* The hypergradient at step t by a mode that goes through the history of the log. */
static void frozen(online *o, const online_log *log, const char *name, int64_t t, double *value, double *gradient)
{
    const ho_loaded *loaded = ho_registry_find(o->registry, HO_MODE, name, (ho_place){0}, &o->error);
    cr_assert_not_null(loaded, "%s", o->error.text);
    ho_instance *mode = ho_instance_new(loaded, name, NULL, NULL, (ho_place){0}, &o->error);
    cr_assert_not_null(mode, "%s", o->error.text);
    const ho_mode_calls *calls = &loaded->calls.mode;
    int64_t every = o->pipeline->problem.update_every;
    void *run;
    cr_assert_eq(calls->start(mode->self, o->system, o->initial, &run), HO_OK);
    for (int64_t at = 0; at < t; at += every)
        cr_assert_eq(calls->advance(run, at, at + every < t ? at + every : t, lambda_before(log, at + 1)), HO_OK);
    cr_assert_eq(calls->hypergradient(run, lambda_before(log, t), value, gradient), HO_OK);
    ho_training_free_gradient(o->training, gradient);
    calls->end(run);
    ho_instance_free(mode);
}

static double apart(const double *a, const double *b, int64_t count)
{
    double differences = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        differences += (a[i] - b[i]) * (a[i] - b[i]);
        squares += b[i] * b[i];
    }
    return sqrt(differences / squares);
}

/* Plain gradient steps without a constraint in reach: each increment is the hypergradient, times the rate. */
static void check_against_reverse(const char *const *sets)
{
    const double rate = 0.001;
    online *o = online_open(sets);
    online_log *log = calloc(1, sizeof *log);
    online_result result;
    cr_assert_eq(online_run(o, true, log, &result, NULL), HO_OK, "%s", o->error.text);
    cr_assert_eq(result.updates, 14); /* none after the last step */
    for (int64_t k = 1; k <= result.updates; k++) {
        size_t at = find_update(log, k);
        int64_t t = log->events[at].step;
        double value, reverse[ONLINE_LAMBDA], forward[ONLINE_LAMBDA], made[ONLINE_LAMBDA];
        ho_training_draw_validation(o->training, k);
        frozen(o, log, "reverse", t, &value, reverse);
        cr_expect_float_eq(log->events[at].error, value, 1e-12);
        frozen(o, log, "forward", t, &value, forward);
        const double *before = lambda_before(log, t), *after = log->lambda[at];
        for (int64_t i = 0; i < o->size; i++)
            made[i] = (before[i] - after[i]) / rate;
        cr_expect_lt(apart(forward, reverse, o->size), 1e-8, "step %lld: forward", (long long)t);
        cr_expect_lt(apart(made, reverse, o->size), 1e-8, "step %lld: what moved lambda is %.3g apart", (long long)t,
                     apart(made, reverse, o->size));
        cr_expect_float_eq(log->events[at].gradient_norm, ho_norm(reverse, o->size), 1e-8);
    }
    free(log);
    online_close(o);
}

Test(online, moves_along_the_hypergradient_of_the_whole_history)
{
    check_against_reverse(NULL);
}

Test(online, moves_along_the_hypergradient_of_each_draw_of_the_validation_part)
{
    check_against_reverse((const char *const[]){"outer/validation_batch=8", NULL});
}

Test(online, reverse_mode_moves_the_same_way)
{
    check_against_reverse((const char *const[]){"hypergradient=reverse", NULL});
}

/* Between updates, too, the partial hypergradient is reverse mode's. */
Test(online, forward_and_reverse_agree_at_every_step)
{
    online *o = online_open(NULL);
    online_log *log = calloc(1, sizeof *log);
    online_result result;
    cr_assert_eq(online_run(o, true, log, &result, NULL), HO_OK);
    for (int64_t t = 1; t <= 60; t++) {
        double value[2], forward[ONLINE_LAMBDA], reverse[ONLINE_LAMBDA];
        frozen(o, log, "forward", t, &value[0], forward);
        frozen(o, log, "reverse", t, &value[1], reverse);
        cr_expect_float_eq(value[0], value[1], 1e-12);
        cr_expect_lt(apart(forward, reverse, o->size), 1e-8, "step %lld", (long long)t);
    }
    free(log);
    online_close(o);
}

/* ---- the tangents ------------------------------------------------------------------------------------------------ */

#define PROBES 5 /* random vectors that Z is looked at through */

/* What the mode asks of the system is watched: where the last tangents were written. */
static ho_system_api spied;
static const ho_system_api *plain;
static ho_vector *last_tangents;

static ho_status spy_jvp(ho_system *s, int64_t t, const double *lambda, const ho_vector *state, ho_vector *next,
                         int64_t columns, const ho_vector *z, const double *d, ho_vector *out)
{
    last_tangents = out;
    return plain->jvp(s, t, lambda, state, next, columns, z, d, out);
}

typedef struct probes {
    ho_vector *u[PROBES];
    double products[ONLINE_MOST][PROBES][ONLINE_LAMBDA]; /* <u, Z d_i> at each update */
    double norms[ONLINE_MOST][ONLINE_LAMBDA];
} probes;

static void measure_tangents(online_log *log, const ho_line *event)
{
    probes *p = log->context;
    for (int j = 0; j < PROBES; j++)
        plain->dot(log->of->system, p->u[j], last_tangents, p->products[event->update][j]);
    plain->norms(log->of->system, last_tangents, p->norms[event->update]);
}

/* The state after t steps of the run whose lambda is that of the log, increment by increment, from a first lambda that
 * is moved by h in entry i. */
static void moved_state(online *o, const online_log *log, int64_t t, int64_t i, double h, ho_vector **state)
{
    double lambda[ONLINE_LAMBDA];
    ho_vector *next = plain->vector_new(o->system, 1);
    *state = plain->vector_new(o->system, 1);
    for (int64_t step = 0; step <= t; step++) {
        memcpy(lambda, step ? lambda_before(log, step) : o->initial, (size_t)o->size * sizeof *lambda);
        lambda[i] += h;
        if (step == 0) {
            cr_assert_eq(plain->initial(o->system, lambda, *state), HO_OK);
            continue;
        }
        cr_assert_eq(plain->step(o->system, step, lambda, *state, next), HO_OK);
        ho_vector *old = *state;
        *state = next;
        next = old;
    }
    plain->vector_free(o->system, next);
}

/* The largest relative distance found; *bounded: how often an update ended on a bound. */
static double check_tangents(const char *const *sets, int *bounded)
{
    double worst = 0;
    const double h = 1e-5;
    online *o = online_open(sets);
    plain = o->system->api;
    spied = *plain;
    spied.jvp = spy_jvp;
    probes *p = calloc(1, sizeof *p);
    for (int j = 0; j < PROBES; j++) {
        p->u[j] = plain->vector_new(o->system, 1);
        ho_training_random(o->training, NULL, p->u[j], (uint64_t)j + 1);
    }
    online_log *log = calloc(1, sizeof *log);
    log->also = measure_tangents;
    log->context = p;
    online_result result;
    o->system->api = &spied;
    cr_assert_eq(online_run(o, true, log, &result, NULL), HO_OK, "%s", o->error.text);
    o->system->api = plain;
    for (int64_t k = 1; k <= result.updates; k += 4) {
        int64_t t = log->events[find_update(log, k)].step;
        for (int64_t i = 0; i < o->size; i++) {
            ho_vector *above, *below;
            double numeric[PROBES], exact[PROBES], norm;
            moved_state(o, log, t, i, h, &above);
            moved_state(o, log, t, i, -h, &below);
            plain->axpby(o->system, -0.5 / h, below, 0.5 / h, above);
            for (int j = 0; j < PROBES; j++) {
                plain->dot(o->system, p->u[j], above, &numeric[j]);
                exact[j] = p->products[k][j][i];
            }
            plain->norms(o->system, above, &norm);
            worst = fmax(worst, apart(numeric, exact, PROBES));
            cr_expect_lt(apart(numeric, exact, PROBES), 1e-6, "step %lld, entry %lld: %.3g apart", (long long)t,
                         (long long)i, apart(numeric, exact, PROBES));
            cr_expect_float_eq(norm, p->norms[k][i], 1e-6 * norm);
            plain->vector_free(o->system, above);
            plain->vector_free(o->system, below);
        }
    }
    /* The norms that are reported are these. */
    size_t hypers;
    const ho_hyperparameter *of = ho_training_hypers(o->training, &hypers);
    *bounded = 0;
    for (size_t k = 0; k < log->count; k++)
        for (size_t i = 0; log->events[k].update && i < hypers; i++)
            if (!strcmp(of[i].name, "secondary.weight"))
                *bounded += log->lambda[k][of[i].offset] == 0.0;
            else if (!strcmp(of[i].name, "dynamics.momentum"))
                *bounded += log->lambda[k][of[i].offset] == 0.72;
    for (size_t i = 0; i < hypers; i++)
        if (of[i].tuned)
            cr_expect_float_eq(log->norms[find_update(log, 1)][i], p->norms[1][of[i].offset], 1e-12);
    for (int j = 0; j < PROBES; j++)
        plain->vector_free(o->system, p->u[j]);
    free(log);
    free(p);
    online_close(o);
    return worst;
}

Test(online, tangents_are_those_of_the_whole_run_with_its_increments)
{
    int bounded;
    double plain_steps = check_tangents(NULL, &bounded);
    double adam =
        check_tangents((const char *const[]){"outer/plugin=adam", "outer/learning_rate=0.01", NULL}, &bounded);
    cr_log_info("tangents against differences: at most %.3g and %.3g apart", plain_steps, adam);
}

Test(online, tangents_take_projections_as_increments)
{
    int bounded;
    check_tangents((const char *const[]){"outer/learning_rate=0.2", "hyperparameters/secondary.weight/init=0.02",
                                         "hyperparameters/dynamics.learning_rate/outer={learning_rate: 0.001}",
                                         "hyperparameters/dynamics.momentum/constraint={plugin: box, lower: 0.6, "
                                         "upper: 0.72}",
                                         NULL},
                   &bounded);
    cr_expect_gt(bounded, 3, "only %d updates ended on a bound", bounded);
}

/* ---- forgetting -------------------------------------------------------------------------------------------------- */

Test(online, a_warm_restart_keeps_the_weights_and_forgets_how_they_came_about)
{
    online *o = online_open((const char *const[]){"outer/warm_restart=true", NULL});
    online_log *log = calloc(1, sizeof *log);
    online_result result;
    cr_assert_eq(online_run(o, true, log, &result, NULL), HO_OK, "%s", o->error.text);
    /* By hand: forget at each update. */
    const ho_mode_calls *calls = &o->pipeline->mode->loaded->calls.mode;
    void *run;
    cr_assert_eq(calls->start(o->pipeline->mode->self, o->system, o->initial, &run), HO_OK);
    for (int64_t k = 1; k <= result.updates; k++) {
        double value, gradient[ONLINE_LAMBDA], norms[ONLINE_LAMBDA];
        const double *before = lambda_before(log, 4 * k), *after = log->lambda[find_update(log, k)];
        cr_assert_eq(calls->advance(run, 4 * (k - 1), 4 * k, before), HO_OK);
        cr_assert_eq(calls->hypergradient(run, before, &value, gradient), HO_OK);
        for (int64_t i = 0; i < o->size; i++)
            cr_expect_float_eq(after[i], before[i] - 0.001 * gradient[i], 1e-14);
        cr_assert_eq(calls->forget(run), HO_OK);
        cr_assert_eq(calls->tangent_norms(run, norms), HO_OK);
        for (int64_t i = 0; i < o->size; i++)
            cr_expect_eq(norms[i], 0.0);
    }
    calls->end(run);
    free(log);
    online_close(o);
}
