/* Memory: small pieces that cannot fail, arenas. */
#include "base/memory.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"

void ho_out_of_memory(void)
{
    ho_last_words("hotool: out of memory\n");
    fflush(NULL);
    _exit(1); /* and not exit(), which the host takes for a plugin's while one is running */
}

void *ho_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes ? bytes : 1);
    if (!memory)
        ho_out_of_memory();
    return memory;
}

void *ho_realloc(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes ? bytes : 1);
    if (!memory)
        ho_out_of_memory();
    return memory;
}

char *ho_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(ho_alloc(size), text, size);
}

/* The length that a format comes to, leaving `args` usable. */
static size_t formatted_length(const char *format, va_list args)
{
    va_list copy;
    va_copy(copy, args);
    int length = vsnprintf(NULL, 0, format, copy);
    va_end(copy);
    return length < 0 ? 0 : (size_t)length;
}

char *ho_format_args(const char *format, va_list args)
{
    size_t size = formatted_length(format, args) + 1;
    char *text = ho_alloc(size);
    vsnprintf(text, size, format, args);
    return text;
}

char *ho_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = ho_format_args(format, args);
    va_end(args);
    return text;
}

FILE *ho_text_open(char **text, size_t *size)
{
    FILE *stream = open_memstream(text, size);
    if (!stream)
        ho_out_of_memory();
    return stream;
}

void ho_text_close(FILE *stream)
{
    bool failed = ferror(stream) != 0;
    if (fclose(stream) != 0 || failed)
        ho_out_of_memory();
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The number after `name` at the start of a line, or in the first line of a file that holds nothing else ("");
 * INT64_MAX where there is none ("max"). */
static int64_t number_in(const char *path, const char *name)
{
    char line[256];
    int64_t number = 0;
    FILE *file = fopen(path, "re");
    while (file && number == 0 && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            number = strtoll(line + strlen(name), NULL, 10);
    if (file)
        fclose(file);
    return number > 0 ? number : INT64_MAX;
}

int64_t ho_memory_limit(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    int64_t bytes = pages > 0 && page > 0 ? (int64_t)pages * page : INT64_MAX;
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur < (rlim_t)INT64_MAX)
        bytes = least(bytes, (int64_t)space.rlim_cur);
    bytes = least(bytes, number_in("/sys/fs/cgroup/memory.max", ""));
    return least(bytes, number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes", ""));
}

/* Of a line in KiB: bytes; 0 where there is no such line. */
static int64_t bytes_in(const char *path, const char *name)
{
    const int64_t kibibytes = number_in(path, name);
    return kibibytes <= INT64_MAX / 1024 ? kibibytes * 1024 : 0;
}

void ho_memory_held(int64_t *now, int64_t *peak)
{
    *now = bytes_in("/proc/self/status", "VmRSS:");
    *peak = bytes_in("/proc/self/status", "VmHWM:");
}

int64_t ho_memory_available(void)
{
    const int64_t limit = ho_memory_limit(), left = bytes_in("/proc/meminfo", "MemAvailable:");
    int64_t held, peak;
    ho_memory_held(&held, &peak);
    return least(left > 0 ? left : INT64_MAX, held < limit ? limit - held : limit);
}

/* A block of an arena; pieces are cut off its front. */
typedef struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) unsigned char bytes[];
} arena_block;

struct ho_arena {
    arena_block *blocks; /* the first is the one being filled */
};

enum { ARENA_BLOCK_BYTES = 16 * 1024 };

ho_arena *ho_arena_new(void)
{
    return ho_alloc(sizeof(ho_arena));
}

void ho_arena_free(ho_arena *arena)
{
    if (!arena)
        return;
    for (arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
}

void *ho_arena_alloc(ho_arena *arena, size_t bytes)
{
    if (bytes > PTRDIFF_MAX)
        ho_out_of_memory();
    const size_t align = alignof(max_align_t);
    bytes = (bytes + align - 1) / align * align;
    arena_block *block = arena->blocks;
    if (!block || block->size - block->used < bytes) {
        size_t size = bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES;
        block = ho_alloc(sizeof *block + size);
        block->size = size;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *piece = block->bytes + block->used;
    block->used += bytes;
    return piece;
}

char *ho_arena_strdup(ho_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(ho_arena_alloc(arena, size), text, size);
}

char *ho_arena_format(ho_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t size = formatted_length(format, args) + 1;
    char *text = ho_arena_alloc(arena, size);
    vsnprintf(text, size, format, args);
    va_end(args);
    return text;
}

const char **ho_arena_split(ho_arena *arena, const char *text, char separator, size_t *count)
{
    size_t most = 1;
    for (const char *c = text; *c; c++)
        most += *c == separator;
    const char **pieces = ho_arena_alloc(arena, most * sizeof *pieces);
    char *rest = ho_arena_strdup(arena, text);
    for (*count = 0; rest; (*count)++) {
        pieces[*count] = rest;
        rest = strchr(rest, separator);
        if (rest)
            *rest++ = '\0';
    }
    return pieces;
}

void ho_grow(void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return;
    const size_t most = (size_t)PTRDIFF_MAX / (size ? size : 1);
    if (count >= most)
        ho_out_of_memory();
    size_t wanted = count < 8 ? 8 : count > most / 2 ? most : count * 2;
    *items = ho_realloc(*items, wanted * size);
    *capacity = wanted;
}
