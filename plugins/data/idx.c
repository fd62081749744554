/* IDX files, the format of MNIST: big-endian arrays behind a short header. */
#include <hotool/classes.h>
#include <hotool/plugin.h>

#include <string.h>

typedef struct idx {
    const char *inputs, *labels;
    double scale;
    int64_t classes;
    const char *const *names;
} idx;

/* An IDX file in memory. */
typedef struct idx_file {
    const char *path;
    uint8_t type;
    int32_t rank;
    int64_t dims[HO_MAX_RANK];
    int64_t count; /* entries */
    const uint8_t *values;
} idx_file;

static const ho_option options[] = {
    {.name = "inputs", .type = HO_PATH, .required = 1, .doc = "IDX file of (examples, ...) numbers; may be gzipped"},
    {.name = "labels", .type = HO_PATH, .required = 1, .doc = "IDX file of (examples) class numbers; may be gzipped"},
    {.name = "scale",
     .type = HO_REAL,
     .initial = "0",
     .doc = "multiplies the inputs; 0: 1/255 for integers (bytes to [0, 1]), 1 for floating point"},
    HO_CLASS_OPTIONS,
};

static ho_status create(ho_setup *u, void **self)
{
    idx *reader = ho_setup_alloc(u, sizeof(idx));
    if (!reader)
        return HO_FAILED;
    reader->inputs = ho_option_string(u, "inputs");
    reader->labels = ho_option_string(u, "labels");
    reader->scale = ho_option_real(u, "scale");
    reader->classes = ho_option_integer(u, "classes");
    *self = reader;
    return ho_class_names_read(u, &reader->classes, &reader->names);
}

static int is_floating(uint8_t type)
{
    return type == 0x0D || type == 0x0E;
}

/* Size in bytes of an entry of this type; 0: no such type. */
static int64_t entry_size(uint8_t type)
{
    switch (type) {
    case 0x08: /* unsigned byte */
    case 0x09: /* signed byte */
        return 1;
    case 0x0B: /* short */
        return 2;
    case 0x0C: /* int */
    case 0x0D: /* float */
        return 4;
    case 0x0E: /* double */
        return 8;
    default:
        return 0;
    }
}

static uint64_t big_endian(const uint8_t *bytes, int64_t size)
{
    uint64_t number = 0;
    for (int64_t i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

static double entry(const idx_file *f, int64_t i)
{
    const int64_t size = entry_size(f->type);
    const uint64_t bits = big_endian(f->values + i * size, size);
    switch (f->type) {
    case 0x09:
        return (double)bits - (bits >> 7 ? 256.0 : 0.0);
    case 0x0B:
        return (double)bits - (bits >> 15 ? 65536.0 : 0.0);
    case 0x0C:
        return (double)bits - (bits >> 31 ? 4294967296.0 : 0.0);
    case 0x0D: {
        const uint32_t low = (uint32_t)bits;
        float number;
        memcpy(&number, &low, sizeof(number));
        return (double)number;
    }
    case 0x0E: {
        double number;
        memcpy(&number, &bits, sizeof(number));
        return number;
    }
    default:
        return (double)bits;
    }
}

/* By the header; see ho_file_length. */
static uint64_t length_by_header(const uint8_t *bytes, uint64_t size)
{
    const uint64_t most = (uint64_t)1 << 60; /* far beyond what is read */
    if (size < 4 || bytes[0] != 0 || bytes[1] != 0 || bytes[3] < 1 || bytes[3] > HO_MAX_RANK)
        return 0;
    const uint64_t header = 4 + 4 * (uint64_t)bytes[3];
    uint64_t length = (uint64_t)entry_size(bytes[2]);
    for (uint64_t at = 4; at < header && at + 4 <= size; at += 4) {
        const uint64_t dim = big_endian(bytes + at, 4);
        length = dim > 0 && length > most / dim ? most : length * dim;
    }
    return header + length;
}

/* Reads the file and checks its header against its size. */
static ho_status open_file(ho_data *d, const char *path, idx_file *f)
{
    const uint8_t *bytes;
    uint64_t size;
    ho_status status = ho_data_file(d, path, 0, length_by_header, &bytes, &size);
    if (status != HO_OK)
        return status;
    if (size < 4)
        return ho_data_fail(d, path, (int64_t)size, "the file is truncated: an IDX file starts with 4 bytes");
    if (bytes[0] != 0 || bytes[1] != 0)
        return ho_data_fail(d, path, 0, "an IDX file starts with two zero bytes, not %02x %02x", bytes[0], bytes[1]);
    const int64_t width = entry_size(bytes[2]);
    if (width == 0)
        return ho_data_fail(d, path, 2, "unknown IDX type 0x%02x (known: 08 09 0b 0c 0d 0e)", bytes[2]);
    if (bytes[3] < 1 || bytes[3] > HO_MAX_RANK)
        return ho_data_fail(d, path, 3, "expected 1 to %d dimensions, got %d", HO_MAX_RANK, bytes[3]);
    *f = (idx_file){.path = path, .type = bytes[2], .rank = bytes[3], .count = 1};

    const int64_t header = 4 + 4 * (int64_t)f->rank;
    if (size < (uint64_t)header)
        return ho_data_fail(d, path, (int64_t)size, "the file is truncated: its header has %lld bytes",
                            (long long)header);
    const int64_t entries = ((int64_t)size - header) / width;
    for (int32_t i = 0; i < f->rank; i++) {
        f->dims[i] = (int64_t)big_endian(bytes + 4 + 4 * i, 4);
        if (f->dims[i] < 1)
            return ho_data_fail(d, path, 4 + 4 * i, "dimension %d is 0: the array is empty", i + 1);
        if (f->dims[i] > entries / f->count)
            return ho_data_fail(d, path, 4 + 4 * i, "dimension %d is %lld, but only %lld values follow the header",
                                i + 1, (long long)f->dims[i], (long long)entries);
        f->count *= f->dims[i];
    }
    if ((uint64_t)(header + f->count * width) != size)
        return ho_data_fail(d, path, header + f->count * width,
                            "the array ends here by its header, but %llu bytes were read", (unsigned long long)size);
    f->values = bytes + header;
    return HO_OK;
}

static ho_status emit_inputs(ho_data *d, const idx_file *f, double given)
{
    const double scale = given != 0.0 ? given : is_floating(f->type) ? 1.0 : 1.0 / 255.0;
    const int wide = f->type == 0x0C || f->type == 0x0E; /* than a float */
    void *values = ho_data_alloc(d, (uint64_t)f->count, wide ? sizeof(double) : sizeof(float));
    if (!values)
        return HO_FAILED;
    for (int64_t i = 0; i < f->count; i++) {
        const double x = entry(f, i) * scale;
        if (wide)
            ((double *)values)[i] = x;
        else
            ((float *)values)[i] = (float)x;
    }
    ho_array array = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_INPUTS,
        .type = wide ? HO_ARRAY_F64 : HO_ARRAY_F32,
        .rank = f->rank,
        .source = f->path,
        .values = values,
    };
    memcpy(array.dims, f->dims, sizeof(array.dims));
    return ho_data_emit(d, 0, &array);
}

static ho_status emit_labels(ho_data *d, const idx_file *f, int64_t classes)
{
    int64_t *values = ho_data_alloc(d, (uint64_t)f->count, sizeof(int64_t));
    if (!values)
        return HO_FAILED;
    for (int64_t i = 0; i < f->count; i++)
        values[i] = (int64_t)entry(f, i);
    const ho_array array = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_LABELS,
        .type = HO_ARRAY_I64,
        .rank = 1,
        .dims = {f->count},
        .classes = classes,
        .name = "labels",
        .source = f->path,
        .values = values,
    };
    return ho_data_emit(d, 0, &array);
}

static ho_status read(void *self, ho_data *d)
{
    const idx *reader = self;
    idx_file inputs = {0}, labels = {0};
    ho_status status = open_file(d, reader->inputs, &inputs);
    if (status == HO_OK)
        status = open_file(d, reader->labels, &labels);
    if (status != HO_OK)
        return status;
    if (labels.rank != 1)
        return ho_data_fail(d, labels.path, 3, "expected one dimension, got %d; are inputs and labels swapped?",
                            labels.rank);
    if (is_floating(labels.type))
        return ho_data_fail(d, labels.path, 2, "expected integers, got type 0x%02x (floating point)", labels.type);
    if (labels.dims[0] != inputs.dims[0])
        return ho_data_fail(d, labels.path, 4, "%lld labels for the %lld examples of %s", (long long)labels.dims[0],
                            (long long)inputs.dims[0], inputs.path);
    status = emit_inputs(d, &inputs, reader->scale);
    if (status == HO_OK)
        status = emit_labels(d, &labels, reader->classes);
    return status == HO_OK ? ho_class_names_emit(d, reader->classes, reader->names) : status;
}

static const ho_data_calls calls = {
    .struct_size = sizeof(ho_data_calls),
    .read = read,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA),
    .name = "idx",
    .version = "1.0.0",
    .doc = "IDX files, the format of MNIST and Fashion-MNIST; plain or gzipped",
    .details = "Bytes become numbers in [0, 1] (scale: 1/255), floating-point numbers stay as they are; flattened to "
               "(examples, features). Reads all six IDX types. "
               "Format: LeCun, Cortes, Burges, The MNIST Database of Handwritten Digits.\n\n"
               "Debian's package dataset-fashion-mnist installs Fashion-MNIST in /usr/share/datasets/fashion-mnist.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
