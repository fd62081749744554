#include "run/gradient.h"

#include <math.h>
#include <time.h>

double ho_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double ho_cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(ho_exec_thread_count() > 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool all_finite(const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

ho_status ho_take_error(ho_training *training, ho_status status, const char *who, ho_error *error)
{
    ho_error *recorded = ho_training_error(training);
    if (recorded->status != HO_OK)
        status = ho_fail(error, recorded->status, "%s", recorded->text);
    else if (status != HO_OK)
        status = ho_fail(error, status, "%s failed without saying why", who);
    *recorded = (ho_error){0};
    return status;
}

static ho_status run_mode(ho_training *training, const ho_instance *mode, int64_t steps, const double *lambda,
                          double *value, double *gradient, int64_t *bytes, bool *finite)
{
    const ho_mode_calls *calls = &mode->loaded->calls.mode;
    ho_system *system = ho_training_system(training);
    void *run = NULL;

    ho_calling(mode->loaded, "start");
    ho_status status = calls->start(mode->self, system, lambda, &run);
    ho_calling(mode->loaded, "advance");
    if (status == HO_OK)
        status = calls->advance(run, 0, steps, lambda);
    ho_calling(mode->loaded, "hypergradient");
    if (status == HO_OK)
        status = calls->hypergradient(run, lambda, value, gradient);
    if (status == HO_OK) {
        *finite = isfinite(*value) && all_finite(gradient, ho_training_lambda_size(training)) &&
                  ho_training_finite(training, calls->state(run));
        *bytes = calls->bytes(run);
    }
    ho_calling(mode->loaded, "end");
    calls->end(run);
    ho_calling(NULL, NULL);
    /* A mode that passed over a failed call has no hypergradient either. */
    return status == HO_OK ? ho_training_error(training)->status : status;
}

ho_status ho_hypergradient(ho_training *training, const ho_instance *mode, int64_t steps, const double *lambda,
                           double *value, double *gradient, ho_gradient_cost *cost, ho_error *error)
{
    double begun = ho_seconds();
    int64_t bytes = 0;
    bool finite = true;
    int64_t before = ho_training_evaluations(training);
    ho_status status = run_mode(training, mode, steps, lambda, value, gradient, &bytes, &finite);
    if (cost)
        cost->evaluations = ho_training_evaluations(training) - before;
    if (status == HO_OK && !finite) {
        ho_training_examine(training, true);
        status = run_mode(training, mode, steps, lambda, value, gradient, &bytes, &finite);
        ho_training_examine(training, false);
        if (status == HO_OK)
            return ho_fail(error, HO_DIVERGED, "mode \"%s\": the hypergradient is not finite",
                           mode->loaded->plugin.name);
    }
    if (status != HO_OK)
        return ho_take_error(training, status, mode->loaded->plugin.name, error);
    ho_training_free_gradient(training, gradient);
    if (cost) {
        cost->seconds = ho_seconds() - begun;
        cost->bytes = bytes;
    }
    return HO_OK;
}

ho_status ho_needs_steps(const ho_pipeline *pipeline, const char *what, ho_error *error)
{
    if (pipeline->problem.steps > 0)
        return HO_OK;
    return ho_fail_at(error, HO_INVALID, ho_tree_get(pipeline->root, "steps")->place,
                      "steps: unbounded: %s wants their number, as with --set steps=100", what);
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
