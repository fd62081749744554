/* Fails an assertion. */
#include <hotool/plugin.h>

#undef NDEBUG
#include <assert.h>

static volatile int one = 1;

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    assert(one == 2);
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {.struct_size = sizeof calls, .step = step};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "aborting", .calls = &calls};
