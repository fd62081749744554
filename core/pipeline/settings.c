/* Single settings: numbers with a least, and words out of a few. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"

bool ho_is_word(const ho_tree *node, const char *word)
{
    return node && node->kind == HO_TREE_SCALAR && strcmp(node->text, word) == 0;
}

ho_status ho_read_count(const ho_tree *node, const char *key, int64_t least, int64_t *value, ho_error *error)
{
    if (!node)
        return HO_OK;
    if (ho_tree_integer(node, key, value, error) != HO_OK)
        return error->status;
    if (*value < least)
        return ho_fail_at(error, HO_INVALID, node->place, "%s: %" PRId64 " is less than %" PRId64, key, *value, least);
    return HO_OK;
}

ho_status ho_read_positive(const ho_tree *node, const char *key, double *value, ho_error *error)
{
    if (!node)
        return HO_OK;
    if (ho_tree_real(node, key, value, error) != HO_OK)
        return error->status;
    if (!(*value > 0))
        return ho_fail_at(error, HO_INVALID, node->place, "%s: %s is not above 0", key, node->text);
    return HO_OK;
}

ho_status ho_read_choice(const ho_tree *node, const char *key, const char *const *words, int *which, ho_error *error)
{
    const char *text;
    *which = 0;
    if (!node)
        return HO_OK;
    if (ho_tree_string(node, key, &text, error) != HO_OK)
        return error->status;
    int count = 0;
    for (; words[count]; count++)
        if (strcmp(text, words[count]) == 0) {
            *which = count;
            return HO_OK;
        }
    char near[HO_SUGGESTION];
    ho_suggest(ho_nearest(text, words, (size_t)count), near);
    if (count == 2)
        return ho_fail_at(error, HO_INVALID, node->place, "%s: \"%s\" is neither %s nor %s%s", key, text, words[0],
                          words[1], near);
    char *list = ho_join(words, (size_t)count);
    ho_fail_at(error, HO_INVALID, node->place, "%s: \"%s\" is none of %s%s", key, text, list, near);
    free(list);
    return error->status;
}
