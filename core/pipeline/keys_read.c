/* Reading maps by the table of keys. */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/keys.h"

#define MOST_KEYS 32 /* of a section */

static const char *names[HO_SECTIONS][MOST_KEYS];

static void gather_names(void)
{
    size_t counts[HO_SECTIONS] = {0};
    for (size_t i = 0; i < ho_key_count; i++)
        for (int s = 0; s < HO_SECTIONS; s++)
            if ((ho_keys[i].in & HO_IN(s)) && counts[s] + 1 < MOST_KEYS)
                names[s][counts[s]++] = ho_keys[i].name;
}

const char *const *ho_key_names(ho_section section)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, gather_names);
    return names[section];
}

/* ---- what a key takes, in words ---------------------------------------------------------------------------------- */

static size_t word_count(const ho_key *key)
{
    size_t count = 0;
    while (key->words[count])
        count++;
    return count;
}

char *ho_key_type_text(const ho_key *key)
{
    static const char *const names_of[] = {[HO_KEY_INTEGER] = "integer",
                                           [HO_KEY_REAL] = "number",
                                           [HO_KEY_BOOLEAN] = "true or false",
                                           [HO_KEY_TEXT] = "text",
                                           [HO_KEY_NAME] = "name"};
    if (key->type == HO_KEY_OTHER)
        return ho_strdup(key->form);
    if (key->type == HO_KEY_WORD) {
        char *list = ho_join(key->words, word_count(key)), *text = ho_format("one of %s", list);
        free(list);
        return text;
    }
    char least[32], most[32], range[96] = "";
    ho_print_real(key->least, least);
    ho_print_real(key->most, most);
    bool number = key->type == HO_KEY_INTEGER || key->type == HO_KEY_REAL;
    if (number && key->most > 0)
        snprintf(range, sizeof range, " from %s to %s%s", least, key->most_open ? "below " : "", most);
    else if (number && isfinite(key->least))
        snprintf(range, sizeof range, " %s %s", key->least_open ? ">" : ">=", least);
    return ho_format("%s%s%s%s%s", names_of[key->type], range, key->fraction ? ", or fraction below 1" : "",
                     key->words ? ", or " : "", key->words ? key->words[0] : "");
}

const char *ho_key_with_text(const ho_key *key)
{
    static const char *const texts[] = {[HO_WITH_BATCH] = "schedule: batch",
                                        [HO_WITH_ONLINE] = "schedule: online",
                                        [HO_WITH_SEARCH] = "strategy: grid or random",
                                        [HO_WITH_RANDOM] = "strategy: random"};
    return key->with ? texts[key->with] : NULL;
}

/* ---- single values ----------------------------------------------------------------------------------------------- */

bool ho_is_file_name(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    return *text && *text != '.' && strspn(text, letters) == strlen(text) && strlen(text) <= HO_NAME_MAX;
}

static ho_status check_range(const ho_key *key, const ho_tree *node, double value, ho_error *error)
{
    bool low = key->least_open ? !(value > key->least) : !(value >= key->least);
    bool high = key->most > 0 && (key->most_open ? !(value < key->most) : !(value <= key->most));
    if (!low && !high)
        return HO_OK;
    char least[32], most[32];
    ho_print_real(key->least, least);
    ho_print_real(key->most, most);
    if (key->most_open)
        return ho_fail_at(error, HO_INVALID, node->place, "%s: %s is not in [%s, %s)", key->name, node->text, least,
                          most);
    if (key->most > 0)
        return ho_fail_at(error, HO_INVALID, node->place, "%s: %s is not between %s and %s", key->name, node->text,
                          least, most);
    return ho_fail_at(error, HO_INVALID, node->place, "%s: %s is %s %s", key->name, node->text,
                      key->least_open ? "not above" : "less than", least);
}

static void store(void *to, size_t size, int64_t value)
{
    if (size == sizeof(bool))
        *(bool *)to = value != 0;
    else if (size == sizeof(int))
        *(int *)to = (int)value;
    else
        *(int64_t *)to = value;
}

static ho_status read_word(const ho_key *key, const ho_tree *node, void *to, ho_error *error)
{
    const char *text, *const *words = key->words;
    if (ho_tree_string(node, key->name, &text, error) != HO_OK)
        return error->status;
    size_t count = word_count(key), which = 0;
    while (which < count && strcmp(text, words[which]) != 0)
        which++;
    if (which < count) {
        store(to, key->size, (int64_t)which);
        return HO_OK;
    }
    char near[HO_SUGGESTION], *list = ho_join(words, count);
    ho_suggest(ho_nearest(text, words, count), near);
    if (count == 2)
        ho_fail_at(error, HO_INVALID, node->place, "%s: \"%s\" is neither %s nor %s%s", key->name, text, words[0],
                   words[1], near);
    else
        ho_fail_at(error, HO_INVALID, node->place, "%s: \"%s\" is none of %s%s", key->name, text, list, near);
    free(list);
    return error->status;
}

static ho_status read_integer(const ho_key *key, const ho_tree *node, void *to, ho_error *error)
{
    int64_t value;
    if (key->words && node->kind == HO_TREE_SCALAR && strcmp(node->text, *key->words) == 0) {
        store(to, sizeof value, key->special);
        return HO_OK;
    }
    if (key->words && node->kind == HO_TREE_SCALAR && !node->quoted && !ho_parse_integer(node->text, &value)) {
        char *form = ho_key_type_text(key);
        ho_fail_at(error, HO_INVALID, node->place, "%s: \"%s\": expected %s", key->name, node->text, form);
        free(form);
        return error->status;
    }
    if (ho_tree_integer(node, key->name, &value, error) != HO_OK ||
        check_range(key, node, (double)value, error) != HO_OK)
        return error->status;
    store(to, sizeof value, value);
    return HO_OK;
}

static ho_status read_value(const ho_key *key, const ho_tree *node, void *to, ho_error *error)
{
    double real;
    const char *text;
    switch (key->type) {
    case HO_KEY_INTEGER:
        return read_integer(key, node, to, error);
    case HO_KEY_REAL:
        if (ho_tree_real(node, key->name, &real, error) == HO_OK && check_range(key, node, real, error) == HO_OK)
            *(double *)to = real;
        return error->status;
    case HO_KEY_BOOLEAN:
        return ho_tree_boolean(node, key->name, to, error);
    case HO_KEY_WORD:
        return read_word(key, node, to, error);
    case HO_KEY_NAME:
    case HO_KEY_TEXT:
        if (ho_tree_string(node, key->name, &text, error) != HO_OK)
            return error->status;
        if (key->type == HO_KEY_NAME && !ho_is_file_name(text))
            return ho_fail_at(error, HO_INVALID, node->place, "%s: \"%s\": " HO_FILE_NAME_RULE, key->name, text);
        *(const char **)to = text;
        return HO_OK;
    case HO_KEY_OTHER:
        break;
    }
    return HO_OK;
}

/* The value in a map, or the default. */
static ho_status read_key(const ho_key *key, const ho_tree *map, void *to, ho_error *error)
{
    const ho_tree *node = ho_tree_get(map, key->name);
    const ho_tree fallback = {.kind = HO_TREE_SCALAR, .text = key->initial};
    if (!node && !key->initial)
        return HO_OK;
    return read_value(key, node ? node : &fallback, to, error);
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

static ho_status missing(ho_section section, const ho_key *key, ho_place place, ho_error *error)
{
    if (section == HO_PIPELINE)
        return ho_fail_at(error, HO_INVALID, (ho_place){.file = place.file}, "the pipeline has no \"%s\"", key->name);
    return ho_fail_at(error, HO_INVALID, place, "%s: \"%s\" is missing", ho_key_sections[section].name, key->name);
}

ho_status ho_keys_read(ho_section section, const ho_tree *map, void *values, ho_error *error)
{
    const ho_key_section *about = &ho_key_sections[section];
    if (map && (ho_tree_expect(map, HO_TREE_MAP, about->name, error) != HO_OK ||
                (!about->takes && ho_tree_only(map, about->name, ho_key_names(section), error) != HO_OK)))
        return error->status;
    for (size_t i = 0; i < ho_key_count && error->status == HO_OK; i++) {
        const ho_key *key = &ho_keys[i];
        if (!(key->in & HO_IN(section)))
            continue;
        if (key->required && !ho_tree_get(map, key->name))
            return missing(section, key, map ? map->place : (ho_place){0}, error);
        if (key->size)
            read_key(key, map, (char *)values + key->offset, error);
    }
    return error->status;
}

ho_status ho_key_read(ho_section section, const char *name, const ho_tree *map, void *value, ho_error *error)
{
    for (size_t i = 0; i < ho_key_count; i++)
        if ((ho_keys[i].in & HO_IN(section)) && strcmp(ho_keys[i].name, name) == 0)
            return read_key(&ho_keys[i], map, value, error);
    return ho_fail(error, HO_FAILED, "no key \"%s\"", name);
}
