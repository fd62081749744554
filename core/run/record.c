/* The description of a record, and its writer. */
#include "run/record.h"

#include <math.h>
#include <string.h>

#include "run/record_fields.h"

/* ---- the description --------------------------------------------------------------------------------------------- */

#define AT(what, type, member) .kind = HO_FIELD_##what, .offset = offsetof(type, member)

static const ho_field statistic_fields[] = {
    {"mean", AT(REAL, ho_statistic, mean)},
    {"sd", AT(REAL, ho_statistic, sd)},
    {"values", AT(REALS, ho_statistic, values)},
    {0},
};
const ho_fields ho_statistic_fields = {statistic_fields, sizeof(ho_statistic)};

static const ho_field summary_fields[] = {
    {"shape", AT(SHAPE, ho_summary, shape)},       {"sum", AT(REAL, ho_summary, value)},
    {"min", AT(REAL, ho_summary, least)},          {"max", AT(REAL, ho_summary, most)},
    {"nonzero", AT(INTEGER, ho_summary, nonzero)}, {0},
};
static const ho_fields summary = {summary_fields, sizeof(ho_summary)};

static const ho_field row_hyper_fields[] = {
    {"shape", AT(SHAPE, ho_row_hyper, shape)},
    {"sum", AT(OBJECT, ho_row_hyper, value), .of = &ho_statistic_fields},
    {0},
};
static const ho_fields row_hyper = {row_hyper_fields, sizeof(ho_row_hyper)};

static const ho_field row_fields[] = {
    {"variant", AT(TEXT, ho_row, variant)},
    {"strategy", AT(TEXT, ho_row, strategy)},
    {"runs", AT(INTEGER, ho_row, runs), .flags = HO_FIELD_REQUIRED | HO_FIELD_COUNT},
    {"outcome", AT(OUTCOME, ho_row, outcome)},
    {"message", AT(MESSAGE, ho_row, outcome)},
    {"figures", AT(FIGURES, ho_row, figures)},
    {"hyperparameters", AT(NAMED, ho_row, hypers), .of = &row_hyper},
    {"folders", AT(TEXTS, ho_row, folders), .flags = HO_FIELD_REQUIRED | HO_FIELD_INSIDE},
    {"chosen", AT(TEXTS, ho_row, chosen), .flags = HO_FIELD_OMIT},
    {0},
};
static const ho_fields row = {row_fields, sizeof(ho_row)};

static const ho_field column_fields[] = {
    {"best_epoch", AT(REAL, ho_column, best_epoch), .flags = HO_FIELD_OMIT},
    {"validation_error", AT(REAL, ho_column, validation_error)},
    {"validation_loss", AT(REAL, ho_column, validation_loss)},
    {"validation_accuracy", AT(REAL, ho_column, validation_accuracy)},
    {"test_loss", AT(REAL, ho_column, test_loss)},
    {"test_accuracy", AT(REAL, ho_column, test_accuracy)},
    {0},
};
static const ho_fields column = {column_fields, sizeof(ho_column)};

static const ho_field data_fields[] = {
    {"source", AT(TEXT, ho_record_data, source)},
    {"choice", AT(INTEGER, ho_record_data, choice)},
    {"choices", AT(INTEGER, ho_record_data, choices)},
    {"passed_over", AT(TEXT, ho_record_data, passed_over)},
    {"files", AT(TEXTS, ho_record_data, files)},
    {"checksums", AT(TEXTS, ho_record_data, checksums), .flags = HO_FIELD_OMIT},
    {"training", AT(INTEGER, ho_record_data, training)},
    {"validation", AT(INTEGER, ho_record_data, validation)},
    {"test", AT(INTEGER, ho_record_data, test)},
    {"features", AT(INTEGER, ho_record_data, features)},
    {0},
};
static const ho_fields data = {data_fields, sizeof(ho_record_data)};

static const ho_field machine_fields[] = {
    {"cpu", AT(TEXT, ho_record_machine, cpu)},
    {"cores", AT(INTEGER, ho_record_machine, cores)},
    {"system", AT(TEXT, ho_record_machine, system)},
    {0},
};
static const ho_fields machine = {machine_fields, sizeof(ho_record_machine)};

static const ho_field version_fields[] = {
    {"openblas", AT(TEXT, ho_record_versions, openblas)},
    {"compiler", AT(TEXT, ho_record_versions, compiler)},
    {0},
};
static const ho_fields versions = {version_fields, sizeof(ho_record_versions)};

enum { RUN = HO_RECORD_RUN, RUNS = HO_RECORD_RUN | HO_RECORD_RUNS, GRADIENT = HO_RECORD_GRADIENT };

static const ho_field record_fields[] = {
    {"format", AT(INTEGER, ho_record, format), .flags = HO_FIELD_REQUIRED},
    {"hotool", AT(TEXT, ho_record, hotool)},
    {"pipeline", AT(TEXT, ho_record, pipeline), .flags = HO_FIELD_REQUIRED},
    {"file", AT(TEXT, ho_record, file)},
    {"command", AT(TEXT, ho_record, command)},
    {"data", AT(OBJECT, ho_record, data), .flags = HO_FIELD_REQUIRED, .of = &data},
    {"seed", AT(INTEGER, ho_record, seed)},
    {"mode", AT(TEXT, ho_record, mode)},
    {"dynamics", AT(TEXT, ho_record, dynamics)},
    {"steps", AT(INTEGER, ho_record, steps), .flags = HO_FIELD_ZERO},
    {"precision", AT(TEXT, ho_record, precision)},
    {"machine", AT(OBJECT, ho_record, machine), .of = &machine},
    {"versions", AT(OBJECT, ho_record, versions), .of = &versions},
    {"class_names", AT(TEXTS, ho_record, class_names), .flags = HO_FIELD_NULL},
    {"repeat", AT(INTEGER, ho_record, repeat), .only = RUNS},
    {"outcome", AT(OUTCOME, ho_record, result.outcome), .flags = HO_FIELD_REQUIRED, .only = RUNS},
    {"message", AT(MESSAGE, ho_record, result.outcome), .only = RUNS},
    {"outer_iterations", AT(INTEGER, ho_record, result.outer_iterations), .only = RUN},
    {"halvings", AT(INTEGER, ho_record, result.halvings), .only = RUN},
    {"initial_validation_error", AT(REAL, ho_record, result.initial_error), .only = RUN},
    {"best_validation_error", AT(REAL, ho_record, result.best_error), .only = RUN},
    {"best_iteration", AT(INTEGER, ho_record, result.best_iteration), .only = RUN},
    {"gradient_evaluations", AT(INTEGER, ho_record, result.evaluations), .only = RUN},
    {"E", AT(REAL, ho_record, value), .only = GRADIENT},
    {"T", AT(INTEGER, ho_record, steps), .only = GRADIENT},
    {"seconds", AT(REAL, ho_record, result.seconds), .only = RUN | GRADIENT},
    {"trajectory_bytes", AT(INTEGER, ho_record, trajectory_bytes), .only = GRADIENT},
    {"cpu_seconds", AT(REAL, ho_record, result.cpu_seconds), .only = RUN},
    {"initial", AT(OBJECT, ho_record, result.columns[HO_INITIAL]), .flags = HO_FIELD_OMIT, .only = RUN, .of = &column},
    {"tuned", AT(OBJECT, ho_record, result.columns[HO_TUNED]), .flags = HO_FIELD_OMIT, .only = RUN, .of = &column},
    {"final", AT(OBJECT, ho_record, result.columns[HO_FINAL]), .flags = HO_FIELD_OMIT, .only = RUN, .of = &column},
    {"hyperparameters", AT(NAMED, ho_record, result.best), .only = RUN, .of = &summary},
    {"rows", AT(OBJECTS, ho_record, rows), .flags = HO_FIELD_REQUIRED | HO_FIELD_SOME, .only = RUNS, .of = &row},
    {0},
};
const ho_fields ho_record_fields = {record_fields, sizeof(ho_record)};

enum {
    ITERATION = HO_LINE_ITERATION | HO_LINE_CANDIDATE,
    STEPPED = HO_LINE_ITERATION,
    EVALUATION = HO_LINE_EVALUATION,
    UPDATE = HO_LINE_UPDATE,
    TRAINING = EVALUATION | UPDATE,
};

static const ho_field line_fields[] = {
    {"iteration", AT(INTEGER, ho_line, iteration), .only = ITERATION},
    {"step", AT(INTEGER, ho_line, step), .only = TRAINING},
    {"epoch", AT(REAL, ho_line, epoch), .only = TRAINING},
    {"cpu_seconds", AT(REAL, ho_line, cpu_seconds), .only = TRAINING},
    {"update", AT(INTEGER, ho_line, update), .only = UPDATE},
    {"error", AT(REAL, ho_line, error), .only = UPDATE},
    {"look", AT(INTEGER, ho_line, evaluation), .only = EVALUATION},
    {"training_error", AT(REAL, ho_line, training_error), .only = EVALUATION},
    {"validation_error", AT(REAL, ho_line, validation_error), .only = ITERATION | EVALUATION},
    {"validation_accuracy", AT(REAL, ho_line, validation_accuracy), .only = EVALUATION},
    {"best", AT(BOOLEAN, ho_line, best), .only = ITERATION | EVALUATION},
    {"gradient_norm", AT(REAL, ho_line, gradient_norm), .only = STEPPED | UPDATE},
    {"stationarity", AT(REAL, ho_line, stationarity), .only = STEPPED},
    {"step_scale", AT(REAL, ho_line, step_scale), .only = STEPPED},
    {"trajectory_bytes", AT(INTEGER, ho_line, trajectory_bytes), .only = STEPPED},
    {"seconds", AT(REAL, ho_line, seconds), .only = ITERATION},
    {"diverged", AT(TEXT, ho_line, diverged), .flags = HO_FIELD_OMIT, .only = ITERATION},
    {"hyperparameters", AT(NAMED, ho_line, hypers), .of = &summary},
    {"tangent_norms", AT(NAMED, ho_line, tangent_norms), .flags = HO_FIELD_OMIT, .only = UPDATE, .of = &summary},
    {0},
};
const ho_fields ho_line_fields = {line_fields, sizeof(ho_line)};

/* ---- names and figures ------------------------------------------------------------------------------------------- */

const char *ho_outcome_name(ho_status outcome)
{
    switch (outcome) {
    case HO_OK:
        return "done";
    case HO_DIVERGED:
        return "diverged";
    case HO_INTERRUPTED:
        return "interrupted";
    default:
        return "failed";
    }
}

const ho_figure_form ho_figure_forms[HO_FIGURES] = {
    [HO_VALIDATION_ERROR] = {"validation_error", "validation error", 17, 3, false, false},
    [HO_VALIDATION_ACCURACY] = {"validation_accuracy", "validation acc. %", 18, 2, true, false},
    [HO_TEST_LOSS] = {"test_loss", "test loss", 0, 3, false, false},
    [HO_TEST_ACCURACY] = {"test_accuracy", "test accuracy %", 17, 2, true, false},
    [HO_BEST_EPOCH] = {"best_epoch", "best epoch", 15, 1, false, false},
    [HO_EVALUATIONS] = {"gradient_evaluations", "gradients", 11, 0, false, true},
    [HO_CPU_SECONDS] = {"cpu_seconds", "CPU s", 9, 1, false, true},
    [HO_SECONDS] = {"seconds", "seconds", 9, 1, false, true},
    [HO_PRECISION] = {"precision", "precision", 17, 3, false, false},
    [HO_RECALL] = {"recall", "recall", 17, 3, false, false},
    [HO_F1] = {"f1", "F1", 17, 3, false, false},
};

double ho_figure_of(const ho_result *r, ho_figure which)
{
    const ho_column *last = NULL, *validated = NULL;
    for (size_t i = 0; i < HO_COLUMNS; i++) {
        const ho_column *c = &r->columns[i];
        last = c->known ? c : last;
        validated = c->known && !isnan(c->validation_error) ? c : validated;
    }
    if (!last)
        return NAN;
    switch (which) {
    case HO_VALIDATION_ERROR:
        return validated ? validated->validation_error : NAN;
    case HO_VALIDATION_ACCURACY:
        return validated ? validated->validation_accuracy : NAN;
    case HO_TEST_LOSS:
        return last->test_loss;
    case HO_TEST_ACCURACY:
        return last->test_accuracy;
    case HO_BEST_EPOCH:
        return last->best_epoch;
    case HO_EVALUATIONS:
        return (double)r->evaluations;
    case HO_CPU_SECONDS:
        return r->cpu_seconds;
    case HO_SECONDS:
        return r->seconds;
    case HO_PRECISION:
        return r->detection.precision;
    case HO_RECALL:
        return r->detection.recall;
    case HO_F1:
        return r->detection.f1;
    default:
        return NAN;
    }
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static const void *pointer_at(const void *at)
{
    const void *pointer;
    memcpy(&pointer, at, sizeof pointer);
    return pointer;
}

static void write_fields(ho_json *json, const char *key, const ho_fields *of, const void *object, unsigned kind);

static void write_texts(ho_json *json, const char *key, const ho_texts *texts)
{
    ho_json_open(json, key, '[');
    for (size_t i = 0; i < texts->count; i++)
        ho_json_string(json, NULL, texts->items[i]);
    ho_json_close(json, ']');
}

static void write_shape(ho_json *json, const char *key, const ho_extent *shape)
{
    ho_json_open(json, key, '[');
    for (int32_t d = 0; d < shape->rank; d++)
        ho_json_integer(json, NULL, shape->dims[d]);
    ho_json_close(json, ']');
}

static void write_figures(ho_json *json, const ho_statistic *figures)
{
    for (size_t f = 0; f < HO_FIGURES; f++)
        if (f < HO_PRECISION || !isnan(figures[HO_RECALL].mean))
            write_fields(json, ho_figure_forms[f].key, &ho_statistic_fields, &figures[f], 0);
}

static bool is_unknown(const ho_field *f, const void *at)
{
    switch (f->kind) {
    case HO_FIELD_REAL:
        return isnan(*(const double *)at);
    case HO_FIELD_OBJECT:
        return !*(const bool *)at;
    default: /* a text is a pointer, a list begins with one */
        return !pointer_at(at);
    }
}

/* `at`: where the field's value stands. */
static void write_value(ho_json *json, const char *key, const ho_field *f, const void *at)
{
    const char *items = NULL;
    size_t count = 0;
    if (f->kind == HO_FIELD_OBJECTS || f->kind == HO_FIELD_NAMED) {
        items = pointer_at(at);
        memcpy(&count, (const char *)at + sizeof items, sizeof count);
    }
    switch (f->kind) {
    case HO_FIELD_TEXT:
        ho_json_string(json, key, pointer_at(at));
        break;
    case HO_FIELD_INTEGER:
        ho_json_integer(json, key, *(const int64_t *)at);
        break;
    case HO_FIELD_REAL:
        ho_json_real(json, key, *(const double *)at);
        break;
    case HO_FIELD_BOOLEAN:
        ho_json_boolean(json, key, *(const bool *)at);
        break;
    case HO_FIELD_OUTCOME:
        ho_json_string(json, key, ho_outcome_name(((const ho_error *)at)->status));
        break;
    case HO_FIELD_MESSAGE:
        ho_json_string(json, key, ((const ho_error *)at)->status == HO_OK ? NULL : ((const ho_error *)at)->text);
        break;
    case HO_FIELD_SHAPE:
        write_shape(json, key, at);
        break;
    case HO_FIELD_OBJECT:
        write_fields(json, key, f->of, at, 0);
        break;
    case HO_FIELD_FIGURES:
        write_figures(json, at);
        break;
    case HO_FIELD_TEXTS:
        write_texts(json, key, at);
        break;
    case HO_FIELD_REALS:
        ho_json_reals(json, key, ((const ho_reals *)at)->items, ((const ho_reals *)at)->count);
        break;
    case HO_FIELD_OBJECTS:
        ho_json_open(json, key, '[');
        for (size_t i = 0; i < count; i++)
            write_fields(json, NULL, f->of, items + i * f->of->size, 0);
        ho_json_close(json, ']');
        break;
    case HO_FIELD_NAMED:
        ho_json_open(json, key, '{');
        for (size_t i = 0; i < count; i++) {
            const char *item = items + i * f->of->size;
            const ho_field *shape = &f->of->fields[0], *scalar = &f->of->fields[1];
            if (((const ho_extent *)(const void *)(item + shape->offset))->rank > 0)
                write_fields(json, pointer_at(item), f->of, item, 0);
            else
                write_value(json, pointer_at(item), scalar, item + scalar->offset);
        }
        ho_json_close(json, '}');
        break;
    }
}

static void write_fields(ho_json *json, const char *key, const ho_fields *of, const void *object, unsigned kind)
{
    ho_json_open(json, key, '{');
    for (const ho_field *f = of->fields; f->key; f++) {
        const void *at = (const char *)object + f->offset;
        if (f->only && !(f->only & kind))
            continue;
        bool null =
            (f->flags & HO_FIELD_ZERO && *(const int64_t *)at == 0) || (f->flags & HO_FIELD_NULL && is_unknown(f, at));
        if (null)
            ho_json_string(json, f->key, NULL);
        else if (!(f->flags & HO_FIELD_OMIT) || !is_unknown(f, at))
            write_value(json, f->key, f, at);
    }
    ho_json_close(json, '}');
}

void ho_record_write(ho_json *json, const ho_record *record)
{
    write_fields(json, NULL, &ho_record_fields, record, record->kind);
}

void ho_line_write(ho_json *json, const ho_line *line)
{
    write_fields(json, NULL, &ho_line_fields, line, line->kind);
}
