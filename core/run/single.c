#include "run/single.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/gradient.h"
#include "run/outer.h"
#include "run/rows.h"
#include "run/search.h"

struct ho_single {
    const ho_single_request *request;
    ho_pipeline *pipeline;
    ho_training *training, *both; /* both: the final training's, where that is not on the training part alone */
    ho_examples joined;
    ho_problem problem_of_both;
    ho_outer *optimizer; /* NULL: a search, or nothing to tune */
    int64_t total;       /* iterations or candidates */
    ho_results *results; /* borrowed */
    double *initial, *best;
    ho_outer_result outer;
};

const char *ho_strategy_name(const ho_pipeline *pipeline)
{
    if (pipeline->strategy == HO_STRATEGY_HYPERGRADIENT)
        return pipeline->outer ? "hypergradient" : "none";
    return pipeline->strategy == HO_STRATEGY_GRID ? "grid" : "random";
}

const char *ho_outcome_name(ho_status outcome)
{
    switch (outcome) {
    case HO_OK:
        return "done";
    case HO_DIVERGED:
        return "diverged";
    case HO_INTERRUPTED:
        return "interrupted";
    default:
        return "failed";
    }
}

static bool searches(const ho_single *s)
{
    return s->pipeline->strategy != HO_STRATEGY_HYPERGRADIENT;
}

static ho_status report(void *context, const ho_outer_record *r, ho_error *error)
{
    ho_single *s = context;
    const ho_single_request *request = s->request;
    ho_json json = {0};
    ho_json_open(&json, NULL, '{');
    ho_json_integer(&json, "iteration", r->iteration);
    ho_json_real(&json, "validation_error", r->error);
    ho_json_boolean(&json, "best", r->best);
    if (!searches(s)) {
        ho_json_real(&json, "gradient_norm", r->gradient_norm);
        ho_json_real(&json, "stationarity", r->stationarity);
        ho_json_real(&json, "step_scale", r->scale);
        ho_json_integer(&json, "trajectory_bytes", r->bytes);
    }
    ho_json_real(&json, "seconds", r->seconds);
    if (r->diverged)
        ho_json_string(&json, "diverged", r->diverged);
    ho_results_hypers(&json, "hyperparameters", s->training, r->lambda);
    ho_json_close(&json, '}');
    ho_status status = ho_results_line(s->results, &json, error);
    ho_json_free(&json);
    if (r->diverged && !searches(s)) {
        char *text = ho_format("outer iteration %lld diverged: %s%s", (long long)r->iteration, r->diverged,
                               r->recovered ? "; back to the best hyperparameters with half the outer step" : "");
        request->note(request->context, text);
        free(text);
    } else if (r->iteration <= s->total && request->tell) {
        request->tell(request->context, r->iteration, s->total, r->error, s->outer.best_error);
    }
    return status;
}

static ho_status optimise(ho_single *s, ho_error *error)
{
    if (s->optimizer)
        return ho_outer_run(s->optimizer, s->initial, report, s, &s->outer, error);
    if (searches(s))
        return ho_search_run(s->pipeline, s->training, s->total, report, s, &s->outer, error);
    return HO_OK;
}

/* Trains, measures, and adds the column; the weights are written where `weights` says so. */
static ho_status measure(ho_single *s, ho_training *training, const char *title, const double *lambda, bool weights,
                         ho_single_result *result, ho_error *error)
{
    const ho_pipeline *p = s->pipeline;
    ho_system *system = ho_training_system(training);
    ho_column c = {title, NAN, {NAN, NAN, 0}, {NAN, NAN, 0}};
    ho_vector *state;
    ho_status status = ho_train(training, p->problem.steps, lambda, &state, &c.validation_error, error);
    if (status != HO_OK)
        return status;
    status = ho_training_evaluate(training, lambda, state, &p->validation, &c.validation);
    /* Methods that are compared look at the test part once, with what they end in. */
    bool ends = training == s->both || !s->both;
    if (status == HO_OK && p->test.count > 0 && (ends || s->request->whole))
        status = ho_training_evaluate(training, lambda, state, &p->test, &c.test);
    if (status != HO_OK)
        ho_take_error(training, status, "evaluation", error);
    else if (weights)
        status = ho_results_weights(s->results, training, state, error);
    system->api->vector_free(system, state);
    /* What was trained on validates nothing. */
    if (training == s->both)
        c.validation_error = c.validation.loss = c.validation.accuracy = NAN;
    if (status == HO_OK)
        result->columns[result->count++] = c;
    return status;
}

/* The columns, and the weights of the last one. */
static ho_status measure_all(ho_single *s, ho_single_result *result, ho_error *error)
{
    bool tuned = s->outer.done > 0;
    ho_error own = {0};
    ho_status status = HO_OK;
    /* Where validation examples are all that is trained on, and nothing was tuned, nothing validates. */
    bool unseen = !tuned && s->pipeline->final_on == HO_FINAL_VALIDATION;
    if ((s->request->whole || !tuned) && !unseen)
        status = measure(s, s->training, "initial", s->initial, !tuned && !s->both, result, &own);
    /* A search may have found its way from hyperparameters that diverge. */
    if (status == HO_DIVERGED && tuned)
        status = HO_OK;
    else if (status != HO_OK)
        ho_fail(error, status, "%s", own.text);
    if (status == HO_OK && tuned)
        status = measure(s, s->training, "tuned", s->best, !s->both, result, error);
    if (status == HO_OK && s->both)
        status = measure(s, s->both, "final", s->best, true, result, error);
    return status;
}

static double sum(const double *values, int64_t count)
{
    double total = 0;
    for (int64_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

static void fill_briefs(const ho_single *s, ho_single_result *result)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(s->training, &count);
    result->briefs = ho_alloc((count + 1) * sizeof *result->briefs);
    for (size_t i = 0; i < count; i++) {
        const ho_hyperparameter *h = &hypers[i];
        if (!h->tuned)
            continue;
        ho_brief *b = &result->briefs[result->brief_count++];
        *b = (ho_brief){.name = ho_strdup(h->name),
                        .rank = h->rank,
                        .initial = sum(s->initial + h->offset, h->count),
                        .best = sum(s->best + h->offset, h->count)};
        memcpy(b->dims, h->dims, sizeof b->dims);
    }
}

static void json_column(ho_json *json, const ho_column *c)
{
    ho_json_open(json, c->title, '{');
    ho_json_real(json, "validation_error", c->validation_error);
    ho_json_real(json, "validation_loss", c->validation.loss);
    ho_json_real(json, "validation_accuracy", c->validation.accuracy);
    ho_json_real(json, "test_loss", c->test.loss);
    ho_json_real(json, "test_accuracy", c->test.accuracy);
    ho_json_close(json, '}');
}

static ho_status write_result(ho_single *s, const ho_single_result *result, ho_error *error)
{
    ho_json json = {.pretty = true};
    ho_json_open(&json, NULL, '{');
    ho_results_head(&json, s->pipeline, s->request->command_line, s->request->whole);
    ho_json_integer(&json, "repeat", 1);
    ho_json_string(&json, "outcome", ho_outcome_name(result->outcome.status));
    ho_json_string(&json, "message", result->outcome.status == HO_OK ? NULL : result->outcome.text);
    ho_json_integer(&json, "outer_iterations", result->done);
    ho_json_integer(&json, "halvings", result->halvings);
    ho_json_real(&json, "initial_validation_error", result->initial_error);
    ho_json_real(&json, "best_validation_error", result->best_error);
    ho_json_integer(&json, "best_iteration", result->best_iteration);
    ho_json_integer(&json, "gradient_evaluations", result->evaluations);
    ho_json_real(&json, "seconds", result->seconds);
    for (size_t i = 0; i < result->count; i++)
        json_column(&json, &result->columns[i]);
    ho_results_hypers(&json, "hyperparameters", s->training, s->best);
    const char *const here[] = {"."};
    const ho_row row = {s->pipeline->name, ho_strategy_name(s->pipeline), result, 1, here, NULL};
    ho_json_open(&json, "rows", '[');
    ho_row_json(&json, &row);
    ho_json_close(&json, ']');
    ho_json_close(&json, '}');
    ho_status status = ho_results_json(s->results, "result.json", &json, error);
    ho_json_free(&json);
    return status;
}

/* A later failure of a run that went well so far. */
static void fail_later(ho_single_result *result, const ho_error *later)
{
    if (later->status != HO_OK)
        ho_fail(&result->outcome, later->status, "%s", later->text);
}

ho_status ho_single_run(ho_single *s, ho_results *results, ho_single_result *result)
{
    double begun = ho_seconds();
    int64_t before = ho_training_evaluations(s->training);
    s->results = results;
    *result =
        (ho_single_result){.initial_error = NAN, .best_error = NAN, .folder = ho_strdup(ho_results_folder(results))};

    /* What is done so far is kept, whatever happens. */
    ho_status status = optimise(s, &result->outcome);
    result->done = s->outer.done;
    result->best_iteration = s->outer.best_iteration;
    result->halvings = s->outer.halvings;
    result->initial_error = s->outer.initial_error;
    result->best_error = s->outer.best_error;
    result->evaluations = ho_training_evaluations(s->training) - before + s->pipeline->problem.steps;
    ho_error later = {0};
    ho_results_lambda(s->results, "hyperparameters", s->training, s->best, &later);
    ho_weighed_write(s->results, s->pipeline, s->training, s->best, &result->detection, &later);
    /* A run that diverged away from good hyperparameters still shows what these are worth. */
    if (status == HO_OK || (status == HO_DIVERGED && s->outer.done > 0))
        measure_all(s, result, &later);
    fail_later(result, &later);
    fill_briefs(s, result);
    result->seconds = ho_seconds() - begun;
    later = (ho_error){0};
    write_result(s, result, &later);
    fail_later(result, &later);
    return result->outcome.status;
}

/* The final training's examples: validation behind training, or alone. */
static ho_status settle_both(ho_single *s, ho_error *error)
{
    ho_pipeline *p = s->pipeline;
    s->problem_of_both = p->problem;
    if (p->final_on == HO_FINAL_BOTH) {
        s->problem_of_both.training = &s->joined;
        s->problem_of_both.weighted = p->training.count;
        return ho_examples_join(&p->training, &p->validation, &s->joined, error);
    }
    s->problem_of_both.training = &p->validation;
    for (size_t i = 0; i < p->problem.objective_count; i++)
        if (p->problem.objective[i].per_example)
            return ho_fail_at(error, HO_INVALID, p->problem.objective[i].weights_place,
                              "weights: they are the training examples', and final: train_on: validation has none of "
                              "these");
    return HO_OK;
}

/* Training on other examples than the training part takes a system of its own. */
static ho_status open_both(ho_single *s, ho_error *error)
{
    ho_pipeline *p = s->pipeline;
    if (settle_both(s, error) != HO_OK)
        return error->status;
    bool joined = p->final_on == HO_FINAL_BOTH;
    const char *on = joined ? "training+validation" : "validation";
    ho_error own = {0};
    s->both = ho_training_new(&s->problem_of_both, &own);
    if (!s->both)
        return ho_fail(error, own.status, "%s; this is about final: train_on: %s%s", own.text, on,
                       joined ? ", which has the targets of both parts" : "");
    ho_training_interrupt(s->both, s->request->interrupt);
    if (ho_training_lambda_size(s->both) != ho_training_lambda_size(s->training))
        return ho_fail(error, HO_INVALID,
                       "%s: final: train_on: %s: a tuned hyperparameter has an entry for each training example, so it "
                       "says nothing of the others",
                       p->file, on);
    return HO_OK;
}

ho_single *ho_single_new(const ho_single_request *request, ho_error *error)
{
    ho_pipeline *p = request->pipeline;
    ho_single *s = ho_alloc(sizeof *s);
    *s = (ho_single){.request = request, .pipeline = p};
    s->training = ho_training_new(&p->problem, error);
    if (!s->training) {
        ho_single_free(s);
        return NULL;
    }
    ho_training_interrupt(s->training, request->interrupt);
    size_t size = (size_t)ho_training_lambda_size(s->training);
    s->initial = ho_alloc(size * sizeof(double));
    s->best = ho_alloc(size * sizeof(double));
    ho_training_lambda_initial(s->training, s->initial);
    memcpy(s->best, s->initial, size * sizeof(double));
    s->outer = (ho_outer_result){.best = s->best, .best_error = NAN, .initial_error = NAN};
    s->total = p->outer_iterations;
    if (searches(s))
        ho_search_candidates(p, s->training, &s->total, error);
    else if (p->outer)
        s->optimizer = ho_outer_new(p, s->training, error);
    if (error->status == HO_OK && p->final_on != HO_FINAL_TRAINING)
        open_both(s, error);
    if (error->status == HO_OK)
        return s;
    ho_single_free(s);
    return NULL;
}

void ho_single_free(ho_single *s)
{
    if (!s)
        return;
    ho_outer_free(s->optimizer);
    ho_training_free(s->both);
    ho_examples_free(&s->joined);
    ho_training_free(s->training);
    free(s->initial);
    free(s->best);
    free(s);
}

void ho_single_result_free(ho_single_result *result)
{
    for (size_t i = 0; i < result->brief_count; i++)
        free(result->briefs[i].name);
    free(result->briefs);
    free(result->folder);
}
