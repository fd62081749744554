/* What the parts of the TIMIT reader share: settings, the corpus as it lies on disk, and the frames made of it. */
#ifndef HOTOOL_PLUGIN_TIMIT_H
#define HOTOOL_PLUGIN_TIMIT_H

#include <hotool/plugin.h>

#define TIMIT_VERSION "1.1.0"
#define TIMIT_PHONES  61

/* Parts as the host numbers them. */
enum { TIMIT_TRAINING = 1, TIMIT_VALIDATION, TIMIT_TEST, TIMIT_PARTS };

typedef struct timit_names {
    int64_t count;
    const char *const *of;
} timit_names;

/* One filter of the mel bank: `count` weights, the first for the transform's frequency `first`. */
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
    const char *cache; /* as given; NULL: the user's cache folder */
} timit;

typedef struct timit_file {
    const char *path;
    const uint8_t *bytes;
    uint64_t size;
} timit_file;

/* One line of an alignment. */
typedef struct timit_segment {
    int64_t begin, end; /* samples; the end is not part of it */
    int64_t line, byte; /* where it stands in its file */
    int32_t phone;
} timit_segment;

typedef struct timit_utterance {
    int part;
    int64_t speaker; /* counted over all parts */
    const char *name;
    timit_file audio, alignment;
    /* Not filled where the frames come from the cache. */
    const float *samples;
    int64_t sample_count;
    const timit_segment *segments;
    int64_t segment_count;
} timit_utterance;

/* Utterances of one speaker stand together, in the order of their names; speakers as the options list them. */
typedef struct timit_corpus {
    int64_t count;
    timit_utterance *utterances;
} timit_corpus;

/* What is computed, and cached. Frames of an utterance stand together; there are as many as fit into its audio. */
typedef struct timit_frames {
    int64_t utterances, frames, width, units, embedding;
    int64_t *counts;  /* (utterances) frames of each */
    float *features;  /* (frames, width) */
    int32_t *states;  /* (frames); -1: no phone is there */
    int32_t *unit_of; /* (frames) row of `vectors`; -1: none */
    float *vectors;   /* (units, embedding) */
} timit_frames;

/* ---- corpus.c ---- */

extern const char *const timit_phones[TIMIT_PHONES];

/* Every file of the listed speakers, read but not understood. */
ho_status timit_corpus_load(const timit *t, ho_data *d, timit_corpus *corpus);
/* That no recording occurs twice, as it does where one speaker goes by two names. */
ho_status timit_recordings_check(ho_data *d, const timit_corpus *corpus);
/* The alignment of an utterance, once its audio is known. */
ho_status timit_alignment_read(ho_data *d, timit_utterance *u);
/* The segment whose phone frame i is labelled by: the one at the sample in the frame's middle. -1: none. `hint`: the
 * answer for an earlier frame, or 0. */
int64_t timit_segment_of(const timit *t, const timit_utterance *u, int64_t i, int64_t hint);
/* How many frames fit into the audio. */
int64_t timit_frame_count(const timit *t, const timit_utterance *u);

/* ---- audio.c ---- */

ho_status timit_audio_read(const timit *t, ho_data *d, timit_utterance *u);

/* ---- features.c ---- */

/* Columns of one frame, without context. */
int64_t timit_width(const timit *t);
/* Makes t->filters. */
ho_status timit_filters_make(ho_setup *u, timit *t);
/* Fills frames->features; counts and states are there. */
ho_status timit_features_compute(const timit *t, ho_data *d, const timit_corpus *corpus, timit_frames *frames);

/* ---- context.c ---- */

/* Fills units, unit_of and vectors. */
ho_status timit_context_compute(const timit *t, ho_data *d, const timit_corpus *corpus, timit_frames *frames);

/* ---- eigen.c ---- */

typedef struct timit_eigen {
    double *values;  /* all, from the largest on */
    double *vectors; /* (wanted, n) of the largest values, one in each row */
} timit_eigen;

/* Eigenvalues and the first `wanted` eigenvectors of a symmetric matrix (n, n), which is overwritten. One thread, so
 * that the same numbers come out every time. */
ho_status timit_eigen_compute(ho_data *d, int64_t n, double *matrix, int64_t wanted, timit_eigen *eigen);

/* ---- cache.c ---- */

/* A number for everything that the frames depend on: options, names and contents of files. */
uint64_t timit_cache_key(const timit *t, const timit_corpus *corpus);
/* Whether the frames of this key were there, whole. Fails only where memory ends. */
ho_status timit_cache_load(const timit *t, ho_data *d, const timit_corpus *corpus, uint64_t key, timit_frames *frames,
                           int *found);
/* Keeps them; a cache that cannot be written costs time, and nothing else. */
void timit_cache_store(const timit *t, uint64_t key, const timit_frames *frames);

#endif
