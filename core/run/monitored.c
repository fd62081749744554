#include "run/monitored.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "run/hyperstep.h"
#include "run/rounding.h"
#include "system/gradient.h"
#include "system/mode.h"

#define MOST_PROBED 2000 /* training examples that an evaluation measures */
#define PACE        16   /* at most so many between rests */
#define TIMED_STEPS 20   /* at most so many between glances at the clock, where time ends the training */

/* Directions beyond which a mode that carries tangents is slow enough to warn of it. */
#define MANY_DIRECTIONS 100

struct ho_monitored {
    const ho_pipeline *pipeline;
    ho_training *training;
    ho_system *system;
    const ho_system_api *api;
    int64_t size; /* of lambda */
    const ho_hyperparameter *hypers;
    size_t hyper_count;
    int64_t *probe; /* rows of the training part */
    int64_t probed;
    double *lambda;
    double *direction_norms, *norms; /* by direction, by hyperparameter */
    ho_vector *state, *next;         /* of plain steps */
    ho_vector *anchor; /* the last state that was found finite, after step `anchored`; lambda is still the same */

    /* The training under way. */
    bool going;
    const ho_question *question;
    ho_best *best;
    ho_answer *answer;
    ho_mode_run mode; /* at work where a gradient is wanted; else plain steps */
    int64_t step, anchored, evaluations, updates;
    int64_t taken;   /* steps: beyond `step` on the way to the next event */
    bool restored;   /* it goes on where it was saved */
    bool data_ended; /* a stream has no further batch */
    double begun, cpu_begun;
    double least, error; /* of this training's best evaluation: what is compared, and the validation error */
    int64_t stale;       /* evaluations since */
};

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void draw_probe(ho_monitored *m)
{
    const ho_problem *p = &m->pipeline->problem;
    int64_t count = p->training->count;
    m->probed = count < MOST_PROBED ? count : MOST_PROBED;
    m->probe = ho_alloc((size_t)m->probed * sizeof *m->probe);
    for (int64_t i = 0; i < m->probed; i++)
        m->probe[i] = (int64_t)ho_permute(p->seed, ho_stream("training probe"), (uint64_t)count, (uint64_t)i);
}

ho_monitored *ho_monitored_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    ho_monitored *m = ho_alloc(sizeof *m);
    *m = (ho_monitored){.pipeline = pipeline,
                        .training = training,
                        .system = ho_training_system(training),
                        .api = ho_training_system(training)->api,
                        .size = ho_training_lambda_size(training)};
    m->hypers = ho_training_hypers(training, &m->hyper_count);
    m->lambda = ho_alloc(((size_t)m->size + 1) * sizeof *m->lambda);
    m->direction_norms = ho_alloc(((size_t)m->size + 1) * sizeof *m->direction_norms);
    m->norms = ho_alloc((m->hyper_count + 1) * sizeof *m->norms);
    draw_probe(m);
    m->state = m->api->vector_new(m->system, 1);
    m->next = m->state ? m->api->vector_new(m->system, 1) : NULL;
    m->anchor = m->next ? m->api->vector_new(m->system, 1) : NULL;
    if (m->anchor)
        return m;
    ho_take_error(training, HO_FAILED, "training", error);
    ho_monitored_free(m);
    return NULL;
}

void ho_monitored_free(ho_monitored *m)
{
    if (!m)
        return;
    ho_mode_end(&m->mode);
    m->api->vector_free(m->system, m->state);
    m->api->vector_free(m->system, m->next);
    m->api->vector_free(m->system, m->anchor);
    free(m->probe);
    free(m->lambda);
    free(m->direction_norms);
    free(m->norms);
    free(m);
}

/* ---- steps: a mode's, or plain ones ------------------------------------------------------------------------------ */

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static ho_status plain_steps(ho_monitored *m, int64_t from, int64_t to)
{
    ho_status status = HO_OK;
    for (int64_t t = from + 1; t <= to && status == HO_OK; t++) {
        status = m->api->step(m->system, t, m->lambda, m->state, m->next);
        ho_vector *next = m->next;
        m->next = m->state;
        m->state = next;
    }
    return status;
}

/* Has the stream's batch of this step at hand, while nothing is half done; the stream's end ends the training. */
static ho_status await(ho_monitored *m, int64_t step, ho_error *error)
{
    ho_data_stream *stream = m->pipeline->problem.stream;
    ho_error own = {0};
    if (!ho_take_error(m->training, m->api->poll(m->system), "training", &own) && !ho_stream_load(stream, step, &own))
        return HO_OK;
    m->data_ended = own.status == HO_INVALID && ho_stream_ends_before(stream, step);
    if (m->data_ended)
        ho_warn(m->question->listener, ho_strdup(own.text));
    else if (own.status != HO_INTERRUPTED)
        ho_error_prefix(&own, "step %" PRId64, step);
    else if (ho_monitored_can_pass(m))
        ho_rest(m->question->listener);
    return m->data_ended ? HO_INVALID : ho_fail_as(error, &own);
}

/* Steps up to `to`, or to the last one that the data suffice for. */
static ho_status advance(ho_monitored *m, int64_t to, ho_error *error)
{
    const bool stream = m->pipeline->problem.stream;
    while (m->taken < to && error->status == HO_OK) {
        const int64_t next = sooner(m->taken + (stream ? 1 : PACE), to);
        if (stream && await(m, next, error) != HO_OK)
            return m->data_ended ? HO_OK : error->status;
        ho_training_see_through(m->training, stream);
        if (m->mode.mode)
            ho_mode_advance(&m->mode, m->taken, next, m->lambda, error);
        else
            ho_take_error(m->training, plain_steps(m, m->taken, next), "training", error);
        ho_training_see_through(m->training, false);
        m->taken = next;
        if (error->status == HO_OK && next < to && (!stream || next % PACE == 0) && ho_monitored_can_pass(m))
            ho_rest(m->question->listener);
    }
    return error->status;
}

/* The present state; NULL with an error where the mode does not show it. */
static const ho_vector *state_of(ho_monitored *m, ho_error *error)
{
    return m->mode.mode ? ho_mode_state(&m->mode, error) : m->state;
}

static ho_status drop_anchor(ho_monitored *m, ho_error *error)
{
    const ho_vector *state = state_of(m, error);
    if (!state)
        return error->status;
    m->api->copy(m->system, state, m->anchor);
    m->anchored = m->step;
    return HO_OK;
}

/* ---- divergence -------------------------------------------------------------------------------------------------- */

/* Repeats the steps since the anchor with every result examined. Fails with `what` where they are finite. */
static ho_status diverged(ho_monitored *m, const char *what, ho_error *error)
{
    ho_status status = HO_OK;
    if (!ho_training_repeats(m->training))
        return ho_fail(error, HO_DIVERGED, "step %" PRId64 ": %s", m->step, what);
    m->api->copy(m->system, m->anchor, m->state);
    ho_training_examine(m->training, true);
    status = plain_steps(m, m->anchored, m->step);
    double value;
    if (status == HO_OK)
        status = m->api->error(m->system, m->lambda, m->state, &value);
    ho_training_examine(m->training, false);
    if (status != HO_OK)
        return ho_take_error(m->training, status, "training", error);
    return ho_fail(error, HO_DIVERGED, "step %" PRId64 ": %s", m->step, what);
}

static ho_status tangents_diverged(ho_monitored *m, const double *norms, ho_error *error)
{
    for (size_t i = 0; norms && i < m->hyper_count; i++)
        if (m->hypers[i].tuned && !isfinite(norms[i])) {
            char *text = ho_format("the tangents of the weights by %s are no longer finite, though the weights are: "
                                   "training is unstable in it",
                                   m->hypers[i].name);
            ho_status status = diverged(m, text, error);
            free(text);
            return status;
        }
    return diverged(m, "the hypergradient is not finite, though the weights are", error);
}

/* ---- evaluations ------------------------------------------------------------------------------------------------- */

static double epoch(const ho_monitored *m, int64_t step)
{
    const ho_problem *p = &m->pipeline->problem;
    return p->stream ? (double)NAN : (double)step / (double)ho_epoch_steps(p->training->count, p->batch);
}

static ho_line line_now(const ho_monitored *m, ho_line_kind kind)
{
    return (ho_line){
        .kind = kind, .step = m->step, .epoch = epoch(m, m->step), .cpu_seconds = ho_cpu_seconds() - m->cpu_begun};
}

/* Whether this is the best evaluation of this training so far. */
static bool compare(ho_monitored *m, const ho_vector *state, const ho_metrics *validation)
{
    const ho_point point = {.value = m->pipeline->stop.by_accuracy ? -validation->accuracy : validation->loss,
                            .error = validation->loss,
                            .iteration = m->question->iteration,
                            .step = m->step,
                            .epoch = epoch(m, m->step),
                            .lambda = m->lambda,
                            .state = state};
    ho_best_offer(m->best, &point);
    m->stale++;
    if (!ho_is_better(point.value, m->least))
        return false;
    m->stale = 0;
    m->least = point.value;
    m->error = point.error;
    return true;
}

static ho_status evaluate(ho_monitored *m, ho_error *error)
{
    const ho_problem *p = &m->pipeline->problem;
    ho_metrics validation, probe;
    const ho_vector *state = state_of(m, error);
    if (!state)
        return error->status;
    ho_status status = ho_training_evaluate(m->training, m->lambda, state, p->validation, &validation);
    if (status == HO_OK)
        status = ho_training_evaluate_rows(m->training, m->lambda, state, p->training, m->probe, m->probed, &probe);
    if (status != HO_OK)
        return ho_take_error(m->training, status, "evaluation", error);
    if (!isfinite(validation.loss) || !ho_training_finite(m->training, state))
        return diverged(m, "the validation error is not finite, though the weights are", error);
    m->evaluations++;
    bool best = compare(m, state, &validation);
    if (drop_anchor(m, error) != HO_OK)
        return error->status;
    ho_line line = line_now(m, HO_LINE_EVALUATION);
    line.evaluation = m->evaluations;
    line.training_error = probe.loss;
    line.validation_error = validation.loss;
    line.validation_accuracy = validation.accuracy;
    line.best = best;
    return ho_listen(m->question->listener, &line, m->lambda, NULL, error);
}

/* ---- updates ----------------------------------------------------------------------------------------------------- */

/* Where the mode carries tangents, the norm of those of each hyperparameter. */
static ho_status measure_tangents(ho_monitored *m, ho_error *error)
{
    if (!ho_mode_has_tangents(&m->mode))
        return HO_OK;
    if (ho_mode_tangent_norms(&m->mode, m->direction_norms, error) != HO_OK)
        return error->status;
    const double *of = m->direction_norms;
    for (size_t i = 0; i < m->hyper_count; i++) {
        m->norms[i] = NAN;
        if (!m->hypers[i].tuned)
            continue;
        m->norms[i] = ho_norm(of, m->hypers[i].directions);
        of += m->hypers[i].directions;
    }
    m->answer->norms = m->norms;
    return HO_OK;
}

/* The partial hypergradient at this step becomes the answer. */
static ho_status update(ho_monitored *m, double *gradient, ho_error *error)
{
    ho_answer *a = m->answer;
    ho_line line = line_now(m, HO_LINE_UPDATE);
    line.update = ++m->updates;
    ho_training_draw_validation(m->training, m->updates);
    if (ho_mode_hypergradient(&m->mode, m->lambda, &line.error, gradient, error) != HO_OK ||
        measure_tangents(m, error) != HO_OK)
        return error->status;
    line.gradient_norm = ho_norm(gradient, m->size);
    if (!isfinite(line.error) || !isfinite(line.gradient_norm))
        return tangents_diverged(m, a->norms, error);
    line.rounding = ho_rounding_of(m->training);
    line.cpu_seconds = ho_cpu_seconds() - m->cpu_begun;
    a->line = line;
    a->value = line.error;
    a->gradient = gradient;
    return HO_OK;
}

/* ---- the training ------------------------------------------------------------------------------------------------ */

int64_t ho_last_of_epochs(const ho_pipeline *pipeline)
{
    const ho_problem *p = &pipeline->problem;
    double last = ceil(pipeline->stop.epochs * (double)ho_epoch_steps(p->training->count, p->batch));
    return pipeline->stop.epochs > 0 && last < 9e18 ? (int64_t)last : INT64_MAX;
}

/* Why training ends at this step; NULL: it goes on. */
static const char *ends(const ho_monitored *m)
{
    const ho_pipeline *p = m->pipeline;
    if (m->data_ended)
        return "data";
    if (p->problem.steps > 0 && m->step >= p->problem.steps)
        return "steps";
    if (m->step >= ho_last_of_epochs(m->pipeline))
        return "epochs";
    if (p->stop.seconds > 0 && ho_seconds() - m->begun >= p->stop.seconds)
        return "seconds";
    if (m->question->cpu_until > 0 && ho_cpu_seconds() >= m->question->cpu_until)
        return "processor time";
    if (p->stop.patience > 0 && m->stale >= p->stop.patience)
        return "patience";
    return NULL;
}

static int64_t next_multiple(int64_t step, int64_t of)
{
    return step > INT64_MAX - of ? INT64_MAX : (step / of + 1) * of;
}

/* The step at which something is due next. */
static int64_t next_event(const ho_monitored *m)
{
    const ho_pipeline *p = m->pipeline;
    int64_t next = sooner(next_multiple(m->step, p->stop.every), ho_last_of_epochs(m->pipeline));
    if (m->mode.mode)
        next = sooner(next, next_multiple(m->step, p->problem.update_every));
    if (p->stop.seconds > 0 || m->question->cpu_until > 0)
        next = sooner(next, m->step + TIMED_STEPS);
    return p->problem.steps > 0 ? sooner(next, p->problem.steps) : next;
}

/* To the next event, and what is due there. */
static ho_status proceed(ho_monitored *m, double *gradient, ho_error *error)
{
    const ho_pipeline *p = m->pipeline;
    if (advance(m, next_event(m), error) != HO_OK)
        return error->status;
    const bool evaluated = m->taken == m->step && m->step % p->stop.every == 0 && m->evaluations > 0;
    m->step = m->taken;
    const char *ended = ends(m);
    if ((ended || m->step % p->stop.every == 0) && !evaluated && evaluate(m, error) != HO_OK)
        return error->status;
    m->answer->ended = ended ? ended : ends(m);
    if (m->answer->ended || !m->mode.mode || m->step % p->problem.update_every != 0)
        return HO_OK;
    return update(m, gradient, error);
}

/* Before the slow part starts. */
static void warn_of_directions(const ho_monitored *m)
{
    int64_t directions = m->api->directions(m->system);
    if (ho_mode_has_tangents(&m->mode) && directions > MANY_DIRECTIONS)
        ho_warn(m->question->listener,
                ho_format("mode \"%s\" carries a tangent for each of %" PRId64 " directions of the hyperparameters "
                          "through every step; reverse mode with warm_restart may be far quicker",
                          m->pipeline->mode->loaded->plugin.name, directions));
}

static ho_status start(ho_monitored *m, ho_error *error)
{
    m->going = true;
    m->data_ended = false;
    m->step = m->taken = m->evaluations = m->updates = m->stale = 0;
    m->least = m->error = NAN;
    m->begun = ho_seconds();
    m->cpu_begun = ho_cpu_seconds();
    ho_mode_end(&m->mode);
    ho_status status =
        m->question->wanted == HO_GRADIENT
            ? ho_mode_start(&m->mode, m->training, m->pipeline->mode, m->lambda, error)
            : ho_take_error(m->training, m->api->initial(m->system, m->lambda, m->state), "training", error);
    if (status != HO_OK)
        return status;
    warn_of_directions(m);
    return drop_anchor(m, error);
}

/* After an update, with the next lambda. */
static ho_status resume(ho_monitored *m, ho_error *error)
{
    if (drop_anchor(m, error) != HO_OK || !m->pipeline->warm_restart)
        return error->status;
    return ho_mode_forget(&m->mode, error);
}

ho_status ho_monitored_train(ho_monitored *m, const ho_question *question, double *gradient, ho_best *best,
                             ho_answer *a)
{
    ho_error *error = &a->outcome;
    m->question = question;
    m->best = best;
    m->answer = a;
    memcpy(m->lambda, question->lambda, (size_t)m->size * sizeof *m->lambda);
    ho_status status = m->restored                                   ? HO_OK
                       : m->going && question->wanted == HO_GRADIENT ? resume(m, error)
                                                                     : start(m, error);
    m->restored = false;
    while (status == HO_OK && !a->ended && !a->gradient)
        status = proceed(m, gradient, error);
    m->question = NULL;
    if (status == HO_OK && a->gradient)
        return HO_OK;
    m->going = false;
    ho_mode_end(&m->mode);
    if (status != HO_OK)
        a->ended = NULL;
    a->value = m->least;
    a->line.validation_error = m->error;
    a->line.step = m->step;
    a->line.epoch = epoch(m, m->step);
    return status;
}

bool ho_monitored_can_pass(const ho_monitored *m)
{
    return !m->mode.mode || ho_mode_can_pass(m->mode.mode);
}

static ho_status pass_steps(ho_monitored *m, ho_snapshot *snapshot, ho_error *error)
{
    bool through_mode = m->mode.mode != NULL;
    HO_SNAPSHOT(snapshot, through_mode);
    if (!through_mode) {
        ho_training_pass_vector(m->training, m->state, snapshot);
        return HO_OK;
    }
    if (snapshot->restoring && ho_mode_start(&m->mode, m->training, m->pipeline->mode, m->lambda, error) != HO_OK)
        return error->status;
    if (snapshot->restoring && m->updates > 0)
        ho_training_draw_validation(m->training, m->updates);
    return ho_mode_pass(&m->mode, snapshot, error);
}

ho_status ho_monitored_pass(ho_monitored *m, ho_snapshot *snapshot, ho_error *error)
{
    bool between = m->going && m->question == NULL; /* questions: the next brings another lambda */
    double seconds = ho_seconds() - m->begun, cpu_seconds = ho_cpu_seconds() - m->cpu_begun;
    HO_SNAPSHOT(snapshot, m->going);
    if (!m->going)
        return HO_OK;
    HO_SNAPSHOT(snapshot, between);
    HO_SNAPSHOT(snapshot, seconds);
    HO_SNAPSHOT(snapshot, cpu_seconds);
    HO_SNAPSHOT(snapshot, m->step);
    HO_SNAPSHOT(snapshot, m->taken);
    HO_SNAPSHOT(snapshot, m->anchored);
    HO_SNAPSHOT(snapshot, m->evaluations);
    HO_SNAPSHOT(snapshot, m->updates);
    HO_SNAPSHOT(snapshot, m->stale);
    HO_SNAPSHOT(snapshot, m->least);
    HO_SNAPSHOT(snapshot, m->error);
    ho_snapshot_pass(snapshot, m->lambda, (size_t)m->size * sizeof *m->lambda);
    ho_training_pass_vector(m->training, m->anchor, snapshot);
    if (snapshot->restoring) {
        m->begun = ho_seconds() - seconds;
        m->cpu_begun = ho_cpu_seconds() - cpu_seconds;
        m->restored = !between;
    }
    if (pass_steps(m, snapshot, error) != HO_OK || !snapshot->restoring || !m->taken || !m->pipeline->problem.stream)
        return error->status;
    return ho_stream_load(m->pipeline->problem.stream, m->taken, error); /* an evaluation may look at it */
}
