/*
 * A penalty: the sum of absolute weights, smooth at 0. Change the tables and the formulas.
 *
 * In a pipeline:  objective: [{loss: cross_entropy}, {penalty: my_plugin, rho: 0.01}]
 */
#include <hotool/plugin.h>

static const ho_option options[] = {
    {.name = "epsilon",
     .type = HO_REAL,
     .initial = "1e-3",
     .doc = "weights smaller than this are as good as 0",
     .least = 1e-6,
     .most = 1.0},
};

static const ho_hyper hypers[] = {
    {.name = "rho", .initial = 0.01, .domain = HO_NONNEGATIVE, .doc = "strength"},
};

/* In scope: w, one weight tensor after another; the hyperparameters and options. The values are added. */
static ho_status value(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "penalty", "rho * sum(sqrt(w^2 + epsilon^2) - epsilon)");
    return ho_ok(x);
}

static const ho_penalty_calls calls = {
    .struct_size = sizeof(ho_penalty_calls),
    .reserved = 0,
    .value = value,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_PENALTY),
    .name = "my_plugin",
    .version = "0.1",
    .doc = "sum of absolute weights, smooth at 0",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
