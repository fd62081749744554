#undef _POSIX_C_SOURCE
#define _XOPEN_SOURCE 700 /* nftw, terminals; POSIX 2008 with it */
#include "cli_support.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/npy.h"
#include "base/rng.h"

extern char **environ;

static const char base_pipeline[] = "name: blobs\n"
                                    "seed: 3\n"
                                    "precision: f64\n"
                                    "data:\n"
                                    "  plugin: npy\n"
                                    "  inputs: x.npy\n"
                                    "  labels: y.npy\n"
                                    "  split: {train: 40, validation: 40, test: rest}\n"
                                    "  standardize: true\n"
                                    "model: {plugin: softmax}\n"
                                    "objective:\n"
                                    "  - {loss: cross_entropy, reduce: mean}\n"
                                    "  - {penalty: task_interaction, name: mtl}\n"
                                    "dynamics: {plugin: momentum, learning_rate: 0.2}\n"
                                    "steps: 15\n"
                                    "validation: {loss: cross_entropy, reduce: mean}\n"
                                    "hyperparameters:\n"
                                    "  mtl.A: {init: 0.0, constraint: nonnegative}\n"
                                    "  mtl.rho: {init: 0.01}\n"
                                    "hypergradient: {mode: reverse}\n"
                                    "outer: {plugin: adam, learning_rate: 0.01, iterations: 5}\n";

/* ---- memory and folder of a test --------------------------------------------------------------------------------- */

static void **kept;
static size_t kept_count, kept_capacity;
static char top[64]; /* holds the streams' files and the folder that tests stand in */

static void *keep(void *memory)
{
    cr_assert_not_null(memory, "no memory for another text");
    if (kept_count == kept_capacity) {
        kept_capacity = 2 * kept_capacity + 256;
        kept = realloc(kept, kept_capacity * sizeof *kept);
        cr_assert_not_null(kept);
    }
    kept[kept_count++] = memory;
    return memory;
}

const char *cli_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = keep(malloc((size_t)length + 1));
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

const char *cli_environment(const char *name)
{
    const char *value = getenv(name);
    cr_assert(value && *value, "%s is not set: run the tests through meson", name);
    return value;
}

void cli_enter(void)
{
    snprintf(top, sizeof top, "/tmp/hotool_cli_XXXXXX");
    cr_assert(mkdtemp(top), "%s: %s", top, strerror(errno));
    const char *work = cli_format("%s/work", top);
    cr_assert(mkdir(work, 0777) == 0 && chdir(work) == 0, "%s: %s", work, strerror(errno));
    cli_npy_blobs("x.npy", "y.npy", 0, BLOBS);
    cli_write("base.yaml", base_pipeline);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void cli_leave(void)
{
    if (*top)
        cr_expect(chdir("/") == 0 && nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, "%s cannot be removed", top);
    *top = '\0';
    while (kept_count > 0)
        free(kept[--kept_count]);
}

void cli_skip(const char *why)
{
    cli_leave();
    cr_skip_test("%s", why);
}

/* ---- children ---------------------------------------------------------------------------------------------------- */

#define MOST_ARGUMENTS 40

/* Starts hotool; its stderr is the file of that name, or `terminal`, a terminal's name, and so, `whole`, its stdout. */
static pid_t start(const char *terminal, bool whole, const char *first, va_list args)
{
    const char *argv[MOST_ARGUMENTS + 2] = {cli_environment("HOTOOL_BIN")};
    size_t count = 1;
    for (const char *arg = first; arg; arg = va_arg(args, const char *)) {
        cr_assert(count <= MOST_ARGUMENTS, "too many arguments");
        argv[count++] = arg;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 0, cli_exists("stdin") ? "stdin" : "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, whole ? terminal : cli_format("%s/stdout", top), flags, 0666);
    if (terminal)
        posix_spawn_file_actions_addopen(&actions, 2, terminal, O_RDWR | O_NOCTTY, 0);
    else
        posix_spawn_file_actions_addopen(&actions, 2, cli_format("%s/stderr", top), flags, 0666);
    pid_t child;
    int failed = posix_spawn(&child, argv[0], &actions, NULL, (char **)(void *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    cr_assert(failed == 0, "%s: %s", argv[0], strerror(failed));
    return child;
}

static int wait_for(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        cr_assert(errno == EINTR, "waitpid: %s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t cli_start(const char *first, ...)
{
    va_list args;
    va_start(args, first);
    pid_t child = start(NULL, false, first, args);
    va_end(args);
    return child;
}

cli_result cli_finish(pid_t child)
{
    int status = wait_for(child);
    return (cli_result){status, cli_read(cli_format("%s/stdout", top)), cli_read(cli_format("%s/stderr", top))};
}

bool cli_over(pid_t child)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

int cli_shell(const char *line)
{
    int state = system(cli_format("HOTOOL='%s'; %s", cli_environment("HOTOOL_BIN"), line));
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

cli_result cli_run(const char *first, ...)
{
    va_list args;
    va_start(args, first);
    pid_t child = start(NULL, false, first, args);
    va_end(args);
    return cli_finish(child);
}

static cli_result run_on_terminal(int columns, bool whole, const char *first, va_list args)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0, "no terminal: %s", strerror(errno));
    const char *name = ptsname(master);
    /* Open until the child has opened it too: its size would be forgotten. */
    int slave = open(name, O_RDWR | O_NOCTTY);
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    cr_assert(slave >= 0 && ioctl(slave, TIOCSWINSZ, &size) == 0, "%s: %s", name, strerror(errno));
    setenv("TERM", "xterm", 1);
    pid_t child = start(name, whole, first, args);
    close(slave);
    size_t length = 0, room = 1 << 16;
    char *text = keep(malloc(room));
    for (ssize_t got = 1; got > 0 && length<room - 1; length += got> 0 ? (size_t)got : 0)
        got = read(master, text + length, room - 1 - length); /* ends with EIO once the child is gone */
    text[length] = '\0';
    int status = wait_for(child);
    close(master);
    return (cli_result){status, whole ? text : cli_read(cli_format("%s/stdout", top)), text};
}

cli_result cli_run_on_terminal(int columns, const char *first, ...)
{
    va_list args;
    va_start(args, first);
    cli_result result = run_on_terminal(columns, false, first, args);
    va_end(args);
    return result;
}

cli_result cli_run_in_terminal(int columns, const char *first, ...)
{
    va_list args;
    va_start(args, first);
    cli_result result = run_on_terminal(columns, true, first, args);
    va_end(args);
    return result;
}

void cli_expect_done(cli_result result)
{
    cr_assert_eq(result.status, 0, "exit status %d\nstdout: %s\nstderr: %s", result.status, result.out, result.err);
}

void cli_expect_refused(const char *what, cli_result result, ...)
{
    cr_expect_eq(result.status, 2, "%s: exit status %d\nstderr: %s", what, result.status, result.err);
    const char *newline = strchr(result.err, '\n');
    cr_expect(newline && !newline[1], "%s: wanted is one line, this came: %s", what, result.err);
    cr_expect(strncmp(result.err, "hotool: ", 8) == 0, "%s: says nothing of hotool: %s", what, result.err);
    va_list pieces;
    va_start(pieces, result);
    for (const char *piece = va_arg(pieces, const char *); piece; piece = va_arg(pieces, const char *))
        cr_expect(strstr(result.err, piece), "%s: \"%s\" is missing from: %s", what, piece, result.err);
    va_end(pieces);
    cr_expect_str_empty(result.out, "%s: something on stdout: %s", what, result.out);
    cr_expect_not(cli_exists("runs"), "%s: a run folder was made", what);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

bool cli_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

const char *cli_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    cr_assert(file, "%s: %s", path, strerror(errno));
    size_t length = 0, room = 4096;
    char *text = malloc(room);
    for (size_t got = 1; text && got > 0; length += got) {
        if (length + 1 == room)
            text = realloc(text, room *= 2);
        got = text ? fread(text + length, 1, room - 1 - length, file) : 0;
    }
    fclose(file);
    keep(text);
    text[length] = '\0';
    return text;
}

void cli_write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    cr_assert(file, "%s: %s", path, strerror(errno));
    bool written = fwrite(bytes, 1, size, file) == size;
    cr_assert(fclose(file) == 0 && written, "%s: %s", path, strerror(errno));
}

void cli_write(const char *path, const char *text)
{
    cli_write_bytes(path, text, strlen(text));
}

static void replace(const char *path, const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    cr_assert(at && !strstr(at + 1, from), "%s: \"%s\" does not stand once in: %s", path, from, text);
    cli_write(path, cli_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from)));
}

void cli_pipeline(const char *path, const char *from, const char *to)
{
    replace(path, base_pipeline, from, to);
}

void cli_change(const char *path, const char *from, const char *to)
{
    replace(path, cli_read(path), from, to);
}

void cli_streamed(const char *path, const char *head, const char *outer)
{
    cli_write(path, cli_format("%s"
                               "model: softmax\n"
                               "objective:\n"
                               "  - {loss: cross_entropy}\n"
                               "  - {penalty: l2}\n"
                               "dynamics: {plugin: momentum, learning_rate: 0.05, momentum: 0.5}\n"
                               "steps: unbounded\n"
                               "batch: 10\n"
                               "stop: {every: 50}\n"
                               "hyperparameters:\n"
                               "  dynamics.learning_rate: {constraint: nonnegative}\n"
                               "  l2.rho: {init: 0.01, constraint: nonnegative}\n"
                               "hypergradient: forward\n"
                               "outer: {schedule: online, every: 20, %splugin: adam, learning_rate: 0.001}\n",
                               head, outer));
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

double cli_blob(int i, int f)
{
    uint64_t centre = (uint64_t)(i % CLASSES * FEATURES + f), own = (uint64_t)(i * FEATURES + f);
    return 0.5 * ho_normal_number(7, 1, centre) + ho_normal_number(7, 2, own);
}

void cli_npy(const char *path, const char *header, const void *bytes, size_t size)
{
    size_t length = strlen(header), padded = (10 + length + 1 + 63) / 64 * 64 - 10;
    char *file = keep(malloc(10 + padded + size));
    memcpy(file, "\x93NUMPY\x01\x00", 8);
    file[8] = (char)(padded & 0xff);
    file[9] = (char)(padded >> 8);
    memcpy(file + 10, header, length);
    memset(file + 10 + length, ' ', padded - length - 1);
    file[10 + padded - 1] = '\n';
    if (size > 0)
        memcpy(file + 10 + padded, bytes, size);
    cli_write_bytes(path, file, 10 + padded + size);
}

void cli_npy_blobs(const char *inputs, const char *labels, int first, int count)
{
    double x[BLOBS * FEATURES];
    int64_t y[BLOBS];
    for (int i = 0; i < count; i++) {
        y[i] = (first + i) % CLASSES;
        for (int f = 0; f < FEATURES; f++)
            x[i * FEATURES + f] = cli_blob(first + i, f);
    }
    cli_npy(inputs, cli_format("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }", count, FEATURES), x,
            (size_t)(count * FEATURES) * sizeof *x);
    cli_npy(labels, cli_format("{'descr': '<i8', 'fortran_order': False, 'shape': (%d,), }", count), y,
            (size_t)count * sizeof *y);
}

static unsigned char as_byte(double x)
{
    return (unsigned char)(x < -3 ? 0 : x > 3 ? 255 : 127.5 + 42.5 * x);
}

static void write_gzip(const char *path, const unsigned char *bytes, size_t size)
{
    gzFile file = gzopen(path, "wb");
    cr_assert(file && gzwrite(file, bytes, (unsigned)size) == (int)size && gzclose(file) == Z_OK, "%s", path);
}

void cli_idx_blobs(const char *inputs, const char *labels)
{
    unsigned char x[16 + BLOBS * FEATURES] = {0, 0, 8, 3, 0, 0, 0, BLOBS, 0, 0, 0, 3, 0, 0, 0, FEATURES / 3};
    unsigned char y[8 + BLOBS] = {0, 0, 8, 1, 0, 0, 0, BLOBS};
    for (int i = 0; i < BLOBS; i++) {
        y[8 + i] = (unsigned char)(i % CLASSES);
        for (int f = 0; f < FEATURES; f++)
            x[16 + i * FEATURES + f] = as_byte(cli_blob(i, f));
    }
    write_gzip(inputs, x, sizeof x);
    write_gzip(labels, y, sizeof y);
}

void cli_cifar_blobs(const char *path, int count)
{
    unsigned char *records = keep(calloc((size_t)count, 3073));
    for (int i = 0; i < count; i++) {
        records[i * 3073] = (unsigned char)(i % CLASSES);
        for (int j = 0; j < 3072; j++)
            records[i * 3073 + 1 + j] = as_byte(cli_blob(i, j % FEATURES));
    }
    cli_write_bytes(path, records, (size_t)count * 3073);
}

const double *cli_array(const char *path, int64_t count)
{
    ho_npy array;
    ho_error error = {0};
    cr_assert_eq(ho_npy_read(path, &array, &error), HO_OK, "%s", error.text);
    cr_assert(array.f64 && array.item_bytes == 8, "%s: is no f8", path);
    cr_assert_eq(array.count, count, "%s: %lld entries, wanted are %lld", path, (long long)array.count,
                 (long long)count);
    double *values = keep(malloc((size_t)count * sizeof *values));
    memcpy(values, array.f64, (size_t)count * sizeof *values);
    ho_npy_free(&array);
    return values;
}
