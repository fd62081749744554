/* Reads audio with libsndfile, from memory. The container is recognised by its first bytes. */
#include "timit.h"

#include <inttypes.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a file in memory, for libsndfile ---- */

typedef struct memory_file {
    const timit_file *file;
    sf_count_t at;
} memory_file;

static sf_count_t memory_size(void *user)
{
    const memory_file *m = user;
    return (sf_count_t)m->file->size;
}

static sf_count_t memory_seek(sf_count_t offset, int whence, void *user)
{
    memory_file *m = user;
    const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m->at : memory_size(user);
    if (offset >= -base && offset <= memory_size(user) - base)
        m->at = base + offset;
    return m->at;
}

static sf_count_t memory_read(void *to, sf_count_t count, void *user)
{
    memory_file *m = user;
    const sf_count_t left = memory_size(user) - m->at;
    const sf_count_t given = count < 0 ? 0 : count < left ? count : left;
    memcpy(to, m->file->bytes + m->at, (size_t)given);
    m->at += given;
    return given;
}

static sf_count_t memory_write(const void *from, sf_count_t count, void *user)
{
    (void)from, (void)count, (void)user;
    return 0;
}

static sf_count_t memory_tell(void *user)
{
    return ((const memory_file *)user)->at;
}

/* ---- completeness: libsndfile reads a truncated file as a shorter one ---- */

static uint64_t little_endian(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static ho_status truncated(ho_data *d, const timit_file *file, uint64_t at, uint64_t expected)
{
    return ho_data_fail(d, file->path, (int64_t)at,
                        "the audio is truncated: expected %" PRIu64 " more bytes, got %" PRIu64, expected,
                        file->size - at);
}

static ho_status wrong_rate(const timit *t, ho_data *d, const timit_file *file, uint64_t at, uint64_t rate)
{
    return ho_data_fail(d, file->path, (int64_t)at,
                        "expected %" PRId64 " samples per second (option \"rate\"), got %" PRIu64, t->rate, rate);
}

/* Checks the format chunk, whose contents begin at `at`: libsndfile uses the bits of a sample, not its bytes. */
static ho_status check_riff_format(const timit *t, ho_data *d, const timit_file *file, uint64_t at, uint64_t size)
{
    if (size < 16)
        return ho_data_fail(d, file->path, (int64_t)at, "the format chunk has %" PRIu64 " bytes, expected at least 16",
                            size);
    const uint8_t *b = file->bytes + at;
    const uint64_t coding = little_endian(b, 2), channels = little_endian(b + 2, 2), rate = little_endian(b + 4, 4);
    const uint64_t bytes = little_endian(b + 12, 2), bits = little_endian(b + 14, 2);
    if (rate != (uint64_t)t->rate)
        return wrong_rate(t, d, file, at + 4, rate);
    if (coding == 1 && bytes != channels * ((bits + 7) / 8))
        return ho_data_fail(d, file->path, (int64_t)at + 12,
                            "the format contradicts itself: %" PRIu64 " channels of %" PRIu64 " bits are not %" PRIu64
                            " bytes",
                            channels, bits, bytes);
    return HO_OK;
}

/* What programs write for the size of the audio where they write to a pipe. */
static int is_open_end(uint64_t size)
{
    return size == UINT32_MAX || size == 0x7ffff000;
}

static ho_status check_riff(const timit *t, ho_data *d, const timit_file *file)
{
    uint64_t at = 12;
    while (at + 8 <= file->size) {
        const uint64_t size = little_endian(file->bytes + at + 4, 4);
        const int data = memcmp(file->bytes + at, "data", 4) == 0;
        at += 8;
        if (data && is_open_end(size))
            return HO_OK; /* libsndfile then reads to the end */
        if (size > file->size - at)
            return truncated(d, file, at, size);
        if (data)
            return HO_OK;
        if (memcmp(file->bytes + at - 8, "fmt ", 4) == 0 && check_riff_format(t, d, file, at, size) != HO_OK)
            return HO_INVALID;
        at += size + (size & 1);
    }
    return ho_data_fail(d, file->path, (int64_t)file->size, "the file ends before its audio begins (no data chunk)");
}

/* The text after "NAME TYPE " in a NIST SPHERE header; NULL: there is none. */
static const char *nist_text(const char *header, const char *name, const char *type)
{
    const size_t length = strlen(name), of_type = strlen(type);
    for (const char *line = header; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && strncmp(line + length, type, of_type) == 0)
            return line + length + of_type;
        if (strncmp(line, "end_head", 8) == 0)
            break;
    }
    return NULL;
}

/* The integer of "NAME -i VALUE"; 0: there is none. */
static uint64_t nist_field(const char *header, const char *name)
{
    const char *text = nist_text(header, name, " -i ");
    return text ? strtoull(text, NULL, 10) : 0;
}

static ho_status check_nist(const timit *t, ho_data *d, const timit_file *file)
{
    char header[16385] = "";
    const size_t kept = file->size < sizeof header - 1 ? (size_t)file->size : sizeof header - 1;
    memcpy(header, file->bytes, kept);
    const uint64_t size = strtoull(header + 7, NULL, 10);
    if (size < 16 || size >= sizeof header)
        return ho_data_fail(d, file->path, 8, "the NIST SPHERE header has an invalid size");
    if (size > file->size)
        return truncated(d, file, 0, size);
    header[size] = '\0';
    const uint64_t samples = nist_field(header, "sample_count"), channels = nist_field(header, "channel_count");
    const uint64_t bytes = nist_field(header, "sample_n_bytes");
    if (!samples || !channels || !bytes || channels > 64 || bytes > 8 || samples > UINT64_C(1) << 40)
        return ho_data_fail(d, file->path, 0,
                            "the NIST SPHERE header lacks sample_count, channel_count or "
                            "sample_n_bytes, or they are out of range");
    const uint64_t rate = nist_field(header, "sample_rate");
    if (rate != (uint64_t)t->rate)
        return wrong_rate(t, d, file, 0, rate);
    const char *coding = nist_text(header, "sample_coding", " -s"), *end = coding ? strchr(coding, '\n') : NULL;
    const char *compressed = coding ? strstr(coding, "embedded-") : NULL;
    if (compressed && end && compressed < end)
        return ho_data_fail(
            d, file->path, coding - header,
            "the audio is compressed (%.*s), which libsndfile cannot read; unpack it first, for example with sph2pipe",
            (int)(end - compressed), compressed);
    if (samples * channels * bytes > file->size - size)
        return truncated(d, file, size, samples * channels * bytes);
    return HO_OK;
}

static ho_status check_container(const timit *t, ho_data *d, const timit_file *file)
{
    const uint8_t *b = file->bytes;
    if (file->size >= 12 && memcmp(b, "RIFF", 4) == 0 && memcmp(b + 8, "WAVE", 4) == 0)
        return check_riff(t, d, file);
    if (file->size >= 16 && memcmp(b, "NIST_1A", 7) == 0)
        return check_nist(t, d, file);
    return ho_data_fail(d, file->path, 0, "neither RIFF WAVE nor NIST SPHERE, by its first bytes");
}

/* ---- samples ---- */

static ho_status check_format(ho_data *d, const timit_file *file, const SF_INFO *info)
{
    if (info->channels != 1)
        return ho_data_fail(d, file->path, -1, "has %d channels, expected 1", info->channels);
    if (info->frames < 1)
        return ho_data_fail(d, file->path, -1, "has no samples");
    /* No encoding of libsndfile packs more than eight samples into a byte. */
    if ((uint64_t)info->frames > 8 * file->size)
        return ho_data_fail(d, file->path, -1, "the header claims %" PRId64 " samples in %" PRIu64 " bytes",
                            (int64_t)info->frames, file->size);
    return HO_OK;
}

static ho_status read_samples(ho_data *d, SNDFILE *sound, const SF_INFO *info, timit_utterance *u)
{
    float *samples = ho_data_alloc(d, (uint64_t)info->frames, sizeof *samples);
    if (!samples)
        return HO_FAILED;
    const sf_count_t count = sf_readf_float(sound, samples, info->frames);
    if (count != info->frames)
        return ho_data_fail(d, u->audio.path, -1, "the audio is truncated: expected %" PRId64 " samples, got %" PRId64,
                            (int64_t)info->frames, (int64_t)count);
    for (sf_count_t i = 0; i < count; i++)
        if (!isfinite(samples[i]))
            return ho_data_fail(d, u->audio.path, -1, "sample %" PRId64 " is not finite", (int64_t)i);
    u->samples = samples;
    u->sample_count = count;
    return HO_OK;
}

ho_status timit_audio_read(const timit *t, ho_data *d, timit_utterance *u)
{
    ho_status status = check_container(t, d, &u->audio);
    if (status != HO_OK)
        return status;
    SF_VIRTUAL_IO io = {memory_size, memory_seek, memory_read, memory_write, memory_tell};
    memory_file memory = {&u->audio, 0};
    SF_INFO info = {0};
    SNDFILE *sound = sf_open_virtual(&io, SFM_READ, &info, &memory);
    if (!sound)
        return ho_data_fail(d, u->audio.path, -1, "the audio cannot be read: %s", sf_strerror(NULL));
    status = check_format(d, &u->audio, &info);
    if (status == HO_OK)
        status = read_samples(d, sound, &info, u);
    sf_close(sound);
    return status;
}
