/* Counts what a test program takes from the heap, where the C library lets it: COUNTS_ALLOCATION is defined then. For
 * one source file of a program. */
#ifndef COUNTED_ALLOCATION_H
#define COUNTED_ALLOCATION_H

#include <errno.h>
#include <stdlib.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
#define COUNTS_ALLOCATION 1
static size_t allocations;
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}
void *calloc(size_t a, size_t b)
{
    allocations++;
    return __libc_calloc(a, b);
}
void *realloc(void *p, size_t n)
{
    allocations++;
    return __libc_realloc(p, n);
}
int posix_memalign(void **p, size_t alignment, size_t n)
{
    allocations++;
    *p = __libc_memalign(alignment, n);
    return *p ? 0 : ENOMEM;
}
#endif

#endif
