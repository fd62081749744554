#include "system/shadow.h"

#include "system/internal.h"
#include "system/mode.h"

void ho_shadow_postpone(ho_training *training, const ho_instance *mode)
{
    if (ho_mode_steps_back(mode) == HO_ALL_STEPS && ho_training_repeats(training))
        ho_meter_stop(&training->meter);
}

static ho_status train(ho_training *training, int64_t steps, const double *lambda, ho_vector *v[2])
{
    ho_system *system = ho_training_system(training);
    ho_status status = system->api->initial(system, lambda, v[0]);
    for (int64_t t = 1; t <= steps && status == HO_OK; t++)
        status = system->api->step(system, t, lambda, v[(t - 1) % 2], v[t % 2]);
    return status;
}

ho_status ho_shadow_train(ho_training *training, int64_t steps, const double *lambda, const double *gradient)
{
    if (!training->meter.shadow.missing)
        return HO_OK;
    ho_error *error = ho_training_error(training);
    const int64_t evaluations = training->evaluations;
    ho_vector *v[2] = {ho_vector_make(&training->layout, 1, error), ho_vector_make(&training->layout, 1, error)};
    ho_meter_reconsider(&training->meter);
    if (error->status == HO_OK && train(training, steps, lambda, v) == HO_OK)
        ho_meter_estimate(&training->meter, gradient);
    ho_meter_stop(&training->meter);
    training->evaluations = evaluations;
    ho_vector_release(v[0]);
    ho_vector_release(v[1]);
    return error->status;
}
