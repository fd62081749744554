/* Hyperparameters and the hypergradient's mode. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"
#include "system/optimizer.h"

/* Qualified names, gathered for looking up and for suggestions. */
typedef struct name_list {
    const char **names;
    size_t count, capacity;
} name_list;

static void add_name(ho_reading *r, name_list *list, const ho_instance *instance, const char *hyper)
{
    ho_grow((void **)&list->names, &list->capacity, list->count, sizeof *list->names);
    list->names[list->count++] = ho_arena_format(r->arena, "%s.%s", instance->name, hyper);
}

/* The parts that training depends on, which come first. */
static size_t training_part_count(const ho_problem *p)
{
    return ho_part_count(p) - p->validation_count;
}

/* What can be tuned. */
static name_list all_names(ho_reading *r)
{
    const ho_problem *p = &r->pipeline->problem;
    name_list list = {0};
    for (size_t i = 0; i < training_part_count(p); i++) {
        const ho_term *term;
        const ho_instance *part = ho_part_at(p, i, &term);
        for (uint32_t h = 0; h < part->loaded->hyper_count; h++)
            add_name(r, &list, part, part->loaded->hypers[h].name);
        if (term)
            add_name(r, &list, part, "weight");
        if (term && term->per_example)
            add_name(r, &list, part, "weights");
    }
    return list;
}

/* What is minimised must not be tunable: it would go to 0 by its own weight and nothing would be learned. */
static ho_status check_not_measured(ho_reading *r, const ho_tree *entry)
{
    const ho_problem *p = &r->pipeline->problem;
    for (size_t i = training_part_count(p); i < ho_part_count(p); i++) {
        const char *name = ho_part_at(p, i, NULL)->name;
        const size_t length = strlen(name);
        if (strncmp(entry->key, name, length) == 0 && entry->key[length] == '.')
            return ho_fail_at(r->error, HO_INVALID, entry->key_place,
                              "%s cannot be tuned: it belongs to the validation error, so it would change what is "
                              "measured, not the training",
                              entry->key);
    }
    return HO_OK;
}

static ho_status check_known(ho_reading *r, const name_list *known, const ho_tree *entry)
{
    ho_error *error = r->error;
    for (size_t i = 0; i < known->count; i++)
        if (strcmp(known->names[i], entry->key) == 0)
            return HO_OK;
    if (check_not_measured(r, entry) != HO_OK)
        return error->status;
    const char *dot = strrchr(entry->key, '.');
    if (dot && strcmp(dot, ".weights") == 0)
        return ho_fail_at(error, HO_INVALID, entry->key_place,
                          "unknown hyperparameter \"%s\": a loss has example weights only with `weights: per_example`",
                          entry->key);
    char near[HO_SUGGESTION];
    const char *nearest = ho_nearest(entry->key, known->names, known->count);
    char *list = ho_join(known->names, known->count);
    ho_fail_at(error, HO_INVALID, entry->key_place, "unknown hyperparameter \"%s\"%s (known: %s)", entry->key,
               ho_suggest(nearest, near), list);
    free(list);
    return error->status;
}

/* The setting of that name, made where the pipeline has not fixed it already. */
static ho_hyper_setting *setting_of(ho_reading *r, const char *name)
{
    ho_problem *p = &r->pipeline->problem;
    for (size_t i = 0; i < p->setting_count; i++)
        if (strcmp(r->settings[i].name, name) == 0)
            return &r->settings[i];
    r->settings[p->setting_count] = (ho_hyper_setting){.name = name};
    return &r->settings[p->setting_count++];
}

static ho_status describe_constraint(ho_reading *r, ho_tree *node, ho_instance **constraint)
{
    ho_mention mention = {0};
    if (ho_mention_read(r, HO_CONSTRAINT, node, "constraint", &mention) == HO_OK)
        *constraint = ho_mention_make(r, &mention, NULL, HO_PROJECTION);
    return r->error->status;
}

/* One entry of `hyperparameters`. */
static ho_status describe_hyper(ho_reading *r, ho_tree *entry)
{
    ho_hyper_setting *setting = setting_of(r, entry->key);
    setting->tuned = true;
    setting->place = entry->key_place;
    if (entry->kind == HO_TREE_NULL)
        return ho_fail_at(r->error, HO_INVALID, entry->place,
                          "%s: expected its initial value or a map ({} for the default), got nothing", entry->key);
    ho_tree *value = entry->kind == HO_TREE_MAP ? ho_tree_get(entry, "init") : entry;
    if (value) {
        ho_is_npy(r->arena, value);
        setting->beside = setting->value;
        setting->value = value;
    }
    if (entry->kind != HO_TREE_MAP || ho_keys_read(HO_TUNED, entry, setting, r->error) != HO_OK)
        return r->error->status;
    ho_tree *constraint = ho_tree_get(entry, "constraint"), *outer = ho_tree_get(entry, "outer");
    const ho_tree *range = ho_tree_get(entry, "range"), *shape = ho_tree_get(entry, "shape");
    const ho_tree *scale = ho_tree_get(entry, "scale");
    setting->scale_place = scale ? scale->place : entry->place;
    setting->shape_place = shape ? shape->place : entry->place;
    setting->outer = outer;
    if ((outer && ho_tree_expect(outer, HO_TREE_MAP, "outer", r->error) != HO_OK) ||
        (constraint && describe_constraint(r, constraint, &setting->constraint) != HO_OK))
        return r->error->status;
    return range ? ho_describe_range(r, range, setting->name, &r->ranges[r->pipeline->range_count++]) : HO_OK;
}

static ho_status describe_tuned(ho_reading *r, ho_tree *node)
{
    if (ho_tree_expect(node, HO_TREE_MAP, "hyperparameters", r->error) != HO_OK)
        return r->error->status;
    name_list known = all_names(r);
    r->ranges = ho_arena_alloc(r->arena, (node->count + 1) * sizeof *r->ranges);
    r->pipeline->ranges = r->ranges;
    for (ho_tree *entry = node->first; entry && r->error->status == HO_OK; entry = entry->next)
        if (check_known(r, &known, entry) == HO_OK)
            describe_hyper(r, entry);
    free(known.names);
    return r->error->status;
}

/* `auto` is the host's own: no plugin is named, and which one it will be depends on what is trained. */
static ho_status describe_automatic(ho_reading *r, const ho_tree *node)
{
    static const char *const known[] = {"mode", "memory", NULL};
    ho_pipeline *p = r->pipeline;
    p->mode_automatic = true;
    p->mode_place = node ? node->place : (ho_place){.file = p->file};
    if (!node || node->kind != HO_TREE_MAP || ho_tree_only(node, "the mode \"auto\"", known, r->error) != HO_OK)
        return r->error->status;
    const ho_tree *memory = ho_tree_get(node, "memory");
    if (memory && ho_tree_bytes(memory, "memory", &p->memory, r->error) == HO_OK && p->memory == 0)
        ho_fail_at(r->error, HO_INVALID, memory->place, "memory: expected at least one byte, got 0");
    return r->error->status;
}

static ho_status describe_mode(ho_reading *r, size_t tuned)
{
    ho_tree *node = ho_tree_get(r->root, "hypergradient");
    if (!node && !tuned)
        return HO_OK;
    if (!node || ho_is_word(node, "auto") || ho_is_word(ho_tree_get(node, "mode"), "auto"))
        return describe_automatic(r, node);
    ho_mention mention = {0};
    if (ho_mention_read(r, HO_MODE, node, "hypergradient", &mention) == HO_OK)
        r->pipeline->mode = ho_mention_make(r, &mention, NULL, HO_HYPERGRADIENT);
    return r->error->status;
}

/* What single hyperparameters ask of the outer optimizer. */
static ho_status check_own_outer(ho_reading *r)
{
    const ho_instance *outer = r->pipeline->outer;
    uint32_t count = outer ? outer->loaded->hyper_count : 0;
    const char **known = ho_arena_alloc(r->arena, (count + 1) * sizeof *known);
    for (uint32_t i = 0; i < count; i++)
        known[i] = outer->loaded->hypers[i].name;
    for (size_t i = 0; i < r->pipeline->problem.setting_count; i++) {
        const ho_tree *own = r->settings[i].outer;
        if (own && !outer)
            return ho_fail_at(r->error, HO_INVALID, own->key_place,
                              "outer: the pipeline has no outer optimizer that this could apply to");
        if (own && (ho_tree_only(own, "this hyperparameter's \"outer\"", known, r->error) != HO_OK ||
                    ho_optimizer_check(outer, own, false, r->error) != HO_OK))
            return r->error->status;
    }
    return HO_OK;
}

ho_status ho_describe_hypers(ho_reading *r)
{
    ho_tree *hypers = ho_tree_get(r->root, "hyperparameters"), *outer = ho_tree_get(r->root, "outer");
    size_t tuned = hypers ? hypers->count : 0;
    if ((hypers && describe_tuned(r, hypers) != HO_OK) || describe_mode(r, tuned) != HO_OK ||
        (outer && ho_describe_outer(r, outer, tuned) != HO_OK))
        return r->error->status;
    return check_own_outer(r);
}
