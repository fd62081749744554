/*
 * A convolutional network: one layer of convolutions over an image, max pooling, and a linear layer.
 *
 * LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied to Document Recognition (Proceedings of the IEEE
 * 1998), section II.
 *
 * What this file shows:
 *   - A convolution is a matrix product: the pixels under the kernel, for each place where it can lie, are the rows of
 * a matrix (patches), made of slices of the image; its columns meet the kernel's entries.
 *   - ho_reshape reads the same numbers, in C order, in another shape: a tensor has at most 4 axes, but a reduction
 * over pooling windows needs only one at a time.
 *   - Sizes (ho_size) are numbers of C while tracing: conditions and loops may depend on them, and a model that does
 * not fit them refuses with ho_trace_fail.
 */
#include <hotool/plugin.h>

typedef struct cnn {
    int64_t height, kernel, channels, pool;
} cnn;

static const ho_option options[] = {
    {.name = "height",
     .type = HO_INTEGER,
     .initial = "0",
     .doc = "rows of the image; 0: as near to a square as the number of features allows",
     .most = 1e6},
    {.name = "kernel", .type = HO_INTEGER, .initial = "3", .doc = "side of the kernels", .least = 1, .most = 31},
    {.name = "channels", .type = HO_INTEGER, .initial = "4", .doc = "number of kernels", .least = 1, .most = 1e4},
    {.name = "pool", .type = HO_INTEGER, .initial = "2", .doc = "side of the pooling windows", .least = 1, .most = 1e3},
};

static const ho_hyper hypers[] = {
    {.name = "init_scale", .initial = 1.0, .domain = HO_NONNEGATIVE, .doc = "multiplies the initial weights"},
};

static ho_status create(ho_setup *u, void **self)
{
    cnn *model = (cnn *)ho_setup_alloc(u, sizeof(cnn));
    if (!model)
        return HO_FAILED;
    model->height = ho_option_integer(u, "height");
    model->kernel = ho_option_integer(u, "kernel");
    model->channels = ho_option_integer(u, "channels");
    model->pool = ho_option_integer(u, "pool");
    *self = model;
    return HO_OK;
}

/* All sizes between the layers. A kernel or a window is no larger than what it lies on. */
typedef struct sizes {
    int64_t height, width;               /* of the image */
    int64_t kernel_height, kernel_width; /* of the kernels */
    int64_t out_height, out_width;       /* how many places they have */
    int64_t pool_height, pool_width;     /* of the windows */
    int64_t rows, columns;               /* of windows */
} sizes;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static sizes sizes_of(const cnn *model, int64_t features)
{
    sizes s = {.height = model->height};
    for (int64_t h = 1; model->height == 0 && h * h <= features; h++)
        if (features % h == 0)
            s.height = h;
    s.width = features / s.height;
    s.kernel_height = smaller(model->kernel, s.height);
    s.kernel_width = smaller(model->kernel, s.width);
    s.out_height = s.height - s.kernel_height + 1;
    s.out_width = s.width - s.kernel_width + 1;
    s.pool_height = smaller(model->pool, s.out_height);
    s.pool_width = smaller(model->pool, s.out_width);
    s.rows = s.out_height / s.pool_height;
    s.columns = s.out_width / s.pool_width;
    return s;
}

static ho_status weights(void *self, ho_trace *x)
{
    const cnn *model = (const cnn *)self;
    const int64_t features = ho_size(x, "features"), outputs = ho_size(x, "outputs");
    if (model->height > 0 && features % model->height != 0)
        return ho_trace_fail(x, "%lld features are no image of %lld rows", (long long)features,
                             (long long)model->height);
    const sizes s = sizes_of(model, features);
    const int64_t kernels[] = {s.kernel_height * s.kernel_width, model->channels};
    const int64_t dense[] = {s.rows * s.columns * model->channels, outputs};
    ho_set(x, "inputs_of_one", ho_constant(x, (double)kernels[0]));
    ho_set(x, "draw", ho_normal(x, "K", 2, kernels));
    ho_weight(x, "K", ho_eval(x, "init_scale / sqrt(inputs_of_one) * draw"));
    ho_weight(x, "k", ho_fill(x, 1, kernels + 1, 0.0));
    ho_set(x, "inputs_of_one", ho_constant(x, (double)dense[0]));
    ho_set(x, "draw", ho_normal(x, "W", 2, dense));
    ho_weight(x, "W", ho_eval(x, "init_scale / sqrt(inputs_of_one) * draw"));
    ho_weight(x, "b", ho_fill(x, 1, dense + 1, 0.0));
    return ho_ok(x);
}

/* One row for each example and place, one column for each entry of a kernel. */
static ho_value patches(ho_trace *x, const sizes *s, ho_value image, int64_t batch)
{
    ho_value columns[31 * 31];
    const int64_t column[] = {batch * s->out_height * s->out_width, 1};
    for (int64_t i = 0; i < s->kernel_height * s->kernel_width; i++) {
        const ho_value rows = ho_slice(x, image, 1, i / s->kernel_width, s->out_height);
        columns[i] = ho_reshape(x, ho_slice(x, rows, 2, i % s->kernel_width, s->out_width), 2, column);
    }
    return ho_concat(x, columns, (int32_t)(s->kernel_height * s->kernel_width), 1);
}

/* The largest entry of each window: over its rows first, then over its columns. What fills no window is left out. */
static ho_value pool(ho_trace *x, const sizes *s, ho_value a, int64_t batch, int64_t channels)
{
    a = ho_slice(x, ho_slice(x, a, 1, 0, s->rows * s->pool_height), 2, 0, s->columns * s->pool_width);
    const int64_t by_rows[] = {batch * s->rows, s->pool_height, s->columns * s->pool_width * channels};
    const int64_t by_columns[] = {batch * s->rows * s->columns, s->pool_width, channels};
    a = ho_maximum(x, ho_reshape(x, a, 3, by_rows), 1, 0);
    a = ho_maximum(x, ho_reshape(x, a, 3, by_columns), 1, 0);
    const int64_t flat[] = {batch, s->rows * s->columns * channels};
    return ho_reshape(x, a, 2, flat);
}

static ho_status forward(void *self, ho_trace *x)
{
    const cnn *model = (const cnn *)self;
    const int64_t batch = ho_size(x, "batch");
    const sizes s = sizes_of(model, ho_size(x, "features"));
    const int64_t image[] = {batch, s.height, s.width};
    const int64_t maps[] = {batch, s.out_height, s.out_width, model->channels};
    ho_set(x, "patches", patches(x, &s, ho_reshape(x, ho_get(x, "inputs"), 3, image), batch));
    ho_let(x, "maps", "tanh(patches @ K + k)");
    ho_set(x, "pooled", pool(x, &s, ho_reshape(x, ho_get(x, "maps"), 4, maps), batch, model->channels));
    ho_let(x, "outputs", "pooled @ W + b");
    return ho_ok(x);
}

static const ho_model_calls calls = {
    .struct_size = sizeof(ho_model_calls),
    .weights = weights,
    .forward = forward,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODEL),
    .name = "cnn",
    .version = "1.0",
    .doc = "a layer of convolutions, max pooling and a linear layer",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
    .create = create,
};
