/* The binary version of CIFAR-10: records of one label byte and 3072 pixel bytes. */
#include <hotool/classes.h>
#include <hotool/plugin.h>

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
     .doc = "file of binary records, such as data_batch_1.bin; may be gzipped"},
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

static ho_status read(void *self, ho_data *d)
{
    const cifar10 *reader = self;
    const uint8_t *bytes;
    uint64_t size;
    ho_status status = ho_data_file(d, reader->inputs, 0, &bytes, &size);
    if (status != HO_OK)
        return status;
    if (size == 0 || size % RECORD != 0)
        return ho_data_fail(d, reader->inputs, (int64_t)(size - size % RECORD),
                            size == 0
                                ? "the file is empty"
                                : "the last record is truncated: the file's size is not a multiple of 3073 bytes");

    const int64_t count = (int64_t)(size / RECORD);
    float *pixels = ho_data_alloc(d, (uint64_t)count * PIXELS, sizeof(float));
    uint8_t *labels = ho_data_alloc(d, (uint64_t)count, 1);
    if (!pixels || !labels)
        return HO_FAILED;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *record = bytes + i * RECORD;
        if (record[0] >= CLASSES)
            return ho_data_fail(d, reader->inputs, i * RECORD, "record %lld: expected a label from 0 to 9, got %d",
                                (long long)i, record[0]);
        labels[i] = record[0];
        for (int64_t j = 0; j < PIXELS; j++)
            pixels[i * PIXELS + j] = (float)(record[1 + j] * reader->scale);
    }

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
        "A record is a label byte followed by 3072 bytes: the red, green and blue planes, row by row. Pixels become "
        "numbers in [0, 1] (scale: 1/255), flattened to 3072 features. Krizhevsky, Learning Multiple Layers of "
        "Features "
        "from Tiny Images (2009).",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
