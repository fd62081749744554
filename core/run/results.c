#include "run/results.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/npy.h"
#include "base/version.h"
#include "pipeline/yaml.h"
#include "run/machine.h"

struct ho_results {
    char *folder;
    FILE *metrics;
};

static bool folder_is_empty(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    bool empty = true;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            empty = false;
    closedir(dir);
    return empty;
}

/* mkdir tells who came first, so two runs started at once get two folders. */
static char *next_folder(const char *name, ho_error *error)
{
    if (ho_folder_make("runs", error) != HO_OK)
        return NULL;
    for (int n = 1; n < 1000000; n++) {
        char *path = ho_format("runs/%s-%d", name, n);
        if (mkdir(path, 0777) == 0)
            return path;
        int why = errno;
        if (why != EEXIST) {
            ho_fail(error, HO_INVALID, "%s: cannot be made: %s", path, strerror(why));
            free(path);
            return NULL;
        }
        free(path);
    }
    ho_fail(error, HO_INVALID, "runs/: no free folder name for %s; say --out", name);
    return NULL;
}

static char *given_folder(const char *out, ho_error *error)
{
    struct stat st;
    if (stat(out, &st) == 0 && S_ISDIR(st.st_mode) && !folder_is_empty(out)) {
        ho_fail(error, HO_INVALID, "%s: is not empty; results never overwrite anything: choose another --out", out);
        return NULL;
    }
    return ho_folder_make(out, error) == HO_OK ? ho_strdup(out) : NULL;
}

static char *file_in(const ho_results *r, const char *sub, const char *name, const char *ending)
{
    return ho_format("%s/%s%s%s%s", r->folder, sub, *sub ? "/" : "", name, ending);
}

static ho_status subfolder(const ho_results *r, const char *sub, ho_error *error)
{
    char *path = ho_format("%s/%s", r->folder, sub);
    ho_status status = ho_folder_make(path, error);
    free(path);
    return status;
}

static ho_status write_text(const ho_results *r, const char *name, const char *text, size_t size, ho_error *error)
{
    char *path = file_in(r, "", name, "");
    ho_status status = ho_file_write(path, text, size, error);
    free(path);
    return status;
}

static ho_status write_array(const ho_results *r, const char *sub, const char *name, int rank, const int64_t *dims,
                             const double *values, ho_error *error)
{
    char *path = file_in(r, sub, name, ".npy");
    ho_status status = ho_npy_write_f64(path, rank, dims, values, error);
    free(path);
    return status;
}

static ho_status write_pipeline(const ho_results *r, const ho_tree *root, ho_error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return ho_fail(error, HO_FAILED, "out of memory for pipeline.yaml");
    ho_yaml_write(root, memory);
    fclose(memory);
    ho_status status = write_text(r, "pipeline.yaml", text, size, error);
    free(text);
    return status;
}

static ho_status write_truths(const ho_results *r, const ho_pipeline *pipeline, ho_error *error)
{
    if (pipeline->truth_count == 0)
        return HO_OK;
    ho_status status = subfolder(r, "truth", error);
    for (size_t i = 0; i < pipeline->truth_count && status == HO_OK; i++) {
        const ho_truth *t = &pipeline->truths[i];
        status = write_array(r, "truth", t->name, t->rank, t->dims, t->values, error);
    }
    return status;
}

ho_results *ho_results_open(const ho_pipeline *pipeline, const ho_tree *root, const char *out, ho_error *error)
{
    char *folder = out ? given_folder(out, error) : next_folder(pipeline->name, error);
    if (!folder)
        return NULL;
    ho_results *r = ho_alloc(sizeof *r);
    r->folder = folder;
    if (write_pipeline(r, root, error) != HO_OK || write_truths(r, pipeline, error) != HO_OK) {
        ho_results_close(r);
        return NULL;
    }
    return r;
}

void ho_results_close(ho_results *r)
{
    if (!r)
        return;
    if (r->metrics)
        fclose(r->metrics);
    free(r->folder);
    free(r);
}

const char *ho_results_folder(const ho_results *r)
{
    return r->folder;
}

ho_status ho_results_line(ho_results *r, const ho_json *json, ho_error *error)
{
    if (!r->metrics) {
        char *path = file_in(r, "", "metrics.jsonl", "");
        r->metrics = fopen(path, "ae");
        if (!r->metrics)
            ho_fail(error, HO_FAILED, "%s: cannot be written: %s", path, strerror(errno));
        free(path);
        if (!r->metrics)
            return error->status;
    }
    /* One write a line: a reader, or a kill, sees whole lines. */
    fprintf(r->metrics, "%s\n", json->text);
    if (fflush(r->metrics) != 0)
        return ho_fail(error, HO_FAILED, "%s/metrics.jsonl: cannot be written: %s", r->folder, strerror(errno));
    return HO_OK;
}

ho_status ho_results_json(ho_results *r, const char *name, const ho_json *json, ho_error *error)
{
    char *text = ho_format("%s\n", json->text);
    ho_status status = write_text(r, name, text, strlen(text), error);
    free(text);
    return status;
}

ho_status ho_results_text(ho_results *r, const char *folder, const char *name, const char *text, size_t size,
                          ho_error *error)
{
    char *path = file_in(r, folder, name, "");
    if (subfolder(r, folder, error) == HO_OK)
        ho_file_write(path, text, size, error);
    free(path);
    return error->status;
}

ho_status ho_results_array(ho_results *r, const char *folder, const char *name, int rank, const int64_t *dims,
                           const double *values, ho_error *error)
{
    if (subfolder(r, folder, error) == HO_OK)
        write_array(r, folder, name, rank, dims, values, error);
    return error->status;
}

ho_status ho_results_lambda(ho_results *r, const char *folder, const ho_training *training, const double *lambda,
                            ho_error *error)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    ho_status status = *folder ? subfolder(r, folder, error) : HO_OK;
    for (size_t i = 0; i < count && status == HO_OK; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (h->tuned)
            status = write_array(r, folder, h->name, h->rank, h->dims, lambda + h->offset, error);
    }
    return status;
}

ho_status ho_results_weights(ho_results *r, const ho_training *training, const ho_vector *state, ho_error *error)
{
    size_t count;
    const ho_weight_tensor *weights = ho_training_weights(training, &count);
    ho_status status = subfolder(r, "weights", error);
    for (size_t i = 0; i < count && status == HO_OK; i++) {
        const ho_weight_tensor *w = &weights[i];
        double *values = ho_large_alloc((uint64_t)w->count, sizeof *values, w->name, error);
        if (!values)
            return error->status;
        ho_training_weight_get(training, state, i, values);
        status = write_array(r, "weights", w->name, w->shape.rank, w->shape.dims, values, error);
        ho_large_free(values);
    }
    return status;
}

void ho_results_announce(const ho_pipeline *p)
{
    printf("%s: data: %s\n", p->name, p->data_label);
    if (p->data_missing)
        printf("%s: data source %zu of %zu; before it: %s\n", p->name, p->data_choice + 1, p->data_choices,
               p->data_missing);
    fflush(stdout);
}

static void head_files(ho_json *json, const ho_pipeline *pipeline, bool checksums)
{
    ho_json_open(json, "files", '[');
    for (size_t i = 0; i < pipeline->file_count; i++)
        ho_json_string(json, NULL, pipeline->files[i].path);
    ho_json_close(json, ']');
    if (!checksums)
        return;
    ho_json_open(json, "checksums", '[');
    for (size_t i = 0; i < pipeline->file_count; i++)
        ho_json_string(json, NULL, pipeline->files[i].sha256);
    ho_json_close(json, ']');
}

void ho_results_head(ho_json *json, const ho_pipeline *pipeline, const char *command_line, bool whole)
{
    const ho_problem *p = &pipeline->problem;
    ho_json_integer(json, "format", HO_RESULT_FORMAT);
    ho_json_string(json, "hotool", HOTOOL_VERSION);
    ho_json_string(json, "pipeline", pipeline->name);
    ho_json_string(json, "file", pipeline->file);
    ho_json_string(json, "command", command_line);
    ho_json_open(json, "data", '{');
    ho_json_string(json, "source", pipeline->data_label);
    ho_json_integer(json, "choice", (int64_t)pipeline->data_choice + 1);
    ho_json_integer(json, "choices", (int64_t)pipeline->data_choices);
    ho_json_string(json, "passed_over", pipeline->data_missing);
    head_files(json, pipeline, whole);
    ho_json_integer(json, "training", p->training->count);
    ho_json_integer(json, "validation", p->validation->count);
    ho_json_integer(json, "test", pipeline->test.count);
    ho_json_integer(json, "features", p->training->features);
    ho_json_close(json, '}');
    ho_json_integer(json, "seed", (int64_t)p->seed);
    ho_json_string(json, "mode", pipeline->mode ? pipeline->mode->loaded->plugin.name : NULL);
    ho_json_string(json, "dynamics", p->dynamics->loaded->plugin.name);
    if (p->steps > 0)
        ho_json_integer(json, "steps", p->steps);
    else
        ho_json_string(json, "steps", NULL);
    ho_json_string(json, "precision", p->precision == HO_F64 ? "f64" : "f32");
    ho_machine_json(json);
    if (!pipeline->class_names) {
        ho_json_string(json, "class_names", NULL);
        return;
    }
    ho_json_open(json, "class_names", '[');
    for (int64_t i = 0; i < pipeline->class_count; i++)
        ho_json_string(json, NULL, pipeline->class_names[i]);
    ho_json_close(json, ']');
}

void ho_results_hypers(ho_json *json, const char *key, const ho_training *training, const double *lambda)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    ho_json_open(json, key, '{');
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned)
            continue;
        const double *v = lambda + h->offset;
        if (h->rank == 0) {
            ho_json_real(json, h->name, v[0]);
            continue;
        }
        double sum = 0, least = INFINITY, most = -INFINITY;
        int64_t nonzero = 0;
        for (int64_t j = 0; j < h->count; j++) {
            sum += v[j];
            least = fmin(least, v[j]);
            most = fmax(most, v[j]);
            nonzero += v[j] != 0;
        }
        ho_json_open(json, h->name, '{');
        ho_json_open(json, "shape", '[');
        for (int32_t d = 0; d < h->rank; d++)
            ho_json_integer(json, NULL, h->dims[d]);
        ho_json_close(json, ']');
        ho_json_real(json, "sum", sum);
        ho_json_real(json, "min", least);
        ho_json_real(json, "max", most);
        ho_json_integer(json, "nonzero", nonzero);
        ho_json_close(json, '}');
    }
    ho_json_close(json, '}');
}
