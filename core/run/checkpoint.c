#include "run/checkpoint.h"

#include <dirent.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#define MOST_BYTES ((uint64_t)64 << 30)
#define SHARE      50.0 /* of the time at most a SHARE-th goes into writing */

/* What a file begins with. The sum is of all that follows it. */
typedef struct head {
    char magic[8];
    unsigned char sum[32];
    uint64_t size; /* of the whole file */
    uint64_t lines;
} head;
static const char magic[8] = "hocheck1";

struct ho_checkpoints {
    char *folder;
    int64_t newest; /* number; 0: none */
    double seconds, written, took;
    int64_t steps, taken, written_at; /* written_at: steps taken then */
};

/* ---- the folder -------------------------------------------------------------------------------------------------- */

/* A checkpoint's number; 0: the name is not one's. */
static int64_t number_of(const char *name)
{
    const size_t digits = strspn(name, "0123456789");
    return digits > 0 && digits < 19 && !name[digits] ? strtoll(name, NULL, 10) : 0;
}

/* The greatest number of a checkpoint below `below`; 0: there is none. */
static int64_t newest_below(const ho_checkpoints *c, int64_t below)
{
    int64_t newest = 0;
    DIR *dir = opendir(c->folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const int64_t number = number_of(entry->d_name);
        newest = number < below && number > newest ? number : newest;
    }
    if (dir)
        closedir(dir);
    return newest;
}

static char *path_of(const ho_checkpoints *c, int64_t number)
{
    return ho_format("%s/%" PRId64, c->folder, number);
}

static void drop(const ho_checkpoints *c, int64_t number)
{
    char *path = path_of(c, number);
    unlink(path);
    free(path);
}

ho_checkpoints *ho_checkpoints_new(const char *folder, double seconds, int64_t steps)
{
    ho_checkpoints *c = ho_alloc(sizeof *c);
    *c = (ho_checkpoints){
        .folder = ho_format("%s/" HO_CHECKPOINTS, folder), .seconds = seconds, .steps = steps, .written = ho_seconds()};
    c->newest = newest_below(c, INT64_MAX);
    return c;
}

void ho_checkpoints_free(ho_checkpoints *c)
{
    if (!c)
        return;
    free(c->folder);
    free(c);
}

/* Files whose name is a number, or the others. */
static void remove_files(const ho_checkpoints *c, bool numbers)
{
    DIR *dir = opendir(c->folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && (number_of(entry->d_name) != 0) == numbers) {
            char *path = ho_format("%s/%s", c->folder, entry->d_name);
            unlink(path);
            free(path);
        }
    if (dir)
        closedir(dir);
}

void ho_checkpoints_remove(ho_checkpoints *c)
{
    if (ho_follows())
        return;
    remove_files(c, true);
    remove_files(c, false);
    rmdir(c->folder);
    c->newest = 0;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

bool ho_checkpoint_due(ho_checkpoints *c, int64_t taken)
{
    const double since = ho_seconds() - c->written;
    c->taken = taken;
    if (c->steps > 0 && taken - c->written_at >= c->steps)
        return !ho_follows();
    return !ho_follows() && since >= c->seconds && (c->seconds == 0 || since >= SHARE * c->took);
}

void ho_checkpoint_begin(ho_snapshot *snapshot)
{
    head none = {0};
    ho_snapshot_save(snapshot);
    HO_SNAPSHOT(snapshot, none);
}

static void sum_of(const ho_snapshot *s, unsigned char sum[32])
{
    const size_t from = offsetof(head, size);
    if (EVP_Digest(s->bytes + from, s->size - from, sum, NULL, EVP_sha256(), NULL) != 1)
        ho_out_of_memory(); /* there is no other reason */
}

ho_status ho_checkpoint_write(ho_checkpoints *c, ho_snapshot *snapshot, uint64_t lines, ho_error *error)
{
    const double begun = ho_seconds();
    head h = {.size = snapshot->size, .lines = lines};
    memcpy(h.magic, magic, sizeof magic);
    memcpy(snapshot->bytes, &h, sizeof h);
    sum_of(snapshot, h.sum);
    memcpy(snapshot->bytes, &h, sizeof h);
    char *path = path_of(c, c->newest + 1);
    ho_status status = ho_folder_make(c->folder, error);
    if (status == HO_OK)
        status = ho_file_write(path, snapshot->bytes, snapshot->size, error);
    if (status == HO_OK)
        drop(c, ++c->newest - 2);
    free(path);
    c->written = ho_seconds();
    c->written_at = c->taken;
    c->took = c->written - begun;
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* What is wrong with the checkpoint that was read; NULL: nothing. */
static const char *trouble_with(const ho_snapshot *s, uint64_t lines, head *h)
{
    unsigned char sum[32];
    if (s->size < sizeof *h)
        return "it ends too early";
    memcpy(h, s->bytes, sizeof *h);
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return "it is not a checkpoint of this hotool";
    if (h->size != s->size)
        return "it ends too early";
    sum_of(s, sum);
    if (memcmp(sum, h->sum, sizeof sum) != 0)
        return "its bytes are not those that were written";
    return h->lines > lines ? "metrics.jsonl is shorter than it was then" : NULL;
}

static bool read_one(const char *path, ho_snapshot *snapshot, uint64_t *lines, char **trouble)
{
    uint8_t *bytes = NULL;
    uint64_t size;
    ho_error unread = {0};
    head h;
    ho_snapshot_save(snapshot);
    if (ho_file_read_now(path, MOST_BYTES, &bytes, &size, &unread) != HO_OK) {
        *trouble = ho_format("%s; it is passed over", unread.text);
        return false;
    }
    ho_snapshot_pass(snapshot, bytes, size);
    ho_large_free(bytes);
    const char *what = trouble_with(snapshot, *lines, &h);
    if (what) {
        *trouble = ho_format("%s: this checkpoint is passed over: %s", path, what);
        return false;
    }
    *lines = h.lines;
    ho_snapshot_restore(snapshot);
    HO_SNAPSHOT(snapshot, h);
    return true;
}

bool ho_checkpoint_read(ho_checkpoints *c, ho_snapshot *snapshot, uint64_t *lines,
                        void (*pass_over)(void *context, const char *text), void *context)
{
    for (int64_t number = c->newest; number > 0; number = newest_below(c, number)) {
        char *path = path_of(c, number), *trouble = NULL;
        const bool whole = read_one(path, snapshot, lines, &trouble);
        if (trouble)
            pass_over(context, trouble);
        free(trouble);
        free(path);
        if (whole) {
            c->newest = number; /* those that are damaged are written over */
            return true;
        }
    }
    return false;
}
