/* Calls a function that nobody provides. */
#include <hotool/plugin.h>

double nobody_provides_this(double x);

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_constant(x, nobody_provides_this(1));
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {.struct_size = sizeof calls, .step = step};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "undefined_symbol", .calls = &calls};
