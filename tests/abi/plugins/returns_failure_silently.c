/* Fails and does not say why. */
#include <hotool/plugin.h>

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    (void)x;
    return HO_FAILED;
}

static const ho_dynamics_calls calls = {.struct_size = sizeof calls, .step = step};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "returns_failure_silently",
                                              .calls = &calls};
