#include "report/folder.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/npy.h"
#include "record/read.h"

/* The largest matrix that is drawn: beyond, neither graph nor heat map is readable. */
#define LARGEST 100

/* ---- matrices ---------------------------------------------------------------------------------------------------- */

/* A square matrix of finite numbers; size 0: any. */
static ho_status read_square(const char *path, int64_t size, ho_npy *array, ho_error *error)
{
    if (ho_npy_read(path, array, error) != HO_OK)
        return error->status;
    if (array->rank != 2 || array->dims[0] != array->dims[1] || (size > 0 && array->dims[0] != size)) {
        if (size == 0)
            return ho_fail(error, HO_INVALID, "%s: expected a square matrix", path);
        return ho_fail(error, HO_INVALID, "%s: expected a matrix of %lld x %lld, as in result.json", path,
                       (long long)size, (long long)size);
    }
    for (int64_t i = 0; i < array->count; i++)
        if (!isfinite(ho_npy_entry(array, i)))
            return ho_fail(error, HO_INVALID, "%s: entry %lld is not finite", path, (long long)i);
    return HO_OK;
}

/* The mean of a square hyperparameter over the row's repeats; NULL: none has it, or an error. */
static const double *read_mean(const ho_report_run *run, const ho_row *row, const ho_row_hyper *hyper, ho_error *error)
{
    int64_t size = hyper->shape.dims[0];
    double *mean = ho_arena_alloc(run->arena, (size_t)(size * size) * sizeof *mean);
    const char *name = ho_arena_format(run->arena, "hyperparameters/%s.npy", hyper->name);
    size_t count = 0;
    for (size_t f = 0; f < row->folders.count && error->status == HO_OK; f++) {
        const char *path = ho_record_path(run->folder, row->folders.items[f], name, run->arena, error);
        ho_npy array = {0};
        if (!path || (!ho_file_exists(path) && row->outcome.status != HO_OK))
            continue;
        if (!ho_file_exists(path)) {
            ho_fail(error, HO_INVALID, "%s: no such file: the run folder is incomplete", path);
        } else if (read_square(path, size, &array, error) == HO_OK) {
            count++;
            for (int64_t i = 0; i < size * size; i++)
                mean[i] += (ho_npy_entry(&array, i) - mean[i]) / (double)count;
        }
        ho_npy_free(&array);
    }
    return count && error->status == HO_OK ? mean : NULL;
}

static ho_status read_planted(ho_report_run *run, ho_error *error)
{
    const char *path = ho_arena_format(run->arena, "%s/truth/relations.npy", run->folder);
    ho_npy array = {0};
    if (ho_file_exists(path) && read_square(path, 0, &array, error) == HO_OK && array.dims[0] <= LARGEST) {
        double *planted = ho_arena_alloc(run->arena, (size_t)array.count * sizeof *planted);
        for (int64_t i = 0; i < array.count; i++)
            planted[i] = ho_npy_entry(&array, i);
        run->planted = planted;
        run->planted_size = array.dims[0];
    }
    ho_npy_free(&array);
    return error->status;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* A run that ended early, or tuned nothing, may have no metrics. */
static ho_status read_series(const ho_report_run *run, ho_report_row *row, ho_error *error)
{
    const ho_row *r = row->record;
    for (size_t f = 0; f < r->folders.count && error->status == HO_OK; f++) {
        const char *path = ho_record_path(run->folder, r->folders.items[f], "metrics.jsonl", run->arena, error);
        if (!path)
            return error->status;
        if (ho_file_exists(path))
            ho_series_read(path, r->strategy, f, run->arena, &row->series, error);
        else if (r->outcome.status == HO_OK && strcmp(r->strategy, "none") != 0)
            ho_fail(error, HO_INVALID, "%s: no such file: the run folder is incomplete", path);
    }
    return error->status;
}

static ho_status read_row(const ho_report_run *run, ho_report_row *row, ho_error *error)
{
    const ho_row *r = row->record;
    row->name = r->variant ? r->variant : run->record.pipeline;
    row->matrices = ho_arena_alloc(run->arena, (r->hypers.count + 1) * sizeof *row->matrices);
    if (r->chosen.items)
        return HO_OK;
    for (size_t i = 0; i < r->hypers.count && error->status == HO_OK; i++) {
        const ho_extent *shape = &r->hypers.items[i].shape;
        if (shape->rank == 2 && shape->dims[0] == shape->dims[1] && shape->dims[0] > 1 && shape->dims[0] <= LARGEST)
            row->matrices[i] = read_mean(run, r, &r->hypers.items[i], error);
    }
    if (error->status != HO_OK || read_series(run, row, error) != HO_OK)
        return error->status;
    return ho_examples_read(run->folder, &r->folders, &row->examples, error);
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

ho_status ho_report_run_read(const char *folder, ho_report_run *run, ho_error *error)
{
    run->arena = ho_arena_new();
    char *trimmed = ho_arena_strdup(run->arena, folder);
    for (size_t length = strlen(trimmed); length > 1 && trimmed[length - 1] == '/'; length--)
        trimmed[length - 1] = '\0';
    run->folder = trimmed;
    if (ho_record_read(run->folder, run->arena, &run->record, error) != HO_OK)
        return error->status;
    char *pipeline = ho_record_text(ho_arena_format(run->arena, "%s/pipeline.yaml", run->folder), error);
    if (!pipeline)
        return error->status;
    run->pipeline = ho_arena_strdup(run->arena, pipeline);
    ho_large_free(pipeline);
    run->rows = ho_arena_alloc(run->arena, run->record.rows.count * sizeof *run->rows);
    for (size_t i = 0; i < run->record.rows.count && error->status == HO_OK; i++) {
        run->rows[i].record = &run->record.rows.items[i];
        run->row_count++;
        if (read_row(run, &run->rows[i], error) != HO_OK)
            return error->status;
    }
    return read_planted(run, error);
}

void ho_report_run_free(ho_report_run *run)
{
    for (size_t r = 0; r < run->row_count; r++) {
        ho_series_free(&run->rows[r].series);
        ho_examples_free(run->rows[r].examples);
    }
    ho_arena_free(run->arena);
}

const char *const *ho_report_names(const ho_report_run *run, int64_t size)
{
    if (run->record.class_names.count == (size_t)size)
        return run->record.class_names.items;
    const char **names = ho_arena_alloc(run->arena, (size_t)size * sizeof *names);
    for (int64_t k = 0; k < size; k++)
        names[k] = ho_arena_format(run->arena, "%lld", (long long)k);
    return names;
}
