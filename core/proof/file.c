/* What a shared object exports and asks for, read from the file: nothing of it is mapped or run. */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "base/file.h"
#include "proof/internal.h"

/* A part of the file, and whether it lies in it; NULL where it does not. */
typedef struct bytes {
    const uint8_t *at;
    uint64_t size;
} bytes;

static const void *part(const bytes *b, uint64_t offset, uint64_t size)
{
    return offset <= b->size && size <= b->size - offset ? b->at + offset : NULL;
}

/* A string of the table `strings`, or "". */
static const char *string_at(const bytes *strings, uint64_t offset)
{
    const char *text = part(strings, offset, 1);
    return text && memchr(text, '\0', strings->size - offset) ? text : "";
}

/* Section number i; all zero where there is none. */
static ElfW(Shdr) section(const bytes *file, uint64_t i)
{
    ElfW(Ehdr) header;
    ElfW(Shdr) found = {0};
    memcpy(&header, file->at, sizeof header);
    const void *at = i < header.e_shnum ? part(file, header.e_shoff + i * header.e_shentsize, sizeof found) : NULL;
    if (at && header.e_shentsize == sizeof found)
        memcpy(&found, at, sizeof found);
    return found;
}

static bytes contents(const bytes *file, ElfW(Shdr) s)
{
    const void *at = part(file, s.sh_offset, s.sh_size);
    return (bytes){at, at ? s.sh_size : 0};
}

/* Symbols that old linkers put into every shared object, and AddressSanitizer beside each that is exported. */
static bool from_linker(const char *name)
{
    static const char *const names[] = {"_init", "_fini", "_end", "_edata", "_etext", "__bss_start"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "__odr_asan.", strlen("__odr_asan.")) == 0;
}

static ho_status check_symbol(const char *name, const ElfW(Sym) * s, ho_error *error)
{
    const unsigned binding = s->st_info >> 4;
    if (s->st_shndx == SHN_UNDEF && strncmp(name, "ho_", 3) == 0)
        return ho_proof_fail(error,
                             "it asks the loader for %s: a plugin links against nothing of hotool, and calls it only "
                             "through the tables passed to it",
                             name);
    /* Weak ones are C++'s inline functions and tables, which every object may have. */
    if (s->st_shndx == SHN_UNDEF || binding != STB_GLOBAL || (s->st_other & 3) != STV_DEFAULT || from_linker(name) ||
        strcmp(name, HO_PLUGIN_SYMBOL_NAME) == 0)
        return HO_OK;
    return ho_proof_fail(error, "it exports %s beside %s: compile with -fvisibility=hidden, or make it static", name,
                         HO_PLUGIN_SYMBOL_NAME);
}

static ho_status check_symbols(const bytes *file, ElfW(Shdr) table, ho_error *error)
{
    const bytes symbols = contents(file, table), strings = contents(file, section(file, table.sh_link));
    bool found = false;
    for (uint64_t i = 1; i < symbols.size / sizeof(ElfW(Sym)); i++) {
        ElfW(Sym) s;
        memcpy(&s, symbols.at + i * sizeof s, sizeof s);
        const char *name = string_at(&strings, s.st_name);
        found = found || (strcmp(name, HO_PLUGIN_SYMBOL_NAME) == 0 && s.st_shndx != SHN_UNDEF);
        if (check_symbol(name, &s, error) != HO_OK)
            return error->status;
    }
    return found ? HO_OK : ho_proof_fail(error, "it exports no %s", HO_PLUGIN_SYMBOL_NAME);
}

static ho_status check_libraries(proof *p, const bytes *file, ElfW(Shdr) table, ho_error *error)
{
    const bytes rows = contents(file, table), strings = contents(file, section(file, table.sh_link));
    char list[1024] = "";
    for (uint64_t i = 0; i < rows.size / sizeof(ElfW(Dyn)); i++) {
        ElfW(Dyn) d;
        memcpy(&d, rows.at + i * sizeof d, sizeof d);
        if (d.d_tag != DT_NEEDED)
            continue;
        const char *name = string_at(&strings, d.d_un.d_val);
        if (strstr(name, "hotool"))
            return ho_proof_fail(error, "it is linked with %s: a plugin links against nothing of hotool", name);
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", name);
    }
    ho_proof_note(p, "exports %s alone; needs %s", HO_PLUGIN_SYMBOL_NAME, *list ? list : "no library");
    return HO_OK;
}

ho_status ho_prove_file(proof *p, ho_error *error)
{
    uint8_t *read = NULL;
    bytes file = {0};
    bool symbols = false;
    if (ho_file_read_raw(p->request->path, 0, &read, &file.size, error) != HO_OK)
        return error->status;
    file.at = read;
    for (uint64_t i = 0; i < 65536 && error->status == HO_OK; i++) {
        const ElfW(Shdr) s = section(&file, i);
        if (i > 0 && s.sh_type == SHT_NULL && s.sh_size == 0 && s.sh_offset == 0)
            break;
        if (s.sh_type == SHT_DYNSYM && check_symbols(&file, s, error) == HO_OK)
            symbols = true;
        if (s.sh_type == SHT_DYNAMIC && error->status == HO_OK)
            check_libraries(p, &file, s, error);
    }
    ho_large_free(read);
    if (error->status == HO_OK && !symbols)
        return ho_proof_skip(p, "its section headers have been stripped: symbols cannot be listed");
    return error->status;
}
