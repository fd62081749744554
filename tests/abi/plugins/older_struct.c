/* Built when descriptor, options and calls had fewer members, and with none of the SDK's present headers. */
#include <stddef.h>
#include <stdint.h>

typedef struct old_table {
    const void *rows;
    uint32_t count, row_size;
} old_table;

typedef struct old_option {
    const char *name;
    uint32_t type, required;
    const char *initial;
} old_option;

typedef struct old_calls {
    uint32_t struct_size, granularity;
    old_table slots;
    int32_t (*step)(void *self, void *x);
} old_calls;

/* Up to `calls`: no create, no destroy. */
typedef struct old_plugin {
    uint32_t struct_size, abi_major, abi_minor, kind;
    const char *name, *version, *doc, *details;
    old_table options, hypers;
    const void *calls;
} old_plugin;

static int32_t step(void *self, void *x)
{
    (void)self;
    (void)x;
    return 0;
}

static const old_option options[] = {{"epsilon", 1, 0, "0.25"}, {"order", 2, 0, "3"}};
static const old_calls calls = {sizeof(old_calls), 0, {NULL, 0, 0}, step};

extern __attribute__((visibility("default"))) const old_plugin hotool_plugin_v0;
__attribute__((visibility("default"))) const old_plugin hotool_plugin_v0 = {
    .struct_size = sizeof(old_plugin),
    .abi_major = 0,
    .abi_minor = 1,
    .kind = 1,
    .name = "older_struct",
    .options = {options, 2, sizeof(old_option)},
    .calls = &calls,
};
