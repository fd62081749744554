/* TIMIT: speech with time-aligned phones. The options, and what is emitted. */
#include "timit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const speaker_options[TIMIT_PARTS] = {NULL, "training_speakers", "validation_speakers",
                                                         "test_speakers"};

/* Rows of the table of options. */
#define SPEAKERS(part, text)                                         \
    {                                                                \
        .name = part, .type = HO_STRINGS, .required = 1, .doc = text \
    }
#define COUNT(option, value, least_count, most_count, text)                                                         \
    {                                                                                                               \
        .name = option, .type = HO_INTEGER, .initial = value, .doc = text, .least = least_count, .most = most_count \
    }
#define REAL(option, value, least_real, most_real, text)                                                       \
    {                                                                                                          \
        .name = option, .type = HO_REAL, .initial = value, .doc = text, .least = least_real, .most = most_real \
    }

static const ho_option options[] = {
    {.name = "folder", .type = HO_PATH, .required = 1, .doc = "the corpus: contains the speakers' folders"},
    SPEAKERS("training_speakers", "folders of the training speakers below the corpus (dr1-fvmh0, TRAIN/DR1/FCJF0)"),
    SPEAKERS("validation_speakers", "folders of the validation speakers, different from those above"),
    SPEAKERS("test_speakers", "folders of the test speakers, different from those above"),
    {.name = "drop",
     .type = HO_STRINGS,
     .doc = "sentences to leave out, by kind (sa, sx, si) or name (sa1); every speaker says those of kind sa"},
    COUNT("rate", "16000", 1000.0, 192000.0, "samples per second, the same for all audio"),
    REAL("window", "25", 1.0, 200.0, "length of a frame in milliseconds"),
    REAL("hop", "10", 1.0, 200.0, "distance between the starts of two frames in milliseconds"),
    REAL("preemphasis", "0.97", 0.0, 1.0, "a in x_n - a x_{n-1}, applied before the transform"),
    COUNT("mel", "40", 1.0, 200.0, "filters on the mel scale"),
    REAL("low", "20", 0.0, 96000.0, "lower edge of the lowest filter in Hz"),
    REAL("high", "8000", 1.0, 96000.0, "upper edge of the highest filter in Hz"),
    COUNT("differences", "2", 0.0, 2.0, "orders of differences in time to append: 41 numbers become 82 or 123"),
    COUNT("delta", "2", 1.0, 10.0, "frames on each side that a difference is fitted to"),
    {.name = "normalize",
     .type = HO_BOOLEAN,
     .initial = "true",
     .doc = "mean 0 and standard deviation 1 of every feature over each speaker's frames"},
    COUNT("context", "0", 0.0, 100.0, "frames on each side that are part of an input"),
    COUNT("states", "3", 1.0, 10.0, "equal parts of a phone; each is a class"),
    COUNT("embedding", "300", 0.0, 1302.0, "width of the phonetic-context embedding; 0: none"),
    COUNT("embedding_context", "4", 1.0, 10.0, "phones on each side that the embedding counts"),
    {.name = "cache",
     .type = HO_STRING,
     .doc = "folder for computed features, relative to the current folder, or off (default: hotool in $XDG_CACHE_HOME "
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

/* The speaker's name: the last part of the path, since corpora differ in the folders above. */
static const char *speaker_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Only plain paths below the corpus folder, so that a speaker cannot be spelled in two ways. */
static int is_plain(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += part != path;
        if (*part == '\0' || *part == '/' || *part == '.')
            return 0;
    }
    return 1;
}

/* Refuses entry i of `part` if any speaker before it is the same. */
static ho_status check_speaker(ho_setup *u, const timit *t, int part, int64_t i)
{
    const char *speaker = t->speakers[part].of[i];
    if (!is_plain(speaker))
        return ho_setup_fail(u, speaker_options[part], "\"%s\" is not a plain path below the corpus folder", speaker);
    for (int p = TIMIT_TRAINING; p <= part; p++)
        for (int64_t k = 0; k < (p < part ? t->speakers[p].count : i); k++)
            if (strcasecmp(speaker_of(t->speakers[p].of[k]), speaker_of(speaker)) == 0)
                return p < part
                           ? ho_setup_fail(u, speaker_options[part],
                                           "the speaker \"%s\" is among the %s too; parts must not share speakers",
                                           speaker, speaker_options[p])
                           : ho_setup_fail(u, speaker_options[part], "the speaker \"%s\" is listed twice", speaker);
    return HO_OK;
}

static ho_status read_speakers(ho_setup *u, timit *t)
{
    for (int part = TIMIT_TRAINING; part < TIMIT_PARTS; part++) {
        ho_status status = read_names(u, speaker_options[part], &t->speakers[part]);
        if (status == HO_OK && t->speakers[part].count == 0)
            status = ho_setup_fail(u, speaker_options[part], "the list is empty");
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
        return ho_setup_fail(u, "window", "is shorter than two samples at %" PRId64 " samples per second", t->rate);
    for (t->transform = 2; t->transform < t->window;)
        t->transform *= 2;
    if (t->high > (double)t->rate / 2.0)
        return ho_setup_fail(u, "high", "%g Hz is above half the rate (%g Hz)", t->high, (double)t->rate / 2.0);
    if (t->low >= t->high)
        return ho_setup_fail(u, "low", "%g Hz is not below high (%g Hz)", t->low, t->high);
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
        return ho_setup_fail(u, "cache", "expected a folder or off, got an empty text");
    const ho_status status = read_speakers(u, t);
    return status == HO_OK ? read_analysis(u, t) : status;
}

/* ---- frames ---- */

/* Which of the equal parts of the phone the frame's middle sample lies in. */
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

/* Number of labelled frames of a part. */
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
                ho_data_fail(d, t->folder, -1, "%s: no frame of their sentences has a phone", speaker_options[part]);
    if (status == HO_OK)
        status = timit_features_compute(t, d, corpus, frames);
    if (status == HO_OK && t->embedding)
        status = timit_context_compute(t, d, corpus, frames);
    return status;
}

/* ---- output ---- */

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
        /* The first and last frames of an utterance are repeated beyond its ends. */
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
        "Reads FOLDER/SPEAKER/NAME.wav (one channel; RIFF WAVE or NIST SPHERE, recognised by content) and NAME.phn "
        "beside "
        "it (lines \"BEGIN END PHONE\", in samples). Where there is NAME.wav.wav too, as in the copy of the corpus on "
        "Kaggle, "
        "it is read and NAME.wav is not. The three lists of speakers define the parts, so the pipeline "
        "needs no "
        "split; a speaker belongs to one list only. drop: [sa] leaves out the two sentences that all speakers say, "
        "which "
        "would otherwise be in all three parts.\n\n"
        "Frame i consists of the samples [hop i, hop i + window), without padding. It is labelled by the phone at its "
        "middle sample, hop i + window/2 (rounded down). Frames without a phone are left out, but count as neighbours. "
        "The corpus has no state alignments, so each phone is cut into `states` equal parts: target \"states\", class "
        "states * phone + part, with the phones in alphabetical order.\n\n"
        "Inputs, with samples x in [-1, 1): the logarithm of the power |FFT|^2 summed under each of `mel` triangles, "
        "which "
        "are spaced evenly on the scale 2595 log10(1 + f/700); the frame is pre-emphasised (x_n - a x_{n-1}; a times "
        "itself "
        "is subtracted from the first sample), Hamming-windowed and zero-padded to a power of two. Then log sum x^2 of "
        "the "
        "unmodified frame. Then first and second `differences` in time, d_t = sum_k k (c_{t+k} - c_{t-k}) / (2 sum_k "
        "k^2) "
        "for k = 1..delta, repeating the ends of the utterance. Energies below 1e-10 are raised to 1e-10. With "
        "`normalize` "
        "every column has mean 0 and standard deviation 1 over the speaker's labelled frames. With `context` c an "
        "input "
        "consists of 2c + 1 frames, repeating the ends of the utterance.\n\n"
        "Target \"context\" (training only): one vector for each triphone (a phone with its neighbours) of the "
        "training "
        "alignments, shared by its frames. The counts of phones at each distance up to `embedding_context`, before and "
        "after, and of the phone itself become positive pointwise mutual information; its singular value "
        "decomposition, "
        "cut to `embedding` columns, gives U sqrt(S), scaled to mean square 1 over the training frames. This "
        "substitutes "
        "for the embedding of Badino (2016), which is not public.\n\n"
        "Features are cached under a key of the options, file names and file contents. A damaged or outdated cache is "
        "recomputed; the files may be deleted at any time.\n\n"
        "Uses libsndfile.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
