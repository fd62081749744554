/* For tests of data readers: a folder of their own, and reading with options through the host. */
#ifndef TEST_READING_H
#define TEST_READING_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tree.h"
#include "host/dataset.h"
#include "host/registry.h"

static ho_error error;
static ho_arena *arena;
static ho_registry *registry;
static ho_dataset *dataset;
static char folder[] = "/tmp/hotool_data_XXXXXX";

static inline void setup(void)
{
    error = (ho_error){0};
    arena = ho_arena_new();
    registry = ho_registry_new(NULL, &error);
    dataset = NULL;
    cr_assert_not_null(registry, "%s", error.text);
    cr_assert_not_null(mkdtemp(folder));
}

static inline void teardown(void)
{
    char command[64];
    ho_dataset_free(dataset);
    ho_registry_free(registry);
    ho_arena_free(arena);
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
}

static inline const char *path(const char *name)
{
    return ho_arena_format(arena, "%s/%s", folder, name);
}

static inline void put(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(path(name), "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static inline ho_tree *scalar(const char *key, const char *text)
{
    ho_tree *node = ho_tree_new(arena, HO_TREE_SCALAR, (ho_place){"x.yaml", 3, 5});
    node->key = key;
    node->text = text;
    return node;
}

/* Settings as "key=value" texts; a value with commas is a list. */
static inline ho_tree *settings_of(const char *const *pairs)
{
    ho_tree *map = ho_tree_new(arena, HO_TREE_MAP, (ho_place){"x.yaml", 2, 3});
    for (; *pairs; pairs++) {
        char *key = ho_arena_strdup(arena, *pairs), *value = strchr(key, '=');
        *value++ = '\0';
        if (!strchr(value, ',')) {
            ho_tree_append(map, scalar(key, value));
            continue;
        }
        ho_tree *list = ho_tree_new(arena, HO_TREE_LIST, (ho_place){"x.yaml", 3, 5});
        list->key = key;
        for (char *rest = NULL, *item = strtok_r(value, ",", &rest); item; item = strtok_r(NULL, ",", &rest))
            ho_tree_append(list, scalar(NULL, item));
        ho_tree_append(map, list);
    }
    return map;
}

static inline ho_dataset *read_data(const char *reader, const char *const *pairs)
{
    const ho_loaded *loaded = ho_registry_find(registry, HO_DATA, reader, (ho_place){0}, &error);
    cr_assert_not_null(loaded, "%s", error.text);
    ho_instance *instance =
        ho_instance_new(loaded, "data", settings_of(pairs), NULL, (ho_place){"x.yaml", 2, 3}, &error);
    dataset = instance ? ho_dataset_read(instance, &error) : NULL;
    ho_instance_free(instance);
    return dataset;
}

#define read_with(reader, ...) read_data(reader, (const char *const[]){__VA_ARGS__, NULL})
#define option(name, file)     ho_arena_format(arena, name "=%s", path(file))

static inline void expect_refusal(const char *const *parts)
{
    cr_assert_null(dataset);
    cr_assert_eq(error.status, HO_INVALID);
    for (; *parts; parts++)
        cr_expect_not_null(strstr(error.text, *parts), "\"%s\" should say \"%s\"", error.text, *parts);
}

#define expect_refused(...) expect_refusal((const char *const[]){__VA_ARGS__, NULL})

static inline double input(const ho_examples *e, int64_t i)
{
    return e->x32 ? (double)e->x32[i] : e->x64[i];
}

#endif
