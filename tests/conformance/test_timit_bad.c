/* What the reader of TIMIT says of bad corpora: truncated or odd audio, wrong alignments, missing pairs, bad splits. */
#include "base/file.h"

#include "timit_made.h"

TestSuite(timit_bad, .init = setup_timit, .fini = teardown);

Test(timit_bad, truncated_audio)
{
    put_corpus();
    put_audio("b/sx3.wav", 1, 20000, 16000, 1, false, 1000);
    read_made("cache=off");
    expect_said("/b/sx3.wav: byte 44: ", "truncated", "expected 40000 more bytes", "got 39000");
    error = (ho_error){0};
    put_audio("b/sx3.wav", 1, 20000, 16000, 1, true, 2);
    read_made("cache=off");
    expect_said("/b/sx3.wav: byte 1024: ", "truncated", "expected 40000 more bytes", "got 39998");
    error = (ho_error){0};
    put_audio("b/sx3.wav", 1, 20000, 16000, 1, true, 40500);
    read_made("cache=off");
    expect_said("/b/sx3.wav: byte 0: ", "truncated");
}

Test(timit_bad, audio_cut_anywhere_in_its_header)
{
    put_corpus();
    for (size_t kept = 0; kept <= RIFF_HEADER; kept++) {
        error = (ho_error){0};
        put_audio("d/sa1.wav", 1, 100, 16000, 1, false, RIFF_HEADER + 200 - kept);
        read_made("cache=off");
        expect_said("/d/sa1.wav");
    }
}

/* Whatever a file holds: it is read, or its mistake is told. */
static void read_damaged(const char *name, uint64_t seed, size_t reach)
{
    uint64_t size;
    uint8_t *bytes;
    cr_assert_eq(ho_file_read(path(name), 0, &bytes, &size, &error), HO_OK);
    for (uint64_t i = 0; i < 300; i++) {
        const size_t at = (size_t)((double)(reach < size ? reach : size) * ho_uniform(seed, 1, i));
        const uint8_t kept = bytes[at];
        error = (ho_error){0};
        bytes[at] = (uint8_t)(256 * ho_uniform(seed, 2, i));
        put(name, bytes, size);
        read_these(FOLDER, "training_speakers=a", "validation_speakers=b", "test_speakers=c", "embedding=1",
                   "cache=off");
        cr_expect(dataset || (error.status == HO_INVALID && strstr(error.text, "timit")), "byte %zu: %s", at,
                  error.text);
        bytes[at] = kept;
    }
    put(name, bytes, size);
    ho_large_free(bytes);
}

Test(timit_bad, damaged_files_never_bring_it_down, .timeout = 120)
{
    put_one_speaker("a", "0 540 h#\n540 1300 aa\n");
    put_one_speaker("b", "0 540 h#\n540 1300 ax-h\n");
    put_one_speaker("c", "0 540 h#\n540 1300 zh\n");
    read_damaged("a/sx1.phn", 1, 100);
    read_damaged("b/sx1.wav", 2, RIFF_HEADER + 4);
    put_audio("b/sx1.wav", 1, 1680, 16000, 1, true, 0);
    read_damaged("b/sx1.wav", 3, 180);
}

Test(timit_bad, other_files_for_audio)
{
    put_corpus();
    put_text("c/sx3.wav", "fLaC and more of that kind");
    read_made("cache=off");
    expect_said("/c/sx3.wav: byte 0: ", "neither RIFF WAVE nor NIST SPHERE");
}

Test(timit_bad, another_rate_or_two_channels)
{
    put_corpus();
    put_audio("c/sa1.wav", 1, 16000, 8000, 1, false, 0);
    read_made("cache=off");
    expect_said("/c/sa1.wav: ", "expected 16000 samples per second", "got 8000");
    error = (ho_error){0};
    put_audio("c/sa1.wav", 1, 16000, 16000, 2, false, 0);
    read_made("cache=off");
    expect_said("/c/sa1.wav: ", "2 channels");
}

static void change(const char *name, size_t at, const void *with, size_t count)
{
    FILE *file = fopen(path(name), "r+b");
    cr_assert_not_null(file);
    cr_assert_eq(fseek(file, (long)at, SEEK_SET), 0);
    cr_assert_eq(fwrite(with, 1, count, file), count);
    fclose(file);
    error = (ho_error){0};
}

Test(timit_bad, formats_that_contradict_themselves)
{
    put_corpus();
    put_audio("c/sa1.wav", 1, 16000, 16000, 1, false, 0);
    change("c/sa1.wav", 34, "\x07", 1);
    read_made("cache=off");
    expect_said("/c/sa1.wav: byte 32: ", "1 channels of 7 bits are not 2 bytes");
    put_audio("c/sa1.wav", 1, 16000, 16000, 1, false, 0);
    change("c/sa1.wav", 24, "\0\0\0\0", 4);
    read_made("cache=off");
    expect_said("/c/sa1.wav: byte 24: ", "samples per second", "got 0");
    put_audio("c/sa1.wav", 1, 16000, 16000, 1, false, 0);
    change("c/sa1.wav", 16, "\x04", 1);
    read_made("cache=off");
    expect_said("/c/sa1.wav: byte 20: ", "the format chunk has 4 bytes");
    put_audio("c/sa1.wav", 1, 16000, 44100, 1, true, 0);
    error = (ho_error){0};
    read_made("cache=off");
    expect_said("/c/sa1.wav: ", "samples per second", "got 44100");
}

/* As the discs of the whole corpus have it. */
Test(timit_bad, compressed_sphere)
{
    static const char header[] = "NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i 20000\nsample_rate -i 16000\n"
                                 "sample_n_bytes -i 2\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n";
    put_corpus();
    put_audio("c/sa1.wav", 1, 5000, 16000, 1, true, 0);
    change("c/sa1.wav", 0, header, sizeof header - 1);
    read_made("cache=off");
    expect_said("/c/sa1.wav: byte ", "compressed (embedded-shorten-v2.00)", "unpack");
}

/* One speaker who goes by two names would be in two parts. */
Test(timit_bad, one_recording_twice)
{
    put_corpus();
    put_sentence("d/sx2", 12, 16000 + 1777 * 2, false); /* b/sx3 has the seed 12 and this length */
    read_made("cache=off");
    expect_said("/d/sx2.wav: ", "the same recording as ", "/b/sx3.wav", "two speakers");
    put_sentence("d/sx2", 1, 16000, false);
    put_sentence("d/sx4", 1, 16000, false);
    error = (ho_error){0};
    read_made("cache=off");
    expect_said("/d/sx4.wav: ", "the same recording as ", "/d/sx2.wav");
}

static void expect_bad_alignment(const char *text, const char *place, const char *reason)
{
    error = (ho_error){0};
    put_text("d/sx2.phn", text);
    read_made("cache=off");
    expect_said(place, reason);
}

Test(timit_bad, alignments)
{
    put_corpus();
    expect_bad_alignment("0 800 h#\n800 90000 aa\n",
                         "/d/sx2.phn: byte 9: line 2:", "beyond the end of the audio (17777");
    expect_bad_alignment("0 800 h#\n700 900 aa\n", "/d/sx2.phn: byte 9: line 2:", "before line 1 ends (800)");
    expect_bad_alignment("0 800 h#\n800 900 axx\n", "/d/sx2.phn: byte 9: line 2:", "\"axx\"; did you mean \"ax\"");
    expect_bad_alignment("0 800 h#\n800 900 averylonglabel\n", "line 2:", "BEGIN END PHONE");
    expect_bad_alignment("0 800 h#\n800 800 aa\n", "line 2:", "ends at sample 800, but begins at sample 800");
    expect_bad_alignment("0 800\n", "/d/sx2.phn: byte 0: line 1:", "BEGIN END PHONE");
    expect_bad_alignment("0 800 h# h#\n", "line 1:", "BEGIN END PHONE");
    expect_bad_alignment("0 99999999999999999999999 h#\n", "line 1:", "BEGIN END PHONE");
    expect_bad_alignment("-1 800 h#\n", "line 1:", "BEGIN END PHONE");
    expect_bad_alignment("\n \n", "/d/sx2.phn", "has no phones");
    expect_bad_alignment("", "/d/sx2.phn", "has no phones");
}

Test(timit_bad, missing_pairs)
{
    put_corpus();
    cr_assert_eq(unlink(path("c/sx3.phn")), 0);
    read_made("cache=off");
    expect_said("/c/sx3.wav: ", "no sx3.phn");
    error = (ho_error){0};
    put_text("c/sx3.phn", "0 800 h#\n");
    cr_assert_eq(unlink(path("c/SX2.WAV")), 0);
    read_made("cache=off");
    expect_said("/c/SX2.PHN: ", "no SX2.wav");
}

Test(timit_bad, names_that_differ_in_case_alone)
{
    put_corpus();
    put_sentence("d/SX2", 1, 16000, false);
    read_made("cache=off");
    expect_said("/d/", "except for case");
}

Test(timit_bad, a_speaker_in_two_parts)
{
    put_corpus();
    read_these(FOLDER, "training_speakers=a,b", "validation_speakers=c,b", "test_speakers=d");
    expect_said("x.yaml:3:5", "validation_speakers", "\"b\" is among the training_speakers too");
    error = (ho_error){0};
    read_these(FOLDER, "training_speakers=a,b", "validation_speakers=c", "test_speakers=TEST/DR1/A");
    expect_said("test_speakers", "\"TEST/DR1/A\" is among the training_speakers too");
    error = (ho_error){0};
    read_these(FOLDER, "training_speakers=a,a", "validation_speakers=c", "test_speakers=d");
    expect_said("training_speakers", "listed twice");
    error = (ho_error){0};
    read_these(FOLDER, "training_speakers=a", "validation_speakers=./b", "test_speakers=d");
    expect_said("validation_speakers", "plain path");
    error = (ho_error){0};
    read_these(FOLDER, "training_speakers=a", "validation_speakers=c/", "test_speakers=d");
    expect_said("validation_speakers", "plain path");
}

Test(timit_bad, empty_parts)
{
    put_corpus();
    read_these(FOLDER, "training_speakers=a,b", "validation_speakers=", "test_speakers=d");
    expect_said("x.yaml:3:5", "validation_speakers", "empty");
    error = (ho_error){0};
    read_made("cache=off", "drop=sa,sx");
    expect_said("training_speakers", "no frame");
    error = (ho_error){0};
    cr_assert_eq(mkdir(path("e"), 0777), 0);
    read_these(FOLDER, "training_speakers=a,b", "validation_speakers=e", "test_speakers=d", "cache=off");
    expect_said("/e: ", "no sentence");
}

Test(timit_bad, folders_that_are_not_there)
{
    put_corpus();
    read_these(FOLDER, "training_speakers=a,b", "validation_speakers=x", "test_speakers=d", "cache=off");
    expect_said("/x: ", "no speaker \"x\"", "a", "b");
    error = (ho_error){0};
    read_these("folder=/nonexistent", SPEAKERS);
    expect_said("x.yaml:3:5", "folder", "/nonexistent");
    error = (ho_error){0};
    put_text("file", "");
    read_these(ho_arena_format(arena, "folder=%s/file", folder), SPEAKERS);
    expect_said("/file/a: ", "Not a directory");
}

Test(timit_bad, options_that_do_not_fit)
{
    put_corpus();
    read_made("high=9000");
    expect_said("x.yaml:3:5", "high", "8000 Hz");
    error = (ho_error){0};
    read_made("low=5000", "high=5000");
    expect_said("low", "not below high");
    error = (ho_error){0};
    read_made("mel=200");
    expect_said("mel", "narrower", "512-point");
    error = (ho_error){0};
    read_these(FOLDER, SPEAKERS, "embedding=1000", "cache=off");
    expect_said("x.yaml", "embedding", "independent contexts", "embedding_context");
}
