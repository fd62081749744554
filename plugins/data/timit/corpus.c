/* The TIMIT corpus on disk: a folder for each speaker with NAME.wav (or NAME.wav.wav) and NAME.phn for each sentence.
 */
#include "timit.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_AUDIO_BYTES     (UINT64_C(1) << 30)
#define MOST_ALIGNMENT_BYTES (UINT64_C(1) << 24)
#define MOST_SAMPLE          (INT64_C(1) << 40)

const char *const timit_phones[TIMIT_PHONES] = {
    "aa", "ae", "ah", "ao",  "aw",  "ax",  "ax-h", "axr", "ay", "b",  "bcl", "ch", "d",   "dcl", "dh", "dx",
    "eh", "el", "em", "en",  "eng", "epi", "er",   "ey",  "f",  "g",  "gcl", "h#", "hh",  "hv",  "ih", "ix",
    "iy", "jh", "k",  "kcl", "l",   "m",   "n",    "ng",  "nx", "ow", "oy",  "p",  "pau", "pcl", "q",  "r",
    "s",  "sh", "t",  "tcl", "th",  "uh",  "uw",   "ux",  "v",  "w",  "y",   "z",  "zh",
};

/* ---- files ---- */

/* An audio or alignment file of a speaker. */
typedef struct entry {
    char *name; /* of the file */
    size_t stem;
    int audio; /* 1: NAME.wav; 2: NAME.wav.wav, as some copies of the corpus call what they made of NAME.wav; else 0 */
} entry;

typedef struct entries {
    size_t count, capacity;
    entry *of;
} entries;

static int by_stem(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    const size_t shorter = a->stem < b->stem ? a->stem : b->stem;
    const int order = strncasecmp(a->name, b->name, shorter);
    if (order)
        return order;
    if (a->stem != b->stem)
        return a->stem < b->stem ? -1 : 1;
    return a->audio != b->audio ? a->audio - b->audio : strcmp(a->name, b->name);
}

static char *join(ho_data *d, const char *folder, const char *name)
{
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = ho_data_alloc(d, size, 1);
    if (path)
        snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* Lists the speakers there are, as far as they fit into one line. */
static ho_status no_speaker(const timit *t, ho_data *d, const char *path, const char *speaker, int reason)
{
    char list[512] = "";
    size_t length = 0;
    DIR *folder = reason == ENOENT ? opendir(t->folder) : NULL;
    for (struct dirent *e; folder && (e = readdir(folder));) {
        if (e->d_name[0] == '.' || strchr(e->d_name, '.') || length + strlen(e->d_name) + 8 > sizeof list)
            continue;
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", length ? ", " : "", e->d_name);
    }
    if (folder)
        closedir(folder);
    if (reason == ENOENT)
        return ho_data_fail(d, path, -1, "no speaker \"%s\"%s%s%s", speaker, length ? " (speakers: " : "", list,
                            length ? ")" : "");
    return ho_data_fail(d, path, -1, "the speaker's folder cannot be read: %s", strerror(reason));
}

static ho_status add_entry(ho_data *d, entries *list, const char *name, size_t stem, int audio)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 64;
        entry *grown = ho_data_alloc(d, capacity, sizeof *grown);
        if (!grown)
            return HO_FAILED;
        if (list->count)
            memcpy(grown, list->of, list->count * sizeof *grown);
        list->of = grown;
        list->capacity = capacity;
    }
    const size_t size = strlen(name) + 1;
    char *copy = ho_data_alloc(d, size, 1);
    if (!copy)
        return HO_FAILED;
    memcpy(copy, name, size);
    list->of[list->count++] = (entry){copy, stem, audio};
    return HO_OK;
}

static ho_status list_speaker(const timit *t, ho_data *d, const char *path, const char *speaker, entries *list)
{
    DIR *folder = opendir(path);
    if (!folder)
        return no_speaker(t, d, path, speaker, errno);
    ho_status status = HO_OK;
    for (struct dirent *e; status == HO_OK && (e = readdir(folder));) {
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || e->d_name[0] == '.')
            continue;
        int audio = strcasecmp(dot, ".wav") == 0;
        size_t stem = (size_t)(dot - e->d_name);
        if (audio && stem > 4 && strncasecmp(dot - 4, ".wav", 4) == 0) {
            audio = 2;
            stem -= 4;
        }
        if (audio || strcasecmp(dot, ".phn") == 0)
            status = add_entry(d, list, e->d_name, stem, audio);
    }
    closedir(folder);
    if (status == HO_OK && list->count)
        qsort(list->of, list->count, sizeof *list->of, by_stem);
    return status;
}

static int same_stem(const entry *a, const entry *b)
{
    return a->stem == b->stem && strncasecmp(a->name, b->name, a->stem) == 0;
}

/* Of NAME.wav and NAME.wav.wav, which follow each other, only the second stays. */
static ho_status drop_copies(ho_data *d, const char *path, entries *list, timit_corpus *corpus)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const entry *e = &list->of[i];
        if (i + 1 == list->count || e->audio != 1 || e[1].audio != 2 || !same_stem(e, e + 1)) {
            list->of[kept++] = *e;
            continue;
        }
        if (!corpus->copies++ && !(corpus->copy = join(d, path, e->name)))
            return HO_FAILED;
    }
    list->count = kept;
    return HO_OK;
}

/* Files come in pairs: the alignment (which sorts first) and the audio. */
static ho_status check_pairs(ho_data *d, const char *path, const entries *list)
{
    for (size_t i = 0; i < list->count;) {
        const entry *e = &list->of[i];
        size_t alike = 1;
        while (i + alike < list->count && same_stem(e, e + alike))
            alike++;
        const char *file = join(d, path, e->name);
        if (!file)
            return HO_FAILED;
        if (alike == 1)
            return ho_data_fail(d, file, -1, "there is no %.*s.%s beside it", (int)e->stem, e->name,
                                e->audio ? "phn with the phones" : "wav with the audio");
        if (alike > 2 || e->audio || !e[1].audio)
            return ho_data_fail(d, file, -1, "%s has the same name except for case", e[1].name);
        i += alike;
    }
    return HO_OK;
}

/* "sa" drops sa1 and sa2; "sa1" drops only sa1. */
static int drops(const char *word, const char *name, size_t stem)
{
    size_t letters = 0;
    while (letters < stem && (name[letters] < '0' || name[letters] > '9'))
        letters++;
    const size_t length = strlen(word);
    return (length == stem || length == letters) && strncasecmp(word, name, length) == 0;
}

static int is_dropped(const timit *t, int *used, const char *name, size_t stem)
{
    int dropped = 0;
    for (int64_t i = 0; i < t->drop.count; i++)
        if (drops(t->drop.of[i], name, stem))
            dropped = used[i] = 1;
    return dropped;
}

static ho_status read_pair(ho_data *d, const char *path, const entry *pair, timit_utterance *u)
{
    u->name = pair->name;
    u->alignment.path = join(d, path, pair[0].name);
    u->audio.path = join(d, path, pair[1].name);
    if (!u->alignment.path || !u->audio.path)
        return HO_FAILED;
    const ho_status status =
        ho_data_file(d, u->alignment.path, MOST_ALIGNMENT_BYTES, NULL, &u->alignment.bytes, &u->alignment.size);
    return status == HO_OK ? ho_data_file(d, u->audio.path, MOST_AUDIO_BYTES, NULL, &u->audio.bytes, &u->audio.size)
                           : status;
}

/* Makes room for the utterances of one speaker. */
static ho_status reserve(ho_data *d, timit_corpus *corpus, size_t more)
{
    const size_t count = (size_t)corpus->count;
    timit_utterance *grown = ho_data_alloc(d, count + more, sizeof *grown);
    if (!grown)
        return HO_FAILED;
    if (count)
        memcpy(grown, corpus->utterances, count * sizeof *grown);
    corpus->utterances = grown;
    return HO_OK;
}

static ho_status load_speaker(const timit *t, ho_data *d, int part, const char *speaker, int64_t number, int *used,
                              timit_corpus *corpus)
{
    entries list = {0};
    const char *path = join(d, t->folder, speaker);
    if (!path)
        return HO_FAILED;
    ho_status status = list_speaker(t, d, path, speaker, &list);
    if (status == HO_OK)
        status = drop_copies(d, path, &list, corpus);
    if (status == HO_OK && !list.count)
        return ho_data_fail(d, path, -1, "the speaker's folder has no sentence (a .wav and a .phn file)");
    if (status == HO_OK)
        status = check_pairs(d, path, &list);
    if (status == HO_OK)
        status = reserve(d, corpus, list.count / 2);
    for (size_t i = 0; status == HO_OK && i < list.count; i += 2) {
        if (is_dropped(t, used, list.of[i].name, list.of[i].stem))
            continue;
        timit_utterance *u = &corpus->utterances[corpus->count++];
        *u = (timit_utterance){.part = part, .speaker = number};
        status = read_pair(d, path, &list.of[i], u);
    }
    return status;
}

ho_status timit_corpus_load(const timit *t, ho_data *d, timit_corpus *corpus)
{
    int64_t number = 0;
    int *used = ho_data_alloc(d, (uint64_t)t->drop.count, sizeof *used);
    ho_status status = used ? HO_OK : HO_FAILED;
    char more[64];
    for (int part = TIMIT_TRAINING; part < TIMIT_PARTS; part++)
        for (int64_t i = 0; status == HO_OK && i < t->speakers[part].count; i++)
            status = load_speaker(t, d, part, t->speakers[part].of[i], number++, used, corpus);
    for (int64_t i = 0; status == HO_OK && i < t->drop.count; i++)
        if (!used[i])
            status = ho_data_fail(d, NULL, -1, "drop: no sentence is called \"%s\" (sa, sx and si are kinds)",
                                  t->drop.of[i]);
    snprintf(more, sizeof more, ", nor are %" PRId64 " others", corpus->copies - 1);
    if (status == HO_OK && corpus->copies)
        status = ho_data_note(d, "%s is not used%s: the copy that is called .wav.wav beside it is", corpus->copy,
                              corpus->copies > 1 ? more : "");
    return status;
}

/* Puts equal recordings together, in the corpus's order. */
static int by_content(const void *left, const void *right)
{
    const timit_utterance *a = *(const timit_utterance *const *)left, *b = *(const timit_utterance *const *)right;
    if (a->audio.size != b->audio.size)
        return a->audio.size < b->audio.size ? -1 : 1;
    const int order = memcmp(a->audio.bytes, b->audio.bytes, (size_t)a->audio.size);
    return order ? order : (a > b) - (a < b);
}

ho_status timit_recordings_check(ho_data *d, const timit_corpus *corpus)
{
    const timit_utterance **sorted = ho_data_alloc(d, (uint64_t)corpus->count, sizeof *sorted);
    if (!sorted)
        return HO_FAILED;
    for (int64_t i = 0; i < corpus->count; i++)
        sorted[i] = &corpus->utterances[i];
    qsort(sorted, (size_t)corpus->count, sizeof *sorted, by_content);
    for (int64_t i = 1; i < corpus->count; i++) {
        const timit_file *a = &sorted[i - 1]->audio, *b = &sorted[i]->audio;
        if (a->size == b->size && memcmp(a->bytes, b->bytes, (size_t)a->size) == 0)
            return ho_data_fail(d, b->path, -1, "is the same recording as %s%s", a->path,
                                sorted[i - 1]->speaker != sorted[i]->speaker ? "; two speakers cannot share a recording"
                                                                             : "");
    }
    return HO_OK;
}

/* ---- alignments ---- */

/* The number of edits between two short words. */
static size_t distance(const char *a, const char *b)
{
    size_t row[16], m = strlen(b);
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; *a; a++, i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t least = diagonal + (*a != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < least)
                least = row[j] + 1;
            if (row[j - 1] + 1 < least)
                least = row[j - 1] + 1;
            row[j] = least;
        }
    }
    return row[m];
}

static int32_t find_phone(const char *label)
{
    for (int32_t i = 0; i < TIMIT_PHONES; i++)
        if (strcmp(timit_phones[i], label) == 0)
            return i;
    return -1;
}

static const char *nearest_phone(const char *label)
{
    const char *best = timit_phones[0];
    for (int i = 1; i < TIMIT_PHONES; i++)
        if (distance(label, timit_phones[i]) < distance(label, best))
            best = timit_phones[i];
    return best;
}

/* A place in an alignment. */
typedef struct cursor {
    const uint8_t *bytes;
    int64_t at, end; /* of the line */
} cursor;

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (c->bytes[c->at] == ' ' || c->bytes[c->at] == '\t' || c->bytes[c->at] == '\r'))
        c->at++;
}

static int read_sample(cursor *c, int64_t *value)
{
    skip_blanks(c);
    const int64_t start = c->at;
    *value = 0;
    for (; c->at < c->end && c->bytes[c->at] >= '0' && c->bytes[c->at] <= '9'; c->at++) {
        *value = 10 * *value + (c->bytes[c->at] - '0');
        if (*value > MOST_SAMPLE)
            return 0;
    }
    return c->at > start;
}

static void read_label(cursor *c, char label[9])
{
    size_t length = 0;
    skip_blanks(c);
    while (c->at < c->end && c->bytes[c->at] > ' ' && c->bytes[c->at] < 127 && length < 8)
        label[length++] = (char)c->bytes[c->at++];
    label[length] = '\0';
    skip_blanks(c);
}

static ho_status read_segment(ho_data *d, const timit_utterance *u, cursor *c, timit_segment *s,
                              const timit_segment *before)
{
    const char *path = u->alignment.path;
    char label[9];
    const int numbers = read_sample(c, &s->begin) && read_sample(c, &s->end);
    if (numbers)
        read_label(c, label);
    if (!numbers || !label[0] || c->at < c->end)
        return ho_data_fail(d, path, s->byte, "line %" PRId64 ": expected \"BEGIN END PHONE\", in samples", s->line);
    s->phone = find_phone(label);
    if (s->phone < 0)
        return ho_data_fail(d, path, s->byte, "line %" PRId64 ": unknown phone \"%s\"; did you mean \"%s\"?", s->line,
                            label, nearest_phone(label));
    if (s->end <= s->begin)
        return ho_data_fail(d, path, s->byte,
                            "line %" PRId64 ": ends at sample %" PRId64 ", but begins at sample %" PRId64, s->line,
                            s->end, s->begin);
    if (before && s->begin < before->end)
        return ho_data_fail(d, path, s->byte,
                            "line %" PRId64 ": begins at sample %" PRId64 ", before line %" PRId64 " ends (%" PRId64
                            "): the phones overlap",
                            s->line, s->begin, before->line, before->end);
    if (s->end > u->sample_count)
        return ho_data_fail(d, path, s->byte,
                            "line %" PRId64 ": ends at sample %" PRId64 ", beyond the end of the audio (%" PRId64
                            " samples in %s)",
                            s->line, s->end, u->sample_count, u->audio.path);
    return HO_OK;
}

ho_status timit_alignment_read(ho_data *d, timit_utterance *u)
{
    const int64_t size = (int64_t)u->alignment.size;
    uint64_t lines = 1;
    for (int64_t i = 0; i < size; i++)
        lines += u->alignment.bytes[i] == '\n';
    timit_segment *segments = ho_data_alloc(d, lines, sizeof *segments);
    if (!segments)
        return HO_FAILED;
    int64_t count = 0, line = 0;
    const int marked = size >= 3 && memcmp(u->alignment.bytes, "\xef\xbb\xbf", 3) == 0; /* a byte order mark */
    for (int64_t at = marked ? 3 : 0; at < size;) {
        cursor c = {u->alignment.bytes, at, at};
        while (c.end < size && c.bytes[c.end] != '\n')
            c.end++;
        line++;
        skip_blanks(&c);
        segments[count] = (timit_segment){.line = line, .byte = at};
        at = c.end + 1;
        if (c.at == c.end)
            continue;
        const ho_status status = read_segment(d, u, &c, &segments[count], count ? &segments[count - 1] : NULL);
        if (status != HO_OK)
            return status;
        count++;
    }
    if (!count)
        return ho_data_fail(d, u->alignment.path, -1, "has no phones");
    u->segments = segments;
    u->segment_count = count;
    return HO_OK;
}

int64_t timit_segment_of(const timit *t, const timit_utterance *u, int64_t i, int64_t hint)
{
    const int64_t sample = t->hop * i + t->window / 2;
    int64_t s = hint < 0 ? 0 : hint;
    while (s < u->segment_count && u->segments[s].end <= sample)
        s++;
    return s < u->segment_count && u->segments[s].begin <= sample ? s : -1;
}

int64_t timit_frame_count(const timit *t, const timit_utterance *u)
{
    return u->sample_count < t->window ? 0 : (u->sample_count - t->window) / t->hop + 1;
}
