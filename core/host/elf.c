/* Nothing here maps or runs the file. */
#include "host/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static const char *what_it_is(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (size >= foreign[i].length && memcmp(bytes, foreign[i].magic, foreign[i].length) == 0)
            return foreign[i].what;
    for (size_t i = 0; i < size; i++)
        if (!bytes[i] || (bytes[i] < 32 && !strchr("\t\n\r\f", bytes[i])))
            return "not an ELF shared object";
    return "a text file";
}

static ho_status refuse(ho_error *error, const char *path, const char *why)
{
    return ho_fail(error, HO_INVALID, "%s: %s", path, why);
}

/* Reads exactly `size` bytes at `offset`. */
static ho_status read_at(int file, const char *path, uint64_t offset, void *bytes, size_t size, ho_error *error)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(file, (char *)bytes + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ho_fail(error, HO_INVALID, "%s: cannot be read: %s", path, strerror(errno));
        if (got == 0)
            return ho_fail(error, HO_INVALID, "%s: is cut short at byte %" PRIu64, path, offset + done);
        done += (size_t)got;
    }
    return HO_OK;
}

static bool within(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

static ho_status cut_short(ho_error *error, const char *path, const char *part, uint64_t offset, uint64_t length,
                           uint64_t size)
{
    return ho_fail(error, HO_INVALID,
                   "%s: is cut short or damaged: %s are at byte %" PRIu64 ", %" PRIu64
                   " bytes long, and the file ends at byte %" PRIu64,
                   path, part, offset, length, size);
}

static ho_status check_header(const char *path, const ElfW(Ehdr) * header, uint64_t size, ho_error *error)
{
    const ElfW(Ehdr) *own = &__ehdr_start;
    if (header->e_ident[EI_CLASS] != own->e_ident[EI_CLASS])
        return refuse(error, path,
                      header->e_ident[EI_CLASS] == ELFCLASS32 ? "is a 32-bit shared object, this hotool is 64-bit"
                      : header->e_ident[EI_CLASS] == ELFCLASS64
                          ? "is a 64-bit shared object, this hotool is 32-bit"
                          : "is an ELF file of an unknown class (neither 32 nor 64 bits)");
    if (header->e_ident[EI_DATA] != own->e_ident[EI_DATA])
        return refuse(error, path, "is a shared object of the other byte order");
    if (size < sizeof *header)
        return cut_short(error, path, "its ELF headers", 0, sizeof *header, size);
    if (header->e_machine != own->e_machine)
        return ho_fail(error, HO_INVALID, "%s: is a shared object for ELF machine %u, this hotool runs on machine %u",
                       path, (unsigned)header->e_machine, (unsigned)own->e_machine);
    if (header->e_type != ET_DYN)
        return refuse(error, path,
                      header->e_type == ET_REL    ? "is an object file (.o); link it with -shared"
                      : header->e_type == ET_EXEC ? "is a program, not a shared object"
                      : header->e_type == ET_CORE ? "is a core dump, not a shared object"
                                                  : "is an ELF file, but not a shared object");
    if (header->e_phnum == 0 || header->e_phnum == PN_XNUM || header->e_phentsize != sizeof(ElfW(Phdr)))
        return refuse(error, path, "has no usable program headers: the file is damaged");
    uint64_t headers = (uint64_t)header->e_phnum * header->e_phentsize;
    if (!within(header->e_phoff, headers, size))
        return cut_short(error, path, "its program headers", header->e_phoff, headers, size);
    uint64_t sections = (uint64_t)header->e_shnum * header->e_shentsize;
    if (header->e_shoff && !within(header->e_shoff, sections, size))
        return cut_short(error, path, "its section headers", header->e_shoff, sections, size);
    return HO_OK;
}

static ho_status check_segments(int file, const char *path, const ElfW(Ehdr) * header, uint64_t size, ho_error *error)
{
    size_t loads = 0, dynamics = 0;
    for (uint64_t i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) segment;
        if (read_at(file, path, header->e_phoff + i * sizeof segment, &segment, sizeof segment, error) != HO_OK)
            return error->status;
        loads += segment.p_type == PT_LOAD;
        dynamics += segment.p_type == PT_DYNAMIC;
        if (segment.p_type != PT_LOAD && segment.p_type != PT_DYNAMIC)
            continue;
        if (!within(segment.p_offset, segment.p_filesz, size))
            return cut_short(error, path, "the bytes of one of its segments", segment.p_offset, segment.p_filesz, size);
        if (segment.p_filesz > segment.p_memsz)
            return refuse(error, path, "has a segment that is longer in the file than in memory: the file is damaged");
    }
    if (loads == 0 || dynamics == 0)
        return refuse(error, path, "has nothing to load or no dynamic section: the file is damaged");
    return HO_OK;
}

ho_status ho_elf_check(const char *path, ho_error *error)
{
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. */
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? refuse(error, path, "no such file")
                   : ho_fail(error, HO_INVALID, "%s: cannot be opened: %s", path, strerror(errno));
    ho_status status = HO_OK;
    struct stat info;
    if (fstat(file, &info) != 0)
        status = ho_fail(error, HO_INVALID, "%s: cannot be examined: %s", path, strerror(errno));
    else if (S_ISDIR(info.st_mode))
        status = refuse(error, path, "is a folder, not a plugin");
    else if (!S_ISREG(info.st_mode))
        status = refuse(error, path, "is a pipe, socket or device, not a plugin");
    else if (info.st_size == 0)
        status = refuse(error, path, "is an empty file, not a plugin");
    if (status == HO_OK) {
        uint64_t size = (uint64_t)info.st_size;
        union {
            ElfW(Ehdr) header;
            unsigned char bytes[256];
        } start = {.bytes = {0}};
        size_t length = size < sizeof start ? (size_t)size : sizeof start;
        status = read_at(file, path, 0, start.bytes, length, error);
        if (status == HO_OK && (length < EI_NIDENT || memcmp(start.bytes, ELFMAG, SELFMAG) != 0)) {
            bool begins = memcmp(start.bytes, ELFMAG, length < SELFMAG ? length : SELFMAG) == 0;
            const char *what = begins ? "an ELF file cut short" : what_it_is(start.bytes, length);
            status = ho_fail(error, HO_INVALID, "%s: is not a plugin: it is %s", path, what);
        }
        if (status == HO_OK)
            status = check_header(path, &start.header, size, error);
        if (status == HO_OK)
            status = check_segments(file, path, &start.header, size, error);
    }
    close(file);
    return status;
}
