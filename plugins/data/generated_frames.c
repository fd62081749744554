/* Generated frames with planted states: speakers utter phones, which are sequences of states with known prototypes. */
#include <hotool/plugin.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Streams of random numbers. A part's number is added to those from STREAM_SPEAKERS on. */
#define STREAM_PHONES     1u
#define STREAM_STATES     2u
#define STREAM_SUCCESSORS 3u
#define STREAM_EMBEDDING  4u
#define STREAM_VOICES     5u
#define STREAM_SPEAKERS   10u
#define STREAM_WALK       20u
#define STREAM_DURATIONS  30u
#define STREAM_NOISE      40u

/* The most numbers in one array of a part: 16 GiB. */
#define MOST_NUMBERS (INT64_C(1) << 32)

/* Frames on each side that a difference is fitted to, and phones on each side that the embedding covers. */
#define DELTA INT64_C(2)
#define REACH INT64_C(2)

typedef struct planted {
    uint64_t seed;
    int64_t speakers[4]; /* of parts 1 to 3 */
    int64_t utterances, length, duration;
    int64_t phones, states, successors;
    int64_t width, differences, embedding, voices;
    double separation, shared, coarticulation, voice, speaker, noise;
} planted;

static const char *const speaker_options[] = {NULL, "training_speakers", "validation_speakers", "test_speakers"};

/* Rows of the table of options. */
#define COUNT(option, value, least_count, most_count, text)                                                         \
    {                                                                                                               \
        .name = option, .type = HO_INTEGER, .initial = value, .doc = text, .least = least_count, .most = most_count \
    }
#define REAL(option, value, most_real, text)                                                            \
    {                                                                                                   \
        .name = option, .type = HO_REAL, .initial = value, .doc = text, .least = 0.0, .most = most_real \
    }

static const ho_option options[] = {
    COUNT("seed", "1", 0.0, 1e15, "seed of the random numbers (where it is not given: the pipeline's seed)"),
    COUNT("training_speakers", "16", 1.0, 1e4, "speakers of the training part"),
    COUNT("validation_speakers", "4", 1.0, 1e4, "speakers of the validation part, different from those above"),
    COUNT("test_speakers", "4", 1.0, 1e4, "speakers of the test part, different from those above"),
    COUNT("utterances", "3", 1.0, 1e4, "utterances of each speaker"),
    COUNT("length", "21", 1.0, 1e4, "phones in an utterance"),
    COUNT("duration", "2", 1.0, 1000.0, "mean number of frames of a state, uniform from 1 to 2*duration - 1"),
    COUNT("phones", "61", 2.0, 1000.0, "phones of the language"),
    COUNT("states", "3", 1.0, 10.0, "states of a phone; each is a class"),
    COUNT("successors", "6", 1.0, 1000.0, "phones that may follow a phone (drawn with replacement)"),
    COUNT("width", "41", 1.0, 1e4, "numbers in a frame, without its differences"),
    COUNT("differences", "2", 0.0, 2.0, "orders of differences in time to append: 41 numbers become 82 or 123"),
    COUNT("embedding", "300", 0.0, 1e4, "width of the phonetic-context embedding; 0: none"),
    COUNT("voices", "4", 1.0, 1000.0, "types of voice; speakers take turns"),
    REAL("separation", "12", 1e6, "expected norm of a state's prototype"),
    REAL("shared", "0.8", 1.0, "fraction of a prototype's squared norm that all states of the phone have in common"),
    REAL("coarticulation", "0.5", 1.0, "fraction of the neighbouring phone in a frame at the boundary to it"),
    REAL("voice", "2", 1e6, "standard deviation of the numbers in a voice's offset"),
    REAL("speaker", "0.5", 1e6, "standard deviation of the numbers in a speaker's own offset"),
    REAL("noise", "0.8", 1e6, "standard deviation of the numbers in a frame around their mean"),
};

static int64_t input_width(const planted *g)
{
    return g->width * (1 + g->differences);
}

static ho_status check_sizes(ho_setup *u, const planted *g)
{
    const int64_t widest = input_width(g) > g->embedding ? input_width(g) : g->embedding;
    for (int part = 1; part <= 3; part++) {
        const double frames = (double)g->speakers[part] * (double)g->utterances * (double)g->length *
                              (double)g->states * (double)(2 * g->duration - 1);
        if (frames * (double)widest > (double)MOST_NUMBERS)
            return ho_setup_fail(u, speaker_options[part],
                                 "up to %.0f frames of %lld numbers exceed the limit of %lld numbers", frames,
                                 (long long)widest, (long long)MOST_NUMBERS);
    }
    return HO_OK;
}

static ho_status create(ho_setup *u, void **self)
{
    planted *g = ho_setup_alloc(u, sizeof *g);
    if (!g)
        return HO_FAILED;
    g->seed = (uint64_t)ho_option_integer(u, "seed");
    for (int part = 1; part <= 3; part++)
        g->speakers[part] = ho_option_integer(u, speaker_options[part]);
    g->utterances = ho_option_integer(u, "utterances");
    g->length = ho_option_integer(u, "length");
    g->duration = ho_option_integer(u, "duration");
    g->phones = ho_option_integer(u, "phones");
    g->states = ho_option_integer(u, "states");
    g->successors = ho_option_integer(u, "successors");
    g->width = ho_option_integer(u, "width");
    g->differences = ho_option_integer(u, "differences");
    g->embedding = ho_option_integer(u, "embedding");
    g->voices = ho_option_integer(u, "voices");
    g->separation = ho_option_real(u, "separation");
    g->shared = ho_option_real(u, "shared");
    g->coarticulation = ho_option_real(u, "coarticulation");
    g->voice = ho_option_real(u, "voice");
    g->speaker = ho_option_real(u, "speaker");
    g->noise = ho_option_real(u, "noise");
    *self = g;
    return check_sizes(u, g);
}

/* ---- common to all speakers ---- */

/* (phones, states, width) */
static double *make_prototypes(const planted *g, ho_data *d)
{
    double *prototypes = ho_data_alloc(d, (uint64_t)(g->phones * g->states * g->width), sizeof *prototypes);
    const double length = g->separation / sqrt((double)g->width);
    const double common = length * sqrt(g->shared), own = length * sqrt(1.0 - g->shared);
    for (int64_t k = 0; prototypes && k < g->phones * g->states; k++)
        for (int64_t j = 0; j < g->width; j++)
            prototypes[k * g->width + j] =
                common * ho_data_normal(d, g->seed, STREAM_PHONES, (uint64_t)(k / g->states * g->width + j)) +
                own * ho_data_normal(d, g->seed, STREAM_STATES, (uint64_t)(k * g->width + j));
    return prototypes;
}

/* (2 REACH + 1, phones + 1, embedding): the contribution of each phone at each distance; the last phone stands for the
 * end of the utterance. The sum over the distances has mean square 1 per entry. */
static double *make_embedding(const planted *g, ho_data *d)
{
    const int64_t symbols = g->phones + 1;
    double *parts = ho_data_alloc(d, (uint64_t)((2 * REACH + 1) * symbols * g->embedding), sizeof *parts);
    double squares = 0.0;
    for (int64_t o = -REACH; o <= REACH; o++)
        squares += 1.0 / (double)(INT64_C(1) << 2 * (o < 0 ? -o : o));
    for (int64_t o = -REACH, i = 0; parts && o <= REACH; o++) {
        const double weight = 1.0 / (sqrt(squares) * (double)(INT64_C(1) << (o < 0 ? -o : o)));
        for (int64_t k = 0; k < symbols * g->embedding; k++, i++)
            parts[i] = weight * ho_data_normal(d, g->seed, STREAM_EMBEDDING, (uint64_t)i);
    }
    return parts;
}

static int64_t below(ho_data *d, const planted *g, uint64_t stream, int64_t i, int64_t count)
{
    const int64_t drawn = (int64_t)(ho_data_uniform(d, g->seed, stream, (uint64_t)i) * (double)count);
    return drawn < count ? drawn : count - 1;
}

/* A successor of `phone`. Number 0 is the next phone, so that every phone occurs. */
static int64_t successor(const planted *g, ho_data *d, int64_t phone, int64_t which)
{
    return which == 0 ? (phone + 1) % g->phones
                      : below(d, g, STREAM_SUCCESSORS, phone * g->successors + which, g->phones);
}

/* ---- one part ---- */

typedef struct part {
    uint32_t number;
    int64_t utterances, frames;
    int64_t *phones;    /* (utterances, length) */
    int64_t *durations; /* (utterances, length, states) */
    double *offsets;    /* (speakers, width): added to all frames of a speaker */
    float *inputs, *contexts;
    int64_t *labels;
} part;

/* Draws the phones of every utterance and the number of frames of each of their states. */
static ho_status draw_utterances(const planted *g, ho_data *d, part *p)
{
    const int64_t count = p->utterances * g->length;
    p->phones = ho_data_alloc(d, (uint64_t)count, sizeof *p->phones);
    p->durations = ho_data_alloc(d, (uint64_t)(count * g->states), sizeof *p->durations);
    if (!p->phones || !p->durations)
        return HO_FAILED;
    for (int64_t i = 0; i < count; i++) {
        const uint64_t walk = STREAM_WALK + p->number;
        p->phones[i] = i % g->length ? successor(g, d, p->phones[i - 1], below(d, g, walk, i, g->successors))
                                     : below(d, g, walk, i, g->phones);
        for (int64_t s = i * g->states; s < (i + 1) * g->states; s++)
            p->frames += p->durations[s] = 1 + below(d, g, STREAM_DURATIONS + p->number, s, 2 * g->duration - 1);
    }
    return HO_OK;
}

static ho_status draw_offsets(const planted *g, ho_data *d, part *p)
{
    const int64_t count = g->speakers[p->number] * g->width;
    p->offsets = ho_data_alloc(d, (uint64_t)count, sizeof *p->offsets);
    for (int64_t i = 0; p->offsets && i < count; i++) {
        const int64_t of_voice = i / g->width % g->voices * g->width + i % g->width;
        p->offsets[i] = g->voice * ho_data_normal(d, g->seed, STREAM_VOICES, (uint64_t)of_voice) +
                        g->speaker * ho_data_normal(d, g->seed, STREAM_SPEAKERS + p->number, (uint64_t)i);
    }
    return p->offsets ? HO_OK : HO_FAILED;
}

static ho_status allocate(const planted *g, ho_data *d, part *p)
{
    const int with_context = p->number == 1 && g->embedding > 0;
    p->inputs = ho_data_alloc(d, (uint64_t)(p->frames * input_width(g)), sizeof *p->inputs);
    p->labels = ho_data_alloc(d, (uint64_t)p->frames, sizeof *p->labels);
    p->contexts = with_context ? ho_data_alloc(d, (uint64_t)(p->frames * g->embedding), sizeof *p->contexts) : NULL;
    return p->inputs && p->labels && (p->contexts || !with_context) ? HO_OK : HO_FAILED;
}

/* A frame without its differences: the state's prototype mixed with its neighbour's and shifted by the voice, the
 * speaker's offset, and noise. */
static void fill_frame(const planted *g, ho_data *d, const part *p, int64_t speaker, int64_t frame, const double *own,
                       const double *neighbour, double share)
{
    float *x = p->inputs + frame * input_width(g);
    for (int64_t j = 0; j < g->width; j++) {
        const int64_t from = (j + speaker % g->voices) % g->width;
        const double clean = neighbour ? (1.0 - share) * own[from] + share * neighbour[from] : own[from];
        const double noise = ho_data_normal(d, g->seed, STREAM_NOISE + p->number, (uint64_t)(frame * g->width + j));
        x[j] = (float)(clean + p->offsets[speaker * g->width + j] + g->noise * noise);
    }
}

/* Fills the frames of phone i of the part, from `frame` on. Returns the next frame. */
static int64_t fill_phone(const planted *g, ho_data *d, const part *p, const double *prototypes, int64_t i,
                          int64_t frame)
{
    const int64_t *durations = p->durations + i * g->states, speaker = i / (g->utterances * g->length);
    const double *of_phone = prototypes + p->phones[i] * g->states * g->width;
    const double *before =
        i % g->length ? prototypes + ((p->phones[i - 1] + 1) * g->states - 1) * g->width : NULL; /* its last state */
    const double *after = (i + 1) % g->length ? prototypes + p->phones[i + 1] * g->states * g->width : NULL;
    int64_t count = 0, at = 0;
    for (int64_t s = 0; s < g->states; s++)
        count += durations[s];
    for (int64_t s = 0; s < g->states; s++)
        for (int64_t k = 0; k < durations[s]; k++, at++, frame++) {
            /* From -1 at the start of the phone to 1 at its end. */
            const double place = (double)(2 * at + 1) / (double)count - 1.0;
            p->labels[frame] = p->phones[i] * g->states + s;
            fill_frame(g, d, p, speaker, frame, of_phone + s * g->width, place < 0.0 ? before : after,
                       g->coarticulation * fabs(place));
        }
    return frame;
}

/* The embedding of phone i, for each of its frames [frame, end). */
static void fill_context(const planted *g, const part *p, const double *embedding, int64_t i, int64_t frame,
                         int64_t end)
{
    const int64_t first = i - i % g->length;
    for (int64_t e = 0; e < g->embedding; e++) {
        double sum = 0.0;
        for (int64_t o = -REACH; o <= REACH; o++) {
            const int inside = i + o >= first && i + o < first + g->length;
            const int64_t symbol = inside ? p->phones[i + o] : g->phones;
            sum += embedding[((o + REACH) * (g->phones + 1) + symbol) * g->embedding + e];
        }
        for (int64_t f = frame; f < end; f++)
            p->contexts[f * g->embedding + e] = (float)sum;
    }
}

/* d_t = sum_k k (c_{t+k} - c_{t-k}) / (2 sum_k k^2), k = 1..DELTA, over the utterance's frames [begin, end), repeating
 * its ends: from the columns that start at `from` into the columns after them. */
static void fill_differences(const planted *g, const part *p, int64_t begin, int64_t end, int64_t from)
{
    const int64_t width = input_width(g);
    double squares = 0.0;
    for (int64_t k = 1; k <= DELTA; k++)
        squares += (double)(2 * k * k);
    for (int64_t t = begin; t < end; t++)
        for (int64_t j = from; j < from + g->width; j++) {
            double sum = 0.0;
            for (int64_t k = 1; k <= DELTA; k++) {
                const int64_t later = t + k < end ? t + k : end - 1, earlier = t - k > begin ? t - k : begin;
                sum += (double)k * ((double)p->inputs[later * width + j] - (double)p->inputs[earlier * width + j]);
            }
            p->inputs[t * width + j + g->width] = (float)(sum / squares);
        }
}

static void fill(const planted *g, ho_data *d, const part *p, const double *prototypes, const double *embedding)
{
    int64_t frame = 0;
    for (int64_t u = 0; u < p->utterances; u++) {
        const int64_t begin = frame;
        for (int64_t i = u * g->length; i < (u + 1) * g->length; i++) {
            const int64_t end = fill_phone(g, d, p, prototypes, i, frame);
            if (p->contexts)
                fill_context(g, p, embedding, i, frame, end);
            frame = end;
        }
        for (int64_t k = 0; k < g->differences; k++)
            fill_differences(g, p, begin, frame, k * g->width);
    }
}

static ho_status emit(const planted *g, ho_data *d, const part *p)
{
    const ho_array inputs = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_INPUTS,
        .type = HO_ARRAY_F32,
        .rank = 2,
        .dims = {p->frames, input_width(g)},
        .values = p->inputs,
    };
    const ho_array states = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_LABELS,
        .type = HO_ARRAY_I64,
        .rank = 1,
        .dims = {p->frames},
        .classes = g->phones * g->states,
        .name = "states",
        .values = p->labels,
    };
    const ho_array context = {
        .struct_size = sizeof(ho_array),
        .role = HO_ROLE_REALS,
        .type = HO_ARRAY_F32,
        .rank = 2,
        .dims = {p->frames, g->embedding},
        .name = "context",
        .values = p->contexts,
    };
    ho_status status = ho_data_emit(d, p->number, &inputs);
    if (status == HO_OK)
        status = ho_data_emit(d, p->number, &states);
    return status == HO_OK && p->contexts ? ho_data_emit(d, p->number, &context) : status;
}

static ho_status make_part(const planted *g, ho_data *d, uint32_t number, const double *prototypes,
                           const double *embedding)
{
    part p = {.number = number, .utterances = g->speakers[number] * g->utterances};
    ho_status status = draw_utterances(g, d, &p);
    if (status == HO_OK)
        status = draw_offsets(g, d, &p);
    if (status == HO_OK)
        status = allocate(g, d, &p);
    if (status != HO_OK)
        return status;
    fill(g, d, &p, prototypes, embedding);
    return emit(g, d, &p);
}

static ho_status emit_names(const planted *g, ho_data *d)
{
    char digits[32];
    const int width = snprintf(digits, sizeof digits, "%lld", (long long)(g->phones - 1));
    ho_status status = HO_OK;
    for (int64_t k = 0; status == HO_OK && k < g->phones * g->states; k++) {
        char name[64];
        const int length = snprintf(name, sizeof name, "p%0*lld", width, (long long)(k / g->states));
        if (g->states > 1)
            snprintf(name + length, sizeof name - (size_t)length, "s%lld", (long long)(k % g->states));
        status = ho_data_class_name(d, k, name);
    }
    return status;
}

static ho_status read(void *self, ho_data *d)
{
    const planted *g = self;
    const double *prototypes = make_prototypes(g, d), *embedding = make_embedding(g, d);
    const int64_t dims[] = {g->phones * g->states, g->width};
    ho_status status = prototypes && embedding ? HO_OK : HO_FAILED;
    for (uint32_t number = 1; status == HO_OK && number <= 3; number++)
        status = make_part(g, d, number, prototypes, embedding);
    if (status == HO_OK)
        status = ho_data_truth(d, "prototypes", 2, dims, prototypes);
    return status == HO_OK ? emit_names(g, d) : status;
}

static const ho_data_calls calls = {
    .struct_size = sizeof(ho_data_calls),
    .emits_parts = 1,
    .read = read,
    .generated = 1,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DATA),
    .name = "generated_frames",
    .version = "1.0.0",
    .doc = "generated frames with planted states: synthetic utterances in place of speech",
    .details =
        "Synthetic frames in the same form as real ones from the reader timit. Each speaker utters a sequence of "
        "phones, "
        "each phone passes through its states, and each state lasts for some frames. A frame of state s of phone p "
        "is\n\n"
        "x = (1 - c) m_ps + c m_neighbour + offset of the speaker + noise n\n\n"
        "with prototypes m_ps = separation/sqrt(width) (sqrt(shared) u_p + sqrt(1 - shared) o_ps) and standard normal "
        "u, o, n. Coarticulation: c falls from `coarticulation` at the boundary of the phone to 0 at its middle; the "
        "neighbour is the adjacent state of the phone beyond that boundary. A speaker's offset is the sum of one of "
        "their own and one of their voice; for voice v, the prototypes are shifted by v positions, as spectra of "
        "longer "
        "and shorter vocal tracts are. First and second differences in time follow, d_t = sum_k k (x_{t+k} - x_{t-k}) "
        "/ "
        "(2 sum_k k^2) for k = 1, 2, repeating the ends of the utterance.\n\n"
        "Target \"states\": class states * phone + state, named p07s2 and so on. Target \"context\" (training only): "
        "one "
        "vector for a phone in its context, shared by its frames. It is the sum of one normal vector for each phone "
        "and position from two before to two after, halved with each step away, scaled to mean square 1. Since a phone "
        "has few successors and frames near a boundary contain part of the neighbour, the context helps to tell "
        "states apart.\n\n"
        "The reader provides the training, validation and test parts, so the pipeline needs no split. No speaker is in "
        "two parts, and the data of a part do not depend on the sizes of the others. The truth, prototypes.npy, has a "
        "row m_ps for each class.\n\n"
        "At the defaults (about 6000, 1500 and 1500 frames; `standardize: true` is advised), averaged over the seeds 1 "
        "to 5, a linear model classifies 55 % of the test frames correctly, a network with 256 hidden units, which can "
        "tell voices apart, 63 %, and with `context` as a second task, at weight 0.01 on the squared error, 64 %; "
        "chance is 0.5 %. The embedding has rank 5 (phones + 1) at most.",
    .options = HO_TABLE(options),
    .calls = &calls,
    .create = create,
};
