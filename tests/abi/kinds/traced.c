/* A model, a loss or a penalty, by TRACED_KIND. */
#include <hotool/plugin.h>

#if TRACED_KIND == 2
#define NAME "probe_model"

static const ho_hyper hypers[] = {{.name = "scale", .initial = 1.0, .domain = HO_ANY, .doc = "factor of the outputs"}};
#define HYPERS .hypers = HO_TABLE(hypers),

static ho_status weights(void *self, ho_trace *x)
{
    (void)self;
    const int64_t dims[] = {ho_size(x, "features"), ho_size(x, "outputs")};
    ho_weight(x, "W", ho_mul(x, ho_constant(x, 0.5), ho_normal(x, "W", 2, dims)));
    return ho_ok(x);
}

static ho_status forward(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "outputs", "scale * (inputs @ W)");
    return ho_ok(x);
}

static const ho_model_calls calls = {.struct_size = sizeof(ho_model_calls), .weights = weights, .forward = forward};

#elif TRACED_KIND == 3
#define NAME "probe_loss"

static ho_status per_example(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "loss", "sum((outputs - targets)^2, 1)");
    return ho_ok(x);
}

static const ho_loss_calls calls = {
    .struct_size = sizeof(ho_loss_calls), .targets = HO_TARGET_ANY, .per_example = per_example};

#else
#define NAME   "probe_penalty"

static const ho_hyper hypers[] = {{.name = "A",
                                   .initial = 0.125,
                                   .domain = HO_ANY,
                                   .doc = "interaction",
                                   .shape = "columns columns",
                                   .structure = HO_SYMMETRIC}};
#define HYPERS .hypers = HO_TABLE(hypers),

static ho_status value(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "penalty", "sum(w * (w @ A))");
    return ho_ok(x);
}

static const ho_penalty_calls calls = {.struct_size = sizeof(ho_penalty_calls), .value = value};
#endif

#ifndef HYPERS
#define HYPERS
#endif

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {HO_PLUGIN_HEAD(TRACED_KIND), .name = NAME, .version = "1",
                                              .doc = "a probe", HYPERS.calls = &calls};
