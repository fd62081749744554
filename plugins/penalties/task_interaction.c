/* The paper's multi-task penalty: pulls pairs of columns of w together. */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "A",
     .initial = 0.0,
     .domain = HO_NONNEGATIVE,
     .doc = "interaction of each pair of tasks (columns of w)",
     .shape = "columns columns",
     .structure = HO_SYMMETRIC | HO_ZERO_DIAGONAL},
    {.name = "a", .initial = 0.0, .domain = HO_NONNEGATIVE, .doc = "one interaction for all pairs, added to A"},
    {.name = "rho",
     .initial = 0.0,
     .domain = HO_NONNEGATIVE,
     .doc = "strength of the squared norm: one for all tasks, or one for each",
     .shape = "|columns"},
};

static ho_status value(void *self, ho_trace *x)
{
    (void)self;
    int64_t dims[HO_MAX_RANK];
    const int32_t rank = ho_shape_get(x, ho_get(x, "w"), dims);
    if (rank != 2 && ho_ok(x) == HO_OK)
        return ho_trace_fail(
            x, "task_interaction compares the columns of a matrix, but w has rank %d; select matrices with `on:`",
            (int)rank);

    /* With K columns and the Laplacian L of the graph with edges A + A',
     *     sum_jk A_jk |w_j - w_k|^2 = sum(w * wL)
     *     sum_jk      |w_j - w_k|^2 = 2 K sum_j |w_j|^2 - 2 |sum_j w_j|^2
     * so neither needs the K^2 differences, and the second needs no matrix product. As half + half', L is recognised as
     * symmetric, so the gradient takes one product with it instead of one with L and one with L'. */
    const int64_t columns = ho_size(x, "columns");
    const ho_value index = ho_range(x, columns);
    ho_set(x, "diagonal", ho_equal(x, index, ho_reshape(x, index, 2, ((int64_t[]){columns, 1}))));
    ho_let(x, "half", "diagonal*sum(A + transpose(A), 0)/2 - A");
    ho_let(x, "L", "half + transpose(half)");
    ho_let(x, "penalty", "sum((rho + 2*columns*a) * w^2) - 2*a*sum(sum(w, 1)^2) + sum(w * (w @ L))");
    return ho_ok(x);
}

static const ho_penalty_calls calls = {
    .struct_size = sizeof(ho_penalty_calls),
    .value = value,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_PENALTY),
    .name = "task_interaction",
    .version = "1.0.0",
    .doc = "multi-task penalty: a matrix A pulls pairs of columns of w together",
    .details =
        "penalty = sum_jk (A_jk + a) |w_j - w_k|^2 + sum_k rho_k |w_k|^2\n\n"
        "over the columns w_j of a weight matrix, counting each pair in both orders; A is symmetric with zero "
        "diagonal. Franceschi, Donini, Frasconi, Pontil, On Hyperparameter Optimization in Learning Systems "
        "(ICLR 2017 workshop), section 4.1; the penalty is that of Evgeniou, Micchelli, Pontil, Learning "
        "Multiple Tasks with Kernel Methods (JMLR 2005).\n\n"
        "Tune A (constrained by nonnegative, or by nonnegative_sum for a sparse graph) to learn how the tasks are "
        "related; tune a alone to treat all pairs alike; leave both at 0 for single-task learning. rho may have "
        "`shape: columns`.",
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
