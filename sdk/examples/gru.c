/*
 * A recurrent network: a gated recurrent unit reads the features as a sequence, and its last state is classified.
 *
 *     z = sigmoid(x_i Wz + h Uz + bz)     r = sigmoid(x_i Wr + h Ur + br)
 *     n = tanh(x_i Wn + (r*h) Un + bn)    h = (1 - z)*n + z*h               for each element x_i of the sequence
 *
 * Cho, van Merrienboer, Gulcehre et al., Learning Phrase Representations using RNN Encoder-Decoder for Statistical
 * Machine Translation (EMNLP 2014), section 2.3.
 *
 * What this file shows:
 *   - A recurrence is a loop of C around formulas: each turn binds `h` again, and the graph is as long as the sequence.
 *     That is fine for tens of elements; tracing thousands takes a while.
 *   - A product is taken out of the loop where it can be: `Wx` has the inputs' part of all gates for all elements at
 *     once, as one product with three times the columns.
 */
#include <hotool/plugin.h>

typedef struct gru {
    int64_t length, hidden;
} gru;

static const ho_option options[] = {
    {.name = "length",
     .type = HO_INTEGER,
     .initial = "0",
     .doc = "elements of the sequence, each of features/length numbers; 0: each feature is one",
     .most = 1e4},
    {.name = "hidden", .type = HO_INTEGER, .initial = "8", .doc = "width of the state", .least = 1, .most = 1e5},
};

static const ho_hyper hypers[] = {
    {.name = "init_scale", .initial = 1.0, .domain = HO_NONNEGATIVE, .doc = "multiplies the initial weights"},
};

static ho_status create(ho_setup *u, void **self)
{
    gru *model = (gru *)ho_setup_alloc(u, sizeof(gru));
    if (!model)
        return HO_FAILED;
    model->length = ho_option_integer(u, "length");
    model->hidden = ho_option_integer(u, "hidden");
    *self = model;
    return HO_OK;
}

/* Declares a matrix of normal numbers with standard deviation init_scale/sqrt(rows). */
static void matrix(ho_trace *x, const char *name, int64_t rows, int64_t columns)
{
    const int64_t dims[] = {rows, columns};
    ho_set(x, "draw", ho_normal(x, name, 2, dims));
    ho_set(x, "root", ho_constant(x, (double)rows));
    ho_weight(x, name, ho_eval(x, "init_scale / sqrt(root) * draw"));
}

/* The columns of W, U and b are those of z, of r and of n, one after another. */
static ho_status weights(void *self, ho_trace *x)
{
    const gru *model = (const gru *)self;
    const int64_t features = ho_size(x, "features"), outputs = ho_size(x, "outputs");
    const int64_t length = model->length > 0 ? model->length : features, gates = 3 * model->hidden;
    if (features % length != 0)
        return ho_trace_fail(x, "%lld features are no sequence of %lld elements", (long long)features,
                             (long long)length);
    matrix(x, "W", features / length, gates);
    matrix(x, "U", model->hidden, gates);
    ho_weight(x, "b", ho_fill(x, 1, &gates, 0.0));
    matrix(x, "V", model->hidden, outputs);
    ho_weight(x, "c", ho_fill(x, 1, &outputs, 0.0));
    return ho_ok(x);
}

/* Part `i` of the three that lie side by side. */
static ho_value part(ho_trace *x, const gru *model, const char *name, int i)
{
    return ho_slice(x, ho_get(x, name), -1, i * model->hidden, model->hidden);
}

static ho_status forward(void *self, ho_trace *x)
{
    const gru *model = (const gru *)self;
    const int64_t features = ho_size(x, "features"), batch = ho_size(x, "batch");
    const int64_t length = model->length > 0 ? model->length : features, gates = 3 * model->hidden;
    const int64_t elements[] = {batch * length, features / length}, by_element[] = {batch, length, gates};
    const int64_t one[] = {batch, gates}, state[] = {batch, model->hidden};

    ho_set(x, "elements", ho_reshape(x, ho_get(x, "inputs"), 2, elements));
    const ho_value Wx = ho_reshape(x, ho_eval(x, "elements @ W + b"), 3, by_element);
    ho_set(x, "Uzr", ho_slice(x, ho_get(x, "U"), 1, 0, 2 * model->hidden));
    ho_set(x, "Un", part(x, model, "U", 2));
    ho_set(x, "h", ho_fill(x, 2, state, 0.0));
    for (int64_t i = 0; i < length; i++) {
        ho_set(x, "Wx", ho_reshape(x, ho_slice(x, Wx, 1, i, 1), 2, one));
        ho_let(x, "Uh", "h @ Uzr");
        ho_set(x, "z", ho_add(x, part(x, model, "Wx", 0), part(x, model, "Uh", 0)));
        ho_set(x, "r", ho_add(x, part(x, model, "Wx", 1), part(x, model, "Uh", 1)));
        ho_set(x, "Wn", part(x, model, "Wx", 2));
        ho_let(x, "n", "tanh(Wn + (sigmoid(r)*h) @ Un)");
        ho_let(x, "z", "sigmoid(z)");
        ho_let(x, "h", "(1 - z)*n + z*h");
    }
    ho_let(x, "outputs", "h @ V + c");
    return ho_ok(x);
}

static const ho_model_calls calls = {
    .struct_size = sizeof(ho_model_calls),
    .weights = weights,
    .forward = forward,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_MODEL),
    .name = "gru",
    .version = "1.0",
    .doc = "a gated recurrent unit over the features as a sequence",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
    .create = create,
};
