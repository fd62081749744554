/*
 * SAM, sharpness-aware minimisation: the gradient is taken a little uphill of the weights, where the loss is worst.
 *
 *     w_t = w_{t-1} - learning_rate grad J(w_{t-1} + radius g / (|g| + epsilon))     g = grad J(w_{t-1})
 *
 * Foret, Kleiner, Mobahi and Neyshabur, Sharpness-Aware Minimization for Efficiently Improving Generalization (ICLR
 * 2021), equations 2 and 3.
 *
 * What this file shows:
 *   - grad(p), the gradient of the objective at another point than w. It is there for steps over all weights at once
 *     (HO_WHOLE), and may be asked for any number of times; each costs a pass over the batch.
 *   - `sum` and `norm` then reduce over all weights of the model, as the paper's |g| does.
 *   - epsilon keeps a gradient of 0 from being divided by 0. Without it `hotool check` would find infinite derivatives.
 * The paper leaves out that the point ahead depends on w when it takes the gradient; so does grad(p), the gradient at
 * p, whatever p was made of. The hypergradient leaves out nothing: it knows that the point ahead depends on the weights
 * and on the radius. So the radius can be tuned.
 *
 * SAM cannot drive hyperparameters, since it asks for a second gradient: that check is skipped.
 */
#include <hotool/plugin.h>

static const ho_option options[] = {
    {.name = "epsilon", .type = HO_REAL, .initial = "1e-6", .doc = "is added to the norm", .least = 1e-12, .most = 1.0},
};

static const ho_hyper hypers[] = {
    {.name = "learning_rate", .initial = 0.1, .domain = HO_NONNEGATIVE, .doc = "step size"},
    {.name = "radius", .initial = 0.05, .domain = HO_NONNEGATIVE, .doc = "how far uphill the gradient is taken"},
};

static ho_status step(void *self, ho_trace *x)
{
    (void)self;
    ho_let(x, "ahead", "w + radius*g / (norm(g) + epsilon)");
    ho_let(x, "w", "w - learning_rate*grad(ahead)");
    return ho_ok(x);
}

static const ho_dynamics_calls calls = {
    .struct_size = sizeof(ho_dynamics_calls),
    .granularity = HO_WHOLE,
    .step = step,
};

HO_EXPORT const ho_plugin HO_PLUGIN_SYMBOL = {
    HO_PLUGIN_HEAD(HO_DYNAMICS),
    .name = "sam",
    .version = "1.0",
    .doc = "SAM: gradient descent by the gradient a little uphill",
    .options = HO_TABLE(options),
    .hypers = HO_TABLE(hypers),
    .calls = &calls,
};
