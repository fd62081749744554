/* A feed-forward network: hidden layers shared by all targets, then a head for each target. */
#include <hotool/plugin.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_HEAD_NAME 48  /* keeps a weight's name, "HEAD123_W", below 64 */
#define MOST_WIDTH     1e6 /* of a layer */

/* A chain of fully connected layers, `depth` of them hidden. */
typedef struct stack {
    const char *name;
    int64_t depth;
    int64_t *widths;
} stack;

typedef struct trunk {
    stack shared;
    stack *heads;
    int64_t head_count;
    const char *activation; /* a formula over x */
    int32_t he;
} trunk;

static const ho_option options[] = {
    {.name = "shared",
     .type = HO_REALS,
     .initial = "[128, 128, 128, 128]",
     .doc = "widths of the hidden layers that all heads share; [] for none",
     .least = 1,
     .most = MOST_WIDTH},
    {.name = "heads",
     .type = HO_STRINGS,
     .doc = "targets to predict, each with the widths of its own hidden layers: [states, \"context: 64 32\"]"},
    {.name = "activation",
     .type = HO_STRING,
     .initial = "relu",
     .doc =
         "activation of hidden layers: relu, tanh, sigmoid, softplus, linear, or a formula such as \"x*sigmoid(x)\""},
    {.name = "init",
     .type = HO_CHOICE,
     .initial = "he",
     .doc = "standard deviation of initial weights: sqrt(2/inputs) or sqrt(2/(inputs + outputs))",
     .choices = "he|glorot"},
};

static const ho_hyper hypers[] = {
    {.name = "init_scale", .initial = 1.0, .domain = HO_NONNEGATIVE, .doc = "multiplies the initial weights"},
};

static const struct {
    const char *name, *formula;
} activations[] = {
    {"relu", "relu(x)"}, {"tanh", "tanh(x)"}, {"sigmoid", "sigmoid(x)"}, {"softplus", "softplus(x)"}, {"linear", "x"}};

/* ---- options ----------------------------------------------------------------------------------------------------- */

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define DIGITS  "0123456789"
#define BLANKS  " \t"

static ho_status read_shared(ho_setup *u, stack *shared)
{
    shared->name = "shared";
    shared->depth = ho_option_count(u, "shared");
    shared->widths = ho_setup_alloc(u, (uint64_t)shared->depth * sizeof *shared->widths);
    if (!shared->widths)
        return HO_FAILED;
    for (int64_t i = 0; i < shared->depth; i++) {
        double width = ho_option_real_at(u, "shared", i);
        if (width != floor(width))
            return ho_setup_fail(u, "shared", "%g is not an integer", width);
        shared->widths[i] = (int64_t)width;
    }
    return HO_OK;
}

/* Reads the widths after a head's name into `widths` (NULL: only counts them). Returns how many, or -1. */
static int64_t read_widths(const char *text, int64_t *widths)
{
    int64_t count = 0;
    for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
        double width = 0.0;
        size_t length = strspn(text, DIGITS);
        for (size_t i = 0; i < length; i++)
            width = fmin(10.0 * width + (text[i] - '0'), 2.0 * MOST_WIDTH);
        if (width < 1.0 || width > MOST_WIDTH || (text[length] && !strchr(BLANKS, text[length])))
            return -1;
        if (widths)
            widths[count] = (int64_t)width;
        count++;
        text += length;
    }
    return count;
}

/* Names that are in scope when a model is traced. */
static int is_taken(const char *name)
{
    static const char *const names[] = {"x", "inputs", "features", "examples", "steps", "batch", "rows", "columns"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return 1;
    return 0;
}

/* "context" or "context: 64 32". */
static ho_status read_head(ho_setup *u, const char *text, stack *head)
{
    size_t start = strspn(text, BLANKS), length = strspn(text + start, LETTERS DIGITS);
    const char *rest = text + start + length;
    rest += strspn(rest, BLANKS);
    if (length == 0 || strchr(DIGITS, text[start]) || length > MOST_HEAD_NAME || (*rest && *rest != ':'))
        return ho_setup_fail(
            u, "heads",
            "expected TARGET or \"TARGET: WIDTH WIDTH ...\", got \"%s\" (a target's name has at most %d "
            "letters, digits and '_')",
            text, MOST_HEAD_NAME);
    rest += *rest == ':';
    head->depth = read_widths(rest, NULL);
    if (head->depth < 0)
        return ho_setup_fail(u, "heads", "\"%s\": expected integers from 1 to %.0f after the ':', separated by blanks",
                             text, MOST_WIDTH);
    char *name = ho_setup_alloc(u, length + 1);
    head->widths = ho_setup_alloc(u, (uint64_t)head->depth * sizeof *head->widths);
    if (!name || !head->widths)
        return HO_FAILED;
    memcpy(name, text + start, length);
    head->name = name;
    if (is_taken(name))
        return ho_setup_fail(u, "heads", "\"%s\" is a reserved name; rename the target", name);
    read_widths(rest, head->widths);
    return HO_OK;
}

static ho_status read_heads(ho_setup *u, trunk *model)
{
    int64_t given = ho_option_count(u, "heads");
    model->head_count = given > 0 ? given : 1;
    model->heads = ho_setup_alloc(u, (uint64_t)model->head_count * sizeof *model->heads);
    if (!model->heads)
        return HO_FAILED;
    model->heads[0].name = "outputs";
    for (int64_t i = 0; i < given; i++) {
        ho_status status = read_head(u, ho_option_string_at(u, "heads", i), &model->heads[i]);
        if (status != HO_OK)
            return status;
        for (int64_t j = 0; j < i; j++)
            if (strcmp(model->heads[i].name, model->heads[j].name) == 0)
                return ho_setup_fail(u, "heads", "\"%s\" is listed twice", model->heads[i].name);
    }
    return HO_OK;
}

static ho_status read_activation(ho_setup *u, trunk *model)
{
    model->activation = ho_option_string(u, "activation");
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (strcmp(model->activation, activations[i].name) == 0) {
            model->activation = activations[i].formula;
            return HO_OK;
        }
    if (model->activation[strspn(model->activation, LETTERS DIGITS)] || strcmp(model->activation, "x") == 0)
        return HO_OK;
    return ho_setup_fail(u, "activation",
                         "expected relu, tanh, sigmoid, softplus, linear or a formula over x, got \"%s\"",
                         model->activation);
}

static ho_status create(ho_setup *u, void **self)
{
    trunk *model = ho_setup_alloc(u, sizeof *model);
    if (!model)
        return HO_FAILED;
    ho_status status = read_shared(u, &model->shared);
    if (status == HO_OK)
        status = read_heads(u, model);
    if (status == HO_OK)
        status = read_activation(u, model);
    model->he = strcmp(ho_option_string(u, "init"), "he") == 0;
    *self = model;
    return status;
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

/* The name of a stack's weight: "shared1_W"; "context_b" for the layer after the hidden ones (layer 0). */
static const char *weight_name(const stack *s, int64_t layer, char kind, char name[72])
{
    if (layer > 0)
        snprintf(name, 72, "%.48s%lld_%c", s->name, (long long)layer, kind);
    else
        snprintf(name, 72, "%.48s_%c", s->name, kind);
    return name;
}

/* Declares W (in, out) and b (out). Returns out, the next layer's in. */
static int64_t declare(const trunk *model, ho_trace *x, const stack *s, int64_t layer, int64_t in, int64_t out)
{
    char name[72];
    const int64_t dims[] = {in, out};
    double deviation = sqrt(2.0 / (model->he ? (double)in : (double)in + (double)out));
    weight_name(s, layer, 'W', name);
    ho_value scale = ho_mul(x, ho_get(x, "init_scale"), ho_constant(x, deviation));
    ho_weight(x, name, ho_mul(x, scale, ho_normal(x, name, 2, dims)));
    ho_weight(x, weight_name(s, layer, 'b', name), ho_fill(x, 1, dims + 1, 0.0));
    return out;
}

/* Evaluates the activation by itself, so that an error in the formula names the model's place in the pipeline. A matrix
 * that is not square shows whether the shape is kept. */
static void try_activation(const trunk *model, ho_trace *x)
{
    const int64_t dims[HO_MAX_RANK] = {2, 3};
    int64_t found[HO_MAX_RANK] = {0};
    ho_set(x, "x", ho_fill(x, 2, dims, 0.5));
    ho_shape_get(x, ho_eval(x, model->activation), found);
    if (ho_ok(x) == HO_OK && memcmp(found, dims, sizeof dims) != 0)
        ho_trace_fail(x, "activation: \"%s\" does not keep the shape of x", model->activation);
}

static ho_status weights(void *self, ho_trace *x)
{
    const trunk *model = self;
    try_activation(model, x);
    int64_t shared = ho_size(x, "features");
    for (int64_t i = 0; i < model->shared.depth; i++)
        shared = declare(model, x, &model->shared, i + 1, shared, model->shared.widths[i]);
    for (int64_t h = 0; h < model->head_count; h++) {
        const stack *head = &model->heads[h];
        int64_t in = shared;
        for (int64_t i = 0; i < head->depth; i++)
            in = declare(model, x, head, i + 1, in, head->widths[i]);
        declare(model, x, head, 0, in, ho_size(x, head->name));
    }
    return ho_ok(x);
}

static ho_value linear(ho_trace *x, const stack *s, int64_t layer, ho_value in)
{
    char name[72];
    ho_value product = ho_matmul(x, in, ho_get(x, weight_name(s, layer, 'W', name)));
    return ho_add(x, product, ho_get(x, weight_name(s, layer, 'b', name)));
}

static ho_value hidden(const trunk *model, ho_trace *x, const stack *s, ho_value in)
{
    for (int64_t i = 0; i < s->depth; i++) {
        ho_set(x, "x", linear(x, s, i + 1, in));
        in = ho_eval(x, model->activation);
    }
    return in;
}

static ho_status forward(void *self, ho_trace *x)
{
    const trunk *model = self;
    ho_value shared = hidden(model, x, &model->shared, ho_get(x, "inputs"));
    for (int64_t h = 0; h < model->head_count; h++) {
        const stack *head = &model->heads[h];
        ho_set(x, head->name, linear(x, head, 0, hidden(model, x, head, shared)));
    }
    ho_set(x, "x", ho_constant(x, 0.0)); /* the last activation is not the output for a target called x */
    return ho_ok(x);
}

static const ho_model_calls calls = {
    .struct_size = sizeof(ho_model_calls),
    .weights = weights,
    .forward = forward,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODEL),
    .name = "shared_trunk",
    .version = "1.0.0",
    .doc = "feed-forward network: shared hidden layers, then one head per target",
    .details =
        "A hidden layer is activation(h W + b). A head's last layer is h W + b, as wide as its target (for labels, the "
        "number of classes).\n\n"
        "heads lists the targets that losses choose by `target`: \"states\" maps the last shared layer directly to the "
        "target; \"context: 64 32\" has two hidden layers of its own in between. Without heads there is one, called "
        "outputs, for the objective's first loss. Every head needs a loss, and every loss a head.\n\n"
        "Weights, as used in `on` and `start`: shared1_W, shared1_b, shared2_W, ...; the hidden layers of a head "
        "context1_W, context1_b, ..., and its last layer context_W, context_b.\n\n"
        "Training starts from b = 0 and W = init_scale times normal numbers drawn from the pipeline's seed, with "
        "standard deviation sqrt(2/inputs) (he) or sqrt(2/(inputs + outputs)) (glorot), where inputs and outputs are "
        "those of the layer.",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
    .create = create,
};
