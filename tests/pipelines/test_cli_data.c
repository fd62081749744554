/* Where data come from: readers, parts, sources in order of preference, and files that lie. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli_support.h"
#include "json_check.h"

TestSuite(data, .init = cli_enter, .fini = cli_leave, .timeout = 60);

static const char base_data[] = "data:\n"
                                "  plugin: npy\n"
                                "  inputs: x.npy\n"
                                "  labels: y.npy\n"
                                "  split: {train: 40, validation: 40, test: rest}\n"
                                "  standardize: true\n";

/* Runs the base pipeline with other data into `out`; its result.json. */
static const char *run_with(const char *data, const char *out)
{
    cli_pipeline("other.yaml", base_data, data);
    cli_expect_done(cli_run("pipeline", "other.yaml", "--quiet", "--out", out, NULL));
    return cli_read(cli_format("%s/result.json", out));
}

static void expect_counts(const char *result, int training, int validation, int test, int features)
{
    cr_expect_float_eq(json_number(result, "data/training"), training, 0, "%s", result);
    cr_expect_float_eq(json_number(result, "data/validation"), validation, 0, "%s", result);
    cr_expect_float_eq(json_number(result, "data/test"), test, 0, "%s", result);
    cr_expect_float_eq(json_number(result, "data/features"), features, 0, "%s", result);
}

Test(data, each_reader_feeds_a_run)
{
    cli_idx_blobs("x.idx.gz", "y.idx.gz");
    expect_counts(run_with("data:\n  plugin: idx\n  inputs: x.idx.gz\n  labels: y.idx.gz\n"
                           "  split: {train: 24, validation: 30, test: 20}\n",
                           "idx"),
                  24, 30, 20, FEATURES);
    cli_cifar_blobs("records.bin", 60);
    expect_counts(run_with("data: {plugin: cifar10, inputs: records.bin, split: {train: 20, validation: 20, test: "
                           "rest, stratified: false}}\n",
                           "cifar"),
                  20, 20, 20, 3072);
    const char *result = run_with("data: {plugin: generated, features: 9, tasks: 4, groups: 2, training: 11, "
                                  "validation: 17, test: 23}\n",
                                  "generated");
    expect_counts(result, 11, 17, 23, 9);
    const double *truth = cli_array("generated/truth/relations.npy", 16);
    for (int i = 0; i < 16; i++)
        cr_expect_float_eq(truth[i], i / 4 != i % 4 && i / 8 == i % 4 / 2 ? 1 : 0, 0, "entry %d is %g", i, truth[i]);
}

/* Label noise is asked for by the same word; where a reader has an option of that name, the word is the reader's. */
Test(data, a_reader_keeps_its_own_option_noise)
{
    static const char *const readers[] = {"generated, features: 9, training: 30, validation: 30, test: 100",
                                          "generated_frames, width: 5, embedding: 0, length: 3"};
    for (int i = 0; i < 2; i++) {
        double loss[2];
        for (int loud = 0; loud < 2; loud++)
            loss[loud] = json_number(run_with(cli_format("data: {plugin: %s, noise: %d}\n", readers[i], loud ? 50 : 0),
                                              cli_format("r%d%d", i, loud)),
                                     "tuned/validation_error");
        cr_expect_lt(loss[0], loss[1], "%s: %g without noise, %g in noise", readers[i], loss[0], loss[1]);
    }
}

Test(data, a_separate_test_file_takes_no_part_in_the_split)
{
    cli_npy_blobs("x1.npy", "y1.npy", 0, 80);
    cli_npy_blobs("x2.npy", "y2.npy", 80, 40);
    const char *result = run_with("data:\n  plugin: npy\n  inputs: x1.npy\n  labels: y1.npy\n"
                                  "  test: {plugin: npy, inputs: x2.npy, labels: y2.npy}\n"
                                  "  split: {train: 40, validation: rest}\n  standardize: true\n",
                                  "r");
    expect_counts(result, 40, 40, 40, FEATURES);
    cr_expect(isfinite(json_number(result, "tuned/test_accuracy")), "%s", result);
}

Test(data, each_part_may_have_a_file_of_its_own)
{
    cli_npy_blobs("x1.npy", "y1.npy", 0, 30);
    cli_npy_blobs("x2.npy", "y2.npy", 30, 50);
    cli_npy_blobs("x3.npy", "y3.npy", 80, 40);
    const char *three = "data:\n  train: {plugin: npy, inputs: x1.npy, labels: y1.npy}\n"
                        "  validation: {plugin: npy, inputs: x2.npy, labels: y2.npy}\n";
    const char *result = run_with(cli_format("%s  test: {plugin: npy, inputs: x3.npy, labels: y3.npy}\n", three), "r");
    expect_counts(result, 30, 50, 40, FEATURES);
    result = run_with(three, "without");
    expect_counts(result, 30, 50, 0, FEATURES);
    cr_expect(isnan(json_number(result, "tuned/test_accuracy")), "%s", result);

    cli_idx_blobs("x.gz", "y.gz");
    cli_pipeline("other.yaml", base_data,
                 "data:\n  train: {plugin: npy, inputs: x1.npy, labels: y1.npy}\n"
                 "  validation: {plugin: cifar10, inputs: records.bin}\n");
    cli_cifar_blobs("records.bin", 20);
    cli_expect_refused("parts that do not fit", cli_run("pipeline", "other.yaml", NULL), "3072 features", "12", NULL);
}

Test(data, sources_are_tried_in_order_and_the_choice_is_told)
{
    const char *list = "data:\n"
                       "  - {label: the better data, plugin: npy, inputs: better.npy, labels: y.npy,\n"
                       "     split: {train: 40, validation: 40, test: rest}}\n"
                       "  - {label: the usual data, plugin: npy, inputs: x.npy, labels: y.npy,\n"
                       "     split: {train: 40, validation: 40, test: rest}}\n"
                       "  - {label: made up, plugin: generated}\n";
    cli_pipeline("list.yaml", base_data, list);
    cli_result r = cli_run("pipeline", "list.yaml", "--out", "second", NULL);
    cli_expect_done(r);
    cr_expect_eq(strncmp(r.out, "blobs: data: the usual data", 27), 0, "%s", r.out);
    const char *newline = strchr(r.out, '\n');
    cr_expect(newline && strstr(newline, "better.npy") && strstr(newline, "source 2 of 3"), "%s", r.out);
    cr_expect(strstr(newline, "blobs on the usual data (npy, .../x.npy), source 2 of 3: 40 training"),
              "the table does not tell: %s", r.out);
    const char *result = cli_read("second/result.json");
    cr_expect_float_eq(json_number(result, "data/choice"), 2, 0, "%s", result);
    cr_expect_float_eq(json_number(result, "data/choices"), 3, 0, "%s", result);
    cr_expect(strstr(json_at(result, "data/passed_over"), "better.npy"), "%s", result);
    cr_expect(strstr(json_at(result, "data/source"), "the usual data"), "%s", result);

    cli_npy_blobs("better.npy", "y.npy", 0, BLOBS);
    r = cli_run("pipeline", "list.yaml", "--out", "first", NULL);
    cli_expect_done(r);
    cr_expect_eq(strncmp(r.out, "blobs: data: the better data", 28), 0, "%s", r.out);
    cr_expect(strncmp(json_at(cli_read("first/result.json"), "data/passed_over"), "null", 4) == 0);

    /* A source that is there and wrong is told, not passed over. */
    cli_write("better.npy", "no array\n");
    cli_expect_refused("wrong first source", cli_run("pipeline", "list.yaml", NULL), "better.npy", NULL);

    /* Generated data take the place of what was asked for only where that is agreed to. */
    cli_pipeline("list.yaml", base_data, list);
    cli_expect_done(cli_run("pipeline", "list.yaml", "--set", "data/the better data=null", "--set",
                            "data/the usual data=null", "--out", "asked_for", NULL));
    static const char usual[] = "data/the usual data/inputs=${HOTOOL_NOWHERE:-gone}.npy";
    cr_assert_eq(remove("better.npy"), 0);
    cli_expect_refused("nobody agreed", cli_run("pipeline", "list.yaml", "--set", usual, NULL),
                       "list.yaml:9:5: data: no file ", "better.npy; no file ",
                       "gone.npy (${HOTOOL_NOWHERE:-gone}.npy); \"made up\" would replace it", "--allow-generated",
                       "allow_generated: true", NULL);
    cli_expect_refused("said no",
                       cli_run("pipeline", "list.yaml", "--set", usual, "--set", "allow_generated=false", NULL),
                       "would replace it", NULL);
    cli_expect_refused("one gradient", cli_run("hypergradient", "list.yaml", "--set", usual, NULL), "would replace it",
                       NULL);
    r = cli_run("pipeline", "list.yaml", "--set", usual, "--allow-generated", "--out", "made", NULL);
    cli_expect_done(r);
    cr_expect(strstr(r.out, "blobs on made up (generated), source 3 of 3"), "%s", r.out);
    /* What the run keeps says so too, and runs again. */
    cr_expect(strstr(cli_read("made/pipeline.yaml"), "allow_generated: true\n"));
    cli_expect_done(cli_run("pipeline", "made/pipeline.yaml", "--out", "again", NULL));

    cli_pipeline("none.yaml", base_data,
                 "data:\n  - {plugin: npy, inputs: a.npy, labels: y.npy, split: {train: 4, validation: 4}}\n"
                 "  - {plugin: cifar10, inputs: b.bin, split: {train: 4, validation: 4}}\n");
    cli_expect_refused("no source", cli_run("pipeline", "none.yaml", NULL), "none.yaml:5:3", "none of the 2 sources",
                       "a.npy", "b.bin", NULL);
}

Test(data, a_missing_file_names_where_it_was_asked_for)
{
    cli_pipeline("m.yaml", "inputs: x.npy", "inputs: X.npy");
    cli_expect_refused("missing inputs", cli_run("pipeline", "m.yaml", NULL), "m.yaml:5:3", "no file", "X.npy", NULL);
    cli_pipeline("m.yaml", "inputs: x.npy", "inputs: ${HOTOOL_NO_SUCH_VARIABLE}/x.npy");
    cli_expect_refused("variable not set", cli_run("pipeline", "m.yaml", NULL), "m.yaml:6:11",
                       "HOTOOL_NO_SUCH_VARIABLE is not set", NULL);
    cli_pipeline("m.yaml", "inputs: x.npy", "inputs: ${HOTOOL_NO_SUCH_VARIABLE:-.}/x.npy");
    cli_expect_done(cli_run("pipeline", "m.yaml", "--out", "r", NULL));
}

#define F8(shape) "{'descr': '<f8', 'fortran_order': False, 'shape': " shape ", }"
#define I8(shape) "{'descr': '<i8', 'fortran_order': False, 'shape': " shape ", }"

Test(data, npy_files_that_lie_are_refused)
{
    static double x[BLOBS * FEATURES];
    int64_t y[BLOBS];
    cli_npy("x.npy", F8("(10000, 12)"), x, sizeof x);
    cli_expect_refused("more rows than bytes", cli_run("pipeline", "base.yaml", NULL), "x.npy: byte ", "(10000, 12)",
                       "960000", NULL);
    cli_npy("x.npy", F8("(9223372036854775807, 12)"), x, sizeof x);
    cli_expect_refused("overflowing shape", cli_run("pipeline", "base.yaml", NULL), "x.npy: byte ", NULL);
    cli_npy("x.npy", F8("(119, 12)"), x, sizeof x);
    cli_expect_refused("fewer rows than bytes", cli_run("pipeline", "base.yaml", NULL), "x.npy: ", NULL);
    cli_npy("x.npy", F8("(120, 12)"), x, sizeof x - 5);
    cli_expect_refused("truncated", cli_run("pipeline", "base.yaml", NULL), "x.npy: byte ", NULL);
    cli_npy("x.npy", "{'descr': '<c16', 'fortran_order': False, 'shape': (60, 12), }", x, sizeof x);
    cli_expect_refused("complex numbers", cli_run("pipeline", "base.yaml", NULL), "x.npy: ", "c16", NULL);
    cli_write("x.npy", "");
    cli_expect_refused("empty", cli_run("pipeline", "base.yaml", NULL), "x.npy: ", NULL);
    cli_write("x.npy", "label,pixel\n1,2\n");
    cli_expect_refused("csv", cli_run("pipeline", "base.yaml", NULL), "x.npy: byte 0", NULL);

    x[3 * FEATURES + 5] = NAN;
    cli_npy("x.npy", F8("(120, 12)"), x, sizeof x);
    cli_expect_refused("NaN", cli_run("pipeline", "base.yaml", NULL), "x.npy: ", "example 3", "NaN", NULL);
    cli_npy_blobs("x.npy", "y.npy", 0, 100);
    cli_npy_blobs("z.npy", "y.npy", 0, BLOBS);
    cli_expect_refused("lengths", cli_run("pipeline", "base.yaml", NULL), "100", "120", NULL);

    cli_npy_blobs("x.npy", "y.npy", 0, BLOBS);
    for (int i = 0; i < BLOBS; i++)
        y[i] = i % CLASSES;
    y[7] = -1;
    cli_npy("y.npy", I8("(120,)"), y, sizeof y);
    cli_expect_refused("negative label", cli_run("pipeline", "base.yaml", NULL), "y.npy: ", "example 7", "-1", NULL);
    y[7] = 9;
    cli_npy("y.npy", I8("(120,)"), y, sizeof y);
    cli_expect_refused("label beyond the classes", cli_run("pipeline", "base.yaml", "--set", "data/classes=4", NULL),
                       "y.npy: ", "example 7", "9", "0..3", NULL);
}

Test(data, labels_of_two_signs_are_told_what_to_become)
{
    int64_t y[BLOBS];
    for (int e = 0; e < BLOBS; e++)
        y[e] = e % 2 ? 1 : -1;
    cli_npy("y.npy", I8("(120,)"), y, sizeof y);
    cli_expect_refused("signs", cli_run("hypergradient", "base.yaml", NULL),
                       "example 0 has the label -1, outside 0..999999; for labels -1 and 1, save (labels + 1)/2", NULL);
    cli_npy("y.npy", I8("()"), y, sizeof *y);
    cli_expect_refused("no axis", cli_run("hypergradient", "base.yaml", NULL),
                       "labels: has rank 0, expected 1 (data reader", NULL);
}

/* Labels that leave classes out are no mistake, but said. */
Test(data, classes_without_examples_are_said)
{
    static const struct {
        int from, step;
        const char *said;
    } cases[] = {
        {0, 1, NULL},
        {1, 1, "labels: class 0 has no example; do labels start at 1?\n"},
        {0, 2, "labels: 3 of 7 classes have no example (1, 3, 5)\n"},
        {0, 50, "labels: 147 of 151 classes have no example (1, 2, 3, 4, 5, 6, 7, 8, ...)\n"},
    };
    int64_t y[BLOBS];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int e = 0; e < BLOBS; e++)
            y[e] = cases[i].from + cases[i].step * (e % CLASSES);
        cli_npy("y.npy", I8("(120,)"), y, sizeof y);
        cli_result r = cli_run("hypergradient", "base.yaml", NULL);
        cli_expect_done(r);
        if (cases[i].said)
            cr_expect(strstr(r.out, cases[i].said), "%s is missing from: %s", cases[i].said, r.out);
        else
            cr_expect_not(strstr(r.out, "no example"), "%s", r.out);
    }
}

Test(data, a_training_part_without_the_last_class_is_told_of_classes)
{
    const int64_t y[4] = {0, 1, 2, 3};
    double x[4] = {1, 2, 3, 4};
    cli_npy("x4.npy", F8("(4, 1)"), x, sizeof x);
    cli_npy("y4.npy", I8("(4,)"), y, sizeof y);
    cli_npy("x3.npy", F8("(3, 1)"), x, 3 * sizeof *x);
    cli_npy("y3.npy", I8("(3,)"), y, 3 * sizeof *y);
    cli_pipeline("p.yaml", base_data,
                 "data:\n  train: {plugin: npy, inputs: x3.npy, labels: y3.npy}\n"
                 "  validation: {plugin: npy, inputs: x4.npy, labels: y4.npy}\n");
    cli_expect_refused("last class", cli_run("pipeline", "p.yaml", NULL), "4 classes in the validation examples",
                       "3 in the training examples", "set \"classes: 4\"", NULL);
}

Test(data, other_files_that_lie_are_refused)
{
    cli_pipeline("idx.yaml", base_data,
                 "data: {plugin: idx, inputs: x.idx, labels: y.idx, split: {train: 40, validation: 40}}\n");
    const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 3};
    cli_write_bytes("y.idx", labels, sizeof labels);
    const unsigned char inputs[] = {0, 0, 8, 3, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 28, 0, 0, 0, 28, 1, 2, 3};
    cli_write_bytes("x.idx", inputs, sizeof inputs);
    cli_expect_refused("IDX counts", cli_run("pipeline", "idx.yaml", NULL), "x.idx: byte ", NULL);
    cli_write_bytes("x.idx", inputs, 7);
    cli_expect_refused("IDX header", cli_run("pipeline", "idx.yaml", NULL), "x.idx: byte ", NULL);
    const unsigned char packed[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x63};
    cli_write_bytes("x.idx", packed, sizeof packed);
    cli_expect_refused("torn gzip", cli_run("pipeline", "idx.yaml", NULL), "x.idx: ", NULL);

    cli_pipeline("cifar.yaml", base_data, "data: {plugin: cifar10, inputs: r.bin, split: {train: 4, validation: 4}}\n");
    cli_cifar_blobs("r.bin", 20);
    const char *whole = cli_read("r.bin");
    cli_write_bytes("r.bin", whole, 20 * 3073 - 1);
    cli_expect_refused("cut record", cli_run("pipeline", "cifar.yaml", NULL), "r.bin: byte 58387", "3073", NULL);
    ((char *)(uintptr_t)whole)[2 * 3073] = 10;
    cli_write_bytes("r.bin", whole, 20 * 3073);
    cli_expect_refused("label 10", cli_run("pipeline", "cifar.yaml", NULL), "r.bin: byte 6146", "from 0 to 9, got 10",
                       NULL);
}

Test(data, a_split_takes_fractions)
{
    expect_counts(run_with("data: {plugin: npy, inputs: x.npy, labels: y.npy, split: {train: 0.5, validation: 0.255, "
                           "test: rest}}\n",
                           "shares"),
                  60, 30, 30, FEATURES);
}

Test(data, splits_that_cannot_be_are_refused)
{
    static const struct {
        const char *what, *split, *piece;
    } cases[] = {
        {"nothing to train on", "{train: 0, validation: 40}", "training"},
        {"nothing to validate on", "{train: 40, validation: 0}", "validation"},
        {"more than there is", "{train: 100, validation: 40}", "120"},
        {"an empty rest", "{train: 60, validation: 60, test: rest}", "test"},
        {"two rests", "{train: rest, validation: rest}", "only one"},
        {"no validation", "{train: 40}", "\"validation\" is missing"},
        {"a share", "{train: half, validation: 40}", "half"},
        {"shares of more than all", "{train: 0.75, validation: 0.5}", "90 for training, 60 for validation"},
        {"a fraction above 1", "{train: 40.5, validation: 40}", "40.5"},
        {"a negative number", "{train: -5, validation: 40}", "-5"},
        {"an unknown part", "{train: 40, validatoin: 40}", "did you mean \"validation\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cli_pipeline("s.yaml", "{train: 40, validation: 40, test: rest}", cases[i].split);
        cli_expect_refused(cases[i].what, cli_run("pipeline", "s.yaml", NULL), "s.yaml:8:", cases[i].piece, NULL);
    }
    cli_pipeline("s.yaml", "  split: {train: 40, validation: 40, test: rest}\n", "");
    cli_expect_refused("no split", cli_run("pipeline", "s.yaml", NULL), "s.yaml:5:3", "\"split\" is missing", NULL);
}

/* ---- f64 that becomes f32 ---------------------------------------------------------------------------------------- */

/* The blobs with feature 1 at offset + scale * x, and a line on stdout that has `says` (NULL: none) in f32. */
static void expect_loss(double offset, double scale, const char *says)
{
    double values[BLOBS * FEATURES];
    for (int i = 0; i < BLOBS; i++)
        for (int f = 0; f < FEATURES; f++)
            values[i * FEATURES + f] = f == 1 ? offset + scale * cli_blob(i, f) : cli_blob(i, f);
    cli_npy("w.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (120, 12), }", values, sizeof values);
    cli_pipeline("w.yaml", "inputs: x.npy", "inputs: w.npy");
    cli_result raw = cli_run("pipeline", "w.yaml", "--precision", "f32", "--set", "data/standardize=false", "--set",
                             "steps=1", "--set", "outer/iterations=1", NULL);
    cli_expect_done(raw);
    const char *line = strstr(raw.out, "w.npy: feature 1 loses ");
    cr_expect_eq(line != NULL, says != NULL, "%g + %g x: %s", offset, scale, raw.out);
    cr_expect(!says || (line && strstr(line, says)), "%s: %s", says, raw.out);
    cr_expect(!says || strstr(raw.out, "precision: f64 or standardize: true keeps it\n"), "%s", raw.out);
    static const char *const kept[][2] = {{"f64", "false"}, {"f32", "true"}};
    for (int i = 0; i < 2 && says; i++) {
        cli_result r = cli_run("pipeline", "w.yaml", "--precision", kept[i][0], "--set",
                               cli_format("data/standardize=%s", kept[i][1]), "--set", "steps=1", "--set",
                               "outer/iterations=1", NULL);
        cli_expect_done(r);
        cr_expect_not(strstr(r.out, "loses"), "%s", r.out);
    }
}

Test(data, what_f32_would_lose_of_f64_is_said)
{
    expect_loss(1e6, 1, " % of its range (99999");
    expect_loss(0, 1e-50, " % of its range (-");
    expect_loss(1e12, 1, " loses 100 % of its range");
    expect_loss(0, 1, NULL);
    expect_loss(20, 1, NULL);
    expect_loss(1000, 50, NULL);
    expect_loss(2000, 1, NULL);
    expect_loss(0, 1e-20, NULL);
    expect_loss(0, 1e3, NULL);
    expect_loss(0.1, 0, NULL);     /* a constant */
    expect_loss(0.1, 1e-17, NULL); /* but for rounding */
}
