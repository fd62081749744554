/* Data sets are read once and shared, without a copy where that can be, and know the files they came from. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "host/data_cache.h"
#include "host/descriptor.h"

/* ---- a reader of one option each: a file or folder, and a number ---- */

typedef struct probe {
    const char *path;
    int64_t number;
} probe;

static ho_status (*body)(const probe *p, ho_data *d);
static int reads, inside, most_inside;

static ho_status create(ho_setup *u, void **self)
{
    probe *p = ho_setup_alloc(u, sizeof *p);
    p->path = ho_option_string(u, "path");
    p->number = ho_option_integer(u, "number");
    *self = p;
    return HO_OK;
}

static ho_status read_probe(void *self, ho_data *d)
{
    reads++;
    inside++;
    most_inside = inside > most_inside ? inside : most_inside;
    ho_status status = body(self, d);
    inside--;
    return status;
}

static const ho_option options[] = {
    {.name = "path", .type = HO_PATH, .doc = "read"},
    {.name = "number", .type = HO_INTEGER, .initial = "1", .doc = "emitted"},
};
static const ho_data_calls calls = {.struct_size = sizeof calls, .read = read_probe};

static char folder[] = "/tmp/hotool-data-XXXXXX";
static ho_arena *arena;
static ho_loaded loaded;
static ho_error error;
static const ho_place place = {"x.yaml", 4, 9};

static void start(void)
{
    static const ho_plugin plugin = {HO_PLUGIN_HEAD(HO_DATA), .name = "probe", .options = HO_TABLE(options),
                                     .calls = &calls, .create = create};
    arena = ho_arena_new();
    cr_assert_eq(ho_descriptor_read(&plugin, 0, "probe.so", arena, &loaded, &error), HO_OK, "%s", error.text);
    cr_assert_not_null(mkdtemp(folder));
}

static void stop(void)
{
    ho_arena_free(arena);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(host_data, .init = start, .fini = stop);

static const char *in_folder(const char *name)
{
    return ho_arena_format(arena, "%s/%s", folder, name);
}

static const char *put(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    return in_folder(name);
}

static ho_tree *settings(const char *path, const char *number)
{
    ho_tree *map = ho_tree_new(arena, HO_TREE_MAP, place);
    const char *const values[] = {path, number};
    for (int i = 0; i < 2; i++) {
        ho_tree *node = ho_tree_new(arena, HO_TREE_SCALAR, place);
        node->key = options[i].name;
        node->text = values[i];
        if (values[i])
            ho_tree_append(map, node);
    }
    return map;
}

static ho_dataset *read_dataset(const char *path)
{
    ho_instance *reader = ho_instance_new(&loaded, NULL, settings(path, NULL), NULL, place, &error);
    ho_dataset *dataset = reader ? ho_dataset_read(reader, &error) : NULL;
    ho_instance_free(reader);
    return dataset;
}

static ho_status emit(ho_data *d, uint32_t type, int64_t count, const void *values)
{
    ho_array x = {
        .struct_size = sizeof x, .role = HO_ROLE_INPUTS, .type = type, .rank = 1, .dims = {count}, .values = values};
    return ho_data_emit(d, 0, &x);
}

/* ---- copies ---- */

static const void *emitted;

static ho_status emits_its_memory(const probe *p, ho_data *d)
{
    float *values = ho_data_alloc(d, 100, sizeof *values);
    values[7] = (float)p->number;
    emitted = values;
    return emit(d, HO_ARRAY_F32, 100, values);
}

static ho_status emits_from_the_middle(const probe *p, ho_data *d)
{
    (void)p;
    float *values = ho_data_alloc(d, 100, sizeof *values);
    values[1] = 5;
    emitted = values + 1;
    return emit(d, HO_ARRAY_F32, 99, values + 1);
}

static ho_status emits_memory_of_its_own(const probe *p, ho_data *d)
{
    static float values[64];
    values[0] = (float)p->number;
    emitted = values;
    return emit(d, HO_ARRAY_F32, 64, values);
}

Test(host_data, values_in_memory_of_the_host_are_not_copied)
{
    body = emits_its_memory;
    ho_dataset *dataset = read_dataset(NULL);
    cr_assert_not_null(dataset, "%s", error.text);
    cr_expect_eq(dataset->parts[0].x32, emitted);
    cr_expect_eq(dataset->block_count, 1);
    cr_expect_eq(dataset->parts[0].x32[7], 1);
    ho_dataset_free(dataset);
}

Test(host_data, other_values_are_copied_and_aligned)
{
    ho_status (*const bodies[])(const probe *, ho_data *) = {emits_from_the_middle, emits_memory_of_its_own};
    for (int i = 0; i < 2; i++) {
        body = bodies[i];
        ho_dataset *dataset = read_dataset(NULL);
        cr_assert_not_null(dataset, "%s", error.text);
        cr_expect_neq(dataset->parts[0].x32, emitted);
        cr_expect_eq((uintptr_t)dataset->parts[0].x32 % 64, 0);
        cr_expect_eq(dataset->parts[0].x32[0], i == 0 ? 5 : 1);
        cr_expect_eq(dataset->block_count, 1, "what nothing lies in is freed");
        ho_dataset_free(dataset);
    }
}

/* ---- files ---- */

/* Reads through the host, the files in a folder one after the other. */
static ho_status reads_by_the_host(const probe *p, ho_data *d)
{
    const uint8_t *bytes;
    uint64_t size;
    struct stat about;
    cr_assert_eq(stat(p->path, &about), 0);
    ho_status status = HO_OK;
    if (!S_ISDIR(about.st_mode))
        status = ho_data_file(d, p->path, 0, NULL, &bytes, &size);
    for (int i = 0; i < 2 && S_ISDIR(about.st_mode) && status == HO_OK; i++)
        status = ho_data_file(d, in_folder(i ? "sub/a" : "sub/b"), 0, NULL, &bytes, &size);
    return status == HO_OK ? emits_its_memory(p, d) : status;
}

static ho_status reads_by_itself(const probe *p, ho_data *d)
{
    FILE *file = fopen(p->path, "r");
    cr_assert(file && fgetc(file) == 'a');
    fclose(file);
    return emits_its_memory(p, d);
}

static ho_status reads_while_it_changes(const probe *p, ho_data *d)
{
    ho_status status = reads_by_the_host(p, d);
    put("abc", "abcd");
    return status;
}

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; /* FIPS 180-4 */

Test(host_data, checksums_are_those_of_the_bytes_read)
{
    ho_status (*const bodies[])(const probe *, ho_data *) = {reads_by_the_host, reads_by_itself};
    for (int i = 0; i < 2; i++) {
        body = bodies[i];
        ho_dataset *dataset = read_dataset(put("abc", "abc"));
        cr_assert_not_null(dataset, "%s", error.text);
        cr_assert_eq(dataset->files.count, 1);
        cr_expect_str_eq(dataset->files.of[0].path, in_folder("abc"));
        cr_expect_eq(dataset->files.of[0].size, 3);
        cr_expect_str_eq(dataset->files.of[0].sha256, abc);
        ho_dataset_free(dataset);
    }
}

Test(host_data, a_packed_file_has_the_checksum_of_its_packed_bytes)
{
    body = reads_by_the_host;
    put("abc", "abc");
    cr_assert_eq(system(ho_arena_format(arena, "cd %s && gzip -k abc && sha256sum abc.gz > sum", folder)), 0);
    ho_dataset *dataset = read_dataset(in_folder("abc.gz"));
    cr_assert_not_null(dataset, "%s", error.text);
    char sum[65] = "";
    FILE *file = fopen(in_folder("sum"), "r");
    cr_assert_eq(fread(sum, 1, 64, file), 64);
    fclose(file);
    cr_expect_str_eq(dataset->files.of[0].sha256, sum);
    ho_dataset_free(dataset);
}

Test(host_data, a_folder_has_the_checksum_of_the_list_of_its_files)
{
    body = reads_by_the_host;
    cr_assert_eq(mkdir(in_folder("sub"), 0777), 0);
    put("sub/b", "abc");
    put("sub/a", "abc");
    put("sub/never-read", "");
    ho_dataset *dataset = read_dataset(in_folder("sub"));
    cr_assert_not_null(dataset, "%s", error.text);
    cr_assert_eq(dataset->files.count, 1);
    cr_expect_str_eq(dataset->files.of[0].path, in_folder("sub"));
    cr_expect_eq(dataset->files.of[0].size, 6);
    char *list = ho_arena_format(arena, "%s  a\n%s  b\n", abc, abc);
    body = reads_by_the_host;
    ho_dataset *listed = read_dataset(put("list", list));
    cr_assert_not_null(listed, "%s", error.text);
    cr_expect_str_eq(dataset->files.of[0].sha256, listed->files.of[0].sha256);
    ho_dataset_free(listed);
    ho_dataset_free(dataset);
}

Test(host_data, a_file_that_changes_while_it_is_read_is_refused)
{
    body = reads_while_it_changes;
    cr_expect_null(read_dataset(put("abc", "abc")));
    cr_expect_eq(error.status, HO_INVALID);
    cr_expect_str_eq(error.text, ho_arena_format(arena, "%s: changed while it was being read", in_folder("abc")));
}

/* ---- sharing ---- */

static ho_data_cache *cache;

static ho_dataset *get(const char *path, const char *number)
{
    return ho_data_cache_get(cache, &loaded, settings(path, number), NULL, place, &error);
}

Test(host_data, what_is_described_alike_is_read_once)
{
    cache = ho_data_cache_new();
    body = reads_by_the_host;
    const char *path = put("abc", "abc");
    cr_expect_not(ho_data_cache_has(cache, &loaded, settings(path, "2")));
    ho_dataset *first = get(path, "2"), *again = get(path, "2"), *other = get(path, "3");
    cr_assert(first && again && other, "%s", error.text);
    cr_expect_eq(first, again);
    cr_expect_neq(first, other);
    cr_expect_eq(reads, 2);
    cr_expect_eq(other->parts[0].x32[7], 3);
    cr_assert_eq(unlink(path), 0);
    cr_expect(ho_data_cache_has(cache, &loaded, settings(path, "2")), "the file is needed no more");
    ho_dataset_free(again);
    ho_data_cache_free(cache);
    cr_expect_eq(first->parts[0].x32[7], 2, "lives as long as somebody uses it");
    ho_dataset_free(first);
    ho_dataset_free(other);
}

Test(host_data, without_a_cache_every_reading_is_its_own)
{
    cache = NULL;
    body = emits_its_memory;
    ho_dataset *first = get(NULL, "1"), *again = get(NULL, "1");
    cr_assert(first && again, "%s", error.text);
    cr_expect_neq(first, again);
    cr_expect_eq(reads, 2);
    cr_expect_not(ho_data_cache_has(cache, &loaded, settings(NULL, "1")));
    ho_dataset_free(first);
    ho_dataset_free(again);
}

/* The latest of those that nobody uses are kept, up to 256 MiB. */
static ho_status emits_100_mib(const probe *p, ho_data *d)
{
    (void)p;
    float *values = ho_data_alloc(d, 25 << 20, sizeof *values);
    return emit(d, HO_ARRAY_F32, 25 << 20, values);
}

Test(host_data, unused_data_sets_are_kept_within_bounds)
{
    static const char *const numbers[] = {"1", "2", "3", "4"};
    cache = ho_data_cache_new();
    body = emits_100_mib;
    for (int i = 0; i < 4; i++)
        ho_dataset_free(get(NULL, numbers[i]));
    cr_expect_not(ho_data_cache_has(cache, &loaded, settings(NULL, "1")));
    cr_expect(ho_data_cache_has(cache, &loaded, settings(NULL, "2")));
    cr_expect(ho_data_cache_has(cache, &loaded, settings(NULL, "3")));
    cr_expect(ho_data_cache_has(cache, &loaded, settings(NULL, "4")));
    cr_expect_eq(reads, 4);
    ho_data_cache_free(cache);
}

Test(host_data, what_is_used_is_never_forgotten)
{
    static const char *const numbers[] = {"2", "3", "4", "5"};
    cache = ho_data_cache_new();
    body = emits_100_mib;
    ho_dataset *used = get(NULL, "1");
    for (int i = 0; i < 4; i++)
        ho_dataset_free(get(NULL, numbers[i]));
    cr_expect(ho_data_cache_has(cache, &loaded, settings(NULL, "1")));
    cr_expect_not(ho_data_cache_has(cache, &loaded, settings(NULL, "2")));
    cr_expect(ho_data_cache_has(cache, &loaded, settings(NULL, "3")));
    ho_dataset_free(used);
    ho_data_cache_free(cache);
}

Test(host_data, a_reader_that_fails_is_tried_again)
{
    cache = ho_data_cache_new();
    body = reads_while_it_changes;
    cr_expect_null(get(put("abc", "abc"), "1"));
    error = (ho_error){0};
    body = reads_by_the_host;
    ho_dataset *dataset = get(put("abc", "abc"), "1");
    cr_expect_not_null(dataset, "%s", error.text);
    ho_dataset_free(dataset);
    ho_data_cache_free(cache);
}

static ho_status emits_slowly(const probe *p, ho_data *d)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    return emits_its_memory(p, d);
}

/* With a cache of its own, or the one of all. */
static void *read_in_a_thread(void *context)
{
    ho_error own = {0};
    ho_data_cache *mine = context ? cache : ho_data_cache_new();
    const ho_tree empty = {.kind = HO_TREE_MAP};
    ho_dataset *dataset = ho_data_cache_get(mine, &loaded, &empty, NULL, place, &own);
    if (!context)
        ho_data_cache_free(mine);
    return dataset;
}

Test(host_data, readers_run_one_at_a_time)
{
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    void *datasets[THREADS];
    body = emits_slowly;
    cache = ho_data_cache_new();
    for (int shared = 0; shared < 2; shared++) {
        reads = 0;
        for (int i = 0; i < THREADS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, read_in_a_thread, shared ? cache : NULL), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], &datasets[i]);
        cr_expect_eq(most_inside, 1);
        cr_expect_eq(reads, shared ? 1 : THREADS);
        for (int i = 0; i < THREADS; i++) {
            cr_expect_not_null(datasets[i]);
            cr_expect_eq(datasets[i] == datasets[0], shared || i == 0);
        }
        for (int i = 0; i < THREADS; i++)
            ho_dataset_free(datasets[i]);
    }
    ho_data_cache_free(cache);
}
