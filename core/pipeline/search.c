/* Searches without gradients: the ranges that candidates come from. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "pipeline/internal.h"

static ho_status read_values(ho_reading *r, const ho_tree *node, ho_range *range)
{
    if (ho_tree_expect(node, HO_TREE_LIST, "values", r->error) != HO_OK)
        return r->error->status;
    if (node->count == 0)
        return ho_fail_at(r->error, HO_INVALID, node->place, "values: an empty list");
    double *values = ho_arena_alloc(r->arena, node->count * sizeof *values);
    for (const ho_tree *item = node->first; item; item = item->next)
        if (ho_tree_real(item, "values", &values[range->points++], r->error) != HO_OK)
            return r->error->status;
    range->values = values;
    return HO_OK;
}

static ho_status read_scale(ho_reading *r, const ho_tree *node, ho_range *range)
{
    static const char *const scales[] = {"linear", "log", NULL};
    int which;
    ho_read_choice(node, "scale", scales, &which, r->error);
    range->logarithmic = which == 1;
    return r->error->status;
}

static ho_status read_ends(ho_reading *r, const ho_tree *node, ho_range *range)
{
    const ho_tree *from = ho_tree_get(node, "from"), *to = ho_tree_get(node, "to"),
                  *points = ho_tree_get(node, "points");
    if (!from || !to)
        return ho_fail_at(r->error, HO_INVALID, node->place, "range: \"%s\" is missing (or a list of \"values\")",
                          from ? "to" : "from");
    if (ho_tree_real(from, "from", &range->from, r->error) != HO_OK ||
        ho_tree_real(to, "to", &range->to, r->error) != HO_OK ||
        read_scale(r, ho_tree_get(node, "scale"), range) != HO_OK)
        return r->error->status;
    if (!(range->from < range->to))
        return ho_fail_at(r->error, HO_INVALID, to->place, "range: it ends at %s, not above its start %s", to->text,
                          from->text);
    if (range->logarithmic && range->from <= 0)
        return ho_fail_at(r->error, HO_INVALID, from->place, "range: a log scale starts above 0, not at %s",
                          from->text);
    if (!points)
        return HO_OK;
    if (ho_tree_integer(points, "points", &range->points, r->error) != HO_OK)
        return r->error->status;
    if (range->points < 2 || range->points > HO_MOST_CANDIDATES)
        return ho_fail_at(r->error, HO_INVALID, points->place, "points: %s is not between 2 and %d", points->text,
                          HO_MOST_CANDIDATES);
    return HO_OK;
}

ho_status ho_describe_range(ho_reading *r, const ho_tree *node, const char *name, ho_range *range)
{
    static const char *const by_ends[] = {"from", "to", "scale", "points", NULL}, *const by_values[] = {"values", NULL};
    *range = (ho_range){.name = name, .place = node->place};
    if (ho_tree_expect(node, HO_TREE_MAP, "range", r->error) != HO_OK)
        return r->error->status;
    const ho_tree *values = ho_tree_get(node, "values");
    if (ho_tree_only(node, "a range", values ? by_values : by_ends, r->error) != HO_OK)
        return r->error->status;
    return values ? read_values(r, values, range) : read_ends(r, node, range);
}

static const ho_range *range_of(const ho_pipeline *p, const char *name)
{
    for (size_t i = 0; i < p->range_count; i++)
        if (strcmp(p->ranges[i].name, name) == 0)
            return &p->ranges[i];
    return NULL;
}

/* How long a search may take: so many seconds, or as many as another variant took. */
static ho_status read_time(ho_reading *r, const ho_tree *outer)
{
    ho_pipeline *p = r->pipeline;
    const ho_tree *seconds = ho_tree_get(outer, "cpu_seconds"), *like = ho_tree_get(outer, "as_long_as");
    if (ho_read_positive(seconds, "cpu_seconds", &p->cpu_seconds, r->error) != HO_OK ||
        (like && ho_tree_string(like, "as_long_as", &p->as_long_as, r->error) != HO_OK))
        return r->error->status;
    if (seconds && like)
        return ho_fail_at(r->error, HO_INVALID, like->key_place, "as_long_as: \"cpu_seconds\" says how long already");
    if (like)
        p->as_long_as_place = like->place;
    return HO_OK;
}

ho_status ho_describe_search(ho_reading *r, const ho_tree *outer)
{
    ho_pipeline *p = r->pipeline;
    const char *strategy = p->strategy == HO_STRATEGY_GRID ? "grid" : "random";
    const ho_tree *candidates = ho_tree_get(outer, "candidates");
    int64_t product = 1;
    for (size_t i = 0; i < p->problem.setting_count; i++) {
        const ho_hyper_setting *setting = &p->problem.settings[i];
        if (!setting->tuned)
            continue;
        const ho_range *range = range_of(p, setting->name);
        if (!range)
            return ho_fail_at(r->error, HO_INVALID, setting->place,
                              "%s: a %s search wants its \"range\": {from, to, scale: log, points} or {values: [...]}",
                              setting->name, strategy);
        if (p->strategy == HO_STRATEGY_GRID && range->points == 0)
            return ho_fail_at(r->error, HO_INVALID, range->place, "range: a grid search wants its \"points\"");
        if (p->strategy == HO_STRATEGY_GRID &&
            (__builtin_mul_overflow(product, range->points, &product) || product > HO_MOST_CANDIDATES))
            return ho_fail_at(r->error, HO_INVALID, outer->place, "outer: the grid has more than %d points",
                              HO_MOST_CANDIDATES);
    }
    if (candidates && p->strategy == HO_STRATEGY_GRID)
        return ho_fail_at(r->error, HO_INVALID, candidates->key_place,
                          "candidates: a grid has as many as its points make: %" PRId64, product);
    if (p->strategy == HO_STRATEGY_GRID) {
        p->candidates = product;
        return HO_OK;
    }
    if (candidates && ho_tree_integer(candidates, "candidates", &p->candidates, r->error) != HO_OK)
        return r->error->status;
    if (candidates && (p->candidates < 1 || p->candidates > HO_MOST_CANDIDATES))
        return ho_fail_at(r->error, HO_INVALID, candidates->place, "candidates: %s is not between 1 and %d",
                          candidates->text, HO_MOST_CANDIDATES);
    if (read_time(r, outer) != HO_OK)
        return r->error->status;
    bool timed = p->cpu_seconds > 0 || p->as_long_as;
    if (!candidates && !timed && p->outer_iterations > 0 && p->problem.steps == 0)
        return ho_fail_at(r->error, HO_INVALID, outer->place,
                          "outer: a random search that costs as much as \"iterations\" wants a number of steps, not "
                          "unbounded; say its \"candidates\"");
    if (!candidates && !timed && p->outer_iterations == 0)
        return ho_fail_at(r->error, HO_INVALID, outer->place,
                          "outer: a random search wants \"candidates\", \"iterations\" to cost as much as, "
                          "\"cpu_seconds\", or \"as_long_as\": VARIANT");
    return HO_OK;
}
