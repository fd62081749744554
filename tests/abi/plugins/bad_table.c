/* Says that its rows have a size that no row can have. */
#include <hotool/plugin.h>

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    return ho_ok(x);
}

static const ho_option options[] = {{.name = "rate", .type = HO_REAL, .initial = "1"}};
static const ho_dynamics_calls calls = {.struct_size = sizeof calls, .step = step};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "bad_table",
                                              .options = {options, 1, 3}, .calls = &calls};
