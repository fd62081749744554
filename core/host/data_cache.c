#include "host/data_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MOST_UNUSED_BYTES ((uint64_t)256 << 20)

/* A data set by what it was read from. */
typedef struct cached {
    const ho_loaded *loaded;
    ho_tree *settings; /* the reader's options, in the cache's arena */
    ho_dataset *dataset;
} cached;

struct ho_data_cache {
    pthread_mutex_t mutex;
    ho_arena *arena;
    cached *entries; /* the one used last is last */
    size_t count, capacity;
};

ho_data_cache *ho_data_cache_new(void)
{
    ho_data_cache *cache = ho_alloc(sizeof *cache);
    pthread_mutex_init(&cache->mutex, NULL);
    cache->arena = ho_arena_new();
    return cache;
}

static uint64_t bytes_of(const ho_dataset *dataset)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < dataset->block_count; i++)
        bytes += dataset->blocks[i].size;
    return bytes;
}

/* Forgets what nobody uses, beyond the bytes that may be kept. */
static void forget(ho_data_cache *cache)
{
    uint64_t unused = 0;
    size_t kept = cache->count;
    for (size_t i = cache->count; i-- > 0;) {
        cached entry = cache->entries[i];
        unused += entry.dataset->references == 1 ? bytes_of(entry.dataset) : 0;
        if (entry.dataset->references == 1 && unused > MOST_UNUSED_BYTES)
            ho_dataset_free(entry.dataset);
        else
            cache->entries[--kept] = entry;
    }
    memmove(cache->entries, cache->entries + kept, (cache->count - kept) * sizeof *cache->entries);
    cache->count -= kept;
}

void ho_data_cache_free(ho_data_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->count; i++)
        ho_dataset_free(cache->entries[i].dataset);
    free(cache->entries);
    ho_arena_free(cache->arena);
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

/* Whether two settings of a reader say the same of each of its options. */
static bool same_options(const ho_loaded *loaded, const ho_tree *a, const ho_tree *b)
{
    for (uint32_t i = 0; i < loaded->option_count; i++)
        if (!ho_tree_same(ho_tree_get(a, loaded->options[i].name), ho_tree_get(b, loaded->options[i].name)))
            return false;
    return true;
}

/* The data set, which becomes the one used last; NULL: not there. */
static ho_dataset *find(ho_data_cache *cache, const ho_loaded *loaded, const ho_tree *settings)
{
    for (size_t i = 0; i < cache->count; i++) {
        cached entry = cache->entries[i];
        if (entry.loaded != loaded || !same_options(loaded, entry.settings, settings))
            continue;
        memmove(cache->entries + i, cache->entries + i + 1, (cache->count - i - 1) * sizeof entry);
        cache->entries[cache->count - 1] = entry;
        return entry.dataset;
    }
    return NULL;
}

bool ho_data_cache_has(ho_data_cache *cache, const ho_loaded *loaded, const ho_tree *settings)
{
    if (!cache)
        return false;
    pthread_mutex_lock(&cache->mutex);
    bool has = find(cache, loaded, settings) != NULL;
    pthread_mutex_unlock(&cache->mutex);
    return has;
}

static ho_dataset *read_new(const ho_loaded *loaded, const ho_tree *settings, const char *const *reserved,
                            ho_place place, ho_error *error)
{
    ho_instance *instance = ho_instance_new(loaded, NULL, settings, reserved, place, error);
    ho_dataset *dataset = instance ? ho_dataset_read(instance, error) : NULL;
    ho_instance_free(instance);
    return dataset;
}

static void enter(ho_data_cache *cache, const ho_loaded *loaded, const ho_tree *settings, ho_dataset *dataset)
{
    ho_grow((void **)&cache->entries, &cache->capacity, cache->count, sizeof *cache->entries);
    ho_tree *copy = settings ? ho_tree_copy(cache->arena, settings) : NULL;
    cache->entries[cache->count++] = (cached){loaded, copy, dataset};
}

ho_dataset *ho_data_cache_get(ho_data_cache *cache, const ho_loaded *loaded, const ho_tree *settings,
                              const char *const *reserved, ho_place place, ho_error *error)
{
    if (!cache)
        return read_new(loaded, settings, reserved, place, error);
    pthread_mutex_lock(&cache->mutex);
    ho_dataset *dataset = find(cache, loaded, settings);
    if (!dataset && (dataset = read_new(loaded, settings, reserved, place, error)))
        enter(cache, loaded, settings, dataset);
    if (dataset)
        ho_dataset_share(dataset);
    if (cache->count)
        forget(cache);
    pthread_mutex_unlock(&cache->mutex);
    return dataset;
}
