#include "run/optimize.h"

#include <stdlib.h>

#include "base/clock.h"
#include "run/rounding.h"
#include "system/gradient.h"

ho_strategy *ho_strategy_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    if (pipeline->strategy != HO_STRATEGY_HYPERGRADIENT)
        return ho_search_new(pipeline, training, error);
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

/* The first hypergradient of which few digits are left (each line says how many), and the first that its mode warns of.
 */
static void tell_trouble(ho_optimization *o)
{
    if (!o->answer.gradient)
        return;
    tell_once(o, &o->told_digits, o->told_digits ? NULL : ho_rounding_warning(o->best->training));
    tell_once(o, &o->told_warning, ho_training_told(o->best->training, true));
}

/* The line of an iteration, and a note of its divergence. */
static ho_status report(ho_optimization *o, ho_error *error)
{
    const ho_answer *a = &o->answer;
    if (ho_listen(o->listener, &a->line, a->lambda, a->norms, error) != HO_OK)
        return error->status;
    tell_trouble(o);
    if (a->line.diverged && a->line.kind == HO_LINE_ITERATION)
        ho_warn(o->listener,
                ho_format("outer iteration %lld diverged: %s%s", (long long)a->line.iteration, a->line.diverged,
                          a->recovered ? "; back to the best hyperparameters with half the outer step" : ""));
    return HO_OK;
}

static ho_status iterate(ho_optimization *o, const ho_question *q, int64_t number, ho_result *result, ho_error *error)
{
    ho_answer *a = &o->answer;
    double begun = ho_seconds();
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

/* What the first steps of a descent came to. */
typedef struct start {
    ho_line first;
    double second; /* validation error; NaN: not measured */
    int64_t steps; /* taken */
} start;

static void remember(start *s, int64_t number, const ho_answer *a)
{
    if (number == 1)
        *s = (start){.first = a->line, .second = NAN};
    else if (number == 2)
        s->second = a->value;
    s->steps = number - 1;
}

/* Why no step of a descent improved anything, as far as its start tells; free(). */
static char *failure_of(const start *s)
{
    const ho_line *first = &s->first;
    if (first->gradient_norm == 0)
        return ho_format("the hypergradient is 0: nothing that is tuned has an effect on the validation error");
    if (first->stationarity == 0)
        return ho_format(
            "every step is projected back: they are at the bounds of their constraints or domains, and the "
            "hypergradient points out of these");
    if (first->rounding.known && first->rounding.left < 1)
        return ho_format("rounding leaves no digit of the hypergradient by %s", first->rounding.hyper);
    if (s->second == first->validation_error)
        return ho_format("the first step changed nothing; a larger learning_rate of `outer` may help");
    char *became = isnan(s->second) ? ho_format("training diverged after the first step")
                                    : ho_format("the first step took the validation error from %.6g to %.6g",
                                                first->validation_error, s->second);
    char *why = ho_format("%s; a smaller learning_rate of `outer` may help", became);
    free(became);
    return why;
}

static void tell_failure(const ho_optimization *o, const start *s)
{
    char *why = failure_of(s);
    ho_warn(o->listener, ho_format("no outer step of %lld improved the validation error, and the initial "
                                   "hyperparameters are kept: %s",
                                   (long long)s->steps, why));
    free(why);
}

ho_status ho_optimize(ho_optimization *o, ho_result *result, ho_error *error)
{
    double *lambda = ho_alloc((size_t)ho_training_lambda_size(o->best->training) * sizeof *lambda);
    bool online = o->strategy->kind == HO_LINE_UPDATE;
    ho_error first = {0}; /* why the first that diverged did */
    start begun = {0};
    ho_status status = HO_OK;
    for (int64_t i = 1; status == HO_OK; i++) {
        if (i > 1 && o->cpu_until > 0 && ho_cpu_seconds() >= o->cpu_until)
            break;
        const ho_question question = {.lambda = lambda,
                                      .wanted = o->strategy->calls->propose(o->strategy, lambda, error),
                                      .iteration = online ? 0 : i,
                                      .cpu_until = o->cpu_until,
                                      .listener = online ? o->listener : NULL};
        status = error->status;
        if (question.wanted == HO_NO_MORE)
            break;
        status = iterate(o, &question, i, result, error);
        remember(&begun, i, &o->answer);
        if (o->answer.line.diverged && first.status == HO_OK)
            first = o->answer.outcome;
    }
    free(lambda);
    o->answer.lambda = o->answer.gradient = o->answer.norms = NULL;
    o->answer.line.diverged = NULL;
    result->halvings = o->strategy->halvings;
    result->best_error = o->best->at.error;
    result->best_iteration = o->best->at.iteration;
    if (status == HO_OK && o->strategy->kind == HO_LINE_ITERATION && begun.steps > 0 && result->best_iteration == 1)
        tell_failure(o, &begun);
    if (status == HO_OK && isnan(o->best->at.value) && first.status != HO_OK)
        return ho_fail(error, HO_DIVERGED, "every candidate diverged; the first: %s", first.text);
    return status;
}
