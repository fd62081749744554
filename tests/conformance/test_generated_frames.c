/* The reader generated_frames: that its frames hold what was planted, computed again from the labels and the truth. */
#include <math.h>

#include "reading.h"

TestSuite(generated_frames, .init = setup, .fini = teardown);

#define read_frames(...) read_with("generated_frames", __VA_ARGS__)
#define expect_good()    cr_assert_not_null(dataset, "%s", error.text)

/* Neither noise nor speakers: what is left follows from the labels. */
#define CLEAN "noise=0", "voice=0", "speaker=0", "voices=1"

static const ho_examples *part(int p)
{
    return &dataset->parts[p];
}

static int64_t label(const ho_examples *e, int64_t i)
{
    return (int64_t)e->targets[0].values[i];
}

static const double *prototype(int64_t class)
{
    return dataset->truths[0].values + class * dataset->truths[0].dims[1];
}

static double number(const ho_examples *e, int64_t frame, int64_t j)
{
    return input(e, frame * e->features + j);
}

/* ---- form ------------------------------------------------------------------------------------------------------ */

Test(generated_frames, has_the_form_of_speech)
{
    static const double expected[] = {0, 6048, 1512, 1512};
    read_frames("seed=1");
    expect_good();
    for (int p = 1; p <= 3; p++) {
        cr_expect_float_eq((double)part(p)->count, expected[p], 0.05 * expected[p]);
        cr_expect_eq(part(p)->features, 123);
        cr_assert_eq(part(p)->target_count, p == 1 ? 2 : 1);
        cr_expect_str_eq(part(p)->targets[0].name, "states");
        cr_expect(part(p)->targets[0].labels);
        cr_expect_eq(part(p)->targets[0].classes, 183);
    }
    cr_expect_eq(part(0)->count, 0);
    cr_expect_str_eq(part(1)->targets[1].name, "context");
    cr_expect(!part(1)->targets[1].labels);
    cr_expect_eq(part(1)->targets[1].width, 300);
    cr_assert_eq(dataset->class_count, 183);
    cr_expect_str_eq(dataset->class_names[0], "p00s0");
    cr_expect_str_eq(dataset->class_names[182], "p60s2");
    cr_assert_eq(dataset->truth_count, 1);
    cr_expect_str_eq(dataset->truths[0].name, "prototypes");
    cr_expect_eq(dataset->truths[0].dims[0], 183);
    cr_expect_eq(dataset->truths[0].dims[1], 41);
}

Test(generated_frames, has_the_form_that_options_ask_for)
{
    read_frames("phones=5", "states=1", "width=7", "differences=1", "embedding=0", "training_speakers=3",
                "validation_speakers=1", "test_speakers=2", "utterances=2", "length=4", "duration=1");
    expect_good();
    cr_expect_eq(part(1)->count, 24);
    cr_expect_eq(part(2)->count, 8);
    cr_expect_eq(part(3)->count, 16);
    cr_expect_eq(part(1)->features, 14);
    cr_expect_eq(part(1)->target_count, 1, "no context");
    cr_expect_eq(part(3)->targets[0].classes, 5);
    cr_expect_str_eq(dataset->class_names[4], "p4");
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

/* The phone that frame i is part of: [*begin, *end). A part of one utterance, of at least two states. */
static void phone_around(const ho_examples *e, int64_t states, int64_t i, int64_t *begin, int64_t *end)
{
#define STARTS(k) (label(e, k) % states == 0 && label(e, (k)-1) % states != 0)
    for (*begin = i; *begin > 0 && !STARTS(*begin);)
        --*begin;
    for (*end = i + 1; *end < e->count && !STARTS(*end);)
        ++*end;
#undef STARTS
}

Test(generated_frames, phones_go_through_their_states_in_order)
{
    read_frames("training_speakers=1", "utterances=1", "length=500", "duration=3");
    expect_good();
    const ho_examples *e = part(1);
    int64_t run = 1, phones = 1, seen[6] = {0};
    cr_expect_eq(label(e, 0) % 3, 0);
    for (int64_t i = 1; i <= e->count; i++) {
        if (i < e->count && label(e, i) == label(e, i - 1)) {
            run++;
            continue;
        }
        cr_assert_lt(run, 6, "a state lasts for 1 to 5 frames");
        seen[run]++;
        run = 1;
        if (i == e->count)
            break;
        phones += label(e, i) % 3 == 0;
        if (label(e, i) % 3)
            cr_assert_eq(label(e, i), label(e, i - 1) + 1, "frame %d", (int)i);
        else
            cr_assert_eq(label(e, i - 1) % 3, 2, "frame %d", (int)i);
    }
    cr_expect_eq(phones, 500);
    for (int k = 1; k <= 5; k++) /* 300 on average, deviation 15 */
        cr_expect_float_eq((double)seen[k], 300.0, 75.0, "%d states of %d frames", (int)seen[k], k);
}

Test(generated_frames, a_phone_has_few_successors)
{
    enum { PHONES = 20 };
    bool follows[PHONES][PHONES] = {{false}};
    int occurs[PHONES] = {0};
    read_frames("phones=20", "states=1", "duration=1", "training_speakers=1", "utterances=1", "length=5000",
                "successors=3");
    expect_good();
    const ho_examples *e = part(1);
    for (int64_t i = 1; i < e->count; i++)
        follows[label(e, i - 1)][label(e, i)] = true;
    for (int64_t i = 0; i < e->count; i++)
        occurs[label(e, i)]++;
    for (int p = 0; p < PHONES; p++) {
        int successors = 0;
        for (int q = 0; q < PHONES; q++)
            successors += follows[p][q];
        cr_expect(successors >= 1 && successors <= 3, "phone %d has %d", p, successors);
        cr_expect_gt(occurs[p], 0, "phone %d occurs", p);
    }
}

/* ---- frames ---------------------------------------------------------------------------------------------------- */

/* What frame i should be, by the labels around it. */
static double clean_number(const ho_examples *e, double coarticulation, int64_t i, int64_t j)
{
    int64_t begin, end;
    phone_around(e, 3, i, &begin, &end);
    const double own = prototype(label(e, i))[j];
    const double to_begin = (double)(i - begin) + 0.5, to_end = (double)(end - i) - 0.5,
                 half = 0.5 * (to_begin + to_end);
    const double near = fmin(to_begin, to_end);
    const int64_t neighbour = to_begin < to_end ? begin - 1 : end;
    if (neighbour < 0 || neighbour >= e->count || to_begin == to_end)
        return own;
    return own + coarticulation * (1.0 - near / half) * (prototype(label(e, neighbour))[j] - own);
}

Test(generated_frames, frames_lean_towards_the_neighbouring_phone)
{
    static const double shares[] = {0.0, 0.5, 1.0};
    for (int k = 0; k < 3; k++) {
        ho_dataset_free(dataset);
        read_frames(CLEAN, "training_speakers=1", "utterances=1", "length=60", "duration=3",
                    ho_arena_format(arena, "coarticulation=%g", shares[k]));
        expect_good();
        for (int64_t i = 0; i < part(1)->count; i++)
            for (int64_t j = 0; j < 41; j++)
                cr_assert_float_eq(number(part(1), i, j), clean_number(part(1), shares[k], i, j), 1e-6,
                                   "coarticulation %g, frame %d, number %d", shares[k], (int)i, (int)j);
    }
}

Test(generated_frames, differences_are_slopes_over_five_frames)
{
    read_frames("training_speakers=1", "utterances=1", "length=10", "width=6");
    expect_good();
    const ho_examples *e = part(1);
    const int64_t last = e->count - 1;
    cr_assert_eq(e->features, 18);
#define AT(i, j) number(e, (i) < 0 ? 0 : (i) > last ? last : (i), j)
    for (int64_t i = 0; i <= last; i++)
        for (int64_t j = 0; j < 12; j++)
            cr_assert_float_eq(number(e, i, j + 6),
                               (AT(i + 1, j) - AT(i - 1, j) + 2.0 * (AT(i + 2, j) - AT(i - 2, j))) / 10.0, 1e-6);
#undef AT
}

Test(generated_frames, prototypes_are_as_long_and_as_alike_as_asked)
{
    read_frames("separation=5", "shared=0.75", "phones=100", "width=200", "states=2", "length=5");
    expect_good();
    double squares = 0.0, alike = 0.0, unlike = 0.0;
    for (int p = 0; p < 100; p++)
        for (int j = 0; j < 200; j++) {
            const double a = prototype(2 * p)[j], b = prototype(2 * p + 1)[j], c = prototype((2 * p + 2) % 200)[j];
            squares += a * a / 100;
            alike += a * b / 100;
            unlike += a * c / 100;
        }
    cr_expect_float_eq(squares, 25.0, 1.5);
    cr_expect_float_eq(alike, 0.75 * 25.0, 1.5);
    cr_expect_float_eq(unlike, 0.0, 1.5);
}

/* ---- speakers --------------------------------------------------------------------------------------------------- */

/* One frame a phone, so that a speaker has as many frames as an utterance has phones: 50. */
#define BRIEF                                                                                               \
    "states=1", "duration=1", "utterances=1", "length=50", "coarticulation=0", "differences=0", "voices=2", \
        "training_speakers=4", "width=30"

static double offset(const ho_examples *e, int64_t frame, int64_t j, int64_t voice)
{
    return number(e, frame, j) - prototype(label(e, frame))[(j + voice) % 30];
}

Test(generated_frames, speakers_differ_by_an_offset_and_voices_by_their_place)
{
    double of_speaker[8], of_voice[2] = {0};
    read_frames(BRIEF, "noise=0", "voice=3", "speaker=0.25");
    expect_good();
    /* Four speakers of training, four of validation; voices take turns. */
    for (int s = 0; s < 8; s++) {
        const ho_examples *e = part(1 + s / 4);
        const int64_t first = s % 4 * 50;
        of_speaker[s] = offset(e, first, 7, s % 2);
        for (int64_t i = first; i < first + 50; i++)
            cr_assert_float_eq(offset(e, i, 7, s % 2), of_speaker[s], 1e-5, "speaker %d, frame %d", s, (int)i);
        of_voice[s % 2] += of_speaker[s] / 4.0;
    }
    cr_expect_gt(fabs(of_voice[0] - of_voice[1]), 0.5, "%g %g", of_voice[0], of_voice[1]);
    for (int s = 0; s < 8; s++) {
        cr_expect_float_eq(of_speaker[s], of_voice[s % 2], 1.0);
        for (int r = 0; r < s; r++) /* no speaker of one part is in another */
            cr_expect_gt(fabs(of_speaker[s] - of_speaker[r]), 1e-4, "speakers %d and %d", r, s);
    }
}

Test(generated_frames, noise_has_the_deviation_asked_for)
{
    read_frames(BRIEF, "noise=0.5", "voice=0", "speaker=0");
    expect_good();
    double sum = 0.0, squares = 0.0, with_validation = 0.0;
    for (int64_t i = 0; i < 200; i++)
        for (int64_t j = 0; j < 30; j++) {
            const double noise = offset(part(1), i, j, i / 50 % 2);
            sum += noise;
            squares += noise * noise;
            with_validation += noise * offset(part(2), i, j, i / 50 % 2);
        }
    cr_expect_float_eq(sum / 6000.0, 0.0, 0.03);
    cr_expect_float_eq(squares / 6000.0, 0.25, 0.02);
    cr_expect_float_eq(with_validation / 6000.0, 0.0, 0.02, "the parts have noise of their own");
}

/* ---- context --------------------------------------------------------------------------------------------------- */

static const double *context(int64_t i)
{
    return part(1)->targets[1].values + i * part(1)->targets[1].width;
}

static double distance(int64_t i, int64_t k)
{
    double squares = 0.0;
    for (int64_t e = 0; e < part(1)->targets[1].width; e++)
        squares += pow(context(i)[e] - context(k)[e], 2.0);
    return squares / (double)part(1)->targets[1].width;
}

Test(generated_frames, the_context_is_of_five_phones)
{
    read_frames("phones=4", "states=1", "duration=1", "training_speakers=1", "utterances=1", "length=800",
                "successors=3");
    expect_good();
    const ho_examples *e = part(1);
    int same = 0, other = 0;
    for (int64_t i = 3; i < 100; i++)
        for (int64_t k = i + 1; k < 797; k++) {
            double expected = 0.0;
            static const double shares[] = {0.0, 1.0 / 16, 0.25, 1.0, 0.25, 1.0 / 16, 0.0};
            for (int64_t o = -3; o <= 3; o++)
                if (label(e, i + o) != label(e, k + o))
                    expected += shares[o + 3] / 1.625;
            /* Two normal vectors differ by twice their mean square. */
            cr_assert_float_eq(distance(i, k), 2.0 * expected, 1e-12 + expected, "frames %d and %d", (int)i, (int)k);
            same += expected == 0.0;
            other += expected > 0.0;
        }
    cr_expect_gt(same, 20, "the test sees contexts that are alike");
    cr_expect_gt(other, 20);
}

/* Phones alternate, so that an utterance is known by its first one; what stands before it does not matter. */
Test(generated_frames, the_context_ends_with_the_utterance)
{
    enum { LENGTH = 6, UTTERANCES = 40 };
    int64_t example[2] = {-1, -1};
    read_frames("phones=2", "successors=1", "states=1", "duration=1", "training_speakers=1", "utterances=40",
                "length=6");
    expect_good();
    for (int64_t i = 0; i < UTTERANCES * LENGTH; i += LENGTH) {
        const int64_t first = label(part(1), i);
        example[first] = example[first] < 0 ? i : example[first];
        cr_expect_eq(distance(i, example[first]), 0.0, "begin of utterance %d", (int)(i / LENGTH));
        cr_expect_eq(distance(i + 5, example[first] + 5), 0.0, "end of utterance %d", (int)(i / LENGTH));
        cr_expect_gt(distance(i, i + 2), 0.1, "the border tells");
        cr_expect_gt(distance(i + 5, i + 3), 0.1);
    }
    cr_expect(example[0] >= 0 && example[1] >= 0);
}

Test(generated_frames, the_context_is_the_phone_s_and_of_mean_square_1)
{
    read_frames("training_speakers=1", "utterances=1", "length=200");
    expect_good();
    double squares = 0.0;
    for (int64_t i = 0; i < part(1)->count; i++) {
        int64_t begin, end;
        phone_around(part(1), 3, i, &begin, &end);
        cr_assert_eq(distance(begin, i), 0.0);
        for (int64_t e = 0; e < 300; e++)
            squares += context(i)[e] * context(i)[e] / (300.0 * (double)part(1)->count);
    }
    cr_expect_float_eq(squares, 1.0, 0.1);
}

/* ---- the same again --------------------------------------------------------------------------------------------- */

static uint64_t checksum(const ho_examples *e)
{
    uint64_t h = 1;
    for (int64_t i = 0; i < e->count * e->features; i++) {
        uint64_t bits;
        const double value = input(e, i);
        memcpy(&bits, &value, sizeof bits);
        h = (h ^ bits) * UINT64_C(0x100000001b3);
    }
    for (size_t t = 0; t < e->target_count; t++)
        for (int64_t i = 0; i < e->count * e->targets[t].width; i++) {
            uint64_t bits;
            memcpy(&bits, &e->targets[t].values[i], sizeof bits);
            h = (h ^ bits) * UINT64_C(0x100000001b3);
        }
    return h;
}

Test(generated_frames, depends_on_its_seed_alone)
{
    static const char *const seeds[] = {"seed=5", "seed=5", "seed=6"};
    uint64_t sums[3][4];
    for (int i = 0; i < 3; i++) {
        ho_dataset_free(dataset);
        read_frames(seeds[i], "training_speakers=3", "length=6");
        expect_good();
        for (int p = 1; p <= 3; p++)
            sums[i][p] = checksum(part(p));
    }
    for (int p = 1; p <= 3; p++) {
        cr_expect_eq(sums[0][p], sums[1][p], "part %d", p);
        cr_expect_neq(sums[0][p], sums[2][p], "part %d", p);
    }
    cr_expect_neq(sums[0][2], sums[0][3], "validation is not test");
}

Test(generated_frames, a_part_does_not_depend_on_the_others_sizes)
{
    read_frames("test_speakers=1", "length=6");
    expect_good();
    const uint64_t training = checksum(part(1)), validation = checksum(part(2));
    ho_dataset_free(dataset);
    read_frames("test_speakers=5", "length=6");
    expect_good();
    cr_expect_eq(checksum(part(1)), training);
    cr_expect_eq(checksum(part(2)), validation);
}

/* The labels come of whole numbers and exact products: the same on every machine. */
Test(generated_frames, draws_the_same_phones_everywhere)
{
    static const char *const expected[] = {"p45s0", "p45s1", "p45s2", "p47s0", "p47s1", "p47s2", "p23s0", "p23s1"};
    read_frames("seed=1", "length=4", "utterances=1");
    expect_good();
    int64_t frame = 0;
    for (int i = 0; i < 8; i++) {
        while (i && frame < part(1)->count && label(part(1), frame) == label(part(1), frame - 1))
            frame++;
        cr_expect_str_eq(dataset->class_names[label(part(1), frame)], expected[i], "state %d %s", i,
                         dataset->class_names[label(part(1), frame)]);
        frame++;
    }
}

/* ---- refusals -------------------------------------------------------------------------------------------------- */

Test(generated_frames, refuses_sizes_that_fit_no_memory)
{
    read_frames("training_speakers=10000", "utterances=10000", "length=10000");
    expect_refused("x.yaml:3:5", "training_speakers", "9000000000000 frames of 300 numbers");
}

Test(generated_frames, refuses_what_makes_no_data)
{
    static const char *const bad[] = {
        "phones=1",           "states=0",  "duration=0",    "width=0",      "voices=0",
        "coarticulation=1.5", "noise=-1",  "differences=3", "successors=0", "training_speakers=0",
        "embedding=-1",       "shared=nan"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char name[32];
        error = (ho_error){0};
        snprintf(name, sizeof name, "%.*s", (int)strcspn(bad[i], "="), bad[i]);
        read_frames(bad[i]);
        expect_refused("x.yaml:3:5", name);
    }
}
