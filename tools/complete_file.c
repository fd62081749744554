#include "complete_file.h"

#include <stdlib.h>
#include <string.h>

/* The keys by which a map names its plugin, and terms of a list are addressed; `kind` 0: as the path says. */
static const struct {
    const char *key;
    uint32_t kind;
} naming[] = {{"loss", HO_LOSS}, {"penalty", HO_PENALTY}, {"mode", HO_MODE}, {"plugin", 0}};

static const char *text_at(const ho_tree *map, const char *key)
{
    const ho_tree *node = ho_tree_get(map, key);
    return node && node->kind == HO_TREE_SCALAR ? node->text : NULL;
}

/* What an item of a list is addressed by; NULL: nothing. */
static const char *name_of(const ho_tree *item)
{
    const char *name = text_at(item, "name");
    name = name ? name : text_at(item, "label");
    for (size_t i = 0; !name && i < 2; i++)
        name = text_at(item, naming[i].key);
    return name;
}

static const ho_tree *child_named(const ho_tree *node, const char *name, size_t length)
{
    for (const ho_tree *child = node->first; child; child = child->next) {
        const char *own = node->kind == HO_TREE_MAP ? child->key : name_of(child);
        if (own && strlen(own) == length && strncmp(own, name, length) == 0)
            return child;
    }
    return NULL;
}

/* The kind that a word of the path names: "data/test" is of data. */
static uint32_t kind_of_path(const char *path, size_t length)
{
    for (const char *word = path; word < path + length; word += strcspn(word, "/") + 1)
        for (uint32_t kind = HO_DYNAMICS; kind <= HO_CONSTRAINT; kind++)
            if (strlen(ho_kind_name(kind)) == strcspn(word, "/") &&
                strncmp(word, ho_kind_name(kind), strcspn(word, "/")) == 0)
                return kind;
    if (length == 5 && strncmp(path, "outer", 5) == 0)
        return HO_DYNAMICS;
    return length == 13 && strncmp(path, "hypergradient", 13) == 0 ? HO_MODE : 0;
}

static void offer_settings(const char *name, uint32_t kind, ho_registry *registry, ho_complete_offer offer,
                           void *context)
{
    size_t count;
    const ho_loaded **all = ho_registry_list(registry, kind, &count, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i]->plugin.name, name) != 0)
            continue;
        for (uint32_t k = 0; k < all[i]->hyper_count; k++)
            offer(context, all[i]->hypers[k].name, '=');
        for (uint32_t k = 0; k < all[i]->option_count; k++)
            offer(context, all[i]->options[k].name, '=');
    }
    free(all);
}

void ho_complete_from_file(const ho_tree *root, const char *path, size_t length, bool free_names, ho_registry *registry,
                           ho_complete_offer offer, void *context)
{
    const ho_tree *node = root;
    for (const char *word = path; node && word < path + length; word += strcspn(word, "/") + 1)
        node = child_named(node, word, strcspn(word, "/"));
    if (!node)
        return;
    for (const ho_tree *child = node->kind == HO_TREE_LIST || free_names ? node->first : NULL; child;
         child = child->next) {
        const char *name = node->kind == HO_TREE_MAP ? child->key : name_of(child);
        if (name)
            offer(context, name, child->kind == HO_TREE_MAP ? '/' : '=');
    }
    const ho_tree *tuned = node == root ? ho_tree_get(root, "hyperparameters") : NULL;
    for (const ho_tree *child = tuned ? tuned->first : NULL; child && child->key; child = child->next)
        offer(context, child->key, '='); /* --set l2.rho=0.1 */
    uint32_t kind = kind_of_path(path, length);
    if (node->kind == HO_TREE_SCALAR && kind)
        offer_settings(node->text, kind, registry, offer, context);
    for (size_t i = 0; i < sizeof naming / sizeof *naming; i++) {
        const char *name = text_at(node, naming[i].key);
        if (name && node != root && (naming[i].kind || kind))
            offer_settings(name, naming[i].kind ? naming[i].kind : kind, registry, offer, context);
    }
}
