/* What stands beside a plugin that is checked: a network whose weights are of every rank, two losses in one, descent
 * with a velocity, a quadratic penalty. They are plugins like any other, but for being part of the host. */
#include "hotool/plugin.h"

#include "host/descriptor.h"
#include "proof/internal.h"

/* ---- model ------------------------------------------------------------------------------------------------------- */

static const ho_hyper model_hypers[] = {
    {.name = "start", .initial = 0.4, .domain = HO_NONNEGATIVE, .doc = "size of the initial weights"},
    {.name = "slope", .initial = 0.8, .domain = HO_ANY, .doc = "factor of the hidden layer"},
};

/* A weight of normal numbers. */
static void weight(ho_trace *x, const char *name, int32_t rank, const int64_t *dims)
{
    ho_weight(x, name, ho_mul(x, ho_get(x, "start"), ho_normal(x, name, rank, dims)));
}

static ho_status model_weights(void *self, ho_trace *x)
{
    (void)self;
    const int64_t features = ho_size(x, "features"), outputs = ho_size(x, "outputs");
    weight(x, "V", 2, (int64_t[]){features, 3});
    weight(x, "W", 3, (int64_t[]){1, 3, outputs});
    weight(x, "b", 1, &outputs);
    weight(x, "u", 4, (int64_t[]){1, 2, 1, outputs});
    ho_weight(x, "c", ho_constant(x, 0.1));
    return ho_ok(x);
}

static ho_status model_forward(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "hidden", "tanh(slope * (inputs @ V) + c)");
    const ho_value sum = ho_sum(x, ho_sum(x, ho_sum(x, ho_get(x, "u"), 0, 0), 0, 0), 0, 0);
    const ho_value w = ho_sum(x, ho_get(x, "W"), 0, 0);
    const ho_value shift = ho_add(x, ho_get(x, "b"), ho_mul(x, ho_constant(x, 0.3), sum));
    ho_set(x, "outputs", ho_add(x, ho_matmul(x, ho_get(x, "hidden"), w), shift));
    return ho_ok(x);
}

static const ho_model_calls model_calls = {
    .struct_size = sizeof model_calls, .weights = model_weights, .forward = model_forward};

/* ---- the others -------------------------------------------------------------------------------------------------- */

/* Smooth everywhere, and not quadratic. */
static ho_status per_example(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "d", "outputs - targets");
    ho_set(x, "loss", ho_sum(x, ho_eval(x, "0.5*d^2 + 0.1*(1 - cos(d))"), -1, 0));
    return ho_ok(x);
}

static const ho_loss_calls loss_calls = {.struct_size = sizeof loss_calls, .per_example = per_example};

static const ho_hyper dynamics_hypers[] = {
    {.name = "rate", .initial = 0.1, .domain = HO_NONNEGATIVE, .doc = "step size"},
    {.name = "keep", .initial = 0.6, .domain = HO_UNIT, .doc = "part of the velocity that is kept"},
};
static const ho_slot dynamics_slots[] = {{.name = "v", .doc = "velocity"}};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "v", "keep*v - rate*g/sqrt(1 + sum(g^2))"); /* of bounded length, so that any model trains */
    ho_let(x, "w", "w + v");
    return ho_ok(x);
}

static const ho_dynamics_calls dynamics_calls = {
    .struct_size = sizeof dynamics_calls, .slots = HO_TABLE(dynamics_slots), .step = step};

static const ho_hyper penalty_hypers[] = {
    {.name = "rho", .initial = 0.03, .domain = HO_NONNEGATIVE, .doc = "strength"},
};

static ho_status value(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "penalty", "rho * sum(w^2)");
    return ho_ok(x);
}

static const ho_penalty_calls penalty_calls = {.struct_size = sizeof penalty_calls, .value = value};

static const ho_plugin standins[] = {
    {HO_PLUGIN_HEAD(HO_DYNAMICS), .name = "descent", .hypers = HO_TABLE(dynamics_hypers), .calls = &dynamics_calls},
    {HO_PLUGIN_HEAD(HO_MODEL), .name = "network", .hypers = HO_TABLE(model_hypers), .calls = &model_calls},
    {HO_PLUGIN_HEAD(HO_LOSS), .name = "distance", .calls = &loss_calls},
    {HO_PLUGIN_HEAD(HO_PENALTY), .name = "quadratic", .hypers = HO_TABLE(penalty_hypers), .calls = &penalty_calls},
};

const ho_loaded *ho_proof_standin(proof *p, uint32_t kind, ho_error *error)
{
    ho_loaded *loaded = ho_arena_alloc(p->arena, sizeof *loaded);
    const ho_plugin *plugin = &standins[kind - HO_DYNAMICS];
    return ho_descriptor_read(plugin, sizeof *plugin, "hotool", p->arena, loaded, error) == HO_OK ? loaded : NULL;
}
