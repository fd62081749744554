/* Loaded before the C library: a bad day. HOTOOL_TEST_CLOSEDIR=MS: whoever has looked through a folder is held up for
 * so many milliseconds. HOTOOL_TEST_ALLOCATION=N: the N-th allocation fails. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define SEEN __attribute__((visibility("default")))

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static long failing; /* 0: none */
static atomic_long allocations;

__attribute__((constructor)) static void begin(void)
{
    const char *which = getenv("HOTOOL_TEST_ALLOCATION");
    failing = which ? strtol(which, NULL, 10) : 0;
}

static bool fails(void)
{
    if (!failing || atomic_fetch_add(&allocations, 1) + 1 != failing)
        return false;
    errno = ENOMEM;
    return true;
}

SEEN void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

SEEN void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

SEEN void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

SEEN int posix_memalign(void **memory, size_t alignment, size_t size)
{
    *memory = fails() ? NULL : __libc_memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

SEEN int closedir(DIR *dir)
{
    int (*real)(DIR *);
    *(void **)&real = dlsym(RTLD_NEXT, "closedir");
    const char *delay = getenv("HOTOOL_TEST_CLOSEDIR");
    const long ms = delay ? strtol(delay, NULL, 10) : 0;
    const struct timespec while_others_look = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&while_others_look, NULL);
    return real(dir);
}
