/* Files: whole reads, caps, gzip in every broken shape, atomic writes, folders. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/memory.h"

static char folder[] = "/tmp/hotool-file-XXXXXX";
static char path[200];
static ho_error error;
static uint8_t *bytes;
static uint64_t size;

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
}

/* Removes every file of the folder; returns how many there were. */
static int empty_folder(void)
{
    int count = 0;
    DIR *listing = opendir(folder);
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (entry->d_name[0] == '.')
            continue;
        char *name = ho_format("%s/%s", folder, entry->d_name);
        remove(name);
        free(name);
        count++;
    }
    closedir(listing);
    return count;
}

static void tear_down(void)
{
    ho_large_free(bytes);
    empty_folder();
    rmdir(folder);
}

TestSuite(file, .init = set_up, .fini = tear_down, .timeout = 20);

static void put(const void *content, size_t count)
{
    FILE *file = fopen(path, "wb");
    cr_assert_eq(fwrite(content, 1, count, file), count);
    fclose(file);
}

/* Packs `count` bytes as one gzip member. */
static size_t pack(const void *content, size_t count, uint8_t *packed, size_t room)
{
    z_stream z = {0};
    cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)content;
    z.avail_in = (uInt)count;
    z.next_out = packed;
    z.avail_out = (uInt)room;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t used = room - z.avail_out;
    deflateEnd(&z);
    return used;
}

static ho_status get(uint64_t most)
{
    ho_large_free(bytes);
    bytes = NULL;
    size = 0;
    error = (ho_error){0};
    return ho_file_read(path, most, &bytes, &size, &error);
}

static void expect_error(uint64_t most, const char *message)
{
    cr_assert_eq(get(most), HO_INVALID);
    char *whole = ho_format("%s: %s", path, message);
    cr_assert_str_eq(error.text, whole);
    free(whole);
    cr_assert_null(bytes);
}

Test(file, plain_files_with_a_zero_after_them)
{
    static const size_t sizes[] = {0, 1, 2, 4095, 4096, 4097, 300000};
    char *content = malloc(300000);
    for (size_t i = 0; i < 300000; i++)
        content[i] = (char)(i * 7 + 1);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        put(content, sizes[s]);
        cr_assert_eq(get(0), HO_OK, "%s", error.text);
        cr_assert_eq(size, sizes[s]);
        cr_assert_eq(memcmp(bytes, content, sizes[s]), 0);
        cr_assert_eq(bytes[size], 0);
    }
    free(content);
}

Test(file, cap_is_inclusive)
{
    put("0123456789", 10);
    cr_assert_eq(get(10), HO_OK);
    cr_assert_eq(size, 10);
    expect_error(9, "byte 9: more than the 9 bytes that are allowed");
    expect_error(1, "byte 1: more than the 1 bytes that are allowed");
}

Test(file, a_file_beyond_the_cap_takes_no_memory)
{
    const uint64_t cap = (uint64_t)1 << 40; /* more than there is: taking it would fail, or end the test */
    put("", 0);
    cr_assert_eq(truncate(path, (off_t)(cap + 1)), 0, "a file of holes");
    expect_error(cap, "byte 1099511627776: more than the 1099511627776 bytes that are allowed");
}

Test(file, what_is_no_regular_file)
{
    expect_error(0, "no such file");
    mkdir(path, 0777);
    expect_error(0, "is a folder, expected a file");
    rmdir(path);
    mkfifo(path, 0666);
    expect_error(0, "is not a regular file");
    cr_assert_not(ho_file_exists(path));
}

Test(file, gzip_by_content_with_several_members)
{
    static char content[100000];
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (char)(i * i >> 3);
    static uint8_t packed[250000];
    size_t first = pack(content, sizeof content, packed, sizeof packed);
    size_t both = first + pack("tail", 4, packed + first, sizeof packed - first);
    put(packed, both);
    cr_assert_eq(get(0), HO_OK, "%s", error.text);
    cr_assert_eq(size, sizeof content + 4);
    cr_assert_eq(memcmp(bytes, content, sizeof content), 0);
    cr_assert_eq(memcmp(bytes + sizeof content, "tail", 5), 0);
    cr_assert_eq(get(sizeof content + 4), HO_OK, "%s", error.text);
    expect_error(sizeof content + 3, "byte 100003: more than the 100003 bytes that are allowed");
    put(packed, pack("", 0, packed, sizeof packed));
    cr_assert_eq(get(0), HO_OK, "%s", error.text);
    cr_assert_eq(size, 0);
}

Test(file, gzip_bomb_stops_at_the_cap)
{
    char *zeros = calloc(1, 20 << 20);
    static uint8_t packed[100000];
    put(packed, pack(zeros, 20 << 20, packed, sizeof packed));
    free(zeros);
    expect_error(1 << 20, "byte 1048576: more than the 1048576 bytes that are allowed");
}

Test(file, gzip_cut_at_every_byte)
{
    uint8_t packed[300];
    size_t whole = pack("some words, some words, and some more words", 43, packed, sizeof packed);
    for (size_t cut = 2; cut < whole; cut++) {
        put(packed, cut);
        cr_assert_eq(get(0), HO_INVALID, "cut to %zu bytes", cut);
        cr_assert_not_null(strstr(error.text, "damaged gzip file: it ends too early"), "%s", error.text);
    }
}

Test(file, gzip_with_any_bit_of_data_or_sum_flipped)
{
    uint8_t packed[300];
    size_t whole = pack("some words, some words, and some more words", 43, packed, sizeof packed);
    for (size_t at = 10; at < whole; at++) {
        packed[at] ^= 16;
        put(packed, whole);
        cr_assert_eq(get(0), HO_INVALID, "byte %zu", at);
        packed[at] ^= 16;
    }
}

Test(file, gzip_with_something_after_it)
{
    uint8_t packed[300];
    size_t whole = pack("words", 5, packed, sizeof packed - 10);
    memcpy(packed + whole, "junk", 4);
    put(packed, whole + 4);
    char message[100];
    snprintf(message, sizeof message, "byte %zu: damaged gzip file: something follows the packed data", whole);
    expect_error(0, message);
}

Test(file, write_replaces_and_leaves_nothing_else)
{
    cr_assert_eq(ho_file_write(path, "first", 5, &error), HO_OK);
    chmod(path, 0600);
    cr_assert_eq(ho_file_write(path, "second one", 10, &error), HO_OK);
    cr_assert_eq(get(0), HO_OK);
    cr_assert_str_eq((char *)bytes, "second one");
    struct stat about;
    stat(path, &about);
    cr_assert_eq(about.st_mode & 0777, 0600, "the mode of the old file stays");
    cr_assert_eq(empty_folder(), 1);
}

/* Whoever has the old file open goes on reading the old content: it was never written into. */
Test(file, write_is_atomic)
{
    put("old", 3);
    FILE *reader = fopen(path, "rb");
    cr_assert_eq(ho_file_write(path, "new content", 11, &error), HO_OK);
    char content[20] = "";
    cr_assert_eq(fread(content, 1, sizeof content, reader), 3);
    cr_assert_str_eq(content, "old");
    fclose(reader);
}

/* All runs of an experiment read the same bytes; the time of a file does not matter. */
Test(file, what_changed_is_not_read_again)
{
    char content[20];
    for (size_t length = 0; length < sizeof content; length++) {
        char *name = ho_format("%s/%zu", folder, length);
        /* Before anything must stay; at first; unchanged; changed in the last byte, or longer. */
        for (int when = length ? 1 : 0; when < 4; when++) {
            memset(content, 'a', sizeof content);
            content[length ? length - 1 : 0] = when == 0 ? 'b' : when == 3 ? 'c' : 'a';
            if (when == 1)
                ho_files_stay();
            error = (ho_error){0};
            cr_assert_eq(ho_file_write(name, content, when == 3 && !length ? 1 : length, &error), HO_OK);
            ho_status status = ho_file_read(name, 0, &bytes, &size, &error);
            cr_expect_eq(status, when == 3 ? HO_INVALID : HO_OK, "%zu bytes, %d: %s", length, when, error.text);
            ho_large_free(bytes);
            bytes = NULL;
        }
        cr_expect(strstr(error.text, ": has changed since it was first read"), "%s", error.text);
        free(name);
    }
}

Test(file, reading_is_interrupted)
{
    volatile int interrupted = 0;
    ho_files_interrupt(&interrupted);
    put("words", 5);
    cr_assert_eq(get(0), HO_OK, "%s", error.text);
    interrupted = 1;
    ho_large_free(bytes);
    bytes = NULL;
    cr_expect_eq(get(0), HO_INTERRUPTED);
    cr_expect(strstr(error.text, "interrupted while ") && strstr(error.text, path), "%s", error.text);
}

/* Whatever the moment, exactly one of several creators gets the file, and it is whole. */
Test(file, create_succeeds_once)
{
    enum { WRITERS = 8, ROUNDS = 25 };
    for (int round = 0; round < ROUNDS; round++) {
        int gate[2], won = 0;
        cr_assert_eq(pipe(gate), 0);
        for (int i = 0; i < WRITERS; i++)
            if (fork() == 0) {
                char go;
                close(gate[1]);
                ssize_t none = read(gate[0], &go, 1); /* all begin when the pipe is closed */
                ho_status status = none == 0 ? ho_file_create(path, "whole", 5, &error) : HO_FAILED;
                _exit(status == HO_OK ? 0 : status == HO_INVALID ? 1 : 2);
            }
        close(gate[0]);
        close(gate[1]);
        for (int i = 0, state; i < WRITERS; i++) {
            cr_assert(wait(&state) > 0 && WIFEXITED(state) && WEXITSTATUS(state) < 2);
            won += WEXITSTATUS(state) == 0;
        }
        cr_assert_eq(won, 1, "%d of %d created the file", won, WRITERS);
        cr_assert_eq(get(0), HO_OK);
        cr_assert_str_eq((char *)bytes, "whole");
        ho_large_free(bytes);
        bytes = NULL;
        cr_assert_eq(unlink(path), 0);
    }
    cr_assert_eq(ho_file_create(path, "first", 5, &error), HO_OK);
    cr_assert_eq(ho_file_create(path, "second", 6, &error), HO_INVALID);
    cr_assert_not_null(strstr(error.text, "exists already"));
    cr_assert_eq(empty_folder(), 1);
}

Test(file, failed_write_keeps_the_target)
{
    char *deep = ho_format("%s/missing/file", folder);
    cr_assert_eq(ho_file_write(deep, "x", 1, &error), HO_FAILED);
    cr_assert_not_null(strstr(error.text, "missing/file: cannot be written: No such file"));
    free(deep);
    mkfifo(path, 0666);
    error = (ho_error){0};
    cr_assert_eq(ho_file_write(path, "x", 1, &error), HO_INVALID);
    struct stat about;
    stat(path, &about);
    cr_assert(S_ISFIFO(about.st_mode), "the FIFO was replaced");
    cr_assert_eq(empty_folder(), 1);
}

Test(file, folders_with_parents)
{
    char *deep = ho_format("%s/a/b//c/", folder), *middle = ho_format("%s/a/b", folder);
    cr_assert_eq(ho_folder_make(deep, &error), HO_OK, "%s", error.text);
    cr_assert_eq(ho_folder_make(deep, &error), HO_OK, "%s", error.text);
    struct stat about;
    cr_assert(stat(deep, &about) == 0 && S_ISDIR(about.st_mode));
    cr_assert_not(ho_file_exists(deep));
    put("x", 1);
    char *below = ho_format("%s/d", path);
    cr_assert_eq(ho_folder_make(below, &error), HO_INVALID);
    cr_assert_not_null(strstr(error.text, "a file has that name"), "%s", error.text);
    cr_assert(ho_file_exists(path));
    rmdir(deep);
    rmdir(middle);
    free(deep);
    free(middle);
    free(below);
}

static void expect_beside(const char *base, const char *name, const char *wanted)
{
    char *found = ho_path_beside(base, name);
    cr_assert_str_eq(found, wanted);
    free(found);
}

Test(file, paths_beside_a_file)
{
    expect_beside("configs/x.yaml", "data/y.npy", "configs/data/y.npy");
    expect_beside("x.yaml", "y.npy", "y.npy");
    expect_beside("/x.yaml", "y.npy", "/y.npy");
    expect_beside("configs/x.yaml", "/abs/y.npy", "/abs/y.npy");
    expect_beside("configs/x.yaml", "../y.npy", "configs/../y.npy");
}
