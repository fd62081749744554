#include "host/emitted.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MOST_ENTRIES (INT64_C(1) << 40)
#define MOST_CLASSES INT64_C(1000000)
#define GUARD        16 /* bytes behind memory that a reader is given, which it must not change */
#define GUARD_BYTE   0xA5

/* An array with what messages say of it. */
typedef struct incoming {
    ho_emission *emission;
    const ho_array *array;
    const char *name; /* "inputs", or the target's */
    int64_t count;    /* examples */
    int64_t width;    /* entries of one */
} incoming;

#define refuse(in, ...) refuse_((in)->emission, (in)->array->source, (in)->name, __VA_ARGS__)

static ho_status refuse_(ho_emission *e, const char *source, const char *name, const char *format, ...) HO_PRINTF(4, 5);
static ho_status refuse_(ho_emission *e, const char *source, const char *name, const char *format, ...)
{
    ho_place place = source ? (ho_place){.file = source} : e->reader->place;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ho_fail_at(e->error, HO_INVALID, place, "%s: %s (data reader \"%s\")", name, text,
                      e->reader->loaded->plugin.name);
}

ho_status ho_emission_misuse(ho_emission *e, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ho_fail_at(e->error, HO_INVALID, e->reader->place, "data reader \"%s\": %s", e->reader->loaded->plugin.name,
                      text);
}

/* ---- memory ---- */

void *ho_emission_own(ho_emission *e, void *memory, uint64_t bytes)
{
    ho_dataset *d = e->dataset;
    if (!memory)
        return NULL;
    ho_grow((void **)&d->blocks, &d->block_capacity, d->block_count, sizeof *d->blocks);
    d->blocks[d->block_count++] = (ho_block){.at = memory, .size = bytes};
    return memory;
}

void *ho_emission_alloc(ho_emission *e, uint64_t count, uint64_t size, const char *what)
{
    const uint64_t more = (GUARD + size - 1) / size;
    char *memory = ho_large_alloc(count < UINT64_MAX - more ? count + more : count, size, what, e->error);
    if (!ho_emission_own(e, memory, count * size))
        return NULL;
    memset(memory + count * size, GUARD_BYTE, GUARD);
    e->dataset->blocks[e->dataset->block_count - 1].guarded = true;
    return memory;
}

/* Whether a reader wrote beyond memory that it was given. */
static ho_status check_guards(ho_emission *e)
{
    for (size_t i = 0; i < e->dataset->block_count; i++) {
        const ho_block *block = &e->dataset->blocks[i];
        for (uint64_t k = 0; block->guarded && k < GUARD; k++)
            if ((unsigned char)block->at[block->size + k] != GUARD_BYTE)
                return ho_emission_misuse(
                    e, "read wrote beyond the end of memory from ho_data_alloc, a block of %" PRIu64 " bytes",
                    block->size);
    }
    return HO_OK;
}

/* How many bytes there are from `values` to the end of the memory that they lie in; UINT64_MAX: it is the reader's. */
static uint64_t bytes_from(const ho_emission *e, const void *values)
{
    for (size_t i = 0; i < e->dataset->block_count; i++) {
        const ho_block *block = &e->dataset->blocks[i];
        const uint64_t offset = (uint64_t)((uintptr_t)values - (uintptr_t)block->at);
        if (offset < block->size)
            return block->size - offset;
    }
    return UINT64_MAX;
}

/* The values themselves, kept for good, where they lie in the data set's memory as its own examples would; or NULL. */
static void *keep(ho_emission *e, const void *values)
{
    for (size_t i = 0; i < e->dataset->block_count; i++) {
        ho_block *block = &e->dataset->blocks[i];
        uint64_t offset = (uint64_t)((uintptr_t)values - (uintptr_t)block->at);
        if (offset >= block->size || offset % 64)
            continue;
        block->kept = true;
        return block->at + offset;
    }
    return NULL;
}

/* Room for converted values, kept for good. */
static void *convert_into(const incoming *in, size_t size)
{
    ho_emission *e = in->emission;
    void *values = ho_emission_alloc(e, (uint64_t)(in->count * in->width), size, in->name);
    return values ? keep(e, values) : NULL;
}

static void free_unkept(ho_dataset *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->block_count; i++)
        if (d->blocks[i].kept)
            d->blocks[kept++] = d->blocks[i];
        else
            ho_large_free(d->blocks[i].at);
    d->block_count = kept;
}

/* ---- one array ---- */

/* Their product, each size being at least 1; false: a size below 1, or more than 2^40 entries. */
static bool count_entries(int32_t rank, const int64_t *dims, int64_t *count)
{
    *count = 1;
    for (int32_t i = 0; i < rank; i++) {
        if (dims[i] < 1 || dims[i] > MOST_ENTRIES / *count)
            return false;
        *count *= dims[i];
    }
    return true;
}

/* Entry i. Byte by byte, since a reader may point into a file that it read. */
static double entry(const ho_array *array, int64_t i)
{
    const char *bytes = array->values;
    switch (array->type) {
    case HO_ARRAY_F32: {
        float value;
        memcpy(&value, bytes + i * 4, sizeof value);
        return (double)value;
    }
    case HO_ARRAY_F64: {
        double value;
        memcpy(&value, bytes + i * 8, sizeof value);
        return value;
    }
    case HO_ARRAY_U8:
        return (double)*((const unsigned char *)bytes + i);
    default: {
        int64_t value;
        memcpy(&value, bytes + i * 8, sizeof value);
        return (double)value;
    }
    }
}

/* Whether f32 holds every entry exactly. */
static bool fits_f32(const ho_array *array, int64_t entries)
{
    if (array->type != HO_ARRAY_I64)
        return array->type != HO_ARRAY_F64;
    for (int64_t i = 0; i < entries; i++)
        if (fabs(entry(array, i)) > 16777216.0)
            return false;
    return true;
}

/* Values in f32 or f64, converted unless they are so already, and finite. */
static ho_status take_values(const incoming *in, bool wide, float **x32, double **x64)
{
    bool same = in->array->type == (wide ? HO_ARRAY_F64 : HO_ARRAY_F32);
    void *kept = same ? keep(in->emission, in->array->values) : NULL;
    void *values = kept ? kept : convert_into(in, wide ? sizeof(double) : sizeof(float));
    if (!values)
        return HO_FAILED;
    for (int64_t i = 0; i < in->count * in->width; i++) {
        double value = entry(in->array, i);
        if (!isfinite(value))
            return refuse(in, "example %" PRId64 ", entry %" PRId64 " is %s", i / in->width, i % in->width,
                          isnan(value) ? "NaN" : "infinite");
        if (!kept && wide)
            ((double *)values)[i] = value;
        else if (!kept)
            ((float *)values)[i] = (float)value;
    }
    if (wide)
        *x64 = values;
    else
        *x32 = values;
    return HO_OK;
}

static ho_status add_inputs(const incoming *in, ho_examples *part)
{
    if (part->x32 || part->x64)
        return refuse(in, "are emitted twice for the same part");
    part->features = in->width;
    part->input_rank = in->array->rank - 1;
    memcpy(part->input_dims, in->array->dims + 1, (size_t)part->input_rank * sizeof *part->input_dims);
    return take_values(in, !fits_f32(in->array, in->count * in->width), &part->x32, &part->x64);
}

static bool holds_zero(const incoming *in)
{
    for (int64_t i = 0; i < in->count; i++)
        if (entry(in->array, i) == 0)
            return true;
    return false;
}

static ho_status take_labels(const incoming *in, ho_target *target)
{
    int64_t declared = in->array->classes, largest = 0;
    if (declared < 0 || declared > MOST_CLASSES)
        return refuse(in, "%" PRId64 " classes are out of range (1 to %" PRId64 ")", declared, MOST_CLASSES);
    target->values = convert_into(in, sizeof *target->values);
    if (!target->values)
        return HO_FAILED;
    int64_t end = declared ? declared : MOST_CLASSES;
    for (int64_t i = 0; i < in->count; i++) {
        double value = entry(in->array, i);
        if (!isfinite(value) || value != floor(value))
            return refuse(in, "example %" PRId64 " has the label %g, which is not an integer", i, value);
        if (value < 0 || value >= (double)end)
            return refuse(in, "example %" PRId64 " has the label %.0f, outside 0..%" PRId64 "%s", i, value, end - 1,
                          value == (double)end && !holds_zero(in) ? "; do labels start at 1?"
                          : value == -1                           ? "; for labels -1 and 1, save (labels + 1)/2"
                                                                  : "");
        if ((int64_t)value > largest)
            largest = (int64_t)value;
        target->values[i] = value;
    }
    target->labels = true;
    if (!declared && in->emission->most)
        return refuse(in, "must say their number of classes: a stream's largest label is not known");
    /* Until every part is known, a number of classes that was not declared is kept as a negative one. */
    target->classes = declared ? declared : -(largest + 1);
    return HO_OK;
}

static ho_status add_target(const incoming *in, ho_examples *part)
{
    if (ho_examples_target(part, in->name))
        return refuse(in, "is emitted twice for the same part");
    ho_target target = {.width = in->width};
    ho_status status =
        in->array->role == HO_ROLE_LABELS ? take_labels(in, &target) : take_values(in, true, NULL, &target.values);
    if (status != HO_OK)
        return status;
    target.name = ho_strdup(in->name);
    part->targets = ho_realloc(part->targets, (part->target_count + 1) * sizeof *part->targets);
    part->targets[part->target_count++] = target;
    return HO_OK;
}

/* Whether a matrix holds a single 1 in each row and else zeros. */
static bool is_one_hot(const ho_array *array)
{
    int64_t entries;
    if (array->rank != 2 || !array->values || !count_entries(2, array->dims, &entries) || array->dims[1] < 2)
        return false;
    for (int64_t i = 0; i < array->dims[0]; i++) {
        int64_t ones = 0;
        for (int64_t j = 0; j < array->dims[1]; j++) {
            double value = entry(array, i * array->dims[1] + j);
            if (value != 0 && value != 1)
                return false;
            ones += value == 1;
        }
        if (ones != 1)
            return false;
    }
    return true;
}

/* Values that would reach beyond the memory that they lie in are not even looked at. */
static ho_status check_room(const incoming *in)
{
    const ho_array *array = in->array;
    int64_t entries;
    if (!array->values || array->rank < 1 || array->rank > HO_MAX_RANK ||
        !count_entries(array->rank, array->dims, &entries))
        return HO_OK; /* refused below */
    const uint64_t size = array->type == HO_ARRAY_U8 ? 1 : array->type == HO_ARRAY_F32 ? 4 : 8;
    const uint64_t room = bytes_from(in->emission, array->values);
    if ((uint64_t)entries * size <= room)
        return HO_OK;
    return refuse(in, "has %" PRId64 " entries of %" PRIu64 " bytes, but its memory ends after %" PRIu64 " bytes",
                  entries, size, room);
}

/* Role, type, rank and sizes; fills name, count and width. */
static ho_status check_form(incoming *in)
{
    const ho_array *array = in->array;
    const char *fallback[] = {[HO_ROLE_INPUTS] = "inputs", [HO_ROLE_LABELS] = "labels", [HO_ROLE_REALS] = "target"};
    in->name = "an array";
    if (array->role < HO_ROLE_INPUTS || array->role > HO_ROLE_REALS)
        return refuse(in, "has the unknown role %" PRIu32, array->role);
    bool inputs = array->role == HO_ROLE_INPUTS;
    in->name = array->name && !inputs ? array->name : fallback[array->role];
    if (!ho_is_name(in->name)) {
        in->name = "a target";
        return refuse(in, "has no legal name (letters, digits and '_')");
    }
    if (array->type < HO_ARRAY_F32 || array->type > HO_ARRAY_I64)
        return refuse(in, "has the unknown type %" PRIu32, array->type);
    if (check_room(in) != HO_OK)
        return in->emission->error->status;
    int32_t most = inputs ? HO_MAX_RANK : array->role == HO_ROLE_LABELS ? 1 : 2;
    if (array->role == HO_ROLE_LABELS && is_one_hot(array))
        return refuse(in,
                      "one-hot rows of %" PRId64 " classes, expected the number of each example's class; in NumPy: "
                      "labels.argmax(axis=1)",
                      array->dims[1]);
    if (array->rank < 1 || array->rank > most)
        return refuse(in, "has rank %" PRId32 ", expected 1%s%.0" PRId32, array->rank, most > 1 ? " to " : "",
                      most > 1 ? most : 0);
    if (array->dims[0] == 0)
        return refuse(in, "holds no examples");
    int64_t entries;
    if (!count_entries(array->rank, array->dims, &entries))
        return refuse(in, "has a size below 1, or more than 2^40 entries");
    if (!array->values)
        return refuse(in, "has no values (NULL)");
    in->count = array->dims[0];
    in->width = entries / in->count;
    return HO_OK;
}

static ho_status check_part(const incoming *in, uint32_t part)
{
    const ho_emission *e = in->emission;
    const ho_data_calls *calls = &e->reader->loaded->calls.data;
    if (e->most && part == 0)
        return in->count <= e->most
                   ? HO_OK
                   : refuse(in, "has %" PRId64 " examples, where %" PRId64 " were asked for", in->count, e->most);
    if (!e->most &&
        (calls->emits_parts ? part >= 1 + (uint32_t)(calls->next != NULL) && part <= 3 : part == 0 && !calls->next))
        return HO_OK;
    return refuse(in, "is emitted for part %" PRIu32 "; %s", part,
                  e->most              ? "the examples of a stream are part 0"
                  : !calls->next       ? calls->emits_parts ? "this reader emits parts 1 to 3"
                                                            : "a reader without emits_parts emits part 0"
                  : calls->emits_parts ? "beside its stream this reader emits parts 2 and 3"
                                       : "a stream without emits_parts emits nothing else");
}

ho_status ho_emission_add(ho_emission *e, uint32_t part, const ho_array *array)
{
    incoming in = {.emission = e, .array = array};
    if (check_form(&in) != HO_OK)
        return e->error->status;
    if (check_part(&in, part) != HO_OK)
        return e->error->status;
    ho_examples *examples = &e->dataset->parts[part];
    if (e->first[part] && examples->count != in.count)
        return refuse(&in, "has %" PRId64 " examples, but %s has %" PRId64, in.count, e->first[part], examples->count);
    if (!e->first[part]) {
        e->first[part] = array->source ? ho_format("%s (%s)", in.name, array->source) : ho_strdup(in.name);
        examples->count = in.count;
        examples->shared = true; /* its values lie in the data set's memory */
    }
    return array->role == HO_ROLE_INPUTS ? add_inputs(&in, examples) : add_target(&in, examples);
}

/* ---- what is known about the data ---- */

ho_status ho_emission_truth(ho_emission *e, const char *name, int32_t rank, const int64_t *dims, const double *values)
{
    ho_dataset *d = e->dataset;
    if (!ho_is_name(name))
        return ho_emission_misuse(e, "truth: the name is not legal (letters, digits and '_'; at most 64)");
    for (size_t i = 0; i < d->truth_count; i++)
        if (strcmp(d->truths[i].name, name) == 0)
            return ho_emission_misuse(e, "truth: \"%s\" is given twice", name);
    int64_t count;
    if (rank < 0 || rank > HO_MAX_RANK || (rank > 0 && !dims) || !values || !count_entries(rank, dims, &count))
        return ho_emission_misuse(e, "truth: \"%s\": its rank, sizes or values are out of range", name);
    const ho_array array = {.values = values};
    double *kept = convert_into(&(incoming){e, &array, name, count, 1}, sizeof *kept);
    if (!kept)
        return HO_FAILED;
    memcpy(kept, values, (size_t)count * sizeof *kept);
    d->truths = ho_realloc(d->truths, (d->truth_count + 1) * sizeof *d->truths);
    ho_truth *truth = &d->truths[d->truth_count++];
    *truth = (ho_truth){.name = ho_strdup(name), .rank = rank, .values = kept};
    memcpy(truth->dims, dims ? dims : truth->dims, (size_t)rank * sizeof *dims);
    return HO_OK;
}

static void reserve_class_names(ho_dataset *d, int64_t count)
{
    d->class_names = ho_realloc(d->class_names, (size_t)count * sizeof *d->class_names);
    for (int64_t i = d->class_count; i < count; i++)
        d->class_names[i] = NULL;
    d->class_count = count;
}

ho_status ho_emission_class_name(ho_emission *e, int64_t label, const char *name)
{
    ho_dataset *d = e->dataset;
    if (!name || label < 0 || label >= MOST_CLASSES)
        return ho_emission_misuse(e, "class_name: %s", name ? "the label is out of range" : "the name is NULL");
    if (label >= d->class_count)
        reserve_class_names(d, label + 1);
    free(d->class_names[label]);
    d->class_names[label] = ho_strdup(name);
    return HO_OK;
}

/* ---- parts against each other ---- */

static const char *const part_names[4] = {"the whole", "the training part", "the validation part", "the test part"};

#define disagree(e, ...) refuse_(e, NULL, "its parts do not fit together", __VA_ARGS__)

/* A part may lack a target of the training part: one that only training uses may not exist elsewhere. */
static ho_status compare_parts(ho_emission *e, ho_examples *first, ho_examples *part, const char *name,
                               const char *of_first)
{
    if (part->features != first->features)
        return disagree(e, "%s has %" PRId64 " features, %s %" PRId64, name, part->features, of_first, first->features);
    for (size_t i = 0; i < part->target_count; i++) {
        const ho_target *target = &part->targets[i];
        const ho_target *other = ho_examples_target(first, target->name);
        if (!other)
            return disagree(e, "%s has the target \"%s\", %s has not", name, target->name, of_first);
        if (target->labels != other->labels || target->width != other->width)
            return disagree(e, "the target \"%s\" of %s is of another width or kind than in %s", target->name, name,
                            of_first);
        if (target->classes > 0 && other->classes > 0 && target->classes != other->classes)
            return disagree(e, "the target \"%s\" has %" PRId64 " classes in %s and %" PRId64 " in %s", target->name,
                            target->classes, name, other->classes, of_first);
    }
    return HO_OK;
}

/* One number of classes for a target in all parts: as declared, else the largest label + 1. */
static ho_status settle_classes(ho_emission *e, const char *name)
{
    int64_t declared = 0, needed = 0;
    for (int part = 0; part < 4; part++) {
        const ho_target *target = ho_examples_target(&e->dataset->parts[part], name);
        if (target && target->classes > declared)
            declared = target->classes;
        if (target && -target->classes > needed)
            needed = -target->classes;
    }
    if (declared && needed > declared)
        return disagree(e, "the target \"%s\" has the label %" PRId64 ", but %" PRId64 " classes", name, needed - 1,
                        declared);
    for (int part = 0; part < 4; part++) {
        ho_target *target = ho_examples_target(&e->dataset->parts[part], name);
        if (target && target->labels)
            target->classes = declared ? declared : needed;
    }
    return HO_OK;
}

static ho_status finish_parts(ho_emission *e)
{
    ho_examples *parts = e->dataset->parts;
    int first = e->first[0] ? 0 : 1;
    const bool stream = e->reader->loaded->calls.data.next;
    while (stream && first < 3 && !e->first[first])
        first++;
    if (!e->first[first] && stream)
        return HO_OK; /* it ended; or its reader has nothing else */
    if (!e->first[first])
        return refuse_(e, NULL, "nothing to learn from", "it emits no %sexamples",
                       e->first[2] || e->first[3] ? "training " : "");
    for (int part = 0; part < 4; part++) {
        if (!e->first[part])
            continue;
        if (!parts[part].x32 && !parts[part].x64)
            return refuse_(e, NULL, "inputs", "%s has none", part_names[part]);
        if (part > first && compare_parts(e, &parts[first], &parts[part], part_names[part], part_names[first]) != HO_OK)
            return e->error->status;
    }
    for (size_t i = 0; i < parts[first].target_count; i++)
        if (settle_classes(e, parts[first].targets[i].name) != HO_OK)
            return e->error->status;
    return HO_OK;
}

/* Every class a name: those that the reader did not name get their number. */
static ho_status finish_class_names(ho_emission *e)
{
    ho_dataset *d = e->dataset;
    int64_t classes = 0;
    for (int part = 0; part < 4; part++)
        for (size_t i = 0; i < d->parts[part].target_count; i++)
            if (d->parts[part].targets[i].labels && d->parts[part].targets[i].classes > classes)
                classes = d->parts[part].targets[i].classes;
    if (!d->class_names)
        return HO_OK;
    if (!classes && e->reader->loaded->calls.data.next)
        return HO_OK; /* the stream says how many there are */
    if (d->class_count > classes)
        return ho_emission_misuse(e, "class_name: class %" PRId64 " has a name, but there are %" PRId64 " classes",
                                  d->class_count - 1, classes);
    reserve_class_names(d, classes);
    for (int64_t i = 0; i < classes; i++)
        if (!d->class_names[i])
            d->class_names[i] = ho_format("%" PRId64, i);
    return HO_OK;
}

ho_status ho_emission_finish(ho_emission *e)
{
    if (e->error->status == HO_OK && check_guards(e) == HO_OK && finish_parts(e) == HO_OK)
        finish_class_names(e);
    free_unkept(e->dataset);
    for (int part = 0; part < 4; part++)
        free(e->first[part]);
    return e->error->status;
}
