/*
 * Loaded before the C library: the power goes, and what was not synced never reached the disk.
 *
 * POWER_LOSS_AT=N: the N-th change of a file or folder below POWER_LOSS_UNDER is the one that does not
 * happen any more. Everything that no fsync has settled is undone, and the process is killed. POWER_LOSS_LOSES
 * says what is lost: "all" (names too: what was created, renamed or removed since the folder was synced), "data" (names
 * reached the disk, the bytes of files did not) or "half" (of those bytes, the first half did). POWER_LOSS_DROPS=N: the
 * N-th fsync says that it has settled something, and has not.
 *
 * One thread, files that are appended to or cut: what hotool does to a run's folder.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEEN __attribute__((visibility("default")))
#define MOST 4096

/* A file that was opened to be written: a descriptor of ours, and how much of it is on the disk. */
static struct file {
    ino_t inode;
    int fd;
    off_t settled;
} files[MOST];
static size_t file_count;

/* A change of names, not yet settled. `saved`: a second name of what it has removed or replaced. */
typedef enum change_kind { CREATED = 1, RENAMED, REMOVED, MADE, EXCHANGED, UNMADE } change_kind;
static struct change {
    change_kind what;
    ino_t folder;
    char path[512], to[512], saved[80];
} changes[MOST];
static size_t change_count;

static long due, changed;     /* 0: never */
static long dropped, settles; /* the fsync that the disk lies about; 0: none */
static const char *under, *loses;
static char kept[64] = "/tmp/power_XXXXXX"; /* a folder for what was removed */

#define REAL(type, name, ...)         \
    static type (*real)(__VA_ARGS__); \
    if (!real)                        \
    *(void **)&real = dlsym(RTLD_NEXT, name)

static int real_rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    return real(from, to);
}

static int real_unlink(const char *path)
{
    REAL(int, "unlink", const char *);
    return real(path);
}

static int real_link(const char *from, const char *to)
{
    REAL(int, "link", const char *, const char *);
    return real(from, to);
}

static int real_mkdir(const char *path, mode_t mode)
{
    REAL(int, "mkdir", const char *, mode_t);
    return real(path, mode);
}

static int real_exchange(const char *from, const char *to)
{
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    return real(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
}

__attribute__((constructor)) static void begin(void)
{
    const char *when = getenv("POWER_LOSS_AT");
    under = getenv("POWER_LOSS_UNDER");
    loses = getenv("POWER_LOSS_LOSES");
    const char *lies = getenv("POWER_LOSS_DROPS");
    dropped = lies ? strtol(lies, NULL, 10) : 0;
    due = when && under && loses ? strtol(when, NULL, 10) : 0;
}

static bool watched(const char *path)
{
    const size_t length = under ? strlen(under) : 0;
    return due && strncmp(path, under, length) == 0 && (path[length] == '/' || !path[length]);
}

static ino_t inode_of(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? about.st_ino : 0;
}

static ino_t folder_of(const char *path)
{
    char folder[512];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    return inode_of(folder);
}

static void undo(const struct change *c)
{
    if (c->what == CREATED)
        real_unlink(c->path);
    else if (c->what == MADE)
        rmdir(c->path); /* nothing is counted any more */
    else if (c->what == RENAMED)
        real_rename(c->to, c->path);
    else if (c->what == EXCHANGED)
        real_exchange(c->to, c->path);
    else if (c->what == UNMADE)
        real_mkdir(c->path, 0777);
    if (*c->saved)
        real_rename(c->saved, c->what == RENAMED ? c->to : c->path);
}

static void lose_power(void)
{
    for (size_t i = 0; i < file_count; i++) {
        struct stat about;
        if (fstat(files[i].fd, &about) == 0 && about.st_size > files[i].settled) {
            const off_t lost = about.st_size - files[i].settled;
            if (ftruncate(files[i].fd, files[i].settled + (strcmp(loses, "half") == 0 ? lost / 2 : 0)) != 0)
                _exit(99);
        }
    }
    for (size_t i = change_count; strcmp(loses, "all") == 0 && i-- > 0;)
        undo(&changes[i]);
    kill(getpid(), SIGKILL);
    pause();
}

/* Before each change. */
static void count_down(void)
{
    if (due && ++changed == due) {
        due = 0;
        lose_power();
    }
}

static struct change *note(change_kind what, const char *path, const char *to)
{
    static struct change none;
    if (change_count == MOST)
        return &none;
    struct change *c = &changes[change_count++];
    *c = (struct change){.what = what, .folder = folder_of(to ? to : path)};
    snprintf(c->path, sizeof c->path, "%s", path);
    snprintf(c->to, sizeof c->to, "%s", to ? to : "");
    return c;
}

/* Keeps what is about to go. */
static void save(struct change *c, const char *path)
{
    static int number;
    if (!number && !mkdtemp(kept))
        _exit(99);
    snprintf(c->saved, sizeof c->saved, "%s/%d", kept, number++);
    if (real_link(path, c->saved) != 0)
        *c->saved = '\0';
}

static struct file *file_of(int fd)
{
    struct stat about;
    for (size_t i = 0; fstat(fd, &about) == 0 && i < file_count; i++)
        if (files[i].inode == about.st_ino)
            return &files[i];
    return NULL;
}

SEEN int open64(const char *path, int flags, ...)
{
    REAL(int, "open64", const char *, int, ...);
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    const bool watch = watched(path) && flags & (O_WRONLY | O_RDWR),
               creates = watch && flags & O_CREAT && !inode_of(path);
    if (creates)
        count_down();
    const int fd = real(path, flags, mode);
    struct stat about;
    if (fd >= 0 && creates)
        note(CREATED, path, NULL);
    if (fd >= 0 && watch && !file_of(fd) && file_count < MOST && fstat(fd, &about) == 0)
        files[file_count++] = (struct file){about.st_ino, fcntl(fd, F_DUPFD_CLOEXEC, 500), creates ? 0 : about.st_size};
    return fd;
}

SEEN ssize_t write(int fd, const void *bytes, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    if (due && file_of(fd))
        count_down();
    return real(fd, bytes, size);
}

static int settle(int fd)
{
    struct stat about;
    struct file *file = file_of(fd);
    if (!due || fstat(fd, &about) != 0)
        return 0;
    if (file)
        count_down();
    if (++settles == dropped)
        return 0;
    if (file)
        file->settled = about.st_size;
    size_t left = 0;
    for (size_t i = 0; S_ISDIR(about.st_mode) && i < change_count; i++)
        if (changes[i].folder != about.st_ino)
            changes[left++] = changes[i];
    change_count = S_ISDIR(about.st_mode) ? left : change_count;
    return 0; /* the real disk is left in peace */
}

SEEN int fsync(int fd)
{
    return settle(fd);
}

SEEN int fdatasync(int fd)
{
    return settle(fd);
}

SEEN int rename(const char *from, const char *to)
{
    if (watched(to)) {
        count_down();
        struct change *c = note(RENAMED, from, to);
        if (inode_of(to))
            save(c, to);
    }
    return real_rename(from, to);
}

SEEN int link(const char *from, const char *to)
{
    if (watched(to))
        count_down();
    const int failed = real_link(from, to);
    if (!failed && watched(to))
        note(CREATED, to, NULL);
    return failed;
}

SEEN int unlink(const char *path)
{
    if (watched(path) && inode_of(path)) {
        count_down();
        save(note(REMOVED, path, NULL), path);
    }
    return real_unlink(path);
}

SEEN int mkdir(const char *path, mode_t mode)
{
    const bool makes = watched(path) && !inode_of(path);
    if (makes)
        count_down();
    const int failed = real_mkdir(path, mode);
    if (makes && !failed)
        note(MADE, path, NULL);
    return failed;
}

SEEN int rmdir(const char *path)
{
    REAL(int, "rmdir", const char *);
    const bool removes = watched(path) && inode_of(path);
    if (removes)
        count_down();
    const int failed = real(path);
    if (removes && !failed)
        note(UNMADE, path, NULL);
    return failed;
}

/* Two folders are exchanged. */
SEEN int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    (void)from_folder, (void)to_folder, (void)flags;
    if (watched(to) && inode_of(to)) {
        count_down();
        note(EXCHANGED, from, to);
    }
    return real_exchange(from, to);
}
