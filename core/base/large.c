/* Large arrays, and blocks of memory that are used again. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"

/* ---- large arrays ------------------------------------------------------------------------------------------------ */

#define LINE      ((size_t)64)
#define HUGE_PAGE ((size_t)2 << 20)
/* From here on an array is mapped in huge pages: a fresh page costs its first touch, a huge one four times less. */
#define LEAST_MAPPED (2 * HUGE_PAGE)

/* Stands in the line before an array. */
typedef struct header {
    void *start;
    size_t mapped; /* bytes from start on; 0: it came from malloc */
} header;

static void *with_header(void *start, size_t mapped, void *array)
{
    *(header *)(void *)((char *)array - LINE) = (header){start, mapped};
    return array;
}

static size_t rounded(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* Fresh zeros from the system, the array at the start of a huge page but for a line. */
static void *map_pages(size_t bytes)
{
    const size_t length = rounded(bytes + LINE, HUGE_PAGE), reserved = length + HUGE_PAGE;
    char *base = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    char *start = base + (HUGE_PAGE - (uintptr_t)base % HUGE_PAGE) % HUGE_PAGE, *end = start + length;
    if (start > base)
        munmap(base, (size_t)(start - base));
    if (end < base + reserved)
        munmap(end, (size_t)(base + reserved - end));
    madvise(start, length, MADV_HUGEPAGE); /* only advice */
    return with_header(start, length, start + LINE);
}

static void *small_pages(size_t bytes)
{
    void *start = NULL;
    if (posix_memalign(&start, LINE, LINE + (bytes ? bytes : 1)))
        return NULL;
    return with_header(start, 0, memset((char *)start + LINE, 0, bytes));
}

void *ho_large_alloc(uint64_t count, uint64_t size, const char *what, ho_error *error)
{
    const uint64_t most = (uint64_t)PTRDIFF_MAX - 2 * HUGE_PAGE - LINE;
    if (size && count > most / size) {
        ho_fail(error, HO_FAILED, "out of memory: %s would need %.3g GiB", what,
                (double)count * (double)size / (double)(1 << 30));
        return NULL;
    }
    const size_t bytes = (size_t)(count * size);
    void *array = bytes < LEAST_MAPPED ? small_pages(bytes) : map_pages(bytes);
    if (!array)
        ho_fail(error, HO_FAILED, "out of memory: %s needs %.3g GiB", what, (double)bytes / (double)(1 << 30));
    return array;
}

void ho_large_free(void *memory)
{
    if (!memory)
        return;
    const header h = *(const header *)(const void *)((const char *)memory - LINE);
    if (h.mapped)
        munmap(h.start, h.mapped);
    else
        free(h.start);
}

/* ---- pools ------------------------------------------------------------------------------------------------------- */

/* Blocks of one size that have been given back, each with the address of the next in its first bytes. */
typedef struct shelf {
    size_t bytes;
    void *first;
} shelf;

struct ho_pool {
    void **chunks; /* the last is being cut */
    size_t chunk_count, chunk_capacity;
    shelf *shelves;
    size_t shelf_count, shelf_capacity;
    size_t chunk_bytes, used, total; /* of the last chunk; total: of all */
};

/* A new chunk is as large as all before it, up to this. What is not touched costs nothing. */
#define LARGEST_CHUNK ((size_t)64 << 20)

ho_pool *ho_pool_new(void)
{
    return ho_alloc(sizeof(ho_pool));
}

void ho_pool_free(ho_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->chunk_count; i++)
        ho_large_free(pool->chunks[i]);
    free(pool->chunks);
    free(pool->shelves);
    free(pool);
}

static shelf *shelf_of(ho_pool *pool, size_t bytes)
{
    for (size_t i = 0; i < pool->shelf_count; i++)
        if (pool->shelves[i].bytes == bytes)
            return &pool->shelves[i];
    ho_grow((void **)&pool->shelves, &pool->shelf_capacity, pool->shelf_count, sizeof *pool->shelves);
    pool->shelves[pool->shelf_count] = (shelf){.bytes = bytes};
    return &pool->shelves[pool->shelf_count++];
}

static bool add_chunk(ho_pool *pool, size_t bytes, const char *what, ho_error *error)
{
    const size_t wanted = pool->total < LARGEST_CHUNK ? pool->total : LARGEST_CHUNK;
    ho_error own = {0};
    size_t size = bytes > wanted ? bytes : wanted;
    if (size >= LEAST_MAPPED)
        size = rounded(size + LINE, HUGE_PAGE) - LINE;
    void *chunk = ho_large_alloc(size, 1, what, &own);
    if (!chunk && size > bytes)
        chunk = ho_large_alloc(size = bytes, 1, what, error);
    else if (!chunk)
        ho_fail_as(error, &own);
    if (!chunk)
        return false;
    ho_grow((void **)&pool->chunks, &pool->chunk_capacity, pool->chunk_count, sizeof *pool->chunks);
    pool->chunks[pool->chunk_count++] = chunk;
    pool->chunk_bytes = size;
    pool->used = 0;
    pool->total += size;
    return true;
}

void *ho_pool_take(ho_pool *pool, uint64_t bytes, const char *what, ho_error *error)
{
    if (bytes > (uint64_t)PTRDIFF_MAX / 2)
        return ho_large_alloc(bytes, 1, what, error); /* which says so */
    const size_t size = rounded(bytes ? (size_t)bytes : 1, LINE);
    shelf *s = shelf_of(pool, size);
    void *block = s->first;
    if (block) {
        memcpy(&s->first, block, sizeof s->first);
        return block;
    }
    if (pool->chunk_bytes - pool->used < size && !add_chunk(pool, size, what, error))
        return NULL;
    block = (char *)pool->chunks[pool->chunk_count - 1] + pool->used;
    pool->used += size;
    return block;
}

void ho_pool_give(ho_pool *pool, void *block, uint64_t bytes)
{
    if (!block)
        return;
    shelf *s = shelf_of(pool, rounded(bytes ? (size_t)bytes : 1, LINE));
    memcpy(block, &s->first, sizeof s->first);
    s->first = block;
}
