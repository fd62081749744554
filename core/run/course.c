#include "run/course.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "run/gradient.h"
#include "run/mover.h"
#include "system/mode.h"

#define MOST_PROBED 2000 /* training examples that looks measure */
#define TIMED_STEPS 20   /* at most so many between glances at the clock, where time ends the training */

/* Directions beyond which a mode that carries tangents is slow enough to be told of. */
#define MANY_DIRECTIONS 100

/* A tangent has exploded once its norm has grown so many times faster than in proportion to the steps, against the
 * fastest of the first updates. */
#define EXPLOSION     100.0
#define FIRST_UPDATES 10

/* What is watched of one hyperparameter's tangents. */
typedef struct growth {
    double first; /* the largest norm per step in the first updates */
    double last;
    bool warned;
} growth;

struct ho_course {
    const ho_pipeline *pipeline;
    ho_training *training;
    ho_system *system;
    const ho_system_api *api;
    ho_mover *mover; /* NULL: the pipeline does not go online */
    int64_t size;    /* of lambda */
    const ho_hyperparameter *hypers;
    size_t hyper_count;
    int64_t *probe; /* rows of the training part */
    int64_t probed;
    double *lambda, *gradient;
    double *direction_norms, *norms; /* by direction, by hyperparameter */
    growth *growths;
    ho_course_best best;
    double *best_lambda;
    ho_vector *best_state;

    /* The run under way. */
    const ho_course_request *request;
    ho_course_result *result;
    ho_mode_run mode;        /* at work where the course is online; else plain steps */
    ho_vector *state, *next; /* of plain steps */
    ho_vector *anchor;       /* the last state that was found finite, after step `anchored`; lambda is still the same */
    int64_t anchored;
    double begun, cpu_begun;
    int64_t stale; /* looks since this run's best */
};

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void draw_probe(ho_course *c)
{
    const ho_problem *p = &c->pipeline->problem;
    int64_t count = p->training->count;
    c->probed = count < MOST_PROBED ? count : MOST_PROBED;
    c->probe = ho_alloc((size_t)c->probed * sizeof *c->probe);
    for (int64_t i = 0; i < c->probed; i++)
        c->probe[i] = (int64_t)ho_permute(p->seed, ho_stream("training probe"), (uint64_t)count, (uint64_t)i);
}

ho_course *ho_course_new(const ho_pipeline *pipeline, ho_training *training, ho_error *error)
{
    ho_course *c = ho_alloc(sizeof *c);
    *c = (ho_course){.pipeline = pipeline,
                     .training = training,
                     .system = ho_training_system(training),
                     .api = ho_training_system(training)->api,
                     .size = ho_training_lambda_size(training),
                     .best = {.value = NAN}};
    c->hypers = ho_training_hypers(training, &c->hyper_count);
    size_t bytes = ((size_t)c->size + 1) * sizeof(double);
    c->lambda = ho_alloc(bytes);
    c->gradient = ho_alloc(bytes);
    c->direction_norms = ho_alloc(bytes);
    c->best_lambda = ho_alloc(bytes);
    c->norms = ho_alloc((c->hyper_count + 1) * sizeof *c->norms);
    c->growths = ho_alloc((c->hyper_count + 1) * sizeof *c->growths);
    draw_probe(c);
    ho_vector **vectors[] = {&c->state, &c->next, &c->anchor, &c->best_state};
    ho_status status = HO_OK;
    for (size_t i = 0; status == HO_OK && i < sizeof vectors / sizeof *vectors; i++) {
        *vectors[i] = c->api->vector_new(c->system, 1);
        if (!*vectors[i])
            status = ho_take_error(training, HO_FAILED, "training", error);
    }
    if (status == HO_OK && pipeline->online) {
        c->mover = ho_mover_new(pipeline, training, error);
        status = error->status;
    }
    c->best.lambda = c->best_lambda;
    c->best.state = c->best_state;
    if (status == HO_OK)
        return c;
    ho_course_free(c);
    return NULL;
}

void ho_course_free(ho_course *c)
{
    if (!c)
        return;
    ho_mover_free(c->mover);
    c->api->vector_free(c->system, c->state);
    c->api->vector_free(c->system, c->next);
    c->api->vector_free(c->system, c->anchor);
    c->api->vector_free(c->system, c->best_state);
    free(c->probe);
    free(c->lambda);
    free(c->gradient);
    free(c->direction_norms);
    free(c->best_lambda);
    free(c->norms);
    free(c->growths);
    free(c);
}

const ho_course_best *ho_course_kept(const ho_course *c)
{
    return &c->best;
}

/* ---- steps: a mode's, or plain ones ------------------------------------------------------------------------------ */

static const char *stepper(const ho_course *c)
{
    return c->request->online ? c->pipeline->mode->loaded->plugin.name : "training";
}

static ho_status start(ho_course *c, ho_error *error)
{
    if (c->request->online)
        return ho_mode_start(&c->mode, c->training, c->pipeline->mode, c->lambda, error);
    return ho_take_error(c->training, c->api->initial(c->system, c->lambda, c->state), "training", error);
}

static ho_status plain_steps(ho_course *c, int64_t from, int64_t to)
{
    ho_status status = HO_OK;
    for (int64_t t = from + 1; t <= to && status == HO_OK; t++) {
        status = c->api->step(c->system, t, c->lambda, c->state, c->next);
        ho_vector *next = c->next;
        c->next = c->state;
        c->state = next;
    }
    return status;
}

static ho_status advance(ho_course *c, int64_t from, int64_t to, ho_error *error)
{
    if (c->mode.mode)
        return ho_mode_advance(&c->mode, from, to, c->lambda, error);
    return ho_take_error(c->training, plain_steps(c, from, to), "training", error);
}

/* The present state; NULL with an error where the mode does not show it. */
static const ho_vector *state_of(ho_course *c, ho_error *error)
{
    return c->mode.mode ? ho_mode_state(&c->mode, error) : c->state;
}

static ho_status drop_anchor(ho_course *c, int64_t step, ho_error *error)
{
    const ho_vector *state = state_of(c, error);
    if (!state)
        return error->status;
    c->api->copy(c->system, state, c->anchor);
    c->anchored = step;
    return HO_OK;
}

/* ---- divergence -------------------------------------------------------------------------------------------------- */

/* The steps since the anchor once more, with every result examined; then `what`, where they are sound by themselves. */
static ho_status diverged(ho_course *c, int64_t step, const char *what, ho_error *error)
{
    ho_status status = HO_OK;
    c->api->copy(c->system, c->anchor, c->state);
    ho_training_examine(c->training, true);
    status = plain_steps(c, c->anchored, step);
    double value;
    if (status == HO_OK)
        status = c->api->error(c->system, c->lambda, c->state, &value);
    ho_training_examine(c->training, false);
    if (status != HO_OK)
        return ho_take_error(c->training, status, "training", error);
    return ho_fail(error, HO_DIVERGED, "step %" PRId64 ": %s", step, what);
}

static ho_status tangents_diverged(ho_course *c, int64_t step, const ho_course_event *event, ho_error *error)
{
    for (size_t i = 0; event->norms && i < c->hyper_count; i++)
        if (c->hypers[i].tuned && !isfinite(event->norms[i])) {
            char *text = ho_format("the tangents of the weights by %s are no longer finite, though the weights are: "
                                   "training is unstable in it (at the update before, their norm was %.3g)",
                                   c->hypers[i].name, c->growths[i].last);
            ho_status status = diverged(c, step, text, error);
            free(text);
            return status;
        }
    return diverged(c, step, "the hypergradient is not finite, though the weights are", error);
}

/* ---- looks ------------------------------------------------------------------------------------------------------- */

static void keep_best(ho_course *c, const ho_vector *state, double value, ho_course_event *event)
{
    c->stale++;
    if (!(isnan(c->result->value) || value < c->result->value))
        return;
    c->stale = 0;
    c->result->value = value;
    c->result->validation = event->validation;
    event->best = true;
    if (!(isnan(c->best.value) || value < c->best.value))
        return;
    c->best.value = value;
    c->best.step = event->step;
    c->best.epoch = event->epoch;
    c->best.validation = event->validation;
    memcpy(c->best_lambda, c->lambda, (size_t)c->size * sizeof *c->lambda);
    c->api->copy(c->system, state, c->best_state);
}

static ho_status look(ho_course *c, ho_course_event *event, ho_error *error)
{
    const ho_problem *p = &c->pipeline->problem;
    ho_metrics probe;
    const ho_vector *state = state_of(c, error);
    if (!state)
        return error->status;
    ho_status status = ho_training_evaluate(c->training, c->lambda, state, p->validation, &event->validation);
    if (status == HO_OK)
        status = ho_training_evaluate_rows(c->training, c->lambda, state, p->training, c->probe, c->probed, &probe);
    if (status != HO_OK)
        return ho_take_error(c->training, status, "evaluation", error);
    if (!isfinite(event->validation.loss) || !ho_training_finite(c->training, state))
        return diverged(c, event->step, "the validation error is not finite, though the weights are", error);
    event->look = ++c->result->looks;
    event->training_error = probe.loss;
    keep_best(c, state, c->pipeline->stop.by_accuracy ? -event->validation.accuracy : event->validation.loss, event);
    return drop_anchor(c, event->step, error);
}

/* ---- updates ----------------------------------------------------------------------------------------------------- */

static ho_status measure_tangents(ho_course *c, ho_course_event *event, ho_error *error)
{
    if (!ho_mode_has_tangents(&c->mode))
        return HO_OK;
    if (ho_mode_tangent_norms(&c->mode, c->direction_norms, error) != HO_OK)
        return error->status;
    const double *of = c->direction_norms;
    for (size_t i = 0; i < c->hyper_count; i++) {
        c->norms[i] = NAN;
        if (!c->hypers[i].tuned)
            continue;
        c->norms[i] = ho_norm(of, c->hypers[i].directions);
        of += c->hypers[i].directions;
    }
    event->norms = c->norms;
    return HO_OK;
}

/* Norms grow in proportion to the steps at most where training is stable: each step adds one B_t to a Z that the
 * dynamics contract. */
static void watch_growth(ho_course *c, const ho_course_event *event)
{
    for (size_t i = 0; event->norms && i < c->hyper_count; i++) {
        growth *g = &c->growths[i];
        double rate = event->norms[i] / (double)event->step;
        if (!c->hypers[i].tuned)
            continue;
        g->last = event->norms[i];
        if (event->update <= FIRST_UPDATES) {
            g->first = fmax(g->first, rate);
        } else if (!g->warned && g->first > 0 && rate > EXPLOSION * g->first && c->request->warn) {
            g->warned = true;
            char *text = ho_format("step %" PRId64 ": the tangents of the weights by %s explode (norm %.3g, and in the "
                                   "first updates %.3g a step): training has become unstable in it; a smaller outer "
                                   "step, a tighter constraint or warm_restart may help",
                                   event->step, c->hypers[i].name, event->norms[i], g->first);
            c->request->warn(c->request->context, text);
            free(text);
        }
    }
}

static ho_status update(ho_course *c, ho_course_event *event, ho_error *error)
{
    event->update = c->result->updates + 1;
    ho_training_draw_validation(c->training, event->update);
    if (ho_mode_hypergradient(&c->mode, c->lambda, &event->error, c->gradient, error) != HO_OK ||
        measure_tangents(c, event, error) != HO_OK)
        return error->status;
    event->gradient_norm = ho_norm(c->gradient, c->size);
    if (!isfinite(event->error) || !isfinite(event->gradient_norm))
        return tangents_diverged(c, event->step, event, error);
    watch_growth(c, event);
    if (ho_mover_step(c->mover, c->lambda, c->gradient, 1.0, error) != HO_OK) {
        ho_error_prefix(error, "step %" PRId64 ", after update %" PRId64, event->step, event->update);
        return error->status;
    }
    c->result->updates++;
    if (drop_anchor(c, event->step, error) != HO_OK || !c->pipeline->warm_restart)
        return error->status;
    return ho_mode_forget(&c->mode, error);
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static double epoch_steps(const ho_course *c)
{
    return (double)ho_epoch_steps(c->pipeline->problem.training->count, c->pipeline->problem.batch);
}

/* The step that ends the last epoch. */
static int64_t last_of_epochs(const ho_course *c)
{
    double last = ceil(c->pipeline->stop.epochs * epoch_steps(c));
    return c->pipeline->stop.epochs > 0 && last < 9e18 ? (int64_t)last : INT64_MAX;
}

/* Why training ends at this step; NULL: it goes on. */
static const char *ends(const ho_course *c, int64_t step)
{
    const ho_pipeline *p = c->pipeline;
    if (p->problem.steps > 0 && step >= p->problem.steps)
        return "steps";
    if (step >= last_of_epochs(c))
        return "epochs";
    if (p->stop.seconds > 0 && ho_seconds() - c->begun >= p->stop.seconds)
        return "seconds";
    if (c->request->cpu_until > 0 && ho_cpu_seconds() >= c->request->cpu_until)
        return "processor time";
    if (p->stop.patience > 0 && c->stale >= p->stop.patience)
        return "patience";
    return NULL;
}

static int64_t next_multiple(int64_t step, int64_t of)
{
    return step > INT64_MAX - of ? INT64_MAX : (step / of + 1) * of;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The step at which something is due next. */
static int64_t next_event(const ho_course *c, int64_t step)
{
    const ho_pipeline *p = c->pipeline;
    int64_t next = sooner(next_multiple(step, p->stop.every), last_of_epochs(c));
    if (c->request->online)
        next = sooner(next, next_multiple(step, p->update_every));
    if (p->stop.seconds > 0 || c->request->cpu_until > 0)
        next = sooner(next, step + TIMED_STEPS);
    return p->problem.steps > 0 ? sooner(next, p->problem.steps) : next;
}

static ho_status tell(const ho_course *c, ho_course_event *event, ho_error *error)
{
    event->cpu_seconds = ho_cpu_seconds() - c->cpu_begun;
    return c->request->report ? c->request->report(c->request->context, event, error) : HO_OK;
}

/* What is due after a step. */
static ho_status after_step(ho_course *c, int64_t step, ho_error *error)
{
    const ho_pipeline *p = c->pipeline;
    ho_course_event event = {.step = step, .epoch = (double)step / epoch_steps(c), .lambda = c->lambda}, second = event;
    c->result->steps = step;
    c->result->last_epoch = event.epoch;
    const char *ended = ends(c, step);
    if ((ended || step % p->stop.every == 0) && (look(c, &event, error) != HO_OK || tell(c, &event, error) != HO_OK))
        return error->status;
    c->result->ended = ended ? ended : ends(c, step);
    if (c->result->ended || !c->mode.mode || step % p->update_every != 0)
        return HO_OK;
    return update(c, &second, error) == HO_OK ? tell(c, &second, error) : error->status;
}

/* Told before anybody waits for it. */
static void warn_of_directions(const ho_course *c)
{
    int64_t directions = c->api->directions(c->system);
    if (!ho_mode_has_tangents(&c->mode) || directions <= MANY_DIRECTIONS || !c->request->warn)
        return;
    char *text = ho_format("mode \"%s\" carries a tangent for each of %" PRId64 " directions of the hyperparameters "
                           "through every step; reverse mode with warm_restart may be far quicker",
                           stepper(c), directions);
    c->request->warn(c->request->context, text);
    free(text);
}

static ho_status run_on(ho_course *c, ho_error *error)
{
    ho_status status = start(c, error);
    if (status == HO_OK) {
        warn_of_directions(c);
        status = drop_anchor(c, 0, error);
    }
    for (int64_t step = 0, next; status == HO_OK && !c->result->ended; step = next) {
        next = next_event(c, step);
        status = advance(c, step, next, error);
        if (status == HO_OK)
            status = after_step(c, next, error);
    }
    return status;
}

ho_status ho_course_run(ho_course *c, const ho_course_request *request, ho_course_result *result, ho_error *error)
{
    c->request = request;
    c->result = result;
    *result = (ho_course_result){.value = NAN, .validation = {.loss = NAN, .accuracy = NAN}};
    if (!request->onward)
        c->best.value = NAN;
    c->stale = 0;
    c->begun = ho_seconds();
    c->cpu_begun = ho_cpu_seconds();
    memcpy(c->lambda, request->lambda, (size_t)c->size * sizeof *c->lambda);
    memset(c->growths, 0, (c->hyper_count + 1) * sizeof *c->growths);
    ho_status status = run_on(c, error);
    if (status != HO_OK)
        result->ended = NULL;
    ho_mode_end(&c->mode);
    return status;
}
