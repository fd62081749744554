/* Reports: run folders written by hand, the page that comes out of them, and what a browser makes of it. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "pipelines/report_support.h"
#include "report/report.h"

/* ---- the run folder ---------------------------------------------------------------------------------------------- */

#define CHECKSUM "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00"

static const char head[] =
    "{\"format\": 1, \"hotool\": \"0.1.0\", \"pipeline\": \"four_tasks\", \"file\": \"four.yaml\",\n"
    " \"command\": \"hotool pipeline four.yaml\",\n"
    " \"data\": {\"source\": \"made by hand\", \"choice\": 1, \"choices\": 1, \"passed_over\": null,\n"
    "  \"files\": [\"x.npy\"], \"checksums\": [\"" CHECKSUM "\"],\n"
    "  \"training\": 50, \"validation\": 51, \"test\": 10000, \"features\": 12},\n"
    " \"seed\": 7, \"repeat\": 2, \"mode\": \"reverse\", \"dynamics\": \"adam\", \"steps\": 400, \"precision\": "
    "\"f32\",\n"
    " \"machine\": {\"cpu\": \"a processor\", \"cores\": 2, \"system\": \"a system\"},\n"
    " \"versions\": {\"openblas\": \"0.3.21\", \"compiler\": \"gcc 12\"},\n"
    " \"class_names\": [\"airplane\", \"bird\", \"cat\", \"dog\"], \"outcome\": \"done\", \"message\": null,\n"
    " \"rows\": [\n";

static const char searched_row[] =
    "  {\"variant\": \"STL\", \"strategy\": \"random\", \"runs\": 2, \"outcome\": \"done\",\n"
    "   \"validation_error\": {\"mean\": 1.4175, \"sd\": 0.0312, \"values\": [1.4, 1.435]},\n"
    "   \"test_accuracy\": {\"mean\": 0.5723, \"sd\": 0.004, \"values\": [0.57, 0.5746]},\n"
    "   \"gradient_evaluations\": {\"mean\": 16000, \"sd\": 0, \"values\": [16000, 16000]},\n"
    "   \"seconds\": {\"mean\": 2.25, \"sd\": 0.25, \"values\": [2, 2.5]},\n"
    "   \"hyperparameters\": {\"l2.rho\": {\"mean\": 0.157, \"sd\": 0.051, \"values\": [0.1, 0.2]}},\n"
    "   \"folders\": [\"STL/1\", \"STL/2\"]}";

static const char tuned_row[] =
    "  {\"variant\": \"HMTL\", \"strategy\": \"hypergradient\", \"runs\": 2, \"outcome\": \"done\",\n"
    "   \"validation_error\": {\"mean\": 1.0523, \"sd\": 0.11, \"values\": [1.0, 1.1046]},\n"
    "   \"test_accuracy\": {\"mean\": 0.6089, \"sd\": 0.012, \"values\": [0.6, 0.6178]},\n"
    "   \"gradient_evaluations\": {\"mean\": 20000, \"sd\": 0, \"values\": [20000, 20000]},\n"
    "   \"seconds\": {\"mean\": 6.7, \"sd\": 1.7, \"values\": [5, 8.4]},\n"
    "   \"hyperparameters\": {\"pull.rho\": {\"mean\": 0.25, \"sd\": 0.05, \"values\": [0.2, 0.3]},\n"
    "    \"pull.A\": {\"shape\": [4, 4], \"sum\": {\"mean\": 4.24, \"sd\": 0.2, \"values\": [4.1, 4.38]}}},\n"
    "   \"folders\": [\"HMTL/1\", \"HMTL/2\"]}";

static void write_searched(const char *folder)
{
    char *path = ho_format("%s/metrics.jsonl", folder);
    report_write_text(
        path,
        "{\"iteration\": 1, \"validation_error\": 1.6, \"best\": true, \"hyperparameters\": {\"l2.rho\": 1}}\n"
        "{\"iteration\": 2, \"validation_error\": null, \"hyperparameters\": {\"l2.rho\": 9}}\n"
        "{\"iteration\": 3, \"validation_error\": 1.4, \"best\": true, \"hyperparameters\": {\"l2.rho\": 0.1}}\n");
    free(path);
}

/* airplane-bird is weak by the mean over both repeats, cat-dog strong, bird-cat too faint for the graph. */
static void write_tuned(const char *folder, double weak, double strong)
{
    char *path = ho_format("%s/metrics.jsonl", folder), *array = ho_format("%s/hyperparameters/pull.A.npy", folder);
    report_write_text(path,
                      "{\"iteration\": 1, \"validation_error\": 1.9, \"stationarity\": 7.2, \"best\": true, "
                      "\"hyperparameters\": {\"pull.rho\": 0, \"pull.A\": {\"shape\": [4, 4], \"sum\": 0}}}\n"
                      "{\"iteration\": 2, \"validation_error\": 1.2, \"stationarity\": 0.5, \"best\": true, "
                      "\"hyperparameters\": {\"pull.rho\": 0.2, \"pull.A\": {\"shape\": [4, 4], \"sum\": 2}}}\n"
                      "{\"iteration\": 3, \"validation_error\": 1.05, \"stationarity\": null, \"best\": true, "
                      "\"hyperparameters\": {\"pull.rho\": 0.25, \"pull.A\": {\"shape\": [4, 4], \"sum\": 4}}}\n");
    const double a = weak, b = strong, c = 0.05;
    report_write_matrix(array, 4, (const double[]){0, a, 0, 0, a, 0, c, 0, 0, c, 0, b, 0, 0, b, 0});
    free(path);
    free(array);
}

static void write_run(const char *rows)
{
    char *result = ho_format("%s%s]}\n", head, rows);
    report_write_text("run/result.json", result);
    free(result);
    report_write_text("run/pipeline.yaml", "name: four_tasks\nsteps: 400 # <four hundred> & no more\n");
    write_searched("run/STL/1");
    write_searched("run/STL/2");
    write_tuned("run/HMTL/1", 0.4, 1.0);
    write_tuned("run/HMTL/2", 0.6, 1.5);
}

static const char *both(void)
{
    static char rows[4096];
    snprintf(rows, sizeof rows, "%s,\n%s", searched_row, tuned_row);
    return rows;
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static void expect_table(const char *page)
{
    const char *stl = report_row_of(page, "STL"), *hmtl = report_row_of(page, "HMTL");
    report_holds(stl, "data-mean=\"1.4175\" data-sd=\"0.0312\"");
    report_holds(stl, ">1.417 <span class=\"sd\">\xc2\xb1 0.031</span>");
    report_holds(stl, "data-mean=\"0.5723\" data-sd=\"0.004\"");
    report_holds(stl, "57.23\xe2\x80\xaf% <span class=\"sd\">\xc2\xb1 0.40</span>");
    report_holds(stl, "data-mean=\"16000\"");
    report_holds(stl, ">16\xe2\x80\xaf"
                      "000</td>");
    report_holds(stl, "random search");
    report_holds(stl, "l2.rho</span><span data-mean=\"0.157\"");
    report_holds(hmtl, "data-mean=\"1.0523\" data-sd=\"0.11\"");
    report_holds(hmtl, "data-mean=\"0.6089\" data-sd=\"0.012\"");
    report_holds(hmtl, "60.89\xe2\x80\xaf% <span class=\"sd\">\xc2\xb1 1.20</span>");
    report_holds(hmtl, ">6.7 <span class=\"sd\">\xc2\xb1 1.7</span>");
    report_holds(hmtl, "sum <span data-mean=\"4.24\"");
    report_holds(hmtl, "every repeat: 0.6, 0.6178");
    cr_expect_eq(report_count_of(hmtl, "class=\"n best\""), 2, "the best error and accuracy are HMTL's");
    cr_expect_eq(report_count_of(stl, "class=\"n best\""), 0);
}

Test(report, holds_the_table_of_the_result, .init = report_enter, .fini = report_leave)
{
    write_run(both());
    expect_table(report_page_of_run());
}

Test(report, tells_what_ran_and_on_what, .init = report_enter, .fini = report_leave)
{
    write_run(both());
    const char *page = report_page_of_run();
    const char *const pieces[] = {"<h1>four_tasks</h1>",
                                  "made by hand",
                                  "50 training, 51 validation and 10000 test examples of 12 features",
                                  "adam, T = 400",
                                  "reverse mode, f32",
                                  "over 2 repeats",
                                  CHECKSUM,
                                  "x.npy",
                                  "hotool pipeline four.yaml",
                                  "a processor, 2 cores, a system",
                                  "<dt>OpenBLAS</dt><dd>0.3.21</dd>",
                                  "<dt>compiler</dt><dd>gcc 12</dd>",
                                  "<dt>seed</dt><dd>7</dd>",
                                  "steps: 400 # &lt;four hundred&gt; &amp; no more"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        report_holds(page, pieces[i]);
}

Test(report, shows_every_curve_and_fetches_nothing, .init = report_enter, .fini = report_leave)
{
    write_run(both());
    const char *page = report_page_of_run();
    const char *const captions[] = {"Test accuracy of every repeat",  "<figcaption>Validation error<",
                                    "Lowest validation error so far", "Stationarity",
                                    "<figcaption>pull.rho<",          "<figcaption>pull.A, sum of the entries<"};
    for (size_t i = 0; i < sizeof captions / sizeof *captions; i++)
        report_holds(page, captions[i]);
    cr_expect_eq(report_count_of(page, "<figcaption>l2.rho"), 0, "candidates of a search are no path");
    cr_expect_eq(report_count_of(page, "<svg"), 8, "six curves, a graph, a heat map");
    cr_expect_eq(report_count_of(page, "</svg>"), 8);
    report_expect_self_contained(page);
}

Test(report, draws_the_strongest_relations_of_the_mean, .init = report_enter, .fini = report_leave)
{
    write_run(both());
    report_page_of_run();
    const char *dot = report_read_text("run/relations.dot"), *svg = report_read_text("run/relations.svg");
    report_holds(dot, "n0 [label=\"airplane\"");
    report_holds(dot, "n3 [label=\"dog\"");
    report_holds(dot, "tooltip=\"1.25\"");
    report_holds(dot, "n2 -- n3 [penwidth=7.00");
    report_holds(dot, "n0 -- n1 [penwidth=3.28");
    cr_expect_eq(report_count_of(dot, " -- "), 2, "0.05 is below a tenth of 1.25");
    report_holds(svg, ">airplane</text>");
    cr_expect_eq(report_count_of(svg, "class=\"edge\""), 2);
}

Test(report, gives_each_of_several_rows_its_graph, .init = report_enter, .fini = report_leave)
{
    char *rows = ho_format("%s,\n%s", tuned_row, tuned_row);
    write_run(rows);
    free(rows);
    report_change("run/result.json", "\"HMTL\"", "\"HMTL S/2\"");
    const char *page = report_page_of_run();
    report_holds(page, "relations-HMTL_S_2.svg");
    report_holds(report_read_text("run/relations-HMTL_S_2.dot"), "n2 -- n3");
    report_holds(report_read_text("run/relations-HMTL.svg"), "<svg");
    cr_expect_not(ho_file_exists("run/relations.dot"));
}

Test(report, measures_the_relations_against_the_planted, .init = report_enter, .fini = report_leave)
{
    write_run(both());
    report_write_matrix("run/truth/relations.npy", 4, (const double[]){0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0});
    const char *page = report_page_of_run();
    report_holds(page, "<strong id=\"auc-1\">1.000</strong>");
    report_holds(page, "Planted relations");
    cr_expect_eq(report_count_of(page, "<svg"), 10);
    /* One related pair: dog-bird, entry 0. Of the other five pairs two are tied with it and three lie above. */
    report_write_matrix("run/truth/relations.npy", 4, (const double[]){0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0});
    report_holds(report_page_of_run(), "<strong id=\"auc-1\">0.200</strong>");
    /* Nothing related: no such figure. */
    report_write_matrix("run/truth/relations.npy", 4, (const double[16]){0});
    cr_expect_eq(report_count_of(report_page_of_run(), "id=\"auc-"), 0);
}

/* A choice repeats runs of its variants: it has figures of its own, but neither curves nor relations. */
Test(report, of_a_choice_names_what_was_chosen, .init = report_enter, .fini = report_leave)
{
    char *rows = ho_format("%s,\n%s,\n%s", searched_row, tuned_row, tuned_row), *second = strstr(rows, "\"HMTL\"");
    char *third = strstr(second + 1, "\"variant\": \"HMTL\"");
    char *chosen = ho_format("%.*s\"chosen\": [\"HMTL\", \"STL\", \"HMTL\"], \"variant\": \"BEST\"%s",
                             (int)(third - rows), rows, third + strlen("\"variant\": \"HMTL\""));
    write_run(chosen);
    free(chosen);
    free(rows);
    const char *page = report_page_of_run();
    report_holds(report_row_of(page, "BEST"), "HMTL \xc3\x97\xe2\x80\xaf"
                                              "2, STL \xc3\x97\xe2\x80\xaf"
                                              "1");
    cr_expect_eq(report_count_of(page, "<svg"), 8, "as without the choice");
    cr_expect(ho_file_exists("run/relations.dot"));
}

Test(report, of_a_plain_run_is_about_its_pipeline, .init = report_enter, .fini = report_leave)
{
    write_run(tuned_row);
    report_change("run/result.json", "\"variant\": \"HMTL\"", "\"variant\": null");
    report_change("run/result.json", "[\"HMTL/1\", \"HMTL/2\"]", "[\".\"]");
    report_change("run/result.json", "\"class_names\": [\"airplane\", \"bird\", \"cat\", \"dog\"]",
                  "\"class_names\": null");
    write_tuned("run", 0.4, 1.0);
    const char *page = report_page_of_run();
    report_row_of(page, "four_tasks");
    report_holds(report_read_text("run/relations.dot"), "n3 [label=\"3\"");
    cr_expect_eq(report_count_of(page, "class=\"n best\""), 0, "alone, nothing is the best");
}

Test(report, of_an_interrupted_run_shows_what_there_is, .init = report_enter, .fini = report_leave)
{
    write_run(
        "{\"variant\": \"late\", \"strategy\": \"hypergradient\", \"runs\": 0, \"outcome\": \"interrupted\", "
        "\"message\": \"by <hand>\",\n"
        " \"validation_error\": null, \"test_accuracy\": {\"mean\": null, \"sd\": null, \"values\": []},\n"
        " \"gradient_evaluations\": null, \"seconds\": null, \"hyperparameters\": null, \"folders\": [\"late\"]}");
    report_change("run/result.json", "\"outcome\": \"done\", \"message\": null",
                  "\"outcome\": \"interrupted\", \"message\": \"stopped at <3>\"");
    const char *page = report_page_of_run(), *row = report_row_of(page, "late");
    report_holds(row, "<span class=\"badge\">interrupted</span>");
    report_holds(row, "by &lt;hand&gt;");
    cr_expect_eq(report_count_of(row, "data-mean"), 0);
    report_holds(page, "stopped at &lt;3&gt;");
}

Test(report, goes_where_it_is_told, .init = report_enter, .fini = report_leave)
{
    write_run(both());
    ho_error error = {0};
    cr_assert_eq(ho_report_write("run/", "elsewhere.html", &error), HO_OK, "%s", error.text);
    report_holds(report_read_text("elsewhere.html"), "</html>");
    cr_expect_not(ho_file_exists("run/report.html"));
}

static void write_hostile(void)
{
    write_run(both());
    report_change("run/result.json", "\"airplane\", \"bird\", \"cat\", \"dog\"",
                  "\"<script>alert(1)</script>\", \"`touch pwned`\", \"it's \\\"\\\\N\\\" $(touch pwned)\", "
                  "\"a&amp;b\\n\\u00e9\"");
    report_change("run/result.json", "\"variant\": \"STL\"",
                  "\"variant\": \"<img src=x onerror=alert(1)>'`touch pwned`\"");
    report_change("run/result.json", "made by hand", "</title><script>alert(2)</script>");
    report_change("run/result.json", "\"pull.rho\"", "\"<b>'\\\"rho\"");
}

Test(report, escapes_every_text, .init = report_enter, .fini = report_leave)
{
    write_hostile();
    const char *page = report_page_of_run(), *dot = report_read_text("run/relations.dot");
    cr_expect_eq(report_count_of(page, "<script"), 0);
    cr_expect_eq(report_count_of(page, "<img"), 0);
    cr_expect_eq(report_count_of(page, "<b>"), 0);
    report_holds(page, "&lt;/title&gt;&lt;script&gt;alert(2)&lt;/script&gt;");
    report_holds(page, "data-row=\"&lt;img src=x onerror=alert(1)&gt;&#39;`touch pwned`\"");
    cr_expect_not(ho_file_exists("pwned"), "a name was run as a command");
    report_holds(dot, "label=\"it's \\\"\\\\N\\\" $(touch pwned)\"");
    report_holds(report_read_text("run/relations.svg"), ">a&amp;amp;b \xc3\xa9</text>");
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

Test(report, refuses_what_is_no_run_folder, .init = report_enter, .fini = report_leave)
{
    report_expect_refused("missing folder", "nowhere", "nowhere", "no such folder");
    report_write_text("file", "x");
    report_expect_refused("a file", "file", "file", "is not a folder");
    write_run(both());
    cr_assert_eq(remove("run/result.json"), 0);
    report_expect_refused("no result", "run", "run/result.json", "no such file");
    write_run(both());
    cr_assert_eq(remove("run/pipeline.yaml"), 0);
    report_expect_refused("no pipeline", "run", "run/pipeline.yaml", "no such file");
}

Test(report, refuses_a_bad_result_with_the_place, .init = report_enter, .fini = report_leave)
{
    static const struct {
        const char *from, *to, *piece;
    } cases[] = {
        {"{\"format\": 1,", "{", "format: is missing"},
        {"\"format\": 1", "\"format\": 2", "format: is 2; this hotool reads formats up to 1"},
        {"\"format\": 1", "\"format\": \"1\"", "format: expected an integer from 1, got \"1\""},
        {"\"hotool\": \"0.1.0\"", "\"hotool\": 0.1.0", "run/result.json:1:"},
        {"\"seed\": 7", "\"seed\": 1e999", "run/result.json:6:"},
        {"\"seed\": 7", "\"seed\": 7, \"seed\": 8", "duplicate"},
        {"\"pipeline\": \"four_tasks\"", "\"pipeline\": 4", "pipeline: expected a string, got 4"},
        {"\"outcome\": \"done\", \"message\"", "\"outcome\": null, \"message\"", "outcome: expected a value, got null"},
        {"\"class_names\": [\"airplane\"", "\"class_names\": [1", "class_names[0]: expected a string, got 1"},
        {"\"rows\": [", "\"rows\": [], \"others\": [", "rows: expected a list that is not empty, got an empty list"},
        {"\"runs\": 2", "\"runs\": -2", "rows[0]: runs: expected an integer from 0, got -2"},
        {"\"mean\": 1.4175", "\"mean\": \"1.4175\"", "rows[0]: validation_error: mean: expected a number"},
        {"\"values\": [1.4,", "\"values\": [true,",
         "rows[0]: validation_error: values[0]: expected a number, got true"},
        {"\"shape\": [4, 4]", "\"shape\": [4, 0]", "pull.A: shape: expected a list of 1 to 4 sizes"},
        {"\"STL/1\"", "\"../STL\"", "rows[0]: folders[0]: expected a path inside the run folder, got \"../STL\""},
        {"\"STL/1\"", "\"/tmp\"", "rows[0]: folders[0]: expected a path inside the run folder, got \"/tmp\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_run(both());
        report_change("run/result.json", cases[i].from, cases[i].to);
        report_expect_refused(cases[i].to, "run", "run/result.json", cases[i].piece);
    }
    write_run(both());
    report_change("run/result.json", "\"pull.A\"", "\"../../pull.A\"");
    report_expect_refused("a name out of the folder", "run",
                          "run: ", "../../pull.A.npy\" is a path out of the run folder");
}

Test(report, refuses_a_torn_run_folder_with_the_place, .init = report_enter, .fini = report_leave)
{
    write_run(both());
    cr_assert_eq(remove("run/STL/2/metrics.jsonl"), 0);
    report_expect_refused("no metrics", "run", "run/STL/2/metrics.jsonl", "incomplete");
    write_run(both());
    report_write_text("run/HMTL/1/metrics.jsonl", "");
    report_expect_refused("empty metrics", "run", "run/HMTL/1/metrics.jsonl", "is empty");
    write_run(both());
    report_change("run/HMTL/1/metrics.jsonl", "\"iteration\": 2", "\"iteration\": \"");
    report_expect_refused("torn line", "run", "run/HMTL/1/metrics.jsonl:2:", "not valid JSON");
    write_run(both());
    report_change("run/HMTL/1/metrics.jsonl", "\"iteration\": 3", "\"iteration\": 100000000000");
    report_expect_refused("huge iteration", "run", "run/HMTL/1/metrics.jsonl:3:", "iteration from 1 to");
    write_run(both());
    report_change("run/HMTL/1/metrics.jsonl", "\"stationarity\": 0.5", "\"stationarity\": \"small\"");
    report_expect_refused("text for a number", "run", "run/HMTL/1/metrics.jsonl:2:", "stationarity");
    write_run(both());
    cr_assert_eq(remove("run/HMTL/2/hyperparameters/pull.A.npy"), 0);
    report_expect_refused("no matrix", "run", "run/HMTL/2/hyperparameters/pull.A.npy", "incomplete");
    write_run(both());
    report_write_matrix("run/HMTL/2/hyperparameters/pull.A.npy", 2, (const double[]){0, 1, 1, 0});
    report_expect_refused("another shape", "run", "run/HMTL/2/hyperparameters/pull.A.npy", "4 x 4");
    write_run(both());
    report_write_matrix("run/HMTL/2/hyperparameters/pull.A.npy", 4, (const double[16]){0, (double)NAN});
    report_expect_refused("not finite", "run", "run/HMTL/2/hyperparameters/pull.A.npy", "entry 1 is not finite");
}

Test(report, names_the_package_of_a_missing_program, .init = report_enter, .fini = report_leave)
{
    write_run(both());
    cr_assert_eq(setenv("PATH", "/nowhere", 1), 0);
    ho_error error = {0};
    cr_expect_eq(ho_report_write("run", NULL, &error), HO_FAILED);
    cr_expect_str_eq(error.text, "neato, which draws this, is not installed (Debian package graphviz)");
    cr_expect(strstr(report_read_text("run/report.html"), "not drawn: neato, which draws this, is not installed"));
    report_write_text("bin/neato", "#!/bin/sh\necho '<svg></svg>'\n");
    cr_assert_eq(chmod("bin/neato", 0755), 0);
    cr_assert_eq(setenv("PATH", "bin", 1), 0);
    error = (ho_error){0};
    cr_expect_eq(ho_report_write("run", NULL, &error), HO_FAILED);
    cr_expect_str_eq(error.text, "gnuplot, which draws this, is not installed (Debian package gnuplot-nox)");
    cr_expect(strstr(report_read_text("run/report.html"), "not drawn: gnuplot, which draws this, is not installed"));
    /* One that fails says why. */
    report_write_text("bin/neato", "#!/bin/sh\necho 'cannot draw' >&2\nexit 3\n");
    report_write_text("bin/gnuplot", "#!/bin/sh\necho '<svg></svg>'\n");
    cr_assert_eq(chmod("bin/gnuplot", 0755), 0);
    error = (ho_error){0};
    cr_expect_eq(ho_report_write("run", NULL, &error), HO_FAILED);
    cr_expect_str_eq(error.text, "neato failed with exit status 3: cannot draw");
    const char *page = report_read_text("run/report.html");
    cr_expect(strstr(page, "not drawn: neato failed with exit status 3: cannot draw"));
    cr_expect(strstr(page, "Test accuracy of every repeat") && strstr(page, "<svg"), "the other figures are there");
}

/* A tic's label is a format to gnuplot. */
Test(report, names_are_no_formats, .init = report_enter, .fini = report_leave)
{
    write_run(both());
    report_change("run/result.json", "[\"airplane\", \"bird\", \"cat\", \"dog\"]",
                  "[\"100 %s\", \"10%\", \"%n%%d\", \"it's\"]");
    report_change("run/result.json", "\"variant\": \"HMTL\"", "\"variant\": \"HMTL %g\"");
    report_change("run/result.json", "\"variant\": \"STL\"", "\"variant\": \"STL\\u001b[31m\"");
    const char *page = report_page_of_run();
    cr_expect(!strchr(page, '\033') && strstr(page, "STL&#xFFFD;[31m"), "%s", page);
    static const char *const drawn[] = {"100 %s<", "10%<", "%n%%d<", "it&#39;s<", "HMTL %g<"};
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
        const char *svg = strstr(page, "All entries");
        if (i == 4)
            svg = strstr(page, "Test accuracy of every repeat");
        cr_expect(svg && (strstr(svg, drawn[i]) || (i == 3 && strstr(svg, "it's<"))), "%s", drawn[i]);
    }
}

/* ---- in a browser ------------------------------------------------------------------------------------------------ */

Test(report, renders_in_a_browser, .init = report_enter, .fini = report_leave, .timeout = 120)
{
    report_need_browser();
    write_run(both());
    report_page_of_run();
    report_browse("run/report.html");
    report_expect_calm();
    const char *dom = report_read_text("dom.html");
    expect_table(dom);
    cr_expect_eq(report_count_of(dom, "<svg"), 8);
    report_holds(dom, ">airplane</text>");
}

Test(report, renders_hostile_names_as_text, .init = report_enter, .fini = report_leave, .timeout = 120)
{
    report_need_browser();
    write_hostile();
    report_page_of_run();
    report_browse("run/report.html");
    report_expect_calm();
    const char *dom = report_read_text("dom.html");
    cr_expect_eq(report_count_of(dom, "<script"), 0);
    cr_expect_eq(report_count_of(dom, "<img"), 0);
    report_holds(dom, "&lt;script&gt;alert(1)&lt;/script&gt;");
}

/* A console error does arrive where expect_calm looks: otherwise the tests above could not fail. */
Test(report, would_see_an_error_on_the_console, .init = report_enter, .fini = report_leave, .timeout = 120)
{
    report_need_browser();
    report_write_text("loud.html", "<!DOCTYPE html><script>console.error('a loud one')</script>");
    report_browse("loud.html");
    const char *log = report_read_text("browser.log");
    cr_expect(strstr(log, "CONSOLE") && strstr(log, "a loud one"), "%s", log);
}
