/* Frames on disk, under a key of everything that they depend on. A file is used only if its key, its sizes and the
 * checksum at its end are right; otherwise it is ignored. */
#include "timit.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x316d697473656d61) /* differs in another byte order */

/* Upper limit of every size in a cache: keeps products of sizes within 64 bits. */
#define MOST (INT64_C(1) << 30)

/* ---- FNV-1a, 64 bits ---- */

#define START UINT64_C(0xcbf29ce484222325)

static uint64_t hash(uint64_t h, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    /* The analyzer cannot follow a struct's bytes; what is hashed has no padding. */
    for (size_t i = 0; i < size; i++)
        h = (h ^ bytes[i]) * UINT64_C(0x100000001b3); /* NOLINT(clang-analyzer-core.*) */
    return h;
}

static uint64_t hash_integer(uint64_t h, int64_t value)
{
    return hash(h, &value, sizeof value);
}

static uint64_t hash_text(uint64_t h, const char *text)
{
    return hash(h, text, strlen(text) + 1);
}

static uint64_t hash_file(uint64_t h, const timit_file *file)
{
    return hash(hash_integer(h, (int64_t)file->size), file->bytes, (size_t)file->size);
}

/* The context of frames is applied after the cache; dropped sentences show in the remaining ones. */
uint64_t timit_cache_key(const timit *t, const timit_corpus *corpus)
{
    const int64_t numbers[] = {t->rate,  t->window, t->hop,       t->filter_count,      t->differences,
                               t->delta, t->states, t->embedding, t->embedding_context, t->normalize};
    const double reals[] = {t->low, t->high, t->preemphasis};
    uint64_t h = hash_text(START, TIMIT_VERSION);
    h = hash(h, numbers, sizeof numbers);
    h = hash(h, reals, sizeof reals);
    for (int64_t i = 0; i < corpus->count; i++) {
        const timit_utterance *u = &corpus->utterances[i];
        h = hash_integer(hash_integer(h, u->part), u->speaker);
        h = hash_text(h, u->name);
        h = hash_file(hash_file(h, &u->audio), &u->alignment);
    }
    return h;
}

/* ---- location ---- */

/* The folder, ending with '/'. Returns 0: no cache. */
static int cache_folder(const timit *t, char path[PATH_MAX])
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (t->cache && strcmp(t->cache, "off") != 0)
        length = snprintf(path, PATH_MAX, "%s/", t->cache);
    else if (!t->cache && xdg && xdg[0] == '/')
        length = snprintf(path, PATH_MAX, "%s/hotool/", xdg);
    else if (!t->cache && home && home[0] == '/')
        length = snprintf(path, PATH_MAX, "%s/.cache/hotool/", home);
    return length > 0 && length < PATH_MAX;
}

static int cache_path(const timit *t, uint64_t key, const char *end, char path[PATH_MAX])
{
    char folder[PATH_MAX];
    if (!cache_folder(t, folder))
        return 0;
    const int length = snprintf(path, PATH_MAX, "%stimit-%016" PRIx64 "%s", folder, key, end);
    return length > 0 && length < PATH_MAX;
}

/* ---- contents ---- */

typedef struct header {
    uint64_t magic, key;
    int64_t utterances, frames, width, units, embedding;
} header;

typedef struct block {
    void *at;
    size_t size;
} block;

enum { BLOCKS = 5 };

/* The arrays in the order in which they follow the header. */
static void blocks_of(const timit_frames *f, block blocks[BLOCKS])
{
    const size_t frames = (size_t)f->frames;
    blocks[0] = (block){f->counts, (size_t)f->utterances * sizeof *f->counts};
    blocks[1] = (block){f->features, frames * (size_t)f->width * sizeof *f->features};
    blocks[2] = (block){f->states, frames * sizeof *f->states};
    blocks[3] = (block){f->unit_of, f->embedding ? frames * sizeof *f->unit_of : 0};
    blocks[4] = (block){f->vectors, (size_t)f->units * (size_t)f->embedding * sizeof *f->vectors};
}

static int sizes_legal(const header *h, uint64_t file_size)
{
    const int64_t sizes[] = {h->utterances, h->frames, h->width, h->units, h->embedding};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] < 0 || sizes[i] > MOST)
            return 0;
    timit_frames frames = {h->utterances, h->frames, h->width, h->units, h->embedding, NULL, NULL, NULL, NULL, NULL};
    block blocks[BLOCKS];
    uint64_t size = sizeof *h + sizeof(uint64_t);
    blocks_of(&frames, blocks);
    for (int i = 0; i < BLOCKS; i++)
        size += blocks[i].size;
    return size == file_size;
}

static ho_status allocate(ho_data *d, const header *h, timit_frames *f)
{
    *f = (timit_frames){h->utterances, h->frames, h->width, h->units, h->embedding, NULL, NULL, NULL, NULL, NULL};
    f->counts = ho_data_alloc(d, (uint64_t)h->utterances, sizeof *f->counts);
    f->features = ho_data_alloc(d, (uint64_t)(h->frames * h->width), sizeof *f->features);
    f->states = ho_data_alloc(d, (uint64_t)h->frames, sizeof *f->states);
    f->unit_of = ho_data_alloc(d, (uint64_t)h->frames, sizeof *f->unit_of);
    f->vectors = ho_data_alloc(d, (uint64_t)(h->units * h->embedding), sizeof *f->vectors);
    return f->counts && f->features && f->states && f->unit_of && f->vectors ? HO_OK : HO_FAILED;
}

static ho_status read_cache(ho_data *d, FILE *file, uint64_t key, timit_frames *frames, int *found)
{
    struct stat about;
    header h;
    block blocks[BLOCKS];
    if (fstat(fileno(file), &about) != 0 || !S_ISREG(about.st_mode) || fread(&h, sizeof h, 1, file) != 1 ||
        h.magic != MAGIC || h.key != key || !sizes_legal(&h, (uint64_t)about.st_size))
        return HO_OK;
    if (allocate(d, &h, frames) != HO_OK)
        return HO_FAILED;
    uint64_t sum = hash(START, &h, sizeof h), kept;
    blocks_of(frames, blocks);
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i].size && fread(blocks[i].at, blocks[i].size, 1, file) != 1)
            return HO_OK;
        sum = hash(sum, blocks[i].at, blocks[i].size);
    }
    *found = fread(&kept, sizeof kept, 1, file) == 1 && kept == sum;
    return HO_OK;
}

static int all_finite(const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return 0;
    return 1;
}

/* Whether the frames are usable, since the file may have been forged: all indices within bounds, all numbers finite, no
 * part empty. */
static int fit(const timit *t, const timit_corpus *corpus, const timit_frames *f)
{
    const int64_t classes = TIMIT_PHONES * t->states;
    int64_t first = 0, labelled[TIMIT_PARTS] = {0};
    if (f->utterances != corpus->count || f->width != timit_width(t) || f->embedding != t->embedding)
        return 0;
    for (int64_t i = 0; i < f->utterances; i++) {
        const int with_unit = f->embedding > 0 && corpus->utterances[i].part == TIMIT_TRAINING;
        if (f->counts[i] < 0 || f->counts[i] > f->frames - first)
            return 0;
        for (int64_t k = first; k < first + f->counts[i]; k++) {
            if (f->states[k] >= classes ||
                (with_unit && f->states[k] >= 0 && (f->unit_of[k] < 0 || f->unit_of[k] >= f->units)))
                return 0;
            labelled[corpus->utterances[i].part] += f->states[k] >= 0;
        }
        first += f->counts[i];
    }
    return first == f->frames && labelled[TIMIT_TRAINING] && labelled[TIMIT_VALIDATION] && labelled[TIMIT_TEST] &&
           all_finite(f->features, f->frames * f->width) && all_finite(f->vectors, f->units * f->embedding);
}

ho_status timit_cache_load(const timit *t, ho_data *d, const timit_corpus *corpus, uint64_t key, timit_frames *frames,
                           int *found)
{
    char path[PATH_MAX];
    struct stat about;
    *found = 0;
    /* Checked before opening: opening a FIFO would block. */
    if (!cache_path(t, key, ".cache", path) || stat(path, &about) != 0 || !S_ISREG(about.st_mode))
        return HO_OK;
    FILE *file = fopen(path, "rb");
    if (!file)
        return HO_OK;
    const ho_status status = read_cache(d, file, key, frames, found);
    fclose(file);
    *found = *found && fit(t, corpus, frames);
    if (!*found)
        *frames = (timit_frames){0};
    return status;
}

/* ---- writing ---- */

static void make_folders(const char *folder)
{
    char part[PATH_MAX];
    for (size_t i = 1; folder[i] && i < sizeof part; i++)
        if (folder[i] == '/') {
            memcpy(part, folder, i);
            part[i] = '\0';
            mkdir(part, 0777); /* if this fails, so will creating the file */
        }
}

static int write_cache(FILE *file, uint64_t key, const timit_frames *frames)
{
    const header h = {MAGIC, key, frames->utterances, frames->frames, frames->width, frames->units, frames->embedding};
    block blocks[BLOCKS];
    uint64_t sum = hash(START, &h, sizeof h);
    int good = fwrite(&h, sizeof h, 1, file) == 1;
    blocks_of(frames, blocks);
    for (int i = 0; i < BLOCKS && good; i++) {
        good = !blocks[i].size || fwrite(blocks[i].at, blocks[i].size, 1, file) == 1;
        sum = hash(sum, blocks[i].at, blocks[i].size);
    }
    return good && fwrite(&sum, sizeof sum, 1, file) == 1 && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

void timit_cache_store(const timit *t, uint64_t key, const timit_frames *frames)
{
    char folder[PATH_MAX], path[PATH_MAX], temporary[PATH_MAX];
    if (!cache_folder(t, folder) || !cache_path(t, key, ".cache", path) || !cache_path(t, key, ".XXXXXX", temporary))
        return;
    make_folders(folder);
    const int descriptor = mkstemp(temporary);
    if (descriptor < 0)
        return;
    FILE *file = fdopen(descriptor, "wb");
    if (!file)
        close(descriptor);
    int good = file && write_cache(file, key, frames);
    if (file)
        good = (fclose(file) == 0) && good;
    if (!good || rename(temporary, path) != 0)
        unlink(temporary);
}
