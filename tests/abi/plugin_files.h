/* Plugins as files, loaded one by one: what tests of the ABI share. HOTOOL_TEST_PLUGINS is the folder of plugins/
 * built.
 */
#ifndef TEST_PLUGIN_FILES_H
#define TEST_PLUGIN_FILES_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "host/registry.h"
#include "host/tracing.h"

static ho_error error;
static ho_registry *registry;
static char folder[sizeof "/tmp/hotool-abi-XXXXXX"];
static char text[4096];

/* "FOLDER/NAME" of the plugins under test. */
static inline const char *built(const char *name)
{
    static char path[4096];
    const char *plugins = getenv("HOTOOL_TEST_PLUGINS");
    cr_assert_not_null(plugins, "HOTOOL_TEST_PLUGINS is not set");
    snprintf(path, sizeof path, "%.2000s/%.2000s.so", plugins, name);
    return path;
}

/* "FOLDER/NAME" in a folder of the test's own. */
static inline const char *made(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static inline void setup(void)
{
    error = (ho_error){0};
    unsetenv("HOTOOL_PLUGIN_PATH");
    strcpy(folder, "/tmp/hotool-abi-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    registry = ho_registry_new(NULL, &error);
    cr_assert_not_null(registry, "%s", error.text);
}

static inline void teardown(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
    ho_registry_free(registry);
}

static inline void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

static inline uint8_t *good_bytes(uint64_t *size)
{
    uint8_t *bytes;
    cr_assert_eq(ho_file_read(built("good"), 0, &bytes, size, &error), HO_OK, "%s", error.text);
    return bytes;
}

/* Traces the step of a plugin under test. */
static inline ho_status trace(const char *name)
{
    const ho_loaded *loaded = ho_registry_load(registry, built(name), &error);
    cr_assert_not_null(loaded, "%s", error.text);
    ho_instance *instance = ho_instance_new(loaded, NULL, NULL, NULL, (ho_place){"x.yaml", 5, 12}, &error);
    ho_graph *graph = ho_graph_new(&error);
    ho_scope *scope = ho_scope_new();
    ho_scope_bind(scope, "w", ho_node_leaf(graph, "w", ho_shape_of(1, (int64_t[]){4})));
    ho_scope_bind(scope, "g", ho_node_leaf(graph, "g", ho_shape_of(1, (int64_t[]){4})));
    ho_scope_bind(scope, "rate", ho_node_leaf(graph, "rate", ho_scalar_shape()));
    ho_trace_env env = {.graph = graph, .scope = scope};
    ho_status status = ho_trace_call(instance, "step", loaded->calls.dynamics.step, &env);
    ho_scope_free(scope);
    ho_graph_free(graph);
    ho_instance_free(instance);
    return status;
}

#endif
