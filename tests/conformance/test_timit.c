/* The reader of TIMIT, through the host: what comes out, against an independent computation, and its cache. The corpora
 * here are made up; the real sample is read where HOTOOL_DATA names its folder. */
#include <dirent.h>

#include "base/file.h"
#include "base/npy.h"

#include "timit_made.h"

TestSuite(timit, .init = setup_timit, .fini = teardown);

static const ho_target *target(int part, const char *name)
{
    const ho_examples *e = &dataset->parts[part];
    for (size_t i = 0; i < e->target_count; i++)
        if (strcmp(e->targets[i].name, name) == 0)
            return &e->targets[i];
    return NULL;
}

/* Every number of a data set in one. */
static uint64_t fingerprint(void)
{
    uint64_t h = 1;
    for (int p = 1; p <= 3; p++) {
        const ho_examples *e = &dataset->parts[p];
        for (int64_t i = 0; i < e->count * e->features; i++) {
            uint32_t bits;
            memcpy(&bits, &e->x32[i], sizeof bits);
            h = (h ^ bits) * UINT64_C(0x9E3779B97F4A7C15);
        }
        for (size_t t = 0; t < e->target_count; t++)
            for (int64_t i = 0; i < e->count * e->targets[t].width; i++) {
                uint64_t bits;
                memcpy(&bits, &e->targets[t].values[i], sizeof bits);
                h = (h ^ bits) * UINT64_C(0x9E3779B97F4A7C15);
            }
    }
    return h;
}

/* ---- what comes out -------------------------------------------------------------------------------------------- */

Test(timit, emits_three_parts_with_states_and_a_context_for_training_alone)
{
    put_corpus();
    read_made("cache=off");
    expect_good();
    /* Frames whose middle, 160 i + 200, lies before the alignment's end, 1000 samples before the audio's. */
    int64_t frames = 0;
    for (int64_t k = 0; k < 3; k++)
        for (int64_t i = 0; 160 * i + 400 <= 16000 + 1777 * k; i++)
            frames += 160 * i + 200 < 15000 + 1777 * k;
    for (int p = 1; p <= 3; p++) {
        cr_expect_eq(dataset->parts[p].count, p == 1 ? 2 * frames : frames);
        cr_expect_eq(dataset->parts[p].features, 123);
        cr_assert_not_null(target(p, "states"));
        cr_expect(target(p, "states")->labels);
        cr_expect_eq(target(p, "states")->classes, 183);
    }
    cr_assert_not_null(target(1, "context"));
    cr_expect_eq(target(1, "context")->width, 12);
    cr_expect_null(target(2, "context"));
    cr_expect_null(target(3, "context"));
    cr_assert_eq(dataset->class_count, 183);
    cr_expect_str_eq(dataset->class_names[0], "aa.0");
    cr_expect_str_eq(dataset->class_names[182], "zh.2");
}

Test(timit, labels_a_frame_by_the_third_of_the_phone_at_its_middle)
{
    /* Middles 200, 360, ..., 1480 of nine frames. h#: 0 to 540, thirds of 180; a gap to 700; aa: to 1300. */
    static const char alignment[] = "0 540 h#\r\n\n700 1300 aa\n";
    static const double states[] = {27 * 3 + 1, 27 * 3 + 2, 27 * 3 + 2, 0, 1, 2};
    put_one_speaker("a", alignment);
    put_one_speaker("b", alignment);
    put_one_speaker("c", alignment);
    read_these(FOLDER, "training_speakers=a", "validation_speakers=b", "test_speakers=c", "embedding=0", "cache=off");
    expect_good();
    cr_expect_eq(dataset->parts[1].target_count, 1);
    cr_assert_eq(dataset->parts[3].count, 6, "%d frames", (int)dataset->parts[3].count);
    for (int i = 0; i < 6; i++)
        cr_expect_eq(target(3, "states")->values[i], states[i], "frame %d", i);
}

Test(timit, makes_each_speaker_mean_0_and_deviation_1)
{
    put_corpus();
    read_made("cache=off");
    expect_good();
    const ho_examples *e = &dataset->parts[3];
    for (int64_t j = 0; j < e->features; j++) {
        double mean = 0, square = 0;
        for (int64_t i = 0; i < e->count; i++) {
            const double x = (double)e->x32[i * e->features + j];
            mean += x / (double)e->count;
            square += x * x / (double)e->count;
        }
        cr_expect_float_eq(mean, 0, 1e-5);
        cr_expect_float_eq(square, 1, 1e-4);
    }
}

Test(timit, joins_neighbouring_frames_and_repeats_the_ends)
{
    put_corpus();
    read_made("cache=off");
    expect_good();
    ho_dataset *alone = dataset;
    dataset = NULL;
    read_made("cache=off", "context=1");
    expect_good();
    const ho_examples *e = &dataset->parts[2], *of = &alone->parts[2];
    cr_assert_eq(e->features, 369);
    cr_assert_eq(e->count, of->count);
    cr_expect_arr_eq(e->x32, of->x32, 123 * sizeof(float));
    cr_expect_arr_eq(e->x32 + 123, of->x32, 2 * 123 * sizeof(float));
    cr_expect_arr_eq(e->x32 + 369 * 5, of->x32 + 123 * 4, 369 * sizeof(float));
    ho_dataset_free(alone);
}

Test(timit, drops_sentences_by_kind_and_by_name)
{
    put_corpus();
    read_made("cache=off");
    expect_good();
    const int64_t all = dataset->parts[3].count;
    read_made("cache=off", "drop=SA,sx3");
    expect_good();
    cr_expect_lt(dataset->parts[3].count, all / 2);
    const int64_t one = dataset->parts[3].count;
    read_made("cache=off", "drop=sx");
    expect_good();
    cr_expect_neq(dataset->parts[3].count, one);
    read_made("cache=off", "drop=sb");
    expect_said("x.yaml", "drop", "\"sb\"");
}

Test(timit, reads_nist_sphere_whatever_its_name)
{
    put_corpus();
    read_made("cache=off");
    expect_good();
    const uint64_t before = fingerprint();
    put_sentence("a/sx2", 1, 16000 + 1777, true);
    put_sentence("b/sx2", 11, 16000 + 1777, false);
    read_made("cache=off");
    expect_good();
    cr_expect_eq(fingerprint(), before);
}

/* The header that a program writes to a pipe, whose length it does not know. */
Test(timit, reads_audio_of_unknown_length_to_its_end)
{
    static const uint32_t unknown[] = {UINT32_MAX, 0x7ffff000};
    put_corpus();
    read_made("cache=off");
    expect_good();
    const uint64_t before = fingerprint();
    for (size_t i = 0; i < 2; i++) {
        FILE *file = fopen(path("a/sx2.wav"), "r+b");
        uint8_t size[4];
        cr_assert_not_null(file);
        put_le(size, unknown[i], 4);
        cr_assert(fseek(file, 4, SEEK_SET) == 0 && fwrite(size, 1, 4, file) == 4);
        cr_assert(fseek(file, 40, SEEK_SET) == 0 && fwrite(size, 1, 4, file) == 4);
        fclose(file);
        read_made("cache=off");
        expect_good();
        cr_expect_eq(fingerprint(), before, "%u", (unsigned)unknown[i]);
    }
}

Test(timit, passes_over_a_byte_order_mark)
{
    put_one_speaker("a", "0 540 h#\n540 1300 aa\n");
    put_one_speaker("b", "0 540 h#\n540 1300 aa\n");
    put_one_speaker("c", "0 540 h#\n540 1300 aa\n");
#define READ_THREE() \
    read_these(FOLDER, "training_speakers=a", "validation_speakers=b", "test_speakers=c", "embedding=1", "cache=off")
    READ_THREE();
    expect_good();
    const uint64_t before = fingerprint();
    put_text("b/sx1.phn", "\xef\xbb\xbf"
                          "0 540 h#\n540 1300 aa\n");
    READ_THREE();
    expect_good();
    cr_expect_eq(fingerprint(), before);
}

/* A copy of the corpus that has both the original audio and a RIFF file of it. */
Test(timit, uses_one_copy_of_audio_that_is_there_twice)
{
    put_corpus();
    read_made("cache=off");
    expect_good();
    const uint64_t before = fingerprint();
    cr_assert_eq(rename(path("c/SX2.WAV"), path("c/SX2.WAV.wav")), 0);
    read_made("cache=off");
    expect_good();
    cr_expect_eq(fingerprint(), before, "NAME.WAV.wav alone");
    cr_expect_eq(dataset->note_count, 0);
    put_audio("c/SX2.WAV", 99, 20000, 16000, 1, true, 0);
    read_made("cache=off");
    expect_good();
    cr_expect_eq(fingerprint(), before, "NAME.WAV.wav, not NAME.WAV");
    cr_assert_eq(dataset->note_count, 1);
    cr_expect(strstr(dataset->notes[0], "/c/SX2.WAV is not used: the copy that is called .wav.wav beside it is"), "%s",
              dataset->notes[0]);
    cr_assert_eq(unlink(path("c/SX2.PHN")), 0);
    read_made("cache=off");
    expect_said("/c/SX2.WAV.wav: ", "no SX2.phn");
}

Test(timit, gives_the_same_numbers_again)
{
    put_corpus();
    read_made("cache=off");
    expect_good();
    const uint64_t before = fingerprint();
    read_made("cache=off");
    expect_good();
    cr_expect_eq(fingerprint(), before);
}

/* ---- against numpy --------------------------------------------------------------------------------------------- */

/* Debian's numpy and scipy, which the independent computation needs. */
static bool reference_is_there(void)
{
    return system("/usr/bin/python3 -c 'import numpy, scipy' 2>/dev/null") == 0;
}

static void write_parts(void)
{
    for (int p = 1; p <= 3; p++) {
        const ho_examples *e = &dataset->parts[p];
        const int64_t x[] = {e->count, e->features}, c[] = {e->count, p == 1 ? target(p, "context")->width : 0};
        ho_npy_write_f32(path(ho_arena_format(arena, "x%d.npy", p)), 2, x, e->x32, &error);
        ho_npy_write_f64(path(ho_arena_format(arena, "s%d.npy", p)), 1, x, target(p, "states")->values, &error);
        if (p == 1)
            ho_npy_write_f64(path("c1.npy"), 2, c, target(p, "context")->values, &error);
        cr_assert_eq(error.status, HO_OK, "%s", error.text);
    }
}

static void compare_with_reference(const char *const *pairs)
{
    const char *tests = getenv("HOTOOL_TEST_PIPELINES");
    cr_assert_not_null(tests, "HOTOOL_TEST_PIPELINES is not set");
    write_parts();
    const char *command =
        ho_arena_format(arena, "/usr/bin/python3 %s/../conformance/timit_reference.py %s", tests, folder);
    for (; *pairs; pairs++)
        command = ho_arena_format(arena, "%s '%s'", command, *pairs);
    cr_expect_eq(system(command), 0, "the independent computation differs");
}

#define both(...)                                         \
    do {                                                  \
        const char *const pairs_[] = {__VA_ARGS__, NULL}; \
        read_settings(pairs_);                            \
        expect_good();                                    \
        compare_with_reference(pairs_);                   \
    } while (0)

Test(timit, agrees_with_numpy, .timeout = 120)
{
    if (!reference_is_there())
        cr_skip_test("SKIPPED: the independent computation needs Debian's python3-numpy and python3-scipy");
    put_corpus();
    both(FOLDER, SPEAKERS, "embedding=12");
}

Test(timit, agrees_with_numpy_under_other_options, .timeout = 120)
{
    if (!reference_is_there())
        cr_skip_test("SKIPPED: the independent computation needs Debian's python3-numpy and python3-scipy");
    put_corpus();
    both(FOLDER, SPEAKERS, "embedding=30", "embedding_context=2", "window=32", "hop=8", "mel=23", "low=64", "high=7600",
         "preemphasis=0.9", "differences=1", "delta=3", "context=2", "states=5", "normalize=false", "drop=sa");
}

static const char *real_folder(void)
{
    const char *data = getenv("HOTOOL_DATA");
    if (!data || !*data)
        cr_skip_test("SKIPPED: HOTOOL_DATA is not set: the TIMIT sample is needed");
    return ho_arena_format(arena, "folder=%s/timit", data);
}

#define REAL                                                                             \
    real_folder(),                                                                       \
        "training_speakers=dr1-fvmh0,dr1-mcpm0,dr2-faem0,dr3-madc0,dr4-maeb0,dr5-ftlg0," \
        "dr6-mbma1,dr8-fbcg1",                                                           \
        "validation_speakers=dr4-falr0,dr7-madd0", "test_speakers=dr2-marc0,dr6-fapb0"

Test(timit, counts_the_frames_of_the_real_sample, .timeout = 300)
{
    read_these(REAL);
    expect_good();
    cr_expect_eq(dataset->parts[1].count, 24318);
    cr_expect_eq(dataset->parts[2].count, 5811);
    cr_expect_eq(dataset->parts[3].count, 6151);
    cr_expect_eq(target(1, "context")->width, 300);
    const uint64_t before = fingerprint();
    read_these(REAL);
    expect_good();
    cr_expect_eq(fingerprint(), before);
}

Test(timit, agrees_with_numpy_on_the_real_sample, .timeout = 300)
{
    if (!reference_is_there())
        cr_skip_test("SKIPPED: the independent computation needs Debian's python3-numpy and python3-scipy");
    both(REAL, "drop=sa");
}

/* ---- the cache ------------------------------------------------------------------------------------------------- */

/* How many files the cache holds; the name of the last one. */
static int cached(char name[300])
{
    int count = 0;
    DIR *cache = opendir(path("hotool"));
    for (struct dirent *e; cache && (e = readdir(cache));)
        if (e->d_name[0] != '.') {
            snprintf(name, 300, "hotool/%s", e->d_name);
            count++;
        }
    if (cache)
        closedir(cache);
    return count;
}

static uint64_t fill_cache(char name[300])
{
    put_corpus();
    read_made("rate=16000");
    expect_good();
    cr_assert_eq(cached(name), 1);
    return fingerprint();
}

/* Frames that were computed again are written again. */
static bool is_rewritten(const char *name, uint64_t wanted)
{
    struct stat before, after;
    cr_assert_eq(stat(path(name), &before), 0);
    read_made("rate=16000");
    expect_good();
    cr_expect_eq(fingerprint(), wanted);
    cr_assert_eq(stat(path(name), &after), 0);
    return before.st_ino != after.st_ino;
}

Test(timit, gives_the_same_numbers_from_its_cache)
{
    char name[300];
    const uint64_t before = fill_cache(name);
    cr_expect_not(is_rewritten(name, before));
    /* The context of frames is no part of what is cached. */
    read_made("context=2");
    expect_good();
    cr_expect_eq(cached(name), 1);
}

Test(timit, makes_a_torn_cache_anew)
{
    char name[300];
    uint64_t size;
    uint8_t *bytes;
    const uint64_t before = fill_cache(name);
    cr_assert_eq(ho_file_read(path(name), 0, &bytes, &size, &error), HO_OK);
    /* Cut short at several places, too long, and one bit wrong: in the header, the counts, the frames, the checksum. */
    const size_t cuts[] = {0, 7, 60, (size_t)size / 2, (size_t)size - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        put(name, bytes, cuts[i]);
        cr_expect(is_rewritten(name, before), "cut at %zu", cuts[i]);
    }
    uint8_t *longer = calloc(size + 8, 1);
    memcpy(longer, bytes, size);
    put(name, longer, size + 8);
    free(longer);
    cr_expect(is_rewritten(name, before));
    const size_t flips[] = {0, 8, 16, 24, 32, 40, 48, 57, (size_t)size / 2, (size_t)size - 3};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        bytes[flips[i]] ^= 0x10;
        put(name, bytes, size);
        cr_expect(is_rewritten(name, before), "byte %zu", flips[i]);
        bytes[flips[i]] ^= 0x10;
    }
    ho_large_free(bytes);
}

/* Writes a cache with another number in it and the checksum that belongs to it. */
static void forge(const char *name, const uint8_t *bytes, size_t size, size_t at, const void *number)
{
    uint8_t *forged = malloc(size);
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    memcpy(forged, bytes, size);
    memcpy(forged + at, number, 4);
    for (size_t i = 0; i < size - 8; i++)
        sum = (sum ^ forged[i]) * UINT64_C(0x100000001b3);
    memcpy(forged + size - 8, &sum, 8);
    put(name, forged, size);
    free(forged);
}

Test(timit, makes_a_forged_cache_anew)
{
    char name[300];
    uint64_t size;
    uint8_t *bytes;
    int64_t sizes[5]; /* utterances, frames, width, units, embedding */
    const float nan = NAN, infinite = HUGE_VALF, one = 1.0f;
    const int32_t beyond = 61 * 3, far = 1 << 20;
    const uint64_t before = fill_cache(name);
    cr_assert_eq(ho_file_read(path(name), 0, &bytes, &size, &error), HO_OK);
    memcpy(sizes, bytes + 16, sizeof sizes);
    const size_t features = 56 + 8 * (size_t)sizes[0], states = features + 4 * (size_t)(sizes[1] * sizes[2]);
    const size_t units = states + 4 * (size_t)sizes[1], vectors = units + 4 * (size_t)sizes[1];
    const struct {
        size_t at;
        const void *number;
    } cases[] = {{features, &nan},  {features + 400, &infinite},
                 {vectors, &nan},   {vectors + 40, &infinite},
                 {states, &beyond}, {units, &far},
                 {16, &beyond},     {24, &far}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        forge(name, bytes, size, cases[i].at, cases[i].number);
        cr_expect(is_rewritten(name, before), "case %zu", i);
    }
    /* Unless it is a number that could have been computed: so the forging itself is right. */
    forge(name, bytes, size, features, &one);
    read_made("rate=16000");
    expect_good();
    cr_expect_neq(fingerprint(), before);
    ho_large_free(bytes);
}

Test(timit, does_not_use_a_stale_cache)
{
    char name[300];
    const uint64_t before = fill_cache(name);
    read_made("delta=3");
    expect_good();
    cr_expect_neq(fingerprint(), before);
    cr_expect_eq(cached(name), 2);
    /* The same sizes, one sample different. */
    put_sentence("d/sx2", 77, 16000 + 1777, false);
    read_made("rate=16000");
    expect_good();
    cr_expect_neq(fingerprint(), before);
    cr_expect_eq(cached(name), 3);
    /* A cache under another's name. */
    char command[600];
    snprintf(command, sizeof command,
             "cd %s/hotool && for f in *; do cp $f keep && for g in timit*; do cp keep $g; "
             "done; rm keep; break; done",
             folder);
    cr_assert_eq(system(command), 0);
    const uint64_t now = fingerprint();
    read_made("rate=16000");
    expect_good();
    cr_expect_eq(fingerprint(), now);
}

Test(timit, works_without_a_cache)
{
    char name[300];
    put_corpus();
    read_made("cache=off");
    expect_good();
    cr_expect_eq(cached(name), 0);
    put_text("file", "");
    read_made(ho_arena_format(arena, "cache=%s/file", folder));
    expect_good();
    read_made(ho_arena_format(arena, "cache=%s/hotool", folder));
    expect_good();
    cr_expect_eq(cached(name), 1);
}
