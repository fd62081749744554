/* `hotool pipeline` from end to end: numbers, run folder, table, variants of what is tuned and how. */
#include <math.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(pipeline, .init = cli_enter, .fini = cli_leave, .timeout = 60);

/* The text of line `number` (from 0) of a text; NULL: it has fewer. */
static const char *line_of(const char *text, int number)
{
    while (text && number-- > 0) {
        text = strchr(text, '\n');
        text = text && text[1] ? text + 1 : NULL;
    }
    return text ? cli_format("%.*s", (int)strcspn(text, "\n"), text) : NULL;
}

/* The validation error of outer iteration i (from 1) of a run; NaN where there is none. */
static double error_at(const char *folder, int i)
{
    const char *line = line_of(cli_read(cli_format("%s/metrics.jsonl", folder)), i - 1);
    return line ? json_number(line, "validation_error") : NAN;
}

static const char *result_of(const char *folder)
{
    const char *text = cli_read(cli_format("%s/result.json", folder));
    cr_assert(json_valid(text, strlen(text)), "no JSON: %s", text);
    return text;
}

/* Fails the test unless both runs went through the same validation errors. */
static void expect_same_errors(const char *a, const char *b, int iterations, double tolerance)
{
    for (int i = 1; i <= iterations; i++) {
        double x = error_at(a, i), y = error_at(b, i);
        cr_expect(fabs(x - y) <= tolerance * fabs(x), "iteration %d: %.17g in %s, %.17g in %s", i, x, a, y, b);
    }
}

Test(pipeline, a_run_leaves_all_its_files)
{
    cli_result r = cli_run("pipeline", "base.yaml", NULL);
    cli_expect_done(r);
    const char *first = line_of(r.out, 0);
    cr_expect(strstr(first, "data: npy") && strstr(first, "x.npy"), "the first line names no data: %s", first);
    static const char *const rows[] = {
        "validation error", "validation accuracy", "test loss", "test accuracy", "mtl.A (sum)", "mtl.rho", "tuned",
        "runs/blobs-1"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect(strstr(r.out, rows[i]), "\"%s\" is missing from: %s", rows[i], r.out);

    const char *metrics = cli_read("runs/blobs-1/metrics.jsonl");
    int lines = 0;
    for (const char *line; (line = line_of(metrics, lines)) && *line; lines++) {
        cr_expect(json_valid(line, strlen(line)) && *line == '{', "no JSON object: %s", line);
        cr_expect_float_eq(json_number(line, "iteration"), lines + 1, 0);
        cr_expect(isfinite(json_number(line, "validation_error")), "%s", line);
        cr_expect_eq(isfinite(json_number(line, "gradient_norm")), lines < 5, "%s", line);
        cr_expect(isfinite(json_number(line, "hyperparameters/mtl.rho")), "%s", line);
        cr_expect(strncmp(json_at(line, "hyperparameters/mtl.A/shape"), "[4, 4]", 6) == 0, "%s", line);
    }
    cr_expect_eq(lines, 6, "5 iterations and the last look make 6 lines, not %d", lines);

    const char *result = result_of("runs/blobs-1");
    cr_expect(json_is(result, "outcome", "done") && json_is(result, "mode", "reverse"), "%s", result);
    cr_expect(json_is(result, "precision", "f64") && json_is(result, "dynamics", "momentum"), "%s", result);
    cr_expect_float_eq(json_number(result, "outer_iterations"), 5, 0);
    cr_expect_float_eq(json_number(result, "data/training"), 40, 0);
    cr_expect_float_eq(json_number(result, "data/test"), 40, 0);
    cr_expect_float_eq(json_number(result, "initial/validation_error"), error_at("runs/blobs-1", 1), 0);
    cr_expect_float_eq(json_number(result, "tuned/validation_error"), json_number(result, "best_validation_error"), 0);
    cr_expect_lt(json_number(result, "best_validation_error"), json_number(result, "initial_validation_error"));

    const double *A = cli_array("runs/blobs-1/hyperparameters/mtl.A.npy", CLASSES * CLASSES);
    double sum = 0;
    for (int i = 0; i < CLASSES; i++) {
        cr_expect_float_eq(A[i * CLASSES + i], 0, 0);
        for (int j = 0; j < CLASSES; j++) {
            sum += A[i * CLASSES + j];
            cr_expect(A[i * CLASSES + j] == A[j * CLASSES + i] && A[i * CLASSES + j] >= 0);
        }
    }
    cr_expect_float_eq(json_number(result, "hyperparameters/mtl.A/sum"), sum, 0);
    cr_expect_float_eq(json_number(result, "hyperparameters/mtl.rho"),
                       *cli_array("runs/blobs-1/hyperparameters/mtl.rho.npy", 1), 0);
    const double *W = cli_array("runs/blobs-1/weights/W.npy", FEATURES * CLASSES);
    double norm = 0;
    for (int i = 0; i < FEATURES * CLASSES; i++)
        norm += W[i] * W[i];
    cr_expect(norm > 0 && isfinite(norm), "the weights' squared norm is %g", norm);
    cli_array("runs/blobs-1/weights/b.npy", CLASSES);
}

Test(pipeline, its_resolved_pipeline_runs_to_the_same_numbers)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "batch=16", "--set", "dynamics/learning_rate=0.15",
                            "--mode", "forward", "--out", "first", NULL));
    /* From another folder, too: paths were settled. */
    cli_expect_done(cli_run("pipeline", "first/pipeline.yaml", "--out", "second", NULL));
    expect_same_errors("first", "second", 6, 0);
    cr_expect_str_eq(cli_read("first/pipeline.yaml"), cli_read("second/pipeline.yaml"));
    cr_expect(json_is(result_of("second"), "mode", "forward"));
    const double *a = cli_array("first/weights/W.npy", FEATURES * CLASSES);
    const double *b = cli_array("second/weights/W.npy", FEATURES * CLASSES);
    cr_expect_eq(memcmp(a, b, FEATURES * CLASSES * sizeof *a), 0);
}

Test(pipeline, folders_are_counted_and_never_written_over)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", NULL));
    cr_expect(cli_exists("runs/blobs-1/result.json") && cli_exists("runs/blobs-2/result.json"));
    cr_expect_not(cli_exists("runs/blobs-3"));
    expect_same_errors("runs/blobs-1", "runs/blobs-2", 6, 0);

    const char *before = cli_read("runs/blobs-1/result.json");
    cli_result r = cli_run("pipeline", "base.yaml", "--out", "runs/blobs-1", NULL);
    cr_expect_eq(r.status, 2, "%s", r.err);
    cr_expect(strstr(r.err, "runs/blobs-1: is not empty"), "%s", r.err);
    cr_expect_str_eq(cli_read("runs/blobs-1/result.json"), before);
    cr_expect_not(cli_exists("runs/blobs-3"));

    cli_write("taken", "a file\n");
    r = cli_run("pipeline", "base.yaml", "--out", "taken", NULL);
    cr_expect_eq(r.status, 2, "%s", r.err);
    cr_expect(strstr(r.err, "taken"), "%s", r.err);
    cr_expect_str_eq(cli_read("taken"), "a file\n");
}

Test(pipeline, quiet_says_nothing_on_stderr)
{
    cli_result loud = cli_run("pipeline", "base.yaml", "--out", "loud", NULL);
    cli_expect_done(loud);
    cr_expect(strstr(loud.err, "validation error") && strstr(loud.err, "5/5"), "no progress: %s", loud.err);
    cr_expect_not(strchr(loud.err, '\r'), "a bar in a file: %s", loud.err);
    cli_result quiet = cli_run("pipeline", "base.yaml", "--quiet", "--out", "quiet", NULL);
    cli_expect_done(quiet);
    cr_expect_str_empty(quiet.err);
    cr_expect(strstr(quiet.out, "test accuracy"), "%s", quiet.out);
}

Test(pipeline, settings_from_the_command_line_count)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "outer/iterations=2", "--set=seed=4", "--precision=f32",
                            "--set", "hyperparameters/mtl.A=null", "--set", "objective/mtl/A=0.02", "--out", "r",
                            NULL));
    const char *result = result_of("r");
    cr_expect_float_eq(json_number(result, "outer_iterations"), 2, 0);
    cr_expect_float_eq(json_number(result, "seed"), 4, 0);
    cr_expect(json_is(result, "precision", "f32"), "%s", result);
    cr_expect_not(cli_exists("r/hyperparameters/mtl.A.npy"));
    cr_expect(strstr(cli_read("r/pipeline.yaml"), "A: 0.02"), "%s", cli_read("r/pipeline.yaml"));
    cr_expect(strstr(json_at(result, "command"), "hotool pipeline base.yaml --set outer/iterations=2"), "%s", result);
}

Test(pipeline, forward_and_reverse_go_the_same_way)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--mode", "forward", "--out", "f", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--mode", "reverse", "--out", "r", NULL));
    expect_same_errors("f", "r", 6, 1e-8);
    const double *a = cli_array("f/hyperparameters/mtl.A.npy", CLASSES * CLASSES);
    const double *b = cli_array("r/hyperparameters/mtl.A.npy", CLASSES * CLASSES);
    for (int i = 0; i < CLASSES * CLASSES; i++)
        cr_expect_float_eq(a[i], b[i], 1e-8);
    cr_expect(json_is(result_of("f"), "mode", "forward") && json_is(result_of("r"), "mode", "reverse"));
}

Test(pipeline, f32_comes_near_f64)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "f64", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--precision", "f32", "--out", "f32", NULL));
    expect_same_errors("f64", "f32", 6, 1e-4);
    cr_expect_float_neq(error_at("f64", 1), error_at("f32", 1), 0, "both ran in one precision");
}

/* Every kind of hyperparameter at once: of dynamics, model, loss weight and penalty, each with an own way of moving. */
Test(pipeline, hyperparameters_of_every_kind_are_tuned_together)
{
    cli_pipeline("all.yaml",
                 "  mtl.A: {init: 0.0, constraint: nonnegative}\n"
                 "  mtl.rho: {init: 0.01}\n",
                 "  dynamics.learning_rate: {init: 0.1, outer: {learning_rate: 0.002}}\n"
                 "  dynamics.momentum: {init: 0.5, constraint: {plugin: box, lower: 0.1, upper: 0.9}}\n"
                 "  mtl.A: {init: 0.01, constraint: {plugin: nonnegative_sum, at_most: 0.2}}\n"
                 "  mtl.rho: {init: 0.02, shape: columns}\n"
                 "  model.init_scale: 0.3\n"
                 "  model.temperature: 1.5\n"
                 "  cross_entropy.weight: {init: 1.0}\n");
    cli_change("all.yaml", "learning_rate: 0.2", "learning_rate: 0.1");
    cli_expect_done(cli_run("pipeline", "all.yaml", "--out", "r", NULL));
    cli_expect_done(cli_run("pipeline", "all.yaml", "--mode", "forward", "--out", "f", NULL));
    expect_same_errors("r", "f", 6, 1e-8);
    const char *line = line_of(cli_read("r/metrics.jsonl"), 5);
    static const struct {
        const char *name;
        double initial;
    } scalars[] = {{"dynamics.learning_rate", 0.1},
                   {"model.init_scale", 0.3},
                   {"model.temperature", 1.5},
                   {"cross_entropy.weight", 1.0}};
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        double moved = fabs(json_number(line, cli_format("hyperparameters/%s", scalars[i].name)) - scalars[i].initial);
        cr_expect(moved > 1e-4, "%s did not move: %s", scalars[i].name, line);
    }
    /* Adam's steps are at most as long as its rate: the own, smaller one holds. */
    double rate = json_number(line, "hyperparameters/dynamics.learning_rate");
    cr_expect(fabs(rate - 0.1) <= 5 * 0.0021, "learning_rate moved to %g", rate);
    for (int i = 1; i <= 6; i++) {
        double sum = json_number(line_of(cli_read("r/metrics.jsonl"), i - 1), "hyperparameters/mtl.A/sum");
        cr_expect(sum <= 0.2 * (1 + 1e-12), "iteration %d: A sums to %g", i, sum);
    }
    cli_array("r/hyperparameters/mtl.rho.npy", CLASSES);
    cr_expect_lt(json_number(result_of("r"), "best_validation_error"), error_at("r", 1));
}

/* Where a constraint holds lambda, the gradient stays long and the distance to where it would lead becomes 0. */
Test(pipeline, stationarity_is_measured_within_the_constraints)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "hyperparameters/mtl.rho=null", "--out", "free", NULL));
    const char *line = line_of(cli_read("free/metrics.jsonl"), 0);
    cr_expect_gt(json_number(line, "stationarity"), 1e-3, "%s", line);
    cr_expect_leq(json_number(line, "stationarity"), json_number(line, "gradient_norm"), "%s", line);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "hyperparameters/mtl.rho=null", "--set",
                            "hyperparameters/mtl.A/constraint={plugin: nonnegative_sum, at_most: 0}", "--out", "held",
                            NULL));
    line = line_of(cli_read("held/metrics.jsonl"), 3);
    cr_expect_gt(json_number(line, "gradient_norm"), 1e-3, "%s", line);
    cr_expect_float_eq(json_number(line, "stationarity"), 0, 0, "%s", line);
}

Test(pipeline, every_dynamics_drives_training_and_hyperparameters)
{
    static const char *const names[] = {"sgd", "momentum", "rmsprop", "adam", "nesterov", "adamw", "adagrad"};
    for (size_t i = 0; i < 7; i++) {
        const char *inner = cli_format("dynamics={plugin: %s, learning_rate: 0.05}", names[i]);
        const char *outer =
            cli_format("outer={plugin: %s, learning_rate: 0.0005, iterations: 4}", i < 4 ? names[3 - i] : names[i]);
        cli_expect_done(cli_run("pipeline", "base.yaml", "--set", inner, "--set", outer, "--out", names[i], NULL));
        cr_expect_lt(json_number(result_of(names[i]), "best_validation_error"), error_at(names[i], 1),
                     "%s: the error does not fall", names[i]);
    }
}

/* Also from a start that has another sum. */
Test(pipeline, a_simplex_keeps_the_sum)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set",
                            "hyperparameters/mtl.A/constraint={plugin: simplex, total: 0.3}", "--out", "sum", NULL));
    const double *A = cli_array("sum/hyperparameters/mtl.A.npy", CLASSES * CLASSES);
    double sum = 0;
    for (int i = 0; i < CLASSES * CLASSES; i++) {
        cr_expect_geq(A[i], 0.0);
        sum += A[i];
    }
    cr_expect_float_eq(sum, 0.3, 1e-15);
}

Test(pipeline, training_starts_from_given_weights)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "outer=null", "--set", "steps=1", "--set",
                            "dynamics/learning_rate=0", "--out", "zero", NULL));
    cr_expect_float_eq(json_number(result_of("zero"), "initial/validation_error"), log(CLASSES), 1e-12);
    double W[FEATURES * CLASSES];
    for (int i = 0; i < FEATURES * CLASSES; i++)
        W[i] = 0.1 * (i % 7) - 0.3;
    cli_npy("W.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (12, 4), }", W, sizeof W);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "outer=null", "--set", "steps=1", "--set",
                            "start={W: W.npy}", "--set", "dynamics/learning_rate=0", "--out", "given", NULL));
    cr_expect_eq(memcmp(cli_array("given/weights/W.npy", FEATURES * CLASSES), W, sizeof W), 0);
    cli_expect_refused("start of no weight", cli_run("pipeline", "base.yaml", "--set", "start={V: W.npy}", NULL),
                       "\"V\"", NULL);
    cli_expect_refused("start of another shape", cli_run("pipeline", "base.yaml", "--set", "start={b: W.npy}", NULL),
                       "W.npy", NULL);
    cli_expect_refused("start from no file", cli_run("pipeline", "base.yaml", "--set", "start={b: none.npy}", NULL),
                       "none.npy: no such file", NULL);
}

Test(pipeline, mini_batches_differ_from_full_ones_and_repeat)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "batch=full", "--out", "full", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "none", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "batch=7", "--out", "seven", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "batch=7", "--mode", "forward", "--out", "again", NULL));
    expect_same_errors("full", "none", 6, 0);
    expect_same_errors("seven", "again", 6, 1e-8);
    cr_expect_float_neq(error_at("full", 1), error_at("seven", 1), 1e-6);
    cli_expect_refused("batch", cli_run("pipeline", "base.yaml", "--set", "batch=41", NULL), "41", "40", NULL);
}

Test(pipeline, the_final_training_may_take_the_validation_part_too)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--out", "one", NULL));
    cli_result r =
        cli_run("pipeline", "base.yaml", "--set", "final={train_on: training+validation}", "--out", "both", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "final"), "%s", r.out);
    expect_same_errors("one", "both", 6, 0);
    const char *result = result_of("both");
    cr_expect_float_eq(json_number(result, "tuned/test_loss"), json_number(result_of("one"), "tuned/test_loss"), 0);
    cr_expect(isfinite(json_number(result, "final/test_loss")), "%s", result);
    cr_expect_float_neq(json_number(result, "final/test_loss"), json_number(result, "tuned/test_loss"), 0);
    cr_expect(isnan(json_number(result, "final/validation_error")), "the error on what was trained on was kept");
    const double *one = cli_array("one/weights/W.npy", FEATURES * CLASSES);
    const double *both = cli_array("both/weights/W.npy", FEATURES * CLASSES);
    cr_expect_neq(memcmp(one, both, FEATURES * CLASSES * sizeof *one), 0, "the weights are not the final ones");
}

Test(pipeline, without_hyperparameters_it_just_trains)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "hyperparameters=null", "--set", "outer=null", "--set",
                            "hypergradient=null", "--out", "r", NULL));
    const char *result = result_of("r");
    cr_expect(isfinite(json_number(result, "initial/test_accuracy")), "%s", result);
    cr_expect_null(json_at(result, "tuned"), "%s", result);
    cr_expect(cli_exists("r/weights/W.npy"));
}

Test(pipeline, two_threads_give_the_same_bits)
{
    cli_expect_done(cli_run("pipeline", "base.yaml", "--threads", "1", "--out", "one", NULL));
    cli_expect_done(cli_run("pipeline", "base.yaml", "--threads", "2", "--out", "two", NULL));
    expect_same_errors("one", "two", 6, 0);
}

/* Without training every output is zero. Most examples are of class 0, none of the last. */
Test(pipeline, of_equal_outputs_the_first_counts)
{
    int64_t y[BLOBS];
    int zeros = 0;
    for (int i = 0; i < BLOBS; i++)
        y[i] = i % 5 == 0 ? 1 : 0;
    cli_npy("y.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (120,), }", y, sizeof y);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--set", "outer=null", "--set", "dynamics/learning_rate=0",
                            "--set", "data/classes=4", "--set", "data/split={train: 50, validation: 50}", "--out", "r",
                            NULL));
    const double *W = cli_array("r/weights/W.npy", FEATURES * CLASSES);
    for (int i = 0; i < FEATURES * CLASSES; i++)
        zeros += W[i] == 0;
    cr_assert_eq(zeros, FEATURES * CLASSES);
    cr_expect_gt(json_number(result_of("r"), "initial/validation_accuracy"), 0.5);
}

/* Iteration i is about the hyperparameters after i - 1 steps. */
Test(pipeline, the_table_counts_the_steps_to_the_best)
{
    static const char *const rates[] = {"outer/learning_rate=0.01", "outer/learning_rate=0"};
    for (int i = 0; i < 2; i++) {
        const char *folder = i ? "still" : "moved";
        cli_result r = cli_run("pipeline", "base.yaml", "--set", rates[i], "--out", folder, NULL);
        cli_expect_done(r);
        int best = (int)json_number(result_of(folder), "best_iteration");
        cr_assert(i ? best == 1 : best > 1, "%d", best);
        const char *told = i ? "none better than the start" : cli_format("best after %d steps", best - 1);
        cr_expect(strstr(r.out, told), "%s", r.out);
    }
}

/* Where nothing improves, why is told once, and what may help. */
Test(pipeline, a_search_without_success_says_why)
{
    static const char *const cases[][2] = {
        {"outer/learning_rate=0", ": the first step changed nothing; a larger learning_rate"},
        {"outer={plugin: sgd, learning_rate: 1e3, iterations: 3}", " a smaller learning_rate of `outer` may help"},
        {"objective=[{loss: cross_entropy}, {penalty: task_interaction, name: mtl, weight: 0}]",
         ": the hypergradient is 0: nothing that is tuned"},
        {"hyperparameters={mtl.rho: {init: 0.01, constraint: {plugin: box, lower: 0, upper: 0.01}}}",
         ": every step is projected back"},
    };
    cli_change("base.yaml", "  mtl.A: {init: 0.0, constraint: nonnegative}\n", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_result r = cli_run("pipeline", "base.yaml", "--set", "outer/iterations=3", "--set", cases[i][0], NULL);
        cli_expect_done(r);
        const char *line = strstr(r.err, "no outer step of 3 improved the validation error");
        cr_expect(line && strstr(line, cases[i][1]) && !strstr(line + 1, "no outer step"), "%s: %s%s", cases[i][0],
                  r.out, r.err);
    }
    cli_result r = cli_run("pipeline", "base.yaml", "--set", "outer/learning_rate=0.01", NULL);
    cr_expect(!strstr(r.err, "no outer step"), "%s", r.err);
}
