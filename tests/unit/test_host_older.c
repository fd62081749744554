/* Which versions go together, and plugins that were built when structs were shorter: each struct lies at the end of
 * memory, so that whatever reads beyond what its author knew is a crash. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/descriptor.h"

static ho_arena *arena;
static char *edge; /* the first byte that cannot be touched */
static size_t page;

static void setup(void)
{
    arena = ho_arena_new();
    page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)pages, MAP_FAILED);
    edge = pages + page;
    cr_assert_eq(mprotect(edge, page, PROT_NONE), 0);
}

static void teardown(void)
{
    munmap(edge - page, 4 * page);
    ho_arena_free(arena);
}

TestSuite(host_older, .init = setup, .fini = teardown);

Test(host_older, versions_go_together_by_rule)
{
    static const struct {
        uint32_t major, minor; /* of the plugin */
        uint32_t host_major, host_minor;
        bool loads;
    } rows[] = {
        /* Before the freeze: none but the same. */
        {0, 1, 0, 1, true},
        {0, 0, 0, 1, false},
        {0, 2, 0, 1, false},
        {1, 0, 0, 1, false},
        {1, 1, 0, 1, false},
        /* From 1.0 on: the same major, and no newer minor. */
        {1, 0, 1, 0, true},
        {1, 0, 1, 3, true},
        {1, 3, 1, 3, true},
        {1, 4, 1, 3, false},
        {0, 1, 1, 3, false},
        {0, 3, 1, 3, false},
        {2, 0, 1, 3, false},
        {2, 0, 2, 1, true},
        {1, 3, 2, 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(ho_abi_loads(rows[i].major, rows[i].minor, rows[i].host_major, rows[i].host_minor), rows[i].loads,
                     "a plugin of %u.%u in a host of %u.%u", rows[i].major, rows[i].minor, rows[i].host_major,
                     rows[i].host_minor);
}

/* ---- shorter structs --------------------------------------------------------------------------------------------- */

static ho_status stub(void)
{
    return HO_FAILED;
}

/* A table of calls whose entries are all there: `size` bytes, beginning with the size and a number that is 0. */
static void fill_calls(void *calls, uint32_t size)
{
    ho_status (*const call)(void) = stub;
    memset(calls, 0, size);
    memcpy(calls, &size, sizeof size);
    for (size_t at = 8; at + sizeof call <= size; at += sizeof call)
        memcpy((char *)calls + at, &call, sizeof call);
}

/* Reads a descriptor; NULL, or what it is refused with: one line that begins with the path. */
static const char *read_it(const ho_plugin *plugin, ho_loaded *loaded)
{
    ho_error error = {0};
    if (ho_descriptor_read(plugin, 0, "old.so", arena, loaded, &error) == HO_OK)
        return NULL;
    cr_expect_eq(error.status, HO_INVALID);
    cr_expect_eq(strncmp(error.text, "old.so: ", 8), 0, "%s", error.text);
    cr_expect_null(strchr(error.text, '\n'));
    return ho_arena_strdup(arena, error.text);
}

static const struct {
    uint32_t kind, full, least; /* bytes of the table of calls; those without which a call that is needed is missing */
} kinds[] = {
    {HO_MODEL, sizeof(ho_model_calls), 24},     {HO_LOSS, sizeof(ho_loss_calls), 16},
    {HO_PENALTY, sizeof(ho_penalty_calls), 16}, {HO_MODE, sizeof(ho_mode_calls), 64},
    {HO_DATA, sizeof(ho_data_calls), 16},       {HO_CONSTRAINT, sizeof(ho_constraint_calls), 24},
};

Test(host_older, calls_are_read_as_far_as_they_were_known)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (uint32_t size = 8; size <= kinds[i].full; size += 8) {
            fill_calls(edge - size, size);
            ho_plugin plugin = {HO_PLUGIN_HEAD(kinds[i].kind), .name = "old", .calls = edge - size};
            if (kinds[i].kind == HO_DATA && size > 16)
                memset(edge - size + 16, 0, size - 16); /* numbers, not calls */
            ho_loaded loaded;
            const char *refusal = read_it(&plugin, &loaded);
            if (size < kinds[i].least)
                cr_expect(refusal && strstr(refusal, " lacks its call "), "kind %u, %u bytes: %s", kinds[i].kind, size,
                          refusal ? refusal : "loaded");
            else
                cr_expect_null(refusal, "kind %u, %u bytes: %s", kinds[i].kind, size, refusal);
            if (refusal)
                continue;
            const char *rest = (const char *)&loaded.calls + size;
            for (size_t k = 0; k < kinds[i].full - size; k++)
                cr_expect_eq(rest[k], 0, "kind %u, %u bytes: what was not known is not 0", kinds[i].kind, size);
        }
}

Test(host_older, descriptors_are_read_as_far_as_they_were_known)
{
    ho_penalty_calls calls;
    fill_calls(&calls, sizeof calls);
    const ho_plugin whole = {HO_PLUGIN_HEAD(HO_PENALTY), .name = "old", .calls = &calls};
    for (uint32_t size = 0; size <= sizeof whole; size += 4) {
        const size_t place = size > 16 ? size : 16; /* the head is always there */
        ho_plugin *plugin = (void *)(edge - (place + 7) / 8 * 8);
        memcpy(plugin, &whole, place);
        memcpy(plugin, &size, sizeof size);
        ho_loaded loaded;
        const char *refusal = read_it(plugin, &loaded);
        if (size < 16 || size % 8 != 0)
            cr_expect(refusal && strstr(refusal, " bytes long, which cannot be"), "%u bytes: %s", size, refusal);
        else if (size < offsetof(ho_plugin, create))
            cr_expect(refusal && (strstr(refusal, "has no valid name") || strstr(refusal, "has no table of calls")),
                      "%u bytes: %s", size, refusal);
        else
            cr_expect_null(refusal, "%u bytes: %s", size, refusal);
    }
}

/* Rows that hold less, down to a name alone. */
Test(host_older, rows_are_read_as_far_as_they_were_known)
{
    ho_penalty_calls calls;
    fill_calls(&calls, sizeof calls);
    const ho_option options[] = {{.name = "first", .type = HO_REAL, .initial = "1"},
                                 {.name = "second", .type = HO_REAL, .initial = "2"}};
    const ho_hyper hypers[] = {{.name = "rate", .initial = 0.5}, {.name = "decay", .initial = 0.25}};
    for (uint32_t size = 8; size <= sizeof *options; size += 8) {
        for (uint32_t i = 0; i < 2; i++)
            memcpy(edge - (2 - i) * size, &options[i], size);
        const ho_plugin plugin = {HO_PLUGIN_HEAD(HO_PENALTY), .name = "old", .options = {edge - 2 * size, 2, size},
                                  .calls = &calls};
        ho_loaded loaded;
        const char *refusal = read_it(&plugin, &loaded);
        if (size < 16)
            cr_expect(refusal && strstr(refusal, "option \"first\" is of the unknown type 0"), "%s", refusal);
        else
            cr_expect(!refusal && strcmp(loaded.options[1].name, "second") == 0, "%u bytes: %s", size, refusal);
    }
    for (uint32_t size = 8; size <= sizeof *hypers; size += 8) {
        for (uint32_t i = 0; i < 2; i++)
            memcpy(edge - (2 - i) * size, &hypers[i], size);
        const ho_plugin plugin = {HO_PLUGIN_HEAD(HO_PENALTY), .name = "old", .hypers = {edge - 2 * size, 2, size},
                                  .calls = &calls};
        ho_loaded loaded;
        const char *refusal = read_it(&plugin, &loaded);
        cr_expect(!refusal && strcmp(loaded.hypers[1].name, "decay") == 0, "%u bytes: %s", size, refusal);
    }
}
