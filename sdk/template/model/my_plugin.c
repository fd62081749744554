/*
 * A model: one hidden layer. Change the tables and the formulas.
 *
 * In a pipeline:  model: {plugin: my_plugin, hidden: 32}
 */
#include <hotool/plugin.h>

typedef struct instance {
    int64_t hidden;
} instance;

static const ho_option options[] = {
    {.name = "hidden",
     .type = HO_INTEGER,
     .initial = "16",
     .doc = "width of the hidden layer",
     .least = 1,
     .most = 1e6},
};

static const ho_hyper hypers[] = {
    {.name = "init_scale", .initial = 1.0, .domain = HO_NONNEGATIVE, .doc = "multiplies the initial weights"},
};

static ho_status create(ho_setup *u, void **self)
{
    instance *model = (instance *)ho_setup_alloc(u, sizeof(instance));
    if (!model)
        return HO_FAILED;
    model->hidden = ho_option_integer(u, "hidden");
    *self = model;
    return HO_OK;
}

/* The weights and their initial values. Options of numbers are in scope of formulas by name, as the sizes are. */
static ho_status weights(void *self, ho_trace *x)
{
    const instance *model = (const instance *)self;
    const int64_t first[] = {ho_size(x, "features"), model->hidden};
    const int64_t second[] = {model->hidden, ho_size(x, "outputs")};
    ho_set(x, "draw", ho_normal(x, "W1", 2, first));
    ho_weight(x, "W1", ho_eval(x, "init_scale / sqrt(features) * draw"));
    ho_weight(x, "b1", ho_fill(x, 1, first + 1, 0.0));
    ho_set(x, "draw", ho_normal(x, "W2", 2, second));
    ho_weight(x, "W2", ho_eval(x, "init_scale / sqrt(hidden) * draw"));
    ho_weight(x, "b2", ho_fill(x, 1, second + 1, 0.0));
    return ho_ok(x);
}

/* From inputs (batch, features) to outputs (batch, outputs). */
static ho_status forward(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "h", "tanh(inputs @ W1 + b1)");
    ho_let(x, "outputs", "h @ W2 + b2");
    return ho_ok(x);
}

static const ho_model_calls calls = {
    .struct_size = sizeof(ho_model_calls),
    .reserved = 0,
    .weights = weights,
    .forward = forward,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODEL),
    .name = "my_plugin",
    .version = "0.1",
    .doc = "a network with one hidden layer",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
    .create = create,
};
