/* `choose`: further rows of the table, each made of the best of some variants by validation error. */
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"

static ho_status check_members(const ho_tree *choice, const ho_tree *variants, const char *const *names,
                               ho_error *error)
{
    if (ho_tree_expect(choice, HO_TREE_LIST, choice->key, error) != HO_OK)
        return error->status;
    if (choice->count < 2)
        return ho_fail_at(error, HO_INVALID, choice->place, "choose: %s: wanted are at least two variants",
                          choice->key);
    for (const ho_tree *item = choice->first; item; item = item->next) {
        const char *name;
        char near[HO_SUGGESTION];
        if (ho_tree_string(item, choice->key, &name, error) != HO_OK)
            return error->status;
        if (!ho_tree_get(variants, name))
            return ho_fail_at(error, HO_INVALID, item->place, "choose: %s: no variant \"%s\"%s", choice->key, name,
                              ho_suggest(ho_nearest(name, names, variants->count), near));
        for (const ho_tree *other = choice->first; other != item; other = other->next)
            if (strcmp(other->text, name) == 0)
                return ho_fail_at(error, HO_INVALID, item->place, "choose: %s: \"%s\" is named twice", choice->key,
                                  name);
    }
    return HO_OK;
}

ho_status ho_choose_check(ho_arena *arena, const ho_tree *root, ho_error *error)
{
    const ho_tree *choose = ho_tree_get(root, "choose"), *variants = ho_tree_get(root, "variants");
    if (!choose)
        return HO_OK;
    if (ho_tree_expect(choose, HO_TREE_MAP, "choose", error) != HO_OK)
        return error->status;
    if (!variants)
        return ho_fail_at(error, HO_INVALID, choose->key_place, "choose: there are no variants to choose among");
    const char **names = ho_variant_names(arena, variants);
    for (const ho_tree *choice = choose->first; choice; choice = choice->next) {
        if (ho_variant_name_check(choice, "choose", error) != HO_OK)
            return error->status;
        if (ho_tree_get(variants, choice->key))
            return ho_fail_at(error, HO_INVALID, choice->key_place, "choose: \"%s\" is the name of a variant",
                              choice->key);
        if (check_members(choice, variants, names, error) != HO_OK)
            return error->status;
    }
    return HO_OK;
}

/* Which of the experiment's variants a choice names; false: not all of them run. */
static bool find_members(const ho_experiment *e, const ho_tree *choice, size_t *members)
{
    size_t count = 0;
    for (const ho_tree *item = choice->first; item; item = item->next) {
        size_t v = 0;
        while (v < e->variant_count && strcmp(e->variants[v], item->text) != 0)
            v++;
        if (v == e->variant_count)
            return false;
        members[count++] = v;
    }
    return true;
}

void ho_choose_read(ho_experiment *e)
{
    const ho_tree *choose = ho_tree_get(e->root, "choose");
    ho_choice *choices = ho_arena_alloc(e->arena, ((choose ? choose->count : 0) + 1) * sizeof *choices);
    for (const ho_tree *choice = choose ? choose->first : NULL; choice; choice = choice->next) {
        size_t *members = ho_arena_alloc(e->arena, choice->count * sizeof *members);
        if (find_members(e, choice, members))
            choices[e->choice_count++] = (ho_choice){choice->key, members, choice->count};
    }
    e->choices = choices;
}
