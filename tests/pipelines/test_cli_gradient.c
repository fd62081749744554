/* `hotool hypergradient` and `hotool check`. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(gradient, .init = cli_enter, .fini = cli_leave, .timeout = 60);

#define ENTRIES (CLASSES * CLASSES)

/* The largest difference of two arrays against the largest entry. */
static double apart(const double *a, const double *b, int count)
{
    double most = 0, size = 0;
    for (int i = 0; i < count; i++) {
        most = fmax(most, fabs(a[i] - b[i]));
        size = fmax(size, fabs(a[i]));
    }
    return most / size;
}

Test(gradient, files_hold_the_gradient_in_its_declared_shape)
{
    cli_result r = cli_run("hypergradient", "base.yaml", "--out", "g", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "blobs: data: npy") == r.out && strstr(r.out, "E = ") && strstr(r.out, "mtl.rho"), "%s",
              r.out);
    const char *json = cli_read("g/hypergradient.json");
    cr_expect(json_valid(json, strlen(json)) && json_is(json, "mode", "reverse"), "%s", json);
    cr_expect_float_eq(json_number(json, "T"), 15, 0);
    cr_expect(json_number(json, "E") > 0 && json_number(json, "seconds") >= 0, "%s", json);
    /* 16 states of momentum: weights and velocity, in f64. */
    cr_expect_geq(json_number(json, "trajectory_bytes"), 16.0 * 2 * (FEATURES + 1) * CLASSES * 8, "%s", json);
    const double *A = cli_array("g/mtl.A.npy", ENTRIES);
    double norm = 0;
    for (int i = 0; i < CLASSES; i++) {
        cr_expect_float_eq(A[i * CLASSES + i], 0, 0);
        for (int j = 0; j < CLASSES; j++) {
            cr_expect_float_eq(A[i * CLASSES + j], A[j * CLASSES + i], 0);
            norm += fabs(A[i * CLASSES + j]);
        }
    }
    cr_expect(norm > 1e-6 && isfinite(norm), "the gradient by A is %g", norm);
    cr_expect(fabs(*cli_array("g/mtl.rho.npy", 1)) > 1e-6);
    cr_expect_not(cli_exists("runs"));
}

/* Both precisions, calm; the estimate is in the file and on stdout. */
Test(gradient, files_and_output_tell_how_many_digits_are_left)
{
    double left[2];
    for (int k = 0; k < 2; k++) {
        const char *out = k == 0 ? "a" : "b";
        cli_result r = cli_run("hypergradient", "base.yaml", "--precision", k == 0 ? "f32" : "f64", "--out", out, NULL);
        cli_expect_done(r);
        const char *json = cli_read(cli_format("%s/hypergradient.json", out));
        left[k] = json_number(json, "digits/left");
        cr_expect(strstr(r.out, cli_format("about %.1f digits are certain; the fewest are those of mtl.", left[k])),
                  "%s%s", r.out, json);
        cr_expect_null(strstr(r.err, "rounding leaves"), "%s", r.err);
    }
    cr_expect(left[0] > 4 && left[0] < 7.3 && left[1] > left[0] + 8, "%g %g", left[0], left[1]);
}

/* Steps far beyond the curvature: finite in f32, and useless. */
#define WILD                                                                                                       \
    "--precision", "f32", "--set", "model={plugin: shared_trunk, shared: [6], heads: [labels], activation: tanh}", \
        "--set", "objective=[{loss: cross_entropy, name: primary}]", "--set", "steps=150", "--set",                \
        "dynamics={plugin: sgd, learning_rate: 12}", "--set",                                                      \
        "hyperparameters={mtl.A: null, mtl.rho: null, dynamics.learning_rate: {init: 12}}"

Test(gradient, no_digits_are_told_with_what_grew_and_what_helps)
{
    cli_result r = cli_run("hypergradient", "base.yaml", WILD, "--out", "g", NULL);
    cli_expect_done(r);
    cr_expect(
        strstr(r.err, "rounding leaves about 0.0 digits of the hypergradient by dynamics.learning_rate: a change") &&
            strstr(r.err, "-fold from step ") && strstr(r.err, "precision f64"),
        "%s", r.err);
    const char *json = cli_read("g/hypergradient.json");
    cr_expect(json_number(json, "digits/left") < 0.05 && json_number(json, "digits/growth") > 1e4, "%s", json);
    cr_expect(json_number(json, "digits/from") < json_number(json, "digits/to"), "%s", json);
    cr_expect(json_is(json, "digits/hyperparameter", "dynamics.learning_rate"), "%s", json);
}

/* An outer iteration that has none has diverged, be it the first. */
Test(gradient, an_iteration_without_digits_has_diverged)
{
    cli_result r = cli_run("pipeline", "base.yaml", WILD, "--out", "r", NULL);
    cr_expect_eq(r.status, 1, "%s", r.err);
    cr_expect(strstr(r.err, "outer iteration 1 diverged: rounding leaves about 0.0 digits") &&
                  strstr(r.err, "with the initial hyperparameters"),
              "%s", r.err);
    cr_expect(json_is(cli_read("r/result.json"), "outcome", "diverged"));
    cr_expect(strstr(cli_read("r/metrics.jsonl"), "\"digits\": {\"left\": 0"), "%s", cli_read("r/metrics.jsonl"));
}

Test(gradient, lines_and_result_have_digits)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--precision", "f32", "--out", "r", NULL));
    const char *result = cli_read("r/result.json");
    double least = json_number(result, "digits/left"), found = 99;
    char *lines = strdup(cli_read("r/metrics.jsonl"));
    int count = 0;
    for (char *rest = NULL, *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (!strstr(line, "\"digits\": "))
            continue;
        found = fmin(found, json_number(line, "digits/left"));
        count++;
    }
    free(lines);
    cr_expect_eq(count, 5, "%d lines with digits", count);
    cr_expect_float_eq(found, least, 1e-12);
}

/* The entries of A count as independent ones: moving A_jk and A_kj by h each moves E by 2 h times the entry. */
Test(gradient, entries_are_the_slopes_of_the_error)
{
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--out", "g", NULL));
    double E[2];
    for (int k = 0; k < 2; k++) {
        const double h = k == 0 ? 1e-5 : 2e-5;
        const char *A =
            cli_format("hyperparameters/mtl.A/init=[[0,0,%.17g,0],[0,0,0,0],[%.17g,0,0,0],[0,0,0,0]]", h, h);
        cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", A, "--out", k == 0 ? "one" : "two", NULL));
        E[k] = json_number(cli_read(k == 0 ? "one/hypergradient.json" : "two/hypergradient.json"), "E");
    }
    double E0 = json_number(cli_read("g/hypergradient.json"), "E");
    double slope = (4 * E[0] - E[1] - 3 * E0) / 2e-5; /* second order, to one side: A is at its bound */
    double expected = 2 * cli_array("g/mtl.A.npy", ENTRIES)[2];
    cr_expect(fabs(slope - expected) < 1e-5 * fabs(expected), "%.12g against %.12g", slope, expected);
}

Test(gradient, modes_agree_in_f64_and_f32_comes_near)
{
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--mode", "reverse", "--out", "r", NULL));
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--mode", "forward", "--out", "f", NULL));
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--precision", "f32", "--out", "s", NULL));
    const double *A = cli_array("r/mtl.A.npy", ENTRIES), *rho = cli_array("r/mtl.rho.npy", 1);
    cr_expect_lt(apart(A, cli_array("f/mtl.A.npy", ENTRIES), ENTRIES), 1e-10);
    cr_expect_lt(apart(rho, cli_array("f/mtl.rho.npy", 1), 1), 1e-10);
    cr_expect_lt(apart(A, cli_array("s/mtl.A.npy", ENTRIES), ENTRIES), 1e-3);
    cr_expect_gt(apart(A, cli_array("s/mtl.A.npy", ENTRIES), ENTRIES), 1e-12, "f32 has the digits of f64");
    cr_expect(json_is(cli_read("f/hypergradient.json"), "mode", "forward"));
}

Test(gradient, what_is_stored_of_a_step_changes_no_bit)
{
    static const char *const dynamics[] = {"sgd", "momentum", "adam"}, *const precisions[] = {"f32", "f64"};
    for (int i = 0; i < 6; i++) {
        const char *set = cli_format("dynamics={plugin: %s, learning_rate: 0.05}", dynamics[i % 3]);
        for (int k = 0; k < 2; k++)
            cli_expect_done(cli_run("hypergradient", "base.yaml", "--precision", precisions[i / 3], "--set", set,
                                    "--set", cli_format("hypergradient/store=%s", k ? "residuals" : "state"), "--out",
                                    cli_format("%c%d", "sr"[k], i), NULL));
        cr_expect_arr_eq(cli_array(cli_format("r%d/mtl.A.npy", i), ENTRIES),
                         cli_array(cli_format("s%d/mtl.A.npy", i), ENTRIES), ENTRIES * sizeof(double), "%s in %s",
                         dynamics[i % 3], precisions[i / 3]);
        cr_expect_arr_eq(cli_array(cli_format("r%d/mtl.rho.npy", i), 1), cli_array(cli_format("s%d/mtl.rho.npy", i), 1),
                         sizeof(double));
        const char *states = cli_read(cli_format("s%d/hypergradient.json", i));
        const char *kept = cli_read(cli_format("r%d/hypergradient.json", i));
        cr_expect_float_eq(json_number(states, "residual_bytes"), 0, 0);
        cr_expect(json_number(kept, "residual_bytes") > 0 &&
                      json_number(kept, "residual_bytes") < json_number(kept, "trajectory_bytes"),
                  "%s", kept);
    }
}

Test(gradient, a_trajectory_that_cannot_fit_is_refused_before_training)
{
    const cli_result r = cli_run("hypergradient", "base.yaml", "--set", "steps=2000000000000", NULL);
    cr_expect_eq(r.status, 1, "%d", r.status);
    cr_expect(strstr(r.err, "the trajectory of 2000000000000 steps needs ") && strstr(r.err, " GiB are available"),
              "%s", r.err);
}

/* A state is a weight and a velocity for each of the weights. */
Test(gradient, a_memory_budget_changes_no_bit)
{
    const int state = 2 * (FEATURES + 1) * CLASSES * 8;
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--mode", "reverse", "--out", "r", NULL));
    const char *set = cli_format("hypergradient={mode: checkpointed, memory: %d}", 7 * state);
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--set", set, "--out", "c", NULL));
    const char *json = cli_read("c/hypergradient.json");
    cr_expect(json_is(json, "mode", "checkpointed"), "%s", json);
    cr_expect_float_eq(json_number(json, "trajectory_bytes"), 7 * state, 0, "%s", json);
    const double *A = cli_array("r/mtl.A.npy", ENTRIES);
    cr_expect_eq(memcmp(A, cli_array("c/mtl.A.npy", ENTRIES), ENTRIES * sizeof *A), 0);
    set = cli_format("hypergradient={mode: checkpointed, memory: %dB}", 5 * state - 1);
    cli_result r = cli_run("hypergradient", "base.yaml", "--set", set, NULL);
    cr_expect(r.status == 1 && strstr(r.err, cli_format("the minimum is %d bytes", 5 * state)), "%d %s", r.status,
              r.err);
    cli_expect_refused("two budgets",
                       cli_run("hypergradient", "base.yaml", "--set",
                               "hypergradient={mode: checkpointed, memory: 1MiB, slots: 3}", NULL),
                       "\"memory\" and \"slots\" are both given", NULL);
}

Test(gradient, without_out_nothing_is_written)
{
    cli_result r = cli_run("hypergradient", "base.yaml", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "gradient"), "%s", r.out);
    cr_expect_not(cli_exists("runs") || cli_exists("hypergradient.json") || cli_exists("mtl.A.npy"));
    cli_expect_done(cli_run("hypergradient", "base.yaml", "--out", "g", NULL));
    const char *before = cli_read("g/hypergradient.json");
    cli_result again = cli_run("hypergradient", "base.yaml", "--out", "g", NULL);
    cr_expect(again.status == 2 && strstr(again.err, "g: is not empty"), "%d %s", again.status, again.err);
    cr_expect_str_eq(cli_read("g/hypergradient.json"), before);
}

Test(gradient, check_proves_each_dynamics)
{
    static const char *const names[] = {"sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "adagrad"};
    cli_pipeline("check.yaml", "  mtl.rho: {init: 0.01}\n",
                 "  mtl.rho: {init: 0.01}\n"
                 "  dynamics.learning_rate: 0.05\n"
                 "  model.init_scale: 0.5\n"
                 "  model.temperature: 1.2\n"
                 "  cross_entropy.weight: 0.9\n");
    cli_change("check.yaml", ", learning_rate: 0.2", "");
    for (size_t i = 0; i < 7; i++) {
        const char *dynamics = cli_format("dynamics={plugin: %s%s}", names[i], i < 3 ? "" : ", epsilon: 1.0e-2");
        cli_result r = cli_run("check", "check.yaml", "--set", dynamics, "--set", "batch=16", NULL);
        cli_expect_done(r);
        static const char *const pieces[] = {"initial map",
                                             "replay",
                                             "step at 15 steps",
                                             "mode forward: hypergradient",
                                             "at most 1e-10",
                                             "central differences: mtl.A",
                                             "central differences: dynamics.learning_rate",
                                             "central differences: model.temperature",
                                             "at most 1e-06"};
        for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++)
            cr_expect(strstr(r.out, pieces[k]), "%s: \"%s\" is missing from: %s", names[i], pieces[k], r.out);
        cr_expect_not(strstr(r.out, "FAILED"), "%s", r.out);
    }
    cr_expect_not(cli_exists("runs"), "a check left a run folder");
}

/* A mode that is wrong fails the check; as the pipeline's own it fails against the others and against differences. */
Test(gradient, check_finds_a_wrong_mode)
{
    const char *mode = cli_format("hypergradient={mode: doubled, path: %s/doubled_mode.so}",
                                  cli_environment("HOTOOL_PIPELINE_PLUGINS"));
    cli_result r = cli_run("check", "base.yaml", "--set", mode, NULL);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "checks failed"), "%s", r.err);
    const char *forward = strstr(r.out, "mode forward: hypergradient");
    const char *differences = strstr(r.out, "central differences: mtl.A");
    cr_assert(forward && differences, "%s", r.out);
    cr_expect(strstr(cli_format("%.*s", (int)strcspn(forward, "\n"), forward), "FAILED"), "%s", r.out);
    cr_expect(strstr(cli_format("%.*s", (int)strcspn(differences, "\n"), differences), "FAILED"), "%s", r.out);
    /* The rest is right, and told so. */
    const char *inner = strstr(r.out, "step at 15 steps");
    cr_expect(inner && strstr(cli_format("%.*s", (int)strcspn(inner, "\n"), inner), "ok"), "%s", r.out);
}

static const char kinks[] = "seed: 1\n"
                            "data: {plugin: generated_frames, phones: 5, width: 8, embedding: 0, training_speakers: 4, "
                            "utterances: 1, length: 6, standardize: true}\n"
                            "model: {plugin: shared_trunk, shared: [16, 12], activation: relu}\n"
                            "objective: [{loss: cross_entropy}]\n"
                            "validation: {loss: cross_entropy}\n"
                            "dynamics: {plugin: momentum}\n"
                            "steps: 40\n"
                            "batch: 20\n"
                            "hyperparameters: {dynamics.learning_rate: {init: 0.05}, model.init_scale: {init: 1.0}}\n"
                            "hypergradient: {mode: forward}\n"
                            "outer: {plugin: adam, learning_rate: 0.01, iterations: 1}\n";

/* Steps of a difference that cross a kink are skipped and counted; a smooth net has none. */
Test(gradient, check_is_honest_about_kinks)
{
    cli_write("kinks.yaml", kinks);
    cli_result r = cli_run("check", "kinks.yaml", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "central differences: dynamics.learning_rate ("), "%s", r.out);
    cr_expect(strstr(r.out, "cross a kink)"), "%s", r.out);
    r = cli_run("check", "kinks.yaml", "--set", "model/activation=tanh", NULL);
    cli_expect_done(r);
    cr_expect_not(strstr(r.out, "cross a kink"), "%s", r.out);
}

/* An activation with a kink every 1e-12: no difference can be taken. */
Test(gradient, check_fails_where_every_difference_crosses_a_kink)
{
    cli_write("kinks.yaml", kinks);
    cli_result r = cli_run("check", "kinks.yaml", "--set", "model/activation=\"tanh(x) + 1e-12*floor(1e12*x)\"", NULL);
    cr_expect_eq(r.status, 1, "%s", r.err);
    cr_expect(strstr(r.out, "central differences: dynamics.learning_rate (8 of 8 cross a kink)"), "%s", r.out);
    cr_expect(strstr(r.out, "FAILED"), "%s", r.out);
    cr_expect(strstr(r.err, "2 of the checks failed"), "%s", r.err);
}

/* A matrix product that is never off by the same: no step gives the same bits twice. Layers are wide enough for the
 * BLAS. */
Test(gradient, check_finds_steps_that_do_not_repeat)
{
    const char *sanitizers = getenv("ASAN_OPTIONS");
    setenv("ASAN_OPTIONS", cli_format("%s:verify_asan_link_order=0", sanitizers ? sanitizers : ""), 1);
    setenv("LD_PRELOAD", cli_format("%s/unsteady_blas.so", cli_environment("HOTOOL_PIPELINE_PLUGINS")), 1);
    setenv("HOTOOL_KERNELS", "base", 1); /* others leave the BLAS nothing to do */
    cli_write("kinks.yaml", kinks);
    cli_result r =
        cli_run("check", "kinks.yaml", "--set", "model={activation: tanh, shared: [48, 40]}", "--set", "steps=8", NULL);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    const char *replay = strstr(r.out, "replay at ");
    cr_assert(replay, "%s", r.out);
    cr_expect(strstr(cli_format("%.*s", (int)strcspn(replay, "\n"), replay), "FAILED"), "%s", r.out);
}
