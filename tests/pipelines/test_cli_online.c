/* Hyperparameters that move while training runs, early stopping, and comparisons at equal time, by the real program. */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cli_support.h"
#include "json_check.h"

#define OUTER "outer: {plugin: adam, learning_rate: 0.01, iterations: 5}\n"
#define STEPS "steps: 15\n"

/* o.yaml: updates every 5 of 60 steps. v.yaml: the same beside plain training and searches. */
static void enter(void)
{
    cli_enter();
    cli_pipeline("o.yaml", OUTER,
                 "stop: {every: 12}\nouter: {plugin: adam, learning_rate: 0.01, schedule: online, every: 5}\n");
    cli_change("o.yaml", STEPS, "steps: 60\nbatch: 8\n");
    cli_change("o.yaml", "mode: reverse", "mode: forward");
    cli_write("v.yaml",
              cli_format("%svariants:\n"
                         "  MOVED: {}\n"
                         "  RANDOM:\n"
                         "    hyperparameters: {mtl.A: null, mtl.rho: {range: {from: 1.0e-3, to: 1, scale: log}}}\n"
                         "    outer: {strategy: random, as_long_as: MOVED}\n"
                         "  PLAIN: {outer: null}\n"
                         "  GRID:\n"
                         "    hyperparameters: {mtl.A: null, mtl.rho: {range: {values: [0.001, 0.1]}}}\n"
                         "    outer: {strategy: grid}\n"
                         "repeat: 2\n",
                         cli_read("o.yaml")));
}

TestSuite(online, .init = enter, .fini = cli_leave, .timeout = 120);

static const char *result_of(const char *folder)
{
    const char *text = cli_read(cli_format("%s/result.json", folder));
    cr_assert(json_valid(text, strlen(text)), "no JSON: %s", text);
    return text;
}

static int lines_with(const char *folder, const char *what)
{
    const char *p = cli_read(cli_format("%s/metrics.jsonl", folder));
    int lines = 0;
    for (; *p; p += strcspn(p, "\n") + 1) {
        const char *line = cli_format("%.*s", (int)strcspn(p, "\n"), p);
        cr_expect(json_valid(line, strlen(line)), "no JSON: %s", line);
        lines += strstr(line, what) != NULL;
    }
    return lines;
}

Test(online, a_run_tells_every_update_and_every_look)
{
    cli_result r = cli_run("pipeline", "o.yaml", "--out", "r", NULL);
    cli_expect_done(r);
    const char *result = result_of("r"), *metrics = cli_read("r/metrics.jsonl");
    cr_expect_eq(lines_with("r", "\"update\""), 11);
    cr_expect_eq(lines_with("r", "\"look\""), 5);
    cr_expect_eq(lines_with("r", "\"tangent_norms\": {\"mtl.A\": "), 11);
    cr_expect(strstr(metrics, "\"training_error\": ") && strstr(metrics, "\"validation_accuracy\": "), "%s", metrics);
    cr_expect(json_is(result, "rows/0/strategy", "online"), "%s", result);
    cr_expect_float_eq(json_number(result, "outer_iterations"), 11, 0);
    cr_expect_float_eq(json_number(result, "steps"), 60, 0);
    cr_expect_gt(json_number(result, "rows/0/cpu_seconds/mean"), 0);
    double epoch = json_number(result, "tuned/best_epoch");
    cr_expect(epoch > 0 && epoch <= 12, "%s", result);
    cr_expect_float_eq(json_number(result, "rows/0/best_epoch/mean"), epoch, 0);
    /* 60 steps with 7 free directions, and no training beside. */
    cr_expect_float_eq(json_number(result, "gradient_evaluations"), 60 * (1 + 2 * 7), 0, "%s", result);
    cr_expect_null(json_at(result, "initial"), "there is no training with the initial hyperparameters");
    cr_expect(cli_exists("r/weights/W.npy"));
    cli_array("r/hyperparameters/mtl.A.npy", CLASSES * CLASSES);
    cr_expect(strstr(r.out, "momentum, T = 60, forward online") && strstr(r.out, "11 updates") &&
                  strstr(r.out, "best epoch") && strstr(r.out, "processor time"),
              "%s", r.out);
}

Test(online, reverse_mode_moves_them_as_well_and_tells_no_norms)
{
    cli_expect_done(cli_run("pipeline", "o.yaml", "--out", "f", NULL));
    cli_expect_done(cli_run("pipeline", "o.yaml", "--mode", "reverse", "--out", "r", NULL));
    cr_expect_eq(lines_with("r", "tangent_norms"), 0);
    double forward = json_number(result_of("f"), "hyperparameters/mtl.rho");
    cr_expect_float_eq(json_number(result_of("r"), "hyperparameters/mtl.rho"), forward, 1e-9);
    cr_expect_float_neq(forward, 0.01, 1e-6);
}

Test(online, a_training_without_an_end_stops_where_it_is_told_to)
{
    cli_result r = cli_run("pipeline", "o.yaml", "--set", "steps=unbounded", "--set", "stop={every: 5, patience: 2}",
                           "--out", "r", NULL);
    cli_expect_done(r);
    const char *result = result_of("r");
    cr_expect_eq(strncmp(json_at(result, "steps"), "null", 4), 0, "%s", result);
    cr_expect(strstr(r.out, "T unbounded"), "%s", r.out);
    cli_expect_refused("hypergradient",
                       cli_run("hypergradient", "o.yaml", "--set", "steps=unbounded", "--set", "stop/patience=3", NULL),
                       "steps: unbounded", "--set steps=100", NULL);
    cli_expect_refused("check",
                       cli_run("check", "o.yaml", "--set", "steps=unbounded", "--set", "stop/patience=3", NULL),
                       "steps: unbounded", "--set steps=100", NULL);
}

Test(online, check_proves_the_pipeline_that_moves)
{
    cli_result r = cli_run("check", "o.yaml", "--set", "steps=20", NULL);
    cr_expect_eq(r.status, 0, "%s%s", r.out, r.err);
    cr_expect(strstr(r.out, "mode reverse: hypergradient"), "%s", r.out);
}

Test(online, outer_iterations_may_end_in_a_training_that_is_watched)
{
    cli_pipeline("w.yaml", OUTER, "stop: {every: 3, patience: 2}\n" OUTER);
    cli_result r = cli_run("pipeline", "w.yaml", "--out", "r", NULL);
    cli_expect_done(r);
    const char *result = result_of("r");
    cr_expect_eq(lines_with("r", "\"iteration\""), 6);
    cr_expect_geq(lines_with("r", "\"look\""), 2);
    cr_expect_eq(lines_with("r", "\"look\": 1,"), 1, "lines of the training that is for comparison");
    cr_expect(json_number(result, "tuned/best_epoch") > 0 && json_number(result, "initial/best_epoch") > 0, "%s",
              result);
}

/* The words of one line of the table. */
static const char *row_of(const char *out, const char *name)
{
    const char *at = strstr(out, cli_format("\n  %s ", name));
    cr_assert(at, "no row %s in %s", name, out);
    return cli_format("%.*s", (int)strcspn(at + 1, "\n"), at + 1);
}

Test(online, methods_stand_in_one_table_with_their_time)
{
    cli_result r = cli_run("pipeline", "v.yaml", "--jobs", "2", "--out", "r", NULL);
    cli_expect_done(r);
    static const char *const names[] = {"MOVED", "RANDOM", "PLAIN", "GRID"};
    static const char *const strategies[] = {"online", "random", "none", "grid"};
    const char *result = result_of("r");
    cr_expect(strstr(r.out, "best epoch") && strstr(r.out, "CPU s"), "%s", r.out);
    for (int i = 0; i < 4; i++) {
        cr_expect(json_is(result, cli_format("rows/%d/variant", i), names[i]), "%s", result);
        cr_expect(json_is(result, cli_format("rows/%d/strategy", i), strategies[i]), "%s", result);
        cr_expect(strstr(row_of(r.out, names[i]), strategies[i]));
        static const char *const figures[] = {"validation_error", "validation_accuracy", "test_accuracy",
                                              "best_epoch",       "cpu_seconds",         "seconds"};
        for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
            cr_expect(json_number(result, cli_format("rows/%d/%s/mean", i, figures[f])) > 0, "%s of %s", figures[f],
                      names[i]);
    }
    cr_expect_geq(lines_with("r/RANDOM/1", "\"iteration\""), 1);
    cr_expect_eq(lines_with("r/GRID/2", "\"iteration\""), 2);
    cr_expect_geq(lines_with("r/PLAIN/1", "\"look\""), 5);
    /* The weights that are measured are the best candidate's: nothing is trained once more. */
    double best = json_number(result_of("r/GRID/1"), "best_validation_error");
    cr_expect_float_eq(json_number(result_of("r/GRID/1"), "tuned/validation_error"), best, 0);
    cr_expect_float_eq(json_number(result_of("r/GRID/1"), "gradient_evaluations"), 120, 0);
}

Test(online, a_search_takes_as_long_as_a_variant_beside_it)
{
    cli_result r = cli_run("pipeline", "v.yaml", "--variant", "RANDOM", NULL);
    cli_expect_refused("alone", r, "as_long_as: \"MOVED\" is not a variant of this run", "variant RANDOM", NULL);
    r = cli_run("pipeline", "v.yaml", "--variant", "RANDOM", "--set", "repeat=null", NULL);
    cli_expect_refused("alone, once", r, "as_long_as: \"MOVED\" is not a variant of this run", NULL);
    r = cli_run("pipeline", "v.yaml", "--set", "variants/RANDOM/outer/as_long_as=PLANE", NULL);
    cli_expect_refused("misspelt", r, "as_long_as: \"PLANE\"", "did you mean \"PLAIN\"?", NULL);
    r = cli_run("pipeline", "v.yaml", "--set", "variants/RANDOM/outer/as_long_as=RANDOM", NULL);
    cli_expect_refused("itself", r, "as_long_as: \"RANDOM\" is this variant itself", NULL);
    r = cli_run("pipeline", "v.yaml", "--set", "variants/GRID/outer={strategy: random, as_long_as: RANDOM}", NULL);
    cli_expect_refused("chain", r, "--set: as_long_as: GRID takes the time of RANDOM, which takes another's itself",
                       NULL);
    cli_change("v.yaml", "outer: {strategy: grid}", "outer: {strategy: random, as_long_as: RANDOM}");
    cli_expect_refused("chain in the file", cli_run("pipeline", "v.yaml", NULL), "v.yaml:", ": as_long_as: GRID takes",
                       NULL);
    cli_expect_done(cli_run("pipeline", "v.yaml", "--variant", "RANDOM", "--variant", "MOVED", "--jobs", "1", NULL));
}

Test(online, a_search_ends_when_its_time_is_over)
{
    cli_result r = cli_run("pipeline", "v.yaml", "--variant", "RANDOM", "--set", "repeat=null", "--set",
                           "variants/RANDOM/outer/as_long_as=null", "--set", "variants/RANDOM/outer/cpu_seconds=0.2",
                           "--out", "r", NULL);
    cli_expect_done(r);
    double candidates = json_number(result_of("r/RANDOM/1"), "outer_iterations");
    cr_expect(candidates >= 1 && candidates < 100000, "%g candidates", candidates);
    cr_expect_geq(json_number(result_of("r/RANDOM/1"), "cpu_seconds"), 0.2);
}

Test(online, time_is_refused_where_no_random_search_would_take_it)
{
    cli_result r = cli_run("pipeline", "v.yaml", "--set", "variants/GRID/outer/cpu_seconds=3", NULL);
    cli_expect_refused("grid", r, "cpu_seconds: only with strategy: random", "variant GRID", NULL);
    r = cli_run("pipeline", "v.yaml", "--set", "variants/MOVED/outer/as_long_as=PLAIN", NULL);
    cli_expect_refused("online", r, "as_long_as: only with strategy: random", "variant MOVED", NULL);
}

Test(online, batches_larger_than_their_part_are_refused_where_they_stand)
{
    cli_change("o.yaml", "batch: 8", "batch: 41");
    cli_expect_refused("batch", cli_run("pipeline", "o.yaml", NULL), "o.yaml:16:8: batch: 41 examples",
                       "training part has 40", NULL);
}

Test(online, an_error_that_overflows_its_column_is_told_in_short)
{
    cli_result r = cli_run("pipeline", "v.yaml", "--variant", "PLAIN", "--set", "validation/weight=1e20", NULL);
    cli_expect_done(r);
    cr_expect(strstr(row_of(r.out, "PLAIN"), "e+"), "%s", r.out);
    cr_expect_null(strstr(row_of(r.out, "PLAIN"), "00000"), "%s", r.out);
}

Test(online, updates_that_would_never_come_are_refused)
{
    cli_result r = cli_run("pipeline", "o.yaml", "--set", "outer/every=60", NULL);
    cli_expect_refused("at the end", r, "every: ", "60 steps between updates", "training has 60", NULL);
    r = cli_run("pipeline", "o.yaml", "--set", "outer/every=59", "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect_eq(lines_with("r", "\"update\""), 1);
    /* Proofs have no use for updates. */
    cr_expect_eq(cli_run("check", "o.yaml", "--set", "steps=5", NULL).status, 0);
}

Test(online, a_variant_on_request_runs_when_it_is_named)
{
    cli_change("v.yaml", "  PLAIN: {outer: null}\n", "  PLAIN: {outer: null, on_request: true}\n");
    cli_result r = cli_run("pipeline", "v.yaml", "--set", "repeat=1", "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect_null(strstr(r.out, "PLAIN"), "%s", r.out);
    r = cli_run("pipeline", "v.yaml", "--variant", "PLAIN", "--set", "repeat=1", "--out", "p", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "PLAIN"), "%s", r.out);
    cr_expect_null(strstr(cli_read("p/PLAIN/1/pipeline.yaml"), "on_request"));
    r = cli_run("pipeline", "v.yaml", "--set", "variants/GRID/on_request=perhaps", NULL);
    cli_expect_refused("word", r, "on_request", "perhaps", NULL);
    r = cli_run("pipeline", "v.yaml", "--variant", "GRID", "--set", "variants/GRID/on_request=perhaps", NULL);
    cli_expect_refused("word, though it is named", r, "on_request", "perhaps", NULL);
    r = cli_run("pipeline", "o.yaml", "--set", "variants={A: {on_request: true}}", NULL);
    cli_expect_refused("all", r, "choose with --variant", NULL);
}

Test(online, very_many_tangents_are_told_of)
{
    cli_result r = cli_run("pipeline", "o.yaml", "--set", "objective={cross_entropy: {weights: per_example}}", "--set",
                           "hyperparameters/cross_entropy.weights=1.0", "--set",
                           "data/split={train: 110, validation: 5, test: rest}", "--set", "steps=12", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.err, "mode \"forward\" carries a tangent for each of 117 directions"), "%s", r.err);
    r = cli_run("pipeline", "o.yaml", NULL);
    cli_expect_done(r);
    cr_expect_null(strstr(r.err, "carries a tangent"), "%s", r.err);
}

/* ---- what looks and updates are about ---------------------------------------------------------------------------- */

/* The line number `number` (from 1) of a run's metrics that holds `what`. */
static const char *line_with(const char *folder, const char *what, int number)
{
    for (const char *p = cli_read(cli_format("%s/metrics.jsonl", folder)); *p; p += strcspn(p, "\n") + 1) {
        const char *line = cli_format("%.*s", (int)strcspn(p, "\n"), p);
        if (strstr(line, what) && --number == 0)
            return line;
    }
    cr_assert_fail("%s: there is no such line with %s", folder, what);
    return NULL;
}

Test(online, the_hyperparameters_that_are_kept_are_those_of_the_best_look)
{
    cli_expect_done(cli_run("pipeline", "o.yaml", "--set", "dynamics/learning_rate=0.01", "--set",
                            "hyperparameters/mtl.rho/init=0.3", "--out", "r", NULL));
    int count = lines_with("r", "\"best\": true");
    cr_assert_gt(count, 1, "the first look is the best: nothing is tested");
    const char *best = line_with("r", "\"best\": true", count), *first = line_with("r", "\"look\"", 1);
    double rho = *cli_array("r/hyperparameters/mtl.rho.npy", 1), sum = 0;
    const double *A = cli_array("r/hyperparameters/mtl.A.npy", CLASSES * CLASSES);
    for (int i = 0; i < CLASSES * CLASSES; i++)
        sum += A[i];
    cr_expect_float_neq(json_number(first, "hyperparameters/mtl.rho"), rho, 1e-6);
    cr_expect_float_eq(json_number(best, "hyperparameters/mtl.rho"), rho, 0, "%s", best);
    cr_expect_float_eq(json_number(best, "hyperparameters/mtl.A/sum"), sum, 1e-12, "%s", best);
    cr_expect_float_eq(json_number(result_of("r"), "hyperparameters/mtl.rho"), rho, 0);
}

/* Data, model and batches that no seed changes. Many training examples: looks measure a sample of them. */
#define UNSEEDED                                                                                                   \
    "data={plugin: generated, seed: 1, features: 4, tasks: 4, training: 2500, validation: 60, test: 10}", "--set", \
        "batch=full", "--set", "steps=12"

static void run_seeded(const char *seed, const char *set, const char *folder)
{
    cli_expect_done(cli_run("pipeline", "o.yaml", "--set", "data=null", "--set", UNSEEDED, "--set", seed, "--set", set,
                            "--out", folder, NULL));
}

Test(online, another_seed_draws_other_validation_batches_and_other_training_samples)
{
    run_seeded("seed=3", "outer/every=5", "whole3");
    run_seeded("seed=4", "outer/every=5", "whole4");
    run_seeded("seed=3", "outer/validation_batch=10", "draw3");
    run_seeded("seed=4", "outer/validation_batch=10", "draw4");
    static const char update[] = "\"update\"", look[] = "\"look\"";
    /* The seed changes nothing else. */
    cr_expect_float_eq(json_number(line_with("whole3", update, 1), "error"),
                       json_number(line_with("whole4", update, 1), "error"), 0);
    cr_expect_float_eq(json_number(line_with("whole3", look, 1), "validation_error"),
                       json_number(line_with("whole4", look, 1), "validation_error"), 0);
    cr_expect_float_neq(json_number(line_with("draw3", update, 1), "error"),
                        json_number(line_with("draw4", update, 1), "error"), 1e-6);
    cr_expect_float_neq(json_number(line_with("whole3", look, 1), "training_error"),
                        json_number(line_with("whole4", look, 1), "training_error"), 1e-6);
}

/* The training is the same whatever it is validated on. */
Test(online, the_training_error_is_not_about_the_validation_part)
{
    const char *const parts[] = {"data/validation=60", "data/validation=90"};
    double training[2], validation[2];
    for (int i = 0; i < 2; i++) {
        const char *folder = cli_format("r%d", i);
        cli_expect_done(cli_run("pipeline", "o.yaml", "--set", "data=null", "--set", UNSEEDED, "--set", parts[i],
                                "--set", "outer=null", "--set", "hyperparameters=null", "--out", folder, NULL));
        const char *line = line_with(folder, "\"look\"", 1);
        training[i] = json_number(line, "training_error");
        validation[i] = json_number(line, "validation_error");
    }
    cr_expect_float_eq(training[0], training[1], 0);
    cr_expect_float_neq(validation[0], validation[1], 1e-6);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static double cpu_of(const char *folder)
{
    return json_number(result_of(folder), "cpu_seconds");
}

Test(online, a_search_takes_the_time_of_a_variant_and_not_more)
{
    cli_expect_done(cli_run("pipeline", "v.yaml", "--variant", "MOVED", "--variant", "RANDOM", "--jobs", "1", "--set",
                            "repeat=null", "--set", "variants/MOVED/steps=20000", "--set",
                            "variants/MOVED/stop/every=1000", "--out", "r", NULL));
    double moved = cpu_of("r/MOVED/1"), random = cpu_of("r/RANDOM/1");
    cr_expect(random > 0.8 * moved && random < 2 * moved, "%g s as long as %g s", random, moved);
}

/* Three million steps are one candidate, and take some seconds. */
Test(online, a_search_ends_within_a_candidate_whose_training_is_watched)
{
    cli_expect_done(cli_run("pipeline", "v.yaml", "--variant", "RANDOM", "--set", "repeat=null", "--set",
                            "steps=3000000", "--set", "stop/every=100000", "--set",
                            "variants/RANDOM/outer={as_long_as: null, cpu_seconds: 0.2}", "--out", "r", NULL));
    cr_expect_geq(cpu_of("r/RANDOM/1"), 0.2);
    cr_expect_lt(json_number(result_of("r/RANDOM/1"), "gradient_evaluations"), 3e6);
    cr_expect_float_eq(json_number(result_of("r/RANDOM/1"), "outer_iterations"), 1, 0);
}

/* What runs took, together, is not more than the process took; each counts its own. */
Test(online, processor_time_is_each_runs_own)
{
    struct rusage before, after;
    getrusage(RUSAGE_CHILDREN, &before);
    cli_expect_done(cli_run("pipeline", "v.yaml", "--variant", "PLAIN", "--jobs", "2", "--set", "steps=100000", "--set",
                            "stop/every=5000", "--out", "r", NULL));
    getrusage(RUSAGE_CHILDREN, &after);
    double all =
        (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
        1e-6 * (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
                        before.ru_stime.tv_usec);
    double sum = cpu_of("r/PLAIN/1") + cpu_of("r/PLAIN/2");
    cr_expect(sum > 0.2 * all && sum < 1.1 * all, "%g s of %g s", sum, all);
}

/* ---- trouble ----------------------------------------------------------------------------------------------------- */

Test(online, a_divergence_keeps_the_best_weights)
{
    cli_result r =
        cli_run("pipeline", "o.yaml", "--precision", "f32", "--set", "dynamics/learning_rate=6", "--set", "steps=3000",
                "--set", "stop/every=4", "--set", "hyperparameters/mtl.rho/init=0.3", "--out", "r", NULL);
    cr_expect_eq(r.status, 1, "exit status %d: %s", r.status, r.err);
    cr_expect(strstr(r.err, "hotool: step ") && strstr(r.err, "kept in r"), "%s", r.err);
    const char *result = result_of("r");
    cr_expect(json_is(result, "outcome", "diverged"), "%s", result);
    cr_expect(isfinite(json_number(result, "tuned/test_accuracy")), "%s", result);
    cr_expect(cli_exists("r/weights/W.npy"), "the best look's weights are not kept");
    cr_expect(strstr(r.out, "test accuracy"), "no table of what is kept: %s", r.out);
}

/* Waits until metrics.jsonl holds `what`, lets the run go on for a moment, and presses Ctrl-C. */
static cli_result interrupt_after(pid_t child, const char *what, long milliseconds)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000}, more = {.tv_nsec = milliseconds * 1000 * 1000};
    for (int tries = 0; tries < 3000; tries++) {
        if (cli_exists("r/metrics.jsonl") && strstr(cli_read("r/metrics.jsonl"), what))
            break;
        nanosleep(&moment, NULL);
    }
    nanosleep(&more, NULL);
    kill(child, SIGINT);
    return cli_finish(child);
}

Test(online, ctrl_c_keeps_the_best_weights)
{
    pid_t child = cli_start("pipeline", "o.yaml", "--set", "steps=unbounded", "--set", "stop={every: 12, epochs: 1e9}",
                            "--out", "r", NULL);
    cli_result r = interrupt_after(child, "\"look\": 3", 0);
    cr_expect_eq(r.status, 130, "exit status %d: %s", r.status, r.err);
    const char *result = result_of("r");
    cr_expect(json_is(result, "outcome", "interrupted"), "%s", result);
    cr_expect(json_number(result, "tuned/test_accuracy") > 0, "%s", result);
    cr_expect(cli_exists("r/weights/W.npy") && cli_exists("r/hyperparameters/mtl.rho.npy"));
}

Test(online, ctrl_c_keeps_the_best_weights_of_plain_training_too)
{
    pid_t child = cli_start("pipeline", "o.yaml", "--set", "outer=null", "--set", "hyperparameters=null", "--set",
                            "steps=unbounded", "--set", "stop={every: 12, epochs: 1e9}", "--out", "r", NULL);
    cli_result r = interrupt_after(child, "\"look\": 3", 0);
    cr_expect_eq(r.status, 130, "exit status %d: %s", r.status, r.err);
    const char *result = result_of("r");
    cr_expect(json_is(result, "outcome", "interrupted"), "%s", result);
    cr_expect(json_number(result, "initial/test_accuracy") > 0, "%s", result);
    cr_expect(cli_exists("r/weights/W.npy"));
}

/* The second candidate is the better one, and is under way: its weights are kept with its hyperparameters. */
Test(online, ctrl_c_in_a_search_keeps_weights_and_hyperparameters_of_one_candidate)
{
    pid_t child = cli_start("pipeline", "o.yaml", "--set", "steps=unbounded", "--set", "stop={every: 12, seconds: 3}",
                            "--set", "hyperparameters={mtl.A: null, mtl.rho: {range: {values: [1, 0.001]}}}", "--set",
                            "outer={strategy: grid, schedule: null, every: null}", "--out", "r", NULL);
    cli_result r = interrupt_after(child, "\"iteration\": 1", 500);
    cr_expect_eq(r.status, 130, "exit status %d: %s", r.status, r.err);
    const char *result = result_of("r");
    cr_expect(json_is(result, "outcome", "interrupted"), "%s", result);
    cr_expect_eq(*cli_array("r/hyperparameters/mtl.rho.npy", 1), 0.001);
    cr_expect_float_eq(json_number(result, "best_iteration"), 2, 0);
    cr_expect_float_eq(json_number(result, "tuned/validation_error"), json_number(result, "best_validation_error"), 0);
    cr_expect_eq(lines_with("r", "\"iteration\": 2"), 1);
}
