#include "run/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "run/gradient.h"

/* What one hypergradient costs. That the initial hyperparameters diverge is no matter: a search need not try them. */
static ho_status cost_of_hypergradient(const ho_pipeline *pipeline, ho_training *training, int64_t *evaluations,
                                       ho_error *error)
{
    size_t bytes = (size_t)ho_training_lambda_size(training) * sizeof(double);
    double *lambda = ho_alloc(bytes), *gradient = ho_alloc(bytes), value;
    ho_gradient_cost cost = {0};
    ho_error own = {0};
    ho_training_lambda_initial(training, lambda);
    ho_status status =
        ho_hypergradient(training, pipeline->mode, pipeline->problem.steps, lambda, &value, gradient, &cost, &own);
    free(lambda);
    free(gradient);
    *evaluations = cost.evaluations;
    return status == HO_OK || status == HO_DIVERGED ? HO_OK : ho_fail(error, status, "%s", own.text);
}

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

ho_status ho_search_candidates(const ho_pipeline *pipeline, ho_training *training, int64_t *candidates, ho_error *error)
{
    int64_t each, total, iterations = pipeline->outer_iterations;
    bool timed = pipeline->cpu_seconds > 0 || pipeline->as_long_as;
    *candidates = pipeline->candidates > 0 || !timed ? pipeline->candidates : HO_MOST_CANDIDATES;
    if (check_ranges(pipeline, training, error) != HO_OK || *candidates > 0)
        return error->status;
    if (cost_of_hypergradient(pipeline, training, &each, error) != HO_OK)
        return error->status;
    if (__builtin_mul_overflow(iterations, each, &total) || (total /= pipeline->problem.steps) > HO_MOST_CANDIDATES)
        return ho_fail(error, HO_INVALID,
                       "%s: outer: %lld iterations cost as much as more than %d candidates; say how many",
                       pipeline->file, (long long)iterations, HO_MOST_CANDIDATES);
    *candidates = total > 0 ? total : 1;
    return HO_OK;
}

/* The value a share of the way through a range. */
static double between(const ho_range *range, double share)
{
    if (range->logarithmic)
        return exp(log(range->from) + share * (log(range->to) - log(range->from)));
    return range->from + share * (range->to - range->from);
}

static double grid_value(const ho_range *range, int64_t point)
{
    return range->values ? range->values[point] : between(range, (double)point / (double)(range->points - 1));
}

static double random_value(const ho_range *range, uint64_t seed, uint64_t stream, uint64_t draw)
{
    double share = ho_uniform(seed, stream, draw);
    return range->values ? range->values[(int64_t)(share * (double)range->points)] : between(range, share);
}

/* Candidate number `candidate`, from 0; the constraints have the last word. */
static ho_status draw(const ho_pipeline *pipeline, ho_training *training, int64_t candidate, double *lambda,
                      ho_error *error)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    int64_t rest = candidate;
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned)
            continue;
        const ho_range *range = range_of(pipeline, h);
        uint64_t stream = ho_stream("search") ^ ho_stream(h->name);
        for (int64_t j = 0; j < h->count; j++)
            lambda[h->offset + j] =
                pipeline->strategy == HO_STRATEGY_GRID
                    ? grid_value(range, rest % range->points)
                    : random_value(range, pipeline->problem.seed, stream, (uint64_t)(candidate * h->count + j));
        if (pipeline->strategy == HO_STRATEGY_GRID)
            rest /= range->points;
    }
    return ho_training_project(training, lambda, error);
}

/* Trains with a candidate. *value orders candidates: the less, the better; NaN: there is nothing to compare. */
static ho_status try_candidate(const ho_pipeline *pipeline, ho_training *training, const ho_search_request *request,
                               bool first, const double *lambda, double *value, double *validation_error, ho_error *own)
{
    if (!request->course) {
        double reached = NAN;
        ho_status status = ho_train(training, pipeline->problem.steps, lambda, NULL, &reached, own);
        *value = *validation_error = status == HO_OK ? reached : (double)NAN;
        return status;
    }
    ho_course_result course;
    const ho_course_request watched = {.lambda = lambda, .onward = !first, .cpu_until = request->cpu_until};
    ho_status status = ho_course_run(request->course, &watched, &course, own);
    *value = course.value;
    *validation_error = course.validation.loss;
    return status;
}

ho_status ho_search_run(const ho_pipeline *pipeline, ho_training *training, const ho_search_request *request,
                        ho_outer_result *result, ho_error *error)
{
    int64_t size = ho_training_lambda_size(training);
    double *lambda = ho_alloc((size_t)size * sizeof *lambda);
    ho_error first = {0}; /* why the first that diverged did */
    ho_status status = HO_OK;
    double least = NAN;
    for (int64_t i = 0; i < request->candidates && status == HO_OK; i++) {
        ho_error own = {0};
        double begun = ho_seconds(), value = NAN, validation_error = NAN;
        ho_outer_record record = {
            .iteration = i + 1, .lambda = lambda, .error = NAN, .gradient_norm = NAN, .stationarity = NAN, .scale = 1};
        if (i > 0 && request->cpu_until > 0 && ho_cpu_seconds() >= request->cpu_until)
            break;
        status = draw(pipeline, training, i, lambda, error);
        if (status != HO_OK)
            break;
        ho_status run = try_candidate(pipeline, training, request, i == 0, lambda, &value, &validation_error, &own);
        if (own.status == HO_DIVERGED) {
            record.diverged = own.text;
            ho_fail(&first, own.status, "%s", own.text);
        }
        /* One that diverged or was interrupted after a good look is worth what it was then. */
        bool worth = !isnan(value) && (run == HO_OK || run == HO_DIVERGED || run == HO_INTERRUPTED);
        if (worth) {
            result->done++;
            record.error = validation_error;
            record.best = isnan(least) || value < least;
        }
        if (run != HO_OK && run != HO_DIVERGED)
            status = ho_fail(error, run, "%s", own.text);
        if (status != HO_OK && !worth)
            break;
        if (record.best) {
            least = value;
            result->best_error = validation_error;
            result->best_iteration = i + 1;
            memcpy(result->best, lambda, (size_t)size * sizeof *lambda);
        }
        record.seconds = ho_seconds() - begun;
        ho_status told = request->report(request->context, &record, error);
        status = status == HO_OK ? told : status;
    }
    free(lambda);
    if (status == HO_OK && result->done == 0)
        return ho_fail(error, HO_DIVERGED, "every candidate diverged; the first: %s", first.text);
    return status;
}
