#include "run/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/npy.h"
#include "pipeline/yaml.h"

#define HYPERS  "hyperparameters"
#define WEIGHTS "weights"

struct ho_run_folder {
    char *path, *metrics_path;
    int metrics;                 /* metrics.jsonl, opened at the first line; -1: not yet */
    int lock;                    /* HO_RESUMPTION, locked while this process is at work on the run; -1: there is none */
    ho_checkpoints *checkpoints; /* NULL likewise */
};

/* ---- the folder -------------------------------------------------------------------------------------------------- */

/* What a run was killed at before it claimed its folder is nothing. */
static bool is_nothing(const char *path, const char *name)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    char *claim = strcmp(name, HO_CHECKPOINTS) == 0 ? ho_format("%s/" HO_RESUMPTION, path) : NULL;
    const bool nothing = claim && !ho_file_exists(claim);
    free(claim);
    return nothing;
}

static bool is_empty(const char *path)
{
    DIR *dir = opendir(path);
    bool empty = dir;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        empty = empty && is_nothing(path, entry->d_name);
    if (dir)
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
        if (errno != EEXIST)
            ho_fail(error, ho_status_of(errno), "%s: cannot be made: %s", path, strerror(errno));
        free(path);
        if (error->status != HO_OK)
            return NULL;
    }
    ho_fail(error, HO_INVALID, "runs/: no free folder name for %s: use --out", name);
    return NULL;
}

static ho_status not_empty(const char *out, ho_error *error)
{
    return ho_fail(error, HO_INVALID, "%s: is not empty; results never overwrite anything: choose another --out", out);
}

static char *given_folder(const char *out, ho_error *error)
{
    if (ho_folder_make(out, error) == HO_OK && is_empty(out))
        return ho_strdup(out);
    not_empty(out, error);
    return NULL;
}

/* The path of a file in a subfolder ("": in the folder itself), which is made; free(). NULL: an error. */
static char *path_in(const ho_run_folder *f, const char *subfolder, const char *name, const char *ending,
                     ho_error *error)
{
    char *folder = ho_format("%s%s%s", f->path, *subfolder ? "/" : "", subfolder);
    char *path = ho_folder_make(folder, error) == HO_OK ? ho_format("%s/%s%s", folder, name, ending) : NULL;
    free(folder);
    return path;
}

/* Creates a file; where it exists, the folder is not empty. */
static ho_status write_tree(ho_run_folder *f, const char *name, const ho_tree *tree, ho_error *error)
{
    char *text, *path = ho_format("%s/%s", f->path, name);
    size_t size;
    ho_error own = {0};
    FILE *stream = ho_text_open(&text, &size);
    ho_yaml_write(tree, stream);
    ho_text_close(stream);
    if (ho_file_create(path, text, size, &own) == HO_INVALID)
        not_empty(f->path, error);
    ho_fail_as(error, &own);
    free(path);
    free(text);
    return error->status;
}

/* Nobody else goes on with this run while the process lives; LOCK_SH: but for those that share it. One that was just
 * killed may still be dying. */
static ho_status lock(ho_run_folder *f, int how, ho_error *error)
{
    struct stat about;
    const struct timespec moment = {.tv_nsec = 100 * 1000 * 1000};
    if (ho_follows())
        return HO_OK;
    char *path = ho_format("%s/" HO_RESUMPTION, f->path);
    f->lock = open(path, O_RDWR | O_CLOEXEC);
    int tries = 20, failed = f->lock < 0;
    while (f->lock >= 0 && (failed = flock(f->lock, how | LOCK_NB)) != 0 && errno == EWOULDBLOCK && --tries)
        nanosleep(&moment, NULL);
    if (failed && f->lock >= 0 && errno == EWOULDBLOCK)
        ho_fail(error, HO_INVALID, "%s: another process is working on this run", f->path);
    else if (failed && f->lock < 0)
        ho_fail(error, HO_FAILED, "%s: cannot be opened: %s", path, strerror(errno));
    else if (fstat(f->lock, &about) == 0 && about.st_nlink == 0)
        ho_fail(error, HO_INVALID, "%s: another process has just come to the end of this run", f->path);
    free(path);
    return error->status; /* a file system without locks is one without */
}

/* The first file claims the folder: of runs that were started into it at once, one creates it. */
static ho_status claim(ho_run_folder *f, const ho_tree *root, const ho_tree *resumption, ho_error *error)
{
    if (resumption) {
        char *checkpoints = ho_format("%s/" HO_CHECKPOINTS, f->path);
        if (ho_folder_make(checkpoints, error) == HO_OK && write_tree(f, HO_RESUMPTION, resumption, error) == HO_OK)
            lock(f, LOCK_EX, error);
        free(checkpoints);
    }
    return error->status == HO_OK ? write_tree(f, "pipeline.yaml", root, error) : error->status;
}

static ho_status write_truths(ho_run_folder *f, const ho_pipeline *pipeline, ho_error *error)
{
    for (size_t i = 0; i < pipeline->truth_count && error->status == HO_OK; i++) {
        const ho_truth *t = &pipeline->truths[i];
        ho_run_folder_array(f, "truth", t->name, t->rank, t->dims, t->values, error);
    }
    return error->status;
}

static ho_run_folder *folder_at(char *path)
{
    ho_run_folder *f = ho_alloc(sizeof *f);
    *f = (ho_run_folder){path, ho_format("%s/metrics.jsonl", path), -1, -1, NULL};
    return f;
}

ho_run_folder *ho_run_folder_new(const ho_pipeline *pipeline, const ho_tree *root, const char *out,
                                 const ho_tree *resumption, ho_error *error)
{
    char *path = ho_follows() ? ho_strdup(out ? out : "runs")
                 : out        ? given_folder(out, error)
                              : next_folder(pipeline->name, error);
    if (!path)
        return NULL;
    ho_run_folder *f = folder_at(path);
    if (claim(f, root, resumption, error) == HO_OK && write_truths(f, pipeline, error) == HO_OK) {
        f->checkpoints =
            resumption ? ho_checkpoints_new(path, pipeline->checkpoint_seconds, pipeline->checkpoint_steps) : NULL;
        return f;
    }
    ho_run_folder_close(f);
    return NULL;
}

ho_run_folder *ho_run_folder_open(const char *path, ho_error *error)
{
    ho_run_folder *f = folder_at(ho_strdup(path));
    if (lock(f, LOCK_EX, error) == HO_OK)
        return f;
    ho_run_folder_close(f);
    return NULL;
}

ho_run_folder *ho_run_folder_at(const char *path)
{
    ho_run_folder *f = folder_at(ho_strdup(path));
    f->checkpoints = ho_checkpoints_new(path, 0, 0);
    return f;
}

/* Creates a file unless another process has. */
static ho_status offer_tree(ho_run_folder *f, const char *name, const ho_tree *tree, ho_error *error)
{
    char *path = ho_format("%s/%s", f->path, name);
    ho_error own = {0};
    if (!ho_file_exists(path) && write_tree(f, name, tree, &own) != HO_OK && !ho_file_exists(path))
        ho_fail_as(error, &own);
    free(path);
    return error->status;
}

ho_run_folder *ho_run_folder_join(const ho_pipeline *pipeline, const ho_tree *root, const char *out,
                                  const ho_tree *resumption, ho_error *error)
{
    ho_run_folder *f = folder_at(ho_strdup(out));
    char *claim = ho_format("%s/" HO_RESUMPTION, out), *checkpoints = ho_format("%s/" HO_CHECKPOINTS, out);
    if (ho_folder_make(out, error) == HO_OK && !ho_file_exists(claim) && !is_empty(out) && !ho_file_exists(claim))
        not_empty(out, error);
    if (error->status == HO_OK && ho_folder_make(checkpoints, error) == HO_OK &&
        offer_tree(f, HO_RESUMPTION, resumption, error) == HO_OK && lock(f, LOCK_SH, error) == HO_OK &&
        offer_tree(f, "pipeline.yaml", root, error) == HO_OK)
        write_truths(f, pipeline, error);
    free(claim);
    free(checkpoints);
    if (error->status == HO_OK)
        return f;
    ho_run_folder_close(f);
    return NULL;
}

/* Removes what a write that was cut short has left beside its file. */
static void sweep(const char *path, const char *subfolder)
{
    static const char ending[] = ".tmp";
    char *folder = ho_format("%s%s", path, subfolder);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const size_t length = strlen(entry->d_name);
        char *name = ho_format("%s/%s", folder, entry->d_name);
        if (length > strlen(ending) && strcmp(entry->d_name + length - strlen(ending), ending) == 0)
            unlink(name);
        free(name);
    }
    if (dir)
        closedir(dir);
    free(folder);
}

/* Folders that are replaced as a whole are first written under another name. */
#define FRESH ".new"

/* What an earlier one has left goes before a folder is written anew. */
static void begin_folder(const ho_run_folder *f, const char *fresh)
{
    char *path = ho_format("%s/%s", f->path, fresh);
    ho_folder_remove(path);
    free(path);
}

ho_status ho_run_folder_mend(ho_run_folder *f, const ho_pipeline *pipeline, const ho_tree *root, ho_error *error)
{
    char *yaml = ho_format("%s/pipeline.yaml", f->path), *result = ho_format("%s/result.json", f->path);
    if (ho_file_exists(yaml) || write_tree(f, "pipeline.yaml", root, error) == HO_OK)
        write_truths(f, pipeline, error);
    const bool removes = !ho_follows();
    static const char *const subfolders[] = {"", "/truth", "/examples"};
    for (size_t i = 0; removes && i < sizeof subfolders / sizeof *subfolders; i++)
        sweep(f->path, subfolders[i]);
    begin_folder(f, HYPERS FRESH);
    begin_folder(f, WEIGHTS FRESH);
    if (removes && error->status == HO_OK)
        unlink(result);
    ho_checkpoints_free(f->checkpoints);
    f->checkpoints = ho_checkpoints_new(f->path, pipeline->checkpoint_seconds, pipeline->checkpoint_steps);
    free(yaml);
    free(result);
    return error->status;
}

void ho_run_folder_close(ho_run_folder *f)
{
    if (!f)
        return;
    if (f->metrics >= 0)
        close(f->metrics);
    if (f->lock >= 0)
        close(f->lock);
    ho_checkpoints_free(f->checkpoints);
    free(f->metrics_path);
    free(f->path);
    free(f);
}

const char *ho_run_folder_path(const ho_run_folder *f)
{
    return f->path;
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

ho_checkpoints *ho_run_folder_checkpoints(const ho_run_folder *f)
{
    return f->checkpoints;
}

/* Before the first line, the file and its name are put on the disk. */
static ho_status open_lines(ho_run_folder *f, ho_error *error)
{
    if (f->metrics >= 0)
        return HO_OK;
    if (!ho_file_exists(f->metrics_path) && ho_file_write(f->metrics_path, "", 0, error) != HO_OK)
        return error->status;
    f->metrics = open(f->metrics_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    return f->metrics >= 0 ? HO_OK
                           : ho_fail(error, HO_FAILED, "%s: cannot be written: %s", f->metrics_path, strerror(errno));
}

static uint64_t size_of(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? (uint64_t)about.st_size : 0;
}

ho_status ho_run_folder_settle(ho_run_folder *f, uint64_t *lines, ho_error *error)
{
    if (f->metrics >= 0 && fdatasync(f->metrics) != 0)
        return ho_fail(error, HO_FAILED, "%s: cannot be written: %s", f->metrics_path, strerror(errno));
    *lines = size_of(f->metrics_path);
    return HO_OK;
}

bool ho_run_folder_recall(ho_run_folder *f, ho_snapshot *snapshot, uint64_t *lines,
                          void (*pass_over)(void *context, const char *text), void *context)
{
    *lines = size_of(f->metrics_path);
    const bool found = ho_checkpoint_read(f->checkpoints, snapshot, lines, pass_over, context);
    *lines = found ? *lines : 0;
    return found;
}

ho_status ho_run_folder_cut(ho_run_folder *f, uint64_t lines, ho_error *error)
{
    if (size_of(f->metrics_path) == lines)
        return HO_OK;
    if (open_lines(f, error) == HO_OK && ftruncate(f->metrics, (off_t)lines) != 0)
        ho_fail(error, HO_FAILED, "%s: cannot be cut back: %s", f->metrics_path, strerror(errno));
    return error->status;
}

void ho_run_folder_finish(ho_run_folder *f)
{
    if (f->checkpoints)
        ho_checkpoints_remove(f->checkpoints);
}

void ho_run_folder_tidy(const char *path)
{
    ho_checkpoints *left = ho_checkpoints_new(path, 0, 0);
    char *unfinished = ho_format("%s/" HO_RECORD_UNFINISHED, path);
    unlink(unfinished);
    ho_checkpoints_remove(left);
    ho_checkpoints_free(left);
    free(unfinished);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

ho_status ho_run_folder_text(ho_run_folder *f, const char *subfolder, const char *name, const char *text, size_t size,
                             ho_error *error)
{
    char *path = path_in(f, subfolder, name, "", error);
    ho_status status = path ? ho_file_write(path, text, size, error) : error->status;
    free(path);
    return status;
}

ho_status ho_run_folder_array(ho_run_folder *f, const char *subfolder, const char *name, int rank, const int64_t *dims,
                              const double *values, ho_error *error)
{
    char *path = path_in(f, subfolder, name, ".npy", error);
    ho_status status = path ? ho_npy_write_f64(path, rank, dims, values, error) : error->status;
    free(path);
    return status;
}

static ho_status write_lambda(ho_run_folder *f, const char *subfolder, const ho_training *training,
                              const double *lambda, ho_error *error)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    free(path_in(f, subfolder, "", "", error)); /* the folder is there even where nothing is tuned */
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        ho_error own = {0}; /* where one does not fit on the disk, a smaller one may */
        if (h->tuned && ho_run_folder_array(f, subfolder, h->name, h->rank, h->dims, lambda + h->offset, &own) != HO_OK)
            ho_fail_as(error, &own);
    }
    return error->status;
}

static ho_status write_weights(ho_run_folder *f, const char *subfolder, const ho_training *training,
                               const ho_vector *state, ho_error *error)
{
    size_t count;
    const ho_weight_tensor *weights = ho_training_weights(training, &count);
    ho_status status = HO_OK;
    for (size_t i = 0; i < count && status == HO_OK; i++) {
        const ho_weight_tensor *w = &weights[i];
        double *values = ho_large_alloc((uint64_t)w->count, sizeof *values, w->name, error);
        if (!values)
            return error->status;
        ho_training_weight_get(training, state, i, values);
        status = ho_run_folder_array(f, subfolder, w->name, w->shape.rank, w->shape.dims, values, error);
        ho_large_free(values);
    }
    return status;
}

/* It takes its place. One that is not whole takes only a free one. */
static ho_status end_folder(const ho_run_folder *f, const char *fresh, const char *subfolder, ho_error *error)
{
    char *from = ho_format("%s/%s", f->path, fresh), *to = ho_format("%s/%s", f->path, subfolder);
    ho_error own = {0};
    if (error->status == HO_OK || access(to, F_OK) != 0)
        ho_folder_replace(from, to, &own);
    else
        ho_folder_remove(from);
    ho_fail_as(error, &own);
    free(from);
    free(to);
    return error->status;
}

ho_status ho_run_folder_lambda(ho_run_folder *f, const ho_training *training, const double *lambda, ho_error *error)
{
    begin_folder(f, HYPERS FRESH);
    write_lambda(f, HYPERS FRESH, training, lambda, error);
    return end_folder(f, HYPERS FRESH, HYPERS, error);
}

ho_status ho_run_folder_gradient(ho_run_folder *f, const ho_training *training, const double *gradient, ho_error *error)
{
    return write_lambda(f, "", training, gradient, error);
}

ho_status ho_run_folder_weights(ho_run_folder *f, const ho_training *training, const ho_vector *state, ho_error *error)
{
    begin_folder(f, WEIGHTS FRESH);
    write_weights(f, WEIGHTS FRESH, training, state, error);
    return end_folder(f, WEIGHTS FRESH, WEIGHTS, error);
}

/* ---- the record -------------------------------------------------------------------------------------------------- */

ho_status ho_run_folder_record(ho_run_folder *f, const ho_record *record, ho_error *error)
{
    ho_json json = {.pretty = true};
    ho_record_write(&json, record);
    const char *name = record->unfinished                   ? HO_RECORD_UNFINISHED
                       : record->kind == HO_RECORD_GRADIENT ? "hypergradient.json"
                                                            : "result.json";
    ho_status status = ho_run_folder_text(f, "", name, json.text, json.length, error);
    ho_json_free(&json);
    char *unfinished = ho_format("%s/" HO_RECORD_UNFINISHED, f->path);
    if (status == HO_OK && !record->unfinished)
        unlink(unfinished);
    free(unfinished);
    return status;
}

ho_summaries ho_summarize(const ho_training *training, const double *lambda)
{
    size_t count, names = 0;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    for (size_t i = 0; i < count; i++)
        names += strlen(hypers[i].name) + 1;
    ho_summaries all = {ho_alloc(count * sizeof *all.items + names), 0};
    char *name = (char *)(all.items + count);
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned)
            continue;
        const double *v = lambda + h->offset;
        ho_summary *s = &all.items[all.count++];
        size_t size = strlen(h->name) + 1;
        *s = (ho_summary){memcpy(name, h->name, size), {.rank = h->rank}, .least = INFINITY, .most = -INFINITY};
        name += size;
        memcpy(s->shape.dims, h->dims, sizeof h->dims);
        s->scale = h->scale == HO_SCALE_LINEAR ? NULL : ho_scale_names[h->scale];
        for (int64_t j = 0; j < h->count; j++) {
            s->value += v[j];
            s->least = fmin(s->least, v[j]);
            s->most = fmax(s->most, v[j]);
            s->nonzero += v[j] != 0;
        }
    }
    return all;
}

/* The tangents' norms by the same hyperparameters as a line's. */
static ho_summaries norms_of(const ho_training *training, const double *norms, const ho_summaries *hypers)
{
    size_t count, at = 0;
    const ho_hyperparameter *all = ho_training_hypers(training, &count);
    ho_summaries list = {ho_alloc(hypers->count * sizeof *list.items), hypers->count};
    for (size_t i = 0; i < count; i++)
        if (all[i].tuned)
            list.items[at++] = (ho_summary){.name = all[i].name, .value = norms[i]};
    return list;
}

ho_status ho_run_folder_line(ho_run_folder *f, const ho_training *training, ho_line line, const double *lambda,
                             const double *norms, ho_error *error)
{
    if (ho_follows())
        return HO_OK;
    if (open_lines(f, error) != HO_OK)
        return error->status;
    ho_json json = {0};
    line.hypers = ho_summarize(training, lambda);
    if (norms)
        line.tangent_norms = norms_of(training, norms, &line.hypers);
    ho_line_write(&json, &line);
    ho_status status = ho_file_append(f->metrics, f->metrics_path, json.text, json.length, error);
    ho_json_free(&json);
    free(line.hypers.items);
    free(line.tangent_norms.items);
    return status;
}
