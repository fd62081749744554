/* The binary version of CIFAR-10: records of one label byte and 3072 pixel bytes. */
#include <hotool/classes.h>
#include <hotool/plugin.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BATCHES 5
#define CLASSES 10
#define PIXELS  3072
#define RECORD  (1 + PIXELS)

typedef struct cifar10 {
    const char *inputs;
    double scale;
    const char *const *names;
} cifar10;

static const ho_option options[] = {
    {.name = "inputs",
     .type = HO_PATH,
     .required = 1,
     .doc = "file of binary records, such as data_batch_1.bin, which may be gzipped; or a folder, of which "
            "data_batch_1.bin "
            "to data_batch_5.bin are read"},
    {.name = "scale",
     .type = HO_REAL,
     .initial = "0.00392156862745098",
     .doc = "multiplies the pixels (default 1/255: to [0, 1])"},
    {.name = "names", .type = HO_STRINGS, .doc = "names of the 10 classes (default: airplane, automobile, ...)"},
};

static const char *const usual_names[CLASSES] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                                 "dog",      "frog",       "horse", "ship", "truck"};

static ho_status create(ho_setup *u, void **self)
{
    cifar10 *reader = ho_setup_alloc(u, sizeof(cifar10));
    if (!reader)
        return HO_FAILED;
    reader->inputs = ho_option_string(u, "inputs");
    reader->scale = ho_option_real(u, "scale");
    int64_t classes = CLASSES;
    ho_status status = ho_class_names_read(u, &classes, &reader->names);
    if (!reader->names)
        reader->names = usual_names;
    *self = reader;
    return status;
}

/* The files to read, of which there are BATCHES at most. */
typedef struct batches {
    int count;
    int64_t records;
    const char *paths[BATCHES];
    const uint8_t *bytes[BATCHES];
    int64_t sizes[BATCHES]; /* in records */
} batches;

/* A folder stands for the batches of the training part in it. */
static ho_status list_batches(ho_data *d, const char *path, batches *b)
{
    struct stat about;
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) {
        b->count = 1;
        b->paths[0] = path;
        return HO_OK;
    }
    const size_t size = strlen(path) + sizeof "/data_batch_N.bin";
    for (b->count = 0; b->count < BATCHES; b->count++) {
        char *name = ho_data_alloc(d, size, 1);
        if (!name)
            return HO_FAILED;
        snprintf(name, size, "%s/data_batch_%d.bin", path, b->count + 1);
        b->paths[b->count] = name;
    }
    return HO_OK;
}

static ho_status open_batch(ho_data *d, batches *b, int i)
{
    const char *path = b->paths[i];
    uint64_t size;
    const ho_status status = ho_data_file(d, path, 0, NULL, &b->bytes[i], &size);
    if (status != HO_OK)
        return status;
    if (size == 0)
        return ho_data_fail(d, path, 0, "the file is empty");
    if (size >= 2 && b->bytes[i][0] == 0x80 && b->bytes[i][1] <= 5)
        return ho_data_fail(d, path, 0, "a Python pickle, expected the binary version of CIFAR-10");
    if (size % RECORD != 0 && size % (RECORD + 1) == 0)
        return ho_data_fail(d, path, -1,
                            "its size fits CIFAR-100, whose records have 3074 bytes; this reader takes CIFAR-10");
    if (size % RECORD != 0)
        return ho_data_fail(d, path, (int64_t)(size - size % RECORD),
                            "the last record is truncated: the file's size is not a multiple of 3073 bytes");
    b->sizes[i] = (int64_t)(size / RECORD);
    b->records += b->sizes[i];
    return HO_OK;
}

static ho_status convert(ho_data *d, const batches *b, double scale, float *pixels, uint8_t *labels)
{
    for (int file = 0; file < b->count; file++)
        for (int64_t i = 0; i < b->sizes[file]; i++) {
            const uint8_t *record = b->bytes[file] + i * RECORD;
            if (record[0] >= CLASSES)
                return ho_data_fail(d, b->paths[file], i * RECORD, "record %lld: expected a label from 0 to 9, got %d",
                                    (long long)i, record[0]);
            *labels++ = record[0];
            for (int64_t j = 0; j < PIXELS; j++)
                *pixels++ = (float)(record[1 + j] * scale);
        }
    return HO_OK;
}

static ho_status read(void *self, ho_data *d)
{
    const cifar10 *reader = self;
    batches b = {0};
    ho_status status = list_batches(d, reader->inputs, &b);
    for (int i = 0; i < b.count && status == HO_OK; i++)
        status = open_batch(d, &b, i);
    if (status != HO_OK)
        return status;
    const int64_t count = b.records;
    float *pixels = ho_data_alloc(d, (uint64_t)count * PIXELS, sizeof(float));
    uint8_t *labels = ho_data_alloc(d, (uint64_t)count, 1);
    if (!pixels || !labels)
        return HO_FAILED;
    status = convert(d, &b, reader->scale, pixels, labels);
    if (status != HO_OK)
        return status;

    const ho_array inputs = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_INPUTS,
        .type = HO_ARRAY_F32,
        .rank = 4,
        .dims = {count, 3, 32, 32},
        .source = reader->inputs,
        .values = pixels,
    };
    const ho_array classes = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_LABELS,
        .type = HO_ARRAY_U8,
        .rank = 1,
        .dims = {count},
        .classes = CLASSES,
        .name = "labels",
        .source = reader->inputs,
        .values = labels,
    };
    status = ho_data_emit(d, 0, &inputs);
    if (status == HO_OK)
        status = ho_data_emit(d, 0, &classes);
    return status == HO_OK ? ho_class_names_emit(d, CLASSES, reader->names) : status;
}

static const ho_data_calls calls = {
    .struct_size = sizeof(ho_data_calls),
    .read = read,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA),
    .name = "cifar10",
    .version = "1.0.0",
    .doc = "CIFAR-10, binary version: 32 x 32 colour images in 10 classes",
    .details =
        "With `inputs: cifar-10-batches-bin`, the folder of the published archive, its five batches are one source of "
        "50000 examples; its test_batch.bin fits `test`. A record is a label byte followed by 3072 bytes: the red, "
        "green and blue planes, row by row. Pixels become "
        "numbers in [0, 1] (scale: 1/255), flattened to 3072 features. Krizhevsky, Learning Multiple Layers of "
        "Features "
        "from Tiny Images (2009).",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
