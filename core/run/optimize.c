#include "run/optimize.h"

#include <stdlib.h>

#include "base/clock.h"
#include "run/rounding.h"
#include "system/gradient.h"

ho_strategy *ho_strategy_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    if (pipeline->strategy != HO_STRATEGY_HYPERGRADIENT)
        return ho_search_new(pipeline, training, error);
    if (pipeline->line_search)
        return ho_line_search_new(pipeline, training);
    if (!pipeline->outer)
        return NULL;
    return pipeline->online ? ho_online_new(pipeline, training, error) : ho_descent_new(pipeline, training, error);
}

void ho_strategy_free(ho_strategy *strategy)
{
    if (strategy)
        strategy->calls->free(strategy);
}

/* Once in a run: *told says whether it was. Takes the text (NULL: nothing to tell). */
static void tell_once(const ho_optimization *o, bool *told, char *text)
{
    const ho_line *line = &o->answer.line;
    if (text && !*told)
        ho_warn(o->listener, line->update ? ho_format("step %lld: %s", (long long)line->step, text)
                                          : ho_format("outer iteration %lld: %s", (long long)line->iteration, text));
    *told = *told || text;
    free(text);
}

/* The first hypergradient of which few digits are left (each line says how many), the first that its mode warns of, and
 * what it has chosen. */
static void tell_trouble(ho_optimization *o)
{
    if (!o->answer.gradient)
        return;
    tell_once(o, &o->told_digits, ho_rounding_warning(o->best->training));
    tell_once(o, &o->told_choice, ho_training_told(o->best->training, HO_TELL_CHOICE));
    tell_once(o, &o->told_warning, ho_training_told(o->best->training, HO_TELL_WARNING));
}

/* The line of an iteration, and a note of its divergence. */
static ho_status report(ho_optimization *o, ho_error *error)
{
    const ho_answer *a = &o->answer;
    if (ho_listen(o->listener, &a->line, a->lambda, a->norms, error) != HO_OK)
        return error->status;
    tell_trouble(o);
    if (a->line.diverged && a->line.kind == HO_LINE_ITERATION)
        ho_warn(o->listener, ho_format("outer iteration %lld diverged: %s%s%s", (long long)a->line.iteration,
                                       a->line.diverged, a->recovery ? "; " : "", a->recovery ? a->recovery : ""));
    return HO_OK;
}

/* Answers with what a candidate came to in another process. */
static bool recall(ho_optimization *o, const ho_question *q)
{
    if (!ho_candidates_recall(o->candidates, q, &o->answer, &o->recalled))
        return false;
    const ho_point point = {.value = o->answer.value,
                            .error = o->answer.value,
                            .iteration = q->iteration,
                            .epoch = NAN,
                            .lambda = q->lambda};
    if (o->answer.outcome.status == HO_OK)
        ho_best_offer(o->best, &point);
    return true;
}

static ho_status iterate(ho_optimization *o, const ho_question *q, int64_t number, ho_result *result, ho_error *error)
{
    ho_answer *a = &o->answer;
    double begun = ho_seconds();
    if (!o->candidates || !recall(o, q))
        ho_ask(o->trainer, q, o->best, a);
    bool measured = !isnan(a->value);
    if (o->strategy->kind != HO_LINE_UPDATE) {
        a->line.kind = o->strategy->kind;
        a->line.iteration = number;
        a->line.best = measured && o->best->at.iteration == number;
    }
    ho_status status = a->outcome.status == HO_OK || a->outcome.status == HO_DIVERGED
                           ? o->strategy->calls->told(o->strategy, a, error)
                           : ho_fail_as(error, &a->outcome);
    if (measured && a->line.kind && number <= o->strategy->planned && result->outer_iterations++ == 0 && a->gradient)
        result->initial_error = a->value;
    a->line.diverged = a->outcome.status == HO_DIVERGED ? a->outcome.text : NULL;
    a->line.seconds = ho_seconds() - begun;
    if (a->line.rounding.known && !(result->rounding.known && result->rounding.left <= a->line.rounding.left))
        result->rounding = a->line.rounding;
    /* What was measured before an interruption counts. */
    if (a->line.kind && (measured || status == HO_OK || status == HO_DIVERGED)) {
        ho_error own = {0};
        report(o, &own);
        if (status == HO_OK)
            status = ho_fail_as(error, &own);
    }
    return status;
}

static void remember(ho_first_steps *s, int64_t number, const ho_answer *a)
{
    if (number == 1)
        *s = (ho_first_steps){.error = a->line.validation_error,
                              .gradient_norm = a->line.gradient_norm,
                              .stationarity = a->line.stationarity,
                              .rounding = a->line.rounding,
                              .second = NAN};
    else if (number == 2)
        s->second = a->value;
    s->steps = number - 1;
}

/* Why no step of a descent improved anything, as far as its start tells; free(). */
static char *failure_of(const ho_first_steps *s, const char *ended)
{
    if (s->gradient_norm == 0)
        return ho_format("the hypergradient is 0: nothing that is tuned has an effect on the validation error");
    if (s->stationarity == 0)
        return ho_format(
            "every step is projected back: they are at the bounds of their constraints or domains, and the "
            "hypergradient points out of these");
    if (s->rounding.known && s->rounding.left < 1)
        return ho_format("rounding leaves no digit of the hypergradient by %s", s->rounding.hyper);
    if (ended)
        return ho_strdup(ended);
    if (s->second == s->error)
        return ho_format("the first step changed nothing; a larger learning_rate of `outer` may help");
    char *became = isnan(s->second)
                       ? ho_format("training diverged after the first step")
                       : ho_format("the first step took the validation error from %.6g to %.6g", s->error, s->second);
    char *why = ho_format("%s; a smaller learning_rate of `outer` may help", became);
    free(became);
    return why;
}

static void tell_failure(const ho_optimization *o)
{
    const ho_first_steps *s = &o->start;
    char *why = failure_of(s, o->strategy->ended);
    ho_warn(o->listener, s->steps == 0
                             ? ho_format("no outer step is made, and the initial hyperparameters are kept: %s", why)
                             : ho_format("no outer step of %lld improved the validation error, and the initial "
                                         "hyperparameters are kept: %s",
                                         (long long)s->steps, why));
    free(why);
}

/* The next question; false: there is none, or an error. One that was under way is asked again. */
static bool ask_next(ho_optimization *o, ho_error *error)
{
    if (!o->asked)
        o->wanted = o->strategy->calls->propose(o->strategy, o->lambda, error);
    o->asked = o->wanted != HO_NO_MORE && error->status == HO_OK;
    return o->asked;
}

static void make_room(ho_optimization *o)
{
    if (!o->lambda)
        o->lambda = ho_alloc((size_t)ho_training_lambda_size(o->best->training) * sizeof *o->lambda);
}

ho_status ho_optimize(ho_optimization *o, ho_result *result, ho_error *error)
{
    bool online = o->strategy->kind == HO_LINE_UPDATE;
    const ho_listener resting = {.rest = o->listener->rest, .context = o->listener->context};
    ho_status status = HO_OK;
    make_room(o);
    for (int64_t i = o->iterations + 1; status == HO_OK; i++) {
        if (i > 1 && !o->asked && o->cpu_until > 0 && ho_cpu_seconds() >= o->cpu_until)
            break;
        if (!ask_next(o, error)) {
            status = error->status;
            break;
        }
        const ho_question question = {.lambda = o->lambda,
                                      .wanted = o->wanted,
                                      .iteration = online ? 0 : i,
                                      .cpu_until = o->cpu_until,
                                      .listener = online ? o->listener : &resting};
        status = iterate(o, &question, i, result, error);
        remember(&o->start, i, &o->answer);
        if (o->answer.line.diverged)
            ho_fail_as(&o->diverged, &o->answer.outcome);
        o->iterations = i;
        o->asked = false;
        if (status == HO_OK)
            ho_rest(o->listener);
    }
    o->answer.lambda = o->answer.gradient = o->answer.norms = NULL;
    o->answer.line.diverged = NULL;
    result->halvings = o->strategy->halvings;
    result->ended = o->strategy->ended;
    result->best_error = o->best->at.error;
    result->best_iteration = o->best->at.iteration;
    const bool descended = o->strategy->kind == HO_LINE_ITERATION && (o->start.steps > 0 || o->strategy->ended);
    if (status == HO_OK && descended && result->best_iteration == 1)
        tell_failure(o);
    if (status == HO_OK && isnan(o->best->at.value) && o->diverged.status != HO_OK)
        return ho_fail(error, HO_DIVERGED, "every candidate diverged; the first: %s", o->diverged.text);
    return status;
}

void ho_optimization_free(ho_optimization *o)
{
    free(o->lambda);
    o->lambda = NULL;
}

void ho_optimization_pass(ho_optimization *o, ho_snapshot *snapshot, ho_arena *arena)
{
    ho_first_steps *s = &o->start;
    make_room(o);
    HO_SNAPSHOT(snapshot, o->told_digits);
    HO_SNAPSHOT(snapshot, o->told_warning);
    HO_SNAPSHOT(snapshot, o->told_choice);
    HO_SNAPSHOT(snapshot, o->iterations);
    HO_SNAPSHOT(snapshot, o->asked);
    HO_SNAPSHOT(snapshot, o->recalled);
    HO_SNAPSHOT(snapshot, o->wanted);
    ho_snapshot_pass(snapshot, o->lambda, (size_t)ho_training_lambda_size(o->best->training) * sizeof *o->lambda);
    HO_SNAPSHOT(snapshot, o->diverged);
    HO_SNAPSHOT(snapshot, s->error);
    HO_SNAPSHOT(snapshot, s->gradient_norm);
    HO_SNAPSHOT(snapshot, s->stationarity);
    HO_SNAPSHOT(snapshot, s->second);
    HO_SNAPSHOT(snapshot, s->steps);
    ho_rounding_pass(&s->rounding, snapshot, arena);
    ho_best_pass(o->best, snapshot);
    o->strategy->calls->pass(o->strategy, snapshot);
}
