/* Multiplies matrices that do not fit. tests/abi knows the line. */
#include <hotool/plugin.h>

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_value tall = ho_fill(x, 2, ((int64_t[]){50, 10}), 1);
    ho_value wide = ho_fill(x, 2, ((int64_t[]){20, 3}), 1);
    ho_set(x, "w", ho_matmul(x, tall, wide)); /* line 9 */
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {.struct_size = sizeof calls, .step = step};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "failing_trace", .calls = &calls};
