/*
 * A data reader: lines of numbers, separated by commas, the last of which is the class of the example. Change the
 * parsing.
 *
 * In a pipeline:  data: {plugin: my_plugin, file: examples.csv, split: {train: 40, validation: rest}}
 *
 * Data without an end, or too large for memory, are a stream: fill in `next` instead of `read` (see data.h).
 */
#include <hotool/plugin.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct instance {
    const char *file;
} instance;

static const ho_option options[] = {
    {.name = "file",
     .type = HO_PATH,
     .initial = "examples.csv",
     .doc = "lines of numbers, the last of which is the class, 0, 1, ..."},
};

static ho_status create(ho_setup *u, void **self)
{
    instance *reader = (instance *)ho_setup_alloc(u, sizeof(instance));
    if (!reader)
        return HO_FAILED;
    reader->file = ho_option_string(u, "file");
    *self = reader;
    return HO_OK;
}

static int64_t count(const char *text, const char *end, char wanted)
{
    int64_t found = 0;
    for (; text < end; text++)
        found += *text == wanted;
    return found;
}

/* One line: `columns` numbers. *text moves past it. A byte that is wrong is told with its place in the file. */
static ho_status read_line(const instance *reader, ho_data *d, const char *start, const char **text, int64_t columns,
                           double *numbers)
{
    for (int64_t i = 0; i < columns; i++) {
        char *end;
        numbers[i] = strtod(*text, &end);
        if (end == *text || !isfinite(numbers[i]) || *end != (i + 1 < columns ? ',' : '\n'))
            return ho_data_fail(d, reader->file, *text - start, "expected %lld finite numbers with ',' between them",
                                (long long)columns);
        *text = end + 1;
    }
    return HO_OK;
}

/* Passes on what was read: inputs (examples, features) and labels (examples). */
static ho_status emit(const instance *reader, ho_data *d, int64_t examples, int64_t features, const double *inputs,
                      const int64_t *labels)
{
    const ho_array x = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_INPUTS,
        .type = HO_ARRAY_F64,
        .rank = 2,
        .dims = {examples, features},
        .source = reader->file,
        .values = inputs,
    };
    const ho_array y = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_LABELS,
        .type = HO_ARRAY_I64,
        .rank = 1,
        .dims = {examples},
        .source = reader->file,
        .values = labels,
    };
    const ho_status status = ho_data_emit(d, 0, &x);
    return status == HO_OK ? ho_data_emit(d, 0, &y) : status;
}

static ho_status read_file(void *self, ho_data *d)
{
    const instance *reader = (const instance *)self;
    const uint8_t *bytes;
    uint64_t size;
    ho_status status = ho_data_file(d, reader->file, 0, NULL, &bytes, &size);
    if (status != HO_OK)
        return status;
    const char *start = (const char *)bytes, *text = start, *end = start + size;
    const char *newline = size > 0 ? (const char *)memchr(text, '\n', size) : NULL;
    if (!newline || end[-1] != '\n')
        return ho_data_fail(d, reader->file, -1, "the last line does not end");
    const int64_t examples = count(text, end, '\n'), features = count(text, newline, ',');
    double *inputs = (double *)ho_data_alloc(d, (uint64_t)(examples * features), sizeof(double));
    double *line = (double *)ho_data_alloc(d, (uint64_t)(features + 1), sizeof(double));
    int64_t *labels = (int64_t *)ho_data_alloc(d, (uint64_t)examples, sizeof(int64_t));
    if (!inputs || !line || !labels)
        return HO_FAILED;
    for (int64_t i = 0; i < examples; i++) {
        const int64_t at = text - start;
        status = read_line(reader, d, start, &text, features + 1, line);
        if (status != HO_OK)
            return status;
        if (line[features] != floor(line[features]) || fabs(line[features]) > 1e6)
            return ho_data_fail(d, reader->file, at, "the class %g is no integer below a million", line[features]);
        labels[i] = (int64_t)line[features];
        memcpy(inputs + i * features, line, (size_t)features * sizeof(double));
    }
    return emit(reader, d, examples, features, inputs, labels);
}

static const ho_data_calls calls = {
    .struct_size = sizeof(ho_data_calls),
    .emits_parts = 0,
    .read = read_file,
    .unordered = 0,
    .generated = 0,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA),
    .name = "my_plugin",
    .version = "0.1",
    .doc = "lines of numbers separated by commas, the last of which is the class",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
