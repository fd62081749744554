/* A sound plugin: the one that other tests cut short and patch. */
#include <hotool/plugin.h>

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "w", "w - rate * g");
    return ho_ok(x);
}

static const ho_hyper hypers[] = {{.name = "rate", .initial = 0.1, .domain = HO_NONNEGATIVE, .doc = "step size"}};
static const ho_dynamics_calls calls = {.struct_size = sizeof calls, .step = step};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "good", .version = "1",
                                              .hypers = HO_TABLE(hypers), .calls = &calls};
