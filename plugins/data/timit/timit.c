/* TIMIT: speech with time-aligned phones. Options, and what is emitted; the work is in timit_*.c. */
#include "timit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const speaker_options[TIMIT_PARTS] = {NULL, "training_speakers", "validation_speakers",
                                                         "test_speakers"};

static const ho_option options[] = {
    {.name = "folder", .type = HO_PATH, .required = 1, .doc = "the corpus: a folder that holds the speakers' folders"},
    {.name = "training_speakers",
     .type = HO_STRINGS,
     .required = 1,
     .doc = "folders of the training speakers, seen from the corpus folder (dr1-fvmh0, TRAIN/DR1/FCJF0)"},
    {.name = "validation_speakers",
     .type = HO_STRINGS,
     .required = 1,
     .doc = "folders of the validation speakers, all of them others than the training speakers"},
    {.name = "test_speakers",
     .type = HO_STRINGS,
     .required = 1,
     .doc = "folders of the test speakers, all of them others than those above"},
    {.name = "drop",
     .type = HO_STRINGS,
     .doc = "sentences to leave out, by kind (sa, sx, si) or name (sa1); sa: those that every speaker says"},
    {.name = "rate",
     .type = HO_INTEGER,
     .initial = "16000",
     .doc = "samples a second that all audio must have",
     .least = 1000.0,
     .most = 192000.0},
    {.name = "window",
     .type = HO_REAL,
     .initial = "25",
     .doc = "length of a frame in milliseconds",
     .least = 1.0,
     .most = 200.0},
    {.name = "hop",
     .type = HO_REAL,
     .initial = "10",
     .doc = "from one frame's begin to the next, in milliseconds",
     .least = 1.0,
     .most = 200.0},
    {.name = "preemphasis",
     .type = HO_REAL,
     .initial = "0.97",
     .doc = "a of x_n - a x_{n-1}, before the transform",
     .least = 0.0,
     .most = 1.0},
    {.name = "mel",
     .type = HO_INTEGER,
     .initial = "40",
     .doc = "filters on the mel scale",
     .least = 1.0,
     .most = 200.0},
    {.name = "low",
     .type = HO_REAL,
     .initial = "20",
     .doc = "where the lowest filter begins, in Hz",
     .least = 0.0,
     .most = 96000.0},
    {.name = "high",
     .type = HO_REAL,
     .initial = "8000",
     .doc = "where the highest filter ends, in Hz",
     .least = 1.0,
     .most = 96000.0},
    {.name = "differences",
     .type = HO_INTEGER,
     .initial = "2",
     .doc = "how often differences in time are added, each as many numbers again: 41 become 82 or 123",
     .least = 0.0,
     .most = 2.0},
    {.name = "delta",
     .type = HO_INTEGER,
     .initial = "2",
     .doc = "frames each side that a difference is fitted to",
     .least = 1.0,
     .most = 10.0},
    {.name = "normalize",
     .type = HO_BOOLEAN,
     .initial = "true",
     .doc = "mean 0 and deviation 1 of every feature over each speaker's frames"},
    {.name = "context",
     .type = HO_INTEGER,
     .initial = "0",
     .doc = "neighbouring frames each side that are part of an input",
     .least = 0.0,
     .most = 100.0},
    {.name = "states",
     .type = HO_INTEGER,
     .initial = "3",
     .doc = "equal parts of a phone that are classes of their own",
     .least = 1.0,
     .most = 10.0},
    {.name = "embedding",
     .type = HO_INTEGER,
     .initial = "300",
     .doc = "width of the phonetic-context embedding; 0: none",
     .least = 0.0,
     .most = 1302.0},
    {.name = "embedding_context",
     .type = HO_INTEGER,
     .initial = "4",
     .doc = "phones each side that the embedding counts",
     .least = 1.0,
     .most = 10.0},
    {.name = "cache",
     .type = HO_STRING,
     .doc = "folder for computed features, as seen from where hotool runs, or off (default: hotool in $XDG_CACHE_HOME "
            "or ~/.cache)"},
};

/* ---- settings ---- */

static ho_status read_names(ho_setup *u, const char *option, timit_names *names)
{
    names->count = ho_option_count(u, option);
    const char **of = ho_setup_alloc(u, (uint64_t)names->count * sizeof *of);
    if (!of)
        return HO_FAILED;
    for (int64_t i = 0; i < names->count; i++) {
        of[i] = ho_option_string_at(u, option, i);
        if (!of[i][0])
            return ho_setup_fail(u, option, "entry %" PRId64 " is empty", i + 1);
    }
    names->of = of;
    return HO_OK;
}

/* The speaker that a folder's path names; corpora differ in the folders above. */
static const char *speaker_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Plain paths below the corpus folder, so that one speaker cannot hide behind two spellings. */
static int is_plain(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += part != path;
        if (*part == '\0' || *part == '/' || *part == '.')
            return 0;
    }
    return 1;
}

/* Whether any speaker before entry i of `part` is the same. */
static ho_status check_speaker(ho_setup *u, const timit *t, int part, int64_t i)
{
    const char *speaker = t->speakers[part].of[i];
    if (!is_plain(speaker))
        return ho_setup_fail(u, speaker_options[part], "\"%s\" is no plain path below the corpus folder", speaker);
    for (int p = TIMIT_TRAINING; p <= part; p++)
        for (int64_t k = 0; k < (p < part ? t->speakers[p].count : i); k++)
            if (strcasecmp(speaker_of(t->speakers[p].of[k]), speaker_of(speaker)) == 0)
                return p < part
                           ? ho_setup_fail(u, speaker_options[part],
                                           "the speaker \"%s\" is among the %s too; the parts must not share any",
                                           speaker, speaker_options[p])
                           : ho_setup_fail(u, speaker_options[part], "the speaker \"%s\" is listed twice", speaker);
    return HO_OK;
}

static ho_status read_speakers(ho_setup *u, timit *t)
{
    for (int part = TIMIT_TRAINING; part < TIMIT_PARTS; part++) {
        ho_status status = read_names(u, speaker_options[part], &t->speakers[part]);
        if (status == HO_OK && t->speakers[part].count == 0)
            status = ho_setup_fail(u, speaker_options[part], "is an empty list");
        for (int64_t i = 0; status == HO_OK && i < t->speakers[part].count; i++)
            status = check_speaker(u, t, part, i);
        if (status != HO_OK)
            return status;
    }
    return read_names(u, "drop", &t->drop);
}

static int64_t samples_of(const timit *t, double milliseconds)
{
    return (int64_t)llround(milliseconds * (double)t->rate / 1000.0);
}

static ho_status read_analysis(ho_setup *u, timit *t)
{
    t->rate = ho_option_integer(u, "rate");
    t->window = samples_of(t, ho_option_real(u, "window"));
    t->hop = samples_of(t, ho_option_real(u, "hop"));
    t->preemphasis = ho_option_real(u, "preemphasis");
    t->filter_count = ho_option_integer(u, "mel");
    t->low = ho_option_real(u, "low");
    t->high = ho_option_real(u, "high");
    t->differences = ho_option_integer(u, "differences");
    t->delta = ho_option_integer(u, "delta");
    t->normalize = ho_option_boolean(u, "normalize");
    if (t->window < 2)
        return ho_setup_fail(u, "window", "holds less than two samples at %" PRId64 " a second", t->rate);
    for (t->transform = 2; t->transform < t->window;)
        t->transform *= 2;
    if (t->high > (double)t->rate / 2.0)
        return ho_setup_fail(u, "high", "%g Hz is above half the rate, %g Hz", t->high, (double)t->rate / 2.0);
    if (t->low >= t->high)
        return ho_setup_fail(u, "low", "%g Hz is not below high, %g Hz", t->low, t->high);
    return timit_filters_make(u, t);
}

static ho_status create(ho_setup *u, void **self)
{
    timit *t = ho_setup_alloc(u, sizeof *t);
    if (!t)
        return HO_FAILED;
    t->folder = ho_option_string(u, "folder");
    t->context = ho_option_integer(u, "context");
    t->states = ho_option_integer(u, "states");
    t->embedding = ho_option_integer(u, "embedding");
    t->embedding_context = ho_option_integer(u, "embedding_context");
    t->cache = ho_option_string(u, "cache");
    *self = t;
    if (t->cache && !t->cache[0])
        return ho_setup_fail(u, "cache", "is empty, wanted is a folder or off");
    const ho_status status = read_speakers(u, t);
    return status == HO_OK ? read_analysis(u, t) : status;
}

/* ---- frames ---- */

/* Thirds (or other equal parts) of a phone by the sample in the frame's middle. */
static int32_t state_at(const timit *t, const timit_segment *s, int64_t frame)
{
    const int64_t sample = t->hop * frame + t->window / 2;
    return (int32_t)(s->phone * t->states + t->states * (sample - s->begin) / (s->end - s->begin));
}

static ho_status label_frames(const timit *t, ho_data *d, const timit_corpus *corpus, timit_frames *frames)
{
    frames->utterances = corpus->count;
    frames->counts = ho_data_alloc(d, (uint64_t)corpus->count, sizeof *frames->counts);
    if (!frames->counts)
        return HO_FAILED;
    for (int64_t i = 0; i < corpus->count; i++)
        frames->frames += frames->counts[i] = timit_frame_count(t, &corpus->utterances[i]);
    frames->states = ho_data_alloc(d, (uint64_t)frames->frames, sizeof *frames->states);
    if (!frames->states)
        return HO_FAILED;
    int32_t *to = frames->states;
    for (int64_t i = 0; i < corpus->count; i++) {
        const timit_utterance *u = &corpus->utterances[i];
        int64_t last = 0;
        for (int64_t f = 0; f < frames->counts[i]; f++) {
            const int64_t s = timit_segment_of(t, u, f, last);
            *to++ = s < 0 ? -1 : state_at(t, &u->segments[s], f);
            last = s < 0 ? last : s;
        }
    }
    return HO_OK;
}

/* Labelled frames of a part. */
static int64_t count_labelled(const timit_corpus *corpus, const timit_frames *frames, int part)
{
    int64_t labelled = 0, at = 0;
    for (int64_t i = 0; i < corpus->count; at += frames->counts[i++])
        for (int64_t f = 0; corpus->utterances[i].part == part && f < frames->counts[i]; f++)
            labelled += frames->states[at + f] >= 0;
    return labelled;
}

static ho_status compute(const timit *t, ho_data *d, timit_corpus *corpus, timit_frames *frames)
{
    ho_status status = HO_OK;
    for (int64_t i = 0; status == HO_OK && i < corpus->count; i++) {
        status = timit_audio_read(t, d, &corpus->utterances[i]);
        if (status == HO_OK)
            status = timit_alignment_read(d, &corpus->utterances[i]);
    }
    if (status == HO_OK)
        status = timit_recordings_check(d, corpus);
    if (status == HO_OK)
        status = label_frames(t, d, corpus, frames);
    for (int part = TIMIT_TRAINING; status == HO_OK && part < TIMIT_PARTS; part++)
        if (count_labelled(corpus, frames, part) == 0)
            status =
                ho_data_fail(d, t->folder, -1, "%s: their sentences have no frame with a phone", speaker_options[part]);
    if (status == HO_OK)
        status = timit_features_compute(t, d, corpus, frames);
    if (status == HO_OK && t->embedding)
        status = timit_context_compute(t, d, corpus, frames);
    return status;
}

/* ---- what is emitted ---- */

/* A part's arrays, filled frame by frame. */
typedef struct part_arrays {
    int64_t count, width;
    float *inputs, *vectors;
    int64_t *states;
} part_arrays;

static void add_frame(const timit *t, const timit_frames *frames, int64_t first, int64_t count, int64_t f, int64_t row,
                      const part_arrays *to)
{
    const size_t bytes = (size_t)frames->width * sizeof(float);
    float *input = to->inputs + row * to->width;
    for (int64_t o = -t->context; o <= t->context; o++, input += frames->width) {
        /* Beyond its ends an utterance goes on as its outermost frame. */
        const int64_t near = f + o < 0 ? 0 : f + o < count ? f + o : count - 1;
        memcpy(input, frames->features + (first + near) * frames->width, bytes);
    }
    to->states[row] = frames->states[first + f];
    if (to->vectors)
        memcpy(to->vectors + row * t->embedding, frames->vectors + frames->unit_of[first + f] * t->embedding,
               (size_t)t->embedding * sizeof(float));
}

static void fill_part(const timit *t, const timit_corpus *corpus, const timit_frames *frames, int part,
                      const part_arrays *to)
{
    int64_t row = 0, first = 0;
    for (int64_t i = 0; i < corpus->count; first += frames->counts[i++])
        for (int64_t f = 0; corpus->utterances[i].part == part && f < frames->counts[i]; f++)
            if (frames->states[first + f] >= 0)
                add_frame(t, frames, first, frames->counts[i], f, row++, to);
}

static ho_status emit_part(const timit *t, ho_data *d, const timit_corpus *corpus, const timit_frames *frames, int part)
{
    part_arrays p = {.count = count_labelled(corpus, frames, part), .width = frames->width * (2 * t->context + 1)};
    const int with_vectors = part == TIMIT_TRAINING && t->embedding > 0;
    p.inputs = ho_data_alloc(d, (uint64_t)(p.count * p.width), sizeof *p.inputs);
    p.states = ho_data_alloc(d, (uint64_t)p.count, sizeof *p.states);
    p.vectors = with_vectors ? ho_data_alloc(d, (uint64_t)(p.count * t->embedding), sizeof *p.vectors) : NULL;
    if (!p.inputs || !p.states || (with_vectors && !p.vectors))
        return HO_FAILED;
    fill_part(t, corpus, frames, part, &p);
    const ho_array inputs = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_INPUTS,
        .type = HO_ARRAY_F32,
        .rank = 2,
        .dims = {p.count, p.width},
        .source = t->folder,
        .values = p.inputs,
    };
    const ho_array states = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_LABELS,
        .type = HO_ARRAY_I64,
        .rank = 1,
        .dims = {p.count},
        .classes = TIMIT_PHONES * t->states,
        .name = "states",
        .source = t->folder,
        .values = p.states,
    };
    const ho_array vectors = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_REALS,
        .type = HO_ARRAY_F32,
        .rank = 2,
        .dims = {p.count, t->embedding},
        .name = "context",
        .source = t->folder,
        .values = p.vectors,
    };
    ho_status status = ho_data_emit(d, (uint32_t)part, &inputs);
    if (status == HO_OK)
        status = ho_data_emit(d, (uint32_t)part, &states);
    return status == HO_OK && with_vectors ? ho_data_emit(d, (uint32_t)part, &vectors) : status;
}

static ho_status emit_names(const timit *t, ho_data *d)
{
    ho_status status = HO_OK;
    for (int64_t k = 0; status == HO_OK && k < TIMIT_PHONES * t->states; k++) {
        char name[32];
        snprintf(name, sizeof name, "%s.%" PRId64, timit_phones[k / t->states], k % t->states);
        status = ho_data_class_name(d, k, t->states > 1 ? name : timit_phones[k]);
    }
    return status;
}

static ho_status read(void *self, ho_data *d)
{
    const timit *t = self;
    timit_corpus corpus = {0};
    timit_frames frames = {0};
    int found = 0;
    ho_status status = timit_corpus_load(t, d, &corpus);
    const uint64_t key = status == HO_OK ? timit_cache_key(t, &corpus) : 0;
    if (status == HO_OK)
        status = timit_cache_load(t, d, &corpus, key, &frames, &found);
    if (status == HO_OK && !found) {
        status = compute(t, d, &corpus, &frames);
        if (status == HO_OK)
            timit_cache_store(t, key, &frames);
    }
    for (int part = TIMIT_TRAINING; status == HO_OK && part < TIMIT_PARTS; part++)
        status = emit_part(t, d, &corpus, &frames, part);
    return status == HO_OK ? emit_names(t, d) : status;
}

static const ho_data_calls calls = {
    .struct_size = sizeof(ho_data_calls),
    .emits_parts = 1,
    .read = read,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA),
    .name = "timit",
    .version = TIMIT_VERSION,
    .doc = "TIMIT speech: log-mel frames, phone states, and a phonetic-context embedding",
    .details =
        "Reads FOLDER/SPEAKER/NAME.wav (RIFF WAVE or NIST SPHERE, told by content; one channel) with NAME.phn beside "
        "it (lines \"BEGIN END PHONE\", in samples). The three lists of speakers make the parts, so a pipeline gives "
        "no split; a speaker may stand in one list only. drop: [sa] leaves out the two sentences that all speakers "
        "say, which are otherwise in all three parts.\n\n"
        "Frame i is samples [hop i, hop i + window), without padding. It belongs to the phone at its middle sample, "
        "hop i + window/2 (rounded down); frames where no phone is are left out, though they count as neighbours. "
        "Each phone is cut into `states` equal parts, as the corpus has no state alignments: target \"states\", class "
        "states * phone + part, phones in alphabetical order.\n\n"
        "Inputs, with samples x in [-1, 1): log sum of squares |FFT|^2 of the Hamming-windowed, pre-emphasized "
        "(x_n - a x_{n-1}; the first sample minus a times itself) frame, zero-filled to a power of two, under `mel` "
        "triangles spaced evenly on the scale 2595 log10(1 + f/700); then log sum x^2 of the frame as it is; then "
        "`differences` (first and second) in time, d_t = sum_k k (c_{t+k} - c_{t-k}) / (2 sum_k k^2) for k = 1..delta, "
        "ends "
        "repeated. Energies below 1e-10 count as 1e-10. With `normalize` every column has mean 0 and deviation 1 over "
        "the speaker's labelled frames. With `context` c an input is 2c + 1 frames, the utterance's ends "
        "repeated.\n\n"
        "Target \"context\" (training only): for each triphone (phone with its neighbours) of the training alignments "
        "a vector, which its frames share. Counts of the phones within `embedding_context` places of it, by place "
        "and with its own, become positive pointwise mutual information; a singular value decomposition cut to "
        "`embedding` columns gives U sqrt(S), scaled by one factor to mean square 1 over the training frames. This is "
        "a substitute for the embedding of Badino (2016), which is not public.\n\n"
        "What is computed is kept in the cache folder, by a key of the options, of the names and of the contents of "
        "all files; a cache that is torn or stale is made anew. The files can be deleted at any time.\n\n"
        "Uses libsndfile.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
