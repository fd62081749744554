/* Losses, accuracy and the objective over any examples; and where a NaN is said to come from. */
#include "small_problem.h"

static void expect_text(const char *text, const char *part)
{
    cr_expect(strstr(text, part), "\"%s\" should say \"%s\"", text, part);
}

/* The mean cross entropy and the share of right classes, as one would write them. */
static void hand_metrics(const double *w, double temperature, const ho_examples *e, double *loss, double *accuracy)
{
    *loss = *accuracy = 0.0;
    for (int64_t n = 0; n < e->count; n++) {
        double z[SMALL_K], sum = 0.0;
        int best = 0, label = (int)e->targets[0].values[n];
        for (int j = 0; j < SMALL_K; j++) {
            z[j] = w[SMALL_D * SMALL_K + j];
            for (int i = 0; i < SMALL_D; i++) {
                double x = e->x32 ? (double)e->x32[n * SMALL_D + i] : e->x64[n * SMALL_D + i];
                z[j] += x * w[i * SMALL_K + j];
            }
            z[j] /= temperature;
            sum += exp(z[j]);
            best = z[j] > z[best] ? j : best;
        }
        *loss += (log(sum) - z[label]) / (double)e->count;
        *accuracy += (best == label) / (double)e->count;
    }
}

Test(system_evaluate, metrics_are_means_over_all_chunks)
{
    static const int64_t counts[] = {1, 29, 512, 513, 1300};
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F64});
    small_fix(s, "dynamics.learning_rate", 0.05);
    small_tune(s, "model.temperature", 1.7);
    small_fix(s, "validation.weight", 0.5);
    ho_training *training = small_training(s);
    ho_system *system = ho_training_system(training);
    double lambda[1], w[(SMALL_D + 1) * SMALL_K];
    ho_training_lambda_initial(training, lambda);
    ho_vector *state;
    double error = small_run(training, lambda, SMALL_T, &state);
    ho_training_weight_get(training, state, 0, w);
    ho_training_weight_get(training, state, 1, w + SMALL_D * SMALL_K);
    for (size_t i = 0; i < 5; i++) {
        ho_examples examples;
        ho_target target;
        ho_metrics metrics;
        double loss, accuracy;
        small_examples(&examples, &target, counts[i], 300 + i, false, 0.0);
        cr_assert_eq(ho_training_evaluate(training, lambda, state, &examples, &metrics), HO_OK);
        hand_metrics(w, lambda[0], &examples, &loss, &accuracy);
        cr_expect_eq(metrics.count, counts[i]);
        cr_expect_float_eq(metrics.loss, 0.5 * loss, 1e-12, "%d examples: %g, by hand %g", (int)counts[i], metrics.loss,
                           0.5 * loss);
        cr_expect_float_eq(metrics.accuracy, accuracy, 1e-12);
        free(examples.x64);
        free(target.values);
    }
    ho_metrics validation;
    cr_assert_eq(ho_training_evaluate(training, lambda, state, &s->validation, &validation), HO_OK);
    cr_expect_float_eq(validation.loss, error, 1e-13, "the validation error is its own evaluation");
    cr_expect(validation.accuracy > 0.5, "the small problem can be learnt: %g", validation.accuracy);
    system->api->vector_free(system, state);
    ho_training_free(training);
    small_free(s);
}

Test(system_evaluate, examples_of_another_kind_are_refused)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F32});
    ho_training *training = small_training(s);
    ho_system *system = ho_training_system(training);
    ho_vector *state = system->api->vector_new(system, 1);
    ho_metrics metrics;
    ho_examples wide = s->validation, bare = s->validation;
    wide.features = SMALL_D - 1;
    bare.target_count = 0;
    cr_expect_eq(ho_training_evaluate(training, NULL, state, &wide, &metrics), HO_INVALID);
    expect_text(ho_training_error(training)->text, "have 12 features, those trained on 13");
    *ho_training_error(training) = (ho_error){0};
    cr_expect_eq(ho_training_evaluate(training, NULL, state, &bare, &metrics), HO_INVALID);
    expect_text(ho_training_error(training)->text, "no target \"labels\"");
    system->api->vector_free(system, state);
    ho_training_free(training);
    small_free(s);
}

Test(system_evaluate, reals_have_no_accuracy)
{
    small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F64});
    s->objective[0].plugin = small_instance(s, HO_LOSS, "squared_error", "squares");
    s->validation_term.plugin = small_instance(s, HO_LOSS, "squared_error", "errors");
    for (int i = 0; i < 2; i++)
        s->targets[i].labels = false;
    s->problem.classes_or_width = 1;
    small_fix(s, "dynamics.learning_rate", 1e-3);
    ho_training *training = small_training(s);
    ho_system *system = ho_training_system(training);
    ho_vector *state;
    ho_metrics metrics;
    double error = small_run(training, NULL, SMALL_T, &state), mean = 0.0, objective;
    cr_assert_eq(ho_training_evaluate(training, NULL, state, &s->validation, &metrics), HO_OK);
    cr_expect(isnan(metrics.accuracy));
    cr_expect_float_eq(metrics.loss, error, 1e-12);
    system->api->vector_free(system, state);
    state = system->api->vector_new(system, 1);
    system->api->zero(system, state);
    cr_assert_eq(ho_training_objective(training, NULL, state, &objective), HO_OK);
    for (int i = 0; i < SMALL_N; i++)
        mean += s->targets[0].values[i] * s->targets[0].values[i];
    cr_expect_float_eq(objective, mean, 1e-12, "at zero weights the sum of squares is the targets'");
    cr_expect(error < mean / SMALL_N);
    system->api->vector_free(system, state);
    ho_training_free(training);
    small_free(s);
}

Test(system_objective, is_over_the_full_training_part_under_mini_batches_too)
{
    double value[2];
    for (int i = 0; i < 2; i++) {
        small *s = small_new((small_options){.dynamics = "sgd", .precision = HO_F64, .batch = i ? 5 : 0});
        small_fix(s, "mtl.rho", 0.3);
        small_fix(s, "model.init_scale", 1.0);
        ho_training *training = small_training(s);
        ho_system *system = ho_training_system(training);
        ho_vector *state;
        small_run(training, NULL, 0, &state);
        cr_assert_eq(ho_training_objective(training, NULL, state, &value[i]), HO_OK);
        system->api->vector_free(system, state);
        ho_training_free(training);
        small_free(s);
    }
    cr_expect_float_eq(value[0], value[1], 1e-12 * value[0]);
    cr_expect(value[0] > 1.0);
}

/* ---- NaN and Inf ------------------------------------------------------------------------------------------------- */

Test(system_examine, names_step_operation_plugin_and_line)
{
    for (int precision = 0; precision < 2; precision++) {
        small *s =
            small_new((small_options){.dynamics = "momentum", .precision = precision ? HO_F64 : HO_F32, .steps = 2000});
        small_fix(s, "dynamics.learning_rate", 1e20);
        small_fix(s, "mtl.rho", 1.0);
        ho_training *training = small_training(s);
        ho_system *system = ho_training_system(training);
        ho_vector *state = system->api->vector_new(system, 1), *next = system->api->vector_new(system, 1);
        ho_status status = HO_OK;
        int64_t t = 0;
        ho_training_examine(training, true);
        while (status == HO_OK && t++ < 2000) {
            status = system->api->step(system, t, NULL, state, next);
            system->api->copy(system, next, state);
        }
        const char *text = ho_training_error(training)->text;
        char step[32];
        snprintf(step, sizeof step, "step %d: ", (int)t);
        cr_expect_eq(status, HO_DIVERGED);
        cr_expect(t > 1 && t < 100);
        cr_expect_eq(strncmp(text, step, strlen(step)), 0, "\"%s\" should begin with \"%s\"", text, step);
        expect_text(text, "(plugin \"");
        expect_text(text, ".c:");
        expect_text(text, " of shape (");
        expect_text(text, "Inf");
        /* What comes of it later is told from what began it. */
        *ho_training_error(training) = (ho_error){0};
        cr_expect_eq(system->api->step(system, t + 1, NULL, state, next), HO_DIVERGED);
        expect_text(ho_training_error(training)->text, "its input \"");
        /* Unexamined, steps just go on. */
        ho_training_examine(training, false);
        cr_expect_eq(system->api->step(system, t + 1, NULL, state, next), HO_OK);
        cr_expect_not(ho_training_finite(training, state));
        system->api->vector_free(system, state);
        system->api->vector_free(system, next);
        ho_training_free(training);
        small_free(s);
    }
}

Test(system_examine, finds_nothing_in_a_sound_run)
{
    small *s = small_new((small_options){.dynamics = "adam", .precision = HO_F32, .dead = true});
    small_tune_all(s);
    ho_training *training = small_training(s);
    double lambda[64], gradient[64];
    ho_training_lambda_initial(training, lambda);
    ho_training_examine(training, true);
    small_hypergradient(s, training, "reverse", lambda, SMALL_T, gradient);
    small_hypergradient(s, training, "forward", lambda, SMALL_T, gradient);
    cr_expect_eq(ho_training_error(training)->status, HO_OK);
    ho_training_free(training);
    small_free(s);
}
