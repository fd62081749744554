/* Calling a mode: its name kept for crashes, its answers checked. */
#include "system/mode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/signals.h"
#include "system/internal.h"

static const ho_mode_calls *enter(const ho_mode_run *run, const char *call)
{
    ho_calling(run->mode->loaded, call);
    return &run->mode->loaded->calls.mode;
}

static ho_status leave(ho_mode_run *run, const char *call, ho_status status, ho_error *error)
{
    ho_calling(NULL, NULL);
    if (status == HO_OK && ho_training_error(run->training)->status == HO_OK)
        return HO_OK;
    char *who = ho_format("mode \"%s\": %s", run->mode->loaded->plugin.name, call);
    ho_error own = {0};
    ho_take_error(run->training, status, who, &own);
    if (own.status == HO_FAILED && strncmp(own.text, who, strlen(who)) != 0)
        ho_error_prefix(&own, "%s", who);
    free(who);
    return ho_fail_as(error, &own);
}

ho_status ho_mode_start(ho_mode_run *run, ho_training *training, const ho_instance *mode, const double *lambda,
                        ho_error *error)
{
    *run = (ho_mode_run){.training = training, .mode = mode};
    training->mode = mode;
    ho_meter_start(&training->meter);
    const ho_status status = enter(run, "start")->start(mode->self, ho_training_system(training), lambda, &run->run);
    return leave(run, "start", status, error);
}

ho_status ho_mode_advance(ho_mode_run *run, int64_t t0, int64_t t1, const double *lambda, ho_error *error)
{
    return leave(run, "advance", enter(run, "advance")->advance(run->run, t0, t1, lambda), error);
}

/* The mode has not returned from `hypergradient`. */
static void rest_within(void *context)
{
    const ho_mode_run *run = context;
    if (run->rest)
        run->rest(run->context);
    enter(run, "hypergradient");
}

ho_status ho_mode_hypergradient(ho_mode_run *run, const double *lambda, double *value, double *gradient,
                                ho_error *error)
{
    *value = NAN;
    for (int64_t i = 0; i < ho_training_lambda_size(run->training); i++)
        gradient[i] = NAN;
    run->training->rest = rest_within;
    run->training->rest_context = run;
    ho_status status = enter(run, "hypergradient")->hypergradient(run->run, lambda, value, gradient);
    run->training->rest = NULL;
    status = leave(run, "hypergradient", status, error);
    if (status == HO_OK) {
        ho_training_free_gradient(run->training, gradient);
        ho_meter_estimate(&run->training->meter, gradient);
    }
    return status;
}

const ho_vector *ho_mode_state(ho_mode_run *run, ho_error *error)
{
    const ho_vector *state = enter(run, "state")->state(run->run);
    char *call = ho_format("mode \"%s\": state", run->mode->loaded->plugin.name);
    ho_vector_check(&run->training->layout, call, "the vector that it returns", state, 1);
    free(call);
    return leave(run, "state", HO_OK, error) == HO_OK ? state : NULL;
}

ho_status ho_mode_forget(ho_mode_run *run, ho_error *error)
{
    ho_meter_start(&run->training->meter);
    return leave(run, "forget", enter(run, "forget")->forget(run->run), error);
}

bool ho_mode_has_tangents(const ho_mode_run *run)
{
    return run->mode && run->mode->loaded->calls.mode.tangent_norms;
}

ho_status ho_mode_tangent_norms(ho_mode_run *run, double *norms, ho_error *error)
{
    return leave(run, "tangent_norms", enter(run, "tangent_norms")->tangent_norms(run->run, norms), error);
}

int64_t ho_mode_bytes(ho_mode_run *run)
{
    const int64_t bytes = enter(run, "bytes")->bytes(run->run);
    ho_calling(NULL, NULL);
    return bytes;
}

int64_t ho_mode_residual_bytes(ho_mode_run *run)
{
    const ho_mode_calls *calls = enter(run, "residual_bytes");
    const int64_t bytes = calls->residual_bytes ? calls->residual_bytes(run->run) : 0;
    ho_calling(NULL, NULL);
    return bytes;
}

int64_t ho_mode_steps_back(const ho_instance *mode)
{
    const ho_mode_calls *calls = &mode->loaded->calls.mode;
    const int64_t steps = calls->steps_back ? calls->steps_back(mode->self) : HO_ALL_STEPS;
    return steps < 0 ? HO_ALL_STEPS : steps;
}

bool ho_mode_can_pass(const ho_instance *mode)
{
    return mode->loaded->calls.mode.pass;
}

ho_status ho_mode_pass(ho_mode_run *run, ho_snapshot *snapshot, ho_error *error)
{
    return leave(run, "pass", enter(run, "pass")->pass(run->run, snapshot), error);
}

void ho_mode_end(ho_mode_run *run)
{
    if (!run->mode)
        return;
    enter(run, "end")->end(run->run);
    ho_meter_stop(&run->training->meter);
    ho_calling(NULL, NULL);
    *run = (ho_mode_run){0};
}
