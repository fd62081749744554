/* What benchmarks share: plugins and settings by hand; trouble ends them. */
#ifndef BENCH_H
#define BENCH_H

#include <stdio.h>
#include <stdlib.h>

#include "base/tree.h"
#include "host/instance.h"
#include "host/registry.h"

typedef struct bench {
    ho_registry *registry;
    ho_error error;
    ho_arena *arena;
} bench;

static inline void must(const bench *b, bool good)
{
    if (good)
        return;
    fprintf(stderr, "bench: %s\n", b->error.text);
    exit(1);
}

static inline bench bench_open(void)
{
    bench b = {.arena = ho_arena_new()};
    b.registry = ho_registry_new(NULL, &b.error);
    must(&b, b.registry != NULL);
    return b;
}

static inline ho_instance *make(bench *b, uint32_t kind, const char *plugin, const char *name, const ho_tree *options)
{
    const ho_loaded *loaded = ho_registry_find(b->registry, kind, plugin, (ho_place){0}, &b->error);
    must(b, loaded != NULL);
    ho_instance *instance = ho_instance_new(loaded, name, options, NULL, (ho_place){0}, &b->error);
    must(b, instance != NULL);
    return instance;
}

static inline ho_tree *scalar(bench *b, const char *text)
{
    ho_tree *node = ho_tree_new(b->arena, HO_TREE_SCALAR, (ho_place){0});
    node->text = text;
    return node;
}

static inline void set(ho_tree *map, const char *key, ho_tree *value)
{
    value->key = key;
    ho_tree_append(map, value);
}

#endif
