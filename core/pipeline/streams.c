/* Training examples that come as a stream: opening it, and what goes with one. */
#include <inttypes.h>
#include <stdlib.h>

#include "pipeline/internal.h"
#include "system/mode.h"

static bool is_stream(const ho_mention *m)
{
    return m->loaded && m->loaded->calls.data.next;
}

bool ho_source_streams(const ho_data_source *source)
{
    return is_stream(&source->readers[HO_ALL_PARTS]) || is_stream(&source->readers[HO_TRAINING_PART]);
}

/* ---- the source -------------------------------------------------------------------------------------------------- */

/* The first examples are held out; the rest is trained on. */
static ho_status check_division(ho_reading *r, const ho_data_source *source)
{
    const ho_tree *node = ho_tree_get(source->node, "split"), *stratified = ho_tree_get(node, "stratified");
    const ho_split *split = &source->split;
    if (split->counts[0] != HO_REST)
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(node, "train")->place,
                          "split: the reader \"%s\" gives a stream, without end: training takes what validation and "
                          "test leave; say train: rest",
                          source->readers[HO_ALL_PARTS].loaded->plugin.name);
    for (int i = 1; i < 3; i++)
        if (split->shares[i] > 0)
            return ho_fail_at(r->error, HO_INVALID, node->place,
                              "split: of a stream, without end, there are no shares; say how many examples");
    if (stratified && split->stratified)
        return ho_fail_at(r->error, HO_INVALID, stratified->place,
                          "split: stratified, but validation and test take a stream's first examples as they come");
    return HO_OK;
}

ho_status ho_check_stream_source(ho_reading *r, const ho_data_source *source)
{
    static const char *const names[] = {[HO_VALIDATION_PART] = "validation", [HO_TEST_PART] = "test"};
    for (int part = HO_VALIDATION_PART; part <= HO_TEST_PART; part++)
        if (is_stream(&source->readers[part]))
            return ho_fail_at(r->error, HO_INVALID, source->readers[part].place,
                              "%s: the reader \"%s\" gives a stream, without end, which only training can use",
                              names[part], source->readers[part].loaded->plugin.name);
    if (!ho_source_streams(source))
        return HO_OK;
    if (source->noisy)
        return ho_fail_at(r->error, HO_INVALID, source->noise.place,
                          "noise: it is laid over the labels of a training part, and a stream has none");
    return source->divided ? check_division(r, source) : HO_OK;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* The stream's first examples become the validation and the test part. */
static ho_status hold(ho_reading *r, const ho_split *split)
{
    ho_pipeline *p = r->pipeline;
    const int64_t validation = split->counts[1], test = split->counts[2];
    if (validation < 1)
        return HO_OK; /* told with other data */
    ho_dataset *held = ho_stream_hold(p->stream, validation + test, r->error);
    if (!held)
        return r->error->status;
    int64_t *rows = ho_alloc(((size_t)test + 1) * sizeof *rows);
    for (int64_t i = 0; i < test; i++)
        rows[i] = validation + i;
    ho_examples_take(&held->parts[0], NULL, validation, &p->validation, r->error);
    if (test && !r->error->status)
        ho_examples_take(&held->parts[0], rows, test, &p->test, r->error);
    free(rows);
    ho_dataset_free(held);
    return r->error->status;
}

ho_status ho_take_stream(ho_reading *r, const ho_data_source *source, int reader)
{
    ho_pipeline *p = r->pipeline;
    const ho_mention *m = &source->readers[reader];
    if (p->problem.batch == 0) {
        const ho_tree *batch = ho_tree_get(r->root, "batch");
        return ho_fail_at(r->error, HO_INVALID, batch ? batch->place : source->node->place,
                          "batch: the reader \"%s\" gives a stream, without end: say how many of its examples a step "
                          "takes, as batch: 100",
                          m->loaded->plugin.name);
    }
    const ho_section section = reader == HO_ALL_PARTS ? HO_SOURCE : HO_READER;
    p->stream = ho_stream_open(m->loaded, m->settings, ho_key_names(section), m->place, r->error);
    if (!p->stream || (source->divided && hold(r, &source->split) != HO_OK) ||
        ho_stream_begin(p->stream, p->problem.batch, r->error) != HO_OK)
        return r->error->status;
    ho_examples_share(ho_stream_batch(p->stream), &p->training);
    p->problem.stream = p->stream;
    const char *why = ho_stream_only_onward(p->stream);
    ho_data_remark(r, ho_arena_format(r->arena, "training examples come as a stream, %" PRId64 " a step%s%s",
                                      p->problem.batch, why ? "; " : "", why ? why : ""));
    return HO_OK;
}

/* ---- what goes with it ------------------------------------------------------------------------------------------- */

static ho_status refuse(ho_reading *r, const ho_tree *node, const char *what)
{
    return ho_fail_at(r->error, HO_INVALID, node->place, "%s", what);
}

/* Whoever trains more than once needs the same examples each time. */
static ho_status check_once(ho_reading *r)
{
    const ho_pipeline *p = r->pipeline;
    const char *why = ho_stream_only_onward(p->stream);
    if (!why || p->online || (!p->outer && !p->line_search && p->strategy == HO_STRATEGY_HYPERGRADIENT))
        return HO_OK;
    return ho_fail_at(
        r->error, HO_INVALID, ho_tree_get(r->root, "outer")->place,
        "outer: each of its trainings would need the same examples, but %s; tune during one training, with "
        "outer: {schedule: online, every: N, plugin: adam, ...}",
        why);
}

ho_status ho_check_stream(ho_reading *r)
{
    const ho_pipeline *p = r->pipeline;
    const ho_tree *stop = ho_tree_get(r->root, "stop");
    if (p->folds)
        return refuse(r, ho_tree_get(ho_tree_get(r->root, "validation"), "folds"),
                      "folds: a stream, without end, cannot be dealt into folds");
    if (p->final_on != HO_FINAL_TRAINING)
        return refuse(r, ho_tree_get(r->root, "final"),
                      "final: train_on: there is no training part to add validation examples to: training examples "
                      "come as a stream");
    if (p->stop.epochs > 0)
        return refuse(r, ho_tree_get(stop, "epochs"),
                      "epochs: a stream, without end, has none; say `steps`, or give \"stop\" seconds or patience");
    return check_once(r);
}

/* "forward, truncated": the installed modes whose memory does not grow with the steps, as they are by default. */
static char *list_onward(ho_registry *registry)
{
    size_t count, chosen = 0;
    const ho_loaded **modes = ho_registry_list(registry, HO_MODE, &count, NULL, NULL);
    const char **names = ho_alloc((count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        ho_error ignored = {0};
        ho_instance *instance = ho_instance_new(modes[i], NULL, NULL, NULL, (ho_place){0}, &ignored);
        if (instance && ho_mode_steps_back(instance) != HO_ALL_STEPS)
            names[chosen++] = modes[i]->plugin.name;
        ho_instance_free(instance);
    }
    char *list = ho_join(names, chosen);
    free(names);
    free(modes);
    return list;
}

bool ho_stream_never_ends(const ho_pipeline *p)
{
    return p->stream && (p->problem.steps == 0 || ho_stream_only_onward(p->stream)) && !(p->online && p->warm_restart);
}

ho_status ho_stream_suits(const ho_pipeline *p, ho_error *error)
{
    int64_t back = p->stream && p->mode ? ho_mode_steps_back(p->mode) : 0;
    if (back == HO_ALL_STEPS && ho_stream_never_ends(p)) {
        const char *why = ho_stream_only_onward(p->stream);
        char *modes = list_onward(p->registry);
        ho_fail_at(
            error, HO_INVALID, p->mode->place,
            "mode \"%s\" goes back over all steps since the start%s%s; of the installed modes, these go on with a "
            "stream: %s. Online, warm_restart: true makes it go back to the last update only",
            p->mode->loaded->plugin.name, why ? ", but " : ", and of steps: unbounded there are ever more",
            why ? why : "", modes);
        free(modes);
        return error->status;
    }
    if (back == HO_ALL_STEPS)
        back = p->online ? p->problem.update_every : 0;
    if (p->stream)
        ho_stream_keep(p->stream, back);
    return HO_OK;
}

ho_status ho_needs_repeats(const ho_pipeline *p, const char *what, ho_error *error)
{
    const char *why = p->stream ? ho_stream_only_onward(p->stream) : NULL;
    return !why ? HO_OK
                : ho_fail(error, HO_INVALID, "%s: %s takes the same steps again and again, but %s", p->file, what, why);
}
