/* Searches without gradients, as baselines: a grid, or random draws. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "run/strategy.h"
#include "system/gradient.h"

typedef struct search {
    ho_strategy base;
    const ho_pipeline *pipeline;
    ho_training *training;
    int64_t tried;
} search;

/* ---- how many candidates ----------------------------------------------------------------------------------------- */

/* What one hypergradient costs. The initial hyperparameters may diverge: a search need not try them. */
static ho_status cost_of_hypergradient(search *s, int64_t *evaluations, ho_error *error)
{
    size_t bytes = (size_t)ho_training_lambda_size(s->training) * sizeof(double);
    double *lambda = ho_alloc(bytes), *gradient = ho_alloc(bytes), value;
    ho_gradient_cost cost = {0};
    ho_error own = {0};
    ho_training_lambda_initial(s->training, lambda);
    ho_status status = ho_hypergradient(s->training, s->pipeline->mode, s->pipeline->problem.steps, lambda, &value,
                                        gradient, &cost, &own);
    free(lambda);
    free(gradient);
    *evaluations = cost.evaluations;
    return status == HO_DIVERGED ? HO_OK : ho_fail_as(error, &own);
}

static ho_status too_many(const ho_pipeline *pipeline, ho_error *error)
{
    return ho_fail(error, HO_INVALID,
                   "%s: outer: %lld iterations cost as much as more than %d candidates; say how many", pipeline->file,
                   (long long)pipeline->outer_iterations, HO_MOST_CANDIDATES);
}

static ho_status begin(ho_strategy *base, ho_error *error)
{
    search *s = (search *)base;
    int64_t each, total;
    if (base->planned > 0)
        return HO_OK;
    if (cost_of_hypergradient(s, &each, error) != HO_OK)
        return error->status;
    if (__builtin_mul_overflow(s->pipeline->outer_iterations, each, &total) ||
        (total /= s->pipeline->problem.steps) > HO_MOST_CANDIDATES)
        return too_many(s->pipeline, error);
    base->planned = total > 0 ? total : 1;
    return HO_OK;
}

/* ---- candidates -------------------------------------------------------------------------------------------------- */

static ho_status check_range(const ho_range *range, const ho_hyperparameter *h, ho_error *error)
{
    double least = range->from, most = range->to;
    for (int64_t i = 0; range->values && i < range->points; i++) {
        least = i ? fmin(least, range->values[i]) : range->values[0];
        most = i ? fmax(most, range->values[i]) : range->values[0];
    }
    if (least >= h->lower && most <= h->upper)
        return HO_OK;
    return ho_fail_at(error, HO_INVALID, range->place, "range: %g is outside of %s's domain, %g to %g",
                      least < h->lower ? least : most, h->name, h->lower, h->upper);
}

static const ho_range *range_of(const ho_pipeline *pipeline, const ho_hyperparameter *h)
{
    for (size_t i = 0; i < pipeline->range_count; i++)
        if (strcmp(pipeline->ranges[i].name, h->name) == 0)
            return &pipeline->ranges[i];
    return NULL;
}

static ho_status check_ranges(const ho_pipeline *pipeline, const ho_training *training, ho_error *error)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    for (size_t i = 0; i < count; i++)
        if (hypers[i].tuned && check_range(range_of(pipeline, &hypers[i]), &hypers[i], error) != HO_OK)
            return error->status;
    return HO_OK;
}

/* A range's own scale, or that of its hyperparameter where that has both ends. */
static ho_scale scale_of(const ho_range *range, const ho_hyperparameter *h)
{
    if (range->scale != HO_SCALE_AUTO)
        return range->scale;
    bool ends = ho_scale_has(h->scale, range->from) && ho_scale_has(h->scale, range->to);
    return ends ? h->scale : HO_SCALE_LINEAR;
}

/* The value a share of the way through a range. */
static double between(const ho_range *range, const ho_hyperparameter *h, double share)
{
    ho_scale scale = scale_of(range, h);
    double from = ho_scale_to(scale, range->from), to = ho_scale_to(scale, range->to);
    return ho_scale_from(scale, from + share * (to - from));
}

static double grid_value(const ho_range *range, const ho_hyperparameter *h, int64_t point)
{
    return range->values ? range->values[point] : between(range, h, (double)point / (double)(range->points - 1));
}

static double random_value(const ho_range *range, const ho_hyperparameter *h, uint64_t seed, uint64_t stream,
                           uint64_t draw)
{
    double share = ho_uniform(seed, stream, draw);
    return range->values ? range->values[(int64_t)(share * (double)range->points)] : between(range, h, share);
}

/* Candidate number `tried`, from 0; then project onto the constraints. */
static ho_wanted propose(ho_strategy *base, double *lambda, ho_error *error)
{
    search *s = (search *)base;
    const ho_pipeline *pipeline = s->pipeline;
    if (s->tried == base->planned)
        return HO_NO_MORE;
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(s->training, &count);
    int64_t candidate = s->tried++, rest = candidate;
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned)
            continue;
        const ho_range *range = range_of(pipeline, h);
        uint64_t stream = ho_stream("search") ^ ho_stream(h->name);
        for (int64_t j = 0; j < h->count; j++)
            lambda[h->offset + j] =
                pipeline->strategy == HO_STRATEGY_GRID
                    ? grid_value(range, h, rest % range->points)
                    : random_value(range, h, pipeline->problem.seed, stream, (uint64_t)(candidate * h->count + j));
        if (pipeline->strategy == HO_STRATEGY_GRID)
            rest /= range->points;
    }
    return ho_training_project(s->training, lambda, error) == HO_OK ? HO_VALUE : HO_NO_MORE;
}

/* Candidates do not depend on answers; one that diverges is passed over. */
static ho_status told(ho_strategy *base, ho_answer *answer, ho_error *error)
{
    (void)base, (void)answer, (void)error;
    return HO_OK;
}

static void pass(ho_strategy *base, ho_snapshot *snapshot)
{
    search *s = (search *)base;
    ho_snapshot_pass(snapshot, &base->planned, sizeof base->planned);
    ho_snapshot_pass(snapshot, &s->tried, sizeof s->tried);
}

static void search_free(ho_strategy *base)
{
    free(base);
}

ho_strategy *ho_search_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    static const ho_strategy_calls calls = {begin, propose, told, pass, search_free};
    bool timed = pipeline->cpu_seconds > 0 || pipeline->as_long_as;
    int64_t planned = pipeline->candidates > 0 || !timed ? pipeline->candidates : HO_MOST_CANDIDATES;
    if (check_ranges(pipeline, training, error) != HO_OK)
        return NULL;
    /* A hypergradient costs more than a training. */
    if (planned == 0 && pipeline->outer_iterations > HO_MOST_CANDIDATES) {
        too_many(pipeline, error);
        return NULL;
    }
    search *s = ho_alloc(sizeof *s);
    *s = (search){.base = {&calls, HO_LINE_CANDIDATE, planned, 0}, .pipeline = pipeline, .training = training};
    return &s->base;
}
