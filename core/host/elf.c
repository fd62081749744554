/* Nothing here maps or runs the file. */
#include "host/elf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"

/* The ELF header of the object this code is linked into: what a plugin's header is compared with, so that no table of
 * machines is needed. Provided by the linker. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static const struct {
    const char *magic;
    size_t length;
    const char *what;
} foreign[] = {
    {"!<arch>\n", 8, "a static library (.a), not a shared object"},
    {"MZ", 2, "a Windows program or DLL"},
    {"\xcf\xfa\xed\xfe", 4, "a Mach-O file (macOS)"},
    {"\xca\xfe\xba\xbe", 4, "a Mach-O file (macOS)"},
    {"BC\xc0\xde", 4, "LLVM bitcode, not compiled to machine code"},
    {"\x1f\x8b", 2, "compressed with gzip; unpack it first"},
    {"PK\x03\x04", 4, "a zip archive"},
    {"\xfd"
     "7zXZ",
     5, "compressed with xz; unpack it first"},
    {"#!", 2, "a script"},
};

/* By its first bytes; control characters make it something else than text. */
static const char *what_it_is(const uint8_t *bytes, uint64_t size)
{
    size = size < 256 ? size : 256;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (size >= foreign[i].length && memcmp(bytes, foreign[i].magic, foreign[i].length) == 0)
            return foreign[i].what;
    for (size_t i = 0; i < size; i++)
        if (!bytes[i] || (bytes[i] < 32 && !strchr("\t\n\r\f", bytes[i])))
            return "not an ELF shared object";
    return "a text file";
}

/* A file in memory. */
typedef struct object {
    const char *path;
    uint8_t *bytes;
    uint64_t size;
    ho_error *error;
} object;

#define refuse(o, format, ...) ho_fail((o)->error, HO_INVALID, "%s: " format, (o)->path, __VA_ARGS__)

/* Whether a part of the file lies in it. */
static ho_status within(const object *o, const char *part, uint64_t offset, uint64_t length)
{
    if (offset <= o->size && length <= o->size - offset)
        return HO_OK;
    return refuse(o,
                  "is cut short or damaged: %s are at byte %" PRIu64 ", %" PRIu64
                  " bytes long, and the file ends at byte %" PRIu64,
                  part, offset, length, o->size);
}

static ho_status check_header(const object *o, const ElfW(Ehdr) * header)
{
    const ElfW(Ehdr) *own = &__ehdr_start;
    if (o->size < EI_NIDENT || memcmp(o->bytes, ELFMAG, SELFMAG) != 0) {
        const bool begins = memcmp(o->bytes, ELFMAG, o->size < SELFMAG ? o->size : SELFMAG) == 0;
        return refuse(o, "is not a plugin: it is %s", begins ? "an ELF file cut short" : what_it_is(o->bytes, o->size));
    }
    if (header->e_ident[EI_CLASS] != own->e_ident[EI_CLASS])
        return refuse(o, "%s",
                      header->e_ident[EI_CLASS] == ELFCLASS32 ? "is a 32-bit shared object, this hotool is 64-bit"
                      : header->e_ident[EI_CLASS] == ELFCLASS64
                          ? "is a 64-bit shared object, this hotool is 32-bit"
                          : "is an ELF file of an unknown class (neither 32 nor 64 bits)");
    if (header->e_ident[EI_DATA] != own->e_ident[EI_DATA])
        return refuse(o, "%s", "is a shared object of the other byte order");
    if (within(o, "its ELF headers", 0, sizeof *header) != HO_OK)
        return o->error->status;
    if (header->e_machine != own->e_machine)
        return refuse(o, "is a shared object for ELF machine %u, this hotool runs on machine %u",
                      (unsigned)header->e_machine, (unsigned)own->e_machine);
    if (header->e_type != ET_DYN)
        return refuse(o, "%s",
                      header->e_type == ET_REL    ? "is an object file (.o); link it with -shared"
                      : header->e_type == ET_EXEC ? "is a program, not a shared object"
                      : header->e_type == ET_CORE ? "is a core dump, not a shared object"
                                                  : "is an ELF file, but not a shared object");
    if (header->e_phnum == 0 || header->e_phnum == PN_XNUM || header->e_phentsize != sizeof(ElfW(Phdr)))
        return refuse(o, "%s", "has no usable program headers: the file is damaged");
    if (within(o, "its program headers", header->e_phoff, (uint64_t)header->e_phnum * header->e_phentsize) == HO_OK &&
        header->e_shoff)
        within(o, "its section headers", header->e_shoff, (uint64_t)header->e_shnum * header->e_shentsize);
    return o->error->status;
}

static ho_status check_segments(const object *o, const ElfW(Ehdr) * header)
{
    size_t loads = 0, dynamics = 0;
    for (uint64_t i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) segment;
        memcpy(&segment, o->bytes + header->e_phoff + i * sizeof segment, sizeof segment);
        loads += segment.p_type == PT_LOAD;
        dynamics += segment.p_type == PT_DYNAMIC;
        if (segment.p_type != PT_LOAD && segment.p_type != PT_DYNAMIC)
            continue;
        if (within(o, "the bytes of one of its segments", segment.p_offset, segment.p_filesz) != HO_OK)
            return o->error->status;
        if (segment.p_filesz > segment.p_memsz)
            return refuse(o, "%s", "has a segment that is longer in the file than in memory: the file is damaged");
    }
    if (loads == 0 || dynamics == 0)
        return refuse(o, "%s", "has nothing to load or no dynamic section: the file is damaged");
    return HO_OK;
}

ho_status ho_elf_check(const char *path, ho_error *error)
{
    object o = {.path = path, .error = error};
    struct stat about;
    if (stat(path, &about) != 0)
        return refuse(&o, "%s", errno == ENOENT || errno == ENOTDIR ? "no such file" : strerror(errno));
    if (S_ISDIR(about.st_mode))
        return refuse(&o, "%s", "is a folder, not a plugin");
    if (!S_ISREG(about.st_mode))
        return refuse(&o, "%s", "is a pipe, socket or device, not a plugin");
    if (about.st_size == 0)
        return refuse(&o, "%s", "is an empty file, not a plugin");
    if (ho_file_read_raw(path, 0, &o.bytes, &o.size, error) != HO_OK)
        return error->status;
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)(const void *)o.bytes; /* aligned to 64 bytes */
    if (check_header(&o, header) == HO_OK)
        check_segments(&o, header);
    ho_large_free(o.bytes);
    return error->status;
}
