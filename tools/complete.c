#include "complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "complete_file.h"
#include "help.h"
#include "own.h"
#include "pipeline/keys.h"
#include "pipeline/yaml.h"

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Prints a candidate if the word may become it; `before` is the part of the word that it follows. What a shell would
 * have to quote is left out. */
static void offer(const char *word, const char *before, const char *name, const char *after)
{
    if (begins(word, before) && begins(name, word + strlen(before)) && !strpbrk(name, " \t\n\"'\\$`"))
        printf("%s%s%s\n", before, name, after);
}

static void offer_plugins(ho_registry *registry, uint32_t kind, const char *word, const char *before)
{
    size_t count;
    const ho_loaded **all = ho_registry_list(registry, kind, &count, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        offer(word, before, all[i]->plugin.name, "");
    free(all);
}

/* ---- --set KEY=VALUE --------------------------------------------------------------------------------------------- */

/* Whether a place of the table, such as "hyperparameters/NAME/range", is what the first `length` characters of `path`
 * say, or lies below it (`below`). */
static bool matches(const char *place, size_t size, const char *path, size_t length, bool below)
{
    const char *end = place + size, *stop = path + length;
    while (path < stop) {
        size_t expected = strcspn(place, "/"), given = strcspn(path, "/");
        expected = expected < (size_t)(end - place) ? expected : (size_t)(end - place);
        given = given < (size_t)(stop - path) ? given : (size_t)(stop - path);
        bool any = expected == 4 && strncmp(place, "NAME", 4) == 0 && given > 0;
        if (!any && (expected != given || strncmp(place, path, given) != 0))
            return false;
        place += expected + (place + expected < end);
        path += given + (path + given < stop);
    }
    return below ? place < end : place == end;
}

/* The sections that stand at a path, or below it, as HO_IN(section) | ... */
static unsigned sections_at(const char *path, size_t length, bool below)
{
    unsigned found = 0;
    for (ho_section s = 0; s < HO_SECTIONS; s++)
        for (const char *place = ho_key_sections[s].path;; place += 2) {
            size_t size = strcspn(place, ",");
            if (matches(place, size, path, length, below))
                found |= HO_IN(s);
            place += size;
            if (!*place)
                break;
        }
    return found;
}

/* The kind of the plugins whose names a key takes: as its form says ("name of a mode, or map"), or as its path does
 * ("model/plugin"); 0: none. */
static uint32_t plugin_kind(const ho_key *key, const char *path, size_t length)
{
    static const char of[] = "name of a ";
    const char *form = key->type == HO_KEY_OTHER ? strstr(key->form, of) : NULL;
    for (uint32_t kind = HO_DYNAMICS; form && kind <= HO_CONSTRAINT; kind++)
        if (begins(form + strlen(of), ho_kind_name(kind)))
            return kind;
    for (uint32_t kind = HO_DYNAMICS; form && kind <= HO_CONSTRAINT; kind++) {
        const char *name = ho_kind_name(kind), *at = strstr(path, name);
        if (at && (size_t)(at - path) + strlen(name) <= length)
            return kind;
    }
    return 0;
}

static void offer_values(ho_registry *registry, const ho_key *key, const char *path, size_t length, const char *word,
                         const char *before)
{
    uint32_t kind = plugin_kind(key, path, length);
    if (kind)
        offer_plugins(registry, kind, word, before);
    for (const char *const *w = key->words; w && *w; w++)
        offer(word, before, *w, "");
    if (key->type == HO_KEY_BOOLEAN) {
        offer(word, before, "true", "");
        offer(word, before, "false", "");
    }
}

/* What offer_name is handed. */
typedef struct beginning {
    const char *word, *start;
} beginning;

static void offer_name(void *context, const char *name, char after)
{
    const beginning *b = context;
    offer(b->word, b->start, name, (const char[]){after, '\0'});
}

/* `word` is "KEY=VALUE" as far as it is typed; `before` what stands before it in the same word ("--set="). `file`: the
 * pipeline, or NULL. */
static void complete_setting(ho_registry *registry, const ho_tree *file, const char *word, const char *before)
{
    const char *setting = word + strlen(before), *path = setting, *equals = strchr(setting, '=');
    if (begins(path, "variants/") && strchr(path + 9, '/')) /* what follows is a pipeline of its own */
        path = strchr(path + 9, '/') + 1;
    size_t size = equals && equals > path ? (size_t)(equals - path) : strlen(path), level = size;
    while (level > 0 && path[level - 1] != '/')
        level--;
    const char *key = path + level;
    size_t length = level > 0 ? level - 1 : 0;
    unsigned sections = sections_at(path, length, false);
    char *start = ho_format("%.*s", (int)((equals ? equals + 1 : key) - word), word);
    if (file && !equals)
        ho_complete_from_file(file, path, length, !sections, registry, offer_name, &(beginning){word, start});
    for (size_t i = 0; i < ho_key_count; i++) {
        if (!(ho_keys[i].in & sections))
            continue;
        if (!equals) {
            char *longer = ho_format("%.*s%s", (int)level, path, ho_keys[i].name);
            if (sections_at(longer, strlen(longer), false) | sections_at(longer, strlen(longer), true))
                offer(word, start, ho_keys[i].name, "/");
            offer(word, start, ho_keys[i].name, "=");
            free(longer);
        } else if (strlen(ho_keys[i].name) == size - level && strncmp(ho_keys[i].name, key, size - level) == 0) {
            offer_values(registry, &ho_keys[i], path, length, word, start);
        }
    }
    free(start);
}

/* The options and hyperparameters of the plugins of a name. */
static void complete_option(ho_registry *registry, const char *plugin, const char *word, const char *before)
{
    size_t count;
    const ho_loaded **all = ho_registry_list(registry, 0, &count, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i]->plugin.name, plugin) != 0)
            continue;
        for (uint32_t k = 0; k < all[i]->option_count; k++)
            offer(word, before, all[i]->options[k].name, "=");
        for (uint32_t k = 0; k < all[i]->hyper_count; k++)
            offer(word, before, all[i]->hypers[k].name, "=");
    }
    free(all);
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

static void offer_commands(const char *word)
{
    for (size_t i = 0; i < ho_cli_command_count; i++)
        offer(word, "", ho_cli_commands[i].name, "");
}

static void complete_help(int count, char *const *words)
{
    const char *word = words[count - 1];
    if (count == 2) {
        offer_commands(word);
        offer(word, "", "modes", "");
        offer(word, "", "formulas", "");
    } else if (count == 3 && strcmp(words[1], "pipeline") == 0) {
        for (size_t i = 0; i < ho_key_count; i++)
            offer(word, "", ho_keys[i].name, "");
    }
}

static const ho_flag *flag_named(const ho_cli_command *command, const char *name, size_t length)
{
    size_t i = 0;
    const ho_flag *f;
    while ((f = ho_cli_flag_of(command, &i)) && (strlen(f->name) != length || strncmp(f->name, name, length) != 0))
        ;
    return f;
}

/* The value of an option, in a word of its own or after "--option=". `plugin`: what --set is of; NULL: a pipeline. */
static void complete_value(ho_registry *registry, const ho_tree *file, const char *plugin, const ho_flag *flag,
                           const char *word, const char *before)
{
    if (flag->bit == HO_CLI_SET && plugin)
        complete_option(registry, plugin, word, before);
    else if (flag->bit == HO_CLI_SET)
        complete_setting(registry, file, word, before);
    const ho_tree *variants = flag->bit == HO_CLI_VARIANT ? ho_tree_get(file, "variants") : NULL;
    for (const ho_tree *v = variants ? variants->first : NULL; v && v->key; v = v->next)
        offer(word, before, v->key, "");
    for (const char *choice = strchr(flag->argument, '|') ? flag->argument : ""; *choice;) {
        choice += strspn(choice, "[=|]");
        const size_t length = strcspn(choice, "|]");
        char *text = ho_format("%.*s", (int)length, choice);
        offer(word, before, text, "");
        free(text);
        choice += length + strspn(choice + length, "|]");
    }
    for (size_t i = 0; i < ho_key_count; i++) /* the option stands in for that key */
        if ((flag->bit == HO_CLI_MODE && (ho_keys[i].in & HO_IN(HO_HYPERGRADIENT)) &&
             strcmp(ho_keys[i].name, "mode") == 0) ||
            (flag->bit == HO_CLI_PRECISION && strcmp(ho_keys[i].name, "precision") == 0))
            offer_values(registry, &ho_keys[i], "", 0, word, before);
}

static void complete_operand(const ho_cli_command *command, ho_registry *registry, const char *word, bool first)
{
    if (strcmp(command->operand, "[NAME]") == 0)
        offer_plugins(registry, 0, word, "");
    for (uint32_t kind = HO_DYNAMICS; first && strncmp(command->operand, "KIND", 4) == 0 && kind <= HO_CONSTRAINT;
         kind++)
        offer(word, "", ho_kind_name(kind), "");
}

/* The first operand before the word that is typed; "": there is none yet. */
static const char *operand_of(const ho_cli_command *command, int count, char *const *words)
{
    for (int i = 1; i < count - 1; i++) {
        const ho_flag *flag = flag_named(command, words[i], strlen(words[i]));
        if (words[i][0] != '-')
            return words[i];
        i += flag && HO_FLAG_TAKES_WORD(flag);
    }
    return "";
}

/* The pipeline that a command line names; NULL: none, or it cannot be read. */
static const ho_tree *pipeline_of(const ho_cli_command *command, const char *operand, ho_arena *arena)
{
    ho_error error = {0};
    char *path = *operand && strncmp(command->operand, "FILE", 4) == 0 ? ho_own_pipeline(operand, &error) : NULL;
    const ho_tree *file = path ? ho_yaml_read(arena, path, &error) : NULL;
    free(path);
    return file;
}

void ho_complete(int count, char *const *words, ho_registry *registry)
{
    ho_error error = {0};
    const char *word = count > 0 ? words[count - 1] : "";
    if (count <= 1) {
        offer_commands(word);
        for (const ho_flag *f = ho_help_commands; f->name; f++)
            if (!strchr(f->name, ' '))
                offer(word, "", f->name, "");
        return;
    }
    if (strcmp(words[0], "help") == 0) {
        complete_help(count, words);
        return;
    }
    const ho_cli_command *command = ho_cli_find(words[0], &error);
    if (!command)
        return;
    ho_arena *arena = ho_arena_new();
    const char *operand = operand_of(command, count, words);
    const bool of_plugin = strcmp(command->operand, "[NAME]") == 0 || ho_cli_shared_object(operand) > 0;
    const char *plugin = of_plugin ? operand : NULL;
    const ho_tree *file = of_plugin ? NULL : pipeline_of(command, operand, arena);
    const char *last = words[count - 2], *equals = begins(word, "--") ? strchr(word, '=') : NULL;
    const ho_flag *flag = flag_named(command, last, strlen(last));
    if (equals) {
        const ho_flag *given = flag_named(command, word, (size_t)(equals - word));
        char *before = ho_format("%.*s", (int)(equals + 1 - word), word);
        if (given && given->argument)
            complete_value(registry, file, plugin, given, word, before);
        free(before);
    } else if (flag && HO_FLAG_TAKES_WORD(flag)) {
        complete_value(registry, file, plugin, flag, word, "");
    } else if (*word == '-') {
        size_t i = 0;
        for (const ho_flag *f; (f = ho_cli_flag_of(command, &i));)
            offer(word, "", f->name, "");
    } else {
        complete_operand(command, registry, word, count == 2);
    }
    ho_arena_free(arena);
}
