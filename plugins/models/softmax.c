/* A linear map from features to outputs. */
#include <hotool/plugin.h>

typedef struct softmax {
    int32_t bias;
} softmax;

static const ho_option options[] = {
    {.name = "bias", .type = HO_BOOLEAN, .initial = "true", .doc = "add an offset b to the outputs"},
};

static const ho_hyper hypers[] = {
    {.name = "init_scale",
     .initial = 0.0,
     .domain = HO_NONNEGATIVE,
     .doc = "initial weights are normal with standard deviation init_scale/sqrt(features)"},
    {.name = "temperature", .initial = 1.0, .domain = HO_POSITIVE, .doc = "divides the outputs"},
};

static ho_status create(ho_setup *u, void **self)
{
    softmax *model = ho_setup_alloc(u, sizeof(softmax));
    if (!model)
        return HO_FAILED;
    model->bias = ho_option_boolean(u, "bias");
    *self = model;
    return HO_OK;
}

static ho_status weights(void *self, ho_trace *x)
{
    const softmax *model = self;
    const int64_t dims[] = {ho_size(x, "features"), ho_size(x, "outputs")};
    ho_set(x, "draw", ho_normal(x, "W", 2, dims));
    ho_weight(x, "W", ho_eval(x, "init_scale/sqrt(features) * draw"));
    if (model->bias)
        ho_weight(x, "b", ho_fill(x, 1, dims + 1, 0.0));
    return ho_ok(x);
}

static ho_status forward(void *self, ho_trace *x)
{
    const softmax *model = self;
    ho_let(x, "outputs", model->bias ? "(inputs @ W + b) / temperature" : "inputs @ W / temperature");
    return ho_ok(x);
}

static const ho_model_calls calls = {
    .struct_size = sizeof(ho_model_calls),
    .weights = weights,
    .forward = forward,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODEL),
    .name = "softmax",
    .version = "1.0.0",
    .doc = "linear classifier: one column of weights per class",
    .details = "outputs = (inputs W + b) / temperature, with W (features, outputs) and b (outputs)\n\n"
               "With cross_entropy this is softmax regression, and the columns of W are the tasks of multi-task "
               "learning; with squared_error it is linear regression.\n\n"
               "Training starts from b = 0 and W = init_scale/sqrt(features) times standard normal numbers drawn from "
               "the pipeline's seed. The default, 0, starts from zero, which suits a convex problem. A tuned "
               "temperature also enters the validation error directly.",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
    .create = create,
};
