/* For tests that drive a plugin's calls themselves: loads it from HOTOOL_PLUGIN_PATH and makes an instance of it. */
#ifndef TEST_LOADING_H
#define TEST_LOADING_H

#include "hotool/plugin.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One numeric option that is given; others have their defaults. */
typedef struct given {
    const char *name;
    double number;
} given;

typedef struct test_setup {
    ho_setup head;
    const ho_plugin *plugin;
    given options[4];
    const char *choice[2]; /* an option that is a choice, and what it is given */
    void *memory[4];
    size_t taken;
    char message[256]; /* of fail */
} test_setup;

static inline const ho_plugin *load_plugin(const char *file)
{
    const char *folders = getenv("HOTOOL_PLUGIN_PATH");
    cr_assert_not_null(folders, "HOTOOL_PLUGIN_PATH names the folders that hold the plugins");
    while (*folders) {
        char path[4096];
        const size_t length = strcspn(folders, ":");
        snprintf(path, sizeof(path), "%.*s/%s", (int)length, folders, file);
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library) {
            const ho_plugin *plugin = dlsym(library, HO_PLUGIN_SYMBOL_NAME);
            cr_assert_not_null(plugin, "%s exports %s", path, HO_PLUGIN_SYMBOL_NAME);
            return plugin;
        }
        folders += folders[length] ? length + 1 : length;
    }
    cr_assert_fail("no folder of HOTOOL_PLUGIN_PATH holds %s", file);
    return NULL;
}

static inline double setup_number(ho_setup *u, const char *name)
{
    const test_setup *setup = (const test_setup *)u;
    for (size_t i = 0; i < 4 && setup->options[i].name; i++)
        if (strcmp(setup->options[i].name, name) == 0)
            return setup->options[i].number;
    const ho_option *options = setup->plugin->options.rows;
    for (uint32_t i = 0; i < setup->plugin->options.count; i++)
        if (strcmp(options[i].name, name) == 0)
            return options[i].initial ? strtod(options[i].initial, NULL) : 0.0;
    cr_assert_fail("the plugin asks for %s, which its table does not declare", name);
    return 0.0;
}

static inline int64_t setup_integer(ho_setup *u, const char *name)
{
    return (int64_t)setup_number(u, name);
}

static inline const char *setup_text(ho_setup *u, const char *name)
{
    const test_setup *setup = (const test_setup *)u;
    if (setup->choice[0] && strcmp(setup->choice[0], name) == 0)
        return setup->choice[1];
    const ho_option *options = setup->plugin->options.rows;
    for (uint32_t i = 0; i < setup->plugin->options.count; i++)
        if (strcmp(options[i].name, name) == 0)
            return options[i].initial;
    cr_assert_fail("the plugin asks for %s, which its table does not declare", name);
    return NULL;
}

static inline void *setup_alloc(ho_setup *u, uint64_t bytes)
{
    test_setup *setup = (test_setup *)u;
    cr_assert_lt(setup->taken, 4);
    return setup->memory[setup->taken++] = calloc(1, bytes);
}

HO_PRINTF(5, 6)
static inline ho_status setup_fail(ho_setup *u, const char *file, int32_t line, const char *option, const char *format,
                                   ...)
{
    test_setup *setup = (test_setup *)u;
    va_list arguments;
    (void)file, (void)line, (void)option;
    va_start(arguments, format);
    vsnprintf(setup->message, sizeof(setup->message), format, arguments);
    va_end(arguments);
    return HO_INVALID;
}

/* No list is given. */
static inline int64_t setup_count(ho_setup *u, const char *name)
{
    (void)u, (void)name;
    return 0;
}

static inline void setup_join(ho_setup *u, int32_t leads)
{
    (void)u, (void)leads;
}

static const ho_setup_api test_setup_calls = {
    .struct_size = sizeof(ho_setup_api),
    .option_real = setup_number,
    .option_integer = setup_integer,
    .option_string = setup_text,
    .option_count = setup_count,
    .alloc = setup_alloc,
    .fail = setup_fail,
    .join = setup_join,
};

/* The status of create; *self is the instance. */
static inline ho_status make_instance(test_setup *setup, const ho_plugin *plugin, void **self)
{
    setup->head.api = &test_setup_calls;
    setup->plugin = plugin;
    *self = NULL;
    return plugin->create ? plugin->create(&setup->head, self) : HO_OK;
}

static inline void free_instance(test_setup *setup, void *self)
{
    if (setup->plugin->destroy)
        setup->plugin->destroy(self);
    for (size_t i = 0; i < setup->taken; i++)
        free(setup->memory[i]);
}

#endif
