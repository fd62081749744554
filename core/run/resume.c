#include "run/resume.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "base/version.h"
#include "pipeline/yaml.h"
#include "record/read.h"
#include "run/run_folder.h"

#define MOST_TOLD 4 /* differences */

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static ho_tree *put(ho_arena *arena, ho_tree *map, const char *key, ho_tree_kind kind, const char *text)
{
    ho_tree *node = ho_tree_new(arena, kind, (ho_place){0});
    node->text = text ? ho_arena_strdup(arena, text) : NULL;
    node->quoted = text != NULL;
    if (map->kind == HO_TREE_MAP)
        ho_tree_put(map, ho_arena_strdup(arena, key), node->place, node);
    else
        ho_tree_append(map, node);
    return node;
}

static void put_text(ho_arena *arena, ho_tree *map, const char *key, const char *text)
{
    if (text)
        put(arena, map, key, HO_TREE_SCALAR, text);
}

static void put_request(ho_arena *arena, ho_tree *map, const ho_pipeline_request *asked, const char *const *variants,
                        size_t variant_count)
{
    put_text(arena, map, "file", asked->file);
    put_text(arena, map, "mode", asked->mode);
    put_text(arena, map, "precision", asked->precision);
    put_text(arena, map, "allow_generated", asked->allow_generated ? "true" : NULL);
    ho_tree *list = put(arena, map, "variants", HO_TREE_LIST, NULL);
    for (size_t i = 0; i < variant_count; i++)
        put_text(arena, list, NULL, variants[i]);
}

static void put_origin(ho_arena *arena, ho_tree *map, const ho_origin *o)
{
    put_text(arena, map, "command", o->command);
    put_text(arena, map, "program_line", o->program);
    put_text(arena, map, "options", o->options);
    put_text(arena, map, "date", o->started.date);
    put_text(arena, map, "host", o->started.host);
    put_text(arena, map, "folder", o->started.folder);
    put_text(arena, map, "program", o->started.program);
    ho_tree *environment = put(arena, map, "environment", HO_TREE_MAP, NULL);
    for (size_t i = 0; i < o->started.environment.count; i++)
        put_text(arena, environment, o->started.environment.items[i].name, o->started.environment.items[i].value);
}

ho_tree *ho_resumption_of(const ho_tree *root, const ho_pipeline *first, const ho_pipeline_request *request,
                          const char *const *variants, size_t variant_count, const ho_origin *origin, ho_arena *arena)
{
    ho_tree *all = ho_tree_new(arena, HO_TREE_MAP, (ho_place){0});
    const ho_settings settings = ho_pipeline_settings(first, arena);
    put_text(arena, all, "hotool", HOTOOL_VERSION);
    put_request(arena, put(arena, all, "asked", HO_TREE_MAP, NULL), request, variants, variant_count);
    put_origin(arena, put(arena, all, "started", HO_TREE_MAP, NULL), origin);
    ho_tree *data = put(arena, all, "data", HO_TREE_MAP, NULL);
    for (size_t i = 0; i < first->file_count; i++)
        if (!ho_tree_get(data, first->files[i].path))
            put_text(arena, data, first->files[i].path, first->files[i].sha256);
    ho_tree *plugins = put(arena, all, "plugins", HO_TREE_MAP, NULL);
    for (size_t i = 0; i < settings.plugin_count; i++) {
        const ho_loaded *l = settings.plugins[i];
        char *name = ho_format("%s %s", ho_kind_name(l->plugin.kind), l->plugin.name);
        char *what = ho_format("%s, SHA-256 %s", l->plugin.version, l->sha256 ? l->sha256 : "unknown");
        put_text(arena, plugins, name, what);
        free(name);
        free(what);
    }
    ho_tree_put(all, "pipeline", (ho_place){0}, ho_tree_copy(arena, root));
    return all;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static const char *text_of(const ho_tree *map, const char *key)
{
    const ho_tree *node = ho_tree_get(map, key);
    return node ? node->text : NULL;
}

static void read_origin(const ho_tree *map, ho_arena *arena, ho_origin *o)
{
    const ho_tree *environment = ho_tree_get(map, "environment");
    *o = (ho_origin){.command = text_of(map, "command"),
                     .program = text_of(map, "program_line"),
                     .options = text_of(map, "options"),
                     .started = {.known = true,
                                 .date = text_of(map, "date"),
                                 .host = text_of(map, "host"),
                                 .folder = text_of(map, "folder"),
                                 .program = text_of(map, "program")}};
    ho_pairs *pairs = &o->started.environment;
    pairs->items = ho_arena_alloc(arena, ((environment ? environment->count : 0) + 1) * sizeof *pairs->items);
    for (const ho_tree *e = environment ? environment->first : NULL; e; e = e->next)
        pairs->items[pairs->count++] = (ho_pair){e->key, e->text};
}

static void read_request(const ho_tree *saved, ho_arena *arena, ho_resumption *r)
{
    const ho_tree *asked = ho_tree_get(saved, "asked"), *list = ho_tree_get(asked, "variants");
    const char **variants = ho_arena_alloc(arena, ((list ? list->count : 0) + 1) * sizeof *variants);
    for (const ho_tree *v = list ? list->first : NULL; v; v = v->next)
        variants[r->variant_count++] = v->text;
    r->variants = variants;
    r->request = (ho_pipeline_request){.file = text_of(asked, "file"),
                                       .root = ho_tree_get(saved, "pipeline"),
                                       .mode = text_of(asked, "mode"),
                                       .precision = text_of(asked, "precision"),
                                       .allow_generated = text_of(asked, "allow_generated") != NULL};
}

/* Refuses a run that is done, and takes away what it has left beside its results, should it have died over that. */
static ho_status refuse_finished(const char *folder, ho_arena *arena, ho_error *error)
{
    char *result = ho_format("%s/result.json", folder);
    ho_record record = {0};
    ho_error unread = {0};
    if (ho_file_exists(result) && ho_record_read(folder, arena, &record, &unread) == HO_OK &&
        ho_is_settled(record.result.outcome.status)) {
        if (record.result.outcome.status == HO_OK)
            ho_run_folder_tidy(folder);
        ho_fail(error, HO_INVALID, "%s: this run is finished (%s): there is nothing to resume", folder,
                ho_outcome_name(record.result.outcome.status));
    }
    free(result);
    return error->status;
}

ho_status ho_resumption_read(const char *folder, ho_arena *arena, ho_resumption *r, ho_error *error)
{
    const char *path = ho_arena_format(arena, "%s/" HO_RESUMPTION, folder);
    *r = (ho_resumption){0};
    const bool begun = ho_file_exists(path);
    ho_error finished = {0};
    if (refuse_finished(folder, arena, &finished) != HO_OK && (!begun || !ho_file_exists(path)))
        return ho_fail_as(error, &finished);
    if (!begun)
        return ho_fail(error, HO_INVALID,
                       "%s: is not the folder of a run that can be resumed: it has no " HO_RESUMPTION, folder);
    r->saved = ho_yaml_read(arena, path, error);
    if (!r->saved)
        return error->status;
    read_request(r->saved, arena, r);
    read_origin(ho_tree_get(r->saved, "started"), arena, &r->origin);
    if (!r->request.file || !r->request.root || !r->origin.program || !r->origin.started.folder || !r->origin.options)
        ho_fail(error, HO_INVALID, "%s: is not what hotool wrote", path);
    return error->status;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

/* Differences being told. */
typedef struct differences {
    FILE *text;
    size_t count;
} differences;

static void tell(differences *d, const char *path, const ho_tree *was, const ho_tree *is)
{
    if (d->count++ >= MOST_TOLD)
        return;
    const char *before = was && was->kind == HO_TREE_SCALAR ? was->text : was ? ho_tree_kind_name(was->kind) : NULL;
    const char *now = is && is->kind == HO_TREE_SCALAR ? is->text : is ? ho_tree_kind_name(is->kind) : NULL;
    fprintf(d->text, "%s%s%s", d->count > 1 ? "; " : "", path, *path ? ": " : "");
    if (before && now)
        fprintf(d->text, "was %s, is %s", before, now);
    else
        fprintf(d->text, before ? "was %s, is not there" : "was not there, is %s", before ? before : now);
}

static void compare(differences *d, const char *path, const ho_tree *was, const ho_tree *is);

static void compare_maps(differences *d, const char *path, const ho_tree *was, const ho_tree *is)
{
    for (int both = 0; both < 2; both++)
        for (const ho_tree *child = both == 0 ? was->first : is->first; child; child = child->next) {
            const ho_tree *other = ho_tree_get(both == 0 ? is : was, child->key);
            char *below = ho_format("%s%s%s", path, *path ? "/" : "", child->key);
            if (both == 0)
                compare(d, below, child, other);
            else if (!other)
                tell(d, below, NULL, child);
            free(below);
        }
}

static void compare(differences *d, const char *path, const ho_tree *was, const ho_tree *is)
{
    if (!was && !is)
        return;
    const bool other_kind = !was || !is || was->kind != is->kind;
    if (other_kind || (was->kind == HO_TREE_SCALAR && strcmp(was->text, is->text) != 0)) {
        tell(d, path, was, is);
    } else if (was->kind == HO_TREE_MAP) {
        compare_maps(d, path, was, is);
    } else if (was->kind == HO_TREE_LIST) {
        const ho_tree *a = was->first, *b = is->first;
        for (size_t i = 0; a || b; i++, a = a ? a->next : NULL, b = b ? b->next : NULL) {
            char *below = ho_format("%s/%zu", path, i);
            compare(d, below, a, b);
            free(below);
        }
    }
}

/* Fails where there are differences. `what` differs. */
static ho_status refuse(const char *folder, const char *what, differences *d, char **text, ho_error *error)
{
    ho_text_close(d->text);
    if (d->count > MOST_TOLD)
        ho_fail(error, HO_INVALID, "%s: cannot be resumed: %s: %s; and %zu more", folder, what, *text,
                d->count - MOST_TOLD);
    else if (d->count)
        ho_fail(error, HO_INVALID, "%s: cannot be resumed: %s: %s", folder, what, *text);
    free(*text);
    return error->status;
}

ho_status ho_resumption_check(const char *folder, const ho_tree *saved, const ho_tree *now, ho_error *error)
{
    static const struct {
        const char *key, *what;
    } parts[] = {{"hotool", "it was started by another hotool"},
                 {"pipeline", "its pipeline is another"},
                 {"asked", "it was started with other options"},
                 {"data", "its data have changed"},
                 {"plugins", "its plugins have changed"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts && error->status == HO_OK; i++) {
        char *text;
        size_t size;
        const ho_tree *was = ho_tree_get(saved, parts[i].key), *is = ho_tree_get(now, parts[i].key);
        differences d = {ho_text_open(&text, &size), 0};
        if (strcmp(parts[i].key, "asked") == 0) {
            /* Whatever the file is called. */
            static const char *const keys[] = {"mode", "precision", "allow_generated", "variants"};
            for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
                compare(&d, keys[k], ho_tree_get(was, keys[k]), ho_tree_get(is, keys[k]));
        } else {
            compare(&d, was && was->kind == HO_TREE_MAP ? "" : parts[i].key, was, is);
        }
        refuse(folder, parts[i].what, &d, &text, error);
    }
    return error->status;
}

ho_status ho_resumption_check_file(const char *folder, const ho_tree *root, ho_error *error)
{
    char *path = ho_format("%s/pipeline.yaml", folder), *text;
    ho_arena *arena = ho_arena_new();
    size_t size;
    const ho_tree *is = ho_file_exists(path) ? ho_yaml_read(arena, path, error) : root;
    differences d = {ho_text_open(&text, &size), 0};
    if (is)
        compare(&d, "", root, is);
    refuse(folder, "its pipeline.yaml was changed", &d, &text, error);
    ho_arena_free(arena);
    free(path);
    return error->status;
}
