#include "run/trainer.h"

#include <stdlib.h>
#include <string.h>

#include "run/criterion.h"
#include "run/hyperstep.h"
#include "run/monitored.h"
#include "run/rounding.h"
#include "system/gradient.h"

/* ---- the best ---------------------------------------------------------------------------------------------------- */

ho_status ho_best_init(ho_best *best, ho_training *training, bool keep_state, ho_error *error)
{
    ho_system *system = ho_training_system(training);
    *best = (ho_best){.training = training};
    best->lambda = ho_alloc((size_t)ho_training_lambda_size(training) * sizeof *best->lambda);
    ho_training_lambda_initial(training, best->lambda);
    best->state = keep_state ? system->api->vector_new(system, 1) : NULL;
    best->at = (ho_point){.value = NAN, .error = NAN, .epoch = NAN, .lambda = best->lambda, .state = best->state};
    return keep_state && !best->state ? ho_take_error(training, HO_FAILED, "training", error) : HO_OK;
}

void ho_best_free(ho_best *best)
{
    if (best->training)
        ho_training_system(best->training)->api->vector_free(ho_training_system(best->training), best->state);
    free(best->lambda);
    *best = (ho_best){0};
}

void ho_best_offer(ho_best *best, const ho_point *point)
{
    if (!ho_is_better(point->value, best->at.value))
        return;
    ho_system *system = ho_training_system(best->training);
    memcpy(best->lambda, point->lambda, (size_t)ho_training_lambda_size(best->training) * sizeof *best->lambda);
    if (best->state)
        system->api->copy(system, point->state, best->state);
    best->at = *point;
    best->at.lambda = best->lambda;
    best->at.state = best->state;
}

void ho_best_pass(ho_best *best, ho_snapshot *snapshot)
{
    HO_SNAPSHOT(snapshot, best->at);
    ho_snapshot_pass(snapshot, best->lambda, (size_t)ho_training_lambda_size(best->training) * sizeof *best->lambda);
    if (best->state)
        ho_training_pass_vector(best->training, best->state, snapshot);
    best->at.lambda = best->lambda;
    best->at.state = best->state;
}

/* ---- listeners --------------------------------------------------------------------------------------------------- */

ho_status ho_listen(const ho_listener *listener, const ho_line *line, const double *lambda, const double *norms,
                    ho_error *error)
{
    return listener && listener->line ? listener->line(listener->context, line, lambda, norms, error) : HO_OK;
}

void ho_warn(const ho_listener *listener, char *text)
{
    if (listener && listener->warn)
        listener->warn(listener->context, text);
    free(text);
}

void ho_rest(const ho_listener *listener)
{
    if (listener && listener->rest)
        listener->rest(listener->context);
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

struct ho_trainer {
    const ho_pipeline *pipeline;
    ho_training *training;
    ho_monitored *monitored; /* or */
    ho_mean *mean;           /* NULL, both: plain */
    ho_walk walk;            /* of a plain one */
    double *lambda;          /* that it is of */
    ho_vector *last;         /* of warm starts: the last state; NULL: each training starts anew */
    double *gradient;
};

ho_trainer *ho_trainer_new(const ho_pipeline *pipeline, ho_training *training, bool monitored, ho_error *error)
{
    ho_trainer *t = ho_alloc(sizeof *t);
    *t = (ho_trainer){.pipeline = pipeline, .training = training};
    t->gradient = ho_alloc(((size_t)ho_training_lambda_size(training) + 1) * sizeof *t->gradient);
    t->lambda = ho_alloc(((size_t)ho_training_lambda_size(training) + 1) * sizeof *t->lambda);
    ho_system *system = ho_training_system(training);
    t->last = pipeline->warm_start ? system->api->vector_new(system, 1) : NULL;
    if (pipeline->warm_start && !t->last)
        ho_take_error(training, HO_FAILED, "training", error);
    else if (!monitored || (t->monitored = ho_monitored_new(pipeline, training, error)))
        return t;
    ho_trainer_free(t);
    return NULL;
}

ho_trainer *ho_trainer_of_criterion(const ho_pipeline *pipeline, ho_training *training, bool monitored, int jobs,
                                    const volatile int *interrupt, ho_error *error)
{
    ho_trainer *t = ho_trainer_new(pipeline, training, monitored, error);
    if (!t || !pipeline->criterion || (t->mean = ho_mean_new(pipeline, training, jobs, interrupt, error)))
        return t;
    ho_trainer_free(t);
    return NULL;
}

void ho_trainer_free(ho_trainer *t)
{
    if (!t)
        return;
    ho_monitored_free(t->monitored);
    ho_mean_free(t->mean);
    ho_walk_free(&t->walk, t->training);
    free(t->lambda);
    ho_training_system(t->training)->api->vector_free(ho_training_system(t->training), t->last);
    free(t->gradient);
    free(t);
}

static ho_status train(ho_trainer *t, const ho_question *q, ho_best *best, ho_answer *a)
{
    int64_t steps = t->pipeline->problem.steps;
    ho_point point = {.iteration = q->iteration, .step = steps, .epoch = NAN, .lambda = q->lambda};
    ho_gradient_cost cost = {0};
    ho_vector *state = NULL;
    memcpy(t->lambda, q->lambda, (size_t)ho_training_lambda_size(t->training) * sizeof *t->lambda);
    t->walk.rest = q->listener ? q->listener->rest : NULL;
    t->walk.context = q->listener ? q->listener->context : NULL;
    if (q->wanted == HO_GRADIENT) {
        if (ho_hypergradient_of(&t->walk, t->training, t->pipeline->mode, steps, q->lambda, &point.value, t->gradient,
                                t->last, &cost, &a->outcome) != HO_OK)
            return a->outcome.status;
        a->line.rounding = ho_rounding_of(t->training);
        /* An outer step along noise would be worse than a shorter one along what is known. */
        if (q->iteration > 0 && ho_rounding_is_total(t->training)) {
            char *why = ho_rounding_warning(t->training);
            ho_fail(&a->outcome, HO_DIVERGED, "%s", why);
            free(why);
            return a->outcome.status;
        }
        a->gradient = t->gradient;
        a->line.gradient_norm = ho_norm(t->gradient, ho_training_lambda_size(t->training));
    } else if (ho_train_of(&t->walk, t->training, steps, q->lambda, best->state ? &state : NULL, &point.value,
                           &a->outcome) != HO_OK) {
        return a->outcome.status;
    }
    a->value = point.error = a->line.validation_error = point.value;
    a->line.trajectory_bytes = cost.bytes;
    a->line.residual_bytes = cost.residual_bytes;
    a->line.seconds = cost.seconds;
    point.state = q->wanted == HO_GRADIENT ? t->last : state;
    ho_best_offer(best, &point);
    ho_training_system(t->training)->api->vector_free(ho_training_system(t->training), state);
    if (t->last && a->gradient && ho_training_start_from(t->training, q->lambda, t->last) != HO_OK)
        return ho_take_error(t->training, HO_FAILED, "warm start", &a->outcome);
    return HO_OK;
}

ho_answer ho_no_answer(const ho_question *q)
{
    return (ho_answer){.lambda = q->lambda,
                       .value = NAN,
                       .line = {.validation_error = NAN, .gradient_norm = NAN, .stationarity = NAN, .step_scale = 1}};
}

ho_status ho_ask(ho_trainer *t, const ho_question *q, ho_best *best, ho_answer *a)
{
    *a = ho_no_answer(q);
    if (t->mean)
        return ho_mean_ask(t->mean, q, t->gradient, best, a);
    if (!t->monitored)
        return train(t, q, best, a);
    return ho_monitored_train(t->monitored, q, t->gradient, best, a);
}

bool ho_trainer_can_pass(const ho_trainer *t)
{
    return !t->monitored || ho_monitored_can_pass(t->monitored);
}

ho_status ho_trainer_pass(ho_trainer *t, ho_snapshot *snapshot, ho_error *error)
{
    if (t->mean)
        return ho_mean_pass(t->mean, snapshot, error);
    if (t->monitored)
        return ho_monitored_pass(t->monitored, snapshot, error);
    ho_snapshot_pass(snapshot, t->lambda, (size_t)ho_training_lambda_size(t->training) * sizeof *t->lambda);
    return ho_walk_pass(&t->walk, t->training, t->pipeline->mode, t->lambda, snapshot, error);
}

void ho_trainer_forget(ho_trainer *t)
{
    ho_walk_free(&t->walk, t->training);
}

int64_t ho_trainer_evaluations(const ho_trainer *t)
{
    return t->mean ? ho_mean_evaluations(t->mean) : ho_training_evaluations(t->training);
}

int64_t ho_trainer_taken(const ho_trainer *t)
{
    return t->mean ? ho_mean_taken(t->mean) : ho_training_taken(t->training);
}

const ho_metrics *ho_trainer_metrics(const ho_trainer *t)
{
    return t->mean ? ho_mean_metrics(t->mean) : NULL;
}
