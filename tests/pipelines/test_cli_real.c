/* Real data through the real pipelines; needs the folder that HOTOOL_DATA names. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

/* The pipeline by itself, without its variants and repetitions. */
#define ALONE "--set", "variants=null", "--set", "repeat=null"

TestSuite(real, .init = cli_enter, .fini = cli_leave, .timeout = 300);

static bool data_is_there(void)
{
    const char *folder = getenv("HOTOOL_DATA");
    return folder && *folder;
}

/* Seeds fixed beforehand; each draws its own 50 training and 50 validation examples. */
Test(real, validation_error_falls_on_cifar10_features_for_every_seed)
{
    if (!data_is_there())
        cli_skip("HOTOOL_DATA is not set: CIFAR-10 features are needed");
    const char *pipeline = cli_format("%s/cifar_mtl.yaml", cli_environment("HOTOOL_CONFIGS"));
    for (int seed = 1; seed <= 5; seed++) {
        const char *out = cli_format("seed%d", seed);
        cli_result r = cli_run("pipeline", pipeline, "--quiet", "--set", cli_format("seed=%d", seed), "--set",
                               "steps=40", "--set", "outer/iterations=3", ALONE, "--out", out, NULL);
        cli_expect_done(r);
        cr_expect(strstr(r.out, "data: CIFAR-10, MobileNet V1 features"), "%s", r.out);
        const char *result = cli_read(cli_format("%s/result.json", out));
        cr_expect_float_eq(json_number(result, "data/training"), 50, 0);
        cr_expect_float_eq(json_number(result, "data/validation"), 50, 0);
        double before = json_number(result, "initial/validation_error");
        double after = json_number(result, "tuned/validation_error");
        cr_expect(after < before, "seed %d: %g does not fall from %g", seed, after, before);
        const double *A = cli_array(cli_format("%s/hyperparameters/mtl.A.npy", out), 100);
        for (int i = 0; i < 100; i++)
            cr_expect(A[i] >= 0 && A[i] == A[i % 10 * 10 + i / 10], "seed %d: A is not in its set", seed);
    }
}

Test(real, raw_pixels_serve_where_the_features_are_missing)
{
    if (!data_is_there())
        cli_skip("HOTOOL_DATA is not set: CIFAR-10 records are needed");
    const char *pipeline = cli_format("%s/cifar_mtl.yaml", cli_environment("HOTOOL_CONFIGS"));
    cli_write("cifar.yaml", cli_read(pipeline));
    cli_change("cifar.yaml", "mnv1_train_x.npy", "not_there.npy");
    cli_result r = cli_run("pipeline", "cifar.yaml", "--quiet", "--set", "steps=10", "--set", "outer/iterations=1",
                           ALONE, "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "data: CIFAR-10, raw pixels") && strstr(r.out, "not_there.npy"), "%s", r.out);
    cr_expect_float_eq(json_number(cli_read("r/result.json"), "data/choice"), 2, 0);
}

Test(real, the_generated_stand_in_is_named_as_such)
{
    setenv("HOTOOL_DATA", "/nonexistent", 1);
    const char *pipeline = cli_format("%s/cifar_mtl.yaml", cli_environment("HOTOOL_CONFIGS"));
    cli_expect_refused("nobody asked for it", cli_run("pipeline", pipeline, NULL), "cifar_mtl.yaml:",
                       "no file /nonexistent/cifar10/mnv1_train_x.npy (${HOTOOL_DATA:-data}/cifar10/mnv1_train_x.npy)",
                       "no file /nonexistent/cifar10/train_raw5000.bin",
                       "\"generated stand-in (no CIFAR-10 here)\" would replace it, but its data are generated",
                       "--allow-generated or allow_generated: true", NULL);
    cli_result r = cli_run("pipeline", pipeline, "--quiet", "--set", "steps=40", "--set", "outer/iterations=3", ALONE,
                           "--set", "allow_generated=true", "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "cifar_mtl: data: generated stand-in"), "%s", r.out);
    const char *result = cli_read("r/result.json");
    cr_expect_float_eq(json_number(result, "data/choice"), 3, 0, "%s", result);
    cr_expect(strstr(json_at(result, "data/passed_over"), "mnv1_train_x.npy"), "%s", result);
    cr_expect(cli_exists("r/truth/relations.npy"));
    cr_expect_lt(json_number(result, "tuned/validation_error"), json_number(result, "initial/validation_error"));
}

Test(real, generated_frames_stand_in_for_speech_and_are_named_as_such)
{
    setenv("HOTOOL_DATA", "/nonexistent", 1);
    const char *pipeline = cli_format("%s/timit_heads.yaml", cli_environment("HOTOOL_CONFIGS"));
    cli_result r = cli_run("pipeline", pipeline, "--quiet", "--set", "steps=60", "--set", "outer/iterations=3", "--set",
                           "model/shared=[24]", "--allow-generated", "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "timit_heads: data: generated frames with planted states (generated_frames)"), "%s", r.out);
    const char *result = cli_read("r/result.json");
    cr_expect_float_eq(json_number(result, "data/choice"), 2, 0, "%s", result);
    cr_expect(strstr(json_at(result, "data/passed_over"), "/nonexistent/timit"), "%s", result);
    cr_expect_float_eq(json_number(result, "data/features"), 123, 0);
    cr_expect(cli_exists("r/truth/prototypes.npy"));
    cr_expect_lt(json_number(result, "tuned/validation_error"), json_number(result, "initial/validation_error"));
}

/* Experiment 2 in small: hyperparameters that move while training runs on speech. */
Test(real, hyperparameters_move_while_training_on_speech)
{
    if (!data_is_there())
        cli_skip("HOTOOL_DATA is not set: the TIMIT sample is needed");
    const char *pipeline = cli_format("%s/timit_rtho.yaml", cli_environment("HOTOOL_CONFIGS"));
    cli_result r = cli_run("pipeline", pipeline, "--quiet", "--variant", "quick", "--set",
                           "variants/quick/stop/epochs=4", "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "data: TIMIT sample (timit"), "%s", r.out);
    const char *result = cli_read("r/quick/1/result.json");
    cr_expect_float_eq(json_number(result, "data/training"), 24318, 0, "%s", result);
    cr_expect(json_is(result, "rows/0/strategy", "online"), "%s", result);
    cr_expect_gt(json_number(result, "tuned/test_accuracy"), 0.2, "%s", result);
    cr_expect_gt(json_number(result, "hyperparameters/dynamics.learning_rate"), 0.05, "%s", result);
}

/* All methods of it, on the generated frames. */
Test(real, the_methods_of_experiment_2_stand_in_one_table)
{
    setenv("HOTOOL_DATA", "/nonexistent", 1);
    const char *pipeline = cli_format("%s/timit_rtho.yaml", cli_environment("HOTOOL_CONFIGS"));
    cli_result r = cli_run("pipeline", pipeline, "--quiet", "--set", "model/shared=[16]", "--set", "stop/epochs=3",
                           "--set", "variants/grid/hyperparameters/secondary.weight/range/values=[0, 0.01]",
                           "--allow-generated", "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "generated frames with planted states (generated_frames)"), "%s", r.out);
    const char *result = cli_read("r/result.json");
    static const char *const rows[][2] = {
        {"RT-HO", "online"}, {"grid", "grid"}, {"plain", "none"}, {"random", "random"}};
    for (int i = 0; i < 4; i++) {
        cr_expect(json_is(result, cli_format("rows/%d/variant", i), rows[i][0]), "%s", result);
        cr_expect(json_is(result, cli_format("rows/%d/strategy", i), rows[i][1]), "%s", result);
        cr_expect_gt(json_number(result, cli_format("rows/%d/best_epoch/mean", i)), 0, "%s", result);
    }
    cr_expect_null(json_at(result, "rows/4"), "quick runs on request only");
}

Test(real, fashion_images_of_the_debian_package_are_read)
{
    if (!cli_exists("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz"))
        cli_skip("the Debian package dataset-fashion-mnist is not installed");
    const char *pipeline = cli_format("%s/fashion_mtl.yaml", cli_environment("HOTOOL_CONFIGS"));
    cli_result r = cli_run("pipeline", pipeline, "--quiet", "--set", "steps=30", "--set", "outer/iterations=2", "--out",
                           "r", NULL);
    cli_expect_done(r);
    const char *result = cli_read("r/result.json");
    cr_expect_float_eq(json_number(result, "data/test"), 10000, 0, "%s", result);
    cr_expect_gt(json_number(result, "tuned/test_accuracy"), 0.5, "%s", result);
}
