#include "digits_share.h"

#include "base/clock.h"
#include "system/digits.h"

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
MEASURED(ho_meter_error, (ho_meter * meter, const ho_vector *by_state), (meter, by_state))
MEASURED(ho_meter_adjoint, (ho_meter * meter, int64_t t, const ho_vector *state, const ho_vector *a),
         (meter, t, state, a))
MEASURED(ho_meter_tangents, (ho_meter * meter, int64_t t, const ho_vector *state, const ho_vector *z, const double *d),
         (meter, t, state, z, d))
MEASURED(ho_meter_estimate, (ho_meter * meter, const double *gradient), (meter, gradient))
