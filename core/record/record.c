/* The description of a record, and its writer. */
#include "record/record.h"

#include <math.h>
#include <string.h>

#include "record/fields.h"

/* ---- the description --------------------------------------------------------------------------------------------- */

#define AT(what, type, member) .kind = HO_FIELD_##what, .offset = offsetof(type, member)
#define ITEMS(item, type)      .of = item, .size = sizeof(type)

static const ho_field real = {"a number", HO_FIELD_REAL, 0, 0, 0, NULL, 0};
static const ho_field text = {"a text", HO_FIELD_TEXT, 0, HO_FIELD_REQUIRED, 0, NULL, 0};
static const ho_field integer = {"an integer", HO_FIELD_INTEGER, 0, 0, 0, NULL, 0};
static const ho_field checksum = {"a checksum", HO_FIELD_TEXT, 0, 0, 0, NULL, 0};
static const ho_field path = {"a path", HO_FIELD_TEXT, 0, HO_FIELD_REQUIRED | HO_FIELD_INSIDE, 0, NULL, 0};

static const ho_field statistic[] = {
    {"mean", AT(REAL, ho_statistic, mean)},
    {"sd", AT(REAL, ho_statistic, sd)},
    {"values", AT(REALS, ho_statistic, values), ITEMS(&real, double)},
    {0},
};

static const ho_field summary[] = {
    {"shape", AT(SHAPE, ho_summary, shape)},       {"sum", AT(REAL, ho_summary, value)},
    {"min", AT(REAL, ho_summary, least)},          {"max", AT(REAL, ho_summary, most)},
    {"nonzero", AT(INTEGER, ho_summary, nonzero)}, {0},
};

static const ho_field row_hyper[] = {
    {"shape", AT(SHAPE, ho_row_hyper, shape)},
    {"sum", AT(OBJECT, ho_row_hyper, value), .of = statistic},
    {0},
};

static const ho_field row_scale[] = {
    {"shape", AT(SHAPE, ho_row_scale, shape)},
    {"scale", AT(TEXT, ho_row_scale, scale)},
    {0},
};

static const ho_field row[] = {
    {"variant", AT(TEXT, ho_row, variant)},
    {"strategy", AT(TEXT, ho_row, strategy)},
    {"runs", AT(INTEGER, ho_row, runs), .flags = HO_FIELD_REQUIRED | HO_FIELD_COUNT},
    {"outcome", AT(OUTCOME, ho_row, outcome)},
    {"message", AT(MESSAGE, ho_row, outcome)},
    {"figures", AT(FIGURES, ho_row, figures), .of = statistic},
    {"hyperparameters", AT(NAMED, ho_row, hypers), ITEMS(row_hyper, ho_row_hyper)},
    {"scales", AT(NAMED, ho_row, scales), ITEMS(row_scale, ho_row_scale), .flags = HO_FIELD_OMIT},
    {"seeds", AT(LIST, ho_row, seeds), ITEMS(&integer, int64_t), .flags = HO_FIELD_OMIT},
    {"criterion", AT(TEXT, ho_row, criterion), .flags = HO_FIELD_OMIT},
    {"folders", AT(LIST, ho_row, folders), ITEMS(&path, char *), .flags = HO_FIELD_REQUIRED},
    {"chosen", AT(LIST, ho_row, chosen), ITEMS(&text, char *), .flags = HO_FIELD_OMIT},
    {0},
};

static const ho_field row_item = {"a row", HO_FIELD_OBJECT, 0, HO_FIELD_REQUIRED, 0, row, 0};

static const ho_field column[] = {
    {"best_epoch", AT(REAL, ho_column, best_epoch), .flags = HO_FIELD_OMIT},
    {"validation_error", AT(REAL, ho_column, validation_error)},
    {"validation_loss", AT(REAL, ho_column, validation_loss)},
    {"validation_accuracy", AT(REAL, ho_column, validation_accuracy)},
    {"test_loss", AT(REAL, ho_column, test_loss)},
    {"test_accuracy", AT(REAL, ho_column, test_accuracy)},
    {0},
};

static const ho_field rounding[] = {
    {"left", AT(REAL, ho_rounding, left)},
    {"hyperparameter", AT(TEXT, ho_rounding, hyper)},
    {"grew", AT(TEXT, ho_rounding, grew)},
    {"growth", AT(REAL, ho_rounding, growth)},
    {"from", AT(INTEGER, ho_rounding, from)},
    {"to", AT(INTEGER, ho_rounding, to)},
    {0},
};

static const ho_field started[] = {
    {"date", AT(TEXT, ho_record_started, date)},
    {"host", AT(TEXT, ho_record_started, host)},
    {"folder", AT(TEXT, ho_record_started, folder)},
    {"program", AT(TEXT, ho_record_started, program)},
    {"environment", AT(PAIRS, ho_record_started, environment)},
    {"again", AT(TEXT, ho_record_started, again)},
    {0},
};

static const ho_field plugin[] = {
    {"kind", AT(TEXT, ho_record_plugin, kind)},         {"name", AT(TEXT, ho_record_plugin, name)},
    {"version", AT(TEXT, ho_record_plugin, version)},   {"path", AT(TEXT, ho_record_plugin, path)},
    {"checksum", AT(TEXT, ho_record_plugin, checksum)}, {0},
};

static const ho_field plugin_item = {"a plugin", HO_FIELD_OBJECT, 0, HO_FIELD_REQUIRED, 0, plugin, 0};

static const ho_field data[] = {
    {"source", AT(TEXT, ho_record_data, source)},
    {"choice", AT(INTEGER, ho_record_data, choice)},
    {"choices", AT(INTEGER, ho_record_data, choices)},
    {"passed_over", AT(TEXT, ho_record_data, passed_over)},
    {"files", AT(LIST, ho_record_data, files), ITEMS(&text, char *)},
    {"checksums", AT(LIST, ho_record_data, checksums), ITEMS(&checksum, char *), .flags = HO_FIELD_OMIT},
    {"training", AT(INTEGER, ho_record_data, training)},
    {"validation", AT(INTEGER, ho_record_data, validation)},
    {"test", AT(INTEGER, ho_record_data, test)},
    {"features", AT(INTEGER, ho_record_data, features)},
    {0},
};

static const ho_field machine[] = {
    {"cpu", AT(TEXT, ho_record_machine, cpu)},
    {"cores", AT(INTEGER, ho_record_machine, cores)},
    {"system", AT(TEXT, ho_record_machine, system)},
    {0},
};

static const ho_field versions[] = {
    {"openblas", AT(TEXT, ho_record_versions, openblas)},
    {"compiler", AT(TEXT, ho_record_versions, compiler)},
    {"libc", AT(TEXT, ho_record_versions, libc), .flags = HO_FIELD_OMIT},
    {"libyaml", AT(TEXT, ho_record_versions, libyaml), .flags = HO_FIELD_OMIT},
    {"zlib", AT(TEXT, ho_record_versions, zlib), .flags = HO_FIELD_OMIT},
    {"openssl", AT(TEXT, ho_record_versions, openssl), .flags = HO_FIELD_OMIT},
    {"jansson", AT(TEXT, ho_record_versions, jansson), .flags = HO_FIELD_OMIT},
    {0},
};

enum {
    RUN = HO_RECORD_RUN,
    RUNS = HO_RECORD_RUN | HO_RECORD_RUNS,
    GRADIENT = HO_RECORD_GRADIENT,
    ALONE = RUN | GRADIENT
};

const ho_field ho_record_fields[] = {
    {"format", AT(INTEGER, ho_record, format), .flags = HO_FIELD_REQUIRED},
    {"hotool", AT(TEXT, ho_record, hotool)},
    {"pipeline", AT(TEXT, ho_record, pipeline), .flags = HO_FIELD_REQUIRED},
    {"file", AT(TEXT, ho_record, file)},
    {"command", AT(TEXT, ho_record, command)},
    {"started", AT(OBJECT, ho_record, started), .flags = HO_FIELD_OMIT, .of = started},
    {"data", AT(OBJECT, ho_record, data), .flags = HO_FIELD_REQUIRED, .of = data},
    {"seed", AT(INTEGER, ho_record, seed)},
    {"mode", AT(TEXT, ho_record, mode)},
    {"dynamics", AT(TEXT, ho_record, dynamics)},
    {"steps", AT(INTEGER, ho_record, steps), .flags = HO_FIELD_ZERO},
    {"precision", AT(TEXT, ho_record, precision)},
    {"machine", AT(OBJECT, ho_record, machine), .of = machine},
    {"versions", AT(OBJECT, ho_record, versions), .of = versions},
    {"plugins", AT(LIST, ho_record, plugins), ITEMS(&plugin_item, ho_record_plugin), .flags = HO_FIELD_OMIT,
     .only = ALONE},
    {"settings", AT(PAIRS, ho_record, settings), .flags = HO_FIELD_OMIT, .only = ALONE},
    {"class_names", AT(LIST, ho_record, class_names), ITEMS(&text, char *), .flags = HO_FIELD_NULL},
    {"repeat", AT(INTEGER, ho_record, repeat), .only = RUNS},
    {"outcome", AT(OUTCOME, ho_record, result.outcome), .flags = HO_FIELD_REQUIRED, .only = RUNS},
    {"message", AT(MESSAGE, ho_record, result.outcome), .only = RUNS},
    {"outer_iterations", AT(INTEGER, ho_record, result.outer_iterations), .only = RUN},
    {"halvings", AT(INTEGER, ho_record, result.halvings), .only = RUN},
    {"initial_validation_error", AT(REAL, ho_record, result.initial_error), .only = RUN},
    {"best_validation_error", AT(REAL, ho_record, result.best_error), .only = RUN},
    {"best_iteration", AT(INTEGER, ho_record, result.best_iteration), .only = RUN},
    {"ended", AT(TEXT, ho_record, result.ended), .flags = HO_FIELD_OMIT, .only = RUN},
    {"digits", AT(OBJECT, ho_record, result.rounding), .flags = HO_FIELD_OMIT, .only = RUN, .of = rounding},
    {"gradient_evaluations", AT(INTEGER, ho_record, result.evaluations), .only = RUN},
    {"E", AT(REAL, ho_record, value), .only = GRADIENT},
    {"T", AT(INTEGER, ho_record, steps), .only = GRADIENT},
    {"seconds", AT(REAL, ho_record, result.seconds), .only = RUN | GRADIENT},
    {"gradient", AT(NAMED, ho_record, gradient), ITEMS(summary, ho_summary), .flags = HO_FIELD_OMIT, .only = GRADIENT},
    {"trajectory_bytes", AT(INTEGER, ho_record, trajectory_bytes), .only = GRADIENT},
    {"residual_bytes", AT(INTEGER, ho_record, residual_bytes), .only = GRADIENT},
    {"digits", AT(OBJECT, ho_record, rounding), .flags = HO_FIELD_OMIT, .only = GRADIENT, .of = rounding},
    {"cpu_seconds", AT(REAL, ho_record, result.cpu_seconds), .only = RUN},
    {"initial", AT(OBJECT, ho_record, result.columns[HO_INITIAL]), .flags = HO_FIELD_OMIT, .only = RUN, .of = column},
    {"tuned", AT(OBJECT, ho_record, result.columns[HO_TUNED]), .flags = HO_FIELD_OMIT, .only = RUN, .of = column},
    {"final", AT(OBJECT, ho_record, result.columns[HO_FINAL]), .flags = HO_FIELD_OMIT, .only = RUN, .of = column},
    {"hyperparameters", AT(NAMED, ho_record, result.best), ITEMS(summary, ho_summary), .only = RUN},
    {"rows", AT(LIST, ho_record, rows), ITEMS(&row_item, ho_row), .flags = HO_FIELD_REQUIRED | HO_FIELD_COUNT,
     .only = RUNS},
    {0},
};

enum {
    ITERATION = HO_LINE_ITERATION | HO_LINE_CANDIDATE,
    STEPPED = HO_LINE_ITERATION,
    EVALUATION = HO_LINE_EVALUATION,
    UPDATE = HO_LINE_UPDATE,
    TRAINING = EVALUATION | UPDATE,
};

const ho_field ho_line_fields[] = {
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
    {"digits", AT(OBJECT, ho_line, rounding), .flags = HO_FIELD_OMIT, .only = STEPPED | UPDATE, .of = rounding},
    {"stationarity", AT(REAL, ho_line, stationarity), .only = STEPPED},
    {"step_scale", AT(REAL, ho_line, step_scale), .only = STEPPED},
    {"trajectory_bytes", AT(INTEGER, ho_line, trajectory_bytes), .only = STEPPED},
    {"seconds", AT(REAL, ho_line, seconds), .only = ITERATION},
    {"diverged", AT(TEXT, ho_line, diverged), .flags = HO_FIELD_OMIT, .only = ITERATION},
    {"rejected", AT(TEXT, ho_line, rejected), .flags = HO_FIELD_OMIT, .only = STEPPED},
    {"hyperparameters", AT(NAMED, ho_line, hypers), ITEMS(summary, ho_summary)},
    {"tangent_norms", AT(NAMED, ho_line, tangent_norms), ITEMS(summary, ho_summary), .flags = HO_FIELD_OMIT,
     .only = UPDATE},
    {0},
};

/* ---- names and figures ------------------------------------------------------------------------------------------- */

const char *ho_outcome_name(ho_status outcome)
{
    return outcome == HO_OK            ? "done"
           : outcome == HO_DIVERGED    ? "diverged"
           : outcome == HO_INTERRUPTED ? "interrupted"
                                       : "failed";
}

#define COLUMN(member) offsetof(ho_column, member)
#define RESULT(member) offsetof(ho_result, member)

const ho_figure_form ho_figure_forms[HO_FIGURES] = {
    [HO_VALIDATION_ERROR] = {"validation_error", "validation error", 3, 0, HO_OF_CHOICE, COLUMN(validation_error), -1},
    [HO_VALIDATION_ACCURACY] = {"validation_accuracy", "validation acc. %", 2, HO_PERCENT, HO_OF_CHOICE,
                                COLUMN(validation_accuracy), 1},
    [HO_TEST_LOSS] = {"test_loss", "test loss", 0, 0, HO_OF_LAST, COLUMN(test_loss), -1},
    [HO_TEST_ACCURACY] = {"test_accuracy", "test accuracy %", 2, HO_PERCENT, HO_OF_LAST, COLUMN(test_accuracy), 1},
    [HO_BEST_EPOCH] = {"best_epoch", "best epoch", 1, 0, HO_OF_LAST, COLUMN(best_epoch), 0},
    [HO_EVALUATIONS] = {"gradient_evaluations", "gradients", 0, HO_MEAN_ONLY, HO_OF_RUN, RESULT(evaluations), 0},
    [HO_CPU_SECONDS] = {"cpu_seconds", "CPU s", 1, HO_MEAN_ONLY, HO_OF_RUN, RESULT(cpu_seconds), 0},
    [HO_SECONDS] = {"seconds", "seconds", 1, HO_MEAN_ONLY, HO_OF_RUN, RESULT(seconds), 0},
    [HO_PRECISION] = {"precision", "precision", 3, 0, HO_OF_RUN, RESULT(detection.precision), 1},
    [HO_RECALL] = {"recall", "recall", 3, 0, HO_OF_RUN, RESULT(detection.recall), 1},
    [HO_F1] = {"f1", "F1", 3, 0, HO_OF_RUN, RESULT(detection.f1), 1},
};

double ho_figure_of(const ho_result *r, ho_figure which)
{
    const ho_figure_form *form = &ho_figure_forms[which];
    const ho_column *last = NULL, *validated = NULL;
    for (size_t i = 0; i < HO_COLUMNS; i++)
        if (r->columns[i].known) {
            last = &r->columns[i];
            validated = isnan(last->validation_error) ? validated : last;
        }
    const void *in = form->from == HO_OF_CHOICE ? validated : form->from == HO_OF_LAST ? last : (const void *)r;
    if (!last || !in)
        return NAN;
    if (which == HO_EVALUATIONS)
        return (double)r->evaluations;
    double value;
    memcpy(&value, (const char *)in + form->offset, sizeof value);
    return value;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static const void *pointer_at(const void *at)
{
    const void *pointer;
    memcpy(&pointer, at, sizeof pointer);
    return pointer;
}

static bool is_unknown(const ho_field *f, const void *at)
{
    return f->kind == HO_FIELD_REAL     ? isnan(*(const double *)at)
           : f->kind == HO_FIELD_OBJECT ? !*(const bool *)at
                                        : !pointer_at(at);
}

static void write_list(ho_json *json, const char *key, const ho_field *f, const void *at);
static void write_object(ho_json *json, const char *key, const ho_field *fields, const void *object, unsigned kind);

static void write_shape(ho_json *json, const char *key, const ho_extent *shape)
{
    ho_json_open(json, key, '[');
    for (int32_t d = 0; d < shape->rank; d++)
        ho_json_integer(json, NULL, shape->dims[d]);
    ho_json_close(json, ']');
}

static void write_pairs(ho_json *json, const char *key, const ho_pairs *pairs)
{
    ho_json_open(json, key, '{');
    for (size_t i = 0; i < pairs->count; i++)
        ho_json_string(json, pairs->items[i].name, pairs->items[i].value);
    ho_json_close(json, '}');
}

/* `at`: where the value stands. */
static void write_value(ho_json *json, const char *key, const ho_field *f, const void *at)
{
    const ho_error *outcome = at;
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
        ho_json_string(json, key, ho_outcome_name(outcome->status));
        break;
    case HO_FIELD_MESSAGE:
        ho_json_string(json, key, outcome->status == HO_OK ? NULL : outcome->text);
        break;
    case HO_FIELD_SHAPE:
        write_shape(json, key, at);
        break;
    case HO_FIELD_OBJECT:
        write_object(json, key, f->of, at, 0);
        break;
    case HO_FIELD_FIGURES:
        for (size_t i = 0; i < HO_FIGURES; i++) {
            const ho_statistic *figures = at;
            if (i < HO_PRECISION || !isnan(figures[HO_RECALL].mean))
                write_object(json, ho_figure_forms[i].key, f->of, &figures[i], 0);
        }
        break;
    case HO_FIELD_REALS:
        ho_json_reals(json, key, ((const ho_reals *)at)->items, ((const ho_reals *)at)->count);
        break;
    case HO_FIELD_PAIRS:
        write_pairs(json, key, at);
        break;
    case HO_FIELD_LIST:
    case HO_FIELD_NAMED:
        write_list(json, key, f, at);
        break;
    }
}

static void write_list(ho_json *json, const char *key, const ho_field *f, const void *at)
{
    const char *item = pointer_at(at);
    size_t count;
    memcpy(&count, (const char *)at + sizeof item, sizeof count);
    ho_json_open(json, key, f->kind == HO_FIELD_LIST ? '[' : '{');
    for (; count > 0; count--, item += f->size) {
        const ho_field *shape = f->of, *scalar = f->of + 1;
        if (f->kind == HO_FIELD_LIST)
            write_value(json, NULL, f->of, item);
        else if (((const ho_extent *)(const void *)(item + shape->offset))->rank > 0)
            write_object(json, pointer_at(item), f->of, item, 0);
        else
            write_value(json, pointer_at(item), scalar, item + scalar->offset);
    }
    ho_json_close(json, f->kind == HO_FIELD_LIST ? ']' : '}');
}

/* With the fields that this `kind` of record or line has. */
static void write_object(ho_json *json, const char *key, const ho_field *fields, const void *object, unsigned kind)
{
    ho_json_open(json, key, '{');
    for (const ho_field *f = fields; f->key; f++) {
        const void *at = (const char *)object + f->offset;
        if ((f->only && !(f->only & kind)) || (f->flags & HO_FIELD_OMIT && is_unknown(f, at)))
            continue;
        if ((f->flags & HO_FIELD_NULL && is_unknown(f, at)) || (f->flags & HO_FIELD_ZERO && !*(const int64_t *)at))
            ho_json_string(json, f->key, NULL);
        else
            write_value(json, f->key, f, at);
    }
    ho_json_close(json, '}');
}

void ho_record_write(ho_json *json, const ho_record *record)
{
    write_object(json, NULL, ho_record_fields, record, record->kind);
    ho_json_end(json);
}

void ho_line_write(ho_json *json, const ho_line *line)
{
    write_object(json, NULL, ho_line_fields, line, line->kind);
    ho_json_end(json);
}
