/* Files: whole reads with a cap, gzip by content, atomic writes. */
#define _GNU_SOURCE /* renameat2 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/log.h"
#include "base/memory.h"

/* Bytes being gathered. The buffer may hold one byte more than is allowed: only having that byte proves that there is
 * too much. A zero always fits after the last. */
typedef struct gather {
    const char *path;
    uint8_t *bytes;
    uint64_t size, capacity, allowed;
} gather;

static const volatile int *interrupt;

void ho_files_interrupt(const volatile int *flag)
{
    interrupt = flag;
}

ho_status ho_file_poll(const char *path, ho_error *error)
{
    if (interrupt && *interrupt)
        return ho_fail(error, HO_INTERRUPTED, "interrupted while %s was read", path);
    return HO_OK;
}

ho_status ho_file_wait(int fd, const char *who, ho_error *error)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    for (;;) {
        if (interrupt && *interrupt)
            return ho_fail(error, HO_INTERRUPTED, "interrupted while %s waited for data", who);
        /* Not for ever: the signal may have come just before. */
        const int ready = poll(&wanted, 1, 100);
        if (ready > 0)
            return HO_OK;
        if (ready < 0 && errno != EINTR)
            return ho_fail(error, HO_FAILED, "%s cannot wait for data: %s", who, strerror(errno));
    }
}

static ho_status too_much(const gather *g, ho_error *error)
{
    ho_fail(error, HO_INVALID, "%s: byte %" PRIu64 ": more than the %" PRIu64 " bytes that are allowed", g->path,
            g->allowed, g->allowed);
    return HO_INVALID;
}

/* Before every piece: makes room for at least one more byte; `hint` is the least capacity to try. */
static ho_status make_room(gather *g, uint64_t hint, ho_error *error)
{
    if (ho_file_poll(g->path, error) != HO_OK)
        return error->status;
    if (g->size > g->allowed)
        return too_much(g, error);
    if (g->size < g->capacity)
        return HO_OK;
    uint64_t wanted = g->capacity * 2 > hint ? g->capacity * 2 : hint < 4096 ? 4096 : hint;
    if (wanted > g->allowed + 1)
        wanted = g->allowed + 1;
    uint8_t *grown = ho_large_alloc(wanted + 1, 1, g->path, error);
    if (!grown)
        return HO_FAILED;
    if (g->size)
        memcpy(grown, g->bytes, g->size);
    ho_large_free(g->bytes);
    g->bytes = grown;
    g->capacity = wanted;
    return HO_OK;
}

/* What one call of read or zlib is given at most, between looks at the flag. */
static unsigned piece(uint64_t bytes)
{
    const unsigned most = 1u << 24;
    return bytes < most ? (unsigned)bytes : most;
}

static ho_status open_regular(const char *path, int *fd, ho_error *error)
{
    /* Without O_NONBLOCK, opening a FIFO would wait for a writer. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) {
        if (errno == ENOENT)
            return ho_fail(error, HO_INVALID, "%s: no such file", path);
        return ho_fail(error, ho_status_of(errno), "%s: cannot be opened: %s", path, strerror(errno));
    }
    struct stat about;
    const char *trouble = NULL;
    if (fstat(*fd, &about) != 0)
        trouble = strerror(errno);
    else if (S_ISDIR(about.st_mode))
        trouble = "is a folder, expected a file";
    else if (!S_ISREG(about.st_mode))
        trouble = "is not a regular file";
    if (trouble) {
        close(*fd);
        return ho_fail(error, HO_INVALID, "%s: %s", path, trouble);
    }
    return HO_OK;
}

static ho_status read_all(gather *g, int fd, uint64_t size, ho_error *error)
{
    if (size > g->allowed) /* before memory for it is taken */
        return too_much(g, error);
    while (true) {
        /* One byte more than the file has, so that the read that finds its end needs no larger buffer. */
        ho_status status = make_room(g, size + 1, error);
        if (status != HO_OK)
            return status;
        ssize_t got = read(fd, g->bytes + g->size, piece(g->capacity - g->size));
        if (got == 0)
            return HO_OK;
        if (got > 0)
            g->size += (uint64_t)got;
        else if (errno != EINTR)
            return ho_fail(error, HO_FAILED, "%s: byte %" PRIu64 ": %s", g->path, g->size, strerror(errno));
    }
}

static bool is_gzip(const uint8_t *bytes, uint64_t size)
{
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static ho_status torn(const char *path, uint64_t at, const char *reason, ho_error *error)
{
    return ho_fail(error, HO_INVALID, "%s: byte %" PRIu64 ": damaged gzip file: %s", path, at, reason);
}

/* How much a gzip file unpacks to: by its last four bytes, which are right for most. */
static uint64_t unpacked_size(const gather *packed)
{
    const uint8_t *end = packed->bytes + packed->size;
    uint64_t size = packed->size < 18 ? 0
                                      : (uint64_t)end[-4] | (uint64_t)end[-3] << 8 | (uint64_t)end[-2] << 16 |
                                            (uint64_t)end[-1] << 24;
    return size / 1032 > packed->size || size < packed->size / 2 ? packed->size * 4 : size + 1;
}

/* Once the first bytes are there: how many may follow. False: what there is will be refused. */
static bool allow_by_format(gather *g, ho_file_length *length)
{
    const uint64_t most = length(g->bytes, g->size);
    if (most < g->allowed)
        g->allowed = most;
    return most >= g->size;
}

/* Unpacks every member of `packed` into `g`. */
static ho_status unpack(const gather *packed, gather *g, z_stream *z, ho_file_length *length, ho_error *error)
{
    uint64_t hint = length ? HO_FILE_PEEK : unpacked_size(packed);
    uint64_t at = 0;
    while (true) {
        if (length && g->size >= HO_FILE_PEEK) {
            if (!allow_by_format(g, length))
                return HO_OK;
            length = NULL;
            hint = unpacked_size(packed);
        }
        if (make_room(g, hint, error) != HO_OK)
            return error->status;
        z->next_in = packed->bytes + at;
        z->avail_in = piece(packed->size - at);
        z->next_out = g->bytes + g->size;
        z->avail_out = piece(g->capacity - g->size);
        int result = inflate(z, Z_NO_FLUSH);
        at = (uint64_t)(z->next_in - packed->bytes);
        g->size = (uint64_t)(z->next_out - g->bytes);
        bool whole = at == packed->size;
        if (result == Z_STREAM_END && whole && g->size <= g->allowed)
            return HO_OK;
        if (result == Z_STREAM_END && !whole && !is_gzip(packed->bytes + at, packed->size - at))
            return torn(g->path, at, "something follows the packed data", error);
        if (result == Z_STREAM_END)
            inflateReset(z);
        else if (result == Z_MEM_ERROR)
            return ho_fail(error, HO_FAILED, "%s: out of memory while unpacking", g->path);
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return torn(g->path, at, z->msg ? z->msg : "not readable", error);
        else if (whole && z->avail_out > 0)
            return torn(g->path, at, "it ends too early", error);
    }
}

/* Deflate's own overhead is below 1/1024, so a larger gzip file unpacks to too much anyway. */
static uint64_t most_packed(uint64_t most)
{
    return most + most / 1024 + 4096;
}

static uint64_t limit(uint64_t most)
{
    const uint64_t ceiling = (uint64_t)1 << 60;
    return most == 0 ? (uint64_t)8 << 30 : most > ceiling ? ceiling : most;
}

/* Hands the gathered bytes over, or frees them. */
static ho_status hand_over(gather *g, ho_status status, uint8_t **bytes, uint64_t *size)
{
    if (status != HO_OK || !g->bytes) {
        ho_large_free(g->bytes);
        return status != HO_OK ? status : HO_FAILED;
    }
    g->bytes[g->size] = 0;
    *bytes = g->bytes;
    *size = g->size;
    return HO_OK;
}

/* ---- files that must not change ---------------------------------------------------------------------------------- */

static struct known {
    char *path;
    uint64_t sum;
} * known; /* lives as long as the process */
static size_t known_count, known_capacity;
static bool files_stay;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of what is known */

void ho_files_stay(void)
{
    files_stay = true;
}

/* Eight bytes at a time; the zero byte behind the last belongs to the buffer, but what follows it does not. */
static uint64_t sum_of(const uint8_t *bytes, uint64_t size)
{
    uint64_t sum = size, word;
    for (; size >= sizeof word; bytes += sizeof word, size -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        sum = (sum ^ word) * 0x9E3779B97F4A7C15U;
        sum ^= sum >> 29;
    }
    word = 0;
    memcpy(&word, bytes, size);
    return (sum ^ word) * 0x9E3779B97F4A7C15U;
}

static ho_status check_unchanged(const char *path, const uint8_t *bytes, uint64_t size, ho_error *error)
{
    const uint64_t sum = sum_of(bytes, size);
    pthread_mutex_lock(&mutex);
    size_t i = 0;
    while (i < known_count && strcmp(known[i].path, path) != 0)
        i++;
    if (i == known_count) {
        ho_grow((void **)&known, &known_capacity, known_count, sizeof *known);
        known[known_count++] = (struct known){ho_strdup(path), sum};
    }
    const bool same = known[i].sum == sum;
    pthread_mutex_unlock(&mutex);
    return same ? HO_OK : ho_fail(error, HO_INVALID, "%s: has changed since it was first read", path);
}

static bool same_time(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Reads what is open. Unless it is a file that grows, a change meanwhile would leave some of the old bytes and some of
 * the new. */
static ho_status read_open(gather *g, int fd, bool grows, ho_error *error)
{
    struct stat before, after;
    if (fstat(fd, &before) != 0)
        return ho_fail(error, HO_FAILED, "%s: %s", g->path, strerror(errno));
    if (read_all(g, fd, (uint64_t)before.st_size, error) != HO_OK || grows)
        return error->status;
    if (fstat(fd, &after) != 0 || !same_time(&before, &after))
        return ho_fail(error, HO_INVALID, "%s: changed while it was being read", g->path);
    return files_stay ? check_unchanged(g->path, g->bytes, g->size, error) : HO_OK;
}

ho_status ho_file_read_raw(const char *path, uint64_t most, uint8_t **bytes, uint64_t *size, ho_error *error)
{
    int fd;
    if (open_regular(path, &fd, error) != HO_OK)
        return error->status;
    uint8_t magic[2];
    bool packed = pread(fd, magic, 2, 0) == 2 && is_gzip(magic, 2);
    most = limit(most);
    gather g = {.path = path, .allowed = packed ? most_packed(most) : most};
    ho_status status = read_open(&g, fd, false, error);
    close(fd);
    return hand_over(&g, status, bytes, size);
}

ho_status ho_file_read_now(const char *path, uint64_t most, uint8_t **bytes, uint64_t *size, ho_error *error)
{
    int fd;
    if (open_regular(path, &fd, error) != HO_OK)
        return error->status;
    gather g = {.path = path, .allowed = limit(most)};
    ho_status status = read_open(&g, fd, true, error);
    close(fd);
    return hand_over(&g, status, bytes, size);
}

ho_status ho_file_unpack(const char *path, uint64_t most, ho_file_length *length, uint8_t **bytes, uint64_t *size,
                         ho_error *error)
{
    gather packed = {.path = path, .bytes = *bytes, .size = *size}, g = {.path = path, .allowed = limit(most)};
    if (!is_gzip(packed.bytes, packed.size))
        return HO_OK;
    z_stream z = {0};
    ho_status status = inflateInit2(&z, 16 + MAX_WBITS) == Z_OK
                           ? unpack(&packed, &g, &z, length, error)
                           : ho_fail(error, HO_FAILED, "%s: zlib cannot start", path);
    inflateEnd(&z);
    ho_large_free(packed.bytes);
    *bytes = NULL;
    return hand_over(&g, status, bytes, size);
}

ho_status ho_file_read(const char *path, uint64_t most, uint8_t **bytes, uint64_t *size, ho_error *error)
{
    ho_status status = ho_file_read_raw(path, most, bytes, size, error);
    return status == HO_OK ? ho_file_unpack(path, most, NULL, bytes, size, error) : status;
}

static ho_status cannot_write(const char *path, ho_error *error)
{
    return ho_fail(error, HO_FAILED, "%s: cannot be written: %s", path, strerror(errno));
}

ho_status ho_file_append(int fd, const char *path, const void *bytes, uint64_t size, ho_error *error)
{
    const uint8_t *at = bytes;
    struct stat before;
    const bool regular = fstat(fd, &before) == 0 && S_ISREG(before.st_mode);
    while (size) {
        ssize_t written = write(fd, at, piece(size));
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            cannot_write(path, error);
            if (regular && at != bytes && ftruncate(fd, before.st_size) != 0)
                ho_error_prefix(error, "%s: ends within a line", path);
            return error->status;
        }
        at += written;
        size -= (uint64_t)written;
    }
    return HO_OK;
}

/* Opens a new file next to `path`; *name is its name, to be freed. */
static ho_status open_beside(const char *path, mode_t mode, int *fd, char **name, ho_error *error)
{
    /* mkstemp would give the file a mode of its own instead of what the umask says. */
    int reason = EEXIST;
    for (unsigned attempt = 0; attempt < 1000 && reason == EEXIST; attempt++) {
        *name = ho_format("%s.%ld-%u.tmp", path, (long)getpid(), attempt);
        *fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (*fd >= 0)
            return HO_OK;
        reason = errno;
        free(*name);
    }
    errno = reason;
    cannot_write(path, error);
    return HO_FAILED;
}

/* The entry of a file in its folder is on the disk once the folder is. Some file systems cannot say so of a folder. */
static void sync_folder_of(const char *path)
{
    char *folder = ho_path_beside(path, ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

/* Where there are no hard links, an empty file of that name comes first. */
static int claim(const char *name, const char *path)
{
    if (link(name, path) == 0)
        return unlink(name);
    int fd = errno == EEXIST ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return fd >= 0 && close(fd) == 0 ? rename(name, path) : -1;
}

static ho_status write_whole(const char *path, bool fresh, mode_t mode, const void *bytes, uint64_t size,
                             ho_error *error)
{
    int fd;
    char *name;
    if (open_beside(path, mode, &fd, &name, error) != HO_OK)
        return error->status;
    ho_status status = ho_file_append(fd, path, bytes, size, error);
    if (status == HO_OK && fsync(fd) != 0)
        status = cannot_write(path, error);
    if (close(fd) != 0 && status == HO_OK)
        status = cannot_write(path, error);
    if (status == HO_OK && (fresh ? claim(name, path) : rename(name, path)) != 0)
        status = errno == EEXIST ? ho_fail(error, HO_INVALID, "%s: exists already", path) : cannot_write(path, error);
    if (status == HO_OK)
        sync_folder_of(path);
    else
        unlink(name);
    free(name);
    return status;
}

ho_status ho_file_write(const char *path, const void *bytes, uint64_t size, ho_error *error)
{
    if (ho_follows())
        return HO_OK;
    mode_t mode = 0666;
    struct stat about;
    if (stat(path, &about) == 0) {
        /* A rename would put a file in the place of a device. */
        if (!S_ISREG(about.st_mode))
            return ho_fail(error, HO_INVALID, "%s: cannot be written: it exists and is not a regular file", path);
        mode = about.st_mode & 0777;
    }
    return write_whole(path, false, mode, bytes, size, error);
}

ho_status ho_file_create(const char *path, const void *bytes, uint64_t size, ho_error *error)
{
    if (ho_follows())
        return HO_OK;
    return write_whole(path, true, 0666, bytes, size, error);
}

void ho_standard_streams(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        while (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) >= 0)
            ;
}

static ho_status make_one_folder(const char *path, ho_error *error)
{
    if (mkdir(path, 0777) == 0) {
        sync_folder_of(path);
        return HO_OK;
    }
    int reason = errno;
    struct stat about;
    if (stat(path, &about) != 0)
        return ho_fail(error, HO_FAILED, "%s: the folder cannot be made: %s", path, strerror(reason));
    if (!S_ISDIR(about.st_mode))
        return ho_fail(error, HO_INVALID, "%s: expected a folder, but a file has that name", path);
    return HO_OK;
}

ho_status ho_folder_make(const char *path, ho_error *error)
{
    if (ho_follows())
        return HO_OK;
    char *part = ho_strdup(path);
    ho_status status = HO_OK;
    for (char *at = part; *at && status == HO_OK; at++) {
        if (*at != '/' || at == part)
            continue;
        *at = '\0';
        status = make_one_folder(part, error);
        *at = '/';
    }
    if (status == HO_OK)
        status = make_one_folder(part, error);
    free(part);
    return status;
}

void ho_folder_remove(const char *path)
{
    DIR *dir = ho_follows() ? NULL : opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char *name = ho_format("%s/%s", path, entry->d_name);
        unlink(name);
        free(name);
    }
    if (dir && closedir(dir) == 0)
        rmdir(path);
}

/* False with errno: not done. */
static bool take_place(const char *fresh, const char *path)
{
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_EXCHANGE) == 0)
        return true;
    if (errno == ENOENT)
        return rename(fresh, path) == 0;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    char *old = ho_format("%s.old", path);
    ho_folder_remove(old);
    const bool done = rename(path, old) == 0 && rename(fresh, path) == 0;
    if (done)
        ho_folder_remove(old);
    free(old);
    return done;
}

ho_status ho_folder_replace(const char *fresh, const char *path, ho_error *error)
{
    if (ho_follows())
        return HO_OK;
    if (!take_place(fresh, path))
        return cannot_write(path, error);
    sync_folder_of(path);
    ho_folder_remove(fresh); /* which is now the old one */
    return HO_OK;
}

bool ho_file_exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && access(path, R_OK) == 0;
}

const char *ho_path_last(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *ho_path_beside(const char *base, const char *path)
{
    const char *slash = base ? strrchr(base, '/') : NULL;
    if (path[0] == '/' || !slash)
        return ho_strdup(path);
    return ho_format("%.*s/%s", (int)(slash - base), base, path);
}
