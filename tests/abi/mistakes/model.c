/* Mistakes in a model. */
#include <hotool/plugin.h>

static ho_status weights(void *self, ho_trace *x)
{
    (void)self;
    const int64_t shape[] = {ho_size(x, "features"), ho_size(x, "outputs")};
    ho_weight(x, "W", ho_mul(x, ho_constant(x, 0.1), ho_normal(x, "W", 2, shape)));
#ifdef M_weight_twice
    ho_weight(x, "W", ho_fill(x, 2, shape, 0.0));
#endif
    return ho_ok(x);
}

static ho_status forward(void *self, ho_trace *x)
{
    (void)self;
#if defined M_inner_sizes
    ho_let(x, "outputs", "W @ inputs");
#elif defined M_no_outputs
    ho_let(x, "output", "inputs @ W");
#elif defined M_over_the_batch
    ho_set(x, "centre", ho_sum(x, ho_get(x, "inputs"), 0, 1));
    ho_let(x, "outputs", "(inputs - centre) @ W");
#else
    ho_let(x, "outputs", "inputs @ W");
#endif
    return ho_ok(x);
}

static const ho_model_calls calls = {.struct_size = sizeof calls, .weights = weights, .forward = forward};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(HO_MODEL), .name = NAME, .version = "1", .doc = "linear",
                                              .calls = &calls};
