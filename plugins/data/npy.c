/* NumPy files: one with the inputs, others with labels or a regression target. */
#include <hotool/classes.h>
#include <hotool/plugin.h>

typedef struct npy {
    const char *inputs, *labels, *target;
    int64_t classes;
    const char *const *names;
} npy;

static const ho_option options[] = {
    {.name = "inputs", .type = HO_PATH, .required = 1, .doc = ".npy file of (examples, ...) numbers"},
    {.name = "labels", .type = HO_PATH, .doc = ".npy file of (examples) integers 0, 1, ..."},
    {.name = "target", .type = HO_PATH, .doc = ".npy file of (examples) or (examples, width) numbers"},
    HO_CLASS_OPTIONS,
};

static ho_status create(ho_setup *u, void **self)
{
    npy *reader = ho_setup_alloc(u, sizeof(npy));
    if (!reader)
        return HO_FAILED;
    reader->inputs = ho_option_string(u, "inputs");
    reader->labels = ho_option_string(u, "labels");
    reader->target = ho_option_string(u, "target");
    reader->classes = ho_option_integer(u, "classes");
    if (!reader->labels && !reader->target)
        return ho_setup_fail(u, NULL, "expected labels (class numbers), target (numbers to predict), or both");
    const int named = ho_option_count(u, "names") > 0;
    if (!reader->labels && (named || reader->classes > 0))
        return ho_setup_fail(u, named ? "names" : "classes", "needs labels");
    *self = reader;
    return ho_class_names_read(u, &reader->classes, &reader->names);
}

static ho_status emit_file(ho_data *d, const char *path, uint32_t role, const char *name, int64_t classes)
{
    if (!path)
        return HO_OK;
    ho_array array = {.struct_size = sizeof(ho_array)};
    ho_status status = ho_data_npy(d, path, &array);
    if (status != HO_OK)
        return status;
    array.role = role;
    array.name = name;
    array.classes = classes;
    /* Labels are often stored as one column. */
    if (role == HO_ROLE_LABELS && array.rank == 2 && array.dims[1] == 1)
        array.rank = 1;
    return ho_data_emit(d, 0, &array);
}

static ho_status read(void *self, ho_data *d)
{
    const npy *reader = self;
    ho_status status = emit_file(d, reader->inputs, HO_ROLE_INPUTS, NULL, 0);
    if (status == HO_OK)
        status = emit_file(d, reader->labels, HO_ROLE_LABELS, "labels", reader->classes);
    if (status == HO_OK)
        status = emit_file(d, reader->target, HO_ROLE_REALS, "target", 0);
    return status == HO_OK ? ho_class_names_emit(d, reader->classes, reader->names) : status;
}

static const ho_data_calls calls = {
    .struct_size = sizeof(ho_data_calls),
    .read = read,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA),
    .name = "npy",
    .version = "1.0.0",
    .doc = "NumPy .npy files: inputs, with labels or a regression target",
    .details =
        "Reads versions 1 to 3 of the format; f2, f4, f8 and integers; C and Fortran order; plain or gzipped. Inputs "
        "of "
        "any rank are flattened to (examples, features).\n\n"
        "A pipeline refers to the targets as \"labels\" and \"target\". Set classes where the data may hold no example "
        "of the last ones.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
