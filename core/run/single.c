#include "run/single.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/course.h"
#include "run/example_weights.h"
#include "run/gradient.h"
#include "run/head.h"
#include "run/outer.h"
#include "run/rows.h"
#include "run/search.h"

struct ho_single {
    const ho_single_request *request;
    ho_pipeline *pipeline;
    ho_training *training, *both; /* both: the final training's, where that is not on the training part alone */
    ho_examples joined;
    ho_problem problem_of_both;
    ho_outer *optimizer;   /* NULL: a search, updates online, or nothing to tune */
    ho_course *course;     /* NULL: trainings are not watched */
    int64_t total;         /* iterations or candidates */
    ho_run_folder *folder; /* borrowed */
    double *initial, *best;
    ho_outer_result outer;
    double begun, cpu_begun;
    int64_t last_cost; /* of the last training for a column, in evaluations */
    bool aside;        /* the training under way is for comparison: its looks are none of the run's lines */
};

const char *ho_strategy_name(const ho_pipeline *pipeline)
{
    if (pipeline->strategy == HO_STRATEGY_HYPERGRADIENT && pipeline->outer)
        return pipeline->online ? "online" : "hypergradient";
    if (pipeline->strategy == HO_STRATEGY_HYPERGRADIENT)
        return "none";
    return pipeline->strategy == HO_STRATEGY_GRID ? "grid" : "random";
}

static bool searches(const ho_single *s)
{
    return s->pipeline->strategy != HO_STRATEGY_HYPERGRADIENT;
}

/* ---- the run's lines and its progress -----------------------------------------------------------------------------
 */

static void tell(const ho_single *s, double share, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void tell(const ho_single *s, double share, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (s->request->tell)
        s->request->tell(s->request->context, share < 1 ? share : 1, text);
}

/* How long a search may take; 0: as long as it wants. */
static double time_limit(const ho_single *s)
{
    return s->request->cpu_seconds > 0 ? s->request->cpu_seconds : s->pipeline->cpu_seconds;
}

static ho_status report(void *context, const ho_outer_record *r, ho_error *error)
{
    ho_single *s = context;
    const ho_single_request *request = s->request;
    const ho_line line = {.kind = searches(s) ? HO_LINE_CANDIDATE : HO_LINE_ITERATION,
                          .iteration = r->iteration,
                          .validation_error = r->error,
                          .best = r->best,
                          .gradient_norm = r->gradient_norm,
                          .stationarity = r->stationarity,
                          .step_scale = r->scale,
                          .trajectory_bytes = r->bytes,
                          .seconds = r->seconds,
                          .diverged = r->diverged};
    if (ho_run_folder_line(s->folder, s->training, line, r->lambda, NULL, error) != HO_OK)
        return error->status;
    double limit = searches(s) ? time_limit(s) : 0;
    double share = (double)r->iteration / (double)s->total;
    if (limit > 0)
        share = (ho_cpu_seconds() - s->cpu_begun) / limit;
    if (r->diverged && !searches(s)) {
        char *text = ho_format("outer iteration %lld diverged: %s%s", (long long)r->iteration, r->diverged,
                               r->recovered ? "; back to the best hyperparameters with half the outer step" : "");
        request->note(request->context, text);
        free(text);
    } else if (limit > 0) {
        tell(s, share, "candidate %lld  validation error %.5g (best %.5g)", (long long)r->iteration, r->error,
             s->outer.best_error);
    } else if (r->iteration <= s->total) {
        tell(s, share, "%lld/%lld  validation error %.5g (best %.5g)", (long long)r->iteration, (long long)s->total,
             r->error, s->outer.best_error);
    }
    return HO_OK;
}

/* How much of a training is over, as far as its limits tell. */
static double share_of(const ho_single *s, const ho_course_event *e)
{
    const ho_stop *stop = &s->pipeline->stop;
    double share = s->pipeline->problem.steps > 0 ? (double)e->step / (double)s->pipeline->problem.steps : 0;
    if (stop->epochs > 0)
        share = fmax(share, e->epoch / stop->epochs);
    if (stop->seconds > 0)
        share = fmax(share, (ho_seconds() - s->begun) / stop->seconds);
    return share;
}

static ho_status report_event(void *context, const ho_course_event *e, ho_error *error)
{
    ho_single *s = context;
    const ho_line line = {.kind = e->update ? HO_LINE_UPDATE : HO_LINE_EVALUATION,
                          .step = e->step,
                          .epoch = e->epoch,
                          .cpu_seconds = e->cpu_seconds,
                          .update = e->update,
                          .error = e->error,
                          .gradient_norm = e->gradient_norm,
                          .evaluation = e->look,
                          .training_error = e->training_error,
                          .validation_error = e->validation.loss,
                          .validation_accuracy = e->validation.accuracy,
                          .best = e->best};
    if (!s->aside && ho_run_folder_line(s->folder, s->training, line, e->lambda, e->norms, error) != HO_OK)
        return error->status;
    if (e->update && s->outer.done++ == 0)
        s->outer.initial_error = e->error;
    if (e->look && !s->optimizer) /* after outer iterations the bar is full */
        tell(s, share_of(s, e), "step %lld, epoch %.1f  validation error %.5g, accuracy %.2f %%%s", (long long)e->step,
             e->epoch, e->validation.loss, 100 * e->validation.accuracy, e->best ? " (best)" : "");
    return HO_OK;
}

static void warn(void *context, const char *text)
{
    ho_single *s = context;
    s->request->note(s->request->context, text);
}

/* ---- looking for hyperparameters ----------------------------------------------------------------------------------
 */

/* What the course keeps becomes the outcome. */
static void take_kept(ho_single *s)
{
    const ho_course_best *kept = ho_course_kept(s->course);
    if (isnan(kept->value))
        return;
    memcpy(s->best, kept->lambda, (size_t)ho_training_lambda_size(s->training) * sizeof *s->best);
    s->outer.best_error = kept->validation.loss;
}

/* A watched training; its lines are the run's. */
static ho_status train_watched(ho_single *s, const double *lambda, bool online, ho_error *error)
{
    ho_course_result course;
    const ho_course_request request = {
        .lambda = lambda, .online = online, .report = report_event, .warn = warn, .context = s};
    return ho_course_run(s->course, &request, &course, error);
}

static ho_status optimise(ho_single *s, ho_error *error)
{
    ho_status status = HO_OK;
    if (s->optimizer)
        return ho_outer_run(s->optimizer, s->initial, report, s, &s->outer, error);
    if (searches(s)) {
        double limit = time_limit(s);
        const ho_search_request request = {.candidates = s->total,
                                           .cpu_until = limit > 0 ? s->cpu_begun + limit : 0,
                                           .course = s->course,
                                           .report = report,
                                           .context = s};
        return ho_search_run(s->pipeline, s->training, &request, &s->outer, error);
    }
    if (s->pipeline->online) {
        status = train_watched(s, s->initial, true, error);
        take_kept(s);
    }
    return status;
}

/* ---- what comes of them -------------------------------------------------------------------------------------------
 */

/* Whether the weights that count are there already: those of the best look of the training that lambda moved in, or of
 * the best candidate's. */
static bool is_trained(const ho_single *s)
{
    return s->course && (s->pipeline->online || searches(s));
}

/* Trains with lambda, or takes the weights that there are. *state: free with the system's vector_free unless it is the
 * course's. */
static ho_status trained(ho_single *s, ho_training *training, const double *lambda, ho_vector **own,
                         const ho_vector **state, ho_column *c, ho_error *error)
{
    ho_status status = HO_OK;
    int64_t before = ho_training_evaluations(training);
    *own = NULL;
    if (!s->course)
        status = ho_train(training, s->pipeline->problem.steps, lambda, own, &c->validation_error, error);
    else if (!is_trained(s))
        status = train_watched(s, lambda, false, error);
    s->last_cost = ho_training_evaluations(training) - before;
    *state = *own;
    if (!s->course)
        return status;
    const ho_course_best *kept = ho_course_kept(s->course);
    *state = kept->state;
    c->validation_error = kept->validation.loss;
    c->best_epoch = kept->epoch;
    /* Training that diverged or was interrupted after a good look is worth what it was then; the caller tells of it. */
    return (status == HO_DIVERGED || status == HO_INTERRUPTED) && !isnan(kept->value) ? HO_OK : status;
}

/* Trains, measures, and adds the column; the weights are written where `weights` says so. */
static ho_status measure(ho_single *s, ho_training *training, int which, const double *lambda, bool weights,
                         ho_result *result, ho_error *error)
{
    const ho_pipeline *p = s->pipeline;
    ho_column c = {.known = true, .best_epoch = NAN, .validation_error = NAN};
    ho_metrics validation = {.loss = NAN, .accuracy = NAN}, test = validation;
    ho_vector *own;
    const ho_vector *state;
    ho_error training_error = {0};
    s->aside = !weights;
    ho_status status = trained(s, training, lambda, &own, &state, &c, &training_error);
    if (training_error.status != HO_OK)
        ho_fail(error, training_error.status, "%s", training_error.text);
    if (status != HO_OK)
        return status;
    status = ho_training_evaluate(training, lambda, state, &p->validation, &validation);
    /* Methods that are compared look at the test part once, with what they end in. */
    bool ends = training == s->both || !s->both;
    if (status == HO_OK && p->test.count > 0 && (ends || s->request->whole))
        status = ho_training_evaluate(training, lambda, state, &p->test, &test);
    if (status != HO_OK)
        ho_take_error(training, status, "evaluation", error);
    else if (weights)
        status = ho_run_folder_weights(s->folder, training, state, error);
    ho_training_system(training)->api->vector_free(ho_training_system(training), own);
    /* What was trained on validates nothing. */
    if (training == s->both)
        c.validation_error = validation.loss = validation.accuracy = NAN;
    c.validation_loss = validation.loss;
    c.validation_accuracy = validation.accuracy;
    c.test_loss = test.loss;
    c.test_accuracy = test.accuracy;
    if (status == HO_OK)
        result->columns[which] = c;
    return status == HO_OK ? error->status : status;
}

/* The columns, and the weights of the last one. */
static ho_status measure_all(ho_single *s, ho_result *result, ho_error *error)
{
    bool tuned = s->outer.done > 0 || is_trained(s);
    ho_error own = {0};
    ho_status status = HO_OK;
    /* Where validation examples are all that is trained on, and nothing was tuned, nothing validates. */
    bool unseen = !tuned && s->pipeline->final_on == HO_FINAL_VALIDATION;
    if (((s->request->whole && !is_trained(s)) || !tuned) && !unseen)
        status = measure(s, s->training, HO_INITIAL, s->initial, !tuned && !s->both, result, &own);
    /* A search may have found its way from hyperparameters that diverge. */
    if (status == HO_DIVERGED && tuned)
        status = HO_OK;
    else if (status != HO_OK)
        ho_fail(error, status, "%s", own.text);
    if (status == HO_OK && tuned)
        status = measure(s, s->training, HO_TUNED, s->best, !s->both, result, error);
    if (status == HO_OK && s->both)
        status = measure(s, s->both, HO_FINAL, s->best, true, result, error);
    return status;
}

ho_record ho_record_of_run(const ho_pipeline *pipeline, const char *command_line, bool checksums,
                           const ho_result *result, ho_arena *arena)
{
    static const char *const here[] = {"."};
    ho_record record = ho_record_of(HO_RECORD_RUN, pipeline, command_line, checksums, arena);
    const ho_runs runs = {pipeline->name, ho_strategy_name(pipeline), result, here, NULL, 1};
    record.repeat = 1;
    record.result = *result;
    record.rows.count = 1;
    record.rows.items = ho_arena_alloc(arena, sizeof *record.rows.items);
    record.rows.items[0] = ho_row_of(&runs, arena);
    return record;
}

static ho_status write_result(ho_single *s, const ho_result *result, ho_error *error)
{
    const ho_single_request *request = s->request;
    ho_arena *arena = ho_arena_new();
    ho_record record = ho_record_of_run(s->pipeline, request->command_line, request->whole, result, arena);
    ho_run_folder_record(s->folder, &record, error);
    ho_arena_free(arena);
    return error->status;
}

/* A later failure of a run that went well so far. */
static void fail_later(ho_result *result, const ho_error *later)
{
    if (later->status != HO_OK)
        ho_fail(&result->outcome, later->status, "%s", later->text);
}

ho_status ho_single_run(ho_single *s, ho_run_folder *folder, ho_result *result)
{
    int64_t before = ho_training_evaluations(s->training);
    s->begun = ho_seconds();
    s->cpu_begun = ho_cpu_seconds();
    s->folder = folder;
    *result = (ho_result){.initial_error = NAN, .best_error = NAN};

    /* What is done so far is kept, whatever happens. */
    ho_status status = optimise(s, &result->outcome);
    result->outer_iterations = s->outer.done;
    result->best_iteration = s->outer.best_iteration;
    result->halvings = s->outer.halvings;
    result->initial_error = s->outer.initial_error;
    result->best_error = s->outer.best_error;
    result->evaluations = ho_training_evaluations(s->training) - before;
    ho_error later = {0};
    ho_run_folder_lambda(folder, "hyperparameters", s->training, s->best, &later);
    ho_example_weights_write(folder, s->pipeline, s->training, s->best, &result->detection, &later);
    /* A run that diverged away from good hyperparameters still shows what these are worth; and so does one that was
     * interrupted, where nothing has to be trained for it. */
    bool kept = is_trained(s) && !isnan(ho_course_kept(s->course)->value);
    if (status == HO_OK || (status == HO_DIVERGED && (kept || (s->outer.done > 0 && !is_trained(s)))) ||
        (status == HO_INTERRUPTED && kept))
        measure_all(s, result, &later);
    result->evaluations += s->last_cost; /* the column of the initial hyperparameters is for show */
    fail_later(result, &later);
    result->initial = ho_summarize(s->training, s->initial);
    result->best = ho_summarize(s->training, s->best);
    result->seconds = ho_seconds() - s->begun;
    result->cpu_seconds = ho_cpu_seconds() - s->cpu_begun;
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

/* Updates come between steps: none follows the last. */
static ho_status check_updates(const ho_pipeline *p, ho_error *error)
{
    if (!p->online || p->problem.steps == 0 || p->update_every < p->problem.steps)
        return HO_OK;
    return ho_fail_at(error, HO_INVALID, ho_tree_get(ho_tree_get(p->root, "outer"), "every")->place,
                      "every: the hyperparameters would never move: %lld steps from update to update, and training has "
                      "%lld",
                      (long long)p->update_every, (long long)p->problem.steps);
}

ho_single *ho_single_new(const ho_single_request *request, ho_error *error)
{
    ho_pipeline *p = request->pipeline;
    ho_single *s = ho_alloc(sizeof *s);
    *s = (ho_single){.request = request, .pipeline = p};
    s->training = check_updates(p, error) == HO_OK ? ho_training_new(&p->problem, error) : NULL;
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
    else if (p->outer && !p->online)
        s->optimizer = ho_outer_new(p, s->training, error);
    if (error->status == HO_OK && p->monitored)
        s->course = ho_course_new(p, s->training, error);
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
    ho_course_free(s->course);
    ho_training_free(s->both);
    ho_examples_free(&s->joined);
    ho_training_free(s->training);
    free(s->initial);
    free(s->best);
    free(s);
}

void ho_result_free(ho_result *result)
{
    free(result->initial.items);
    free(result->best.items);
}
