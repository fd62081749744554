#include "run/single.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/example_weights.h"
#include "run/final_training.h"
#include "run/head.h"
#include "run/monitored.h"
#include "run/optimize.h"
#include "run/rounding.h"
#include "run/rows.h"
#include "system/gradient.h"

#define KEEPING_SECONDS 1.0  /* at most, between writings of the best hyperparameters and weights */
#define KEEPING_SHARE   50.0 /* of the time at most such a share goes into these */

struct ho_single {
    const ho_single_request *request;
    ho_pipeline *pipeline;
    ho_training *training;
    ho_final_training final;
    ho_strategy *strategy; /* NULL: nothing to tune */
    ho_trainer *trainer;   /* of the loop */
    ho_trainer *last;      /* of trainings with the initial and the best hyperparameters */
    ho_best best;
    ho_optimization search; /* of hyperparameters */
    bool searched;          /* it is over */
    double *initial;
    ho_run_folder *folder; /* borrowed */
    ho_result *result;
    double begun, cpu_begun;
    int64_t before;       /* evaluations that are not the run's */
    bool improved;        /* the best so far is not in the folder yet */
    double kept, keeping; /* when the best was last written, and how long that took */
    int64_t last_cost;    /* of the last training for a column, in evaluations */
    /* The training for a column that is under way: which, counted from 1, 0: none; the evaluations before it; its best.
     */
    int measuring;
    int64_t measured_from;
    ho_best measured;
    ho_snapshot snapshot;
    bool resumed;        /* from a checkpoint */
    bool told_unwritten; /* that a checkpoint could not be written */
};

const char *ho_strategy_name(const ho_pipeline *pipeline)
{
    if (pipeline->strategy == HO_STRATEGY_HYPERGRADIENT && (pipeline->outer || pipeline->line_search))
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
    s->request->tell(s->request->context, share < 1 ? share : 1, text);
}

/* How long a search may take; 0: as long as it wants. */
static double time_limit(const ho_single *s)
{
    return s->request->cpu_seconds > 0 ? s->request->cpu_seconds : s->pipeline->cpu_seconds;
}

/* How much of a training is over, as far as its limits tell. */
static double share_of(const ho_single *s, const ho_line *line)
{
    const ho_stop *stop = &s->pipeline->stop;
    double share = s->pipeline->problem.steps > 0 ? (double)line->step / (double)s->pipeline->problem.steps : 0;
    if (stop->epochs > 0)
        share = fmax(share, line->epoch / stop->epochs);
    if (stop->seconds > 0)
        share = fmax(share, (ho_seconds() - s->begun) / stop->seconds);
    return share;
}

static void tell_evaluation(const ho_single *s, const ho_line *line)
{
    char epoch[40] = ""; /* a stream has none */
    if (!isnan(line->epoch))
        snprintf(epoch, sizeof epoch, ", epoch %.1f", line->epoch);
    tell(s, share_of(s, line), "step %lld%s  validation error %.5g, accuracy %.2f %%%s", (long long)line->step, epoch,
         line->validation_error, 100 * line->validation_accuracy, line->best ? " (best)" : "");
}

static void tell_of(const ho_single *s, const ho_line *line)
{
    long long number = line->iteration, planned = s->strategy ? s->strategy->planned : 0;
    double limit = searches(s) ? time_limit(s) : 0;
    if (line->kind == HO_LINE_EVALUATION) {
        if (!s->strategy || s->strategy->kind != HO_LINE_ITERATION) /* after outer iterations the bar is full */
            tell_evaluation(s, line);
    } else if (line->kind == HO_LINE_CANDIDATE && limit > 0) {
        tell(s, (ho_cpu_seconds() - s->cpu_begun) / limit, "candidate %lld  validation error %.5g (best %.5g)", number,
             line->validation_error, s->best.at.error);
    } else if (line->kind == HO_LINE_CANDIDATE || (line->kind == HO_LINE_ITERATION && !line->diverged)) {
        if (number <= planned)
            tell(s, (double)number / (double)planned, "%lld/%lld  validation error %.5g (best %.5g)", number, planned,
                 line->validation_error, s->best.at.error);
    }
}

/* The best hyperparameters, or the best weights of the run's own training, as far as they are not in the folder yet:
 * what would be lost if the process were killed. Where they cannot be written, the end of the run says so. */
static void keep_best(ho_single *s)
{
    const double now = ho_seconds(), seconds = fmin(KEEPING_SECONDS, s->pipeline->checkpoint_seconds);
    if (!s->improved || now - s->kept < seconds || (seconds > 0 && now - s->kept < KEEPING_SHARE * s->keeping))
        return;
    const ho_best *best = s->measuring ? &s->measured : &s->best;
    ho_error ignored = {0};
    if (!s->measuring)
        ho_run_folder_lambda(s->folder, s->training, best->lambda, &ignored);
    if (best->state)
        ho_run_folder_weights(s->folder, best->training, best->state, &ignored);
    s->improved = false;
    s->kept = ho_seconds();
    s->keeping = s->kept - now;
}

static ho_status write_line(void *context, const ho_line *line, const double *lambda, const double *norms,
                            ho_error *error)
{
    ho_single *s = context;
    if (ho_run_folder_line(s->folder, s->training, *line, lambda, norms, error) == HO_OK)
        tell_of(s, line);
    s->improved = s->improved || line->best;
    keep_best(s);
    return error->status;
}

static void warn(void *context, const char *text)
{
    ho_single *s = context;
    s->request->note(s->request->context, text);
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

static void pass_result(ho_result *r, ho_snapshot *snapshot, ho_arena *arena)
{
    HO_SNAPSHOT(snapshot, r->outcome);
    HO_SNAPSHOT(snapshot, r->outer_iterations);
    HO_SNAPSHOT(snapshot, r->halvings);
    HO_SNAPSHOT(snapshot, r->initial_error);
    HO_SNAPSHOT(snapshot, r->best_error);
    HO_SNAPSHOT(snapshot, r->best_iteration);
    HO_SNAPSHOT(snapshot, r->evaluations);
    HO_SNAPSHOT(snapshot, r->columns);
    ho_snapshot_text(snapshot, &r->ended, arena);
    ho_rounding_pass(&r->rounding, snapshot, arena);
}

static bool can_pass(const ho_single *s)
{
    return (!s->trainer || ho_trainer_can_pass(s->trainer)) && (!s->last || ho_trainer_can_pass(s->last)) &&
           (!s->final.trainer || ho_trainer_can_pass(s->final.trainer));
}

/* Whether a training for a column has weights: the criterion's have as many as there are trainings. */
static bool keeps_state(const ho_single *s, const ho_training *training)
{
    return training == s->final.training || !s->pipeline->criterion;
}

/* The trainings under way. What they cost is restored behind them; a criterion does so for its own. */
static ho_status pass_trainings(ho_single *s, ho_snapshot *snapshot, ho_error *error)
{
    ho_trainer *const trainers[] = {s->trainer, s->last, s->final.trainer};
    ho_training *const trainings[] = {s->pipeline->criterion ? NULL : s->training, s->final.training};
    HO_SNAPSHOT(snapshot, s->measuring);
    HO_SNAPSHOT(snapshot, s->measured_from);
    const int which = s->measuring - 1;
    ho_training *measured = which == HO_FINAL ? s->final.training : s->training;
    if (which >= 0 && snapshot->restoring &&
        ho_best_init(&s->measured, measured, keeps_state(s, measured), error) != HO_OK)
        return error->status;
    if (which >= 0)
        ho_best_pass(&s->measured, snapshot);
    for (size_t i = 0; i < sizeof trainers / sizeof *trainers && error->status == HO_OK; i++)
        if (trainers[i])
            ho_trainer_pass(trainers[i], snapshot, error);
    for (size_t i = 0; i < sizeof trainings / sizeof *trainings && error->status == HO_OK; i++)
        if (trainings[i])
            ho_training_pass(trainings[i], snapshot, error);
    return error->status;
}

/* All that the run knows but for what is on the disk. */
static ho_status pass(ho_single *s, ho_snapshot *snapshot, ho_error *error)
{
    double seconds = ho_seconds() - s->begun, cpu_seconds = ho_cpu_seconds() - s->cpu_begun;
    HO_SNAPSHOT(snapshot, seconds);
    HO_SNAPSHOT(snapshot, cpu_seconds);
    s->begun = ho_seconds() - seconds;
    s->cpu_begun = ho_cpu_seconds() - cpu_seconds;
    HO_SNAPSHOT(snapshot, s->before);
    HO_SNAPSHOT(snapshot, s->searched);
    HO_SNAPSHOT(snapshot, s->improved);
    HO_SNAPSHOT(snapshot, s->last_cost);
    pass_result(s->result, snapshot, s->pipeline->arena);
    if (s->strategy)
        ho_optimization_pass(&s->search, snapshot, s->pipeline->arena);
    return pass_trainings(s, snapshot, error);
}

/* Steps of all trainings. s->trainer's is that of s->last. */
static int64_t taken(const ho_single *s)
{
    return ho_trainer_taken(s->last) + (s->final.trainer ? ho_trainer_taken(s->final.trainer) : 0);
}

/* Nothing is half done: a checkpoint, where it is time for one. A run goes on without. */
static void rest(void *context)
{
    ho_single *s = context;
    ho_checkpoints *checkpoints = ho_run_folder_checkpoints(s->folder);
    uint64_t lines;
    ho_error error = {0};
    keep_best(s);
    const bool last = s->request->interrupt && *s->request->interrupt;
    if (!checkpoints || (!ho_checkpoint_due(checkpoints, taken(s)) && !last) || !can_pass(s))
        return;
    ho_checkpoint_begin(&s->snapshot);
    if (pass(s, &s->snapshot, &error) == HO_OK && ho_run_folder_settle(s->folder, &lines, &error) == HO_OK)
        ho_checkpoint_write(checkpoints, &s->snapshot, lines, &error);
    if (error.status != HO_OK && !s->told_unwritten) {
        char *text = ho_format("%s: the run continues, but cannot be resumed from here", error.text);
        s->request->note(s->request->context, text);
        free(text);
    }
    s->told_unwritten = error.status != HO_OK;
}

/* Goes back to the newest checkpoint; without one, the run begins anew. */
static ho_status restore(ho_single *s, ho_error *error)
{
    uint64_t lines = 0;
    ho_status status = HO_OK;
    if (ho_run_folder_recall(s->folder, &s->snapshot, &lines, s->request->note, s->request->context)) {
        status = pass(s, &s->snapshot, error);
        if (status == HO_OK && (s->snapshot.short_of || s->snapshot.at != s->snapshot.size))
            status = ho_fail(error, HO_INVALID, "%s: its checkpoint was written by another build of hotool",
                             ho_run_folder_path(s->folder));
        s->resumed = status == HO_OK;
    }
    return status == HO_OK ? ho_run_folder_cut(s->folder, lines, error) : status;
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

/* Whether the weights that count are there already: those of the best evaluation. */
static bool is_trained(const ho_single *s)
{
    return s->best.state != NULL;
}

static ho_status optimise(ho_single *s, ho_result *result, ho_error *error)
{
    const double limit = searches(s) ? time_limit(s) : 0;
    const ho_listener listener = {write_line, warn, rest, s};
    s->search.cpu_until = limit > 0 ? s->cpu_begun + limit : 0;
    s->search.candidates = s->request->candidates;
    s->search.listener = &listener;
    ho_status status = ho_optimize(&s->search, result, error);
    s->search.listener = NULL;
    return status;
}

/* Trains with lambda for column `which`, or goes on with that. Where training diverged or was interrupted after a good
 * evaluation, s->measured has that one, and the status is HO_OK beside the error. */
static ho_status train(ho_single *s, ho_training *training, int which, const double *lambda, bool lines,
                       ho_error *error)
{
    const ho_listener all = {write_line, warn, rest, s}, only_rests = {.rest = rest, .context = s};
    const ho_question question = {.lambda = lambda, .wanted = HO_VALUE, .listener = lines ? &all : &only_rests};
    ho_trainer *trainer = training == s->final.training ? s->final.trainer : s->last;
    ho_answer answer;
    if (s->measuring != 1 + which) {
        s->measured_from = ho_trainer_evaluations(trainer);
        if (ho_best_init(&s->measured, training, keeps_state(s, training), error) != HO_OK)
            return error->status;
        s->measuring = 1 + which;
    }
    ho_status status = ho_ask(trainer, &question, &s->measured, &answer);
    s->measuring = 0;
    s->last_cost = ho_trainer_evaluations(trainer) - s->measured_from;
    ho_fail_as(error, &answer.outcome);
    return (status == HO_DIVERGED || status == HO_INTERRUPTED) && !isnan(s->measured.at.value) ? HO_OK : status;
}

/* What the weights of a point are worth. */
static ho_status evaluate(ho_single *s, ho_training *training, const ho_point *point, ho_column *c, ho_error *error)
{
    const ho_pipeline *p = s->pipeline;
    ho_metrics validation = {.loss = NAN, .accuracy = NAN}, test = validation;
    ho_status status = HO_OK;
    if (keeps_state(s, training))
        status = ho_training_evaluate(training, point->lambda, point->state, &p->validation, &validation);
    else
        validation = *ho_trainer_metrics(s->last);
    /* Methods that are compared use the test part once, with what they end in. */
    bool ends = training == s->final.training || !s->final.training;
    if (status == HO_OK && p->test.count > 0 && point->state && (ends || s->request->whole))
        status = ho_training_evaluate(training, point->lambda, point->state, &p->test, &test);
    if (status != HO_OK)
        return ho_take_error(training, status, "evaluation", error);
    /* What was trained on validates nothing, and the criterion's figures are means. */
    if (training == s->final.training)
        validation.loss = validation.accuracy = NAN;
    *c = (ho_column){.known = true,
                     .best_epoch = point->epoch,
                     .validation_error = training == s->final.training ? (double)NAN : point->error,
                     .validation_loss = validation.loss,
                     .validation_accuracy = validation.accuracy,
                     .test_loss = test.loss,
                     .test_accuracy = test.accuracy};
    return HO_OK;
}

/* Trains, measures, and adds the column; where `own`, it is the run's own training, with lines and weights. */
static ho_status measure(ho_single *s, ho_training *training, int which, const double *lambda, bool own,
                         ho_result *result, ho_error *error)
{
    const ho_point *point = &s->best.at;
    ho_column column;
    ho_status status = HO_OK;
    if (result->columns[which].known)
        return HO_OK; /* before the run was resumed */
    if (!is_trained(s)) {
        status = train(s, training, which, lambda, own, error);
        s->measured.at.lambda = lambda;
        point = &s->measured.at;
    }
    ho_error later = {0};
    if (status == HO_OK && evaluate(s, training, point, &column, &later) == HO_OK && own)
        ho_run_folder_weights(s->folder, training, point->state, &later);
    if (status == HO_OK && later.status == HO_OK)
        result->columns[which] = column;
    ho_best_free(&s->measured);
    ho_fail_as(error, &later);
    /* What an interrupted run shows is not how it ends. */
    if (error->status == HO_OK && result->outcome.status != HO_INTERRUPTED)
        rest(s);
    return error->status;
}

/* The columns, and the weights of the last one. */
static ho_status measure_all(ho_single *s, ho_result *result, ho_error *error)
{
    bool tuned = result->outer_iterations > 0 || is_trained(s);
    ho_error own = {0};
    ho_status status = HO_OK;
    /* Where validation examples are all that is trained on, and nothing was tuned, nothing validates. */
    bool unseen = !tuned && s->pipeline->final_on == HO_FINAL_VALIDATION;
    if (((s->request->whole && !is_trained(s)) || !tuned) && !unseen)
        status = measure(s, s->training, HO_INITIAL, s->initial, !tuned && !s->final.training, result, &own);
    /* A search may have found its way from hyperparameters that diverge. */
    if (status == HO_DIVERGED && tuned)
        status = HO_OK;
    else
        ho_fail_as(error, &own);
    if (status == HO_OK && tuned)
        status = measure(s, s->training, HO_TUNED, s->best.lambda, !s->final.training, result, error);
    if (status == HO_OK && s->final.training)
        status = measure(s, s->final.training, HO_FINAL, s->best.lambda, true, result, error);
    return status;
}

/* The record of a run, whose only row is its own. */
static ho_status record(const ho_single *s, const ho_result *result, bool unfinished, ho_error *error)
{
    static const char *const here[] = {"."};
    const ho_single_request *request = s->request;
    ho_arena *arena = ho_arena_new();
    const ho_runs runs = {s->pipeline->name,     ho_strategy_name(s->pipeline), result, here, NULL, 1,
                          s->pipeline->criterion};
    ho_row row = ho_row_of(&runs, arena);
    ho_record record = ho_record_of(HO_RECORD_RUN, s->pipeline, request->origin, arena);
    record.started.again = ho_again(request->origin, "pipeline", ho_run_folder_path(s->folder), NULL, arena);
    record.unfinished = unfinished;
    record.repeat = 1;
    record.result = *result;
    record.rows.count = 1;
    record.rows.items = &row;
    ho_run_folder_record(s->folder, &record, error);
    if (!unfinished)
        request->show(request->context, &record);
    ho_arena_free(arena);
    return error->status;
}

/* What others may know of the run before it is over. */
static void record_beginning(const ho_single *s)
{
    ho_result begun = *s->result;
    ho_error ignored = {0};
    ho_fail(&begun.outcome, HO_INTERRUPTED, HO_UNFINISHED_TEXT);
    record(s, &begun, true, &ignored);
}

/* Where the run stands at its beginning, or where it was. */
static ho_status begin(ho_single *s, bool resume, ho_error *error)
{
    s->begun = ho_seconds();
    s->cpu_begun = ho_cpu_seconds();
    if (resume && restore(s, error) != HO_OK)
        return error->status;
    if (s->resumed || !s->strategy)
        return HO_OK;
    ho_status status = s->strategy->calls->begin ? s->strategy->calls->begin(s->strategy, error) : HO_OK;
    s->before = ho_trainer_evaluations(s->search.trainer);
    s->begun = ho_seconds();
    s->cpu_begun = ho_cpu_seconds();
    return status;
}

/* Until nothing better can be found. */
static ho_status search(ho_single *s, ho_result *result)
{
    if (s->searched || !s->strategy)
        return result->outcome.status;
    ho_status status = optimise(s, result, &result->outcome);
    result->evaluations = ho_trainer_evaluations(s->search.trainer) - s->before + s->search.recalled;
    s->searched = status != HO_INTERRUPTED && status != HO_FAILED;
    if (s->searched)
        rest(s);
    return status;
}

ho_status ho_single_try(ho_single *s, ho_error *error)
{
    const ho_single_request *r = s->request;
    return ho_candidates_try(r->candidates, s->pipeline, s->training, s->search.trainer, r->tell, r->context, error);
}

ho_status ho_single_run(ho_single *s, ho_run_folder *folder, bool resume, ho_result *result)
{
    s->folder = folder;
    s->result = result;
    *result = (ho_result){.seed = (int64_t)s->pipeline->problem.seed, .initial_error = NAN, .best_error = NAN};
    ho_status status = begin(s, resume, &result->outcome);
    if (status == HO_INVALID && resume)
        return status; /* what there is stays as it is */

    /* What is done so far is kept, whatever happens. */
    if (status == HO_OK) {
        record_beginning(s);
        status = search(s, result);
    }
    ho_error later = {0}, unwritten = {0};
    s->improved = false;
    ho_run_folder_lambda(folder, s->training, s->best.lambda, &unwritten);
    ho_example_weights_write(folder, s->pipeline, s->training, s->best.lambda, &result->detection, &unwritten);
    /* A run that diverged away from good hyperparameters still shows what these are worth; and so does one that was
     * interrupted, where nothing has to be trained for it. */
    bool kept = is_trained(s) && !isnan(s->best.at.value);
    if (status == HO_OK || (status == HO_DIVERGED && (kept || (result->outer_iterations > 0 && !is_trained(s)))) ||
        (status == HO_INTERRUPTED && kept))
        measure_all(s, result, &later);
    result->evaluations += s->last_cost; /* the column of the initial hyperparameters is for show */
    ho_fail_as(&result->outcome, &later);
    if (unwritten.status != HO_OK)
        ho_fail(&result->outcome, unwritten.status,
                "%s; those tuned hyperparameters that are numbers are in the table and in %s/metrics.jsonl",
                unwritten.text, ho_run_folder_path(folder));
    result->initial = ho_summarize(s->training, s->initial);
    result->best = ho_summarize(s->training, s->best.lambda);
    result->seconds = ho_seconds() - s->begun;
    result->cpu_seconds = ho_cpu_seconds() - s->cpu_begun;
    uint64_t lines; /* reach the disk before what says that the run is over */
    ho_run_folder_settle(folder, &lines, &result->outcome);
    later = (ho_error){0};
    if (record(s, result, false, &later) == HO_OK && ho_is_settled(result->outcome.status))
        ho_run_folder_finish(folder);
    ho_fail_as(&result->outcome, &later);
    return result->outcome.status;
}

/* Updates come between steps: none follows the last. */
static ho_status check_updates(const ho_pipeline *p, ho_error *error)
{
    const int64_t epochs = ho_last_of_epochs(p), steps = p->problem.steps > 0 ? p->problem.steps : INT64_MAX;
    const int64_t last = steps < epochs ? steps : epochs;
    if (!p->online || p->problem.update_every < last)
        return HO_OK;
    return ho_fail_at(
        error, HO_INVALID, ho_tree_get(ho_tree_get(p->root, "outer"), "every")->place,
        "every: the hyperparameters would never change: %lld steps between updates, but training has %lld%s",
        (long long)p->problem.update_every, (long long)last, epochs < steps ? ", by the epochs of `stop`" : "");
}

ho_single *ho_single_new(const ho_single_request *request, ho_error *error)
{
    ho_pipeline *p = request->pipeline;
    ho_single *s = ho_alloc(sizeof *s);
    *s = (ho_single){.request = request, .pipeline = p};
    s->training = check_updates(p, error) == HO_OK ? ho_pipeline_training(p, error) : NULL;
    if (!s->training) {
        ho_single_free(s);
        return NULL;
    }
    ho_training_interrupt(s->training, request->interrupt);
    s->initial = ho_alloc((size_t)ho_training_lambda_size(s->training) * sizeof *s->initial);
    ho_training_lambda_initial(s->training, s->initial);
    s->strategy = ho_strategy_new(p, s->training, error);
    /* The steps of descent are not monitored; what comes of them is. */
    bool descends = s->strategy && s->strategy->kind == HO_LINE_ITERATION;
    if (error->status == HO_OK)
        s->last = ho_trainer_of_criterion(p, s->training, p->monitored, request->jobs, request->interrupt, error);
    if (error->status == HO_OK && descends && !p->criterion)
        s->trainer = ho_trainer_new(p, s->training, false, error);
    if (error->status == HO_OK)
        ho_final_training_open(&s->final, p, s->training, request->interrupt, error);
    if (error->status == HO_OK)
        ho_best_init(&s->best, s->training, s->strategy && (descends ? p->warm_start : p->monitored), error);
    s->search =
        (ho_optimization){.strategy = s->strategy, .trainer = s->trainer ? s->trainer : s->last, .best = &s->best};
    if (error->status == HO_OK)
        return s;
    ho_single_free(s);
    return NULL;
}

void ho_single_free(ho_single *s)
{
    if (!s)
        return;
    ho_strategy_free(s->strategy);
    ho_trainer_free(s->trainer);
    ho_trainer_free(s->last);
    ho_best_free(&s->best);
    ho_best_free(&s->measured);
    ho_optimization_free(&s->search);
    ho_snapshot_free(&s->snapshot);
    ho_final_training_free(&s->final);
    ho_training_free(s->training);
    free(s->initial);
    free(s);
}

void ho_result_free(ho_result *result)
{
    free(result->initial.items);
    free(result->best.items);
}
