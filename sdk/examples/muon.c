/*
 * Muon: momentum whose matrices are made nearly orthogonal before they are used as steps.
 *
 *     m_t = momentum m_{t-1} + g_t     X = m_t / (|m_t| + epsilon)     5 times: A = X X', X = a X + (b A + c A A) X
 *     w_t = w_{t-1} - learning_rate sqrt(max(1, rows/columns)) X
 *
 * Jordan, Jin, Boza, You, Cesista, Newhouse and Bernstein, Muon: An optimizer for hidden layers in neural networks
 * (2024), with its a, b and c. The iteration (Newton and Schulz) drives all singular values of X towards 1.
 *
 * What this file shows:
 *   - C's own loops and conditions build the expression. They run once, while the step is traced: the loop is unrolled,
 *     and each shape of weight gets the formulas that are for it. Here vectors, such as biases, take plain momentum.
 *   - Matrix products in a step. hotool differentiates them too, so the hypergradient costs a few times the products.
 *   - ho_get and ho_set beside formulas: the smaller side of the matrix should be its rows, so tall ones are
 * transposed.
 */
#include <hotool/plugin.h>

static const ho_option options[] = {
    {.name = "epsilon", .type = HO_REAL, .initial = "1e-7", .doc = "is added to the norm", .least = 1e-12, .most = 1.0},
};

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.02, .domain = HO_NONNEGATIVE, .doc = "step size"},
    {.name = "momentum", .initial = 0.9, .domain = HO_UNIT, .doc = "fraction of the previous sum that is kept"},
};

static const ho_slot slots[] = {{.name = "m", .doc = "running sum of the gradients"}};

/* The nearly orthogonal matrix of m, in X. */
static void orthogonalize(ho_trace *x, int tall)
{
    ho_set(x, "X", tall ? ho_transpose(x, ho_get(x, "m")) : ho_get(x, "m"));
    ho_let(x, "X", "X / (norm(X) + epsilon)");
    for (int i = 0; i < 5; i++) {
        ho_let(x, "A", "X @ transpose(X)");
        ho_let(x, "X", "3.4445*X + (-4.7750*A + 2.0315*(A @ A)) @ X");
    }
    if (tall)
        ho_set(x, "X", ho_transpose(x, ho_get(x, "X")));
}

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    int64_t dims[HO_MAX_RANK];
    ho_let(x, "m", "momentum*m + g");
    if (ho_shape_get(x, ho_get(x, "w"), dims) != 2) {
        ho_let(x, "w", "w - learning_rate*m");
        return ho_ok(x);
    }
    const double ratio = (double)dims[0] / (double)dims[1];
    orthogonalize(x, ratio > 1.0);
    ho_set(x, "ratio", ho_constant(x, ratio > 1.0 ? ratio : 1.0));
    ho_let(x, "w", "w - learning_rate*sqrt(ratio)*X");
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {
    .struct_size = sizeof(ho_dynamics_calls),
    .granularity = HO_PER_TENSOR,
    .slots = HO_TABLE(slots),
    .step = step,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
    .name = "muon",
    .version = "1.0",
    .doc = "Muon: momentum, orthogonalized by Newton-Schulz iterations",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
