#include "host/stream.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((int64_t)1 << 20) /* of inputs that are asked for at once, where that may be ahead of time */
#define CHUNK_MOST  INT64_C(1024)      /* batches */

/* Consecutive batches as the reader gave them. */
typedef struct chunk {
    ho_dataset *data; /* NULL: none yet */
    int64_t t;        /* the step of the first */
    int64_t batches;  /* whole ones */
} chunk;

struct ho_data_stream {
    ho_instance *reader;
    const char *only_onward; /* the reader's */
    int64_t held, batch;
    int64_t at;  /* only onward: the next example */
    int64_t end; /* examples in all; -1: not met yet */
    chunk *chunks;
    size_t chunk_count, newest;
    int64_t together;         /* batches of a chunk */
    int64_t loaded;           /* the step whose batch is loaded */
    ho_examples now;          /* that batch */
    double *mean, *deviation; /* NULL: values stay as they are */
};

ho_data_stream *ho_stream_open(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved,
                               ho_place place, ho_error *error)
{
    ho_instance *reader = ho_instance_new(loaded, NULL, settings, reserved, place, error);
    if (!reader)
        return NULL;
    ho_data_stream *s = ho_alloc(sizeof *s);
    *s = (ho_data_stream){.reader = reader, .end = -1, .together = 1, .chunk_count = 1};
    s->chunks = ho_alloc(sizeof *s->chunks);
    const ho_data_calls *calls = &loaded->calls.data;
    s->only_onward = calls->only_onward ? calls->only_onward(reader->self) : NULL;
    return s;
}

void ho_stream_free(ho_data_stream *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->chunk_count; i++)
        ho_dataset_free(s->chunks[i].data);
    free(s->chunks);
    ho_examples_free(&s->now);
    free(s->mean);
    free(s->deviation);
    ho_instance_free(s->reader);
    free(s);
}

const char *ho_stream_only_onward(const ho_data_stream *s)
{
    return s->only_onward;
}

const ho_examples *ho_stream_batch(const ho_data_stream *s)
{
    return &s->now;
}

bool ho_stream_ends_before(const ho_data_stream *s, int64_t t)
{
    return s->end >= 0 && s->held + t * s->batch > s->end;
}

#define refuse(s, error, ...) refuse_((s)->reader, error, __VA_ARGS__)

static ho_status refuse_(const ho_instance *reader, ho_error *error, const char *format, ...) HO_PRINTF(3, 4);
static ho_status refuse_(const ho_instance *reader, ho_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = ho_format_args(format, args);
    va_end(args);
    ho_fail_at(error, HO_INVALID, reader->place, "%s (data reader \"%s\")", text, reader->loaded->plugin.name);
    free(text);
    return error->status;
}

/* ---- asking the reader ------------------------------------------------------------------------------------------- */

/* Examples `first` to `first + count - 1`, or fewer at the end. NULL with an error. */
static ho_dataset *ask(ho_data_stream *s, int64_t first, int64_t count, ho_error *error)
{
    if (s->only_onward && first < s->at) {
        refuse(s, error, "example %" PRId64 " was given already, and %s", first, s->only_onward);
        return NULL;
    }
    ho_dataset *data = ho_dataset_next(s->reader, first, count, error);
    if (!data)
        return NULL;
    const int64_t given = data->parts[0].count;
    s->at = first + given;
    if (given < count)
        s->end = first + given;
    return data;
}

ho_dataset *ho_stream_hold(ho_data_stream *s, int64_t count, ho_error *error)
{
    ho_dataset *data = ask(s, 0, count, error);
    if (data && s->end >= 0) {
        refuse(s, error, "the stream ended after %" PRId64 " examples; validation and test take the first %" PRId64,
               s->end, count);
        ho_dataset_free(data);
        return NULL;
    }
    s->held = count;
    return data;
}

/* ---- chunks ------------------------------------------------------------------------------------------------------ */

static ho_status refuse_difference(const ho_data_stream *s, const ho_examples *given, int64_t first, ho_error *error)
{
    const ho_examples *now = &s->now;
    if (given->features != now->features)
        return refuse(s, error, "example %" PRId64 " has %" PRId64 " features, the first examples %" PRId64, first,
                      given->features, now->features);
    if (!now->x64 && given->x64)
        return refuse(s, error,
                      "example %" PRId64 " comes in f64 or as an integer beyond 2^24, the first examples in f32",
                      first);
    if (given->target_count != now->target_count)
        return refuse(s, error, "example %" PRId64 " has %zu targets, the first examples %zu", first,
                      given->target_count, now->target_count);
    for (size_t i = 0; i < now->target_count; i++) {
        const ho_target *wanted = &now->targets[i], *target = ho_examples_target(given, wanted->name);
        if (!target || target->labels != wanted->labels || target->width != wanted->width ||
            target->classes != wanted->classes)
            return refuse(s, error,
                          "the target \"%s\" of example %" PRId64 " %s, the first examples have it with %" PRId64 " %s",
                          wanted->name, first, target ? "is of another kind, width or number of classes" : "is missing",
                          wanted->labels ? wanted->classes : wanted->width, wanted->labels ? "classes" : "columns");
    }
    return HO_OK;
}

static chunk *find(const ho_data_stream *s, int64_t t)
{
    for (size_t i = 0; i < s->chunk_count; i++) {
        chunk *c = &s->chunks[i];
        if (c->data && t >= c->t && t < c->t + c->batches)
            return c;
    }
    return NULL;
}

/* The chunk with step t takes the place of the oldest. */
static chunk *fetch(ho_data_stream *s, int64_t t, ho_error *error)
{
    const int64_t from = (t - 1) / s->together * s->together + 1;
    if (from > (INT64_MAX - s->held) / s->batch - s->together) {
        refuse(s, error, "its examples cannot be counted that far");
        return NULL;
    }
    const int64_t first = s->held + (from - 1) * s->batch;
    if (ho_stream_ends_before(s, t))
        return NULL;
    ho_dataset *data = ask(s, first, s->together * s->batch, error);
    if (!data && s->together > 1 && error->status == HO_INVALID) {
        /* What is wrong ahead is told when it is reached. */
        *error = (ho_error){0};
        s->together = 1;
        return fetch(s, t, error);
    }
    if (!data)
        return NULL;
    const ho_examples *given = &data->parts[0];
    if (given->count && s->now.features && refuse_difference(s, given, first, error) != HO_OK) {
        ho_dataset_free(data);
        return NULL;
    }
    s->newest = (s->newest + 1) % s->chunk_count;
    ho_dataset_free(s->chunks[s->newest].data);
    s->chunks[s->newest] = (chunk){data, from, given->count / s->batch};
    return find(s, t);
}

void ho_stream_keep(ho_data_stream *s, int64_t batches)
{
    const size_t count = (size_t)batches + 1;
    if (!s->only_onward || count <= s->chunk_count)
        return;
    s->chunks = ho_realloc(s->chunks, count * sizeof *s->chunks);
    memset(s->chunks + s->chunk_count, 0, (count - s->chunk_count) * sizeof *s->chunks);
    s->chunk_count = count;
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* A feature as it stands in the batch. */
static double standard(const ho_data_stream *s, int64_t j, double x)
{
    return !s->mean ? x : s->deviation[j] == 0 ? 0 : (x - s->mean[j]) / s->deviation[j];
}

static void copy(ho_data_stream *s, const ho_examples *from, int64_t row)
{
    const int64_t features = s->now.features, at = row * features, count = s->batch * features;
    if (!s->mean && s->now.x32)
        memcpy(s->now.x32, from->x32 + at, (size_t)count * sizeof *from->x32);
    else
        for (int64_t i = 0; i < count; i++) {
            const double x = standard(s, i % features, from->x32 ? (double)from->x32[at + i] : from->x64[at + i]);
            if (s->now.x32)
                s->now.x32[i] = (float)x;
            else
                s->now.x64[i] = x;
        }
    for (size_t k = 0; k < s->now.target_count; k++) {
        const ho_target *to = &s->now.targets[k];
        memcpy(to->values, ho_examples_target(from, to->name)->values + row * to->width,
               (size_t)(s->batch * to->width) * sizeof *to->values);
    }
}

static ho_status refuse_end(const ho_data_stream *s, int64_t t, ho_error *error)
{
    const int64_t first = s->held + (t - 1) * s->batch;
    return refuse(s, error,
                  "the stream ended after %" PRId64 " examples; step %" PRId64 " takes those from number %" PRId64
                  " to %" PRId64 ", counted from 0",
                  s->end, t, first, first + s->batch - 1);
}

ho_status ho_stream_load(ho_data_stream *s, int64_t t, ho_error *error)
{
    if (s->loaded == t)
        return HO_OK;
    const chunk *c = find(s, t);
    if (!c)
        c = fetch(s, t, error);
    if (!c)
        return error->status ? error->status : refuse_end(s, t, error);
    if (!s->now.features)
        ho_examples_take(&c->data->parts[0], NULL, s->batch, &s->now, error);
    if (error->status)
        return error->status;
    copy(s, &c->data->parts[0], (t - c->t) * s->batch);
    s->loaded = t;
    return HO_OK;
}

ho_status ho_stream_begin(ho_data_stream *s, int64_t batch, ho_error *error)
{
    s->batch = batch;
    if (ho_stream_load(s, 1, error) != HO_OK)
        return error->status;
    const int64_t bytes = batch * s->now.features * (int64_t)(s->now.x32 ? sizeof(float) : sizeof(double));
    if (!s->only_onward)
        s->together = bytes > CHUNK_BYTES ? 1 : bytes * CHUNK_MOST < CHUNK_BYTES ? CHUNK_MOST : CHUNK_BYTES / bytes;
    return HO_OK;
}

void ho_stream_standardize(ho_data_stream *s, const double *mean, const double *deviation)
{
    const size_t bytes = (size_t)s->now.features * sizeof *mean;
    s->mean = memcpy(ho_alloc(bytes), mean, bytes);
    s->deviation = memcpy(ho_alloc(bytes), deviation, bytes);
    const int64_t t = s->loaded;
    s->loaded = 0;
    ho_stream_load(s, t, &(ho_error){0}); /* it lies in a chunk */
}
