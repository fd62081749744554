/* Monitored training: what is kept, what ends it, what is reported. */
#include "base/clock.h"
#include "online.h"

#include "system/gradient.h"

static online *o;
static online_log *made;

static void close_all(void)
{
    free(made);
    online_close(o);
}

TestSuite(monitored, .fini = close_all, .timeout = 120);

static void open_with(const char *const *sets)
{
    o = online_open(sets);
    made = calloc(1, sizeof *made);
}

/* How the training with these settings ends; its lambda moves or not. */
static online_result end_of(const char *const *sets, bool moves)
{
    online_result result;
    open_with(sets);
    cr_assert_eq(online_run(o, moves, made, &result, NULL), HO_OK, "%s", o->error.text);
    return result;
}

Test(monitored, steps_end_it_and_evaluations_come_as_asked)
{
    online_result result = end_of(NULL, true);
    cr_expect_str_eq(result.ended, "steps");
    cr_expect_eq(result.steps, 60);
    cr_expect_eq(result.looks, 6);
    cr_expect_eq(result.updates, 14); /* at 4, 8, ..., 56: the last step is not followed by one */
    cr_expect_float_eq(result.last_epoch, 60 * 10 / 50.0, 1e-12);
    int64_t step = 0, looks = 0, updates = 0;
    double seconds = 0;
    for (size_t i = 0; i < made->count; i++) {
        const ho_line *e = &made->events[i];
        cr_expect(e->step >= step && e->cpu_seconds >= seconds);
        cr_expect((e->evaluation == 0) != (e->update == 0), "an event is a look or an update");
        if (e->evaluation) {
            cr_expect_eq(e->step, 10 * ++looks);
            cr_expect(isfinite(e->training_error) && isfinite(e->validation_error) &&
                      o->pipeline->validation.count == 40);
        } else {
            cr_expect_eq(e->step, 4 * ++updates);
            cr_expect(e->error > 0 && e->gradient_norm > 0 && made->has_norms[i]);
        }
        step = e->step;
        seconds = e->cpu_seconds;
    }
    /* Step 20 has both: the look, made with the old hyperparameters, is told first. */
    for (size_t i = 1; i < made->count; i++)
        if (made->events[i].step == 20 && made->events[i - 1].step == 20) {
            cr_expect(made->events[i - 1].evaluation && made->events[i].update);
            cr_expect_neq(memcmp(made->lambda[i - 1], made->lambda[i], (size_t)o->size * sizeof(double)), 0);
        }
}

/* Without updates the steps are those of plain training, bit by bit; a look measures what anybody would. */
Test(monitored, plain_training_is_that_of_the_outer_loop)
{
    open_with((const char *const[]){"outer=null", "stop/every=60", NULL});
    online_result result;
    ho_best kept;
    ho_vector *state;
    double value, gap;
    cr_assert_eq(online_run(o, false, made, &result, &kept), HO_OK, "%s", o->error.text);
    cr_assert_eq(ho_train(o->training, 60, o->initial, &state, &value, &o->error), HO_OK);
    const ho_system_api *api = o->system->api;
    cr_expect_eq(kept.at.step, 60);
    cr_expect_float_eq(kept.at.value, value, 1e-12);
    ho_vector *copy = api->vector_new(o->system, 1);
    api->copy(o->system, kept.at.state, copy);
    api->axpby(o->system, 1.0, state, -1.0, copy);
    api->dot(o->system, copy, copy, &gap);
    cr_expect_eq(gap, 0.0);
    api->vector_free(o->system, copy);
    api->vector_free(o->system, state);
    ho_best_free(&kept);
}

/* A large learning rate: the error falls and then rises. */
static const char *const overshooting[] = {"hyperparameters/dynamics.learning_rate/init=0.6",
                                           "hyperparameters/dynamics.momentum/init=0.9", "steps=400", NULL};

static void expect_best_kept(bool by_accuracy)
{
    online_result result;
    ho_best kept;
    cr_assert_eq(online_run(o, false, made, &result, &kept), HO_OK, "%s", o->error.text);
    double least = INFINITY;
    size_t best = 0;
    for (size_t i = 0; i < made->count; i++) {
        double value = by_accuracy ? -made->events[i].validation_accuracy : made->events[i].validation_error;
        cr_expect_eq(made->events[i].best, value < least);
        best = value < least ? i : best;
        least = fmin(least, value);
    }
    cr_expect_lt(kept.at.step, result.steps, "the last look is the best: nothing is tested");
    cr_expect_eq(kept.at.step, made->events[best].step);
    cr_expect_eq(kept.at.epoch, made->events[best].epoch);
    cr_expect_eq(kept.at.value, least);
    cr_expect_eq(result.value, least);
    ho_metrics again;
    cr_assert_eq(ho_training_evaluate(o->training, kept.at.lambda, kept.at.state, &o->pipeline->validation, &again),
                 HO_OK);
    cr_expect_eq(again.loss, made->events[best].validation_error);
    cr_expect_eq(again.accuracy, made->events[best].validation_accuracy);
    ho_best_free(&kept);
}

Test(monitored, keeps_the_weights_of_least_validation_error)
{
    open_with(overshooting);
    expect_best_kept(false);
}

Test(monitored, keeps_the_weights_of_highest_accuracy_where_asked_to)
{
    const char *sets[8] = {"stop/on=validation_accuracy"};
    memcpy(sets + 1, overshooting, sizeof overshooting);
    open_with(sets);
    expect_best_kept(true);
}

Test(monitored, patience_ends_an_unbounded_training)
{
    const char *sets[8] = {"stop={every: 5, patience: 3}"};
    memcpy(sets + 1, overshooting, sizeof overshooting);
    sets[3] = "steps=unbounded";
    online_result result = end_of(sets, false);
    cr_expect_str_eq(result.ended, "patience");
    int64_t best = 0;
    for (size_t i = 0; i < made->count; i++)
        best = made->events[i].best ? made->events[i].evaluation : best;
    cr_expect_eq(result.looks, best + 3);
    cr_expect_eq(result.steps, 5 * result.looks);
}

Test(monitored, epochs_end_an_unbounded_training_with_a_look)
{
    online_result result = end_of((const char *const[]){"steps=unbounded", "stop={every: 7, epochs: 4.5}", NULL}, true);
    cr_expect_str_eq(result.ended, "epochs");
    cr_expect_eq(result.steps, 23); /* the first step past 4.5 epochs of 5 steps */
    cr_expect_eq(result.looks, 4);
    cr_expect_eq(made->events[made->count - 1].step, 23);
    cr_expect(made->events[made->count - 1].evaluation != 0);
}

/* 16 does not divide 50: an epoch is the 3 batches after which the examples are shuffled anew. */
Test(monitored, whole_epochs_end_at_their_last_step)
{
    online_result result =
        end_of((const char *const[]){"steps=unbounded", "batch=16", "stop={every: 7, epochs: 21}", NULL}, true);
    cr_expect_eq(result.steps, 63);
    cr_expect_eq(result.last_epoch, 21);
    cr_expect_eq(made->events[made->count - 1].epoch, 21);
}

Test(monitored, the_clock_ends_an_unbounded_training)
{
    double begun = ho_seconds();
    online_result result =
        end_of((const char *const[]){"steps=unbounded", "stop={every: 1000, seconds: 0.2}", NULL}, false);
    cr_expect_str_eq(result.ended, "seconds");
    cr_expect_geq(ho_seconds() - begun, 0.2);
    cr_expect(result.steps % 20 == 0 && made->events[made->count - 1].evaluation);
}

Test(monitored, processor_time_ends_it_too)
{
    open_with((const char *const[]){"steps=100000000", NULL});
    ho_trainer *trainer = ho_trainer_new(o->pipeline, o->training, true, &o->error);
    ho_best best;
    ho_answer answer;
    cr_assert_eq(ho_best_init(&best, o->training, true, &o->error), HO_OK);
    const ho_question question = {.lambda = o->initial, .wanted = HO_VALUE, .cpu_until = ho_cpu_seconds() + 0.1};
    cr_assert_eq(ho_ask(trainer, &question, &best, &answer), HO_OK, "%s", answer.outcome.text);
    cr_expect_str_eq(answer.ended, "processor time");
    ho_best_free(&best);
    ho_trainer_free(trainer);
}

Test(monitored, says_the_same_again)
{
    online_result results[2];
    open_with((const char *const[]){"outer/validation_batch=7", NULL});
    online_log *again = calloc(1, sizeof *again);
    cr_assert_eq(online_run(o, true, made, &results[0], NULL), HO_OK);
    cr_assert_eq(online_run(o, true, again, &results[1], NULL), HO_OK);
    cr_assert_eq(made->count, again->count);
    for (size_t i = 0; i < made->count; i++) {
        cr_expect_eq(memcmp(made->lambda[i], again->lambda[i], (size_t)o->size * sizeof(double)), 0);
        cr_expect_eq(made->events[i].error, again->events[i].error);
        cr_expect_eq(made->events[i].validation_error, again->events[i].validation_error);
    }
    free(again);
}

/* Draws of the validation part: seeded, without repetition within a pass, others at each update. */
Test(monitored, updates_see_one_draw_of_the_validation_part_after_another)
{
    open_with((const char *const[]){"outer/validation_batch=10", NULL});
    const ho_system_api *api = o->system->api;
    ho_vector *state = api->vector_new(o->system, 1);
    cr_assert_eq(api->initial(o->system, o->initial, state), HO_OK);
    double values[9], sum = 0;
    for (int draw = 1; draw <= 8; draw++) {
        ho_training_draw_validation(o->training, draw);
        cr_assert_eq(api->error(o->system, o->initial, state, &values[draw]), HO_OK);
        for (int earlier = 1; earlier < draw; earlier++)
            cr_expect_neq(values[draw], values[earlier]);
    }
    ho_training_draw_validation(o->training, 2);
    cr_assert_eq(api->error(o->system, o->initial, state, &values[0]), HO_OK);
    cr_expect_eq(values[0], values[2]);
    /* Four draws of ten are one pass through the forty. */
    ho_metrics whole;
    cr_assert_eq(ho_training_evaluate(o->training, o->initial, state, &o->pipeline->validation, &whole), HO_OK);
    for (int draw = 1; draw <= 4; draw++)
        sum += values[draw] / 4;
    cr_expect_float_eq(sum, whole.loss, 1e-12);
    api->vector_free(o->system, state);
}

/* ---- divergence -------------------------------------------------------------------------------------------------- */

Test(monitored, a_training_that_diverges_is_told_with_step_and_plugin_and_keeps_its_best)
{
    open_with((const char *const[]){"precision=f32", "steps=4000", "model/activation=linear",
                                    "hyperparameters/dynamics.learning_rate/init=0.8", NULL});
    online_result result;
    ho_best kept;
    cr_assert_eq(online_run(o, false, made, &result, &kept), HO_DIVERGED, "it came through");
    cr_expect(strstr(o->error.text, "step "), "%s", o->error.text);
    cr_expect(strstr(o->error.text, "shared_trunk") || strstr(o->error.text, "squared_error") ||
                  strstr(o->error.text, "cross_entropy") || strstr(o->error.text, "momentum"),
              "%s", o->error.text);
    cr_expect_null(result.ended);
    if (result.looks > 0)
        cr_expect(isfinite(kept.at.value) && ho_training_finite(o->training, kept.at.state));
    ho_best_free(&kept);
}

/* The step that went wrong, though the clock was looked at between it and the next look. */
Test(monitored, the_clock_does_not_hide_the_step_that_diverged)
{
    static const char *const sets[][7] = {{"precision=f32", "steps=400", "model/activation=linear", "stop={every: 400}",
                                           "outer=null", "hyperparameters/dynamics.learning_rate/init=4.0", NULL},
                                          {"precision=f32", "steps=400", "model/activation=linear",
                                           "stop={every: 400, seconds: 1.0e6}", "outer=null",
                                           "hyperparameters/dynamics.learning_rate/init=4.0", NULL}};
    char told[2][sizeof o->error.text];
    for (int i = 0; i < 2; i++) {
        if (o)
            close_all();
        open_with(sets[i]);
        online_result result;
        cr_assert_eq(online_run(o, false, made, &result, NULL), HO_DIVERGED, "it came through");
        memcpy(told[i], o->error.text, sizeof told[i]);
    }
    cr_expect_str_eq(told[0], told[1]);
}

Test(monitored, hyperparameters_that_overflow_are_told_with_their_step)
{
    open_with((const char *const[]){"hyperparameters={model.init_scale: {init: 1.1}}",
                                    "dynamics={learning_rate: 0.1, momentum: 0.7}", "validation/weight=1.0e10",
                                    "outer/learning_rate=1.0e308", NULL});
    online_result result;
    cr_assert_eq(online_run(o, true, made, &result, NULL), HO_DIVERGED, "it came through");
    cr_expect(strstr(o->error.text, "step 4, after update 1: ") && strstr(o->error.text, "infinite"), "%s",
              o->error.text);
}

/* Momentum just below 1 and a rate at the edge: the weights stay bounded by tanh's slope for long, their tangents do
 * not. */
Test(monitored, exploding_tangents_are_told_by_hyperparameter)
{
    open_with((const char *const[]){"steps=1200", "hyperparameters/dynamics.learning_rate/init=2",
                                    "hyperparameters/dynamics.momentum/init=0.5", "outer/learning_rate=1.0e-12",
                                    "stop/every=100", NULL});
    online_result result;
    ho_status status = online_run(o, true, made, &result, NULL);
    cr_expect(status == HO_OK || status == HO_DIVERGED);
    cr_assert_gt(made->warnings, 0, "no warning; last norms %g %g", made->norms[made->count - 2][0],
                 made->norms[made->count - 2][1]);
    cr_expect(strstr(made->warning, " grows ") && strstr(made->warning, "rounding leaves") &&
                  (strstr(made->warning, "dynamics.") || strstr(made->warning, "secondary.weight") ||
                   strstr(made->warning, "model.init_scale")),
              "%s", made->warning);
    cr_expect_eq(made->warnings, 1, "once in a run");
}

Test(monitored, a_stable_training_is_not_warned_of)
{
    end_of((const char *const[]){"steps=1500", "outer/learning_rate=1.0e-5", "outer/every=8", "stop/every=100", NULL},
           true);
    cr_expect_eq(made->warnings, 0, "%s", made->warning);
}
