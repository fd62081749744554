#include "digits_share.h"

#include "base/clock.h"
#include "system/internal.h"

static double total;

double digits_seconds(void)
{
    return total;
}

/* Defines __wrap_CALL, which measures CALL of the library. */
#define MEASURED(call, parameters, arguments) \
    void __real_##call parameters;            \
    void __wrap_##call parameters;            \
    void __wrap_##call parameters             \
    {                                         \
        const double begun = ho_seconds();    \
        __real_##call arguments;              \
        total += ho_seconds() - begun;        \
    }

MEASURED(ho_meter_start, (ho_meter * meter), (meter))
MEASURED(ho_meter_stop, (ho_meter * meter), (meter))
MEASURED(ho_meter_error, (ho_meter * meter, const ho_vector *by_state), (meter, by_state))
MEASURED(ho_meter_adjoint, (ho_meter * meter, int64_t t, const ho_vector *state, const ho_vector *a),
         (meter, t, state, a))
MEASURED(ho_meter_tangents, (ho_meter * meter, int64_t t, const ho_vector *state, const ho_vector *z, const double *d),
         (meter, t, state, z, d))
MEASURED(ho_meter_estimate, (ho_meter * meter, const double *gradient), (meter, gradient))

ho_status __real_ho_meter_step(ho_meter *meter, int64_t t, const ho_vector *next, ho_error *error);
ho_status __wrap_ho_meter_step(ho_meter *meter, int64_t t, const ho_vector *next, ho_error *error);
ho_status __wrap_ho_meter_step(ho_meter *meter, int64_t t, const ho_vector *next, ho_error *error)
{
    const double begun = ho_seconds();
    const ho_status status = __real_ho_meter_step(meter, t, next, error);
    total += ho_seconds() - begun;
    return status;
}

/* All of a training for the estimate's sake, whatever has been counted within it. */
ho_status __real_ho_shadow_train(ho_training *training, int64_t steps, const double *lambda, const double *gradient);
ho_status __wrap_ho_shadow_train(ho_training *training, int64_t steps, const double *lambda, const double *gradient);
ho_status __wrap_ho_shadow_train(ho_training *training, int64_t steps, const double *lambda, const double *gradient)
{
    const double begun = ho_seconds(), before = total;
    const ho_status status = __real_ho_shadow_train(training, steps, lambda, gradient);
    total = before + ho_seconds() - begun;
    return status;
}

/* Steps of the shadow are the library's own: those that go to its vectors. */
ho_status __real_ho_program_run(ho_training *training, ho_program *program, const ho_residuals *residuals);
ho_status __wrap_ho_program_run(ho_training *training, ho_program *program, const ho_residuals *residuals);
ho_status __wrap_ho_program_run(ho_training *training, ho_program *program, const ho_residuals *residuals)
{
    const ho_shadow *shadow = &training->meter.shadow;
    const bool own = shadow->next && program->map == HO_STEP && program->out[0] == shadow->next->segments[0];
    const double begun = own ? ho_seconds() : 0;
    const ho_status status = __real_ho_program_run(training, program, residuals);
    total += own ? ho_seconds() - begun : 0;
    return status;
}
