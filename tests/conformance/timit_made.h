/* For the tests of the reader of TIMIT: corpora that are made up, and reading them through the host. */
#ifndef TEST_TIMIT_MADE_H
#define TEST_TIMIT_MADE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "reading.h"

/* With a cache of its own. */
static inline void setup_timit(void)
{
    setup();
    cr_assert_eq(setenv("XDG_CACHE_HOME", folder, 1), 0);
}

/* ---- made-up corpora ------------------------------------------------------------------------------------------- */

enum { RIFF_HEADER = 44, NIST_HEADER = 1024 };

static inline void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static inline void put_le(uint8_t *to, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static inline void riff_header(uint8_t *b, uint32_t samples, uint32_t rate, uint32_t channels)
{
    memcpy(b, "RIFF....WAVEfmt ", 16);
    put_le(b + 4, 36 + 2 * samples, 4);
    put_le(b + 16, 16, 4);
    put_le(b + 20, 1, 2);
    put_le(b + 22, channels, 2);
    put_le(b + 24, rate, 4);
    put_le(b + 28, 2 * channels * rate, 4);
    put_le(b + 32, 2 * channels, 2);
    put_le(b + 34, 16, 2);
    memcpy(b + 36, "data", 4);
    put_le(b + 40, 2 * samples, 4);
}

static inline void nist_header(uint8_t *b, uint32_t samples, uint32_t rate, uint32_t channels)
{
    memset(b, ' ', NIST_HEADER);
    const int length = snprintf((char *)b, NIST_HEADER,
                                "NIST_1A\n   1024\nchannel_count -i %u\nsample_count -i %u\nsample_rate -i %u\n"
                                "sample_n_bytes -i 2\nsample_byte_format -s2 01\nsample_sig_bits -i 16\nend_head\n",
                                channels, samples, rate);
    b[length] = '\n';
}

/* Hums and noise that change from one tenth of a second to the next. */
static inline int16_t sample_at(uint64_t seed, uint32_t i)
{
    const uint64_t piece = i / 1600;
    const double low = 80 + 400 * ho_uniform(seed, 1, piece), high = 800 + 3000 * ho_uniform(seed, 2, piece);
    const double loud = 6000 * ho_uniform(seed, 3, piece), at = 6.283185307179586 * i / 16000;
    return (int16_t)lrint(loud * sin(low * at) + 0.4 * loud * sin(high * at) + 60 * ho_normal_number(seed, 4, i));
}

/* Audio of so many samples, without the last `cut` bytes of the file. */
static inline void put_audio(const char *name, uint64_t seed, uint32_t samples, uint32_t rate, uint32_t channels,
                             bool nist, size_t cut)
{
    const size_t header = nist ? NIST_HEADER : RIFF_HEADER;
    uint8_t *bytes = calloc(header + 2 * (size_t)samples + 1, 1);
    cr_assert_not_null(bytes);
    (nist ? nist_header : riff_header)(bytes, samples / channels, rate, channels);
    if (!nist)
        put_le(bytes + 40, 2 * samples, 4);
    for (uint32_t i = 0; i < samples; i++)
        put_le(bytes + header + 2 * i, (uint16_t)sample_at(seed, i), 2);
    put(name, bytes, header + 2 * (size_t)samples - cut);
    free(bytes);
}

static const char *const some_phones[] = {"h#", "sh", "iy", "hv", "ae", "dcl", "d", "ax-h", "zh", "eng"};

/* Random phones of 30 to 130 ms, up to `end`. */
static inline void put_alignment(const char *name, uint64_t seed, uint32_t end)
{
    FILE *file = fopen(path(name), "wb");
    cr_assert_not_null(file);
    for (uint32_t at = 0, i = 0; at < end; i++) {
        const uint32_t length = 480 + (uint32_t)(1600 * ho_uniform(seed, 5, i));
        const uint32_t next = end - at < length + 480 ? end : at + length;
        fprintf(file, "%u %u %s\n", at, next, some_phones[(int)(10 * ho_uniform(seed, 6, i))]);
        at = next;
    }
    fclose(file);
}

static inline void put_sentence(const char *stem, uint64_t seed, uint32_t samples, bool nist)
{
    put_audio(ho_arena_format(arena, "%s.wav", stem), seed, samples, 16000, 1, nist, 0);
    put_alignment(ho_arena_format(arena, "%s.phn", stem), seed, samples - 1000);
}

/* Speakers a and b (training), c, d: three sentences each; one is NIST SPHERE, one has names in capitals. */
static inline void put_corpus(void)
{
    for (uint64_t s = 0; s < 4; s++) {
        const char *speaker = ho_arena_format(arena, "%c", (int)('a' + s));
        cr_assert_eq(mkdir(path(speaker), 0777), 0);
        for (uint64_t k = 0; k < 3; k++) {
            const char *stem = ho_arena_format(arena, "%s/%s%d", speaker, k ? "sx" : "sa", (int)k + 1);
            put_sentence(stem, 10 * s + k, 16000 + 1777 * (uint32_t)k, s == 1 && k == 1);
        }
    }
    cr_assert_eq(rename(path("c/sx2.wav"), path("c/SX2.WAV")), 0);
    cr_assert_eq(rename(path("c/sx2.phn"), path("c/SX2.PHN")), 0);
}

static inline void put_one_speaker(const char *speaker, const char *alignment)
{
    cr_assert_eq(mkdir(path(speaker), 0777), 0);
    put_audio(ho_arena_format(arena, "%s/sx1.wav", speaker), (uint64_t)speaker[0], 1680, 16000, 1, false, 0);
    put_text(ho_arena_format(arena, "%s/sx1.phn", speaker), alignment);
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static inline bool is_list(const char *key)
{
    return strstr(key, "_speakers") || strcmp(key, "drop") == 0;
}

static inline void add_setting(ho_tree *map, const char *pair)
{
    char *key = ho_arena_strdup(arena, pair), *value = strchr(key, '=');
    *value++ = '\0';
    if (!is_list(key)) {
        ho_tree_append(map, scalar(key, value));
        return;
    }
    ho_tree *list = ho_tree_new(arena, HO_TREE_LIST, (ho_place){"x.yaml", 3, 5});
    list->key = key;
    for (char *rest = NULL, *item = strtok_r(value, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
        ho_tree_append(list, scalar(NULL, item));
    ho_tree_append(map, list);
}

static inline ho_dataset *read_settings(const char *const *pairs)
{
    ho_tree *map = ho_tree_new(arena, HO_TREE_MAP, (ho_place){"x.yaml", 2, 3});
    for (; *pairs; pairs++)
        add_setting(map, *pairs);
    ho_dataset_free(dataset);
    dataset = NULL;
    const ho_loaded *loaded = ho_registry_find(registry, HO_DATA, "timit", (ho_place){0}, &error);
    cr_assert_not_null(loaded, "%s", error.text);
    ho_instance *instance = ho_instance_new(loaded, "data", map, NULL, (ho_place){"x.yaml", 2, 3}, &error);
    dataset = instance ? ho_dataset_read(instance, &error) : NULL;
    ho_instance_free(instance);
    return dataset;
}

#define SPEAKERS         "training_speakers=a,b", "validation_speakers=c", "test_speakers=d"
#define FOLDER           ho_arena_format(arena, "folder=%s", folder)
#define read_these(...)  read_settings((const char *const[]){__VA_ARGS__, NULL})
#define read_made(...)   read_these(FOLDER, SPEAKERS, "embedding=12", __VA_ARGS__)
#define expect_good()    cr_assert_not_null(dataset, "%s", error.text)
#define expect_said(...) expect_said_((const char *const[]){__VA_ARGS__, NULL})

static inline void expect_said_(const char *const *parts)
{
    cr_assert_null(dataset);
    cr_assert_eq(error.status, HO_INVALID);
    for (; *parts; parts++)
        cr_expect_not_null(strstr(error.text, *parts), "\"%s\" should say \"%s\"", error.text, *parts);
}

#endif
