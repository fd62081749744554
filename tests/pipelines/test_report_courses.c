/* Reports of trainings that are watched while they run: lines of steps, the courses drawn of them, refusals. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "pipelines/report_support.h"

/* ---- the run folder ---------------------------------------------------------------------------------------------- */

static const char result[] =
    "{\"format\": 1, \"hotool\": \"0.1.0\", \"pipeline\": \"frames\", \"file\": \"frames.yaml\",\n"
    " \"data\": {\"source\": \"made by hand\", \"training\": 50, \"validation\": 51, \"test\": 100, \"features\": "
    "12},\n"
    " \"seed\": 7, \"mode\": \"forward\", \"dynamics\": \"momentum\", \"steps\": null, \"precision\": \"f64\",\n"
    " \"class_names\": null, \"outcome\": \"done\", \"message\": null,\n"
    " \"rows\": [\n"
    "  {\"variant\": \"RTHO\", \"strategy\": \"online\", \"runs\": 2, \"outcome\": \"done\",\n"
    "   \"validation_error\": {\"mean\": 2.5, \"sd\": 0.7, \"values\": [2, 3]},\n"
    "   \"validation_accuracy\": {\"mean\": 0.35, \"sd\": 0.02, \"values\": [0.33, 0.37]},\n"
    "   \"test_accuracy\": {\"mean\": 0.3, \"sd\": 0.01, \"values\": [0.29, 0.31]},\n"
    "   \"gradient_evaluations\": {\"mean\": 45, \"sd\": 7, \"values\": [50, 40]},\n"
    "   \"best_epoch\": {\"mean\": 1.75, \"sd\": 0.5, \"values\": [1.5, 2]},\n"
    "   \"cpu_seconds\": {\"mean\": 3.5, \"sd\": 0.25, \"values\": [3.25, 3.75]},\n"
    "   \"seconds\": {\"mean\": 4, \"sd\": 0.5, \"values\": [3.5, 4.5]},\n"
    "   \"hyperparameters\": {\"dynamics.learning_rate\": {\"mean\": 0.2, \"sd\": 0, \"values\": [0.2, 0.2]}},\n"
    "   \"folders\": [\"RTHO/1\", \"RTHO/2\"]},\n"
    "  {\"variant\": \"plain\", \"strategy\": \"none\", \"runs\": 1, \"outcome\": \"done\",\n"
    "   \"validation_error\": {\"mean\": 2.75, \"sd\": null, \"values\": [2.75]},\n"
    "   \"test_accuracy\": {\"mean\": 0.25, \"sd\": null, \"values\": [0.25]},\n"
    "   \"gradient_evaluations\": {\"mean\": 60, \"sd\": null, \"values\": [60]}, \"seconds\": null,\n"
    "   \"hyperparameters\": {}, \"folders\": [\"plain\"]},\n"
    "  {\"variant\": \"search\", \"strategy\": \"random\", \"runs\": 1, \"outcome\": \"done\",\n"
    "   \"validation_error\": {\"mean\": 2.25, \"sd\": null, \"values\": [2.25]}, \"test_accuracy\": null,\n"
    "   \"gradient_evaluations\": null, \"seconds\": null, \"hyperparameters\": {}, \"folders\": [\"search\"]}]}\n";

/* The first repeat has an update and a look at step 10; its learning rate is told by both. */
static const char first[] =
    "{\"step\": 10, \"epoch\": 0.5, \"cpu_seconds\": 0.1, \"update\": 1, \"error\": 3.5, \"gradient_norm\": 0.5, "
    "\"digits\": {\"left\": 5.5, \"hyperparameter\": \"term.w\", \"grew\": null, \"growth\": null, \"from\": 0, "
    "\"to\": 0}, "
    "\"hyperparameters\": {\"dynamics.learning_rate\": 0.125, \"term.w\": {\"shape\": [3], \"sum\": 6}}, "
    "\"tangent_norms\": {\"dynamics.learning_rate\": 0, \"term.w\": 2}}\n"
    "{\"step\": 10, \"epoch\": 0.5, \"cpu_seconds\": 0.2, \"look\": 1, \"training_error\": 2.0, \"validation_error\": "
    "3.0, "
    "\"validation_accuracy\": 0.125, \"best\": true, \"hyperparameters\": {\"dynamics.learning_rate\": 0.25}}\n"
    "{\"step\": 20, \"epoch\": 1, \"cpu_seconds\": 0.3, \"update\": 2, \"error\": null, \"gradient_norm\": 0.125, "
    "\"digits\": {\"left\": 1.25, \"hyperparameter\": \"term.w\", \"grew\": \"W\", \"growth\": 3.0e8, \"from\": 3, "
    "\"to\": 17}, "
    "\"hyperparameters\": {\"dynamics.learning_rate\": 0.75, \"term.w\": {\"shape\": [3], \"sum\": 7}}, "
    "\"tangent_norms\": {\"dynamics.learning_rate\": 100, \"term.w\": 4}}\n"
    "{\"step\": 30, \"epoch\": 1.5, \"cpu_seconds\": 0.4, \"look\": 2, \"training_error\": 1.0, \"validation_error\": "
    "2.0, "
    "\"validation_accuracy\": 0.5, \"best\": true, \"hyperparameters\": {\"dynamics.learning_rate\": 0.75}}\n"
    "{\"step\": 50, \"epoch\": 2.5, \"cpu_seconds\": 0.5, \"look\": 3, \"training_error\": 0.5, \"validation_error\": "
    "2.5, "
    "\"validation_accuracy\": 0.25}\n";

static const char second[] =
    "{\"step\": 20, \"look\": 1, \"training_error\": 2.5, \"validation_error\": 4.0, \"best\": true}\n"
    "{\"step\": 40, \"look\": 2, \"training_error\": 1.5, \"validation_error\": 3.0, \"best\": true}\n";

static void write_run(void)
{
    report_write_text("run/result.json", result);
    report_write_text("run/pipeline.yaml", "name: frames\n");
    report_write_text("run/RTHO/1/metrics.jsonl", first);
    report_write_text("run/RTHO/2/metrics.jsonl", second);
    report_write_text(
        "run/plain/metrics.jsonl",
        "{\"step\": 30, \"look\": 1, \"training_error\": 2.5, \"validation_error\": 3.5, \"best\": true}\n"
        "{\"step\": 60, \"look\": 2, \"training_error\": 2.25, \"validation_error\": 2.75, \"best\": true}\n");
    report_write_text(
        "run/search/metrics.jsonl",
        "{\"iteration\": 1, \"validation_error\": 2.5, \"hyperparameters\": {\"dynamics.learning_rate\": 1}}\n"
        "{\"iteration\": 2, \"validation_error\": 2.25, \"hyperparameters\": {\"dynamics.learning_rate\": 2}}\n");
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

Test(courses, show_errors_accuracy_hyperparameters_and_tangents, .init = report_enter, .fini = report_leave)
{
    write_run();
    const char *page = report_page_of_run();
    const char *const captions[] = {"<figcaption>Error during training",
                                    "<figcaption>Validation accuracy during training",
                                    "<figcaption>Validation error at the updates",
                                    "<figcaption>Norm of the hypergradient",
                                    "<figcaption>Digits that rounding leaves of the hypergradient",
                                    "Fewest at 20, of term.w: a change of W grows 3e+08-fold from step 3 to step 17.",
                                    "<figcaption>dynamics.learning_rate<",
                                    "<figcaption>term.w, sum of the entries<",
                                    "for dynamics.learning_rate <",
                                    "for term.w <",
                                    "<figcaption>Lowest validation error so far, by search<"};
    for (size_t i = 0; i < sizeof captions / sizeof *captions; i++)
        report_holds(page, captions[i]);
    cr_expect_eq(report_count_of(page, "Growth is a sign of unstable dynamics"), 2);
    cr_expect_eq(report_count_of(page, "<svg"), 11, "those, and the spread of test accuracies");
    report_holds(page, "momentum, T unbounded");
    report_holds(page, "Where the first of the repeats has ended, the others go on as thin lines");
    report_expect_self_contained(page);
}

Test(courses, have_their_figures_in_the_table, .init = report_enter, .fini = report_leave)
{
    write_run();
    const char *page = report_page_of_run(), *online = report_row_of(page, "RTHO");
    report_holds(online, "online hypergradient");
    report_holds(online, "data-column=\"validation_accuracy\" data-mean=\"0.35\"");
    report_holds(online, "data-column=\"best_epoch\" data-mean=\"1.75\"");
    report_holds(online, "data-column=\"cpu_seconds\" data-mean=\"3.5\"");
    report_holds(report_row_of(page, "plain"), "data-column=\"cpu_seconds\"><span class=\"sd\">\xe2\x80\x93<");
    report_holds(page, "CPU seconds are processor time");
    /* Without them there are no such columns. */
    report_change("run/result.json", "\"best_epoch\"", "\"best_epoche\"");
    report_change("run/result.json", "\"cpu_seconds\"", "\"cpu_secondes\"");
    page = report_page_of_run();
    cr_expect_eq(report_count_of(page, "best_epoch"), 0);
    cr_expect_eq(report_count_of(page, "CPU"), 0);
}

/* ---- what is drawn ----------------------------------------------------------------------------------------------- */

/* From now on gnuplot keeps its scripts, one after the other, in scripts/. */
static void keep_scripts(void)
{
    report_write_text("scripts/none", "");
    report_write_text("bin/gnuplot", "#!/bin/sh\nn=$(ls scripts | wc -l)\ncat >scripts/$n\necho '<svg></svg>'\n");
    cr_assert_eq(chmod("bin/gnuplot", 0755), 0);
    char *path = ho_format("bin:%s", getenv("PATH"));
    cr_assert_eq(setenv("PATH", path, 1), 0);
    free(path);
}

/* The script that draws the k-th figure, from 1. */
static const char *script(int k)
{
    char path[32];
    snprintf(path, sizeof path, "scripts/%d", k);
    return report_read_text(path);
}

enum { SPREAD = 1, SEARCH, ERRORS, ACCURACY, SAMPLES, NORM, DIGITS, RATE, SUM, RATE_TANGENT, SUM_TANGENT };

Test(courses, meet_where_repeats_tell_of_other_steps, .init = report_enter, .fini = report_leave)
{
    write_run();
    keep_scripts();
    report_page_of_run();
    const char *errors = script(ERRORS);
    /* Step, mean, least and largest where both repeats are; thin lines of the one before and after. */
    report_holds(errors, "<< EOD\n 20 3.25 2.5 4\n 30 2.75 2 3.5\n 40 2.625 2.25 3\nEOD");
    report_holds(errors, "<< EOD\n 20 2 1.5 2.5\n 30 1.5 1 2\n 40 1.125 0.75 1.5\nEOD");
    report_holds(errors, "<< EOD\n 10 3\n 30 2\nEOD");
    report_holds(errors, "<< EOD\n 30 2\n 50 2.5\nEOD");
    report_holds(errors, "<< EOD\n 30 1\n 50 0.5\nEOD");
    cr_expect_eq(report_count_of(errors, "linewidth 0.8 linecolor rgb '#2f6690'"), 4);
    report_holds(errors, "\n 30 3.5 3.5 3.5\n 60 2.75 2.75 2.75\nEOD");
    report_holds(errors, " << EOD\n 30 2\n 40 3\nEOD");
    report_holds(errors, " << EOD\n 60 2.75\nEOD");
    cr_expect_eq(report_count_of(errors, "dashtype"), 4, "two rows know their training error");
    cr_expect_eq(report_count_of(errors, "filledcurves"), 1, "one row has repeats");
    report_holds(script(ACCURACY), "\n 10 12.5 12.5 12.5\n 30 50 50 50\n 50 25 25 25\nEOD");
    report_holds(script(SAMPLES), "<< EOD\n 10 3.5 3.5 3.5\nEOD");
    report_holds(script(RATE), "<< EOD\n 10 0.25 0.25 0.25\n 20 0.75 0.75 0.75\n 30 0.75 0.75 0.75\nEOD");
    report_holds(script(SUM), "<< EOD\n 10 6 6 6\n 20 7 7 7\nEOD");
    /* A logarithmic axis has no room for 0. */
    report_holds(script(RATE_TANGENT), "set logscale y");
    report_holds(script(RATE_TANGENT), "<< EOD\n 20 100 100 100\nEOD");
    report_holds(script(SUM_TANGENT), "<< EOD\n 10 2 2 2\n 20 4 4 4\nEOD");
    cr_expect_eq(report_count_of(script(ERRORS), "logscale"), 0);
}

/* The lowest error so far of a search that has ended is still its lowest: its mean goes on. */
Test(courses, of_the_lowest_error_go_on_where_a_search_has_ended, .init = report_enter, .fini = report_leave)
{
    write_run();
    report_change("run/result.json", "\"folders\": [\"search\"]", "\"folders\": [\"search\", \"other\"]");
    report_write_text("run/other/metrics.jsonl", "{\"iteration\": 1, \"validation_error\": 3.5}\n"
                                                 "{\"iteration\": 2, \"validation_error\": 1.5}\n"
                                                 "{\"iteration\": 4, \"validation_error\": 1.25}\n");
    keep_scripts();
    report_page_of_run();
    const char *lowest = script(SEARCH);
    report_holds(lowest, "<< EOD\n 1 3 2.5 3.5\n 2 1.875 1.5 2.25\n 4 1.75 1.25 2.25\nEOD");
    cr_expect_eq(report_count_of(lowest, "linewidth 0.8 linecolor rgb '#3a8f6b'"), 0);
}

/* Errors that span many powers of ten would else be one flat line with a peak. */
Test(courses, of_a_diverging_training_are_logarithmic, .init = report_enter, .fini = report_leave)
{
    write_run();
    report_change("run/RTHO/1/metrics.jsonl", "\"validation_error\": 2.5", "\"validation_error\": 1e300");
    report_page_of_run();
    keep_scripts();
    report_page_of_run();
    report_holds(script(ERRORS), "set logscale y");
}

/* However long a training is, its courses are as fine as a page can show: means around evenly spaced steps. */
Test(courses, of_a_long_training_are_thinned, .init = report_enter, .fini = report_leave)
{
    write_run();
    char *text = NULL;
    size_t size = 0;
    FILE *lines = open_memstream(&text, &size);
    for (int step = 1; step <= 40000; step++)
        fprintf(
            lines,
            "{\"step\": %d, \"update\": %d, \"error\": %d, \"hyperparameters\": {\"a\": 1, \"b\": {\"sum\": %d}}}\n",
            step * 100, step, step % 2, step);
    fclose(lines);
    report_write_text("run/RTHO/1/metrics.jsonl", text);
    free(text);
    report_page_of_run();
    keep_scripts();
    report_page_of_run();
    const char *samples = script(ERRORS + 1); /* there is no accuracy now */
    const char *from = strstr(samples, "EOD\n"), *to = from ? strstr(from + 1, "\nEOD") : NULL;
    cr_assert(to);
    size_t drawn = 0;
    for (const char *at = from + 4; at && at < to; at = strchr(at + 1, '\n'))
        drawn++;
    cr_expect_eq(drawn, 400);
    report_holds(samples, "\n 4000000 ");
    report_holds(samples, "'1M' 1000000");
    /* Errors of 0 and 1 in turn: their means are one half or nearly. */
    double step, mean, least, largest;
    for (const char *at = from + 4; at && at < to; at = strchr(at + 1, '\n')) {
        cr_assert_eq(sscanf(at, "%lf %lf %lf %lf", &step, &mean, &least, &largest), 4);
        cr_expect(mean > 0.48 && mean < 0.52, "step %g: %g", step, mean);
    }
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

Test(courses, are_refused_with_file_and_line, .init = report_enter, .fini = report_leave)
{
    static const struct {
        const char *from, *to;
        int line;
        const char *piece;
    } cases[] = {
        {"\"step\": 20", "\"step\": \"20\"", 3, "step: expected an integer"},
        {"\"step\": 20", "\"step\": 20.5", 3, "step: expected an integer"},
        {"\"step\": 20", "\"step\": null", 3, "step: expected an integer"},
        {"\"step\": 10", "\"step\": -1", 1, "step: expected an integer"},
        {"\"step\": 10", "\"step\": 0", 1, "step: expected an integer"},
        {"\"step\": 50", "\"step\": 1e3", 5, "step: expected an integer"},
        {"\"step\": 50", "\"step\": 9999999999999999", 5, "step: expected an integer"},
        {"\"step\": 20", "\"step\": 9", 3, "step: is 9 after 10"},
        {"\"step\": 20", "\"iteration\": 4, \"step\": 20", 3, "a step or an iteration, not both"},
        {"\"step\": 20", "\"step\": 20 20", 3, "not valid JSON"},
        {"\"epoch\": 1.5", "\"epoch\": \"later\"", 4, "epoch: expected a number"},
        {"\"cpu_seconds\": 0.3", "\"cpu_seconds\": []", 3, "cpu_seconds: expected a number"},
        {"\"update\": 2", "\"update\": {}", 3, "update: expected an integer"},
        {"\"look\": 3", "\"look\": true", 5, "look: expected an integer"},
        {"\"error\": null", "\"error\": false", 3, "error: expected a number"},
        {"\"gradient_norm\": 0.125", "\"gradient_norm\": \"small\"", 3, "gradient_norm: expected a number"},
        {"\"training_error\": 1.0", "\"training_error\": [1]", 4, "training_error: expected a number"},
        {"\"validation_error\": 2.5", "\"validation_error\": \"2.5\"", 5, "validation_error: expected a number"},
        {"\"validation_accuracy\": 0.5", "\"validation_accuracy\": {}", 4, "validation_accuracy: expected a number"},
        {"\"best\": true", "\"best\": 1", 2, "best: expected true or false"},
        {"{\"dynamics.learning_rate\": 0.25}", "[0.25]", 2, "hyperparameters: expected an object"},
        {"\"dynamics.learning_rate\": 0.25", "\"dynamics.learning_rate\": \"fast\"", 2,
         "hyperparameters: dynamics.learning_rate: expected a number"},
        {"\"sum\": 7", "\"mean\": 7", 3, "hyperparameters: term.w: sum: is missing: expected a number"},
        {"[3], \"sum\": 7", "[3.5], \"sum\": 7", 3, "hyperparameters: term.w: shape: expected a list of 1 to 4 sizes"},
        {"\"sum\": 7", "\"sum\": \"7\"", 3, "hyperparameters: term.w: sum: expected a number"},
        {"{\"dynamics.learning_rate\": 100, \"term.w\": 4}", "7", 3, "tangent_norms: expected an object"},
        {"\"dynamics.learning_rate\": 100", "\"dynamics.learning_rate\": \"100\"", 3,
         "tangent_norms: dynamics.learning_rate: expected a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char place[64];
        snprintf(place, sizeof place, "run/RTHO/1/metrics.jsonl:%d:", cases[i].line);
        write_run();
        report_change("run/RTHO/1/metrics.jsonl", cases[i].from, cases[i].to);
        report_expect_refused(cases[i].to, "run", place, cases[i].piece);
    }
}

Test(courses, of_an_incomplete_run_are_missed, .init = report_enter, .fini = report_leave)
{
    write_run();
    cr_assert_eq(remove("run/RTHO/2/metrics.jsonl"), 0);
    report_expect_refused("no metrics", "run", "run/RTHO/2/metrics.jsonl", "incomplete");
    write_run();
    cr_assert_eq(ho_file_write("run/RTHO/2/metrics.jsonl", "{\"step\": 1}\n\0{\"step\": 2}\n", 25, &(ho_error){0}),
                 HO_OK);
    report_expect_refused("a zero byte", "run", "run/RTHO/2/metrics.jsonl", "byte 12: is zero");
    write_run();
    report_change("run/result.json", "\"mean\": 1.75", "\"mean\": \"1.75\"");
    report_expect_refused("best_epoch", "run", "run/result.json",
                          "rows[0]: best_epoch: mean: expected a number, got \"1.75\"");
    write_run();
    report_change("run/result.json", "[3.25, 3.75]", "[3.25, true]");
    report_expect_refused("cpu_seconds", "run", "run/result.json",
                          "rows[0]: cpu_seconds: values[1]: expected a number, got true");
}

/* As many names as a hostile file likes would cost the square of their number in time. */
Test(courses, have_a_bounded_number_of_names, .init = report_enter, .fini = report_leave)
{
    write_run();
    char *text = NULL;
    size_t size = 0;
    FILE *lines = open_memstream(&text, &size);
    for (int line = 1; line <= 3; line++) {
        fprintf(lines, "{\"step\": %d, \"hyperparameters\": {\"a\": 1", line);
        for (int i = 0; i < 5000; i++)
            fprintf(lines, ", \"h%d.%d\": %d", line, i, i);
        fputs("}}\n", lines);
    }
    fclose(lines);
    report_write_text("run/RTHO/1/metrics.jsonl", text);
    free(text);
    report_expect_refused("15001 names", "run",
                          "run/RTHO/1/metrics.jsonl:2:", "hyperparameters: more than 10000 names");
}

/* ---- in a browser ------------------------------------------------------------------------------------------------ */

Test(courses, render_in_a_browser_with_hostile_names_as_text, .init = report_enter, .fini = report_leave,
     .timeout = 120)
{
    report_need_browser();
    write_run();
    report_change("run/RTHO/1/metrics.jsonl", "\"sum\": 6}", "\"sum\": 6}, \"<script>'`$(touch pwned)`\": 2");
    report_change("run/RTHO/1/metrics.jsonl", "\"term.w\": 2}", "\"term.w\": 2, \"<script>'`$(touch pwned)`\": 2}");
    const char *page = report_page_of_run();
    report_expect_self_contained(page);
    report_browse("run/report.html");
    report_expect_calm();
    const char *dom = report_read_text("dom.html");
    cr_expect_eq(report_count_of(dom, "<svg"), 13);
    cr_expect_eq(report_count_of(dom, "<script"), 0);
    report_holds(dom, "training step");
    cr_expect_not(ho_file_exists("pwned"));
}
