#include "run/lines.h"

static ho_status finish(ho_results *results, ho_json *json, ho_error *error)
{
    ho_json_close(json, '}');
    ho_status status = ho_results_line(results, json, error);
    ho_json_free(json);
    return status;
}

ho_status ho_line_iteration(ho_results *results, const ho_training *training, const ho_outer_record *r, bool search,
                            ho_error *error)
{
    ho_json json = {0};
    ho_json_open(&json, NULL, '{');
    ho_json_integer(&json, "iteration", r->iteration);
    ho_json_real(&json, "validation_error", r->error);
    ho_json_boolean(&json, "best", r->best);
    if (!search) {
        ho_json_real(&json, "gradient_norm", r->gradient_norm);
        ho_json_real(&json, "stationarity", r->stationarity);
        ho_json_real(&json, "step_scale", r->scale);
        ho_json_integer(&json, "trajectory_bytes", r->bytes);
    }
    ho_json_real(&json, "seconds", r->seconds);
    if (r->diverged)
        ho_json_string(&json, "diverged", r->diverged);
    ho_results_hypers(&json, "hyperparameters", training, r->lambda);
    return finish(results, &json, error);
}

static void tangent_norms(ho_json *json, const ho_training *training, const double *norms)
{
    size_t count;
    const ho_hyperparameter *hypers = ho_training_hypers(training, &count);
    ho_json_open(json, "tangent_norms", '{');
    for (size_t i = 0; i < count; i++)
        if (hypers[i].tuned)
            ho_json_real(json, hypers[i].name, norms[i]);
    ho_json_close(json, '}');
}

ho_status ho_line_event(ho_results *results, const ho_training *training, const ho_course_event *e, ho_error *error)
{
    ho_json json = {0};
    ho_json_open(&json, NULL, '{');
    ho_json_integer(&json, "step", e->step);
    ho_json_real(&json, "epoch", e->epoch);
    ho_json_real(&json, "cpu_seconds", e->cpu_seconds);
    if (e->update) {
        ho_json_integer(&json, "update", e->update);
        ho_json_real(&json, "error", e->error);
        ho_json_real(&json, "gradient_norm", e->gradient_norm);
    } else {
        ho_json_integer(&json, "look", e->look);
        ho_json_real(&json, "training_error", e->training_error);
        ho_json_real(&json, "validation_error", e->validation.loss);
        ho_json_real(&json, "validation_accuracy", e->validation.accuracy);
        ho_json_boolean(&json, "best", e->best);
    }
    ho_results_hypers(&json, "hyperparameters", training, e->lambda);
    if (e->norms)
        tangent_norms(&json, training, e->norms);
    return finish(results, &json, error);
}
