/* Mistakes in a loss. */
#include <hotool/plugin.h>

static ho_status per_example(void *self, ho_trace *x)
{
    (void)self;
#if defined M_mean_over_batch
    ho_let(x, "loss", "sum((outputs - targets)^2)");
#elif defined M_no_shift
    ho_set(x, "total", ho_sum(x, ho_exp(x, ho_get(x, "outputs")), -1, 0));
    ho_set(x, "own", ho_sum(x, ho_eval(x, "outputs * targets"), -1, 0));
    ho_let(x, "loss", "log(total) - own");
#else
    ho_set(x, "loss", ho_sum(x, ho_eval(x, "(outputs - targets)^2"), -1, 0));
#endif
    return ho_ok(x);
}

static const ho_loss_calls calls = {.struct_size = sizeof calls, .per_example = per_example};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_LOSS), .name = NAME, .version = "1", .doc = "distance",
                                              .calls = &calls};
