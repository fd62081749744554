/* Data hyper-cleaning: weights of single examples tuned on data whose labels are partly wrong; noise, the final
 * training, choices among variants, the files a run leaves, and what is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

#define TRAIN 40

/* The base pipeline on pictures of 3 x 4, with half of the labels wrong and a weight for each example. */
static void enter(void)
{
    cli_enter();
    cli_idx_blobs("x.gz", "y.gz");
    cli_pipeline("c.yaml",
                 "  - {loss: cross_entropy, reduce: mean}\n"
                 "  - {penalty: task_interaction, name: mtl}\n",
                 "  - {loss: cross_entropy, reduce: mean, weights: per_example}\n");
    cli_change("c.yaml", "  plugin: npy\n  inputs: x.npy\n  labels: y.npy\n",
               "  plugin: idx\n  inputs: x.gz\n  labels: y.gz\n  noise: {labels: 0.4}\n");
    cli_change("c.yaml", "  mtl.A: {init: 0.0, constraint: nonnegative}\n  mtl.rho: {init: 0.01}\n",
               "  cross_entropy.weights: {constraint: {plugin: capped_sum, at_most: 24}}\n");
    cli_change("c.yaml", "learning_rate: 0.01, iterations: 5", "learning_rate: 0.1, iterations: 25");
    cli_change("c.yaml", "steps: 15", "steps: 30");
}

TestSuite(cleaning, .init = enter, .fini = cli_leave, .timeout = 120);

/* One line of a CSV file, its numbers; how many there are. */
static int csv_line(const char *text, int line, double numbers[8])
{
    for (; line > 0; line--) {
        text = strchr(text, '\n');
        cr_assert(text && text[1], "no such line");
        text++;
    }
    int count = 0;
    for (char *end; count < 8; text = end + 1) {
        numbers[count++] = strtod(text, &end);
        cr_assert(end > text && (*end == ',' || *end == '\n'), "no number: %.20s", text);
        if (*end == '\n')
            break;
    }
    return count;
}

static int lines_of(const char *text)
{
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* More blobs than the base pipeline's, read from x.npy and y.npy: `train` of them for training. */
#define MANY 640
static void use_many(int train)
{
    static double x[MANY][FEATURES];
    static int64_t y[MANY];
    memset(x, 0, sizeof x);
    for (int i = 0; i < MANY; i++) {
        y[i] = i % CLASSES;
        for (int f = 0; f < FEATURES; f++)
            for (int k = 0; k < 16; k++) /* the mean of sixteen: less noise */
                x[i][f] += cli_blob(i + k * MANY, f) / 16;
    }
    cli_npy("x.npy", cli_format("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }", MANY, FEATURES), x,
            sizeof x);
    cli_npy("y.npy", cli_format("{'descr': '<i8', 'fortran_order': False, 'shape': (%d,), }", MANY), y, sizeof y);
    cli_change("c.yaml", "  plugin: idx\n  inputs: x.gz\n  labels: y.gz\n",
               "  plugin: npy\n  inputs: x.npy\n  labels: y.npy\n");
    cli_change("c.yaml", "train: 40, validation: 40, test: rest",
               cli_format("train: %d, validation: 300, test: rest", train));
}

Test(cleaning, low_weights_find_the_wrong_labels)
{
    enum { COUNT = 300 };
    use_many(COUNT);
    cli_change("c.yaml", "at_most: 24", "at_most: 180");
    cli_result r = cli_run("pipeline", "c.yaml", "--out", "r", NULL);
    cli_expect_done(r);
    const double *noise = cli_array("r/truth/noise.npy", COUNT), *labels = cli_array("r/truth/labels.npy", COUNT);
    const double *weights = cli_array("r/hyperparameters/cross_entropy.weights.npy", COUNT);
    const char *csv = cli_read("r/examples/weights.csv"), *result = cli_read("r/result.json");
    cr_assert_eq(strncmp(csv, "index,label,weight,true_label\n", 30), 0, "%s", csv);
    cr_expect_eq(lines_of(csv), COUNT + 1);
    double found = 0, hits = 0, sum = 0, replaced = 0, row[8];
    bool seen[MANY] = {false};
    for (int i = 0; i < COUNT; i++)
        sum += weights[i];
    cr_expect(sum <= 180 + 1e-9, "%g", sum);
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(csv_line(csv, i + 1, row), 4);
        int index = (int)row[0];
        cr_assert(index >= 0 && index < MANY && !seen[index], "example %d twice", index);
        seen[index] = true;
        cr_expect_eq(row[3], (double)(index % CLASSES), "the class of blob %d", index);
        cr_expect_eq(labels[i], row[3]);
        cr_expect_eq(row[1] != row[3], noise[i] == 1);
        cr_expect_eq(row[2], weights[i]);
        cr_expect(weights[i] >= 0 && weights[i] <= 1);
        bool low = weights[i] < 0.5 * sum / COUNT;
        found += low;
        hits += low && noise[i] == 1;
        replaced += noise[i];
    }
    cr_expect_eq(replaced, 120);
    double f1 = 2 * hits / (found + replaced);
    cr_expect_float_eq(json_number(result, "rows/0/precision/values/0"), hits / found, 1e-12);
    cr_expect_float_eq(json_number(result, "rows/0/recall/values/0"), hits / replaced, 1e-12);
    cr_expect_float_eq(json_number(result, "rows/0/f1/mean"), f1, 1e-12);
    cr_expect_gt(f1, 0.85, "%s", r.out);
    cr_expect(strstr(r.out, cli_format("F1 %.3f", f1)), "%s", r.out);
    cr_expect_eq(lines_of(cli_read("r/examples/lowest.csv")), 101);
}

Test(cleaning, weights_that_find_nothing_say_so)
{
    cli_result r =
        cli_run("pipeline", "c.yaml", "--quiet", "--set", "outer=null", "--set", "hyperparameters=null", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "replaced labels found: none") && !strstr(r.out, "nan"), "%s", r.out);
}

Test(cleaning, the_lowest_weights_come_with_their_pictures)
{
    cli_expect_done(cli_run("pipeline", "c.yaml", "--quiet", "--out", "r", NULL));
    const char *lowest = cli_read("r/examples/lowest.csv"), *all = cli_read("r/examples/weights.csv");
    cr_assert_eq(lines_of(lowest), TRAIN + 1);
    const double *pictures = cli_array("r/examples/lowest.npy", TRAIN * FEATURES);
    cr_expect(strstr(cli_read("r/examples/lowest.npy") + 10, "(40, 3, 4)"), "the shape that was read");
    double before = -1, row[8], other[8], least = INFINITY, most = -INFINITY;
    for (int k = 0; k < TRAIN; k++) {
        csv_line(lowest, k + 1, row);
        cr_expect_geq(row[2], before);
        before = row[2];
        bool same = false;
        for (int i = 0; i < TRAIN && !same; i++) {
            csv_line(all, i + 1, other);
            same = other[0] == row[0] && other[1] == row[1] && other[2] == row[2];
        }
        cr_expect(same, "line %d is none of weights.csv", k + 1);
        for (int f = 0; f < FEATURES; f++) {
            double x = pictures[k * FEATURES + f];
            least = fmin(least, x);
            most = fmax(most, x);
            /* As read, a byte over 255: not standardised. */
            cr_expect_float_eq(x * 255, round(x * 255), 1e-4);
        }
    }
    cr_expect(least >= 0 && most <= 1 && most > least);
}

/* Equal weights come in an order that the seed draws, not in that of the data. */
Test(cleaning, the_lowest_of_equal_weights_are_drawn_by_the_seed)
{
    cli_expect_done(cli_run("pipeline", "c.yaml", "--quiet", "--set", "outer=null", "--out", "r", NULL));
    cli_expect_done(cli_run("pipeline", "c.yaml", "--quiet", "--set", "outer=null", "--out", "s", NULL));
    cr_expect_str_eq(cli_read("r/examples/lowest.csv"), cli_read("s/examples/lowest.csv"));
    const char *all = cli_read("r/examples/weights.csv"), *lowest = cli_read("r/examples/lowest.csv");
    double row[8], other[8], weight = NAN;
    int as_they_stand = 0;
    for (int k = 0; k < TRAIN; k++) {
        csv_line(lowest, k + 1, row);
        csv_line(all, k + 1, other);
        weight = isnan(weight) ? row[2] : weight;
        cr_expect_eq(row[2], weight, "all weights are the same at the start");
        as_they_stand += row[0] == other[0];
    }
    cr_expect_lt(as_they_stand, TRAIN / 2);
}

Test(cleaning, rows_without_pictures_and_runs_without_noise_leave_what_there_is)
{
    cli_change("c.yaml", "  plugin: idx\n  inputs: x.gz\n  labels: y.gz\n  noise: {labels: 0.4}\n",
               "  plugin: npy\n  inputs: x.npy\n  labels: y.npy\n");
    cli_result r = cli_run("pipeline", "c.yaml", "--quiet", "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect_eq(strncmp(cli_read("r/examples/weights.csv"), "index,label,weight\n", 19), 0);
    cr_expect(cli_exists("r/examples/lowest.csv") && !cli_exists("r/examples/lowest.npy"));
    cr_expect_not(cli_exists("r/truth/noise.npy"));
    cr_expect_null(json_at(cli_read("r/result.json"), "rows/0/f1"));
    cr_expect_not(strstr(r.out, "F1"), "%s", r.out);
    cli_expect_done(cli_run("pipeline", "base.yaml", "--quiet", "--out", "plain", NULL));
    cr_expect_not(cli_exists("plain/examples"));
}

/* Weights out of a file train as the same weights tuned: the last training under them. */
Test(cleaning, weights_may_come_from_a_file)
{
    cli_expect_done(cli_run("pipeline", "c.yaml", "--quiet", "--out", "r", NULL));
    cli_change("c.yaml", "weights: per_example", "weights: r/hyperparameters/cross_entropy.weights.npy");
    cli_expect_done(cli_run("pipeline", "c.yaml", "--quiet", "--out", "fixed", "--set", "hyperparameters=null", "--set",
                            "outer=null", NULL));
    const char *tuned = cli_read("r/result.json"), *fixed = cli_read("fixed/result.json");
    cr_expect_eq(json_number(tuned, "tuned/validation_error"), json_number(fixed, "initial/validation_error"));
    cr_expect_eq(json_number(tuned, "rows/0/f1/mean"), json_number(fixed, "rows/0/f1/mean"));
    cr_expect_str_eq(cli_read("r/examples/weights.csv"), cli_read("fixed/examples/weights.csv"));
}

Test(cleaning, forward_and_reverse_go_the_same_way_in_batches_too)
{
    cli_expect_done(cli_run("pipeline", "c.yaml", "--quiet", "--set", "batch=13", "--out", "reverse", NULL));
    cli_expect_done(
        cli_run("pipeline", "c.yaml", "--quiet", "--set", "batch=13", "--mode", "forward", "--out", "forward", NULL));
    const double *a = cli_array("reverse/hyperparameters/cross_entropy.weights.npy", TRAIN);
    const double *b = cli_array("forward/hyperparameters/cross_entropy.weights.npy", TRAIN);
    bool moved = false;
    for (int i = 0; i < TRAIN; i++) {
        cr_expect_float_eq(a[i], b[i], 1e-6);
        moved = moved || fabs(a[i] - 24.0 / TRAIN) > 0.1;
    }
    cr_expect(moved);
}

Test(cleaning, check_proves_more_directions_than_forward_mode_can_carry)
{
    use_many(300);
    cli_result r = cli_run("check", "c.yaml", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "300 tuned entries in 300 free directions"), "%s", r.out);
    cr_expect(strstr(r.out, "mode forward: hypergradient along 8 directions"), "%s", r.out);
    cr_expect(strstr(r.out, "central differences: cross_entropy.weights"), "%s", r.out);
    cr_expect_not(strstr(r.out, "left out"), "%s", r.out);
    /* And it would find a mode that is wrong. */
    setenv("HOTOOL_PLUGIN_PATH",
           cli_format("%s:%s", cli_environment("HOTOOL_PLUGIN_PATH"), cli_environment("HOTOOL_PIPELINE_PLUGINS")), 1);
    r = cli_run("check", "c.yaml", NULL);
    cr_expect_eq(r.status, 1, "%s", r.err);
    cr_expect(strstr(r.out, "mode doubled: hypergradient along 8 directions") && strstr(r.out, "FAILED"), "%s", r.out);
}

/* ---- the final training, variants, choices ------------------------------------------------------------------------
 */

static void with_variants(void)
{
    cli_write("v.yaml", cli_format("%s%s", cli_read("c.yaml"),
                                   "final: {train_on: training+validation}\n"
                                   "repeat: 2\n"
                                   "variants:\n"
                                   "  Oracle:\n"
                                   "    data: {noise: {use: clean}}\n"
                                   "    objective: {cross_entropy: {weights: null}}\n"
                                   "    hyperparameters: null\n"
                                   "    outer: null\n"
                                   "  Baseline:\n"
                                   "    objective: {cross_entropy: {weights: null}}\n"
                                   "    hyperparameters: null\n"
                                   "    outer: null\n"
                                   "  Validation:\n"
                                   "    objective: {cross_entropy: {weights: null}}\n"
                                   "    hyperparameters: null\n"
                                   "    outer: null\n"
                                   "    final: {train_on: validation}\n"
                                   "  A: {hyperparameters: {cross_entropy.weights: {constraint: {at_most: 8}}}}\n"
                                   "  B: {}\n"
                                   "choose: {Best: [A, B]}\n"));
}

Test(cleaning, a_choice_is_the_best_variant_of_each_repetition)
{
    with_variants();
    cli_result r = cli_run("pipeline", "v.yaml", "--quiet", "--out", "r", NULL);
    cli_expect_done(r);
    const char *result = cli_read("r/result.json");
    cr_expect(json_is(result, "rows/5/variant", "Best") && json_is(result, "rows/5/strategy", "choice"), "%s", result);
    cr_expect_null(json_at(result, "rows/6"));
    for (int i = 0; i < 2; i++) {
        double a = json_number(result, cli_format("rows/3/validation_error/values/%d", i));
        double b = json_number(result, cli_format("rows/4/validation_error/values/%d", i));
        int best = b < a ? 4 : 3;
        cr_expect(json_is(result, cli_format("rows/5/chosen/%d", i), best == 3 ? "A" : "B"));
        cr_expect(
            json_is(result, cli_format("rows/5/folders/%d", i), cli_format("%s/%d", best == 3 ? "A" : "B", i + 1)));
        static const char *const figures[] = {"validation_error",
                                              "test_accuracy",
                                              "test_loss",
                                              "precision",
                                              "recall",
                                              "f1",
                                              "hyperparameters/cross_entropy.weights/sum"};
        for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
            cr_expect_eq(json_number(result, cli_format("rows/5/%s/values/%d", figures[f], i)),
                         json_number(result, cli_format("rows/%d/%s/values/%d", best, figures[f], i)), "%s",
                         figures[f]);
        static const char *const costs[] = {"gradient_evaluations", "cpu_seconds", "seconds"};
        for (size_t c = 0; c < sizeof costs / sizeof *costs; c++)
            cr_expect_float_eq(json_number(result, cli_format("rows/5/%s/values/%d", costs[c], i)),
                               json_number(result, cli_format("rows/3/%s/values/%d", costs[c], i)) +
                                   json_number(result, cli_format("rows/4/%s/values/%d", costs[c], i)),
                               1e-12, "%s: a choice costs what all of them do", costs[c]);
    }
    cr_expect(strstr(r.out, "; chosen: ") && strstr(r.out, "F1"), "%s", r.out);
    /* Without all of its variants there is no choice. */
    cli_result some = cli_run("pipeline", "v.yaml", "--quiet", "--variant", "A", "--out", "some", NULL);
    cli_expect_done(some);
    cr_expect_null(json_at(cli_read("some/result.json"), "rows/1"));
}

/* All variants share splits and noise; the oracle has just the examples whose labels are right. */
Test(cleaning, rows_share_the_noise)
{
    with_variants();
    cli_expect_done(cli_run("pipeline", "v.yaml", "--quiet", "--out", "r", NULL));
    for (int i = 1; i <= 2; i++) {
        cr_expect_eq(memcmp(cli_array(cli_format("r/A/%d/truth/noise.npy", i), TRAIN),
                            cli_array(cli_format("r/Baseline/%d/truth/noise.npy", i), TRAIN), TRAIN * sizeof(double)),
                     0);
        cr_expect_not(cli_exists(cli_format("r/Oracle/%d/truth/noise.npy", i)));
        const char *oracle = cli_read(cli_format("r/Oracle/%d/result.json", i));
        cr_expect_eq(json_number(oracle, "data/training"), 24);
    }
    cr_expect_neq(memcmp(cli_array("r/A/1/truth/noise.npy", TRAIN), cli_array("r/A/2/truth/noise.npy", TRAIN),
                         TRAIN * sizeof(double)),
                  0, "each repetition has noise of its own");
    const char *result = cli_read("r/result.json");
    cr_expect(isnan(json_number(result, "rows/2/validation_error/mean")), "what was trained on validates nothing");
    cr_expect(json_number(result, "rows/2/test_accuracy/mean") > 0);
    cr_expect_null(json_at(result, "rows/0/f1"));
    cr_expect_gt(json_number(result, "rows/5/test_accuracy/mean"), json_number(result, "rows/1/test_accuracy/mean"));
}

/* The final training by hand: the same examples as one training part, with weights 1 behind the learned ones. */
Test(cleaning, the_final_training_weighs_validation_examples_with_1)
{
    cli_npy_blobs("train_x.npy", "train_y.npy", 0, 40);
    cli_npy_blobs("val_x.npy", "val_y.npy", 40, 40);
    cli_npy_blobs("both_x.npy", "both_y.npy", 0, 80);
    cli_npy_blobs("test_x.npy", "test_y.npy", 80, 40);
    double ones[40], both[80];
    for (int i = 0; i < 40; i++)
        ones[i] = 0.1 * (i % 7);
    for (int i = 0; i < 80; i++)
        both[i] = i < 40 ? ones[i] : 1.0;
    cli_npy("w40.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (40,), }", ones, sizeof ones);
    cli_npy("w80.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (80,), }", both, sizeof both);
    static const char text[] = "precision: f64\n"
                               "data:\n"
                               "  train: {plugin: npy, inputs: %s_x.npy, labels: %s_y.npy}\n"
                               "  validation: {plugin: npy, inputs: val_x.npy, labels: val_y.npy}\n"
                               "  test: {plugin: npy, inputs: test_x.npy, labels: test_y.npy}\n"
                               "model: softmax\n"
                               "objective:\n"
                               "  - {loss: cross_entropy, weights: %s.npy}\n"
                               "dynamics: {plugin: momentum, learning_rate: 0.2}\n"
                               "steps: 20\n"
                               "%s";
    for (int batch = 0; batch < 2; batch++) {
        const char *size = batch ? "batch=9" : "batch=full";
        cli_write("final.yaml", cli_format(text, "train", "train", "w40", "final: {train_on: training+validation}\n"));
        cli_write("hand.yaml", cli_format(text, "both", "both", "w80", ""));
        cli_expect_done(
            cli_run("pipeline", "final.yaml", "--quiet", "--set", size, "--out", cli_format("final%d", batch), NULL));
        cli_expect_done(
            cli_run("pipeline", "hand.yaml", "--quiet", "--set", size, "--out", cli_format("hand%d", batch), NULL));
        const char *final = cli_read(cli_format("final%d/result.json", batch));
        const char *hand = cli_read(cli_format("hand%d/result.json", batch));
        cr_expect_eq(json_number(final, "final/test_loss"), json_number(hand, "initial/test_loss"));
        cr_expect_neq(json_number(final, "initial/test_loss"), json_number(final, "final/test_loss"));
    }
    /* Validation examples alone are as good as a training part of their own. */
    cli_write("alone.yaml", cli_format(text, "train", "train", "w40", "final: {train_on: validation}\n"));
    cli_write("hand.yaml", cli_format(text, "val", "val", "w40", ""));
    cli_change("alone.yaml", ", weights: w40.npy", "");
    cli_change("hand.yaml", ", weights: w40.npy", "");
    cli_expect_done(cli_run("pipeline", "alone.yaml", "--quiet", "--out", "alone", NULL));
    cli_expect_done(cli_run("pipeline", "hand.yaml", "--quiet", "--out", "hand", NULL));
    cr_expect_eq(json_number(cli_read("alone/result.json"), "final/test_loss"),
                 json_number(cli_read("hand/result.json"), "initial/test_loss"));
}

/* ---- bad input --------------------------------------------------------------------------------------------------- */

Test(cleaning, what_is_wrong_is_said_where_it_stands)
{
    static const struct {
        const char *from, *to, *place, *reason, *hint;
    } cases[] = {
        {"at_most: 24", "at_most: -1", ":18:", "at_most", "-1"},
        {"at_most: 24", "at_most: .nan", ":18:", "at_most", "nan"},
        {"at_most: 24", "at_most: many", ":18:", "at_most", "many"},
        {"labels: 0.4", "labels: 1", ":8:19: ", "1 is not in [0, 1)", ""},
        {"labels: 0.4", "labels: -0.1", ":8:19: ", "-0.1 is not in [0, 1)", ""},
        {"labels: 0.4", "labels: .nan", ":8:19: ", "nan", "number"},
        {"labels: 0.4", "labels: half", ":8:19: ", "half", "number"},
        {"labels: 0.4", "lables: 0.4", ":8:11: ", "\"lables\"", "did you mean \"labels\"?"},
        {"labels: 0.4", "seed: 4", ":8:10: ", "\"labels\" is missing", ""},
        {"labels: 0.4", "labels: 0.4, seed: -3", ":8:30: ", "-3 is less than 0", ""},
        {"labels: 0.4", "labels: 0.4, use: most", ":8:29: ", "\"most\" is neither all nor clean", ""},
        {"labels: 0.4", "labels: 0.99, use: clean", ":8:10: ", "no example is left", ""},
        {"noise: {labels: 0.4}", "noise: 0.4", ":8:10: ", "noise", "map"},
        {"weights: per_example", "weights: per_exampel", ":13:50: ", "\"per_exampel\"",
         "did you mean \"per_example\"?"},
        {"weights: per_example", "weights: {a: 1}", ":13:50: ", "weights: expected per_example", "per_example"},
        {"weights: per_example", "weights: [1, 2]", ":13:50: ", "expected a list of 40, got one of 2", ""},
        {"weights: per_example", "weights: many.npy", ":13:50: ", "many.npy has the shape (41)", "has (40)"},
        {"weights: per_example", "weights: none.npy", ":13:50: ", "none.npy", "no such file"},
        {", weights: per_example", "", ":18:3: ", "unknown hyperparameter \"cross_entropy.weights\"",
         "weights: per_example"},
        {"validation: {loss: cross_entropy", "validation: {weights: per_example, loss: cross_entropy",
         ":16:23: ", "the validation error has no example weights", ""},
        {"hypergradient: {mode: reverse}", "hypergradient: {mode: reverse}\nfinal: {train_on: validation}",
         ":13:50: ", "train_on: validation", ""},
        {"hypergradient: {mode: reverse}", "hypergradient: {mode: reverse}\nchoose: {R: [A, B]}",
         ":20:1: ", "no variants", ""},
    };
    double many[41] = {0};
    cli_npy("many.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (41,), }", many, sizeof many);
    const char *good = cli_read("c.yaml");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_write("bad.yaml", good);
        cli_change("bad.yaml", cases[i].from, cases[i].to);
        cli_expect_refused(cases[i].to, cli_run("pipeline", "bad.yaml", NULL), "bad.yaml", cases[i].place,
                           cases[i].reason, cases[i].hint, NULL);
    }
}

Test(cleaning, wrong_choices_are_refused)
{
    static const struct {
        const char *to, *place, *reason;
    } cases[] = {
        {"choose: {Best: [A, C]}", ":40:20: ", "no variant \"C\""},
        {"choose: {Best: [A]}", ":40:16: ", "at least two variants"},
        {"choose: {Best: [A, A]}", ":40:20: ", "\"A\" is named twice"},
        {"choose: {B: [A, B]}", ":40:10: ", "\"B\" is the name of a variant"},
        {"choose: {a/b: [A, B]}", ":40:10: ", "\"a/b\""},
        {"choose: [A, B]", ":40:9: ", "choose"},
        {"choose: {Best: A}", ":40:16: ", "Best"},
        {"choose: {Best: [A, Baselin]}", ":40:20: ", "did you mean \"Baseline\"?"},
    };
    with_variants();
    const char *good = cli_read("v.yaml");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_write("bad.yaml", good);
        cli_change("bad.yaml", "choose: {Best: [A, B]}", cases[i].to);
        cli_expect_refused(cases[i].to, cli_run("pipeline", "bad.yaml", NULL), "bad.yaml", cases[i].place,
                           cases[i].reason, NULL);
    }
    cli_write("bad.yaml", good);
    cli_change("bad.yaml", "  B: {}\n", "  B: {choose: {}}\n");
    cli_expect_refused("a variant's choice", cli_run("pipeline", "bad.yaml", NULL), "bad.yaml",
                       "a variant cannot change \"choose\"", NULL);
}

Test(cleaning, noise_needs_classes)
{
    double target[BLOBS] = {0};
    cli_npy("t.npy", cli_format("{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }", BLOBS), target,
            sizeof target);
    cli_change("c.yaml", "  plugin: idx\n  inputs: x.gz\n  labels: y.gz\n",
               "  plugin: npy\n  inputs: x.npy\n  target: t.npy\n");
    cli_change("c.yaml", "loss: cross_entropy, reduce: mean, weights",
               "loss: squared_error, name: cross_entropy, weights");
    cli_change("c.yaml", "validation: {loss: cross_entropy", "validation: {loss: squared_error");
    cli_expect_refused("reals", cli_run("pipeline", "c.yaml", NULL), "c.yaml:8:10: ", "it holds reals", NULL);
}

Test(cleaning, readers_without_an_order_have_no_weights)
{
    const char *path = cli_format("%s/unordered_data.so", cli_environment("HOTOOL_PIPELINE_PLUGINS"));
    cli_change("c.yaml", "  plugin: idx\n  inputs: x.gz\n  labels: y.gz\n",
               cli_format("  plugin: unordered\n  path: %s\n", path));
    cli_change("c.yaml", "train: 40, validation: 40, test: rest", "train: 4, validation: 2");
    cli_expect_refused("unordered", cli_run("pipeline", "c.yaml", NULL), "c.yaml:12:50: weights: ", "\"unordered\"",
                       "a different order each time", NULL);
    cli_change("c.yaml", ", weights: per_example", "");
    cli_expect_done(
        cli_run("pipeline", "c.yaml", "--quiet", "--set", "hyperparameters=null", "--set", "outer=null", NULL));
}

/* ---- the pipeline that people run -------------------------------------------------------------------------------- */

Test(cleaning, finds_wrong_labels_among_digits)
{
    if (!getenv("HOTOOL_DATA") || !*getenv("HOTOOL_DATA"))
        cli_skip("HOTOOL_DATA is not set: MNIST is needed");
    const char *pipeline = cli_format("%s/mnist_cleaning.yaml", cli_environment("HOTOOL_CONFIGS"));
    const char *const sets[] = {"--set", "data/MNIST/split/train=1000", "--set", "data/MNIST/split/validation=1000"};
    cli_result r = cli_run("pipeline", pipeline, "--quiet", sets[0], sets[1], sets[2], sets[3], "--set", "repeat=1",
                           "--set", "hyperparameters/cross_entropy.weights/constraint/at_most=400", "--variant",
                           "Baseline", "--variant", "DH-2000", "--out", "r", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "data: MNIST (idx"), "%s", r.out);
    const char *result = cli_read("r/result.json");
    /* A fifth of the examples and of the weights' sum: not as good as the whole, but far from chance (an F1 of 0.5 or
     * so). */
    cr_expect_gt(json_number(result, "rows/1/f1/mean"), 0.7, "%s", r.out);
    cr_expect_gt(json_number(result, "rows/1/test_accuracy/mean"),
                 json_number(result, "rows/0/test_accuracy/mean") + 0.02, "%s", r.out);
    cr_expect(strstr(cli_read("r/DH-2000/1/examples/lowest.npy") + 10, "(100, 28, 28)"));
}
