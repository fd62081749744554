/* Reports of runs that weigh every training example: histogram, contact sheet, their files, refusals. */
#include <criterion/criterion.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"
#include "pipelines/report_support.h"
#include "report/report.h"

/* ---- the run folder ---------------------------------------------------------------------------------------------- */

static const char result[] =
    "{\"format\": 1, \"hotool\": \"0.1.0\", \"pipeline\": \"cleaning\", \"file\": \"cleaning.yaml\",\n"
    " \"data\": {\"source\": \"made by hand\", \"training\": 6, \"validation\": 6, \"test\": 100, \"features\": 6},\n"
    " \"seed\": 7, \"mode\": \"reverse\", \"dynamics\": \"momentum\", \"steps\": 40, \"precision\": \"f64\",\n"
    " \"class_names\": [\"cat\", \"dog\", \"bird\"], \"outcome\": \"done\", \"message\": null,\n"
    " \"rows\": [\n"
    "  {\"variant\": \"weighed\", \"strategy\": \"hypergradient\", \"runs\": 2, \"outcome\": \"done\",\n"
    "   \"validation_error\": {\"mean\": 0.5, \"sd\": 0.1, \"values\": [0.4, 0.6]}, \"test_accuracy\": null,\n"
    "   \"precision\": {\"mean\": 0.875, \"sd\": 0.125, \"values\": [0.75, 1]},\n"
    "   \"recall\": {\"mean\": 0.75, \"sd\": 0, \"values\": [0.75, 0.75]},\n"
    "   \"f1\": {\"mean\": 0.8, \"sd\": 0.05, \"values\": [0.75, 0.85]},\n"
    "   \"gradient_evaluations\": null, \"seconds\": null,\n"
    "   \"hyperparameters\": {\"images.weights\": {\"shape\": [6], \"sum\": {\"mean\": 3, \"sd\": 0, \"values\": [3, "
    "3]}}},\n"
    "   \"folders\": [\"weighed/1\", \"weighed/2\"]}";

static const char other_row[] =
    ",\n  {\"variant\": \"other way\", \"strategy\": \"none\", \"runs\": 1, \"outcome\": \"done\",\n"
    "   \"validation_error\": null, \"test_accuracy\": null, \"gradient_evaluations\": null, \"seconds\": null,\n"
    "   \"hyperparameters\": {}, \"folders\": [\"other\"]}";

static const char metrics[] = "{\"iteration\": 1, \"validation_error\": 0.5, \"hyperparameters\": {}}\n";

/* Six examples: the labels of those with index 30, 40 and 60 were replaced; 40 is overlooked. */
static const char weights[] = "index,label,weight\n10,0,1\n20,1,0.75\n30,2,0\n40,0,0.97\n50,1,0.02\n60,2,0.01\n";
static const char lowest[] = "index,label,weight\n30,2,0\n60,2,0.01\n50,1,0.02\n";

/* Three pictures of 2 x 3 pixels with values from -1 to 1. */
static const double pictures[18] = {-1, 0, 1, 0, 0, 0, 1, 1, 1, -1, -1, -1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5};

static void write_examples(const char *folder, bool truth)
{
    char path[128];
    snprintf(path, sizeof path, "%s/examples/weights.csv", folder);
    report_write_text(path, weights);
    snprintf(path, sizeof path, "%s/examples/lowest.csv", folder);
    report_write_text(path, lowest);
    snprintf(path, sizeof path, "%s/examples/lowest.npy", folder);
    report_write_array(path, 3, (const int64_t[]){3, 2, 3}, pictures);
    if (!truth)
        return;
    snprintf(path, sizeof path, "%s/truth/noise.npy", folder);
    report_write_array(path, 1, (const int64_t[]){6}, (const double[]){0, 0, 1, 1, 0, 1});
    snprintf(path, sizeof path, "%s/truth/labels.npy", folder);
    report_write_array(path, 1, (const int64_t[]){6}, (const double[]){0, 1, 0, 2, 1, 1});
}

static void write_result(const char *more)
{
    char *text = ho_format("%s%s]}\n", result, more);
    report_write_text("run/result.json", text);
    free(text);
}

static void write_run(bool truth)
{
    write_result("");
    report_write_text("run/pipeline.yaml", "name: cleaning\n");
    report_write_text("run/weighed/1/metrics.jsonl", metrics);
    report_write_text("run/weighed/2/metrics.jsonl", metrics);
    write_examples("run/weighed/1", truth);
    write_examples("run/weighed/2", truth);
}

/* ---- PNG --------------------------------------------------------------------------------------------------------- */

static uint8_t pixels[1 << 20]; /* RGB */
static int width, height;

static void decode(const void *bytes, size_t size)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    cr_assert(png_image_begin_read_from_memory(&image, bytes, size), "%s", image.message);
    image.format = PNG_FORMAT_RGB;
    cr_assert_leq(PNG_IMAGE_SIZE(image), sizeof pixels);
    cr_assert(png_image_finish_read(&image, NULL, pixels, 0, NULL), "%s", image.message);
    width = (int)image.width;
    height = (int)image.height;
}

static void decode_file(const char *path)
{
    ho_error error = {0};
    uint8_t *bytes = NULL;
    uint64_t size;
    cr_assert_eq(ho_file_read(path, 0, &bytes, &size, &error), HO_OK, "%s", error.text);
    decode(bytes, size);
    ho_large_free(bytes);
}

static unsigned colour(int y, int x)
{
    const uint8_t *p = pixels + 3 * (y * width + x);
    return (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];
}

/* The k-th picture of the page, from 0. */
static void decode_tile(const char *page, int k)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char start[] = "data:image/png;base64,";
    const char *at = strstr(page, start);
    for (; k > 0 && at; k--)
        at = strstr(at + 1, start);
    cr_assert(at, "too few pictures");
    static uint8_t bytes[4096];
    size_t count = 0;
    uint32_t bits = 0;
    int held = 0;
    for (at += strlen(start); *at != '"'; at++) {
        const char *digit = strchr(digits, *at);
        cr_assert(digit || *at == '=', "%c", *at);
        if (!digit)
            break;
        bits = bits << 6 | (uint32_t)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            cr_assert(count < sizeof bytes);
            bytes[count++] = (uint8_t)(bits >> held);
        }
    }
    decode(bytes, count);
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

Test(cleaning, shows_the_lowest_weights_against_the_truth, .init = report_enter, .fini = report_leave)
{
    write_run(true);
    const char *page = report_page_of_run();
    report_expect_self_contained(page);
    report_holds(page, "Weights of the training examples");
    report_holds(
        page,
        "<details class=\"lowest\" open><summary>The 3 lowest weights of repeat 1: 2 of these labels were replaced");
    report_holds(page, "contact_sheet.png");
    report_holds(page, "<a href=\"./weighed/1/examples/weights.csv\">");
    report_holds(page, "<a href=\"./weighed/2/examples/weights.csv\">");
    cr_expect_eq(report_count_of(page, "class=\"tile corrupted\""), 2);
    cr_expect_eq(report_count_of(page, "class=\"tile clean\""), 1);
    report_holds(page, "title=\"example 30, weight 0\"");
    report_holds(page, "<b>bird</b><span class=\"verdict\">really cat</span><span class=\"how\">0</span>");
    report_holds(page, "<b>bird</b><span class=\"verdict\">really dog</span><span class=\"how\">0.01</span>");
    report_holds(page, "<b>dog</b><span class=\"verdict\">original</span><span class=\"how\">0.02</span>");
    /* Number, mean weight, weights of 0: over both repeats. */
    report_holds(page, "original label</td><td class=\"n\">6</td><td class=\"n\">0.59</td><td class=\"n\">0</td>");
    report_holds(page,
                 "label replaced by noise</td><td class=\"n\">6</td><td class=\"n\">0.327</td><td class=\"n\">2</td>");
    const char *row = report_row_of(page, "weighed");
    report_holds(row, "data-column=\"precision\" data-mean=\"0.875\"");
    report_holds(row, ">87.50\xe2\x80\xaf% <span class=\"sd\">\xc2\xb1 12.50</span>");
    report_holds(row, "data-column=\"recall\" data-mean=\"0.75\"");
    report_holds(row, "data-column=\"f1\" data-mean=\"0.8\"");
}

/* Of many that have the least weight, a few are shown, which says nothing of the others. */
Test(cleaning, says_how_many_are_tied_at_the_lowest_weight, .init = report_enter, .fini = report_leave)
{
    write_run(true);
    cr_expect_eq(report_count_of(report_page_of_run(), " examples have the weight"), 0);
    report_change("run/weighed/1/examples/weights.csv", "60,2,0.01", "60,2,0");
    report_change("run/weighed/1/examples/lowest.csv", "60,2,0.01", "60,2,0");
    report_holds(report_page_of_run(), ", and its weight. 2 examples have the weight 0. ");
    report_change("run/weighed/1/examples/weights.csv", "20,1,0.75", "20,1,0");
    report_change("run/weighed/1/examples/weights.csv", "10,0,1", "10,0,0");
    report_holds(report_page_of_run(), "4 examples have the weight 0; these are 3 of them, drawn by the run's seed.");
}

Test(cleaning, without_truth_shows_weights_alone, .init = report_enter, .fini = report_leave)
{
    write_run(false);
    const char *page = report_page_of_run();
    cr_expect_eq(report_count_of(page, "class=\"tile\""), 3);
    cr_expect_eq(report_count_of(page, "verdict\""), 0);
    report_holds(page, "all</td><td class=\"n\">12</td><td class=\"n\">0.458</td><td class=\"n\">2</td>");
    /* Of one repeat known, of the other not: nothing is told over both, but the sheet is of the first. */
    write_examples("run/weighed/1", true);
    page = report_page_of_run();
    cr_expect_eq(report_count_of(page, "class=\"tile corrupted\""), 2);
    report_holds(page, "all</td><td class=\"n\">12</td>");
}

/* A true label in the file itself will do. */
Test(cleaning, takes_the_true_label_from_the_file, .init = report_enter, .fini = report_leave)
{
    write_run(false);
    const char text[] = "weight,\"note\",true_label,label,index\r\n1,\"a, \"\"b\"\"\",0,0,10\r\n0.75,,1,1,20\r\n"
                        "0,,0,2,30\r\n0.97,,2,0,40\r\n0.02,,1,1,50\r\n0.01,,1,2,60";
    report_write_text("run/weighed/1/examples/weights.csv", text);
    report_write_text("run/weighed/2/examples/weights.csv", text);
    const char *page = report_page_of_run();
    report_holds(page,
                 "label replaced by noise</td><td class=\"n\">6</td><td class=\"n\">0.327</td><td class=\"n\">2</td>");
    report_holds(page, "<b>bird</b><span class=\"verdict\">really cat</span>");
}

Test(cleaning, of_several_rows_has_a_sheet_for_each, .init = report_enter, .fini = report_leave)
{
    write_run(true);
    write_result(other_row);
    write_examples("run/other", true);
    const char *page = report_page_of_run();
    report_holds(page, "contact_sheet-weighed.png");
    report_holds(page, "contact_sheet-other_way.png");
    cr_expect(ho_file_exists("run/contact_sheet-weighed.png") && ho_file_exists("run/contact_sheet-other_way.png"));
    cr_expect_not(ho_file_exists("run/contact_sheet.png"));
    cr_expect_eq(report_count_of(page, "<img"), 6);
    /* A row without weights has none. */
    cr_assert_eq(remove("run/other/examples/weights.csv"), 0);
    page = report_page_of_run();
    cr_expect_eq(report_count_of(page, "<img"), 3);
    report_holds(page, "<code>contact_sheet.png</code>");
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

Test(cleaning, pictures_are_what_the_file_holds, .init = report_enter, .fini = report_leave)
{
    write_run(true);
    const char *page = report_page_of_run();
    report_holds(page, "<img width=\"63\" height=\"42\" alt=\"example 30\"");
    decode_tile(page, 0);
    cr_assert(width == 3 && height == 2);
    const unsigned wanted[] = {0x000000, 0x808080, 0xffffff, 0x808080, 0x808080, 0x808080};
    for (int i = 0; i < 6; i++)
        cr_expect_eq(colour(i / 3, i % 3), wanted[i], "pixel %d: %06x", i, colour(i / 3, i % 3));
    decode_tile(page, 1);
    cr_expect(colour(0, 0) == 0xffffff && colour(1, 2) == 0x000000);
    /* The sheet: three tiles of 96 x 64 in frames of 3, 6 pixels between. */
    decode_file("run/contact_sheet.png");
    cr_assert(width == 3 * 108 + 6 && height == 70 + 12, "%d x %d", width, height);
    cr_expect_eq(colour(0, 0), 0xffffff);
    cr_expect_eq(colour(6, 6), 0xa4161a, "replaced");
    cr_expect_eq(colour(8, 6 + 101), 0xa4161a);
    cr_expect_eq(colour(9, 9), 0x000000);
    cr_expect_eq(colour(9 + 31, 9 + 95), 0xffffff);
    cr_expect_eq(colour(9 + 32, 9 + 95), 0x808080);
    cr_expect_eq(colour(6, 6 + 2 * 108), 0x94a3b3, "as it was");
    cr_expect_eq(colour(9, 9 + 2 * 108), 0xbfbfbf);
}

/* Colours come out the same whichever way the channels lie, and in either precision. */
Test(cleaning, pictures_may_have_colours_in_two_layouts, .init = report_enter, .fini = report_leave)
{
    write_run(true);
    double planes[54], mixed[54];
    float single[54];
    for (int n = 0; n < 3; n++)
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 6; i++) {
                double value = n == 0 && i == 0 ? (c == 1 ? 255 : 0) : (double)(40 * c + 7 * i + n);
                planes[(n * 3 + c) * 6 + i] = value;
                mixed[(n * 6 + i) * 3 + c] = value;
                single[(n * 3 + c) * 6 + i] = (float)value;
            }
    const char *path = "run/weighed/1/examples/lowest.npy";
    report_write_array(path, 4, (const int64_t[]){3, 3, 2, 3}, planes);
    /* (3,3,2,3) reads as channels first. */
    decode_tile(report_page_of_run(), 0);
    cr_assert(width == 3 && height == 2);
    cr_expect_eq(colour(0, 0), 0x00ff00);
    cr_expect_eq(colour(0, 1), 0x072f57, "%06x", colour(0, 1));
    unsigned first[6];
    for (int i = 0; i < 6; i++)
        first[i] = colour(i / 3, i % 3);
    report_write_array(path, 4, (const int64_t[]){3, 2, 3, 3}, mixed);
    decode_tile(report_page_of_run(), 0);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(colour(i / 3, i % 3), first[i]);
    ho_error error = {0};
    cr_assert_eq(ho_npy_write_f32(path, 4, (const int64_t[]){3, 3, 2, 3}, single, &error), HO_OK);
    decode_tile(report_page_of_run(), 0);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(colour(i / 3, i % 3), first[i]);
}

Test(cleaning, large_pictures_become_small, .init = report_enter, .fini = report_leave)
{
    write_run(true);
    enum { HIGH = 130, WIDE = 65 };
    double *large = ho_alloc(3 * HIGH * WIDE * sizeof *large);
    for (int i = 0; i < 3 * HIGH * WIDE; i++)
        large[i] = i / WIDE % HIGH >= HIGH / 2 ? 1 : 0;
    report_write_array("run/weighed/1/examples/lowest.npy", 3, (const int64_t[]){3, HIGH, WIDE}, large);
    free(large);
    decode_tile(report_page_of_run(), 2);
    cr_expect(width == 22 && height == 44, "%d x %d", width, height);
    cr_expect(colour(0, 21) == 0x000000 && colour(43, 0) == 0xffffff);
    cr_expect(colour(21, 0) == 0x555555, "a third of it is white: %06x", colour(21, 0));
}

/* Features that are no pictures: labels and weights remain. */
Test(cleaning, of_feature_vectors_has_no_pictures, .init = report_enter, .fini = report_leave)
{
    write_run(true);
    report_write_array("run/weighed/1/examples/lowest.npy", 2, (const int64_t[]){3, 6}, pictures);
    const char *page = report_page_of_run();
    cr_expect_eq(report_count_of(page, "<img"), 0);
    cr_expect_eq(report_count_of(page, "class=\"tile corrupted\""), 2);
    cr_expect_eq(report_count_of(page, "contact_sheet"), 0);
    cr_expect_not(ho_file_exists("run/contact_sheet.png"));
    cr_assert_eq(remove("run/weighed/1/examples/lowest.npy"), 0);
    cr_expect_eq(report_count_of(report_page_of_run(), "class=\"tile corrupted\""), 2);
    /* And without the lowest the second repeat's are shown. */
    cr_assert_eq(remove("run/weighed/1/examples/lowest.csv"), 0);
    page = report_page_of_run();
    report_holds(page, "of repeat 2");
    cr_expect_eq(report_count_of(page, "<img"), 3);
}

/* ---- the histogram ----------------------------------------------------------------------------------------------- */

Test(cleaning, histogram_counts_both_kinds, .init = report_enter, .fini = report_leave)
{
    write_run(true);
    report_write_text("bin/gnuplot", "#!/bin/sh\ncat >last.script\ngrep -q bins last.script && mv last.script script\n"
                                     "echo '<svg></svg>'\n");
    cr_assert_eq(chmod("bin/gnuplot", 0755), 0);
    char *path = ho_format("bin:%s", getenv("PATH"));
    cr_assert_eq(setenv("PATH", path, 1), 0);
    free(path);
    report_page_of_run();
    const char *script = report_read_text("script");
    /* Middle of the bin, labels as they were, labels replaced: twice 0.02 against twice 0 and 0.01. */
    report_holds(script, "$bins << EOD\n 0.025 2 4\n");
    report_holds(script, " 0.775 2 NaN\n");
    report_holds(script, " 0.975 2 2\nEOD");
    report_holds(script, "set xrange [ 0 : 1]");
    cr_expect_eq(report_count_of(script, "logscale"), 0);
    /* Without truth there is one bar. */
    cr_assert_eq(remove("run/weighed/2/truth/noise.npy"), 0);
    cr_assert_eq(remove("run/weighed/2/truth/labels.npy"), 0);
    report_page_of_run();
    script = report_read_text("script");
    report_holds(script, "$bins << EOD\n 0.025 6 NaN\n");
    cr_expect_eq(report_count_of(script, "):3"), 0);
    /* Very tall bars beside small ones: a logarithmic axis. */
    char *text = NULL;
    size_t size = 0;
    FILE *csv = open_memstream(&text, &size);
    fputs(weights, csv);
    for (int i = 0; i < 2000; i++)
        fprintf(csv, "%d,0,-0.5\n", 100 + i);
    fclose(csv);
    report_write_text("run/weighed/2/examples/weights.csv", text);
    free(text);
    report_page_of_run();
    script = report_read_text("script");
    report_holds(script, "set logscale y");
    report_holds(script, "set xrange [ -0.5 : 1]");
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

Test(cleaning, refuses_bad_tables_with_file_and_line, .init = report_enter, .fini = report_leave)
{
    char wide[600] = "index,label,weight", far[400] = "30,2,0";
    for (int i = 0; i < 70; i++)
        strcat(wide, ",more");
    memset(far + 6, '0', 300);
    const struct {
        const char *file, *from, *to;
        int line;
        const char *piece;
    } cases[] = {
        {"weights", "index,label", "index,labels", 1, "no column \"label\""},
        {"weights", "index,label,weight", "index,label", 1, "no column \"weight\""},
        {"weights", "index,label,weight\n", "", 1, "no column \"index\""},
        {"weights", "index,label,weight", wide, 1, "more than 64 cells"},
        {"weights", "20,1,0.75", "20,1", 3, "has 2 cells, but the header 3"},
        {"weights", "20,1,0.75", "20,1,0.75,", 3, "has 4 cells, but the header 3"},
        {"weights", "20,1,0.75", "20,dog,0.75", 3, "label: expected an integer from 0, got \"dog\""},
        {"weights", "20,1,0.75", "20,-1,0.75", 3, "label: expected an integer from 0, got \"-1\""},
        {"weights", "20,1,0.75", "2.5,1,0.75", 3, "index: expected an integer from 0, got \"2.5\""},
        {"weights", "20,1,0.75", "20,1,nan", 3, "weight: expected a number up to 1e100, got \"nan\""},
        {"weights", "20,1,0.75", "20,1,", 3, "weight: expected a number up to 1e100, got \"\""},
        {"weights", "20,1,0.75", "20,1,1e200", 3, "weight: expected a number up to 1e100, got \"1e200\""},
        {"weights", "20,1,0.75", "20,1,\"0.75", 3, "a quoted cell does not end on its line"},
        {"lowest", "30,2,0", "30,2", 2, "has 2 cells, but the header 3"},
        {"lowest", "30,2,0", far, 2, "more than 255 bytes"},
        {"lowest", "index,label", "label", 1, "no column \"index\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[64], place[80];
        snprintf(path, sizeof path, "run/weighed/1/examples/%s.csv", cases[i].file);
        snprintf(place, sizeof place, "%s:%d:", path, cases[i].line);
        write_run(true);
        report_change(path, cases[i].from, cases[i].to);
        report_expect_refused(cases[i].to, "run", place, cases[i].piece);
    }
}

Test(cleaning, refuses_what_does_not_fit_together, .init = report_enter, .fini = report_leave)
{
    const char *csv = "run/weighed/2/examples/weights.csv", *low = "run/weighed/1/examples/lowest.csv";
    const char *noise = "run/weighed/2/truth/noise.npy", *labels = "run/weighed/2/truth/labels.npy";
    const char *npy = "run/weighed/1/examples/lowest.npy";
    write_run(true);
    report_write_text(csv, "");
    report_expect_refused("empty", "run", csv, "is empty");
    write_run(true);
    ho_error error = {0};
    cr_assert_eq(ho_file_write(csv, "index,label,weight\n1,\0,2\n", 25, &error), HO_OK);
    report_expect_refused("zero byte", "run", csv, "byte 21: is zero");
    write_run(true);
    report_change(low, "30,", "31,");
    report_expect_refused("unknown index", "run", low, "index 31 is not in weights.csv");
    write_run(true);
    char *text = ho_strdup(weights);
    for (int i = 0; i < 100; i++) {
        char *longer = ho_format("%s30,2,0\n", text);
        free(text);
        text = longer;
    }
    report_write_text(low, text);
    free(text);
    report_expect_refused("too many", "run", low, "expected at most 100 examples, got 106");
    write_run(true);
    cr_assert_eq(remove(low), 0);
    report_expect_refused("pictures of nothing", "run", low, "no such file");
    write_run(true);
    report_write_array(noise, 1, (const int64_t[]){5}, (const double[5]){0});
    report_expect_refused("noise of another length", "run", noise, "expected 6 entries");
    report_write_array(noise, 2, (const int64_t[]){6, 1}, (const double[6]){0});
    report_expect_refused("noise of another rank", "run", noise, "expected 6 entries");
    report_write_array(noise, 1, (const int64_t[]){6}, (const double[6]){0, 0, 2});
    report_expect_refused("noise of 2", "run", noise, "entry 2 is not an integer from 0 to 1");
    report_write_text(noise, "torn");
    report_expect_refused("torn noise", "run", noise, "byte 0");
    write_run(true);
    report_write_array(labels, 1, (const int64_t[]){6}, (const double[6]){0, 1, 0, 0, 1.5});
    report_expect_refused("half a label", "run", labels, "entry 4 is not an integer");
    report_write_array(labels, 1, (const int64_t[]){6}, (const double[6]){0, 1, 0, 0, (double)NAN});
    report_expect_refused("no label", "run", labels, "entry 4 is not an integer");
    write_run(true);
    report_write_array(npy, 3, (const int64_t[]){2, 2, 3}, pictures);
    report_expect_refused("too few pictures", "run", npy, "expected 3 pictures");
    report_write_array(npy, 4, (const int64_t[]){3, 2, 3, 1}, (const double[18]){0, 1, (double)INFINITY});
    report_expect_refused("infinite", "run", npy, "entry 2 is not finite");
    report_write_array(npy, 4, (const int64_t[]){3, 2, 1, 2}, pictures);
    report_expect_refused("two channels", "run", npy, "expected pictures (n,H,W)");
    report_write_array(npy, 1, (const int64_t[]){3}, pictures);
    report_expect_refused("a list", "run", npy, "expected pictures (n,H,W)");
    report_write_text(npy, "torn");
    report_expect_refused("torn pictures", "run", npy, "byte 0");
    write_run(true);
    report_change("run/result.json", "\"mean\": 0.875", "\"mean\": []");
    report_expect_refused("precision", "run", "run/result.json",
                          "rows[0]: precision: mean: expected a number, got an empty list");
}

/* ---- links and hostile names ------------------------------------------------------------------------------------- */

Test(cleaning, links_only_from_a_page_in_the_folder, .init = report_enter, .fini = report_leave)
{
    write_run(true);
    ho_error error = {0};
    cr_assert_eq(ho_report_write("run", "elsewhere.html", &error), HO_OK, "%s", error.text);
    const char *page = report_read_text("elsewhere.html");
    cr_expect_eq(report_count_of(page, "<a "), 0);
    report_holds(page, "<code>weighed/1/examples/weights.csv</code>");
    /* A run without variants is its own folder. */
    report_change("run/result.json", "\"weighed/1\", \"weighed/2\"", "\".\"");
    report_write_text("run/metrics.jsonl", metrics);
    write_examples("run", true);
    report_holds(report_page_of_run(), "<a href=\"./examples/weights.csv\"><code>examples/weights.csv</code></a>");
}

Test(cleaning, renders_in_a_browser_with_hostile_names_as_text, .init = report_enter, .fini = report_leave,
     .timeout = 120)
{
    report_need_browser();
    write_run(true);
    report_change("run/result.json", "\"bird\"", "\"<script>alert(1)</script>\"");
    report_change("run/result.json", "weighed/2", "javascript:alert(1)/\\\"<b>");
    write_examples("run/javascript:alert(1)/\"<b>", true);
    report_write_text("run/javascript:alert(1)/\"<b>/metrics.jsonl", metrics);
    const char *page = report_page_of_run();
    report_expect_self_contained(page);
    report_holds(page, "href=\"./javascript%3Aalert%281%29/%22%3Cb%3E/examples/weights.csv\"");
    report_browse("run/report.html");
    report_expect_calm();
    const char *dom = report_read_text("dom.html");
    cr_expect_eq(report_count_of(dom, "<script"), 0);
    cr_expect_eq(report_count_of(dom, "<img"), 3);
    report_holds(dom, "<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>");
}
