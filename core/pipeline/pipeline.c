/* A pipeline file: read, overridden from the command line, checked, and wired. */
#include "pipeline/pipeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "pipeline/internal.h"
#include "pipeline/yaml.h"

/* Gives a key of the root a value that does not come from the file. */
static void put_text(ho_reading *r, const char *key, const char *text, const char *from)
{
    ho_tree_remove(r->root, key);
    ho_tree_put_text(r->arena, r->root, key, (ho_place){.file = from}, text);
}

/* The mode asked for, with the file's options for it where the file means the same one. */
static void override_mode(ho_reading *r, const char *mode)
{
    const ho_tree *node = ho_tree_get(r->root, "hypergradient");
    if (ho_is_word(node && node->kind == HO_TREE_MAP ? ho_tree_get(node, "mode") : node, mode))
        return;
    put_text(r, "hypergradient", mode, "--mode");
}

static ho_status read_root(ho_reading *r, const ho_experiment *e, const char *variant)
{
    r->root = ho_experiment_root(e, r->arena, variant, r->error);
    if (!r->root)
        return r->error->status;
    if (e->request.mode)
        override_mode(r, e->request.mode);
    if (e->request.precision)
        put_text(r, "precision", e->request.precision, "--precision");
    if (e->request.allow_generated)
        put_text(r, "allow_generated", "true", "--allow-generated");
    r->pipeline->root = r->root;
    if (ho_check_criterion_place(r) != HO_OK)
        return r->error->status;
    return ho_keys_read(HO_PIPELINE, r->root, r->pipeline, r->error);
}

/* The file's name without folder and ending, with '_' for what a name may not hold. A copy of the tree in another file
 * is still this pipeline, so the name is put there too. */
static void name_by_file(ho_reading *r)
{
    const char *file = r->pipeline->file, *slash = strrchr(file, '/');
    char *name = ho_arena_strdup(r->arena, slash ? slash + 1 : file);
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = '\0';
    for (char *c = name; *c; c++)
        if (!ho_is_file_name((char[]){'a', *c, '\0'}))
            *c = '_';
    if (*name == '.')
        *name = '_';
    name[strnlen(name, HO_NAME_MAX)] = '\0';
    r->pipeline->name = name;
    put_text(r, "name", name, file);
}

static ho_status count_seed(ho_reading *r, int64_t repetition)
{
    uint64_t *seed = &r->pipeline->problem.seed;
    if (*seed > INT64_MAX - HO_MOST_REPETITIONS)
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(r->root, "seed")->place,
                          "seed: too large: each repetition adds 1 to it");
    *seed += (uint64_t)repetition;
    if (repetition > 0)
        put_text(r, "seed", ho_arena_format(r->arena, "%" PRIu64, *seed), "the repetition");
    return HO_OK;
}

static ho_status read_run(ho_reading *r, int64_t repetition)
{
    if (!r->pipeline->name)
        name_by_file(r);
    if (count_seed(r, repetition) != HO_OK)
        return r->error->status;
    ho_keys_read(HO_CHECKPOINT, ho_tree_get(r->root, "checkpoint"), r->pipeline, r->error);
    return ho_keys_read(HO_FINAL, ho_tree_get(r->root, "final"), r->pipeline, r->error);
}

static size_t nodes_of(const ho_tree *node)
{
    size_t nodes = 1;
    for (const ho_tree *child = node->first; child; child = child->next)
        nodes += nodes_of(child);
    return nodes;
}

ho_pipeline *ho_experiment_pipeline(ho_experiment *e, ho_registry *registry, const char *variant, int64_t repetition,
                                    ho_error *error)
{
    ho_arena *arena = ho_arena_new();
    ho_pipeline *pipeline = ho_alloc(sizeof *pipeline);
    pipeline->arena = arena;
    pipeline->registry = registry;
    pipeline->file = ho_arena_strdup(arena, e->request.file);
    ho_reading r = {.registry = registry, .cache = e->cache, .pipeline = pipeline, .arena = arena, .error = error};
    if (read_root(&r, e, variant) == HO_OK && read_run(&r, repetition) == HO_OK) {
        /* Each setting comes from a node of its own; twice, since the objective's losses may serve as validation too.
         */
        r.settings = ho_arena_alloc(arena, 2 * nodes_of(r.root) * sizeof *r.settings);
        pipeline->problem.settings = r.settings;
        if (ho_describe_problem(&r) == HO_OK && ho_describe_hypers(&r) == HO_OK && ho_describe_data(&r) == HO_OK)
            ho_describe_stop(&r);
    }
    if (error->status == HO_OK)
        return pipeline;
    ho_pipeline_free(pipeline);
    return NULL;
}

ho_pipeline *ho_pipeline_read(ho_registry *registry, const ho_pipeline_request *request, ho_error *error)
{
    ho_experiment *e = ho_experiment_open(request, error);
    ho_pipeline *pipeline =
        e ? ho_experiment_pipeline(e, registry, request->variant, request->repetition, error) : NULL;
    if (!pipeline) {
        ho_experiment_free(e);
        return NULL;
    }
    pipeline->owned = e;
    return pipeline;
}

size_t ho_part_count(const ho_problem *p)
{
    return 2 + p->objective_count + p->validation_count;
}

ho_instance *ho_part_at(const ho_problem *p, size_t i, const ho_term **term)
{
    const ho_term *found = NULL;
    if (i >= 2)
        found = i - 2 < p->objective_count ? &p->objective[i - 2] : &p->validation_terms[i - 2 - p->objective_count];
    if (term)
        *term = found;
    return found ? found->plugin : i == 0 ? p->model : p->dynamics;
}

void ho_pipeline_free(ho_pipeline *pipeline)
{
    if (!pipeline)
        return;
    const ho_problem *p = &pipeline->problem;
    for (size_t i = 0; i < p->setting_count; i++)
        ho_instance_free(p->settings[i].constraint);
    for (size_t i = 0; i < ho_part_count(p); i++)
        ho_instance_free(ho_part_at(p, i, NULL));
    ho_instance_free(pipeline->mode);
    ho_instance_free(pipeline->outer);
    ho_examples_free(&pipeline->unstandardized);
    ho_examples_free(&pipeline->training);
    ho_stream_free(pipeline->stream);
    ho_examples_free(&pipeline->validation);
    ho_examples_free(&pipeline->test);
    for (int64_t i = 0; pipeline->further && i < pipeline->folds - 1; i++) {
        ho_examples_free(&pipeline->further[i].training);
        ho_examples_free(&pipeline->further[i].validation);
    }
    ho_large_free(pipeline->noise);
    ho_large_free(pipeline->true_labels);
    for (size_t i = 0; i < sizeof pipeline->datasets / sizeof *pipeline->datasets; i++)
        ho_dataset_free(pipeline->datasets[i]);
    ho_experiment_free(pipeline->owned);
    ho_arena_free(pipeline->arena);
    free(pipeline);
}

ho_status ho_needs_steps(const ho_pipeline *pipeline, const char *what, ho_error *error)
{
    if (pipeline->problem.steps > 0)
        return HO_OK;
    return ho_fail_at(error, HO_INVALID, ho_tree_get(pipeline->root, "steps")->place,
                      "steps: unbounded: %s needs a fixed number of steps, as with --set steps=100", what);
}

static void announce(const ho_pipeline *p, const char *what, const char *text)
{
    char *plain = ho_plain(text);
    printf("%s: %s%s\n", p->name, what, plain);
    free(plain);
}

void ho_announce_data(const ho_pipeline *p)
{
    announce(p, "data: ", p->data_label);
    if (p->data_missing) {
        char *before = ho_format("data source %zu of %zu; before it: ", p->data_choice + 1, p->data_choices);
        announce(p, before, p->data_missing);
        free(before);
    }
    for (size_t i = 0; i < p->data_note_count; i++)
        announce(p, "data: ", p->data_notes[i]);
    if (p->mode_reason)
        announce(p, "mode ", p->mode_reason);
    if (p->warm_start)
        announce(p, "warm start: ",
                 "each training starts from the weights of the previous one, with fresh slots; the hypergradient "
                 "treats that start as a constant");
    if (p->criterion) {
        char *text = ho_format("the mean over %s", p->criterion);
        announce(p, "validation error: ", text);
        free(text);
    }
    fflush(stdout);
}
