/* Writes where nothing is. */
#include <hotool/plugin.h>

static volatile uintptr_t nowhere = 64;

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    *(volatile int *)nowhere = 1;
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {.struct_size = sizeof calls, .step = step};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "crashing", .calls = &calls};
