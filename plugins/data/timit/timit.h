/* Shared by the parts of the TIMIT reader: settings, the corpus on disk, and the frames computed from it. */
#ifndef HOTOOL_PLUGIN_TIMIT_H
#define HOTOOL_PLUGIN_TIMIT_H

#include <hotool/plugin.h>

#define TIMIT_VERSION "1.2.0"
#define TIMIT_PHONES  61

/* Parts as the host numbers them. */
enum { TIMIT_TRAINING = 1, TIMIT_VALIDATION, TIMIT_TEST, TIMIT_PARTS };

typedef struct timit_names {
    int64_t count;
    const char *const *of;
} timit_names;

/* A mel filter: weights for `count` frequencies of the transform, from `first` on. */
typedef struct timit_filter {
    int64_t first, count;
    const double *weights;
} timit_filter;

typedef struct timit {
    const char *folder;
    timit_names speakers[TIMIT_PARTS];
    timit_names drop;
    int64_t rate, window, hop, transform; /* Hz; samples */
    int64_t filter_count;
    timit_filter *filters;
    double low, high, preemphasis;
    int64_t differences, delta, context, states, embedding, embedding_context;
    int32_t normalize;
    const char *cache; /* NULL: in the user's cache folder */
} timit;

typedef struct timit_file {
    const char *path;
    const uint8_t *bytes;
    uint64_t size;
} timit_file;

/* One line of an alignment. */
typedef struct timit_segment {
    int64_t begin, end; /* samples [begin, end) */
    int64_t line, byte; /* its place in the file */
    int32_t phone;
} timit_segment;

typedef struct timit_utterance {
    int part;
    int64_t speaker; /* counted over all parts */
    const char *name;
    timit_file audio, alignment;
    /* Not set if the frames come from the cache. */
    const float *samples;
    int64_t sample_count;
    const timit_segment *segments;
    int64_t segment_count;
} timit_utterance;

/* Speakers in the order of the options; their utterances by name. */
typedef struct timit_corpus {
    int64_t count;
    timit_utterance *utterances;
    int64_t copies;   /* recordings that are there twice */
    const char *copy; /* the unused one of the first of them */
} timit_corpus;

/* What is computed and cached. An utterance has as many frames as fit into its audio; they are consecutive. */
typedef struct timit_frames {
    int64_t utterances, frames, width, units, embedding;
    int64_t *counts;  /* (utterances) number of frames */
    float *features;  /* (frames, width) */
    int32_t *states;  /* (frames); -1: no phone */
    int32_t *unit_of; /* (frames) row of `vectors`; -1: none */
    float *vectors;   /* (units, embedding) */
} timit_frames;

/* ---- corpus.c ---- */

extern const char *const timit_phones[TIMIT_PHONES];

/* Reads every file of the listed speakers, without parsing it. */
ho_status timit_corpus_load(const timit *t, ho_data *d, timit_corpus *corpus);
/* Refuses a recording that occurs twice, as it does if a speaker has two names. */
ho_status timit_recordings_check(ho_data *d, const timit_corpus *corpus);
/* Parses an utterance's alignment; its audio must have been read. */
ho_status timit_alignment_read(ho_data *d, timit_utterance *u);
/* The segment that labels frame i: the one at the frame's middle sample. -1: none. `hint`: the result for an earlier
 * frame, or 0. */
int64_t timit_segment_of(const timit *t, const timit_utterance *u, int64_t i, int64_t hint);
/* The number of frames that fit into the audio. */
int64_t timit_frame_count(const timit *t, const timit_utterance *u);

/* ---- audio.c ---- */

ho_status timit_audio_read(const timit *t, ho_data *d, timit_utterance *u);

/* ---- features.c ---- */

/* Features of one frame, without context. */
int64_t timit_width(const timit *t);
/* Makes t->filters. */
ho_status timit_filters_make(ho_setup *u, timit *t);
/* Computes frames->features; counts and states must be set. */
ho_status timit_features_compute(const timit *t, ho_data *d, const timit_corpus *corpus, timit_frames *frames);

/* ---- context.c ---- */

/* Computes units, unit_of and vectors. */
ho_status timit_context_compute(const timit *t, ho_data *d, const timit_corpus *corpus, timit_frames *frames);

/* ---- cache.c ---- */

/* A hash of everything that the frames depend on: options, file names and file contents. */
uint64_t timit_cache_key(const timit *t, const timit_corpus *corpus);
/* Loads the frames of this key; *found: whether they were in the cache, undamaged. Fails only if out of memory. */
ho_status timit_cache_load(const timit *t, ho_data *d, const timit_corpus *corpus, uint64_t key, timit_frames *frames,
                           int *found);
/* Stores the frames. A cache that cannot be written is no error: it only costs time. */
void timit_cache_store(const timit *t, uint64_t key, const timit_frames *frames);

#endif
