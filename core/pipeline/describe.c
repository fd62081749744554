/* Model, dynamics, objective, validation and start: from the tree into the problem. */
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"

/* A name that can stand before the '.' of a hyperparameter. */
static ho_status check_name(const ho_tree *node, const char **name, ho_error *error)
{
    if (ho_tree_string(node, "name", name, error) != HO_OK)
        return error->status;
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789-";
    const char *text = *name;
    bool first = (text[0] >= 'A' && text[0] <= 'Z') || (text[0] >= 'a' && text[0] <= 'z') || text[0] == '_';
    if (first && strspn(text, letters) == strlen(text) && strlen(text) <= HO_NAME_MAX) /* files are called so */
        return HO_OK;
    return ho_fail_at(
        error, HO_INVALID, node->place,
        "name: \"%s\": expected letters, digits, '_' and '-', at most %d of them, beginning with a letter", text,
        HO_NAME_MAX);
}

static const char *const per_example = "per_example";

/* The names that prefix hyperparameters must differ. */
static ho_status check_unique(const ho_reading *r, const char *name, ho_place place)
{
    const ho_problem *p = &r->pipeline->problem;
    for (size_t i = 0; i < ho_part_count(p); i++) {
        const ho_instance *part = ho_part_at(p, i, NULL);
        if (part && strcmp(part->name, name) == 0)
            return ho_fail_at(r->error, HO_INVALID, place,
                              "two parts of the pipeline are called \"%s\"; give one another \"name\"", name);
    }
    return HO_OK;
}

/* Records what the settings fix among a plugin's hyperparameters, and a term's weight and weights. */
static void fix_hypers(ho_reading *r, const ho_instance *instance, const ho_tree *settings, bool weighted)
{
    for (ho_tree *child = settings ? settings->first : NULL; child; child = child->next) {
        bool weight = weighted && strcmp(child->key, "weight") == 0;
        bool weights = weighted && strcmp(child->key, "weights") == 0 && !ho_is_word(child, per_example);
        if (!weight && !weights && !ho_has_hyper(instance->loaded, child->key))
            continue;
        ho_is_npy(r->arena, child);
        r->settings[r->pipeline->problem.setting_count++] = (ho_hyper_setting){
            .name = ho_arena_format(r->arena, "%s.%s", instance->name, child->key),
            .place = child->key_place,
            .value = child,
        };
    }
}

/* `weights` of a loss: the word per_example (all 1 unless they are tuned from elsewhere), or their values. */
static ho_status read_weights(ho_reading *r, ho_tree *node, ho_term *term)
{
    double number;
    char near[HO_SUGGESTION];
    term->per_example = true;
    term->weights_place = node->place;
    if (node->kind == HO_TREE_LIST || ho_is_word(node, per_example) || ho_is_npy(r->arena, node))
        return HO_OK;
    if (node->kind != HO_TREE_SCALAR)
        return ho_fail_at(r->error, HO_INVALID, node->place,
                          "weights: expected per_example, or the weights themselves (a list or a .npy file), got %s",
                          ho_tree_kind_name(node->kind));
    if (!node->quoted && ho_parse_real(node->text, &number))
        return HO_OK;
    return ho_fail_at(r->error, HO_INVALID, node->place,
                      "weights: \"%s\" is neither per_example, nor a number, nor a .npy file%s", node->text,
                      ho_suggest(ho_nearest(node->text, &per_example, 1), near));
}

/* Makes an instance from its mention. `fallback`: its name where the settings give none; `keys`: that may stand among
 * them. */
static ho_instance *make(ho_reading *r, const ho_mention *mention, const char *fallback, const char *const *keys)
{
    const char *name = fallback;
    const ho_tree *given = ho_tree_get(mention->settings, "name");
    ho_place place = given ? given->place : mention->place;
    if ((given && check_name(given, &name, r->error) != HO_OK) || check_unique(r, name, place) != HO_OK)
        return NULL;
    return ho_instance_new(mention->loaded, name, mention->settings, keys, mention->place, r->error);
}

/* The model or the dynamics. */
static ho_status describe_part(ho_reading *r, uint32_t kind, ho_instance **instance)
{
    const char *key = ho_kind_name(kind);
    ho_mention mention = {0};
    if (ho_mention_read(r, kind, ho_tree_get(r->root, key), key, &mention) == HO_OK)
        *instance = make(r, &mention, key, ho_key_names(HO_PART));
    if (*instance)
        fix_hypers(r, *instance, mention.settings, false);
    return r->error->status;
}

static ho_status read_on(ho_reading *r, ho_tree *node, ho_term *term)
{
    const ho_tree *item = ho_items(node, "on", &term->on_count, r->error);
    const char **patterns = ho_arena_alloc(r->arena, term->on_count * sizeof *patterns);
    for (size_t i = 0; i < term->on_count && r->error->status == HO_OK; i++, item = item->next)
        ho_tree_string(item, "on", &patterns[i], r->error);
    term->on = patterns;
    term->on_place = node->place;
    return r->error->status;
}

/* The keys that a term may have beside its plugin's: `validation` itself, also what its mean is taken over. */
static const char *const *term_keys(ho_reading *r, const ho_tree *node, ho_section section)
{
    const char *const *lists[] = {ho_key_names(section), ho_key_names(HO_VALIDATION)};
    if (node != ho_tree_get(r->root, "validation"))
        return lists[0];
    size_t count = 0;
    for (int i = 0; i < 2; i++)
        for (const char *const *key = lists[i]; *key; key++)
            count++;
    const char **all = ho_arena_alloc(r->arena, (count + 1) * sizeof *all);
    count = 0;
    for (int i = 0; i < 2; i++)
        for (const char *const *key = lists[i]; *key; key++)
            all[count++] = *key;
    return all;
}

/* One term. Where it gives no name, it is called as its plugin; with a prefix: prefix_plugin, or just prefix when
 * alone. */
static ho_status describe_term(ho_reading *r, ho_tree *node, const char *where, const char *prefix, bool alone,
                               ho_term *term)
{
    if (ho_tree_expect(node, HO_TREE_MAP, where, r->error) != HO_OK)
        return r->error->status;
    const ho_tree *loss = ho_tree_get(node, "loss"), *penalty = ho_tree_get(node, "penalty");
    if (!loss == !penalty)
        return ho_fail_at(r->error, HO_INVALID, node->place, "%s: a term has either \"loss\" or \"penalty\"%s", where,
                          loss ? ", not both" : "");
    ho_section section = loss ? HO_LOSS_TERM : HO_PENALTY_TERM;
    ho_mention mention = {0};
    if (ho_mention_read(r, loss ? HO_LOSS : HO_PENALTY, node, where, &mention) != HO_OK)
        return r->error->status;
    const char *name = mention.loaded->plugin.name;
    if (prefix)
        name = alone ? prefix : ho_arena_format(r->arena, "%s_%s", prefix, name);
    term->plugin = make(r, &mention, name, term_keys(r, node, section));
    if (!term->plugin || ho_keys_read(section, node, term, r->error) != HO_OK)
        return r->error->status;
    const ho_tree *target = ho_tree_get(node, "target");
    ho_tree *on = penalty ? ho_tree_get(node, "on") : NULL, *weights = loss ? ho_tree_get(node, "weights") : NULL;
    term->target_place = target ? target->place : term->target_place;
    if ((weights && read_weights(r, weights, term) != HO_OK) || (on && read_on(r, on, term) != HO_OK))
        return r->error->status;
    fix_hypers(r, term->plugin, node, true);
    return HO_OK;
}

/* The terms of a list, or of a single map. *count grows as they are made, so that those made are freed after an error.
 */
static ho_status describe_terms(ho_reading *r, ho_tree *node, const char *where, const char *prefix,
                                const ho_term **terms, size_t *count)
{
    size_t wanted;
    ho_tree *item = ho_items(node, where, &wanted, r->error);
    ho_term *made = ho_arena_alloc(r->arena, wanted * sizeof *made);
    *terms = made;
    for (size_t i = 0; i < wanted && r->error->status == HO_OK; i++, item = item->next) {
        describe_term(r, item, where, prefix, wanted == 1, &made[i]);
        *count += made[i].plugin != NULL;
    }
    return r->error->status;
}

/* The validation error where the pipeline gives none: the objective's losses, by their mean. */
static ho_tree *default_validation(ho_reading *r, ho_tree *objective)
{
    ho_tree *list = ho_tree_new(r->arena, HO_TREE_LIST, objective->place);
    size_t count;
    const ho_tree *item = ho_items(objective, "objective", &count, r->error);
    for (size_t i = 0; i < count; i++, item = item->next)
        if (ho_tree_get(item, "loss")) {
            ho_tree *copy = ho_tree_copy(r->arena, item);
            ho_tree_remove(copy, "name");
            ho_tree_remove(copy, "reduce");
            ho_tree_remove(copy, "weights");
            ho_tree_append(list, copy);
        }
    return list;
}

static bool has_any(const ho_tree *map, const char *const *keys)
{
    while (*keys && !ho_tree_get(map, *keys))
        keys++;
    return *keys != NULL;
}

/* What `validation` sums, apart from what its mean is taken over; NULL: it does not say. */
static ho_tree *validation_terms(ho_reading *r)
{
    ho_tree *node = ho_tree_get(r->root, "validation"), *terms = ho_tree_get(node, "terms");
    const bool map = node && node->kind == HO_TREE_MAP,
               single = has_any(node, ho_key_names(HO_LOSS_TERM)) || has_any(node, ho_key_names(HO_PENALTY_TERM));
    if (ho_keys_read(HO_VALIDATION, map ? node : NULL, r->pipeline, r->error) != HO_OK || !map)
        return node;
    if (terms && single)
        ho_fail_at(r->error, HO_INVALID, terms->key_place, "terms: not beside a single term");
    else if (terms)
        ho_tree_expect(terms, HO_TREE_LIST, "terms", r->error);
    if (!single)
        ho_tree_only(node, "validation", ho_key_names(HO_VALIDATION), r->error);
    return single ? node : terms;
}

static ho_status describe_errors(ho_reading *r)
{
    ho_problem *p = &r->pipeline->problem;
    ho_tree *objective = ho_tree_get(r->root, "objective"), *validation = validation_terms(r);
    if (r->error->status != HO_OK)
        return r->error->status;
    if (describe_terms(r, objective, "objective", NULL, &p->objective, &p->objective_count) != HO_OK)
        return r->error->status;
    size_t losses = 0;
    for (size_t i = 0; i < p->objective_count; i++)
        losses += p->objective[i].plugin->loaded->plugin.kind == HO_LOSS;
    if (!losses)
        return ho_fail_at(r->error, HO_INVALID, objective->place, "objective: at least one term must be a loss");
    if (!validation)
        validation = default_validation(r, objective);
    return describe_terms(r, validation, "validation", "validation", &p->validation_terms, &p->validation_count);
}

static ho_status describe_starts(ho_reading *r, const ho_tree *node)
{
    ho_problem *p = &r->pipeline->problem;
    if (ho_tree_expect(node, HO_TREE_MAP, "start", r->error) != HO_OK)
        return r->error->status;
    ho_start *starts = ho_arena_alloc(r->arena, (node->count + 1) * sizeof *starts);
    p->starts = starts;
    for (ho_tree *child = node->first; child; child = child->next) {
        if (ho_tree_expect(child, HO_TREE_SCALAR, "start", r->error) != HO_OK)
            return r->error->status;
        ho_path_settle(r->arena, child);
        starts[p->start_count++] = (ho_start){.weight = child->key, .path = child->text, .place = child->place};
    }
    return HO_OK;
}

ho_status ho_describe_problem(ho_reading *r)
{
    ho_problem *p = &r->pipeline->problem;
    const ho_tree *start = ho_tree_get(r->root, "start");
    if (describe_part(r, HO_MODEL, &p->model) != HO_OK || describe_part(r, HO_DYNAMICS, &p->dynamics) != HO_OK ||
        describe_errors(r) != HO_OK)
        return r->error->status;
    return start ? describe_starts(r, start) : HO_OK;
}
