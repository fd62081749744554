/* Checking and converting what data readers emit. */
#include "host/emitted.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define MOST_ENTRIES (INT64_C(1) << 40)

/* An array with what messages say of it. */
typedef struct incoming {
    ho_emission *emission;
    const ho_array *array;
    const char *name; /* "inputs", or the target's */
    int64_t count;    /* examples */
    int64_t width;    /* entries of one */
} incoming;

#define refuse(in, ...) refuse_((in)->emission, (in)->array->source, (in)->name, __VA_ARGS__)

static ho_status refuse_(ho_emission *emission, const char *source, const char *name, const char *format, ...)
    HO_PRINTF(4, 5);
static ho_status refuse_(ho_emission *emission, const char *source, const char *name, const char *format, ...)
{
    ho_place place = emission->reader->place;
    if (source)
        place = (ho_place){.file = source};
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ho_fail_at(emission->error, HO_INVALID, place, "%s: %s (data reader \"%s\")", name, text,
               emission->reader->loaded->plugin.name);
    return emission->error->status;
}

bool ho_entries(int32_t rank, const int64_t *dims, int64_t *count)
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
    if (array->type == HO_ARRAY_F64)
        return false;
    if (array->type != HO_ARRAY_I64)
        return true;
    for (int64_t i = 0; i < entries; i++)
        if (fabs(entry(array, i)) > 16777216.0)
            return false;
    return true;
}

static ho_status check_finite(const incoming *in, int64_t i, double value)
{
    if (isfinite(value))
        return HO_OK;
    return refuse(in, "example %" PRId64 ", entry %" PRId64 " is %s", i / in->width, i % in->width,
                  isnan(value) ? "NaN" : "infinite");
}

static ho_status add_inputs(const incoming *in, ho_examples *part)
{
    if (part->x32 || part->x64)
        return refuse(in, "are emitted twice for the same part");
    int64_t entries = in->count * in->width;
    part->features = in->width;
    part->input_rank = in->array->rank - 1;
    memcpy(part->input_dims, in->array->dims + 1, (size_t)part->input_rank * sizeof *part->input_dims);
    ho_error *error = in->emission->error;
    if (fits_f32(in->array, entries))
        part->x32 = ho_large_alloc((uint64_t)entries, sizeof *part->x32, "the inputs", error);
    else
        part->x64 = ho_large_alloc((uint64_t)entries, sizeof *part->x64, "the inputs", error);
    for (int64_t i = 0; i < entries && error->status == HO_OK; i++) {
        double value = entry(in->array, i);
        check_finite(in, i, value);
        if (part->x32)
            part->x32[i] = (float)value;
        else
            part->x64[i] = value;
    }
    return error->status;
}

static ho_status add_labels(const incoming *in, ho_target *target)
{
    int64_t declared = in->array->classes, largest = 0;
    if (declared < 0 || declared > HO_MOST_CLASSES)
        return refuse(in, "%" PRId64 " classes are out of range (1 to %" PRId64 ")", declared, HO_MOST_CLASSES);
    int64_t end = declared ? declared : HO_MOST_CLASSES;
    for (int64_t i = 0; i < in->count; i++) {
        double value = entry(in->array, i);
        if (!isfinite(value) || value != floor(value))
            return refuse(in, "example %" PRId64 " has the label %g, which is no whole number", i, value);
        if (value < 0 || value >= (double)end)
            return refuse(in, "example %" PRId64 " has the label %.0f, outside 0..%" PRId64, i, value, end - 1);
        if ((int64_t)value > largest)
            largest = (int64_t)value;
        target->values[i] = value;
    }
    target->labels = true;
    /* Until every part is known, a number of classes that nobody declared is kept as a negative one. */
    target->classes = declared ? declared : -(largest + 1);
    return HO_OK;
}

static ho_status add_target(const incoming *in, ho_examples *part)
{
    for (size_t i = 0; i < part->target_count; i++)
        if (strcmp(part->targets[i].name, in->name) == 0)
            return refuse(in, "is emitted twice for the same part");
    ho_error *error = in->emission->error;
    double *values = ho_large_alloc((uint64_t)(in->count * in->width), sizeof *values, in->name, error);
    if (!values)
        return error->status;
    part->targets = ho_realloc(part->targets, (part->target_count + 1) * sizeof *part->targets);
    ho_target *target = &part->targets[part->target_count++];
    *target = (ho_target){.name = ho_strdup(in->name), .width = in->width, .values = values};
    if (in->array->role == HO_ROLE_LABELS)
        return add_labels(in, target);
    for (int64_t i = 0; i < in->count * in->width && error->status == HO_OK; i++) {
        values[i] = entry(in->array, i);
        check_finite(in, i, values[i]);
    }
    return error->status;
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
    int32_t most = inputs ? HO_MAX_RANK : array->role == HO_ROLE_LABELS ? 1 : 2;
    if (array->rank < 1 || array->rank > most)
        return refuse(in, "has rank %" PRId32 "; 1 to %" PRId32 " will do", array->rank, most);
    if (array->dims[0] == 0)
        return refuse(in, "holds no examples");
    int64_t entries;
    if (!ho_entries(array->rank, array->dims, &entries))
        return refuse(in, "its sizes are below 1, or have more than 2^40 entries together");
    if (!array->values)
        return refuse(in, "has no values (NULL)");
    in->count = array->dims[0];
    in->width = entries / in->count;
    return HO_OK;
}

ho_status ho_emission_add(ho_emission *emission, uint32_t part, const ho_array *array)
{
    incoming in = {.emission = emission, .array = array};
    if (check_form(&in) != HO_OK)
        return emission->error->status;
    bool by_parts = emission->reader->loaded->calls.data.emits_parts;
    if (by_parts ? part < 1 || part > 3 : part != 0)
        return refuse(&in, "is emitted for part %" PRIu32 "; %s", part,
                      by_parts ? "this reader emits parts 1 to 3" : "a reader without emits_parts emits part 0");
    ho_examples *examples = &emission->dataset->parts[part];
    if (emission->first[part] && examples->count != in.count)
        return refuse(&in, "%" PRId64 " examples, where %s has %" PRId64, in.count, emission->first[part],
                      examples->count);
    if (!emission->first[part]) {
        emission->first[part] = array->source ? ho_format("%s (%s)", in.name, array->source) : ho_strdup(in.name);
        examples->count = in.count;
    }
    return array->role == HO_ROLE_INPUTS ? add_inputs(&in, examples) : add_target(&in, examples);
}

/* ---- parts against each other ---- */

static const char *const part_names[4] = {"the whole", "the training part", "the validation part", "the test part"};

#define disagree(e, ...) refuse_(e, NULL, "its parts do not fit together", __VA_ARGS__)

/* A part may lack a target of the training part: one that only training uses cannot always be had elsewhere. */
static ho_status compare_parts(ho_emission *e, ho_examples *first, ho_examples *part, const char *name)
{
    if (part->features != first->features)
        return disagree(e, "%s has %" PRId64 " features, the training part %" PRId64, name, part->features,
                        first->features);
    for (size_t i = 0; i < part->target_count; i++) {
        const ho_target *target = &part->targets[i];
        const ho_target *other = ho_examples_target(first, target->name);
        if (!other)
            return disagree(e, "%s has the target \"%s\", the training part has not", name, target->name);
        if (target->labels != other->labels || target->width != other->width)
            return disagree(e, "the target \"%s\" of %s is of another width or kind than in the training part",
                            target->name, name);
        if (target->classes > 0 && other->classes > 0 && target->classes != other->classes)
            return disagree(e, "the target \"%s\" has %" PRId64 " classes in %s and %" PRId64 " in the training part",
                            target->name, target->classes, name, other->classes);
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

ho_status ho_emission_finish(ho_emission *e)
{
    ho_examples *parts = e->dataset->parts;
    int first = e->first[0] ? 0 : 1;
    if (!e->first[first])
        return refuse_(e, NULL, "nothing to learn from", "it emits no %sexamples",
                       e->first[2] || e->first[3] ? "training " : "");
    for (int part = 0; part < 4; part++) {
        if (!e->first[part])
            continue;
        if (!parts[part].x32 && !parts[part].x64)
            return refuse_(e, NULL, "inputs", "%s has none", part_names[part]);
        if (part > 1 && compare_parts(e, &parts[1], &parts[part], part_names[part]) != HO_OK)
            return e->error->status;
    }
    for (size_t i = 0; i < parts[first].target_count; i++)
        if (settle_classes(e, parts[first].targets[i].name) != HO_OK)
            return e->error->status;
    return HO_OK;
}
