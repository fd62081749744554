/* Whole pipelines: good ones, and every bad one of tests/pipelines/bad, refused at its place.
 * Plugins come from HOTOOL_PLUGIN_PATH, pipelines from HOTOOL_TEST_PIPELINES (default: tests/pipelines). */
#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/npy.h"
#include "pipeline/pipeline.h"
#include "pipeline/yaml.h"

static char folder[] = "/tmp/hotool-pipeline-XXXXXX";
static ho_registry *registry;
static ho_error error;

static char *in_folder(const char *name)
{
    return ho_format("%s/%s", folder, name);
}

static void write_floats(const char *name, int64_t rows, int64_t columns, double first)
{
    float *values = ho_alloc((size_t)(rows * columns) * sizeof *values);
    for (int64_t i = 0; i < rows * columns; i++)
        values[i] = (float)sin((double)i * 1.7 + 0.3);
    values[0] = (float)first;
    char *path = in_folder(name);
    cr_assert_eq(ho_npy_write_f32(path, columns == 1 ? 1 : 2, (int64_t[]){rows, columns}, values, &error), HO_OK, "%s",
                 error.text);
    free(path);
    free(values);
}

/* Labels 0, 1, ..., classes - 1, 0, ... as bytes. */
static void write_labels(const char *name, int rows, int classes)
{
    char *path = in_folder(name);
    FILE *out = fopen(path, "wb");
    cr_assert_not_null(out, "%s", path);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, out);
    char header[119];
    snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }", rows);
    fprintf(out, "%-117s\n", header);
    for (int i = 0; i < rows; i++)
        fputc(i % classes, out);
    fclose(out);
    free(path);
}

static void start(void)
{
    cr_assert_not_null(mkdtemp(folder));
    write_floats("x.npy", 60, 4, 1);
    write_floats("test_x.npy", 20, 4, 1);
    write_floats("wide_x.npy", 20, 5, 1);
    write_floats("nan_x.npy", 60, 4, (double)NAN);
    write_floats("real.npy", 60, 1, 1);
    write_labels("y.npy", 60, 3);
    write_labels("two_y.npy", 60, 2);
    write_labels("test_y.npy", 20, 3);
    char *path = in_folder("short.npy"), *text = in_folder("text.npy");
    write_floats("short.npy", 60, 4, 1);
    cr_assert_eq(truncate(path, 500), 0);
    cr_assert_eq(ho_file_write(text, "1 2 3", 5, &error), HO_OK, "%s", error.text);
    free(path);
    free(text);
    setenv("TEST_DATA", folder, 1);
    unsetenv("TEST_NOWHERE");
    registry = ho_registry_new(NULL, &error);
    cr_assert_not_null(registry, "%s", error.text);
}

static void stop(void)
{
    ho_registry_free(registry);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char *path = in_folder(entry->d_name);
        unlink(path);
        free(path);
    }
    closedir(dir);
    rmdir(folder);
}

TestSuite(pipeline, .init = start, .fini = stop);

static const char *pipelines(void)
{
    const char *given = getenv("HOTOOL_TEST_PIPELINES");
    return given ? given : "tests/pipelines";
}

static ho_pipeline *read_file(const char *path, const char *mode, const char *precision, const char *const *sets,
                              size_t set_count)
{
    error = (ho_error){0};
    ho_pipeline_request request = {
        .file = path, .sets = sets, .set_count = set_count, .mode = mode, .precision = precision};
    ho_pipeline *pipeline = ho_pipeline_read(registry, &request, &error);
    cr_assert((pipeline != NULL) == (error.status == HO_OK), "a pipeline or an error, never both: %s", error.text);
    return pipeline;
}

static ho_pipeline *read_good(const char *name, const char *mode, const char *precision, const char *const *sets,
                              size_t set_count)
{
    char *path = ho_format("%s/ok/%s.yaml", pipelines(), name);
    ho_pipeline *pipeline = read_file(path, mode, precision, sets, set_count);
    cr_assert_not_null(pipeline, "%s", error.text);
    free(path);
    return pipeline;
}

static const ho_hyper_setting *setting(const ho_pipeline *p, const char *name)
{
    for (size_t i = 0; i < p->problem.setting_count; i++)
        if (strcmp(p->problem.settings[i].name, name) == 0)
            return &p->problem.settings[i];
    cr_assert_fail("no setting of %s", name);
    return NULL;
}

static double number(const ho_tree *node)
{
    double value = NAN;
    cr_assert_eq(ho_tree_real(node, "number", &value, &error), HO_OK, "%s", error.text);
    return value;
}

Test(pipeline, a_small_one)
{
    ho_pipeline *p = read_good("tiny", NULL, NULL, NULL, 0);
    cr_expect_str_eq(p->name, "tiny");
    cr_expect_eq(p->problem.seed, 4);
    cr_expect_eq(p->problem.precision, HO_F32);
    cr_expect_eq(p->problem.steps, 20);
    cr_expect_eq(p->problem.batch, 0);
    cr_expect_eq(p->problem.classes_or_width, 3);
    cr_expect_eq(p->training.count, 12);
    cr_expect_eq(p->validation.count, 12);
    cr_expect_eq(p->test.count, 36);
    cr_expect_eq(p->problem.training, &p->training);
    cr_expect_str_eq(p->problem.model->name, "model");
    cr_expect_str_eq(p->problem.dynamics->name, "dynamics");
    cr_assert_eq(p->problem.objective_count, 2);
    cr_expect_str_eq(p->problem.objective[1].plugin->name, "ridge");
    cr_expect(p->problem.objective[0].mean);
    cr_assert_eq(p->problem.validation_count, 1);
    cr_expect_str_eq(p->problem.validation_terms[0].plugin->name, "validation");
    cr_expect_str_eq(p->problem.validation_terms[0].plugin->loaded->plugin.name, "cross_entropy");
    cr_expect_eq(p->problem.setting_count, 2);
    cr_expect_not(setting(p, "dynamics.learning_rate")->tuned);
    cr_expect_float_eq(number(setting(p, "dynamics.learning_rate")->value), 0.01, 0);
    cr_expect(setting(p, "ridge.rho")->tuned);
    cr_expect_str_eq(setting(p, "ridge.rho")->constraint->loaded->plugin.name, "nonnegative");
    cr_expect_str_eq(p->mode->loaded->plugin.name, "reverse");
    cr_expect_str_eq(p->outer->loaded->plugin.name, "sgd");
    cr_expect_eq(p->outer_iterations, 3);
    cr_expect_eq(p->outer_values->count, 1);
    cr_expect_eq(p->final_on, HO_FINAL_TRAINING);
    cr_expect_eq(p->data_choices, 1);
    cr_expect_null(p->data_missing);
    cr_expect_str_eq(p->data_label, "npy, .../x.npy");
    cr_assert_eq(p->file_count, 2);
    cr_expect_not_null(strstr(p->files[0].path, "/x.npy"));
    cr_expect_not_null(strstr(p->files[1].path, "/y.npy"));
    cr_expect_not(p->training.shared);
    cr_expect_null(p->datasets[0], "the whole data set stays in memory beside its split");
    ho_pipeline_free(p);
}

Test(pipeline, everything_said)
{
    ho_pipeline *p = read_good("separate", NULL, NULL, NULL, 0);
    cr_expect_str_eq(p->name, "separate");
    cr_expect_eq(p->problem.seed, 1);
    cr_expect_eq(p->problem.precision, HO_F64);
    cr_expect_eq(p->problem.batch, 5);
    cr_expect_eq(p->training.count, 60);
    cr_expect_eq(p->validation.count, 20);
    cr_expect_eq(p->test.count, 0);
    double mean = 0;
    for (int64_t i = 0; i < 60; i++)
        mean += (double)p->training.x32[4 * i] / 60;
    cr_expect_float_eq(mean, 0, 1e-6);
    cr_expect_not(p->problem.objective[0].mean);
    cr_expect_eq(p->problem.objective[1].on_count, 2);
    cr_expect_str_eq(p->problem.objective[1].on[1], "b*");
    cr_expect_str_eq(p->problem.validation_terms[0].plugin->name, "error");
    cr_expect_str_eq(p->problem.validation_terms[1].plugin->name, "validation_l2");
    cr_expect_not(setting(p, "mtl.rho")->tuned);
    cr_expect_not(setting(p, "validation_l2.weight")->tuned);
    cr_expect(setting(p, "dynamics.learning_rate")->tuned);
    cr_expect_float_eq(number(setting(p, "dynamics.learning_rate")->value), 0.02, 0);
    cr_expect(setting(p, "linear.init_scale")->tuned);
    cr_expect_float_eq(number(setting(p, "linear.init_scale")->value), 0.5, 0);
    cr_expect(setting(p, "cross_entropy.weight")->tuned);
    cr_expect_float_eq(number(setting(p, "cross_entropy.weight")->value), 1, 0);
    cr_expect_float_eq(number(ho_tree_get(setting(p, "mtl.A")->outer, "learning_rate")), 0.5, 0);
    cr_expect_eq(p->problem.setting_count, 6);
    cr_assert_eq(p->problem.start_count, 1);
    cr_expect_str_eq(p->problem.starts[0].weight, "W");
    cr_expect_eq(p->problem.starts[0].path[0], '/');
    const char *ending = strstr(p->problem.starts[0].path, "/pipelines/ok/W.npy");
    cr_expect(ending && strlen(ending) == strlen("/pipelines/ok/W.npy"), "%s", p->problem.starts[0].path);
    cr_expect_str_eq(p->mode->loaded->plugin.name, "forward");
    cr_expect_eq(p->final_on, HO_FINAL_BOTH);
    cr_expect_str_eq(p->data_label, "two files (npy, .../x.npy)");
    for (int i = 0; i < 4; i++)
        cr_expect_null(p->datasets[i], "what was standardised is not that of the files");
    ho_pipeline_free(p);
}

Test(pipeline, the_first_source_that_is_there)
{
    ho_pipeline *p = read_good("sources", NULL, NULL, NULL, 0);
    cr_expect_eq(p->data_choices, 3);
    cr_expect_eq(p->data_choice, 1);
    char *missing = ho_format("no file %s/absent.npy (${TEST_DATA}/absent.npy)", folder);
    cr_expect_str_eq(p->data_missing, missing);
    free(missing);
    cr_expect_str_eq(p->data_label, "some of it (npy, .../x.npy)");
    cr_expect_eq(p->training.count, 6);
    cr_expect_eq(p->validation.count, 54);
    cr_expect_eq(p->test.count, 20);
    cr_expect_null(p->datasets[0]);
    cr_assert_not_null(p->datasets[3], "the test examples lie in it");
    cr_expect_eq(p->test.x32, p->datasets[3]->parts[0].x32);
    cr_expect_null(p->mode);
    cr_expect_null(p->outer);
    ho_pipeline_free(p);
}

Test(pipeline, a_reader_that_makes_parts)
{
    ho_pipeline *p = read_good("made", "reverse", NULL, NULL, 0);
    cr_expect_eq(p->training.count, 20);
    cr_expect_eq(p->validation.count, 12);
    cr_expect_eq(p->test.count, 8);
    cr_expect_eq(p->problem.classes_or_width, 4);
    cr_expect_gt(p->truth_count, 0);
    cr_expect_str_eq(p->mode->loaded->plugin.name, "reverse");
    cr_expect_eq(p->file_count, 0);
    cr_expect_str_eq(p->data_label, "generated");
    ho_pipeline_free(p);
}

Test(pipeline, the_command_line_wins)
{
    const char *const sets[] = {"steps=7", "objective/ridge/rho=0.5", "hyperparameters=null", "outer=null"};
    ho_pipeline *p = read_good("tiny", "forward", "f64", sets, 4);
    cr_expect_eq(p->problem.steps, 7);
    cr_expect_eq(p->problem.precision, HO_F64);
    cr_expect_str_eq(p->mode->loaded->plugin.name, "forward");
    cr_expect_not(setting(p, "ridge.rho")->tuned);
    cr_expect_float_eq(number(setting(p, "ridge.rho")->value), 0.5, 0);
    cr_expect_null(p->outer);
    ho_pipeline_free(p);
}

/* A setting has no line: its message begins with "--set: ". */
Test(pipeline, the_command_line_is_a_place_without_a_line)
{
    const char *const sets[] = {"model={plugin: softmax, path: nowhere.so}"};
    char *path = ho_format("%s/ok/tiny.yaml", pipelines());
    cr_assert_null(read_file(path, NULL, NULL, sets, 1));
    cr_expect_eq(strncmp(error.text, "--set: /", 8), 0, "%s", error.text);
    cr_expect_not_null(strstr(error.text, "/nowhere.so: no such file"), "%s", error.text);
    free(path);
}

/* What a run folder keeps must make the same run again, from any folder and without the environment. */
Test(pipeline, what_is_written_reads_as_the_same)
{
    ho_pipeline *first = read_good("separate", "reverse", "f32", NULL, 0);
    char *path = in_folder("resolved.yaml");
    FILE *out = fopen(path, "w");
    cr_assert_not_null(out);
    ho_yaml_write(first->root, out);
    fclose(out);
    unsetenv("TEST_DATA");
    ho_pipeline *second = read_file(path, NULL, NULL, NULL, 0);
    cr_assert_not_null(second, "%s", error.text);
    cr_expect_str_eq(second->name, first->name);
    cr_expect_eq(second->problem.precision, HO_F32);
    cr_expect_str_eq(second->mode->loaded->plugin.name, "reverse");
    cr_expect_str_eq(second->problem.starts[0].path, first->problem.starts[0].path);
    cr_assert_eq(second->training.count, first->training.count);
    cr_expect_eq(memcmp(second->training.x32, first->training.x32, 60 * 4 * sizeof(float)), 0);
    cr_expect_eq(second->problem.setting_count, first->problem.setting_count);
    ho_pipeline_free(first);
    ho_pipeline_free(second);
    free(path);
}

Test(pipeline, a_mode_of_another_name_takes_none_of_the_options)
{
    const char *const sets[] = {"hypergradient={mode: forward, columns_at_once: 4}"};
    ho_pipeline *p = read_good("tiny", "reverse", NULL, sets, 1);
    cr_expect_str_eq(p->mode->loaded->plugin.name, "reverse");
    ho_pipeline_free(p);
    p = read_good("tiny", "forward", NULL, sets, 1);
    double columns = 0;
    cr_expect(ho_instance_number(p->mode, "columns_at_once", &columns));
    cr_expect_float_eq(columns, 4, 0);
    ho_pipeline_free(p);
}

/* Reads what `hotool pipeline` would run: each variant in turn, up to the first error. */
static void read_all(const char *path)
{
    error = (ho_error){0};
    ho_pipeline_request request = {.file = path};
    ho_experiment *experiment = ho_experiment_read(&request, NULL, 0, &error);
    cr_assert((experiment != NULL) == (error.status == HO_OK), "an experiment or an error, never both: %s", error.text);
    for (size_t v = 0; experiment && error.status == HO_OK && v < experiment->variant_count + 1; v++) {
        request.variant = v < experiment->variant_count ? experiment->variants[v] : NULL;
        if (request.variant || experiment->variant_count == 0)
            ho_pipeline_free(ho_pipeline_read(registry, &request, &error));
    }
    ho_experiment_free(experiment);
}

/* The first line of a bad pipeline: "# expect: LINE:COLUMN: TEXT", or "file: TEXT" where the whole file is meant. */
static void expect_bad(const char *path)
{
    FILE *in = fopen(path, "r");
    char line[1024] = "";
    cr_assert(in && fgets(line, sizeof line, in), "%s", path);
    fclose(in);
    line[strcspn(line, "\n")] = '\0';
    cr_assert_eq(strncmp(line, "# expect: ", 10), 0, "%s says what to expect", path);
    const char *wanted = line + 10;
    char *message = ho_format("%s:%s%s", path, strncmp(wanted, "file:", 5) ? "" : " ",
                              strncmp(wanted, "file:", 5) ? wanted : wanted + 6);
    /* "any: TEXT": the place lies in the data, not in the pipeline. */
    bool any = strncmp(wanted, "any: ", 5) == 0;
    read_all(path);
    cr_expect_eq(error.status, HO_INVALID, "%s was accepted", path);
    bool met = any ? strstr(error.text, wanted + 5) != NULL : strncmp(error.text, message, strlen(message)) == 0;
    cr_expect(met, "wanted: %s\nfound:  %s", message, error.text);
    free(message);
}

Test(pipeline, bad_ones_are_refused_at_their_place, .timeout = 120)
{
    char *bad = ho_format("%s/bad", pipelines());
    DIR *dir = opendir(bad);
    cr_assert_not_null(dir, "%s", bad);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (length < 5 || strcmp(entry->d_name + length - 5, ".yaml") != 0)
            continue;
        char *path = ho_format("%s/%s", bad, entry->d_name);
        expect_bad(path);
        free(path);
        count++;
    }
    closedir(dir);
    free(bad);
    cr_expect_geq(count, 100);
}
