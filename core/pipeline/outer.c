/* How hyperparameters are tuned and what ends a training: `outer`, `range` and `stop`. */
#include <inttypes.h>
#include <string.h>

#include "pipeline/internal.h"
#include "system/optimizer.h"

#define LEAST_DEFAULT_EVERY 10 /* steps between evaluations: with a full batch an epoch is one step */

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static ho_status read_values(ho_reading *r, const ho_tree *node, ho_range *range)
{
    if (ho_tree_expect(node, HO_TREE_LIST, "values", r->error) != HO_OK)
        return r->error->status;
    if (node->count == 0)
        return ho_fail_at(r->error, HO_INVALID, node->place, "values: the list is empty");
    double *values = ho_arena_alloc(r->arena, node->count * sizeof *values);
    for (const ho_tree *item = node->first; item; item = item->next)
        if (ho_tree_real(item, "values", &values[range->points++], r->error) != HO_OK)
            return r->error->status;
    range->values = values;
    return HO_OK;
}

static ho_status check_ends(ho_reading *r, const ho_tree *node, const ho_range *range)
{
    const ho_tree *from = ho_tree_get(node, "from"), *to = ho_tree_get(node, "to");
    if (!from || !to)
        return ho_fail_at(r->error, HO_INVALID, node->place, "range: \"%s\" is missing (or a list of \"values\")",
                          from ? "to" : "from");
    if (!(range->from < range->to))
        return ho_fail_at(r->error, HO_INVALID, to->place, "range: \"to\" must be above \"from\", got %s and %s",
                          to->text, from->text);
    if (!ho_scale_has(range->scale, range->from) && range->from <= 0)
        return ho_fail_at(r->error, HO_INVALID, from->place, "range: with a %s scale, \"from\" must be above 0, got %s",
                          ho_scale_names[range->scale], from->text);
    if (!ho_scale_has(range->scale, range->to))
        return ho_fail_at(r->error, HO_INVALID, to->place, "range: with a %s scale, \"to\" must be below 1, got %s",
                          ho_scale_names[range->scale], to->text);
    return HO_OK;
}

ho_status ho_describe_range(ho_reading *r, const ho_tree *node, const char *name, ho_range *range)
{
    *range = (ho_range){.name = name, .place = node->place};
    if (ho_keys_read(HO_RANGE, node, range, r->error) != HO_OK)
        return r->error->status;
    const ho_tree *values = ho_tree_get(node, "values");
    if (!values)
        return check_ends(r, node, range);
    for (const ho_tree *other = node->first; other; other = other->next)
        if (other != values)
            return ho_fail_at(r->error, HO_INVALID, other->key_place, "%s: not beside \"values\"", other->key);
    return read_values(r, values, range);
}

static const ho_range *range_of(const ho_pipeline *p, const char *name)
{
    for (size_t i = 0; i < p->range_count; i++)
        if (strcmp(p->ranges[i].name, name) == 0)
            return &p->ranges[i];
    return NULL;
}

/* ---- outer ------------------------------------------------------------------------------------------------------- */

/* Every tuned hyperparameter needs a range; *points gets the size of the grid that they make. */
static ho_status check_ranges(ho_reading *r, const ho_tree *outer, int64_t *points)
{
    const ho_pipeline *p = r->pipeline;
    bool grid = p->strategy == HO_STRATEGY_GRID;
    *points = 1;
    for (size_t i = 0; i < p->problem.setting_count; i++) {
        const ho_hyper_setting *setting = &p->problem.settings[i];
        if (!setting->tuned)
            continue;
        const ho_range *range = range_of(p, setting->name);
        if (!range)
            return ho_fail_at(r->error, HO_INVALID, setting->place,
                              "%s: a %s search needs its \"range\": {from, to, scale: log, points} or {values: [...]}",
                              setting->name, grid ? "grid" : "random");
        if (grid && range->points == 0)
            return ho_fail_at(r->error, HO_INVALID, range->place, "range: a grid search needs its \"points\"");
        if (grid && (__builtin_mul_overflow(*points, range->points, points) || *points > HO_MOST_CANDIDATES))
            return ho_fail_at(r->error, HO_INVALID, outer->place, "outer: the grid has more than %d points",
                              HO_MOST_CANDIDATES);
    }
    return HO_OK;
}

static ho_status describe_search(ho_reading *r, const ho_tree *outer)
{
    ho_pipeline *p = r->pipeline;
    const ho_tree *candidates = ho_tree_get(outer, "candidates"), *like = ho_tree_get(outer, "as_long_as");
    int64_t points;
    if (check_ranges(r, outer, &points) != HO_OK)
        return r->error->status;
    if (p->strategy == HO_STRATEGY_GRID) {
        if (candidates)
            return ho_fail_at(r->error, HO_INVALID, candidates->key_place,
                              "candidates: a grid search takes them from its points: %" PRId64, points);
        p->candidates = points;
        return HO_OK;
    }
    if (p->cpu_seconds > 0 && like)
        return ho_fail_at(r->error, HO_INVALID, like->key_place, "as_long_as: not beside \"cpu_seconds\"");
    if (like)
        p->as_long_as_place = like->place;
    if (candidates || like || p->cpu_seconds > 0)
        return HO_OK;
    if (p->outer_iterations == 0)
        return ho_fail_at(r->error, HO_INVALID, outer->place,
                          "outer: a random search needs \"candidates\", \"iterations\" (as many candidates as cost the "
                          "same), \"cpu_seconds\", or \"as_long_as\": VARIANT");
    if (p->problem.steps == 0)
        return ho_fail_at(r->error, HO_INVALID, outer->place,
                          "outer: a random search that costs as much as \"iterations\" needs a fixed number of steps, "
                          "not unbounded; or give its \"candidates\"");
    return HO_OK;
}

/* Keys that go with one strategy or schedule only. */
static ho_status check_with(ho_reading *r, const ho_tree *outer)
{
    const ho_pipeline *p = r->pipeline;
    for (size_t i = 0; i < ho_key_count; i++) {
        const ho_key *key = &ho_keys[i];
        const ho_tree *node = key->with ? ho_tree_get(outer, key->name) : NULL;
        bool fits = key->with == HO_WITH_BATCH    ? !p->online
                    : key->with == HO_WITH_ONLINE ? p->online
                    : key->with == HO_WITH_SEARCH ? p->strategy != HO_STRATEGY_HYPERGRADIENT
                                                  : p->strategy == HO_STRATEGY_RANDOM;
        if (node && !fits)
            return ho_fail_at(r->error, HO_INVALID, node->key_place, "%s: only with %s", key->name,
                              ho_key_with_text(key));
    }
    return HO_OK;
}

static ho_status check_schedule(ho_reading *r, const ho_tree *outer)
{
    ho_pipeline *p = r->pipeline;
    bool search = p->strategy != HO_STRATEGY_HYPERGRADIENT;
    const ho_tree *iterations = ho_tree_get(outer, "iterations");
    if (p->online && p->problem.update_every == 0)
        return ho_fail_at(r->error, HO_INVALID, outer->place,
                          "outer: \"every\" is missing: the number of steps from one online update to the next");
    /* A variant that searches may change a file whose hyperparameters are updated online. */
    p->online = p->online && !search;
    p->warm_start = p->warm_start && !search;
    if (!p->online)
        p->problem.validation_batch = p->problem.update_every = 0;
    if (p->online && iterations)
        return ho_fail_at(r->error, HO_INVALID, iterations->key_place,
                          "iterations: online updates continue as long as the training does");
    if (!search && !p->online && !iterations)
        return ho_fail_at(r->error, HO_INVALID, outer->place, "outer: \"iterations\" is missing");
    return HO_OK;
}

/* The outer optimizer's own settings, apart from what else stands in `outer`. */
static const ho_tree *values_of(ho_reading *r, const ho_tree *node, const ho_loaded *loaded)
{
    ho_tree *values = ho_tree_new(r->arena, HO_TREE_MAP, node->place);
    for (const ho_tree *child = node->first; child; child = child->next)
        if (ho_has_hyper(loaded, child->key))
            ho_tree_put(values, child->key, child->key_place, ho_tree_copy(r->arena, child));
    return values;
}

/* A search has no use for an optimizer; one that is named (by the file that a variant changes) is checked all the
 * same. Descent without one chooses its own steps. */
static ho_status describe_optimizer(ho_reading *r, ho_tree *node)
{
    ho_pipeline *p = r->pipeline;
    p->line_search = p->strategy == HO_STRATEGY_HYPERGRADIENT && !p->online && !ho_tree_get(node, "plugin");
    if (p->line_search && p->warm_start)
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(node, "warm_start")->place,
                          "warm_start: steps are chosen by comparing validation errors, which different starts make "
                          "meaningless; set \"plugin\"");
    if (p->line_search || (p->strategy != HO_STRATEGY_HYPERGRADIENT && !ho_tree_get(node, "plugin")))
        return ho_tree_only(node, "outer", ho_key_names(HO_OUTER), r->error);
    ho_mention mention = {0};
    if (ho_mention_read(r, HO_DYNAMICS, node, "outer", &mention) != HO_OK)
        return r->error->status;
    p->outer = ho_mention_make(r, &mention, "outer", HO_OUTER);
    if (!p->outer)
        return r->error->status;
    p->problem.natural_steps = true; /* those of its rate */
    p->outer_values = values_of(r, node, p->outer->loaded);
    return ho_optimizer_check(p->outer, p->outer_values, false, r->error);
}

ho_status ho_describe_outer(ho_reading *r, ho_tree *outer, size_t tuned)
{
    ho_pipeline *p = r->pipeline;
    if (ho_keys_read(HO_OUTER, outer, p, r->error) != HO_OK || describe_optimizer(r, outer) != HO_OK)
        return r->error->status;
    if (!tuned)
        return ho_fail_at(r->error, HO_INVALID, outer->key_place, "outer: there are no hyperparameters to tune");
    const ho_tree *tolerance = ho_tree_get(outer, "tolerance");
    if (tolerance && !p->line_search)
        return ho_fail_at(r->error, HO_INVALID, tolerance->key_place,
                          "tolerance: only without a \"plugin\", where descent chooses its own steps");
    if (check_with(r, outer) != HO_OK || check_schedule(r, outer) != HO_OK)
        return r->error->status;
    return p->strategy == HO_STRATEGY_HYPERGRADIENT ? HO_OK : describe_search(r, outer);
}

/* ---- stop -------------------------------------------------------------------------------------------------------- */

/* What ends a training of unbounded steps. */
static ho_status check_end(ho_reading *r)
{
    const ho_pipeline *p = r->pipeline;
    const ho_tree *steps = ho_tree_get(r->root, "steps");
    if (p->problem.steps > 0)
        return HO_OK;
    if ((p->outer || p->line_search) && p->strategy == HO_STRATEGY_HYPERGRADIENT && !p->online)
        return ho_fail_at(r->error, HO_INVALID, steps->place,
                          "steps: unbounded: a hypergradient of a whole training needs a fixed number of steps (or "
                          "schedule: online)");
    if (p->monitored && p->stream && p->strategy == HO_STRATEGY_HYPERGRADIENT)
        return HO_OK; /* until the stream ends, or whoever started the run ends it */
    if (!p->monitored && p->stream)
        return ho_fail_at(r->error, HO_INVALID, steps->place,
                          "steps: unbounded: nothing would measure the weights on the way; give \"stop\", such as "
                          "{every: 1000}");
    if (!p->monitored || (p->stop.patience == 0 && p->stop.epochs == 0 && p->stop.seconds == 0))
        return ho_fail_at(r->error, HO_INVALID, steps->place,
                          "steps: unbounded: nothing would end this training; give \"stop\" a patience, epochs or "
                          "seconds");
    return HO_OK;
}

/* Whether the validation error's first loss is about labels. */
static bool measures_accuracy(const ho_pipeline *p)
{
    const ho_term *loss = p->problem.validation_terms, *end = loss + p->problem.validation_count;
    while (loss < end && loss->plugin->loaded->plugin.kind != HO_LOSS)
        loss++;
    if (loss == end || p->training.target_count == 0)
        return false;
    const ho_target *target = loss->target ? ho_examples_target(&p->training, loss->target) : p->training.targets;
    return target && target->labels;
}

ho_status ho_describe_stop(ho_reading *r)
{
    ho_pipeline *p = r->pipeline;
    const ho_tree *node = ho_tree_get(r->root, "stop");
    if (ho_check_criterion(r) != HO_OK)
        return r->error->status;
    p->monitored = node || p->online;
    if (ho_keys_read(HO_STOP, node, p, r->error) != HO_OK)
        return r->error->status;
    if (p->stop.by_accuracy && !measures_accuracy(p))
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(node, "on")->place,
                          "on: validation_accuracy, but the validation error's first loss has no labels");
    int64_t epoch = ho_epoch_steps(p->training.count, p->problem.batch);
    if (p->stop.every == 0)
        p->stop.every = epoch > LEAST_DEFAULT_EVERY ? epoch : LEAST_DEFAULT_EVERY;
    if (p->problem.validation_batch > p->validation.count)
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(ho_tree_get(r->root, "outer"), "validation_batch")->place,
                          "validation_batch: %" PRId64 " examples, but the validation part has %" PRId64,
                          p->problem.validation_batch, p->validation.count);
    if (p->monitored && p->final_on != HO_FINAL_TRAINING)
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(r->root, "final")->place,
                          "final: train_on: validation examples cannot both be trained on and monitor the training "
                          "(\"stop\", or online updates)");
    if (p->warm_start && (node || p->final_on != HO_FINAL_TRAINING))
        return ho_fail_at(r->error, HO_INVALID, ho_tree_get(ho_tree_get(r->root, "outer"), "warm_start")->place,
                          "warm_start: the result is the best training's weights, and no final training follows: it "
                          "cannot be used with \"%s\"",
                          node ? "stop" : "final: train_on");
    if (p->stream && ho_check_stream(r) != HO_OK)
        return r->error->status;
    return check_end(r);
}
