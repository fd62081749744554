/*
 * The hinge loss of a support vector machine with several classes: how far the best wrong class comes within `margin`
 * of the right one.
 *
 *     loss_i = max_k (z_ik + margin [k is not y_i]) - z_iy
 *
 * Crammer and Singer, On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines (JMLR 2001),
 * equation 4, with outputs z and labels y.
 *
 * What this file shows:
 *   - A loss gives one number for each example. In scope are outputs (batch, classes) and targets, the labels as rows
 * of zeros with a single 1: a product with them picks the right class, with no index.
 *   - The right class takes part in the maximum with margin 0, so the loss is never negative; there is no need for a
 * max with 0.
 *   - Reductions over axis 1 leave one number per example. Ties share the derivative, and `hotool check` knows them as
 *     kinks.
 */
#include <hotool/plugin.h>

static const ho_hyper hypers[] = {
    {.name = "margin", .initial = 1.0, .domain = HO_NONNEGATIVE, .doc = "by how much the right class should lead"},
};

static ho_status per_example(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "loss", "maximum(outputs + margin*(1 - targets), 1) - sum(targets*outputs, 1)");
    return ho_ok(x);
}

static const ho_loss_calls calls = {
    .struct_size = sizeof(ho_loss_calls),
    .targets = HO_TARGET_LABELS,
    .per_example = per_example,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_LOSS),    .name = "hinge",
    .version = "1.0",           .doc = "multi-class hinge loss, as of a support vector machine",
    .hypers = HO_TABLE(hypers), .calls = &calls,
};
