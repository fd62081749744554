/* Memory: small pieces that cannot fail (the program ends with a message and status 1), large ones that can, arenas. */
#ifndef HO_BASE_MEMORY_H
#define HO_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* Zeroed; never NULL: ends the program with "hotool: out of memory" and status 1. Free with free(). For small things.
 */
void *ho_alloc(size_t bytes);
void *ho_realloc(void *old, size_t bytes);
char *ho_strdup(const char *text);
/* A formatted text; free with free(). */
char *ho_format(const char *format, ...) HO_PRINTF(1, 2);
char *ho_format_args(const char *format, va_list args);
/* Ends the program as those do. */
_Noreturn void ho_out_of_memory(void);
/* A stream into memory: ho_text_close sets *text and *size; free(*text). */
FILE *ho_text_open(char **text, size_t *size);
void ho_text_close(FILE *stream);

/* The memory that this process may use, in bytes: the machine's, or the limit of its control group or of its address
 * space (ulimit -v) where that is less. */
int64_t ho_memory_limit(void);
/* What of it is left: what the system can hand out without swapping, and no more than the limit less what this process
 * holds. */
int64_t ho_memory_available(void);
/* What this process holds, now and at its peak; 0 where the system does not tell. */
void ho_memory_held(int64_t *now, int64_t *peak);

/* Large arrays: zeroed, aligned to 64 bytes, sized count*size with overflow check; NULL with an error naming `what`.
 * Free with ho_large_free. */
void *ho_large_alloc(uint64_t count, uint64_t size, const char *what, ho_error *error);
void ho_large_free(void *memory);

/* Large blocks that come and go: those given back are handed out again, and the system gets everything back at once in
 * the end. Their numbers are aligned to 64 bytes and hold anything. NULL with an error naming `what`. */
typedef struct ho_pool ho_pool;
ho_pool *ho_pool_new(void);
void ho_pool_free(ho_pool *pool); /* NULL is fine */
void *ho_pool_take(ho_pool *pool, uint64_t bytes, const char *what, ho_error *error);
void ho_pool_give(ho_pool *pool, void *block, uint64_t bytes); /* as it was taken; NULL is fine */

/* An arena: many small zeroed pieces, freed together. */
typedef struct ho_arena ho_arena;
ho_arena *ho_arena_new(void);
void ho_arena_free(ho_arena *arena); /* NULL is fine */
void *ho_arena_alloc(ho_arena *arena, size_t bytes);
char *ho_arena_strdup(ho_arena *arena, const char *text);
char *ho_arena_format(ho_arena *arena, const char *format, ...) HO_PRINTF(2, 3);
/* The pieces of a text between separators, some of which may be empty; at least one. */
const char **ho_arena_split(ho_arena *arena, const char *text, char separator, size_t *count);

/* Grows *items (from ho_realloc) so that it holds at least count+1 items of `size`; *capacity is kept up to date. */
void ho_grow(void **items, size_t *capacity, size_t count, size_t size);

#endif
