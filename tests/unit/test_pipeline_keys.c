/* The table of keys: whole, documented, and what the parser goes by. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/npy.h"
#include "base/text.h"
#include "pipeline/internal.h"
#include "pipeline/yaml.h"

static char folder[] = "/tmp/hotool-keys-XXXXXX";
static ho_registry *registry;
static ho_arena *arena;
static ho_error error;

static void start(void)
{
    error = (ho_error){0};
    arena = ho_arena_new();
    registry = ho_registry_new(NULL, &error);
    cr_assert_not_null(registry, "%s", error.text);
    cr_assert_not_null(mkdtemp(folder));
}

static void stop(void)
{
    ho_registry_free(registry);
    ho_arena_free(arena);
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(keys, .init = start, .fini = stop);

static const ho_key *find(ho_section section, const char *name)
{
    for (size_t i = 0; i < ho_key_count; i++)
        if ((ho_keys[i].in & HO_IN(section)) && strcmp(ho_keys[i].name, name) == 0)
            return &ho_keys[i];
    return NULL;
}

Test(keys, every_key_is_documented)
{
    for (size_t i = 0; i < ho_key_count; i++) {
        const ho_key *key = &ho_keys[i];
        cr_expect(key->in != 0 && key->in < HO_IN(HO_SECTIONS), "%s stands somewhere", key->name);
        cr_expect(key->doc && strlen(key->doc) > 5, "%s is documented", key->name);
        cr_expect((key->type == HO_KEY_OTHER) == (key->form != NULL), "%s: what it takes", key->name);
        cr_expect((key->type == HO_KEY_WORD) <= (key->words != NULL), "%s: its words", key->name);
        char *type = ho_key_type_text(key);
        cr_expect_geq(strlen(type), 3, "%s: %s", key->name, type);
        free(type);
        for (size_t j = 0; j < i; j++)
            cr_expect(!(key->in & ho_keys[j].in) || strcmp(key->name, ho_keys[j].name) != 0, "%s twice", key->name);
    }
}

Test(keys, every_section_has_keys_and_an_example)
{
    for (ho_section s = 0; s < HO_SECTIONS; s++) {
        const ho_key_section *about = &ho_key_sections[s];
        cr_expect(about->name && about->path && about->doc && about->example, "section %d", (int)s);
        cr_expect_not_null(ho_key_names(s)[0], "%s", about->name);
        for (const char *const *name = ho_key_names(s); *name; name++)
            cr_expect_not_null(find(s, *name));
        /* Alternatives follow one another: each is YAML by itself. */
        const char *text = about->example;
        cr_expect_not_null(ho_yaml_parse(arena, about->name, text, strcspn(text, "\n"), &error), "%s", error.text);
    }
}

/* The first example is a pipeline by itself. */
Test(keys, the_example_of_a_pipeline_is_one)
{
    char *path = ho_format("%s/example.yaml", folder);
    const char *text = ho_key_sections[HO_PIPELINE].example;
    cr_assert_eq(ho_file_write(path, text, strlen(text), &error), HO_OK, "%s", error.text);
    ho_pipeline *p = ho_pipeline_read(registry, &(ho_pipeline_request){.file = path}, &error);
    cr_expect_not_null(p, "%s", error.text);
    ho_pipeline_free(p);
    free(path);
}

/* Whether the plugin that a map names declares the key, or the map does for it. */
static bool of_plugin(const ho_tree *map, uint32_t kind, const char *naming, const char *key)
{
    const ho_tree *declared = ho_tree_get(map, "hyperparameters");
    if (declared && ho_tree_get(declared, key))
        return true;
    const ho_tree *name = ho_tree_get(map, naming);
    const ho_loaded *loaded = name ? ho_registry_find(registry, kind, name->text, name->place, &error) : NULL;
    return loaded && (ho_has_option(loaded, key) || ho_has_hyper(loaded, key));
}

/* Each key of the map is in the section, or the plugin's own. */
static void expect_known(const ho_tree *map, ho_section section, uint32_t kind, const char *naming)
{
    for (const ho_tree *child = map && map->kind == HO_TREE_MAP ? map->first : NULL; child; child = child->next)
        cr_expect(find(section, child->key) || (kind && of_plugin(map, kind, naming, child->key)),
                  "%s:%d: \"%s\" is not in the table", child->key_place.file, child->key_place.line, child->key);
}

static void walk_source(const ho_tree *source)
{
    static const char *const parts[] = {"train", "validation", "test"};
    bool whole = ho_tree_get(source, "plugin") != NULL;
    expect_known(source, whole ? HO_SOURCE : HO_PARTS, whole ? HO_DATA : 0, "plugin");
    for (int i = 0; i < 3; i++)
        expect_known(ho_tree_get(source, parts[i]), HO_READER, HO_DATA, "plugin");
    expect_known(ho_tree_get(source, "split"), HO_SPLIT, 0, NULL);
    expect_known(ho_tree_get(source, "noise"), HO_NOISE, 0, NULL);
}

static void walk_term(const ho_tree *term)
{
    bool loss = ho_tree_get(term, "loss") != NULL;
    expect_known(term, loss ? HO_LOSS_TERM : HO_PENALTY_TERM, loss ? HO_LOSS : HO_PENALTY, loss ? "loss" : "penalty");
}

static void each(const ho_tree *node, void (*walk)(const ho_tree *))
{
    if (node && node->kind == HO_TREE_MAP)
        walk(node);
    for (const ho_tree *item = node && node->kind == HO_TREE_LIST ? node->first : NULL; item; item = item->next)
        walk(item);
}

static void walk_validation(const ho_tree *validation)
{
    const bool term = ho_tree_get(validation, "loss") || ho_tree_get(validation, "penalty");
    if (!validation || validation->kind == HO_TREE_LIST || term)
        each(validation, walk_term);
    else
        expect_known(validation, HO_VALIDATION, 0, NULL);
}

static void walk_root(const ho_tree *root)
{
    expect_known(root, HO_PIPELINE, 0, NULL);
    each(ho_tree_get(root, "data"), walk_source);
    each(ho_tree_get(root, "objective"), walk_term);
    walk_validation(ho_tree_get(root, "validation"));
    expect_known(ho_tree_get(root, "model"), HO_PART, HO_MODEL, "plugin");
    expect_known(ho_tree_get(root, "dynamics"), HO_PART, HO_DYNAMICS, "plugin");
    const ho_tree *hypers = ho_tree_get(root, "hyperparameters");
    for (const ho_tree *h = hypers ? hypers->first : NULL; h; h = h->next) {
        expect_known(h, HO_TUNED, 0, NULL);
        expect_known(ho_tree_get(h, "range"), HO_RANGE, 0, NULL);
        expect_known(ho_tree_get(h, "constraint"), HO_PROJECTION, HO_CONSTRAINT, "plugin");
    }
    expect_known(ho_tree_get(root, "hypergradient"), HO_HYPERGRADIENT, HO_MODE, "mode");
    expect_known(ho_tree_get(root, "outer"), HO_OUTER, HO_DYNAMICS, "plugin");
    expect_known(ho_tree_get(root, "stop"), HO_STOP, 0, NULL);
    expect_known(ho_tree_get(root, "final"), HO_FINAL, 0, NULL);
}

Test(keys, every_key_of_the_configs_is_in_the_table)
{
    const char *configs = getenv("HOTOOL_CONFIGS");
    DIR *dir = opendir(configs ? configs : "configs");
    cr_assert_not_null(dir);
    int files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!ho_match("*.yaml", entry->d_name))
            continue;
        char *path = ho_format("%s/%s", configs ? configs : "configs", entry->d_name);
        ho_experiment *e = ho_experiment_open(&(ho_pipeline_request){.file = path}, &error);
        cr_assert_not_null(e, "%s", error.text);
        expect_known(e->root, HO_PIPELINE, 0, NULL);
        walk_root(ho_experiment_root(e, arena, NULL, &error));
        const ho_tree *variants = ho_tree_get(e->root, "variants");
        for (const ho_tree *v = variants ? variants->first : NULL; v; v = v->next)
            walk_root(ho_experiment_root(e, arena, v->key, &error));
        cr_expect_eq(error.status, HO_OK, "%s", error.text);
        ho_experiment_free(e);
        free(path);
        files++;
    }
    closedir(dir);
    cr_expect_geq(files, 6);
}

/* A pipeline in which every section stands, its data from one reader or from several. */
static char *write_pipeline(bool separate)
{
    static const char reader[] = "plugin: npy, inputs: x.npy, labels: y.npy";
    char *path = ho_format("%s/p.yaml", folder), *x = ho_format("%s/x.npy", folder), *y = ho_format("%s/y.npy", folder);
    double values[30];
    for (int i = 0; i < 30; i++)
        values[i] = i % 3;
    cr_assert_eq(ho_npy_write_f64(x, 2, (int64_t[]){30, 1}, values, &error), HO_OK, "%s", error.text);
    cr_assert_eq(ho_npy_write_f64(y, 1, (int64_t[]){30}, values, &error), HO_OK, "%s", error.text);
    char *data = separate ? ho_format("  train: {%s}\n  validation: {%s}\n  test: {%s}\n", reader, reader, reader)
                          : ho_format("  {%s, split: {train: 9, validation: 9}, noise: {labels: 0.1}, test: {%s}}\n",
                                      reader, reader);
    char *text = ho_format("data:\n%s"
                           "model: {plugin: softmax}\n"
                           "objective:\n  - {loss: squared_error, target: labels}\n  - {penalty: l2}\n"
                           "dynamics: {plugin: sgd, learning_rate: 0.1}\n"
                           "steps: 5\n"
                           "hyperparameters:\n"
                           "  l2.rho: {init: 0.1, constraint: {plugin: nonnegative}, range: {from: 1, to: 2}}\n"
                           "hypergradient: {mode: forward}\n"
                           "outer: {plugin: sgd, learning_rate: 0.1, iterations: 3}\n"
                           "stop: {patience: 3}\n"
                           "final: {train_on: training}\n"
                           "variants: {V: {on_request: true}}\n",
                           data);
    cr_assert_eq(ho_file_write(path, text, strlen(text), &error), HO_OK, "%s", error.text);
    free(text);
    free(data);
    free(x);
    free(y);
    return path;
}

Test(keys, an_unknown_key_gets_the_nearest_name_of_its_section)
{
    static const char *const paths[HO_SECTIONS][2] = {
        [HO_PIPELINE] = {""},
        [HO_SOURCE] = {"data/"},
        [HO_PARTS] = {"data/"},
        [HO_READER] = {"data/test/", "data/train/"},
        [HO_SPLIT] = {"data/split/"},
        [HO_NOISE] = {"data/noise/"},
        [HO_PART] = {"model/", "dynamics/"},
        [HO_LOSS_TERM] = {"objective/squared_error/"},
        [HO_PENALTY_TERM] = {"objective/l2/"},
        [HO_VALIDATION] = {"validation/"},
        [HO_TUNED] = {"hyperparameters/l2.rho/"},
        [HO_RANGE] = {"hyperparameters/l2.rho/range/"},
        [HO_PROJECTION] = {"hyperparameters/l2.rho/constraint/"},
        [HO_HYPERGRADIENT] = {"hypergradient/"},
        [HO_OUTER] = {"outer/"},
        [HO_STOP] = {"stop/"},
        [HO_FINAL] = {"final/"},
        [HO_VARIANT] = {"variants/V/"},
    };
    for (ho_section s = 0; s < HO_SECTIONS; s++)
        for (int i = 0; i < 2 && paths[s][i]; i++)
            for (const char *const *name = ho_key_names(s); *name; name++) {
                if (s == HO_VARIANT)
                    continue; /* what a variant changes is checked as the pipeline's */
                char *path = write_pipeline(s == HO_PARTS || (s == HO_READER && i == 1));
                char *set = ho_format("%sz%s=1", paths[s][i], *name);
                const char *const sets[] = {set};
                ho_pipeline_request request = {.file = path, .sets = sets, .set_count = 1, .variant = "V"};
                error = (ho_error){0};
                cr_expect_null(ho_pipeline_read(registry, &request, &error), "%s", set);
                char *unknown = ho_format("unknown key \"z%s\" in ", *name);
                char *nearest = ho_format("; did you mean \"%s\"?", *name);
                cr_expect_not_null(strstr(error.text, unknown), "%s: %s", set, error.text);
                if (strlen(*name) > 3)
                    cr_expect_not_null(strstr(error.text, nearest), "%s: %s", set, error.text);
                free(nearest);
                free(unknown);
                free(set);
                free(path);
            }
}

/* What the table says is what the reader does: words, ranges, defaults. */
Test(keys, values_are_read_by_the_table)
{
    ho_split split = {.seed = 7};
    ho_tree *map = ho_yaml_parse(arena, "t", "{train: 5, validation: rest}", 28, &error);
    cr_assert_eq(ho_keys_read(HO_SPLIT, map, &split, &error), HO_OK, "%s", error.text);
    cr_expect_eq(split.counts[0], 5);
    cr_expect_eq(split.counts[1], HO_REST);
    cr_expect_eq(split.counts[2], 0);
    cr_expect(split.stratified);
    cr_expect_eq(split.seed, 7, "what has no default stays as it is");
    char *type = ho_key_type_text(find(HO_SPLIT, "train"));
    cr_expect_str_eq(type, "integer >= 0, or fraction below 1, or rest");
    free(type);
    type = ho_key_type_text(find(HO_NOISE, "labels"));
    cr_expect_str_eq(type, "number from 0 to below 1");
    free(type);
    type = ho_key_type_text(find(HO_OUTER, "strategy"));
    cr_expect_str_eq(type, "one of hypergradient, grid, random");
    free(type);
    cr_expect_eq(ho_keys_read(HO_SPLIT, ho_yaml_parse(arena, "t", "{train: 5}", 10, &error), &split, &error),
                 HO_INVALID);
    cr_expect_str_eq(error.text, "t:1:1: split: \"validation\" is missing");
}
