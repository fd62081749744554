#include "system/gradient.h"

#include <math.h>

#include "base/clock.h"
#include "system/mode.h"

double ho_cpu_seconds(void)
{
    return ho_exec_cpu_seconds();
}

static bool all_finite(const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* One hypergradient; *finite tells whether it, the error and the last state are. */
static ho_status run_mode(ho_training *training, const ho_instance *mode, int64_t steps, const double *lambda,
                          double *value, double *gradient, ho_vector *last, ho_gradient_cost *cost, bool *finite,
                          ho_error *error)
{
    ho_mode_run run = {0};
    const ho_vector *state = NULL;
    if (!ho_mode_start(&run, training, mode, lambda, error) && !ho_mode_advance(&run, 0, steps, lambda, error) &&
        !ho_mode_hypergradient(&run, lambda, value, gradient, error) && (state = ho_mode_state(&run, error))) {
        *finite = isfinite(*value) && all_finite(gradient, ho_training_lambda_size(training)) &&
                  ho_training_finite(training, state);
        if (last)
            ho_training_system(training)->api->copy(ho_training_system(training), state, last);
        cost->bytes = ho_mode_bytes(&run);
        cost->residual_bytes = ho_mode_residual_bytes(&run);
    }
    ho_mode_end(&run);
    return error->status;
}

ho_status ho_hypergradient_and_state(ho_training *training, const ho_instance *mode, int64_t steps,
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
    run_mode(training, mode, steps, lambda, value, gradient, last, cost, &finite, &own);
    cost->evaluations = ho_training_evaluations(training) - before;
    if (own.status == HO_OK && !finite) {
        ho_training_examine(training, true);
        run_mode(training, mode, steps, lambda, value, gradient, last, cost, &finite, &own);
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
    return ho_hypergradient_and_state(training, mode, steps, lambda, value, gradient, NULL, cost, error);
}

/* Leaves the last state in *state and the spare vector in *other. */
static ho_status train_once(ho_training *training, int64_t steps, const double *lambda, ho_vector **state,
                            ho_vector **other, double *value)
{
    ho_system *system = ho_training_system(training);
    const ho_system_api *api = system->api;
    ho_status status = api->initial(system, lambda, *state);
    for (int64_t t = 1; t <= steps && status == HO_OK; t++) {
        status = api->step(system, t, lambda, *state, *other);
        ho_vector *next = *other;
        *other = *state;
        *state = next;
        if (status == HO_OK)
            status = api->poll(system);
    }
    return status == HO_OK ? api->error(system, lambda, *state, value) : status;
}

ho_status ho_train(ho_training *training, int64_t steps, const double *lambda, ho_vector **state, double *value,
                   ho_error *error)
{
    ho_system *system = ho_training_system(training);
    const ho_system_api *api = system->api;
    ho_vector *current = api->vector_new(system, 1);
    ho_vector *other = current ? api->vector_new(system, 1) : NULL;
    ho_status status = other ? train_once(training, steps, lambda, &current, &other, value) : HO_FAILED;
    if (status == HO_OK && !(isfinite(*value) && ho_training_finite(training, current))) {
        ho_training_examine(training, true);
        status = train_once(training, steps, lambda, &current, &other, value);
        ho_training_examine(training, false);
        if (status == HO_OK)
            status = ho_fail(ho_training_error(training), HO_DIVERGED,
                             "weights or validation error are not finite after training");
    }
    api->vector_free(system, other);
    bool wanted = state && status == HO_OK;
    if (!wanted)
        api->vector_free(system, current);
    if (state)
        *state = wanted ? current : NULL;
    return status == HO_OK ? HO_OK : ho_take_error(training, status, "training", error);
}
