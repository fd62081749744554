/* Allocations of the plugin that fail. The addresses by which its file calls malloc and its kin, and new of C++, lie in
 * a table of its own (the global offset table), where the loader has put those of the C library; here others take their
 * place. */
#define _GNU_SOURCE /* RTLD_NOLOAD, dlinfo, reallocarray */
#include <dlfcn.h>
#include <elf.h>
#include <inttypes.h>
#include <link.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/faults.h"
#include "proof/internal.h"

static int64_t calls, failing;

static bool fails(void)
{
    return ++calls == failing;
}

static void *failing_malloc(size_t bytes)
{
    return fails() ? NULL : malloc(bytes);
}

static void *failing_calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : calloc(count, bytes);
}

static void *failing_realloc(void *memory, size_t bytes)
{
    return fails() ? NULL : realloc(memory, bytes);
}

static void *failing_aligned(size_t alignment, size_t bytes)
{
    return fails() ? NULL : aligned_alloc(alignment, bytes);
}

static char *failing_strdup(const char *text)
{
    return fails() ? NULL : strdup(text);
}

#ifndef __SANITIZE_ADDRESS__ /* whose new ends the program where there is no memory */
/* new of the C++ library that the plugin is linked with, and the one that does not throw. What no machine has makes
 * the library's own throw std::bad_alloc, through these functions, which need no cleaning up. */
static void *(*library_new)(size_t), *(*library_new_nothrow)(size_t, const void *);

static void *failing_new(size_t bytes)
{
    return library_new(fails() ? PTRDIFF_MAX : bytes);
}

static void *failing_new_nothrow(size_t bytes, const void *tag)
{
    return fails() ? NULL : library_new_nothrow(bytes, tag);
}

#endif

/* Function pointers as numbers: ISO C has no such conversion, POSIX has (dlsym). */
#define ROW(name, function)         \
    {                               \
        name, (uintptr_t)(function) \
    }

static uintptr_t replacement(const char *name)
{
    const struct {
        const char *name;
        uintptr_t address;
    } rows[] = {
        ROW("malloc", failing_malloc),
        ROW("calloc", failing_calloc),
        ROW("realloc", failing_realloc),
        ROW("aligned_alloc", failing_aligned),
        ROW("strdup", failing_strdup),
#ifndef __SANITIZE_ADDRESS__
        ROW("_Znwm", failing_new),
        ROW("_Znam", failing_new),
        ROW("_ZnwmRKSt9nothrow_t", failing_new_nothrow),
        ROW("_ZnamRKSt9nothrow_t", failing_new_nothrow),
#endif
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(name, rows[i].name) == 0)
            return rows[i].address;
    return 0;
}

#if defined(__x86_64__)
#define IS_SLOT(type) ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT)
#elif defined(__aarch64__)
#define IS_SLOT(type) ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT)
#endif

#ifdef IS_SLOT
static bool lead(char *base, const ElfW(Rela) * rows, size_t count, const ElfW(Sym) * symbols, const char *strings)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < count; i++) {
        const uintptr_t to = IS_SLOT(ELF64_R_TYPE(rows[i].r_info))
                                 ? replacement(strings + symbols[ELF64_R_SYM(rows[i].r_info)].st_name)
                                 : 0;
        char *slot = base + rows[i].r_offset;
        if (!to)
            continue;
        if (mprotect(slot - (uintptr_t)slot % page, page, PROT_READ | PROT_WRITE) != 0)
            return false;
        memcpy(slot, &to, sizeof to);
    }
    return true;
}

static bool lead_astray(const proof *p)
{
    const struct link_map *map = NULL;
    Dl_info info;
    void *handle = dlopen(p->loaded->real_path, RTLD_NOW | RTLD_NOLOAD);
    if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || dladdr(map->l_ld, &info) == 0)
        return false;
#ifndef __SANITIZE_ADDRESS__
    *(void **)&library_new = dlsym(handle, "_Znwm"); /* NULL where the plugin is not C++ */
    *(void **)&library_new_nothrow = dlsym(handle, "_ZnwmRKSt9nothrow_t");
#endif
    char *start = info.dli_fbase;
    const uintptr_t start_number = (uintptr_t)start;
    const ElfW(Sym) *symbols = NULL;
    const char *strings = NULL;
    const ElfW(Rela) * rows[2] = {NULL, NULL};
    size_t bytes[2] = {0, 0};
    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
        const char *at = start + (d->d_un.d_ptr - start_number); /* of those tags that are addresses */
        switch (d->d_tag) {
        case DT_SYMTAB:
            symbols = (const void *)at;
            break;
        case DT_STRTAB:
            strings = (const void *)at;
            break;
        case DT_JMPREL:
            rows[0] = (const void *)at;
            break;
        case DT_PLTRELSZ:
            bytes[0] = d->d_un.d_val;
            break;
        case DT_RELA:
            rows[1] = (const void *)at;
            break;
        case DT_RELASZ:
            bytes[1] = d->d_un.d_val;
            break;
        default:
            break;
        }
    }
    bool done = symbols && strings;
    for (int i = 0; i < 2 && done; i++)
        done = !rows[i] ||
               lead(start + (map->l_addr - start_number), rows[i], bytes[i] / sizeof *rows[i], symbols, strings);
    dlclose(handle);
    return done;
}
#else
static bool lead_astray(const proof *p)
{
    (void)p;
    return false;
}
#endif

/* From now on the plugin's own calls of malloc, calloc, realloc, strdup and the like are counted, and number `fail_at`
 * fails (0: none). How many there were since the last call of this comes back; -1: its calls cannot be led astray. */
static int64_t allocations(const proof *p, int64_t fail_at)
{
    static const ho_loaded *led;
    if (led != p->loaded && !lead_astray(p))
        return -1;
    led = p->loaded;
    const int64_t counted = calls;
    calls = 0;
    failing = fail_at;
    return counted;
}

/* So many attempts as there are calls to fail, and one more; fewer where a quarter of the time has passed. */
static ho_status each(proof *p, bool own, const char *what, bool (*attempt)(proof *p, ho_error *own), int64_t *count,
                      ho_error *error)
{
    const double end = p->request->in_process ? HUGE_VAL : ho_seconds() + 0.25 * p->request->limit;
    int64_t at = 0, made;
    do {
        ho_error ignored = {0};
        at++;
        if (own)
            allocations(p, at);
        else
            ho_faults_begin(at);
        const bool fine = attempt(p, &ignored);
        made = own ? allocations(p, 0) : ho_faults_end();
        if (fine && made >= at)
            return ho_proof_fail(error, "%s returns HO_OK although %s number %" PRId64 " failed", what,
                                 own ? "its allocation" : "its call of hotool", at);
    } while (made >= at && ho_seconds() < end);
    *count = at - 1;
    return HO_OK;
}

ho_status ho_proof_each_failure(proof *p, const char *what, bool (*attempt)(proof *p, ho_error *own), ho_error *error)
{
    int64_t allocated = 0, made = 0;
    const bool possible = allocations(p, 0) >= 0;
    if (possible && each(p, true, what, attempt, &allocated, error) != HO_OK)
        return error->status;
    if (each(p, false, what, attempt, &made, error) != HO_OK)
        return error->status;
    if (possible)
        ho_proof_note(p, "%" PRId64 " allocations, %" PRId64 " calls of hotool", allocated, made);
    else
        ho_proof_note(p, "%" PRId64 " calls of hotool; its allocations cannot be made to fail on this system", made);
    return HO_OK;
}
