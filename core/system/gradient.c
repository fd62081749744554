#include "system/gradient.h"

#include <math.h>

#include "base/clock.h"
#include "system/shadow.h"

double ho_cpu_seconds(void)
{
    return ho_exec_cpu_seconds();
}

void ho_cpu_seconds_add(double seconds)
{
    ho_exec_cpu_add(seconds);
}

static bool all_finite(const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* ---- under way --------------------------------------------------------------------------------------------------- */

#define PACE 16 /* steps of a mode between rests */

static void rest(const ho_walk *w)
{
    if (w->rest)
        w->rest(w->context);
}

/* All steps, from the first or from where the walk was restored. */
static ho_status advance(ho_walk *w, ho_training *training, const ho_instance *mode, int64_t steps,
                         const double *lambda, ho_error *error)
{
    if (!w->restored) {
        w->step = 0;
        if (ho_mode_start(&w->mode, training, mode, lambda, error) == HO_OK)
            ho_shadow_postpone(training, mode);
    }
    w->restored = false;
    while (error->status == HO_OK && w->step < steps) {
        const int64_t next = steps - w->step > PACE ? w->step + PACE : steps;
        if (ho_mode_advance(&w->mode, w->step, next, lambda, error) != HO_OK)
            break;
        w->step = next;
        if (ho_mode_can_pass(mode))
            rest(w);
    }
    w->mode.rest = ho_mode_can_pass(mode) ? w->rest : NULL;
    w->mode.context = w->context;
    return error->status;
}

void ho_walk_free(ho_walk *w, ho_training *training)
{
    ho_system *system = ho_training_system(training);
    ho_mode_end(&w->mode);
    system->api->vector_free(system, w->state);
    system->api->vector_free(system, w->other);
    *w = (ho_walk){.rest = w->rest, .context = w->context};
}

static ho_status make_vectors(ho_walk *w, ho_training *training, ho_error *error)
{
    ho_system *system = ho_training_system(training);
    if (!w->state)
        w->state = system->api->vector_new(system, 1);
    if (!w->other)
        w->other = w->state ? system->api->vector_new(system, 1) : NULL;
    return w->other ? HO_OK : ho_take_error(training, HO_FAILED, "training", error);
}

ho_status ho_walk_pass(ho_walk *w, ho_training *training, const ho_instance *mode, const double *lambda,
                       ho_snapshot *snapshot, ho_error *error)
{
    enum { NOTHING, STEPS, MODE } what = w->mode.mode ? MODE : w->state ? STEPS : NOTHING;
    HO_SNAPSHOT(snapshot, what);
    if (what == NOTHING)
        return HO_OK;
    HO_SNAPSHOT(snapshot, w->step);
    w->restored = snapshot->restoring;
    if (what == MODE && snapshot->restoring && ho_mode_start(&w->mode, training, mode, lambda, error) != HO_OK)
        return error->status;
    if (what == MODE)
        return ho_mode_pass(&w->mode, snapshot, error);
    if (make_vectors(w, training, error) == HO_OK)
        ho_training_pass_vector(training, w->state, snapshot);
    return error->status;
}

/* ---- hypergradients ---------------------------------------------------------------------------------------------- */

/* One hypergradient; *finite tells whether it, the error and the last state are. */
static ho_status run_mode(ho_walk *w, ho_training *training, const ho_instance *mode, int64_t steps,
                          const double *lambda, double *value, double *gradient, ho_vector *last,
                          ho_gradient_cost *cost, bool *finite, ho_error *error)
{
    const ho_vector *state = NULL;
    if (!advance(w, training, mode, steps, lambda, error) &&
        !ho_mode_hypergradient(&w->mode, lambda, value, gradient, error) && (state = ho_mode_state(&w->mode, error))) {
        *finite = isfinite(*value) && all_finite(gradient, ho_training_lambda_size(training)) &&
                  ho_training_finite(training, state);
        if (last)
            ho_training_system(training)->api->copy(ho_training_system(training), state, last);
        cost->bytes = ho_mode_bytes(&w->mode);
        cost->residual_bytes = ho_mode_residual_bytes(&w->mode);
    }
    ho_mode_end(&w->mode);
    return error->status;
}

ho_status ho_hypergradient_of(ho_walk *w, ho_training *training, const ho_instance *mode, int64_t steps,
                              const double *lambda, double *value, double *gradient, ho_vector *last,
                              ho_gradient_cost *cost, ho_error *error)
{
    double begun = ho_seconds();
    ho_gradient_cost unwanted;
    cost = cost ? cost : &unwanted;
    *cost = (ho_gradient_cost){0};
    bool finite = true;
    int64_t before = ho_training_evaluations(training);
    ho_error own = {0};
    run_mode(w, training, mode, steps, lambda, value, gradient, last, cost, &finite, &own);
    cost->evaluations = ho_training_evaluations(training) - before;
    if (own.status == HO_OK && !finite && ho_training_repeats(training)) {
        ho_walk again = {0};
        ho_training_rescue(training, true);
        run_mode(&again, training, mode, steps, lambda, value, gradient, last, cost, &finite, &own);
        finite = finite && ho_training_rescued(training);
        ho_training_rescue(training, false);
    }
    if (own.status == HO_OK && finite)
        ho_take_error(training, ho_shadow_train(training, steps, lambda, gradient), "the second training", &own);
    if (own.status == HO_OK && !finite) {
        ho_walk again = {0};
        ho_training_examine(training, true);
        if (ho_training_repeats(training))
            run_mode(&again, training, mode, steps, lambda, value, gradient, last, cost, &finite, &own);
        ho_training_examine(training, false);
        ho_fail(&own, HO_DIVERGED, "mode \"%s\": the hypergradient is not finite", mode->loaded->plugin.name);
    }
    if (own.status != HO_OK)
        return ho_fail_as(error, &own);
    cost->seconds = ho_seconds() - begun;
    return HO_OK;
}

ho_status ho_hypergradient(ho_training *training, const ho_instance *mode, int64_t steps, const double *lambda,
                           double *value, double *gradient, ho_gradient_cost *cost, ho_error *error)
{
    ho_walk walk = {0};
    return ho_hypergradient_of(&walk, training, mode, steps, lambda, value, gradient, NULL, cost, error);
}

/* ---- plain training ---------------------------------------------------------------------------------------------- */

/* Leaves the last state in w->state. */
static ho_status train_once(ho_walk *w, ho_training *training, int64_t steps, const double *lambda, double *value)
{
    ho_system *system = ho_training_system(training);
    const ho_system_api *api = system->api;
    ho_status status = HO_OK;
    if (!w->restored) {
        w->step = 0;
        status = api->initial(system, lambda, w->state);
    }
    w->restored = false;
    while (w->step < steps && status == HO_OK) {
        status = api->step(system, w->step + 1, lambda, w->state, w->other);
        ho_vector *next = w->other;
        w->other = w->state;
        w->state = next;
        w->step++;
        if (status == HO_OK)
            status = api->poll(system);
        if (status == HO_OK)
            rest(w);
    }
    return status == HO_OK ? api->error(system, lambda, w->state, value) : status;
}

ho_status ho_train_of(ho_walk *w, ho_training *training, int64_t steps, const double *lambda, ho_vector **state,
                      double *value, ho_error *error)
{
    ho_error own = {0};
    ho_status status = make_vectors(w, training, &own);
    if (status != HO_OK)
        return ho_fail_as(error, &own);
    status = train_once(w, training, steps, lambda, value);
    if (status == HO_OK && !(isfinite(*value) && ho_training_finite(training, w->state))) {
        ho_training_examine(training, true);
        if (ho_training_repeats(training))
            status = train_once(w, training, steps, lambda, value);
        ho_training_examine(training, false);
        if (status == HO_OK)
            status = ho_fail(ho_training_error(training), HO_DIVERGED,
                             "weights or validation error are not finite after training");
    }
    const bool wanted = state && status == HO_OK;
    if (state)
        *state = wanted ? w->state : NULL;
    if (wanted)
        w->state = NULL;
    ho_walk_free(w, training);
    return status == HO_OK ? HO_OK : ho_take_error(training, status, "training", error);
}

ho_status ho_train(ho_training *training, int64_t steps, const double *lambda, ho_vector **state, double *value,
                   ho_error *error)
{
    ho_walk walk = {0};
    return ho_train_of(&walk, training, steps, lambda, state, value, error);
}
